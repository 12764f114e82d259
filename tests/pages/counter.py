"""A volunteer at the counter of a village shop, by the real clock: what her phone shows, what a till does with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import eighteen
from ledger.access import ciphers
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.spending import policies, presented, quotes, tills
from ledger.spending.baskets import Wanted
from ledger.spending.quotes import Quote
from ledger.spending.redemption import Made
from tests.pages import people
from tests.pages.people import Person
from tests.spending.shops import Shop, no_age, opened_shop

KEYS = ciphers.Keys.of(people.IDENTITY_KEYS, people.INDEX_KEYS, people.PRINT_KEYS)


@dataclass
class Counter:
    """The shop, and the volunteer before it. Digits are what her phone shows."""

    database: AsyncEngine
    shop: Shop
    her: Person

    async def quote(self, digits: str, wanted: Mapping[str, int]) -> Quote:
        """The till scans her code and asks what it costs."""
        async with self.database.begin() as tx:
            now = await connect.now(tx)
            book = self.shop.book.book_id
            policy = await policies.in_force(tx, book, day_of(now))
            till = await tills.find(tx, book, self.shop.till.till)
            digests = ciphers.digests(KEYS, "spending", digits)
            shown = await presented.by_number(tx, book, till, eighteen.PAY_CODE, digests, now=now)
            goods = [Wanted(item, quantity) for item, quantity in wanted.items()]
            return await quotes.quote(tx, book, till, shown, goods, age=no_age, now=now, policy=policy)

    async def redeem(self, digits: str, wanted: Mapping[str, int]) -> Made:
        """The till scans her code and redeems; what costs more than 20 points waits for her."""
        return await self.shop.redeem(ciphers.digest(KEYS, "spending", digits), wanted)

    async def status(self, redemption_id: UUID) -> str:
        return (await self.shop.find(redemption_id)).status


async def a_counter(database: AsyncEngine, book: Book, *, points: int = 100) -> Counter:
    """She has points, and the shop has soap for 5, oil for 150 and haircuts for 30."""
    shop = await opened_shop(database, book, points=points)
    shop.database = database  # from here on by the real clock
    grant = Grant("volunteer", volunteer_no=shop.volunteer.volunteer_no)
    her = replace(await people.somebody(database, book, grant), volunteer=shop.volunteer)
    return Counter(database, shop, her)


def digits_of(page: str) -> str:
    """The eighteen digits that a code page keeps behind 扫不了?"""
    found = re.search(r'class="secret">([0-9 ]+)<', page)
    assert found, page
    digits = found[1].replace(" ", "")
    assert eighteen.is_number(eighteen.PAY_CODE, digits)
    return digits
