"""Scanning in a real browser: a camera that shows what the service draws, photos, digits, and scanner guns."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, frames, qr, till_session
from api.app import SECURITY_HEADERS
from api.pages import frame
from api.pages.practice import CASES
from ledger.access import tokens
from ledger.books.directory import Book
from ledger.eighteen import PAPER, PAY_CODE, VOUCHER, new_number
from tests.conftest import new_book
from tests.pages import tills
from tests.pages.conftest import FLAGS, chromium
from tests.pages.people import token_of
from tests.pages.test_browser import MEASURE
from tests.pages.test_till_pages import press
from tests.pages.tills import Shop
from tests.pictures import SIZE, TABLE, coded, film, painted, taken

BLANK = Image.new("L", SIZE, TABLE)
HOST = "till.test"
"""A name for this machine, to which one comes without https: there browsers open no camera."""

# What a page does before it sends a code, noted where the next page does not wipe it out.
WATCH = """
navigator.vibrate = (time) => { sessionStorage.vibrated = time; return true; };
const open = navigator.mediaDevices && navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
if (open) {
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    sessionStorage.wanted = JSON.stringify(wanted);
    window.streams = [...(window.streams || []), stream];
    return stream;
  };
}
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the camera shows: the browser reads it anew whenever its camera is opened."""
    file = tmp_path_factory.mktemp("camera") / "clip.y4m"
    film(file, [BLANK], 5)
    return file


def shows(clip: Path, *codes: Image.Image) -> None:
    """The camera sees a table for half a second, and then these codes, held by a hand."""
    held = [taken(*codes, turned=turned, noise=4, seed=turned) for turned in (-9, -4, 2, 7, 12)]
    film(clip, [BLANK] * 5 + held * 4)


def square(digits: str) -> Image.Image:
    return painted(qr.of_digits(digits, ""))


@asynccontextmanager
async def a_browser(*flags: str) -> AsyncIterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium found: install it, or name it in MEIDE_CHROMIUM")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        yield browser
        await browser.close()


FAKE = "--use-fake-device-for-media-stream"


@pytest.fixture(scope="module")
async def camera(clip: Path) -> AsyncIterator[Browser]:
    """A browser with a camera, which its user lets us use."""
    flags = (FAKE, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={clip}")
    async with a_browser(*flags, f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="module")
async def outlet(database: AsyncEngine) -> Shop:
    return await tills.a_shop(database, await new_book(database))


@pytest.fixture
async def shop(database: AsyncEngine, outlet: Shop) -> Shop:
    """A till that has sent no pictures yet."""
    return await tills.a_till(database, outlet.book, outlet.outlet)


Opens = Callable[..., AbstractAsyncContextManager[Page]]


@pytest.fixture
def opens(address: str, shop: Shop) -> Opens:
    """Opens a page at the till; at the end nothing foreign was asked for, and nothing was complained about."""

    @asynccontextmanager
    async def opening(
        browser: Browser, path: str = "/till/try", *scripts: str, at: str = address, **options: Any
    ) -> AsyncIterator[Page]:
        context = await browser.new_context(
            base_url=at,
            viewport={"width": 360, "height": 740},
            locale="zh-CN",
            is_mobile=True,
            has_touch=True,
            **options,
        )
        context.set_default_timeout(10_000)
        await context.add_cookies([{"name": till_session.COOKIE, "value": shop.secret, "url": at}])
        page = await context.new_page()
        complaints: list[str] = []
        page.on(
            "request", lambda request: None if request.url.startswith((at, "blob:")) else complaints.append(request.url)
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        for script in (WATCH, *scripts):
            await page.add_init_script(script)
        await page.goto(path)
        yield page
        await context.close()
        assert [
            said
            for said in complaints
            if not re.search(r"status of (400|401|403|409|413|422|429)|ERR_INTERNET|untrustworthy", said)
        ] == []

    return opening


def asked(page: Page) -> list[str]:
    """Fills up with the frames that are sent from here on."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/frames") else None)
    return sent


def scan(page: Page) -> Any:
    return page.locator("[data-scans]")


async def stays(page: Page) -> None:
    """Keeps forms from being sent, so that the page which sends one can be looked at."""
    await page.evaluate("document.addEventListener('submit', event => event.preventDefault())")


