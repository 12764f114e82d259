"""Holds in races whose order is forced: points are held, spent, captured or given back once, whoever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import chart, holds
from ledger.books.directory import Book
from ledger.books.evaluate import Outcome, Posted
from ledger.books.tables import transactions
from ledger.errors import HoldEnded, HoldExpired, InsufficientBalance
from tests.books.ledgers import (
    CLIENT,
    NOON,
    at,
    balances_of,
    in_turn,
    move,
    opened,
    proposal,
    reason,
    refusal_of,
    second_engine,
    submit,
    until_waiting,
    was_posted,
)

pytestmark = pytest.mark.books

PLACED: Final = NOON + timedelta(days=1)
FOR: Final = timedelta(minutes=5)
DEADLINE: Final = PLACED + FOR
JUST_BEFORE: Final = DEADLINE - timedelta(microseconds=1)


@pytest.fixture
async def other(database: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Another process of the service."""
    async with second_engine(database) as engine:
        yield engine


@pytest.fixture
async def wallet(database: AsyncEngine, book: Book) -> Book:
    """A book with 100 points in a wallet, which nothing has touched after `PLACED`."""
    await opened(database, book, "5100", "2100.a", "2120.a", "2300.x")
    await move(at(database, PLACED), book, "5100 100", "2100.a 100")
    return book


async def hold(
    database: AsyncEngine, book: Book, amount: int, key: str = "hold", expires_in: timedelta = FOR
) -> Outcome:
    return await holds.place(
        database,
        book.book_id,
        account="2100.a",
        amount=amount,
        expires_in=expires_in,
        client=CLIENT,
        key=key,
        call=key,
        actor="user:1",
    )


async def held(database: AsyncEngine, book: Book, amount: int) -> UUID:
    """The number of a hold placed at `PLACED`."""
    outcome = await hold(at(database, PLACED), book, amount)
    assert isinstance(outcome, Posted)
    return outcome.transaction_id


async def capture(
    database: AsyncEngine, book: Book, hold_id: UUID, amount: int | None = None, key: str = "capture"
) -> Outcome:
    return await holds.capture(
        database,
        book.book_id,
        hold_id,
        to="2300.x",
        amount=amount,
        client=CLIENT,
        key=key,
        call=f"capture {amount}",
        actor="user:1",
    )


async def void(database: AsyncEngine, book: Book, hold_id: UUID) -> Outcome:
    return await holds.void(database, book.book_id, hold_id, client=CLIENT, key="void", call="void", actor="user:1")


async def spend(database: AsyncEngine, book: Book, amount: int, of: str = "2100.a", key: str = "spend") -> Outcome:
    wanted = proposal(key, debit=f"{of} {amount}", credit=f"2300.x {amount}")
    return (await submit(database, book, wanted))[0]


async def left(database: AsyncEngine, book: Book) -> tuple[int, int, int]:
    """What is in the wallet, what is held of it, and what the merchant has got."""
    found = await balances_of(database, book, "2100.a", "2120.a", "2300.x")
    return found["2100.a"], found["2120.a"], found["2300.x"]


async def times_lapsed(database: AsyncEngine, book: Book) -> int:
    of_kind = (transactions.c.book_id == book.book_id) & (transactions.c.kind == "hold.lapse")
    async with database.connect() as tx:
        return (await tx.execute(select(func.count()).select_from(transactions).where(of_kind))).scalar_one()


# --- hold against spend ----------------------------------------------------------------------------------------------


async def test_points_that_are_held_first_are_not_spent(
    database: AsyncEngine, other: AsyncEngine, wallet: Book
) -> None:
    holding, spending = await in_turn(database, wallet, "2100.a", hold(database, wallet, 80), spend(other, wallet, 30))
    assert was_posted(holding)
    assert reason(refusal_of(spending)) == reason(InsufficientBalance("2100.a", 20, 0))
    assert await left(database, wallet) == (20, 80, 0)


async def test_points_that_are_spent_first_are_not_held(
    database: AsyncEngine, other: AsyncEngine, wallet: Book
) -> None:
    spending, holding = await in_turn(database, wallet, "2100.a", spend(database, wallet, 30), hold(other, wallet, 80))
    assert was_posted(spending)
    assert reason(refusal_of(holding)) == reason(InsufficientBalance("2100.a", 70, 0))
    assert await left(database, wallet) == (70, 0, 30)


