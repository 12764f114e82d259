"""Stars as answers, pages and the command line show them: on which day, by which ladder, as known when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, own, star_words
from api import volunteers as people
from api.problems import Language
from ledger.access import rights
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import volunteers
from ledger.earning.volunteers import Volunteer
from ledger.errors import InvalidField
from ledger.recognition import awards, ladders, stars
from ledger.recognition import ladder as rule
from ledger.recognition.awards import Award
from ledger.recognition.ladder import Ladder, Missing
from ledger.recognition.stars import Standing

EARLIEST: Final = date(1900, 1, 1)
"""No book begins before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: the stars of a day, by this ladder, as known at an instant (None: as known now)."""

    day: date
    ladder: Ladder
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Starred:
    """Where somebody stands, by what, and what is missing to the next star (None: there is none above hers)."""

    asked: Asked
    standing: Standing
    missing: tuple[Missing, ...] | None


async def asked(
    tx: AsyncConnection,
    book: int,
    *,
    as_of: date | None = None,
    rules_on: date | None = None,
    known_at: datetime | None = None,
    version: int | None = None,
) -> Asked:
    """Today's stars by the ladder of their day, or what else is asked for. InvalidField, UnknownLadder.

    `rules_on`: by the ladder that is in force on that day; `version`: by that of this number. As known at an instant,
    also the ladder is the one that was known then.
    """
    today = day_of(await connect.now(tx))
    day = today if as_of is None else as_of
    if day > today:
        raise InvalidField("as_of", "in_the_future")
    if day < EARLIEST:
        raise InvalidField("as_of", "out_of_range")
    if version is not None:
        return Asked(day, await ladders.version(tx, book, version), known_at)
    of_day = day if rules_on is None else rules_on
    return Asked(day, await ladders.in_force(tx, book, of_day, known_at=known_at), known_at)


async def of_mine(tx: AsyncConnection, me: Principal, what: Asked) -> Starred:
    """Her own star. NotAllowed for who is no volunteer; InvalidField (`known_at`)."""
    return await of_volunteer(tx, me, await own.volunteer(tx, me), what)


async def of_one(tx: AsyncConnection, me: Principal, volunteer_no: str, what: Asked) -> Starred:
    """The star of somebody within the caller's reach. NotAllowed, UnknownVolunteer, InvalidField (`known_at`)."""
    return await of_volunteer(tx, me, await people.within(tx, me, Right.READ_RECORDS, volunteer_no), what)


async def of_volunteer(tx: AsyncConnection, me: Principal, her: Volunteer, what: Asked) -> Starred:
    """Her star, whoever is looking. InvalidField (`known_at`)."""
    found = await stars.of_volunteer(
        tx, me.book_id, her.holder, ladder=what.ladder, day=what.day, known_at=what.known_at
    )
    # Who was not registered yet at that instant had done nothing yet.
    nothing = Standing(her.holder, her.volunteer_no, 0, 0, rule.Facts(0), 0)
    return starred(what, found or nothing)


async def within(
    tx: AsyncConnection, me: Principal, what: Asked, *, after: str | None, limit: int
) -> tuple[list[Starred], str | None]:
    """The stars of those within the caller's reach, by volunteer number, and after what the next page begins.

    InvalidField.
    """
    if after is not None and not volunteers.NUMBER.fullmatch(after):
        raise InvalidField("after", "not_a_volunteer_number")
    held = rights.reach(me, Right.READ_RECORDS, auth.today())
    page = await volunteers.page(tx, me.book_id, of=None if held.book else held.organisations, after=after, limit=limit)
    holders = [her.holder for her in page]
    found = await stars.of_volunteers(tx, me.book_id, holders, ladder=what.ladder, day=what.day, known_at=what.known_at)
    following = page[-1].volunteer_no if len(page) == limit else None
    return [starred(what, found[her.holder]) for her in page if her.holder in found], following


def starred(what: Asked, standing: Standing) -> Starred:
    """A standing, with what is missing to the next star."""
    if standing.star >= len(what.ladder.levels):
        return Starred(what, standing, None)
    return Starred(what, standing, tuple(rule.missing(what.ladder, standing.facts, what.day)))


async def awards_of(tx: AsyncConnection, me: Principal, of: Starred) -> list[Award]:
    """What became of her awards, the newest first; as known at an instant, what had become of them by then."""
    known_at = of.asked.known_at
    found = await awards.of_holder(tx, me.book_id, of.standing.holder)
    return found if known_at is None else [_then(each, known_at) for each in found if each.proposed_at <= known_at]


def _then(award: Award, known_at: datetime) -> Award:
    """The award as it was known: what came later is left out. (That it was objected to in between is not told.)"""
    if award.decided_at is not None and award.decided_at <= known_at:
        if award.ended_at is not None and award.ended_at > known_at:
            return replace(award, state="awarded", ended_on=None, ended_at=None, ended_by=None, end_reason=None)
        return award
    return replace(
        award,
        state="in_notice",
        decided_by=None,
        decided_at=None,
        reason=None,
        awarded_on=None,
        serial=None,
        ended_on=None,
        ended_at=None,
        ended_by=None,
        end_reason=None,
    )


def why(of: Starred, language: Language) -> str:
    """One sentence: why she has this star."""
    standing = of.standing
    return star_words.why(language, of.asked.ladder, standing.facts, standing.star, of.asked.day)


def to_next(of: Starred, language: Language) -> str:
    """What is missing to the next star, in one sentence."""
    return star_words.to_next(language, of.asked.ladder, of.standing.star, of.missing)


def next_level(of: Starred) -> rule.Level | None:
    """The star above hers; None: she has the highest."""
    levels: Sequence[rule.Level] = of.asked.ladder.levels
    return levels[of.standing.star] if of.standing.star < len(levels) else None
