"""A village shop for tests of its pages: an outlet with goods, a till bound to it, and its cookie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, till_session
from ledger.access import tokens
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations
from ledger.spending import catalogue, tills
from ledger.spending.catalogue import Item
from ledger.spending.tables import offers, outlets

GOODS = (("G1", "Soap", 5), ("G2", "Towel", 12), ("G3", "Rice", 48))


@dataclass(frozen=True)
class Shop:
    """An outlet, and the till in it. `secret`: what the cookie of its device holds."""

    book: Book
    outlet: str
    till: int
    secret: str

    @property
    def cookie(self) -> tuple[str, str]:
        return till_session.COOKIE, self.secret


async def a_shop(database: AsyncEngine, book: Book, outlet: str = "X0001", organisation: str = "37") -> Shop:
    """An outlet with soap for 5, towels for 12 and rice for 48 points: ten pieces of each."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        if await organisations.find_many(tx, book.book_id, [organisation]) == {}:
            await organisations.add(tx, book.book_id, organisation, "County")
        await tx.execute(
            insert(outlets).values(
                book_id=book.book_id,
                outlet=outlet,
                name="Lake shop",
                kind="virtue_supermarket",
                organisation=organisation,
            )
        )
        for code, name, points in GOODS:
            item = Item(code, name, "goods", points, day_of(now))
            await catalogue.add(tx, book.book_id, item, by="user:0", now=now)
            await tx.execute(
                insert(offers).values(
                    book_id=book.book_id, outlet=outlet, item=code, supply="merchant", pieces=10, value=0
                )
            )
    return await a_till(database, book, outlet)


async def a_till(database: AsyncEngine, book: Book, outlet: str = "X0001") -> Shop:
    """Another till of an outlet."""
    async with database.begin() as tx:
        made, secret = await tokens.make(
            tx,
            book.book_id,
            "Till at the door",
            outlet=outlet,
            by="user:0",
            now=auth.now(),
            lifetime=timedelta(days=30),
        )
        await tills.bound(tx, book.book_id, made.token_id, outlet, "Till at the door")
    return Shop(book, outlet, made.token_id, secret)
