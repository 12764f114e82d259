"""The household of a volunteer, for staff: who shares the quotas of the shops with her."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import catalogue, problems, volunteers
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.rights import Principal, Right
from ledger.errors import InvalidField

HERS: Final = "/staff/volunteers/{number:str}/household"


@get(HERS)
async def household(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template:
    """Her household, and who else belongs to it."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    return await _household(request, database, me, number)


@post(HERS, status_code=200)
async def join(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template | Redirect:
    """She belongs to this household from now on."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    [code] = await frame.fields(request, "household")
    try:
        async with database.begin() as tx:
            await catalogue.join(tx, me, number, texts.typed(code))
    except InvalidField as refusal:
        return await _household(request, database, me, number, refusal, code)
    return _back(number, "household_joined")


@post(f"{HERS}/leave", status_code=303)
async def leave(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Redirect:
    """She is a household alone from now on."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    async with database.begin() as tx:
        await catalogue.leave(tx, me, number)
    return _back(number, "household_left")


async def _household(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    number: str,
    refusal: InvalidField | None = None,
    typed: str = "",
) -> Template:
    async with database.connect() as tx:
        found = await catalogue.household(tx, me, number)
        her = await volunteers.within(tx, me, Right.READ_SHOPS, number)
        manages = Right.MANAGE_SHOPS in await volunteers.rights_on(tx, me, her)
    return frame.page(
        request,
        "household.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"/staff/volunteers/{number}/household",
        notice=frame.notice(request, "household_joined", "household_left"),
        wrong=None if refusal is None else frame.told(request, refusal),
        number=number,
        household=found.household,
        others=[each for each in found.members if each != number],
        manages=manages,
        typed=typed,
    )


def _back(number: str, done: str) -> Redirect:
    return Redirect(f"/staff/volunteers/{number}/household", status_code=303, query_params={"done": done})


HANDLERS = [household, join, leave]