async def read(page: Page, digits: str) -> None:
    await expect(page.locator("#read")).to_contain_text(f"读到了 {digits}", timeout=20_000)
    await expect(page.locator("#read")).to_contain_text("积分没有动")


# --- the camera, and the server ---------------------------------------------------------------------------------------


async def test_a_code_before_the_camera_is_read_by_the_server(camera: Browser, clip: Path, opens: Opens) -> None:
    for digits in (new_number(PAY_CODE), new_number(PAPER)):
        shows(clip, square(digits))
        async with opens(camera) as page:
            sent = asked(page)
            await scan(page).click()
            await expect(page.locator("#scan-video")).to_be_visible()
            await read(page, digits)
            assert 1 <= len(sent) < 30
            assert await page.evaluate("JSON.parse(sessionStorage.wanted).video.facingMode.ideal") == "environment"


async def test_a_barcode_and_a_voucher_are_read_too(camera: Browser, clip: Path, opens: Opens) -> None:
    digits = new_number(VOUCHER)
    shows(clip, painted(qr.bars(digits, ""), 460))
    async with opens(camera) as page:
        await scan(page).click()
        await read(page, digits)


async def test_when_a_code_is_read_the_camera_is_closed_and_the_button_locked(
    camera: Browser, clip: Path, opens: Opens
) -> None:
    digits = new_number(PAY_CODE)
    shows(clip, square(digits))
    async with opens(camera) as page:
        await stays(page)
        await scan(page).click()
        await expect(page.locator("#scan-said")).to_have_text("读到了。")
        assert await page.evaluate("streams.flatMap(one => one.getTracks()).map(track => track.readyState)") == [
            "ended"
        ]
        assert await page.evaluate("document.getElementById('scan-video').srcObject") is None
        assert await page.evaluate("sessionStorage.vibrated") == "100"
        await expect(page.locator("#scan-video")).to_be_hidden()
        await expect(scan(page)).to_be_disabled()
        await expect(page.locator("#code")).to_have_value(digits)


async def test_codes_that_are_not_ours_are_passed_over(camera: Browser, clip: Path, opens: Opens) -> None:
    digits = new_number(PAY_CODE)
    film(clip, [taken(painted(qr.svg("https://example.org/")))] * 10 + [taken(square(digits), turned=5)] * 10)
    async with opens(camera) as page:
        await scan(page).click()
        await read(page, digits)


async def test_practice_is_scanned_from_the_basket_to_the_quote(camera: Browser, clip: Path, opens: Opens) -> None:
    shows(clip, square(CASES["good"]))
    async with opens(camera, "/till/practice?n.soap=2") as page:
        await page.locator("button[formaction='/till/practice/code']").click()
        await scan(page).click()
        await expect(page.locator("main")).to_contain_text("练*者")


async def test_who_stops_has_the_camera_closed_at_once_and_may_begin_again(
    camera: Browser, clip: Path, opens: Opens
) -> None:
    film(clip, [BLANK], 10)
    async with opens(camera) as page:
        sent = asked(page)
        for _ in range(2):
            await scan(page).click()
            await expect(scan(page)).to_have_text("停下")
            await expect(page.locator("#scan-video")).to_be_visible()
            await expect(page.locator("#scan-said")).to_have_text("请把码放在画面中间。")
            await scan(page).click()
            await expect(scan(page)).to_have_text("扫码")
            await expect(page.locator("#scan-video")).to_be_hidden()
        states = await page.evaluate("streams.flatMap(one => one.getTracks()).map(track => track.readyState)")
        assert states == ["ended", "ended"]
        assert len(sent) < 12


async def test_after_twenty_seconds_without_a_code_it_says_what_else_helps(
    camera: Browser, clip: Path, opens: Opens
) -> None:
    film(clip, [BLANK], 10)
    async with opens(camera) as page:
        await page.evaluate(
            "const since = performance.now.bind(performance); window.later = 0; performance.now = () => since() + later"
        )
        async with page.expect_request(lambda request: "/frames" in request.url):  # by then its time is running
            await scan(page).click()
        await page.evaluate("window.later = 19000")
        await expect(page.locator("#scan-video")).to_be_hidden()
        await expect(page.locator("#scan-said")).to_contain_text("没有看到码")
        await expect(scan(page)).to_have_text("扫码")


