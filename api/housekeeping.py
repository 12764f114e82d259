"""What is thrown away while the service runs: attempts that no longer count, devices that ended long ago."""

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
    """Throws away what is old now."""
    now = auth.now()
    async with database.begin() as tx:
        await attempts.forget_old(tx, now)
        await sessions.forget_ended(tx, now - ENDED_FOR)
