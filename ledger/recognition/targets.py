"""Targets 目标: so many hours a year, service in so many weeks, on so many theme days; of people or of whole groups.

What counts is service whose hours stand in the books, those entered afterwards (honour hours) as well as those signed
in and out on the spot: a target asks whether somebody serves, not what it earns. What was refused or corrected does not
count. It counts on its service day in Asia/Shanghai (of the sign-out); weeks are those of ISO 8601, from Monday on, and
the days around New Year belong to the week's year.

A group is an organisation with those below it. What its people serve counts for it, wherever they serve: who belongs to
it, and on the days of a membership also its members. Minutes are added up; one of them is enough for a week or a day.

What a target asks for is never changed for a year that has begun: it is ended, and another one begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy import any_, bindparam, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.chart import CODE
from ledger.database import events
from ledger.days import day_of
from ledger.earning import organisations
from ledger.earning.tables import organisations as organisations_table
from ledger.earning.tables import records, volunteers
from ledger.errors import InvalidField, TargetExists, UnknownTarget
from ledger.recognition.tables import targets
from ledger.text import one_line

Kind = Literal["year_hours", "weekly", "theme_days"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Whom = Literal["person", "group"]
WHOM: Final[tuple[Whom, ...]] = get_args(Whom)

NAME_LENGTH: Final = 100
CATEGORY_LENGTH: Final = 100
MOST_MINUTES: Final = 10**9
MOST_WEEKS: Final = 53
MOST_DAYS: Final = 60
YEARS: Final = (1990, 9998)
"""First and last: days that reckoning can go on from."""
_DAY: Final = re.compile(r"(\d\d)-(\d\d)", re.ASCII)
_COMMON_YEAR: Final = 2001


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a target asks for, in each year from `first_year` to `last_year` (None: on and on).

    `amount`: minutes of `year_hours`; weeks of `weekly` (53: in every week, also of a year that has 52); of
    `theme_days` how many of the days, which are months with days: `03-05`. `organisation`: of its people, or of it and
    the groups below it; None: of the whole book. `category`: of the service; None: any.
    """

    target: str
    name: str
    kind: Kind
    whom: Whom
    amount: int
    first_year: int
    last_year: int | None = None
    organisation: str | None = None
    category: str | None = None
    theme_days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A target as it was set. `line`: of its organisation, from itself to the top; empty: the whole book's."""

    wanted: Wanted
    set_by: str
    set_at: datetime
    line: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return self.wanted.target

    def holds_in(self, year: int) -> bool:
        """Whether that is a year of this target."""
        return self.wanted.first_year <= year and (self.wanted.last_year is None or year <= self.wanted.last_year)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a person (`holder`, `volunteer_no`) or a group (`organisation`, `name`) is: minutes, weeks or days."""

    holder: str | None
    volunteer_no: str | None
    organisation: str | None
    name: str | None
    amount: int
    needed: int

    @property
    def reached(self) -> bool:
        return self.amount >= self.needed


@dataclass(frozen=True, slots=True)
class Own:
    """A target that is somebody's own, and how far she is."""

    target: Target
    amount: int
    needed: int

    @property
    def reached(self) -> bool:
        return self.amount >= self.needed


# --- set and ended ---------------------------------------------------------------------------------------------------


async def set_(tx: AsyncConnection, book: int, wanted: Wanted, *, by: str, now: datetime) -> tuple[Target, bool]:
    """Sets a target; answers it, and whether that is new: the same again changes nothing.

    One whose first year has not come is replaced; another one's code is TargetExists. It may be for last year, whose
    honours are given after its end, and for no earlier one. InvalidField, UnknownOrganisation.
    """
    _check(wanted)
    this_year = day_of(now).year
    if wanted.first_year < this_year - 1:
        raise InvalidField("first_year", "in_the_past")
    if wanted.organisation is not None:
        await organisations.find(tx, book, wanted.organisation)
    values = _stored(wanted) | {"set_by": by, "set_at": now}
    added = await tx.execute(
        insert(targets)
        .values(book_id=book, target=wanted.target, **values)
        .on_conflict_do_nothing(index_elements=[targets.c.book_id, targets.c.target])
        .returning(targets.c.target)
    )
    if added.one_or_none() is not None:
        await _tell(tx, book, wanted, by, now)
        return await find(tx, book, wanted.target), True
    there = await _locked(tx, book, wanted.target)
    if there.wanted == wanted:
        return there, False
    if min(there.wanted.first_year, wanted.first_year) <= this_year:
        raise TargetExists(wanted.target)
    await tx.execute(update(targets).where(_is(book, wanted.target)).values(**values))
    await _tell(tx, book, wanted, by, now)
    return await find(tx, book, wanted.target), True


