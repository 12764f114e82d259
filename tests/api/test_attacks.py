"""Attacks over HTTP: forged and stolen tokens, rights by every door, guessing, hostile text, secrets that leak."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import secrets
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from litestar import Litestar
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api import auth
from api.app import create_app
from api.pages import frame
from api.pages.doors import COOKIE
from ledger.access import sessions, users
from ledger.access.rights import SCOPES, Grant, Scope
from ledger.access.tables import roles
from ledger.books.directory import Book
from ledger.books.tables import transactions
from ledger.database import connect
from ledger.earning import organisations, volunteers
from ledger.errors import WrongPassword
from tests.api.conftest import PASSWORD, SETTINGS, Caller, a_machine, a_user, transfer
from tests.api.people import (
    PIN,
    Person,
    a_person,
    a_volunteer,
    at,
    bearer,
    code_of,
    me,
    refresh,
    sign_in,
    tokens_of,
)
from tests.conftest import new_book

[KEY] = SETTINGS.session_keys


# --- forged and borrowed tokens ---------------------------------------------------------------------------------------


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


async def test_a_token_that_we_did_not_sign_as_it_is_opens_nothing(operator: Caller) -> None:
    claims = claims_of(operator.token)
    head, body, signature = operator.token.split(".")

    def signed(key: str = KEY, **changed: Any) -> str:
        return jwt.encode({**claims, **changed}, key, algorithm="HS256")

    def without(claim: str) -> str:
        return jwt.encode({name: value for name, value in claims.items() if name != claim}, KEY, algorithm="HS256")

    unsigned = [f"{part({'alg': name, 'typ': 'JWT'})}.{body}.{end}" for name in ("none", "None") for end in ("", "AA")]
    forged = [
        *(without(claim) for claim in ("exp", "iat", "sub", "aud", "sid", "book")),
        *unsigned,
        signed(secrets.token_urlsafe(32)),
        signed(aud="another-service"),
        signed(exp=int((datetime.now(UTC) - timedelta(seconds=1)).timestamp())),
        signed(sid=str(uuid.uuid4())),
        signed(book_id=claims["book_id"] + 1),
        f"{head}.{part({**claims, 'grants': [['owner', None, None, None, None]]})}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f" {operator.token} x",
    ]
    for token in forged:
        assert code_of(await dataclasses.replace(operator, token=token).get("/periods")) == "401 session_ended", token
    assert (await operator.get("/periods")).status_code == 200
    assert (await dataclasses.replace(operator, token=signed()).get("/periods")).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic b3A6eA==", "bearer\t", "Token x", "Bearer é"])
async def test_without_a_bearer_token_nothing_opens(operator: Caller, header: str) -> None:
    answer = await operator.http.get(
        f"/api/v1/books/{operator.book}/periods", headers=[(b"Authorization", header.encode("latin-1"))]
    )
    assert code_of(answer) == "401 session_ended"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_of_another_book_opens_nothing_here_and_does_not_tell_whether_it_is_there(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, operator: Caller, machine: Caller
) -> None:
    other = await new_book(database)
    for caller in (operator, machine):
        answers = [
            await dataclasses.replace(caller, book=code).get("/periods") for code in (other.code, "nowhere", "%00")
        ]
        assert {code_of(answer) for answer in answers} == {"403 not_allowed"}
        assert len({answer.content for answer in answers}) == 1


async def test_a_machines_key_opens_nothing_once_it_is_revoked_or_over(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await a_user(http, database, book, Grant("owner"))
    made = [
        (await owner.post("/tokens", {"name": "m", "scopes": ["books:read"], "expires_in_days": 1})).json()
        for _ in range(2)
    ]
    keys = [dataclasses.replace(owner, token=each["secret"]) for each in made]
    assert [(await key.get("/periods")).status_code for key in keys] == [200, 200]
    first = f"/api/v1/books/{book.code}/tokens/{made[0]['token']['id']}"
    revoked = await http.delete(first, headers=bearer(owner.token))
    assert revoked.json()["revoked_at"] is not None
    assert [code_of(await key.get("/periods")) for key in keys] == ["401 session_ended", "200"]
    now = auth.now()
    monkeypatch.setattr(auth, "now", lambda: now + timedelta(days=1, seconds=1))
    assert code_of(await keys[1].get("/periods")) == "401 session_ended"


@pytest.mark.parametrize("token", ["mt_", "tt_", "mt_" + "A" * 43, "mt_é", "mr_" + "A" * 43, "mt_" + "x" * 8000])
async def test_a_made_up_key_opens_nothing(http: httpx.AsyncClient, book: Book, token: str) -> None:
    answer = await http.get(
        f"/api/v1/books/{book.code}/periods", headers=[(b"Authorization", f"Bearer {token}".encode("latin-1"))]
    )
    assert code_of(answer) == "401 session_ended"


async def test_neither_a_refresh_token_nor_a_cookies_secret_is_an_access_token(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    her = await a_person(database, book, Grant("reviewer"))
    given = await tokens_of(http, her)
    assert code_of(await me(http, given["refresh_token"])) == "401 session_ended"
    assert (await refresh(http, given["access_token"])).status_code in (400, 401)
    assert (await me(http, given["access_token"])).status_code == 200


# --- what a machine posts to ------------------------------------------------------------------------------------------

SCOPED: list[Scope] = ["books:post", "books:read"]


async def nothing_posted(database: AsyncEngine, book: Book, before: int) -> None:
    assert await posted(database, book) == before


async def posted(database: AsyncEngine, book: Book) -> int:
    async with database.connect() as tx:
        counted = select(func.count()).where(transactions.c.book_id == book.book_id)
        return int((await tx.execute(counted)).scalar_one())


async def test_a_machine_posts_to_the_accounts_of_its_prefixes_by_no_door_to_others(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, ledger: Caller
) -> None:
    mine = await a_machine(http, database, book, SCOPED, ("5100", "2100.a", "2300"))
    await ledger.post("/transactions", transfer(100), "fund a")
    await ledger.post("/transactions", transfer(100, credit="2100.b"), "fund b")
    theirs = (await ledger.post("/transactions", transfer(1, credit="2100.b"), "theirs")).json()["id"]
    holds = []
    for who in "ab":
        held = {"account": f"2100.{who}", "amount": 5, "expires_in": 600}
        holds.append((await ledger.post("/holds", held, f"h{who}")).json()["id"])
    before = await posted(database, book)

    overflowing = transfer(1, debit="2100.a", credit="2300.x")
    overflowing["lines"][0]["overflow"] = "2100.b"
    foreign = transfer(1, credit="2100.b")
    doors = {
        "single": await mine.post("/transactions", foreign, "k1"),
        "debit": await mine.post("/transactions", transfer(1, debit="2100.b", credit="2300.x"), "k2"),
        "overflow": await mine.post("/transactions", overflowing, "k3"),
        "batch": await mine.post(
            "/transactions/batch",
            {"mode": "each", "transactions": [transfer(1) | {"key": "b1"}, foreign | {"key": "b2"}]},
        ),
        "atomic": await mine.post(
            "/transactions/batch",
            {"mode": "atomic", "transactions": [overflowing | {"key": "b3"}]},
        ),
        "reversal": await mine.post(f"/transactions/{theirs}/reversal", {}, "k4"),
        "hold": await mine.post("/holds", {"account": "2100.b", "amount": 1, "expires_in": 60}, "k5"),
        "capture": await mine.post(f"/holds/{holds[1]}/capture", {"to": "2300.x"}, "k6"),
        "capture to": await mine.post(f"/holds/{holds[0]}/capture", {"to": "2100.b"}, "k7"),
        "void": await mine.post(f"/holds/{holds[1]}/void", {}, "k8"),
        "not there": await mine.post("/transactions", transfer(1, credit="2100.nobody"), "k9"),
    }
    assert {door: code_of(answer) for door, answer in doors.items()} == dict.fromkeys(doors, "403 not_allowed")
    await nothing_posted(database, book, before)
    assert code_of(await mine.post("/transactions", transfer(1), "k10")) == "201"
    assert code_of(await mine.post(f"/holds/{holds[0]}/capture", {"to": "2300.x"}, "k11")) == "201"


async def test_a_machine_does_what_its_scopes_say_and_nothing_else(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, ledger: Caller
) -> None:
    doors: dict[Scope, Any] = {
        "books:read": lambda caller: caller.get("/accounts/2100.a"),
        "books:post": lambda caller: caller.post("/transactions", transfer(1), secrets.token_hex(8)),
        "books:accounts": lambda caller: caller.post("/accounts/2100.b/status", {"status": "open"}),
        "books:periods": lambda caller: caller.post("/periods/2020-13/close", {}),
        "records:post": lambda caller: caller.post("/records/batch", {"records": []}),
        "records:read": lambda caller: caller.get("/records"),
    }
    assert doors.keys() == set(SCOPES)
    for scope in doors:
        caller = await a_machine(http, database, book, [scope], ("*",) if scope == "books:post" else ())
        through = {name for name, door in doors.items() if (await door(caller)).status_code != 403}
        assert through == {scope}


# --- what only rooms post ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hold", "hold.capture", "reversal", "earn.activity", "spend.redeem", "opening.hours"])
async def test_a_kind_that_a_room_posts_is_reserved_at_every_door(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, ledger: Caller, kind: str
) -> None:
    clerk = await a_user(http, database, book, Grant("operator"))
    wanted = transfer(1) | {"kind": kind}
    assert code_of(await ledger.post("/transactions", wanted, "k1")) == "409 reserved_kind"
    batch = await ledger.post("/transactions/batch", {"mode": "each", "transactions": [wanted | {"key": "k2"}]})
    assert batch.json()["outcomes"][0]["problem"]["code"] == "reserved_kind"
    atomic = await ledger.post("/transactions/batch", {"mode": "atomic", "transactions": [wanted | {"key": "k3"}]})
    assert code_of(atomic) == "409 reserved_kind"
    assert code_of(await clerk.post("/proposals", {"transaction": wanted}, "k4")) == "409 reserved_kind"
    assert code_of(await ledger.post("/transactions", transfer(1), "k1")) == "201", "the key stayed free"
    assert await posted(database, book) == 1


# --- what nobody posts alone ------------------------------------------------------------------------------------------


async def test_an_operator_alone_posts_to_no_wallet_by_any_door(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, ledger: Caller, operator: Caller
) -> None:
    for code, account_class in (("cash", "asset"), ("bank", "asset"), ("9110.x", "memo_debit")):
        unit = "HR" if code == "9110.x" else "PT"
        await ledger.post("/accounts", {"code": code, "name": code, "class": account_class, "unit": unit})
    await ledger.post("/transactions", transfer(100), "fund")
    rewarded = (await ledger.post("/transactions", transfer(1), "r")).json()["id"]
    hold = (await ledger.post("/holds", {"account": "2100.a", "amount": 5, "expires_in": 600}, "h")).json()["id"]
    before = await posted(database, book)
    overflowing = transfer(1, debit="cash", credit="bank")
    overflowing["lines"][1]["overflow"] = "2100.a"
    plain = transfer(1, debit="cash", credit="bank")
    doors = {
        "wallet": await operator.post("/transactions", transfer(1, debit="cash"), "k1"),
        "reward": await operator.post("/transactions", transfer(1, credit="bank"), "k2"),
        "hours": await operator.post("/transactions", transfer(1, "9110.x", "9200.a"), "k3"),
        "overflow": await operator.post("/transactions", overflowing, "k4"),
        "not there yet": await operator.post("/transactions", transfer(1, debit="cash", credit="2100.new"), "k5"),
        "batch": await operator.post(
            "/transactions/batch",
            {"mode": "each", "transactions": [plain | {"key": "b1"}, transfer(1) | {"key": "b2"}]},
        ),
        "reversal": await operator.post(f"/transactions/{rewarded}/reversal", {}, "k6"),
        "hold": await operator.post("/holds", {"account": "2100.a", "amount": 1, "expires_in": 60}, "k7"),
        "capture": await operator.post(f"/holds/{hold}/capture", {"to": "cash"}, "k8"),
    }
    assert {door: code_of(answer) for door, answer in doors.items()} == dict.fromkeys(doors, "403 needs_approval")
    await nothing_posted(database, book, before)
    assert code_of(await operator.post("/transactions", plain, "k9")) == "201"
    assert code_of(await operator.post(f"/holds/{hold}/void", {}, "k10")) == "201"


async def test_who_proposes_does_not_approve_however_many_roles_he_has(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, ledger: Caller
) -> None:
    both = (Grant("operator"), Grant("reviewer"), Grant("owner"))
    he, she = [await a_user(http, database, book, *both) for _ in range(2)]
    draft = (await he.post("/proposals", {"transaction": transfer(5)}, "k")).json()
    assert (draft["status"], await posted(database, book)) == ("proposed", 0)
    approve = f"/proposals/{draft['id']}/approve"
    assert code_of(await he.post(approve, {})) == "403 second_person_needed"
    again = await he.post("/proposals", {"transaction": transfer(5)}, "k")
    assert (again.status_code, again.json()) == (200, draft)
    answers = await asyncio.gather(*(she.post(approve, {}) for _ in range(3)))
    assert sorted(map(code_of, answers)) == ["201", "409 already_decided", "409 already_decided"]
    assert await posted(database, book) == 1
    shown = (await he.get(f"/proposals/{draft['id']}")).json()
    assert (shown["status"], shown["proposed_by"] != shown["decided_by"]) == ("posted", True)


async def test_an_overflow_account_of_others_is_out_of_reach_for_who_proposes_and_who_approves(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, ledger: Caller
) -> None:
    async with database.begin() as tx:
        for code in ("street", "lane"):
            await organisations.add(tx, book.book_id, code, code)
        hers = await volunteers.register(tx, book.book_id, "V-1", "street")
        theirs = await volunteers.register(tx, book.book_id, "V-2", "lane")
    for code in ("5100.street", "5100.lane"):
        await ledger.post("/accounts", {"code": code, "name": code, "class": "expense", "unit": "PT"})
    wanted = transfer(5, "5100.street", hers.account("2100"))
    reaching = transfer(5, hers.account("2100"), "5100.street")
    reaching["lines"][0]["overflow"] = theirs.account("2100")
    await ledger.post("/transactions", transfer(50, "5100.lane", theirs.account("2100")), "fund")
    clerk = await a_user(http, database, book, Grant("operator", "street"))
    reviewer = await a_user(http, database, book, Grant("reviewer", "street"))
    everywhere = await a_user(http, database, book, Grant("operator"))
    assert code_of(await clerk.post("/proposals", {"transaction": wanted}, "k1")) == "201"
    assert code_of(await clerk.post("/proposals", {"transaction": reaching}, "k2")) == "403 not_allowed"
    draft = (await everywhere.post("/proposals", {"transaction": reaching}, "k3")).json()["id"]
    assert code_of(await reviewer.post(f"/proposals/{draft}/approve", {})) == "403 not_allowed"
    assert [each["id"] for each in (await reviewer.get("/proposals")).json()["items"]].count(draft) == 0


async def test_a_role_is_not_smuggled_past_the_organisation_of_who_gives_it(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")
        await volunteers.register(tx, book.book_id, "V-1", "street")
        await volunteers.register(tx, book.book_id, "V-2")
    owner = await a_user(http, database, book, Grant("owner", "street"))
    refused = {
        "whole book": {"role": "owner"},
        "by a volunteer of mine": {"role": "owner", "volunteer": "V-1"},
        "nobody's volunteer": {"role": "volunteer", "volunteer": "V-2"},
        "shop": {"role": "merchant", "outlet": "shop"},
        "no organisation": {"role": "recorder", "organisation": "nowhere"},
        "strange organisation": {"role": "recorder", "organisation": "\x00"},
    }
    for name, body in refused.items():
        answer = await owner.post("/users", body | {"login": f"x-{book.code}"})
        assert answer.status_code in (400, 403, 404), name
        assert not (await owner.get("/roles")).json()["items"][1:], name
    async with database.connect() as tx:
        assert await users.with_login(tx, f"x-{book.code}") is None


# --- pages: forms and cookies -----------------------------------------------------------------------------------------


@pytest.fixture
async def site(database: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """The service as browsers reach it over https."""
    settings = dataclasses.replace(SETTINGS, public_url="https://books.test")
    app = create_app(settings, connect.to(database.url.render_as_string(hide_password=False)))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="https://books.test") as client:
        yield client


def form_token(page: httpx.Response) -> str:
    return page.text.partition('name="_csrf_token" value="')[2].partition('"')[0]


async def test_a_form_from_elsewhere_signs_nobody_in(
    site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    her = await a_person(database, book, Grant("operator"))
    form = {"login": her.name, "password": her.secret}
    token = form_token(await site.get("/sign-in"))
    assert token
    async with httpx.AsyncClient(transport=site._transport, base_url="https://books.test") as another:
        foreign = form_token(await another.get("/sign-in"))
    for fields, headers in (
        ({}, {}),
        ({"_csrf_token": foreign}, {}),
        ({"_csrf_token": token[:-1]}, {}),
        ({"_csrf_token": token}, {"Sec-Fetch-Site": "cross-site"}),
        ({"_csrf_token": token}, {"Sec-Fetch-Site": "same-site"}),
    ):
        await site.get("/sign-in")
        answer = await site.post("/sign-in", data=form | fields, headers=headers)
        assert answer.status_code == 403
        assert not any(COOKIE in header for header in answer.headers.get_list("set-cookie"))
    token = form_token(await site.get("/sign-in"))
    entered = await site.post("/sign-in", data=form | {"_csrf_token": token}, headers={"Sec-Fetch-Site": "same-origin"})
    assert entered.status_code == 303


async def test_a_cookie_that_could_have_been_planted_over_http_opens_nothing(
    site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    him = await a_user(site, database, book, Grant("operator"))
    user_id = int(claims_of(him.token)["sub"])
    async with database.begin() as tx:
        user = await users.user(tx, user_id)
        grants = await users.grants_of(tx, user_id, auth.today())
        mine = sessions.principal(user, grants, book.book_id, book.code)
        _, secret = await sessions.begin(tx, mine, "x", auth.now(), browser=True)
    for name, status in ((COOKIE, 303), (f"__Secure-{COOKIE}", 303), (f"__Host-{COOKIE}", 200)):
        assert (await site.get("/account", headers={"Cookie": f"{name}={secret}"})).status_code == status, name
    token = form_token(await site.get("/sign-in"))
    planted = {"Cookie": f"{frame.CSRF_COOKIE}={token}"}
    async with httpx.AsyncClient(transport=site._transport, base_url="https://books.test") as another:
        answer = await another.post("/sign-in", data={"_csrf_token": token, "login": "x"}, headers=planted)
    assert answer.status_code == 403


# --- guessing ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's clock stands: however long the guesses take, no wait is over."""
    now = auth.now()
    monkeypatch.setattr(auth, "now", lambda: now)


