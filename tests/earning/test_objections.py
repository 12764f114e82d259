"""Objections, appeals and corrections: who may raise and who may decide them, and what becomes of the record."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import corrections, crediting, objections
from ledger.earning.objections import Objection
from ledger.earning.record import Record
from ledger.errors import (
    AlreadyDecided,
    InvalidField,
    NoticeOver,
    NotTheirTurn,
    ObjectionOpen,
    Refusal,
    SecondPersonNeeded,
    UnknownObjection,
)
from tests.books.ledgers import balances_of
from tests.earning.programmes import Programme, later, opened

DAY = "2026-03-05"
ANYBODY, DECIDER = "user:neighbour", "user:decider"


async def object_to(
    programme: Programme,
    asked: Record,
    by: str = ANYBODY,
    holder: str | None = None,
    *,
    at: AsyncEngine | None = None,
    reason: str = "当天没有看见她",
    staff: bool = False,
) -> Objection:
    async with (at or programme.database).begin() as tx:
        return await objections.raise_(
            *(tx, programme.book.book_id, asked.record_id),
            by=by,
            holder=holder,
            reason=reason,
            now=await connect.now(tx),
            staff=staff,
        )


async def decide(
    programme: Programme,
    raised: Objection,
    *,
    upheld: bool,
    by: str = DECIDER,
    holder: str | None = None,
    at: AsyncEngine | None = None,
) -> Record:
    async with (at or programme.database).begin() as tx:
        _, record = await objections.decide(
            *(tx, programme.book.book_id, raised.objection_id),
            by=by,
            holder=holder,
            upheld=upheld,
            reason="已向组织者核实",
            now=await connect.now(tx),
        )
        return record


async def word(doing: Any) -> str:
    """The state of the record that it answers, `raised`, or the refusal's name."""
    try:
        done = await doing
    except Refusal as refusal:
        return type(refusal).__name__
    return done.state if isinstance(done, Record) else "raised"


async def in_notice(programme: Programme) -> Record:
    """Two and a half hours, 25 points, in notice from Tuesday 10 March 2026 to Friday."""
    [taken] = await programme.taken(programme.service(DAY, "09:00", "11:30"))
    await programme.review(taken)
    return await programme.now_is(taken)


NOTHING = {"9110": 0, "9200": 0, "5100": 0, "2110": 0, "2100": 0}


# --- in notice -------------------------------------------------------------------------------------------------------


