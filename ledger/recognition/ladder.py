"""A star ladder: what somebody must have done for one, two, three … stars, and what is still missing. Pure.

Hours are time actually served (《志愿服务记录办法》 2012), and of a person's points only those that she earned count,
never her balance: who redeems something keeps her stars. A ladder is data of a district, in versions with a first day.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, get_args

HoursClass = Literal["credit", "honour"]
CLASSES: Final[tuple[HoursClass, ...]] = get_args(HoursClass)


@dataclass(frozen=True, slots=True)
class Level:
    """What one star more asks for. Each number is at least that of the star below it."""

    minutes: int
    """Of the classes of hours that the ladder counts."""
    points: int = 0
    """Earned, minus items taken off."""
    months: int = 0
    """Since the registration."""
    in_order: bool = False
    """Only who has been awarded the star below it."""
    certifier: str | None = None
    """The level of the organisation that awards it (`district`, as in `organisations`); None: whoever may."""
    title: str = ""
    """What it is called, where it is not one star, two stars …: 金星."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """A ladder. `version` 0: the one of a book that has not approved any."""

    levels: tuple[Level, ...]
    version: int = 0
    name: str = ""
    classes: tuple[HoursClass, ...] = ("credit",)
    """Whose minutes count."""
    year_minutes: int = 0
    """Who served less in the year up to the day has no star on it."""
    standing_months: int = 0
    """For so long after something is on record against her she has no star."""
    may_fall: bool = True
    """False: who has been awarded a star keeps it, as long as the hours that she had then have not proved false."""
    publicity_days: int = 5
    """Working days for which candidates are shown before the award."""
    objection_days: int = 10
    """Working days within which an objection shall be decided."""
    proof_days: int = 10
    """Working days within which a proof of service that somebody asks for shall be issued or refused."""
    proof_notice_days: int = 7
    """Days for which the organisation shows among its own what it has issued (民发〔2015〕149号)."""


NATIONAL: Final = Ladder(
    name="全国星级志愿者",
    levels=tuple(Level(hours * 60) for hours in (100, 300, 600, 1000, 1500)),
)
"""100, 300, 600, 1,000 and 1,500 hours (《志愿服务记录办法》, 民函〔2012〕340号)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the books say of somebody on a day. `minutes`, `year_minutes`: of the classes that the ladder counts."""

    minutes: int
    year_minutes: int = 0
    points: int = 0
    registered_on: date | None = None
    """None: not known, and then not long enough."""
    held: int = 0
    """The highest star that has been awarded to her and not ended."""
    kept: int = 0
    """The highest of these whose hours still stand."""
    marked_on: date | None = None
    """When the last thing was put on record against her."""


Need = Literal["minutes", "points", "registered", "in_order", "year_minutes", "standing"]


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that is not there yet: so many minutes or points, or the day from which it will be there."""

    need: Need
    amount: int = 0
    since: date | None = None


def star(ladder: Ladder, facts: Facts, day: date) -> int:
    """The star of that day; 0: none yet."""
    reached = 0
    if not _general(ladder, facts, day):
        while reached < len(ladder.levels) and not _of_level(ladder, reached + 1, facts, day):
            reached += 1
    return reached if ladder.may_fall else max(reached, min(facts.kept, len(ladder.levels)))


def missing(ladder: Ladder, facts: Facts, day: date) -> list[Missing]:
    """What is missing to the next star; empty where she has the highest."""
    next_star = star(ladder, facts, day) + 1
    if next_star > len(ladder.levels):
        return []
    return _general(ladder, facts, day) + _of_level(ladder, next_star, facts, day)


def _general(ladder: Ladder, facts: Facts, day: date) -> list[Missing]:
    """What keeps her from every star."""
    found: list[Missing] = []
    if facts.year_minutes < ladder.year_minutes:
        found.append(Missing("year_minutes", ladder.year_minutes - facts.year_minutes))
    if ladder.standing_months and facts.marked_on is not None:
        good_again = months_after(facts.marked_on, ladder.standing_months)
        if day < good_again:
            found.append(Missing("standing", since=good_again))
    return found


def _of_level(ladder: Ladder, number: int, facts: Facts, day: date) -> list[Missing]:
    level = ladder.levels[number - 1]
    found: list[Missing] = []
    if facts.minutes < level.minutes:
        found.append(Missing("minutes", level.minutes - facts.minutes))
    if level.points and facts.points < level.points:
        found.append(Missing("points", level.points - facts.points))
    if level.months:
        long_enough = None if facts.registered_on is None else months_after(facts.registered_on, level.months)
        if long_enough is None or day < long_enough:
            found.append(Missing("registered", since=long_enough))
    if level.in_order and facts.held < number - 1:
        found.append(Missing("in_order", number - 1))
    return found


def months_after(day: date, months: int) -> date:
    """The same day so many months later; the last of the month where that has no such day, as PostgreSQL reckons."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
