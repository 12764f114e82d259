"""A year of service hours in and out: what is refused and why, totals, again, at once, interrupted, undone."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api import hours_files, problems
from api.hours_files import Refused, Report
from api.sheets import HOURS
from ledger.access.rights import Reach
from ledger.books import chart
from ledger.books.directory import Book
from ledger.earning import budgets, crediting, hours, organisations, sheets, volunteers
from ledger.errors import InvalidField, TooManyLines, UnknownImport, UnknownOrganisation
from tests.books.ledgers import balances_of
from tests.earning.programmes import in_force, later
from tests.earning.rulebook import rule_set

DATA = Path(__file__).parent.parent / "data" / "hours"
YEAR = (DATA / "service-hours-2026.csv").read_bytes()
FIRST = b"".join(YEAR.splitlines(keepends=True)[:1001])
"""Of the year the first 1,000 lines, three of them bad."""
AS_OF = date(2026, 11, 21)
EVENING = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def database(database: AsyncEngine) -> AsyncEngine:
    """The database on the evening of the day of which the sheet is; time goes on from there."""
    shift = EVENING - datetime.now(UTC)
    return database.execution_options(clock=lambda time: time + shift)


@pytest.fixture
async def district(database: AsyncEngine, book: Book) -> Book:
    """A book with the organisations of the sheet."""
    report = await hours_files.import_organisations(
        database, book.book_id, io.BytesIO((DATA / "organisations.csv").read_bytes()), "organisations.csv"
    )
    assert (report.accepted, report.there, report.refused) == (85, 0, 0)
    return book


async def imported(
    database: AsyncEngine, book: Book, content: bytes, *, reviewed: bool = True, **other: Any
) -> tuple[Report, list[Refused]]:
    told: list[Refused] = []
    report = await hours_files.import_sheet(
        *(database, book.book_id, io.BytesIO(content), "sheet.csv"),
        **({"by": "room:cli", "as_of": AS_OF, "reviewed": reviewed, "told": told.append} | other),
    )
    assert report.refused == len(told)
    return report, told


def reasons(told: list[Refused]) -> list[tuple[str, str, str]]:
    return [(str(line), record, problems.code(refusal)) for line, record, refusal in told]


def expected(name: str) -> list[tuple[str, ...]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


async def totals(database: AsyncEngine, book: Book) -> list[tuple[str, ...]]:
    async with database.connect() as tx:
        return [
            (each.volunteer_no, str(each.credit_minutes), str(each.honour_minutes))
            for each in await hours.totals(tx, book.book_id)
        ]


async def everything(database: AsyncEngine, book: Book) -> dict[str, str]:
    """A digest of each table that an import may write to."""
    tables = ("volunteers", "organisations", "imports", "records", "budgets", "accounts", "transactions", "entries",
              "lots", "keys")  # fmt: skip
    found = {}
    async with database.connect() as tx:
        for table in tables:
            rows = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t WHERE book_id = :book"
            found[table] = (await tx.execute(text(rows), {"book": book.book_id})).scalar_one()
    return found


def as_workbook(content: bytes) -> bytes:
    """As somebody's spreadsheet program saves it: numbers and times as such."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    sheet.append(header)
    for row in rows:
        cells: list[Any] = list(row)
        cells[1] = float(row[1])
        for place in (6, 7):
            try:
                cells[place] = datetime.fromisoformat(row[place])
            except ValueError:
                cells[place] = row[place] or None
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sheet(*lines: str) -> bytes:
    """A sheet with these lines: record, volunteer, sign-in, sign-out of one day, and what else differs."""
    header = [column.name for column in HOURS]
    out = io.StringIO()
    writer = csv.DictWriter(out, header)
    writer.writeheader()
    for line in lines:
        record, volunteer, since, until, *other = line.split()
        row = {"record": record, "volunteer": volunteer, "organisation": "370101T1", "category": "医疗卫生",
               "check_in": f"2026-05-04 {since}", "check_out": f"2026-05-04 {until}", "class": "check_in_out",
               "recorder": "队长"}  # fmt: skip
        writer.writerow(row | dict(each.split("=") for each in other))
    return out.getvalue().encode()


