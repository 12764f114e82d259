"""Consents: what a person has agreed to, to which text, when and through whom (PIPL 13–15).

They hang on the number under which the books know her, so that after an erasure they are nobody's, and still prove what
was allowed. A text that changes gets a new version; the old ones stay here as long as somebody's consent names them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast, get_args

from sqlalchemy import ColumnElement, any_, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access.tables import consents
from ledger.errors import InvalidField

Purpose = Literal["service", "public_name", "share_with_shop", "minor_guardian"]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)

_BY: Final = re.compile(r"self|guardian|(staff|user):[0-9A-Za-z-]{1,40}")
"""Who gave or withdrew it; no free text, so that no name gets in."""


@dataclass(frozen=True, slots=True)
class Text:
    """What somebody agrees to, in Chinese, which counts, and in English."""

    zh: str
    en: str


TEXTS: Final[dict[tuple[Purpose, str], Text]] = {
    # PIPL 13 (1), 14, 17; Regulation on Volunteer Service 19: what an organisation records of a volunteer.
    ("service", "2026-11"): Text(
        "我同意本项目为登记志愿者、记录服务时长和积分、出具服务记录证明，使用我的姓名、手机号码、身份证号码和出生日期。"
        "这些信息加密保存，工作人员查看完整内容须写明理由并留下记录。我可以随时查阅、更正、带走这些信息，"
        "也可以随时撤回同意，要求删除；撤回以前的处理仍然有效。",
        "I agree that this programme uses my name, mobile phone number, identity number and day of birth to register me"
        " as a volunteer, to record my hours and points and to issue proofs of service. They are stored encrypted;"
        " staff who look at them in full have to give a reason, which is kept. I may see, correct and take them with me"
        " at any time, and withdraw this consent and have them deleted; what was done before stays lawful.",
    ),
    # PIPL 25: publication only with separate consent.
    ("public_name", "2026-11"): Text(
        "我同意在公示榜单上公开我的全名。不同意时，榜单上只写姓氏和志愿者编号的后四位，积分和星级不受影响。我可以随时撤回。",
        "I agree that my full name is shown on public boards. If I do not, only the first character of my name and the"
        " last four characters of my volunteer number are shown; my points and stars stay the same. I may withdraw this"
        " at any time.",
    ),
    # PIPL 23: name and contact of the recipient, purpose, method and kinds of data are told at the till.
    ("share_with_shop", "2026-11"): Text(
        "我同意兑换时把我隐去部分的姓名给该商家看，供其核对取货人。商家看不到我的手机号码、身份证号码和积分余额。"
        "不同意时，商家只核对取货口令。我可以随时撤回。",
        "I agree that when I redeem points the shop is shown my masked name, to see that the goods reach the right"
        " person. It sees neither my phone and identity numbers nor my balance. If I do not agree, it checks the word"
        " only. I may withdraw this at any time.",
    ),
    # PIPL 31 (under 14); Shandong Regulation on Volunteer Service 10 (all minors).
    ("minor_guardian", "2026-11"): Text(
        "我是这位未成年人的父母或者其他监护人，同意其参加志愿服务，并同意本项目按照《登记、记录和证明的同意书》使用其个人信息。"
        "页面上只显示其姓氏，每次查看都留下记录。我可以随时撤回。",
        "I am a parent or other guardian of this minor. I agree to the minor's voluntary service, and that this"
        " programme uses the minor's personal data as the consent to registration, records and proofs says. Pages show"
        " only the first character of the name, and each look is logged. I may withdraw this at any time.",
    ),
}
"""(purpose, version) → what is agreed to. The last version of a purpose is the one that is offered."""

OFFERED: Final[dict[Purpose, str]] = dict(TEXTS.keys())

BY_GUARDIAN: Final[frozenset[Purpose]] = frozenset({"minor_guardian"})
"""What nobody agrees to for herself."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent; it holds until it is withdrawn. `given_by`: self, guardian, staff:ID or user:ID."""

    purpose: Purpose
    text_version: str
    given_at: datetime
    given_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None


async def give(
    tx: AsyncConnection, book: int, holder: str, purpose: str, text_version: str, given_by: str, at: datetime
) -> None:
    """Notes a consent to this version of the purpose's text; one that holds already stays as it is. InvalidField."""
    known = _purpose(purpose)
    if (known, text_version) not in TEXTS:
        raise InvalidField("text_version", "unknown")
    _checked("given_by", given_by)
    if known in BY_GUARDIAN and given_by == "self":
        raise InvalidField("given_by", "needs_guardian")
    await tx.execute(
        insert(consents)
        .values(
            book_id=book,
            holder=holder,
            purpose=known,
            text_version=text_version,
            given_at=at,
            given_by=given_by,
        )
        .on_conflict_do_nothing()
    )


async def withdraw(tx: AsyncConnection, book: int, holder: str, purpose: str, withdrawn_by: str, at: datetime) -> bool:
    """Withdraws the consent to a purpose, whatever version it was given to (PIPL 15); whether there was one.

    InvalidField.
    """
    known = _purpose(purpose)
    _checked("withdrawn_by", withdrawn_by)
    ended = await tx.execute(
        update(consents)
        .where(_of(book, holder), consents.c.purpose == known, consents.c.withdrawn_at.is_(None))
        .values(withdrawn_at=at, withdrawn_by=withdrawn_by)
    )
    return ended.rowcount > 0


async def current(tx: AsyncConnection, book: int, holder: str) -> dict[Purpose, Consent]:
    """The consents that hold, by purpose; of several versions the one given last."""
    holding = [consent for consent in await history(tx, book, holder) if consent.withdrawn_at is None]
    return {consent.purpose: consent for consent in reversed(holding)}


async def agreed(tx: AsyncConnection, book: int, holders: Collection[str], purpose: Purpose) -> frozenset[str]:
    """Who of these people agrees to a purpose, whatever version of its text."""
    found = await tx.execute(
        select(consents.c.holder).where(
            consents.c.book_id == book,
            consents.c.holder == any_(literal(list(holders), ARRAY(TEXT))),
            consents.c.purpose == purpose,
            consents.c.withdrawn_at.is_(None),
        )
    )
    return frozenset(found.scalars())


async def history(tx: AsyncConnection, book: int, holder: str) -> list[Consent]:
    """All consents that a person ever gave, newest first."""
    rows = await tx.execute(
        select(consents)
        .where(_of(book, holder))
        .order_by(consents.c.given_at.desc(), consents.c.purpose, consents.c.text_version.desc())
    )
    return [
        Consent(
            cast(Purpose, row.purpose),
            row.text_version,
            row.given_at,
            row.given_by,
            row.withdrawn_at,
            row.withdrawn_by,
        )
        for row in rows
    ]


def _of(book: int, holder: str) -> ColumnElement[bool]:
    return (consents.c.book_id == book) & (consents.c.holder == holder)


def _purpose(word: str) -> Purpose:
    if word not in PURPOSES:
        raise InvalidField("purpose", "unknown")
    return word


def _checked(name: str, by: str) -> None:
    if not _BY.fullmatch(by):
        raise InvalidField(name, "not_a_party")
