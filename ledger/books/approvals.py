"""Postings that need two people: one proposes, another approves, and only then they are in the books.

To wallets, hours and rewards nobody posts alone by hand: points are worth something. A proposal is looked at as if it
were posted, so that who proposes hears at once what is wrong with it; approving posts it in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import journal
from ledger.books.evaluate import Outcome, Posted, Refused
from ledger.books.proposals import DESCRIPTION_LENGTH, Line, Proposal, malformed
from ledger.books.tables import drafts
from ledger.errors import (
    AlreadyDecided,
    IdempotencyConflict,
    InvalidField,
    NeedsApproval,
    SecondPersonNeeded,
    UnknownDraft,
)
from ledger.text import one_line

CLIENT: Final = "room:approvals"
"""Whose keys approved postings have: the proposal's id."""

PROTECTED: Final = frozenset(
    {
        *("wallet", "wallet_in_notice", "wallet_held", "household_wallet", "team_wallet", "estate_wallet"),
        *("time_coin_wallet", "time_coin_estate", "clawback_receivable"),
        *("reward_hours", "reward_bonus", "reward_items", "reward_training"),
        *("hours_served", "credit_hours", "honour_hours"),
    }
)
"""Kinds of account to which nobody posts alone by hand."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A posting that was proposed. `decided_by` None: it waits; then `transaction_id` if it was approved."""

    draft_id: UUID
    kind: str
    description: str
    effective_at: datetime | None
    lines: tuple[Line, ...]
    reverses: UUID | None
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    transaction_id: UUID | None
    reason: str | None
    call: str


def alone(kinds: Mapping[str, str | None]) -> None:
    """Refuses a posting by one person to accounts (code → kind) that need two: NeedsApproval."""
    for code, kind in kinds.items():
        if kind in PROTECTED:
            raise NeedsApproval(code)


async def propose(tx: AsyncConnection, book: int, wanted: Proposal, now: datetime) -> tuple[Draft, bool]:
    """Keeps a posting (or a reversal) for a second person; the draft, and whether it is new.

    The same call again under its key gets what it got before. Raises what posting it now would be refused with, and
    IdempotencyConflict.
    """
    if (fault := malformed(wanted)) is not None:
        raise fault
    mine = (drafts.c.book_id == book, drafts.c.client == wanted.client, drafts.c.key == wanted.key)
    earlier = (await tx.execute(_drafts().where(*mine))).one_or_none()
    new = uuid4()
    if earlier is None:
        proposed = wanted._replace(client=CLIENT, key=str(new))
        [outcome] = journal.decide(await journal.load(tx, book, [proposed]), [proposed]).outcomes
        if isinstance(outcome, Refused):
            raise outcome.refusal
        await tx.execute(
            insert(drafts)
            .values(
                book_id=book,
                draft_id=new,
                client=wanted.client,
                key=wanted.key,
                call=wanted.call,
                kind=wanted.kind,
                description=wanted.description,
                effective_at=wanted.effective_at,
                lines=[[line.account, line.side, line.amount, line.overflow] for line in wanted.lines],
                reverses=wanted.corrects,
                proposed_by=wanted.actor,
                proposed_at=now,
            )
            .on_conflict_do_nothing(index_elements=[drafts.c.book_id, drafts.c.client, drafts.c.key])
        )
    found = _draft((await tx.execute(_drafts().where(*mine))).one())
    if found.call != wanted.call:
        raise IdempotencyConflict(wanted.key, found.call, wanted.call)
    return found, found.draft_id == new


async def approve(
    tx: AsyncConnection, book: int, draft_id: UUID, by: str, now: datetime, request_id: str | None = None
) -> Outcome:
    """Posts what another person proposed. What the books refuse now is answered, and the proposal goes on waiting.

    UnknownDraft, AlreadyDecided, SecondPersonNeeded.
    """
    draft = await _to_decide(tx, book, draft_id)
    if draft.proposed_by == by:
        raise SecondPersonNeeded
    proposal = Proposal(
        client=CLIENT,
        key=str(draft_id),
        call=draft.call,
        kind=draft.kind,
        effective_at=draft.effective_at,
        lines=draft.lines,
        actor=draft.proposed_by,
        description=draft.description,
        approver=by,
        request_id=request_id,
        correction=None if draft.reverses is None else "reversal",
        corrects=draft.reverses,
        keep_refusal=False,
    )
    [outcome] = await journal.post(tx, book, [proposal])
    if isinstance(outcome, Posted):
        await _decide(tx, book, draft_id, by, now, transaction_id=outcome.transaction_id)
    return outcome


async def decline(tx: AsyncConnection, book: int, draft_id: UUID, by: str, now: datetime, reason: str) -> Draft:
    """Does not post it; also by the one who proposed it. InvalidField, UnknownDraft, AlreadyDecided."""
    if not one_line(reason, least=0, most=DESCRIPTION_LENGTH):
        raise InvalidField("reason", "not_one_line")
    await _to_decide(tx, book, draft_id)
    await _decide(tx, book, draft_id, by, now, reason=reason)
    return await read(tx, book, draft_id)


async def read(tx: AsyncConnection, book: int, draft_id: UUID) -> Draft:
    """One proposal; UnknownDraft."""
    row = (await tx.execute(_drafts().where(drafts.c.book_id == book, drafts.c.draft_id == draft_id))).one_or_none()
    if row is None:
        raise UnknownDraft(draft_id)
    return _draft(row)


async def waiting(tx: AsyncConnection, book: int, *, limit: int = 200) -> list[Draft]:
    """The proposals that wait, the oldest first."""
    rows = await tx.execute(
        _drafts()
        .where(drafts.c.book_id == book, drafts.c.decided_at.is_(None))
        .order_by(drafts.c.proposed_at, drafts.c.draft_id)
        .limit(limit)
    )
    return [_draft(row) for row in rows]


async def _to_decide(tx: AsyncConnection, book: int, draft_id: UUID) -> Draft:
    """The proposal, locked until the end of the transaction."""
    found = _drafts().where(drafts.c.book_id == book, drafts.c.draft_id == draft_id)
    row = (await tx.execute(found.with_for_update())).one_or_none()
    if row is None:
        raise UnknownDraft(draft_id)
    draft = _draft(row)
    if draft.decided_by is not None:
        raise AlreadyDecided
    return draft


async def _decide(tx: AsyncConnection, book: int, draft_id: UUID, by: str, now: datetime, **outcome: object) -> None:
    await tx.execute(
        update(drafts)
        .where(drafts.c.book_id == book, drafts.c.draft_id == draft_id)
        .values(decided_by=by, decided_at=now, **outcome)
    )


def _drafts() -> Select[Any]:
    return select(drafts)


def _draft(row: Row[Any]) -> Draft:
    return Draft(
        row.draft_id,
        row.kind,
        row.description,
        row.effective_at,
        tuple(Line(account, side, amount, None, overflow) for account, side, amount, overflow in row.lines),
        row.reverses,
        row.proposed_by,
        row.proposed_at,
        row.decided_by,
        row.decided_at,
        row.transaction_id,
        row.reason,
        row.call,
    )
