"""The limits of spending in versions. One person drafts, another approves, and on its first day a version is in force.

A version says the same for ever. An approved one begins tomorrow at the earliest, so that what was redeemed keeps the
limits of its day; only a book's first may begin earlier, in whose place the defaults stood. What was approved and has
not begun is replaced by approving another version for the same day: of several for one day the highest is in force.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.days import day_of
from ledger.errors import AlreadyDecided, BeginsTooEarly, InvalidField, SecondPersonNeeded, UnknownPolicy
from ledger.spending.policy import Policy
from ledger.spending.tables import policies
from ledger.text import one_line

NOTE_LENGTH: Final = 500
EARLIEST: Final = date(1990, 1, 1)
LATEST: Final = date(9999, 1, 1)
"""Nothing is approved to begin before or after."""
MOST_POINTS: Final = 10**9
MOST_STARS: Final = 10
MOST_STAR_MINUTES: Final = 6_000_000
"""A hundred thousand hours: more than anybody serves."""

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


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the limits. `approved` None: it waits for a second person."""

    policy: Policy
    effective_from: date
    note: str
    drafted_by: str
    drafted_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    approved: bool | None = None

    @property
    def version(self) -> int:
        return self.policy.version


def read(body: object) -> Policy:
    """The limits that a body says; what it leaves out is as in the defaults. InvalidField with the path."""
    if not isinstance(body, Mapping):
        raise InvalidField("policy", "not_an_object")
    values: dict[str, Any] = {}
    for name, value in body.items():
        if name in BOUNDS:
            values[name] = _whole(value, name, *BOUNDS[name])
        elif name == "star_minutes":
            values[name] = _star_minutes(value, name)
        else:
            raise InvalidField(name if one_line(str(name), least=1, most=100) else "?", "unknown")
    return Policy(**values)


def stored(policy: Policy) -> dict[str, Any]:
    """The body of a policy with everything in it; `read` of it is the policy (without its version)."""
    return {name: getattr(policy, name) for name in BOUNDS} | {"star_minutes": list(policy.star_minutes)}


async def draft(
    tx: AsyncConnection, book: int, policy: Policy, *, effective_from: date, note: str = "", by: str, now: datetime
) -> Version:
    """Keeps limits as the next version, for a second person to approve. InvalidField, BeginsTooEarly."""
    if not one_line(note, least=0, most=NOTE_LENGTH):
        raise InvalidField("note", "not_one_line")
    if not EARLIEST <= effective_from <= LATEST:
        raise InvalidField("effective_from", "out_of_range")
    body = stored(policy)
    read(body)  # what cannot be read is not stored
    await _in_time(tx, book, effective_from, now)
    while True:
        last = await tx.execute(select(func.max(policies.c.version)).where(policies.c.book_id == book))
        version = (last.scalar_one() or 0) + 1
        added = await tx.execute(
            insert(policies)
            .values(
                book_id=book,
                version=version,
                effective_from=effective_from,
                body=body,
                note=note,
                drafted_by=by,
                drafted_at=now,
            )
            .on_conflict_do_nothing(index_elements=[policies.c.book_id, policies.c.version])
            .returning(policies.c.version)
        )
        # Whoever took the number at the same time has committed by now: the next look sees it.
        if added.first() is not None:
            return await find(tx, book, version)


