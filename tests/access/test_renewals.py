"""A forgotten PIN takes two members of staff, and what they hand over opens nothing but its own change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import renewals, users
from ledger.access.renewals import GOOD_FOR, Renewal
from ledger.access.rights import Grant
from ledger.access.users import User
from ledger.books.directory import Book
from ledger.errors import (
    AlreadyDecided,
    NotAllowed,
    SecondPersonNeeded,
    UnknownRenewal,
    UnknownVolunteer,
    WrongPassword,
)
from tests.access.callers import NOW, PASSWORD, PIN, a_user, is_alive, on_a_device
from tests.books.ledgers import second_engine
from tests.conftest import new_book

ONE, TWO = "user:1", "user:2"


@pytest.fixture
async def her(database: AsyncEngine, book: Book) -> User:
    return await a_user(database, book, Grant("volunteer", volunteer_no="V-1"), pin=PIN)


async def ask(database: AsyncEngine, book: Book, by: str = ONE, now: datetime = NOW) -> Renewal:
    async with database.begin() as tx:
        return await renewals.ask(tx, book.book_id, "V-1", by, now)


async def confirm(database: AsyncEngine, book: Book, asked: Renewal, by: str = TWO, now: datetime = NOW) -> str:
    async with database.begin() as tx:
        return await renewals.confirm(tx, book.book_id, asked.renewal_id, by, now)


async def decline(database: AsyncEngine, book: Book, asked: Renewal, by: str = TWO) -> None:
    async with database.begin() as tx:
        await renewals.decline(tx, book.book_id, asked.renewal_id, by, NOW)


async def waiting(database: AsyncEngine, book: Book, now: datetime = NOW) -> list[Renewal]:
    async with database.connect() as tx:
        return await renewals.waiting(tx, book.book_id, now)


async def opens(database: AsyncEngine, book: Book, pin: str) -> User | None:
    async with database.connect() as tx:
        candidates = await users.find(tx, "V-1", book.book_id)
    try:
        return (await users.verify(candidates, pin)).user
    except WrongPassword:
        return None


async def test_a_second_person_confirms_and_the_new_pin_has_to_be_changed(
    database: AsyncEngine, book: Book, her: User
) -> None:
    asked = await ask(database, book)
    assert await waiting(database, book) == [asked]
    assert await opens(database, book, PIN), "until then the old one is good"
    pin = await confirm(database, book, asked)
    assert await waiting(database, book) == []
    assert await opens(database, book, PIN) is None
    assert await opens(database, book, pin) == User(her.user_id, None, must_change=True)


async def test_who_asked_cannot_confirm(database: AsyncEngine, book: Book, her: User) -> None:
    asked = await ask(database, book)
    with pytest.raises(SecondPersonNeeded):
        await confirm(database, book, asked, by=ONE)
    assert await waiting(database, book) == [asked]
    assert await opens(database, book, PIN)


async def test_who_asks_for_what_another_has_asked_for_gets_that_and_may_confirm_it(
    database: AsyncEngine, book: Book, her: User
) -> None:
    asked = await ask(database, book)
    assert await ask(database, book, by=TWO) == asked
    with pytest.raises(SecondPersonNeeded):
        await confirm(database, book, asked, by=ONE)
    await confirm(database, book, asked, by=TWO)


async def test_a_new_pin_signs_her_out_everywhere(database: AsyncEngine, book: Book, her: User) -> None:
    devices = [(await on_a_device(database, book, her, browser=browser))[0] for browser in (True, False)]
    await confirm(database, book, await ask(database, book))
    assert [await is_alive(database, device) for device in devices] == [False, False]


@pytest.mark.parametrize("by", [ONE, TWO])
async def test_a_declined_renewal_lets_the_old_pin_stand(database: AsyncEngine, book: Book, her: User, by: str) -> None:
    asked = await ask(database, book)
    await decline(database, book, asked, by)
    for verb in (confirm, decline):
        with pytest.raises(AlreadyDecided):
            await verb(database, book, asked, TWO)
    assert await opens(database, book, PIN)
    assert (await ask(database, book)).renewal_id != asked.renewal_id


async def test_a_renewal_is_confirmed_once(database: AsyncEngine, book: Book, her: User) -> None:
    asked = await ask(database, book)
    pin = await confirm(database, book, asked)
    for by in (TWO, "user:3"):
        with pytest.raises(AlreadyDecided):
            await confirm(database, book, asked, by)
    assert await opens(database, book, pin)


async def test_two_who_confirm_at_once_make_one_pin(database: AsyncEngine, book: Book, her: User) -> None:
    asked = await ask(database, book)
    async with second_engine(database) as other:
        pins = await asyncio.gather(
            confirm(database, book, asked, TWO), confirm(other, book, asked, "user:3"), return_exceptions=True
        )
    [pin] = [each for each in pins if isinstance(each, str)]
    assert [type(each) for each in pins if not isinstance(each, str)] == [AlreadyDecided]
    assert await opens(database, book, pin)


async def test_two_who_ask_at_once_ask_for_one(database: AsyncEngine, book: Book, her: User) -> None:
    async with second_engine(database) as other:
        one, two = await asyncio.gather(ask(database, book, ONE), ask(other, book, TWO))
    assert one == two


async def test_what_nobody_confirmed_within_a_day_is_forgotten(database: AsyncEngine, book: Book, her: User) -> None:
    asked = await ask(database, book)
    almost, over = NOW + GOOD_FOR - timedelta(seconds=1), NOW + GOOD_FOR
    assert await waiting(database, book, almost) == [asked]
    assert await waiting(database, book, over) == []
    with pytest.raises(AlreadyDecided):
        await confirm(database, book, asked, now=over)
    again = await ask(database, book, by=TWO, now=over)
    assert again.renewal_id != asked.renewal_id
    assert again.asked_by == TWO
    await confirm(database, book, again, by=ONE, now=over)


async def test_who_cannot_sign_in_here_gets_no_pin(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    await a_user(database, other, Grant("volunteer", volunteer_no="V-1"), pin=PIN)
    for number in ("V-1", "", "\x00", "V 1"):
        with pytest.raises(UnknownVolunteer):
            async with database.begin() as tx:
                await renewals.ask(tx, book.book_id, number, ONE, NOW)


async def test_a_renewal_of_another_book_is_unknown(database: AsyncEngine, book: Book, her: User) -> None:
    other = await new_book(database)
    asked = await ask(database, book)
    verbs: list[Callable[[], Awaitable[object]]] = [
        lambda: confirm(database, other, asked),
        lambda: decline(database, other, asked),
    ]
    for verb in verbs:
        with pytest.raises(UnknownRenewal):
            await verb()
    async with database.connect() as tx:
        with pytest.raises(UnknownRenewal):
            await renewals.read(tx, book.book_id, uuid4())
    assert await waiting(database, other) == []
    assert await waiting(database, book) == [asked]


# --- nobody becomes more than he is -----------------------------------------------------------------------------------


async def test_staff_do_not_get_the_pin_of_somebody_who_may_do_more(
    database: AsyncEngine, book: Book, her: User
) -> None:
    async with database.begin() as tx:
        await users.give(tx, her.user_id, book.book_id, Grant("owner"), "room:test")
    with pytest.raises(NotAllowed):
        await ask(database, book)


async def test_staff_of_one_book_do_not_get_a_pin_that_opens_another(
    database: AsyncEngine, book: Book, her: User
) -> None:
    other = await new_book(database)
    async with database.begin() as tx:
        await users.give(tx, her.user_id, other.book_id, Grant("volunteer", volunteer_no="V-9"), "room:test")
    with pytest.raises(NotAllowed):
        await ask(database, book)


async def test_who_became_more_since_it_was_asked_for_gets_no_pin(database: AsyncEngine, book: Book, her: User) -> None:
    asked = await ask(database, book)
    async with database.begin() as tx:
        await users.give(tx, her.user_id, book.book_id, Grant("reviewer"), "room:test")
    with pytest.raises(NotAllowed):
        await confirm(database, book, asked)
    assert await opens(database, book, PIN)
    assert await waiting(database, book) == [asked]


async def test_a_password_of_her_own_goes_with_the_pin_that_was_seen(
    database: AsyncEngine, book: Book, her: User
) -> None:
    async with database.begin() as tx:
        await users.change_secret(tx, her.user_id, PASSWORD)
    pin = await confirm(database, book, await ask(database, book))
    async with database.begin() as tx:
        await users.change_secret(tx, her.user_id, "a password of her own")
    assert await opens(database, book, "a password of her own") == her
    assert await opens(database, book, pin) is None
    assert await opens(database, book, PASSWORD) is None
