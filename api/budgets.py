"""Budgets, whichever door one comes by: what may be issued, what has been, and what waits for the next grant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, calls
from api.bodies import Body
from api.calls import Amount, Code
from ledger.access import rights
from ledger.access.rights import Principal, Right
from ledger.books import keys
from ledger.books.proposals import MOST
from ledger.earning import budgets, figures, organisations
from ledger.earning.budgets import FIRST_YEAR, LAST_YEAR, Budget

Year = Annotated[int, msgspec.Meta(ge=FIRST_YEAR, le=LAST_YEAR)]


class NewGrant(Body, frozen=True):
    """Points that the book may issue in a year beside those granted before, and the money behind them, in fen."""

    year: Year
    points: Amount
    fen: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = 0


class NewShare(Body, frozen=True):
    """How many points of the year's budget an organisation and those below it may issue in all."""

    year: Year
    organisation: Code
    points: Amount


@dataclass(frozen=True, slots=True)
class Share:
    """A budget with the name of its organisation; None: the whole book's."""

    budget: Budget
    name: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An organisation of which records wait for the budget, and how many."""

    organisation: str
    name: str
    records: int


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets that the caller may read, the newest year first, and what waits for more."""

    shares: list[Share]
    waiting: list[Waiting]


async def read(tx: AsyncConnection, me: Principal, year: int | None = None) -> Budgets:
    """The book's budgets and those of the organisations that the caller's right reaches, of a year or of all."""
    held = rights.reach(me, Right.READ_BOOKS, auth.today())
    found = await budgets.budgets_of(tx, me.book_id, year)
    counts = await figures.waiting(tx, me.book_id)
    named = await organisations.find_many(
        tx, me.book_id, {*counts, *(each.organisation for each in found if each.organisation is not None)}
    )
    seen = {code: each for code, each in named.items() if held.includes(each.line)}
    return Budgets(
        [
            Share(each, None if each.organisation is None else seen[each.organisation].name)
            for each in found
            if each.organisation is None or each.organisation in seen
        ],
        [Waiting(code, seen[code].name, counts[code]) for code in sorted(counts) if code in seen],
    )


async def grant(tx: AsyncConnection, me: Principal, new: NewGrant, key: str) -> bool:
    """Grants points to the book under the caller's key; whether it was granted before, by this very call.

    IdempotencyConflict, and what the books refuse.
    """
    before = await keys.find(tx, me.book_id, me.name, key)
    call = calls.identity("POST", "/budgets", new)
    await budgets.grant(tx, me.book_id, new.year, new.points, new.fen, by=me.name, client=me.name, key=key, call=call)
    return before is not None


async def share(tx: AsyncConnection, me: Principal, new: NewShare) -> Share:
    """Sets what an organisation may issue. UnknownOrganisation, BudgetBelowIssued."""
    name = (await organisations.find(tx, me.book_id, new.organisation)).name
    return Share(await budgets.share(tx, me.book_id, new.year, new.organisation, new.points), name)
