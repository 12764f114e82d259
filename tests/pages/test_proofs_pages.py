"""Proofs of service on pages: asked for in two steps, issued, printed on A4, and looked up from the QR code on it."""

from __future__ import annotations

import html
import re
import secrets
from dataclasses import dataclass
from datetime import date

import httpx
import pytest
from litestar import Litestar
from playwright.async_api import expect
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, seals
from api.check_codes import ALPHABET
from ledger.access import log
from ledger.access.ciphers import Keys
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from tests.earning.programmes import TEN_AN_HOUR, Programme, in_force, since_tuesday
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import GROWN, NORTH, SOUTH, District, send, token_of, words_of
from tests.pages.test_browser import Visit, as_, visit  # noqa: F401 # a fixture
from tests.pages.test_paper_pages import codes_in, printed

MINE, STAFFS = "/me/proofs", "/staff/proofs"
ISSUER = {"person_in_charge": "王主任", "handler": "李干事", "contact": "0531-1234567", "remarks": "仅用于入学"}


@dataclass(frozen=True)
class Office:
    """A volunteer of the north who has served there, and her and a recorder's browsers."""

    district: District
    programme: Programme
    her: httpx.AsyncClient
    recorder: httpx.AsyncClient

    async def asked(self, **days: str) -> str:
        """She asks in two steps; the number of what waits."""
        page = await self.her.get(MINE)
        [step] = re.findall(r'href="(/me/proofs/new[^"]*)"', page.text)
        done = await send(self.her, html.unescape(step), MINE, organisation=NORTH, **days)
        assert done.headers["location"] == f"{MINE}?done=proof_asked", done.text
        [proof] = re.findall(rf'action="{MINE}/([0-9a-f-]+)/withdraw"', (await self.her.get(MINE)).text)
        return str(proof)

    async def issued(self) -> str:
        """Where she prints it."""
        page = f"{STAFFS}/{await self.asked()}"
        done = await send(self.recorder, page, f"{page}/issue", **ISSUER)
        assert done.headers["location"] == f"{page}?done=proof_issued_done", done.text
        return page.replace(STAFFS, MINE) + "/print"


@pytest.fixture
async def office(enters: Enters, database: AsyncEngine, book: Book) -> Office:
    district = await people.a_district(database, book)
    await people.who_is(database, book, "N0001", Identity("欧阳示例", "13800138000", GROWN))
    assert district.northern.volunteer is not None
    programme = Programme(since_tuesday(database), book, [district.northern.volunteer])
    await in_force(programme.database, book, TEN_AN_HOUR, date(1990, 1, 1))
    await programme.grant(100_000)
    backfilled = {"record_class": "honour", "second_person": "user:second", "evidence": "照片"}
    await programme.credited(
        programme.service("2026-03-05", "09:00", "10:30", organisation=NORTH),
        programme.service("2026-03-07", "09:00", "11:00", organisation=NORTH, **backfilled),
    )
    recorder = await people.somebody(database, book, Grant("recorder", NORTH))
    return Office(district, programme, await enters(district.northern), await enters(recorder))


def address_on(page: str) -> str:
    """Where the QR code of a printed proof leads."""
    [address] = re.findall(r'class="address">http://[^/]+(/proof/[^<]+)<', page)
    return str(address)


@pytest.fixture
async def strangers(service: Litestar) -> Enters:
    """Browsers of people who are not signed in, each at an address of its own."""

    async def entering(_: object) -> httpx.AsyncClient:
        address = ".".join(str(secrets.randbelow(250)) for _ in range(4))
        transport = httpx.ASGITransport(app=service, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url="http://books.test")

    return entering