async def test_without_a_network_it_says_so(camera: Browser, clip: Path, opens: Opens) -> None:
    film(clip, [BLANK], 10)
    async with opens(camera) as page:
        await page.context.set_offline(True)
        await scan(page).click()
        await expect(page.locator("#scan-said")).to_contain_text("网络不通")
        await expect(page.locator("#scan-video")).to_be_hidden()


async def test_a_till_that_has_ended_is_told_so(
    camera: Browser, clip: Path, opens: Opens, shop: Shop, address: str, database: AsyncEngine
) -> None:
    film(clip, [BLANK], 10)
    other = await tills.a_till(database, shop.book, shop.outlet)
    async with opens(camera) as page:
        await page.context.add_cookies([{"name": till_session.COOKIE, "value": other.secret, "url": address}])
        await page.reload()
        async with database.begin() as tx:
            await tokens.revoke(tx, shop.book.book_id, other.till, "room:test", auth.now())
        await scan(page).click()
        await expect(page.locator("#scan-said")).to_contain_text("已停用")


async def test_while_it_looks_everything_is_large_and_in_its_place(camera: Browser, clip: Path, opens: Opens) -> None:
    film(clip, [BLANK], 10)
    async with opens(camera, "/till/try?lang=en") as page:
        await scan(page).click()
        await expect(page.locator("#scan-video")).to_be_visible()
        for size in frame.SIZES:
            await page.evaluate(f"document.documentElement.className = '{size}'")
            found = await page.evaluate(MEASURE)
            assert not any(found.values()), f"{size}: {found}"


# --- the browser itself -----------------------------------------------------------------------------------------------


def detector(body: str) -> str:
    return f"window.BarcodeDetector = class {{ async detect() {{ {body} }} }};"


async def test_a_browser_that_reads_codes_itself_sends_no_pictures(camera: Browser, clip: Path, opens: Opens) -> None:
    film(clip, [BLANK], 10)
    digits = new_number(PAY_CODE)
    sees = f"""
      window.tries = (window.tries || 0) + 1;
      return tries < 4 ? [] : [{{rawValue: 'https://example.org/'}}, {{rawValue: '{digits}'}}];"""
    async with opens(camera, "/till/try", detector(sees)) as page:
        sent = asked(page)
        await scan(page).click()
        await read(page, digits)
        assert sent == []


@pytest.mark.parametrize(
    "broken",
    [
        detector("throw new DOMException('no service', 'NotSupportedError');"),
        "window.BarcodeDetector = class { constructor() { throw new TypeError(); } };",
        "window.BarcodeDetector = {};",
        detector("window.tries = (window.tries || 0) + 1; if (tries > 2) throw new Error('gone'); return [];"),
        detector("return new Promise(() => {});"),
        detector("return [];"),
        detector("return [{rawValue: '770000000000000000'}];"),
    ],
    ids=["throws", "is not made", "is none", "throws later", "is silent", "finds nothing", "finds a wrong digit"],
)
async def test_where_the_browser_only_says_that_it_reads_codes_the_server_does(
    camera: Browser, clip: Path, opens: Opens, broken: str
) -> None:
    digits = new_number(PAY_CODE)
    shows(clip, square(digits))
    async with opens(camera, "/till/try", broken) as page:
        sent = asked(page)
        await scan(page).click()
        await read(page, digits)
        assert sent


# --- no camera --------------------------------------------------------------------------------------------------------


async def test_without_a_camera_or_a_permission_it_says_what_else_helps(opens: Opens) -> None:
    async with a_browser() as browser, opens(browser) as page:
        await scan(page).click()
        await expect(page.locator("#scan-said")).to_contain_text("没有相机")
        await expect(scan(page)).to_have_text("扫码")
    async with a_browser(FAKE, "--deny-permission-prompts") as browser, opens(browser) as page:
        await scan(page).click()
        await expect(page.locator("#scan-said")).to_contain_text("没有得到用相机的许可")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NotReadableError", "相机打不开"),
        ("OverconstrainedError", "相机打不开"),
        ("NotAllowedError", "没有得到用相机的许可"),
        ("SecurityError", "没有得到用相机的许可"),
        ("NotFoundError", "没有相机"),
    ],
)
async def test_each_fault_of_a_camera_has_its_words(camera: Browser, opens: Opens, name: str, said: str) -> None:
    script = f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{name}'); }};"
    async with opens(camera, "/till/try?lang=zh", script) as page:
        await scan(page).click()
        await expect(page.locator("#scan-said")).to_contain_text(said)
        await expect(scan(page)).to_be_enabled()