async def approve(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version:
    """Brings a draft into force from its first day on. By another person than who drafted it.

    UnknownPolicy, AlreadyDecided, SecondPersonNeeded, BeginsTooEarly.
    """
    found = await _to_decide(tx, book, version)
    if found.drafted_by == by:
        raise SecondPersonNeeded
    await _in_time(tx, book, found.effective_from, now)
    return await _decided(tx, book, found, by=by, now=now, approved=True)


async def decline(tx: AsyncConnection, book: int, version: int, *, by: str, now: datetime) -> Version:
    """Ends a draft: declined by somebody else, or withdrawn by who made it. UnknownPolicy, AlreadyDecided."""
    return await _decided(tx, book, await _to_decide(tx, book, version), by=by, now=now, approved=False)


async def in_force(tx: AsyncConnection, book: int, day: date) -> Policy:
    """The limits of a day: the newest approved version that has begun, or the defaults."""
    newest = (
        select(cast(policies.c.body, Text), policies.c.version)
        .where(policies.c.book_id == book, policies.c.approved.is_(True), policies.c.effective_from <= day)
        .order_by(policies.c.effective_from.desc(), policies.c.version.desc())
        .limit(1)
    )
    row = (await tx.execute(newest)).one_or_none()
    return DEFAULT if row is None else policy_of(*row)


def policy_of(body: str | None, version: int | None) -> Policy:
    """The limits as they are stored; none stored: the defaults."""
    return DEFAULT if body is None or version is None else replace(_read(body), version=version)


async def find(tx: AsyncConnection, book: int, version: int) -> Version:
    """One version; UnknownPolicy."""
    found = _VERSIONS.where(policies.c.book_id == book, policies.c.version == version)
    row = (await tx.execute(found)).one_or_none()
    if row is None:
        raise UnknownPolicy(version)
    return _version(*row)


async def versions_of(
    tx: AsyncConnection, book: int, *, before: int | None = None, limit: int = 200
) -> Sequence[Version]:
    """The versions of a book, the newest first; before a version, or all."""
    wanted = _VERSIONS.where(policies.c.book_id == book).order_by(policies.c.version.desc()).limit(limit)
    rows = await tx.execute(wanted if before is None else wanted.where(policies.c.version < before))
    return [_version(*row) for row in rows]


async def _in_time(tx: AsyncConnection, book: int, effective_from: date, now: datetime) -> None:
    """BeginsTooEarly where limits have been approved and these would begin before tomorrow."""
    tomorrow = day_of(now) + timedelta(days=1)
    if effective_from < tomorrow:
        approved = select(policies.c.version).where(policies.c.book_id == book, policies.c.approved.is_(True))
        if (await tx.execute(approved.limit(1))).first() is not None:
            raise BeginsTooEarly(effective_from, tomorrow)


async def _to_decide(tx: AsyncConnection, book: int, version: int) -> Version:
    """The draft; all versions of the book are locked, since the first that is approved is the first for all others."""
    rows = await tx.execute(
        select(policies.c.version)
        .where(policies.c.book_id == book)
        .order_by(policies.c.version)
        .with_for_update(key_share=True)
    )
    if version not in rows.scalars().all():
        raise UnknownPolicy(version)
    found = await find(tx, book, version)  # as it is now that it is locked
    if found.approved is not None:
        raise AlreadyDecided
    return found


async def _decided(
    tx: AsyncConnection, book: int, found: Version, *, by: str, now: datetime, approved: bool
) -> Version:
    await tx.execute(
        update(policies)
        .where(policies.c.book_id == book, policies.c.version == found.version)
        .values(decided_by=by, decided_at=now, approved=approved)
    )
    return replace(found, decided_by=by, decided_at=now, approved=approved)


_VERSIONS: Final = select(
    policies.c.version,
    policies.c.effective_from,
    cast(policies.c.body, Text).label("body"),
    policies.c.note,
    policies.c.drafted_by,
    policies.c.drafted_at,
    policies.c.decided_by,
    policies.c.decided_at,
    policies.c.approved,
)


@lru_cache(maxsize=64)
def _read(body: str) -> Policy:
    """A stored body: the same for ever, and asked for at every redemption."""
    return read(json.loads(body))


def _version(version: int, effective_from: date, body: str, *rest: Any) -> Version:
    return Version(replace(_read(body), version=version), effective_from, *rest)


def _whole(value: object, path: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidField(path, "not_a_whole_number")
    if not least <= value <= most:
        raise InvalidField(path, f"not_{least}_to_{most}")
    return value


def _star_minutes(value: object, path: str) -> tuple[int, ...]:
    """One star's, two stars', and so on: rising, at least one, all of them whole minutes."""
    if not isinstance(value, list):
        raise InvalidField(path, "not_a_list")
    if not 1 <= len(value) <= MOST_STARS:
        raise InvalidField(path, f"not_1_to_{MOST_STARS}")
    below = 0
    for number, each in enumerate(value):
        if _whole(each, f"{path}[{number}]", 1, MOST_STAR_MINUTES) <= below:
            raise InvalidField(f"{path}[{number}]", "not_rising")
        below = each
    return tuple(value)


DEFAULT: Final = Policy()

assert set(BOUNDS) == {each.name for each in fields(Policy)} - {"version", "star_minutes"}, (
    "every number has its bounds"
)
assert read(stored(DEFAULT)) == DEFAULT
