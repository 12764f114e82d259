"""Redemption 核销: points of a volunteer become goods and services of an outlet.

What costs little is done at once. Above a limit, or when something is odd, the points are held (T09) and the volunteer
confirms on her phone what she sees there: shop, goods, points and word; then the hold is captured (T10). Goods of the
programme's own stock leave it at what they were received at (T13); for a merchant's goods and services the merchant is
owed the points. Nothing is taken from anybody who has not presented a code, a ticket, or a card with its PIN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from psycopg.types.numeric import Int4, Int8
from sqlalchemy import Select, any_, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Uuid

from ledger import identifiers
from ledger.books import chart
from ledger.books.chart import NewAccount
from ledger.books.proposals import Line, Proposal, Side
from ledger.database import connect, pipeline
from ledger.database.arrays import Bigints, Texts
from ledger.database.pipeline import Statement
from ledger.days import day_of, midnight
from ledger.errors import (
    HoldEnded,
    HoldExpired,
    NotWaiting,
    OverLimit,
    UnknownRedemption,
)
from ledger.spending import agents, alarms, baskets, pay_codes, postings, quotas, stock, tickets, vouchers, words
from ledger.spending.baskets import Age, Basket, Priced, Wanted
from ledger.spending.policy import Policy
from ledger.spending.presented import Presented
from ledger.spending.tables import items, outlet_days, redemption_lines, redemptions
from ledger.spending.tables import outlets as outlets_table
from ledger.spending.tills import Till

Status = Literal["waiting", "done", "declined", "lapsed", "cancelled"]


@dataclass(frozen=True, slots=True)
class RedeemedLine:
    """Pieces of an item. `points`: of all of them; `value`: what they stood at in the stock account."""

    line: int
    item: str
    name: str
    quantity: int
    points: int
    supply: str
    value: int
    counted: bool
    returned: int
    value_returned: int


@dataclass(frozen=True, slots=True)
class Redemption:
    """A redemption as it stands. `points`: what it cost; `refunded`: how much of that was given back."""

    redemption_id: UUID
    outlet: str
    till: int
    clerk: str | None
    holder: str
    means: str
    code_id: UUID | None
    voucher_id: UUID | None
    agent: str | None
    status: Status
    points: int
    refunded: int
    word: str
    day: date
    made_at: datetime
    confirm_until: datetime | None
    hold_id: UUID | None
    transaction_id: UUID | None
    ended_at: datetime | None
    call_back: str | None
    called_by: str | None
    called_at: datetime | None
    outlet_name: str
    lines: tuple[RedeemedLine, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A redemption that has just been made."""

    redemption_id: UUID
    status: Status
    points: int
    word: str
    made_at: datetime
    confirm_until: datetime | None


