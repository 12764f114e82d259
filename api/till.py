"""The till, whichever door it comes by: quote, redeem, cancel, refund, and what became of a call without an answer.

Nothing here tells a shop what somebody has, or her full name.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import calls, claimed, keys, paper
from api.bodies import Body
from api.calls import Code
from api.claimed import Outcome
from api.settings import Settings
from ledger import eighteen
from ledger.access import ciphers, persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.database import connect
from ledger.days import day_of, full_years
from ledger.earning import volunteers
from ledger.errors import (
    CodeNotValid,
    InvalidField,
    NotAllowed,
    OverLimit,
    OverQuota,
    SoldOut,
    StateRefusal,
    UnknownRedemption,
)
from ledger.spending import agents, alarms, claims, presented, quotes, redemption, refunds, tills
from ledger.spending.baskets import MOST_LINES, MOST_PIECES, Age, Priced, Wanted
from ledger.spending.policy import Policy
from ledger.spending.presented import Presented
from ledger.spending.redemption import Redemption
from ledger.spending.refunds import Returned
from ledger.spending.tills import Till

Pieces = Annotated[int, msgspec.Meta(ge=1, le=MOST_PIECES)]
Digits = Annotated[str, msgspec.Meta(max_length=64)]


class Goods(Body, frozen=True):
    """So many pieces of an item of the catalogue."""

    item: Code
    quantity: Pieces


Lines = Annotated[list[Goods], msgspec.Meta(min_length=1, max_length=MOST_LINES)]


class NewQuote(Body, frozen=True):
    """What somebody wants, and what she shows: the digits of a pay code, a ticket or a voucher; or a card and its PIN.

    `agent`: the volunteer number of who acts for her (代办).
    """

    lines: Lines
    code: Digits | None = None
    card: Digits | None = None
    pin: Digits | None = None
    agent: Digits | None = None


class NewRedemption(Body, frozen=True):
    """A quote that is redeemed; or, without one, what a quote is made of."""

    quote: UUID | None = None
    lines: Lines | None = None
    code: Digits | None = None
    card: Digits | None = None
    pin: Digits | None = None
    agent: Digits | None = None


class Back(Body, frozen=True):
    """So many pieces of a line of a redemption come back."""

    line: Annotated[int, msgspec.Meta(ge=0, lt=MOST_LINES)]
    quantity: Pieces


class NewRefund(Body, frozen=True):
    """What comes back."""

    lines: Annotated[list[Back], msgspec.Meta(min_length=1, max_length=MOST_LINES)]


class QuotedLine(msgspec.Struct, frozen=True):
    """Pieces of an item; `points`: of all of them."""

    item: str
    name: str
    quantity: int
    points: int


class QuoteView(msgspec.Struct, frozen=True):
    """What a quote says: enough or not, and never what she has. `word`: her phone shows the same two characters."""

    quote: UUID
    name_masked: str
    agent_masked: str | None
    lines: list[QuotedLine]
    points: int
    enough: bool
    word: str
    expires_at: datetime.datetime


class Redeemed(msgspec.Struct, frozen=True):
    """A redemption: `done`, or `waiting` until the volunteer confirms it on her phone."""

    id: UUID
    status: str
    points: int
    word: str
    made_at: datetime.datetime
    confirm_until: datetime.datetime | None


class LineView(msgspec.Struct, frozen=True):
    """A line of a redemption. `returned`: pieces that came back."""

    line: int
    item: str
    name: str
    quantity: int
    points: int
    returned: int


class RedemptionView(msgspec.Struct, frozen=True):
    """A redemption as it stands."""

    id: UUID
    status: str
    outlet: str
    outlet_name: str
    points: int
    refunded: int
    word: str
    means: str
    made_at: datetime.datetime
    confirm_until: datetime.datetime | None
    lines: list[LineView]


class Refunded(msgspec.Struct, frozen=True):
    """What was given back, in points."""

    id: UUID
    redemption: UUID
    points: int


# --- quote and redeem ------------------------------------------------------------------------------------------------


async def quote(database: AsyncEngine, settings: Settings, me: Principal, new: NewQuote) -> QuoteView:
    """Says what it costs, and keeps the code for this till. What `presented`, `quotes` and `paper` refuse."""
    personal = keys.personal(settings)
    holder = await _of_card(database, settings, me, new)
    try:
        async with database.begin() as tx:
            now = await connect.now(tx)
            till, policy = await _at_work(tx, me, now)
            shown = await _presented(tx, personal, me, till, new, holder, now)
            wanted = [Wanted(each.item, each.quantity) for each in new.lines]
            age = _age(tx, personal, me, now)
            made = await quotes.quote(tx, me.book_id, till, shown, wanted, age=age, now=now, policy=policy)
            names = await _names(tx, personal, me, [made.holder, *([made.agent] if made.agent else [])], now)
            return QuoteView(
                made.quote_id,
                names[made.holder],
                names[made.agent] if made.agent else None,
                [_quoted(line) for line in made.lines],
                made.points,
                made.enough,
                made.word,
                made.expires_at,
            )
    except CodeNotValid:
        async with database.begin() as tx:
            now = await connect.now(tx)
            await _missed(tx, me, now)
        raise


async def redeem(database: AsyncEngine, settings: Settings, me: Principal, new: NewRedemption, key: str) -> Outcome:
    """Redeems a quote, or what is shown and wanted, once under its key.

    IdempotencyConflict, InvalidField, CodeMistyped, UnknownQuote, WrongPassword, TooManyAttempts are raised; what is
    decided on state is the outcome.
    """
    if (new.quote is None) == (new.lines is None):
        raise InvalidField("quote", "missing" if new.quote is None else "only_without_lines")
    personal = keys.personal(settings)
    call = calls.identity("POST", "/redemptions", _hidden(personal, new))
    holder = await _of_card(database, settings, me, new)

    async def work(tx: AsyncConnection, now: datetime.datetime) -> tuple[Redeemed, UUID]:
        till, policy = await _at_work(tx, me, now)
        word = None
        if new.quote is not None:
            shown, wanted, word = await quotes.take_up(tx, me.book_id, till, new.quote, now=now)
        else:
            shown = await _presented(tx, personal, me, till, new, holder, now)
            wanted = [Wanted(each.item, each.quantity) for each in new.lines or ()]
        age = _age(tx, personal, me, now)
        made = await redemption.redeem(tx, me.book_id, till, shown, wanted, word=word, age=age, now=now, policy=policy)
        view = Redeemed(made.redemption_id, made.status, made.points, made.word, made.made_at, made.confirm_until)
        return view, made.redemption_id

    async def on_refusal(tx: AsyncConnection, now: datetime.datetime, refusal: StateRefusal) -> None:
        if isinstance(refusal, CodeNotValid):
            await _missed(tx, me, now)
        if isinstance(refusal, OverLimit) and refusal.limit == "shop_day" and me.outlet is not None:
            await alarms.raise_(tx, me.book_id, "over_shop_day", me.outlet, now=now)

    try:
        return await claimed.once(database, me, key, call, _with_what_lapsed(me, work), on_refusal)
    except _Lapsed:
        await redemption.lapse(database, me.book_id)
        return await claimed.once(database, me, key, call, work, on_refusal)


class _Lapsed(Exception):
    """What the call lacks may be kept for somebody who waited in vain, and has not been given back yet."""


def _with_what_lapsed(me: Principal, work: claimed.Work) -> claimed.Work:
    """The same call, which looks once whether what it lacks is kept for somebody whose time is over."""

    async def looked(tx: AsyncConnection, now: datetime.datetime) -> tuple[msgspec.Struct, UUID | None]:
        try:
            return await work(tx, now)
        except (SoldOut, OverQuota, OverLimit):
            if await redemption.over(tx, me.book_id, now):
                raise _Lapsed from None
            raise

    return looked


async def by_key(tx: AsyncConnection, me: Principal, key: str) -> Outcome:
    """What became of a redemption of which the till heard no answer; UnknownRedemption: it never arrived."""
    found = await claims.find(tx, me.book_id, me.name, key)
    return Outcome(found.body, found.refusal, found.redemption_id, True)


async def find(tx: AsyncConnection, me: Principal, redemption_id: UUID) -> Redemption:
    """A redemption of the till's own outlet; UnknownRedemption."""
    found = await redemption.find(tx, me.book_id, redemption_id)
    if found.outlet != me.outlet:
        raise UnknownRedemption(redemption_id)
    return found


