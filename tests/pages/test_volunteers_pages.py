"""Volunteers as persons on the staff's pages: found, registered, corrected, seen in full for a reason, erased."""

from __future__ import annotations

import re
import secrets

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.pages import access_log
from ledger.access import ciphers, consents, log
from ledger.access.identities import Identity
from ledger.access.log import Access
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.earning import volunteers
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import GROWN, NORTH, SOUTH, YOUNG, District, Person, send, sign_in, token_of, words_of

HERE, LOG = "/staff/volunteers", "/staff/access-log"
HERS = f"{HERE}/N0001"
ODD = "<script>alert(1)</script>"
NAME, PHONE = "欧阳示例", "13800138000"
WHO = {"name": NAME, "phone": PHONE, "id_number": GROWN}
MASKED = ("欧**", "138****8000", f"{GROWN[:4]}{'*' * 12}{GROWN[-2:]}")


@pytest.fixture
async def district(database: AsyncEngine, book: Book) -> District:
    made = await people.a_district(database, book)
    await people.who_is(database, book, "N0001", Identity(NAME, PHONE, GROWN))
    return made


async def staff(enters: Enters, database: AsyncEngine, book: Book, *grants: Grant) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, *grants))


async def log_of(database: AsyncEngine, book: Book, number: str | None = None) -> list[Access]:
    keys = ciphers.Keys.of(people.IDENTITY_KEYS, people.INDEX_KEYS)
    async with database.connect() as tx:
        holder = (await volunteers.find(tx, book.book_id, number)).holder if number is not None else None
        return await log.read_log(tx, keys, book.book_id, holder, 50)


async def look_up(client: httpx.AsyncClient, who: str) -> httpx.Response:
    return await send(client, HERE, HERE, who=who)


def is_secret(answer: httpx.Response, *personal: str) -> bool:
    """Whether none of it stands in an address or in the page."""
    places = (str(answer.url), answer.headers.get("location", ""), answer.text)
    return not any(each in place for each in personal for place in places)


