"""The till over HTTP: quotes, redemptions, cancellations, refunds. The token says which till of which outlet."""

from __future__ import annotations

from uuid import UUID

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, claimed, requests, till, views
from api.calls import Nothing
from api.requests import StrictRequest
from api.settings import Settings
from api.till import NewQuote, NewRedemption, NewRefund, QuoteView, Redeemed, RedemptionView, Refunded
from ledger.access.rights import Principal, Right

SELL = {"right": Right.SELL}


@post(
    "/quotes",
    opt=SELL,
    operation_id="quote",
    summary="What it costs",
    responses=views.refusals(400, 409, 413, 415, 422, 429),
)
async def quote(
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    data: JSONBody[NewQuote],
) -> QuoteView:
    """Says what it costs and whether it is enough, and keeps the code for this till for two minutes.

    Her phone then shows shop, goods, points and the same two characters. A code bears three quotes.
    """
    return await till.quote(database, settings, me, data)


@post(
    "/redemptions",
    opt=SELL,
    operation_id="redeem",
    operation_class=requests.Keyed,
    summary="Redeem",
    responses=views.refusals(400, 404, 409, 413, 415, 422, 429) | views.shown(201, Redeemed, "Done, or waiting"),
)
async def redeem(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    data: JSONBody[NewRedemption],
) -> ASGIResponse:
    """Redeems a quote, or a code and what is wanted. Above a limit it waits for the volunteer.

    A refusal does not use the code up. Where the answer is lost, ask for it by its key, or send the same call again.
    """
    return claimed.answered(request, await till.redeem(database, settings, me, data, requests.key_of(request)))


@get(
    "/redemptions/by-key/{key:str}",
    opt=SELL,
    operation_id="readRedemptionByKey",
    summary="What became of a call",
    responses=views.refusals(404, 409) | views.shown(200, Redeemed, "The first answer"),
)
async def read_by_key(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    key: FromPath[str],
) -> ASGIResponse:
    """The answer of the call under this key of this till, as it was given first: 404 means that it never arrived."""
    async with database.connect() as tx:
        outcome = await till.by_key(tx, me, key)
    return claimed.answered(request, outcome, 200)


@get(
    "/redemptions/{redemption_id:uuid}",
    opt=SELL,
    operation_id="readRedemption",
    summary="One redemption",
    responses=views.refusals(404),
)
async def read_redemption(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], redemption_id: FromPath[UUID]
) -> RedemptionView:
    """A redemption of the till's own outlet as it stands."""
    async with database.connect() as tx:
        return till.view(await till.find(tx, me, redemption_id))


@post(
    "/redemptions/{redemption_id:uuid}/cancel",
    opt=SELL,
    operation_id="cancelRedemption",
    operation_class=requests.Keyed,
    summary="Cancel",
    responses=views.refusals(400, 404, 409, 413, 415) | views.shown(201, RedemptionView, "Cancelled"),
)
async def cancel(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    redemption_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> ASGIResponse:
    """Undoes a redemption on its day, or until a quarter past midnight; what waits, at any time. No body needed."""
    return claimed.answered(request, await till.cancel(database, me, redemption_id, requests.key_of(request)))


@post(
    "/redemptions/{redemption_id:uuid}/refunds",
    opt=SELL,
    operation_id="refundRedemption",
    operation_class=requests.Keyed,
    summary="Refund",
    responses=views.refusals(400, 404, 409, 413, 415) | views.shown(201, Refunded, "Refunded"),
)
async def refund(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    redemption_id: FromPath[UUID],
    data: JSONBody[NewRefund],
) -> ASGIResponse:
    """Takes pieces back and gives their points back; never more than there were."""
    return claimed.answered(request, await till.refund(database, me, redemption_id, data, requests.key_of(request)))


router = Router(
    path="/",
    route_handlers=[quote, redeem, read_by_key, read_redemption, cancel, refund],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["till"],
)
