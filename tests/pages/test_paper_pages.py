"""Paper: passbooks printed line after line, sheets of tickets, what anybody may check, calls after errands."""

from __future__ import annotations

import html
import io
import re
from typing import Any

import httpx
import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from api import keys
from ledger import eighteen
from ledger.access import ciphers
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning.volunteers import WALLET
from ledger.spending import tickets
from tests.pages import people
from tests.pages.conftest import SETTINGS, Enters
from tests.pages.people import GROWN, ITEMS, NORTH, SOUTH, District, Person, posted, send, token_of
from tests.pages.test_browser import Visit, as_, visit  # noqa: F401 # a fixture
from tests.spending.shops import opened_shop
from tests.spending.test_agents import redeem_for_her

PRINT = "/passbook/print"
TICKETS = "/staff/volunteers/N0001/tickets"
CALLS = "/staff/call-backs"


async def staff(enters: Enters, database: AsyncEngine, book: Book, *grants: Grant) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, *grants))


async def earns(database: AsyncEngine, her: Person, times: int) -> None:
    for number in range(1, times + 1):
        await posted(
            database, her, "earn.item", (ITEMS, number), (her.account(WALLET), number), description=f"act {number}"
        )


def lines_of(page: str) -> list[dict[str, str]]:
    """The printed lines of a page, as the fields of the form that checks them."""
    [number] = set(re.findall(r"存折号 ([0-9A-Z-]{11})", page))
    [book] = set(re.findall(r"时间银行 ([^<\s]+)</p>", page))
    found = []
    for row in re.findall(r'<tr>\s*<td class="line".*?</tr>', page, re.DOTALL):
        cells = {name: html.unescape(text) for name, text in re.findall(r'<td class="(\w+)"[^>]*>(.*?)</td>', row)}
        found.append(
            {
                "what": "line",
                "book": book,
                "passbook": number,
                "line": cells["line"],
                "day": cells["day"],
                "deposit": cells["came"],
                "withdrawal": cells["went"],
                "balance": cells["left"],
                "code": cells["code"],
            }
        )
    return found


async def checked(client: httpx.AsyncClient, **typed: str) -> str:
    """对得上, 对不上, or what is wrong with what was typed."""
    answer = await send(client, "/verify", "/verify", **typed)
    [said] = re.findall(r"<h2>(对得上|对不上)</h2>", answer.text) or re.findall(
        r'role="alert"[^>]*>([^<]*)<', answer.text
    )
    return said


# --- a passbook on paper ----------------------------------------------------------------------------------------------


async def test_every_printed_line_can_be_checked_by_anybody_and_a_changed_one_is_found_out(
    enters: Enters, database: AsyncEngine, resident: Person
) -> None:
    her, anybody = await enters(resident), await enters(None)
    for account in ("points", "notice", "hours", "honour"):
        lines = lines_of((await her.get(f"{PRINT}?account={account}")).text)
        assert lines, account
        for line in lines:
            assert await checked(anybody, **line) == "对得上", line
    last = lines_of((await her.get(PRINT)).text)[-1]
    assert (last["deposit"], last["withdrawal"], last["balance"]) == ("", "48", "77")
    assert await checked(anybody, **last | {"balance": "78"}) == "对不上"
    assert await checked(anybody, **last | {"passbook": lines[-1]["passbook"]}) == "对不上", "another passbook's"
    assert "照着纸上" in await checked(anybody, **last | {"day": "yesterday"})
    assert "只填一个" in await checked(anybody, **last | {"deposit": "48"})


async def test_a_print_goes_on_after_the_last_printed_line(enters: Enters, database: AsyncEngine, her: Person) -> None:
    await earns(database, her, 30)
    client = await enters(her)
    whole = lines_of((await client.get(PRINT)).text)
    assert [line["line"] for line in whole] == [str(number) for number in range(1, 31)]
    page = (await client.get(f"{PRINT}?after=26")).text
    assert lines_of(page) == whole[26:], "with the same codes"
    assert page.count('<tr class="blank"') == 2, "25 and 26 stand on this page"
    small = (await client.get(f"{PRINT}?after=7&size=small")).text
    assert small.count('<tr class="blank"') == 7
    assert lines_of(small) == whole[7:]
    assert (await client.get(f"{PRINT}?after=24")).text.count('<tr class="blank"') == 0, "a new page"
    for after in ("30", "9999"):
        assert "不用打印" in (await client.get(f"{PRINT}?after={after}")).text
    for odd in ("-1", "x", "9" * 30):
        assert lines_of((await client.get(f"{PRINT}?after={odd}")).text) == whole


