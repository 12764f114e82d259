"""Users: who may sign in, by which names, with what password or PIN, and in which roles.

A user signs in by a login; a volunteer also by her volunteer number. What she proves it with is a password, or a PIN of
six digits: few enough to remember, so `attempts` makes guessing slow.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final
from weakref import WeakKeyDictionary

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Row, case, delete, null, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access.rights import AUDIT_DAYS, Grant
from ledger.access.tables import renewals, roles, users
from ledger.database import connect, events
from ledger.days import day_of
from ledger.errors import InvalidField, NumberHasUser, UnknownRole, UnknownUser, UserExists, WrongPassword
from ledger.text import one_line

LOGIN_LENGTH: Final = 64
PASSWORD_LENGTHS: Final = (8, 200)
"""NIST SP 800-63B: at least 8 characters, and long ones are welcome."""
FEWEST_CHARACTERS: Final = 4
"""So many different ones a password has at least."""
COMMON: Final = frozenset(
    (
        *("password", "password1", "passw0rd", "12345678", "123456789", "1234567890", "87654321", "987654321"),
        *("0987654321", "01234567", "12341234", "12344321", "11223344", "1122334455", "123123123"),
        *("147258369", "135792468", "qwertyui", "qwertyuiop", "asdfghjk", "asdfghjkl", "zxcvbnm1", "1qaz2wsx"),
        *("1q2w3e4r", "1q2w3e4r5t", "qwer1234", "asdf1234", "abcd1234", "1234abcd", "abc12345", "a1234567"),
        *("a12345678", "aa123456", "a123456789", "abcdefgh", "iloveyou", "woaini123", "woaini520"),
        *("woaini1314", "5201314a", "52013140", "admin123", "admin1234", "mima1234"),
    )
)
"""What a thief tries first (NIST SP 800-63B, 5.1.1.2, wants them refused)."""
PIN: Final = re.compile(r"[0-9]{6}", re.ASCII)
CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
"""Of organisations, outlets and volunteers, as far as access looks at them."""

MOST_BOOKS: Final = 4
"""In so many books a volunteer number is looked for; who has it in more names the book."""

AT_ONCE: Final = max(2, os.cpu_count() or 1)

_limits: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_HASHER: Final = PasswordHasher()  # argon2id with RFC 9106's second recommended parameters


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in. `login` None: a volunteer who signs in by her number."""

    user_id: int
    login: str | None
    must_change: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who has a name, before the secret has been looked at; `book_id` where the name is of one book."""

    user: User | None
    book_id: int | None = None
    password_hash: str | None = field(default=None, repr=False)
    pin_hash: str | None = field(default=None, repr=False)


NOBODY: Final = Candidate(None)


def folded(login: str) -> str:
    """A login as it is stored: however it is typed, full-width or in capitals."""
    return unicodedata.normalize("NFKC", login).casefold()


async def create(
    tx: AsyncConnection, login: str | None, *, password: str | None = None, pin: str | None = None, seen: bool = False
) -> User:
    """A user, with a password, a PIN or both; `seen`: by somebody else, so it has to be changed at first use.

    InvalidField, UserExists.
    """
    if login is not None:
        login = folded(login)
        if not one_line(login, least=1, most=LOGIN_LENGTH) or login != login.strip():
            raise InvalidField("login", "not_a_login")
    user_id = (
        await tx.execute(
            insert(users)
            .values(
                login=login,
                password_hash=None if password is None else await _password_hash(password),
                pin_hash=None if pin is None else await _pin_hash(pin),
                must_change=seen,
            )
            .on_conflict_do_nothing(index_elements=[users.c.login])
            .returning(users.c.user_id)
        )
    ).scalar_one_or_none()
    if user_id is None:
        assert login is not None, "only logins can be taken"
        raise UserExists(login)
    return User(user_id, login, seen)


async def change_secret(tx: AsyncConnection, user_id: int, new: str, *, seen: bool = False) -> None:
    """Six digits become the PIN, anything else the password. InvalidField.

    Where somebody else has seen one of the two, her own choice leaves her with that alone: what was seen opens nothing.
    """
    changed, other = users.c.password_hash, users.c.pin_hash
    if PIN.fullmatch(new):
        changed, other = other, changed
    digest = await (_pin_hash(new) if changed is users.c.pin_hash else _password_hash(new))
    kept = other if seen else case((users.c.must_change, null()), else_=other)
    await tx.execute(
        update(users)
        .where(users.c.user_id == user_id)
        .values({changed: digest, other: kept, users.c.must_change: seen})
    )


def new_pin() -> str:
    """A PIN that nobody would guess first."""
    while _is_weak(pin := f"{secrets.randbelow(10**6):06d}"):
        pass
    return pin


async def _password_hash(password: str) -> str:
    if not PASSWORD_LENGTHS[0] <= len(password) <= PASSWORD_LENGTHS[1]:
        raise InvalidField("password", "too_short" if len(password) < PASSWORD_LENGTHS[0] else "too_long")
    if not _is_text(password):
        raise InvalidField("password", "not_a_text")
    if len(set(password)) < FEWEST_CHARACTERS or folded(password) in COMMON:
        raise InvalidField("password", "too_easy")
    return await asyncio.to_thread(_HASHER.hash, password)


async def _pin_hash(pin: str) -> str:
    if not PIN.fullmatch(pin):
        raise InvalidField("pin", "not_six_digits")
    if _is_weak(pin):
        raise InvalidField("pin", "too_easy")
    return await asyncio.to_thread(_HASHER.hash, pin)


def _is_weak(pin: str) -> bool:
    """Whether it is among the first that a thief tries: 111111, 123456, 654321, 121212, 123123."""
    steps = {(int(later) - int(earlier)) % 10 for earlier, later in pairwise(pin)}
    return len(steps) == 1 or pin[:2] * 3 == pin or pin[:3] * 2 == pin


# --- signing in ------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, name: str, book_id: int | None = None) -> list[Candidate]:
    """Who has this login, and whose volunteer number it is (in `book_id`, or in any book); `verify` decides who it is.

    A number may be of different people in different books, and somebody's login, hence a list; it is never empty.
    """
    found: dict[int, Candidate] = {}
    for each in (await _with_login(tx, name), *await find_volunteer(tx, name, book_id)):
        if each.user is not None:
            found.setdefault(each.user.user_id, each)
    return list(found.values()) or [NOBODY]


async def with_login(tx: AsyncConnection, login: str) -> User | None:
    """Who has this login."""
    return (await _with_login(tx, login)).user


async def _with_login(tx: AsyncConnection, name: str) -> Candidate:
    login = folded(name)
    if not one_line(login, least=1, most=LOGIN_LENGTH):
        return NOBODY
    row = (await tx.execute(select(users).where(users.c.login == login))).one_or_none()
    if row is None:
        return NOBODY
    return Candidate(User(row.user_id, row.login, row.must_change), None, row.password_hash, row.pin_hash)


async def candidate(tx: AsyncConnection, user_id: int, *, held: bool = False) -> Candidate:
    """A user, before her secret has been looked at.

    `held`: until the end of the transaction nobody ends a role of hers or changes her password.
    """
    wanted = select(users).where(users.c.user_id == user_id)
    row = (await tx.execute(wanted.with_for_update(key_share=True) if held else wanted)).one_or_none()
    if row is None:
        return NOBODY
    return Candidate(User(row.user_id, row.login, row.must_change), None, row.password_hash, row.pin_hash)


async def find_volunteer(tx: AsyncConnection, volunteer_no: str, book_id: int | None = None) -> list[Candidate]:
    """Whose volunteer number it is, be it typed full-width; never empty."""
    volunteer_no = unicodedata.normalize("NFKC", volunteer_no)
    if not CODE.fullmatch(volunteer_no):
        return [NOBODY]
    rows = await tx.execute(
        select(
            users.c.user_id,
            users.c.login,
            users.c.must_change,
            users.c.password_hash,
            users.c.pin_hash,
            roles.c.book_id,
        )
        .join_from(roles, users, roles.c.user_id == users.c.user_id)
        .where(
            roles.c.role == "volunteer",
            roles.c.volunteer_no == volunteer_no,
            roles.c.ended_at.is_(None),
            roles.c.book_id == book_id if book_id is not None else roles.c.book_id.is_not(None),
        )
        .order_by(roles.c.book_id)
        .limit(MOST_BOOKS)
    )
    return [
        Candidate(User(row.user_id, row.login, row.must_change), row.book_id, row.password_hash, row.pin_hash)
        for row in rows
    ] or [NOBODY]


async def verify(candidates: Sequence[Candidate], secret: str) -> Candidate:
    """The candidate whose password or PIN this is; WrongPassword, which takes as long for a name that nobody has.

    It takes a processor a fifth of a second and 64 MiB: call it outside of any transaction. No more than `AT_ONCE` run
    at a time, so that a flood of sign-ins is slow by itself and not for everybody else.
    """
    async with _limit():
        for candidate in candidates:
            if await asyncio.to_thread(_matches, candidate, secret):
                return candidate
    raise WrongPassword


def _limit() -> asyncio.Semaphore:
    """The semaphore of this event loop."""
    return _limits.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))


def _matches(candidate: Candidate, secret: str) -> bool:
    if not _is_text(secret) or len(secret) > PASSWORD_LENGTHS[1]:
        return False
    kept = candidate.pin_hash if PIN.fullmatch(secret) else candidate.password_hash
    try:
        return _HASHER.verify(kept or _nobodys_hash(), secret) and kept is not None
    except VerificationError:
        return False


def _is_text(password: str) -> bool:
    """Whether it can be written in UTF-8: half a character cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in password)


