"""An hour of everything at once: no answer is wrong, nothing is lost, and the service does not grow."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ledger.database import embedded
from tests.api.processes import Service, serving
from tests.soak.conftest import checked, new_desk
from tests.soak.crews import hired, no_faults, sending, settled
from tests.soak.senders import EVERYTHING
from tests.soak.servers import postgresql_of
from tests.soak.sizes import RATE, SECONDS, SENDERS

pytestmark = pytest.mark.soak

WARM_UP = (1 / 12, 1 / 6)
"""The share of the time whose memory the end is compared with: minutes 5 to 10 of an hour."""
NOISE = 8 << 20
"""Bytes by which memory may differ without having grown."""


def memory(service: Service) -> dict[str, int]:
    """Bytes of the service, and of the connections of its PostgreSQL without the memory that they share."""
    connections = 0
    for each in postgresql_of(service):
        with suppress(psutil.Error):  # it has ended meanwhile
            if embedded.SERVICE in "".join(each.cmdline()):
                used = each.memory_info()
                connections += used.rss - used.shared
    return {"the service": psutil.Process(service.process.pid).memory_info().rss, "its connections": connections}


def test_memory_stays_flat_in_an_hour_of_mixed_load_and_no_answer_is_wrong(folder: Path) -> None:
    data = {"MEIDE_DATA": str(folder)}
    desk = new_desk(**data)
    samples: list[tuple[float, dict[str, int]]] = []
    with (
        serving(folder=folder) as service,
        hired(desk, SENDERS, EVERYTHING, pause=SENDERS / RATE, patient=False, keep=100) as senders,
    ):
        desk.address = service.address
        senders[0].close("2019-12")
        with sending(senders):
            begin = time.monotonic()
            while (passed := (time.monotonic() - begin) / SECONDS) < 1:
                no_faults(senders)
                samples.append((passed, memory(service)))
                time.sleep(min(1, SECONDS / 100))  # the pace of the samples
        asked = sum(each.answered for each in senders)
        with embedded.running(folder) as server:
            settled(senders, server.service_url)
        checked(**data)
        assert service.stop() == 0
    for what in samples[0][1]:
        early = statistics.median(used[what] for at, used in samples if WARM_UP[0] <= at < WARM_UP[1])
        late = statistics.median(used[what] for at, used in samples if at >= 0.9)
        assert late < early * 1.1 + NOISE, f"{what}: from {early} to {late} bytes after {asked} calls"
