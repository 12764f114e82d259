"""Proofs of service (志愿服务记录证明): asked for free of charge, issued by the organisation that organised, revoked.

Who organises records, and who records certifies (MCA Order 67): a proof says what one organisation has recorded of one
volunteer, and nothing that another has. What it says is kept as it was when it was issued, since it lies on paper by
then; where a record was corrected later, `corrected` finds it, and nothing on paper changes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, any_, case, exists, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.database import events
from ledger.days import day_of
from ledger.earning import calendar, organisations, volunteers
from ledger.earning.tables import organisations as organisations_table
from ledger.earning.tables import records
from ledger.errors import (
    AlreadyDecided,
    InvalidField,
    NothingToProve,
    NotTheOrganiser,
    SecondPersonNeeded,
    UnknownProof,
    UnknownVolunteer,
)
from ledger.recognition.ladder import HoursClass, Ladder
from ledger.recognition.serials import next_number
from ledger.recognition.tables import proofs
from ledger.text import one_line

REASON_LENGTHS: Final = (4, 200)
NAME_LENGTH: Final = 64
CONTACT_LENGTH: Final = 100
REMARKS_LENGTH: Final = 200

State = Literal["requested", "issued", "refused", "withdrawn", "revoked"]
STATES: Final[tuple[State, ...]] = get_args(State)


@dataclass(frozen=True, slots=True)
class Service:
    """A credited service as a proof says it. `record_class`: signed in and out on the spot, or entered afterwards."""

    record_id: UUID
    day: date
    activity: str
    category: str
    record_class: HoursClass
    minutes: int


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issued a proof, as it is printed (民发〔2015〕149号). `name`: what the organisation was called then."""

    name: str
    person_in_charge: str
    handler: str
    contact: str
    remarks: str


@dataclass(frozen=True, slots=True)
class Issued:
    """What stands on a proof since the day on which it was issued. `notice_until`: the last day of publicity."""

    serial: str
    on: date
    credit_minutes: int
    honour_minutes: int
    services: tuple[Service, ...]
    issuer: Issuer
    notice_until: date


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that is asked for, or what became of it. `line`: of its organisation, from itself to the top.

    `from_day` None: from the first service on. `due_on`: until when it shall be issued or refused; `reason`: why it
    was refused. `issued` None: it never was.
    """

    proof_id: UUID
    holder: str
    organisation: str
    organisation_name: str
    line: tuple[str, ...]
    from_day: date | None
    to_day: date
    state: State
    requested_by: str
    requested_at: datetime
    due_on: date
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    issued: Issued | None
    revoked_by: str | None
    revoked_at: datetime | None
    revoked_why: str | None


@dataclass(frozen=True, slots=True)
class Organiser:
    """An organisation that has credited services of somebody, how long they took, and the days between which."""

    organisation: str
    name: str
    credit_minutes: int
    honour_minutes: int
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many proofs an organisation has been asked for and has not decided; how many of them are overdue, since when
    the first one (Regulation on Volunteer Service 38)."""

    organisation: str
    name: str
    waiting: int
    overdue: int
    oldest: date


# --- asking -----------------------------------------------------------------------------------------------------------


