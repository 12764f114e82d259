from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning.rules import RuleSet


@dataclass(frozen=True)
class Rulebook:
    sets: Sequence[tuple[date, RuleSet]]

    def on(self, day: date) -> RuleSet | None:
        return next((each for since, each in reversed(self.sets) if since <= day), None)


async def in_force(tx: AsyncConnection, book: int) -> Rulebook:
    return Rulebook([])
