"""Tills: devices of outlets, and who stands at them."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.earning import organisations
from ledger.errors import InvalidField, UnknownTill
from ledger.spending import outlets, tills
from ledger.spending.outlets import Details
from ledger.spending.tills import Till
from tests.conftest import new_book


@pytest.fixture(autouse=True)
async def shops(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")
        for code in ("X0001", "X0002"):
            await outlets.add(tx, book.book_id, code, Details(code, "care_station", "street"))


async def test_a_device_becomes_the_till_of_one_outlet(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        first = await tills.bound(tx, book.book_id, 7, "X0001", "柜台")
        second = await tills.bound(tx, book.book_id, 9, "X0001", "后门")
        third = await tills.bound(tx, book.book_id, 8, "X0002", "柜台")
        assert first == Till(7, "X0001", "柜台")
        assert first.actor == "till:7"
        assert await tills.find(tx, book.book_id, 7) == first
        assert await tills.of_outlet(tx, book.book_id, "X0001") == [second, first]
        assert await tills.of_outlet(tx, book.book_id, "X0002") == [third]
        with pytest.raises(InvalidField):
            await tills.bound(tx, book.book_id, 10, "X0001", "a\nb")


async def test_a_clerk_takes_her_place_and_leaves_it(database: AsyncEngine, book: Book) -> None:
    other = (await new_book(database)).book_id
    async with database.begin() as tx:
        await tills.bound(tx, book.book_id, 7, "X0001", "柜台")
        assert (await tills.stand(tx, book.book_id, 7, "user:1")).clerk == "user:1"
        assert (await tills.stand(tx, book.book_id, 7, "user:2")).clerk == "user:2"
        assert (await tills.stand(tx, book.book_id, 7, None)).clerk is None
        for book_id, number in ((book.book_id, 8), (other, 7)):
            with pytest.raises(UnknownTill):
                await tills.stand(tx, book_id, number, "user:1")
            with pytest.raises(UnknownTill):
                await tills.find(tx, book_id, number)
