"""When something is sealed: a service that runs in the background seals whatever it can every second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine


@asynccontextmanager
async def unsealed(database: AsyncEngine) -> AsyncIterator[None]:
    """Nothing that is committed within the block is sealed before its end: a transaction from before is under way."""
    async with database.begin() as tx:
        await tx.execute(text("SELECT pg_current_xact_id()"))
        yield
