"""What stands already of people's points and hours, for the caps, ladders and roundings of what comes next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from sqlalchemy import Integer, any_, bindparam, case, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning.rules import Tally
from ledger.earning.tables import records

__all__ = ["Tally", "of"]

_STANDS: Final = records.c.state.not_in(("refused", "corrected"))


async def of(tx: AsyncConnection, book: int, holders: Iterable[str], since: date) -> dict[str, Tally]:
    """What stands of each of these people from service days since then (`Rulebook.since`): of records that have points
    and were neither refused nor corrected. The caller has locked the people, so that nothing is added beside it."""
    wanted = sorted(set(holders))
    found = {holder: Tally() for holder in wanted}
    inputs = records.c.inputs
    timed = (records.c.record_class != "act") & inputs["how"].astext.in_(("per_hour", "ladder"))
    rows = await tx.execute(
        select(
            records.c.holder,
            records.c.item,
            records.c.served_on,
            records.c.activity,
            func.sum(records.c.points).cast(Integer),
            func.sum(case((timed, records.c.minutes), else_=0)).cast(Integer),
            func.coalesce(func.sum(inputs["parts"][0].as_integer()), 0),
            func.coalesce(func.sum(inputs["parts"][1].as_integer()), 0),
        )
        .where(
            records.c.book_id == book,
            records.c.holder == any_(literal(wanted, ARRAY(TEXT))),
            records.c.served_on >= bindparam("since", since),
            records.c.points.is_not(None),
            _STANDS,
        )
        .group_by(records.c.holder, records.c.item, records.c.served_on, records.c.activity)
    )
    for holder, item, day, activity, points, minutes, base, full in rows:
        found[holder].count(item, day, activity, points, minutes, int(base), int(full))
    return found
