"""Her stars and their certificates, to be printed; and what the public page says of a certificate that somebody has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, certificates, check_codes, qr, seals, star_words
from api.certificates import Checked
from api.pages import doors, frame, texts
from api.pages.notices import NOT_INDEXED
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.books import directory
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import InvalidField, TooManyAttempts
from ledger.recognition import awards
from ledger.recognition.awards import Award

HERE: Final = "/me/awards"


# --- hers -------------------------------------------------------------------------------------------------------------


@get(HERE)
async def my_awards(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What is in notice for her, what she was awarded, and what was refused or ended, with the reason."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        found = await lines(tx, me, frame.view_of(request).language)
    return frame.page(request, "my_awards.html", my_awards=found)


async def lines(tx: AsyncConnection, me: Principal, language: Language) -> list[tuple[Award, str]]:
    """Her awards, the newest first, each in a sentence: for `my_awards_list.html`. NotAllowed."""
    today = day_of(await connect.now(tx))
    found = []
    for each in await certificates.hers(tx, me):
        due_on = None
        if each.state == "objected":
            raised = await awards.objections_of(tx, me.book_id, each.award_id)
            due_on = next(one.due_on for one in raised if one.upheld is None)
        found.append((each, said(language, each, today, due_on)))
    return found


def said(language: Language, of: Award, today: date, due_on: date | None = None) -> str:
    """Her award in a sentence; `due_on`: until when an open objection is decided."""
    day = of.notice_until
    key = f"my_award_{of.state}"
    match of.state:
        case "in_notice" if today > of.notice_until:
            key = "my_award_over"
        case "objected" if due_on is not None:
            day = due_on
        case "awarded":
            day = of.awarded_on or day
        case "ended":
            day = of.ended_on or day
    return texts.t(
        language,
        key,
        star=star_words.called(language, of.star, of.title),
        day=texts.day(language, day),
        reason=of.end_reason or of.reason or "",
    )


@get("/me/certificates/{award_id:uuid}")
async def certificate(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    award_id: FromPath[UUID],
) -> Template:
    """Her certificate, to be printed on A4, landscape."""
    me = await doors.visitor(request, database, settings)
    async with database.begin() as tx:
        book = await directory.find_book(tx, me.book)
        paper = await certificates.paper(tx, settings, keys, me, award_id)
    language = frame.view_of(request).language
    of = paper.of
    assert of.serial is not None, "it has been awarded"
    assert of.awarded_on is not None, "it has been awarded"
    base = str(request.base_url)
    return frame.page(
        request,
        "certificate.html",
        path=f"/me/certificates/{award_id}",
        book=book.name,
        name=paper.name or texts.t(language, "certificate_nameless"),
        number=paper.number,
        star=of.star,
        title=title(language, of),
        reached=texts.t(
            language,
            "certificate_reached",
            day=texts.day(language, of.as_of),
            hours=texts.hours(language, of.minutes),
            ladder=star_words.ladder(language, paper.ladder),
            needed=texts.hours(language, of.needed),
        ),
        serial=of.serial,
        code=paper.code,
        qr=qr.svg(certificates.address(settings, base, me.book, of.serial, paper.code)),
        address=certificates.place(settings, base, me.book),
        organisation=paper.organisation,
        awarded=texts.day(language, of.awarded_on),
        seal=seals.svg(paper.organisation, texts.t(language, "certificate_seal", name=paper.organisation)),
        ended=_ended(language, of, with_reason=True),
    )


def title(language: Language, of: Award) -> str:
    """二星级志愿者, or what the ladder calls it."""
    return of.title or texts.t(language, "certificate_title", star=star_words.called(language, of.star))


def _ended(language: Language, of: Award, *, with_reason: bool) -> str | None:
    if of.ended_on is None:
        return None
    day = texts.day(language, of.ended_on)
    if with_reason:
        return texts.t(language, "certificate_ended", day=day, reason=of.end_reason)
    return texts.t(language, "check_certificate_over_say", day=day)


# --- everybody's ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """What the public page says of a certificate. `ended`: since when it no longer holds, in a sentence."""

    ended: str | None
    facts: list[tuple[str, str]]


@get("/certificate/{book:str}")
async def check_certificate(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    book: FromPath[str],
) -> Template:
    """Whether a certificate was issued here and holds: for who has it, with its number and check code."""
    asked = request.query_params
    serial, check = (asked.get(name, "")[: check_codes.LONGEST] for name in ("serial", "check"))
    async with database.connect() as tx:
        of = await directory.find_book(tx, book)
    language = frame.view_of(request).language
    status, wrong, found = 200, None, None
    if serial or check:
        try:
            if not check:
                raise InvalidField("check_code", "missing")
            typed = check_codes.read_certificate(book=of.code, serial=serial)
            shown = None
            if await check_codes.check(database, settings, typed, check, auth.address_of(request)):
                async with database.connect() as tx:
                    shown = await certificates.checked(tx, keys, of, typed.serial)
            found = False if shown is None else _found(language, shown)
        except InvalidField as refusal:
            status, wrong = 400, texts.wrong(language, f"paper_{refusal.field}", refusal.problem)
        except TooManyAttempts as refusal:
            status, wrong = 429, texts.t(language, "verify_wait", seconds=refusal.seconds)
    return frame.page(
        request,
        "check_certificate.html",
        status=status,
        path=f"/certificate/{of.code}",
        query={name: asked[name] for name in ("serial", "check") if name in asked},
        headers=NOT_INDEXED,
        book=of.name,
        code=of.code,
        serial=serial,
        check=check,
        wrong=wrong,
        found=found,
    )


def _found(language: Language, shown: Checked) -> Found:
    of = shown.of
    assert of.awarded_on is not None, "it has a certificate"
    facts = [
        ("check_certificate_who", shown.name or ""),
        ("check_certificate_star", title(language, of)),
        ("check_certificate_hours", texts.hours(language, of.minutes)),
        ("check_certificate_as_of", texts.day(language, of.as_of)),
        ("check_certificate_by", shown.organisation),
        ("check_certificate_on", texts.day(language, of.awarded_on)),
    ]
    return Found(_ended(language, of, with_reason=False), [(name, value) for name, value in facts if value])


HANDLERS = [my_awards, certificate, check_certificate]
