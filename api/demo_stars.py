"""The stars of the sample district, awarded weeks ago and in notice today; a board, a target, a proof asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import boards as shown
from api.demo_hours import Clock
from ledger.access.ciphers import Keys
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning.volunteers import Volunteer
from ledger.recognition import assessments, awards, boards, ladders, proofs, targets

FIRST: Final = timedelta(days=45)
"""So long ago the first stars were assessed …"""
AWARDED: Final = timedelta(days=20)
"""… and so long ago awarded: their notice was over, whatever holidays lay in it."""
BY: Final = "room:demo"
SECOND: Final = "room:demo-2"


async def recognise(
    database: AsyncEngine, keys: Keys, book: Book, calendar: Clock, asks: Volunteer, organisation: str
) -> None:
    """Adds them unless something has been assessed already; the clock stands where it stood. `asks`: for the proof."""
    async with database.connect() as tx:
        if await assessments.of_book(tx, book.book_id, limit=1):
            return
    now = calendar.time
    calendar.time = now - FIRST
    await _bring_into_notice(database, book.book_id)
    calendar.time = now - AWARDED
    async with database.begin() as tx:
        await awards.award_all(tx, book.book_id, by=SECOND, now=await connect.now(tx))
    calendar.time = now
    await _bring_into_notice(database, book.book_id)
    async with database.begin() as tx:
        await _today(tx, keys, book.book_id, asks, organisation)


async def _bring_into_notice(database: AsyncEngine, book: int) -> None:
    async with database.connect() as tx:
        yesterday = day_of(await connect.now(tx)) - timedelta(days=1)
    made = await assessments.assess(database, book, yesterday, by=BY)
    async with database.begin() as tx:
        await awards.propose(tx, book, made.assessment_id, by=BY, now=await connect.now(tx))


async def _today(tx: AsyncConnection, keys: Keys, book: int, asks: Volunteer, organisation: str) -> None:
    now = await connect.now(tx)
    today = day_of(now)
    wanted = boards.Wanted("hours", today - timedelta(days=90), today, least_star=1)
    await boards.publish(tx, book, wanted, await shown.grown(tx, keys, book, wanted, now), (), by=BY, now=now)
    target = targets.Wanted("T20", "每年服务 20 小时", "year_hours", "person", 20 * 60, today.year)
    await targets.set_(tx, book, target, by=BY, now=now)
    ladder = await ladders.in_force(tx, book, today)
    await proofs.request(tx, book, asks.holder, organisation, from_day=None, to_day=None, ladder=ladder, by=BY, now=now)
