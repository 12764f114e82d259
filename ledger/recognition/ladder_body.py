"""How a star ladder is written as JSON: read strictly (unknown keys and impossible values are refused by their path),
and stored in full, so that a version says the same for ever, whatever later versions of the service take for granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Final

from ledger.earning.organisations import LEVEL
from ledger.errors import InvalidField
from ledger.recognition.ladder import CLASSES, NATIONAL, HoursClass, Ladder, Level
from ledger.text import one_line

MOST_LEVELS: Final = 10
NAME_LENGTH: Final = 100
TITLE_LENGTH: Final = 20

LEVEL_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "minutes": (1, 6_000_000),  # a hundred thousand hours: more than anybody serves
    "points": (0, 10**9),
    "months": (0, 1200),
}
"""The numbers of a level, each with its least and its most."""
BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "year_minutes": (0, 8784 * 60),  # the hours of a leap year
    "standing_months": (0, 1200),
    "publicity_days": (0, 366),
    "objection_days": (1, 366),
    "proof_days": (1, 100),
    "proof_notice_days": (0, 366),
}
"""The numbers of a ladder, each with its least and its most."""


def read(body: object) -> Ladder:
    """The ladder that a body says; what it leaves out, except its levels, is as in `Ladder`. InvalidField."""
    given = _object(body, "", {each.name for each in fields(Ladder)} - {"version"}, ("levels",))
    values: dict[str, Any] = {name: _whole(given[name], name, *BOUNDS[name]) for name in BOUNDS if name in given}
    if "name" in given:
        values["name"] = _text(given["name"], "name", NAME_LENGTH)
    if "classes" in given:
        values["classes"] = _classes(given["classes"], "classes")
    if "may_fall" in given:
        values["may_fall"] = _flag(given["may_fall"], "may_fall")
    return Ladder(levels=_levels(given["levels"], "levels"), **values)


def stored(ladder: Ladder) -> dict[str, Any]:
    """The body of a ladder with everything in it; `read` of it is the ladder (without its version)."""
    body = asdict(ladder)
    del body["version"]
    return body | {"levels": list(body["levels"]), "classes": list(body["classes"])}


def _levels(value: object, path: str) -> tuple[Level, ...]:
    if not isinstance(value, list):
        raise InvalidField(path, "not_a_list")
    if not 1 <= len(value) <= MOST_LEVELS:
        raise InvalidField(path, f"not_1_to_{MOST_LEVELS}")
    levels: list[Level] = []
    for number, each in enumerate(value):
        level = _level(each, f"{path}[{number}]")
        if levels:
            _rises(levels[-1], level, f"{path}[{number}]")
        elif level.in_order:
            raise InvalidField(f"{path}[{number}].in_order", "nothing_below")
        levels.append(level)
    return tuple(levels)


def _rises(below: Level, level: Level, path: str) -> None:
    """A star asks for more minutes than the one below it, and for no less of anything else."""
    if level.minutes <= below.minutes:
        raise InvalidField(f"{path}.minutes", "not_rising")
    for name in ("points", "months"):
        if getattr(level, name) < getattr(below, name):
            raise InvalidField(f"{path}.{name}", "falling")


def _level(value: object, path: str) -> Level:
    given = _object(value, path, {each.name for each in fields(Level)}, ("minutes",))
    values: dict[str, Any] = {
        name: _whole(given[name], f"{path}.{name}", *LEVEL_BOUNDS[name]) for name in LEVEL_BOUNDS if name in given
    }
    if "in_order" in given:
        values["in_order"] = _flag(given["in_order"], f"{path}.in_order")
    if (certifier := given.get("certifier")) is not None:
        if not isinstance(certifier, str) or not LEVEL.fullmatch(certifier):
            raise InvalidField(f"{path}.certifier", "not_a_level")
        values["certifier"] = certifier
    if "title" in given:
        values["title"] = _text(given["title"], f"{path}.title", TITLE_LENGTH)
    return Level(**values)


def _classes(value: object, path: str) -> tuple[HoursClass, ...]:
    """In the order of `CLASSES`, whatever that of the body."""
    if not isinstance(value, list):
        raise InvalidField(path, "not_a_list")
    for number, each in enumerate(value):
        if each not in CLASSES:
            raise InvalidField(f"{path}[{number}]", "not_one_of_the_words")
        if each in value[:number]:
            raise InvalidField(f"{path}[{number}]", "twice")
    if not value:
        raise InvalidField(path, "empty")
    return tuple(each for each in CLASSES if each in value)


def _object(value: object, path: str, known: set[str], needed: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidField(path or "ladder", "not_an_object")
    for name in value:
        if name not in known:
            raise InvalidField(_at(path, str(name)), "unknown")
    for name in needed:
        if name not in value:
            raise InvalidField(_at(path, name), "missing")
    return value


def _at(path: str, name: str) -> str:
    shown = name if one_line(name, least=1, most=NAME_LENGTH) else "?"
    return f"{path}.{shown}" if path else shown


def _whole(value: object, path: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidField(path, "not_a_whole_number")
    if not least <= value <= most:
        raise InvalidField(path, f"not_{least}_to_{most}")
    return value


def _flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidField(path, "not_true_or_false")
    return value


def _text(value: object, path: str, most: int) -> str:
    if not isinstance(value, str) or not one_line(value, least=0, most=most):
        raise InvalidField(path, "not_a_short_text")
    return value


assert read(stored(NATIONAL)) == NATIONAL
