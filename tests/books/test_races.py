"""Many callers at once: floors hold, nothing is lost, nothing is posted twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import batching, chart, journal
from ledger.books.directory import Book
from ledger.books.evaluate import Outcome, Posted
from ledger.books.proposals import Proposal
from ledger.books.tables import accounts, entries
from ledger.earning import volunteers
from ledger.errors import (
    AccountClosed,
    AccountNotEmpty,
    IdempotencyConflict,
    InsufficientBalance,
    Refusal,
    UnknownAccount,
    VolunteerExists,
)
from tests.books.ledgers import (
    balance_of,
    balances_of,
    move,
    new_account,
    opened,
    post,
    proposal,
    reason,
    refusal_of,
    rows_stored,
    second_engine,
    submit,
    transaction_of,
    until_blocked_by,
    until_waiting,
    waiting,
    was_posted,
)
from tests.conftest import new_book

pytestmark = pytest.mark.books

T = TypeVar("T")


async def at_once(calls: Iterable[Awaitable[T]]) -> list[T]:
    return await asyncio.gather(*calls)


async def by_callers(number: int, jobs: list[T], work: Callable[[T], Awaitable[Outcome]]) -> list[Outcome]:
    """The outcomes of all jobs, which so many callers take one after another from one heap."""
    heap = iter(jobs)

    async def caller() -> list[Outcome]:
        return [await work(job) for job in heap]

    return [outcome for outcomes in await at_once(caller() for _ in range(number)) for outcome in outcomes]


async def posted_in_order(database: AsyncEngine, book: Book, code: str) -> None:
    """Entry numbers of the account have no gap, and recorded times rise with them."""
    async with database.connect() as tx:
        rows = (
            await tx.execute(
                select(entries.c.number, entries.c.recorded_at)
                .join(
                    accounts,
                    (accounts.c.book_id == entries.c.book_id) & (accounts.c.account_id == entries.c.account_id),
                )
                .where(accounts.c.book_id == book.book_id, accounts.c.code == code)
                .order_by(entries.c.number)
            )
        ).all()
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    times = [row.recorded_at for row in rows]
    assert times == sorted(times)


@pytest.mark.parametrize("amount", [1, 7])
async def test_200_callers_spend_the_last_points_of_one_wallet_and_the_floor_holds(
    database: AsyncEngine, book: Book, amount: int
) -> None:
    await opened(database, book, "5100", "2100.a", *(f"2300.{n}" for n in range(5)))
    await move(database, book, "5100 100", "2100.a 100")
    spends = [proposal(f"s{n}", debit=f"2100.a {amount}", credit=f"2300.{n % 5} {amount}") for n in range(200)]
    outcomes = [outcome for [outcome] in await at_once(submit(database, book, spend) for spend in spends)]

    accepted = sum(was_posted(outcome) for outcome in outcomes)
    assert accepted == 100 // amount
    refusals = [refusal_of(outcome) for outcome in outcomes if not was_posted(outcome)]
    assert all(isinstance(refusal, InsufficientBalance) for refusal in refusals)
    assert {refusal.balance for refusal in refusals if isinstance(refusal, InsufficientBalance)} == {100 % amount}
    left = await balances_of(database, book)
    assert left["2100.a"] == 100 - accepted * amount
    assert sum(balance for code, balance in left.items() if code.startswith("2300")) == accepted * amount
    await posted_in_order(database, book, "2100.a")


async def test_one_key_sent_50_times_at_once_is_one_transaction_and_50_equal_answers(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    call = proposal("k", debit="5100 25", credit="2100.a 25")
    outcomes = [outcome for [outcome] in await at_once(submit(database, book, call) for _ in range(50))]
    assert all(transaction_of(outcome) == transaction_of(outcomes[0]) for outcome in outcomes)
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 49
    assert await rows_stored(database, book) == {"keys": 1, "transactions": 1, "entries": 2, "day_totals": 2}
    assert await balance_of(database, book, "2100.a") == 25


async def test_one_key_that_is_refused_50_times_at_once_is_refused_once_and_49_times_replayed(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    call = proposal("k", debit="2100.a 25", credit="5100 25")
    outcomes = [outcome for [outcome] in await at_once(submit(database, book, call) for _ in range(50))]
    assert all(isinstance(refusal_of(outcome), InsufficientBalance) for outcome in outcomes)
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 49
    assert await rows_stored(database, book) == {"keys": 1, "transactions": 0, "entries": 0, "day_totals": 0}


async def test_1000_transfers_in_opposite_directions_over_two_engines_lose_nothing(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "3100", "2100.a", "2100.b")
    await move(database, book, "3100 2000", "2100.a 1000; 2100.b 1000")
    jobs = []
    for n in range(1000):
        giver, taker = ("2100.a", "2100.b") if n % 2 else ("2100.b", "2100.a")
        amount = 1 + n % 7
        jobs.append((n, proposal(f"t{n}", debit=f"{giver} {amount}", credit=f"{taker} {amount}")))
    moved = sum((1 if n % 2 else -1) * (1 + n % 7) for n in range(1000))

    async with second_engine(database) as other:

        async def transfer(job: tuple[int, Proposal]) -> Outcome:
            number, call = job
            return (await submit(other if number % 3 else database, book, call))[0]

        outcomes = await by_callers(40, jobs, transfer)

    assert len(outcomes) == 1000
    assert all(isinstance(outcome, Posted) and not outcome.replayed for outcome in outcomes)
    assert await balances_of(database, book, "2100.a", "2100.b") == {"2100.a": 1000 - moved, "2100.b": 1000 + moved}
    for code in ("2100.a", "2100.b"):
        await posted_in_order(database, book, code)


async def test_transfers_around_a_ring_over_two_engines_lose_nothing(database: AsyncEngine, book: Book) -> None:
    ring = [f"2100.{n}" for n in range(6)]
    await opened(database, book, "3100", *ring)
    await move(database, book, "3100 60", ";".join(f"{code} 10" for code in ring))
    # Two and three neighbours at once, named in either order: whoever locked as he names would wait in a circle.
    jobs = []
    for n in range(600):
        around = [ring[(n + step * (1 if n % 2 else -1)) % 6] for step in range(2 + n % 2)]
        debit = f"{around[0]} {len(around) - 1}"
        jobs.append((n, proposal(f"t{n}", debit=debit, credit=";".join(f"{code} 1" for code in around[1:]))))

    async with second_engine(database) as other:

        async def transfer(job: tuple[int, Proposal]) -> Outcome:
            number, call = job
            return (await submit(other if number % 2 else database, book, call))[0]

        outcomes = await by_callers(40, jobs, transfer)

    expected = dict.fromkeys(ring, 10)
    for outcome in outcomes:
        if was_posted(outcome):
            for entry in transaction_of(outcome).entries:
                expected[entry.account] += entry.amount if entry.side == "credit" else -entry.amount
        else:
            assert isinstance(refusal_of(outcome), InsufficientBalance)
    assert len(outcomes) == 600
    assert await balances_of(database, book, *ring) == expected
    assert sum(expected.values()) == 60


async def test_batches_that_share_keys_and_accounts_in_different_orders_do_not_stop_each_other(
    database: AsyncEngine, book: Book
) -> None:
    codes = [f"2100.{n}" for n in range(6)]
    await opened(database, book, "5100", *codes)
    calls = [proposal(f"k{n}", debit="5100 1", credit=f"{codes[n % 6]} 1") for n in range(12)]
    batches = [calls[start:] + calls[:start] for start in range(12)] + [calls[::-1]] * 4
    answers = await at_once(submit(database, book, *batch) for batch in batches)
    ids = {
        (proposed.key, transaction_of(outcome).transaction_id)
        for batch, outcomes in zip(batches, answers, strict=True)
        for proposed, outcome in zip(batch, outcomes, strict=True)
    }
    assert len(ids) == 12
    assert await balance_of(database, book, "5100") == 12


async def test_batches_that_share_keys_but_no_accounts_do_not_stop_each_other(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, *(f"5100.{n}" for n in range(6)), *(f"2100.{n}" for n in range(6)))

    def batch(of: int) -> list[Proposal]:
        keys = [f"k{n}" for n in range(5)]
        ordered = keys if of % 2 else keys[::-1]
        return [proposal(key, debit=f"5100.{of} 1", credit=f"2100.{of} 1") for key in ordered]

    answers = await at_once(submit(database, book, *batch(of)) for of in range(6))
    posted = [outcome for outcomes in answers for outcome in outcomes if was_posted(outcome)]
    assert len(posted) == 5
    assert (await rows_stored(database, book))["transactions"] == 5


@pytest.mark.parametrize("kept", [True, False], ids=["is kept", "is given up"])
async def test_two_batches_with_the_same_keys_in_different_order_wait_for_a_third_that(
    database: AsyncEngine, book: Book, kept: bool
) -> None:
    """They share no account, so only the keys are waited for: whoever took them as they come would wait in a circle."""
    await opened(database, book, *(f"5100.{n}" for n in range(3)), *(f"2100.{n}" for n in range(3)))

    def batch(of: int, *keys: str) -> list[Proposal]:
        return [proposal(key, debit=f"5100.{of} 1", credit=f"2100.{of} 1", call=key) for key in keys]

    keys = ("k1", "k2", "k3", "k4", "k5")
    async with second_engine(database) as other:
        async with database.connect() as tx, tx.begin() as third:
            [of_third] = await journal.post(tx, book.book_id, batch(0, "k3"))
            one = asyncio.create_task(submit(database, book, *batch(1, *keys)))
            await until_blocked_by(database, tx)  # has two keys and waits for the third
            two = asyncio.create_task(submit(other, book, *batch(2, *reversed(keys))))
            await until_waiting(database, 2)
            assert await waiting(database, tx) == 1  # the second waits for the first, and has no key yet
            if not kept:
                await third.rollback()
        outcomes = [*await one, *reversed(await two), *([of_third] if kept else [])]
    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    posted = [outcome for outcome in outcomes if not outcome.replayed]
    assert len(posted) == 5
    assert {transaction_of(outcome).transaction_id for outcome in outcomes} == {
        transaction_of(outcome).transaction_id for outcome in posted
    }
    assert (await rows_stored(database, book))["transactions"] == 5


@pytest.mark.parametrize("kept", [True, False], ids=["is refused by the database", "is written"])
async def test_the_next_batch_on_an_account_takes_its_locks_while_one_is_written(
    database: AsyncEngine, book: Book, kept: bool
) -> None:
    """What it then reads is what the other has left behind, and a third batch waits here until it has been decided."""
    await opened(database, book, "3100", "2200", "5100", "2100.a", "2300.x")
    first = proposal("k1", debit="5100 10", credit="2100.a 10")
    second, third = (proposal(f"k{n}", debit="2100.a 10", credit="2300.x 10") for n in (2, 3))
    async with database.begin() as tx:
        await journal.post(tx, book.book_id, [proposal("k1", debit="3100 5", credit="2200 5", call="another")])
        one = asyncio.create_task(submit(database, book, first))
        await until_blocked_by(database, tx)  # decided, and its key is somebody's who has not committed
        two = asyncio.create_task(submit(database, book, second))
        await until_waiting(database, 2)
        assert await waiting(database, tx) == 1
        three = asyncio.create_task(submit(database, book, third))
        if not kept:
            await tx.rollback()
    outcomes = [*await one, *await two, *await three]
    if kept:  # the key stands for another call, so that nothing has come into the wallet
        assert [type(refusal_of(outcome)) for outcome in outcomes] == [
            IdempotencyConflict,
            InsufficientBalance,
            InsufficientBalance,
        ]
    else:
        assert [was_posted(outcome) for outcome in outcomes] == [True, True, False]
        await posted_in_order(database, book, "2100.a")
    [gatherer] = (of[book.book_id] for of in batching._gatherers.values() if book.book_id in of)
    assert (gatherer.lines, gatherer.under_way, gatherer.busy, gatherer.posters) == (0, 0, set(), set())


async def test_calls_under_one_key_in_one_batch_are_one_transaction_its_replays_and_conflicts(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    same = proposal("k", debit="5100 5", credit="2100.a 5")
    another = proposal("k", debit="5100 7", credit="2100.a 7")
    async with database.begin() as holder:
        await chart.set_status(holder, book.book_id, "2100.a", "open")
        first = asyncio.create_task(submit(database, book, proposal("k0", debit="5100 1", credit="2100.a 1")))
        await until_waiting(database, 1)  # and whoever comes now is gathered until it is done
        gathered = [asyncio.create_task(submit(database, book, call)) for call in (same, another, same, another)]
        within = asyncio.create_task(submit(database, book, another, same))
        await until_waiting(database, 1)
    await first
    outcomes = [outcome for task in (*gathered, within) for outcome in await task]
    conflict = IdempotencyConflict("k", same.call, another.call)
    for call, outcome in zip((same, another, same, another, another, same), outcomes, strict=True):
        if call is same:
            assert transaction_of(outcome) == transaction_of(outcomes[0])
        else:
            assert reason(refusal_of(outcome)) == reason(conflict)
    assert sum(was_posted(outcome) and not outcome.replayed for outcome in outcomes) == 1
    assert await balance_of(database, book, "2100.a") == 6


async def test_a_key_that_was_refused_first_in_a_batch_is_refused_in_all_of_it(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a", "2300.x")
    spend = proposal("k", debit="2100.a 5", credit="2300.x 5")
    grant = proposal("grant", debit="5100 5", credit="2100.a 5")
    outcomes = await submit(database, book, spend, grant, spend)
    assert [was_posted(outcome) for outcome in outcomes] == [False, True, False]
    assert reason(refusal_of(outcomes[2])) == reason(InsufficientBalance("2100.a", 0, 0))
    assert [outcome.replayed for outcome in outcomes] == [False, False, True]


@pytest.mark.parametrize("kept", [True, False], ids=["is kept", "is given up"])
@pytest.mark.parametrize("same", [True, False], ids=["for the same call", "for another call"])
async def test_a_whole_batch_waits_for_one_of_its_keys_that_is_being_used_and(
    database: AsyncEngine, book: Book, same: bool, kept: bool
) -> None:
    await opened(database, book, *(f"5100.{n}" for n in range(2)), *(f"2100.{n}" for n in range(2)))
    whole = [proposal(key, debit="5100.1 1", credit="2100.1 1", call=key) for key in ("k1", "k2", "k3")]
    single = proposal("k2", debit="5100.0 1", credit="2100.0 1", call="k2" if same else "another")
    async with database.connect() as tx, tx.begin() as using:
        [used] = await journal.post(tx, book.book_id, [single])
        posting = asyncio.create_task(batching.submit_whole(database, book.book_id, whole))
        await until_blocked_by(database, tx)
        if not kept:
            await using.rollback()
    outcomes = await posting
    if same or not kept:
        assert [was_posted(outcome) for outcome in outcomes] == [True] * 3
        assert [outcome.replayed for outcome in outcomes] == [False, kept, False]
        if kept:
            assert transaction_of(outcomes[1]) == transaction_of(used)
        assert (await rows_stored(database, book))["transactions"] == 3
    else:
        assert [was_posted(outcome) for outcome in outcomes] == [True, False]
        assert reason(refusal_of(outcomes[1])) == reason(IdempotencyConflict("k2", "another", "k2"))
        assert (await rows_stored(database, book))["transactions"] == 1


@pytest.mark.parametrize("kept", [True, False], ids=["is kept", "is given up"])
async def test_a_call_waits_for_the_whole_batch_that_is_using_its_key_and(
    database: AsyncEngine, book: Book, kept: bool
) -> None:
    await opened(database, book, *(f"5100.{n}" for n in range(2)), *(f"2100.{n}" for n in range(2)))
    await move(database, book, "5100.1 1", "2100.1 1")
    whole = [proposal(key, debit="2100.1 1", credit="5100.1 1", call=key) for key in ("k1", "k2")]
    single = proposal("k1", debit="5100.0 1", credit="2100.0 1", call="k1")
    async with second_engine(database) as other:
        async with database.connect() as tx, tx.begin() as using:
            # What the whole batch does until its second line turns out to be refused.
            [used] = await journal.post(tx, book.book_id, whole[:1])
            posting = asyncio.create_task(submit(other, book, single))
            await until_blocked_by(database, tx)
            if not kept:
                await using.rollback()
        [outcome] = await posting
    assert was_posted(outcome)
    assert outcome.replayed == kept
    if kept:
        assert transaction_of(outcome) == transaction_of(used)
    refused = await batching.submit_whole(database, book.book_id, whole)
    assert was_posted(refused[0])
    assert refused[0].replayed


async def test_a_call_and_a_whole_batch_under_one_key_at_once_over_two_engines_are_posted_once(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    calls = [proposal(f"k{n}", debit="5100 1", credit="2100.a 1") for n in range(20)]
    async with second_engine(database) as other:
        answers = await at_once(
            work
            for n, call in enumerate(calls)
            for work in (
                batching.submit_whole(database if n % 2 else other, book.book_id, [call, calls[n - 1]]),
                submit(other if n % 2 else database, book, call),
                submit(database, book, call),
            )
        )
    assert all(was_posted(outcome) for outcomes in answers for outcome in outcomes)
    assert await balance_of(database, book, "2100.a") == 20
    assert (await rows_stored(database, book))["transactions"] == 20
    await posted_in_order(database, book, "2100.a")


async def test_200_callers_with_one_hot_account_over_two_engines_lose_nothing(
    database: AsyncEngine, book: Book
) -> None:
    wallets = [f"2100.{n}" for n in range(20)]
    await opened(database, book, "5100", *wallets)
    jobs = [(n, proposal(f"t{n}", debit="5100 3", credit=f"{wallets[n % 20]} 3")) for n in range(1000)]
    async with second_engine(database) as other:

        async def earn(job: tuple[int, Proposal]) -> Outcome:
            number, call = job
            return (await submit(other if number % 2 else database, book, call))[0]

        outcomes = await by_callers(200, jobs, earn)

    assert len({transaction_of(outcome).transaction_id for outcome in outcomes}) == 1000
    assert not any(outcome.replayed for outcome in outcomes)
    assert await balances_of(database, book) == {"5100": 3000} | dict.fromkeys(wallets, 150)
    await posted_in_order(database, book, "5100")


async def test_an_account_opened_20_times_at_once_is_there_once(database: AsyncEngine, book: Book) -> None:
    async def open_it() -> tuple[chart.Account, bool] | Refusal:
        async with database.begin() as tx:
            return (await chart.open_accounts(tx, book.book_id, [new_account("2100.a")]))[0]

    outcomes = await at_once(open_it() for _ in range(20))
    assert not any(isinstance(outcome, Refusal) for outcome in outcomes)
    assert sorted(outcome[1] for outcome in outcomes if not isinstance(outcome, Refusal)) == [False] * 19 + [True]
    assert len({outcome[0] for outcome in outcomes if not isinstance(outcome, Refusal)}) == 1
    await opened(database, book, "5100")
    await move(database, book, "5100 5", "2100.a 5")


async def test_accounts_opened_at_once_in_different_orders_do_not_stop_each_other(
    database: AsyncEngine, book: Book
) -> None:
    codes = [f"2100.{n}" for n in range(30)]
    await at_once(opened(database, book, *(codes if n % 2 else codes[::-1])) for n in range(20))
    async with database.connect() as tx:
        found = await tx.execute(select(accounts.c.code).where(accounts.c.book_id == book.book_id))
    assert sorted(found.scalars()) == sorted(codes)


async def test_one_volunteer_number_registered_10_times_at_once_is_one_volunteer(
    database: AsyncEngine, book: Book
) -> None:
    async def register() -> str | None:
        try:
            async with database.begin() as tx:
                return (await volunteers.register(tx, book.book_id, "V-1")).holder
        except VolunteerExists:
            return None

    holders = [holder for holder in await at_once(register() for _ in range(10)) if holder is not None]
    assert len(holders) == 1
    async with database.connect() as tx:
        assert (await volunteers.find(tx, book.book_id, "V-1")).holder == holders[0]
        codes = await tx.execute(select(accounts.c.code).where(accounts.c.book_id == book.book_id))
        assert sorted(codes.scalars()) == [f"{code}.{holders[0]}" for code in ("2100", "2110", "9200", "9210")]


async def test_an_account_that_is_closed_while_it_is_posted_to_is_either_closed_or_used(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", *(f"2100.{n}" for n in range(20)))

    async def close(code: str) -> bool:
        try:
            async with database.begin() as tx:
                await chart.set_status(tx, book.book_id, code, "closed")
        except AccountNotEmpty:
            return False
        return True

    async def use(code: str) -> bool:
        [outcome] = await submit(database, book, proposal(f"use {code}", debit="5100 1", credit=f"{code} 1"))
        if was_posted(outcome):
            return True
        assert isinstance(refusal_of(outcome), AccountClosed)
        return False

    codes = [f"2100.{n}" for n in range(20)]
    done = await at_once(
        work(code) for number, code in enumerate(codes) for work in ((close, use) if number % 2 else (use, close))
    )
    for first, second in zip(done[::2], done[1::2], strict=True):
        assert first != second
    used = await balances_of(database, book, *codes)
    async with database.connect() as tx:
        for code in codes:
            assert (await chart.account(tx, book.book_id, code)).status == ("open" if used[code] else "closed")


async def test_postings_to_different_books_do_not_wait_for_each_other(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    for one in (book, other):
        await opened(database, one, "5100", "2100.a")
    async with database.begin() as tx:
        await journal.load(tx, book.book_id, [proposal("held", debit="5100 1", credit="2100.a 1")])
        await post(database, other, proposal("k", debit="5100 1", credit="2100.a 1"))


async def test_an_account_opened_while_a_posting_waits_for_its_locks_is_not_there_yet(
    database: AsyncEngine, book: Book
) -> None:
    """It would be read without being locked: then somebody could close it, or post to it, in between."""
    await opened(database, book, "2100.a")
    wanted = proposal("k", debit="5100.new 5", credit="2100.a 5")
    async with database.begin() as holder:
        await journal.load(holder, book.book_id, [wanted])
        posting = asyncio.create_task(batching.submit(database, book.book_id, [wanted]))
        await until_blocked_by(database, holder)
        await opened(database, book, "5100.new")
    [outcome] = await posting
    assert isinstance(refusal_of(outcome), UnknownAccount)
    await post(database, book, wanted)  # the key is free
