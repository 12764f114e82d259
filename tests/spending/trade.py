"""A day of trade, and what it must come to by plain Python: wallets, shelves, quotas, what is owed, disputed, bought.

The model knows the rules and none of the code: it decides each step by itself, and says beforehand what must be done or
refused. After the day every account, shelf, quota and day's sum is compared.
"""

from __future__ import annotations

import csv
import random
import secrets
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import eighteen
from ledger.books import holds
from ledger.books.directory import Book
from ledger.days import day_of, midnight
from ledger.earning import organisations, volunteers
from ledger.errors import Refusal
from ledger.spending import (
    cases,
    catalogue,
    outlets,
    pay_codes,
    presented,
    redemption,
    refunds,
    stock,
    tills,
    vouchers,
)
from ledger.spending.baskets import Wanted
from ledger.spending.catalogue import Item, Quota
from ledger.spending.outlets import Details
from ledger.spending.policy import Policy
from ledger.spending.refunds import Returned
from ledger.spending.tables import offers, outlet_days, quota_uses
from ledger.spending.tills import Till
from tests.books.ledgers import balances_of, move, opened
from tests.earning.programmes import at
from tests.spending.shops import no_age

POLICY: Final = Policy()
OPENS: Final = at("2026-03-10", "07:00")
SHOPS: Final = Path(__file__).parent.parent / "data" / "shops"


@dataclass(eq=False)
class Sale:
    """A redemption, as the model has it. `lines`: item, quantity, points, value, and how much of those came back."""

    redemption_id: UUID
    outlet: str
    holder: str
    at: datetime
    points: int
    lines: list[list[Any]]
    status: str
    free: bool
    voucher: UUID | None = None
    refunded: int = 0
    case: str | None = None

    @property
    def confirm_until(self) -> datetime:
        return self.at + timedelta(seconds=POLICY.confirm_seconds)


