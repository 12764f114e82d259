"""Search of the journal, the newest first, page by page.

How a question is answered decides how long it takes. By its number or its voucher a transaction is read at once. By
accounts (a prefix of few, or a volunteer's) their own entries are read from their ends. Everything else walks the
journal from its end back, as far as a page needs: quick for what is frequent, slow for what is rare, so whoever looks
for something rare says from which day on. What takes more than five seconds is given up, and the refusal says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal, get_args
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, String, Uuid, any_, func, literal, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.auditing import log
from ledger.auditing.tables import log_leaves
from ledger.books.chart import CHART, CODE
from ledger.books.tables import accounts, entries, transactions
from ledger.database import connect
from ledger.days import BEIJING
from ledger.errors import InvalidField, SearchTooWide

Correction = Literal["reversal", "refund", "clawback"]

FEW: Final = 500
"""Accounts whose own entries are read; of more, the journal is walked."""
MOST_AMOUNT: Final = 10**15
TEXT_LENGTH: Final = 100
_WORD: Final = re.compile(r"[0-9A-Za-z_.:-]{1,100}", re.ASCII)
_VOUCHER: Final = re.compile(r"(\d{4})-([1-9]\d{0,17})", re.ASCII)
_PERSONAL: Final = tuple(row.code for row in CHART if row.holder == "volunteer")
_CANCELLED: Final = "57014"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is looked for; all of what is given must be so.

    `from_day`, `to_day`: dated then (Asia/Shanghai). `account`: the beginning of an account's code. `holder`: whose
    accounts. `amount`: of one entry, in the smallest unit; with accounts, of an entry of theirs. `kind`: `spend.redeem`
    or all that begin with `spend`. `actor`: who did or approved it. `correction`: what kind of correction it is; or
    `corrects`: of which transaction. `words`: in the description, within a range of days only.
    """

    from_day: date | None = None
    to_day: date | None = None
    account: str | None = None
    holder: str | None = None
    amount: int | None = None
    kind: str | None = None
    actor: str | None = None
    transaction: UUID | None = None
    voucher: str | None = None
    correction: str | None = None
    corrects: UUID | None = None
    words: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for: then everything is found."""
        return all(getattr(self, field.name) is None for field in fields(self))


@dataclass(frozen=True, slots=True)
class Found:
    """A transaction. `amounts`: the debits of each unit; `voucher`: once it is sealed."""

    transaction_id: UUID
    kind: str
    description: str
    effective_on: date
    recorded_at: datetime
    actor: str
    approver: str | None
    correction: str | None
    corrects: UUID | None
    amounts: tuple[tuple[str, int], ...]
    voucher: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what was found, the newest first; `next`: the `after` of the next page, None at the end."""

    items: list[Found]
    next: UUID | None


async def search(tx: AsyncConnection, book: int, terms: Terms, *, after: UUID | None = None, limit: int = 50) -> Page:
    """The transactions that are as the terms say, the newest first; those decided before the one `after`.

    InvalidField; SearchTooWide where it takes longer than the database lets a read take.
    """
    _check(terms)
    try:
        found = await _found(tx, book, terms, after, limit + 1)
        items = await _told(tx, book, found[:limit])
    except DBAPIError as error:
        if connect.violation(error)[0] == _CANCELLED:
            raise SearchTooWide from None
        raise
    return Page(items, found[limit - 1] if len(found) > limit else None)


def _check(terms: Terms) -> None:
    """InvalidField where something could never be so, or would be looked for in the whole book word by word."""
    if terms.from_day is not None and terms.to_day is not None and terms.to_day < terms.from_day:
        raise InvalidField("to", "before_from")
    if terms.account is not None and not CODE.fullmatch(terms.account):
        raise InvalidField("account", "not_an_account_code")
    if terms.amount is not None and not 0 < terms.amount <= MOST_AMOUNT:
        raise InvalidField("amount", "out_of_range")
    for name, value in (("kind", terms.kind), ("actor", terms.actor)):
        if value is not None and not _WORD.fullmatch(value):
            raise InvalidField(name, "not_a_code")
    if terms.voucher is not None and _VOUCHER.fullmatch(terms.voucher) is None:
        raise InvalidField("voucher", "not_a_voucher_number")
    if terms.correction is not None and terms.correction not in get_args(Correction):
        raise InvalidField("correction", "not_a_correction")
    if terms.words is not None:
        if not 0 < len(terms.words) <= TEXT_LENGTH or "\x00" in terms.words:
            raise InvalidField("text", "out_of_range")
        if terms.from_day is None or terms.to_day is None:
            raise InvalidField("text", "needs_days")


