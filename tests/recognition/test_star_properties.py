"""What is true of stars whatever the ladder and whatever the history: in the rule, and in the statement."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import integrity
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import checks as earning_checks
from ledger.earning import corrections, crediting
from ledger.earning.record import Record
from ledger.earning.tables import volunteers as volunteers_table
from ledger.recognition import ladder as rule
from ledger.recognition import stars
from ledger.recognition.ladder import NATIONAL, Facts, Ladder, Level
from ledger.recognition.stars import Standing
from ledger.recognition.tables import assessments, awards, marks
from tests.conftest import new_book
from tests.earning.programmes import Programme, later, opened
from tests.recognition.test_stars import EVERYTHING
from tests.spending.shops import opened_shop

DAY: Final = date(2026, 3, 10)

# --- the rule ---------------------------------------------------------------------------------------------------------


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """Ladders as a district may have them: what they ask for does not fall from one star to the next."""

    def rising(most: int, count: int) -> list[int]:
        return sorted(draw(st.lists(st.integers(0, most), min_size=count, max_size=count)))

    count = draw(st.integers(1, 6))
    asks_points, asks_months = draw(st.booleans()), draw(st.booleans())
    points = rising(40, count) if asks_points else [0] * count
    months = rising(24, count) if asks_months else [0] * count
    return Ladder(
        levels=tuple(
            Level(minutes, points[number], months[number], in_order=bool(number) and draw(st.booleans()))
            for number, minutes in enumerate(rising(3000, count))
        ),
        classes=draw(st.sampled_from([("credit",), ("honour",), ("credit", "honour")])),
        year_minutes=draw(st.sampled_from([0, 0, 200])),
        standing_months=draw(st.sampled_from([0, 0, 3])),
        may_fall=draw(st.booleans()),
    )


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    held = draw(st.integers(0, 7))
    days = st.none() | st.dates(date(2023, 1, 1), DAY)
    return Facts(
        minutes=draw(st.integers(0, 3500)),
        year_minutes=draw(st.integers(0, 400)),
        points=draw(st.integers(-20, 60)),
        registered_on=draw(days),
        held=held,
        kept=draw(st.integers(0, held)),
        marked_on=draw(days),
    )


@given(ladders(), facts(), st.integers(0, 3000))
@settings(deadline=None, derandomize=True, database=None)
def test_more_minutes_never_lower_a_star(ladder: Ladder, of: Facts, more: int) -> None:
    further = replace(of, minutes=of.minutes + more, year_minutes=of.year_minutes + more)
    assert rule.star(ladder, further, DAY) >= rule.star(ladder, of, DAY)


@given(ladders(), facts())
@settings(deadline=None, derandomize=True, database=None)
def test_who_has_what_was_missing_comes_to_the_next_star(ladder: Ladder, of: Facts) -> None:
    star = rule.star(ladder, of, DAY)
    missing = rule.missing(ladder, of, DAY)
    if star == len(ladder.levels):
        assert missing == []
        return
    day = max([DAY, *(each.since for each in missing if each.since is not None)])
    for each in missing:
        assert each.amount > 0 or each.since is None or each.since > DAY
        if each.need == "minutes":
            of = replace(of, minutes=of.minutes + each.amount)
        elif each.need == "points":
            of = replace(of, points=of.points + each.amount)
        elif each.need == "year_minutes":
            of = replace(of, year_minutes=of.year_minutes + each.amount)
        elif each.need == "in_order":
            of = replace(of, held=each.amount)
        elif each.need == "registered" and each.since is None:
            of = replace(of, registered_on=date(2000, 1, 1))
    assert rule.star(ladder, of, day) > star


# --- the statement ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def by_hand(database: AsyncEngine) -> AsyncIterator[Book]:
    """A book in which awards are written by hand: there are no assessments that they could be compared with."""
    made = await new_book(database)
    yield made
    assert await integrity.check(database, made.book_id) == []
    assert await earning_checks.check(database, made.book_id) == []


async def standings(
    tx: AsyncConnection, book: int, ladder: Ladder, day: date, known_at: datetime | None = None
) -> dict[str, Standing]:
    return {each.holder: each async for each in stars.of_book(tx, book, ladder=ladder, day=day, known_at=known_at)}


async def random_history(programme: Programme, draw: random.Random) -> list[Record]:
    """Services, honour hours, deeds and minus items of all volunteers, some credited, some corrected, some waiting."""
    wanted = []
    for her in programme.volunteers:
        since = draw.randrange(20)
        for day in range(draw.randrange(6)):
            of_day = (DAY - timedelta(days=1 + since + 7 * day)).isoformat()
            backfill = {"record_class": "honour", "second_person": "user:second", "evidence": "x"}
            more = backfill if draw.random() < 0.3 else {}
            until = f"{10 + draw.randrange(8)}:{draw.randrange(60):02}"
            wanted.append(programme.service(of_day, "09:00", until, holder=her.holder, **more))
            if draw.random() < 0.3:
                item = draw.choice(["P12", "M01"])
                wanted.append(programme.act(of_day, item, holder=her.holder))
    taken = await programme.taken(*wanted)
    await programme.review(*[each for each in taken if draw.random() < 0.9])
    return [await programme.now_is(each) for each in taken]


async def awarded(
    tx: AsyncConnection, book: int, assessment: UUID, holder: str, draw: random.Random, now: datetime
) -> None:
    """An award as the verbs leave it, of some day, perhaps ended."""
    on = DAY - timedelta(days=draw.randrange(60))
    ended = draw.random() < 0.3
    await tx.execute(
        insert(awards).values(
            book_id=book, award_id=uuid4(), assessment_id=assessment, holder=holder, star=draw.randrange(1, 5),
            title="", as_of=on, minutes=0, needed=draw.choice([0, 100, 600, 3000]), honour=draw.random() < 0.5,
            state="ended" if ended else "awarded", proposed_by="user:1", proposed_at=now, notice_from=on,
            notice_until=on, decided_by="user:2", decided_at=now, awarded_on=on, serial=uuid4().hex,
            ended_on=DAY - timedelta(days=draw.randrange(20)) if ended else None, ended_at=now if ended else None,
            ended_by="user:2" if ended else None, end_reason="x" if ended else None,
        )
    )  # fmt: skip


async def marked(tx: AsyncConnection, book: int, holder: str, draw: random.Random, now: datetime) -> None:
    lifted = draw.random() < 0.3
    await tx.execute(
        insert(marks).values(
            book_id=book, mark_id=uuid4(), holder=holder, marked_on=DAY - timedelta(days=draw.randrange(150)),
            why="other", marked_by="user:1", marked_at=now,
            lifted_by="user:2" if lifted else None, lifted_at=now if lifted else None,
        )
    )  # fmt: skip


async def an_assessment(tx: AsyncConnection, book: int, now: datetime) -> UUID:
    made = uuid4()
    await tx.execute(
        insert(assessments).values(
            book_id=book, assessment_id=made, as_of=DAY, known_at=now, ladder=0, made_by="user:1", made_at=now
        )
    )
    return made


async def decided(database: AsyncEngine, programme: Programme, draw: random.Random) -> None:
    """Awards and marks for some of the volunteers, who were registered on different days."""
    book = programme.book.book_id
    async with database.begin() as tx:
        now = await connect.now(tx)
        assessment = await an_assessment(tx, book, now)
        for her in programme.volunteers:
            known = (volunteers_table.c.book_id == book) & (volunteers_table.c.holder == her.holder)
            await tx.execute(
                update(volunteers_table).where(known).values(registered_at=now - timedelta(days=draw.randrange(900)))
            )
            if draw.random() < 0.6:
                await awarded(tx, book, assessment, her.holder, draw, now)
            if draw.random() < 0.4:
                await marked(tx, book, her.holder, draw, now)


async def minutes_of(tx: AsyncConnection, book: int, kind: str, day: date, known_at: datetime | None) -> dict[str, int]:
    """By holder, added up entry by entry."""
    rows = await tx.execute(
        text(
            "SELECT a.holder, sum(e.credit - e.debit)::bigint FROM entries e JOIN accounts a"
            " ON a.book_id = :book AND a.account_id = e.account_id WHERE e.book_id = :book AND a.kind = :kind"
            " AND e.effective_on <= :day AND e.recorded_at <= coalesce(CAST(:known_at AS timestamptz), 'infinity')"
            " GROUP BY a.holder"
        ),
        {"book": book, "kind": kind, "day": day, "known_at": known_at},
    )
    return {holder: minutes for holder, minutes in rows if minutes}


async def test_the_statement_says_what_the_rule_says_whatever_the_ladder_and_the_history(
    database: AsyncEngine, by_hand: Book
) -> None:
    book = by_hand
    draw = random.Random(20260310)  # a history, no secret
    programme = await opened(database, book, people=14)
    taken = await random_history(programme, draw)
    await decided(programme.database, programme, draw)
    month = later(programme.database, days=30)
    await crediting.release(month, book.book_id)
    async with month.begin() as tx:
        now = await connect.now(tx)
        for each in [await programme.now_is(each) for each in taken]:
            if each.state == "credited" and draw.random() < 0.25:
                await corrections.correct(
                    tx, book.book_id, each.record_id, by="user:1", approver="user:2", reason="不属实", now=now
                )
    seen: set[int] = set()
    async with later(month, minutes=1).connect() as tx:
        instants = [None, await connect.now(tx) - timedelta(seconds=40), now - timedelta(days=1)]
        holders = [her.holder for her in programme.volunteers]
        for number in range(60):
            ladder = a_ladder(draw) if number else EVERYTHING
            day, known_at = DAY - timedelta(days=draw.randrange(-20, 60)), instants[number % 3]
            found = await standings(tx, book.book_id, ladder, day, known_at)
            for each in found.values():
                assert each.star == rule.star(ladder, each.facts, day), (ladder, each)
                seen.add(each.star)
            few = await stars.of_volunteers(tx, book.book_id, holders, ladder=ladder, day=day, known_at=known_at)
            assert few == found
            for kind in ("credit", "honour"):
                told = {holder: getattr(each, f"{kind}_minutes") for holder, each in found.items()}
                by_hand = await minutes_of(tx, book.book_id, f"{kind}_hours", day, known_at)
                assert {holder: minutes for holder, minutes in told.items() if minutes} == by_hand
    assert {0, 1, 2, 3} <= seen, "histories in which nobody comes to anything show nothing"


def a_ladder(draw: random.Random) -> Ladder:
    """As `ladders`, for what takes a database."""
    count = draw.randrange(1, 6)

    def rising(most: int) -> list[int]:
        return sorted(draw.randrange(most) for _ in range(count))

    minutes, points, months = rising(1500), rising(60), rising(30)
    asks = [draw.random() < 0.5 for _ in range(3)]
    return Ladder(
        levels=tuple(
            Level(
                minutes[number],
                points[number] if asks[0] else 0,
                months[number] if asks[1] else 0,
                in_order=bool(number) and asks[2] and draw.random() < 0.5,
            )
            for number in range(count)
        ),
        classes=draw.choice([("credit",), ("honour",), ("credit", "honour")]),
        year_minutes=draw.choice([0, 0, 300]),
        standing_months=draw.choice([0, 0, 2]),
        may_fall=draw.random() < 0.5,
    )


async def test_what_was_known_then_never_changes(database: AsyncEngine, by_hand: Book) -> None:
    book = by_hand
    draw = random.Random(7)  # a history, no secret
    programme = await opened(database, book, people=8)
    taken = await random_history(programme, draw)
    await decided(programme.database, programme, draw)
    by = [(ladder, DAY - timedelta(days=days)) for ladder in (NATIONAL, EVERYTHING, a_ladder(draw), a_ladder(draw))
          for days in (0, 8, 30)]  # fmt: skip

    async def then(database: AsyncEngine, known_at: datetime) -> list[dict[str, Standing]]:
        async with database.connect() as tx:
            return [await standings(tx, book.book_id, ladder, day, known_at) for ladder, day in by]

    soon = later(programme.database, minutes=1)
    async with soon.connect() as tx:
        known_at = await connect.now(tx) - timedelta(seconds=40)
    before = await then(soon, known_at)
    assert any(each.credit_minutes for each in before[0].values())

    # Late entries, corrections of what was known, points credited, awards ended and given, marks lifted and put.
    weeks = later(programme.database, days=20)
    more = [
        programme.service((DAY - timedelta(days=2 + number)).isoformat(), "18:00", "21:00", holder=her.holder)
        for number, her in enumerate(programme.volunteers)
    ]
    late = await programme.submit(*more, database=weeks)
    assert len(late) == len(more)
    await programme.review(*[each.record for each in late], database=weeks)  # type: ignore[union-attr] # all are taken
    month = later(programme.database, days=60)
    await crediting.release(month, book.book_id)
    async with month.begin() as tx:
        now = await connect.now(tx)
        for each in [await programme.now_is(each) for each in taken]:
            if each.state in ("in_notice", "credited") and draw.random() < 0.5:
                await corrections.correct(
                    tx, book.book_id, each.record_id, by="user:1", approver="user:2", reason="不属实", now=now
                )
        of_book = {"book": book.book_id, "now": now, "day": DAY - timedelta(days=9)}
        await tx.execute(
            text(
                "UPDATE awards SET state = 'ended', ended_on = :day, ended_at = :now, ended_by = 'user:2'"
                " WHERE book_id = :book AND state = 'awarded'"
            ),
            of_book,
        )
        await tx.execute(
            text("UPDATE marks SET lifted_by = 'user:2', lifted_at = :now WHERE book_id = :book AND lifted_at IS NULL"),
            of_book,
        )
        await tx.execute(text("UPDATE assessments SET as_of = :day WHERE book_id = :book"), of_book)
        again = await an_assessment(tx, book.book_id, now)
        for her in programme.volunteers:
            await awarded(tx, book.book_id, again, her.holder, draw, now)
            await marked(tx, book.book_id, her.holder, draw, now)
    assert await then(later(month, minutes=1), known_at) == before
    async with month.connect() as tx:
        known_now = [await standings(tx, book.book_id, ladder, day) for ladder, day in by]
    assert all(now != then for now, then in zip(known_now, before, strict=True)), "otherwise nothing has been tried"


async def test_the_order_of_records_that_do_not_overlap_never_matters(database: AsyncEngine, book: Book) -> None:
    draw = random.Random(3)  # an order, no secret
    programme = await opened(database, book, people=4)
    services = [
        ((DAY - timedelta(days=1 + number // 3)).isoformat(), *hours)
        for number, hours in enumerate([("08:00", "11:10"), ("13:00", "17:00"), ("19:00", "20:25")] * 6)
    ]
    records = []
    for her in programme.volunteers:
        draw.shuffle(services)
        for service in services:
            records += await programme.taken(programme.service(*service, holder=her.holder))
    draw.shuffle(records)
    await programme.review(*records)
    ladder = Ladder(levels=(Level(600), Level(1200), Level(2400)), year_minutes=500)
    told = []
    async with programme.database.connect() as tx:
        for days in range(8):
            found = await standings(tx, book.book_id, ladder, DAY - timedelta(days=days))
            assert len({(each.credit_minutes, each.facts.year_minutes, each.star) for each in found.values()}) == 1
            told.append(next(iter(found.values())).star)
    assert told[0] == 3
    assert told == sorted(told, reverse=True)


async def test_a_redemption_never_lowers_a_star_and_a_false_record_does_from_its_day_on(
    database: AsyncEngine, book: Book
) -> None:
    shop = await opened_shop(database, book)
    programme = shop.programme
    ladder = Ladder(levels=(Level(120, points=20), Level(240, points=40)))
    days = (date(2026, 3, 5), date(2026, 3, 4), date(2026, 3, 3))
    honest, false = await programme.credited(
        programme.service("2026-03-03", "09:00", "11:00"), programme.service("2026-03-05", "09:00", "11:00")
    )
    month = later(programme.database, days=31)

    async def told(database: AsyncEngine, known_at: datetime | None = None) -> list[int]:
        async with database.connect() as tx:
            found = [await standings(tx, book.book_id, ladder, day, known_at) for day in days]
        return [each[programme.holder].star if programme.holder in each else 0 for each in found]

    assert await told(month) == [2, 1, 1]
    before = await shop.wallet()
    await shop.redeem(await shop.code(database=month), {"G01": 1}, database=month)
    assert await shop.wallet() < before
    assert await told(month) == [2, 1, 1]
    async with later(month, minutes=1).connect() as tx:
        known_at = await connect.now(tx) - timedelta(seconds=40)
    async with later(month, days=1).begin() as tx:
        now = await connect.now(tx)
        await corrections.correct(
            tx, book.book_id, false.record_id, by="user:1", approver="user:2", reason="不属实", now=now
        )
    assert honest.state == "credited"
    assert await told(later(month, days=2)) == [1, 1, 1]
    assert await told(later(month, days=2), known_at) == [2, 1, 1]