async def _tell(tx: AsyncConnection, book: int, wanted: Wanted, by: str, now: datetime) -> None:
    """Honours are given for it: the book's history keeps what it asked for."""
    facts = {
        "target": wanted.target,
        "kind": wanted.kind,
        "whom": wanted.whom,
        "amount": str(wanted.amount),
        "first_year": str(wanted.first_year),
        "last_year": None if wanted.last_year is None else str(wanted.last_year),
        "organisation": wanted.organisation,
        "theme_days": " ".join(wanted.theme_days) or None,
    }
    texts = {"name": wanted.name} | ({} if wanted.category is None else {"category": wanted.category})
    await events.add(tx, book, "target_set", facts, actor=by, texts=texts, at=now)


async def end(tx: AsyncConnection, book: int, target: str, last_year: int, *, by: str, now: datetime) -> Target:
    """Lets a target end with a year: this one or a later one. InvalidField, UnknownTarget."""
    there = await _locked(tx, book, target)
    this_year = day_of(now).year
    if not max(this_year, there.wanted.first_year) <= last_year <= YEARS[1] or (
        there.wanted.last_year is not None and there.wanted.last_year < this_year
    ):
        raise InvalidField("last_year", "in_the_past" if last_year < this_year else "out_of_range")
    await tx.execute(update(targets).where(_is(book, target)).values(last_year=last_year))
    facts = {"target": target, "last_year": str(last_year)}
    await events.add(tx, book, "target_ended", facts, actor=by, at=now)
    return await find(tx, book, target)


def _check(wanted: Wanted) -> None:
    """What cannot be stored, whatever is there."""
    if not CODE.fullmatch(wanted.target):
        raise InvalidField("target", "not_a_code")
    if not one_line(wanted.name, least=1, most=NAME_LENGTH) or wanted.name != wanted.name.strip():
        raise InvalidField("name", "not_a_name")
    if wanted.kind not in KINDS:
        raise InvalidField("kind", "not_a_kind")
    if wanted.whom not in WHOM:
        raise InvalidField("whom", "not_person_or_group")
    if wanted.category is not None and not one_line(wanted.category, least=1, most=CATEGORY_LENGTH):
        raise InvalidField("category", "not_a_category")
    if not YEARS[0] <= wanted.first_year <= YEARS[1]:
        raise InvalidField("first_year", "out_of_range")
    if wanted.last_year is not None and not wanted.first_year <= wanted.last_year <= YEARS[1]:
        raise InvalidField("last_year", "out_of_range")
    if (wanted.kind == "theme_days") != bool(wanted.theme_days) or len(wanted.theme_days) > MOST_DAYS:
        raise InvalidField("theme_days", "out_of_range")
    if any(not _every_year(each) for each in wanted.theme_days):
        raise InvalidField("theme_days", "not_a_month_and_day")
    if len(set(wanted.theme_days)) < len(wanted.theme_days):
        raise InvalidField("theme_days", "given_twice")
    most = {"year_hours": MOST_MINUTES, "weekly": MOST_WEEKS, "theme_days": len(wanted.theme_days)}[wanted.kind]
    if not 1 <= wanted.amount <= most:
        raise InvalidField("amount", "out_of_range")


def _every_year(month_day: str) -> bool:
    """Whether it is a day of every year: 29 February is none."""
    found = _DAY.fullmatch(month_day)
    try:
        return found is not None and bool(date(_COMMON_YEAR, int(found[1]), int(found[2])))
    except ValueError:
        return False


def _stored(wanted: Wanted) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "kind": wanted.kind,
        "whom": wanted.whom,
        "amount": wanted.amount,
        "first_year": wanted.first_year,
        "last_year": wanted.last_year,
        "organisation": wanted.organisation,
        "category": wanted.category,
        "theme_days": list(wanted.theme_days),
    }


