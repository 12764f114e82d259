"""Rule sets in versions: which one is in force on which day. (Drafting and approving follow.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning import rule_body
from ledger.earning.rules import RuleSet
from ledger.earning.tables import rule_sets


@dataclass(frozen=True)
class Rulebook:
    """The approved rule sets of a book, each with its first service day."""

    sets: Sequence[tuple[date, RuleSet]]

    def on(self, day: date) -> RuleSet | None:
        """The rule set for what was done on this day."""
        return next((each for since, each in reversed(self.sets) if since <= day), None)


async def in_force(tx: AsyncConnection, book: int) -> Rulebook:
    """All approved rule sets."""
    rows = await tx.execute(
        select(rule_sets.c.effective_from, rule_sets.c.version, rule_sets.c.body)
        .where(rule_sets.c.book_id == book, rule_sets.c.approved.is_(True))
        .order_by(rule_sets.c.effective_from, rule_sets.c.version)
    )
    return Rulebook([(since, replace(rule_body.read(body), version=version)) for since, version, body in rows])
