"""Budgets over HTTP: how many points a year may issue, granted by an owner, and what is left of them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, Parameter
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, budgets, requests, views
from api.budgets import NewGrant, NewShare, Share
from api.requests import StrictRequest
from ledger.access.rights import Principal, Right
from ledger.earning.budgets import FIRST_YEAR, LAST_YEAR

MANAGE = {"right": Right.MANAGE_BUDGET}
OfYear = FromQuery[Annotated[int | None, Parameter(ge=FIRST_YEAR, le=LAST_YEAR, description="Of this year only.")]]


class BudgetView(msgspec.Struct, frozen=True):
    """Points that may be issued in a year, that have been (net of what was taken back), and that still may.

    `organisation` null: the whole book's; else of an organisation and those below it.
    """

    year: int
    organisation: str | None
    organisation_name: str | None
    granted: int
    issued: int
    left: int


class WaitingView(msgspec.Struct, frozen=True):
    """So many service records of an organisation wait for the budget: their hours stand, their points follow."""

    organisation: str
    organisation_name: str
    records: int


class BudgetPage(msgspec.Struct, frozen=True):
    """Budgets, the newest year first, the whole book's before the organisations'; `next` is always null."""

    items: list[BudgetView]
    waiting: list[WaitingView]
    next: str | None


class GrantView(msgspec.Struct, frozen=True):
    """What was granted: points, and the money behind them in fen."""

    year: int
    points: int
    fen: int


@get(
    "/budgets",
    opt={"right": Right.READ_BOOKS, "scoped": True},
    operation_id="listBudgets",
    summary="Budgets",
    responses=views.refusals(400),
)
async def list_budgets(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], year: OfYear = None
) -> BudgetPage:
    """The book's budgets, those of the organisations within reach, and the records that wait for more."""
    async with database.connect() as tx:
        found = await budgets.read(tx, me, year)
    return BudgetPage(
        [_view(each) for each in found.shares],
        [WaitingView(each.organisation, each.name, each.records) for each in found.waiting],
        None,
    )


@post(
    "/budgets",
    opt=MANAGE,
    operation_id="grantBudget",
    operation_class=requests.Keyed,
    summary="Grant points",
    responses=views.refusals(400, 409, 413, 415, 422) | views.shown(201, GrantView, "Granted"),
)
async def grant_budget(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    data: JSONBody[NewGrant],
) -> ASGIResponse:
    """Adds points to the book's budget of a year and posts them with the money behind them (T01).

    Records that waited for the budget go on by themselves within the hour.
    """
    key = requests.key_of(request)
    async with database.begin() as tx:
        replayed = await budgets.grant(tx, me, data, key)
    return views.created(GrantView(data.year, data.points, data.fen), replayed=replayed)


@post(
    "/budgets/shares",
    status_code=200,
    opt=MANAGE,
    operation_id="shareBudget",
    summary="An organisation's share",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def share_budget(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewShare]
) -> BudgetView:
    """Sets what an organisation and those below it may issue of the year's budget: not less than they have."""
    async with database.begin() as tx:
        return _view(await budgets.share(tx, me, data))


def _view(each: Share) -> BudgetView:
    of = each.budget
    return BudgetView(of.year, of.organisation, each.name, of.granted, of.issued, of.left)


router = Router(
    path="/books/{book:str}",
    route_handlers=[list_budgets, grant_budget, share_budget],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["budgets"],
)
