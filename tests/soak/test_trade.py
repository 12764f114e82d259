"""A whole day of trade: three hundred volunteers, the outlets of the data, twenty thousand redemptions."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from tests.spending.trade import opened_trade

pytestmark = pytest.mark.soak

REDEMPTIONS = 20_000


async def test_after_twenty_thousand_redemptions_everything_is_as_the_model_has_it(
    database: AsyncEngine, book: Book
) -> None:
    trade = await opened_trade(database, book, people=300, points=60_000, seed=20_000)
    while trade.steps["done"] + trade.steps["waiting"] + trade.steps["use"] < REDEMPTIONS:
        await trade.step()
    await trade.compared()
