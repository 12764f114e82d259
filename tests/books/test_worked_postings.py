"""The worked postings of the domain, T01 to T25, each from a state that the test prepares.

A table's left side is debited, its right side credited. Holds, corrections and clearing come after the table. The model
(`model.py`) passes the same vectors in `test_model.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import holds, integrity, journal, statements
from ledger.books.directory import Book
from ledger.books.evaluate import Transaction
from ledger.books.proposals import Side
from tests.books.ledgers import (
    CLIENT,
    NOON,
    at,
    balances_of,
    move,
    opened,
    post,
    proposal,
    reverse,
    submit,
    sums_per_unit,
    transaction_of,
)
from tests.conftest import new_book

pytestmark = pytest.mark.books


@pytest.fixture
async def book(database: AsyncEngine) -> AsyncIterator[Book]:
    """A book that is posted to by hand, so nothing stands in the rooms beside it: only its own figures are derived."""
    made = await new_book(database)
    yield made
    assert await integrity.check(database, made.book_id) == []


Leg = tuple[str, str]
"""What is debited, and what credited."""


@dataclass(frozen=True)
class Worked:
    """A worked posting: what is there before, what is posted, and the balances after it (others are not touched)."""

    number: str
    event: str
    before: tuple[Leg, ...]
    debit: str
    credit: str
    after: dict[str, int]


BUDGET = ("1100 120000 PT; 1110 12000000 CNY", "3100 120000 PT; 3110 12000000 CNY")
SERVED = ("9110 150 HR; 5100 25 PT", "9200.v 150 HR; 2110.v 25 PT")
EARNED = ("5100 60 PT", "2100.v 60 PT")

WORKED = (
    Worked(
        "T01",
        "budget: 120,000 points backed by ¥120,000",
        (),
        *BUDGET,
        {"1100": 120_000, "1110": 12_000_000, "3100": 120_000, "3110": 12_000_000},
    ),
    Worked(
        "T02",
        "2 h 30 min of signed-in service at 10 points an hour enters public notice",
        (),
        *SERVED,
        {"9110": 150, "5100": 25, "9200.v": 150, "2110.v": 25},
    ),
    Worked(
        "T03",
        "notice ends without objection",
        (SERVED,),
        "2110.v 25 PT",
        "2100.v 25 PT",
        {"9110": 150, "5100": 25, "9200.v": 150, "2110.v": 0, "2100.v": 25},
    ),
    Worked(
        "T04",
        "3 h entered afterwards, confirmed by a second person: hours only",
        (SERVED,),
        "9110 180 HR",
        "9210.v 180 HR",
        {"9110": 330, "5100": 25, "9200.v": 150, "9210.v": 180, "2110.v": 25},
    ),
    Worked(
        "T05",
        "4 h professional service, coefficient 1.5: it changes points, never hours",
        (),
        "9110 240 HR; 5100 40 PT; 5110 20 PT",
        "9200.v 240 HR; 2110.v 60 PT",
        {"9110": 240, "5100": 40, "5110": 20, "9200.v": 240, "2110.v": 60},
    ),
    Worked(
        "T06",
        "a rider's street report is accepted: +2",
        (),
        "5120 2 PT",
        "2100.v 2 PT",
        {"5120": 2, "2100.v": 2},
    ),
    Worked(
        "T07",
        "item of the rule table: neighbours reconciled, +10",
        (),
        "5120 10 PT",
        "2110.v 10 PT",
        {"5120": 10, "2110.v": 10},
    ),
    Worked(
        "T08",
        "no-show after the appeal window: −5",
        (EARNED,),
        "2100.v 5 PT",
        "4200 5 PT",
        {"5100": 60, "2100.v": 55, "4200": 5},
    ),
    Worked(
        "T12",
        "donated stock: 100 towels at 12",
        (),
        "1200.x 1200 PT",
        "3200 1200 PT",
        {"1200.x": 1200, "3200": 1200},
    ),
    Worked(
        "T13",
        "towel from own stock",
        (EARNED, ("1200.x 1200 PT", "3200 1200 PT")),
        "2100.v 12 PT",
        "1200.x 12 PT",
        {"5100": 60, "2100.v": 48, "1200.x": 1188, "3200": 1200},
    ),
    Worked(
        "T14",
        "service voucher bought",
        (EARNED,),
        "2100.v 30 PT",
        "2500 30 PT",
        {"5100": 60, "2100.v": 30, "2500": 30},
    ),
    Worked(
        "T15",
        "voucher used at the barber",
        (EARNED, ("2100.v 30 PT", "2500 30 PT")),
        "2500 30 PT",
        "2300.x 30 PT",
        {"5100": 60, "2100.v": 30, "2500": 0, "2300.x": 30},
    ),
    Worked(
        "T16",
        "merchant settled: ¥78 for 78 points",
        (BUDGET, ("5100 100 PT", "2100.v 100 PT"), ("2100.v 78 PT", "2300.x 78 PT")),
        "2300.x 78 PT; 3110 7800 CNY",
        "1100 78 PT; 1110 7800 CNY",
        {
            "1100": 119_922,
            "1110": 11_992_200,
            "3100": 120_000,
            "3110": 11_992_200,
            "5100": 100,
            "2100.v": 22,
            "2300.x": 0,
        },
    ),
    Worked(
        "T19",
        "expiry of the oldest lots: 7",
        (EARNED,),
        "2100.v 7 PT",
        "4100 7 PT",
        {"5100": 60, "2100.v": 53, "4100": 7},
    ),
    Worked(
        "T20",
        "gift of 60 minutes to a parent",
        (("5600 300 TC", "2600.v 300 TC"),),
        "2600.v 60 TC",
        "2600.p 60 TC",
        {"5600": 300, "2600.v": 240, "2600.p": 60},
    ),
    Worked(
        "T21",
        "donation to the public pool",
        (("5600 300 TC", "2600.v 300 TC"),),
        "2600.v 120 TC",
        "2610 120 TC",
        {"5600": 300, "2600.v": 180, "2610": 120},
    ),
    Worked(
        "T22",
        "welfare grant to an elder in need",
        (),
        "5500 600 TC",
        "2600.e 600 TC",
        {"5500": 600, "2600.e": 600},
    ),
    Worked(
        "T23",
        "the elder pays 1 h of company; hours recorded too",
        (("5500 600 TC", "2600.e 600 TC"),),
        "2600.e 60 TC; 9110 60 HR",
        "2600.v 60 TC; 9200.v 60 HR",
        {"5500": 600, "2600.e": 540, "2600.v": 60, "9110": 60, "9200.v": 60},
    ),
    Worked(
        "T25",
        "death: wallets frozen for the family's choice",
        (("5100 33 PT; 5600 300 TC", "2100.v 33 PT; 2600.v 300 TC"),),
        "2100.v 33 PT; 2600.v 300 TC",
        "2160.v 33 PT; 2620.v 300 TC",
        {"5100": 33, "5600": 300, "2100.v": 0, "2600.v": 0, "2160.v": 33, "2620.v": 300},
    ),
)


def codes_in(*legs: Leg) -> set[str]:
    return {leg.split()[0] for debit_and_credit in legs for side in debit_and_credit for leg in side.split(";")}


def in_short(transaction: Transaction) -> list[tuple[str, Side, int]]:
    """The entries of a transaction: account, side and amount."""
    return [(entry.account, entry.side, entry.amount) for entry in transaction.entries]


@pytest.mark.parametrize("worked", WORKED, ids=[worked.number for worked in WORKED])
async def test_a_worked_posting_leaves_the_balances_of_the_table(
    database: AsyncEngine, book: Book, worked: Worked
) -> None:
    await opened(database, book, *sorted(codes_in(*worked.before, (worked.debit, worked.credit))))
    for debit, credit in worked.before:
        await move(database, book, debit, credit)

    wanted = proposal(worked.number, debit=worked.debit, credit=worked.credit, description=worked.event)
    posted = await post(database, book, wanted)

    assert await balances_of(database, book) == worked.after
    assert all(debits == credits for debits, credits in sums_per_unit(posted).values())
    assert in_short(posted) == [(line.account, line.side, line.amount) for line in wanted.lines]
    assert posted.description == worked.event


# --- T09 to T11: holds -----------------------------------------------------------------------------------------------


async def hold_of(database: AsyncEngine, book: Book, amount: int, expires_in: timedelta = timedelta(hours=1)) -> UUID:
    """Holds so much of the wallet 2100.v and answers the hold's number."""
    outcome = await holds.place(
        database, book.book_id, account="2100.v", amount=amount, expires_in=expires_in, **call(f"hold {amount}")
    )
    return transaction_of(outcome).transaction_id


