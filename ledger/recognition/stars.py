"""Stars computed from history: of one person or of a whole book, as of any day, as known now or at an instant.

Hours come from the days' totals of the books, points earned from the records of service, awards and what is on record
against somebody from this room. `ladder.star` says in Python what the statement here says in SQL.

*As known at an instant* leaves out what the books learned afterwards. It is at least 30 s ago, since what was recorded
then may not have been committed yet: so what is answered never changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
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
    found = await of_volunteers(tx, book, [holder], ladder=ladder, day=day, known_at=known_at)
    return found.get(holder)


async def of_volunteers(
    tx: AsyncConnection,
    book: int,
    holders: Sequence[str],
    *,
    ladder: Ladder,
    day: date,
    known_at: datetime | None = None,
) -> dict[str, Standing]:
    """As `of_volunteer` for these people, by holder; who is nobody, or was not yet, is left out."""
    asked = parameters(book, ladder, day, known_at) | {
        "holders": list(holders),
        "codes": [f"{code}.{holder}" for code in _ACCOUNTS for holder in holders],
    }
    await _settled(tx, known_at)
    rows = await tx.execute(text(statement(ladder, known=known_at is not None, few=True)), asked)
    return {row.holder: _standing(row) for row in rows}


async def of_book(
    tx: AsyncConnection, book: int, *, ladder: Ladder, day: date, known_at: datetime | None = None
) -> AsyncIterator[Standing]:
    """Where every volunteer stands on that day, by volunteer number. InvalidField (`known_at`).

    As known long ago it looks into each account's entries, and takes some five times as long.
    """
    await _settled(tx, known_at)
    await of_everybody(tx)
    found = text(f"{statement(ladder, known=known_at is not None)} ORDER BY volunteer_no")
    async with tx.stream(found.execution_options(yield_per=5000), parameters(book, ladder, day, known_at)) as rows:
        async for row in rows:
            yield _standing(row)


async def of_everybody(tx: AsyncConnection) -> None:
    """Prepares a transaction for the statement of a whole book: it may take long, and joins by hashing.

    PostgreSQL thinks a book small that it has not counted yet, and would compare everybody with everybody.
    """
    await connect.no_timeout(tx)
    await tx.execute(text("SET LOCAL enable_nestloop = off"))


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
    return UUID(int=max(0, int(known_at.timestamp() * 1000 + 1)) << 80)


def statement(ladder: Ladder, *, known: bool = False, few: bool = False) -> str:
    """Holder, volunteer number, organisation, minutes, facts and star of everybody in `:book` on `:day`; unordered.

    `known`: as known at `:known_at`. `few`: of `:holders` alone, whose accounts are `:codes`. Only what the ladder asks
    for is read.
    """
    counted = _sum("minutes", ladder)
    year = _sum("year", ladder) if ladder.year_minutes else "0"
    asks_points = any(level.points for level in ladder.levels)
    asks_standing = bool(ladder.standing_months)
    hours = _hours(ladder, known=known, few=few)
    parts = {}
    if asks_points:
        parts["p"] = _points(known=known, few=few)
    if asks_standing:
        parts["k"] = _marks(known=known, few=few)
    parts["w"] = _awards(ladder, known=known, few=few)
    joined = " ".join(f"LEFT JOIN ({part}) {name} ON {name}.holder = v.holder" for name, part in parts.items())
    only = _OF_FEW.format("v") if few else ""
    # A number of hours is less work than a zone's name; China's clocks have not been changed since 1991.
    return f"""
        WITH h AS MATERIALIZED ({hours}),
        f AS (
            SELECT v.holder, v.volunteer_no, v.organisation,
                   (v.registered_at AT TIME ZONE interval '8 hours')::date AS registered_on,
                   coalesce(credit.minutes, 0) AS credit_minutes, coalesce(honour.minutes, 0) AS honour_minutes,
                   {counted} AS minutes, {year}::bigint AS year_minutes,
                   {"coalesce(p.points, 0)" if asks_points else "0"}::bigint AS points,
                   {"k.marked_on" if asks_standing else "NULL::date"} AS marked_on,
                   coalesce(w.held, 0)::int AS held, coalesce(w.kept, 0)::int AS kept
            FROM volunteers v
            LEFT JOIN h credit ON credit.holder = v.holder AND credit.kind = 'credit_hours'
            LEFT JOIN h honour ON honour.holder = v.holder AND honour.kind = 'honour_hours'
            {joined}
            WHERE v.book_id = :book{only}{" AND v.registered_at <= :known_at" if known else ""})
        SELECT f.*, ({_star(ladder)})::int AS star FROM f"""


def _sum(name: str, ladder: Ladder) -> str:
    return " + ".join(f"coalesce({each}.{name}, 0)" for each in ladder.classes)


_ACCOUNTS: Final = ("9200", "9210")
_KINDS: Final = "('credit_hours', 'honour_hours')"
_OF_FEW: Final = " AND {}.holder = ANY(:holders)"


def _hours(ladder: Ladder, *, known: bool, few: bool) -> str:
    """holder, kind, and the minutes of each account that has entries, also of the year where the ladder asks for it.

    What an account has is what it had on the day and what came later: of a day near today few totals are added up.
    """
    sums, since = ["(sum(t.credits - t.debits))::bigint AS later"], ":day"
    told = ["a.credits - a.debits - coalesce(m.later, 0) {} AS minutes"]
    if ladder.year_minutes:
        sums = [
            "(sum(t.credits - t.debits) FILTER (WHERE t.day > :day))::bigint AS later",
            "(sum(t.credits - t.debits) FILTER (WHERE t.day <= :day))::bigint AS year",
        ]
        told.append("coalesce(m.year, 0) {} AS year")
        since = ":year_ago"
    late = ["- coalesce(late.minutes, 0)", "- coalesce(late.year, 0)"] if known else ["", ""]
    totals = f"FROM day_totals t WHERE t.book_id = :book AND t.day > {since}"
    if few:
        joined = f"LATERAL (SELECT {', '.join(sums)} {totals} AND t.account_id = a.account_id) m ON true"
    else:
        joined = f"""(SELECT t.account_id, {", ".join(sums)} {totals} GROUP BY t.account_id) m
            ON m.account_id = a.account_id"""
    told = [each.format(less) for each, less in zip(told, late, strict=False)]
    return f"""SELECT a.holder, a.kind, {", ".join(told)}
        FROM accounts a LEFT JOIN {joined} {_late(ladder) if known else ""}
        WHERE a.book_id = :book AND a.number > 0{" AND a.code = ANY(:codes)" if few else ""} AND a.kind IN {_KINDS}"""


def _late(ladder: Ladder) -> str:
    """What the books learned of the account `a` after `:known_at`: numbers of entries rise with these times."""
    year = ""
    if ladder.year_minutes:
        year = ", (sum(e.credit - e.debit) FILTER (WHERE e.effective_on > :year_ago))::bigint AS year"
    return f"""LEFT JOIN LATERAL (
            SELECT sum(e.credit - e.debit)::bigint AS minutes{year} FROM entries e
            WHERE a.recorded_at > :known_at AND e.book_id = :book AND e.account_id = a.account_id
              AND e.number > {_LAST_KNOWN} AND e.effective_on <= :day) late ON true"""


_LAST_KNOWN: Final = """coalesce((SELECT k.number FROM entries k WHERE k.book_id = :book
                  AND k.account_id = a.account_id AND k.recorded_at <= :known_at ORDER BY k.number DESC LIMIT 1), 0)"""


def _points(*, known: bool, few: bool) -> str:
    """What each earned, less minus items, by service days: never what the wallet holds."""
    credited = (
        "r.release_transaction < :known_id AND coalesce(r.correction_transaction >= :known_id, true)"
        if known
        else "r.state = 'credited'"
    )
    return f"""SELECT r.holder, sum(r.points) AS points FROM records r
        WHERE r.book_id = :book{_OF_FEW.format("r") if few else ""} AND r.served_on <= :day AND {credited}
        GROUP BY r.holder"""


def _marks(*, known: bool, few: bool) -> str:
    stands = "k.lifted_at IS NULL"
    if known:
        stands = "k.marked_at <= :known_at AND (k.lifted_at IS NULL OR k.lifted_at > :known_at)"
    return f"""SELECT k.holder, max(k.marked_on) AS marked_on FROM marks k
        WHERE k.book_id = :book{_OF_FEW.format("k") if few else ""} AND k.marked_on <= :day AND {stands}
        GROUP BY k.holder"""


def _awards(ladder: Ladder, *, known: bool, few: bool) -> str:
    """The highest star awarded and not ended; and of those, the highest whose hours still stand."""
    stands = "w.ended_on IS NULL OR w.ended_on > :day"
    if known:
        stands = f"w.decided_at <= :known_at AND ({stands} OR w.ended_at > :known_at)"
    kept = "NULL::smallint" if ladder.may_fall else f"max(w.star) FILTER (WHERE ({_still(known=known)}) >= w.needed)"
    return f"""SELECT w.holder, max(w.star) AS held, {kept} AS kept FROM awards w
        WHERE w.book_id = :book{_OF_FEW.format("w") if few else ""} AND w.awarded_on <= :day AND ({stands})
        GROUP BY w.holder"""


def _still(*, known: bool) -> str:
    """What there is now of the hours that an award was given for."""
    late = f""" - coalesce((SELECT sum(e.credit - e.debit) FROM entries e
                WHERE a.recorded_at > :known_at AND e.book_id = :book AND e.account_id = a.account_id
                  AND e.number > {_LAST_KNOWN} AND e.effective_on <= w.as_of), 0)"""
    return f"""SELECT coalesce(sum(coalesce((SELECT sum(t.credits - t.debits) FROM day_totals t
                WHERE t.book_id = :book AND t.account_id = a.account_id AND t.day <= w.as_of), 0)
                {late if known else ""}), 0)
            FROM accounts a WHERE a.book_id = :book
             AND a.code IN ('9200.' || w.holder, CASE WHEN w.honour THEN '9210.' || w.holder END)"""


def _star(ladder: Ladder) -> str:
    """The star as an expression over the facts; what a level asks for rises from one to the next."""
    levels = ladder.levels
    limits = [f"width_bucket(f.minutes, ARRAY[{_listed(level.minutes for level in levels)}]::bigint[])"]
    if any(level.points for level in levels):
        # Who has lost more points than she has earned has still enough for a star that asks for none.
        limits.append(
            f"width_bucket(greatest(f.points, 0), ARRAY[{_listed(level.points for level in levels)}]::bigint[])"
        )
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
