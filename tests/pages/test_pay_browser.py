"""Her phone at the counter in a real browser: what is on the screen is what a camera reads."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.errors import CodeNotValid
from tests.pages.counter import Counter, a_counter
from tests.pages.test_browser import Visit, as_, look, visit

__all__ = ["visit"]

PHONE = {"device_scale_factor": 2}
MOST_WEIGHT = 30_000
WEIGHT = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .reduce((sum, file) => sum + file.decodedBodySize, 0)"""


@pytest.fixture
async def counter(database: AsyncEngine, book: Book) -> Counter:
    return await a_counter(database, book)


async def seen(page: Page, name: str = "") -> dict[str, str]:
    """What a scanner reads on the screen, by format."""
    picture = await page.screenshot()
    if (kept := os.environ.get("MEIDE_SCREENSHOTS")) and name:
        Path(kept, f"{name}.png").write_bytes(picture)  # noqa: ASYNC240 # a few kilobytes, when somebody asks
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    return {each.format.name: each.text for each in found}


async def keep(page: Page, name: str) -> None:
    if kept := os.environ.get("MEIDE_SCREENSHOTS"):
        await page.screenshot(path=Path(kept, f"{name}.png"), full_page=True)


async def shown_code(page: Page) -> str:
    """The digits of the code on the screen, read as a camera would."""
    await expect(page.locator("#code[data-state=live] .qr svg")).to_be_visible()
    found = await seen(page)
    assert set(found) == {"QRCode", "Code128"}
    assert found["QRCode"] == found["Code128"]
    return found["QRCode"]


async def test_both_codes_are_read_from_the_screen_of_a_phone(
    visit: Visit, counter: Counter, database: AsyncEngine
) -> None:
    async with visit(**PHONE) as page:
        await as_(page, database, counter.her)
        await page.goto("/")
        await keep(page, "home")
        await page.get_by_role("link", name="出示积分码").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("请店员扫这个码")
        digits = await shown_code(page)
        box = await page.locator("#code .qr").bounding_box()
        assert box is not None
        assert box["width"] >= 0.6 * 360
        assert await page.evaluate(WEIGHT) <= MOST_WEIGHT
        await expect(page.locator("[data-left]")).to_have_text(re.compile(r"还有 [45]\d 秒"))
        await expect(page.locator(".secret")).to_be_hidden()
        await keep(page, "code")
        await page.get_by_text("扫不了？").click()
        await expect(page.locator(".secret")).to_have_text(f"{digits[:6]} {digits[6:12]} {digits[12:]}")
        await expect(page.get_by_text("不要在电话里把数字念给任何人")).to_be_visible()
        await keep(page, "digits")
        await expect(page.get_by_text("100 分")).to_be_visible()
        await page.get_by_text("我的积分").click()
        await expect(page.get_by_text("100 分")).to_be_hidden()


async def test_a_new_code_comes_by_itself_and_the_old_one_is_dead(
    visit: Visit, counter: Counter, database: AsyncEngine
) -> None:
    async with visit(**PHONE) as page:
        await page.clock.install()
        await as_(page, database, counter.her)
        await page.goto("/code")
        first = await shown_code(page)
        await page.get_by_text("扫不了？").click()
        await page.clock.run_for(30_000)
        assert await shown_code_again(page) == first
        async with page.expect_response(re.compile(r"/code\?after=1")):
            await page.clock.run_for(25_000)
        await expect(page.locator(".secret")).not_to_have_text(f"{first[:6]} {first[6:12]} {first[12:]}")
        await expect(page.locator(".secret")).to_be_visible()
        second = await shown_code_again(page)
        assert second != first
        with pytest.raises(CodeNotValid):
            await counter.redeem(first, {"G01": 1})
        async with page.expect_response(lambda answer: answer.request.method == "POST"):
            await page.get_by_role("button", name="换一个新码").click()
        third = await shown_code(page)
        with pytest.raises(CodeNotValid):
            await counter.redeem(second, {"G01": 1})
        assert (await counter.redeem(third, {"G01": 1})).status == "done"


