"""Service hours out of sheets: organisations, records, hours carried over; a line's fault costs that line only."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Final, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import problems, sheets
from api.workbooks import Limits
from ledger import identifiers
from ledger.access.rights import Reach
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import hours, organisations
from ledger.earning import sheets as taking
from ledger.earning.organisations import NewOrganisation, Organisation
from ledger.earning.records import NewRecord, Taken
from ledger.earning.sheets import CHUNK, Import, Undone
from ledger.errors import (
    BadTime,
    DuplicateRecord,
    InvalidField,
    NotAllowed,
    Refusal,
    TooManyLines,
    UnknownOrganisation,
)

T = TypeVar("T")

AT_ONCE: Final = 2
"""Batches that are taken at a time."""
TRIES: Final = 3
_NOBODYS_FAULT: Final = ("57014", "55P03", "40P01", "MD001")
"""The time was over (of the statement, of a lock, of the transaction), or a deadlock was broken: once more."""
_LONGEST_SHOWN: Final = 64

REFUSED: Final = ("line", "record", "reason", "message")
"""The columns of a list of refused lines."""


class Refused(NamedTuple):
    """A line that was not taken: its number, its record (or code, or volunteer) and why."""

    line: int
    record: str
    refusal: Refusal

    def row(self) -> tuple[int, str, str, str]:
        """As `--refused` lists it, with a message in both languages."""
        messages = [problems.sentence(self.refusal, language) for language in ("zh", "en")]
        return self.line, self.record, problems.code(self.refusal), " / ".join(messages)


@dataclass(slots=True)
class Report:
    """How many lines of a sheet were accepted, were there already, and were refused."""

    import_id: UUID | None = None
    """None: nothing was new, so there is nothing to undo."""
    accepted: int = 0
    there: int = 0
    refused: int = 0


Told = Callable[[Refused], None]
"""Hears of each refused line, in the order of the file."""


def _nobody(_: object) -> None:
    """Nobody listens."""


class _Line(NamedTuple):
    line: int
    record: str
    new: NewRecord | Refusal


async def import_sheet(
    database: AsyncEngine,
    book: int,
    file: BinaryIO,
    name: str,
    *,
    by: str,
    as_of: date | None = None,
    reviewed: bool = False,
    reach: Reach | None = None,
    most: int | None = None,
    limits: Limits | None = None,
    told: Told = _nobody,
    progress: Callable[[int], None] = _nobody,
) -> Report:
    """Takes the records of a sheet called `name`, in the order of its lines; a second time it changes nothing.

    `as_of`: the day of which it is, today if not said. `reviewed`: its lines count as reviewed. `reach`: for which
    organisations the caller records; None: all. `most`: how many lines are taken at most. Raises UnreadableSheet,
    TooManyLines and InvalidField.
    """
    async with database.connect() as tx:
        now = await connect.now(tx)
    if as_of is not None and as_of > day_of(now):
        raise InvalidField("as_of", "in_the_future")
    of = Import(next(identifiers.rising(now)), name, as_of or day_of(now), reviewed, by, now)
    if most is None:
        lines = _records(sheets.lines(file, name, sheets.HOURS, limits=limits))
    else:
        lines = iter(await asyncio.to_thread(_whole, file, name, most, limits))
    report = Report()
    refused: list[Refused] = []
    async with aclosing(_Desk(database, book, of, reach).all_of(lines)) as steps:
        async for line, outcomes in steps:
            for each, outcome in outcomes:
                if isinstance(outcome, Taken):
                    report.accepted += outcome.new
                    report.there += not outcome.new
                else:
                    report.refused += 1
                    heapq.heappush(refused, Refused(each.line, each.record, outcome))
            while refused and refused[0].line < line:
                told(heapq.heappop(refused))
            progress(line)
    while refused:
        told(heapq.heappop(refused))
    if report.accepted:
        report.import_id = of.import_id
    return report


def _whole(file: BinaryIO, name: str, most: int, limits: Limits | None) -> list[_Line]:
    """All lines of a small sheet, read in a thread, so that a service has time for others meanwhile."""
    read = list(itertools.islice(_records(sheets.lines(file, name, sheets.HOURS, limits=limits)), most + 1))
    if len(read) > most:
        raise TooManyLines(len(read), most)
    return read


class _Batch(NamedTuple):
    """Lines that are being taken, and whose they are."""

    lines: list[_Line]
    people: set[str]
    taking: asyncio.Task[list[tuple[_Line, Taken | Refusal]]]


_Outcomes = list[tuple["_Line", Taken | Refusal]]


class _Desk:
    """Takes the lines of a sheet, two batches at a time; the second has nobody who is in the first.

    So each person's records are taken in the order of the file, and the database need not wait for us.
    """

    def __init__(self, database: AsyncEngine, book: int, of: Import, reach: Reach | None) -> None:
        self._database = database
        self._book = book
        self._of = of
        self._reach = reach
        self._holders: dict[str, str] = {}
        self._known: dict[str, Organisation] = {}

    async def all_of(self, lines: Iterator[_Line]) -> AsyncGenerator[tuple[int, _Outcomes], None]:
        """The outcomes as they come, each time with the number of the line before which all are known."""
        put_off: deque[_Line] = deque()
        under_way: list[_Batch] = []
        last = 0
        try:
            while True:
                busy = {person for batch in under_way for person in batch.people}
                batch, people = _next_batch(put_off, lines, busy)
                if batch:
                    last = max(last, batch[-1].line)
                    under_way.append(_Batch(batch, people, asyncio.create_task(self._outcomes(batch))))
                elif not under_way:
                    return
                if len(under_way) == AT_ONCE or not batch:
                    outcomes = await under_way.pop(0).taking
                    waiting = [each.lines[0].line for each in under_way] + [each.line for each in put_off]
                    yield min(waiting, default=last + 1), outcomes
        finally:
            for each in under_way:
                each.taking.cancel()
            await asyncio.gather(*(each.taking for each in under_way), return_exceptions=True)

    async def _outcomes(self, batch: list[_Line]) -> _Outcomes:
        await _know(
            *(self._database, self._book),
            [each.new for each in batch if isinstance(each.new, NewRecord)],
            self._known,
        )
        lines = [_placed(each, self._known, self._reach) for each in batch]
        good = [each.new for each in lines if isinstance(each.new, NewRecord)]
        taken = iter(await _taken(self._database, self._book, self._of, good, self._holders))
        return [(each, each.new if isinstance(each.new, Refusal) else next(taken)) for each in lines]


def _next_batch(put_off: deque[_Line], lines: Iterator[_Line], busy: set[str]) -> tuple[list[_Line], set[str]]:
    """The next lines of people who are not busy, nor those of a line put off before them; and who these are."""
    batch: list[_Line] = []
    passed: list[_Line] = []
    people: set[str] = set()
    while len(batch) < CHUNK and len(passed) < CHUNK:
        line = put_off.popleft() if put_off else next(lines, None)
        if line is None:
            break
        person = line.new.holder if isinstance(line.new, NewRecord) else None
        if person is None or person not in busy:
            batch.append(line)
            people |= {person} if person is not None else set()
        else:
            passed.append(line)
    put_off.extendleft(reversed(passed))
    return batch, people


async def _know(database: AsyncEngine, book: int, wanted: Iterable[NewRecord], known: dict[str, Organisation]) -> None:
    """Looks up the organisations that were not met before."""
    new = {each.organisation for each in wanted} - known.keys()
    if new:
        async with database.connect() as tx:
            known |= await organisations.find_many(tx, book, new)


def _placed(line: _Line, known: dict[str, Organisation], reach: Reach | None) -> _Line:
    """The line, if its organisation is there and the caller records for it."""
    if isinstance(line.new, Refusal):
        return line
    of = known.get(line.new.organisation)
    if of is None:
        return line._replace(new=UnknownOrganisation(line.new.organisation))
    if reach is not None and not reach.includes(of.line):
        return line._replace(new=NotAllowed())
    return line


async def _taken(
    database: AsyncEngine, book: int, of: Import, wanted: list[NewRecord], holders: dict[str, str]
) -> list[Taken | Refusal]:
    """Registers who is unknown and takes the records, each step in a transaction of its own."""
    if new := [(each.holder, each.organisation) for each in wanted if each.holder not in holders]:
        holders |= await _tried(database, lambda tx: taking.register(tx, book, new))

    async def take(tx: AsyncConnection) -> list[Taken | Refusal]:
        return await taking.take(tx, book, of, wanted, holders, await connect.now(tx))

    return await _tried(database, take) if wanted else []


async def push(database: AsyncEngine, book: int, wanted: Sequence[NewRecord], *, by: str) -> list[Taken | Refusal]:
    """Takes the records of another platform, whose holders are volunteer numbers; an outcome for each, in order.

    In steps, each of which is safe when it is done: after a failure the same again finds them there.
    """
    outcomes: list[Taken | Refusal] = []
    for chunk in _chunks(wanted):

        async def take(tx: AsyncConnection, some: Sequence[NewRecord] = chunk) -> list[Taken | Refusal]:
            return await taking.push(tx, book, some, by=by, now=await connect.now(tx))

        outcomes += await _tried(database, take)
    return outcomes


async def _tried(database: AsyncEngine, do: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Does something in a transaction, and again where it was nobody's fault that it failed."""
    for left in reversed(range(TRIES)):
        try:
            async with database.begin() as tx:
                return await do(tx)
        except Exception as error:
            if not left or connect.violation(error)[0] not in _NOBODYS_FAULT:
                raise
    raise AssertionError("the last try answers or raises")