@functools.cache
def _nobodys_hash() -> str:
    return _HASHER.hash(secrets.token_urlsafe())


# --- roles -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GivenRole:
    """A role of a user in a book, and who gave it."""

    role_id: int
    user_id: int
    login: str | None
    book_id: int
    grant: Grant
    given_by: str
    given_at: datetime


async def give(tx: AsyncConnection, user_id: int, book_id: int, grant: Grant, by: str) -> int:
    """Gives a user a role in a book; answers its number. InvalidField, NumberHasUser.

    The book's history keeps who may do what since when, by internal numbers: a volunteer's own number is left out.
    """
    _check(grant, day_of(await connect.now(tx)))
    role_id = (
        await tx.execute(
            insert(roles)
            .values(
                user_id=user_id,
                book_id=book_id,
                role=grant.role,
                organisation=grant.organisation,
                volunteer_no=grant.volunteer_no,
                outlet=grant.outlet,
                until=grant.until,
                given_by=by,
            )
            .on_conflict_do_nothing(
                index_elements=[roles.c.volunteer_no, roles.c.book_id],
                index_where=(roles.c.role == "volunteer") & roles.c.ended_at.is_(None),
            )
            .returning(roles.c.role_id)
        )
    ).scalar_one_or_none()
    if role_id is None:
        raise NumberHasUser(grant.volunteer_no or "")
    facts = {
        **_whose(role_id, user_id),
        "role": grant.role,
        "organisation": grant.organisation,
        "outlet": grant.outlet,
        "until": None if grant.until is None else grant.until.isoformat(),
    }
    await events.add(tx, book_id, "role_granted", facts, actor=by)
    return role_id


