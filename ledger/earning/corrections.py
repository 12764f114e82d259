"""How a record is undone: by postings that name what they correct, never by changing what stands in the books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import chart, journal
from ledger.books.chart import NewAccount
from ledger.books.evaluate import Posted, Refused, Transaction
from ledger.books.proposals import DESCRIPTION_LENGTH, Line, Proposal, Side
from ledger.days import day_of
from ledger.earning import budgets, organisations, record, volunteers
from ledger.earning.budgets import CLIENT
from ledger.earning.record import Record
from ledger.earning.volunteers import WALLET
from ledger.errors import InvalidField, NotTheirTurn
from ledger.text import one_line

RECEIVABLE: Final = "1300"

_MIRRORED: Final[Mapping[Side, Side]] = {"debit": "credit", "credit": "debit"}


async def correct(
    tx: AsyncConnection,
    book: int,
    record_id: UUID,
    *,
    by: str,
    approver: str | None,
    reason: str,
    now: datetime,
) -> Record:
    """Undoes a record that has been reviewed (T18): its hours are reversed, and its points taken back.

    Points in notice are reversed. Of those that became spendable what the wallet holds is taken back, first what is
    left of this record's own, and the rest is owed (1300). A minus item that was taken is given back. What other
    records earned stays. InvalidField, UnknownRecord, NotTheirTurn, and what the books refuse.
    """
    hers = await record.get(tx, book, record_id)
    await volunteers.locked(tx, book, [hers.holder])
    asked = (await record.locked(tx, book, [record_id]))[record_id]
    [done] = await correct_locked(tx, book, [asked], by=by, approver=approver, reason=reason, now=now)
    return done


async def correct_locked(
    tx: AsyncConnection,
    book: int,
    asked: Sequence[Record],
    *,
    by: str,
    approver: str | None,
    reason: str,
    now: datetime,
) -> list[Record]:
    """As `correct`, for many records whose volunteers and rows the caller has locked; all or none."""
    if not one_line(reason, least=1, most=DESCRIPTION_LENGTH):
        raise InvalidField("reason", "not_a_reason")
    for each in asked:
        if each.state in ("submitted", "refused", "corrected"):
            raise NotTheirTurn(each.record, each.state)
    posted = await journal.read_many(
        tx,
        book,
        [
            transaction
            for each in asked
            for transaction in (each.hours_transaction, each.points_transaction, each.release_transaction)
            if transaction is not None
        ],
    )
    lines = await organisations.lines(tx, book, {each.organisation for each in asked})
    with_points = [each for each in asked if each.points_transaction is not None]
    today = day_of(now)
    years = {today.year} | {posted[each.points_transaction].effective_on.year for each in with_points}  # type: ignore[index] # chosen so
    for year in sorted(years):
        await budgets.room(tx, book, year, {code for line in lines.values() for code in line})
    undoing = {each.record_id: _undoing(each, posted, by, approver, reason) for each in asked}
    spendable = {each.holder for each in asked if each.release_transaction is not None}
    owing = [NewAccount(f"{RECEIVABLE}.{holder}", "追回应收", "asset", "PT") for holder in spendable]
    await chart.open_missing(tx, book, owing)
    proposals = [proposal for each in asked for proposal in undoing[each.record_id]]
    outcomes = await journal.post(tx, book, proposals)
    made: dict[str, Transaction | None] = {}
    for proposal, outcome in zip(proposals, outcomes, strict=True):
        if isinstance(outcome, Refused):
            raise outcome.refusal
        assert isinstance(outcome, Posted), "what is not refused is posted"
        made[proposal.key] = outcome.transaction
    await _give_back(tx, book, with_points, made, lines)
    done = [
        replace(
            each,
            state="corrected",
            reason=reason,
            due_on=None,
            ended_at=now,
            ended_by=approver or by,
            correction_transaction=_last(undoing[each.record_id], made),
        )
        for each in asked
    ]
    await record.change(tx, book, done)
    return done


def _undoing(
    of: Record, posted: Mapping[UUID, Transaction], by: str, approver: str | None, reason: str
) -> list[Proposal]:
    """What undoes the postings of a record: its hours, then its points."""

    def proposal(step: str, original: Transaction, lines: Iterable[Line], *, reversal: bool) -> Proposal:
        return Proposal(
            client=CLIENT,
            key=f"{of.record_id}/{step}",
            call=f"undo {step} {of.record_id}",
            kind="earn.reversal" if reversal else "earn.clawback",
            description="",
            effective_at=original.effective_at if reversal else None,
            lines=tuple(lines),
            actor=by,
            approver=approver,
            keep_refusal=False,
            correction="reversal" if reversal else "clawback",
            corrects=original.transaction_id,
        )

    def mirrored(step: str, original: Transaction) -> Proposal:
        lines = (Line(entry.account, _MIRRORED[entry.side], entry.amount) for entry in original.entries)
        return proposal(step, original, lines, reversal=True)

    undone = []
    if of.hours_transaction is not None:
        undone.append(mirrored("hours-undone", posted[of.hours_transaction]))
    if of.points_transaction is not None:
        points = posted[of.points_transaction]
        if of.release_transaction is None:
            undone.append(mirrored("points-undone", points))
        else:
            rewards = [entry for entry in points.entries if entry.side == "debit"]
            taken = Line(
                f"{WALLET}.{of.holder}",
                "debit",
                sum(entry.amount for entry in rewards),
                overflow=f"{RECEIVABLE}.{of.holder}",
            )
            back = (Line(entry.account, "credit", entry.amount) for entry in rewards)
            undone.append(proposal("points-undone", points, [taken, *back], reversal=False))
    elif of.release_transaction is not None:  # a minus item
        undone.append(mirrored("points-undone", posted[of.release_transaction]))
    return undone


async def _give_back(
    tx: AsyncConnection,
    book: int,
    undone: Iterable[Record],
    made: Mapping[str, Transaction | None],
    lines: Mapping[str, Sequence[str]],
) -> None:
    """What was taken back may be issued again, in the year in which it was taken back."""
    sums: dict[int, dict[str, int]] = {}
    for each in undone:
        transaction = made[f"{each.record_id}/points-undone"]
        assert transaction is not None, "posted just now"
        assert each.points is not None, "posted just now"
        of_year = sums.setdefault(transaction.effective_on.year, {})
        for organisation in (budgets.WHOLE, *lines[each.organisation]):
            of_year[organisation] = of_year.get(organisation, 0) - each.points
    for year, points in sorted(sums.items()):
        await budgets.issued(tx, book, year, points)


def _last(undone: Sequence[Proposal], made: Mapping[str, Transaction | None]) -> UUID | None:
    transactions = [made[proposal.key] for proposal in undone]
    return next((each.transaction_id for each in reversed(transactions) if each is not None), None)
