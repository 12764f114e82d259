"""A service record as it is stored, and the statements that read, lock and write it. The verbs are in `records`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Select, Uuid, any_, bindparam, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import connect
from ledger.earning.tables import records
from ledger.errors import UnknownRecord

RecordClass = Literal["credit", "honour", "act"]
State = Literal["submitted", "reviewed", "in_notice", "objected", "credited", "refused", "corrected"]


@dataclass(frozen=True, slots=True)
class Record:
    """A row of `records`: its columns say what they are. Points below zero: a minus item."""

    record_id: UUID
    record: str
    holder: str
    organisation: str
    activity: str | None
    activity_name: str
    category: str
    record_class: RecordClass
    item: str | None
    check_in: datetime | None
    check_out: datetime | None
    served_on: date
    minutes: int
    by_leader: bool
    forgotten: bool
    recorder: str
    second_person: str | None
    evidence: str | None
    submitted_at: datetime
    submitted_by: str
    import_id: UUID | None
    replaces: UUID | None
    state: State
    review_by: str
    call_back: Literal["due", "confirmed", "denied"] | None
    due_on: date | None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    reason: str | None = None
    rule_set: int | None = None
    points: int | None = None
    bonus: int | None = None
    inputs: dict[str, Any] | None = None
    notice_from: date | None = None
    notice_until: date | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    hours_transaction: UUID | None = None
    points_transaction: UUID | None = None
    release_transaction: UUID | None = None
    correction_transaction: UUID | None = None


_NAMES: Final = [field.name for field in fields(Record)]
_CHANGING: Final = ["item", *_NAMES[_NAMES.index("state") :]]
"""What becomes of a record; what it says of the service never changes. (Which item a service is, the rules decide.)"""

_COLUMNS: Final = [records.c[name] for name in _NAMES]


def of_book(book: int) -> Select[Any]:
    """The records of a book, for whoever adds his conditions; rows become values by `read`."""
    return select(*_COLUMNS).where(records.c.book_id == book)


async def read(tx: AsyncConnection, found: Select[Any]) -> list[Record]:
    """The records that a statement of `of_book` finds."""
    return [Record(*row) for row in await tx.execute(found)]


async def get(tx: AsyncConnection, book: int, record_id: UUID) -> Record:
    """One record; UnknownRecord."""
    found = await read(tx, of_book(book).where(records.c.record_id == record_id))
    if not found:
        raise UnknownRecord(str(record_id))
    return found[0]


async def hours_of(tx: AsyncConnection, book: int, record_ids: Iterable[UUID]) -> list[UUID]:
    """The transactions that booked the hours of these records, in no order; of those that were booked."""
    c = records.c
    named = c.record_id == any_(literal(list(record_ids), ARRAY(Uuid)))
    rows = await tx.execute(select(c.hours_transaction).where(c.book_id == book, named))
    return [each for each in rows.scalars() if each is not None]


async def locked(tx: AsyncConnection, book: int, record_ids: Iterable[UUID]) -> dict[UUID, Record]:
    """These records as they are now, locked in one order until the transaction ends; who is not there is left out."""
    named = records.c.record_id == any_(literal(list(record_ids), ARRAY(Uuid)))
    found = await read(tx, of_book(book).where(named).order_by(records.c.record_id).with_for_update())
    return {each.record_id: each for each in found}


async def add(tx: AsyncConnection, book: int, new: Iterable[Record]) -> None:
    """Stores new records. Raises psycopg.IntegrityError where the database says that one cannot be."""
    # By COPY: as parameters of an INSERT the forty columns would take four times as long as all the rest of it.
    async with (await connect.driver(tx)).cursor() as cursor, cursor.copy(_COPY) as copy:
        for each in new:
            values = [getattr(each, name) for name in _NAMES]
            if each.inputs is not None:
                values[_INPUTS] = Jsonb(each.inputs)
            await copy.write_row((book, *values))


_INPUTS: Final = _NAMES.index("inputs")
_COPY: Final = (
    f"COPY public.records (book_id, {', '.join(records.c[name].name for name in _NAMES)}) FROM STDIN".encode()
)


_CHANGE: Final = (
    update(records)
    .where(records.c.book_id == bindparam("of_book"), records.c.record_id == bindparam("of_record"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)


async def change(tx: AsyncConnection, book: int, changed: Sequence[Record]) -> None:
    """Stores what became of records that are locked."""
    if changed:
        rows = [
            {
                "of_book": book,
                "of_record": each.record_id,
                **{f"new_{name}": getattr(each, name) for name in _CHANGING},
            }
            for each in changed
        ]
        await tx.execute(_CHANGE, rows)