async def test_where_there_is_no_https_a_photo_does(camera: Browser, opens: Opens, address: str) -> None:
    digits = new_number(PAY_CODE)
    async with opens(camera, at=address.replace("127.0.0.1", HOST)) as page:
        assert not await page.evaluate("isSecureContext")
        await scan(page).click()
        await expect(page.locator("#scan-said")).to_contain_text("不是 https")
        await page.locator("#photo").set_input_files(a_file(coded(taken(square(digits)))))
        await read(page, digits)


# --- photos -----------------------------------------------------------------------------------------------------------


def a_file(content: bytes, kind: str = "jpeg") -> Any:
    return {"name": f"photo.{kind}", "mimeType": f"image/{kind}", "buffer": content}


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
async def test_a_photo_is_read_without_javascript(camera: Browser, opens: Opens, kind: str) -> None:
    digits = new_number(PAY_CODE)
    photo = coded(taken(square(digits), size=(1600, 1200), turned=15), kind.upper())
    async with opens(camera, java_script_enabled=False) as page:
        await expect(scan(page)).to_be_hidden()
        await page.locator("#photo").set_input_files(a_file(photo, kind))
        await page.get_by_role("button", name="读照片").click()
        await expect(page.locator("#code")).to_have_value(digits)
        await page.get_by_role("button", name="读一下").click()
        await read(page, digits)


async def test_a_photo_at_the_counter_keeps_what_was_chosen(camera: Browser, opens: Opens) -> None:
    photo = coded(taken(square(CASES["poor"])))
    async with opens(camera, "/till/practice?n.soap=2&n.towel=1", java_script_enabled=False) as page:
        await page.locator("button[formaction='/till/practice/code']").click()
        await page.locator("#photo").set_input_files(a_file(photo))
        await page.get_by_role("button", name="读照片").click()
        await expect(page.locator("#code")).to_have_value(CASES["poor"])
        await page.locator("#scan button.first").click()
        await expect(page.locator("main")).to_contain_text("不够")
        assert await page.locator("[name='n.soap']").first.get_attribute("value") == "2"


async def test_with_javascript_a_large_photo_is_made_smaller_and_read_at_once(camera: Browser, opens: Opens) -> None:
    digits = new_number(PAY_CODE)
    photo = coded(taken(square(digits).resize((1400, 1400)), size=(4000, 3000), noise=12, blur=0), quality=90)
    assert len(photo) > 3_000_000
    async with opens(camera) as page:
        sent = asked(page)
        await page.locator("#photo").set_input_files(a_file(photo))
        await read(page, digits)
        assert len(sent) == 1


@pytest.mark.parametrize("javascript", [True, False])
async def test_of_a_photo_without_a_code_it_is_said(camera: Browser, opens: Opens, *, javascript: bool) -> None:
    async with opens(camera, java_script_enabled=javascript) as page:
        await page.locator("#photo").set_input_files(a_file(coded(BLANK)))
        if not javascript:
            await page.get_by_role("button", name="读照片").click()
        said = page.locator("#scan-said" if javascript else "#wrong")
        await expect(said).to_contain_text("照片里没有看到一个完整的码")


async def test_a_photo_that_is_too_large_or_none_is_refused_politely(camera: Browser, opens: Opens) -> None:
    for content, said in ((bytes(9 * 1024 * 1024), "8 MB"), (b"<html>" * 100, "重拍一张")):
        async with opens(camera, java_script_enabled=False) as page:
            await page.locator("#photo").set_input_files(a_file(content))
            async with page.expect_navigation():
                await page.get_by_role("button", name="读照片").click()
            await expect(page.locator("main")).to_contain_text(said)


# --- digits and guns --------------------------------------------------------------------------------------------------


def grouped(digits: str) -> str:
    return " ".join(re.findall(r"\d{1,4}", digits))


