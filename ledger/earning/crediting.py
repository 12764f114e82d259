"""What reviewed records earn: hours at once, points by way of public notice into the wallet.

A record's hours and its points are two transactions of one batch: the hours effective at sign-out (T02, T04), the
points when public notice begins (T02, T05, T07). When notice is over the points become spendable (T03), and a minus
item takes what the wallet holds (T08). Each has a key made of its record, so that every step is safe to repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from sqlalchemy import ColumnElement, select, tuple_, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import chart, journal
from ledger.books.chart import NewAccount
from ledger.books.evaluate import Posted, Refused
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.database.rows import rows_within
from ledger.days import day_of
from ledger.earning import (
    budgets,
    calendar,
    organisations,
    qualifications,
    record,
    rule_sets,
    rules,
    tallies,
    volunteers,
)
from ledger.earning.budgets import CLIENT
from ledger.earning.calendar import Calendar
from ledger.earning.record import Record
from ledger.earning.rule_sets import Rulebook
from ledger.earning.rules import Award, RuleSet, Work
from ledger.earning.tables import records
from ledger.earning.volunteers import CREDIT_HOURS, HONOUR_HOURS, IN_NOTICE, WALLET
from ledger.errors import AccountExists, Refusal

CHUNK: Final = 500
"""Records that a job brings on in one transaction of the database."""
AT_ONCE: Final = 2
"""Chunks under way."""
_DEADLOCK: Final = "40P01"

FORFEITURE: Final = "4200"

_REWARDS: Final = {"service": "5100", "act": "5120", "honour": "5120", "training": "5130"}
"""Which reward account an item's category is posted to; what coefficients add goes to 5110."""

BONUS: Final = "5110"
HOURS: Final = "9110"

_OF_ORGANISATIONS: Final = {
    HOURS: ("服务时长", "memo_debit", "HR"),
    "5100": ("服务奖励", "expense", "PT"),
    BONUS: ("系数奖励", "expense", "PT"),
    "5120": ("加分项奖励", "expense", "PT"),
    "5130": ("培训奖励", "expense", "PT"),
}


T = TypeVar("T")
U = TypeVar("U")


Held = Mapping[tuple[str, date], frozenset[str]]


