"""`meide check` of spending: a damaged shelf, redemption, voucher or case is named, and nothing else is."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Table, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import connect
from ledger.spending import cases as cases_verbs
from ledger.spending import checks, redemption
from ledger.spending import vouchers as vouchers_verbs
from ledger.spending.tables import cases, offers, outlet_days, redemption_lines, redemptions, vouchers
from tests.conftest import new_book
from tests.spending.shops import Shop, opened_shop, policy_of

Damage = tuple[Table, dict[str, Any], str]

DAMAGES: list[Damage] = [
    (offers, {"pieces": offers.c.pieces + 1}, "pieces_differ"),
    (offers, {"value": offers.c.value + 1}, "stock_differs_from_its_account"),
    (redemptions, {"points": redemptions.c.points + 1}, "redemption_differs_from_its_posting"),
    (redemptions, {"transaction_id": None}, "redemption_not_as_its_state"),
    (redemptions, {"status": "lapsed"}, "redemption_not_as_its_state"),
    (redemptions, {"refunded": 1}, "refunds_differ"),
    (redemption_lines, {"points": redemption_lines.c.points + 1}, "lines_differ_from_their_redemption"),
    (redemption_lines, {"returned": 1}, "returned_pieces_differ"),
    (outlet_days, {"points": outlet_days.c.points + 1}, "day_of_outlet_differs"),
]


async def sold(database: AsyncEngine) -> Shop:
    """A shop that has sold two pieces of soap, of a book that nobody looks at afterwards."""
    shop = await opened_shop(database, await new_book(database))
    await shop.redeem(await shop.code(), {"G01": 2})
    assert await checks.check(database, shop.book.book_id) == []
    return shop


async def damaged(shop: Shop, table: Table, values: dict[str, Any]) -> set[str]:
    """What is found after the damage."""
    of = table.c.book_id == shop.book.book_id
    if table is offers:
        of &= table.c.item == "G01"
    async with shop.database.begin() as tx:
        await tx.execute(update(table).where(of).values(**values))
    return {found.check for found in await checks.check(shop.database, shop.book.book_id)}


@pytest.mark.parametrize(
    ("table", "values", "check"), DAMAGES, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_what_is_damaged_is_named(
    database: AsyncEngine, table: Table, values: dict[str, Any], check: str
) -> None:
    assert check in await damaged(await sold(database), table, values)


async def test_every_check_has_a_damage_or_a_day_of_its_own() -> None:
    of_others = {"vouchers_differ_from_their_account", "voucher_not_as_its_state", "cases_differ_from_their_account"}
    assert {check for _, _, check in DAMAGES} | of_others == set(checks.BOOK_CHECKS)


async def voucher_of(shop: Shop) -> None:
    """She buys a haircut."""
    async with shop.database.begin() as tx:
        await vouchers_verbs.buy(
            *(tx, shop.book.book_id, shop.holder, "S01"),
            voucher_id=uuid4(),
            digest=secrets.token_bytes(32),
            by="user:1",
            age=None,
            now=await connect.now(tx),
        )


async def case_of(shop: Shop) -> None:
    """She says that it was not hers."""
    policy = await policy_of(shop)
    async with shop.database.begin() as tx:
        [made] = await redemption.of_holder(tx, shop.book.book_id, shop.holder)
        now = await connect.now(tx)
        of = (tx, shop.book.book_id, shop.holder, made.redemption_id)
        await cases_verbs.dispute(*of, by="user:1", now=now, policy=policy)


@pytest.mark.parametrize(
    ("bought", "values", "check"),
    [
        (vouchers, {"state": "used"}, "voucher_not_as_its_state"),
        (vouchers, {"points": 31}, "vouchers_differ_from_their_account"),
    ],
    ids=["used", "points"],
)
async def test_a_damaged_voucher_is_named(
    database: AsyncEngine, bought: Table, values: dict[str, Any], check: str
) -> None:
    shop = await sold(database)
    await voucher_of(shop)
    assert await checks.check(database, shop.book.book_id) == []
    more = {"ended_at": bought.c.bought_at} if values.get("state") == "used" else {}
    assert check in await damaged(shop, bought, values | more)


async def test_a_damaged_case_is_named(database: AsyncEngine) -> None:
    shop = await sold(database)
    await case_of(shop)
    assert await checks.check(database, shop.book.book_id) == []
    assert await damaged(shop, cases, {"points": 9}) == {"cases_differ_from_their_account"}
