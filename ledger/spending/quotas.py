"""Quotas 限兑: how many pieces of an item a person, or a household together, gets in a period.

Pieces are counted where they are limited, in one row for each item, subject and period: whoever comes second waits for
the first, and then sees what is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import OverQuota
from ledger.spending.catalogue import PER, Offered, Quota, period_of

_USE: Final = text(
    """INSERT INTO quota_uses (book_id, item, subject, period, used)
       SELECT :book, wanted.item, wanted.subject, wanted.period, wanted.pieces
         FROM unnest(CAST(:items AS text[]), CAST(:subjects AS text[]), CAST(:periods AS text[]),
                     CAST(:pieces AS bigint[])) AS wanted (item, subject, period, pieces)
       ON CONFLICT (book_id, item, subject, period)
       DO UPDATE SET used = quota_uses.used + excluded.used
        WHERE quota_uses.used + excluded.used <=
              (SELECT quota.times
                 FROM unnest(CAST(:items AS text[]), CAST(:subjects AS text[]), CAST(:periods AS text[]),
                             CAST(:times AS bigint[])) AS quota (item, subject, period, times)
                WHERE quota.item = excluded.item AND quota.subject = excluded.subject
                  AND quota.period = excluded.period)
       RETURNING item, subject, period"""
)

# Locked in the order in which they are used, and then changed: an UPDATE alone locks in whatever order it finds them.
_GIVE_BACK: Final = text(
    """WITH back AS (
         SELECT quota_uses.item, quota_uses.subject, quota_uses.period, returned.pieces
           FROM quota_uses
           JOIN unnest(CAST(:items AS text[]), CAST(:pieces AS bigint[])) AS returned (item, pieces)
             ON quota_uses.item = returned.item
          WHERE quota_uses.book_id = :book AND quota_uses.subject = ANY (CAST(:subjects AS text[]))
            AND quota_uses.period = ANY (CAST(:periods AS text[]))
          ORDER BY quota_uses.item, quota_uses.subject, quota_uses.period
            FOR NO KEY UPDATE OF quota_uses)
       UPDATE quota_uses SET used = greatest(quota_uses.used - back.pieces, 0)
         FROM back
        WHERE quota_uses.book_id = :book AND quota_uses.item = back.item AND quota_uses.subject = back.subject
          AND quota_uses.period = back.period"""
)


async def use(
    tx: AsyncConnection,
    book: int,
    day: date,
    holder: str,
    household: str | None,
    wanted: Iterable[tuple[Offered, int]],
) -> None:
    """Counts pieces against the quotas of their items on that day. OverQuota: the transaction has to be undone.

    Without quotas nothing is asked of the database.
    """
    subjects = _subjects(holder, household)
    counted: dict[tuple[str, str, str], tuple[int, Quota]] = {}
    for offered, pieces in wanted:
        for quota in offered.quotas:
            if pieces > quota.times:
                raise OverQuota(offered.item, quota.by, quota.times, quota.per)
            counted[offered.item, subjects[quota.by], period_of(quota.per, day)] = (pieces, quota)
    if not counted:
        return
    rows = sorted(counted)
    used = await tx.execute(
        _USE,
        {
            "book": book,
            "items": [item for item, _, _ in rows],
            "subjects": [subject for _, subject, _ in rows],
            "periods": [period for _, _, period in rows],
            "pieces": [counted[row][0] for row in rows],
            "times": [counted[row][1].times for row in rows],
        },
    )
    done = {tuple(row) for row in used}
    for row in rows:
        if row not in done:
            _, quota = counted[row]
            raise OverQuota(row[0], quota.by, quota.times, quota.per)


async def give_back(
    tx: AsyncConnection,
    book: int,
    day: date,
    holder: str,
    household: str | None,
    returned: Iterable[tuple[str, int]],
) -> None:
    """Pieces of items, redeemed on that day, have come back: in each period that it belongs to they count no more."""
    pieces = dict(returned)
    if not pieces:
        return
    await tx.execute(
        _GIVE_BACK,
        {
            "book": book,
            "items": list(pieces),
            "pieces": list(pieces.values()),
            "subjects": list(_subjects(holder, household).values()),
            "periods": [period_of(per, day) for per in PER],
        },
    )


def _subjects(holder: str, household: str | None) -> dict[str, str]:
    """Who uses a quota; somebody in no household is one alone."""
    return {"person": f"p:{holder}", "household": f"a:{holder}" if household is None else f"h:{household}"}
