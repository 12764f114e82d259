"""What happens by itself while the service runs: public notices end, and what is old is thrown away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access import attempts, sessions
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import crediting, notices

EVERY: Final = timedelta(hours=1)
ENDED_FOR: Final = timedelta(days=180)
"""So long it is kept where somebody was signed in (Cybersecurity Law 21: logs for six months)."""

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def running(database: AsyncEngine) -> AsyncIterator[None]:
    """Keeps house for the length of the block, at its beginning and every hour. Several workers do no harm."""
    ended = asyncio.Event()
    keeping = asyncio.create_task(_keep(database, ended))
    try:
        yield
    finally:
        ended.set()
        await keeping


async def _keep(database: AsyncEngine, ended: asyncio.Event) -> None:
    while not ended.is_set():
        try:
            await once(database)
        except SQLAlchemyError as error:  # the next hour will do
            log.warning("housekeeping_failed", error=connect.first_line(error))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), EVERY.total_seconds())


async def once(database: AsyncEngine) -> None:
    """Ends the notices that are over, and throws away what is old now."""
    now = auth.now()
    async with database.begin() as tx:
        await attempts.forget_old(tx, now)
        await sessions.forget_ended(tx, now - ENDED_FOR)
    async with database.connect() as tx:
        books = await notices.books_due(tx, day_of(await connect.now(tx)))
    for book in books:
        try:
            released = await crediting.release(database, book)
            resumed = await crediting.resume(database, book)
        except SQLAlchemyError as error:  # of this book; the others shall not wait for it
            log.warning("crediting_failed", book=book, error=connect.first_line(error))
        else:
            log.info("credited", book=book, released=released, resumed=resumed)
