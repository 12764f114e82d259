"""Where is my hour, why these points, objecting; the budget; the figures on the wall: as sent by the service."""

from __future__ import annotations

import datetime
import re
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import budgets, crediting, objections, organisations
from tests.earning import served
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import Person, words_of

TEAM = "lake"


@pytest.fixture
async def helper(database: AsyncEngine, book: Book, her: Person) -> Person:
    """A volunteer in a programme with rules and a budget."""
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, TEAM, "湖区志愿队")
    await served.rules(database, book)
    await served.budget(database, book, 1000, 100_000)
    return her


def holder(person: Person) -> str:
    assert person.volunteer is not None
    return person.volunteer.holder


def steps_of(page: str) -> list[tuple[str, str]]:
    """The steps of a record as the page marks them."""
    steps = re.findall(r'<li class="(done|now|later|ended)".*?<strong>(.*?)</strong>', page, re.DOTALL)
    assert steps
    return steps


async def test_without_records_her_page_says_so_kindly(enters: Enters, her: Person) -> None:
    page = await (await enters(her)).get("/hours")
    assert page.status_code == 200
    assert "还没有服务记录" in page.text


async def test_home_leads_to_her_hours_and_to_the_public_figures(enters: Enters, her: Person, book: Book) -> None:
    page = (await (await enters(her)).get("/")).text
    assert 'href="/hours"' in page
    assert f'href="/programme/{book.code}"' in page


async def test_she_sees_each_step_as_it_comes(
    enters: Enters, database: AsyncEngine, book: Book, helper: Person
) -> None:
    browser = await enters(helper)
    last_month = connect.to(people.url_of(database), clock=lambda time: time - datetime.timedelta(days=30))
    of = await served.hands_in(last_month, book, holder(helper), TEAM)
    page = (await browser.get(f"/hours/{of.record_id}")).text
    assert steps_of(page) == [("done", "已交记录"), ("now", "复核"), ("later", "公示"), ("later", "到账")]
    assert "现在由“湖区志愿队”复核，本该在" in page
    assert "积分还没有算" in page
    await served.reviewed(last_month, book, of)
    await last_month.dispose()
    page = (await browser.get(f"/hours/{of.record_id}")).text
    assert steps_of(page) == [("done", "已交记录"), ("done", "复核"), ("now", "公示"), ("later", "到账")]
    assert "服务 2 小时 30 分钟，每小时 10 分，得 25 分" in words_of(page)
    await crediting.release(database, book.book_id)
    page = (await browser.get(f"/hours/{of.record_id}")).text
    assert {mark for mark, _ in steps_of(page)} == {"done"}
    assert "已经办完，不用再等" in page
    passbook = words_of((await browser.get("/passbook")).text)
    assert "公示期满，积分到账：lunch for elders 服务 2 小时 30 分钟，每小时 10 分，得 25 分" in passbook
    english = words_of((await browser.get(f"/hours/{of.record_id}?lang=en")).text)
    assert "2 h 30 min of service, 10 points an hour, 25 points earned" in english


async def test_her_list_says_of_each_where_it_is(
    enters: Enters, database: AsyncEngine, book: Book, helper: Person
) -> None:
    browser = await enters(helper)
    refused = await served.hands_in(database, book, holder(helper), TEAM)
    await served.reviewed(database, book, refused, accept=False, reason="it was a meeting")
    await served.serves(database, book, holder(helper), TEAM, 60)
    words = words_of((await browser.get("/hours")).text)
    assert "服务时长 1 小时" in words
    assert re.search(r"· 1 小时 · 10 分 公示中", words)
    assert re.search(r"· 2 小时 30 分 没通过", words)
    page = (await browser.get(f"/hours/{refused.record_id}")).text
    assert steps_of(page)[-1] == ("ended", "复核没有通过")
    assert "原因：it was a meeting" in page


