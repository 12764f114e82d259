"""A passbook on paper: line after line where the last print ended, each with its check code, each page with a QR code.

A page has so many lines, and a line its place on it by its number: whoever puts the sheet in again prints below what
stands there, as the printers of savings banks do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import check_codes, hours, qr, volunteers
from api.check_codes import Line, grouped
from api.hours import Traced
from api.pages import doors, frame, slips, texts, volunteer
from api.pages.volunteer import PASSBOOKS, Passbook
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.rights import Principal, Right
from ledger.books import directory, statements
from ledger.database import connect
from ledger.days import day_of
from ledger.earning.volunteers import Volunteer

Size = Literal["a4", "small"]

LINES: Final[dict[Size, int]] = {"a4": 24, "small": 10}
"""On a page: A4, and the 85 × 125 mm of a savings bank's passbook."""
PAGES: Final[dict[Size, int]] = {"a4": 2, "small": 5}
"""At a time."""

STAFFS: Final = "/staff/volunteers/{number:str}/passbook"


@dataclass(frozen=True, slots=True)
class Printed:
    """A line as it stands on paper."""

    number: int
    day: str
    summary: str
    came: str
    went: str
    balance: str
    code: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page, how many lines of it had been printed before, and those that are printed now."""

    number: int
    before: int
    lines: tuple[Printed, ...]


@get("/passbook/print")
async def own_print(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Her own passbook, to be printed."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        her = await volunteer.volunteer_of(tx, me)
        return await _print(request, tx, settings, me, her, "/passbook/print", "/passbook")


@get(STAFFS)
async def print_for_her(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template:
    """The passbook of somebody without a phone, printed at a service station."""
    me = await doors.colleague(request, database, settings, Right.RENEW_PIN)
    async with database.connect() as tx:
        her = await volunteers.within(tx, me, Right.RENEW_PIN, number)
        back = f"/staff/volunteers/{her.volunteer_no}"
        return await _print(request, tx, settings, me, her, f"{back}/passbook", back)


async def _print(
    request: StrictRequest,
    tx: AsyncConnection,
    settings: Settings,
    me: Principal,
    her: Volunteer,
    here: str,
    back: str,
) -> Template:
    asked = request.query_params
    chosen = PASSBOOKS.get(asked.get("account", ""), PASSBOOKS["points"])
    size: Size = "small" if asked.get("size") == "small" else "a4"
    after = min(texts.whole_number(asked.get("after", "")) or 0, 2**31)
    language, account = frame.view_of(request).language, her.account(chosen.code)
    book, today = await directory.find_book(tx, me.book), day_of(await connect.now(tx))
    # To the end of a page, so that the next print begins one.
    most = LINES[size] * PAGES[size] - after % LINES[size]
    found = await statements.entries_after(tx, me.book_id, account, after, limit=most + 1)
    traced = await hours.traced(tx, me.book_id, her, found[:most])
    number = check_codes.passbook_number(settings, me.book, account)
    # Only where something is printed, and on A4: a passbook's own page has no room for so dense a code.
    proves = await slips.of_account(tx, me.book_id, account) if traced and size == "a4" else None
    lines = [_line(settings, language, chosen, me.book, number, each) for each in traced]
    last = lines[-1].number if lines else after
    address = check_codes.address(settings, str(request.base_url), me.book)
    return frame.page(
        request,
        "printed.html",
        path=here,
        query={"account": chosen.name, "size": size, "after": str(after)},
        here=here,
        back=back,
        book=book.name,
        book_code=book.code,
        number=grouped(number),
        digits=her.volunteer_no[-4:],
        today=texts.day(language, today),
        passbooks=list(PASSBOOKS),
        paper_sizes=list(LINES),
        chosen=chosen,
        size=size,
        after=after,
        last=last,
        more=len(found) > most,
        pages=_pages(lines, LINES[size]),
        qr=qr.svg(address),
        address=address,
        slip=slips.slip(request, settings, proves),
    )


def _line(settings: Settings, language: Language, chosen: Passbook, book: str, number: str, traced: Traced) -> Printed:
    line, came = traced.line, traced.line.side == "credit"
    told = volunteer.row(language, chosen, traced)
    amount = _figure(chosen, line.amount)
    code = check_codes.of_line(
        settings,
        Line(book, number, line.number, line.effective_on, "in" if came else "out", line.amount, line.balance_after),
    )
    return Printed(
        line.number,
        f"{line.effective_on}",
        told.summary,
        amount if came else "",
        "" if came else amount,
        _figure(chosen, line.balance_after),
        grouped(code),
    )


def _figure(chosen: Passbook, amount: int) -> str:
    """As somebody types it again: 25, or 2:30 of hours."""
    return f"{amount}" if chosen.figures == "points" else f"{amount // 60}:{amount % 60:02}"


def _pages(lines: list[Printed], to_a_page: int) -> list[Page]:
    pages: dict[int, list[Printed]] = {}
    for each in lines:
        pages.setdefault((each.number - 1) // to_a_page, []).append(each)
    return [Page(page + 1, (of[0].number - 1) % to_a_page, tuple(of)) for page, of in pages.items()]


HANDLERS = [own_print, print_for_her]
