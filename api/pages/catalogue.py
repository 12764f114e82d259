"""The catalogue for staff: what can be redeemed, from when to when, for how many points, by whom and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, bodies, catalogue, problems
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights
from ledger.access.rights import Principal, Right
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded, UnknownGoods
from ledger.spending.catalogue import BY, KINDS, PER, Eligible, Item, Kind, Quota

HERE: Final = "/staff/catalogue"
THIS: Final = f"{HERE}/{{item:str}}"

MOST: Final = 50
"""Items on a page."""
QUOTAS: Final = 3
"""Rows for quotas in the form; as many more as an item has."""
MOST_QUOTAS: Final = 10
PLAIN: Final = (
    *("name", "on_from", "on_until", "star", "most_star", "tag", "least_age", "most_age", "voucher_days", "giftable"),
)
ROWS: Final = tuple(f"quota_{part}_{row}" for row in range(MOST_QUOTAS) for part in ("by", "times", "per"))
FIELDS: Final = (*PLAIN, *ROWS)


@get(HERE)
async def list_items(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The catalogue, and the form for something new for whom the whole book is."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    return await _list(request, database, me)


@post(HERE, status_code=200)
async def add_item(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Puts something new into the catalogue."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    form = await _form(request, "item", "kind", "points", *FIELDS)
    try:
        async with database.begin() as tx:
            if form["kind"] not in KINDS:
                raise InvalidField("kind", "not_a_kind")
            kind: Kind = form["kind"]
            points = _number(form, "points") or 0
            new = _described(form, Item(texts.typed(form["item"]), "", kind, points, await catalogue.today(tx)))
            await catalogue.add(tx, me, new)
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _list(request, database, me, form, refusal)
    return _back(new.item, "item_added")


async def _list(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
) -> Template:
    language = frame.view_of(request).language
    after = request.query_params.get("after", "")
    wrong = refusal
    async with database.connect() as tx:
        today = await catalogue.today(tx)
        try:
            found = await catalogue.items(tx, me, after=after, limit=MOST)
        except InvalidField as nowhere:
            found, wrong = [], refusal or nowhere
    empty = dict.fromkeys(("item", "kind", "points", *FIELDS), "")
    return frame.page(
        request,
        "catalogue.html",
        status=200 if wrong is None else problems.REFUSALS[type(wrong)].status,
        path=HERE,
        query={"after": after} if after else {},
        wrong=None if wrong is None else frame.told(request, _called(wrong)),
        items=[
            (
                each,
                _cost(language, each.points),
                each.on_from <= today and (each.on_until is None or today <= each.on_until),
                described(language, each.quotas, each.eligible),
            )
            for each in found
        ],
        first=not after,
        following=found[-1].item if len(found) == MOST else None,
        manages=rights.reach(me, Right.MANAGE_SHOPS, auth.today()).book,
        kinds=KINDS,
        form=empty | dict(form or {}),
        rows=range(QUOTAS),
        by=BY,
        per=PER,
    )


# --- one of them ------------------------------------------------------------------------------------------------------


@get(THIS)
async def item(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    item: FromPath[str],
) -> Template:
    """What an item is, what it cost, costs and will cost."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    return await _item(request, database, me, item)


@post(THIS, status_code=200)
async def change_item(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    item: FromPath[str],
) -> Template | Redirect:
    """Says what an item is from now on, also until when it is there."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    form = await _form(request, *FIELDS)
    try:
        async with database.begin() as tx:
            await catalogue.change(tx, me, _described(form, await catalogue.item(tx, me, item)))
    except (NotAllowed, SessionEnded, UnknownGoods):
        raise
    except Refusal as refusal:
        return await _item(request, database, me, item, form, refusal)
    return _back(item, "item_changed")


@post(f"{THIS}/prices", status_code=200)
async def set_price(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    item: FromPath[str],
) -> Template | Redirect:
    """Sets what a piece costs from a day on."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_SHOPS)
    form = await _form(request, "points", "since")
    try:
        points = _number(form, "points")
        if points is None:
            raise InvalidField("points", "missing")
        since = bodies.day(texts.typed(form["since"]), "effective_from") if form["since"] else None
        async with database.begin() as tx:
            await catalogue.set_price(tx, me, item, since, points)
    except (NotAllowed, SessionEnded, UnknownGoods):
        raise
    except Refusal as refusal:
        return await _item(request, database, me, item, None, refusal, form)
    return _back(item, "price_set")


