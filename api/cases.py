"""Disputed redemptions, whichever door they come by: whose, within whose reach, and by which two people."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, calls, claimed, desk, own
from api.bodies import Body
from api.claimed import Outcome
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import volunteers
from ledger.errors import SecondPersonNeeded
from ledger.spending import cases, policies, redemption
from ledger.spending.cases import REASON_LENGTHS, WORDS, Case, State
from ledger.spending.redemption import Redemption

Words = Annotated[str, msgspec.Meta(max_length=WORDS)]


class NewDispute(Body, frozen=True):
    """She has not redeemed this; what she wants to say about it, if anything."""

    words: Words = ""


class NewAnswer(Body, frozen=True):
    """What the shop says."""

    answer: Annotated[str, msgspec.Meta(min_length=1, max_length=WORDS)]


class NewProposal(Body, frozen=True):
    """How the first person would decide: `upheld`, she gets her points back; and why."""

    upheld: bool
    reason: Annotated[str, msgspec.Meta(min_length=REASON_LENGTHS[0], max_length=REASON_LENGTHS[1])]


class NewDecision(Body, frozen=True):
    """Whether the second person agrees; if not, the proposal is gone."""

    agree: bool


class DisputeView(msgspec.Struct, frozen=True):
    """Your dispute: `points` are kept from the shop until two people have decided."""

    id: UUID
    redemption: UUID
    points: int
    opened_at: datetime.datetime


class CaseView(msgspec.Struct, frozen=True):
    """A redemption that somebody says was not hers. `volunteer` null: she has been erased.

    `points`: what is kept from the shop. `words`: what she says; `answer`: what the shop says. `proposed`: what the
    first person would decide (true: she gets her points back), `upheld`: what both have decided; null before.
    """

    id: UUID
    redemption: UUID
    outlet: str
    outlet_name: str
    volunteer: str | None
    day: datetime.date
    points: int
    words: str
    opened_at: datetime.datetime
    answer: str | None
    proposed: bool | None
    proposed_by: str | None
    proposed_at: datetime.datetime | None
    reason: str | None
    upheld: bool | None
    decided_by: str | None
    decided_at: datetime.datetime | None


class GoodsView(msgspec.Struct, frozen=True):
    """Pieces of an item, and the points of all of them."""

    item: str
    name: str
    quantity: int
    points: int
    returned: int


class CaseStory(CaseView, frozen=True, kw_only=True):
    """A case with the redemption that it is about: by what it was paid, when, at which till, by whom, and for what."""

    means: str
    made_at: datetime.datetime
    till: int
    clerk: str | None
    goods: list[GoodsView]


@dataclass(frozen=True, slots=True)
class Story:
    """A case, its redemption, her number (None: erased), and what the reader may do."""

    case: Case
    redemption: Redemption
    volunteer: str | None
    decides: bool
    """The case lies within the reader's right to decide."""
    involved: bool
    """The reader had a hand in it herself."""


# --- hers -------------------------------------------------------------------------------------------------------------


async def dispute(database: AsyncEngine, me: Principal, redemption_id: UUID, new: NewDispute, key: str) -> Outcome:
    """She says that she has not redeemed it. NotAllowed, and what `cases.dispute` refuses."""

    async def work(tx: AsyncConnection, now: datetime.datetime) -> tuple[DisputeView, UUID]:
        her = await own.volunteer(tx, me)
        policy = await policies.in_force(tx, me.book_id, day_of(now))
        made = await cases.dispute(
            *(tx, me.book_id, her.holder, redemption_id), by=me.name, now=now, policy=policy, words=new.words
        )
        return DisputeView(made.case_id, redemption_id, made.points, made.opened_at), redemption_id

    call = calls.identity("POST", f"/me/redemptions/{redemption_id}/dispute", new)
    return await claimed.once(database, me, key, call, work)


# --- the staff's ------------------------------------------------------------------------------------------------------


