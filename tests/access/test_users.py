"""Users: who may sign in, by which names, with what password or PIN."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import users
from ledger.access.rights import Grant
from ledger.access.tables import users as users_table
from ledger.access.users import Candidate, User
from ledger.books.directory import Book
from ledger.database import connect
from ledger.errors import InvalidField, UnknownUser, UserExists, WrongPassword
from tests.access.callers import PASSWORD, PIN, a_user
from tests.conftest import new_book


@pytest.fixture
def login() -> str:
    return f"user-{secrets.token_hex(4)}"


@pytest.fixture
def number() -> str:
    return f"V{secrets.token_hex(4)}"


async def create(database: AsyncEngine, login: str, password: str = PASSWORD) -> User:
    async with database.begin() as tx:
        return await users.create(tx, login, password=password)


async def verified(database: AsyncEngine, name: str, secret: str, book: Book | None = None) -> Candidate:
    async with database.connect() as tx:
        candidates = await users.find(tx, name, book.book_id if book else None)
    return await users.verify(candidates, secret)


async def sign_in(database: AsyncEngine, name: str, secret: str, book: Book | None = None) -> User:
    found = (await verified(database, name, secret, book)).user
    assert found is not None
    return found


# --- passwords --------------------------------------------------------------------------------------------------------


async def test_a_user_signs_in_with_his_password(database: AsyncEngine, login: str) -> None:
    made = await create(database, login)
    assert made == User(made.user_id, login)
    assert await sign_in(database, login, PASSWORD) == made


@pytest.mark.parametrize("password", ["", "correct horse 电", PASSWORD + " ", PASSWORD.upper(), "wrong password", PIN])
async def test_a_wrong_password_does_not_sign_in(database: AsyncEngine, login: str, password: str) -> None:
    await create(database, login)
    with pytest.raises(WrongPassword):
        await sign_in(database, login, password)


async def test_a_login_that_does_not_exist_is_refused_in_the_same_words(database: AsyncEngine, login: str) -> None:
    await create(database, login)
    refusals = []
    for name, password in ((login, "wrong password"), (f"{login}-nobody", PASSWORD), (f" {login}", PASSWORD)):
        with pytest.raises(WrongPassword) as caught:
            await sign_in(database, name, password)
        refusals.append(list(caught.value.facts()))
    assert refusals == [[], [], []]


async def test_the_password_that_stands_in_for_nobody_signs_nobody_in(database: AsyncEngine, login: str) -> None:
    with pytest.raises(WrongPassword):
        await sign_in(database, login, "nobody has this password")


@pytest.mark.parametrize("password", ["half \ud83d of it", "nul \x00 in it", "x" * 201])
async def test_a_password_that_nobody_can_have_is_a_wrong_one(database: AsyncEngine, login: str, password: str) -> None:
    await create(database, login)
    with pytest.raises(WrongPassword):
        await sign_in(database, login, password)


@pytest.mark.parametrize("odd", ["half\ud83d", "nul\x00", "", " ", "x" * 65])
async def test_a_login_that_nobody_can_have_is_a_wrong_one(database: AsyncEngine, odd: str) -> None:
    with pytest.raises(WrongPassword):
        await sign_in(database, odd, PASSWORD)


@pytest.mark.parametrize(
    ("password", "problem"),
    [("", "too_short"), ("1234567", "too_short"), ("x" * 201, "too_long"), ("half \ud83d of it", "not_a_text")],
)
async def test_a_password_is_a_text_of_8_to_200_characters(
    database: AsyncEngine, login: str, password: str, problem: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await create(database, login, password)
    assert (caught.value.field, caught.value.problem) == ("password", problem)
    with pytest.raises(WrongPassword):
        await sign_in(database, login, password)


@pytest.mark.parametrize("password", ["kh4nt0wl", "山高水长" * 50])
async def test_the_shortest_and_the_longest_password_sign_in(database: AsyncEngine, login: str, password: str) -> None:
    made = await create(database, login, password)
    assert await sign_in(database, login, password) == made


@pytest.mark.usefixtures("real_passwords")
async def test_passwords_and_pins_are_stored_as_salted_hashes_only(database: AsyncEngine, book: Book) -> None:
    made = [await a_user(database, book, login=f"x{secrets.token_hex(4)}", password=PASSWORD) for _ in range(2)]
    made += [await a_user(database, book, pin=PIN) for _ in range(2)]
    async with database.connect() as tx:
        rows = (
            await tx.execute(
                select(users_table.c.password_hash, users_table.c.pin_hash).where(
                    users_table.c.user_id.in_([user.user_id for user in made])
                )
            )
        ).all()
    stored = [text for row in rows for text in row if text is not None]
    assert len(stored) == len(set(stored)) == 4
    assert all(text.startswith("$argon2id$v=19$m=65536,t=3,p=4$") for text in stored)
    assert not any(PASSWORD in text or PIN in text for text in stored)


async def test_nothing_that_is_shown_of_a_candidate_holds_a_hash(database: AsyncEngine, login: str) -> None:
    await create(database, login)
    found = await verified(database, login, PASSWORD)
    assert found.password_hash is not None
    assert "argon2" not in repr(found)
    assert "argon2" not in repr([found])


@pytest.mark.usefixtures("real_passwords")
async def test_a_flood_of_sign_ins_holds_no_connection(database: AsyncEngine) -> None:
    narrow = connect.to(database.url.render_as_string(hide_password=False), connections=1)
    try:
        async with narrow.connect() as tx:
            nobody = await users.find(tx, "nobody")
            guesses = [asyncio.create_task(users.verify(nobody, "wrong")) for _ in range(4)]
            assert (await tx.execute(select(1))).scalar_one() == 1
        assert all(isinstance(each, WrongPassword) for each in await asyncio.gather(*guesses, return_exceptions=True))
    finally:
        await narrow.dispose()


# --- how often a secret is looked at ----------------------------------------------------------------------------------


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that secrets are compared with."""
    seen: list[str] = []
    plain = PasswordHasher.verify

    def verify(self: PasswordHasher, digest: str | bytes, password: str | bytes) -> bool:
        seen.append(str(digest))
        return plain(self, digest, password)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    return seen


