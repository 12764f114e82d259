"""Roots, proofs and tiles read from the tables are those of the tree over all leaves."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.auditing import inclusion
from ledger.auditing.verifier import tree
from ledger.database import connect
from ledger.errors import LogDamaged
from tests.conftest import SERVICE, Server

LEAVES: Final = [hashlib.sha256(str(number).encode()).digest() for number in range(66_000)]
SIZES: Final = [1, 2, 3, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792, 66_000]


@pytest.fixture(scope="module")
def name(server: Server, template: str) -> Iterator[str]:
    """A database of its own, in which a log may be what it could not be otherwise."""
    made = server.new_database(template)
    yield made
    server.drop_database(made)


@pytest.fixture
async def database(server: Server, name: str) -> AsyncIterator[AsyncEngine]:
    engine = connect.to(server.url(SERVICE, name))
    yield engine
    await engine.dispose()


@pytest.fixture(scope="module")
def log(server: Server, name: str) -> int:
    """A book whose log has LEAVES; nothing stands behind them."""
    book = 7
    nodes, level, above = [], 0, LEAVES
    while len(above) >= inclusion.TILE:
        level += 1
        full = range(0, len(above) - inclusion.TILE + 1, inclusion.TILE)
        above = [tree.root_of(above[first : first + inclusion.TILE]) for first in full]
        nodes += [(level, place, each) for place, each in enumerate(above)]
    server.execute(
        f"""INSERT INTO log_leaves (book_id, leaf_index, type, item, voucher_year, voucher_number, commitment, hash)
            SELECT {book}, n, 'event', gen_random_uuid(), NULL, NULL, '', sha256(convert_to(n::text, 'UTF8'))
              FROM generate_series(0, {len(LEAVES) - 1}) AS n""",
        *(f"INSERT INTO log_nodes VALUES ({book}, {of}, {place}, '\\x{each.hex()}')" for of, place, each in nodes),
        database=name,
    )
    return book


@pytest.mark.parametrize("size", SIZES)
async def test_the_root_of_any_size_is_that_of_its_leaves(database: AsyncEngine, log: int, size: int) -> None:
    async with database.connect() as tx:
        assert await inclusion.root(tx, log, size) == tree.root_of(LEAVES[:size])


async def test_the_root_of_an_empty_log_is_the_digest_of_nothing(database: AsyncEngine, log: int) -> None:
    async with database.connect() as tx:
        assert await inclusion.root(tx, log, 0) == tree.EMPTY


@pytest.mark.parametrize("size", SIZES)
async def test_the_path_of_a_leaf_leads_to_the_root(database: AsyncEngine, log: int, size: int) -> None:
    root = tree.root_of(LEAVES[:size])
    drawn = random.Random(size)
    indexes = {0, size - 1, size // 2, min(255, size - 1), min(256, size - 1), *drawn.sample(range(size), min(size, 5))}
    async with database.connect() as tx:
        for index in indexes:
            path = await inclusion.inclusion(tx, log, index, size)
            assert tree.inclusion_is_valid(index, size, LEAVES[index], path, root), index


@pytest.mark.parametrize("new", SIZES)
async def test_every_earlier_size_is_shown_to_be_the_beginning(database: AsyncEngine, log: int, new: int) -> None:
    root = tree.root_of(LEAVES[:new])
    olds = {old for old in (0, *SIZES, new - 1, new // 2, new // 3) if old <= new}
    async with database.connect() as tx:
        for old in olds:
            proof = await inclusion.consistency(tx, log, old, new)
            assert tree.consistency_is_valid(old, new, tree.root_of(LEAVES[:old]), root, proof), old


async def test_all_proofs_in_small_trees_are_right(database: AsyncEngine, log: int) -> None:
    async with database.connect() as tx:
        for size in range(1, 18):
            root = tree.root_of(LEAVES[:size])
            for index in range(size):
                path = await inclusion.inclusion(tx, log, index, size)
                assert tree.inclusion_is_valid(index, size, LEAVES[index], path, root)
                proof = await inclusion.consistency(tx, log, index, size)
                assert tree.consistency_is_valid(index, size, tree.root_of(LEAVES[:index]), root, proof)


async def test_a_proof_is_read_in_one_statement(database: AsyncEngine, log: int) -> None:
    said = []

    def hear(*heard: object) -> None:
        said.append(heard[2])

    async with database.connect() as tx:
        assert tx.sync_connection
        event.listen(tx.sync_connection, "before_cursor_execute", hear)
        await inclusion.inclusion(tx, log, 300, 66_000)
        assert len(said) == 1
        await inclusion.consistency(tx, log, 300, 66_000)
        await inclusion.root(tx, log, 66_000)
        assert len(said) == 3


async def test_tiles_are_the_hashes_in_a_row(database: AsyncEngine, log: int) -> None:
    async with database.connect() as tx:
        assert await inclusion.tile(tx, log, 0, 1, 256) == b"".join(LEAVES[256:512])
        assert await inclusion.tile(tx, log, 0, 257, 208) == b"".join(LEAVES[65_792:])
        first, second = await inclusion.tile(tx, log, 1, 0, 256), await inclusion.tile(tx, log, 1, 1, 1)
        assert (first + second)[32 * 256 :] == tree.root_of(LEAVES[65_536:65_792])
        assert await inclusion.tile(tx, log, 2, 0, 1) == tree.root_of(LEAVES[:65_536])


async def test_what_the_log_has_not_is_said_and_not_guessed(database: AsyncEngine, log: int) -> None:
    async with database.connect() as tx:
        with pytest.raises(LogDamaged) as leaf:
            await inclusion.root(tx, log, 66_001)
        assert (leaf.value.level, leaf.value.tile) == (0, 257)
        with pytest.raises(LogDamaged) as node:
            await inclusion.tile(tx, log, 2, 0, 2)
        assert (node.value.level, node.value.tile) == (2, 0)
        for index, size in ((0, 0), (5, 5), (-1, 5)):
            with pytest.raises(ValueError, match="no leaf"):
                await inclusion.inclusion(tx, log, index, size)
        with pytest.raises(ValueError, match="does not begin"):
            await inclusion.consistency(tx, log, 6, 5)
        with pytest.raises(ValueError, match="no tile"):
            await inclusion.tile(tx, log, 0, 0, 257)
