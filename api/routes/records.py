"""Service records over HTTP: handed in, read, reviewed, objected to, corrected; and what is in public notice."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import answers, auth, desk, hours, problems, views
from api.bodies import Body, Limit, day, moment
from api.desk import Act, Backfill, Story
from api.hours import WhyView
from api.requests import StrictRequest
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.earning import notices
from ledger.earning.notices import Place, Turn
from ledger.earning.objections import Disputed, Objection
from ledger.earning.record import Record, RecordClass, State
from ledger.errors import InvalidField, Refusal

READ = {"right": Right.READ_RECORDS, "scoped": True}
OWN_OR_READ = {"right": Right.READ_RECORDS, "scoped": True, "also": Right.OWN}
RECORD = {"right": Right.RECORD, "scoped": True}
REVIEW = {"right": Right.REVIEW, "scoped": True}
ANYBODY = {"right": Right.OWN}
OBJECT = {"right": Right.OBJECT, "scoped": True}

Numbers = Annotated[list[str], msgspec.Meta(min_length=1, max_length=200)]


class NewRecordBody(Body, frozen=True, rename={"record_class": "class"}):
    """What was done, entered by hand: hours that were not signed in and out on the spot, or an item of the rules.

    `record`: a number of its own, under which it may be sent again. `honour`: `check_in` and `check_out` (RFC 3339).
    `act`: `item`, `served_on` (YYYY-MM-DD), and for a training `minutes`. Whoever reviews it is the second person.
    """

    record: str
    volunteer: str
    organisation: str
    record_class: Literal["honour", "act"]
    evidence: str
    category: str = ""
    activity_name: str = ""
    check_in: str | None = None
    check_out: str | None = None
    item: str | None = None
    served_on: str | None = None
    minutes: int = 0


class ReviewBody(Body, frozen=True):
    """Which records, by number or id; accepted or refused, which needs a reason."""

    records: Numbers
    accept: bool
    reason: str = ""


class CallBackBody(Body, frozen=True):
    """What the person served said: whether it was so."""

    confirmed: bool


class ReasonBody(Body, frozen=True):
    """Why, in 4 to 200 characters."""

    reason: str


class DecisionBody(Body, frozen=True):
    """Whether the objection is right, so that the record is undone; and why."""

    upheld: bool
    reason: str


class TurnView(msgspec.Struct, frozen=True):
    """Who acts next, and until when: `call_back`, `reviewer` and `decider` are staff of `organisation`; `budget`: it
    waits for points to be granted; `notice`: it is credited after that day; `nobody`: it is at its end."""

    who: notices.Who
    organisation: str | None
    until: datetime.date | None


class ObjectionView(msgspec.Struct, frozen=True):
    """An objection, or the correction of what has been credited; `upheld` null: it waits for a decision.

    `raised_by` and `decided_by` are for staff, and null for others.
    """

    id: UUID
    kind: Literal["objection", "correction"]
    raised_at: datetime.datetime
    raised_by: str | None
    reason: str
    due_on: datetime.date
    upheld: bool | None
    decided_at: datetime.datetime | None
    decided_by: str | None
    decision: str | None


class RecordView(msgspec.Struct, frozen=True, rename={"record_class": "class"}):
    """A record as it stands. `volunteer`: null where she has been erased. `points` below zero: a minus item."""

    id: UUID
    record: str
    volunteer: str | None
    organisation: str
    record_class: RecordClass
    category: str
    activity: str | None
    activity_name: str
    item: str | None
    check_in: datetime.datetime | None
    check_out: datetime.datetime | None
    served_on: datetime.date
    minutes: int
    by_leader: bool
    forgotten: bool
    submitted_at: datetime.datetime
    state: State
    turn: TurnView
    call_back: Literal["due", "confirmed", "denied"] | None
    reviewed_at: datetime.datetime | None
    reason: str | None
    rule_set: int | None
    points: int | None
    bonus: int | None
    notice_from: datetime.date | None
    notice_until: datetime.date | None
    ended_at: datetime.datetime | None
    replaces: UUID | None


class RecordStory(RecordView, frozen=True, kw_only=True):
    """A record with all that happened to it. Who did what, and the evidence, are for staff, and null for others."""

    recorder: str | None
    submitted_by: str | None
    second_person: str | None
    evidence: str | None
    reviewed_by: str | None
    ended_by: str | None
    hours_transaction: UUID | None
    points_transaction: UUID | None
    release_transaction: UUID | None
    correction_transaction: UUID | None
    why: WhyView | None
    objections: list[ObjectionView]


class Records(msgspec.Struct, frozen=True):
    """Records; `next` is the `after` of the next page, null at the end."""

    items: list[RecordView]
    next: str | None


class ReviewedView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one record: its state, or why it was not reviewed."""

    record: str
    status: Literal["reviewed", "refused"]
    state: State | None = None
    problem: dict[str, object] | None = None


