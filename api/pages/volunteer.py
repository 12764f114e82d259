"""A volunteer's pages: home with her figures, and the passbooks. What they show comes from her session alone."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Final, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, explain, hours, lapsing
from api.hours import Traced
from api.pages import doors, frame, slips, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights
from ledger.access.rights import Principal
from ledger.books import balances, chart, directory, statements
from ledger.books.statements import StatementLine
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import volunteers
from ledger.earning.volunteers import Volunteer
from ledger.errors import NotAllowed

LATEST: Final = 3
"""Entries on the home page."""
SOON: Final = 3
"""Days on the home page on which something lapses; the rest is added up."""
A_DAY: Final = datetime.timedelta(days=1)

YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Passbook:
    """One of her accounts as a page: its name in addresses and texts, its code, its figures, its column heads."""

    name: str
    code: str
    figures: Literal["points", "hours"]
    columns: Literal["points", "notice", "hours"]

    def amount(self, language: Language, amount: int) -> str:
        """An amount of this account in words."""
        return texts.points(language, amount) if self.figures == "points" else texts.hours(language, amount)


PASSBOOKS: Final = {
    passbook.name: passbook
    for passbook in (
        Passbook("points", volunteers.WALLET, "points", "points"),
        Passbook("notice", volunteers.IN_NOTICE, "points", "notice"),
        Passbook("hours", volunteers.CREDIT_HOURS, "hours", "hours"),
        Passbook("honour", volunteers.HONOUR_HOURS, "hours", "hours"),
    )
}
"""In the order of what matters to her: an entry that touches several is told as one of the first."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a passbook in words. `booked` only where the service was on another day."""

    day: str
    booked: str | None
    summary: str
    came: str
    went: str
    balance: str
    why: str | None = None
    """How a service record came to these points, in one sentence."""


@dataclass(frozen=True, slots=True)
class Year:
    """A passbook's year: what was carried forward, what came and went, and the lines in booking order."""

    opening: int
    lines: list[StatementLine]

    @property
    def came(self) -> int:
        """All her accounts have their balance on the credit side: what is credited comes in."""
        return sum(line.amount for line in self.lines if line.side == "credit")

    @property
    def went(self) -> int:
        return sum(line.amount for line in self.lines if line.side == "debit")

    @property
    def closing(self) -> int:
        return self.opening + self.came - self.went


