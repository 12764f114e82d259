"""Proofs of service, whichever door they come by: whose, issued by whom, and what anybody learns from one.

A proof is kept without a name. The name comes from the personal data when it is printed, which the access log notes;
after an erasure there is none. Its public page shows what the paper shows, less of the name, and whether it still
stands.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, check_codes, desk, own, volunteers
from api.bodies import Body
from api.bodies import day as day_in
from api.settings import Settings
from ledger.access import persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import members, organisations
from ledger.earning import volunteers as earning
from ledger.earning.volunteers import Volunteer
from ledger.errors import NothingToProve, NotTheOrganiser, UnknownPerson, UnknownProof
from ledger.recognition import ladders, proofs
from ledger.recognition.ladder import HoursClass, Ladder
from ledger.recognition.proofs import (
    CONTACT_LENGTH,
    NAME_LENGTH,
    REASON_LENGTHS,
    REMARKS_LENGTH,
    Organiser,
    Proof,
    Service,
    State,
    Waiting,
)

TAIL = desk.TAIL
"""Of the volunteer number, what the public page shows."""

Which = Literal["requested", "issued", "corrected", "revoked", "refused", "withdrawn"]

Person = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH)]
Reason = Annotated[str, msgspec.Meta(min_length=REASON_LENGTHS[0], max_length=REASON_LENGTHS[1])]


class NewProof(Body, frozen=True):
    """From which organisation, and of what she did between which days (YYYY-MM-DD, both belong to it).

    `from_day` left out: from the first service on; `to_day`: up to today.
    """

    organisation: str
    from_day: str | None = None
    to_day: str | None = None


class NewProofFor(NewProof, frozen=True, kw_only=True):
    """The same for somebody at the counter."""

    volunteer: str


class NewIssue(Body, frozen=True):
    """Who issues it, as it is printed: the person in charge, the handler, and how to reach them."""

    person_in_charge: Person
    handler: Person
    contact: Annotated[str, msgspec.Meta(min_length=1, max_length=CONTACT_LENGTH)]
    remarks: Annotated[str, msgspec.Meta(max_length=REMARKS_LENGTH)] = ""


class NewReason(Body, frozen=True):
    """Why it is not issued, or is revoked."""

    reason: Reason


class ServiceView(msgspec.Struct, frozen=True):
    """A service as it is printed. `class`: `credit`, signed in and out on the spot, or `honour`, entered afterwards."""

    day: datetime.date
    activity: str
    category: str
    record_class: HoursClass = msgspec.field(name="class")
    minutes: int


class RecordView(ServiceView, frozen=True, kw_only=True):
    """A service with the number of its record."""

    record: UUID


class ProofView(msgspec.Struct, frozen=True):
    """A proof of service. `volunteer` null: she has been erased.

    `due_on`: until when it shall be issued or refused. `serial` to `notice_until`: since it was issued, as it was then.
    `corrected`: one of its records was corrected after that.
    """

    id: UUID
    volunteer: str | None
    organisation: str
    organisation_name: str
    from_day: datetime.date | None
    to_day: datetime.date
    state: State
    requested_at: datetime.datetime
    due_on: datetime.date
    decided_at: datetime.datetime | None
    reason: str | None
    serial: str | None
    issued_on: datetime.date | None
    credit_minutes: int | None
    honour_minutes: int | None
    notice_until: datetime.date | None
    revoked_at: datetime.datetime | None
    revoked_why: str | None
    corrected: bool


class IssuerView(msgspec.Struct, frozen=True):
    """Who issued it."""

    name: str
    person_in_charge: str
    handler: str
    contact: str
    remarks: str


class ProofStory(ProofView, frozen=True, kw_only=True):
    """A proof with what it says; before it is issued, what it would say today. `page`: where anybody can check it."""

    services: list[RecordView]
    issuer: IssuerView | None
    page: str | None


class OrganiserView(msgspec.Struct, frozen=True):
    """An organisation that can prove services of hers, and how much."""

    organisation: str
    name: str
    credit_minutes: int
    honour_minutes: int
    first_day: datetime.date
    last_day: datetime.date


class WaitingView(msgspec.Struct, frozen=True):
    """What an organisation has been asked for and has not decided; `oldest`: when the first was, or is, due."""

    organisation: str
    name: str
    waiting: int
    overdue: int
    oldest: datetime.date


class PublicProof(msgspec.Struct, frozen=True):
    """What a paper says, for who has it. `name` masked; null of minors, of whose age nothing is known, and after an
    erasure. `number`: the last digits of the volunteer number; null after an erasure.

    `revoked_on`: since when it holds no longer. `corrected`: ask the organisation, something was corrected since.
    """

    serial: str
    organisation: str
    issued_on: datetime.date
    contact: str
    name: str | None
    number: str | None
    from_day: datetime.date | None
    to_day: datetime.date
    credit_minutes: int
    honour_minutes: int
    services: list[ServiceView]
    revoked_on: datetime.date | None
    corrected: bool


@dataclass(frozen=True, slots=True)
class Paper:
    """What is printed. `name`, `id_number`: in full and masked, as far as they are recorded; None after an erasure."""

    proof: Proof
    volunteer_no: str | None
    name: str | None = field(repr=False)
    id_number: str | None = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A proof in a list: whose, and whether something was corrected since."""

    proof: Proof
    volunteer_no: str | None
    corrected: bool


