"""What is on record against a volunteer, on the pages of the staff."""

from __future__ import annotations

import re
from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import volunteers
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import send, token_of, words_of

MARKS = "/staff/volunteers/V1/marks"


@pytest.fixture
async def reviewer(enters: Enters, database: AsyncEngine, book: Book) -> httpx.AsyncClient:
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "V1")
    return await enters(await people.somebody(database, book, Grant("reviewer")))


async def test_it_is_put_on_record_and_lifted_from_the_page_of_the_volunteer(reviewer: httpx.AsyncClient) -> None:
    assert MARKS in (await reviewer.get("/staff/volunteers/V1")).text
    empty = words_of((await reviewer.get(MARKS)).text)
    assert "没有不良记录。" in empty
    assert "现在的星级标准不看不良记录" in empty
    put = await send(reviewer, MARKS, MARKS, why="forged_record", marked_on="２０２６-０１-０５")
    assert (put.status_code, put.headers["location"]) == (303, f"{MARKS}?done=mark_put")
    page = (await reviewer.get(MARKS)).text
    assert "服务记录弄虚作假 2026年1月5日" in words_of(page)
    [lifting] = re.findall(rf'action="({MARKS}/[\w-]+/lift)"', page)
    for _ in range(2):
        lifted = await reviewer.post(lifting, data={"_csrf_token": token_of(page)})
        assert (lifted.status_code, lifted.headers["location"]) == (303, f"{MARKS}?done=mark_lifted")
    page = (await reviewer.get(MARKS)).text
    assert "已经撤销" in words_of(page)
    assert lifting not in page


@pytest.mark.parametrize(
    ("why", "on", "said"),
    [
        ("", "2026-01-05", "请填写“什么事”"),
        ("lazy", "2026-01-05", "什么事：写了表里没有的词"),
        ("other", "yesterday", "“哪一天的事”请写成 2027-12-31 这样"),
        ("other", (auth.today() + timedelta(days=1)).isoformat(), "“哪一天的事”不能晚于今天"),
        ("other", date.min.isoformat(), "“哪一天的事”太小或者太大"),
    ],
)
async def test_what_is_wrong_is_told(reviewer: httpx.AsyncClient, why: str, on: str, said: str) -> None:
    answer = await send(reviewer, MARKS, MARKS, why=why, marked_on=on)
    assert answer.status_code == 400
    assert said in words_of(answer.text)
    assert f'value="{on}"' in answer.text
    assert "没有不良记录。" in answer.text


async def test_who_only_reads_finds_no_form(
    enters: Enters, database: AsyncEngine, book: Book, reviewer: httpx.AsyncClient
) -> None:
    await send(reviewer, MARKS, MARKS, why="absence", marked_on="2026-01-05")
    reader = await enters(await people.somebody(database, book, Grant("operator")))
    page = (await reader.get(MARKS)).text
    assert "答应了服务，无故不来" in page
    assert f'action="{MARKS}' not in page
    form = {"why": "absence", "marked_on": "2026-01-05", "_csrf_token": token_of((await reader.get("/account")).text)}
    assert (await reader.post(MARKS, data=form)).status_code == 403
