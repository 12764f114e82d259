"""How every command reaches its database: the one of the settings, or the embedded server for as long as it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from api.settings import Settings
from ledger.database import embedded, schema

SERVICE_ROLE: Final = "meide_app"
"""The service's role in the embedded server."""

Say = Callable[[str], None]


@contextmanager
def reached(settings: Settings, say: Say) -> Iterator[str]:
    """The URL of the database with the service's role, for as long as the block runs.

    Without MEIDE_DATABASE_URL the embedded server is joined or started, and migrated. Raises a Fault.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    with embedded.running(settings.data, say=say) as server:
        schema.upgrade(server.owner_url, SERVICE_ROLE)
        yield server.service_url