async def redeem(
    tx: AsyncConnection,
    book: int,
    till: Till,
    presented: Presented,
    wanted: Sequence[Wanted],
    *,
    word: str | None = None,
    age: Age,
    now: datetime,
    policy: Policy,
) -> Made:
    """Redeems what is wanted for whoever presented something: it is `done`, or it is `waiting` for her.

    What `baskets.fill` refuses, and OverLimit, SoldOut, OverQuota, NotEnoughPoints; then nothing has happened, as far
    as the caller undoes its transaction.
    """
    day = day_of(now)
    basket = await baskets.fill(tx, book, till.outlet, presented, wanted, age=age, day=day, policy=policy)
    waits, odd = await _caution(tx, book, till, presented, basket, now, policy)
    made = Made(
        next(identifiers.rising(now)),
        "waiting" if waits else "done",
        basket.points,
        word or words.new_word(),
        now,
        now + timedelta(seconds=policy.confirm_seconds) if waits else None,
    )
    redemption_id, points, holder = made.redemption_id, made.points, presented.holder
    values = await stock.take(
        tx, book, till.outlet, {line.offered.item: line.quantity for line in basket.lines if _is_counted(line)}
    )
    if presented.voucher_id is None:  # the quota was used up when it was bought
        pieces = [(line.offered, line.quantity) for line in basket.lines]
        await quotas.use(tx, book, day, holder, presented.shopper.household, pieces)
    await _add_to_day(tx, book, till.outlet, day, points, policy)
    lines = [
        RedeemedLine(
            number,
            line.offered.item,
            line.offered.name,
            line.quantity,
            line.points,
            line.offered.supply,
            values.get(line.offered.item, 0),
            _is_counted(line),
            0,
            0,
        )
        for number, line in enumerate(basket.lines)
    ]
    posted: UUID | None = None
    if points and waits:
        posted = await _hold(tx, book, till, redemption_id, holder, points, policy)
    elif points:
        source = "2500" if presented.voucher_id is not None else f"2100.{holder}"
        posted = await postings.post(
            tx,
            book,
            Proposal(
                client=postings.CLIENT,
                key=f"redeem:{redemption_id}",
                call="redeem",
                kind="spend.voucher_used" if presented.voucher_id is not None else "spend.redeem",
                effective_at=None,
                lines=(Line(source, "debit", points), *_to_outlet(till.outlet, lines)),
                actor=till.actor,
                keep_refusal=False,
            ),
        )
    if presented.means == "ticket" and presented.code_id is not None:
        await tickets.use(tx, book, presented.code_id, now)
    if presented.voucher_id is not None and posted is not None:
        await vouchers.use(tx, book, presented.voucher_id, posted, now)
    kept = (
        *(Int4(book), redemption_id, till.outlet, Int4(till.till), till.clerk, holder, presented.means),
        *(presented.code_id, presented.voucher_id, presented.agent, made.status, Int8(points), made.word, day, now),
        *(made.confirm_until, posted if waits else None, None if waits else posted),
        "due" if presented.agent and agents.drawn(redemption_id, policy.agent_sample) else None,
        presented.means == "code",
        Texts([line.item for line in lines]),
        Bigints([line.quantity for line in lines]),
        Bigints([line.points for line in lines]),
        Texts([line.supply for line in lines]),
        Bigints([line.value for line in lines]),
        [line.counted for line in lines],
    )
    await pipeline.run(await connect.driver(tx), (_KEEP, kept))
    if odd is not None:
        of_it = redemption_id if odd == "far_apart" else None
        await alarms.raise_(tx, book, odd, till.outlet, till=till.till, holder=holder, redemption_id=of_it, now=now)
    return made


# The code used up, the redemption and its lines, in one statement.
_KEEP: Final = Statement(
    b"meide_keep",
    b"""WITH code_used AS (UPDATE shoppers SET used_at = $15 WHERE book_id = $1 AND holder = $6 AND $20),
    made AS (
        INSERT INTO redemptions (book_id, redemption_id, outlet, till, clerk, holder, means, code_id, voucher_id, agent,
            status, points, word, day, made_at, confirm_until, hold_id, transaction_id, call_back)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19))
    INSERT INTO redemption_lines (book_id, redemption_id, line, item, quantity, points, supply, value, counted)
    SELECT $1, $2, line - 1, item, quantity, points, supply, value, counted
    FROM unnest($21::text[], $22::bigint[], $23::bigint[], $24::text[], $25::bigint[], $26::boolean[])
         WITH ORDINALITY AS lines (item, quantity, points, supply, value, counted, line)""",
)


async def confirm(tx: AsyncConnection, book: int, holder: str, redemption_id: UUID, *, by: str, now: datetime) -> None:
    """The volunteer says that it is right: what was held is captured (T10). UnknownRedemption, NotWaiting."""
    found = await _waiting(tx, book, holder, redemption_id, now)
    assert found.hold_id is not None, "what waits is held"
    try:
        posted = await postings.post(
            tx,
            book,
            Proposal(
                client=postings.CLIENT,
                key=f"confirm:{redemption_id}",
                call="confirm",
                kind="spend.redeem",
                effective_at=None,
                lines=tuple(_to_outlet(found.outlet, found.lines)),
                actor=by,
                keep_refusal=False,
                ends=found.hold_id,
                ending="capture",
            ),
        )
    except (HoldExpired, HoldEnded):
        raise NotWaiting("lapsed") from None
    await _end(tx, book, redemption_id, "done", now, transaction_id=posted)


async def decline(tx: AsyncConnection, book: int, holder: str, redemption_id: UUID, *, by: str, now: datetime) -> None:
    """She says that it is not: everything goes back. UnknownRedemption, NotWaiting."""
    await _undo(tx, book, await _waiting(tx, book, holder, redemption_id, now), "declined", by=by, now=now)


async def give_up(tx: AsyncConnection, book: int, found: Redemption, *, by: str, now: datetime) -> None:
    """The till gives up what still waits; its rows are locked."""
    await _undo(tx, book, found, "cancelled", by=by, now=now)


