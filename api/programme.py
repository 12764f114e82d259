"""The public figures of a programme, which anybody may ask for as often as he likes: computed once a minute a book."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.earning import figures
from ledger.earning.figures import Programme

SECONDS: Final = 60
"""How long figures are shown before they are computed anew."""


class Programmes:
    """The figures of each book that was asked for, no older than a minute; those who ask meanwhile wait for one."""

    def __init__(self, database: AsyncEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._found: dict[str, tuple[float, Programme]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def of(self, code: str) -> Programme:
        """The figures of a book. UnknownBook."""
        if (fresh := self._fresh(code)) is not None:
            return fresh
        # Held by whoever asks: of an address that is no book's nothing is left behind.
        turn = self._turns.setdefault(code, asyncio.Lock())
        try:
            async with turn:
                if (fresh := self._fresh(code)) is not None:
                    return fresh
                async with self._database.connect() as tx:
                    found = await figures.programme(tx, code)
                self._found[code] = (self._clock() + SECONDS, found)
                return found
        finally:
            if not turn.locked() and self._turns.get(code) is turn:
                del self._turns[code]

    def _fresh(self, code: str) -> Programme | None:
        until, found = self._found.get(code, (0.0, None))
        return found if self._clock() < until else None
