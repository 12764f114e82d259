"""The subjects of earning: a sheet of hours, the end of notice, expiry, and signing in to an activity over HTTP."""

from __future__ import annotations

import asyncio
import csv
import http.client
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from api import hours_files, sheets
from api import memory as process_memory
from api.bench import ground as grounds
from api.bench import over_http
from api.bench.ground import UNIT, Ground, Leg
from api.bench.measure import Measured, Run, account_code, new_key, two_of
from api.bench.over_http import Service
from ledger.access import sessions, users
from ledger.access.rights import Grant, Principal
from ledger.books import directory
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.books.proposals import MOST_LINES
from ledger.days import day_of
from ledger.earning import activities, attendances, budgets, crediting, expiry, organisations, rule_sets, volunteers
from ledger.earning.activities import Activity, Plan
from ledger.earning.rules import Cap, Expiry, Item, RuleSet
from ledger.earning.volunteers import Volunteer

TEAM: Final = "team"
BY: Final = "room:bench"
ANOTHER: Final = "room:bench-2"
RULES: Final = RuleSet(
    items=(Item("P01", "service", "service", "per_hour", 10, (Cap(10**6, "month"),)),),
    default_item="P01",
    expiry=Expiry("days", 365),
)
PUT_IN_NOTICE: Final = timedelta(days=30)
"""So long ago, so that notice is over."""
LINES_EACH: Final = 20
"""Of a sheet of 100,000 lines, so many are of one volunteer."""
VOLUNTEERS: Final = 5_000
SLOTS: Final = (time(8), time(10), time(13), time(15))
LASTS: Final = timedelta(minutes=90)
SOME: Final = 100
"""Volunteers who sign in one after another, each by her own phone."""


# --- a sheet of hours, and the end of its notice ---------------------------------------------------------------------


@dataclass
class _Programme:
    """A book with a team, rules and a budget, and how many lines of sheets it has been given.

    `last_day`: of the services, of which each line has another one.
    """

    ground: Ground
    book: Book
    volunteers: int
    last_day: date
    lines: int = 0

    async def take(self, database: AsyncEngine, lines: int) -> None:
        """Takes a sheet of so many new lines, reviewed."""
        file = self.ground.folder / f"{self.book.code}.csv"
        _write(file, self._lines(lines))
        with file.open("rb") as raw:
            report = await hours_files.import_sheet(database, self.book.book_id, raw, file.name, by=BY, reviewed=True)
        if report.accepted != lines:
            raise RuntimeError(f"{report.accepted} of {lines} lines were taken")

    def _lines(self, count: int) -> Iterator[Sequence[str]]:
        for number in range(self.lines, self.lines + count):
            slot, person = divmod(number, self.volunteers)
            days, place = divmod(slot, len(SLOTS))
            since = datetime.combine(self.last_day - timedelta(days=days), SLOTS[place])
            yield (
                *(f"R{number}", f"V{person}", TEAM, "", "", "社区"),
                *(f"{since:%Y-%m-%d %H:%M}", f"{since + LASTS:%Y-%m-%d %H:%M}"),
                *("check_in_out", "bench", ""),
            )
        self.lines += count


async def sheet(ground: Ground) -> Run:
    """Imports a sheet of reviewed service hours: of each line its hours and its points are posted."""
    programme = await _programme(ground, "sheet")

    async def run(lines: int) -> float:
        begun = perf_counter()
        await programme.take(ground.database, lines)
        return (perf_counter() - begun) / 2  # two transactions of each line

    return _adapting(run)


async def releases(ground: Ground) -> Run:
    """Credits records whose notice has ended: of each, its points are moved into the wallet."""
    programme = await _programme(ground, "notice")
    past = _ago(ground.database, PUT_IN_NOTICE)

    async def run(records: int) -> float:
        await programme.take(past, records)
        begun = perf_counter()
        released = await crediting.release(ground.database, programme.book.book_id)
        if released != records:
            raise RuntimeError(f"{released} of {records} records were credited")
        return perf_counter() - begun

    return _adapting(run)


