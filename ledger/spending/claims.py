"""The idempotency keys of this room's calls.

Some of its calls post nothing, others several transactions, so their keys stand here and not with the books'. The key's
row is inserted first: an equal call at the same time waits there, and is answered from it. A refusal decided on state
undoes everything else of the call, and is stored afterwards.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import keys
from ledger.database import connect
from ledger.errors import IdempotencyConflict, StateRefusal, UnknownRedemption
from ledger.spending.tables import claims


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first call under a key was answered: `body`, or the refusal."""

    body: dict[str, Any] | None
    refusal: StateRefusal | None
    redemption_id: UUID | None


async def claim(tx: AsyncConnection, book: int, client: str, key: str, call: str) -> Answer | datetime:
    """The first answer under this key; or the time, and the key is the caller's, who goes on. IdempotencyConflict."""
    added = await tx.execute(
        insert(claims)
        .values(book_id=book, client=client, key=key, call=call, claimed_at=func.clock_timestamp())
        .on_conflict_do_nothing()
        .returning(claims.c.claimed_at)
    )
    time = added.scalar_one_or_none()
    return connect.in_force(tx, time) if time is not None else await _earlier(tx, book, client, key, call)


async def answered(
    tx: AsyncConnection, book: int, client: str, key: str, answer: dict[str, Any], redemption_id: UUID | None = None
) -> None:
    """Keeps the answer of a call, in its own transaction."""
    await tx.execute(
        update(claims)
        .where(claims.c.book_id == book, claims.c.client == client, claims.c.key == key)
        .values(answer={"body": answer}, redemption_id=redemption_id)
    )


async def refused(
    tx: AsyncConnection, book: int, client: str, key: str, call: str, refusal: StateRefusal, now: datetime
) -> Answer:
    """Keeps a refusal, after the transaction of the call is undone; answers it, or what an equal call got meanwhile."""
    added = await tx.execute(
        insert(claims)
        .values(
            book_id=book,
            client=client,
            key=key,
            call=call,
            answer={"refusal": json.loads(keys.dump(refusal))},
            claimed_at=now,
        )
        .on_conflict_do_nothing()
        .returning(claims.c.book_id)
    )
    if added.first() is not None:
        return Answer(None, refusal, None)
    return await _earlier(tx, book, client, key, call)


async def find(tx: AsyncConnection, book: int, client: str, key: str) -> Answer:
    """What a call was answered, for a till that did not hear it; UnknownRedemption: it never arrived."""
    row = (await tx.execute(_ANSWER.where(*_key(book, client, key)))).one_or_none()
    if row is None:
        raise UnknownRedemption(key)
    return _answer(row.answer, row.redemption_id)


_ANSWER = select(claims.c.call, claims.c.answer, claims.c.redemption_id)


def _key(book: int, client: str, key: str) -> tuple[Any, ...]:
    return claims.c.book_id == book, claims.c.client == client, claims.c.key == key


async def _earlier(tx: AsyncConnection, book: int, client: str, key: str, call: str) -> Answer:
    row = (await tx.execute(_ANSWER.where(*_key(book, client, key)))).one()
    if row.call != call:
        raise IdempotencyConflict(key, row.call, call)
    return _answer(row.answer, row.redemption_id)


def _answer(stored: dict[str, Any], redemption_id: UUID | None) -> Answer:
    if "refusal" in stored:
        return Answer(None, keys.restore(json.dumps(stored["refusal"])), redemption_id)
    return Answer(stored["body"], None, redemption_id)
