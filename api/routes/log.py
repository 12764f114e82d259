"""The sealed log over HTTP: checkpoints, hashes and proofs for everybody, entries for auditors, receipts for parties.

`…/log` is the prefix of a log as C2SP defines it (tlog-tiles): `…/log/checkpoint` and `…/log/tile/…`; the same tiles
are at `…/log/tiles/…`. What is public are hashes, from which nobody finds out what they were made of.
"""

from __future__ import annotations

import base64
import re
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, Parameter, QueryParameter
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import answers, auth, receipts, views
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.rights import Principal, Right
from ledger.auditing import inclusion, log, looks, signer
from ledger.auditing import receipts as receipts_of
from ledger.auditing.log import Checkpoint
from ledger.auditing.verifier import receipts as verifier
from ledger.auditing.verifier.receipts import Promise
from ledger.books import directory
from ledger.errors import InvalidField, NotPublished

TEXT: Final = "text/plain"
BINARY: Final = "application/octet-stream"
A_MOMENT: Final = {"Cache-Control": "public, max-age=2"}
FOR_GOOD: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
"""A tile of a published size never changes."""
FOR_GOOD_PRIVATELY: Final = {"Cache-Control": "private, max-age=31536000, immutable"}

_TILE: Final = re.compile(
    r"/(?P<level>0|[1-9][0-9]?)/(?P<place>(?!x000/)(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)
_HIGHEST: Final = 63
_LONGEST: Final = 0xFFFF

Index = FromQuery[Annotated[int, Parameter(ge=0, le=2**63 - 1, description="The number of a leaf, from 0.")]]
Size = FromQuery[Annotated[int, Parameter(ge=1, le=2**63 - 1, description="How many leaves the tree has.")]]
Book = FromPath[str]
Tile = FromPath[Annotated[str, Parameter(description="`<level>/<place>[.p/<width>]`, as C2SP tlog-tiles has it.")]]
Entries = FromPath[Annotated[str, Parameter(description="`<place>[.p/<width>]`, as C2SP tlog-tiles has it.")]]


class InclusionView(msgspec.Struct, frozen=True):
    """That a leaf is in the tree of `size` leaves: its hash, and the hashes from its sibling up (base64, RFC 6962)."""

    index: int
    size: int
    leaf: str
    path: list[str]


class ConsistencyView(msgspec.Struct, frozen=True):
    """That the tree of `to` leaves begins with that of `from` leaves (base64, RFC 6962)."""

    since: int = msgspec.field(name="from")
    until: int = msgspec.field(name="to")
    path: list[str]


class ReceiptView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What proves that a transaction is in the published books, or the promise that it will be.

    `receipt`: a text to be kept as a file, which `meide verify` checks; `page`: where anybody sees whether it is right.
    `promise`: a signed note of the log's, to be kept until the receipt is there and compared with it.
    """

    status: Literal["sealed", "promised"]
    transaction: UUID
    receipt: str | None = None
    page: str | None = None
    promise: str | None = None


# --- for everybody ----------------------------------------------------------------------------------------------------

_PUBLIC: Final = {status: spec for status, spec in views.refusals(400, 404).items() if status in (400, 404, 503)}


@get(
    "/checkpoint",
    operation_id="readCheckpoint",
    summary="The newest checkpoint",
    media_type=TEXT,
    responses={status: spec for status, spec in _PUBLIC.items() if status != 400},
)
async def read_checkpoint(database: NamedDependency[AsyncEngine], book: Book) -> Response[str]:
    """The newest checkpoint of the book's log: a signed note (C2SP tlog-checkpoint) of its size and root."""
    async with database.connect() as tx:
        _, newest = await _published(tx, book)
    return Response(newest.note, media_type=TEXT, headers=A_MOMENT)


@get(
    "/key",
    operation_id="readLogKey",
    summary="The verification key of the log",
    media_type=TEXT,
    responses={status: spec for status, spec in _PUBLIC.items() if status != 400},
)
async def read_key(
    database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings], book: Book
) -> Response[str]:
    """The key with which the log is signed (C2SP signed-note). Who checks the log should have it from elsewhere too."""
    async with database.connect() as tx:
        of = await directory.find_book(tx, book)
    return Response(f"{signer.vkey(receipts.signer_of(settings), of.code)}\n", media_type=TEXT, headers=A_MOMENT)