class NotPosted(Exception):
    """The books refuse what a record would post: nothing of the batch may stay."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


async def credit(
    tx: AsyncConnection, book: int, reviewed: Sequence[Record], rulebook: Rulebook, days: Calendar, now: datetime
) -> list[Record]:
    """Posts the hours of reviewed records and brings their points into notice; answers what became of each, in order.

    The caller holds the volunteers' rows and the records', and stores the answers. A record for whose points the
    budget has no room stays *reviewed*, with its hours posted, and is tried again by `resume`. Raises NotPosted.
    """
    if not reviewed:
        return []
    today = day_of(now)
    lines = await organisations.lines(tx, book, {each.organisation for each in reviewed})
    since = min(rulebook.since(each.served_on) for each in reviewed)
    before = await tallies.of(tx, book, {each.holder for each in reviewed}, since)
    held = await _held(tx, book, reviewed, rulebook)
    room = await budgets.room(tx, book, today.year, {code for line in lines.values() for code in line})
    done: list[Record] = []
    proposals: list[Proposal] = []
    for each in reviewed:
        if each.minutes and each.hours_transaction is None and each.record_class != "act":
            proposals.append(_hours(each))
        done.append(_earned(each, rulebook, before, held, lines[each.organisation], room, days, today))
        if done[-1].state == "in_notice" and (done[-1].points or 0) > 0:
            proposals.append(_points(done[-1], _rules(rulebook, done[-1])))
    await _open(tx, book, proposals)
    posted = await _post(tx, book, proposals)
    await budgets.issued(tx, book, room.year, room.taken)
    return [
        replace(
            each,
            hours_transaction=posted.get(f"{each.record_id}/hours", each.hours_transaction),
            points_transaction=posted.get(f"{each.record_id}/points", each.points_transaction),
        )
        for each in done
    ]


async def resume(database: AsyncEngine, book: int) -> int:
    """Brings into notice what waited for the budget, in the order of review, as far as it goes; answers how many."""
    brought = 0
    after: tuple[datetime, UUID] | None = None
    while True:
        async with database.begin() as tx:
            now = await connect.now(tx)
            found = record.of_book(book).where(records.c.state == "reviewed")
            if after is not None:
                found = found.where(tuple_(records.c.reviewed_at, records.c.record_id) > after)
            waiting = await record.read(tx, found.order_by(records.c.reviewed_at, records.c.record_id).limit(CHUNK))
            if not waiting:
                return brought
            last = waiting[-1]
            assert last.reviewed_at is not None, "reviewed"
            after = (last.reviewed_at, last.record_id)
            await volunteers.locked(tx, book, {each.holder for each in waiting})
            now_are = await record.locked(tx, book, [each.record_id for each in waiting])
            still = [now_are[each.record_id] for each in waiting if now_are[each.record_id].state == "reviewed"]
            rulebook = await rule_sets.in_force(tx, book)
            days = await calendar.read(tx, day_of(now))
            credited = await each_for_itself(
                tx,
                still,
                lambda some: credit(tx, book, some, rulebook, days, now),  # noqa: B023 # called at once
            )
            changed = [each for each in credited if isinstance(each, Record) and each.state != "reviewed"]
            await record.change(tx, book, changed)
            brought += len(changed)


async def release(database: AsyncEngine, book: int) -> int:
    """Ends the notice of what was in it until yesterday: its points become spendable. Answers how many records.

    Chunk by chunk, each in a transaction of its own, so that it can be stopped anywhere; several at once share the
    work. What an account in question does not let happen (a frozen wallet) is left as it is.
    """
    # While the database is at one chunk, the other is decided.
    at_it = [asyncio.create_task(_release_all(database, book)) for _ in range(AT_ONCE)]
    try:
        return sum(await asyncio.gather(*at_it))
    finally:
        for task in at_it:
            task.cancel()
        await asyncio.gather(*at_it, return_exceptions=True)


async def _release_all(database: AsyncEngine, book: int) -> int:
    released = 0
    after: tuple[date, UUID] | None = None
    while True:
        try:
            async with database.begin() as tx:
                now = await connect.now(tx)
                chunk = await _over(tx, book, day_of(now), after)
                if not chunk:
                    return released
                rulebook = await rule_sets.in_force(tx, book)
                ended = await each_for_itself(
                    tx,
                    chunk,
                    lambda some: _release(tx, book, some, rulebook, now),  # noqa: B023 # called at once
                )
                done = await _end(tx, book, [each for each in ended if not isinstance(each, Refusal)], now)
        except (DBAPIError, psycopg.Error) as error:
            if connect.violation(error)[0] != _DEADLOCK:
                raise
            continue  # where each has to be posted for itself, accounts are locked in no order
        released += done
        after = (chunk[-1].notice_until, chunk[-1].record_id)


async def each_for_itself(
    tx: AsyncConnection, asked: Sequence[T], do: Callable[[Sequence[T]], Awaitable[Sequence[U]]]
) -> list[U | Refusal]:
    """Does something with all of the records, or where the books refuse one, with each alone; outcomes in order."""
    try:
        async with tx.begin_nested():
            return list(await do(asked))
    except NotPosted as error:
        if len(asked) == 1:
            return [error.refusal]
    outcomes: list[U | Refusal] = []
    for one in asked:
        outcomes += await each_for_itself(tx, [one], do)
    return outcomes


# --- what a record earns ---------------------------------------------------------------------------------------------


def _rules(rulebook: Rulebook, of: Record | _Over) -> RuleSet:
    """The rules of the day on which it was served: a change tomorrow leaves yesterday alone."""
    return rulebook.on(of.served_on) or rules.DEFAULT


def _earned(
    of: Record,
    rulebook: Rulebook,
    before: dict[str, tallies.Tally],
    held: Held,
    line: Sequence[str],
    room: budgets.Room,
    days: Calendar,
    today: date,
) -> Record:
    """The record in notice with its points, or still reviewed where the budget has no room for them."""
    in_force = _rules(rulebook, of)
    work = Work(
        of.record_class,
        of.category,
        of.item,
        of.served_on,
        of.minutes,
        of.activity,
        held.get((of.holder, of.served_on), frozenset()),
    )
    award: Award = rules.award(in_force, work, before[of.holder])
    if award.points > 0 and not room.take(line, award.points):
        return replace(of, state="reviewed", due_on=None)
    before[of.holder].add(work, award)
    until = (
        today + timedelta(days=in_force.appeal_days) if award.points < 0 else days.after(today, in_force.notice_days)
    )
    return replace(
        of,
        state="in_notice",
        item=award.item,
        rule_set=in_force.version or None,
        points=award.points,
        bonus=award.bonus,
        inputs=award.inputs,
        notice_from=today,
        notice_until=until,
        due_on=until,
    )


async def _held(tx: AsyncConnection, book: int, reviewed: Iterable[Record], rulebook: Rulebook) -> Held:
    """What these people held on their service days, of those records for which a coefficient asks."""
    return await qualifications.held_by(
        tx,
        book,
        [
            (each.holder, each.served_on)
            for each in reviewed
            if any(coefficient.qualification is not None for coefficient in _rules(rulebook, each).coefficients)
        ],
    )


# --- what is posted --------------------------------------------------------------------------------------------------


def _proposal(of: Record | _Over, step: str, kind: str, lines: Sequence[Line], **more: Any) -> Proposal:
    return Proposal(
        client=CLIENT,
        key=f"{of.record_id}/{step}",
        call=f"{kind} {of.record_id}",
        kind=kind,
        effective_at=more.pop("effective_at", None),
        lines=tuple(lines),
        actor=of.submitted_by,
        approver=of.reviewed_by,
        keep_refusal=False,
        **more,
    )


def _hours(of: Record) -> Proposal:
    whose = CREDIT_HOURS if of.record_class == "credit" else HONOUR_HOURS
    return _proposal(
        of,
        "hours",
        "earn.hours",
        [
            Line(f"{HOURS}.{of.organisation}", "debit", of.minutes),
            Line(f"{whose}.{of.holder}", "credit", of.minutes),
        ],
        effective_at=of.check_out,
    )


def _points(of: Record, in_force: RuleSet) -> Proposal:
    assert of.points is not None, "decided"
    assert of.bonus is not None, "decided"
    category = "service" if of.item is None else in_force.item(of.item).category
    lines = [Line(f"{_REWARDS[category]}.{of.organisation}", "debit", of.points - of.bonus)]
    if of.bonus:
        lines.append(Line(f"{BONUS}.{of.organisation}", "debit", of.bonus))
    lines = [line for line in lines if line.amount]
    return _proposal(of, "points", "earn.points", [*lines, Line(f"{IN_NOTICE}.{of.holder}", "credit", of.points)])


async def _release(
    tx: AsyncConnection, book: int, over: Sequence[_Over], rulebook: Rulebook, now: datetime
) -> list[tuple[UUID, UUID | None]]:
    """Posts the end of notice of these records; answers each with its transaction. Raises NotPosted."""
    today = day_of(now)
    proposals = []
    for each in over:
        if each.points > 0:
            lapses_on = rules.lapses_on(_rules(rulebook, each), today)
            moved = [
                Line(f"{IN_NOTICE}.{each.holder}", "debit", each.points),
                Line(f"{WALLET}.{each.holder}", "credit", each.points, lapses_on=lapses_on),
            ]
            proposals.append(_proposal(each, "release", "earn.release", moved, moves=each.points_transaction))
        elif each.points < 0:
            # What the wallet does not hold is waived: points are never a debt (Volunteer Service Regulations 2, 25).
            taken = [
                Line(f"{WALLET}.{each.holder}", "debit", -each.points, overflow=FORFEITURE),
                Line(FORFEITURE, "credit", -each.points),
            ]
            proposals.append(_proposal(each, "release", "deduct.item", taken))
    await _open(tx, book, proposals)
    posted = await _post(tx, book, proposals)
    return [(each.record_id, posted.get(f"{each.record_id}/release")) for each in over]


async def _post(tx: AsyncConnection, book: int, proposals: Sequence[Proposal]) -> dict[str, UUID]:
    """Posts all, or raises NotPosted; the transactions by key."""
    posted = {}
    for proposal, outcome in zip(proposals, await journal.post(tx, book, proposals), strict=True):
        if isinstance(outcome, Refused):
            raise NotPosted(outcome.refusal)
        assert isinstance(outcome, Posted), "what is not refused is posted"
        posted[proposal.key] = outcome.transaction_id
    return posted


async def _open(tx: AsyncConnection, book: int, proposals: Iterable[Proposal]) -> None:
    """Opens the organisations' accounts that are posted to for the first time. Raises NotPosted."""
    needed = {
        line.account
        for proposal in proposals
        for line in proposal.lines
        if line.account.partition(".")[0] in _OF_ORGANISATIONS or line.account == FORFEITURE
    }
    wanted = [
        NewAccount(code, *_OF_ORGANISATIONS.get(code.partition(".")[0], ("减分收回", "income", "PT")))
        for code in needed
    ]
    try:
        await chart.open_missing(tx, book, wanted)
    except AccountExists as refusal:
        raise NotPosted(refusal) from None


