"""Honours of a year 年度荣誉: proposed by one person, for all who reached a target or by name, and given by another.

An honour for a target is given only as long as what it was for stands: what has been corrected since counts no more.
What was given stays on the yearly list until it is ended.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Uuid, any_, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.database import events
from ledger.days import day_of
from ledger.earning import organisations
from ledger.earning.tables import organisations as organisations_table
from ledger.earning.tables import volunteers
from ledger.errors import (
    AlreadyDecided,
    HonourExists,
    InvalidField,
    Refusal,
    SecondPersonNeeded,
    TargetMissed,
    UnknownHonour,
    UnknownVolunteer,
)
from ledger.recognition import targets
from ledger.recognition.tables import honours
from ledger.recognition.targets import YEARS, Target
from ledger.text import one_line

NAME_LENGTH: Final = 100
State = Literal["proposed", "given", "declined", "ended"]
STATES: Final = ("proposed", "given", "declined", "ended")


@dataclass(frozen=True, slots=True)
class Honour:
    """An honour of a person (`holder`, `volunteer_no`) or of a group (`organisation`, `group`: what it is called).

    `target`, `amount`: which was reached, and how many minutes, weeks or days it was. `line`: of the group, or of the
    organisation that she belongs to, from itself to the top. `volunteer_no` None of a person: she has been erased.
    """

    honour_id: UUID
    year: int
    name: str
    holder: str | None
    organisation: str | None
    target: str | None
    amount: int | None
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    given: bool | None
    ended_by: str | None
    ended_at: datetime | None
    volunteer_no: str | None
    group: str | None
    line: tuple[str, ...]

    @property
    def state(self) -> State:
        if self.given is None:
            return "proposed"
        if not self.given:
            return "declined"
        return "given" if self.ended_at is None else "ended"


# --- proposed --------------------------------------------------------------------------------------------------------


async def propose_reached(
    tx: AsyncConnection, book: int, target: Target, year: int, *, name: str, by: str, now: datetime
) -> int:
    """Proposes everybody, or every group, that reached a target in a year; answers how many are new.

    Who has been proposed for this honour of that year is not proposed again, whatever was decided. InvalidField.
    """
    _check(year, name, now)
    if not target.holds_in(year):
        raise InvalidField("year", "not_of_the_target")
    wanted = target.wanted
    column = "holder" if wanted.whom == "person" else "organisation"
    asked = targets.parameters(book, wanted, year) | {
        "year": year,
        "honour": name,
        "target": wanted.target,
        "by": by,
        "now": now,
    }
    added = await tx.execute(
        text(
            f"""
            WITH {targets.statement(wanted)}
            INSERT INTO honours (book_id, honour_id, year, name, {column}, target, amount, proposed_by, proposed_at)
            SELECT :book, gen_random_uuid(), :year, :honour, p.whose, :target, p.amount, :by, :now FROM p
            WHERE p.amount >= :needed AND NOT EXISTS (
                SELECT FROM honours h
                WHERE h.book_id = :book AND h.year = :year AND h.name = :honour AND h.{column} = p.whose)
            ORDER BY p.whose
            ON CONFLICT DO NOTHING"""
        ),
        asked,
    )
    return added.rowcount


async def propose(
    tx: AsyncConnection,
    book: int,
    year: int,
    name: str,
    *,
    holder: str | None = None,
    organisation: str | None = None,
    by: str,
    now: datetime,
) -> Honour:
    """Proposes one person or one group by name, for whatever she or it did; also who was declined before.

    InvalidField, UnknownVolunteer, UnknownOrganisation, HonourExists.
    """
    _check(year, name, now)
    if (holder is None) == (organisation is None):
        raise InvalidField("organisation", "person_or_group")
    if organisation is not None:
        await organisations.find(tx, book, organisation)
    elif await tx.scalar(select(volunteers.c.holder).where(_of_book(book), volunteers.c.holder == holder)) is None:
        raise UnknownVolunteer("")
    honour_id = next(identifiers.rising(now))
    added = await tx.execute(
        insert(honours)
        .values(
            book_id=book,
            honour_id=honour_id,
            year=year,
            name=name,
            holder=holder,
            organisation=organisation,
            proposed_by=by,
            proposed_at=now,
        )
        .on_conflict_do_nothing()
        .returning(honours.c.honour_id)
    )
    if added.one_or_none() is None:
        raise HonourExists(year, name)
    return await find(tx, book, honour_id)


def _check(year: int, name: str, now: datetime) -> None:
    if not one_line(name, least=1, most=NAME_LENGTH) or name != name.strip():
        raise InvalidField("name", "not_a_name")
    if not YEARS[0] <= year:
        raise InvalidField("year", "out_of_range")
    if year > day_of(now).year:
        raise InvalidField("year", "in_the_future")


# --- decided ---------------------------------------------------------------------------------------------------------


async def decide(
    tx: AsyncConnection,
    book: int,
    asked: Collection[UUID],
    give: bool,
    *,
    by: str,
    holder: str | None,
    now: datetime,
) -> list[Honour | Refusal]:
    """Gives honours that were proposed, or declines them; answers what became of each, in order.

    `holder`: whose user decides, if she is a volunteer. Whoever proposed one, or whose own it is, does not give it:
    SecondPersonNeeded; declining is withdrawing then. UnknownHonour, AlreadyDecided, TargetMissed where what it is for
    does not stand any more.
    """
    await _lock(tx, book, asked)
    there = {each.honour_id: each for each in await find_many(tx, book, asked)}
    amounts = await _amounts(tx, book, list(there.values())) if give else {}
    outcomes: dict[UUID, Honour | Refusal] = {}
    for honour_id in asked:
        outcomes[honour_id] = _decided(there.get(honour_id), honour_id, give, amounts, by=by, holder=holder, now=now)
    decided = [each for each in outcomes.values() if isinstance(each, Honour)]
    for each in decided:
        await tx.execute(
            update(honours)
            .where(honours.c.book_id == book, honours.c.honour_id == each.honour_id)
            .values(given=give, decided_by=by, decided_at=now, amount=each.amount)
        )
        if give:
            target = {"target": each.target, "amount": None if each.amount is None else str(each.amount)}
            texts = {"name": each.name}
            await events.add(tx, book, "honour_given", _facts(each) | target, actor=by, texts=texts, at=now)
    return [outcomes[honour_id] for honour_id in asked]


def _decided(
    found: Honour | None,
    honour_id: UUID,
    give: bool,
    amounts: dict[UUID, tuple[int, int]],
    *,
    by: str,
    holder: str | None,
    now: datetime,
) -> Honour | Refusal:
    if found is None:
        return UnknownHonour(honour_id)
    if found.given is not None:
        return AlreadyDecided()
    if give and (found.proposed_by == by or (holder is not None and found.holder == holder)):
        return SecondPersonNeeded()
    amount = found.amount
    if honour_id in amounts:
        amount, needed = amounts[honour_id]
        if amount < needed:
            return TargetMissed(found.target or "", amount, needed)
    return replace(found, given=give, decided_by=by, decided_at=now, amount=amount)


async def _amounts(tx: AsyncConnection, book: int, proposed: Sequence[Honour]) -> dict[UUID, tuple[int, int]]:
    """How far those that were proposed for a target are by now, and what it needs."""
    found: dict[UUID, tuple[int, int]] = {}
    for code, year in sorted({(each.target, each.year) for each in proposed if each.target is not None}):
        wanted = (await targets.find(tx, book, code)).wanted
        of_it = {
            each.honour_id: each.holder or each.organisation or ""
            for each in proposed
            if (each.target, each.year) == (code, year)
        }
        amounts = await targets.amounts(tx, book, wanted, year, sorted(set(of_it.values())))
        needed = targets.needed(wanted, year)
        found |= {honour_id: (amounts.get(whose, 0), needed) for honour_id, whose in of_it.items()}
    return found


async def end(tx: AsyncConnection, book: int, honour_id: UUID, *, by: str, now: datetime) -> Honour:
    """Ends an honour that was given: it stands on no list from now on. UnknownHonour, AlreadyDecided (not given)."""
    await _lock(tx, book, [honour_id])
    there = await find(tx, book, honour_id)
    if there.state != "given":
        raise AlreadyDecided
    await tx.execute(
        update(honours)
        .where(honours.c.book_id == book, honours.c.honour_id == honour_id)
        .values(ended_by=by, ended_at=now)
    )
    await events.add(tx, book, "honour_withdrawn", _facts(there), actor=by, at=now)
    return replace(there, ended_by=by, ended_at=now)


def _facts(of: Honour) -> dict[str, str | None]:
    """What the book's history says of it in plain: what it is called may name somebody."""
    return {
        "honour": str(of.honour_id),
        "year": str(of.year),
        "holder": of.holder,
        "organisation": of.organisation,
        "proposed_by": of.proposed_by,
    }


