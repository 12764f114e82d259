"""What the staff should look at: alarms and signals within their reach, each with its rule in a sentence."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, desk
from api.bodies import day
from api.problems import Language
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.earning import volunteers
from ledger.earning.budgets import FIRST_YEAR, LAST_YEAR
from ledger.errors import InvalidField, NotAllowed
from ledger.spending import alarms, policies, signals
from ledger.spending.alarms import Alarm
from ledger.spending.signals import Signal

ALARMS: Final[dict[str, tuple[str, str]]] = {
    "unknown_codes": (
        "这台设备连续输入了无效的码，已经暂停一会儿。可能有人在试码，也可能是扫码枪坏了。",
        "This till was given codes that are none, one after another, and was paused. Somebody may be guessing, or its"
        " scanner is broken.",
    ),
    "far_apart": (
        "同一个人几分钟内在相距很远的两个兑换点出示了积分码。码可能被别人拿去用了。",
        "The same person's code was shown at two distant outlets within minutes. Somebody else may be using it.",
    ),
    "over_shop_day": (
        "这个兑换点当天的兑换超过了每日限额，多出来的没有办成。",
        "This outlet reached its limit of the day; what went beyond was refused.",
    ),
    "over_pair": (
        "同一个人这周在这里兑换的次数超过了限额。请了解一下原因。",
        "The same person has redeemed here more often this week than the limit says. Please ask why.",
    ),
    "disputed": (
        "志愿者说这次兑换不是本人办的。这笔积分先不给商户，请两位工作人员处理。",
        "A volunteer says that she did not redeem this. Its points are kept from the shop until two people decide.",
    ),
}
"""What each rule's alarm means, in Chinese and English."""

SIGNALS: Final[dict[str, tuple[str, str]]] = {
    "burst": (
        "{till} 号收银设备有 {redemptions} 次兑换，离上一次不到 {seconds} 秒，共 {points} 分。",
        "Till {till}: {redemptions} redemptions within {seconds} seconds of another, {points} points in all.",
    ),
    "one_person": (
        "一个人占了这里当月兑换积分的 {share}%（提醒线 {percent}%）：{redemptions} 次，共 {points} 分。",
        "One person made {share} % of what was redeemed here this month (the line is {percent} %): {redemptions} times,"
        " {points} points.",
    ),
    "fresh_points": (
        "一个人有 {redemptions} 次兑换，是在积分到账后 {hours} 小时内，共 {points} 分。",
        "One person redeemed {redemptions} times within {hours} hours of points being credited, {points} points.",
    ),
    "night": (
        "{till} 号收银设备有 {redemptions} 次兑换在夜里 {from} 点到 {until} 点之间，共 {points} 分。",
        "Till {till}: {redemptions} redemptions between {from}:00 and {until}:00 at night, {points} points.",
    ),
}
"""What each rule has found, in Chinese and English; braces hold its figures."""


class AlarmView(msgspec.Struct, frozen=True):
    """What a rule noticed by itself; `zh` and `en` say what it means. `volunteer` null: it is about nobody.

    `facts`: the figures that the rule went by; `times`: how often the same was noticed before anybody had looked.
    """

    id: UUID
    rule: str
    zh: str
    en: str
    outlet: str
    outlet_name: str
    till: int | None
    volunteer: str | None
    redemption: UUID | None
    times: int
    facts: dict[str, Any]
    raised_at: datetime.datetime
    seen_by: str | None
    seen_at: datetime.datetime | None


class SignalView(msgspec.Struct, frozen=True):
    """What a rule finds in a shop's month: so many redemptions, of so many points in all. It accuses nobody."""

    rule: str
    zh: str
    en: str
    outlet: str
    outlet_name: str
    till: int | None
    volunteer: str | None
    redemptions: int
    points: int
    last_at: datetime.datetime
    facts: dict[str, Any]


async def listed(
    tx: AsyncConnection, me: Principal, *, unseen: bool = False, after: UUID | None = None, limit: int
) -> list[AlarmView]:
    """Alarms within reach, the newest first. UnknownAlarm (`after`)."""
    within = desk.reach(me, Right.READ_SHOPS)
    found = await alarms.listed(tx, me.book_id, within, unseen=unseen, after=after, limit=limit)
    return await _views(tx, me, found)


async def see(tx: AsyncConnection, me: Principal, alarm_id: UUID) -> AlarmView:
    """Whoever decides cases there, or manages the shops, has looked at it. UnknownAlarm, NotAllowed."""
    found = await alarms.find(tx, me.book_id, alarm_id)
    if not any(auth.is_within(me, right, found.line) for right in (Right.DECIDE_CASES, Right.MANAGE_SHOPS)):
        raise NotAllowed
    seen = await alarms.see(tx, me.book_id, alarm_id, by=me.name, now=await connect.now(tx))
    [told] = await _views(tx, me, [seen])
    return told


def month(text: str) -> datetime.date:
    """The first day of a month (YYYY-MM); InvalidField."""
    found = day(f"{text}-01", "month")
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise InvalidField("month", "out_of_range")
    return found


async def of_month(tx: AsyncConnection, me: Principal, of: datetime.date | None = None) -> list[SignalView]:
    """Signals within reach, of a month (any day of it; None: this one)."""
    within = desk.reach(me, Right.READ_SHOPS)
    today = auth.today()
    policy = await policies.in_force(tx, me.book_id, today)
    found = await signals.of_month(tx, me.book_id, of or today, policy, within)
    numbers = await volunteers.numbers_of(tx, me.book_id, {each.holder for each in found if each.holder is not None})
    return [_signal(each, numbers) for each in found]


def sentence(language: Language, sentences: tuple[str, str], facts: Mapping[str, Any]) -> str:
    """What a rule says, with its figures."""
    return sentences[language == "en"].format_map(facts)


async def _views(tx: AsyncConnection, me: Principal, found: list[Alarm]) -> list[AlarmView]:
    numbers = await volunteers.numbers_of(tx, me.book_id, {each.holder for each in found if each.holder is not None})
    return [
        AlarmView(
            each.alarm_id,
            each.rule,
            *ALARMS[each.rule],
            each.outlet,
            each.outlet_name,
            each.till,
            numbers.get(each.holder or ""),
            each.redemption_id,
            each.facts.get("times", 1),
            {name: value for name, value in each.facts.items() if name != "times"},
            each.raised_at,
            each.seen_by,
            each.seen_at,
        )
        for each in found
    ]


def _signal(each: Signal, numbers: Mapping[str, str]) -> SignalView:
    said = {**each.facts, "till": each.till, "redemptions": each.redemptions, "points": each.points}
    return SignalView(
        each.rule,
        sentence("zh", SIGNALS[each.rule], said),
        sentence("en", SIGNALS[each.rule], said),
        each.outlet,
        each.outlet_name,
        each.till,
        numbers.get(each.holder or ""),
        each.redemptions,
        each.points,
        each.last_at,
        dict(each.facts),
    )
