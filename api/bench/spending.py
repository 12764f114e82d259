"""The subjects of spending: a redemption over HTTP, tills in an open loop, and a pay code issued."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Final

import msgspec

from api.bench import earning, over_http
from api.bench.ground import UNIT, Ground, opened, posted, proposal
from api.bench.measure import Measured, Run, new_key, output_of, percentile, surroundings
from api.bench.over_http import Service
from api.bench.wire import Task
from ledger import eighteen
from ledger.access import ciphers, sessions, tokens
from ledger.access.ciphers import Keys
from ledger.books import directory
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.days import day_of
from ledger.earning import organisations, volunteers
from ledger.spending import catalogue, outlets, pay_codes, policies, stock, tills
from ledger.spending.catalogue import Item
from ledger.spending.outlets import Details
from ledger.spending.policy import Policy

BY: Final = "room:bench"
ANOTHER: Final = "room:bench-2"
OUTLETS: Final = 50
"""Each with one till."""
PEOPLE: Final = 4_000
RICH: Final = 1_000_000
CONNECTIONS: Final = 32
RATE: Final = 50
"""Redemptions a second of the open loop, each till one."""
MOST_SPREAD: Final = 5.0
"""What the 99th percentile of the open loop may be, of the median."""
LIMITS: Final = Policy(
    code_seconds=600,
    free_points=1_000,
    free_times=1_000,
    pair_week_times=1_000,
    shop_day_points=10**9,
)
"""Nobody waits for a telephone here, and codes are made before the time begins."""


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Redemptions that came at their time, whether the one before was answered or not: seconds from then."""

    redemptions: int
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Shops:
    """A book with outlets, their tills' tokens, and people who have points enough."""

    book: Book
    tills: list[str]
    people: list[str]


async def shops(ground: Ground) -> Shops:
    """Fifty outlets with soap, and everybody rich."""
    async with ground.database.begin() as tx:
        book = await directory.create_book(tx, f"{ground.book.code}-shops", "shops")
        now, number = datetime.now(UTC), book.book_id
        await organisations.add(tx, number, "D", "district", None, "district")
        version = await policies.draft(tx, number, LIMITS, effective_from=date(2020, 1, 1), by=BY, now=now)
        await policies.approve(tx, number, version.version, by=ANOTHER, now=now)
        await catalogue.add(tx, number, Item("G01", "soap", "goods", 5, date(2020, 1, 1)), by=BY, now=now)
        texts = []
        for outlet in (f"X{place:04d}" for place in range(OUTLETS)):
            await outlets.add(tx, number, outlet, Details(outlet, "virtue_supermarket", "D"))
            token, text = await tokens.make(
                tx, number, outlet, outlet=outlet, by=BY, now=now, lifetime=timedelta(days=1)
            )
            await tills.bound(tx, number, token.token_id, outlet, "till")
            await stock.receive(tx, number, outlet, "G01", 10**6, "donated", call="bench", by=BY, now=now)
            texts.append(text)
    async with ground.database.begin() as tx:
        hers = await volunteers.register_with(tx, number, {f"P{place:05d}": "D" for place in range(PEOPLE)})
    await opened(ground.database, book, [NewAccount("5120.D", "reward", "expense", UNIT)])
    await posted(
        ground.database,
        book,
        [
            proposal(new_key(), now, [("5120.D", "debit", RICH), (f"2100.{holder}", "credit", RICH)])
            for holder in hers.values()
        ],
    )
    return Shops(book, texts, list(hers.values()))


async def redemptions(ground: Ground) -> Run:
    """32 connections, each a till of its own: a code that nobody has used, a piece of soap."""
    service = await ground.stack.enter_async_context(over_http.serving(ground))
    made = await shops(ground)

    async def run(seconds: int) -> Measured:
        requests = await _requests(ground, service, made, PEOPLE)
        return await _wired(Task(service.port, _dealt(requests, CONNECTIONS), seconds, 201))

    return run