# --- reading ---------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, honour_id: UUID) -> Honour:
    """One honour; UnknownHonour."""
    found = await find_many(tx, book, [honour_id])
    if not found:
        raise UnknownHonour(honour_id)
    return found[0]


async def find_many(tx: AsyncConnection, book: int, asked: Collection[UUID]) -> list[Honour]:
    """These honours, in no order; those that are not there are left out."""
    rows = await tx.execute(_honours(book).where(honours.c.honour_id == any_(literal(sorted(asked), ARRAY(Uuid)))))
    return [_honour(row) for row in rows]


async def of_year(
    tx: AsyncConnection,
    book: int,
    year: int,
    *,
    state: State | None = None,
    within: Collection[str] | None = None,
    after: UUID | None = None,
    limit: int | None = None,
) -> list[Honour]:
    """The honours of a year by their names, people by volunteer number and then groups by code; after one, or all.

    `within`: of those who belong to these organisations or below them, and of such groups. UnknownHonour.
    """
    asked = _honours(book).where(honours.c.year == year).order_by(*_ORDER)
    if within is not None:
        asked = asked.where(organisations_table.c.line.overlap(literal(sorted(within), ARRAY(TEXT))))
    if state is not None:
        asked = asked.where(_IN[state])
    if after is not None:
        last = await find(tx, book, after)
        key = last.volunteer_no or last.organisation or ""
        place = (last.name, last.organisation is not None, key, last.honour_id)
        asked = asked.where(tuple_(*_ORDER) > tuple_(*place))
    return [_honour(row) for row in await tx.execute(asked if limit is None else asked.limit(limit))]


