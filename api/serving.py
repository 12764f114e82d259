"""Serving: bring the database up, hold the port, run the workers, and leave everything clean at the end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import msgspec
import structlog
import uvicorn
from litestar import Litestar

from api import VERSION, figures, keys, memory, problems, sealing
from api import settings as settings_module
from api.app import create_app
from api.protocol import Protocol
from api.reach import Say, reached
from api.settings import Settings
from api.workers import SLOWEST, Workers, attend
from ledger.auditing import signer
from ledger.database import connect, embedded, schema
from ledger.errors import CannotListen, Fault, PortTaken, SettingInvalid

LOOKS_EVERY: Final = 0.5
"""Seconds between two looks whether the embedded PostgreSQL is there."""
TRIES_AGAIN_AFTER: Final = 5
"""Seconds until it is started again when it would not start."""
GRACE: Final = 10
"""Seconds that requests in flight get to finish when the service is told to stop."""

log = structlog.get_logger()


def serve(
    settings: Settings,
    host: str,
    port: int,
    workers: int,
    say: Say,
    ready: Callable[[str, str], None],
    *,
    reloads: bool = True,
    quiet: bool = False,
) -> None:
    """Serves until told to stop. `ready` gets the database's URL and the service's address, just before.

    `reloads`: SIGHUP makes it read its settings and keys anew, else it ends it. `quiet`: the log has no line for each
    request. Raises a Fault.
    """
    configure_log(quiet=quiet)
    environment = dict(os.environ)
    with (
        _told_to_stop(),
        _only_one(settings),
        _port(host, port) as listener,
        reached(settings, say, migrate=True) as url,
        _kept_alive(settings),
        figures.folder() as figures_folder,
    ):
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}"

        def read(now: Settings) -> None:
            """Makes settings those of the workers, which are processes of their own and read their environment."""
            to = now.database_url or url
            found = keys.of(now)
            by = sealing.signer_of(now)
            signer.ready(by)
            asyncio.run(_may_serve(to))
            for name in settings_module.SECRETS:
                os.environ.pop(f"{name}_FILE", None)
            os.environ.update(
                {
                    "MEIDE_DATABASE_URL": to,
                    "MEIDE_PUBLIC_URL": now.public_url or address,
                    "MEIDE_LOG_ORIGIN": by.name,
                    "MEIDE_LOG_STATE": str(by.folder),
                    **keys.environment(found),
                }
            )

        os.environ.update({"MEIDE_QUIET": "1" if quiet else "", figures.FOLDER: figures_folder})
        read(settings)
        ready(url, settings.public_url or address)
        config = uvicorn.Config(
            "api.serving:application",
            factory=True,
            workers=workers,
            timeout_graceful_shutdown=GRACE,
            timeout_worker_healthcheck=SLOWEST,
            **protocol(settings),
        )
        log.info("start", version=VERSION, workers=workers)
        reread = (lambda: read(settings_module.read(environment))) if reloads else None
        service = Workers(config, [listener], figures_folder, reread)
        service.run()
        log.info("stop")
    if service.failed:
        sys.exit(1)


def protocol(settings: Settings) -> dict[str, Any]:
    """How uvicorn is to speak with clients, and whom it is to believe what they forward."""
    return {
        "loop": "uvloop",
        "http": Protocol,
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": settings.trusted_proxies or None,
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "lifespan": "on",
    }


def application() -> Litestar:
    """What each worker runs."""
    configure_log(quiet=bool(os.environ.get("MEIDE_QUIET")))
    settings = settings_module.read(os.environ)
    if settings.database_url is None:
        raise SettingInvalid("MEIDE_DATABASE_URL", "it is missing")
    attend()
    service = create_app(settings, connect.to(settings.database_url))
    memory.settle()
    return service


@contextmanager
def _kept_alive(settings: Settings) -> Iterator[None]:
    """Brings the embedded PostgreSQL back whenever it is gone; somebody else's is somebody else's to look after."""
    if settings.database_url is not None:
        yield
        return
    over = threading.Event()

    def look_after() -> None:
        pause = LOOKS_EVERY
        while not over.wait(pause):
            pause = LOOKS_EVERY
            try:
                if embedded.is_gone(settings.data):
                    log.warning("database_gone")
                    embedded.bring_back(settings.data)
                    log.warning("database_back")
            except Fault as fault:
                log.error("database_gone", reason=problems.fault_sentence(fault, "en"))
                pause = TRIES_AGAIN_AFTER

    thread = threading.Thread(target=look_after)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def configure_log(*, quiet: bool = False) -> None:
    """One JSON line an event, to stderr; nothing of what people wrote, no values of variables."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of each stranger who speaks no HTTP
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
        with contextlib.suppress(OSError):  # a terminal that has been closed is no reason to stop
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
    """Turns Ctrl-C, SIGTERM and a closed terminal into an orderly end of the block, whose clean-up they cannot cut.

    While workers run, their supervisor hears these signals instead.
    """
    stopping = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` makes us ignore it
        stopping.append(signal.SIGHUP)

    def stop(number: int, frame: object) -> NoReturn:
        for each in stopping:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(0)

    for each in stopping:
        signal.signal(each, stop)
    yield
