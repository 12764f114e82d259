"""Sessions: a signed statement, good for a quarter of an hour, of who somebody is (JWT, RFC 7519, HS256)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt

from ledger.access.users import Role, User
from ledger.errors import SessionEnded

LIFETIME: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(hours=12)
"""How long a session can be renewed after its sign-in without the password."""

_AUDIENCE: Final = "meide-ledger"
_ALGORITHM: Final = "HS256"
_CLAIMS: Final = frozenset(
    {"exp", "iat", "sub", "aud", "auth_time", "login", "role", "book", "book_id", "volunteer_no"}
)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. `book` is the code of the one book that the session is for."""

    user_id: int
    login: str
    role: Role
    book: str
    book_id: int
    volunteer_no: str | None
    signed_in_at: datetime

    @property
    def name(self) -> str:
        """The principal as the books know it: actor of what it posts and client of its keys."""
        return f"user:{self.user_id}"


def begin(user: User, book: str, now: datetime) -> Principal:
    """The principal of a user who has just signed in."""
    return Principal(user.user_id, user.login, user.role, book, user.book_id, user.volunteer_no, now)


def issue(me: Principal, keys: Sequence[str], now: datetime) -> str:
    """An access token for `me`, signed with the first key, that ends after `LIFETIME`."""
    claims = {
        "sub": str(me.user_id),
        "aud": _AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "auth_time": int(me.signed_in_at.timestamp()),
        "login": me.login,
        "role": me.role,
        "book": me.book,
        "book_id": me.book_id,
        "volunteer_no": me.volunteer_no,
    }
    return jwt.encode(claims, keys[0], algorithm=_ALGORITHM)


def recognise(token: str, keys: Sequence[str]) -> Principal:
    """Whom a token speaks of, if one of the keys signed it and it has not ended; SessionEnded otherwise."""
    for key in keys if token.isascii() else ():
        try:
            claims = jwt.decode(
                token, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, options={"require": ["exp", "iat", "sub"]}
            )
        except jwt.InvalidSignatureError:
            continue  # signed with another of our keys, perhaps
        except jwt.InvalidTokenError:
            break
        if not claims.keys() >= _CLAIMS:  # signed by us, but not a session
            break
        return Principal(
            int(claims["sub"]),
            claims["login"],
            claims["role"],
            claims["book"],
            claims["book_id"],
            claims["volunteer_no"],
            datetime.fromtimestamp(claims["auth_time"], UTC),
        )
    raise SessionEnded