async def over(tx: AsyncConnection, book: int, now: datetime) -> list[tuple[UUID, str]]:
    """What waited in vain and has not been given back yet: redemptions and their holders."""
    rows = await tx.execute(
        select(redemptions.c.redemption_id, redemptions.c.holder)
        .where(redemptions.c.book_id == book, redemptions.c.status == "waiting", redemptions.c.confirm_until <= now)
        .order_by(redemptions.c.confirm_until)
    )
    return [(row.redemption_id, row.holder) for row in rows]


async def lapse(database: AsyncEngine, book: int) -> int:
    """Gives back what waited in vain: pieces, quotas, and the points by the end of their hold. Answers how many."""
    async with database.connect() as tx:
        found = await over(tx, book, await connect.now(tx))
    lapsed = 0
    for redemption_id, holder in found:
        async with database.begin() as tx:
            await pay_codes.lock(tx, book, holder)
            each = await locked(tx, book, redemption_id)
            if each.status == "waiting":
                # The hold runs out by itself, with the next posting that locks the wallet.
                await _give_back(tx, book, each)
                await _end(tx, book, redemption_id, "lapsed", await connect.now(tx))
                lapsed += 1
    return lapsed


# --- reading ---------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, redemption_id: UUID) -> Redemption:
    """One redemption; UnknownRedemption."""
    found = await _read(tx, book, _REDEMPTIONS.where(redemptions.c.redemption_id == redemption_id))
    if not found:
        raise UnknownRedemption(redemption_id)
    return found[0]


async def find_many(tx: AsyncConnection, book: int, ids: Iterable[UUID]) -> dict[UUID, Redemption]:
    """Those of them that are there."""
    asked = redemptions.c.redemption_id == any_(literal(list(ids), ARRAY(Uuid)))
    return {each.redemption_id: each for each in await _read(tx, book, _REDEMPTIONS.where(asked))}


async def of_holder(
    tx: AsyncConnection, book: int, holder: str, *, before: datetime | None = None, limit: int = 50
) -> list[Redemption]:
    """A person's redemptions, the newest first."""
    wanted = _REDEMPTIONS.where(redemptions.c.holder == holder).order_by(redemptions.c.made_at.desc()).limit(limit)
    return await _read(tx, book, wanted if before is None else wanted.where(redemptions.c.made_at < before))


async def of_outlet(tx: AsyncConnection, book: int, outlet: str, day: date, *, limit: int = 1_000) -> list[Redemption]:
    """What was redeemed at an outlet on a day, the newest first."""
    wanted = _REDEMPTIONS.where(redemptions.c.outlet == outlet, redemptions.c.day == day)
    return await _read(tx, book, wanted.order_by(redemptions.c.made_at.desc()).limit(limit))


async def locked(tx: AsyncConnection, book: int, redemption_id: UUID) -> Redemption:
    """One redemption, locked until the transaction ends; its holder's row is locked before. UnknownRedemption."""
    await tx.execute(
        select(redemptions.c.redemption_id)
        .where(redemptions.c.book_id == book, redemptions.c.redemption_id == redemption_id)
        .with_for_update(key_share=True)
    )
    return await find(tx, book, redemption_id)


_REDEMPTIONS: Final = select(
    *(redemptions.c[column.name] for column in redemptions.c if column.name != "book_id"),
    outlets_table.c.name.label("outlet_name"),
)


async def _read(tx: AsyncConnection, book: int, wanted: Select[Any]) -> list[Redemption]:
    of_book = wanted.join_from(
        redemptions, outlets_table, (outlets_table.c.book_id == book) & (outlets_table.c.outlet == redemptions.c.outlet)
    ).where(redemptions.c.book_id == book)
    heads = (await tx.execute(of_book)).mappings().all()
    if not heads:
        return []
    rows = await tx.execute(
        select(
            redemption_lines.c.redemption_id,
            redemption_lines.c.line,
            redemption_lines.c.item,
            items.c.name,
            redemption_lines.c.quantity,
            redemption_lines.c.points,
            redemption_lines.c.supply,
            redemption_lines.c.value,
            redemption_lines.c.counted,
            redemption_lines.c.returned,
            redemption_lines.c.value_returned,
        )
        .join(items, (items.c.book_id == book) & (items.c.item == redemption_lines.c.item))
        .where(
            redemption_lines.c.book_id == book,
            redemption_lines.c.redemption_id == any_(literal([head["redemption_id"] for head in heads], ARRAY(Uuid))),
        )
        .order_by(redemption_lines.c.redemption_id, redemption_lines.c.line)
    )
    lines: dict[UUID, list[RedeemedLine]] = {}
    for redemption_id, *line in rows:
        lines.setdefault(redemption_id, []).append(RedeemedLine(*line))
    return [Redemption(**head, lines=tuple(lines.get(head["redemption_id"], ()))) for head in heads]


