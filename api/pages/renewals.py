"""Forgotten PINs: one member of staff asks for a new one, a second one confirms it and hands it over."""

from __future__ import annotations

from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import problems, staff
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import users
from ledger.access.rights import Principal, Right
from ledger.errors import AlreadyDecided, NotAllowed, UnknownVolunteer

HERE = "/staff/renewals"


@get(HERE)
async def renewals(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form to ask for one, and those that wait for a second person."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    return await _list(request, database, me)


@post(HERE, status_code=200)
async def ask(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Asks for a new PIN; asking twice is asking once."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    [number] = await frame.fields(request, "volunteer")
    number = texts.typed(number)
    try:
        async with database.begin() as tx:
            await staff.ask_for_pin(tx, me, number)
    except (UnknownVolunteer, NotAllowed) as refusal:
        return await _list(
            request,
            database,
            me,
            status=problems.REFUSALS[type(refusal)].status,
            number=number[: users.LOGIN_LENGTH],
            wrong=texts.t(frame.view_of(request).language, "no_such_volunteer"),
        )
    return Redirect(HERE, status_code=303, query_params={"done": "renewal_asked"})


@post(f"{HERE}/{{renewal_id:uuid}}/confirm", status_code=200)
async def confirm(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    renewal_id: FromPath[UUID],
) -> Template:
    """Shows the new PIN, once: it is kept nowhere, so there is no page to come back to."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    try:
        async with database.begin() as tx:
            found, pin = await staff.confirm_pin(tx, me, renewal_id)
    except AlreadyDecided:
        wrong = texts.t(frame.view_of(request).language, "renewal_decided")
        return await _list(request, database, me, status=409, wrong=wrong)
    return frame.page(request, "new_pin.html", path=HERE, number=found.volunteer_no, pin=pin)


@post(f"{HERE}/{{renewal_id:uuid}}/decline", status_code=303)
async def decline(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    renewal_id: FromPath[UUID],
) -> Redirect:
    """Lets the old PIN stand."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    try:
        async with database.begin() as tx:
            await staff.decline_pin(tx, me, renewal_id)
    except AlreadyDecided:
        return Redirect(HERE, status_code=303)  # the list shows how it stands
    return Redirect(HERE, status_code=303, query_params={"done": "renewal_declined"})


async def _list(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    *,
    status: int = 200,
    number: str = "",
    wrong: str | None = None,
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        waiting = await staff.waiting_renewals(tx, me)
        names = await staff.names(tx, [each.asked_by for each in waiting])
    return frame.page(
        request,
        "renewals.html",
        status=status,
        path=HERE,
        notice=frame.notice(request, "renewal_asked", "renewal_declined"),
        number=number,
        wrong=wrong,
        waiting=[
            (each, names[each.asked_by], texts.moment(language, each.asked_at), each.asked_by == me.name)
            for each in waiting
        ],
    )


HANDLERS = [renewals, ask, confirm, decline]