@dataclass(eq=False)
class Model:
    """What everything must be, from nothing but the steps of the day."""

    prices: dict[str, int]
    quotas: dict[str, tuple[int, str]]
    goods: frozenset[str]
    wallets: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    pieces: dict[tuple[str, str], int] = field(default_factory=dict)
    values: Counter[tuple[str, str]] = field(default_factory=Counter)
    shelves: Counter[str] = field(default_factory=Counter)
    """1200.x: unlike `values` what waits is still on it."""
    owed: Counter[str] = field(default_factory=Counter)
    disputed: Counter[str] = field(default_factory=Counter)
    difference: int = 0
    """5300, credits above debits."""
    outstanding: int = 0
    given: int = 0
    donated: int = 0
    used: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    days: Counter[tuple[str, date]] = field(default_factory=Counter)
    sales: list[Sale] = field(default_factory=list)
    waits: list[Sale] = field(default_factory=list)
    live: dict[UUID, tuple[str, str, int]] = field(default_factory=dict)
    """Vouchers: holder, item, points."""
    of_holder: defaultdict[str, list[Sale]] = field(default_factory=lambda: defaultdict(list))

    def time_is(self, now: datetime) -> None:
        """Holds that have run out are the volunteer's again, though the shop's pieces are still set aside."""
        for sale in self.waits:
            if sale.status == "waiting" and sale.confirm_until <= now:
                sale.status = "over"
                self.held[sale.holder] -= sale.points
                self.wallets[sale.holder] += sale.points
        self.waits = [sale for sale in self.waits if sale.status == "waiting"]

    def period(self, item: str, day: date) -> str:
        per = self.quotas[item][1]
        return {
            "day": day.isoformat(),
            "month": f"{day:%Y-%m}",
            "quarter": f"{day.year}-Q{(day.month + 2) // 3}",
        }[per]

    def over_quota(self, item: str, holder: str, quantity: int, day: date) -> bool:
        if item not in self.quotas:
            return False
        return self.used[item, holder, self.period(item, day)] + quantity > self.quotas[item][0]

    def count(self, item: str, holder: str, quantity: int, day: date) -> None:
        if item in self.quotas:
            self.used[item, holder, self.period(item, day)] += quantity

    def redeem(self, outlet: str, holder: str, wanted: dict[str, int], now: datetime) -> tuple[str, Sale | None]:
        """`done`, `waiting`, or the refusal's name."""
        day = day_of(now)
        for item, quantity in sorted(wanted.items()):
            if (outlet, item) not in self.pieces and item in self.goods:
                return "NotOffered", None
            if item in self.goods and self.pieces[outlet, item] < quantity:
                return "SoldOut", None
        points = sum(self.prices[item] * quantity for item, quantity in wanted.items())
        week = day - timedelta(days=day.weekday())
        counted = [
            sale
            for sale in self.of_holder[holder]
            if sale.free and sale.points and sale.status in ("waiting", "over", "done") and sale.voucher is None
        ]
        today = sum(day_of(sale.at) == day for sale in counted)
        pair = sum(sale.outlet == outlet and day_of(sale.at) >= week for sale in counted)
        waits = points > 0 and (
            points > POLICY.free_points or today >= POLICY.free_times or pair >= POLICY.pair_week_times
        )
        if any(self.over_quota(item, holder, quantity, day) for item, quantity in wanted.items()):
            return "OverQuota", None
        if self.days[outlet, day] + points > POLICY.shop_day_points:
            return "OverLimit", None
        if self.wallets[holder] < points:
            return "NotEnoughPoints", None
        lines = []
        for item, quantity in sorted(wanted.items()):
            value = 0
            if item in self.goods:
                there = self.pieces[outlet, item]
                value = self.values[outlet, item] * quantity // there
                self.pieces[outlet, item] -= quantity
                self.values[outlet, item] -= value
            self.count(item, holder, quantity, day)
            lines.append([item, quantity, self.prices[item] * quantity, value, 0, 0])
        self.days[outlet, day] += points
        self.wallets[holder] -= points
        sale = Sale(UUID(int=0), outlet, holder, now, points, lines, "waiting" if waits else "done", not waits)
        if waits:
            self.held[holder] += points
            self.waits.append(sale)
        else:
            self._sold(sale, 1)
        self.sales.append(sale)
        self.of_holder[holder].append(sale)
        return sale.status, sale

    def _sold(self, sale: Sale, sign: int) -> None:
        for item, _, points, value, *_ in sale.lines:
            if item in self.goods:
                self.shelves[sale.outlet] -= sign * value
                self.difference += sign * (points - value)
            else:
                self.owed[sale.outlet] += sign * points

    def _back_on_shelf(self, sale: Sale) -> None:
        for item, quantity, _, value, *_ in sale.lines:
            if item in self.goods:
                self.pieces[sale.outlet, item] += quantity
                self.values[sale.outlet, item] += value
            if sale.voucher is None:
                self.count(item, sale.holder, -quantity, day_of(sale.at))
        self.days[sale.outlet, day_of(sale.at)] -= sale.points

    def confirm(self, sale: Sale) -> None:
        self.held[sale.holder] -= sale.points
        sale.status = "done"
        self._sold(sale, 1)

    def decline(self, sale: Sale, status: str) -> None:
        if sale.status == "waiting":
            self.held[sale.holder] -= sale.points
            self.wallets[sale.holder] += sale.points
        sale.status = status
        self._back_on_shelf(sale)

    def cancel(self, sale: Sale, now: datetime) -> str:
        if sale.status == "waiting":
            self.decline(sale, "cancelled")
            return "ok"
        if sale.case is not None and sale.case != "rejected":
            return "RedemptionDisputed"
        until = midnight(day_of(sale.at) + timedelta(days=1)) + timedelta(minutes=POLICY.cancel_margin_minutes)
        if sale.status != "done" or now >= until or any(line[4] for line in sale.lines):
            return "NotCancellable"
        self._sold(sale, -1)
        self._back_on_shelf(sale)
        sale.status, sale.refunded = "cancelled", sale.points
        if sale.voucher is None:
            self.wallets[sale.holder] += sale.points
        else:
            self.outstanding += sale.points
            self.live[sale.voucher] = (sale.holder, sale.lines[0][0], sale.points)
        for line in sale.lines:
            line[4], line[5] = line[1], line[3]
        return "ok"

    def refund(self, sale: Sale, number: int, quantity: int) -> str:
        if sale.case is not None and sale.case != "rejected":
            return "RedemptionDisputed"
        line = sale.lines[number]
        item, pieces, points, value, returned, value_returned = line
        if sale.status != "done" or sale.voucher is not None or quantity > pieces - returned:
            return "NotRefundable"
        back = (value - value_returned) * quantity // (pieces - returned)
        line[4] += quantity
        line[5] += back
        amount = points // pieces * quantity
        if item in self.goods:
            self.pieces[sale.outlet, item] += quantity
            self.values[sale.outlet, item] += back
            self.shelves[sale.outlet] += back
            self.difference -= amount - back
        else:
            self.owed[sale.outlet] -= amount
        self.count(item, sale.holder, -quantity, day_of(sale.at))
        self.wallets[sale.holder] += amount
        sale.refunded += amount
        return "ok"

    def receive(self, outlet: str, item: str, pieces: int) -> None:
        value = pieces * self.prices[item]
        self.pieces[outlet, item] += pieces
        self.values[outlet, item] += value
        self.shelves[outlet] += value
        self.donated += value

    def buy(self, holder: str, item: str, day: date) -> str:
        if self.over_quota(item, holder, 1, day):
            return "OverQuota"
        if self.wallets[holder] < self.prices[item]:
            return "NotEnoughPoints"
        self.count(item, holder, 1, day)
        self.wallets[holder] -= self.prices[item]
        self.outstanding += self.prices[item]
        return "ok"

    def use(self, voucher: UUID, outlet: str, now: datetime) -> Sale:
        holder, item, points = self.live.pop(voucher)
        self.outstanding -= points
        self.owed[outlet] += points
        self.days[outlet, day_of(now)] += points
        sale = Sale(UUID(int=0), outlet, holder, now, points, [[item, 1, points, 0, 0, 0]], "done", True, voucher)
        self.sales.append(sale)
        self.of_holder[holder].append(sale)
        return sale

    def accounts(self) -> dict[str, int]:
        """The balance of every account that is not at zero."""
        found = {f"2100.{holder}": amount for holder, amount in self.wallets.items()}
        found |= {f"2120.{holder}": amount for holder, amount in self.held.items()}
        found |= {f"1200.{outlet}": amount for outlet, amount in self.shelves.items()}
        found |= {f"2300.{outlet}": amount for outlet, amount in self.owed.items()}
        found |= {f"2310.{outlet}": amount for outlet, amount in self.disputed.items()}
        found |= {"5300": -self.difference, "2500": self.outstanding, "5120.D": self.given, "3200": self.donated}
        return {code: amount for code, amount in found.items() if amount}