async def _programme(ground: Ground, name: str) -> _Programme:
    long_ago = _ago(ground.database, PUT_IN_NOTICE + timedelta(days=1))
    now = datetime.now(UTC)
    async with long_ago.begin() as tx:
        book = await directory.create_book(tx, f"{ground.book.code}-{name}", name)
        await organisations.add(tx, book.book_id, TEAM, TEAM)
        drafted = await rule_sets.draft(tx, book.book_id, RULES, effective_from=date(2020, 1, 1), by=BY, now=now)
        await rule_sets.approve(tx, book.book_id, drafted.version, by=ANOTHER, now=now)
        for year in sorted({day_of(now).year, day_of(now - PUT_IN_NOTICE).year}):
            key = f"budget of {year}"
            await budgets.grant(tx, book.book_id, year, 10**12, 0, by=BY, client=BY, key=key, call=key)
    count = max(2, min(VOLUNTEERS, ground.accounts // LINES_EACH))
    programme = _Programme(ground, book, count, day_of(now - PUT_IN_NOTICE) - timedelta(days=2))
    # As with the accounts of a journal, that everybody is registered is not what is measured.
    await programme.take(long_ago, count)
    await crediting.release(ground.database, book.book_id)
    return programme


def _adapting(work: Callable[[int], Awaitable[float]]) -> Run:
    """Runs `work` on so many that it takes about as long as the baseline; it answers how long it took."""
    rate = 1000.0

    async def run(seconds: int) -> Measured:
        nonlocal rate
        count = max(10, int(rate * seconds))
        process_memory.settle()  # as the command does
        rate = count / await work(count)
        return Measured(rate)

    return run


def _ago(database: AsyncEngine, how_long: timedelta) -> AsyncEngine:
    """The same database, its clock so far behind."""
    return database.execution_options(clock=lambda time: time - how_long)


def _write(file: Path, rows: Iterator[Sequence[str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.name for column in sheets.HOURS])
        writer.writerows(rows)


# --- expiry ----------------------------------------------------------------------------------------------------------


async def expiries(ground: Ground) -> Run:
    """Expires lots, each of a wallet of its own that has another one."""
    source, codes = "5100.x", list[str]()
    await grounds.opened(ground.database, ground.book, [NewAccount(source, "reward", "expense", UNIT)])
    today = day_of(datetime.now(UTC))

    async def credit(wallets: Sequence[str], lapses_on: date | None) -> None:
        """In few transactions: the fewer of them, the sooner it can be measured."""
        now, each = datetime.now(UTC), MOST_LINES - 1
        proposals = []
        for start in range(0, len(wallets), each):
            some = wallets[start : start + each]
            legs: list[Leg] = [(source, "debit", len(some)), *((code, "credit", 1) for code in some)]
            proposals.append(grounds.proposal(new_key(), now, legs, lapses_on=lapses_on))
        await grounds.posted(ground.database, ground.book, proposals)

    async def run(lots: int) -> float:
        new = [f"2100.x{number:07d}" for number in range(len(codes), lots)]
        await grounds.opened(
            ground.database, ground.book, [NewAccount(code, "wallet", "liability", UNIT) for code in new]
        )
        await credit(new, None)
        codes.extend(new)
        await credit(codes[:lots], today)
        begun = perf_counter()
        expired = await expiry.expire(ground.database, ground.book.book_id)
        if expired != lots:
            raise RuntimeError(f"{expired} of {lots} points expired")
        return perf_counter() - begun

    return _adapting(run)


# --- signing in ------------------------------------------------------------------------------------------------------


async def sign_ins(ground: Ground) -> Run:
    """One connection, a sign-in a request: each volunteer by her own phone, to one activity after another."""
    service = await ground.stack.enter_async_context(over_http.serving(ground))
    programme = await _programme(ground, "activity")
    people = [await with_a_phone(ground.database, programme.book, f"S{number}") for number in range(SOME)]

    async def run(seconds: int) -> Measured:
        latencies: list[float] = []
        tokens = [sessions.issue(me, service.session_keys, datetime.now(UTC)) for _, me in people]
        end = perf_counter() + seconds
        while perf_counter() < end:
            activity = await _activity(ground.database, programme.book)
            code = attendances.code_at(programme.book.book_id, activity, datetime.now(UTC))
            body = json.dumps({"activity": activity.activity, "code": code})
            asked = [("/api/v1/me/attendances", {"Authorization": f"Bearer {token}"}, body) for token in tokens]
            latencies += await asyncio.to_thread(one_by_one, service, asked, 200)
            async with ground.database.begin() as tx:
                for her, _ in people:
                    await attendances.sign_out(
                        tx, programme.book.book_id, activity, her.holder, code=None, by=BY, now=datetime.now(UTC)
                    )
        return Measured(len(latencies) / sum(latencies), latencies)

    return run


async def single_postings(ground: Ground) -> Run:
    """One connection, a transaction a request: what a sign-in is compared with, asked in the same way."""
    service = await ground.stack.enter_async_context(over_http.serving(ground))

    def asked() -> tuple[str, dict[str, str], str]:
        one, other = (account_code(number) for number in two_of(ground.accounts))
        lines = [
            {"account": one, "side": "debit", "amount": 7},
            {"account": other, "side": "credit", "amount": 7},
        ]
        body = {"kind": "bench", "effective_at": datetime.now(UTC).isoformat(timespec="seconds"), "lines": lines}
        headers = {"Authorization": f"Bearer {service.token}", "Idempotency-Key": new_key()}
        return f"/api/v1/books/{ground.book.code}/transactions", headers, json.dumps(body)

    async def run(seconds: int) -> Measured:
        latencies: list[float] = []
        end = perf_counter() + seconds
        while perf_counter() < end:
            latencies += await asyncio.to_thread(one_by_one, service, [asked() for _ in range(SOME)], 201)
        return Measured(len(latencies) / sum(latencies), latencies)

    return run


def one_by_one(
    service: Service, asked: Sequence[tuple[str, dict[str, str], str]], expected: int, method: str = "POST"
) -> list[float]:
    """Asks one thing after another on one connection; answers how long each took."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    latencies = []
    try:
        connection.connect()
        for path, headers, body in asked:
            begun = perf_counter()
            about = {"Content-Type": "application/json", **headers} if method == "POST" else headers
            connection.request(method, path, body.encode() or None, about)
            answer = connection.getresponse()
            said = answer.read()
            latencies.append(perf_counter() - begun)
            if answer.status != expected:
                raise RuntimeError(said.decode(errors="replace")[:1000])
    finally:
        connection.close()
    return latencies


async def with_a_phone(database: AsyncEngine, book: Book, number: str) -> tuple[Volunteer, Principal]:
    """A volunteer who is signed in to the service."""
    async with database.begin() as tx:
        her = await volunteers.register(tx, book.book_id, number, TEAM)
        made = await users.create(tx, None)
        grant = Grant("volunteer", volunteer_no=number)
        await users.give(tx, made.user_id, book.book_id, grant, BY)
        me = sessions.principal(made, {book.book_id: (grant,)}, book.book_id, book.code)
        signed_in, _ = await sessions.begin(tx, me, "bench", datetime.now(UTC), browser=False)
    return her, signed_in


async def _activity(database: AsyncEngine, book: Book) -> Activity:
    """An activity that has just begun."""
    now = datetime.now(UTC)
    plan = Plan("bench", "社区", "here", now + timedelta(minutes=1), now + timedelta(hours=2))
    async with database.begin() as tx:
        return await activities.add(tx, book.book_id, TEAM, plan, by=BY, now=now)