# --- the year --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def programme(database: AsyncEngine, district: Book) -> Book:
    """The district with its rules in force, and a budget that lasts."""
    await in_force(database, district, rule_set(), date(2020, 1, 1))
    async with database.begin() as tx:
        await budgets.grant(
            *(tx, district.book_id, 2026, 10_000_000, 0), by="user:1", client="user:1", key="grant", call="grant"
        )
    return district


async def test_a_year_of_hours_comes_in_with_exactly_its_bad_lines_refused_and_goes_out_by_reversals(
    database: AsyncEngine, programme: Book
) -> None:
    before = await balances_of(database, programme)
    report, told = await imported(database, programme, YEAR)
    assert report.import_id is not None
    assert reasons(told) == expected("expected-refused.csv")
    assert (report.accepted, report.there, report.refused) == (4927, 0, 54)
    assert await totals(database, programme) == expected("expected-minutes.csv")

    # Again, whatever became of the file meanwhile: the same lines are there, the same are refused, nothing changes.
    stored = await everything(database, programme)
    for content in (YEAR, YEAR.decode("utf-8-sig").encode("gb18030"), as_workbook(YEAR)):
        again, told = await imported(database, programme, content)
        assert (again.accepted, again.there, again.import_id) == (0, 4927, None)
        assert reasons(told) == expected("expected-refused.csv")
        assert await everything(database, programme) == stored

    done = await hours_files.undo_import(database, programme.book_id, report.import_id, by="room:cli")
    assert (done.undone, done.left) == (4927, [])
    after = await balances_of(database, programme)
    assert {code: balance for code, balance in after.items() if balance} == before
    assert {row[1:] for row in await totals(database, programme)} == {("0", "0")}
    async with database.connect() as tx:
        [listed] = await sheets.imports_of(tx, programme.book_id)
        issued = [each.issued for each in await budgets.budgets_of(tx, programme.book_id, 2026)]
        kinds = await tx.execute(
            text("SELECT DISTINCT correction FROM transactions WHERE book_id = :book"), {"book": programme.book_id}
        )
        assert set(kinds.scalars()) == {None, "reversal"}
    assert (listed.import_id, listed.records, listed.standing) == (report.import_id, 4927, 0)
    assert (listed.undone_by, issued) == ("room:cli", [0])

    corrected, _ = await imported(database, programme, sheet("R000001 370000000061 09:00 10:00", "N V-1 09:00 10:00"))
    assert corrected.accepted == 2, "what was undone may come again, with other data"


async def test_points_already_spendable_are_taken_back_and_what_cannot_be_is_named(
    database: AsyncEngine, programme: Book
) -> None:
    spring = later(database, days=-190)
    lines = sheet("A V-1 09:00 12:00", "B V-2 09:00 12:00", "C V-3 09:00 10:00")
    report, _ = await imported(spring, programme, lines, as_of=None)
    assert report.import_id is not None
    then = later(spring, days=60)
    assert await crediting.release(then, programme.book_id) == 3
    async with database.connect() as tx:
        frozen = (await volunteers.find(tx, programme.book_id, "V-2")).account("2100")
    await set_status(database, programme, frozen, "frozen")
    done = await hours_files.undo_import(then, programme.book_id, report.import_id, by="room:cli")
    assert (done.undone, [(record, problems.code(why)) for record, why in done.left]) == (2, [("B", "account_frozen")])
    await set_status(database, programme, frozen, "open")
    done = await hours_files.undo_import(then, programme.book_id, report.import_id, by="room:cli")
    assert (done.undone, done.left) == (1, [])
    assert set(await totals(database, programme)) == {(f"V-{n}", "0", "0") for n in (1, 2, 3)}


async def set_status(database: AsyncEngine, book: Book, code: str, status: Any) -> None:
    async with database.begin() as tx:
        await chart.set_status(tx, book.book_id, code, status)


async def test_two_imports_of_a_sheet_at_once_double_nothing(database: AsyncEngine, programme: Book) -> None:
    both = await asyncio.gather(*(imported(database, programme, FIRST) for _ in range(2)))
    [one, two] = [report for report, _ in both]
    assert one.accepted + two.accepted == one.there + two.there == 997
    assert [reasons(told) for _, told in both] == [expected("expected-refused.csv")[:3]] * 2


