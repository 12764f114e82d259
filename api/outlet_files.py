"""Outlets out of a list: a line's fault costs that line only, and the same list again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from api import sheets
from api.hours_files import Refused, Report, Told
from ledger.errors import Refusal
from ledger.spending import outlets
from ledger.spending.outlets import Details

KINDS: Final[Mapping[str, str]] = {
    "美德超市": "virtue_supermarket",
    "爱心驿站": "care_station",
    "爱心商家": "caring_merchant",
    "公共交通": "transport",
    "景区": "scenic_spot",
}
"""What a list may say instead of the word for a kind."""

_LONGEST_SHOWN: Final = 64


async def import_outlets(database: AsyncEngine, book: int, file: BinaryIO, name: str, *, told: Told) -> Report:
    """Adds the outlets of a list, with their accounts. UnreadableSheet."""
    report = Report()
    rows: list[tuple[int, str, tuple[str, Details] | Refusal]] = []
    for number, fields, first in sheets.lines(file, name, sheets.OUTLETS):
        if isinstance(fields, tuple):
            code, called, kind, organisation = fields
            rows.append((number, first[:_LONGEST_SHOWN], (code, Details(called, KINDS.get(kind, kind), organisation))))
        else:
            rows.append((number, first[:_LONGEST_SHOWN], fields))
    async with database.begin() as tx:
        outcomes = iter(await outlets.add_many(tx, book, [new for _, _, new in rows if isinstance(new, tuple)]))
    for number, code, new in rows:
        outcome = new if isinstance(new, Refusal) else next(outcomes)
        if isinstance(outcome, Refusal):
            report.refused += 1
            told(Refused(number, code, outcome))
        else:
            report.accepted += outcome[1]
            report.there += not outcome[1]
    return report
