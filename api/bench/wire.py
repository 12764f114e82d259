"""A client that sends prepared requests: `python -m api.bench.wire`, a process of its own that does little.

It reads a `Task` as JSON from standard input and prints the seconds and the latency of each request. Each connection
sends its own requests in their order: the next one when the answer is there, or each at its time, and then the latency
counts from that time on. Anything but the status expected ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter
from typing import cast

import msgspec
import uvloop


class Task(msgspec.Struct):
    """What to send, by connection. `every`: each connection sends one in so many seconds, the connections in turn.

    `again`: a connection that has sent all of its requests begins anew.
    """

    port: int
    requests: list[list[str]]
    seconds: float
    expected: int
    every: float | None = None
    again: bool = False


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self.answer = bytearray()
        self.answered: asyncio.Future[bytes] | None = None
        self.expected = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the connection."""
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The service may not close it while it owes an answer."""
        if self.answered is not None and not self.answered.done():
            self.answered.set_exception(error or ConnectionError("the service closed the connection"))

    async def ask(self, request: bytes) -> bytes:
        """The whole answer."""
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answered

    def data_received(self, data: bytes) -> None:
        """Collects an answer."""
        self.answer += data
        if not self.expected:
            head = self.answer.find(b"\r\n\r\n") + 4
            if head < 4:
                return
            length = self.answer[:head].lower().partition(b"\r\ncontent-length:")[2]
            self.expected = head + int(length.partition(b"\r\n")[0])
        if len(self.answer) >= self.expected and self.answered is not None:
            answer = bytes(self.answer)
            self.answer.clear()
            self.expected = 0
            self.answered.set_result(answer)


async def sent(task: Task) -> dict[str, object]:
    """Does the task."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    begun = perf_counter()
    end = begun + task.seconds

    async def one(place: int, requests: list[bytes]) -> None:
        _, connection = await loop.create_connection(Connection, "127.0.0.1", task.port)
        number = 0
        while number < len(requests) or task.again:
            now = perf_counter()
            due = now
            if task.every is not None:
                due = begun + task.every * (number + place / len(task.requests))
                if due > now:
                    its_time = loop.create_future()
                    loop.call_later(due - now, its_time.set_result, None)
                    await its_time
            if due >= end:
                break
            answer = await connection.ask(requests[number % len(requests)])
            if answer[9:12] != str(task.expected).encode():
                raise RuntimeError(answer.decode(errors="replace")[:1000])
            latencies.append(perf_counter() - due)
            number += 1
        connection.transport.close()

    await asyncio.gather(
        *(one(place, [request.encode() for request in requests]) for place, requests in enumerate(task.requests))
    )
    return {"seconds": perf_counter() - begun, "latencies": [round(latency, 6) for latency in latencies]}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(runner.run(sent(msgspec.json.decode(sys.stdin.buffer.read(), type=Task)))))
