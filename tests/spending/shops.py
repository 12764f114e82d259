"""A village shop for tests: an outlet with a till and goods, and volunteers with points.

::

    shop = await opened_shop(database, book, points=100)
    code = await shop.code()
    made = await shop.redeem(code, {"G01": 2})
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import eighteen
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning.volunteers import Volunteer
from ledger.spending import catalogue, outlets, pay_codes, policies, presented, redemption, stock, tills
from ledger.spending.baskets import Wanted
from ledger.spending.catalogue import Item
from ledger.spending.outlets import Details
from ledger.spending.policy import Policy
from ledger.spending.redemption import Made, Redemption
from ledger.spending.tills import Till
from tests.books.ledgers import balances_of, move, opened
from tests.earning.programmes import TUESDAY, Programme
from tests.earning.programmes import opened as opened_programme

SOAP: Final = Item("G01", "香皂", "goods", 5, date(1990, 1, 1))
OIL: Final = Item("G06", "食用油一升", "goods", 150, date(1990, 1, 1))
HAIRCUT: Final = Item("S01", "理发一次", "service", 30, date(1990, 1, 1), voucher_days=90)
FERRY: Final = Item("S07", "轮渡优惠票", "perk", 0, date(1990, 1, 1))

_numbers = itertools.count(100_000)


async def no_age(holder: str) -> int | None:
    """Nobody's age is known."""
    return None


@dataclass(eq=False)
class Shop:
    """An outlet of a programme's community with one till; `database`: as on the programme's Tuesday."""

    database: AsyncEngine
    book: Book
    programme: Programme
    till: Till
    others: list[Till] = field(default_factory=list)

    OUTLET = "X0001"

    @property
    def volunteer(self) -> Volunteer:
        """The first one."""
        return self.programme.volunteers[0]

    @property
    def holder(self) -> str:
        return self.volunteer.holder

    async def code(self, holder: str | None = None, *, database: AsyncEngine | None = None) -> bytes:
        """A new pay code; its digest, which stands for the digits here."""
        digest = secrets.token_bytes(32)
        async with (database or self.database).begin() as tx:
            now = await connect.now(tx)
            policy = await policies.in_force(tx, self.book.book_id, day_of(now))
            await pay_codes.issue(tx, self.book.book_id, holder or self.holder, digest, now=now, policy=policy)
        return digest

    async def redeem(
        self, code: bytes, wanted: Mapping[str, int], *, till: Till | None = None, database: AsyncEngine | None = None
    ) -> Made:
        """Redeems by a pay code; raises the refusal."""
        async with (database or self.database).begin() as tx:
            return await self.redeeming(tx, code, wanted, till=till)

    async def redeeming(
        self, tx: AsyncConnection, code: bytes, wanted: Mapping[str, int], *, till: Till | None = None
    ) -> Made:
        now = await connect.now(tx)
        book = self.book.book_id
        policy = await policies.in_force(tx, book, day_of(now))
        at = await tills.find(tx, book, (till or self.till).till)
        shown = await presented.by_number(tx, book, at, eighteen.PAY_CODE, [code], now=now)
        goods = [Wanted(item, quantity) for item, quantity in wanted.items()]
        return await redemption.redeem(tx, book, at, shown, goods, age=no_age, now=now, policy=policy)

    async def find(self, redemption_id: UUID) -> Redemption:
        async with self.database.connect() as tx:
            return await redemption.find(tx, self.book.book_id, redemption_id)

    async def give(self, points: int, holder: str | None = None) -> None:
        """Points in a wallet, without the hours that they would be for."""
        await move(
            self.database,
            self.book,
            f"5120.{self.programme.TEAM} {points}",
            f"2100.{holder or self.holder} {points}",
            effective_at=TUESDAY,
        )

    async def receive(self, item: str, pieces: int, outlet: str | None = None) -> None:
        """Donated goods."""
        async with self.database.begin() as tx:
            now = await connect.now(tx)
            await stock.receive(
                tx, self.book.book_id, outlet or self.OUTLET, item, pieces, "donated", call="test", by="user:1", now=now
            )

    async def balance(self, code: str) -> int:
        """On the account's normal side."""
        return (await balances_of(self.database, self.book, code)).get(code, 0)

    async def wallet(self, holder: str | None = None) -> int:
        return await self.balance(f"2100.{holder or self.holder}")

    async def pieces(self, item: str) -> int | None:
        async with self.database.connect() as tx:
            day = day_of(await connect.now(tx))
            return (await catalogue.priced(tx, self.book.book_id, self.OUTLET, [item], day))[item].pieces

    async def another_till(self, outlet: str | None = None) -> Till:
        async with self.database.begin() as tx:
            till = await tills.bound(tx, self.book.book_id, next(_numbers), outlet or self.OUTLET, "收银")
        self.others.append(till)
        return till


async def opened_shop(
    database: AsyncEngine, book: Book, *, points: int = 100, people: int = 1, soap: int = 200
) -> Shop:
    """A programme with a shop that has donated soap and oil, haircuts of its own, and a perk; everybody has points."""
    programme = await opened_programme(database, book, people=people)
    database = programme.database
    async with database.begin() as tx:
        now = await connect.now(tx)
        await outlets.add(tx, book.book_id, Shop.OUTLET, Details("一社区美德超市", "virtue_supermarket", "D1"))
        for item in (SOAP, OIL, HAIRCUT, FERRY):
            await catalogue.add(tx, book.book_id, item, by="user:1", now=now)
        for item in (HAIRCUT, FERRY):
            await catalogue.offer(tx, book.book_id, Shop.OUTLET, item.item, "merchant")
        till = await tills.bound(tx, book.book_id, next(_numbers), Shop.OUTLET, "收银一")
    shop = Shop(database, book, programme, till)
    await shop.receive("G01", soap)
    await shop.receive("G06", 40)
    await opened(database, book, f"5120.{programme.TEAM}")
    for each in programme.volunteers:
        if points:
            await shop.give(points, each.holder)
    return shop


async def policy_of(shop: Shop) -> Policy:
    """What is in force today."""
    async with shop.database.connect() as tx:
        return await policies.in_force(tx, shop.book.book_id, day_of(await connect.now(tx)))
