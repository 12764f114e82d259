"""My vouchers as pages: what she has, what she can buy and where it is used, and the code that a clerk scans.

A page that shows a voucher bound to her makes a pay code that pays with it, as the page of her pay code does.
"""

from __future__ import annotations

import secrets
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import pay, problems, qr, requests, vouchers
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from api.vouchers import NewVoucher, Told
from ledger.access.rights import Principal
from ledger.errors import Refusal, UnknownGoods, VoucherNotValid
from ledger.spending.vouchers import ForSale

HERE: Final = "/me/vouchers"
NEW: Final = f"{HERE}/new"
A_PAGE: Final = 20
AGAIN: Final = 45
"""Seconds after which a page without script asks for the next code."""


@get(HERE)
async def list_vouchers(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What she has, and what she can buy."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        found = await vouchers.mine(tx, me, after=_after(request), limit=A_PAGE)
        offered = await vouchers.for_sale(tx, me)
    language = frame.view_of(request).language
    told = [(each, _facts(language, each)) for each in found]
    return frame.page(
        request,
        "vouchers.html",
        notice=frame.notice(request, "voucher_bought"),
        live=[each for each in told if each[0].state == "live"],
        ended=[each for each in told if each[0].state != "live"],
        for_sale=[(each, texts.points(language, each.item.points or 0)) for each in offered],
        older=found[-1].voucher.voucher_id if len(found) == A_PAGE else None,
    )


@get(NEW)
async def buy_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What she is about to buy: what it costs, where and until when it can be used, and what she has."""
    me = await doors.visitor(request, database, settings)
    return await _buying(request, database, me, request.query_params.get("item", ""))


@post(HERE, status_code=200)
async def buy(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Buys it, once however often the button is pressed, and shows all that she has."""
    me = await doors.visitor(request, database, settings)
    item, key = await frame.fields(request, "item", "key")
    if not requests.is_key(key):
        return await _buying(request, database, me, item)
    try:
        outcome = await vouchers.buy(database, settings, me, NewVoucher(item), key)
    except UnknownGoods:
        return await _buying(request, database, me, item)
    if outcome.refusal is not None:
        return await _buying(request, database, me, item, outcome.refusal)
    return Redirect(HERE, status_code=303, query_params={"done": "voucher_bought"})


@get(f"{HERE}/{{voucher_id:uuid}}")
async def show(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    voucher_id: FromPath[UUID],
) -> Template | Redirect:
    """The code that a clerk scans; what became of it, once it was quoted or used.

    `after`: the page itself asks what has become of the code that it showed.
    """
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        told = await vouchers.find(tx, me, voucher_id)
        code = await pay.shown(tx, me)
    if not told.voucher.giftable and (
        code.state == "quoted" or (code.state == "used" and "after" in request.query_params)
    ):
        return Redirect("/code", status_code=303, query_params={"after": "1"})
    language = frame.view_of(request).language
    if told.state != "live":
        return _ended(request, language, told)
    try:
        async with database.begin() as tx:
            told, shown = await vouchers.show(tx, settings, me, voucher_id)
    except VoucherNotValid:  # used or expired a moment ago
        async with database.connect() as tx:
            return _ended(request, language, await vouchers.find(tx, me, voucher_id))
    seconds = None if shown.expires_at is None else int((shown.expires_at - shown.issued_at).total_seconds())
    return frame.page(
        request,
        "voucher.html",
        told=told,
        facts=_facts(language, told),
        again=AGAIN,
        seconds=seconds,
        square=qr.of_digits(shown.digits, texts.t(language, "voucher_square")),
        bars=qr.bars(shown.digits, texts.t(language, "code_bars")),
        digits=" ".join(shown.digits[at : at + 6] for at in (0, 6, 12)),
    )


def _ended(request: StrictRequest, language: Language, told: Told) -> Template:
    """A voucher of which nothing is left to show."""
    return frame.page(request, "voucher.html", told=told, facts=_facts(language, told), again=None)


async def _buying(
    request: StrictRequest, database: AsyncEngine, me: Principal, item: str, refusal: Refusal | None = None
) -> Template:
    """The page before she buys: what it is, or that it is not for sale, which is all that it says then."""
    language = frame.view_of(request).language
    async with database.connect() as tx:
        found = next((each for each in await vouchers.for_sale(tx, me) if each.item.item == item), None)
        kept = await pay.left(tx, me)
    status, wrong = 200, None
    if found is None:
        status, wrong = 404, texts.t(language, "voucher_not_for_sale")
    elif refusal is not None:
        status, wrong = problems.REFUSALS[type(refusal)].status, frame.told(request, refusal)
    return frame.page(
        request,
        "voucher_new.html",
        status=status,
        path=NEW,
        query={"item": item} if found else None,
        wrong=wrong,
        found=found,
        points=None if found is None else texts.points(language, found.item.points or 0),
        enough=found is not None and kept >= (found.item.points or 0),
        balance=texts.points(language, kept),
        places=[] if found is None else _places(found),
        key=secrets.token_urlsafe(16),
    )


def _places(each: ForSale) -> list[tuple[str, str]]:
    return [(place.name, place.address) for place in each.places]


def _facts(language: Language, told: Told) -> dict[str, str]:
    """What stands on a voucher."""
    ended = told.voucher.ended_at
    return {
        "until": texts.day(language, told.voucher.expires_on),
        "points": texts.points(language, told.voucher.points),
        "bought": texts.moment(language, told.voucher.bought_at),
        "ended": "" if ended is None else texts.moment(language, ended),
    }


def _after(request: StrictRequest) -> UUID | None:
    """Where the list goes on; from the beginning where the address says nothing that can be read."""
    try:
        return UUID(request.query_params["after"])
    except (KeyError, ValueError):
        return None


HANDLERS = [list_vouchers, buy_form, buy, show]
