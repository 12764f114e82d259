"""The pages on which staff work on records, and those of public notice: forms, refusals, who sees what."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.app import create_app
from api.pages.doors import COOKIE
from ledger.access import ciphers, consents, persons
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import crediting
from ledger.earning.record import Record
from ledger.earning.rules import RuleSet
from tests.conftest import new_book
from tests.earning.programmes import PER_HOUR, Programme, later, opened, since_tuesday
from tests.pages import people
from tests.pages.conftest import SETTINGS
from tests.pages.people import send, token_of, words_of

DAY = "2026-03-05"
REVIEWS, RECORDS, OBJECTIONS = "/staff/reviews", "/staff/records", "/staff/objections"
ODD = "<script>alert(1)</script>"


@dataclass
class Desk:
    """A programme on its Tuesday, and browsers of those who work in it."""

    programme: Programme
    app: object
    clients: list[httpx.AsyncClient]

    async def enters(self, *grants: Grant) -> httpx.AsyncClient:
        """A browser of somebody with these roles; without any, of nobody."""
        transport = httpx.ASGITransport(app=self.app)  # type: ignore[arg-type] # the application
        client = httpx.AsyncClient(transport=transport, base_url="http://books.test")
        self.clients.append(client)
        if grants:
            person = await people.somebody(self.programme.database, self.programme.book, *grants)
            client.cookies.set(COOKIE, await people.a_session(self.programme.database, person), "books.test")
        return client

    async def signed_in(self, since: str = "09:00", until: str = "11:30", **other: object) -> Record:
        """A record that was signed in and out, and waits for its review."""
        [taken] = await self.programme.taken(self.programme.service(DAY, since, until, **other))
        return taken

    async def in_notice(self) -> Record:
        taken = await self.signed_in()
        await self.programme.review(taken)
        return await self.programme.now_is(taken)


@pytest.fixture(scope="module")
def app(database: AsyncEngine) -> object:
    return create_app(SETTINGS, since_tuesday(database))


@pytest.fixture
async def desk(database: AsyncEngine, app: object, book: Book) -> AsyncIterator[Desk]:
    made = Desk(await opened(database, book), app, [])
    yield made
    for client in made.clients:
        await client.aclose()


REVIEWER, ABOVE, RECORDER = Grant("reviewer", "D1T"), Grant("reviewer", "D"), Grant("recorder", "D1T")


# --- the queue --------------------------------------------------------------------------------------------------------


async def test_a_reviewer_ticks_several_and_accepts_them(desk: Desk) -> None:
    first, second, third = [
        await desk.signed_in(*times) for times in (("09:00", "10:00"), ("10:00", "11:00"), ("11:00", "12:00"))
    ]
    client = await desk.enters(REVIEWER)
    page = (await client.get(REVIEWS)).text
    assert [each.record in page for each in (first, second, third)] == [True] * 3
    ticked = [str(first.record_id), str(third.record_id)]
    form = {"record": ticked, "decision": "accept", "_csrf_token": token_of(page)}
    answer = await client.post(REVIEWS, data=form)
    assert answer.status_code == 200
    assert "已办 2 条" in words_of(answer.text)
    assert second.record in answer.text
    assert first.record not in answer.text
    assert [(await desk.programme.now_is(each)).state for each in (first, second, third)] == [
        *("in_notice", "submitted", "in_notice")
    ]
    again = await client.post(REVIEWS, data=form)
    assert "已办 0 条" in words_of(again.text)
    assert "没有办成" in words_of(again.text)


async def test_refusing_takes_a_reason_and_what_was_chosen_stays_chosen(desk: Desk) -> None:
    asked = await desk.signed_in()
    client = await desk.enters(REVIEWER)
    token = token_of((await client.get(REVIEWS)).text)
    form = {"record": str(asked.record_id), "decision": "refuse", "_csrf_token": token}
    without = await client.post(REVIEWS, data=form)
    assert without.status_code == 400
    assert "请填写“原因”" in words_of(without.text)
    assert f'value="{asked.record_id}" checked' in without.text
    none = await client.post(REVIEWS, data={"decision": "accept", "_csrf_token": token})
    assert (none.status_code, "请先选择记录" in none.text) == (400, True)
    assert "已办 1 条" in (await client.post(REVIEWS, data=form | {"reason": ODD})).text
    page = (await client.get(f"{RECORDS}/{asked.record_id}")).text
    assert ODD not in page
    assert f"不通过：{ODD}" in words_of(page)


async def test_the_queue_shows_what_to_look_at(database: AsyncEngine, app: object, book: Book) -> None:
    rules = RuleSet(items=(PER_HOUR,), default_item="P01", sample_share=100)
    desk = Desk(await opened(database, book, rules=rules), app, [])
    drawn = await desk.signed_in("06:00", "12:00", by_leader=True)
    await desk.signed_in("12:00", "16:00", forgotten=True)
    client = await desk.enters(ABOVE)
    words = words_of((await client.get(REVIEWS)).text)
    for flag in ("队长代签", "先回访服务对象", "忘记签退，算到活动结束", "当天超过 8 小时"):
        assert flag in words, flag
    page = (await client.get(f"{REVIEWS}?call_backs=1")).text
    assert drawn.record in page
    assert f'value="{drawn.record_id}"' not in page  # it cannot be ticked before the call-back
    where = f"{RECORDS}/{drawn.record_id}"
    answer = await send(client, where, f"{where}/call-back", answer="confirmed")
    assert answer.headers["location"] == f"{where}?done=call_back_noted"
    assert "回访属实" in (await client.get(where)).text
    done = await send(client, where, REVIEWS, record=str(drawn.record_id), back="record", decision="accept")
    assert (done.status_code, done.headers["location"]) == (303, where)
    assert (await desk.programme.now_is(drawn)).state == "in_notice"
    for each in desk.clients:
        await each.aclose()


async def test_who_had_a_hand_in_it_cannot_tick_it(desk: Desk) -> None:
    both = await desk.enters(RECORDER, REVIEWER)
    answer = await hand_in(both)
    assert answer.status_code == 303
    page = (await both.get(REVIEWS)).text
    assert "您经手过这一条，请别人复核" in page
    assert 'type="checkbox"' not in page
    mine = (await both.get(answer.headers["location"])).text
    assert "这条记录您经手过" in mine
    assert f'action="{REVIEWS}"' not in mine


async def test_a_long_queue_goes_on_page_by_page(desk: Desk) -> None:
    wanted = [desk.programme.service(f"2026-0{1 + n // 20}-{1 + n % 20:02}", "09:00", "10:00") for n in range(25)]
    taken = await desk.programme.taken(*wanted)
    client = await desk.enters(REVIEWER)
    first = (await client.get(REVIEWS)).text
    [more] = re.findall(r'href="(/staff/reviews\?after=[^"]+)"', first)
    rest = (await client.get(more)).text
    for each in taken:
        assert (each.record in first) != (each.record in rest)
    assert "after=" not in rest.partition("<main>")[2].partition("</main>")[0]
    assert (await client.get(f"{REVIEWS}?after=nonsense")).status_code == 200


async def test_others_queues_are_not_hers(desk: Desk) -> None:
    asked = await desk.signed_in()
    beside = await desk.enters(Grant("reviewer", "D2"))
    assert asked.record not in (await beside.get(REVIEWS)).text
    assert (await beside.get(f"{RECORDS}/{asked.record_id}")).status_code == 403
    token = token_of((await beside.get("/account")).text)
    form = {"record": str(asked.record_id), "decision": "accept", "_csrf_token": token}
    assert (await beside.post(REVIEWS, data=form)).status_code == 403
    assert (await desk.programme.now_is(asked)).state == "submitted"
    her = await desk.enters(Grant("volunteer", volunteer_no="V-0000"))
    for path in (REVIEWS, RECORDS, OBJECTIONS, "/staff/overdue", "/staff/notices", f"{RECORDS}/{asked.record_id}"):
        assert (await her.get(path)).status_code == 403


# --- records ----------------------------------------------------------------------------------------------------------


async def test_a_record_is_found_by_its_number_and_tells_its_whole_story(desk: Desk) -> None:
    asked = await desk.in_notice()
    await crediting.release(later(desk.programme.database, days=30), desk.programme.book.book_id)
    client = await desk.enters(ABOVE)
    found = await client.get(f"{RECORDS}?record={asked.record}")
    assert (found.status_code, found.headers["location"]) == (303, f"{RECORDS}/{asked.record_id}")
    words = words_of((await client.get(found.headers["location"])).text)
    for said in ("V-0000", "护河队", "2 小时 30 分", "25 分", "交记录", "复核", "公示期满，入账，系统"):
        assert said in words, said
    missing = await client.get(f"{RECORDS}?record=never")
    assert (missing.status_code, "没有这样的记录" in missing.text) == (404, True)
    assert asked.record in (await client.get(f"{RECORDS}?state=credited")).text
    assert asked.record not in (await client.get(f"{RECORDS}?state=refused")).text


async def test_one_proposes_a_correction_and_a_colleague_decides(desk: Desk) -> None:
    asked = await desk.in_notice()
    await crediting.release(later(desk.programme.database, days=30), desk.programme.book.book_id)
    where = f"{RECORDS}/{asked.record_id}"
    first, second = await desk.enters(REVIEWER), await desk.enters(ABOVE)
    short = await send(first, where, f"{where}/correction", reason="错")
    assert (short.status_code, "4 到 200 个字" in short.text) == (400, True)
    answer = await send(first, where, f"{where}/correction", reason="时间多记了")
    assert answer.headers["location"] == f"{where}?done=correction_proposed"
    mine = (await first.get(where)).text
    assert "这条记录您经手过" in mine
    assert f"{OBJECTIONS}/" not in mine
    assert "时间多记了" in (await second.get(OBJECTIONS)).text
    theirs = (await second.get(where)).text
    [decide] = re.findall(rf'action="({OBJECTIONS}/[^"]+)"', theirs)
    token = token_of((await first.get("/account")).text)
    forged = await first.post(decide, data={"decision": "uphold", "reason": "我说了算", "_csrf_token": token})
    assert forged.status_code == 403
    done = await send(second, where, decide, decision="uphold", reason="监控核实")
    assert done.headers["location"] == f"{where}?done=objection_decided"
    assert (await desk.programme.now_is(asked)).state == "corrected"
    assert await desk.programme.balances("9200", "2100") == {"9200": 0, "2100": 0}
    words = words_of((await second.get(where)).text)
    assert "裁定成立：监控核实" in words
    assert "更正，时长和积分已收回：时间多记了" in words


async def test_what_waits_too_long_is_listed_by_organisation(desk: Desk) -> None:
    await desk.signed_in()
    client = await desk.enters(ABOVE)
    assert "没有逾期的" in (await client.get("/staff/overdue")).text


# --- handing in -------------------------------------------------------------------------------------------------------


async def hand_in(client: httpx.AsyncClient, page: str = f"{RECORDS}/new", **fields: str) -> httpx.Response:
    form = {"volunteer": "V-0000", "organisation": "D1T", "day": DAY, "evidence": "签到表 3 号", **fields}
    if page == f"{RECORDS}/new":
        form = {"since": "09:00", "until": "12:00", "activity_name": "送餐", **form}
    if "number" not in form:
        [form["number"]] = re.findall(r'name="number" value="([^"]+)"', (await client.get(page)).text)
    return await send(client, page, page, **form)


async def test_hours_are_handed_in_once_however_often_the_button_is_pressed(desk: Desk) -> None:
    client = await desk.enters(RECORDER)
    first = await hand_in(client, number="B-1", volunteer="Ｖ-００００", since="９：００", until="12:30")
    again = await hand_in(client, number="B-1", since="09:00", until="12:30")
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    assert "等同事复核" in (await client.get(first.headers["location"])).text
    reviewer = await desk.enters(REVIEWER)
    assert "补录" in words_of((await reviewer.get(REVIEWS)).text)
    record = first.headers["location"].partition("?")[0].rpartition("/")[2]
    token = token_of((await reviewer.get(REVIEWS)).text)
    await reviewer.post(REVIEWS, data={"record": record, "decision": "accept", "_csrf_token": token})
    assert await desk.programme.balances("9210", "9200", "2110") == {"9210": 210, "9200": 0, "2110": 0}


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"volunteer": ""}, 400, "请填写“志愿者编号”"),
        ({"volunteer": "V-9999"}, 404, "没有志愿者 V-9999"),
        ({"organisation": ""}, 400, "请填写“组织”"),
        ({"organisation": "D1"}, 403, "没有这项权限"),
        ({"day": "昨天"}, 400, "请写成 2027-12-31 这样"),
        ({"day": "2026-03-11"}, 422, ""),
        ({"since": "25:00"}, 400, "请写成 09:30 这样"),
        ({"until": ""}, 400, "请填写“结束时间”"),
        ({"evidence": ""}, 400, "请填写“凭据”"),
    ],
)
async def test_what_is_wrong_with_a_form_is_said_and_what_was_typed_stays(
    desk: Desk, fields: dict[str, str], status: int, said: str
) -> None:
    client = await desk.enters(RECORDER)
    answer = await hand_in(client, number="B-2", **fields)
    assert (answer.status_code, said in words_of(answer.text)) == (status, True), words_of(answer.text)
    if status != 403:
        assert 'name="number" value="B-2"' in answer.text
        assert 'value="送餐"' in answer.text


async def test_an_act_is_chosen_from_the_items_in_force(desk: Desk, database: AsyncEngine, book: Book) -> None:
    client = await desk.enters(RECORDER)
    page = (await client.get("/staff/acts/new")).text
    assert "P12 调解邻里纠纷" in words_of(page)
    assert "P01" not in page
    answer = await hand_in(client, "/staff/acts/new", item="P12")
    assert answer.status_code == 303
    words = words_of((await client.get(answer.headers["location"])).text)
    assert "P12 调解邻里纠纷" in words
    bad = await hand_in(client, "/staff/acts/new", item="P12", minutes="many")
    assert (bad.status_code, "请写整数" in bad.text) == (400, True)
    assert (await hand_in(client, "/staff/acts/new", item="P99")).status_code == 404


async def test_without_rules_no_act_is_entered(database: AsyncEngine, app: object, book: Book) -> None:
    desk = Desk(await opened(database, book, rules=None), app, [])
    page = (await (await desk.enters(RECORDER)).get("/staff/acts/new")).text
    assert "还没有生效的积分细则" in page
    await desk.clients[0].aclose()


# --- public notice ----------------------------------------------------------------------------------------------------


async def who_is(desk: Desk, name: str, born: str) -> None:
    her = desk.programme.volunteers[0]
    keys = ciphers.Keys.of(people.IDENTITY_KEYS, people.INDEX_KEYS)
    async with desk.programme.database.begin() as tx:
        identity = Identity(name, None, None, date.fromisoformat(born))
        book = desk.programme.book.book_id
        await persons.record(tx, keys, book, her.volunteer_no, her.holder, identity, "room:test", auth.now())


async def test_anybody_reads_the_notice_list_without_signing_in_and_finds_no_full_names(desk: Desk) -> None:
    asked = await desk.in_notice()
    await who_is(desk, "王小明", "1960-01-02")
    nobody = await desk.enters()
    for organisation in ("D", "D1", "D1T"):
        answer = await nobody.get(f"/notice/{desk.programme.book.code}/{organisation}")
        assert answer.status_code == 200
        assert answer.headers["x-robots-tag"] == "noindex"
        words = words_of(answer.text)
        assert "王**（尾号 000）" in words
        assert "王小明" not in words
        assert "V-0000" not in words
        for said in ("2026年3月13日", "护河，2026年3月5日，护河队", "2 小时 30 分", "25 分"):
            assert said in words, said
        assert f"/account/objections/{asked.record_id}" in answer.text
    her = desk.programme.volunteers[0]
    async with desk.programme.database.begin() as tx:
        book, version = desk.programme.book.book_id, consents.OFFERED["public_name"]
        await consents.give(tx, book, her.holder, "public_name", version, "self", auth.now())
    page = f"/notice/{desk.programme.book.code}/D"
    assert "王小明" in (await nobody.get(page)).text
    await who_is(desk, "王小明", "2016-01-02")
    words = words_of((await nobody.get(page)).text)
    assert "王" not in words
    assert "志愿者（尾号 000）" in words
    for path in (f"/notice/{desk.programme.book.code}/never", "/notice/never/D"):
        assert (await nobody.get(path)).status_code == 404


async def test_an_empty_list_and_one_whose_holidays_are_known_say_so(desk: Desk) -> None:
    nobody = await desk.enters()
    page = (await nobody.get(f"/notice/{desk.programme.book.code}/D")).text
    assert "现在没有正在公示的记录" in page
    assert "还没有公布放假安排" not in page


async def test_a_neighbour_objects_from_the_notice_list_and_a_colleague_rejects_it(desk: Desk) -> None:
    asked = await desk.in_notice()
    form = f"/account/objections/{asked.record_id}"
    nobody = await desk.enters()
    led = await nobody.get(form)
    assert (led.status_code, led.headers["location"].partition("?")[0]) == (303, "/sign-in")
    neighbour = await desk.enters(Grant("merchant", outlet="X1"))
    for reason, said in (("", "请填写“原因”"), ("错", "4 到 200 个字")):
        answer = await send(neighbour, form, form, reason=reason)
        assert (answer.status_code, said in words_of(answer.text)) == (400, True)
    answer = await send(neighbour, form, form, reason=f"当天下雨，没有活动 {ODD}")
    assert (answer.status_code, "异议已经收到，2026年3月24日前裁定" in answer.text) == (200, True)
    assert (await neighbour.get(form)).status_code == 409
    board = words_of((await nobody.get(f"/notice/{desk.programme.book.code}/D1T")).text)
    assert "有异议，等裁定" in board
    above = await desk.enters(ABOVE)
    listed = (await above.get(OBJECTIONS)).text
    assert ODD not in listed
    assert asked.record in listed
    where = f"{RECORDS}/{asked.record_id}"
    [decide] = re.findall(rf'action="({OBJECTIONS}/[^"]+)"', (await above.get(where)).text)
    done = await send(above, where, decide, decision="reject", reason="签到照片齐全")
    assert done.status_code == 303
    assert (await desk.programme.now_is(asked)).state == "in_notice"
    assert "没有等您裁定的异议" in (await above.get(OBJECTIONS)).text


async def test_a_record_of_another_book_is_nobodys_here(desk: Desk, database: AsyncEngine) -> None:
    asked = await desk.in_notice()
    other = await new_book(database)
    stranger = await people.somebody(database, other, Grant("merchant", outlet="X1"))
    client = await desk.enters()
    client.cookies.set(COOKIE, await people.a_session(database, stranger), "books.test")
    assert (await client.get(f"/account/objections/{asked.record_id}")).status_code == 404
