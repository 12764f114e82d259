"""An auditor in her browser: she finds an entry, walks to its evidence, and can change nothing."""

from __future__ import annotations

import asyncio
import re
import sys
import zipfile
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access import log as access_log
from ledger.access.ciphers import Keys
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.auditing import looks
from ledger.books.directory import Book
from ledger.earning.record import Record
from tests.auditing.sealing import sealed
from tests.pages import people, places
from tests.pages.conftest import SETTINGS, Enters
from tests.pages.people import GROWN, Person, token_of, words_of
from tests.pages.test_browser import Visit, as_, enter, look, visit  # noqa: F401 # a fixture
from tests.spending.shops import Shop, opened_shop

AUDIT = "/staff/audit"


@dataclass
class Office:
    """A programme whose volunteer has served and redeemed, and who audits it."""

    shop: Shop
    record: Record
    redeemed: UUID
    auditor: Person

    @property
    def book(self) -> Book:
        return self.shop.book


@pytest.fixture
async def office(database: AsyncEngine, book: Book) -> Office:
    shop = await opened_shop(database, book)
    [record] = await shop.programme.credited(shop.programme.service("2026-03-05", "09:00", "11:30"))
    made = await shop.redeem(await shop.code(), {"G01": 2})
    redeemed = (await shop.find(made.redemption_id)).transaction_id
    assert redeemed is not None
    await people.who_is(database, book, "V-0000", Identity("张三丰", "13800138000", GROWN))
    grant = Grant("auditor", until=auth.today())
    return Office(shop, record, redeemed, await people.somebody(database, book, grant, password=people.PASSWORD))


@pytest.fixture
async def client(enters: Enters, office: Office) -> httpx.AsyncClient:
    return await enters(office.auditor)


async def test_the_trial_balance_says_large_and_plain_that_it_is_zero(
    client: httpx.AsyncClient, office: Office
) -> None:
    page = (await client.get(f"{AUDIT}/balance")).text
    words = words_of(page)
    assert "平：每个单位的差额都是 0。" in words
    assert re.findall(r'<dd class="big even">([^<]+)</dd>', page) == ["0 小时", "0 分"]
    assert "2100 可用积分 负债 · 1 个账户" in words
    wallets = words_of((await client.get(f"{AUDIT}/balance?group=2100")).text)
    assert f"2100.{office.shop.holder}" in wallets
    assert "115 分" in wallets
    before = words_of((await client.get(f"{AUDIT}/balance?at=2026-03-09")).text)
    assert "到 2026年3月9日 为止" in before
    assert (await client.get(f"{AUDIT}/balance?known_at=never")).status_code == 400
    assert "还没有账。" in words_of((await client.get(f"{AUDIT}/balance?known_at=2001-01-01")).text)


async def test_a_search_finds_and_says_what_it_cannot(client: httpx.AsyncClient, office: Office) -> None:
    found = (await client.get(f"{AUDIT}/search?volunteer=V-0000&kind=spend")).text
    assert f"{AUDIT}/transactions/{office.redeemed}" in found
    assert found.count("看凭据</a>") == 1
    for query, status, told in (
        ("text=x", 400, "请同时写明从哪一天、到哪一天"),
        ("amount=x", 400, "请写整数"),
        ("voucher=x", 400, "请写成 2026-17 这样"),
        ("transaction=x", 400, "交易编号"),
        ("volunteer=nobody", 404, "没有"),
        ("from=x", 400, "请写成 2027-12-31"),
    ):
        answer = await client.get(f"{AUDIT}/search?{query}")
        assert answer.status_code == status, query
        assert told in words_of(answer.text), (query, words_of(answer.text))
    assert "没有找到。" in words_of((await client.get(f"{AUDIT}/search?amount=999999")).text)


async def test_searching_a_volunteers_entries_is_told_to_her_log_and_looks_name_no_number(
    client: httpx.AsyncClient, office: Office, database: AsyncEngine
) -> None:
    await client.get(f"{AUDIT}/search?volunteer=V-0000")
    keys = Keys.of(SETTINGS.identity_keys, SETTINGS.index_keys)
    async with database.connect() as tx:
        [line, *_] = await access_log.read_log(tx, keys, office.book.book_id, office.shop.holder, 10)
        [noted] = await looks.of_book(tx, office.book.book_id)
    assert (line.action, line.fields) == ("masked", ("entries",))
    assert (noted.what, noted.facts) == ("search", {"holder": office.shop.holder})
    assert "志愿者编号: V-0000" in words_of((await client.get(f"{AUDIT}/looks")).text)


