"""Cards: eighteen digits that are told once and lead to one volunteer as long as the card lives."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import eighteen
from ledger.access import cards
from ledger.access.ciphers import Keys
from ledger.access.tables import cards as table
from ledger.books.directory import Book
from ledger.errors import UnknownVolunteer
from tests.access.people import AT, KEYS, NEW_IDENTITY, NEW_INDEX, OLD_IDENTITY, OLD_INDEX, registered
from tests.books.ledgers import until_blocked_by
from tests.conftest import new_book

DIGITS = st.from_regex(r"79[0-9]{15}", fullmatch=True).map(lambda digits: digits + eighteen.check_digit(digits))


async def issue(database: AsyncEngine, book: Book, volunteer_no: str = "V-0001", keys: Keys = KEYS) -> str:
    async with database.begin() as tx:
        return await cards.issue(tx, keys, book.book_id, volunteer_no, AT)


async def whose(database: AsyncEngine, digits: str, keys: Keys = KEYS) -> list[tuple[int, str]]:
    async with database.connect() as tx:
        return await cards.holder_of_card(tx, keys, digits)


async def test_a_card_leads_to_its_volunteer(database: AsyncEngine, book: Book) -> None:
    await registered(database, book)
    digits = await issue(database, book)
    assert len(digits) == 18
    assert digits.startswith("79")
    assert await whose(database, digits) == [(book.book_id, "V-0001")]
    assert await whose(database, f" {digits[:6]} {digits[6:12]}-{digits[12:]}") == [(book.book_id, "V-0001")]


async def test_another_card_leads_nowhere(database: AsyncEngine, book: Book) -> None:
    await registered(database, book)
    digits = await issue(database, book)
    other = digits[:16] + str((int(digits[16]) + 1) % 10)
    for wrong in (other + eighteen.check_digit(other), digits[:-1], digits + "0", "", "志愿者", "\x00", digits[::-1]):
        assert await whose(database, wrong) == []


async def test_a_new_card_ends_the_old_one(database: AsyncEngine, book: Book) -> None:
    await registered(database, book)
    old, new = await issue(database, book), await issue(database, book)
    assert await whose(database, old) == []
    assert await whose(database, new) == [(book.book_id, "V-0001")]


async def test_a_lost_card_is_ended(database: AsyncEngine, book: Book) -> None:
    await registered(database, book)
    digits = await issue(database, book)
    async with database.begin() as tx:
        assert await cards.end(tx, book.book_id, "V-0001", AT)
        assert not await cards.end(tx, book.book_id, "V-0001", AT)
    assert await whose(database, digits) == []


async def test_who_is_no_volunteer_gets_no_card(database: AsyncEngine, book: Book) -> None:
    with pytest.raises(UnknownVolunteer):
        await issue(database, book)


async def test_of_cards_issued_at_one_time_the_last_one_lives(database: AsyncEngine, book: Book) -> None:
    await registered(database, book)
    async with database.begin() as tx:
        first = await cards.issue(tx, KEYS, book.book_id, "V-0001", AT)
        second = asyncio.create_task(issue(database, book))
        await until_blocked_by(database, tx)
    assert await whose(database, await second) == [(book.book_id, "V-0001")]
    assert await whose(database, first) == []
    issued = await asyncio.gather(*(issue(database, book) for _ in range(6)))
    found = [await whose(database, digits) for digits in issued]
    assert sorted(found) == [*([[]] * 5), [(book.book_id, "V-0001")]]


async def test_digits_that_are_another_cards_are_drawn_again(
    database: AsyncEngine, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(database, book, "V-0001")
    await registered(database, book, "V-0002")
    other = await new_book(database)
    await registered(database, other)
    drawn = iter([1, 1, 2])
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn))
    first, second = await issue(database, book, "V-0001"), await issue(database, book, "V-0002")
    assert first[:17] == "79000000000000001"
    assert second[:17] == "79000000000000002"
    monkeypatch.setattr(secrets, "randbelow", lambda _: 1)
    assert await issue(database, other) == first
    assert await whose(database, first) == [(book.book_id, "V-0001"), (other.book_id, "V-0001")]
    async with database.begin() as tx:  # for the tests that run after this one
        await cards.end(tx, book.book_id, "V-0001", AT)
        await cards.end(tx, other.book_id, "V-0001", AT)


async def test_the_digits_do_not_stand_in_the_table(database: AsyncEngine, book: Book) -> None:
    await registered(database, book)
    digits = await issue(database, book)
    async with database.connect() as tx:
        [row] = (await tx.execute(select(table).where(table.c.book_id == book.book_id))).all()
    assert digits.encode() not in row.digits + row.digest


async def test_cards_of_before_are_known_under_rotated_keys(database: AsyncEngine, book: Book) -> None:
    await registered(database, book)
    digits = await issue(database, book)
    assert await whose(database, digits, Keys.of([NEW_IDENTITY], [NEW_INDEX, OLD_INDEX])) == [(book.book_id, "V-0001")]
    assert await whose(database, digits, Keys.of([OLD_IDENTITY], [NEW_INDEX])) == []


def test_the_check_digit_is_luhns() -> None:
    assert eighteen.check_digit("7992739871") == "3"  # the example that everybody gives
    assert eighteen.check_digit("411111111111111") == "1"
    assert eighteen.check_digit("") == "0"


@given(DIGITS, st.data())
def test_a_wrong_digit_makes_no_card(digits: str, data: st.DataObject) -> None:
    assert cards.is_card(digits)
    place = data.draw(st.integers(0, 17))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != digits[place]]))
    assert not cards.is_card(digits[:place] + wrong + digits[place + 1 :])