async def trivial(ground: Ground) -> Run:
    """The same number of connections, and a handler that does next to nothing."""
    port = await ground.stack.enter_async_context(_trivial_service(ground))
    body = b"POST / HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n"

    async def run(seconds: int) -> Measured:
        return await _wired(Task(port, [[body.decode()]] * CONNECTIONS, seconds, 201, again=True))

    return run


async def open_loop(ground: Ground, seconds: int) -> OpenLoop:
    """Fifty redemptions a second over fifty tills."""
    service = await ground.stack.enter_async_context(over_http.serving(ground))
    made = await shops(ground)
    requests = await _requests(ground, service, made, min(PEOPLE, RATE * seconds))
    measured = await _wired(Task(service.port, _dealt(requests, OUTLETS), seconds, 201, every=OUTLETS / RATE))
    p50, p99 = percentile(measured.latencies, 50), percentile(measured.latencies, 99)
    assert p50 is not None
    assert p99 is not None
    return OpenLoop(len(measured.latencies), p50, p99)


async def codes(ground: Ground) -> Run:
    """One connection, a pay code a request: each volunteer on her own phone."""
    service = await ground.stack.enter_async_context(over_http.serving(ground))
    async with ground.database.begin() as tx:
        book = await directory.create_book(tx, f"{ground.book.code}-codes", "codes")
        await organisations.add(tx, book.book_id, earning.TEAM, "team", None, "team")
    people = [await earning.with_a_phone(ground.database, book, f"S{number}") for number in range(earning.SOME)]

    async def run(seconds: int) -> Measured:
        latencies: list[float] = []
        end = perf_counter() + seconds
        keyed = [sessions.issue(me, service.session_keys, datetime.now(UTC)) for _, me in people]
        asked = [("/api/v1/me/pay-codes", {"Authorization": f"Bearer {token}"}, "") for token in keyed]
        while perf_counter() < end:
            latencies += await asyncio.to_thread(earning.one_by_one, service, asked, 201)
        return Measured(len(latencies) / sum(latencies), latencies)

    return run


async def _requests(ground: Ground, service: Service, made: Shops, count: int) -> list[str]:
    """So many requests to redeem, each with a code of its own."""
    found = []
    async with ground.database.begin() as tx:
        now = datetime.now(UTC)
        policy = await policies.in_force(tx, made.book.book_id, day_of(now))
        for place, holder in enumerate(made.people[:count]):
            digits = eighteen.new_number(eighteen.PAY_CODE)
            await pay_codes.issue(
                tx, made.book.book_id, holder, _digest(service.personal, digits), now=now, policy=policy
            )
            body = json.dumps({"code": digits, "lines": [{"item": "G01", "quantity": 1}]})
            found.append(
                f"POST /api/v1/redemptions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {made.tills[place % OUTLETS]}\r\nIdempotency-Key: {new_key()}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            )
    return found


def _digest(keys: Keys, digits: str) -> bytes:
    return ciphers.digest(keys, "spending", digits)


def _dealt(requests: list[str], hands: int) -> list[list[str]]:
    return [requests[place::hands] for place in range(hands)]


async def _wired(task: Task) -> Measured:
    printed = await output_of(sys.executable, "-m", "api.bench.wire", given=msgspec.json.encode(task))
    figures = json.loads(printed)
    return Measured(len(figures["latencies"]) / figures["seconds"], figures["latencies"])


@asynccontextmanager
async def _trivial_service(ground: Ground) -> AsyncIterator[int]:
    """The service that a redemption is compared with, for the length of the block; its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.bench.trivial"),
        stdout=asyncio.subprocess.PIPE,
        env=surroundings(MEIDE_DATABASE_URL=ground.server.service_url, LC_ALL="C.UTF-8"),
    )
    assert process.stdout is not None, "it was asked for"
    try:
        yield int(await process.stdout.readline())  # it listens before it says so
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
