"""Star ladders: what staff do with them, the examples that come with the service, and each in plain sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, explain, star_words
from api.problems import Language
from ledger.access.rights import Principal, Right
from ledger.books.versions import Version
from ledger.database import connect
from ledger.days import day_of
from ledger.errors import InvalidField
from ledger.recognition import ladder_body, ladders, stars
from ledger.recognition.ladder import Ladder, Level

_EXAMPLES: Final = Path(__file__).parent / "ladder_examples"

EXAMPLES: Final[Mapping[str, tuple[str, str]]] = {
    "national": ("全国：100、300、600、1000、1500 小时", "National: 100, 300, 600, 1,000, 1,500 hours"),
    "shenzhen": ("深圳：另外看注册了多久", "Shenzhen: and for how long somebody is registered"),
    "sichuan": ("四川：逐级评定，不越级", "Sichuan: one star after the other"),
    "fujian": ("福建：区县、市、省分级认定", "Fujian: certified by district, city or province"),
    "longquanyi": ("龙泉驿：时长加积分，七级", "Longquanyi: hours and points, seven levels"),
}
"""The examples, by the names of their files, in both languages."""

_CERTIFIERS: Final = {
    "province": ("省级", "the province"),
    "city": ("市级", "the city"),
    "district": ("区县级", "the district"),
    "subdistrict": ("街道、乡镇", "the subdistrict or town"),
    "community": ("社区、村", "the community or village"),
    "team": ("队伍", "the team"),
    "department": ("部门", "the department"),
}


@cache
def example(name: str) -> Ladder:
    """One of `EXAMPLES`."""
    return ladder_body.read(json.loads((_EXAMPLES / f"{name}.json").read_bytes()))


# --- in words ---------------------------------------------------------------------------------------------------------


def certifier(language: Language, level: str) -> str:
    """A level of organisations in words; one that only this programme has, as it calls it."""
    return _CERTIFIERS.get(level, (level, level))[language == "en"]


def terms(language: Language, the: Ladder) -> dict[str, str]:
    """Everything that it says, a sentence each, by a name for what it is about."""
    said = {f"star_{number}": _level(language, the, number, level) for number, level in enumerate(the.levels, start=1)}
    return said | {name: sentence for name, sentence in _general(language, the).items() if sentence}


def words(language: Language, the: Ladder) -> list[str]:
    """Everything that it says in sentences."""
    return list(terms(language, the).values())


def differences(language: Language, before: Ladder, after: Ladder) -> list[str]:
    """In what the second differs from the first, a line each; empty where in nothing that it says."""
    was, will = terms(language, before), terms(language, after)
    none = "没有" if language == "zh" else "nothing"
    return [
        f"{was.get(name, none)} → {will.get(name, none)}"
        for name in [*will, *(name for name in was if name not in will)]
        if was.get(name) != will.get(name)
    ]


def _level(language: Language, the: Ladder, number: int, level: Level) -> str:
    needs = [("服务满 {}" if language == "zh" else "{} of service").format(explain.hours(language, level.minutes))]
    if level.points:
        points = explain.points(language, level.points)
        needs.append(f"挣到 {points}" if language == "zh" else f"{points} earned")
    if level.months:
        age = _age(language, level.months)
        needs.append(f"注册满 {age}" if language == "zh" else f"registered for {age}")
    if level.in_order:
        below = star_words.star(language, the, number - 1)
        needs.append(f"已经评上{below}" if language == "zh" else f"awarded {below} before")
    said, by = star_words.star(language, the, number), level.certifier
    if language == "zh":
        return f"{said}：{'，'.join(needs)}{f'；由{certifier(language, by)}认定' if by else ''}。"
    return f"{said}: {', '.join(needs)}{f'; certified by {certifier(language, by)}' if by else ''}."


def _age(language: Language, months: int) -> str:
    """半年, 1 年, 18 个月; 6 months, 1 year."""
    if months % 12:
        if language == "zh":
            return "半年" if months == 6 else f"{months} 个月"
        return f"{months} month{'s' * (months > 1)}"
    years = months // 12
    return f"{years} 年" if language == "zh" else f"{years} year{'s' * (years > 1)}"


def _general(language: Language, the: Ladder) -> dict[str, str]:
    chinese = language == "zh"
    counted = {
        "credit": ("只算现场签到、签退的服务时长。", "Only hours with check-in and check-out on the spot count."),
        "honour": ("只算补录的荣誉时长。", "Only honour hours, which were entered afterwards, count."),
        "credit honour": (
            "现场签到、签退的时长和补录的荣誉时长都算。",
            "Hours with check-in and check-out and honour hours, entered afterwards, both count.",
        ),
    }[" ".join(the.classes)]
    return {
        "classes": counted[not chinese],
        "year_minutes": ""
        if not the.year_minutes
        else f"最近一年服务不满 {explain.hours(language, the.year_minutes)}的，没有星级。"
        if chinese
        else f"Who served less than {explain.hours(language, the.year_minutes)} in the past year has no star.",
        "standing_months": ""
        if not the.standing_months
        else f"有不良记录的，{_age(language, the.standing_months)}内没有星级。"
        if chinese
        else f"For {_age(language, the.standing_months)} after something is put on record there is no star.",
        "may_fall": (
            "时长冲减以后，星级会跟着降；兑换积分不影响星级。"
            if chinese
            else "A star falls when hours are taken back; redeeming points never lowers it."
        )
        if the.may_fall
        else (
            "评上的星级一直保留，除非当时的时长查实有假。"
            if chinese
            else "A star that was awarded stays, unless the hours of then prove false."
        ),
        "publicity_days": (
            f"评定以前公示 {the.publicity_days} 个工作日。"
            if chinese
            else f"Candidates are in public notice for {the.publicity_days} working days."
        )
        if the.publicity_days
        else ("评定以前不公示。" if chinese else "There is no public notice before the award."),
        "objection_days": f"有人提出异议的，{the.objection_days} 个工作日内答复。"
        if chinese
        else f"Objections are decided within {the.objection_days} working days.",
        "proof_days": f"申请服务记录证明的，{the.proof_days} 个工作日内答复。"
        if chinese
        else f"Who asks for a proof of service is answered within {the.proof_days} working days.",
        "proof_notice_days": f"出具的证明在本单位公示 {the.proof_notice_days} 天。"
        if chinese
        else f"The organisation shows what it has issued among its own for {the.proof_notice_days} days.",
    }


# --- what staff do ----------------------------------------------------------------------------------------------------


def of_body(body: Mapping[str, Any]) -> Ladder:
    """The ladder that a body's `ladder` says; InvalidField with the path from there."""
    try:
        return ladder_body.read(body)
    except InvalidField as refused:
        raise InvalidField(f"ladder.{refused.field}", refused.problem) from None