# --- undo ------------------------------------------------------------------------------------------------------------


async def cancel(database: AsyncEngine, me: Principal, redemption_id: UUID, key: str) -> Outcome:
    """Cancels a redemption of the till's own outlet on its day. UnknownRedemption."""

    async def work(tx: AsyncConnection, now: datetime.datetime) -> tuple[RedemptionView, UUID]:
        till, policy = await _at_work(tx, me, now)
        await refunds.cancel(tx, me.book_id, redemption_id, outlet=till.outlet, by=me.name, now=now, policy=policy)
        return view(await redemption.find(tx, me.book_id, redemption_id)), redemption_id

    call = calls.identity("POST", f"/redemptions/{redemption_id}/cancel", calls.Nothing())
    return await claimed.once(database, me, key, call, work)


async def refund(database: AsyncEngine, me: Principal, redemption_id: UUID, new: NewRefund, key: str) -> Outcome:
    """Takes pieces back, at the till's own outlet. UnknownRedemption, InvalidField."""

    async def work(tx: AsyncConnection, now: datetime.datetime) -> tuple[Refunded, UUID]:
        till, policy = await _at_work(tx, me, now)
        returned = [Returned(each.line, each.quantity) for each in new.lines]
        made = await refunds.refund(
            tx, me.book_id, redemption_id, returned, outlet=till.outlet, by=me.name, now=now, policy=policy
        )
        return Refunded(made.refund_id, redemption_id, made.points), redemption_id

    call = calls.identity("POST", f"/redemptions/{redemption_id}/refunds", new)
    return await claimed.once(database, me, key, call, work)


