"""Awards: candidates in notice, objections, two people, certificates; an award keeps what it was made on."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.errors import (
    AlreadyDecided,
    SecondPersonNeeded,
    StillInNotice,
)
from tests.recognition.careers import career


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
