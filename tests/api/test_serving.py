"""The service as processes: it starts, stops, is killed, and loses nothing that it has acknowledged."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy import make_url

from ledger.access import rights
from ledger.database import embedded
from tests.api.conftest import transfer
from tests.api.processes import KEYS, Service, bare, free_port, meide, serving, until
from tests.conftest import OWNER, Server


@pytest.fixture
def folder(folders: Path) -> Path:
    return folders / f"data-{secrets.token_hex(4)}"


@pytest.fixture
def external(service_url: str) -> dict[str, str]:
    """The settings of a service on a database of somebody else's: the one of this test run."""
    return {"MEIDE_DATABASE_URL": service_url, **KEYS}


def book_with_wallets(**environment: str) -> tuple[str, str]:
    """A new book and the key of a machine that may do everything in it, made on the command line."""
    book = f"S{secrets.token_hex(4)}"
    assert meide("book", "create", book, "x", **environment).returncode == 0
    scopes = [option for scope in rights.SCOPES for option in ("--scope", scope)]
    made = meide("token", "create", "desk", "--book", book, *scopes, "--prefix", "*", "--json", **environment)
    return book, json.loads(made.stdout)["token"]


@contextmanager
def signed_in(service: Service, book: str, token: str) -> Iterator[httpx.Client]:
    """A client of the book, whose paths begin after it."""
    with httpx.Client(
        base_url=f"{service.address}/api/v1/books/{book}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    ) as client:
        for code, kind in (("5100", "expense"), ("2100.a", "liability"), ("2100.b", "liability")):
            body = {"code": code, "name": code, "class": kind, "unit": "PT"}
            assert client.post("/accounts", json=body).status_code in (200, 201)
        yield client


def posted(client: httpx.Client, key: str, amount: int = 1) -> httpx.Response:
    return client.post("/transactions", json=transfer(amount), headers={"Idempotency-Key": key})


def nothing_left_of(folder: Path) -> bool:
    """Whether no process of the folder's PostgreSQL lives."""
    return not any(str(folder) in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_told_to_stop_it_ends_cleanly_with_its_database(folder: Path, how: signal.Signals, workers: str) -> None:
    with serving("--workers", workers, folder=folder) as service:
        assert httpx.get(f"{service.address}/healthz").status_code == 200
        assert service.stop(how) == 0
    assert nothing_left_of(folder)
    assert "database system is shut down" in (folder / "server.log").read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_in_flight_are_finished_before_it_stops(
    server: Server, service_url: str, external: dict[str, str], workers: str
) -> None:
    book, password = book_with_wallets(**external)
    answers: list[httpx.Response] = []
    with serving("--workers", workers, **external) as service, signed_in(service, book, password) as client:
        with locked_account(server, service_url, book) as waiting:
            caller = threading.Thread(target=lambda: answers.append(posted(client, "in-flight")))
            caller.start()
            until(waiting, "the posting to wait for the account")
            service.process.send_signal(signal.SIGTERM)
            until(lambda: not accepts(service), "the service to take no more calls")
        caller.join()
        assert service.process.wait(60) == 0
    assert [answer.status_code for answer in answers] == [201]


@contextmanager
def locked_account(server: Server, service_url: str, book: str) -> Iterator[Callable[[], bool]]:
    """Holds the accounts of the book locked; the value tells whether somebody waits for one."""
    url = server.admin.set(drivername="postgresql", database=make_url(service_url).database)
    with psycopg.connect(url.render_as_string(hide_password=False)) as holder:
        holder.execute(
            "SELECT FROM accounts JOIN books USING (book_id) WHERE books.code = %s FOR UPDATE OF accounts", [book]
        )

        def waiting() -> bool:
            blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid IS NOT NULL"
            row = holder.execute(blocked).fetchone()
            return row is not None and row[0] > 0

        yield waiting


def accepts(service: Service) -> bool:
    """Whether it answers; a supervisor that is stopping still holds the port, but nobody accepts there."""
    try:
        return httpx.get(f"{service.address}/healthz", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def test_after_kill_9_of_everything_what_was_acknowledged_is_there_once(folder: Path) -> None:
    data = {"MEIDE_DATA": str(folder)}
    book, password = book_with_wallets(**data)
    with serving(folder=folder) as service, signed_in(service, book, password) as client:
        acknowledged: list[str] = []
        sent: list[str] = []

        def stream() -> None:
            try:
                while True:
                    key = f"k{len(sent)}"
                    sent.append(key)
                    assert posted(client, key).status_code == 201
                    acknowledged.append(key)
            except httpx.TransportError:
                pass

        caller = threading.Thread(target=stream)
        caller.start()
        until(lambda: len(acknowledged) > 100, "a hundred postings")
        service.kill_everything()
        caller.join()

    with serving(folder=folder) as service, signed_in(service, book, password) as client:
        balance = client.get("/accounts/2100.a/balance").json()["balance"]
        assert len(acknowledged) <= balance <= len(sent)
        again = [posted(client, key) for key in sent]
        assert {answer.status_code for answer in again} == {201}
        fresh = [key for key, answer in zip(sent, again, strict=True) if "Idempotency-Replayed" not in answer.headers]
        assert len(fresh) == len(sent) - balance
        assert not set(fresh) & set(acknowledged)
        assert client.get("/accounts/2100.a/balance").json()["balance"] == len(sent)
        assert meide("check", **data).stdout == "1 books checked, 0 findings: everything adds up\n"
        assert service.stop() == 0  # the start after a crash still stops cleanly
    assert nothing_left_of(folder)
    assert "database system was shut down" in logged_at_next_start(folder)


def logged_at_next_start(folder: Path) -> str:
    """What PostgreSQL says of how it was stopped, when it is started once more."""
    before = len((folder / "server.log").read_text())
    assert meide("check", MEIDE_DATA=str(folder)).returncode == 0
    return (folder / "server.log").read_text()[before:]


def test_a_killed_supervisor_takes_its_workers_with_it(external: dict[str, str]) -> None:
    with serving("--workers", "2", **external) as service:
        workers = psutil.Process(service.process.pid).children(recursive=True)
        service.process.kill()
        service.process.wait()
        until(lambda: not accepts(service), "the workers to end")
        assert psutil.wait_procs(workers, timeout=60)[1] == []


async def test_a_thousand_transfers_to_and_fro_over_two_services_neither_block_nor_lose(
    external: dict[str, str],
) -> None:
    book, password = book_with_wallets(**external)
    with (
        serving(**external) as one,
        serving("--workers", "2", **external) as two,
        signed_in(one, book, password) as client,
    ):
        for wallet in ("2100.a", "2100.b"):
            body = transfer(1000, credit=wallet)
            client.post("/transactions", json=body, headers={"Idempotency-Key": f"fill-{wallet}"})
        limits = httpx.Limits(max_connections=16)
        async with httpx.AsyncClient(headers=client.headers, timeout=60, limits=limits) as http:

            async def move(number: int) -> int:
                there = number % 2 == 0
                body = transfer(
                    1 + number % 3, debit="2100.a" if there else "2100.b", credit="2100.b" if there else "2100.a"
                )
                service = (one, two)[number // 2 % 2]
                answer = await http.post(
                    f"{service.address}/api/v1/books/{book}/transactions",
                    json=body,
                    headers={"Idempotency-Key": f"move-{number}"},
                )
                return answer.status_code

            statuses = await asyncio.gather(*(move(number) for number in range(1000)))
        assert set(statuses) == {201}
        moved = sum((1 + n % 3) * (-1 if n % 2 == 0 else 1) for n in range(1000))
        balances = [client.get(f"/accounts/2100.{w}/balance").json()["balance"] for w in "ab"]
        assert balances == [1000 + moved, 1000 - moved]
        entries = client.get("/accounts/2100.a/entries?limit=1").json()["items"]
        assert entries[0]["number"] == 1001
    assert meide("check", "--book", book, **external).returncode == 0


def test_a_taken_port_is_said_in_a_sentence(external: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = meide("serve", "--port", str(port), **external)
    assert_one_sentence(done, f"Port {port} on 127.0.0.1 is taken by another program. Choose another one")


def test_a_second_service_on_the_data_folder_is_refused_and_a_command_joins_the_first(folder: Path) -> None:
    with serving(folder=folder) as service:
        data = {"MEIDE_DATA": str(folder)}
        for command in ("serve", "demo"):
            done = meide(command, "--port", str(free_port()), **data)
            assert_one_sentence(done, f"(process {service.process.pid}). Stop it first")
        assert meide("check", **data).returncode == 0
        assert accepts(service)


def test_a_database_that_is_not_there_is_said_without_its_password() -> None:
    url = f"postgresql://meide:hunter2@127.0.0.1:{free_port()}/nowhere"
    for command in (("serve", "--port", str(free_port())), ("check",)):
        done = meide(*command, MEIDE_DATABASE_URL=url, **KEYS)
        assert_one_sentence(done, "cannot be reached")
        assert "hunter2" not in done.stdout + done.stderr


def test_a_database_that_is_too_old_is_said_in_a_sentence(external: dict[str, str]) -> None:
    """No PostgreSQL older than 15 is at hand: so the command is made to need one that does not exist yet."""
    command = "from ledger.database import connect; connect.OLDEST = 99; from api.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "serve", "--port", str(free_port())],
        capture_output=True,
        text=True,
        env=bare(external),
        timeout=60,
        check=False,
    )
    assert_one_sentence(done, "at least 99 is needed")


def test_the_owner_and_a_superuser_may_not_serve(server: Server, service_url: str) -> None:
    name = make_url(service_url).database or ""
    admin = server.admin.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    for url in (server.url(OWNER, name), admin):
        done = meide("serve", "--port", str(free_port()), MEIDE_DATABASE_URL=url, **KEYS)
        assert_one_sentence(done, "may not serve")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"MEIDE_SESSION_KEYS": ""}, "MEIDE_SESSION_KEYS cannot be used: it is required with MEIDE_DATABASE_URL"),
        ({"MEIDE_SESSION_KEYS": "short"}, "MEIDE_SESSION_KEYS cannot be used: a key has fewer than 32 characters"),
        ({"MEIDE_IDENTITY_KEYS": ""}, "MEIDE_IDENTITY_KEYS cannot be used: it is required with MEIDE_DATABASE_URL"),
        ({"MEIDE_INDEX_KEY": ""}, "MEIDE_INDEX_KEY cannot be used: it is required with MEIDE_DATABASE_URL"),
        ({"MEIDE_PRINT_KEYS": ""}, "MEIDE_PRINT_KEYS cannot be used: it is required with MEIDE_DATABASE_URL"),
        ({"MEIDE_LOG_KEYS": ""}, "MEIDE_LOG_KEYS cannot be used: it is required with MEIDE_DATABASE_URL"),
        ({"MEIDE_LOG_KEYS": "x" * 40}, "MEIDE_LOG_KEYS cannot be used: a key is 32 bytes in base64"),
        ({"MEIDE_LOG_ORIGIN": "our log"}, "MEIDE_LOG_ORIGIN cannot be used: it is a name like log.example.org"),
        ({"MEIDE_LOG_ORIGIN": "log+example"}, "MEIDE_LOG_ORIGIN cannot be used: it is a name like log.example.org"),
        ({"MEIDE_LOG_STATE": "/dev/null"}, "What the signer keeps in /dev/null cannot be used: File exists"),
        ({"MEIDE_INDEX_KEY": "short"}, "MEIDE_INDEX_KEY cannot be used: a key has fewer than 32 characters"),
        ({"MEIDE_INDEX_KEY_FILE": "/nowhere"}, "MEIDE_INDEX_KEY cannot be used: MEIDE_INDEX_KEY_FILE is set as well"),
        (
            {"MEIDE_INDEX_KEY": "", "MEIDE_INDEX_KEY_FILE": "/nowhere"},
            "MEIDE_INDEX_KEY_FILE cannot be used: the file cannot be read (No such file or directory)",
        ),
        ({"MEIDE_DATABASE_URL": "mysql://x"}, "MEIDE_DATABASE_URL cannot be used: it must begin with postgresql://"),
        (
            {"MEIDE_DATABASE_URL": "postgresql://me:sekret@host:port/db"},
            "MEIDE_DATABASE_URL cannot be used: it must be",
        ),
        ({"MEIDE_DATABASE_URL": "postgresql:///db"}, "MEIDE_DATABASE_URL cannot be used: it names no user"),
        ({"MEIDE_TRUSTED_PROXIES": "127.0.0.1,*"}, "MEIDE_TRUSTED_PROXIES cannot be used: it must be addresses"),
        ({"MEIDE_PUBLIC_URL": "x"}, "MEIDE_PUBLIC_URL cannot be used"),
    ],
)
def test_a_wrong_setting_is_named(external: dict[str, str], settings: dict[str, str], words: str) -> None:
    done = meide("serve", "--port", str(free_port()), **(external | settings))
    assert_one_sentence(done, words)


