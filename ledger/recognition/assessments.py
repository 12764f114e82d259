"""Assessments: the stars of a whole book as of a day, kept with what each was assessed by.

An assessment is begun, a row that says of which day, by which ladder and as known at which instant; and run, which
fills it in one transaction. What is interrupted in between leaves that row, and whoever runs it again comes to the
same result: what the books knew at that instant does not change. Its digest says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import identifiers
from ledger.books.balances import SETTLED_AFTER
from ledger.books.versions import EARLIEST
from ledger.database import connect, events
from ledger.days import day_of
from ledger.earning.tables import organisations, volunteers
from ledger.errors import AssessmentUnfinished, InvalidField, UnknownAssessment
from ledger.recognition import ladders, stars
from ledger.recognition.ladder import NATIONAL, Facts, HoursClass, Ladder
from ledger.recognition.tables import assessed, assessments

Which = Literal["all", "rises", "falls"]


@dataclass(frozen=True, slots=True)
class Assessment:
    """An assessment as of a day, from what the books knew at `known_at`. `done_at` None: it was begun only.

    `ladder`: the version, 0 the national one. `people`: of how many it says the star.
    """

    assessment_id: UUID
    as_of: date
    known_at: datetime
    ladder: int
    made_by: str
    made_at: datetime
    done_at: datetime | None
    people: int | None
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class Assessed:
    """What somebody was assessed by, and the star. `volunteer_no` None: she has been erased since.

    Minutes of both classes; `facts.minutes` are those that the ladder counts. `organisation`: to which she belongs now.
    """

    holder: str
    volunteer_no: str | None
    organisation: str | None
    credit_minutes: int
    honour_minutes: int
    facts: Facts
    star: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many have so many stars by an assessment, and how many of those more or fewer than they hold."""

    star: int
    people: int
    rises: int
    falls: int


_COLUMNS: Final = [assessments.c[name] for name in Assessment.__dataclass_fields__]


# --- making -----------------------------------------------------------------------------------------------------------


async def assess(
    database: AsyncEngine,
    book: int,
    as_of: date,
    *,
    by: str,
    version: int | None = None,
    known_at: datetime | None = None,
) -> Assessment:
    """Begins an assessment, or goes on with the one of that day and ladder that was begun, and runs it.

    InvalidField, UnknownLadder.
    """
    begun = await begin(database, book, as_of, by=by, version=version, known_at=known_at)
    return await run(database, book, begun.assessment_id)


async def begin(
    database: AsyncEngine,
    book: int,
    as_of: date,
    *,
    by: str,
    version: int | None = None,
    known_at: datetime | None = None,
) -> Assessment:
    """An assessment that waits to be run; the one of that day and ladder that waits already, if there is one.

    `version`: of the ladder, else the one in force on that day. `known_at`: else what the books know now; at least
    30 s ago. InvalidField, UnknownLadder.
    """
    async with database.begin() as tx:
        now = await connect.now(tx)
        if not EARLIEST <= as_of <= day_of(now):
            raise InvalidField("as_of", "out_of_range")
        settled = now - SETTLED_AFTER
        if known_at is not None and known_at > settled:
            raise InvalidField("known_at", "too_recent")
        if version is None:
            ladder = await ladders.in_force(tx, book, as_of)
        else:
            ladder = await ladders.version(tx, book, version)
        while True:
            row = {
                "book_id": book,
                "assessment_id": next(identifiers.rising(now)),
                "as_of": as_of,
                "known_at": known_at or settled,
                "ladder": ladder.version,
                "made_by": by,
                "made_at": now,
            }
            added = await tx.execute(
                insert(assessments)
                .values(row)
                .on_conflict_do_nothing(
                    index_elements=[assessments.c.book_id, assessments.c.as_of, assessments.c.ladder],
                    index_where=assessments.c.done_at.is_(None),
                )
                .returning(*_COLUMNS)
            )
            waiting = (
                added.one_or_none()
                or (
                    await tx.execute(
                        select(*_COLUMNS).where(
                            assessments.c.book_id == book,
                            assessments.c.as_of == as_of,
                            assessments.c.ladder == ladder.version,
                            assessments.c.done_at.is_(None),
                        )
                    )
                ).one_or_none()
            )
            if waiting is not None:
                return Assessment(*waiting)
            # What waited has been run in the meantime: this is another one.


