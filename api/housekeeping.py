"""What is done by itself while the service runs.

Thrown away are attempts that no longer count and devices that ended long ago. In the books, public notices end, what
waited for the budget goes on, holds that ran out and redemptions that nobody confirmed are given back, and points and
vouchers that have lapsed go to breakage.
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
from ledger.earning import crediting, expiry
from ledger.errors import Refusal, TooBusy
from ledger.spending import redemption, vouchers

EVERY: Final = timedelta(hours=1)
FIRST_TIME: Final = (60.0, 600.0)
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
        asyncio.create_task(_repeated(bring_on, database, ended, random.uniform(*FIRST_TIME))),  # noqa: S311 - no secret
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


async def bring_on(database: AsyncEngine) -> None:
    """Ends in every book the notices that are over, goes on with what waited for the budget, gives back what was held
    or waited for too long, and takes off the books what has lapsed, points and vouchers."""
    async with database.connect() as tx:
        books = await directory.all_books(tx)
    for book in books:
        try:
            done = {
                "released": await crediting.release(database, book.book_id),
                "resumed": await crediting.resume(database, book.book_id),
                "holds": await holds.sweep(database, book.book_id),
                "expired": await expiry.expire(database, book.book_id),
                "redemptions": await redemption.lapse(database, book.book_id),
                "vouchers": await vouchers.expire(database, book.book_id),
            }
        except Refusal as refusal:  # the account of breakage is frozen, say: the other books go on
            log.warning("bringing_on_refused", book=book.code, refusal=type(refusal).__name__, **dict(refusal.facts()))
        except TooBusy as busy:  # it goes on in an hour
            log.warning("bringing_on_put_off", book=book.code, **dict(busy.facts()))
        except (SQLAlchemyError, psycopg.Error) as error:  # of this book; the others shall not wait for it
            log.warning("bringing_on_failed", book=book.code, error=connect.first_line(error))
        else:
            if any(done.values()):
                log.info("brought_on", book=book.code, **done)


async def once(database: AsyncEngine) -> None:
    """Throws away what is old now."""
    now = auth.now()
    async with database.begin() as tx:
        await attempts.forget_old(tx, now)
        await sessions.forget_ended(tx, now - ENDED_FOR)
