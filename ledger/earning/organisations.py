"""Organisations: a tree of any depth. Rights hold for an organisation and those below it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from sqlalchemy import any_, case, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.chart import CHART, CODE
from ledger.books.tables import accounts
from ledger.earning.tables import organisations, volunteers
from ledger.errors import InvalidField, OrganisationExists, OrganisationInactive, UnknownOrganisation
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

    InvalidField, UnknownOrganisation (the parent), OrganisationExists.
    """
    if not CODE.fullmatch(code):
        raise InvalidField("code", "not_a_code")
    if not one_line(name, least=1, most=NAME_LENGTH):
        raise InvalidField("name", "not_a_name")
    if not LEVEL.fullmatch(level):
        raise InvalidField("level", "not_a_level")
    line = (code, *((await find(tx, book, parent)).line if parent is not None else ()))
    if len(line) > DEEPEST:
        raise InvalidField("parent", "too_deep")
    added = await tx.execute(
        insert(organisations)
        .values(book_id=book, code=code, name=name, parent=parent, line=list(line), level=level)
        .on_conflict_do_nothing(index_elements=[organisations.c.book_id, organisations.c.code])
        .returning(organisations.c.code)
    )
    if added.first() is None:
        raise OrganisationExists(code)
    return Organisation(code, name, parent, line, level)


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
