"""Organisations: a tree of any depth. Rights hold for an organisation and those below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from sqlalchemy import any_, case, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.chart import CHART, CODE
from ledger.books.tables import accounts
from ledger.earning.tables import organisations, volunteers
from ledger.errors import InvalidField, OrganisationExists, OrganisationInactive, Refusal, UnknownOrganisation
from ledger.text import one_line

Status = Literal["active", "suspended", "exited"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)

NAME_LENGTH: Final = 200
LEVEL: Final = re.compile(r"[a-z][a-z_]{0,31}")
"""What an organisation is called: district, subdistrict, community, team, department or what else a district has."""
DEEPEST: Final = 16

_OF_VOLUNTEERS: Final = [row.kind for row in CHART if row.holder == "volunteer"]
_OF_ORGANISATIONS: Final = [row.kind for row in CHART if row.holder == "organisation"]


@dataclass(frozen=True, slots=True)
class Organisation:
    """A district, subdistrict, community or team. `line`: its code, that of the one above it, and so on to the top.

    `status`: its own; it is inactive also where one above it is (`active`).
    """

    code: str
    name: str
    parent: str | None
    line: tuple[str, ...]
    level: str = "team"
    status: Status = "active"


@dataclass(frozen=True, slots=True)
class NewOrganisation:
    """A row of a list of organisations."""

    code: str
    name: str
    level: str = "team"
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Belonging:
    """What an account is, and the line of the organisation that it belongs to; empty: to the book as a whole."""

    kind: str | None
    line: tuple[str, ...]


_ORGANISATION: Final = select(
    organisations.c.code,
    organisations.c.name,
    organisations.c.parent,
    organisations.c.line,
    organisations.c.level,
    organisations.c.status,
)


async def add(
    tx: AsyncConnection, book: int, code: str, name: str, parent: str | None = None, level: str = "team"
) -> Organisation:
    """A new organisation below another one, or at the top.

    InvalidField, UnknownOrganisation (the parent), OrganisationInactive (the parent), OrganisationExists.
    """
    wanted = NewOrganisation(code, name, level, parent)
    if (wrong := _wrong(wanted)) is not None:
        raise wrong
    above = await active(tx, book, parent) if parent is not None else None
    planned = _below(wanted, above)
    if isinstance(planned, Refusal):
        raise planned
    if not await _insert(tx, book, [planned]):
        raise OrganisationExists(code)
    return planned


async def add_many(
    tx: AsyncConnection, book: int, rows: Sequence[NewOrganisation]
) -> list[tuple[Organisation, bool] | Refusal]:
    """Adds organisations, parents before or after their children; answers for each (it, whether it is new) or why not.

    What is there with the same data stays as it is. Refusals: InvalidField, OrganisationExists where the one that is
    there differs, OrganisationInactive, UnknownOrganisation where the parent is not there, not accepted, or below it.
    """
    known = {each.code: each for each in await all_of(tx, book)}
    outcomes: list[tuple[Organisation, bool] | Refusal | None] = [_wrong(row) for row in rows]
    planned: dict[str, Organisation] = {}
    waiting = [index for index, outcome in enumerate(outcomes) if outcome is None]
    while waiting:  # once for each level of the tree
        later = []
        for index in waiting:
            row = rows[index]
            if row.code in known:
                outcomes[index] = _same(row, known[row.code])
            elif row.parent is not None and row.parent not in known:
                later.append(index)
            else:
                outcome = _planned(row, known)
                outcomes[index] = outcome if isinstance(outcome, Refusal) else (outcome, True)
                if isinstance(outcome, Organisation):
                    known[row.code] = planned[row.code] = outcome
        if len(later) == len(waiting):
            for index in later:
                outcomes[index] = UnknownOrganisation(rows[index].parent or "")
            break
        waiting = later
    added = await _insert(tx, book, planned.values())
    if missed := planned.keys() - added:  # somebody else has added them at the same time
        there = {each.code: each for each in await all_of(tx, book) if each.code in missed}
        for index, row in enumerate(rows):
            if row.code in there:
                outcomes[index] = _same(row, there[row.code])
    return [outcome for outcome in outcomes if outcome is not None]


def _wrong(row: NewOrganisation) -> InvalidField | None:
    """What cannot be stored, whatever is there."""
    if not CODE.fullmatch(row.code):
        return InvalidField("code", "not_a_code")
    if not one_line(row.name, least=1, most=NAME_LENGTH):
        return InvalidField("name", "not_a_name")
    if not LEVEL.fullmatch(row.level):
        return InvalidField("level", "not_a_level")
    return None


def _planned(row: NewOrganisation, known: Mapping[str, Organisation]) -> Organisation | Refusal:
    """The organisation of a row whose parent is among the known ones."""
    above = known[row.parent] if row.parent is not None else None
    for code in above.line if above is not None else ():
        if known[code].status != "active":
            return OrganisationInactive(row.parent or "", known[code].status)
    return _below(row, above)


def _below(row: NewOrganisation, above: Organisation | None) -> Organisation | Refusal:
    line = (row.code, *(above.line if above is not None else ()))
    if len(line) > DEEPEST:
        return InvalidField("parent", "too_deep")
    return Organisation(row.code, row.name, row.parent, line, row.level)


def _same(row: NewOrganisation, there: Organisation) -> tuple[Organisation, bool] | Refusal:
    same = (row.name, row.level, row.parent) == (there.name, there.level, there.parent)
    return (there, False) if same else OrganisationExists(row.code)


async def _insert(tx: AsyncConnection, book: int, new: Iterable[Organisation]) -> set[str]:
    """Adds these organisations; the codes of those that were not there."""
    rows = [
        {
            "book_id": book,
            "code": each.code,
            "name": each.name,
            "parent": each.parent,
            "line": list(each.line),
            "level": each.level,
        }
        # Parents first; and in one order, so that two who add the same ones do not wait for each other.
        for each in sorted(new, key=lambda each: (len(each.line), each.code))
    ]
    if not rows:
        return set()
    added = await tx.execute(
        insert(organisations)
        .on_conflict_do_nothing(index_elements=[organisations.c.book_id, organisations.c.code])
        .returning(organisations.c.code),
        rows,
    )
    return set(added.scalars())


async def set_status(tx: AsyncConnection, book: int, code: str, status: str) -> Organisation:
    """Suspends an organisation, lets it go or lets it in again; those below it follow it. What is there stays.

    UnknownOrganisation, InvalidField.
    """
    if status not in STATUSES:
        raise InvalidField("status", "not_a_status")
    await find(tx, book, code)
    await tx.execute(
        update(organisations).where(organisations.c.book_id == book, organisations.c.code == code).values(status=status)
    )
    return await find(tx, book, code)


async def find(tx: AsyncConnection, book: int, code: str) -> Organisation:
    """The organisation with this code; UnknownOrganisation."""
    if not CODE.fullmatch(code):
        raise UnknownOrganisation(code)
    row = (
        await tx.execute(_ORGANISATION.where(organisations.c.book_id == book, organisations.c.code == code))
    ).one_or_none()
    if row is None:
        raise UnknownOrganisation(code)
    return _organisation(*row)


async def find_many(tx: AsyncConnection, book: int, codes: Iterable[str]) -> dict[str, Organisation]:
    """The organisations with these codes; those that are not there are left out."""
    possible = literal([code for code in codes if CODE.fullmatch(code)], ARRAY(TEXT))
    rows = await tx.execute(
        _ORGANISATION.where(organisations.c.book_id == book, organisations.c.code == any_(possible))
    )
    return {row.code: _organisation(*row) for row in rows}


async def active(tx: AsyncConnection, book: int, code: str) -> Organisation:
    """The organisation with this code, if it may record: it and all above it are active.

    UnknownOrganisation, OrganisationInactive. Nothing is locked: what was begun before a suspension ends undisturbed.
    """
    found = await find(tx, book, code)
    if (status := (await inactive(tx, book, [found])).get(code)) is not None:
        raise OrganisationInactive(code, status)
    return found


async def inactive(tx: AsyncConnection, book: int, asked: Iterable[Organisation]) -> dict[str, str]:
    """Those of these organisations that may not record, with the status that is to blame: the nearest in their line."""
    of_each = {each.code: each.line for each in asked}
    all_lines = sorted({code for line in of_each.values() for code in line})
    rows = await tx.execute(
        select(organisations.c.code, organisations.c.status).where(
            organisations.c.book_id == book,
            organisations.c.code == any_(literal(all_lines, ARRAY(TEXT))),
            organisations.c.status != "active",
        )
    )
    blamed = {row.code: row.status for row in rows}
    nearest = {code: next((each for each in line if each in blamed), None) for code, line in of_each.items()}
    return {code: blamed[each] for code, each in nearest.items() if each is not None}


async def organisations_of(tx: AsyncConnection, book: int, *, after: str = "", limit: int = 200) -> list[Organisation]:
    """The organisations of a book by code, after a code (or none)."""
    if after and not CODE.fullmatch(after):
        raise InvalidField("after", "not_a_code")
    rows = await tx.execute(
        _ORGANISATION.where(organisations.c.book_id == book, organisations.c.code > after)
        .order_by(organisations.c.code)
        .limit(limit)
    )
    return [_organisation(*row) for row in rows]


async def all_of(tx: AsyncConnection, book: int) -> list[Organisation]:
    """All organisations of a book by code: for its tree."""
    rows = await tx.execute(_ORGANISATION.where(organisations.c.book_id == book).order_by(organisations.c.code))
    return [_organisation(*row) for row in rows]


async def lines(tx: AsyncConnection, book: int, codes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The lines of these organisations; those that are not there are left out."""
    rows = await tx.execute(
        select(organisations.c.code, organisations.c.line).where(
            organisations.c.book_id == book, organisations.c.code == any_(literal(list(codes), ARRAY(TEXT)))
        )
    )
    return {code: tuple(line) for code, line in rows}


