"""My stars: how many, why, how far to the next one, and those of days before; what staff see of them."""

from __future__ import annotations

import datetime
import re

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import hours, organisations, volunteers
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import Person, words_of


async def carried_over(database: AsyncEngine, book: Book, her: Person, minutes: int) -> None:
    assert her.volunteer is not None
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "lake", "湖区志愿队")
        await volunteers.move(tx, book.book_id, her.volunteer.volunteer_no, "lake")
        day = datetime.date(2026, 1, 5)
        rows = [(her.volunteer.volunteer_no, minutes)]
        await hours.carry_over(tx, book.book_id, "lake", day, rows, by="user:1")


async def test_she_sees_her_stars_why_and_how_far_the_next_one_is(
    enters: Enters, database: AsyncEngine, book: Book, her: Person
) -> None:
    browser = await enters(her)
    nothing = words_of((await browser.get("/me/stars")).text)
    assert "还没有星级" in nothing
    assert "再服务 100 小时，就到一星。" in nothing
    assert "还没有授星" in nothing
    await carried_over(database, book, her, 17_250)
    assert 'href="/me/stars"' in (await browser.get("/")).text
    page = (await browser.get("/me/stars")).text
    told = words_of(page)
    assert "★☆☆☆☆" in told
    assert "服务时长 287 小时 30 分钟，满 100 小时，是一星（全国星级标准）。" in told
    assert "离二星：已有 287 小时 30 分钟，要 300 小时" in told
    assert "再服务 12 小时 30 分钟，就到二星。" in told
    assert re.search(r'<progress id="progress" value="17250" max="18000">', page)
    assert "12 h 30 min more of service" in words_of((await browser.get("/me/stars?lang=en")).text)


async def test_she_sees_those_of_a_day_before_and_is_told_where_there_is_no_such_day(
    enters: Enters, database: AsyncEngine, book: Book, her: Person
) -> None:
    await carried_over(database, book, her, 17_250)
    browser = await enters(her)
    before = words_of((await browser.get("/me/stars?on=2026-01-04")).text)
    assert "2026年1月4日的星级" in before
    assert "还没有星级" in before
    async with database.connect() as tx:
        today = day_of(await connect.now(tx))
    for never in ("never", "2999-01-01", "0001-01-01", "２０２６"):
        page = await browser.get("/me/stars", params={"on": never})
        assert (page.status_code, "请选今天或以前的一天" in page.text) == (400, True)
        assert f'value="{today}"' in page.text


async def test_staff_see_her_stars_on_her_page_if_they_may_read_records(
    enters: Enters, database: AsyncEngine, book: Book, her: Person
) -> None:
    await carried_over(database, book, her, 17_250)
    assert her.volunteer is not None
    recorder = await people.somebody(database, book, Grant("recorder", "lake"))
    page = words_of((await (await enters(recorder)).get(f"/staff/volunteers/{her.volunteer.volunteer_no}")).text)
    assert "一星" in page
    assert "再服务 12 小时 30 分钟，就到二星。" in page
