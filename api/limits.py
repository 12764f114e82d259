"""The limits of spending: what staff do with them, and each of them in a plain sentence of both languages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth
from api.problems import Language
from ledger.access.rights import Principal, Right
from ledger.books.versions import Version
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import InvalidField
from ledger.spending import policies
from ledger.spending.policy import Policy

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "confirming": ("free_points", "free_times", "pair_week_times", "apart_km", "apart_minutes", "confirm_seconds"),
    "codes": ("code_seconds", "quote_seconds", "quotes_a_code", "quotes_a_day"),
    "shops": ("shop_day_points", "unknown_codes", "unknown_minutes", "lock_minutes"),
    "undoing": ("cancel_margin_minutes", "refund_days", "dispute_days"),
    "paper": ("paper_day_points", "ticket_points", "ticket_days", "agent_sample"),
    "vouchers": ("voucher_grace_days", "voucher_back_days"),
    "signals": ("burst_seconds", "share_percent", "share_least", "fresh_hours", "night_from", "night_until"),
}
"""The limits in the order in which they are told."""

SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "free_points": (
        "用积分码一次换 {n} 分以内，不用本人在手机上确认。",
        "Up to {n} points, a redemption by pay code needs no confirmation on the phone.",
    ),
    "free_times": (
        "不用确认的，一个人一天最多 {n} 次；再多要本人确认。",
        "So much without confirmation {n} times a day at most; after that she confirms.",
    ),
    "pair_week_times": (
        "一个人一周在同一个网点换了 {n} 次以后，再换要本人确认。",
        "After {n} redemptions a week at the same outlet, she confirms each further one.",
    ),
    "apart_km": (
        "两个网点相距 {n} 公里以上，算作离得远。",
        "Two outlets {n} km apart or more are far from each other.",
    ),
    "apart_minutes": (
        "{n} 分钟之内在两个离得远的网点兑换，第二次要本人确认。",
        "Within {n} minutes at two outlets that are far apart, the second redemption needs confirmation.",
    ),
    "confirm_seconds": (
        "需要确认的，等 {n} 秒；没有确认就不兑换。",
        "What needs confirmation waits {n} seconds; without it nothing is redeemed.",
    ),
    "code_seconds": ("积分码 {n} 秒有效。", "A pay code lives {n} seconds."),
    "quote_seconds": (
        "算好价以后，积分码为这台收银设备保留 {n} 秒。",
        "Once quoted, a code is kept for that till for {n} seconds.",
    ),
    "quotes_a_code": ("一个积分码最多算价 {n} 次。", "A pay code is quoted {n} times at most."),
    "quotes_a_day": (
        "一个人一天在一个网点最多算价 {n} 次。",
        "A person is quoted {n} times a day at most at one outlet.",
    ),
    "shop_day_points": (
        "一个网点一天最多兑换 {n} 分（网点另有规定的除外）。",
        "At one outlet {n} points are redeemed on a day at most, unless the outlet has a limit of its own.",
    ),
    "unknown_codes": (
        "一台收银设备扫到 {n} 个无效的码，就锁住。",
        "A till at which {n} codes that were none were shown is locked.",
    ),
    "unknown_minutes": ("无效的码按 {n} 分钟内的个数算。", "Codes that were none are counted over {n} minutes."),
    "lock_minutes": ("收银设备锁住 {n} 分钟。", "A till stays locked for {n} minutes."),
    "cancel_margin_minutes": (
        "当天的兑换可以撤销，过了零点再宽限 {n} 分钟。",
        "A redemption can be cancelled on its day and for {n} minutes after midnight.",
    ),
    "refund_days": ("兑换以后 {n} 天内可以退。", "What was redeemed can be returned for {n} days."),
    "dispute_days": (
        "兑换以后 {n} 天内，本人可以说“不是我兑换的”。",
        "For {n} days she can say that it was not she who redeemed it.",
    ),
    "paper_day_points": (
        "凭卡和兑换票，一个人一天最多换 {n} 分。",
        "By card and tickets one person redeems {n} points a day at most.",
    ),
    "ticket_points": ("一张兑换票最多值 {n} 分。", "A ticket is good for {n} points at most."),
    "ticket_days": ("兑换票 {n} 天有效。", "A ticket is good for {n} days."),
    "agent_sample": (
        "替别人办的，每百次抽 {n} 次电话回访本人。",
        "Of a hundred redemptions for somebody else, the staff call her about {n}.",
    ),
    "voucher_grace_days": (
        "免单券过了最后一天，再宽限 {n} 天。",
        "A voucher is still taken {n} days after its last day.",
    ),
    "voucher_back_days": (
        "用过的券退回时，如果已经到期，还可以再用 {n} 天。",
        "A used voucher that comes back after its last day can be used for {n} more days.",
    ),
    "burst_seconds": (
        "同一台收银设备 {n} 秒内连着兑换，列入提示。",
        "Two redemptions at one till within {n} seconds stand in the list of signals.",
    ),
    "share_percent": (
        "一个人占一个网点当月兑换积分的 {n}% 以上，列入提示。",
        "Who has more than {n} percent of what an outlet redeems in a month stands in the list of signals.",
    ),
    "share_least": (
        "网点当月兑换满 {n} 次，才看一个人占多少。",
        "The share of one person is looked at where an outlet redeems {n} times a month or more.",
    ),
    "fresh_hours": (
        "积分到账后 {n} 小时内就用掉，列入提示。",
        "Points that are spent within {n} hours after they came stand in the list of signals.",
    ),
    "night_from": ("夜里 {n} 点以后的兑换，列入提示。", "What is redeemed after {n} at night is a signal."),
    "night_until": (
        "早上 {n} 点以前的兑换，列入提示。",
        "What is redeemed before {n} in the morning is a signal.",
    ),
}
"""Each limit in Chinese and English, with the number in it."""


BLANK: Final = "…"
"""Where the number stands in what a field of a form is called."""


def label(language: Language, name: str) -> str:
    """What a limit is about: its sentence, with a blank for the number."""
    zh, en = SENTENCES[name]
    return (zh if language == "zh" else en).format(n=BLANK)


def sentence(language: Language, policy: Policy, name: str) -> str:
    """One limit in words."""
    zh, en = SENTENCES[name]
    return (zh if language == "zh" else en).format(n=getattr(policy, name))


def words(language: Language, policy: Policy) -> list[str]:
    """All limits in words."""
    return [sentence(language, policy, name) for names in GROUPS.values() for name in names]


def differences(language: Language, before: Policy, after: Policy) -> list[str]:
    """In what the second differs from the first, a line each; empty where in nothing."""
    return [
        f"{sentence(language, before, name)} → {sentence(language, after, name)}"
        for names in GROUPS.values()
        for name in names
        if getattr(before, name) != getattr(after, name)
    ]


def of_body(body: Mapping[str, Any]) -> Policy:
    """The limits that a body's `policy` says; InvalidField with the path from there."""
    try:
        return policies.read(body)
    except InvalidField as refused:
        raise InvalidField(f"policy.{refused.field}", refused.problem) from None


async def draft(
    tx: AsyncConnection, me: Principal, policy: Policy, effective_from: date, note: str = ""
) -> Version[Policy]:
    """Keeps a new version for a second person. NotAllowed, InvalidField, BeginsTooEarly."""
    auth.within(me, Right.DRAFT_RULES, ())
    now = await connect.now(tx)
    return await policies.draft(tx, me.book_id, policy, effective_from=effective_from, note=note, by=me.name, now=now)


async def in_force(tx: AsyncConnection, me: Principal, day: date | None = None) -> tuple[date, Policy]:
    """The day (today, if none is said) and its limits: of version 0, the defaults, where none were approved."""
    asked = day or day_of(await connect.now(tx))
    return asked, await policies.in_force(tx, me.book_id, asked)
