"""The access log: read from the newest on, added to, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import log, persons
from ledger.access.log import Access
from ledger.access.tables import persons as persons_table
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning.volunteers import Volunteer
from ledger.errors import CannotDecrypt
from tests.access.people import AT, KEYS, STAFF, WANG, ZHANG, record, recorded
from tests.books.test_guards import APPEND_ONLY, NOT_ALLOWED, refusal, session
from tests.conftest import CITUS, OWNER, SERVICE, Server, new_book


async def lines(database: AsyncEngine, book: Book, holder: str | None = None, limit: int = 100) -> list[Access]:
    async with database.connect() as tx:
        return await log.read_log(tx, KEYS, book.book_id, holder, limit)


async def looked(database: AsyncEngine, book: Book, volunteer: Volunteer, times: int) -> None:
    """Looked at her name so many times, a minute after the other, for a numbered reason."""
    for minute in range(times):
        async with database.begin() as tx:
            await persons.reveal(
                *(tx, KEYS, book.book_id, volunteer.volunteer_no, ["name"], STAFF),
                f"第 {minute} 次核对",
                AT + timedelta(minutes=minute + 1),
            )


async def test_the_log_is_read_from_the_newest_on_page_by_page(database: AsyncEngine, book: Book) -> None:
    await looked(database, book, await recorded(database, book), 5)
    read: list[Access] = []
    async with database.connect() as tx:
        while page := await log.read_log(tx, KEYS, book.book_id, None, 2, read[-1].access_id if read else None):
            assert len(page) <= 2
            read += page
    assert [line.reason for line in read] == [*(f"第 {minute} 次核对" for minute in (4, 3, 2, 1, 0)), None]
    assert [line.at for line in read] == sorted((line.at for line in read), reverse=True)


async def test_the_log_is_read_of_one_person_and_of_one_book(database: AsyncEngine, book: Book) -> None:
    one, two = await recorded(database, book), await recorded(database, book, ZHANG, "V-0002")
    other = await new_book(database)
    await recorded(database, other)
    await looked(database, book, one, 1)
    assert [line.action for line in await lines(database, book, one.holder)] == ["reveal", "record"]
    assert [line.action for line in await lines(database, book, two.holder)] == ["record"]
    assert len(await lines(database, book)) == 3
    assert await lines(database, book, "nobody") == []
    assert len(await lines(database, other)) == 1


async def test_a_reason_is_lost_with_the_key_though_she_is_recorded_anew(database: AsyncEngine, book: Book) -> None:
    volunteer = await recorded(database, book)
    await looked(database, book, volunteer, 1)
    async with database.begin() as tx:
        await persons.erase(tx, book.book_id, volunteer.volunteer_no, volunteer.holder, STAFF, AT)
    await record(database, book, volunteer, WANG)
    [line] = [line for line in await lines(database, book, volunteer.holder) if line.action == "reveal"]
    assert (line.reason, line.reason_lost) == (None, True)


async def test_a_reason_whose_key_somebody_has_changed_does_not_open(database: AsyncEngine, book: Book) -> None:
    volunteer = await recorded(database, book)
    await looked(database, book, volunteer, 1)
    async with database.begin() as tx:
        await tx.execute(
            update(persons_table).where(persons_table.c.book_id == book.book_id).values(data_key=b"something else")
        )
    with pytest.raises(CannotDecrypt):
        await lines(database, book)


async def test_what_is_rolled_back_is_neither_revealed_nor_logged(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book)
    async with database.connect() as tx:  # a read: never committed
        await persons.reveal(tx, KEYS, book.book_id, "V-0001", ["name"], STAFF, "试一试看看", await connect.now(tx))
    assert [line.action for line in await lines(database, book)] == ["record"]


# --- nobody changes it -----------------------------------------------------------------------------------------------

guarded = pytest.mark.skipif(bool(CITUS), reason="a coordinator refuses in words of its own")

CHANGES: Final = [
    "UPDATE access_log SET actor = 'nobody'",
    "UPDATE access_log SET reason = NULL WHERE false",
    "DELETE FROM access_log",
    "DELETE FROM access_log WHERE false",
    "TRUNCATE access_log",
    "MERGE INTO access_log t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    "MERGE INTO access_log t USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET at = t.at",
]


@guarded
@pytest.mark.parametrize(
    "statement",
    [
        *CHANGES,
        "SELECT FROM access_log FOR UPDATE",
        "ALTER TABLE access_log DISABLE TRIGGER append_only",
        "DROP TRIGGER append_only ON access_log",
        "DROP TABLE access_log",
    ],
)
def test_the_service_only_reads_the_log_and_adds_to_it(server: Server, database: AsyncEngine, statement: str) -> None:
    with session(server, SERVICE, database.url.database or "") as connection:
        assert refusal(connection, "SELECT count(*) FROM access_log") is None
        assert refusal(connection, statement) == (NOT_ALLOWED, "")


@guarded
@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("role", [OWNER, ""], ids=["owner", "superuser playing the replica"])
def test_not_even_the_owner_changes_what_is_in_the_log(
    server: Server, database: AsyncEngine, role: str, statement: str
) -> None:
    with session(server, role, database.url.database or "") as connection:
        if not role:
            connection.execute("SET session_replication_role = replica")
        assert refusal(connection, statement) == (APPEND_ONLY, "")
