"""The staff's pages: proposals, users and roles, keys of machines; who may see what; forms and their refusals."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.pages import texts
from ledger.access.rights import Grant
from ledger.books import balances, integrity
from ledger.books.directory import Book
from ledger.earning import organisations
from ledger.earning.volunteers import WALLET
from tests.conftest import new_book
from tests.pages import people, places
from tests.pages.conftest import SETTINGS, Enters
from tests.pages.people import NORTH, PASSWORD, SOUTH, District, Person, posted, send, sign_in, token_of, words_of

PROPOSE, APPROVALS, USERS, TOKENS = "/staff/propose", "/staff/approvals", "/staff/users", "/staff/tokens"
ODD = "<script>alert(1)</script>"
RECORDS = ("records", "notices", "assessments", "awards", "targets", "honours", "proofs", "overdue")
BOOKS = ("approvals", "lapsing")
RULES = ("rules", "ladders", "day", "cases", "alarms", "limits")
EVERYBODY = ("activities", "volunteers", "organisations", "outlets", "catalogue")
ALL_TILES = (
    *(*EVERYBODY, "reviews", "objections", "call-backs", "sheets", *RECORDS, "propose", *BOOKS, "renewals", "budget"),
    *(*RULES, "boards", "users", "tokens", "audit", "access-log"),
)


@pytest.fixture
async def district(database: AsyncEngine, book: Book) -> District:
    return await people.a_district(database, book)


async def staff(enters: Enters, database: AsyncEngine, book: Book, *grants: Grant) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, *grants))


async def propose(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Fills in the form for points and sends it."""
    form = {"volunteer": "N0001", "direction": "plus", "amount": "10", "reason": "a talk", **fields}
    if "key" not in form:
        [form["key"]] = re.findall(r'name="key" value="([^"]+)"', (await client.get(PROPOSE)).text)
    return await send(client, PROPOSE, PROPOSE, **form)


async def wallet(database: AsyncEngine, person: Person) -> int:
    async with database.connect() as tx:
        return (await balances.balance(tx, person.book.book_id, person.account(WALLET))).balance


# --- who sees what ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "tiles"),
    [
        ("recorder", [*EVERYBODY, "sheets", *RECORDS, "renewals", *RULES]),
        (
            "reviewer",
            [*EVERYBODY, "reviews", "objections", "call-backs", *RECORDS, *BOOKS, "renewals", "budget", *RULES],
        ),
        ("operator", [*EVERYBODY, *RECORDS, "propose", *BOOKS, "renewals", "budget", *RULES, "boards"]),
        ("auditor", [*EVERYBODY, *RECORDS, *BOOKS, "budget", *RULES, "audit", "access-log"]),
        ("owner", [*EVERYBODY, *RECORDS, *BOOKS, "budget", *RULES, "users", "tokens", "access-log"]),
    ],
)
async def test_staff_find_what_their_rights_are_for_and_nothing_else(
    enters: Enters, database: AsyncEngine, book: Book, role: str, tiles: list[str]
) -> None:
    until = people.auth.today() if role == "auditor" else None
    client = await staff(enters, database, book, Grant(role, until=until))  # type: ignore[arg-type]
    assert (await client.get("/")).headers["location"] == "/staff"
    page = (await client.get("/staff")).text
    assert re.findall(r'href="/(?:staff|outlet)/([\w-]+)"', page) == tiles
    for tile in ALL_TILES:
        address = "/outlet/day" if tile == "day" else f"/staff/{tile}"
        assert (await client.get(address)).status_code == (200 if tile in tiles else 403), tile


