"""What a volunteer sees of herself: what she agreed to, who looked at her data, and all of it to take with her."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar import MediaType, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import export as exports
from api import own, staff
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import consents
from ledger.access.ciphers import Keys
from ledger.access.consents import Consent, Purpose

CONSENTS: Final = "/account/consents"
LOOKS: Final = "/account/looks"
EXPORT: Final = "/account/export"
LATEST: Final = 20
"""Looks on the page; the export has more."""


@dataclass(frozen=True, slots=True)
class Told:
    """A consent in words: what it is called and its text; since when it holds, or when it was withdrawn, if ever.

    `agrees`: she may agree to it here; `withdraws`: she may withdraw it here.
    """

    purpose: str
    version: str
    text: str
    since: str | None = None
    ended: str | None = None
    agrees: bool = False
    withdraws: bool = False


@get(CONSENTS)
async def list_consents(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What can be agreed to, in full, and what she agreed to."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        given = await own.consents_of(tx, me)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "consents.html",
        notice=frame.notice(request, "consent_given", "consent_withdrawn"),
        told=_told(language, given),
    )


@post(CONSENTS, status_code=303)
async def agree(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Redirect:
    """Agrees to the version of the text that stood above the button."""
    me = await doors.visitor(request, database, settings)
    purpose, version = await frame.fields(request, "purpose", "text_version")
    async with database.begin() as tx:
        await own.agree(tx, me, purpose, version)
    return Redirect(CONSENTS, status_code=303, query_params={"done": "consent_given"})


@post(f"{CONSENTS}/withdraw", status_code=303)
async def withdraw(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Redirect:
    """Withdraws a consent, from now on."""
    me = await doors.visitor(request, database, settings)
    [purpose] = await frame.fields(request, "purpose")
    async with database.begin() as tx:
        await own.withdraw(tx, me, purpose)
    return Redirect(CONSENTS, status_code=303, query_params={"done": "consent_withdrawn"})


def _told(language: Language, given: list[Consent]) -> list[Told]:
    """What she agreed to, in the words that she read, and what she may agree to; a guardian's only if there is one."""

    def told(purpose: Purpose, version: str, **more: Any) -> Told:
        text = consents.TEXTS[purpose, version]
        return Told(purpose, version, text.zh if language == "zh" else text.en, **more)

    found = []
    for purpose, offered in consents.OFFERED.items():
        hers = [each for each in given if each.purpose == purpose]
        holding = next((each for each in hers if each.withdrawn_at is None), None)
        own_choice = purpose not in consents.BY_GUARDIAN
        if holding is not None:
            moment = texts.moment(language, holding.given_at)
            since = texts.t(language, "by_at", who=_giver(language, holding.given_by), moment=moment)
            found.append(told(purpose, holding.text_version, since=since, withdraws=own_choice))
        if (holding is None or holding.text_version != offered) and (hers or own_choice):
            last = hers[0].withdrawn_at if hers else None
            ended = None if last is None else texts.moment(language, last)
            found.append(told(purpose, offered, ended=ended, agrees=own_choice))
    return found


def _giver(language: Language, given_by: str) -> str:
    known = {"self": "given_by_self", "guardian": "given_by_guardian"}
    return texts.t(language, known.get(given_by, "given_by_staff"))


@get(LOOKS)
async def looks(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """Who recorded or saw her data, and why, in words."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        seen = await own.accesses(tx, keys, me, LATEST)
        names = await staff.names(tx, [each.actor for each in seen])
    language = frame.view_of(request).language

    def who(actor: str) -> str:
        return texts.t(language, "by_you") if actor == me.name else texts.t(language, "by_staff", who=names[actor])

    return frame.page(
        request,
        "looks.html",
        looks=[
            (
                each,
                texts.moment(language, each.at),
                who(each.actor),
                texts.access(language, each.action, each.fields),
            )
            for each in seen
        ],
    )


@get(EXPORT)
async def export(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Response[bytes]:
    """All about her as a file that the browser saves: what `GET /api/v1/me/export` answers."""
    me = await doors.visitor(request, database, settings)
    async with database.begin() as tx:
        everything = await exports.everything(tx, keys, me)
    # That the file's name says nothing about her is for who looks over her shoulder.
    headers = {"Content-Disposition": 'attachment; filename="meide-ledger.json"'}
    content = msgspec.json.format(msgspec.json.encode(everything), indent=2)
    return Response(content, media_type=MediaType.JSON, headers=headers)


HANDLERS = [list_consents, agree, withdraw, looks, export]