# --- reading ---------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, target: str) -> Target:
    """One target; UnknownTarget."""
    if not CODE.fullmatch(target):
        raise UnknownTarget(target)
    row = (await tx.execute(_targets(book).where(targets.c.target == target))).one_or_none()
    if row is None:
        raise UnknownTarget(target)
    return _target(row)


async def targets_of(
    tx: AsyncConnection, book: int, *, year: int | None = None, after: str = "", limit: int = 200
) -> list[Target]:
    """The targets of a book by code, after a code (or none); of one year, or all. InvalidField."""
    if after and not CODE.fullmatch(after):
        raise InvalidField("after", "not_a_code")
    asked = _targets(book).where(targets.c.target > after).order_by(targets.c.target).limit(limit)
    return [_target(row) for row in await tx.execute(asked if year is None else asked.where(*_in_year(year)))]


def needed(wanted: Wanted, year: int) -> int:
    """How many minutes, weeks or days that is in a year: 53 weeks are all that it has."""
    return min(wanted.amount, date(year, 12, 28).isocalendar().week) if wanted.kind == "weekly" else wanted.amount


def days_of(wanted: Wanted, year: int) -> tuple[date, date]:
    """The first and the last day that count for a year."""
    if wanted.kind == "weekly":
        return date.fromisocalendar(year, 1, 1), date.fromisocalendar(year + 1, 1, 1) - timedelta(days=1)
    return date(year, 1, 1), date(year, 12, 31)


async def of_holder(tx: AsyncConnection, book: int, holder: str, year: int) -> list[Own]:
    """The targets of people that are hers in a year, by code, and how far she is. It reads a year of her own records.

    Hers: of the whole book, or of an organisation that she belongs to or that is above it.
    """
    hers = (
        select(organisations_table.c.line)
        .join(
            volunteers,
            (volunteers.c.book_id == book)
            & (volunteers.c.holder == holder)
            & (volunteers.c.organisation == organisations_table.c.code),
        )
        .where(organisations_table.c.book_id == book)
    )
    line = (await tx.execute(hers)).scalar_one_or_none() or []
    asked = (
        _targets(book)
        .where(
            *_in_year(year),
            targets.c.whom == "person",
            or_(targets.c.organisation.is_(None), targets.c.organisation == any_(literal(line, ARRAY(TEXT)))),
        )
        .order_by(targets.c.target)
    )
    found = [_target(row) for row in await tx.execute(asked)]
    if not found:
        return []
    spans = [days_of(each.wanted, year) for each in found]
    served = (
        await tx.execute(
            select(records.c.served_on, records.c.minutes, records.c.category).where(
                records.c.book_id == book,
                records.c.holder == holder,
                records.c.served_on.between(min(first for first, _ in spans), max(last for _, last in spans)),
                *_STANDS,
            )
        )
    ).all()
    services = [(row.served_on, row.minutes, row.category) for row in served]
    return [Own(each, amount_of(each.wanted, year, services), needed(each.wanted, year)) for each in found]


def amount_of(wanted: Wanted, year: int, services: Iterable[tuple[date, int, str]]) -> int:
    """How much of the target these services are (day, minutes, category): what the statement counts, for one person."""
    first, last = days_of(wanted, year)
    counted = [
        (day, minutes)
        for day, minutes, category in services
        if first <= day <= last and wanted.category in (None, category)
    ]
    if wanted.kind == "year_hours":
        return sum(minutes for _, minutes in counted)
    if wanted.kind == "weekly":
        return len({day.isocalendar()[:2] for day, _ in counted})
    return len({day for day, _ in counted if f"{day:%m-%d}" in wanted.theme_days})


@dataclass(frozen=True, slots=True)
class Report:
    """Of how many people or groups that served for a target how many reached it, and some of them."""

    served: int
    reached: int
    items: list[Progress]


