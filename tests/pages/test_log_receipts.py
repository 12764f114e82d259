"""Receipts of the sealed log as people meet them: a code on paper, and a page that says whether it is right."""

from __future__ import annotations

import base64
import html
import io
import os
import re
from pathlib import Path
from typing import Final

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import expect
from sqlalchemy.ext.asyncio import AsyncEngine

from api import receipts as doors
from api import sealing
from api.pages.texts import TEXTS
from ledger.auditing import receipts as log_receipts
from ledger.auditing.verifier import receipts
from ledger.auditing.verifier.receipts import Receipt
from ledger.books.directory import Book
from ledger.books.evaluate import Transaction
from ledger.earning.volunteers import WALLET
from tests.auditing.horizon import unsealed
from tests.pages import people
from tests.pages.conftest import SETTINGS, Enters
from tests.pages.people import ITEMS, Person, posted, send, words_of
from tests.pages.test_browser import Visit, as_, visit  # noqa: F401 # a fixture
from tests.pages.test_paper_pages import codes_in, printed

PRINT: Final = "/passbook/print"
A4: Final = (703, 1032)


@pytest.fixture
def shots() -> Path | None:
    """Where somebody wants to look at the pages."""
    folder = os.environ.get("MEIDE_TEST_SHOTS")
    return None if folder is None else Path(folder)


async def sealed(database: AsyncEngine, book: Book) -> None:
    await sealing.now(database, SETTINGS, book.book_id)


async def earned(database: AsyncEngine, her: Person, description: str = "护河") -> Transaction:
    return await posted(database, her, "earn.item", (ITEMS, 5), (her.account(WALLET), 5), description=description)


async def receipt_of(database: AsyncEngine, book: Book, transaction: Transaction, *, whole: bool = True) -> Receipt:
    async with database.begin() as tx:
        found = await log_receipts.receipt(tx, book.book_id, transaction.transaction_id, whole=whole)
    assert found is not None
    return found


def bitmap_codes(page: str) -> list[str]:
    """What the codes of receipts on a page say."""
    found = []
    for picture in re.findall(r'src="data:image/png;base64,([^"]+)"', page):
        drawn = Image.open(io.BytesIO(base64.b64decode(picture))).convert("L")
        larger = drawn.resize((drawn.width * 3, drawn.height * 3), Image.Resampling.NEAREST)
        found += [code.text for code in zxingcpp.read_barcodes(larger)]
    return found


def path_of(address: str) -> str:
    return receipts.MARK + address.rpartition(receipts.MARK)[2]


def damaged(code: str) -> str:
    """Another letter in the middle, which is in the hashes."""
    middle = len(code) // 2
    return code[:middle] + ("B" if code[middle] != "B" else "C") + code[middle + 1 :]


# --- what the page says -----------------------------------------------------------------------------------------------


async def test_a_right_receipt_is_in_the_books_and_a_changed_one_is_not(
    enters: Enters, database: AsyncEngine, her: Person
) -> None:
    transaction = await earned(database, her, "帮<b>李奶奶</b>买菜")
    await sealed(database, her.book)
    whole = await receipt_of(database, her.book, transaction)
    slip = await receipt_of(database, her.book, transaction, whole=False)
    anybody = await enters(None)
    code = receipts.compact(slip)
    scanned = await anybody.get(f"/R/{code}")
    assert (scanned.status_code, scanned.headers["x-robots-tag"]) == (200, "noindex, nofollow")
    said = words_of(scanned.text)
    for sentence in (
        "这一笔在公开的账本里",
        f"第 {slip.index + 1} 笔，当时共 {slip.checkpoint.size} 笔",
        "还没有新的账",
        slip.checkpoint.origin,
    ):
        assert sentence in said, sentence
    assert "这张凭证不对" in words_of((await anybody.get(f"/R/{damaged(code)}")).text)
    for text in (receipts.text_of(slip), f"https://books.test/R/{code}", f" {code[:40]}\n{code[40:]} "):
        assert "这一笔在公开的账本里" in words_of((await send(anybody, "/R", "/R", receipt=text)).text), text
    pasted = await send(anybody, "/R", "/R", receipt=receipts.text_of(whole).replace("\n", "\r\n"))
    said = words_of(pasted.text)
    assert "这一笔在公开的账本里" in said
    assert "帮<b>李奶奶</b>买菜" in said, "what the text itself says, as text"
    assert re.search(r"凭证号 20\d\d-\d+", said)
    for other in (
        receipts.text_of(whole).replace("李", "王"),
        receipts.text_of(whole).replace('"credit":"5"', '"credit":"6"'),
        receipts.text_of(whole)[:-9],
        "你好",
    ):
        changed = await send(anybody, "/R", "/R", receipt=other)
        assert "这张凭证不对" in words_of(changed.text), other
        assert html.escape(other.strip()[:40], quote=False) in html.unescape(changed.text) or other in changed.text
    assert "Is it in the books?" in words_of((await anybody.get("/R?lang=en")).text)


