"""Books of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import integrity
from ledger.books.directory import Book
from ledger.spending import checks
from tests.conftest import new_book


@pytest.fixture
async def shelved(database: AsyncEngine) -> AsyncIterator[Book]:
    """A book whose shelves tests change without redeeming anything: all else of it is derived anew afterwards."""
    made = await new_book(database)
    yield made
    assert await integrity.check(database, made.book_id) == []
    assert {found.check for found in await checks.check(database, made.book_id)} <= {"pieces_differ"}