def call(key: str) -> dict[str, Any]:
    """What every verb of a hold wants to know about its call."""
    return {"client": CLIENT, "key": key, "call": key, "actor": "user:1"}


@pytest.fixture
async def wallet(database: AsyncEngine, book: Book) -> Book:
    """A book in which 2100.v has earned 60 points, and 2300.x is a merchant."""
    await opened(database, book, "5100", "2100.v", "2300.x")
    await move(database, book, *EARNED)
    return book


async def test_t09_points_for_washing_liquid_are_held_beside_the_wallet(database: AsyncEngine, wallet: Book) -> None:
    outcome = await holds.place(
        database, wallet.book_id, account="2100.v", amount=48, expires_in=timedelta(hours=1), **call("T09")
    )
    held = transaction_of(outcome)
    assert in_short(held) == [("2100.v", "debit", 48), ("2120.v", "credit", 48)]
    assert held.kind == "hold"
    assert await balances_of(database, wallet) == {"5100": 60, "2100.v": 12, "2120.v": 48}


async def test_t10_a_hold_that_is_captured_goes_to_the_merchant(database: AsyncEngine, wallet: Book) -> None:
    hold = await hold_of(database, wallet, 48)
    captured = transaction_of(await holds.capture(database, wallet.book_id, hold, to="2300.x", **call("T10")))
    assert in_short(captured) == [("2120.v", "debit", 48), ("2300.x", "credit", 48)]
    assert captured.kind == "hold.capture"
    assert await balances_of(database, wallet) == {"5100": 60, "2100.v": 12, "2120.v": 0, "2300.x": 48}