def _records(lines: Iterator[sheets.Line]) -> Iterator[_Line]:
    """What the lines of a sheet say, each looked at by itself."""
    seen: set[str] = set()
    for number, fields, first in lines:
        yield _Line(number, first[:_LONGEST_SHOWN], _record(fields, seen) if isinstance(fields, tuple) else fields)


def _record(fields: sheets.Fields, seen: set[str]) -> NewRecord | Refusal:
    record, volunteer, organisation, activity, name, category, check_in, check_out, how, recorder, reviewer = fields
    since, until = sheets.time_of(check_in), sheets.time_of(check_out)
    again = record in seen
    seen.add(record)
    if since is None:
        return BadTime("check_in", check_in[:_LONGEST_SHOWN])
    if until is None:
        return BadTime("check_out", check_out[:_LONGEST_SHOWN])
    if again:
        return DuplicateRecord(record)
    record_class = sheets.CLASSES.get(how)
    if record_class is None:
        return InvalidField("class", "missing" if not how else "not_a_class_of_hours")
    return NewRecord(
        record=record,
        holder=volunteer,
        organisation=organisation,
        record_class=record_class,
        recorder=recorder,
        category=category,
        activity=activity or None,
        activity_name=name,
        check_in=since,
        check_out=until,
        second_person=reviewer or None,
    )


