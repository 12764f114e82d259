"""What is undone of a redemption: cancelled the same day, or refunded later, in parts.

A cancellation is a reversal that names the posting (T17); of what had been held, and later, it is a refund. Both give
the points back to the lots that they were taken from, and goods of the stock go back at what they left it at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, cast
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.books.proposals import Correction, Line, Proposal
from ledger.days import day_of, midnight
from ledger.errors import InvalidField, NotCancellable, NotRefundable, RedemptionDisputed, UnknownRedemption
from ledger.spending import cases, pay_codes, postings, redemption, vouchers
from ledger.spending.policy import Policy
from ledger.spending.redemption import RedeemedLine, Redemption
from ledger.spending.tables import redemption_lines, redemptions, refunds

Kind = Literal["cancel", "refund", "case"]


@dataclass(frozen=True, slots=True)
class Returned:
    """So many pieces of a line come back."""

    line: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Refund:
    """What was given back of a redemption, in points."""

    refund_id: UUID
    redemption_id: UUID
    kind: Kind
    points: int
    transaction_id: UUID | None
    made_by: str
    made_at: datetime


async def cancel(
    tx: AsyncConnection, book: int, redemption_id: UUID, *, outlet: str, by: str, now: datetime, policy: Policy
) -> None:
    """Undoes a redemption of this outlet on its day, or a quarter of an hour after midnight; what waits, at any time.

    UnknownRedemption, NotCancellable, RedemptionDisputed.
    """
    found = await _locked(tx, book, redemption_id, outlet)
    if found.status == "waiting":
        await redemption.give_up(tx, book, found, by=by, now=now)
        return
    if found.status != "done":
        raise NotCancellable(found.status)
    until = midnight(found.day + timedelta(days=1)) + timedelta(minutes=policy.cancel_margin_minutes)
    if now >= until:
        raise NotCancellable("too_late")
    if any(line.returned for line in found.lines):
        raise NotCancellable("refunded")
    back = [(line, line.quantity, line.value) for line in found.lines]
    # What was captured of a hold cannot be reversed, only refunded.
    correction: Correction = "reversal" if found.hold_id is None else "refund"
    await _give_back(tx, book, found, back, "cancel", correction, by=by, now=now)
    await redemption.take_off_day(tx, book, found.outlet, found.day, found.points)
    await tx.execute(
        update(redemptions)
        .where(redemptions.c.book_id == book, redemptions.c.redemption_id == redemption_id)
        .values(status="cancelled", ended_at=now)
    )
    if found.voucher_id is not None:
        await vouchers.back(tx, book, found.voucher_id, now=now, policy=policy)


async def refund(
    tx: AsyncConnection,
    book: int,
    redemption_id: UUID,
    returned: Sequence[Returned],
    *,
    outlet: str,
    by: str,
    now: datetime,
    policy: Policy,
) -> Refund:
    """Takes pieces back and gives their points back; never more than there were.

    InvalidField, UnknownRedemption, NotRefundable, RedemptionDisputed.
    """
    if not returned or len({each.line for each in returned}) != len(returned):
        raise InvalidField("lines", "given_twice" if returned else "too_few")
    found = await _locked(tx, book, redemption_id, outlet)
    if found.status != "done":
        raise NotRefundable(found.status)
    if found.voucher_id is not None:
        raise NotRefundable("voucher")
    if day_of(now) > found.day + timedelta(days=policy.refund_days):
        raise NotRefundable("too_late")
    by_number = {line.line: line for line in found.lines}
    back: list[tuple[RedeemedLine, int, int]] = []
    for index, each in enumerate(returned):
        line = by_number.get(each.line)
        if line is None:
            raise InvalidField(f"lines[{index}].line", "unknown")
        left = line.quantity - line.returned
        if each.quantity < 1:
            raise InvalidField(f"lines[{index}].quantity", "out_of_range")
        if each.quantity > left:
            raise NotRefundable("too_many")
        # The last piece takes what is left of the value, so that nothing of it stays behind.
        back.append((line, each.quantity, (line.value - line.value_returned) * each.quantity // left))
    return await _give_back(
        tx, book, found, sorted(back, key=lambda each: each[0].line), "refund", "refund", by=by, now=now
    )


async def of(tx: AsyncConnection, book: int, redemption_id: UUID) -> list[Refund]:
    """What has been given back of a redemption, in order."""
    rows = await tx.execute(
        select(*(refunds.c[name] for name in _COLUMNS))
        .where(refunds.c.book_id == book, refunds.c.redemption_id == redemption_id)
        .order_by(refunds.c.made_at, refunds.c.refund_id)
    )
    return [_refund(row) for row in rows]


async def find(tx: AsyncConnection, book: int, refund_id: UUID) -> Refund | None:
    """One of them; None: there is none with this number."""
    rows = await tx.execute(
        select(*(refunds.c[name] for name in _COLUMNS)).where(
            refunds.c.book_id == book, refunds.c.refund_id == refund_id
        )
    )
    row = rows.one_or_none()
    return None if row is None else _refund(row)


async def of_outlet(tx: AsyncConnection, book: int, outlet: str, day: date) -> list[tuple[Refund, date]]:
    """What an outlet gave back on a day but for cancellations, in order, each with the day of what it was given for."""
    begins = midnight(day)
    rows = await tx.execute(
        select(*(refunds.c[name] for name in _COLUMNS), redemptions.c.day)
        .join(
            redemptions,
            (redemptions.c.book_id == book) & (redemptions.c.redemption_id == refunds.c.redemption_id),
        )
        .where(
            refunds.c.book_id == book,
            refunds.c.kind != "cancel",
            refunds.c.made_at >= begins,
            refunds.c.made_at < begins + timedelta(days=1),
            redemptions.c.outlet == outlet,
        )
        .order_by(refunds.c.made_at, refunds.c.refund_id)
    )
    return [(_refund(row), row.day) for row in rows]


_COLUMNS: Final = ("refund_id", "redemption_id", "kind", "points", "transaction_id", "made_by", "made_at")


def _refund(row: Any) -> Refund:
    kind = cast(Kind, row.kind)
    return Refund(row.refund_id, row.redemption_id, kind, row.points, row.transaction_id, row.made_by, row.made_at)


async def _locked(tx: AsyncConnection, book: int, redemption_id: UUID, outlet: str) -> Redemption:
    """A redemption of this outlet, locked after its holder's row. UnknownRedemption, RedemptionDisputed."""
    found = await redemption.find(tx, book, redemption_id)
    if found.outlet != outlet:
        raise UnknownRedemption(redemption_id)
    await pay_codes.lock(tx, book, found.holder)
    found = await redemption.locked(tx, book, redemption_id)
    if await cases.open_for(tx, book, redemption_id):
        raise RedemptionDisputed
    return found


