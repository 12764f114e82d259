"""Public boards over HTTP: what anybody may read, and what staff preview, publish and withdraw."""

from __future__ import annotations

import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, boards, views
from api.boards import Average, Line, NewBoard
from api.bodies import After, Limit
from api.calls import Nothing
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.books import directory
from ledger.recognition import boards as published
from ledger.recognition.boards import Board, Wanted

ASSESS = {"right": Right.ASSESS, "scoped": True}
NOT_INDEXED = {"X-Robots-Tag": "noindex"}

AfterBoard = FromQuery[Annotated[UUID | None, Parameter(description="The `next` of the page before.")]]


class BoardView(msgspec.Struct, frozen=True):
    """A board. `organisation`: of it and those below it; null: of the whole book. `category` null: of all services."""

    id: UUID
    kind: str
    organisation: str | None
    category: str | None
    from_day: datetime.date
    to_day: datetime.date
    least_star: int
    published_at: datetime.datetime


class BoardList(msgspec.Struct, frozen=True):
    """The boards that are shown, the newest first; `next` is the `after` of the next page, null at the end."""

    items: list[BoardView]
    next: UUID | None


class PublishedView(BoardView, frozen=True, kw_only=True):
    """A board as staff see it. `withdrawn_at`: since when it is not shown, withdrawn or replaced by a newer one."""

    published_by: str
    withdrawn_by: str | None
    withdrawn_at: datetime.datetime | None


class PublishedList(msgspec.Struct, frozen=True):
    """All boards, the newest first; `next` is the `after` of the next page, null at the end."""

    items: list[PublishedView]
    next: UUID | None


class PersonOnBoard(msgspec.Struct, frozen=True):
    """Somebody on a board; who has as much has the same rank. `name`: in full of who agreed to it, else masked; null
    where nothing is recorded. `number_ends`: the last characters of the volunteer number."""

    rank: int
    name: str | None
    number_ends: str
    star: int
    minutes: int


class AverageView(msgspec.Struct, frozen=True):
    """What the volunteers of an organisation and those below it served, and by whom it was divided: `registered`, who
    was so in the period, and `active`, who of them served in it. Averages in minutes, rounded down. First the
    organisation that the board is of (null: the whole book), with all below it, which has no rank. Minutes, `active`,
    averages and `rank` are null where fewer than five served, and where sums would tell what so few served."""

    rank: int | None
    organisation: str | None
    name: str | None
    minutes: int | None
    registered: int
    active: int | None
    minutes_per_registered: int | None
    minutes_per_active: int | None


class BoardPage(msgspec.Struct, frozen=True):
    """A board: people in `items`, or organisations in `averages`. `next` is the `after` of the next page, null at the
    end."""

    board: BoardView
    book: str
    organisation_name: str | None
    items: list[PersonOnBoard]
    averages: list[AverageView]
    next: int | None


class PreviewView(msgspec.Struct, frozen=True):
    """How a board would be published now: how many people would stand on it, and its first page."""

    people: int
    items: list[PersonOnBoard]
    averages: list[AverageView]


# --- for everybody ---------------------------------------------------------------------------------------------------


@get(
    "/books/{book:str}/boards",
    operation_id="listBoards",
    summary="Public boards",
    responses={status: spec for status, spec in views.refusals(400, 404).items() if status in (400, 404, 503)},
)
async def list_boards(
    database: NamedDependency[AsyncEngine],
    book: FromPath[str],
    limit: FromQuery[Limit] = 50,
    after: AfterBoard = None,
) -> Response[BoardList]:
    """The boards of a book that are shown now: of each kind, organisation and category the newest."""
    async with database.connect() as tx:
        of = await directory.find_book(tx, book)
        found = await published.of_book(tx, of.book_id, live=True, after=after, limit=limit)
    following = found[-1].board_id if len(found) == limit else None
    return Response(BoardList([_board(each) for each in found], following), headers=NOT_INDEXED)


@get(
    "/books/{book:str}/boards/{board_id:uuid}",
    operation_id="readBoard",
    summary="A public board",
    responses={status: spec for status, spec in views.refusals(400, 404).items() if status in (400, 404, 503)},
)
async def read_board(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    book: FromPath[str],
    board_id: FromPath[UUID],
    limit: FromQuery[Limit] = boards.PAGE,
    after: FromQuery[After] = 0,
) -> Response[BoardPage]:
    """Who stands on it, names as their owners agree to at this moment; of minors nothing. Do not keep the answer."""
    async with database.connect() as tx:
        found = await boards.page(tx, keys, book, board_id, after=after, limit=limit)
    view = BoardPage(
        _board(found.board),
        found.book,
        found.organisation,
        [_person(each) for each in found.lines],
        [_average(each) for each in found.averages],
        found.next,
    )
    return Response(view, headers=NOT_INDEXED)


