"""Public boards: who may stand on them, with how much, what averages divide by, and what becomes of a board."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations, volunteers
from ledger.earning.tables import volunteers as volunteers_table
from ledger.errors import AlreadyDecided, InvalidField, UnknownBoard, UnknownOrganisation
from ledger.recognition import boards
from ledger.recognition.boards import Board, Candidate, Figure, Standing, Wanted
from tests.earning.programmes import Programme, later, opened
from tests.recognition.awarded import a_star

MARCH: Final = Wanted("stars", date(2026, 3, 1), date(2026, 3, 10))
BY: Final = "user:1"


async def with_stars(database: AsyncEngine, book: Book, *stars: int) -> Programme:
    """A programme with so many volunteers, who have these stars; 0: none."""
    programme = await opened(database, book, people=len(stars))
    async with programme.database.begin() as tx:
        for her, star in zip(programme.volunteers, stars, strict=True):
            for number in range(1, star + 1):
                await a_star(tx, book.book_id, her.holder, number)
    return programme


async def serve(programme: Programme, who: int, day: str, until: str, **other: Any) -> None:
    """A service from nine on that stands in the books."""
    holder = programme.volunteers[who].holder
    taken = await programme.taken(programme.service(day, "09:00", until, holder=holder, **other))
    await programme.review(*taken)


async def who(programme: Programme, wanted: Wanted) -> list[Candidate]:
    async with programme.database.connect() as tx:
        today = day_of(await connect.now(tx))
        return [each async for some in boards.candidates(tx, programme.book.book_id, wanted, today) for each in some]


async def told(programme: Programme, wanted: Wanted) -> list[tuple[str, int, int]]:
    return [(each.volunteer_no, each.star, each.minutes) for each in await who(programme, wanted)]


async def publish(programme: Programme, wanted: Wanted, database: AsyncEngine | None = None) -> tuple[Board, bool]:
    async with (database or programme.database).begin() as tx:
        book, now = programme.book.book_id, await connect.now(tx)
        people, figures = [], ()
        if wanted.kind == "averages":
            figures = await boards.averages(tx, book, wanted)  # type: ignore[assignment]
        else:
            people = [each async for some in boards.candidates(tx, book, wanted, day_of(now)) for each in some]
        return await boards.publish(tx, book, wanted, people, figures, by=BY, now=now)


async def shown(programme: Programme, board: Board, upto: int = 50) -> list[tuple[int, str, int, int]]:
    async with programme.database.connect() as tx:
        found = await boards.shown(tx, programme.book.code, board.board_id, upto=upto)
    return [(each.place, each.volunteer_no, each.star, each.minutes) for each in found.people]


# --- who stands on it ------------------------------------------------------------------------------------------------


async def test_the_highest_star_stands_first_and_then_who_served_longest(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3, 4, 2, 3, 0)
    await serve(programme, 3, "2026-03-05", "10:30")
    await serve(programme, 4, "2026-03-05", "12:00")
    assert await told(programme, MARCH) == [("V-0001", 4, 0), ("V-0003", 3, 90), ("V-0000", 3, 0)]
    assert (await told(programme, replace(MARCH, least_star=2)))[3:] == [("V-0002", 2, 0)]
    assert await told(programme, replace(MARCH, least_star=5)) == []


async def test_a_board_of_hours_has_who_served_in_the_period_and_has_stars_enough(
    database: AsyncEngine, book: Book
) -> None:
    programme = await with_stars(database, book, 3, 5, 0, 3)
    for who, day, until in (
        (0, "2026-03-02", "11:00"),
        (0, "2026-03-10", "09:30"),
        (1, "2026-03-01", "10:00"),
        (1, "2026-02-28", "18:00"),
        (2, "2026-03-03", "18:00"),
    ):
        await serve(programme, who, day, until)
    hours = replace(MARCH, kind="hours")
    assert await told(programme, hours) == [("V-0000", 3, 150), ("V-0001", 5, 60)]
    assert await told(programme, replace(hours, from_day=date(2026, 2, 28), to_day=date(2026, 2, 28))) == [
        ("V-0001", 5, 540)
    ]


async def test_one_kind_of_service_alone_can_be_counted(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3, 3)
    await serve(programme, 0, "2026-03-02", "11:00", category="助老")
    await serve(programme, 0, "2026-03-03", "12:00")
    await serve(programme, 1, "2026-03-02", "15:00")
    of_elders = replace(MARCH, kind="hours", category="助老")
    assert await told(programme, of_elders) == [("V-0000", 3, 120)]
    assert await told(programme, replace(of_elders, kind="stars")) == [("V-0000", 3, 120)]


async def test_what_was_refused_corrected_or_entered_afterwards_is_no_service_of_a_board(
    database: AsyncEngine, book: Book
) -> None:
    programme = await with_stars(database, book, 3)
    submitted = await programme.taken(programme.service("2026-03-02", "09:00", "10:00"))
    refused = await programme.taken(programme.service("2026-03-03", "09:00", "11:00"))
    await programme.review(*refused, accept=False)
    afterwards = await programme.taken(
        programme.service("2026-03-04", "09:00", "13:00", record_class="honour", second_person="user:9")
    )
    await programme.review(*afterwards)
    hours = replace(MARCH, kind="hours")
    assert await told(programme, hours) == []
    await programme.review(*submitted)
    assert await told(programme, hours) == [("V-0000", 3, 60)]


@pytest.mark.parametrize("state", ["in_notice", "objected", "refused", "ended"])
async def test_a_star_that_does_not_stand_brings_nobody_onto_a_board(
    database: AsyncEngine, book: Book, state: str
) -> None:
    programme = await opened(database, book)
    async with programme.database.begin() as tx:
        await a_star(tx, book.book_id, programme.holder, 3, state=state)
    assert await told(programme, MARCH) == []


async def test_a_board_of_an_organisation_has_those_of_its_line(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3, 3, 3, 3)
    async with programme.database.begin() as tx:
        await organisations.add(tx, book.book_id, "D2", "二社区", "D", "community")
        for number, organisation in ((0, "D"), (1, "D2"), (2, None)):
            await tx.execute(
                update(volunteers_table)
                .where(volunteers_table.c.book_id == book.book_id)
                .where(volunteers_table.c.volunteer_no == f"V-{number:04d}")
                .values(organisation=organisation)
            )

    async def numbers(organisation: str | None) -> set[str]:
        return {each.volunteer_no for each in await who(programme, replace(MARCH, organisation=organisation))}

    assert await numbers(None) == {"V-0000", "V-0001", "V-0002", "V-0003"}
    assert await numbers("D") == {"V-0000", "V-0001", "V-0003"}
    assert await numbers("D1") == {"V-0003"}
    assert await numbers("D2") == {"V-0001"}


async def test_who_has_left_stands_on_no_new_board(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3)
    async with programme.database.begin() as tx:
        await tx.execute(
            update(volunteers_table)
            .where(volunteers_table.c.book_id == book.book_id)
            .values(left_on=day_of(await connect.now(tx)))
        )
    assert await told(programme, MARCH) == []


# --- averages --------------------------------------------------------------------------------------------------------


async def test_averages_divide_by_the_volunteers_of_an_organisation_and_those_below_it(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book, people=3)
    async with programme.database.begin() as tx:
        await organisations.add(tx, book.book_id, "D2", "二社区", "D", "community")
        await organisations.add(tx, book.book_id, "D3", "三社区", "D", "community")
        await volunteers.register(tx, book.book_id, "W-1", "D2")
        await volunteers.register(tx, book.book_id, "W-2", "D")
        other = await volunteers.register(tx, book.book_id, "W-3", None)
    programme.volunteers.append(other)
    await serve(programme, 0, "2026-03-02", "11:00")
    await serve(programme, 0, "2026-03-03", "10:00")
    await serve(programme, 1, "2026-03-03", "10:00")
    await serve(programme, 1, "2026-02-03", "10:00")
    await serve(programme, 3, "2026-03-03", "10:00")
    wanted = replace(MARCH, kind="averages", organisation="D")
    async with programme.database.connect() as tx:
        district = await boards.averages(tx, book.book_id, wanted)
        whole = await boards.averages(tx, book.book_id, replace(wanted, organisation=None))
        team = await boards.averages(tx, book.book_id, replace(wanted, organisation="D1T"))
        february = await boards.averages(tx, book.book_id, replace(wanted, from_day=date(2026, 2, 1)))
        of_elders = await boards.averages(tx, book.book_id, replace(wanted, category="助老"))
    assert district == (
        Figure("D", 240, 5, 2),
        Figure("D1", 240, 3, 2),
        Figure("D2", 0, 1, 0),
        Figure("D3", 0, 0, 0),
    )
    assert whole == (Figure(None, 300, 6, 3), Figure("D", 240, 5, 2))
    assert team == (Figure("D1T", 240, 3, 2),)
    assert february[0] == Figure("D", 300, 5, 2)
    assert of_elders[0] == Figure("D", 0, 5, 0)


async def test_who_left_before_the_period_or_came_after_it_is_in_no_average(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book, people=3)
    async with programme.database.begin() as tx:
        for number, left_on in ((0, date(2026, 3, 10)), (1, date(2026, 3, 11))):
            await tx.execute(
                update(volunteers_table)
                .where(volunteers_table.c.book_id == book.book_id)
                .where(volunteers_table.c.volunteer_no == f"V-{number:04d}")
                .values(left_on=left_on)
            )
    tuesday = Wanted("averages", date(2026, 3, 10), date(2026, 3, 10))
    async with programme.database.connect() as tx:
        assert (await boards.averages(tx, book.book_id, tuesday))[0].registered == 2
        before = replace(tuesday, from_day=date(2026, 3, 1), to_day=date(2026, 3, 9))
        assert (await boards.averages(tx, book.book_id, before))[0].registered == 0


def test_organisations_with_one_average_have_one_rank() -> None:
    figures = [Figure("A", 90, 3, 1), Figure("B", 60, 2, 2), Figure("C", 10, 1, 1), Figure("D", 0, 0, 0)]
    assert boards.ranks_of_figures(figures) == [1, 1, 3, 4]


@pytest.mark.parametrize(
    ("active", "hidden"),
    [
        ((30, 5, 25), set()),
        ((30, 4, 26), {"A", "B"}),  # 30 less 26 would tell what the four served
        ((30, 4, 1, 25), {"A", "B"}),  # five together
        ((30, 4, 5, 6, 15), {"A", "B"}),
        ((30, 4, 6, 5, 15), {"A", "C"}),  # the smallest of the others
        ((30, 0, 30), {"A"}),  # nobody has served what is left
        ((30, 26), {"A"}),  # four belong to the whole itself
        ((9, 4, 5), {"A", "B"}),
        ((4, 4), {"whole", "A"}),
        ((5,), set()),
        ((0, 0), {"whole", "A"}),
    ],
)
def test_fewer_than_five_are_told_by_no_average_and_by_no_difference(active: tuple[int, ...], hidden: set[str]) -> None:
    names = ("whole", "A", "B", "C", "D")
    figures = [Figure(name, 60 * count, 40, count) for name, count in zip(names, active, strict=False)]
    assert boards.withheld(figures) == hidden


def test_people_with_as_much_have_one_rank() -> None:
    people = [Standing(1, "a", 5, 60), Standing(2, "b", 4, 60), Standing(3, "c", 4, 60), Standing(5, "e", 3, 9)]
    assert boards.ranks("stars", people) == [1, 2, 2, 4]
    assert boards.ranks("hours", people) == [1, 1, 1, 4]


# --- publishing ------------------------------------------------------------------------------------------------------


async def test_a_published_board_stays_as_it_was_published(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3, 4)
    board, new = await publish(programme, MARCH)
    assert new
    assert board.wanted == MARCH
    await serve(programme, 0, "2026-03-05", "10:30")
    async with programme.database.begin() as tx:
        await a_star(tx, book.book_id, programme.holder, 5)
    assert await shown(programme, board) == [(1, "V-0001", 4, 0), (2, "V-0000", 3, 0)]
    assert await shown(programme, board, upto=1) == [(1, "V-0001", 4, 0)]


async def test_averages_are_kept_with_the_board(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    await serve(programme, 0, "2026-03-05", "10:30")
    board, _ = await publish(programme, replace(MARCH, kind="averages", organisation="D1"))
    async with programme.database.connect() as tx:
        found = await boards.find(tx, book.book_id, board.board_id)
        public = await boards.shown(tx, book.code, board.board_id, upto=50)
    assert found.figures == (Figure("D1", 90, 1, 1), Figure("D1T", 90, 1, 1))
    assert (public.board, public.organisation, public.people) == (found, "一社区", ())


async def test_a_newer_board_takes_the_place_of_the_older_one_of_its_kind_only(
    database: AsyncEngine, book: Book
) -> None:
    programme = await with_stars(database, book, 3)
    first, _ = await publish(programme, MARCH)
    others = [
        (await publish(programme, other))[0]
        for other in (
            replace(MARCH, organisation="D"),
            replace(MARCH, category="助老"),
            replace(MARCH, kind="hours"),
        )
    ]
    second, new = await publish(programme, replace(MARCH, from_day=date(2026, 2, 1)))
    assert new
    async with programme.database.connect() as tx:
        live = await boards.of_book(tx, book.book_id, live=True, limit=10)
        every = await boards.of_book(tx, book.book_id, limit=10)
        with pytest.raises(UnknownBoard):
            await boards.shown(tx, book.code, first.board_id, upto=50)
    assert {each.board_id for each in live} == {each.board_id for each in (second, *others)}
    assert len(every) == 5
    [replaced] = [each for each in every if each.board_id == first.board_id]
    assert replaced.withdrawn_at == second.published_at


async def test_who_publishes_twice_has_published_once(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3)
    first, _ = await publish(programme, MARCH)
    assert await publish(programme, MARCH) == (first, False)
    tomorrow, new = await publish(programme, MARCH, later(programme.database, days=1))
    assert new, "as of another day"
    assert tomorrow.board_id != first.board_id


async def test_two_who_publish_at_the_same_time_publish_one_board(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3)
    made = await asyncio.gather(*(publish(programme, MARCH) for _ in range(4)))
    assert sorted(new for _, new in made) == [False, False, False, True]
    async with programme.database.connect() as tx:
        [live] = await boards.of_book(tx, book.book_id, limit=10)
    assert {board.board_id for board, _ in made} == {live.board_id}
    assert len(await shown(programme, live)) == 1


async def test_a_withdrawn_board_is_shown_to_nobody_and_is_withdrawn_once(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3)
    board, _ = await publish(programme, MARCH)

    async def withdraw() -> Board | type[AlreadyDecided]:
        try:
            async with programme.database.begin() as tx:
                now = await connect.now(tx)
                return await boards.withdraw(tx, book.book_id, board.board_id, by="user:2", now=now)
        except AlreadyDecided:
            return AlreadyDecided

    outcomes = await asyncio.gather(withdraw(), withdraw())
    assert AlreadyDecided in outcomes
    [withdrawn] = [each for each in outcomes if isinstance(each, Board)]
    assert withdrawn.withdrawn_by == "user:2"
    async with programme.database.connect() as tx:
        assert await boards.of_book(tx, book.book_id, live=True, limit=10) == []
        assert await boards.with_her(tx, book.book_id, programme.holder) == []
        with pytest.raises(UnknownBoard):
            await boards.shown(tx, book.code, board.board_id, upto=50)
    again, new = await publish(programme, MARCH)
    assert new
    assert again.board_id != board.board_id


async def test_who_is_forgotten_stands_on_no_board(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3, 4)
    board, _ = await publish(programme, MARCH)
    async with programme.database.begin() as tx:
        await volunteers.forget(tx, book.book_id, "V-0001", "user:1")
    assert await shown(programme, board) == [(2, "V-0000", 3, 0)]
    assert await told(programme, MARCH) == [("V-0000", 3, 0)]


async def test_the_boards_of_another_book_are_not_found(database: AsyncEngine, book: Book) -> None:
    programme = await with_stars(database, book, 3)
    board, _ = await publish(programme, MARCH)
    async with database.connect() as tx:
        for code in ("none", "\0", book.code + "x"):
            with pytest.raises(UnknownBoard):
                await boards.shown(tx, code, board.board_id, upto=50)
        for verb in (boards.find(tx, book.book_id + 1, board.board_id),):
            with pytest.raises(UnknownBoard):
                await verb


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"kind": "points"}, "kind", "not_a_board"),
        ({"from_day": date(2026, 3, 11)}, "to_day", "before_its_beginning"),
        ({"to_day": date(2026, 3, 11)}, "to_day", "in_the_future"),
        ({"least_star": 0}, "least_star", "out_of_range"),
        ({"least_star": 21}, "least_star", "out_of_range"),
        ({"category": ""}, "category", "not_a_category"),
        ({"category": "a\nb"}, "category", "not_a_category"),
    ],
)
async def test_what_no_board_can_show_is_refused(
    database: AsyncEngine, book: Book, change: dict[str, Any], field: str, problem: str
) -> None:
    async with database.connect() as tx:
        with pytest.raises(InvalidField) as refused:
            await boards.checked(tx, book.book_id, replace(MARCH, **change), date(2026, 3, 10))
        assert (refused.value.field, refused.value.problem) == (field, problem)
        with pytest.raises(UnknownOrganisation):
            await boards.checked(tx, book.book_id, replace(MARCH, organisation="D"), MARCH.to_day + timedelta(days=1))
