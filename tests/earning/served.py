"""A programme in use, through its own verbs: rules, a budget, services handed in and reviewed."""

from __future__ import annotations

import datetime
import secrets
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import BEIJING, day_of
from ledger.earning import budgets, record, records, rule_sets
from ledger.earning.record import Record
from ledger.earning.records import NewRecord, Taken
from tests.earning import rulebook

REVIEWER = "user:900"


async def rules(database: AsyncEngine, book: Book, **changed: Any) -> int:
    """A rule set in force since long ago: the 36 items with the categories of the sheet; its version."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        drafted = await rule_sets.draft(
            *(tx, book.book_id, rulebook.rule_set(**changed)),
            effective_from=datetime.date(2020, 1, 1),
            by="user:1",
            now=now,
        )
        return (await rule_sets.approve(tx, book.book_id, drafted.version, by="user:2", now=now)).version


async def budget(database: AsyncEngine, book: Book, points: int, fen: int = 0) -> None:
    async with database.begin() as tx:
        year = day_of(await connect.now(tx)).year
        key = secrets.token_hex(8)
        await budgets.grant(tx, book.book_id, year, points, fen, by="user:1", client="user:1", key=key, call=key)


async def hands_in(
    database: AsyncEngine, book: Book, holder: str, organisation: str, minutes: int = 150, **more: Any
) -> Record:
    """A service that ended two days ago at noon."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        day = more.pop("day", day_of(now) - datetime.timedelta(days=2))
        ends = datetime.datetime.combine(day, datetime.time(12), BEIJING)
        times = {"check_in": ends - datetime.timedelta(minutes=minutes), "check_out": ends}
        if more.get("record_class") == "act":
            times = {"served_on": day}  # type: ignore[dict-item] # an act has a day
        given: dict[str, Any] = {
            "record": f"R-{secrets.token_hex(6)}",
            "record_class": "credit",
            "recorder": "Team leader",
            "category": "社区",
            "activity_name": "lunch for elders",
            **times,
        }
        wanted = NewRecord(holder=holder, organisation=organisation, **(given | more))
        [taken] = await records.submit(tx, book.book_id, [wanted], by="user:10", now=now)
    assert isinstance(taken, Taken), taken
    return taken.record


async def reviewed(database: AsyncEngine, book: Book, of: Record, *, accept: bool = True, reason: str = "") -> Record:
    async with database.begin() as tx:
        now = await connect.now(tx)
        [outcome] = await records.review(
            tx, book.book_id, [of.record_id], by=REVIEWER, holder=None, accept=accept, reason=reason, now=now
        )
    assert isinstance(outcome, Record), outcome
    return outcome


async def serves(
    database: AsyncEngine, book: Book, holder: str, organisation: str, minutes: int = 150, **more: Any
) -> Record:
    """Handed in and reviewed: in notice, or waiting for the budget."""
    return await reviewed(database, book, await hands_in(database, book, holder, organisation, minutes, **more))


async def now_is(database: AsyncEngine, book: Book, of: Record) -> Record:
    async with database.connect() as tx:
        return await record.get(tx, book.book_id, of.record_id)