async def test_the_keys_of_the_book_are_not_for_the_owner_of_one_organisation(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    client = await staff(enters, database, district.book, Grant("owner", NORTH))
    assert "/staff/tokens" not in (await client.get("/staff")).text
    assert (await client.get(TOKENS)).status_code == 403


async def test_volunteers_and_shops_are_told_kindly_that_it_is_not_for_them(
    enters: Enters, database: AsyncEngine, her: Person
) -> None:
    shop = await people.somebody(database, her.book, Grant("merchant", outlet="X1"))
    assert "看今天的兑换" in (await (await enters(shop)).get("/")).text
    for person in (her, shop):
        client = await enters(person)
        for path in ("/staff", PROPOSE, APPROVALS, "/staff/renewals", USERS, TOKENS, f"{USERS}/new", f"{TOKENS}/new"):
            answer = await client.get(path)
            assert answer.status_code == 403, path
            assert "这里是工作人员办事的地方" in answer.text
            assert 'action="/sign-out"' in answer.text


async def test_staff_see_whose_points_lapse_soon_and_only_of_their_organisation(
    enters: Enters, database: AsyncEngine, her: Person
) -> None:
    on = people.auth.today() + timedelta(days=10)
    await people.posted(database, her, "earn.item", (people.ITEMS, 30), (her.account(WALLET), 30), lapses_on=on)
    async with database.begin() as tx:
        await organisations.add(tx, her.book.book_id, NORTH, "北区")
    everywhere = await staff(enters, database, her.book, Grant("operator"))
    words = words_of((await everywhere.get("/staff/lapsing")).text)
    assert f"最晚 {texts.day('zh', on - timedelta(days=1))} 用 30 分 志愿者 V20260012" in words
    north = await staff(enters, database, her.book, Grant("operator", NORTH))
    assert "30 天内没有积分到期。" in words_of((await north.get("/staff/lapsing")).text)
    assert (await everywhere.get("/staff/lapsing?after=x")).status_code == 400


# --- every form -------------------------------------------------------------------------------------------------------


async def test_every_form_is_listed(database: AsyncEngine) -> None:
    assert places.addresses(create_app(SETTINGS, database), "POST") == places.FORMS.keys()


def concrete(path: str) -> str:
    path = path.replace("{number}", "N9999").replace("{activity}", "nothing").replace("{book}", "nowhere")
    path = path.replace("{outlet}", "nothing").replace("{till}", "1")
    path = path.replace("{version}", "1").replace("{code}", "nothing")
    ids = "draft|device|renewal|record|objection|redemption|case|alarm|sheet|assessment|award|board|proof|mark|honour"
    path = re.sub(rf"\{{({ids})_id\}}", str(uuid.uuid4()), path)
    return re.sub(r"\{(role|token)_id\}", "1", path)


@pytest.fixture(scope="module")
async def quiet(database: AsyncEngine) -> AsyncIterator[Book]:
    """A book in which no form changes anything: one for all of them."""
    await people.somebody(database, await new_book(database), Grant("owner"))  # so that role 1 is of another book
    made = await new_book(database)
    yield made
    assert await integrity.check(database, made.book_id) == []


@pytest.fixture(scope="module")
async def officer(enters: Enters, database: AsyncEngine, quiet: Book) -> httpx.AsyncClient:
    """The browser of somebody with every role."""
    roles = (Grant("operator"), Grant("reviewer"), Grant("owner"), Grant("recorder"))
    return await staff(enters, database, quiet, *roles)


@pytest.fixture(scope="module")
async def reader(enters: Enters, database: AsyncEngine, quiet: Book) -> httpx.AsyncClient:
    """A volunteer's browser."""
    return await enters(await people.a_volunteer(database, quiet))


@pytest.mark.parametrize("path", places.FORMS)
async def test_a_form_without_its_token_changes_nothing(officer: httpx.AsyncClient, path: str) -> None:
    await officer.get("/account")
    answer = await officer.post(concrete(path), data={"login": "x"})
    assert answer.status_code == 403
    assert "请再试一次" in answer.text
    assert (await officer.get("/account")).status_code == 200


@pytest.mark.parametrize("path", [path for path, who in places.FORMS.items() if who == "chief"])
async def test_a_volunteer_who_writes_a_form_of_the_staff_herself_is_refused(
    reader: httpx.AsyncClient, path: str
) -> None:
    token = token_of((await reader.get("/account")).text)
    assert (await reader.post(concrete(path), data={"_csrf_token": token})).status_code == 403


@pytest.mark.parametrize("path", [path for path, who in places.FORMS.items() if who not in ("nobody", "till")])
async def test_who_is_not_signed_in_is_led_to_the_door(enters: Enters, path: str) -> None:
    client = await enters(None)
    token = token_of((await client.get("/sign-in")).text)
    answer = await client.post(concrete(path), data={"_csrf_token": token})
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")


ELSEWHERE = ("/account/devices", "/hours", "/me/proofs", "/me/redemptions", "/staff/call-backs")
"""Forms that are not for staff, or that come back with what is there."""


@pytest.mark.parametrize(
    "path",
    [path for path, who in places.FORMS.items() if "{" in path and who != "till" and not path.startswith(ELSEWHERE)],
)
async def test_what_is_not_there_is_said_in_words(officer: httpx.AsyncClient, path: str) -> None:
    token = token_of((await officer.get("/account")).text)
    for address in {concrete(path), concrete(path).replace("/1/", f"/{2**70}/")}:
        answer = await officer.post(address, data={"_csrf_token": token, "reason": "why not", "name": "Q"})
        assert answer.status_code == 404, address
        assert "没有" in answer.text


# --- proposals --------------------------------------------------------------------------------------------------------


async def test_one_proposes_a_colleague_approves_and_she_reads_why(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("operator", NORTH))
    colleague = await staff(enters, database, district.book, Grant("reviewer"))
    answer = await propose(clerk, volunteer="Ｎ０００１", amount="１５", reason=ODD)
    assert answer.status_code == 303
    where = answer.headers["location"]
    mine = (await clerk.get(where)).text
    assert "自己不能批准，请一位同事来办" in mine
    assert "approve" not in mine
    listed = (await colleague.get(APPROVALS)).text
    assert where in listed
    assert ODD not in listed
    assert "志愿者 N0001，可用积分 存入 15 分" in words_of(listed)
    assert await wallet(database, district.northern) == 0
    answer = await send(colleague, where, f"{where}/approve")
    assert (answer.status_code, answer.headers["location"]) == (303, where)
    page = (await colleague.get(where)).text
    assert "已经批准，入账了" in page
    assert "approve" not in page
    again = await colleague.post(f"{where}/approve", data={"_csrf_token": token_of(page)})
    assert again.headers["location"] == where
    assert await wallet(database, district.northern) == 15
    passbook = (await (await enters(district.northern)).get("/passbook")).text
    assert ODD not in passbook
    assert f"加分：{ODD}" in words_of(passbook)


async def test_a_double_click_proposes_once_and_a_changed_form_is_another_proposal(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("operator"))
    key = secrets.token_urlsafe(16)
    first, second = await propose(clerk, key=key), await propose(clerk, key=key)
    assert first.headers["location"] == second.headers["location"]
    changed = await propose(clerk, key=key, amount="11")
    assert changed.status_code == 409
    assert "已经提出过了" in changed.text
    assert f'value="{key}"' not in changed.text
    [fresh] = re.findall(r'name="key" value="([^"]+)"', changed.text)
    assert (await propose(clerk, key=fresh, amount="11")).status_code == 303
    assert (await clerk.get(APPROVALS)).text.count("<section") == 2


async def test_points_are_taken_off_only_as_far_as_there_are_any(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    clerk = await staff(enters, database, district.book, Grant("operator"))
    colleague = await staff(enters, database, district.book, Grant("reviewer"))
    refused = await propose(clerk, direction="minus", amount="5")
    assert refused.status_code == 409
    assert "余额 0" in refused.text
    her = district.northern
    await posted(database, her, "earn.item", (f"5120.{NORTH}", 8), (her.account(WALLET), 8))
    ours = [
        (await propose(clerk, direction="minus", amount="5", reason=why)).headers["location"]
        for why in ("no show", "again")
    ]
    assert (await send(colleague, ours[0], f"{ours[0]}/approve")).status_code == 303
    late = await send(colleague, ours[1], f"{ours[1]}/approve")
    assert late.status_code == 409
    assert "余额 3" in late.text
    assert "approve" in late.text, "it goes on waiting"
    assert await wallet(database, her) == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"volunteer": ""}, "请填写“志愿者编号”"),
        ({"volunteer": "N9999"}, "没有这位志愿者"),
        ({"volunteer": ODD}, "没有这位志愿者"),
        ({"amount": ""}, "请填写“多少分”"),
        ({"amount": "1.5"}, "“多少分”请写整数"),
        ({"amount": "-3"}, "“多少分”请写整数"),
        ({"amount": ODD}, "“多少分”请写整数"),
        ({"amount": "0"}, "“多少分”太小或者太大"),
        ({"amount": "9" * 18}, "“多少分”太小或者太大"),
        ({"reason": " "}, "请填写“原因”"),
        ({"reason": "x" * 501}, "“原因”请写成一行"),
        ({"reason": "a\0b"}, "“原因”请写成一行"),
        ({"direction": "up"}, "请填写“加分还是扣分”"),
        ({"key": ""}, "请再按一次"),
        ({"key": "\u2028"}, "请再按一次"),
    ],
)
async def test_a_form_that_is_not_right_comes_back_with_what_was_typed(
    enters: Enters, database: AsyncEngine, district: District, fields: dict[str, str], said: str
) -> None:
    clerk = await staff(enters, database, district.book, Grant("operator"))
    answer = await propose(clerk, **{"reason": "kept", **fields})
    assert answer.status_code in (400, 404)
    assert said in answer.text
    assert ODD not in answer.text
    assert "reason" in fields or 'value="kept"' in answer.text
    assert "现在没有待批的账" in (await clerk.get(APPROVALS)).text


