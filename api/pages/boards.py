"""Public boards as pages: for everybody, also on the wall of a service station; for staff; and for who stands on them.

What anybody sees is asked for at each look, and no browser and no search engine keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, boards, own, problems, staff, volunteers
from api.boards import Average, Line, NewBoard
from api.pages import doors, frame, texts
from api.pages.notices import NOT_INDEXED
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import consents, rights
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.books import directory
from ledger.earning import organisations
from ledger.errors import AlreadyDecided, InvalidField, NotAllowed, Refusal, UnknownBoard
from ledger.recognition import boards as published
from ledger.recognition.boards import KINDS, MOST, Board, Wanted

STAFF: Final = "/staff/boards"
NEW: Final = f"{STAFF}/new"
MINE: Final = "/account/boards"
LISTED: Final = 50
FIELDS: Final = ("kind", "from_day", "to_day", "organisation", "category", "least_star")


# --- for everybody ---------------------------------------------------------------------------------------------------


@get("/boards/{book:str}")
async def public_boards(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    book: FromPath[str],
) -> Template:
    """The boards that are shown, and the newest of them as it is read now."""
    async with database.connect() as tx:
        of = await directory.find_book(tx, book)
        found = await published.of_book(tx, of.book_id, live=True, after=_after_board(request), limit=LISTED)
        newest = None
        if found and "after" not in request.query_params:
            newest = await boards.page(tx, keys, of.code, found[0].board_id)
        names = await _names(tx, of.book_id, found)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "boards.html",
        path=f"/boards/{of.code}",
        headers=NOT_INDEXED,
        book=of,
        boards=[(each.board_id, *_called(language, each.wanted, names)) for each in found],
        newest=None if newest is None else _facts(language, newest, of.code),
        following=found[-1].board_id if len(found) == LISTED else None,
    )


@get("/boards/{book:str}/{board_id:uuid}")
async def public_board(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    book: FromPath[str],
    board_id: FromPath[UUID],
) -> Template:
    """One board, fifty places on a page."""
    after = min(texts.whole_number(request.query_params.get("after", "")) or 0, MOST)
    language = frame.view_of(request).language
    try:
        async with database.connect() as tx:
            found = await boards.page(tx, keys, book, board_id, after=after)
    except UnknownBoard:
        sentence = texts.t(language, "boards_gone")
        return frame.page(request, "error.html", status=404, heading="boards_gone_heading", sentence=sentence)
    return frame.page(
        request,
        "board.html",
        path=f"/boards/{book}/{board_id}",
        query={"after": str(after)} if after else {},
        headers=NOT_INDEXED,
        book=found.book,
        shown=_facts(language, found, book),
    )


def _facts(language: Language, found: boards.Page, code: str) -> dict[str, Any]:
    """What the template of a board says."""
    wanted = found.board.wanted
    return {
        "address": f"/boards/{code}/{found.board.board_id}",
        "all": f"/boards/{code}",
        "next": found.next,
        "at": texts.moment(language, found.board.published_at),
        **_told(language, wanted, found.organisation, found.lines, found.averages),
    }


def _told(
    language: Language, wanted: Wanted, organisation: str | None, lines: list[Line], averages: list[Average]
) -> dict[str, Any]:
    return {
        "title": _title(language, wanted),
        "kind": wanted.kind,
        "whose": organisation or texts.t(language, "boards_whole_book"),
        "period": _period(language, wanted),
        "category": wanted.category,
        "least": wanted.least_star,
        "least_active": published.LEAST_ACTIVE,
        "lines": [(each.rank, _who(language, each), each.star, texts.hours(language, each.minutes)) for each in lines],
        "averages": [_average(language, each) for each in averages],
    }


def _title(language: Language, wanted: Wanted) -> str:
    return texts.t(language, f"boards_title_{wanted.kind}", star=wanted.least_star)


def _period(language: Language, wanted: Wanted) -> str:
    since, until = texts.day(language, wanted.from_day), texts.day(language, wanted.to_day)
    return texts.t(language, "boards_period_of", since=since, until=until)


def _who(language: Language, each: Line) -> str:
    """王** 0012: as a list of names has room for it."""
    return f"{each.name or texts.t(language, 'notices_volunteer')} {each.tail}"


def _average(language: Language, each: Average) -> dict[str, Any]:
    def hours(minutes: int | None) -> str:
        return texts.t(language, "boards_too_few") if minutes is None else texts.hours(language, minutes)

    return {
        "rank": each.rank,
        "name": each.name or each.organisation or texts.t(language, "boards_whole_book"),
        "minutes": hours(each.minutes),
        "registered": each.registered,
        "active": each.active,
        "per_registered": hours(each.per_registered),
        "per_active": hours(each.per_active),
    }


def _called(language: Language, wanted: Wanted, names: Mapping[str, str]) -> tuple[str, str]:
    """A board in a list: what it is, and of whom and when."""
    whose = names.get(wanted.organisation or "") or texts.t(language, "boards_whole_book")
    parts = [whose, _period(language, wanted), *([wanted.category] if wanted.category is not None else [])]
    return _title(language, wanted), ("，" if language == "zh" else ", ").join(parts)


async def _names(tx: AsyncConnection, book: int, found: list[Board]) -> dict[str, str]:
    codes = {each.wanted.organisation for each in found if each.wanted.organisation is not None}
    return {code: each.name for code, each in (await organisations.find_many(tx, book, codes)).items()}


def _after_board(request: StrictRequest) -> UUID | None:
    """Where a list of boards goes on; from the beginning where the address says nothing that can be read."""
    return texts.identifier(request.query_params.get("after", ""))


# --- for staff -------------------------------------------------------------------------------------------------------


@get(STAFF)
async def list_boards(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Every board that was published, the newest first, with a button to withdraw those that are shown."""
    me = await doors.colleague(request, database, settings, Right.ASSESS)
    return await _listed(request, database, me)


