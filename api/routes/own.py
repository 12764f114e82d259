"""What a person may see of herself and take with her: consents, who looked at her data, the export."""

from __future__ import annotations

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, own, views
from api import export as exports
from api.bodies import Body
from api.export import Export
from api.own import ConsentView
from ledger.access import consents
from ledger.access.ciphers import Keys
from ledger.access.consents import Purpose
from ledger.access.rights import Principal, Right

OWN = {"right": Right.OWN}


class NewConsent(Body, frozen=True):
    """What is agreed to: a purpose, and the version of its text that was read."""

    purpose: Purpose
    text_version: str


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


@get("/me/consents", opt=OWN, operation_id="listConsents", summary="What I agreed to", responses=views.refusals())
async def list_consents(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> Consents:
    """Her consents, those she withdrew too, and the texts that can be agreed to (PIPL 13–15)."""
    async with database.connect() as tx:
        return await _consents(tx, me)


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
        await own.agree(tx, me, data.purpose, data.text_version)
        return await _consents(tx, me)


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
        await own.withdraw(tx, me, purpose)
        return await _consents(tx, me)


@get("/me/export", opt=OWN, operation_id="exportMe", summary="All about me", responses=views.refusals())
async def export(
    database: NamedDependency[AsyncEngine], keys: NamedDependency[Keys], me: NamedDependency[Principal]
) -> Export:
    """Everything that is kept about her, to take with her (PIPL 45). That she asked is logged like any other look."""
    async with database.begin() as tx:
        return await exports.everything(tx, keys, me)


async def _consents(tx: AsyncConnection, me: Principal) -> Consents:
    given = await own.consents_of(tx, me)
    offered = [
        OfferedView(purpose, version, text.zh, text.en)
        for purpose, version in consents.OFFERED.items()
        for text in (consents.TEXTS[purpose, version],)
    ]
    return Consents([own.view(each) for each in given], offered, None)


router = Router(
    path="/",
    route_handlers=[list_consents, give_consent, withdraw_consent, export],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["sessions"],
)