async def of_accounts(tx: AsyncConnection, book: int, codes: Iterable[str]) -> dict[str, Belonging]:
    """To which organisations these accounts belong; accounts that are not there are left out.

    A reward or hours account belongs to the organisation that it names, a volunteer's to the one that registered her.
    """
    possible = [code for code in codes if CODE.fullmatch(code)]  # of what else there can be no account
    owner = case(
        (accounts.c.kind.in_(_OF_VOLUNTEERS), volunteers.c.organisation),
        (accounts.c.kind.in_(_OF_ORGANISATIONS), accounts.c.holder),
    )
    rows = await tx.execute(
        select(accounts.c.code, accounts.c.kind, organisations.c.line)
        .select_from(accounts)
        .outerjoin(volunteers, (volunteers.c.book_id == book) & (volunteers.c.holder == accounts.c.holder))
        .outerjoin(organisations, (organisations.c.book_id == book) & (organisations.c.code == owner))
        .where(accounts.c.book_id == book, accounts.c.code == any_(literal(possible, ARRAY(TEXT))))
    )
    return {code: Belonging(kind, tuple(line or ())) for code, kind, line in rows}


def _organisation(code: str, name: str, parent: str | None, line: list[str], level: str, status: str) -> Organisation:
    return Organisation(code, name, parent, tuple(line), level, cast(Status, status))
