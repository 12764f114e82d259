"""The rules on pages: read by everybody, drafted in a form, approved by a colleague, faults told by their line."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, rule_files
from api.pages import texts
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import rule_sets
from tests.earning.rulebook import WEIHAI, rule_set
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import NORTH, Person, send, token_of, words_of

RULES, NEW = "/staff/rules", "/staff/rules/new"
ITEMS, CATEGORIES, LADDER = rule_files.tables(rule_set(ladder=WEIHAI))


def tomorrow() -> date:
    return auth.today() + timedelta(days=1)


@pytest.fixture
async def clerk(enters: Enters, database: AsyncEngine, book: Book) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, Grant("operator")))


@pytest.fixture
async def chief(enters: Enters, database: AsyncEngine, book: Book) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, Grant("owner")))


async def draft(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Fills in the form and sends it."""
    form = {
        "effective_from": tomorrow().isoformat(),
        "note": "",
        "items": ITEMS,
        "categories": CATEGORIES,
        "ladder": "",
        "expiry_policy": "never",
        "expiry_n": "",
        "notice_days": "3",
    }
    return await send(client, NEW, NEW, **form | fields)


async def press(client: httpx.AsyncClient, deed: str) -> httpx.Response:
    """Sends the form that decides about the first version, also where no page shows it."""
    token = token_of((await client.get("/account")).text)
    return await client.post(f"{RULES}/1/{deed}", data={"_csrf_token": token})


async def in_force(database: AsyncEngine, book: Book) -> tuple[int, ...]:
    async with database.connect() as tx:
        return tuple(each.version for each in (await rule_sets.in_force(tx, book.book_id)).versions)


async def test_one_drafts_a_colleague_approves_and_everybody_reads(
    enters: Enters, database: AsyncEngine, book: Book, clerk: httpx.AsyncClient, chief: httpx.AsyncClient
) -> None:
    shop = await enters(await people.somebody(database, book, Grant("merchant", outlet="X1")))
    assert "现在还没有积分规则" in (await shop.get("/rules")).text
    answer = await draft(clerk, effective_from="２０２６-01-01", note="<b>第一版</b>")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{RULES}/1")
    mine = (await clerk.get(f"{RULES}/1")).text
    assert "这是您起草的，须由别人批准" in mine
    assert f"{RULES}/1/approve" not in mine
    assert "<b>第一版" not in mine
    page = words_of((await chief.get(f"{RULES}/1")).text)
    assert "这是第一版规则。" in page
    assert "社区常规志愿服务 P01 每小时 10 分 每天最多 80 分" in page
    assert "报名后无故缺席 M01 每次扣 5 分" in page
    assert "积分一直有效。" in page
    assert (await press(chief, "approve")).status_code == 303
    assert await in_force(database, book) == (1,)
    assert "等待批准" not in (await chief.get(RULES)).text
    read = words_of((await shop.get("/rules")).text)
    assert "第 1 版，从 2026年1月1日 的服务起用。" in read
    assert "理论宣讲 P07 理论宣讲" in read
    assert "其他类别 P01 社区常规志愿服务" in read
    english = words_of((await shop.get("/rules?lang=en")).text)
    assert "10 points an hour at most 80 points a day" in english


async def test_a_version_says_in_what_it_differs_from_the_one_before(
    clerk: httpx.AsyncClient, chief: httpx.AsyncClient
) -> None:
    await draft(clerk, effective_from="2026-01-01")
    await press(chief, "approve")
    form = (await clerk.get(NEW)).text
    assert "P12,调解邻里纠纷成功,act,fixed,10,40/month," in form
    changed = ITEMS.replace("P01,社区常规志愿服务,service,per_hour,10", "P01,社区常规志愿服务,service,per_hour,12")
    answer = await draft(clerk, items=changed, ladder=LADDER, expiry_policy="nth_year_end", expiry_n="3")
    page = words_of((await chief.get(answer.headers["location"])).text)
    assert "和第 1 版不同的地方" in page
    assert "P01：社区常规志愿服务，每小时 10 分，每天最多 80 分 → 社区常规志愿服务，每小时 12 分" in page
    assert "积分一直有效。 → 积分有效到第 3 年的 12 月 31 日" in page
    assert "新增：服务按全年累计时长计分" in page
    same = await draft(clerk)
    assert "和第 1 版没有不同。" in (await chief.get(same.headers["location"])).text


async def test_of_her_own_draft_nobody_is_the_second_person(enters: Enters, database: AsyncEngine, book: Book) -> None:
    both = await enters(await people.somebody(database, book, Grant("operator"), Grant("owner")))
    await draft(both)
    answer = await press(both, "approve")
    assert answer.status_code == 403
    assert "自己提出的，不能自己批准" in answer.text
    assert (await press(both, "decline")).status_code == 303
    assert "没有采用" in (await both.get(f"{RULES}/1")).text
    assert await in_force(database, book) == ()


