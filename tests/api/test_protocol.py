"""What strangers may send to the port: too slow, too much, malformed, forged. Real connections, byte by byte."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import uvicorn
from litestar import Litestar, _parsers, post

from api import protocol, serving
from api.app import create_app
from api.requests import StrictRequest
from api.settings import Settings
from ledger.database import connect
from tests.api.conftest import SETTINGS, Caller

GET = b"GET /healthz HTTP/1.1\r\nHost: meide.test\r\n"
SIGN_IN = b"POST /api/v1/sessions HTTP/1.1\r\nHost: meide.test\r\nContent-Type: application/json\r\n"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of a problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        return str(problem["code"])


@dataclass
class Connection:
    """One connection to the service."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split()[1]), headers, body)

    async def last_answer(self) -> Answer:
        """The answer after which the service hangs up."""
        answer = await self.answer()
        assert await self.rest() == b""
        return answer

    async def rest(self) -> bytes:
        """What comes until the service hangs up."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""

    async def dribble(self, data: bytes) -> bytes:
        """Sends the same again and again until the service hangs up; what it said."""
        said = b""
        while True:
            try:
                await self.send(data)
                async with asyncio.timeout(0.02):
                    if not (more := await self.reader.read(1 << 16)):
                        return said
                    said += more
            except TimeoutError:
                continue
            except ConnectionError:
                return said


@asynccontextmanager
async def listening(application: Any, settings: Settings = SETTINGS) -> AsyncIterator[int]:
    """The application behind uvicorn as it is served, on the port given; it is in this process, so that limits can be
    shortened."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(application, **serving.protocol(settings)))
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def port(service_url: str) -> AsyncIterator[int]:
    async with listening(create_app(SETTINGS, connect.to(service_url))) as taken:
        yield taken


@asynccontextmanager
async def connected(port: int, first: bytes = b"") -> AsyncIterator[Connection]:
    connection = Connection(*await asyncio.open_connection("127.0.0.1", port))
    try:
        await connection.send(first)
        yield connection
    finally:
        connection.writer.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_WITHIN", 0.3)
    monkeypatch.setattr(protocol, "BODY_WITHIN", 0.3)


# --- too slow --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("part", [b"G", b"GET /heal", GET, GET + b"X-Long: a"])
async def test_a_head_that_does_not_end_is_cut_off_and_told_so(port: int, part: bytes) -> None:
    async with connected(port, part) as connection:
        answer = await connection.last_answer()
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert answer.headers["connection"] == "close"


@pytest.mark.usefixtures("impatient")
async def test_who_sends_a_byte_now_and_then_gets_no_more_time(port: int) -> None:
    async with connected(port, GET + b"X-Long: ") as connection:
        assert b"request_timeout" in await connection.dribble(b"a")
    for start, more in ((SIGN_IN + b"Content-Length: 60000\r\n\r\n", b" "), (b"\r\n", b"\r\n")):
        async with connected(port, start) as connection:
            await connection.dribble(more)


@pytest.mark.usefixtures("impatient")
async def test_a_connection_on_which_nothing_is_said_ends_without_a_word(port: int) -> None:
    async with connected(port) as connection:
        assert await connection.rest() == b""


