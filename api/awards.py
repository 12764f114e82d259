"""Assessments and awards of stars, whichever door they come by: within whose reach, and what answers show of them.

Answers name people by their volunteer numbers alone. Who assesses does so for the whole book; who certifies belongs to
the organisation of the candidate or to one above it, as high as the star asks for.
"""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Collection
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, desk
from api.bodies import Body
from api.problems import REFUSALS
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.earning import volunteers
from ledger.errors import UnknownVolunteer
from ledger.recognition import assessments, awards, shortfalls
from ledger.recognition.assessments import Assessed, Assessment
from ledger.recognition.awards import REASON_LENGTHS, Award, Objection, State
from ledger.recognition.shortfalls import Difference

Reason = Annotated[str, msgspec.Meta(min_length=REASON_LENGTHS[0], max_length=REASON_LENGTHS[1])]


class NewAssessment(Body, frozen=True):
    """Of which day; by the ladder of which version, else by the one that is in force on that day (0: the national)."""

    as_of: str
    ladder: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None


class AwardReason(Body, frozen=True):
    """Why."""

    reason: Reason


class NewAwardDecision(Body, frozen=True):
    """Whether the objection is right (then the star is refused for this reason), and why."""

    upheld: bool
    decision: Reason


class NewAwards(Body, frozen=True):
    """Of which assessment; else of all."""

    assessment: UUID | None = None


class AssessmentView(msgspec.Struct, frozen=True):
    """An assessment as of a day, from what was known at `known_at`, by the ladder of that version (0: the national).

    `done_at` null: it was begun and waits to be run. `digest`: of the ladder and of what each was assessed by.
    """

    id: UUID
    as_of: datetime.date
    known_at: datetime.datetime
    ladder: int
    made_by: str
    made_at: datetime.datetime
    done_at: datetime.datetime | None
    people: int | None
    digest: str | None


class TallyView(msgspec.Struct, frozen=True):
    """How many have so many stars, and how many of them more (`rises`) or fewer (`falls`) than they hold."""

    star: int
    people: int
    rises: int
    falls: int


class AssessmentStory(AssessmentView, frozen=True, kw_only=True):
    """An assessment with how many have how many stars."""

    stars: list[TallyView]


class AssessedView(msgspec.Struct, frozen=True):
    """What somebody was assessed by. `minutes`: of the classes that the ladder counts. `volunteer` null: erased."""

    volunteer: str | None
    organisation: str | None
    star: int
    held: int
    minutes: int
    credit_minutes: int
    honour_minutes: int
    year_minutes: int
    points: int
    registered_on: datetime.date | None
    marked_on: datetime.date | None


class CandidatesView(msgspec.Struct, frozen=True):
    """How many came into notice, and its first and last day."""

    candidates: int
    notice_from: datetime.date
    notice_until: datetime.date


class StarAwardView(msgspec.Struct, frozen=True):
    """A star: in notice, objected, awarded, refused or ended. `volunteer` null: erased.

    `minutes` counted on the day `as_of`, the star asked for `needed`; that never changes. `certifier`: organisations of
    this level or above award it.
    """

    id: UUID
    assessment: UUID
    volunteer: str | None
    organisation: str | None
    star: int
    title: str
    certifier: str | None
    as_of: datetime.date
    minutes: int
    needed: int
    state: State
    proposed_by: str
    proposed_at: datetime.datetime
    notice_from: datetime.date
    notice_until: datetime.date
    decided_by: str | None
    decided_at: datetime.datetime | None
    reason: str | None
    awarded_on: datetime.date | None
    serial: str | None
    ended_on: datetime.date | None
    ended_by: str | None
    end_reason: str | None


class AwardObjectionView(msgspec.Struct, frozen=True):
    """An objection to a star in notice. `upheld` null: it is open, and to be decided until `due_on`."""

    id: UUID
    award: UUID
    raised_by: str
    raised_at: datetime.datetime
    reason: str
    due_on: datetime.date
    decided_by: str | None
    decided_at: datetime.datetime | None
    upheld: bool | None
    decision: str | None


class TakenBackView(msgspec.Struct, frozen=True):
    """A record of service that counted for the star and has been taken back since."""

    record: str
    day: datetime.date
    activity: str
    hours_class: str
    minutes: int
    reason: str | None


