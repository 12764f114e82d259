"""Cards: eighteen digits on paper, for people without a phone. Who has them in hand still needs a PIN.

The database has a keyed digest of the digits, and the digits sealed with an identity key, from which the digest is made
anew when the index key changes. The digits are told once, when the card is issued.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Row, Update, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import eighteen
from ledger.access import ciphers
from ledger.access.ciphers import Keys
from ledger.access.tables import book_numbers, cards
from ledger.database import connect
from ledger.database.rows import rows_within
from ledger.errors import UnknownVolunteer


async def issue(tx: AsyncConnection, keys: Keys, book: int, volunteer_no: str, at: datetime) -> str:
    """A new card's digits, which nobody is told again; the volunteer's card of before ends. UnknownVolunteer."""
    while True:
        await end(tx, book, volunteer_no, at)
        digits, card_id = eighteen.new_number(eighteen.PAPER), uuid4()
        try:
            added = await tx.execute(
                insert(cards)
                .values(
                    book_id=book,
                    volunteer_no=volunteer_no,
                    card_id=card_id,
                    digest=ciphers.digest(keys, "card", digits),
                    digits=ciphers.seal(keys.identity[0], digits.encode(), *_place(book, card_id)),
                    issued_at=at,
                )
                .on_conflict_do_nothing()
                .returning(cards.c.card_id)
            )
        except IntegrityError as error:
            if connect.violation(error)[0] == "23503":
                raise UnknownVolunteer(volunteer_no) from None
            raise
        if added.scalar_one_or_none() is not None:
            return digits
        # Somebody else has issued one at the same time, which ends now; or the digits are another card's.


async def end(tx: AsyncConnection, book: int, volunteer_no: str, at: datetime) -> bool:
    """Ends the volunteer's card, e.g. a lost one; whether there was one."""
    ended = await tx.execute(
        update(cards)
        .where(cards.c.book_id == book, cards.c.volunteer_no == volunteer_no, cards.c.ended_at.is_(None))
        .values(ended_at=at)
    )
    return ended.rowcount > 0


async def holder_of_card(tx: AsyncConnection, keys: Keys, digits: str) -> list[tuple[int, str]]:
    """Book and volunteer number of the live card with these digits: one, or none; chance may give two books the same.

    Digits may be written in groups. What is no card's number is nobody's card.
    """
    plain = eighteen.plain(digits)
    if not is_card(plain):
        return []
    found = await tx.execute(
        select(cards.c.book_id, cards.c.volunteer_no)
        .where(
            # The keys of a book's tables begin with the book: each book is looked into by its key.
            cards.c.book_id.in_(select(book_numbers.c.book_id)),
            cards.c.digest.in_(ciphers.digests(keys, "card", plain)),
            cards.c.ended_at.is_(None),
        )
        .order_by(cards.c.book_id)
    )
    return [(row.book_id, row.volunteer_no) for row in found]


def is_card(digits: str) -> bool:
    """Whether it can be a card of ours: prefix, length and check digit, which finds every wrong digit."""
    return eighteen.is_number(eighteen.PAPER, digits)


@dataclass(frozen=True, slots=True)
class Batch:
    """Of a batch of rekeying: the last card, how many there were, how many were changed."""

    last: tuple[str, UUID]
    seen: int
    changed: int


async def rekey(tx: AsyncConnection, keys: Keys, book: int, after: tuple[str, UUID], most: int) -> Batch | None:
    """Puts the next cards after `after` under the first keys; None when there are none. CannotDecrypt."""
    rows = (
        await tx.execute(
            select(cards)
            .where(cards.c.book_id == book, tuple_(cards.c.volunteer_no, cards.c.card_id) > after)
            .order_by(cards.c.volunteer_no, cards.c.card_id)
            .limit(most)
            .with_for_update()
        )
    ).all()
    if not rows:
        return None
    changes = [change for row in rows if (change := _rekeyed(keys, row)) is not None]
    if changes:
        await tx.execute(_rekeying(book, changes))
    return Batch((rows[-1].volunteer_no, rows[-1].card_id), len(rows), len(changes))


class _Change(NamedTuple):
    """The columns of a card that depend on the service's keys, after those of its key."""

    volunteer_no: str
    card_id: UUID
    digest: bytes
    digits: bytes


def _rekeyed(keys: Keys, row: Row[Any]) -> _Change | None:
    """This card under the first keys; None if it is."""
    before = _Change(row.volunteer_no, row.card_id, row.digest, row.digits)
    place = _place(row.book_id, row.card_id)
    plain = ciphers.unseal(keys.identity, row.digits, *place)
    after = before._replace(digest=ciphers.digest(keys, "card", plain.decode()))
    if not ciphers.is_sealed_with(keys.identity[0], row.digits):
        after = after._replace(digits=ciphers.seal(keys.identity[0], plain, *place))
    return None if after == before else after


def _rekeying(book: int, changes: Sequence[_Change]) -> Update:
    """One statement for all of them."""
    columns = [cards.c[name] for name in _Change._fields]
    new = rows_within(columns, changes)
    return (
        update(cards)
        .where(cards.c.book_id == book, cards.c.volunteer_no == new.c.volunteer_no, cards.c.card_id == new.c.card_id)
        .values({each: new.c[each.name] for each in columns[2:]})
    )


def _place(book: int, card_id: UUID) -> tuple[object, ...]:
    return "cards", "digits", book, card_id
