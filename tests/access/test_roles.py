"""Roles: who is what in which book, for which organisation, until when; and what a sign-in makes of it."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import renewals, sessions, users
from ledger.access.rights import Grant
from ledger.access.users import GivenRole
from ledger.books.directory import Book
from ledger.errors import InvalidField, NumberHasUser, UnknownRole, UnknownUser
from tests.access.callers import NOW, PIN, TODAY, a_user, is_alive, on_a_device
from tests.books.ledgers import second_engine, until_blocked_by
from tests.conftest import new_book

DAY = timedelta(days=1)

GRANTS = [
    Grant("volunteer", volunteer_no="V-1"),
    Grant("merchant", outlet="shop-1"),
    Grant("recorder", "gulou"),
    Grant("reviewer", "gulou", until=TODAY),
    Grant("operator"),
    Grant("auditor", until=TODAY + DAY),
    Grant("owner"),
]


async def roles_in(database: AsyncEngine, book: Book, **about: int) -> list[GivenRole]:
    async with database.connect() as tx:
        return await users.roles_in(tx, book.book_id, **about)


async def test_a_user_has_the_roles_that_were_given_in_their_order(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, *GRANTS)
    async with database.connect() as tx:
        assert await users.grants_of(tx, her.user_id, TODAY) == {book.book_id: tuple(GRANTS)}
    shown = await roles_in(database, book)
    assert [(each.user_id, each.login, each.grant, each.given_by) for each in shown] == [
        (her.user_id, her.login, grant, "room:test") for grant in GRANTS
    ]


async def test_a_role_of_another_book_is_another_matter(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    her = await a_user(database, book, Grant("owner"))
    async with database.begin() as tx:
        elsewhere = await users.give(tx, her.user_id, other.book_id, Grant("reviewer"), "room:test")
        assert await users.grants_of(tx, her.user_id, TODAY) == {
            book.book_id: (Grant("owner"),),
            other.book_id: (Grant("reviewer"),),
        }
        for verb in (
            users.role(tx, book.book_id, elsewhere),
            users.end_role(tx, book.book_id, elsewhere, "user:1", NOW),
        ):
            with pytest.raises(UnknownRole):
                await verb
    assert len(await roles_in(database, book)) == 1


async def test_a_role_whose_last_day_is_over_is_not_held(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("auditor", until=TODAY))
    async with database.connect() as tx:
        assert await users.grants_of(tx, her.user_id, TODAY) == {book.book_id: (Grant("auditor", until=TODAY),)}
        assert await users.grants_of(tx, her.user_id, TODAY + DAY) == {}


async def test_a_role_that_has_ended_is_not_held_and_cannot_end_again(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("owner"), Grant("operator"))
    first, second = await roles_in(database, book)
    async with database.begin() as tx:
        assert await users.end_role(tx, book.book_id, first.role_id, "user:1", NOW) == her.user_id
        assert await users.grants_of(tx, her.user_id, TODAY) == {book.book_id: (Grant("operator"),)}
        for verb in (
            users.role(tx, book.book_id, first.role_id),
            users.end_role(tx, book.book_id, first.role_id, "user:1", NOW),
        ):
            with pytest.raises(UnknownRole):
                await verb
    assert await roles_in(database, book) == [second]


async def test_roles_are_listed_page_by_page_and_by_user(database: AsyncEngine, book: Book) -> None:
    first = await a_user(database, book, Grant("owner"), Grant("operator"))
    second = await a_user(database, book, Grant("reviewer"))
    page = await roles_in(database, book, limit=2)
    rest = await roles_in(database, book, limit=2, after=page[-1].role_id)
    assert [each.grant.role for each in (*page, *rest)] == ["owner", "operator", "reviewer"]
    assert len(await roles_in(database, book, user_id=first.user_id)) == 2
    assert len(await roles_in(database, book, user_id=second.user_id)) == 1


@pytest.mark.parametrize(
    ("grant", "field", "problem"),
    [
        (Grant("volunteer"), "volunteer", "missing"),
        (Grant("operator", volunteer_no="V-1"), "volunteer", "not_for_this_role"),
        (Grant("volunteer", volunteer_no=""), "volunteer", "not_a_code"),
        (Grant("volunteer", volunteer_no="a b"), "volunteer", "not_a_code"),
        (Grant("merchant"), "outlet", "missing"),
        (Grant("volunteer", volunteer_no="V-1", outlet="shop-1"), "outlet", "not_for_this_role"),
        (Grant("merchant", outlet="\x00"), "outlet", "not_a_code"),
        (Grant("volunteer", "gulou", volunteer_no="V-1"), "organisation", "not_for_this_role"),
        (Grant("merchant", "gulou", outlet="shop-1"), "organisation", "not_for_this_role"),
        (Grant("auditor"), "until", "missing"),
        (Grant("auditor", until=date(9999, 12, 31)), "until", "too_far_ahead"),
    ],
)
async def test_a_role_that_says_too_much_or_too_little_is_not_given(
    database: AsyncEngine, book: Book, grant: Grant, field: str, problem: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await a_user(database, book, grant)
    assert (caught.value.field, caught.value.problem) == (field, problem)
    assert await roles_in(database, book) == []


async def test_a_volunteer_number_is_one_users_in_a_book_until_her_role_ends(database: AsyncEngine, book: Book) -> None:
    grant = Grant("volunteer", volunteer_no="V-1")
    her = await a_user(database, book, grant)
    with pytest.raises(NumberHasUser) as caught:
        await a_user(database, book, grant)
    assert caught.value.volunteer == "V-1"
    other = await new_book(database)
    await a_user(database, other, grant)
    [given] = await roles_in(database, book)
    async with database.begin() as tx:
        await users.end_role(tx, book.book_id, given.role_id, "user:1", NOW)
    another = await a_user(database, book, grant)
    async with database.connect() as tx:
        assert [each.user for each in await users.find(tx, "V-1", book.book_id)] == [another]
    assert another != her


async def test_a_number_given_at_once_to_two_is_one_users(database: AsyncEngine, book: Book) -> None:
    both = [await a_user(database, book) for _ in range(2)]

    async def give(engine: AsyncEngine, user_id: int) -> bool:
        try:
            async with engine.begin() as tx:
                await users.give(tx, user_id, book.book_id, Grant("volunteer", volunteer_no="V-1"), "room:test")
        except NumberHasUser:
            return False
        return True

    async with second_engine(database) as other:
        given = await asyncio.gather(give(database, both[0].user_id), give(other, both[1].user_id))
    assert sorted(given) == [False, True]


# --- a role ends while somebody signs in ------------------------------------------------------------------------------


@pytest.mark.parametrize("signing_in_first", [True, False])
async def test_whoever_signs_in_while_a_role_of_his_ends_has_it_no_more(
    database: AsyncEngine, book: Book, signing_in_first: bool
) -> None:
    him = await a_user(database, book, Grant("owner"), Grant("operator"))
    owner = (await roles_in(database, book))[0]

    async def sign_in() -> tuple[bool, set[str]]:
        async with database.begin() as tx:
            await users.candidate(tx, him.user_id, held=True)
            held = await users.grants_of(tx, him.user_id, TODAY)
            me = sessions.principal(him, held, book.book_id, book.code)
            me, _ = await sessions.begin(tx, me, "x", NOW, browser=False)
        return await is_alive(database, me), {grant.role for grant in me.grants}

    if signing_in_first:
        async with database.begin() as tx:
            await users.candidate(tx, him.user_id, held=True)
            held = await users.grants_of(tx, him.user_id, TODAY)
            ending = asyncio.create_task(end(database, book, owner.role_id))
            await until_blocked_by(database, tx)
            me = sessions.principal(him, held, book.book_id, book.code)
            me, _ = await sessions.begin(tx, me, "x", NOW, browser=False)
        await ending
        assert not await is_alive(database, me)
    else:
        async with database.begin() as tx:
            await users.end_role(tx, book.book_id, owner.role_id, "user:1", NOW)
            entering = asyncio.create_task(sign_in())
            await until_blocked_by(database, tx)
            await sessions.end_all(tx, him.user_id, NOW, "role_ended", book_id=book.book_id)
        assert await entering == (True, {"operator"})


async def end(database: AsyncEngine, book: Book, role_id: int) -> None:
    async with database.begin() as tx:
        whose = await users.end_role(tx, book.book_id, role_id, "user:1", NOW)
        await sessions.end_all(tx, whose, NOW, "role_ended", book_id=book.book_id)


# --- erasing ----------------------------------------------------------------------------------------------------------


async def test_an_erased_volunteer_leaves_no_user_no_role_and_no_device(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("volunteer", volunteer_no="V-1"), pin=PIN)
    me, _ = await on_a_device(database, book, her)
    async with database.begin() as tx:
        await renewals.ask(tx, book.book_id, "V-1", "user:1", NOW)
        [gone] = await users.forget_volunteer(tx, book.book_id, "V-1", "user:1")
        await sessions.forget(tx, gone, book.book_id)
        await users.forget(tx, gone)
    assert gone == her.user_id
    assert not await is_alive(database, me)
    assert await roles_in(database, book) == []
    async with database.connect() as tx:
        with pytest.raises(UnknownUser):
            await users.user(tx, her.user_id)


async def test_who_has_a_role_elsewhere_stays_when_one_book_forgets_her(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    her = await a_user(database, book, Grant("volunteer", volunteer_no="V-1"), pin=PIN)
    async with database.begin() as tx:
        await users.give(tx, her.user_id, other.book_id, Grant("volunteer", volunteer_no="V-1"), "room:test")
    there, _ = await on_a_device(database, other, her)
    async with database.begin() as tx:
        [gone] = await users.forget_volunteer(tx, book.book_id, "V-1", "user:1")
        await sessions.forget(tx, gone, book.book_id)
        await users.forget(tx, gone)
        assert await users.user(tx, her.user_id) == her
    assert await is_alive(database, there)
