"""Tokens: the keys of machines and tills. Opaque, shown once, stored as a digest, revoked at once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access.rights import ANY, SCOPES, Principal, Scope
from ledger.access.tables import tokens
from ledger.access.users import CODE
from ledger.database import events
from ledger.errors import InvalidField, UnknownToken
from ledger.text import one_line

MACHINE, TILL = "mt_", "tt_"
"""What the texts of tokens begin with, so that they are told from others and found in what should not hold them."""

NAME_LENGTH: Final = 64
MOST_PREFIXES: Final = 50
LONGEST: Final = timedelta(days=3 * 366)
USED_TO: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """A key of a machine or a till, without the key."""

    token_id: int
    book_id: int
    kind: Literal["machine", "till"]
    name: str
    scopes: tuple[Scope, ...]
    prefixes: tuple[str, ...]
    outlet: str | None
    made_by: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None

    def principal(self, book: str) -> Principal:
        """Whom calls with this token come from."""
        return Principal(
            self.kind,
            self.token_id,
            book,
            self.book_id,
            scopes=frozenset(self.scopes),
            prefixes=self.prefixes,
            outlet=self.outlet,
        )


_TOKEN: Final = select(tokens)


def is_token(text: str) -> bool:
    """Whether a bearer's text is meant to be one of these."""
    return text.startswith((MACHINE, TILL))


def digest(text: str) -> bytes:
    """What is stored of a token: nobody guesses 256 random bits, so a plain digest is enough."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


async def make(
    tx: AsyncConnection,
    book_id: int,
    name: str,
    *,
    scopes: Sequence[Scope] = (),
    prefixes: Sequence[str] = (),
    outlet: str | None = None,
    by: str,
    now: datetime,
    lifetime: timedelta,
) -> tuple[Token, str]:
    """A new token for a machine, or for a till of `outlet`; the text is told here and never again. InvalidField.

    `prefixes`: with what the codes of the accounts begin that it may post to; the scope `books:post` needs them
    (`*`: all). What it may do is kept in the book's history, its text and its name are not.
    """
    if not one_line(name, least=1, most=NAME_LENGTH):
        raise InvalidField("name", "not_a_name")
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise InvalidField("scopes", f"unknown_scope_{unknown[0]}" if CODE.fullmatch(unknown[0]) else "unknown_scope")
    if not scopes and outlet is None:
        raise InvalidField("scopes", "missing")
    if ("books:post" in scopes) != bool(prefixes):
        raise InvalidField("prefixes", "missing" if "books:post" in scopes else "only_for_books:post")
    if len(prefixes) > MOST_PREFIXES or not all(prefix == ANY or CODE.fullmatch(prefix) for prefix in prefixes):
        raise InvalidField("prefixes", "not_prefixes_of_account_codes")
    if outlet is not None and not CODE.fullmatch(outlet):
        raise InvalidField("outlet", "not_a_code")
    if not timedelta(0) < lifetime <= LONGEST:
        raise InvalidField("expires_in_days", "out_of_range")
    text = (MACHINE if outlet is None else TILL) + secrets.token_urlsafe(32)
    row = (
        await tx.execute(
            insert(tokens)
            .values(
                book_id=book_id,
                kind="machine" if outlet is None else "till",
                name=name,
                digest=digest(text),
                scopes=sorted(set(scopes)),
                prefixes=sorted(set(prefixes)),
                outlet=outlet,
                made_by=by,
                expires_at=now + lifetime,
            )
            .returning(tokens.c.token_id)
        )
    ).scalar_one()
    made = await read(tx, book_id, row)
    facts = {
        "token": str(made.token_id),
        "kind": made.kind,
        "scopes": " ".join(made.scopes) or None,
        "prefixes": " ".join(made.prefixes) or None,
        "outlet": made.outlet,
        "until": made.expires_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    await events.add(tx, book_id, "token_made", facts, actor=by, texts={"name": name}, at=now)
    return made, text


async def read(tx: AsyncConnection, book_id: int, token_id: int) -> Token:
    """One token of a book; UnknownToken."""
    row = (await tx.execute(_TOKEN.where(tokens.c.book_id == book_id, tokens.c.token_id == token_id))).one_or_none()
    if row is None:
        raise UnknownToken(token_id)
    return _token(row)


async def tokens_of(tx: AsyncConnection, book_id: int, *, after: int = 0, limit: int = 200) -> list[Token]:
    """The tokens of a book, the revoked ones too, in the order in which they were made."""
    rows = await tx.execute(
        _TOKEN.where(tokens.c.book_id == book_id, tokens.c.token_id > after).order_by(tokens.c.token_id).limit(limit)
    )
    return [_token(row) for row in rows]


async def of_outlet(tx: AsyncConnection, book_id: int, outlet: str) -> list[Token]:
    """The tokens of the tills that an outlet has or had, the newest first."""
    rows = await tx.execute(
        _TOKEN.where(tokens.c.book_id == book_id, tokens.c.outlet == outlet).order_by(tokens.c.token_id.desc())
    )
    return [_token(row) for row in rows]


async def revoke_outlet(tx: AsyncConnection, book_id: int, outlet: str, by: str, now: datetime) -> None:
    """Ends all tokens of an outlet at once."""
    await _end(tx, book_id, tokens.c.outlet == outlet, by, now)


async def revoke(tx: AsyncConnection, book_id: int, token_id: int, by: str, now: datetime) -> Token:
    """Ends a token at once; one that has ended stays as it is. UnknownToken."""
    await _end(tx, book_id, tokens.c.token_id == token_id, by, now)
    return await read(tx, book_id, token_id)


async def _end(tx: AsyncConnection, book_id: int, which: ColumnElement[bool], by: str, now: datetime) -> None:
    """Ends those of these tokens that have not ended."""
    ended = await tx.execute(
        update(tokens)
        .where(tokens.c.book_id == book_id, which, tokens.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_by=by)
        .returning(tokens.c.token_id)
    )
    for token_id in sorted(ended.scalars()):
        await events.add(tx, book_id, "token_revoked", {"token": str(token_id)}, actor=by, at=now)


async def find(tx: AsyncConnection, digests: Collection[bytes], now: datetime) -> dict[bytes, Token]:
    """The live tokens among these digests. Their last use is kept, to the minute."""
    rows = await tx.execute(
        _TOKEN.where(tokens.c.digest.in_(digests), tokens.c.revoked_at.is_(None), tokens.c.expires_at > now)
    )
    found = {row.digest: _token(row) for row in rows}
    stale = [each.token_id for each in found.values() if each.used_at is None or now - each.used_at > USED_TO]
    if stale:
        # Whoever else is keeping it, or revoking one: nobody waits for that.
        free = select(tokens.c.token_id).where(tokens.c.token_id.in_(stale)).with_for_update(skip_locked=True)
        await tx.execute(update(tokens).where(tokens.c.token_id.in_(free.scalar_subquery())).values(used_at=now))
    return found


def _token(row: Row[Any]) -> Token:
    return Token(
        row.token_id,
        row.book_id,
        row.kind,
        row.name,
        tuple(row.scopes),
        tuple(row.prefixes),
        row.outlet,
        row.made_by,
        row.made_at,
        row.expires_at,
        row.used_at,
        row.revoked_at,
    )