class LackView(msgspec.Struct, frozen=True):
    """What is missing to the next star: so many minutes or points, or the day from which it will be there."""

    need: str
    amount: int
    since: datetime.date | None


class DifferenceView(msgspec.Struct, frozen=True):
    """A star beside what history says as of `day`: whether it is `supported`, and if not why.

    `minutes_then`: of the star's day, when it was assessed. `minutes_again`: of that same day now. The difference is
    what was `corrected` since, and `later_minutes` that were entered since.
    """

    award: StarAwardView
    day: datetime.date
    ladder: int
    star: int
    supported: bool
    needed: int | None
    minutes_then: int
    minutes_again: int
    later_minutes: int
    corrected: list[TakenBackView]
    missing: list[LackView]


class AwardStory(StarAwardView, frozen=True, kw_only=True):
    """A star with the objections to it; and beside what history says of her today, where it has been awarded."""

    objections: list[AwardObjectionView]
    today: DifferenceView | None


class AwardedView(msgspec.Struct, frozen=True):
    """What was awarded. `refused`: how many were not, by the code of the reason. `more`: others wait, call again."""

    items: list[StarAwardView]
    refused: dict[str, int]
    more: bool


# --- reading ----------------------------------------------------------------------------------------------------------


async def assessment_story(tx: AsyncConnection, me: Principal, assessment_id: UUID) -> AssessmentStory:
    """UnknownAssessment."""
    of = await assessments.find(tx, me.book_id, assessment_id)
    found = await assessments.tallies(tx, me.book_id, assessment_id)
    stars = [TallyView(each.star, each.people, each.rises, each.falls) for each in found]
    return AssessmentStory(**msgspec.structs.asdict(assessment_view(of)), stars=stars)


async def assessed(
    tx: AsyncConnection,
    me: Principal,
    assessment_id: UUID,
    *,
    which: assessments.Which,
    after: str | None,
    limit: int,
) -> list[Assessed]:
    """Within reach, after a volunteer. UnknownAssessment, UnknownVolunteer."""
    of = await assessments.find(tx, me.book_id, assessment_id)
    place = await _place(tx, me, after)
    within = desk.reach(me, Right.READ_RECORDS)
    return await assessments.rows(tx, me.book_id, of, within, which=which, after=place, limit=limit)


async def falls(
    tx: AsyncConnection, me: Principal, assessment_id: UUID, *, after: str | None, limit: int
) -> tuple[list[Difference], str | None]:
    """Who holds more than an assessment supports, within reach, after a volunteer; after whom the next page begins.

    UnknownAssessment, UnknownVolunteer.
    """
    of = await assessments.find(tx, me.book_id, assessment_id)
    place = await _place(tx, me, after)
    within = desk.reach(me, Right.READ_RECORDS)
    page = await shortfalls.falls(tx, me.book_id, of, within, after=place, limit=limit)
    last = await volunteers.numbers_of(tx, me.book_id, [page.next] if page.next is not None else [])
    return page.items, last.get(page.next or "")


async def award_story(tx: AsyncConnection, me: Principal, award_id: UUID) -> AwardStory:
    """UnknownAward, NotAllowed."""
    of = await awards.find(tx, me.book_id, award_id)
    auth.within(me, Right.READ_RECORDS, of.line)
    raised = await awards.objections_of(tx, me.book_id, award_id)
    today = await shortfalls.explain(tx, me.book_id, of) if of.state == "awarded" else None
    return AwardStory(
        **msgspec.structs.asdict(award_view(of)),
        objections=[objection_view(each) for each in raised],
        today=None if today is None else difference_view(today),
    )


async def _place(tx: AsyncConnection, me: Principal, after: str | None) -> str:
    """Under which number the books know a volunteer: lists go by it. UnknownVolunteer."""
    if after is None:
        return ""
    found = await volunteers.holders_of(tx, me.book_id, [after])
    if after not in found:
        raise UnknownVolunteer(after)
    return found[after]


# --- deciding ---------------------------------------------------------------------------------------------------------


