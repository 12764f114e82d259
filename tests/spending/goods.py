"""Small shops for tests of goods: a district with two outlets, and items at them.

::

    shelves = await stocked(database, book)          # an outlet X1, offering nothing yet
    await shelves.item("G1", points=12)              # in the catalogue
    await shelves.offered("G1")                      # at X1, from stock
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations
from ledger.spending import catalogue
from ledger.spending.catalogue import Item, Offered, Price
from ledger.spending.tables import outlets
from tests.earning.programmes import TUESDAY, since_tuesday

TODAY = day_of(TUESDAY)


@dataclass(eq=False)
class Shelves:
    """A book with the outlets X1 and X2. `database`: as on that Tuesday (`programmes.TUESDAY`)."""

    database: AsyncEngine
    book: Book

    @property
    def id(self) -> int:
        return self.book.book_id

    async def item(self, code: str, *, database: AsyncEngine | None = None, **other: Any) -> Item:
        """A new item: soap for 12 points, where nothing else is said."""
        new = replace(Item(code, "香皂", "goods", 12, TODAY), **other)
        async with (database or self.database).begin() as tx:
            return await catalogue.add(tx, self.id, new, by="user:operator", now=await connect.now(tx))

    async def changed(self, changed: Item) -> Item:
        async with self.database.begin() as tx:
            return await catalogue.change(tx, self.id, changed, now=await connect.now(tx))

    async def priced(self, item: str, since: date, points: int, *, database: AsyncEngine | None = None) -> Price:
        async with (database or self.database).begin() as tx:
            now = await connect.now(tx)
            return await catalogue.set_price(tx, self.id, item, since, points, by="user:operator", now=now)

    async def offered(self, *codes: str, supply: str = "stock", outlet: str = "X1") -> None:
        async with self.database.begin() as tx:
            for code in codes:
                await catalogue.offer(tx, self.id, outlet, code, supply)

    async def on(self, day: date = TODAY, outlet: str = "X1") -> dict[str, Offered]:
        """What the outlet has on a day."""
        async with self.database.connect() as tx:
            return {each.item: each for each in await catalogue.offered(tx, self.id, outlet, day)}


async def stocked(database: AsyncEngine, book: Book) -> Shelves:
    """Outlets X1 and X2 of a district D, on that Tuesday."""
    database = since_tuesday(database)
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "D", "示例区", None, "district")
        await tx.execute(
            insert(outlets),
            [
                {
                    "book_id": book.book_id,
                    "outlet": code,
                    "name": f"{code}美德超市",
                    "kind": "virtue_supermarket",
                    "organisation": "D",
                }
                for code in ("X1", "X2")
            ],
        )
    return Shelves(database, book)
