"""Stock: what an outlet has of what it counts, how it came there, and what was found when somebody looked.

Stock stands in 1200.x at what it was received at: the pieces at the price of that day. What is taken goes at the
average of what is there, and the last piece takes the rest with it, so that pieces and points end at zero together. The
merchant's own goods can be counted, and are never in the books.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast, get_args
from uuid import UUID

from psycopg.types.numeric import Int4
from sqlalchemy import any_, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.books import chart
from ledger.books.chart import CODE, NewAccount
from ledger.books.proposals import MOST, Line, Proposal
from ledger.database import connect, pipeline
from ledger.database.arrays import Bigints, Texts
from ledger.database.pipeline import Statement
from ledger.days import day_of
from ledger.errors import InvalidField, NotOffered, SoldOut, StockChanged
from ledger.spending import catalogue, outlets, postings
from ledger.spending.catalogue import Kind, Supply
from ledger.spending.tables import items, offers, stock_moves
from ledger.text import one_line

Origin = Literal["donated", "bought", "merchant"]
ORIGINS: Final[tuple[Origin, ...]] = get_args(Origin)

MOST_PIECES: Final = 1_000_000
"""In one receipt or count."""
MOST_ITEMS: Final = 200
"""In one count."""
NOTE_LENGTH: Final = 200
SHORTEST_REASON: Final = 4

_DONATIONS: Final = NewAccount("3200", "实物捐赠", "equity", "PT")
_BACKING: Final = NewAccount("1100", "兑付准备", "asset", "PT")
_MONEY: Final = (
    _BACKING,
    NewAccount("1110", "资金", "asset", "CNY"),
    NewAccount("3110", "资金本金", "equity", "CNY"),
)
_LOSS: Final = NewAccount("5300", "尾差与库存损失", "expense", "PT")


@dataclass(frozen=True, slots=True)
class Shelf:
    """What an outlet has of an item. `pieces` None: not counted. `value`: at what those stand in 1200.x, in points."""

    item: str
    name: str
    kind: Kind
    supply: Supply
    pieces: int | None
    value: int
    offered: bool


@dataclass(frozen=True, slots=True)
class Move:
    """A receipt or a count. `pieces` and `value` (in points) are what they added, below zero what was missing."""

    move_id: UUID
    item: str
    kind: str
    pieces: int
    value: int
    note: str
    transaction_id: UUID | None
    moved_by: str
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """What somebody found of an item; and what should have been there when she began, if she was told."""

    item: str
    found: int
    expected: int | None = None


def account_of(outlet: str) -> NewAccount:
    """Where an outlet's stock stands in the books."""
    return NewAccount(f"1200.{outlet}", "库存", "asset", "PT")


# --- goods come, and are counted -------------------------------------------------------------------------------------


async def receive(
    tx: AsyncConnection,
    book: int,
    outlet: str,
    item: str,
    pieces: int,
    origin: str,
    *,
    fen: int = 0,
    note: str = "",
    call: str,
    by: str,
    now: datetime,
) -> Move:
    """Pieces have come: donated (T12), bought with the programme's money (for `fen`), or the merchant's own.

    Donated and bought ones are in the books at today's price. An item that the outlet did not have yet is offered from
    now on; what is switched off stays so. InvalidField, UnknownOutlet, UnknownGoods, OfferExists (from elsewhere),
    NotOffered (no price yet), and what the books refuse.
    """
    if origin not in ORIGINS:
        raise InvalidField("origin", "not_an_origin")
    if not 1 <= pieces <= MOST_PIECES:
        raise InvalidField("pieces", "out_of_range")
    if not (1 if origin == "bought" else 0) <= fen <= (MOST if origin == "bought" else 0):
        raise InvalidField("fen", "out_of_range")
    if not one_line(note, least=0, most=NOTE_LENGTH):
        raise InvalidField("note", "not_a_note")
    await catalogue.offer(tx, book, outlet, item, "merchant" if origin == "merchant" else "stock", switch_on=False)
    value = 0 if origin == "merchant" else pieces * await _price(tx, book, item, now)
    there = (
        await tx.execute(
            update(offers)
            .where(offers.c.book_id == book, offers.c.outlet == outlet, offers.c.item == item)
            .values(pieces=func.coalesce(offers.c.pieces, 0) + pieces, value=offers.c.value + value)
            .returning(offers.c.pieces, offers.c.value)
        )
    ).one()
    if there.pieces > MOST or there.value > MOST:
        raise InvalidField("pieces", "out_of_range")
    stock = f"1200.{outlet}"
    lines: list[Line] = []
    if origin == "donated" and value:
        lines = [Line(stock, "debit", value), Line("3200", "credit", value)]
    elif origin == "bought":
        lines = [Line("3110", "debit", fen), Line("1110", "credit", fen)]
        if value:
            lines = [Line(stock, "debit", value), Line("1100", "credit", value), *lines]
    new = [account_of(outlet), *((_DONATIONS,) if origin == "donated" else _MONEY)]
    move = Move(next(identifiers.rising(now)), item, origin, pieces, value, note, None, by, now)
    [done] = await _keep(tx, book, outlet, [(move, lines)], new, call)
    return done