@pytest.mark.usefixtures("impatient")
async def test_the_second_head_of_a_connection_has_its_time_too(port: int) -> None:
    async with connected(port, GET + b"\r\n") as connection:
        assert (await connection.answer()).status == 200
        await connection.send(GET)
        assert (await connection.last_answer()).code == "request_timeout"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("announced", [b"Content-Length: 99\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
async def test_a_body_that_does_not_end_is_answered_like_any_other_refusal_and_cut_off(
    port: int, announced: bytes
) -> None:
    async with connected(port, SIGN_IN + b"Accept-Language: en\r\n" + announced) as connection:
        answer = await connection.last_answer()
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert "took too long" in answer.body.decode()
        assert answer.headers["x-request-id"]
        assert answer.headers["content-security-policy"]


@pytest.mark.usefixtures("impatient")
async def test_a_form_that_does_not_end_is_cut_off(port: int) -> None:
    head = b"POST /sign-in HTTP/1.1\r\nHost: meide.test\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    async with connected(port, head + b"Content-Length: 99\r\n\r\nlogin=") as connection:
        assert (await connection.last_answer()).status == 408


@pytest.mark.usefixtures("impatient")
async def test_an_answer_may_take_longer_than_a_request() -> None:
    loop = asyncio.get_running_loop()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for what in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{what}.complete"})
            return
        body = (await receive())["body"]
        decided = asyncio.Event()
        loop.call_later(1, decided.set)
        await decided.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": body})

    async with listening(slow) as port, connected(port, SIGN_IN + b"Content-Length: 2\r\n\r\n{}") as connection:
        assert (await connection.answer()).body == b"{}"


async def test_hundreds_who_never_finish_do_not_keep_others_waiting(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_WITHIN", 3)  # who comes with a whole head among hundreds is not cut off

    async def never_finishes() -> Answer:
        async with connected(port, GET) as connection:
            begun.release()
            return await connection.last_answer()

    begun = asyncio.Semaphore(0)
    crowd = [asyncio.create_task(never_finishes()) for _ in range(300)]
    for _ in crowd:
        await begun.acquire()
    async with connected(port, GET + b"\r\n") as connection:
        assert (await connection.answer()).status == 200
    assert {answer.status for answer in await asyncio.gather(*crowd)} == {408}


# --- too much --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", [b"X-Long: " + b"a" * 70_000, b"\r\n".join(b"X-%d: %s" % (n, b"a" * 20) for n in range(5_000))]
)
async def test_a_head_that_is_too_large_is_refused(port: int, header: bytes) -> None:
    async with connected(port, GET + header + b"\r\n\r\n") as connection:
        assert (await connection.last_answer()).code == "head_too_large"


async def test_a_head_without_end_is_refused_before_its_time_is_over(port: int) -> None:
    async with connected(port, GET) as connection:
        assert b"head_too_large" in await connection.dribble(b"X-More: %s\r\n" % (b"a" * 10_000))


async def test_many_headers_of_a_sensible_size_are_no_fault(port: int) -> None:
    many = b"".join(b"X-%d: a\r\n" % number for number in range(1_000))
    async with connected(port, GET + many + b"\r\n") as connection:
        assert (await connection.answer()).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 70000\r\n\r\n" + b" " * 70_000,
        b"Content-Length: 9999999999999\r\n\r\n" + b" " * 1_000,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n%s\r\n" % (b" " * 0x1000) * 17 + b"0\r\n\r\n",
    ],
)
async def test_a_body_that_is_too_large_is_refused(port: int, body: bytes) -> None:
    async with connected(port, SIGN_IN + body) as connection:
        assert (await connection.answer()).code == "body_too_large"


@pytest.mark.usefixtures("impatient")
async def test_who_goes_on_sending_after_the_refusal_is_cut_off(port: int) -> None:
    async with connected(port, SIGN_IN + b"Content-Length: 99999999\r\n\r\n") as connection:
        assert (await connection.answer()).code == "body_too_large"
        assert await connection.dribble(b" ") == b""


async def test_more_than_was_announced_is_not_taken_for_another_request_to_answer(port: int) -> None:
    async with connected(port, SIGN_IN + b"Content-Length: 2\r\n\r\n{} and more") as connection:
        answer = await connection.last_answer()
        assert (answer.status, answer.code) == (400, "invalid_request")
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 2\r\nContent-Length: 3",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked",
        b"Content-Length: -1",
        b"Content-Length: +2",
        b"Transfer-Encoding: chunked, identity",
    ],
)
async def test_a_body_whose_length_is_said_in_two_ways_or_none_is_refused(port: int, lengths: bytes) -> None:
    async with connected(port, SIGN_IN + lengths + b"\r\n\r\n{}") as connection:
        assert (await connection.last_answer()).status == 400


# --- malformed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00\x01", b"hello\r\n\r\n", b"GET / HTTP/3.7\r\n\r\n", b"GET \r\n\r\n"]
)
async def test_what_is_no_http_is_told_so(port: int, noise: bytes) -> None:
    async with connected(port, noise) as connection:
        assert (await connection.last_answer()).code == "invalid_request"


