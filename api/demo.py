"""The sample district: volunteers and a year of entries, made through the same verbs as everything else.

All of it follows from the book's first day, so that a first start that was interrupted is simply done again: what is
there already is answered from its keys.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import demo_hours, demo_shops, demo_stars
from api.demo_hours import Clock
from ledger.access import consents, persons, users
from ledger.access.ciphers import Keys
from ledger.access.identities import Identity, check_digit
from ledger.access.rights import STAFF, Grant, Role
from ledger.books import batching, chart, directory
from ledger.books.chart import NewAccount
from ledger.books.directory import Book
from ledger.books.evaluate import Posted
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.days import BEIJING, day_of, midnight
from ledger.earning import organisations, rule_sets, volunteers
from ledger.earning.volunteers import CREDIT_HOURS, HONOUR_HOURS, IN_NOTICE, WALLET, Volunteer
from ledger.errors import OrganisationExists, Refusal, UnknownBook, UnknownVolunteer

BOOK: Final = "demo"
NAME: Final = "示例区时间银行"
VOLUNTEERS: Final = 40
POINTS_AN_HOUR: Final = 10
DAYS_OF_NOTICE: Final = 7
AUDIT: Final = timedelta(days=365)
"""So long the sample auditor may read."""
HELP_PHONE: Final = "0531-0000-0000"
"""Nobody's: it shows where the district's own number stands."""

FAMILY_NAMES: Final = "王李张刘陈杨赵黄周吴徐孙马"
GIVEN_NAMES: Final = ("建国", "秀兰", "桂英", "志强", "淑珍", "玉梅", "国庆", "春花", "德福", "美玲")
TEAMS: Final = ("370101T1", "370102T1", "370203T2", "370301T1")
ORGANISATIONS: Final = (
    *(("37", "示例区"), ("3701", "一街道"), ("3702", "二街道"), ("3703", "三街道")),
    *(("370101", "一街道一社区"), ("370102", "一街道二社区"), ("370203", "二街道三社区"), ("370301", "三街道一社区")),
    *((team, f"第{number}志愿服务队") for number, team in enumerate(TEAMS, 1)),
)
OUTLETS: Final = (("X0001", "一街道一社区美德超市"), ("X0006", "一街道爱心驿站"), ("X0013", "三街道一社区美德超市"))
SERVICES: Final = ("助老陪伴", "助学支教", "生态环保", "文明交通", "社区巡逻", "医疗卫生", "科学普及")
GOODS: Final = (("香皂一块", 5), ("洗手液一瓶", 20), ("卷纸一提", 30), ("理发一次", 30), ("洗衣液一瓶", 48))

# Letters and digits that an old eye does not mistake for each other.
_LETTERS: Final = "abcdefghkmnprstuvwxyz"
_DIGITS: Final = "23456789"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of user. `person`: which of the sample volunteers she is."""

    who: str
    login: str
    roles: tuple[Role, ...]
    person: int = 0
    organisation: str | None = None


