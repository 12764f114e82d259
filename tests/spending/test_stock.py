"""Stock: what comes, what goes, what is found; the shelves and the books always say the same."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import journal
from ledger.books.directory import Book
from ledger.errors import InvalidField, NotOffered, OfferExists, SoldOut, StockChanged, UnknownGoods, UnknownOutlet
from ledger.spending import stock
from ledger.spending.stock import Counted
from tests.books.ledgers import balances_of
from tests.spending.goods import TODAY, Shelves, stocked


@pytest.fixture
async def shelves(database: AsyncEngine, shelved: Book) -> Shelves:
    shelves = await stocked(database, shelved)
    await shelves.item("G1")
    return shelves


async def balances(shelves: Shelves, *codes: str) -> list[int]:
    found = await balances_of(shelves.database, shelves.book, *codes)
    return [found[code] for code in codes]


async def test_a_hundred_towels_are_donated_as_in_t12(shelves: Shelves) -> None:
    move = await shelves.receive("G1", 100, note="某公司捐赠")

    assert (move.kind, move.pieces, move.value, move.moved_by) == ("donated", 100, 1_200, "user:operator")
    assert await balances(shelves, "1200.X1", "3200") == [1_200, 1_200]
    assert await shelves.shelf("G1") == (100, 1_200)
    assert move.transaction_id is not None
    async with shelves.database.connect() as tx:
        transaction = await journal.read(tx, shelves.id, move.transaction_id)
        assert await stock.moves_of(tx, shelves.id, "X1") == [move]
    assert (transaction.kind, transaction.description) == ("spend.receipt", "")


async def test_what_the_programme_buys_takes_points_and_money_from_what_stands_behind_them(shelves: Shelves) -> None:
    await shelves.receive("G1", 10, "bought", fen=9_950)

    assert await balances(shelves, "1200.X1", "1100", "3110", "1110") == [120, -120, -9_950, -9_950]


async def test_the_merchants_own_goods_are_counted_and_never_in_the_books(shelves: Shelves) -> None:
    await shelves.offered("G1", supply="merchant")
    assert await shelves.take(G1=1_000_000) == {"G1": 0}  # not counted, so never sold out

    move = await shelves.receive("G1", 3, "merchant")

    assert (move.pieces, move.value, move.transaction_id) == (3, 0, None)
    assert await shelves.take(G1=3) == {"G1": 0}
    with pytest.raises(SoldOut):
        await shelves.take(G1=1)
    await shelves.put_back(("G1", 2, 0))
    assert await shelves.shelf("G1") == (2, 0)
    await shelves.count(Counted("G1", 5), reason="多了三件")
    assert await shelves.shelf("G1") == (5, 0)


async def test_a_perk_from_stock_stands_at_nothing(shelves: Shelves) -> None:
    await shelves.item("P1", kind="perk", points=0)
    move = await shelves.receive("P1", 5)
    assert (move.value, move.transaction_id) == (0, None)
    assert await shelves.take(P1=5) == {"P1": 0}


async def test_stock_stands_at_what_it_was_received_at_and_goes_at_the_average(shelves: Shelves) -> None:
    await shelves.receive("G1", 2)
    await shelves.priced("G1", TODAY, 15)
    await shelves.receive("G1", 1)  # 12 + 12 + 15

    assert await shelves.take(G1=1) == {"G1": 13}
    await shelves.receive("G1", 1)  # 41 for three
    assert await shelves.take(G1=2) == {"G1": 27}
    assert await shelves.take(G1=1) == {"G1": 14}  # the last takes what is left
    assert await shelves.stands_right() == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pieces": 0}, "pieces"),
        ({"pieces": -1}, "pieces"),
        ({"pieces": 2**63}, "pieces"),
        ({"origin": "found"}, "origin"),
        ({"fen": 1}, "fen"),
        ({"origin": "bought"}, "fen"),
        ({"origin": "bought", "fen": 2**63}, "fen"),
        ({"note": "a\x00"}, "note"),
        ({"note": "长" * 201}, "note"),
    ],
)
async def test_what_cannot_have_come_is_not_received(shelves: Shelves, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await shelves.receive("G1", **({"pieces": 1} | changes))
    assert caught.value.field == field
    async with shelves.database.connect() as tx:
        assert await stock.shelves(tx, shelves.id, "X1") == []


async def test_goods_come_to_an_outlet_that_is_there_from_where_it_has_them(shelves: Shelves) -> None:
    await shelves.offered("G1")
    with pytest.raises(OfferExists):
        await shelves.receive("G1", 1, "merchant")
    with pytest.raises(UnknownGoods):
        await shelves.receive("G9", 1)
    with pytest.raises(UnknownOutlet):
        await shelves.receive("G1", 1, outlet="X9")
    with pytest.raises(UnknownOutlet):
        await shelves.count(Counted("G1", 1), outlet="X9")
    with pytest.raises(NotOffered):
        await shelves.count(Counted("G9", 1))


# --- counts ----------------------------------------------------------------------------------------------------------


async def test_what_a_count_does_not_find_is_a_loss_and_what_it_finds_too_many_makes_it_smaller(
    shelves: Shelves,
) -> None:
    await shelves.item("G2", points=5)
    await shelves.receive("G1", 10)
    await shelves.receive("G2", 10)

    moves = await shelves.count(Counted("G2", 12), Counted("G1", 7), reason="受潮三条，少记两块")

    assert [(each.item, each.pieces, each.value) for each in moves] == [("G1", -3, -36), ("G2", 2, 10)]
    assert await balances(shelves, "1200.X1", "5300") == [120 - 36 + 50 + 10, 26]
    assert await shelves.stands_right() == 144


async def test_a_difference_needs_a_reason_and_a_count_that_agrees_none(shelves: Shelves) -> None:
    await shelves.receive("G1", 10)
    for reason in ("", "少了", "      "):
        with pytest.raises(InvalidField) as caught:
            await shelves.count(Counted("G1", 9), reason=reason)
        assert (caught.value.field, caught.value.problem) == ("reason", "not_a_reason")

    [move] = await shelves.count(Counted("G1", 10))

    assert (move.pieces, move.value, move.transaction_id) == (0, 0, None)
    assert await shelves.shelf("G1") == (10, 120)


async def test_what_is_found_where_nothing_was_stands_at_todays_price(shelves: Shelves) -> None:
    await shelves.offered("G1")
    [move] = await shelves.count(Counted("G1", 2), reason="仓库里找到")
    assert (move.pieces, move.value) == (2, 24)
    await shelves.count(Counted("G1", 0), reason="全部受潮")
    assert await shelves.stands_right() == 0


async def test_who_was_told_what_should_be_there_counts_again_when_something_was_sold_meanwhile(
    shelves: Shelves,
) -> None:
    await shelves.item("G2")
    await shelves.receive("G1", 10)
    await shelves.receive("G2", 10)
    await shelves.take(G1=1)

    with pytest.raises(StockChanged) as caught:
        await shelves.count(Counted("G2", 8, 10), Counted("G1", 10, 10), reason="少了两件")

    assert (caught.value.item, caught.value.pieces) == ("G1", 9)
    assert await shelves.shelf("G2") == (10, 120)  # all or nothing
    await shelves.count(Counted("G2", 8, 10), Counted("G1", 9, 9), reason="少了两件")
    assert await shelves.shelf("G2") == (8, 96)


@pytest.mark.parametrize(
    ("counted", "field"),
    [
        ([], "items"),
        ([Counted("G1", -1)], "items[0].found"),
        ([Counted("G1", 2**63)], "items[0].found"),
        ([Counted("G1", 1), Counted("G1", 2)], "items[1].item"),
    ],
)
async def test_what_is_no_count_is_not_taken(shelves: Shelves, counted: list[Counted], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await shelves.count(*counted)
    assert caught.value.field == field


# --- races -----------------------------------------------------------------------------------------------------------


async def test_of_fifty_buyers_of_the_last_piece_one_gets_it(shelves: Shelves) -> None:
    await shelves.receive("G1", 1)

    outcomes = await asyncio.gather(*(shelves.take(G1=1) for _ in range(50)), return_exceptions=True)

    assert [each for each in outcomes if not isinstance(each, SoldOut)] == [{"G1": 12}]
    assert await shelves.shelf("G1") == (0, 0)
    assert await shelves.stands_right() == 0


async def test_buyers_of_the_same_things_in_another_order_all_get_them(shelves: Shelves) -> None:
    await shelves.item("G2", points=7)
    await shelves.receive("G1", 40)
    await shelves.receive("G2", 40)

    outcomes = await asyncio.gather(
        *(shelves.take(**dict(sorted({"G1": 1, "G2": 2}.items(), reverse=number % 2 == 1))) for number in range(30)),
        return_exceptions=True,
    )

    got = [each for each in outcomes if isinstance(each, dict)]
    assert len(got) == 20
    assert all(isinstance(each, SoldOut) for each in outcomes if not isinstance(each, dict))  # nobody waits in a ring
    assert [await shelves.shelf("G1"), await shelves.shelf("G2")] == [(20, 240), (0, 0)]
    await shelves.stands_right()


async def test_of_a_basket_of_which_one_thing_is_sold_out_nothing_is_taken(shelves: Shelves) -> None:
    await shelves.item("G2")
    await shelves.receive("G1", 5)
    await shelves.receive("G2", 1)
    async with shelves.database.begin() as tx:
        with pytest.raises(SoldOut) as caught:
            await stock.take(tx, shelves.id, "X1", {"G1": 1, "G2": 2})
    assert caught.value.item == "G2"
    assert await shelves.shelf("G1") == (5, 60)


async def test_a_count_while_something_is_sold_loses_neither(shelves: Shelves) -> None:
    await shelves.receive("G1", 100)

    async def count(found: int) -> None:
        await shelves.count(Counted("G1", found, found + 1), reason="少了一件")

    outcomes = await asyncio.gather(
        *(shelves.take(G1=1) for _ in range(40)), *(count(99 - n) for n in range(10)), return_exceptions=True
    )

    counts = [each for each in outcomes[40:] if each is None]
    assert all(isinstance(each, dict) for each in outcomes[:40])
    assert all(each is None or isinstance(each, StockChanged) for each in outcomes[40:])
    assert await shelves.shelf("G1") == (60 - len(counts), (60 - len(counts)) * 12)
    await shelves.stands_right()


@pytest.mark.parametrize("seed", range(4))
async def test_the_shelves_stand_in_the_books_at_what_they_say_whatever_happens(shelves: Shelves, seed: int) -> None:
    chance = random.Random(seed)
    codes = ["G1", "G2", "G3"]
    await shelves.item("G2", points=7)
    await shelves.item("G3", points=200)
    pieces = dict.fromkeys(codes, 0)
    taken: list[tuple[str, int, int]] = []
    for code in codes:
        await shelves.offered(code)
    for step in range(30):
        code, number = chance.choice(codes), chance.randint(1, 5)
        match chance.choice(["receive", "take", "take", "put back", "count", "price"]):
            case "receive":
                origin = chance.choice(["donated", "bought"])
                await shelves.receive(code, number, origin, fen=number * 100 if origin == "bought" else 0)
                pieces[code] += number
            case "take":
                try:
                    values = await shelves.take(**{code: number})
                except SoldOut:
                    assert pieces[code] < number
                else:
                    pieces[code] -= number
                    taken.append((code, number, values[code]))
            case "put back" if taken:
                back = taken.pop(chance.randrange(len(taken)))
                await shelves.put_back(back)
                pieces[back[0]] += back[1]
            case "count":
                found = max(0, pieces[code] + chance.randint(-3, 3))
                await shelves.count(Counted(code, found, pieces[code]), reason=f"第{step}次盘点")
                pieces[code] = found
            case "price":
                await shelves.priced(code, TODAY, chance.randint(1, 50))
        assert [await shelves.shelf(each) for each in codes if pieces[each] == 0] == [
            (0, 0) for each in codes if pieces[each] == 0
        ]
        await shelves.stands_right()
    assert {each: (await shelves.shelf(each))[0] for each in codes} == pieces