@dataclass(eq=False)
class Trade:
    """The day: each step is done by the service and by the model, and both must say the same."""

    database: AsyncEngine
    book: Book
    chance: random.Random
    now: datetime
    model: Model
    tills: dict[str, list[Till]]
    supermarkets: list[str]
    stations: list[str]
    holders: list[str]
    steps: Counter[str] = field(default_factory=Counter)

    async def tried(self, work: Callable[[AsyncConnection], Awaitable[object]]) -> tuple[str, Any]:
        """`ok` and what came of it, or the refusal's name."""
        try:
            async with self.database.begin() as tx:
                return "ok", await work(tx)
        except Refusal as refusal:
            return type(refusal).__name__, None

    async def step(self) -> None:
        """Something that happens in a shop."""
        self.now += timedelta(seconds=self.chance.randint(1, 3))
        self.model.time_is(self.now)
        kinds = {
            "redeem": 70,
            "cancel": 5,
            "refund": 6,
            "buy": 4,
            "use": 4,
            "dispute": 2,
            "decide": 2,
            "lapse": 2,
            "receive": 4,
        }
        [kind] = self.chance.choices(list(kinds), list(kinds.values()))
        self.steps[kind] += 1
        await getattr(self, kind)()

    async def redeem(self) -> None:
        outlet = self.chance.choice([*self.supermarkets, *self.stations])
        holder = self.chance.choice(self.holders)
        among = sorted(self.model.goods if outlet in self.supermarkets else self.model.prices.keys() - self.model.goods)
        items = self.chance.sample(among, self.chance.choice((1, 1, 2, 3)))
        if outlet in self.supermarkets and self.chance.random() < 0.5:
            items = [self.chance.choice(("G01", "G04"))]  # what has no quota
        wanted = {item: self.chance.choice((1, 1, 1, 2, 3)) for item in items}
        expected, sale = self.model.redeem(outlet, holder, wanted, self.now)
        said, made = await self.tried(lambda tx: self._redeem(tx, holder, outlet, wanted))
        assert (made.status if made else said) == expected, (said, made, expected, wanted, outlet)
        self.steps[expected] += 1
        if sale is None:
            return
        sale.redemption_id = made.redemption_id
        if expected == "waiting" and (fate := self.chance.random()) < 0.9:
            verb = redemption.confirm if fate < 0.8 else redemption.decline
            said, _ = await self.tried(
                lambda tx: verb(tx, self.book.book_id, holder, sale.redemption_id, by="user:1", now=self.now)
            )
            assert said == "ok"
            if fate < 0.8:
                self.model.confirm(sale)
            else:
                self.model.decline(sale, "declined")

    async def _redeem(
        self, tx: AsyncConnection, holder: str, outlet: str, wanted: dict[str, int], voucher: UUID | None = None
    ) -> redemption.Made:
        digest = secrets.token_bytes(32)
        await pay_codes.issue(tx, self.book.book_id, holder, digest, now=self.now, policy=POLICY, voucher_id=voucher)
        till = self.chance.choice(self.tills[outlet])
        shown = await presented.by_number(tx, self.book.book_id, till, eighteen.PAY_CODE, [digest], now=self.now)
        goods = [Wanted(item, quantity) for item, quantity in wanted.items()]
        return await redemption.redeem(
            tx, self.book.book_id, till, shown, goods, age=no_age, now=self.now, policy=POLICY
        )

    def _a_sale(self) -> Sale | None:
        return self.chance.choice(self.model.sales[-400:]) if self.model.sales else None

    async def cancel(self) -> None:
        sale = self._a_sale()
        if sale is None or sale.status == "over":  # whether that has been given back is another step
            return
        expected = self.model.cancel(sale, self.now)
        said, _ = await self.tried(
            lambda tx: refunds.cancel(
                tx, self.book.book_id, sale.redemption_id, outlet=sale.outlet, by="till:1", now=self.now, policy=POLICY
            )
        )
        assert said == expected, (said, expected, sale)

    async def refund(self) -> None:
        sale = self._a_sale()
        if sale is None or sale.status in ("over", "waiting"):
            return
        number = self.chance.randrange(len(sale.lines))
        quantity = self.chance.choice((1, 1, 2))
        expected = self.model.refund(sale, number, quantity)
        said, _ = await self.tried(
            lambda tx: refunds.refund(
                *(tx, self.book.book_id, sale.redemption_id, [Returned(number, quantity)]),
                outlet=sale.outlet,
                by="till:1",
                now=self.now,
                policy=POLICY,
            )
        )
        assert said == expected, (said, expected, sale)

    async def receive(self) -> None:
        """More of what is always wanted, at today's price."""
        outlet, item = self.chance.choice(self.supermarkets), self.chance.choice(("G01", "G04"))
        pieces = self.chance.randint(20, 60)
        self.model.receive(outlet, item, pieces)
        said, _ = await self.tried(
            lambda tx: stock.receive(
                *(tx, self.book.book_id, outlet, item, pieces, "donated"), call="test", by="user:1", now=self.now
            )
        )
        assert said == "ok", said

    async def buy(self) -> None:
        holder, item = self.chance.choice(self.holders), self.chance.choice(("S01", "S02", "S03"))
        expected, voucher = self.model.buy(holder, item, day_of(self.now)), uuid4()
        said, _ = await self.tried(
            lambda tx: vouchers.buy(
                *(tx, self.book.book_id, holder, item),
                voucher_id=voucher,
                digest=secrets.token_bytes(32),
                by="user:1",
                age=None,
                now=self.now,
            )
        )
        assert said == expected, (said, expected)
        if said == "ok":
            self.model.live[voucher] = (holder, item, self.model.prices[item])

    async def use(self) -> None:
        if not self.model.live:
            return
        voucher = self.chance.choice(list(self.model.live))
        holder, item, points = self.model.live[voucher]
        outlet = self.chance.choice(self.stations)
        if self.model.days[outlet, day_of(self.now)] + points > POLICY.shop_day_points:
            return
        sale = self.model.use(voucher, outlet, self.now)
        said, made = await self.tried(lambda tx: self._redeem(tx, holder, outlet, {item: 1}, voucher))
        assert said == "ok", said
        sale.redemption_id = made.redemption_id

    async def dispute(self) -> None:
        sale = self._a_sale()
        if sale is None or sale.status != "done" or sale.case is not None or sale.points == sale.refunded:
            return
        said, _ = await self.tried(
            lambda tx: cases.dispute(
                *(tx, self.book.book_id, sale.holder, sale.redemption_id), by="user:1", now=self.now, policy=POLICY
            )
        )
        assert said == "ok", (said, sale)
        sale.case = "open"
        self.model.owed[sale.outlet] -= sale.points - sale.refunded
        self.model.disputed[sale.outlet] += sale.points - sale.refunded

    async def decide(self) -> None:
        of = [sale for sale in self.model.sales if sale.case == "open" and sale.voucher is None]
        if not of:
            return
        sale, upheld = self.chance.choice(of), self.chance.random() < 0.5

        async def decided(tx: AsyncConnection) -> None:
            case = await cases.of_redemption(tx, self.book.book_id, sale.redemption_id)
            assert case is not None
            mine: dict[str, Any] = {"holder": None, "now": self.now}
            await cases.propose(tx, self.book.book_id, case.case_id, upheld, "看过监控了", by="user:8", **mine)
            await cases.decide(tx, self.book.book_id, case.case_id, True, by="user:9", **mine)

        said, _ = await self.tried(decided)
        assert said == "ok", said
        left = sale.points - sale.refunded
        self.model.disputed[sale.outlet] -= left
        sale.case = "upheld" if upheld else "rejected"
        if upheld:
            self.model.wallets[sale.holder] += left
            sale.refunded = sale.points
        else:
            self.model.owed[sale.outlet] += left

    async def lapse(self) -> None:
        await redemption.lapse(self.database, self.book.book_id)
        for sale in self.model.sales:
            if sale.status == "over":
                self.model.decline(sale, "lapsed")

    async def compared(self) -> None:
        """The evening: nothing waits any more, and everything is as the model has it."""
        self.now += timedelta(minutes=5)
        self.model.time_is(self.now)
        await self.lapse()
        await holds.sweep(self.database, self.book.book_id)
        book = self.book.book_id
        assert {code: amount for code, amount in (await balances_of(self.database, self.book)).items() if amount} == (
            self.model.accounts()
        )
        async with self.database.connect() as tx:
            rows = await tx.execute(
                select(offers.c.outlet, offers.c.item, offers.c.pieces, offers.c.value).where(
                    offers.c.book_id == book, offers.c.pieces.is_not(None)
                )
            )
            assert {(outlet, item): (pieces, value) for outlet, item, pieces, value in rows} == {
                place: (pieces, self.model.values[place]) for place, pieces in self.model.pieces.items()
            }
            rows = await tx.execute(
                select(quota_uses.c.item, quota_uses.c.subject, quota_uses.c.period, quota_uses.c.used).where(
                    quota_uses.c.book_id == book, quota_uses.c.used > 0
                )
            )
            assert {(item, subject[2:], period): used for item, subject, period, used in rows} == {
                key: used for key, used in self.model.used.items() if used
            }
            rows = await tx.execute(
                select(outlet_days.c.outlet, outlet_days.c.day, outlet_days.c.points).where(
                    outlet_days.c.book_id == book, outlet_days.c.points > 0
                )
            )
            assert {(outlet, day): points for outlet, day, points in rows} == {
                key: points for key, points in self.model.days.items() if points
            }


