"""Honours of a year, whichever door one comes by: who proposes and who gives them, and how everybody sees them.

The public list is put together anew at each look: a name is in full only while its owner agrees, and nobody of whom it
is known that she is a minor stands on it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, desk, own
from api.bodies import Body
from api.targets import Year
from ledger.access import persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.books import directory
from ledger.database import connect
from ledger.earning import volunteers
from ledger.errors import InvalidField, Refusal
from ledger.recognition import honours, targets
from ledger.recognition.honours import NAME_LENGTH, Honour, State

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH)]
AT_ONCE: Final = 200


class ReachedBody(Body, frozen=True):
    """Everybody who reached a target in a year; `name` of the honour: that of the target, where none is said."""

    target: str
    year: Year
    name: Name | None = None


class NewHonour(Body, frozen=True):
    """One by name: a `volunteer`, by number, or an `organisation`, by code."""

    year: Year
    name: Name
    volunteer: str | None = None
    organisation: str | None = None


class HonourDecision(Body, frozen=True):
    """Whether these are given; if not, they are declined."""

    honours: Annotated[tuple[UUID, ...], msgspec.Meta(min_length=1, max_length=AT_ONCE)]
    give: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the public list. `name` None: nothing is recorded of her; `tail`: what ends her volunteer number."""

    name: str | None
    tail: str


@dataclass(frozen=True, slots=True)
class Named:
    """An honour, and who has it: people as they let themselves be shown, and groups."""

    name: str
    people: list[Person]
    groups: list[str]


@dataclass(frozen=True, slots=True)
class Page:
    """The list of a year, for everybody; `next`: the `after` of the next page."""

    book: str
    year: int
    honours: list[Named]
    next: UUID | None


# --- for staff -------------------------------------------------------------------------------------------------------


async def propose_reached(tx: AsyncConnection, me: Principal, new: ReachedBody) -> int:
    """Proposes all who reached a target; how many are new. UnknownTarget, NotAllowed, InvalidField."""
    target = await targets.find(tx, me.book_id, new.target)
    auth.within(me, Right.ASSESS, target.line)
    name = target.wanted.name if new.name is None else new.name
    await connect.no_timeout(tx)  # of a city's year
    return await honours.propose_reached(
        tx, me.book_id, target, new.year, name=name, by=me.name, now=await connect.now(tx)
    )


async def propose(tx: AsyncConnection, me: Principal, new: NewHonour) -> Honour:
    """Proposes one by name. NotAllowed, UnknownVolunteer, and what `honours.propose` refuses."""
    holder = None
    if (new.volunteer is None) == (new.organisation is None):
        raise InvalidField("volunteer", "person_or_group")
    belongs = new.organisation
    if new.volunteer is not None:
        her = await volunteers.find(tx, me.book_id, new.volunteer)
        holder, belongs = her.holder, her.organisation
    auth.within(me, Right.ASSESS, await auth.line_of(tx, me, belongs))
    return await honours.propose(
        *(tx, me.book_id, new.year, new.name),
        holder=holder,
        organisation=new.organisation,
        by=me.name,
        now=await connect.now(tx),
    )


async def decide(tx: AsyncConnection, me: Principal, asked: Sequence[UUID], *, give: bool) -> list[Honour | Refusal]:
    """Gives these or declines them; each has its outcome. NotAllowed if one of them is not the caller's to decide."""
    for each in await honours.find_many(tx, me.book_id, asked):
        auth.within(me, Right.CERTIFY, each.line)
    return await honours.decide(
        tx, me.book_id, asked, give, by=me.name, holder=await desk.holder(tx, me), now=await connect.now(tx)
    )


async def end(tx: AsyncConnection, me: Principal, honour_id: UUID) -> Honour:
    """Ends one that was given. UnknownHonour, NotAllowed, AlreadyDecided."""
    auth.within(me, Right.CERTIFY, (await honours.find(tx, me.book_id, honour_id)).line)
    return await honours.end(tx, me.book_id, honour_id, by=me.name, now=await connect.now(tx))


async def listed(
    tx: AsyncConnection,
    me: Principal,
    year: int,
    *,
    state: State | None = None,
    after: UUID | None = None,
    limit: int | None = None,
) -> list[Honour]:
    """Those of a year within reach. UnknownHonour (`after`)."""
    within = desk.reach(me, Right.READ_RECORDS)
    return await honours.of_year(tx, me.book_id, year, state=state, within=within, after=after, limit=limit)


COLUMNS: Final = ("year", "honour", "volunteer", "organisation", "organisation_name", "target", "amount", "state")


def as_csv(found: Sequence[Honour]) -> bytes:
    """The list as a file for a spreadsheet; numbers and no names, so that it is nobody's who is not registered here."""
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    for each in found:
        lines.writerow(
            (
                *(each.year, each.name, each.volunteer_no, each.organisation, each.group),
                *(each.target, each.amount, each.state),
            )
        )
    return text.getvalue().encode("utf-8-sig")


# --- for everybody, and for herself ----------------------------------------------------------------------------------


async def page(
    tx: AsyncConnection, keys: Keys, code: str, year: int, *, after: UUID | None = None, limit: int = AT_ONCE
) -> Page:
    """The honours of a year that were given and not ended. UnknownBook, UnknownHonour (`after`)."""
    book = await directory.find_book(tx, code)
    found = await honours.of_year(tx, book.book_id, year, state="given", after=after, limit=limit)
    numbers = [each.volunteer_no for each in found if each.volunteer_no is not None]
    on = await persons.standing_on_boards(tx, keys, book.book_id, numbers, await connect.now(tx))
    named: dict[str, Named] = {}
    for each in found:
        of = named.setdefault(each.name, Named(each.name, [], []))
        if each.group is not None:
            of.groups.append(each.group)
        elif each.volunteer_no is not None and each.volunteer_no not in on.minors:
            of.people.append(Person(on.names.get(each.volunteer_no), desk.tail(each.volunteer_no)))
    shown = [each for each in named.values() if each.people or each.groups]
    return Page(book.name, year, shown, found[-1].honour_id if len(found) == limit else None)


async def mine(tx: AsyncConnection, me: Principal) -> list[Honour]:
    """What she has, the newest year first. NotAllowed for who is no volunteer."""
    return await honours.of_holder(tx, me.book_id, (await own.volunteer(tx, me)).holder)