@get("/")
async def home(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Her figures and her last entries. Staff are led to their work, and a shop is told what comes."""
    me = await doors.visitor(request, database, settings)
    is_staff = not rights.STAFF.isdisjoint(me.roles(auth.today()))
    if me.volunteer_no is None:
        return Redirect("/staff", status_code=303) if is_staff else frame.page(request, "shop.html", login=me.login)
    async with database.connect() as tx:
        book = await directory.find_book(tx, me.book)
        her = await volunteer_of(tx, me)
        accounts = {her.account(passbook.code): passbook for passbook in PASSBOOKS.values()}
        wallet = her.account(volunteers.WALLET)
        held = chart.companion_of(wallet) or ""
        # In the passbook stands what was booked; here, what she can spend: lapsed points not, those free again yes.
        found = await balances.balances(tx, me.book_id, [*accounts, held])
        kept = {each.account: each.available or 0 for each in found}
        lines = [
            (passbook, line)
            for account, passbook in accounts.items()
            for line in await statements.entries_of(tx, me.book_id, account, limit=LATEST)
        ]
        told = {line.transaction_id: (passbook, line) for passbook, line in reversed(lines)}  # the first account wins
        newest = sorted(told.values(), key=lambda pair: (pair[1].recorded_at, pair[1].number), reverse=True)[:LATEST]
        traced = await hours.traced(tx, me.book_id, her, [line for _passbook, line in newest])
        soon = await lapsing.of_mine(tx, me)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "home.html",
        book=book.name,
        book_code=book.code,
        is_staff=is_staff,
        digits=her.volunteer_no[-4:],
        figures={
            passbook.name: passbook.amount(language, kept.get(account, 0)) for account, passbook in accounts.items()
        },
        points=texts.points(language, kept.get(wallet, 0)).split(" "),
        held=texts.points(language, kept[held]) if kept.get(held) else None,
        soon=[
            (texts.points(language, each.amount), texts.day(language, each.lapses_on - A_DAY)) for each in soon[:SOON]
        ],
        soon_more=texts.points(language, later) if (later := sum(each.amount for each in soon[SOON:])) else None,
        latest=[
            (passbook, "in" if each.line.side == "credit" else "out", row(language, passbook, each))
            for (passbook, _line), each in zip(newest, traced, strict=True)
        ],
    )


@get("/passbook")
async def passbook(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """One year of one of her passbooks, on the screen and on paper."""
    me = await doors.visitor(request, database, settings)
    asked, wanted = request.query_params.get("account", "points"), request.query_params.get("year")
    async with database.connect() as tx:
        her = await volunteer_of(tx, me)
        today = day_of(await connect.now(tx))
        chosen = PASSBOOKS.get(asked)
        if chosen is None or (wanted is not None and not _is_year(wanted, today)):
            return _no_such_passbook(request)
        book = await directory.find_book(tx, me.book)
        account = her.account(chosen.code)
        years = await statements.passbook_years(tx, me.book_id, account)
        year = int(wanted) if wanted is not None else next(iter(years), today.year)
        shown = await _year(tx, me.book_id, account, year, years)
        lines = await hours.traced(tx, me.book_id, her, shown.lines)
        receipt = await slips.of_account(tx, me.book_id, account) if years else None
    language = frame.view_of(request).language
    return frame.page(
        request,
        "passbook.html",
        query={"account": chosen.name, "year": str(year)},
        book=book.name,
        number=her.volunteer_no,
        today=texts.day(language, today),
        passbooks=list(PASSBOOKS),
        chosen=chosen,
        years=years,
        year=year,
        slip=slips.slip(request, settings, receipt),
        rows=[row(language, chosen, each) for each in lines],
        opening=chosen.amount(language, shown.opening),
        total=(
            chosen.amount(language, shown.came),
            chosen.amount(language, shown.went),
            chosen.amount(language, shown.closing),
        ),
    )


async def volunteer_of(tx: AsyncConnection, me: Principal) -> Volunteer:
    """Whose pages these are; NotAllowed."""
    if me.volunteer_no is None:
        raise NotAllowed
    return await volunteers.find(tx, me.book_id, me.volunteer_no)


async def _year(tx: AsyncConnection, book: int, account: str, year: int, years: list[int]) -> Year:
    """The year's lines; what was carried forward is told by the first line of this year or of a later one."""
    lines = await statements.passbook(tx, book, account, year)
    if lines:
        return Year(_before(lines[0]), lines)
    for later in sorted(other for other in years if other > year):
        following = await statements.passbook(tx, book, account, later)
        if following:
            return Year(_before(following[0]), [])
    return Year((await balances.balance(tx, book, account)).balance, [])


def _before(line: StatementLine) -> int:
    return line.balance_after - line.amount if line.side == "credit" else line.balance_after + line.amount


def _is_year(text: str, today: datetime.date) -> bool:
    return YEAR.fullmatch(text) is not None and directory.FIRST_DAY.year <= int(text) <= today.year


def row(language: Language, passbook: Passbook, traced: Traced) -> Row:
    """A line of a passbook in words."""
    line, of = traced.line, traced.record
    # The books hold no free text of a service: what it was stands in the record.
    served = of.activity_name or of.category if of is not None else ""
    description = line.description or served or traced.voucher or ""
    spent = traced.redemption
    redeemed = None
    if spent is not None:
        pieces = [(each.name, each.quantity) for each in spent.lines]
        redeemed = explain.redeemed(language, line.kind, spent.outlet_name, pieces)
    amount, came = passbook.amount(language, line.amount), line.side == "credit"
    booked = day_of(line.recorded_at)
    return Row(
        day=texts.day(language, line.effective_on),
        booked=texts.day(language, booked) if booked != line.effective_on else None,
        summary=redeemed or texts.summary(language, line.kind, description),
        came=amount if came else "",
        went="" if came else amount,
        balance=passbook.amount(language, line.balance_after),
        why=None if traced.why is None or passbook.figures == "hours" else traced.why.of(language),
    )


def _no_such_passbook(request: StrictRequest) -> Template:
    sentence = texts.t(frame.view_of(request).language, "no_such_passbook")
    return frame.page(request, "error.html", status=404, heading="not_found", sentence=sentence)
