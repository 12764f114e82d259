"""Targets: hours of a year, weeks and theme days, of people and of groups, as far as what was served stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import corrections, members, organisations, volunteers
from ledger.earning.record import Record
from ledger.earning.records import NewRecord
from ledger.earning.tables import volunteers as volunteers_table
from ledger.errors import InvalidField, TargetExists, UnknownOrganisation, UnknownTarget
from ledger.recognition import targets
from ledger.recognition.targets import Target, Wanted
from tests.earning.programmes import Programme, later, opened

HOURS: Final = Wanted("H20", "每年二十小时", "year_hours", "person", 20 * 60, 2026)
WEEKLY: Final = Wanted("W2", "每周一次", "weekly", "person", 2, 2026)
LEI_FENG: Final = replace(HOURS, target="T", kind="theme_days", amount=1, theme_days=("03-05", "12-05"))


@pytest.fixture
async def programme(database: AsyncEngine, book: Book) -> Programme:
    return await opened(database, book, people=3)


async def made(programme: Programme, wanted: Wanted, database: AsyncEngine | None = None) -> Target:
    async with (database or programme.database).begin() as tx:
        now = await connect.now(tx)
        target, new = await targets.set_(tx, programme.book.book_id, wanted, by="user:1", now=now)
    assert new
    return target


def of(programme: Programme, number: int, day: str, since: str, until: str, **other: Any) -> NewRecord:
    return programme.service(day, since, until, holder=programme.volunteers[number].holder, **other)


def over_midnight(programme: Programme, number: int) -> NewRecord:
    """A service that ends in the first minutes of 6 March."""
    late = of(programme, number, "2026-03-05", "23:00", "23:59")
    return replace(late, check_out=of(programme, number, "2026-03-06", "00:10", "00:20").check_in)


async def served(programme: Programme, *wanted: NewRecord) -> list[Record]:
    """Handed in and reviewed: hours stand in the books from then on, though points wait for the end of notice."""
    taken = await programme.taken(*wanted)
    await programme.review(*taken)
    return taken


async def far(programme: Programme, target: Target, year: int = 2026, **more: Any) -> dict[str, int]:
    """Volunteer numbers or codes, as listed, with how far each is; that her own page says the same is looked at."""
    async with programme.database.connect() as tx:
        book = programme.book.book_id
        found = (await targets.progress(tx, book, target, year, **more)).items
        for each in found:
            if each.holder is not None:
                hers = {own.target.target: own.amount for own in await targets.of_holder(tx, book, each.holder, year)}
                assert hers.get(target.target) == each.amount
    return {each.volunteer_no or each.organisation or "": each.amount for each in found}


async def counted(programme: Programme, target: Target, year: int = 2026) -> tuple[int, int]:
    """How many served, and how many reached it; also on a page that has nobody."""
    async with programme.database.connect() as tx:
        report = await targets.progress(tx, programme.book.book_id, target, year, after="zzzz", limit=1)
    assert report.items == []
    return report.served, report.reached


async def test_hours_of_a_year_are_those_of_its_days_entered_afterwards_or_signed_in(programme: Programme) -> None:
    target = await made(programme, replace(HOURS, amount=240))
    await served(
        programme,
        of(programme, 0, "2025-12-31", "09:00", "12:00"),
        of(programme, 0, "2026-01-01", "09:00", "12:00"),
        of(programme, 0, "2026-03-02", "09:00", "10:00", record_class="honour", second_person="user:second"),
        of(programme, 1, "2026-03-02", "09:00", "12:59"),
    )
    assert await far(programme, target) == {"V-0000": 240, "V-0001": 239}
    assert await far(programme, target, reached=True) == {"V-0000": 240}
    assert await counted(programme, target) == (2, 1)
    assert await far(programme, target, after="V-0000", limit=5) == {"V-0001": 239}


async def test_a_service_counts_for_the_day_of_its_sign_out_in_beijing(programme: Programme) -> None:
    target = await made(programme, LEI_FENG)
    await served(
        programme,
        of(programme, 0, "2026-03-05", "00:05", "01:00"),  # in London it is still 4 March
        of(programme, 1, "2026-03-05", "23:00", "23:59"),
        over_midnight(programme, 2),
    )
    assert await far(programme, target, reached=True) == {"V-0000": 1, "V-0001": 1}
    assert await far(programme, target) == {"V-0000": 1, "V-0001": 1}


async def test_a_theme_day_is_one_however_often_she_served_on_it(programme: Programme) -> None:
    target = await made(programme, replace(LEI_FENG, theme_days=("03-05", "03-06", "12-05"), amount=2))
    await served(
        programme,
        of(programme, 0, "2026-03-05", "09:00", "10:00"),
        of(programme, 0, "2026-03-05", "14:00", "15:00"),
        of(programme, 1, "2026-03-05", "14:00", "15:00"),
        of(programme, 1, "2026-03-06", "14:00", "15:00"),
    )
    assert await far(programme, target) == {"V-0001": 2, "V-0000": 1}


async def test_the_days_around_new_year_belong_to_the_weeks_year(programme: Programme) -> None:
    """The first week of 2026 is that of 29 December 2025 to 4 January 2026."""
    target = await made(programme, replace(WEEKLY, first_year=2025))
    await served(
        programme,
        of(programme, 0, "2025-12-28", "09:00", "10:00"),  # a Sunday, the last day of 2025's weeks
        of(programme, 0, "2025-12-29", "09:00", "10:00"),
        of(programme, 0, "2026-01-04", "09:00", "10:00"),
        of(programme, 0, "2026-01-05", "09:00", "10:00"),
        of(programme, 1, "2025-12-29", "09:00", "10:00"),
    )
    assert await far(programme, target) == {"V-0000": 2, "V-0001": 1}
    assert await far(programme, target, 2025) == {"V-0000": 1}


def test_every_week_is_as_many_weeks_as_a_year_has() -> None:
    every = replace(WEEKLY, amount=53)
    assert [targets.needed(every, year) for year in (2025, 2026, 2027)] == [52, 53, 52]
    assert targets.needed(WEEKLY, 2026) == 2


async def test_what_is_refused_or_corrected_drops_out(programme: Programme) -> None:
    target = await made(programme, replace(HOURS, amount=60))
    [stays, wrong] = await served(
        programme,
        of(programme, 0, "2026-03-02", "09:00", "10:00"),
        of(programme, 1, "2026-03-03", "09:00", "10:00"),
    )
    [waiting] = await programme.taken(of(programme, 2, "2026-03-04", "09:00", "10:00"))
    assert await far(programme, target, reached=True) == {"V-0000": 60, "V-0001": 60}
    async with later(programme.database, days=30).begin() as tx:
        now = await connect.now(tx)
        await corrections.correct(
            *(tx, programme.book.book_id, wrong.record_id), by="user:r", approver="user:q", reason="不属实", now=now
        )
    assert await far(programme, target) == {"V-0000": 60}
    await programme.review(waiting, accept=False)
    assert await counted(programme, target) == (1, 1)
    assert stays.minutes == 60


async def test_a_category_counts_alone(programme: Programme) -> None:
    target = await made(programme, replace(HOURS, category="敬老助残"))
    await served(
        programme,
        of(programme, 0, "2026-03-02", "09:00", "10:00", category="敬老助残"),
        of(programme, 0, "2026-03-03", "09:00", "10:00"),
    )
    assert await far(programme, target) == {"V-0000": 60}


async def test_a_target_of_an_organisation_is_for_its_people_and_those_below(programme: Programme) -> None:
    """D2T belongs to another community; wherever its volunteer serves, it is none of D1's."""
    async with programme.database.begin() as tx:
        await organisations.add(tx, programme.book.book_id, "D2", "二社区", "D", "community")
        other = await volunteers.register(tx, programme.book.book_id, "V-0009", "D2")
    await served(
        programme,
        of(programme, 0, "2026-03-02", "09:00", "10:00"),
        programme.service("2026-03-02", "09:00", "10:00", holder=other.holder),
    )
    below = await made(programme, replace(HOURS, target="D1", organisation="D1"))
    all_of_them = await made(programme, replace(HOURS, target="D", organisation="D"))
    assert await far(programme, below) == {"V-0000": 60}
    assert await far(programme, all_of_them) == {"V-0000": 60, "V-0009": 60}
    async with programme.database.connect() as tx:
        hers = await targets.of_holder(tx, programme.book.book_id, other.holder, 2026)
    assert [(each.target.target, each.amount, each.reached) for each in hers] == [("D", 60, False)]