def full_width(digits: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in digits)


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("write", [str, grouped, full_width])
async def test_digits_are_typed_as_one_likes(
    camera: Browser, opens: Opens, write: Callable[[str], str], *, javascript: bool
) -> None:
    digits = new_number(PAY_CODE)
    async with opens(camera, java_script_enabled=javascript) as page:
        await page.locator("#code").fill(write(digits))
        await page.get_by_role("button", name="读一下").click()
        await read(page, digits)


async def test_a_wrong_digit_is_found_in_the_browser_and_not_sent(camera: Browser, opens: Opens) -> None:
    digits = new_number(PAY_CODE)
    wrong = digits[:9] + str((int(digits[9]) + 1) % 10) + digits[10:]
    async with opens(camera) as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        for typed in (wrong, digits[:-1], digits + "0", "hello", "4" + digits[1:]):
            await page.locator("#code").fill(typed)
            await page.get_by_role("button", name="读一下").click()
            await expect(page.locator("#scan-said")).to_contain_text("数字不对，没有发出")
            await expect(page.locator("#code")).to_be_focused()
        assert sent == []
        await page.locator("#code").fill(digits)
        await page.keyboard.press("Enter")
        await read(page, digits)


async def test_without_javascript_a_wrong_digit_is_found_by_the_server(camera: Browser, opens: Opens) -> None:
    async with opens(camera, java_script_enabled=False) as page:
        for typed in ("770000000000000000", "", "hello"):
            await page.locator("#code").fill(typed)
            await page.get_by_role("button", name="读一下").click()
            await expect(page.locator("#wrong")).to_be_visible()
            await expect(page.locator("#code")).to_have_value(typed)


async def shoot(page: Page, digits: str, *, numpad: bool = False, composed: bool = False) -> None:
    """A gun: eight milliseconds a key and Enter behind them; `composed`: an input method has taken hold of the keys."""
    session = await page.context.new_cdp_session(page)
    for place, digit in enumerate(digits):
        code = f"{'Numpad' if numpad else 'Digit'}{digit}"
        if composed:
            key = {"code": code, "key": "Process", "windowsVirtualKeyCode": 229, "nativeVirtualKeyCode": 229}
            await session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
            text = full_width(digits[: place + 1])
            await session.send(
                "Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)}
            )
            await session.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})
        else:
            await page.keyboard.press(code)
    if composed:
        enter = {"code": "Enter", "key": "Process", "windowsVirtualKeyCode": 229, "nativeVirtualKeyCode": 229}
        await session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    else:
        await page.keyboard.press("NumpadEnter" if numpad else "Enter")


@pytest.mark.parametrize("composed", [False, True], ids=["plain", "input method"])
@pytest.mark.parametrize("numpad", [False, True], ids=["digits", "numpad"])
async def test_a_gun_is_heard_under_a_chinese_input_method(
    camera: Browser, opens: Opens, *, numpad: bool, composed: bool
) -> None:
    digits = new_number(PAY_CODE)
    async with opens(camera) as page:
        await expect(page.locator("#code")).to_be_focused()
        await shoot(page, digits, numpad=numpad, composed=composed)
        await read(page, digits)


async def test_a_gun_is_heard_wherever_the_cursor_is_and_spoils_nothing_there(camera: Browser, opens: Opens) -> None:
    digits = CASES["good"]
    async with opens(camera, "/till/practice?n.soap=2") as page:
        await page.locator("button[formaction='/till/practice/code']").click()
        await page.locator("summary").first.click()
        agent = page.locator("#agent")
        await agent.fill("V1")
        await stays(page)
        await shoot(page, digits)
        await expect(page.locator("#code")).to_have_value(digits)
        await expect(agent).to_have_value("V1")
    async with opens(camera) as page:
        await page.locator("#code").evaluate("field => field.blur()")
        await shoot(page, digits)
        await read(page, digits)


async def test_a_gun_that_reads_something_else_sends_nothing(camera: Browser, opens: Opens) -> None:
    async with opens(camera) as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        await shoot(page, "770000000000000000")
        await expect(page.locator("#scan-said")).to_contain_text("数字不对，没有发出")
        await shoot(page, "6901234567892")
        await expect(page.locator("#scan-said")).to_contain_text("数字不对，没有发出")
        assert sent == []


