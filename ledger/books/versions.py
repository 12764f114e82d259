"""What is kept in versions: one person drafts, another approves, and on its first day a version is in force.

A version says the same for ever. An approved one begins tomorrow at the earliest, so that the days until then keep what
they had; only the first may begin earlier, since there was none before. What was approved and has not begun is replaced
by approving another version for the same day: of several for one day the highest is in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Named,
    Select,
    Table,
    Text,
    TypedColumns,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import events
from ledger.days import day_of
from ledger.errors import AlreadyDecided, BeginsTooEarly, InvalidField, SecondPersonNeeded, Unknown
from ledger.text import one_line

NOTE_LENGTH: Final = 500
EARLIEST: Final = date(1990, 1, 1)
LATEST: Final = date(9999, 1, 1)
"""Nothing is approved to begin before or after: days that reckoning can go on from."""

T = TypeVar("T")


class Versioned(TypedColumns):
    """The columns of a table of versions. Its primary key: the book, the kind's own key, the version."""

    book_id: Named[int] = Column(Integer)
    version: Named[int] = Column(Integer)
    """1, 2, 3 … in each book (and of each key)."""
    effective_from: Named[date] = Column(Date)
    """The first day that it is for."""
    body: Named[dict[str, Any]] = Column(JSONB)
    """As the kind's `read` takes it."""
    note: Named[str] = Column(Text)
    drafted_by: Named[str] = Column(Text(collation="C"))
    drafted_at: Named[datetime] = Column(DateTime(timezone=True))
    decided_by: Named[str | None] = Column(Text(collation="C"))
    decided_at: Named[datetime | None] = Column(DateTime(timezone=True))
    approved: Named[bool | None] = Column(Boolean)
    """NULL: a draft."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """Something that a book keeps in versions; `word`: what the book's history calls it.

    `unknown` makes the refusal of a number that there is not, `read` what a stored body and its version say. `key`: the
    values of the columns that tell several of one book apart, each of which has versions of its own.
    """

    table: Table[Versioned]
    word: str
    unknown: Callable[[int], Unknown]
    read: Callable[[str, int], T]
    key: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version(Generic[T]):
    """A version. `approved` None: it waits for a second person."""

    version: int
    effective_from: date
    content: T
    note: str
    drafted_by: str
    drafted_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    approved: bool | None = None


async def draft(
    tx: AsyncConnection,
    kind: Kind[T],
    book: int,
    body: Mapping[str, Any],
    *,
    effective_from: date,
    note: str,
    by: str,
    now: datetime,
) -> Version[T]:
    """Keeps a body as the next version, for a second person to approve. InvalidField, BeginsTooEarly."""
    if not one_line(note, least=0, most=NOTE_LENGTH):
        raise InvalidField("note", "not_one_line")
    if not EARLIEST <= effective_from <= LATEST:
        raise InvalidField("effective_from", "out_of_range")
    await _in_time(tx, kind, book, effective_from, now)
    while True:
        last = await tx.execute(select(func.max(kind.table.c.version)).where(*_of(kind, book)))
        version = (last.scalar_one() or 0) + 1
        added = await tx.execute(
            insert(kind.table)
            .values(
                book_id=book,
                **kind.key,
                version=version,
                effective_from=effective_from,
                body=body,
                note=note,
                drafted_by=by,
                drafted_at=now,
            )
            .on_conflict_do_nothing(index_elements=kind.table.primary_key)
            .returning(kind.table.c.version)
        )
        # Whoever took the number at the same time has committed by now: the next look sees it.
        if added.first() is not None:
            return await find(tx, kind, book, version)


async def approve(tx: AsyncConnection, kind: Kind[T], book: int, version: int, *, by: str, now: datetime) -> Version[T]:
    """Brings a draft into force from its first day on. By another person than who drafted it.

    The book's history keeps the digest of its body: what was approved is not changed without a trace.

    Unknown, AlreadyDecided, SecondPersonNeeded, BeginsTooEarly.
    """
    found = await _to_decide(tx, kind, book, version)
    if found.drafted_by == by:
        raise SecondPersonNeeded
    await _in_time(tx, kind, book, found.effective_from, now)
    body = await tx.execute(select(kind.table.c.body).where(*_of(kind, book), kind.table.c.version == version))
    facts = approval(kind, version, found.effective_from, found.drafted_by, body.scalar_one())
    await events.add(tx, book, "version_approved", facts, actor=by, at=now)
    return await _decided(tx, kind, book, found, by=by, now=now, approved=True)


def approval(
    kind: Kind[T], version: int, effective_from: date, drafted_by: str, body: Mapping[str, Any]
) -> dict[str, str]:
    """What a book's history keeps of the approval of a version.

    `digest`: the SHA-256 of its body as canonical JSON (RFC 8785; it holds no fractions), in hexadecimal digits.
    """
    return {
        "of": kind.word,
        "version": str(version),
        "effective_from": effective_from.isoformat(),
        "digest": hashlib.sha256(events.canonical(body).encode()).hexdigest(),
        "drafted_by": drafted_by,
        **kind.key,
    }


async def decline(tx: AsyncConnection, kind: Kind[T], book: int, version: int, *, by: str, now: datetime) -> Version[T]:
    """Ends a draft: declined by somebody else, or withdrawn by who made it. Unknown, AlreadyDecided."""
    found = await _to_decide(tx, kind, book, version)
    return await _decided(tx, kind, book, found, by=by, now=now, approved=False)


async def find(tx: AsyncConnection, kind: Kind[T], book: int, version: int) -> Version[T]:
    """One version; Unknown."""
    found = await _all(tx, kind, _select(kind, book).where(kind.table.c.version == version))
    if not found:
        raise kind.unknown(version)
    return found[0]


async def versions_of(
    tx: AsyncConnection, kind: Kind[T], book: int, *, before: int | None, limit: int
) -> list[Version[T]]:
    """The versions, the newest first; before a version, or all."""
    wanted = _select(kind, book).order_by(kind.table.c.version.desc()).limit(limit)
    return await _all(tx, kind, wanted if before is None else wanted.where(kind.table.c.version < before))


async def approved(tx: AsyncConnection, kind: Kind[T], book: int) -> list[Version[T]]:
    """The approved versions, in the order of their first days."""
    c = kind.table.c
    return await _all(tx, kind, _select(kind, book).where(c.approved.is_(True)).order_by(c.effective_from, c.version))


async def in_force(
    tx: AsyncConnection, kind: Kind[T], book: int, day: date, *, known_at: datetime | None = None
) -> Version[T] | None:
    """The newest approved version that has begun on that day; None: none has. `known_at`: of those approved by then."""
    c = kind.table.c
    begun = _select(kind, book).where(c.approved.is_(True), c.effective_from <= day)
    if known_at is not None:
        begun = begun.where(c.decided_at <= known_at)
    found = await _all(tx, kind, begun.order_by(c.effective_from.desc(), c.version.desc()).limit(1))
    return found[0] if found else None


async def _in_time(tx: AsyncConnection, kind: Kind[T], book: int, effective_from: date, now: datetime) -> None:
    """BeginsTooEarly where a version has been approved and this one would begin before tomorrow."""
    tomorrow = day_of(now) + timedelta(days=1)
    if effective_from < tomorrow:
        first = select(kind.table.c.version).where(*_of(kind, book), kind.table.c.approved.is_(True)).limit(1)
        if (await tx.execute(first)).first() is not None:
            raise BeginsTooEarly(effective_from, tomorrow)


async def _to_decide(tx: AsyncConnection, kind: Kind[T], book: int, version: int) -> Version[T]:
    """The draft; all its versions are locked, since the first that is approved is the first for all others."""
    number = kind.table.c.version
    rows = await tx.execute(select(number).where(*_of(kind, book)).order_by(number).with_for_update(key_share=True))
    if version not in rows.scalars().all():
        raise kind.unknown(version)
    found = await find(tx, kind, book, version)  # as it is now that it is locked
    if found.approved is not None:
        raise AlreadyDecided
    return found


async def _decided(
    tx: AsyncConnection, kind: Kind[T], book: int, found: Version[T], *, by: str, now: datetime, approved: bool
) -> Version[T]:
    await tx.execute(
        update(kind.table)
        .where(*_of(kind, book), kind.table.c.version == found.version)
        .values(decided_by=by, decided_at=now, approved=approved)
    )
    return replace(found, decided_by=by, decided_at=now, approved=approved)


def _of(kind: Kind[T], book: int) -> list[ColumnElement[bool]]:
    c = kind.table.c
    return [c.book_id == book, *(c[name] == value for name, value in kind.key.items())]


def _select(kind: Kind[T], book: int) -> Select[*tuple[Any, ...]]:
    c = kind.table.c
    body = cast(c.body, Text).label("body")
    decided = (c.decided_by, c.decided_at, c.approved)
    return select(c.version, c.effective_from, body, c.note, c.drafted_by, c.drafted_at, *decided).where(
        *_of(kind, book)
    )


async def _all(tx: AsyncConnection, kind: Kind[T], wanted: Select[*tuple[Any, ...]]) -> list[Version[T]]:
    rows = await tx.execute(wanted)
    return [
        Version(version, effective_from, kind.read(body, version), *rest)
        for version, effective_from, body, *rest in rows
    ]
