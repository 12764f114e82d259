"""The books over HTTP: accounts, transactions, reversals, balances, entries."""

from __future__ import annotations

import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, Parameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import answers, auth, calls, problems, requests
from api.bodies import Body, day, moment
from api.calls import NewReversal, NewTransaction
from api.problems import Problem
from api.requests import StrictRequest
from ledger.access.sessions import Principal
from ledger.books import balances, batching, chart, directory, journal, statements
from ledger.books.chart import AccountClass, NewAccount
from ledger.books.evaluate import DESCRIPTION_LENGTH, Line, Posted, Proposal, Side, Transaction
from ledger.errors import InvalidField, Refusal
from ledger.text import one_line

REPLAYED = "Idempotency-Replayed"

Limit = Annotated[int, Parameter(ge=1, le=200)]


class AccountBody(Body, frozen=True):
    """An account to be opened. `floor`: leave it out for the chart's, or for none."""

    code: str
    name: str
    account_class: AccountClass = msgspec.field(name="class")
    unit: str
    floor: int | None = None


class BookView(msgspec.Struct, frozen=True):
    """A book and the first day on which something may be dated."""

    code: str
    name: str
    first_day: datetime.date


class BookPage(msgspec.Struct, frozen=True):
    """Books; `next` is always null as long as a session is for one book."""

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


class EntryView(msgspec.Struct, frozen=True):
    """One entry; `number` counts the account's entries without gaps, `balance_after` is on its normal side."""

    account: str
    unit: str
    side: Side
    amount: int
    number: int
    balance_after: int


class TransactionView(msgspec.Struct, frozen=True):
    """A posted transaction. `effective_on` is the day of `effective_at` in Asia/Shanghai."""

    id: UUID
    kind: str
    description: str
    effective_at: datetime.datetime
    effective_on: datetime.date
    recorded_at: datetime.datetime
    correction: str | None
    corrects: UUID | None
    entries: list[EntryView]


class BalanceView(msgspec.Struct, frozen=True):
    """Totals and balance on the normal side, in the smallest unit; at the end of the day `at`, or now."""

    account: str
    unit: str
    debits: int
    credits: int
    balance: int
    at: datetime.date | None


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


def _refusals(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(Problem, media_type=problems.MEDIA_TYPE, generate_examples=False, description="Refused")
        for status in (401, 403, 503, *statuses)
    }


@get("/books", operation_id="listBooks", summary="The books that I may work on", responses=_refusals())
async def list_books(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> BookPage:
    """The book of this session."""
    async with database.connect() as tx:
        book = await directory.find_book(tx, me.book)
    return BookPage([BookView(book.code, book.name, book.first_day)], None)


@post("/accounts", operation_id="openAccount", summary="Open an account", responses=_refusals(400, 404, 409, 413, 415))
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


@get("/accounts/{code:str}", operation_id="readAccount", summary="One account", responses=_refusals(404))
async def read_account(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], code: FromPath[str]
) -> AccountView:
    """What an account is."""
    async with database.connect() as tx:
        return _account_view(await chart.account(tx, me.book_id, code))


@get("/accounts/{code:str}/balance", operation_id="readBalance", summary="A balance", responses=_refusals(400, 404))
async def read_balance(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    code: FromPath[str],
    at: FromQuery[str | None] = None,
) -> BalanceView:
    """The balance now, or at the end of the day `at` (YYYY-MM-DD, Asia/Shanghai)."""
    until = day(at, "at") if at is not None else None
    async with database.connect() as tx:
        found = await balances.balance(tx, me.book_id, code, until)
    return BalanceView(found.account, found.unit, found.debits, found.credits, found.balance, until)


@get("/accounts/{code:str}/entries", operation_id="listEntries", summary="A statement", responses=_refusals(400, 404))
async def list_entries(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    code: FromPath[str],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[int | None, Parameter(ge=1, le=2**63 - 1)]] = None,
) -> Page:
    """The entries of an account, newest first."""
    async with database.connect() as tx:
        lines = await statements.entries_of(tx, me.book_id, code, limit=limit, after=after)
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


@post(
    "/transactions",
    operation_id="postTransaction",
    operation_class=requests.Keyed,
    summary="Post",
    responses=_refusals(400, 404, 409, 413, 415, 422),
)
async def post_transaction(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    data: JSONBody[NewTransaction],
) -> Response[Any]:
    """Posts a transaction under the caller's key; the same call again gets the first answer."""
    effective_at = moment(data.effective_at, "effective_at")
    proposal = Proposal(
        client=me.name,
        key=requests.key_of(request),
        call=calls.of_posting(data),
        kind=data.kind,
        description=data.description,
        effective_at=effective_at,
        lines=tuple(Line(line.account, line.side, line.amount) for line in data.lines),
        actor=me.name,
        request_id=request.scope["state"]["request_id"],
    )
    return await _submitted(request, database, me.book_id, proposal)


@post(
    "/transactions/{transaction_id:uuid}/reversal",
    operation_id="reverseTransaction",
    operation_class=requests.Keyed,
    summary="Reverse",
    responses=_refusals(400, 404, 409, 413, 415, 422),
)
async def reverse_transaction(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    transaction_id: FromPath[UUID],
    data: JSONBody[NewReversal],
) -> Response[Any]:
    """Posts the mirror image of a transaction, once."""
    if not one_line(data.reason, least=0, most=DESCRIPTION_LENGTH):
        raise InvalidField("reason", "not_one_line")
    key = requests.key_of(request)
    async with database.connect() as tx:
        proposal = await journal.reversal(
            tx,
            me.book_id,
            transaction_id,
            client=me.name,
            key=key,
            call=calls.identity("POST", f"/transactions/{transaction_id}/reversal", data),
            actor=me.name,
            reason=data.reason,
            request_id=request.scope["state"]["request_id"],
        )
    return await _submitted(request, database, me.book_id, proposal)


@get(
    "/transactions/{transaction_id:uuid}",
    operation_id="readTransaction",
    summary="One transaction",
    responses=_refusals(404),
)
async def read_transaction(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], transaction_id: FromPath[UUID]
) -> TransactionView:
    """A posted transaction with its entries."""
    async with database.connect() as tx:
        return _transaction_view(await journal.read(tx, me.book_id, transaction_id))


async def _submitted(request: StrictRequest, database: AsyncEngine, book: int, proposal: Proposal) -> Response[Any]:
    outcome = (await batching.submit(database, book, [proposal]))[0]
    if not isinstance(outcome, Posted):
        return answers.refused(request, outcome.refusal, replayed=outcome.replayed)
    assert outcome.transaction is not None, "posted outcomes are whole when they leave the journal"
    headers = {REPLAYED: "true"} if outcome.replayed else {}
    return Response(_transaction_view(outcome.transaction), status_code=201, headers=headers)


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


def _transaction_view(transaction: Transaction) -> TransactionView:
    return TransactionView(
        transaction.transaction_id,
        transaction.kind,
        transaction.description,
        transaction.effective_at,
        transaction.effective_on,
        transaction.recorded_at,
        transaction.correction,
        transaction.corrects,
        [EntryView(e.account, e.unit, e.side, e.amount, e.number, e.balance_after) for e in transaction.entries],
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
                read_balance,
                list_entries,
                post_transaction,
                reverse_transaction,
                read_transaction,
            ],
        ),
    ],
    guards=[auth.signed_in, auth.works_on_the_book],
    security=[{"bearer": []}],
    tags=["books"],
)
