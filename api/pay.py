"""How a volunteer pays, whichever door she comes by: her pay code, what a till made of it, and her redemptions."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import calls, claimed, own
from api.calls import Nothing
from api.claimed import Outcome
from ledger.access import ciphers
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.books import balances
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import volunteers
from ledger.eighteen import PAY_CODE, new_number
from ledger.errors import UnknownRedemption
from ledger.spending import cases, catalogue, pay_codes, policies, redemption, refunds
from ledger.spending.pay_codes import Quoted, Shown
from ledger.spending.redemption import Redemption
from ledger.spending.refunds import Refund

Decision = Literal["confirm", "decline"]


@dataclass(frozen=True, slots=True)
class NewCode:
    """A pay code with its digits, which are nowhere else: the database keeps a digest of them."""

    digits: str
    issued_at: datetime.datetime
    expires_at: datetime.datetime


async def new_code(tx: AsyncConnection, keys: Keys, me: Principal) -> NewCode:
    """A new code of hers; the one before buys nothing from now on. NotAllowed for who is no volunteer."""
    her = await own.volunteer(tx, me)
    now = await connect.now(tx)
    policy = await policies.in_force(tx, me.book_id, day_of(now))
    digits = new_number(PAY_CODE)
    digest = ciphers.digest(keys, "spending", digits)
    made = await pay_codes.issue(tx, me.book_id, her.holder, digest, now=now, policy=policy)
    return NewCode(digits, made.issued_at, made.expires_at)


@dataclass(frozen=True, slots=True)
class Goods:
    """So many pieces of an item, which is called so."""

    item: str
    name: str
    quantity: int


async def shown(tx: AsyncConnection, me: Principal) -> Shown:
    """What has become of her newest code."""
    her = await own.volunteer(tx, me)
    return await pay_codes.look(tx, me.book_id, her.holder, await connect.now(tx))


async def goods(tx: AsyncConnection, me: Principal, quoted: Quoted) -> list[Goods]:
    """What a till asks for, by name."""
    named = await catalogue.find_many(
        tx, me.book_id, [line["item"] for line in quoted.lines], day_of(quoted.expires_at)
    )
    return [Goods(line["item"], named[line["item"]].name, line["quantity"]) for line in quoted.lines]


async def redeemed(tx: AsyncConnection, me: Principal, redemption_id: UUID) -> Redeemed:
    """One of her redemptions. UnknownRedemption, also for somebody else's."""
    her = await own.volunteer(tx, me)
    found = await redemption.find(tx, me.book_id, redemption_id)
    if found.holder != her.holder:
        raise UnknownRedemption(redemption_id)
    [told] = await _told(tx, me.book_id, [found])
    return told


async def all_redeemed(
    tx: AsyncConnection, me: Principal, *, before: datetime.datetime | None, limit: int
) -> tuple[list[Redeemed], datetime.datetime | None]:
    """Her redemptions, the newest first, and before what the next page begins."""
    her = await own.volunteer(tx, me)
    found = await redemption.of_holder(tx, me.book_id, her.holder, before=before, limit=limit + 1)
    page = found[:limit]
    return await _told(tx, me.book_id, page), page[-1].made_at if len(found) > limit else None


def place(made_at: datetime.datetime) -> str:
    """A time as the `after` of a page: in UTC, since a `+` would have to be encoded."""
    return made_at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


async def left(tx: AsyncConnection, me: Principal) -> int:
    """Points that she can spend."""
    wallet = (await own.volunteer(tx, me)).account(volunteers.WALLET)
    [kept] = await balances.balances(tx, me.book_id, [wallet])
    return kept.available or 0


async def given_back(tx: AsyncConnection, me: Principal, redemption_id: UUID) -> list[Refund]:
    """What was given back of a redemption, in order."""
    return await refunds.of(tx, me.book_id, redemption_id)


# --- her word -------------------------------------------------------------------------------------------------------


async def decide(database: AsyncEngine, me: Principal, redemption_id: UUID, decision: Decision, *, key: str) -> Outcome:
    """Confirms what waits for her, or says that it is not hers; the answer is the redemption as it then stands.

    UnknownRedemption, IdempotencyConflict.
    """
    verb = redemption.confirm if decision == "confirm" else redemption.decline

    async def work(tx: AsyncConnection, now: datetime.datetime) -> tuple[RedeemedView, UUID]:
        her = await own.volunteer(tx, me)
        await verb(tx, me.book_id, her.holder, redemption_id, by=me.name, now=now)
        return view(await redeemed(tx, me, redemption_id)), redemption_id

    call = calls.identity("POST", f"/me/redemptions/{redemption_id}/{decision}", Nothing())
    return await claimed.once(database, me, key, call, work)


# --- as it is told --------------------------------------------------------------------------------------------------

Told = Literal["waiting", "done", "declined", "lapsed", "cancelled", "refunded"]


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A redemption with all that she is told about it.

    `status` counts the time: what she did not confirm has lapsed, also before anybody has tidied up. `disputed`: she
    said that it was not hers, and nobody has decided. `dispute_until`: the last day on which she can; None: she cannot.
    """

    redemption: Redemption
    status: Told
    disputed: bool
    dispute_until: datetime.date | None


async def _told(tx: AsyncConnection, book: int, found: Sequence[Redemption]) -> list[Redeemed]:
    now = await connect.now(tx)
    policy = await policies.in_force(tx, book, day_of(now))
    raised = await cases.among(tx, book, [each.redemption_id for each in found])
    told = []
    for each in found:
        status: Told = each.status
        if each.status == "waiting" and each.confirm_until is not None and each.confirm_until <= now:
            status = "lapsed"
        elif each.status == "done" and each.refunded:
            status = "refunded"
        disputed = raised.get(each.redemption_id, False) is None
        until = each.day + datetime.timedelta(days=policy.dispute_days)
        may = each.status == "done" and each.redemption_id not in raised and day_of(now) <= until
        may = may and (each.points > each.refunded or not each.points)
        told.append(Redeemed(each, status, disputed, until if may else None))
    return told


# --- as answers show it ---------------------------------------------------------------------------------------------


class RedeemedLineView(msgspec.Struct, frozen=True):
    """Pieces of an item, what they cost together, and how many came back."""

    item: str
    name: str
    quantity: int
    points: int
    returned: int


class RedeemedView(msgspec.Struct, frozen=True):
    """A redemption of hers. `waiting`: she confirms it until `confirm_until`. `refunded`: points that she got back.

    `word`: the two characters that the till shows too. `dispute_until`: the last day on which she can dispute it.
    """

    id: UUID
    status: Told
    outlet: str
    outlet_name: str
    means: str
    lines: list[RedeemedLineView]
    points: int
    refunded: int
    word: str
    made_at: datetime.datetime
    confirm_until: datetime.datetime | None
    ended_at: datetime.datetime | None
    disputed: bool
    dispute_until: datetime.date | None


def view(told: Redeemed) -> RedeemedView:
    """A redemption as its volunteer reads it."""
    each = told.redemption
    return RedeemedView(
        id=each.redemption_id,
        status=told.status,
        outlet=each.outlet,
        outlet_name=each.outlet_name,
        means=each.means,
        lines=[
            RedeemedLineView(line.item, line.name, line.quantity, line.points, line.returned) for line in each.lines
        ],
        points=each.points,
        refunded=each.refunded,
        word=each.word,
        made_at=each.made_at,
        confirm_until=each.confirm_until,
        ended_at=each.ended_at,
        disputed=told.disputed,
        dispute_until=told.dispute_until,
    )