async def test_an_older_receipt_is_compared_with_todays_log(enters: Enters, database: AsyncEngine, her: Person) -> None:
    transaction = await earned(database, her)
    await sealed(database, her.book)
    then = await receipt_of(database, her.book, transaction, whole=False)
    for _ in range(3):
        await earned(database, her)
        await sealed(database, her.book)
    anybody = await enters(None)
    said = words_of((await anybody.get(f"/R/{receipts.compact(then)}")).text)
    assert "这一笔在公开的账本里" in said
    assert f"账本已经有 {then.checkpoint.size + 3} 笔，从前的一笔都没有改" in said


async def test_the_log_of_others_is_not_ours_to_check(enters: Enters, database: AsyncEngine, her: Person) -> None:
    transaction = await earned(database, her)
    await sealed(database, her.book)
    slip = await receipt_of(database, her.book, transaction, whole=False)
    for origin in (f"elsewhere.test/{her.book.code}", f"{slip.checkpoint.origin}x"):
        theirs = receipts.text_of(slip).replace(slip.checkpoint.origin, origin)
        said = words_of((await send(await enters(None), "/R", "/R", receipt=theirs)).text)
        assert "它是别处账本的" in said
        assert "不靠我们" not in said, "without a key there is nothing that it could check with"


async def test_a_promise_is_told_from_one_that_has_been_kept_and_from_a_forged_one(
    enters: Enters, database: AsyncEngine, her: Person
) -> None:
    by, anybody = doors.signer_of(SETTINGS), await enters(None)

    async def said_of(note: str) -> str:
        return words_of((await send(anybody, "/R", "/R", receipt=note)).text)

    async with unsealed(database):
        transaction = await earned(database, her)
        async with database.begin() as tx:
            promise = await doors.promised(tx, by, her.book.book_id, her.book.code, transaction.transaction_id)
        assert "这是账本的承诺" in await said_of(promise.note)
    await sealed(database, her.book)
    assert "承诺已经兑现" in await said_of(promise.note)
    for forged in (
        promise.note.replace(promise.digest, "0" * 64),
        promise.note.replace("within 86400", "within 9000000000000000000"),
        promise.note.replace(promise.recorded_at[:4], "9999"),
    ):
        assert forged != promise.note
        said = await said_of(forged)
        assert "这张凭证不对" in said
        assert "签名不对" in said


def test_every_reason_why_a_receipt_is_wrong_has_its_sentence() -> None:
    sources = [Path(module.__file__ or "").read_text("utf-8") for module in (receipts, doors)]
    codes = {code for source in sources for code in re.findall(r'Wrong\(\s*"(\w+)"', source)}
    assert len(codes) > 12
    assert {f"wrong_{code}" for code in codes - {"no_line"}} <= TEXTS.keys(), "no_line: the server has every line"


