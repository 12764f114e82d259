"""A leader opens the activity, a volunteer's own phone opens what the QR code holds: in two real browsers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import activities, attendances, organisations, volunteers
from ledger.earning.activities import Activity, Plan
from tests.pages import people
from tests.pages.people import NORTH, PASSWORD, Person
from tests.pages.test_browser import Visit, as_, look, visit

__all__ = ["visit"]

HOUR = timedelta(hours=1)


@dataclass
class Meeting:
    """An activity that began a while ago, its leader, and a volunteer."""

    activity: Activity
    leader: Person
    her: Person

    @property
    def page(self) -> str:
        return f"/staff/activities/{self.activity.activity}"


@pytest.fixture
async def meeting(database: AsyncEngine, book: Book) -> Meeting:
    now = auth.now()
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, NORTH, "North lake")
    her = await people.a_volunteer(database, book, "V20260012", NORTH)
    leader = await people.somebody(database, book, Grant("recorder", NORTH))
    plan = Plan("Clean-up of the lake", "environment", "1 Lake Road", now - HOUR, now + 2 * HOUR)
    async with database.begin() as tx:
        made = await activities.add(tx, book.book_id, NORTH, plan, by="user:0", now=now - 2 * HOUR)
        await volunteers.register(tx, book.book_id, "V20260099", NORTH)
    return Meeting(made, leader, her)


async def address_on(screen: Page) -> str:
    """What the QR code holds, which her camera would read."""
    return await screen.locator("#code").get_attribute("data-url") or ""


async def test_a_volunteer_signs_in_by_the_leaders_screen_and_out_again(
    visit: Visit, database: AsyncEngine, meeting: Meeting
) -> None:
    async with visit(width=1280, height=800) as leader, visit() as phone:
        await as_(leader, database, meeting.leader)
        await leader.goto("/staff")
        await leader.get_by_role("link", name="活动签到").click()
        await leader.get_by_role("link", name=re.compile("打开 Clean-up")).click()
        await leader.get_by_role("link", name="出示签到码").click()
        # Her phone knows nothing of her: first she signs in to the service, and comes back.
        await phone.goto(await address_on(leader))
        await expect(phone.get_by_role("heading", level=1)).to_have_text("登录")
        await phone.locator("#login").fill(meeting.her.login)
        await phone.locator("#password").fill(PASSWORD)
        await phone.locator("form.card button.first").click()
        await phone.get_by_role("button", name="签到").click()
        await expect(phone.get_by_role("heading", level=1)).to_have_text("签到成功")
        await expect(phone.get_by_role("status")).to_contain_text("开始算服务时长")
        # The screen tells by itself.
        await expect(leader.locator("#arrivals")).to_contain_text("尾号 0012", timeout=15_000)
        await expect(leader.locator("#arrivals")).to_contain_text("现在在场 1 人")
        await phone.goto(await address_on(leader))
        await phone.get_by_role("button", name="签退").click()
        await expect(phone.get_by_role("heading", level=1)).to_have_text("已经签退")
        await expect(phone.get_by_role("status")).to_contain_text("不到一分钟")
        await leader.get_by_role("link", name="回活动，点人数").click()
        await leader.get_by_label("现场点到多少人？").fill("2")
        await leader.get_by_role("button", name="人数没错，结束").click()
        await expect(leader.get_by_role("alert")).to_contain_text("点到 2 人，名单上签到的是 1 人")
        await leader.get_by_label("现场点到多少人？").fill("1")
        await leader.get_by_role("button", name="人数没错，结束").click()
        await expect(leader.get_by_role("status")).to_contain_text("活动已结束")


async def test_the_code_on_the_screen_changes_by_itself(visit: Visit, database: AsyncEngine, meeting: Meeting) -> None:
    async with visit(width=1280, height=800) as leader:
        await as_(leader, database, meeting.leader)
        await leader.goto(f"{meeting.page}/screen")
        first = await address_on(leader)
        await expect(leader.locator("#code")).not_to_have_attribute("data-url", first, timeout=45_000)


async def test_the_leader_helps_who_has_no_phone_without_javascript(
    visit: Visit, database: AsyncEngine, meeting: Meeting
) -> None:
    async with visit(java_script_enabled=False) as leader:
        await as_(leader, database, meeting.leader)
        await leader.goto(f"{meeting.page}/screen")
        refresh = leader.locator("meta[http-equiv=refresh]")
        await expect(refresh).to_have_attribute("content", "10")
        await leader.get_by_role("link", name="回活动，点人数").click()
        await leader.get_by_label("志愿者编号").fill("Ｖ20260099")
        await leader.get_by_role("button", name="代她签到").click()
        await expect(leader.get_by_role("status")).to_have_text("已经签到。")
        await expect(leader.locator("li", has_text="V20260099")).to_contain_text("领队代签")
        await leader.get_by_label("志愿者编号").fill("V20260012")
        await leader.get_by_role("button", name="代她签到").click()
        await expect(leader.get_by_role("alert")).to_contain_text("不能超过 20%")
        await expect(leader.get_by_label("志愿者编号")).to_have_value("V20260012")
        await leader.get_by_role("button", name="代她签退").click()
        await leader.get_by_role("button", name="不在场，划去").click()
        await expect(leader.locator("li", has_text="V20260099")).to_contain_text("已划去")
        await leader.get_by_label("现场点到多少人？").fill("0")
        await leader.get_by_role("button", name="人数没错，结束").click()
        await expect(leader.get_by_role("status")).to_contain_text("活动已结束")


async def test_an_activity_is_published_changed_and_cancelled(
    visit: Visit, database: AsyncEngine, meeting: Meeting
) -> None:
    day = (auth.today() + timedelta(days=3)).isoformat()
    async with visit() as leader:
        await as_(leader, database, meeting.leader)
        await leader.goto("/staff/activities")
        await leader.get_by_role("link", name="发布新活动").click()
        for label, value in (
            ("活动名称", "补录清洁"),
            ("类别", "环保"),
            ("地点", "湖滨路 1 号"),
            ("哪一天", day),
            ("几点开始", "09:00"),
            ("几点结束", "11:30"),
            ("名额", "２０"),
        ):
            await leader.get_by_label(label, exact=True).fill(value)
        await leader.get_by_label("有人身危险").check()
        await leader.get_by_role("button", name="发布").click()
        await expect(leader.get_by_role("alert")).to_contain_text("不能有“补录”")
        await leader.get_by_label("活动名称").fill("湖边清洁")
        await leader.get_by_role("button", name="发布").click()
        await expect(leader.get_by_role("status")).to_have_text("已经发布。")
        await expect(leader.locator("main")).to_contain_text("09:00 – 11:30")
        await expect(leader.locator("main")).to_contain_text("谁也不能签到")
        await leader.get_by_role("link", name="改活动").click()
        await expect(leader.get_by_label("名额")).to_have_value("20")
        await leader.get_by_label("保险单号").fill("PICC-1")
        await leader.get_by_role("button", name="保存").click()
        await expect(leader.get_by_role("status")).to_have_text("已经改好。")
        await expect(leader.locator("main")).to_contain_text("PICC-1")
        await leader.get_by_role("button", name="取消活动").click()
        await expect(leader.get_by_role("status")).to_have_text("活动已取消。")
        await expect(leader.locator("li", has_text="湖边清洁")).to_contain_text("已取消")


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_she_sees_when_she_arrives_is_made_with_the_same_care(
    visit: Visit, database: AsyncEngine, meeting: Meeting, language: str
) -> None:
    def address() -> str:
        book = meeting.her.book
        return f"/in/{book.code}/{meeting.activity.activity}/" + attendances.code_at(
            book.book_id, meeting.activity, auth.now()
        )

    async with visit() as phone, visit() as leader:
        await as_(phone, database, meeting.her)
        await as_(leader, database, meeting.leader)
        await phone.goto(f"{address()}?lang={language}")
        await look(phone, language, "who arrives")
        await phone.locator("button.huge").click()
        await look(phone, language, "who has arrived")
        await leader.goto(f"{meeting.page}?lang={language}")
        await look(leader, language, "the leader's page")
        await leader.goto(f"{meeting.page}/screen")
        await look(leader, language, "the screen")
        await leader.goto("/staff/activities/new")
        await leader.evaluate("document.querySelectorAll('[required]').forEach(it => it.required = false)")
        await leader.locator("form.card button.first").click()
        await expect(leader.get_by_role("alert")).to_be_visible()
        await look(leader, language, "what is wrong with a new one")
        await leader.goto(meeting.page)
        await leader.locator("#head_count").fill("7")
        await leader.locator("form[action$='/close'] button").click()
        await expect(leader.get_by_role("alert")).to_be_visible()
        await look(leader, language, "another head count")
        await phone.goto(f"{address()}?lang={language}")
        await look(phone, language, "who is about to leave")
        await phone.locator("button.huge").click()
        await look(phone, language, "who has left")
        await phone.goto(f"/in/{meeting.her.book.code}/{meeting.activity.activity}/aaaaaaaaaaaa")
        await look(phone, language, "a wrong code")
