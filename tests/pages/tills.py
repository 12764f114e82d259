"""A village shop for tests of its pages: an outlet with goods, a till bound to it, and a volunteer who has points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, till_session
from ledger import eighteen
from ledger.access import cards, ciphers, tokens, users
from ledger.access.identities import Identity
from ledger.books import balances
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations
from ledger.earning.volunteers import WALLET
from ledger.spending import (
    catalogue,
    outlets,
    pay_codes,
    policies,
    presented,
    redemption,
    refunds,
    stock,
    tills,
)
from ledger.spending.baskets import Wanted
from ledger.spending.catalogue import Item
from ledger.spending.outlets import Details
from ledger.spending.refunds import Returned
from ledger.spending.tables import redemptions
from tests.pages import people
from tests.pages.people import IDENTITY_KEYS, INDEX_KEYS, ITEMS, PRINT_KEYS, Person

NAME = "Lake shop"
GOODS = (("G1", "Soap", 5), ("G2", "Towel", 12), ("G3", "Rice", 48))
FULL_NAME, MASKED = "张建国", "张**"
BALANCE = 10_783
"""What she has: a figure that is nowhere else on a page."""

KEYS = ciphers.Keys.of(IDENTITY_KEYS, INDEX_KEYS, PRINT_KEYS)


@dataclass(frozen=True)
class Shop:
    """An outlet, and the till in it. `secret`: what the cookie of its device holds."""

    book: Book
    outlet: str
    till: int
    secret: str

    def cookie(self, address: str) -> dict[str, str]:
        """For a browser's context."""
        return {"name": till_session.COOKIE, "value": self.secret, "url": address}


