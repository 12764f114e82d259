"""Lists of outlets: what is taken, what is refused and why, and the same list again."""

from __future__ import annotations

import io

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import demo_shops, outlet_files, problems
from api.hours_files import Refused, Report
from ledger.books.directory import Book
from ledger.earning import organisations
from ledger.errors import UnreadableSheet
from ledger.spending import outlets

LIST = """code,name,kind,organisation
X0001,一社区美德超市,virtue_supermarket,370101
X0002,二社区美德超市,virtue_supermarket,370199
X0003,爱心驿站,station,370101
X.4,爱心驿站,care_station,370101
X0005,爱心驿站,care_station,3701
X0001,另一家店,care_station,3701
"""


@pytest.fixture(autouse=True)
async def tree(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "3701", "街道")
        await organisations.add(tx, book.book_id, "370101", "社区", "3701")


async def imported(database: AsyncEngine, book: Book, text: str) -> tuple[Report, list[tuple[int, str, str]]]:
    told: list[Refused] = []
    file = io.BytesIO(text.encode())
    report = await outlet_files.import_outlets(database, book.book_id, file, "outlets.csv", told=told.append)
    return report, [(each.line, each.record, problems.code(each.refusal)) for each in told]


async def test_a_list_is_taken_but_for_its_faulty_lines_and_a_second_time_changes_nothing(
    database: AsyncEngine, book: Book
) -> None:
    refused = [
        (3, "X0002", "unknown_organisation"),
        (4, "X0003", "invalid_request"),
        (5, "X.4", "invalid_request"),
        (7, "X0001", "outlet_exists"),
    ]
    assert await imported(database, book, LIST) == (Report(None, 2, 0, 4), refused)
    async with database.connect() as tx:
        first = await outlets.outlets_of(tx, book.book_id)
    assert [(each.code, each.name, each.organisation) for each in first] == [
        ("X0001", "一社区美德超市", "370101"),
        ("X0005", "爱心驿站", "3701"),
    ]
    assert await imported(database, book, LIST) == (Report(None, 0, 2, 4), refused)
    async with database.connect() as tx:
        assert await outlets.outlets_of(tx, book.book_id) == first


async def test_a_list_may_be_in_chinese(database: AsyncEngine, book: Book) -> None:
    report, _ = await imported(database, book, "名称,兑换点编码,组织编码,类别,备注\n驿站,X1,3701,爱心驿站,新\n")
    assert report.accepted == 1
    async with database.connect() as tx:
        assert (await outlets.find(tx, book.book_id, "X1")).details.kind == "care_station"


async def test_what_is_no_list_of_outlets_is_said(database: AsyncEngine, book: Book) -> None:
    with pytest.raises(UnreadableSheet):
        await imported(database, book, "code,name\nX1,驿站\n")


async def test_the_sample_district_keeps_what_somebody_has_changed(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        for code in ("370102", "370301", "3702"):
            await organisations.add(tx, book.book_id, code, code)
        await demo_shops.demo_outlets(tx, book.book_id)
        await outlets.set_status(tx, book.book_id, "X0101", "closed")
        await demo_shops.demo_outlets(tx, book.book_id)
        found = await outlets.outlets_of(tx, book.book_id)
    assert [(each.code, each.status) for each in found if each.code in ("X0006", "X0101")] == [
        ("X0006", "open"),
        ("X0101", "closed"),
    ]
    assert len(found) == len(demo_shops.OUTLETS)
