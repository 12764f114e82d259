"""One-time tickets: eighteen digits each, printed in sheets, for people without a phone.

Each buys once, with her card number beside it or without. What is printed is told once; the database has keyed digests,
as of pay codes. A ticket is used up by the redemption that it pays for, also by one that is cancelled afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.days import day_of
from ledger.errors import InvalidField, UnknownSheet
from ledger.spending.policy import Policy
from ledger.spending.tables import tickets

MOST: Final = 24
"""On one sheet: three columns of eight on a page of A4."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A one-time ticket, good for `most` points until the end of `expires_on`."""

    ticket_id: UUID
    sheet_id: UUID
    number: int
    holder: str
    most: int
    issued_by: str
    issued_at: datetime
    expires_on: date
    used_at: datetime | None = None
    ended_at: datetime | None = None

    def is_live(self, day: date) -> bool:
        """Whether it buys on this day, if it has not been used: what is neither is like one that nobody has."""
        return self.ended_at is None and day <= self.expires_on


@dataclass(frozen=True, slots=True)
class Sheet:
    """The tickets of one sheet, in the order of their numbers."""

    sheet_id: UUID
    tickets: tuple[Ticket, ...]

    @property
    def holder(self) -> str:
        """Whose it is."""
        return self.tickets[0].holder

    @property
    def used(self) -> int:
        """How many of them have bought something."""
        return sum(each.used_at is not None for each in self.tickets)

    @property
    def ended_at(self) -> datetime | None:
        """When it was lost or replaced."""
        return max((each.ended_at for each in self.tickets if each.ended_at is not None), default=None)


async def issue(
    tx: AsyncConnection,
    book: int,
    holder: str,
    digests: Sequence[bytes],
    *,
    by: str,
    now: datetime,
    policy: Policy,
    replaces: UUID | None = None,
) -> Sheet:
    """A sheet with one ticket for each of these digests; the sheet that it `replaces` ends.

    InvalidField, UnknownSheet (`replaces` is not hers). That digits are somebody's already has a chance of one in 10^10
    with 100,000 tickets: the database refuses them.
    """
    if not 1 <= len(digests) <= MOST:
        raise InvalidField("tickets", "out_of_range")
    if replaces is not None:
        if (await find(tx, book, replaces)).holder != holder:
            raise UnknownSheet(replaces)
        await end_sheet(tx, book, replaces, now)
    sheet_id, last = uuid4(), day_of(now) + timedelta(days=policy.ticket_days)
    made = [
        Ticket(uuid4(), sheet_id, number, holder, policy.ticket_points, by, now, last)
        for number in range(1, len(digests) + 1)
    ]
    await tx.execute(
        insert(tickets),
        [
            {
                "book_id": book,
                "ticket_id": each.ticket_id,
                "sheet_id": each.sheet_id,
                "number": each.number,
                "holder": each.holder,
                "digest": digest,
                "most": each.most,
                "issued_by": each.issued_by,
                "issued_at": each.issued_at,
                "expires_on": each.expires_on,
            }
            for each, digest in zip(made, digests, strict=True)
        ],
    )
    return Sheet(sheet_id, tuple(made))


async def end_sheet(tx: AsyncConnection, book: int, sheet_id: UUID, at: datetime) -> bool:
    """Ends what is left of a sheet, e.g. a lost one; whether anything was. UnknownSheet."""
    # In one order, whoever else ends it; a redemption locks one ticket only.
    left = (
        select(tickets.c.ticket_id)
        .where(
            tickets.c.book_id == book,
            tickets.c.sheet_id == sheet_id,
            tickets.c.used_at.is_(None),
            tickets.c.ended_at.is_(None),
        )
        .order_by(tickets.c.number)
        .with_for_update(key_share=True)
    )
    ids = list((await tx.execute(left)).scalars())
    if not ids:
        await find(tx, book, sheet_id)
        return False
    await tx.execute(update(tickets).where(tickets.c.book_id == book, tickets.c.ticket_id.in_(ids)).values(ended_at=at))
    return True


async def find(tx: AsyncConnection, book: int, sheet_id: UUID) -> Sheet:
    """A sheet; UnknownSheet."""
    wanted = select(tickets).where(tickets.c.book_id == book, tickets.c.sheet_id == sheet_id)
    rows = await tx.execute(wanted.order_by(tickets.c.number))
    if not (found := tuple(map(_ticket, rows))):
        raise UnknownSheet(sheet_id)
    return Sheet(sheet_id, found)


async def of_volunteer(tx: AsyncConnection, book: int, holder: str) -> list[Sheet]:
    """Her sheets, the newest first."""
    rows = await tx.execute(
        select(tickets)
        .where(tickets.c.book_id == book, tickets.c.holder == holder)
        .order_by(tickets.c.issued_at.desc(), tickets.c.sheet_id, tickets.c.number)
    )
    sheets: dict[UUID, list[Ticket]] = {}
    for each in map(_ticket, rows):
        sheets.setdefault(each.sheet_id, []).append(each)
    return [Sheet(sheet_id, tuple(found)) for sheet_id, found in sheets.items()]


async def forget(tx: AsyncConnection, book: int, holder: str) -> None:
    """Removes the tickets of somebody who is erased: on the paper stands who she was."""
    await tx.execute(delete(tickets).where(tickets.c.book_id == book, tickets.c.holder == holder))


# --- at a till --------------------------------------------------------------------------------------------------------


async def by_digest(tx: AsyncConnection, book: int, digests: Sequence[bytes]) -> Ticket | None:
    """The ticket with one of these digests, whatever has become of it; not locked: whose it is, and no more."""
    found = select(tickets).where(tickets.c.book_id == book, tickets.c.digest.in_(digests))
    row = (await tx.execute(found)).one_or_none()
    return None if row is None else _ticket(row)


async def lock(tx: AsyncConnection, book: int, ticket_id: UUID) -> Ticket:
    """A ticket that was found, locked until the transaction ends; its holder's row in `shoppers` is locked before."""
    found = select(tickets).where(tickets.c.book_id == book, tickets.c.ticket_id == ticket_id)
    return _ticket((await tx.execute(found.with_for_update(key_share=True))).one())


async def use(tx: AsyncConnection, book: int, ticket_id: UUID, at: datetime) -> bool:
    """Uses it up; whether it could still be used: it was neither used nor ended."""
    used = await tx.execute(
        update(tickets)
        .where(
            tickets.c.book_id == book,
            tickets.c.ticket_id == ticket_id,
            tickets.c.used_at.is_(None),
            tickets.c.ended_at.is_(None),
        )
        .values(used_at=at)
    )
    return used.rowcount == 1


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(
        row.ticket_id,
        row.sheet_id,
        row.number,
        row.holder,
        row.most,
        row.issued_by,
        row.issued_at,
        row.expires_on,
        row.used_at,
        row.ended_at,
    )
