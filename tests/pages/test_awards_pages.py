"""The pages by which stars are assessed, shown to the public, awarded and certified, and who may not."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta

import httpx
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.pages.doors import COOKIE
from ledger.access import consents
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import corrections
from tests.pages import people
from tests.pages.conftest import SETTINGS, Enters
from tests.pages.people import Person, send, token_of, words_of
from tests.recognition.careers import Career, awarded, career

ASSESSMENTS, AWARDS = "/staff/assessments", "/staff/awards"
WANG, ZHAO = Identity("王秀英", born=date(1950, 6, 15)), Identity("赵小明", born=date(2015, 6, 15))
ALL, READY = f"{AWARDS}?which=ready", "期满的全部授星"


@pytest.fixture(scope="module")
async def afterwards(database: AsyncEngine) -> AsyncIterator[Enters]:
    """Opens somebody's browser twenty days from now."""
    url = people.url_of(database)
    app = create_app(SETTINGS, connect.to(url, clock=lambda time: time + timedelta(days=20)))
    async with app.lifespan(), contextlib.AsyncExitStack() as clients:

        async def entering(person: Person | None) -> httpx.AsyncClient:  # type: ignore[return] # it never falls through
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://books.test")
            await clients.enter_async_context(client)
            if person is not None:
                client.cookies.set(COOKIE, await people.a_session(database, person), "books.test")
            return client

        yield entering  # type: ignore[misc] # no shops come here


@contextlib.asynccontextmanager
async def somewhere(service: Litestar, place: str) -> AsyncIterator[httpx.AsyncClient]:
    """A reader at an address of her own: who is wrong too often waits until tomorrow."""
    transport = httpx.ASGITransport(app=service, client=(place, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://books.test") as client:
        yield client


async def her(database: AsyncEngine, book: Book, number: int = 0) -> Person:
    return await people.somebody(database, book, Grant("volunteer", volunteer_no=f"V-{number:04d}"))


async def colleague(enters: Enters, database: AsyncEngine, book: Book, *grants: Grant) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, *(grants or (Grant("reviewer"),))))


async def assessed(operator: httpx.AsyncClient) -> str:
    """Assesses the stars of today; the address of the assessment."""
    made = await send(operator, ASSESSMENTS, ASSESSMENTS, as_of=f"{people.auth.today()}")
    assert made.status_code == 303, words_of(made.text)
    return str(made.headers["location"]).partition("?")[0]


async def brought(operator: httpx.AsyncClient) -> httpx.Response:
    """Assesses, and brings the candidates into notice."""
    where = await assessed(operator)
    return await send(operator, where, f"{where}/candidates")


async def public(site: httpx.AsyncClient, book: Book) -> str:
    return words_of((await site.get(f"/star-notices/{book.code}")).text)


def awards_on(page: str) -> list[str]:
    return re.findall(r'href="(/staff/awards/[0-9a-f-]{36})"', page)


# --- the whole way ----------------------------------------------------------------------------------------------------