async def run(database: AsyncEngine, book: int, assessment_id: UUID) -> Assessment:
    """Computes an assessment that was begun; who runs it at the same time waits and hears the same. UnknownAssessment.

    It takes as long as it takes: a book is read whole.
    """
    async with database.begin() as tx:
        await stars.of_everybody(tx)
        begun = await _locked(tx, book, assessment_id)
        if begun.done_at is not None:
            return begun
        ladder = await ladders.version(tx, book, begun.ladder)
        asked = stars.parameters(book, ladder, begun.as_of, begun.known_at) | {"assessment": assessment_id}
        await tx.execute(text(_stored(ladder)), asked)
        people, digest = await stored_digest(tx, book, begun)
        done_at = await connect.now(tx)
        await tx.execute(
            update(assessments)
            .where(assessments.c.book_id == book, assessments.c.assessment_id == assessment_id)
            .values(done_at=done_at, people=people, digest=digest)
        )
        facts = {
            "assessment": str(assessment_id),
            "as_of": begun.as_of.isoformat(),
            "known_at": begun.known_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "ladder": str(begun.ladder),
            "people": str(people),
            "digest": digest.hex(),
        }
        await events.add(tx, book, "assessment_made", facts, actor=begun.made_by, at=done_at)
        return replace(begun, done_at=done_at, people=people, digest=digest)


async def locked(tx: AsyncConnection, book: int, assessment_id: UUID) -> Assessment:
    """An assessment that has been run, locked until the transaction ends. UnknownAssessment, AssessmentUnfinished."""
    found = await _locked(tx, book, assessment_id)
    if found.done_at is None:
        raise AssessmentUnfinished(assessment_id)
    return found


async def _locked(tx: AsyncConnection, book: int, assessment_id: UUID) -> Assessment:
    wanted = select(*_COLUMNS).where(assessments.c.book_id == book, assessments.c.assessment_id == assessment_id)
    row = (await tx.execute(wanted.with_for_update(key_share=True))).one_or_none()
    if row is None:
        raise UnknownAssessment(assessment_id)
    return Assessment(*row)


_ROW: Final = (
    "holder",
    "credit_minutes",
    "honour_minutes",
    "year_minutes",
    "points",
    "registered_on",
    "marked_on",
    "held",
    "kept",
    "star",
)


def _of_the_books(ladder: Ladder) -> str:
    """The rows of an assessment as the books have them: who has hours, a star or an award."""
    return f"""SELECT {", ".join(_ROW)} FROM ({stars.statement(ladder, known=True)}) everybody
        WHERE credit_minutes <> 0 OR honour_minutes <> 0 OR star > 0 OR held > 0"""


def _stored(ladder: Ladder) -> str:
    return f"""INSERT INTO assessed (book_id, assessment_id, {", ".join(_ROW)})
        SELECT :book, :assessment, found.* FROM ({_of_the_books(ladder)}) found"""


# --- the digest -------------------------------------------------------------------------------------------------------


async def stored_digest(tx: AsyncConnection, book: int, of: Assessment) -> tuple[int, bytes]:
    """How many rows of an assessment are stored, and their digest."""
    kept = f"SELECT {', '.join(_ROW)} FROM assessed WHERE book_id = :book AND assessment_id = :assessment"
    return await _digest(tx, kept, {"book": book, "assessment": of.assessment_id}, of)


async def again(tx: AsyncConnection, book: int, of: Assessment) -> tuple[int, bytes]:
    """The same computed anew from the books, as they were known then; nothing is stored.

    It differs only if somebody has been erased since, or something was changed that never changes.
    """
    await stars.of_everybody(tx)
    ladder = await ladders.version(tx, book, of.ladder)
    return await _digest(tx, _of_the_books(ladder), stars.parameters(book, ladder, of.as_of, of.known_at), of)


async def _digest(tx: AsyncConnection, rows: str, asked: dict[str, Any], of: Assessment) -> tuple[int, bytes]:
    """Of rows in any order. In two steps, by the first figures of the holders, so that no string is huge."""
    # The ladder as it is stored: what a later version of this service would write for it may be more.
    query = f"""
        WITH parts AS (
            SELECT left(holder, 2) COLLATE "C" AS part, count(*) AS people, sha256(convert_to(string_agg(
                concat_ws('|', holder, credit_minutes, honour_minutes, year_minutes, points,
                          to_char(registered_on, 'YYYY-MM-DD'), coalesce(to_char(marked_on, 'YYYY-MM-DD'), ''),
                          held, kept, star), chr(10) ORDER BY holder COLLATE "C"), 'UTF8')) AS digest
            FROM ({rows}) found GROUP BY 1)
        SELECT coalesce(sum(people), 0)::int, sha256(
            convert_to(coalesce((SELECT body::text FROM ladders WHERE book_id = :book AND version = :ladder), :national)
                       || chr(10), 'UTF8') || coalesce(string_agg(digest, ''::bytea ORDER BY part), ''::bytea))
        FROM parts"""
    national = " ".join(str(level.minutes) for level in NATIONAL.levels)
    people, digest = (await tx.execute(text(query), asked | {"ladder": of.ladder, "national": national})).one()
    return people, bytes(digest)


