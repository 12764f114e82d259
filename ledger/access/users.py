"""Users: who may sign in, with what password, and as what."""

from __future__ import annotations

import asyncio
import functools
import os
from dataclasses import dataclass, field
from typing import Final, Literal
from weakref import WeakKeyDictionary

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access.tables import users
from ledger.errors import InvalidField, UserExists, WrongPassword
from ledger.text import one_line

Role = Literal["operator", "volunteer"]

LOGIN_LENGTH: Final = 64
PASSWORD_LENGTHS: Final = (8, 200)
"""NIST SP 800-63B: at least 8 characters, and long ones are welcome."""

AT_ONCE: Final = max(2, os.cpu_count() or 1)

_limits: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_HASHER: Final = PasswordHasher()  # argon2id with RFC 9106's second recommended parameters


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signed in. `volunteer_no`: whose pages a volunteer sees, None for others."""

    user_id: int
    login: str
    book_id: int
    role: Role
    volunteer_no: str | None


async def create(
    tx: AsyncConnection, login: str, password: str, book_id: int, role: Role, volunteer_no: str | None = None
) -> User:
    """A user of one book. InvalidField, UserExists."""
    if not one_line(login, least=1, most=LOGIN_LENGTH) or login != login.strip():
        raise InvalidField("login", "not_a_login")
    if not PASSWORD_LENGTHS[0] <= len(password) <= PASSWORD_LENGTHS[1]:
        raise InvalidField("password", "too_short" if len(password) < PASSWORD_LENGTHS[0] else "too_long")
    if not _is_text(password):
        raise InvalidField("password", "not_a_text")
    if (role == "volunteer") != (volunteer_no is not None):
        raise InvalidField("volunteer", "only_for_volunteers" if volunteer_no else "missing")
    user_id = (
        await tx.execute(
            insert(users)
            .values(
                login=login,
                password_hash=await asyncio.to_thread(_HASHER.hash, password),
                book_id=book_id,
                role=role,
                volunteer_no=volunteer_no,
            )
            .on_conflict_do_nothing(index_elements=[users.c.login])
            .returning(users.c.user_id)
        )
    ).scalar_one_or_none()
    if user_id is None:
        raise UserExists(login)
    return User(user_id, login, book_id, role, volunteer_no)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a login before its password has been looked at."""

    user: User | None
    password_hash: str | None = field(repr=False)


async def find(tx: AsyncConnection, login: str) -> Candidate:
    """Who has this login, if anybody; `verify` decides whether it is he."""
    if not one_line(login, least=1, most=LOGIN_LENGTH):
        return Candidate(None, None)
    row = (
        await tx.execute(
            select(
                users.c.user_id,
                users.c.login,
                users.c.book_id,
                users.c.role,
                users.c.volunteer_no,
                users.c.password_hash,
            ).where(users.c.login == login)
        )
    ).one_or_none()
    if row is None:
        return Candidate(None, None)
    return Candidate(User(row.user_id, row.login, row.book_id, row.role, row.volunteer_no), row.password_hash)


async def verify(candidate: Candidate, password: str) -> User:
    """The user, if the password is his; WrongPassword, which takes as long for a login that does not exist.

    It takes a processor a fifth of a second and 64 MiB: call it outside of any transaction. No more than `AT_ONCE` run
    at a time, so that a flood of sign-ins is slow by itself and not for everybody else.
    """
    async with _limit():
        right = await asyncio.to_thread(_matches, candidate.password_hash, password)
    if candidate.user is None or not right:
        raise WrongPassword
    return candidate.user


def _limit() -> asyncio.Semaphore:
    """The semaphore of this event loop."""
    return _limits.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))


def _matches(password_hash: str | None, password: str) -> bool:
    if not _is_text(password) or len(password) > PASSWORD_LENGTHS[1]:
        return False
    try:
        return _HASHER.verify(password_hash or _nobodys_hash(), password)
    except VerificationError:
        return False


def _is_text(password: str) -> bool:
    """Whether it can be written in UTF-8: half a character cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in password)


@functools.cache
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody has this password")
