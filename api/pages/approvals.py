"""Points that need two people: one member of staff proposes, a colleague approves or declines."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, problems, requests, staff
from api.pages import doors, frame, texts
from api.pages.volunteer import PASSBOOKS
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from api.staff import PointsChange
from ledger.access.rights import Principal, Right
from ledger.books import chart
from ledger.books.approvals import Draft
from ledger.books.evaluate import Refused
from ledger.earning import volunteers
from ledger.errors import (
    AlreadyDecided,
    IdempotencyConflict,
    InvalidField,
    NotAllowed,
    Refusal,
    SessionEnded,
    UnknownDraft,
    UnknownVolunteer,
)

HERE = "/staff/approvals"
PROPOSE = "/staff/propose"
OWN = {passbook.code: passbook.name for passbook in PASSBOOKS.values()}
"""What the accounts of volunteers are called, as in their passbooks."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A line of a proposal in words: what happens to which account, by how much."""

    account: str
    side: str
    amount: str


@dataclass(frozen=True, slots=True)
class Told:
    """A proposal in words. `decided` None: it waits."""

    draft: Draft
    what: str
    legs: list[Leg]
    by: str
    at: str
    decided_by: str | None
    decided_at: str | None


# --- what waits -------------------------------------------------------------------------------------------------------


