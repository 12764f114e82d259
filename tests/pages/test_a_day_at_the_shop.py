"""A day at the village shop through real browsers, in both languages: the device becomes a till, soap and a haircut are
redeemed, one is called off, one is disputed, and two people of the staff decide."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from api.pages.doors import COOKIE
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from tests.pages import people
from tests.pages.counter import a_counter
from tests.pages.people import Person

PICTURES = os.environ.get("MEIDE_PICTURES")
"""A folder for screenshots, for who wants to look at them."""


async def seen(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


async def a_browser(browser: Browser, address: str, width: int) -> Page:
    context = await browser.new_context(base_url=address, viewport={"width": width, "height": 740})
    return await context.new_page()


async def enters(browser: Browser, database: AsyncEngine, address: str, person: Person, width: int) -> Page:
    """A browser of her own in which she is signed in."""
    page = await a_browser(browser, address, width)
    secret = await people.a_session(database, person)
    await page.context.add_cookies([{"name": COOKIE, "value": secret, "url": address}])
    return page


async def press(page: Page, form: str, *, value: str = "") -> None:
    """Presses the button of a form, which answers with a page."""
    async with page.expect_navigation():
        await page.click(f'form[action="{form}"] button' + (f'[value="{value}"]' if value else ""))


async def digits_on(phone: Page) -> str:
    """The digits of the code that her phone shows, for somebody to type."""
    await phone.locator("details summary").first.click()
    return re.sub(r"\D", "", await phone.locator(".secret").inner_text())


async def quoted(till: Page, digits: str, *items: str) -> str:
    """The shopkeeper taps goods and types the code; the word on his screen."""
    await till.goto("/till")
    for item in items:
        await till.locator(f"button[name=plus][value={item}]").click()
    await till.locator("#goods .first").click()
    await till.locator("#code").fill(digits)
    await till.locator("#scan > .first").click()
    await expect(till.locator("#redeem button")).to_be_visible()
    return await till.locator(".word").inner_text()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_day_at_the_shop(
    browser: Browser, database: AsyncEngine, address: str, book: Book, language: str
) -> None:
    counter = await a_counter(database, book)
    shop, her = counter.shop, counter.her
    assert her.volunteer is not None
    await people.who_is(database, book, her.volunteer.volunteer_no, Identity("王秀英", born=date(1950, 6, 15)))
    operator = await people.somebody(database, book, Grant("operator"))
    reviewers = [await people.somebody(database, book, Grant("reviewer")) for _ in range(2)]
    english = language == "en"

    async def at_home(page: Page, name: str) -> None:
        """Each begins in her language."""
        await page.goto("/en/" if english else "/")
        await seen(page, f"day-{language}-{name}")

    # The clerk makes a one-time code; the shop's device becomes a till by it.
    clerk = await enters(browser, database, address, operator, 1280)
    await at_home(clerk, "clerk")
    await clerk.goto(f"/staff/outlets/{shop.OUTLET}")
    await clerk.fill(f'form[action="/staff/outlets/{shop.OUTLET}/tills"] input[name="name"]', "柜台")
    await press(clerk, f"/staff/outlets/{shop.OUTLET}/tills")
    once = await clerk.locator(".secret").inner_text()
    await seen(clerk, f"day-{language}-code-for-the-device")
    till = await a_browser(browser, address, 360)
    if english:
        await till.goto("/en/sign-in")
    await till.goto("/till/bind")
    await till.fill("#code", once)
    await press(till, "/till/bind")
    await seen(till, f"day-{language}-bound")

    # Soap: below the limit it is done at once. Both screens show the same two characters.
    phone = await enters(browser, database, address, her, 360)
    await at_home(phone, "home")
    await phone.goto("/code")
    await seen(phone, f"day-{language}-pay-code")
    digits = await digits_on(phone)
    word = await quoted(till, digits, "G01")
    await seen(till, f"day-{language}-quote")
    await expect(phone.locator("#code")).to_contain_text(word, timeout=15_000)
    await seen(phone, f"day-{language}-quoted")
    await till.locator("#redeem button").click()
    await expect(till.locator("#result[data-face=done] .word")).to_have_text(word)
    await seen(till, f"day-{language}-done")
    assert await shop.wallet() == 95

    # A haircut costs more: nothing is taken before she has confirmed.
    await phone.goto("/code")
    word = await quoted(till, await digits_on(phone), "S01")
    await till.locator("#redeem button").click()
    await expect(till.locator("#result[data-face=waiting]")).to_be_visible()
    await seen(till, f"day-{language}-waiting")
    confirming = phone.locator('form[action$="/confirm"] button')
    await expect(confirming).to_be_visible(timeout=15_000)
    await expect(phone.locator("main")).to_contain_text(word)
    await seen(phone, f"day-{language}-confirm")
    async with phone.expect_navigation():
        await confirming.click()
    await expect(till.locator("#result[data-face=done]")).to_be_visible(timeout=15_000)
    await seen(phone, f"day-{language}-confirmed")
    assert await shop.wallet() == 65
    haircut = phone.url.rsplit("/", 1)[-1].partition("?")[0]

    # The soap was the wrong one: cancelled on the same day, from the list of the day.
    await till.goto("/till/day")
    await seen(till, f"day-{language}-list")
    cancelling = till.locator('a[href$="/cancel"]').last
    await cancelling.click()
    async with till.expect_navigation():
        await till.locator('form[action$="/cancel"] button').click()
    await expect(till.locator("#result[data-face=cancelled]")).to_be_visible()
    assert await shop.wallet() == 70

    # The haircut was not hers, she says: one button; then two people decide, and she has her points.
    await phone.goto(f"/me/redemptions/{haircut}")
    await press(phone, f"/me/redemptions/{haircut}/dispute")
    await seen(phone, f"day-{language}-disputed")
    assert (await shop.balance("2300.X0001"), await shop.balance("2310.X0001")) == (0, 30)
    first = await enters(browser, database, address, reviewers[0], 1280)
    await at_home(first, "reviewer")
    await first.goto("/staff/cases")
    await seen(first, f"day-{language}-cases")
    await first.locator('a[href^="/staff/cases/"]').first.click()
    await first.fill("#reason", "店里没有她的签名" if not english else "No signature of hers")
    await press(first, first.url.removeprefix(address) + "/proposal", value="uphold")
    second = await enters(browser, database, address, reviewers[1], 1280)
    await at_home(second, "second-reviewer")
    await second.goto(first.url.partition("?")[0])
    await seen(second, f"day-{language}-case")
    await press(second, second.url.removeprefix(address) + "/decision", value="agree")
    assert await shop.wallet() == 100
    await phone.goto(f"/me/redemptions/{haircut}")
    await seen(phone, f"day-{language}-upheld")

    # In the evening the clerk counts the shelves: one piece of soap is missing.
    await clerk.goto(f"/staff/outlets/{shop.OUTLET}/count")
    await seen(clerk, f"day-{language}-count")
    await phone.goto("/passbook")
    await seen(phone, f"day-{language}-passbook")
    await expect(phone.locator("main")).to_contain_text("理发一次")
