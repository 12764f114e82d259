"""Rule sets: versions of a programme's rules. One person drafts, another approves, and on its first day it is in force.

A version says the same for ever. An approved one begins tomorrow at the earliest, so that what has been served keeps
the rules of its day; only a book's first may begin earlier, since there were no rules before. What was approved and has
not begun is replaced by approving another version for the same day: of several for one day the highest is in force.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.days import day_of
from ledger.earning import rule_body
from ledger.earning.rules import RuleSet
from ledger.earning.tables import rule_sets
from ledger.errors import (
    AlreadyDecided,
    BeginsTooEarly,
    InvalidField,
    SecondPersonNeeded,
    UnknownRuleSet,
)
from ledger.text import one_line

NOTE_LENGTH: Final = 500
EARLIEST: Final = date(1990, 1, 1)
LATEST: Final = date(9999, 1, 1)
"""Nothing is approved to begin before or after: days that reckoning can go on from."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the rules. `approved` None: it waits for a second person."""

    rules: RuleSet
    effective_from: date
    note: str
    drafted_by: str
    drafted_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    approved: bool | None = None

    @property
    def version(self) -> int:
        return self.rules.version


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The approved versions of a book, in the order of their first days."""

    versions: tuple[Version, ...]

    def on(self, day: date) -> RuleSet | None:
        """The rules of this service day; None: there were none yet."""
        for each in reversed(self.versions):
            if each.effective_from <= day:
                return each.rules
        return None

    def version(self, number: int) -> RuleSet:
        """The approved version with this number; UnknownRuleSet."""
        for each in self.versions:
            if each.version == number:
                return each.rules
        raise UnknownRuleSet(number)

    def since(self, day: date) -> date:
        """From which service day on what stands already matters for something served on `day` (`tallies.of`).

        The caps of an activity look a year back: none lasts longer.
        """
        rules = self.on(day)
        if rules is None:
            return day
        periods = {cap.period for cap in rules.caps}.union(*({cap.period for cap in item.caps} for item in rules.items))
        if "activity" in periods:
            return min(day - timedelta(days=366), date(day.year, 1, 1))
        if rules.ladder is not None or "year" in periods:
            return date(day.year, 1, 1)
        return day.replace(day=1) if "month" in periods or rules.rounding == "month" else day


async def draft(
    tx: AsyncConnection, book: int, rules: RuleSet, *, effective_from: date, note: str = "", by: str, now: datetime
) -> Version:
    """Keeps a rule set as the next version, for a second person to approve. InvalidField, BeginsTooEarly."""
    if not one_line(note, least=0, most=NOTE_LENGTH):
        raise InvalidField("note", "not_one_line")
    if not EARLIEST <= effective_from <= LATEST:
        raise InvalidField("effective_from", "out_of_range")
    await _in_time(tx, book, effective_from, now)
    while True:
        last = await tx.execute(select(func.max(rule_sets.c.version)).where(rule_sets.c.book_id == book))
        version = (last.scalar_one() or 0) + 1
        added = await tx.execute(
            insert(rule_sets)
            .values(
                book_id=book,
                version=version,
                effective_from=effective_from,
                body=rule_body.stored(rules),
                note=note,
                drafted_by=by,
                drafted_at=now,
            )
            .on_conflict_do_nothing(index_elements=[rule_sets.c.book_id, rule_sets.c.version])
            .returning(rule_sets.c.version)
        )
        # Whoever took the number at the same time has committed by now: the next look sees it.
        if added.first() is not None:
            return await find(tx, book, version)


async def approve(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version:
    """Brings a draft into force from its first day on. By another person than who drafted it.

    UnknownRuleSet, AlreadyDecided, SecondPersonNeeded, BeginsTooEarly.
    """
    found = await _to_decide(tx, book, version)
    if found.drafted_by == by:
        raise SecondPersonNeeded
    await _in_time(tx, book, found.effective_from, now)
    return await _decided(tx, book, found, by=by, now=now, approved=True)


async def decline(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version:
    """Ends a draft: declined by somebody else, or withdrawn by who made it. UnknownRuleSet, AlreadyDecided."""
    return await _decided(tx, book, await _to_decide(tx, book, version), by=by, now=now, approved=False)


async def in_force(tx: AsyncConnection, book: int) -> Rulebook:
    """The approved versions."""
    rows = await tx.execute(
        _VERSIONS.where(rule_sets.c.book_id == book, rule_sets.c.approved.is_(True)).order_by(
            rule_sets.c.effective_from, rule_sets.c.version
        )
    )
    return Rulebook(tuple(_version(*row) for row in rows))


async def find(tx: AsyncConnection, book: int, version: int) -> Version:
    """One version; UnknownRuleSet."""
    found = _VERSIONS.where(rule_sets.c.book_id == book, rule_sets.c.version == version)
    row = (await tx.execute(found)).one_or_none()
    if row is None:
        raise UnknownRuleSet(version)
    return _version(*row)


async def versions_of(
    tx: AsyncConnection, book: int, *, before: int | None = None, limit: int = 200
) -> Sequence[Version]:
    """The versions of a book, the newest first; before a version, or all."""
    wanted = _VERSIONS.where(rule_sets.c.book_id == book).order_by(rule_sets.c.version.desc()).limit(limit)
    rows = await tx.execute(wanted if before is None else wanted.where(rule_sets.c.version < before))
    return [_version(*row) for row in rows]


async def _in_time(tx: AsyncConnection, book: int, effective_from: date, now: datetime) -> None:
    """BeginsTooEarly where rules are in force and these would begin before tomorrow."""
    tomorrow = day_of(now) + timedelta(days=1)
    if effective_from < tomorrow:
        approved = select(rule_sets.c.version).where(rule_sets.c.book_id == book, rule_sets.c.approved.is_(True))
        if (await tx.execute(approved.limit(1))).first() is not None:
            raise BeginsTooEarly(effective_from, tomorrow)


async def _to_decide(tx: AsyncConnection, book: int, version: int) -> Version:
    """The draft; all versions of the book are locked, since the first that is approved is the first for all others."""
    rows = await tx.execute(
        select(rule_sets.c.version)
        .where(rule_sets.c.book_id == book)
        .order_by(rule_sets.c.version)
        .with_for_update(key_share=True)
    )
    if version not in rows.scalars().all():
        raise UnknownRuleSet(version)
    found = await find(tx, book, version)  # as it is now that it is locked
    if found.approved is not None:
        raise AlreadyDecided
    return found


async def _decided(
    tx: AsyncConnection, book: int, found: Version, *, by: str, now: datetime, approved: bool
) -> Version:
    await tx.execute(
        update(rule_sets)
        .where(rule_sets.c.book_id == book, rule_sets.c.version == found.version)
        .values(decided_by=by, decided_at=now, approved=approved)
    )
    return replace(found, decided_by=by, decided_at=now, approved=approved)


_VERSIONS: Final = select(
    rule_sets.c.version,
    rule_sets.c.effective_from,
    cast(rule_sets.c.body, Text).label("body"),
    rule_sets.c.note,
    rule_sets.c.drafted_by,
    rule_sets.c.drafted_at,
    rule_sets.c.decided_by,
    rule_sets.c.decided_at,
    rule_sets.c.approved,
)


@lru_cache(maxsize=64)
def _read(body: str) -> RuleSet:
    """A stored body: the same for ever, and asked for at every crediting."""
    return rule_body.read(json.loads(body))


def _version(version: int, effective_from: date, body: str, *rest: Any) -> Version:
    return Version(replace(_read(body), version=version), effective_from, *rest)