async def test_from_the_assessment_by_the_notice_to_the_certificate(
    service: Litestar,
    enters: Enters,
    afterwards: Enters,
    site: httpx.AsyncClient,
    database: AsyncEngine,
    book: Book,
) -> None:
    await career(database, book, 100, 320, 99)
    for number, name in enumerate(("王秀英", "李国强", "孙红")):
        await people.who_is(database, book, f"V-{number:04d}", Identity(name, born=date(1950, 6, 15)))
    operator = await colleague(enters, database, book, Grant("operator"))
    where = await assessed(operator)
    page = words_of((await operator.get(where)).text)
    for told in ("二星 1 人", "一星 1 人", "还没有星级 1 人", "3 人", "全国星级标准", "没有人降星"):
        assert told in page, told
    for told in ("V-0000 王** 还没有星级 → 一星，100 小时", "V-0001 李** 还没有星级 → 二星，320 小时"):
        assert told in page, told
    assert "2 人进入公示，公示到" in words_of((await send(operator, where, f"{where}/candidates")).text)
    assert "没有新的候选人" in words_of((await send(operator, where, f"{where}/candidates")).text)
    assert where in (await operator.get(ASSESSMENTS)).text
    # Everybody sees them, masked; she sees until when.
    shown = await public(site, book)
    for told in ("王**", "李**", "护河队", "一星", "二星", "320 小时", "提异议", "也可以打电话"):
        assert told in shown, told
    assert "孙" not in shown
    volunteer = await her(database, book, 1)
    assert "您的二星正在公示，到" in words_of((await (await enters(volunteer)).get("/me/awards")).text)
    # Before the end of the notice nobody awards it.
    reviewer = await people.somebody(database, book, Grant("reviewer"))
    today, then = await enters(reviewer), await afterwards(reviewer)
    [_first, _second] = listed = awards_on((await today.get(AWARDS)).text)
    page_of_one = (await today.get(listed[0])).text
    assert "期满才能授星" in words_of(page_of_one)
    assert f"{listed[0]}/award" not in page_of_one
    early = await today.post(f"{listed[0]}/award", data={"_csrf_token": token_of(page_of_one)})
    assert (early.status_code, "公示" in words_of(early.text)) == (409, True)
    assert awards_on((await today.get(ALL)).text) == []
    # Afterwards: one of them alone, the other with all.
    assert sorted(awards_on((await then.get(ALL)).text)) == sorted(listed)
    done = await send(then, listed[0], f"{listed[0]}/award")
    assert done.headers["location"] == f"{listed[0]}?done=award_done_awarded"
    page = words_of((await then.get(done.headers["location"])).text)
    assert "已授星" in page
    assert re.search(r"证书编号 S\d{4}-000001", page)
    again = await then.post(f"{listed[0]}/award", data={"_csrf_token": token_of((await then.get(listed[0])).text)})
    assert again.status_code == 409
    everybody = await send(then, ALL, AWARDS)
    assert "已给 1 人授星" in words_of(everybody.text)
    assert "现在没有可以授星的人" in words_of(
        (await then.post(AWARDS, data={"_csrf_token": token_of(everybody.text)})).text
    )
    assert "现在没有公示中的星级志愿者" in await public(site, book)
    # Her certificate, and what everybody who has it in hand may read.
    own = (await (await enters(volunteer)).get("/me/awards")).text
    [certificate] = re.findall(r'href="(/me/certificates/[^"]+)"', own)
    words = words_of((await (await enters(volunteer)).get(certificate)).text)
    for told in (
        "李国强",
        "志愿者编号 V-0001",
        "二星级志愿者",
        "320 小时",
        "300 小时",
        book.name,
        "全国星级标准",
    ):
        assert told in words, told
    found = re.search(r"证书编号 (S\d{4}-\d{6}) 校验码 ([0-9A-Z-]+)", words)
    assert found
    serial, code = found.groups()
    check = f"/certificate/{book.code}"
    other = "3" if code[-1] == "2" else "2"
    async with somewhere(service, "192.0.2.76") as stranger:
        checked = words_of((await stranger.get(check, params={"serial": serial, "check": code})).text)
        for told in ("证书有效", "李**", "二星级志愿者", "320 小时", book.name):
            assert told in checked, told
        assert "李国强" not in checked
        for wrong in ({"serial": f"{serial[:-1]}9", "check": code}, {"serial": serial, "check": code[:-1] + other}):
            checked = words_of((await stranger.get(check, params=wrong)).text)
            assert "对不上" in checked
            assert "李" not in checked


async def test_a_wrong_form_is_shown_again_with_the_reason(enters: Enters, database: AsyncEngine, book: Book) -> None:
    await career(database, book, 100)
    operator = await colleague(enters, database, book, Grant("operator"))
    tomorrow = people.auth.today() + timedelta(days=1)
    for typed in ("", "never", "2026-13-01", f"{tomorrow}", "0001-01-01"):
        answer = await send(operator, ASSESSMENTS, ASSESSMENTS, as_of=typed)
        assert (answer.status_code, 'role="alert"' in answer.text) == (400, True), typed
    await brought(operator)
    reviewer = await colleague(enters, database, book)
    [one] = awards_on((await reviewer.get(AWARDS)).text)
    short = await send(reviewer, one, f"{one}/refuse", reason="短")
    assert (short.status_code, 'value="短"' in short.text, 'role="alert"' in short.text) == (400, True, True)
    for path in ("objection", "end"):
        fields = {"decision": "perhaps", "words": "查过签到表", "objection": "", "reason": "没有这回事"}
        answer = await reviewer.post(f"{one}/{path}", data={"_csrf_token": token_of(short.text)} | fields)
        assert answer.status_code in (400, 409), path
    answer = await reviewer.post(
        f"{one}/objection",
        data={"_csrf_token": token_of(short.text), "decision": "uphold", "words": "查过签到表", "objection": one},
    )
    assert answer.status_code == 400
    assert "公示中" in words_of((await reviewer.get(one)).text)


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_nobody_awards_what_she_proposed_or_her_own(
    enters: Enters, afterwards: Enters, database: AsyncEngine, book: Book
) -> None:
    await career(database, book, 100)
    both = await people.somebody(database, book, Grant("operator"), Grant("reviewer"))
    await brought(await enters(both))
    own = await people.somebody(database, book, Grant("reviewer"), Grant("volunteer", volunteer_no="V-0000"))
    for person, told in ((both, "这是您自己提出的"), (own, "这是您自己的星级")):
        client = await afterwards(person)
        [one] = awards_on((await client.get(ALL)).text)
        page = (await client.get(one)).text
        assert told in words_of(page)
        assert f'action="{one}' not in page
        for what in ("award", "refuse"):
            data = {"_csrf_token": token_of(page), "reason": "没有道理的理由"}
            assert (await client.post(f"{one}/{what}", data=data)).status_code == 403, what
        words = words_of((await send(client, ALL, AWARDS)).text)
        assert "现在没有可以授星的人" in words
        assert "1 人：是您提出的，或者是您本人" in words


