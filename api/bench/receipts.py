"""The subject of receipts: what proves that a transaction is in the published log, read over HTTP and compared with the
balance of an account read in the same way.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bench import earning, over_http
from api.bench import ground as grounds
from api.bench.ground import Ground
from api.bench.measure import Measured, Run, account_code, new_key, two_of
from ledger.access import tokens
from ledger.auditing import log
from ledger.books.proposals import Proposal
from ledger.books.tables import transactions

BY: Final = "room:bench"
POSTED: Final = 2_000
"""Transactions whose receipts are asked for."""
AT_ONCE: Final = 50


async def receipts(ground: Ground) -> Run:
    """One connection, the receipt of a transaction a request, with its line and its path, by who reads the books."""
    service = await ground.stack.enter_async_context(over_http.serving(ground))
    now, book = datetime.now(UTC), ground.book
    await grounds.posted(ground.database, book, [_transfer(ground, now) for _ in range(POSTED)])
    async with ground.database.begin() as tx:
        _, secret = await tokens.make(
            tx,
            book.book_id,
            "bench-proofs",
            scopes=["books:read"],
            prefixes=[],
            by=BY,
            now=now,
            lifetime=timedelta(days=1),
        )
        newest = await _newest(tx, book.book_id)
    headers = {"Authorization": f"Bearer {secret}"}
    address = f"/api/v1/books/{book.code}/log/receipts"
    while not await _is_published(ground, newest[0]):  # the service seals by itself, and is asked for something else
        await asyncio.to_thread(service.ask, "GET", "/readyz")

    async def run(seconds: int) -> Measured:
        latencies: list[float] = []
        end = perf_counter() + seconds
        while perf_counter() < end:
            some = [(f"{address}/{random.choice(newest)}", headers, "") for _ in range(AT_ONCE)]  # noqa: S311 - no secret
            latencies += await asyncio.to_thread(earning.one_by_one, service, some, 200, "GET")
        return Measured(len(latencies) / sum(latencies), latencies)

    return run


def _transfer(ground: Ground, at: datetime) -> Proposal:
    one, other = (account_code(number) for number in two_of(ground.accounts))
    return grounds.proposal(new_key(), at, [(one, "debit", 7), (other, "credit", 7)])


async def _newest(tx: AsyncConnection, book: int) -> list[UUID]:
    """The newest transactions, the newest first."""
    c = transactions.c
    found = await tx.execute(select(c.transaction_id).where(c.book_id == book).order_by(c.xid.desc()).limit(POSTED))
    return list(found.scalars())


async def _is_published(ground: Ground, transaction_id: UUID) -> bool:
    async with ground.database.connect() as tx:
        leaf = await log.leaf_of(tx, ground.book.book_id, transaction_id)
        newest = await log.newest(tx, ground.book.book_id)
    return leaf is not None and newest is not None and leaf.index < newest.size
