"""People of a small time bank and what happens to them, told through the verbs of the domain."""

from __future__ import annotations

import datetime
import html
import itertools
import re
import secrets
from dataclasses import dataclass
from html.parser import HTMLParser

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth
from ledger.access import ciphers, persons, sessions, users
from ledger.access.identities import Identity, check_digit
from ledger.access.rights import Grant
from ledger.books import batching, chart
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.books.evaluate import Posted, Transaction
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.earning import organisations, volunteers
from ledger.earning.volunteers import CREDIT_HOURS, HONOUR_HOURS, IN_NOTICE, WALLET, Volunteer

PASSWORD = "open, sesame!"

SERVED, REWARD, ITEMS, SHOP = "9110.lake", "5100.lake", "5120.lake", "2300.shop"

IDENTITY_KEYS = ("an identity key for tests, of more than 32 characters",)
INDEX_KEYS = ("an index key for tests, of more than 32 characters",)
PRINT_KEYS = ("a print key for tests, of more than 32 characters",)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in, and what she is in the books."""

    book: Book
    login: str
    volunteer: Volunteer | None

    def account(self, code: str) -> str:
        assert self.volunteer is not None
        return self.volunteer.account(code)


async def a_volunteer(
    database: AsyncEngine, book: Book, number: str = "V20260012", organisation: str | None = None
) -> Person:
    login = f"v{secrets.token_hex(4)}"
    async with database.begin() as tx:
        volunteer = await volunteers.register(tx, book.book_id, number, organisation)
        await _user(tx, book, login, Grant("volunteer", volunteer_no=number))
        await chart.open_accounts(
            tx,
            book.book_id,
            [
                NewAccount(SERVED, "服务", "memo_debit", "HR"),
                NewAccount(REWARD, "奖励", "expense", "PT"),
                NewAccount(ITEMS, "细则", "expense", "PT"),
                NewAccount(SHOP, "商家", "liability", "PT"),
            ],
        )
    return Person(book, login, volunteer)


async def an_operator(database: AsyncEngine, book: Book) -> Person:
    login = f"o{secrets.token_hex(4)}"
    async with database.begin() as tx:
        await _user(tx, book, login, Grant("operator"))
    return Person(book, login, None)


async def _user(tx: AsyncConnection, book: Book, login: str, grant: Grant) -> None:
    made = await users.create(tx, login, password=PASSWORD)
    await users.give(tx, made.user_id, book.book_id, grant, "room:test")


async def posted(
    database: AsyncEngine,
    person: Person,
    kind: str,
    debit: tuple[str, int],
    credit: tuple[str, int],
    *,
    description: str = "",
    days_before: int = 0,
    lapses_on: datetime.date | None = None,
) -> Transaction:
    """Books one transaction that happened `days_before` its booking; what it credits can be spent before a day."""
    async with database.connect() as tx:
        now = await connect.now(tx)
    key = f"k{next(_numbers)}"
    proposal = Proposal(
        client="token:test",
        key=key,
        call=key,
        kind=kind,
        description=description,
        effective_at=now - datetime.timedelta(days=days_before),
        lines=(Line(debit[0], "debit", debit[1]), Line(credit[0], "credit", credit[1], lapses_on=lapses_on)),
        actor="user:1",
    )
    (outcome,) = await batching.submit(database, person.book.book_id, [proposal])
    assert isinstance(outcome, Posted), outcome
    assert outcome.transaction is not None
    return outcome.transaction


async def serves(
    database: AsyncEngine, her: Person, minutes: int, points: int, what: str, days_before: int = 0
) -> None:
    """Hours, points in notice, points to spend: T02 and T03."""
    hours, notice, wallet = her.account(CREDIT_HOURS), her.account(IN_NOTICE), her.account(WALLET)
    await posted(
        database, her, "earn.hours", (SERVED, minutes), (hours, minutes), description=what, days_before=days_before
    )
    await posted(database, her, "earn.points", (REWARD, points), (notice, points), description=what)
    await posted(database, her, "earn.release", (notice, points), (wallet, points))


async def lives(database: AsyncEngine, her: Person) -> None:
    """A year and a bit: something of every passbook, last year and this, some of it booked days after it happened."""
    last_year = connect.to(url_of(database), clock=lambda time: time - datetime.timedelta(days=366))
    try:
        await serves(last_year, her, 150, 25, "community clean-up")
        await posted(
            last_year, her, "earn.backfill", (SERVED, 180), (her.account(HONOUR_HOURS), 180), description="flood watch"
        )
    finally:
        await last_year.dispose()
    await serves(database, her, 600, 100, "lunch for <b>elders</b> & friends", days_before=3)
    await posted(database, her, "spend.redeem", (her.account(WALLET), 48), (SHOP, 48), description="washing liquid")
    await posted(database, her, "earn.item", (ITEMS, 10), (her.account(IN_NOTICE), 10), description="neighbours")


def url_of(database: AsyncEngine) -> str:
    return database.url.render_as_string(hide_password=False)


# --- reading pages ----------------------------------------------------------------------------------------------------


def token_of(page: str) -> str:
    """The hidden token of a page's form."""
    found = re.search(r'name="_csrf_token" value="([^"]+)"', page)
    assert found, "the page has a guarded form"
    return html.unescape(found[1])