# --- the end of notice -----------------------------------------------------------------------------------------------


class _Over(NamedTuple):
    """What the end of notice needs to know of a record, of which there are many."""

    record_id: UUID
    holder: str
    served_on: date
    points: int
    points_transaction: UUID | None
    notice_until: date
    submitted_by: str
    reviewed_by: str | None


_OVER: Final = [records.c[name] for name in _Over._fields]


async def _over(tx: AsyncConnection, book: int, today: date, after: tuple[date, UUID] | None) -> list[_Over]:
    """Records whose notice was over yesterday, locked; those that somebody else has in hand are left to him."""
    found = select(*_OVER).where(
        records.c.book_id == book, records.c.state == "in_notice", records.c.notice_until < today
    )
    if after is not None:
        later: ColumnElement[bool] = tuple_(records.c.notice_until, records.c.record_id) > after
        found = found.where(later)
    in_order = found.order_by(records.c.notice_until, records.c.record_id).limit(CHUNK)
    return [_Over(*row) for row in await tx.execute(in_order.with_for_update(skip_locked=True))]


async def _end(tx: AsyncConnection, book: int, ended: Sequence[tuple[UUID, UUID | None]], now: datetime) -> int:
    """Stores that these records are credited, each by a transaction; they are locked."""
    if ended:
        new = rows_within([records.c.record_id, records.c.release_transaction], ended)
        await tx.execute(
            update(records)
            .where(records.c.book_id == book, records.c.record_id == new.c.record_id)
            .values(
                state="credited",
                release_transaction=new.c.release_transaction,
                ended_at=now,
                ended_by=CLIENT,
                due_on=None,
            )
        )
    return len(ended)
