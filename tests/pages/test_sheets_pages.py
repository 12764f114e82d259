"""A sheet handed in on a page: whose lines are taken, what is named, and forms that are none of ours."""

from __future__ import annotations

import secrets

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.pages import sheets as page
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import records
from tests.api.test_hours_files import as_workbook
from tests.books.ledgers import balances_of
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import NORTH, SOUTH, token_of, words_of

HERE = "/staff/sheets"
HEADER = "record,volunteer,organisation,activity,activity_name,category,check_in,check_out,class,recorder,reviewer"


def sheet(*lines: str) -> bytes:
    """Lines of record, organisation and times; the volunteer is new."""
    rows = []
    for line in lines:
        record, organisation, since, until = line.split()
        day = "2026-03-05"
        rows.append(f"{record},9001,{organisation},A1,义诊,医疗,{day} {since},{day} {until},check_in_out,队长,")
    return "\n".join([HEADER, *rows]).encode()


@pytest.fixture
async def recorder(enters: Enters, database: AsyncEngine, book: Book) -> httpx.AsyncClient:
    """The browser of a recorder of the north."""
    district = await people.a_district(database, book)
    return await enters(await people.somebody(database, district.book, Grant("recorder", NORTH, until=auth.today())))


async def handed_in(
    client: httpx.AsyncClient, content: bytes, name: str = "三月.csv", token: str | None = None
) -> httpx.Response:
    opened = await client.get(HERE)
    assert opened.status_code == 200
    fields = {"_csrf_token": token_of(opened.text) if token is None else token}
    return await client.post(HERE, data=fields, files={"sheet": (name, content)})


async def test_a_recorder_hands_in_what_is_hers_and_hears_of_each_line_that_was_not_taken(
    recorder: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    lines = sheet(
        f"R1 {NORTH} 09:00 10:00",
        f"R2 {SOUTH} 11:00 12:00",
        f"R3 {NORTH} 15:00 14:00",
        "R4 nowhere 09:00 10:00",
        f"R5 {NORTH} 09:30 09:40",
        f"<b>R6 {NORTH} 16:00 17:00",
    )
    answer = await handed_in(recorder, lines)
    assert answer.status_code == 200
    said = words_of(answer.text)
    assert "新收下 1 条" in said
    assert "没有收下 5 条" in said
    for words in ("第 3 行 R2", "第 4 行 R3", "第 5 行 R4", "第 6 行 R5", "第 7 行"):
        assert words in said
    assert "<b>R6" not in answer.text
    async with database.connect() as tx:
        taken = await records.find(tx, book.book_id, "R1")
    assert (taken.state, taken.organisation, taken.submitted_by[:5]) == ("submitted", NORTH, "user:")
    assert {code: minutes for code, minutes in (await balances_of(database, book)).items() if minutes} == {}
    again = words_of((await handed_in(recorder, as_workbook(lines), "三月.xlsx")).text)
    assert "新收下 0 条" in again
    assert "原来就有 1 条" in again


async def test_what_is_no_sheet_or_too_long_is_told_and_nothing_is_taken(recorder: httpx.AsyncClient) -> None:
    for content, words in (
        (b"", "请填写“表格”"),
        (b"a,b\n1,2\n", "缺少这些列"),
        (b"PK\x03\x04" + secrets.token_bytes(500), "不是 XLSX 表格"),
        (sheet(*[f"R{n} {NORTH} 09:00 10:00" for n in range(page.MOST_LINES + 1)]), "一次最多"),
    ):
        answer = await handed_in(recorder, content)
        assert 400 <= answer.status_code < 500
        assert words in words_of(answer.text)
    assert (await handed_in(recorder, b"x" * (page.MOST_BODY + 1))).status_code == 413
    assert "新收下 1 条" in words_of((await handed_in(recorder, sheet(f"R0 {NORTH} 09:00 10:00"))).text)


async def test_a_file_is_taken_from_a_page_of_ours_only(recorder: httpx.AsyncClient) -> None:
    good = sheet(f"R1 {NORTH} 09:00 10:00")
    for token in ("", "x", secrets.token_hex(64)):
        assert (await handed_in(recorder, good, token=token)).status_code == 403
    token = token_of((await recorder.get(HERE)).text)
    as_text = await recorder.post(HERE, data={"_csrf_token": token, "sheet": good.decode()})
    assert (as_text.status_code, "请填写“表格”" in words_of(as_text.text)) == (400, True)
    as_file = await recorder.post(HERE, files={"_csrf_token": ("t", token.encode()), "sheet": ("a", good)})
    assert as_file.status_code == 403
    for broken in (b"", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n\xff\r\n--x", b"--y--"):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        assert (await recorder.post(HERE, content=broken, headers=headers)).status_code == 403
    other = await recorder.post("/account/consents", data={"_csrf_token": token}, files={"sheet": ("a", good)})
    assert other.status_code == 403, "other forms take no files"


async def test_who_records_nowhere_has_no_such_page(enters: Enters, database: AsyncEngine, book: Book) -> None:
    client = await enters(await people.somebody(database, book, Grant("auditor", until=auth.today())))
    assert (await client.get(HERE)).status_code == 403
    assert HERE not in (await client.get("/staff")).text
