"""Targets and who reached them, whichever door one comes by: whose they are to set, and whose progress is seen."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, own
from api.bodies import Body
from api.problems import Language
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import UnknownTarget
from ledger.recognition import targets
from ledger.recognition.targets import MOST_DAYS, YEARS, Kind, Own, Report, Target, Wanted, Whom

Year = Annotated[int, msgspec.Meta(ge=YEARS[0], le=YEARS[1])]


class NewTarget(Body, frozen=True):
    """A target, in each year from `first_year` on (this one, where none is said) to `last_year` (null: on and on).

    `amount`: minutes of `year_hours`; weeks of `weekly` (53: every week); of `theme_days` how many of them, which are
    months with days: `03-05`. `whom`: `person`, or `group`, an organisation with those below it. `organisation`: whose
    people or groups; null: all of the book. `category`: of the service; null: any.
    """

    target: str
    name: str
    kind: Kind
    amount: int
    whom: Whom = "person"
    organisation: str | None = None
    category: str | None = None
    theme_days: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_DAYS)] = ()
    first_year: Year | None = None
    last_year: Year | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """How far people or groups are with a target in a year."""

    target: Target
    year: int
    needed: int
    report: Report


async def set_(tx: AsyncConnection, me: Principal, new: NewTarget) -> tuple[Target, bool]:
    """Sets a target; whether it is new. NotAllowed, UnknownOrganisation, and what `targets.set_` refuses."""
    auth.within(me, Right.ASSESS, await auth.line_of(tx, me, new.organisation))
    with suppress(UnknownTarget):  # which one of another organisation does not replace
        auth.within(me, Right.ASSESS, (await targets.find(tx, me.book_id, new.target)).line)
    now = await connect.now(tx)
    wanted = Wanted(
        new.target,
        new.name,
        new.kind,
        new.whom,
        new.amount,
        day_of(now).year if new.first_year is None else new.first_year,
        new.last_year,
        new.organisation,
        new.category,
        new.theme_days,
    )
    return await targets.set_(tx, me.book_id, wanted, by=me.name, now=now)


async def end(tx: AsyncConnection, me: Principal, target: str, last_year: int) -> Target:
    """Lets a target end with a year. UnknownTarget, NotAllowed, InvalidField."""
    auth.within(me, Right.ASSESS, (await targets.find(tx, me.book_id, target)).line)
    return await targets.end(tx, me.book_id, target, last_year, by=me.name, now=await connect.now(tx))


async def progress(
    tx: AsyncConnection,
    me: Principal,
    target: str,
    year: int | None = None,
    *,
    reached: bool = False,
    after: str | None = None,
    limit: int,
) -> Told:
    """How far people or groups are in a year, or in this one. UnknownTarget, NotAllowed."""
    found = await targets.find(tx, me.book_id, target)
    auth.within(me, Right.READ_RECORDS, found.line)
    asked = day_of(await connect.now(tx)).year if year is None else year
    await connect.no_timeout(tx)  # of a city's year
    return Told(
        found,
        asked,
        targets.needed(found.wanted, asked),
        await targets.progress(tx, me.book_id, found, asked, reached=reached, after=after, limit=limit),
    )


async def mine(tx: AsyncConnection, me: Principal, year: int | None = None) -> tuple[int, list[Own]]:
    """The year (this one, if none is said), and how far she is with the targets of hers. NotAllowed."""
    her = await own.volunteer(tx, me)
    asked = day_of(await connect.now(tx)).year if year is None else year
    return asked, await targets.of_holder(tx, me.book_id, her.holder, asked)


# --- in words --------------------------------------------------------------------------------------------------------


def amount(language: Language, kind: Kind, of: int) -> str:
    """Minutes, weeks or days in words."""
    if kind == "year_hours":
        hours, minutes = divmod(of, 60)
        if language == "en":
            return " ".join([f"{hours} h"] * bool(hours or not minutes) + [f"{minutes} min"] * bool(minutes))
        if minutes and not hours:
            return f"{minutes} 分钟"
        return f"{hours} 小时" + (f" {minutes} 分" if minutes else "")
    if language == "zh":
        return f"{of} 周" if kind == "weekly" else f"{of} 天"
    what = "week" if kind == "weekly" else "day"
    return f"{of} {what}" if of == 1 else f"{of} {what}s"


def sentence(language: Language, wanted: Wanted) -> str:
    """What a target asks for."""
    much = amount(language, wanted.kind, wanted.amount)
    days = "、".join(wanted.theme_days) if language == "zh" else ", ".join(wanted.theme_days)
    every = wanted.kind == "weekly" and wanted.amount == targets.MOST_WEEKS
    if language == "zh":
        who = "每人" if wanted.whom == "person" else "每个团体"
        what = "" if wanted.category is None else f"“{wanted.category}”"
        if wanted.kind == "year_hours":
            return f"{who}全年{what}服务满 {much}。"
        if wanted.kind == "weekly":
            return f"{who}每周都有{what}服务。" if every else f"{who}全年至少有 {much}有{what}服务。"
        return f"{who}在 {days} 这些日子里至少有 {much}{what}服务。"
    who = "Everybody" if wanted.whom == "person" else "Each group"
    what = "" if wanted.category is None else f" of {wanted.category}"
    if wanted.kind == "year_hours":
        return f"{who}: {much} of service{what} in the year."
    if wanted.kind == "weekly":
        return f"{who}: service{what} in {'every week' if every else f'{much} of the year'}."
    return f"{who}: service{what} on {much} of {days}."
