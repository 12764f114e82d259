"""The screens of a till, for a sale and for practice alike: goods, code, quote, and what has become of it.

What has been chosen travels in the forms, `n.ITEM` = pieces, so that nothing is stored before a quote and a page that
is sent again says the same. What is told is in words and an icon; colour and sound only repeat it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, problems, till_session
from api.pages import frame, texts
from api.pages.slips import Slip
from api.problems import Language
from api.requests import StrictRequest
from ledger.access.rights import Principal
from ledger.days import BEIJING, day_of
from ledger.errors import CodeNotValid, CodeUsed, InvalidField, QuoteOver, Refusal, SessionEnded

FIELD: Final = "n."
"""What the name of a field begins with that says how many pieces of an item."""
MOST: Final = 999
SHOWN: Final = 24
"""So many goods on one page, which a cheap phone loads in a moment; the others are found by name."""

ICONS: Final = {
    "done": "✓",
    "waiting": "…",
    "used": "!",
    "expired": "✕",
    "refused": "✕",
    "declined": "✕",
    "lapsed": "✕",
    "cancelled": "↩",
    "never": "↻",
}


@dataclass(frozen=True, slots=True)
class Good:
    """Something that can be had at this counter. `pieces`: how many are there, None if nobody counts them."""

    item: str
    name: str
    points: int
    pieces: int | None = None


@dataclass(frozen=True, slots=True)
class Counter:
    """A till's counter: where its pages are, whose shop it is, what it offers."""

    base: str
    shop: str
    goods: tuple[Good, ...] = ()
    practice: bool = False

    def page(self, request: StrictRequest, template: str, **facts: Any) -> Template:
        """A page of this counter, which leads back to its goods."""
        common: dict[str, Any] = {"path": self.base, "base": self.base, "shop": self.shop, "practice": self.practice}
        return frame.page(request, template, **(common | facts))


@dataclass(frozen=True, slots=True)
class Chosen:
    """So many pieces of an item. `worth`: what they cost, in words."""

    item: str
    name: str
    quantity: int
    points: int
    worth: str


@dataclass(frozen=True, slots=True)
class Tile:
    """An item on the page of goods."""

    item: str
    name: str
    points: int
    worth: str
    left: str | None
    sold_out: bool
    quantity: str


async def seller(request: StrictRequest, database: AsyncEngine) -> Principal:
    """The till that this page is opened at; SessionEnded on any other device."""
    me = await till_session.till_of(request, database)
    if me is None:
        raise SessionEnded
    return me


# --- what was chosen --------------------------------------------------------------------------------------------------


async def typed(request: StrictRequest) -> dict[str, str]:
    """What the fields say, by item: of a form, or of the address."""
    source = await request.form() if request.method == "POST" else request.query_params
    fields = ((name.removeprefix(FIELD), value) for name, value in source.multi_items() if name.startswith(FIELD))
    return {item: texts.typed(value) for item, value in fields if isinstance(value, str)}


async def changed(request: StrictRequest) -> tuple[dict[str, str], str]:
    """What has been chosen after a button of the page of goods, and the name to find."""
    quantities = await typed(request)
    plus, minus, find = await frame.fields(request, "plus", "minus", "q")
    for item, step in ((plus, 1), (minus, -1)):
        if item:
            quantities = stepped(quantities, item, step)
    return quantities, texts.typed(find)


async def lines_of(request: StrictRequest, counter: Counter) -> list[Chosen] | Template:
    """What a form says was chosen; the page of goods where that is nothing, or where something was to be found."""
    quantities, (find, was) = await typed(request), await frame.fields(request, "q", "was")
    language = frame.view_of(request).language
    if texts.typed(find) != was:  # Enter in the field of the name
        return goods_page(request, counter, quantities, find=texts.typed(find))
    try:
        lines = chosen(language, counter.goods, quantities)
    except InvalidField as refusal:
        return goods_page(request, counter, quantities, refusal=refusal)
    if not lines:
        return goods_page(request, counter, quantities, wrong=texts.t(language, "till_choose_first"))
    return lines


def stepped(quantities: Mapping[str, str], item: str, step: int) -> dict[str, str]:
    """One piece more or less of an item."""
    there = texts.whole_number(quantities.get(item, "")) or 0
    return {**quantities, item: str(min(max(there + step, 0), MOST))}