async def request(
    tx: AsyncConnection,
    book: int,
    holder: str,
    organisation: str,
    *,
    from_day: date | None,
    to_day: date | None,
    ladder: Ladder,
    by: str,
    now: datetime,
) -> tuple[Proof, bool]:
    """Asks an organisation for a proof of what it has recorded of her; the proof, and whether it is new.

    Who asks the same organisation again is answered the proof that waits. Both days belong to it; `to_day` None: up to
    today. UnknownVolunteer, UnknownOrganisation, InvalidField, NotTheOrganiser, NothingToProve.
    """
    today = day_of(now)
    to_day = to_day or today
    if to_day > today:
        raise InvalidField("to_day", "in_the_future")
    if from_day is not None and from_day > to_day:
        raise InvalidField("from_day", "after_the_last_day")
    await organisations.find(tx, book, organisation)
    if holder not in await volunteers.locked(tx, book, [holder]):  # an erasure waits for us, or we for it
        raise UnknownVolunteer(holder)
    waits = _of_book(book).where(
        proofs.c.holder == holder, proofs.c.organisation == organisation, proofs.c.state == "requested"
    )
    if there := (await tx.execute(waits)).one_or_none():
        return _proof(there), False
    await services(tx, book, holder, organisation, from_day, to_day)
    proof_id = next(identifiers.rising(now))
    # She is locked, so nobody asks for her at the same time.
    await tx.execute(
        insert(proofs).values(
            book_id=book,
            proof_id=proof_id,
            holder=holder,
            organisation=organisation,
            from_day=from_day,
            to_day=to_day,
            state="requested",
            requested_by=by,
            requested_at=now,
            due_on=(await calendar.read(tx, today)).after(today, ladder.proof_days),
        )
    )
    return await find(tx, book, proof_id), True


async def withdraw(tx: AsyncConnection, book: int, holder: str, proof_id: UUID) -> Proof:
    """She no longer asks for it. UnknownProof (also of somebody else's), AlreadyDecided."""
    hers = await _locked(tx, book, proof_id)
    if hers.holder != holder:
        raise UnknownProof(proof_id)
    if hers.state != "requested":
        raise AlreadyDecided
    return await _change(tx, book, proof_id, state="withdrawn")


async def forget(tx: AsyncConnection, book: int, holder: str) -> None:
    """She is erased: what she had asked for is no longer asked for. What was issued stays, and names nobody."""
    await tx.execute(
        update(proofs)
        .where(proofs.c.book_id == book, proofs.c.holder == holder, proofs.c.state == "requested")
        .values(state="withdrawn")
    )


# --- deciding ---------------------------------------------------------------------------------------------------------


async def issue(
    tx: AsyncConnection,
    book: int,
    proof_id: UUID,
    *,
    person_in_charge: str,
    handler: str,
    contact: str,
    remarks: str,
    ladder: Ladder,
    by: str,
    holder: str | None,
    now: datetime,
) -> Proof:
    """Issues a proof of what the organisation has recorded of her by now, under its next number of the year.

    `by`: somebody of that organisation or of one above it, which the caller has asked. Nobody issues her own
    (`holder`: of `by`, if she is a volunteer): SecondPersonNeeded. InvalidField, UnknownProof, AlreadyDecided,
    NotTheOrganiser and NothingToProve where everything has been corrected since she asked.
    """
    typed = {"person_in_charge": person_in_charge, "handler": handler, "contact": contact, "remarks": remarks}
    given = {name: text.strip() for name, text in typed.items()}
    for name, (least, most) in ISSUER_LENGTHS.items():
        if not one_line(given[name], least=least, most=most):
            raise InvalidField(name, "missing" if least and not given[name] else "not_one_line")
    asked = await _waiting(tx, book, proof_id, holder)
    served = await services(tx, book, asked.holder, asked.organisation, asked.from_day, asked.to_day)
    today = day_of(now)
    number = await next_number(tx, book, f"proof/{asked.organisation}/{today.year}")
    issued = await _change(
        tx,
        book,
        proof_id,
        state="issued",
        decided_by=by,
        decided_at=now,
        serial=f"{asked.organisation}-{today.year}-{number:06d}",
        issued_on=today,
        credit_minutes=sum(each.minutes for each in served if each.record_class == "credit"),
        honour_minutes=sum(each.minutes for each in served if each.record_class == "honour"),
        services=[_stored(each) for each in served],
        issuer={"name": asked.organisation_name, **given},
        notice_until=today + timedelta(days=ladder.proof_notice_days),
    )
    assert issued.issued is not None, "it has just been"
    minutes = {
        "credit_minutes": str(issued.issued.credit_minutes),
        "honour_minutes": str(issued.issued.honour_minutes),
    }
    # Without its number: on paper her name stands beside it, so it would tell for ever who she was.
    await events.add(tx, book, "proof_issued", _facts(issued) | minutes, actor=by, at=now)
    return issued


