"""Real processes of the command line, for tests that start, stop and kill them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests import leaks
from tests.conftest import LOG_KEYS, LOG_STATE

LONGEST = 180
"""Seconds after which a condition that should come about has not: only a broken program waits so long."""

KEYS = {
    name: secrets.token_urlsafe(32)
    for name in ("MEIDE_SESSION_KEYS", "MEIDE_IDENTITY_KEYS", "MEIDE_INDEX_KEY", "MEIDE_PRINT_KEYS")
} | {"MEIDE_LOG_KEYS": LOG_KEYS[0]}
"""What a service on a database of somebody else's needs besides its URL."""


def meide(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end, in an environment of nothing but what is given."""
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=bare(environment),
        timeout=LONGEST,
        check=False,
    )


def bare(environment: dict[str, str]) -> dict[str, str]:
    if "MEIDE_DATABASE_URL" in environment:  # without a data folder it would be that of the machine
        environment = {"MEIDE_LOG_STATE": str(LOG_STATE), **environment}
    return {"PATH": os.defpath, "PYTHONUTF8": "1", **environment}


def until(condition: Callable[[], object], what: str) -> None:
    """Polls until `condition` holds: what is waited for happens in other processes, which send no event."""
    end = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """A `meide serve` that answers."""

    process: subprocess.Popen[str]
    address: str
    folder: Path | None
    log: Path | None = None

    def family(self) -> list[psutil.Process]:
        """The service, its workers, and the embedded PostgreSQL with its own processes."""
        own = psutil.Process(self.process.pid)
        found = [own, *own.children(recursive=True)]
        if self.folder is not None:
            cluster = str(self.folder / "cluster")
            for each in psutil.process_iter(["name"]):
                try:
                    if each.info["name"] == "postgres" and each.cwd() == cluster:
                        found.append(each)
                except psutil.Error:
                    continue
        return found

    def workers(self) -> set[int]:
        """The process ids of its workers that live; beside them is a process of multiprocessing's own."""
        found = set()
        for each in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                if "spawn_main" in " ".join(each.cmdline()):
                    found.add(each.pid)
        return found

    def logged(self) -> list[dict[str, Any]]:
        """The lines of its log that are whole; sentences for people are no JSON and left out."""
        assert self.log is not None
        lines = self.log.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def kill_everything(self) -> None:
        """kill -9 of the service and of PostgreSQL."""
        family = self.family()
        for each in family:
            each.kill()
        self.process.wait(LONGEST)
        psutil.wait_procs(family, LONGEST)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tells it to stop and waits; answers the exit code."""
        self.process.send_signal(how)
        return self.process.wait(LONGEST)


@contextmanager
def serving(
    *arguments: str, folder: Path | None = None, log: Path | None = None, **environment: str
) -> Iterator[Service]:
    """A service for the length of the block, on a free port; its log goes to the file `log`, and tells no secrets."""
    if log is None:
        with tempfile.TemporaryDirectory() as place:
            with serving(*arguments, folder=folder, log=Path(place) / "log", **environment) as service:
                yield service
            return
    port = free_port()
    if folder is not None:
        environment["MEIDE_DATA"] = str(folder)
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "serve", "--port", str(port), *arguments],
            stderr=stderr,
            stdout=subprocess.DEVNULL,
            text=True,
            env=bare(environment),
        )
    service = Service(process, f"http://127.0.0.1:{port}", folder, log)

    def ready() -> bool:
        assert process.poll() is None, f"the service ended with {process.returncode}"
        try:
            return httpx.get(f"{service.address}/readyz", timeout=LONGEST).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(ready, "the service")
        yield service
    finally:
        if process.poll() is None:
            service.stop()
    assert not list(leaks.in_log(log.read_text(errors="replace")))
