"""Roots, proofs and tiles of a book's log (RFC 6962, section 2.1), read from its leaves and from the roots of its full
aligned subtrees of 256, 65,536 … leaves.

A tile of level 0 is 256 leaves in a row, one of level 1 the roots of 256 such tiles, and so on (C2SP tlog-tiles). What
a proof or a root needs lies in the tile of its leaf and in the last tile of each level: these are read in one
statement, whatever the size of the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.auditing.verifier.tree import node_hash
from ledger.errors import LogDamaged

TILE: Final = 256
"""Hashes of a tile that is full."""
_BITS: Final = 8
_BYTES: Final = 32

Span = tuple[int, int]
"""The leaves from the first number up to the second, without it."""
Piece = tuple[int, bytes]
"""Some hashes of a tile one after the other, and the number of the first of them on its level."""

_READ: Final = text("""
    SELECT wanted.level, wanted.place,
           CASE WHEN wanted.level = 0 THEN (
               SELECT string_agg(l.hash, ''::bytea ORDER BY l.leaf_index) FROM log_leaves l
                WHERE l.book_id = :book AND l.leaf_index >= wanted.place AND l.leaf_index < wanted.past)
           ELSE (
               SELECT string_agg(n.hash, ''::bytea ORDER BY n.place) FROM log_nodes n
                WHERE n.book_id = :book AND n.level = wanted.level
                  AND n.place >= wanted.place AND n.place < wanted.past)
           END
      FROM unnest(CAST(:levels AS integer[]), CAST(:places AS bigint[]), CAST(:pasts AS bigint[]))
        AS wanted (level, place, past)""")


async def root(tx: AsyncConnection, book: int, size: int) -> bytes:
    """The root of the log's first `size` leaves. LogDamaged if one of them, or what is kept of them, is missing."""
    (found,) = await _hashes(tx, book, [(0, size)])
    return found


async def inclusion(tx: AsyncConnection, book: int, index: int, size: int) -> list[bytes]:
    """The path from the leaf `index` to the root of the first `size` leaves, from below. LogDamaged.

    `index` is below `size`, and the log has at least `size` leaves: whoever asks for others gets a ValueError.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    return await _hashes(tx, book, _path(index, size))


async def consistency(tx: AsyncConnection, book: int, old: int, new: int) -> list[bytes]:
    """The proof that the first `new` leaves begin with the first `old`; empty if these are none, or all. LogDamaged."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not begin with {old}")
    return await _hashes(tx, book, _between(old, new) if 0 < old < new else [])


async def tile(tx: AsyncConnection, book: int, level: int, place: int, width: int) -> bytes:
    """The first `width` hashes (1 … 256) of a tile, one after the other. LogDamaged where the log has not so many."""
    if not (level >= 0 and place >= 0 and 0 < width <= TILE):
        raise ValueError(f"no tile of level {level} at {place} with {width} hashes")
    first = place * TILE
    return (await _read(tx, book, {(level, place): (first, first + width)}))[level, place]


def path(index: int, size: int, pieces: Iterable[tuple[int, int, bytes]]) -> list[bytes]:
    """As `inclusion`, for whoever has read the hashes: (level, number of the first one on its level, hashes in a row)
    of the tiles on the way up from the leaf, and of the last tile of each level. LogDamaged.
    """
    found = {(level, first // TILE): (first, hashes) for level, first, hashes in pieces}
    return _roots(found, _path(index, size))


# --- which subtrees ------------------------------------------------------------------------------------------------


def _path(index: int, size: int) -> list[Span]:
    """The subtrees beside the way from a leaf to the root, from below (RFC 6962, 2.1.1)."""
    beside = []
    first, past = 0, size
    while past - first > 1:
        middle = first + _left(past - first)
        if index < middle:
            beside.append((middle, past))
            past = middle
        else:
            beside.append((first, middle))
            first = middle
    return beside[::-1]


def _between(old: int, new: int) -> list[Span]:
    """The subtrees of a consistency proof, from below (RFC 6962, 2.1.2); 0 < old < new."""
    beside = []
    first, past = 0, new
    while old != past:
        middle = first + _left(past - first)
        if old <= middle:
            beside.append((middle, past))
            past = middle
        else:
            beside.append((first, middle))
            first = middle
    if first > 0:  # otherwise it is the old root itself, which who checks the proof knows
        beside.append((first, past))
    return beside[::-1]


def _left(leaves: int) -> int:
    """How many leaves the left subtree has: the greatest power of two below."""
    return 1 << (leaves - 1).bit_length() - 1


def _full(span: Span) -> Iterator[tuple[int, int]]:
    """The full aligned subtrees that make up a span, from the left, the largest first: (bits, place)."""
    first, past = span
    while first < past:
        bits = (past - first).bit_length() - 1
        yield bits, first >> bits
        first += 1 << bits


# --- their hashes --------------------------------------------------------------------------------------------------


async def _hashes(tx: AsyncConnection, book: int, spans: list[Span]) -> list[bytes]:
    """The roots of the subtrees over these leaves."""
    wanted: dict[tuple[int, int], Span] = {}
    for span in spans:
        for bits, place in _full(span):
            first, past = _in_tile(bits, place)
            at = bits // _BITS, first // TILE
            known = wanted.get(at, (first, past))
            wanted[at] = min(known[0], first), max(known[1], past)
    tiles = await _read(tx, book, wanted) if wanted else {}
    return _roots({at: (wanted[at][0], hashes) for at, hashes in tiles.items()}, spans)


def _roots(pieces: Mapping[tuple[int, int], Piece], spans: list[Span]) -> list[bytes]:
    """The roots of the subtrees over these leaves, from pieces of tiles. LogDamaged where one is too short."""

    def of_full(bits: int, place: int) -> bytes:
        first, past = _in_tile(bits, place)
        at = bits // _BITS, first // TILE
        begin, hashes = pieces.get(at, (first, b""))
        packed = hashes[(first - begin) * _BYTES : (past - begin) * _BYTES]
        if len(packed) != (past - first) * _BYTES:
            raise LogDamaged(*at)
        level = [packed[at : at + _BYTES] for at in range(0, len(packed), _BYTES)]
        while len(level) > 1:
            level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
        return level[0]

    def of_span(span: Span) -> bytes:
        parts = [of_full(*each) for each in _full(span)]
        if not parts:
            return hashlib.sha256().digest()  # of no leaf at all
        whole = parts.pop()
        while parts:
            whole = node_hash(parts.pop(), whole)
        return whole

    return [of_span(span) for span in spans]


def _in_tile(bits: int, place: int) -> Span:
    """The hashes, of the level that is next below, over which a full subtree stands; they are in one tile."""
    within = bits % _BITS
    return place << within, place + 1 << within


async def _read(tx: AsyncConnection, book: int, wanted: dict[tuple[int, int], Span]) -> dict[tuple[int, int], bytes]:
    """Pieces of tiles: (level, tile) → its hashes from a place up to another, in one statement."""
    rows = await tx.execute(
        _READ,
        {
            "book": book,
            "levels": [level for level, _ in wanted],
            "places": [first for first, _ in wanted.values()],
            "pasts": [past for _, past in wanted.values()],
        },
    )
    found = {(level, place // TILE): bytes(hashes or b"") for level, place, hashes in rows}
    for (level, at), (first, past) in wanted.items():
        if len(found[level, at]) != (past - first) * _BYTES:
            raise LogDamaged(level, at)
    return found
