"""A phone of 360 px: she buys a voucher, shows it to a clerk, and prints one for a neighbour."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import eighteen
from ledger.books.directory import Book
from ledger.database import connect
from ledger.spending import catalogue
from ledger.spending.catalogue import Item
from tests.pages.counter import Counter, a_counter
from tests.pages.test_browser import Visit, as_, look, visit
from tests.pages.test_vouchers_pages import use

__all__ = ["visit"]

PICTURES = os.environ.get("MEIDE_PICTURES")
"""A folder for pictures of what a person sees; empty: none are taken."""

FOOT_BATH = Item("S02", "足浴一次", "service", 20, date(1990, 1, 1), voucher_days=10, giftable=True)


@pytest.fixture
async def counter(database: AsyncEngine, book: Book) -> Counter:
    counter = await a_counter(database, book)
    async with database.begin() as tx:
        await catalogue.add(tx, book.book_id, FOOT_BATH, by="user:1", now=await connect.now(tx))
        await catalogue.offer(tx, book.book_id, counter.shop.OUTLET, "S02", "merchant")
    return counter


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


async def digits_of(page: Page) -> str:
    text = await page.locator(".secret").text_content()
    assert text is not None
    return text.replace(" ", "")


@pytest.mark.parametrize("script", [True, False])
async def test_she_buys_a_haircut_and_has_it(
    visit: Visit,  # the fixture
    database: AsyncEngine,
    counter: Counter,
    script: bool,
) -> None:
    async with visit(java_script_enabled=script) as page:
        await as_(page, database, counter.her)
        await page.goto("/")
        await page.get_by_role("link", name="我的券").click()
        await picture(page, f"vouchers-1-none-{script}")
        await page.get_by_role("link", name="买这个：理发一次").click()
        await picture(page, f"vouchers-2-buying-{script}")
        await page.get_by_role("button", name="用 30 分 买下").click()
        await expect(page.get_by_role("status")).to_have_text("买好了，券在下面。")
        await picture(page, f"vouchers-3-bought-{script}")
        await page.get_by_role("link", name="出示 理发一次").click()
        await expect(page.get_by_role("img", name="免单券的码，给店员扫")).to_be_visible()
        await picture(page, f"vouchers-4-shown-{script}")
        if script:
            await look(page, "zh", "a voucher")
        made = await use(counter, await digits_of(page))
        assert made.points == 30
        if script:  # the page finds out by itself
            await expect(page.get_by_role("heading", name="兑换成功")).to_be_visible()
            await picture(page, f"vouchers-5-receipt-{script}")
        await page.goto("/me/vouchers")
        await expect(page.get_by_text("已经用了")).to_be_visible()
        await picture(page, f"vouchers-6-used-{script}")
    assert await counter.shop.wallet() == 70


async def test_a_new_code_of_the_same_voucher_comes_by_itself(
    visit: Visit,  # the fixture
    database: AsyncEngine,
    counter: Counter,
) -> None:
    async with visit() as page:
        await as_(page, database, counter.her)
        await page.goto("/me/vouchers/new?item=S01")
        await page.get_by_role("button", name="用 30 分 买下").click()
        await page.get_by_role("link", name="出示 理发一次").click()
        first = await digits_of(page)
        await page.evaluate("since -= 55_000")  # the minute is almost over
        await expect(page.locator(".secret")).not_to_have_text(f"{first[:6]} {first[6:12]} {first[12:]}")
        await expect(page.get_by_role("heading", name="理发一次")).to_be_visible()
        made = await use(counter, await digits_of(page))
        assert (await counter.shop.find(made.redemption_id)).voucher_id is not None
    assert await counter.shop.wallet() == 70


async def test_what_she_gives_away_is_printed_without_what_she_paid(
    visit: Visit,  # the fixture
    database: AsyncEngine,
    counter: Counter,
) -> None:
    async with visit() as page:
        await as_(page, database, counter.her)
        await page.goto("/me/vouchers/new?item=S02")
        await picture(page, "vouchers-7-buying-a-gift")
        await page.get_by_role("button", name="用 20 分 买下").click()
        await page.get_by_role("link", name="出示 足浴一次").click()
        await expect(page.get_by_role("button", name="打印这张券")).to_be_visible()
        await picture(page, "vouchers-8-gift")
        await look(page, "zh", "a voucher to give away")
        digits = await digits_of(page)
        assert eighteen.is_number(eighteen.VOUCHER, digits)
        await page.emulate_media(media="print")
        await picture(page, "vouchers-9-printed")
        for gone in await page.locator("header, nav, a, button, form, footer, [data-without-script]").all():
            await expect(gone).to_be_hidden()
        await expect(page.get_by_text("买时用了")).to_be_hidden()
        for kept in (page.get_by_role("img").first, page.get_by_text("足浴一次").last, page.locator(".secret")):
            await expect(kept).to_be_visible()
    assert (await use(counter, digits, "S02")).status == "done"