@dataclass(frozen=True, slots=True)
class Told(Shown):
    """A proof with what it says, or would say today, and what the reader may do."""

    services: tuple[Service, ...]
    issues: bool
    """It lies within the reader's right to issue."""
    own: bool
    """It is the reader's own: a colleague decides."""


# --- hers -------------------------------------------------------------------------------------------------------------


async def request(tx: AsyncConnection, me: Principal, new: NewProof) -> tuple[Shown, bool]:
    """She asks for a proof; whether it is new. NotAllowed, and what `proofs.request` refuses."""
    return await _request(tx, me, await own.volunteer(tx, me), new)


async def organisers(tx: AsyncConnection, me: Principal) -> list[Organiser]:
    """Whom she may ask. NotAllowed."""
    return await organisers_of(tx, me, await own.volunteer(tx, me))


async def of_mine(tx: AsyncConnection, me: Principal, *, after: UUID | None = None, limit: int) -> list[Shown]:
    """What she asked for, the newest first. NotAllowed."""
    her = await own.volunteer(tx, me)
    return await _shown(tx, me, await proofs.of_volunteer(tx, me.book_id, her.holder, after=after, limit=limit))


async def mine(tx: AsyncConnection, me: Principal, proof_id: UUID) -> Told:
    """One of her own with what it says. NotAllowed, UnknownProof."""
    return await _told(tx, me, await _of_mine(tx, me, proof_id))


async def withdraw(tx: AsyncConnection, me: Principal, proof_id: UUID) -> Shown:
    """She no longer asks for it. NotAllowed, UnknownProof, AlreadyDecided."""
    her = await own.volunteer(tx, me)
    [shown] = await _shown(tx, me, [await proofs.withdraw(tx, me.book_id, her.holder, proof_id)])
    return shown


async def print_mine(
    tx: AsyncConnection, keys: Keys, settings: Settings, me: Principal, proof_id: UUID, base: str
) -> Paper:
    """What she prints. That her name was read is logged, so answer when it has been committed.

    NotAllowed; UnknownProof, also of what has not been issued or was revoked.
    """
    return await _paper(tx, keys, settings, me, await _of_mine(tx, me, proof_id), base)


