"""The trial balance: what stands on each side of the books, by unit, class and chart code.

The debits of a unit equal its credits, on every day and as the books were known at every instant; what differs is not
right. Three sources answer the same question: the accounts' own totals (now), the totals by day (at a day), the entries
themselves (as known at an instant): the last is slower, and needs nothing but the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import BigInteger, String, Subquery, func, literal, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import balances
from ledger.books.chart import CODE, balance_of
from ledger.books.tables import accounts, day_totals, entries, units
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import InvalidField

_PATIENCE: Final = text("SET LOCAL statement_timeout = '60s'")
"""A whole book is added up, of many millions of entries where it is asked for as it was known."""


@dataclass(frozen=True, slots=True)
class When:
    """The end of the day `at` (None: of all days), as the books were known at `known_at` (None: now)."""

    at: date | None = None
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sum:
    """Debits and credits of something, in the smallest unit, and how many accounts with entries."""

    debits: int
    credits: int
    accounts: int

    @property
    def difference(self) -> int:
        """Of a whole unit it must be 0."""
        return self.debits - self.credits


@dataclass(frozen=True, slots=True)
class ClassSum:
    """The accounts of one class in one unit. `balance`: on the normal side of the class."""

    account_class: str
    sum: Sum

    @property
    def balance(self) -> int:
        """On the normal side of the class."""
        return balance_of(self.account_class, self.sum.debits, self.sum.credits)


@dataclass(frozen=True, slots=True)
class UnitSum:
    """All accounts of one unit. `scale`: digits after the decimal point."""

    unit: str
    scale: int
    sum: Sum
    classes: tuple[ClassSum, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The accounts whose codes agree before the first dot, of one unit, class and kind; or one account of them.

    `code`: what they agree in, or the account's own. `name`: of the account, where there is one.
    """

    code: str
    unit: str
    account_class: str
    kind: str | None
    name: str | None
    sum: Sum

    @property
    def balance(self) -> int:
        """On the normal side of the class."""
        return balance_of(self.account_class, self.sum.debits, self.sum.credits)

    @property
    def place(self) -> str:
        """Where it stands among all of them, for the page that begins after it."""
        return ":".join((self.code, self.unit, self.account_class, self.kind or ""))


@dataclass(frozen=True, slots=True)
class Page:
    """Some of them by code, and after which place the next page begins; None: that was all."""

    items: list[Group]
    next: str | None


async def units_of(tx: AsyncConnection, book: int, when: When) -> list[UnitSum]:
    """Every unit that has entries, by code, with its classes in the order of a chart. InvalidField (`known_at`).

    The debits of each equal its credits, or the books are damaged.
    """
    each = await _sums(tx, book, when)
    rows = await tx.execute(
        select(
            each.c.unit,
            units.c.scale,
            each.c.account_class,
            func.sum(each.c.debits).cast(BigInteger),
            func.sum(each.c.credits).cast(BigInteger),
            func.count(),
        )
        .join(units, units.c.code == each.c.unit)
        .group_by(each.c.unit, units.c.scale, each.c.account_class)
    )
    found: dict[tuple[str, int], list[ClassSum]] = {}
    for unit, scale, account_class, debits, credits, number in rows:
        found.setdefault((unit, scale), []).append(ClassSum(account_class, Sum(debits, credits, number)))
    return [
        UnitSum(unit, scale, _together(classes), tuple(sorted(classes, key=lambda of: _ORDER.index(of.account_class))))
        for (unit, scale), classes in sorted(found.items())
    ]


_ORDER: Final = ("asset", "liability", "equity", "income", "expense", "memo_debit", "memo_credit")


def _together(classes: Sequence[ClassSum]) -> Sum:
    sums = [of.sum for of in classes]
    return Sum(sum(of.debits for of in sums), sum(of.credits for of in sums), sum(of.accounts for of in sums))