async def test_what_its_people_serve_counts_for_a_group_and_those_above_it_once(programme: Programme) -> None:
    async with programme.database.begin() as tx:
        book = programme.book.book_id
        await organisations.add(tx, book, "D2", "二社区", "D", "community")
        other = await volunteers.register(tx, book, "V-0009", "D2")
        # Of the team too, from 3 March on; and a member of the team that she belongs to is not counted twice.
        await members.join(tx, book, "D1T", other.holder, "member", date(2026, 3, 3))
        await members.join(tx, book, "D1T", programme.holder, "leader", date(2026, 3, 1))
    await served(
        programme,
        of(programme, 0, "2026-03-02", "09:00", "10:00"),
        of(programme, 1, "2026-03-02", "09:00", "11:00"),
        programme.service("2026-03-02", "13:00", "13:30", holder=other.holder, organisation="D2"),
        programme.service("2026-03-09", "13:00", "13:20", holder=other.holder, organisation="D2"),
    )
    hours = await made(programme, replace(HOURS, whom="group", amount=200))
    assert await far(programme, hours) == {"D": 230, "D1": 200, "D1T": 200, "D2": 50}
    assert await counted(programme, hours) == (4, 3)
    weeks = await made(programme, replace(WEEKLY, whom="group", organisation="D1"))
    assert await far(programme, weeks) == {"D1": 2, "D1T": 2}