async def _give_back(
    tx: AsyncConnection,
    book: int,
    found: Redemption,
    back: Sequence[tuple[RedeemedLine, int, int]],
    kind: Kind,
    correction: Correction,
    *,
    by: str,
    now: datetime,
) -> Refund:
    """Lines, pieces and the values of those: everything but the state of the redemption itself."""
    refund_id = next(identifiers.rising(now))
    points = {line.line: line.points // line.quantity * quantity for line, quantity, _ in back}
    merchant = sum(points[line.line] for line, _, _ in back if line.supply == "merchant")
    sold = sum(points[line.line] for line, _, _ in back if line.supply == "stock")
    value = sum(value for line, _, value in back if line.supply == "stock")
    total = merchant + sold
    await redemption.give_back_pieces(tx, book, found, back)
    await tx.execute(
        update(redemption_lines)
        .where(
            redemption_lines.c.book_id == book,
            redemption_lines.c.redemption_id == found.redemption_id,
            redemption_lines.c.line == bindparam("of_line"),
        )
        .values(
            returned=redemption_lines.c.returned + bindparam("pieces"),
            value_returned=redemption_lines.c.value_returned + bindparam("worth"),
        ),
        [{"of_line": line.line, "pieces": quantity, "worth": value} for line, quantity, value in back],
    )
    posted: UUID | None = None
    if total:
        assert found.transaction_id is not None, "what was paid has been posted"
        target = "2500" if found.voucher_id is not None else f"2100.{found.holder}"
        posted = await postings.post(
            tx,
            book,
            Proposal(
                client=postings.CLIENT,
                key=f"{kind}:{refund_id}",
                call=kind,
                kind=f"spend.{kind}",
                effective_at=found.made_at if correction == "reversal" else None,
                lines=(Line(target, "credit", total), *redemption.from_outlet(found.outlet, merchant, sold, value)),
                actor=by,
                keep_refusal=False,
                correction=correction,
                corrects=found.transaction_id,
            ),
        )
    made = Refund(refund_id, found.redemption_id, kind, total, posted, by, now)
    await tx.execute(
        insert(refunds).values(
            book_id=book,
            refund_id=refund_id,
            redemption_id=found.redemption_id,
            kind=kind,
            points=total,
            lines=[
                {"line": line.line, "quantity": quantity, "points": points[line.line], "value": value}
                for line, quantity, value in back
            ],
            transaction_id=posted,
            made_by=by,
            made_at=now,
        )
    )
    await tx.execute(
        update(redemptions)
        .where(redemptions.c.book_id == book, redemptions.c.redemption_id == found.redemption_id)
        .values(refunded=redemptions.c.refunded + total)
    )
    return made