async def groups(tx: AsyncConnection, book: int, when: When, *, after: str | None = None, limit: int = 200) -> Page:
    """The accounts that have entries, by their codes before the first dot: those groups after a `place`, or the first.

    A book of the chart has some forty, however many volunteers. InvalidField (`known_at`, `after`).
    """
    each = await _sums(tx, book, when)
    head = func.split_part(each.c.code, ".", 1, type_=String(collation="C")).label("head")
    kind = func.coalesce(each.c.kind, "").label("kind")
    summed = (
        select(
            head,
            each.c.unit,
            each.c.account_class,
            kind,
            func.min(each.c.name).label("name"),
            func.sum(each.c.debits).cast(BigInteger).label("debits"),
            func.sum(each.c.credits).cast(BigInteger).label("credits"),
            func.count().label("number"),
        )
        .group_by(head, each.c.unit, each.c.account_class, kind)
        .subquery()
    )
    key = (summed.c.head, summed.c.unit, summed.c.account_class, summed.c.kind)
    wanted = select(summed).order_by(*key).limit(limit)
    if after is not None:
        wanted = wanted.where(tuple_(*key) > tuple_(*(literal(part, String) for part in _place(after))))
    found = [
        Group(
            row.head,
            row.unit,
            row.account_class,
            row.kind or None,
            row.name if row.number == 1 else None,
            Sum(row.debits, row.credits, row.number),
        )
        for row in await tx.execute(wanted)
    ]
    return Page(found, found[-1].place if len(found) == limit else None)


async def accounts_of(
    tx: AsyncConnection, book: int, group: str, when: When, *, after: str | None = None, limit: int = 200
) -> Page:
    """The accounts of a group (`2100`: 2100 and 2100.…) that have entries, by code: those after a code, or the first.

    A page may have fewer than `limit`, and still a next one: those that had no entries then are left out.
    InvalidField (`known_at`, `group`, `after`).
    """
    if not CODE.fullmatch(group) or "." in group:
        raise InvalidField("group", "not_a_code")
    if after is not None and not CODE.fullmatch(after):
        raise InvalidField("after", "not_a_code")
    code = accounts.c.code
    # Two ranges of the index on the code ("/" follows "." there), and of them as many accounts as a page has.
    within = (code == group) | ((code > f"{group}.") & (code < f"{group}/"))
    found = select(accounts.c.account_id, code).where(accounts.c.book_id == book, accounts.c.number > 0, within)
    if after is not None:
        found = found.where(code > after)
    there = (await tx.execute(found.order_by(code).limit(limit))).all()
    each = await _sums(tx, book, when, [row.account_id for row in there])
    rows = await tx.execute(select(each).order_by(each.c.code))
    return Page(
        [
            Group(row.code, row.unit, row.account_class, row.kind, row.name, Sum(row.debits, row.credits, 1))
            for row in rows
        ],
        there[-1].code if len(there) == limit else None,
    )


async def _sums(tx: AsyncConnection, book: int, when: When, ids: Sequence[int] | None = None) -> Subquery:
    """A row for each account that has entries then (of those with these ids): what it is, its debits and credits."""
    await tx.execute(_PATIENCE)
    is_ = (accounts.c.code, accounts.c.name, accounts.c.account_class, accounts.c.unit, accounts.c.kind)
    summed = await _summed(tx, book, when, ids)
    if summed is None:
        totals = select(*is_, accounts.c.debits, accounts.c.credits).where(accounts.c.number > 0)
    else:
        totals = select(*is_, summed.c.debits, summed.c.credits).join(summed, summed.c.of == accounts.c.account_id)
    totals = totals.where(accounts.c.book_id == book)
    return (totals if ids is None else totals.where(accounts.c.account_id.in_(ids))).subquery()


async def _summed(tx: AsyncConnection, book: int, when: When, ids: Sequence[int] | None) -> Subquery | None:
    """Debits and credits by account: the sums of their entries, or of their days; None: what the accounts have now."""
    if when.known_at is not None:
        await balances.check_settled(tx, when.known_at)
        c = entries.c
        of, debit, credit = c.account_id, c.debit, c.credit
        then = [c.book_id == book, c.recorded_at <= when.known_at]
        if when.at is not None:
            then.append(c.effective_on <= when.at)
    elif when.at is not None and when.at < day_of(await connect.now(tx)):
        of, debit, credit = day_totals.c.account_id, day_totals.c.debits, day_totals.c.credits
        then = [day_totals.c.book_id == book, day_totals.c.day <= when.at]
    else:
        return None
    if ids is not None:
        then.append(of.in_(ids))
    debits, credits = func.sum(debit).cast(BigInteger), func.sum(credit).cast(BigInteger)
    return select(of.label("of"), debits.label("debits"), credits.label("credits")).where(*then).group_by(of).subquery()


def _place(after: str) -> list[str]:
    """What `Group.place` put together; InvalidField."""
    parts = after.split(":")
    if len(parts) != 4 or "\x00" in after:
        raise InvalidField("after", "not_a_place")
    return parts
