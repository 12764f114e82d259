"""A volunteer's home and passbooks, as sent by the service."""

from __future__ import annotations

import datetime
import re
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from api.pages import frame, texts
from ledger.books import balances, batching, directory, holds, journal
from ledger.books.directory import Book
from ledger.books.evaluate import Posted
from ledger.database import connect
from ledger.days import day_of
from ledger.earning.volunteers import CREDIT_HOURS, HONOUR_HOURS, IN_NOTICE, WALLET
from ledger.errors import SchemaBehind
from tests.pages import people
from tests.pages.people import ITEMS, SERVED, SHOP, Person, posted, serves, sign_in, words_of


def row_of(page: str, word: str) -> list[str]:
    """The cells of the one row of the passbook that contains the word."""
    rows = [row for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if word in row]
    assert len(rows) == 1, rows
    return [
        words_of(re.sub(r'data-label="[^"]*"', "", cell))
        for cell in re.findall(r"<t[dh].*?</t[dh]>", rows[0], re.DOTALL)
    ]


async def years_ago(database: AsyncEngine, years: int) -> AsyncEngine:
    """The same database, some years ago."""
    return connect.to(people.url_of(database), clock=lambda time: time - datetime.timedelta(days=366 * years))


def a_hold(her: Person, amount: int, key: str) -> dict[str, Any]:
    """What `holds.place` takes to set points of hers aside for a minute."""
    return {
        "account": her.account(WALLET),
        "amount": amount,
        "expires_in": datetime.timedelta(minutes=1),
        "client": "token:test",
        "key": key,
        "call": key,
        "actor": "user:1",
    }


async def today(database: AsyncEngine) -> datetime.date:
    async with database.connect() as tx:
        return day_of(await connect.now(tx))


def in_days(day: datetime.date, days: int) -> datetime.date:
    return day + datetime.timedelta(days=days)


