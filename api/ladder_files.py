"""The levels of a star ladder as a table of a spreadsheet, one star a line; refused by line and column.

`hours,points,months,in_order,certifier,title`, of which only the first is needed; `in_order` is `yes` or empty.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from api import rule_files
from ledger.errors import InvalidField
from ledger.recognition.ladder import Ladder

_HOURS: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,2})?", re.ASCII)
_COLUMNS: Final = ("points", "months", "in_order", "certifier", "title")
_YES: Final = {"": False, "no": False, "否": False, "yes": True, "是": True}


def levels(table: bytes) -> list[dict[str, Any]]:
    """The levels of a body as `ladder_body.read` takes it. InvalidField."""
    found = []
    for line, row in rule_files.rows(table, "levels", ("hours",), _COLUMNS):
        where = f"levels line {line}"
        each: dict[str, Any] = {"minutes": minutes(row["hours"], where)}
        for name in ("points", "months"):
            if row.get(name):
                each[name] = rule_files.whole(row[name], where)
        if (in_order := row.get("in_order", "").lower()) not in _YES:
            raise InvalidField(where, "not_one_of_the_words")
        each["in_order"] = _YES[in_order]
        found.append(each | {name: row[name] for name in ("certifier", "title") if row.get(name)})
    return found


def minutes(typed: str, where: str) -> int:
    """Hours as minutes; InvalidField."""
    if not _HOURS.fullmatch(typed) or (Decimal(typed) * 60) % 1:
        raise InvalidField(where, "not_hours")
    return int(Decimal(typed) * 60)


def hours(minutes: int) -> str:
    """Minutes as such hours: 1.5; those that no decimal of two places says are not told exactly."""
    return f"{minutes / 60:.2f}".rstrip("0").rstrip(".") if minutes else "0"


def table(the: Ladder) -> str:
    """The levels as this table."""
    return rule_files.written(
        "hours,points,months,in_order,certifier,title",
        [
            (
                hours(level.minutes),
                level.points or "",
                level.months or "",
                "yes" if level.in_order else "",
                level.certifier or "",
                level.title,
            )
            for level in the.levels
        ],
    )
