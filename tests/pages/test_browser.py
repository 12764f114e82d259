"""The pages in a real browser, as an eighty-year-old meets them: read, measured, printed, without JavaScript too."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.app import create_app
from api.pages import frame
from api.pages.doors import COOKIE
from ledger.access import renewals
from ledger.earning.volunteers import WALLET
from tests.pages import people, places
from tests.pages.conftest import SETTINGS
from tests.pages.people import ITEMS, PASSWORD, Person, posted
from tests.pages.places import PLACES, Cast
from tests.pages.test_texts import CHINESE
from tests.pages.tills import Shop

MOST_WEIGHT = 60_000
LEAST_TYPE, LEAST_TARGET, LEAST_GAP = 18, 60, 12
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

MEASURE = """() => {
  const seen = element => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0;
  const name = element => `${element.tagName} ${element.textContent.trim().slice(0, 30)}`;
  const small = [], low = [], close = [];
  const target = element => element.type === 'checkbox' && element.labels[0] || element;
  for (const element of document.body.querySelectorAll('*')) {
    const speaks = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    const size = parseFloat(getComputedStyle(element).fontSize);
    const typed = ['INPUT', 'SELECT'].includes(element.tagName);
    if ((speaks || typed) && seen(element) && size < LEAST_TYPE) small.push(name(element));
  }
  const fields = 'input:not([type=hidden]), select, textarea, summary';
  const targets = [...document.querySelectorAll(`a, button, ${fields}`)].map(target).filter(seen);
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
  const cut = [...document.querySelectorAll('main *, nav *, footer *')].filter(seen)
    .filter(element => element.tagName !== 'OPTION' && !element.closest('thead'))
    .filter(element => !element.ownerSVGElement)  // drawn to scale: its widths are in other units
    .filter(element => element.scrollWidth > element.clientWidth + 1)
    .filter(element => getComputedStyle(element).display !== 'inline').map(name);
  const files = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const weight = files.reduce((sum, file) => sum + file.decodedBodySize, 0);
  const heavy = weight > MOST_WEIGHT ? [weight] : [];
  const wide = root.scrollWidth > root.clientWidth ? [`${root.scrollWidth} > ${root.clientWidth}`] : [];
  return {small, low, close, cut, heavy, wide};
}"""
MEASURE = (
    MEASURE.replace("LEAST_TYPE", str(LEAST_TYPE))
    .replace("LEAST_TARGET", str(LEAST_TARGET))
    .replace("LEAST_GAP", str(LEAST_GAP))
    .replace("MOST_WEIGHT", str(MOST_WEIGHT))
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
        context.base_url = address  # type: ignore[attr-defined]
        yield page
        await context.close()
        assert foreign == []
        # That a page is itself an error (a wrong password, an unknown address) is not a fault of the page, nor that a
        # test has cut it off.
        expected = r"status of (400|401|403|404|409)|net::ERR_"
        assert [said for said in complaints if not re.search(expected, said)] == []

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
        await page.get_by_label("Login, volunteer number").fill(resident.login)
        await page.get_by_label("Password").fill("not hers")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("is wrong")
        await expect(page.get_by_label("Login, volunteer number")).to_have_value(resident.login)
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


async def test_the_balance_stands_in_figures_of_60_px(visit: Visit, resident: Person) -> None:
    async with visit(width=320) as page:
        await enter(page, resident)
        for size in ("standard", "elder", "largest"):
            await page.goto(f"/?size={size}")
            figures = page.locator(".figures .main dd")
            assert await figures.evaluate("it => parseFloat(getComputedStyle(it).fontSize)") >= 60


# --- every page -------------------------------------------------------------------------------------------------------

ROWS = [(who, path) for rows in PLACES.values() for who, path in rows]
WHO = sorted({who for who, _path in ROWS})


@pytest.fixture(scope="module")
async def cast(database: AsyncEngine, resident: Person) -> Cast:
    return await places.a_cast(database, resident.book, resident)


async def as_(page: Page, database: AsyncEngine, person: Person | Shop | None) -> None:
    """Signs somebody in without the form, which takes its time to look at a password; a till has its cookie."""
    url = page.context.base_url  # type: ignore[attr-defined]
    if isinstance(person, Shop):
        await page.context.add_cookies([person.cookie(url)])
    elif person is not None:
        secret = await people.a_session(database, person)
        await page.context.add_cookies([{"name": COOKIE, "value": secret, "url": url}])


async def look(page: Page, language: str, where: str) -> None:
    """Looks at the open page in three sizes and three widths, and as a reader with help would find it."""
    for size in frame.SIZES:
        await page.evaluate(f"document.documentElement.className = '{size}'")
        for width in (320, 640, 1280):  # 640: 1280 at 200 %
            await page.set_viewport_size({"width": width, "height": 740})
            found = await page.evaluate(MEASURE)
            assert not any(found.values()), f"{where} {size} {width}: {found}"
    if language == "zh":
        await page.evaluate("document.documentElement.className = 'standard'")
        await page.set_viewport_size({"width": 360, "height": 740})
    axe = await Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    assert axe.violations_count == 0, f"{where}: {axe.generate_report()}"
    if language == "en":
        words = people.words_of(await page.content())
        assert not CHINESE.search(words), f"{where} says {CHINESE.findall(words)}"


def test_every_page_is_looked_at(database: AsyncEngine) -> None:
    app = create_app(SETTINGS, database)
    assert places.addresses(app, "GET") == (PLACES.keys() | places.LEAD_ON | places.FILES) - {""}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("who", WHO)
async def test_pages_are_large_light_calm_and_hinder_nobody(
    visit: Visit, cast: Cast, database: AsyncEngine, who: str, language: str
) -> None:
    async with visit() as page:
        await as_(page, database, cast.people[who])
        for path in (path.format(**cast.ids) for of, path in ROWS if of == who):
            await page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
            await look(page, language, path)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_is_shown_once_is_made_with_the_same_care(
    visit: Visit, cast: Cast, database: AsyncEngine, language: str
) -> None:
    async with visit() as page:
        await as_(page, database, cast.people["chief"])
        await page.goto(f"/staff/renewals?lang={language}")
        await page.locator("form[action$='/confirm'] button").first.click()
        await expect(page.locator(".secret")).to_have_text(re.compile(r"\d{6}"))
        await look(page, language, "a new PIN")
        await page.goto("/staff/users/new")
        await page.locator("#role").select_option("reviewer")
        await page.locator("#login").fill(f"colleague-{secrets.token_hex(4)}")
        await page.locator("form.card button.first").click()
        await expect(page.locator(".secret")).to_be_visible()
        await look(page, language, "a first password")
        await page.goto("/staff/tokens/new")
        await page.locator("#name").fill("Platform")
        await page.locator("input[name='books:read']").check()
        await page.locator("form.card button.first").click()
        await expect(page.locator(".secret")).to_have_text(re.compile("mt_"))
        await look(page, language, "a new token")
        await page.goto("/staff/volunteers")
        await page.locator("#who").fill("13800138000")
        await page.locator("form.card button.first").click()
        await expect(page.locator(".facts")).to_contain_text("138****8000")
        await look(page, language, "who was found")
        await page.goto("/staff/volunteers/N0001/reveal")
        await page.locator("input[name='id_number']").check()
        await page.locator("#reason").fill("the award is hers")
        await page.locator("form.card button.first").click()
        await expect(page.locator(".facts")).to_contain_text(people.GROWN)
        await look(page, language, "what is shown in full")
        await page.goto("/staff/volunteers/N0001")
        await page.locator("form[action$='/card'] button").click()
        await expect(page.locator(".secret")).to_have_text(re.compile(r"79\d{4} \d{6} \d{6}"))
        await look(page, language, "a new card")
        await page.goto("/staff/outlets/X0001")
        await page.locator("#till_name").fill("Counter")
        await page.locator("form[action$='/tills'] button").click()
        await expect(page.locator(".secret")).to_have_text(re.compile(r"\d{4} \d{4}"))
        await look(page, language, "a code for a till")
        for path in (
            "/staff/volunteers/N0001/reveal",
            "/staff/volunteers/N0001/erase",
            "/staff/volunteers/new",
            "/staff/propose",
            "/staff/users/new",
            "/staff/tokens/new",
            "/account/password",
        ):
            await page.goto(path)
            await page.evaluate("document.querySelectorAll('[required]').forEach(it => it.required = false)")
            await page.locator("form.card button.first").click()
            await expect(page.get_by_role("alert")).to_be_visible()
            await look(page, language, f"what is wrong on {path}")


async def test_staff_do_their_work_without_javascript(visit: Visit, cast: Cast, database: AsyncEngine) -> None:
    async with visit(java_script_enabled=False) as hers, visit(java_script_enabled=False) as colleagues:
        await as_(hers, database, cast.people["clerk"])
        await as_(colleagues, database, cast.people["chief"])
        await hers.goto("/")
        await hers.get_by_role("link", name="加分、扣分").click()
        await hers.get_by_label("志愿者编号").fill("N0001")
        await hers.get_by_label("多少分").fill("１５")
        await hers.get_by_label("原因").fill("修好了<u>路灯</u>")
        await hers.get_by_role("button", name="提出").dblclick()
        await expect(hers.get_by_role("status")).to_contain_text("等同事批准")
        await colleagues.goto("/staff")
        await colleagues.get_by_role("link", name="待批的账").click()
        ours = colleagues.locator("section", has_text="修好了<u>路灯</u>")
        await expect(ours).to_have_count(1)
        await ours.get_by_role("link", name="打开看").click()
        await colleagues.get_by_role("button", name="批准，入账").click()
        await expect(colleagues.get_by_role("status")).to_contain_text("已经批准")
        await hers.goto("/staff/renewals")
        await hers.get_by_label("志愿者编号").fill("N0001")
        await hers.get_by_role("button", name="申请换密码").click()
        await expect(hers.get_by_role("heading", level=1)).to_have_text("忘记密码")
        await colleagues.goto("/staff/users")
        await colleagues.get_by_role("link", name="让一位新用户登录").click()
        await colleagues.get_by_label("角色").select_option("operator")
        await colleagues.get_by_label("登录名").fill(f"new-{secrets.token_hex(4)}")
        await colleagues.get_by_role("button", name="建好").click()
        await expect(colleagues.locator(".secret")).to_be_visible()
        await colleagues.goto("/staff/tokens")
        await colleagues.get_by_role("link", name="做一个新令牌").click()
        await colleagues.get_by_label("名称").fill("平台")
        await colleagues.get_by_label("看账").check()
        await colleagues.get_by_role("button", name="做令牌").click()
        await expect(colleagues.locator(".secret")).to_contain_text("mt_")
        await colleagues.get_by_role("button", name="退出登录").click()
        await expect(colleagues.get_by_role("status")).to_have_text("您已安全退出。")


async def test_pressing_twice_shows_the_new_pin_all_the_same(visit: Visit, cast: Cast, database: AsyncEngine) -> None:
    async with database.begin() as tx:
        await renewals.ask(tx, cast.district.book.book_id, "S0001", "user:0", auth.now())
    async with visit() as page:
        await as_(page, database, cast.people["chief"])
        await page.goto("/staff/renewals")
        ours = page.locator("li", has_text="S0001")
        await ours.get_by_role("button", name="确认").dblclick()
        await expect(page.locator(".secret")).to_have_text(re.compile(r"\d{6}"))