async def test_more_than_a_page_goes_on(enters: Enters, database: AsyncEngine, book: Book, helper: Person) -> None:
    browser = await enters(helper)
    async with database.connect() as tx:
        today = (await connect.now(tx)).date()
    for back in range(21):
        await served.hands_in(database, book, holder(helper), TEAM, 30, day=today - datetime.timedelta(days=back + 1))
    first = (await browser.get("/hours")).text
    assert first.count('class="mark"') == 20
    [older] = re.findall(r'href="(/hours\?after=[^"]+)"', first)
    assert (await browser.get(older)).text.count('class="mark"') == 1


async def test_without_room_in_the_budget_she_is_told_that_nothing_is_lost(
    enters: Enters, database: AsyncEngine, book: Book, her: Person
) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, TEAM, "湖区志愿队")
    await served.rules(database, book)
    of = await served.serves(database, book, holder(her), TEAM)
    page = (await (await enters(her)).get(f"/hours/{of.record_id}")).text
    assert ("now", "等积分额度") in steps_of(page)
    assert "您的时长已经记上" in page


async def test_who_is_late_is_named(enters: Enters, database: AsyncEngine, book: Book, helper: Person) -> None:
    earlier = connect.to(people.url_of(database), clock=lambda time: time - datetime.timedelta(days=40))
    of = await served.hands_in(earlier, book, holder(helper), TEAM)
    await earlier.dispose()
    browser = await enters(helper)
    page = (await browser.get(f"/hours/{of.record_id}")).text
    assert "已经晚了" in page
    assert "请“湖区志愿队”快办" in page
    of = await served.hands_in(database, book, holder(helper), TEAM)
    page = (await browser.get(f"/hours/{of.record_id}")).text
    assert re.search(r"现在由“湖区志愿队”复核，到\d+年\d+月\d+日为止。", page)


async def test_she_objects_once_and_reads_the_decision(
    enters: Enters, database: AsyncEngine, book: Book, helper: Person
) -> None:
    browser = await enters(helper)
    of = await served.serves(database, book, holder(helper), TEAM)
    page, action = f"/hours/{of.record_id}", f"/hours/{of.record_id}/object"
    empty = await people.send(browser, page, action, reason="")
    assert empty.status_code == 400
    assert "“原因”请写一行" in empty.text
    sent = await people.send(browser, page, action, reason="少算了半小时")
    assert (sent.status_code, sent.headers["location"]) == (303, f"{page}?done=objected_done")
    told = (await browser.get(sent.headers["location"])).text
    assert "已经收到" in told
    assert ("now", "有人提出异议，等裁定") in steps_of(told)
    assert "少算了半小时" in told
    assert action not in told
    async with database.begin() as tx:
        [raised] = await objections.of_record(tx, book.book_id, of.record_id)
        now = await connect.now(tx)
        await objections.decide(
            *(tx, book.book_id, raised.objection_id),
            by="user:77",
            holder=None,
            upheld=False,
            reason="签到表上就是这个时间",
            now=now,
        )
    told = (await browser.get(page)).text
    assert "异议不成立" in told
    assert "签到表上就是这个时间" in told
    assert action not in told, "each person once"
    again = await browser.post(action, data={"reason": "再说一次", "_csrf_token": people.token_of(told)})
    assert again.status_code == 409


async def test_a_minus_item_is_appealed_against(
    enters: Enters, database: AsyncEngine, book: Book, helper: Person
) -> None:
    of = await served.serves(database, book, holder(helper), TEAM, 0, record_class="act", item="M01")
    page = (await (await enters(helper)).get(f"/hours/{of.record_id}")).text
    assert "觉得不该扣？提出申诉" in page
    assert re.search(r"-\d+ 分", page)


async def test_an_hour_of_somebody_else_is_not_there(
    enters: Enters, database: AsyncEngine, book: Book, helper: Person
) -> None:
    other = await people.a_volunteer(database, book, "V20269999")
    of = await served.serves(database, book, holder(other), TEAM)
    browser = await enters(helper)
    for record_id in (of.record_id, uuid4()):
        assert (await browser.get(f"/hours/{record_id}")).status_code == 404
    own = await served.serves(database, book, holder(helper), TEAM)
    token = people.token_of((await browser.get(f"/hours/{own.record_id}")).text)
    sent = await browser.post(f"/hours/{of.record_id}/object", data={"reason": "not mine", "_csrf_token": token})
    assert sent.status_code == 404


