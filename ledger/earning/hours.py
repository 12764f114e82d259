"""Hours in the books: carried over from an earlier platform, and what every volunteer has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from sqlalchemy import BigInteger, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import chart, journal
from ledger.books.chart import NewAccount
from ledger.books.evaluate import Posted
from ledger.books.proposals import MOST, Line, Proposal
from ledger.books.tables import accounts
from ledger.days import BEIJING
from ledger.earning import organisations, volunteers
from ledger.earning.budgets import CLIENT
from ledger.earning.tables import volunteers as volunteers_table
from ledger.earning.volunteers import CREDIT_HOURS, HONOUR_HOURS
from ledger.errors import IdempotencyConflict, InvalidField, OpeningDiffers, Refusal

OPENING: Final = "opening.hours"
SERVED: Final = "9110"


@dataclass(frozen=True, slots=True)
class Hours:
    """What a volunteer has, in minutes."""

    volunteer_no: str
    credit_minutes: int
    honour_minutes: int


async def carry_over(
    tx: AsyncConnection, book: int, organisation: str, day: date, rows: Sequence[tuple[str, int]], *, by: str
) -> list[bool | Refusal]:
    """Posts the credit hours that volunteers bring along, in minutes, once for each; some 1,000 at a time.

    Answers for each whether it is new, or why not: InvalidField, OpeningDiffers where other hours of hers were carried
    over before, what the books refuse. Who is unknown is registered. Raises UnknownOrganisation, OrganisationInactive.
    """
    await organisations.active(tx, book, organisation)
    possible = [number for number, _ in rows if volunteers.NUMBER.fullmatch(number)]
    holders = await volunteers.register_many(tx, book, possible, organisation)
    served = f"{SERVED}.{organisation}"
    await chart.open_missing(tx, book, [NewAccount(served, "服务时长", "memo_debit", "HR")])
    proposals = [
        _opening(organisation, served, day, holders[number], minutes, by)
        for number, minutes in rows
        if number in holders and 0 < minutes <= MOST
    ]
    posted = iter(await journal.post(tx, book, proposals))
    outcomes: list[bool | Refusal] = []
    for number, minutes in rows:
        if number not in holders:
            outcomes.append(InvalidField("volunteer", "not_a_volunteer_number"))
        elif not 0 <= minutes <= MOST:
            outcomes.append(InvalidField("credit_minutes", "out_of_range"))
        elif minutes == 0:
            outcomes.append(False)
        elif isinstance(outcome := next(posted), Posted):
            outcomes.append(not outcome.replayed)
        elif isinstance(outcome.refusal, IdempotencyConflict):
            outcomes.append(OpeningDiffers(number))
        else:
            outcomes.append(outcome.refusal)
    return outcomes


def _opening(organisation: str, served: str, day: date, holder: str, minutes: int, by: str) -> Proposal:
    return Proposal(
        client=CLIENT,
        key=f"opening:{holder}",
        call=f"opening {organisation} {day} {minutes}",
        kind=OPENING,
        effective_at=datetime.combine(day, time(), BEIJING),
        lines=(Line(served, "debit", minutes), Line(f"{CREDIT_HOURS}.{holder}", "credit", minutes)),
        actor=by,
        keep_refusal=False,
    )


async def totals(tx: AsyncConnection, book: int) -> list[Hours]:
    """The hours of every volunteer of a book, by number."""
    credit, honour = accounts.alias("credit"), accounts.alias("honour")
    her = volunteers_table.c
    rows = await tx.execute(
        select(
            her.volunteer_no,
            func.coalesce(credit.c.credits - credit.c.debits, literal(0, BigInteger)),
            func.coalesce(honour.c.credits - honour.c.debits, literal(0, BigInteger)),
        )
        .select_from(volunteers_table)
        .outerjoin(credit, (credit.c.book_id == book) & (credit.c.code == f"{CREDIT_HOURS}." + her.holder))
        .outerjoin(honour, (honour.c.book_id == book) & (honour.c.code == f"{HONOUR_HOURS}." + her.holder))
        .where(her.book_id == book)
        .order_by(her.volunteer_no)
    )
    return [Hours(*row) for row in rows]