# --- what a redemption does ------------------------------------------------------------------------------------------


def _is_counted(line: Priced) -> bool:
    return line.offered.pieces is not None


async def _caution(
    tx: AsyncConnection, book: int, till: Till, presented: Presented, basket: Basket, now: datetime, policy: Policy
) -> tuple[bool, alarms.Rule | None]:
    """Whether she has to confirm it on her phone, and what the staff should hear of. On paper nobody can: OverLimit."""
    points = basket.points
    if points == 0 or presented.voucher_id is not None:
        return False, None
    today = midnight(day_of(now))
    week = today - timedelta(days=day_of(now).weekday())
    lately = now - timedelta(minutes=policy.apart_minutes)
    asked = (Int4(book), presented.holder, till.outlet, today, week, lately)
    [row] = await pipeline.run(await connect.driver(tx), (_LATELY, asked))
    often = row["pair"] >= policy.pair_week_times
    apart = row["elsewhere"] and await alarms.far_apart(tx, book, presented.holder, till.outlet, now=now, policy=policy)
    odd: alarms.Rule | None = "far_apart" if apart else "over_pair" if often else None
    if presented.means == "code":
        return points > policy.free_points or row["times"] >= policy.free_times or odd is not None, odd
    if row["paper"] + points > policy.paper_day_points:
        raise OverLimit("paper_day")
    if often:
        raise OverLimit("pair_week")
    return False, odd


async def _add_to_day(tx: AsyncConnection, book: int, outlet: str, day: date, points: int, policy: Policy) -> None:
    """OverLimit where the outlet would redeem more than it may on one day."""
    if points == 0:
        return
    added = (Int4(book), outlet, day, Int8(points), Int8(policy.shop_day_points))
    [row] = await pipeline.run(await connect.driver(tx), (_ADD_TO_DAY, added))
    if row["points"] > row["most"]:
        raise OverLimit("shop_day")


# Prepared, since every redemption asks for them. What somebody has redeemed this week, and how.
_LATELY: Final = Statement(
    b"meide_lately",
    b"""SELECT count(*) FILTER (WHERE free AND made_at >= $4 AND NOT paper) AS times,
               count(*) FILTER (WHERE free AND outlet = $3) AS pair,
               coalesce(sum(points) FILTER (WHERE counts AND paper AND made_at >= $4), 0)::bigint AS paper,
               bool_or(made_at > $6 AND outlet <> $3) AS elsewhere
        FROM (SELECT made_at, outlet, points, counts, means IN ('card', 'ticket') AS paper,
                     counts AND confirm_until IS NULL AND points > 0 AND made_at >= $5 AS free
              FROM (SELECT *, status IN ('waiting', 'done') AND voucher_id IS NULL AS counts FROM redemptions
                    WHERE book_id = $1 AND holder = $2 AND made_at >= least($5, $6)) AS of_hers) AS each""",
)
_ADD_TO_DAY: Final = Statement(
    b"meide_add_to_day",
    b"""INSERT INTO outlet_days AS d (book_id, outlet, day, points) VALUES ($1, $2, $3, $4)
        ON CONFLICT (book_id, outlet, day) DO UPDATE SET points = d.points + excluded.points
        RETURNING d.points, coalesce((SELECT o.day_limit FROM outlets o WHERE o.book_id = $1 AND o.outlet = $2), $5)
                            AS most""",
)


def _to_outlet(outlet: str, lines: Iterable[RedeemedLine]) -> list[Line]:
    """Where the points go: for the programme's goods out of the stock, for the merchant's to the merchant."""
    owed = sum(line.points for line in lines if line.supply == "merchant")
    sold = sum(line.points for line in lines if line.supply == "stock")
    left = sum(line.value for line in lines if line.supply == "stock")
    legs = [(f"2300.{outlet}", owed), (f"1200.{outlet}", left), ("5300", sold - left)]
    return [_leg(account, amount) for account, amount in legs if amount]


