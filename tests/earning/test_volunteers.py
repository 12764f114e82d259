"""Volunteers: a number for the programme, a random holder for the books."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import chart
from ledger.books.directory import Book
from ledger.books.tables import accounts
from ledger.earning import organisations, volunteers
from ledger.earning.volunteers import Volunteer
from ledger.errors import InvalidField, UnknownOrganisation, UnknownVolunteer, VolunteerExists
from tests.conftest import new_book


async def register(database: AsyncEngine, book: Book, number: str) -> Volunteer:
    async with database.begin() as tx:
        return await volunteers.register(tx, book.book_id, number)


async def codes_of(database: AsyncEngine, book: Book) -> list[str]:
    async with database.connect() as tx:
        found = await tx.execute(select(accounts.c.code).where(accounts.c.book_id == book.book_id))
    return sorted(found.scalars())


async def test_registering_opens_wallet_and_hours_accounts(database: AsyncEngine, book: Book) -> None:
    volunteer = await register(database, book, "V-0001")
    assert volunteer.volunteer_no == "V-0001"
    opened = []
    async with database.connect() as tx:
        for code in ("2100", "2110", "9200", "9210"):
            account = await chart.account(tx, book.book_id, volunteer.account(code))
            opened.append((account.code, account.kind, account.unit, account.floor, account.holder, account.status))
    holder = volunteer.holder
    assert opened == [
        (f"2100.{holder}", "wallet", "PT", 0, holder, "open"),
        (f"2110.{holder}", "wallet_in_notice", "PT", 0, holder, "open"),
        (f"9200.{holder}", "credit_hours", "HR", 0, holder, "open"),
        (f"9210.{holder}", "honour_hours", "HR", 0, holder, "open"),
    ]
    assert len(await codes_of(database, book)) == 4


async def test_a_registered_volunteer_is_found_by_number(database: AsyncEngine, book: Book) -> None:
    registered = await register(database, book, "V-0001")
    async with database.connect() as tx:
        assert await volunteers.find(tx, book.book_id, "V-0001") == registered


async def test_the_holder_is_random_and_says_nothing_of_the_number(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    first = [await register(database, book, f"{number:04d}") for number in range(5)]
    second = [await register(database, other, f"{number:04d}") for number in range(5)]
    holders = [volunteer.holder for volunteer in first + second]
    assert len(set(holders)) == 10, "also the same number in another book"
    assert all(len(holder) == 16 and holder.isdecimal() for holder in holders)


async def test_a_number_is_registered_once(database: AsyncEngine, book: Book) -> None:
    registered = await register(database, book, "V-0001")
    before = await codes_of(database, book)
    with pytest.raises(VolunteerExists) as caught:
        await register(database, book, "V-0001")
    assert caught.value.volunteer == "V-0001"
    assert await codes_of(database, book) == before
    async with database.connect() as tx:
        assert await volunteers.find(tx, book.book_id, "V-0001") == registered


async def test_a_registration_that_is_rolled_back_leaves_the_number_free(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "V-0001")
        await tx.rollback()
    assert await codes_of(database, book) == []
    await register(database, book, "V-0001")


async def test_a_number_that_is_not_registered_is_unknown(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    await register(database, other, "V-0001")
    async with database.connect() as tx:
        with pytest.raises(UnknownVolunteer) as caught:
            await volunteers.find(tx, book.book_id, "V-0001")
    assert caught.value.volunteer == "V-0001"


@pytest.mark.parametrize("number", ["", "-1", "V 1", "V1\n", "V.1", "志愿者", "１", "V" * 33, "V\x00"])
async def test_what_is_no_volunteer_number_is_refused(database: AsyncEngine, book: Book, number: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await register(database, book, number)
    assert (caught.value.field, caught.value.problem) == ("volunteer", "not_a_volunteer_number")
    assert await codes_of(database, book) == []


async def forget(database: AsyncEngine, book: Book, number: str) -> Volunteer:
    async with database.begin() as tx:
        return await volunteers.forget(tx, book.book_id, number, "user:1")


async def test_who_is_forgotten_leaves_accounts_that_are_nobodys(database: AsyncEngine, book: Book) -> None:
    registered = await register(database, book, "V-0001")
    other = await register(database, book, "V-0002")
    before = await codes_of(database, book)
    assert await forget(database, book, "V-0001") == registered
    assert await codes_of(database, book) == before
    async with database.connect() as tx:
        with pytest.raises(UnknownVolunteer):
            await volunteers.find(tx, book.book_id, "V-0001")
        assert await volunteers.find(tx, book.book_id, "V-0002") == other
    anew = await register(database, book, "V-0001")
    assert anew.holder != registered.holder


async def test_nobody_is_forgotten_twice(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    await register(database, other, "V-0001")
    with pytest.raises(UnknownVolunteer):
        await forget(database, book, "V-0001")
    await forget(database, other, "V-0001")
    with pytest.raises(UnknownVolunteer) as caught:
        await forget(database, other, "V-0001")
    assert caught.value.volunteer == "V-0001"


# --- many at a time --------------------------------------------------------------------------------------------------


async def register_many(
    database: AsyncEngine, book: Book, numbers: Iterable[str], organisation: str | None = None
) -> dict[str, str]:
    async with database.begin() as tx:
        return await volunteers.register_many(tx, book.book_id, numbers, organisation)


async def test_many_are_registered_at_once_and_who_is_there_is_only_answered(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")
    there = await register(database, book, "V-0001")
    numbers = [f"V-{number:04d}" for number in range(1, 1001)]
    holders = await register_many(database, book, numbers, "street")
    assert sorted(holders) == numbers
    assert holders["V-0001"] == there.holder
    assert len(set(holders.values())) == 1000
    assert len(await codes_of(database, book)) == 4000
    async with database.connect() as tx:
        assert await volunteers.find(tx, book.book_id, "V-0001") == there
        second = await volunteers.find(tx, book.book_id, "V-0002")
        assert second == Volunteer("V-0002", holders["V-0002"], "street")
        account = await chart.account(tx, book.book_id, second.account("2110"))
        assert (account.kind, account.name, account.unit) == ("wallet_in_notice", "公示中积分", "PT")
    assert await register_many(database, book, numbers, "street") == holders
    assert len(await codes_of(database, book)) == 4000


async def test_a_number_given_twice_is_one_volunteer_and_no_number_at_all_is_none(
    database: AsyncEngine, book: Book
) -> None:
    holders = await register_many(database, book, ["V-1", "V-2", "V-1"])
    assert sorted(holders) == ["V-1", "V-2"]
    assert await register_many(database, book, []) == {}
    assert len(await codes_of(database, book)) == 8


async def test_of_many_none_is_registered_where_one_number_is_none(database: AsyncEngine, book: Book) -> None:
    with pytest.raises(InvalidField):
        await register_many(database, book, ["V-1", "V 2"])
    with pytest.raises(UnknownOrganisation):
        await register_many(database, book, ["V-1"], "street")
    assert await codes_of(database, book) == []


async def test_sheets_with_the_same_people_registered_at_once_make_each_of_them_once(
    database: AsyncEngine, book: Book
) -> None:
    numbers = [f"V-{number:03d}" for number in range(200)]
    orders = [numbers, numbers[::-1], numbers[100:] + numbers[:100], [*numbers[::2], *numbers[1::2]]]
    told = await asyncio.gather(*(register_many(database, book, order) for order in orders))
    assert all(holders == told[0] for holders in told)
    assert sorted(told[0]) == numbers
    assert len(await codes_of(database, book)) == 800


async def test_holders_are_told_for_numbers_of_this_book(database: AsyncEngine, book: Book) -> None:
    first = await register(database, book, "V-1")
    await register(database, await new_book(database), "V-2")
    async with database.connect() as tx:
        asked = await volunteers.holders_of(tx, book.book_id, ["V-1", "V-2", "志愿者", "\x00"])
    assert asked == {"V-1": first.holder}
