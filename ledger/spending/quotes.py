"""Quotes: what goods cost and whether it is enough, before anything is redeemed. A quote binds a code to its till."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.books import balances
from ledger.days import day_of, midnight
from ledger.errors import CodeUsed, QuoteOver, TooManyQuotes, UnknownQuote
from ledger.spending import baskets, pay_codes, tickets, words
from ledger.spending.baskets import Age, Priced, Wanted
from ledger.spending.policy import Policy
from ledger.spending.presented import Presented, unlocked
from ledger.spending.tables import quotes, redemptions
from ledger.spending.tills import Till


@dataclass(frozen=True, slots=True)
class Quoted:
    """What was asked before a redemption, as it is kept. Points as they were quoted."""

    quote_id: UUID
    till: int
    points: int
    enough: bool
    word: str
    quoted_at: datetime


@dataclass(frozen=True, slots=True)
class Quote:
    """What a till is told, but for her masked name: enough or not enough, and never what she has."""

    quote_id: UUID
    holder: str
    agent: str | None
    lines: tuple[Priced, ...]
    points: int
    enough: bool
    word: str
    expires_at: datetime


async def quote(
    tx: AsyncConnection,
    book: int,
    till: Till,
    presented: Presented,
    wanted: Sequence[Wanted],
    *,
    age: Age,
    now: datetime,
    policy: Policy,
) -> Quote:
    """Says what it costs, and keeps her code for this till.

    TooManyQuotes, and what `baskets.fill` refuses. Nobody learns a balance by asking again and again: a code bears
    three quotes, and a person at one outlet so many a day.
    """
    if presented.means == "code" and presented.shopper.quotes >= policy.quotes_a_code:
        raise TooManyQuotes
    if await _asked(tx, book, presented.holder, till.outlet, midnight(day_of(now))) >= policy.quotes_a_day:
        raise TooManyQuotes
    basket = await baskets.fill(tx, book, till.outlet, presented, wanted, age=age, day=day_of(now), policy=policy)
    found = Quote(
        quote_id=next(identifiers.rising(now)),
        holder=presented.holder,
        agent=presented.agent,
        lines=basket.lines,
        points=basket.points,
        enough=presented.voucher_id is not None or await _has(tx, book, presented.holder, basket.points),
        word=words.new_word(),
        expires_at=now + timedelta(seconds=policy.quote_seconds),
    )
    await tx.execute(
        insert(quotes).values(
            book_id=book,
            quote_id=found.quote_id,
            till=till.till,
            outlet=till.outlet,
            holder=presented.holder,
            means=presented.means,
            code_id=presented.code_id if presented.means != "voucher" else presented.voucher_id,
            agent=presented.agent,
            lines=[{"item": line.offered.item, "quantity": line.quantity} for line in basket.lines],
            points=found.points,
            enough=found.enough,
            word=found.word,
            quoted_at=now,
            expires_at=found.expires_at,
        )
    )
    if presented.means == "code":
        await pay_codes.bind(tx, book, presented.holder, till.till, found.expires_at)
    return found


async def take_up(
    tx: AsyncConnection, book: int, till: Till, quote_id: UUID, *, now: datetime
) -> tuple[Presented, list[Wanted], str]:
    """Who was quoted, what, and the word: her row is locked. UnknownQuote, TillLocked, QuoteOver, CodeUsed."""
    unlocked(till, now)
    found = select(quotes).where(quotes.c.book_id == book, quotes.c.quote_id == quote_id)
    row = (await tx.execute(found)).one_or_none()
    if row is None or row.till != till.till:
        raise UnknownQuote(quote_id)
    shopper = await pay_codes.lock(tx, book, row.holder)
    presented = await _still(tx, book, row, shopper)
    if row.expires_at <= now:
        raise QuoteOver
    return presented, [Wanted(line["item"], line["quantity"]) for line in row.lines], row.word


async def of_code(tx: AsyncConnection, book: int, holder: str, code_id: UUID) -> list[Quoted]:
    """What was quoted to a pay code or ticket of hers, in order; of a card, the quote that its PIN was given for."""
    rows = await tx.execute(
        select(
            *(quotes.c.quote_id, quotes.c.till, quotes.c.points, quotes.c.enough, quotes.c.word, quotes.c.quoted_at),
        )
        .where(
            quotes.c.book_id == book,
            quotes.c.holder == holder,
            or_(quotes.c.code_id == code_id, quotes.c.quote_id == code_id),
        )
        .order_by(quotes.c.quoted_at)
    )
    return [Quoted(*row) for row in rows]


async def _still(tx: AsyncConnection, book: int, row: Row[tuple[object, ...]], shopper: pay_codes.Shopper) -> Presented:
    """What was presented, if it can still be used: QuoteOver, CodeUsed."""
    if row.means == "code":
        if shopper.code_id != row.code_id:
            raise QuoteOver
        if shopper.used_at is not None:
            raise CodeUsed(shopper.used_at)
        return Presented(shopper, "code", row.code_id, shopper.voucher_id, agent=row.agent)
    if row.means == "ticket":
        ticket = await tickets.lock(tx, book, row.code_id)
        if ticket.used_at is not None:
            raise CodeUsed(ticket.used_at)
        if ticket.ended_at is not None:
            raise QuoteOver
        return Presented(shopper, "ticket", ticket.ticket_id, most=ticket.most, agent=row.agent)
    if row.means == "voucher":
        return Presented(shopper, "voucher", voucher_id=row.code_id, agent=row.agent)
    # The PIN was for this quote: what is redeemed names it, and a second time is refused.
    redeemed = select(redemptions.c.made_at).where(redemptions.c.book_id == book, redemptions.c.code_id == row.quote_id)
    used_at = (await tx.execute(redeemed)).scalar_one_or_none()
    if used_at is not None:
        raise CodeUsed(used_at)
    return Presented(shopper, "card", row.quote_id, agent=row.agent)


async def _asked(tx: AsyncConnection, book: int, holder: str, outlet: str, since: datetime) -> int:
    counted = select(func.count()).where(
        quotes.c.book_id == book, quotes.c.holder == holder, quotes.c.quoted_at >= since, quotes.c.outlet == outlet
    )
    return (await tx.execute(counted)).scalar_one()


async def _has(tx: AsyncConnection, book: int, holder: str, points: int) -> bool:
    """Whether her wallet holds so many points that can be spent."""
    found = await balances.balances(tx, book, [f"2100.{holder}"])
    return points == 0 or (bool(found) and (found[0].available or 0) >= points)
