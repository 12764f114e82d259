"""Proofs of service for the staff: what waits, issued or refused, what was issued and perhaps revoked; the counter."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, problems, proofs, volunteers
from api.pages import doors, frame, texts
from api.pages import proofs as pages
from api.proofs import NewIssue, NewReason, Which
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.earning.volunteers import Volunteer
from ledger.errors import NotAllowed, Refusal, SessionEnded, UnknownProof, UnknownVolunteer

PROOFS: Final = "/staff/proofs"
COUNTER: Final = "/staff/volunteers/{number:str}/proofs"

A_PAGE: Final = 20
TABS: Final[tuple[Which, ...]] = ("requested", "issued", "corrected", "revoked", "refused")
PRINTED: Final = ("person_in_charge", "handler", "contact", "remarks")


@get(PROOFS)
async def list_proofs(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What waits, what is due first at the head, and by organisation what is overdue; or what has been decided."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    asked = request.query_params
    which = next((each for each in TABS if each == asked.get("state")), TABS[0])
    async with database.connect() as tx:
        try:
            found = await proofs.listed(tx, me, which, after=texts.identifier(asked.get("after", "")), limit=A_PAGE)
        except UnknownProof:
            found = await proofs.listed(tx, me, which, limit=A_PAGE)
        waiting = await proofs.waiting(tx, me)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "proofs.html",
        path=PROOFS,
        query={"state": which},
        lines=[pages.line(language, each, auth.today()) for each in found],
        which=which,
        tabs=TABS,
        waiting=[(each, texts.day(language, each.oldest)) for each in waiting],
        next=found[-1].proof.proof_id if len(found) == A_PAGE else None,
    )


@get(f"{PROOFS}/{{proof_id:uuid}}")
async def one_proof(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    proof_id: FromPath[UUID],
) -> Template:
    """One proof: what it says, or would say today, and what the reader may do."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _proof(request, database, keys, settings, me, proof_id)


@post(f"{PROOFS}/{{proof_id:uuid}}/issue", status_code=200)
async def issue(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    proof_id: FromPath[UUID],
) -> Template | Redirect:
    """Issues it, once, however often the button is pressed."""
    me = await doors.colleague(request, database, settings, Right.ISSUE_PROOFS)
    form = dict(zip(PRINTED, await frame.fields(request, *PRINTED), strict=True))
    try:
        async with database.begin() as tx:
            await proofs.issue(tx, me, proof_id, NewIssue(**form))
    except (NotAllowed, SessionEnded, UnknownProof):
        raise
    except Refusal as refusal:
        return await _proof(request, database, keys, settings, me, proof_id, refusal, form)
    return _back(proof_id, "proof_issued_done")


@post(f"{PROOFS}/{{proof_id:uuid}}/refusal", status_code=200)
async def refuse(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    proof_id: FromPath[UUID],
) -> Template | Redirect:
    """Does not issue it, and says why."""
    me = await doors.colleague(request, database, settings, Right.ISSUE_PROOFS)
    [reason] = await frame.fields(request, "reason")
    try:
        async with database.begin() as tx:
            await proofs.refuse(tx, me, proof_id, NewReason(reason))
    except (NotAllowed, SessionEnded, UnknownProof):
        raise
    except Refusal as refusal:
        return await _proof(request, database, keys, settings, me, proof_id, refusal, {"reason": reason})
    return _back(proof_id, "proof_refused_done")


@post(f"{PROOFS}/{{proof_id:uuid}}/revocation", status_code=200)
async def revoke(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    proof_id: FromPath[UUID],
) -> Template | Redirect:
    """Takes back what was issued."""
    me = await doors.colleague(request, database, settings, Right.ISSUE_PROOFS)
    [reason] = await frame.fields(request, "reason")
    try:
        async with database.begin() as tx:
            await proofs.revoke(tx, me, proof_id, NewReason(reason))
    except (NotAllowed, SessionEnded, UnknownProof):
        raise
    except Refusal as refusal:
        return await _proof(request, database, keys, settings, me, proof_id, refusal, {"reason": reason})
    return _back(proof_id, "proof_revoked_done")


def _back(proof_id: UUID, done: str) -> Redirect:
    return Redirect(f"{PROOFS}/{proof_id}", status_code=303, query_params={"done": done})


