"""Public notice: the list of an organisation, for anybody to read and to print, and the form to object."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import desk, problems, volunteers
from api.desk import Notice
from api.pages import doors, frame, texts
from api.pages.desk import what, worth
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.books import directory
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations, records
from ledger.earning.notices import Place
from ledger.earning.record import Record
from ledger.errors import InvalidField, NotTheirTurn, Refusal, SessionEnded, UnknownRecord

A_SHEET: Final = 100

NOT_INDEXED: Final = {"X-Robots-Tag": "noindex"}
"""What is in notice for some days is not to be found for ever (PIPL 6: no more than it takes)."""


@get("/staff/notices")
async def choose(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The organisations in reach, each with the way to its list."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    async with database.connect() as tx:
        known = await volunteers.organisations_in_reach(tx, me, Right.READ_RECORDS)
    return frame.page(
        request,
        "notices.html",
        organisations=[(f"/notice/{me.book}/{each.code}", each.code, each.name) for each in known],
    )


@get("/notice/{book:str}/{organisation:str}")
async def board(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    book: FromPath[str],
    organisation: FromPath[str],
) -> Template:
    """What anybody may read without signing in: names as their owners agreed to, of minors none."""
    async with database.connect() as tx:
        of = await directory.find_book(tx, book)
        found = await desk.board(tx, keys, of.book_id, organisation, after=_place(request), limit=A_SHEET)
        names = await organisations.find_many(tx, of.book_id, {line.record.organisation for line in found.lines})
        today = day_of(await connect.now(tx))
    language = frame.view_of(request).language
    return frame.page(
        request,
        "notice.html",
        path=f"/notice/{of.code}/{organisation}",
        headers=NOT_INDEXED,
        book=of.name,
        organisation=found.organisation,
        today=texts.day(language, today),
        surely=found.surely,
        next=None if found.next is None else str(found.next),
        lines=[
            (
                line.record,
                _day(language, line.record),
                _who(language, line),
                texts.t(
                    language,
                    "notices_on",
                    what=what(language, line.record),
                    day=texts.day(language, line.record.served_on),
                    organisation=names[line.record.organisation].name,
                ),
                texts.hours(language, line.record.minutes) if line.record.minutes else "",
                texts.points(language, line.record.points or 0),
            )
            for line in found.lines
        ],
    )


def _day(language: Language, of: Record) -> str:
    return "" if of.notice_until is None else texts.day(language, of.notice_until)


def _who(language: Language, line: Notice) -> str:
    name = line.name or texts.t(language, "notices_volunteer")
    return texts.t(language, "notices_tail", name=name, tail=line.tail) if line.tail else name


def _place(request: StrictRequest) -> Place | None:
    """Where the list goes on; from the beginning where the address says nothing that can be read."""
    try:
        return Place.read(request.query_params["after"])
    except (KeyError, InvalidField):
        return None


# --- objecting --------------------------------------------------------------------------------------------------------


@get("/account/objections/{record_id:uuid}")
async def object_form(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    record_id: FromPath[UUID],
) -> Template:
    """The form to object to a record in notice: for anybody who has signed in."""
    me = await doors.colleague(request, database, settings, Right.OBJECT)
    return await _form(request, database, me, record_id)


@post("/account/objections/{record_id:uuid}", status_code=200)
async def object_to(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    record_id: FromPath[UUID],
) -> Template | Redirect:
    """Objects, and says until when it will be decided."""
    me = await doors.colleague(request, database, settings, Right.OBJECT)
    [reason] = await frame.fields(request, "reason")
    try:
        if not reason:
            raise InvalidField("reason", "missing")
        async with database.begin() as tx:
            raised = await desk.object_to(tx, me, str(record_id), reason)
    except (SessionEnded, UnknownRecord):
        raise
    except InvalidField as refusal:
        return await _form(request, database, me, record_id, refusal, reason)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "objecting.html",
        path=f"/account/objections/{record_id}",
        about=None,
        done=texts.t(language, "objecting_done", day=texts.day(language, raised.due_on)),
    )


async def _form(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    record_id: UUID,
    refusal: Refusal | None = None,
    reason: str = "",
) -> Template:
    async with database.connect() as tx:
        of = await records.get(tx, me.book_id, record_id)
    # Who has no business with a record sees of it what the notice list shows, and nothing before or after.
    if of.state != "in_notice":
        raise NotTheirTurn(of.record, of.state)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "objecting.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"/account/objections/{record_id}",
        address=f"/account/objections/{record_id}",
        about=texts.t(
            language,
            "notices_on",
            what=what(language, of),
            day=texts.day(language, of.served_on),
            organisation=worth(language, of),
        ),
        reason=reason,
        done=None,
        wrong=None if refusal is None else frame.told(request, refusal),
    )


HANDLERS = [choose, board, object_form, object_to]