async def test_she_asks_in_two_steps_and_prints_what_was_issued(office: Office, strangers: Enters) -> None:
    page = words_of((await office.her.get(MINE)).text)
    assert "服务时长 1 小时 30 分，荣誉时长 2 小时，2026年3月5日 至 2026年3月7日" in page
    assert "申请和出具都不收费" in page
    asked = await office.asked(from_day="2026-03-01")
    assert "等待出具" in words_of((await office.her.get(MINE)).text)
    again = await send(office.her, f"{MINE}/new?organisation={NORTH}", MINE, organisation=NORTH)
    assert again.headers["location"] == f"{MINE}?done=proof_waits_already"
    waits = words_of((await office.recorder.get(STAFFS)).text)
    assert "North lake：等待 1 份" in waits
    assert "N0001" in waits
    page = f"{STAFFS}/{asked}"
    told = words_of((await office.recorder.get(page)).text)
    for said in ("现在出具，内容如下", "3 小时 30 分（签到签退 1 小时 30 分，事后补录 2 小时）", "N0001 欧**"):
        assert said in told, said
    await send(office.recorder, page, f"{page}/issue", **ISSUER)
    paper = await office.her.get(f"{MINE}/{asked}/print")
    words = words_of(paper.text)
    for said in (
        *("欧阳示例", "居民身份证", "3701************", "N0001", "3 小时 30 分", "2026年3月1日", "护河"),
        *("North lake", "王主任", "李干事", "0531-1234567", "仅用于入学", "37N-2026-000001", "红色印章是打印的图案"),
        *("签到签退", "事后补录", "生态环保"),
    ):
        assert said in words, said
    assert GROWN not in paper.text
    shown = await (await strangers(None)).get(address_on(paper.text))
    assert (shown.status_code, shown.headers["x-robots-tag"]) == (200, "noindex, nofollow")
    assert shown.headers["cache-control"] == "no-store"
    told = words_of(shown.text)
    for said in ("这份证明有效", "欧**", "0001", "37N-2026-000001", "North lake", "护河", "0531-1234567"):
        assert said in told, said
    for hidden in ("欧阳示例", "N0001", "3701", "王主任", "仅用于入学"):
        assert hidden not in told, hidden


async def test_who_read_her_name_to_print_it_stands_in_the_access_log(
    office: Office, database: AsyncEngine, enters: Enters
) -> None:
    paper = await office.issued()
    at_the_counter = paper.replace(MINE, STAFFS)
    assert "欧阳示例" in (await office.her.get(paper)).text
    assert "欧阳示例" in (await office.recorder.get(at_the_counter)).text
    assert office.district.northern.volunteer is not None
    keys = Keys.of(people.IDENTITY_KEYS, people.INDEX_KEYS)
    async with database.connect() as tx:
        seen = await log.read_log(tx, keys, office.district.book.book_id, office.district.northern.volunteer.holder, 9)
    reasons = [each.reason for each in seen if each.action == "reveal"]
    assert len(reasons) == 2
    assert all(each is not None and "37N-2026-000001" in each for each in reasons)
    beside = await enters(await people.somebody(database, office.district.book, Grant("recorder", SOUTH)))
    assert (await beside.get(at_the_counter)).status_code == 403
    other = await enters(office.district.southern)
    assert (await other.get(paper)).status_code == 404
    assert (await other.get(at_the_counter)).status_code == 403


async def test_every_changed_character_of_the_address_leads_to_the_same_page_of_nothing(
    office: Office, strangers: Enters
) -> None:
    address = address_on((await office.her.get(await office.issued())).text)
    token = address.removeprefix("/proof/")
    pages = set()
    for place in range(len(token)):
        other = secrets.choice(ALPHABET.replace(token[place], ""))
        answer = await (await strangers(None)).get(f"/proof/{token[:place]}{other}{token[place + 1 :]}")
        assert answer.status_code == 404, place
        pages.add(answer.text)
    for nobodys in ("none", "A" * 48, token[1:]):
        pages.add((await (await strangers(None)).get(f"/proof/{nobodys}")).text)
    assert len(pages) == 1
    assert "没有找到这份证明" in pages.pop()
    assert (await (await strangers(None)).get(address)).status_code == 200