KINDS: Final = (
    Kind("志愿者 volunteer", "wang", ("volunteer",), 0),
    Kind("志愿者 volunteer", "370000000002", ("volunteer",), 1),
    Kind("商家 merchant", "shop", ("merchant",)),
    Kind("记录员 recorder", "recorder", ("recorder",), organisation=TEAMS[0]),
    Kind("队长 leader", "leader", ("volunteer", "recorder"), 3, TEAMS[0]),
    Kind("复核员 reviewer", "reviewer", ("reviewer",)),
    Kind("第二复核员 second reviewer", "reviewer2", ("reviewer",)),
    Kind("经办员 operator", "operator", ("operator",)),
    Kind("审计员 auditor", "auditor", ("auditor",)),
    Kind("负责人 owner", "owner", ("owner",)),
)


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can sign in to the sample district."""

    who: str
    login: str
    password: str


async def fill(url: str, folder: Path, keys: Keys, say: Callable[[str], None]) -> list[Login]:
    """Makes the sample district if it is not there yet, and answers who can sign in."""
    logins = _logins(folder)
    calendar = Clock()
    database = connect.to(url, clock=calendar)
    try:
        async with database.begin() as tx:
            try:
                book = await directory.find_book(tx, BOOK)
            except UnknownBook:
                today = day_of(calendar.time)
                book = await directory.create_book(tx, BOOK, NAME, today - timedelta(days=365))
        async with database.connect() as tx:
            whole = await users.with_login(tx, logins[-1].login) is not None
        if not whole:
            say("Making the sample district, a year of entries; this takes some seconds …")
            now, calendar.time = calendar.time, midnight(book.first_day) + timedelta(hours=9)
            people = await _people(database, book)
            calendar.time = now
            since = book.first_day + timedelta(days=365 - demo_hours.DAYS)
            await _year(database, book, people, calendar, since - timedelta(days=1))
            await demo_hours.weeks(database, book, _habits(people), calendar, since)
            await _identities(database, book, people, keys)
        async with database.begin() as tx:
            await demo_shops.demo_outlets(tx, book.book_id)
            await demo_shops.demo_goods(tx, book.book_id, await connect.now(tx))
        async with database.connect() as tx:
            first = [await volunteers.find(tx, book.book_id, _number(each)) for each in (4, 8, 12)]
        if await _has_rules(database, book):  # which an earlier version's district has not
            await demo_hours.open_today(database, book, TEAMS[0], first)
        await demo_stars.recognise(database, keys, book, calendar, first[0], TEAMS[0])
        async with database.begin() as tx:  # last, so that a district with users is a whole one
            for login, kind in zip(logins, KINDS, strict=True):
                [found, *_] = await users.find(tx, login.login, book.book_id)
                until = day_of(calendar.time) + AUDIT
                if found.user is not None:
                    if "auditor" in kind.roles:
                        await _let_audit(tx, book, found.user.user_id, until)
                    continue
                if users.PIN.fullmatch(login.password):
                    made = await users.create(tx, None, pin=login.password)
                else:
                    made = await users.create(tx, login.login, password=login.password)
                for role in kind.roles:
                    number = _number(kind.person + 1) if role == "volunteer" else None
                    outlet = OUTLETS[0][0] if role == "merchant" else None
                    ends = until if role == "auditor" else None
                    grant = Grant(role, kind.organisation if role in STAFF else None, number, outlet, ends)
                    await users.give(tx, made.user_id, book.book_id, grant, "room:demo")
    finally:
        await database.dispose()
    return logins


async def _let_audit(tx: AsyncConnection, book: Book, user_id: int, until: date) -> None:
    """Lets the auditor in again whose time is over."""
    granted = await users.grants_of(tx, user_id, until - AUDIT)
    if not any(grant.role == "auditor" for grant in granted.get(book.book_id, ())):
        await users.give(tx, user_id, book.book_id, Grant("auditor", until=until), "room:demo")


def welcome(logins: list[Login], address: str, folder: Path) -> None:
    """Prints for each kind of user an address and a login."""
    table = Table("", "address", "login", "password", title="Meide Ledger 美德账本", title_justify="left")
    for each in logins:
        table.add_row(each.who, f"{address}/", each.login, each.password)
    console = Console(width=max(100, Console().width))
    console.print(table)
    console.print(f"The HTTP API is described at {address}/schema/openapi.json.")
    console.print(f"Ctrl-C stops it. The data stay in {folder}; remove that folder to begin anew.", soft_wrap=True)


def _logins(folder: Path) -> list[Login]:
    """The logins of this data folder; their passwords are made once and kept there."""
    kept = folder / "demo-logins.json"
    made: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    if missing := [kind.login for kind in KINDS if kind.login not in made]:
        made |= {login: users.new_pin() if login.isdigit() else _password() for login in missing}
        draft = kept.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(made, file)
        draft.replace(kept)
    return [Login(kind.who, kind.login, made[kind.login]) for kind in KINDS]


def _password() -> str:
    """Eight characters to type from a screen: about 10^9 possibilities, for a demo on one's own machine."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return letters + "".join(secrets.choice(_DIGITS) for _ in range(4))


def _number(place: int) -> str:
    """The volunteer number of the first, second … sample volunteer."""
    return f"370000{place:06d}"


