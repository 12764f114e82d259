"""Writers and sealers that work against each other, and the sealers are killed."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from api import sealing
from ledger.auditing import log
from ledger.auditing.signer import Signer
from ledger.books import journal
from ledger.books.directory import Book
from ledger.books.evaluate import Posted
from ledger.database import connect, events
from tests.books.ledgers import opened, proposal, submit

WRITERS = 32

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.auditing.sealers"])


def _seal(url: str, by: Signer) -> None:
    """What a sealer's process does until it is killed."""

    async def work() -> None:
        async with sealing.running(connect.to(url), by):
            await asyncio.Event().wait()

    sealing.EVERY = 0.005
    asyncio.run(work())


async def written_and_killed(url: str, book: Book, folder: Path, kills: int) -> int:
    """Lets writers write while two sealers at a time seal and are killed; answers how many items were committed."""
    by = Signer("log.example", (random.Random(7).randbytes(32),), folder)
    database = connect.to(url, connections=WRITERS + 2)
    over = asyncio.Event()
    try:
        await opened(database, book, "2100.a", "2100.b", "5100")
        writers = [asyncio.create_task(_write(database, book, number, over)) for number in range(WRITERS)]
        try:
            await _kill_sealers(database, url, book, by, kills)
        finally:
            over.set()
            written = sum(await asyncio.gather(*writers))
        return written + 3
    finally:
        await database.dispose()


async def _kill_sealers(database: AsyncEngine, url: str, book: Book, by: Signer, kills: int) -> None:
    for number in range(kills):
        sealers = [_CONTEXT.Process(target=_seal, args=(url, by), daemon=True) for _ in range(2)]
        before = await _size(database, book)
        for sealer in sealers:
            sealer.start()
        try:
            while await _size(database, book) == before:  # the killed ones have hold of it, perhaps, for a moment
                assert all(sealer.is_alive() for sealer in sealers)
            if number % 2:  # in the middle of anything
                checkpoints = await _checkpoints(database, book)
                while await _checkpoints(database, book) == checkpoints:
                    pass
        finally:
            for sealer in sealers:
                sealer.kill()
            for sealer in sealers:
                await asyncio.to_thread(sealer.join)


async def _size(database: AsyncEngine, book: Book) -> int:
    async with database.connect() as tx:
        return await log.size(tx, book.book_id)


async def _checkpoints(database: AsyncEngine, book: Book) -> int:
    async with database.connect() as tx:
        newest = await log.newest(tx, book.book_id)
    return newest.number if newest else 0


async def _write(database: AsyncEngine, book: Book, writer: int, over: asyncio.Event) -> int:
    """Posts through batches, adds events, and takes half of it back; answers how much was committed."""
    drawn, committed = random.Random(writer), 0
    for number in itertools.count():
        if over.is_set():
            break
        wanted = proposal(
            f"{writer}-{number}",
            debit=drawn.choice(("5100 3 PT", "2100.a 2 PT")),
            credit="2100.b 3 PT" if number % 3 else "2100.a 2 PT",
            effective_at=datetime.now(UTC),
        )
        match drawn.randrange(4):
            case 0 | 1:
                (outcome,) = await submit(database, book, wanted)
                committed += isinstance(outcome, Posted)
            case 2:
                async with database.begin() as tx:
                    await events.add(tx, book.book_id, "tried", {"writer": str(writer), "number": str(number)})
                    await asyncio.sleep(0)
                    await events.add(tx, book.book_id, "tried", {"writer": str(writer), "again": str(number)})
                committed += 2
            case _:
                async with database.connect() as tx:
                    await events.add(tx, book.book_id, "rolled_back", {"writer": str(writer)})
                    await journal.post(tx, book.book_id, [wanted])
                    await tx.rollback()
    return committed