async def count(
    tx: AsyncConnection,
    book: int,
    outlet: str,
    counted: Sequence[Counted],
    reason: str = "",
    *,
    call: str,
    by: str,
    now: datetime,
) -> list[Move]:
    """盘点: what is really there. A difference goes at carried value to 5300, and needs a reason; all or nothing.

    A piece too many stands at what the others do, or at today's price where there was none. What was not counted until
    now is from now on. InvalidField, UnknownOutlet, NotOffered, StockChanged (something was sold or came since she was
    told what should be there: count that again), and what the books refuse.
    """
    if not 1 <= len(counted) <= MOST_ITEMS:
        raise InvalidField("items", "out_of_range")
    for index, each in enumerate(counted):
        if not 0 <= each.found <= MOST_PIECES:
            raise InvalidField(f"items[{index}].found", "out_of_range")
        if any(each.item == earlier.item for earlier in counted[:index]):
            raise InvalidField(f"items[{index}].item", "given_twice")
    if not one_line(reason, least=0, most=NOTE_LENGTH):
        raise InvalidField("reason", "not_a_reason")
    await outlets.find(tx, book, outlet)
    there = await _locked(tx, book, outlet, [each.item for each in counted])
    numbers = identifiers.rising(now)
    moves: list[tuple[Move, list[Line]]] = []
    for each in sorted(counted, key=lambda each: each.item):
        if each.item not in there:
            raise NotOffered(each.item)
        supply, pieces, value = there[each.item]
        if each.expected is not None and each.expected != (pieces or 0):
            raise StockChanged(each.item, pieces or 0)
        more = each.found - (pieces or 0)
        if more and pieces is not None and len(reason.strip()) < SHORTEST_REASON:
            raise InvalidField("reason", "not_a_reason")
        if supply == "merchant":
            change = 0
        elif pieces:
            change = value * abs(more) // pieces * (1 if more > 0 else -1)
        else:
            change = more * await _price(tx, book, each.item, now)
        if value + change > MOST:
            raise InvalidField("found", "out_of_range")
        move = Move(next(numbers), each.item, "count", more, change, reason if more else "", None, by, now)
        moves.append((move, _loss(outlet, change)))
        await tx.execute(
            update(offers)
            .where(offers.c.book_id == book, offers.c.outlet == outlet, offers.c.item == each.item)
            .values(pieces=each.found, value=value + change)
        )
    return await _keep(tx, book, outlet, moves, [account_of(outlet), _LOSS], call)


# --- goods go, and come back -----------------------------------------------------------------------------------------

