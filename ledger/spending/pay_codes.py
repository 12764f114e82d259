"""Pay codes 积分码: what a volunteer's phone shows and a till scans.

Eighteen random digits, good for a minute by the database's clock and for one redemption. There is one row a person, so
only her newest code lives; it is also the lock under which she spends. The database keeps a keyed digest of the digits:
a payment code carries nothing about its owner, and is limited in time and use (条码支付业务规范, 银发〔2017〕296号).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from psycopg.types.numeric import Int4
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.database import connect, pipeline
from ledger.database.pipeline import Statement
from ledger.spending.policy import Policy
from ledger.spending.tables import outlets, quotes, redemptions, shoppers

State = Literal["none", "live", "quoted", "used", "expired"]


@dataclass(frozen=True, slots=True)
class PayCode:
    """A code without its digits."""

    code_id: UUID
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Shopper:
    """A person as spending knows her, locked: her household and her newest code."""

    holder: str
    household: str | None
    code_id: UUID | None
    voucher_id: UUID | None
    expires_at: datetime | None
    used_at: datetime | None
    quotes: int
    bound_to: int | None
    bound_until: datetime | None


@dataclass(frozen=True, slots=True)
class Quoted:
    """What a till has asked for by her code. `lines`: item and quantity."""

    quote_id: UUID
    outlet: str
    outlet_name: str
    lines: list[dict[str, Any]]
    points: int
    word: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """What her phone shows. `redemption_id`: what has been made by the code; `voucher_id`: what it pays with."""

    state: State
    expires_at: datetime | None = None
    quoted: Quoted | None = None
    redemption_id: UUID | None = None
    voucher_id: UUID | None = None


_SHOPPER = select(
    shoppers.c.holder,
    shoppers.c.household,
    shoppers.c.code_id,
    shoppers.c.voucher_id,
    shoppers.c.expires_at,
    shoppers.c.used_at,
    shoppers.c.quotes,
    shoppers.c.bound_to,
    shoppers.c.bound_until,
)


async def issue(
    tx: AsyncConnection,
    book: int,
    holder: str,
    digest: bytes,
    *,
    now: datetime,
    policy: Policy,
    voucher_id: UUID | None = None,
) -> PayCode:
    """A new code; the one before ends, quoted or not. `voucher_id`: it pays with that, instead of points."""
    code = PayCode(next(identifiers.rising(now)), now, now + timedelta(seconds=policy.code_seconds))
    new = {
        "code_id": code.code_id,
        "digest": digest,
        "voucher_id": voucher_id,
        "issued_at": code.issued_at,
        "expires_at": code.expires_at,
        "used_at": None,
        "quotes": 0,
        "bound_to": None,
        "bound_until": None,
    }
    await tx.execute(
        insert(shoppers)
        .values(book_id=book, holder=holder, **new)
        .on_conflict_do_update(index_elements=[shoppers.c.book_id, shoppers.c.holder], set_=new)
    )
    return code


async def lock(tx: AsyncConnection, book: int, holder: str) -> Shopper:
    """Her row, made if it is not there, locked until the transaction ends."""
    found = _SHOPPER.where(shoppers.c.book_id == book, shoppers.c.holder == holder).with_for_update(key_share=True)
    row = (await tx.execute(found)).one_or_none()
    if row is None:
        await tx.execute(insert(shoppers).values(book_id=book, holder=holder).on_conflict_do_nothing())
        row = (await tx.execute(found)).one()
    return Shopper(*row)


async def lock_by_digest(tx: AsyncConnection, book: int, digests: Sequence[bytes]) -> Shopper | None:
    """Whose newest code this is, locked; None: nobody's."""
    # A digest at a time: there is more than one only while keys rotate.
    for digest in digests:
        rows = await pipeline.run(await connect.driver(tx), (_LOCK, (Int4(book), digest)))
        if rows:
            return Shopper(**rows[0])
    return None


# Prepared: every redemption asks for it.
_LOCK: Final = Statement(
    b"meide_shopper",
    b"""SELECT holder, household, code_id, voucher_id, expires_at, used_at, quotes, bound_to, bound_until FROM shoppers
        WHERE book_id = $1 AND digest = $2 FOR NO KEY UPDATE""",
)


async def bind(tx: AsyncConnection, book: int, holder: str, till: int, until: datetime) -> None:
    """Her code has been quoted by this till, whose it is until then."""
    await tx.execute(
        update(shoppers)
        .where(shoppers.c.book_id == book, shoppers.c.holder == holder)
        .values(quotes=shoppers.c.quotes + 1, bound_to=till, bound_until=until)
    )


async def use(tx: AsyncConnection, book: int, holder: str, now: datetime) -> None:
    """Her code has been used up."""
    await tx.execute(
        update(shoppers).where(shoppers.c.book_id == book, shoppers.c.holder == holder).values(used_at=now)
    )


async def forget(tx: AsyncConnection, book: int, holder: str) -> None:
    """Removes the code, the household and the quotes of somebody who is erased: nothing is spent for her any more."""
    await tx.execute(delete(quotes).where(quotes.c.book_id == book, quotes.c.holder == holder))
    await tx.execute(delete(shoppers).where(shoppers.c.book_id == book, shoppers.c.holder == holder))


async def look(tx: AsyncConnection, book: int, holder: str, now: datetime) -> Shown:
    """What has become of her newest code."""
    row = (await tx.execute(_SHOPPER.where(shoppers.c.book_id == book, shoppers.c.holder == holder))).one_or_none()
    if row is None or row.code_id is None:
        return Shown("none")
    if row.used_at is not None:
        made = select(redemptions.c.redemption_id).where(
            redemptions.c.book_id == book, redemptions.c.holder == holder, redemptions.c.code_id == row.code_id
        )
        return Shown("used", row.expires_at, None, (await tx.execute(made)).scalar_one_or_none(), row.voucher_id)
    if row.bound_until is not None and row.bound_until > now:
        quoted = await _quoted(tx, book, holder, row.code_id)
        return Shown("quoted", row.bound_until, quoted, None, row.voucher_id)
    return Shown("live" if row.expires_at > now else "expired", row.expires_at, None, None, row.voucher_id)


async def _quoted(tx: AsyncConnection, book: int, holder: str, code_id: UUID) -> Quoted | None:
    row = (
        await tx.execute(
            select(
                quotes.c.quote_id,
                quotes.c.outlet,
                outlets.c.name,
                quotes.c.lines,
                quotes.c.points,
                quotes.c.word,
                quotes.c.expires_at,
            )
            .join(outlets, (outlets.c.book_id == book) & (outlets.c.outlet == quotes.c.outlet))
            .where(quotes.c.book_id == book, quotes.c.holder == holder, quotes.c.code_id == code_id)
            .order_by(quotes.c.quoted_at.desc())
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else Quoted(*row)
