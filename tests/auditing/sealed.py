"""Sealed books for tests: everything that has been committed in the log, and checkpoints signed with a key of ours."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.auditing import log
from ledger.auditing.log import Checkpoint
from ledger.auditing.tables import log_leaves
from ledger.auditing.verifier import notes, tree
from ledger.books.directory import Book

KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC: Final = KEY.public_key().public_bytes_raw()
OTHER: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def origin(book: Book) -> str:
    return f"ledger.test/{book.code}"


async def seal(database: AsyncEngine, book: Book) -> int:
    """Seals all that the book has by now; answers how many leaves it has.

    What is younger than a database transaction that anybody on this server has begun and not ended waits for its end:
    tests run beside others.
    """
    while True:
        size = await log.seal_all(database, book.book_id)
        async with database.connect() as tx:
            if size == await committed(tx, book):
                return size


async def committed(tx: AsyncConnection, book: Book) -> int:
    """How many transactions and events a book has."""
    counted = (
        "(SELECT count(*) FROM transactions WHERE book_id = :b) + (SELECT count(*) FROM events WHERE book_id = :b)"
    )
    return int((await tx.execute(text(f"SELECT {counted}"), {"b": book.book_id})).scalar_one())


async def hashes(tx: AsyncConnection, book: Book) -> list[bytes]:
    """The hashes of a book's leaves, in order."""
    c = log_leaves.c
    return list((await tx.execute(select(c.hash).where(c.book_id == book.book_id).order_by(c.leaf_index))).scalars())


async def publish(database: AsyncEngine, book: Book, key: Ed25519PrivateKey = KEY) -> Checkpoint:
    """Seals all and publishes a checkpoint of it."""
    await seal(database, book)
    async with database.begin() as tx:
        leaves = await hashes(tx, book)
        root = tree.root_of(leaves)
        note = signed(origin(book), len(leaves), root, key)
        return await log.publish(tx, book.book_id, len(leaves), root, note)


def signed(name: str, size: int, root: bytes, key: Ed25519PrivateKey = KEY) -> str:
    """The note of a checkpoint as the signer of the log `name` writes it."""
    body = notes.body(name, size, root)
    return notes.signed(body, name, key.public_key().public_bytes_raw(), key.sign(body.encode()))
