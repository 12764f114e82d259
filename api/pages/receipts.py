"""Receipts: the number that is printed on one, how it is found again, and a redemption in words."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from api.pages import texts
from api.problems import Language
from ledger.spending import redemption
from ledger.spending.redemption import Redemption

MOST: Final = 20_000
"""So many redemptions of one outlet and day are looked through: more than its day limit lets happen."""

_NUMBER: Final = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{8})")


def number(of: Redemption) -> str:
    """261122-04211873: its day and eight digits of its own, for people who type it on a telephone's keys."""
    return f"{of.day:%y%m%d}-{int(of.redemption_id.hex[-6:], 16):08d}"


async def find(tx: AsyncConnection, book: int, outlet: str, typed: str) -> Redemption | None:
    """The redemption of this outlet whose receipt has the number that was typed, with or without its line."""
    read = _NUMBER.fullmatch(re.sub(r"[\s-]", "", typed))
    if read is None:
        return None
    year, month, day, _ = map(int, read.groups())
    try:
        of_day = date(2000 + year, month, day)
    except ValueError:
        return None
    found = await redemption.of_outlet(tx, book, outlet, of_day, limit=MOST)
    return next((each for each in found if number(each).replace("-", "") == read[0]), None)


def status(of: Redemption, now: datetime) -> str:
    """What has become of it: what nobody confirmed in time has lapsed, also where it has not been tidied up yet."""
    late = of.status == "waiting" and of.confirm_until is not None and of.confirm_until <= now
    return "lapsed" if late else of.status


def goods(language: Language, of: Redemption) -> str:
    """Soap × 2, towel × 1."""
    lines = (texts.t(language, "till_line", name=line.name, quantity=line.quantity) for line in of.lines)
    return ("，", ", ")[language == "en"].join(lines)
