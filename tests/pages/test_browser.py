"""The pages in a real browser, as an eighty-year-old meets them: read, measured, printed, without JavaScript too."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Response, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.earning.volunteers import WALLET
from tests.pages import people
from tests.pages.people import ITEMS, PASSWORD, Person, posted
from tests.pages.test_texts import CHINESE

MOST_WEIGHT = 60_000
LEAST_TYPE, LEAST_TARGET, LEAST_GAP = 18, 60, 12
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

PLACES = (
    "/",
    "/passbook",
    "/passbook?account=notice",
    "/passbook?account=hours",
    "/passbook?account=honour",
    "/passbook?year=1999",
    "/passbook?year=never",
    "/nowhere",
)

MEASURE = """() => {
  const seen = element => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0;
  const name = element => `${element.tagName} ${element.textContent.trim().slice(0, 30)}`;
  const small = [], low = [], close = [];
  for (const element of document.body.querySelectorAll('*')) {
    const speaks = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    const size = parseFloat(getComputedStyle(element).fontSize);
    if ((speaks || element.tagName === 'INPUT') && seen(element) && size < LEAST_TYPE) small.push(name(element));
  }
  const targets = [...document.querySelectorAll('a, button, input:not([type=hidden])')].filter(seen);
  const boxes = targets.map(target => [target, target.getBoundingClientRect()]);
  for (const [i, [target, box]] of boxes.entries()) {
    if (box.width < LEAST_TARGET || box.height < LEAST_TARGET) low.push(name(target));
    for (const [other, its] of boxes.slice(i + 1)) {
      const across = Math.max(its.left - box.right, box.left - its.right);
      const down = Math.max(its.top - box.bottom, box.top - its.bottom);
      if (Math.max(across, down) < LEAST_GAP - 0.1) close.push(`${name(target)} / ${name(other)}`);
    }
  }
  const root = document.documentElement;
  const wide = root.scrollWidth > root.clientWidth ? [`${root.scrollWidth} > ${root.clientWidth}`] : [];
  return {small, low, close, wide};
}"""
MEASURE = (
    MEASURE.replace("LEAST_TYPE", str(LEAST_TYPE))
    .replace("LEAST_TARGET", str(LEAST_TARGET))
    .replace("LEAST_GAP", str(LEAST_GAP))
)

Visit = Callable[..., AbstractAsyncContextManager[Page]]


@pytest.fixture
def visit(browser: Browser, address: str) -> Visit:
    """Opens a browser on the service; at the end nothing foreign was asked for and nothing was complained about."""

    @asynccontextmanager
    async def visiting(width: int = 360, height: int = 740, **options: Any) -> AsyncIterator[Page]:
        context = await browser.new_context(
            base_url=address, viewport={"width": width, "height": height}, locale="zh-CN", **options
        )
        context.set_default_timeout(10_000)
        page = await context.new_page()
        foreign: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: None if request.url.startswith(address) else foreign.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        yield page
        await context.close()
        assert foreign == []
        # That a page is itself an error (a wrong password, an unknown address) is not a fault of the page.
        assert [said for said in complaints if not re.search(r"status of (401|403|404)", said)] == []

    return visiting


async def enter(page: Page, person: Person, path: str = "/") -> None:
    await page.goto(path)
    await page.locator("#login").fill(person.login)
    await page.locator("#password").fill(PASSWORD)
    await page.locator("form.card button.first").click()
    await expect(page.locator("#password")).to_have_count(0)


async def test_she_signs_in_reads_her_passbook_and_goes(visit: Visit, resident: Person) -> None:
    async with visit() as page:
        await enter(page, resident)
        await expect(page.get_by_role("heading", level=1)).to_contain_text("您好")
        await expect(page.locator(".figures .main dd")).to_have_text("77 分")
        await page.get_by_role("link", name="看存折").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("可用积分存折")
        await page.get_by_role("link", name="服务时长").click()
        await expect(page.locator("tr", has_text="承前")).to_contain_text("2 小时 30 分")
        await expect(page.locator("tr", has_text="lunch for")).to_contain_text("lunch for <b>elders</b> & friends")
        await page.locator(".choice").nth(1).get_by_role("link").nth(1).click()
        await expect(page.locator("tr", has_text="承前")).to_contain_text("0 小时")
        await expect(page.locator("tr", has_text="community clean-up")).to_contain_text("2 小时 30 分")
        await page.get_by_role("link", name="回首页").click()
        await page.get_by_role("button", name="退出登录").click()
        await expect(page.get_by_role("status")).to_have_text("您已安全退出。")
        await page.go_back()
        await expect(page.get_by_role("heading", level=1)).to_have_text("登录")


async def test_everything_works_without_javascript(visit: Visit, resident: Person) -> None:
    async with visit(java_script_enabled=False) as page:
        await page.goto("/")
        await page.get_by_role("link", name="English").click()
        await page.get_by_role("link", name="Largest").click()
        await expect(page.get_by_role("button", name="Show the password")).to_be_hidden()
        await page.get_by_label("Login").fill(resident.login)
        await page.get_by_label("Password").fill("not hers")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("is wrong")
        await expect(page.get_by_label("Login")).to_have_value(resident.login)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("link", name="See my passbook").click()
        await expect(page.locator("html.largest")).to_have_attribute("lang", "en")
        await expect(page.get_by_role("button", name="Print")).to_be_hidden()
        await expect(page.get_by_text("To print, choose")).to_be_visible()
        await page.locator(".choice").nth(1).get_by_role("link").nth(1).click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("status")).to_have_text("You have signed out.")


async def test_with_javascript_she_sees_what_she_types_and_prints_by_a_button(visit: Visit, resident: Person) -> None:
    async with visit() as page:
        await page.add_init_script("window.print = () => { document.title = 'printed'; }")
        await page.goto("/sign-in")
        await page.locator("#password").fill("my words")
        show = page.get_by_role("button", name="显示密码")
        await show.click()
        await expect(page.locator("#password")).to_have_attribute("type", "text")
        await expect(show).to_have_attribute("aria-pressed", "true")
        await show.click()
        await expect(page.locator("#password")).to_have_attribute("type", "password")
        await enter(page, resident, "/passbook")
        await page.get_by_role("button", name="打印存折").click()
        await expect(page).to_have_title("printed")


async def test_a_wrong_password_is_said_in_words_where_she_is_to_type(visit: Visit, resident: Person) -> None:
    async with visit() as page:
        await page.goto("/sign-in")
        await page.locator("#login").fill(resident.login)
        await page.locator("#password").fill("not hers")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("登录名或密码不对")
        await expect(page.locator("#password")).to_be_focused()


async def test_paper_has_the_passbook_and_nothing_to_press(
    visit: Visit, resident: Person, database: AsyncEngine
) -> None:
    her = await people.a_volunteer(database, resident.book, "V20267777")
    for number in range(40):
        await posted(database, her, "earn.item", (ITEMS, 1), (her.account(WALLET), 1), description=f"act {number}")
    async with visit() as page:
        await enter(page, her, "/passbook?lang=en")
        await page.goto("/passbook?lang=en")
        await page.emulate_media(media="print")
        for gone in await page.locator("header, nav, a, button, form, footer, [data-without-script]").all():
            await expect(gone).to_be_hidden()
        head = page.locator("thead")
        await expect(head).to_have_css("display", "table-header-group")
        for told in ("Lakeside time bank", "Points to spend", "V20267777", "Printed on"):
            await expect(head).to_contain_text(told)
        await expect(page.locator("tbody tr").first).to_have_css("display", "table-row")
        pdf = await page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 2
    sizes = {(round(float(w)), round(float(h))) for w, h in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)}
    assert sizes == {(595, 842)}, "A4"


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_nothing_hinders_who_reads_with_help(visit: Visit, resident: Person, language: str) -> None:
    axe = Axe()
    options = {"runOnly": {"type": "tag", "values": RULES}}
    async with visit() as page:
        for path in (f"/sign-in?lang={language}", "/sign-in?left=1", *PLACES):
            if path == PLACES[0]:
                await enter(page, resident)
            for width in (360, 1280):
                await page.set_viewport_size({"width": width, "height": 740})
                await page.goto(path)
                found = await axe.run(page, options=options)
                assert found.violations_count == 0, f"{path} {width}: {found.generate_report()}"


async def test_the_page_for_staff_is_made_with_the_same_care(
    visit: Visit, resident: Person, database: AsyncEngine
) -> None:
    staff = await people.an_operator(database, resident.book)
    async with visit() as page:
        await enter(page, staff)
        for path in ("/?lang=zh", "/passbook", "/?lang=en", "/passbook"):
            await page.goto(path)
            found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
            assert await page.evaluate(MEASURE) == {"small": [], "low": [], "close": [], "wide": []}, path


@pytest.mark.parametrize("size", ["standard", "elder", "largest"])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_type_and_targets_are_large_and_nothing_runs_off_the_side(
    visit: Visit, resident: Person, language: str, size: str
) -> None:
    async with visit() as page:
        for path in (f"/sign-in?lang={language}&size={size}", *PLACES):
            if path == PLACES[0]:
                await enter(page, resident)
            await page.goto(path)
            for width in (320, 360, 640, 1280):  # 640: 1280 at 200 %
                await page.set_viewport_size({"width": width, "height": 740})
                found = await page.evaluate(MEASURE)
                assert found == {"small": [], "low": [], "close": [], "wide": []}, f"{path} {width}"
            if language == "en":
                words = people.words_of(await page.content())
                assert not CHINESE.search(words), f"{path} says {CHINESE.findall(words)}"


async def test_the_balance_stands_in_figures_of_60_px(visit: Visit, resident: Person) -> None:
    async with visit(width=320) as page:
        await enter(page, resident)
        for size in ("standard", "elder", "largest"):
            await page.goto(f"/?size={size}")
            figures = page.locator(".figures .main dd")
            assert await figures.evaluate("it => parseFloat(getComputedStyle(it).fontSize)") >= 60


async def test_a_page_and_its_files_are_light(visit: Visit, resident: Person) -> None:
    async with visit() as page:
        await enter(page, resident)
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 # a builtin cannot be a listener
        for path in ("/", "/passbook", "/passbook?account=hours"):
            answers.clear()
            await page.goto(path, wait_until="networkidle")
            # Fetched once more: the browser does not keep the bodies of what it has already used.
            parts = [await page.request.get(answer.url) for answer in answers if answer.status == 200]
            assert len(parts) > 1
            assert sum([len(await part.body()) for part in parts]) <= MOST_WEIGHT
