"""Stars computed from history: of one person or of a whole book, as of any day, as known now or at an instant.

Hours come from the days' totals of the books, points earned from the records of service, awards and what is on record
against somebody from this room. `ladder.star` says in Python what the statement here says in SQL.

*As known at an instant* leaves out what the books learned afterwards. It is at least 30 s ago, since what was recorded
then may not have been committed yet: so what is answered never changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.balances import SETTLED_AFTER
from ledger.database import connect
from ledger.errors import InvalidField
from ledger.recognition import ladder as rule
from ledger.recognition.ladder import Facts, Ladder


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands on a day. Minutes of both classes, whatever the ladder counts."""

    holder: str
    volunteer_no: str
    credit_minutes: int
    honour_minutes: int
    facts: Facts
    star: int


async def of_volunteer(
    tx: AsyncConnection, book: int, holder: str, *, ladder: Ladder, day: date, known_at: datetime | None = None
) -> Standing | None:
    """Where she stands on that day; None: nobody's number, or not known yet at that instant. InvalidField (`known_at`).

    What it costs grows with what came after `day`, not with what was before.
    """
    asked = parameters(book, ladder, day, known_at) | {"holder": holder}
    await _settled(tx, known_at)
    row = (await tx.execute(text(statement(ladder, known=known_at is not None, one=True)), asked)).one_or_none()
    return None if row is None else _standing(row)


async def of_book(
    tx: AsyncConnection, book: int, *, ladder: Ladder, day: date, known_at: datetime | None = None
) -> AsyncIterator[Standing]:
    """Where every volunteer stands on that day, by volunteer number. InvalidField (`known_at`)."""
    await _settled(tx, known_at)
    found = text(f"{statement(ladder, known=known_at is not None)} ORDER BY volunteer_no")
    async with tx.stream(found.execution_options(yield_per=5000), parameters(book, ladder, day, known_at)) as rows:
        async for row in rows:
            yield _standing(row)


async def star_of(tx: AsyncConnection, book: int, holder: str, *, ladder: Ladder, day: date) -> int:
    """Her star on that day; 0: none."""
    found = await of_volunteer(tx, book, holder, ladder=ladder, day=day)
    return 0 if found is None else found.star


async def compared(
    tx: AsyncConnection, book: int, before: Ladder, after: Ladder, *, day: date
) -> dict[tuple[int, int], int]:
    """How many volunteers have which star by the one ladder and which by the other on that day, where anybody has."""
    both = f"""SELECT b.star AS was, a.star AS will, count(*) AS people
        FROM ({statement(before)}) b JOIN ({statement(after)}) a ON a.holder = b.holder GROUP BY 1, 2"""
    asked = parameters(book, before, day, None) | parameters(book, after, day, None)
    return {(row.was, row.will): row.people for row in await tx.execute(text(both), asked)}


async def _settled(tx: AsyncConnection, known_at: datetime | None) -> None:
    if known_at is not None and known_at > await connect.now(tx) - SETTLED_AFTER:
        raise InvalidField("known_at", "too_recent")


def _standing(row: Any) -> Standing:
    facts = Facts(row.minutes, row.year_minutes, row.points, row.registered_on, row.held, row.kept, row.marked_on)
    return Standing(row.holder, row.volunteer_no, row.credit_minutes, row.honour_minutes, facts, row.star)


# --- the statement ---------------------------------------------------------------------------------------------------


def parameters(book: int, ladder: Ladder, day: date, known_at: datetime | None) -> dict[str, Any]:
    """What the statement asks for; the star's own limits are written into it."""
    asked: dict[str, Any] = {"book": book, "day": day}
    if ladder.year_minutes:
        asked["year_ago"] = rule.months_after(day, -12)
    if known_at is not None:
        asked["known_at"] = known_at
        asked["known_id"] = known_id(known_at)
    return asked


def known_id(known_at: datetime) -> UUID:
    """Identifiers rise with time: above all that were drawn until the end of that millisecond."""
    return UUID(int=int(known_at.timestamp() * 1000 + 1) << 80)


