"""The rules of a programme: what an hour or an act earns, within which caps, and how long points last.

A rule set is data of the programme, in versions (`rule_sets`); nothing of it is a constant of the code. Pure: what a
record earns follows from the rule set, the work, and what the person has earned already (`Tally`). A record keeps what
it was computed from (`Award.inputs`), so that anybody can compute it again (`again`) and say it in words.

Points are whole numbers. In between, an hour's points are counted in sixtieths of a point (of a minute's service), and
with a coefficient in sixty-thousandths: no floats anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple

from ledger.errors import UnknownItem

Category = Literal["service", "act", "training", "honour", "deduction"]
How = Literal["per_hour", "fixed"]
Period = Literal["day", "month", "year", "activity"]
RecordClass = Literal["credit", "honour", "act"]
Rounding = Literal["record", "day", "month"]
Policy = Literal["never", "days", "month_end", "year_end", "nth_year_end"]

EVERYTHING: Final = "*"
"""Instead of an item's code: all that a person earns."""

_MINUTE: Final = 60
_PARTS: Final = 1000
"""A coefficient's denominator divides it: three decimals."""


@dataclass(frozen=True, slots=True)
class Cap:
    """No more than so many points a day, month, year or activity, by service day."""

    points: int
    period: Period


@dataclass(frozen=True, slots=True)
class Item:
    """One of the plus and minus items. `points`: an hour or an act; below zero for deductions, and only for them.

    The cap of a deduction says how much it takes at most.
    """

    code: str
    name: str
    category: Category
    how: How
    points: int
    caps: tuple[Cap, ...] = ()
    name_en: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Up to so many hours of the year (None: all that follow) a point takes so many hours."""

    up_to_hours: int | None
    hours_per_point: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """A rate that falls with the hours of the year; it takes the place of what an hour of service earns otherwise.

    What a record earns is f(after) - f(before) in the order of crediting, where f is rounded down: however hours are
    divided into records, the year's sum is the same. (Weihai's published ladder is one of this kind.)
    """

    steps: tuple[Step, ...]
    period: Literal["year"] = "year"

    def points(self, minutes: int) -> int:
        """What so many minutes of one year earn in all."""
        sum_, below = Fraction(0), 0
        for step in self.steps:
            upper = minutes if step.up_to_hours is None else min(minutes, step.up_to_hours * _MINUTE)
            if upper > below:
                sum_ += Fraction(upper - below, step.hours_per_point * _MINUTE)
                below = upper
        return sum_.numerator // sum_.denominator


@dataclass(frozen=True, slots=True)
class Coefficient:
    """Points (never hours) of services of these categories (empty: of all) count `numerator / denominator` times.

    `qualification`: only of those who hold it on the service day (先培训再上岗). Where several apply, the highest
    counts.
    """

    name: str
    numerator: int
    denominator: int
    categories: frozenset[str] = frozenset()
    qualification: str | None = None

    @property
    def parts(self) -> int:
        """In thousandths."""
        return self.numerator * _PARTS // self.denominator


@dataclass(frozen=True, slots=True)
class Expiry:
    """How long points can be spent, counted from the day on which they became spendable (`lapses_on`)."""

    policy: Policy = "never"
    n: int = 0


@dataclass(frozen=True, slots=True)
class Ages:
    """In years: nobody below `youngest` serves; below `accompanied_below` with company; below `consent_below` with a
    guardian's consent."""

    youngest: int = 6
    accompanied_below: int = 10
    consent_below: int = 18


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What a programme's rules are. The values here are those of a rule set that says nothing else.

    Day tiers (minutes): up to the first a day's service counts, up to the second after a review by the parent
    organisation, beyond by the district's. Days are working days but for `appeal_days` and `grace_days`; shares are
    percentages.
    """

    items: tuple[Item, ...] = ()
    categories: Mapping[str, str] = field(default_factory=dict)
    """Which item a service of this category is."""
    default_item: str | None = None
    """Which one those of other categories are; None: they earn nothing."""
    ladder: Ladder | None = None
    coefficients: tuple[Coefficient, ...] = ()
    rounding: Rounding = "record"
    """Parts of points are dropped at each record, or at the end of a day or month of the item."""
    caps: tuple[Cap, ...] = ()
    """Of all that a person earns."""
    earns: frozenset[str] = frozenset({"credit"})
    """Classes of hours that earn points. (Acts do.)"""
    tiers: tuple[int, int] = (480, 720)
    notice_days: int = 3
    appeal_days: int = 15
    """How long a volunteer can object to a minus item before it is taken."""
    review_days: int = 5
    decide_days: int = 10
    expiry: Expiry = Expiry()
    grace_days: int = 30
    """For how many days what is given back after it lapsed can be spent."""
    leader_share: int = 20
    """Of an activity's people, how many a leader may sign in."""
    sample_share: int = 10
    """Of those whom a leader signed in, for how many the people served are asked."""
    ages: Ages = Ages()
    sign_in_minutes: int = 30
    """How long before an activity begins one can sign in."""
    pairs: int = 3
    """Of sign-in and sign-out, per person, activity and day."""
    version: int = 0
    """As it is stored; 0: it is not."""

    def item(self, code: str) -> Item:
        """The item with this code; UnknownItem."""
        for each in self.items:
            if each.code == code:
                return each
        raise UnknownItem(code)

    def item_for(self, category: str) -> Item | None:
        """What a service of this category is; None: it earns nothing by an item."""
        code = self.categories.get(category, self.default_item)
        return None if code is None else self.item(code)


