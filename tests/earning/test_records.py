"""Service records from hand-in to credit: what is taken, who reviews it, what is posted, and how it is undone."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import budgets, corrections, crediting, organisations, qualifications
from ledger.earning.record import Record
from ledger.earning.rules import Coefficient, RuleSet
from ledger.errors import NotTheirTurn, SecondPersonNeeded
from tests.books.ledgers import balances_of, post, proposal
from tests.books.ledgers import opened as accounts_opened
from tests.earning.programmes import PER_HOUR, Programme, later, opened, outcomes_of

DAY = "2026-03-05"


async def state_of(programme: Programme, asked: Record) -> str:
    return (await programme.now_is(asked)).state


async def correct(programme: Programme, asked: Record, database: AsyncEngine | None = None) -> Record:
    async with (database or programme.database).begin() as tx:
        return await corrections.correct(
            tx,
            programme.book.book_id,
            asked.record_id,
            by="user:reviewer",
            approver="user:second",
            reason="核实不属实",
            now=await connect.now(tx),
        )


# --- the way of an hour ----------------------------------------------------------------------------------------------


async def test_two_and_a_half_hours_become_twenty_five_points_by_way_of_notice(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    [taken] = await programme.taken(programme.service(DAY, "09:00", "11:30"))
    assert (taken.state, taken.minutes, taken.review_by) == ("submitted", 150, "D1T")
    assert await programme.balances("9200", "2110") == {"9200": 0, "2110": 0}
    [reviewed] = await programme.review(taken)
    assert isinstance(reviewed, Record)
    assert (reviewed.state, reviewed.points, reviewed.reviewed_by) == ("in_notice", 25, "user:reviewer")
    assert await programme.balances("9110", "9200", "5100", "2110", "2100") == {
        "9110": 150,
        "9200": 150,
        "5100": 25,
        "2110": 25,
        "2100": 0,
    }
    assert await crediting.release(programme.database, book.book_id) == 0
    assert await crediting.release(later(programme.database, days=20), book.book_id) == 1
    assert await state_of(programme, taken) == "credited"
    assert await programme.balances("2110", "2100", "9200") == {"2110": 0, "2100": 25, "9200": 150}


async def test_notice_lasts_three_working_days_and_ends_with_the_third(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    [taken] = await programme.taken(programme.service(DAY, "09:00", "11:30"))
    [reviewed] = await programme.review(taken)
    assert isinstance(reviewed, Record)
    assert (reviewed.notice_from, reviewed.notice_until) == (date(2026, 3, 10), date(2026, 3, 13))
    assert await crediting.release(later(programme.database, days=3), book.book_id) == 0
    assert await crediting.release(later(programme.database, days=4), book.book_id) == 1


async def test_hours_entered_afterwards_earn_no_points(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    [done] = await programme.credited(programme.service(DAY, "09:00", "12:00", record_class="honour"))
    assert (done.state, done.points) == ("credited", 0)
    assert await programme.balances("9210", "9200", "2100", "2110") == {"9210": 180, "9200": 0, "2100": 0, "2110": 0}


async def test_a_coefficient_raises_points_and_never_hours(database: AsyncEngine, book: Book) -> None:
    rules = RuleSet(items=(PER_HOUR,), default_item="P01", coefficients=(Coefficient("专业", 3, 2),))
    programme = await opened(database, book, rules=rules)
    [done] = await programme.credited(programme.service(DAY, "08:00", "12:00"))
    assert (done.points, done.bonus) == (60, 20)
    assert await programme.balances("9200", "5100", "5110", "2100") == {
        "9200": 240,
        "5100": 40,
        "5110": 20,
        "2100": 60,
    }


async def test_a_coefficient_counts_for_who_held_the_qualification_on_the_service_day(
    database: AsyncEngine, book: Book
) -> None:
    doctors = Coefficient("义诊", 3, 2, qualification="执业医师")
    rules = RuleSet(items=(PER_HOUR,), default_item="P01", coefficients=(doctors,))
    programme = await opened(database, book, rules=rules)
    async with programme.database.begin() as tx:
        await qualifications.record(
            tx, book.book_id, programme.holder, "执业医师", date(2026, 3, 4), None, by="user:1", today=date(2026, 3, 10)
        )
    before, on_it = await programme.credited(
        programme.service("2026-03-03", "08:00", "12:00"), programme.service("2026-03-04", "08:00", "12:00")
    )
    assert [(each.points, each.bonus) for each in (before, on_it)] == [(40, 0), (60, 20)]


async def test_an_act_earns_its_item_and_a_minus_item_takes_what_the_wallet_holds(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    [act] = await programme.credited(programme.act(DAY, "P12"))
    assert (act.points, act.hours_transaction) == (10, None)
    [first, second, third] = await programme.credited(*(programme.act(DAY, "M01") for _ in range(3)))
    assert [each.points for each in (first, second, third)] == [-5, -5, -5]
    assert await programme.balances("2100", "5120") == {"2100": 0, "5120": 10}
    # The third was waived: points are no debt.
    [after] = await programme.credited(programme.act(DAY, "P12"))
    assert after.points == 10
    assert await programme.balances("2100") == {"2100": 10}


async def test_without_rules_hours_count_and_nothing_earns(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book, rules=None, budget=0)
    [done] = await programme.credited(programme.service(DAY, "09:00", "11:30"))
    assert (done.state, done.points, done.rule_set) == ("credited", 0, None)
    assert await programme.balances("9200", "2100") == {"9200": 150, "2100": 0}


# --- what is taken ---------------------------------------------------------------------------------------------------


async def test_the_first_reason_why_a_record_is_not_taken_is_told(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    service = programme.service
    wanted = [
        service(DAY, "09:00", "10:00", organisation="X"),
        service(DAY, "10:00", "09:00", organisation="X"),
        service(DAY, "10:00", "10:00"),
        service(DAY, "09:00", "10:00", check_out=service("2026-03-06", "09:01", "10:00").check_in),
        service("2026-03-07", "09:00", "10:00"),
        service(DAY, "09:00", "10:00", record_class="honour", second_person="user:leader"),
        service(DAY, "09:00", "10:00", holder="0000000000000000"),
        programme.act(DAY, "P99"),
        programme.act(DAY, "P12"),
    ]
    assert outcomes_of(await programme.submit(*wanted, as_of=date(2026, 3, 6))) == [
        "UnknownOrganisation",
        "UnknownOrganisation",
        "EndNotAfterStart",
        "LongerThanADay",
        "InTheFuture",
        "NeedsSecondPerson",
        "UnknownVolunteer",
        "UnknownItem",
        "taken",
    ]


async def test_the_same_record_again_is_there_already_and_another_under_its_number_differs(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    new = programme.service(DAY, "09:00", "10:00")
    other = programme.service(DAY, "09:00", "10:30", record=new.record)
    assert outcomes_of(await programme.submit(new, new)) == ["taken", "already"]
    assert outcomes_of(await programme.submit(new, other)) == ["already", "RecordDiffers"]


async def test_nobody_serves_in_two_places_at_once(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book, people=2)
    other = programme.volunteers[1].holder
    first = programme.service(DAY, "09:00", "11:00")
    assert outcomes_of(await programme.submit(first)) == ["taken"]
    again = [
        programme.service(DAY, "10:59", "12:00", organisation="D1"),
        programme.service(DAY, "11:00", "12:00"),
        programme.service(DAY, "10:00", "10:30", holder=other),
        programme.service(DAY, "11:30", "11:40"),
    ]
    assert outcomes_of(await programme.submit(*again)) == [
        "OverlapsAnotherRecord",
        "taken",
        "taken",
        "OverlapsAnotherRecord",
    ]


async def test_a_service_over_midnight_overlaps_on_both_days(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    night = programme.service(DAY, "22:00", "23:00")
    night = programme.service(DAY, "22:00", "23:00", check_out=night.check_in + timedelta(hours=8))  # type: ignore[operator]
    assert outcomes_of(await programme.submit(night)) == ["taken"]
    later_ = [programme.service("2026-03-06", "05:00", "07:00"), programme.service(DAY, "21:00", "22:30")]
    assert outcomes_of(await programme.submit(*later_)) == ["OverlapsAnotherRecord"] * 2


async def test_however_many_hand_in_overlapping_records_at_once_one_is_taken(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    wanted = [programme.service(DAY, "09:00", "10:00", organisation=o) for o in ("D", "D1", "D1T") * 3]
    outcomes = await asyncio.gather(*(programme.submit(each) for each in wanted))
    assert sorted(outcomes_of([each for [each] in outcomes])) == ["OverlapsAnotherRecord"] * 8 + ["taken"]


async def test_a_refused_record_leaves_room_for_another(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    wrong = programme.service(DAY, "09:00", "11:00")
    [taken] = await programme.taken(wrong)
    [refused] = await programme.review(taken, accept=False)
    assert isinstance(refused, Record)
    assert (refused.state, refused.reason) == ("refused", "不属实")
    assert outcomes_of(await programme.submit(programme.service(DAY, "09:00", "10:00", record=wrong.record))) == [
        "taken"
    ]


async def test_what_the_books_refuse_is_refused_alone(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    old = programme.service("1989-12-31", "09:00", "10:00")
    good = programme.service(DAY, "09:00", "10:00")
    outcomes = await programme.submit(old, good, reviewed_by="user:operator")
    assert outcomes_of(outcomes) == ["EffectiveDayOutOfRange", "taken"]
    assert await programme.balances("9200", "2110") == {"9200": 60, "2110": 10}


async def test_a_suspended_organisation_records_nothing(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    async with database.begin() as tx:
        await organisations.set_status(tx, book.book_id, "D1", "suspended")
    assert outcomes_of(await programme.submit(programme.service(DAY, "09:00", "10:00"))) == ["OrganisationInactive"]


# --- who reviews -----------------------------------------------------------------------------------------------------


async def test_long_days_are_reviewed_further_above(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    first, second, third = await programme.taken(
        programme.service(DAY, "06:00", "14:00"),
        programme.service(DAY, "14:00", "18:00"),
        programme.service(DAY, "18:00", "18:01"),
    )
    assert [each.review_by for each in (first, second, third)] == ["D1T", "D1", "D"]


async def test_what_a_leader_signed_in_is_reviewed_by_another_unit(database: AsyncEngine, book: Book) -> None:
    rules = RuleSet(items=(PER_HOUR,), default_item="P01", sample_share=100)
    programme = await opened(database, book, rules=rules)
    [taken] = await programme.taken(programme.service(DAY, "09:00", "10:00", by_leader=True))
    assert (taken.review_by, taken.call_back) == ("D1", "due")
    [outcome] = await programme.review(taken)
    assert outcomes_of([outcome]) == ["CallBackDue"]
    assert await state_of(programme, taken) == "submitted"


async def test_who_recorded_does_not_review_and_nobody_reviews_twice(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    [taken] = await programme.taken(programme.service(DAY, "09:00", "10:00"))
    [outcome] = await programme.review(taken, by="user:leader")
    assert isinstance(outcome, SecondPersonNeeded)
    both = await asyncio.gather(*(programme.review(taken, by=f"user:{number}") for number in range(4)))
    outcomes = outcomes_of([each for [each] in both])
    assert sorted(outcomes) == ["NotTheirTurn"] * 3 + ["Record"]
    assert await programme.balances("9200", "2110") == {"9200": 60, "2110": 10}


# --- the budget ------------------------------------------------------------------------------------------------------


async def test_a_budget_with_room_for_one_credits_one_of_fifty_and_loses_none(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book, budget=19, people=50)
    taken = [
        (await programme.taken(programme.service(DAY, "09:00", "10:00", holder=each.holder)))[0]
        for each in programme.volunteers
    ]
    outcomes = await asyncio.gather(*(programme.review(each) for each in taken))
    states = [each.state for [each] in outcomes if isinstance(each, Record)]
    assert sorted(states) == ["in_notice"] + ["reviewed"] * 49
    assert await programme.balances("5100", "9110") == {"5100": 10, "9110": 3000}
    assert await crediting.resume(programme.database, book.book_id) == 0
    await programme.grant(481)
    assert await crediting.resume(programme.database, book.book_id) == 49
    assert await programme.balances("5100", "9110") == {"5100": 500, "9110": 3000}
    async with database.connect() as tx:
        [budget] = await budgets.budgets_of(tx, book.book_id)
    assert (budget.granted, budget.issued) == (500, 500)


async def test_an_organisations_share_binds_it_and_what_was_issued_before_counts(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    await programme.credited(programme.service(DAY, "09:00", "10:00"))
    async with programme.database.begin() as tx:
        year = (await connect.now(tx)).year
        share = await budgets.share(tx, book.book_id, year, "D1", 25)
    assert (share.granted, share.issued) == (25, 10)
    [first, second] = await programme.taken(
        programme.service(DAY, "10:00", "11:30"), programme.service(DAY, "12:00", "12:30")
    )
    await programme.review(first)
    [waits] = await programme.review(second)
    assert isinstance(waits, Record)
    assert waits.state == "reviewed"


# --- undoing ---------------------------------------------------------------------------------------------------------


async def test_a_record_in_notice_is_undone_by_reversals(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    [taken] = await programme.taken(programme.service(DAY, "09:00", "11:30"))
    await programme.review(taken)
    done = await correct(programme, taken)
    assert (done.state, done.reason) == ("corrected", "核实不属实")
    assert set((await programme.balances("9110", "9200", "5100", "2110", "2100")).values()) == {0}
    async with database.connect() as tx:
        [budget] = await budgets.budgets_of(tx, book.book_id)
    assert budget.issued == 0
    # Its time and its number are free again.
    assert outcomes_of(
        await programme.submit(programme.service(DAY, "09:00", "10:00", record=taken.record, replaces=taken.record_id))
    ) == ["taken"]


async def test_spent_points_are_taken_back_as_far_as_the_wallet_goes(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    [done] = await programme.credited(programme.service(DAY, "09:00", "11:30"))
    await accounts_opened(database, book, "4200")
    await post(database, book, proposal("s", debit=f"2100.{programme.holder} 10", credit="4200 10"))
    await correct(programme, done)
    assert await programme.balances("9200", "2100", "5100") == {"9200": 0, "2100": 0, "5100": 0}
    owed = f"1300.{programme.holder}"
    assert await balances_of(database, book, owed) == {owed: 10}


async def test_a_minus_item_that_was_taken_is_given_back(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    await programme.credited(programme.act(DAY, "P12"))
    [minus] = await programme.credited(programme.act(DAY, "M01"))
    assert await programme.balances("2100") == {"2100": 5}
    await correct(programme, minus)
    assert await programme.balances("2100") == {"2100": 10}


async def test_corrected_once_however_many_try_while_notice_ends(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    [taken] = await programme.taken(programme.service(DAY, "09:00", "11:30"))
    await programme.review(taken)
    then = later(programme.database, days=30)

    async def try_to() -> str:
        try:
            return (await correct(programme, taken, then)).state
        except NotTheirTurn as refusal:
            return refusal.state

    outcomes = await asyncio.gather(*(try_to() for _ in range(4)), crediting.release(then, book.book_id))
    assert outcomes[:4] == ["corrected"] * 4
    assert set((await programme.balances("9110", "9200", "5100", "2110", "2100")).values()) == {0}
