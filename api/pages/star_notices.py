"""Stars in public notice: the list that anybody may read and print, and the form to object."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import certificates, problems, star_words
from api.certificates import Notice
from api.pages import doors, frame, texts
from api.pages.notices import NOT_INDEXED
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.books import directory
from ledger.database import connect
from ledger.earning import organisations
from ledger.errors import AlreadyDecided, InvalidField, NotAllowed, Refusal, SessionEnded, UnknownAward
from ledger.recognition import awards

A_SHEET: Final = 100


@get("/star-notices/{book:str}")
async def star_notices(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    book: FromPath[str],
) -> Template:
    """What anybody may read without signing in: names as their owners agree to at this moment, of minors nothing."""
    async with database.connect() as tx:
        of = await directory.find_book(tx, book)
        after = texts.identifier(request.query_params.get("after", ""))
        try:
            found = await certificates.in_notice(tx, keys, of.book_id, after=after, limit=A_SHEET)
        except UnknownAward:
            found = await certificates.in_notice(tx, keys, of.book_id, limit=A_SHEET)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "star_notices.html",
        path=f"/star-notices/{of.code}",
        headers=NOT_INDEXED,
        book=of.name,
        today=texts.day(language, found.today),
        next=found.next,
        hidden=texts.t(language, "star_notices_hidden", count=found.hidden) if found.hidden else "",
        lines=[
            (
                each.of,
                texts.day(language, each.of.notice_until),
                _who(language, each),
                each.organisation or of.name,
                texts.hours(language, each.of.minutes),
                star_words.called(language, each.of.star, each.of.title),
            )
            for each in found.lines
        ],
    )


def _who(language: Language, each: Notice) -> str:
    return texts.t(language, "notices_tail", name=each.name, tail=each.tail)


# --- objecting --------------------------------------------------------------------------------------------------------


@get("/account/star-objections/{award_id:uuid}")
async def star_object_form(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    award_id: FromPath[UUID],
) -> Template:
    """The form to object to a star in notice: for anybody who has signed in."""
    me = await doors.colleague(request, database, settings, Right.OBJECT)
    return await _form(request, database, me, award_id)


@post("/account/star-objections/{award_id:uuid}", status_code=200)
async def star_object_to(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    award_id: FromPath[UUID],
) -> Template:
    """Objects, and says until when it will be decided."""
    me = await doors.colleague(request, database, settings, Right.OBJECT)
    [reason] = await frame.fields(request, "reason")
    try:
        async with database.begin() as tx:
            now = await connect.now(tx)
            raised = await awards.object_to(tx, me.book_id, award_id, reason, by=me.name, now=now)
    except (NotAllowed, SessionEnded, UnknownAward):
        raise
    except InvalidField as refusal:
        return await _form(request, database, me, award_id, refusal, reason)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "star_objecting.html",
        path=f"/account/star-objections/{award_id}",
        book=me.book,
        done=texts.t(language, "star_objecting_done", day=texts.day(language, raised.due_on)),
    )


async def _form(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    award_id: UUID,
    refusal: Refusal | None = None,
    reason: str = "",
) -> Template:
    async with database.connect() as tx:
        of = await awards.find(tx, me.book_id, award_id)
        found = await organisations.find_many(tx, me.book_id, [of.organisation] if of.organisation else [])
        book = await directory.find_book(tx, me.book)
    # Who has no business with an award sees of it what the public list shows, and nothing before or after.
    if of.state not in ("in_notice", "objected"):
        raise AlreadyDecided
    language = frame.view_of(request).language
    organisation = found[of.organisation].name if of.organisation in found else book.name
    return frame.page(
        request,
        "star_objecting.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"/account/star-objections/{award_id}",
        address=f"/account/star-objections/{award_id}",
        book=me.book,
        about=texts.t(
            language,
            "star_objecting_what",
            organisation=organisation,
            star=star_words.called(language, of.star, of.title),
            day=texts.day(language, of.notice_until),
        ),
        reason=reason,
        done=None,
        wrong=None if refusal is None else frame.told(request, refusal),
    )


HANDLERS = [star_notices, star_object_form, star_object_to]
