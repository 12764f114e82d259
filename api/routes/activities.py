"""Activities over HTTP: planned, run by their leaders, signed in to by volunteers."""

from __future__ import annotations

import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import activities, answers, auth, problems, qr, views
from api.bodies import Body, Limit, day, moment
from api.calls import Nothing
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.earning import attendances
from ledger.earning.activities import Activity, Plan
from ledger.earning.attendances import Attendance
from ledger.errors import NotAllowed

RECORD = {"right": Right.RECORD, "scoped": True}
READ = {"right": Right.READ_RECORDS, "scoped": True}
OWN = {"right": Right.OWN}

Pair = Annotated[int, Parameter(ge=1, le=2**15 - 1)]
"""The first, second or third sign-in of a person."""


class ActivityPlan(Body, frozen=True):
    """What an activity is to be. Times: RFC 3339. `capacity`: how many people; null: any number.

    `risky`: with bodily risk, so that nobody can sign in until `policy_no` names an insurance. `training`: the
    qualification that everybody must have.
    """

    name: str
    category: str
    place: str
    starts_at: str
    ends_at: str
    capacity: int | None = None
    least_age: int | None = None
    risky: bool = False
    policy_no: str | None = None
    training: str | None = None


class NewActivity(ActivityPlan, frozen=True, kw_only=True):
    """An activity of an `organisation`; `activity`: its code, made where it is left out."""

    organisation: str
    activity: str | None = None


class ByLeader(Body, frozen=True):
    """Whom the leader signs in. `accompanied`: a child who has come with an adult."""

    volunteer: str
    accompanied: bool = False


class HeadCount(Body, frozen=True):
    """How many people the leader has counted."""

    head_count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Here(Body, frozen=True):
    """What a volunteer has scanned: the activity and the code on its screen. `book`: hers, if it is said."""

    activity: str
    code: str
    book: str | None = None


class ActivityView(msgspec.Struct, frozen=True):
    """An activity. `head_count` and `closed_at` are null until its leader has closed it."""

    activity: str
    organisation: str
    name: str
    category: str
    place: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    capacity: int | None
    least_age: int | None
    risky: bool
    policy_no: str | None
    training: str | None
    cancelled: bool
    head_count: int | None
    closed_at: datetime.datetime | None


class Activities(msgspec.Struct, frozen=True):
    """Activities in the order of their beginning; `next` is the `after` of the next page, null at the end."""

    items: list[ActivityView]
    next: str | None


class CodeView(msgspec.Struct, frozen=True):
    """The code for the leader's screen; `url` is what the QR code holds. It changes at `expires_at`."""

    code: str
    url: str
    qr_svg: str
    expires_at: datetime.datetime


class AttendanceView(msgspec.Struct, frozen=True):
    """A sign-in. `volunteer` is null where she has been erased; `minutes` are whole ones, 0 until she has signed out.

    `forgotten`: it ended with the activity. `record_id`: the service record that it became.
    """

    volunteer: str | None
    pair: int
    check_in: datetime.datetime
    check_out: datetime.datetime | None
    minutes: int
    by_leader: bool
    forgotten: bool
    struck_out: bool
    record_id: UUID | None


class Attendances(msgspec.Struct, frozen=True):
    """All sign-ins of an activity in their order; `signed_in` people are to be counted. `next` is always null."""

    items: list[AttendanceView]
    signed_in: int
    next: str | None


class RefusedView(msgspec.Struct, frozen=True):
    """A sign-in that became no record, and why: a stable word and a sentence."""

    volunteer: str | None
    pair: int
    code: str
    detail: str


class ClosingView(msgspec.Struct, frozen=True):
    """A closed activity, its sign-ins with the records that they became, and those that were refused."""

    activity: ActivityView
    attendances: list[AttendanceView]
    refused: list[RefusedView]


class OwnAttendanceView(msgspec.Struct, frozen=True):
    """A volunteer's own sign-in: what counts, from when, until when (null: she is there).

    `withdrawn`: she left before the beginning, or the leader has struck it out, and nothing counts.
    """

    activity: str
    check_in: datetime.datetime
    check_out: datetime.datetime | None
    minutes: int
    forgotten: bool
    withdrawn: bool


# --- planning --------------------------------------------------------------------------------------------------------


@post(
    "/activities",
    opt=RECORD,
    operation_id="addActivity",
    summary="Publish an activity",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def add(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewActivity]
) -> ActivityView:
    """Publishes an activity that is still to come. Entering service afterwards is no activity."""
    async with database.begin() as tx:
        return _view(await activities.publish(tx, me, data.organisation, _plan(data), data.activity))


