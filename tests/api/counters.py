"""A village shop over HTTP, by the real clock: tills with tokens of their own, and volunteers who show their codes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import httpx
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.app import create_app
from ledger import eighteen
from ledger.access import tokens
from ledger.access.rights import Grant
from ledger.books import tables as books_tables
from ledger.books.directory import Book
from ledger.spending import tables, tills
from tests.api.conftest import SETTINGS, Caller, a_user
from tests.earning.programmes import later
from tests.spending.shops import Shop, opened_shop

WHAT_MOVES: Final[tuple[Table, ...]] = (
    books_tables.accounts,
    books_tables.transactions,
    books_tables.lots,
    books_tables.holds,
    tables.offers,
    tables.quota_uses,
    tables.outlet_days,
    tables.redemptions,
    tables.redemption_lines,
    tables.refunds,
    tables.tickets,
    tables.vouchers,
    tables.cases,
)
"""Balances, stock, quotas and all that says what was redeemed: what an attack must leave as it is."""


@dataclass
class Device:
    """A till, or a volunteer's phone: paths begin after /api/v1."""

    http: httpx.AsyncClient
    token: str
    number: int = 0

    async def post(self, path: str, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
        given = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key} if key else {}) | headers
        return await self.http.post(f"/api/v1{path}", json=body, headers=given)

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {self.token}"})

    async def quote(self, code: str, wanted: Mapping[str, int]) -> httpx.Response:
        return await self.post("/quotes", {"code": code, "lines": lines(wanted)})

    async def redeem(
        self, code: str, wanted: Mapping[str, int], key: str | None = None, **headers: str
    ) -> httpx.Response:
        return await self.post("/redemptions", {"code": code, "lines": lines(wanted)}, key or new_key(), **headers)

    async def pay_code(self) -> str:
        """Eighteen digits on her phone."""
        answer = await self.post("/me/pay-codes", None)
        assert answer.status_code == 201, answer.text
        digits: str = answer.json()["code"]
        return digits


@dataclass
class Counter:
    """The shop, its till, and the first volunteer's phone."""

    http: httpx.AsyncClient
    database: AsyncEngine
    book: Book
    shop: Shop
    till: Device
    phone: Device

    async def another_till(self, outlet: str | None = None) -> Device:
        return await a_till(self.http, self.database, self.book, outlet or self.shop.OUTLET)

    async def phone_of(self, number: int) -> Device:
        return await a_phone(self.http, self.database, self.book, self.shop.programme.volunteers[number].volunteer_no)

    async def stand(self) -> dict[str, list[Any]]:
        """Every row that says who has what."""
        return await rows_of(self.database, self.book)

    def at(self, **by: float) -> httpx.AsyncClient:
        """The same service with the database's clock so much later."""
        moved = later(self.database, **by)
        transport = httpx.ASGITransport(create_app(SETTINGS, moved), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://meide.test")

    def later(self, device: Device, **by: float) -> Device:
        """The same device by that clock."""
        return replace(device, http=self.at(**by))


async def rows_of(database: AsyncEngine, book: Book) -> dict[str, list[Any]]:
    """What stands in a book, by table."""
    found: dict[str, list[Any]] = {}
    async with database.connect() as tx:
        for table in WHAT_MOVES:
            ordered = select(table).where(table.c.book_id == book.book_id).order_by(*table.primary_key.columns)
            found[table.name] = [tuple(row) for row in await tx.execute(ordered)]
    return found


async def a_counter(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, *, points: int = 100, people: int = 1, soap: int = 200
) -> Counter:
    """She has points, and the shop has soap for 5, oil for 150, haircuts for 30 and a ferry for nothing."""
    shop = await opened_shop(database, book, points=points, people=people, soap=soap)
    shop.database = database  # from here on by the real clock
    till = await a_till(http, database, book, shop.OUTLET)
    phone = await a_phone(http, database, book, shop.volunteer.volunteer_no)
    return Counter(http, database, book, shop, till, phone)


async def a_till(http: httpx.AsyncClient, database: AsyncEngine, book: Book, outlet: str) -> Device:
    """A device that has become a till."""
    async with database.begin() as tx:
        made, secret = await tokens.make(
            tx, book.book_id, "a till", outlet=outlet, by="user:1", now=auth.now(), lifetime=timedelta(days=30)
        )
        await tills.bound(tx, book.book_id, made.token_id, outlet, "a till")
    return Device(http, secret, made.token_id)


async def a_phone(http: httpx.AsyncClient, database: AsyncEngine, book: Book, volunteer_no: str) -> Device:
    """A volunteer who has signed in."""
    caller: Caller = await a_user(http, database, book, Grant("volunteer", volunteer_no=volunteer_no))
    return Device(http, caller.token)


def lines(wanted: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"item": item, "quantity": quantity} for item, quantity in wanted.items()]


def new_key() -> str:
    return secrets.token_urlsafe(16)


def nobodys() -> str:
    """A pay code as good as any, and nobody's."""
    return eighteen.new_number(eighteen.PAY_CODE)


def told(answer: httpx.Response) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, answer.json().get("code", "")