async def in_notice(tx: AsyncConnection, keys: Keys, me: Principal) -> list[tuple[Shown, str | None]]:
    """What the organisations of hers have issued and show among their own, each with the masked name of who is known
    to be grown up. NotAllowed."""
    her = await own.volunteer(tx, me)
    codes = {each.organisation for each in await members.of_volunteer(tx, me.book_id, her.holder)}
    if her.organisation is not None:
        codes.add(her.organisation)
    today = day_of(await connect.now(tx))
    found = await _shown(tx, me, await proofs.in_notice(tx, me.book_id, codes, today=today))
    numbers = [each.volunteer_no for each in found if each.volunteer_no is not None]
    names = await persons.names_of_grown(tx, keys, me.book_id, numbers, auth.now())
    return [(each, names.get(each.volunteer_no or "")) for each in found]


async def _of_mine(tx: AsyncConnection, me: Principal, proof_id: UUID) -> Proof:
    her = await own.volunteer(tx, me)
    found = await proofs.find(tx, me.book_id, proof_id)
    if found.holder != her.holder:
        raise UnknownProof(proof_id)
    return found


# --- the staff's ------------------------------------------------------------------------------------------------------


async def request_for(tx: AsyncConnection, me: Principal, volunteer_no: str, new: NewProof) -> tuple[Shown, bool]:
    """Asks for somebody at the counter: by the organisation that shall issue it, or by where she has her passbook
    printed. UnknownVolunteer, UnknownOrganisation, NotAllowed, and what `proofs.request` refuses."""
    line = (await organisations.find(tx, me.book_id, new.organisation)).line
    if auth.is_within(me, Right.ISSUE_PROOFS, line):
        her = await earning.find(tx, me.book_id, volunteer_no)
    else:
        her = await volunteers.within(tx, me, Right.RENEW_PIN, volunteer_no)
    return await _request(tx, me, her, new)


async def listed(
    tx: AsyncConnection, me: Principal, which: Which, *, after: UUID | None = None, limit: int
) -> list[Shown]:
    """Proofs within reach: of those that wait what is due first at the head, else the newest. UnknownProof."""
    within = desk.reach(me, Right.READ_RECORDS)
    if which == "requested":
        found = await proofs.to_decide(tx, me.book_id, within, after=after, limit=limit)
    elif which == "corrected":
        found = await proofs.listed(tx, me.book_id, within, only_corrected=True, after=after, limit=limit)
    else:
        found = await proofs.listed(tx, me.book_id, within, state=which, after=after, limit=limit)
    return await _shown(tx, me, found)


async def of_volunteer(tx: AsyncConnection, me: Principal, her: Volunteer) -> list[Shown]:
    """What a volunteer within the caller's reach has asked for, the newest first."""
    return await _shown(tx, me, await proofs.of_volunteer(tx, me.book_id, her.holder))


async def organisers_of(tx: AsyncConnection, me: Principal, her: Volunteer) -> list[Organiser]:
    """Whom a volunteer may ask who is within the caller's reach."""
    return await proofs.organisers(tx, me.book_id, her.holder)


async def waiting(tx: AsyncConnection, me: Principal) -> list[Waiting]:
    """What organisations within reach have been asked for and have not decided, what is due first at the head."""
    within = desk.reach(me, Right.READ_RECORDS)
    return await proofs.waiting(tx, me.book_id, within, today=day_of(await connect.now(tx)))


async def story(tx: AsyncConnection, me: Principal, proof_id: UUID) -> Told:
    """One proof with what it says. UnknownProof, NotAllowed."""
    found = await proofs.find(tx, me.book_id, proof_id)
    auth.within(me, Right.READ_RECORDS, found.line)
    return await _told(tx, me, found)


async def issue(tx: AsyncConnection, me: Principal, proof_id: UUID, new: NewIssue) -> Proof:
    """Issues it: by the organisation that organised, or one above it. NotAllowed, and what `proofs.issue` refuses."""
    holder = await _to_decide(tx, me, proof_id)
    now = await connect.now(tx)
    return await proofs.issue(
        tx,
        me.book_id,
        proof_id,
        person_in_charge=new.person_in_charge,
        handler=new.handler,
        contact=new.contact,
        remarks=new.remarks,
        ladder=await _ladder(tx, me, day_of(now)),
        by=me.name,
        holder=holder,
        now=now,
    )


