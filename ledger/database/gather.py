"""Look-ups gathered: what many callers want to know at the same time is asked of the database once.

Nothing is remembered: every answer was read after its question was asked, so what has been revoked is refused by the
next call, and yet a hundred calls at a time cost one round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

K = TypeVar("K")
V = TypeVar("V")


class Gathered(Generic[K, V]):
    """Asks `look_up` for the keys that came while the questions before were under way."""

    def __init__(
        self, database: AsyncEngine, look_up: Callable[[AsyncConnection, Sequence[K]], Awaitable[Mapping[K, V]]]
    ) -> None:
        self._database = database
        self._look_up = look_up
        self._asked: dict[K, asyncio.Future[V | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def __call__(self, key: K) -> V | None:
        """What is known of `key` now; None if nothing is."""
        answer = self._asked.get(key)
        if answer is None:
            answer = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)  # others may wait for the same: who leaves does not take it along

    async def _ask(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    async with self._database.begin() as tx:
                        found = await self._look_up(tx, list(asked))
                except Exception as error:  # whatever it is, it belongs to those who asked
                    for answer in asked.values():
                        answer.set_exception(error)
                        answer.exception()  # even if nobody is left to hear it
                else:
                    for key, answer in asked.items():
                        answer.set_result(found.get(key))
        finally:
            self._asking = None
