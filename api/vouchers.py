"""Vouchers, whichever door one comes by: bought by a volunteer, shown to a till by a code, or given away as digits.

The digits of one that may be given away follow from its number and a key of the service that is never retired, so that
they can be shown and printed again; the database keeps a keyed digest of them, like that of any number of ours.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import calls, claimed, keys, own
from api.bodies import Body
from api.claimed import Outcome
from api.settings import Settings
from ledger import eighteen, identifiers
from ledger.access import ciphers, persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.database import connect
from ledger.days import day_of, full_years
from ledger.errors import CannotDecrypt, UnknownVoucher
from ledger.spending import catalogue, pay_codes, policies, vouchers
from ledger.spending.policy import Policy
from ledger.spending.vouchers import ForSale, Voucher

State = Literal["live", "used", "expired"]


class NewVoucher(Body, frozen=True):
    """A voucher for a service of the catalogue, by its code."""

    item: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


@dataclass(frozen=True, slots=True)
class Told:
    """A voucher with what its service is called. `state` counts the days, also before anybody has tidied up."""

    voucher: Voucher
    name: str
    state: State


@dataclass(frozen=True, slots=True)
class Shown:
    """What a till scans. `expires_at` None: the digits last as long as the voucher."""

    digits: str
    issued_at: datetime.datetime
    expires_at: datetime.datetime | None


# --- hers -------------------------------------------------------------------------------------------------------------


async def mine(tx: AsyncConnection, me: Principal, *, after: UUID | None = None, limit: int = 50) -> list[Told]:
    """Her vouchers, the newest first, after one of them."""
    her = await own.volunteer(tx, me)
    return await _told(tx, me, await vouchers.of_holder(tx, me.book_id, her.holder, after=after, limit=limit))


async def find(tx: AsyncConnection, me: Principal, voucher_id: UUID) -> Told:
    """One of hers. UnknownVoucher, also for somebody else's."""
    her = await own.volunteer(tx, me)
    found = await vouchers.find(tx, me.book_id, voucher_id)
    if found.holder != her.holder:
        raise UnknownVoucher(voucher_id)
    [told] = await _told(tx, me, [found])
    return told


async def for_sale(tx: AsyncConnection, me: Principal) -> list[ForSale]:
    """What she could buy as a voucher today, and where it could be used."""
    await own.volunteer(tx, me)
    return await vouchers.for_sale(tx, me.book_id, day_of(await connect.now(tx)))


async def _told(tx: AsyncConnection, me: Principal, found: list[Voucher]) -> list[Told]:
    today = day_of(await connect.now(tx))
    policy = await policies.in_force(tx, me.book_id, today)
    named = await catalogue.find_many(tx, me.book_id, {each.item for each in found}, today)
    return [Told(each, named[each.item].name, _state(each, today, policy)) for each in found]


def _state(voucher: Voucher, day: datetime.date, policy: Policy) -> State:
    fault = voucher.fault(day, policy)
    return "live" if fault is None else "used" if fault.state == "used" else "expired"


# --- bought -----------------------------------------------------------------------------------------------------------


async def buy(database: AsyncEngine, settings: Settings, me: Principal, new: NewVoucher, key: str) -> Outcome:
    """Buys a voucher once under its key. IdempotencyConflict, UnknownGoods; what is decided on state is the outcome."""
    personal = keys.personal(settings)

    async def work(tx: AsyncConnection, now: datetime.datetime) -> tuple[VoucherView, None]:
        her = await own.volunteer(tx, me)
        born = await persons.born(tx, personal, me.book_id, her.volunteer_no)
        voucher_id = next(identifiers.rising(now))
        digits = number_of(keys.of_kind(settings, "print")[0], voucher_id)
        bought = await vouchers.buy(
            tx,
            me.book_id,
            her.holder,
            new.item,
            voucher_id=voucher_id,
            digest=ciphers.digest(personal, "spending", digits),
            by=me.name,
            age=None if born is None else full_years(born, day_of(now)),
            now=now,
        )
        [told] = await _told(tx, me, [bought])
        return view(told), None

    return await claimed.once(database, me, key, calls.identity("POST", "/me/vouchers", new), work)


# --- shown ------------------------------------------------------------------------------------------------------------


async def show(tx: AsyncConnection, settings: Settings, me: Principal, voucher_id: UUID) -> tuple[Told, Shown]:
    """One of hers with what a till scans: its own digits if it may be given away, else a pay code that pays with it.

    UnknownVoucher, VoucherNotValid.
    """
    told = await find(tx, me, voucher_id)
    personal = keys.personal(settings)
    now = await connect.now(tx)
    policy = await policies.in_force(tx, me.book_id, day_of(now))
    voucher = told.voucher
    if (fault := voucher.fault(day_of(now), policy)) is not None:
        raise fault
    if voucher.giftable:
        return told, Shown(_digits_of(settings, personal, voucher), now, None)
    digits = eighteen.new_number(eighteen.PAY_CODE)
    digest = ciphers.digest(personal, "spending", digits)
    made = await pay_codes.issue(
        tx, me.book_id, voucher.holder, digest, now=now, policy=policy, voucher_id=voucher.voucher_id
    )
    return told, Shown(digits, made.issued_at, made.expires_at)


def _digits_of(settings: Settings, personal: Keys, voucher: Voucher) -> str:
    """Made with the key that was current when it was bought. CannotDecrypt where that is not there any more."""
    for key in keys.of_kind(settings, "print"):
        digits = number_of(key, voucher.voucher_id)
        if voucher.digest in ciphers.digests(personal, "spending", digits):
            return digits
    raise CannotDecrypt("vouchers.digest")


def number_of(key: str, voucher_id: UUID) -> str:
    """Fifteen digits that nobody guesses who has not the key, between prefix and check digit."""
    drawn = hmac.digest(key.encode(), b"meide voucher\0" + voucher_id.bytes, hashlib.sha256)
    return eighteen.with_check(f"{eighteen.VOUCHER}{int.from_bytes(drawn) % 10**15:015d}")


# --- as answers show it -----------------------------------------------------------------------------------------------


class VoucherView(msgspec.Struct, frozen=True):
    """A voucher of hers. `giftable`: whoever has its digits can use it. `expires_on`: its last day."""

    id: UUID
    item: str
    name: str
    points: int
    giftable: bool
    state: State
    bought_at: datetime.datetime
    expires_on: datetime.date
    ended_at: datetime.datetime | None


def view(told: Told) -> VoucherView:
    """A voucher as answers show it."""
    each = told.voucher
    return VoucherView(
        each.voucher_id,
        each.item,
        told.name,
        each.points,
        each.giftable,
        told.state,
        each.bought_at,
        each.expires_on,
        each.ended_at,
    )