async def test_t11_a_hold_that_runs_out_is_back_in_the_wallet_when_it_is_wanted(
    database: AsyncEngine, book: Book
) -> None:
    then = at(database, NOON)
    await opened(database, book, "5100", "2100.v", "2300.x")
    await move(then, book, *EARNED)
    await hold_of(then, book, 20, timedelta(minutes=30))
    assert await balances_of(database, book) == {"5100": 60, "2100.v": 40, "2120.v": 20}

    await move(at(database, NOON + timedelta(minutes=31)), book, "2100.v 60 PT", "2300.x 60 PT")

    async with database.connect() as tx:
        spent, lapsed, *_ = await statements.entries_of(tx, book.book_id, "2100.v", limit=10)
        run_out = await journal.read(tx, book.book_id, lapsed.transaction_id)
    assert in_short(run_out) == [("2120.v", "debit", 20), ("2100.v", "credit", 20)]
    assert (run_out.kind, spent.amount) == ("hold.lapse", 60)
    assert await balances_of(database, book) == {"5100": 60, "2100.v": 0, "2120.v": 0, "2300.x": 60}


# --- T17, T18: corrections -------------------------------------------------------------------------------------------


async def test_t17_the_return_of_a_towel_is_the_reversal_of_its_redemption(database: AsyncEngine, book: Book) -> None:
    t13 = next(worked for worked in WORKED if worked.number == "T13")
    await opened(database, book, *sorted(codes_in(*t13.before, (t13.debit, t13.credit))))
    for debit, credit in t13.before:
        await move(database, book, debit, credit)
    before = await balances_of(database, book)
    towel = await post(database, book, proposal("T13", debit=t13.debit, credit=t13.credit))
    assert await balances_of(database, book) == t13.after

    returned = await post(database, book, await reverse(database, book, towel, "T17", reason="毛巾退回"))

    assert await balances_of(database, book) == before
    assert set(in_short(returned)) == {("1200.x", "debit", 12), ("2100.v", "credit", 12)}
    assert sums_per_unit(returned) == {"PT": (12, 12)}
    assert (returned.correction, returned.corrects) == ("reversal", towel.transaction_id)
    assert (returned.kind, returned.description) == ("reversal", "毛巾退回")


