"""How every command reaches its database: the one of the settings, or the embedded server for as long as it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.settings import Settings
from ledger.database import embedded, schema

Say = Callable[[str], None]


@contextmanager
def reached(settings: Settings, say: Say, *, migrate: bool = False) -> Iterator[str]:
    """The URL of the database with the service's role, for as long as the block runs.

    Without MEIDE_DATABASE_URL the embedded server is joined or started; a new one gets its schema, an older one only
    where `migrate` says so, since a service of that version may be running. Raises a Fault.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    with embedded.running(settings.data, say=say) as server:
        if migrate or schema.is_empty(server.owner_url):
            schema.upgrade(server.owner_url, embedded.SERVICE)
        yield server.service_url