async def progress(
    tx: AsyncConnection,
    book: int,
    target: Target,
    year: int,
    *,
    reached: bool = False,
    after: str | None = None,
    limit: int | None = None,
) -> Report:
    """Who served for a target in a year, first who did most, then by number or code; `reached`: those who reached it.

    `after`: the volunteer number or the organisation's code of somebody in this list. Who has been erased is not in it.
    InvalidField.
    """
    if after is not None and not CODE.fullmatch(after):  # as all numbers and codes are
        raise InvalidField("after", "not_a_code")
    wanted = target.wanted
    asked = parameters(book, wanted, year)
    conditions = ["true"]
    if reached:
        conditions.append("amount >= :needed")
    if after is not None:
        conditions.append("(-amount, key) > (coalesce((SELECT -amount FROM p WHERE key = :after), 0), :after)")
        asked["after"] = after
    most = "" if limit is None else f"LIMIT {int(limit)}"
    listed = f"""
        WITH {statement(wanted)},
        c AS (SELECT count(*) AS served, count(*) FILTER (WHERE amount >= :needed) AS reached FROM p),
        few AS (SELECT * FROM p WHERE {" AND ".join(conditions)} ORDER BY amount DESC, key {most})
        SELECT c.served, c.reached, l.whose, l.key, l.name, l.amount FROM c LEFT JOIN few l ON true
        ORDER BY l.amount DESC, l.key"""
    rows = (await tx.execute(text(listed), asked)).all()
    items = [
        Progress(row.whose, row.key, None, None, row.amount, asked["needed"])
        if wanted.whom == "person"
        else Progress(None, None, row.key, row.name, row.amount, asked["needed"])
        for row in rows
        if row.whose is not None
    ]
    return Report(rows[0].served, rows[0].reached, items)


async def amounts(tx: AsyncConnection, book: int, wanted: Wanted, year: int, whose: Sequence[str]) -> dict[str, int]:
    """How far these are (holders, or codes of organisations); who has not served for it is not in it."""
    asked = parameters(book, wanted, year) | {"only": sorted(whose)}
    found = text(f"WITH {statement(wanted)} SELECT whose, amount FROM p WHERE whose = ANY (:only)").bindparams(
        bindparam("only", type_=ARRAY(TEXT))
    )
    return {row.whose: row.amount for row in await tx.execute(found, asked)}


# --- the statement ---------------------------------------------------------------------------------------------------

_STANDS: Final = (
    records.c.record_class.in_(("credit", "honour")),
    records.c.minutes > 0,
    records.c.hours_transaction.is_not(None),
    records.c.state.not_in(("refused", "corrected")),
)
_SERVED: Final = """FROM records r
    WHERE r.book_id = :book AND r.served_on BETWEEN :first_day AND :last_day AND r.class IN ('credit', 'honour')
      AND r.minutes > 0 AND r.hours_transaction IS NOT NULL AND r.state NOT IN ('refused', 'corrected')"""
_PERIODS: Final[dict[Kind, str]] = {
    "weekly": "date_trunc('week', {day}::timestamp)",
    "theme_days": "{day}",
}
"""What is counted once, however often somebody served in it."""
_PEOPLE: Final = """SELECT v.holder AS whose, v.volunteer_no AS key, NULL::text AS name, s.amount
    FROM s JOIN volunteers v ON v.book_id = :book AND v.holder = s.holder"""
_WITHIN: Final = """
    JOIN organisations o ON o.book_id = :book AND o.code = v.organisation AND :organisation = ANY (o.line)"""
# What those who belong to an organisation served is added up for it day by day, and then for all above it. What other
# members served is added where it is not yet counted.
_GROUPS: Final = """
    home AS (
        SELECT v.organisation, s.day, sum(s.minutes) AS minutes
        FROM s JOIN volunteers v ON v.book_id = :book AND v.holder = s.holder
        WHERE v.organisation IS NOT NULL GROUP BY v.organisation, s.day),
    besides AS (
        SELECT DISTINCT g.code, s.holder, s.day, s.minutes
        FROM members m
        JOIN s ON s.holder = m.holder AND s.day >= m.joined_on AND (m.left_on IS NULL OR s.day < m.left_on)
        JOIN volunteers v ON v.book_id = :book AND v.holder = m.holder
        LEFT JOIN organisations h ON h.book_id = :book AND h.code = v.organisation
        JOIN organisations o ON o.book_id = :book AND o.code = m.organisation
        CROSS JOIN LATERAL unnest(o.line) AS g (code)
        WHERE m.book_id = :book AND (h.code IS NULL OR g.code <> ALL (h.line))),
    d AS (
        SELECT g.code, home.day, home.minutes
        FROM home JOIN organisations o ON o.book_id = :book AND o.code = home.organisation
        CROSS JOIN LATERAL unnest(o.line) AS g (code)
        UNION ALL SELECT code, day, minutes FROM besides),
    p AS (
        SELECT o.code AS whose, o.code AS key, o.name, {amount} AS amount
        FROM d JOIN organisations o ON o.book_id = :book AND o.code = d.code{within} GROUP BY o.code, o.name)"""


