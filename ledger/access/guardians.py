"""Guardians of minors: who they are, sealed with the minor's data key, and that they consent (PIPL 31).

A minor has one guardian at a time here: the one whom the programme talks to. The consent itself stands among the
minor's consents, where it can be withdrawn, and stays as evidence when everything else has been erased.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, cast, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access import ciphers, consents, identities, log, persons
from ledger.access.ciphers import Keys
from ledger.access.log import Subject
from ledger.access.tables import guardians
from ledger.errors import InvalidField, UnknownGuardian
from ledger.text import one_line

Relation = Literal["parent", "grandparent", "sibling", "other"]
RELATIONS: Final[tuple[Relation, ...]] = get_args(Relation)

CONSENT: Final = "minor_guardian"
"""The purpose among the consents."""


@dataclass(frozen=True, slots=True)
class Guardian:
    """Who a guardian is. Nothing personal is in its `repr`, so that no log gets it."""

    name: str = field(repr=False)
    phone: str | None = field(repr=False)
    relation: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A guardian as a page shows her: 张**, 138****5678. `consented_at`: None while there is no consent that holds."""

    name: str = field(repr=False)
    phone: str | None = field(repr=False)
    relation: Relation
    recorded_at: datetime
    consented_at: datetime | None
    text_version: str | None


async def record(
    tx: AsyncConnection,
    keys: Keys,
    book: int,
    volunteer_no: str,
    guardian: Guardian,
    text_version: str | None,
    actor: str,
    at: datetime,
) -> None:
    """Records a minor's guardian in the place of the one of before, with the text that she has consented to, if any.

    The consent of the one of before does not count for the new one. InvalidField, UnknownPerson (record the minor
    first), CannotDecrypt.
    """
    name = guardian.name.strip()
    if not one_line(name, least=1, most=identities.NAME_LENGTH):
        raise InvalidField("name", "not_a_name")
    phone = None if guardian.phone is None else identities.phone_number(guardian.phone)
    if guardian.relation not in RELATIONS:
        raise InvalidField("relation", "not_a_relation")
    minor = await persons.subject(tx, keys, book, volunteer_no, at)
    await _end(tx, book, volunteer_no, minor.holder, at)
    guardian_id = UUID(bytes=os.urandom(16), version=4)
    await tx.execute(
        insert(guardians).values(
            book_id=book,
            volunteer_no=volunteer_no,
            guardian_id=guardian_id,
            name=_sealed(minor, name, "name", book, guardian_id),
            phone=None if phone is None else _sealed(minor, phone, "phone", book, guardian_id),
            relation=guardian.relation,
            recorded_by=actor,
            recorded_at=at,
        )
    )
    if text_version is not None:
        await consents.give(tx, book, minor.holder, CONSENT, text_version, "guardian", at)
    await log.add(tx, book, "record", [Subject(minor.holder, minor.minor)], ["guardian"], actor, at)


async def end(tx: AsyncConnection, keys: Keys, book: int, volunteer_no: str, actor: str, at: datetime) -> None:
    """She is no longer the guardian, and her consent is withdrawn. UnknownPerson, UnknownGuardian, CannotDecrypt."""
    minor = await persons.subject(tx, keys, book, volunteer_no, at)
    if not await _end(tx, book, volunteer_no, minor.holder, at):
        raise UnknownGuardian(volunteer_no)
    await log.add(tx, book, "record", [Subject(minor.holder, minor.minor)], ["guardian"], actor, at)


async def of_volunteer(
    tx: AsyncConnection, keys: Keys, book: int, volunteer_no: str, actor: str, at: datetime
) -> Shown | None:
    """Her guardian, masked; None where none is recorded. That a minor's was shown is logged. CannotDecrypt."""
    row = await _live(tx, book, volunteer_no)
    if row is None:
        return None
    minor = await persons.subject(tx, keys, book, volunteer_no, at)
    guardian = _opened(minor, row)
    given = (await consents.current(tx, book, minor.holder)).get(CONSENT)
    if minor.minor:
        await log.add(tx, book, "masked", [Subject(minor.holder, True)], ["guardian"], actor, at)
    return Shown(
        identities.masked_name(guardian.name),
        None if guardian.phone is None else identities.masked_phone(guardian.phone),
        cast(Relation, guardian.relation),
        row.recorded_at,
        None if given is None else given.given_at,
        None if given is None else given.text_version,
    )


async def reveal(
    tx: AsyncConnection, keys: Keys, book: int, volunteer_no: str, actor: str, reason: str, at: datetime
) -> Guardian:
    """Her guardian in full, and a line in the access log that says who wanted to see it and why.

    InvalidField, UnknownPerson, UnknownGuardian, CannotDecrypt.
    """
    reason = log.checked_reason(reason)
    minor = await persons.subject(tx, keys, book, volunteer_no, at)
    row = await _live(tx, book, volunteer_no)
    if row is None:
        raise UnknownGuardian(volunteer_no)
    await log.add(tx, book, "reveal", [minor], ["guardian"], actor, at, reason)
    return _opened(minor, row)


async def consents_to(tx: AsyncConnection, book: int, holder: str) -> bool:
    """Whether a guardian's consent to this person's service holds."""
    return CONSENT in await consents.current(tx, book, holder)


async def _end(tx: AsyncConnection, book: int, volunteer_no: str, holder: str, at: datetime) -> bool:
    """Ends the guardian that there is, and her consent; whether there was one."""
    ended = await tx.execute(update(guardians).where(_is_live(book, volunteer_no)).values(ended_at=at))
    await consents.withdraw(tx, book, holder, CONSENT, "guardian", at)
    return ended.rowcount > 0


async def _live(tx: AsyncConnection, book: int, volunteer_no: str) -> Row[Any] | None:
    return (await tx.execute(select(guardians).where(_is_live(book, volunteer_no)))).one_or_none()


def _is_live(book: int, volunteer_no: str) -> ColumnElement[bool]:
    return (guardians.c.book_id == book) & (guardians.c.volunteer_no == volunteer_no) & guardians.c.ended_at.is_(None)


def _sealed(minor: Subject, value: str, column: str, book: int, guardian_id: UUID) -> bytes:
    assert minor.data_key, "of persons.subject"
    return ciphers.seal(minor.data_key, value.encode(), "guardians", column, book, guardian_id)


def _opened(minor: Subject, row: Row[Any]) -> Guardian:
    assert minor.data_key, "of persons.subject"

    def unseal(sealed: bytes, column: str) -> str:
        place = ("guardians", column, row.book_id, row.guardian_id)
        return ciphers.unseal([minor.data_key or b""], sealed, *place).decode()

    phone = None if row.phone is None else unseal(row.phone, "phone")
    return Guardian(unseal(row.name, "name"), phone, row.relation)
