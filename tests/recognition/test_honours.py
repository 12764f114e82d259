"""Honours of a year: proposed by one, given by another, for what still stands."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import corrections
from ledger.earning.tables import records
from ledger.errors import (
    AlreadyDecided,
    HonourExists,
    InvalidField,
    UnknownHonour,
    UnknownOrganisation,
    UnknownVolunteer,
)
from ledger.recognition import honours, targets
from ledger.recognition.honours import Honour
from ledger.recognition.targets import Wanted
from tests.earning.programmes import Programme, opened
from tests.recognition.test_targets import HOURS, far, made, of, served

BEST = "年度优秀志愿者"
TEN: Wanted = replace(HOURS, amount=600)


@pytest.fixture
async def programme(database: AsyncEngine, book: Book) -> Programme:
    """Two of three volunteers have served ten hours."""
    programme = await opened(database, book, people=3)
    await made(programme, TEN)
    await served(
        programme,
        *(of(programme, number, "2026-03-02", "08:00", "18:00") for number in (0, 1)),
        of(programme, 2, "2026-03-02", "08:00", "17:59"),
    )
    return programme


async def proposed(programme: Programme, wanted: Wanted = TEN, year: int = 2026, name: str = BEST) -> int:
    async with programme.database.begin() as tx:
        book = programme.book.book_id
        target = await targets.find(tx, book, wanted.target)
        return await honours.propose_reached(tx, book, target, year, name=name, by="user:1", now=await connect.now(tx))


async def named(programme: Programme, number: int, name: str = BEST, by: str = "user:1") -> Honour:
    async with programme.database.begin() as tx:
        return await honours.propose(
            *(tx, programme.book.book_id, 2026, name),
            holder=programme.volunteers[number].holder,
            by=by,
            now=await connect.now(tx),
        )


async def decided(
    programme: Programme, *asked: UUID, give: bool = True, by: str = "user:2", holder: str | None = None
) -> list[str]:
    """What became of each: its state, or the refusal's name."""
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        found = await honours.decide(tx, programme.book.book_id, asked, give, by=by, holder=holder, now=now)
    return [each.state if isinstance(each, Honour) else type(each).__name__ for each in found]


async def listed(programme: Programme, **more: object) -> dict[str, str]:
    async with programme.database.connect() as tx:
        found = await honours.of_year(tx, programme.book.book_id, 2026, **more)  # type: ignore[arg-type]
    return {each.volunteer_no or each.organisation or "": each.state for each in found}


async def ids(programme: Programme) -> list[UUID]:
    async with programme.database.connect() as tx:
        return [each.honour_id for each in await honours.of_year(tx, programme.book.book_id, 2026)]


async def test_everybody_who_reached_it_is_proposed_once(programme: Programme) -> None:
    assert await proposed(programme) == 2
    assert await proposed(programme) == 0
    assert await listed(programme) == {"V-0000": "proposed", "V-0001": "proposed"}
    [first, second] = await ids(programme)
    assert await decided(programme, first, give=False) == ["declined"]
    assert await decided(programme, second) == ["given"]
    assert await proposed(programme) == 0  # what was declined stays declined
    assert await listed(programme) == {"V-0000": "declined", "V-0001": "given"}
    assert (await named(programme, 0)).state == "proposed"  # unless somebody proposes her by name
    with pytest.raises(HonourExists):
        await named(programme, 0)


async def test_two_who_propose_at_once_propose_each_once(programme: Programme) -> None:
    done = await asyncio.gather(*(proposed(programme) for _ in range(3)))
    assert sum(done) == 2
    assert len(await ids(programme)) == 2


async def test_a_group_is_honoured_for_what_its_people_did(programme: Programme) -> None:
    groups = replace(TEN, target="G", whom="group", organisation="D1", amount=1799)
    await made(programme, groups)
    assert await proposed(programme, groups, name="优秀团队") == 2
    assert await listed(programme) == {"D1": "proposed", "D1T": "proposed"}
    async with programme.database.connect() as tx:
        found = await honours.of_year(tx, programme.book.book_id, 2026)
    assert [(each.group, each.amount, each.line) for each in found] == [
        ("一社区", 1799, ("D1", "D")),
        ("护河队", 1799, ("D1T", "D1", "D")),
    ]
    assert await decided(programme, *await ids(programme)) == ["given", "given"]
    assert await listed(programme, within=["D1T"]) == {"D1T": "given"}
    assert await listed(programme, within=["D"]) == {"D1": "given", "D1T": "given"}


async def test_who_proposed_it_or_whose_it_is_does_not_give_it(programme: Programme) -> None:
    honour = (await named(programme, 0)).honour_id
    assert await decided(programme, honour, by="user:1") == ["SecondPersonNeeded"]
    assert await decided(programme, honour, holder=programme.holder) == ["SecondPersonNeeded"]
    assert await decided(programme, honour, by="user:1", give=False) == ["declined"]  # that is withdrawn
    assert await decided(programme, honour, uuid4()) == ["AlreadyDecided", "UnknownHonour"]


