"""Stars in words, in Chinese and English: what each is called, why somebody has it, and what is missing to the next.

The same sentences for herself and for staff: nobody is addressed in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from api.explain import hours, points
from api.problems import Language
from ledger.recognition.ladder import Facts, Ladder, Level, Missing, months_after

_DIGITS: Final = "零一二三四五六七八九"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def star(language: Language, ladder: Ladder, number: int) -> str:
    """三星, 3 stars; or what the ladder calls it: 金星."""
    return called(language, number, ladder.levels[number - 1].title if 0 < number <= len(ladder.levels) else "")


def called(language: Language, number: int, title: str = "") -> str:
    """The same of an award, which has its title."""
    if not number:
        return "还没有星级" if language == "zh" else "no star yet"
    if title:
        return title
    if language == "zh":
        return f"{_DIGITS[number] if number < len(_DIGITS) else number}星"
    return "1 star" if number == 1 else f"{number} stars"


def ladder(language: Language, of: Ladder) -> str:
    """Which ladder it is."""
    if not of.version:
        return "全国星级标准" if language == "zh" else "the national ladder"
    return f"星级规则第 {of.version} 版" if language == "zh" else f"star ladder, version {of.version}"


def why(language: Language, of: Ladder, facts: Facts, reached: int, day: date) -> str:
    """One sentence: why she has this star on that day, by this ladder.

    到 2026年11月21日，服务时长 310 小时，满 300 小时，是二星（全国星级标准）。
    """
    steps = [_served(language, of, facts), *_has(language, of, facts, reached)]
    general = _general(language, of, facts, day)
    if general and reached:
        steps += [*general, _kept(language, of, reached)]
    elif general:
        steps += general
    elif not reached:
        steps.append(_none(language, of, facts, day))
    elif _only_kept(of, facts, reached):
        steps.append(_kept(language, of, reached))
    else:
        called = star(language, of, reached)
        steps.append(f"是{called}" if language == "zh" else f"which is {called}")
    if language == "zh":
        return f"到 {said_day(language, day)}，{'，'.join(steps)}（{ladder(language, of)}）。"
    return f"Up to {said_day(language, day)}: {', '.join(steps)} ({ladder(language, of)})."


def to_next(language: Language, of: Ladder, reached: int, missing: Sequence[Missing] | None) -> str:
    """What is missing to the next star, in one sentence: 再服务 12 小时 30 分钟，就到二星。"""
    if missing is None:
        return "已经是最高的星级。" if language == "zh" else "This is the highest star."
    called = star(language, of, reached + 1)
    told = [need(language, of, each, reached + 1) for each in missing]
    if language == "zh":
        return f"{'，'.join([*told, f'就到{called}'])}。"
    return f"To come to {called}: {'; '.join(told) or 'the next assessment'}."


def need(language: Language, of: Ladder, each: Missing, number: int) -> str:
    """One thing that is missing to the star of this number."""
    zh = language == "zh"
    if each.need == "minutes":
        return f"再服务 {hours(language, each.amount)}" if zh else f"{hours(language, each.amount)} more of service"
    if each.need == "points":
        return f"再挣 {points(language, each.amount)}" if zh else f"{points(language, each.amount)} more to be earned"
    if each.need == "year_minutes":
        time = hours(language, each.amount)
        return f"最近一年再服务 {time}" if zh else f"{time} more of service within the last year"
    if each.need == "in_order":
        below = star(language, of, each.amount)
        return f"先获授{below}" if zh else f"{below} to be awarded first"
    if each.need == "registered":
        months = of.levels[number - 1].months
        if each.since is None:
            return f"注册满 {months} 个月" if zh else f"{months} months since the registration"
        since = said_day(language, each.since)
        return f"到 {since}注册满 {months} 个月" if zh else f"registered for {months} months, on {since}"
    assert each.since is not None, "when standing is good again is always known"
    since = said_day(language, each.since)
    return f"到 {since}记录重新算良好" if zh else f"in good standing again on {since}"


def said_day(language: Language, day: date) -> str:
    """2026年11月21日, 21 Nov 2026."""
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


# --- pieces of the sentence -------------------------------------------------------------------------------------------


def _served(language: Language, of: Ladder, facts: Facts) -> str:
    time = hours(language, facts.minutes)
    if of.classes == ("credit",):
        return f"服务时长 {time}" if language == "zh" else f"{time} of service"
    if of.classes == ("honour",):
        return f"荣誉时长 {time}" if language == "zh" else f"{time} of honour hours"
    return f"服务时长和荣誉时长共 {time}" if language == "zh" else f"{time} of service and honour hours"


def _has(language: Language, of: Ladder, facts: Facts, reached: int) -> list[str]:
    """What of her star's demands she fulfils; nothing where she keeps it for other reasons."""
    if not reached or reached > len(of.levels):
        return []
    level, found = of.levels[reached - 1], []
    zh = language == "zh"
    if facts.minutes >= level.minutes:
        asked = hours(language, level.minutes)
        found.append(f"满 {asked}" if zh else f"{asked} needed")
    if level.points and facts.points >= level.points:
        earned, asked = points(language, facts.points), points(language, level.points)
        found.append(f"挣得 {earned}，满 {asked}" if zh else f"{earned} earned, {asked} needed")
    return found


def _general(language: Language, of: Ladder, facts: Facts, day: date) -> list[str]:
    """What keeps her from every star."""
    found = []
    zh = language == "zh"
    if facts.year_minutes < of.year_minutes:
        served, asked = hours(language, facts.year_minutes), hours(language, of.year_minutes)
        found.append(
            f"最近一年服务 {served}，不到 {asked}" if zh else f"{served} of it within a year, where {asked} are needed"
        )
    if of.standing_months and facts.marked_on is not None:
        good_again = months_after(facts.marked_on, of.standing_months)
        if day < good_again:
            since = said_day(language, good_again)
            found.append(f"有不良记录，{since}前不评星" if zh else f"something is on record: no star before {since}")
    return found


def _none(language: Language, of: Ladder, facts: Facts, day: date) -> str:
    first: Level = of.levels[0]
    if facts.minutes < first.minutes:
        asked, called = hours(language, first.minutes), star(language, of, 1)
        return f"不到{called}的 {asked}" if language == "zh" else f"where {called} needs {asked}"
    return "还没有星级" if language == "zh" else "no star yet"


def _only_kept(of: Ladder, facts: Facts, reached: int) -> bool:
    level = of.levels[reached - 1]
    return not of.may_fall and (facts.minutes < level.minutes or (bool(level.points) and facts.points < level.points))


def _kept(language: Language, of: Ladder, reached: int) -> str:
    called = star(language, of, reached)
    return f"已授予的{called}保留" if language == "zh" else f"{called}, once awarded, stay"
