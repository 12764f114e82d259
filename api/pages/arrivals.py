"""Signing in and out at an activity: what a volunteer's own camera opens when she points it at the leader's screen.

The code lives for a minute. Whoever has to sign in to the service first keeps, in her browser, that she has shown it in
time; whoever reads slowly has it in her form. Both hold for five minutes (`activities.TICKET`).
"""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import activities, own, problems
from api.pages import doors, frame, texts
from api.pages.activities import when
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.earning import activities as planned
from ledger.earning import attendances
from ledger.earning.activities import Activity
from ledger.errors import ChangeNeeded, CodeStale, NotAllowed, Refusal, SessionEnded, UnknownActivity

ARRIVAL_COOKIE: Final = "meide_arrival"
"""That this browser has shown an activity's code."""


@get("/in/{book:str}/{activity:str}/{code:str}")
async def arrive(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    book: FromPath[str],
    activity: FromPath[str],
    code: FromPath[str],
) -> Template | Redirect:
    """One large button: sign in, or sign out. Who is not signed in to the service does that first."""
    try:
        me = await doors.visitor(request, database, settings)
    except (SessionEnded, ChangeNeeded) as refusal:
        answer = frame.on_refusal(request, refusal)
        async with database.connect() as tx:
            in_time = await activities.shown_in_time(tx, book, activity, code)
        if in_time:
            _keep(answer, settings, activities.ticket(settings, book, activity))
        assert isinstance(answer, Redirect)
        return answer
    if me.book != book:
        return _elsewhere(request)
    async with database.connect() as tx:
        of = await planned.find(tx, me.book_id, activity)
        her = None if me.volunteer_no is None else await own.volunteer(tx, me)
        shown = await activities.shown_in_time(tx, book, activity, code)
        open_one = None if her is None else await attendances.open_of(tx, me.book_id, her.holder)
    if her is None:
        return _refused(request, of, texts.t(frame.view_of(request).language, "only_volunteers"), 403)
    kept = request.cookies.get(frame.cookie_name(ARRIVAL_COOKIE, settings), "")
    if not shown and not activities.is_ticket(settings, kept, book, activity):
        return _refused(request, of, frame.told(request, CodeStale()), problems.REFUSALS[CodeStale].status)
    language = frame.view_of(request).language
    there = open_one is not None and open_one.activity == activity
    return frame.page(
        request,
        "arrive.html",
        activity=of,
        when=when(language, of.starts_at, of.ends_at),
        since=texts.moment(language, open_one.check_in) if open_one is not None and there else None,
        action=f"/in/{book}/{activity}",
        ticket=activities.ticket(settings, book, activity, her.holder),
    )


@post("/in/{book:str}/{activity:str}", status_code=200)
async def sign_in_or_out(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    book: FromPath[str],
    activity: FromPath[str],
) -> Template:
    """Signs in or out, and says what counts. Pressing twice, or loading the page again, changes nothing."""
    me = await doors.visitor(request, database, settings)
    if me.book != book:
        return _elsewhere(request)
    ticket, leaves = await frame.fields(request, "ticket", "leaves")
    async with database.connect() as tx:
        of = await planned.find(tx, me.book_id, activity)
        her = await own.volunteer(tx, me)
    try:
        if not activities.is_ticket(settings, ticket, book, activity, her.holder):
            raise CodeStale
        done = await _done(database, keys, me, activity, leaves=bool(leaves))
    except (NotAllowed, SessionEnded, UnknownActivity):
        raise
    except Refusal as refusal:
        return _refused(request, of, frame.told(request, refusal), problems.REFUSALS[type(refusal)].status)
    language = frame.view_of(request).language
    answer = frame.page(
        request,
        "arrived.html",
        activity=of,
        stands=done.stands,
        since=texts.moment(language, done.check_in),
        until=None if done.check_out is None else texts.moment(language, done.check_out),
        counted=texts.hours(language, done.minutes),
        short=not done.minutes,
    )
    frame.forget(answer, frame.cookie_name(ARRIVAL_COOKIE, settings), settings)
    return answer


async def _done(
    database: AsyncEngine, keys: Keys, me: Principal, activity: str, *, leaves: bool
) -> attendances.Attendance:
    async with database.begin() as tx:
        if leaves:
            return await activities.sign_out(tx, me, activity, None)
        return await activities.sign_in(tx, keys, me, activity, None)


def _keep(answer: object, settings: Settings, ticket: str) -> None:
    assert isinstance(answer, Redirect)
    answer.set_cookie(
        Cookie(
            frame.cookie_name(ARRIVAL_COOKIE, settings),
            value=ticket,
            max_age=int(activities.TICKET.total_seconds()),
            httponly=True,
            secure=settings.https,
            samesite="lax",
        )
    )


def _elsewhere(request: StrictRequest) -> Template:
    sentence = texts.t(frame.view_of(request).language, "other_time_bank")
    return frame.page(request, "error.html", status=404, heading="sorry", sentence=sentence)


def _refused(request: StrictRequest, of: Activity, sentence: str, status: int) -> Template:
    return frame.page(request, "not_arrived.html", status=status, activity=of, wrong=sentence)


HANDLERS = [arrive, sign_in_or_out]
