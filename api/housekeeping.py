"""What is done by itself while the service runs.

Thrown away are attempts that no longer count and devices that ended long ago. In the books, holds that ran out are
given back, and points that have lapsed go to breakage.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Final

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access import attempts, sessions
from ledger.books import directory, holds
from ledger.database import connect
from ledger.earning import expiry
from ledger.errors import Refusal, TooBusy

EVERY: Final = timedelta(hours=1)
FIRST_LAPSE: Final = (60.0, 600.0)
"""Seconds after the start, between which the books are looked after for the first time."""
ENDED_FOR: Final = timedelta(days=180)
"""So long it is kept where somebody was signed in (Cybersecurity Law 21: logs for six months)."""

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def running(database: AsyncEngine) -> AsyncIterator[None]:
    """Keeps house for the length of the block, every hour. Several workers do no harm."""
    ended = asyncio.Event()
    keeping = [
        asyncio.create_task(_repeated(once, database, ended, 0)),
        # The workers begin together; they need not all read the same lots at the same time.
        asyncio.create_task(_repeated(lapse, database, ended, random.uniform(*FIRST_LAPSE))),  # noqa: S311 - no secret
    ]
    try:
        yield
    finally:
        ended.set()
        keeping[1].cancel()  # it may have much to do, and can be left at any point
        await asyncio.wait(keeping)
        keeping[0].result()


async def _repeated(
    work: Callable[[AsyncEngine], Awaitable[None]], database: AsyncEngine, ended: asyncio.Event, first: float
) -> None:
    wait = first
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), wait)
            return
        wait = EVERY.total_seconds()
        try:
            await work(database)
        except (SQLAlchemyError, psycopg.Error) as error:  # the next hour will do
            log.warning("housekeeping_failed", error=connect.first_line(error))


async def lapse(database: AsyncEngine) -> None:
    """Gives back in every book what was held for too long, and takes off the books what has lapsed."""
    async with database.connect() as tx:
        books = await directory.all_books(tx)
    for book in books:
        try:
            given_back = await holds.sweep(database, book.book_id)
            expired = await expiry.expire(database, book.book_id)
        except Refusal as refusal:  # the account of breakage is frozen, say: the other books go on
            log.warning("lapse_refused", book=book.code, refusal=type(refusal).__name__, **dict(refusal.facts()))
            continue
        except TooBusy as busy:  # it goes on in an hour
            log.warning("lapse_put_off", book=book.code, **dict(busy.facts()))
            continue
        if given_back or expired:
            log.info("lapsed", book=book.code, holds=given_back, points=expired)


async def once(database: AsyncEngine) -> None:
    """Throws away what is old now."""
    now = auth.now()
    async with database.begin() as tx:
        await attempts.forget_old(tx, now)
        await sessions.forget_ended(tx, now - ENDED_FOR)
