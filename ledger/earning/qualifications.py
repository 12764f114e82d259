"""Qualifications: what somebody has passed, and until when it holds. Activities and coefficients ask for them by name.

Professional service takes a qualification, and training comes first (Regulation on Volunteer Service 16).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import any_, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning.tables import qualifications
from ledger.errors import InvalidField, UnknownQualification
from ledger.text import one_line

NAME_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class Qualification:
    """It holds from the day on which it was passed to `valid_until`, both included; None: for ever."""

    name: str
    passed_on: date
    valid_until: date | None
    recorded_by: str


async def record(
    tx: AsyncConnection,
    book: int,
    holder: str,
    name: str,
    passed_on: date,
    valid_until: date | None,
    *,
    by: str,
    today: date,
) -> Qualification:
    """Records what a person has passed; the same again corrects until when it holds. InvalidField."""
    if not one_line(name, least=1, most=NAME_LENGTH) or name != name.strip():
        raise InvalidField("name", "not_a_qualification")
    if passed_on > today:
        raise InvalidField("passed_on", "in_the_future")
    if valid_until is not None and valid_until < passed_on:
        raise InvalidField("valid_until", "before_it_began")
    new = insert(qualifications).values(
        book_id=book, holder=holder, name=name, passed_on=passed_on, valid_until=valid_until, recorded_by=by
    )
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[
                qualifications.c.book_id,
                qualifications.c.holder,
                qualifications.c.name,
                qualifications.c.passed_on,
            ],
            set_={"valid_until": new.excluded.valid_until, "recorded_by": new.excluded.recorded_by},
        )
    )
    return Qualification(name, passed_on, valid_until, by)


async def end(
    tx: AsyncConnection, book: int, holder: str, name: str, passed_on: date, last_day: date, *, by: str
) -> None:
    """It was taken back: `last_day` is the last on which it held. InvalidField, UnknownQualification."""
    if last_day < passed_on:
        raise InvalidField("last_day", "before_it_began")
    ended = await tx.execute(
        update(qualifications)
        .where(
            qualifications.c.book_id == book,
            qualifications.c.holder == holder,
            qualifications.c.name == name,
            qualifications.c.passed_on == passed_on,
        )
        .values(valid_until=last_day, recorded_by=by)
    )
    if not ended.rowcount:
        raise UnknownQualification(name)


async def of_volunteer(tx: AsyncConnection, book: int, holder: str) -> list[Qualification]:
    """All that is recorded of a person, also what holds no longer, the newest first."""
    rows = await tx.execute(
        select(qualifications)
        .where(qualifications.c.book_id == book, qualifications.c.holder == holder)
        .order_by(qualifications.c.passed_on.desc(), qualifications.c.name)
    )
    return [Qualification(row.name, row.passed_on, row.valid_until, row.recorded_by) for row in rows]


async def held_by(
    tx: AsyncConnection, book: int, asked: Iterable[tuple[str, date]]
) -> dict[tuple[str, date], frozenset[str]]:
    """What each of these people (by holder) holds on that day; who holds nothing is there too."""
    wanted = set(asked)
    if not wanted:
        return {}
    rows = await tx.execute(
        select(
            qualifications.c.holder,
            qualifications.c.name,
            qualifications.c.passed_on,
            qualifications.c.valid_until,
        ).where(
            qualifications.c.book_id == book,
            qualifications.c.holder == any_(literal(sorted({holder for holder, _ in wanted}), ARRAY(TEXT))),
        )
    )
    hers: defaultdict[str, list[tuple[str, date, date | None]]] = defaultdict(list)
    for holder, name, since, until in rows:
        hers[holder].append((name, since, until))
    return {
        (holder, day): frozenset(
            name for name, since, until in hers[holder] if since <= day and (until is None or day <= until)
        )
        for holder, day in wanted
    }
