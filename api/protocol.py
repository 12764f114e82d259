"""How the service speaks HTTP: uvicorn's protocol with deadlines, and answers that leave by one call of the system.

uvicorn writes head and body each for itself: for a small answer that is a tenth of all the work of the service, and two
packets on the wire. And it waits for ever for a request that never ends: whoever opens a few hundred connections and
sends a byte a minute would keep all others out.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api import problems
from api.answers import STATUSES

HEAD_WITHIN = 10.0
"""Seconds that the head of a request may take; a new connection begins with one."""
BODY_WITHIN = 30.0
"""Seconds that its body may take after that."""
END_WITHIN: Final = 2.0
"""Seconds that somebody has to hang up who has been told that he is not understood."""
MOST_HEAD: Final = 64 * 1024
"""Bytes of a head."""
MOST_READ: Final = 256 * 1024
"""Bytes that are read at a time."""
OVERDUE: Final = "body_overdue"
"""What the state of a request says when it is not to wait for its body any longer."""

Awaited = Literal["nothing", "head", "body", "rest", "end"]
"""What has to come in time. `rest`: of a body that has been answered already, with 413 perhaps."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    retiring = False
    """Another process takes over: what comes on open connections is still answered, and then they end."""

    _within: Literal["nothing", "head", "body"] = "nothing"
    """In what of a request the bytes end that have been read."""
    _chunk = 0
    """Bytes that are being read."""
    _head = 0
    """Bytes that came until the end of the head, with what was read together with its beginning."""
    _too_large = False
    _timer: asyncio.TimerHandle | None = None
    _awaited: Awaited = "nothing"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Puts the gathering transport between."""
        super().connection_made(_Gathering(transport, self.loop))  # type: ignore[arg-type] # it has all that is used
        self._await("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        super().connection_lost(exc)
        self._await("nothing")

    def data_received(self, data: bytes) -> None:
        """Reads, and sees what is still to come: mostly nothing, and then no timer is needed."""
        if self._has_refused():
            return
        self._chunk = len(data)
        if self._within == "head":
            self._head += self._chunk
        super().data_received(data)
        if self._has_refused():
            return
        if self._within == "head":
            self._await("head")
            if self._head > MOST_HEAD + MOST_READ:
                self._refuse(431)
        elif self._is_busy():
            self._await(self._within)
        else:
            self._await("rest" if self._within == "body" else "head")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._within, self._head = "head", self._chunk
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A body begins, or nothing. Who retires says that this was the last request."""
        if self._head > MOST_HEAD and sum(len(n) + len(v) for n, v in self.headers) + len(self.url) > MOST_HEAD:
            self._too_large = True
            raise ValueError("the head is too large")  # the parser stops, and we are asked to answer with 400
        self._within = "body"
        super().on_headers_complete()
        if self.retiring:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._within = "nothing"
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered like everything else that cannot be understood."""
        self._refuse(431 if self._too_large else 400)

    def shutdown(self) -> None:
        """The process is to end. If another takes over, a request may be on its way: then nothing is cut."""
        if self._is_busy() or not self.retiring:
            super().shutdown()

    def _is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _has_refused(self) -> bool:
        """Whether the last answer is on its way: what comes now is not read any more."""
        return self._awaited == "end"

    def _await(self, what: Awaited) -> None:
        if what == self._awaited:
            return
        self._awaited = what
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if what != "nothing":
            within = {"head": HEAD_WITHIN, "body": BODY_WITHIN, "rest": HEAD_WITHIN, "end": END_WITHIN}[what]
            self._timer = self.loop.call_later(within, self._overdue)

    def _overdue(self) -> None:
        awaited = self._awaited
        self._await("nothing")
        if awaited == "body" and self._is_busy():
            # Whoever waits for the body finds out and answers; the connection ends with the answer.
            self.cycle.scope["state"][OVERDUE] = True
            self.cycle.keep_alive = False
            self.cycle.message_event.set()
        elif awaited == "head" and self._within == "head":
            self._refuse(408)
        else:  # nothing has come, or only more of what has been answered already
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answers by itself what is no request that the application could answer, and hangs up."""
        if self._is_busy():  # with an earlier request: its answer is the last one
            self.cycle.keep_alive = False
            return
        row = STATUSES[status]
        body = msgspec.json.encode(problems.row_document(row, row.zh, [], {}))
        head = (
            *(STATUS_LINE[status], b"content-type: ", problems.MEDIA_TYPE.encode()),
            *(b"\r\ncontent-length: ", str(len(body)).encode()),
            b"\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
        )
        self.transport.write(b"".join((*head, body)))
        if self.transport.can_write_eof():
            # Closed at once, the connection would be reset by what is still coming, and the answer lost on its way.
            self._await("end")
            self.transport.write_eof()
        else:
            self.transport.close()


class _Gathering:
    """Sends together what is written within one turn of the loop; everything else is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def write_eof(self) -> None:
        self._send()
        self._transport.write_eof()

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))
