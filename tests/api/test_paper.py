"""Paper at a till: card and PIN."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, update
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, keys, paper
from ledger import eighteen
from ledger.access import cards, users
from ledger.access.rights import Principal
from ledger.access.tables import roles
from ledger.books.directory import Book
from ledger.earning import volunteers
from ledger.errors import ChangeNeeded, CodeMistyped, InvalidField, Refusal, TooManyAttempts, WrongPassword
from tests.api.conftest import SETTINGS
from tests.api.people import PIN, Person, a_volunteer
from tests.conftest import new_book

WRONG = "205818"


def till(book: Book, number: int = 1) -> Principal:
    return Principal("till", book.book_id * 100 + number, book.code, book.book_id, outlet="X1")


async def a_card(database: AsyncEngine, book: Book, volunteer_no: str) -> str:
    async with database.begin() as tx:
        return await cards.issue(tx, keys.personal(SETTINGS), book.book_id, volunteer_no, auth.now())


@pytest.fixture
async def her(database: AsyncEngine, book: Book) -> Person:
    return await a_volunteer(database, book)


@pytest.fixture
async def card(database: AsyncEngine, book: Book, her: Person) -> str:
    return await a_card(database, book, her.name)


async def shown(database: AsyncEngine, me: Principal, card: str, pin: str = PIN) -> str | type[Refusal]:
    """Whose it is, or why it is nobody's."""
    try:
        return await paper.by_card(database, SETTINGS, me, card, pin)
    except Refusal as refusal:
        return type(refusal)


@contextmanager
def statements(database: AsyncEngine) -> Iterator[list[str]]:
    """What the database is asked, without the values."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(database.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.sync_engine, "before_cursor_execute", note)


async def test_a_card_and_its_pin_say_whose_points_they_are(
    database: AsyncEngine, book: Book, her: Person, card: str
) -> None:
    async with database.connect() as tx:
        holder = (await volunteers.find(tx, book.book_id, her.name)).holder
    grouped = f"{card[:6]} {card[6:12]}-{card[12:]}"
    assert await shown(database, till(book), card) == holder
    assert await shown(database, till(book), grouped) == holder


async def test_what_is_no_card_or_no_pin_is_said_before_anything_is_asked(
    database: AsyncEngine, book: Book, card: str
) -> None:
    mistyped = card[:-1] + str((int(card[-1]) + 1) % 10)
    with statements(database) as asked:
        for digits in (mistyped, "", "1" * 18, eighteen.new_number(eighteen.PAY_CODE), "７" * 17):
            assert await shown(database, till(book), digits) is CodeMistyped
        for pin in ("", "12345", "1234567", "２０５８１７", "correct horse"):
            assert await shown(database, till(book), card, pin) is InvalidField
    assert asked == []


async def test_an_unknown_card_and_a_wrong_pin_are_one_answer_after_the_same_statements(
    database: AsyncEngine, book: Book, card: str
) -> None:
    with statements(database) as of_wrong:
        assert await shown(database, till(book), card, WRONG) is WrongPassword
    with statements(database) as of_unknown:
        assert await shown(database, till(book), eighteen.new_number(eighteen.PAPER), PIN) is WrongPassword
    assert of_wrong == of_unknown
    assert len(of_wrong) == 5, "the card, her user, her holder, and an attempt at each of card and till"


async def test_a_card_of_another_book_is_nobodys(database: AsyncEngine, book: Book, card: str) -> None:
    elsewhere = await new_book(database)
    assert await shown(database, till(elsewhere), card) is WrongPassword


async def test_a_card_that_was_replaced_a_password_and_a_role_that_ended_open_nothing(
    database: AsyncEngine, book: Book, her: Person, card: str
) -> None:
    new = await a_card(database, book, her.name)
    assert await shown(database, till(book), card) is WrongPassword
    assert isinstance(await shown(database, till(book), new), str)
    async with database.begin() as tx:
        await tx.execute(
            update(roles).where(roles.c.user_id == her.user_id).values(until=auth.today() - timedelta(days=1))
        )
    assert await shown(database, till(book), new) is WrongPassword


async def test_a_volunteer_who_never_signs_in_has_a_card_that_opens_nothing(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "V-0001")
    assert await shown(database, till(book), await a_card(database, book, "V-0001")) is WrongPassword


async def test_a_pin_that_staff_has_seen_buys_nothing_until_it_is_changed(database: AsyncEngine, book: Book) -> None:
    her = await a_volunteer(database, book, seen=True)
    card = await a_card(database, book, her.name)
    assert await shown(database, till(book), card) is ChangeNeeded
    assert await shown(database, till(book), card, WRONG) is WrongPassword
    async with database.begin() as tx:
        await users.change_secret(tx, her.user_id, "718290")
    assert isinstance(await shown(database, till(book), card, "718290"), str)


async def test_who_guesses_at_a_card_waits_at_whichever_till(database: AsyncEngine, book: Book, card: str) -> None:
    for number in range(6):
        assert await shown(database, till(book, number), card, WRONG) is WrongPassword
    assert await shown(database, till(book, 7), card, PIN) is TooManyAttempts, "the right one too"
    other = await a_card(database, book, (await a_volunteer(database, book)).name)
    assert isinstance(await shown(database, till(book, 7), other), str), "somebody else's"


async def test_who_guesses_at_many_cards_waits_at_that_till_alone(
    database: AsyncEngine, book: Book, her: Person, card: str
) -> None:
    for _ in range(3):
        assert await shown(database, till(book), eighteen.new_number(eighteen.PAPER)) is WrongPassword
    # A card of his own in between does not give him further guesses.
    assert isinstance(await shown(database, till(book), card), str)
    for _ in range(3):
        assert await shown(database, till(book), eighteen.new_number(eighteen.PAPER)) is WrongPassword
    assert await shown(database, till(book), card) is TooManyAttempts
    assert isinstance(await shown(database, till(book, 2), card), str)


async def test_right_pins_never_make_a_till_wait(database: AsyncEngine, book: Book, card: str) -> None:
    for _ in range(8):
        assert isinstance(await shown(database, till(book), card), str)


async def test_guesses_at_the_same_time_do_not_slip_through(database: AsyncEngine, book: Book, card: str) -> None:
    outcomes = await asyncio.gather(*(shown(database, till(book, each), card, WRONG) for each in range(12)))
    assert outcomes.count(WrongPassword) == 6, "five are free, and the sixth begins the wait"
    assert outcomes.count(TooManyAttempts) == 6