class Reviewed(msgspec.Struct, frozen=True):
    """The outcomes, in the order of the call."""

    outcomes: list[ReviewedView]


class DisputedView(msgspec.Struct, frozen=True):
    """An objection that waits for a decision, and its record."""

    objection: ObjectionView
    record: RecordView


class Objections(msgspec.Struct, frozen=True):
    """Objections, the one that is due first at the head; `next` is the `after` of the next page, null at the end."""

    items: list[DisputedView]
    next: UUID | None


class RaisedView(msgspec.Struct, frozen=True):
    """Your objection, and until when it shall be decided."""

    id: UUID
    kind: Literal["objection", "correction"]
    due_on: datetime.date


class DecidedView(msgspec.Struct, frozen=True):
    """The objection with its decision, and the state of the record."""

    objection: ObjectionView
    state: State


class NoticeView(msgspec.Struct, frozen=True, rename={"record_class": "class"}):
    """A record in public notice. `name` null: a minor's, or nobody's that is known; `number`: the end of hers.

    `disputed`: somebody has objected, and nothing is decided yet.
    """

    record: str
    name: str | None
    number: str
    organisation: str
    activity_name: str
    category: str
    item: str | None
    record_class: RecordClass
    served_on: datetime.date
    minutes: int
    points: int | None
    notice_until: datetime.date | None
    disputed: bool


class Notices(msgspec.Struct, frozen=True):
    """The notice list of an organisation and those below it; the one that ends first at the head.

    `holidays_known` false: of these years the working days are not known yet, and Monday to Friday were counted.
    """

    organisation: str
    items: list[NoticeView]
    holidays_known: bool
    next: str | None


class OverdueView(msgspec.Struct, frozen=True):
    """How many reviews and decisions an organisation has let wait, and since when the first was due."""

    organisation: str
    name: str
    reviews: int
    objections: int
    oldest: datetime.date


class OverdueList(msgspec.Struct, frozen=True):
    """The longest waiting first; `next` is always null."""

    items: list[OverdueView]
    next: None = None


# --- handing in and reading -------------------------------------------------------------------------------------------


@post(
    "/records",
    opt=RECORD,
    operation_id="submitRecord",
    summary="Hand in a record by hand",
    responses=views.refusals(400, 404, 409, 413, 415, 422),
)
async def submit_record(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewRecordBody]
) -> Response[RecordView]:
    """Hands in back-filled hours or an act; it waits for its review (201; 200: it was there already)."""
    wanted = _wanted(data)
    async with database.begin() as tx:
        taken = await desk.hand_in(tx, me, wanted)
        [view] = await _views(tx, me, [taken.record])
    return Response(view, status_code=201 if taken.new else 200)


def _wanted(data: NewRecordBody) -> Backfill | Act:
    if data.record_class == "honour":
        for field, other in (("item", data.item), ("served_on", data.served_on), ("minutes", data.minutes)):
            if other:
                raise InvalidField(field, "not_of_a_service")
        return Backfill(
            record=data.record,
            volunteer=data.volunteer,
            organisation=data.organisation,
            check_in=moment(_given(data.check_in, "check_in"), "check_in"),
            check_out=moment(_given(data.check_out, "check_out"), "check_out"),
            evidence=data.evidence,
            category=data.category,
            activity_name=data.activity_name,
        )
    for field, other in (("check_in", data.check_in), ("check_out", data.check_out), ("category", data.category)):
        if other:
            raise InvalidField(field, "not_of_an_act")
    return Act(
        record=data.record,
        volunteer=data.volunteer,
        organisation=data.organisation,
        item=_given(data.item, "item"),
        served_on=day(_given(data.served_on, "served_on"), "served_on"),
        evidence=data.evidence,
        minutes=data.minutes,
        activity_name=data.activity_name,
    )


def _given(value: str | None, field: str) -> str:
    if value is None:
        raise InvalidField(field, "missing")
    return value


@get("/records", opt=READ, operation_id="listRecords", summary="Records", responses=views.refusals(400, 404))
async def list_records(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    organisation: FromQuery[str | None] = None,
    standing: Annotated[State | None, QueryParameter(name="state")] = None,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[UUID | None] = None,
) -> Records:
    """The records of an organisation and those below it, or of all in reach, newest first; of one state or of all."""
    async with database.connect() as tx:
        found = await desk.listed(tx, me, organisation, standing, after=after, limit=limit)
        items = await _views(tx, me, found)
    return Records(items, str(found[-1].record_id) if len(found) == limit else None)