async def _found(tx: AsyncConnection, book: int, terms: Terms, after: UUID | None, limit: int) -> list[UUID]:
    c = transactions.c
    wanted = [*_conditions(terms), c.book_id == book]
    if after is not None:
        wanted.append(c.transaction_id < after)
    if terms.from_day is not None:  # nothing is booked before it happens, and the numbers are times
        wanted.append(c.transaction_id >= _first_of(terms.from_day))
    if terms.voucher is not None:
        year, number = map(int, terms.voucher.split("-"))
        of = log_leaves.c
        item = select(of.item).where(of.book_id == book, of.voucher_year == year, of.voucher_number == number)
        wanted.append(c.transaction_id == item.scalar_subquery())
    ids = await _accounts(tx, book, terms)
    if ids is not None and len(ids) <= FEW:
        return await _by_accounts(tx, book, ids, terms, wanted, limit)
    if terms.amount is not None or ids is not None:
        leg = (entries.c.book_id == book) & (entries.c.transaction_id == c.transaction_id)
        inner = select(literal(1)).where(leg, *_legs(terms, entries))
        if ids is not None:
            inner = inner.join(accounts, accounts.c.account_id == entries.c.account_id).where(
                accounts.c.book_id == book, *_within(terms)
            )
        wanted.append(inner.offset(0).exists())  # looked up for each, never joined with the whole journal
    rows = await tx.execute(select(c.transaction_id).where(*wanted).order_by(c.transaction_id.desc()).limit(limit))
    return list(rows.scalars())


def _conditions(terms: Terms) -> list[ColumnElement[bool]]:
    c = transactions.c
    wanted: list[ColumnElement[bool]] = []
    if terms.transaction is not None:
        wanted.append(c.transaction_id == terms.transaction)
    if terms.from_day is not None:
        wanted.append(c.effective_on >= terms.from_day)
    if terms.to_day is not None:
        wanted.append(c.effective_on <= terms.to_day)
    if terms.kind is not None:
        wanted.append(or_(c.kind == terms.kind, c.kind.startswith(f"{terms.kind}.", autoescape=True)))
    if terms.actor is not None:
        wanted.append(or_(c.actor == terms.actor, c.approver == terms.actor))
    if terms.correction is not None:
        wanted.append(c.correction == terms.correction)
    if terms.corrects is not None:
        wanted += [c.corrects == terms.corrects, _either_correction()]
    if terms.words is not None:
        wanted.append(c.description.icontains(terms.words, autoescape=True))
    return wanted


def _either_correction() -> ColumnElement[bool]:
    """What the two partial indexes on what is corrected are for, so that they are used."""
    return or_(transactions.c.correction == "reversal", transactions.c.correction != "reversal")


def _legs(terms: Terms, of: Any) -> list[ColumnElement[bool]]:
    """What one entry must be; `of`: the entries, by whatever name the statement has for them."""
    if terms.amount is None:
        return []
    return [or_(of.c.debit == terms.amount, of.c.credit == terms.amount)]


def _within(terms: Terms) -> list[ColumnElement[bool]]:
    """Which accounts are meant. A prefix is a range of the index on the code, whose order is that of its bytes."""
    code = accounts.c.code
    wanted: list[ColumnElement[bool]] = []
    if terms.account is not None:
        wanted += [code >= terms.account, code < f"{terms.account}\x7f"]
    if terms.holder is not None:
        wanted.append(code.in_([f"{each}.{terms.holder}" for each in _PERSONAL]))
    return wanted


async def _accounts(tx: AsyncConnection, book: int, terms: Terms) -> list[int] | None:
    """The accounts that are meant, one more than a few at most; None: all."""
    wanted = _within(terms)
    if not wanted:
        return None
    found = select(accounts.c.account_id).where(accounts.c.book_id == book, accounts.c.number > 0, *wanted)
    return list((await tx.execute(found.limit(FEW + 1))).scalars())