async def test_the_looks_are_for_auditors_and_owners_and_for_nobody_else(
    client: httpx.AsyncClient, enters: Enters, office: Office, database: AsyncEngine
) -> None:
    await client.get(f"{AUDIT}/balance?at=2026-03-09")
    owner = await enters(await people.somebody(database, office.book, Grant("owner")))
    words = words_of((await owner.get(f"{AUDIT}/looks")).text)
    assert f"{office.auditor.login} 看了试算平衡 到哪一天: 2026-03-09" in words
    assert (await owner.get(AUDIT)).status_code == 403
    for role in ("operator", "reviewer", "recorder"):
        other = await enters(await people.somebody(database, office.book, Grant(role)))  # type: ignore[arg-type]
        for page in ("", "/balance", "/search", "/log", "/looks", f"/transactions/{office.redeemed}"):
            assert (await other.get(f"{AUDIT}{page}")).status_code == 403, (role, page)


async def test_an_auditor_of_one_organisation_does_not_audit_the_book(
    enters: Enters, office: Office, database: AsyncEngine
) -> None:
    grant = Grant("auditor", "D1", until=auth.today())
    client = await enters(await people.somebody(database, office.book, grant))
    assert AUDIT not in (await client.get("/staff")).text
    assert (await client.get(f"{AUDIT}/balance")).status_code == 403


async def test_the_state_of_the_log_shows_its_size_and_the_key_to_compare(
    client: httpx.AsyncClient, office: Office, database: AsyncEngine
) -> None:
    size = await sealed(database, office.book)
    words = words_of((await client.get(f"{AUDIT}/log")).text)
    assert f"已封存 {size} 片叶子" in words
    assert "全部封存了" in words
    assert f"/{office.book.code}+" in words


async def test_after_her_last_day_she_is_refused(
    client: httpx.AsyncClient, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await client.get(AUDIT)).status_code == 200
    tomorrow = auth.today() + timedelta(days=1)
    monkeypatch.setattr(auth, "today", lambda: tomorrow)
    for page in ("", "/balance", "/search", "/log", "/looks", f"/transactions/{office.redeemed}"):
        assert (await client.get(f"{AUDIT}{page}")).status_code in (303, 403), page


async def test_she_can_write_nothing(client: httpx.AsyncClient, office: Office) -> None:
    """Every form of the pages, but for those of her own account, what she may see in full, and a search by phone."""
    account = "/account/(password|consents|devices|boards|book)"
    reads = r"/staff/access-log$|/staff/volunteers(/\{number\}/.*reveal)?$"
    hers = re.compile(rf"/sign-|{account}|/verify|/R$|/till|{reads}")
    token = token_of((await client.get("/account/password")).text)
    for path in places.FORMS:
        if hers.match(path):
            continue
        address = re.sub(r"\{\w+_id\}", str(UUID(int=7)), path)
        address = re.sub(r"\{(version|role_id|token_id|till|pair)\}", "1", address)
        address = re.sub(r"\{number\}", "V-0000", address)
        address = re.sub(r"\{\w+\}", "x", address)
        answer = await client.post(address, data={"_csrf_token": token})
        assert answer.status_code in (403, 404), (path, answer.status_code)


