"""Budgets: how many points a book, and organisations in it, may issue in a year.

Points are issued against a budget and no further: a programme that promises more than its means cannot keep its word.
The database's CHECK says it a second time, and `checks` derives what was issued anew from the books.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import chart, journal
from ledger.books.chart import NewAccount
from ledger.books.evaluate import Refused
from ledger.books.proposals import MOST, Line, Proposal
from ledger.books.tables import accounts, entries, transactions
from ledger.earning import organisations
from ledger.earning.tables import budgets
from ledger.errors import BudgetBelowIssued, InvalidField

CLIENT: Final = "room:earning"
"""Whose keys the postings of this room have."""

REWARDS: Final = ("reward_hours", "reward_bonus", "reward_items", "reward_training")

WHOLE: Final = ""
"""As an organisation: the book itself."""

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2999

_ACCOUNTS: Final = (
    NewAccount("1100", "兑付准备", "asset", "PT"),
    NewAccount("1110", "资金", "asset", "CNY"),
    NewAccount("3100", "发行额度", "equity", "PT"),
    NewAccount("3110", "资金本金", "equity", "CNY"),
)


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be issued in a year, and what has been, in points. `organisation` None: the whole book."""

    year: int
    organisation: str | None
    granted: int
    issued: int

    @property
    def left(self) -> int:
        """What may still be issued."""
        return self.granted - self.issued


class Room:
    """What the budgets of a year have left while records are credited: read under their locks, given out in order."""

    def __init__(self, year: int, left: dict[str, int]) -> None:
        self.year = year
        self._left = left
        self.taken: dict[str, int] = {}

    def take(self, line: Iterable[str], points: int) -> bool:
        """Takes points for the first organisation of a line, if the book and every one above it have room for them.

        A book without a budget for the year issues nothing; an organisation without one is bound by those above it.
        """
        of = [WHOLE, *(each for each in line if each in self._left)]
        if any(self._left.get(each, 0) < points for each in of):
            return False
        for each in of:
            self._left[each] -= points
            self.taken[each] = self.taken.get(each, 0) + points
        return True


async def grant(
    tx: AsyncConnection,
    book: int,
    year: int,
    points: int,
    fen: int,
    *,
    by: str,
    client: str,
    key: str,
    call: str,
) -> Budget:
    """Adds points to the book's budget and posts them with the money behind them, in fen (T01).

    The same call again under its key changes nothing. InvalidField, IdempotencyConflict, and what the books refuse.
    """
    _check(year, points)
    if not 0 <= fen <= MOST:
        raise InvalidField("fen", "out_of_range")
    if not await _post_grant(tx, book, points, fen, by=by, key=key, call=call, client=client):
        [there] = [each for each in await budgets_of(tx, book, year) if each.organisation is None]
        return there
    added = insert(budgets).values(book_id=book, year=year, organisation=WHOLE, granted=points)
    changed = added.on_conflict_do_update(
        index_elements=[budgets.c.book_id, budgets.c.year, budgets.c.organisation],
        set_={"granted": budgets.c.granted + added.excluded.granted},
    )
    row = (await tx.execute(changed.returning(budgets.c.granted, budgets.c.issued))).one()
    return Budget(year, None, row.granted, row.issued)


async def share(tx: AsyncConnection, book: int, year: int, organisation: str, points: int) -> Budget:
    """Sets what an organisation and those below it may issue of the book's budget. Doing it again changes nothing.

    InvalidField, UnknownOrganisation, BudgetBelowIssued.
    """
    _check(year, points)
    await organisations.find(tx, book, organisation)
    await room(tx, book, year, [organisation])  # nothing is credited until we are done
    # What was issued before there was a share counts too.
    [before] = [each for each in await derived(tx, book, year) if each.organisation == organisation] or [
        Budget(year, organisation, 0, 0)
    ]
    if points < before.issued:
        raise BudgetBelowIssued(before.issued)
    added = insert(budgets).values(
        book_id=book, year=year, organisation=organisation, granted=points, issued=before.issued
    )
    changed = added.on_conflict_do_update(
        index_elements=[budgets.c.book_id, budgets.c.year, budgets.c.organisation],
        set_={"granted": added.excluded.granted},
    )
    row = (await tx.execute(changed.returning(budgets.c.granted, budgets.c.issued))).one()
    return Budget(year, organisation, row.granted, row.issued)


