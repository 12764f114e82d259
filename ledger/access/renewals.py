"""A forgotten PIN: one member of staff asks for a new one, a second one confirms it and hands it over.

Two people, so that nobody at a counter can quietly sign in as an old woman. The new PIN opens nothing but its own
change, so that whoever handed it over does not know the one she uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access import sessions, users
from ledger.access.tables import renewals
from ledger.errors import AlreadyDecided, NotAllowed, SecondPersonNeeded, UnknownRenewal, UnknownVolunteer

GOOD_FOR: Final = timedelta(days=1)
"""A renewal that nobody has confirmed by then is forgotten."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A PIN to be renewed. `confirmed` None: waits for the second person."""

    renewal_id: UUID
    book_id: int
    user_id: int
    volunteer_no: str
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    confirmed: bool | None


_RENEWAL: Final = select(
    renewals.c.renewal_id,
    renewals.c.book_id,
    renewals.c.user_id,
    renewals.c.volunteer_no,
    renewals.c.asked_by,
    renewals.c.asked_at,
    renewals.c.decided_by,
    renewals.c.confirmed,
)


async def ask(tx: AsyncConnection, book_id: int, volunteer_no: str, by: str, now: datetime) -> Renewal:
    """Asks for a new PIN; who asks again gets what waits already.

    UnknownVolunteer, if she cannot sign in here. NotAllowed, if more than her own pages in this book would open by it:
    two colleagues at a counter do not become somebody who may do more than they.
    """
    [candidate] = await users.find_volunteer(tx, volunteer_no, book_id)
    if candidate.user is None:
        raise UnknownVolunteer(volunteer_no)
    whose = candidate.user.user_id
    await _opens_her_pages_only(tx, whose, book_id)
    await tx.execute(
        update(renewals)
        .where(renewals.c.user_id == whose, renewals.c.decided_at.is_(None), renewals.c.asked_at <= now - GOOD_FOR)
        .values(decided_by=by, decided_at=now, confirmed=False)
    )
    await tx.execute(
        insert(renewals)
        .values(
            renewal_id=uuid4(), book_id=book_id, user_id=whose, volunteer_no=volunteer_no, asked_by=by, asked_at=now
        )
        .on_conflict_do_nothing(index_elements=[renewals.c.user_id], index_where=renewals.c.decided_at.is_(None))
    )
    waiting = _RENEWAL.where(renewals.c.user_id == whose, renewals.c.decided_at.is_(None))
    return Renewal(*(await tx.execute(waiting)).one())


async def read(tx: AsyncConnection, book_id: int, renewal_id: UUID) -> Renewal:
    """One renewal; UnknownRenewal."""
    row = (
        await tx.execute(_RENEWAL.where(renewals.c.book_id == book_id, renewals.c.renewal_id == renewal_id))
    ).one_or_none()
    if row is None:
        raise UnknownRenewal(renewal_id)
    return Renewal(*row)


async def waiting(tx: AsyncConnection, book_id: int, now: datetime) -> list[Renewal]:
    """The renewals that wait for a second person, the oldest first."""
    rows = await tx.execute(
        _RENEWAL.where(
            renewals.c.book_id == book_id, renewals.c.decided_at.is_(None), renewals.c.asked_at > now - GOOD_FOR
        ).order_by(renewals.c.asked_at)
    )
    return [Renewal(*row) for row in rows]


async def confirm(tx: AsyncConnection, book_id: int, renewal_id: UUID, by: str, now: datetime) -> str:
    """Gives her a new PIN, told here and never again, and signs her out everywhere.

    SecondPersonNeeded for the one who asked, UnknownRenewal, AlreadyDecided, NotAllowed as of `ask`.
    """
    found = await _decide(tx, book_id, renewal_id, by, now, confirmed=True)
    await _opens_her_pages_only(tx, found.user_id, book_id)
    pin = users.new_pin()
    await users.change_secret(tx, found.user_id, pin, seen=True)
    await sessions.end_all(tx, found.user_id, now, "password_changed")
    return pin


async def decline(tx: AsyncConnection, book_id: int, renewal_id: UUID, by: str, now: datetime) -> None:
    """Lets the old PIN stand; also by the one who asked. UnknownRenewal, AlreadyDecided."""
    await _decide(tx, book_id, renewal_id, by, now, confirmed=False)


async def _opens_her_pages_only(tx: AsyncConnection, user_id: int, book_id: int) -> None:
    """NotAllowed unless the user is a volunteer of this book and nothing else."""
    await users.candidate(tx, user_id, held=True)
    held = await users.all_roles_of(tx, user_id)
    if not all(each.book_id == book_id and each.grant.role == "volunteer" for each in held):
        raise NotAllowed


async def _decide(
    tx: AsyncConnection, book_id: int, renewal_id: UUID, by: str, now: datetime, *, confirmed: bool
) -> Renewal:
    found = await read(tx, book_id, renewal_id)
    if confirmed and found.asked_by == by:
        raise SecondPersonNeeded
    decided = await tx.execute(
        update(renewals)
        .where(
            renewals.c.renewal_id == renewal_id, renewals.c.decided_at.is_(None), renewals.c.asked_at > now - GOOD_FOR
        )
        .values(decided_by=by, decided_at=now, confirmed=confirmed)
        .returning(renewals.c.renewal_id)
    )
    if decided.first() is None:
        raise AlreadyDecided
    return found
