"""The idempotency keys of this room's calls.

Some of its calls post nothing, others several transactions, so their keys stand here and not with the books'. The key's
row is inserted first: an equal call at the same time waits there, and is answered from it. A refusal decided on state
undoes everything else of the call, and is stored afterwards.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int4
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import keys
from ledger.database import connect, pipeline
from ledger.database.pipeline import Statement
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
    rows = await pipeline.run(await connect.driver(tx), (_CLAIM, (Int4(book), client, key, call)))
    if rows:
        return connect.in_force(tx, rows[0]["claimed_at"])
    return await _earlier(tx, book, client, key, call)


# Prepared, as the next one: every keyed call of the room begins and ends with them.
_CLAIM: Final = Statement(
    b"meide_claim",
    b"""INSERT INTO claims (book_id, client, key, call, claimed_at) VALUES ($1, $2, $3, $4, clock_timestamp())
        ON CONFLICT DO NOTHING RETURNING claimed_at""",
)
_ANSWERED: Final = Statement(
    b"meide_answered",
    b"""UPDATE claims SET answer = $4, redemption_id = $5 WHERE book_id = $1 AND client = $2 AND key = $3""",
)


async def answered(
    tx: AsyncConnection, book: int, client: str, key: str, answer: dict[str, Any], redemption_id: UUID | None = None
) -> None:
    """Keeps the answer of a call, in its own transaction."""
    kept = (Int4(book), client, key, Jsonb({"body": answer}), redemption_id)
    await pipeline.run(await connect.driver(tx), (_ANSWERED, kept))


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
