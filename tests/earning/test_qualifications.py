"""Qualifications hold from the day on which they were passed to their last day."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.earning import qualifications
from ledger.earning.qualifications import Qualification
from ledger.errors import InvalidField, UnknownQualification
from tests.conftest import new_book

TODAY = date(2026, 6, 15)
HER, HIM = "0000000000000001", "0000000000000002"


async def record(
    database: AsyncEngine, book: Book, name: str, passed_on: date, valid_until: date | None = None, holder: str = HER
) -> Qualification:
    async with database.begin() as tx:
        return await qualifications.record(
            tx, book.book_id, holder, name, passed_on, valid_until, by="user:1", today=TODAY
        )


async def held(database: AsyncEngine, book: Book, day: date) -> dict[str, frozenset[str]]:
    async with database.connect() as tx:
        held = await qualifications.held_by(tx, book.book_id, [(HER, day), (HIM, day)])
    return {holder: names for (holder, _), names in held.items()}


async def test_it_holds_from_the_day_it_was_passed_to_its_last_day(database: AsyncEngine, book: Book) -> None:
    await record(database, book, "急救培训", date(2026, 3, 1), date(2026, 5, 31))
    await record(database, book, "执业医师", date(2020, 1, 1))
    await record(database, await new_book(database), "心理咨询师", date(2020, 1, 1))
    both, one = frozenset({"急救培训", "执业医师"}), frozenset({"执业医师"})
    for day, hers in (
        (date(2019, 12, 31), frozenset()),
        (date(2026, 2, 28), one),
        (date(2026, 3, 1), both),
        (date(2026, 5, 31), both),
        (date(2026, 6, 1), one),
    ):
        assert await held(database, book, day) == {HER: hers, HIM: frozenset()}, day


async def test_one_renewed_holds_through_either_of_them(database: AsyncEngine, book: Book) -> None:
    await record(database, book, "急救培训", date(2024, 3, 1), date(2025, 2, 28))
    newer = await record(database, book, "急救培训", date(2026, 3, 1))
    assert (await held(database, book, date(2025, 6, 1)))[HER] == frozenset()
    assert (await held(database, book, TODAY))[HER] == {"急救培训"}
    async with database.connect() as tx:
        listed = await qualifications.of_volunteer(tx, book.book_id, HER)
    assert [each.passed_on.year for each in listed] == [2026, 2024]
    assert listed[0] == newer


async def test_recording_the_same_again_corrects_its_last_day(database: AsyncEngine, book: Book) -> None:
    for last in (None, date(2026, 5, 31)):
        await record(database, book, "急救培训", date(2026, 3, 1), last)
    assert (await held(database, book, TODAY))[HER] == frozenset()
    async with database.connect() as tx:
        assert len(await qualifications.of_volunteer(tx, book.book_id, HER)) == 1


async def test_what_is_taken_back_holds_no_longer(database: AsyncEngine, book: Book) -> None:
    await record(database, book, "执业医师", date(2020, 1, 1))
    async with database.begin() as tx:
        await qualifications.end(tx, book.book_id, HER, "执业医师", date(2020, 1, 1), date(2026, 6, 14), by="user:2")
    assert (await held(database, book, date(2026, 6, 14)))[HER] == {"执业医师"}
    assert (await held(database, book, TODAY))[HER] == frozenset()
    for name, passed_on, last_day, wrong in (
        ("执业医师", date(2020, 1, 2), TODAY, UnknownQualification),
        ("医师", date(2020, 1, 1), TODAY, UnknownQualification),
        ("执业医师", date(2020, 1, 1), date(2019, 12, 31), InvalidField),
    ):
        with pytest.raises(wrong):
            async with database.begin() as tx:
                await qualifications.end(tx, book.book_id, HER, name, passed_on, last_day, by="user:2")


@pytest.mark.parametrize(
    ("name", "passed_on", "valid_until", "field"),
    [
        *((name, TODAY, None, "name") for name in ("", " 急救", "a\nb", "\x00", "长" * 101)),
        ("急救培训", date(2026, 6, 16), None, "passed_on"),
        ("急救培训", TODAY, date(2026, 6, 14), "valid_until"),
    ],
)
async def test_what_cannot_be_is_refused(
    database: AsyncEngine, book: Book, name: str, passed_on: date, valid_until: date | None, field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await record(database, book, name, passed_on, valid_until)
    assert caught.value.field == field
    assert (await held(database, book, TODAY))[HER] == frozenset()
