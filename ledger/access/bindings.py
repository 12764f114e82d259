"""One-time codes with which a shop's device becomes a till: eight digits, read out or written down, good for a while.

Only a keyed digest is kept. There are few enough of them to be guessed, so whoever looks one up counts the attempt
first (`attempts`), and a code is good once and for a quarter of an hour.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import eighteen
from ledger.access import ciphers, tokens
from ledger.access.ciphers import Keys
from ledger.access.tables import bindings
from ledger.access.tokens import NAME_LENGTH, Token
from ledger.errors import InvalidField, TillCodeNotValid
from ledger.text import one_line

DIGITS: Final = re.compile(r"[0-9]{8}", re.ASCII)
LIFETIME: Final = timedelta(minutes=15)
TILL_LIFETIME: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Code:
    """The digits, told here and never again, and until when they are good."""

    digits: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Bound:
    """A device that has just become a till; `secret` is its token, told here and never again."""

    token: Token
    secret: str = field(repr=False)
    outlet: str


async def issue(
    tx: AsyncConnection, keys: Keys, book_id: int, outlet: str, name: str, *, by: str, now: datetime
) -> Code:
    """A code for one till of an outlet, which will be called `name`. InvalidField."""
    if not one_line(name, least=1, most=NAME_LENGTH):
        raise InvalidField("name", "not_a_name")
    await tx.execute(delete(bindings).where(bindings.c.book_id == book_id, bindings.c.expires_at <= now))
    while True:
        code = f"{secrets.randbelow(10**8):08d}"
        added = await tx.execute(
            insert(bindings)
            .values(
                digest=_digests(keys, code)[0],
                book_id=book_id,
                outlet=outlet,
                name=name,
                made_by=by,
                expires_at=now + LIFETIME,
            )
            .on_conflict_do_nothing(index_elements=[bindings.c.digest])
            .returning(bindings.c.expires_at)
        )
        if (until := added.scalar_one_or_none()) is not None:
            return Code(code, until)


def read_out(code: str) -> str:
    """A code in two groups of four, as people say it."""
    return f"{code[:4]} {code[4:]}"


def plain(text: str) -> str:
    """What somebody typed as the eight digits; InvalidField."""
    code = eighteen.plain(text)
    if not DIGITS.fullmatch(code):
        raise InvalidField("code", "not_eight_digits")
    return code


async def redeem(tx: AsyncConnection, keys: Keys, code: str, *, now: datetime) -> Bound:
    """Makes a till with a code of eight digits, however many try at once: one of them.

    TillCodeNotValid: nobody's code, a used one, or an old one; which of them is not told.
    """
    found = await tx.execute(
        select(bindings)
        .where(bindings.c.digest.in_(_digests(keys, code)), bindings.c.expires_at > now, bindings.c.token_id.is_(None))
        .with_for_update()
    )
    row = found.one_or_none()
    if row is None:
        raise TillCodeNotValid
    token, secret = await tokens.make(
        tx, row.book_id, row.name, outlet=row.outlet, by=row.made_by, now=now, lifetime=TILL_LIFETIME
    )
    await tx.execute(update(bindings).where(bindings.c.digest == row.digest).values(token_id=token.token_id))
    return Bound(token, secret, row.outlet)


async def end(tx: AsyncConnection, book_id: int, outlet: str) -> None:
    """Ends the codes of an outlet that nobody has used yet."""
    await tx.execute(delete(bindings).where(bindings.c.book_id == book_id, bindings.c.outlet == outlet))


def _digests(keys: Keys, code: str) -> list[bytes]:
    """Under the key of now, then those of before."""
    return ciphers.digests(keys, "binding", code)
