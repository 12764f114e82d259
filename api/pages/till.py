"""The till 收银: a shop's device sells goods for points. Nothing that it shows tells a balance or a full name.

`api.till` does what is done, for these pages and for programs alike. A device that is no till, or is one no longer, is
told so politely, whatever it asks for.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api.pages import counter, frame, practice, scanning, texts
from api.pages.counter import Counter, Good
from api.requests import StrictRequest
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import NotAllowed, Refusal, SessionEnded
from ledger.spending import catalogue, tills

HERE: Final = "/till"


def on_ended(request: Request[Any, Any, Any], _: Refusal) -> Response[Any]:
    """Handler of devices that are no till, or are one no longer: told politely, whatever was asked for."""
    return frame.page(request, "till_ended.html", status=403, path=HERE)


async def _counter(request: StrictRequest, database: AsyncEngine) -> Counter:
    me = await counter.seller(request, database)
    async with database.connect() as tx:
        at = await tills.find(tx, me.book_id, me.number)
        offered = await catalogue.offered(tx, me.book_id, at.outlet, day_of(await connect.now(tx)))
    goods = tuple(Good(each.item, each.name, each.points, each.pieces) for each in offered)
    return Counter(HERE, at.name, goods)


@get(HERE)
async def goods(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """What the shop offers; the first step of a sale."""
    find = texts.typed(request.query_params.get("q", ""))
    return counter.goods_page(request, await _counter(request, database), await counter.typed(request), find=find)


@post(HERE, status_code=200)
async def change(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """The goods again, with one more, one less, or those of a name."""
    quantities, find = await counter.changed(request)
    return counter.goods_page(request, await _counter(request, database), quantities, find=find)


@post(f"{HERE}/code", status_code=200)
async def code(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """Asks for the code."""
    here = await _counter(request, database)
    lines = await counter.lines_of(request, here)
    return counter.code_page(request, here, lines) if isinstance(lines, list) else lines


@post(f"{HERE}/photo", **scanning.PHOTO)
async def photo(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """Asks for the code, with the one in a photo filled in: for browsers without JavaScript."""
    here = await _counter(request, database)
    lines = await counter.lines_of(request, here)
    if not isinstance(lines, list):
        return lines
    digits, refusal = await scanning.photographed(request, await counter.seller(request, database))
    return counter.code_page(request, here, lines, code=digits, refusal=refusal)


router = Router(
    path="/",
    route_handlers=[goods, change, code, photo, *practice.HANDLERS, *scanning.HANDLERS],
    exception_handlers={SessionEnded: on_ended, NotAllowed: on_ended},
    include_in_schema=False,
)
