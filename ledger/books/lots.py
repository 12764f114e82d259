"""Lots: of what an account's points are made, when each part lapses, and in which order they are spent.

The accounts 21xx and 2200 keep lots. A credit makes lots, a debit takes from those that have not lapsed: earliest
expiry first, then oldest. What is given back goes to the lots that it was taken from, last taken first. Pure functions
over the lots of one batch; `evaluate` calls them under the accounts' locks.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from ledger.books.chart import KEEPS_EXPIRY


class Lot(NamedTuple):
    """A lot as it stands: `number` of the entry that made it, `part` of that entry; `lapses_on` None: never."""

    number: int
    part: int
    transaction_id: UUID | None
    origin: UUID | None
    lapses_on: date | None
    remaining: int


class Taking(NamedTuple):
    """What a transaction took from a lot: `amount` is below zero, as in the move that is stored."""

    number: int
    part: int
    amount: int


class NewLot(NamedTuple):
    """A lot to be stored. `returns`: the transaction whose taking it gives back."""

    account_id: int
    number: int
    part: int
    transaction_id: UUID
    origin: UUID | None
    lapses_on: date | None
    amount: int
    returns: UUID | None


class Move(NamedTuple):
    """A change of what remains of a lot, to be stored: below zero taken, above zero given back."""

    account_id: int
    transaction_id: UUID
    place: int
    number: int
    part: int
    amount: int
    returns: UUID | None


class Change(NamedTuple):
    """What a transaction does to one account that keeps lots.

    `net` on the account's normal side; `number` of its last entry there; `credits`: its credit lines, each with the
    day on which it lapses.
    """

    account_id: int
    kind: str
    net: int
    number: int
    credits: Sequence[tuple[date | None, int]]


class Reach(NamedTuple):
    """Which lots a transaction may take, and which of them first.

    `held`: open holds, whose lots only their own end takes. `maker`, `origin`: what it undoes or ends; lots that this
    made, or that come from it, are its own: they are taken first, lapsed or not. `moves`: what it carries on; of what
    anybody could take, it takes first what comes from there. `lapsed`: it takes what has lapsed and nothing else.
    """

    held: Container[UUID | None]
    maker: UUID | None = None
    origin: UUID | None = None
    moves: UUID | None = None
    lapsed: bool = False

    def owns(self, lot: Lot) -> bool:
        """Whether a lot is its own."""
        return (self.maker is not None and lot.transaction_id == self.maker) or (
            self.origin is not None and lot.origin == self.origin
        )

    def takes(self, lot: Lot, today: date) -> bool:
        """Whether it may take a lot."""
        if (self.maker or self.origin) and self.owns(lot):
            return True
        lapsed = lot.lapses_on is not None and lot.lapses_on <= today
        return lapsed == self.lapsed and lot.transaction_id not in self.held


@dataclass(slots=True)
class Shelves:
    """The lots of all accounts of a batch, as they are moved on, and what is to be stored of it.

    `lots`: of each account by (number, part). `takings`, `returned`: by (transaction, account) what the transactions
    that this batch corrects or ends took, in order, and how much of it has been given back.
    """

    lots: dict[int, dict[tuple[int, int], Lot]]
    takings: dict[tuple[UUID, int], list[Taking]]
    returned: dict[tuple[UUID, int], int]
    made: list[NewLot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)


def usable(lots: Iterable[Lot], today: date, reach: Reach) -> int:
    """How much a debit can take."""
    return sum(lot.remaining for lot in lots if reach.takes(lot, today))


def settle(
    shelves: Shelves,
    transaction_id: UUID,
    changes: Sequence[Change],
    today: date,
    reach: Reach,
    giving_back: Sequence[UUID],
    grace_days: int,
) -> None:
    """Moves the lots as a transaction does; there must be enough, which `usable` tells.

    `giving_back`: the transactions whose takings a credit returns before it makes lots of its own.
    """
    places: dict[int, int] = {}
    pieces: list[_Piece] = []
    for change in changes:
        if change.net < 0:
            pieces += _take(shelves, transaction_id, change, today, reach, places)
    pieces.reverse()  # consumed from the end
    for change in changes:
        if change.net > 0:
            left = change.net
            for source in giving_back:
                left = _give_back(shelves, transaction_id, change, left, source, today, grace_days, places)
            _make(shelves, transaction_id, change, left, pieces, places)


@dataclass(slots=True)
class _Piece:
    """What was taken and goes on to other accounts of the same transaction."""

    kind: str
    origin: UUID | None
    lapses_on: date | None
    amount: int


def _take(
    shelves: Shelves,
    transaction_id: UUID,
    change: Change,
    today: date,
    reach: Reach,
    places: dict[int, int],
) -> list[_Piece]:
    shelf = shelves.lots[change.account_id]
    in_order = sorted(shelf.values(), key=lambda lot: (lot.lapses_on or date.max, lot.number, lot.part))
    if reach.moves is not None:
        in_order.sort(key=lambda lot: lot.origin != reach.moves)
    if reach.maker or reach.origin:
        in_order.sort(key=lambda lot: not reach.owns(lot))
    left = -change.net
    pieces = []
    for lot in in_order:
        if left and lot.remaining and reach.takes(lot, today):
            amount = min(left, lot.remaining)
            left -= amount
            _move(shelves, transaction_id, change.account_id, lot, -amount, None, places)
            taken = Taking(lot.number, lot.part, -amount)
            shelves.takings.setdefault((transaction_id, change.account_id), []).append(taken)
            pieces.append(_Piece(change.kind, lot.origin, lot.lapses_on, amount))
    assert left == 0, "a debit is decided by what is usable"
    return pieces


def _give_back(
    shelves: Shelves,
    transaction_id: UUID,
    change: Change,
    left: int,
    source: UUID,
    today: date,
    grace_days: int,
    places: dict[int, int],
) -> int:
    """Returns to the lots that `source` took from, last taken first; answers what is left of the credit."""
    skip = shelves.returned.get((source, change.account_id), 0)
    for taking in reversed(shelves.takings.get((source, change.account_id), ())):
        open_part = -taking.amount - skip
        skip = max(0, -open_part)
        amount = min(left, open_part)
        if amount <= 0:
            continue
        left -= amount
        lot = shelves.lots[change.account_id][taking.number, taking.part]
        if lot.lapses_on is None or today < lot.lapses_on:
            _move(shelves, transaction_id, change.account_id, lot, amount, source, places)
        else:
            revived = today + timedelta(days=grace_days)
            _add(shelves, transaction_id, change, lot.origin, revived, amount, source)
        shelves.returned[source, change.account_id] = shelves.returned.get((source, change.account_id), 0) + amount
    return left


def _make(
    shelves: Shelves,
    transaction_id: UUID,
    change: Change,
    left: int,
    pieces: list[_Piece],
    places: dict[int, int],
) -> None:
    """Makes lots of what a credit brings: of what came from other lots, with their origin and perhaps expiry."""
    # What the same transaction takes off again is taken off its first credits, what was given back too.
    off = sum(amount for _, amount in change.credits) - left
    parts: list[tuple[UUID | None, date | None, int]] = []
    for lapses_on, credited in change.credits:
        amount = max(0, credited - off)
        off = max(0, off - credited)
        while amount and pieces:
            piece = pieces[-1]
            used = min(amount, piece.amount)
            amount -= used
            piece.amount -= used
            if not piece.amount:
                pieces.pop()
            keeps = {piece.kind, change.kind} <= KEEPS_EXPIRY
            parts.append((piece.origin, piece.lapses_on if keeps else lapses_on, used))
        if amount:
            parts.append((transaction_id, lapses_on, amount))
    for origin, lapses_on, amount in _joined(parts):
        _add(shelves, transaction_id, change, origin, lapses_on, amount, None)


def _joined(
    parts: list[tuple[UUID | None, date | None, int]],
) -> list[tuple[UUID | None, date | None, int]]:
    """Parts of one origin and expiry as one, in the order in which they came."""
    sums: dict[tuple[UUID | None, date | None], int] = {}
    for origin, lapses_on, amount in parts:
        sums[origin, lapses_on] = sums.get((origin, lapses_on), 0) + amount
    return [(origin, lapses_on, amount) for (origin, lapses_on), amount in sums.items()]


def _add(
    shelves: Shelves,
    transaction_id: UUID,
    change: Change,
    origin: UUID | None,
    lapses_on: date | None,
    amount: int,
    returns: UUID | None,
) -> None:
    shelf = shelves.lots[change.account_id]
    part = 0
    while (change.number, part) in shelf:
        part += 1
    shelf[change.number, part] = Lot(change.number, part, transaction_id, origin, lapses_on, amount)
    shelves.made.append(
        NewLot(change.account_id, change.number, part, transaction_id, origin, lapses_on, amount, returns)
    )


def _move(
    shelves: Shelves,
    transaction_id: UUID,
    account_id: int,
    lot: Lot,
    amount: int,
    returns: UUID | None,
    places: dict[int, int],
) -> None:
    shelves.lots[account_id][lot.number, lot.part] = lot._replace(remaining=lot.remaining + amount)
    place = places.get(account_id, 0)
    places[account_id] = place + 1
    shelves.moves.append(Move(account_id, transaction_id, place, lot.number, lot.part, amount, returns))