DEFAULT: Final = RuleSet()
"""Days, shares and ages where a programme has no rule set yet; nothing earns."""


class Work(NamedTuple):
    """What a record says was done. `item`: of an act; services have one by their category.

    `qualifications`: what the person holds on that day.
    """

    record_class: RecordClass
    category: str
    item: str | None
    day: date
    minutes: int
    activity: str | None = None
    qualifications: frozenset[str] = frozenset()


class Award(NamedTuple):
    """What it earns: `points`, of which `bonus` by a coefficient; and what anybody needs to compute it again."""

    item: str | None
    points: int
    bonus: int
    inputs: dict[str, Any]


class Cut(NamedTuple):
    """A cap that left less than was earned. `code`: the item's, or EVERYTHING; `used`: before this record."""

    code: str
    cap: Cap
    used: int


class Reckoning(NamedTuple):
    """How an award came about, for explanations. `earned`: before any cap; `ladder`: points of the year before and
    after, from so many minutes before."""

    how: Literal["per_hour", "fixed", "ladder", "nothing"]
    record_class: RecordClass
    item: Item | None
    minutes: int
    earned: int
    points: int
    bonus: int
    coefficient: Coefficient | None = None
    minutes_before: int = 0
    ladder: tuple[int, int] = (0, 0)
    cut: Cut | None = None


class Tally:
    """What stands already of one person: points by item and period, the year's hours, parts of points.

    Only what stands is in it: a corrected record's hours and points are left out, and nobody's others are recomputed.
    """

    __slots__ = ("_hours", "_parts", "_points")

    def __init__(self) -> None:
        self._points: dict[tuple[str, str], int] = {}
        self._hours: dict[int, int] = {}
        self._parts: dict[tuple[str, str], tuple[int, int]] = {}

    def points(self, code: str, period: str) -> int:
        """Of an item, or of EVERYTHING (where minus items do not count), in a period as `period_of` names it."""
        return self._points.get((code, period), 0)

    def minutes(self, year: int) -> int:
        """Of service that has earned by the hour."""
        return self._hours.get(year, 0)

    def parts(self, code: str, period: str) -> tuple[int, int]:
        """Sixtieths of points without coefficients, sixty-thousandths with them."""
        return self._parts.get((code, period), (0, 0))

    def add(self, work: Work, award: Award) -> None:
        """Counts a record that was awarded."""
        minutes = work.minutes if by_the_hour(award.inputs) else 0
        base, full = award.inputs.get("parts", (0, 0))
        self.count(award.item, work.day, work.activity, award.points, minutes, base, full)

    def count(
        self, item: str | None, day: date, activity: str | None, points: int, minutes: int, base: int, full: int
    ) -> None:
        """Counts points, minutes that earned by the hour, and parts of points of one item on one day."""
        for period in periods_of(day, activity):
            if points and item is not None:
                self._points[item, period] = self._points.get((item, period), 0) + points
            if points > 0:
                self._points[EVERYTHING, period] = self._points.get((EVERYTHING, period), 0) + points
            if full and item is not None:
                before = self._parts.get((item, period), (0, 0))
                self._parts[item, period] = (before[0] + base, before[1] + full)
        if minutes:
            self._hours[day.year] = self._hours.get(day.year, 0) + minutes


