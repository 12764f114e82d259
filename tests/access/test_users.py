"""Users: who may sign in, with what password, and as what."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import users
from ledger.access.tables import users as users_table
from ledger.access.users import Role, User
from ledger.books.directory import Book
from ledger.database import connect
from ledger.errors import InvalidField, UserExists, WrongPassword

PASSWORD = "correct horse 电池"


@pytest.fixture
def login() -> str:
    return f"user-{secrets.token_hex(4)}"


async def create(database: AsyncEngine, book: Book, login: str, password: str = PASSWORD) -> User:
    async with database.begin() as tx:
        return await users.create(tx, login, password, book.book_id, "operator")


async def sign_in(database: AsyncEngine, login: str, password: str) -> User:
    async with database.connect() as tx:
        candidate = await users.find(tx, login)
    return await users.verify(candidate, password)


async def test_a_user_signs_in_with_his_password(database: AsyncEngine, book: Book, login: str) -> None:
    made = await create(database, book, login)
    assert made == User(made.user_id, login, book.book_id, "operator", None)
    assert await sign_in(database, login, PASSWORD) == made


async def test_a_volunteer_signs_in_as_the_volunteer_she_is(database: AsyncEngine, book: Book, login: str) -> None:
    async with database.begin() as tx:
        made = await users.create(tx, login, PASSWORD, book.book_id, "volunteer", "V-0001")
    signed_in = await sign_in(database, login, PASSWORD)
    assert signed_in == made
    assert (signed_in.role, signed_in.volunteer_no) == ("volunteer", "V-0001")


@pytest.mark.parametrize("password", ["", "correct horse 电", PASSWORD + " ", PASSWORD.upper(), "wrong password"])
async def test_a_wrong_password_does_not_sign_in(database: AsyncEngine, book: Book, login: str, password: str) -> None:
    await create(database, book, login)
    with pytest.raises(WrongPassword):
        await sign_in(database, login, password)


async def test_a_login_that_does_not_exist_is_refused_in_the_same_words(
    database: AsyncEngine, book: Book, login: str
) -> None:
    await create(database, book, login)
    refusals = []
    for name, password in ((login, "wrong password"), (f"{login}-nobody", PASSWORD), (login.upper(), PASSWORD)):
        with pytest.raises(WrongPassword) as caught:
            await sign_in(database, name, password)
        refusals.append(list(caught.value.facts()))
    assert refusals == [[], [], []]


async def test_the_password_that_stands_in_for_nobody_signs_nobody_in(database: AsyncEngine, login: str) -> None:
    with pytest.raises(WrongPassword):
        await sign_in(database, login, "nobody has this password")


@pytest.mark.parametrize("password", ["half \ud83d of it", "nul \x00 in it"])
async def test_a_password_that_nobody_can_have_is_a_wrong_one(
    database: AsyncEngine, book: Book, login: str, password: str
) -> None:
    await create(database, book, login)
    with pytest.raises(WrongPassword):
        await sign_in(database, login, password)


@pytest.mark.parametrize("odd", ["half\ud83d", "nul\x00"])
async def test_a_login_that_nobody_can_have_is_a_wrong_one(database: AsyncEngine, odd: str) -> None:
    with pytest.raises(WrongPassword):
        await sign_in(database, odd, PASSWORD)


@pytest.mark.parametrize(
    ("password", "problem"), [("", "too_short"), ("1234567", "too_short"), ("x" * 201, "too_long")]
)
async def test_a_password_has_8_to_200_characters(
    database: AsyncEngine, book: Book, login: str, password: str, problem: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await create(database, book, login, password)
    assert (caught.value.field, caught.value.problem) == ("password", problem)
    with pytest.raises(WrongPassword):
        await sign_in(database, login, password)


@pytest.mark.parametrize("password", ["12345678", "字" * 200])
async def test_the_shortest_and_the_longest_password_sign_in(
    database: AsyncEngine, book: Book, login: str, password: str
) -> None:
    made = await create(database, book, login, password)
    assert await sign_in(database, login, password) == made


async def test_a_password_of_half_characters_cannot_be_chosen(database: AsyncEngine, book: Book, login: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await create(database, book, login, "half \ud83d of it")
    assert caught.value.field == "password"


@pytest.mark.parametrize("odd", ["", " ", " a", "a ", "a\nb", "a\x00", "\ud800", "x" * 65])
async def test_what_is_no_login_is_refused(database: AsyncEngine, book: Book, odd: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await create(database, book, odd)
    assert (caught.value.field, caught.value.problem) == ("login", "not_a_login")


@pytest.mark.parametrize(
    ("role", "volunteer_no", "problem"),
    [("volunteer", None, "missing"), ("operator", "V-0001", "only_for_volunteers")],
)
async def test_volunteers_and_only_they_have_a_volunteer_number(
    database: AsyncEngine, book: Book, login: str, role: Role, volunteer_no: str | None, problem: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        async with database.begin() as tx:
            await users.create(tx, login, PASSWORD, book.book_id, role, volunteer_no)
    assert (caught.value.field, caught.value.problem) == ("volunteer", problem)


async def test_a_login_is_found_as_it_is_written(database: AsyncEngine, book: Book, login: str) -> None:
    async def user_of(name: str) -> User | None:
        async with database.connect() as tx:
            return (await users.find(tx, name)).user

    assert await user_of(login) is None
    made = await create(database, book, login)
    assert await user_of(login) == made
    assert await user_of(login.upper()) is None


async def test_a_login_is_one_users_only(database: AsyncEngine, book: Book, login: str) -> None:
    first = await create(database, book, login)
    with pytest.raises(UserExists) as caught:
        await create(database, book, login, "another password")
    assert caught.value.login == login
    assert await sign_in(database, login, PASSWORD) == first


async def test_a_login_asked_for_at_once_by_five_is_one_users(database: AsyncEngine, book: Book, login: str) -> None:
    async def try_to_create() -> bool:
        try:
            await create(database, book, login)
        except UserExists:
            return False
        return True

    assert sorted(await asyncio.gather(*(try_to_create() for _ in range(5)))) == [False] * 4 + [True]


async def test_passwords_are_stored_as_salted_hashes_only(database: AsyncEngine, book: Book, login: str) -> None:
    for name in (login, f"{login}-2"):
        await create(database, book, name)
    async with database.connect() as tx:
        stored = (
            (await tx.execute(select(users_table.c.password_hash).where(users_table.c.login.startswith(login))))
            .scalars()
            .all()
        )
    assert all(text.startswith("$argon2id$") for text in stored)
    assert len(set(stored)) == 2
    assert not any(PASSWORD in text for text in stored)


async def test_a_flood_of_sign_ins_holds_no_connection(database: AsyncEngine, book: Book) -> None:
    narrow = connect.to(database.url.render_as_string(hide_password=False), connections=1)
    try:
        async with narrow.connect() as tx:
            nobody = await users.find(tx, "nobody")
            guesses = [asyncio.create_task(users.verify(nobody, "wrong")) for _ in range(4)]
            assert (await tx.execute(select(1))).scalar_one() == 1
        assert all(isinstance(each, WrongPassword) for each in await asyncio.gather(*guesses, return_exceptions=True))
    finally:
        await narrow.dispose()
