"""Service records that come in sheets: whose they are, taking them, and undoing a whole import.

Every import has an identifier, stored with the first record that it takes. One that was interrupted is simply made
again: what is there already is found to be the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import events
from ledger.earning import corrections, organisations, record, records, volunteers
from ledger.earning.record import Record
from ledger.earning.records import NewRecord, Outcome, Taken
from ledger.earning.tables import imports
from ledger.earning.tables import records as records_table
from ledger.errors import InvalidField, Refusal, UnknownImport, UnknownVolunteer

CHUNK: Final = 500
"""Records that are taken in one transaction of the database."""
UNDO_CHUNK: Final = 200
"""And undone: a correction reads all that it undoes, while the accounts are locked."""

UNDONE: Final = "导入撤销 import undone"
"""Why a record of an import that was undone is as it is."""

_NOBODY: Final = "?"
"""The holder of those whom the book does not know: none in the books looks like this."""


@dataclass(frozen=True, slots=True)
class Import:
    """A sheet that was taken. `records`: how many it brought; `standing`: how many of them are not undone or refused.

    `reviewed`: its lines counted as reviewed. `as_of`: the day of which it was.
    """

    import_id: UUID
    name: str
    as_of: date
    reviewed: bool
    actor: str
    started_at: datetime
    undone_at: datetime | None = None
    undone_by: str | None = None
    records: int = 0
    standing: int = 0


@dataclass(frozen=True, slots=True)
class Undone:
    """What a step of undoing did: how many records it undid, those that it could not, and where the next one begins."""

    records: int
    left: Sequence[tuple[str, Refusal]]
    after: UUID | None


async def register(tx: AsyncConnection, book: int, wanted: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Registers unknown volunteers, each with the organisation she first served: (volunteer number, organisation).

    Answers the holder of each. Who cannot be registered is left out: her number is none, or her organisation is not
    there or may not record.
    """
    first: dict[str, str] = {}
    for number, organisation in wanted:
        first.setdefault(number, organisation)
    holders = await volunteers.holders_of(tx, book, first)
    new = {
        number: organisation
        for number, organisation in first.items()
        if number not in holders and volunteers.NUMBER.fullmatch(number)
    }
    known = await organisations.find_many(tx, book, set(new.values()))
    inactive = await organisations.inactive(tx, book, known.values())
    may = {
        number: organisation
        for number, organisation in new.items()
        if organisation in known and organisation not in inactive
    }
    return holders | await volunteers.register_with(tx, book, may) if may else holders


async def take(
    tx: AsyncConnection, book: int, of: Import, wanted: Sequence[NewRecord], holders: Mapping[str, str], now: datetime
) -> list[Outcome]:
    """Takes lines of a sheet in their order, some 1,000 at a time; refusals are outcomes, as of `records.submit`.

    The `holder` of each is a volunteer number here, which `holders` knows or not. The import is stored with the first
    record that is new.
    """
    outcomes = await records.submit(
        tx,
        book,
        with_holders(wanted, holders),
        by=of.actor,
        now=now,
        as_of=of.as_of,
        import_id=of.import_id,
        reviewed_by=of.actor if of.reviewed else None,
    )
    if any(isinstance(each, Taken) and each.new for each in outcomes):
        began = await tx.execute(
            insert(imports)
            .values(
                book_id=book,
                import_id=of.import_id,
                name=of.name,
                as_of=of.as_of,
                reviewed=of.reviewed,
                actor=of.actor,
                started_at=of.started_at,
            )
            .on_conflict_do_nothing(index_elements=[imports.c.book_id, imports.c.import_id])
            .returning(imports.c.import_id)
        )
        if began.one_or_none() is not None:
            facts = {
                "import": str(of.import_id),
                "as_of": of.as_of.isoformat(),
                "reviewed": "yes" if of.reviewed else "no",
            }
            await events.add(tx, book, "import_begun", facts, actor=of.actor, texts={"name": of.name}, at=now)
    return [about_whom(outcome, each) for outcome, each in zip(outcomes, wanted, strict=True)]


async def push(tx: AsyncConnection, book: int, wanted: Sequence[NewRecord], *, by: str, now: datetime) -> list[Outcome]:
    """Takes records of another platform in their order, some 1,000 at a time; they wait for a review.

    The `holder` of each is a volunteer number here. Refusals are outcomes; who is not registered is UnknownVolunteer.
    """
    holders = await volunteers.holders_of(tx, book, {each.holder for each in wanted})
    outcomes = await records.submit(tx, book, with_holders(wanted, holders), by=by, now=now)
    return [about_whom(outcome, each) for outcome, each in zip(outcomes, wanted, strict=True)]


