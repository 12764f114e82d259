"""Why somebody reaches fewer stars than she was awarded: what became of the hours that the award was decided on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.recognition.assessments import Assessment


@dataclass(frozen=True, slots=True)
class Difference:
    """The highest star that somebody holds: it was decided on so many `minutes` as of a day. Of the records behind
    them `corrected` have been undone since, which took `lost` minutes away (less what replaced them).
    """

    star: int
    as_of: date
    minutes: int
    corrected: int
    lost: int


async def since_awards(
    tx: AsyncConnection, book: int, of: Assessment, holders: Collection[str]
) -> dict[str, Difference]:
    """What an assessment sees of these people that their awards could not have known; who holds no star is not in it.

    What was corrected afterwards is not in it either: the answer never changes.
    """
    found = await tx.execute(
        text(_SINCE_AWARDS).bindparams(bindparam("holders", type_=ARRAY(TEXT))),
        {"book": book, "holders": sorted(holders), "known_at": of.known_at},
    )
    return {row.holder: Difference(row.star, row.as_of, row.minutes, row.corrected, row.lost) for row in found}


_SINCE_AWARDS: Final = """
    WITH held AS (
        SELECT DISTINCT ON (w.holder) w.holder, w.star, w.as_of, w.minutes, w.honour, e.known_at
        FROM awards w JOIN assessments e ON e.book_id = :book AND e.assessment_id = w.assessment_id
        WHERE w.book_id = :book AND w.holder = ANY (:holders) AND w.awarded_on IS NOT NULL
          AND w.decided_at <= :known_at AND (w.ended_at IS NULL OR w.ended_at > :known_at)
        ORDER BY w.holder, w.star DESC)
    SELECT held.holder, held.star, held.as_of, held.minutes, count(r.record_id) AS corrected,
           coalesce(sum(r.minutes - coalesce(n.minutes, 0)), 0)::bigint AS lost
    FROM held
    LEFT JOIN records r ON r.book_id = :book AND r.holder = held.holder AND r.served_on <= held.as_of
        AND r.state = 'corrected' AND r.ended_at > held.known_at AND r.ended_at <= :known_at
        AND r.hours_transaction IS NOT NULL AND (held.honour OR r.class = 'credit')
    LEFT JOIN records n ON n.book_id = :book AND n.holder = r.holder AND n.replaces = r.record_id
        AND n.hours_transaction IS NOT NULL AND n.state <> 'corrected' AND n.reviewed_at <= :known_at
    GROUP BY held.holder, held.star, held.as_of, held.minutes"""