async def test_an_import_that_was_interrupted_is_simply_made_again(database: AsyncEngine, programme: Book) -> None:
    class KilledError(Exception):
        pass

    def kill(line: int) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        await imported(database, programme, FIRST, progress=kill)
    async with database.connect() as tx:
        [first] = await sheets.imports_of(tx, programme.book_id)
    assert 0 < first.standing < 990
    report, told = await imported(database, programme, FIRST)
    assert (report.accepted, report.there) == (997 - first.records, first.records)
    assert reasons(told) == expected("expected-refused.csv")[:3]


# --- lines -----------------------------------------------------------------------------------------------------------


async def test_the_first_reason_of_a_line_with_several_is_told(database: AsyncEngine, district: Book) -> None:
    bad = "class=backfill organisation=nowhere"
    report, told = await imported(
        database,
        district,
        sheet(
            f"R1 V-1 soon 09:00 {bad}",
            f"R1 V-1 10:00 09:00 {bad}",
            f"R2 V-1 10:00 09:00 {bad}",
            "R3 V-1 10:00 09:00 class=backfill",
            "R4 V-1 09:00 10:00 class=backfill check_out=2027-01-01/10:00",
            "R5 V-1 09:00 10:00 class=backfill",
            "R6 V-1 09:00 10:00 class=backfill reviewer=队长",
            "R7 V.1 09:00 10:00 class=backfill",
            "R8 V.1 09:00 10:00",
            "R*9 V-1 09:00 10:00",
            "R10 V-1 09:00 10:00 class=guessed",
            "R11 V-1 09:00 10:00 class=",
            "R12 V-1 09:00 10:00 recorder=",
            "R13 V-1 09:00 10:00",
        ),
    )
    assert [(record, code) for _, record, code in reasons(told)] == [
        ("R1", "bad_time"),
        ("R1", "duplicate_record"),
        ("R2", "unknown_organisation"),
        ("R3", "end_not_after_start"),
        ("R4", "bad_time"),
        ("R5", "needs_second_person"),
        ("R6", "needs_second_person"),
        ("R7", "needs_second_person"),
        ("R8", "invalid_request"),
        ("R*9", "invalid_request"),
        ("R10", "invalid_request"),
        ("R11", "invalid_request"),
        ("R12", "invalid_request"),
    ]
    assert report.accepted == 1
    for each in told:
        line, record, reason, message = each.row()
        chinese, english = message.split(" / ", 1)
        assert (line, record, reason) == (each.line, each.record, problems.code(each.refusal))
        assert any(ord(letter) > 0x4E00 for letter in chinese), message
        assert english.isascii() or "“" in english, message


async def test_a_changed_line_is_told_apart_from_one_that_is_there(database: AsyncEngine, district: Book) -> None:
    await imported(database, district, sheet("R1 V-1 09:00 10:00", "R2 V-1 10:00 11:00"))
    report, told = await imported(
        database,
        district,
        sheet("R1 V-1 09:00 10:00", "R2 V-1 10:00 11:30", "R3 V-1 09:30 09:40", "R4 V-2 09:00 10:00"),
    )
    assert (report.accepted, report.there) == (1, 1)
    assert [code for *_, code in reasons(told)] == ["record_differs", "overlaps_another_record"]


async def test_lines_that_wait_for_a_review_are_undone_too(database: AsyncEngine, district: Book) -> None:
    report, _ = await imported(database, district, sheet("R1 V-1 09:00 10:00"), reviewed=False)
    assert report.import_id is not None
    assert await totals(database, district) == [("V-1", "0", "0")]
    done = await hours_files.undo_import(database, district.book_id, report.import_id, by="room:cli")
    assert (done.undone, done.left) == (1, [])
    assert await balances_of(database, district) == {}
    again, _ = await imported(database, district, sheet("R1 V-1 09:00 10:00"), reviewed=False)
    assert again.accepted == 1


async def test_whoever_is_new_belongs_to_the_organisation_of_her_first_line(
    database: AsyncEngine, district: Book
) -> None:
    async with database.begin() as tx:
        await organisations.set_status(tx, district.book_id, "370102", "suspended")
    _, told = await imported(
        database,
        district,
        sheet(
            "R1 V-1 09:00 10:00", "R2 V-1 11:00 12:00 organisation=370101T2", "R3 V-2 09:00 10:00 organisation=370102T1"
        ),
    )
    assert [code for *_, code in reasons(told)] == ["organisation_inactive"]
    async with database.connect() as tx:
        assert (await volunteers.find(tx, district.book_id, "V-1")).organisation == "370101T1"
        assert await volunteers.holders_of(tx, district.book_id, ["V-2"]) == {}