def _whose(role_id: int, user_id: int) -> dict[str, str | None]:
    return {"role_id": str(role_id), "user": f"user:{user_id}"}


def _check(grant: Grant, today: date) -> None:
    """InvalidField where a role is not what it must be. An auditor comes for a time, of a year at most."""
    for name, value, wanted in (
        ("volunteer", grant.volunteer_no, grant.role == "volunteer"),
        ("outlet", grant.outlet, grant.role == "merchant"),
    ):
        if wanted != (value is not None):
            raise InvalidField(name, "missing" if wanted else "not_for_this_role")
        if value is not None and not CODE.fullmatch(value):
            raise InvalidField(name, "not_a_code")
    if grant.organisation is not None and grant.role in ("volunteer", "merchant"):
        raise InvalidField("organisation", "not_for_this_role")
    if grant.role == "auditor":
        if grant.until is None:
            raise InvalidField("until", "missing")
        if (grant.until - today).days > AUDIT_DAYS:
            raise InvalidField("until", "too_far_ahead")


async def grants_of(tx: AsyncConnection, user_id: int, today: date) -> dict[int, tuple[Grant, ...]]:
    """A user's roles by book, in the order in which they were given, without those that are over."""
    rows = await tx.execute(_GIVEN.where(roles.c.user_id == user_id).order_by(roles.c.role_id))
    found: dict[int, list[Grant]] = {}
    for given in map(_given, rows):
        if given.grant.holds_on(today):
            found.setdefault(given.book_id, []).append(given.grant)
    return {book: tuple(grants) for book, grants in found.items()}