def _habits(people: list[Volunteer]) -> list[demo_hours.Person]:
    """Who serves when and in what: most once a week, those whom one signs in as every other day."""
    return [
        demo_hours.Person(
            her,
            TEAMS[(place + 1) % len(TEAMS)],
            SERVICES[place % len(SERVICES)],
            (0, 2, 4, 6) if place < 2 else (place % 7,),
        )
        for place, her in enumerate(people)
    ]


async def _has_rules(database: AsyncEngine, book: Book) -> bool:
    async with database.connect() as tx:
        return bool((await rule_sets.in_force(tx, book.book_id)).versions)


async def _people(database: AsyncEngine, book: Book) -> list[Volunteer]:
    """The district's accounts and its volunteers."""
    async with database.begin() as tx:
        await _open(
            tx,
            book,
            NewAccount("1100", "兑付准备", "asset", "PT"),
            NewAccount("1110", "资金", "asset", "CNY"),
            NewAccount("3100", "积分预算", "equity", "PT"),
            NewAccount("3110", "资金来源", "equity", "CNY"),
            NewAccount("3200", "实物捐赠", "equity", "PT"),
            NewAccount("4200", "减分", "income", "PT"),
            *(NewAccount(f"5100.{team}", "服务奖励", "expense", "PT") for team in TEAMS),
            *(NewAccount(f"5120.{team}", "加分奖励", "expense", "PT") for team in TEAMS),
            *(NewAccount(f"9110.{team}", "服务时长", "memo_debit", "HR") for team in TEAMS),
            *(NewAccount(f"1200.{code}", f"{name} 库存", "asset", "PT") for code, name in OUTLETS),
            *(NewAccount(f"2300.{code}", f"应付 {name}", "liability", "PT") for code, name in OUTLETS),
        )
        for code, name in ORGANISATIONS:
            with contextlib.suppress(OrganisationExists):
                above = [other for other, _ in ORGANISATIONS if code.startswith(other) and other != code]
                await organisations.add(tx, book.book_id, code, name, max(above, key=len, default=None))
    people = []
    for number in range(1, VOLUNTEERS + 1):
        async with database.begin() as tx:
            volunteer_no = _number(number)
            try:
                people.append(await volunteers.find(tx, book.book_id, volunteer_no))
            except UnknownVolunteer:
                people.append(await volunteers.register(tx, book.book_id, volunteer_no, TEAMS[number % len(TEAMS)]))
    return people


async def _identities(database: AsyncEngine, book: Book, people: list[Volunteer], keys: Keys) -> None:
    """Who the sample volunteers are: names, phones and identity numbers that are nobody's. The last one is a minor."""
    for number, her in enumerate(people):
        born = 1945 + number if her is not people[-1] else 2012
        first = f"370000{born}{1 + number % 12:02d}{1 + number % 28:02d}{number:03d}"
        identity = Identity(
            FAMILY_NAMES[number % len(FAMILY_NAMES)] + GIVEN_NAMES[number % len(GIVEN_NAMES)],
            f"1990000{number:04d}",
            first + check_digit(first),
        )
        async with database.begin() as tx:
            now = datetime.now(UTC)
            await persons.record(tx, keys, book.book_id, her.volunteer_no, her.holder, identity, "room:demo", now)
            await consents.give(tx, book.book_id, her.holder, "service", consents.OFFERED["service"], "staff:demo", now)


async def _open(tx: AsyncConnection, book: Book, *wanted: NewAccount) -> None:
    for outcome in await chart.open_accounts(tx, book.book_id, wanted):
        if isinstance(outcome, Refusal):
            raise outcome


async def _year(database: AsyncEngine, book: Book, people: list[Volunteer], calendar: Clock, last: date) -> None:
    """Posts the year day by day to the last one, each day's entries booked that evening."""
    today = calendar.time
    for day, proposals in _days(book, people, last):
        evening = datetime.combine(day, time(20), BEIJING).astimezone(UTC)
        calendar.time = min(evening, today)
        for outcome in await batching.submit(database, book.book_id, proposals):
            if not isinstance(outcome, Posted):
                raise outcome.refusal
    calendar.time = today


