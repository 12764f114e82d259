"""What a volunteer is to the programme, over HTTP: registered by lists, moved, gone, back; guardian, qualifications."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import answers, auth, problems, views, volunteers
from api.bodies import Body, IdentityBody, day
from api.requests import StrictRequest
from ledger.access.ciphers import Keys
from ledger.access.guardians import Guardian, Relation
from ledger.access.identities import Identity
from ledger.access.rights import Principal, Right
from ledger.earning.qualifications import Qualification
from ledger.earning.volunteers import Volunteer
from ledger.errors import InvalidField, Refusal, UnknownGuardian

REGISTER = {"right": Right.REGISTER, "scoped": True}
READ = {"right": Right.READ_PEOPLE, "scoped": True}

MOST_ROWS: Final = 1000
MOST_BODY: Final = 1024 * 1024


class NewcomerRow(Body, frozen=True):
    """A volunteer to be registered, and who she is, if it is to be recorded."""

    volunteer: str
    organisation: str | None = None
    identity: IdentityBody | None = None


class Newcomers(Body, frozen=True):
    """Volunteers to be registered, at most 1,000."""

    volunteers: Annotated[list[NewcomerRow], msgspec.Meta(max_length=MOST_ROWS)]


class OutcomeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one row. `there`: she was registered already, and stays as she is."""

    volunteer: str
    status: Literal["registered", "there", "refused"]
    problem: dict[str, Any] | None = None


class NewcomerOutcomes(msgspec.Struct, frozen=True):
    """The outcomes, in the order of the rows."""

    outcomes: list[OutcomeView]


class Place(Body, frozen=True):
    """The organisation to which she belongs from now on; null: the book's own staff."""

    organisation: str | None


class Leaving(Body, frozen=True):
    """Since when she is no longer a volunteer (YYYY-MM-DD); leave it out for today."""

    day: str | None = None


class StandingView(msgspec.Struct, frozen=True):
    """Where a volunteer belongs. `left_on`: since when she is no longer one."""

    volunteer: str
    organisation: str | None
    left_on: datetime.date | None


class NewGuardian(Body, frozen=True):
    """A minor's guardian. `text_version`: the text `minor_guardian` that the guardian has read and consents to."""

    name: str
    relation: Relation
    phone: str | None = None
    text_version: str | None = None


class GuardianView(msgspec.Struct, frozen=True):
    """A guardian, masked. `consented_at` is null while no consent holds."""

    name: str
    phone: str | None
    relation: Relation
    recorded_at: datetime.datetime
    consented_at: datetime.datetime | None
    text_version: str | None


class Why(Body, frozen=True):
    """Why it is to be seen in full: the reason is kept in the access log."""

    reason: str


class WholeGuardianView(msgspec.Struct, frozen=True):
    """A guardian in full."""

    name: str
    phone: str | None
    relation: str


class NewQualification(Body, frozen=True):
    """What somebody has passed. `valid_until`: the last day on which it holds; leave it out for ever."""

    name: str
    passed_on: str
    valid_until: str | None = None


class EndedQualification(Body, frozen=True):
    """What was taken back, and the last day on which it held."""

    name: str
    passed_on: str
    last_day: str


class QualificationView(msgspec.Struct, frozen=True):
    """What somebody has passed; it holds from the first to the last day (null: for ever)."""

    name: str
    passed_on: datetime.date
    valid_until: datetime.date | None
    recorded_by: str


class Qualifications(msgspec.Struct, frozen=True):
    """All that is recorded, the newest first; `next` is always null."""

    items: list[QualificationView]
    next: str | None


# --- registering, moving, leaving -------------------------------------------------------------------------------------


@post(
    "/volunteers/batch",
    status_code=200,
    request_max_body_size=MOST_BODY,
    opt=REGISTER,
    operation_id="registerVolunteers",
    summary="Register many",
    responses=views.refusals(400, 409, 413, 415),
)
async def register_many(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    data: JSONBody[Newcomers],
) -> NewcomerOutcomes:
    """Registers up to 1,000 volunteers, each for itself; sending the same again is harmless.

    Who is registered already stays as she is. Where the caller may not register for the organisation of one row,
    nobody is registered.
    """
    rows = [volunteers.Newcomer(each.volunteer, each.organisation, _identity(each)) for each in data.volunteers]
    async with database.begin() as tx:
        outcomes = await volunteers.register_many(tx, keys, me, rows)
    language = answers.language_of(request)
    return NewcomerOutcomes(
        [
            OutcomeView(row.volunteer_no, "refused", problems.document(outcome, language))
            if isinstance(outcome, Refusal)
            else OutcomeView(row.volunteer_no, "registered" if outcome else "there")
            for row, outcome in zip(rows, outcomes, strict=True)
        ]
    )


def _identity(row: NewcomerRow) -> Identity | InvalidField | None:
    if row.identity is None:
        return None
    try:
        return row.identity.identity()
    except InvalidField as refusal:
        return refusal