async def _listed(
    request: StrictRequest, database: AsyncEngine, me: Principal, refusal: Refusal | None = None
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        found = await published.of_book(tx, me.book_id, after=_after_board(request), limit=LISTED)
        names = await _names(tx, me.book_id, found)
        people = await staff.names(tx, [by for each in found for by in (each.published_by, each.withdrawn_by) if by])
        lines = await organisations.lines(tx, me.book_id, names)
    held = rights.reach(me, Right.ASSESS, auth.today())
    return frame.page(
        request,
        "boards_staff.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=STAFF,
        notice=frame.notice(request, "board_published", "board_withdrawn", "board_there"),
        public=f"/boards/{me.book}",
        boards=[
            {
                "id": each.board_id,
                "called": _called(language, each.wanted, names),
                "published": _by(language, people[each.published_by], each.published_at),
                "ended": None
                if each.withdrawn_by is None or each.withdrawn_at is None
                else _by(language, people[each.withdrawn_by], each.withdrawn_at),
                "mine": held.includes(lines.get(each.wanted.organisation or "", ())),
            }
            for each in found
        ],
        following=found[-1].board_id if len(found) == LISTED else None,
        wrong=None if refusal is None else frame.told(request, refusal),
    )


def _by(language: Language, who: str, at: Any) -> str:
    return texts.t(language, "by_at", who=who, moment=texts.moment(language, at))


@get(NEW)
async def new_board(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """The form, and below it how what it says would look if it were published now."""
    me = await doors.colleague(request, database, settings, Right.ASSESS)
    asked = {name: request.query_params.get(name, "")[:200] for name in FIELDS}
    return await _form(request, database, keys, me, asked, looks="kind" in request.query_params)


@post(STAFF, status_code=200)
async def publish(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template | Redirect:
    """Publishes what was looked at."""
    me = await doors.colleague(request, database, settings, Right.ASSESS)
    asked = dict(zip(FIELDS, await frame.fields(request, *FIELDS), strict=True))
    try:
        new = _read(asked)
        async with database.begin() as tx:
            _, is_new = await boards.publish(tx, keys, me, new)
    except NotAllowed:
        raise
    except Refusal as refusal:
        return await _form(request, database, keys, me, asked, refusal=refusal)
    return Redirect(STAFF, status_code=303, query_params={"done": "board_published" if is_new else "board_there"})


@post(f"{STAFF}/{{board_id:uuid}}/withdraw", status_code=200)
async def withdraw(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    board_id: FromPath[UUID],
) -> Template | Redirect:
    """Takes a board off the public pages."""
    me = await doors.colleague(request, database, settings, Right.ASSESS)
    try:
        async with database.begin() as tx:
            await boards.withdraw(tx, me, board_id)
    except AlreadyDecided as refusal:
        return await _listed(request, database, me, refusal)
    return Redirect(STAFF, status_code=303, query_params={"done": "board_withdrawn"})


async def _form(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    asked: dict[str, str],
    *,
    looks: bool = False,
    refusal: Refusal | None = None,
) -> Template:
    language = frame.view_of(request).language
    preview = None
    try:
        if looks:
            async with database.connect() as tx:
                found = await boards.preview(tx, keys, me, _read(asked))
            told = _told(language, found.wanted, found.organisation, found.lines, found.averages)
            preview = told | {"people": found.people, "next": None, "at": None}
    except NotAllowed:
        raise
    except Refusal as wrong:
        refusal = wrong
    async with database.connect() as tx:
        known = await volunteers.organisations_in_reach(tx, me, Right.ASSESS)
    today = auth.today()
    return frame.page(
        request,
        "board_new.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=NEW,
        query=asked if looks else {},
        asked={
            "kind": asked["kind"] or KINDS[0],
            "from_day": asked["from_day"] or f"{today.year}-01-01",
            "to_day": asked["to_day"] or today.isoformat(),
            "organisation": asked["organisation"],
            "category": asked["category"],
            "least_star": asked["least_star"] or str(published.LEAST_STAR),
        },
        kinds=KINDS,
        organisations=[(each.code, each.name) for each in known],
        everywhere=rights.reach(me, Right.ASSESS, today).book,
        shown=preview,
        wrong=None if refusal is None else frame.told(request, _called_here(refusal)),
    )


def _called_here(refusal: Refusal) -> Refusal:
    """A field by its name among the fields of forms, where the same word could be somebody else's."""
    return InvalidField(f"board_{refusal.field}", refusal.problem) if isinstance(refusal, InvalidField) else refusal


def _read(asked: dict[str, str]) -> NewBoard:
    """What was typed. InvalidField."""
    star = texts.whole(asked["least_star"], "least_star")
    return NewBoard(
        asked["kind"],
        texts.typed(asked["from_day"]),
        texts.typed(asked["to_day"]),
        asked["organisation"] or None,
        asked["category"].strip() or None,
        min(star, 10_000),
    )


# --- for herself -----------------------------------------------------------------------------------------------------


@get(MINE)
async def my_boards(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """How boards show her, where she stands, and the button that changes it."""
    me = await doors.visitor(request, database, settings)
    language = frame.view_of(request).language
    async with database.connect() as tx:
        mine = await boards.mine(tx, keys, me)
        names = await _names(tx, me.book_id, [board for board, _ in mine.on])
    version = consents.OFFERED[boards.PURPOSE]
    text = consents.TEXTS[boards.PURPOSE, version]
    return frame.page(
        request,
        "my_boards.html",
        notice=frame.notice(request, "consent_given", "consent_withdrawn"),
        mine=mine,
        looks=shown_as(language, mine),
        text=text.zh if language == "zh" else text.en,
        version=version,
        public=f"/boards/{me.book}",
        on=[
            (f"/boards/{me.book}/{board.board_id}", _after(place), *_called(language, board.wanted, names))
            for board, place in mine.on
        ],
    )


def shown_as(language: Language, mine: boards.Mine) -> str | None:
    """王** 0012: how she stands on boards now; None: she stands on none, being a minor."""
    if mine.minor:
        return None
    return f"{mine.name or texts.t(language, 'notices_volunteer')} {mine.tail}"


def _after(place: int) -> int:
    """What the page begins after on which this place is."""
    return (place - 1) // boards.PAGE * boards.PAGE


@post(MINE, status_code=303)
async def agree(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Redirect:
    """Agrees to her full name on boards, by the version of the text that stood above the button."""
    me = await doors.visitor(request, database, settings)
    [version] = await frame.fields(request, "text_version")
    async with database.begin() as tx:
        await boards.agree(tx, keys, me, version)
    return Redirect(MINE, status_code=303, query_params={"done": "consent_given"})


@post(f"{MINE}/withdraw", status_code=303)
async def mask(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Redirect:
    """Takes that back, from the next look of anybody on."""
    me = await doors.visitor(request, database, settings)
    async with database.begin() as tx:
        await own.withdraw(tx, me, boards.PURPOSE)
    return Redirect(MINE, status_code=303, query_params={"done": "consent_withdrawn"})


HANDLERS = [public_boards, public_board, list_boards, new_board, publish, withdraw, my_boards, agree, mask]