def parameters(book: int, wanted: Wanted, year: int) -> dict[str, Any]:
    """What the statement asks for."""
    first_day, last_day = days_of(wanted, year)
    asked: dict[str, Any] = {
        "book": book,
        "first_day": first_day,
        "last_day": last_day,
        "needed": needed(wanted, year),
    }
    if wanted.kind == "theme_days":
        asked["theme_days"] = [date.fromisoformat(f"{year:04}-{each}") for each in wanted.theme_days]
    if wanted.category is not None:
        asked["category"] = wanted.category
    if wanted.organisation is not None:
        asked["organisation"] = wanted.organisation
    return asked


def statement(wanted: Wanted) -> str:
    """Common tables of which the last, `p`, has whose, key, name and amount of all who served for a target in a year.

    For one of theme days that are those who served on any of them.
    """
    served = _SERVED
    if wanted.category is not None:
        served += " AND r.category = :category"
    if wanted.kind == "theme_days":
        served += " AND r.served_on = ANY (:theme_days)"
    period = _PERIODS.get(wanted.kind)
    if wanted.whom == "group":
        amount = "sum(d.minutes)::bigint" if period is None else f"count(DISTINCT {period.format(day='d.day')})"
        within = "" if wanted.organisation is None else " AND :organisation = ANY (o.line)"
        by_day = (
            f"SELECT r.holder, r.served_on AS day, sum(r.minutes) AS minutes {served} GROUP BY r.holder, r.served_on"
        )
        return f"s AS ({by_day}),{_GROUPS.format(amount=amount, within=within)}"
    if period is None:
        each = f"SELECT r.holder, sum(r.minutes)::bigint AS amount {served} GROUP BY r.holder"
    else:
        once = f"SELECT DISTINCT r.holder, {period.format(day='r.served_on')} {served}"
        each = f"SELECT w.holder, count(*) AS amount FROM ({once}) w GROUP BY w.holder"
    return f"s AS ({each}), p AS ({_PEOPLE}{'' if wanted.organisation is None else _WITHIN})"


# --- rows ------------------------------------------------------------------------------------------------------------


def _is(book: int, target: str) -> Any:
    return (targets.c.book_id == book) & (targets.c.target == target)


def _in_year(year: int) -> tuple[Any, Any]:
    return targets.c.first_year <= year, or_(targets.c.last_year.is_(None), targets.c.last_year >= year)


def _targets(book: int) -> Any:
    return (
        select(
            targets.c.target,
            targets.c.name,
            targets.c.kind,
            targets.c.whom,
            targets.c.amount,
            targets.c.first_year,
            targets.c.last_year,
            targets.c.organisation,
            targets.c.category,
            targets.c.theme_days,
            targets.c.set_by,
            targets.c.set_at,
            organisations_table.c.line,
        )
        .outerjoin(
            organisations_table,
            (organisations_table.c.book_id == book) & (organisations_table.c.code == targets.c.organisation),
        )
        .where(targets.c.book_id == book)
    )


def _target(row: Any) -> Target:
    *what, set_by, set_at, line = row
    what[-1] = tuple(what[-1])
    return Target(Wanted(*what), set_by, set_at, tuple(line or ()))


async def _locked(tx: AsyncConnection, book: int, target: str) -> Target:
    """The target, after its row has been locked; UnknownTarget."""
    if not CODE.fullmatch(target):
        raise UnknownTarget(target)
    await tx.execute(select(targets.c.target).where(_is(book, target)).with_for_update(key_share=True))
    return await find(tx, book, target)
