"""Vouchers 免单券: a service paid for with points now and had later, at any outlet that offers it.

A voucher is good for one piece of its item, whatever the price has become, and the merchant gets what was paid for it.
It is bound to who bought it, who shows it by her pay code; or, where the item says so, free to give: then it has
eighteen digits of its own, and whoever shows them has the service. What nobody used by its last day goes to breakage.

Account 2500 holds what all live vouchers are worth: bought, 2100.v → 2500 (T14); used, 2500 → 2300.x (T15); expired,
2500 → 4100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.days import day_of
from ledger.errors import UnknownVoucher, VoucherNotValid
from ledger.spending.policy import Policy
from ledger.spending.tables import vouchers

CLIENT: Final = "room:spending"
"""Whose keys the postings of this room have."""
OUTSTANDING: Final = "2500"


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher as it stands. `state`: `live`, `used` or `expired`; a live one may be past its last day."""

    voucher_id: UUID
    holder: str
    """Who bought it."""
    item: str
    points: int
    """What was paid, and what the merchant gets."""
    digest: bytes | None
    """Of the digits of one that may be given away; None: bound."""
    bought_at: datetime
    expires_on: date
    """The last day on which it can be used, but for the policy's grace."""
    state: str
    transaction_id: UUID
    ended_at: datetime | None = None
    end_transaction: UUID | None = None

    @property
    def giftable(self) -> bool:
        """Whoever shows its digits can use it."""
        return self.digest is not None

    def fault(self, day: date, policy: Policy) -> VoucherNotValid | None:
        """Why it cannot be used on this day; None: it can."""
        if self.state != "live":
            return VoucherNotValid(self.state)
        if day > self.expires_on + timedelta(days=policy.voucher_grace_days):
            return VoucherNotValid("expired")
        return None


async def lock(tx: AsyncConnection, book: int, voucher_id: UUID) -> Voucher:
    """The voucher as it is now that it is locked; UnknownVoucher."""
    found = _VOUCHERS.where(vouchers.c.book_id == book, vouchers.c.voucher_id == voucher_id)
    row = (await tx.execute(found.with_for_update(key_share=True))).one_or_none()
    if row is None:
        raise UnknownVoucher(voucher_id)
    return Voucher(*row)


async def by_digest(tx: AsyncConnection, book: int, digests: Sequence[bytes]) -> Voucher | None:
    """The voucher whose digits have one of these digests; not locked: whose it is, and no more."""
    shown = vouchers.c.digest == any_(literal(list(digests), ARRAY(BYTEA)))
    row = (await tx.execute(_VOUCHERS.where(vouchers.c.book_id == book, shown))).one_or_none()
    return None if row is None else Voucher(*row)


async def lock_by_digest(tx: AsyncConnection, book: int, digests: Sequence[bytes]) -> Voucher | None:
    """The voucher whose digits have one of these digests, as it is now that it is locked; whether it is good for
    anything is another matter (`Voucher.fault`). None: nobody's digits."""
    shown = vouchers.c.digest == any_(literal(list(digests), ARRAY(BYTEA)))
    found = _VOUCHERS.where(vouchers.c.book_id == book, shown)
    row = (await tx.execute(found.with_for_update(key_share=True))).one_or_none()
    return None if row is None else Voucher(*row)


async def use(tx: AsyncConnection, book: int, voucher_id: UUID, end_transaction: UUID, at: datetime) -> None:
    """A live voucher, locked before, has been used: T15 is posted. VoucherNotValid."""
    await _end(tx, book, voucher_id, "used", end_transaction, at)


async def back(tx: AsyncConnection, book: int, voucher_id: UUID, *, now: datetime, policy: Policy) -> Voucher:
    """What was had for a used voucher, locked before, was given back and 2500 credited again: it is live again.

    One that would be over by now, or almost, can be used for the policy's days. VoucherNotValid.
    """
    least = day_of(now) + timedelta(days=policy.voucher_back_days)
    row = (
        await tx.execute(
            update(vouchers)
            .where(vouchers.c.book_id == book, vouchers.c.voucher_id == voucher_id, vouchers.c.state == "used")
            .values(
                state="live",
                ended_at=None,
                end_transaction=None,
                expires_on=func.greatest(vouchers.c.expires_on, least),
            )
            .returning(*_COLUMNS)
        )
    ).one_or_none()
    if row is None:
        raise VoucherNotValid((await find(tx, book, voucher_id)).state)
    return Voucher(*row)


async def find(tx: AsyncConnection, book: int, voucher_id: UUID) -> Voucher:
    """One voucher; UnknownVoucher."""
    found = _VOUCHERS.where(vouchers.c.book_id == book, vouchers.c.voucher_id == voucher_id)
    row = (await tx.execute(found)).one_or_none()
    if row is None:
        raise UnknownVoucher(voucher_id)
    return Voucher(*row)


async def of_holder(
    tx: AsyncConnection, book: int, holder: str, *, after: UUID | None = None, limit: int = 50
) -> list[Voucher]:
    """The vouchers that somebody bought, the newest first, after one of them."""
    found = _VOUCHERS.where(vouchers.c.book_id == book, vouchers.c.holder == holder)
    if after is not None:
        found = found.where(vouchers.c.voucher_id < after)  # they rise with time
    return [Voucher(*row) for row in await tx.execute(found.order_by(vouchers.c.voucher_id.desc()).limit(limit))]


async def _end(tx: AsyncConnection, book: int, voucher_id: UUID, state: str, transaction: UUID, at: datetime) -> None:
    ended = await tx.execute(
        update(vouchers)
        .where(vouchers.c.book_id == book, vouchers.c.voucher_id == voucher_id, vouchers.c.state == "live")
        .values(state=state, ended_at=at, end_transaction=transaction)
        .returning(vouchers.c.voucher_id)
    )
    if ended.first() is None:
        raise VoucherNotValid((await find(tx, book, voucher_id)).state)


_COLUMNS: Final = (
    vouchers.c.voucher_id,
    vouchers.c.holder,
    vouchers.c.item,
    vouchers.c.points,
    vouchers.c.digest,
    vouchers.c.bought_at,
    vouchers.c.expires_on,
    vouchers.c.state,
    vouchers.c.transaction_id,
    vouchers.c.ended_at,
    vouchers.c.end_transaction,
)

_VOUCHERS: Final = select(*_COLUMNS)
