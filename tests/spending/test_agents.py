"""Redeemed for somebody else: she is called about some of it, and what she denies becomes a case."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import eighteen
from ledger.books.directory import Book
from ledger.database import connect
from ledger.errors import AlreadyDecided, SecondPersonNeeded, UnknownRedemption
from ledger.spending import agents, cases, presented, redemption, refunds, tickets, tills
from ledger.spending.agents import CallBack
from ledger.spending.baskets import Wanted
from ledger.spending.policy import Policy
from ledger.spending.tables import alarms as alarms_table
from tests.earning.programmes import later
from tests.spending.shops import Shop, no_age, opened_shop, policy_of


@pytest.fixture
async def shop(database: AsyncEngine, book: Book) -> Shop:
    return await opened_shop(database, book, people=2)


async def redeem_for_her(shop: Shop, *, sample: int = 100) -> UUID:
    """The second volunteer redeems two bars of soap for the first, who gave her a ticket."""
    digest, agent = secrets.token_bytes(32), shop.programme.volunteers[1]
    policy = replace(await policy_of(shop), agent_sample=sample)
    book = shop.book.book_id
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        await tickets.issue(tx, book, shop.holder, [digest], by="user:1", now=now, policy=policy)
        till = await tills.find(tx, book, shop.till.till)
        shown = await presented.by_number(tx, book, till, eighteen.PAPER, [digest], now=now)
        acting = await agents.acting(tx, book, agent.volunteer_no, shown.holder)
        shown = replace(shown, agent=acting)
        made = await redemption.redeem(tx, book, till, shown, [Wanted("G01", 2)], age=no_age, now=now, policy=policy)
    return made.redemption_id


async def due(shop: Shop, within: list[str] | None = None, **more: Any) -> list[CallBack]:
    async with shop.database.connect() as tx:
        return await agents.due(tx, shop.book.book_id, within, **more)


async def note(
    shop: Shop, asked: UUID, *, confirmed: bool, by: str = "user:reviewer", holder: str | None = None, **later_by: float
) -> CallBack:
    policy: Policy = await policy_of(shop)
    async with later(shop.database, **later_by).begin() as tx:
        now = await connect.now(tx)
        return await agents.note(
            tx, shop.book.book_id, asked, confirmed=confirmed, by=by, holder=holder, now=now, policy=policy
        )


async def test_a_redemption_names_both_and_those_drawn_wait_for_a_call(shop: Shop) -> None:
    first, second = await redeem_for_her(shop), await redeem_for_her(shop)
    await redeem_for_her(shop, sample=0)
    waiting = await due(shop)
    assert [each.redemption_id for each in waiting] == [first, second]
    assert {(each.holder, each.agent, each.points) for each in waiting} == {
        (shop.holder, shop.programme.volunteers[1].holder, 10)
    }
    assert [each.redemption_id for each in await due(shop, after=first)] == [second]
    assert len(await due(shop, limit=1)) == 1
    assert len(await due(shop, within=["D"])) == 2, "above the outlet's organisation"
    assert await due(shop, within=["D1T"]) == [], "below it"


async def test_what_she_confirms_is_noted_with_who_asked_and_when(shop: Shop) -> None:
    asked = await redeem_for_her(shop)
    noted = await note(shop, asked, confirmed=True)
    assert (noted.answer, noted.called_by) == ("confirmed", "user:reviewer")
    assert noted.called_at is not None
    assert await note(shop, asked, confirmed=True, by="user:other") == noted, "the same again changes nothing"
    with pytest.raises(AlreadyDecided):
        await note(shop, asked, confirmed=False)
    assert await due(shop) == []
    async with shop.database.connect() as tx:
        assert await cases.of_redemption(tx, shop.book.book_id, asked) is None


async def test_what_she_denies_becomes_a_case_that_the_one_who_called_does_not_decide(shop: Shop) -> None:
    asked = await redeem_for_her(shop)
    assert (await note(shop, asked, confirmed=False)).answer == "denied"
    async with shop.database.connect() as tx:
        case = await cases.of_redemption(tx, shop.book.book_id, asked)
    assert case is not None
    assert (case.points, case.opened_by, case.upheld) == (10, "user:reviewer", None)
    assert cases.involved(case, "user:reviewer", None)
    assert await shop.balance("2310.X0001") == 10


async def test_nobody_asks_about_what_she_had_a_hand_in(shop: Shop) -> None:
    asked = await redeem_for_her(shop)
    for holder in (shop.holder, shop.programme.volunteers[1].holder):
        with pytest.raises(SecondPersonNeeded):
            await note(shop, asked, confirmed=True, holder=holder)
    assert len(await due(shop)) == 1


async def test_denied_too_late_for_a_case_it_is_still_heard_of(shop: Shop) -> None:
    asked = await redeem_for_her(shop)
    assert (await note(shop, asked, confirmed=False, days=8)).answer == "denied"
    async with shop.database.connect() as tx:
        assert await cases.of_redemption(tx, shop.book.book_id, asked) is None
        found = select(func.count()).where(
            alarms_table.c.book_id == shop.book.book_id, alarms_table.c.redemption_id == asked
        )
        assert (await tx.execute(found)).scalar_one() == 1


async def test_what_was_cancelled_is_not_asked_about_and_what_was_not_drawn_is_unknown(shop: Shop) -> None:
    asked, other = await redeem_for_her(shop), await redeem_for_her(shop, sample=0)
    policy = await policy_of(shop)
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        await refunds.cancel(tx, shop.book.book_id, asked, outlet=shop.OUTLET, by="till:1", now=now, policy=policy)
    assert await due(shop) == []
    for unknown in (other, uuid4()):
        with pytest.raises(UnknownRedemption):
            await note(shop, unknown, confirmed=True)


async def test_a_ticket_is_used_up_also_by_what_is_cancelled(shop: Shop) -> None:
    asked = await redeem_for_her(shop)
    policy = await policy_of(shop)
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        await refunds.cancel(tx, shop.book.book_id, asked, outlet=shop.OUTLET, by="till:1", now=now, policy=policy)
    async with shop.database.connect() as tx:
        [sheet] = await tickets.of_volunteer(tx, shop.book.book_id, shop.holder)
    assert sheet.used == 1
