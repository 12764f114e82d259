"""不是我兑换的: what a volunteer disputes, what two people decide, and where the points are meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.books.tables import lots
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import (
    AlreadyDecided,
    AlreadyProposed,
    InvalidField,
    NotDisputable,
    NotProposed,
    RedemptionDisputed,
    Refusal,
    SecondPersonNeeded,
    UnknownCase,
    UnknownRedemption,
)
from ledger.spending import alarms, cases, policies, redemption, refunds
from ledger.spending.cases import Case
from ledger.spending.refunds import Returned
from ledger.spending.tables import redemptions
from tests.earning.programmes import later
from tests.spending.shops import Shop, opened_shop

FIRST, SECOND, THIRD = "user:71", "user:72", "user:73"


async def dispute(
    shop: Shop, redemption_id: UUID, *, holder: str | None = None, at: AsyncEngine | None = None, words: str = ""
) -> Case:
    async with (at or shop.database).begin() as tx:
        now = await connect.now(tx)
        policy = await policies.in_force(tx, shop.book.book_id, day_of(now))
        return await cases.dispute(
            *(tx, shop.book.book_id, holder or shop.holder, redemption_id),
            by="user:8",
            now=now,
            policy=policy,
            words=words,
        )


async def propose(
    shop: Shop, case: Case, *, upheld: bool, by: str = FIRST, holder: str | None = None, reason: str = "已向店主核实"
) -> Case:
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        return await cases.propose(
            *(tx, shop.book.book_id, case.case_id, upheld, reason), by=by, holder=holder, now=now
        )


async def decide(shop: Shop, case: Case, *, agree: bool = True, by: str = SECOND, holder: str | None = None) -> Case:
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        return await cases.decide(*(tx, shop.book.book_id, case.case_id, agree), by=by, holder=holder, now=now)


async def refund(shop: Shop, redemption_id: UUID, quantity: int = 1) -> refunds.Refund:
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        policy = await policies.in_force(tx, shop.book.book_id, day_of(now))
        return await refunds.refund(
            *(tx, shop.book.book_id, redemption_id, [Returned(0, quantity)]),
            outlet=shop.OUTLET,
            by="till:1",
            now=now,
            policy=policy,
        )


async def cancel(shop: Shop, redemption_id: UUID) -> None:
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        policy = await policies.in_force(tx, shop.book.book_id, day_of(now))
        await refunds.cancel(
            *(tx, shop.book.book_id, redemption_id), outlet=shop.OUTLET, by="till:1", now=now, policy=policy
        )


async def word(doing: Awaitable[Any]) -> str:
    """`done`, or the refusal's name."""
    try:
        await doing
    except Refusal as refusal:
        return type(refusal).__name__
    return "done"


async def bought(shop: Shop, item: str = "S01", quantity: int = 1) -> UUID:
    """Something is redeemed at once, without confirmation."""
    made = await shop.redeem(await shop.code(), {item: quantity})
    if made.status == "waiting":
        await confirm(shop, made.redemption_id)
    return made.redemption_id


async def confirm(shop: Shop, redemption_id: UUID) -> None:
    async with shop.database.begin() as tx:
        await redemption.confirm(
            tx, shop.book.book_id, shop.holder, redemption_id, by="user:8", now=await connect.now(tx)
        )


async def stand(shop: Shop) -> tuple[int, int, int]:
    """Her wallet, what the shop is owed, and what of that is disputed."""
    outlet = shop.OUTLET
    return await shop.wallet(), await shop.balance(f"2300.{outlet}"), await shop.balance(f"2310.{outlet}")


# --- disputed ---------------------------------------------------------------------------------------------------------


async def test_what_she_disputes_is_kept_from_the_shop_at_once(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop)
    assert await stand(shop) == (70, 30, 0)
    case = await dispute(shop, made, words="那天我在医院")
    assert (case.points, case.words, case.upheld, case.outlet) == (30, "那天我在医院", None, shop.OUTLET)
    assert await stand(shop) == (70, 0, 30)
    async with database.connect() as tx:
        [alarm] = await alarms.listed(tx, book.book_id)
    assert (alarm.rule, alarm.redemption_id, alarm.holder, alarm.facts) == (
        "disputed",
        made,
        shop.holder,
        {"points": 30},
    )