# Locks the rows in their order and then changes them: an UPDATE alone locks in whatever order it finds them. What is
# read of a row is what it has become while we waited for it. Uncounted goods are neither waited for nor changed.
# Prepared: every redemption of goods asks for it.
_TAKE: Final = Statement(
    b"meide_take",
    b"""WITH there AS (
         SELECT offers.item, offers.pieces, offers.value, wanted.quantity
           FROM offers
           JOIN unnest($3::text[], $4::bigint[]) AS wanted (item, quantity)
             ON offers.item = wanted.item
          WHERE offers.book_id = $1 AND offers.outlet = $2 AND offers.pieces IS NOT NULL
          ORDER BY offers.item
            FOR NO KEY UPDATE OF offers),
       taken AS (
         SELECT item, quantity, pieces,
                CASE WHEN pieces > 0 THEN CAST(div(CAST(value AS numeric) * quantity, pieces) AS bigint) END AS value
           FROM there),
       changed AS (
         UPDATE offers SET pieces = offers.pieces - taken.quantity, value = offers.value - taken.value
           FROM taken
          WHERE offers.book_id = $1 AND offers.outlet = $2 AND offers.item = taken.item
            AND NOT EXISTS (SELECT FROM taken AS short WHERE short.pieces < short.quantity))
       SELECT item, quantity, pieces, value FROM taken ORDER BY item""",
)

_PUT_BACK: Final = text(
    """WITH there AS (
         SELECT offers.item, back.pieces, back.value
           FROM offers
           JOIN unnest(CAST(:items AS text[]), CAST(:pieces AS bigint[]), CAST(:values AS bigint[]))
                AS back (item, pieces, value)
             ON offers.item = back.item
          WHERE offers.book_id = :book AND offers.outlet = :outlet AND offers.pieces IS NOT NULL
          ORDER BY offers.item
            FOR NO KEY UPDATE OF offers)
       UPDATE offers SET pieces = offers.pieces + there.pieces, value = offers.value + there.value
         FROM there
        WHERE offers.book_id = :book AND offers.outlet = :outlet AND offers.item = there.item"""
)


async def take(tx: AsyncConnection, book: int, outlet: str, wanted: Mapping[str, int]) -> dict[str, int]:
    """Takes pieces off an outlet's stock; what they stood at in 1200.x, of each item: 0 of the merchant's own.

    SoldOut: then none of them is taken. What is not counted is never sold out.
    """
    found = dict.fromkeys(wanted, 0)
    asked = (Int4(book), outlet, Texts(list(wanted)), Bigints(list(wanted.values())))
    for row in await pipeline.run(await connect.driver(tx), (_TAKE, asked)):
        if row["pieces"] < row["quantity"]:
            raise SoldOut(row["item"])
        found[row["item"]] = row["value"]
    return found


async def put_back(tx: AsyncConnection, book: int, outlet: str, returned: Iterable[tuple[str, int, int]]) -> None:
    """Pieces of items have come back to the shelf, with what they stood at when they were taken."""
    back: dict[str, tuple[int, int]] = {}
    for item, pieces, value in returned:
        before = back.get(item, (0, 0))
        back[item] = (before[0] + pieces, before[1] + value)
    if back:
        await tx.execute(
            _PUT_BACK,
            {
                "book": book,
                "outlet": outlet,
                "items": list(back),
                "pieces": [pieces for pieces, _ in back.values()],
                "values": [value for _, value in back.values()],
            },
        )


# --- what is there ---------------------------------------------------------------------------------------------------


async def shelves(tx: AsyncConnection, book: int, outlet: str) -> list[Shelf]:
    """All that an outlet has or had, also what is switched off, by code; UnknownOutlet."""
    await outlets.find(tx, book, outlet)
    rows = await tx.execute(
        select(
            offers.c.item,
            items.c.name,
            items.c.kind,
            offers.c.supply,
            offers.c.pieces,
            offers.c.value,
            offers.c.offered,
        )
        .join(items, (items.c.book_id == book) & (items.c.item == offers.c.item))
        .where(offers.c.book_id == book, offers.c.outlet == outlet)
        .order_by(offers.c.item)
    )
    return [
        Shelf(item, name, cast(Kind, kind), cast(Supply, supply), pieces, value, on)
        for item, name, kind, supply, pieces, value, on in rows
    ]


_MOVE: Final = (
    stock_moves.c.move_id,
    stock_moves.c.item,
    stock_moves.c.kind,
    stock_moves.c.pieces,
    stock_moves.c.value,
    stock_moves.c.note,
    stock_moves.c.transaction_id,
    stock_moves.c.moved_by,
    stock_moves.c.moved_at,
)


