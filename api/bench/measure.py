"""What the subjects of the benchmark have in common: closed loops, latencies, medians."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final
from uuid import uuid4

from api import memory

Progress = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and of how much."""


class Skipped(Exception):
    """A subject that cannot run here; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: two-entry transactions a second, and how many seconds each call took."""

    per_second: float
    latencies: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and between which values they lay."""

    median: float
    least: float
    most: float


Run = Callable[[int], Awaitable[Measured]]
"""Runs a subject for so many seconds."""


def spread(values: Sequence[float]) -> Spread:
    """The median, minimum and maximum of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def percentile(latencies: Sequence[float], percent: int) -> float | None:
    """The latency that `percent` of the calls did not exceed; None without calls."""
    ordered = sorted(latencies)
    return ordered[(len(ordered) - 1) * percent // 100] if ordered else None


def account_code(number: int) -> str:
    """The code of the plain account of that number."""
    return f"A{number:06d}"


def two_of(count: int) -> tuple[int, int]:
    """Two different numbers below `count`, drawn uniformly."""
    one, other = int(random.random() * count), int(random.random() * (count - 1))  # noqa: S311 - a draw, no secret
    return one, other + (other >= one)


_RUN: Final = uuid4().hex[:12]
_numbers = itertools.count()


def new_key() -> str:
    """A key that nobody else has. They rise, as keys that begin with the time do (UUIDv7): the cheapest to store."""
    return f"{_RUN}-{next(_numbers):012d}"


async def closed_loop(callers: int, seconds: float, call: Callable[[int], Awaitable[float]]) -> Measured:
    """Callers who each call again as soon as they have their answer; `call` answers how many transactions it was worth.

    The calls under way when the time is up count, and so does the time until the last one is answered.
    """
    memory.settle()  # as the service does; what the set-up left behind is not the subject's
    latencies: list[float] = []
    done = 0.0
    begun = perf_counter()
    end = begun + seconds

    async def caller(number: int) -> None:
        nonlocal done
        before = perf_counter()
        while before < end:
            worth = await call(number)  # `done += await …` would add to what `done` was before the wait
            after = perf_counter()
            done += worth
            latencies.append(after - before)
            before = after

    tasks = [asyncio.create_task(caller(number)) for number in range(callers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:  # if one of them failed
            task.cancel()
    return Measured(done / (perf_counter() - begun), latencies)


async def output_of(*command: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
    """What a program prints; it is ended with us. RuntimeError with its complaint when it fails."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=surroundings(**(environment or {}))
    )
    try:
        printed, complaint = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RuntimeError(
            f"{command[0]} ended with {process.returncode}: {complaint.decode(errors='replace')[-1000:]}"
        )
    return printed.decode()


def surroundings(**environment: str) -> dict[str, str]:
    """Our environment without our settings, and with those given."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MEIDE_")} | environment