@pytest.mark.parametrize(
    "target",
    [
        *("/static/..%2f..%2fapi%2fapp.py", "/static/%2e%2e/app.py", "/static/../app.py", "/static/..\\app.py"),
        *("/static/pages.css%00", "/static/%00", "/%00", "/api//v1//me", "/static/pages.css;x", "/static/;"),
        *("/" + "a" * 60_000, "/a" * 20_000, "/%ff%fe", "/%", "/%zz", "/%2e%2e/%2e%2e", "/static/%252e%252e"),
        *("http://evil.test/static/../x", "http://evil.test", "//evil.test/x", "*", "/static/CON", "/?%00=%ff&=&&"),
        *("/api/v1/books/%2e%2e/accounts/x", "/api/v1/me%2f..", "/schema/../x", "/schema/x", "/schema/x.html"),
    ],
)
async def test_no_trick_with_an_address_leads_anywhere(port: int, target: str) -> None:
    async with connected(port, b"GET %s HTTP/1.1\r\nHost: meide.test\r\n\r\n" % target.encode("latin-1")) as connection:
        answer = await connection.answer()
        if answer.status == 303:  # a page that wants a sign-in leads there, and nowhere else
            assert answer.headers["location"].startswith("/sign-in")
        else:
            assert answer.status in (400, 401, 404, 405)
            if not answer.headers["content-type"].startswith("text/html"):
                assert answer.code in ("invalid_request", "session_ended", "not_found", "method_not_allowed")
        assert "evil" not in str(answer)


async def test_a_target_with_a_whole_address_is_the_path_in_it(port: int) -> None:
    request = b"GET http://meide.test/healthz HTTP/1.1\r\nHost: meide.test\r\n\r\n"
    async with connected(port, request) as connection:
        assert (await connection.answer()).body == b'{"status":"ok"}'


@pytest.mark.parametrize(
    "host", ["[", "a b", "a/b", "evil@meide.test", "a:b:c", "a:70000", "", "a\x00b", "\xff", "[::1"]
)
async def test_a_host_that_is_none_is_refused(port: int, host: str) -> None:
    for accept in (b"", b"Accept: text/html\r\n"):
        request = b"GET / HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (host.encode("latin-1"), accept)
        async with connected(port, request) as connection:
            assert (await connection.answer()).code == "invalid_request"


async def test_a_request_names_one_host_or_is_of_an_age_that_named_none(port: int) -> None:
    for version, hosts, status in (
        (b"1.1", b"", 400),
        (b"1.1", b"Host: a\r\nHost: b\r\n", 400),
        (b"1.0", b"", 200),
        (b"1.1", b"Host: my_service.internal:8080\r\n", 200),
        (b"1.1", b"Host: [::1]:8080\r\n", 200),
        (b"1.1", b"Host: 127.0.0.1\r\n", 200),
    ):
        async with connected(port, b"GET /healthz HTTP/%s\r\n%s\r\n" % (version, hosts)) as connection:
            assert (await connection.answer()).status == status


