"""Who saw whose data: for who reads the access log, the newest first."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import problems, staff, volunteers
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Right
from ledger.errors import InvalidField, UnknownVolunteer

HERE: Final = "/staff/access-log"
MOST: Final = 50
"""Lines on a page."""


@get(HERE)
async def access_log(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """The log of the book or of one volunteer, page by page."""
    me = await doors.colleague(request, database, settings, Right.READ_ACCESS_LOG, everywhere=True)
    number = request.query_params.get("volunteer") or None
    after = texts.identifier(request.query_params.get("after", ""))
    async with database.connect() as tx:
        lines = await volunteers.accesses(tx, keys, me, number, MOST, after)
        numbers = await volunteers.numbers_of(tx, me, {each.holder for each in lines})
        names = await staff.names(tx, [each.actor for each in lines])
    language = frame.view_of(request).language
    query = {"volunteer": number} if number is not None else {}
    return frame.page(
        request,
        "access_log.html",
        query=query if after is None else {**query, "after": str(after)},
        number=number,
        first=after is None and number is None,
        following=lines[-1].access_id if len(lines) == MOST else None,
        lines=[
            (
                each,
                numbers.get(each.holder),
                texts.moment(language, each.at),
                names[each.actor],
                texts.access(language, each.action, each.fields),
            )
            for each in lines
        ],
    )


@post(HERE, status_code=200)
async def find(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
) -> Template | Redirect:
    """Leads to the log of one volunteer. What is no volunteer's number may be a phone: it gets into no address."""
    me = await doors.colleague(request, database, settings, Right.READ_ACCESS_LOG, everywhere=True)
    [number] = await frame.fields(request, "volunteer")
    language = frame.view_of(request).language
    try:
        if not number:
            raise InvalidField("volunteer", "missing")
        async with database.connect() as tx:
            her = await volunteers.within(tx, me, Right.READ_ACCESS_LOG, texts.typed(number))
    except (InvalidField, UnknownVolunteer) as refusal:
        unknown = isinstance(refusal, UnknownVolunteer)
        return frame.page(
            request,
            "access_log.html",
            status=problems.REFUSALS[type(refusal)].status,
            path=HERE,
            wrong=texts.t(language, "no_such_volunteer") if unknown else frame.told(request, refusal),
            number=None,
            first=False,
            following=None,
            lines=[],
        )
    return Redirect(HERE, status_code=303, query_params={"volunteer": her.volunteer_no})


HANDLERS = [access_log, find]
