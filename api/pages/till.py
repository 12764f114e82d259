"""The till 收银: a shop's device sells goods for points. Nothing that it shows tells a balance or a full name.

`api.till` does what is done, for these pages and for programs alike. A device that is no till, or is one no longer, is
told so politely, whatever it asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import check_codes, problems, requests, till
from api.pages import counter, frame, practice, receipts, scanning, slips, texts
from api.pages.counter import Bought, Check, Chosen, Counter, Good, Receipt
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from api.till import Back, Goods, NewQuote, NewRedemption, NewRefund
from ledger import eighteen
from ledger.access import cards
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.database import connect
from ledger.days import day_of, midnight
from ledger.errors import (
    CodeElsewhere,
    CodeNotValid,
    CodeUsed,
    InvalidField,
    NotAllowed,
    NotEligible,
    NotOffered,
    OverLimit,
    OverQuota,
    Refusal,
    SessionEnded,
    SoldOut,
    TillLocked,
    TooManyQuotes,
    UnknownRedemption,
    VoucherNotValid,
)
from ledger.spending import catalogue, outlets, policies, redemption
from ledger.spending.policy import Policy
from ledger.spending.redemption import Redemption

HERE: Final = "/till"
REDEMPTIONS: Final = "/till/redemptions"

LAST: Final = 20

OF_THE_GOODS: Final = (NotOffered, SoldOut, OverQuota, NotEligible, OverLimit)
"""What is mended by choosing other goods."""
OF_THE_CODE: Final = (CodeNotValid, CodeUsed, CodeElsewhere, TooManyQuotes, TillLocked, VoucherNotValid)
"""What another code mends, or time."""


def on_ended(request: Request[Any, Any, Any], _: Refusal) -> Response[Any]:
    """Handler of devices that are no till, or are one no longer: told politely, whatever was asked for."""
    return frame.page(request, "till_ended.html", status=403, path=HERE)


async def _counter(request: StrictRequest, database: AsyncEngine) -> Counter:
    me = await counter.seller(request, database)
    async with database.connect() as tx:
        outlet = await outlets.find(tx, me.book_id, me.outlet or "")
        offered = await catalogue.offered(tx, me.book_id, outlet.code, day_of(await connect.now(tx)))
    goods = tuple(Good(each.item, each.name, each.points, each.pieces) for each in offered)
    return Counter(HERE, outlet.name, goods)


# --- a sale -----------------------------------------------------------------------------------------------------------


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


@post(f"{HERE}/quote", status_code=200)
async def quote(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """Who it is, what it costs, enough or not; or why not, where that can be mended."""
    here, me = await _counter(request, database), await counter.seller(request, database)
    lines = await counter.lines_of(request, here)
    if not isinstance(lines, list):
        return lines
    typed, pin, agent = await frame.fields(request, "code", "pin", "agent")
    digits, pin, agent = eighteen.plain(typed), texts.typed(pin), texts.typed(agent)
    language, paper = frame.view_of(request).language, bool(pin)
    try:
        if not digits:
            raise InvalidField("code", "missing")
        if practice.is_practice(digits):
            return counter.code_page(request, here, lines, wrong=texts.t(language, "till_practice_code"))
        paper = paper or await _is_card(database, keys, me, digits)
        wanted = [Goods(line.item, line.quantity) for line in lines]
        new = NewQuote(wanted, code=digits, agent=agent or None)
        if paper:
            new = NewQuote(wanted, card=digits, pin=pin, agent=agent or None)
        made = await till.quote(database, settings, me, new)
    except (SessionEnded, NotAllowed):
        raise
    except OF_THE_GOODS as refusal:
        return counter.goods_page(request, here, {line.item: str(line.quantity) for line in lines}, refusal=refusal)
    except OF_THE_CODE as refusal:
        return counter.refused_page(request, here, refusal, lines)
    except Refusal as refusal:
        return counter.code_page(request, here, lines, agent=agent, paper=paper, refusal=refusal)
    return counter.quote_page(
        request,
        here,
        [
            Chosen(each.item, each.name, each.quantity, each.points, counter.worth(language, each.points))
            for each in made.lines
        ],
        quote=str(made.quote),
        key=f"quote-{made.quote}",
        name=made.name_masked,
        enough=made.enough,
        word=made.word,
    )


async def _is_card(database: AsyncEngine, keys: Keys, me: Principal, digits: str) -> bool:
    """Whether it is somebody's card, for which a PIN is wanted: to ask for it is better than to count a wrong code."""
    if not eighteen.is_number(eighteen.PAPER, digits):
        return False
    async with database.connect() as tx:
        return any(book == me.book_id for book, _ in await cards.holder_of_card(tx, keys, digits))