# --- codes on pages and paper ----------------------------------------------------------------------------------------


async def test_a_passbook_shows_the_code_of_its_newest_published_entry(
    enters: Enters, database: AsyncEngine, her: Person
) -> None:
    client = await enters(her)
    assert "记账凭证" not in words_of((await client.get("/passbook")).text), "nothing was ever booked"
    async with unsealed(database):
        first = await earned(database, her)
        page = (await client.get("/passbook")).text
        assert "明天起可查" in words_of(page)
        assert bitmap_codes(page) == []
    await sealed(database, her.book)
    async with unsealed(database):
        await earned(database, her)
        slip = await receipt_of(database, her.book, first, whole=False)
        for place in ("/passbook", PRINT):
            [code] = bitmap_codes((await client.get(place)).text)
            assert code == f"http://books.test/R/{receipts.compact(slip)}", place
            assert "这一笔在公开的账本里" in words_of((await client.get(path_of(code))).text)
    await sealed(database, her.book)
    [code] = bitmap_codes((await client.get("/passbook")).text)
    assert receipts.of_compact(code.rpartition("/")[2]).index > slip.index
    assert bitmap_codes((await client.get("/passbook?account=hours")).text) == [], "nothing is booked there"
    assert bitmap_codes((await client.get(f"{PRINT}?size=small")).text) == [], "no room for so dense a code"


async def test_a_code_says_nothing_of_her(enters: Enters, database: AsyncEngine, her: Person) -> None:
    transaction = await earned(database, her, "送餐")
    await sealed(database, her.book)
    [code] = bitmap_codes((await (await enters(her)).get("/passbook")).text)
    assert her.volunteer is not None
    packed = code.rpartition("/")[2]
    inside = base64.b32decode(packed + "=" * (-len(packed) % 8))
    page = (await (await enters(None)).get(path_of(code))).text
    for hers in (her.volunteer.holder, her.volunteer.volunteer_no, "送餐", str(transaction.transaction_id)):
        assert hers.encode() not in inside
        assert hers not in page


async def test_she_scans_the_printed_page_and_sees_her_entry_verified_by_her_own_telephone(
    visit: Visit,  # noqa: F811
    database: AsyncEngine,
    book: Book,
    address: str,
    shots: Path | None,
) -> None:
    her = await people.a_volunteer(database, book)
    await earned(database, her)
    await sealed(database, book)
    async with visit(device_scale_factor=4) as page:
        await as_(page, database, her)
        await page.goto(PRINT)
        picture = await printed(page, *A4)
        if shots:
            picture.save(shots / "printed.png")
        sheets = await page.locator(".sheet").evaluate_all("all => all.map(it => [it.scrollHeight, it.clientHeight])")
    assert all(needed <= there for needed, there in sheets), sheets
    [code] = [each for each in codes_in(picture) if "/R/" in each]
    assert code.startswith(f"{address}/R/")
    for width, name in ((360, "phone"), (1280, "desktop")):
        async with visit(width=width) as page:
            await page.goto(code)
            await expect(page.get_by_role("heading", name="这一笔在公开的账本里")).to_be_visible()
            await expect(page.locator("[data-own=right]")).to_be_visible()
            await expect(page.locator("[data-own=right]")).to_contain_text("签名也对")
            await expect(page.locator("[data-own=none]")).to_be_hidden()
            if shots:
                await page.screenshot(path=shots / f"right-{name}.png", full_page=True)
            await page.goto(code.replace(address, "")[:3] + damaged(code.rpartition("/")[2]))
            await expect(page.get_by_role("heading", name="这张凭证不对")).to_be_visible()
            if shots:
                await page.screenshot(path=shots / f"wrong-{name}.png", full_page=True)
            await page.goto("/R")
            if shots:
                await page.screenshot(path=shots / f"form-{name}.png", full_page=True)


