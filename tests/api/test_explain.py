"""The rules in words: one sentence for each way in which a record earns or does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import explain
from ledger.earning.rules import DEFAULT, Cap, Coefficient, Expiry, Item, RuleSet, Tally, Work, award
from tests.earning.rulebook import ITEMS, MARCH_5, WEIHAI, act, earned, rule_set, service

V3: dict[str, Any] = {"version": 3}
DOCTOR = Coefficient("专业", 3, 2, frozenset({"医疗卫生"}), "执业医师")


def why(rules: RuleSet, *works: Work) -> tuple[str, str]:
    """Why the last of these earned what it did."""
    tally = Tally()
    earned(rules, *works[:-1], tally=tally)
    inputs = award(rules, works[-1], tally).inputs
    return explain.why("zh", rules, inputs), explain.why("en", rules, inputs)


def test_hours() -> None:
    assert why(rule_set(**V3), service(150)) == (
        "服务 2 小时 30 分钟，每小时 10 分，得 25 分（规则第 3 版 P01）。",
        "2 h 30 min of service, 10 points an hour, 25 points earned (rules version 3, P01).",
    )


def test_a_coefficient() -> None:
    rules = rule_set(coefficients=(DOCTOR,), categories={}, **V3)
    doctor = service(240, category="医疗卫生", qualifications=frozenset({"执业医师"}))
    assert why(rules, doctor) == (
        "服务 4 小时，每小时 10 分，系数 1.5（专业），得 60 分，其中系数加 20 分（规则第 3 版 P01）。",
        "4 h of service, 10 points an hour, times 1.5 (专业), 60 points earned, 20 points of them by the factor"
        " (rules version 3, P01).",
    )


def test_an_act_and_a_minus_item_by_their_names() -> None:
    english = rule_set(items=(replace(ITEMS[11], name_en="neighbours reconciled"), ITEMS[24]), categories={}, **V3)
    rules = replace(english, default_item=None)
    assert why(rules, act("P12")) == (
        "调解邻里纠纷成功，得 10 分（规则第 3 版 P12）。",
        "neighbours reconciled, 10 points earned (rules version 3, P12).",
    )
    assert why(rules, act("M01")) == (
        "报名后无故缺席，扣 5 分（规则第 3 版 M01）。",
        "报名后无故缺席, 5 points taken off (rules version 3, M01).",
    )


def test_a_training_given() -> None:
    zh, en = why(rule_set(**V3), act("P17", minutes=90))
    assert zh == "担任培训讲师 1 小时 30 分钟，每小时 12 分，得 18 分（规则第 3 版 P17）。"
    assert en.endswith("1 h 30 min, 12 points an hour, 18 points earned (rules version 3, P17).")


def test_a_cap() -> None:
    assert why(rule_set(**V3), service(360), service(180)) == (
        "服务 3 小时，每小时 10 分，本应得 30 分，但每天最多 80 分，当天已得 60 分，得 20 分（规则第 3 版 P01）。",
        "3 h of service, 10 points an hour, which would be 30 points, but at most 80 points a day count, of which 60"
        " that day before, 20 points earned (rules version 3, P01).",
    )


def test_a_cap_of_everything_and_one_of_a_minus_item() -> None:
    whole = rule_set(caps=(Cap(100, "month"),), **V3)
    zh, en = why(whole, *[service(480, MARCH_5 + timedelta(days=day)) for day in range(2)])
    assert "但所有项目合计每月最多 100 分，当月已得 80 分，得 20 分" in zh
    assert "for everything together at most 100 points a month count" in en
    minus = RuleSet(items=(Item("M01", "缺席", "deduction", "fixed", -5, (Cap(8, "year"),)),), **V3)
    zh, _ = why(minus, act("M01"), act("M01"))
    assert zh == "缺席，本应扣 5 分，但每年最多 8 分，当年已扣 5 分，扣 3 分（规则第 3 版 M01）。"


def test_the_ladder() -> None:
    assert why(RuleSet(ladder=WEIHAI, **V3), service(1200), service(120)) == (
        "服务 2 小时，当年此前已有 20 小时，按阶梯全年累计由 20 分到 21 分，得 1 分（规则第 3 版）。",
        "2 h of service, after 20 h in the same year, which the ladder takes from 20 to 21 points, 1 point earned"
        " (rules version 3).",
    )


def test_parts_of_points_put_together() -> None:
    zh, en = why(rule_set(rounding="month", **V3), service(15), service(15))
    assert zh == "服务 15 分钟，每小时 10 分，不满 1 分的零头当月合并计算，得 3 分（规则第 3 版 P01）。"
    assert "parts of points are put together over the month" in en


@pytest.mark.parametrize(
    ("rules", "work", "zh"),
    [
        (
            rule_set(**V3),
            service(180, record_class="honour"),
            "补录的服务 3 小时，计入荣誉时长，不计积分（规则第 3 版）。",
        ),
        (rule_set(default_item=None, **V3), service(60), "服务 1 小时，这一类服务不计积分（规则第 3 版）。"),
        (rule_set(earns=frozenset(), **V3), service(60), "服务 1 小时，按规则不计积分（规则第 3 版）。"),
        (DEFAULT, service(60), "服务 1 小时，当时还没有积分规则，不计积分。"),
    ],
)
def test_why_there_are_no_points(rules: RuleSet, work: Work, zh: str) -> None:
    assert why(rules, work)[0] == zh
    assert "no points" in why(rules, work)[1]


@given(
    st.sampled_from([rule_set(**V3), rule_set(ladder=WEIHAI, **V3), rule_set(rounding="day", coefficients=(DOCTOR,))]),
    st.lists(
        st.one_of(
            st.builds(
                service,
                st.integers(0, 900),
                category=st.sampled_from(["社区", "医疗卫生", "理论宣讲"]),
                record_class=st.sampled_from(["credit", "honour"]),
                qualifications=st.just(frozenset({"执业医师"})),
            ),
            st.builds(act, st.sampled_from([item.code for item in ITEMS]), minutes=st.integers(0, 300)),
        ),
        min_size=1,
        max_size=12,
    ),
)
def test_every_award_has_its_sentence(rules: RuleSet, works: list[Work]) -> None:
    for language, said in zip(("zh", "en"), why(rules, *works), strict=True):
        assert said.endswith("。" if language == "zh" else ".")
        assert "{" not in said
        assert "None" not in said


# --- a rule set in words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expiry", "zh"),
    [
        (Expiry(), "积分一直有效。"),
        (Expiry("days", 365), "积分从可以使用的那天起 365 天内有效。"),
        (Expiry("month_end"), "积分当月有效，月底到期。"),
        (Expiry("year_end"), "积分当年有效，12 月 31 日到期。"),
        (Expiry("nth_year_end", 3), "积分有效到第 3 年的 12 月 31 日，可以使用的那一年算第 1 年。"),
    ],
)
def test_how_long_points_last_in_words(expiry: Expiry, zh: str) -> None:
    assert explain.terms("zh", RuleSet(expiry=expiry))["expiry"] == zh
    assert explain.terms("en", RuleSet(expiry=expiry))["expiry"].startswith("Points")


def test_every_term_is_told_in_both_languages() -> None:
    full = rule_set(ladder=WEIHAI, coefficients=(DOCTOR,), caps=(Cap(100, "day"), Cap(900, "year")))
    zh, en = explain.terms("zh", full), explain.terms("en", full)
    assert zh.keys() == en.keys()
    assert zh["ladder"] == (
        "服务按全年累计时长计分：第 1–20 小时每 1 小时 1 分；第 21–80 小时每 2 小时 1 分；"
        "第 81–200 小时每 3 小时 1 分；第 201 小时起每 4 小时 1 分。"
    )
    assert zh["caps"] == "所有项目合计：每天最多 100 分，每年最多 900 分。"
    assert "医疗卫生" in zh["coefficients"]
    assert all(each.endswith("。") for each in zh.values())
    assert all(each.endswith(".") for each in en.values())


@pytest.mark.parametrize("n", [1, 2, 3, 4, 11, 12, 13, 21, 22, 100])
def test_years_are_counted_in_english(n: int) -> None:
    said = explain.terms("en", RuleSet(expiry=Expiry("nth_year_end", n)))["expiry"]
    expected = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 22: "22nd"}
    assert f"the {expected.get(n, '100th')} year" in said


def test_a_version_says_in_what_it_differs() -> None:
    before = rule_set()
    changed = replace(ITEMS[0], points=12)
    after = rule_set(items=(changed, *ITEMS[2:], replace(ITEMS[1], code="P99")), notice_days=5, ladder=WEIHAI)
    after = replace(after, categories={**before.categories, "扶弱帮困": "P99"})
    said = explain.differences("zh", before, after)
    assert said[:4] == [
        "P01：社区常规志愿服务，每小时 10 分，每天最多 80 分 → 社区常规志愿服务，每小时 12 分，每天最多 80 分",
        "P02：取消：敬老助残陪护，每小时 12 分，每天最多 96 分",
        "P99：新增：敬老助残陪护，每小时 12 分，每天最多 96 分",
        "类别 扶弱帮困：P02 → P99",
    ]
    assert any(each.startswith("新增：服务按全年累计时长计分") for each in said)
    assert "积分先公示 3 个工作日" in said[-1]
    assert len(said) == 6
    assert explain.differences("en", before, before) == []
    assert len(explain.differences("en", before, after)) == 6
