"""What lapses soon: for staff, a list of whom to remind."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import lapsing
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.rights import Right

HERE: Final = "/staff/lapsing"
MOST: Final = 50
"""Lines on a page."""
A_DAY: Final = timedelta(days=1)


@get(HERE)
async def list_lapsing(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What lapses within 30 days, by day, page by page."""
    me = await doors.colleague(request, database, settings, Right.READ_BOOKS)
    after = request.query_params.get("after") or None
    async with database.connect() as tx:
        found, following = await lapsing.within(tx, me, after, MOST)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "lapsing.html",
        query={} if after is None else {"after": after},
        first=after is None,
        following=following,
        lines=[
            (
                each.volunteer_no,
                each.account,
                texts.points(language, each.amount),
                texts.day(language, each.lapses_on - A_DAY),
            )
            for each in found
        ],
    )


HANDLERS = [list_lapsing]