async def test_staff_of_another_organisation_neither_see_nor_award(
    enters: Enters, afterwards: Enters, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100)
    async with made.database.begin() as tx:
        await people.organisations.add(tx, book.book_id, "D2", "二社区", "D", "community")
    operator = await colleague(enters, database, book, Grant("operator"))
    where = await assessed(operator)
    await send(operator, where, f"{where}/candidates")
    elsewhere = await colleague(afterwards, database, book, Grant("reviewer", "D2"))
    near = await colleague(afterwards, database, book, Grant("reviewer", "D1"))
    [one] = awards_on((await near.get(ALL)).text)
    assert awards_on((await elsewhere.get(ALL)).text) == []
    assert "V-0000" not in (await elsewhere.get(where)).text
    assert (await elsewhere.get(one)).status_code == 403
    token = token_of((await elsewhere.get("/account")).text)
    for what in ("award", "refuse", "end", "objection"):
        data = {"_csrf_token": token, "reason": "没有道理", "decision": "uphold", "words": "没有道理"}
        assert (await elsewhere.post(f"{one}/{what}", data=data)).status_code == 403, what
    assert "已给 0 人" not in words_of((await elsewhere.post(AWARDS, data={"_csrf_token": token})).text)
    # Who reads sees no buttons; who assesses for one organisation does not assess the book.
    reader = await colleague(afterwards, database, book, Grant("recorder"))
    assert f'action="{one}' not in (await reader.get(one)).text
    assert READY not in (await reader.get(ALL)).text
    for local in (await colleague(enters, database, book, Grant("operator", "D1")), reader):
        assert f'action="{ASSESSMENTS}' not in (await local.get(ASSESSMENTS)).text
        assert f'action="{where}' not in (await local.get(where)).text
        token = token_of((await local.get("/account")).text)
        for path in (ASSESSMENTS, f"{where}/candidates"):
            answer = await local.post(path, data={"_csrf_token": token, "as_of": "2026-03-01"})
            assert answer.status_code == 403, path
    assert (await send(near, one, f"{one}/award")).status_code == 303


# --- objections -------------------------------------------------------------------------------------------------------