def statement(ladder: Ladder, *, known: bool = False, one: bool = False) -> str:
    """Holder, volunteer number, minutes, facts and star of every volunteer of `:book` on `:day`; unordered.

    `known`: as known at `:known_at`. `one`: of `:holder` alone, by what there is less what came later. Only what the
    ladder asks for is read.
    """
    counted = " + ".join(f"h.{each}_minutes" for each in ladder.classes)
    counted_year = " + ".join(f"h.{each}_year" for each in ladder.classes) if ladder.year_minutes else "0"
    only = " AND v.holder = :holder" if one else ""
    held, kept = _awards(ladder, known=known, one=one)
    return f"""
        WITH h AS ({_hours(ladder, known=known, one=one)}),
        f AS (
            SELECT v.holder, v.volunteer_no, v.organisation,
                   (v.registered_at AT TIME ZONE 'Asia/Shanghai')::date AS registered_on,
                   coalesce(h.credit_minutes, 0)::bigint AS credit_minutes,
                   coalesce(h.honour_minutes, 0)::bigint AS honour_minutes,
                   coalesce({counted}, 0)::bigint AS minutes, coalesce({counted_year}, 0)::bigint AS year_minutes,
                   {_points(ladder, known=known)} AS points, {_marked(ladder, known=known)} AS marked_on,
                   {held} AS held, {kept} AS kept
            FROM volunteers v LEFT JOIN h ON h.holder = v.holder
            WHERE v.book_id = :book{only}{" AND v.registered_at <= :known_at" if known else ""})
        SELECT f.*, ({_star(ladder)})::int AS star FROM f"""


_KINDS: Final = "('credit_hours', 'honour_hours')"


def _hours(ladder: Ladder, *, known: bool, one: bool) -> str:
    """holder, credit_minutes, honour_minutes, and of the year where the ladder asks for it."""
    wanted = {"minutes": "m.minutes"} | ({"year": "m.year"} if ladder.year_minutes else {})
    if known:
        wanted = {name: f"({value} - coalesce(late.{name}, 0))" for name, value in wanted.items()}
    sums = ", ".join(
        f"coalesce(sum({value}) FILTER (WHERE a.kind = '{which}_hours'), 0) AS {which}_{name}"
        for which in rule.CLASSES
        for name, value in wanted.items()
    )
    year = ", sum(t.credits - t.debits) FILTER (WHERE t.day > :year_ago) AS year" if ladder.year_minutes else ""
    if one:
        this_year = (
            """, (SELECT sum(t.credits - t.debits) FROM day_totals t WHERE t.book_id = :book
                   AND t.account_id = a.account_id AND t.day > :year_ago AND t.day <= :day) AS year"""
            if ladder.year_minutes
            else ""
        )
        totals = f"""CROSS JOIN LATERAL (
            SELECT a.credits - a.debits - coalesce((
                SELECT sum(t.credits - t.debits) FROM day_totals t
                WHERE t.book_id = :book AND t.account_id = a.account_id AND t.day > :day), 0) AS minutes{this_year}
            ) m"""
        whose = "a.code IN ('9200.' || :holder, '9210.' || :holder)"
    else:
        totals = f"""JOIN (
            SELECT t.account_id, sum(t.credits - t.debits) AS minutes{year} FROM day_totals t
            WHERE t.book_id = :book AND t.day <= :day GROUP BY t.account_id) m ON m.account_id = a.account_id"""
        whose = f"a.kind IN {_KINDS}"
    late_year = ", sum(e.credit - e.debit) FILTER (WHERE e.effective_on > :year_ago) AS year"
    late = f"""LEFT JOIN LATERAL (
            SELECT sum(e.credit - e.debit) AS minutes{late_year if ladder.year_minutes else ""} FROM entries e
            WHERE a.recorded_at > :known_at AND e.book_id = :book AND e.account_id = a.account_id
              AND e.recorded_at > :known_at AND e.effective_on <= :day) late ON true"""
    return f"""SELECT a.holder, {sums} FROM accounts a {totals} {late if known else ""}
        WHERE a.book_id = :book AND {whose} AND a.kind IN {_KINDS} GROUP BY a.holder"""


