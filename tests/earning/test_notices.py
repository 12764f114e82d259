"""Lists of records: what waits for whom, what is in notice, what is overdue, and whose turn it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.earning import calendar, call_backs, crediting, notices, organisations
from ledger.earning.notices import Overdue, Page, Place, Turn
from ledger.earning.record import Record
from ledger.earning.rules import RuleSet
from ledger.errors import AlreadyDecided, InvalidField, NotTheirTurn, SecondPersonNeeded, UnknownRecord
from tests.earning.programmes import PER_HOUR, Programme, later, opened
from tests.earning.test_objections import decide, object_to

DAY = "2026-03-05"
NOBODY = "01890000-0000-7000-8000-000000000000"


async def three(programme: Programme) -> list[Record]:
    """A day of 8 hours, four hours more, and more: for the team, the community and the district to review."""
    return [
        (await programme.taken(programme.service(DAY, *times)))[0]
        for times in (("06:00", "14:00"), ("14:00", "18:00"), ("18:00", "19:00"))
    ]


def numbers(page: Page) -> list[str]:
    return [each.record for each in page.records]


async def test_reviewers_see_what_is_up_to_their_organisation_and_those_below(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "D2", "二社区", "D")
    first, second, third = [each.record for each in await three(programme)]
    async with database.connect() as tx:
        for within, seen in (
            (None, [first, second, third]),
            (["D"], [first, second, third]),
            (["D1"], [first, second]),
            (["D1T"], [first]),
            (["D2"], []),
            (["D2", "D1T"], [first]),
            ([], []),
        ):
            assert sorted(numbers(await notices.to_review(tx, book.book_id, within))) == seen


async def test_what_is_due_first_stands_first_and_pages_leave_nothing_out(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    young = await programme.taken(
        *(programme.service(f"2026-03-1{n}", "09:00", "10:00") for n in (1, 2)),
        database=later(programme.database, days=3),
    )
    old = await three(programme)
    wanted = [each.record for some in (old, young) for each in sorted(some, key=lambda one: one.record_id)]
    seen: list[str] = []
    after: Place | None = None
    async with database.connect() as tx:
        for _ in range(3):
            page = await notices.to_review(tx, book.book_id, after=after, limit=2)
            seen += numbers(page)
            after = page.next
            if after is not None:
                assert Place.read(str(after)) == after
    assert (seen, after) == (wanted, None)


@pytest.mark.parametrize(
    "text", ["", ".", "2026-03-05", f"2026-13-05.{NOBODY}", f"x.{NOBODY}", f"2026-03-05.{NOBODY}x"]
)
def test_what_is_no_place_is_told(text: str) -> None:
    with pytest.raises(InvalidField):
        Place.read(text)


async def test_the_notice_list_of_an_organisation_has_those_below_it_by_their_last_day(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    [act] = await programme.taken(programme.act(DAY, "M01"))
    await programme.review(act)
    [hours] = await programme.taken(programme.service(DAY, "09:00", "10:00"))
    await programme.review(hours)
    [waits] = await programme.taken(programme.service(DAY, "10:00", "11:00"))
    async with database.connect() as tx:
        for within in (None, ["D"], ["D1T"]):
            assert numbers(await notices.in_notice(tx, book.book_id, within)) == [hours.record, act.record]
        assert numbers(await notices.in_notice(tx, book.book_id, ["D2"])) == []
        first = await notices.in_notice(tx, book.book_id, limit=1)
        rest = await notices.in_notice(tx, book.book_id, after=first.next, limit=1)
    assert (numbers(first), numbers(rest), rest.next) == ([hours.record], [act.record], None)
    await object_to(programme, hours)
    await crediting.release(later(programme.database, days=30), book.book_id)
    async with database.connect() as tx:  # what is objected to stays, since nothing is decided
        assert numbers(await notices.in_notice(tx, book.book_id)) == [hours.record]
    assert (await programme.now_is(waits)).state == "submitted"


async def test_a_notice_says_when_the_holidays_of_its_year_are_not_known(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    [hours] = await programme.taken(programme.service(DAY, "09:00", "10:00"))
    await programme.review(hours)
    async with database.connect() as tx:
        [listed] = (await notices.in_notice(tx, book.book_id)).records
        days = await calendar.read(tx, date(2026, 3, 10))
    far = replace(listed, notice_until=date(2101, 3, 10))
    for found, surely in (([listed], True), ([listed, far], False), ([], True)):
        assert notices.surely(days, Page(found, None)) is surely


async def test_a_volunteer_sees_her_own_records_by_day_the_newest_first(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book, people=2)
    days = ["2026-03-05", "2026-03-02", "2026-03-04"]
    taken = await programme.taken(*(programme.service(day, "09:00", "10:00") for day in days))
    await programme.taken(programme.service(DAY, "09:00", "10:00", holder=programme.volunteers[1].holder))
    async with database.connect() as tx:
        whole = await notices.of_volunteer(tx, book.book_id, programme.holder)
        first = await notices.of_volunteer(tx, book.book_id, programme.holder, limit=2)
        rest = await notices.of_volunteer(tx, book.book_id, programme.holder, after=first.next)
    assert numbers(whole) == [taken[0].record, taken[2].record, taken[1].record]
    assert numbers(first) + numbers(rest) == numbers(whole)
    assert (len(first.records), whole.next, rest.next) == (2, None, None)


async def test_records_of_organisations_are_listed_by_state_the_newest_first(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    first, second, third = await three(programme)
    await programme.review(second, by="user:2")
    async with database.connect() as tx:
        every = await notices.of_organisations(tx, book.book_id, ["D1"])
        waiting = await notices.of_organisations(tx, book.book_id, ["D"], state="submitted")
        one = await notices.of_organisations(tx, book.book_id, limit=1)
        rest = await notices.of_organisations(tx, book.book_id, after=one[-1].record_id)
        none = await notices.of_organisations(tx, book.book_id, ["D2"])
    assert {each.record for each in every} == {each.record for each in (first, second, third)}
    assert {each.record for each in waiting} == {first.record, third.record}
    assert [each.record_id for each in (*one, *rest)] == sorted((each.record_id for each in every), reverse=True)
    assert none == []


async def test_what_was_let_wait_for_too_long_is_counted_by_whose_turn_it_is(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    first, _, third = await three(programme)
    await programme.review(third)
    raised = await object_to(programme, third)
    async with database.connect() as tx:
        for day, counted in (
            ("2026-03-17", []),
            (
                "2026-03-18",
                [
                    Overdue("D1", "一社区", 1, 0, date(2026, 3, 17)),
                    Overdue("D1T", "护河队", 1, 0, date(2026, 3, 17)),
                ],
            ),
        ):
            assert await notices.overdue(tx, book.book_id, today=date.fromisoformat(day)) == counted
        late = await notices.overdue(tx, book.book_id, ["D"], today=date(2026, 3, 25))
        assert late[-1] == Overdue("D", "示例区", 0, 1, raised.due_on)
        assert [each.organisation for each in await notices.overdue(tx, book.book_id, ["D1T"], today=late[-1].oldest)]
    assert first.due_on == date(2026, 3, 17)


# --- whose turn ------------------------------------------------------------------------------------------------------


async def test_whose_turn_it_is_and_until_when(database: AsyncEngine, book: Book) -> None:
    rules = RuleSet(items=(PER_HOUR,), default_item="P01", sample_share=100)
    programme = await opened(database, book, rules=rules, budget=0)
    [asked] = await programme.taken(programme.service(DAY, "09:00", "10:00", by_leader=True))
    due = date(2026, 3, 17)
    assert notices.whose_turn(asked) == Turn("call_back", "D1", due)
    assert [notices.whose_turn(asked).overdue(day) for day in (due, date(2026, 3, 18))] == [False, True]
    await note(programme, asked, confirmed=True)
    assert notices.whose_turn(await programme.now_is(asked)) == Turn("reviewer", "D1", due)
    await programme.review(asked)
    assert notices.whose_turn(await programme.now_is(asked)) == Turn("budget")
    await programme.grant(100)
    await crediting.resume(programme.database, book.book_id)
    now_is = await programme.now_is(asked)
    assert notices.whose_turn(now_is) == Turn("notice", None, date(2026, 3, 13))
    assert not notices.whose_turn(now_is).overdue(date(2026, 4, 1))
    raised = await object_to(programme, asked)
    assert notices.whose_turn(await programme.now_is(asked), raised) == Turn("decider", "D1", raised.due_on)
    await decide(programme, raised, upheld=False)
    await crediting.release(later(programme.database, days=30), book.book_id)
    done = await programme.now_is(asked)
    assert notices.whose_turn(done) == Turn("nobody")
    proposed = await object_to(programme, done, "user:inspector", staff=True)
    assert notices.whose_turn(done, proposed) == Turn("decider", "D1", proposed.due_on)


# --- call-backs ------------------------------------------------------------------------------------------------------


async def note(
    programme: Programme, asked: Record, *, confirmed: bool, by: str = "user:clerk", holder: str | None = None
) -> Record:
    async with programme.database.begin() as tx:
        return await call_backs.note(
            tx, programme.book.book_id, asked.record_id, by=by, holder=holder, confirmed=confirmed
        )


async def drawn(database: AsyncEngine, book: Book) -> tuple[Programme, Record]:
    rules = RuleSet(items=(PER_HOUR,), default_item="P01", sample_share=100)
    programme = await opened(database, book, rules=rules)
    [asked] = await programme.taken(programme.service(DAY, "09:00", "10:00", by_leader=True))
    return programme, asked


async def test_after_the_call_back_the_record_is_reviewed(database: AsyncEngine, book: Book) -> None:
    programme, asked = await drawn(database, book)
    async with database.connect() as tx:
        assert numbers(await notices.to_review(tx, book.book_id, ["D1"], call_backs=True)) == [asked.record]
    assert (await note(programme, asked, confirmed=True)).call_back == "confirmed"
    async with database.connect() as tx:
        assert numbers(await notices.to_review(tx, book.book_id, ["D1"], call_backs=True)) == []
        assert numbers(await notices.to_review(tx, book.book_id, ["D1"])) == [asked.record]
    [reviewed] = await programme.review(asked)
    assert isinstance(reviewed, Record)
    assert reviewed.state == "in_notice"


async def test_what_was_said_is_noted_once(database: AsyncEngine, book: Book) -> None:
    programme, asked = await drawn(database, book)
    noted = await note(programme, asked, confirmed=False)
    assert await note(programme, asked, confirmed=False) == noted
    with pytest.raises(AlreadyDecided):
        await note(programme, asked, confirmed=True)


async def test_nobody_asks_about_her_own_record_and_only_what_was_drawn_is_asked_about(
    database: AsyncEngine, book: Book
) -> None:
    programme, asked = await drawn(database, book)
    for by, holder in (("user:leader", None), ("user:clerk", programme.holder)):
        with pytest.raises(SecondPersonNeeded):
            await note(programme, asked, confirmed=True, by=by, holder=holder)
    [plain] = await programme.taken(programme.service(DAY, "10:00", "11:00"))
    with pytest.raises(NotTheirTurn):
        await note(programme, plain, confirmed=True)
    await programme.review(asked, accept=False)
    with pytest.raises(NotTheirTurn):
        await note(programme, asked, confirmed=True)
    async with programme.database.begin() as tx:
        with pytest.raises(UnknownRecord):
            await call_backs.note(tx, book.book_id, uuid4(), by="user:clerk", holder=None, confirmed=True)