async def refuse(tx: AsyncConnection, me: Principal, proof_id: UUID, new: NewReason) -> Proof:
    """Does not issue it. NotAllowed, and what `proofs.refuse` refuses."""
    holder = await _to_decide(tx, me, proof_id)
    return await proofs.refuse(
        tx, me.book_id, proof_id, new.reason, by=me.name, holder=holder, now=await connect.now(tx)
    )


async def revoke(tx: AsyncConnection, me: Principal, proof_id: UUID, new: NewReason) -> Proof:
    """Takes back what was issued. NotAllowed, and what `proofs.revoke` refuses."""
    await _to_decide(tx, me, proof_id)
    return await proofs.revoke(tx, me.book_id, proof_id, new.reason, by=me.name, now=await connect.now(tx))


async def print_for_her(
    tx: AsyncConnection, keys: Keys, settings: Settings, me: Principal, proof_id: UUID, base: str
) -> Paper:
    """What the organisation prints that issued it, or the counter where she has her passbook printed. Logged, so
    answer when it has been committed. NotAllowed; UnknownProof, also of what cannot be printed."""
    found = await proofs.find(tx, me.book_id, proof_id)
    if not auth.is_within(me, Right.ISSUE_PROOFS, found.line):
        numbers = await earning.numbers_of(tx, me.book_id, [found.holder])
        if found.holder not in numbers:
            raise UnknownProof(proof_id)
        await volunteers.within(tx, me, Right.RENEW_PIN, numbers[found.holder])
    return await _paper(tx, keys, settings, me, found, base)


async def _to_decide(tx: AsyncConnection, me: Principal, proof_id: UUID) -> str | None:
    """The caller's own holder number, if she is a volunteer. UnknownProof, NotAllowed."""
    auth.within(me, Right.ISSUE_PROOFS, (await proofs.find(tx, me.book_id, proof_id)).line)
    return await desk.holder(tx, me)


# --- everybody's ------------------------------------------------------------------------------------------------------


async def public(database: AsyncEngine, keys: Keys, settings: Settings, token: str, address: str) -> PublicProof | None:
    """What the paper with this address says, and whether it still stands; None: there is none. TooManyAttempts."""
    found = await check_codes.proof_of(database, settings, token, address, _issued)
    if found is None:
        return None
    book, proof = found
    assert proof.issued is not None, "as it was found"
    async with database.connect() as tx:
        number = (await earning.numbers_of(tx, book, [proof.holder])).get(proof.holder)
        names = {} if number is None else await persons.names_of_grown(tx, keys, book, [number], auth.now())
        corrected = await proofs.corrected(tx, book, [proof])
    return PublicProof(
        proof.issued.serial,
        proof.issued.issuer.name,
        proof.issued.on,
        proof.issued.issuer.contact,
        names.get(number or ""),
        None if number is None else number[-TAIL:],
        proof.from_day,
        proof.to_day,
        proof.issued.credit_minutes,
        proof.issued.honour_minutes,
        [ServiceView(*_printed(each)) for each in proof.issued.services],
        None if proof.revoked_at is None else day_of(proof.revoked_at),
        bool(corrected),
    )


async def _issued(tx: AsyncConnection, book: int, proof_id: UUID) -> Proof | None:
    try:
        found = await proofs.find(tx, book, proof_id)
    except UnknownProof:
        return None
    return found if found.issued is not None else None


# --- the same for all doors -------------------------------------------------------------------------------------------


async def _ladder(tx: AsyncConnection, me: Principal, day: datetime.date) -> Ladder:
    """By which the days are counted."""
    return await ladders.in_force(tx, me.book_id, day)