async def test_goods_of_the_stock_are_disputed_like_a_merchants(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop, "G01", 3)
    case = await dispute(shop, made)
    assert await stand(shop) == (85, -15, 15)  # who gave the goods away owes for them until it is decided
    await propose(shop, case, upheld=False)
    await decide(shop, case)
    assert await stand(shop) == (85, 0, 0)
    assert await shop.pieces("G01") == 197


async def test_a_redemption_is_disputed_once(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop)
    await dispute(shop, made)
    with pytest.raises(RedemptionDisputed):
        await dispute(shop, made)
    assert await stand(shop) == (70, 0, 30)


async def test_nobody_disputes_what_another_redeemed(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book, people=2)
    made = await bought(shop)
    other = shop.programme.volunteers[1].holder
    with pytest.raises(UnknownRedemption):
        await dispute(shop, made, holder=other)
    with pytest.raises(UnknownRedemption):
        await dispute(shop, uuid4())
    assert await stand(shop) == (70, 30, 0)


@pytest.mark.parametrize(("days", "outcome"), [(7, "done"), (8, "TooLateToDispute")])
async def test_she_has_a_week(database: AsyncEngine, book: Book, days: int, outcome: str) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop)
    assert await word(dispute(shop, made, at=later(shop.database, days=days))) == outcome


async def test_what_waits_or_was_cancelled_is_not_disputed(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book, points=200)
    waiting = await shop.redeem(await shop.code(), {"G06": 1})
    assert waiting.status == "waiting"
    with pytest.raises(NotDisputable) as refused:
        await dispute(shop, waiting.redemption_id)
    assert refused.value.why == "waiting"
    await cancel(shop, waiting.redemption_id)
    with pytest.raises(NotDisputable) as refused:
        await dispute(shop, waiting.redemption_id)
    assert refused.value.why == "cancelled"


async def test_of_what_was_given_back_in_part_the_rest_is_disputed(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop, "G01", 3)
    await refund(shop, made)
    case = await dispute(shop, made)
    assert case.points == 10
    await propose(shop, case, upheld=True)
    await decide(shop, case)
    assert await stand(shop) == (100, -10, 0)
    assert (await shop.find(made)).refunded == 15


async def test_of_what_was_given_back_whole_nothing_is_disputed(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop, "G01", 3)
    await refund(shop, made, 3)
    with pytest.raises(NotDisputable) as refused:
        await dispute(shop, made)
    assert refused.value.why == "refunded"


async def test_a_perk_is_a_case_without_a_posting(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    case = await dispute(shop, await bought(shop, "S07"))
    assert (case.points, case.transaction_id) == (0, None)
    await propose(shop, case, upheld=True)
    decided = await decide(shop, case)
    assert (decided.upheld, decided.decision_transaction) == (True, None)
    assert await stand(shop) == (100, 0, 0)


@pytest.mark.parametrize("words", ["两\n行", "长" * 201, "\x00"])
async def test_what_she_says_is_one_line(database: AsyncEngine, book: Book, words: str) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop)
    with pytest.raises(InvalidField):
        await dispute(shop, made, words=words)


# --- decided ----------------------------------------------------------------------------------------------------------


async def test_upheld_by_two_people_she_has_her_points_back_in_their_lots(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop)
    case = await propose(shop, await dispute(shop, made), upheld=True)
    assert (case.proposed, case.proposed_by, case.reason) == (True, FIRST, "已向店主核实")
    assert await stand(shop) == (70, 0, 30)
    decided = await decide(shop, case)
    assert (decided.upheld, decided.decided_by) == (True, SECOND)
    assert await stand(shop) == (100, 0, 0)
    async with database.connect() as tx:
        [given] = await refunds.of(tx, book.book_id, made)
    assert (given.kind, given.points, given.transaction_id) == ("case", 30, decided.decision_transaction)
    assert (await shop.find(made)).refunded == 30
    async with database.connect() as tx:
        kept = await tx.execute(select(lots.c.remaining).where(lots.c.book_id == book.book_id, lots.c.remaining > 0))
        assert kept.scalars().all() == [100]  # in the lot that they came from: nothing was made anew


