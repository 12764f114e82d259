"""Why a star that was awarded is no longer what history says: what the award was made on beside what stands now.

The award keeps its own figures. Beside them stand the minutes that its day has now, the records of service that were
corrected since, and what the later assessment says is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import DateTime, Uuid, any_, bindparam, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import connect
from ledger.database.rows import rows_within
from ledger.days import day_of
from ledger.earning.tables import records
from ledger.recognition import assessments, awards, ladders, stars
from ledger.recognition import ladder as rule
from ledger.recognition.assessments import Assessed, Assessment
from ledger.recognition.awards import Award
from ledger.recognition.ladder import Facts, Ladder, Missing
from ledger.recognition.tables import assessments as assessments_table
from ledger.recognition.tables import awards as awards_table


@dataclass(frozen=True, slots=True)
class Correction:
    """A record of service that counted when a star was assessed, and has been taken back since."""

    record_id: UUID
    record: str
    served_on: date
    activity_name: str
    record_class: str
    minutes: int
    corrected_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """An award, and what an assessment as of `day` says. `minutes_then` and `minutes_again`: of the award's day.

    `corrected` took minutes away since; what is left of the difference was entered later. `needed`: minutes for this
    star by the ladder of the assessment; None: it has no such star. `facts` None: nothing is known of her any more.
    """

    award: Award
    day: date
    star: int
    minutes_then: int
    minutes_again: int
    corrected: tuple[Correction, ...]
    ladder: int
    needed: int | None
    facts: Facts | None
    missing: tuple[Missing, ...]

    @property
    def supported(self) -> bool:
        """Whether history still gives her this star."""
        return self.star >= self.award.star

    @property
    def corrected_minutes(self) -> int:
        """So many minutes were taken away."""
        return sum(each.minutes for each in self.corrected)

    @property
    def later_minutes(self) -> int:
        """So many were entered since for days until then."""
        return self.minutes_again - self.minutes_then + self.corrected_minutes


@dataclass(frozen=True, slots=True)
class Page:
    """Differences, and after whom the next page begins (a holder); None: this is the last."""

    items: list[Difference]
    next: str | None


async def falls(
    tx: AsyncConnection,
    book: int,
    of: Assessment,
    within: Collection[str] | None = None,
    *,
    after: str = "",
    limit: int = 50,
) -> Page:
    """Who holds a star that an assessment no longer supports, and why, in order of holders, after one.

    Of `limit` people at most, each with every such star that has not been ended. `within`: only who belongs to these
    organisations or those below them; None: all. What the books learned after the assessment is not in it.
    """
    people = await assessments.rows(tx, book, of, within, which="falls", after=after, limit=limit)
    told = await of_people(tx, book, of, people)
    return Page(told, people[-1].holder if len(people) == limit else None)


async def of_people(tx: AsyncConnection, book: int, of: Assessment, people: Sequence[Assessed]) -> list[Difference]:
    """The same of these people of an assessment, by holder and star: of each the highest star comes last."""
    hers = {each.holder: each for each in people}
    ladder = await ladders.version(tx, book, of.ladder)
    held = await awards.awarded_to(tx, book, hers)
    fallen = [each for each in held if hers[each.holder].star < each.star <= hers[each.holder].facts.held]
    stand = {each: (hers[each].star, hers[each].facts) for each in hers}
    return await _told(tx, book, fallen, of.as_of, ladder, stand, of.known_at)


async def explain(tx: AsyncConnection, book: int, award: Award, of: Assessment | None = None) -> Difference:
    """What an award was made on, beside an assessment; beside today, by the ladder in force, if none is named."""
    stand: dict[str, tuple[int, Facts]] = {}
    if of is None:
        day = day_of(await connect.now(tx))
        ladder = await ladders.in_force(tx, book, day)
        her = await stars.of_volunteer(tx, book, award.holder, ladder=ladder, day=day)
        if her is not None:
            stand[award.holder] = (her.star, her.facts)
    else:
        day, ladder = of.as_of, await ladders.version(tx, book, of.ladder)
        for row in await assessments.rows(tx, book, of, holder=award.holder):
            stand[award.holder] = (row.star, row.facts)
    [told] = await _told(tx, book, [award], day, ladder, stand, None if of is None else of.known_at)
    return told


async def _told(
    tx: AsyncConnection,
    book: int,
    of: Sequence[Award],
    day: date,
    ladder: Ladder,
    stand: dict[str, tuple[int, Facts]],
    known_at: datetime | None,
) -> list[Difference]:
    again = await _minutes_again(tx, book, of, known_at)
    corrected = await _corrected(tx, book, of, known_at)
    told = []
    for award in of:
        star, facts = stand.get(award.holder, (0, None))
        needed = ladder.levels[award.star - 1].minutes if award.star <= len(ladder.levels) else None
        missing = () if facts is None or star >= award.star else tuple(rule.missing(ladder, facts, day))
        told.append(
            Difference(
                award,
                day,
                star,
                award.minutes,
                again.get(award.award_id, 0),
                tuple(corrected.get(award.award_id, ())),
                ladder.version,
                needed,
                facts,
                missing,
            )
        )
    return told


async def _minutes_again(
    tx: AsyncConnection, book: int, of: Sequence[Award], known_at: datetime | None
) -> dict[UUID, int]:
    """The minutes that count for these awards, of their days: as the books have them now, or had them at an instant."""
    rows = await tx.execute(
        text("""
            SELECT w.award_id, sum(m.minutes - l.minutes)::bigint AS minutes
            FROM awards w
            JOIN accounts a ON a.book_id = :book
                AND a.code IN ('9200.' || w.holder, CASE WHEN w.honour THEN '9210.' || w.holder END)
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(t.credits - t.debits), 0) AS minutes FROM day_totals t
                WHERE t.book_id = :book AND t.account_id = a.account_id AND t.day <= w.as_of) m
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(e.credit - e.debit), 0) AS minutes FROM entries e
                WHERE a.recorded_at > :known_at AND e.book_id = :book AND e.account_id = a.account_id
                  AND e.recorded_at > :known_at AND e.effective_on <= w.as_of) l
            WHERE w.book_id = :book AND w.award_id = ANY(:awards) GROUP BY w.award_id""").bindparams(
            bindparam("awards", type_=ARRAY(Uuid)), bindparam("known_at", type_=DateTime(timezone=True))
        ),
        {"book": book, "awards": [each.award_id for each in of], "known_at": known_at},
    )
    return {each.award_id: each.minutes for each in rows}


async def _corrected(
    tx: AsyncConnection, book: int, of: Sequence[Award], known_at: datetime | None
) -> dict[UUID, list[Correction]]:
    """The records that counted when these awards were assessed, and were corrected since, or until an instant."""
    if not of:
        return {}
    known = await _known_ids(tx, book, {each.assessment_id for each in of})
    wanted = rows_within(
        [awards_table.c.award_id, awards_table.c.holder, awards_table.c.as_of, assessments_table.c.assessment_id],
        [(each.award_id, each.holder, each.as_of, known[each.assessment_id]) for each in of],
    )
    honour = {each.award_id for each in of if each.honour}
    found = (
        select(
            wanted.c.award_id,
            records.c.record_id,
            records.c.record,
            records.c.served_on,
            records.c.activity_name,
            records.c.record_class,
            records.c.minutes,
            records.c.ended_at,
            records.c.reason,
        )
        .join_from(records, wanted, wanted.c.holder == records.c.holder)
        .where(
            records.c.book_id == book,
            records.c.holder == any_(literal([each.holder for each in of], ARRAY(awards_table.c.holder.type))),
            records.c.state == "corrected",
            records.c.served_on <= wanted.c.as_of,
            # Identifiers rise with time: it counted at that instant, and was corrected after it.
            records.c.hours_transaction < wanted.c.assessment_id,
            records.c.correction_transaction >= wanted.c.assessment_id,
        )
        .order_by(records.c.served_on, records.c.record_id)
    )
    if known_at is not None:
        found = found.where(records.c.correction_transaction < stars.known_id(known_at))
    corrected: dict[UUID, list[Correction]] = {}
    for award_id, *told in await tx.execute(found):
        each = Correction(*told)
        if each.record_class == "credit" or award_id in honour:
            corrected.setdefault(award_id, []).append(each)
    return corrected


async def _known_ids(tx: AsyncConnection, book: int, of: Collection[UUID]) -> dict[UUID, UUID]:
    """The highest identifier that was known to each of these assessments."""
    return {each: stars.known_id((await assessments.find(tx, book, each)).known_at) for each in sorted(of)}