def view(found: Redemption) -> RedemptionView:
    """A redemption as answers show it, to the shop and to the volunteer."""
    return RedemptionView(
        found.redemption_id,
        found.status,
        found.outlet,
        found.outlet_name,
        found.points,
        found.refunded,
        found.word,
        found.means,
        found.made_at,
        found.confirm_until,
        [LineView(line.line, line.item, line.name, line.quantity, line.points, line.returned) for line in found.lines],
    )


# --- who stands there ------------------------------------------------------------------------------------------------


async def _at_work(tx: AsyncConnection, me: Principal, now: datetime.datetime) -> tuple[Till, Policy]:
    if me.kind != "till":
        raise NotAllowed
    return await tills.at_work(tx, me.book_id, me.number, day_of(now))


async def _missed(tx: AsyncConnection, me: Principal, now: datetime.datetime) -> None:
    till, policy = await _at_work(tx, me, now)
    await presented.missed(tx, me.book_id, till, now=now, policy=policy)


async def _of_card(
    database: AsyncEngine, settings: Settings, me: Principal, new: NewQuote | NewRedemption
) -> str | None:
    """Whose card it is, if one is shown. InvalidField where nothing is shown, or two things are."""
    if isinstance(new, NewRedemption) and new.quote is not None:
        if new.code or new.card or new.pin or new.agent:
            raise InvalidField("quote", "only_without_code")
        return None
    if (new.code is None) == (new.card is None):
        raise InvalidField("code", "missing" if new.code is None else "only_without_card")
    if new.card is None:
        if new.pin is not None:
            raise InvalidField("pin", "only_with_card")
        return None
    return await paper.by_card(database, settings, me, new.card, new.pin or "")


async def _presented(
    tx: AsyncConnection,
    personal: Keys,
    me: Principal,
    till: Till,
    new: NewQuote | NewRedemption,
    holder: str | None,
    now: datetime.datetime,
) -> Presented:
    """Whose points are to be spent, locked."""
    if holder is not None:
        found = await presented.by_card(tx, me.book_id, till, holder, now=now)
    else:
        digits = eighteen.plain(new.code or "")
        prefix = presented.prefix_of(digits)
        digests = ciphers.digests(personal, "spending", digits)
        found = await presented.by_number(tx, me.book_id, till, prefix, digests, now=now)
    if new.agent is None:
        return found
    return replace(found, agent=await agents.acting(tx, me.book_id, new.agent, found.holder))


def _age(tx: AsyncConnection, personal: Keys, me: Principal, now: datetime.datetime) -> Age:
    """Asks how old somebody is, where an item is for an age."""

    async def age(holder: str) -> int | None:
        numbers = await volunteers.numbers_of(tx, me.book_id, [holder])
        born = await persons.born(tx, personal, me.book_id, numbers[holder]) if holder in numbers else None
        return None if born is None else full_years(born, day_of(now))

    return age


async def _names(
    tx: AsyncConnection, personal: Keys, me: Principal, holders: Sequence[str], now: datetime.datetime
) -> dict[str, str]:
    """Masked, or empty where nobody's name is recorded."""
    numbers = await volunteers.numbers_of(tx, me.book_id, holders)
    masked = await persons.masked(tx, personal, me.book_id, list(numbers.values()), me.name, now)
    return {holder: masked[numbers[holder]].name if numbers.get(holder) in masked else "" for holder in holders}


def _hidden(personal: Keys, new: NewRedemption) -> NewRedemption:
    """The call without digits that somebody could use: their keyed digests stand for them."""

    def digest(text: str | None) -> str | None:
        return None if text is None else ciphers.digest(personal, "spending", eighteen.plain(text)).hex()

    return msgspec.structs.replace(new, code=digest(new.code), card=digest(new.card), pin=digest(new.pin))


def _quoted(line: Priced) -> QuotedLine:
    return QuotedLine(line.offered.item, line.offered.name, line.quantity, line.points)
