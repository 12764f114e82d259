"""Rules from the tables of a spreadsheet: items, categories, ladder. A file that is not of the form is refused by line.

* items: `code,name,category,how,points,cap` and perhaps `name_en`; a cap is `80/day`, several are divided by `;`
* categories: `category,rule`; the category `*` stands for all others
* ladder: `up_to_hours,hours_per_point`; the last line's first column is empty
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from ledger.earning import rule_body
from ledger.earning.rules import Item, RuleSet
from ledger.errors import InvalidField

_WHOLE: Final = re.compile(r"[+-]?\d{1,9}", re.ASCII)

OTHERS: Final = "*"
"""In the table of categories: those that it does not name."""


def rule_set(
    base: RuleSet,
    *,
    items: bytes | None = None,
    categories: bytes | None = None,
    ladder: bytes | None = None,
    said: Mapping[str, Any] = MappingProxyType({}),
) -> RuleSet:
    """A rule set of these tables and of what else is `said` as in a body, and in all else the `base`. InvalidField."""
    body = rule_body.stored(base)
    if items is not None:
        body["items"] = _items(items)
    if categories is not None:
        body["categories"], body["default_item"] = _categories(categories)
    if ladder is not None:
        body["ladder"] = _ladder(ladder)
    return rule_body.read(body | dict(said))


def _items(table: bytes) -> list[dict[str, Any]]:
    """The items of a body as `rule_body.read` takes it. InvalidField."""
    found = []
    for line, row in rows(table, "items", ("code", "name", "category", "how", "points"), ("cap", "name_en")):
        each: dict[str, Any] = {
            "code": row["code"],
            "name": row["name"],
            "category": row["category"],
            "how": row["how"],
            "points": whole(row["points"], f"items line {line} points"),
        }
        if row.get("name_en"):
            each["name_en"] = row["name_en"]
        if row.get("cap"):
            each["caps"] = [_cap(text.strip(), f"items line {line} cap") for text in row["cap"].split(";")]
        found.append(each)
    return found


def _categories(table: bytes) -> tuple[dict[str, str], str | None]:
    """Which item each category is, and which one all others are. InvalidField."""
    found: dict[str, str] = {}
    for line, row in rows(table, "categories", ("category", "rule"), ()):
        if row["category"] in found:
            raise InvalidField(f"categories line {line}", "twice")
        found[row["category"]] = row["rule"]
    others = found.pop(OTHERS, None)
    return found, others


def _ladder(table: bytes) -> dict[str, Any]:
    """The ladder of a body. InvalidField."""
    steps = []
    for line, row in rows(table, "ladder", ("up_to_hours", "hours_per_point"), ()):
        up_to = row["up_to_hours"]
        steps.append(
            {
                "up_to_hours": whole(up_to, f"ladder line {line} up_to_hours") if up_to else None,
                "hours_per_point": whole(row["hours_per_point"], f"ladder line {line} hours_per_point"),
            }
        )
    return {"period": "year", "steps": steps}


def tables(the: RuleSet) -> tuple[str, str, str]:
    """Items, categories and ladder (empty where there is none) as these tables: `rule_set` of them is the same."""
    items = [
        (item.code, item.name, item.category, item.how, item.points, _caps_of(item), item.name_en) for item in the.items
    ]
    kinds = [*the.categories.items(), *([(OTHERS, the.default_item)] if the.default_item is not None else [])]
    steps = [(step.up_to_hours, step.hours_per_point) for step in the.ladder.steps] if the.ladder is not None else []
    return (
        written("code,name,category,how,points,cap,name_en", items),
        written("category,rule", kinds),
        written("up_to_hours,hours_per_point", steps) if steps else "",
    )


def _caps_of(item: Item) -> str:
    return ";".join(f"{cap.points}/{cap.period}" for cap in item.caps)


def written(header: str, lines: Iterable[Iterable[object]]) -> str:
    """A table with this header."""
    out = io.StringIO(newline="")
    out.write(f"{header}\n")
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue()


def expiry(text: str) -> dict[str, Any]:
    """`never`, `month_end`, `year_end`, `days:365`, `nth_year_end:3`, as on the command line. InvalidField."""
    policy, _, n = text.partition(":")
    return {"policy": policy, "n": whole(n, "expiry.n")} if n else {"policy": policy}


def rows(
    table: bytes, called: str, needed: tuple[str, ...], known: tuple[str, ...]
) -> list[tuple[int, dict[str, str]]]:
    """The lines with their numbers (the header's is 1) and columns; empty lines are left out."""
    try:
        text = table.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = table.decode("gb18030")
        except UnicodeDecodeError:
            raise InvalidField(called, "not_text") from None
    if "\x00" in text:
        raise InvalidField(called, "not_text")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found = []
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if len(set(names)) != len(names) or not set(needed) <= set(names) <= {*needed, *known}:
            raise InvalidField(f"{called} line 1", "wrong_columns")
        reader.fieldnames = names
        for row in reader:
            if None in row or None in row.values():
                raise InvalidField(f"{called} line {reader.line_num}", "not_as_many_columns")
            if any(value.strip() for value in row.values()):
                found.append((reader.line_num, {name: value.strip() for name, value in row.items()}))
    except csv.Error:
        raise InvalidField(f"{called} line {reader.reader.line_num}", "not_csv") from None
    return found


def _cap(text: str, where: str) -> dict[str, Any]:
    points, slash, period = text.partition("/")
    if not slash:
        raise InvalidField(where, "not_a_cap")
    return {"points": whole(points.strip(), where), "period": period.strip()}


def whole(text: str, where: str) -> int:
    """A whole number; InvalidField."""
    if not _WHOLE.fullmatch(text):
        raise InvalidField(where, "not_a_whole_number")
    return int(text)
