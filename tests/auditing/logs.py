"""What tests of the log share: a signer of their own, and everything about a log that must hold."""

from __future__ import annotations

import secrets
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.auditing import inclusion, log
from ledger.auditing.signer import Signer
from ledger.auditing.verifier import tree


def new_signer(folder: Path, name: str = "log.example", seeds: int = 1) -> Signer:
    return Signer(name, tuple(secrets.token_bytes(32) for _ in range(seeds)), folder)


async def everybody_has_ended(database: AsyncEngine) -> None:
    """Returns when all transactions of the cluster that wrote when it was called have ended: sealing waits for them."""
    async with database.connect() as tx:
        then = (await tx.execute(text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))).scalar_one()
        await tx.rollback()
        reached = text("SELECT pg_snapshot_xmin(pg_current_snapshot()) >= CAST(CAST(:then AS text) AS xid8)")
        while not (await tx.execute(reached, {"then": then})).scalar_one():
            await tx.rollback()


async def assert_nothing_is_lost(database: AsyncEngine, book: int) -> int:
    """Every committed transaction and event is one leaf, without gaps, and every checkpoint is one of this log.

    Answers how many leaves there are.
    """
    await log.seal_all(database, book)
    async with database.connect() as tx:
        counted = text("""
            SELECT (SELECT count(*) FROM transactions WHERE book_id = :book),
                   (SELECT count(*) FROM events WHERE book_id = :book),
                   (SELECT count(*) FROM log_leaves l JOIN transactions t ON t.book_id = :book
                       AND t.transaction_id = l.item WHERE l.book_id = :book AND l.type = 'transaction'),
                   (SELECT count(*) FROM log_leaves l JOIN events v ON v.book_id = :book
                       AND v.event_id = l.item WHERE l.book_id = :book AND l.type = 'event'),
                   (SELECT array_agg(leaf_index ORDER BY leaf_index) FROM log_leaves WHERE book_id = :book),
                   (SELECT array_agg(hash ORDER BY leaf_index) FROM log_leaves WHERE book_id = :book)""")
        row = (await tx.execute(counted, {"book": book})).one()
        transactions, events, sealed_transactions, sealed_events, indexes, hashes = row
        assert (sealed_transactions, sealed_events) == (transactions, events)
        assert indexes == list(range(transactions + events))
        vouchers = text("""
            SELECT voucher_year, array_agg(voucher_number ORDER BY leaf_index) FROM log_leaves
             WHERE book_id = :book AND type = 'transaction' GROUP BY voucher_year""")
        for _, numbers in await tx.execute(vouchers, {"book": book}):
            assert numbers == list(range(1, len(numbers) + 1))
        changed = text("SELECT count(*) FROM log_lines WHERE book_id = :book"
                       " AND hash <> sha256('\\x00'::bytea || convert_to(line, 'UTF8'))")  # fmt: skip
        assert (await tx.execute(changed, {"book": book})).scalar_one() == 0
        assert await inclusion.root(tx, book, len(hashes)) == tree.root_of(hashes)
        published = await log.checkpoints(tx, book)
        for each in published:
            assert each.root == tree.root_of(hashes[: each.size])
        assert [each.number for each in published] == list(range(1, len(published) + 1))
        assert [each.size for each in published] == sorted(each.size for each in published)
    return len(hashes)
