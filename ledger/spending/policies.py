"""The limits of spending in versions (`versions` says how they come into force).

An approved one begins tomorrow at the earliest, so that what was redeemed keeps the limits of its day; only a book's
first may begin earlier, in whose place the defaults stood.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import versions
from ledger.books.versions import Kind, Version
from ledger.errors import InvalidField, UnknownPolicy
from ledger.spending.policy import Policy
from ledger.spending.tables import policies
from ledger.text import one_line

MOST_POINTS: Final = 10**9

BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "code_seconds": (20, 600),
    "quote_seconds": (30, 600),
    "quotes_a_code": (1, 20),
    "quotes_a_day": (1, 1000),
    "free_points": (0, MOST_POINTS),
    "free_times": (0, 1000),
    "confirm_seconds": (30, 600),
    "shop_day_points": (1, MOST_POINTS),
    "pair_week_times": (0, 1000),
    "unknown_codes": (1, 100),
    "unknown_minutes": (1, 1440),
    "lock_minutes": (1, 1440),
    "apart_km": (1, 1000),
    "apart_minutes": (0, 1440),
    "cancel_margin_minutes": (0, 720),
    "refund_days": (0, 366),
    "dispute_days": (0, 366),
    "ticket_points": (1, MOST_POINTS),
    "ticket_days": (1, 3660),
    "paper_day_points": (0, MOST_POINTS),
    "agent_sample": (0, 100),
    "voucher_grace_days": (0, 366),
    "voucher_back_days": (0, 366),
    "burst_seconds": (0, 3600),
    "share_percent": (0, 100),
    "share_least": (1, 1_000_000),
    "fresh_hours": (0, 720),
    "night_from": (0, 23),
    "night_until": (0, 23),
}
"""The numbers of a policy, each with its least and its most. (A hold, as long as a confirmation takes, lasts 30 seconds
at least.)"""


def read(body: object) -> Policy:
    """The limits that a body says; what it leaves out is as in the defaults. InvalidField with the path."""
    if not isinstance(body, Mapping):
        raise InvalidField("policy", "not_an_object")
    values: dict[str, Any] = {}
    for name, value in body.items():
        if name in BOUNDS:
            values[name] = _whole(value, name, *BOUNDS[name])
        else:
            raise InvalidField(name if one_line(str(name), least=1, most=100) else "?", "unknown")
    return Policy(**values)


def stored(policy: Policy) -> dict[str, Any]:
    """The body of a policy with everything in it; `read` of it is the policy (without its version)."""
    return {name: getattr(policy, name) for name in BOUNDS}


@lru_cache(maxsize=64)
def _read(body: str, version: int) -> Policy:
    """A stored body: the same for ever, and asked for at every redemption."""
    return replace(read(json.loads(body)), version=version)


LIMITS: Final = Kind(policies, "policy", UnknownPolicy, _read)


async def draft(
    tx: AsyncConnection, book: int, policy: Policy, *, effective_from: date, note: str = "", by: str, now: datetime
) -> Version[Policy]:
    """Keeps limits as the next version, for a second person to approve. InvalidField, BeginsTooEarly."""
    body = stored(policy)
    read(body)  # what cannot be read is not stored
    return await versions.draft(tx, LIMITS, book, body, effective_from=effective_from, note=note, by=by, now=now)


async def approve(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version[Policy]:
    """Brings a draft into force from its first day on. By another person than who drafted it.

    UnknownPolicy, AlreadyDecided, SecondPersonNeeded, BeginsTooEarly.
    """
    return await versions.approve(tx, LIMITS, book, version, by=by, now=now)


async def decline(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version[Policy]:
    """Ends a draft: declined by somebody else, or withdrawn by who made it. UnknownPolicy, AlreadyDecided."""
    return await versions.decline(tx, LIMITS, book, version, by=by, now=now)


async def in_force(tx: AsyncConnection, book: int, day: date) -> Policy:
    """The limits of a day: the newest approved version that has begun, or the defaults."""
    found = await versions.in_force(tx, LIMITS, book, day)
    return DEFAULT if found is None else found.content


def policy_of(body: str | None, version: int | None) -> Policy:
    """The limits as they are stored; none stored: the defaults."""
    return DEFAULT if body is None or version is None else _read(body, version)


async def find(tx: AsyncConnection, book: int, version: int) -> Version[Policy]:
    """One version; UnknownPolicy."""
    return await versions.find(tx, LIMITS, book, version)


async def versions_of(
    tx: AsyncConnection, book: int, *, before: int | None = None, limit: int = 200
) -> Sequence[Version[Policy]]:
    """The versions of a book, the newest first; before a version, or all."""
    return await versions.versions_of(tx, LIMITS, book, before=before, limit=limit)


def _whole(value: object, path: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidField(path, "not_a_whole_number")
    if not least <= value <= most:
        raise InvalidField(path, f"not_{least}_to_{most}")
    return value


DEFAULT: Final = Policy()

assert set(BOUNDS) == {each.name for each in fields(Policy)} - {"version"}, "every number has its bounds"
assert read(stored(DEFAULT)) == DEFAULT
