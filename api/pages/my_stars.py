"""A volunteer's stars as a page: how many, why, whether they were awarded, and what is missing to the next one."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import boards, bodies, explain, own, star_words, stars
from api.pages import doors, frame, texts
from api.pages.boards import shown_as
from api.problems import REFUSALS, Language
from api.requests import StrictRequest
from api.settings import Settings
from api.stars import Starred
from ledger.access.ciphers import Keys
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import InvalidField
from ledger.recognition.awards import Award

HERE: Final = "/me/stars"
YEARS: Final = 3
"""Ends of years that are a press of a button away; for any other day there is a field."""


@get(HERE)
async def my_stars(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """Her stars today, or on the day that she asks for, by the ladder of that day."""
    me = await doors.visitor(request, database, settings)
    on = request.query_params.get("on") or None
    wrong: InvalidField | None = None
    async with database.connect() as tx:
        await own.volunteer(tx, me)
        today = day_of(await connect.now(tx))
        try:
            what = await stars.asked(tx, me.book_id, as_of=None if on is None else bodies.day(texts.typed(on), "on"))
        except InvalidField as refusal:
            wrong, what = refusal, await stars.asked(tx, me.book_id)
        found = await stars.of_mine(tx, me, what)
        awards = await stars.awards_of(tx, me, found)
        on_boards = await boards.mine(tx, keys, me)
    language = frame.view_of(request).language
    past = what.day != today
    return frame.page(
        request,
        "my_stars.html",
        status=200 if wrong is None else REFUSALS[InvalidField].status,
        query={"on": on} if past and on is not None else {},
        wrong=None if wrong is None else texts.t(language, "star_no_such_day"),
        past=texts.day(language, what.day) if past else None,
        asked=str(what.day),
        today=str(today),
        years=[(f"{year}-12-31", str(year)) for year in range(today.year - 1, today.year - 1 - YEARS, -1)],
        awards=[] if past else said_awards(language, found, awards),
        looks=shown_as(language, on_boards),
        **shown(language, found),
    )


def shown(language: Language, of: Starred) -> dict[str, Any]:
    """A star in words and as a line towards the next one: `stars`, `star`, `why`, `next`, `progress`."""
    ladder, star = of.asked.ladder, of.standing.star
    highest = len(ladder.levels)
    level = stars.next_level(of)
    progress = None
    if level is not None:
        served = min(of.standing.facts.minutes, level.minutes)
        called = star_words.star(language, ladder, star + 1)
        sums = (explain.hours(language, of.standing.facts.minutes), explain.hours(language, level.minutes))
        said = texts.t(language, "star_progress", star=called, served=sums[0], needed=sums[1])
        progress = (served, max(level.minutes, 1), said)
    return {
        "stars": "★" * star + "☆" * (highest - star),
        "star": star_words.star(language, ladder, star),
        "why": stars.why(of, language),
        "next": stars.to_next(of, language),
        "progress": progress,
    }


def said_awards(language: Language, of: Starred, awards: list[Award]) -> list[str]:
    """What became of her awards, in a sentence each: those that she holds, and what is under way."""
    held = [each for each in awards if each.state == "awarded"][:1]
    under_way = [each for each in awards if each.state in ("in_notice", "objected")]
    return [_award(language, of, each) for each in (*under_way, *held)]


def _award(language: Language, of: Starred, each: Award) -> str:
    called = each.title or star_words.star(language, of.asked.ladder, each.star)

    def day(of: date | None) -> str:
        return "" if of is None else texts.day(language, of)

    return texts.t(
        language,
        f"star_award_{each.state}",
        star=called,
        until=day(each.notice_until),
        on=day(each.awarded_on),
        serial=each.serial or "",
    )


HANDLERS = [my_stars]
