"""What an hour or an act earns: items, caps, ladders, coefficients, roundings, and how long points last."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.earning import rule_body, rules
from ledger.earning.rules import (
    DEFAULT,
    Cap,
    Coefficient,
    Expiry,
    Item,
    RuleSet,
    Tally,
    Work,
    again,
    award,
    lapses_on,
    reckon,
)
from ledger.errors import InvalidField, UnknownItem
from tests.earning.rulebook import CATEGORIES, ITEMS, MARCH_5, WEIHAI, act, earned, rows, rule_set, service

LADDER = [(int(row["hours_in_year"]), int(row["points"])) for row in rows("falling-rate-ladder.csv")]

BY_HOUR = [item for item in ITEMS if item.how == "per_hour"]
PLUS_CAPPED = [item for item in ITEMS if item.caps]


def days(first: date = date(2024, 1, 1), last: date = date(2027, 12, 31)) -> st.SearchStrategy[date]:
    return st.dates(first, last)


# --- the 36 items ----------------------------------------------------------------------------------------------------


def test_the_table_has_24_plus_and_12_minus_items() -> None:
    assert [item.points > 0 for item in ITEMS] == [True] * 24 + [False] * 12


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.code)
def test_each_item_earns_what_the_table_says(item: Item) -> None:
    minutes = 150 if item.how == "per_hour" else 0
    given = award(rule_set(), act(item.code, minutes=minutes), Tally())
    expected = item.points * 150 // 60 if item.how == "per_hour" else item.points
    assert (given.item, given.points, given.bonus) == (item.code, expected, 0)
    assert again(rule_set(), given.inputs) == (expected, 0)


@pytest.mark.parametrize("item", PLUS_CAPPED, ids=lambda item: item.code)
def test_each_cap_of_the_table_holds_for_its_period_and_not_longer(item: Item) -> None:
    [cap] = item.caps
    often = 2 * cap.points // item.points + 2
    works = [act(item.code, minutes=60)] * often
    assert sum(earned(rule_set(), *works)) == cap.points
    after = {"day": MARCH_5 + timedelta(days=1), "month": date(2026, 4, 1), "year": date(2027, 1, 1)}[cap.period]
    assert sum(earned(rule_set(), *works, act(item.code, after, 60))) == cap.points + item.points


@pytest.mark.parametrize(("category", "code"), CATEGORIES.items())
def test_each_category_of_the_hours_sheet_is_its_item(category: str, code: str) -> None:
    given = award(rule_set(), service(120, category=category), Tally())
    [item] = [item for item in ITEMS if item.code == code]
    assert (given.item, given.points) == (code, 2 * item.points)


def test_a_category_that_is_not_named_is_the_default_item() -> None:
    assert award(rule_set(), service(150), Tally())[:2] == ("P01", 25)


def test_without_a_default_item_other_categories_earn_nothing() -> None:
    given = award(rule_set(default_item=None), service(150), Tally())
    assert given[:3] == (None, 0, 0)
    assert again(rule_set(default_item=None), given.inputs) == (0, 0)


def test_an_act_of_no_item_is_refused() -> None:
    with pytest.raises(UnknownItem) as caught:
        award(rule_set(), act("P99"), Tally())
    assert caught.value.item == "P99"


@pytest.mark.parametrize(("minutes", "points"), [(0, 0), (5, 0), (6, 1), (59, 9), (60, 10), (119, 19), (150, 25)])
def test_parts_of_points_are_dropped_at_each_record(minutes: int, points: int) -> None:
    assert earned(rule_set(), service(minutes)) == [points]


def test_honour_hours_earn_nothing_unless_the_rules_say_so() -> None:
    honour = service(180, record_class="honour")
    assert earned(rule_set(), honour) == [0]
    assert earned(rule_set(earns=frozenset({"credit", "honour"})), honour) == [30]
    assert earned(rule_set(earns=frozenset()), service(180), act("P07", minutes=60)) == [0, 10]


# --- caps ------------------------------------------------------------------------------------------------------------


def test_a_cap_lets_through_what_is_left_of_it() -> None:
    given = [award(rule_set(), service(60 * 6), Tally())]
    tally = Tally()
    tally.add(service(60 * 6), given[0])
    last = award(rule_set(), service(60 * 3), tally)
    assert last.points == 20
    cut = reckon(rule_set(), last.inputs).cut
    assert cut is not None
    assert (cut.code, cut.cap, cut.used) == ("P01", Cap(80, "day"), 60)


def test_an_activitys_cap_holds_for_that_activity_alone() -> None:
    only = rule_set(items=(Item("P01", "助老", "service", "per_hour", 1, (Cap(2, "activity"),)),), categories={})
    works = [
        service(90, activity="a"),
        service(90, MARCH_5 + timedelta(days=1), activity="a"),
        service(300, activity="b"),
        service(300),
    ]
    assert earned(only, *works) == [1, 1, 2, 5]


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        (Cap(30, "day"), [20, 10, 10, 20, 20]),
        (Cap(45, "month"), [20, 20, 5, 20, 20]),
        (Cap(75, "year"), [20, 20, 10, 20, 20]),
        (Cap(30, "activity"), [20, 10, 0, 0, 0]),
    ],
)
def test_caps_of_the_programme_hold_for_everything_together(cap: Cap, expected: list[int]) -> None:
    works = [
        service(120, activity="a"),
        service(120, category="理论宣讲", activity="a"),
        act("P12", MARCH_5 + timedelta(days=1), activity="a"),
        service(120, date(2026, 4, 1), activity="a"),
        service(120, date(2027, 3, 5), activity="a"),
    ]
    assert earned(rule_set(caps=(cap,)), *works) == expected


def test_of_several_caps_the_tightest_bites() -> None:
    item = Item("P01", "助老", "service", "per_hour", 10, (Cap(30, "day"), Cap(25, "month")))
    given = award(rule_set(items=(item,), categories={}, caps=(Cap(28, "year"),)), service(600), Tally())
    assert given.points == 25


def test_minus_items_take_their_points_whatever_has_been_earned_and_free_no_cap() -> None:
    capped = rule_set(caps=(Cap(20, "day"),))
    assert earned(capped, act("M05"), service(120), act("M01"), service(120)) == [-100, 20, -5, 0]


def test_a_minus_items_own_cap_says_how_much_it_takes_at_most() -> None:
    item = Item("M01", "缺席", "deduction", "fixed", -5, (Cap(8, "month"),))
    only = RuleSet(items=(item,))
    assert earned(only, *[act("M01")] * 4) == [-5, -3, 0, 0]


# --- the ladder ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "points"), LADDER)
def test_the_published_ladder(hours: int, points: int) -> None:
    assert WEIHAI.points(hours * 60) == points
    rules = RuleSet(ladder=WEIHAI)
    assert earned(rules, service(hours * 60)) == [points]
    assert sum(earned(rules, *[service(60)] * hours)) == points


@given(st.sampled_from(LADDER), st.randoms(use_true_random=False))
def test_however_hours_are_divided_the_ladder_gives_the_same(row: tuple[int, int], random: Any) -> None:
    hours, points = row
    cuts = sorted(random.choices(range(hours * 60 + 1), k=30))
    pieces = [after - before for before, after in zip([0, *cuts], [*cuts, hours * 60], strict=True)]
    assert sum(earned(RuleSet(ladder=WEIHAI), *map(service, pieces))) == points


def test_the_ladder_begins_anew_each_year_and_goes_by_the_service_day() -> None:
    rules = RuleSet(ladder=WEIHAI)
    works = [service(1200, date(2026, 12, 31)), service(120, date(2027, 1, 1)), service(120, date(2026, 1, 1))]
    assert earned(rules, *works) == [20, 2, 1]


def test_hours_that_earn_nothing_and_acts_are_not_on_the_ladder() -> None:
    rules = rule_set(ladder=WEIHAI)
    honour = service(1200, record_class="honour")
    assert earned(rules, honour, act("P17", minutes=1200), act("P16"), service(1200)) == [0, 240, 5, 20]


def test_hours_before_the_ladder_was_introduced_count_for_its_year() -> None:
    tally = Tally()
    assert earned(rule_set(), *[service(240)] * 5, tally=tally) == [40, 40, 0, 0, 0]
    assert earned(rule_set(ladder=WEIHAI), service(120, MARCH_5 + timedelta(days=1)), tally=tally) == [1]


def test_a_reversal_gives_back_what_the_record_earned_and_recomputes_no_other() -> None:
    rules = RuleSet(ladder=WEIHAI)
    assert earned(rules, service(1200), service(120)) == [20, 1]
    left = Tally()  # what stands when the first of the two has been corrected
    left.add(service(120), award(rules, service(120), _after(rules, service(1200))))
    assert earned(rules, service(60), tally=left) == [1]


def _after(rules: RuleSet, *works: Work) -> Tally:
    tally = Tally()
    earned(rules, *works, tally=tally)
    return tally


# --- coefficients ----------------------------------------------------------------------------------------------------

DOCTOR = Coefficient("专业", 3, 2, frozenset({"医疗卫生"}), "执业医师")


def test_a_coefficient_gives_a_bonus_to_those_who_are_qualified() -> None:
    only = rule_set(coefficients=(DOCTOR,), categories={})
    doctor = service(240, category="医疗卫生", qualifications=frozenset({"执业医师", "急救培训"}))
    assert award(only, doctor, Tally())[:3] == ("P01", 60, 20)  # T05
    for other in (doctor._replace(qualifications=frozenset()), doctor._replace(category="社区")):
        assert award(only, other, Tally())[:3] == ("P01", 40, 0)


def test_of_several_coefficients_the_highest_counts_and_never_two_together() -> None:
    both = rule_set(coefficients=(Coefficient("夜间", 6, 5), DOCTOR, Coefficient("节日", 11, 10)), categories={})
    given = award(both, service(60, category="医疗卫生", qualifications=frozenset({"执业医师"})), Tally())
    assert (given.points, given.inputs["coefficient"]) == (15, "专业")
    assert award(both, service(60), Tally())[:3] == ("P01", 12, 2)


def test_a_coefficient_never_lowers_and_is_for_hours_alone() -> None:
    both = rule_set(coefficients=(Coefficient("翻倍", 2, 1),))
    assert earned(both, act("P20"), act("M01"), act("P17", minutes=60)) == [30, -5, 24]


def test_a_cap_cuts_the_bonus_first() -> None:
    only = rule_set(coefficients=(Coefficient("专业", 3, 2),))
    assert award(only, service(7 * 60), Tally())[:3] == ("P01", 80, 10)
    assert award(only, service(9 * 60), Tally())[:3] == ("P01", 80, 0)


def test_a_coefficient_of_the_ladder_counts_its_points() -> None:
    given = award(RuleSet(ladder=WEIHAI, coefficients=(Coefficient("专业", 3, 2),)), service(1320), Tally())
    assert given[:3] == (None, 31, 10)


# --- rounding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("record", [2, 2, 2, 2, 2]), ("day", [2, 3, 2, 2, 2]), ("month", [2, 3, 2, 3, 2])],
)
def test_parts_of_points_are_dropped_where_the_rules_say(rounding: str, expected: list[int]) -> None:
    next_day, next_month = MARCH_5 + timedelta(days=1), date(2026, 4, 1)
    works = [service(15), service(15), service(15, next_day), service(15, MARCH_5), service(15, next_month)]
    assert earned(rule_set(rounding=rounding), *works) == expected


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=12),
    st.sampled_from(["day", "month"]),
    st.sampled_from([(1, 1), (3, 2), (11, 10), (1001, 1000)]),
)
@example([59, 1], "day", (3, 2))
def test_rounded_by_period_a_periods_records_earn_what_their_sum_does(
    minutes: list[int], rounding: str, factor: tuple[int, int]
) -> None:
    rules = RuleSet(
        items=(Item("P01", "助老", "service", "per_hour", 7),),
        default_item="P01",
        rounding=rounding,  # type: ignore[arg-type] # one of the words
        coefficients=(Coefficient("系数", *factor),),
    )
    tally, points = Tally(), 0
    for each in minutes:
        given = award(rules, service(each), tally)
        assert 0 <= given.bonus <= given.points
        tally.add(service(each), given)
        points += given.points
    assert points == sum(minutes) * 7 * factor[0] // (60 * factor[1])


# --- computed again --------------------------------------------------------------------------------------------------

_WORKS = st.builds(
    Work,
    record_class=st.sampled_from(["credit", "honour"]),
    category=st.sampled_from([*CATEGORIES, "社区"]),
    item=st.none(),
    day=st.dates(date(2025, 12, 25), date(2026, 1, 7)),
    minutes=st.integers(0, 900),
    activity=st.sampled_from([None, "a", "b"]),
    qualifications=st.sampled_from([frozenset(), frozenset({"执业医师"})]),
) | st.builds(
    act,
    st.sampled_from([item.code for item in ITEMS]),
    st.dates(date(2025, 12, 25), date(2026, 1, 7)),
    st.integers(0, 300),
)

_RULES = st.builds(
    rule_set,
    ladder=st.sampled_from([None, None, WEIHAI]),
    rounding=st.sampled_from(["record", "day", "month"]),
    coefficients=st.sampled_from([(), (DOCTOR,), (DOCTOR, Coefficient("夜间", 6, 5))]),
    caps=st.sampled_from([(), (Cap(50, "day"), Cap(300, "year")), (Cap(40, "activity"), Cap(100, "month"))]),
    earns=st.sampled_from([frozenset({"credit"}), frozenset({"credit", "honour"})]),
    default_item=st.sampled_from([None, "P01"]),
)


@given(_RULES, st.lists(_WORKS, max_size=25))
def test_whatever_is_earned_can_be_computed_again_from_what_is_stored(the: RuleSet, works: list[Work]) -> None:
    the = rule_body.read(json.loads(json.dumps(rule_body.stored(the))))
    tally = Tally()
    by_day: dict[date, int] = {}
    for work in works:
        given = award(the, work, tally)
        stored = json.loads(json.dumps(given.inputs))
        assert stored == given.inputs
        assert again(the, stored) == (given.points, given.bonus)
        assert 0 <= given.bonus <= max(given.points, 0)
        assert len(json.dumps(stored, ensure_ascii=False)) < 400
        tally.add(work, given)
        by_day[work.day] = by_day.get(work.day, 0) + max(given.points, 0)
    for cap in the.caps:
        if cap.period == "day":
            assert all(points <= cap.points for points in by_day.values())


# --- how long points last --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "n", "day", "lapses"),
    [
        ("never", 0, "2026-03-05", None),
        ("days", 1, "2026-03-05", "2026-03-06"),
        ("days", 365, "2023-03-01", "2024-02-29"),
        ("days", 366, "2024-02-29", "2025-03-01"),
        ("month_end", 0, "2024-02-29", "2024-03-01"),
        ("month_end", 0, "2023-02-01", "2023-03-01"),
        ("month_end", 0, "2026-12-31", "2027-01-01"),
        ("year_end", 0, "2026-01-01", "2027-01-01"),
        ("year_end", 0, "2024-12-31", "2025-01-01"),
        ("nth_year_end", 1, "2026-03-05", "2027-01-01"),
        ("nth_year_end", 3, "2024-02-29", "2027-01-01"),
    ],
)
def test_points_last_as_the_rules_say(policy: Any, n: int, day: str, lapses: str | None) -> None:
    found = lapses_on(RuleSet(expiry=Expiry(policy, n)), date.fromisoformat(day))
    assert found == (None if lapses is None else date.fromisoformat(lapses))


@given(days(), st.sampled_from(["month_end", "year_end"]))
def test_points_last_to_the_last_day_of_their_month_or_year(day: date, policy: Any) -> None:
    first_without = lapses_on(RuleSet(expiry=Expiry(policy)), day)
    assert first_without is not None
    last = first_without - timedelta(days=1)
    assert day <= last
    assert first_without.day == 1
    assert last.year == day.year
    assert (last.month, last.day) == (12, 31) if policy == "year_end" else last.month == day.month


# --- written as JSON -------------------------------------------------------------------------------------------------


def test_a_rule_set_is_stored_in_full_and_read_back_the_same() -> None:
    full = rule_set(
        ladder=WEIHAI,
        coefficients=(DOCTOR,),
        rounding="month",
        caps=(Cap(100, "day"),),
        earns=frozenset({"credit", "honour"}),
        tiers=(400, 600),
        notice_days=5,
        expiry=Expiry("days", 365),
        ages=rules.Ages(7, 11, 16),
    )
    assert rule_body.read(json.loads(json.dumps(rule_body.stored(full)))) == full
    assert rule_body.read({}) == DEFAULT
    assert rule_body.stored(DEFAULT)["notice_days"] == 3


_ITEM = {"code": "P01", "name": "助老", "category": "service", "how": "per_hour", "points": 10}
_MINUS = {"code": "M01", "name": "缺席", "category": "deduction", "how": "fixed", "points": -5}


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({"colour": 1}, "colour", "unknown"),
        ({"version": 1}, "version", "unknown"),
        ({"\x00": 1}, "?", "unknown"),
        ([], "body", "not_an_object"),
        ({"items": {}}, "items", "not_a_list"),
        ({"items": [_ITEM] * 501}, "items", "too_many"),
        ({"items": [_ITEM, _ITEM]}, "items[1].code", "twice"),
        ({"items": ["P01"]}, "items[0]", "not_an_object"),
        ({"items": [_ITEM | {"code": "P/1"}]}, "items[0].code", "not_a_code"),
        ({"items": [_ITEM | {"code": "*"}]}, "items[0].code", "not_a_code"),
        ({"items": [_ITEM | {"name": ""}]}, "items[0].name", "not_a_short_text"),
        ({"items": [_ITEM | {"name": "a\nb"}]}, "items[0].name", "not_a_short_text"),
        ({"items": [_ITEM | {"category": "fun"}]}, "items[0].category", "not_one_of_the_words"),
        ({"items": [_ITEM | {"category": ["act"]}]}, "items[0].category", "not_one_of_the_words"),
        ({"items": [_ITEM | {"points": -1}]}, "items[0].points", "not_1_to_1000000"),
        ({"items": [_ITEM | {"points": 1.5}]}, "items[0].points", "not_a_whole_number"),
        ({"items": [_ITEM | {"points": True}]}, "items[0].points", "not_a_whole_number"),
        ({"items": [{"code": "P01"}]}, "items[0].category", "missing"),
        ({"items": [_MINUS | {"points": 5}]}, "items[0].points", "not_-1000000_to_-1"),
        ({"items": [_MINUS | {"how": "per_hour"}]}, "items[0].how", "deductions_are_fixed"),
        (
            {"items": [_ITEM | {"caps": [{"points": 0, "period": "day"}]}]},
            "items[0].caps[0].points",
            "not_1_to_1000000",
        ),
        ({"caps": [{"points": 1, "period": "week"}]}, "caps[0].period", "not_one_of_the_words"),
        ({"caps": [{"points": 1, "period": "day"}] * 2}, "caps[1].period", "twice"),
        ({"categories": {"助老": "P01"}}, "categories[助老]", "not_an_item"),
        ({"items": [_MINUS], "categories": {"助老": "M01"}}, "categories[助老]", "a_deduction"),
        ({"categories": []}, "categories", "not_an_object"),
        ({"default_item": "P01"}, "default_item", "not_an_item"),
        ({"default_item": 1}, "default_item", "not_a_short_text"),
        ({"ladder": {"steps": []}}, "ladder.steps", "empty"),
        ({"ladder": {}}, "ladder.steps", "missing"),
        ({"ladder": {"steps": [{"up_to_hours": 5, "hours_per_point": 1}]}}, "ladder.steps[0].up_to_hours", None),
        (
            {"ladder": {"steps": [{"up_to_hours": n, "hours_per_point": 1} for n in (5, 5, None)]}},
            "ladder.steps[1].up_to_hours",
            "not_rising",
        ),
        ({"ladder": {"period": "month", "steps": []}}, "ladder.period", "not_one_of_the_words"),
        ({"coefficients": [{"name": "a", "numerator": 1, "denominator": 2}]}, "coefficients[0].numerator", "below_one"),
        ({"coefficients": [{"name": "a", "numerator": 4, "denominator": 3}]}, "coefficients[0].denominator", None),
        ({"coefficients": [{"name": "a", "numerator": 1, "denominator": 0}]}, "coefficients[0].denominator", None),
        ({"coefficients": [{"name": "a", "numerator": 1, "denominator": 1}] * 2}, "coefficients[1].name", "twice"),
        ({"rounding": "up"}, "rounding", "not_one_of_the_words"),
        ({"rounding": None}, "rounding", "not_one_of_the_words"),
        ({"earns": ["act"]}, "earns[0]", "not_one_of_the_words"),
        ({"tiers": [480]}, "tiers", "not_two"),
        ({"tiers": [480, 420]}, "tiers[1]", "not_rising"),
        ({"tiers": [480, 9999]}, "tiers[1]", "not_1_to_1440"),
        ({"notice_days": -1}, "notice_days", "not_0_to_366"),
        ({"notice_days": "3"}, "notice_days", "not_a_whole_number"),
        ({"notice_days": None}, "notice_days", "not_a_whole_number"),
        ({"leader_share": 101}, "leader_share", "not_0_to_100"),
        ({"expiry": {"policy": "days"}}, "expiry.n", "not_a_whole_number"),
        ({"expiry": {"policy": "never", "n": 5}}, "expiry.n", "not_0_to_0"),
        ({"expiry": "never"}, "expiry", "not_an_object"),
        ({"ages": {"oldest": 99}}, "ages.oldest", "unknown"),
        ({"ages": {"youngest": 151}}, "ages.youngest", "not_0_to_150"),
    ],
)
def test_what_a_rule_set_cannot_say_is_refused_by_its_path(body: Any, field: str, problem: str | None) -> None:
    with pytest.raises(InvalidField) as caught:
        rule_body.read(body)
    assert caught.value.field == field
    assert problem in (None, caught.value.problem)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(rule_body.stored(DEFAULT))), _JSON)
def test_whatever_stands_in_a_body_it_is_read_or_refused(name: str, value: Any) -> None:
    try:
        found = rule_body.read({name: value})
    except InvalidField as caught:
        refused = caught
    else:
        assert rule_body.read(rule_body.stored(found)) == found
        return
    assert refused.field.split(".")[0].split("[")[0] == name