def periods_of(day: date, activity: str | None) -> list[str]:
    """The names of the periods that a record falls into: its day, month, year, and activity."""
    name = day.isoformat()
    return [name, name[:7], name[:4]] if activity is None else [name, name[:7], name[:4], f"@{activity}"]


def period_of(period: Period, day: date, activity: str | None) -> str | None:
    """The name of the one period; None: of an activity, where there is none."""
    if period == "activity":
        return None if activity is None else f"@{activity}"
    return day.isoformat()[: {"day": 10, "month": 7, "year": 4}[period]]


def by_the_hour(inputs: Mapping[str, Any]) -> bool:
    """Whether what was so awarded counts among the hours of the year that a ladder looks at: services, not acts."""
    return inputs["class"] != "act" and inputs["how"] in ("per_hour", "ladder")


def award(rules: RuleSet, work: Work, before: Tally) -> Award:
    """What this work earns after what stands already. UnknownItem: an act of none of the rules' items.

    An act is its item. A service is the item of its category, earns by the ladder if there is one, and nothing if its
    class of hours does not earn.
    """
    item = rules.item_for(work.category) if work.item is None else rules.item(work.item)
    inputs: dict[str, Any] = {"class": work.record_class, "how": _how(rules, work, item), "minutes": work.minutes}
    if item is not None:
        inputs["item"] = item.code
    if inputs["how"] in ("per_hour", "ladder") and (coefficient := _coefficient(rules, work)) is not None:
        inputs["coefficient"] = coefficient.name
    if inputs["how"] == "ladder":
        inputs["minutes_before"] = before.minutes(work.day.year)
    elif inputs["how"] == "per_hour" and rules.rounding != "record":
        assert item is not None
        period = period_of(rules.rounding, work.day, work.activity)
        assert period is not None
        inputs["parts"] = list(_parts(rules, item, inputs))
        inputs["parts_before"] = list(before.parts(item.code, period))
    used = {}
    for code, cap in _caps(rules, item) if inputs["how"] != "nothing" else ():
        if (named := period_of(cap.period, work.day, work.activity)) is not None:
            used[f"{code}/{cap.period}"] = before.points(code, named)
    if used:
        inputs["used"] = used
    points, bonus = again(rules, inputs)
    return Award(None if item is None else item.code, points, bonus, inputs)


def again(rules: RuleSet, inputs: Mapping[str, Any]) -> tuple[int, int]:
    """Points and bonus, computed from what a record keeps."""
    found = reckon(rules, inputs)
    return found.points, found.bonus


