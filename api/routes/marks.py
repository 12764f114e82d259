"""What is on record against a volunteer, over HTTP: under a ladder that asks for good standing it takes her star."""

from __future__ import annotations

import datetime
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, bodies, marks, views
from api.bodies import Body
from api.calls import Nothing
from ledger.access.rights import Principal, Right
from ledger.recognition.marks import Mark, Why

CERTIFY = {"right": Right.CERTIFY, "scoped": True}


class NewMark(Body, frozen=True):
    """What happened, by a word of the list, and the day (YYYY-MM-DD) on which it did."""

    why: str
    marked_on: str


class MarkView(msgspec.Struct, frozen=True):
    """Something on record; `lifted_at` is null as long as it stands. `words`: the reason in both languages."""

    id: UUID
    marked_on: datetime.date
    why: Why
    words: dict[str, str]
    marked_by: str
    marked_at: datetime.datetime
    lifted_by: str | None
    lifted_at: datetime.datetime | None


class Marks(msgspec.Struct, frozen=True):
    """The latest day first; `next` is always null."""

    items: list[MarkView]
    next: str | None


@get(
    "/volunteers/{volunteer:str}/marks",
    opt={"right": Right.READ_RECORDS, "scoped": True},
    operation_id="listMarks",
    summary="What is on record against her",
    responses=views.refusals(404),
)
async def list_marks(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], volunteer: FromPath[str]
) -> Marks:
    """All that is or was on record against a volunteer."""
    async with database.connect() as tx:
        return Marks([_view(each) for each in await marks.of_volunteer(tx, me, volunteer)], None)


@post(
    "/volunteers/{volunteer:str}/marks",
    opt=CERTIFY,
    operation_id="putMark",
    summary="Put something on record against her",
    responses=views.refusals(400, 404, 413, 415),
)
async def put_mark(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[NewMark],
) -> MarkView:
    """Puts something on record. The same again changes nothing: the answer is what stands there already."""
    marked_on = bodies.day(data.marked_on, "marked_on")
    async with database.begin() as tx:
        return _view(await marks.put(tx, me, volunteer, marked_on, data.why))


@post(
    "/volunteers/{volunteer:str}/marks/{mark_id:uuid}/lift",
    status_code=200,
    opt=CERTIFY,
    operation_id="liftMark",
    summary="Take something off her record",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def lift_mark(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    mark_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> MarkView:
    """It stands no longer, as if it had never been put there. No body needed."""
    async with database.begin() as tx:
        return _view(await marks.lift(tx, me, volunteer, mark_id))


def _view(each: Mark) -> MarkView:
    return MarkView(
        each.mark_id,
        each.marked_on,
        each.why,
        {"zh": marks.why("zh", each.why), "en": marks.why("en", each.why)},
        each.marked_by,
        each.marked_at,
        each.lifted_by,
        each.lifted_at,
    )


router = Router(
    path="/books/{book:str}",
    route_handlers=[list_marks, put_mark, lift_mark],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["recognition"],
)