async def test_rejected_the_shop_is_owed_again(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop)
    case = await propose(shop, await dispute(shop, made), upheld=False)
    decided = await decide(shop, case)
    assert decided.upheld is False
    assert await stand(shop) == (70, 30, 0)
    assert (await shop.find(made)).refunded == 0
    # It may still be undone as any other.
    await cancel(shop, made)
    assert await stand(shop) == (100, 0, 0)


async def test_what_she_confirmed_on_her_phone_is_given_back_as_well(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book, points=200)
    case = await dispute(shop, await bought(shop, "G06"))
    assert case.points == 150
    await propose(shop, case, upheld=True)
    await decide(shop, case)
    assert await stand(shop) == (200, -150, 0)


async def test_nobody_decides_alone(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    case = await dispute(shop, await bought(shop))
    with pytest.raises(NotProposed):
        await decide(shop, case)
    await propose(shop, case, upheld=True)
    with pytest.raises(SecondPersonNeeded):
        await decide(shop, case, by=FIRST)
    with pytest.raises(SecondPersonNeeded):
        await decide(shop, case, by=FIRST, agree=False)
    with pytest.raises(AlreadyProposed):
        await propose(shop, case, upheld=False, by=SECOND)
    assert await stand(shop) == (70, 0, 30)


async def test_who_disagrees_sends_it_back_to_the_beginning(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    case = await dispute(shop, await bought(shop))
    await propose(shop, case, upheld=True)
    again = await decide(shop, case, agree=False)
    assert (again.proposed, again.proposed_by, again.reason, again.upheld) == (None, None, None, None)
    assert await stand(shop) == (70, 0, 30)
    with pytest.raises(NotProposed):
        await decide(shop, case)
    await propose(shop, case, upheld=False, by=SECOND)
    await decide(shop, case, by=THIRD)
    assert await stand(shop) == (70, 30, 0)


async def test_the_first_person_may_think_again(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    case = await dispute(shop, await bought(shop))
    await propose(shop, case, upheld=True)
    changed = await propose(shop, case, upheld=False, reason="监控里是她本人")
    assert (changed.proposed, changed.reason) == (False, "监控里是她本人")
    assert (await decide(shop, case)).upheld is False


async def test_nobody_decides_what_she_had_a_hand_in(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book, people=2)
    made = await bought(shop)
    agent = shop.programme.volunteers[1].holder
    async with database.begin() as tx:
        of_it = redemptions.c.book_id == book.book_id, redemptions.c.redemption_id == made
        await tx.execute(update(redemptions).where(*of_it).values(clerk="user:90", agent=agent))
    case = await dispute(shop, made)
    hands: tuple[dict[str, Any], ...] = (
        {"by": "user:8"},
        {"by": "user:90"},
        {"by": FIRST, "holder": shop.holder},
        {"by": FIRST, "holder": agent},
    )
    for hand in hands:
        with pytest.raises(SecondPersonNeeded):
            await propose(shop, case, upheld=True, **hand)
    await propose(shop, case, upheld=True, by=THIRD)
    for hand in hands:
        with pytest.raises(SecondPersonNeeded):
            await decide(shop, case, **hand)


async def test_what_has_been_decided_stays(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    case = await dispute(shop, await bought(shop))
    await propose(shop, case, upheld=True)
    await decide(shop, case)
    for doing in (propose(shop, case, upheld=False), decide(shop, case, by=THIRD), answer(shop, case)):
        with pytest.raises(AlreadyDecided):
            await doing
    assert await stand(shop) == (100, 0, 0)
    with pytest.raises(UnknownCase):
        async with database.connect() as tx:
            await cases.find(tx, book.book_id, uuid4())


async def answer(shop: Shop, case: Case, text: str = "当面刷的码") -> Case:
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        return await cases.answer(tx, shop.book.book_id, case.case_id, text, by=FIRST, now=now)


async def test_what_the_shop_says_stands_beside_what_she_says(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    case = await dispute(shop, await bought(shop), words="不是我")
    await answer(shop, case)
    told = await answer(shop, case, "店里有监控")
    assert (told.words, told.answer, told.answered_by) == ("不是我", "店里有监控", FIRST)
    assert (await propose(shop, case, upheld=False)).proposed_by == FIRST  # who wrote it down may decide


@pytest.mark.parametrize("reason", ["", "短", "两\n行两行", "长" * 201])
async def test_a_proposal_has_a_reason(database: AsyncEngine, book: Book, reason: str) -> None:
    shop = await opened_shop(database, book)
    case = await dispute(shop, await bought(shop))
    with pytest.raises(InvalidField):
        await propose(shop, case, upheld=True, reason=reason)


# --- while it is open -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upheld", [None, True])
async def test_of_what_is_disputed_or_was_upheld_the_shop_undoes_nothing(
    database: AsyncEngine, book: Book, upheld: bool | None
) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop, "G01", 3)
    case = await dispute(shop, made)
    if upheld:
        await propose(shop, case, upheld=True)
        await decide(shop, case)
    before = await stand(shop), await shop.pieces("G01")
    for doing in (refund(shop, made), cancel(shop, made)):
        with pytest.raises(RedemptionDisputed):
            await doing
    assert (await stand(shop), await shop.pieces("G01")) == before


# --- at once ----------------------------------------------------------------------------------------------------------


async def test_of_two_who_decide_at_once_one_does(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    case = await dispute(shop, await bought(shop))
    await propose(shop, case, upheld=True)
    outcomes = await asyncio.gather(*(word(decide(shop, case, by=by)) for by in (SECOND, THIRD, "user:74")))
    assert sorted(outcomes) == ["AlreadyDecided", "AlreadyDecided", "done"]
    assert await stand(shop) == (100, 0, 0)


async def test_who_agrees_and_who_disagrees_at_once_have_one_outcome(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    case = await dispute(shop, await bought(shop))
    await propose(shop, case, upheld=True)
    outcomes = await asyncio.gather(word(decide(shop, case)), word(decide(shop, case, by=THIRD, agree=False)))
    async with database.connect() as tx:
        now = await cases.find(tx, book.book_id, case.case_id)
    if now.upheld:
        assert (outcomes, await stand(shop)) == (["done", "AlreadyDecided"], (100, 0, 0))
    else:
        assert (outcomes, await stand(shop)) == (["NotProposed", "done"], (70, 0, 30))


async def test_a_dispute_and_a_refund_at_once_move_the_points_once(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop, "G01", 3)
    outcomes = await asyncio.gather(word(dispute(shop, made)), word(refund(shop, made, 3)))
    if outcomes[0] == "done":
        assert (outcomes, await stand(shop)) == (["done", "RedemptionDisputed"], (85, -15, 15))
    else:
        assert (outcomes, await stand(shop)) == (["NotDisputable", "done"], (100, 0, 0))


async def test_a_dispute_pressed_many_times_opens_one_case(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await bought(shop)
    outcomes = await asyncio.gather(*(word(dispute(shop, made)) for _ in range(5)))
    assert sorted(outcomes) == ["RedemptionDisputed"] * 4 + ["done"]
    assert await stand(shop) == (70, 0, 30)


# --- lists ------------------------------------------------------------------------------------------------------------


async def test_staff_find_the_cases_of_their_organisations(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = [await dispute(shop, await bought(shop, "G01")) for _ in range(3)]
    await propose(shop, made[0], upheld=True)
    await decide(shop, made[0])

    async def found(**asked: Any) -> list[UUID]:
        async with database.connect() as tx:
            return [each.case_id for each in await cases.listed(tx, book.book_id, **asked)]

    ids = [each.case_id for each in reversed(made)]
    assert await found() == await found(within={"D"}) == await found(within={"D1"}) == ids
    assert await found(within={"D1T"}) == []
    assert (await found(state="open"), await found(state="decided")) == (ids[:2], ids[2:])
    assert await found(state="open", within={"D1T"}) == []
    assert await found(limit=2) + await found(after=ids[1]) == ids
    async with database.connect() as tx:
        of_it = await cases.of_redemption(tx, book.book_id, made[0].redemption_id)
        rows = await tx.execute(select(redemptions.c.redemption_id).where(redemptions.c.book_id == book.book_id))
    assert (of_it is not None and of_it.case_id, len(rows.all())) == (ids[2], 3)
