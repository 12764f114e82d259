"""Sessions: on which devices a user is signed in, and the short-lived statement of it that programs carry.

A device is one sign-in: a browser, whose cookie holds a secret, or a program, which gets an access token (JWT, RFC
7519, HS256, good for a quarter of an hour) and a refresh token that is good once and gives the next pair. A refresh
token that comes a second time has been stolen from somebody, so it ends the device (RFC 9700, 4.14.2). Whatever ends a
device ends it at once: each call asks whether its device still lives.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

import jwt
from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access import users
from ledger.access.rights import Grant, Principal
from ledger.access.tables import devices, refresh_tokens
from ledger.errors import SessionEnded, UnknownDevice

LIFETIME: Final = timedelta(minutes=15)
"""Of an access token."""
IDLE: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(hours=12)
"""A browser is signed out when nothing came from it for so long, and so long after it was signed in in any case."""
REMEMBERED: Final = timedelta(days=30)
"""A program that has not refreshed for so long signs in again."""
SEEN_TO: Final = timedelta(minutes=1)
"""How exactly it is kept when a browser was last seen."""

LABEL_LENGTH: Final = 64

Why = Literal["signed_out", "ended", "password_changed", "role_ended", "token_reused"]

_AUDIENCE: Final = "meide-ledger"
_ALGORITHM: Final = "HS256"


@dataclass(frozen=True, slots=True)
class Device:
    """Where a user is signed in."""

    device_id: uuid.UUID
    book_id: int
    label: str
    is_browser: bool
    signed_in_at: datetime
    seen_at: datetime


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


# --- a device begins --------------------------------------------------------------------------------------------------


async def begin(
    tx: AsyncConnection, me: Principal, label: str, now: datetime, *, browser: bool
) -> tuple[Principal, str]:
    """Signs in a user on a new device; answers the principal with it, and the cookie's secret or a refresh token."""
    device_id, secret = uuid.uuid4(), _new_secret()
    await tx.execute(
        insert(devices).values(
            device_id=device_id,
            user_id=me.number,
            book_id=me.book_id,
            secret=_digest(secret) if browser else None,
            label=label,
            signed_in_at=now,
            seen_at=now,
            expires_at=now + (LONGEST if browser else REMEMBERED),
        )
    )
    if not browser:
        await tx.execute(insert(refresh_tokens).values(digest=_digest(secret), device_id=device_id))
    return replace(me, device=device_id, signed_in_at=now), secret


def _new_secret() -> str:
    return f"mr_{secrets.token_urlsafe(32)}"


def choose(grants: dict[int, tuple[Grant, ...]], wanted: int | None) -> int | None:
    """The book of a session: the one wanted, else the first in which the user has a role."""
    if wanted is not None:
        return wanted if wanted in grants else None
    return next(iter(grants), None)


# --- a device goes on -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Renewed:
    """A program's device goes on: whose, in which book, and the refresh token for the next time."""

    user_id: int
    book_id: int
    device_id: uuid.UUID
    signed_in_at: datetime
    refresh_token: str = field(repr=False)


async def refresh(tx: AsyncConnection, token: str, now: datetime) -> Renewed | None:
    """Takes a refresh token and gives the next one. None where it is not good (any more): the caller commits and says
    SessionEnded, since one that was used before has just ended its device.
    """
    digest = _digest(token)
    device_id = (
        await tx.execute(
            update(refresh_tokens)
            .where(refresh_tokens.c.digest == digest, refresh_tokens.c.used_at.is_(None))
            .values(used_at=now)
            .returning(refresh_tokens.c.device_id)
        )
    ).scalar_one_or_none()
    if device_id is None:
        used = select(refresh_tokens.c.device_id).where(refresh_tokens.c.digest == digest).scalar_subquery()
        await _end(tx, devices.c.device_id == used, "token_reused", now)
        return None
    row = (
        await tx.execute(
            update(devices)
            .where(devices.c.device_id == device_id, devices.c.ended_at.is_(None), devices.c.expires_at > now)
            .values(seen_at=now, expires_at=now + REMEMBERED)
            .returning(devices.c.user_id, devices.c.book_id, devices.c.signed_in_at)
        )
    ).one_or_none()
    if row is None:
        return None
    following = _new_secret()
    await tx.execute(insert(refresh_tokens).values(digest=_digest(following), device_id=device_id))
    return Renewed(row.user_id, row.book_id, device_id, row.signed_in_at, following)