async def a_shop(database: AsyncEngine, book: Book, outlet: str = "X0001", organisation: str = "37") -> Shop:
    """An outlet with soap for 5, towels for 12 and rice for 48 points: ten donated pieces of each."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        if organisation not in await organisations.find_many(tx, book.book_id, {organisation}):
            await organisations.add(tx, book.book_id, organisation, "County")
        await outlets.add(tx, book.book_id, outlet, Details(NAME, "virtue_supermarket", organisation))
        for code, name, points in GOODS:
            item = Item(code, name, "goods", points, day_of(now) - timedelta(days=60))
            await catalogue.add(tx, book.book_id, item, by="user:0", now=now)
            await stock.receive(tx, book.book_id, outlet, code, 10, "donated", call="test", by="user:0", now=now)
    return await a_till(database, book, outlet)


async def another_shop(database: AsyncEngine, book: Book) -> Shop:
    """A second outlet, which offers nothing."""
    async with database.begin() as tx:
        await outlets.add(tx, book.book_id, "X0002", Details("Hill shop", "virtue_supermarket", "37"))
    return await a_till(database, book, "X0002")


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


async def revoked(database: AsyncEngine, shop: Shop) -> None:
    """The till is switched off."""
    async with database.begin() as tx:
        await tokens.revoke(tx, shop.book.book_id, shop.till, "user:0", auth.now())


async def a_shopper(
    database: AsyncEngine, book: Book, number: str = "V20260099", name: str | None = FULL_NAME
) -> Person:
    """Zhang Jianguo, who has 10,783 points."""
    her = await people.a_volunteer(database, book, number)
    if name is not None:
        await people.who_is(database, book, number, Identity(name))
    await people.posted(database, her, "earn.item", (ITEMS, BALANCE), (her.account(WALLET), BALANCE))
    return her


async def a_code(database: AsyncEngine, her: Person, *, expired: bool = False) -> str:
    """The digits of a new pay code of hers."""
    digits = eighteen.new_number(eighteen.PAY_CODE)
    assert her.volunteer is not None
    async with database.begin() as tx:
        now = await connect.now(tx) - timedelta(minutes=5 * expired)
        policy = await policies.in_force(tx, her.book.book_id, day_of(now))
        digest = ciphers.digest(KEYS, "spending", digits)
        await pay_codes.issue(tx, her.book.book_id, her.volunteer.holder, digest, now=now, policy=policy)
    return digits


async def a_card(database: AsyncEngine, her: Person, pin: str) -> str:
    """Her card, and her PIN."""
    async with database.begin() as tx:
        user = await users.with_login(tx, her.login)
        assert user is not None
        assert her.volunteer is not None
        await users.change_secret(tx, user.user_id, pin)
        return await cards.issue(tx, KEYS, her.book.book_id, her.volunteer.volunteer_no, auth.now())


async def sells(
    database: AsyncEngine, shop: Shop, her: Person, wanted: dict[str, int], agent: Person | None = None
) -> UUID:
    """She shows her code and the till redeems, without its pages. What an `agent` does for her is drawn for a call."""
    digests = ciphers.digests(KEYS, "spending", await a_code(database, her))
    async with database.begin() as tx:
        now = await connect.now(tx)
        policy = await policies.in_force(tx, shop.book.book_id, day_of(now))
        at = await tills.find(tx, shop.book.book_id, shop.till)
        shown = await presented.by_number(tx, shop.book.book_id, at, eighteen.PAY_CODE, digests, now=now)
        if agent is not None and agent.volunteer is not None:
            shown, policy = replace(shown, agent=agent.volunteer.holder), replace(policy, agent_sample=100)
        goods = [Wanted(item, quantity) for item, quantity in wanted.items()]
        made = await redemption.redeem(tx, shop.book.book_id, at, shown, goods, age=_no_age, now=now, policy=policy)
    return made.redemption_id


async def _no_age(holder: str) -> int | None:
    return None


async def a_day(database: AsyncEngine, shop: Shop, her: Person | None = None) -> dict[str, str]:
    """A redemption that stands, one of which something came back, and one that was cancelled."""
    her = her or await a_shopper(database, shop.book, "N0088", name=None)
    ids = {name: await sells(database, shop, her, {"G1": 2}) for name in ("sold", "brought_back", "called_off")}
    async with database.begin() as tx:
        now = await connect.now(tx)
        policy = await policies.in_force(tx, shop.book.book_id, day_of(now))
        by: dict[str, Any] = {"outlet": shop.outlet, "by": f"till:{shop.till}", "now": now, "policy": policy}
        await refunds.refund(tx, shop.book.book_id, ids["brought_back"], [Returned(0, 1)], **by)
        await refunds.cancel(tx, shop.book.book_id, ids["called_off"], **by)
    return {name: str(redemption_id) for name, redemption_id in ids.items()}


async def confirms(database: AsyncEngine, her: Person) -> None:
    """She presses 确认 on her phone, for the one that waits."""
    assert her.volunteer is not None
    async with database.begin() as tx:
        [waiting] = await redemption.of_holder(tx, her.book.book_id, her.volunteer.holder, limit=1)
        now = await connect.now(tx)
        await redemption.confirm(
            tx, her.book.book_id, her.volunteer.holder, waiting.redemption_id, by="user:0", now=now
        )


async def count(database: AsyncEngine, book: Book) -> int:
    """How many redemptions the book has."""
    async with database.connect() as tx:
        found = await tx.execute(select(redemptions.c.redemption_id).where(redemptions.c.book_id == book.book_id))
        return len(found.all())


async def left(database: AsyncEngine, her: Person) -> int:
    """What she has now."""
    async with database.connect() as tx:
        return (await balances.balance(tx, her.book.book_id, her.account(WALLET))).balance


async def everything(database: AsyncEngine) -> dict[str, str]:
    """The content of every table, in one figure each: a table whose figure differs has been written to."""
    async with database.connect() as tx:
        names = await tx.execute(
            text("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'")
        )
        return {
            name: (
                await tx.execute(text(f"SELECT coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {name} t"))
            ).scalar_one()
            for name in names.scalars().all()
        }
