"""Signing in and out over HTTP: passwords, PINs, refresh tokens, devices, several books, roles that come and go."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access import users
from ledger.access.rights import Grant
from ledger.books.directory import Book
from tests.api.conftest import PASSWORD, Caller, a_user
from tests.api.people import (
    PIN,
    Person,
    a_person,
    a_volunteer,
    bearer,
    caller,
    code_of,
    me,
    refresh,
    sign_in,
    tokens_of,
)
from tests.books.ledgers import until_blocked_by
from tests.conftest import new_book

NEW = "another password"


@pytest.fixture
async def her(database: AsyncEngine, book: Book) -> Person:
    return await a_person(database, book, Grant("reviewer"))


async def delete(http: httpx.AsyncClient, token: str, path: str) -> httpx.Response:
    return await http.delete(f"/api/v1{path}", headers=bearer(token))


async def change(http: httpx.AsyncClient, token: str, current: str, new: str) -> httpx.Response:
    body = {"current": current, "new": new}
    return await http.post("/api/v1/me/password", json=body, headers=bearer(token))


# --- in and out -------------------------------------------------------------------------------------------------------


async def test_a_session_says_who_she_is_and_what_she_may(http: httpx.AsyncClient, her: Person, book: Book) -> None:
    given = await tokens_of(http, her)
    assert given.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 900)
    assert (await me(http, given["access_token"])).json() == {
        "login": her.name,
        "book": book.code,
        "roles": [{"role": "reviewer", "organisation": None, "outlet": None, "until": None}],
        "volunteer": None,
        "must_change_password": False,
    }


async def test_a_volunteer_signs_in_with_her_number_and_pin(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    her = await a_volunteer(database, book)
    for about in ({}, {"book": book.code}):
        shown = (await me(http, (await tokens_of(http, her, **about))["access_token"])).json()
        assert (shown["login"], shown["volunteer"], shown["book"]) == (None, her.name, book.code)


async def test_signing_out_ends_this_device_at_once_and_no_other(http: httpx.AsyncClient, her: Person) -> None:
    here, there = await tokens_of(http, her), await tokens_of(http, her)
    assert (await delete(http, here["access_token"], "/sessions")).status_code == 204
    assert code_of(await me(http, here["access_token"])) == "401 session_ended"
    assert code_of(await delete(http, here["access_token"], "/sessions")) == "401 session_ended"
    assert code_of(await refresh(http, here["refresh_token"])) == "401 session_ended"
    assert (await me(http, there["access_token"])).status_code == 200


async def test_a_refresh_gives_the_next_pair(http: httpx.AsyncClient, her: Person) -> None:
    given = await tokens_of(http, her)
    for _ in range(3):
        answer = await refresh(http, given["refresh_token"])
        assert answer.status_code == 200
        assert answer.json()["refresh_token"] != given["refresh_token"]
        given = answer.json()
        assert (await me(http, given["access_token"])).status_code == 200


async def test_a_refresh_token_that_comes_again_ends_the_sign_in(http: httpx.AsyncClient, her: Person) -> None:
    first = await tokens_of(http, her)
    second = (await refresh(http, first["refresh_token"])).json()
    assert code_of(await refresh(http, first["refresh_token"])) == "401 session_ended"
    assert code_of(await refresh(http, second["refresh_token"])) == "401 session_ended"
    for token in (first, second):
        assert code_of(await me(http, token["access_token"])) == "401 session_ended"


async def test_a_refresh_token_that_comes_twice_at_once_is_good_once_and_ends_the_sign_in(
    http: httpx.AsyncClient, her: Person
) -> None:
    given = await tokens_of(http, her)
    answers = await asyncio.gather(*(refresh(http, given["refresh_token"]) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    assert code_of(await me(http, given["access_token"])) == "401 session_ended"


# --- devices ----------------------------------------------------------------------------------------------------------


async def devices(http: httpx.AsyncClient, token: str) -> list[dict[str, Any]]:
    answer = await http.get("/api/v1/me/devices", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_she_sees_her_devices_and_signs_one_out(http: httpx.AsyncClient, her: Person) -> None:
    here = await tokens_of(http, her, device="the platform")
    there = await tokens_of(http, her)
    shown = await devices(http, here["access_token"])
    assert {(each["label"], each["browser"], each["this"]) for each in shown} == {
        ("the platform", False, True),
        ("API", False, False),
    }
    [other] = [each["id"] for each in shown if not each["this"]]
    assert (await delete(http, here["access_token"], f"/me/devices/{other}")).status_code == 204
    assert code_of(await delete(http, here["access_token"], f"/me/devices/{other}")) == "404 unknown_device"
    assert code_of(await me(http, there["access_token"])) == "401 session_ended"
    assert len(await devices(http, here["access_token"])) == 1


async def test_nobody_signs_out_somebody_elses_device(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, her: Person
) -> None:
    hers = (await tokens_of(http, her))["access_token"]
    [device] = await devices(http, hers)
    him = await a_user(http, database, book, Grant("owner"))
    assert code_of(await delete(http, him.token, f"/me/devices/{device['id']}")) == "404 unknown_device"
    assert (await me(http, hers)).status_code == 200


async def test_she_signs_all_devices_out_at_once(http: httpx.AsyncClient, her: Person) -> None:
    given = [(await tokens_of(http, her))["access_token"] for _ in range(3)]
    answer = await delete(http, given[0], "/me/sessions")
    assert (answer.status_code, answer.json()) == (200, {"ended": 3})
    assert {code_of(await me(http, token)) for token in given} == {"401 session_ended"}


# --- passwords --------------------------------------------------------------------------------------------------------


async def test_a_changed_password_signs_all_other_devices_out(http: httpx.AsyncClient, her: Person) -> None:
    here, there = await tokens_of(http, her), await tokens_of(http, her)
    assert (await change(http, here["access_token"], PASSWORD, NEW)).status_code == 204
    assert (await me(http, here["access_token"])).status_code == 200
    assert code_of(await me(http, there["access_token"])) == "401 session_ended"
    assert code_of(await refresh(http, there["refresh_token"])) == "401 session_ended"
    assert code_of(await sign_in(http, her)) == "401 wrong_password"
    assert (await sign_in(http, her, password=NEW)).status_code == 200


async def test_a_wrong_current_password_changes_nothing_and_counts(http: httpx.AsyncClient, her: Person) -> None:
    token = (await tokens_of(http, her))["access_token"]
    wrong = [code_of(await change(http, token, "not hers", NEW)) for _ in range(7)]
    assert wrong == ["401 wrong_password"] * 6 + ["429 too_many_attempts"]
    assert code_of(await change(http, token, PASSWORD, NEW)) == "429 too_many_attempts"


@pytest.mark.parametrize(
    ("new", "field", "problem"),
    [
        ("7 chars", "password", "too_short"),
        ("123456", "pin", "too_easy"),
        (PASSWORD, "new", "same_as_before"),
    ],
)
async def test_a_password_that_is_none_is_refused_with_what_is_wrong_with_it(
    http: httpx.AsyncClient, her: Person, new: str, field: str, problem: str
) -> None:
    token = (await tokens_of(http, her))["access_token"]
    answer = await change(http, token, PASSWORD, new)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": field, "problem": problem}]
    assert new not in answer.text
    assert (await sign_in(http, her)).status_code == 200


async def test_what_somebody_else_has_seen_opens_nothing_but_its_own_change(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    him = await a_person(database, book, Grant("operator"), Grant("owner"), seen=True)
    assert code_of(await sign_in(http, him)) == "403 change_needed"
    same = await sign_in(http, him, new_password=PASSWORD)
    assert same.json()["errors"] == [{"field": "new_password", "problem": "same_as_before"}]
    assert code_of(await sign_in(http, him)) == "403 change_needed"
    token = (await tokens_of(http, him, new_password=NEW))["access_token"]
    assert (await me(http, token)).json()["must_change_password"] is False
    assert code_of(await sign_in(http, him)) == "401 wrong_password"
    assert (await sign_in(http, him, password=NEW)).status_code == 200


async def test_a_pin_that_staff_handed_over_opens_nothing_after_she_chose_a_password(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    her = await a_volunteer(database, book, seen=True)
    await tokens_of(http, her, new_password=NEW)
    assert code_of(await sign_in(http, her)) == "401 wrong_password"
    assert (await sign_in(http, her, password=NEW)).status_code == 200


async def test_whose_password_somebody_has_seen_meanwhile_may_only_change_it_from_the_next_refresh(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, her: Person
) -> None:
    given = await tokens_of(http, her)
    async with database.begin() as tx:
        await users.change_secret(tx, her.user_id, NEW, seen=True)
    given = (await refresh(http, given["refresh_token"])).json()
    token = given["access_token"]
    assert (await me(http, token)).json()["must_change_password"] is True
    reviewer = Caller(http, book.code, token)
    for answer in (await reviewer.get("/proposals"), await http.get("/api/v1/me/devices", headers=bearer(token))):
        assert code_of(answer) == "403 change_needed"
    assert (await change(http, token, NEW, "a third password")).status_code == 204
    given = (await refresh(http, given["refresh_token"])).json()
    assert (await Caller(http, book.code, given["access_token"]).get("/proposals")).status_code == 200


async def test_who_signs_in_with_the_old_password_while_it_is_changed_is_wrong(
    http: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    async with database.begin() as tx:
        await users.change_secret(tx, her.user_id, NEW)
        entering = asyncio.create_task(sign_in(http, her))
        await until_blocked_by(database, tx)  # his password was looked at and right
    assert code_of(await entering) == "401 wrong_password"


# --- several books ----------------------------------------------------------------------------------------------------


async def test_who_has_roles_in_two_books_signs_in_to_one_and_goes_on_in_the_other(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, her: Person
) -> None:
    other = await new_book(database)
    async with database.begin() as tx:
        await users.give(tx, her.user_id, other.book_id, Grant("owner"), "room:test")
    assert (await me(http, (await tokens_of(http, her))["access_token"])).json()["book"] == book.code
    assert (await me(http, (await tokens_of(http, her, book=other.code))["access_token"])).json()["book"] == other.code

    here = await tokens_of(http, her, book=book.code)
    there = (await refresh(http, here["refresh_token"], book=other.code)).json()
    shown = (await me(http, there["access_token"])).json()
    assert (shown["book"], [role["role"] for role in shown["roles"]]) == (other.code, ["owner"])
    assert code_of(await me(http, here["access_token"])) == "401 session_ended", "the device has left this book"
    back = (await refresh(http, there["refresh_token"], book=book.code)).json()
    assert (await me(http, back["access_token"])).json()["book"] == book.code


async def test_a_book_in_which_she_is_nobody_is_refused_and_costs_nothing(
    http: httpx.AsyncClient, database: AsyncEngine, her: Person
) -> None:
    other = await new_book(database)
    given = await tokens_of(http, her)
    for code in (other.code, "nowhere", "", "\x00", "' OR 1=1 --"):
        assert code_of(await sign_in(http, her, book=code)) == "403 not_allowed"
        assert code_of(await refresh(http, given["refresh_token"], book=code)) == "403 not_allowed"
    assert (await refresh(http, given["refresh_token"])).status_code == 200


async def test_a_role_that_ends_where_she_was_before_does_not_live_on_in_an_old_token(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    other = await new_book(database)
    him = await a_person(database, book, Grant("operator"))
    async with database.begin() as tx:
        await users.give(tx, him.user_id, other.book_id, Grant("operator"), "room:test")
    here = await tokens_of(http, him, book=book.code)
    await refresh(http, here["refresh_token"], book=other.code)
    owner = await a_user(http, database, book, Grant("owner"))
    assert (await end_role(owner, await role_of(owner, him))).status_code == 204
    assert code_of(await Caller(http, book.code, here["access_token"]).get("/periods")) == "401 session_ended"


# --- roles ------------------------------------------------------------------------------------------------------------


async def role_of(owner: Caller, person: Person, role: str | None = None) -> int:
    items = (await owner.get("/roles?limit=200")).json()["items"]
    [found] = [each["id"] for each in items if each["user"] == person.user_id and role in (None, each["role"])]
    assert isinstance(found, int)
    return found


async def end_role(owner: Caller, role: int) -> httpx.Response:
    return await owner.http.delete(f"/api/v1/books/{owner.book}/roles/{role}", headers=bearer(owner.token))


@pytest.fixture
async def owner(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("owner"))


async def test_a_role_that_is_given_counts_from_the_next_refresh(
    http: httpx.AsyncClient, owner: Caller, book: Book, her: Person
) -> None:
    given = await tokens_of(http, her)
    answer = await owner.post("/roles", {"login": her.name.upper(), "role": "operator", "until": "2099-12-31"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["user"] == her.user_id
    assert (
        code_of(await Caller(http, book.code, given["access_token"]).post("/proposals", {}, "k")) == "403 not_allowed"
    )
    given = (await refresh(http, given["refresh_token"])).json()
    roles_now = (await me(http, given["access_token"])).json()["roles"]
    assert [(each["role"], each["until"]) for each in roles_now] == [("reviewer", None), ("operator", "2099-12-31")]


async def test_a_role_that_is_taken_back_signs_its_holder_out_at_once(
    http: httpx.AsyncClient, database: AsyncEngine, owner: Caller, book: Book
) -> None:
    him = await a_person(database, book, Grant("operator"), Grant("auditor", until=auth.today()))
    given = await tokens_of(http, him)
    assert (await end_role(owner, await role_of(owner, him, "operator"))).status_code == 204
    assert code_of(await me(http, given["access_token"])) == "401 session_ended"
    assert code_of(await refresh(http, given["refresh_token"])) == "401 session_ended"
    again = await tokens_of(http, him)
    assert [each["role"] for each in (await me(http, again["access_token"])).json()["roles"]] == ["auditor"]
    assert (await end_role(owner, await role_of(owner, him))).status_code == 204
    assert code_of(await sign_in(http, him)) == "403 not_allowed"


async def test_nobody_takes_back_his_own_role(owner: Caller, http: httpx.AsyncClient) -> None:
    [own] = (await owner.get("/roles")).json()["items"]
    assert code_of(await end_role(owner, own["id"])) == "403 second_person_needed"
    assert (await me(http, owner.token)).status_code == 200


async def test_a_role_holds_until_the_end_of_its_day_whatever_the_token_says(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = auth.today()
    him = await a_person(database, book, Grant("auditor", until=today))
    given = await tokens_of(http, him)
    auditor = Caller(http, book.code, given["access_token"])
    assert (await auditor.get("/periods")).status_code == 200
    monkeypatch.setattr(auth, "today", lambda: today + timedelta(days=1))
    assert code_of(await auditor.get("/periods")) == "403 not_allowed"
    assert code_of(await refresh(http, given["refresh_token"])) == "401 session_ended"
    assert code_of(await sign_in(http, him)) == "403 not_allowed"


async def test_who_holds_only_a_role_whose_day_is_over_cannot_come_in(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    her = await a_person(database, book, Grant("reviewer", until=auth.today() - timedelta(days=1)))
    assert code_of(await sign_in(http, her)) == "403 not_allowed"


# --- letting people in ------------------------------------------------------------------------------------------------


async def test_a_new_user_chooses_a_password_of_his_own_at_once(
    http: httpx.AsyncClient, owner: Caller, book: Book
) -> None:
    made = await owner.post("/users", {"login": f"New-{book.code}", "role": "operator"})
    assert made.status_code == 201, made.text
    him = Person(made.json()["user"], made.json()["login"], made.json()["password"])
    assert him.name == f"new-{book.code}".lower()
    assert code_of(await sign_in(http, him)) == "403 change_needed"
    assert (await sign_in(http, him, new_password=NEW)).status_code == 200


async def test_a_new_volunteer_gets_a_pin_for_her_number(
    http: httpx.AsyncClient, database: AsyncEngine, owner: Caller, book: Book
) -> None:
    assert code_of(await owner.post("/users", {"role": "volunteer", "volunteer": "V-1"})) == "404 unknown_volunteer"
    await a_volunteer(database, book, "V-2")
    assert code_of(await owner.post("/users", {"role": "volunteer", "volunteer": "V-2"})) == "409 number_has_user"
    person = await a_volunteer(database, book, "V-1")
    assert (await end_role(owner, await role_of(owner, person))).status_code == 204
    made = await owner.post("/users", {"role": "volunteer", "volunteer": "V-1"})
    her = Person(made.json()["user"], "V-1", made.json()["password"])
    assert users.PIN.fullmatch(her.secret)
    assert (await sign_in(http, her, book=book.code, new_password=PIN)).status_code == 200


async def test_what_a_token_carries_is_no_secret(http: httpx.AsyncClient, her: Person) -> None:
    given = await tokens_of(http, her)
    claims = jwt.decode(given["access_token"], options={"verify_signature": False})
    assert claims.keys() == {
        *("sub", "aud", "iat", "exp", "auth_time", "sid", "login", "book", "book_id", "must_change", "grants"),
    }


async def test_a_caller_reads_the_books_of_his_session(http: httpx.AsyncClient, book: Book, her: Person) -> None:
    answer = await http.get("/api/v1/books", headers=bearer((await caller(http, book, her)).token))
    assert [each["code"] for each in answer.json()["items"]] == [book.code]