async def _by_accounts(
    tx: AsyncConnection,
    book: int,
    ids: Sequence[int],
    terms: Terms,
    wanted: Sequence[ColumnElement[bool]],
    limit: int,
) -> list[UUID]:
    """Of each account its newest that are so, and of all these the newest.

    Entries are numbered as they are booked, and the ids of transactions rise with the milliseconds of that; within a
    millisecond they do not. So each account is read a whole millisecond further than its page goes.
    """
    if not ids:
        return []
    hers = accounts.c.account_id == any_(literal(list(ids), ARRAY(BIGINT)))
    whose = select(accounts.c.account_id).where(accounts.c.book_id == book, hers).subquery()
    each = whose.c.account_id
    last, again, below, first = (entries.alias(name) for name in ("last", "again", "below", "first"))
    same = (again.c.transaction_id == last.c.transaction_id) & (again.c.account_id == last.c.account_id)
    later = select(literal(1)).where(
        again.c.book_id == book, same, again.c.number > last.c.number, *_legs(terms, again)
    )

    def own(of: Any) -> list[ColumnElement[bool]]:
        head = select(literal(1)).where(transactions.c.transaction_id == of.c.transaction_id, *wanted)
        return [of.c.book_id == book, of.c.account_id == each, head.offset(0).exists(), *_legs(terms, of)]

    page = (
        select(last.c.number, last.c.transaction_id.cast(String(collation="C")).label("id"))
        .where(*own(last), ~later.offset(0).exists())  # a transaction once, however many entries it has there
        .order_by(last.c.number.desc())
        .limit(limit)
        .correlate(whose)
        .lateral()
    )
    millisecond = func.left(func.min(page.c.id), 13).concat("-0000-0000-000000000000").cast(Uuid)
    end = select(func.min(page.c.number).label("number"), millisecond.label("id")).correlate(whose).lateral()
    before = [below.c.book_id == book, below.c.account_id == each, below.c.number < end.c.number]
    further = (
        select(below.c.number)
        .where(*before, below.c.transaction_id < end.c.id)
        .order_by(below.c.number.desc())
        .limit(1)
        .correlate(whose, end)
        .scalar_subquery()
    )
    # OFFSET 0 keeps the planner from turning the steps around: it does not know how few they leave.
    bound = (
        select(func.coalesce(further, 0).label("number"))
        .where(end.c.number.is_not(None))
        .offset(0)
        .correlate(whose, end)
        .lateral()
    )
    whole = (
        select(first.c.transaction_id)
        .where(first.c.number > bound.c.number, *own(first))
        .offset(0)
        .correlate(whose, bound)
        .lateral()
    )
    found = (
        select(whole.c.transaction_id)
        .select_from(whose)
        .join(end, true())
        .join(bound, true())
        .join(whole, true())
        .distinct()
        .order_by(whole.c.transaction_id.desc())
        .limit(limit)
    )
    return list((await tx.execute(found)).scalars())


async def _told(tx: AsyncConnection, book: int, ids: Sequence[UUID]) -> list[Found]:
    """These transactions, in their order."""
    if not ids:
        return []
    c = transactions.c
    among = literal(list(ids), ARRAY(c.transaction_id.type))
    heads = await tx.execute(select(transactions).where(c.book_id == book, c.transaction_id == any_(among)))
    by_id: dict[UUID, Any] = {row.transaction_id: row for row in heads}
    amounts: dict[UUID, list[tuple[str, int]]] = {}
    for transaction_id, unit, amount in await tx.execute(
        select(entries.c.transaction_id, entries.c.unit, func.sum(entries.c.debit).cast(BigInteger))
        .where(entries.c.book_id == book, entries.c.transaction_id == any_(among))
        .group_by(entries.c.transaction_id, entries.c.unit)
        .order_by(entries.c.unit)
    ):
        amounts.setdefault(transaction_id, []).append((unit, amount))
    leaves = await log.leaves_of(tx, book, ids)
    return [
        Found(
            each,
            row.kind,
            row.description,
            row.effective_on,
            row.recorded_at,
            row.actor,
            row.approver,
            row.correction,
            row.corrects,
            tuple(amounts.get(each, ())),
            leaves[each].voucher if each in leaves else None,
        )
        for each in ids
        for row in [by_id[each]]
    ]


def _first_of(day: date) -> UUID:
    """Below all ids that were drawn on that day in Asia/Shanghai or later; a day earlier, should a clock be wrong."""
    if day <= date(1970, 1, 3):
        return UUID(int=0)
    since = datetime.combine(day, time(), BEIJING) - timedelta(days=1)
    return UUID(int=int(since.timestamp() * 1000) << 80)