async def test_a_name_costs_as_many_looks_whether_somebody_has_it_or_not(
    database: AsyncEngine, book: Book, login: str, number: str, looked: list[str]
) -> None:
    await create(database, login)
    await a_user(database, book, Grant("volunteer", volunteer_no=number), pin=PIN)
    counts = {}
    for name in (login, number, f"{login}-nobody", f"{number}-0", "\x00", ""):
        for secret in ("wrong password", "846153"):
            looked.clear()
            with pytest.raises(WrongPassword):
                await sign_in(database, name, secret)
            counts[name, secret] = len(looked)
    assert set(counts.values()) == {1}, counts


@pytest.mark.usefixtures("real_passwords")
async def test_the_stand_in_costs_what_a_real_hash_costs(database: AsyncEngine, login: str, looked: list[str]) -> None:
    await create(database, login)
    for name in (login, f"{login}-nobody"):
        with pytest.raises(WrongPassword):
            await sign_in(database, name, "wrong password")
    assert len({digest.split("$")[3] for digest in looked}) == 1
    assert len(looked) == 2


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["", " ", " a", "a ", "a\nb", "a\x00", "\ud800", "x" * 65, "\u3000a"])
async def test_what_is_no_login_is_refused(database: AsyncEngine, odd: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await create(database, odd)
    assert (caught.value.field, caught.value.problem) == ("login", "not_a_login")


async def test_a_login_is_found_however_it_is_typed(database: AsyncEngine, login: str) -> None:
    made = await create(database, login.capitalize())
    full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in login.upper())
    assert made.login == login
    async with database.connect() as tx:
        for name in (login, login.upper(), full_width):
            assert await users.with_login(tx, name) == made


