"""What is thrown away, and what is kept."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, housekeeping
from ledger.access import attempts, sessions, users
from ledger.access.rights import Grant
from ledger.access.tables import attempts as attempts_table
from ledger.access.tables import refresh_tokens
from ledger.books.directory import Book


async def test_old_attempts_and_devices_go_and_young_ones_stay(database: AsyncEngine, book: Book) -> None:
    now = auth.now()
    old, young = (attempts.digest("key", None, secrets.token_hex(), "192.0.2.1") for _ in range(2))
    async with database.begin() as tx:
        await attempts.begin(tx, old, now - timedelta(days=2))
        await attempts.begin(tx, young, now)
        made = await users.create(tx, f"u-{secrets.token_hex(4)}")
        await users.give(tx, made.user_id, book.book_id, Grant("operator"), "room:test")
        me = sessions.principal(made, {book.book_id: (Grant("operator"),)}, book.book_id, book.code)
        gone, _ = await sessions.begin(tx, me, "gone", now - timedelta(days=365), browser=False)
        left, _ = await sessions.begin(tx, me, "left", now, browser=False)
    await housekeeping.once(database)
    async with database.connect() as tx:
        kept = (await tx.execute(select(attempts_table.c.digest))).scalars().all()
        assert (old in kept, young in kept) == (False, True)
        assert [each.device_id for each in await sessions.devices_of(tx, made.user_id, now)] == [left.device]
        tokens = select(func.count()).where(refresh_tokens.c.device_id.in_([gone.device, left.device]))
        assert (await tx.execute(tokens)).scalar_one() == 1
