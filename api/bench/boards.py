"""The subject of boards: the public page of one with fifty people, each of whom agreed to her full name, read over HTTP
and compared with the balance of an account read in the same way."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Final

from api.bench import earning, over_http
from api.bench.ground import Ground
from api.bench.measure import Measured, Run, account_code, two_of
from api.bench.over_http import Service
from ledger.access import consents, persons, tokens
from ledger.access.identities import Identity
from ledger.access.persons import Newcomer
from ledger.books import directory
from ledger.days import day_of
from ledger.earning import volunteers
from ledger.recognition import boards
from ledger.recognition.boards import Candidate, Wanted

BY: Final = "room:bench"
PEOPLE: Final = 50
BORN: Final = date(1960, 1, 1)
AT_ONCE: Final = 50


async def pages(ground: Ground) -> Run:
    """One connection, a page a request; every name is asked for, and its owner's consent, each time."""
    service = await ground.stack.enter_async_context(over_http.serving(ground))
    address = await _published(ground, service)
    connection = [(address, {"Accept": "text/html"}, "")] * AT_ONCE
    if "王秀英49" not in service.ask("GET", address)[1].decode():
        raise RuntimeError("a name that its owner agreed to is not on the board")

    async def run(seconds: int) -> Measured:
        latencies: list[float] = []
        end = perf_counter() + seconds
        while perf_counter() < end:
            latencies += await asyncio.to_thread(earning.one_by_one, service, connection, 200, "GET")
        return Measured(len(latencies) / sum(latencies), latencies)

    return run


async def balances(ground: Ground) -> Run:
    """One connection, the balance of an account a request."""
    service = await ground.stack.enter_async_context(over_http.serving(ground))
    async with ground.database.begin() as tx:
        _, secret = await tokens.make(
            tx,
            ground.book.book_id,
            "bench-reads",
            scopes=["books:read"],
            prefixes=[],
            by=BY,
            now=datetime.now(UTC),
            lifetime=timedelta(days=1),
        )
    headers = {"Authorization": f"Bearer {secret}"}

    def asked() -> tuple[str, dict[str, str], str]:
        code = account_code(two_of(ground.accounts)[0])
        return f"/api/v1/books/{ground.book.code}/accounts/{code}/balance", headers, ""

    async def run(seconds: int) -> Measured:
        latencies: list[float] = []
        end = perf_counter() + seconds
        while perf_counter() < end:
            some = [asked() for _ in range(AT_ONCE)]
            latencies += await asyncio.to_thread(earning.one_by_one, service, some, 200, "GET")
        return Measured(len(latencies) / sum(latencies), latencies)

    return run


async def _published(ground: Ground, service: Service) -> str:
    """The address of a board with fifty people who are known as grown-ups and agreed to their names."""
    async with ground.database.begin() as tx:
        now = datetime.now(UTC)
        book = await directory.create_book(tx, f"{ground.book.code}-boards", "boards")
        numbers = [f"V2026{number:04d}" for number in range(PEOPLE)]
        holders = await volunteers.register_many(tx, book.book_id, numbers)
        newcomers = [
            Newcomer(number, holders[number], Identity(f"王秀英{place}", born=BORN))
            for place, number in enumerate(numbers)
        ]
        await persons.record_many(tx, service.personal, book.book_id, newcomers, BY, now)
        version = consents.OFFERED["public_name"]
        for holder in holders.values():
            await consents.give(tx, book.book_id, holder, "public_name", version, "self", now)
        people = [
            Candidate(holders[number], number, 3 + place % 3, 6_000 - place) for place, number in enumerate(numbers)
        ]
        wanted = Wanted("hours", day_of(now) - timedelta(days=365), day_of(now))
        board, _ = await boards.publish(tx, book.book_id, wanted, people, (), by=BY, now=now)
    return f"/boards/{book.code}/{board.board_id}"
