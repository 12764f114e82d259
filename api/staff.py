"""What staff do, whichever door they come by, the API or a page: how far their right reaches, then the verb.

The caller has the right somewhere; here it is asked for what the call touches.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, calls
from api.bodies import Body
from ledger.access import renewals, rights, sessions, users
from ledger.access.renewals import Renewal
from ledger.access.rights import Grant, Principal, Right
from ledger.access.users import GivenRole
from ledger.books import approvals
from ledger.books.approvals import Draft
from ledger.books.evaluate import Outcome
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.earning import volunteers
from ledger.errors import SecondPersonNeeded

# --- postings that need two people -----------------------------------------------------------------------------------

REWARD_ITEMS: Final = "5120"
FORFEITURE: Final = "4200"


class PointsChange(Body, frozen=True):
    """So many points for a volunteer (`plus`) or off hers, and why."""

    volunteer: str
    plus: bool
    amount: int
    reason: str


async def propose(tx: AsyncConnection, me: Principal, wanted: Proposal) -> tuple[Draft, bool]:
    """Keeps a posting for a second person; the draft, and whether it is new. NotAllowed, and why it is refused."""
    await auth.within_accounts(tx, me, Right.PROPOSE, _accounts(wanted.lines))
    return await approvals.propose(tx, me.book_id, wanted, await connect.now(tx))


async def change_points(tx: AsyncConnection, me: Principal, change: PointsChange, key: str) -> tuple[Draft, bool]:
    """Proposes points for a volunteer, or off hers, for a reason that she will read; as `propose`, UnknownVolunteer.

    What is added is her organisation's reward, what is taken off is forfeited: 5120.<organisation> → 2100.v → 4200.
    """
    her = await volunteers.find(tx, me.book_id, change.volunteer)
    wallet = her.account(volunteers.WALLET)
    reward = f"{REWARD_ITEMS}.{her.organisation}" if her.organisation is not None else REWARD_ITEMS
    debit, credit = (reward, wallet) if change.plus else (wallet, FORFEITURE)
    wanted = Proposal(
        client=me.name,
        key=key,
        call=calls.identity("POST", "/staff/propose", change),
        kind="item" if change.plus else "minus",
        effective_at=None,
        lines=(Line(debit, "debit", change.amount, "PT"), Line(credit, "credit", change.amount, "PT")),
        actor=me.name,
        description=change.reason,
    )
    return await propose(tx, me, wanted)


async def may_take_points_off(tx: AsyncConnection, me: Principal) -> bool:
    """Whether the caller may propose that: what is forfeited belongs to the book as a whole."""
    return await auth.reaches(tx, me, Right.PROPOSE, [FORFEITURE])


async def drafts(tx: AsyncConnection, me: Principal) -> list[Draft]:
    """The proposals that wait, of the caller's organisations or of the whole book."""
    return [
        draft
        for draft in await approvals.waiting(tx, me.book_id)
        if await auth.reaches(tx, me, Right.READ_BOOKS, _accounts(draft.lines))
    ]


async def draft(tx: AsyncConnection, me: Principal, draft_id: UUID, right: Right = Right.READ_BOOKS) -> Draft:
    """A proposal on whose accounts the caller has this right. UnknownDraft, NotAllowed."""
    found = await approvals.read(tx, me.book_id, draft_id)
    await auth.within_accounts(tx, me, right, _accounts(found.lines))
    return found


async def approve(tx: AsyncConnection, me: Principal, draft_id: UUID, request_id: str) -> Outcome:
    """Posts what another person proposed. UnknownDraft, NotAllowed, AlreadyDecided, SecondPersonNeeded."""
    await draft(tx, me, draft_id, Right.APPROVE)
    return await approvals.approve(tx, me.book_id, draft_id, me.name, await connect.now(tx), request_id)


async def decline(tx: AsyncConnection, me: Principal, draft_id: UUID, reason: str) -> Draft:
    """Does not post it: by who may approve it, or by the one who proposed it."""
    found = await draft(tx, me, draft_id)
    if found.proposed_by != me.name:
        await draft(tx, me, draft_id, Right.APPROVE)
    return await approvals.decline(tx, me.book_id, draft_id, me.name, await connect.now(tx), reason)


def _accounts(lines: Iterable[Line]) -> set[str]:
    """The accounts that these lines may move something on."""
    return {line.account for line in lines} | {line.overflow for line in lines if line.overflow is not None}


# --- forgotten PINs --------------------------------------------------------------------------------------------------


async def ask_for_pin(tx: AsyncConnection, me: Principal, volunteer_no: str) -> Renewal:
    """Asks for a new PIN for a volunteer. NotAllowed, UnknownVolunteer."""
    auth.within(me, Right.RENEW_PIN, await _line_of_volunteer(tx, me, volunteer_no))
    return await renewals.ask(tx, me.book_id, volunteer_no, me.name, auth.now())


