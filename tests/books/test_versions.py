"""Versions of which a book has several series, told apart by a key of their own."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Named, PrimaryKeyConstraint, Table, Text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import versions
from ledger.books.directory import Book
from ledger.books.versions import Kind, Version, Versioned
from ledger.days import day_of
from ledger.errors import AlreadyDecided, BeginsTooEarly, UnknownPolicy

NOW = datetime(2026, 3, 5, 4, tzinfo=UTC)
TODAY = day_of(NOW)
TOMORROW = TODAY + timedelta(days=1)


class _Ladder(Versioned):
    ladder: Named[str] = Column(Text)


LADDERS = Table(
    "ladders",
    MetaData(),
    _Ladder,
    PrimaryKeyConstraint("book_id", "ladder", "version"),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


def read(body: str, version: int) -> tuple[int, int]:
    steps: int = json.loads(body)["steps"]
    return version, steps


CITY, SCHOOL = (Kind(LADDERS, "ladder", UnknownPolicy, read, {"ladder": name}) for name in ("city", "school"))


async def drafted(
    tx: AsyncConnection, kind: Kind[tuple[int, int]], book: Book, steps: int, day: date = TODAY
) -> Version[tuple[int, int]]:
    return await versions.draft(
        tx, kind, book.book_id, {"steps": steps}, effective_from=day, note="", by="user:1", now=NOW
    )


async def test_each_key_has_versions_of_its_own(database: AsyncEngine, book: Book) -> None:
    decide: Any = {"by": "user:2", "now": NOW}
    async with database.begin() as tx:
        await tx.run_sync(LADDERS.create)
        made = [
            await drafted(tx, CITY, book, 5),
            await drafted(tx, SCHOOL, book, 3),
            await drafted(tx, CITY, book, 6, TOMORROW),
        ]
        assert [each.content for each in made] == [(1, 5), (1, 3), (2, 6)]
        with pytest.raises(UnknownPolicy):
            await versions.find(tx, SCHOOL, book.book_id, 2)
        with pytest.raises(UnknownPolicy):
            await versions.approve(tx, SCHOOL, book.book_id, 2, **decide)
        for version in (1, 2):
            await versions.approve(tx, CITY, book.book_id, version, **decide)
        assert [each.content for each in await versions.approved(tx, CITY, book.book_id)] == [(1, 5), (2, 6)]
        assert await versions.approved(tx, SCHOOL, book.book_id) == []
        assert await versions.in_force(tx, SCHOOL, book.book_id, TODAY) is None
        # Of the other key none was approved yet: its first may begin today.
        school = await versions.approve(tx, SCHOOL, book.book_id, 1, **decide)
        assert await versions.in_force(tx, SCHOOL, book.book_id, TOMORROW) == school
        with pytest.raises(AlreadyDecided):
            await versions.decline(tx, CITY, book.book_id, 1, **decide)
        with pytest.raises(BeginsTooEarly):
            await drafted(tx, SCHOOL, book, 4)
        days = {day: await versions.in_force(tx, CITY, book.book_id, day) for day in (TODAY, TOMORROW)}
        assert {day: found and found.content for day, found in days.items()} == {TODAY: (1, 5), TOMORROW: (2, 6)}
        found = await versions.versions_of(tx, CITY, book.book_id, before=None, limit=1)
        assert [each.version for each in found] == [2]
