"""The subjects over HTTP: `meide serve` as a process of its own, and a client that is not the bottleneck."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from api import keys
from api.bench.ground import Ground
from api.bench.load import Task
from api.bench.measure import Measured, Run, Skipped, output_of, surroundings
from ledger.access import ciphers, tokens
from ledger.access.rights import ANY

CONNECTIONS: Final = 64
BATCH: Final = 500
BATCH_CONNECTIONS: Final = 4

_WRK: Final = """
local number, threads = 0, 0
function setup(thread) threads = threads + 1; thread:set("me", threads) end
function init() math.randomseed(os.time() + me) end
function request()
    number = number + 1
    local one, other = math.random(0, {accounts} - 1), math.random(0, {accounts} - 2)
    if other >= one then other = other + 1 end
    wrk.headers["Idempotency-Key"] = string.format("{run}-%d-%09d", me, number)
    return wrk.format("POST", "{path}", nil, string.format(
        '{{"kind":"bench","effective_at":"{effective_at}","lines":[' ..
        '{{"account":"A%06d","side":"debit","amount":7}},' ..
        '{{"account":"A%06d","side":"credit","amount":7}}]}}', one, other))
end
function done(summary, latency, requests)
    local wrong = summary.errors
    local taken = {{}}
    for tenth = 0, 999 do taken[#taken + 1] = string.format("%.6f", latency:percentile((tenth + 0.5) / 10) / 1e6) end
    io.write(string.format('\\n{{"seconds":%f,"transactions":%d,"wrong":%d,"latencies":[%s]}}', summary.duration / 1e6,
        summary.requests, wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout,
        table.concat(taken, ",")))
end
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that answers, and somebody who may post."""

    port: int
    token: str
    session_keys: tuple[str, ...]
    """What it signs sessions with."""
    personal: ciphers.Keys
    """Under what it looks up the digits of codes."""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """One request: the status and body of the answer, however long it takes the service to start."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@asynccontextmanager
async def serving(ground: Ground) -> AsyncIterator[Service]:
    """A service for the length of the block, with a machine's key to the benchmark's book."""
    async with ground.database.begin() as tx:
        _, token = await tokens.make(
            tx,
            ground.book.book_id,
            "bench",
            scopes=["books:post"],
            prefixes=[ANY],
            by="room:bench",
            now=datetime.now(UTC),
            lifetime=timedelta(days=1),
        )
    made = {kind: secrets.token_urlsafe(32) for kind in keys.SETTINGS}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.cli", "serve", "--port", "0"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=surroundings(
            MEIDE_DATABASE_URL=ground.server.service_url,
            LC_ALL="C.UTF-8",
            MEIDE_LOG_STATE=str(ground.folder / "log-state"),
            **{keys.SETTINGS[kind]: key for kind, key in made.items()},
        ),
    )
    assert process.stderr is not None, "it was asked for"
    said = b""
    try:
        while (found := re.search(rb"http://\S+:(\d+)", said)) is None:
            if not (more := await process.stderr.read(4096)):
                raise RuntimeError(f"the service did not start: {said.decode(errors='replace')}")
            said += more
        reading = asyncio.create_task(_read_on(process.stderr))
        personal = ciphers.Keys.of([made["identity"]], [made["index"]], [made["print"]])
        service = Service(int(found[1]), token, (made["session"],), personal)
        # The port is held before the address is said, so this waits in the queue until the service is ready.
        if (await asyncio.to_thread(service.ask, "GET", "/readyz"))[0] != 200:
            raise RuntimeError("the service is not ready")
        yield service
        reading.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _read_on(log: asyncio.StreamReader) -> None:
    """Takes the service's log off its hands: it would wait for a full pipe."""
    while await log.read(1 << 16):
        pass


async def one_by_one(ground: Ground) -> Run:
    """64 connections, a transaction a request."""
    service = await ground.stack.enter_async_context(serving(ground))

    async def run(seconds: int) -> Measured:
        task = _task(ground, service, "/transactions", CONNECTIONS, seconds)
        return await (_by_wrk(ground, task) if shutil.which("wrk") else _by_load(task))

    return run


async def in_batches(ground: Ground) -> Run:
    """4 connections, 500 transactions a request."""
    service = await ground.stack.enter_async_context(serving(ground))
    path = f"/api/v1/books/{ground.book.code}/transactions/batch"
    headers = {"Authorization": f"Bearer {service.token}"}
    if service.ask("POST", path, {"mode": "each", "transactions": []}, **headers)[0] in (404, 405):
        raise Skipped("this version has no call that takes a batch")

    async def run(seconds: int) -> Measured:
        return await _by_load(_task(ground, service, "/transactions/batch", BATCH_CONNECTIONS, seconds, BATCH))

    return run


def _task(ground: Ground, service: Service, path: str, connections: int, seconds: int, batch: int = 0) -> Task:
    return Task(
        host="127.0.0.1",
        port=service.port,
        path=f"/api/v1/books/{ground.book.code}{path}",
        token=service.token,
        effective_at=datetime.now(UTC).isoformat(timespec="seconds"),
        accounts=ground.accounts,
        connections=connections,
        seconds=seconds,
        batch=batch,
    )


async def _by_load(task: Task) -> Measured:
    return _measured(await output_of(sys.executable, "-m", "api.bench.load", given=msgspec.json.encode(task)))


async def _by_wrk(ground: Ground, task: Task) -> Measured:
    script = _script(ground.folder / "load.lua", task)
    headers = ("-H", f"Authorization: Bearer {task.token}", "-H", "Content-Type: application/json")
    where = f"http://{task.host}:{task.port}"
    options = ("-t", "1", "-c", str(task.connections), "-d", f"{task.seconds:g}s", "--timeout", "30s", *headers)
    return _measured(await output_of("wrk", *options, "-s", str(script), where))


def _script(file: Path, task: Task) -> Path:
    facts = {"accounts": task.accounts, "path": task.path, "effective_at": task.effective_at}
    file.write_text(_WRK.format(run=secrets.token_hex(8), **facts), "ascii")
    return file


def _measured(printed: str) -> Measured:
    """The figures on the last line of what a client printed."""
    figures: dict[str, Any] = json.loads(printed.rsplit("\n", 1)[-1])
    if figures.get("wrong"):
        raise RuntimeError(f"{figures['wrong']} calls were not answered as they should be")
    return Measured(figures["transactions"] / figures["seconds"], figures["latencies"])
