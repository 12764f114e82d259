"""The budget on a page: granted, issued, left, what waits; and for an owner the forms to grant and to share."""

from __future__ import annotations

import secrets
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, budgets, requests
from api.budgets import NewGrant, NewShare
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights
from ledger.access.rights import Principal, Right
from ledger.books.chart import CODE
from ledger.books.proposals import MOST
from ledger.earning.budgets import FIRST_YEAR, LAST_YEAR
from ledger.errors import IdempotencyConflict, InvalidField, Refusal

HERE: Final = "/staff/budget"


@get(HERE)
async def list_budgets(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What may be issued, by year and organisation, what has been, and what is left."""
    me = await doors.colleague(request, database, settings, Right.READ_BOOKS)
    return await _page(request, database, me, notice=frame.notice(request, "budget_granted", "budget_shared"))


@post(HERE, status_code=200)
async def grant(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Grants points once, however often the button is pressed: the form carries the key of the call."""
    me = await _owner(request, database, settings)
    form = await _form(request, "year", "points", "yuan", "key")
    try:
        if not requests.is_key(form["key"]):
            raise InvalidField("key", "page_too_old")
        new = NewGrant(_year(form), _points(form), _number(form, "yuan", 0, MOST // 100) * 100)
        async with database.begin() as tx:
            await budgets.grant(tx, me, new, f"page:{form['key']}")
    except IdempotencyConflict as refusal:  # she went back and changed the form: that would be another grant
        return await _page(request, database, me, refusal=refusal, grant={**form, "key": ""})
    except Refusal as refusal:
        return await _page(request, database, me, refusal=refusal, grant=form)
    return Redirect(HERE, status_code=303, query_params={"done": "budget_granted"})


@post(f"{HERE}/share", status_code=200)
async def share(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Sets what an organisation may issue of it."""
    me = await _owner(request, database, settings)
    form = await _form(request, "year", "organisation", "points")
    try:
        if not CODE.fullmatch(form["organisation"]):
            raise InvalidField("organisation", "not_a_code")
        new = NewShare(_year(form), form["organisation"], _points(form))
        async with database.begin() as tx:
            await budgets.share(tx, me, new)
    except Refusal as refusal:
        return await _page(request, database, me, refusal=refusal, share=form)
    return Redirect(HERE, status_code=303, query_params={"done": "budget_shared"})


async def _owner(request: StrictRequest, database: AsyncEngine, settings: Settings) -> Principal:
    me = await doors.colleague(request, database, settings, Right.MANAGE_BUDGET)
    auth.within(me, Right.MANAGE_BUDGET, ())
    return me


async def _form(request: StrictRequest, *names: str) -> dict[str, str]:
    return dict(zip(names, await frame.fields(request, *names), strict=True))


async def _page(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    *,
    notice: str | None = None,
    refusal: Refusal | None = None,
    **typed: dict[str, str],
) -> Template:
    language = frame.view_of(request).language
    today = auth.today()
    async with database.connect() as tx:
        found = await budgets.read(tx, me)
    key = typed.get("grant", {}).get("key", "")
    empty: dict[str, Any] = {"year": str(today.year), "points": "", "yuan": "", "organisation": ""}
    return frame.page(
        request,
        "budget.html",
        status=200 if refusal is None else 400,
        path=HERE,
        notice=notice,
        wrong=None if refusal is None else frame.told(request, refusal),
        manages=rights.reach(me, Right.MANAGE_BUDGET, today).book,
        shares=[
            (
                each,
                each.name or texts.t(language, "budget_whole"),
                texts.points(language, each.budget.granted),
                texts.points(language, each.budget.issued),
                texts.points(language, each.budget.left),
            )
            for each in found.shares
        ],
        waiting=found.waiting,
        grant=empty | typed.get("grant", {}) | {"key": key if requests.is_key(key) else secrets.token_urlsafe(16)},
        share=empty | typed.get("share", {}),
    )


def _year(form: dict[str, str]) -> int:
    return _number(form, "year", FIRST_YEAR, LAST_YEAR)


def _points(form: dict[str, str]) -> int:
    return _number(form, "points", 1, MOST)


def _number(form: dict[str, str], name: str, least: int, most: int) -> int:
    """What was typed as a whole number within bounds; nothing is none where that may be. InvalidField."""
    number = texts.whole_number(form[name]) if form[name] else 0
    if number is None or not least <= number <= most:
        raise InvalidField(f"budget_{name}", "not_this_number")
    return number


HANDLERS = [list_budgets, grant, share]
