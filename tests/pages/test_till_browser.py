"""The till in a real browser: a shopkeeper with a cheap phone sells, practises, and loses the network."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Error, Page, Route, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from tests.pages import tills
from tests.pages.people import Person
from tests.pages.test_browser import MEASURE, MOST_WEIGHT, Visit, as_, look, visit
from tests.pages.tills import BALANCE, MASKED, Shop

__all__ = ["visit"]

PICTURES = os.environ.get("MEIDE_PICTURES")
"""A folder for screenshots, for who wants to look at them."""

PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 800}


@pytest.fixture
async def shop(database: AsyncEngine, book: Book) -> Shop:
    return await tills.a_shop(database, book)


@pytest.fixture
async def shopper(database: AsyncEngine, book: Book) -> Person:
    return await tills.a_shopper(database, book)


async def seen(page: Page, name: str) -> None:
    if PICTURES:
        size = page.viewport_size or PHONE
        await page.screenshot(path=Path(PICTURES) / f"{name}-{size['width']}.png", full_page=True)


async def chosen(page: Page, *items: str, base: str = "/till") -> None:
    """Chooses a piece of each of these goods and goes on to the code."""
    await page.goto(base)
    for item in items:
        await page.locator(f"button[name=plus][value={item}]").click()
        await expect(page.locator(f"input[name='n.{item}']")).to_have_value("1")


async def quoted(page: Page, digits: str, *items: str) -> None:
    """Up to the quote, by typed digits."""
    await chosen(page, *items)
    await page.locator("#goods .first").click()
    await page.locator("#code").fill(digits)
    await page.locator("#scan > .first").click()
    await expect(page.locator("#redeem button")).to_be_visible()


@asynccontextmanager
async def at_the_till(visit: Visit, database: AsyncEngine, shop: Shop, **options: Any) -> AsyncIterator[Page]:
    async with visit(**options) as page:
        await as_(page, database, shop)
        yield page


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_a_whole_sale_with_typed_digits(
    visit: Visit, database: AsyncEngine, shop: Shop, shopper: Person, script: bool, size: dict[str, int]
) -> None:
    digits = await tills.a_code(database, shopper)
    async with at_the_till(visit, database, shop, java_script_enabled=script, **size) as page:
        await chosen(page, "G1", "G2")
        await expect(page.locator("#sum")).to_have_text("共 2 件，17 分")
        await seen(page, f"goods-{script}")
        await page.locator("#goods .first").click()
        await expect(page.locator("h1")).to_have_text("扫积分码")
        await seen(page, f"code-{script}")
        await page.locator("#code").fill(digits)
        await page.locator("#scan > .first").click()
        await expect(page.locator(".who")).to_have_text(re.compile(rf"{re.escape(MASKED)} · 17 分 · 够"))
        word = await page.locator(".word").inner_text()
        await seen(page, f"quote-{script}")
        await page.locator("#redeem button").click()
        await expect(page.locator(".result h1")).to_have_text("兑换成功")
        await expect(page.locator(".result .word")).to_have_text(word)
        await expect(page).to_have_url(re.compile(r"/till/redemptions/[0-9a-f-]+\?now=1"))
        await seen(page, f"done-{script}")
        await page.get_by_role("link", name="下一位").first.click()
        await expect(page.locator("h1")).to_have_text("选商品")
        await page.get_by_role("link", name="今天的兑换").click()
        await expect(page.get_by_text("今天 1 笔，17 分")).to_be_visible()
        await seen(page, f"day-{script}")
        await page.get_by_role("link", name=re.compile("撤销")).click()
        await seen(page, f"cancel-{script}")
        await page.get_by_role("button", name="确定撤销").click()
        await expect(page.locator(".result h1")).to_have_text("已撤销，积分已退回")
        await seen(page, f"cancelled-{script}")
    assert await tills.left(database, shopper) == BALANCE


async def test_each_answer_is_an_icon_and_words_over_the_whole_screen(
    visit: Visit, database: AsyncEngine, shop: Shop, shopper: Person
) -> None:
    used = await tills.a_code(database, shopper)
    async with at_the_till(visit, database, shop) as page:
        await quoted(page, used, "G1")
        await page.locator("#redeem button").click()
        await expect(page.locator(".result.done .icon")).to_have_text("✓")
        for face, said in (("used", re.compile(r"此码已使用 \d\d:\d\d")), ("expired", "已过期，请换新码")):
            digits = used if face == "used" else await tills.a_code(database, shopper, expired=True)
            await chosen(page, "G1")
            await page.locator("#goods .first").click()
            await page.locator("#code").fill(digits)
            await page.locator("#scan > .first").click()
            await expect(page.locator(f".result.{face} h1")).to_have_text(said)
            await expect(page.locator(".result .icon")).to_have_text(re.compile(r"\S"))
            box = await page.locator(".result").bounding_box()
            assert box
            assert box["height"] >= 0.6 * 740 - 1
            await look(page, "zh", face)
            await seen(page, face)
        await page.get_by_role("button", name="再扫一次").click()
        await expect(page.locator("h1")).to_have_text("扫积分码")
        await page.locator("#code").fill("771234567890123456")
        await page.locator("#scan > .first").click()
        await expect(page.locator("#scan-said")).to_contain_text("数字不对")


@pytest.mark.parametrize("script", [True, False])
async def test_what_costs_much_turns_green_when_she_confirms(
    visit: Visit, database: AsyncEngine, shop: Shop, shopper: Person, script: bool
) -> None:
    digits = await tills.a_code(database, shopper)
    async with at_the_till(visit, database, shop, java_script_enabled=script) as page:
        await quoted(page, digits, "G3")
        await page.locator("#redeem button").click()
        await expect(page.locator(".result.waiting h1")).to_have_text("请在志愿者手机上确认")
        await seen(page, f"waiting-{script}")
        await tills.confirms(database, shopper)
        await expect(page.locator(".result.done h1")).to_have_text("兑换成功", timeout=15_000)


async def test_the_answer_is_lost_after_the_server_gave_it_and_the_till_finds_it_by_its_key(
    visit: Visit, database: AsyncEngine, book: Book, shop: Shop, shopper: Person
) -> None:
    digits = await tills.a_code(database, shopper)
    async with at_the_till(visit, database, shop) as page:
        cut = asyncio.Event()

        async def lost(route: Route) -> None:
            if not cut.is_set():
                await route.fetch(max_redirects=0)  # the server redeems and answers; nobody hears it
                cut.set()
            await route.abort("connectionreset")

        await page.route("**/till/redeem", lost)
        await page.route("**/till/by-key/*", lost)
        await quoted(page, digits, "G1")
        await page.locator("#redeem button").click()
        await expect(page.locator(".result.asking h1")).to_have_text("网络不通，正在查询，请不要重复扫")
        assert cut.is_set()
        await seen(page, "asking")
        assert await tills.count(database, book) == 1
        await page.unroute("**/till/by-key/*")  # the network is back
        await expect(page.locator(".result.done h1")).to_have_text("兑换成功", timeout=15_000)
        await expect(page).to_have_url(re.compile(r"/till/redemptions/"))
        await page.unroute("**/till/redeem")
    assert await tills.count(database, book) == 1
    assert await tills.left(database, shopper) == BALANCE - 5


async def test_what_never_arrived_is_tried_again_under_the_same_key(
    visit: Visit, database: AsyncEngine, book: Book, shop: Shop, shopper: Person
) -> None:
    digits = await tills.a_code(database, shopper)
    async with at_the_till(visit, database, shop) as page:
        await quoted(page, digits, "G1")
        await page.route("**/till/redeem", lambda route: route.abort("connectionfailed"))
        await page.locator("#redeem button").click()
        await expect(page.locator(".result.asking")).to_be_visible()
        await expect(page.locator(".result.never h1")).to_have_text("还没有办成，没有扣分", timeout=15_000)
        await seen(page, "never")
        assert await tills.count(database, book) == 0
        await page.unroute("**/till/redeem")
        await page.get_by_role("button", name="再办一次").click()
        await expect(page.locator(".result.done h1")).to_have_text("兑换成功")
    assert await tills.count(database, book) == 1


@pytest.mark.parametrize("script", [True, False])
async def test_pressing_twice_and_going_back_redeems_once(
    visit: Visit, database: AsyncEngine, book: Book, shop: Shop, shopper: Person, script: bool
) -> None:
    digits = await tills.a_code(database, shopper)
    async with at_the_till(visit, database, shop, java_script_enabled=script) as page:
        await quoted(page, digits, "G1")
        await page.locator("#redeem button").dblclick()
        await expect(page.locator(".result.done h1")).to_have_text("兑换成功")
        with contextlib.suppress(Error):  # without script the browser asks before it sends the code once more
            await page.go_back()
        button = page.locator("#redeem button")
        if await button.count():
            await button.click()
            await expect(page.locator(".result.done h1")).to_have_text("兑换成功")
    assert await tills.count(database, book) == 1
    assert await tills.left(database, shopper) == BALANCE - 5


async def test_a_till_that_is_switched_off_while_its_page_is_open_says_so_politely(
    visit: Visit, database: AsyncEngine, book: Book, shop: Shop, shopper: Person
) -> None:
    digits = await tills.a_code(database, shopper)
    async with at_the_till(visit, database, shop) as page:
        await quoted(page, digits, "G1")
        await tills.revoked(database, shop)
        await page.locator("#redeem button").click()
        await expect(page.locator(".result h1")).to_have_text("这台设备不能收银")
        await seen(page, "ended")
    assert await tills.count(database, book) == 0


@pytest.mark.parametrize("script", [True, False])
async def test_practice_leaves_every_table_as_it_was(
    visit: Visit, database: AsyncEngine, shop: Shop, script: bool
) -> None:
    async with at_the_till(visit, database, shop, java_script_enabled=script) as page:
        await page.goto("/till/practice")  # which notes that the token is used
        before = await tills.everything(database)
        for name, face in (
            ("正常的码", "done"),
            ("要在手机上确认的码", "waiting"),
            ("用过的码", "used"),
            ("过期的码", "expired"),
        ):
            await chosen(page, "soap", "towel", base="/till/practice")
            await expect(page.locator(".practice")).to_be_visible()
            await page.locator("#goods .first").click()
            await expect(page.locator(".practice")).to_be_visible()
            await seen(page, f"practice-{script}")
            await page.get_by_role("button", name=name, exact=True).click()
            await expect(page.locator(".practice")).to_be_visible()
            if face in ("done", "waiting"):
                await page.locator("#redeem button").click()
            await expect(page.locator(f".result.{face} h1")).to_be_visible()
            await expect(page.locator(".practice")).to_be_visible()
            if face == "waiting":
                await expect(page.locator(".result.done h1")).to_have_text("兑换成功", timeout=20_000)
        assert await tills.everything(database) == before


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_step_of_a_sale_is_large_light_and_hinders_nobody(
    visit: Visit, database: AsyncEngine, shop: Shop, shopper: Person, language: str
) -> None:
    async with at_the_till(visit, database, shop) as page:
        await page.goto(f"/till/practice?lang={language}")
        for case in range(2):
            await chosen(page, "soap", base="/till/practice")
            await page.locator("#goods .first").click()
            await expect(page.locator("#code")).to_be_visible()
            await look(page, language, "code")
            await page.locator("form button[name=code]").nth(case * 2).click()
            await expect(page.locator(".who")).to_be_visible()
            await look(page, language, "quote")
        await page.goto("/till/practice/receipt?n.soap=1&now=1")
        await look(page, language, "done")
        await seen(page, f"done-{language}")
        await page.goto("/till")
        weight = (await page.evaluate(MEASURE))["heavy"]
        assert weight == [], f"more than {MOST_WEIGHT}"