def _points(ladder: Ladder, *, known: bool) -> str:
    """What she earned, less minus items, by service days: never what the wallet holds."""
    if not any(level.points for level in ladder.levels):
        return "0::bigint"
    credited = (
        """coalesce(r.release_transaction, CASE WHEN r.points < 0 THEN r.points_transaction END) < :known_id
           AND (r.correction_transaction IS NULL OR r.correction_transaction >= :known_id)"""
        if known
        else "r.state = 'credited'"
    )
    return f"""coalesce((SELECT sum(r.points) FROM records r WHERE r.book_id = :book AND r.holder = v.holder
        AND r.served_on <= :day AND {credited}), 0)::bigint"""


def _marked(ladder: Ladder, *, known: bool) -> str:
    if not ladder.standing_months:
        return "NULL::date"
    stands = "k.lifted_at IS NULL"
    if known:
        stands = "k.marked_at <= :known_at AND (k.lifted_at IS NULL OR k.lifted_at > :known_at)"
    return f"""(SELECT max(k.marked_on) FROM marks k WHERE k.book_id = :book AND k.holder = v.holder
        AND k.marked_on <= :day AND {stands})"""


def _awards(ladder: Ladder, *, known: bool, one: bool) -> tuple[str, str]:
    """The highest star awarded and not ended; and of those, the highest whose hours still stand."""
    stands = "w.ended_on IS NULL OR w.ended_on > :day"
    if known:
        stands = f"w.decided_at <= :known_at AND ({stands} OR w.ended_at > :known_at)"
    awarded = f"""SELECT max(w.star)::int FROM awards w WHERE w.book_id = :book AND w.holder = v.holder
        AND w.awarded_on <= :day AND ({stands})"""
    still = """SELECT coalesce(sum(t.credits - t.debits), 0) FROM accounts a JOIN day_totals t
        ON t.book_id = :book AND t.account_id = a.account_id AND t.day <= w.as_of
        WHERE a.book_id = :book
          AND a.code IN ('9200.' || w.holder, CASE WHEN w.honour THEN '9210.' || w.holder END)"""
    if known:
        late = """SELECT coalesce(sum(e.credit - e.debit), 0) FROM accounts a JOIN entries e
            ON e.book_id = :book AND e.account_id = a.account_id AND e.recorded_at > :known_at
               AND e.effective_on <= w.as_of
            WHERE a.book_id = :book
              AND a.code IN ('9200.' || w.holder, CASE WHEN w.honour THEN '9210.' || w.holder END)"""
        still = f"SELECT ({still}) - ({late})"
    held = f"coalesce(({awarded}), 0)"
    return held, "0" if ladder.may_fall else f"coalesce(({awarded} AND ({still}) >= w.needed), 0)"


def _star(ladder: Ladder) -> str:
    """The star as an expression over the facts; what a level asks for rises from one to the next."""
    levels = ladder.levels
    limits = [f"width_bucket(f.minutes, ARRAY[{_listed(level.minutes for level in levels)}]::bigint[])"]
    if any(level.points for level in levels):
        limits.append(f"width_bucket(f.points, ARRAY[{_listed(level.points for level in levels)}]::bigint[])")
    limits += [
        f"CASE WHEN (f.registered_on + make_interval(months => {level.months}))::date <= :day THEN {len(levels)}"
        f" ELSE {number} END"
        for number, level in enumerate(levels)
        if level.months and (not number or levels[number - 1].months < level.months)
    ]
    if any(level.in_order for level in levels):
        limits.append(f"(ARRAY[{_listed(_caps(ladder))}])[least(f.held, {len(levels)}) + 1]")
    star = f"least({', '.join(limits)})"
    if ladder.standing_months:
        good_again = f"(f.marked_on + make_interval(months => {ladder.standing_months}))::date"
        star = f"CASE WHEN :day < {good_again} THEN 0 ELSE {star} END"
    if ladder.year_minutes:
        star = f"CASE WHEN f.year_minutes < {ladder.year_minutes} THEN 0 ELSE {star} END"
    return star if ladder.may_fall else f"greatest({star}, least(f.kept, {len(levels)}))"


def _caps(ladder: Ladder) -> list[int]:
    """How far somebody who holds 0, 1, 2 … stars can come in order."""
    highest = len(ladder.levels)
    return [
        next((number for number in range(held, highest) if number > held and ladder.levels[number].in_order), highest)
        for held in range(highest + 1)
    ]


def _listed(numbers: Any) -> str:
    return ", ".join(str(int(number)) for number in numbers)