async def roles_in(
    tx: AsyncConnection, book_id: int, *, after: int = 0, limit: int = 200, user_id: int | None = None
) -> list[GivenRole]:
    """Who has which role in a book, in the order in which they were given; those that have ended are left out."""
    wanted = _GIVEN.where(roles.c.book_id == book_id, roles.c.role_id > after)
    if user_id is not None:
        wanted = wanted.where(roles.c.user_id == user_id)
    return [_given(row) for row in await tx.execute(wanted.order_by(roles.c.role_id).limit(limit))]


async def all_roles_of(tx: AsyncConnection, user_id: int) -> list[GivenRole]:
    """A user's roles in all books, those too whose last day is over."""
    return [_given(row) for row in await tx.execute(_GIVEN.where(roles.c.user_id == user_id))]


async def role(tx: AsyncConnection, book_id: int, role_id: int) -> GivenRole:
    """One role that has not ended; UnknownRole."""
    wanted = _GIVEN.where(roles.c.book_id == book_id, roles.c.role_id == role_id)
    row = (await tx.execute(wanted)).one_or_none()
    if row is None:
        raise UnknownRole(role_id)
    return _given(row)


async def end_role(tx: AsyncConnection, book_id: int, role_id: int, by: str, now: datetime) -> int:
    """Ends a role; answers whose it was. The caller ends the devices that carry it. UnknownRole."""
    # Whoever is signing in now has done so before, and is found among the devices; or sees that the role has ended.
    await candidate(tx, (await role(tx, book_id, role_id)).user_id, held=True)
    user_id = (
        await tx.execute(
            update(roles)
            .where(roles.c.book_id == book_id, roles.c.role_id == role_id, roles.c.ended_at.is_(None))
            .values(ended_by=by, ended_at=now)
            .returning(roles.c.user_id)
        )
    ).scalar_one_or_none()
    if user_id is None:
        raise UnknownRole(role_id)
    await events.add(tx, book_id, "role_ended", _whose(role_id, user_id), actor=by, at=now)
    return user_id


_GIVEN: Final = (
    select(roles, users.c.login)
    .join_from(roles, users, roles.c.user_id == users.c.user_id)
    .where(roles.c.ended_at.is_(None))
)


def _given(row: Row[Any]) -> GivenRole:
    grant = Grant(row.role, row.organisation, row.volunteer_no, row.outlet, row.until)
    return GivenRole(row.role_id, row.user_id, row.login, row.book_id, grant, row.given_by, row.given_at)


async def user(tx: AsyncConnection, user_id: int) -> User:
    """One user; UnknownUser."""
    row = (
        await tx.execute(select(users.c.user_id, users.c.login, users.c.must_change).where(users.c.user_id == user_id))
    ).one_or_none()
    if row is None:
        raise UnknownUser(user_id)
    return User(*row)


async def forget_volunteer(tx: AsyncConnection, book_id: int, volunteer_no: str, by: str) -> list[int]:
    """Destroys a volunteer's role in a book and what waits about it; answers whose it was, for `forget`."""
    await tx.execute(delete(renewals).where(renewals.c.book_id == book_id, renewals.c.volunteer_no == volunteer_no))
    gone = await tx.execute(
        delete(roles)
        .where(roles.c.book_id == book_id, roles.c.role == "volunteer", roles.c.volunteer_no == volunteer_no)
        .returning(roles.c.role_id, roles.c.user_id, roles.c.ended_at)
    )
    whose = gone.all()
    for row in sorted(whose, key=lambda row: row.role_id):
        if row.ended_at is None:
            await events.add(tx, book_id, "role_ended", _whose(row.role_id, row.user_id), actor=by)
    return sorted({row.user_id for row in whose})


async def forget(tx: AsyncConnection, user_id: int) -> None:
    """Destroys a user who has no role left, nor a device."""
    await tx.execute(
        delete(users).where(
            users.c.user_id == user_id, ~select(roles.c.role_id).where(roles.c.user_id == users.c.user_id).exists()
        )
    )