async def test_her_number_in_the_books_and_her_account_stand_on_no_paper(
    enters: Enters, database: AsyncEngine, resident: Person
) -> None:
    assert resident.volunteer is not None
    client = await enters(resident)
    page = (await client.get(PRINT)).text
    assert resident.volunteer.holder not in page
    assert resident.volunteer.volunteer_no not in page, "its last four digits are enough"
    hours = lines_of((await client.get(f"{PRINT}?account=hours")).text)
    assert (hours[0]["deposit"], hours[0]["passbook"]) == ("2:30", hours[0]["passbook"])
    assert hours[0]["passbook"] != lines_of(page)[0]["passbook"]


async def test_a_service_station_prints_for_those_in_its_reach(
    enters: Enters, database: AsyncEngine, book: Book
) -> None:
    district = await people.a_district(database, book)
    await earns(database, district.northern, 2)
    clerk = await staff(enters, database, book, Grant("recorder", NORTH))
    printed = lines_of((await clerk.get("/staff/volunteers/N0001/passbook")).text)
    hers = lines_of((await (await enters(district.northern)).get(PRINT)).text)
    assert printed == hers != []
    assert (await clerk.get("/staff/volunteers/S0001/passbook")).status_code == 403
    owner = await staff(enters, database, book, Grant("owner"))
    assert (await owner.get("/staff/volunteers/N0001/passbook")).status_code == 403


async def printed(page: Page, width: int, height: int) -> Image.Image:
    """The page as its paper is, at four dots a CSS pixel."""
    await page.emulate_media(media="print")
    await page.set_viewport_size({"width": width, "height": height})
    return Image.open(io.BytesIO(await page.screenshot(full_page=True)))


def codes_in(picture: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(picture)]


@pytest.mark.parametrize(
    ("size", "inside", "paper", "pages"),
    [("a4", (703, 1032), (595, 842), 2), ("small", (291, 442), (241, 354), 3)],
)
async def test_each_page_fits_its_paper_and_its_qr_code_leads_to_the_check(
    visit: Visit,  # noqa: F811
    database: AsyncEngine,
    resident: Person,
    address: str,
    size: str,
    inside: tuple[int, int],
    paper: tuple[int, int],
    pages: int,
) -> None:
    her = await people.a_volunteer(database, resident.book, f"V2026{size}")
    await earns(database, her, 25)
    async with visit(device_scale_factor=4) as page:
        await as_(page, database, her)
        await page.goto(f"{PRINT}?size={size}")
        picture = await printed(page, *inside)
        sheets = await page.locator(".sheet").evaluate_all("all => all.map(it => [it.scrollHeight, it.clientHeight])")
        pdf = await page.pdf(prefer_css_page_size=True)
    found = [code for code in codes_in(picture) if "/R/" not in code]  # beside them may be a receipt
    assert found == [f"{address}/verify?book={resident.book.code}"] * pages
    assert all(needed <= there for needed, there in sheets)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == pages
    sizes = {(round(float(w)), round(float(h))) for w, h in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)}
    assert sizes == {paper}


async def test_a_sheet_put_in_again_is_printed_below_what_stands_there(
    visit: Visit,  # noqa: F811
    database: AsyncEngine,
    resident: Person,
) -> None:
    her = await people.a_volunteer(database, resident.book, "V20268888")
    await earns(database, her, 9)
    places = "all => all.map(it => [it.textContent, it.getBoundingClientRect().top])"
    async with visit() as page:
        await as_(page, database, her)
        found = {}
        for size, inside in (("a4", (703, 1032)), ("small", (291, 442))):
            for after in (0, 6):
                await page.goto(f"{PRINT}?size={size}&after={after}")
                await page.emulate_media(media="print")
                await page.set_viewport_size({"width": inside[0], "height": inside[1]})
                found[size, after] = await page.locator(".sheet td.line").evaluate_all(places)
            assert found[size, 6] == found[size, 0][6:] != []
            await expect(page.locator(".continued .sheet-head")).to_have_css("visibility", "hidden")


async def test_the_qr_code_opens_the_form_and_what_is_typed_is_answered_without_javascript(
    visit: Visit,  # noqa: F811
    database: AsyncEngine,
    resident: Person,
    enters: Enters,
) -> None:
    [line, *_] = lines_of((await (await enters(resident)).get(PRINT)).text)
    async with visit(java_script_enabled=False) as page:
        await page.goto(f"/verify?book={resident.book.code}")
        await expect(page.locator("#book")).to_have_value(resident.book.code)
        for name in ("passbook", "line", "day", "deposit", "balance", "code"):
            await page.locator(f"#{name}").fill(line[name])
        await page.locator("form.card button").click()
        await expect(page.get_by_role("status")).to_contain_text("对得上")
        await expect(page.locator("#passbook")).to_have_value(line["passbook"])
        await page.locator("#balance").fill("9")
        await page.locator("form.card button").click()
        await expect(page.get_by_role("status")).to_contain_text("对不上")


