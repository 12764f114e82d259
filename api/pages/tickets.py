"""Sheets of one-time tickets: issued, printed once, ended when lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import paper, problems, qr, volunteers
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.books import directory
from ledger.earning.volunteers import Volunteer
from ledger.errors import InvalidField
from ledger.spending.tickets import MOST

HERE: Final = "/staff/volunteers/{number:str}/tickets"
COUNTS: Final = (6, 12, 24)
"""Tickets on a sheet: rows of three."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket on paper: its number, the QR code of its digits, and the digits in groups."""

    number: int
    qr: str = field(repr=False)
    digits: str = field(repr=False)


@get(HERE)
async def sheets(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template:
    """Her sheets, how much of each is used, and the form for a new one."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    async with database.connect() as tx:
        her = await volunteers.within(tx, me, Right.RENEW_PIN, number)
    return await _sheets(request, database, keys, me, her)


async def _sheets(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    her: Volunteer,
    refusal: InvalidField | None = None,
) -> Template:
    async with database.begin() as tx:
        found = await paper.sheets_of(tx, me, her.volunteer_no)
        name = await _name(tx, keys, me, her)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "ticket_sheets.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"/staff/volunteers/{her.volunteer_no}/tickets",
        notice=frame.notice(request, "tickets_ended", "tickets_none_left"),
        wrong=None if refusal is None else frame.told(request, refusal),
        number=her.volunteer_no,
        person=name,
        counts=COUNTS,
        sheets=[
            (
                each,
                texts.moment(language, each.tickets[0].issued_at),
                texts.points(language, each.tickets[0].most),
                texts.day(language, each.tickets[0].expires_on),
                None if each.ended_at is None else texts.moment(language, each.ended_at),
            )
            for each in found
        ],
    )


@post(HERE, status_code=200)
async def issue(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template:
    """A new sheet, shown here to be printed and never again; the one that it replaces ends."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    typed, replaces = await frame.fields(request, "tickets", "replaces")
    async with database.connect() as tx:
        her = await volunteers.within(tx, me, Right.RENEW_PIN, number)
    try:
        count = texts.whole_number(typed)
        if count is None or not 1 <= count <= MOST:
            raise InvalidField("tickets", "out_of_range")
        async with database.begin() as tx:
            made = await paper.issue_sheet(tx, keys, me, her.volunteer_no, count, _id(replaces))
            name = await _name(tx, keys, me, her)
            book = await directory.find_book(tx, me.book)
    except InvalidField as refusal:
        return await _sheets(request, database, keys, me, her, refusal)
    first = made.sheet.tickets[0]
    language = frame.view_of(request).language
    return frame.page(
        request,
        "ticket_sheet.html",
        path=f"/staff/volunteers/{her.volunteer_no}/tickets",
        headers={"Cache-Control": "no-store"},
        number=her.volunteer_no,
        digits=her.volunteer_no[-4:],
        person=name,
        book=book.name,
        most=texts.points(language, first.most),
        until=texts.day(language, first.expires_on),
        tickets=[
            Ticket(
                nth,
                qr.of_digits(digits, texts.t(language, "ticket_number", number=nth)),
                " ".join(digits[start : start + 6] for start in range(0, len(digits), 6)),
            )
            for nth, digits in enumerate(made.digits, 1)
        ],
    )


@post(f"{HERE}/{{sheet_id:uuid}}/end", status_code=303)
async def end(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
    sheet_id: FromPath[UUID],
) -> Redirect:
    """Ends a sheet that was lost."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    async with database.begin() as tx:
        _, ended = await paper.end_sheet(tx, me, number, sheet_id)
    done = "tickets_ended" if ended else "tickets_none_left"
    return Redirect(f"/staff/volunteers/{number}/tickets", status_code=303, query_params={"done": done})


async def _name(tx: AsyncConnection, keys: Keys, me: Principal, her: Volunteer) -> str | None:
    masked = (await volunteers.masked(tx, keys, me, [her])).get(her.volunteer_no)
    return None if masked is None else masked.name


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidField("tickets", "other") from None


HANDLERS = [sheets, issue, end]