# --- reading ----------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, assessment_id: UUID) -> Assessment:
    """One assessment; UnknownAssessment."""
    row = (
        await tx.execute(
            select(*_COLUMNS).where(assessments.c.book_id == book, assessments.c.assessment_id == assessment_id)
        )
    ).one_or_none()
    if row is None:
        raise UnknownAssessment(assessment_id)
    return Assessment(*row)


async def of_book(
    tx: AsyncConnection, book: int, *, after: UUID | None = None, limit: int = 50
) -> Sequence[Assessment]:
    """The assessments of a book, the newest first."""
    wanted = select(*_COLUMNS).where(assessments.c.book_id == book)
    if after is not None:
        wanted = wanted.where(assessments.c.assessment_id < after)
    rows = await tx.execute(wanted.order_by(assessments.c.assessment_id.desc()).limit(limit))
    return [Assessment(*row) for row in rows]


async def done_ones(tx: AsyncConnection, book: int) -> list[Assessment]:
    """All assessments of a book that were run to their end, the oldest first."""
    done = (assessments.c.book_id == book, assessments.c.done_at.is_not(None))
    rows = await tx.execute(select(*_COLUMNS).where(*done).order_by(assessments.c.assessment_id))
    return [Assessment(*row) for row in rows]


async def tallies(tx: AsyncConnection, book: int, assessment_id: UUID) -> list[Tally]:
    """How many have how many stars, from none up."""
    found = await tx.execute(
        text("""
            SELECT star, count(*), count(*) FILTER (WHERE star > held), count(*) FILTER (WHERE star < held)
            FROM assessed WHERE book_id = :book AND assessment_id = :assessment GROUP BY star ORDER BY star"""),
        {"book": book, "assessment": assessment_id},
    )
    return [Tally(*row) for row in found]


async def rows(
    tx: AsyncConnection,
    book: int,
    of: Assessment,
    within: Collection[str] | None = None,
    *,
    which: Which = "all",
    holder: str | None = None,
    after: str = "",
    limit: int = 200,
) -> list[Assessed]:
    """What people were assessed by, in order of their holder numbers, after one.

    `within`: only who belongs to these organisations or those below them; None: all. `which`: all, or who has more or
    fewer stars than she holds. `holder`: one person alone, also if she has been erased; who has been is in no list.
    """
    counted: Sequence[HoursClass] = (await ladders.version(tx, book, of.ladder)).classes
    hers = (volunteers.c.book_id == book) & (volunteers.c.holder == assessed.c.holder)
    wanted = (
        select(
            *(assessed.c[name] for name in _ROW),
            volunteers.c.volunteer_no,
            volunteers.c.organisation,
        )
        .select_from(assessed)
        .join(volunteers, hers, isouter=holder is not None)
        .where(assessed.c.book_id == book, assessed.c.assessment_id == of.assessment_id, assessed.c.holder > after)
        .order_by(assessed.c.holder)
        .limit(limit)
    )
    if which == "rises":
        wanted = wanted.where(assessed.c.star > assessed.c.held)
    elif which == "falls":
        wanted = wanted.where(assessed.c.star < assessed.c.held)
    if holder is not None:
        wanted = wanted.where(assessed.c.holder == holder)
    if within is not None:
        named = (organisations.c.book_id == book) & (organisations.c.code == volunteers.c.organisation)
        wanted = wanted.join(organisations, named).where(
            organisations.c.line.overlap(literal(sorted(within), ARRAY(TEXT)))
        )
    return [_assessed(row, counted) for row in await tx.execute(wanted)]


def _assessed(row: Any, counted: Sequence[HoursClass]) -> Assessed:
    minutes = {"credit": row.credit_minutes, "honour": row.honour_minutes}
    facts = Facts(
        minutes=sum(minutes[each] for each in counted),
        year_minutes=row.year_minutes,
        points=row.points,
        registered_on=row.registered_on,
        held=row.held,
        kept=row.kept,
        marked_on=row.marked_on,
    )
    return Assessed(
        row.holder, row.volunteer_no, row.organisation, row.credit_minutes, row.honour_minutes, facts, row.star
    )
