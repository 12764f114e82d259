"""Records that staff hand in by hand: hours not signed in and out on the spot, and acts by an item of the rules.

The form carries the number of the record, so that it is handed in once, however often the button is pressed.
"""

from __future__ import annotations

import datetime
import re
import secrets
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import bodies, desk, explain, problems, volunteers
from api.desk import Act, Backfill
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import BEIJING, day_of
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded

RECORDS: Final = "/staff/records"
ACTS: Final = "/staff/acts"

_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)

FORM: Final = ("number", "volunteer", "organisation", "day", "activity_name", "evidence")
BACKFILL: Final = (*FORM, "since", "until", "category")
ACT: Final = (*FORM, "item", "minutes")


@get(f"{RECORDS}/new")
async def new_record_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form for hours that were not signed in and out on the spot."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    return await _form(request, database, me, "new_record.html", BACKFILL, {})


@post(f"{RECORDS}/new", status_code=200)
async def new_record(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Hands it in once, however often the button is pressed: the form carries the number of the record."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    form = dict(zip(BACKFILL, await frame.fields(request, *BACKFILL), strict=True))
    try:
        return await _handed_in(request, database, me, _backfill(form))
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _form(request, database, me, "new_record.html", BACKFILL, form, refusal)


def _backfill(form: dict[str, str]) -> Backfill:
    _filled(form, "volunteer", "organisation", "day", "since", "until", "activity_name", "evidence")
    on = bodies.day(texts.typed(form["day"]), "served_on")
    since, until = _time(on, form["since"], "check_in"), _time(on, form["until"], "check_out")
    if until <= since:  # over midnight
        until += datetime.timedelta(days=1)
    return Backfill(
        record=form["number"],
        volunteer=texts.typed(form["volunteer"]),
        organisation=form["organisation"],
        check_in=since,
        check_out=until,
        evidence=form["evidence"],
        category=form["category"],
        activity_name=form["activity_name"],
    )


def _time(on: datetime.date, text: str, field: str) -> datetime.datetime:
    found = _TIME.fullmatch(texts.typed(text).replace("：", ":"))
    if found is None:
        raise InvalidField(field, "not_a_time_of_day")
    there = datetime.datetime.combine(on, datetime.time(int(found[1]), int(found[2])), BEIJING)
    return there.astimezone(datetime.UTC)


@get(f"{ACTS}/new")
async def new_act_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form for an act by an item of the rules in force."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    return await _form(request, database, me, "new_act.html", ACT, {})


@post(f"{ACTS}/new", status_code=200)
async def new_act(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Hands it in once, however often the button is pressed."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    form = dict(zip(ACT, await frame.fields(request, *ACT), strict=True))
    try:
        return await _handed_in(request, database, me, _act(form))
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _form(request, database, me, "new_act.html", ACT, form, refusal)


def _act(form: dict[str, str]) -> Act:
    _filled(form, "volunteer", "organisation", "day", "item", "evidence")
    minutes = texts.whole(form["minutes"], "minutes") if form["minutes"] else 0
    return Act(
        record=form["number"],
        volunteer=texts.typed(form["volunteer"]),
        organisation=form["organisation"],
        item=form["item"],
        served_on=bodies.day(texts.typed(form["day"]), "served_on"),
        evidence=form["evidence"],
        minutes=minutes,
        activity_name=form["activity_name"],
    )


_CALLED: Final = {"day": "served_on", "since": "check_in", "until": "check_out"}
"""What fields of these forms are called where it is said that they are empty."""


def _filled(form: dict[str, str], *names: str) -> None:
    for name in names:
        if not form[name]:
            raise InvalidField({"organisation": "her_organisation"}.get(name, _CALLED.get(name, name)), "missing")


async def _handed_in(request: StrictRequest, database: AsyncEngine, me: Principal, wanted: Backfill | Act) -> Redirect:
    async with database.begin() as tx:
        taken = await desk.hand_in(tx, me, wanted)
    where = f"{RECORDS}/{taken.record.record_id}"
    return Redirect(where, status_code=303, query_params={"done": "record_handed_in"})


async def _form(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    template: str,
    names: tuple[str, ...],
    form: dict[str, str],
    refusal: Refusal | None = None,
) -> Template:
    async with database.connect() as tx:
        known = await volunteers.organisations_in_reach(tx, me, Right.RECORD)
        rules = await desk.rules_today(tx, me)
        today = day_of(await connect.now(tx))
    language = frame.view_of(request).language
    values = {name: form.get(name, "") for name in names}
    values["number"] = values["number"] or f"B{today:%Y%m%d}-{secrets.token_hex(4)}"
    items = [] if rules is None else [each for each in rules.items if each.category not in ("service", "honour")]
    return frame.page(
        request,
        template,
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=request.url.path,
        organisations=[(each.code, each.name) for each in known],
        categories=[] if rules is None else sorted(rules.categories),
        items=[(each.code, f"{each.code} {explain.item(language, each)}") for each in items],
        today=today.isoformat(),
        form=values,
        wrong=None if refusal is None else frame.told(request, refusal),
    )


HANDLERS = [new_record_form, new_record, new_act_form, new_act]
