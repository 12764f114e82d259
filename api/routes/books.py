"""The books over HTTP: accounts, their balances and their entries."""

from __future__ import annotations

import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, views
from api.bodies import Body, Limit, day, moment
from ledger.access.rights import Principal, Right
from ledger.books import balances, chart, directory, statements
from ledger.books.chart import AccountClass, NewAccount, Status
from ledger.books.proposals import Side
from ledger.errors import Refusal

READ = {"right": Right.READ_BOOKS, "scoped": True}
KEEP = {"right": Right.KEEP_ACCOUNTS}
AtDay = FromQuery[Annotated[str | None, Parameter(description="Dated up to the end of this day: YYYY-MM-DD.")]]
KnownAt = FromQuery[
    Annotated[str | None, Parameter(description="As known at this instant (RFC 3339), at least 30 seconds ago.")]
]


class AccountBody(Body, frozen=True):
    """An account to be opened. `floor`: leave it out for the chart's, or for none."""

    code: str
    name: str
    account_class: AccountClass = msgspec.field(name="class")
    unit: str
    floor: int | None = None


class StatusBody(Body, frozen=True):
    """What an account shall be: open, frozen (nothing is posted to it for now) or closed (at zero, for good)."""

    status: Status


class BookView(msgspec.Struct, frozen=True):
    """A book and the first day on which something may be dated."""

    code: str
    name: str
    first_day: datetime.date


class BookPage(msgspec.Struct, frozen=True):
    """Books; `next` is always null."""

    items: list[BookView]
    next: str | None


class AccountView(msgspec.Struct, frozen=True):
    """An account. `kind` and `holder` are set for accounts of the chart."""

    code: str
    name: str
    account_class: str = msgspec.field(name="class")
    unit: str
    floor: int | None
    kind: str | None
    holder: str | None
    status: str


class BalanceView(msgspec.Struct, frozen=True):
    """Totals and balance on the normal side, in the smallest unit; at the end of the day `at`, or now.

    `available`: what can be spent now, without points that have lapsed and with those of holds whose time is over;
    null when a day or an instant was asked for. As known at an instant (`known_at`) there is the balance alone.
    """

    account: str
    unit: str
    debits: int | None
    credits: int | None
    balance: int
    available: int | None
    at: datetime.date | None
    known_at: datetime.datetime | None


class StatementLineView(msgspec.Struct, frozen=True):
    """One entry of an account with what its transaction says."""

    number: int
    transaction: UUID
    kind: str
    description: str
    effective_on: datetime.date
    recorded_at: datetime.datetime
    side: Side
    amount: int
    balance_after: int


class Page(msgspec.Struct, frozen=True):
    """Entries, newest first; `next` is the `after` of the next page, null at the end."""

    items: list[StatementLineView]
    next: int | None


@get(
    "/books",
    opt=READ,
    operation_id="listBooks",
    summary="The book of this session or key",
    responses=views.refusals(),
)
async def list_books(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> BookPage:
    """The book that the session or key is for."""
    async with database.connect() as tx:
        book = await directory.find_book(tx, me.book)
    return BookPage([BookView(book.code, book.name, book.first_day)], None)


@post(
    "/accounts",
    opt=KEEP,
    operation_id="openAccount",
    summary="Open an account",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def open_account(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[AccountBody]
) -> Response[AccountView]:
    """Opens an account (201), or answers with the one that is there with the same data (200)."""
    wanted = NewAccount(data.code, data.name, data.account_class, data.unit, data.floor)
    async with database.begin() as tx:
        outcome = (await chart.open_accounts(tx, me.book_id, [wanted]))[0]
        if isinstance(outcome, Refusal):
            raise outcome
    account, new = outcome
    return Response(_account_view(account), status_code=201 if new else 200)


@get("/accounts/{code:str}", opt=READ, operation_id="readAccount", summary="One account", responses=views.refusals(404))
async def read_account(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], code: FromPath[str]
) -> AccountView:
    """What an account is."""
    async with database.connect() as tx:
        await auth.within_accounts(tx, me, Right.READ_BOOKS, [code])
        return _account_view(await chart.account(tx, me.book_id, code))


@post(
    "/accounts/{code:str}/status",
    status_code=200,
    opt=KEEP,
    operation_id="setAccountStatus",
    summary="Freeze, close or open an account",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def set_account_status(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    code: FromPath[str],
    data: JSONBody[StatusBody],
) -> AccountView:
    """Says whether an account may be posted to. One that is closed must be empty."""
    async with database.begin() as tx:
        await chart.set_status(tx, me.book_id, code, data.status)
        return _account_view(await chart.account(tx, me.book_id, code))


@get(
    "/accounts/{code:str}/balance",
    opt=READ,
    operation_id="readBalance",
    summary="A balance",
    responses=views.refusals(400, 404),
)
async def read_balance(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    code: FromPath[str],
    at: AtDay = None,
    known_at: KnownAt = None,
) -> BalanceView:
    """The balance now, or at the end of a day; as known now, or as the books knew it at an instant."""
    until, known = _times(at, known_at)
    async with database.connect() as tx:
        await auth.within_accounts(tx, me, Right.READ_BOOKS, [code])
        found = await balances.balance(tx, me.book_id, code, until, known)
    return BalanceView(
        found.account, found.unit, found.debits, found.credits, found.balance, found.available, until, known
    )


@get(
    "/accounts/{code:str}/entries",
    opt=READ,
    operation_id="listEntries",
    summary="A statement",
    responses=views.refusals(400, 404),
)
async def list_entries(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    code: FromPath[str],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[int | None, Parameter(ge=1, le=2**63 - 1)]] = None,
    at: AtDay = None,
    known_at: KnownAt = None,
) -> Page:
    """The entries of an account, newest first: all of them, those up to a day, those known at an instant."""
    until, known = _times(at, known_at)
    async with database.connect() as tx:
        await auth.within_accounts(tx, me, Right.READ_BOOKS, [code])
        lines = await statements.entries_of(tx, me.book_id, code, limit=limit, after=after, at=until, known_at=known)
    items = [
        StatementLineView(
            line.number,
            line.transaction_id,
            line.kind,
            line.description,
            line.effective_on,
            line.recorded_at,
            line.side,
            line.amount,
            line.balance_after,
        )
        for line in lines
    ]
    return Page(items, items[-1].number if items and items[-1].number > 1 else None)


def _times(at: str | None, known_at: str | None) -> tuple[datetime.date | None, datetime.datetime | None]:
    """The day and the instant that were asked for; InvalidField."""
    return day(at, "at") if at is not None else None, moment(known_at, "known_at") if known_at is not None else None


def _account_view(account: chart.Account) -> AccountView:
    return AccountView(
        account.code,
        account.name,
        account.account_class,
        account.unit,
        account.floor,
        account.kind,
        account.holder,
        account.status,
    )


router = Router(
    path="/",
    route_handlers=[
        list_books,
        Router(
            path="/books/{book:str}",
            route_handlers=[
                open_account,
                read_account,
                set_account_status,
                read_balance,
                list_entries,
            ],
        ),
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["books"],
)