async def listed(
    tx: AsyncConnection, me: Principal, *, state: State | None = None, after: UUID | None = None, limit: int
) -> list[CaseView]:
    """Cases within reach, the newest first."""
    within = desk.reach(me, Right.READ_SHOPS)
    found = await cases.listed(tx, me.book_id, within, state=state, after=after, limit=limit)
    numbers = await volunteers.numbers_of(tx, me.book_id, {each.holder for each in found})
    return [view(each, numbers.get(each.holder)) for each in found]


async def story(tx: AsyncConnection, me: Principal, case_id: UUID) -> Story:
    """One case with all about it. UnknownCase, NotAllowed."""
    case = await cases.find(tx, me.book_id, case_id)
    auth.within(me, Right.READ_SHOPS, case.line)
    of = await redemption.find(tx, me.book_id, case.redemption_id)
    numbers = await volunteers.numbers_of(tx, me.book_id, [case.holder])
    decides = auth.is_within(me, Right.DECIDE_CASES, case.line)
    return Story(case, of, numbers.get(case.holder), decides, await _involved(tx, me, case))


async def answer(tx: AsyncConnection, me: Principal, case_id: UUID, new: NewAnswer) -> Case:
    """Notes what the shop says. NotAllowed, and what `cases.answer` refuses."""
    await _to_decide(tx, me, case_id)
    return await cases.answer(tx, me.book_id, case_id, new.answer, by=me.name, now=await connect.now(tx))


async def propose(tx: AsyncConnection, me: Principal, case_id: UUID, new: NewProposal) -> Case:
    """The first person's decision. NotAllowed, SecondPersonNeeded, and what `cases.propose` refuses."""
    holder = await _to_decide(tx, me, case_id)
    return await cases.propose(
        *(tx, me.book_id, case_id, new.upheld, new.reason), by=me.name, holder=holder, now=await connect.now(tx)
    )


async def decide(database: AsyncEngine, me: Principal, case_id: UUID, new: NewDecision, key: str) -> Outcome:
    """The second person's. NotAllowed, SecondPersonNeeded, and what `cases.decide` refuses."""

    async def work(tx: AsyncConnection, now: datetime.datetime) -> tuple[CaseView, UUID]:
        holder = await _to_decide(tx, me, case_id)
        case = await cases.decide(tx, me.book_id, case_id, new.agree, by=me.name, holder=holder, now=now)
        numbers = await volunteers.numbers_of(tx, me.book_id, [case.holder])
        return view(case, numbers.get(case.holder)), case.redemption_id

    call = calls.identity("POST", f"/cases/{case_id}/decision", new)
    return await claimed.once(database, me, key, call, work)


async def _to_decide(tx: AsyncConnection, me: Principal, case_id: UUID) -> str | None:
    """The caller's own holder number, if she is a volunteer. UnknownCase, NotAllowed, SecondPersonNeeded."""
    case = await cases.find(tx, me.book_id, case_id)
    auth.within(me, Right.DECIDE_CASES, case.line)
    if _keeps(me, case):
        raise SecondPersonNeeded
    return await desk.holder(tx, me)


async def _involved(tx: AsyncConnection, me: Principal, case: Case) -> bool:
    return _keeps(me, case) or cases.involved(case, me.name, await desk.holder(tx, me))


def _keeps(me: Principal, case: Case) -> bool:
    """Whether the shop is the caller's own."""
    return any(grant.outlet == case.outlet for grant in me.grants)


# --- views ------------------------------------------------------------------------------------------------------------


def view(case: Case, volunteer: str | None) -> CaseView:
    """A case as answers show it."""
    return CaseView(
        case.case_id,
        case.redemption_id,
        case.outlet,
        case.outlet_name,
        volunteer,
        case.day,
        case.points,
        case.words,
        case.opened_at,
        case.answer,
        case.proposed,
        case.proposed_by,
        case.proposed_at,
        case.reason,
        case.upheld,
        case.decided_by,
        case.decided_at,
    )


def story_view(told: Story) -> CaseStory:
    """A case with its redemption."""
    of = told.redemption
    return CaseStory(
        **msgspec.structs.asdict(view(told.case, told.volunteer)),
        means=of.means,
        made_at=of.made_at,
        till=of.till,
        clerk=of.clerk,
        goods=[GoodsView(line.item, line.name, line.quantity, line.points, line.returned) for line in of.lines],
    )
