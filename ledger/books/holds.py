"""Holds: part of a wallet set aside until it is captured, voided or its time is over.

A hold moves points from a wallet (2100.x) to its companion (2120.x) and stores a deadline. It is captured once, whole
or in part, and what is not captured goes back in the same transaction. After the deadline it can be neither captured
nor voided: the next posting that locks the wallet gives it back (`evaluate`), or `sweep`, and reads count it as
available at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import batching, chart
from ledger.books.chart import NewAccount
from ledger.books.evaluate import Outcome, Posted, Refused, lapse
from ledger.books.proposals import Ending, Line, Proposal
from ledger.books.tables import accounts, holds
from ledger.database import connect
from ledger.errors import CannotHold, InvalidField, Refusal, UnknownAccount, UnknownHold

Status = Literal["open", "captured", "voided", "lapsed"]

_SWEPT: Final = 300
"""Holds that are given back in one batch."""

_ENDED: Final[dict[str, Status]] = {"capture": "captured", "void": "voided", "lapse": "lapsed"}


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold of `amount` points of the wallet `account` until `expires_at`."""

    hold_id: UUID
    account: str
    amount: int
    expires_at: datetime
    status: Status


async def place(
    database: AsyncEngine,
    book: int,
    *,
    account: str,
    amount: int,
    expires_in: timedelta,
    client: str,
    key: str,
    call: str,
    actor: str,
    request_id: str | None = None,
) -> Outcome:
    """Holds `amount` points of a wallet for 30 seconds to 7 days; the transaction's id is the hold's.

    Refusals: those of a posting, and CannotHold for an account that has no companion.
    """
    companion = chart.companion_of(account)
    proposal = Proposal(
        client=client,
        key=key,
        call=call,
        kind="hold",
        effective_at=None,
        lines=(Line(account, "debit", amount), Line(companion or account, "credit", amount)),
        actor=actor,
        request_id=request_id,
        hold_for=expires_in,
    )
    [outcome] = await batching.submit(database, book, [proposal])
    if isinstance(outcome, Refused) and isinstance(outcome.refusal, UnknownAccount):
        if outcome.refusal.account != companion:
            return outcome
        if (refusal := await _open_companion(database, book, account, companion)) is not None:
            return Refused(refusal)
        [outcome] = await batching.submit(database, book, [proposal])
    return outcome


async def _open_companion(database: AsyncEngine, book: int, account: str, companion: str) -> Refusal | None:
    """Opens the account in which part of this wallet is held, at its first use."""
    async with database.begin() as tx:
        wallet = await chart.account(tx, book, account)
        if wallet.kind != "wallet":
            return CannotHold(account)
        wanted = NewAccount(companion, wallet.name, "liability", wallet.unit)
        [opened] = await chart.open_accounts(tx, book, [wanted])
    # Somebody else may have opened it meanwhile, under a name of his own: that is as good.
    return opened if isinstance(opened, InvalidField) else None


async def capture(
    database: AsyncEngine,
    book: int,
    hold_id: UUID,
    *,
    to: str,
    amount: int | None = None,
    client: str,
    key: str,
    call: str,
    actor: str,
    request_id: str | None = None,
) -> Outcome:
    """Credits the account `to` with what was held, or with `amount` of it; the rest goes back to the wallet.

    Refusals: those of a posting, UnknownHold, AboveHold, HoldEnded, HoldExpired.
    """
    return await _end(
        *(database, book, hold_id),
        ending="capture",
        to=to,
        part=amount,
        client=client,
        key=key,
        call=call,
        actor=actor,
        request_id=request_id,
    )


async def void(
    database: AsyncEngine,
    book: int,
    hold_id: UUID,
    *,
    client: str,
    key: str,
    call: str,
    actor: str,
    request_id: str | None = None,
) -> Outcome:
    """Gives back to the wallet what was held. Refusals as of `capture`."""
    return await _end(
        *(database, book, hold_id),
        ending="void",
        client=client,
        key=key,
        call=call,
        actor=actor,
        request_id=request_id,
    )


async def _end(
    database: AsyncEngine,
    book: int,
    hold_id: UUID,
    *,
    ending: Ending,
    to: str | None = None,
    part: int | None = None,
    client: str,
    key: str,
    call: str,
    actor: str,
    request_id: str | None,
) -> Outcome:
    proposal = Proposal(
        client=client,
        key=key,
        call=call,
        kind=f"hold.{ending}",
        effective_at=None,
        lines=(),
        actor=actor,
        request_id=request_id,
        ends=hold_id,
        ending=ending,
        to=to,
        part=part,
    )
    [outcome] = await batching.submit(database, book, [proposal])
    return outcome


async def sweep(database: AsyncEngine, book: int) -> int:
    """Gives back what was held by holds whose time is over; answers how many.

    Those of wallets that are frozen or closed are left for another time. Two who sweep at once do no harm.
    """
    async with database.connect() as tx:
        over = select(holds.c.hold_id).where(
            holds.c.book_id == book, holds.c.ended_by.is_(None), holds.c.expires_at <= await connect.now(tx)
        )
        found = (await tx.execute(over)).scalars().all()
    given_back = 0
    for start in range(0, len(found), _SWEPT):
        ends = [lapse(hold_id) for hold_id in found[start : start + _SWEPT]]
        given_back += sum(isinstance(outcome, Posted) for outcome in await batching.submit(database, book, ends))
    return given_back


async def read(tx: AsyncConnection, book: int, hold_id: UUID) -> Hold:
    """The hold as it stands; one that nobody ended in time reads as lapsed. UnknownHold."""
    found = await tx.execute(
        select(accounts.c.code, holds.c.amount, holds.c.expires_at, holds.c.ending)
        .join(accounts, (accounts.c.book_id == book) & (accounts.c.account_id == holds.c.account_id))
        .where(holds.c.book_id == book, holds.c.hold_id == hold_id)
    )
    row = found.one_or_none()
    if row is None:
        raise UnknownHold(hold_id)
    status: Status = "open"
    if row.ending is not None:
        status = _ENDED[row.ending]
    elif row.expires_at <= await connect.now(tx):
        status = "lapsed"
    return Hold(hold_id, row.code, row.amount, row.expires_at, status)