async def of_holder(tx: AsyncConnection, book: int, holder: str) -> list[Honour]:
    """The honours that somebody has, the newest year first."""
    asked = _honours(book).where(honours.c.holder == holder, _IN["given"])
    rows = await tx.execute(asked.order_by(honours.c.year.desc(), honours.c.name))
    return [_honour(row) for row in rows]


async def years_of(tx: AsyncConnection, book: int) -> list[int]:
    """The years that have honours, the newest first."""
    asked = select(honours.c.year).where(honours.c.book_id == book).distinct().order_by(honours.c.year.desc())
    return list((await tx.execute(asked)).scalars())


_IN: Final[dict[State, Any]] = {
    "proposed": honours.c.given.is_(None),
    "given": honours.c.given.is_(True) & honours.c.ended_at.is_(None),
    "declined": honours.c.given.is_(False),
    "ended": honours.c.ended_at.is_not(None),
}
_ORDER: Final = (
    honours.c.name,
    honours.c.organisation.is_not(None),
    func.coalesce(volunteers.c.volunteer_no, honours.c.organisation, ""),
    honours.c.honour_id,
)


def _of_book(book: int) -> Any:
    return volunteers.c.book_id == book


def _honours(book: int) -> Any:
    belongs = func.coalesce(honours.c.organisation, volunteers.c.organisation)
    return (
        select(
            honours.c.honour_id,
            honours.c.year,
            honours.c.name,
            honours.c.holder,
            honours.c.organisation,
            honours.c.target,
            honours.c.amount,
            honours.c.proposed_by,
            honours.c.proposed_at,
            honours.c.decided_by,
            honours.c.decided_at,
            honours.c.given,
            honours.c.ended_by,
            honours.c.ended_at,
            volunteers.c.volunteer_no,
            organisations_table.c.name.label("group"),
            organisations_table.c.line,
        )
        .outerjoin(volunteers, _of_book(book) & (volunteers.c.holder == honours.c.holder))
        .outerjoin(
            organisations_table, (organisations_table.c.book_id == book) & (organisations_table.c.code == belongs)
        )
        .where(honours.c.book_id == book)
    )


def _honour(row: Any) -> Honour:
    *what, group, line = row
    values = [*what, None if row.organisation is None else group, tuple(line or ())]
    return Honour(*values)


async def _lock(tx: AsyncConnection, book: int, asked: Collection[UUID]) -> None:
    await tx.execute(
        select(honours.c.honour_id)
        .where(honours.c.book_id == book, honours.c.honour_id == any_(literal(sorted(asked), ARRAY(Uuid))))
        .order_by(honours.c.honour_id)
        .with_for_update(key_share=True)
    )