def _facts(of: Proof) -> dict[str, str | None]:
    return {"proof": str(of.proof_id), "holder": of.holder, "organisation": of.organisation}


ISSUER_LENGTHS: Final = {
    "person_in_charge": (1, NAME_LENGTH),
    "handler": (1, NAME_LENGTH),
    "contact": (1, CONTACT_LENGTH),
    "remarks": (0, REMARKS_LENGTH),
}
"""What the issuer writes on a proof, with the least and the most characters of each."""


async def refuse(
    tx: AsyncConnection, book: int, proof_id: UUID, reason: str, *, by: str, holder: str | None, now: datetime
) -> Proof:
    """Does not issue it, and says why. InvalidField, UnknownProof, AlreadyDecided, SecondPersonNeeded."""
    reason = _checked(reason)
    await _waiting(tx, book, proof_id, holder)
    return await _change(tx, book, proof_id, state="refused", decided_by=by, decided_at=now, reason=reason)


async def revoke(tx: AsyncConnection, book: int, proof_id: UUID, reason: str, *, by: str, now: datetime) -> Proof:
    """Takes back what was issued: from now on everybody who looks it up learns so. InvalidField, UnknownProof,
    AlreadyDecided."""
    reason = _checked(reason)
    if (await _locked(tx, book, proof_id)).state != "issued":
        raise AlreadyDecided
    revoked = await _change(tx, book, proof_id, state="revoked", revoked_by=by, revoked_at=now, revoked_why=reason)
    await events.add(tx, book, "proof_revoked", _facts(revoked), actor=by, at=now)
    return revoked


def _checked(reason: str) -> str:
    plain = reason.strip()
    if not one_line(plain, least=REASON_LENGTHS[0], most=REASON_LENGTHS[1]):
        raise InvalidField("reason", "not_a_reason")
    return plain


async def _waiting(tx: AsyncConnection, book: int, proof_id: UUID, holder: str | None) -> Proof:
    """A proof that waits to be decided by somebody whose own it is not, locked."""
    asked = await _locked(tx, book, proof_id)
    if asked.state != "requested":
        raise AlreadyDecided
    if asked.holder == holder:
        raise SecondPersonNeeded
    return asked


async def _locked(tx: AsyncConnection, book: int, proof_id: UUID) -> Proof:
    row = (
        await tx.execute(
            select(proofs.c.proof_id).where(proofs.c.book_id == book, proofs.c.proof_id == proof_id).with_for_update()
        )
    ).one_or_none()
    if row is None:
        raise UnknownProof(proof_id)
    return await find(tx, book, proof_id)


async def _change(tx: AsyncConnection, book: int, proof_id: UUID, **values: Any) -> Proof:
    await tx.execute(update(proofs).where(proofs.c.book_id == book, proofs.c.proof_id == proof_id).values(**values))
    return await find(tx, book, proof_id)


# --- what there is to prove -------------------------------------------------------------------------------------------


async def services(
    tx: AsyncConnection, book: int, holder: str, organisation: str, from_day: date | None, to_day: date
) -> list[Service]:
    """Her credited services of this organisation between these days, the oldest first.

    NotTheOrganiser where it has none of hers at all, NothingToProve where none lies between them.
    """
    hers = (*_credited(book), records.c.holder == holder, records.c.organisation == organisation)
    between = records.c.served_on <= to_day
    if from_day is not None:
        between &= records.c.served_on >= from_day
    rows = await tx.execute(
        select(
            records.c.record_id,
            records.c.served_on,
            records.c.activity_name,
            records.c.category,
            records.c.record_class,
            records.c.minutes,
        )
        .where(*hers, between)
        .order_by(records.c.served_on, records.c.check_in, records.c.record_id)
    )
    found = [
        Service(record_id, day, activity, category, "credit" if record_class == "credit" else "honour", minutes)
        for record_id, day, activity, category, record_class, minutes in rows
    ]
    if not found:
        some = (await tx.execute(select(exists().where(*hers)))).scalar_one()
        raise NothingToProve if some else NotTheOrganiser(organisation)
    return found