def chosen(language: Language, goods: Iterable[Good], quantities: Mapping[str, str]) -> list[Chosen]:
    """What was chosen of these goods; InvalidField where it is no number of pieces."""
    found = []
    for each in goods:
        said = quantities.get(each.item, "")
        quantity = texts.whole_number(said) if said else 0
        if quantity is None or quantity > MOST:
            raise InvalidField("quantity", "not_a_whole_number" if quantity is None else "out_of_range")
        if quantity:
            points = each.points * quantity
            found.append(Chosen(each.item, each.name, quantity, points, worth(language, points)))
    return found


def worth(language: Language, points: int) -> str:
    """What something costs."""
    return texts.points(language, points) if points else texts.t(language, "till_free")


def total(language: Language, lines: Sequence[Chosen]) -> str:
    """What all of it costs."""
    return texts.points(language, sum(line.points for line in lines))


def clock(language: Language, time: datetime) -> str:
    """10:31; with the day where that is not today."""
    if day_of(time) != auth.today():
        return texts.moment(language, time)
    return f"{time.astimezone(BEIJING):%H:%M}"


# --- the screens ------------------------------------------------------------------------------------------------------


def goods_page(
    request: StrictRequest,
    counter: Counter,
    quantities: Mapping[str, str],
    *,
    find: str = "",
    refusal: Refusal | None = None,
    wrong: str | None = None,
) -> Template:
    """What is offered, with what has been chosen so far."""
    language = frame.view_of(request).language
    fitting = [each for each in counter.goods if find.casefold() in each.name.casefold()]
    shown = fitting[:SHOWN]
    try:
        lines = chosen(language, counter.goods, quantities)
    except InvalidField as problem:
        lines, refusal = [], refusal or problem
    if find and not fitting:
        wrong = wrong or texts.t(language, "till_none_found")
    elsewhere = [line for line in lines if all(line.item != each.item for each in shown)]
    return counter.page(
        request,
        "till.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        query={f"{FIELD}{line.item}": str(line.quantity) for line in lines},
        goods=[_tile(language, each, quantities.get(each.item, "") or "0") for each in shown] or None,
        more=len(fitting) - len(shown),
        q=find,
        lines=elsewhere,
        pieces=sum(line.quantity for line in lines),
        total=total(language, lines),
        one=texts.points(language, 1).replace("1", "@"),
        many=texts.points(language, 2).replace("2", "@"),
        wrong=wrong if refusal is None else frame.told(request, refusal),
    )


def _tile(language: Language, good: Good, quantity: str) -> Tile:
    left = None if good.pieces is None else texts.t(language, "till_left", pieces=good.pieces)
    each = texts.t(language, "till_piece", points=texts.points(language, good.points)) if good.points else None
    return Tile(
        good.item,
        good.name,
        good.points,
        each or texts.t(language, "till_free"),
        left if good.pieces else None,
        good.pieces == 0,
        quantity,
    )


def code_page(
    request: StrictRequest,
    counter: Counter,
    lines: Sequence[Chosen],
    *,
    code: str = "",
    agent: str = "",
    paper: bool = False,
    refusal: Refusal | None = None,
    wrong: str | None = None,
    **facts: object,
) -> Template:
    """Asks for the code, or for a card and its PIN; `paper`: it is a card, so the field for the PIN is open."""
    language = frame.view_of(request).language
    if isinstance(refusal, InvalidField) and refusal.field == "code":
        refusal = replace(refusal, field="pay_code")  # what a form of staff's calls a code is another thing
    return counter.page(
        request,
        "till_code.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        query={f"{FIELD}{line.item}": str(line.quantity) for line in lines},
        lines=lines,
        pieces=sum(line.quantity for line in lines),
        total=total(language, lines),
        headers=frame.CAMERA,
        code=code,
        agent=agent,
        paper=paper or bool(agent),
        wrong=wrong if refusal is None else frame.told(request, refusal),
        **facts,
    )


