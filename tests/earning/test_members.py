"""Members of organisations, and volunteers who move, leave and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import TypeVar

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import members, organisations, volunteers
from ledger.earning.members import Listed, Member
from ledger.earning.volunteers import Volunteer
from ledger.errors import (
    AlreadyMember,
    InvalidField,
    OrganisationInactive,
    UnknownMember,
    UnknownOrganisation,
    UnknownVolunteer,
    VolunteerLeft,
)
from tests.conftest import new_book

T = TypeVar("T")
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


async def do(database: AsyncEngine, verb: Callable[..., Awaitable[T]], book: Book, *args: object) -> T:
    async with database.begin() as tx:
        return await verb(tx, book.book_id, *args)


@pytest.fixture
async def her(database: AsyncEngine, book: Book) -> Volunteer:
    """A volunteer of `street`, which lies below `district` as `lane` does."""
    await do(database, organisations.add, book, "district", "区")
    await do(database, organisations.add, book, "street", "街道", "district")
    await do(database, organisations.add, book, "lane", "巷", "district")
    return await do(database, volunteers.register, book, "V-1", "street")


async def of_volunteer(database: AsyncEngine, book: Book, her: Volunteer) -> list[Member]:
    return await do(database, members.of_volunteer, book, her.holder)


async def today(database: AsyncEngine) -> date:
    async with database.connect() as tx:
        return day_of(await connect.now(tx))


# --- members ----------------------------------------------------------------------------------------------------------


async def test_somebody_is_a_member_of_several_organisations_with_a_role_in_each(
    database: AsyncEngine, book: Book, her: Volunteer
) -> None:
    leader = await do(database, members.join, book, "lane", her.holder, "leader", MAY)
    assert leader == Member("lane", her.holder, "leader", MAY)
    liaison = await do(database, members.join, book, "district", her.holder, "liaison", JUNE)
    assert await of_volunteer(database, book, her) == [liaison, leader]
    assert await do(database, members.of_organisation, book, "lane") == [Listed(leader, "V-1", "street")]
    assert await do(database, members.of_organisation, book, "street") == []
    assert await do(database, members.of_organisation, await new_book(database), "lane") == []


async def test_members_are_listed_by_number_page_by_page(database: AsyncEngine, book: Book, her: Volunteer) -> None:
    holders = await do(database, volunteers.register_many, book, ["V-3", "V-2", "V-4"])
    for holder in holders.values():
        await do(database, members.join, book, "lane", holder, "member", MAY)
    async with database.connect() as tx:
        first = await members.of_organisation(tx, book.book_id, "lane", limit=2)
        rest = await members.of_organisation(tx, book.book_id, "lane", after=first[-1].volunteer_no)
    assert [each.volunteer_no for each in (*first, *rest)] == ["V-2", "V-3", "V-4"]


async def test_nobody_joins_twice(database: AsyncEngine, book: Book, her: Volunteer) -> None:
    await do(database, members.join, book, "lane", her.holder, "member", MAY)
    with pytest.raises(AlreadyMember):
        await do(database, members.join, book, "lane", her.holder, "leader", JUNE)


async def test_whoever_joins_from_many_sides_at_once_is_a_member_once(
    database: AsyncEngine, book: Book, her: Volunteer
) -> None:
    told = await asyncio.gather(
        *(do(database, members.join, book, "lane", her.holder, role, MAY) for role in members.ROLES * 2),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Member) for each in told) == 1
    assert sum(isinstance(each, AlreadyMember) for each in told) == 7
    assert len(await of_volunteer(database, book, her)) == 1


async def test_another_role_begins_on_its_day_and_the_one_of_before_stays_in_her_history(
    database: AsyncEngine, book: Book, her: Volunteer
) -> None:
    await do(database, members.join, book, "lane", her.holder, "member", MAY)
    leader = await do(database, members.change_role, book, "lane", her.holder, "leader", JUNE)
    assert leader == Member("lane", her.holder, "leader", JUNE)
    assert await of_volunteer(database, book, her) == [leader]
    # On the same day the later word counts, and the same role is no change.
    deputy = await do(database, members.change_role, book, "lane", her.holder, "deputy", JUNE)
    assert await do(database, members.change_role, book, "lane", her.holder, "deputy", date(2026, 7, 1)) == deputy
    assert await of_volunteer(database, book, her) == [Member("lane", her.holder, "deputy", JUNE)]


async def test_who_left_may_join_again_also_on_the_same_day(database: AsyncEngine, book: Book, her: Volunteer) -> None:
    await do(database, members.join, book, "lane", her.holder, "member", MAY)
    await do(database, members.leave, book, "lane", her.holder, JUNE)
    assert await of_volunteer(database, book, her) == []
    for role in ("leader", "member"):
        again = await do(database, members.join, book, "lane", her.holder, role, JUNE)
        assert await of_volunteer(database, book, her) == [again]
        await do(database, members.leave, book, "lane", her.holder, JUNE)
    with pytest.raises(UnknownMember):
        await do(database, members.leave, book, "lane", her.holder, JUNE)
    with pytest.raises(UnknownMember):
        await do(database, members.change_role, book, "lane", her.holder, "leader", JUNE)


async def test_what_is_no_role_no_organisation_or_nobody_is_refused(
    database: AsyncEngine, book: Book, her: Volunteer
) -> None:
    with pytest.raises(InvalidField):
        await do(database, members.join, book, "lane", her.holder, "boss", MAY)
    with pytest.raises(UnknownOrganisation):
        await do(database, members.join, book, "alley", her.holder, "member", MAY)
    with pytest.raises(UnknownVolunteer):
        await do(database, members.join, book, "lane", "0" * 16, "member", MAY)
    await do(database, organisations.set_status, book, "district", "suspended")
    with pytest.raises(OrganisationInactive):
        await do(database, members.join, book, "lane", her.holder, "member", MAY)
    assert await of_volunteer(database, book, her) == []


async def test_who_has_been_erased_is_on_no_list(database: AsyncEngine, book: Book, her: Volunteer) -> None:
    await do(database, members.join, book, "lane", her.holder, "member", MAY)
    await do(database, volunteers.forget, book, "V-1", "user:1")
    assert await do(database, members.of_organisation, book, "lane") == []


# --- moving and leaving -----------------------------------------------------------------------------------------------


async def test_she_moves_and_her_accounts_belong_to_where_she_is(
    database: AsyncEngine, book: Book, her: Volunteer
) -> None:
    moved = await do(database, volunteers.move, book, "V-1", "lane")
    assert moved == Volunteer("V-1", her.holder, "lane")
    assert await do(database, volunteers.find, book, "V-1") == moved
    found = await do(database, organisations.of_accounts, book, [her.account("2100")])
    assert found[her.account("2100")].line == ("lane", "district")
    assert (await do(database, volunteers.move, book, "V-1", None)).organisation is None


async def test_nobody_moves_to_an_organisation_that_is_not_there_or_records_nothing(
    database: AsyncEngine, book: Book, her: Volunteer
) -> None:
    with pytest.raises(UnknownOrganisation):
        await do(database, volunteers.move, book, "V-1", "alley")
    await do(database, organisations.set_status, book, "lane", "exited")
    with pytest.raises(OrganisationInactive) as caught:
        await do(database, volunteers.move, book, "V-1", "lane")
    assert (caught.value.organisation, caught.value.status) == ("lane", "exited")
    with pytest.raises(UnknownVolunteer):
        await do(database, volunteers.move, book, "V-2", "street")
    assert await do(database, volunteers.find, book, "V-1") == her


async def test_who_leaves_is_no_member_of_anything_and_comes_back_where_she_is_taken(
    database: AsyncEngine, book: Book, her: Volunteer
) -> None:
    day = await today(database)
    await do(database, members.join, book, "lane", her.holder, "leader", MAY)
    left = await do(database, volunteers.leave, book, "V-1", day)
    assert left == Volunteer("V-1", her.holder, "street", day)
    assert await do(database, volunteers.find, book, "V-1") == left
    assert await of_volunteer(database, book, her) == []
    assert await do(database, volunteers.leave, book, "V-1", day) == left, "again: nothing more happens"
    with pytest.raises(VolunteerLeft) as caught:
        await do(database, volunteers.leave, book, "V-1", day - timedelta(days=1))
    assert caught.value.left_on == day
    with pytest.raises(VolunteerLeft):
        await do(database, volunteers.move, book, "V-1", "lane")
    with pytest.raises(VolunteerLeft):
        await do(database, members.join, book, "lane", her.holder, "member", day)
    back = await do(database, volunteers.come_back, book, "V-1", "lane")
    assert back == Volunteer("V-1", her.holder, "lane")
    await do(database, members.join, book, "lane", her.holder, "member", day)


async def test_nobody_leaves_on_a_day_to_come(database: AsyncEngine, book: Book, her: Volunteer) -> None:
    tomorrow = await today(database) + timedelta(days=1)
    with pytest.raises(InvalidField) as caught:
        await do(database, volunteers.leave, book, "V-1", tomorrow)
    assert (caught.value.field, caught.value.problem) == ("day", "in_the_future")


async def test_nobody_is_left_a_member_who_joined_while_she_left(
    database: AsyncEngine, book: Book, her: Volunteer
) -> None:
    day = await today(database)
    for attempt in range(5):
        number = f"W-{attempt}"
        someone = await do(database, volunteers.register, book, number, "street")
        told = await asyncio.gather(
            *(do(database, members.join, book, code, someone.holder, "member", day) for code in ("lane", "district")),
            do(database, volunteers.leave, book, number, day),
            do(database, volunteers.move, book, number, "lane"),
            return_exceptions=True,
        )
        assert all(not isinstance(each, Exception) or isinstance(each, VolunteerLeft) for each in told), told
        assert await of_volunteer(database, book, someone) == []
        assert (await do(database, volunteers.find, book, number)).left_on == day


async def test_of_a_move_and_a_leaving_at_once_none_undoes_the_other(
    database: AsyncEngine, book: Book, her: Volunteer
) -> None:
    day = await today(database)
    for attempt in range(5):
        number = f"W-{attempt}"
        await do(database, volunteers.register, book, number, "street")
        moved, left = await asyncio.gather(
            do(database, volunteers.move, book, number, "lane"),
            do(database, volunteers.leave, book, number, day),
            return_exceptions=True,
        )
        assert isinstance(left, Volunteer)
        where = "street" if isinstance(moved, VolunteerLeft) else "lane"
        found = await do(database, volunteers.find, book, number)
        assert (found.organisation, found.left_on) == (where, day)
