"""The rules in words, in Chinese and English: why a record earned what it did, what the items and terms are, and in
what two versions differ. Sentences follow from the rule set and from what a record keeps; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.problems import Language
from ledger.earning import rules
from ledger.earning.rules import EVERYTHING, Cap, Coefficient, Item, Reckoning, RuleSet

_PERIODS: Final = {
    "day": ("每天", "a day"),
    "month": ("每月", "a month"),
    "year": ("每年", "a year"),
    "activity": ("每次活动", "an activity"),
}
_SO_FAR: Final = {
    "day": ("当天", "that day"),
    "month": ("当月", "that month"),
    "year": ("当年", "that year"),
    "activity": ("这次活动", "in this activity"),
}
CATEGORIES: Final = {
    "service": ("志愿服务", "Services"),
    "act": ("好事", "Good deeds"),
    "training": ("培训", "Training"),
    "honour": ("荣誉", "Honours"),
    "deduction": ("扣分", "Minus items"),
}
"""What the categories of items are called, in the order of a page."""


def why(language: Language, the: RuleSet, inputs: Mapping[str, Any]) -> str:
    """One sentence: why a record with these inputs earned what it did under this version.

    服务 2 小时 30 分钟，每小时 10 分，得 25 分（规则第 3 版 P01）。
    """
    found = rules.reckon(the, inputs)
    steps = [_what(language, found)]
    if found.how == "nothing":
        steps.append(_nothing(language, the, found))
    else:
        steps += _steps(language, the, found, inputs)
    told = ("，" if language == "zh" else ", ").join(steps)
    return f"{told}{_source(language, the, found)}"


def _steps(language: Language, the: RuleSet, found: Reckoning, inputs: Mapping[str, Any]) -> list[str]:
    steps = []
    if found.how == "per_hour":
        assert found.item is not None
        steps.append(rate(language, found.item))
    if found.how == "ladder":
        before, (low, high) = hours(language, found.minutes_before), found.ladder
        steps.append(
            f"当年此前已有 {before}，按阶梯全年累计由 {low:,} 分到 {high:,} 分"
            if language == "zh"
            else f"after {before} in the same year, which the ladder takes from {low:,} to {points(language, high)}"
        )
    if found.coefficient is not None:
        steps.append(_coefficient(language, found.coefficient))
    if "parts" in inputs:
        steps.append(
            f"不满 1 分的零头{_SO_FAR[the.rounding][0]}合并计算"
            if language == "zh"
            else f"parts of points are put together over the {the.rounding}"
        )
    if found.cut is not None:
        steps.append(_cut(language, found))
    return [*steps, _result(language, found)]


def _what(language: Language, found: Reckoning) -> str:
    time = hours(language, found.minutes)
    if found.record_class == "act":
        assert found.item is not None
        called = name(language, found.item)
        if found.how != "per_hour":
            return called
        return f"{called} {time}" if language == "zh" else f"{called}, {time}"
    if found.record_class == "honour":
        return f"补录的服务 {time}" if language == "zh" else f"{time} of service entered afterwards"
    if found.how == "fixed" and found.item is not None:
        return name(language, found.item)
    return f"服务 {time}" if language == "zh" else f"{time} of service"


def _nothing(language: Language, the: RuleSet, found: Reckoning) -> str:
    if not the.version:
        return "当时还没有积分规则，不计积分" if language == "zh" else "no points: there were no rules for points yet"
    if found.record_class not in the.earns and found.record_class == "honour":
        return "计入荣誉时长，不计积分" if language == "zh" else "which count as honour hours and earn no points"
    if found.record_class not in the.earns and found.record_class == "credit":
        return "按规则不计积分" if language == "zh" else "which earn no points by the rules"
    return "这一类服务不计积分" if language == "zh" else "a kind of service that earns no points"


def _coefficient(language: Language, each: Coefficient) -> str:
    factor = times(each)
    return f"系数 {factor}（{each.name}）" if language == "zh" else f"times {factor} ({each.name})"


def _cut(language: Language, found: Reckoning) -> str:
    assert found.cut is not None
    cap, used = found.cut.cap, abs(found.cut.used)
    whole = found.cut.code == EVERYTHING
    if language == "zh":
        took, of = "扣" if found.earned < 0 else "得", "所有项目合计" if whole else ""
        return (
            f"本应{took} {abs(found.earned):,} 分，但{of}{_PERIODS[cap.period][0]}最多 {cap.points:,} 分，"
            f"{_SO_FAR[cap.period][0]}已{took} {used:,} 分"
        )
    of = "for everything together " if whole else ""
    return (
        f"which would be {points(language, abs(found.earned))}, but {of}at most {points(language, cap.points)} "
        f"{_PERIODS[cap.period][1]} count, of which {used:,} {_SO_FAR[cap.period][1]} before"
    )


def _result(language: Language, found: Reckoning) -> str:
    if found.points < 0:
        lost = points(language, -found.points)
        return f"扣 {lost}" if language == "zh" else f"{lost} taken off"
    earned = points(language, found.points)
    if not found.bonus:
        return f"得 {earned}" if language == "zh" else f"{earned} earned"
    bonus = points(language, found.bonus)
    return f"得 {earned}，其中系数加 {bonus}" if language == "zh" else f"{earned} earned, {bonus} of them by the factor"


def _source(language: Language, the: RuleSet, found: Reckoning) -> str:
    if not the.version:
        return "。" if language == "zh" else "."
    named = found.item is not None and found.how != "nothing"
    code = found.item.code if found.item is not None else ""
    if language == "zh":
        return f"（规则第 {the.version} 版{f' {code}' * named}）。"
    return f" (rules version {the.version}{f', {code}' * named})."


# --- a redemption in words --------------------------------------------------------------------------------------------

_REDEEMED: Final = {
    "spend.redeem": ("在{outlet}兑换{goods}", "{goods} at {outlet}"),
    "spend.hold": ("在{outlet}兑换{goods}，等您确认", "{goods} at {outlet}, to be confirmed by you"),
    "hold.void": ("没有兑换成，退回：{outlet}，{goods}", "Not redeemed, given back: {goods} at {outlet}"),
    "hold.lapse": ("没有按时确认，退回：{outlet}，{goods}", "Not confirmed in time, given back: {goods} at {outlet}"),
    "spend.cancel": ("撤销，退回：{outlet}，{goods}", "Cancelled, given back: {goods} at {outlet}"),
    "spend.refund": ("退货，退回：{outlet}，{goods}", "Returned, given back: {goods} at {outlet}"),
    "spend.upheld": (
        "不是您兑换的，退回：{outlet}，{goods}",
        "Found not to be yours, given back: {goods} at {outlet}",
    ),
}


def redeemed(language: Language, kind: str, outlet: str, pieces: Sequence[tuple[str, int]]) -> str | None:
    """What an entry of a redemption says, by its kind; None for kinds that do not touch a wallet.

    在一社区美德超市兑换香皂 2 件、毛巾.
    """
    words = _REDEEMED.get(kind)
    if words is None:
        return None
    return words[language == "en"].format(outlet=outlet, goods=goods(language, pieces))


def goods(language: Language, pieces: Sequence[tuple[str, int]]) -> str:
    """香皂 2 件、毛巾; Soap × 2, Towel."""
    if language == "zh":
        return "、".join(name if quantity == 1 else f"{name} {quantity} 件" for name, quantity in pieces)
    return ", ".join(name if quantity == 1 else f"{name} × {quantity}" for name, quantity in pieces)


# --- a rule set in words ----------------------------------------------------------------------------------------------


def category(language: Language, name: str) -> str:
    """What a category of items is called."""
    return CATEGORIES[name][language == "en"]


def rate(language: Language, item: Item) -> str:
    """每小时 10 分; 每次扣 5 分."""
    if item.points < 0:
        return f"每次扣 {-item.points:,} 分" if language == "zh" else f"{points(language, -item.points)} off each time"
    if item.how == "per_hour":
        return f"每小时 {item.points:,} 分" if language == "zh" else f"{points(language, item.points)} an hour"
    return f"每次 {item.points:,} 分" if language == "zh" else f"{points(language, item.points)} each time"


def caps(language: Language, several: Sequence[Cap]) -> str:
    """每天最多 80 分，每月最多 300 分; empty where there is none."""
    if language == "zh":
        return "，".join(f"{_PERIODS[cap.period][0]}最多 {cap.points:,} 分" for cap in several)
    return ", ".join(f"at most {points(language, cap.points)} {_PERIODS[cap.period][1]}" for cap in several)


def name(language: Language, item: Item) -> str:
    """What an item is called."""
    return item.name_en or item.name if language == "en" else item.name


def points(language: Language, amount: int) -> str:
    """25 分, 1 point."""
    if language == "zh":
        return f"{amount:,} 分"
    return f"{amount:,} point" if amount == 1 else f"{amount:,} points"


def hours(language: Language, minutes: int) -> str:
    """2 小时 30 分钟; 2 h 30 min."""
    whole, rest = divmod(minutes, 60)
    units = ("小时", "分钟") if language == "zh" else ("h", "min")
    said = [f"{whole:,} {units[0]}"] * bool(whole or not rest) + [f"{rest} {units[1]}"] * bool(rest)
    return " ".join(said)


def times(each: Coefficient) -> str:
    """1.5"""
    whole, rest = divmod(each.parts, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")


def terms(language: Language, the: RuleSet) -> dict[str, str]:
    """Everything in a rule set but its items and categories: a sentence for each, by its name in the rule set."""
    said = {
        "earns": _earns(language, the),
        "rounding": _rounding(language, the),
        "ladder": _ladder(language, the),
        "coefficients": _coefficients(language, the),
        "caps": _whole_caps(language, the),
        "expiry": _expiry(language, the),
    }
    zh = language == "zh"
    of_leader, sampled, ages = the.leader_share, the.sample_share, the.ages
    own, parents = hours(language, the.tiers[0]), hours(language, the.tiers[1])
    said |= {
        "notice_days": (
            f"积分先公示 {the.notice_days} 个工作日，没有异议就可以用。"
            if zh
            else f"Points are in public notice for {the.notice_days} working days, then they can be spent."
        ),
        "appeal_days": (
            f"要扣分时，您有 {the.appeal_days} 天可以申诉。"
            if zh
            else f"Before points are taken off, there are {the.appeal_days} days to object."
        ),
        "review_days": (
            f"服务记录 {the.review_days} 个工作日内审核。"
            if zh
            else f"A service record is reviewed within {the.review_days} working days."
        ),
        "decide_days": (
            f"异议和申诉 {the.decide_days} 个工作日内答复。"
            if zh
            else f"An objection is decided within {the.decide_days} working days."
        ),
        "grace_days": (
            f"退回来的积分如已过期，还可以用 {the.grace_days} 天。"
            if zh
            else f"Points given back after they lapsed can be spent for {the.grace_days} days."
        ),
        "tiers": (
            f"一天服务 {own}以内直接计入；超过的由上级组织审核，超过 {parents}的由区级审核。"
            if zh
            else f"Up to {own} of service a day count at once; more is reviewed by the parent organisation, "
            f"more than {parents} by the district."
        ),
        "sign_in_minutes": (
            f"活动开始前 {the.sign_in_minutes} 分钟起可以签到。"
            if zh
            else f"Check-in opens {the.sign_in_minutes} minutes before an activity begins."
        ),
        "pairs": (
            f"每人每次活动每天最多签到签退 {the.pairs} 次。"
            if zh
            else f"One can check in and out at most {the.pairs} times per activity and day."
        ),
        "leader_share": (
            f"没有手机的人可由队长代为签到，不超过全场的 {of_leader}%。"
            if zh
            else f"A leader may check in those without a phone, at most {of_leader}% of the people."
        ),
        "sample_share": (
            f"代为签到的，抽 {sampled}% 回访服务对象。"
            if zh
            else f"Of those whom a leader checked in, {sampled}% are verified with the people served."
        ),
        "ages": (
            f"年满 {ages.youngest} 岁可以参加；不满 {ages.accompanied_below} 岁须有家长陪同，"
            f"不满 {ages.consent_below} 岁须监护人同意。"
            if zh
            else f"From {ages.youngest} years of age; below {ages.accompanied_below} with company, "
            f"below {ages.consent_below} with a guardian's consent."
        ),
    }
    return {key: sentence for key, sentence in said.items() if sentence}


def _earns(language: Language, the: RuleSet) -> str:
    match "credit" in the.earns, "honour" in the.earns:
        case True, True:
            zh, en = (
                "签到签退的服务和补录的服务都计积分。",
                "Service earns points, also when it was entered afterwards.",
            )
        case True, False:
            zh, en = (
                "签到签退的服务计积分；事后补录的是荣誉时长，不计积分。",
                "Service with check-in and check-out earns points; what is entered afterwards does not.",
            )
        case False, True:
            zh, en = "只有补录的服务计积分。", "Only service that was entered afterwards earns points."
        case _:
            zh, en = "服务时长不计积分。", "Hours of service earn no points."
    return zh if language == "zh" else en


def _rounding(language: Language, the: RuleSet) -> str:
    zh, en = {
        "record": ("每条记录不满 1 分的零头不计。", "Parts of points are dropped at each record."),
        "day": ("不满 1 分的零头，同一项目当天合并计算。", "Parts of points of an item add up over a day."),
        "month": (
            "不满 1 分的零头，同一项目当月合并计算。",
            "Parts of points of an item are put together over a month.",
        ),
    }[the.rounding]
    return zh if language == "zh" else en


def _ladder(language: Language, the: RuleSet) -> str:
    if the.ladder is None:
        return ""
    steps, first = [], 1
    for step in the.ladder.steps:
        if language == "zh":
            span = f"第 {first} 小时起" if step.up_to_hours is None else f"第 {first}–{step.up_to_hours} 小时"
            steps.append(f"{span}每 {step.hours_per_point} 小时 1 分")
        else:
            span = f"from hour {first}" if step.up_to_hours is None else f"hours {first}–{step.up_to_hours}"
            steps.append(f"{span} a point for every {step.hours_per_point} h")
        first = (step.up_to_hours or 0) + 1
    if language == "zh":
        return f"服务按全年累计时长计分：{'；'.join(steps)}。"
    return f"Service earns by the hours of the year: {'; '.join(steps)}."


def _coefficients(language: Language, the: RuleSet) -> str:
    said = []
    for each in the.coefficients:
        of = "、".join(sorted(each.categories))
        if language == "zh":
            who = f"，须有“{each.qualification}”" if each.qualification else ""
            said.append(f"{each.name}：{of or '各类服务'}积分乘 {times(each)}{who}")
        else:
            who = f", with the qualification {each.qualification}" if each.qualification else ""
            said.append(f"{each.name}: points of {of or 'all services'} times {times(each)}{who}")
    if not said:
        return ""
    if language == "zh":
        return f"系数（只乘积分，不改时长；几项都符合时取最高的一项）：{'；'.join(said)}。"
    return f"Factors (of points, never of hours; the highest where several apply): {'; '.join(said)}."


def _whole_caps(language: Language, the: RuleSet) -> str:
    if not the.caps:
        return ""
    said = caps(language, the.caps)
    return f"所有项目合计：{said}。" if language == "zh" else f"Everything together: {said}."


def _expiry(language: Language, the: RuleSet) -> str:
    n = the.expiry.n
    zh, en = {
        "never": ("积分一直有效。", "Points never lapse."),
        "days": (
            f"积分从可以使用的那天起 {n} 天内有效。",
            f"Points can be spent for {n} days from the day on which they become spendable.",
        ),
        "month_end": (
            "积分当月有效，月底到期。",
            "Points lapse at the end of the month in which they become spendable.",
        ),
        "year_end": (
            "积分当年有效，12 月 31 日到期。",
            "Points lapse at the end of the year they become spendable in.",
        ),
        "nth_year_end": (
            f"积分有效到第 {n} 年的 12 月 31 日，可以使用的那一年算第 1 年。",
            f"Points lapse at the end of the {_nth(n)} year; the one in which they become spendable is the first.",
        ),
    }[the.expiry.policy]
    return zh if language == "zh" else en


def _nth(n: int) -> str:
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


# --- two versions -----------------------------------------------------------------------------------------------------


def item(language: Language, each: Item) -> str:
    """调解邻里纠纷成功，每次 10 分，每月最多 40 分."""
    said = [name(language, each), rate(language, each), caps(language, each.caps)]
    return ("，" if language == "zh" else ", ").join(part for part in said if part)


def differences(language: Language, before: RuleSet, after: RuleSet) -> list[str]:
    """In what the second differs from the first, a line each; empty where in nothing."""
    said = _changed(
        language,
        {each.code: item(language, each) for each in before.items},
        {each.code: item(language, each) for each in after.items},
    )
    said += _changed(language, _kinds(language, before), _kinds(language, after))
    of_before, of_after = terms(language, before), terms(language, after)
    return said + [
        _from_to(language, of_before.get(key), of_after.get(key))
        for key in dict.fromkeys([*of_after, *of_before])
        if of_before.get(key) != of_after.get(key)
    ]


def _kinds(language: Language, the: RuleSet) -> dict[str, str]:
    """Which item services of a category are."""
    of, others, nothing = ("类别", "其他类别", "不计积分") if language == "zh" else ("Category", "Others", "no points")
    named = {f"{of} {category}": code for category, code in the.categories.items()}
    return named | {others: the.default_item or nothing}


def _changed(language: Language, before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    colon = "：" if language == "zh" else ": "
    return [
        f"{key}{colon}{_from_to(language, before.get(key), after.get(key))}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]


def _from_to(language: Language, before: str | None, after: str | None) -> str:
    if before is None:
        return f"新增：{after}" if language == "zh" else f"new: {after}"
    if after is None:
        return f"取消：{before}" if language == "zh" else f"no longer: {before}"
    return f"{before} → {after}"
