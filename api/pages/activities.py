"""Activities for staff: planned, the leader's screen with the code that changes, who is there, the head count.

The screen is for everybody to see: it shows nothing of minors, and has no form that a change of the code could disturb.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import activities, auth, bodies, problems, qr, volunteers
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import BEIJING
from ledger.earning import attendances
from ledger.earning.activities import Activity, Plan
from ledger.earning.attendances import Attendance, Closing
from ledger.errors import InvalidField, NotAllowed, NotSignedIn, Refusal, SessionEnded, UnknownActivity

HERE: Final = "/staff/activities"
IT: Final = f"{HERE}/{{activity:str}}"

FORM: Final = (
    *("organisation", "name", "category", "place", "first_day", "begins", "ends", "last_day"),
    *("capacity", "least_age", "risky", "policy_no", "training"),
)
TIME: Final = re.compile(r"([01]?\d|2[0-3])[:.]?([0-5]\d)(:00)?", re.ASCII)

MOST: Final = 50
"""Activities on a page, and arrivals on a screen."""

BEFORE: Final = datetime.timedelta(days=3)
"""For so long after its end an activity is on the first page: its head count may be outstanding."""


# --- the list, and planning -------------------------------------------------------------------------------------------


@get(HERE)
async def list_activities(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What is under way, to come, or just over; or the activities of a day."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    language = frame.view_of(request).language
    on, after = request.query_params.get("on", ""), request.query_params.get("after")
    wrong = None
    that_day = None
    if on:
        try:
            that_day = bodies.day(texts.typed(on), "on")
        except InvalidField as refusal:
            wrong = frame.told(request, refusal)
    async with database.connect() as tx:
        now = await connect.now(tx)
        since = None if that_day else now - BEFORE
        found = await activities.in_reach(tx, me, day=that_day, since=since, after=after, limit=MOST)
    return frame.page(
        request,
        "activities.html",
        status=200 if wrong is None else 400,
        query={"on": on[:20]} if on else {},
        notice=frame.notice(request, "activity_cancelled"),
        wrong=wrong,
        on="" if that_day is None else that_day.isoformat(),  # a browser complains about what is no day
        activities=[(each, _when(language, each), _state(each, now)) for each in found],
        following=found[-1].activity if len(found) == MOST else None,
        records=bool(rights.reach(me, Right.RECORD, auth.today())),
    )


@get(f"{HERE}/new")
async def new_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form for a new activity."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    return await _form(request, database, me, {}, None)


@post(f"{HERE}/new", status_code=200)
async def add(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Publishes an activity."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    form = await _filled_in(request)
    try:
        if not form["organisation"]:
            raise InvalidField("her_organisation", "missing")
        async with database.begin() as tx:
            made = await activities.publish(tx, me, form["organisation"], _plan(form), None)
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _form(request, database, me, form, None, refusal)
    return _back(made.activity, "activity_published")


@get(f"{IT}/change")
async def change_form(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    activity: FromPath[str],
) -> Template:
    """The form that plans it anew, as it is."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    async with database.connect() as tx:
        of = await activities.within(tx, me, Right.RECORD, activity)
    starts, ends = of.starts_at.astimezone(BEIJING), of.ends_at.astimezone(BEIJING)
    form = {
        "name": of.name,
        "category": of.category,
        "place": of.place,
        "first_day": f"{starts:%Y-%m-%d}",
        "begins": f"{starts:%H:%M}",
        "ends": f"{ends:%H:%M}",
        "last_day": f"{ends:%Y-%m-%d}" if ends.date() != starts.date() else "",
        "capacity": str(of.capacity or ""),
        "least_age": str(of.least_age or ""),
        "risky": "yes" if of.risky else "",
        "policy_no": of.policy_no or "",
        "training": of.training or "",
    }
    return await _form(request, database, me, form, of)


@post(f"{IT}/change", status_code=200)
async def change(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    activity: FromPath[str],
) -> Template | Redirect:
    """Plans it anew, before it begins."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    form = await _filled_in(request)
    async with database.connect() as tx:
        of = await activities.within(tx, me, Right.RECORD, activity)
    try:
        async with database.begin() as tx:
            await activities.change(tx, me, activity, _plan(form))
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _form(request, database, me, form, of, refusal)
    return _back(activity, "activity_changed")


@post(f"{IT}/cancel", status_code=303)
async def cancel(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    activity: FromPath[str],
) -> Redirect:
    """It does not take place."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    async with database.begin() as tx:
        await activities.cancel(tx, me, activity)
    return Redirect(HERE, status_code=303, query_params={"done": "activity_cancelled"})


async def _filled_in(request: StrictRequest) -> dict[str, str]:
    return dict(zip(FORM, await frame.fields(request, *FORM), strict=True))


