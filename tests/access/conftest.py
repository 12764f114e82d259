"""A database of a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import connect
from tests.conftest import SERVICE, Server


@pytest.fixture
async def own(server: Server, template: str) -> AsyncIterator[AsyncEngine]:
    """A database in which nobody else has recorded anybody, as the service's role."""
    name = server.new_database(template)
    database = connect.to(server.url(SERVICE, name))
    yield database
    await database.dispose()
    server.drop_database(name)
