"""What an auditor sees, whichever door she comes by, the API or a page: each look is noted as it is shown.

Answer when the transaction has been committed, and not before: then the look is in the log of looks. The caller has
the right for the whole book.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth
from ledger.access import log as access_log
from ledger.access import persons
from ledger.access.ciphers import Keys
from ledger.access.identities import Masked
from ledger.access.log import Subject
from ledger.access.rights import Principal
from ledger.auditing import evidence, log, looks, search, signer, trial_balance
from ledger.auditing.evidence import Evidence
from ledger.auditing.log import Checkpoint, Standing
from ledger.auditing.looks import Look
from ledger.auditing.search import Terms
from ledger.auditing.signer import Signer
from ledger.auditing.trial_balance import Page, UnitSum, When
from ledger.earning import volunteers
from ledger.errors import InvalidField

ACTOR: Final = re.compile(r"(?:user|token|till|room):[0-9A-Za-z._-]{1,64}|import", re.ASCII)


@dataclass(frozen=True, slots=True)
class Balanced:
    """A trial balance: the units, each of which must have a difference of 0, and a page of groups or accounts."""

    when: When
    units: list[UnitSum]
    page: Page

    @property
    def is_zero(self) -> bool:
        """Whether every unit is in balance."""
        return all(each.sum.difference == 0 for each in self.units)


async def balance(
    tx: AsyncConnection, me: Principal, when: When, group: str | None, after: str | None, limit: int
) -> Balanced:
    """The trial balance then, with its groups or the accounts of one of them. InvalidField."""
    facts = {"at": when.at, "known_at": _told(when.known_at), "group": group, "after": after}
    await looks.add(tx, me.book_id, me.name, "trial_balance", facts)
    units = await trial_balance.units_of(tx, me.book_id, when)
    if group is None:
        page = await trial_balance.groups(tx, me.book_id, when, after=after, limit=limit)
    else:
        page = await trial_balance.accounts_of(tx, me.book_id, group, when, after=after, limit=limit)
    return Balanced(when, units, page)


async def find(
    tx: AsyncConnection,
    keys: Keys,
    me: Principal,
    terms: Terms,
    volunteer: str | None,
    after: UUID | None,
    limit: int,
) -> search.Page:
    """What is as the terms say, on the accounts of that volunteer if one is named, which the access log notes.

    InvalidField, UnknownVolunteer, SearchTooWide.
    """
    if volunteer is not None:
        her = await volunteers.find(tx, me.book_id, volunteer)
        terms = replace(terms, holder=her.holder)
        shown = (await persons.masked(tx, keys, me.book_id, [her.volunteer_no], me.name, auth.now())).get(
            her.volunteer_no
        )
        minor = None if shown is None else shown.minor
        seen = [Subject(her.holder, minor)]
        await access_log.add(tx, me.book_id, "masked", seen, ["entries"], me.name, auth.now())
    facts = {
        "from": terms.from_day,
        "to": terms.to_day,
        "account": terms.account,
        "holder": terms.holder,
        "amount": terms.amount,
        "kind": terms.kind,
        "actor": terms.actor,
        "transaction": terms.transaction,
        "voucher": terms.voucher,
        "correction": terms.correction,
        "corrects": terms.corrects,
        "text": terms.words,
        "after": after,
    }
    found = await search.search(tx, me.book_id, terms, after=after, limit=limit)
    await looks.add(tx, me.book_id, me.name, "search", facts)  # what was refused was not seen
    return found


async def evidence_of(tx: AsyncConnection, me: Principal, transaction_id: UUID) -> Evidence:
    """A transaction with all that it rests on. UnknownTransaction."""
    found = await evidence.of(tx, me.book_id, transaction_id)
    await looks.add(tx, me.book_id, me.name, "evidence", {"transaction": transaction_id})
    return found


async def names_of(tx: AsyncConnection, keys: Keys, me: Principal, found: Evidence) -> dict[str, Masked]:
    """As much of the people of an evidence as a page shows, by volunteer number. Minors are logged."""
    numbers = list(found.volunteers.values())
    return await persons.masked(tx, keys, me.book_id, numbers, me.name, auth.now()) if numbers else {}


@dataclass(frozen=True, slots=True)
class LogStatus:
    """How the log stands, its newest checkpoint, and how many leaves that does not cover yet.

    `key`: with which its signatures are checked (C2SP signed note), to be compared with what has been published.
    """

    origin: str
    key: str
    standing: Standing
    newest: Checkpoint | None

    @property
    def unpublished(self) -> int:
        """Leaves that are sealed and not yet in a checkpoint."""
        return self.standing.size - (0 if self.newest is None else self.newest.size)


async def log_status(tx: AsyncConnection, me: Principal, by: Signer) -> LogStatus:
    """How the log of the book stands, which `by` signs."""
    await looks.add(tx, me.book_id, me.name, "log_status", {})
    origin = signer.origin(by, me.book)
    newest = await log.newest(tx, me.book_id, origin)
    return LogStatus(origin, signer.vkey(by, me.book), await log.standing(tx, me.book_id), newest)


async def looks_of(
    tx: AsyncConnection, me: Principal, actor: str | None, after: UUID | None, limit: int
) -> tuple[list[Look], UUID | None]:
    """What auditors looked at, the newest first, and after which the next page begins. InvalidField."""
    if actor is not None and not ACTOR.fullmatch(actor):
        raise InvalidField("actor", "not_a_code")
    found = await looks.of_book(tx, me.book_id, actor=actor, after=after, limit=limit)
    await looks.add(tx, me.book_id, me.name, "looks", {"actor": actor, "after": after})
    return found, found[-1].look_id if len(found) == limit else None


def _told(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