async def organisers(tx: AsyncConnection, book: int, holder: str) -> list[Organiser]:
    """The organisations that have credited services of hers: whom she may ask, by name."""
    minutes = {
        each: func.coalesce(func.sum(case((records.c.record_class == each, records.c.minutes))), 0)
        for each in ("credit", "honour")
    }
    rows = await tx.execute(
        select(
            records.c.organisation,
            organisations_table.c.name,
            minutes["credit"],
            minutes["honour"],
            func.min(records.c.served_on),
            func.max(records.c.served_on),
        )
        .join(
            organisations_table,
            (organisations_table.c.book_id == book) & (organisations_table.c.code == records.c.organisation),
        )
        .where(*_credited(book), records.c.holder == holder)
        .group_by(records.c.organisation, organisations_table.c.name)
        .order_by(organisations_table.c.name, records.c.organisation)
    )
    return [
        Organiser(code, name, int(credit), int(honour), first, last)
        for code, name, credit, honour, first, last in rows
        if first is not None and last is not None  # they never are: a group has records, and these have their days
    ]


def _credited(book: int) -> tuple[ColumnElement[bool], ...]:
    """Acts are no hours (an item of the rules, or a training), so no proof lists them."""
    return (
        records.c.book_id == book,
        records.c.state == "credited",
        records.c.record_class.in_(("credit", "honour")),
    )


# --- reading ----------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, proof_id: UUID) -> Proof:
    """One proof; UnknownProof."""
    row = (await tx.execute(_of_book(book).where(proofs.c.proof_id == proof_id))).one_or_none()
    if row is None:
        raise UnknownProof(proof_id)
    return _proof(row)


async def of_volunteer(
    tx: AsyncConnection, book: int, holder: str, *, after: UUID | None = None, limit: int = 200
) -> list[Proof]:
    """All that she asked for, the newest first, after another one."""
    found = _of_book(book).where(proofs.c.holder == holder)
    return await _newest(tx, found, after, limit)


async def to_decide(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    after: UUID | None = None,
    limit: int = 200,
) -> list[Proof]:
    """What these organisations, and those below them, are asked for; what is due first at the head, after another one.

    None: all of the book. UnknownProof (`after`).
    """
    found = _within(_of_book(book).where(proofs.c.state == "requested"), within)
    if after is not None:
        last = await find(tx, book, after)
        found = found.where(
            or_(
                proofs.c.due_on > last.due_on,
                (proofs.c.due_on == last.due_on) & (proofs.c.proof_id > after),
            )
        )
    found = found.order_by(proofs.c.due_on, proofs.c.proof_id).limit(limit)
    return [_proof(row) for row in await tx.execute(found)]


async def listed(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    state: State | None = None,
    only_corrected: bool = False,
    after: UUID | None = None,
    limit: int = 200,
) -> list[Proof]:
    """Proofs of these organisations and those below them, the newest request first, after another one.

    `only_corrected`: of which a record was corrected after they were issued.
    """
    found = _within(_of_book(book), within)
    if state is not None:
        found = found.where(proofs.c.state == state)
    if only_corrected:
        named = func.jsonb_build_array(func.jsonb_build_array(records.c.record_id))
        since = exists().where(
            records.c.book_id == book,
            records.c.holder == proofs.c.holder,
            records.c.state == "corrected",
            proofs.c.services.contains(named),
        )
        found = found.where(proofs.c.state == "issued", since)
    return await _newest(tx, found, after, limit)


