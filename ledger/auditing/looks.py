"""What auditors looked at: a line for every page and call of theirs. Lines are only added.

A person is named by the number that the books use, so that after an erasure the line is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast, get_args
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.auditing.tables import log_looks
from ledger.database import connect

What = Literal["trial_balance", "search", "evidence", "log_status", "entry_bundle", "package", "looks"]
WHATS: Final[tuple[What, ...]] = get_args(What)


@dataclass(frozen=True, slots=True)
class Look:
    """Who looked at what, when, and with which terms (`facts`, all of them strings)."""

    look_id: UUID
    at: datetime
    actor: str
    what: What
    facts: Mapping[str, str]


async def add(tx: AsyncConnection, book: int, actor: str, what: What, facts: Mapping[str, object | None]) -> None:
    """Notes a look, in the transaction of what is shown: answer when that has been committed. None facts are left out.

    Volunteers are named by `holder`, never by their number.
    """
    assert "volunteer" not in facts, "named by holder"
    now = await connect.now(tx)
    told = {name: str(fact) for name, fact in facts.items() if fact is not None}
    await tx.execute(
        insert(log_looks).values(
            book_id=book, look_id=next(identifiers.rising(now)), at=now, actor=actor, what=what, facts=told
        )
    )


async def of_book(
    tx: AsyncConnection, book: int, *, actor: str | None = None, after: UUID | None = None, limit: int = 200
) -> list[Look]:
    """The newest `limit` looks, the newest first, of one person or (None) of all; those before the look `after`."""
    c = log_looks.c
    wanted = select(c.look_id, c.at, c.actor, c.what, c.facts).where(c.book_id == book)
    if actor is not None:
        wanted = wanted.where(c.actor == actor)
    if after is not None:
        wanted = wanted.where(c.look_id < after)
    rows = await tx.execute(wanted.order_by(c.look_id.desc()).limit(limit))
    return [Look(row.look_id, row.at, row.actor, cast(What, row.what), row.facts) for row in rows]
