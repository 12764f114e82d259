"""The processes that serve, and the one above that starts, replaces and ends them: uvicorn's, with a gentle reload."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable
from socket import socket
from typing import Final

import structlog
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from api import figures, problems
from api.protocol import Protocol
from ledger.errors import Fault

SLOWEST: Final = 60
"""Seconds that a worker may take to say that it lives: on a busy machine the 5 of uvicorn replace healthy ones."""
MOST_FILES: Final = 65_536
"""What a worker may have open: mostly connections. Many systems begin with 1,024."""
RETIRE: Final = signal.SIGUSR1
"""Tells a worker that another one takes its place."""

log = structlog.get_logger()


class Workers(Multiprocess):
    """The workers of a service.

    At SIGHUP `reread` looks at the settings anew, and when new workers answer, the old ones answer what they have
    begun and end. If the settings or the new workers are no good, the old ones stay. Without `reread` SIGHUP ends the
    service, and so does a terminal that was there at the start and is closed.
    """

    def __init__(
        self, config: Config, sockets: list[socket], figures_folder: str, reread: Callable[[], None] | None
    ) -> None:
        self.figures_folder = figures_folder
        self.reread = reread
        self.retired: list[Process] = []
        self.failed = False
        self.at_a_terminal = _at_a_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        super().__init__(config, sockets)

    def handle_hup(self) -> None:
        """Reloads, or ends."""
        if self.at_a_terminal and not _at_a_terminal():
            for stream in (1, 2):  # what is still written would be an error
                with open(os.devnull, "wb") as nowhere:
                    os.dup2(nowhere.fileno(), stream)
            self.should_exit.set()
            return
        if self.reread is None:
            self.should_exit.set()
            return
        try:
            self.reread()
        except Fault as fault:
            log.error("reload_refused", reason=problems.fault_sentence(fault, "en"))
            return
        fresh = [Process(self.config, self.sockets) for _ in self.processes]
        for process in fresh:
            process.start()
        if not all(self._answers(process) for process in fresh):
            for process in fresh:
                process.kill()
                process.join()
                self._ended(process)
            if not self._is_told_to_end():
                log.error("reload_refused", reason="the new workers did not start")
            return
        old, self.processes = self.processes, fresh
        for process in old:
            if process.process.is_alive() and process.pid:
                os.kill(process.pid, RETIRE)
        self.retired += old
        log.info("reload", workers=len(fresh))

    def _answers(self, process: Process) -> bool:
        """Waits until it serves; False if it has ended, takes too long, or we are told to end."""
        deadline = time.monotonic() + SLOWEST
        while process.process.is_alive() and time.monotonic() < deadline:
            if self._is_told_to_end():
                return False
            if process.is_ready(timeout=1):
                return True
            self.should_exit.wait(0.05)
        return False

    def _is_told_to_end(self) -> bool:
        return bool({signal.SIGINT, signal.SIGTERM} & set(self.signal_queue))

    def keep_subprocess_alive(self) -> None:
        """Replaces workers that have died, and takes leave of those that have retired."""
        before = list(self.processes)
        super().keep_subprocess_alive()
        for process in before:
            if process not in self.processes:
                self._ended(process)
                log.warning("worker_replaced", exit_code=process.exitcode)
            elif process.exitcode == STARTUP_FAILURE:
                self.failed = True
        for process in [each for each in self.retired if not each.process.is_alive()]:
            process.join()
            self._ended(process)
            self.retired.remove(process)

    def terminate_all(self) -> None:
        """Tells all to end, those that have retired too."""
        self.processes += self.retired
        super().terminate_all()

    def _ended(self, process: Process) -> None:
        if process.pid:
            figures.ended(process.pid, self.figures_folder)


def _at_a_terminal() -> bool:
    """Whether there is a terminal that could be closed: it is gone as soon as its end is signalled."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def attend() -> None:
    """In a worker: takes many connections, retires when told to, ends with its supervisor even if that is killed."""

    def retire(*_: object) -> None:
        Protocol.retiring = True
        signal.raise_signal(signal.SIGTERM)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < (most := MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    signal.signal(RETIRE, retire)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal's; our supervisor hears it too
    threading.Thread(target=_end_with_supervisor, daemon=True).start()


def _end_with_supervisor() -> None:
    """A worker without its supervisor would hold the port for ever."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
        shutil.rmtree(os.environ.get(figures.FOLDER, ""), ignore_errors=True)
        os.kill(os.getpid(), signal.SIGTERM)