async def _request(tx: AsyncConnection, me: Principal, her: Volunteer, new: NewProof) -> tuple[Shown, bool]:
    now = await connect.now(tx)
    proof, is_new = await proofs.request(
        tx,
        me.book_id,
        her.holder,
        new.organisation,
        from_day=None if new.from_day is None else day_in(new.from_day, "from_day"),
        to_day=None if new.to_day is None else day_in(new.to_day, "to_day"),
        ladder=await _ladder(tx, me, day_of(now)),
        by=me.name,
        now=now,
    )
    return Shown(proof, her.volunteer_no, False), is_new


async def _shown(tx: AsyncConnection, me: Principal, found: Sequence[Proof]) -> list[Shown]:
    numbers = await earning.numbers_of(tx, me.book_id, {each.holder for each in found})
    corrected = await proofs.corrected(tx, me.book_id, found)
    return [Shown(each, numbers.get(each.holder), each.proof_id in corrected) for each in found]


async def _told(tx: AsyncConnection, me: Principal, found: Proof) -> Told:
    [shown] = await _shown(tx, me, [found])
    said: tuple[Service, ...] = ()
    if found.issued is not None:
        said = found.issued.services
    elif found.state == "requested":
        asked = (found.holder, found.organisation, found.from_day, found.to_day)
        try:
            said = tuple(await proofs.services(tx, me.book_id, *asked))
        except (NotTheOrganiser, NothingToProve):  # all of it has been corrected since she asked
            said = ()
    return Told(
        found,
        shown.volunteer_no,
        shown.corrected,
        said,
        auth.is_within(me, Right.ISSUE_PROOFS, found.line),
        await desk.holder(tx, me) == found.holder,
    )


async def _paper(tx: AsyncConnection, keys: Keys, settings: Settings, me: Principal, found: Proof, base: str) -> Paper:
    if found.issued is None or found.state != "issued":
        raise UnknownProof(found.proof_id)
    number = (await earning.numbers_of(tx, me.book_id, [found.holder])).get(found.holder)
    name = id_number = None
    if number is not None:
        reason = f"打印服务记录证明 {found.issued.serial}"[:200]
        try:
            name = (await persons.reveal(tx, keys, me.book_id, number, ["name"], me.name, reason, auth.now())).name
        except UnknownPerson:
            pass
        else:
            masked = await persons.masked(tx, keys, me.book_id, [number], me.name, auth.now())
            id_number = masked[number].id_number
    address = check_codes.address_of_proof(settings, base, me.book_id, found)
    return Paper(found, number, name, id_number, address)


# --- views ------------------------------------------------------------------------------------------------------------


def view(of: Shown) -> ProofView:
    """A proof as lists show it."""
    proof, issued = of.proof, of.proof.issued
    return ProofView(
        proof.proof_id,
        of.volunteer_no,
        proof.organisation,
        proof.organisation_name,
        proof.from_day,
        proof.to_day,
        proof.state,
        proof.requested_at,
        proof.due_on,
        proof.decided_at,
        proof.reason,
        None if issued is None else issued.serial,
        None if issued is None else issued.on,
        None if issued is None else issued.credit_minutes,
        None if issued is None else issued.honour_minutes,
        None if issued is None else issued.notice_until,
        proof.revoked_at,
        proof.revoked_why,
        of.corrected,
    )


def story_view(settings: Settings, base: str, book: int, told: Told) -> ProofStory:
    """A proof with what it says."""
    issued = told.proof.issued
    return ProofStory(
        **msgspec.structs.asdict(view(told)),
        services=[RecordView(*_printed(each), record=each.record_id) for each in told.services],
        issuer=None if issued is None else msgspec.convert(issued.issuer, IssuerView, from_attributes=True),
        page=None if issued is None else check_codes.address_of_proof(settings, base, book, told.proof),
    )


def _printed(of: Service) -> tuple[datetime.date, str, str, HoursClass, int]:
    return of.day, of.activity, of.category, of.record_class, of.minutes
