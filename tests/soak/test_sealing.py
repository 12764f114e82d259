"""Sealers killed under load, for long; the short version is in tests/auditing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from tests.auditing.logs import assert_nothing_is_lost
from tests.auditing.sealers import written_and_killed
from tests.soak.sizes import KILLS

pytestmark = pytest.mark.soak


async def test_nothing_is_lost_however_often_sealers_are_killed(
    database: AsyncEngine, service_url: str, book: Book, tmp_path: Path
) -> None:
    committed = await written_and_killed(service_url, book, tmp_path, kills=KILLS)
    assert await assert_nothing_is_lost(database, book.book_id) == committed