@get("/tiles/{tile:path}", operation_id="readTile", summary="A tile of hashes", media_type=BINARY, responses=_PUBLIC)
async def read_tile(database: NamedDependency[AsyncEngine], book: Book, tile: Tile) -> Response[bytes]:
    """Up to 256 hashes of one level, one after the other (C2SP tlog-tiles); of published leaves only."""
    return await _tile(database, book, tile)


@get(
    "/tile/{tile:path}",
    operation_id="readTileByPrefix",
    summary="A tile of hashes, at its address in C2SP",
    media_type=BINARY,
    responses=_PUBLIC,
)
async def read_tile_by_prefix(database: NamedDependency[AsyncEngine], book: Book, tile: Tile) -> Response[bytes]:
    """Up to 256 hashes of one level, one after the other (C2SP tlog-tiles); of published leaves only."""
    return await _tile(database, book, tile)


@get("/inclusion", operation_id="proveInclusion", summary="Proof that a leaf is in the log", responses=_PUBLIC)
async def prove_inclusion(
    database: NamedDependency[AsyncEngine], book: Book, index: Index, size: Size
) -> Response[InclusionView]:
    """The hash of leaf `index`, and the path from it to the root of the first `size` leaves (RFC 6962, 2.1.1)."""
    if index >= size:
        raise InvalidField("index", "not_in_the_tree")
    async with database.connect() as tx:
        book_id = await _within(tx, book, size)
        leaf = await inclusion.tile(tx, book_id, 0, index // inclusion.TILE, index % inclusion.TILE + 1)
        path = await inclusion.inclusion(tx, book_id, index, size)
    return Response(InclusionView(index, size, _base64(leaf[-32:]), [_base64(each) for each in path]), headers=FOR_GOOD)


@get(
    "/consistency",
    operation_id="proveConsistency",
    summary="Proof that the log has only grown",
    responses=_PUBLIC,
)
async def prove_consistency(
    database: NamedDependency[AsyncEngine],
    book: Book,
    since: Annotated[int, QueryParameter(name="from", ge=1, le=2**63 - 1, description="The smaller size.")],
    until: Annotated[int, QueryParameter(name="to", ge=1, le=2**63 - 1, description="The larger size.")],
) -> Response[ConsistencyView]:
    """The hashes that prove that the first `from` leaves are the beginning of the first `to` (RFC 6962, 2.1.2)."""
    if since > until:
        raise InvalidField("from", "after_the_end")
    async with database.connect() as tx:
        path = await inclusion.consistency(tx, await _within(tx, book, until), since, until)
    return Response(ConsistencyView(since, until, [_base64(each) for each in path]), headers=FOR_GOOD)


# --- for auditors and parties -----------------------------------------------------------------------------------------

_AUDITORS: Final = {"right": Right.AUDIT}


@get(
    "/tiles/entries/{tile:path}",
    opt=_AUDITORS,
    operation_id="readEntries",
    summary="The entries under a tile",
    media_type=BINARY,
    responses=views.refusals(400, 404),
)
async def read_entries(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], tile: Entries
) -> Response[bytes]:
    """The lines under a tile of leaf hashes, each after its length in two bytes (C2SP tlog-tiles, entry bundles)."""
    return await _entries(database, me, tile)


@get(
    "/tile/entries/{tile:path}",
    opt=_AUDITORS,
    operation_id="readEntriesByPrefix",
    summary="The entries under a tile, at their address in C2SP",
    media_type=BINARY,
    responses=views.refusals(400, 404),
)
async def read_entries_by_prefix(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], tile: Entries
) -> Response[bytes]:
    """The lines under a tile of leaf hashes, each after its length in two bytes (C2SP tlog-tiles, entry bundles)."""
    return await _entries(database, me, tile)


