"""Sealing and publishing, done by itself while the service runs: every second, in each worker.

What has been committed gets its place in the log of its book; then the size and the root are signed and published.
Nobody who posts waits for it. Whoever of the workers comes first does a book, and the others pass it by.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import figures, keys
from api.settings import Settings
from ledger.auditing import inclusion, log, signer
from ledger.auditing.log import Checkpoint
from ledger.auditing.signer import Signer
from ledger.books import directory
from ledger.books.directory import Book
from ledger.database import connect
from ledger.errors import Fault, LogInconsistent, LogRolledBack

EVERY: float = 1.0
"""Seconds between two looks."""
LAST: Final = 2.0
"""Seconds that it has to come to an end by itself."""
SAYS_AGAIN_AFTER: Final = 60.0
"""Seconds until a refusal that goes on is told again."""
NAMELESS: Final = "meide.local"
"""What the origins begin with where neither MEIDE_LOG_ORIGIN nor MEIDE_PUBLIC_URL is set."""

lines = structlog.get_logger()


def name_of(settings: Settings) -> str:
    """What the origins of all logs of this installation begin with."""
    host = urlsplit(settings.public_url).hostname if settings.public_url else None
    return settings.log_origin or host or NAMELESS


def signer_of(settings: Settings) -> Signer:
    """The signer of the logs, with the keys of the settings or of the data folder. SettingInvalid."""
    seeds = tuple(signer.seed(text) for text in keys.of_kind(settings, "log"))
    return Signer(name_of(settings), seeds, settings.log_state or settings.data / "log-state")


@contextlib.asynccontextmanager
async def running(database: AsyncEngine, by: Signer) -> AsyncIterator[None]:
    """Seals and publishes for the length of the block. Several workers do no harm."""
    ended = asyncio.Event()
    sealing = asyncio.create_task(_repeated(database, by, ended))
    try:
        yield
    finally:
        ended.set()
        await asyncio.wait([sealing], timeout=LAST)
        sealing.cancel()  # what it does can be left at any point
        await asyncio.wait([sealing])


@dataclass(slots=True)
class _Watch:
    """What a worker has seen: books it has looked at, since when logs are behind, what was told when."""

    looked_at: set[int] = field(default_factory=set)
    behind_since: dict[int, float] = field(default_factory=dict)
    told: dict[int, float] = field(default_factory=dict)


async def _repeated(database: AsyncEngine, by: Signer, ended: asyncio.Event) -> None:
    watch = _Watch()
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), EVERY)
            return
        try:
            await _look(database, by, watch, ended)
        except (SQLAlchemyError, psycopg.Error) as error:  # the next second will do
            lines.warning("sealing_failed", error=connect.first_line(error))


async def _look(database: AsyncEngine, by: Signer, watch: _Watch, ended: asyncio.Event) -> None:
    async with database.connect() as tx:
        late = {each.book_id: each for each in await log.behind(tx)}
        # Once: a new origin or key gets a checkpoint, though there is nothing new in the log.
        every = {book.book_id: book for book in await directory.all_books(tx)} if late or not watch.looked_at else {}
    first = every.keys() - watch.looked_at if not watch.looked_at else set()
    now = time.monotonic()
    watch.behind_since = {book: watch.behind_since.get(book, now) for book in late}
    figures.log_behind(max((now - since for since in watch.behind_since.values()), default=0.0))
    for book_id in sorted(late.keys() | first):
        if ended.is_set():
            return
        book = every[book_id]
        watch.looked_at.add(book_id)
        try:
            size = late[book_id].size if book_id in late else None
            if await _brought_up(database, by, book_id, book.code, size, ended):
                watch.told.pop(book_id, None)
        except Fault as fault:
            figures.log_refused(type(fault).__name__)
            if now - watch.told.get(book_id, -SAYS_AGAIN_AFTER) >= SAYS_AGAIN_AFTER:
                watch.told[book_id] = now
                lines.error("log_not_signed", book=book.code, fault=type(fault).__name__, facts=str(fault))
        except (SQLAlchemyError, psycopg.Error) as error:  # of this book; the others shall not wait for it
            lines.warning("sealing_failed", book=book.code, error=connect.first_line(error))


async def _brought_up(
    database: AsyncEngine, by: Signer, book: int, code: str, size: int | None, ended: asyncio.Event
) -> bool:
    """Seals a book piece by piece and publishes it; False where another worker is at it, or we are to end.

    `size`: what is sealed already, if that is known, for the figures.
    """
    while not ended.is_set():
        async with database.begin() as tx:
            if not await log.my_turn(tx, book):
                return False
            await connect.no_timeout(tx)
            sealed = await log.seal(tx, book)
        figures.log_sealed(0 if size is None else max(0, sealed.size - size))
        size = sealed.size
        if sealed.complete:
            return await _published(database, by, book, code, sealed.size, wait=False) is not None
    return False


async def now(database: AsyncEngine, settings: Settings, book: int) -> Checkpoint | None:
    """Seals and publishes all that was committed when it was called; answers the newest checkpoint (None: no leaves).

    Raises UnknownBook, LogRolledBack, LogInconsistent, LogDamaged, SignerUnusable, SettingInvalid.
    """
    by = signer_of(settings)
    async with database.connect() as tx:
        code = await directory.book_code(tx, book)
    while True:
        size = await log.seal_all(database, book)
        done = await _published(database, by, book, code, size, wait=True)
        if done is not None or size == 0:
            return done


async def obstacle(tx: AsyncConnection, by: Signer, book: Book) -> Fault | None:
    """Why the log of the book, as it is sealed now, would not be signed; None: it would."""
    try:
        newest = await log.newest(tx, book.book_id, signer.origin(by, book.code))
        size = await log.size(tx, book.book_id)
        before = await asyncio.to_thread(signer.last, by, book.code, newest.note if newest else None)
        if before is not None and before.size > size:
            return LogRolledBack(signer.origin(by, book.code), size, before.size)
        if before is not None and await inclusion.root(tx, book.book_id, before.size) != before.root:
            return LogInconsistent(signer.origin(by, book.code), size, before.size)
        await inclusion.root(tx, book.book_id, size)
    except Fault as fault:
        return fault
    return None


async def _published(
    database: AsyncEngine, by: Signer, book: int, code: str, size: int, *, wait: bool
) -> Checkpoint | None:
    """The checkpoint of this complete size or of a greater one, published now or before.

    None: there is nothing to publish, it is another's turn, or more was signed meanwhile than `size` and it has to be
    sealed again. The leaves are committed before they are signed: what is signed can no longer be taken back.
    """
    origin = signer.origin(by, code)
    async with database.begin() as tx:
        if not await log.my_turn(tx, book, wait=wait):
            return None
        newest = await log.newest(tx, book, origin)
        ours = newest is not None and signer.is_ours(by, code, newest.note)
        if newest is not None and ours and newest.size >= size:
            return await _as_before(by, code, newest, await log.size(tx, book))
        if size == 0:
            return None
        note = None if newest is None else newest.note
        before = await asyncio.to_thread(signer.last, by, code, note)
        if before is not None and before.size > size and await log.size(tx, book) >= before.size:
            return None  # a worker that has ended since had signed it, and could not publish it any more
        root = await inclusion.root(tx, book, size)
        began = 0 if before is None or before.size > size else before.size
        proof = await inclusion.consistency(tx, book, began, size)
        # The signature is made by the disk's time; others have their turn.
        signed = await asyncio.to_thread(signer.sign, by, code, size, root, proof, note)
        done = await log.publish(tx, book, size, root, signed)
    figures.log_published()
    return done


async def _as_before(by: Signer, code: str, newest: Checkpoint, size: int) -> Checkpoint:
    """The newest checkpoint, where nothing is to be added; unless the signer knows of more than the log has."""
    before = await asyncio.to_thread(signer.last, by, code, newest.note)
    if before is not None and before.size > size:
        raise LogRolledBack(signer.origin(by, code), size, before.size)
    return newest
