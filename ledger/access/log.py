"""The access log: who saw or changed whose personal data, when and why (未成年人网络保护条例 36; PIPL 51).

It is only added to: the service may do nothing else, and a trigger stands before everybody. It names the person by the
number that the books use, so that after an erasure its lines are nobody's; a reason, which may say more about her, is
sealed with her data key and can then no longer be read.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, cast
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access import ciphers
from ledger.access.ciphers import Keys
from ledger.access.tables import access_log, persons
from ledger.errors import InvalidField
from ledger.text import one_line

Action = Literal["record", "masked", "reveal", "erase"]
"""Recorded or changed; shown in part (noted of minors only); shown in full; erased."""

REASON_LENGTHS: Final = (4, 200)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose data are accessed. Her data key is needed where there is a reason."""

    holder: str
    minor: bool | None
    data_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """A line of the log. `reason_lost`: there was a reason, and the person has been erased."""

    access_id: UUID
    at: datetime
    actor: str
    action: Action
    holder: str
    fields: tuple[str, ...]
    minor: bool | None
    reason: str | None = field(repr=False)
    reason_lost: bool


def checked_reason(reason: str) -> str:
    """A reason that somebody has thought about for as long as it takes to write four characters. InvalidField."""
    plain = reason.strip()
    if not one_line(plain, least=REASON_LENGTHS[0], most=REASON_LENGTHS[1]):
        raise InvalidField("reason", "not_a_reason")
    return plain


async def add(
    tx: AsyncConnection,
    book: int,
    action: Action,
    subjects: Iterable[Subject],
    fields: Collection[str],
    actor: str,
    at: datetime,
    reason: str | None = None,
) -> None:
    """One line for each of the subjects, as one insert, in the transaction of what it tells of."""
    lines = []
    for subject in subjects:
        access_id = _new_id(at)
        sealed = None
        if reason is not None:
            assert subject.data_key, "a reason is about somebody whose data there are"
            sealed = ciphers.seal(subject.data_key, reason.encode(), *_place(book, access_id))
        lines.append(
            {
                "book_id": book,
                "access_id": access_id,
                "at": at,
                "actor": actor,
                "action": action,
                "holder": subject.holder,
                "fields": list(fields),
                "reason": sealed,
                "minor": subject.minor,
            }
        )
    if lines:
        await tx.execute(insert(access_log).values(lines))


async def read_log(
    tx: AsyncConnection, keys: Keys, book: int, holder: str | None, limit: int, after: UUID | None = None
) -> list[Access]:
    """The newest `limit` lines, of one person or (None) of all, from the one after `after` on. CannotDecrypt."""
    query = (
        select(access_log, persons.c.volunteer_no, persons.c.data_key)
        .outerjoin(persons, (persons.c.book_id == access_log.c.book_id) & (persons.c.holder == access_log.c.holder))
        .where(access_log.c.book_id == book)
        .order_by(access_log.c.access_id.desc())
        .limit(limit)
    )
    if holder is not None:
        query = query.where(access_log.c.holder == holder)
    if after is not None:
        query = query.where(access_log.c.access_id < after)
    found = []
    for row in await tx.execute(query):
        reason = None
        if row.reason is not None and row.data_key is not None:
            data_key = ciphers.unseal_data_key(keys, row.data_key, book, row.volunteer_no)
            # Another key's id: she has been erased and recorded anew since.
            if ciphers.is_sealed_with(data_key, row.reason):
                reason = ciphers.unseal([data_key], row.reason, *_place(book, row.access_id)).decode()
        found.append(
            Access(
                access_id=row.access_id,
                at=row.at,
                actor=row.actor,
                action=cast(Action, row.action),
                holder=row.holder,
                fields=tuple(row.fields),
                minor=row.minor,
                reason=reason,
                reason_lost=reason is None and row.reason is not None,
            )
        )
    return found


def _place(book: int, access_id: UUID) -> tuple[object, ...]:
    return "access_log", "reason", book, access_id


def _new_id(at: datetime) -> UUID:
    """A UUID of version 7 (RFC 9562): the milliseconds of `at`, then 74 random bits."""
    bits = int.from_bytes(os.urandom(10), "big") & ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=int(at.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62 | bits)