async def budgets_of(tx: AsyncConnection, book: int, year: int | None = None) -> list[Budget]:
    """The budgets of a book, of a year or of all, the whole book's first."""
    found = select(budgets.c.year, budgets.c.organisation, budgets.c.granted, budgets.c.issued)
    found = found.where(budgets.c.book_id == book)
    if year is not None:
        found = found.where(budgets.c.year == year)
    rows = await tx.execute(found.order_by(budgets.c.year.desc(), budgets.c.organisation))
    return [Budget(row.year, row.organisation or None, row.granted, row.issued) for row in rows]


async def derived(tx: AsyncConnection, book: int, year: int) -> list[Budget]:
    """What the books say has been issued in a year: by the book, and by each organisation with those below it.

    The net of the reward accounts, in postings of this room alone. `granted` is not derived and zero.
    """
    rows = await tx.execute(
        select(accounts.c.holder, func.sum(entries.c.debit - entries.c.credit))
        .join(entries, (entries.c.book_id == book) & (entries.c.account_id == accounts.c.account_id))
        .join(
            transactions,
            (transactions.c.book_id == book) & (transactions.c.transaction_id == entries.c.transaction_id),
        )
        .where(
            accounts.c.book_id == book,
            accounts.c.kind.in_(REWARDS),
            entries.c.effective_on.between(date(year, 1, 1), date(year, 12, 31)),
            transactions.c.client == CLIENT,
        )
        .group_by(accounts.c.holder)
    )
    of_each = {str(holder): int(net) for holder, net in rows}
    sums = {WHOLE: sum(of_each.values())}
    for holder, line in (await organisations.lines(tx, book, of_each)).items():
        for each in line:
            sums[each] = sums.get(each, 0) + of_each[holder]
    return [Budget(year, organisation or None, 0, net) for organisation, net in sums.items()]


async def room(tx: AsyncConnection, book: int, year: int, organisations: Iterable[str]) -> Room:
    """What these organisations and the book may still issue in a year; locked until the transaction ends."""
    asked = sorted({WHOLE, *organisations})
    rows = await tx.execute(
        select(budgets.c.organisation, (budgets.c.granted - budgets.c.issued).label("left"))
        .where(
            budgets.c.book_id == book,
            budgets.c.year == year,
            budgets.c.organisation == any_(literal(asked, ARRAY(TEXT))),
        )
        .order_by(budgets.c.organisation)
        .with_for_update()
    )
    return Room(year, {row.organisation: row.left for row in rows})


async def issued(tx: AsyncConnection, book: int, year: int, points: dict[str, int]) -> None:
    """Adds to what has been issued (below zero: takes off), by organisation; their rows are locked by `room`."""
    for organisation, amount in sorted(points.items()):
        if amount:
            await tx.execute(
                update(budgets)
                .where(
                    budgets.c.book_id == book,
                    budgets.c.year == year,
                    budgets.c.organisation == organisation,
                )
                .values(issued=budgets.c.issued + amount)
            )


def _check(year: int, points: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidField("year", "out_of_range")
    if not 1 <= points <= MOST:
        raise InvalidField("points", "out_of_range")


async def _post_grant(
    tx: AsyncConnection, book: int, points: int, fen: int, *, by: str, key: str, call: str, client: str
) -> bool:
    """Posts a grant; whether it is new."""
    await chart.open_missing(tx, book, _ACCOUNTS)
    lines = [Line("1100", "debit", points), Line("3100", "credit", points)]
    if fen:
        lines += [Line("1110", "debit", fen), Line("3110", "credit", fen)]
    proposal = Proposal(client, key, call, "earn.budget", None, tuple(lines), by, keep_refusal=False)
    [outcome] = await journal.post(tx, book, [proposal])
    if isinstance(outcome, Refused):
        raise outcome.refusal
    return not outcome.replayed
