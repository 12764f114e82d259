"""How this room posts: under one client, and what the books refuse of a wallet is told without facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import journal
from ledger.books.evaluate import Refused
from ledger.books.proposals import Proposal
from ledger.errors import AccountClosed, AccountFrozen, InsufficientBalance, NotEnoughPoints, UnknownAccount

CLIENT: Final = "room:spending"
"""Whose keys the postings of this room have."""
_WALLETS: Final = ("2100", "2120")


async def post(tx: AsyncConnection, book: int, proposal: Proposal) -> UUID:
    """Posts it; what the books refuse of a wallet is told without facts: NotEnoughPoints."""
    [outcome] = await journal.post(tx, book, [proposal])
    if not isinstance(outcome, Refused):
        return outcome.transaction_id
    refusal = outcome.refusal
    if isinstance(refusal, InsufficientBalance | UnknownAccount | AccountFrozen | AccountClosed) and (
        refusal.account[:4] in _WALLETS
    ):
        raise NotEnoughPoints
    raise refusal


async def post_all(tx: AsyncConnection, book: int, proposals: Sequence[Proposal]) -> list[UUID]:
    """Posts all of them at once, each a transaction of its own; the first refusal is raised as the books tell it."""
    posted = []
    for outcome in await journal.post(tx, book, proposals):
        if isinstance(outcome, Refused):
            raise outcome.refusal
        posted.append(outcome.transaction_id)
    return posted
