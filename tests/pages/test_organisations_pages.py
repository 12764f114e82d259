"""Organisations, members, guardians, qualifications and lists on the staff's pages."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access import consents, guardians
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import members, organisations, volunteers
from ledger.earning.volunteers import Volunteer
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import GROWN, NORTH, SOUTH, YOUNG, District, send, words_of

HERE, HERS = "/staff/organisations", "/staff/volunteers/N0001"
ODD = "<script>alert(1)</script>"


@pytest.fixture
async def district(database: AsyncEngine, book: Book) -> District:
    made = await people.a_district(database, book)
    await people.who_is(database, book, "N0001", Identity("欧阳示例", "13800138000", YOUNG))
    return made


async def staff(enters: Enters, database: AsyncEngine, book: Book, *grants: Grant) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, *grants))


async def her(database: AsyncEngine, district: District, number: str = "N0001") -> Volunteer:
    async with database.connect() as tx:
        return await volunteers.find(tx, district.book.book_id, number)


# --- organisations ----------------------------------------------------------------------------------------------------


async def test_the_tree_shows_each_below_its_parent_and_who_may_not_record(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, district.book.book_id, "team", "Lunch team", NORTH)
        await organisations.set_status(tx, district.book.book_id, NORTH, "suspended")
    reader = await staff(enters, database, district.book, Grant("recorder", SOUTH))
    said = words_of((await reader.get(HERE)).text)
    places = [
        said.index(name) for name in ("County", "North lake", "已暂停", "Lunch team", "上级已暂停或退出", "South")
    ]
    assert places == sorted(places)
    assert "新增组织" not in said


async def test_an_organisation_is_added_below_ones_own_only(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    owner = await staff(enters, database, district.book, Grant("owner", NORTH))
    form = {"code": "ｔｅａｍ", "name": ODD, "level": "team", "parent": NORTH}
    added = await send(owner, HERE, HERE, **form)
    assert (added.status_code, added.headers["location"]) == (303, f"{HERE}/team?done=organisation_added")
    page = await owner.get(added.headers["location"])
    assert "已新增" in page.text
    assert ODD not in page.text
    again = await send(owner, HERE, HERE, **form)
    assert again.status_code == 409
    assert "已经有了" in again.text
    assert 'value="ｔｅａｍ"' in again.text
    for parent in ("", SOUTH):
        assert (await send(owner, HERE, HERE, **form | {"code": "other", "parent": parent})).status_code == 403
    unknown = await send(owner, HERE, HERE, **form | {"code": "other", "level": ""})
    assert (unknown.status_code, "请选择“级别”" in unknown.text) == (400, True)


async def test_the_one_above_changes_the_status(enters: Enters, database: AsyncEngine, district: District) -> None:
    owner = await staff(enters, database, district.book, Grant("owner", "37"), Grant("recorder", "37"))
    path = f"{HERE}/{NORTH}"
    done = await send(owner, path, f"{path}/status", status="exited")
    assert done.headers["location"] == f"{path}?done=status_changed"
    assert "状态 已退出" in words_of((await owner.get(path)).text)
    refused = await send(owner, path, f"{path}/members", number="S0001", role="member")
    assert (refused.status_code, "已暂停或退出" in refused.text) == (409, True)
    assert (await send(owner, path, f"{path}/status", status="")).status_code == 400
    assert f'action="{HERE}/37/status"' not in (await owner.get(f"{HERE}/37")).text
    assert (await owner.get(f"{HERE}/nowhere")).status_code == 404


async def test_members_join_change_and_leave(enters: Enters, database: AsyncEngine, district: District) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    path = f"{HERE}/{NORTH}"
    joined = await send(clerk, path, f"{path}/members", number="Ｎ０００１", role="leader")
    assert joined.headers["location"] == f"{path}?done=member_added"
    await send(clerk, path, f"{path}/members", number="S0001", role="member")
    page = await clerk.get(path)
    said = words_of(page.text)
    assert "N0001 欧** 未成年人 队长" in said
    assert "S0001 属于别的组织 队员" in said
    assert "欧阳" not in page.text
    twice = await send(clerk, path, f"{path}/members", number="N0001", role="member")
    assert (twice.status_code, "已经是" in twice.text) == (409, True)
    unknown = await send(clerk, path, f"{path}/members", number="N9999", role="member")
    assert (unknown.status_code, 'value="N9999"' in unknown.text) == (404, True)
    changed = await send(clerk, path, f"{path}/members/N0001", role="deputy")
    assert changed.headers["location"] == f"{path}?done=member_changed"
    ended = await send(clerk, path, f"{path}/members/S0001/end")
    assert ended.headers["location"] == f"{path}?done=member_ended"
    async with database.connect() as tx:
        left = await members.of_organisation(tx, district.book.book_id, NORTH)
    assert [(each.volunteer_no, each.member.role) for each in left] == [("N0001", "deputy")]


async def test_staff_of_another_organisation_see_no_members_and_change_nothing(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    path = f"{HERE}/{NORTH}"
    await send(clerk, path, f"{path}/members", number="N0001", role="leader")
    south = await staff(enters, database, district.book, Grant("recorder", SOUTH), Grant("owner", SOUTH))
    page = (await south.get(path)).text
    assert "N0001" not in page
    assert "<form" not in page.split("<main>")[1].split("</main>")[0]
    token = people.token_of(page)
    for address in ("status", "members", "members/N0001", "members/N0001/end"):
        form = {"_csrf_token": token, "status": "exited", "number": "S0001", "role": "member"}
        assert (await south.post(f"{path}/{address}", data=form)).status_code == 403, address


# --- moving and leaving -----------------------------------------------------------------------------------------------


async def test_she_moves_leaves_and_comes_back(enters: Enters, database: AsyncEngine, district: District) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", "37"))
    path = f"{HERS}/place"
    moved = await send(clerk, path, path, organisation=SOUTH)
    assert moved.headers["location"] == f"{path}?done=place_moved"
    assert (await her(database, district)).organisation == SOUTH
    for organisation, status in (("", 400), ("*", 403)):
        assert (await send(clerk, path, path, organisation=organisation)).status_code == status
    for day in ("2999-01-01", "yesterday"):
        refused = await send(clerk, path, f"{HERS}/leave", day=day)
        assert (refused.status_code, "“日期”" in refused.text) == (400, True)
    gone = await send(clerk, path, f"{HERS}/leave", day=auth.today().isoformat())
    assert gone.headers["location"] == f"{path}?done=place_gone"
    assert "退出" in words_of((await clerk.get(HERS)).text)
    assert f'action="{HERS}/leave"' not in (await clerk.get(path)).text
    back = await send(clerk, path, path, organisation=NORTH, back="yes")
    assert back.headers["location"] == f"{path}?done=place_returned"
    found = await her(database, district)
    assert (found.organisation, found.left_on) == (NORTH, None)


# --- guardians --------------------------------------------------------------------------------------------------------


async def test_a_guardian_is_recorded_with_consent_seen_and_ended(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("operator", NORTH))
    path = f"{HERS}/guardian"
    form = {"name": "王秀英", "phone": "138 1234 5678", "relation": "parent", "consents": "yes"}
    done = await send(clerk, path, path, **form)
    assert done.headers["location"] == f"{path}?done=guardian_recorded"
    page = await clerk.get(path)
    said = words_of(page.text)
    for words in ("王**", "父母", "138****5678", "同意"):
        assert words in said
    assert "王秀英" not in page.text
    minor = await her(database, district)
    async with database.connect() as tx:
        assert await guardians.consents_to(tx, district.book.book_id, minor.holder)
    assert (await send(clerk, path, f"{path}/reveal", reason="x")).status_code == 400
    whole = await send(clerk, path, f"{path}/reveal", reason="活动取消，通知家长")
    assert "王秀英" in whole.text
    assert "13812345678" in whole.text
    wrong = await send(clerk, path, path, **form | {"phone": "12"})
    assert (wrong.status_code, 'value="王秀英"' in wrong.text) == (400, True)
    assert "请选择“关系”" in (await send(clerk, path, path, **form | {"relation": ""})).text
    ended = await send(clerk, path, f"{path}/end")
    assert ended.headers["location"] == f"{path}?done=guardian_ended"
    async with database.connect() as tx:
        assert not await guardians.consents_to(tx, district.book.book_id, minor.holder)
        assert consents.OFFERED["minor_guardian"] in [
            each.text_version for each in await consents.history(tx, district.book.book_id, minor.holder)
        ]


async def test_a_guardian_is_nobodys_business_elsewhere(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    south = await staff(enters, database, district.book, Grant("operator", SOUTH), Grant("recorder", SOUTH))
    token = people.token_of((await south.get("/staff/volunteers")).text)
    for path in ("place", "guardian", "qualifications"):
        assert (await south.get(f"{HERS}/{path}")).status_code == 403, path
    for path in (
        "place",
        "leave",
        "guardian",
        "guardian/end",
        "guardian/reveal",
        "qualifications",
        "qualifications/end",
    ):
        form = {"_csrf_token": token, "organisation": SOUTH, "name": "某人", "relation": "parent", "reason": "好奇看看"}
        form |= {"passed_on": "2026-01-02"}
        assert (await south.post(f"{HERS}/{path}", data=form)).status_code == 403, path


async def test_of_whom_nothing_is_recorded_no_guardian_can_be(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", SOUTH))
    page = (await clerk.get("/staff/volunteers/S0001/guardian")).text
    assert "请先登记志愿者本人的信息" in page
    assert 'name="relation"' not in page


# --- qualifications ---------------------------------------------------------------------------------------------------


async def test_qualifications_are_recorded_and_taken_back(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    path = f"{HERS}/qualifications"
    done = await send(clerk, path, path, name=ODD, passed_on="２０２６-01-02")
    assert done.headers["location"] == f"{path}?done=qualification_recorded"
    page = (await clerk.get(path)).text
    assert ODD not in page
    assert "2026年1月2日 起，长期有效" in page
    ended = await send(clerk, path, f"{path}/end", name=ODD, passed_on="2026-01-02")
    assert ended.headers["location"] == f"{path}?done=qualification_ended"
    assert "已失效" in (await clerk.get(path)).text
    for form in ({"name": "", "passed_on": "2026-01-02"}, {"name": "急救", "passed_on": "soon"}):
        refused = await send(clerk, path, path, **form)
        assert (refused.status_code, f'value="{form["passed_on"]}"' in refused.text) == (400, True)


# --- lists ------------------------------------------------------------------------------------------------------------


async def test_a_list_is_registered_and_what_was_refused_stays_in_the_form(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    path = "/staff/volunteers/list"
    lines = f"L1，示例甲，13800138001\n\nＬ２\t示例乙\t\t{GROWN}\nL 3\nL4,示例丁,12\nN0001\nL5,a,,,extra\n{ODD}"
    page = await send(clerk, path, path, organisation=NORTH, lines=lines)
    assert page.status_code == 200
    said = words_of(page.text)
    assert "登记了 2 位，原来就有 1 位，没有登记 4 位。" in said
    for line in (4, 5, 7, 8):
        assert f"第 {line} 行" in said
    assert "L4,示例丁,12" in page.text
    assert "示例甲" not in page.text
    assert ODD not in page.text
    assert (await her(database, district, "L2")).organisation == NORTH
    found = await clerk.get("/staff/volunteers/L2")
    assert "示**" in found.text
    for form, wrong in (
        ({"organisation": "", "lines": "L9"}, "请填写“组织”"),
        ({"organisation": NORTH, "lines": ""}, "请填写“名单”"),
        ({"organisation": NORTH, "lines": "\n".join(f"M{n}" for n in range(201))}, "一次最多 200 行"),
    ):
        refused = await send(clerk, path, path, **form)
        assert (refused.status_code, wrong in refused.text) == (400, True)
    assert (await send(clerk, path, path, organisation=SOUTH, lines="L9")).status_code == 403
