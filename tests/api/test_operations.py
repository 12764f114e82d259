"""What an operator relies on: figures, the log, a reload without a pause, a database that comes back."""

from __future__ import annotations

import json
import os
import secrets
import signal
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
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from api import figures as watched
from api import keys, settings
from ledger.database import connect, embedded, pipeline
from ledger.database.pipeline import Statement
from tests.api.conftest import Caller, transfer
from tests.api.processes import KEYS, LONGEST, Service, bare, free_port, meide, serving, until
from tests.api.test_serving import accepts, book_with_wallets, locked_account, posted, signed_in
from tests.conftest import Server

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@pytest.fixture
def folder(folders: Path) -> Path:
    return folders / f"operated-{secrets.token_hex(4)}"


@pytest.fixture
def external(service_url: str) -> dict[str, str]:
    return {"MEIDE_DATABASE_URL": service_url, **KEYS}


def figures(answer: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """The figures of an answer, by name and the values of their labels in the order of the labels' names."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer)
        for sample in family.samples
    }


def of(service: Service) -> dict[tuple[str, tuple[str, ...]], float]:
    return figures(httpx.get(f"{service.address}/metrics", timeout=60).text)


# --- figures ---------------------------------------------------------------------------------------------------------


async def test_the_figures_count_requests_by_route_postings_by_outcome_and_problems_by_code(
    ledger: Caller, http: httpx.AsyncClient
) -> None:
    before = figures((await http.get("/metrics")).text)
    assert (await ledger.post("/transactions", transfer(5), "one")).status_code == 201
    assert (await ledger.post("/transactions", transfer(5), "one")).status_code == 201
    assert (await ledger.post("/transactions", transfer(9, "2100.a", "2100.b"), "two")).status_code == 409
    assert (await ledger.get("/accounts/nobody-has-this")).status_code == 404
    assert (await http.get("/nowhere-at-all")).status_code == 404
    items = [transfer(1, key="three"), transfer(99, "2100.a", "2100.b", key="four")]
    await ledger.post("/transactions/batch", {"mode": "atomic", "transactions": items})
    answer = await http.get("/metrics")
    after = figures(answer.text)

    def more(name: str, *labels: str) -> float:
        return after.get((name, labels), 0) - before.get((name, labels), 0)

    assert answer.headers["content-type"].startswith("text/plain; version=")
    post = "/api/v1/books/{book}/transactions"
    assert more("meide_request_seconds_count", "POST", post, "201") == 2
    assert more("meide_request_seconds_count", "POST", post, "409") == 1
    assert more("meide_request_seconds_bucket", "+Inf", "POST", post, "201") == 2
    assert more("meide_request_seconds_count", "GET", "", "404") == 1
    assert more("meide_postings_total", "", "posted") == 1
    assert more("meide_postings_total", "", "replayed") == 1
    assert more("meide_postings_total", "insufficient_balance", "refused") == 2
    assert more("meide_problems_total", "insufficient_balance") == 2
    assert more("meide_problems_total", "unknown_account") == 1
    assert more("meide_problems_total", "not_found") == 1
    for name in ("meide_batch_transactions", "meide_batch_locking_seconds", "meide_batch_writing_seconds"):
        assert more(f"{name}_count") == 4
    assert after["meide_lines_waiting", ()] == 0
    assert ("meide_connections_in_use", ()) in after


async def test_no_figure_carries_what_somebody_wrote(ledger: Caller, http: httpx.AsyncClient) -> None:
    word = f"w{secrets.token_hex(6)}"
    await ledger.post("/accounts", {"code": word, "name": word, "class": "liability", "unit": word[:8]})
    await ledger.post("/transactions", transfer(5, word, word, kind=word, description=word), word)
    await ledger.get(f"/accounts/{word}/balance?at={word}")
    await http.post("/api/v1/sessions", json={"login": word, "password": word})
    await http.get(f"/{word}/{word}?{word}={word}", headers={"X-Request-Id": word, "Host": word})
    await http.request(word.upper(), "/healthz")
    assert word not in (await http.get("/metrics")).text.lower()


async def test_errors_of_the_database_are_counted_by_their_class(
    http: httpx.AsyncClient, database: AsyncEngine
) -> None:
    division = ("meide_database_errors_total", ("22",))
    before = figures((await http.get("/metrics")).text).get(division, 0)
    with pytest.raises(DBAPIError):
        async with database.connect() as tx:
            await tx.execute(text("SELECT 1 / 0"))
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with database.begin() as tx:
            await pipeline.run(await connect.driver(tx), (Statement(b"by_zero", b"SELECT 1 / 0"), ()))
    assert figures((await http.get("/metrics")).text)[division] == before + 2


async def test_an_error_is_counted_once_however_many_services_share_the_database(
    http: httpx.AsyncClient, database: AsyncEngine
) -> None:
    watched.watch(database)
    watched.watch(database.execution_options(of="another clock"))
    division = ("meide_database_errors_total", ("22",))
    before = figures((await http.get("/metrics")).text).get(division, 0)
    with pytest.raises(DBAPIError):
        async with database.connect() as tx:
            await tx.execute(text("SELECT 1 / 0"))
    assert figures((await http.get("/metrics")).text)[division] == before + 1


def test_with_two_workers_the_figures_of_both_are_added_up_and_outlive_a_killed_one(
    server: Server, service_url: str, external: dict[str, str]
) -> None:
    book, password = book_with_wallets(**external)
    healthy = ("meide_request_seconds_count", ("GET", "/healthz", "200"))
    with serving("--workers", "2", **external) as service, signed_in(service, book, password) as client:
        made = psutil.Process(min(service.workers())).environ()[FOLDER]
        before = of(service).get(healthy, 0)
        for _ in range(100):  # each on a connection of its own, so that both workers get some
            httpx.get(f"{service.address}/healthz")
        assert of(service)[healthy] == before + 100

        with locked_account(server, service_url, book) as waiting:
            callers = [threading.Thread(target=posted, args=(client, f"w{number}")) for number in range(6)]
            for caller in callers:
                caller.start()
            until(waiting, "the postings to wait for the account")
            until(lambda: of(service)["meide_connections_in_use", ()] >= 1, "a connection in use to be seen")
            until(lambda: of(service)["meide_lines_waiting", ()] >= 2, "the waiting lines to be seen")
        for caller in callers:
            caller.join()
        assert of(service)["meide_postings_total", ("", "posted")] == 6

        victim = min(service.workers())
        psutil.Process(victim).kill()
        until(lambda: len(service.workers() - {victim}) == 2, "another worker")
        assert of(service)[healthy] >= before + 100
        assert of(service)["meide_postings_total", ("", "posted")] == 6
        until(lambda: not list(Path(made).glob(f"gauge_live*_{victim}.db")), "the dead worker's states to be dropped")
        assert service.stop() == 0
        assert not Path(made).exists()


def test_the_folder_of_the_figures_goes_with_a_killed_service(external: dict[str, str]) -> None:
    with serving("--workers", "2", **external) as service:
        made = Path(psutil.Process(min(service.workers())).environ()[FOLDER])
        assert made.exists()
        service.process.kill()
        service.process.wait()
        until(lambda: not made.exists(), "the folder to be removed")


# --- the log ---------------------------------------------------------------------------------------------------------


def test_the_log_has_a_line_for_start_each_request_and_stop_and_nothing_that_people_wrote(
    external: dict[str, str], tmp_path: Path
) -> None:
    book, password = book_with_wallets(**external)
    word = f"w{secrets.token_hex(6)}"
    with serving(log=tmp_path / "log", **external) as service, signed_in(service, book, password) as client:
        answer = client.get(f"/accounts/{word}/balance?at={word}", headers={"X-Request-Id": word})
        assert answer.headers["x-request-id"] != word
        assert httpx.get(f"{service.address}/{word}?{word}").status_code == 404
        assert service.stop() == 0
        lines = service.logged()
    assert [line["event"] for line in lines if line["event"] != "request"] == ["start", "stop"]
    [line] = [line for line in lines if line.get("request_id") == answer.headers["x-request-id"]]
    assert line.pop("milliseconds") >= 0
    assert line.pop("timestamp")
    assert line == {
        "event": "request",
        "level": "info",
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "route": "/api/v1/books/{book}/accounts/{code}/balance",
        "status": answer.status_code,
        "client": "token",
    }
    written = (tmp_path / "log").read_text()
    assert not [secret for secret in (word, book, password, *KEYS.values()) if secret in written]


# --- reload ----------------------------------------------------------------------------------------------------------


@contextmanager
def streams(
    client: httpx.Client, count: int, send: Callable[[httpx.Client, str], httpx.Response]
) -> Iterator[list[int]]:
    """Sends one request after another over `count` connections until the block ends; the statuses of the answers.

    A request that gets no answer is a 0.
    """
    statuses: list[int] = []
    over = threading.Event()

    def stream(name: int) -> None:
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=60) as own:
            number = 0
            while not over.is_set():
                number += 1
                try:
                    statuses.append(send(own, f"s{name}-{number}").status_code)
                except httpx.TransportError:
                    statuses.append(0)

    threads = [threading.Thread(target=stream, args=(name,)) for name in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextmanager
def clerk(service: Service, client: httpx.Client, book: str, **environment: str) -> Iterator[httpx.Client]:
    """Somebody who reads this book with an access token, which a session key has signed."""
    login = f"c{secrets.token_hex(4)}"
    made = meide("user", "create", login, "--book", book, "--role", "operator", "--json", **environment)
    body = {"login": login, "password": json.loads(made.stdout)["password"]}
    session = httpx.post(f"{service.address}/api/v1/sessions", json=body, timeout=60).json()
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    with httpx.Client(base_url=client.base_url, headers=headers, timeout=60) as own:
        yield own


def reloaded(service: Service) -> None:
    """Sends SIGHUP and waits until none of the workers is left that were there before."""
    before = service.workers()
    service.process.send_signal(signal.SIGHUP)
    until(lambda: not service.workers() & before and service.workers(), "new workers to take over")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_reload_replaces_all_workers_and_no_request_is_refused_or_lost(
    external: dict[str, str], tmp_path: Path, workers: str
) -> None:
    book, password = book_with_wallets(**external)
    with (
        serving("--workers", workers, log=tmp_path / "log", **external) as service,
        signed_in(service, book, password) as client,
    ):
        with streams(client, 6, posted) as statuses:
            for _ in range(2):
                before = len(statuses)
                until(lambda mark=before: len(statuses) > mark + 50, "fifty postings")
                reloaded(service)
            before = len(statuses)
            until(lambda: len(statuses) > before + 50, "fifty postings after the reloads")
        assert set(statuses) == {201}
        assert len(service.workers()) == int(workers)
        assert client.get("/accounts/2100.a/balance").json()["balance"] == len(statuses)
        assert [line["event"] for line in service.logged() if line["event"] != "request"] == [
            "start",
            "reload",
            "reload",
        ]
        assert service.stop() == 0


def test_a_reload_reads_the_keys_of_the_data_folder_anew(folder: Path) -> None:
    data = {"MEIDE_DATA": str(folder)}
    book, password = book_with_wallets(**data)
    with (
        serving(folder=folder) as service,
        signed_in(service, book, password) as machine,
        clerk(service, machine, book, **data) as client,
    ):
        assert meide("key", "add", "session", **data).returncode == 0
        reloaded(service)
        assert client.get("/accounts/5100").status_code == 200  # the older key is still understood
        with clerk(service, machine, book, **data) as later:
            meide("key", "retire", "session", **data)
            reloaded(service)
            assert client.get("/accounts/5100").status_code == 401
            assert later.get("/accounts/5100").status_code == 200
            assert machine.get("/accounts/5100").status_code == 200  # whose key nobody has signed
        worker = psutil.Process(min(service.workers())).environ()
        kept = keys.of(settings.read(data))
        assert worker["MEIDE_IDENTITY_KEYS"] == ",".join(kept.identity)
        assert worker["MEIDE_INDEX_KEY"] == ",".join(kept.index)
        assert worker["MEIDE_PRINT_KEYS"] == ",".join(kept.print)
        assert worker["MEIDE_LOG_KEYS"] == ",".join(kept.log)


def test_a_reload_reads_secret_files_anew_and_is_refused_when_they_are_no_good(
    external: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "session-keys"
    file.write_text(external.pop("MEIDE_SESSION_KEYS"))
    external["MEIDE_SESSION_KEYS_FILE"] = str(file)
    other = external | {"MEIDE_SESSION_KEYS": secrets.token_urlsafe(32)}
    del other["MEIDE_SESSION_KEYS_FILE"]
    book, password = book_with_wallets(**other)
    with (
        serving(log=tmp_path / "log", **external) as service,
        signed_in(service, book, password) as machine,
        clerk(service, machine, book, **other) as client,
    ):
        before = service.workers()
        file.write_text("short")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.logged()[-1]["event"] == "reload_refused", "the reload to be refused")
        assert service.logged()[-1]["reason"] == (
            "The setting MEIDE_SESSION_KEYS cannot be used: a key has fewer than 32 characters."
        )
        assert service.workers() == before
        assert client.get("/accounts/5100").status_code == 200
        file.write_text(secrets.token_urlsafe(32))
        reloaded(service)
        assert client.get("/accounts/5100").status_code == 401


def test_told_to_stop_during_a_reload_it_stops(external: dict[str, str]) -> None:
    with serving("--workers", "2", **external) as service:
        service.process.send_signal(signal.SIGHUP)
        until(lambda: len(service.workers()) > 2, "the new workers to be on their way")
        workers = [psutil.Process(each) for each in service.workers()]
        assert service.stop() == 0
        assert psutil.wait_procs(workers, timeout=60)[1] == []


@contextmanager
def at_a_terminal(external: dict[str, str], preparation: str) -> Iterator[tuple[Service, Callable[[], None]]]:
    """A service started in a terminal, after `preparation`; and what closes the terminal."""
    become = "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    begin = f"import os, signal, sys; os.login_tty(0); {preparation}; {become}"
    terminal, inner = os.openpty()
    port = free_port()
    command = [sys.executable, "-c", begin, "-m", "api.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=bare(external), stdin=inner, text=True)
    os.close(inner)
    service = Service(process, f"http://127.0.0.1:{port}", None)
    try:
        until(lambda: process.poll() is not None or accepts(service), "the service")
        assert process.poll() is None
        yield service, lambda: os.close(terminal)
    finally:
        if process.poll() is None:
            service.stop()


def test_a_closed_terminal_ends_the_service(external: dict[str, str]) -> None:
    with at_a_terminal(external, "pass") as (service, close):
        close()
        assert service.process.wait(LONGEST) == 0


def test_a_service_started_by_nohup_outlives_its_terminal(external: dict[str, str]) -> None:
    nohup = (
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); [os.dup2(os.open(os.devnull, os.O_RDWR), to) for to in (1, 2)]"
    )
    with at_a_terminal(external, nohup) as (service, close):
        before = service.workers()
        close()
        until(lambda: not service.workers() & before and service.workers(), "new workers: it hears a reload")
        assert accepts(service)
        assert service.stop() == 0


# --- the embedded database -------------------------------------------------------------------------------------------


def test_a_killed_postgresql_is_brought_back_and_nothing_acknowledged_is_lost(folder: Path, tmp_path: Path) -> None:
    data = {"MEIDE_DATA": str(folder)}
    book, password = book_with_wallets(**data)
    acknowledged: list[str] = []
    sent: list[str] = []

    def send(client: httpx.Client, key: str) -> httpx.Response:
        sent.append(key)
        answer = posted(client, key)
        if answer.status_code == 201:
            acknowledged.append(key)
        return answer

    with (
        serving("--workers", "2", folder=folder, log=tmp_path / "log") as service,
        signed_in(service, book, password) as client,
    ):
        with streams(client, 4, send) as statuses:
            until(lambda: len(acknowledged) > 50, "fifty postings")
            own = psutil.Process(service.process.pid).children(recursive=True)
            for each in own:
                if each.name() == "postgres":
                    each.kill()
            until(lambda: 503 in statuses, "a call to be told that the database is away")
            before = len(acknowledged)
            until(lambda: len(acknowledged) > before + 50, "fifty postings more")
        assert set(statuses) == {201, 503}
        assert httpx.get(f"{service.address}/readyz").status_code == 200
        again = {key: posted(client, key) for key in sent}
        assert {answer.status_code for answer in again.values()} == {201}
        assert all("idempotency-replayed" in again[key].headers for key in acknowledged)
        assert client.get("/accounts/2100.a/balance").json()["balance"] == len(sent)
        events = [line["event"] for line in service.logged()]
        assert events.index("database_gone") < events.index("database_back")
        assert meide("check", **data).stdout == "1 books checked, 0 findings: everything adds up\n"
        assert service.stop() == 0
    assert embedded.is_gone(folder)
