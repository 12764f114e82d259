"""Writers, rollbacks and killed sealers: what was committed is in the log, once, without gaps."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.auditing import log
from ledger.books.directory import Book
from tests.auditing.logs import assert_nothing_is_lost
from tests.auditing.sealers import written_and_killed


async def test_nothing_is_lost_while_many_write_and_roll_back_and_sealers_are_killed(
    database: AsyncEngine, service_url: str, book: Book, tmp_path: Path
) -> None:
    committed = await written_and_killed(service_url, book, tmp_path, kills=6)
    assert await assert_nothing_is_lost(database, book.book_id) == committed
    async with database.connect() as tx:
        assert len(await log.checkpoints(tx, book.book_id)) >= 3
