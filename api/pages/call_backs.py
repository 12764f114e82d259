"""Calls after something was redeemed for somebody else (代办): whom to call, and what she said."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, call_backs, desk, problems
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.errors import NotAllowed, Refusal, SessionEnded, UnknownRedemption
from ledger.spending import agents

HERE: Final = "/staff/call-backs"
A_PAGE: Final = 20


@get(HERE)
async def due(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """Whom to call, the longest waiting first."""
    me = await doors.colleague(request, database, settings, Right.DECIDE_CASES)
    return await _due(request, database, keys, me)


async def _due(
    request: StrictRequest, database: AsyncEngine, keys: Keys, me: Principal, refusal: Refusal | None = None
) -> Template:
    after = texts.identifier(request.query_params.get("after", ""))
    async with database.begin() as tx:
        try:
            found = await call_backs.due(tx, me, after=after, limit=A_PAGE)
        except UnknownRedemption:
            found = []
        numbers = await call_backs.numbers_of(tx, me, found)
        names = await persons.masked(tx, keys, me.book_id, list(numbers.values()), me.name, auth.now())
        own = await desk.holder(tx, me)
    language = frame.view_of(request).language

    def who(holder: str) -> str:
        number = numbers.get(holder)
        if number is None:
            return texts.t(language, "call_back_erased")
        return f"{names[number].name} {number}" if number in names else number

    return frame.page(
        request,
        "call_backs.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=HERE,
        query={} if after is None else {"after": str(after)},
        notice=frame.notice(request, "call_back_confirmed", "call_back_denied"),
        wrong=None if refusal is None else frame.told(request, refusal),
        following=found[-1].redemption_id if len(found) == A_PAGE else None,
        lines=[
            (
                each.redemption_id,
                numbers.get(each.holder),
                who(each.holder),
                who(each.agent),
                each.outlet_name,
                texts.moment(language, each.made_at),
                texts.points(language, each.points),
                agents.involved(each, me.name, own),
            )
            for each in found
        ],
    )


@post(f"{HERE}/{{redemption_id:uuid}}", status_code=200)
async def note(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    redemption_id: FromPath[UUID],
) -> Template | Redirect:
    """Notes what she said."""
    me = await doors.colleague(request, database, settings, Right.DECIDE_CASES)
    [answer] = await frame.fields(request, "answer")
    if answer not in ("confirmed", "denied"):
        return await _due(request, database, keys, me)
    try:
        async with database.begin() as tx:
            await call_backs.note(tx, me, redemption_id, confirmed=answer == "confirmed")
    except (NotAllowed, SessionEnded, UnknownRedemption):
        raise
    except Refusal as refusal:
        return await _due(request, database, keys, me, refusal)
    return Redirect(HERE, status_code=303, query_params={"done": f"call_back_{answer}"})


HANDLERS = [due, note]
