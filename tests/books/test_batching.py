"""Posting end to end, on a real database: keys, reversals, statuses, and what a caller can rely on."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import batching, chart, directory, journal
from ledger.books.directory import Book
from ledger.books.evaluate import Outcome, Posted, Refused
from ledger.books.proposals import Line, Proposal
from ledger.books.tables import keys
from ledger.days import BEIJING
from ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotEmpty,
    AlreadyReversed,
    AmountOutOfRange,
    CannotReverse,
    EffectiveDayOutOfRange,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidField,
    Refusal,
    TooManyLines,
    Unbalanced,
    UnitMismatch,
    UnknownAccount,
    UnknownBook,
    UnknownTransaction,
)
from tests.books.ledgers import (
    NOON,
    at,
    balance_of,
    balances_of,
    move,
    opened,
    post,
    proposal,
    reason,
    refusal_of,
    refused,
    reverse,
    rows_stored,
    submit,
    transaction_of,
    until_blocked_by,
    was_posted,
)
from tests.conftest import new_book

pytestmark = pytest.mark.books


def earn(key: str, amount: int = 25, account: str = "2100.a") -> Proposal:
    return proposal(key, debit=f"5100 {amount}", credit=f"{account} {amount}")


def spend(key: str, amount: int) -> Proposal:
    return proposal(key, debit=f"2100.a {amount}", credit=f"2300.x {amount}")


@pytest.fixture
async def wallets(database: AsyncEngine, book: Book) -> Book:
    """A book with two empty wallets, a shop and the account that rewards come from."""
    await opened(database, book, "5100", "2100.a", "2100.b", "2300.x", "9110", "9200.a")
    return book


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_a_posting_answers_what_was_stored(database: AsyncEngine, wallets: Book) -> None:
    wanted = proposal(
        "k",
        debit="5100 25; 9110 150",
        credit="2100.a 25; 9200.a 150",
        description="社区清洁 𠮷",
        approver="user:2",
        request_id="r-1",
        effective_at=datetime(2025, 3, 5, 12, 30, 15, 123456, tzinfo=BEIJING),
    )
    posted = await post(database, wallets, wanted)
    async with database.connect() as tx:
        assert await journal.read(tx, wallets.book_id, posted.transaction_id) == posted
    assert (posted.description, posted.approver, posted.request_id) == ("社区清洁 𠮷", "user:2", "r-1")
    assert posted.effective_on == date(2025, 3, 5)
    assert [(entry.account, entry.number, entry.balance_after) for entry in posted.entries] == [
        ("5100", 1, 25),
        ("9110", 1, 150),
        ("2100.a", 1, 25),
        ("9200.a", 1, 150),
    ]


async def test_the_same_call_again_answers_the_same_transaction_and_moves_nothing(
    database: AsyncEngine, wallets: Book
) -> None:
    [first] = await submit(database, wallets, earn("k"))
    await post(database, wallets, earn("in between"))
    [again] = await submit(database, wallets, earn("k"))
    assert isinstance(first, Posted)
    assert again == Posted(first.transaction_id, first.transaction, replayed=True)
    assert not first.replayed
    assert await balance_of(database, wallets, "2100.a") == 50


async def test_the_same_key_twice_in_one_batch_answers_whole_transactions(database: AsyncEngine, wallets: Book) -> None:
    first, again = await submit(database, wallets, earn("k"), earn("k"))
    assert transaction_of(first) == transaction_of(again)
    assert await balance_of(database, wallets, "2100.a") == 25


async def test_another_call_under_a_used_key_is_a_conflict_that_shows_both_calls(
    database: AsyncEngine, wallets: Book
) -> None:
    first, other = earn("k", 25), earn("k", 26)
    await post(database, wallets, first)
    before = await rows_stored(database, wallets)
    conflict = await refused(database, wallets, other)
    assert reason(conflict) == (IdempotencyConflict, {"key": "k", "earlier_call": first.call, "call": other.call})
    assert await rows_stored(database, wallets) == before
    assert was_posted((await submit(database, wallets, first))[0])


async def test_calls_are_compared_byte_by_byte(database: AsyncEngine, wallets: Book) -> None:
    composed, decomposed = (
        proposal("k", debit="5100 1", credit="2100.a 1", call=call) for call in ("\u00e9", "e\u0301")
    )
    await post(database, wallets, composed)
    assert isinstance(await refused(database, wallets, decomposed), IdempotencyConflict)


async def test_a_refusal_decided_on_state_stays_when_the_funds_arrive_and_a_new_key_works(
    database: AsyncEngine, wallets: Book
) -> None:
    [first] = await submit(database, wallets, spend("k", 10))
    assert isinstance(first, Refused)
    assert reason(first.refusal) == (InsufficientBalance, {"account": "2100.a", "balance": 0, "floor": 0})
    assert not first.replayed
    await post(database, wallets, earn("funds", 100))

    [again] = await submit(database, wallets, spend("k", 10))
    assert isinstance(again, Refused)
    assert reason(again.refusal) == reason(first.refusal)
    assert again.replayed
    assert isinstance(await refused(database, wallets, spend("k", 11)), IdempotencyConflict)
    assert await balance_of(database, wallets, "2100.a") == 100

    await post(database, wallets, spend("a new key", 10))
    assert await balance_of(database, wallets, "2100.a") == 90


async def test_a_refusal_decided_on_state_stores_its_key_and_nothing_else(database: AsyncEngine, wallets: Book) -> None:
    await refused(database, wallets, spend("k", 10))
    assert await rows_stored(database, wallets) == {"keys": 1, "transactions": 0, "entries": 0, "day_totals": 0}


async def test_a_refusal_of_an_import_is_reported_and_not_kept(database: AsyncEngine, wallets: Book) -> None:
    line = proposal("1", debit="2100.a 10", credit="2300.x 10", client="import", keep_refusal=False)
    assert isinstance(await refused(database, wallets, line), InsufficientBalance)
    assert (await rows_stored(database, wallets))["keys"] == 0
    await post(database, wallets, earn("funds"))
    await post(database, wallets, line)
    assert await balance_of(database, wallets, "2300.x") == 10


NOT_STORED: dict[str, tuple[Proposal, type[Refusal]]] = {
    "a zero amount": (earn("k", 0), InvalidField),
    "a negative amount": (earn("k", -1), InvalidField),
    "an amount beyond 10^15": (earn("k", 10**15 + 1), InvalidField),
    "an amount beyond 64 bits": (earn("k", 2**64), InvalidField),
    "one line": (proposal("k", debit="5100 5", credit=""), InvalidField),
    "one side": (proposal("k", debit="5100 5; 5100 5", credit=""), Unbalanced),
    "unbalanced": (proposal("k", debit="5100 5", credit="2100.a 4"), Unbalanced),
    "mixed units": (proposal("k", debit="5100 5", credit="9200.a 5"), Unbalanced),
    "another unit": (proposal("k", debit="5100 5 HR", credit="2100.a 5"), UnitMismatch),
    "an unknown account": (proposal("k", debit="5100 5", credit="2100.nobody 5"), UnknownAccount),
    "401 lines": (proposal("k", debit="5100 400", credit="2100.a 1;" * 400), TooManyLines),
    "before the book": (
        proposal("k", debit="5100 5", credit="2100.a 5", effective_at=datetime(1989, 12, 31, 12, tzinfo=UTC)),
        EffectiveDayOutOfRange,
    ),
    "after today": (
        proposal("k", debit="5100 5", credit="2100.a 5", effective_at=datetime(9998, 1, 1, tzinfo=UTC)),
        EffectiveDayOutOfRange,
    ),
    "the last day of the calendar": (
        proposal("k", debit="5100 5", credit="2100.a 5", effective_at=datetime(9999, 12, 31, tzinfo=UTC)),
        InvalidField,
    ),
    "NUL in the description": (proposal("k", debit="5100 5", credit="2100.a 5", description="a\x00b"), InvalidField),
    "half a character in the description": (
        proposal("k", debit="5100 5", credit="2100.a 5", description="\ud83d"),
        InvalidField,
    ),
    "NUL in the kind": (proposal("k", debit="5100 5", credit="2100.a 5", kind="te\x00st"), InvalidField),
}


@pytest.mark.parametrize(("wanted", "refusal"), NOT_STORED.values(), ids=NOT_STORED.keys())
async def test_a_refusal_that_is_not_stored_leaves_nothing_behind_and_its_key_free(
    database: AsyncEngine, wallets: Book, wanted: Proposal, refusal: type[Refusal]
) -> None:
    assert isinstance(await refused(database, wallets, wanted), refusal)
    assert await rows_stored(database, wallets) == {"keys": 0, "transactions": 0, "entries": 0, "day_totals": 0}
    await post(database, wallets, earn("k"))
    assert await balances_of(database, wallets) == {"5100": 25, "2100.a": 25}


UNSPEAKABLE = {
    "NUL in the account": ("k", "2100\x00a"),
    "half a character in the account": ("k", "2100\ud83da"),
    "NUL in the key": ("k\x00", "2100.a"),
    "half a character in the key": ("k\ud83d", "2100.a"),
}


@pytest.mark.parametrize(("key", "account"), UNSPEAKABLE.values(), ids=UNSPEAKABLE.keys())
async def test_what_the_database_could_not_even_hear_is_refused_by_its_shape(
    database: AsyncEngine, wallets: Book, key: str, account: str
) -> None:
    good = earn("good")
    lines = (Line("5100", "debit", 25), Line(account, "credit", 25))
    bad = Proposal(
        client=good.client, key=key, call="call", kind="test", effective_at=NOON, lines=lines, actor="user:1"
    )
    outcomes = await submit(database, wallets, good, bad)
    assert [was_posted(outcome) for outcome in outcomes] == [True, False]
    assert isinstance(refusal_of(outcomes[1]), InvalidField)


async def test_the_same_key_of_two_clients_is_two_keys(database: AsyncEngine, wallets: Book) -> None:
    transactions = [
        await post(database, wallets, proposal("k", debit="5100 1", credit="2100.a 1", client=client))
        for client in ("till:1", "till:2", "import", "user:1", "room:notices")
    ]
    assert len({transaction.transaction_id for transaction in transactions}) == 5
    assert await balance_of(database, wallets, "2100.a") == 5


async def test_the_same_key_in_two_books_is_two_keys(database: AsyncEngine, wallets: Book) -> None:
    other = await new_book(database)
    await opened(database, other, "5100", "2100.a")
    first = await post(database, wallets, earn("k"))
    second = await post(database, other, earn("k", 7))
    assert first.transaction_id != second.transaction_id
    assert await balances_of(database, other) == {"5100": 7, "2100.a": 7}
    assert await balances_of(database, wallets) == {"5100": 25, "2100.a": 25}


async def test_a_key_in_use_by_an_open_transaction_is_waited_for(database: AsyncEngine, wallets: Book) -> None:
    await opened(database, wallets, "3100", "2200")
    ours = earn("k")
    theirs = proposal("k", debit="3100 5", credit="2200 5")  # no account in common, so no common lock
    async with database.begin() as tx:
        await journal.post(tx, wallets.book_id, [theirs])
        waiting = asyncio.create_task(submit(database, wallets, ours))
        await until_blocked_by(database, tx)
    [outcome] = await waiting
    assert reason(refusal_of(outcome)) == (
        IdempotencyConflict,
        {"key": "k", "earlier_call": theirs.call, "call": ours.call},
    )
    assert await balances_of(database, wallets) == {"3100": -5, "2200": 5}


async def test_a_key_whose_other_user_gave_up_is_free(database: AsyncEngine, wallets: Book) -> None:
    await opened(database, wallets, "3100", "2200")
    async with database.begin() as tx:
        await journal.post(tx, wallets.book_id, [proposal("k", debit="3100 5", credit="2200 5")])
        waiting = asyncio.create_task(submit(database, wallets, earn("k")))
        await until_blocked_by(database, tx)
        await tx.rollback()
    assert was_posted((await waiting)[0])
    assert await balances_of(database, wallets) == {"5100": 25, "2100.a": 25}


async def test_the_others_of_a_batch_are_posted_though_one_key_was_taken_meanwhile(
    database: AsyncEngine, wallets: Book
) -> None:
    await opened(database, wallets, "3100", "2200")
    async with database.begin() as tx:
        await journal.post(tx, wallets.book_id, [proposal("b", debit="3100 5", credit="2200 5")])
        waiting = asyncio.create_task(submit(database, wallets, earn("a"), earn("b"), earn("c")))
        await until_blocked_by(database, tx)
    outcomes = await waiting
    assert [was_posted(outcome) for outcome in outcomes] == [True, False, True]
    assert isinstance(refusal_of(outcomes[1]), IdempotencyConflict)
    assert await balance_of(database, wallets, "2100.a") == 50


async def test_two_keys_of_a_batch_may_be_taken_meanwhile_one_after_the_other(
    database: AsyncEngine, wallets: Book
) -> None:
    await opened(database, wallets, "3100", "2200", "1100", "3200")
    async with database.begin() as first, database.begin() as second:
        await journal.post(first, wallets.book_id, [proposal("a", debit="3100 5", credit="2200 5")])
        await journal.post(second, wallets.book_id, [proposal("b", debit="1100 5", credit="3200 5")])
        waiting = asyncio.create_task(submit(database, wallets, earn("a"), earn("b"), earn("c")))
        await until_blocked_by(database, first)
        await first.commit()
        await until_blocked_by(database, second)
    outcomes = await waiting
    assert [was_posted(outcome) for outcome in outcomes] == [False, False, True]
    assert all(isinstance(refusal_of(outcome), IdempotencyConflict) for outcome in outcomes[:2])


async def test_one_key_at_once_for_different_calls_on_different_accounts_has_one_winner(
    database: AsyncEngine, wallets: Book
) -> None:
    await opened(database, wallets, *(f"5100.{n}" for n in range(8)), *(f"2100.{n}" for n in range(8)))
    calls = [proposal("k", debit=f"5100.{n} 5", credit=f"2100.{n} 5") for n in range(8)]
    outcomes = [outcome for [outcome] in await asyncio.gather(*(submit(database, wallets, call) for call in calls))]
    winners = [call for call, outcome in zip(calls, outcomes, strict=True) if was_posted(outcome)]
    assert len(winners) == 1
    for call, outcome in zip(calls, outcomes, strict=True):
        if call is not winners[0]:
            assert reason(refusal_of(outcome)) == (
                IdempotencyConflict,
                {"key": "k", "earlier_call": winners[0].call, "call": call.call},
            )
    assert await rows_stored(database, wallets) == {"keys": 1, "transactions": 1, "entries": 2, "day_totals": 2}


async def test_every_stored_refusal_comes_back_as_it_was(database: AsyncEngine, wallets: Book) -> None:
    await opened(database, wallets, "full asset CNY", "from equity CNY", "2100.frozen", "2100.closed")
    async with database.begin() as tx:
        await chart.set_status(tx, wallets.book_id, "2100.frozen", "frozen")
        await chart.set_status(tx, wallets.book_id, "2100.closed", "closed")
    original = await move(database, wallets, "5100 5", "2100.b 5")
    await post(database, wallets, await reverse(database, wallets, original, "first"))
    lines = f"full {10**15};" * 200, f"from {10**15};" * 200
    filling = [proposal(f"fill {n}", debit=lines[0], credit=lines[1]) for n in range(46)]  # to 9.2 of 9.223 × 10^18
    assert all(was_posted(outcome) for outcome in await submit(database, wallets, *filling))
    calls = {
        "floor": (spend("floor", 10), InsufficientBalance("2100.a", 0, 0)),
        "frozen": (earn("frozen", 5, "2100.frozen"), AccountFrozen("2100.frozen")),
        "closed": (earn("closed", 5, "2100.closed"), AccountClosed("2100.closed")),
        "reversed": (
            await reverse(database, wallets, original, "second"),
            AlreadyReversed(original.transaction_id),
        ),
        "range": (proposal("range", debit=lines[0], credit=lines[1]), AmountOutOfRange("full")),
    }
    for call, refusal in calls.values():
        for replayed in (False, True):
            [outcome] = await submit(database, wallets, call)
            assert isinstance(outcome, Refused)
            assert reason(outcome.refusal) == reason(refusal)
            assert outcome.replayed == replayed


# --- batches ---------------------------------------------------------------------------------------------------------


async def test_outcomes_come_in_the_order_of_the_proposals_and_each_sees_those_before(
    database: AsyncEngine, wallets: Book
) -> None:
    outcomes = await submit(
        database,
        wallets,
        spend("too early", 5),
        earn("earn", 12),
        spend("one", 5),
        proposal("crooked", debit="5100 2", credit="2100.a 1"),
        spend("two", 5),
        spend("too much", 5),
    )
    assert [was_posted(outcome) for outcome in outcomes] == [False, True, True, False, True, False]
    assert await balances_of(database, wallets) == {"5100": 12, "2100.a": 2, "2300.x": 10}
    assert await rows_stored(database, wallets) == {"keys": 5, "transactions": 3, "entries": 6, "day_totals": 3}


async def test_an_empty_batch_does_nothing(database: AsyncEngine, wallets: Book) -> None:
    assert await submit(database, wallets) == []
    assert (await rows_stored(database, wallets))["keys"] == 0


async def test_400_lines_in_several_units_are_one_transaction(database: AsyncEngine, wallets: Book) -> None:
    await opened(database, wallets, "1110", "3110", "5600", "2600.a")
    debit = ";".join(["5100 1; 9110 60; 1110 100; 5600 3"] * 50)
    credit = ";".join(["2100.a 1; 9200.a 60; 3110 100; 2600.a 3"] * 50)
    posted = await post(database, wallets, proposal("k", debit=debit, credit=credit))
    assert len(posted.entries) == 400
    assert [entry.number for entry in posted.entries if entry.account == "2100.a"] == list(range(1, 51))
    assert await balances_of(database, wallets) == {
        "5100": 50,
        "2100.a": 50,
        "9110": 3000,
        "9200.a": 3000,
        "1110": 5000,
        "3110": 5000,
        "5600": 150,
        "2600.a": 150,
    }
    async with database.connect() as tx:
        assert await journal.read(tx, wallets.book_id, posted.transaction_id) == posted


async def test_what_is_decided_and_not_posted_stores_nothing(database: AsyncEngine, wallets: Book) -> None:
    wanted = [earn("k"), spend("s", 30)]
    async with database.begin() as tx:
        state = await journal.load(tx, wallets.book_id, wanted)
    outcomes = journal.decide(state, wanted).outcomes
    assert [was_posted(outcome) for outcome in outcomes] == [True, False]
    assert await rows_stored(database, wallets) == {"keys": 0, "transactions": 0, "entries": 0, "day_totals": 0}


async def test_a_book_that_is_not_there_is_unknown(database: AsyncEngine) -> None:
    with pytest.raises(UnknownBook):
        await batching.submit(database, 2**31 - 1, [earn("k")])


async def test_books_do_not_see_each_others_accounts(database: AsyncEngine, wallets: Book) -> None:
    other = await new_book(database)
    assert reason(await refused(database, other, earn("k"))) == (UnknownAccount, {"account": "5100"})


async def test_nothing_is_dated_before_the_books_own_first_day(database: AsyncEngine) -> None:
    async with database.begin() as tx:
        young = await directory.create_book(tx, "young-book", "2025", date(2025, 3, 5))
    await opened(database, young, "5100", "2100.a")
    day_before = proposal("k", debit="5100 1", credit="2100.a 1", effective_at=NOON - timedelta(days=1))
    refusal = await refused(database, young, day_before)
    assert isinstance(refusal, EffectiveDayOutOfRange)
    assert (refusal.day, refusal.first_day) == (date(2025, 3, 4), date(2025, 3, 5))
    await post(database, young, earn("k"))


async def test_the_number_of_a_transaction_tells_when_it_was_recorded(database: AsyncEngine, wallets: Book) -> None:
    posted = await post(at(database, NOON), wallets, earn("k"))
    assert posted.transaction_id.version == 7
    assert posted.transaction_id.int >> 80 == int(posted.recorded_at.timestamp() * 1000)


async def test_recorded_times_never_fall_below_the_accounts_last(database: AsyncEngine, wallets: Book) -> None:
    first = await post(at(database, NOON), wallets, earn("first"))
    earlier = await post(at(database, NOON - timedelta(hours=1)), wallets, earn("second"))
    assert (first.recorded_at, earlier.recorded_at) == (NOON, NOON)
    later = await post(at(database, NOON + timedelta(hours=1)), wallets, earn("third"))
    assert later.recorded_at == NOON + timedelta(hours=1)


async def test_a_transaction_that_began_earlier_is_recorded_when_it_has_its_locks(
    database: AsyncEngine, wallets: Book
) -> None:
    async with database.begin() as tx:
        began = (await tx.execute(text("SELECT transaction_timestamp()"))).scalar_one()
        overtaking = await post(database, wallets, earn("overtaking"))
        [outcome] = await journal.post(tx, wallets.book_id, [earn("overtaken")])
    overtaken = transaction_of(outcome)
    assert began < overtaking.recorded_at < overtaken.recorded_at
    assert [transaction.entries[0].number for transaction in (overtaking, overtaken)] == [1, 2]


# --- reversals -------------------------------------------------------------------------------------------------------


async def test_a_reversal_mirrors_its_original_and_is_dated_as_it(database: AsyncEngine, wallets: Book) -> None:
    original = await post(
        database, wallets, proposal("k", debit="5100 25; 9110 150", credit="2100.a 20; 2100.b 5; 9200.a 150")
    )
    undone = await post(database, wallets, await reverse(database, wallets, original, "undo", reason="录入有误"))
    assert [(entry.account, entry.side, entry.amount) for entry in undone.entries] == [
        ("5100", "credit", 25),
        ("9110", "credit", 150),
        ("2100.a", "debit", 20),
        ("2100.b", "debit", 5),
        ("9200.a", "debit", 150),
    ]
    assert (undone.effective_at, undone.effective_on) == (original.effective_at, original.effective_on)
    assert undone.recorded_at > original.recorded_at
    assert (undone.kind, undone.correction, undone.corrects) == ("reversal", "reversal", original.transaction_id)
    assert undone.description == "录入有误"
    assert set((await balances_of(database, wallets)).values()) == {0}


async def test_a_transaction_is_reversed_once(database: AsyncEngine, wallets: Book) -> None:
    original = await post(database, wallets, earn("k"))
    first = await reverse(database, wallets, original, "first")
    undone = await post(database, wallets, first)
    again = await refused(database, wallets, await reverse(database, wallets, original, "second"))
    assert reason(again) == (AlreadyReversed, {"transaction": original.transaction_id})
    [replayed] = await submit(database, wallets, first)
    assert transaction_of(replayed) == undone
    assert await balance_of(database, wallets, "2100.a") == 0


async def test_a_reversal_is_not_reversed(database: AsyncEngine, wallets: Book) -> None:
    original = await post(database, wallets, earn("k"))
    undone = await post(database, wallets, await reverse(database, wallets, original))
    with pytest.raises(CannotReverse) as caught:
        await reverse(database, wallets, undone, "again")
    assert caught.value.transaction == undone.transaction_id


async def test_a_reversal_that_would_break_a_floor_is_refused(database: AsyncEngine, wallets: Book) -> None:
    original = await post(database, wallets, earn("k"))
    await post(database, wallets, spend("s", 20))
    refusal = await refused(database, wallets, await reverse(database, wallets, original, "too late"))
    assert reason(refusal) == (InsufficientBalance, {"account": "2100.a", "balance": 5, "floor": 0})
    assert await balance_of(database, wallets, "2100.a") == 5
    await post(database, wallets, earn("more"))
    await post(database, wallets, await reverse(database, wallets, original, "now"))
    assert await balance_of(database, wallets, "2100.a") == 5


async def test_a_transaction_that_is_not_there_is_not_reversed(database: AsyncEngine, wallets: Book) -> None:
    elsewhere = await new_book(database)
    original = await post(database, wallets, earn("k"))
    with pytest.raises(UnknownTransaction):
        await reverse(database, elsewhere, original)
    async with database.connect() as tx:
        with pytest.raises(UnknownTransaction):
            await journal.read(tx, wallets.book_id, UUID(int=0))


async def test_of_reversals_sent_at_once_one_is_posted(database: AsyncEngine, wallets: Book) -> None:
    original = await post(database, wallets, earn("k"))
    await post(database, wallets, earn("enough for many", 1000))
    undos = [await reverse(database, wallets, original, f"undo {n}") for n in range(8)]
    outcomes = [outcome for [outcome] in await asyncio.gather(*(submit(database, wallets, undo) for undo in undos))]
    assert sorted(was_posted(outcome) for outcome in outcomes) == [False] * 7 + [True]
    assert all(isinstance(refusal_of(o), AlreadyReversed) for o in outcomes if not was_posted(o))
    assert await balance_of(database, wallets, "2100.a") == 1000


# --- frozen and closed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "refusal"), [("frozen", AccountFrozen), ("closed", AccountClosed)])
async def test_a_frozen_or_closed_account_takes_no_entry_until_it_is_open_again(
    database: AsyncEngine, wallets: Book, status: chart.Status, refusal: type[Refusal]
) -> None:
    async with database.begin() as tx:
        await chart.set_status(tx, wallets.book_id, "2100.a", status)
        assert (await chart.account(tx, wallets.book_id, "2100.a")).status == status
    assert reason(await refused(database, wallets, earn("k"))) == (refusal, {"account": "2100.a"})
    async with database.begin() as tx:
        await chart.set_status(tx, wallets.book_id, "2100.a", "open")
    assert isinstance(await refused(database, wallets, earn("k")), refusal), "stored under its key"
    await post(database, wallets, earn("a new key"))


async def test_a_frozen_account_keeps_its_balance(database: AsyncEngine, wallets: Book) -> None:
    await post(database, wallets, earn("k"))
    async with database.begin() as tx:
        await chart.set_status(tx, wallets.book_id, "2100.a", "frozen")
    assert isinstance(await refused(database, wallets, spend("s", 5)), AccountFrozen)
    assert await balance_of(database, wallets, "2100.a") == 25


async def test_an_account_is_closed_at_zero_only(database: AsyncEngine, wallets: Book) -> None:
    await post(database, wallets, earn("k"))
    with pytest.raises(AccountNotEmpty) as caught:
        async with database.begin() as tx:
            await chart.set_status(tx, wallets.book_id, "2100.a", "closed")
    assert (caught.value.account, caught.value.balance) == ("2100.a", 25)
    await post(database, wallets, spend("all of it", 25))
    async with database.begin() as tx:
        await chart.set_status(tx, wallets.book_id, "2100.a", "closed")


async def test_a_status_of_an_account_that_is_not_there_is_not_set(database: AsyncEngine, book: Book) -> None:
    async with database.connect() as tx:
        with pytest.raises(UnknownAccount):
            await chart.set_status(tx, book.book_id, "2100.nobody", "frozen")


# --- what a caller can rely on ---------------------------------------------------------------------------------------


async def test_who_goes_away_before_his_turn_has_nothing_posted(database: AsyncEngine, wallets: Book) -> None:
    async with database.begin() as tx:
        await journal.load(tx, wallets.book_id, [earn("somebody else's")])  # holds the locks
        under_way = asyncio.create_task(submit(database, wallets, earn("first")))
        await until_blocked_by(database, tx)
        waiting = asyncio.create_task(submit(database, wallets, earn("k")))  # the same accounts: waits for the first
        await asyncio.sleep(0)  # one turn of the loop
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await under_way
    await post(database, wallets, earn("last"))
    assert (await rows_stored(database, wallets))["keys"] == 2
    await post(database, wallets, earn("k"))
    assert await balance_of(database, wallets, "2100.a") == 75


async def test_who_goes_away_while_he_is_posted_harms_nobody(database: AsyncEngine, wallets: Book) -> None:
    async with database.begin() as tx:
        await journal.load(tx, wallets.book_id, [earn("somebody else's")])  # holds the locks
        leaving = asyncio.create_task(submit(database, wallets, earn("k")))
        await until_blocked_by(database, tx)
        staying = asyncio.create_task(submit(database, wallets, earn("k2")))
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    assert isinstance((await staying)[0], Posted)
    [again] = await submit(database, wallets, earn("k"))
    assert isinstance(again, Posted)
    assert again.replayed, "it was under way, so it was posted, whole and once"
    assert await balance_of(database, wallets, "2100.a") == 50


async def test_a_caller_who_goes_away_at_any_moment_finds_all_of_his_posting_or_none(
    database: AsyncEngine, wallets: Book
) -> None:
    for turns in range(40):
        call = earn(f"k{turns}", 1)
        before = await rows_stored(database, wallets)
        task = asyncio.create_task(submit(database, wallets, call))
        for _ in range(turns):
            await asyncio.sleep(0)  # one turn of the loop
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        [again] = await submit(database, wallets, call)  # the same accounts: comes after what is under way
        after = await rows_stored(database, wallets)
        grown = {table: after[table] - before[table] for table in ("keys", "transactions", "entries")}
        assert grown == {"keys": 1, "transactions": 1, "entries": 2}
        assert isinstance(again, Posted)
    assert await balance_of(database, wallets, "2100.a") == 40


async def test_a_caller_gets_a_connection_though_many_went_away(database: AsyncEngine, wallets: Book) -> None:
    tasks = [asyncio.create_task(submit(database, wallets, earn(f"k{n}", 1))) for n in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    outcomes: list[Outcome] = [
        outcome for [outcome] in await asyncio.gather(*(submit(database, wallets, earn(f"k{n}", 1)) for n in range(50)))
    ]
    assert all(was_posted(outcome) for outcome in outcomes)
    assert await balance_of(database, wallets, "2100.a") == 50


async def test_a_posting_in_a_block_that_is_rolled_back_never_was(database: AsyncEngine, wallets: Book) -> None:
    async with database.begin() as tx:
        [outcome] = await journal.post(tx, wallets.book_id, [earn("k")])
        assert was_posted(outcome)
        await tx.rollback()
    assert await rows_stored(database, wallets) == {"keys": 0, "transactions": 0, "entries": 0, "day_totals": 0}
    assert await balances_of(database, wallets) == {}


async def test_a_key_is_stored_with_the_call_and_the_time_of_its_transaction(
    database: AsyncEngine, wallets: Book
) -> None:
    posted = await post(database, wallets, earn("k"))
    async with database.connect() as tx:
        row = (
            await tx.execute(
                select(keys.c.client, keys.c.call, keys.c.transaction_id, keys.c.refusal, keys.c.recorded_at).where(
                    keys.c.book_id == wallets.book_id, keys.c.key == "k"
                )
            )
        ).one()
    assert tuple(row) == (posted.client, earn("k").call, posted.transaction_id, None, posted.recorded_at)


@pytest.mark.soak
async def test_a_transaction_older_than_twenty_seconds_writes_nothing(database: AsyncEngine, wallets: Book) -> None:
    old = text("SELECT pg_sleep(0.5), clock_timestamp() - transaction_timestamp() > interval '20 seconds'")
    async with database.begin() as tx:
        while not (await tx.execute(old)).one()[1]:
            pass
        with pytest.raises(psycopg.DatabaseError) as caught:
            await journal.post(tx, wallets.book_id, [earn("k")])
        assert caught.value.sqlstate == "MD001"
        await tx.rollback()
    assert await rows_stored(database, wallets) == {"keys": 0, "transactions": 0, "entries": 0, "day_totals": 0}