def quote_page(
    request: StrictRequest,
    counter: Counter,
    lines: Sequence[Chosen],
    *,
    quote: str,
    key: str,
    name: str | None,
    enough: bool,
    word: str,
) -> Template:
    """Who it is (张*国), what it costs, whether it is enough, and the word that the phone shows too.

    `key`: under which it will be redeemed. It belongs to the quote: however often the page is shown or sent, a quote is
    redeemed once.
    """
    language = frame.view_of(request).language
    return counter.page(
        request,
        "till_quote.html",
        query={f"{FIELD}{line.item}": str(line.quantity) for line in lines},
        lines=lines,
        quote=quote,
        key=key,
        name=name or texts.t(language, "till_someone"),
        total=total(language, lines),
        enough=enough,
        word=word,
    )


def refused_page(request: StrictRequest, counter: Counter, refusal: Refusal, lines: Sequence[Chosen] = ()) -> Template:
    """Why nothing was redeemed, over the whole screen, and the way to scan again."""
    language = frame.view_of(request).language
    face, heading = "refused", texts.t(language, "till_refused")
    if isinstance(refusal, CodeUsed):
        face, heading = "used", texts.t(language, "till_used", time=clock(language, refusal.used_at))
    elif isinstance(refusal, CodeNotValid | QuoteOver):
        face, heading = "expired", texts.t(language, "till_expired")
    return counter.page(
        request,
        "till_result.html",
        status=problems.REFUSALS[type(refusal)].status,
        face=face,
        icon=ICONS[face],
        heading=heading,
        say=heading,
        sentence=frame.told(request, refusal),
        lines=lines,
    )


def never_page(request: StrictRequest, counter: Counter) -> Template:
    """No redemption was made under a key."""
    language = frame.view_of(request).language
    return counter.page(
        request,
        "till_result.html",
        status=404,
        face="never",
        icon=ICONS["never"],
        heading=texts.t(language, "till_never"),
        say=texts.t(language, "till_never"),
        sentence=texts.t(language, "till_never_do"),
        lines=[],
    )


@dataclass(frozen=True, slots=True)
class Bought:
    """A line of a receipt."""

    name: str
    quantity: int
    returned: int
    worth: str


@dataclass(frozen=True, slots=True)
class Check:
    """What else must stand on a receipt for anybody to check it, as the form at `address` calls it; all as typed."""

    facts: Sequence[tuple[str, str]]
    address: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says, and the till's screen above it. `here`: its address. `undo`: ways to undo it.

    `check` None: it is no proof of anything, since nothing has been redeemed. `slip` None: nothing is published yet.
    """

    here: str
    number: str
    status: str
    made_at: datetime
    points: int
    refunded: int
    word: str
    lines: Sequence[Bought]
    agent: bool = False
    undo: Sequence[str] = ()
    check: Check | None = None
    slip: Slip | None = None


def receipt_page(request: StrictRequest, counter: Counter, receipt: Receipt) -> Template:
    """A redemption as it stands; just after it was made (`now` in the address) the screen also speaks."""
    language = frame.view_of(request).language
    face, points = receipt.status, texts.points(language, receipt.points)
    heading = texts.t(language, f"till_{face}")
    return counter.page(
        request,
        "till_receipt.html",
        path=receipt.here.partition("?")[0],
        query={name: value for name, value in request.query_params.items() if name in ("now", "of")},
        notice=frame.notice(request, "till_was_refunded"),  # what is cancelled says so anyway
        face=face,
        icon=ICONS[face],
        heading=heading,
        say=texts.t(language, "till_done_say", points=points) if face == "done" else heading,
        fresh="now" in request.query_params,
        word=receipt.word if "now" in request.query_params and face in ("done", "waiting") else None,
        sentence=texts.t(language, "till_waiting_do") if face == "waiting" else None,
        here=receipt.here,
        number=receipt.number,
        state=status(language, receipt.status, receipt.refunded),
        time=texts.moment(language, receipt.made_at),
        points=points,
        refunded=texts.points(language, receipt.refunded) if receipt.refunded else None,
        bought=receipt.lines,
        agent=receipt.agent,
        undo=receipt.undo,
        check=receipt.check,
        slip=receipt.slip,
    )


def status(language: Language, of: str, refunded: int) -> str:
    """What has become of a redemption, in words."""
    return texts.t(language, f"till_status_{'refunded' if of == 'done' and refunded else of}")
