"""What happens to a book beside postings, and must be provable later: the *events* of its sealed log.

Any room adds one in the transaction of what it tells of; the log (`ledger.auditing.log`) makes a leaf of each. An event
names people only by numbers that mean nothing outside: its facts are published. What is free text or says more of
somebody goes into `texts`, of which the log shows a salted digest.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Column, DateTime, Index, Integer, Named, PrimaryKeyConstraint, Table, Text, TypedColumns, Uuid
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.database import connect
from ledger.database.metadata import READ_AND_ADD, TransactionNumber, metadata

NOBODY: Final = "service"
"""The actor of what nobody in particular did."""


class _Event(TypedColumns):
    book_id: Named[int] = Column(Integer)
    event_id: Named[uuid.UUID] = Column(Uuid)
    kind: Named[str] = Column(Text(collation="C"))
    actor: Named[str] = Column(Text(collation="C"))
    facts: Named[str] = Column(Text)
    """Canonical JSON (see `canonical`) as it stands in the log: an object of strings."""
    texts: Named[str] = Column(Text)
    """Canonical JSON, of which the log shows a salted digest."""
    recorded_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    xid: Named[str] = Column(TransactionNumber, server_default=sql("pg_current_xact_id()"))


events = Table(
    "events",
    metadata,
    _Event,
    PrimaryKeyConstraint("book_id", "event_id"),
    Index(None, "book_id", "xid"),
    info=READ_AND_ADD,
)


async def add(
    tx: AsyncConnection,
    book: int,
    kind: str,
    facts: Mapping[str, str | None],
    *,
    actor: str = NOBODY,
    texts: Mapping[str, str] | None = None,
    at: datetime.datetime | None = None,
) -> uuid.UUID:
    """Adds an event to a book in the caller's transaction; answers its id. Facts that are None are left out.

    `at`: the time that the verb has read; without, the database's.
    """
    now = at or await connect.now(tx)
    event_id = next(identifiers.rising(now))
    await tx.execute(
        insert(events).values(
            book_id=book,
            event_id=event_id,
            kind=kind,
            actor=actor,
            facts=canonical({name: value for name, value in facts.items() if value is not None}),
            texts=canonical(texts or {}),
            recorded_at=now,
        )
    )
    return event_id


def canonical(members: Mapping[str, object]) -> str:
    """One JSON text for one content (RFC 8785, of what consists of strings): sorted members, no white space."""
    return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
