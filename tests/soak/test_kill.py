"""kill -9 under load: what was acknowledged is there once, and what was not is taken once when it is sent again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from ledger.database import embedded
from tests.api.processes import Service, meide, serving, until
from tests.soak.conftest import checked, new_desk
from tests.soak.crews import asked_again, hired, progress, sending, settled
from tests.soak.senders import WRITES
from tests.soak.servers import postgresql_of
from tests.soak.sizes import KILLS, SENDERS

pytestmark = pytest.mark.soak


def lives(process: psutil.Process) -> bool:
    """Whether it still does anything: a dead PostgreSQL stays in the list of processes until its parent looks."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def service_of(service: Service) -> list[psutil.Process]:
    """The service and its workers; its PostgreSQL, if it started it, is no part of them."""
    own = psutil.Process(service.process.pid)
    return [own, *(each for each in own.children() if each != postgresql_of(service)[0])]


def kill(processes: list[psutil.Process]) -> None:
    for each in processes:
        with suppress(psutil.NoSuchProcess):  # those that PostgreSQL has for a moment only
            each.kill()
    until(lambda: not any(map(lives, processes)), "the killed processes to end")


def kill_service(service: Service) -> None:
    """The service with its workers; its PostgreSQL stays behind, and the next service takes it over."""
    kill(service_of(service))
    service.process.wait()


def kill_postgresql(service: Service) -> None:
    """All of PostgreSQL at once; the next command starts it again and leaves it to the service."""
    kill(postgresql_of(service))
    start_again(service)


def kill_postmaster(service: Service) -> None:
    """PostgreSQL's first process alone; the others end when they notice."""
    kill(postgresql_of(service)[:1])
    start_again(service)


def start_again(service: Service) -> None:
    done = meide("balances", "--book", "none", MEIDE_DATA=str(service.folder))
    assert "There is no book none" in done.stderr


def kill_connection(service: Service) -> None:
    """One process that works for the service: PostgreSQL ends the others and recovers by itself."""

    def works_for_it(process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return embedded.SERVICE in " ".join(process.cmdline())
        return False

    kill([next(filter(works_for_it, postgresql_of(service)))])


def kill_everything(service: Service) -> None:
    """The service and PostgreSQL, as when the machine loses its power."""
    kill([*service_of(service), *postgresql_of(service)])
    service.process.wait()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    "kills",
    [
        pytest.param([kill_service], id="service"),
        pytest.param([kill_postgresql, kill_postmaster, kill_connection], id="postgresql"),
        pytest.param([kill_everything], id="everything"),
    ],
)
def test_what_was_acknowledged_is_there_once_after_kills_under_load(
    folder: Path, kills: list[Callable[[Service], None]], workers: str
) -> None:
    data = {"MEIDE_DATA": str(folder)}
    desk = new_desk(**data)
    with hired(desk, SENDERS, WRITES) as senders, ExitStack() as services:
        service = services.enter_context(serving("--workers", workers, folder=folder))
        desk.address = service.address
        with sending(senders):
            for number in range(KILLS):
                progress(senders, 20 + number)
                kills[number % len(kills)](service)
                if service.process.poll() is not None:
                    service = services.enter_context(serving("--workers", workers, folder=folder))
                    desk.address = service.address
            progress(senders, 20)
        asked_again(senders)
        with embedded.running(folder) as server:
            settled(senders, server.service_url)
        checked(**data)
        assert service.stop() == 0
    assert sum(each.unanswered for each in senders) > 0, "no kill was noticed"