async def test_what_is_objected_to_is_not_credited_before_somebody_has_decided(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    asked = await in_notice(programme)
    raised = await object_to(programme, asked)
    assert (raised.kind, raised.due_on) == ("objection", date(2026, 3, 24))  # ten working days after 10 March
    objected = await programme.now_is(asked)
    assert (objected.state, objected.due_on) == ("objected", raised.due_on)
    assert await crediting.release(later(programme.database, days=30), book.book_id) == 0


async def test_a_rejected_objection_lets_the_notice_end_when_it_would_have(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    asked = await in_notice(programme)
    raised = await object_to(programme, asked)
    after = await decide(programme, raised, upheld=False)
    assert (after.state, after.notice_until) == ("in_notice", asked.notice_until)
    assert await crediting.release(later(programme.database, days=3), book.book_id) == 0
    assert await crediting.release(later(programme.database, days=4), book.book_id) == 1
    assert await programme.balances("2110", "2100") == {"2110": 0, "2100": 25}


async def test_an_upheld_objection_undoes_hours_and_points(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    raised = await object_to(programme, await in_notice(programme))
    after = await decide(programme, raised, upheld=True)
    assert (after.state, after.reason) == ("corrected", "当天没有看见她")
    assert await programme.balances(*NOTHING) == NOTHING
    async with database.connect() as tx:
        [told] = await objections.of_record(tx, book.book_id, after.record_id)
    assert (told.upheld, told.decided_by, told.decision) == (True, DECIDER, "已向组织者核实")


async def test_a_volunteer_appeals_against_a_minus_item_and_keeps_her_points(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    await programme.credited(programme.act(DAY, "P12"))
    [minus] = await programme.taken(programme.act(DAY, "M01"))
    await programme.review(minus)
    a_week_later = later(programme.database, days=7)
    raised = await object_to(programme, minus, "user:volunteer", programme.holder, at=a_week_later)
    assert await crediting.release(later(programme.database, days=40), book.book_id) == 0
    assert (await decide(programme, raised, upheld=True, at=a_week_later)).state == "corrected"
    assert await programme.balances("2100") == {"2100": 10}


async def test_after_its_last_day_nobody_objects_even_if_nothing_has_been_credited_yet(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    asked = await in_notice(programme)
    with pytest.raises(NoticeOver) as caught:
        await object_to(programme, asked, at=later(programme.database, days=4))
    assert (caught.value.record, caught.value.until) == (asked.record, date(2026, 3, 13))
    assert (await object_to(programme, asked, at=later(programme.database, days=3))).kind == "objection"


async def test_what_is_not_in_notice_nobody_objects_to(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    [waiting] = await programme.taken(programme.service(DAY, "09:00", "10:00"))
    [credited] = await programme.credited(programme.service(DAY, "10:00", "11:00"))
    for asked in (waiting, credited):
        with pytest.raises(NotTheirTurn):
            await object_to(programme, asked)


async def test_one_objection_is_open_at_a_time_and_nobody_raises_a_rejected_one_again(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    asked = await in_notice(programme)
    first = await object_to(programme, asked, "user:1", "0000000000000001")
    with pytest.raises(ObjectionOpen):
        await object_to(programme, asked, "user:2")
    await decide(programme, first, upheld=False)
    for by, holder in (("user:1", None), ("user:3", "0000000000000001")):
        with pytest.raises(AlreadyDecided):
            await object_to(programme, asked, by, holder)
    assert (await object_to(programme, asked, "user:2")).upheld is None


@pytest.mark.parametrize("reason", ["", "不对", "  不 对  ", "a\nbcd", "x" * 201, "\x00abcd", "abc\ud800"])
async def test_an_objection_says_why(database: AsyncEngine, book: Book, reason: str) -> None:
    programme = await opened(database, book)
    asked = await in_notice(programme)
    with pytest.raises(InvalidField) as caught:
        await object_to(programme, asked, reason=reason)
    assert (caught.value.field, caught.value.problem) == ("reason", "not_a_reason")
    assert await programme.now_is(asked) == asked


# --- who decides -----------------------------------------------------------------------------------------------------


async def test_who_had_a_hand_in_it_does_not_decide(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    raised = await object_to(programme, await in_notice(programme), ANYBODY, "0000000000000001")
    for by, holder in (
        (ANYBODY, None),
        ("user:leader", None),
        ("user:reviewer", None),
        (DECIDER, programme.holder),
        (DECIDER, "0000000000000001"),
    ):
        for upheld in (True, False):
            with pytest.raises(SecondPersonNeeded):
                await decide(programme, raised, upheld=upheld, by=by, holder=holder)
    assert (await decide(programme, raised, upheld=False, holder="0000000000000002")).state == "in_notice"


async def test_what_is_decided_is_decided(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    raised = await object_to(programme, await in_notice(programme))
    await decide(programme, raised, upheld=False)
    for upheld in (True, False):
        with pytest.raises(AlreadyDecided):
            await decide(programme, raised, upheld=upheld)
    with pytest.raises(UnknownObjection):
        await decide(programme, replace(raised, objection_id=raised.record_id), upheld=True)


# --- corrections -----------------------------------------------------------------------------------------------------


async def test_what_has_been_credited_is_corrected_by_two_people(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    [done] = await programme.credited(programme.service(DAY, "09:00", "11:30"))
    proposed = await object_to(programme, done, "user:inspector", staff=True)
    assert proposed.kind == "correction"
    assert (await programme.now_is(done)).state == "credited"
    with pytest.raises(SecondPersonNeeded):
        await decide(programme, proposed, upheld=True, by="user:inspector")
    assert (await decide(programme, proposed, upheld=True)).state == "corrected"
    assert await programme.balances(*NOTHING) == NOTHING


async def test_a_correction_that_is_turned_down_changes_nothing_and_may_be_proposed_again(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    [done] = await programme.credited(programme.service(DAY, "09:00", "11:30"))
    proposed = await object_to(programme, done, staff=True)
    assert (await decide(programme, proposed, upheld=False)).state == "credited"
    assert await programme.balances("9200", "2100") == {"9200": 150, "2100": 25}
    assert (await object_to(programme, done, staff=True)).kind == "correction"


async def test_what_waits_for_the_budget_waits_again_after_a_rejected_objection(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book, budget=0)
    asked = await in_notice(programme)
    assert asked.state == "reviewed"
    with pytest.raises(NotTheirTurn):
        await object_to(programme, asked)
    raised = await object_to(programme, asked, staff=True)
    await programme.grant(100)
    assert await crediting.resume(programme.database, book.book_id) == 0
    assert (await decide(programme, raised, upheld=False)).state == "reviewed"
    assert await crediting.resume(programme.database, book.book_id) == 1
    assert await programme.balances("9200", "2110") == {"9200": 150, "2110": 25}


# --- at once ---------------------------------------------------------------------------------------------------------


async def test_however_many_object_at_once_one_objection_is_open(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    asked = await in_notice(programme)
    told = await asyncio.gather(*(word(object_to(programme, asked, f"user:{n}")) for n in range(6)))
    assert sorted(told) == ["ObjectionOpen"] * 5 + ["raised"]


async def test_two_who_decide_at_once_decide_once(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    raised = await object_to(programme, await in_notice(programme))
    told = await asyncio.gather(*(word(decide(programme, raised, upheld=n % 2 == 0, by=f"user:{n}")) for n in range(6)))
    assert sorted(told)[:5] == ["AlreadyDecided"] * 5
    credited = {"corrected": NOTHING, "in_notice": NOTHING | {"9110": 150, "9200": 150, "5100": 25, "2110": 25}}
    assert await programme.balances(*NOTHING) == credited[sorted(told)[5]]


@pytest.mark.parametrize("turn", range(6))
async def test_two_reviewers_an_objection_and_the_end_of_notice_at_once_have_one_outcome_and_one_posting(
    database: AsyncEngine, book: Book, turn: int
) -> None:
    programme = await opened(database, book)
    [taken] = await programme.taken(programme.service(DAY, "09:00", "11:30"))
    over = later(programme.database, days=4)

    async def objects() -> str:
        return await word(object_to(programme, taken))

    async def reviews(by: str) -> str:
        [outcome] = await programme.review(taken, by=by)
        return outcome.state if isinstance(outcome, Record) else type(outcome).__name__

    async def ends() -> str:
        return f"released {await crediting.release(over, book.book_id)}"

    doing = [reviews("user:1"), reviews("user:2"), objects(), ends()]
    first, second, objected, released = [
        found for _, found in sorted(zip(_order(turn), await asyncio.gather(*_turned(doing, turn)), strict=True))
    ]
    assert sorted([first, second]) == ["NotTheirTurn", "in_notice"]
    assert objected in ("raised", "NotTheirTurn")
    # What is left to do is done, and then it is credited once, whoever came first.
    if objected == "raised" and released == "released 0":
        async with database.connect() as tx:
            [raised] = await objections.of_record(tx, book.book_id, taken.record_id)
        assert (await programme.now_is(taken)).state == "objected"
        await decide(programme, raised, upheld=False)
    elif objected == "raised":
        raise AssertionError("objected to, and credited all the same")
    await crediting.release(over, book.book_id)
    assert (await programme.now_is(taken)).state == "credited"
    assert await programme.balances(*NOTHING) == NOTHING | {"9110": 150, "9200": 150, "5100": 25, "2100": 25}


def _order(turn: int) -> list[int]:
    return [(n + turn) % 4 for n in range(4)]


def _turned(doing: list[Any], turn: int) -> list[Any]:
    return [doing[n] for n in _order(turn)]


async def test_an_objection_on_the_last_day_and_the_end_of_notice_at_once_are_one_or_the_other(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book, people=8)
    taken = [
        (await programme.taken(programme.service(DAY, "09:00", "11:30", holder=each.holder)))[0]
        for each in programme.volunteers
    ]
    await programme.review(*taken)
    over = later(programme.database, days=4)
    told = await asyncio.gather(
        *(word(object_to(programme, each)) for each in taken[:4]),
        crediting.release(over, book.book_id),
        *(word(object_to(programme, each)) for each in taken[4:]),
        crediting.release(over, book.book_id),
    )
    released = told.pop(4) + told.pop()
    states = [(await programme.now_is(each)).state for each in taken]
    assert [{"raised": "objected", "NotTheirTurn": "credited"}[each] for each in told] == states
    assert released == states.count("credited")
    wallets = sum([25 for state in states if state == "credited"])
    assert await programme.balances("5100") == {"5100": 200}
    held = {each.holder: state for each, state in zip(taken, states, strict=True)}
    found = await balances_of(database, book, *(f"2100.{holder}" for holder in held))
    assert sum(found.values()) == wallets


async def test_a_correction_and_the_record_s_undoing_by_another_way_close_the_case(
    database: AsyncEngine, book: Book
) -> None:
    programme = await opened(database, book)
    [done] = await programme.credited(programme.service(DAY, "09:00", "11:30"))
    proposed = await object_to(programme, done, staff=True)
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        await corrections.correct(
            tx, book.book_id, done.record_id, by="user:1", approver=None, reason="批量撤回", now=now
        )
    assert (await decide(programme, proposed, upheld=True)).state == "corrected"
    assert await programme.balances(*NOTHING) == NOTHING
