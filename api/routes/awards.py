"""Assessments and awards of stars over HTTP: assessed, brought into notice, objected to, awarded, refused, ended."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, awards, bodies, desk, views
from api.awards import (
    AssessedView,
    AssessmentStory,
    AssessmentView,
    AwardedView,
    AwardObjectionView,
    AwardReason,
    AwardStory,
    CandidatesView,
    DifferenceView,
    NewAssessment,
    NewAwardDecision,
    NewAwards,
    StarAwardView,
)
from api.bodies import Limit
from api.calls import Nothing
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.recognition import assessments
from ledger.recognition import awards as verbs
from ledger.recognition.assessments import Which
from ledger.recognition.awards import STATES, State

READ = {"right": Right.READ_RECORDS, "scoped": True}
ASSESS = {"right": Right.ASSESS}
CERTIFY = {"right": Right.CERTIFY, "scoped": True}
OBJECT = {"right": Right.OBJECT, "scoped": True}

Stands = FromQuery[Annotated[State | None, QueryParameter(name="state", description="Left out: all.")]]
After = FromQuery[Annotated[UUID | None, Parameter(description="The `next` of the page before.")]]
AfterHer = FromQuery[Annotated[str | None, Parameter(description="The `next` of the page before.", max_length=32)]]


class Assessments(msgspec.Struct, frozen=True):
    """Assessments, the newest first; `next` is the `after` of the next page, null at the end."""

    items: list[AssessmentView]
    next: UUID | None


class AssessedPage(msgspec.Struct, frozen=True):
    """What people were assessed by, in an order that says nothing; `next` is the `after` of the next page."""

    items: list[AssessedView]
    next: str | None


class Falls(msgspec.Struct, frozen=True):
    """Stars that an assessment no longer supports; `next` is the `after` of the next page, null at the end."""

    items: list[DifferenceView]
    next: str | None


class Awards(msgspec.Struct, frozen=True):
    """Stars by the last day of their notice; `next` is the `after` of the next page, null at the end."""

    items: list[StarAwardView]
    next: UUID | None


# --- assessments ------------------------------------------------------------------------------------------------------


@post(
    "/assessments",
    opt=ASSESS,
    operation_id="assessStars",
    summary="Assess the stars of the book",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def assess(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewAssessment]
) -> AssessmentStory:
    """Computes everybody's star as of a day, from what is known now, and keeps it.

    One that was interrupted is gone on with; who calls while it is being computed waits for the same.
    """
    as_of = bodies.day(data.as_of, "as_of")
    made = await assessments.assess(database, me.book_id, as_of, by=me.name, version=data.ladder)
    async with database.connect() as tx:
        return await awards.assessment_story(tx, me, made.assessment_id)


@get(
    "/assessments",
    opt=READ,
    operation_id="listAssessments",
    summary="Assessments",
    responses=views.refusals(400),
)
async def list_assessments(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: After = None,
) -> Assessments:
    """The assessments of the book."""
    async with database.connect() as tx:
        found = await assessments.of_book(tx, me.book_id, after=after, limit=limit)
    items = [awards.assessment_view(each) for each in found]
    return Assessments(items, items[-1].id if len(items) == limit else None)


@get(
    "/assessments/{assessment_id:uuid}",
    opt=READ,
    operation_id="readAssessment",
    summary="An assessment",
    responses=views.refusals(404),
)
async def read_assessment(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], assessment_id: FromPath[UUID]
) -> AssessmentStory:
    """One assessment, and how many have how many stars by it."""
    async with database.connect() as tx:
        return await awards.assessment_story(tx, me, assessment_id)


@get(
    "/assessments/{assessment_id:uuid}/rows",
    opt=READ,
    operation_id="listAssessed",
    summary="What people were assessed by",
    responses=views.refusals(400, 404),
)
async def list_assessed(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    assessment_id: FromPath[UUID],
    which: FromQuery[Which] = "all",
    limit: FromQuery[Limit] = 50,
    after: AfterHer = None,
) -> AssessedPage:
    """Of the organisations within reach: all, or who has more (`rises`) or fewer stars (`falls`) than she holds."""
    async with database.connect() as tx:
        found = await awards.assessed(tx, me, assessment_id, which=which, after=after, limit=limit)
    items = [awards.assessed_view(each) for each in found]
    return AssessedPage(items, items[-1].volunteer if len(items) == limit else None)


@get(
    "/assessments/{assessment_id:uuid}/falls",
    opt=READ,
    operation_id="listFalls",
    summary="Stars that are no longer supported",
    responses=views.refusals(400, 404),
)
async def list_falls(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    assessment_id: FromPath[UUID],
    limit: FromQuery[Limit] = 50,
    after: AfterHer = None,
) -> Falls:
    """Who holds a star that the assessment no longer supports, and why: what was corrected since, what is missing."""
    async with database.connect() as tx:
        found, after_whom = await awards.falls(tx, me, assessment_id, after=after, limit=limit)
    return Falls([awards.difference_view(each) for each in found], after_whom)


@post(
    "/assessments/{assessment_id:uuid}/candidates",
    opt=ASSESS,
    operation_id="proposeAwards",
    summary="Bring the candidates into notice",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def propose(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    assessment_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> CandidatesView:
    """Everybody who reaches more stars than she holds is shown for the ladder's days. Twice adds nobody. No body."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        done = await verbs.propose(tx, me.book_id, assessment_id, by=me.name, now=now)
    return CandidatesView(done.candidates, done.notice_from, done.notice_until)


