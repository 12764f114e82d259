"""Star ladders on pages: in plain sentences, drafted from an example or a table, tried out, approved by a colleague."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, ladders
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import hours, organisations
from ledger.recognition import ladders as stored
from ledger.recognition.ladder import NATIONAL, Ladder
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import send, token_of, words_of

LADDERS, NEW = "/staff/ladders", "/staff/ladders/new"


def tomorrow() -> date:
    return auth.today() + timedelta(days=1)


@pytest.fixture
async def clerk(enters: Enters, database: AsyncEngine, book: Book) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, Grant("operator")))


@pytest.fixture
async def chief(enters: Enters, database: AsyncEngine, book: Book) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, Grant("owner")))


def filled_in(page: str) -> dict[str, str]:
    """The fields of the form as they come."""
    found = dict(re.findall(r'<input id="\w+" name="(\w+)" value="([^"]*)"', page))
    found |= {
        name: text.strip() for name, text in re.findall(r'<textarea id="\w+" name="(\w+)".*?>(.*?)</', page, re.S)
    }
    for name, options in re.findall(r'<select id="\w+" name="(\w+)">(.*?)</select>', page, re.S):
        [found[name]] = re.findall(r'value="([^"]*)" selected', options)
    return {name: html.unescape(value) for name, value in found.items()}


async def draft(client: httpx.AsyncClient, example: str = "", **fields: str) -> httpx.Response:
    """Sends the form, filled in as it comes but for these fields."""
    form = filled_in((await client.get(f"{NEW}?example={example}")).text)
    return await send(client, NEW, NEW, **form | {"effective_from": tomorrow().isoformat()} | fields)


async def press(client: httpx.AsyncClient, deed: str, version: int = 1) -> httpx.Response:
    """Sends the form that decides about a version, also where no page shows it."""
    token = token_of((await client.get("/account")).text)
    return await client.post(f"{LADDERS}/{version}/{deed}", data={"_csrf_token": token})


async def on(database: AsyncEngine, book: Book, days: int = 0) -> Ladder:
    async with database.connect() as tx:
        return await stored.in_force(tx, book.book_id, auth.today() + timedelta(days=days))


async def test_one_changes_a_figure_a_colleague_approves_and_it_is_in_force(
    database: AsyncEngine, book: Book, clerk: httpx.AsyncClient, chief: httpx.AsyncClient
) -> None:
    page = words_of((await clerk.get(LADDERS)).text)
    assert "现在的标准（全国标准）" in page
    assert "五星：服务满 1,500 小时。" in page
    answer = await draft(
        clerk,
        effective_from=f"{auth.today().year}－01-01",
        levels="hours,title\r\n1.5,\r\n１０,\r\n20,<b>金星\r\n".replace("１０", "10"),
        classes="credit honour",
        standing_months="３６",
        may_fall="no",
        note="第一版",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LADDERS}/1")
    mine = (await clerk.get(f"{LADDERS}/1")).text
    assert "这是您起草的，须由别人批准" in mine
    assert f"{LADDERS}/1/approve" not in mine
    assert "<b>金星" not in mine
    page = words_of((await chief.get(f"{LADDERS}/1")).text)
    assert "一星：服务满 100 小时。 → 一星：服务满 1 小时 30 分钟。" in page
    assert "有不良记录的，3 年内没有星级。" in page
    assert (await press(chief, "approve")).status_code == 303
    found = await on(database, book)
    assert (found.version, found.classes, found.may_fall) == (1, ("credit", "honour"), False)
    assert [level.minutes for level in found.levels] == [90, 600, 1200]
    assert "The ladder of today (version 1)" in words_of((await clerk.get(f"{LADDERS}?lang=en")).text)
    assert filled_in((await clerk.get(NEW)).text)["levels"].splitlines()[1] == "1.5,,,,,"


@pytest.mark.parametrize("example", ladders.EXAMPLES)
async def test_an_example_is_drafted_as_it_comes(
    database: AsyncEngine, book: Book, clerk: httpx.AsyncClient, chief: httpx.AsyncClient, example: str
) -> None:
    await draft(clerk, example)
    await press(chief, "approve")
    assert (await on(database, book, 1)).levels == ladders.example(example).levels
    assert await on(database, book) == NATIONAL


async def test_it_is_seen_how_many_would_rise_and_fall_before_it_is_approved(
    enters: Enters, database: AsyncEngine, book: Book, clerk: httpx.AsyncClient
) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, people.NORTH, "北区")
        served = {"A1": 3_000, "A2": 5_999, "A3": 6_000, "A4": 18_000}
        await hours.carry_over(tx, book.book_id, people.NORTH, auth.today(), list(served.items()), by="user:1")
    await draft(clerk, levels="hours\n50\n400\n")
    assert f"{LADDERS}/1/effect" in (await clerk.get(f"{LADDERS}/1")).text
    page = words_of((await clerk.get(f"{LADDERS}/1/effect")).text)
    assert "星级会升 2 人 星级会降 1 人 星级不变 1 人" in page
    assert "一星：现在 1 人，改后 4 人" in page
    assert "二星：现在 1 人，改后 0 人" in page
    local = await enters(await people.somebody(database, book, Grant("reviewer", people.NORTH)))
    assert f"{LADDERS}/1/effect" not in (await local.get(f"{LADDERS}/1")).text
    assert (await local.get(f"{LADDERS}/1/effect")).status_code == 403


async def test_of_her_own_draft_nobody_is_the_second_person(enters: Enters, database: AsyncEngine, book: Book) -> None:
    both = await enters(await people.somebody(database, book, Grant("operator"), Grant("owner")))
    await draft(both)
    answer = await press(both, "approve")
    assert answer.status_code == 403
    assert "自己提出的，不能自己批准" in answer.text
    assert (await press(both, "decline")).status_code == 303
    assert (await press(both, "approve", 7)).status_code == 404
    assert "没有采用" in (await both.get(f"{LADDERS}/1")).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"effective_from": "tomorrow"}, "“从哪天起”请写成 2027-12-31 这样"),
        ({"publicity_days": "much"}, "“评定以前公示几个工作日”请写整数"),
        ({"objection_days": "0"}, "“有异议的几个工作日内答复”太小或者太大"),
        ({"year_hours": "0.33"}, "最近一年至少服务几小时（0 表示不要求）：请写小时数"),
        ({"year_hours": "9000"}, "太小或者太大"),
        ({"levels": ""}, "第一行的列名不对"),
        ({"levels": "hours\n"}, "太小或者太大"),
        ({"levels": "hours\nmany"}, "各星级的要求第 2 行：请写小时数"),
        ({"levels": "hours\n100\n90"}, "各星级的要求第 3 行：小时数要一行比一行大"),
        ({"levels": "hours,points\n100,9\n200,"}, "各星级的要求第 3 行：不能比前一星要求得少"),
        ({"levels": "hours,in_order\n100,yes"}, "各星级的要求第 2 行：一星下面没有星级"),
        ({"levels": "hours,in_order\n100,maybe"}, "各星级的要求第 2 行：写了表里没有的词"),
        ({"levels": "hours,colour\n100,red"}, "第一行的列名不对"),
        ({"classes": "none"}, "算哪些时长：表里没有内容"),
        ({"note": "长" * 501}, "请写成一行"),
    ],
)
async def test_what_is_wrong_in_the_form_is_told_and_nothing_is_lost(
    clerk: httpx.AsyncClient, fields: dict[str, str], said: str
) -> None:
    answer = await draft(clerk, **{"name": "本地星级"} | fields)
    assert answer.status_code == 400
    assert said in words_of(answer.text)
    assert "\n本地星级</textarea>" in answer.text


async def test_who_only_reads_finds_no_buttons(
    enters: Enters, database: AsyncEngine, book: Book, clerk: httpx.AsyncClient
) -> None:
    await draft(clerk)
    reader = await enters(await people.somebody(database, book, Grant("reviewer")))
    page = (await reader.get(f"{LADDERS}/1")).text
    assert "您可以看，不能批准" in page
    assert '<form method="post" action="/staff/ladders' not in page
    assert (await reader.get(NEW)).status_code == 403
    assert (await press(reader, "approve")).status_code == 403
