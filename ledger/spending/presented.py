"""What somebody presents at a till to spend with: a pay code, a one-time ticket, a voucher; or a card and its PIN.

Who guesses gets nowhere: what is unknown and what has expired are one answer, found by the same statements, and so many
of them lock the till for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import eighteen
from ledger.days import day_of
from ledger.errors import CodeElsewhere, CodeMistyped, CodeNotValid, CodeUsed, TillLocked
from ledger.spending import alarms, pay_codes, tickets, vouchers
from ledger.spending.pay_codes import Shopper
from ledger.spending.policy import Policy
from ledger.spending.tables import tills
from ledger.spending.tills import Till

Means = Literal["code", "card", "ticket", "voucher"]


@dataclass(frozen=True, slots=True)
class Presented:
    """Whose points are spent, and by what.

    `code_id`: what is used up, the pay code, the ticket, or the quote that a card's PIN was for. `voucher_id`: what
    pays instead of points. `most`: points that it is good for. `agent`: who acts for her (代办).
    """

    shopper: Shopper
    means: Means
    code_id: UUID | None = None
    voucher_id: UUID | None = None
    most: int | None = None
    agent: str | None = None

    @property
    def holder(self) -> str:
        """Whose points are spent."""
        return self.shopper.holder


def prefix_of(digits: str) -> str:
    """What kind of number it is; CodeMistyped."""
    for prefix in (eighteen.PAY_CODE, eighteen.PAPER, eighteen.VOUCHER):
        if eighteen.is_number(prefix, digits):
            return prefix
    raise CodeMistyped


async def by_number(
    tx: AsyncConnection, book: int, till: Till, prefix: str, digests: Sequence[bytes], *, now: datetime
) -> Presented:
    """Whose number this is: her row is locked, and with it the ticket or the voucher.

    TillLocked, CodeNotValid, CodeUsed, CodeElsewhere, VoucherNotValid.
    """
    unlocked(till, now)
    if prefix == eighteen.PAY_CODE:
        return _live(await pay_codes.lock_by_digest(tx, book, digests), till, now)
    if prefix == eighteen.PAPER:
        found = await tickets.by_digest(tx, book, digests)
        # Before anything is locked: what has expired takes no longer than what nobody has.
        if found is None or not found.is_live(day_of(now)):
            raise CodeNotValid
        shopper = await pay_codes.lock(tx, book, found.holder)  # before her ticket, as everywhere
        ticket = await tickets.lock(tx, book, found.ticket_id)
        if not ticket.is_live(day_of(now)):
            raise CodeNotValid
        if ticket.used_at is not None:
            raise CodeUsed(ticket.used_at)
        return Presented(shopper, "ticket", ticket.ticket_id, most=ticket.most)
    voucher = await vouchers.by_digest(tx, book, digests)
    if voucher is None:
        raise CodeNotValid
    return Presented(await pay_codes.lock(tx, book, voucher.holder), "voucher", voucher_id=voucher.voucher_id)


async def by_card(tx: AsyncConnection, book: int, till: Till, holder: str, *, now: datetime) -> Presented:
    """Somebody whose card and PIN have been found to be hers. TillLocked."""
    unlocked(till, now)
    return Presented(await pay_codes.lock(tx, book, holder), "card")


def unlocked(till: Till, now: datetime) -> None:
    """TillLocked."""
    if till.locked_until is not None and till.locked_until > now:
        raise TillLocked(till.locked_until)


async def missed(tx: AsyncConnection, book: int, till: Till, *, now: datetime, policy: Policy) -> None:
    """Counts a number that was none; after too many of them the till is locked and the staff hear of it."""
    row = (
        await tx.execute(
            select(tills.c.misses, tills.c.missed_since)
            .where(tills.c.book_id == book, tills.c.till == till.till)
            .with_for_update(key_share=True)
        )
    ).one()
    since, misses = row.missed_since, row.misses + 1
    if since is None or since + timedelta(minutes=policy.unknown_minutes) < now:
        since, misses = now, 1
    locks = misses >= policy.unknown_codes
    until = now + timedelta(minutes=policy.lock_minutes)
    await tx.execute(
        update(tills)
        .where(tills.c.book_id == book, tills.c.till == till.till)
        .values(misses=0, missed_since=None, locked_until=until)
        if locks
        else update(tills)
        .where(tills.c.book_id == book, tills.c.till == till.till)
        .values(misses=misses, missed_since=since)
    )
    if locks:
        await alarms.raise_(tx, book, "unknown_codes", till.outlet, till=till.till, facts={"codes": misses}, now=now)


def _live(shopper: Shopper | None, till: Till, now: datetime) -> Presented:
    if shopper is None:
        raise CodeNotValid
    assert shopper.expires_at is not None, "a code that was found by its digest"
    if shopper.used_at is not None:
        raise CodeUsed(shopper.used_at)
    bound = shopper.bound_until is not None and shopper.bound_until > now
    if bound and shopper.bound_to != till.till:
        raise CodeElsewhere
    if not bound and shopper.expires_at <= now:
        raise CodeNotValid
    return Presented(shopper, "code", shopper.code_id, shopper.voucher_id)