async def opened_trade(database: AsyncEngine, book: Book, people: int, points: int, seed: int) -> Trade:
    """The outlets and the catalogue of `data/shops`: supermarkets have the goods, stations the services and perks."""
    chance = random.Random(seed)
    with (SHOPS / "catalogue.csv").open(encoding="utf-8-sig") as file:
        catalogue_rows = list(csv.DictReader(file))
    with (SHOPS / "outlets.csv").open(encoding="utf-8-sig") as file:
        outlet_rows = list(csv.DictReader(file))
    quotas = {
        row["code"]: (int(row["quota_per_person"].partition("/")[0]), row["quota_per_person"].partition("/")[2])
        for row in catalogue_rows
        if row["quota_per_person"]
    }
    model = Model(
        {row["code"]: int(row["points"]) for row in catalogue_rows},
        quotas,
        frozenset(row["code"] for row in catalogue_rows if row["kind"] == "goods"),
    )
    trade = Trade(database, book, chance, OPENS, model, {}, [], [], [])
    trade.database = database.execution_options(clock=lambda _: trade.now)
    number = book.book_id
    async with trade.database.begin() as tx:
        await organisations.add(tx, number, "D", "示例区", None, "district")
        for place in range(people):
            trade.holders.append((await volunteers.register(tx, number, f"V-{place:04d}", "D")).holder)
        for row in catalogue_rows:
            kind = row["kind"]
            await catalogue.add(
                *(tx, number),
                Item(
                    row["code"],
                    row["name"],
                    kind,  # type: ignore[arg-type] # as the file says
                    int(row["points"]),
                    date(2026, 1, 1),
                    quotas=(Quota("person", *quotas[row["code"]]),) if row["code"] in quotas else (),  # type: ignore[arg-type]
                    voucher_days=30 if kind == "service" else None,
                ),
                by="user:1",
                now=trade.now,
            )
    for row in outlet_rows:
        async with trade.database.begin() as tx:
            code, goods = row["code"], row["kind"] == "virtue_supermarket"
            await outlets.add(tx, number, code, Details(row["name"], row["kind"], "D"))  # type: ignore[arg-type]
            (trade.supermarkets if goods else trade.stations).append(code)
            trade.tills[code] = [
                await tills.bound(tx, number, len(trade.tills) * 2 + each, code, "收银") for each in (1, 2)
            ]
            for each in catalogue_rows:
                if goods and each["kind"] == "goods":
                    pieces, value = int(each["stock"]), int(each["stock"]) * int(each["points"])
                    await stock.receive(
                        *(tx, number, code, each["code"], pieces, "donated"), call="test", by="user:1", now=trade.now
                    )
                    model.pieces[code, each["code"]], model.values[code, each["code"]] = pieces, value
                    model.shelves[code] += value
                    model.donated += value
                elif not goods and each["kind"] != "goods":
                    await catalogue.offer(tx, number, code, each["code"], "merchant")
    await opened(trade.database, book, "5120.D")
    for holder in trade.holders:
        await move(trade.database, book, f"5120.D {points}", f"2100.{holder} {points}", effective_at=OPENS)
        model.wallets[holder] += points
        model.given += points
    # A new price for soap: what leaves the stock leaves it at what it was received at.
    async with trade.database.begin() as tx:
        await catalogue.set_price(tx, number, "G01", day_of(trade.now), 7, by="user:1", now=trade.now)
    model.prices["G01"] = 7
    return trade
