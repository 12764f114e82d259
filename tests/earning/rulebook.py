"""Rules in short for tests: the 36 items, Weihai's ladder, a work in a line."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

from ledger.earning.rules import Cap, Item, Ladder, RuleSet, Step, Tally, Work, award

DATA = Path(__file__).parent.parent / "data" / "rules"

MARCH_5 = date(2026, 3, 5)

WEIHAI = Ladder((Step(20, 1), Step(80, 2), Step(200, 3), Step(None, 4)))


def rows(name: str) -> list[dict[str, str]]:
    """The lines of one of the files of `tests/data/rules`."""
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _cap(text: str) -> tuple[Cap, ...]:
    points, _, period = text.partition("/")
    return (Cap(int(points), period),) if text else ()  # type: ignore[arg-type] # as the file has it


ITEMS: tuple[Item, ...] = tuple(
    Item(row["code"], row["name"], row["category"], row["how"], int(row["points"]), _cap(row["cap"]))  # type: ignore[arg-type] # as the file has them
    for row in rows("rules-36.csv")
)

CATEGORIES = {row["category"]: row["rule"] for row in rows("service-category-to-rule.csv")}


def rule_set(**changed: Any) -> RuleSet:
    """The 36 items with the categories of the hours sheet, and whatever else is said."""
    return RuleSet(**{"items": ITEMS, "categories": CATEGORIES, "default_item": "P01"} | changed)


def service(minutes: int, day: date = MARCH_5, category: str = "社区", **more: Any) -> Work:
    """Hours of the credit class."""
    return Work(**{"record_class": "credit", "category": category, "item": None, "day": day, "minutes": minutes} | more)


def act(item: str, day: date = MARCH_5, minutes: int = 0, **more: Any) -> Work:
    return Work(**{"record_class": "act", "category": "", "item": item, "day": day, "minutes": minutes} | more)


def earned(rules: RuleSet, *works: Work, tally: Tally | None = None) -> list[int]:
    """What each of these earns, one after the other."""
    tally = tally or Tally()
    points = []
    for work in works:
        given = award(rules, work, tally)
        tally.add(work, given)
        points.append(given.points)
    return points
