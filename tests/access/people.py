"""People who do not exist, and the keys under which they are recorded."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import identities, persons
from ledger.access.ciphers import Keys
from ledger.access.identities import Identity
from ledger.books.directory import Book
from ledger.earning import volunteers
from ledger.earning.volunteers import Volunteer

OLD_IDENTITY, NEW_IDENTITY, OLD_INDEX, NEW_INDEX = (secrets.token_urlsafe(32) for _ in range(4))
KEYS: Final = Keys.of([OLD_IDENTITY], [OLD_INDEX])

AT: Final = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
STAFF: Final = "user:1"
REASON: Final = "电话核对服务时间"


def id_number(born: date, place: str = "370102", order: int = 12) -> str:
    """A resident identity number with the right check digit, which is nobody's: made up here."""
    digits = f"{place}{born:%Y%m%d}{order:03d}"
    return digits + identities.check_digit(digits)


WANG: Final = Identity("王秀英", "13812345678", id_number(date(1958, 3, 2)))
ZHANG: Final = Identity("张伟", "15900001111", id_number(date(1961, 10, 20)), date(1961, 10, 20))
CHILD: Final = Identity("李小明", "13700002222", id_number(date(2012, 6, 1)))
"""Fourteen on the day of AT."""


async def registered(database: AsyncEngine, book: Book, volunteer_no: str = "V-0001") -> Volunteer:
    async with database.begin() as tx:
        return await volunteers.register(tx, book.book_id, volunteer_no)


async def record(
    database: AsyncEngine, book: Book, volunteer: Volunteer, identity: Identity, keys: Keys = KEYS
) -> None:
    async with database.begin() as tx:
        await persons.record(tx, keys, book.book_id, volunteer.volunteer_no, volunteer.holder, identity, STAFF, AT)


async def recorded(
    database: AsyncEngine, book: Book, identity: Identity = WANG, volunteer_no: str = "V-0001", keys: Keys = KEYS
) -> Volunteer:
    """A volunteer whose identity is recorded."""
    volunteer = await registered(database, book, volunteer_no)
    await record(database, book, volunteer, identity, keys)
    return volunteer


async def read(database: AsyncEngine, book: Book, volunteer_no: str = "V-0001", keys: Keys = KEYS) -> Identity:
    """The whole identity, revealed; raises what revealing raises."""
    async with database.begin() as tx:
        shown = await persons.reveal(tx, keys, book.book_id, volunteer_no, identities.FIELDS, STAFF, REASON, AT)
    assert shown.name is not None
    return Identity(shown.name, shown.phone, shown.id_number, shown.born)


async def erase(database: AsyncEngine, book: Book, volunteer: Volunteer) -> None:
    """What a caller does: both verbs in one transaction."""
    async with database.begin() as tx:
        await persons.erase(tx, book.book_id, volunteer.volunteer_no, volunteer.holder, STAFF, AT)
        await volunteers.forget(tx, book.book_id, volunteer.volunteer_no, "user:1")