async def test_a_colleague_declines_and_a_second_click_changes_nothing(
    clerk: httpx.AsyncClient, chief: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    await draft(clerk)
    for _ in range(2):
        assert (await press(chief, "decline")).status_code == 303
    assert (await press(chief, "approve")).status_code == 303
    assert await in_force(database, book) == ()


async def test_who_may_not_decide_does_not(
    enters: Enters, database: AsyncEngine, book: Book, clerk: httpx.AsyncClient, her: Person
) -> None:
    await draft(clerk)
    colleague = await enters(await people.somebody(database, book, Grant("operator")))
    for deed in ("approve", "decline"):
        assert (await press(colleague, deed)).status_code == 403
    assert "您可以看，不能批准" in (await colleague.get(f"{RULES}/1")).text
    assert (await (await enters(her)).get(RULES)).status_code == 403


async def test_rules_that_would_begin_too_early_are_told_so_and_nothing_is_lost(
    clerk: httpx.AsyncClient, chief: httpx.AsyncClient
) -> None:
    await draft(clerk, effective_from="2026-01-01")
    await press(chief, "approve")
    answer = await draft(clerk, effective_from=auth.today().isoformat(), note="节日")
    assert answer.status_code == 409
    assert f"最早从 {tomorrow()} 起生效" in answer.text
    assert 'value="节日"' in answer.text
    assert "P12,调解邻里纠纷成功" in answer.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"effective_from": "tomorrow"}, "“从哪天的服务起”请写成"),
        ({"items": ITEMS.replace(",10,40/month", ",ten,40/month")}, "加减分项目表第 13 行"),
        ({"items": ITEMS.replace("40/month", "40")}, "加减分项目表第 13 行：封顶请写成 80/day 这样"),
        ({"items": ITEMS.replace("40/month", "40/week")}, "加减分项目表第 13 行：写了表里没有的词"),
        ({"items": ITEMS + "P01,again,act,fixed,1,,\n"}, "加减分项目表第 38 行：和前面的重复"),
        ({"items": "a,b\n"}, "加减分项目表第 1 行：第一行的列名不对"),
        ({"categories": "category,rule\n助老,P99\n"}, "服务类别表：没有这个项目编号"),
        ({"ladder": "up_to_hours,hours_per_point\n20,1\n10,2\n,4\n"}, "阶梯第 3 行：小时数要一行比一行大"),
        ({"expiry_policy": "days"}, "“多少天，或者第几年”请写整数"),
        ({"expiry_policy": "when it rains"}, "积分有效期：写了表里没有的词"),
        ({"notice_days": "three"}, "“公示几个工作日”请写整数"),
        ({"notice_days": "9999"}, "公示几个工作日"),
        ({"note": "长" * 501}, "“说明”请写成一行"),
    ],
)
async def test_a_fault_is_told_by_its_line_and_what_was_typed_stays(
    clerk: httpx.AsyncClient, fields: dict[str, str], words: str
) -> None:
    answer = await draft(clerk, **fields)
    assert answer.status_code == 400
    [told] = re.findall(r'id="wrong">([^<]*)<', answer.text)
    assert words in told
    assert "P02,敬老助残陪护" in answer.text or "items" in fields


async def test_a_fault_is_told_in_english_too(clerk: httpx.AsyncClient) -> None:
    await clerk.get(f"{NEW}?lang=en")
    answer = await draft(clerk, items=ITEMS.replace("40/month", "40"))
    assert "Table of items, line 13: a cap is written like 80/day." in answer.text


async def test_only_who_drafts_for_the_whole_book_finds_the_form(
    enters: Enters, database: AsyncEngine, her: Person
) -> None:
    await people.a_district(database, her.book)
    for grant, status in ((Grant("operator"), 200), (Grant("operator", NORTH), 403), (Grant("owner"), 403)):
        client = await enters(await people.somebody(database, her.book, grant))
        assert (await client.get(NEW)).status_code == status
        assert ("/staff/rules/new" in (await client.get(RULES)).text) == (status == 200)


@pytest.mark.parametrize("version", ["0", "99", str(2**70)])
async def test_a_version_that_is_not_there_is_said_in_words(clerk: httpx.AsyncClient, version: str) -> None:
    answer = await clerk.get(f"{RULES}/{version}")
    assert answer.status_code == 404
    assert f"没有第 {version} 版规则" in answer.text


async def test_many_versions_stand_on_several_pages(
    database: AsyncEngine, book: Book, clerk: httpx.AsyncClient
) -> None:
    async with database.begin() as tx:
        for _ in range(52):
            given: Any = {"effective_from": tomorrow(), "by": "user:0", "now": auth.now()}
            await rule_sets.draft(tx, book.book_id, rule_set(), **given)
    first = (await clerk.get(RULES)).text
    assert texts.t("zh", "rule_version", version=52) in first
    [following] = re.findall(r'href="(/staff/rules\?before=\d+)"', first)
    rest = (await clerk.get(following)).text
    assert re.findall(r'href="/staff/rules/(\d+)"', rest) == ["2", "1"]


def test_the_tables_of_a_rule_set_are_read_as_the_same() -> None:
    for the in (rule_set(ladder=WEIHAI), rule_set(default_item=None)):
        items, categories, ladder = (each.encode() for each in rule_files.tables(the))
        assert rule_files.rule_set(the, items=items, categories=categories, ladder=ladder or None) == the
