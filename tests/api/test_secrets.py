"""What nobody gets to see: the sample district in full use, and its database and its log searched for its people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import structlog

from api import demo, keys
from api.app import create_app
from ledger.access import users
from ledger.access.identities import FIELDS
from ledger.database import connect
from tests import leaks
from tests.access.test_erasure import dump
from tests.api.conftest import SETTINGS
from tests.conftest import SERVICE, Server
from tests.pages.people import token_of

BOOK = f"/api/v1/books/{demo.BOOK}"


@pytest.fixture
def place(server: Server, template: str) -> Iterator[str]:
    """A database of the test's own, migrated and empty."""
    name = server.new_database(template)
    yield name
    server.drop_database(name)


async def test_the_district_in_full_use_leaves_no_secret_in_its_database_nor_in_its_log(
    server: Server, place: str, tmp_path: Path
) -> None:
    personal = keys.personal(SETTINGS)
    logins = await demo.fill(server.url(SERVICE, place), tmp_path, personal, lambda _: None)
    engine = connect.to(server.url(SERVICE, place))
    transport = httpx.ASGITransport(create_app(SETTINGS, engine), raise_app_exceptions=False)
    found: set[str] = {each.password for each in logins}
    try:
        with structlog.testing.capture_logs() as log:
            async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as http:
                found |= await use(http, logins)
        everything = dump(server, engine)
    finally:
        await engine.dispose()
    lines = json.dumps(log, ensure_ascii=False, default=str)
    assert len(found) > 4 * demo.VOLUNTEERS
    assert demo.NAME in everything, "what is stored in plain is found"
    assert '"route": "/api/v1/books/{book}/volunteers/{volunteer}"' in lines
    for secret in found:
        if users.PIN.fullmatch(secret):  # six digits stand in times and numbers by chance
            told = re.compile(rf"(?<![0-9.]){secret}(?![0-9])")
            assert not told.search("\n".join(row for row in everything.splitlines() if "$argon2id$" in row))
            assert f'"{secret}"' not in lines
            continue
        assert secret not in lines
        assert secret not in everything
        assert secret.encode().hex() not in everything


async def use(http: httpx.AsyncClient, logins: list[demo.Login]) -> set[str]:
    """Does what people do, and what they do wrong; answers every secret that came up."""
    found: set[str] = set()
    tokens: dict[str, dict[str, str]] = {}
    for each in logins:
        wrong = {"login": each.login, "password": each.password[::-1] + "x"}
        assert (await http.post("/api/v1/sessions", json=wrong)).status_code == 401
        answer = await http.post("/api/v1/sessions", json={"login": each.login, "password": each.password})
        session = answer.json()
        found |= {session["access_token"], session["refresh_token"]}
        renewed = await http.post("/api/v1/sessions/refresh", json={"refresh_token": session["refresh_token"]})
        found |= {renewed.json()["access_token"], renewed.json()["refresh_token"]}
        tokens[each.login] = {"Authorization": f"Bearer {session['access_token']}"}
        page = await http.get("/sign-in")
        form = {"login": each.login, "password": each.password, "_csrf_token": token_of(page.text)}
        signed_in = await http.post("/sign-in", data=form)
        found.add(signed_in.cookies["meide_session"])
        await http.get("/")
        http.cookies.clear()
    owner, reviewer, recorder = tokens["owner"], tokens["reviewer"], tokens["recorder"]
    for number in range(1, demo.VOLUNTEERS + 1):
        path = f"{BOOK}/volunteers/370000{number:06d}"
        body = {"fields": list(FIELDS), "reason": "核对领奖人"}
        her = (await http.post(f"{path}/reveal", json=body, headers=reviewer)).json()
        found |= {her["name"], her["phone"], her["id_number"]}
        assert (await http.get(path, headers=reviewer)).status_code == 200
    one = "王建国"
    assert one in found
    for where in (f"/{quote(one)}", f"{BOOK}/volunteers/{quote(one)}", f"{BOOK}/access-log?volunteer={quote(one)}"):
        await http.get(where, headers=owner)
    for body in ({"phone": her["phone"]}, {"id_number": her["id_number"]}, {"phone": one}, {one: one}):
        await http.post(f"{BOOK}/volunteers/search", json=body, headers=reviewer)
    identity = {"name": one, "phone": her["phone"], "id_number": her["id_number"][:-1] + "0"}
    new = {"volunteer": "9", "organisation": demo.TEAMS[0], "identity": identity}
    assert (await http.post(f"{BOOK}/volunteers", json=new, headers=recorder)).status_code == 400
    new |= {"identity": identity | {"id_number": None}, "sign_in": True}
    registered = (await http.post(f"{BOOK}/volunteers", json=new, headers=recorder)).json()
    found.add(registered["pin"])
    assert registered["pin"] not in str(await http.get(f"{BOOK}/volunteers/9", headers=recorder))
    found.add((await http.post(f"{BOOK}/volunteers/9/card", headers=recorder)).json()["digits"])
    asked = (await http.post(f"{BOOK}/volunteers/9/pin-renewal", headers=recorder)).json()
    assert (await http.post(f"{BOOK}/pin-renewals/{asked['id']}/confirm", headers=reviewer)).status_code == 200
    token = {"name": "machine", "scopes": ["books:post"], "prefixes": ["2"], "expires_in_days": 1}
    found.add((await http.post(f"{BOOK}/tokens", json=token, headers=owner)).json()["secret"])
    assert (await http.get("/api/v1/me/export", headers=tokens["wang"])).json()["person"]["name"] == one
    return found


def test_a_line_of_a_log_that_tells_a_secret_is_found_and_no_other() -> None:
    told = [
        "2026-11-22 06:42:16 [info     ] request  client=王建国",
        '{"event": "request", "phone": "13800138000"}',
        '{"event": "x", "token": "mt_' + "a" * 43 + '"}',
        "2026-11-22 06:42:16 [warning  ] 370101195006150011",
    ]
    fine = [
        "王建国 13800138000",
        '{"event": "request", "request_id": "13800138000abcdef", "milliseconds": 1.13800138000}',
        "2026-11-22 06:42:16 [info     ] request  client=user route=/books/{book}",
    ]
    assert list(leaks.in_log("\n".join([*told, *fine]))) == told