async def test_an_objection_stops_the_award_until_it_is_decided(
    enters: Enters, afterwards: Enters, site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    await career(database, book, 100)
    await people.who_is(database, book, "V-0000", WANG)
    await brought(await colleague(enters, database, book, Grant("operator")))
    text = (await site.get(f"/star-notices/{book.code}")).text
    [form] = re.findall(r'href="(/account/star-objections/[^"]+)"', text)
    assert (await site.get(form)).headers["location"].startswith("/sign-in?next=%2Faccount%2Fstar-objections%2F")
    neighbour = await enters(await her(database, book))
    assert "护河队的一位志愿者，拟授一星" in words_of((await neighbour.get(form)).text)
    short = await send(neighbour, form, form, reason="短")
    assert (short.status_code, 'value="短"' in short.text) == (400, True)
    assert "异议已收到，会在" in words_of((await send(neighbour, form, form, reason="三月五日她不在场")).text)
    twice = await neighbour.post(form, data={"_csrf_token": token_of(short.text), "reason": "三月五日她不在场"})
    assert twice.status_code == 409
    assert "有异议，核实中" in await public(site, book)
    assert form not in (await site.get(f"/star-notices/{book.code}")).text
    assert "有人对您的一星提出异议" in words_of((await neighbour.get("/me/awards")).text)
    reviewer = await colleague(afterwards, database, book)
    assert "1 人：有异议，还没有处理" in words_of(
        (await reviewer.post(AWARDS, data={"_csrf_token": token_of((await reviewer.get("/account")).text)})).text
    )
    [one] = awards_on((await reviewer.get(f"{AWARDS}?which=objected")).text)
    page = (await reviewer.get(one)).text
    assert "三月五日她不在场" in words_of(page)
    assert f"{one}/award" not in page
    [objection] = re.findall(r'name="objection" value="([^"]+)"', page)
    decided = {"decision": "reject", "words": "签到表上有她", "objection": objection}
    done = await send(reviewer, one, f"{one}/objection", **decided)
    assert done.headers["location"] == f"{one}?done=award_done_rejected"
    again = await reviewer.post(f"{one}/objection", data={"_csrf_token": token_of(page)} | decided)
    assert again.status_code == 409
    assert "异议不成立：签到表上有她" in words_of((await reviewer.get(one)).text)
    # Another one is right: the star is refused, and she reads why.
    other = await enters(await people.somebody(database, book, Grant("merchant", outlet="X1")))
    await send(other, form, form, reason="那天的活动取消了")
    [objection] = re.findall(r'name="objection" value="([^"]+)"', (await reviewer.get(one)).text)
    decided = {"decision": "uphold", "words": "活动确实取消了", "objection": objection}
    done = await send(reviewer, one, f"{one}/objection", **decided)
    assert done.headers["location"] == f"{one}?done=award_done_upheld"
    assert "没有授星" in words_of((await reviewer.get(one)).text)
    assert "这次没有授予您一星：活动确实取消了" in words_of((await neighbour.get("/me/awards")).text)
    assert "现在没有公示中的星级志愿者" in await public(site, book)
    late = await neighbour.get(form)
    assert late.status_code == 409


async def test_who_objected_does_not_decide(
    enters: Enters, site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    await career(database, book, 100)
    await people.who_is(database, book, "V-0000", WANG)
    await brought(await colleague(enters, database, book, Grant("operator")))
    reviewer = await colleague(enters, database, book)
    [form] = re.findall(r'href="(/account/star-objections/[^"]+)"', (await site.get(f"/star-notices/{book.code}")).text)
    await send(reviewer, form, form, reason="三月五日她不在场")
    [one] = awards_on((await reviewer.get(f"{AWARDS}?which=objected")).text)
    page = (await reviewer.get(one)).text
    assert "异议是您提出的" in words_of(page)
    assert f'action="{one}' not in page


# --- what is over, and why somebody falls -----------------------------------------------------------------------------


async def test_a_star_that_is_ended_is_void_at_once(
    enters: Enters, site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100)
    star = await awarded(made)
    volunteer = await enters(await her(database, book))
    paper = f"/me/certificates/{star.award_id}"
    text = (await volunteer.get(paper)).text
    found = re.search(r"校验码 ([0-9A-Z-]+)", words_of(text))
    assert found
    params = {"serial": star.serial or "", "check": found[1]}
    assert "证书有效" in words_of((await site.get(f"/certificate/{book.code}", params=params)).text)
    reviewer = await colleague(enters, database, book)
    one = f"{AWARDS}/{star.award_id}"
    assert (await send(reviewer, one, f"{one}/end", reason="短")).status_code == 400
    done = await send(reviewer, one, f"{one}/end", reason="时长查实不实")
    assert done.headers["location"] == f"{one}?done=award_done_ended"
    words = words_of((await site.get(f"/certificate/{book.code}", params=params)).text)
    assert "证书已无效" in words
    assert "时长查实不实" not in words, "the reason is hers"
    assert words_of((await volunteer.get(paper)).text).count("起无效：时长查实不实") == 2, "on the paper too"
    assert "起取消：时长查实不实" in words_of((await volunteer.get("/me/awards")).text)
    again = await reviewer.post(
        f"{one}/end",
        data={"_csrf_token": token_of((await reviewer.get("/account")).text), "reason": "时长查实不实"},
    )
    assert again.status_code == 409


async def test_a_certificate_is_shown_to_nobody_else(enters: Enters, database: AsyncEngine, book: Book) -> None:
    star = await awarded(await career(database, book, 100, 0))
    for client in (await enters(await her(database, book, 1)), await colleague(enters, database, book)):
        answer = await client.get(f"/me/certificates/{star.award_id}")
        assert answer.status_code in (403, 404)
        assert star.serial not in answer.text


async def test_who_falls_is_explained_in_one_sentence(enters: Enters, database: AsyncEngine, book: Book) -> None:
    made = await career(database, book, 99)
    of_march = [made.programme.service(f"2026-03-0{day}", "09:00", "10:00") for day in (4, 5)]
    false = await made.programme.credited(*of_march)
    then = made.later(days=31)
    async with then.database.connect() as tx:
        day = day_of(await connect.now(tx))
    await then.proposed(await then.assessed(day))
    [star] = await made.awards_of()
    await then.later(days=15).award(star)
    operator = await colleague(enters, database, book, Grant("operator"))
    assert "没有人降星" in words_of((await operator.get(await assessed(operator))).text)
    async with then.later(days=30).database.begin() as tx:
        now = await connect.now(tx)
        for each in false:
            reason = {"by": "user:1", "approver": "user:2", "reason": "当天没有看见她"}
            await corrections.correct(tx, book.book_id, each.record_id, now=now, **reason)
    words = words_of((await operator.get(await assessed(operator))).text)
    assert "V-0000 已授一星，现在还没有星级 评定时有 101 小时，其中 2 条记录后来更正，少了 2 小时。" in words
    one = words_of((await operator.get(f"{AWARDS}/{star.award_id}")).text)
    assert "按今天的账，不再够这一星 评定时有 101 小时" in one


# --- privacy ----------------------------------------------------------------------------------------------------------


async def agrees(made: Career, database: AsyncEngine, number: int, *, still: bool = True) -> None:
    async with database.begin() as tx:
        holder, at = made.holder(number), people.auth.now()
        if still:
            await consents.give(tx, made.book, holder, "public_name", "2026-11", "self", at)
        else:
            await consents.withdraw(tx, made.book, holder, "public_name", "self", at)


async def test_full_names_are_public_by_consent_alone_and_masked_again_at_once(
    enters: Enters, site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100, 300)
    await people.who_is(database, book, "V-0000", WANG)
    await brought(await colleague(enters, database, book, Grant("operator")))
    shown = await public(site, book)
    assert ("王**" in shown, "王秀英" in shown, "V-0000" in shown) == (True, False, False)
    assert "另有 1 人不在这里公布" in shown, "nobody knows who the other one is"
    await agrees(made, database, 0)
    assert "王秀英" in await public(site, book)
    await agrees(made, database, 0, still=False)
    assert "王秀英" not in await public(site, book)


async def test_of_minors_nothing_is_public_whatever_they_agreed_to(
    enters: Enters, site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100, 300)
    await people.who_is(database, book, "V-0001", ZHAO)
    await agrees(made, database, 1)
    minor = await enters(await her(database, book, 1))
    await made.proposed(await made.assessed())
    shown = (await site.get(f"/star-notices/{book.code}")).text
    for hidden in ("赵", "0001", "二星", "300 小时", "star-objections"):
        assert hidden not in words_of(shown), hidden
    [star] = await made.awards_of(1)
    star = await made.later(days=10).award(star)
    text = words_of((await minor.get(f"/me/certificates/{star.award_id}")).text)
    assert "赵小明" in text, "to herself she is no secret"
    found = re.search(r"校验码 ([0-9A-Z-]+)", text)
    assert found
    words = words_of(
        (await site.get(f"/certificate/{book.code}", params={"serial": star.serial or "", "check": found[1]})).text
    )
    assert "证书有效" in words
    assert "赵" not in words


async def test_the_public_check_is_not_for_guessing(service: Litestar, database: AsyncEngine, book: Book) -> None:
    star = await awarded(await career(database, book, 100))
    async with somewhere(service, "192.0.2.77") as guesser:
        tried = []
        for last in "3456789A":
            params = {"serial": star.serial or "", "check": f"2222-222{last}"}
            tried.append((await guesser.get(f"/certificate/{book.code}", params=params)).status_code)
    assert tried == [200] * 6 + [429] * 2


async def test_no_address_of_the_pages_holds_the_number_of_the_books(
    enters: Enters, database: AsyncEngine, book: Book
) -> None:
    made = await career(database, book, 100)
    star = await awarded(made)
    operator = await colleague(enters, database, book, Grant("operator"))
    where = await assessed(operator)
    volunteer = await enters(await her(database, book))
    for client, path in (
        (operator, where),
        (operator, f"{AWARDS}/{star.award_id}"),
        (operator, f"{AWARDS}?which=awarded"),
        (volunteer, "/me/awards"),
        (volunteer, f"/me/certificates/{star.award_id}"),
    ):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert made.holder(0) not in html.unescape(answer.text), path
