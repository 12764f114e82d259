"""Baskets: what somebody wants, at the prices of the day, if she may have it here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import InvalidField, NotEligible, NotOffered, OverLimit, SoldOut
from ledger.spending import catalogue, eligibility, vouchers
from ledger.spending.catalogue import EVERYBODY, Offered
from ledger.spending.policy import Policy
from ledger.spending.presented import Presented

MOST_LINES: Final = 40
MOST_PIECES: Final = 1_000
"""Of one item at a time."""

Age = Callable[[str], Awaitable[int | None]]
"""How old a holder is, in whole years; None: that is not known."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many pieces of an item."""

    item: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Priced:
    """Some pieces of an item, at the price in force or as the voucher was bought, in points."""

    offered: Offered
    quantity: int
    points: int


@dataclass(frozen=True, slots=True)
class Basket:
    """What is wanted, in the order of the items, and what it costs together."""

    lines: tuple[Priced, ...]

    @property
    def points(self) -> int:
        """Of all its lines."""
        return sum(line.points for line in self.lines)


def check(wanted: Sequence[Wanted]) -> None:
    """InvalidField: nothing, too much, no whole number of pieces, or an item that comes twice."""
    if not 1 <= len(wanted) <= MOST_LINES:
        raise InvalidField("lines", "out_of_range")
    for index, each in enumerate(wanted):
        if not 1 <= each.quantity <= MOST_PIECES:
            raise InvalidField(f"lines[{index}].quantity", "out_of_range")
        if any(each.item == earlier.item for earlier in wanted[:index]):
            raise InvalidField(f"lines[{index}].item", "given_twice")


async def fill(
    tx: AsyncConnection,
    book: int,
    outlet: str,
    presented: Presented,
    wanted: Sequence[Wanted],
    *,
    age: Age,
    day: date,
    policy: Policy,
) -> Basket:
    """Prices what is wanted. InvalidField, NotOffered, SoldOut, NotEligible, VoucherNotValid, OverLimit (a ticket's).

    That there are pieces enough is only looked at: `stock.take` decides it.
    """
    check(wanted)
    offered = await catalogue.priced(tx, book, outlet, [each.item for each in wanted], day)
    lines = []
    for each in sorted(wanted, key=lambda each: each.item):
        found = offered.get(each.item)
        if found is None:
            raise NotOffered(each.item)
        if found.pieces is not None and found.pieces < each.quantity:
            raise SoldOut(each.item)
        lines.append(Priced(found, each.quantity, found.points * each.quantity))
    if presented.voucher_id is not None:
        return await _by_voucher(tx, book, presented, lines, day, policy)
    for line in lines:
        of = line.offered.eligible
        if of != EVERYBODY:
            years = await age(presented.holder) if of.least_age is not None or of.most_age is not None else None
            if not await eligibility.eligible(tx, book, presented.holder, of, age=years, day=day):
                raise NotEligible(line.offered.item)
    basket = Basket(tuple(lines))
    if presented.most is not None and basket.points > presented.most:
        raise OverLimit("ticket")
    return basket


async def _by_voucher(
    tx: AsyncConnection, book: int, presented: Presented, lines: list[Priced], day: date, policy: Policy
) -> Basket:
    """A voucher is good for one piece of its item, whatever the price has become; the merchant gets what was paid."""
    assert presented.voucher_id is not None, "asked only for what a voucher pays"
    voucher = await vouchers.lock(tx, book, presented.voucher_id)
    if (fault := voucher.fault(day, policy)) is not None:
        raise fault
    [line, *more] = lines
    if more or line.quantity != 1 or line.offered.item != voucher.item or line.offered.supply != "merchant":
        raise NotOffered((more or [line])[0].offered.item)
    return Basket((Priced(line.offered, 1, voucher.points),))
