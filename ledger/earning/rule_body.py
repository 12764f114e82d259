"""How a rule set is written as JSON: read strictly (unknown keys and impossible values are refused by their path), and
stored in full, so that a version says the same for ever, whatever later versions of the service take for granted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, TypeVar, get_args

from ledger.earning.rules import (
    DEFAULT,
    Ages,
    Cap,
    Category,
    Coefficient,
    Expiry,
    How,
    Item,
    Ladder,
    Period,
    Policy,
    Rounding,
    RuleSet,
    Step,
)
from ledger.errors import InvalidField
from ledger.text import one_line

CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}")
MOST_ITEMS: Final = 500
MOST_POINTS: Final = 1_000_000
MOST_HOURS: Final = 8784
"""Of a leap year."""
MOST_DAYS: Final = 366
MOST_YEARS: Final = 100
TEXT_LENGTH: Final = 100

_DENOMINATORS: Final = frozenset(n for n in range(1, 1001) if 1000 % n == 0)
"""Three decimals."""

_T = TypeVar("_T")


def read(body: Mapping[str, Any]) -> RuleSet:
    """The rule set that a body says; what it leaves out is as in `rules.DEFAULT`. InvalidField with the path."""
    return _rule_set(body, "")


def stored(rules: RuleSet) -> dict[str, Any]:
    """The body of a rule set with everything in it; `read` of it is the rule set (without its version)."""
    return {
        "items": [
            {
                "code": item.code,
                "name": item.name,
                "name_en": item.name_en,
                "category": item.category,
                "how": item.how,
                "points": item.points,
                "caps": _stored_caps(item.caps),
            }
            for item in rules.items
        ],
        "categories": dict(rules.categories),
        "default_item": rules.default_item,
        "ladder": None
        if rules.ladder is None
        else {
            "period": rules.ladder.period,
            "steps": [
                {"up_to_hours": step.up_to_hours, "hours_per_point": step.hours_per_point}
                for step in rules.ladder.steps
            ],
        },
        "coefficients": [
            {
                "name": each.name,
                "numerator": each.numerator,
                "denominator": each.denominator,
                "categories": sorted(each.categories),
                "qualification": each.qualification,
            }
            for each in rules.coefficients
        ],
        "rounding": rules.rounding,
        "caps": _stored_caps(rules.caps),
        "earns": sorted(rules.earns),
        "tiers": list(rules.tiers),
        "expiry": {"policy": rules.expiry.policy, "n": rules.expiry.n},
        "ages": {each.name: getattr(rules.ages, each.name) for each in fields(rules.ages)},
        **{name: getattr(rules, name) for name in _NUMBERS},
    }


def _stored_caps(caps: Sequence[Cap]) -> list[dict[str, Any]]:
    return [{"points": cap.points, "period": cap.period} for cap in caps]


# --- reading ---------------------------------------------------------------------------------------------------------

_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "notice_days": (0, MOST_DAYS),
    "appeal_days": (0, MOST_DAYS),
    "review_days": (1, MOST_DAYS),
    "decide_days": (1, MOST_DAYS),
    "grace_days": (0, MOST_DAYS),
    "leader_share": (0, 100),
    "sample_share": (0, 100),
    "sign_in_minutes": (0, 1440),
    "pairs": (1, 100),
}
"""Numbers of a rule set, each with its least and most."""


def _rule_set(body: object, path: str) -> RuleSet:
    given = _object(body, path, {each.name for each in fields(RuleSet)} - {"version"})
    values: dict[str, Any] = {
        name: _whole(given[name], name, least, most) for name, (least, most) in _NUMBERS.items() if name in given
    }
    for name, reader in _READERS.items():
        if name in given:
            values[name] = reader(given[name], name)
    rules = RuleSet(**values)
    _fits(rules)
    return rules


def _fits(rules: RuleSet) -> None:
    """What parts of a rule set say about one another."""
    items = {item.code: item for item in rules.items}
    named = [(f"categories[{category}]", code) for category, code in rules.categories.items()]
    if rules.default_item is not None:
        named.append(("default_item", rules.default_item))
    for path, code in named:
        if code not in items:
            raise InvalidField(path, "not_an_item")
        if items[code].category == "deduction":
            raise InvalidField(path, "a_deduction")


def _item(value: object, path: str) -> Item:
    given = _object(
        value,
        path,
        {"code", "name", "name_en", "category", "how", "points", "caps"},
        {"code", "name", "category", "how", "points"},
    )
    code = _text(given["code"], f"{path}.code")
    if not CODE.fullmatch(code):
        raise InvalidField(f"{path}.code", "not_a_code")
    category: Category = _one_of(given["category"], f"{path}.category", get_args(Category))
    how: How = _one_of(given["how"], f"{path}.how", get_args(How))
    if category == "deduction":
        if how != "fixed":
            raise InvalidField(f"{path}.how", "deductions_are_fixed")
        points = _whole(given["points"], f"{path}.points", -MOST_POINTS, -1)
    else:
        points = _whole(given["points"], f"{path}.points", 1, MOST_POINTS)
    return Item(
        code,
        _text(given["name"], f"{path}.name"),
        category,
        how,
        points,
        _caps(given.get("caps", []), f"{path}.caps"),
        _text(given.get("name_en", ""), f"{path}.name_en", least=0),
    )


def _items(value: object, path: str) -> tuple[Item, ...]:
    items = _each(value, path, MOST_ITEMS, _item)
    _once([item.code for item in items], path, "code")
    return items


def _caps(value: object, path: str) -> tuple[Cap, ...]:
    caps = _each(value, path, len(get_args(Period)), _cap)
    _once([cap.period for cap in caps], path, "period")
    return caps


def _cap(value: object, path: str) -> Cap:
    given = _object(value, path, {"points", "period"}, {"points", "period"})
    points = _whole(given["points"], f"{path}.points", 1, MOST_POINTS)
    return Cap(points, _one_of(given["period"], f"{path}.period", get_args(Period)))


def _categories(value: object, path: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidField(path, "not_an_object")
    if len(value) > MOST_ITEMS:
        raise InvalidField(path, "too_many")
    return {_text(name, path): _text(code, f"{path}[{name}]") for name, code in value.items()}


def _ladder(value: object, path: str) -> Ladder | None:
    if value is None:
        return None
    given = _object(value, path, {"period", "steps"}, {"steps"})
    _one_of(given.get("period", "year"), f"{path}.period", ("year",))
    steps = _each(given["steps"], f"{path}.steps", 100, _step)
    below = 0
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if (step.up_to_hours is None) != last:
            raise InvalidField(f"{path}.steps[{number}].up_to_hours", "only_the_last_has_none")
        if step.up_to_hours is not None and step.up_to_hours <= below:
            raise InvalidField(f"{path}.steps[{number}].up_to_hours", "not_rising")
        below = step.up_to_hours or below
    if not steps:
        raise InvalidField(f"{path}.steps", "empty")
    return Ladder(steps)


def _step(value: object, path: str) -> Step:
    given = _object(value, path, {"up_to_hours", "hours_per_point"}, {"up_to_hours", "hours_per_point"})
    up_to = given["up_to_hours"]
    return Step(
        None if up_to is None else _whole(up_to, f"{path}.up_to_hours", 1, MOST_HOURS),
        _whole(given["hours_per_point"], f"{path}.hours_per_point", 1, MOST_HOURS),
    )


def _coefficient(value: object, path: str) -> Coefficient:
    known = {"name", "numerator", "denominator", "categories", "qualification"}
    given = _object(value, path, known, {"name", "numerator", "denominator"})
    denominator = _whole(given["denominator"], f"{path}.denominator", 1, 1000)
    if denominator not in _DENOMINATORS:
        raise InvalidField(f"{path}.denominator", "more_than_three_decimals")
    numerator = _whole(given["numerator"], f"{path}.numerator", 1, 100 * denominator)
    if numerator < denominator:  # the bonus is what it adds
        raise InvalidField(f"{path}.numerator", "below_one")
    qualification = given.get("qualification")
    return Coefficient(
        _text(given["name"], f"{path}.name"),
        numerator,
        denominator,
        frozenset(_each(given.get("categories", []), f"{path}.categories", MOST_ITEMS, _text)),
        None if qualification is None else _text(qualification, f"{path}.qualification"),
    )


def _coefficients(value: object, path: str) -> tuple[Coefficient, ...]:
    found = _each(value, path, 100, _coefficient)
    _once([each.name for each in found], path, "name")
    return found


def _earns(value: object, path: str) -> frozenset[str]:
    return frozenset(_each(value, path, 2, lambda each, where: _one_of(each, where, ("credit", "honour"))))


def _tiers(value: object, path: str) -> tuple[int, int]:
    tiers = _each(value, path, 2, lambda each, where: _whole(each, where, 1, 1440))
    if len(tiers) != 2:
        raise InvalidField(path, "not_two")
    if tiers[0] > tiers[1]:
        raise InvalidField(f"{path}[1]", "not_rising")
    return tiers[0], tiers[1]


def _expiry(value: object, path: str) -> Expiry:
    given = _object(value, path, {"policy", "n"}, {"policy"})
    policy: Policy = _one_of(given["policy"], f"{path}.policy", get_args(Policy))
    if policy == "days":
        return Expiry(policy, _whole(given.get("n"), f"{path}.n", 1, MOST_YEARS * 366))
    if policy == "nth_year_end":
        return Expiry(policy, _whole(given.get("n"), f"{path}.n", 1, MOST_YEARS))
    _whole(given.get("n", 0), f"{path}.n", 0, 0)
    return Expiry(policy)


def _ages(value: object, path: str) -> Ages:
    names = [each.name for each in fields(Ages)]
    given = _object(value, path, set(names))
    return Ages(**{name: _whole(given[name], f"{path}.{name}", 0, 150) for name in names if name in given})


def _default_item(value: object, path: str) -> str | None:
    return None if value is None else _text(value, path)


def _rounding(value: object, path: str) -> Rounding:
    rounding: Rounding = _one_of(value, path, get_args(Rounding))
    return rounding


_READERS: Final[Mapping[str, Callable[[object, str], Any]]] = {
    "items": _items,
    "categories": _categories,
    "default_item": _default_item,
    "ladder": _ladder,
    "coefficients": _coefficients,
    "rounding": _rounding,
    "caps": _caps,
    "earns": _earns,
    "tiers": _tiers,
    "expiry": _expiry,
    "ages": _ages,
}


def _object(value: object, path: str, known: set[str], needed: set[str] = frozenset()) -> Mapping[str, Any]:  # type: ignore[assignment] # an empty one
    if not isinstance(value, Mapping):
        raise InvalidField(path or "body", "not_an_object")
    for name in value:
        if name not in known:
            raise InvalidField(_at(path, str(name)), "unknown")
    for name in sorted(needed):
        if name not in value:
            raise InvalidField(_at(path, name), "missing")
    return value


def _at(path: str, name: str) -> str:
    shown = name if one_line(name, least=1, most=TEXT_LENGTH) else "?"
    return f"{path}.{shown}" if path else shown


def _each(value: object, path: str, most: int, read_one: Callable[[object, str], _T]) -> tuple[_T, ...]:
    if not isinstance(value, list):
        raise InvalidField(path, "not_a_list")
    if len(value) > most:
        raise InvalidField(path, "too_many")
    return tuple(read_one(each, f"{path}[{number}]") for number, each in enumerate(value))


def _once(values: Sequence[str], path: str, name: str) -> None:
    for number, value in enumerate(values):
        if value in values[:number]:
            raise InvalidField(f"{path}[{number}].{name}", "twice")


def _whole(value: object, path: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidField(path, "not_a_whole_number")
    if not least <= value <= most:
        raise InvalidField(path, f"not_{least}_to_{most}")
    return value


def _text(value: object, path: str, least: int = 1) -> str:
    if not isinstance(value, str) or not one_line(value, least=least, most=TEXT_LENGTH):
        raise InvalidField(path, "not_a_short_text")
    return value


def _one_of(value: object, path: str, words: Sequence[str]) -> Any:
    if value not in words:
        raise InvalidField(path, "not_one_of_the_words")
    return value


assert read({}) == DEFAULT