async def test_of_two_givers_at_once_one_gives_it(programme: Programme) -> None:
    honour = (await named(programme, 0)).honour_id
    done = await asyncio.gather(*(decided(programme, honour, by=f"user:{number}") for number in (2, 3, 4)))
    assert sorted(outcome for [outcome] in done) == ["AlreadyDecided", "AlreadyDecided", "given"]


async def test_what_was_corrected_since_is_not_honoured(programme: Programme) -> None:
    await proposed(programme)
    await served(programme, of(programme, 0, "2026-03-03", "08:00", "09:00"))
    first, second = await ids(programme)
    await _corrected(programme, 1)
    assert await decided(programme, first, second) == ["given", "TargetMissed"]
    async with programme.database.connect() as tx:
        book = programme.book.book_id
        assert (await honours.find(tx, book, first)).amount == 660  # as it stood when it was given
        assert (await honours.find(tx, book, second)).amount == 600
        target = await targets.find(tx, book, "H20")
    assert await far(programme, target) == {"V-0000": 660, "V-0002": 599}


async def _corrected(programme: Programme, number: int) -> None:
    """What that volunteer has served proves false."""
    book = programme.book.book_id
    async with programme.database.begin() as tx:
        rows = await tx.execute(
            select(records.c.record_id).where(
                records.c.book_id == book, records.c.holder == programme.volunteers[number].holder
            )
        )
        for record_id in rows.scalars().all():
            now = await connect.now(tx)
            await corrections.correct(tx, book, record_id, by="user:r", approver="user:q", reason="不属实", now=now)


async def test_an_honour_that_is_ended_is_on_no_list_of_hers(programme: Programme) -> None:
    honour = (await named(programme, 0)).honour_id
    book = programme.book.book_id

    async def hers() -> list[str]:
        async with programme.database.connect() as tx:
            return [each.name for each in await honours.of_holder(tx, book, programme.holder)]

    assert await hers() == []
    async with programme.database.begin() as tx:
        with pytest.raises(AlreadyDecided):  # it has not been given
            await honours.end(tx, book, honour, by="user:2", now=await connect.now(tx))
    await decided(programme, honour)
    assert await hers() == [BEST]
    assert await listed(programme, state="given") == {"V-0000": "given"}
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        assert (await honours.end(tx, book, honour, by="user:2", now=now)).state == "ended"
        with pytest.raises(AlreadyDecided):
            await honours.end(tx, book, honour, by="user:2", now=now)
        with pytest.raises(UnknownHonour):
            await honours.end(tx, book, uuid4(), by="user:2", now=now)
    assert await hers() == []
    assert await listed(programme, state="given") == {}
    assert await listed(programme, state="ended") == {"V-0000": "ended"}
    assert (await named(programme, 0)).state == "proposed"


async def test_the_list_of_a_year_goes_on_after_any_of_it(programme: Programme) -> None:
    await proposed(programme)
    await named(programme, 2, name="A")
    async with programme.database.begin() as tx:
        book = programme.book.book_id
        now = await connect.now(tx)
        await honours.propose(tx, book, 2025, BEST, organisation="D1T", by="user:1", now=now)
        await honours.propose(tx, book, 2026, BEST, organisation="D1T", by="user:1", now=now)
        whole = await honours.of_year(tx, book, 2026)
        one_by_one = [whole[0]]
        while page := await honours.of_year(tx, book, 2026, after=one_by_one[-1].honour_id, limit=1):
            one_by_one += page
        assert one_by_one == whole
        assert [each.volunteer_no or each.organisation for each in whole] == ["V-0002", "V-0000", "V-0001", "D1T"]
        assert await honours.years_of(tx, book) == [2026, 2025]


async def test_what_cannot_be_an_honour_is_named(programme: Programme) -> None:
    async with programme.database.begin() as tx:
        book, now = programme.book.book_id, await connect.now(tx)
        target = await targets.find(tx, book, "H20")
        for year, name, field in ((2027, BEST, "year"), (1, BEST, "year"), (2026, "", "name"), (2025, BEST, "year")):
            with pytest.raises(InvalidField) as refused:
                await honours.propose_reached(tx, book, target, year, name=name, by="user:1", now=now)
            assert refused.value.field == field
        with pytest.raises(InvalidField):
            await honours.propose(tx, book, 2026, BEST, by="user:1", now=now)
        with pytest.raises(UnknownVolunteer):
            await honours.propose(tx, book, 2026, BEST, holder="nobody", by="user:1", now=now)
        with pytest.raises(UnknownOrganisation):
            await honours.propose(tx, book, 2026, BEST, organisation="X", by="user:1", now=now)