def _plan(form: dict[str, str]) -> Plan:
    """What was typed. Days and times are Beijing's; where no other last day is said, it ends on the same day."""
    for name in ("name", "category", "place", "first_day", "begins", "ends"):
        if not form[name]:
            raise InvalidField({"name": "activity_name"}.get(name, name), "missing")
    try:
        return Plan(
            form["name"],
            form["category"],
            form["place"],
            _moment(form, "first_day", "begins"),
            _moment(form, "last_day" if form["last_day"] else "first_day", "ends"),
            _number(form, "capacity"),
            _number(form, "least_age"),
            bool(form["risky"]),
            form["policy_no"] or None,
            form["training"] or None,
        )
    except OverflowError:
        raise InvalidField("first_day", "out_of_range") from None


def _moment(form: dict[str, str], day: str, time: str) -> datetime.datetime:
    on = bodies.day(texts.typed(form[day]), day)
    at = TIME.fullmatch(texts.typed(form[time]))
    if at is None:
        raise InvalidField(time, "not_a_time_of_day")
    return datetime.datetime.combine(on, datetime.time(int(at[1]), int(at[2])), BEIJING).astimezone(datetime.UTC)


def _number(form: dict[str, str], name: str) -> int | None:
    return texts.whole(form[name], name) if form[name] else None


async def _form(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    form: dict[str, str],
    of: Activity | None,
    refusal: Refusal | None = None,
) -> Template:
    async with database.connect() as tx:
        known = [] if of else await volunteers.organisations_in_reach(tx, me, Right.RECORD)
    if isinstance(refusal, InvalidField) and refusal.field == "name":
        refusal = InvalidField("activity_name", refusal.problem)
    return frame.page(
        request,
        "activity_form.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{of.activity}/change" if of else f"{HERE}/new",
        activity=of,
        organisations=[(each.code, each.name) for each in known],
        form={name: form.get(name, "") for name in FORM},
        wrong=None if refusal is None else frame.told(request, refusal),
    )


# --- one activity -----------------------------------------------------------------------------------------------------


@get(IT)
async def activity(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    activity: FromPath[str],
) -> Template:
    """What it is, who is or was there, and what its leader may do."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _page(request, database, keys, me, activity)


async def _page(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    code: str,
    *,
    refusal: Refusal | None = None,
    closing: Closing | None = None,
    typed: dict[str, str] | None = None,
) -> Template:
    """The page of an activity. What was refused stands above it; nothing that was typed is lost."""
    language = frame.view_of(request).language
    async with database.begin() as tx:
        of = await activities.within(tx, me, Right.READ_RECORDS, code)
        now = await connect.now(tx)
        there = await attendances.of_activity(tx, me.book_id, code)
        numbers = await activities.numbers(tx, me, there)
        names = await activities.names(tx, keys, me, numbers)
    leads = rights.reach(me, Right.RECORD, auth.today()).includes(of.line)
    why = (
        {(each.holder, each.pair): problems.sentence(told, language) for each, told in closing.refused}
        if closing
        else {}
    )
    return frame.page(
        request,
        "activity.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{code}",
        notice="activity_closed_now"
        if closing
        else frame.notice(request, "activity_published", "activity_changed", "led_in", "led_out", "struck_out"),
        wrong=None if refusal is None else frame.told(request, refusal),
        activity=of,
        when=_when(language, of),
        state=_state(of, now),
        begun=of.starts_at <= now,
        leads=leads and not of.cancelled,
        there=[
            (
                each,
                numbers.get(each.holder),
                names.get(numbers.get(each.holder, "")),
                _times(language, each),
                why.get((each.holder, each.pair)),
            )
            for each in there
        ],
        people=len(attendances.people_of(there)),
        typed={"volunteer": "", "head_count": "", **(typed or {})},
    )


@post(f"{IT}/sign-in", status_code=200)
async def lead_in(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    activity: FromPath[str],
) -> Template | Redirect:
    """Signs in somebody who has no phone."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    number, accompanied = await frame.fields(request, "volunteer", "accompanied")
    try:
        async with database.begin() as tx:
            await activities.within(tx, me, Right.RECORD, activity)
            if not number:
                raise InvalidField("volunteer", "missing")
            await activities.sign_in_by_leader(
                tx, keys, me, activity, texts.typed(number), accompanied=bool(accompanied)
            )
    except (NotAllowed, SessionEnded, UnknownActivity):
        raise
    except Refusal as refusal:
        typed = {"volunteer": number[:32]}
        return await _page(request, database, keys, me, activity, refusal=refusal, typed=typed)
    return _back(activity, "led_in")


