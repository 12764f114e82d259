"""Postings that need two people: what is proposed, who approves it, and what stands in the books then."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import approvals, chart
from ledger.books.approvals import PROTECTED, Draft
from ledger.books.chart import CHART
from ledger.books.directory import Book
from ledger.books.evaluate import Outcome, Transaction
from ledger.books.proposals import ROOMS, Proposal, room_of
from ledger.books.tables import transactions
from ledger.database import connect
from ledger.errors import (
    AccountFrozen,
    AlreadyDecided,
    AlreadyReversed,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidField,
    NeedsApproval,
    Refusal,
    SecondPersonNeeded,
    Unbalanced,
    UnknownAccount,
    UnknownDraft,
)
from tests.books.ledgers import (
    balance_of,
    balances_of,
    move,
    opened,
    proposal,
    reason,
    refusal_of,
    reverse,
    rows_stored,
    second_engine,
    transaction_of,
    until_blocked_by,
)
from tests.conftest import new_book

ONE, TWO, THREE = "user:1", "user:2", "user:3"

pytestmark = pytest.mark.books


async def propose(database: AsyncEngine, book: Book, wanted: Proposal) -> tuple[Draft, bool]:
    async with database.begin() as tx:
        return await approvals.propose(tx, book.book_id, wanted, await connect.now(tx))


async def grant(database: AsyncEngine, book: Book, key: str = "k", amount: int = 25, **other: Any) -> Draft:
    """Somebody proposes points for a wallet."""
    wanted = proposal(key, debit=f"5100 {amount}", credit=f"2100.a {amount}", client=ONE, actor=ONE, **other)
    return (await propose(database, book, wanted))[0]


async def approve(database: AsyncEngine, book: Book, draft: Draft, by: str = TWO, **other: Any) -> Outcome:
    async with database.begin() as tx:
        return await approvals.approve(tx, book.book_id, draft.draft_id, by, await connect.now(tx), **other)


async def decline(database: AsyncEngine, book: Book, draft: Draft, by: str = TWO, why: str = "") -> Draft:
    async with database.begin() as tx:
        return await approvals.decline(tx, book.book_id, draft.draft_id, by, await connect.now(tx), why)


async def read(database: AsyncEngine, book: Book, draft: Draft) -> Draft:
    async with database.connect() as tx:
        return await approvals.read(tx, book.book_id, draft.draft_id)


async def waiting(database: AsyncEngine, book: Book) -> list[UUID]:
    async with database.connect() as tx:
        return [draft.draft_id for draft in await approvals.waiting(tx, book.book_id)]


# --- proposing --------------------------------------------------------------------------------------------------------


async def test_a_proposal_waits_and_nothing_is_in_the_books(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    draft = await grant(database, book, description="washing up")
    assert await waiting(database, book) == [draft.draft_id]
    assert (draft.proposed_by, draft.decided_by, draft.transaction_id, draft.description) == (
        *(ONE, None, None),
        "washing up",
    )
    assert await read(database, book, draft) == draft
    assert await rows_stored(database, book) == {"keys": 0, "transactions": 0, "entries": 0, "day_totals": 0}


async def test_the_same_proposal_under_its_key_is_the_one_that_is_there(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    wanted = proposal("k", debit="5100 25", credit="2100.a 25")
    first, new = await propose(database, book, wanted)
    assert new
    assert await propose(database, book, wanted) == (first, False)
    await approve(database, book, first)
    decided = await read(database, book, first)
    assert await propose(database, book, wanted) == (decided, False)
    assert await balance_of(database, book, "2100.a") == 25


async def test_another_proposal_under_the_key_is_a_conflict(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    one, other = (proposal("k", debit=f"5100 {n}", credit=f"2100.a {n}") for n in (25, 26))
    first, _ = await propose(database, book, one)
    with pytest.raises(IdempotencyConflict) as caught:
        await propose(database, book, other)
    assert (caught.value.key, caught.value.earlier_call, caught.value.call) == ("k", one.call, other.call)
    assert await waiting(database, book) == [first.draft_id]


async def test_a_key_is_its_callers_own(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    made = [
        (await propose(database, book, proposal("k", debit="5100 25", credit="2100.a 25", client=client)))[1]
        for client in (ONE, TWO)
    ]
    assert made == [True, True]


async def test_a_proposal_that_comes_five_times_at_once_is_one_and_one_of_them_is_new(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    wanted = proposal("k", debit="5100 25", credit="2100.a 25")
    async with second_engine(database) as other:
        made = await asyncio.gather(*(propose((database, other)[n % 2], book, wanted) for n in range(5)))
    assert len({draft.draft_id for draft, _ in made}) == 1
    assert sorted(new for _, new in made) == [False] * 4 + [True]
    assert len(await waiting(database, book)) == 1


@pytest.mark.parametrize(
    ("debit", "credit", "refusal"),
    [
        ("2100.a 25", "5100 25", InsufficientBalance("2100.a", 0, 0)),
        ("5100 25", "2100.a 24", Unbalanced("PT", 25, 24)),
        ("5100 25", "2100.b 25", UnknownAccount("2100.b")),
        ("5100 0", "2100.a 0", InvalidField("lines[0].amount", "out_of_range")),
        ("5100 25", "", InvalidField("lines", "too_few")),
    ],
)
async def test_who_proposes_hears_at_once_what_the_books_would_refuse_and_nothing_is_kept(
    database: AsyncEngine, book: Book, debit: str, credit: str, refusal: Refusal
) -> None:
    await opened(database, book, "5100", "2100.a")
    with pytest.raises(type(refusal)) as caught:
        await propose(database, book, proposal("k", debit=debit, credit=credit))
    assert reason(caught.value) == reason(refusal)
    assert await waiting(database, book) == []
    assert (await rows_stored(database, book))["keys"] == 0
    assert await grant(database, book, "k"), "the key is free"


async def test_proposals_wait_the_oldest_first_each_in_its_book(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    other = await new_book(database)
    await opened(database, other, "5100", "2100.a")
    drafts = [await grant(database, book, f"k{n}") for n in range(3)]
    elsewhere = await grant(database, other)
    await decline(database, book, drafts[1])
    assert await waiting(database, book) == [drafts[0].draft_id, drafts[2].draft_id]
    for verb in (read, approve, decline):
        with pytest.raises(UnknownDraft):
            await verb(database, book, elsewhere)
    assert await waiting(database, other) == [elsewhere.draft_id]


# --- approving --------------------------------------------------------------------------------------------------------


async def test_an_approved_proposal_is_posted_with_who_proposed_and_who_approved_it(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    draft = await grant(database, book, description="washing up")
    posted = transaction_of(await approve(database, book, draft, request_id="r-1"))
    assert await balances_of(database, book) == {"5100": 25, "2100.a": 25}
    assert (posted.kind, posted.description, posted.actor, posted.approver, posted.request_id) == (
        *("test", "washing up", ONE, TWO),
        "r-1",
    )
    assert (posted.client, posted.key) == (approvals.CLIENT, str(draft.draft_id))
    async with database.connect() as tx:
        row = (await tx.execute(select(transactions).where(transactions.c.book_id == book.book_id))).one()
    assert (row.actor, row.approver) == (ONE, TWO)
    decided = await read(database, book, draft)
    assert (decided.decided_by, decided.transaction_id, decided.reason) == (TWO, posted.transaction_id, None)
    assert decided.decided_at is not None
    assert await waiting(database, book) == []


async def test_who_proposed_cannot_approve(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    draft = await grant(database, book)
    with pytest.raises(SecondPersonNeeded):
        await approve(database, book, draft, by=ONE)
    assert await waiting(database, book) == [draft.draft_id]
    assert await balance_of(database, book, "2100.a") == 0


async def test_a_proposal_is_approved_once(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    draft = await grant(database, book)
    await approve(database, book, draft)
    for by in (TWO, THREE):
        with pytest.raises(AlreadyDecided):
            await approve(database, book, draft, by)
    with pytest.raises(AlreadyDecided):
        await decline(database, book, draft)
    assert await balance_of(database, book, "2100.a") == 25


async def test_two_approvers_at_once_post_once(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    draft = await grant(database, book)
    async with second_engine(database) as other:
        outcomes = await asyncio.gather(
            approve(database, book, draft, TWO), approve(other, book, draft, THREE), return_exceptions=True
        )
    assert sorted(type(each).__name__ for each in outcomes) == ["AlreadyDecided", "Posted"]
    assert await balance_of(database, book, "2100.a") == 25
    assert (await rows_stored(database, book))["transactions"] == 1


@pytest.mark.parametrize("kept", [True, False], ids=["is kept", "is given up"])
async def test_who_declines_while_it_is_approved_waits_until_that(
    database: AsyncEngine, book: Book, kept: bool
) -> None:
    await opened(database, book, "5100", "2100.a")
    draft = await grant(database, book)
    async with database.connect() as tx, tx.begin() as approving:
        await approvals.approve(tx, book.book_id, draft.draft_id, TWO, draft.proposed_at)
        declining = asyncio.create_task(decline(database, book, draft, THREE))
        await until_blocked_by(database, tx)
        if not kept:
            await approving.rollback()
    if kept:
        with pytest.raises(AlreadyDecided):
            await declining
    else:
        assert (await declining).decided_by == THREE
    assert await balance_of(database, book, "2100.a") == (25 if kept else 0)


async def test_what_the_books_refuse_at_approval_goes_on_waiting(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    await move(database, book, "5100 30", "2100.a 30")
    taking = proposal("k", debit="2100.a 25", credit="5100 25", client=ONE, actor=ONE)
    draft, _ = await propose(database, book, taking)
    await move(database, book, "2100.a 10", "5100 10")
    for _ in range(2):
        refused = refusal_of(await approve(database, book, draft))
        assert reason(refused) == reason(InsufficientBalance("2100.a", 20, 0))
        assert await read(database, book, draft) == draft
    await move(database, book, "5100 10", "2100.a 10")
    transaction_of(await approve(database, book, draft))
    assert await balance_of(database, book, "2100.a") == 5


async def test_an_account_frozen_since_lets_the_proposal_wait(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    draft = await grant(database, book)
    async with database.begin() as tx:
        await chart.set_status(tx, book.book_id, "2100.a", "frozen")
    assert reason(refusal_of(await approve(database, book, draft))) == reason(AccountFrozen("2100.a"))
    assert await waiting(database, book) == [draft.draft_id]


async def test_an_overflow_account_is_kept_with_the_proposal(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a", "1300.a")
    await move(database, book, "5100 10", "2100.a 10")
    taking = proposal("k", debit="2100.a 25", credit="5100 25", client=ONE, actor=ONE)
    taking = taking._replace(lines=(taking.lines[0]._replace(overflow="1300.a"), taking.lines[1]))
    draft, _ = await propose(database, book, taking)
    transaction_of(await approve(database, book, draft))
    assert await balances_of(database, book, "2100.a", "1300.a") == {"2100.a": 0, "1300.a": 15}


# --- declining --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [ONE, TWO])
async def test_a_declined_proposal_is_not_posted_whoever_declined_it(
    database: AsyncEngine, book: Book, by: str
) -> None:
    await opened(database, book, "5100", "2100.a")
    draft = await grant(database, book)
    declined = await decline(database, book, draft, by, "twice the same")
    assert (declined.decided_by, declined.reason, declined.transaction_id) == (by, "twice the same", None)
    assert await waiting(database, book) == []
    with pytest.raises(AlreadyDecided):
        await approve(database, book, draft, THREE)
    with pytest.raises(AlreadyDecided):
        await decline(database, book, draft, THREE)
    assert await balance_of(database, book, "2100.a") == 0


@pytest.mark.parametrize("why", ["a\nb", "\x00", "\ud800", "x" * 501])
async def test_a_reason_is_one_line(database: AsyncEngine, book: Book, why: str) -> None:
    await opened(database, book, "5100", "2100.a")
    draft = await grant(database, book)
    with pytest.raises(InvalidField) as caught:
        await decline(database, book, draft, why=why)
    assert (caught.value.field, caught.value.problem) == ("reason", "not_one_line")
    assert await waiting(database, book) == [draft.draft_id]


async def test_a_proposal_that_is_not_there_is_unknown(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        now = await connect.now(tx)
        for verb in (
            approvals.read(tx, book.book_id, uuid4()),
            approvals.approve(tx, book.book_id, uuid4(), TWO, now),
            approvals.decline(tx, book.book_id, uuid4(), TWO, now, ""),
        ):
            with pytest.raises(UnknownDraft):
                await verb


# --- reversals --------------------------------------------------------------------------------------------------------


async def reversal_of(database: AsyncEngine, book: Book, original: Transaction, key: str = "reversal") -> Draft:
    wanted = await reverse(database, book, original, key, client=ONE, actor=ONE)
    return (await propose(database, book, wanted))[0]


async def test_a_reversal_that_was_proposed_is_a_reversal_when_it_is_approved(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    original = await move(database, book, "5100 25", "2100.a 25")
    draft = await reversal_of(database, book, original)
    assert draft.reverses == original.transaction_id
    assert await balance_of(database, book, "2100.a") == 25
    posted = transaction_of(await approve(database, book, draft))
    assert (posted.kind, posted.correction, posted.corrects) == ("reversal", "reversal", original.transaction_id)
    assert (posted.actor, posted.approver, posted.effective_at) == (ONE, TWO, original.effective_at)
    assert await balances_of(database, book) == {"5100": 0, "2100.a": 0}


async def test_of_two_reversals_of_one_transaction_the_second_goes_on_waiting(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    original = await move(database, book, "5100 25", "2100.a 25")
    first, second = [await reversal_of(database, book, original, key) for key in ("r1", "r2")]
    transaction_of(await approve(database, book, first))
    refused = refusal_of(await approve(database, book, second))
    assert reason(refused) == reason(AlreadyReversed(original.transaction_id))
    assert await waiting(database, book) == [second.draft_id]
    with pytest.raises(AlreadyReversed):
        await reversal_of(database, book, original, "r3")


# --- what needs two people --------------------------------------------------------------------------------------------


def test_every_account_of_a_person_or_a_household_and_every_source_of_points_is_protected() -> None:
    """Merchants' and the book's own accounts are not: what staff settle there can be told from their statements."""
    personal = {row.kind for row in CHART if row.holder in ("volunteer", "household", "organisation")}
    assert personal == PROTECTED
    assert {row.kind for row in CHART} >= PROTECTED


@pytest.mark.parametrize("row", CHART, ids=lambda row: row.kind)
def test_nobody_posts_alone_to_what_is_protected(row: chart.Row) -> None:
    kinds = {"till": None, f"{row.code}.a": row.kind}
    if row.kind in PROTECTED:
        with pytest.raises(NeedsApproval) as caught:
            approvals.alone(kinds)
        assert caught.value.account == f"{row.code}.a"
    else:
        approvals.alone(kinds)


@pytest.mark.parametrize("row", CHART, ids=lambda row: row.kind)
def test_the_code_of_an_account_says_what_it_would_be(row: chart.Row) -> None:
    assert chart.kind_by_code(row.code) == chart.kind_by_code(f"{row.code}.a.b") == row.kind
    assert chart.kind_by_code(f"{row.code}0.a") is None
    assert chart.kind_by_code(f"x{row.code}") is None


@given(st.sampled_from(sorted(ROOMS)), st.text(st.characters(codec="ascii"), max_size=10))
def test_a_kind_whose_first_part_is_a_rooms_is_that_rooms(first: str, rest: str) -> None:
    assert room_of(first) == room_of(f"{first}.{rest}") == ROOMS[first]


@given(st.text(max_size=20).filter(lambda kind: kind.partition(".")[0] not in ROOMS))
def test_every_other_kind_is_anybodys(kind: str) -> None:
    assert room_of(kind) is None


def test_rooms_have_the_kinds_that_they_post() -> None:
    posted = ("hold", "hold.capture", "reversal", "earn.activity", "deduct.item", "opening.hours", "spend.redeem")
    assert [room_of(kind) for kind in posted] == [*["books"] * 3, *["earning"] * 3, "spending"]
    assert [room_of(kind) for kind in ("earnest.x", "holding", "Earn.x", "transfer", "")] == [None] * 5
