"""Service records of other platforms, by the thousand."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from api import answers, auth, hours_files, problems, sheets, views
from api.bodies import Body, moment
from api.problems import Language
from api.requests import StrictRequest
from ledger.access.rights import Principal, Right
from ledger.earning.record import State
from ledger.earning.records import NewRecord, Taken
from ledger.errors import InvalidField, Refusal

MOST_RECORDS: Final = 10_000
MOST_BODY: Final = 8 * 1024 * 1024


class PushedRecord(Body, frozen=True, rename={"record_class": "class"}):
    """A service as the platform knows it: `record` is its number there, unique in the book.

    `check_in_out`: she signed in and out on the spot; `backfill`: entered afterwards, perhaps confirmed by `reviewer`.
    Times are RFC 3339.
    """

    record: str
    volunteer: str
    organisation: str
    record_class: Literal["check_in_out", "backfill"]
    check_in: str
    check_out: str
    recorder: str
    category: str = ""
    activity: str | None = None
    activity_name: str = ""
    reviewer: str | None = None


class PushedRecords(Body, frozen=True):
    """Records, to be taken in their order, each for itself."""

    records: Annotated[list[PushedRecord], msgspec.Meta(max_length=MOST_RECORDS)]


class PushedView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a record: it was taken, was there already (and its state now), or was refused and why."""

    record: str
    status: Literal["taken", "already", "refused"]
    state: State | None = None
    problem: dict[str, Any] | None = None


class PushedOutcomes(msgspec.Struct, frozen=True):
    """The outcomes, in the order of the records."""

    outcomes: list[PushedView]


@post(
    "/records/batch",
    status_code=200,
    request_max_body_size=MOST_BODY,
    opt={"right": Right.PUSH_RECORDS, "scoped": True},
    operation_id="pushRecords",
    summary="Hand in many records",
    responses=views.refusals(400, 413, 415) | views.shown(200, PushedOutcomes, "Decided, each record for itself"),
)
async def push_records(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    data: JSONBody[PushedRecords],
) -> ASGIResponse:
    """Takes service records of another platform; they wait for a review. Volunteers have to be registered before.

    A record that comes again with the same data is there already; with other data it is refused (`record_differs`):
    so a call that was interrupted is simply made again.
    """
    read = [_read(each) for each in data.records]
    good = [each for each in read if isinstance(each, NewRecord)]
    outcomes = iter(await hours_files.push(database, me.book_id, good, by=me.name))
    language = answers.language_of(request)
    shown = [
        _shown(each.record, found if isinstance(found, Refusal) else next(outcomes), language)
        for each, found in zip(data.records, read, strict=True)
    ]
    return answers.Encoded(msgspec.json.encode(PushedOutcomes(shown)), 200)


def _read(given: PushedRecord) -> NewRecord | Refusal:
    try:
        since, until = moment(given.check_in, "check_in"), moment(given.check_out, "check_out")
    except InvalidField as fault:
        return fault
    return NewRecord(
        record=given.record,
        holder=given.volunteer,
        organisation=given.organisation,
        record_class=sheets.CLASSES[given.record_class],
        recorder=given.recorder,
        category=given.category,
        activity=given.activity,
        activity_name=given.activity_name,
        check_in=since,
        check_out=until,
        second_person=given.reviewer,
    )


def _shown(record: str, outcome: Taken | Refusal, language: Language) -> PushedView:
    if isinstance(outcome, Taken):
        return PushedView(record, "taken" if outcome.new else "already", outcome.record.state)
    return PushedView(record, "refused", problem=problems.document(outcome, language))


router = Router(
    path="/books/{book:str}",
    route_handlers=[push_records],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["records"],
)
