"""From the assessment to the certificate on the wall, through real browsers: the operator assesses, everybody reads the
notice, a neighbour objects in vain, the reviewer awards the star, and she prints her certificate, whose code is read.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import zxingcpp
from PIL import Image
from playwright.async_api import Browser, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from tests.pages import people
from tests.pages.conftest import served
from tests.pages.test_a_day_at_the_shop import a_browser, enters, press, seen
from tests.recognition.careers import career


async def test_a_star_is_awarded(
    browser: Browser, database: AsyncEngine, address: str, book: Book, tmp_path: Path
) -> None:
    await career(database, book, 320, 105, 99)
    for number, name in enumerate(("王秀英", "李国强", "孙红")):
        await people.who_is(database, book, f"V-{number:04d}", Identity(name, born=date(1950, 6, 15)))
    her = await people.somebody(database, book, Grant("volunteer", volunteer_no="V-0000"))
    neighbour = await people.somebody(database, book, Grant("volunteer", volunteer_no="V-0002"))
    operator, reviewer = [await people.somebody(database, book, Grant(role)) for role in ("operator", "reviewer")]  # type: ignore[arg-type]

    # The operator assesses and brings two people into notice.
    office = await enters(browser, database, address, operator, 1280)
    await office.goto("/staff/assessments")
    await seen(office, "star-assess")
    await press(office, "/staff/assessments")
    await expect(office.locator("main")).to_contain_text("320 小时")
    await seen(office, "star-assessed")
    await press(office, office.url.removeprefix(address).partition("?")[0] + "/candidates")
    await expect(office.get_by_role("status")).to_contain_text("2 人进入公示")
    await seen(office, "star-candidates")
    await office.set_viewport_size({"width": 360, "height": 740})
    await seen(office, "star-candidates-360")

    # Everybody reads the notice; the neighbour objects.
    wall = await a_browser(browser, address, 1280)
    await wall.goto(f"/star-notices/{book.code}")
    await expect(wall.locator("tbody tr")).to_have_count(2)
    await seen(wall, "star-notice")
    await wall.set_viewport_size({"width": 360, "height": 740})
    await seen(wall, "star-notice-360")
    phone = await enters(browser, database, address, neighbour, 360)
    await phone.goto(f"/star-notices/{book.code}")
    await phone.locator("tbody tr", has_text="二星").get_by_role("link").click()
    await phone.fill("#reason", "三月五日她不在护河队")
    await seen(phone, "star-objecting")
    await press(phone, phone.url.removeprefix(address))
    await seen(phone, "star-objected")
    hers = await enters(browser, database, address, her, 360)
    await hers.goto("/me/awards")
    await expect(hers.locator("main")).to_contain_text("有人对您的二星提出异议")
    await seen(hers, "star-hers-objected")

    # Twenty days later the objection is decided, and what can be awarded is.
    url = people.url_of(database)
    with served(connect.to(url, clock=lambda time: time + timedelta(days=20))) as later:
        desk = await enters(browser, database, later, reviewer, 1280)
        await desk.goto("/staff")
        await seen(desk, "star-staff")
        await desk.goto("/staff/awards?which=ready")
        await seen(desk, "star-ready")
        await press(desk, "/staff/awards")
        await expect(desk.get_by_role("status")).to_contain_text("1 人：有异议")
        await seen(desk, "star-all-awarded")
        await desk.goto("/staff/awards?which=objected")
        await desk.locator('a[href^="/staff/awards/"]').first.click()
        await desk.fill("#words", "签到表上有她，队长也证实")
        await seen(desk, "star-objection")
        one = desk.url.removeprefix(later)
        await press(desk, f"{one}/objection", value="reject")
        await press(desk, f"{one}/award")
        await seen(desk, "star-awarded")
        await desk.set_viewport_size({"width": 360, "height": 740})
        await seen(desk, "star-awarded-360")

        # Her certificate, on the phone and on paper; its code is read from the picture of the sheet.
        hers = await enters(browser, database, later, her, 360)
        await hers.goto("/me/awards")
        await seen(hers, "star-hers")
        await hers.get_by_role("link", name="看证书").click()
        await expect(hers.locator(".certificate")).to_contain_text("王秀英")
        await seen(hers, "star-certificate-360")
        await hers.set_viewport_size({"width": 1280, "height": 900})
        await seen(hers, "star-certificate")
        await hers.set_viewport_size({"width": 1047, "height": 718})  # 277 × 190 mm
        await hers.emulate_media(media="print")
        await seen(hers, "star-certificate-print")
        sheet = tmp_path / "sheet.png"
        await hers.locator(".certificate").screenshot(path=sheet)
        pdf = await hers.pdf(prefer_css_page_size=True, print_background=True)
        with Image.open(sheet) as picture:
            [code] = zxingcpp.read_barcodes(picture, zxingcpp.BarcodeFormat.QRCode)
        stranger = await a_browser(browser, later, 360)
        await stranger.goto(code.text)
        await expect(stranger.get_by_role("status")).to_contain_text("证书有效")
        await expect(stranger.locator("main")).to_contain_text("王**")
        await expect(stranger.locator("main")).not_to_contain_text("王秀英")
        await seen(stranger, "star-check")
    assert pdf.count(b"/Type /Page\n") == 1, "one sheet"