async def move(tx: AsyncConnection, device_id: uuid.UUID, book_id: int) -> None:
    """From now on the device is for another book of its user's."""
    await tx.execute(update(devices).where(devices.c.device_id == device_id).values(book_id=book_id))


async def of_browser(tx: AsyncConnection, secret: str, now: datetime) -> tuple[int, int, uuid.UUID, datetime]:
    """Whose browser holds this secret: user, book, device, and since when. SessionEnded."""
    row = (
        await tx.execute(
            select(
                devices.c.device_id, devices.c.user_id, devices.c.book_id, devices.c.signed_in_at, devices.c.seen_at
            ).where(
                devices.c.secret == _digest(secret),
                devices.c.ended_at.is_(None),
                devices.c.expires_at > now,
                devices.c.seen_at > now - IDLE,
            )
        )
    ).one_or_none()
    if row is None:
        raise SessionEnded
    if now - row.seen_at > SEEN_TO:
        await tx.execute(update(devices).where(devices.c.device_id == row.device_id).values(seen_at=now))
    return row.user_id, row.book_id, row.device_id, row.signed_in_at


def principal(
    user: users.User,
    grants: dict[int, tuple[Grant, ...]],
    book_id: int,
    book: str,
    *,
    device: uuid.UUID | None = None,
    signed_in_at: datetime | None = None,
) -> Principal:
    """A user as she is in one book."""
    return Principal(
        "user",
        user.user_id,
        book,
        book_id,
        login=user.login,
        grants=grants.get(book_id, ()),
        device=device,
        signed_in_at=signed_in_at,
        must_change=user.must_change,
    )


# --- a device ends ----------------------------------------------------------------------------------------------------


async def end(tx: AsyncConnection, user_id: int, device_id: uuid.UUID, now: datetime, why: Why = "signed_out") -> None:
    """Ends one device of a user; UnknownDevice if it is not hers or has ended."""
    mine = (devices.c.device_id == device_id) & (devices.c.user_id == user_id)
    if not await _end(tx, mine, why, now):
        raise UnknownDevice(device_id)


async def end_browser(tx: AsyncConnection, secret: str, now: datetime) -> None:
    """Ends the device of the browser that holds this secret, if it still lives."""
    await _end(tx, devices.c.secret == _digest(secret), "signed_out", now)


async def end_all(
    tx: AsyncConnection,
    user_id: int,
    now: datetime,
    why: Why,
    *,
    but: uuid.UUID | None = None,
    book_id: int | None = None,
) -> int:
    """Ends all devices of a user (in one book, or everywhere), perhaps but for the one in her hand; says how many."""
    mine = [devices.c.user_id == user_id]
    if but is not None:
        mine.append(devices.c.device_id != but)
    if book_id is not None:
        mine.append(devices.c.book_id == book_id)
    return await _end(tx, and_(*mine), why, now)


async def _end(tx: AsyncConnection, which: ColumnElement[bool], why: Why, now: datetime) -> int:
    ended = await tx.execute(
        update(devices)
        .where(which, devices.c.ended_at.is_(None))
        .values(ended_at=now, ended_why=why)
        .returning(devices.c.device_id)
    )
    return len(ended.all())


