"""The client of the HTTP subjects: `python -m api.bench.load`, a process of its own that does as little as can be.

It reads a `Task` as JSON from standard input, keeps that many connections busy for that long, and prints the seconds,
the transactions posted and the latency of each call as JSON. Anything but the status expected ends it.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from time import perf_counter
from typing import cast

import msgspec
import uvloop

from api.bench.measure import account_code, new_key, two_of

_POOL = 5_000
"""Bodies that are made before the time begins; each is sent again and again under new keys."""


class Task(msgspec.Struct):
    """What to send: single transactions (`batch` 0), or lists of so many."""

    host: str
    port: int
    path: str
    token: str
    effective_at: str
    accounts: int
    connections: int
    seconds: float
    batch: int = 0


class Client(asyncio.Protocol):
    """One connection that sends the next request when the answer is there, until the time is up."""

    def __init__(self, task: Task, bodies: list[bytes], ended: asyncio.Future[None]) -> None:
        self.task = task
        self.bodies = bodies
        self.ended = ended
        self.end = 0.0
        self.sent_at = 0.0
        self.latencies: list[float] = []
        self.transactions = 0
        self.answer = bytearray()
        self.expected = 0
        head = f"POST {task.path} HTTP/1.1\r\nHost: {task.host}\r\nAuthorization: Bearer {task.token}\r\n"
        self.head = f"{head}Content-Type: application/json\r\n".encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the connection."""
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The service may not close it."""
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the service closed the connection"))

    def begin(self, end: float) -> None:
        """Sends the first request."""
        self.end = end
        self.send()

    def send(self) -> None:
        """Sends the next request, under a new key."""
        key = new_key().encode()
        if self.task.batch:
            items = [_keyed(random.choice(self.bodies), b"%b-%d" % (key, n)) for n in range(self.task.batch)]  # noqa: S311
            body = b'{"mode":"each","transactions":[%b]}' % b",".join(items)
            own = b""
        else:
            body = random.choice(self.bodies)  # noqa: S311 - a draw, no secret
            own = b"Idempotency-Key: %b\r\n" % key
        self.sent_at = perf_counter()
        self.transport.write(b"%b%bContent-Length: %d\r\n\r\n%b" % (self.head, own, len(body), body))

    def data_received(self, data: bytes) -> None:
        """Collects an answer."""
        self.answer += data
        if not self.expected:
            head = self.answer.find(b"\r\n\r\n") + 4
            if head < 4:
                return
            length = self.answer[:head].lower().partition(b"\r\ncontent-length:")[2]
            self.expected = head + int(length.partition(b"\r\n")[0])
        if len(self.answer) >= self.expected:
            self.answered()

    def answered(self) -> None:
        """Counts an answer."""
        self.latencies.append(perf_counter() - self.sent_at)
        status = bytes(self.answer[9:12])
        posted = self.answer.count(b'"status":"posted"') if self.task.batch else 1
        if status != (b"200" if self.task.batch else b"201") or posted != (self.task.batch or 1):
            self.ended.set_exception(RuntimeError(self.answer.decode(errors="replace")[:1000]))
            return
        self.transactions += posted
        self.answer.clear()
        self.expected = 0
        if perf_counter() < self.end:
            self.send()
        else:
            self.ended.set_result(None)


async def loaded(task: Task) -> dict[str, object]:
    """Does the task; the calls under way when the time is up count, and so does the time until they are answered."""
    loop = asyncio.get_running_loop()
    bodies = [_body(task) for _ in range(_POOL)]
    clients = []
    for _ in range(task.connections):
        client = Client(task, bodies, loop.create_future())
        await loop.create_connection(lambda client=client: client, task.host, task.port)  # type: ignore[misc]
        clients.append(client)
    begun = perf_counter()
    for client in clients:
        client.begin(begun + task.seconds)
    await asyncio.gather(*(client.ended for client in clients))
    return {
        "seconds": perf_counter() - begun,
        "transactions": sum(client.transactions for client in clients),
        "latencies": [round(latency, 6) for client in clients for latency in client.latencies],
    }


def _body(task: Task) -> bytes:
    one, other = two_of(task.accounts)
    lines = [
        {"account": account_code(one), "side": "debit", "amount": 7},
        {"account": account_code(other), "side": "credit", "amount": 7},
    ]
    body = {"kind": "bench", "effective_at": task.effective_at, "lines": lines}
    return json.dumps(body, separators=(",", ":")).encode()


def _keyed(body: bytes, key: bytes) -> bytes:
    return b'{"key":"%b",%b' % (key, body[1:])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(runner.run(loaded(msgspec.json.decode(sys.stdin.buffer.read(), type=Task)))))