def _days(book: Book, people: list[Volunteer], last: date) -> Iterator[tuple[date, list[Proposal]]]:
    """What happens on each day of the sample year."""
    chance = random.Random(20261121)  # noqa: S311 - a sample that is the same everywhere, not a secret
    habits = {p.volunteer_no: (chance.randrange(7), chance.choice(TEAMS), chance.choice(SERVICES)) for p in people}
    wallets = {p.volunteer_no: 0 for p in people}
    in_notice: list[tuple[date, Volunteer, int]] = []
    day = book.first_day
    while day <= last:
        posts = _Posts(day)
        if day == book.first_day:
            posts.add("budget", "budget.fund", "年度积分预算", 9, "1100 PT 120000", "3100", "1110 CNY 12000000", "3110")
            for outlet, _ in OUTLETS:
                posts.add(f"stock-{outlet}", "stock.donation", "爱心企业捐赠物资", 9, f"1200.{outlet} PT 6000", "3200")
        ended = [each for each in in_notice if each[0] == day]
        in_notice = [each for each in in_notice if each[0] != day]
        for _, person, points in ended:
            posts.add(
                f"release-{person.volunteer_no}", "earn.release", "", 9,
                f"{person.account(IN_NOTICE)} PT {points}", person.account(WALLET),
            )  # fmt: skip
            wallets[person.volunteer_no] += points
        for person in people:
            number = person.volunteer_no
            weekday, team, service = habits[number]
            # What is in notice when the older platform ends would stay there.
            if day.weekday() == weekday and chance.random() < 0.8 and day <= last - timedelta(days=DAYS_OF_NOTICE):
                served_on = day - timedelta(days=chance.choice((0, 0, 0, 1))) if day > book.first_day else day
                minutes = chance.randrange(60, 241, 15)
                points = minutes * POINTS_AN_HOUR // 60
                posts.add(
                    f"hours-{number}", "earn.hours", service, 17,
                    f"9110.{team} HR {minutes}", person.account(CREDIT_HOURS), on=served_on,
                )  # fmt: skip
                posts.add(
                    f"points-{number}", "earn.points", service, 18,
                    f"5100.{team} PT {points}", person.account(IN_NOTICE),
                )  # fmt: skip
                in_notice.append((day + timedelta(days=DAYS_OF_NOTICE), person, points))
            if chance.random() < 0.01:
                posts.add(
                    f"backfill-{number}", "earn.backfill", "活动补录", 17,
                    f"9110.{team} HR {chance.randrange(30, 121, 15)}", person.account(HONOUR_HOURS),
                )  # fmt: skip
            if chance.random() < 0.008:
                posts.add(
                    f"item-{number}", "earn.item", "随手拍问题上报", 12, f"5120.{team} PT 2", person.account(WALLET)
                )
                wallets[number] += 2
            if chance.random() < 0.003 and wallets[number] >= 5:
                posts.add(f"minus-{number}", "deduct", "报名未到", 12, f"{person.account(WALLET)} PT 5", "4200")
                wallets[number] -= 5
            goods, price = chance.choice(GOODS)
            if chance.random() < 0.04 and wallets[number] >= price:
                outlet, name = chance.choice(OUTLETS)
                payee = f"2300.{outlet}" if goods == "理发一次" else f"1200.{outlet}"
                posts.add(
                    f"redeem-{number}", "spend.redeem", f"{goods}，{name}", 15,
                    f"{person.account(WALLET)} PT {price}", payee,
                )  # fmt: skip
                wallets[number] -= price
        if posts.proposals:
            yield day, posts.proposals
        day += timedelta(days=1)


class _Posts:
    """The proposals of one day."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.proposals: list[Proposal] = []

    def add(self, key: str, kind: str, description: str, hour: int, *pairs: str, on: date | None = None) -> None:
        """Adds a transaction from pairs: what is debited (`account unit amount`), and the account credited."""
        lines = []
        for debited, credited in zip(pairs[::2], pairs[1::2], strict=True):
            account, unit, amount = debited.split()
            lines += [Line(account, "debit", int(amount), unit), Line(credited, "credit", int(amount), unit)]
        self.proposals.append(
            Proposal(
                client="room:demo",
                key=f"{self.day}/{key}",
                call=f"{self.day}/{key}: {pairs}",
                kind=kind,
                description=description,
                effective_at=datetime.combine(on or self.day, time(hour), BEIJING).astimezone(UTC),
                lines=tuple(lines),
                actor="room:demo",
            )
        )