async def test_staff_of_another_organisation_neither_propose_nor_see_nor_decide(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    north = await staff(enters, database, district.book, Grant("operator", NORTH))
    south = await staff(enters, database, district.book, Grant("operator", SOUTH), Grant("reviewer", SOUTH))
    refused = await propose(south)
    assert refused.status_code == 403
    assert "没有这位志愿者，或者不归您的组织管" in refused.text
    assert 'value="minus"' not in refused.text, "what is forfeited belongs to the whole book"
    where = (await propose(north)).headers["location"]
    assert where not in (await south.get(APPROVALS)).text
    assert (await south.get(where)).status_code == 403
    token = token_of((await south.get("/account")).text)
    for action in ("approve", "decline"):
        answer = await south.post(f"{where}/{action}", data={"_csrf_token": token, "reason": "why"})
        assert answer.status_code == 403, action
    assert "还没有入账" in (await north.get(where)).text


async def test_nobody_approves_his_own_but_he_may_withdraw_it(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    alone = await staff(enters, database, district.book, Grant("operator"), Grant("reviewer"))
    where = (await propose(alone)).headers["location"]
    token = token_of((await alone.get(where)).text)
    answer = await alone.post(f"{where}/approve", data={"_csrf_token": token})
    assert answer.status_code == 403
    assert "自己提出的，不能自己批准" in answer.text
    bare = await send(alone, where, f"{where}/decline", reason="")
    assert bare.status_code == 400
    assert "请填写“原因”" in bare.text
    for _ in range(2):
        answer = await alone.post(f"{where}/decline", data={"_csrf_token": token, "reason": ODD})
        assert answer.headers["location"] == where
    page = (await alone.get(where)).text
    assert "没有批准，没有入账" in page
    assert ODD not in page
    assert ODD in words_of(page)


async def test_who_may_only_read_finds_no_buttons(enters: Enters, database: AsyncEngine, district: District) -> None:
    clerk = await staff(enters, database, district.book, Grant("operator"))
    auditor = await staff(enters, database, district.book, Grant("auditor", until=people.auth.today()))
    where = (await propose(clerk)).headers["location"]
    page = (await auditor.get(where)).text
    assert "您可以看" in page
    assert f'action="{where}' not in page
    token = token_of(page)
    for action in ("approve", "decline"):
        answer = await auditor.post(f"{where}/{action}", data={"_csrf_token": token, "reason": "why"})
        assert answer.status_code == 403


# --- users and roles --------------------------------------------------------------------------------------------------


async def add(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    return await send(client, f"{USERS}/new", f"{USERS}/new", **fields)


def secret_of(page: str) -> str:
    found = re.search(r'class="secret(?: long)?">([^<]+)<', page)
    assert found, "it is shown"
    return found[1]


async def test_an_owner_lets_a_colleague_in_and_takes_the_role_back(
    enters: Enters, site: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    owner = await staff(enters, database, district.book, Grant("owner"))
    login = f"new-{secrets.token_hex(4)}"
    made = await add(owner, role="operator", login=login, organisation=NORTH)
    assert made.status_code == 200
    assert "只显示这一次" in made.text
    password = secret_of(made.text)
    new = Person(district.book, login, None)
    assert (await sign_in(site, new, password=password)).headers["location"] == "/account/password"
    twice = await add(owner, role="operator", login=login, organisation=NORTH)
    assert twice.status_code == 409
    assert "已有人使用" in twice.text
    found = await owner.get(f"{USERS}?login={login}")
    assert f"{login} 经办员，North lake" in words_of(found.text)
    [end] = re.findall(r'action="(/staff/users/roles/\d+/end)"', found.text)
    answer = await send(owner, f"{USERS}?login={login}", end)
    assert answer.headers["location"] == f"{USERS}?done=role_ended"
    assert (await site.get("/account/password")).status_code == 303, "signed out at once"
    assert "没有找到" in (await owner.get(f"{USERS}?login={login}")).text


async def test_a_volunteer_gets_a_pin_for_her_number(
    enters: Enters, site: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    number = f"N{secrets.token_hex(4)}"  # another book's volunteers may have any of the short ones
    async with database.begin() as tx:
        await people.volunteers.register(tx, district.book.book_id, number, NORTH)
    owner = await staff(enters, database, district.book, Grant("owner", NORTH))
    made = await add(owner, role="volunteer", volunteer=f"Ｎ{number[1:]}")
    pin = secret_of(made.text)
    assert re.fullmatch(r"\d{6}", pin)
    her = Person(district.book, number, None)
    assert (await sign_in(site, her, password=pin)).headers["location"] == "/account/password"


async def test_nobody_takes_back_his_own_role(enters: Enters, database: AsyncEngine, book: Book) -> None:
    owner = await staff(enters, database, book, Grant("owner"))
    page = (await owner.get(USERS)).text
    assert "这是您自己的角色" in page
    assert "/end" not in page
    async with database.connect() as tx:
        [mine] = await people.users.roles_in(tx, book.book_id)
    answer = await owner.post(f"/staff/users/roles/{mine.role_id}/end", data={"_csrf_token": token_of(page)})
    assert answer.status_code == 403


async def test_the_owner_of_one_organisation_neither_sees_nor_gives_nor_takes_roles_elsewhere(
    enters: Enters, database: AsyncEngine, district: District
) -> None:
    south = await people.somebody(database, district.book, Grant("recorder", SOUTH))
    owner = await staff(enters, database, district.book, Grant("owner", NORTH))
    page = (await owner.get(USERS)).text
    assert south.login not in page
    assert "N0001" in page
    for fields in ({"organisation": SOUTH}, {"organisation": "37"}, {}):
        assert (await add(owner, role="recorder", login=f"x{secrets.token_hex(4)}", **fields)).status_code == 403
    async with database.connect() as tx:
        theirs = [each for each in await people.users.roles_in(tx, district.book.book_id) if each.login == south.login]
    end = f"/staff/users/roles/{theirs[0].role_id}/end"
    assert (await owner.post(end, data={"_csrf_token": token_of(page)})).status_code == 403
    assert (await (await enters(south)).get("/staff")).status_code == 200


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "请填写“角色”"),
        ({"role": "king"}, "请填写“角色”"),
        ({"role": "operator"}, "请填写“登录名”"),
        ({"role": "operator", "login": "a\0b"}, "这个登录名不能用"),
        ({"role": "operator", "login": ODD, "organisation": "nowhere"}, "没有组织 nowhere"),
        ({"role": "operator", "login": "x", "volunteer": "N0001"}, "不用填“志愿者编号”"),
        ({"role": "volunteer"}, "请填写“志愿者编号”"),
        ({"role": "volunteer", "volunteer": ODD}, "没有志愿者"),
        ({"role": "volunteer", "volunteer": "N0001"}, "已经可以登录了"),
        ({"role": "merchant", "login": "x"}, "请填写“网点编号”"),
        ({"role": "merchant", "login": "x", "outlet": ODD}, "“网点编号”只能用字母"),
        ({"role": "auditor", "login": "x"}, "请填写“到哪一天为止”"),
        ({"role": "auditor", "login": "x", "until": "soon"}, "“到哪一天为止”请写成"),
    ],
)
async def test_a_new_user_that_is_not_right_is_refused_in_words(
    enters: Enters, database: AsyncEngine, district: District, fields: dict[str, str], said: str
) -> None:
    owner = await staff(enters, database, district.book, Grant("owner"))
    answer = await add(owner, **fields)
    assert answer.status_code in (400, 404, 409)
    assert said in answer.text
    assert ODD not in answer.text


# --- keys of machines -------------------------------------------------------------------------------------------------


async def test_a_key_is_shown_once_opens_the_api_and_is_revoked(
    enters: Enters, database: AsyncEngine, book: Book
) -> None:
    owner = await staff(enters, database, book, Grant("owner"))
    form = {"name": ODD, "books:read": "yes", "books:post": "yes", "prefixes": "9110，9200 2100", "days": "30"}
    made = await send(owner, f"{TOKENS}/new", f"{TOKENS}/new", **form)
    assert made.status_code == 200
    assert ODD not in made.text
    secret = secret_of(made.text)
    call = {"authorization": f"Bearer {secret}"}
    assert (await owner.get(f"/api/v1/books/{book.code}/accounts/1/balance", headers=call)).status_code == 404
    page = (await owner.get(TOKENS)).text
    assert secret not in page
    assert ODD not in page
    assert f"{ODD} 给谁用 别的系统 可以做 记账 看账 可以记的账户 2100 9110 9200" in words_of(page)
    [revoke] = re.findall(r'action="(/staff/tokens/\d+/revoke)"', page)
    for _ in range(2):
        answer = await owner.post(revoke, data={"_csrf_token": token_of(page)})
        assert answer.headers["location"] == f"{TOKENS}?done=token_revoked"
    assert "已经作废" in (await owner.get(TOKENS)).text
    assert (await owner.get(f"/api/v1/books/{book.code}/accounts/1/balance", headers=call)).status_code == 401


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "“名称”请写"),
        ({"name": "a\0b"}, "“名称”请写"),
        ({}, "请填写“可以做什么”"),
        ({"books:post": "yes"}, "请填写“账户编号的开头”"),
        ({"books:read": "yes", "prefixes": "2100"}, "不用填“账户编号的开头”"),
        ({"books:post": "yes", "prefixes": ODD}, "“账户编号的开头”请写"),
        ({"outlet": ODD}, "“网点编号”只能用字母"),
        ({"books:read": "yes", "days": "0"}, "“用多少天”太小或者太大"),
        ({"books:read": "yes", "days": "many"}, "“用多少天”太小或者太大"),
    ],
)
async def test_a_key_that_is_not_right_is_refused_in_words(
    enters: Enters, database: AsyncEngine, book: Book, fields: dict[str, str], said: str
) -> None:
    owner = await staff(enters, database, book, Grant("owner"))
    answer = await send(owner, f"{TOKENS}/new", f"{TOKENS}/new", **{"name": "Platform", "days": "30", **fields})
    assert answer.status_code == 400
    assert said in answer.text
    assert ODD not in answer.text
    assert "还没有令牌" in (await owner.get(TOKENS)).text