@post(
    "/volunteers/{volunteer:str}/move",
    status_code=200,
    opt=REGISTER,
    operation_id="moveVolunteer",
    summary="She moves",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def move(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[Place],
) -> StandingView:
    """She belongs to another organisation from now on. What she did stays where it was done."""
    async with database.begin() as tx:
        return _standing(await volunteers.move(tx, me, volunteer, data.organisation))


@post(
    "/volunteers/{volunteer:str}/leave",
    status_code=200,
    opt=REGISTER,
    operation_id="endVolunteer",
    summary="She leaves",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def leave(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[Leaving],
) -> StandingView:
    """She is no longer a volunteer, nor a member of any organisation; her points and hours stay hers."""
    on = day(data.day, "day") if data.day is not None else None
    async with database.begin() as tx:
        return _standing(await volunteers.leave(tx, me, volunteer, on))


@post(
    "/volunteers/{volunteer:str}/return",
    status_code=200,
    opt=REGISTER,
    operation_id="takeVolunteerBack",
    summary="She comes back",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def come_back(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[Place],
) -> StandingView:
    """She is a volunteer again."""
    async with database.begin() as tx:
        return _standing(await volunteers.come_back(tx, me, volunteer, data.organisation))


def _standing(her: Volunteer) -> StandingView:
    return StandingView(her.volunteer_no, her.organisation, her.left_on)


# --- guardians --------------------------------------------------------------------------------------------------------


@get(
    "/volunteers/{volunteer:str}/guardian",
    opt=READ,
    operation_id="readGuardian",
    summary="Her guardian, masked",
    responses=views.refusals(404),
)
async def read_guardian(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
) -> GuardianView:
    """A minor's guardian, and whether a consent holds. That it was shown is logged."""
    async with database.begin() as tx:
        her = await volunteers.within(tx, me, Right.READ_PEOPLE, volunteer)
        return await _guardian(tx, keys, me, her)


@put(
    "/volunteers/{volunteer:str}/guardian",
    opt=REGISTER,
    operation_id="recordGuardian",
    summary="Record her guardian",
    responses=views.refusals(400, 404, 413, 415),
)
async def record_guardian(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[NewGuardian],
) -> GuardianView:
    """Records a minor's guardian in the place of the one of before, and the text that the guardian consents to."""
    guardian = Guardian(data.name, data.phone, data.relation)
    async with database.begin() as tx:
        her = await volunteers.record_guardian(tx, keys, me, volunteer, guardian, data.text_version)
        return await _guardian(tx, keys, me, her)


@delete(
    "/volunteers/{volunteer:str}/guardian",
    opt=REGISTER,
    operation_id="endGuardian",
    summary="She has this guardian no longer",
    responses=views.refusals(404),
)
async def end_guardian(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
) -> None:
    """Ends a guardian; the consent is withdrawn with it."""
    async with database.begin() as tx:
        await volunteers.end_guardian(tx, keys, me, volunteer)


@post(
    "/volunteers/{volunteer:str}/guardian/reveal",
    status_code=200,
    opt={"right": Right.REVEAL, "scoped": True},
    operation_id="revealGuardian",
    summary="See her guardian in full, with a reason",
    responses=views.refusals(400, 404, 413, 415),
)
async def reveal_guardian(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[Why],
) -> WholeGuardianView:
    """Shows the guardian in full. Who asked and why stands in the access log."""
    async with database.begin() as tx:
        shown = await volunteers.reveal_guardian(tx, keys, me, volunteer, data.reason)
    return WholeGuardianView(shown.name, shown.phone, shown.relation)


async def _guardian(tx: AsyncConnection, keys: Keys, me: Principal, her: Volunteer) -> GuardianView:
    shown = await volunteers.guardian(tx, keys, me, her)
    if shown is None:
        raise UnknownGuardian(her.volunteer_no)
    return GuardianView(
        shown.name, shown.phone, shown.relation, shown.recorded_at, shown.consented_at, shown.text_version
    )


# --- qualifications ---------------------------------------------------------------------------------------------------


@get(
    "/volunteers/{volunteer:str}/qualifications",
    opt=READ,
    operation_id="listQualifications",
    summary="What she has passed",
    responses=views.refusals(404),
)
async def list_qualifications(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], volunteer: FromPath[str]
) -> Qualifications:
    """All that is recorded of what she has passed, also what holds no longer, the newest first."""
    async with database.connect() as tx:
        her = await volunteers.within(tx, me, Right.READ_PEOPLE, volunteer)
        return await _qualifications(tx, me, her)


@post(
    "/volunteers/{volunteer:str}/qualifications",
    opt=REGISTER,
    operation_id="recordQualification",
    summary="She has passed something",
    responses=views.refusals(400, 404, 413, 415),
)
async def record_qualification(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[NewQualification],
) -> Qualifications:
    """Records a qualification; the same again corrects until when it holds."""
    passed_on = day(data.passed_on, "passed_on")
    valid_until = day(data.valid_until, "valid_until") if data.valid_until is not None else None
    async with database.begin() as tx:
        her = await volunteers.qualify(tx, me, volunteer, data.name, passed_on, valid_until)
        return await _qualifications(tx, me, her)


@post(
    "/volunteers/{volunteer:str}/qualifications/end",
    status_code=200,
    opt=REGISTER,
    operation_id="endQualification",
    summary="It was taken back",
    responses=views.refusals(400, 404, 413, 415),
)
async def end_qualification(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[EndedQualification],
) -> Qualifications:
    """Ends a qualification: it holds until that day and no longer."""
    passed_on, last_day = day(data.passed_on, "passed_on"), day(data.last_day, "last_day")
    async with database.begin() as tx:
        her = await volunteers.end_qualification(tx, me, volunteer, data.name, passed_on, last_day)
        return await _qualifications(tx, me, her)


async def _qualifications(tx: AsyncConnection, me: Principal, her: Volunteer) -> Qualifications:
    return Qualifications([_qualification(each) for each in await volunteers.qualifications_of(tx, me, her)], None)


def _qualification(each: Qualification) -> QualificationView:
    return QualificationView(each.name, each.passed_on, each.valid_until, each.recorded_by)


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        register_many,
        move,
        leave,
        come_back,
        read_guardian,
        record_guardian,
        end_guardian,
        reveal_guardian,
        list_qualifications,
        record_qualification,
        end_qualification,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["people"],
)
