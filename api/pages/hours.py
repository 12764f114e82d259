"""A volunteer's hours as pages: all of them, where each one is, why it earned so much, and how she objects."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import hours
from api.hours import Hour
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.days import day_of
from ledger.earning.notices import Place
from ledger.errors import InvalidField, Refusal

A_PAGE: Final = 20
LONGEST_REASON: Final = 200


Mark = Literal["done", "now", "later", "ended"]


@dataclass(frozen=True, slots=True)
class Step:
    """One of the steps of a record: done, where it is now, to come, or where it ended otherwise; and what is said."""

    mark: Mark
    name: str
    about: str = ""


@get("/hours")
async def list_hours(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Her hours in sum, and one by one with where each is, the newest first."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        found = await hours.hours(tx, me, after=_place(request), limit=A_PAGE)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "hours.html",
        query={"after": request.query_params["after"]} if "after" in request.query_params else None,
        credit=texts.hours(language, found.credit_minutes),
        honour=texts.hours(language, found.honour_minutes),
        hours=[
            (
                each.record,
                what(language, each),
                texts.day(language, each.record.served_on),
                texts.hours(language, each.record.minutes) if each.record.minutes else None,
                worth(language, each),
            )
            for each in found.items
        ],
        older=None if found.next is None else str(found.next),
    )


@get("/hours/{record_id:uuid}")
async def one_hour(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    record_id: FromPath[UUID],
) -> Template:
    """Where an hour of hers is, whose turn it is and until when, what she can do, and why these points."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        found = await hours.hour(tx, me, record_id)
    return _page(request, found, notice=frame.notice(request, "objected_done"))


@post("/hours/{record_id:uuid}/object", status_code=303)
async def object_to_it(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    record_id: FromPath[UUID],
) -> Redirect | Template:
    """Objects to a record of hers; where that is refused, the page says why and keeps what she wrote."""
    me = await doors.visitor(request, database, settings)
    [reason] = await frame.fields(request, "reason")
    try:
        async with database.begin() as tx:
            await hours.objected(tx, me, record_id, reason)
    except InvalidField as refusal:
        return await _again(request, database, settings, record_id, refusal, reason)
    return Redirect(f"/hours/{record_id}", status_code=303, query_params={"done": "objected_done"})


async def _again(
    request: StrictRequest,
    database: AsyncEngine,
    settings: Settings,
    record_id: UUID,
    refusal: Refusal,
    reason: str,
) -> Template:
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        found = await hours.hour(tx, me, record_id)
    return _page(request, found, status=400, wrong=frame.told(request, refusal), reason=reason)


def _page(
    request: StrictRequest,
    found: Hour,
    *,
    status: int = 200,
    notice: str | None = None,
    wrong: str | None = None,
    reason: str = "",
) -> Template:
    language = frame.view_of(request).language
    of = found.record
    return frame.page(
        request,
        "hour.html",
        status=status,
        path=f"/hours/{of.record_id}",
        notice=notice,
        wrong=wrong,
        reason=reason,
        longest=LONGEST_REASON,
        hour=found,
        record=of,
        what=what(language, found),
        day=texts.day(language, of.served_on),
        served=texts.hours(language, of.minutes) if of.minutes else None,
        worth=worth(language, found),
        steps=steps(language, found),
        turn=turn(language, found),
        why=None if found.why is None else found.why.of(language),
        raised=[
            (
                each,
                texts.day(language, day_of(each.raised_at)),
                None if each.decided_at is None else texts.day(language, day_of(each.decided_at)),
            )
            for each in found.raised
        ],
    )


# --- in words ---------------------------------------------------------------------------------------------------------


def what(language: Language, each: Hour) -> str:
    """What she did: the activity, else its category, else what kind of record it is."""
    of = each.record
    return of.activity_name or of.category or texts.t(language, f"class_{of.record_class}")


def worth(language: Language, each: Hour) -> str | None:
    """Its points; None where they are not decided, or where there are none."""
    return texts.points(language, each.record.points) if each.record.points else None


def turn(language: Language, each: Hour) -> str:
    """Whose turn it is, and until when."""
    until = None if each.turn.until is None else texts.day(language, each.turn.until)
    facts = {"organisation": each.turn_of or each.organisation, "day": until}
    said = texts.t(language, f"turn_{each.turn.who}", **facts)
    if until is not None and each.turn.who != "nobody":
        said = texts.t(language, "turn_late" if each.overdue else "turn_until", turn=said, day=until)
    return said


def steps(language: Language, each: Hour) -> list[Step]:
    """Handed in, reviewed, in notice, credited: with what has been, where it is, and what is to come."""
    of = each.record

    def step(mark: Mark, name: str, about: str = "") -> Step:
        return Step(mark, texts.t(language, f"step_{name}"), about)

    def on(time: datetime.datetime | None) -> str:
        return "" if time is None else texts.day(language, day_of(time))

    handed_in = step("done", "submitted", on(of.submitted_at))
    reviewed = step("done", "reviewed", on(of.reviewed_at))
    because = texts.t(language, "because", reason=of.reason or "")
    match of.state:
        case "submitted":
            return [handed_in, step("now", "reviewed"), step("later", "notice"), step("later", "credited")]
        case "refused":
            return [handed_in, step("ended", "refused", because)]
        case "corrected":
            return [handed_in, reviewed, step("ended", "corrected", because)]
        case "reviewed":
            budget = step("now", "budget", texts.t(language, "budget_about"))
            return [handed_in, reviewed, budget, step("later", "notice"), step("later", "credited")]
        case "objected":
            return [handed_in, reviewed, step("now", "objected"), step("later", "credited")]
        case "in_notice":
            return [handed_in, reviewed, step("now", "notice"), step("later", "credited")]
        case "credited":
            return [handed_in, reviewed, step("done", "notice"), step("done", "credited", on(of.ended_at))]


def _place(request: StrictRequest) -> Place | None:
    """Where the list goes on; from the beginning where the address says nothing that can be read."""
    try:
        return Place.read(request.query_params["after"])
    except (KeyError, InvalidField):
        return None


HANDLERS = [list_hours, one_hour, object_to_it]