async def test_the_telephone_itself_finds_every_changed_letter_though_the_server_said_nothing(
    visit: Visit,  # noqa: F811
    database: AsyncEngine,
    her: Person,
) -> None:
    for _ in range(5):
        transaction = await earned(database, her)
    await sealed(database, her.book)
    whole = await receipt_of(database, her.book, transaction)
    code = receipts.compact(whole)
    async with visit() as page:
        await page.goto(f"/R/{code}")
        await expect(page.locator("[data-own=right]")).to_be_visible()
        source = await page.locator("script[src*=receipt]").get_attribute("src")
        assert source is not None
        script = await (await page.request.get(source)).text()
        found = await page.evaluate(
            """async ([script, codes, line]) => {
                const place = document.querySelector('[data-receipt]');
                const said = [];
                for (const [code, says] of codes) {
                    place.dataset.receipt = code;
                    if (says) place.dataset.line = says; else delete place.dataset.line;
                    for (const each of place.querySelectorAll('[data-own]')) each.hidden = true;
                    window.done = null;
                    const seen = new Promise(done => new MutationObserver((_, watcher) => {
                        const now = [...place.querySelectorAll('[data-own]')].find(it => !it.hidden);
                        if (now && now.dataset.own !== 'waits') { watcher.disconnect(); done(now.dataset.own); }
                    }).observe(place, {subtree: true, attributes: true}));
                    await run(script);
                    said.push(await seen);
                }
                return said;
                async function run(script) {
                    const blob = document.createElement('script');
                    blob.src = script;
                    document.head.append(blob);
                    await new Promise(loaded => { blob.onload = loaded; });
                    blob.remove();
                }
            }""",
            [
                source,
                [
                    [code, None],
                    [code, whole.line],
                    [code, (whole.line or "").replace("5", "6")],
                    *(
                        [code[:place] + ("A" if code[place] != "A" else "B") + code[place + 1 :], None]
                        for place in range(0, len(code), 7)
                    ),
                    [code + "A", None],
                    [code[:-1], None],
                    [code.lower(), None],
                    ["", None],
                ],
                whole.line,
            ],
        )
    assert "subtle" in script
    assert found[:2] == ["right", "right"]
    assert set(found[2:]) == {"wrong"}


async def test_without_javascript_the_server_says_it_and_that_it_was_the_server(
    visit: Visit,  # noqa: F811
    database: AsyncEngine,
    her: Person,
) -> None:
    transaction = await earned(database, her)
    await sealed(database, her.book)
    slip = await receipt_of(database, her.book, transaction, whole=False)
    async with visit(java_script_enabled=False) as page:
        await page.goto(f"/R/{receipts.compact(slip)}")
        await expect(page.get_by_role("heading", name="这一笔在公开的账本里")).to_be_visible()
        await expect(page.locator("[data-own=none]")).to_be_visible()
        await expect(page.locator("[data-own=right]")).to_be_hidden()
        await page.get_by_role("link", name="再查一张").click()
        await page.get_by_label("凭证的文字或网址").fill(receipts.text_of(slip))
        await page.get_by_role("button", name="查一查").click()
        await expect(page.get_by_role("heading", name="这一笔在公开的账本里")).to_be_visible()


async def test_a_browser_that_cannot_check_signatures_says_so(
    visit: Visit,  # noqa: F811
    database: AsyncEngine,
    her: Person,
) -> None:
    transaction = await earned(database, her)
    await sealed(database, her.book)
    code = receipts.compact(await receipt_of(database, her.book, transaction, whole=False))
    for without, says in (
        (
            "SubtleCrypto.prototype.importKey = async () => { throw new DOMException('no', 'NotSupportedError'); }",
            "unsigned",
        ),
        ("Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined })", "cannot"),
    ):
        async with visit() as page:
            await page.add_init_script(without)
            await page.goto(f"/R/{code}")
            await expect(page.locator(f"[data-own={says}]")).to_be_visible()
            await expect(page.locator("[data-own=right]")).to_be_hidden()