async def _proof(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    settings: Settings,
    me: Principal,
    proof_id: UUID,
    refusal: Refusal | None = None,
    form: dict[str, str] | None = None,
) -> Template:
    async with database.begin() as tx:
        told = await proofs.story(tx, me, proof_id)
        numbers = [] if told.volunteer_no is None else [told.volunteer_no]
        people = await persons.masked(tx, keys, me.book_id, numbers, me.name, auth.now())
    language = frame.view_of(request).language
    view = proofs.story_view(settings, str(request.base_url), me.book_id, told)
    name = people[told.volunteer_no].name if told.volunteer_no in people else ""
    who = texts.t(language, "record_erased") if told.volunteer_no is None else f"{told.volunteer_no} {name}".strip()
    credit, honour = (
        sum(each.minutes for each in told.services if each.record_class == of) for of in ("credit", "honour")
    )
    decides = told.issues and not told.own
    return frame.page(
        request,
        "proof.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{PROOFS}/{proof_id}",
        notice=frame.notice(request, "proof_issued_done", "proof_refused_done", "proof_revoked_done"),
        wrong=None if refusal is None else frame.told(request, refusal),
        proof=view,
        line=pages.line(language, told, auth.today()),
        who=who,
        sums=pages.sums(language, credit, honour),
        services=[
            pages.service(language, each.day, each.activity, each.category, each.record_class, each.minutes)
            for each in told.services
        ],
        notice_until=None if view.notice_until is None else texts.day(language, view.notice_until),
        may={
            name
            for name, holds in {
                "issue": decides and view.state == "requested" and bool(told.services),
                "refuse": decides and view.state == "requested",
                "revoke": told.issues and view.state == "issued",
                "print": told.issues and view.state == "issued",
            }.items()
            if holds
        },
        own=told.issues and told.own and view.state == "requested",
        form={name: (form or {}).get(name, "") for name in (*PRINTED, "reason")},
    )


@get(f"{PROOFS}/{{proof_id:uuid}}/print")
async def print_for_her(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    proof_id: FromPath[UUID],
) -> Template:
    """A proof on A4, for who comes for it in person. Who printed it stands in the access log by then."""
    me = await doors.visitor(request, database, settings)
    async with database.begin() as tx:
        paper = await proofs.print_for_her(tx, keys, settings, me, proof_id, str(request.base_url))
        return await pages.on_paper(request, tx, me, paper, f"{PROOFS}/{proof_id}/print", "/staff")


# --- at the counter ---------------------------------------------------------------------------------------------------


@get(COUNTER)
async def counter(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template:
    """What somebody has asked for, and the form to ask for her who does not do so herself."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    async with database.connect() as tx:
        her = await volunteers.within(tx, me, Right.RENEW_PIN, number)
    return await _counter(request, database, keys, me, her)


@post(COUNTER, status_code=200)
async def ask_for_her(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template | Redirect:
    """Asks for her, once, however often the button is pressed."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    organisation, since, until = await frame.fields(request, "organisation", "from_day", "to_day")
    async with database.connect() as tx:
        her = await volunteers.within(tx, me, Right.RENEW_PIN, number)
    try:
        async with database.begin() as tx:
            _, is_new = await proofs.request_for(tx, me, number, pages.wanted(organisation, since, until))
    except (NotAllowed, SessionEnded, UnknownVolunteer):
        raise
    except Refusal as refusal:
        return await _counter(request, database, keys, me, her, refusal, (organisation, since, until))
    done = "proof_asked" if is_new else "proof_waits_already"
    return Redirect(f"/staff/volunteers/{number}/proofs", status_code=303, query_params={"done": done})


async def _counter(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    her: Volunteer,
    refusal: Refusal | None = None,
    typed: tuple[str, str, str] = ("", "", ""),
) -> Template:
    async with database.begin() as tx:
        found = await proofs.of_volunteer(tx, me, her)
        organisers = await proofs.organisers_of(tx, me, her)
        masked = (await volunteers.masked(tx, keys, me, [her])).get(her.volunteer_no)
    language = frame.view_of(request).language
    organisation, since, until = typed
    return frame.page(
        request,
        "counter_proofs.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"/staff/volunteers/{her.volunteer_no}/proofs",
        notice=frame.notice(request, "proof_asked", "proof_waits_already"),
        wrong=None if refusal is None else frame.told(request, refusal),
        number=her.volunteer_no,
        person=None if masked is None else masked.name,
        organisers=organisers,
        organisation=organisation,
        since=since,
        until=until,
        lines=[pages.line(language, each, auth.today()) for each in found],
    )


HANDLERS = [list_proofs, one_proof, issue, refuse, revoke, print_for_her, counter, ask_for_her]
