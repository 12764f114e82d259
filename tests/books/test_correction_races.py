"""Corrections in races whose order is forced: a transaction is taken back once, however that is tried."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.books.evaluate import Outcome, Transaction
from ledger.books.proposals import Proposal
from ledger.errors import AlreadyRefunded, AlreadyReversed, InsufficientBalance, RefundTooLarge
from tests.books.ledgers import (
    balances_of,
    in_turn,
    move,
    opened,
    proposal,
    reason,
    refusal_of,
    reverse,
    second_engine,
    submit,
    was_posted,
)

pytestmark = pytest.mark.books


@pytest.fixture
async def other(database: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Another process of the service."""
    async with second_engine(database) as engine:
        yield engine


@pytest.fixture
async def shop(database: AsyncEngine, book: Book) -> Book:
    """A book with two wallets and two merchants."""
    await opened(database, book, "5100", "2100.a", "2100.b", "2300.x", "2300.y")
    return book


async def one(database: AsyncEngine, book: Book, wanted: Proposal) -> Outcome:
    return (await submit(database, book, wanted))[0]


def refund(key: str, original: Transaction, debit: str, credit: str) -> Proposal:
    return proposal(key, debit=debit, credit=credit, correction="refund", corrects=original.transaction_id)


# --- reversal against spend ------------------------------------------------------------------------------------------


async def test_points_whose_credit_is_reversed_first_are_not_spent(
    database: AsyncEngine, other: AsyncEngine, shop: Book
) -> None:
    credit = await move(database, shop, "5100 30", "2100.a 30")
    spend = proposal("spend", debit="2100.a 10", credit="2300.x 10")
    reversed_, spent = await in_turn(
        database, shop, "2100.a", one(database, shop, await reverse(database, shop, credit)), one(other, shop, spend)
    )
    assert was_posted(reversed_)
    assert reason(refusal_of(spent)) == reason(InsufficientBalance("2100.a", 0, 0))
    assert await balances_of(database, shop, "2100.a", "2300.x", "5100") == {"2100.a": 0, "2300.x": 0, "5100": 0}


async def test_the_credit_of_points_that_are_spent_first_is_not_reversed(
    database: AsyncEngine, other: AsyncEngine, shop: Book
) -> None:
    credit = await move(database, shop, "5100 30", "2100.a 30")
    spend = proposal("spend", debit="2100.a 10", credit="2300.x 10")
    spent, reversed_ = await in_turn(
        database, shop, "2100.a", one(database, shop, spend), one(other, shop, await reverse(database, shop, credit))
    )
    assert was_posted(spent)
    assert reason(refusal_of(reversed_)) == reason(InsufficientBalance("2100.a", 20, 0))
    assert await balances_of(database, shop, "2100.a", "2300.x", "5100") == {"2100.a": 20, "2300.x": 10, "5100": 30}


# --- two corrections of one transaction ------------------------------------------------------------------------------


@pytest.fixture
async def purchase(database: AsyncEngine, shop: Book) -> Transaction:
    """12 points of the 30 in a wallet, spent."""
    await move(database, shop, "5100 30", "2100.a 30")
    return await move(database, shop, "2100.a 12", "2300.x 12")


async def test_what_is_reversed_first_is_not_refunded(
    database: AsyncEngine, other: AsyncEngine, shop: Book, purchase: Transaction
) -> None:
    back = refund("refund", purchase, "2300.x 5", "2100.a 5")
    reversed_, refunded = await in_turn(
        database, shop, "2100.a", one(database, shop, await reverse(database, shop, purchase)), one(other, shop, back)
    )
    assert was_posted(reversed_)
    assert reason(refusal_of(refunded)) == reason(AlreadyReversed(purchase.transaction_id))
    assert await balances_of(database, shop, "2100.a", "2300.x") == {"2100.a": 30, "2300.x": 0}


async def test_what_is_refunded_first_is_not_reversed(
    database: AsyncEngine, other: AsyncEngine, shop: Book, purchase: Transaction
) -> None:
    back = refund("refund", purchase, "2300.x 5", "2100.a 5")
    refunded, reversed_ = await in_turn(
        database, shop, "2100.a", one(database, shop, back), one(other, shop, await reverse(database, shop, purchase))
    )
    assert was_posted(refunded)
    assert reason(refusal_of(reversed_)) == reason(AlreadyRefunded(purchase.transaction_id))
    assert await balances_of(database, shop, "2100.a", "2300.x") == {"2100.a": 23, "2300.x": 7}


async def test_a_transaction_is_reversed_once_under_whichever_key(
    database: AsyncEngine, other: AsyncEngine, shop: Book, purchase: Transaction
) -> None:
    back, again = [await reverse(database, shop, purchase, key) for key in ("back", "again")]
    first, second = await in_turn(database, shop, "2100.a", one(database, shop, back), one(other, shop, again))
    assert was_posted(first)
    assert reason(refusal_of(second)) == reason(AlreadyReversed(purchase.transaction_id))
    assert await balances_of(database, shop, "2100.a", "2300.x") == {"2100.a": 30, "2300.x": 0}


async def test_two_refunds_at_once_do_not_give_back_more_than_was_paid(
    database: AsyncEngine, other: AsyncEngine, shop: Book, purchase: Transaction
) -> None:
    back, again = [refund(key, purchase, "2300.x 8", "2100.a 8") for key in ("back", "again")]
    first, second = await in_turn(database, shop, "2100.a", one(database, shop, back), one(other, shop, again))
    assert was_posted(first)
    assert reason(refusal_of(second)) == reason(RefundTooLarge(purchase.transaction_id, "PT", 4))
    assert await balances_of(database, shop, "2100.a", "2300.x") == {"2100.a": 26, "2300.x": 4}


async def test_two_refunds_that_share_no_account_do_not_give_back_more_than_was_paid(
    database: AsyncEngine, other: AsyncEngine, shop: Book
) -> None:
    """The transaction itself is locked: else neither would see the other's."""
    await move(database, shop, "5100 20", "2100.a 10; 2100.b 10")
    purchase = await move(database, shop, "2100.a 10; 2100.b 10", "2300.x 10; 2300.y 10")
    back = refund("back", purchase, "2300.x 12", "2100.a 12")
    again = refund("again", purchase, "2300.y 12", "2100.b 12")
    first, second = await in_turn(database, shop, "2100.a", one(database, shop, back), one(other, shop, again))
    assert was_posted(first)
    assert reason(refusal_of(second)) == reason(RefundTooLarge(purchase.transaction_id, "PT", 8))
    assert await balances_of(database, shop, "2300.x", "2300.y") == {"2300.x": -2, "2300.y": 10}


async def test_corrections_of_two_transactions_in_either_order_do_not_stop_each_other(
    database: AsyncEngine, other: AsyncEngine, shop: Book
) -> None:
    await move(database, shop, "5100 60", "2100.a 30; 2100.b 30")
    bought = [await move(database, shop, f"{wallet} 12", "2300.x 12") for wallet in ("2100.a", "2100.b")]

    def refunds(which: str, originals: list[Transaction]) -> list[Proposal]:
        return [
            refund(f"{which} {n}", original, f"2300.{which} 4", f"{original.entries[0].account} 4")
            for n, original in enumerate(originals)
        ]

    first, second = await in_turn(
        database,
        shop,
        "2100.a",
        submit(database, shop, *refunds("x", bought)),
        submit(other, shop, *refunds("y", bought[::-1])),
    )
    assert all(was_posted(outcome) for outcome in (*first, *second))
    assert await balances_of(database, shop, "2100.a", "2100.b") == {"2100.a": 26, "2100.b": 26}