@get(
    "/records/{record:str}",
    opt=OWN_OR_READ,
    operation_id="readRecord",
    summary="One record",
    responses=views.refusals(404),
)
async def read_record(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], record: FromPath[str]
) -> RecordStory:
    """A record by number (the newest of that number) or id: its state, whose turn it is and until when, its points.

    A volunteer reads her own.
    """
    async with database.connect() as tx:
        return _story(await desk.story(tx, me, record))


# --- reviewing --------------------------------------------------------------------------------------------------------


@get("/reviews", opt=REVIEW, operation_id="listReviews", summary="What waits for review", responses=views.refusals(400))
async def list_reviews(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    call_backs: FromQuery[bool] = False,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[str] = "",
) -> Records:
    """The records that wait for a review by the caller's organisations, the one that is due first at the head.

    `call_backs`: only those of which the person served is to be asked first.
    """
    place = _place(after)
    async with database.connect() as tx:
        page = await desk.to_review(tx, me, call_backs=call_backs, after=place, limit=limit)
        items = await _views(tx, me, page.records)
    return Records(items, None if page.next is None else str(page.next))


@post(
    "/records/review",
    status_code=200,
    opt=REVIEW,
    operation_id="reviewRecords",
    summary="Accept or refuse",
    responses=views.refusals(400, 413, 415),
)
async def review_records(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    data: JSONBody[ReviewBody],
) -> Reviewed:
    """Accepts records, so that their hours count and their points enter public notice; or refuses them.

    Each has its outcome. If one of them is not the caller's to review, nothing happens.
    """
    async with database.begin() as tx:
        outcomes = await desk.review(tx, me, data.records, accept=data.accept, reason=data.reason)
    return Reviewed([_reviewed(request, *each) for each in zip(data.records, outcomes, strict=True)])