async def guesses(http: httpx.AsyncClient, person: Person, number: int) -> list[int]:
    return [(await sign_in(http, person, password="not hers")).status_code for _ in range(number)]


@pytest.mark.usefixtures("frozen")
async def test_who_guesses_waits_and_she_at_another_address_does_not(
    application: Litestar, database: AsyncEngine, book: Book
) -> None:
    her = await a_person(database, book, Grant("reviewer"))
    async with at(application, "10.0.0.1") as thief, at(application, "10.0.0.2") as home:
        assert await guesses(thief, her, 8) == [401] * 6 + [429] * 2
        refused = await sign_in(thief, her)
        assert code_of(refused) == "429 too_many_attempts", "not even with the right one"
        assert 1 <= refused.json()["seconds"] <= 2
        assert refused.headers["retry-after"] == str(refused.json()["seconds"])
        assert (await sign_in(home, her)).status_code == 200


async def test_the_wait_grows_with_each_further_failure(
    application: Litestar, database: AsyncEngine, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    her = await a_person(database, book, Grant("reviewer"))
    start = auth.now()
    later = timedelta(0)
    monkeypatch.setattr(auth, "now", lambda: start + later)
    async with at(application, "10.0.0.1") as thief:
        await guesses(thief, her, 5)
        waits = []
        for _ in range(5):
            assert await guesses(thief, her, 1) == [401]
            waits.append((await sign_in(thief, her)).json()["seconds"])
            later += timedelta(seconds=waits[-1])
        assert waits == [2, 4, 8, 16, 32]
        assert (await sign_in(thief, her)).status_code == 200
        assert await guesses(thief, her, 7) == [401] * 6 + [429], "success has forgotten them"


@pytest.mark.usefixtures("frozen")
async def test_fifty_people_behind_one_address_do_not_add_up(
    application: Litestar, database: AsyncEngine, book: Book
) -> None:
    async with at(application, "10.0.0.3") as office:
        crowd = [Person(0, f"nobody-{n}-{book.code}", "x") for n in range(50)]
        for _ in range(2):
            answers = await asyncio.gather(*(sign_in(office, each) for each in crowd))
            assert {answer.status_code for answer in answers} == {401}
        her = await a_person(database, book, Grant("reviewer"))
        assert (await sign_in(office, her)).status_code == 200


@pytest.mark.usefixtures("frozen")
async def test_guesses_at_once_over_two_services_share_one_count(
    application: Litestar, database: AsyncEngine, book: Book
) -> None:
    her = await a_person(database, book, Grant("reviewer"))
    second = create_app(SETTINGS, connect.to(database.url.render_as_string(hide_password=False)))
    async with second.lifespan(), at(application, "10.0.0.4") as here, at(second, "10.0.0.4") as there:
        answers = await asyncio.gather(*(sign_in((here, there)[n % 2], her, password="no") for n in range(20)))
        assert sorted(answer.status_code for answer in answers) == [401] * 6 + [429] * 14
        assert [(await sign_in(each, her)).status_code for each in (here, there)] == [429, 429]


@pytest.mark.usefixtures("frozen")
async def test_all_addresses_of_one_network_are_one_guesser(
    application: Litestar, database: AsyncEngine, book: Book
) -> None:
    her = await a_person(database, book, Grant("reviewer"))
    for n in range(6):
        async with at(application, f"2001:db8:1:2::{n}") as thief:
            assert await guesses(thief, her, 1) == [401]
    async with at(application, "2001:db8:1:2:ffff::1") as thief, at(application, "2001:db8:1:3::1") as neighbour:
        assert await guesses(thief, her, 1) == [429]
        assert (await sign_in(neighbour, her)).status_code == 200


@pytest.mark.usefixtures("frozen")
async def test_the_word_of_who_calls_is_not_his_address(http: httpx.AsyncClient, book: Book) -> None:
    nobody = Person(0, f"nobody-{book.code}", "x")
    answers = [
        await http.post(
            "/api/v1/sessions",
            json={"login": nobody.name, "password": "x"},
            headers={"X-Forwarded-For": f"10.1.0.{n}", "Forwarded": f"for=10.1.0.{n}", "X-Real-IP": f"10.1.0.{n}"},
        )
        for n in range(7)
    ]
    assert [answer.status_code for answer in answers] == [401] * 6 + [429]


@pytest.mark.usefixtures("frozen")
async def test_who_knows_his_own_pin_gets_no_further_guesses_at_hers(
    application: Litestar, database: AsyncEngine, book: Book
) -> None:
    """Her number is his as well, in another book of which he is a volunteer."""
    number = f"V{secrets.token_hex(4)}"
    her = await a_volunteer(database, book, number)
    other = await new_book(database)
    async with database.begin() as tx:
        his = await users.create(tx, None, pin="937460")
        await users.give(tx, his.user_id, other.book_id, Grant("volunteer", volunteer_no=number), "room:test")
    him = Person(his.user_id, number, "937460")
    async with at(application, "10.0.0.5") as thief:
        statuses = []
        for n in range(8):
            statuses += [
                (await sign_in(thief, her, password=f"{600000 + 7 * n}", book=book.code)).status_code,
                (await sign_in(thief, him)).status_code,
            ]
        assert statuses[1::2] == [200] * 8, "he himself comes in"
        assert 429 in statuses[0::2]
        assert statuses[0::2] == sorted(statuses[0::2])


async def test_a_login_like_her_number_does_not_shut_her_out(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    her = await a_volunteer(database, book)
    await a_person(database, book, Grant("owner"), login=her.name)
    assert (await me(http, (await tokens_of(http, her))["access_token"])).json()["volunteer"] == her.name


# --- nothing is learnt from a refusal ---------------------------------------------------------------------------------


async def test_nobody_learns_who_exists(
    application: Litestar, database: AsyncEngine, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    her = await a_person(database, book, Grant("reviewer"))
    volunteer = await a_volunteer(database, book)
    seen = await a_person(database, book, Grant("operator"), seen=True)
    without = await a_person(database, book)
    other = await new_book(database)
    looks = 0
    plain = PasswordHasher.verify

    def verify(self: PasswordHasher, digest: str | bytes, password: str | bytes) -> bool:
        nonlocal looks
        looks += 1
        return plain(self, digest, password)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    answers, counts = [], []
    for person, about in (
        *((each, {}) for each in (her, volunteer, seen, without)),
        (Person(0, "nobody at all", "x"), {}),
        (Person(0, "V-0000", "x"), {"book": book.code}),
        *((her, {"book": code}) for code in (book.code, other.code, "nowhere", "")),
        *((volunteer, {"book": code}) for code in (other.code, "nowhere")),
    ):
        for secret in ("a wrong password", "846153"):
            looks = 0
            async with at(application, f"10.3.0.{len(answers)}") as http:
                answers.append(await sign_in(http, person, password=secret, **about))
            counts.append(looks)
    assert set(counts) == {1}
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    varying = {"x-request-id"}
    assert len({frozenset((k, v) for k, v in answer.headers.items() if k not in varying) for answer in answers}) == 1


# --- hostile text -----------------------------------------------------------------------------------------------------

HOSTILE = [
    "'; DROP TABLE users;--",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=1+1",
    "@SUM(A1)",
    "${7*7}",
    "{{7*7}}",
    "%(login)s {0} {login}",
    "../../etc/passwd",
    "\x00",
    "a\x00b",
    "\u202egnp.exe",
    "\u200b",
    "line\nbreak",
    "𠮷" * 300,
    "x" * 5000,
    "",
]

A_BACKFILL = {
    "record": "#",
    "volunteer": "V-1",
    "organisation": "street",
    "class": "honour",
    "check_in": "2026-01-02T09:00:00+08:00",
    "check_out": "2026-01-02T10:00:00+08:00",
    "evidence": "a list",
}
AN_ACT = {
    "record": "#",
    "volunteer": "V-1",
    "organisation": "street",
    "class": "act",
    "item": "P12",
    "served_on": "2026-01-02",
    "evidence": "a list",
}

NOBODY = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has."""

A_TARGET = {"target": "T-1", "name": "n", "kind": "year_hours", "amount": 60}
A_BOARD = {"kind": "hours", "from_day": "2026-01-01", "to_day": "2026-01-02"}
TEXTS: dict[str, tuple[str, Any]] = {
    "account": ("/accounts", {"code": "@", "name": "n", "class": "asset", "unit": "PT"}),
    "account name": ("/accounts", {"code": "#", "name": "@", "class": "asset", "unit": "PT"}),
    "account class": ("/accounts", {"code": "#", "name": "n", "class": "@", "unit": "PT"}),
    "account unit": ("/accounts", {"code": "#", "name": "n", "class": "asset", "unit": "@"}),
    "status": ("/accounts/2100.a/status", {"status": "@"}),
    "kind": ("/transactions", transfer(1) | {"kind": "@"}),
    "description": ("/transactions", transfer(1) | {"description": "@"}),
    "day": ("/transactions", transfer(1) | {"effective_at": "@"}),
    "line": ("/transactions", transfer(1, debit="@")),
    "overflow": (
        "/transactions",
        transfer(1) | {"lines": [{"account": "5100", "side": "debit", "amount": 1, "overflow": "@"}] * 2},
    ),
    "batch key": ("/transactions/batch", {"mode": "each", "transactions": [transfer(1) | {"key": "@"}]}),
    "batch line": ("/transactions/batch", {"mode": "each", "transactions": [transfer(1, "@") | {"key": "k"}]}),
    "batch mode": ("/transactions/batch", {"mode": "@", "transactions": []}),
    "hold": ("/holds", {"account": "@", "amount": 1, "expires_in": 60}),
    "capture": (f"/holds/{NOBODY}/capture", {"to": "@"}),
    "reversal": (f"/transactions/{NOBODY}/reversal", {"reason": "@"}),
    "proposal": ("/proposals", {"transaction": transfer(1) | {"description": "@"}}),
    "proposal line": ("/proposals", {"transaction": transfer(1, credit="@")}),
    "proposal reason": ("/proposals", {"reverses": NOBODY, "reason": "@"}),
    "assessment day": ("/assessments", {"as_of": "@"}),
    "star objection": (f"/awards/{NOBODY}/objections", {"reason": "@"}),
    "star refusal": (f"/awards/{NOBODY}/refuse", {"reason": "@"}),
    "star end": (f"/awards/{NOBODY}/end", {"reason": "@"}),
    "star decision": (f"/award-objections/{NOBODY}/decision", {"upheld": True, "decision": "@"}),
    "decline": (f"/proposals/{NOBODY}/decline", {"reason": "@"}),
    "shop code": ("/outlets", {"code": "@", "name": "n", "kind": "transport", "organisation": "street"}),
    "shop name": ("/outlets", {"code": "#", "name": "@", "kind": "transport", "organisation": "street"}),
    "organisation of a shop": ("/outlets", {"code": "#", "name": "n", "kind": "transport", "organisation": "@"}),
    "goods": ("/items", {"item": "@", "name": "n", "kind": "goods", "points": 1}),
    "goods name": ("/items", {"item": "#", "name": "@", "kind": "goods", "points": 1}),
    "goods kind": ("/items", {"item": "#", "name": "n", "kind": "@", "points": 1}),
    "first day of goods": ("/items", {"item": "#", "name": "n", "kind": "goods", "points": 1, "on_from": "@"}),
    "tag": ("/items", {"item": "#", "name": "n", "kind": "goods", "points": 1, "eligible": {"tag": "@"}}),
    "day of a price": ("/items/G-1/prices", {"points": 1, "effective_from": "@"}),
    "offer": ("/outlets/shop/offers", {"item": "@", "supply": "stock"}),
    "supply": ("/outlets/shop/offers", {"item": "G-1", "supply": "@"}),
    "receipt": ("/outlets/shop/receipts", {"item": "@", "pieces": 1, "origin": "donated"}),
    "note of a receipt": ("/outlets/shop/receipts", {"item": "G-1", "pieces": 1, "origin": "donated", "note": "@"}),
    "count": ("/outlets/shop/counts", {"items": [{"item": "@", "found": 1}]}),
    "reason of a count": ("/outlets/shop/counts", {"items": [{"item": "G-1", "found": 1}], "reason": "@"}),
    "household": ("/volunteers/V-1/household", {"household": "@"}),
    "new till": ("/outlets/shop/tills", {"name": "@"}),
    "limits day": ("/policies", {"effective_from": "@", "policy": {}}),
    "limits note": ("/policies", {"effective_from": "2099-01-01", "policy": {}, "note": "@"}),
    "limits word": ("/policies", {"effective_from": "2099-01-01", "policy": {"@": 1}}),
    "limits number": ("/policies", {"effective_from": "2099-01-01", "policy": {"free_points": "@"}}),
    "reason of a mark": ("/volunteers/V-1/marks", {"why": "@", "marked_on": "2026-01-05"}),
    "day of a mark": ("/volunteers/V-1/marks", {"why": "other", "marked_on": "@"}),
    "ladder day": ("/ladders", {"effective_from": "@", "ladder": {"levels": [{"minutes": 6}]}}),
    "ladder note": ("/ladders", {"effective_from": "2099-01-01", "ladder": {"levels": [{"minutes": 6}]}, "note": "@"}),
    "what a ladder is called": (
        "/ladders",
        {"effective_from": "2099-01-01", "ladder": {"levels": [{"minutes": 6}], "name": "@"}},
    ),
    "ladder word": ("/ladders", {"effective_from": "2099-01-01", "ladder": {"@": 1}}),
    "star": ("/ladders", {"effective_from": "2099-01-01", "ladder": {"levels": [{"minutes": 6, "title": "@"}]}}),
    "certifier": (
        "/ladders",
        {"effective_from": "2099-01-01", "ladder": {"levels": [{"minutes": 6, "certifier": "@"}]}},
    ),
    "rules day": ("/rule-sets", {"effective_from": "@", "rules": {}}),
    "rules note": ("/rule-sets", {"effective_from": "2099-01-01", "rules": {}, "note": "@"}),
    "rules item": ("/rule-sets", {"effective_from": "2099-01-01", "rules": {"items": [{"code": "@"}]}}),
    "rules names": (
        "/rule-sets",
        {
            "effective_from": "2099-01-01",
            "rules": {
                "items": [{"code": "P01", "name": "@", "category": "act", "how": "fixed", "points": 1}],
                "categories": {"@": "P01"},
            },
        },
    ),
    "rules word": ("/rule-sets", {"effective_from": "2099-01-01", "rules": {"@": 1}}),
    "trial": (
        "/rule-sets/1/trial",
        {"works": [{"day": "2026-03-05", "category": "@", "activity": "@", "qualifications": ["@"]}]},
    ),
    "trial item": ("/rule-sets/1/trial", {"works": [{"day": "@", "class": "act", "item": "@"}]}),
    "login": ("/users", {"login": "@", "role": "operator"}),
    "role": ("/users", {"login": "#", "role": "@"}),
    "organisation of a role": ("/users", {"login": "#", "role": "recorder", "organisation": "@"}),
    "volunteer": ("/users", {"login": "#", "role": "volunteer", "volunteer": "@"}),
    "outlet": ("/users", {"login": "#", "role": "merchant", "outlet": "@"}),
    "until": ("/users", {"login": "#", "role": "auditor", "until": "@"}),
    "further role": ("/roles", {"login": "@", "role": "operator"}),
    "token": ("/tokens", {"name": "@", "scopes": ["books:read"]}),
    "scope": ("/tokens", {"name": "n", "scopes": ["@"]}),
    "prefix": ("/tokens", {"name": "n", "scopes": ["books:post"], "prefixes": ["@"]}),
    "till": ("/tokens", {"name": "n", "outlet": "@"}),
    "organisation": ("/organisations", {"code": "@", "name": "n"}),
    "organisation name": ("/organisations", {"code": "#", "name": "@"}),
    "organisation level": ("/organisations", {"code": "#", "name": "n", "level": "@"}),
    "organisation status": ("/organisations/street/status", {"status": "@"}),
    "member": ("/organisations/street/members", {"volunteer": "@"}),
    "member role": ("/organisations/street/members", {"volunteer": "V-1", "role": "@"}),
    "row": ("/volunteers/batch", {"volunteers": [{"volunteer": "@"}]}),
    "organisation of a row": ("/volunteers/batch", {"volunteers": [{"volunteer": "#", "organisation": "@"}]}),
    **{
        f"{field} in a row": (
            "/volunteers/batch",
            {"volunteers": [{"volunteer": "#", "identity": {"name": "n"} | {field: "@"}}]},
        )
        for field in ("name", "phone", "id_number", "born")
    },
    "move": ("/volunteers/V-1/move", {"organisation": "@"}),
    "return": ("/volunteers/V-1/return", {"organisation": "@"}),
    "leave": ("/volunteers/V-1/leave", {"day": "@"}),
    "reason to see a guardian": ("/volunteers/V-1/guardian/reveal", {"reason": "@"}),
    "qualification": ("/volunteers/V-1/qualifications", {"name": "@", "passed_on": "2026-01-02"}),
    "day of a qualification": ("/volunteers/V-1/qualifications", {"name": "n", "passed_on": "@"}),
    "end of a qualification": (
        "/volunteers/V-1/qualifications/end",
        {"name": "@", "passed_on": "2026-01-02", "last_day": "@"},
    ),
    "organisation parent": ("/organisations", {"code": "#", "name": "n", "parent": "@"}),
    "record": ("/records", A_BACKFILL | {"record": "@"}),
    "volunteer of a record": ("/records", A_BACKFILL | {"volunteer": "@"}),
    "organisation of a record": ("/records", A_BACKFILL | {"organisation": "@"}),
    "activity of a record": ("/records", A_BACKFILL | {"activity_name": "@"}),
    "category of a record": ("/records", A_BACKFILL | {"category": "@"}),
    "evidence": ("/records", A_BACKFILL | {"evidence": "@"}),
    "sign-in of a record": ("/records", A_BACKFILL | {"check_in": "@"}),
    "item": ("/records", AN_ACT | {"item": "@"}),
    "day of an act": ("/records", AN_ACT | {"served_on": "@"}),
    "record to review": ("/records/review", {"records": ["@"], "accept": True}),
    "reason of a review": ("/records/review", {"records": ["R-1"], "accept": False, "reason": "@"}),
    "objection": ("/records/R-1/objections", {"reason": "@"}),
    "correction": ("/records/R-1/correction", {"reason": "@"}),
    "decision": (f"/objections/{NOBODY}/decision", {"upheld": True, "reason": "@"}),
    "kind of a board": ("/boards", A_BOARD | {"kind": "@"}),
    "day of a board": ("/boards", A_BOARD | {"to_day": "@"}),
    "organisation of a board": ("/boards", A_BOARD | {"organisation": "@"}),
    "target": ("/targets", A_TARGET | {"target": "@"}),
    "target name": ("/targets", A_TARGET | {"target": "#", "name": "@"}),
    "kind of a target": ("/targets", A_TARGET | {"kind": "@"}),
    "whom of a target": ("/targets", A_TARGET | {"whom": "@"}),
    "organisation of a target": ("/targets", A_TARGET | {"organisation": "@"}),
    "category of a target": ("/targets", A_TARGET | {"target": "#", "category": "@"}),
    "theme days": ("/targets", A_TARGET | {"kind": "theme_days", "amount": 1, "theme_days": ["@"]}),
    "target of honours": ("/honours/reached", {"target": "@", "year": 2026}),
    "honours": ("/honours/reached", {"target": "#", "year": 2026, "name": "@"}),
    "honour": ("/honours", {"year": 2026, "name": "@", "volunteer": "V-1"}),
    "volunteer of an honour": ("/honours", {"year": 2026, "name": "n", "volunteer": "@"}),
    "organisation of an honour": ("/honours", {"year": 2026, "name": "n", "organisation": "@"}),
    "honours to decide": ("/honours/decisions", {"honours": ["@"], "give": True}),
    "category of a board": ("/boards", A_BOARD | {"category": "@"}),
}
"""Every field of text of every call: `@` is replaced by hostile text, `#` by a name of its own."""


def filled(body: Any, hostile: str, own: str) -> Any:
    if isinstance(body, dict):
        return {name: filled(value, hostile, own) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, hostile, own) for value in body]
    return {"@": hostile, "#": own}.get(body, body) if isinstance(body, str) else body


@pytest.fixture
async def everything(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    """Somebody who may do everything that people may do."""
    return await a_user(http, database, book, *map(Grant, ("owner", "operator", "reviewer", "recorder")))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", TEXTS)
async def test_hostile_text_is_kept_as_text_or_refused(
    ledger: Caller, everything: Caller, database: AsyncEngine, field: str
) -> None:
    path, body = TEXTS[field]
    for hostile in HOSTILE:
        for caller in (ledger, everything):
            own = f"o{secrets.token_hex(6)}"
            answer = await caller.post(path, filled(body, hostile, own), secrets.token_hex(8))
            assert answer.status_code < 500, (hostile, answer.text)
            assert "json" in answer.headers["content-type"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            if answer.status_code == 201 and (name := field.rpartition(" ")[2]) in ("name", "description"):
                assert answer.json()[name] == hostile
    surrogate = json.dumps(filled(body, "half \ud83d", f"o{secrets.token_hex(6)}")).encode()
    for caller in (ledger, everything):
        answer = await caller.post_raw(path, surrogate, secrets.token_hex(8))
        assert answer.status_code in (400, 403), answer.text
    async with database.connect() as tx:
        assert (await tx.execute(select(func.count()).select_from(text("users")))).scalar_one() > 0


@pytest.mark.parametrize("field", ["login", "password", "book", "new_password", "device"])
async def test_hostile_text_signs_nobody_in(
    application: Litestar, database: AsyncEngine, book: Book, field: str
) -> None:
    her = await a_person(database, book, Grant("reviewer"))
    async with at(application, f"10.2.0.{secrets.randbelow(250)}") as http:
        for hostile in HOSTILE:
            answer = await sign_in(http, her, **({"password": "not hers"} | {field: hostile}))
            assert answer.status_code in (400, 401, 429), (hostile, answer.text)
        half = json.dumps({"login": "x", "password": "y", field: "half \ud83d"}).encode()
        answer = await http.post("/api/v1/sessions", content=half, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400


ADDRESSES = [
    "/accounts/{}",
    "/accounts/{}/balance",
    "/accounts/{}/entries",
    "/accounts/2100.a/balance?at={}",
    "/accounts/2100.a/balance?known_at={}",
    "/accounts/2100.a/entries?limit={}",
    "/accounts/2100.a/entries?after={}",
    "/lapsing?after={}",
    "/lapsing?after=2026-01-01_{}",
    "/lapsing?limit={}",
    "/stars?after={}",
    "/stars?as_of={}",
    "/stars?as_of=2026-01-01&rules_on={}",
    "/stars?known_at={}",
    "/volunteers/{}/stars",
    "/organisations?after={}",
    "/organisations/{}",
    "/organisations/{}/members",
    "/organisations/street/members?after={}",
    "/volunteers/{}/guardian",
    "/volunteers/{}/qualifications",
    "/organisations?limit={}",
    "/roles?after={}",
    "/roles?limit={}",
    "/tokens?after={}",
    "/transactions/{}",
    "/holds/{}",
    "/proposals/{}",
]
ODD = [
    *("%00", "%27%3BDROP%20TABLE%20users", "%3Cscript%3E", "%ED%A0%80", "%FF", "..%2F..", "%E2%80%AE", "x" * 3000),
    *("-1", "0", "99999999999", "9" * 30, "1e5", "NaN", "2026-02-30", "", "%20", "+1", "１"),
]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_odd_addresses_are_refused_or_answered(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, ledger: Caller, everything: Caller, address: str
) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")
    narrow = await a_user(http, database, book, Grant("owner", "street"), Grant("reviewer", "street"))
    for odd in ODD:
        for caller in (everything, narrow):
            answer = await caller.get(address.format(odd))
            assert answer.status_code in (200, 400, 403, 404, 405), (odd, answer.text)
            assert "json" in answer.headers["content-type"]


@pytest.mark.parametrize("path", ["/roles/{}", "/tokens/{}"])
async def test_odd_numbers_in_addresses_are_not_there(everything: Caller, path: str) -> None:
    for odd in ("0", "-1", "9" * 9, "9" * 10, "9" * 30, "x", "%00", "1.5"):
        url = f"/api/v1/books/{everything.book}{path.format(odd)}"
        answer = await everything.http.delete(url, headers=bearer(everything.token))
        assert answer.status_code in (400, 404), (odd, answer.text)


# --- fields -----------------------------------------------------------------------------------------------------------

GIVEN: dict[str, Any] = {
    "/api/v1/sessions": {"login": "x", "password": "y"},
    "/api/v1/sessions/refresh": {"refresh_token": "x"},
    "/api/v1/me/password": {"current": "x", "new": "y"},
    **{f"/api/v1/books/@{path}": filled(body, "x", "o") for path, body in TEXTS.values()},
}


@pytest.mark.parametrize("path", GIVEN)
async def test_a_field_that_the_call_does_not_know_is_refused(everything: Caller, path: str) -> None:
    for name in (
        "actor",
        "approver",
        "client",
        "is_admin",
        "user_id",
        "book_id",
        "must_change",
        "made_by",
        "__class__",
    ):
        answer = await everything.http.post(
            path.replace("@", everything.book),
            json=GIVEN[path] | {name: 1},
            headers=bearer(everything.token) | {"Idempotency-Key": "k"},
        )
        assert code_of(answer) == "400 invalid_request", (name, answer.text)


@pytest.mark.parametrize("amount", ["5", 5.0, "5.0", 5.5, True, None, [5], {"n": 5}, 0, -5, 10**15 + 1, 10**40])
async def test_what_is_no_whole_number_is_no_amount(ledger: Caller, everything: Caller, amount: Any) -> None:
    items = {"mode": "each", "transactions": [transfer(amount) | {"key": "k"}]}
    hold = {"account": "2100.a", "amount": amount, "expires_in": 60}
    answers = [
        await ledger.post("/transactions", transfer(amount), "k1"),
        await ledger.post("/holds", hold, "k2"),
        await ledger.post("/holds", hold | {"amount": 1, "expires_in": amount}, "k3"),
        await everything.post("/proposals", {"transaction": transfer(amount)}, "k4"),
        await everything.post("/tokens", {"name": "n", "scopes": ["books:read"], "expires_in_days": amount}),
    ]
    assert {code_of(answer) for answer in answers} == {"400 invalid_request"}
    batch = await ledger.post("/transactions/batch", items)
    refused = code_of(batch) == "400 invalid_request"
    assert refused or batch.json()["outcomes"][0]["problem"]["code"] == "invalid_request"


async def test_a_name_that_stands_twice_is_refused(everything: Caller) -> None:
    answer = await everything.post_raw("/users", b'{"login": "a", "role": "recorder", "role": "owner"}')
    assert code_of(answer) == "400 invalid_request"


# --- secrets ----------------------------------------------------------------------------------------------------------


async def test_secrets_are_neither_logged_nor_told_in_errors(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, new = "wrong-secret-7391", "new-secret-8412"
    with capture_logs() as logs:
        her = await a_volunteer(database, book)
        owner = await a_person(database, book, Grant("owner"))
        given = await tokens_of(http, owner)
        caller = Caller(http, book.code, given["access_token"])
        key = (await caller.post("/tokens", {"name": "n", "scopes": ["books:read"]})).json()["secret"]
        made = (await caller.post("/users", {"login": f"z-{book.code}", "role": "operator"})).json()["password"]
        answers = [
            await sign_in(http, owner, password=wrong),
            await sign_in(http, her, password="846153"),
            await sign_in(http, owner, password=[wrong]),
            await sign_in(http, owner, password=wrong * 30),
            await http.post("/api/v1/sessions", content=f'{{"password": "{wrong}'.encode()),
            await http.post("/api/v1/me/password", json={"current": wrong, "new": new}, headers=bearer(caller.token)),
            await http.post("/api/v1/me/password", json={"current": PASSWORD, "new": "kurz"}, headers=bearer(key)),
            await refresh(http, given["access_token"]),
            await Caller(http, book.code, key[:-1]).get("/periods"),
            await Caller(http, book.code, key).get("/roles"),
        ]

        async def broken(*_: object) -> None:
            raise RuntimeError(f"{wrong} {PASSWORD} {key}")

        monkeypatch.setattr(users, "verify", broken)
        answers.append(await sign_in(http, owner))
        monkeypatch.undo()
        spent = (await refresh(http, given["refresh_token"])).json()
        answers.append(await refresh(http, given["refresh_token"]))
    told = [repr(logs), *(answer.text + repr(answer.headers) for answer in answers)]
    assert any(line.get("event") == "internal_error" for line in logs), "the broken one is there"
    for secret in (
        *(wrong, new, "846153", PIN, PASSWORD, key, made, KEY, given["access_token"], given["refresh_token"]),
        *(spent["access_token"], spent["refresh_token"]),
    ):
        assert not [text for text in told if secret in text], secret


def test_secrets_stand_in_no_repr() -> None:
    settings = dataclasses.replace(
        SETTINGS, database_url="postgresql://meide:hidden@db/x", owner_url="postgresql://o:hidden@db/x"
    )
    given = auth.SignIn("wang", "hidden", "10.0.0.1", "API", browser=False, new_secret="hidden")
    candidate = users.Candidate(users.User(1, "wang"), None, "hidden", "hidden")
    for shown in (settings, given, candidate, WrongPassword()):
        assert "hidden" not in repr(shown) + str(shown)
    assert KEY not in repr(settings)


async def test_no_secret_travels_in_an_address(application: Litestar) -> None:
    named = json.dumps(application.openapi_schema.to_schema())
    document = json.loads(named)
    parameters = [
        parameter["name"].lower()
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
    ]
    assert parameters
    assert not [name for name in parameters if any(word in name for word in ("password", "secret", "pin", "refresh"))]


async def test_roles_do_not_come_back_by_an_old_token(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    him = await a_person(database, book, Grant("operator"))
    given = await tokens_of(http, him)
    async with database.begin() as tx:
        [role] = (await tx.execute(select(roles.c.role_id).where(roles.c.user_id == him.user_id))).scalars()
        await users.end_role(tx, book.book_id, role, "room:test", auth.now())
        await sessions.end_all(tx, him.user_id, auth.now(), "role_ended", book_id=book.book_id)
        await users.give(tx, him.user_id, book.book_id, Grant("recorder"), "room:test")
    assert code_of(await Caller(http, book.code, given["access_token"]).get("/periods")) == "401 session_ended"
    assert code_of(await refresh(http, given["refresh_token"])) == "401 session_ended"