async def devices_of(tx: AsyncConnection, user_id: int, now: datetime) -> list[Device]:
    """Where a user is signed in, the newest first."""
    rows = await tx.execute(
        select(
            devices.c.device_id,
            devices.c.book_id,
            devices.c.label,
            devices.c.secret.is_not(None),
            devices.c.signed_in_at,
            devices.c.seen_at,
        )
        .where(
            devices.c.user_id == user_id,
            devices.c.ended_at.is_(None),
            devices.c.expires_at > now,
            or_(devices.c.secret.is_(None), devices.c.seen_at > now - IDLE),
        )
        .order_by(devices.c.seen_at.desc(), devices.c.device_id)
    )
    return [Device(*row) for row in rows]


async def alive(tx: AsyncConnection, wanted: Collection[uuid.UUID], now: datetime) -> dict[uuid.UUID, int]:
    """Which of these devices have not ended, and for which book each is."""
    rows = await tx.execute(
        select(devices.c.device_id, devices.c.book_id).where(
            devices.c.device_id.in_(wanted), devices.c.ended_at.is_(None), devices.c.expires_at > now
        )
    )
    return {row.device_id: row.book_id for row in rows}


async def forget_ended(tx: AsyncConnection, before: datetime) -> int:
    """Removes devices that ended or expired before a time, with their refresh tokens; answers how many."""
    old = or_(devices.c.ended_at < before, devices.c.expires_at < before)
    return await _forget(tx, old)


async def forget(tx: AsyncConnection, user_id: int, book_id: int) -> None:
    """Removes every trace of a user's devices in a book."""
    await _forget(tx, (devices.c.user_id == user_id) & (devices.c.book_id == book_id))


async def _forget(tx: AsyncConnection, which: ColumnElement[bool]) -> int:
    theirs = select(devices.c.device_id).where(which)
    await tx.execute(delete(refresh_tokens).where(refresh_tokens.c.device_id.in_(theirs)))
    return len((await tx.execute(delete(devices).where(which).returning(devices.c.device_id))).all())


# --- access tokens ----------------------------------------------------------------------------------------------------


def issue(me: Principal, keys: Sequence[str], now: datetime) -> str:
    """An access token for `me`, signed with the first key, that ends after `LIFETIME`."""
    assert me.device is not None
    assert me.signed_in_at is not None
    claims = {
        "sub": str(me.number),
        "aud": _AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "auth_time": int(me.signed_in_at.timestamp()),
        "sid": str(me.device),
        "login": me.login,
        "book": me.book,
        "book_id": me.book_id,
        "must_change": me.must_change,
        "grants": [
            [each.role, each.organisation, each.volunteer_no, each.outlet, each.until and each.until.isoformat()]
            for each in me.grants
        ],
    }
    return jwt.encode(claims, keys[0], algorithm=_ALGORITHM)


def recognise(token: str, keys: Sequence[str]) -> tuple[Principal, datetime]:
    """Whom a token speaks of and when it ends, if one of the keys signed it and it has not ended; SessionEnded."""
    for key in keys if token.isascii() else ():
        try:
            claims = jwt.decode(
                token, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, options={"require": ["exp", "iat", "sub"]}
            )
        except jwt.InvalidSignatureError:
            continue  # signed with another of our keys, perhaps
        except jwt.InvalidTokenError:
            break
        try:
            return _principal_of(claims), datetime.fromtimestamp(claims["exp"], UTC)
        except (KeyError, TypeError, ValueError):  # signed by us, but not a session
            break
    raise SessionEnded


def _principal_of(claims: dict[str, Any]) -> Principal:
    return Principal(
        "user",
        int(claims["sub"]),
        claims["book"],
        claims["book_id"],
        login=claims["login"],
        grants=tuple(
            Grant(role, organisation, volunteer_no, outlet, date.fromisoformat(until) if until else None)
            for role, organisation, volunteer_no, outlet, until in claims["grants"]
        ),
        device=uuid.UUID(claims["sid"]),
        signed_in_at=datetime.fromtimestamp(claims["auth_time"], UTC),
        must_change=claims["must_change"],
    )