async def moves_of(
    tx: AsyncConnection,
    book: int,
    outlet: str,
    *,
    item: str | None = None,
    after: UUID | None = None,
    limit: int = 200,
) -> list[Move]:
    """Receipts and counts of an outlet, of one item or of all, the newest first, after one of them (or none)."""
    asked = select(*_MOVE).where(stock_moves.c.book_id == book, stock_moves.c.outlet == outlet)
    if item is not None:
        asked = asked.where(stock_moves.c.item == item)
    if after is not None:
        asked = asked.where(stock_moves.c.move_id < after)
    rows = await tx.execute(asked.order_by(stock_moves.c.move_id.desc()).limit(limit))  # their numbers rise with time
    return [Move(*row) for row in rows]


async def find(tx: AsyncConnection, book: int, move_id: UUID) -> tuple[str, Move] | None:
    """At which outlet, and what; None: there is no such receipt or count."""
    rows = await tx.execute(
        select(stock_moves.c.outlet, *_MOVE).where(stock_moves.c.book_id == book, stock_moves.c.move_id == move_id)
    )
    row = rows.one_or_none()
    if row is None:
        return None
    outlet, *move = row
    return outlet, Move(*move)


# --- posted and kept -------------------------------------------------------------------------------------------------


async def _keep(
    tx: AsyncConnection,
    book: int,
    outlet: str,
    moves: Sequence[tuple[Move, Sequence[Line]]],
    accounts: Iterable[NewAccount],
    call: str,
) -> list[Move]:
    """Posts what is in the books of these moves, each a transaction of its own, and keeps the moves."""
    posted: dict[UUID, UUID] = {}
    asked = [(move, lines) for move, lines in moves if lines]
    if asked:
        await chart.open_missing(tx, book, accounts)
        proposals = [
            Proposal(
                postings.CLIENT,
                f"stock:{move.move_id}",
                call,
                f"spend.{'count' if move.kind == 'count' else 'receipt'}",
                None,
                tuple(lines),
                move.moved_by,
            )
            for move, lines in asked
        ]
        done = await postings.post_all(tx, book, proposals)
        posted = dict(zip((move.move_id for move, _ in asked), done, strict=True))
    rows = [
        {
            "book_id": book,
            "move_id": move.move_id,
            "outlet": outlet,
            "item": move.item,
            "kind": move.kind,
            "pieces": move.pieces,
            "value": move.value,
            "note": move.note,
            "transaction_id": posted.get(move.move_id),
            "moved_by": move.moved_by,
            "moved_at": move.moved_at,
        }
        for move, _ in moves
    ]
    await tx.execute(insert(stock_moves), rows)
    return [Move(*(row[name] for name in Move.__slots__)) for row in rows]  # type: ignore[arg-type] # as they were


async def _locked(
    tx: AsyncConnection, book: int, outlet: str, wanted: Iterable[str]
) -> dict[str, tuple[str, int | None, int]]:
    """Supply, pieces and value of what the outlet has of these; locked in their order."""
    possible = literal([item for item in wanted if CODE.fullmatch(item)], ARRAY(TEXT))
    rows = await tx.execute(
        select(offers.c.item, offers.c.supply, offers.c.pieces, offers.c.value)
        .where(offers.c.book_id == book, offers.c.outlet == outlet, offers.c.item == any_(possible))
        .order_by(offers.c.item)
        .with_for_update(key_share=True)
    )
    return {item: (supply, pieces, value) for item, supply, pieces, value in rows}


async def _price(tx: AsyncConnection, book: int, item: str, now: datetime) -> int:
    """What a piece costs today; NotOffered: it has no price yet."""
    points = (await catalogue.find(tx, book, item, day_of(now))).points
    if points is None:
        raise NotOffered(item)
    return points


def _loss(outlet: str, change: int) -> list[Line]:
    """What a count posts: what was missing is a loss, what was too many makes it smaller."""
    if change > 0:
        return [Line(f"1200.{outlet}", "debit", change), Line("5300", "credit", change)]
    return [Line("5300", "debit", -change), Line(f"1200.{outlet}", "credit", -change)] if change else []