async def waiting_renewals(tx: AsyncConnection, me: Principal) -> list[Renewal]:
    """The PINs that wait for a second person, of the caller's organisations or of the whole book."""
    held = rights.reach(me, Right.RENEW_PIN, auth.today())
    return [
        each
        for each in await renewals.waiting(tx, me.book_id, auth.now())
        if held.book or held.includes(await _line_of_volunteer(tx, me, each.volunteer_no))
    ]


async def confirm_pin(tx: AsyncConnection, me: Principal, renewal_id: UUID) -> tuple[Renewal, str]:
    """The new PIN, told here and never again. NotAllowed, UnknownRenewal, AlreadyDecided, SecondPersonNeeded."""
    found = await _renewal(tx, me, renewal_id)
    return found, await renewals.confirm(tx, me.book_id, renewal_id, me.name, auth.now())


async def decline_pin(tx: AsyncConnection, me: Principal, renewal_id: UUID) -> None:
    """Lets the old PIN stand. NotAllowed, UnknownRenewal, AlreadyDecided."""
    await _renewal(tx, me, renewal_id)
    await renewals.decline(tx, me.book_id, renewal_id, me.name, auth.now())


async def _renewal(tx: AsyncConnection, me: Principal, renewal_id: UUID) -> Renewal:
    found = await renewals.read(tx, me.book_id, renewal_id)
    auth.within(me, Right.RENEW_PIN, await _line_of_volunteer(tx, me, found.volunteer_no))
    return found


# --- users and roles -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LetIn:
    """A new user with her first role, and the password or PIN for her first sign-in: it is told once."""

    user_id: int
    role_id: int
    login: str | None
    secret: str

    def __repr__(self) -> str:
        return "LetIn(…)"


async def roles(
    tx: AsyncConnection, me: Principal, *, after: int, limit: int, user_id: int | None = None
) -> tuple[list[GivenRole], int | None]:
    """The roles that the caller may give and take back, and after which the next page begins."""
    held = rights.reach(me, Right.MANAGE_USERS, auth.today())
    page = await users.roles_in(tx, me.book_id, after=after, limit=limit, user_id=user_id)
    shown = [each for each in page if held.book or held.includes(await _line(tx, me, each.grant))]
    return shown, page[-1].role_id if len(page) == limit else None


async def let_in(tx: AsyncConnection, me: Principal, login: str | None, grant: Grant) -> LetIn:
    """A user with a first role; who has no login gets a PIN, everybody else a password. NotAllowed, UserExists …"""
    await may_give(tx, me, grant)
    pin = users.new_pin() if login is None else None
    password = secrets.token_urlsafe(12) if pin is None else None
    made = await users.create(tx, login, password=password, pin=pin, seen=True)
    role = await users.give(tx, made.user_id, me.book_id, grant, me.name)
    return LetIn(made.user_id, role, made.login, password or pin or "")


async def may_give(tx: AsyncConnection, me: Principal, grant: Grant) -> None:
    """NotAllowed unless the caller may give this role and take it back. UnknownVolunteer, UnknownOrganisation."""
    auth.within(me, Right.MANAGE_USERS, await _line(tx, me, grant))


async def take_back(tx: AsyncConnection, me: Principal, role_id: int) -> GivenRole:
    """Takes a role back and signs its holder out of this book, at once. Nobody takes back his own.

    UnknownRole, NotAllowed, SecondPersonNeeded.
    """
    given = await users.role(tx, me.book_id, role_id)
    await may_give(tx, me, given.grant)
    if given.user_id == me.number:
        raise SecondPersonNeeded
    await users.end_role(tx, me.book_id, role_id, me.name, auth.now())
    await sessions.end_all(tx, given.user_id, auth.now(), "role_ended", book_id=me.book_id)
    return given


async def _line(tx: AsyncConnection, me: Principal, grant: Grant) -> tuple[str, ...]:
    """The line of organisations that a role is given for; empty for the whole book."""
    if grant.volunteer_no is not None:
        return await _line_of_volunteer(tx, me, grant.volunteer_no)
    return await auth.line_of(tx, me, grant.organisation)


async def _line_of_volunteer(tx: AsyncConnection, me: Principal, volunteer_no: str) -> tuple[str, ...]:
    return await auth.line_of(tx, me, (await volunteers.find(tx, me.book_id, volunteer_no)).organisation)


# --- names -----------------------------------------------------------------------------------------------------------


async def names(tx: AsyncConnection, principals: Iterable[str]) -> dict[str, str]:
    """By which login each of these (`user:7`) signs in; who has none is called as the books know her."""
    found = {}
    for each in set(principals):
        kind, _, number = each.partition(":")
        login = (await users.candidate(tx, int(number))).user if kind == "user" and number.isdecimal() else None
        found[each] = (login.login if login is not None else None) or each
    return found
