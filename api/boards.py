"""Public boards, whichever door one comes by: who stands on them and how, at the moment at which they are looked at.

Minors are left out when a board is published, and again each time that it is shown, since a day of birth may become
known, or be mended, in between. A name is in full only while its owner agrees. Nothing of this is kept anywhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, desk, own
from api.bodies import Body, day
from ledger.access import consents, persons
from ledger.access.ciphers import Keys
from ledger.access.persons import OnBoards
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations
from ledger.recognition import boards
from ledger.recognition.boards import Board, Candidate, Figure, Kind, Standing, Wanted

PAGE: Final = 50
PURPOSE: Final[consents.Purpose] = "public_name"


class NewBoard(Body, frozen=True):
    """What a board shall show. `kind`: people with `stars`, people with most `hours`, `averages` of organisations.

    `organisation`: of it and those below it; leave it out for the whole book. `category`: of the services that count;
    leave it out for all. `least_star`: who has fewer is not on a board of people.
    """

    kind: str
    from_day: str
    to_day: str
    organisation: str | None = None
    category: str | None = None
    least_star: int = boards.LEAST_STAR

    def wanted(self) -> Wanted:
        """The same with its days read. InvalidField."""
        return Wanted(
            self.kind,  # type: ignore[arg-type] # `boards.checked` looks at it
            day(self.from_day, "from_day"),
            day(self.to_day, "to_day"),
            self.organisation,
            self.category,
            self.least_star,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody on a board. `name` None: nothing is recorded of her; `tail`: what ends her volunteer number."""

    rank: int
    name: str | None
    tail: str
    star: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Average:
    """An organisation on a board, first the one that the board is of with all below it, which has no rank.

    Averages in minutes, rounded down. Where too few served, only how many are `registered` is shown.
    """

    rank: int | None
    organisation: str | None
    name: str | None
    registered: int
    minutes: int | None = None
    active: int | None = None
    per_registered: int | None = None
    per_active: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a board, as anybody may see it. `organisation`: what it is called; None: it is of the whole book.

    `next`: the `after` of the next page.
    """

    book: str
    organisation: str | None
    board: Board
    lines: list[Line]
    averages: list[Average]
    next: int | None


# --- for everybody ---------------------------------------------------------------------------------------------------


async def page(
    tx: AsyncConnection, keys: Keys, code: str, board_id: UUID, *, after: int = 0, limit: int = PAGE
) -> Page:
    """The places after `after` of a board that is shown. UnknownBoard."""
    found = await boards.shown(tx, code, board_id, upto=min(after, boards.MOST) + limit + 1)
    until = after + limit
    if found.board.wanted.kind == "averages":
        figures = found.board.figures
        names = await organisations.find_many(
            tx, found.book_id, {each.organisation for each in figures if each.organisation is not None}
        )
        averages = _averages(figures, {code: each.name for code, each in names.items()})
        shown = [averages[0], *averages[1 + after : 1 + until]]
        more = len(averages) > 1 + until
        return Page(found.book, found.organisation, found.board, [], shown, until if more else None)
    people = [each for each in found.people if each.place <= until]
    before = sum(each.place <= after for each in people)
    on = await _on_boards(tx, keys, found.book_id, people, found.at, unnamed=before)
    lines = _lines(found.board.wanted.kind, people, on)[
        sum(each.volunteer_no not in on.minors for each in people[:before]) :
    ]
    more = len(found.people) > len(people)
    return Page(found.book, found.organisation, found.board, lines, [], until if more else None)


async def _on_boards(
    tx: AsyncConnection,
    keys: Keys,
    book: int,
    people: Sequence[Standing],
    at: datetime.datetime,
    *,
    unnamed: int = 0,
) -> OnBoards:
    return await persons.standing_on_boards(tx, keys, book, [each.volunteer_no for each in people], at, unnamed=unnamed)


def _lines(kind: Kind, people: Sequence[Standing], on: OnBoards) -> list[Line]:
    """All but minors, who leave no gap in the ranks."""
    kept = [each for each in people if each.volunteer_no not in on.minors]
    return [
        Line(rank, on.names.get(each.volunteer_no), desk.tail(each.volunteer_no), each.star, each.minutes)
        for rank, each in zip(boards.ranks(kind, kept), kept, strict=True)
    ]


def _averages(figures: Sequence[Figure], names: dict[str, str]) -> list[Average]:
    """The whole, those with a rank, and those without by their codes: their places would say who served more."""
    hidden = boards.withheld(figures)
    whole, *parts = figures
    ranked = [each for each in parts if each.organisation not in hidden]
    others = sorted((each for each in parts if each.organisation in hidden), key=lambda each: str(each.organisation))
    ranks = [None, *boards.ranks_of_figures(ranked), *(None for _ in others)]
    return [
        _average(rank, names.get(each.organisation or ""), each, hidden=each.organisation in hidden)
        for rank, each in zip(ranks, (whole, *ranked, *others), strict=True)
    ]


def _average(rank: int | None, name: str | None, of: Figure, *, hidden: bool) -> Average:
    if hidden:
        return Average(rank, of.organisation, name, of.registered)
    by_all, by_active = of.minutes // of.registered, of.minutes // of.active
    return Average(rank, of.organisation, name, of.registered, of.minutes, of.active, by_all, by_active)


# --- for staff -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be published now: as many `people` as would stand on it, and how its first page would look."""

    wanted: Wanted
    organisation: str | None
    people: int
    lines: list[Line]
    averages: list[Average]