@get(
    "/receipts/{transaction_id:uuid}",
    opt={"right": Right.READ_BOOKS, "scoped": True, "also": Right.OWN},
    operation_id="readReceipt",
    summary="The receipt of a transaction",
    responses=views.refusals(404)
    | views.shown(200, ReceiptView, "It is in the published log")
    | views.shown(202, ReceiptView, "It will be: a promise"),
)
async def read_receipt(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    transaction_id: FromPath[UUID],
) -> ASGIResponse:
    """What proves that a transaction is in the published books; before it is sealed, the promise that it will be.

    Who reads the books gets the line and what opens it. Those whose account it touches get the line where no other
    person, household or shop stands in it, else a slip that shows the line's hash.
    """
    found = await receipts.asked(database, settings, me, transaction_id)
    if isinstance(found, Promise):
        view = ReceiptView("promised", transaction_id, promise=found.note)
        return answers.Encoded(msgspec.json.encode(view), 202)
    page = receipts.address(settings, str(request.base_url), found)
    view = ReceiptView("sealed", transaction_id, verifier.text_of(found), page)
    return answers.Encoded(msgspec.json.encode(view), 200)


# --- parts ------------------------------------------------------------------------------------------------------------


async def _published(tx: AsyncConnection, book: str) -> tuple[int, Checkpoint]:
    """The book's number and its newest checkpoint; UnknownBook, NotPublished."""
    of = await directory.find_book(tx, book)
    newest = await log.newest(tx, of.book_id)
    if newest is None:
        raise NotPublished(of.code, 0)
    return of.book_id, newest


async def _within(tx: AsyncConnection, book: str, size: int) -> int:
    """The book's number, if so many leaves are published; UnknownBook, NotPublished."""
    book_id, newest = await _published(tx, book)
    if size > newest.size:
        raise NotPublished(book, newest.size)
    return book_id


def _place(tile: str) -> tuple[int, int, int]:
    """Level, place and width of a tile; InvalidField."""
    read = _TILE.fullmatch(tile)
    level, place, width = (0, "", None) if read is None else (int(read["level"]), read["place"], read["width"])
    wide = inclusion.TILE if width is None else int(width)
    if read is None or level > _HIGHEST or wide > inclusion.TILE or (width is not None and wide == inclusion.TILE):
        raise InvalidField("tile", "not_a_tile")
    return level, int(re.sub(r"[x/]", "", place)), wide


async def _tile(database: AsyncEngine, book: str, tile: str) -> Response[bytes]:
    level, place, width = _place(tile)
    async with database.connect() as tx:
        book_id = await _within(tx, book, (place * inclusion.TILE + width) * inclusion.TILE**level)
        hashes = await inclusion.tile(tx, book_id, level, place, width)
    return Response(hashes, media_type=BINARY, headers=FOR_GOOD)


async def _entries(database: AsyncEngine, me: Principal, tile: str) -> Response[bytes]:
    _, place, width = _place(f"/0{tile}")
    first = place * inclusion.TILE
    async with database.begin() as tx:
        book_id = await _within(tx, me.book, first + width)
        lines = await receipts_of.lines(tx, book_id, first, first + width)
        await looks.add(tx, book_id, me.name, "entry_bundle", {"tile": tile})
    packed = [line.encode() for line in lines]
    if any(len(line) > _LONGEST for line in packed):
        raise InvalidField("tile", "line_too_long")
    body = b"".join(len(line).to_bytes(2, "big") + line for line in packed)
    return Response(body, media_type=BINARY, headers=FOR_GOOD_PRIVATELY)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


public_router = Router(
    path="/books/{book:str}/log",
    route_handlers=[
        read_checkpoint,
        read_key,
        read_tile,
        read_tile_by_prefix,
        prove_inclusion,
        prove_consistency,
    ],
    tags=["log"],
)
router = Router(
    path="/books/{book:str}/log",
    route_handlers=[read_entries, read_entries_by_prefix, read_receipt],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["log"],
)