async def decide(
    tx: AsyncConnection, me: Principal, award_id: UUID, verb: Callable[..., Awaitable[Award]], *words: str
) -> Award:
    """Awards, refuses or ends (`verb`). UnknownAward, NotAllowed, and what the verb refuses."""
    of = await awards.find(tx, me.book_id, award_id)
    auth.within(me, Right.CERTIFY, of.line)
    return await verb(tx, me.book_id, award_id, *words, **await _certifier(tx, me))


async def decide_objection(
    tx: AsyncConnection, me: Principal, objection_id: UUID, new: NewAwardDecision
) -> tuple[Objection, Award]:
    """UnknownObjection, NotAllowed, and what `awards.decide_objection` refuses."""
    asked = await awards.objection(tx, me.book_id, objection_id)
    auth.within(me, Right.CERTIFY, (await awards.find(tx, me.book_id, asked.award_id)).line)
    return await awards.decide_objection(
        *(tx, me.book_id, objection_id),
        upheld=new.upheld,
        decision=new.decision,
        by=me.name,
        holder=await desk.holder(tx, me),
        now=await connect.now(tx),
    )


async def award_all(tx: AsyncConnection, me: Principal, assessment_id: UUID | None) -> AwardedView:
    """What waits and may be awarded by the caller. NotAllowed, UnknownAssessment."""
    if assessment_id is not None:
        await assessments.find(tx, me.book_id, assessment_id)
    done = await awards.award_all(tx, me.book_id, assessment_id=assessment_id, **await _certifier(tx, me))
    refused = {REFUSALS[kind].code: many for kind, many in done.refused.items()}
    return AwardedView([award_view(each) for each in done.awards], refused, done.more)


async def _certifier(tx: AsyncConnection, me: Principal) -> dict[str, Any]:
    """Who decides, for whom, and when."""
    within: Collection[str] | None = desk.reach(me, Right.CERTIFY)
    return {"by": me.name, "holder": await desk.holder(tx, me), "within": within, "now": await connect.now(tx)}


# --- views ------------------------------------------------------------------------------------------------------------


def assessment_view(of: Assessment) -> AssessmentView:
    """An assessment as answers show it."""
    return AssessmentView(
        of.assessment_id,
        of.as_of,
        of.known_at,
        of.ladder,
        of.made_by,
        of.made_at,
        of.done_at,
        of.people,
        None if of.digest is None else of.digest.hex(),
    )


def assessed_view(each: Assessed) -> AssessedView:
    """A row of an assessment."""
    facts = each.facts
    return AssessedView(
        each.volunteer_no,
        each.organisation,
        each.star,
        facts.held,
        facts.minutes,
        each.credit_minutes,
        each.honour_minutes,
        facts.year_minutes,
        facts.points,
        facts.registered_on,
        facts.marked_on,
    )


def award_view(of: Award) -> StarAwardView:
    """A star as answers show it."""
    return StarAwardView(
        of.award_id,
        of.assessment_id,
        of.volunteer_no,
        of.organisation,
        of.star,
        of.title,
        of.certifier,
        of.as_of,
        of.minutes,
        of.needed,
        of.state,
        of.proposed_by,
        of.proposed_at,
        of.notice_from,
        of.notice_until,
        of.decided_by,
        of.decided_at,
        of.reason,
        of.awarded_on,
        of.serial,
        of.ended_on,
        of.ended_by,
        of.end_reason,
    )


def objection_view(of: Objection) -> AwardObjectionView:
    """An objection as answers show it."""
    return AwardObjectionView(
        of.objection_id,
        of.award_id,
        of.raised_by,
        of.raised_at,
        of.reason,
        of.due_on,
        of.decided_by,
        of.decided_at,
        of.upheld,
        of.decision,
    )


def difference_view(of: Difference) -> DifferenceView:
    """A star beside what history says."""
    return DifferenceView(
        award_view(of.award),
        of.day,
        of.ladder,
        of.star,
        of.supported,
        of.needed,
        of.minutes_then,
        of.minutes_again,
        of.later_minutes,
        [
            TakenBackView(each.record, each.served_on, each.activity_name, each.record_class, each.minutes, each.reason)
            for each in of.corrected
        ],
        [LackView(each.need, each.amount, each.since) for each in of.missing],
    )