@post(f"{IT}/sign-out", status_code=200)
async def lead_out(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    activity: FromPath[str],
) -> Template | Redirect:
    """Signs out somebody who cannot do it herself."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    [number] = await frame.fields(request, "volunteer")
    try:
        async with database.begin() as tx:
            await activities.sign_out_by_leader(tx, me, activity, number)
    except (NotAllowed, SessionEnded, UnknownActivity):
        raise
    except Refusal as refusal:
        return await _page(request, database, keys, me, activity, refusal=refusal)
    return _back(activity, "led_out")


@post(f"{IT}/strike", status_code=200)
async def strike(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    activity: FromPath[str],
) -> Template | Redirect:
    """Strikes out who is not there."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    number, pair = await frame.fields(request, "volunteer", "pair")
    try:
        async with database.begin() as tx:
            await activities.within(tx, me, Right.RECORD, activity)
            which = texts.whole_number(pair)
            if which is None or which >= 2**15:
                raise NotSignedIn(activity)
            await activities.strike(tx, me, activity, number, which)
    except (NotAllowed, SessionEnded, UnknownActivity):
        raise
    except Refusal as refusal:
        return await _page(request, database, keys, me, activity, refusal=refusal)
    return _back(activity, "struck_out")


@post(f"{IT}/close", status_code=200)
async def close(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    activity: FromPath[str],
) -> Template:
    """Closes it by the head count; what became no record is told with its reason."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    [typed] = await frame.fields(request, "head_count")
    try:
        async with database.begin() as tx:
            await activities.within(tx, me, Right.RECORD, activity)
            count = texts.whole_number(typed)
            if count is None:
                raise InvalidField("head_count", "not_a_whole_number" if typed else "missing")
            closing = await activities.close(tx, me, activity, min(count, 2**31 - 1))
    except (NotAllowed, SessionEnded, UnknownActivity):
        raise
    except Refusal as refusal:
        back = {"head_count": typed[:10]}
        return await _page(request, database, keys, me, activity, refusal=refusal, typed=back)
    return await _page(request, database, keys, me, activity, closing=closing)


# --- the screen -------------------------------------------------------------------------------------------------------


@get(f"{IT}/screen")
async def screen(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    activity: FromPath[str],
) -> Template:
    """The code as large as it goes, and who arrives. It is made anew every few seconds."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    language = frame.view_of(request).language
    async with database.connect() as tx:
        of = await activities.within(tx, me, Right.RECORD, activity)
        shown = await activities.code(tx, me, request, settings, of)
        there = [each for each in await attendances.of_activity(tx, me.book_id, activity) if each.stands]
        latest = sorted(there, key=lambda each: (each.check_out or each.check_in, each.holder), reverse=True)[:MOST]
        numbers = await activities.numbers(tx, me, latest)
        names = await activities.names_on_screen(tx, keys, me, list(numbers.values()))
    return frame.page(
        request,
        "screen.html",
        activity=of,
        when=_when(language, of),
        qr=qr.svg(shown.url),
        url=shown.url,
        present=sum(each.open for each in there),
        people=len(attendances.people_of(there)),
        arrivals=[
            (
                names.get(numbers.get(each.holder, "")),
                numbers.get(each.holder, "")[-4:],
                texts.t(language, "is_in" if each.open else "is_out", time=_time(each.check_out or each.check_in)),
            )
            for each in latest
        ],
    )


# --- in words ---------------------------------------------------------------------------------------------------------


def _back(activity: str, done: str) -> Redirect:
    return Redirect(f"{HERE}/{activity}", status_code=303, query_params={"done": done})


def _when(language: Language, of: Activity) -> str:
    """2026年11月21日 09:00–12:00."""
    return when(language, of.starts_at, of.ends_at)


def when(language: Language, starts_at: datetime.datetime, ends_at: datetime.datetime) -> str:
    """From when to when, in Beijing: the day is said once where it is the same."""
    same = starts_at.astimezone(BEIJING).date() == ends_at.astimezone(BEIJING).date()
    return f"{texts.moment(language, starts_at)} – {_time(ends_at) if same else texts.moment(language, ends_at)}"


def _time(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(BEIJING):%H:%M}"


def _times(language: Language, each: Attendance) -> str:
    """A sign-in in words: from when to when, how long."""
    if each.check_out is None:
        return texts.t(language, "since", time=texts.moment(language, each.check_in))
    return f"{when(language, each.check_in, each.check_out)} · {texts.hours(language, each.minutes)}"


def _state(of: Activity, now: datetime.datetime) -> str:
    """The word for how far it is, as texts call it."""
    if of.cancelled:
        return "activity_is_cancelled"
    if of.ended_at is not None:
        return "activity_is_closed"
    if of.ends_at <= now:
        return "activity_is_over"
    return "activity_is_under_way" if of.starts_at <= now else "activity_is_planned"


HANDLERS = [
    list_activities,
    new_form,
    add,
    change_form,
    change,
    cancel,
    activity,
    lead_in,
    lead_out,
    strike,
    close,
    screen,
]