async def test_who_tries_too_often_is_asked_to_wait(office: Office, strangers: Enters) -> None:
    stranger = await strangers(None)
    answers = [(await stranger.get("/proof/none")).status_code for _ in range(7)]
    assert answers == [404] * 6 + [429]
    assert "请过" in (await stranger.get("/proof/none")).text


async def test_a_revoked_proof_says_so_on_its_page_and_is_printed_no_more(office: Office, strangers: Enters) -> None:
    paper = await office.issued()
    address = address_on((await office.her.get(paper)).text)
    page = paper.replace(MINE, STAFFS).removesuffix("/print")
    short = await send(office.recorder, page, f"{page}/revocation", reason="短")
    assert (short.status_code, 'value="短"' in short.text) == (400, True)
    done = await send(office.recorder, page, f"{page}/revocation", reason="印错了姓名")
    assert "已撤销" in words_of((await office.recorder.get(done.headers["location"])).text)
    shown = words_of((await (await strangers(None)).get(address)).text)
    assert "这份证明已于" in shown
    assert "这份证明有效" not in shown
    assert (await office.her.get(paper)).status_code == 404
    assert "印错了姓名" in words_of((await office.her.get(MINE)).text)


async def test_what_is_refused_or_withdrawn_ends_and_she_reads_why(office: Office) -> None:
    page = f"{STAFFS}/{await office.asked()}"
    await send(office.recorder, page, f"{page}/refusal", reason="请先更正姓名")
    assert "请先更正姓名" in words_of((await office.her.get(MINE)).text)
    asked = await office.asked()
    done = await send(office.her, MINE, f"{MINE}/{asked}/withdraw")
    assert done.headers["location"] == f"{MINE}?done=proof_withdrawn"
    token = token_of((await office.recorder.get("/verify")).text)
    late = await office.recorder.post(f"{STAFFS}/{asked}/issue", data={**ISSUER, "_csrf_token": token})
    assert late.status_code == 409


async def test_forms_that_cannot_be_are_shown_again_with_the_reason(office: Office) -> None:
    for days, said in (
        ({"from_day": "never"}, "2027-12-31"),
        ({"to_day": "2126-01-01"}, "不能晚于今天"),
        ({"from_day": "2026-03-09", "to_day": "2026-03-08"}, "在最后一天以后"),
        ({"from_day": "2026-03-08", "to_day": "2026-03-09"}, "没有可以证明的内容"),
    ):
        answer = await send(office.her, f"{MINE}/new?organisation={NORTH}", MINE, organisation=NORTH, **days)
        assert answer.status_code in (400, 409), days
        assert said in words_of(answer.text), days
        assert all(f'value="{day}"' in answer.text for day in days.values())
    page = f"{STAFFS}/{await office.asked()}"
    answer = await send(office.recorder, page, f"{page}/issue", **ISSUER | {"handler": ""})
    assert answer.status_code == 400
    assert "请填写“经办人”" in words_of(answer.text)
    assert 'value="王主任"' in answer.text


async def test_a_service_station_asks_and_prints_for_her(office: Office, enters: Enters, database: AsyncEngine) -> None:
    page = "/staff/volunteers/N0001/proofs"
    done = await send(office.recorder, page, page, organisation=NORTH, from_day="", to_day="")
    assert done.headers["location"] == f"{page}?done=proof_asked"
    assert "等待出具" in words_of((await office.recorder.get(page)).text)
    southern = await enters(await people.somebody(database, office.district.book, Grant("recorder", SOUTH)))
    assert (await southern.get(page)).status_code == 403
    assert "没有已经入账的服务" in (await southern.get("/staff/volunteers/S0001/proofs")).text