async def sign_in(site: httpx.AsyncClient, person: Person, **fields: str) -> httpx.Response:
    """Fills in the form and sends it."""
    form = {"login": person.login, "password": PASSWORD, **fields}
    if "_csrf_token" not in form:
        form["_csrf_token"] = token_of((await site.get("/sign-in")).text)
    return await site.post("/sign-in", data=form)


class _Words(HTMLParser):
    """Collects the text, without what is said to be Chinese in so many words: the switch to the other language, and
    the matching word of a redemption."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.words += [value or "" for name, value in attrs if name in ("aria-label", "data-label", "title", "value")]
        if tag in ("a", "b") and ("lang", "zh-CN") in attrs:
            self.skipping += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("a", "b") and self.skipping:
            self.skipping -= 1

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.words.append(data)


def words_of(page: str) -> str:
    """What a page says, in one line."""
    reader = _Words()
    reader.feed(page)
    return " ".join(" ".join(reader.words).split())


# --- a district with staff --------------------------------------------------------------------------------------------

NORTH, SOUTH = "37N", "37S"


@dataclass(frozen=True)
class District:
    """A book with two organisations below one, a volunteer in each, and what awards and deductions need."""

    book: Book
    northern: Person
    southern: Person


async def a_district(database: AsyncEngine, book: Book) -> District:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "37", "County")
        await organisations.add(tx, book.book_id, NORTH, "North lake", "37")
        await organisations.add(tx, book.book_id, SOUTH, "South lake", "37")
        await chart.open_accounts(
            tx,
            book.book_id,
            [
                NewAccount(f"5120.{NORTH}", "Awards", "expense", "PT"),
                NewAccount(f"5120.{SOUTH}", "Awards", "expense", "PT"),
                NewAccount("4200", "Forfeited", "income", "PT"),
            ],
        )
    northern = await a_volunteer(database, book, "N0001", NORTH)
    southern = await a_volunteer(database, book, "S0001", SOUTH)
    return District(book, northern, southern)


async def somebody(
    database: AsyncEngine, book: Book, *grants: Grant, password: str | None = None, must_change: bool = False
) -> Person:
    """Somebody with these roles. Most need no password, which would take its time: `a_session` signs them in."""
    login = f"s{secrets.token_hex(4)}"
    async with database.begin() as tx:
        made = await users.create(tx, login, password=password, seen=must_change)
        for grant in grants:
            await users.give(tx, made.user_id, book.book_id, grant, "room:test")
    return Person(book, login, None)


GROWN, YOUNG = (number + check_digit(number) for number in ("37010119500615001", "37010120200615001"))


async def who_is(database: AsyncEngine, book: Book, number: str, identity: Identity) -> None:
    """Records who a volunteer is."""
    keys = ciphers.Keys.of(IDENTITY_KEYS, INDEX_KEYS)
    async with database.begin() as tx:
        her = await volunteers.find(tx, book.book_id, number)
        await persons.record(tx, keys, book.book_id, number, her.holder, identity, "room:test", auth.now())


async def a_session(database: AsyncEngine, person: Person, label: str = "Chrome, Linux") -> str:
    """What the cookie of a browser holds in which she has just signed in."""
    async with database.begin() as tx:
        user = await users.with_login(tx, person.login)
        assert user is not None
        now = auth.now()
        grants = await users.grants_of(tx, user.user_id, auth.today())
        me = sessions.principal(user, grants, person.book.book_id, person.book.code)
        _me, secret = await sessions.begin(tx, me, label, now, browser=True)
    return secret


async def send(client: httpx.AsyncClient, page: str, action: str, **fields: str) -> httpx.Response:
    """Opens a page and sends a form of it with these fields."""
    opened = await client.get(page)
    assert opened.status_code == 200, opened.text
    assert f'action="{action}"' in opened.text, f"{page} has no form to {action}"
    return await client.post(action, data={**fields, "_csrf_token": token_of(opened.text)})
