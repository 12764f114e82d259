"""The outlets of the sample district, and what they have."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import balances
from ledger.books.proposals import Line, Proposal
from ledger.days import day_of
from ledger.errors import Refusal
from ledger.spending import catalogue, outlets, postings, stock
from ledger.spending.catalogue import Eligible, Item, Quota
from ledger.spending.outlets import Details

OUTLETS: Final = (
    (
        "X0001",
        Details(
            *("一街道一社区美德超市", "virtue_supermarket", "370101", "一街道湖边路 1 号", "0531-0000-0001"),
            *("每天 9:00–17:00", 36_675_800, 117_000_900),
        ),
    ),
    (
        "X0006",
        Details(
            *("一街道爱心驿站", "care_station", "3701", "一街道便民服务中心一楼", "0531-0000-0006"),
            *("周一至周五 9:00–17:00", 36_671_200, 117_009_500),
        ),
    ),
    (
        "X0013",
        Details(
            *("三街道一社区美德超市", "virtue_supermarket", "370301", "三街道学府路 20 号", "0531-0000-0013"),
            *("周二、周四、周六 9:00–11:30", 36_651_200, 117_120_100),
        ),
    ),
    (
        "X0101",
        Details(
            *("老街理发店", "caring_merchant", "370102", "一街道老街 36 号", "0531-0000-0101"),
            *("周三休息，其他日子 8:30–18:00", 36_668_400, 117_016_000),
        ),
    ),
    (
        "X0102",
        Details(
            *("湖上轮渡码头", "transport", "3702", "二街道码头", "", "4 月至 10 月 8:00–18:00", 36_677_900, 117_023_300)
        ),
    ),
)
"""Invented, like all of the district. The first three are those of its year of entries."""

DAY_ONE: Final = date(2000, 1, 1)
"""Stands for the day on which the sample is made."""

ITEMS: Final = (
    Item("G01", "香皂", "goods", 5, DAY_ONE),
    Item("G02", "卷纸一提", "goods", 30, DAY_ONE, None, (Quota("person", 2, "month"),)),
    Item("G03", "洗衣液", "goods", 48, DAY_ONE, None, (Quota("person", 1, "month"),)),
    Item("G04", "洗手液", "goods", 20, DAY_ONE),
    Item("G05", "大米五公斤", "goods", 200, DAY_ONE, None, (Quota("household", 1, "month"),)),
    Item("G06", "食用油一升", "goods", 150, DAY_ONE, None, (Quota("household", 1, "month"),)),
    Item("G07", "雨伞", "goods", 80, DAY_ONE, None, (Quota("person", 1, "quarter"),)),
    Item("G08", "保温杯", "goods", 120, DAY_ONE, None, (Quota("person", 1, "quarter"),)),
    Item(
        *("S01", "理发一次", "service", 30, DAY_ONE, None, (Quota("person", 2, "month"),)),
        voucher_days=90,
        giftable=True,
    ),
    Item("S02", "家电检修一次", "service", 100, DAY_ONE, None, (Quota("person", 1, "month"),), voucher_days=180),
    Item("S03", "口腔检查一次", "service", 80, DAY_ONE, None, (Quota("person", 1, "quarter"),)),
    Item("S05", "公交十次卡", "service", 60, DAY_ONE, None, (Quota("person", 1, "month"),)),
    Item("S06", "景区门票半价", "perk", 0, DAY_ONE, None, (Quota("person", 1, "quarter"),), Eligible(star=1)),
    Item("S07", "轮渡优惠票", "perk", 0, DAY_ONE, None, (Quota("person", 2, "month"),)),
    Item("S08", "骑手热餐一份", "perk", 0, DAY_ONE, None, (Quota("person", 1, "day"),), Eligible(tag="骑手")),
)
DONATED: Final = {"G01": 40, "G02": 24, "G03": 20, "G04": 30, "G05": 12, "G06": 12, "G07": 10, "G08": 10}
"""Pieces at each supermarket and at the station."""
SHELVES: Final = {
    "X0001": tuple(DONATED),
    "X0006": ("G01", "G04", "G07", "S03", "S08"),
    "X0013": tuple(DONATED),
    "X0101": ("S01", "S02"),
    "X0102": ("S05", "S06", "S07"),
}
"""Who has what: goods are donated, the rest is the merchants' own."""


async def demo_outlets(tx: AsyncConnection, book: int) -> None:
    """Adds those that are not there; what is there stays as somebody may have changed it."""
    known = await outlets.find_many(tx, book, [code for code, _ in OUTLETS])
    for outcome in await outlets.add_many(tx, book, [each for each in OUTLETS if each[0] not in known]):
        if isinstance(outcome, Refusal):
            raise outcome


async def demo_goods(tx: AsyncConnection, book: int, now: datetime) -> None:
    """Adds the items that are not there, and puts them where nothing of the kind is; what is there stays as it is."""
    today = day_of(now)
    known = await catalogue.find_many(tx, book, [each.item for each in ITEMS], today)
    for each in ITEMS:
        if each.item not in known:
            await catalogue.add(tx, book, replace(each, on_from=today), by="room:demo", now=now)
    for outlet, has in SHELVES.items():
        shelves = {each.item for each in await stock.shelves(tx, book, outlet)}
        if not shelves:
            await _carried_out(tx, book, outlet)
        for item in has:
            if item in shelves:
                continue
            if item in DONATED:
                await stock.receive(
                    *(tx, book, outlet, item, DONATED[item], "donated"),
                    note="爱心企业捐赠",
                    call="demo",
                    by="room:demo",
                    now=now,
                )
            else:
                await catalogue.offer(tx, book, outlet, item, "merchant")


async def _carried_out(tx: AsyncConnection, book: int, outlet: str) -> None:
    """The older platform knew its stock by points alone, not by pieces: what it left in the books goes out of them."""
    [there] = await balances.balances(tx, book, [f"1200.{outlet}"])
    if there.balance:
        lines = (Line("5300", "debit", there.balance), Line(there.account, "credit", there.balance))
        gone = Proposal(postings.CLIENT, f"demo:stock:{outlet}", "demo", "spend.count", None, lines, "room:demo")
        await postings.post_all(tx, book, [gone])
