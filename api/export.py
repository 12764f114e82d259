"""Everything that is kept about a person, for her to take with her (PIPL 45), whichever door she comes by."""

from __future__ import annotations

import datetime
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, hours, own, proofs
from api.hours import HourView
from api.own import ConsentView
from api.proofs import ProofView
from ledger.access import guardians, identities, persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.books import statements
from ledger.earning import members, qualifications, volunteers
from ledger.errors import UnknownGuardian, UnknownPerson

MOST_LINES: Final = 1000
"""Of the access log in an export: the newest ones."""
MOST_PROOFS: Final = 1000


class OwnPerson(msgspec.Struct, frozen=True):
    """What is recorded of her, in full."""

    name: str | None
    phone: str | None
    id_number: str | None
    born: datetime.date | None


class OwnAccess(msgspec.Struct, frozen=True):
    """Who recorded or saw her data, and why."""

    at: datetime.datetime
    actor: str
    action: str
    fields: list[str]
    reason: str | None


class OwnEntry(msgspec.Struct, frozen=True):
    """One entry of an account, in the order of booking."""

    number: int
    kind: str
    description: str
    effective_on: datetime.date
    recorded_at: datetime.datetime
    side: str
    amount: int
    balance_after: int


class OwnGuardian(msgspec.Struct, frozen=True):
    """Her guardian, in full."""

    name: str
    phone: str | None
    relation: str


class OwnMembership(msgspec.Struct, frozen=True):
    """What she is a member of."""

    organisation: str
    role: str
    joined_on: datetime.date


class OwnQualification(msgspec.Struct, frozen=True):
    """What she has passed, and the last day on which it holds."""

    name: str
    passed_on: datetime.date
    valid_until: datetime.date | None


class Export(msgspec.Struct, frozen=True):
    """Everything about her: who she is, what she agreed to, who looked, her service records with the sentence why they
    earned so much, the proofs of service that she asked for, and every entry of her accounts by code."""

    volunteer: str
    book: str
    organisation: str | None
    left_on: datetime.date | None
    person: OwnPerson | None
    guardian: OwnGuardian | None
    memberships: list[OwnMembership]
    qualifications: list[OwnQualification]
    consents: list[ConsentView]
    access: list[OwnAccess]
    hours: list[HourView]
    proofs: list[ProofView]
    accounts: dict[str, list[OwnEntry]]


async def everything(tx: AsyncConnection, keys: Keys, me: Principal) -> Export:
    """Everything that is kept about her (PIPL 45). That she asked is logged, so answer when this has been committed."""
    her = await own.volunteer(tx, me)
    try:
        shown = await persons.reveal(
            tx, keys, me.book_id, her.volunteer_no, identities.FIELDS, me.name, "本人查阅 own data", auth.now()
        )
    except UnknownPerson:
        shown = None
    try:
        guardian = await guardians.reveal(
            tx, keys, me.book_id, her.volunteer_no, me.name, "本人查阅 own data", auth.now()
        )
    except (UnknownPerson, UnknownGuardian):
        guardian = None
    accounts = {
        account: await _entries(tx, me.book_id, account)
        for account in (her.account(code) for code in volunteers.OWN_ACCOUNTS)
    }
    seen = await own.accesses(tx, keys, me, MOST_LINES)
    given = await own.consents_of(tx, me)
    return Export(
        her.volunteer_no,
        me.book,
        her.organisation,
        her.left_on,
        None if shown is None else OwnPerson(shown.name, shown.phone, shown.id_number, shown.born),
        None if guardian is None else OwnGuardian(guardian.name, guardian.phone, guardian.relation),
        [
            OwnMembership(each.organisation, each.role, each.joined_on)
            for each in await members.of_volunteer(tx, me.book_id, her.holder)
        ],
        [
            OwnQualification(each.name, each.passed_on, each.valid_until)
            for each in await qualifications.of_volunteer(tx, me.book_id, her.holder)
        ],
        [own.view(each) for each in given],
        [OwnAccess(each.at, each.actor, each.action, list(each.fields), each.reason) for each in seen],
        [hours.view(each) for each in await hours.everything(tx, me.book_id, her)],
        [proofs.view(each) for each in await proofs.of_mine(tx, me, limit=MOST_PROOFS)],
        accounts,
    )


async def _entries(tx: AsyncConnection, book: int, account: str) -> list[OwnEntry]:
    lines = [
        line
        for year in await statements.passbook_years(tx, book, account)
        for line in await statements.passbook(tx, book, account, year)
    ]
    return [
        OwnEntry(
            line.number,
            line.kind,
            line.description,
            line.effective_on,
            line.recorded_at,
            line.side,
            line.amount,
            line.balance_after,
        )
        for line in sorted(lines, key=lambda line: line.number)
    ]