def test_an_address_that_is_not_ours_is_said_in_a_sentence(external: dict[str, str]) -> None:
    done = meide("serve", "--host", "192.0.2.1", "--port", str(free_port()), **external)
    assert_one_sentence(done, "Cannot listen on 192.0.2.1")


def test_check_reports_a_widened_privilege_and_leaves_it_as_it_is(folder: Path) -> None:
    data = {"MEIDE_DATA": str(folder)}
    assert meide("check", **data).returncode == 0  # the first command on a new folder makes its schema
    with embedded.running(folder) as own:
        admin = make_url(own.admin_url).set(drivername="postgresql", database="meide")
        with psycopg.connect(admin.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute("GRANT DELETE ON entries TO meide_app")
        for _ in range(2):
            done = meide("check", **data)
            assert (done.returncode, "privileges_differ: table entries" in done.stdout) == (1, True)


def test_the_demo_refuses_a_database_of_somebody_elses(external: dict[str, str]) -> None:
    assert_one_sentence(meide("demo", **external), "The demo uses its own database only")


def assert_one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_the_demo_tells_everybody_his_login_and_finds_its_data_again(folder: Path) -> None:
    first = demo_until_ready(folder)
    second = demo_until_ready(folder, signal.SIGHUP)
    assert first == second
    staff = {"recorder", "leader", "reviewer", "reviewer2", "operator", "auditor", "owner"}
    assert set(first) == {"wang", "370000000002", "shop", *staff}
    check = meide("check", MEIDE_DATA=str(folder))
    assert check.stdout == "1 books checked, 0 findings: everything adds up\n"


def demo_until_ready(folder: Path, how: signal.Signals = signal.SIGINT) -> dict[str, str]:
    """Starts the demo, signs everybody in as it says, stops it; answers the logins and passwords it printed."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "demo", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=bare({"MEIDE_DATA": str(folder), "PYTHONUNBUFFERED": "1"}),
    )
    assert process.stdout is not None
    logins = {}
    for line in process.stdout:
        if line.startswith("│") and "http" in line:
            _, address, login, password = (cell.strip() for cell in line.strip("│\n").split("│"))
            logins[login] = password
            assert address == f"http://127.0.0.1:{port}/"
        if "openapi.json" in line:
            break
    for login, password in logins.items():
        answer = httpx.post(
            f"http://127.0.0.1:{port}/api/v1/sessions", json={"login": login, "password": password}, timeout=60
        )
        assert answer.status_code == 200
    process.send_signal(how)
    assert process.wait(60) == 0
    process.stdout.close()
    return logins