@get(
    "/activities",
    opt=READ,
    operation_id="listActivities",
    summary="Activities",
    responses=views.refusals(400, 404),
)
async def list_activities(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    organisation: FromQuery[str | None] = None,
    on: FromQuery[str | None] = None,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[str | None] = None,
) -> Activities:
    """The activities within the caller's reach, of an organisation, on a day (`on`: YYYY-MM-DD, Asia/Shanghai)."""
    that_day = None if on is None else day(on, "on")
    async with database.connect() as tx:
        found = await activities.in_reach(tx, me, organisation=organisation, day=that_day, after=after, limit=limit)
    return Activities([_view(each) for each in found], found[-1].activity if len(found) == limit else None)


@get(
    "/activities/{activity:str}",
    opt=READ,
    operation_id="readActivity",
    summary="One activity",
    responses=views.refusals(404),
)
async def read(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], activity: FromPath[str]
) -> ActivityView:
    """An activity of an organisation within the caller's reach."""
    async with database.connect() as tx:
        return _view(await activities.within(tx, me, Right.READ_RECORDS, activity))


@put(
    "/activities/{activity:str}",
    opt=RECORD,
    operation_id="changeActivity",
    summary="Plan it anew",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def change(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    activity: FromPath[str],
    data: JSONBody[ActivityPlan],
) -> ActivityView:
    """Changes an activity before it begins and before anybody signs in: all fields at once."""
    async with database.begin() as tx:
        return _view(await activities.change(tx, me, activity, _plan(data)))


@post(
    "/activities/{activity:str}/cancel",
    status_code=200,
    opt=RECORD,
    operation_id="cancelActivity",
    summary="Cancel it",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def cancel(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    activity: FromPath[str],
    data: JSONBody[Nothing | None] = None,
) -> ActivityView:
    """It does not take place; who has signed in early is signed in no more. No body needed."""
    async with database.begin() as tx:
        return _view(await activities.cancel(tx, me, activity))


# --- the leader ------------------------------------------------------------------------------------------------------


@get(
    "/activities/{activity:str}/code",
    opt=RECORD,
    operation_id="readActivityCode",
    summary="The code of now",
    responses=views.refusals(404, 409),
)
async def read_code(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    activity: FromPath[str],
) -> CodeView:
    """What the leader's screen shows for half a minute; it is accepted for half a minute more."""
    async with database.connect() as tx:
        of = await activities.within(tx, me, Right.RECORD, activity)
        shown = await activities.code(tx, me, request, settings, of)
    return CodeView(shown.code, shown.url, qr.svg(shown.url), shown.expires_at)


@get(
    "/activities/{activity:str}/attendances",
    opt=READ,
    operation_id="listAttendances",
    summary="Who is there",
    responses=views.refusals(404),
)
async def list_attendances(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], activity: FromPath[str]
) -> Attendances:
    """All sign-ins of an activity by volunteer number, also those that were struck out."""
    async with database.connect() as tx:
        of = await activities.within(tx, me, Right.READ_RECORDS, activity)
        there = await attendances.of_activity(tx, me.book_id, of.activity)
        shown = await _attendances(tx, me, there)
    return Attendances(shown, len(attendances.people_of(there)), None)


@post(
    "/activities/{activity:str}/attendances",
    status_code=200,
    opt=RECORD,
    operation_id="signInByLeader",
    summary="Sign in who has no phone",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def sign_in_by_leader(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    activity: FromPath[str],
    data: JSONBody[ByLeader],
) -> AttendanceView:
    """Signs in somebody who has no phone, up to the rules' share of the people; another unit reviews her record."""
    async with database.begin() as tx:
        made = await activities.sign_in_by_leader(tx, keys, me, activity, data.volunteer, accompanied=data.accompanied)
        return (await _attendances(tx, me, [made]))[0]


@post(
    "/activities/{activity:str}/attendances/{volunteer:str}/sign-out",
    status_code=200,
    opt=RECORD,
    operation_id="signOutByLeader",
    summary="Sign out who has no phone",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def sign_out_by_leader(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    activity: FromPath[str],
    volunteer: FromPath[str],
    data: JSONBody[Nothing | None] = None,
) -> AttendanceView:
    """Signs out somebody who cannot do it herself. No body needed."""
    async with database.begin() as tx:
        made = await activities.sign_out_by_leader(tx, me, activity, volunteer)
        return (await _attendances(tx, me, [made]))[0]


@post(
    "/activities/{activity:str}/attendances/{volunteer:str}/{pair:int}/strike",
    status_code=200,
    opt=RECORD,
    operation_id="strikeOut",
    summary="Strike out a sign-in",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def strike(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    activity: FromPath[str],
    volunteer: FromPath[str],
    pair: FromPath[Pair],
    data: JSONBody[Nothing | None] = None,
) -> AttendanceView:
    """Strikes out the sign-in of somebody who is not there. No body needed."""
    async with database.begin() as tx:
        made = await activities.strike(tx, me, activity, volunteer, pair)
        return (await _attendances(tx, me, [made]))[0]


@post(
    "/activities/{activity:str}/close",
    status_code=200,
    opt=RECORD,
    operation_id="closeActivity",
    summary="Confirm the head count",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def close(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    activity: FromPath[str],
    data: JSONBody[HeadCount],
) -> ClosingView:
    """Closes an activity of which as many people were counted as are signed in, and hands in its service records.

    Who forgot to sign out leaves with the activity. The same count again answers the same, and hands in again what was
    refused.
    """
    async with database.begin() as tx:
        closed = await activities.close(tx, me, activity, data.head_count)
        numbers = await activities.numbers(tx, me, closed.attendances)
    language = answers.language_of(request)
    return ClosingView(
        _view(closed.activity),
        [_attendance(each, numbers) for each in closed.attendances],
        [
            RefusedView(numbers.get(each.holder), each.pair, problems.code(why), problems.sentence(why, language))
            for each, why in closed.refused
        ],
    )


# --- the volunteer ---------------------------------------------------------------------------------------------------


@post(
    "/me/attendances",
    status_code=200,
    opt=OWN,
    operation_id="signInHere",
    summary="I am here",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def sign_in(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    data: JSONBody[Here],
) -> OwnAttendanceView:
    """Signs in to an activity with the code on its leader's screen. Who is signed in gets the same answer again."""
    _of_her_book(me, data)
    async with database.begin() as tx:
        return _own(await activities.sign_in(tx, keys, me, data.activity, data.code))


@post(
    "/me/attendances/sign-out",
    status_code=200,
    opt=OWN,
    operation_id="signOutHere",
    summary="I am leaving",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def sign_out(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[Here]
) -> OwnAttendanceView:
    """Signs out with the code on the leader's screen. Who has signed out gets the same answer again."""
    _of_her_book(me, data)
    async with database.begin() as tx:
        return _own(await activities.sign_out(tx, me, data.activity, data.code))


def _of_her_book(me: Principal, data: Here) -> None:
    if data.book not in (None, me.book):
        raise NotAllowed


def _plan(data: ActivityPlan) -> Plan:
    return Plan(
        data.name,
        data.category,
        data.place,
        moment(data.starts_at, "starts_at"),
        moment(data.ends_at, "ends_at"),
        data.capacity,
        data.least_age,
        data.risky,
        data.policy_no,
        data.training,
    )


def _view(each: Activity) -> ActivityView:
    return ActivityView(
        each.activity,
        each.organisation,
        each.name,
        each.category,
        each.place,
        each.starts_at,
        each.ends_at,
        each.capacity,
        each.least_age,
        each.risky,
        each.policy_no,
        each.training,
        each.cancelled,
        each.head_count,
        each.ended_at,
    )


async def _attendances(tx: AsyncConnection, me: Principal, there: list[Attendance]) -> list[AttendanceView]:
    numbers = await activities.numbers(tx, me, there)
    return [_attendance(each, numbers) for each in there]


def _attendance(each: Attendance, numbers: dict[str, str]) -> AttendanceView:
    return AttendanceView(
        numbers.get(each.holder),
        each.pair,
        each.check_in,
        each.check_out,
        each.minutes,
        each.by_leader,
        each.forgotten,
        not each.stands,
        each.record_id,
    )


def _own(each: Attendance) -> OwnAttendanceView:
    return OwnAttendanceView(
        each.activity, each.check_in, each.check_out, each.minutes, each.forgotten, not each.stands
    )


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        add,
        list_activities,
        read,
        change,
        cancel,
        read_code,
        list_attendances,
        sign_in_by_leader,
        sign_out_by_leader,
        strike,
        close,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["activities"],
)

own_router = Router(
    path="/",
    route_handlers=[sign_in, sign_out],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["activities"],
)