def from_outlet(outlet: str, merchant: int, sold: int, value: int) -> list[Line]:
    """The same back: points of the merchant's lines, of the programme's, and what those go back into stock at."""
    legs = [(f"2300.{outlet}", -merchant), (f"1200.{outlet}", -value), ("5300", value - sold)]
    return [_leg(account, amount) for account, amount in legs if amount]


def _leg(account: str, credit: int) -> Line:
    side: Side = "credit" if credit > 0 else "debit"
    return Line(account, side, abs(credit))


async def _hold(
    tx: AsyncConnection, book: int, till: Till, redemption_id: UUID, holder: str, points: int, policy: Policy
) -> UUID:
    """T09."""
    held = NewAccount(f"2120.{holder}", holder, "liability", "PT")
    await chart.open_missing(tx, book, [held])
    return await postings.post(
        tx,
        book,
        Proposal(
            client=postings.CLIENT,
            key=f"redeem:{redemption_id}",
            call="redeem",
            kind="spend.hold",
            effective_at=None,
            lines=(Line(f"2100.{holder}", "debit", points), Line(held.code, "credit", points)),
            actor=till.actor,
            keep_refusal=False,
            hold_for=timedelta(seconds=policy.confirm_seconds),
        ),
    )


async def _waiting(tx: AsyncConnection, book: int, holder: str, redemption_id: UUID, now: datetime) -> Redemption:
    """What waits for her, locked. UnknownRedemption, NotWaiting."""
    await pay_codes.lock(tx, book, holder)
    found = await locked(tx, book, redemption_id)
    if found.holder != holder:
        raise UnknownRedemption(redemption_id)
    if found.status != "waiting":
        raise NotWaiting(found.status)
    assert found.confirm_until is not None, "by the table's check"
    if found.confirm_until <= now:
        raise NotWaiting("lapsed")
    return found


async def _undo(tx: AsyncConnection, book: int, found: Redemption, status: Status, *, by: str, now: datetime) -> None:
    """Ends what waits: the hold is voided, pieces and quotas go back."""
    await _give_back(tx, book, found)
    await _end(tx, book, found.redemption_id, status, now)
    if found.hold_id is None:
        return
    void = Proposal(
        client=postings.CLIENT,
        key=f"void:{found.redemption_id}",
        call="void",
        kind="hold.void",
        effective_at=None,
        lines=(),
        actor=by,
        keep_refusal=False,
        ends=found.hold_id,
        ending="void",
    )
    try:
        await postings.post(tx, book, void)
    except (HoldExpired, HoldEnded):
        raise NotWaiting("lapsed") from None


async def _give_back(tx: AsyncConnection, book: int, found: Redemption) -> None:
    """Pieces, quotas and the day's sum, of the whole redemption."""
    await give_back_pieces(tx, book, found, [(line, line.quantity, line.value) for line in found.lines])
    await take_off_day(tx, book, found.outlet, found.day, found.points)


async def give_back_pieces(
    tx: AsyncConnection, book: int, found: Redemption, pieces: Sequence[tuple[RedeemedLine, int, int]]
) -> None:
    """Lines, quantities and the values at which they go back into stock; and as much of the quotas."""
    counted = sorted((line.item, quantity, value) for line, quantity, value in pieces if line.counted)
    await stock.put_back(tx, book, found.outlet, counted)
    if found.voucher_id is None:
        shopper = await pay_codes.lock(tx, book, found.holder)
        back = [(line.item, quantity) for line, quantity, _ in pieces]
        await quotas.give_back(tx, book, found.day, found.holder, shopper.household, back)


async def take_off_day(tx: AsyncConnection, book: int, outlet: str, day: date, points: int) -> None:
    """It does not count on its day any more."""
    if points:
        await tx.execute(
            update(outlet_days)
            .where(outlet_days.c.book_id == book, outlet_days.c.outlet == outlet, outlet_days.c.day == day)
            .values(points=outlet_days.c.points - points)
        )


async def _end(
    tx: AsyncConnection,
    book: int,
    redemption_id: UUID,
    status: Status,
    now: datetime,
    *,
    transaction_id: UUID | None = None,
) -> None:
    changed: Mapping[str, object] = {"transaction_id": transaction_id} if transaction_id is not None else {}
    await tx.execute(
        update(redemptions)
        .where(redemptions.c.book_id == book, redemptions.c.redemption_id == redemption_id)
        .values(status=status, ended_at=now, **changed)
    )
