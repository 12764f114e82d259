"""Programmes for tests of recognition: volunteers of a team with hours, assessed and awarded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import hours
from ledger.recognition import assessments, awards, ladders
from ledger.recognition.assessments import Assessment
from ledger.recognition.awards import Award
from ledger.recognition.ladder import Ladder
from tests.earning.programmes import Programme, later, opened

DAY: Final = date(2026, 3, 10)
"""The Tuesday on which programmes of tests are opened."""
OPENED: Final = date(2026, 1, 1)


@dataclass
class Career:
    """A programme with volunteers V-0000, V-0001 … of the team D1T, who have so many hours since the first of January.

    `database`: a minute after they were recorded, so that they are settled.
    """

    programme: Programme
    database: AsyncEngine

    @property
    def book(self) -> int:
        return self.programme.book.book_id

    def later(self, **by: float) -> Career:
        """The same some time later."""
        return Career(self.programme, later(self.database, **by))

    def holder(self, number: int) -> str:
        return self.programme.volunteers[number].holder

    async def assessed(self, as_of: date = DAY, **other: Any) -> Assessment:
        return await assessments.assess(self.database, self.book, as_of, by="user:operator", **other)

    async def ladder(self, ladder: Ladder, since: date) -> int:
        """Brings a ladder into force from that day on; its version."""
        async with self.database.begin() as tx:
            now = await connect.now(tx)
            draft = await ladders.draft(tx, self.book, ladder, effective_from=since, by="user:operator", now=now)
            await ladders.approve(tx, self.book, draft.version, by="user:owner", now=now)
        return draft.version

    async def stars(self, of: Assessment) -> dict[str, int]:
        """Stars by volunteer number."""
        async with self.database.connect() as tx:
            found = await assessments.rows(tx, self.book, of)
        return {each.volunteer_no or "": each.star for each in found}

    async def proposed(self, of: Assessment, by: str = "user:operator") -> int:
        async with self.database.begin() as tx:
            found = await awards.propose(tx, self.book, of.assessment_id, by=by, now=await connect.now(tx))
        return found.candidates

    async def awards_of(self, number: int = 0) -> list[Award]:
        async with self.database.connect() as tx:
            return await awards.of_holder(tx, self.book, self.holder(number))

    async def find(self, award: Award | UUID) -> Award:
        async with self.database.connect() as tx:
            return await awards.find(tx, self.book, award if isinstance(award, UUID) else award.award_id)

    async def award(self, award: Award, by: str = "user:certifier", **other: Any) -> Award:
        async with self.database.begin() as tx:
            return await awards.award(tx, self.book, award.award_id, by=by, now=await connect.now(tx), **other)

    async def refuse(self, award: Award, by: str = "user:certifier", reason: str = "材料不齐", **other: Any) -> Award:
        async with self.database.begin() as tx:
            return await awards.refuse(tx, self.book, award.award_id, reason, by=by, now=await connect.now(tx), **other)

    async def end(self, award: Award, by: str = "user:certifier", **other: Any) -> Award:
        async with self.database.begin() as tx:
            return await awards.end(
                tx, self.book, award.award_id, "时长不实", by=by, now=await connect.now(tx), **other
            )

    async def award_all(self, by: str = "user:certifier", **other: Any) -> awards.Awarded:
        async with self.database.begin() as tx:
            return await awards.award_all(tx, self.book, by=by, now=await connect.now(tx), **other)

    async def objected(self, award: Award, by: str = "user:neighbour") -> awards.Objection:
        async with self.database.begin() as tx:
            return await awards.object_to(
                tx, self.book, award.award_id, "那天她不在场", by=by, now=await connect.now(tx)
            )

    async def decided(
        self, objection: awards.Objection, upheld: bool, by: str = "user:certifier", **other: Any
    ) -> Award:
        async with self.database.begin() as tx:
            _, award = await awards.decide_objection(
                *(tx, self.book, objection.objection_id),
                upheld=upheld,
                decision="查过签到表",
                by=by,
                now=await connect.now(tx),
                **other,
            )
        return award


async def career(database: AsyncEngine, book: Book, *hours_of_each: int) -> Career:
    """Volunteers with so many whole hours each, by opening balances of the first of January."""
    programme = await opened(database, book, people=len(hours_of_each))
    rows = [
        (her.volunteer_no, 60 * many) for her, many in zip(programme.volunteers, hours_of_each, strict=True) if many
    ]
    async with programme.database.begin() as tx:
        await hours.carry_over(tx, book.book_id, programme.TEAM, OPENED, rows, by="user:owner")
    return Career(programme, later(programme.database, minutes=1))


async def awarded(made: Career, number: int = 0) -> Award:
    """Her first star in a week and a half, by all the steps; `made.later(days=10)` is then."""
    await made.proposed(await made.assessed())
    [candidate] = await made.awards_of(number)
    return await made.later(days=10).award(candidate)
