"""Serving: bring the database up, hold the port, run the workers, and leave everything clean at the end."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import msgspec
import structlog
import uvicorn
from litestar import Litestar
from uvicorn.supervisors import Multiprocess

from api import keys, memory
from api import settings as settings_module
from api.app import create_app
from api.one_write import OneWrite
from api.reach import Say, reached
from api.settings import Settings
from ledger.database import connect, embedded, schema
from ledger.errors import CannotListen, PortTaken, SettingInvalid

SLOWEST: Final = 60
"""Seconds that a worker may take to say that it lives: on a busy machine the 5 of uvicorn replace healthy ones."""
GRACE: Final = 10
"""Seconds that requests in flight get to finish when the service is told to stop."""


def serve(
    settings: Settings,
    host: str,
    port: int,
    workers: int,
    say: Say,
    ready: Callable[[str, str], None],
    *,
    quiet: bool = False,
) -> None:
    """Serves until told to stop. `ready` gets the database's URL and the service's address, just before.

    `quiet`: the log has no line for each request. Raises a Fault.
    """
    with (
        _told_to_stop(),
        _only_one(settings),
        _port(host, port) as listener,
        reached(settings, say, migrate=True) as url,
    ):
        found = keys.of(settings)
        asyncio.run(_may_serve(url))
        # The workers are processes of their own and read their settings from the environment, as we did.
        os.environ.update(MEIDE_DATABASE_URL=url, MEIDE_QUIET="1" if quiet else "", **keys.environment(found))
        shown = f"[{host}]" if ":" in host else host
        address = settings.public_url or f"http://{shown}:{listener.getsockname()[1]}"
        os.environ.setdefault("MEIDE_PUBLIC_URL", address)
        ready(url, address)
        config = uvicorn.Config(
            "api.serving:application",
            factory=True,
            loop="uvloop",
            http=OneWrite,
            workers=workers,
            timeout_graceful_shutdown=GRACE,
            timeout_worker_healthcheck=SLOWEST,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
            access_log=False,
            log_config=None,
            server_header=False,
            lifespan="on",
        )
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listener])
        else:
            Multiprocess(config, sockets=[listener]).run()


def application() -> Litestar:
    """What each worker runs."""
    configure_log(quiet=bool(os.environ.get("MEIDE_QUIET")))
    settings = settings_module.read(os.environ)
    if settings.database_url is None:
        raise SettingInvalid("MEIDE_DATABASE_URL", "it is missing")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    service = create_app(settings, connect.to(settings.database_url))
    memory.settle()
    return service


def _end_with_parent() -> None:
    """Ends a worker whose supervisor is gone, even if it was killed: it would hold the port for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def configure_log(*, quiet: bool = False) -> None:
    """One JSON line an event, to stderr; nothing of what people wrote, no values of variables."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )


class _Lines:
    """Writes to stderr what is logged in one turn of the event loop by one call: many answers go out in one."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def msg(self, line: bytes) -> None:
        """Takes one line."""
        self.lines.append(line)
        if len(self.lines) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.write)
        except RuntimeError:  # nothing runs any more, or yet
            self.write()

    debug = info = warning = error = critical = fatal = exception = msg

    def write(self) -> None:
        """Writes what has been collected."""
        lines, self.lines = self.lines, []
        sys.stderr.buffer.write(b"\n".join(lines) + b"\n")
        sys.stderr.buffer.flush()


def _json(event: dict[str, object], default: Callable[[object], object]) -> bytes:
    try:
        return msgspec.json.encode(event, enc_hook=default)
    except UnicodeEncodeError:  # the name of a file, perhaps
        return json.dumps(event, default=default).encode()


async def _may_serve(url: str) -> None:
    database = connect.to(url)
    try:
        await schema.may_serve(database)
    finally:
        await database.dispose()


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """One service a data folder; with a database of somebody else's there is no folder."""
    if settings.database_url is not None:
        yield
    else:
        with embedded.only_service(settings.data):
            yield


@contextmanager
def _port(host: str, port: int) -> Iterator[socket.socket]:
    """The listening socket, taken before anything else so that a taken port is said at once. PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(host, port) from None
            raise CannotListen(host, port, error.strerror or str(error)) from None
        listener.listen(2048)
        listener.set_inheritable(True)
        yield listener


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """Turns Ctrl-C, SIGTERM and a closed terminal into an orderly end of the block, whose clean-up they cannot cut."""

    def stop(number: int, frame: object) -> NoReturn:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(0)

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, stop)
    yield
