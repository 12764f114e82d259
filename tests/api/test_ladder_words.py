"""Star ladders in sentences, and the examples that come with the service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api import ladders
from api.problems import Language
from ledger.recognition.ladder import NATIONAL, Ladder, Level


def test_the_national_example_is_the_national_ladder() -> None:
    assert ladders.example("national") == NATIONAL


@pytest.mark.parametrize("name", ladders.EXAMPLES)
def test_each_example_asks_for_the_hours_of_its_place(name: str) -> None:
    hours = [100, 300, 600, 1000, 1500] if name != "longquanyi" else [50, 100, 200, 400, 800, 1000, 2000]
    assert [level.minutes for level in ladders.example(name).levels] == [60 * each for each in hours]


def test_the_examples_ask_for_what_their_places_add() -> None:
    def column(name: str, what: str) -> list[object]:
        return [getattr(level, what) for level in ladders.example(name).levels]

    assert column("shenzhen", "months") == [6, 6, 12, 12, 24]
    assert column("sichuan", "in_order") == [False, True, True, True, True]
    assert column("fujian", "certifier") == ["district", "district", "city", "city", "province"]
    assert column("longquanyi", "points") == [500, 1000, 2100, 4200, 8400, 10_500, 21_000]
    assert ladders.example("longquanyi").may_fall


def test_an_example_in_sentences() -> None:
    assert ladders.words("zh", ladders.example("longquanyi"))[4:] == [
        "五星：服务满 800 小时，挣到 8,400 分。",
        "金星：服务满 1,000 小时，挣到 10,500 分。",
        "钻石星：服务满 2,000 小时，挣到 21,000 分。",
        "只算现场签到、签退的服务时长。",
        "时长冲减以后，星级会跟着降；兑换积分不影响星级。",
        "评定以前公示 5 个工作日。",
        "有人提出异议的，10 个工作日内答复。",
        "申请服务记录证明的，10 个工作日内答复。",
        "出具的证明在本单位公示 7 天。",
    ]
    assert ladders.words("en", ladders.example("shenzhen"))[4] == "5 stars: 1,500 h of service, registered for 2 years."
    assert ladders.words("zh", ladders.example("sichuan"))[1] == "二星：服务满 300 小时，已经评上一星。"
    assert ladders.words("zh", ladders.example("fujian"))[2] == "三星：服务满 600 小时；由市级认定。"


CHANGES: list[tuple[str, Ladder]] = [
    ("star_1", replace(NATIONAL, levels=(Level(90), *NATIONAL.levels[1:]))),
    ("star_1", replace(NATIONAL, levels=(Level(6000, points=1), *NATIONAL.levels[1:]))),
    ("star_1", replace(NATIONAL, levels=(Level(6000, months=18), *NATIONAL.levels[1:]))),
    ("star_1", replace(NATIONAL, levels=(Level(6000, certifier="village"), *NATIONAL.levels[1:]))),
    ("star_1", replace(NATIONAL, levels=(Level(6000, title="铜星"), *NATIONAL.levels[1:]))),
    ("star_5", replace(NATIONAL, levels=(*NATIONAL.levels[:4], Level(90_000, in_order=True)))),
    ("star_6", replace(NATIONAL, levels=(*NATIONAL.levels, Level(100_000)))),
    ("star_5", replace(NATIONAL, levels=NATIONAL.levels[:4])),
    ("classes", replace(NATIONAL, classes=("honour",))),
    ("classes", replace(NATIONAL, classes=("credit", "honour"))),
    ("year_minutes", replace(NATIONAL, year_minutes=90)),
    ("standing_months", replace(NATIONAL, standing_months=36)),
    ("may_fall", replace(NATIONAL, may_fall=False)),
    ("publicity_days", replace(NATIONAL, publicity_days=0)),
    ("publicity_days", replace(NATIONAL, publicity_days=7)),
    ("objection_days", replace(NATIONAL, objection_days=7)),
    ("proof_days", replace(NATIONAL, proof_days=5)),
    ("proof_notice_days", replace(NATIONAL, proof_notice_days=10)),
]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("about", "changed"), CHANGES)
def test_each_thing_that_a_ladder_says_has_a_sentence(language: Language, about: str, changed: Ladder) -> None:
    before, after = ladders.terms(language, NATIONAL), ladders.terms(language, changed)
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == {about}
    [line] = ladders.differences(language, NATIONAL, changed)
    assert line.count(" → ") == 1
    assert ladders.differences(language, changed, changed) == []
