"""What auditors looked at: kept in order, never changed, and named after nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

import ledger.auditing
from ledger.auditing import looks
from ledger.auditing.looks import WHATS
from ledger.auditing.tables import log_looks
from ledger.books.directory import Book
from tests.conftest import new_book


async def test_looks_are_read_newest_first_page_by_page_and_of_one_person(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    for number, (actor, what) in enumerate(
        (("user:1", "search"), ("user:2", "evidence"), ("user:1", "package"), ("user:1", "log_status"))
    ):
        async with database.begin() as tx:
            await looks.add(tx, book.book_id, actor, what, {"number": number, "nothing": None})  # type: ignore[arg-type] # words
            await looks.add(tx, other.book_id, actor, "looks", {})
    async with database.connect() as tx:
        whole = await looks.of_book(tx, book.book_id)
        assert {each.what for each in whole} == {"search", "evidence", "package", "log_status"}
        assert [each.look_id for each in whole] == sorted((each.look_id for each in whole), reverse=True)
        assert {each.what: each.facts for each in whole}["package"] == {"number": "2"}
        paged, after = [], None
        while page := await looks.of_book(tx, book.book_id, after=after, limit=1):
            paged += page
            after = page[-1].look_id
        assert paged == whole
        assert [each.actor for each in await looks.of_book(tx, book.book_id, actor="user:2")] == ["user:2"]


async def test_a_look_names_no_volunteer_number(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        with pytest.raises(AssertionError, match="named by holder"):
            await looks.add(tx, book.book_id, "user:1", "search", {"volunteer": "V-1"})


async def test_the_service_can_neither_change_nor_remove_a_look(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await looks.add(tx, book.book_id, "user:1", "search", {})
    for statement in (
        update(log_looks).where(log_looks.c.book_id == book.book_id).values(actor="user:2"),
        delete(log_looks).where(log_looks.c.book_id == book.book_id),
    ):
        async with database.connect() as tx:
            with pytest.raises(DBAPIError, match="permission denied"):
                await tx.execute(statement)


def test_what_can_be_looked_at_has_its_words() -> None:
    from api.pages import texts

    assert {f"look_{what}" for what in WHATS} <= texts.TEXTS.keys()


def test_reading_is_all_that_auditing_does_in_other_rooms() -> None:
    """It writes its own tables only: the log's are written by functions of the database, checkpoints and looks here."""
    room = Path(ledger.auditing.__file__).parent
    written = {
        (file.name, table)
        for file in room.glob("*.py")
        for table in re.findall(r"\b(?:insert|update|delete)\((\w+)\)", file.read_text(encoding="utf-8"))
    }
    assert written <= {("looks.py", "log_looks"), ("log.py", "log_checkpoints")}, written