async def test_the_first_two_holds_of_a_wallet_at_once_open_its_companion_once(
    database: AsyncEngine, other: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a", "2300.x")
    await move(database, book, "5100 100", "2100.a 100")
    one, two = await in_turn(database, book, "2100.a", hold(database, book, 30, "one"), hold(other, book, 40, "two"))
    assert was_posted(one)
    assert was_posted(two)
    assert await left(database, book) == (30, 70, 0)


# --- the end of a hold against another -------------------------------------------------------------------------------


async def test_a_hold_is_captured_once_however_many_capture_it(
    database: AsyncEngine, other: AsyncEngine, wallet: Book
) -> None:
    hold_id = await held(database, wallet, 80)
    now, there = at(database, JUST_BEFORE), at(other, JUST_BEFORE)
    first, second = await in_turn(
        database, wallet, "2100.a", capture(now, wallet, hold_id, 50), capture(there, wallet, hold_id, 80, "again")
    )
    assert was_posted(first)
    assert reason(refusal_of(second)) == reason(HoldEnded(hold_id, "captured"))
    assert await left(database, wallet) == (50, 0, 50)


async def test_a_capture_that_is_sent_twice_at_once_is_one_and_answered_twice(
    database: AsyncEngine, other: AsyncEngine, wallet: Book
) -> None:
    hold_id = await held(database, wallet, 80)
    now, there = at(database, JUST_BEFORE), at(other, JUST_BEFORE)
    first, second = await in_turn(
        database, wallet, "2100.a", capture(now, wallet, hold_id), capture(there, wallet, hold_id)
    )
    assert isinstance(first, Posted)
    assert isinstance(second, Posted)
    assert (first.transaction_id, [first.replayed, second.replayed]) == (second.transaction_id, [False, True])
    assert await left(database, wallet) == (20, 0, 80)


async def test_a_hold_that_is_captured_first_is_not_voided(
    database: AsyncEngine, other: AsyncEngine, wallet: Book
) -> None:
    hold_id = await held(database, wallet, 80)
    captured, voided = await in_turn(
        database,
        wallet,
        "2100.a",
        capture(at(database, JUST_BEFORE), wallet, hold_id),
        void(at(other, JUST_BEFORE), wallet, hold_id),
    )
    assert was_posted(captured)
    assert reason(refusal_of(voided)) == reason(HoldEnded(hold_id, "captured"))
    assert await left(database, wallet) == (20, 0, 80)


async def test_a_hold_that_is_voided_first_is_not_captured(
    database: AsyncEngine, other: AsyncEngine, wallet: Book
) -> None:
    hold_id = await held(database, wallet, 80)
    voided, captured = await in_turn(
        database,
        wallet,
        "2100.a",
        void(at(database, JUST_BEFORE), wallet, hold_id),
        capture(at(other, JUST_BEFORE), wallet, hold_id),
    )
    assert was_posted(voided)
    assert reason(refusal_of(captured)) == reason(HoldEnded(hold_id, "voided"))
    assert await left(database, wallet) == (100, 0, 0)


# --- the deadline ----------------------------------------------------------------------------------------------------


async def test_a_hold_that_is_captured_before_its_deadline_does_not_lapse_after_it(
    database: AsyncEngine, other: AsyncEngine, wallet: Book
) -> None:
    hold_id = await held(database, wallet, 80)
    captured, spending = await in_turn(
        database,
        wallet,
        "2100.a",
        capture(at(database, JUST_BEFORE), wallet, hold_id),
        spend(at(other, DEADLINE), wallet, 100),
    )
    assert was_posted(captured)
    assert reason(refusal_of(spending)) == reason(InsufficientBalance("2100.a", 20, 0))
    assert await left(database, wallet) == (20, 0, 80)
    assert await times_lapsed(database, wallet) == 0


async def test_a_hold_that_has_lapsed_first_is_not_captured_even_by_a_clock_that_is_behind(
    database: AsyncEngine, other: AsyncEngine, wallet: Book
) -> None:
    hold_id = await held(database, wallet, 80)
    spending, captured = await in_turn(
        database,
        wallet,
        "2100.a",
        spend(at(database, DEADLINE), wallet, 100),
        capture(at(other, JUST_BEFORE), wallet, hold_id),
    )
    assert was_posted(spending)
    assert reason(refusal_of(captured)) == reason(HoldExpired(hold_id, DEADLINE))
    assert await left(database, wallet) == (0, 0, 100)
    assert await times_lapsed(database, wallet) == 1


@pytest.mark.parametrize(
    ("moment", "in_time"), [(JUST_BEFORE, True), (DEADLINE, False)], ids=["a microsecond before", "at the deadline"]
)
@pytest.mark.parametrize("end", [capture, void])
async def test_what_counts_is_the_time_when_the_locks_are_held(
    database: AsyncEngine, wallet: Book, end: Callable[..., Awaitable[Outcome]], moment: datetime, in_time: bool
) -> None:
    hold_id = await held(database, wallet, 80)
    times = [PLACED]
    moving = database.execution_options(clock=lambda _: times[-1])
    async with database.begin() as holder:
        await chart.set_status(holder, wallet.book_id, "2100.a", "open")
        ending = asyncio.ensure_future(end(moving, wallet, hold_id))
        await until_waiting(database, 1)
        times.append(moment)
    outcome = await ending
    if in_time:
        assert was_posted(outcome)
        assert await left(database, wallet) == ((20, 0, 80) if end is capture else (100, 0, 0))
    else:
        assert reason(refusal_of(outcome)) == reason(HoldExpired(hold_id, DEADLINE))
        assert await left(database, wallet) == (100, 0, 0)
        assert await times_lapsed(database, wallet) == 1


@pytest.mark.parametrize(
    ("first", "second", "spent"),
    [("2100.a", "2100.a", 100), ("2100.a", "2120.a", 50), ("2120.a", "2100.a", 50)],
    ids=["the wallet twice", "the wallet, then its companion", "the companion, then its wallet"],
)
async def test_a_hold_lapses_once_whichever_of_its_accounts_are_posted_to_after_the_deadline(
    database: AsyncEngine, other: AsyncEngine, wallet: Book, first: str, second: str, spent: int
) -> None:
    await held(database, wallet, 80)
    outcomes = await in_turn(
        database,
        wallet,
        "2100.a",
        spend(at(database, DEADLINE), wallet, 50, first, "one"),
        spend(at(other, DEADLINE), wallet, 50, second, "two"),
    )
    for outcome, account in zip(outcomes, (first, second), strict=True):
        if account == "2100.a":
            assert was_posted(outcome)
        else:
            assert reason(refusal_of(outcome)) == reason(InsufficientBalance("2120.a", 0, 0))
    assert await left(database, wallet) == (100 - spent, 0, spent)
    assert await times_lapsed(database, wallet) == 1


# --- sweeping --------------------------------------------------------------------------------------------------------


async def sweep(database: AsyncEngine, book: Book) -> int:
    return await holds.sweep(database, book.book_id)


async def test_a_sweep_gives_back_what_ran_out_and_nothing_else(database: AsyncEngine, wallet: Book) -> None:
    await held(database, wallet, 30)
    assert was_posted(await hold(at(database, PLACED), wallet, 20, "longer", FOR + timedelta(minutes=1)))
    assert await sweep(at(database, JUST_BEFORE), wallet) == 0
    assert await left(database, wallet) == (50, 50, 0)
    assert await sweep(at(database, DEADLINE), wallet) == 1
    assert await left(database, wallet) == (80, 20, 0)
    assert await sweep(at(database, DEADLINE), wallet) == 0


async def test_a_sweep_gives_back_more_than_fits_into_one_batch(database: AsyncEngine, wallet: Book) -> None:
    await move(at(database, PLACED), wallet, "5100 301", "2100.a 301")
    engine = at(database, PLACED)
    wanted = [hold(engine, wallet, 1, key=f"hold {number}") for number in range(401)]
    assert all(map(was_posted, await asyncio.gather(*wanted)))
    assert await left(database, wallet) == (0, 401, 0)
    assert await sweep(at(database, DEADLINE), wallet) == 401
    assert await left(database, wallet) == (401, 0, 0)
    assert await times_lapsed(database, wallet) == 401


async def test_two_who_sweep_at_once_give_back_once(database: AsyncEngine, other: AsyncEngine, wallet: Book) -> None:
    hold_id = await held(database, wallet, 30)
    late = DEADLINE + timedelta(days=1)
    await in_turn(database, wallet, "2100.a", sweep(at(database, late), wallet), sweep(at(other, late), wallet))
    assert await left(database, wallet) == (100, 0, 0)
    assert await times_lapsed(database, wallet) == 1
    async with database.connect() as tx:
        assert (await holds.read(tx, wallet.book_id, hold_id)).status == "lapsed"


async def test_a_sweep_leaves_what_is_frozen_for_another_time(database: AsyncEngine, wallet: Book) -> None:
    await held(database, wallet, 30)
    async with database.begin() as tx:
        await chart.set_status(tx, wallet.book_id, "2100.a", "frozen")
    assert await sweep(at(database, DEADLINE), wallet) == 0
    async with database.begin() as tx:
        await chart.set_status(tx, wallet.book_id, "2100.a", "open")
    assert await sweep(at(database, DEADLINE), wallet) == 1
    assert await left(database, wallet) == (100, 0, 0)


async def test_a_capture_before_a_sweep_stays_and_after_it_comes_too_late(
    database: AsyncEngine, other: AsyncEngine, wallet: Book
) -> None:
    hold_id = await held(database, wallet, 30)
    captured, swept = await in_turn(
        database,
        wallet,
        "2100.a",
        capture(at(database, JUST_BEFORE), wallet, hold_id),
        sweep(at(other, DEADLINE), wallet),
    )
    assert (was_posted(captured), swept) == (True, 0)
    assert await left(database, wallet) == (70, 0, 30)
