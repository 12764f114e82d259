"""Every sentence in both languages; figures, days and entries in words."""

from __future__ import annotations

import datetime
import re
import string

import pytest

from api.pages import frame, texts
from api.pages.texts import ENTRY, FIELDS, KINDS, TEXTS, UNKNOWN_DEVICE, WRONG

CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
TEMPLATES = {file.name: file.read_text(encoding="utf-8") for file in (frame.HERE / "templates").iterdir()}
SOURCES = [file.read_text(encoding="utf-8") for file in frame.HERE.glob("*.py") if not file.name.startswith("texts_")]


@pytest.mark.parametrize(
    "pair", [*TEXTS.values(), *KINDS.values(), *WRONG.values(), *FIELDS.values(), ENTRY, UNKNOWN_DEVICE]
)
def test_every_sentence_stands_in_both_languages_with_the_same_facts(pair: tuple[str, str]) -> None:
    chinese, english = pair
    assert chinese.strip()
    assert english.strip()
    assert not CHINESE.search(english)
    assert facts_of(chinese) == facts_of(english)


def facts_of(sentence: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(sentence) if field is not None}


def test_templates_say_nothing_that_is_not_in_the_table() -> None:
    for name, template in TEMPLATES.items():
        words = re.sub(r"\{[{%#].*?[}%#]\}|<[^>]*>", " ", template, flags=re.DOTALL)
        words = words.replace("English", "").replace("中文", "").replace("\u3000", "")
        assert not re.search(r"\w", words), f"{name} says {words.split()}"


def test_no_sentence_is_left_over() -> None:
    everywhere = "\n".join([*TEMPLATES.values(), *(source.partition("def t(")[2] or source for source in SOURCES)])
    beginnings = (*re.findall(r'"(\w+_)" ~', everywhere), *re.findall(r'f"(\w+_)\{', everywhere))
    made = re.compile(r"(points|notice|hours)_\w+|.*_do|points|notice|hours|honour")
    unused = [
        key
        for key in TEXTS
        if not (key.startswith(beginnings) or made.fullmatch(key) or re.search(rf'["\']{key}["\']', everywhere))
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("kind", "description", "chinese", "english"),
    [
        ("earn.hours", "送餐", "志愿服务：送餐", "Volunteer service: 送餐"),
        ("earn.hours", "", "志愿服务", "Volunteer service"),
        ("deduct.absence", "", "扣分", "Points taken off"),
        ("gift", "给母亲", "转赠：给母亲", "Gift: 给母亲"),
        ("import", "旧账", "旧账", "旧账"),
        ("import", "", "记账", "Entry"),
        ("earn", "", "记账", "Entry"),
    ],
)
def test_an_entry_in_words(kind: str, description: str, chinese: str, english: str) -> None:
    assert texts.summary("zh", kind, description) == chinese
    assert texts.summary("en", kind, description) == english


@pytest.mark.parametrize(
    ("minutes", "chinese", "english"),
    [
        (0, "0 小时", "0 h"),
        (1, "1 分钟", "1 min"),
        (45, "45 分钟", "45 min"),
        (60, "1 小时", "1 h"),
        (750, "12 小时 30 分", "12 h 30 min"),
        (60 * 1234 + 5, "1,234 小时 5 分", "1,234 h 5 min"),
    ],
)
def test_minutes_in_words(minutes: int, chinese: str, english: str) -> None:
    assert texts.hours("zh", minutes) == chinese
    assert texts.hours("en", minutes) == english


def test_points_and_days_in_words() -> None:
    assert texts.points("zh", 1250) == "1,250 分"
    assert [texts.points("en", amount) for amount in (0, 1, 25)] == ["0 points", "1 point", "25 points"]
    assert texts.day("zh", datetime.date(2026, 3, 5)) == "2026年3月5日"
    assert texts.day("en", datetime.date(2026, 3, 5)) == "5 Mar 2026"