async def test_who_has_been_erased_is_on_no_list(programme: Programme) -> None:
    target = await made(programme, HOURS)
    await served(programme, of(programme, 0, "2026-03-02", "09:00", "10:00"))
    async with programme.database.begin() as tx:
        await tx.execute(delete(volunteers_table).where(volunteers_table.c.holder == programme.holder))
    assert await far(programme, target) == {}


async def test_the_same_again_changes_nothing_and_another_needs_another_code(programme: Programme) -> None:
    target = await made(programme, HOURS)
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        book = programme.book.book_id
        assert await targets.set_(tx, book, HOURS, by="user:2", now=now) == (target, False)
        with pytest.raises(TargetExists):
            await targets.set_(tx, book, replace(HOURS, amount=1), by="user:2", now=now)
        assert await targets.targets_of(tx, book) == [target]


async def test_what_has_not_begun_is_replaced_and_what_has_begun_is_ended(programme: Programme) -> None:
    to_come = replace(HOURS, first_year=2027)
    await made(programme, to_come)
    changed = await made(programme, replace(to_come, amount=5, first_year=2028))
    assert (changed.wanted.amount, changed.wanted.first_year) == (5, 2028)
    await made(programme, replace(WEEKLY, first_year=2025))
    async with programme.database.begin() as tx:
        book = programme.book.book_id
        now = await connect.now(tx)
        with pytest.raises(TargetExists):  # nor is it brought into this year
            await targets.set_(tx, book, replace(to_come, first_year=2026), by="user:1", now=now)
        for year, target in ((2025, "W2"), (2027, "H20"), (9999, "W2")):
            with pytest.raises(InvalidField):
                await targets.end(tx, book, target, year, by="user:1", now=now)
        with pytest.raises(UnknownTarget):
            await targets.end(tx, book, "X", 2026, by="user:1", now=now)
        ended = await targets.end(tx, book, "W2", 2026, by="user:1", now=now)
        assert [ended.holds_in(year) for year in (2024, 2025, 2026, 2027)] == [False, True, True, False]
        assert await targets.targets_of(tx, book, year=2027) == []
        assert [each.target for each in await targets.targets_of(tx, book, after="H20")] == ["W2"]
    async with later(programme.database, days=365).begin() as tx:
        with pytest.raises(InvalidField):  # a year that has begun stays without it
            await targets.end(tx, book, "W2", 2027, by="user:1", now=await connect.now(tx))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target": "a b"}, "target"),
        ({"name": " x"}, "name"),
        ({"name": "x\n"}, "name"),
        ({"kind": "monthly"}, "kind"),
        ({"whom": "team"}, "whom"),
        ({"amount": 0}, "amount"),
        ({"amount": 10**9 + 1}, "amount"),
        ({"kind": "weekly", "amount": 54}, "amount"),
        ({"category": ""}, "category"),
        ({"first_year": 2024}, "first_year"),
        ({"first_year": 9999}, "first_year"),
        ({"last_year": 2025}, "last_year"),
        ({"theme_days": ("03-05",)}, "theme_days"),
        ({"kind": "theme_days"}, "theme_days"),
        ({"kind": "theme_days", "theme_days": ("3-5",), "amount": 1}, "theme_days"),
        ({"kind": "theme_days", "theme_days": ("02-29",), "amount": 1}, "theme_days"),
        ({"kind": "theme_days", "theme_days": ("13-01",), "amount": 1}, "theme_days"),
        ({"kind": "theme_days", "theme_days": ("03-05", "03-05"), "amount": 1}, "theme_days"),
        ({"kind": "theme_days", "theme_days": ("03-05",), "amount": 2}, "amount"),
    ],
)
async def test_what_is_no_target_is_named(programme: Programme, changes: dict[str, Any], field: str) -> None:
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        with pytest.raises(InvalidField) as refused:
            await targets.set_(tx, programme.book.book_id, replace(HOURS, **changes), by="user:1", now=now)
        assert refused.value.field == field
        with pytest.raises(UnknownOrganisation):
            await targets.set_(tx, programme.book.book_id, replace(HOURS, organisation="X"), by="user:1", now=now)