async def test_who_may_record_for_some_brings_in_theirs_only(database: AsyncEngine, district: Book) -> None:
    lines = sheet("R1 V-1 09:00 10:00", "R2 V-1 11:00 12:00 organisation=370201T1")
    report, told = await imported(database, district, lines, reach=Reach(False, frozenset({"370100"})))
    assert (report.accepted, [code for *_, code in reasons(told)]) == (1, ["not_allowed"])


async def test_a_sheet_of_tomorrow_and_one_too_long_are_refused_as_a_whole(
    database: AsyncEngine, district: Book
) -> None:
    with pytest.raises(InvalidField):
        await imported(database, district, YEAR, as_of=AS_OF + timedelta(days=1))
    with pytest.raises(TooManyLines):
        await imported(database, district, sheet("R1 V-1 09:00 10:00", "R2 V-2 09:00 10:00"), most=1)
    with pytest.raises(UnknownImport):
        await hours_files.undo_import(database, district.book_id, uuid4(), by="room:cli")


# --- organisations, and hours carried over ---------------------------------------------------------------------------


async def test_organisations_come_in_once_in_any_order(database: AsyncEngine, book: Book) -> None:
    content = "code,name,level,parent\r\nT,队,team,C\r\nC,社区,community,\r\nX,x,team,nowhere\r\nC,别的,community,\r\n"

    async def add() -> tuple[Report, list[Refused]]:
        told: list[Refused] = []
        report = await hours_files.import_organisations(
            database, book.book_id, io.BytesIO(content.encode()), "o.csv", told=told.append
        )
        return report, told

    report, told = await add()
    assert (report.accepted, report.there) == (2, 0)
    assert reasons(told) == [("4", "X", "unknown_organisation"), ("5", "C", "organisation_exists")]
    report, told = await add()
    assert (report.accepted, report.there, report.refused) == (0, 2, 2)


async def opening(database: AsyncEngine, book: Book, content: bytes, **other: Any) -> tuple[Report, list[Refused]]:
    told: list[Refused] = []
    report = await hours_files.import_opening(
        *(database, book.book_id, io.BytesIO(content), "opening.csv"),
        **({"organisation": "370000", "day": date(2025, 12, 31), "by": "room:cli", "told": told.append} | other),
    )
    return report, told


async def test_hours_are_carried_over_once_for_each_volunteer(database: AsyncEngine, district: Book) -> None:
    content = (DATA / "opening-minutes-2025-12-31.csv").read_bytes()
    rows = expected("opening-minutes-2025-12-31.csv")
    zero = sum(minutes == "0" for _, minutes in rows)
    report, _ = await opening(database, district, content)
    assert (report.accepted, report.there, report.refused) == (400 - zero, zero, 0)
    assert [row[:2] for row in await totals(database, district)] == rows
    stored = await everything(database, district)
    report, _ = await opening(database, district, content)
    assert (report.accepted, report.there, report.refused) == (0, 400, 0)
    assert await everything(database, district) == stored
    served = sum(int(minutes) for _, minutes in rows)
    assert await balances_of(database, district, "9110.370000", at=date(2025, 12, 31)) == {"9110.370000": served}
    assert await balances_of(database, district, "9110.370000", at=date(2025, 12, 30)) == {"9110.370000": 0}


async def test_other_hours_of_somebody_who_has_hers_are_refused_and_named(
    database: AsyncEngine, district: Book
) -> None:
    await opening(database, district, b"volunteer,credit_minutes\nV-1,60\n")
    report, told = await opening(
        database, district, b"volunteer,credit_minutes\nV-1,61\nV.1,5\nV-2,-5\nV-3,1e3\nV-4,2\nV-4,2\nV-4,3\n"
    )
    assert (report.accepted, report.there) == (1, 1)
    assert [(record, code) for _, record, code in reasons(told)] == [
        ("V-1", "opening_differs"),
        ("V.1", "invalid_request"),
        ("V-2", "invalid_request"),
        ("V-3", "invalid_request"),
        ("V-4", "opening_differs"),
    ]
    with pytest.raises(UnknownOrganisation):
        await opening(database, district, b"volunteer,credit_minutes\nV-1,60\n", organisation="nowhere")