# --- on every page ----------------------------------------------------------------------------------------------------


async def test_english_addresses_lead_to_the_english_page_and_keep_the_choice(enters: Enters, her: Person) -> None:
    client = await enters(her)
    for path, leads in (
        ("/en", "/?lang=en"),
        ("/en/", "/?lang=en"),
        ("/en/passbook?account=hours&lang=zh", "/passbook?account=hours&lang=en"),
        ("/en/account/password", "/account/password?lang=en"),
    ):
        assert (await client.get(path)).headers["location"] == leads
        assert client.cookies["meide_language"] == "en"  # where the page leads on to another
        client.cookies.delete("meide_language")
    await client.get("/passbook?lang=en")
    assert '<html lang="en"' in (await client.get("/account")).text
    for odd in ("/en//evil.test", "/en/%2F/evil.test", "/en/..//evil.test", "/en/\\evil.test", "/en/a%0d%0ab"):
        assert (await client.get(odd)).status_code == 404, odd


async def test_every_page_says_whom_to_call_and_how_to_leave(enters: Enters, her: Person) -> None:
    client = await enters(her)
    html = {"accept": "text/html"}
    for path in ("/", "/passbook", "/account", "/account/password", "/staff", "/nowhere", "/passbook?year=never"):
        page = (await client.get(path, headers=html)).text
        assert 'href="tel:0531-0000-0000"' in page, path
        assert 'action="/sign-out"' in page or 'href="/sign-out"' in page, path
        assert "?size=elder" in page or "&amp;size=elder" in page
        assert "lang=en" in page
    answer = await send(client, "/sign-out", "/sign-out")
    assert answer.headers["location"] == "/sign-in?left=1"
    page = (await client.get("/nowhere", headers=html)).text
    assert "/sign-out" not in page
    assert PASSWORD not in page
