"""Awards: candidates in notice, objections, two people, certificates; an award keeps what it was made on."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import corrections
from ledger.errors import (
    AlreadyDecided,
    AssessmentUnfinished,
    AwardObjected,
    InvalidField,
    NotTheCertifier,
    SecondPersonNeeded,
    StillInNotice,
)
from ledger.recognition import assessments, awards, shortfalls
from ledger.recognition.ladder import Ladder, Level
from ledger.recognition.shortfalls import Difference
from tests.recognition.careers import Career, awarded, career


async def test_from_the_assessment_by_notice_to_the_certificate(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100, 99, 650, 0)
    of = await made.assessed()
    assert (of.people, await made.stars(of)) == (3, {"V-0000": 1, "V-0001": 0, "V-0002": 3})
    assert [await made.proposed(of), await made.proposed(of)] == [2, 0]
    [first], [second], [third] = [await made.awards_of(0), await made.awards_of(1) or [None], await made.awards_of(2)]
    assert (second, third.star, third.minutes, third.needed) == (None, 3, 650 * 60, 600 * 60)
    assert (first.state, first.notice_from, first.notice_until) == ("in_notice", date(2026, 3, 10), date(2026, 3, 17))
    assert (first.organisation, first.line, first.volunteer_no) == ("D1T", ("D1T", "D1", "D"), "V-0000")
    with pytest.raises(StillInNotice):
        await made.later(days=7).award(first)
    then = made.later(days=8)
    with pytest.raises(SecondPersonNeeded):
        await then.award(first, by="user:operator")
    with pytest.raises(SecondPersonNeeded):
        await then.award(first, holder=made.holder(0))
    done = await then.award(first)
    assert (done.state, done.serial, done.awarded_on) == ("awarded", "S2026-000001", date(2026, 3, 18))
    assert done == await then.find(first)
    with pytest.raises(AlreadyDecided):
        await then.award(first)
    all_of_them = await then.award_all()
    assert [each.serial for each in all_of_them.awards] == ["S2026-000002"]
    assert await then.proposed(await then.later(minutes=1).assessed(date(2026, 3, 18))) == 0


async def test_nobody_is_a_candidate_of_an_assessment_that_has_not_been_run(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100)
    begun = await assessments.begin(made.database, made.book, date(2026, 3, 10), by="user:operator")
    with pytest.raises(AssessmentUnfinished):
        await made.proposed(begun)
    assert await made.proposed(await made.assessed()) == 1


async def test_two_who_propose_at_once_bring_each_candidate_into_notice_once(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, *[100] * 20)
    of, other = await made.assessed(), await made.assessed(date(2026, 3, 9))
    found = await asyncio.gather(*(made.proposed(each) for each in (of, other, of, other)))
    assert sum(found) == 20
    assert [len(await made.awards_of(number)) for number in range(20)] == [1] * 20


async def test_two_who_award_at_once_award_once_with_one_number(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, *[100] * 6)
    await made.proposed(await made.assessed())
    then = made.later(days=10)
    first, *_ = await made.awards_of(0)
    outcomes = await asyncio.gather(*(then.award(first, by=f"user:{n}") for n in range(4)), return_exceptions=True)
    assert Counter(type(each).__name__ for each in outcomes) == {"Award": 1, "AlreadyDecided": 3}
    many = await asyncio.gather(*(then.award_all(by=f"user:{n}", limit=3) for n in range(4)))
    serials = [each.serial for done in many for each in done.awards]
    assert sorted(serials) == [f"S2026-{number:06d}" for number in range(2, 2 + len(serials))]
    rest = await then.award_all()
    assert len(serials) + len(rest.awards) == 5
    assert (await then.award_all()).awards == ()


async def test_who_awards_and_who_objects_at_once_have_one_outcome(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100)
    await made.proposed(await made.assessed())
    [first], then = await made.awards_of(), made.later(days=10)
    outcomes = await asyncio.gather(then.award(first), then.objected(first), return_exceptions=True)
    state = (await then.find(first)).state
    assert [type(each).__name__ for each in outcomes] == (
        ["Award", "AlreadyDecided"] if state == "awarded" else ["AwardObjected", "Objection"]
    )


async def test_an_objection_holds_the_award_until_somebody_else_has_decided(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100)
    of = await made.assessed()
    await made.proposed(of)
    [first], soon, then = await made.awards_of(), made.later(days=1), made.later(days=10)
    raised = await soon.objected(first)
    assert raised.due_on == date(2026, 3, 25)
    for refused in (then.award(first), then.refuse(first), soon.objected(first, by="user:other")):
        with pytest.raises(AwardObjected):
            await refused
    done = await then.award_all()
    assert (done.awards, done.refused) == ((), {AwardObjected: 1})
    for somebody in ("user:neighbour", "user:operator"):
        with pytest.raises(SecondPersonNeeded):
            await then.decided(raised, upheld=False, by=somebody)
    with pytest.raises(SecondPersonNeeded):
        await then.decided(raised, upheld=False, holder=made.holder(0))
    assert (await soon.decided(raised, upheld=False)).state == "in_notice"
    with pytest.raises(AlreadyDecided):
        await then.decided(raised, upheld=True)
    with pytest.raises(AlreadyDecided):
        await soon.objected(first)  # the same person
    with pytest.raises(StillInNotice):
        await soon.award(first)
    again = await soon.objected(first, by="user:other")
    refused = await soon.decided(again, upheld=True)
    assert (refused.state, refused.reason, refused.serial) == ("refused", "查过签到表", None)
    for late in (then.award(first), then.refuse(first), then.objected(first, by="user:third"), then.end(first)):
        with pytest.raises(AlreadyDecided):
            await late
    assert await then.proposed(of) == 0  # an assessment proposes once
    assert await then.proposed(await then.assessed()) == 1


async def test_words_that_are_no_reason_are_refused(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100)
    await made.proposed(await made.assessed())
    [first] = await made.awards_of()
    for words in ("", "  短 ", "两\n行的理由", "长" * 201):
        with pytest.raises(InvalidField):
            await made.refuse(first, reason=words)
    assert (await made.find(first)).state == "in_notice"


async def test_who_certifies_for_others_awards_nobody_here(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100)
    await made.proposed(await made.assessed())
    [first], then = await made.awards_of(), made.later(days=10)
    with pytest.raises(NotTheCertifier):
        await then.award(first, within=["D2"])
    assert (await then.award_all(within=["D2"])).awards == ()
    assert (await then.award(first, within=["D1"])).state == "awarded"


async def test_a_star_of_the_district_is_awarded_by_the_district_or_above(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100, 300, 600)
    levels = (Level(6_000), Level(18_000, certifier="community"), Level(36_000, certifier="city", title="金星"))
    await made.ladder(Ladder(levels, publicity_days=2, objection_days=3), date(2026, 1, 1))
    await made.proposed(await made.assessed())
    [[first], [second], [third]] = [await made.awards_of(number) for number in range(3)]
    assert (first.notice_until, third.title, third.certifier) == (date(2026, 3, 12), "金星", "city")
    then = made.later(days=3)
    with pytest.raises(NotTheCertifier):
        await then.award(second, within=["D1T"])
    with pytest.raises(NotTheCertifier):
        await then.refuse(second, within=["D1T"])
    with pytest.raises(NotTheCertifier):
        await then.award(third, within=["D"])  # there is no city: the book's own
    team = await then.award_all(within=["D1T"])
    assert ([each.award_id for each in team.awards], team.refused) == ([first.award_id], {NotTheCertifier: 2})
    assert (await then.award(second, within=["D1"])).state == "awarded"
    assert (await then.award(third)).serial == "S2026-000003"


async def test_a_star_in_order_waits_for_the_one_below_it(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 700)
    levels = (Level(6_000), Level(18_000, in_order=True), Level(36_000, in_order=True))
    await made.ladder(Ladder(levels), date(2026, 1, 1))
    for star, days in ((1, 10), (2, 20), (3, 30)):
        now = made.later(days=days - 9)
        assert await now.proposed(await now.assessed(date(2026, 3, 10) + timedelta(days=days - 10))) == 1
        candidate, *_ = await made.awards_of()
        assert candidate.star == star
        await made.later(days=days).award(candidate)
    assert [each.state for each in await made.awards_of()] == ["awarded"] * 3


async def test_a_star_ends_by_a_reason_and_may_be_earned_again(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 100)
    first = await awarded(made)
    then = made.later(days=20)
    with pytest.raises(SecondPersonNeeded):
        await then.end(first, holder=made.holder(0))
    with pytest.raises(NotTheCertifier):
        await then.end(first, within=["D2"])
    ended = await then.end(first)
    assert (ended.state, ended.ended_on, ended.end_reason) == ("ended", date(2026, 3, 30), "时长不实")
    with pytest.raises(AlreadyDecided):
        await then.end(first)
    kept = ("minutes", "needed", "as_of", "assessment_id", "serial", "awarded_on", "decided_by", "star")
    assert [getattr(ended, name) for name in kept] == [getattr(first, name) for name in kept]
    after = then.later(days=1)
    assert await after.proposed(await after.assessed(date(2026, 3, 31))) == 1


# --- a record that proves false ---------------------------------------------------------------------------------------


async def falls(made: Career, of: assessments.Assessment) -> list[Difference]:
    async with made.database.connect() as tx:
        return (await shortfalls.falls(tx, made.book, of)).items


async def explained(made: Career, award: awards.Award, of: assessments.Assessment | None = None) -> Difference:
    async with made.database.connect() as tx:
        return await shortfalls.explain(tx, made.book, award, of)


async def test_a_record_reversed_after_an_award_is_what_explains_the_difference(
    database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 99)
    programme = made.programme
    [true, false] = await programme.credited(
        programme.service("2026-03-04", "09:00", "10:00"), programme.service("2026-03-05", "09:00", "10:00")
    )
    then = made.later(days=31)
    day = date(2026, 4, 10)
    first = await then.assessed(day)
    await then.proposed(first)
    [star] = await made.awards_of()
    star = await then.later(days=15).award(star)
    assert (star.star, star.minutes, star.as_of) == (1, 101 * 60, day)
    assert await falls(then, first) == []
    assert (await explained(then.later(days=15), star)).supported
    later = then.later(days=30)
    async with later.database.begin() as tx:
        now = await connect.now(tx)
        for each in (true, false):
            await corrections.correct(
                *(tx, made.book, each.record_id), by="user:1", approver="user:2", reason="当天没有看见她", now=now
            )
    # The assessment that it was made on says what was known then, and so does the award.
    assert await later.find(star) == star
    async with later.database.connect() as tx:
        assert await assessments.again(tx, made.book, first) == (first.people, first.digest)
    after = later.later(minutes=1)
    now_known = await after.assessed(date(2026, 5, 10))
    [told] = await falls(after, now_known)
    assert (told.award, told.star, told.supported) == (star, 0, False)
    assert (told.minutes_then, told.minutes_again, told.needed) == (101 * 60, 99 * 60, 100 * 60)
    assert [(each.record, each.minutes, each.reason) for each in told.corrected] == [
        (each.record, 60, "当天没有看见她") for each in (true, false)
    ]
    assert (told.corrected_minutes, told.later_minutes) == (120, 0)
    assert [(each.need, each.amount) for each in told.missing] == [("minutes", 60)]
    assert await explained(after, star, now_known) == told
    today = await explained(after, star)
    assert (today.star, today.minutes_again, today.corrected) == (0, 99 * 60, told.corrected)
    # The same day as known now: another answer than the one that was known then, beside which it stands.
    assert await after.stars(await after.assessed(day)) == {"V-0000": 0}
    assert await after.stars(first) == {"V-0000": 1}
    # To an assessment of before that, nothing had happened yet.
    earlier = await explained(after, star, await after.assessed(date(2026, 5, 10), known_at=first.known_at))
    assert (earlier.minutes_again, earlier.corrected, earlier.star) == (101 * 60, (), 1)
    ended = await after.end(star)
    assert (ended.state, ended.minutes, ended.assessment_id) == ("ended", star.minutes, first.assessment_id)
    assert await falls(after, now_known) == []


async def test_what_is_entered_later_for_days_until_then_is_told_apart(database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 99)
    programme = made.programme
    [false] = await programme.credited(programme.service("2026-03-04", "09:00", "11:00"))
    then = made.later(days=31)
    await then.proposed(await then.assessed())
    [star] = await made.awards_of()
    await then.later(days=15).award(star)
    [late] = await programme.taken(
        programme.service("2026-03-06", "09:00", "09:30"), database=then.later(days=16).database
    )
    await programme.review(late, database=then.later(days=16).database)
    async with then.later(days=17).database.begin() as tx:
        await corrections.correct(
            *(tx, made.book, false.record_id),
            by="user:1",
            approver="user:2",
            reason="重复的记录",
            now=await connect.now(tx),
        )
    told = await explained(then.later(days=18), await then.find(star))
    assert (told.minutes_then, told.minutes_again) == (101 * 60, 99 * 60 + 30)
    assert (told.corrected_minutes, told.later_minutes) == (120, 30)
