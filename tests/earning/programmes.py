"""Small programmes for tests: organisations, volunteers, rules, a budget, and records in a line.

::

    programme = await opened(database, book, rules=RuleSet(items=(PER_HOUR,), default_item="P01"))
    [taken] = await programme.submit(programme.service("2026-03-05 09:00", "11:30"))
    await programme.review(taken)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import versions
from ledger.books.directory import Book
from ledger.database import connect, events
from ledger.database.connect import Clock
from ledger.days import BEIJING, day_of
from ledger.earning import budgets, crediting, organisations, records, rule_body, rule_sets, volunteers
from ledger.earning.record import Record
from ledger.earning.records import NewRecord, Outcome, Taken
from ledger.earning.rules import Cap, Item, RuleSet
from ledger.earning.tables import rule_sets as rule_sets_table
from ledger.earning.volunteers import Volunteer
from ledger.errors import Refusal
from tests.books.ledgers import balances_of

PER_HOUR = Item("P01", "社区服务", "service", "per_hour", 10)
ACT = Item("P12", "调解邻里纠纷", "act", "fixed", 10, (Cap(40, "month"),))
TRAINING = Item("P16", "培训合格", "training", "fixed", 5)
MINUS = Item("M01", "无故缺席", "deduction", "fixed", -5)

TEN_AN_HOUR = RuleSet(items=(PER_HOUR, ACT, TRAINING, MINUS), default_item="P01")

_numbers = itertools.count(1)


def at(day: str, clock: str) -> datetime:
    """A time in Beijing."""
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=BEIJING).astimezone(UTC)


TUESDAY: Final = at("2026-03-10", "10:00")
"""When programmes of tests are opened. Weeks can pass after it, and nothing is recorded in the future."""


def since_tuesday(database: AsyncEngine) -> AsyncEngine:
    """The same database on that Tuesday, where time goes on from now."""
    shift = TUESDAY - datetime.now(UTC)
    return database.execution_options(clock=lambda time: time + shift)


def later(database: AsyncEngine, **by: float) -> AsyncEngine:
    """The same database some time later: `later(programme.database, days=3)`."""
    shift = timedelta(**by)
    clock: Clock = database.sync_engine.get_execution_options()["clock"]
    return database.execution_options(clock=lambda time: clock(time) + shift)


@dataclass(eq=False)
class Programme:
    """A district with a team below it, and volunteers of the team. `database`: as on that Tuesday."""

    database: AsyncEngine
    book: Book
    volunteers: list[Volunteer] = field(default_factory=list)

    DISTRICT = "D"
    COMMUNITY = "D1"
    TEAM = "D1T"

    @property
    def holder(self) -> str:
        """Of the first volunteer."""
        return self.volunteers[0].holder

    def service(self, day: str, since: str, until: str, **other: Any) -> NewRecord:
        """A service of the first volunteer for the team."""
        values: dict[str, Any] = {
            "record": f"R{next(_numbers):06d}",
            "holder": self.holder,
            "organisation": self.TEAM,
            "record_class": "credit",
            "recorder": "user:leader",
            "category": "生态环保",
            "activity": "A1",
            "activity_name": "护河",
            "check_in": at(day, since),
            "check_out": at(day, until),
        }
        return NewRecord(**(values | other))

    def act(self, day: str, item: str, **other: Any) -> NewRecord:
        """An act of the first volunteer, by an item of the rules."""
        values: dict[str, Any] = {
            "record": f"R{next(_numbers):06d}",
            "holder": self.holder,
            "organisation": self.TEAM,
            "record_class": "act",
            "recorder": "user:leader",
            "item": item,
            "served_on": date.fromisoformat(day),
        }
        return NewRecord(**(values | other))

    async def submit(self, *wanted: NewRecord, database: AsyncEngine | None = None, **other: Any) -> list[Outcome]:
        async with (database or self.database).begin() as tx:
            now = await connect.now(tx)
            return await records.submit(tx, self.book.book_id, wanted, by="user:leader", now=now, **other)

    async def taken(self, *wanted: NewRecord, **other: Any) -> list[Record]:
        """Hands in records that must be taken."""
        outcomes = await self.submit(*wanted, **other)
        assert all(isinstance(each, Taken) for each in outcomes), outcomes
        return [each.record for each in outcomes if isinstance(each, Taken)]

    async def review(
        self, *asked: Record, accept: bool = True, by: str = "user:reviewer", database: AsyncEngine | None = None
    ) -> list[Record | Refusal]:
        async with (database or self.database).begin() as tx:
            now = await connect.now(tx)
            ids = [each.record_id for each in asked]
            reason = "" if accept else "不属实"
            return await records.review(
                tx, self.book.book_id, ids, by=by, holder=None, accept=accept, reason=reason, now=now
            )

    async def credited(self, *wanted: NewRecord) -> list[Record]:
        """Hands in records, reviews them and waits until notice is over."""
        taken = await self.taken(*wanted)
        await self.review(*taken)
        await crediting.release(later(self.database, days=30), self.book.book_id)
        return [await self.now_is(each) for each in taken]

    async def now_is(self, asked: Record) -> Record:
        async with self.database.connect() as tx:
            return await records.get(tx, self.book.book_id, asked.record_id)

    async def grant(self, points: int, fen: int = 0, year: int | None = None) -> None:
        """Adds to this year's budget."""
        async with self.database.begin() as tx:
            this_year = day_of(await connect.now(tx)).year
            await budgets.grant(
                tx,
                self.book.book_id,
                year or this_year,
                points,
                fen,
                by="user:owner",
                client="user:owner",
                key=f"grant-{next(_numbers)}",
                call="grant",
            )

    async def balances(self, *codes: str) -> dict[str, int]:
        """Balances by the chart's code, of the first volunteer or of the team."""
        named = {code: f"{code}.{self.holder if code[:1] in '29' and code != '9110' else self.TEAM}" for code in codes}
        found = await balances_of(self.database, self.book, *named.values())
        return {code: found[named[code]] for code in codes}