# --- awards -----------------------------------------------------------------------------------------------------------


@get(
    "/awards",
    opt=READ,
    operation_id="listAwards",
    summary="Stars in notice, awarded, refused",
    responses=views.refusals(400, 404),
)
async def list_awards(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    stands: Stands = None,
    assessment: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = 50,
    after: After = None,
) -> Awards:
    """Stars of the organisations within reach, that whose notice ends first at the head."""
    within = desk.reach(me, Right.READ_RECORDS)
    states = STATES if stands is None else (stands,)
    async with database.connect() as tx:
        found = await verbs.of_state(tx, me.book_id, states, within, assessment_id=assessment, after=after, limit=limit)
    items = [awards.award_view(each) for each in found]
    return Awards(items, items[-1].id if len(items) == limit else None)


@get(
    "/awards/{award_id:uuid}",
    opt=READ,
    operation_id="readAward",
    summary="A star",
    responses=views.refusals(404),
)
async def read_award(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], award_id: FromPath[UUID]
) -> AwardStory:
    """One star with the objections to it; if awarded, beside what history says of her today."""
    async with database.connect() as tx:
        return await awards.award_story(tx, me, award_id)


@post(
    "/awards/{award_id:uuid}/objections",
    opt=OBJECT,
    operation_id="objectToAward",
    summary="Object to a star",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def object_to_award(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    award_id: FromPath[UUID],
    data: JSONBody[AwardReason],
) -> AwardObjectionView:
    """Objects before it is awarded: it waits until somebody else has decided. Each person once."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        raised = await verbs.object_to(tx, me.book_id, award_id, data.reason, by=me.name, now=now)
    return awards.objection_view(raised)


@post(
    "/award-objections/{objection_id:uuid}/decision",
    status_code=200,
    opt=CERTIFY,
    operation_id="decideAwardObjection",
    summary="Decide an objection to a star",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def decide_objection(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    objection_id: FromPath[UUID],
    data: JSONBody[NewAwardDecision],
) -> AwardStory:
    """Upheld, the star is refused; else it is in notice as before. Not by who raised it or who proposed the star."""
    async with database.begin() as tx:
        _, of = await awards.decide_objection(tx, me, objection_id, data)
        return await awards.award_story(tx, me, of.award_id)


@post(
    "/awards/{award_id:uuid}/award",
    status_code=200,
    opt=CERTIFY,
    operation_id="awardStar",
    summary="Award a star",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def award(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    award_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> StarAwardView:
    """After the last day of notice, by another person than who proposed it. No body needed."""
    async with database.begin() as tx:
        return awards.award_view(await awards.decide(tx, me, award_id, verbs.award))


@post(
    "/awards/{award_id:uuid}/refuse",
    status_code=200,
    opt=CERTIFY,
    operation_id="refuseStar",
    summary="Refuse a star",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def refuse(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    award_id: FromPath[UUID],
    data: JSONBody[AwardReason],
) -> StarAwardView:
    """Refuses a star that has not been awarded, for a reason, by another person than who proposed it."""
    async with database.begin() as tx:
        return awards.award_view(await awards.decide(tx, me, award_id, verbs.refuse, data.reason))


@post(
    "/awards/{award_id:uuid}/end",
    status_code=200,
    opt=CERTIFY,
    operation_id="endStar",
    summary="End a star",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def end(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    award_id: FromPath[UUID],
    data: JSONBody[AwardReason],
) -> StarAwardView:
    """Ends a star from today on, for a reason; what it was awarded for stays on record."""
    async with database.begin() as tx:
        return awards.award_view(await awards.decide(tx, me, award_id, verbs.end, data.reason))


@post(
    "/awards/award-all",
    status_code=200,
    opt=CERTIFY,
    operation_id="awardAll",
    summary="Award all stars that can be",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def award_all(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewAwards]
) -> AwardedView:
    """Awards what the caller may award and whose notice is over, a thousand at most; how many it refused, and why."""
    async with database.begin() as tx:
        return await awards.award_all(tx, me, data.assessment)


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        assess,
        list_assessments,
        read_assessment,
        list_assessed,
        list_falls,
        propose,
        list_awards,
        read_award,
        object_to_award,
        decide_objection,
        award,
        refuse,
        end,
        award_all,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["recognition"],
)
