"""The list of books and of units."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import directory
from ledger.books.directory import Book
from ledger.errors import BookExists, InvalidField, UnitExists, UnknownBook
from tests.books.ledgers import balances_of, move, opened, reason

pytestmark = pytest.mark.books


async def test_a_book_is_found_by_its_code(database: AsyncEngine) -> None:
    async with database.begin() as tx:
        made = await directory.create_book(tx, "found-by-code", "鼓楼区时间银行", date(2020, 2, 29))
    assert made == Book(made.book_id, "found-by-code", "鼓楼区时间银行", date(2020, 2, 29))
    async with database.connect() as tx:
        assert await directory.find_book(tx, "found-by-code") == made
        assert await directory.book_code(tx, made.book_id) == "found-by-code"
        assert made in await directory.all_books(tx)


async def test_a_book_begins_in_1990_unless_it_says_otherwise(database: AsyncEngine, book: Book) -> None:
    assert book.first_day == date(1990, 1, 1)


async def test_books_are_listed_by_code(database: AsyncEngine) -> None:
    async with database.begin() as tx:
        for code in ("listed-b", "listed-a", "listed-C"):
            await directory.create_book(tx, code, "any")
    async with database.connect() as tx:
        codes = [one.code for one in await directory.all_books(tx)]
    assert codes == sorted(codes)
    assert {"listed-C", "listed-a", "listed-b"} <= set(codes)


async def test_a_book_that_is_not_there_is_unknown(database: AsyncEngine) -> None:
    async with database.connect() as tx:
        with pytest.raises(UnknownBook) as caught:
            await directory.find_book(tx, "nowhere")
        assert caught.value.book == "nowhere"
        with pytest.raises(UnknownBook):
            await directory.book_code(tx, 2**31 - 1)


async def test_a_code_is_one_books_only(database: AsyncEngine) -> None:
    async with database.begin() as tx:
        first = await directory.create_book(tx, "taken", "the first")
    with pytest.raises(BookExists) as caught:
        async with database.begin() as tx:
            await directory.create_book(tx, "taken", "the second")
    assert caught.value.book == "taken"
    async with database.connect() as tx:
        assert await directory.find_book(tx, "taken") == first


async def test_a_code_asked_for_at_once_by_ten_is_one_books(database: AsyncEngine) -> None:
    async def create(n: int) -> bool:
        try:
            async with database.begin() as tx:
                await directory.create_book(tx, "at-once", f"book {n}")
        except BookExists:
            return False
        return True

    assert sorted(await asyncio.gather(*(create(n) for n in range(10)))) == [False] * 9 + [True]


@pytest.mark.parametrize("code", ["", "-a", "a b", "a\n", "城区", "a" * 65, "a\x00"])
async def test_what_is_no_code_names_neither_book_nor_unit(database: AsyncEngine, code: str) -> None:
    async with database.connect() as tx:
        with pytest.raises(InvalidField) as caught:
            await directory.create_book(tx, code, "any")
        assert reason(caught.value) == (InvalidField, {"field": "code", "problem": "not_a_code"})
        with pytest.raises(InvalidField) as caught:
            await directory.create_unit(tx, code, "any", 0)
        assert reason(caught.value) == (InvalidField, {"field": "code", "problem": "not_a_code"})


ODD_NAMES = ["", "a\x00b", "two\nlines", "\ud800", "名" * 201]


@pytest.mark.parametrize("name", ODD_NAMES, ids=[ascii(name[:3]) for name in ODD_NAMES])
async def test_the_name_of_a_book_or_unit_is_one_line(database: AsyncEngine, name: str) -> None:
    async with database.connect() as tx:
        with pytest.raises(InvalidField) as caught:
            await directory.create_book(tx, "odd", name)
        assert reason(caught.value) == (InvalidField, {"field": "name", "problem": "not_a_name"})
        with pytest.raises(InvalidField) as caught:
            await directory.create_unit(tx, "ODD", name, 0)
        assert reason(caught.value) == (InvalidField, {"field": "name", "problem": "not_a_name"})


@pytest.mark.parametrize("scale", [-1, 9])
async def test_a_unit_has_up_to_eight_digits_after_the_point(database: AsyncEngine, scale: int) -> None:
    async with database.connect() as tx:
        with pytest.raises(InvalidField) as caught:
            await directory.create_unit(tx, "ODD", "any", scale)
    assert reason(caught.value) == (InvalidField, {"field": "scale", "problem": "out_of_range"})


async def test_a_new_unit_can_be_posted_in(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        assert "NOK" not in await directory.unit_codes(tx)
        await directory.create_unit(tx, "NOK", "norske kroner", 2)
        assert {"NOK", "PT"} <= await directory.unit_codes(tx)
    await opened(database, book, "cash asset NOK", "sales income NOK")
    await move(database, book, "cash 12345 NOK", "sales 12345 NOK")
    assert await balances_of(database, book) == {"cash": 12345, "sales": 12345}


@pytest.mark.parametrize("unit", ["HR", "PT", "TC", "CNY"])
async def test_the_units_of_the_domain_are_there_from_the_start(database: AsyncEngine, unit: str) -> None:
    async with database.connect() as tx:
        with pytest.raises(UnitExists) as caught:
            await directory.create_unit(tx, unit, "any", 0)
    assert caught.value.unit == unit