def _chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(itertools.islice(rest, size)):
        yield chunk


# --- organisations, and hours carried over ----------------------------------------------------------------------------


async def import_organisations(
    database: AsyncEngine, book: int, file: BinaryIO, name: str, *, told: Told = _nobody
) -> Report:
    """Adds the organisations of a sheet, parents before or after those below them. UnreadableSheet."""
    report = Report()
    rows: list[tuple[int, str, NewOrganisation | Refusal]] = []
    for number, fields, first in sheets.lines(file, name, sheets.ORGANISATIONS):
        new: NewOrganisation | Refusal = (
            NewOrganisation(fields[0], fields[1], fields[2], fields[3] or None) if isinstance(fields, tuple) else fields
        )
        rows.append((number, first[:_LONGEST_SHOWN], new))
    async with database.begin() as tx:
        outcomes = iter(
            await organisations.add_many(tx, book, [new for _, _, new in rows if isinstance(new, NewOrganisation)])
        )
    for number, code, new in rows:
        outcome = new if isinstance(new, Refusal) else next(outcomes)
        if isinstance(outcome, Refusal):
            report.refused += 1
            told(Refused(number, code, outcome))
        else:
            report.accepted += outcome[1]
            report.there += not outcome[1]
    return report


async def import_opening(
    database: AsyncEngine,
    book: int,
    file: BinaryIO,
    name: str,
    *,
    organisation: str,
    day: date,
    by: str,
    told: Told = _nobody,
    progress: Callable[[int], None] = _nobody,
) -> Report:
    """Carries the hours of a sheet over, once for each volunteer; a second time it changes nothing.

    Zero hours only register her. Raises UnreadableSheet, UnknownOrganisation, OrganisationInactive.
    """
    report = Report()
    for chunk in _chunks(sheets.lines(file, name, sheets.OPENING)):
        rows: list[tuple[str, int] | Refusal] = [
            _opening(fields) if isinstance(fields, tuple) else fields for _, fields, _ in chunk
        ]
        good = [row for row in rows if isinstance(row, tuple)]
        outcomes = iter(
            await _tried(
                database,
                lambda tx: hours.carry_over(tx, book, organisation, day, good, by=by),  # noqa: B023 # called at once
            )
        )
        for (number, _, first), row in zip(chunk, rows, strict=True):
            outcome = row if isinstance(row, Refusal) else next(outcomes)
            if isinstance(outcome, Refusal):
                report.refused += 1
                told(Refused(number, first[:_LONGEST_SHOWN], outcome))
            else:
                report.accepted += outcome
                report.there += not outcome
        progress(chunk[-1][0])
    return report


def _opening(fields: sheets.Fields) -> tuple[str, int] | Refusal:
    volunteer, minutes = fields
    if not (minutes.isascii() and minutes.isdigit() and len(minutes) <= 15):
        return InvalidField("credit_minutes", "not_a_whole_number")
    return volunteer, int(minutes)


# --- undoing ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Undoing:
    """How many records of an import were undone, and which could not be and why."""

    undone: int
    left: list[tuple[str, Refusal]]


async def undo_import(
    database: AsyncEngine, book: int, import_id: UUID, *, by: str, progress: Callable[[int], None] = _nobody
) -> Undoing:
    """Undoes an import in steps; stopped in the middle, it is simply made again. UnknownImport."""
    async with database.connect() as tx:
        await taking.find(tx, book, import_id)
    done = Undoing(0, [])
    after: UUID | None = None
    while True:

        async def step(tx: AsyncConnection, since: UUID | None = after) -> Undone:
            now = await connect.now(tx)
            undone = await taking.undo(tx, book, import_id, since, by=by, now=now)
            if undone.after is None and not done.left:
                await taking.undone(tx, book, import_id, by=by, now=now)
            return undone

        some = await _tried(database, step)
        done.undone += some.records
        done.left += some.left
        progress(done.undone)
        if some.after is None:
            return done
        after = some.after