def reckon(rules: RuleSet, inputs: Mapping[str, Any]) -> Reckoning:
    """How it comes to these points: the same computation with all that lies between."""
    item = rules.item(inputs["item"]) if "item" in inputs else None
    minutes = inputs["minutes"]
    found = Reckoning(inputs["how"], inputs["class"], item, minutes, 0, 0, 0)
    if found.how == "nothing":
        return found
    if "coefficient" in inputs:
        found = found._replace(coefficient=_named(rules, inputs["coefficient"]))
    base, full = _earned(rules, found, inputs)
    if found.how == "ladder":
        assert rules.ladder is not None
        before = inputs["minutes_before"]
        ladder = (rules.ladder.points(before), rules.ladder.points(before + minutes))
        found = found._replace(minutes_before=before, ladder=ladder)
    left, cut = full, None
    for code, cap in _caps(rules, item):
        used = inputs.get("used", {}).get(f"{code}/{cap.period}")
        if used is None:
            continue
        room = max(cap.points - max(used if full > 0 else -used, 0), 0)
        if room < abs(left):
            left, cut = room if full > 0 else -room, Cut(code, cap, used)
    # Of what a cap leaves, the hours come first: it is the bonus that is cut.
    bonus = max(left - min(base, left), 0) if left > 0 else 0
    return found._replace(earned=full, points=left, bonus=bonus, cut=cut)


def lapses_on(rules: RuleSet, day: date) -> date | None:
    """The first day on which points that become spendable on `day` can no longer be spent; None: they always can.

    `days`: they can for n days, of which `day` is the first. `nth_year_end`: to the end of the n-th year, of which the
    year of `day` is the first.
    """
    match rules.expiry.policy:
        case "never":
            return None
        case "days":
            return day + timedelta(days=rules.expiry.n)
        case "month_end":
            return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        case "year_end":
            return date(day.year + 1, 1, 1)
        case "nth_year_end":
            return date(day.year + rules.expiry.n, 1, 1)


def _how(rules: RuleSet, work: Work, item: Item | None) -> str:
    if work.record_class == "act":
        return "nothing" if item is None else item.how
    if work.record_class not in rules.earns:
        return "nothing"
    if rules.ladder is not None and (item is None or item.how == "per_hour"):
        return "ladder"
    return "nothing" if item is None else item.how


def _coefficient(rules: RuleSet, work: Work) -> Coefficient | None:
    """The highest that applies; of equals the first."""
    applying = [
        each
        for each in rules.coefficients
        if (not each.categories or work.category in each.categories)
        and (each.qualification is None or each.qualification in work.qualifications)
    ]
    return max(applying, key=lambda each: each.parts, default=None)


def _named(rules: RuleSet, name: str) -> Coefficient:
    [found] = [each for each in rules.coefficients if each.name == name]
    return found


def _caps(rules: RuleSet, item: Item | None) -> list[tuple[str, Cap]]:
    """The item's own, then those of everything; of a minus item only its own."""
    own = [] if item is None else [(item.code, cap) for cap in item.caps]
    return own if item is not None and item.points < 0 else own + [(EVERYTHING, cap) for cap in rules.caps]


def _parts(rules: RuleSet, item: Item, inputs: Mapping[str, Any]) -> tuple[int, int]:
    """What its minutes earn by the hour, exactly: sixtieths without, sixty-thousandths with the coefficient."""
    base = int(inputs["minutes"]) * item.points
    factor = _named(rules, inputs["coefficient"]).parts if "coefficient" in inputs else _PARTS
    return base, base * factor


def _earned(rules: RuleSet, found: Reckoning, inputs: Mapping[str, Any]) -> tuple[int, int]:
    """Whole points before any cap: without, and with the coefficient."""
    if found.how == "fixed":
        assert found.item is not None
        return found.item.points, found.item.points
    if found.how == "ladder":
        assert rules.ladder is not None
        before = inputs["minutes_before"]
        base = rules.ladder.points(before + found.minutes) - rules.ladder.points(before)
        return base, base * (_PARTS if found.coefficient is None else found.coefficient.parts) // _PARTS
    assert found.item is not None
    base, full = _parts(rules, found.item, inputs)
    base_before, full_before = inputs.get("parts_before", (0, 0))
    return (
        (base_before + base) // _MINUTE - base_before // _MINUTE,
        (full_before + full) // (_MINUTE * _PARTS) - full_before // (_MINUTE * _PARTS),
    )
