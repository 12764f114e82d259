"""Attempts to sign in: who guesses waits longer and longer, and nobody else does.

Delays are counted for each pair of a user and an address, in the database, so that all workers share them. So nobody
can shut out another by guessing at her name from his own place, and fifty people behind one router do not add up. A
name that nobody has is counted by itself. Where one number is of two people in two books, both are counted: who knows
his own PIN does not get further guesses at hers. What is stored is a keyed digest: neither the user nor the address can
be read from it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, delete, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access import users
from ledger.access.tables import attempts
from ledger.errors import TooManyAttempts

FREE: Final = 5
"""So often one may be wrong without waiting."""
FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=15)
"""The first wait is doubled with each further failure, up to this: some hundred guesses a day."""
_WAITS: Final = {FREE + nth: min(FIRST_WAIT * 2 ** (nth - 1), LONGEST_WAIT) for nth in range(1, 11)}
FORGOTTEN_AFTER: Final = timedelta(days=1)


def digest(key: str, user_id: int | None, name: str, address: str) -> bytes:
    """Under what the attempts from an address at a user, or at a name that nobody has, are counted.

    Of an IPv6 address its network (/64) counts.
    """
    try:
        place = ipaddress.ip_address(address)
    except ValueError:
        network = address
    else:
        if isinstance(place, ipaddress.IPv6Address) and place.ipv4_mapped:
            place = place.ipv4_mapped
        network = str(ipaddress.ip_network((place, 64 if place.version == 6 else 32), strict=False))
    whom = f"user {user_id}" if user_id is not None else f"name {users.folded(name).strip()}"
    told = f"attempt\n{whom}\n{network}".encode("utf-8", "surrogatepass")
    return hmac.digest(key.encode(), told, hashlib.sha256)


async def begin(tx: AsyncConnection, attempt: bytes, now: datetime) -> None:
    """Counts an attempt as failed before the secret is looked at, so that guesses at the same time do not slip through.

    TooManyAttempts while it has to wait.
    """
    mine = attempts.c
    forgotten = mine.next_at < now - FORGOTTEN_AFTER
    failures = case((forgotten, 1), else_=mine.failures + 1)
    wait = case(
        (failures <= FREE, literal(timedelta(0))),
        *((failures == count, literal(each)) for count, each in _WAITS.items()),
        else_=literal(LONGEST_WAIT),
    )
    counted = await tx.execute(
        insert(attempts)
        .values(digest=attempt, failures=1, next_at=now)
        .on_conflict_do_update(
            index_elements=[mine.digest],
            set_={"failures": failures, "next_at": now + wait},
            # At once and yet free: the time of whoever was counted first may be a little later than this one's.
            where=or_(mine.failures <= FREE, mine.next_at <= now),
        )
        .returning(mine.failures)
    )
    if counted.first() is None:
        until = (await tx.execute(select(mine.next_at).where(mine.digest == attempt))).scalar_one_or_none() or now
        raise TooManyAttempts(max(1, -int((now - until).total_seconds() // 1)))


async def succeeded(tx: AsyncConnection, attempt: bytes) -> None:
    """Forgets the failures: she has remembered it."""
    await tx.execute(delete(attempts).where(attempts.c.digest == attempt))


async def not_counted(tx: AsyncConnection, attempt: bytes, now: datetime) -> None:
    """Takes back the one that was just begun, since it succeeded; the failures before it stay.

    For what many people's secrets are typed at: who knows one of them does not get further guesses at the others.
    """
    mine = attempts.c
    await tx.execute(delete(attempts).where(mine.digest == attempt, mine.failures <= 1))
    await tx.execute(update(attempts).where(mine.digest == attempt).values(failures=mine.failures - 1, next_at=now))


async def forget_old(tx: AsyncConnection, now: datetime) -> None:
    """Removes what no longer counts."""
    await tx.execute(delete(attempts).where(attempts.c.next_at < now - FORGOTTEN_AFTER))
