"""One-time codes with which a shop's device becomes a till."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import bindings, tokens
from ledger.access.bindings import LIFETIME, Bound, Code
from ledger.access.ciphers import Keys
from ledger.access.tables import bindings as bindings_table
from ledger.books.directory import Book
from ledger.errors import InvalidField, TillCodeNotValid
from tests.access.callers import NOW
from tests.access.people import KEYS, NEW_INDEX, OLD_IDENTITY, OLD_INDEX
from tests.conftest import new_book


async def issued(database: AsyncEngine, book: Book, name: str = "柜台", **more: Any) -> Code:
    given = {"by": "user:1", "now": NOW} | more
    async with database.begin() as tx:
        return await bindings.issue(tx, KEYS, book.book_id, "X0001", name, **given)


async def redeemed(database: AsyncEngine, digits: str, keys: Keys = KEYS, **by: float) -> Bound | None:
    """The till that a code became some time later; None where it was refused."""
    try:
        async with database.begin() as tx:
            return await bindings.redeem(tx, keys, digits, now=NOW + timedelta(**by))
    except TillCodeNotValid:
        return None


async def rows(database: AsyncEngine, book: Book) -> list[Any]:
    async with database.connect() as tx:
        return list(await tx.execute(select(bindings_table).where(bindings_table.c.book_id == book.book_id)))


async def test_a_code_becomes_the_token_of_one_till(database: AsyncEngine, book: Book) -> None:
    code = await issued(database, book)
    assert code.expires_at == NOW + LIFETIME
    made = await redeemed(database, code.digits)
    assert made is not None
    assert (made.outlet, made.token.kind, made.token.name, made.token.made_by) == ("X0001", "till", "柜台", "user:1")
    async with database.connect() as tx:
        [found] = (await tokens.find(tx, [tokens.digest(made.secret)], NOW)).values()
    assert found.token_id == made.token.token_id
    assert await redeemed(database, code.digits) is None


async def test_however_many_type_a_code_at_once_it_becomes_one_till(database: AsyncEngine, book: Book) -> None:
    code = await issued(database, book)
    made = await asyncio.gather(*(redeemed(database, code.digits) for _ in range(8)))
    assert len([each for each in made if each is not None]) == 1
    async with database.connect() as tx:
        assert len(await tokens.of_outlet(tx, book.book_id, "X0001")) == 1


async def test_a_code_is_good_for_a_quarter_of_an_hour(database: AsyncEngine, book: Book) -> None:
    early, late = await issued(database, book), await issued(database, book)
    assert await redeemed(database, late.digits, minutes=15) is None
    assert await redeemed(database, early.digits, minutes=14, seconds=59.9) is not None


async def test_only_a_keyed_digest_is_kept_and_old_codes_go(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    code, elsewhere = await issued(database, book), await issued(database, other)
    [row] = await rows(database, book)
    assert code.digits not in str(tuple(row))
    assert "digits" not in repr(code)
    await issued(database, book, now=NOW + LIFETIME)
    assert [row.expires_at for row in await rows(database, book)] == [NOW + 2 * LIFETIME]
    assert await redeemed(database, elsewhere.digits) is not None


async def test_a_code_outlives_a_new_index_key(database: AsyncEngine, book: Book) -> None:
    code = await issued(database, book)
    assert await redeemed(database, code.digits, Keys.of([OLD_IDENTITY], [NEW_INDEX])) is None
    assert await redeemed(database, code.digits, Keys.of([OLD_IDENTITY], [NEW_INDEX, OLD_INDEX])) is not None


async def test_the_codes_of_an_outlet_end_together(database: AsyncEngine, book: Book) -> None:
    code = await issued(database, book)
    async with database.begin() as tx:
        await bindings.end(tx, book.book_id, "X0002")
        await bindings.end(tx, (await new_book(database)).book_id, "X0001")
    assert len(await rows(database, book)) == 1
    async with database.begin() as tx:
        await bindings.end(tx, book.book_id, "X0001")
    assert await redeemed(database, code.digits) is None


async def test_a_till_is_called_something(database: AsyncEngine, book: Book) -> None:
    for name in ("", "a\nb", "a" * 65):
        with pytest.raises(InvalidField):
            await issued(database, book, name)


def test_digits_are_read_out_in_fours_and_typed_as_one_likes() -> None:
    assert bindings.read_out("12345678") == "1234 5678"
    for typed in ("1234 5678", "1234-5678", "１２３４５６７８", " 12345678 "):
        assert bindings.plain(typed) == "12345678"
    for typed in ("", "1234567", "123456789", "1234567x", "٣٤٥٦٧٨٩٠"):
        with pytest.raises(InvalidField):
            bindings.plain(typed)
