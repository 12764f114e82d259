"""The catalogue out of a list: items with prices and quotas, at the outlets that are named, with what was donated.

A line's fault costs that line only, and the same list again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import BinaryIO, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import calls, sheets
from api.catalogue import NewReceipt, move_view
from api.hours_files import Refused, Report, Told
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import GoodsExist, IdempotencyConflict, InvalidField, Refusal
from ledger.spending import catalogue, claims, outlets, stock
from ledger.spending.catalogue import PER, Eligible, Item, Kind, Quota
from ledger.spending.stock import MOST_PIECES

CLIENT: Final = "room:cli"
"""Whose keys the receipts of lists have."""

KINDS: Final[Mapping[str, Kind]] = {
    "goods": "goods",
    "service": "service",
    "perk": "perk",
    "商品": "goods",
    "服务": "service",
    "专享礼": "perk",
}
"""What a list may say for a kind."""

_QUOTA: Final = re.compile(r"([0-9]{1,9})/([a-z]+)", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_LONGEST_SHOWN: Final = 64


async def import_catalogue(
    database: AsyncEngine, book: int, file: BinaryIO, name: str, codes: Sequence[str], *, told: Told
) -> dict[str, Report]:
    """Adds the items of a list to the catalogue, and offers them at these outlets, or at all that are open.

    Of goods the donated pieces are received at each of these outlets, once; the other items are the merchants' own.
    UnreadableSheet, UnknownOutlet.
    """
    async with database.connect() as tx:
        today = day_of(await connect.now(tx))
        at = [(await outlets.find(tx, book, code)).code for code in codes] or await _open(tx, book)
    done = {"items": Report(), "offers": Report()}
    for number, fields, first in sheets.lines(file, name, sheets.CATALOGUE):
        try:
            if isinstance(fields, InvalidField):
                raise fields
            new, pieces = _item(fields, today)
            if await _added(database, book, new, today):
                done["items"].accepted += 1
            else:
                done["items"].there += 1
        except Refusal as refusal:
            done["items"].refused += 1
            told(Refused(number, first[:_LONGEST_SHOWN], refusal))
            continue
        for outlet in at:
            try:
                if await _offered(database, book, outlet, new, pieces):
                    done["offers"].accepted += 1
                else:
                    done["offers"].there += 1
            except Refusal as refusal:
                done["offers"].refused += 1
                told(Refused(number, f"{new.item} {outlet}", refusal))
    return done


async def _open(tx: AsyncConnection, book: int) -> list[str]:
    """All outlets that are open."""
    found: list[str] = []
    while page := await outlets.outlets_of(tx, book, status="open", after=found[-1] if found else ""):
        found += [each.code for each in page]
    return found


def _item(fields: Sequence[str], today: date) -> tuple[Item, int]:
    """The item of a line, and how many pieces of it were donated to each outlet; InvalidField."""
    code, called, kind, points, pieces, quota, star, most_star = fields
    if kind not in KINDS:
        raise InvalidField("kind", "not_a_kind")
    if not _WHOLE.fullmatch(points):
        raise InvalidField("points", "not_a_whole_number")
    if pieces and not (_WHOLE.fullmatch(pieces) and int(pieces) <= MOST_PIECES):
        raise InvalidField("stock", "out_of_range")
    if pieces and KINDS[kind] == "service":
        raise InvalidField("stock", "no_stock_of_services")
    quotas: tuple[Quota, ...] = ()
    if quota:
        found = _QUOTA.fullmatch(quota)
        if found is None or found[2] not in PER:
            raise InvalidField("quota_per_person", "not_a_quota")
        quotas = (Quota("person", int(found[1]), found[2]),)
    eligible = Eligible(star=_stars(star, "star"), most_star=_stars(most_star, "most_star"))
    return Item(code, called, KINDS[kind], int(points), today, None, quotas, eligible), int(pieces or 0)


def _stars(cell: str, name: str) -> int | None:
    if not cell:
        return None
    if not _WHOLE.fullmatch(cell):
        raise InvalidField(f"eligible.{name}", "not_a_whole_number")
    return int(cell)


async def _added(database: AsyncEngine, book: int, new: Item, today: date) -> bool:
    """Whether an item is new; GoodsExist where another one has its code.

    A list that says nothing of stars leaves an item to whom it belongs.
    """
    async with database.begin() as tx:
        there = (await catalogue.find_many(tx, book, [new.item], today)).get(new.item)
        if there is None:
            await catalogue.add(tx, book, new, by=CLIENT, now=await connect.now(tx))
            return True
    if (there.name, there.kind, there.points, there.quotas) != (new.name, new.kind, new.points, new.quotas):
        raise GoodsExist(new.item)
    asked = (new.eligible.star, new.eligible.most_star)
    if asked != (None, None) and asked != (there.eligible.star, there.eligible.most_star):
        raise GoodsExist(new.item)
    return False


async def _offered(database: AsyncEngine, book: int, outlet: str, new: Item, pieces: int) -> bool:
    """Whether anything has come to an outlet; what is there stays as it is, also what has been switched off."""
    async with database.begin() as tx:
        if not pieces:
            if new.item in {each.item for each in await stock.shelves(tx, book, outlet)}:
                return False
            await catalogue.offer(tx, book, outlet, new.item, "merchant")
            return True
        receipt = NewReceipt(new.item, pieces, "donated")
        call = calls.identity("POST", f"/outlets/{outlet}/receipts", receipt)
        now = await connect.now(tx)
        key = f"catalogue:{outlet}:{new.item}"
        try:
            if isinstance(await claims.claim(tx, book, CLIENT, key, call), claims.Answer):
                return False
        except IdempotencyConflict:
            raise InvalidField("stock", "another_number") from None
        made = await stock.receive(tx, book, outlet, new.item, pieces, "donated", call=call, by=CLIENT, now=now)
        await claims.answered(tx, book, CLIENT, key, msgspec.to_builtins(move_view(made)))
        return True