# --- looking up -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["N0001", "Ｎ０００１", PHONE, "+86 138-0013-8000", GROWN, f" {GROWN[:6]} {GROWN[6:]}"])
async def test_she_is_found_by_number_phone_or_identity_number_and_shown_masked(
    enters: Enters, database: AsyncEngine, district: District, who: str
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    found = await look_up(clerk, who)
    assert found.status_code == 200
    for said in ("N0001", *MASKED, "North lake"):
        assert said in found.text
    assert is_secret(found, NAME, PHONE, GROWN)
    assert f'href="{HERS}"' in found.text
    page = await clerk.get(HERS)
    for said in MASKED:
        assert said in page.text
    assert is_secret(page, NAME, PHONE, GROWN)


async def test_staff_of_another_organisation_neither_find_nor_open_nor_change_her(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    roles = [Grant(role, SOUTH) for role in ("recorder", "reviewer", "operator", "owner")]  # type: ignore[arg-type]
    south = await staff(enters, database, district.book, *roles)
    for who in ("N0001", PHONE, GROWN, "N9999", "no such person"):
        found = await look_up(south, who)
        assert "没有找到，或者不归您的组织管" in found.text
        assert is_secret(found, "欧", who)
    for path in ("", "/identity", "/reveal", "/erase"):
        assert (await south.get(HERS + path)).status_code == 403, path
    token = token_of((await south.get(HERE)).text)
    for path in ("/identity", "/reveal", "/card", "/card/end", "/erase"):
        form = {"_csrf_token": token, "phone": "yes", "reason": "好奇看看", "number": "N0001", "name": "某人"}
        assert (await south.post(HERS + path, data=form)).status_code == 403, path
    assert [each.action for each in await log_of(database, district.book, "N0001")] == ["record"]
    refused = await send(south, f"{HERE}/new", f"{HERE}/new", number="N0007", organisation=NORTH)
    assert refused.status_code == 403


async def test_nothing_typed_into_the_search_comes_back(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder"))
    for who in (ODD, "13912345678", "a\0b", "x" * 5000):
        found = await look_up(clerk, who)
        assert found.status_code == 200
        assert is_secret(found, who)
    empty = await look_up(clerk, " ")
    assert empty.status_code == 400
    assert "请填写“志愿者编号、手机号或身份证号”" in empty.text


PAPER = ("tickets", "passbook", "proofs")
"""What those hand out who help at a counter."""


@pytest.mark.parametrize(
    ("role", "buttons"),
    [
        ("recorder", {"identity", "place", "card", "card/end", "renewals", *PAPER}),
        ("reviewer", {"reveal", "renewals", "books", *PAPER}),
        ("operator", {"identity", "place", "card", "card/end", "renewals", "reveal", "books", *PAPER}),
        ("auditor", {"reveal", "books"}),
        ("owner", {"reveal", "erase", "books"}),
    ],
)
async def test_each_role_finds_its_buttons_and_the_figures_if_it_reads_the_books(
    enters: Enters, database: AsyncEngine, district: District, role: str, buttons: set[str]
) -> None:
    until = people.auth.today() if role == "auditor" else None
    client = await staff(enters, database, district.book, Grant(role, until=until))  # type: ignore[arg-type]
    page = (await client.get(HERS)).text
    found = set(re.findall(rf'(?:href|action)="{HERS}/([a-z/]+)"', page))
    more = {"guardian", "qualifications", "household", "marks"}
    assert more <= found, "everybody who sees her"
    found -= more
    found |= {"renewals"} if 'action="/staff/renewals"' in page else set()
    found |= {"books"} if "可用积分 0 分 服务时长 0 小时" in words_of(page) else set()
    assert found == buttons


async def test_of_a_minor_the_first_character_is_shown_and_every_look_is_logged(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    await people.who_is(database, district.book, "S0001", Identity("尹示例", PHONE, YOUNG))
    clerk = await staff(enters, database, district.book, Grant("recorder", SOUTH))
    for shown in (await look_up(clerk, PHONE), await clerk.get(f"{HERE}/S0001")):
        assert "尹**" in shown.text
        assert "未成年人只显示姓" in shown.text
        assert is_secret(shown, "尹示例", "138", YOUNG[:4])
    assert [each.action for each in await log_of(database, district.book, "S0001")] == ["masked", "masked", "record"]


# --- registering and correcting ---------------------------------------------------------------------------------------


async def new(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    return await send(client, f"{HERE}/new", f"{HERE}/new", **fields)


async def test_a_volunteer_is_registered_and_signs_in_with_the_pin_that_is_shown_once(
    enters: Enters, site: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    number = f"N{secrets.token_hex(4)}"
    form = (await clerk.get(f"{HERE}/new")).text
    assert f'value="{NORTH}"' in form
    assert SOUTH not in form
    assert 'value="*"' not in form, "the whole book is not hers to register for"
    fields = {"name": ODD, "phone": "139 1234 5678", "sign_in": "yes"}
    made = await new(clerk, number=f"Ｎ{number[1:]}", organisation=NORTH, **fields)
    assert made.status_code == 200
    assert "只显示这一次" in made.text
    assert is_secret(made, ODD, "1391234")
    pin = re.search(r'class="secret">(\d{6})<', made.text)
    assert pin
    her = Person(district.book, number, None)
    assert (await sign_in(site, her, password=pin[1])).headers["location"] == "/account/password"
    assert pin[1] not in (await clerk.get(f"{HERE}/{number}")).text
    again = await new(clerk, number=number, organisation=NORTH)
    assert again.status_code == 409
    assert "已经登记过了" in again.text


async def test_who_may_not_sign_in_has_no_pin_and_no_name_stands_in_the_address(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("operator"))
    made = await new(clerk, number="N0009", organisation="*", name="某人", phone="13912345678")
    assert (made.status_code, made.headers["location"]) == (303, f"{HERE}/N0009?done=person_registered")
    page = (await clerk.get(made.headers["location"])).text
    assert "登记好了" in page
    assert "不归哪个组织" in page
    bare = await new(clerk, number="N0010", organisation=SOUTH)
    assert bare.headers["location"] == f"{HERE}/N0010?done=person_registered"
    assert "还没有登记她是谁" in (await clerk.get(f"{HERE}/N0010")).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"number": ""}, "请填写“志愿者编号”"),
        ({"organisation": ""}, "请填写“组织”"),
        ({"organisation": "nowhere"}, "没有组织 nowhere"),
        ({"number": ODD}, "“志愿者编号”只能用字母"),
        ({"number": "N0001"}, "已经登记过了"),
        ({"phone": "13912345678"}, "“姓名”请写"),
        ({"name": "a\0b"}, "“姓名”请写"),
        ({"name": "某人", "phone": "12345"}, "“手机号”请写 11 位"),
        ({"name": "某人", "id_number": GROWN[:17] + "Y"}, "“身份证号”请写 18 位"),
        ({"name": "某人", "id_number": GROWN}, "这个身份证号已登记在另一位"),
        ({"name": "某人", "born": "soon"}, "“出生日期”请写成"),
        ({"name": "某人", "born": "2999-01-01"}, "“出生日期”不能晚于今天"),
        ({"name": "某人", "id_number": YOUNG, "born": "1950-01-01"}, "“出生日期”和身份证号里的不一样"),
    ],
)
async def test_a_registration_that_is_not_right_registers_nobody(
    enters: Enters, database: AsyncEngine, district: District, fields: dict[str, str], said: str
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder"))
    answer = await new(clerk, **{"number": "N0008", "organisation": NORTH, "sign_in": "yes", **fields})
    assert answer.status_code in (400, 404, 409)
    assert said in answer.text
    assert ODD not in answer.text
    assert "没有找到" in (await look_up(clerk, "N0008")).text


async def test_who_she_is_is_corrected_all_at_once(enters: Enters, database: AsyncEngine, district: District) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    path = f"{HERS}/identity"
    form = await clerk.get(path)
    assert is_secret(form, NAME, PHONE, GROWN, *MASKED)
    wrong = await send(clerk, path, path, name=ODD, phone="138")
    assert wrong.status_code == 400
    assert "“手机号”请写 11 位" in wrong.text
    assert ODD not in wrong.text
    answer = await send(clerk, path, path, name="司马示例", phone="13912345678")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERS}?done=identity_recorded")
    page = words_of((await clerk.get(answer.headers["location"])).text)
    assert "姓名 司** 手机号 139****5678 身份证号 没有登记" in page


# --- in full ----------------------------------------------------------------------------------------------------------


async def test_what_is_seen_in_full_needs_a_reason_and_has_been_logged(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    reviewer = await staff(enters, database, district.book, Grant("reviewer", NORTH))
    path = f"{HERS}/reveal"
    for fields, said in (
        ({"phone": "yes"}, "“原因”请写一行，4 到 200 个字"),
        ({"phone": "yes", "reason": "看看"}, "“原因”请写一行"),
        ({"reason": ODD}, "请填写“要看什么”"),
    ):
        refused = await send(reviewer, path, path, **fields)
        assert refused.status_code == 400
        assert said in refused.text
        assert is_secret(refused, PHONE, ODD)
    assert [each.action for each in await log_of(database, district.book, "N0001")] == ["record"]
    shown = await send(reviewer, path, path, phone="yes", born="yes", reason="核对领奖人")
    assert shown.status_code == 200
    assert "您这次查看和理由已经记下，本人可以查到" in shown.text
    assert f"手机号 {PHONE} 出生日期 1950年6月15日" in words_of(shown.text)
    assert is_secret(shown, NAME, GROWN)
    assert shown.headers["cache-control"] == "no-store"
    [line, _recorded] = await log_of(database, district.book, "N0001")
    assert (line.action, line.fields, line.reason) == ("reveal", ("phone", "born"), "核对领奖人")
    assert PHONE not in (await reviewer.get(path)).text


async def test_names_are_shown_as_text(enters: Enters, database: AsyncEngine, district: District) -> None:
    await people.who_is(database, district.book, "N0001", Identity(ODD, PHONE, GROWN))
    reviewer = await staff(enters, database, district.book, Grant("reviewer"))
    shown = await send(reviewer, f"{HERS}/reveal", f"{HERS}/reveal", name="yes", reason="核对领奖人")
    assert ODD not in shown.text
    assert ODD in words_of(shown.text)
    assert "<**" not in (await reviewer.get(HERS)).text


async def test_of_whom_nothing_is_recorded_nothing_can_be_seen(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    reviewer = await staff(enters, database, district.book, Grant("reviewer"))
    assert "/reveal" not in (await reviewer.get(f"{HERE}/S0001")).text
    path = f"{HERE}/S0001/reveal"
    answer = await send(reviewer, path, path, name="yes", reason="核对领奖人")
    assert answer.status_code == 404
    assert "还没有登记个人信息" in answer.text


# --- PIN and card -----------------------------------------------------------------------------------------------------


async def test_a_new_pin_is_asked_for_on_her_page(enters: Enters, database: AsyncEngine, district: District) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    answer = await send(clerk, HERS, "/staff/renewals", volunteer="N0001")
    assert answer.headers["location"] == "/staff/renewals?done=renewal_asked"
    assert "志愿者 N0001" in (await clerk.get("/staff/renewals")).text


async def test_a_card_is_shown_once_and_ends(
    enters: Enters, site: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("recorder", NORTH))
    made = await send(clerk, HERS, f"{HERS}/card")
    assert made.status_code == 200
    assert "只显示这一次" in made.text
    found = re.search(r'class="secret">(79[0-9 ]{18})<', made.text)
    assert found
    digits = Person(district.book, found[1], None)
    assert (await sign_in(site, digits)).status_code == 303
    for done, said in (("card_ended", "卡已作废"), ("card_none", "没有可用的卡")):
        answer = await send(clerk, HERS, f"{HERS}/card/end")
        assert answer.headers["location"] == f"{HERS}?done={done}"
        page = (await clerk.get(answer.headers["location"])).text
        assert said in page
        assert found[1] not in page
    site.cookies.clear()
    assert (await sign_in(site, digits)).status_code == 401


# --- erasing ----------------------------------------------------------------------------------------------------------


async def test_to_erase_somebody_her_number_must_be_typed(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    owner = await staff(enters, database, district.book, Grant("owner", NORTH))
    hers = await enters(district.northern)
    path = f"{HERS}/erase"
    page = (await owner.get(path)).text
    for said in ("不能恢复", "会销毁的", "会留下的", "看不出是谁的"):
        assert said in page
    for typed, said in (("", "请填写“志愿者编号”"), ("S0001", "没有注销"), (ODD, "没有注销")):
        refused = await send(owner, path, path, number=typed)
        assert refused.status_code == 400
        assert said in refused.text
        assert ODD not in refused.text
    assert (await hers.get("/")).status_code == 200
    done = await send(owner, path, path, number="Ｎ０００１")
    assert (done.status_code, done.headers["location"]) == (303, f"{HERE}?done=person_erased")
    assert "已经注销" in (await owner.get(done.headers["location"])).text
    assert (await owner.get(HERS)).status_code == 404
    assert "没有找到" in (await look_up(owner, PHONE)).text
    assert (await hers.get("/")).status_code == 303, "signed out at once"
    [erased, _recorded] = await log_of(database, district.book)
    assert erased.action == "erase"


@pytest.mark.parametrize("role", ["recorder", "reviewer", "operator"])
async def test_only_an_owner_erases(enters: Enters, database: AsyncEngine, district: District, role: str) -> None:
    client = await staff(enters, database, district.book, Grant(role))  # type: ignore[arg-type]
    assert (await client.get(f"{HERS}/erase")).status_code == 403
    token = token_of((await client.get(HERE)).text)
    form = {"_csrf_token": token, "number": "N0001"}
    assert (await client.post(f"{HERS}/erase", data=form)).status_code == 403
    assert (await client.get(HERS)).status_code == 200


# --- who saw whose data -----------------------------------------------------------------------------------------------


async def test_the_log_says_in_words_who_saw_whose_data_and_of_one_volunteer_alone(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    await people.who_is(database, district.book, "S0001", Identity("尹示例", None, YOUNG))
    person = await people.somebody(database, district.book, Grant("reviewer"))
    await send(await enters(person), f"{HERS}/reveal", f"{HERS}/reveal", phone="yes", reason=ODD)
    owner = await staff(enters, database, district.book, Grant("owner"))
    page = (await owner.get(LOG)).text
    assert ODD not in page
    assert f"{person.login} 看了完整的：手机号 志愿者 N0001 理由：{ODD}" in words_of(page)
    assert "志愿者 S0001 未成年人" in words_of(page)
    answer = await send(owner, LOG, LOG, volunteer="Ｎ０００１")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LOG}?volunteer=N0001")
    only = (await owner.get(answer.headers["location"])).text
    assert "志愿者 N0001" in only
    assert "S0001" not in only
    await send(owner, f"{HERS}/erase", f"{HERS}/erase", number="N0001")
    page = words_of((await owner.get(LOG)).text)
    assert "注销了全部个人信息 已注销的人" in page
    assert "理由随个人信息一起销毁了" in page
    assert "N0001" not in page


async def test_the_log_goes_on_page_by_page(
    enters: Enters, database: AsyncEngine, district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "MOST", 2)
    for _ in range(2):
        await people.who_is(database, district.book, "N0001", Identity(NAME, PHONE, GROWN))
    owner = await staff(enters, database, district.book, Grant("owner"))
    first = (await owner.get(f"{LOG}?volunteer=N0001")).text
    [more] = re.findall(rf'href="({LOG}\?volunteer=N0001&amp;after=[0-9a-f-]+)"', first)
    second = (await owner.get(more.replace("&amp;", "&"))).text
    assert (first.count("登记或更正了"), second.count("登记或更正了")) == (2, 1)
    assert (await owner.get(f"{LOG}?after={ODD}")).text.count("登记或更正了") == 2


async def test_what_is_no_volunteers_number_gets_into_no_address(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    owner = await staff(enters, database, district.book, Grant("owner"))
    for typed, said in (("", "请填写“志愿者编号”"), (PHONE, "没有这位志愿者"), (ODD, "没有这位志愿者")):
        answer = await send(owner, LOG, LOG, volunteer=typed)
        assert answer.status_code in (400, 404)
        assert said in answer.text
        assert is_secret(answer, PHONE, ODD)


async def test_the_log_is_not_for_the_owner_of_one_organisation(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    client = await staff(enters, database, district.book, Grant("owner", NORTH))
    assert LOG not in (await client.get("/staff")).text
    assert (await client.get(LOG)).status_code == 403
    token = token_of((await client.get(HERE)).text)
    assert (await client.post(LOG, data={"_csrf_token": token, "volunteer": "N0001"})).status_code == 403


# --- what she sees of herself -----------------------------------------------------------------------------------------

CONSENTS, LOOKS, EXPORT = "/account/consents", "/account/looks", "/account/export"


async def test_she_reads_the_text_agrees_and_withdraws(enters: Enters, district: District) -> None:
    hers = await enters(district.northern)
    account = (await hers.get("/account")).text
    for address in (CONSENTS, LOOKS, EXPORT):
        assert f'href="{address}"' in account
    page = (await hers.get(CONSENTS)).text
    assert "我同意在公示榜单上公开我的全名" in page
    assert "监护人" not in page
    assert page.count("还没有同意") == 3
    form = {"purpose": "public_name", "text_version": "2026-11"}
    for _ in range(2):  # agreeing twice is agreeing once
        answer = await send(hers, CONSENTS, CONSENTS, **form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{CONSENTS}?done=consent_given")
    page = (await hers.get(answer.headers["location"])).text
    assert "记下了：您同意" in page
    assert words_of(page).count("已经同意。 您本人，") == 1
    answer = await send(hers, CONSENTS, f"{CONSENTS}/withdraw", purpose="public_name")
    assert answer.headers["location"] == f"{CONSENTS}?done=consent_withdrawn"
    page = (await hers.get(answer.headers["location"])).text
    assert "已经撤回" in page
    assert "已经同意" not in page
    assert (await send(hers, CONSENTS, CONSENTS, **form)).status_code == 303, "she may agree anew"


async def test_a_guardians_consent_is_shown_and_is_not_hers_to_give(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    hers = await enters(district.northern)
    refused = await send(hers, CONSENTS, CONSENTS, purpose="minor_guardian", text_version="2026-11")
    assert refused.status_code == 400
    assert district.northern.volunteer is not None
    async with database.begin() as tx:
        now = people.auth.now()
        holder = district.northern.volunteer.holder
        await consents.give(tx, district.book.book_id, holder, "minor_guardian", "2026-11", "guardian", now)
    page = (await hers.get(CONSENTS)).text
    assert "已经同意。 监护人，" in words_of(page)
    assert "由您的监护人到服务站办" in page
    assert 'value="minor_guardian"' not in page
    for odd in ({"purpose": ODD, "text_version": "2026-11"}, {"purpose": "service", "text_version": ODD}, {}):
        answer = await send(hers, CONSENTS, CONSENTS, **odd)
        assert answer.status_code == 400
        assert ODD not in answer.text


async def test_she_reads_in_words_who_looked_and_why(enters: Enters, database: AsyncEngine, district: District) -> None:
    hers = await enters(district.northern)
    person = await people.somebody(database, district.book, Grant("reviewer"))
    await send(await enters(person), f"{HERS}/reveal", f"{HERS}/reveal", name="yes", phone="yes", reason=ODD)
    await hers.get(EXPORT)
    page = (await hers.get(LOOKS)).text
    assert ODD not in page
    words = words_of(page)
    assert f"工作人员 {person.login} 看了完整的：姓名、手机号 理由：{ODD}" in words
    assert "您本人 看了完整的：姓名、手机号、身份证号、出生日期" in words
    other = await enters(district.southern)
    assert "还没有人登记或看过您的信息" in (await other.get(LOOKS)).text


async def test_she_takes_everything_with_her_as_a_file(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    hers = await enters(district.northern)
    answer = await hers.get(EXPORT)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="meide-ledger.json"'
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["person"] == {"name": NAME, "phone": PHONE, "id_number": GROWN, "born": "1950-06-15"}
    assert told["volunteer"] == "N0001"
    assert len(told["accounts"]) == 4
    assert [each.action for each in await log_of(database, district.book, "N0001")] == ["reveal", "record"]


async def test_who_is_no_volunteer_has_no_such_pages(enters: Enters, database: AsyncEngine, book: Book) -> None:
    client = await staff(enters, database, book, Grant("owner"))
    assert CONSENTS not in (await client.get("/account")).text
    for path in (CONSENTS, LOOKS, EXPORT):
        assert (await client.get(path)).status_code == 403, path