async def preview(tx: AsyncConnection, keys: Keys, me: Principal, new: NewBoard) -> Preview:
    """A board as it would be published now. NotAllowed, InvalidField, UnknownOrganisation."""
    wanted, now = new.wanted(), await connect.now(tx)
    people, figures = await _found(tx, keys, me, wanted, now)
    first = [Standing(place, each.volunteer_no, each.star, each.minutes) for place, each in enumerate(people[:PAGE], 1)]
    on = await _on_boards(tx, keys, me.book_id, first, now)
    codes = {each.organisation for each in figures} | {wanted.organisation}
    names = {
        code: each.name
        for code, each in (await organisations.find_many(tx, me.book_id, [each for each in codes if each])).items()
    }
    return Preview(
        wanted,
        names.get(wanted.organisation or ""),
        len(people),
        _lines(wanted.kind, first, on),
        _averages(figures, names) if figures else [],
    )


async def publish(tx: AsyncConnection, keys: Keys, me: Principal, new: NewBoard) -> tuple[Board, bool]:
    """Publishes a board; whether it is new. NotAllowed, InvalidField, UnknownOrganisation."""
    wanted, now = new.wanted(), await connect.now(tx)
    people, figures = await _found(tx, keys, me, wanted, now)
    return await boards.publish(tx, me.book_id, wanted, people, figures, by=me.name, now=now)


async def withdraw(tx: AsyncConnection, me: Principal, board_id: UUID) -> Board:
    """Takes a board off the public pages. UnknownBoard, NotAllowed, AlreadyDecided."""
    found = await boards.find(tx, me.book_id, board_id)
    auth.within(me, Right.ASSESS, await auth.line_of(tx, me, found.wanted.organisation))
    return await boards.withdraw(tx, me.book_id, board_id, by=me.name, now=await connect.now(tx))


async def _found(
    tx: AsyncConnection, keys: Keys, me: Principal, wanted: Wanted, now: datetime.datetime
) -> tuple[list[Candidate], tuple[Figure, ...]]:
    auth.within(me, Right.ASSESS, await auth.line_of(tx, me, wanted.organisation))
    today = day_of(now)
    await boards.checked(tx, me.book_id, wanted, today)
    if wanted.kind == "averages":
        return [], await boards.averages(tx, me.book_id, wanted)
    return await grown(tx, keys, me.book_id, wanted, now), ()


async def grown(tx: AsyncConnection, keys: Keys, book: int, wanted: Wanted, now: datetime.datetime) -> list[Candidate]:
    """As many as have room on a board, of whom nobody is known to be a minor."""
    kept: list[Candidate] = []
    async with aclosing(boards.candidates(tx, book, wanted, day_of(now))) as candidates:
        async for some in candidates:
            numbers = [each.volunteer_no for each in some]
            on = await persons.standing_on_boards(tx, keys, book, numbers, now, unnamed=len(numbers))
            kept += [each for each in some if each.volunteer_no not in on.minors]
            if len(kept) >= boards.MOST:
                break
    return kept[: boards.MOST]


# --- for herself -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mine:
    """How she is shown on boards. `minor`: on none; `name` None: nothing is recorded of her, so her number alone.

    `in_full`: since she agrees; `agreed`: she has said so, if perhaps as a minor, which does not count.
    `on`: the boards on which she stands now, with her place.
    """

    minor: bool
    name: str | None
    tail: str
    in_full: bool
    agreed: bool
    on: list[tuple[Board, int]]


async def mine(tx: AsyncConnection, keys: Keys, me: Principal) -> Mine:
    """How the caller is shown. NotAllowed for who is no volunteer."""
    her = await own.volunteer(tx, me)
    number = her.volunteer_no
    now = await connect.now(tx)
    how = await persons.standing_on_boards(tx, keys, me.book_id, [number], now)
    minor = number in how.minors
    return Mine(
        minor,
        how.names.get(number),
        desk.tail(number),
        number in how.agreed,
        bool(await consents.agreed(tx, me.book_id, [her.holder], PURPOSE)),
        [] if minor else await boards.with_her(tx, me.book_id, her.holder),
    )


async def agree(tx: AsyncConnection, keys: Keys, me: Principal, text_version: str) -> None:
    """Agrees to her full name on boards; anew where what was agreed to for a minor does not count. InvalidField."""
    how = await mine(tx, keys, me)
    if how.agreed and not how.in_full:
        await own.withdraw(tx, me, PURPOSE)
    await own.agree(tx, me, PURPOSE, text_version)
