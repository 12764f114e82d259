"""The list of books and of units."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.chart import CODE, NAME_LENGTH
from ledger.books.tables import books, units
from ledger.errors import BookExists, InvalidField, UnitExists, UnknownBook
from ledger.text import one_line

FIRST_DAY: Final = datetime.date(1990, 1, 1)


@dataclass(frozen=True, slots=True)
class Book:
    """One programme's double-entry books. `book_id` is internal, `code` is what people and programs use."""

    book_id: int
    code: str
    name: str
    first_day: datetime.date


async def create_book(tx: AsyncConnection, code: str, name: str, first_day: datetime.date = FIRST_DAY) -> Book:
    """A new, empty book; nothing can be dated before `first_day`. InvalidField, BookExists."""
    _check(code, name)
    book_id = (
        await tx.execute(
            insert(books)
            .values(code=code, name=name, first_day=first_day)
            .on_conflict_do_nothing(index_elements=[books.c.code])
            .returning(books.c.book_id)
        )
    ).scalar_one_or_none()
    if book_id is None:
        raise BookExists(code)
    return Book(book_id, code, name, first_day)


async def find_book(tx: AsyncConnection, code: str) -> Book:
    """The book with this code; UnknownBook."""
    if not CODE.fullmatch(code):
        raise UnknownBook(code)
    row = (
        await tx.execute(
            select(books.c.book_id, books.c.code, books.c.name, books.c.first_day).where(books.c.code == code)
        )
    ).one_or_none()
    if row is None:
        raise UnknownBook(code)
    return Book(*row)


async def book_code(tx: AsyncConnection, book_id: int) -> str:
    """The code of the book with this internal number; UnknownBook."""
    code = (await tx.execute(select(books.c.code).where(books.c.book_id == book_id))).scalar_one_or_none()
    if code is None:
        raise UnknownBook(str(book_id))
    return code


async def all_books(tx: AsyncConnection) -> list[Book]:
    """Every book, by code."""
    rows = await tx.execute(
        select(books.c.book_id, books.c.code, books.c.name, books.c.first_day).order_by(books.c.code)
    )
    return [Book(*row) for row in rows]


async def unit_codes(tx: AsyncConnection) -> frozenset[str]:
    """The codes of all units."""
    return frozenset((await tx.execute(select(units.c.code))).scalars())


async def unit_scales(tx: AsyncConnection) -> dict[str, int]:
    """Every unit with its digits after the point."""
    rows = await tx.execute(select(units.c.code, units.c.scale))
    return {row.code: row.scale for row in rows}


async def create_unit(tx: AsyncConnection, code: str, name: str, scale: int) -> None:
    """A unit of account with `scale` digits after the point when shown (0 to 8). InvalidField, UnitExists."""
    _check(code, name)
    if not 0 <= scale <= 8:
        raise InvalidField("scale", "out_of_range")
    added = await tx.execute(
        insert(units).values(code=code, name=name, scale=scale).on_conflict_do_nothing().returning(units.c.code)
    )
    if added.scalar_one_or_none() is None:
        raise UnitExists(code)


def _check(code: str, name: str) -> None:
    if not CODE.fullmatch(code):
        raise InvalidField("code", "not_a_code")
    if not one_line(name, least=1, most=NAME_LENGTH):
        raise InvalidField("name", "not_a_name")
