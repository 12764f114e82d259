"""Paper over HTTP: sheets of one-time tickets, call-backs of what was redeemed for others, check codes."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, call_backs, check_codes, paper, views
from api.bodies import Body, Limit
from api.calls import Nothing
from api.check_codes import LONGEST
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.spending import tickets
from ledger.spending.agents import CallBack
from ledger.spending.tickets import Sheet

RENEW = {"right": Right.RENEW_PIN, "scoped": True}
DECIDE = {"right": Right.DECIDE_CASES, "scoped": True}

Typed = Annotated[str, Parameter(max_length=LONGEST)]
"""As it is printed."""


class NewSheet(Body, frozen=True):
    """How many tickets the sheet has. `replaces`: a sheet of hers that ends with this one."""

    tickets: Annotated[int, msgspec.Meta(ge=1, le=tickets.MOST)] = 10
    replaces: UUID | None = None


class TicketView(msgspec.Struct, frozen=True):
    """A ticket of a sheet, with its digits."""

    number: int
    digits: str


class NewSheetView(msgspec.Struct, frozen=True):
    """A new sheet; its digits are shown here and never again. Each ticket buys once, for up to so many `points`."""

    id: UUID
    volunteer: str
    points: int
    expires_on: datetime.date
    tickets: list[TicketView]


class SheetView(msgspec.Struct, frozen=True):
    """A sheet of so many tickets, of which some are `used`. `ended_at`: when it was lost or replaced."""

    id: UUID
    volunteer: str
    points: int
    tickets: int
    used: int
    issued_by: str
    issued_at: datetime.datetime
    expires_on: datetime.date
    ended_at: datetime.datetime | None


class Sheets(msgspec.Struct, frozen=True):
    """Her sheets, the newest first; `next` is always null."""

    items: list[SheetView]
    next: str | None


class CallBackBody(Body, frozen=True):
    """Whether she sent this person."""

    confirmed: bool


class CallBackView(msgspec.Struct, frozen=True):
    """A redemption for somebody else about which she is asked. `volunteer` and `agent` null: erased since.

    `noted_by`, `noted_at`: who asked her, and when; null while it is due.
    """

    redemption: UUID
    outlet: str
    outlet_name: str
    volunteer: str | None
    agent: str | None
    points: int
    made_at: datetime.datetime
    answer: Literal["due", "confirmed", "denied"]
    noted_by: str | None
    noted_at: datetime.datetime | None


class CallBacks(msgspec.Struct, frozen=True):
    """What waits for a call, the oldest first; `next` is the `after` of the next page, null at the end."""

    items: list[CallBackView]
    next: UUID | None


class Checked(msgspec.Struct, frozen=True):
    """Whether this was printed just so by this service."""

    matches: bool


# --- sheets of tickets ------------------------------------------------------------------------------------------------


@post(
    "/volunteers/{volunteer:str}/ticket-sheets",
    opt=RENEW,
    operation_id="issueTicketSheet",
    summary="A new sheet of tickets",
    responses=views.refusals(400, 404, 413, 415),
    tags=["people"],
)
async def issue_sheet(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    data: JSONBody[NewSheet],
) -> NewSheetView:
    """Issues one-time tickets for somebody without a phone. How much each is good for, and how long, is a rule."""
    async with database.begin() as tx:
        made = await paper.issue_sheet(tx, keys, me, volunteer, data.tickets, data.replaces)
    first = made.sheet.tickets[0]
    numbered = [TicketView(number, digits) for number, digits in enumerate(made.digits, 1)]
    return NewSheetView(made.sheet.sheet_id, volunteer, first.most, first.expires_on, numbered)


@get(
    "/volunteers/{volunteer:str}/ticket-sheets",
    opt=RENEW,
    operation_id="listTicketSheets",
    summary="Her sheets of tickets",
    responses=views.refusals(404),
    tags=["people"],
)
async def list_sheets(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], volunteer: FromPath[str]
) -> Sheets:
    """Her sheets, without any digits."""
    async with database.connect() as tx:
        return Sheets([_sheet(volunteer, each) for each in await paper.sheets_of(tx, me, volunteer)], None)


@post(
    "/volunteers/{volunteer:str}/ticket-sheets/{sheet_id:uuid}/end",
    status_code=200,
    opt=RENEW,
    operation_id="endTicketSheet",
    summary="End a sheet",
    responses=views.refusals(400, 404, 413, 415),
    tags=["people"],
)
async def end_sheet(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    volunteer: FromPath[str],
    sheet_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> SheetView:
    """Ends what is left of a sheet that was lost. No body needed."""
    async with database.begin() as tx:
        sheet, _ = await paper.end_sheet(tx, me, volunteer, sheet_id)
    return _sheet(volunteer, sheet)


def _sheet(volunteer: str, of: Sheet) -> SheetView:
    first = of.tickets[0]
    return SheetView(
        of.sheet_id,
        volunteer,
        first.most,
        len(of.tickets),
        of.used,
        first.issued_by,
        first.issued_at,
        first.expires_on,
        of.ended_at,
    )


# --- call-backs -------------------------------------------------------------------------------------------------------


@get(
    "/call-backs",
    opt=DECIDE,
    operation_id="listCallBacks",
    summary="Whom to call",
    responses=views.refusals(400, 404),
    tags=["shops"],
)
async def list_call_backs(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[UUID | None, Parameter(description="The `next` of the page before.")]] = None,
) -> CallBacks:
    """Of what was redeemed for others at outlets within reach, what was drawn and nobody has asked about."""
    async with database.connect() as tx:
        found = await call_backs.due(tx, me, after=after, limit=limit)
        numbers = await call_backs.numbers_of(tx, me, found)
    items = [_call_back(each, numbers) for each in found]
    return CallBacks(items, items[-1].redemption if len(items) == limit else None)


@post(
    "/redemptions/{redemption_id:uuid}/call-back",
    status_code=200,
    opt=DECIDE,
    operation_id="noteRedemptionCallBack",
    summary="Note a call-back",
    responses=views.refusals(400, 404, 409, 413, 415),
    tags=["shops"],
)
async def note_call_back(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    redemption_id: FromPath[UUID],
    data: JSONBody[CallBackBody],
) -> CallBackView:
    """Notes whether she sent the person who redeemed for her. If not, a case is opened, which two others decide."""
    async with database.begin() as tx:
        noted = await call_backs.note(tx, me, redemption_id, confirmed=data.confirmed)
        return _call_back(noted, await call_backs.numbers_of(tx, me, [noted]))


def _call_back(of: CallBack, numbers: dict[str, str]) -> CallBackView:
    answer: Literal["due", "confirmed", "denied"] = (
        "due" if of.answer == "due" else "confirmed" if of.answer == "confirmed" else "denied"
    )
    return CallBackView(
        of.redemption_id,
        of.outlet,
        of.outlet_name,
        numbers.get(of.holder),
        numbers.get(of.agent),
        of.points,
        of.made_at,
        answer,
        of.called_by,
        of.called_at,
    )


# --- check codes ------------------------------------------------------------------------------------------------------

_PUBLIC = {status: spec for status, spec in views.refusals(400, 429).items() if status in (400, 429, 503)}


@get(
    "/check-codes",
    operation_id="checkPassbookLine",
    summary="Check a printed line",
    responses=_PUBLIC,
    tags=["programme"],
)
async def check_line(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    book: FromQuery[Typed],
    passbook: FromQuery[Typed],
    line: FromQuery[Typed],
    day: FromQuery[Typed],
    balance: FromQuery[Typed],
    code: FromQuery[Typed],
    deposit: FromQuery[Typed] = "",
    withdrawal: FromQuery[Typed] = "",
) -> Checked:
    """Whether a line of a printed passbook is as this service printed it: all as it stands on the paper.

    Nothing is looked up: the code is made anew of what is sent. Who is wrong too often from one address waits.
    """
    typed = check_codes.read_line(
        book=book,
        passbook=passbook,
        line=line,
        day=day,
        deposit=deposit,
        withdrawal=withdrawal,
        balance=balance,
    )
    return Checked(await check_codes.check(database, settings, typed, code, auth.address_of(request)))


@get(
    "/check-codes/receipts",
    operation_id="checkReceipt",
    summary="Check a printed receipt",
    responses=_PUBLIC,
    tags=["programme"],
)
async def check_receipt(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    book: FromQuery[Typed],
    receipt: FromQuery[Typed],
    day: FromQuery[Typed],
    outlet: FromQuery[Typed],
    points: FromQuery[Typed],
    code: FromQuery[Typed],
) -> Checked:
    """Whether a receipt of a redemption is as this service printed it."""
    typed = check_codes.read_receipt(book=book, receipt=receipt, day=day, outlet=outlet, points=points)
    return Checked(await check_codes.check(database, settings, typed, code, auth.address_of(request)))


router = Router(
    path="/",
    route_handlers=[
        check_line,
        check_receipt,
        Router(
            path="/books/{book:str}",
            route_handlers=[issue_sheet, list_sheets, end_sheet, list_call_backs, note_call_back],
            before_request=auth.admitted,
            security=[{"bearer": []}],
        ),
    ],
)
