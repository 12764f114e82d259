"""What an outlet has, for staff: goods come, are counted, are put on its list or taken off."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, catalogue, outlets, problems, requests
from api.catalogue import Found, NewCount, NewReceipt
from api.claimed import Outcome
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights
from ledger.access.rights import Principal, Right
from ledger.books.chart import CODE
from ledger.books.proposals import MOST
from ledger.errors import IdempotencyConflict, InvalidField, NotAllowed, Refusal, SessionEnded, UnknownOutlet
from ledger.spending.catalogue import Supply
from ledger.spending.stock import MOST_PIECES, ORIGINS, Origin

OUTLET: Final = "/staff/outlets/{outlet:str}"

RECEIPT: Final = ("item", "pieces", "origin", "yuan", "note")

_YUAN: Final = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?", re.ASCII)


@get(f"{OUTLET}/stock")
async def stock(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
) -> Template:
    """What is there, what came and what was counted."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    return await _stock(request, database, me, outlet)


@post(f"{OUTLET}/receipts", status_code=200)
async def receive(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
) -> Template | Redirect:
    """Goods have come, once, however often the button is pressed."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    form = await _form(request, "key", *RECEIPT)
    try:
        key = _key(form)
        new = _receipt(form)
        _done(await catalogue.receive(database, me, outlet, new, key))
    except (NotAllowed, SessionEnded, UnknownOutlet):
        raise
    except IdempotencyConflict:  # she went back and changed the form: that would be another receipt
        return await _stock(request, database, me, outlet, {**form, "key": ""}, InvalidField("key", "sent_before"))
    except Refusal as refusal:
        return await _stock(request, database, me, outlet, form, refusal)
    return _back(outlet, "goods_received")


@post(f"{OUTLET}/offers", status_code=200)
async def offer(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
) -> Template | Redirect:
    """The outlet has an item from now on: the merchant's own goods and services, or stock that is still to come."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    form = await _form(request, "offered", "supply")
    try:
        async with database.begin() as tx:
            supply: Supply = form["supply"]  # type: ignore[assignment] # the domain looks at it
            await catalogue.offer(tx, me, outlet, texts.typed(form["offered"]), supply)
    except (NotAllowed, SessionEnded, UnknownOutlet):
        raise
    except Refusal as refusal:
        return await _stock(request, database, me, outlet, None, refusal)
    return _back(outlet, "offer_added")


@post(f"{OUTLET}/offers/{{item:str}}/switch", status_code=303)
async def switch(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
    item: FromPath[str],
) -> Redirect:
    """Takes an item off the outlet's list, or puts it back."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    [on] = await frame.fields(request, "on")
    async with database.begin() as tx:
        await catalogue.switch(tx, me, outlet, item, on == "1")
    return _back(outlet, "offer_on" if on == "1" else "offer_off")


async def _stock(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    outlet: str,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        this = await outlets.within(tx, me, Right.READ_SHOPS, outlet)
        found = await catalogue.in_stock(tx, me, outlet)
        manages = rights.reach(me, Right.MANAGE_SHOPS, auth.today()).includes(this.line)
        items = await catalogue.items(tx, me) if manages else []
    names = {each.item: each.name for each in found.shelves}
    typed = dict(form or {})
    return frame.page(
        request,
        "stock.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"/staff/outlets/{outlet}/stock",
        notice=frame.notice(
            *(request, "goods_received", "goods_counted", "offer_added", "offer_on", "offer_off"),
        ),
        wrong=None if refusal is None else frame.told(request, _called(refusal)),
        outlet=this,
        manages=manages,
        shelves=[(each, texts.points(language, each.value)) for each in found.shelves],
        moves=[
            (each, names[each.item], texts.moment(language, each.moved_at), f"{each.pieces:+d}") for each in found.moves
        ],
        goods=[(each.item, each.name) for each in items if each.kind != "service"],
        items=[(each.item, each.name) for each in items],
        origins=ORIGINS,
        form=dict.fromkeys(RECEIPT, "") | typed | {"key": _key_or_new(typed.get("key", ""))},
    )


# --- counting ---------------------------------------------------------------------------------------------------------


@get(f"{OUTLET}/count")
async def count_form(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
) -> Template:
    """The sheet of a count: what should be there, and a field for what is."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    return await _count(request, database, me, outlet)


