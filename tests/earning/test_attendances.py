"""Signing in and out by the code on the leader's screen, and what becomes of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.earning import activities, attendances, records
from ledger.earning.attendances import SERVICE
from ledger.earning.records import NewRecord
from ledger.earning.tables import volunteers
from ledger.errors import (
    ActivityBegun,
    ActivityClosed,
    ActivityFull,
    ActivityNotUnderWay,
    AlreadySignedIn,
    CodeStale,
    HeadCountDiffers,
    NoInsurance,
    NotAllowed,
    NotSignedIn,
    OrganisationInactive,
    OverlapsAnotherRecord,
    Refusal,
    StruckOut,
    TooManyByLeader,
    TooManyPairs,
    TrainingNeeded,
    UnknownVolunteer,
    VolunteerLeft,
)
from tests.earning.crowds import DAY, HOUR, LEADER, MINUTE, NINE, Crowd, a_crowd

SECOND = timedelta(seconds=1)
NOON = NINE + 3 * HOUR


@pytest.fixture
async def crowd(database: AsyncEngine, book: Book) -> Crowd:
    return await a_crowd(database, book)


@pytest.fixture
async def her(crowd: Crowd) -> str:
    [holder] = await crowd.people(1)
    return holder


# --- the code ---------------------------------------------------------------------------------------------------------


async def test_a_code_is_shown_for_half_a_minute_and_good_for_a_minute(crowd: Crowd) -> None:
    activity, book = await crowd.plan(), crowd.book.book_id
    shown = crowd.code(activity, NINE)
    assert crowd.code(activity, NINE + 29 * SECOND) == shown
    assert attendances.code_ends(NINE + 29 * SECOND) == NINE + 30 * SECOND
    following = crowd.code(activity, NINE + 30 * SECOND)
    assert following != shown
    for later in (0, 30, 59):
        attendances.check_code(book, activity, shown, NINE + later * SECOND)
    for when in (NINE - SECOND, NINE + 60 * SECOND, NINE + HOUR, NINE + DAY):
        with pytest.raises(CodeStale):
            attendances.check_code(book, activity, shown, when)


async def test_another_activitys_code_and_a_forged_one_open_nothing(crowd: Crowd, her: str) -> None:
    activity, other = await crowd.plan(), await crowd.plan()
    right = crowd.code(activity, NINE)
    for wrong in (crowd.code(other, NINE), right.upper(), right[:-1], right + "a", "a" * 12, "é\x00", "\ud800", "签到"):
        with pytest.raises(CodeStale):
            await crowd.sign_in(activity, her, NINE, wrong)
    assert await crowd.there(activity) == []
    await crowd.sign_in(activity, her, NINE)
    with pytest.raises(CodeStale):
        await crowd.sign_out(activity, her, NINE + HOUR, right)
    assert (await crowd.there(activity))[0].open


async def test_a_copied_code_signs_nobody_in_after_a_minute(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    copied = crowd.code(activity, NINE)
    await crowd.sign_in(activity, her, NINE + 59 * SECOND, copied)
    [other] = await crowd.people(1)
    with pytest.raises(CodeStale):
        await crowd.sign_in(activity, other, NINE + 60 * SECOND, copied)


async def test_the_same_activity_code_of_another_book_has_another_code(crowd: Crowd) -> None:
    activity = await crowd.plan()
    assert attendances.code_at(crowd.book.book_id + 1, activity, NINE) != crowd.code(activity, NINE)


# --- in and out -------------------------------------------------------------------------------------------------------


async def test_she_signs_in_and_out_and_the_time_between_counts(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    there = await crowd.sign_in(activity, her, NINE + 10 * MINUTE)
    assert there.open
    assert (there.check_in, there.pair, there.by_leader, there.in_by) == (NINE + 10 * MINUTE, 1, False, "user:1")
    gone = await crowd.sign_out(activity, her, NINE + 130 * MINUTE + 59 * SECOND)
    assert (gone.minutes, gone.open, gone.forgotten, gone.out_by) == (120, False, False, "user:1")


async def test_signing_in_or_out_again_answers_the_same(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    there = await crowd.sign_in(activity, her, NINE)
    assert await crowd.sign_in(activity, her, NINE + MINUTE) == there
    gone = await crowd.sign_out(activity, her, NINE + HOUR)
    assert await crowd.sign_out(activity, her, NINE + 2 * HOUR) == gone
    assert await crowd.there(activity) == [gone]


async def test_who_is_not_there_is_not_signed_out(crowd: Crowd, her: str) -> None:
    activity, other = await crowd.plan(), await crowd.plan()
    await crowd.sign_in(other, her, NINE)
    with pytest.raises(NotSignedIn):
        await crowd.sign_out(activity, her, NINE + HOUR)


async def test_time_before_the_beginning_and_after_the_end_does_not_count(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    assert (await crowd.sign_in(activity, her, NINE - 30 * MINUTE)).check_in == NINE
    gone = await crowd.sign_out(activity, her, NOON + 10 * MINUTE)
    assert (gone.check_out, gone.minutes, gone.forgotten) == (NOON, 180, False)


async def test_one_signs_in_from_half_an_hour_before_until_the_end(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    for when in (NINE - 30 * MINUTE - SECOND, NOON, NOON + DAY):
        with pytest.raises(ActivityNotUnderWay) as caught:
            await crowd.sign_in(activity, her, when)
        assert (caught.value.opens_at, caught.value.ends_at) == (NINE - 30 * MINUTE, NOON)
    await crowd.sign_in(activity, her, NOON - SECOND)


async def test_who_leaves_before_the_beginning_has_not_been_there(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    await crowd.sign_in(activity, her, NINE - 20 * MINUTE)
    gone = await crowd.sign_out(activity, her, NINE - 10 * MINUTE)
    assert (gone.stands, gone.struck_by) == (False, SERVICE)
    assert await crowd.sign_out(activity, her, NINE - 9 * MINUTE) == gone
    again = await crowd.sign_in(activity, her, NINE + HOUR)
    assert (again.pair, again.check_in) == (2, NINE + HOUR)
    assert len((await crowd.close(activity, 1, NOON)).taken) == 1


async def test_three_pairs_a_day_and_three_more_on_the_next(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan(ends_at=NINE + 2 * DAY)
    for morning in (NINE, NINE + DAY):
        for hour in range(3):
            await crowd.sign_in(activity, her, morning + hour * HOUR)
            await crowd.sign_out(activity, her, morning + hour * HOUR + 30 * MINUTE)
        with pytest.raises(TooManyPairs) as caught:
            await crowd.sign_in(activity, her, morning + 4 * HOUR)
        assert caught.value.most == 3
    assert [each.pair for each in await crowd.there(activity)] == [1, 2, 3, 4, 5, 6]


async def test_the_rules_of_the_programme_say_how_early_and_how_often(crowd: Crowd, her: str) -> None:
    await crowd.rules(sign_in_minutes=5, pairs=1)
    activity = await crowd.plan()
    with pytest.raises(ActivityNotUnderWay):
        await crowd.sign_in(activity, her, NINE - 6 * MINUTE)
    await crowd.sign_in(activity, her, NINE - 5 * MINUTE)
    await crowd.sign_out(activity, her, NINE + HOUR)
    with pytest.raises(TooManyPairs):
        await crowd.sign_in(activity, her, NINE + HOUR)


# --- who may not ------------------------------------------------------------------------------------------------------


async def test_with_bodily_risk_insurance_comes_first(crowd: Crowd, her: str) -> None:
    risky = await crowd.plan(risky=True)
    with pytest.raises(NoInsurance):
        await crowd.sign_in(risky, her, NINE)
    with pytest.raises(NoInsurance):
        await crowd.lead_in(risky, her, NINE)
    insured = await crowd.change(risky.activity, risky=True, policy_no="PICC-1")
    await crowd.sign_in(insured, her, NINE)


async def test_who_takes_part_has_the_training_on_that_day(crowd: Crowd) -> None:
    activity = await crowd.plan(training="急救培训")
    untrained, other, lapsed, trained = await crowd.people(4)
    await crowd.qualify(other, "驾驶")
    await crowd.qualify(lapsed, "急救培训", NINE - DAY)
    await crowd.qualify(trained, "急救培训", NINE)
    for holder in (untrained, other, lapsed):
        with pytest.raises(TrainingNeeded):
            await crowd.sign_in(activity, holder, NINE)
    await crowd.sign_in(activity, trained, NINE)


async def test_what_speaks_against_her_age_is_heard(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    with pytest.raises(NotAllowed):
        await crowd.sign_in(activity, her, NINE, age_problem=NotAllowed())


async def test_who_has_left_signs_in_no_more(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    async with crowd.database.begin() as tx:
        of = (volunteers.c.book_id == crowd.book.book_id) & (volunteers.c.holder == her)
        await tx.execute(update(volunteers).where(of).values(left_on=NINE.date()))
    with pytest.raises(VolunteerLeft):
        await crowd.sign_in(activity, her, NINE)
    with pytest.raises(UnknownVolunteer):
        await crowd.sign_in(activity, "0000000000000000", NINE)


async def test_in_a_suspended_organisation_nobody_signs_in(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    await crowd.suspend("street")
    with pytest.raises(OrganisationInactive):
        await crowd.sign_in(activity, her, NINE)


async def test_a_full_activity_takes_nobody_else(crowd: Crowd) -> None:
    activity = await crowd.plan(capacity=2)
    one, two, three = await crowd.people(3)
    await crowd.sign_in(activity, one, NINE)
    await crowd.sign_in(activity, two, NINE)
    with pytest.raises(ActivityFull):
        await crowd.sign_in(activity, three, NINE)
    await crowd.sign_out(activity, one, NINE + HOUR)
    with pytest.raises(ActivityFull):
        await crowd.sign_in(activity, three, NINE + HOUR)
    await crowd.sign_in(activity, one, NINE + HOUR)
    await crowd.strike(activity, two, NINE + HOUR)
    await crowd.sign_in(activity, three, NINE + HOUR)


async def test_one_person_is_in_one_place_at_a_time(crowd: Crowd, her: str) -> None:
    here, there = await crowd.plan(), await crowd.plan(organisation="shore")
    await crowd.sign_in(here, her, NINE)
    with pytest.raises(AlreadySignedIn) as caught:
        await crowd.sign_in(there, her, NINE + HOUR)
    assert (caught.value.activity, caught.value.since) == (here.activity, NINE)
    with pytest.raises(AlreadySignedIn):
        await crowd.lead_in(there, her, NINE + HOUR)
    await crowd.sign_out(here, her, NINE + HOUR)
    await crowd.sign_in(there, her, NINE + HOUR)


async def test_a_forgotten_sign_out_ends_with_its_activity_when_she_comes_to_the_next(crowd: Crowd, her: str) -> None:
    morning = await crowd.plan()
    afternoon = await crowd.plan(starts_at=NOON, ends_at=NOON + HOUR)
    await crowd.sign_in(morning, her, NINE + HOUR)
    await crowd.sign_in(afternoon, her, NOON)
    [forgotten] = await crowd.there(morning)
    assert (forgotten.check_out, forgotten.forgotten, forgotten.out_by) == (NOON, True, SERVICE)


async def test_in_an_activity_of_many_days_a_forgotten_sign_out_ends_with_its_day(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan(ends_at=NINE + 30 * DAY)
    await crowd.sign_in(activity, her, NINE)
    assert (await crowd.sign_in(activity, her, NINE + DAY)).pair == 2
    forgotten, _ = await crowd.there(activity)
    assert forgotten.check_out == datetime(2026, 11, 20, 16, 0, tzinfo=UTC), "midnight in Beijing"
    assert forgotten.forgotten


# --- the leader -------------------------------------------------------------------------------------------------------


async def test_a_leader_signs_in_one_and_then_so_many_of_a_hundred_as_the_rules_say(crowd: Crowd) -> None:
    activity = await crowd.plan()
    people = await crowd.people(10)
    assert (await crowd.lead_in(activity, people[0], NINE)).by_leader
    with pytest.raises(TooManyByLeader) as caught:
        await crowd.lead_in(activity, people[1], NINE)
    assert (caught.value.present, caught.value.share) == (2, 20)
    for holder in people[2:]:
        await crowd.sign_in(activity, holder, NINE)
    await crowd.lead_in(activity, people[1], NINE)
    with pytest.raises(TooManyByLeader):
        await crowd.lead_in(activity, (await crowd.people(1))[0], NINE)


async def test_the_leader_signs_out_who_cannot(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    await crowd.lead_in(activity, her, NINE)
    gone = await crowd.lead_out(activity, her, NINE + HOUR)
    assert (gone.minutes, gone.out_by) == (60, LEADER)


async def test_who_is_struck_out_counts_for_nothing_and_comes_back_by_the_leader_alone(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    await crowd.sign_in(activity, her, NINE)
    struck = await crowd.strike(activity, her, NINE + MINUTE)
    assert (struck.stands, struck.struck_by) == (False, LEADER)
    assert await crowd.strike(activity, her, NINE + HOUR) == struck
    with pytest.raises(StruckOut):
        await crowd.sign_in(activity, her, NINE + 2 * MINUTE)
    with pytest.raises(NotSignedIn):
        await crowd.sign_out(activity, her, NINE + 2 * MINUTE)
    again = await crowd.lead_in(activity, her, NINE + HOUR)
    assert (again.pair, again.by_leader) == (2, True)
    with pytest.raises(NotSignedIn):
        await crowd.strike(activity, her, NINE + HOUR, pair=3)


# --- closing ----------------------------------------------------------------------------------------------------------


async def test_closing_makes_a_record_of_each_pair(crowd: Crowd) -> None:
    activity = await crowd.plan()
    one, two, three = await crowd.people(3)
    await crowd.sign_in(activity, one, NINE)
    await crowd.sign_out(activity, one, NINE + HOUR)
    await crowd.sign_in(activity, one, NINE + 2 * HOUR)
    await crowd.sign_in(activity, two, NINE + MINUTE)
    await crowd.sign_in(activity, three, NINE + 2 * MINUTE)
    await crowd.strike(activity, three, NINE + 3 * MINUTE)
    closed = await crowd.close(activity, 2, NOON + HOUR)
    assert closed.refused == []
    assert (closed.activity.head_count, closed.activity.ended_by) == (2, LEADER)
    told = {
        each.record: (each.holder, each.minutes, each.forgotten, each.record_class, each.recorder, each.state)
        for each in closed.taken
    }
    code = activity.activity
    assert told == {
        f"{code}-1": (one, 60, False, "credit", LEADER, "submitted"),
        f"{code}-2": (two, 179, True, "credit", LEADER, "submitted"),
        f"{code}-4": (one, 60, True, "credit", LEADER, "submitted"),
    }
    assert {each.record_id for each in closed.attendances if each.stands} == {each.record_id for each in closed.taken}
    assert all((each.organisation, each.activity) == ("lane", code) for each in closed.taken)


async def test_what_the_leader_signed_in_is_for_another_unit_to_review(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    await crowd.lead_in(activity, her, NINE)
    [made] = (await crowd.close(activity, 1, NOON)).taken
    assert (made.by_leader, made.review_by) == (True, "street")


async def test_the_head_count_equals_the_sign_ins(crowd: Crowd) -> None:
    activity = await crowd.plan()
    for holder in await crowd.people(2):
        await crowd.sign_in(activity, holder, NINE)
    for count in (0, 1, 3):
        with pytest.raises(HeadCountDiffers) as caught:
            await crowd.close(activity, count, NOON)
        assert (caught.value.head_count, caught.value.signed_in) == (count, 2)
    assert (await crowd.find(activity.activity)).ended_at is None
    await crowd.close(activity, 2, NOON)


async def test_closing_twice_answers_the_same_and_nothing_changes_any_more(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    await crowd.sign_in(activity, her, NINE)
    closed = await crowd.close(activity, 1, NOON)
    assert await crowd.close(activity, 1, NOON + DAY) == closed
    for verb in (
        crowd.close(activity, 2, NOON),
        crowd.sign_in(activity, her, NINE + HOUR),
        crowd.sign_out(activity, her, NINE + HOUR),
        crowd.lead_in(activity, her, NINE + HOUR),
        crowd.strike(activity, her, NINE + HOUR),
        crowd.change(activity.activity),
    ):
        with pytest.raises(ActivityClosed):
            await verb


async def test_closed_early_it_ends_for_everybody_then(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    with pytest.raises(ActivityNotUnderWay):
        await crowd.close(activity, 0, NINE - MINUTE)
    await crowd.sign_in(activity, her, NINE)
    [made] = (await crowd.close(activity, 1, NINE + HOUR)).taken
    assert (made.minutes, made.forgotten) == (60, True)


async def test_less_than_a_minute_is_no_record(crowd: Crowd, her: str) -> None:
    activity = await crowd.plan()
    await crowd.sign_in(activity, her, NINE)
    await crowd.sign_out(activity, her, NINE + 59 * SECOND)
    closed = await crowd.close(activity, 1, NOON)
    assert (closed.taken, closed.refused, len(closed.attendances)) == ([], [], 1)


async def test_what_overlaps_another_record_is_told_and_taken_when_that_has_gone(crowd: Crowd, her: str) -> None:
    async with crowd.database.begin() as tx:
        [other] = await records.submit(
            tx,
            crowd.book.book_id,
            [
                NewRecord(
                    *("other", her, "shore", "credit", "someone"),
                    check_in=NINE + HOUR,
                    check_out=NINE + 2 * HOUR,
                )
            ],
            by="user:8",
            now=NOON,
        )
    assert not isinstance(other, Refusal)
    activity = await crowd.plan()
    [neighbour] = await crowd.people(1)
    for holder in (her, neighbour):
        await crowd.sign_in(activity, holder, NINE)
    for _ in range(2):
        closed = await crowd.close(activity, 2, NOON)
        [(refused, why)] = closed.refused
        assert (refused.holder, type(why)) == (her, OverlapsAnotherRecord)
        assert [each.holder for each in closed.taken] == [neighbour]
    async with crowd.database.begin() as tx:
        [gone] = await records.review(
            *(tx, crowd.book.book_id, [other.record.record_id]),
            by="user:9",
            holder=None,
            accept=False,
            reason="她当时不在那里",
            now=NOON,
        )
    assert not isinstance(gone, Refusal)
    closed = await crowd.close(activity, 2, NOON)
    assert (closed.refused, len(closed.taken)) == ([], 2)


async def test_people_are_locked_before_the_activity_also_when_one_comes_meanwhile(crowd: Crowd) -> None:
    activity = await crowd.plan()
    people = await crowd.people(8)
    for holder in people[:4]:
        await crowd.sign_in(activity, holder, NINE)
    outcomes = await asyncio.gather(
        crowd.close(activity, 5, NOON - MINUTE),
        *(crowd.sign_in(activity, holder, NOON - MINUTE) for holder in people[4:]),
        return_exceptions=True,
    )
    closed = outcomes[0]
    assert isinstance(closed, HeadCountDiffers | attendances.Closing), closed
    came = sum(isinstance(each, attendances.Attendance) for each in outcomes[1:])
    refused = [each for each in outcomes[1:] if isinstance(each, Exception)]
    assert all(isinstance(each, ActivityClosed) for each in refused), refused
    if isinstance(closed, attendances.Closing):
        assert came == 1
        assert len(closed.taken) == 5
    else:
        assert came == 4
        assert refused == []


# --- at the same time -------------------------------------------------------------------------------------------------


async def test_two_phones_of_one_person_at_once_sign_in_once(crowd: Crowd, her: str) -> None:
    for capacity in (None, 5):
        activity = await crowd.plan(capacity=capacity)
        outcomes = await asyncio.gather(*(crowd.sign_in(activity, her, NINE) for _ in range(6)))
        assert len(set(outcomes)) == 1
        gone = await asyncio.gather(*(crowd.sign_out(activity, her, NINE + HOUR) for _ in range(6)))
        assert len(set(gone)) == 1
        assert await crowd.there(activity) == [gone[0]]


async def test_fifty_at_once_for_ten_places_are_ten(crowd: Crowd) -> None:
    activity = await crowd.plan(capacity=10)
    people = await crowd.people(50)
    outcomes = await asyncio.gather(
        *(crowd.sign_in(activity, holder, NINE) for holder in people), return_exceptions=True
    )
    assert sum(isinstance(each, attendances.Attendance) for each in outcomes) == 10
    assert sum(isinstance(each, ActivityFull) for each in outcomes) == 40
    assert len(await crowd.there(activity)) == 10


async def test_at_two_organisations_at_once_she_is_at_one(crowd: Crowd) -> None:
    here, there = await crowd.plan(), await crowd.plan(organisation="shore")
    for holder in await crowd.people(5):
        outcomes = await asyncio.gather(
            crowd.sign_in(here, holder, NINE), crowd.sign_in(there, holder, NINE), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in outcomes) == ["AlreadySignedIn", "Attendance"]


async def test_leaders_at_once_keep_within_the_share(crowd: Crowd) -> None:
    activity = await crowd.plan()
    people = await crowd.people(6)
    outcomes = await asyncio.gather(
        *(crowd.lead_in(activity, holder, NINE) for holder in people), return_exceptions=True
    )
    assert sum(isinstance(each, attendances.Attendance) for each in outcomes) == 1
    assert sum(isinstance(each, TooManyByLeader) for each in outcomes) == 5


async def test_two_closings_at_once_make_each_record_once(crowd: Crowd) -> None:
    activity = await crowd.plan()
    for holder in await crowd.people(3):
        await crowd.sign_in(activity, holder, NINE)
    one, other = await asyncio.gather(crowd.close(activity, 3, NOON), crowd.close(activity, 3, NOON))
    assert one == other
    assert len(one.taken) == 3


async def test_a_change_that_counts_places_holds_for_who_comes_at_that_moment(crowd: Crowd) -> None:
    activity = await crowd.plan()
    people = await crowd.people(6)
    early = NINE - 10 * MINUTE
    outcomes = await asyncio.gather(
        crowd.change(activity.activity, now=early, capacity=2),
        *(crowd.sign_in(activity, holder, early) for holder in people),
        return_exceptions=True,
    )
    changed, came = outcomes[0], outcomes[1:]
    there = await crowd.there(activity)
    if isinstance(changed, activities.Activity):
        assert len(there) == 2
        assert sum(isinstance(each, ActivityFull) for each in came) == 4, came
    else:
        assert isinstance(changed, ActivityBegun)
        assert len(there) == 6