async def test_home_shows_her_figures_and_the_last_three_entries_in_words(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    await serves(database, her, 750, 1250, "社区清洁")
    await posted(database, her, "earn.backfill", (SERVED, 45), (her.account(HONOUR_HOURS), 45))
    await posted(database, her, "earn.item", (ITEMS, 10), (her.account(IN_NOTICE), 10), description="邻里和睦")
    await posted(database, her, "spend.redeem", (her.account(WALLET), 48), (SHOP, 48), description="洗衣液")
    await sign_in(site, her)
    page = await site.get("/")
    words = words_of(page.text)
    assert "志愿者尾号 0012" in words
    assert "V20260012" not in page.text
    assert "可用积分 1,202 分 公示中积分 10 分" in words
    assert "服务时长 12 小时 30 分" in words
    assert "荣誉时长 45 分钟" in words
    latest = words[words.index("最近的记录") :]
    assert re.findall(r"(可用积分|公示中积分|服务时长|荣誉时长)：(\S+) (.*?分)", latest) == [
        ("可用积分", "支取", "48 分"),
        ("公示中积分", "进入", "10 分"),
        ("荣誉时长", "记入", "45 分"),
    ]
    assert "兑换：洗衣液" in latest
    assert "补录时长" in latest


async def test_an_entry_in_two_of_her_accounts_is_told_once(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    await serves(database, her, 60, 10, "送餐")
    await sign_in(site, her)
    page = (await site.get("/")).text
    assert page.count("公示期满，积分到账") == 1
    assert "可用积分：存入 10 分" in page


async def test_home_shows_what_she_can_spend_and_what_is_set_aside(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    await serves(database, her, 600, 100, "送餐")
    await sign_in(site, her)
    assert "预留中" not in (await site.get("/")).text
    hold = await holds.place(database, her.book.book_id, **a_hold(her, 30, "h1"))
    assert isinstance(hold, Posted)
    words = words_of((await site.get("/")).text)
    assert "可用积分 70 分 预留中 30 分 公示中积分 0 分" in words
    assert "预留 可用积分：支取 30 分" in words
    assert "Set aside: 30 points" in words_of((await site.get("/?lang=en")).text)
    end = {"client": "token:test", "key": "v1", "call": "v1", "actor": "user:1"}
    await holds.void(database, her.book.book_id, hold.transaction_id, **end)
    words = words_of((await site.get("/?lang=zh")).text)
    assert "可用积分 100 分 公示中积分 0 分" in words
    assert "预留取消，退回 可用积分：存入 30 分" in words


async def test_a_hold_whose_time_is_over_is_hers_again_at_once(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    earlier = connect.to(people.url_of(database), clock=lambda time: time - datetime.timedelta(hours=1))
    await serves(earlier, her, 600, 100, "送餐")
    await holds.place(earlier, her.book.book_id, **a_hold(her, 30, "h1"))
    await earlier.dispose()
    await sign_in(site, her)
    words = words_of((await site.get("/")).text)
    assert "可用积分 100 分 公示中积分 0 分" in words
    assert "预留中" not in words


async def test_home_says_what_lapses_soon_and_until_when_it_can_be_spent(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    on = await today(database)
    for place, days in enumerate((2, 5, 9, 12, 30, 31)):
        points, lapses_on = 1 << place, in_days(on, days)
        await posted(database, her, "earn.item", (ITEMS, points), (her.account(WALLET), points), lapses_on=lapses_on)
    await sign_in(site, her)
    words = words_of((await site.get("/")).text)
    first, second, third = (texts.day("zh", in_days(on, days)) for days in (1, 4, 8))
    assert words[words.index("快到期的积分") : words.index(" 最近的记录")] == (
        f"快到期的积分 1 分：最晚 {first} 用，过了这一天就不能用了。"
        f" 2 分：最晚 {second} 用，过了这一天就不能用了。"
        f" 4 分：最晚 {third} 用，过了这一天就不能用了。"
        " 还有 24 分，30 天内也会到期。"
    )


async def test_home_says_nothing_of_what_lapses_later(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    later = in_days(await today(database), 32)
    await posted(database, her, "earn.item", (ITEMS, 5), (her.account(WALLET), 5), lapses_on=later)
    await sign_in(site, her)
    assert "到期" not in words_of((await site.get("/")).text)


async def test_a_volunteer_without_entries_is_told_so_kindly(site: httpx.AsyncClient, her: Person) -> None:
    await sign_in(site, her)
    assert "还没有记录" in (await site.get("/")).text
    for account in ("points", "notice", "hours", "honour"):
        page = await site.get(f"/passbook?account={account}")
        assert page.status_code == 200
        assert "这本存折还是空的" in page.text
        assert "<table" not in page.text


async def test_the_passbook_adds_up_line_by_line(site: httpx.AsyncClient, database: AsyncEngine, her: Person) -> None:
    await serves(database, her, 150, 25, "社区清洁")
    await posted(database, her, "spend.redeem", (her.account(WALLET), 7), (SHOP, 7), description="肥皂")
    await sign_in(site, her)
    page = (await site.get("/passbook")).text
    now = await today(database)
    shown = texts.day("zh", now)
    assert row_of(page, "承前") == ["", "承前", "", "", "0 分"]
    assert row_of(page, "公示期满") == [shown, "公示期满，积分到账", "25 分", "", "25 分"]
    assert row_of(page, "肥皂") == [shown, "兑换：肥皂", "", "7 分", "18 分"]
    assert row_of(page, "年合计") == ["", f"{now.year} 年合计", "25 分", "7 分", "18 分"]
    hours = (await site.get("/passbook?account=hours")).text
    assert row_of(hours, "社区清洁")[2:] == ["2 小时 30 分", "", "2 小时 30 分"]
    notice = (await site.get("/passbook?account=notice")).text
    assert row_of(notice, "社区清洁")[2:] == ["25 分", "", "25 分"]
    assert row_of(notice, "公示期满")[2:] == ["", "25 分", "0 分"]


async def test_the_day_is_that_of_the_service_with_the_booking_day_where_it_differs(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    await posted(database, her, "earn.hours", (SERVED, 60), (her.account(CREDIT_HOURS), 60), description="当天")
    await posted(
        database, her, "earn.hours", (SERVED, 60), (her.account(CREDIT_HOURS), 60), description="早先", days_before=40
    )
    await sign_in(site, her)
    page = (await site.get("/passbook?account=hours")).text
    now = await today(database)
    assert row_of(page, "当天")[0] == texts.day("zh", now)
    earlier = texts.day("zh", now - datetime.timedelta(days=40))
    assert row_of(page, "早先")[0] == f"{earlier} 记账 {texts.day('zh', now)}"
    assert page.index("当天") < page.index("早先"), "in booking order"


async def test_years_are_years_of_booking_and_carry_forward(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    now = (await today(database)).year
    for ago, points in ((4, 30), (3, 12), (0, 5)):
        then = await years_ago(database, ago)
        await posted(then, her, "earn.item", (ITEMS, points), (her.account(WALLET), points))
        await then.dispose()
    await sign_in(site, her)
    newest = (await site.get("/passbook")).text
    assert re.findall(r"year=(\d{4})\"", newest) == [str(now - ago) for ago in range(5)]
    for year, opening, closing in (
        (now - 5, "0 分", "0 分"),
        (now - 4, "0 分", "30 分"),
        (now - 3, "30 分", "42 分"),
        (now - 2, "42 分", "42 分"),
        (now, "42 分", "47 分"),
    ):
        page = (await site.get(f"/passbook?year={year}")).text
        assert row_of(page, "承前")[-1] == opening
        assert row_of(page, "年合计")[-1] == closing
        assert ("没有记录" in page) == (year in (now - 5, now - 2))


async def test_a_year_that_began_without_entries_carries_the_balance(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    then = await years_ago(database, 2)
    await posted(then, her, "earn.item", (ITEMS, 30), (her.account(WALLET), 30))
    await then.dispose()
    await sign_in(site, her)
    page = (await site.get(f"/passbook?year={(await today(database)).year}")).text
    assert row_of(page, "承前")[-1] == "30 分"
    assert "没有记录，余额没有变动" in page


async def test_a_reversal_is_told_as_one(site: httpx.AsyncClient, database: AsyncEngine, her: Person) -> None:
    wrong = await posted(database, her, "earn.item", (ITEMS, 10), (her.account(WALLET), 10), description="重复")
    async with database.connect() as tx:
        mirror = await journal.reversal(
            tx,
            her.book.book_id,
            wrong.transaction_id,
            client="token:test",
            key="r",
            call="r",
            actor="user:1",
            reason="记错",
        )
    assert isinstance((await batching.submit(database, her.book.book_id, [mirror]))[0], Posted)
    await sign_in(site, her)
    assert row_of((await site.get("/passbook")).text, "冲正")[1:] == ["冲正：记错", "", "10 分", "0 分"]


async def test_what_people_wrote_is_text_and_never_markup(
    site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    async with database.begin() as tx:
        odd = await directory.create_book(tx, f"{book.code}-odd", '<i>书</i> & "co"')
    her = await people.a_volunteer(database, odd)
    evil = "<script>alert(1)</script>\"'&{{7*7}}"
    await posted(database, her, "earn.item", (ITEMS, 10), (her.account(WALLET), 10), description=evil)
    await sign_in(site, her)
    for path in ("/", "/passbook"):
        page = (await site.get(path)).text
        assert "<script>alert" not in page
        assert "<i>书" not in page
        assert evil in words_of(page)


ODD_PASSBOOKS = (
    *("account=nothing", "account=", "account=points%00", "account=2100.1", "account=%FF"),
    *("year=", "year=0", "year=0000", "year=1989", "year=9999", "year=10000", "year=-2026", "year=20 26"),
    *("year=２０２６", "year=2026%00", "year=2026.0", "year=1e3"),
)


async def test_an_odd_account_or_year_gets_a_clear_page(site: httpx.AsyncClient, her: Person) -> None:
    await sign_in(site, her)
    for query in ODD_PASSBOOKS:
        page = await site.get(f"/passbook?{query}")
        assert page.status_code == 404, query
        assert "没有这本存折，或者没有这一年" in page.text
        assert 'href="/"' in page.text


async def test_odd_preferences_are_passed_over(site: httpx.AsyncClient, her: Person) -> None:
    await sign_in(site, her)
    for query in ("lang=xx&size=xx", "lang=%00&size=%FF", "lang=en&lang=zh", "x=%00", "size=elder%00"):
        assert (await site.get(f"/?{query}")).status_code == 200, query


async def test_nobody_sees_the_passbook_of_another(site: httpx.AsyncClient, database: AsyncEngine, book: Book) -> None:
    her, other = await people.a_volunteer(database, book), await people.a_volunteer(database, book, "V20260099")
    await posted(database, other, "earn.item", (ITEMS, 10), (other.account(WALLET), 10), description="secret")
    await posted(database, her, "earn.item", (ITEMS, 10), (her.account(WALLET), 10))
    await sign_in(site, her)
    tries = (
        "volunteer=V20260099",
        "volunteer_no=V20260099",
        f"account={other.account(WALLET)}",
        f"holder={other.volunteer and other.volunteer.holder}",
    )
    for query in tries:
        page = await site.get(f"/passbook?{query}")
        assert "secret" not in page.text
        assert "V20260099" not in page.text
    assert "V20260012" in (await site.get("/passbook")).text
    assert str(her.volunteer and her.volunteer.holder) not in (await site.get("/passbook")).text


async def test_language_and_size_are_kept_in_cookies(site: httpx.AsyncClient, her: Person) -> None:
    await sign_in(site, her)
    assert '<html lang="zh-CN" class="standard">' in (await site.get("/")).text
    assert '<html lang="en" class="elder">' in (await site.get("/?lang=en&size=elder")).text
    assert '<html lang="en" class="elder">' in (await site.get("/passbook")).text
    assert '<html lang="en" class="largest">' in (await site.get("/passbook?size=largest")).text
    assert site.cookies[frame.LANGUAGE_COOKIE] == "en"
    assert site.cookies[frame.SIZE_COOKIE] == "largest"
    assert '<html lang="zh-CN" class="largest">' in (await site.get("/?lang=zh")).text


async def test_the_switches_lead_back_to_the_same_passbook_and_year(
    site: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    year = (await today(database)).year
    await sign_in(site, her)
    page = (await site.get(f"/passbook?account=hours&year={year}")).text
    assert f'href="/passbook?account=hours&amp;year={year}&amp;lang=en"' in page
    assert f'href="/passbook?account=hours&amp;year={year}&amp;size=elder"' in page


async def test_pages_are_not_stored_and_run_nothing_foreign(site: httpx.AsyncClient, her: Person) -> None:
    answers = [await site.get("/sign-in"), await site.get("/passbook")]
    await sign_in(site, her)
    answers += [await site.get("/"), await site.get("/passbook"), await site.get("/passbook?year=x")]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<style|<script(?! src=)| style=| on\w+=|https?://", answer.text)


async def test_files_may_be_kept_since_their_address_names_their_content(site: httpx.AsyncClient) -> None:
    page = (await site.get("/sign-in")).text
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(files) == 3
    for file in files:
        assert re.search(r"\?v=[0-9a-f]{12}$", file)
        answer = await site.get(file)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].split(";")[0] in ("text/css", "text/javascript", "image/svg+xml")


@pytest.mark.parametrize(
    "path", ["/static/", "/static/none.css", "/static/..%2fvolunteer.py", "/static/%00", "/static/../frame.py"]
)
async def test_no_other_file_is_served(site: httpx.AsyncClient, path: str) -> None:
    assert (await site.get(path)).status_code == 404


async def test_an_unknown_address_is_a_page_for_a_browser_and_a_problem_for_a_program(site: httpx.AsyncClient) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = await site.get("/nowhere", headers=browser)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "没有这个网页" in page.text
    assert "There is no such page" in (await site.get("/nowhere?lang=en", headers=browser)).text
    for answer in (await site.get("/nowhere"), await site.get("/api/v1/nowhere", headers=browser)):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    method = await site.post("/passbook?lang=zh", headers=browser)
    assert method.status_code == 405
    assert "没有看懂" in method.text


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        (psycopg.OperationalError("gone"), 503, "系统忙"),
        (NoFreeConnection("busy"), 503, "系统忙"),
        (SchemaBehind(None, "0001"), 503, "系统忙"),
        (RuntimeError("a secret"), 500, "系统出错了"),
    ],
)
async def test_a_fault_is_a_page_that_says_what_to_do(
    site: httpx.AsyncClient, her: Person, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int, says: str
) -> None:
    async def fails(*_: object) -> None:
        raise fault

    await sign_in(site, her)
    monkeypatch.setattr(balances, "balances", fails)
    page = await site.get("/")
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert says in page.text
    assert "secret" not in page.text
    assert ("retry-after" in page.headers) == (status == 503)
    assert (page.headers["x-request-id"] in page.text) == (status == 500)
    assert "Something went wrong" in (await site.get("/?lang=en")).text or status == 503