# --- sheets of tickets ------------------------------------------------------------------------------------------------


@pytest.fixture
async def district(database: AsyncEngine, book: Book) -> District:
    made = await people.a_district(database, book)
    await people.who_is(database, book, "N0001", Identity("欧阳示例", "13800138000", GROWN))
    return made


async def test_a_sheet_is_shown_once_to_be_printed_and_ends_when_it_is_lost(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    made = await send(clerk, TICKETS, TICKETS, tickets="12", replaces="")
    assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
    assert "欧**" in made.text
    assert "欧阳示例" not in made.text
    digits = [each.replace(" ", "") for each in re.findall(r'class="digits">([\d ]{20})<', made.text)]
    assert len(set(digits)) == 12
    assert all(eighteen.is_number(eighteen.PAPER, each) for each in digits)
    page = (await clerk.get(TICKETS)).text
    assert "12 张，用了 0 张" in page
    assert not any(each in page.replace(" ", "") for each in digits)
    assert district.northern.volunteer is not None
    async with database.connect() as tx:
        digests = ciphers.digests(keys.personal(SETTINGS), "spending", digits[-1])
        found = await tickets.by_digest(tx, district.book.book_id, digests)
    assert found is not None
    assert (found.holder, found.number) == (district.northern.volunteer.holder, 12)
    ended = await send(clerk, TICKETS, f"{TICKETS}/{found.sheet_id}/end")
    assert (ended.status_code, ended.headers["location"]) == (303, f"{TICKETS}?done=tickets_ended")
    assert "已作废" in (await clerk.get(TICKETS)).text


@pytest.mark.parametrize("count", ["", "0", "25", "-1", "1e2", "x"])
async def test_an_odd_number_of_tickets_is_said_to_be_wrong(
    enters: Enters, database: AsyncEngine, district: District, count: str
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    answer = await send(clerk, TICKETS, TICKETS, tickets=count)
    assert answer.status_code == 400
    assert "还没有发过兑换票" in answer.text


async def test_staff_of_another_organisation_issue_nothing(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", SOUTH))
    assert (await clerk.get(TICKETS)).status_code == 403
    token = token_of((await clerk.get("/staff/volunteers/S0001/tickets")).text)
    assert (await clerk.post(TICKETS, data={"tickets": "6", "_csrf_token": token})).status_code == 403


async def test_a_sheet_of_24_fits_a_page_and_each_of_its_codes_is_read_from_it(
    visit: Visit,  # noqa: F811
    database: AsyncEngine,
    district: District,
) -> None:
    chief = await people.somebody(database, district.book, Grant("recorder"))
    async with visit(device_scale_factor=3) as page:
        await as_(page, database, chief)
        await page.goto(TICKETS)
        await page.locator("#tickets").select_option("24")
        await page.locator("form.card button").click()
        await expect(page.locator(".tickets li")).to_have_count(24)
        said = [text.replace(" ", "") for text in await page.locator(".digits").all_text_contents()]
        picture = await printed(page, 703, 1032)
        pdf = await page.pdf(prefer_css_page_size=True)
    assert sorted(codes_in(picture)) == sorted(said)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1


# --- calls after errands ----------------------------------------------------------------------------------------------


async def test_whom_to_call_is_listed_and_what_she_says_is_noted(
    enters: Enters, database: AsyncEngine, book: Book
) -> None:
    shop = await opened_shop(database, book, people=2)
    asked = [await redeem_for_her(shop) for _ in range(2)]
    reviewer = await staff(enters, database, book, Grant("reviewer", "D1"))
    page = (await reviewer.get(CALLS)).text
    for said in (*(each.volunteer_no for each in shop.programme.volunteers), "一社区美德超市", "10 分"):
        assert said in page
    answers: dict[str, Any] = {"confirmed": "是她请的", "denied": "转给两位同事"}
    for redemption, (answer, said) in zip(asked, answers.items(), strict=True):
        noted = await send(reviewer, CALLS, f"{CALLS}/{redemption}", answer=answer)
        assert noted.status_code == 303
        assert said in (await reviewer.get(noted.headers["location"])).text
    page = (await reviewer.get(CALLS)).text
    assert "现在没有要回访的" in page
    token = token_of((await reviewer.get("/verify")).text)
    again = await reviewer.post(f"{CALLS}/{asked[0]}", data={"answer": "denied", "_csrf_token": token})
    assert again.status_code == 409
    below = await staff(enters, database, book, Grant("reviewer", "D1T"))
    token = token_of((await below.get("/verify")).text)
    refused = await below.post(f"{CALLS}/{asked[0]}", data={"answer": "confirmed", "_csrf_token": token})
    assert refused.status_code == 403
