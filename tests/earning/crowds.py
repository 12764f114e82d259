"""A small time bank with organisations, people and an activity, at a time that the test chooses."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import versions
from ledger.books.directory import Book
from ledger.database import events
from ledger.earning import activities, attendances, organisations, rule_body, rule_sets, volunteers
from ledger.earning.activities import Activity, Plan
from ledger.earning.attendances import Attendance, Closing
from ledger.earning.rules import RuleSet
from ledger.earning.tables import organisations as organisations_table
from ledger.earning.tables import qualifications
from ledger.earning.tables import rule_sets as rule_sets_table
from ledger.errors import Refusal

NINE = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
"""Nine o'clock in the morning, in Beijing."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

LEADER = "user:7"

PLAN = Plan("河边清洁", "环保", "湖滨路 1 号", NINE, NINE + 3 * HOUR)


@dataclass
class Crowd:
    """Verbs of one book, each in a transaction of its own."""

    database: AsyncEngine
    book: Book

    async def people(self, many: int) -> list[str]:
        """New volunteers, by holder."""
        async with self.database.begin() as tx:
            numbers = [f"V{secrets.token_hex(4)}" for _ in range(many)]
            return list((await volunteers.register_many(tx, self.book.book_id, numbers, "lane")).values())

    async def plan(self, plan: Plan = PLAN, organisation: str = "lane", **other: Any) -> Activity:
        """A new activity, a day before it begins."""
        wanted = replace(plan, **other)
        async with self.database.begin() as tx:
            return await activities.add(
                tx, self.book.book_id, organisation, wanted, by=LEADER, now=wanted.starts_at - DAY
            )

    async def change(self, code: str, now: datetime = NINE - HOUR, **other: Any) -> Activity:
        async with self.database.begin() as tx:
            return await activities.change(tx, self.book.book_id, code, replace(PLAN, **other), now=now)

    async def cancel(self, code: str, now: datetime = NINE - HOUR) -> Activity:
        async with self.database.begin() as tx:
            return await activities.cancel(tx, self.book.book_id, code, by=LEADER, now=now)

    async def find(self, code: str) -> Activity:
        async with self.database.connect() as tx:
            return await activities.find(tx, self.book.book_id, code)

    def code(self, activity: Activity, now: datetime) -> str:
        return attendances.code_at(self.book.book_id, activity, now)

    async def sign_in(
        self, activity: Activity, holder: str, now: datetime, code: str = "", age_problem: Refusal | None = None
    ) -> Attendance:
        """With the code on the screen, or another one."""
        async with self.database.begin() as tx:
            read = await activities.find(tx, self.book.book_id, activity.activity)
            return await attendances.sign_in(
                *(tx, self.book.book_id, read, holder),
                code=code or self.code(activity, now),
                by="user:1",
                now=now,
                age_problem=age_problem,
            )

    async def sign_out(self, activity: Activity, holder: str, now: datetime, code: str = "") -> Attendance:
        async with self.database.begin() as tx:
            return await attendances.sign_out(
                *(tx, self.book.book_id, activity, holder),
                code=code or self.code(activity, now),
                by="user:1",
                now=now,
            )

    async def lead_in(self, activity: Activity, holder: str, now: datetime) -> Attendance:
        async with self.database.begin() as tx:
            return await attendances.sign_in_by_leader(tx, self.book.book_id, activity, holder, by=LEADER, now=now)

    async def lead_out(self, activity: Activity, holder: str, now: datetime) -> Attendance:
        async with self.database.begin() as tx:
            return await attendances.sign_out_by_leader(tx, self.book.book_id, activity, holder, by=LEADER, now=now)

    async def strike(self, activity: Activity, holder: str, now: datetime, pair: int = 1) -> Attendance:
        async with self.database.begin() as tx:
            return await attendances.strike(tx, self.book.book_id, activity.activity, holder, pair, by=LEADER, now=now)

    async def close(self, activity: Activity, head_count: int, now: datetime) -> Closing:
        async with self.database.begin() as tx:
            return await attendances.close(tx, self.book.book_id, activity.activity, head_count, by=LEADER, now=now)

    async def there(self, activity: Activity) -> list[Attendance]:
        async with self.database.connect() as tx:
            return await attendances.of_activity(tx, self.book.book_id, activity.activity)

    async def suspend(self, organisation: str) -> None:
        async with self.database.begin() as tx:
            of = (organisations_table.c.book_id == self.book.book_id) & (organisations_table.c.code == organisation)
            await tx.execute(update(organisations_table).where(of).values(status="suspended"))

    async def rules(self, **said: Any) -> None:
        """The programme's first rule set."""
        since, body = NINE.date() - 30 * DAY, rule_body.stored(RuleSet(**said))
        async with self.database.begin() as tx:
            await tx.execute(
                insert(rule_sets_table).values(
                    book_id=self.book.book_id,
                    version=1,
                    effective_from=since,
                    body=body,
                    note="试行",
                    drafted_by="user:1",
                    drafted_at=NINE - 60 * DAY,
                    decided_by="user:2",
                    decided_at=NINE - 60 * DAY,
                    approved=True,
                )
            )
            told = versions.approval(rule_sets.RULES, 1, since, "user:1", body)
            await events.add(tx, self.book.book_id, "version_approved", told, actor="user:2", at=NINE - 60 * DAY)

    async def qualify(self, holder: str, name: str, until: datetime | None = None) -> None:
        async with self.database.begin() as tx:
            await tx.execute(
                insert(qualifications).values(
                    book_id=self.book.book_id,
                    holder=holder,
                    name=name,
                    passed_on=NINE.date() - DAY,
                    valid_until=None if until is None else until.date(),
                    recorded_by=LEADER,
                )
            )


async def a_crowd(database: AsyncEngine, book: Book) -> Crowd:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")
        await organisations.add(tx, book.book_id, "lane", "里弄志愿服务队", "street")
        await organisations.add(tx, book.book_id, "shore", "湖滨志愿服务队", "street")
    return Crowd(database, book)