async def draft(
    tx: AsyncConnection, me: Principal, the: Ladder, effective_from: date, note: str = ""
) -> Version[Ladder]:
    """Keeps a new version for a second person. NotAllowed, InvalidField, BeginsTooEarly."""
    auth.within(me, Right.DRAFT_RULES, ())
    now = await connect.now(tx)
    return await ladders.draft(tx, me.book_id, the, effective_from=effective_from, note=note, by=me.name, now=now)


async def in_force(tx: AsyncConnection, me: Principal, day: date | None = None) -> tuple[date, Ladder]:
    """The day (today, if none is said) and its ladder: of version 0, the national one, where none was approved."""
    asked = day or day_of(await connect.now(tx))
    return asked, await ladders.in_force(tx, me.book_id, asked)


@dataclass(frozen=True, slots=True)
class Effect:
    """What another ladder would change today. `counts`: how many have 0, 1, 2 … stars, now and then."""

    day: date
    before: Ladder
    after: Ladder
    counts: Sequence[tuple[int, int]]
    up: int
    down: int
    same: int


async def effect(tx: AsyncConnection, me: Principal, after: Ladder) -> Effect:
    """How many would have which star today by this ladder, beside the one in force. NotAllowed."""
    auth.within(me, Right.READ_RECORDS, ())
    day, before = await in_force(tx, me)
    await connect.no_timeout(tx)  # everybody's stars are computed, twice
    pairs = await stars.compared(tx, me.book_id, before, after, day=day)
    highest = max(len(before.levels), len(after.levels))
    return Effect(
        day,
        before,
        after,
        [
            (
                sum(people for (was, _), people in pairs.items() if was == number),
                sum(people for (_, will), people in pairs.items() if will == number),
            )
            for number in range(highest + 1)
        ],
        sum(people for (was, will), people in pairs.items() if will > was),
        sum(people for (was, will), people in pairs.items() if will < was),
        sum(people for (was, will), people in pairs.items() if will == was),
    )
