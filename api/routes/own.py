"""What a person may see of herself and take with her: consents, who looked at her data, the export."""

from __future__ import annotations

import datetime

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, views
from api.bodies import Body
from ledger.access import consents, identities, log, persons
from ledger.access.ciphers import Keys
from ledger.access.consents import Consent, Purpose
from ledger.access.rights import Principal, Right
from ledger.books import statements
from ledger.earning import volunteers
from ledger.earning.volunteers import Volunteer
from ledger.errors import NotAllowed, UnknownPerson

OWN = {"right": Right.OWN}
MOST_LINES = 1000
"""Of the access log in an export: the newest ones."""


class NewConsent(Body, frozen=True):
    """What is agreed to: a purpose, and the version of its text that was read."""

    purpose: Purpose
    text_version: str


class ConsentView(msgspec.Struct, frozen=True):
    """A consent; it holds until it is withdrawn."""

    purpose: str
    text_version: str
    given_at: datetime.datetime
    given_by: str
    withdrawn_at: datetime.datetime | None
    withdrawn_by: str | None


class OfferedView(msgspec.Struct, frozen=True):
    """A text that can be agreed to, in Chinese, which counts, and in English."""

    purpose: str
    text_version: str
    zh: str
    en: str


class Consents(msgspec.Struct, frozen=True):
    """All consents that she ever gave, the newest first, and what can be agreed to; `next` is always null."""

    items: list[ConsentView]
    offered: list[OfferedView]
    next: str | None


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


class Export(msgspec.Struct, frozen=True):
    """Everything about her: who she is, what she agreed to, who looked, and every entry of her accounts by code."""

    volunteer: str
    book: str
    organisation: str | None
    person: OwnPerson | None
    consents: list[ConsentView]
    access: list[OwnAccess]
    accounts: dict[str, list[OwnEntry]]


@get("/me/consents", opt=OWN, operation_id="listConsents", summary="What I agreed to", responses=views.refusals())
async def list_consents(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> Consents:
    """Her consents, those she withdrew too, and the texts that can be agreed to (PIPL 13–15)."""
    async with database.connect() as tx:
        return await _consents(tx, me, await _her(tx, me))


@post(
    "/me/consents",
    status_code=200,
    opt=OWN,
    operation_id="giveConsent",
    summary="Agree",
    responses=views.refusals(400, 413, 415),
)
async def give_consent(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewConsent]
) -> Consents:
    """Agrees to a purpose; a minor's guardian agrees at the service station."""
    async with database.begin() as tx:
        her = await _her(tx, me)
        await consents.give(tx, me.book_id, her.holder, data.purpose, data.text_version, "self", auth.now())
        return await _consents(tx, me, her)


@delete(
    "/me/consents/{purpose:str}",
    status_code=200,
    opt=OWN,
    operation_id="withdrawConsent",
    summary="Withdraw",
    responses=views.refusals(400),
)
async def withdraw_consent(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], purpose: FromPath[str]
) -> Consents:
    """Withdraws a consent, from now on (PIPL 15)."""
    async with database.begin() as tx:
        her = await _her(tx, me)
        await consents.withdraw(tx, me.book_id, her.holder, purpose, "self", auth.now())
        return await _consents(tx, me, her)


@get("/me/export", opt=OWN, operation_id="exportMe", summary="All about me", responses=views.refusals())
async def export(
    database: NamedDependency[AsyncEngine], keys: NamedDependency[Keys], me: NamedDependency[Principal]
) -> Export:
    """Everything that is kept about her, to take with her (PIPL 45). That she asked is logged like any other look."""
    async with database.begin() as tx:
        her = await _her(tx, me)
        try:
            shown = await persons.reveal(
                tx, keys, me.book_id, her.volunteer_no, identities.FIELDS, me.name, "本人查阅 own data", auth.now()
            )
        except UnknownPerson:
            shown = None
        accounts = {
            account: await _entries(tx, me.book_id, account)
            for account in (her.account(code) for code in volunteers.OWN_ACCOUNTS)
        }
        seen = await log.read_log(tx, keys, me.book_id, her.holder, MOST_LINES)
        given = await consents.history(tx, me.book_id, her.holder)
    return Export(
        her.volunteer_no,
        me.book,
        her.organisation,
        None if shown is None else OwnPerson(shown.name, shown.phone, shown.id_number, shown.born),
        [_consent(each) for each in given],
        [OwnAccess(each.at, each.actor, each.action, list(each.fields), each.reason) for each in seen],
        accounts,
    )


async def _her(tx: AsyncConnection, me: Principal) -> Volunteer:
    if me.volunteer_no is None:
        raise NotAllowed
    return await volunteers.find(tx, me.book_id, me.volunteer_no)


async def _consents(tx: AsyncConnection, me: Principal, her: Volunteer) -> Consents:
    given = await consents.history(tx, me.book_id, her.holder)
    offered = [
        OfferedView(purpose, version, text.zh, text.en)
        for purpose, version in consents.OFFERED.items()
        for text in (consents.TEXTS[purpose, version],)
    ]
    return Consents([_consent(each) for each in given], offered, None)


def _consent(each: Consent) -> ConsentView:
    return ConsentView(
        each.purpose, each.text_version, each.given_at, each.given_by, each.withdrawn_at, each.withdrawn_by
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


router = Router(
    path="/",
    route_handlers=[list_consents, give_consent, withdraw_consent, export],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["sessions"],
)
