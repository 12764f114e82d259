"""Search of the journal: each term alone and together, page by page, and what takes too long."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.auditing import search
from ledger.auditing.search import Terms
from ledger.books.directory import Book
from ledger.books.evaluate import Transaction
from ledger.database import connect
from ledger.errors import InvalidField, SearchTooWide
from tests.auditing.sealing import sealed
from tests.books.ledgers import move, opened, post, proposal, reverse, submit, transaction_of
from tests.conftest import Server


def noon(day: int) -> datetime:
    """Noon in Beijing on a day of March 2025."""
    return datetime(2025, 3, day, 4, tzinfo=UTC)


def march(day: int) -> date:
    return date(2025, 3, day)


async def ids(database: AsyncEngine, book: Book, terms: Terms, limit: int = 50) -> list[UUID]:
    """All that is found, read page by page; no page is longer than it may be."""
    found: list[UUID] = []
    after = None
    async with database.connect() as tx:
        while True:
            page = await search.search(tx, book.book_id, terms, after=after, limit=limit)
            assert len(page.items) <= limit
            found += [each.transaction_id for each in page.items]
            if (after := page.next) is None:
                return found


@pytest.fixture
async def posted(database: AsyncEngine, book: Book) -> dict[str, Transaction]:
    await opened(database, book, "5100", "2100.ann", "2100.ben", "2300.x", "9110", "9200.ann", "cash asset CNY")
    await opened(database, book, "bank asset CNY")
    done = {
        "reward": await move(
            *(database, book, "5100 60; 9110 150", "2100.ann 60; 9200.ann 150"),
            effective_at=noon(3),
            kind="earn.points",
            description="扫雪 100%_done",
        ),
        "ben": await move(database, book, "5100 20", "2100.ben 20", effective_at=noon(4), kind="earn.points"),
        "rice": await move(
            *(database, book, "2100.ann 20", "2300.x 20"),
            effective_at=noon(5),
            kind="spend.redeem",
            actor="user:7",
            approver="user:8",
        ),
        "money": await move(database, book, "cash 6000", "bank 6000", effective_at=noon(6), description="Snow plough"),
    }
    back = await reverse(database, book, done["rice"], key="back")
    done["back"] = await post(database, book, back)
    return done


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (Terms(), "reward ben rice money back"),
        (Terms(from_day=march(4)), "ben rice money back"),
        (Terms(to_day=march(4)), "reward ben"),
        (Terms(from_day=march(4), to_day=march(5)), "ben rice back"),
        (Terms(account="2100"), "reward ben rice back"),
        (Terms(account="2100.a"), "reward rice back"),
        (Terms(account="2100.ann", to_day=march(3)), "reward"),
        (Terms(account="ca"), "money"),
        (Terms(account="1"), ""),
        (Terms(holder="ann"), "reward rice back"),
        (Terms(holder="ben"), "ben"),
        (Terms(holder="ann", account="92"), "reward"),
        (Terms(holder="nobody"), ""),
        (Terms(amount=20), "ben rice back"),
        (Terms(amount=20, holder="ann"), "rice back"),
        (Terms(amount=150, account="2100"), ""),
        (Terms(kind="earn.points"), "reward ben"),
        (Terms(kind="earn"), "reward ben"),
        (Terms(kind="ear"), ""),
        (Terms(kind="reversal"), "back"),
        (Terms(actor="user:7"), "rice"),
        (Terms(actor="user:8"), "rice"),
        (Terms(actor="user:1", account="2100.ann"), "reward back"),
        (Terms(correction="reversal"), "back"),
        (Terms(correction="refund"), ""),
        (Terms(words="snow", from_day=march(1), to_day=march(9)), "money"),
        (Terms(words="扫雪", from_day=march(1), to_day=march(9)), "reward"),
        (Terms(words="100%_D", from_day=march(1), to_day=march(9)), "reward"),
        (Terms(words="%", from_day=march(4), to_day=march(9)), ""),
    ],
    ids=[str(number) for number in range(29)],
)
async def test_what_is_as_the_terms_say_is_found_and_nothing_else(
    database: AsyncEngine, book: Book, posted: dict[str, Transaction], terms: Terms, expected: str
) -> None:
    wanted = {posted[name].transaction_id for name in expected.split()}
    for few in (search.FEW, 0):  # by the accounts' own entries, and by walking the journal
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "FEW", few)
            for limit in (1, 2, 50):
                found = await ids(database, book, terms, limit)
                assert found == sorted(wanted, reverse=True), (few, limit)


async def test_a_transaction_is_found_by_its_id_its_voucher_and_what_it_corrects(
    database: AsyncEngine, book: Book, posted: dict[str, Transaction]
) -> None:
    rice, back = posted["rice"].transaction_id, posted["back"].transaction_id
    assert await ids(database, book, Terms(transaction=rice)) == [rice]
    assert await ids(database, book, Terms(transaction=uuid4())) == []
    assert await ids(database, book, Terms(corrects=rice)) == [back]
    assert await ids(database, book, Terms(corrects=back)) == []
    async with database.connect() as tx:
        [unsealed] = (await search.search(tx, book.book_id, Terms(transaction=rice))).items
    assert unsealed.voucher is None
    await sealed(database, book)
    async with database.connect() as tx:
        [found] = (await search.search(tx, book.book_id, Terms(transaction=rice))).items
    assert found.voucher is not None
    assert await ids(database, book, Terms(voucher=found.voucher)) == [rice]
    assert await ids(database, book, Terms(voucher="1999-1")) == []


async def test_what_is_found_tells_the_amounts_and_who_did_it(
    database: AsyncEngine, book: Book, posted: dict[str, Transaction]
) -> None:
    async with database.connect() as tx:
        [rice] = (await search.search(tx, book.book_id, Terms(actor="user:7"))).items
        [reward] = (await search.search(tx, book.book_id, Terms(to_day=march(3)))).items
    assert (rice.kind, rice.actor, rice.approver, rice.effective_on) == ("spend.redeem", "user:7", "user:8", march(5))
    assert reward.amounts == (("HR", 150), ("PT", 60))
    assert (rice.amounts, rice.correction, rice.recorded_at) == ((("PT", 20),), None, posted["rice"].recorded_at)


async def test_many_transactions_of_one_millisecond_and_many_entries_of_one_are_all_found_once(
    database: AsyncEngine, book: Book
) -> None:
    """Within a batch the ids do not rise, and a transaction may have many entries on an account."""
    await opened(database, book, "5100", "2100.ann", "2100.ben")
    many = [proposal(f"k{n}", debit="5100 3", credit="2100.ann 1; 2100.ann 1; 2100.ann 1") for n in range(40)]
    wanted = {transaction_of(each).transaction_id for each in await submit(database, book, *many)}
    alone = await move(database, book, "5100 1", "2100.ben 1")
    for terms in (Terms(account="2100.ann"), Terms(holder="ann", amount=1)):
        assert await ids(database, book, terms, limit=3) == sorted(wanted, reverse=True)
    found = await ids(database, book, Terms(account="2100"), limit=7)
    assert found == sorted({*wanted, alone.transaction_id}, reverse=True)


@pytest.mark.parametrize(
    ("terms", "field", "problem"),
    [
        (Terms(from_day=march(2), to_day=march(1)), "to", "before_from"),
        (Terms(account="%"), "account", "not_an_account_code"),
        (Terms(amount=0), "amount", "out_of_range"),
        (Terms(amount=10**15 + 1), "amount", "out_of_range"),
        (Terms(kind="a b"), "kind", "not_a_code"),
        (Terms(actor="\x00"), "actor", "not_a_code"),
        (Terms(voucher="17"), "voucher", "not_a_voucher_number"),
        (Terms(correction="wrong"), "correction", "not_a_correction"),
        (Terms(words="snow"), "text", "needs_days"),
        (Terms(words="snow", from_day=march(1)), "text", "needs_days"),
        (Terms(words="", from_day=march(1), to_day=march(2)), "text", "out_of_range"),
    ],
    ids=[str(number) for number in range(11)],
)
async def test_what_could_never_be_found_is_refused(
    database: AsyncEngine, book: Book, terms: Terms, field: str, problem: str
) -> None:
    async with database.connect() as tx:
        with pytest.raises(InvalidField) as caught:
            await search.search(tx, book.book_id, terms)
    assert (caught.value.field, caught.value.problem) == (field, problem)


async def test_what_takes_longer_than_a_read_may_take_is_refused_with_the_way_out(
    server: Server, database: AsyncEngine, book: Book, posted: dict[str, Transaction]
) -> None:
    """Somebody has locked the journal, which lasts as long as reading all of a large one."""
    admin = server.admin.set(database=database.url.database).render_as_string(hide_password=False)
    superuser = connect.to(admin, connections=1)
    async with superuser.connect() as locking, database.connect() as tx:
        await locking.execute(text("LOCK TABLE transactions"))
        await tx.execute(text("SET LOCAL statement_timeout = 10"))
        with pytest.raises(SearchTooWide):
            await search.search(tx, book.book_id, Terms(amount=1))
    await superuser.dispose()


def test_the_first_id_of_a_day_is_below_all_that_were_drawn_on_it() -> None:
    day = date(2026, 11, 21)
    drawn = int(datetime(2026, 11, 20, 16, tzinfo=UTC).timestamp() * 1000)
    assert UUID(int=drawn << 80) > search._first_of(day)
    assert UUID(int=(drawn - int(timedelta(days=2).total_seconds() * 1000)) << 80) < search._first_of(day)
    assert search._first_of(date(1, 1, 1)) == UUID(int=0)
