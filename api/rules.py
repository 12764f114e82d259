"""What staff do with the rules of a programme, and what everybody reads of them: over HTTP, on pages, by command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth
from ledger.access.rights import Principal, Right
from ledger.books.versions import Version
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import rule_body, rule_sets, rules
from ledger.earning.rules import Award, RuleSet, Tally, Work
from ledger.errors import InvalidField


def of_body(body: Mapping[str, Any]) -> RuleSet:
    """The rule set that a body's `rules` say; InvalidField with the path from there."""
    try:
        return rule_body.read(body)
    except InvalidField as refused:
        raise InvalidField(f"rules.{refused.field}", refused.problem) from None


async def draft(
    tx: AsyncConnection, me: Principal, the: RuleSet, effective_from: date, note: str = ""
) -> Version[RuleSet]:
    """Keeps a new version for a second person. NotAllowed, InvalidField, BeginsTooEarly."""
    auth.within(me, Right.DRAFT_RULES, ())
    now = await connect.now(tx)
    return await rule_sets.draft(tx, me.book_id, the, effective_from=effective_from, note=note, by=me.name, now=now)


async def in_force(tx: AsyncConnection, me: Principal, day: date | None = None) -> tuple[date, Version[RuleSet] | None]:
    """The day (today, if none is said) and the version that is in force on it; None: there are no rules yet."""
    asked = day or day_of(await connect.now(tx))
    rulebook = await rule_sets.in_force(tx, me.book_id)
    the = rulebook.on(asked)
    return asked, None if the is None else next(each for each in rulebook.versions if each.content is the)


def trial(the: RuleSet, works: Sequence[Work]) -> list[Award]:
    """What one person would earn with these, one after the other, in a year in which she has done nothing else."""
    tally, awards = Tally(), []
    for work in works:
        awards.append(rules.award(the, work, tally))
        tally.add(work, awards[-1])
    return awards