@post(f"{OUTLET}/count", status_code=200)
async def count(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    outlet: FromPath[str],
) -> Template | Redirect:
    """Records a count; what was left empty was not counted."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    async with database.connect() as tx:
        codes = [each.item for each in (await catalogue.in_stock(tx, me, outlet)).shelves]
    fields = [f"{part}_{code}" for code in codes for part in ("found", "expected")]
    form = await _form(request, "key", "reason", *fields)
    try:
        key = _key(form)
        found = [
            Found(code, _pieces(form, f"found_{code}", least=0), _pieces(form, f"expected_{code}", least=0))
            for code in codes
            if form[f"found_{code}"]
        ]
        if not found:
            raise InvalidField("found", "missing")
        _done(await catalogue.count(database, me, outlet, NewCount(found, form["reason"]), key))
    except (NotAllowed, SessionEnded, UnknownOutlet):
        raise
    except IdempotencyConflict:
        return await _count(request, database, me, outlet, {**form, "key": ""}, InvalidField("key", "sent_before"))
    except Refusal as refusal:
        # A refusal that was decided on what is there stays under its key: the next attempt is another one.
        kept = form if not refusal.stored else {**form, "key": ""}
        return await _count(request, database, me, outlet, kept, refusal)
    return _back(outlet, "goods_counted")


async def _count(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    outlet: str,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
) -> Template:
    async with database.connect() as tx:
        this = await outlets.managed(tx, me, outlet)
        found = await catalogue.in_stock(tx, me, outlet)
    typed = dict(form or {})
    return frame.page(
        request,
        "count.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"/staff/outlets/{outlet}/count",
        wrong=None if refusal is None else frame.told(request, refusal),
        outlet=this,
        shelves=[(each, typed.get(f"found_{each.item}", "")) for each in found.shelves if each.kind != "service"],
        form={"reason": typed.get("reason", ""), "key": _key_or_new(typed.get("key", ""))},
    )


# --- what was typed ---------------------------------------------------------------------------------------------------


def _receipt(form: Mapping[str, str]) -> NewReceipt:
    """What was typed; InvalidField."""
    code = texts.typed(form["item"])
    if not CODE.fullmatch(code):
        raise InvalidField("goods", "missing")
    if form["origin"] not in ORIGINS:
        raise InvalidField("origin", "missing")
    origin: Origin = form["origin"]
    fen = 0
    if origin == "bought":
        yuan = _YUAN.fullmatch(texts.typed(form["yuan"]).replace(",", ""))
        fen = int(yuan[1]) * 100 + int((yuan[2] or "0").ljust(2, "0")) if yuan else 0
        if not 1 <= fen <= MOST:
            raise InvalidField("yuan", "not_yuan")
    return NewReceipt(code, _pieces(form, "pieces", least=1), origin, fen, form["note"])


def _pieces(form: Mapping[str, str], name: str, *, least: int) -> int:
    number = texts.whole_number(form[name])
    if number is None or not least <= number <= MOST_PIECES:
        raise InvalidField(name.partition("_")[0], "not_this_number")
    return number


def _called(refusal: Refusal) -> Refusal:
    """The same about the field as the form calls it."""
    if isinstance(refusal, InvalidField) and refusal.field == "note":
        return InvalidField("receipt_note", refusal.problem)
    return refusal


def _key(form: Mapping[str, str]) -> str:
    """The key of the call, which came with the form; InvalidField."""
    if not requests.is_key(form["key"]):
        raise InvalidField("key", "page_too_old")
    return f"page:{form['key']}"


def _key_or_new(key: str) -> str:
    return key if requests.is_key(key) else secrets.token_urlsafe(16)


def _done(outcome: Outcome) -> None:
    """Raises what a keyed call was refused with."""
    if outcome.refusal is not None:
        raise outcome.refusal


async def _form(request: StrictRequest, *names: str) -> dict[str, str]:
    return dict(zip(names, await frame.fields(request, *names), strict=True))


def _back(outlet: str, done: str) -> Redirect:
    return Redirect(f"/staff/outlets/{outlet}/stock", status_code=303, query_params={"done": done})


HANDLERS = [stock, receive, offer, switch, count_form, count]
