"""The primary dies under load and its synchronous standby takes over; the service only has to reach both."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.api.processes import KEYS, serving, until
from tests.soak.conftest import checked, new_desk, run
from tests.soak.crews import asked_again, hired, progress, sending, settled
from tests.soak.senders import WRITES
from tests.soak.servers import OWNER, SERVICE, pair
from tests.soak.sizes import SENDERS

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("link", ["sound", "broken"])
def test_what_was_acknowledged_is_on_the_promoted_standby_and_the_service_goes_on(folder: Path, link: str) -> None:
    with pair(folder) as servers:
        data = {
            "MEIDE_DATABASE_URL": servers.url(SERVICE),
            "MEIDE_OWNER_URL": servers.url(OWNER),
            **KEYS,
        }
        run("migrate", **data)
        desk = new_desk(**data)
        with serving("--workers", "2", **data) as service, hired(desk, SENDERS, WRITES) as senders:
            desk.address = service.address
            with sending(senders):
                progress(senders, 50)
                if link == "broken":
                    # From now on commits are on the primary only, and none may be acknowledged, not even when it has
                    # waited for longer than a statement may take.
                    receiver = servers.hold_up()
                    until(lambda: servers.longest_wait() > 6, "a commit to wait for the standby")
                    servers.primary.kill()
                    # It ends before it takes what the link still held.
                    os.kill(receiver, signal.SIGTERM)
                    os.kill(receiver, signal.SIGCONT)
                else:
                    servers.primary.kill()
                servers.promote()
                progress(senders, 50)
            asked_again(senders)
            settled(senders, servers.url(SERVICE))
            assert service.process.poll() is None
        assert sum(each.unanswered for each in senders) > 0
        checked(**data)
        assert servers.standby.ask("SELECT pg_is_in_recovery()") == [(False,)]