# --- forged ----------------------------------------------------------------------------------------------------------


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers who the client is and how he came, as the service is told."""
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{what}.complete"})
        return
    body = f"{scope['client'][0]} {scope['scheme']}".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    ("trusted", "headers", "heard"),
    [
        ("", {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}, "127.0.0.1 http"),
        ("192.0.2.1", {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}, "127.0.0.1 http"),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}, "203.0.113.7 https"),
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}, "203.0.113.7 http"),
        ("127.0.0.1, 192.0.2.0/24", {"X-Forwarded-For": "6.6.6.6, 203.0.113.7, 192.0.2.9"}, "203.0.113.7 http"),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7, not an address"}, "not an address http"),
        ("127.0.0.1", {"X-Forwarded-Proto": "gopher"}, "127.0.0.1 http"),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.7"}, "127.0.0.1 http"),
    ],
)
async def test_only_a_trusted_proxy_says_who_the_client_is_and_the_nearest_stranger_counts(
    trusted: str, headers: dict[str, str], heard: str
) -> None:
    async with listening(echo, replace(SETTINGS, trusted_proxies=trusted)) as port, httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/", headers=headers)).text == heard


# --- what every answer is like ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/sign-in", "/static/pages.css", "/", "/nowhere"])
async def test_head_is_answered_like_get_without_the_body(port: int, path: str) -> None:
    get, head = (b"%s %s HTTP/1.1\r\nHost: meide.test\r\n\r\n" % (verb, path.encode()) for verb in (b"GET", b"HEAD"))
    async with connected(port, get) as connection:
        as_get = await connection.answer()
    async with connected(port, head + GET + b"Connection: close\r\n\r\n") as connection:
        first = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        assert int(first[0].split()[1]) == as_get.status
        names = {line.split(":")[0].lower() for line in first[1:] if line}
        assert names == as_get.headers.keys() | {name for name in names if name == "set-cookie"}
        assert (await connection.last_answer()).body == b'{"status":"ok"}'  # nothing stands between the two


async def test_head_of_a_call_of_the_api_works_and_of_a_write_does_not(ledger: Caller) -> None:
    url, headers = f"/api/v1/books/{ledger.book}", {"Authorization": f"Bearer {ledger.token}"}
    answer = await ledger.http.head(f"{url}/accounts/5100", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await ledger.http.head(f"{url}/transactions", headers=headers)).status_code == 405
    assert (await ledger.http.head(f"{url}/accounts/5100")).status_code == 401


async def test_https_is_insisted_on_where_people_come_by_it(http: httpx.AsyncClient, service_url: str) -> None:
    assert "strict-transport-security" not in (await http.get("/healthz")).headers
    database = connect.to(service_url)
    secure = create_app(replace(SETTINGS, public_url="https://books.test"), database)
    transport = httpx.ASGITransport(secure, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://books.test") as client:
        for path in ("/healthz", "/sign-in", "/nowhere"):
            answer = await client.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            assert answer.headers["permissions-policy"].startswith("camera=()")
    await database.dispose()


@pytest.mark.parametrize("path", ["/schema/x", "/schema/x.json", "/schema/swagger"])
async def test_beside_the_description_there_is_nothing_and_programs_are_told_so(
    http: httpx.AsyncClient, path: str
) -> None:
    answer = await http.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert (await http.get("/schema/openapi.json")).status_code == 200


async def test_a_password_in_a_form_is_forgotten_with_the_request(http: httpx.AsyncClient) -> None:
    password = f"w{secrets.token_hex(8)}"
    page = await http.get("/sign-in")
    token = page.text.partition('name="_csrf_token" value="')[2].partition('"')[0]
    body = f"_csrf_token={token}&login=nobody&password={password}&password=again".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await http.post("/sign-in", content=body, headers=headers)
    assert answer.status_code == 401
    before = _parsers.parse_url_encoded_form_data.cache_info().hits
    _parsers.parse_url_encoded_form_data(body)
    assert _parsers.parse_url_encoded_form_data.cache_info().hits == before


async def test_a_form_is_read_as_browsers_write_it() -> None:
    @post("/", status_code=200)
    async def read(request: StrictRequest) -> list[list[str]]:
        return [[name, value] for name, value in (await request.form()).multi_items()]

    transport = httpx.ASGITransport(Litestar([read], request_class=StrictRequest, logging_config=None))
    async with httpx.AsyncClient(transport=transport, base_url="http://meide.test") as client:
        body = "login=%E7%8E%8B+x&empty=&many=1&many=2&=&a=b%26c"
        for media_type, fields in (
            ("application/x-www-form-urlencoded; charset=utf-8", 6),
            ("multipart/form-data; boundary=x", 0),
            ("text/plain", 0),
        ):
            found = (await client.post("/", content=body, headers={"Content-Type": media_type})).json()
            assert len(found) == fields
            if fields:
                given = [["login", "王 x"], ["empty", ""], ["many", "1"], ["many", "2"], ["", ""], ["a", "b&c"]]
                assert sorted(found) == sorted(given)