async def shown_code_again(page: Page) -> str:
    await page.evaluate("scrollTo(0, 0)")
    return await shown_code(page)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_quoted_then_her_word_then_done(
    visit: Visit, counter: Counter, database: AsyncEngine, language: str
) -> None:
    async with visit(**PHONE) as page:
        await as_(page, database, counter.her)
        await page.goto(f"/code?lang={language}")
        digits = await shown_code(page)
        quote = await counter.quote(digits, {"S01": 1, "G01": 2})
        await expect(page.locator("#code[data-state=quoted] .big").first).to_have_text(quote.word)
        for told in ("一社区美德超市", "理发一次", "香皂 × 2", "40"):
            await expect(page.locator("#code")).to_contain_text(told)
        await keep(page, f"quoted-{language}")
        made = await counter.redeem(digits, {"S01": 1, "G01": 2})
        await expect(page).to_have_url(re.compile(str(made.redemption_id)))
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            {"zh": "请您确认", "en": "Please confirm"}[language]
        )
        await expect(page.locator("#redemption")).to_contain_text(made.word)
        await keep(page, f"waiting-{language}")
        await page.get_by_role("button", name={"zh": "确认", "en": "Confirm"}[language], exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text({"zh": "兑换成功", "en": "Redeemed"}[language])
        await expect(page.locator("dd.big").last).to_contain_text("60")
        assert await page.evaluate(WEIGHT) <= MOST_WEIGHT
        await keep(page, f"done-{language}")
        assert await counter.status(made.redemption_id) == "done"
        await page.get_by_role("button", name={"zh": "不是我兑换的", "en": "I did not redeem this"}[language]).click()
        await expect(page.locator("p[role=status]")).to_be_visible()
        await keep(page, f"disputed-{language}")


async def test_a_receipt_that_waits_notices_that_it_has_ended(
    visit: Visit, counter: Counter, database: AsyncEngine
) -> None:
    async with visit(**PHONE) as page, visit(**PHONE) as other:
        for each in (page, other):
            await as_(each, database, counter.her)
        await page.goto("/code")
        made = await counter.redeem(await shown_code(page), {"S01": 1})
        await expect(page).to_have_url(re.compile(str(made.redemption_id)))
        await other.goto("/code")
        await other.get_by_role("button", name="不是我").click()
        await expect(other.get_by_role("heading", level=1)).to_contain_text("您没有同意")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("您没有同意")
        await expect(page.get_by_role("button", name="确认")).to_have_count(0)
        await keep(other, "declined")


async def test_without_network_she_is_told_so_and_it_mends_itself(
    visit: Visit, counter: Counter, database: AsyncEngine
) -> None:
    async with visit(**PHONE) as page:
        await page.clock.install()
        await as_(page, database, counter.her)
        await page.goto("/code")
        first = await shown_code(page)
        await page.context.set_offline(True)
        await page.clock.run_for(30_000)
        await expect(page.locator("#offline")).to_be_hidden()
        await page.clock.run_for(40_000)
        await expect(page.locator("#offline")).to_be_visible()
        await keep(page, "offline")
        await page.context.set_offline(False)
        await page.clock.run_for(5_000)
        await expect(page.locator("#offline")).to_be_hidden()
        assert await shown_code_again(page) != first


async def test_at_the_counter_without_javascript(visit: Visit, counter: Counter, database: AsyncEngine) -> None:
    async with visit(java_script_enabled=False, **PHONE) as page:
        await as_(page, database, counter.her)
        await page.goto("/")
        await page.get_by_role("link", name="出示积分码").click()
        await expect(page.locator("noscript meta[http-equiv=refresh]")).to_have_attribute(
            "content", "45; url=/code?after=1"
        )
        found = await seen(page, "code-without-script")
        quote = await counter.quote(found["QRCode"], {"S01": 1})
        await page.goto("/code?after=1")
        await expect(page.locator(".big").first).to_have_text(quote.word)
        made = await counter.redeem(found["QRCode"], {"S01": 1})
        # The page looks again by itself, every five seconds.
        await expect(page).to_have_url(re.compile(str(made.redemption_id)), timeout=10_000)
        await page.get_by_role("button", name="确认").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("兑换成功")
        await page.get_by_role("link", name="我的兑换").click()
        await expect(page.get_by_role("listitem")).to_have_count(1)
        await keep(page, "list")


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_a_till_makes_of_it_is_shown_with_the_same_care(
    visit: Visit, counter: Counter, database: AsyncEngine, language: str
) -> None:
    async with visit() as page:
        await as_(page, database, counter.her)
        await page.goto(f"/code?lang={language}")
        await page.locator("details").first.evaluate("it => { it.open = true; }")
        await look(page, "zh", "the code")
        digits = (await page.locator(".secret").inner_text()).replace(" ", "")
        await counter.quote(digits, {"S01": 1, "G01": 2})
        await expect(page.locator("#code[data-state=quoted]")).to_be_visible()
        await look(page, "zh", "a quote")
        await counter.redeem(digits, {"S01": 1, "G01": 2})
        await expect(page.locator("form[action$='/confirm']")).to_be_visible()
        await look(page, "zh", "what waits for her")
        await page.locator("form[action$='/confirm'] button").click()
        await expect(page.locator(".won")).to_be_visible()
        await look(page, "zh", "a receipt")
        await page.goto("/me/redemptions")
        await look(page, "zh", "her redemptions")
