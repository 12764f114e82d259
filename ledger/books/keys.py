"""Idempotency keys: what a key stands for once it has been used.

A key belongs to a book and a client. The first call under it decides: the same call again is answered from what is
stored here, another call is a conflict. The call is an opaque text, compared byte by byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.tables import keys
from ledger.errors import StateRefusal

KEY_LENGTH: Final = 255

IMPORT: Final = "import"
"""The client of imported files, whose keys are exported bare."""

ROOM: Final = "room:books"
"""The client of what the books post by themselves."""

CLIENT: Final = re.compile(r"import|(?:token|till|user|room):[0-9A-Za-z._-]{1,64}")
"""Whose key it is: the four forms of the contract, and the import of files."""


_FACTS: Final[dict[str, Callable[[str], object]]] = {
    "transaction": UUID,
    "hold": UUID,
    "day": date.fromisoformat,
    "closed_through": date.fromisoformat,
    "expires_at": datetime.fromisoformat,
    "used_at": datetime.fromisoformat,
    "until": datetime.fromisoformat,
}
"""How the facts that are no JSON values are read again."""


class Used(NamedTuple):
    """The outcome of the first call under a key: a transaction or a refusal."""

    call: str
    transaction_id: UUID | None
    refusal: StateRefusal | None


async def find(tx: AsyncConnection, book: int, client: str, key: str) -> str | None:
    """The call that a key stands for, if it has been used."""
    return (
        await tx.execute(select(keys.c.call).where(keys.c.book_id == book, keys.c.client == client, keys.c.key == key))
    ).scalar_one_or_none()


def dump(refusal: StateRefusal) -> str:
    """The refusal as it is stored."""
    return json.dumps({"refusal": type(refusal).__name__, **dict(refusal.facts())}, ensure_ascii=False, default=str)


def restore(stored: str) -> StateRefusal:
    """The refusal that `dump` stored."""
    facts = json.loads(stored)
    kinds = {kind.__name__: kind for kind in StateRefusal.__subclasses__()}
    for name, read in _FACTS.items():
        if facts.get(name) is not None:
            facts[name] = read(facts[name])
    return kinds[facts.pop("refusal")](**facts)