@post(
    "/records/{record:str}/call-back",
    status_code=200,
    opt=REVIEW,
    operation_id="noteCallBack",
    summary="Note a call-back",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def note_call_back(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    record: FromPath[str],
    data: JSONBody[CallBackBody],
) -> RecordView:
    """Notes what the person served said of a record that was drawn for it; then it can be reviewed."""
    async with database.begin() as tx:
        [view] = await _views(tx, me, [await desk.call_back(tx, me, record, confirmed=data.confirmed)])
    return view


@get("/overdue", opt=READ, operation_id="listOverdue", summary="What waits for too long", responses=views.refusals())
async def list_overdue(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> OverdueList:
    """Reviews and decisions that organisations in reach have let wait beyond their day."""
    async with database.connect() as tx:
        found = await desk.overdue(tx, me)
    return OverdueList([OverdueView(e.organisation, e.name, e.reviews, e.objections, e.oldest) for e in found])


# --- objections and corrections ---------------------------------------------------------------------------------------


@post(
    "/records/{record:str}/objections",
    opt=OBJECT,
    operation_id="objectToRecord",
    summary="Object",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def object_to_record(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    record: FromPath[str],
    data: JSONBody[ReasonBody],
) -> RaisedView:
    """Objects to a record in public notice: it is not credited before somebody else has decided. Each person once."""
    async with database.begin() as tx:
        raised = await desk.object_to(tx, me, record, data.reason)
    return RaisedView(raised.objection_id, raised.kind, raised.due_on)


@post(
    "/records/{record:str}/correction",
    opt=REVIEW,
    operation_id="proposeCorrection",
    summary="Propose to undo a record",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def propose_correction(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    record: FromPath[str],
    data: JSONBody[ReasonBody],
) -> RaisedView:
    """Proposes to take back hours and points of a record, credited or not; a second reviewer decides it."""
    async with database.begin() as tx:
        raised = await desk.propose_correction(tx, me, record, data.reason)
    return RaisedView(raised.objection_id, raised.kind, raised.due_on)


@get(
    "/objections",
    opt=REVIEW,
    operation_id="listObjections",
    summary="Objections that wait",
    responses=views.refusals(400, 404),
)
async def list_objections(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[UUID | None] = None,
) -> Objections:
    """The objections and corrections that wait for a decision by the caller's organisations."""
    async with database.connect() as tx:
        found = await desk.disputed(tx, me, after=after, limit=limit)
        records = await _views(tx, me, [each.record for each in found], found)
    items = [DisputedView(_objection(e.objection, staff=True), view) for e, view in zip(found, records, strict=True)]
    return Objections(items, found[-1].objection.objection_id if len(found) == limit else None)


@post(
    "/objections/{objection_id:uuid}/decision",
    status_code=200,
    opt=REVIEW,
    operation_id="decideObjection",
    summary="Decide",
    responses=views.refusals(400, 404, 409, 413, 415, 422),
)
async def decide_objection(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    objection_id: FromPath[UUID],
    data: JSONBody[DecisionBody],
) -> DecidedView:
    """Decides an objection or a correction: by somebody who had no hand in the record. Upheld, it is undone."""
    async with database.begin() as tx:
        decided, record = await desk.decide(tx, me, objection_id, upheld=data.upheld, reason=data.reason)
    return DecidedView(_objection(decided, staff=True), record.state)


# --- public notice ----------------------------------------------------------------------------------------------------


@get(
    "/notices",
    opt=ANYBODY,
    operation_id="listNotices",
    summary="What is in public notice",
    responses=views.refusals(400, 404),
)
async def list_notices(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    organisation: FromQuery[str],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[str] = "",
) -> Notices:
    """The notice list of an organisation, for everybody who has signed in; names as their owners agreed to."""
    place = _place(after)
    async with database.connect() as tx:
        board = await desk.board(tx, keys, me.book_id, organisation, after=place, limit=limit)
    items = [
        NoticeView(
            record=line.record.record,
            name=line.name,
            number=line.tail,
            organisation=line.record.organisation,
            activity_name=line.record.activity_name,
            category=line.record.category,
            item=line.record.item,
            record_class=line.record.record_class,
            served_on=line.record.served_on,
            minutes=line.record.minutes,
            points=line.record.points,
            notice_until=line.record.notice_until,
            disputed=line.record.state == "objected",
        )
        for line in board.lines
    ]
    return Notices(board.organisation, items, board.surely, None if board.next is None else str(board.next))


def _place(after: str) -> Place | None:
    return Place.read(after) if after else None


# --- views ------------------------------------------------------------------------------------------------------------


async def _views(
    tx: AsyncConnection, me: Principal, found: list[Record], disputed: list[Disputed] | None = None
) -> list[RecordView]:
    numbers = await desk.numbers_of(tx, me, found)
    raised = {each.record.record_id: each.objection for each in disputed or ()}
    return [
        _view(each, numbers.get(each.holder), notices.whose_turn(each, raised.get(each.record_id))) for each in found
    ]


_SHOWN = [name for name in RecordView.__struct_fields__ if name not in ("id", "volunteer", "turn")]


def _view(of: Record, volunteer: str | None, turn: Turn) -> RecordView:
    return RecordView(id=of.record_id, volunteer=volunteer, turn=_turn(turn), **{n: getattr(of, n) for n in _SHOWN})


def _story(told: Story) -> RecordStory:
    of, staff = told.record, told.staff
    return RecordStory(
        id=of.record_id,
        volunteer=told.volunteer_no,
        turn=_turn(told.turn),
        **{name: getattr(of, name) for name in _SHOWN},
        recorder=of.recorder if staff else None,
        submitted_by=of.submitted_by if staff else None,
        second_person=of.second_person if staff else None,
        evidence=of.evidence if staff else None,
        reviewed_by=of.reviewed_by if staff else None,
        ended_by=of.ended_by if staff else None,
        hours_transaction=of.hours_transaction,
        points_transaction=of.points_transaction,
        release_transaction=of.release_transaction,
        correction_transaction=of.correction_transaction,
        why=hours.why_view(told.why),
        objections=[_objection(each, staff=staff) for each in told.objections],
    )


def _turn(turn: Turn) -> TurnView:
    return TurnView(turn.who, turn.organisation, turn.until)


def _objection(of: Objection, *, staff: bool) -> ObjectionView:
    return ObjectionView(
        id=of.objection_id,
        kind=of.kind,
        raised_at=of.raised_at,
        raised_by=of.raised_by if staff else None,
        reason=of.reason,
        due_on=of.due_on,
        upheld=of.upheld,
        decided_at=of.decided_at,
        decided_by=of.decided_by if staff else None,
        decision=of.decision,
    )


def _reviewed(request: StrictRequest, number: str, outcome: Record | Refusal) -> ReviewedView:
    if isinstance(outcome, Record):
        return ReviewedView(number, "reviewed", state=outcome.state)
    return ReviewedView(number, "refused", problem=problems.document(outcome, answers.language_of(request)))


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        submit_record,
        list_records,
        read_record,
        list_reviews,
        review_records,
        note_call_back,
        list_overdue,
        object_to_record,
        propose_correction,
        list_objections,
        decide_objection,
        list_notices,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["records"],
)