async def in_notice(
    tx: AsyncConnection, book: int, organisations_of_hers: Collection[str], *, today: date, limit: int = 200
) -> list[Proof]:
    """What these organisations have issued and show among their own, the one whose publicity ends first at the head."""
    found = (
        _of_book(book)
        .where(
            proofs.c.organisation == any_(literal(sorted(organisations_of_hers), ARRAY(TEXT))),
            proofs.c.state == "issued",
            proofs.c.notice_until >= today,
        )
        .order_by(proofs.c.notice_until, proofs.c.proof_id)
        .limit(limit)
    )
    return [_proof(row) for row in await tx.execute(found)]


async def corrected(tx: AsyncConnection, book: int, found: Collection[Proof]) -> frozenset[UUID]:
    """Those of these proofs of which something was corrected after they were issued."""
    said = {service.record_id for each in found if each.issued is not None for service in each.issued.services}
    if not said:
        return frozenset()
    rows = await tx.execute(
        select(records.c.record_id).where(
            records.c.book_id == book,
            records.c.record_id == any_(literal(sorted(said), ARRAY(Uuid))),
            records.c.state != "credited",
        )
    )
    gone = set(rows.scalars())
    return frozenset(
        each.proof_id
        for each in found
        if each.issued is not None and any(service.record_id in gone for service in each.issued.services)
    )


async def waiting(
    tx: AsyncConnection, book: int, within: Collection[str] | None = None, *, today: date
) -> list[Waiting]:
    """What organisations have been asked for and have not decided, by organisation, what is due first at the head."""
    overdue = func.count(case((proofs.c.due_on < today, 1)))
    first = func.min(proofs.c.due_on)
    asked: Any = (
        select(proofs.c.organisation, organisations_table.c.name, func.count(), overdue, first)
        .join(organisations_table, _organisation(book))
        .where(proofs.c.book_id == book, proofs.c.state == "requested")
        .group_by(proofs.c.organisation, organisations_table.c.name)
        .order_by(first, proofs.c.organisation)
    )
    return [Waiting(*row) for row in await tx.execute(_within(asked, within))]


def _of_book(book: int) -> Select[Any]:
    return (
        select(proofs, organisations_table.c.name.label("organisation_name"), organisations_table.c.line)
        .join(organisations_table, _organisation(book))
        .where(proofs.c.book_id == book)
    )


def _organisation(book: int) -> ColumnElement[bool]:
    return (organisations_table.c.book_id == book) & (organisations_table.c.code == proofs.c.organisation)


def _within(found: Select[Any], within: Collection[str] | None) -> Select[Any]:
    if within is None:
        return found
    return found.where(organisations_table.c.line.overlap(literal(sorted(within), ARRAY(TEXT))))


async def _newest(tx: AsyncConnection, found: Select[Any], after: UUID | None, limit: int) -> list[Proof]:
    """Their numbers rise with the time of the request."""
    if after is not None:
        found = found.where(proofs.c.proof_id < after)
    return [_proof(row) for row in await tx.execute(found.order_by(proofs.c.proof_id.desc()).limit(limit))]


def _stored(of: Service) -> list[object]:
    return [str(of.record_id), of.day.isoformat(), of.activity, of.category, of.record_class, of.minutes]


def _read(stored: Sequence[Any]) -> Service:
    record_id, day, activity, category, record_class, minutes = stored
    return Service(UUID(record_id), date.fromisoformat(day), activity, category, record_class, minutes)


def _proof(row: Any) -> Proof:
    issued = None
    if row.serial is not None:
        issued = Issued(
            row.serial,
            row.issued_on,
            row.credit_minutes,
            row.honour_minutes,
            tuple(_read(each) for each in row.services),
            Issuer(**row.issuer),
            row.notice_until,
        )
    return Proof(
        row.proof_id,
        row.holder,
        row.organisation,
        row.organisation_name,
        tuple(row.line),
        row.from_day,
        row.to_day,
        row.state,
        row.requested_by,
        row.requested_at,
        row.due_on,
        row.decided_by,
        row.decided_at,
        row.reason,
        issued,
        row.revoked_by,
        row.revoked_at,
        row.revoked_why,
    )