async def _item(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    code: str,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
    price: Mapping[str, str] | None = None,
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        this = await catalogue.item(tx, me, code)
        history = await catalogue.prices(tx, me, code)
        today = await catalogue.today(tx)
    typed = form or _typed(this)
    return frame.page(
        request,
        "item.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{code}",
        notice=frame.notice(request, "item_added", "item_changed", "price_set"),
        wrong=None if refusal is None else frame.told(request, _called(refusal)),
        this=this,
        cost=_cost(language, this.points),
        days=[None if day is None else texts.day(language, day) for day in (this.on_from, this.on_until)],
        conditions=described(language, this.quotas, this.eligible),
        prices=[
            (
                texts.day(language, each.effective_from),
                _cost(language, each.points),
                each.effective_from > today,
                each.set_by,
            )
            for each in history
        ],
        manages=rights.reach(me, Right.MANAGE_SHOPS, auth.today()).book,
        form=dict.fromkeys(FIELDS, "") | dict(typed),
        rows=range(min(MOST_QUOTAS, max(QUOTAS, len(this.quotas) + 1))),
        by=BY,
        per=PER,
        price={"points": "", "since": ""} | dict(price or {}),
    )


# --- in words, and as typed -------------------------------------------------------------------------------------------


def described(language: Language, quotas: tuple[Quota, ...], eligible: Eligible) -> list[str]:
    """How often and by whom, in words."""
    words = [
        texts.t(language, f"quota_{each.by}", times=each.times, per=texts.t(language, f"per_{each.per}"))
        for each in quotas
    ]
    return (
        words
        + _stars(language, eligible)
        + [
            texts.t(language, f"eligible_{name}", value=value)
            for name in ("tag", "least_age", "most_age")
            if (value := getattr(eligible, name)) is not None
        ]
    )


def _stars(language: Language, eligible: Eligible) -> list[str]:
    least, most = eligible.star, eligible.most_star
    if least is not None and most is not None:
        name = "eligible_exactly" if least == most else "eligible_band"
        return [texts.t(language, name, value=least, least=least, most=most)]
    return [
        texts.t(language, f"eligible_{name}", value=value)
        for name, value in (("star", least), ("most_star", most))
        if value is not None
    ]


def _cost(language: Language, points: int | None) -> str:
    if points is None:
        return texts.t(language, "price_none")
    return texts.points(language, points) if points else texts.t(language, "price_free")


def _typed(this: Item) -> dict[str, str]:
    """What the form holds of an item."""
    of = this.eligible
    plain = (
        this.name,
        this.on_from,
        this.on_until,
        *(of.star, of.most_star, of.tag, of.least_age, of.most_age),
        this.voucher_days,
        "yes" if this.giftable else "",
    )
    typed = {name: "" if value is None else str(value) for name, value in zip(PLAIN, plain, strict=True)}
    for row, quota in enumerate(this.quotas[:MOST_QUOTAS]):
        typed |= {f"quota_by_{row}": quota.by, f"quota_times_{row}": str(quota.times), f"quota_per_{row}": quota.per}
    return typed


def _described(form: Mapping[str, str], there: Item) -> Item:
    """The item with what was typed; InvalidField."""
    return replace(
        there,
        name=form["name"],
        on_from=bodies.day(texts.typed(form["on_from"]), "on_from") if form["on_from"] else there.on_from,
        on_until=bodies.day(texts.typed(form["on_until"]), "on_until") if form["on_until"] else None,
        quotas=tuple(
            Quota(form[f"quota_by_{row}"], _number(form, f"quota_times_{row}") or 0, form[f"quota_per_{row}"])  # type: ignore[arg-type] # the domain looks at them
            for row in range(MOST_QUOTAS)
            if form[f"quota_times_{row}"]
        ),
        eligible=Eligible(
            _number(form, "star"),
            form["tag"] or None,
            _number(form, "least_age"),
            _number(form, "most_age"),
            _number(form, "most_star"),
        ),
        voucher_days=_number(form, "voucher_days"),
        giftable=form["giftable"] == "yes",
    )


def _number(form: Mapping[str, str], name: str) -> int | None:
    """What was typed as a whole number, None where nothing was; InvalidField."""
    return texts.whole(form[name], name) if form[name] else None


def _called(refusal: Refusal) -> Refusal:
    """The same about the field as the form calls it."""
    if not isinstance(refusal, InvalidField):
        return refusal
    field = refusal.field.removeprefix("eligible.")
    if field.startswith(("quotas", "quota_")):
        field = "quotas"
    return InvalidField({"item": "goods_code", "effective_from": "price_from"}.get(field, field), refusal.problem)


async def _form(request: StrictRequest, *names: str) -> dict[str, str]:
    return dict(zip(names, await frame.fields(request, *names), strict=True))


def _back(code: str, done: str) -> Redirect:
    return Redirect(f"{HERE}/{code}", status_code=303, query_params={"done": done})


HANDLERS = [list_items, add_item, item, change_item, set_price]