# --- without a browser ------------------------------------------------------------------------------------------------


@pytest.fixture
async def counter(site: httpx.AsyncClient, database: AsyncEngine, book: Book) -> httpx.AsyncClient:
    """The browser of a shop's till."""
    site.cookies.set(till_session.COOKIE, (await tills.a_shop(database, book)).secret, "books.test")
    return site


async def test_only_pages_that_scan_may_open_the_camera(counter: httpx.AsyncClient) -> None:
    closed = dict(SECURITY_HEADERS)[b"permissions-policy"].decode()
    for path in ("/till", "/till/practice", "/sign-in"):
        assert (await counter.get(path)).headers["permissions-policy"] == closed
    page = await counter.get("/till/try")
    assert page.headers["permissions-policy"] == closed.replace("camera=()", "camera=(self)")
    assert page.headers["permissions-policy"] == frame.CAMERA["Permissions-Policy"]
    code = await press(counter, await counter.get("/till/practice?n.soap=1"), "/till/practice/code", **{"n.soap": "1"})
    assert code.headers["permissions-policy"] == frame.CAMERA["Permissions-Policy"]


async def test_a_device_that_is_no_till_reads_nothing(site: httpx.AsyncClient) -> None:
    assert (await site.get("/till/try")).status_code == 403
    token = token_of((await site.get("/sign-in")).text)
    picture = coded(taken(square(new_number(PAY_CODE))))
    for content_type, headers in (("image/jpeg", {"X-CSRFToken": token}), ("image/jpeg", {}), ("text/plain", {})):
        answer = await site.post("/till/frames", content=picture, headers={"Content-Type": content_type} | headers)
        assert answer.status_code == (401 if headers else 403)
    photo = await site.post("/till/try/photo", data={"_csrf_token": token}, files={"photo": ("a.jpg", picture)})
    assert photo.status_code == 403
    assert (await site.post("/till/try", data={"_csrf_token": token, "code": new_number(PAY_CODE)})).status_code == 403


async def test_frames_are_read_for_pages_of_the_till_only(counter: httpx.AsyncClient) -> None:
    token = token_of((await counter.get("/till/try")).text)
    digits = new_number(PAY_CODE)
    picture = coded(taken(square(digits)))
    jpeg = {"Content-Type": "image/jpeg"}
    ours = jpeg | {"X-CSRFToken": token}
    read = await counter.post("/till/frames", content=picture, headers=ours)
    assert (read.status_code, read.json()) == (200, {"code": digits})
    assert read.headers["cache-control"] == "no-store"
    for content, status, code in (
        (b"", 400, "invalid_request"),
        (b"GIF89a", 400, "invalid_request"),
        (bytes(frames.FRAME.size + 1), 413, "body_too_large"),
    ):
        answer = await counter.post("/till/frames", content=content, headers=ours)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    for headers in (jpeg, ours | {"Sec-Fetch-Site": "cross-site"}, ours | {"Content-Type": "text/plain"}):
        assert (await counter.post("/till/frames", content=picture, headers=headers)).status_code == 403


async def test_a_till_that_sends_too_many_is_told_to_wait(counter: httpx.AsyncClient) -> None:
    token = token_of((await counter.get("/till/try")).text)
    headers = {"Content-Type": "image/jpeg", "X-CSRFToken": token}
    answers = [await counter.post("/till/frames", content=coded(BLANK), headers=headers) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["code"] == "too_many_frames"


async def test_the_page_of_practice_moves_nothing_and_takes_any_code(counter: httpx.AsyncClient) -> None:
    page = await counter.get("/till/try")
    for prefix in (PAY_CODE, PAPER, VOUCHER):
        digits = new_number(prefix)
        done = await press(counter, page, "/till/try", code=grouped(digits))
        assert f"读到了 {digits}" in done.text
        assert 'id="read"' not in (await press(counter, page, "/till/try", code=digits[:-1])).text
    english = await counter.get("/till/try?lang=en")
    assert "Practise scanning" in english.text


def test_the_scripts_of_scanning_stay_small() -> None:
    folder = frame.HERE / "static"
    assert sum((folder / name).stat().st_size for name in ("scan.js", "wedge.js")) <= 9 * 1024
