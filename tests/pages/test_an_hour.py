"""An hour on its way through real browsers: the leader's screen, in and out, a review, public notice, the passbook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from api import housekeeping
from api.pages.doors import COOKIE
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from tests.earning.programmes import TUESDAY, at, opened
from tests.pages import people
from tests.pages.conftest import served
from tests.pages.people import Person

TODAY = "2026-03-10"


class Clock:
    """The database's clock as the test sets it; from there it goes on."""

    def __init__(self, time: datetime) -> None:
        self.set(time)

    def set(self, time: datetime) -> None:
        self.shift = time - datetime.now(UTC)

    def __call__(self, time: datetime) -> datetime:
        return time + self.shift


@pytest.fixture
def clock() -> Clock:
    return Clock(TUESDAY)


@pytest.fixture
async def then(database: AsyncEngine, clock: Clock) -> AsyncIterator[AsyncEngine]:
    """The database at the test's time."""
    engine = connect.to(people.url_of(database), clock=clock)
    yield engine
    await engine.dispose()


@pytest.fixture
def address_then(database: AsyncEngine, clock: Clock) -> Iterator[str]:
    """The service at the test's time."""
    with served(connect.to(people.url_of(database), clock=clock)) as address:
        yield address


async def enters(
    browser: Browser, database: AsyncEngine, address: str, person: Person, width: int, *, scripts: bool = True
) -> Page:
    """A browser of her own in which she is signed in."""
    context = await browser.new_context(
        base_url=address, viewport={"width": width, "height": 740}, locale="zh-CN", java_script_enabled=scripts
    )
    secret = await people.a_session(database, person)
    await context.add_cookies([{"name": COOKIE, "value": secret, "url": address}])
    return await context.new_page()


async def press(page: Page, form: str, *, name: str = "") -> None:
    """Presses the button of a form, which answers with a page."""
    button = f'form[action="{form}"] button' + (f'[value="{name}"]' if name else "")
    async with page.expect_navigation():
        await page.click(button)


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_an_hour_from_the_leaders_screen_to_the_passbook(
    browser: Browser,
    database: AsyncEngine,
    then: AsyncEngine,
    address_then: str,
    clock: Clock,
    book: Book,
    scripts: bool,
) -> None:
    programme = await opened(database, book)
    her = await people.a_volunteer(then, book, "V20260310", programme.TEAM)
    await people.who_is(then, book, "V20260310", Identity("王秀英", born=date(1950, 6, 15)))
    leader = await people.somebody(database, book, Grant("recorder", organisation=programme.TEAM))
    reviewer = await people.somebody(database, book, Grant("reviewer", organisation=programme.COMMUNITY))

    # The leader plans an activity and opens its screen.
    led = await enters(browser, database, address_then, leader, 1280, scripts=scripts)
    await led.goto("/staff/activities/new")
    for field, value in {
        "name": "护河行动",
        "category": "生态环保",
        "place": "长江路 1 号",
        "first_day": TODAY,
        "begins": "10:30",
        "ends": "14:00",
    }.items():
        await led.fill(f"#{field}", value)
    await led.select_option("#organisation", programme.TEAM)
    await press(led, "/staff/activities/new")
    await led.click('a[href$="/screen"]')
    await led.wait_for_url("**/screen")
    activity = led.url.split("/")[-2]

    # The volunteer's own camera opens the page that the code names; one button signs her in.
    phone = await enters(browser, database, address_then, her, 360, scripts=scripts)

    async def scan() -> None:
        await led.reload()
        url = await led.get_attribute("#code", "data-url")
        assert url is not None
        await phone.goto(url)
        await press(phone, f"/in/{book.code}/{activity}")

    await scan()
    await expect(phone.locator("main")).to_contain_text("护河行动")
    if scripts:
        await expect(led.locator("#arrivals")).to_contain_text("王**", timeout=15_000)  # by itself
    else:
        await led.reload()
        await expect(led.locator("#arrivals")).to_contain_text("王**")

    await expect(led.locator("#arrivals")).to_contain_text("现在在场 1 人，共来了 1 人")

    # At one o'clock she signs out; she had come early, and what counts begins with the activity.
    clock.set(at(TODAY, "13:00") + timedelta(seconds=5))
    await scan()
    await expect(phone.locator("main")).to_contain_text("2 小时 30 分")

    # The leader counts heads and closes it; a wrong count is told and changes nothing.
    await led.goto(f"/staff/activities/{activity}")
    await led.fill("#head_count", "2")
    await press(led, f"/staff/activities/{activity}/close")
    await expect(led.locator("[role=alert]")).to_contain_text("1")
    await led.fill("#head_count", "1")
    await press(led, f"/staff/activities/{activity}/close")

    # She sees whose turn it is.
    await phone.goto("/hours")
    await phone.click('a[href^="/hours/"]')
    await expect(phone.locator("[aria-current=step]")).to_be_visible()
    hour = phone.url

    # A reviewer who has not recorded it accepts it.
    desk = await enters(browser, database, address_then, reviewer, 1280, scripts=scripts)
    await desk.goto("/staff/reviews")
    await desk.check('input[name="record"]')
    await press(desk, "/staff/reviews", name="accept")
    await expect(desk.locator("[role=status]")).to_be_visible()
    await phone.goto("/")
    await expect(phone.locator("main")).to_contain_text("25")

    # Public notice: she stands there masked, and nothing can be spent yet.
    board = await browser.new_context(base_url=address_then, locale="zh-CN")
    notice = await board.new_page()
    await notice.goto(f"/notice/{book.code}/{programme.TEAM}")
    await expect(notice.locator("main")).to_contain_text("王**")
    assert "王秀英" not in await notice.content()

    # It ends; the service's own hourly work makes the points spendable.
    clock.set(at("2026-03-14", "00:10"))
    await housekeeping.bring_on(then)
    await phone.goto(hour)
    await expect(phone.locator("main")).to_contain_text("服务 2 小时 30 分钟，每小时 10 分，得 25 分")
    await phone.goto("/passbook")
    await expect(phone.locator("main")).to_contain_text("每小时 10 分，得 25 分")
    assert await programme.balances("9110", "5100") == {"9110": 150, "5100": 25}
    await asyncio.gather(*(page.context.close() for page in (led, phone, desk, notice)))
