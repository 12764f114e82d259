"""What staff do with anything that is kept in versions, and what answers show of one, whatever it says."""

from __future__ import annotations

import datetime
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth
from ledger.access.rights import Principal, Right
from ledger.books import versions
from ledger.books.versions import Kind, Version
from ledger.database import connect
from ledger.errors import NotAllowed

T = TypeVar("T")


class Line(msgspec.Struct, frozen=True):
    """A version, without what it says."""

    version: int
    status: Literal["draft", "approved", "declined"]
    effective_from: datetime.date
    note: str
    drafted_by: str
    drafted_at: datetime.datetime
    decided_by: str | None
    decided_at: datetime.datetime | None


def facts(each: Version[T]) -> tuple[Any, ...]:
    """The fields of a `Line`."""
    return (
        each.version,
        status(each),
        each.effective_from,
        each.note,
        each.drafted_by,
        each.drafted_at,
        each.decided_by,
        each.decided_at,
    )


def status(each: Version[T]) -> Literal["draft", "approved", "declined"]:
    """What was decided."""
    return "draft" if each.approved is None else "approved" if each.approved else "declined"


async def decide(tx: AsyncConnection, me: Principal, kind: Kind[T], version: int, *, approve: bool) -> Version[T]:
    """Approves or declines what another person drafted.

    NotAllowed, Unknown, AlreadyDecided, SecondPersonNeeded, BeginsTooEarly.
    """
    auth.within(me, Right.APPROVE_RULES, ())
    verb = versions.approve if approve else versions.decline
    return await verb(tx, kind, me.book_id, version, by=me.name, now=await connect.now(tx))


async def withdraw(tx: AsyncConnection, me: Principal, kind: Kind[T], version: int) -> Version[T]:
    """Ends a draft of the caller's own. NotAllowed, Unknown, AlreadyDecided."""
    if (await versions.find(tx, kind, me.book_id, version)).drafted_by != me.name:
        raise NotAllowed
    return await versions.decline(tx, kind, me.book_id, version, by=me.name, now=await connect.now(tx))


def told(each: Version[T]) -> str:
    """A version in a line, as commands print it."""
    return f"Version {each.version}, {status(each)}, from {each.effective_from}. {each.note}".rstrip()


def line(each: Version[T]) -> dict[str, object]:
    """The same for machines, as commands print it."""
    return {
        "version": each.version,
        "status": status(each),
        "effective_from": each.effective_from,
        "note": each.note,
        "drafted_by": each.drafted_by,
        "decided_by": each.decided_by,
    }
