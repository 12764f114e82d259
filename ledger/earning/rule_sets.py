"""Rule sets: versions of a programme's rules (`versions` says how they come into force).

An approved one begins tomorrow at the earliest, so that what has been served keeps the rules of its day; only a book's
first may begin earlier, since there were no rules before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import versions
from ledger.books.versions import Kind, Version
from ledger.earning import rule_body
from ledger.earning.rules import RuleSet
from ledger.earning.tables import rule_sets
from ledger.errors import UnknownRuleSet


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The approved versions of a book, in the order of their first days."""

    versions: tuple[Version[RuleSet], ...]

    def on(self, day: date) -> RuleSet | None:
        """The rules of this service day; None: there were none yet."""
        for each in reversed(self.versions):
            if each.effective_from <= day:
                return each.content
        return None

    def version(self, number: int) -> RuleSet:
        """The approved version with this number; UnknownRuleSet."""
        for each in self.versions:
            if each.version == number:
                return each.content
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


@lru_cache(maxsize=64)
def _read(body: str, version: int) -> RuleSet:
    """A stored body: the same for ever, and asked for at every crediting."""
    return replace(rule_body.read(json.loads(body)), version=version)


RULES: Final = Kind(rule_sets, "rule_set", UnknownRuleSet, _read)


async def draft(
    tx: AsyncConnection, book: int, rules: RuleSet, *, effective_from: date, note: str = "", by: str, now: datetime
) -> Version[RuleSet]:
    """Keeps a rule set as the next version, for a second person to approve. InvalidField, BeginsTooEarly."""
    body = rule_body.stored(rules)
    return await versions.draft(tx, RULES, book, body, effective_from=effective_from, note=note, by=by, now=now)


async def approve(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version[RuleSet]:
    """Brings a draft into force from its first day on. By another person than who drafted it.

    UnknownRuleSet, AlreadyDecided, SecondPersonNeeded, BeginsTooEarly.
    """
    return await versions.approve(tx, RULES, book, version, by=by, now=now)


async def decline(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version[RuleSet]:
    """Ends a draft: declined by somebody else, or withdrawn by who made it. UnknownRuleSet, AlreadyDecided."""
    return await versions.decline(tx, RULES, book, version, by=by, now=now)


async def in_force(tx: AsyncConnection, book: int) -> Rulebook:
    """The approved versions."""
    return Rulebook(tuple(await versions.approved(tx, RULES, book)))


async def find(tx: AsyncConnection, book: int, version: int) -> Version[RuleSet]:
    """One version; UnknownRuleSet."""
    return await versions.find(tx, RULES, book, version)


async def versions_of(
    tx: AsyncConnection, book: int, *, before: int | None = None, limit: int = 200
) -> Sequence[Version[RuleSet]]:
    """The versions of a book, the newest first; before a version, or all."""
    return await versions.versions_of(tx, RULES, book, before=before, limit=limit)
