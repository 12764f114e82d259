"""The outlets of the sample district."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import Refusal
from ledger.spending import outlets
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


async def demo_outlets(tx: AsyncConnection, book: int) -> None:
    """Adds those that are not there; what is there stays as somebody may have changed it."""
    known = await outlets.find_many(tx, book, [code for code, _ in OUTLETS])
    for outcome in await outlets.add_many(tx, book, [each for each in OUTLETS if each[0] not in known]):
        if isinstance(outcome, Refusal):
            raise outcome
