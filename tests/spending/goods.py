"""Small shops for tests of goods: a district with two outlets, and items at them.

::

    shelves = await stocked(database, book)          # an outlet X1, offering nothing yet
    await shelves.item("G1", points=12)              # in the catalogue
    await shelves.offered("G1")                      # at X1, from stock
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import chart, journal
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.books.evaluate import Posted
from ledger.books.proposals import Line, Proposal, Side
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations
from ledger.spending import catalogue, stock
from ledger.spending.catalogue import Item, Offered, Price
from ledger.spending.stock import Counted, Move
from ledger.spending.tables import outlets
from tests.books.ledgers import balances_of
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

    async def receive(
        self,
        item: str,
        pieces: int,
        origin: str = "donated",
        *,
        outlet: str = "X1",
        database: AsyncEngine | None = None,
        **other: Any,
    ) -> Move:
        async with (database or self.database).begin() as tx:
            now = await connect.now(tx)
            return await stock.receive(
                tx, self.id, outlet, item, pieces, origin, call="receive", by="user:operator", now=now, **other
            )

    async def count(self, *counted: Counted, reason: str = "", outlet: str = "X1") -> list[Move]:
        async with self.database.begin() as tx:
            now = await connect.now(tx)
            return await stock.count(tx, self.id, outlet, counted, reason, call="count", by="user:operator", now=now)

    async def take(self, **wanted: int) -> dict[str, int]:
        """Takes pieces from the shelves of X1, and what they stood at out of the books, as a redemption does."""
        async with self.database.begin() as tx:
            taken = await stock.take(tx, self.id, "X1", wanted)
            await self._post(tx, "X1", -sum(taken.values()))
        return taken

    async def put_back(self, *returned: tuple[str, int, int], outlet: str = "X1") -> None:
        async with self.database.begin() as tx:
            await stock.put_back(tx, self.id, outlet, returned)
            await self._post(tx, outlet, sum(value for _, _, value in returned))

    async def _post(self, tx: AsyncConnection, outlet: str, value: int) -> None:
        """Against 5300, as of something that costs nothing: these tests have no wallets."""
        if value:
            await chart.open_missing(tx, self.id, [NewAccount("5300", "尾差与库存损失", "expense", "PT")])
            sides: tuple[Side, Side] = ("debit", "credit") if value > 0 else ("credit", "debit")
            lines = (Line(f"1200.{outlet}", sides[0], abs(value)), Line("5300", sides[1], abs(value)))
            key = f"test-{secrets.token_hex(8)}"
            [outcome] = await journal.post(
                tx, self.id, [Proposal("room:spending", key, key, "spend.test", None, lines, "till:1")]
            )
            assert isinstance(outcome, Posted), outcome

    async def shelf(self, item: str, outlet: str = "X1") -> tuple[int | None, int]:
        """Pieces of an item at an outlet, and what they stand at."""
        async with self.database.connect() as tx:
            [found] = [each for each in await stock.shelves(tx, self.id, outlet) if each.item == item]
        return found.pieces, found.value

    async def stands_right(self, outlet: str = "X1") -> int:
        """What the outlet's stock stands at, which is what the books say."""
        async with self.database.connect() as tx:
            value = sum(each.value for each in await stock.shelves(tx, self.id, outlet))
        assert (await balances_of(self.database, self.book, f"1200.{outlet}")).get(f"1200.{outlet}", 0) == value
        return value

    async def on(self, day: date = TODAY, outlet: str = "X1") -> dict[str, Offered]:
        """What the outlet has on a day."""
        async with self.database.begin() as tx:
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