async def test_staff_of_another_organisation_see_and_decide_nothing(
    office: Office, enters: Enters, database: AsyncEngine
) -> None:
    page = f"{STAFFS}/{await office.asked()}"
    southern = await enters(
        await people.somebody(database, office.district.book, Grant("recorder", SOUTH), Grant("reviewer", SOUTH))
    )
    assert (await southern.get(page)).status_code == 403
    assert "N0001" not in (await southern.get(STAFFS)).text
    token = token_of((await southern.get("/verify")).text)
    for verb in ("issue", "refusal", "revocation"):
        data = {**ISSUER, "reason": "请先核对", "_csrf_token": token}
        assert (await southern.post(f"{page}/{verb}", data=data)).status_code == 403
    auditor = await enters(await people.somebody(database, office.district.book, Grant("auditor", until=auth.today())))
    assert '<form method="post" action="/staff/proofs' not in (await auditor.get(page)).text
    above = await enters(await people.somebody(database, office.district.book, Grant("reviewer", "37")))
    done = await send(above, page, f"{page}/issue", **ISSUER)
    assert done.status_code == 303


async def test_members_see_what_their_organisation_has_issued_lately(office: Office, enters: Enters) -> None:
    await office.issued()
    hers = words_of((await office.her.get(MINE)).text)
    assert "欧**，服务 3 小时 30 分，编号 37N-2026-000001，公示到" in hers
    southern = await enters(office.district.southern)
    assert "37N-2026-000001" not in (await southern.get(MINE)).text


async def test_after_an_erasure_no_page_names_her(
    office: Office, enters: Enters, database: AsyncEngine, strangers: Enters
) -> None:
    paper = await office.issued()
    address = address_on((await office.her.get(paper)).text)
    owner = await enters(await people.somebody(database, office.district.book, Grant("owner")))
    erase = "/staff/volunteers/N0001/erase"
    assert (await send(owner, erase, erase, number="N0001")).status_code == 303
    shown = words_of((await (await strangers(None)).get(address)).text)
    assert "这份证明有效" in shown
    assert "37N-2026-000001" in shown
    printed_anew = await office.recorder.get(paper.replace(MINE, STAFFS))
    assert printed_anew.status_code == 200
    for page in (shown, printed_anew.text, (await office.recorder.get(f"{STAFFS}?state=issued")).text):
        assert "欧" not in page
        assert "N0001" not in page
    assert "（本人已注销，不显示姓名）" in printed_anew.text


async def test_the_printed_page_is_one_of_a4_and_its_qr_code_opens_the_page_of_the_proof(
    visit: Visit,  # noqa: F811
    database: AsyncEngine,
    office: Office,
    address: str,
) -> None:
    paper = await office.issued()
    async with visit(device_scale_factor=4) as page:
        await as_(page, database, office.district.northern)
        await page.goto(paper)
        picture = await printed(page, 673, 1002)
        pdf = await page.pdf(prefer_css_page_size=True)
        await expect(page.locator(".seal svg")).to_be_visible()
        seal = await page.locator(".seal svg text").bounding_box()
    assert seal is not None
    assert seal["width"] > 40, "the name stands along the ring"
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    assert b"/MediaBox [0 0 594.95996 841.91998]" in pdf or b"/MediaBox [0 0 595" in pdf
    [code] = [each for each in codes_in(picture) if "/R/" not in each]  # beside it may be a receipt
    assert code.startswith(f"{address}/proof/")
    async with visit() as page:
        await page.goto(code)
        await expect(page.get_by_role("status")).to_contain_text("这份证明有效")
        await expect(page.locator("dl.facts")).to_contain_text("37N-2026-000001")


def test_a_seal_holds_any_name_as_text() -> None:
    for name in ("护", "示例市示例区示例街道示例社区志愿服务队", "长" * 200, 'North "lake" <b> & Co'):
        drawn = seals.svg(name, "seal")
        size = float(re.findall(r'font-size="([\d.]+)"', drawn)[0])
        assert 0 < size <= 25
        assert html.escape(name) in drawn
        assert "<b>" not in drawn


async def test_a_proof_of_many_services_says_all_of_them(office: Office) -> None:
    days = (f"2026-02-{day:02}" for day in range(1, 29))
    await office.programme.credited(
        *(office.programme.service(day, "09:00", "10:00", organisation=NORTH) for day in days)
    )
    page = (await office.her.get(await office.issued())).text
    assert page.count("<td>护河</td>") == 30
    assert "31 小时 30 分" in page
