"""A day of trade comes to what plain Python says it must."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from tests.spending.trade import opened_trade

STEPS = 1_000


async def test_after_a_thousand_steps_every_account_shelf_and_quota_is_as_the_model_has_it(
    database: AsyncEngine, book: Book
) -> None:
    trade = await opened_trade(database, book, people=60, points=600, seed=7)
    for _ in range(STEPS):
        await trade.step()
    await trade.compared()
    of = trade.steps
    assert all(of[kind] for kind in ("done", "waiting", "cancel", "refund", "buy", "use", "dispute", "decide")), of
    assert of["NotEnoughPoints"], of
    assert of["OverQuota"], of
