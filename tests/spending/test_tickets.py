"""One-time tickets: in sheets, each good once, until its last day or until the sheet ends."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.days import BEIJING
from ledger.earning import volunteers
from ledger.errors import InvalidField, UnknownSheet, UnknownVolunteer, VolunteerLeft
from ledger.spending import agents, tickets
from ledger.spending.policy import Policy
from ledger.spending.tickets import Sheet, Ticket
from tests.conftest import new_book

HER, HIM = "0000000000000001", "0000000000000002"
NOW = datetime(2026, 11, 22, 23, 59, tzinfo=BEIJING)


def digests(count: int) -> list[bytes]:
    return [secrets.token_bytes(32) for _ in range(count)]


async def issue(
    database: AsyncEngine,
    book: Book,
    given: Sequence[bytes],
    *,
    holder: str = HER,
    now: datetime = NOW,
    replaces: UUID | None = None,
) -> Sheet:
    policy = Policy(ticket_points=20, ticket_days=90)
    async with database.begin() as tx:
        return await tickets.issue(
            tx, book.book_id, holder, given, by="user:1", now=now, policy=policy, replaces=replaces
        )


async def end(database: AsyncEngine, book: Book, sheet: UUID, at: datetime = NOW) -> bool:
    async with database.begin() as tx:
        return await tickets.end_sheet(tx, book.book_id, sheet, at)


async def use(database: AsyncEngine, book: Book, digest: bytes, at: datetime = NOW) -> bool:
    """As a till does: locked, then used up."""
    async with database.begin() as tx:
        found = await tickets.by_digest(tx, book.book_id, [digest])
        assert found is not None
        locked = await tickets.lock(tx, book.book_id, found.ticket_id)
        return await tickets.use(tx, book.book_id, locked.ticket_id, at)


async def found(database: AsyncEngine, book: Book, *digests: bytes) -> Ticket | None:
    async with database.connect() as tx:
        return await tickets.by_digest(tx, book.book_id, digests)


async def test_a_sheet_has_numbered_tickets_that_are_good_for_points_and_days_of_the_policy(
    database: AsyncEngine, book: Book
) -> None:
    given = digests(10)
    sheet = await issue(database, book, given)
    assert [each.number for each in sheet.tickets] == list(range(1, 11))
    assert {(each.most, each.expires_on, each.holder) for each in sheet.tickets} == {(20, date(2027, 2, 20), HER)}
    for number, digest in enumerate(given, 1):
        assert await found(database, book, secrets.token_bytes(32), digest) == sheet.tickets[number - 1]
    assert await found(database, await new_book(database), *given[:1]) is None, "another book's"


@pytest.mark.parametrize(("count", "good"), [(0, False), (1, True), (24, True), (25, False)])
async def test_a_sheet_has_one_to_twenty_four_tickets(
    database: AsyncEngine, book: Book, count: int, good: bool
) -> None:
    if good:
        assert len((await issue(database, book, digests(count))).tickets) == count
    else:
        with pytest.raises(InvalidField, match="tickets"):
            await issue(database, book, digests(count))


async def test_a_ticket_is_live_to_the_end_of_its_last_day(database: AsyncEngine, book: Book) -> None:
    [ticket] = (await issue(database, book, digests(1))).tickets
    assert ticket.is_live(ticket.expires_on)
    assert not ticket.is_live(ticket.expires_on + timedelta(days=1))


async def test_a_ticket_is_used_once_however_many_tills_use_it(database: AsyncEngine, book: Book) -> None:
    [digest] = digests(1)
    sheet = await issue(database, book, [digest])
    outcomes = await asyncio.gather(*(use(database, book, digest) for _ in range(8)))
    assert sorted(outcomes) == [False] * 7 + [True]
    async with database.connect() as tx:
        assert (await tickets.find(tx, book.book_id, sheet.sheet_id)).used == 1


async def test_a_sheet_that_was_lost_ends_and_what_was_bought_before_stays(database: AsyncEngine, book: Book) -> None:
    given = digests(3)
    sheet = await issue(database, book, given)
    assert await use(database, book, given[0])
    later = NOW + timedelta(hours=1)
    assert await end(database, book, sheet.sheet_id, later)
    assert not await end(database, book, sheet.sheet_id, later + timedelta(hours=1)), "again"
    ended = await found(database, book, given[1])
    assert ended is not None
    assert not ended.is_live(ended.issued_at.date())
    assert not await use(database, book, given[2])
    async with database.connect() as tx:
        [listed] = await tickets.of_volunteer(tx, book.book_id, HER)
    assert (listed.used, listed.ended_at) == (1, later)
    assert listed.tickets[0].used_at == NOW
    with pytest.raises(UnknownSheet):
        await end(database, book, uuid4())


async def test_a_new_sheet_may_replace_one_of_hers_and_nobody_elses(database: AsyncEngine, book: Book) -> None:
    old, his = await issue(database, book, digests(2)), await issue(database, book, digests(2), holder=HIM)
    new = await issue(database, book, digests(2), now=NOW + timedelta(days=1), replaces=old.sheet_id)
    with pytest.raises(UnknownSheet):
        await issue(database, book, digests(2), replaces=his.sheet_id)
    async with database.connect() as tx:
        listed = await tickets.of_volunteer(tx, book.book_id, HER)
        [of_him] = await tickets.of_volunteer(tx, book.book_id, HIM)
    assert [each.sheet_id for each in listed] == [new.sheet_id, old.sheet_id]
    assert [each.ended_at for each in listed] == [None, NOW + timedelta(days=1)]
    assert of_him.ended_at is None


async def test_whoever_ends_a_sheet_and_whoever_uses_a_ticket_come_one_after_the_other(
    database: AsyncEngine, book: Book
) -> None:
    given = digests(4)
    sheet = await issue(database, book, given)
    *used, ended = await asyncio.gather(
        *(use(database, book, digest) for digest in given), end(database, book, sheet.sheet_id)
    )
    async with database.connect() as tx:
        now_is = await tickets.find(tx, book.book_id, sheet.sheet_id)
    assert now_is.used == sum(used)
    assert all((each.used_at is None) != (each.ended_at is None) for each in now_is.tickets)
    assert ended == (now_is.used < 4)


async def test_tickets_of_somebody_who_is_erased_are_removed(database: AsyncEngine, book: Book) -> None:
    [hers], [his] = digests(1), digests(1)
    await issue(database, book, [hers])
    await issue(database, book, [his], holder=HIM)
    async with database.begin() as tx:
        await tickets.forget(tx, book.book_id, HER)
    assert await found(database, book, hers) is None
    assert await found(database, book, his) is not None


# --- who acts for whom ------------------------------------------------------------------------------------------------


async def test_an_agent_is_another_volunteer_of_the_book_who_has_not_left(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        her, him, gone = [await volunteers.register(tx, book.book_id, f"V-{each}") for each in range(3)]
        await volunteers.leave(tx, book.book_id, gone.volunteer_no, date(2026, 1, 1))
        assert await agents.acting(tx, book.book_id, him.volunteer_no, her.holder) == him.holder
        for number, refusal in (
            (her.volunteer_no, InvalidField),
            (gone.volunteer_no, VolunteerLeft),
            ("V-9", UnknownVolunteer),
            ("", UnknownVolunteer),
        ):
            with pytest.raises(refusal):
                await agents.acting(tx, book.book_id, number, her.holder)


def test_so_many_percent_are_drawn_and_the_same_ones_again() -> None:
    ids = [uuid4() for _ in range(4000)]
    drawn = [each for each in ids if agents.drawn(each, 5)]
    assert 120 <= len(drawn) <= 290, "5 percent of 4,000 are 200; less than one in 10^8 runs is outside"
    assert [each for each in ids if agents.drawn(each, 5)] == drawn
    assert all(agents.drawn(each, 100) and not agents.drawn(each, 0) for each in ids)
    assert set(drawn) <= {each for each in ids if agents.drawn(each, 6)}