@given(st.text(max_size=20))
def test_a_folded_login_folds_to_itself(typed: str) -> None:
    assert users.folded(users.folded(typed)) == users.folded(typed)


@given(st.text(st.characters(codec="ascii"), max_size=20))
def test_a_login_folds_to_the_same_in_capitals_and_full_width(typed: str) -> None:
    wide = "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in typed)
    assert users.folded(typed) == users.folded(typed.upper()) == users.folded(wide)


async def test_a_login_is_one_users_only(database: AsyncEngine, login: str) -> None:
    first = await create(database, login)
    with pytest.raises(UserExists) as caught:
        await create(database, login.upper(), "another password")
    assert caught.value.login == login
    assert await sign_in(database, login, PASSWORD) == first


async def test_a_login_asked_for_at_once_by_five_is_one_users(database: AsyncEngine, login: str) -> None:
    async def try_to_create() -> bool:
        try:
            await create(database, login)
        except UserExists:
            return False
        return True

    assert sorted(await asyncio.gather(*(try_to_create() for _ in range(5)))) == [False] * 4 + [True]


# --- numbers and PINs -------------------------------------------------------------------------------------------------


async def test_a_volunteer_signs_in_with_her_number_and_pin(database: AsyncEngine, book: Book, number: str) -> None:
    her = await a_user(database, book, Grant("volunteer", volunteer_no=number), pin=PIN)
    for where in (book, None):
        found = await verified(database, number, PIN, where)
        assert (found.user, found.book_id) == (her, book.book_id)


async def test_a_number_typed_full_width_is_found(database: AsyncEngine, book: Book, number: str) -> None:
    her = await a_user(database, book, Grant("volunteer", volunteer_no=number), pin=PIN)
    full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in number)
    assert await sign_in(database, full_width, PIN) == her


async def test_one_number_in_two_books_is_of_two_people_whom_their_pins_tell_apart(
    database: AsyncEngine, book: Book, number: str
) -> None:
    other = await new_book(database)
    one = await a_user(database, book, Grant("volunteer", volunteer_no=number), pin=PIN)
    two = await a_user(database, other, Grant("volunteer", volunteer_no=number), pin="937460")
    assert await sign_in(database, number, PIN) == one
    assert await sign_in(database, number, "937460") == two
    with pytest.raises(WrongPassword):
        await sign_in(database, number, "937460", book)
    with pytest.raises(WrongPassword):
        await sign_in(database, number, "937461")


async def test_who_takes_somebodys_number_as_login_does_not_shut_her_out(
    database: AsyncEngine, book: Book, number: str
) -> None:
    her = await a_user(database, book, Grant("volunteer", volunteer_no=number), pin=PIN)
    another = await a_user(database, book, login=number, password=PASSWORD)
    assert await sign_in(database, number, PIN) == her
    assert await sign_in(database, number, PASSWORD) == another


async def test_who_has_her_number_as_login_is_one_candidate(database: AsyncEngine, book: Book, number: str) -> None:
    grant = Grant("volunteer", volunteer_no=number)
    her = await a_user(database, book, grant, login=number, password=PASSWORD, pin=PIN)
    async with database.connect() as tx:
        assert [each.user for each in await users.find(tx, number)] == [her]


async def test_a_password_is_no_pin_and_a_pin_no_password(database: AsyncEngine, book: Book) -> None:
    only_password = await a_user(database, book, password=PASSWORD)
    only_pin = await a_user(database, book, login=f"x{secrets.token_hex(4)}", pin=PIN)
    for user, secret in ((only_password, PIN), (only_pin, PASSWORD)):
        assert user.login is not None
        with pytest.raises(WrongPassword):
            await sign_in(database, user.login, secret)