@post(f"{HERE}/redeem", status_code=200)
async def redeem(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Redirect | Template:
    """Redeems a quote, once, however often this is sent: its key came with the form."""
    me = await counter.seller(request, database)
    quoted, key = await frame.fields(request, "quote", "key")
    if not requests.is_key(key):
        raise InvalidField("key", "not_a_key")
    outcome = await till.redeem(database, settings, me, NewRedemption(quote=_uuid(quoted)), key)
    if outcome.refusal is None:
        return Redirect(f"{REDEMPTIONS}/{outcome.redemption_id}", status_code=303, query_params={"now": "1"})
    here = await _counter(request, database)
    quantities = await counter.typed(request)
    lines = counter.chosen(frame.view_of(request).language, here.goods, quantities)
    if isinstance(outcome.refusal, OF_THE_GOODS):
        return counter.goods_page(request, here, quantities, refusal=outcome.refusal)
    return counter.refused_page(request, here, outcome.refusal, lines)


@get(f"{HERE}/by-key/{{key:str}}")
async def by_key(
    request: StrictRequest, database: NamedDependency[AsyncEngine], key: FromPath[str]
) -> Redirect | Template:
    """What became of a redemption whose answer was lost; not found: it never arrived, and may be sent again."""
    me = await counter.seller(request, database)
    here = await _counter(request, database)
    try:
        async with database.connect() as tx:
            outcome = await till.by_key(tx, me, key)
    except UnknownRedemption:
        return counter.never_page(request, here)
    if outcome.refusal is not None:
        return counter.refused_page(request, here, outcome.refusal)
    return Redirect(f"{REDEMPTIONS}/{outcome.redemption_id}", status_code=303, query_params={"now": "1"})


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidField("quote", "other") from None


# --- what has been redeemed -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A redemption in a list, in words."""

    id: UUID
    number: str
    time: str
    goods: str
    points: str
    status: str
    undo: list[str]


@dataclass(frozen=True, slots=True)
class Left:
    """Pieces of a line that can still come back."""

    line: int
    name: str
    most: int
    typed: str


def _undo(of: Redemption, now: datetime, policy: Policy) -> list[str]:
    """The ways in which the till may undo it now."""
    status, ways = receipts.status(of, now), []
    until = midnight(of.day + timedelta(days=1)) + timedelta(minutes=policy.cancel_margin_minutes)
    untouched = not any(line.returned for line in of.lines)
    if status == "waiting" or (status == "done" and now < until and untouched):
        ways.append("cancel")
    left = any(line.returned < line.quantity for line in of.lines)
    in_time = day_of(now) <= of.day + timedelta(days=policy.refund_days)
    if status == "done" and left and in_time and of.voucher_id is None:
        ways.append("refund")
    return ways


@get(f"{REDEMPTIONS}/{{redemption_id:uuid}}")
async def receipt(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    redemption_id: FromPath[UUID],
) -> Template:
    """A redemption as it stands, its receipt, and the ways to undo it."""
    me = await counter.seller(request, database)
    async with database.connect() as tx:
        of, now, policy = await _found(tx, me, redemption_id)
        proves = await slips.of_any(tx, me.book_id, [of.transaction_id] if of.transaction_id else [])
    language = frame.view_of(request).language
    here, status = f"{REDEMPTIONS}/{redemption_id}", receipts.status(of, now)
    return counter.receipt_page(
        request,
        Counter(HERE, of.outlet_name),
        Receipt(
            here=f"{here}?now=1" if "now" in request.query_params else here,
            number=receipts.number(of),
            status=status,
            made_at=of.made_at,
            points=of.points,
            refunded=of.refunded,
            word=of.word,
            lines=[
                Bought(line.name, line.quantity, line.returned, counter.worth(language, line.points))
                for line in of.lines
            ],
            agent=of.agent is not None,
            undo=_undo(of, now, policy),
            check=_check(request, settings, me, of) if status == "done" else None,
            slip=slips.slip(request, settings, proves) if status == "done" else None,
        ),
    )


def _check(request: StrictRequest, settings: Settings, me: Principal, of: Redemption) -> Check:
    printed = check_codes.Receipt(me.book, receipts.number(of), of.day, of.outlet, of.points)
    facts = {
        "code": check_codes.grouped(check_codes.of_receipt(settings, printed)),
        "book": me.book,
        "outlet": of.outlet,
        "day": f"{of.day}",
    }
    language = frame.view_of(request).language
    return Check(
        [(texts.field(language, f"paper_{name}"), fact) for name, fact in facts.items()],
        check_codes.address(settings, str(request.base_url), me.book, "receipt"),
    )


async def _found(tx: AsyncConnection, me: Principal, redemption_id: UUID) -> tuple[Redemption, datetime, Policy]:
    now = await connect.now(tx)
    return await till.find(tx, me, redemption_id), now, await policies.in_force(tx, me.book_id, day_of(now))


@get(f"{HERE}/day")
async def day(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template | Redirect:
    """Today's total and the last redemptions; a receipt's number leads to it, whatever its day."""
    me = await counter.seller(request, database)
    outlet, typed = me.outlet or "", texts.typed(request.query_params.get("receipt", ""))
    language = frame.view_of(request).language
    async with database.connect() as tx:
        now = await connect.now(tx)
        if typed and (found := await receipts.find(tx, me.book_id, outlet, typed)) is not None:
            return Redirect(f"{REDEMPTIONS}/{found.redemption_id}", status_code=303)
        policy = await policies.in_force(tx, me.book_id, day_of(now))
        name = (await outlets.find(tx, me.book_id, outlet)).name
        today = await redemption.of_outlet(tx, me.book_id, outlet, day_of(now), limit=receipts.MOST)
    stand = [each for each in today if each.status == "done"]
    return Counter(HERE, name).page(
        request,
        "till_day.html",
        status=404 if typed else 200,
        path=f"{HERE}/day",
        receipt=typed[:20],
        wrong=texts.t(language, "till_day_not_found") if typed else None,
        count=len(stand),
        points=texts.points(language, sum(each.points - each.refunded for each in stand)),
        redemptions=[
            Row(
                each.redemption_id,
                receipts.number(each),
                counter.clock(language, each.made_at),
                receipts.goods(language, each),
                texts.points(language, each.points),
                counter.status(language, receipts.status(each, now), each.refunded),
                _undo(each, now, policy),
            )
            for each in today[:LAST]
        ],
    )


# --- undoing it -------------------------------------------------------------------------------------------------------


@get(f"{REDEMPTIONS}/{{redemption_id:uuid}}/cancel")
async def ask_cancel(
    request: StrictRequest, database: NamedDependency[AsyncEngine], redemption_id: FromPath[UUID]
) -> Template:
    """Asks whether it is to be cancelled."""
    return await _cancel(request, database, redemption_id)


@post(f"{REDEMPTIONS}/{{redemption_id:uuid}}/cancel", status_code=200)
async def cancel(
    request: StrictRequest, database: NamedDependency[AsyncEngine], redemption_id: FromPath[UUID]
) -> Template | Redirect:
    """Cancels it; the same form again is answered as before."""
    me = await counter.seller(request, database)
    [key] = await frame.fields(request, "key")
    if not requests.is_key(key):
        raise InvalidField("key", "not_a_key")
    outcome = await till.cancel(database, me, redemption_id, key)
    if outcome.refusal is not None:
        return await _cancel(request, database, redemption_id, outcome.refusal)
    return Redirect(f"{REDEMPTIONS}/{redemption_id}", status_code=303)


async def _cancel(
    request: StrictRequest, database: AsyncEngine, redemption_id: UUID, refusal: Refusal | None = None
) -> Template:
    me = await counter.seller(request, database)
    async with database.connect() as tx:
        of, _now, _policy = await _found(tx, me, redemption_id)
    language = frame.view_of(request).language
    return Counter(HERE, of.outlet_name).page(
        request,
        "till_cancel.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{REDEMPTIONS}/{redemption_id}/cancel",
        wrong=None if refusal is None else frame.told(request, refusal),
        here=f"{REDEMPTIONS}/{redemption_id}",
        number=receipts.number(of),
        key=f"cancel-{uuid4()}",
        lines=_lines(language, of),
        points=texts.points(language, of.points),
    )


@get(f"{REDEMPTIONS}/{{redemption_id:uuid}}/refund")
async def ask_refund(
    request: StrictRequest, database: NamedDependency[AsyncEngine], redemption_id: FromPath[UUID]
) -> Template:
    """Asks what comes back."""
    return await _refund(request, database, redemption_id)


@post(f"{REDEMPTIONS}/{{redemption_id:uuid}}/refund", status_code=200)
async def refund(
    request: StrictRequest, database: NamedDependency[AsyncEngine], redemption_id: FromPath[UUID]
) -> Template | Redirect:
    """Takes pieces back; the same form again is answered as before."""
    me = await counter.seller(request, database)
    [key] = await frame.fields(request, "key")
    if not requests.is_key(key):
        raise InvalidField("key", "not_a_key")
    typed = await counter.typed(request)
    try:
        back = []
        for line, said in typed.items():
            pieces = texts.whole_number(said) if said else 0
            if pieces is None or pieces > counter.MOST or texts.whole_number(line) is None:
                raise InvalidField("quantity", "not_a_whole_number" if pieces is None else "out_of_range")
            if pieces:
                back.append(Back(int(line), pieces))
        if not back:
            return await _refund(request, database, redemption_id, typed=typed, wrong="till_refund_choose")
        outcome = await till.refund(database, me, redemption_id, NewRefund(back), key)
    except InvalidField as refusal:
        return await _refund(request, database, redemption_id, typed=typed, refusal=refusal)
    if outcome.refusal is not None:
        return await _refund(request, database, redemption_id, typed=typed, refusal=outcome.refusal)
    return Redirect(f"{REDEMPTIONS}/{redemption_id}", status_code=303, query_params={"done": "till_was_refunded"})


async def _refund(
    request: StrictRequest,
    database: AsyncEngine,
    redemption_id: UUID,
    *,
    typed: dict[str, str] | None = None,
    refusal: Refusal | None = None,
    wrong: str | None = None,
) -> Template:
    me = await counter.seller(request, database)
    async with database.connect() as tx:
        of, now, policy = await _found(tx, me, redemption_id)
    language = frame.view_of(request).language
    left = [
        Left(line.line, line.name, line.quantity - line.returned, (typed or {}).get(str(line.line), ""))
        for line in of.lines
        if line.returned < line.quantity and (refusal or "refund" in _undo(of, now, policy))
    ]
    told = None if wrong is None else texts.t(language, wrong)
    return Counter(HERE, of.outlet_name).page(
        request,
        "till_refund.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{REDEMPTIONS}/{redemption_id}/refund",
        wrong=told if refusal is None else frame.told(request, refusal),
        here=f"{REDEMPTIONS}/{redemption_id}",
        number=receipts.number(of),
        key=f"refund-{uuid4()}",
        lines=left,
    )


def _lines(language: Language, of: Redemption) -> list[Chosen]:
    return [
        Chosen(line.item, line.name, line.quantity, line.points, counter.worth(language, line.points))
        for line in of.lines
    ]


router = Router(
    path="/",
    route_handlers=[
        goods,
        change,
        code,
        photo,
        quote,
        redeem,
        by_key,
        receipt,
        day,
        ask_cancel,
        cancel,
        ask_refund,
        refund,
        *practice.HANDLERS,
        *scanning.HANDLERS,
    ],
    exception_handlers={SessionEnded: on_ended, NotAllowed: on_ended},
    include_in_schema=False,
)
