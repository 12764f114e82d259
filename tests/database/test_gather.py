"""Look-ups gathered: asked of the database once for many, and never answered from before the question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.database import connect
from ledger.database.gather import Gathered


class Lookups:
    """Looks squares up in the database, of numbers above zero; remembers what was asked, and waits or fails if told."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asking = asyncio.Event()
        self.fails: Exception | None = None

    async def __call__(self, tx: AsyncConnection, keys: Sequence[int]) -> dict[int, int]:
        self.asked.append(list(keys))
        self.asking.set()
        await self.may_answer.wait()
        if self.fails is not None:
            raise self.fails
        squares = text("SELECT n, n * n AS square FROM unnest(CAST(:keys AS int[])) AS n WHERE n > 0")
        return {row.n: row.square for row in await tx.execute(squares, {"keys": keys})}


async def turns() -> None:
    """Lets everybody who is ready go as far as they can without the database."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_caller_gets_his_own_answer(database: AsyncEngine) -> None:
    squares = Gathered(database, Lookups())
    assert await asyncio.gather(*(squares(n) for n in (3, 0, 5, 3))) == [9, None, 25, 9]


async def test_calls_at_the_same_time_are_one_question_with_each_key_once(database: AsyncEngine) -> None:
    lookups = Lookups()
    squares = Gathered(database, lookups)
    await asyncio.gather(*(squares(n % 10) for n in range(100)))
    assert [sorted(keys) for keys in lookups.asked] == [list(range(10))]


async def test_who_comes_while_a_question_is_under_way_asks_anew_for_the_same(database: AsyncEngine) -> None:
    """What has been revoked since is not answered from a question that was asked before."""
    lookups = Lookups()
    squares = Gathered(database, lookups)
    lookups.may_answer.clear()
    first = asyncio.create_task(squares(3))
    await lookups.asking.wait()
    later = [asyncio.create_task(squares(n)) for n in (3, 4, 3)]
    await turns()
    assert lookups.asked == [[3]]
    lookups.may_answer.set()
    assert [await first, *[await each for each in later]] == [9, 9, 16, 9]
    assert lookups.asked == [[3], [3, 4]]


async def test_nothing_is_remembered(database: AsyncEngine) -> None:
    lookups = Lookups()
    squares = Gathered(database, lookups)
    assert [await squares(3), await squares(3)] == [9, 9]
    assert lookups.asked == [[3], [3]]


async def test_a_failure_is_theirs_who_asked_and_nobody_elses(database: AsyncEngine) -> None:
    lookups = Lookups()
    squares = Gathered(database, lookups)
    lookups.may_answer.clear()
    lookups.fails = RuntimeError("the database is away")
    first = [asyncio.create_task(squares(n)) for n in (1, 2)]
    await lookups.asking.wait()
    lookups.asking.clear()
    later = asyncio.create_task(squares(3))
    await turns()
    lookups.may_answer.set()
    failed = await asyncio.gather(*first, return_exceptions=True)
    assert [str(each) for each in failed] == ["the database is away"] * 2
    with pytest.raises(RuntimeError):
        await later
    lookups.fails = None
    assert await squares(3) == 9


async def test_who_leaves_does_not_take_the_answer_along(database: AsyncEngine) -> None:
    lookups = Lookups()
    squares = Gathered(database, lookups)
    lookups.may_answer.clear()
    leaving, staying = asyncio.create_task(squares(3)), asyncio.create_task(squares(3))
    await lookups.asking.wait()
    leaving.cancel()
    await turns()
    assert leaving.cancelled()
    lookups.may_answer.set()
    assert await staying == 9
    assert await squares(4) == 16


async def test_a_hundred_callers_need_one_connection(database: AsyncEngine) -> None:
    narrow = connect.to(database.url.render_as_string(hide_password=False), connections=1)
    try:
        squares = Gathered(narrow, Lookups())
        assert await asyncio.gather(*(squares(n) for n in range(1, 101))) == [n * n for n in range(1, 101)]
    finally:
        await narrow.dispose()