@pytest.mark.parametrize(
    ("pin", "problem"),
    [
        *((pin, "not_six_digits") for pin in ("", "12345", "1234567", "12345a", "１２３４５６", "123456\n", "٠١٢٣٤٥")),
        *(
            (pin, "too_easy")
            for pin in ("000000", "111111", "123456", "654321", "890123", "121212", "727272", "258258")
        ),
    ],
)
async def test_a_pin_is_six_digits_that_are_not_the_first_to_be_tried(
    database: AsyncEngine, pin: str, problem: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        async with database.begin() as tx:
            await users.create(tx, None, pin=pin)
    assert (caught.value.field, caught.value.problem) == ("pin", problem)


@given(st.integers(0, 9), st.integers(0, 9))
def test_whatever_rises_or_falls_by_even_steps_is_weak(first: int, step: int) -> None:
    assert users._is_weak("".join(str((first + step * place) % 10) for place in range(6)))


@given(st.integers(0, 999))
def test_whatever_repeats_two_or_three_digits_is_weak(part: int) -> None:
    assert users._is_weak(f"{part:03d}" * 2)
    assert users._is_weak(f"{part % 100:02d}" * 3)


def test_hardly_one_pin_in_a_thousand_is_weak() -> None:
    assert sum(users._is_weak(f"{pin:06d}") for pin in range(10**6)) == 1170


def test_a_new_pin_can_always_be_used() -> None:
    drawn = {users.new_pin() for _ in range(200)}
    assert len(drawn) > 190
    assert all(users.PIN.fullmatch(pin) and not users._is_weak(pin) for pin in drawn)


# --- changing ---------------------------------------------------------------------------------------------------------


async def test_a_changed_password_opens_and_the_old_one_does_not(database: AsyncEngine, login: str) -> None:
    made = await create(database, login)
    async with database.begin() as tx:
        await users.change_secret(tx, made.user_id, "another password")
    assert await sign_in(database, login, "another password") == made
    with pytest.raises(WrongPassword):
        await sign_in(database, login, PASSWORD)


async def test_who_gets_a_pin_besides_his_password_keeps_both(database: AsyncEngine, login: str) -> None:
    made = await create(database, login)
    async with database.begin() as tx:
        await users.change_secret(tx, made.user_id, PIN)
    assert await sign_in(database, login, PASSWORD) == await sign_in(database, login, PIN) == made


async def test_a_pin_that_staff_have_seen_opens_nothing_after_she_chose_a_password_instead(
    database: AsyncEngine, book: Book, number: str
) -> None:
    her = await a_user(database, book, Grant("volunteer", volunteer_no=number), pin=PIN, seen=True)
    assert her.must_change
    async with database.begin() as tx:
        await users.change_secret(tx, her.user_id, PASSWORD)
    assert not (await sign_in(database, number, PASSWORD)).must_change
    with pytest.raises(WrongPassword):
        await sign_in(database, number, PIN)


async def test_a_password_that_staff_have_seen_opens_nothing_after_he_chose_a_pin_instead(
    database: AsyncEngine, book: Book, login: str
) -> None:
    him = await a_user(database, book, login=login, password=PASSWORD, seen=True)
    async with database.begin() as tx:
        await users.change_secret(tx, him.user_id, PIN)
    assert not (await sign_in(database, login, PIN)).must_change
    with pytest.raises(WrongPassword):
        await sign_in(database, login, PASSWORD)


async def test_a_secret_that_somebody_has_seen_has_to_be_changed(database: AsyncEngine, login: str) -> None:
    made = await create(database, login)
    async with database.begin() as tx:
        await users.change_secret(tx, made.user_id, "seen by others", seen=True)
    assert (await sign_in(database, login, "seen by others")).must_change


async def test_a_user_that_is_not_there_is_unknown(database: AsyncEngine) -> None:
    async with database.connect() as tx:
        assert await users.candidate(tx, 0) == users.NOBODY
        with pytest.raises(UnknownUser):
            await users.user(tx, 0)