async def test_staff_who_are_no_volunteers_have_no_hours(enters: Enters, database: AsyncEngine, book: Book) -> None:
    operator = await people.an_operator(database, book)
    assert (await (await enters(operator)).get("/hours")).status_code == 403


# --- the budget -------------------------------------------------------------------------------------------------------


async def granted(database: AsyncEngine, book: Book) -> list[tuple[str | None, int]]:
    async with database.connect() as tx:
        return [(each.organisation, each.granted) for each in await budgets.budgets_of(tx, book.book_id)]


async def test_an_owner_grants_once_however_often_she_presses(
    enters: Enters, database: AsyncEngine, book: Book
) -> None:
    owner = await people.somebody(database, book, Grant("owner"))
    browser = await enters(owner)
    page = (await browser.get("/staff/budget")).text
    assert "还没有定过额度" in page
    [key] = re.findall(r'name="key" value="([^"]+)"', page)
    form = {"year": "2026", "points": "１２０,000", "yuan": "120000", "key": key, "_csrf_token": people.token_of(page)}
    for _ in range(2):
        sent = await browser.post("/staff/budget", data=form)
        assert (sent.status_code, sent.headers["location"]) == (303, "/staff/budget?done=budget_granted")
    assert await granted(database, book) == [(None, 120_000)]
    other = await browser.post("/staff/budget", data=form | {"points": "5"})
    assert other.status_code == 400
    assert await granted(database, book) == [(None, 120_000)]
    words = words_of((await browser.get("/staff/budget")).text)
    assert "2026 年：全部 额度 120,000 分 已发放 0 分 还可以发 120,000 分" in words


async def test_a_share_is_set_on_the_page_and_wrong_ones_are_explained(
    enters: Enters, database: AsyncEngine, book: Book
) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, TEAM, "湖区志愿队")
    owner = await people.somebody(database, book, Grant("owner"))
    browser = await enters(owner)
    good = {"year": "2026", "organisation": TEAM, "points": "40"}
    sent = await people.send(browser, "/staff/budget", "/staff/budget/share", **good)
    assert sent.status_code == 303
    assert await granted(database, book) == [(TEAM, 40)]
    for wrong in ({"points": "many"}, {"points": "0"}, {"year": "26"}, {"organisation": "no one"}):
        sent = await people.send(browser, "/staff/budget", "/staff/budget/share", **(good | wrong))
        assert sent.status_code == 400
        assert 'role="alert"' in sent.text
    assert await granted(database, book) == [(TEAM, 40)]


async def test_who_only_reads_sees_no_forms_and_cannot_send_them(
    enters: Enters, database: AsyncEngine, book: Book, helper: Person
) -> None:
    reviewer = await people.somebody(database, book, Grant("reviewer", TEAM))
    browser = await enters(reviewer)
    page = (await browser.get("/staff/budget")).text
    assert 'action="/staff/budget' not in page
    token = people.token_of(page)
    for action in ("/staff/budget", "/staff/budget/share"):
        assert (await browser.post(action, data={"_csrf_token": token})).status_code == 403


# --- the wall ---------------------------------------------------------------------------------------------------------


async def test_the_wall_says_what_is_out_and_what_stands_behind_it(
    site: httpx.AsyncClient, database: AsyncEngine, book: Book, helper: Person
) -> None:
    await served.serves(database, book, holder(helper), TEAM)
    page = await site.get(f"/programme/{book.code}")
    words = words_of(page.text)
    assert page.status_code == 200
    assert "大家还没有用的积分 25 分 其中公示中 25 分" in words
    assert "大家手里每 100 分，背后有 4000 分的资金和物资" in words
    assert "今年最多发 1,000 分，已发 25 分，还可以发 975 分" in words
    assert "今年参加服务的有 1 人，平均每人 2 小时 30 分" in words
    assert "登记的志愿者有 1 人" in words
    assert "今年平均每小时得 10.00 分" in words
    assert "¥10.00" in words
    assert helper.login not in page.text
    assert (await site.get("/programme/nowhere")).status_code == 404