# --- for staff -------------------------------------------------------------------------------------------------------


@post(
    "/books/{book:str}/boards/preview",
    status_code=200,
    opt=ASSESS,
    operation_id="previewBoard",
    summary="How a board would look",
    responses=views.refusals(400, 404, 413, 415),
)
async def preview_board(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    data: JSONBody[NewBoard],
) -> PreviewView:
    """Computes a board as it would be published now, and keeps nothing."""
    async with database.connect() as tx:
        found = await boards.preview(tx, keys, me, data)
    return PreviewView(
        found.people, [_person(each) for each in found.lines], [_average(each) for each in found.averages]
    )


@post(
    "/books/{book:str}/boards",
    opt=ASSESS,
    operation_id="publishBoard",
    summary="Publish a board",
    responses=views.refusals(400, 404, 413, 415) | views.shown(200, PublishedView, "There already"),
)
async def publish_board(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    data: JSONBody[NewBoard],
) -> Response[PublishedView]:
    """Publishes a board (201) in the place of the one of its kind, organisation and category that is shown now; the
    same once more on the same day is answered with the one that is there (200)."""
    async with database.begin() as tx:
        made, new = await boards.publish(tx, keys, me, data)
    return Response(_published(made), status_code=201 if new else 200)


@get(
    "/books/{book:str}/boards/published",
    opt=ASSESS,
    operation_id="listPublishedBoards",
    summary="All boards",
    responses=views.refusals(400),
)
async def list_published(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: AfterBoard = None,
) -> PublishedList:
    """Every board that was ever published, with who published and who withdrew it."""
    async with database.connect() as tx:
        found = await published.of_book(tx, me.book_id, after=after, limit=limit)
    return PublishedList([_published(each) for each in found], found[-1].board_id if len(found) == limit else None)


@post(
    "/books/{book:str}/boards/{board_id:uuid}/withdraw",
    status_code=200,
    opt=ASSESS,
    operation_id="withdrawBoard",
    summary="Withdraw a board",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def withdraw_board(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    board_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> PublishedView:
    """Takes a board off the public pages. No body needed."""
    async with database.begin() as tx:
        return _published(await boards.withdraw(tx, me, board_id))


# --- for herself -----------------------------------------------------------------------------------------------------


class OnBoardView(msgspec.Struct, frozen=True):
    """A board on which she stands, and her place on it."""

    board: BoardView
    place: int


class MyBoards(msgspec.Struct, frozen=True):
    """How she is shown on boards. `shown` false: as a minor, on none. `in_full`: since she agrees to her full name
    (consent `public_name`); `agreed`: she said so, if perhaps as a minor, which does not count. `next`: always null."""

    shown: bool
    name: str | None
    number_ends: str
    in_full: bool
    agreed: bool
    items: list[OnBoardView]
    next: str | None


@get(
    "/me/boards",
    opt={"right": Right.OWN},
    operation_id="readMyBoards",
    summary="How boards show me",
    responses=views.refusals(),
)
async def my_boards(
    database: NamedDependency[AsyncEngine], keys: NamedDependency[Keys], me: NamedDependency[Principal]
) -> MyBoards:
    """Her name as boards show it at this moment, and the boards on which she stands."""
    async with database.connect() as tx:
        found = await boards.mine(tx, keys, me)
    return MyBoards(
        not found.minor,
        found.name,
        found.tail,
        found.in_full,
        found.agreed,
        [OnBoardView(_board(board), place) for board, place in found.on],
        None,
    )


def _board(each: Board) -> BoardView:
    return BoardView(each.board_id, *_facts(each.wanted), each.published_at)


def _published(each: Board) -> PublishedView:
    return PublishedView(
        each.board_id,
        *_facts(each.wanted),
        each.published_at,
        published_by=each.published_by,
        withdrawn_by=each.withdrawn_by,
        withdrawn_at=each.withdrawn_at,
    )


def _facts(of: Wanted) -> tuple[str, str | None, str | None, datetime.date, datetime.date, int]:
    return of.kind, of.organisation, of.category, of.from_day, of.to_day, of.least_star


def _person(each: Line) -> PersonOnBoard:
    return PersonOnBoard(each.rank, each.name, each.tail, each.star, each.minutes)


def _average(each: Average) -> AverageView:
    return AverageView(
        each.rank,
        each.organisation,
        each.name,
        each.minutes,
        each.registered,
        each.active,
        each.per_registered,
        each.per_active,
    )


public_router = Router(path="/", route_handlers=[list_boards, read_board], tags=["boards"])
router = Router(
    path="/",
    route_handlers=[preview_board, publish_board, list_published, withdraw_board, my_boards],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["boards"],
)