@get(HERE)
async def proposals(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The proposals that wait for a second person, in words."""
    me = await doors.colleague(request, database, settings, Right.READ_BOOKS)
    async with database.connect() as tx:
        waiting = await _told(tx, me, await staff.drafts(tx, me), frame.view_of(request).language)
    return frame.page(request, "approvals.html", me=me, waiting=waiting)


@get(f"{HERE}/{{draft_id:uuid}}")
async def proposal(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    draft_id: FromPath[UUID],
) -> Template:
    """One proposal: what would be booked, and the buttons of who may decide; or what became of it."""
    me = await doors.colleague(request, database, settings, Right.READ_BOOKS)
    return await _proposal(request, database, me, draft_id)


@post(f"{HERE}/{{draft_id:uuid}}/approve", status_code=200)
async def approve(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    draft_id: FromPath[UUID],
) -> Template | Redirect:
    """Posts it. What the books refuse now is said, and the proposal goes on waiting."""
    me = await doors.colleague(request, database, settings, Right.APPROVE)
    try:
        async with database.begin() as tx:
            outcome = await staff.approve(tx, me, draft_id, request.scope["state"]["request_id"])
            if isinstance(outcome, Refused):
                raise outcome.refusal
    except AlreadyDecided:
        pass  # by her own second click, or by a colleague: the page says how it stands
    except (NotAllowed, UnknownDraft, SessionEnded):
        raise
    except Refusal as refusal:
        return await _proposal(request, database, me, draft_id, refusal)
    return Redirect(f"{HERE}/{draft_id}", status_code=303)


@post(f"{HERE}/{{draft_id:uuid}}/decline", status_code=200)
async def decline(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    draft_id: FromPath[UUID],
) -> Template | Redirect:
    """Does not post it, and says why."""
    me = await doors.colleague(request, database, settings, Right.READ_BOOKS)
    [reason] = await frame.fields(request, "reason")
    try:
        if not reason:
            raise InvalidField("reason", "missing")
        async with database.begin() as tx:
            await staff.decline(tx, me, draft_id, reason)
    except AlreadyDecided:
        pass
    except InvalidField as refusal:
        return await _proposal(request, database, me, draft_id, refusal)
    return Redirect(f"{HERE}/{draft_id}", status_code=303)


async def _proposal(
    request: StrictRequest, database: AsyncEngine, me: Principal, draft_id: UUID, refusal: Refusal | None = None
) -> Template:
    async with database.connect() as tx:
        draft = await staff.draft(tx, me, draft_id)
        [told] = await _told(tx, me, [draft], frame.view_of(request).language)
        approves = await auth.reaches(tx, me, Right.APPROVE, [line.account for line in draft.lines])
    mine = draft.proposed_by == me.name
    return frame.page(
        request,
        "proposal.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{draft_id}",
        told=told,
        mine=mine,
        may_approve=approves and not mine,
        may_decline=approves or mine,
        wrong=None if refusal is None else frame.told(request, refusal),
    )


async def _told(tx: AsyncConnection, me: Principal, drafts: list[Draft], language: Language) -> list[Told]:
    """Proposals in words: whose accounts they are, what each gets or gives, and who had a hand in it."""
    codes = {line.account for draft in drafts for line in draft.lines}
    accounts = await chart.find_accounts(tx, me.book_id, codes)
    numbers = await volunteers.numbers_of(
        tx, me.book_id, {account.holder for account in accounts.values() if account.holder is not None}
    )
    names = await staff.names(tx, [by for draft in drafts for by in (draft.proposed_by, draft.decided_by) if by])

    def leg(code: str, side: str, amount: int) -> Leg:
        account = accounts[code]
        hers = numbers.get(account.holder or "")
        if hers is None:
            return Leg(f"{account.name} {code}", side, texts.amount(language, account.unit, amount))
        # All accounts of volunteers but one have their balance on the credit side: what is credited comes in.
        comes = (side == "credit") != (account.account_class in chart.DEBIT_NORMAL)
        own = OWN.get(code.partition(".")[0])
        name = texts.t(language, own) if own is not None else account.name
        whose = texts.t(language, "account_of", number=hers, account=name)
        return Leg(whose, "points_in" if comes else "points_out", texts.amount(language, account.unit, amount))

    return [
        Told(
            draft,
            texts.summary(language, draft.kind, draft.description),
            [leg(line.account, line.side, line.amount) for line in draft.lines],
            names[draft.proposed_by],
            texts.moment(language, draft.proposed_at),
            names.get(draft.decided_by or ""),
            texts.moment(language, draft.decided_at) if draft.decided_at is not None else None,
        )
        for draft in drafts
    ]


# --- a proposal -------------------------------------------------------------------------------------------------------


@get(PROPOSE)
async def propose_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form for the usual case: points for one volunteer or off hers, with a reason."""
    me = await doors.colleague(request, database, settings, Right.PROPOSE)
    return await _propose_form(request, database, me, {})


@post(PROPOSE, status_code=200)
async def propose(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Proposes it once, however often the button is pressed: the form carries the key of the call."""
    me = await doors.colleague(request, database, settings, Right.PROPOSE)
    names = ("volunteer", "direction", "amount", "reason", "key")
    form = dict(zip(names, await frame.fields(request, *names), strict=True))
    try:
        change = _change(form)
        async with database.begin() as tx:
            draft, _new = await staff.change_points(tx, me, change, f"page:{form['key']}")
    except IdempotencyConflict as refusal:  # she went back and changed the form: that would be another proposal
        return await _propose_form(request, database, me, {**form, "key": ""}, refusal, "proposed_before")
    except (UnknownVolunteer, NotAllowed) as refusal:
        return await _propose_form(request, database, me, form, refusal, "no_such_volunteer")
    except Refusal as refusal:
        return await _propose_form(request, database, me, form, refusal)
    return Redirect(f"{HERE}/{draft.draft_id}", status_code=303)


def _change(form: dict[str, str]) -> PointsChange:
    for name in ("volunteer", "amount", "reason"):
        if not form[name]:
            raise InvalidField(name, "missing")
    if form["direction"] not in ("plus", "minus"):
        raise InvalidField("direction", "missing")
    if not requests.is_key(form["key"]):
        raise InvalidField("key", "page_too_old")
    amount = texts.whole(form["amount"], "amount")
    return PointsChange(texts.typed(form["volunteer"]), form["direction"] == "plus", amount, form["reason"])


async def _propose_form(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    form: dict[str, str],
    refusal: Refusal | None = None,
    said: str | None = None,
) -> Template:
    async with database.connect() as tx:
        both_ways = await staff.may_take_points_off(tx, me)
    if said is not None:
        wrong = texts.t(frame.view_of(request).language, said)
    else:
        wrong = "" if refusal is None else frame.told(request, refusal)
    key = form.get("key", "")
    return frame.page(
        request,
        "propose.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=PROPOSE,
        key=key if requests.is_key(key) else secrets.token_urlsafe(16),
        form={name: form.get(name, "") for name in ("volunteer", "direction", "amount", "reason")},
        both_ways=both_ways,
        wrong=wrong,
    )


HANDLERS = [proposals, proposal, approve, decline, propose_form, propose]