def with_holders(wanted: Sequence[NewRecord], holders: Mapping[str, str]) -> list[NewRecord]:
    """Records whose holders are volunteer numbers, with those under whom the books know them.

    Whom they do not know keeps a name that is nobody's, so that everything else about the record is looked at first.
    """
    return [replace(each, holder=holders.get(each.holder, _NOBODY)) for each in wanted]


def about_whom(outcome: Outcome, of: NewRecord) -> Outcome:
    """The outcome; where the volunteer is not known it says why: the record still has her number as its holder."""
    if not isinstance(outcome, UnknownVolunteer):
        return outcome
    if not volunteers.NUMBER.fullmatch(of.holder):
        return InvalidField("volunteer", "not_a_volunteer_number")
    return UnknownVolunteer(of.holder)


async def imports_of(tx: AsyncConnection, book: int) -> list[Import]:
    """The imports of a book, the newest first."""
    counted = (
        select(
            records_table.c.import_id,
            func.count().label("records"),
            func.count().filter(records_table.c.state.not_in(("refused", "corrected"))).label("standing"),
        )
        .where(records_table.c.book_id == book, records_table.c.import_id.is_not(None))
        .group_by(records_table.c.import_id)
        .subquery()
    )
    rows = await tx.execute(
        select(*_IMPORT, counted.c.records, counted.c.standing)
        .join(counted, counted.c.import_id == imports.c.import_id)
        .where(imports.c.book_id == book)
        .order_by(imports.c.started_at.desc(), imports.c.import_id.desc())
    )
    return [Import(*row) for row in rows]


_IMPORT: Final = (
    imports.c.import_id,
    imports.c.name,
    imports.c.as_of,
    imports.c.reviewed,
    imports.c.actor,
    imports.c.started_at,
    imports.c.undone_at,
    imports.c.undone_by,
)


async def find(tx: AsyncConnection, book: int, import_id: UUID) -> Import:
    """One import, without its counts; UnknownImport."""
    row = (
        await tx.execute(select(*_IMPORT).where(imports.c.book_id == book, imports.c.import_id == import_id))
    ).one_or_none()
    if row is None:
        raise UnknownImport(import_id)
    return Import(*row)


async def undo(
    tx: AsyncConnection, book: int, import_id: UUID, after: UUID | None, *, by: str, now: datetime
) -> Undone:
    """Undoes the next records of an import after one of them (None: from the first), and answers what it did.

    What they posted is reversed, or taken back where points have been spent; what waited for a review is refused. The
    volunteers stay registered. What the books do not let happen is left as it is, and told.
    """
    found = record.of_book(book).where(
        records_table.c.import_id == import_id, records_table.c.state.not_in(("refused", "corrected"))
    )
    if after is not None:
        found = found.where(records_table.c.record_id > after)
    some = await record.read(tx, found.order_by(records_table.c.record_id).limit(UNDO_CHUNK))
    if not some:
        return Undone(0, (), None)
    await volunteers.locked(tx, book, {each.holder for each in some})
    now_are = await record.locked(tx, book, [each.record_id for each in some])
    waiting = [each for each in now_are.values() if each.state == "submitted"]
    await record.change(
        tx,
        book,
        [replace(each, state="refused", reason=UNDONE, due_on=None, ended_at=now, ended_by=by) for each in waiting],
    )
    counted = [each for each in now_are.values() if each.state not in ("submitted", "refused", "corrected")]
    left = await _corrected(tx, book, counted, by, now)
    return Undone(len(waiting) + len(counted) - len(left), left, some[-1].record_id)


async def _corrected(
    tx: AsyncConnection, book: int, asked: Sequence[Record], by: str, now: datetime
) -> list[tuple[str, Refusal]]:
    """Corrects all of the records, or where one cannot be, the halves of them by themselves; those that cannot be."""
    if not asked:
        return []
    try:
        async with tx.begin_nested():
            await corrections.correct_locked(tx, book, asked, by=by, approver=None, reason=UNDONE, now=now)
    except Refusal as refusal:
        if len(asked) == 1:
            return [(asked[0].record, refusal)]
        middle = len(asked) // 2
        return [
            *await _corrected(tx, book, asked[:middle], by, now),
            *await _corrected(tx, book, asked[middle:], by, now),
        ]
    return []


async def undone(tx: AsyncConnection, book: int, import_id: UUID, *, by: str, now: datetime) -> None:
    """Notes that an import has been undone; the first time counts."""
    first = await tx.execute(
        update(imports)
        .where(imports.c.book_id == book, imports.c.import_id == import_id, imports.c.undone_at.is_(None))
        .values(undone_at=now, undone_by=by)
        .returning(imports.c.import_id)
    )
    if first.one_or_none() is not None:
        await events.add(tx, book, "import_undone", {"import": str(import_id)}, actor=by, at=now)