async def test_in_a_browser_she_finds_an_entry_and_walks_to_its_evidence(
    visit: Visit,  # noqa: F811
    office: Office,
    database: AsyncEngine,
) -> None:
    await sealed(database, office.book)
    async with visit() as page:
        await enter(page, office.auditor, "/staff")
        await page.get_by_role("link", name="审计", exact=False).first.click()
        await page.get_by_role("link", name="查账").click()
        await page.get_by_label("志愿者编号").fill("V-0000")
        await page.get_by_text("更多条件").click()
        await page.get_by_label("种类").fill("earn.release")
        await page.get_by_role("button", name="查找").click()
        await page.get_by_role("link", name="看凭据").click()
        main = page.locator("main")
        for told in (
            "记录 R",
            "志愿者 V-0000 张**",
            "user:reviewer",
            "规则第",
            "按规则重新算过，一样：25 分。",
            "凭证 ",
        ):
            await expect(main).to_contain_text(told)
        await expect(main).not_to_contain_text("张三丰")
        await page.get_by_role("link", name="积分进入公示").click()
        await expect(main).to_contain_text("积分进入公示 (就是这笔)")
        await expect(main).to_contain_text(f"2110.{office.shop.holder} 加 25 分")
        await page.get_by_role("link", name=office.record.record).click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text(office.record.record)
        await page.goto(f"{AUDIT}/search?kind=spend.redeem")
        await page.get_by_role("link", name="看凭据").click()
        for told in ("一社区美德超市", "香皂 × 2", "收银一", "已兑换 · 10 分"):
            await expect(main).to_contain_text(told)
        await page.goto(f"{AUDIT}/looks")
        await expect(main).to_contain_text("看了一笔账的凭据")


async def test_in_a_browser_she_takes_a_package_away_and_verifies_it_with_what_is_in_it(
    visit: Visit,  # noqa: F811
    office: Office,
    database: AsyncEngine,
    tmp_path: Path,
) -> None:
    async with visit() as page:
        await as_(page, database, office.auditor)
        await page.goto(AUDIT)
        await page.get_by_role("link", name="下载审计包").click()
        async with page.expect_download() as coming:
            await page.get_by_role("button", name="下载").click()
        download = await coming.value
        assert download.suggested_filename == f"audit-{office.book.code}.zip"
        await download.save_as(tmp_path / "package.zip")
        await page.goto(f"{AUDIT}/looks")
        await expect(page.locator("main")).to_contain_text("下载了审计包")
        await page.goto(f"{AUDIT}/log")
        key = await page.get_by_label("核对用的公钥").input_value()
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / f"audit-{office.book.code}"
    right, told = await verified(folder, key)
    assert right, told
    file = folder / "log" / "entries-000000.jsonl"
    file.write_text(file.read_text("utf-8").replace('"credit":"25"', '"credit":"26"', 1), "utf-8")
    right, told = await verified(folder, key)
    assert not right
    assert "entries-000000.jsonl" in told


async def test_days_that_are_the_wrong_way_round_are_told_before_anything_is_sent(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{AUDIT}/package/file?from=2026-03-02&to=2026-03-01")
    assert answer.status_code == 400
    assert "“到哪一天”不能早于开始的那一天。" in words_of(answer.text)
    assert 'value="2026-03-02"' in answer.text


async def verified(folder: Path, key: str) -> tuple[bool, str]:
    """Whether a package's own verifier finds it right, and what it says."""
    command = [sys.executable, "verify", ".", "--key", key]
    run = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=PIPE, stderr=STDOUT)
    told, _ = await run.communicate()
    assert run.returncode in (0, 1), told.decode()
    return run.returncode == 0, told.decode()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_page_of_hers_is_large_light_and_calm(
    visit: Visit,  # noqa: F811
    office: Office,
    database: AsyncEngine,
    language: str,
) -> None:
    await sealed(database, office.book)
    hours, release = office.record.hours_transaction, office.record.release_transaction
    async with visit() as page:
        await as_(page, database, office.auditor)
        for path in (
            AUDIT,
            f"{AUDIT}/balance",
            f"{AUDIT}/balance?group=2100",
            f"{AUDIT}/search?kind=earn",
            f"{AUDIT}/search?text=x",
            *(f"{AUDIT}/transactions/{each}" for each in (hours, release, office.redeemed)),
            f"{AUDIT}/log",
            f"{AUDIT}/package",
            f"{AUDIT}/looks",
        ):
            await page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
            await look(page, "zh", path)  # what people wrote here is Chinese


async def test_paper_has_the_trial_balance_and_nothing_to_press(
    visit: Visit,  # noqa: F811
    office: Office,
    database: AsyncEngine,
) -> None:
    async with visit(width=1280) as page:
        await as_(page, database, office.auditor)
        await page.goto(f"{AUDIT}/balance")
        await page.emulate_media(media="print")
        for gone in await page.locator("header, nav, button, form, footer").all():
            await expect(gone).to_be_hidden()
        await expect(page.locator(".on-paper")).to_contain_text("试验区时间银行 试算平衡")