async def opened(
    database: AsyncEngine, book: Book, *, rules: RuleSet | None = TEN_AN_HOUR, budget: int = 100_000, people: int = 1
) -> Programme:
    """A district D, a community D1 and a team D1T with volunteers; rules in force for ever; a budget for this year.

    It is Tuesday there: `programme.database`.
    """
    database = since_tuesday(database)
    programme = Programme(database, book)
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "D", "示例区", None, "district")
        await organisations.add(tx, book.book_id, "D1", "一社区", "D", "community")
        await organisations.add(tx, book.book_id, "D1T", "护河队", "D1")
        for number in range(people):
            programme.volunteers.append(await volunteers.register(tx, book.book_id, f"V-{number:04d}", "D1T"))
    if rules is not None:
        await in_force(database, book, rules, date(1990, 1, 1))
    if budget:
        await programme.grant(budget)
    return programme


async def in_force(database: AsyncEngine, book: Book, wanted: RuleSet, since: date) -> None:
    """An approved rule set, also one whose first day is long past: what only a first one may be."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        version = next(_numbers)
        await tx.execute(
            insert(rule_sets_table).values(
                book_id=book.book_id,
                version=version,
                effective_from=since,
                body=rule_body.stored(wanted),
                note="",
                drafted_by="user:operator",
                drafted_at=now,
                decided_by="user:owner",
                decided_at=now,
                approved=True,
            )
        )
        body = rule_body.stored(wanted)
        told = versions.approval(rule_sets.RULES, version, since, "user:operator", body)
        await events.add(tx, book.book_id, "version_approved", told, actor="user:owner", at=now)


def outcomes_of(outcomes: Sequence[object]) -> list[str]:
    """Outcomes as words: `taken`, `already`, or the refusal's name."""
    return [
        ("taken" if each.new else "already") if isinstance(each, Taken) else type(each).__name__ for each in outcomes
    ]