async def test_t18_of_points_won_by_fraud_what_is_spent_becomes_a_receivable(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "9110", "5100", "9200.v", "2110.v", "2100.v", "1300.v", "2300.x")
    false_record = await move(database, book, *SERVED)
    await move(database, book, "2110.v 25 PT", "2100.v 25 PT")
    await move(database, book, "2100.v 10 PT", "2300.x 10 PT")

    t18 = proposal(
        "T18",
        debit="2100.v 25 PT; 9200.v 150 HR",
        credit="5100 25 PT; 9110 150 HR",
        correction="clawback",
        corrects=false_record.transaction_id,
    )
    from_the_wallet = t18.lines[0]._replace(overflow="1300.v")
    clawed_back = await post(database, book, t18._replace(lines=(from_the_wallet, *t18.lines[1:])))

    assert in_short(clawed_back) == [
        ("2100.v", "debit", 15),
        ("1300.v", "debit", 10),
        ("9200.v", "debit", 150),
        ("5100", "credit", 25),
        ("9110", "credit", 150),
    ]
    assert await balances_of(database, book) == {
        "1300.v": 10,
        "2100.v": 0,
        "2110.v": 0,
        "2300.x": 10,
        "5100": 0,
        "9110": 0,
        "9200.v": 0,
    }


# --- T24: two books --------------------------------------------------------------------------------------------------


async def test_t24_points_redeemed_in_another_district_pass_through_the_clearing_accounts(
    database: AsyncEngine, book: Book
) -> None:
    home, shops = book, await new_book(database)
    await opened(database, home, "5100", "2100.v", "2400.B")
    await opened(database, shops, "1400.A", "2300.x")
    await move(database, home, *EARNED)

    await post(database, home, proposal("T24 home", debit="2100.v 40 PT", credit="2400.B 40 PT"))
    await post(database, shops, proposal("T24 shop", debit="1400.A 40 PT", credit="2300.x 40 PT"))

    assert await balances_of(database, home) == {"5100": 60, "2100.v": 20, "2400.B": 40}
    assert await balances_of(database, shops) == {"1400.A": 40, "2300.x": 40}
    assert await integrity.check(database, shops.book_id) == []


# --- what follows from them ------------------------------------------------------------------------------------------


async def test_hours_do_not_fall_when_points_are_redeemed(database: AsyncEngine, book: Book) -> None:
    accounts = ("9110", "5100", "9200.v", "9210.v", "2110.v", "2100.v", "2120.v", "2500", "2300.x", "4100")
    await opened(database, book, *accounts)
    await move(database, book, *SERVED)
    await move(database, book, "9110 180 HR", "9210.v 180 HR")
    await move(database, book, "2110.v 25 PT", "2100.v 25 PT")
    for debit, credit in (
        ("2100.v 10 PT", "2120.v 10 PT"),
        ("2120.v 10 PT", "2300.x 10 PT"),
        ("2100.v 8 PT", "2500 8 PT"),
        ("2500 8 PT", "2300.x 8 PT"),
        ("2100.v 7 PT", "4100 7 PT"),
    ):
        await move(database, book, debit, credit)
        assert await balances_of(database, book, "9200.v", "9210.v") == {"9200.v": 150, "9210.v": 180}
    assert await balances_of(database, book, "2100.v", "2300.x") == {"2100.v": 0, "2300.x": 18}


async def test_a_service_record_is_two_transactions_of_one_batch_each_with_its_own_day(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "9110", "5100", "9200.v", "2110.v")
    hours = proposal("hours", debit="9110 150 HR", credit="9200.v 150 HR")
    points = proposal("points", debit="5100 25 PT", credit="2110.v 25 PT", effective_at=NOON + timedelta(days=7))
    first, second = [transaction_of(outcome) for outcome in await submit(database, book, hours, points)]
    assert (second.effective_on - first.effective_on).days == 7
    assert first.recorded_at == second.recorded_at
    assert await balances_of(database, book, at=first.effective_on) == {"9110": 150, "9200.v": 150}
