"""Rules from the tables of a spreadsheet, and the commands that draft and approve them."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api import rule_files
from api.cli import cli
from ledger.earning.rules import DEFAULT, Cap
from ledger.errors import BeginsTooEarly, InvalidField, NotAllowed, SecondPersonNeeded, UnknownUser
from tests.earning.rulebook import DATA, WEIHAI, rule_set

ITEMS, CATEGORIES = (DATA / "rules-36.csv").read_bytes(), (DATA / "service-category-to-rule.csv").read_bytes()
LADDER = b"up_to_hours,hours_per_point\n20,1\n80,2\n200,3\n,4\n"


def test_the_tables_are_the_36_items_and_their_categories() -> None:
    assert rule_files.rule_set(DEFAULT, items=ITEMS, categories=CATEGORIES) == rule_set(default_item=None)


def test_a_ladder_is_a_table_too() -> None:
    assert rule_files.rule_set(DEFAULT, ladder=LADDER).ladder == WEIHAI


def test_what_the_tables_do_not_say_stays() -> None:
    before = rule_set(ladder=WEIHAI, notice_days=9)
    after = rule_files.rule_set(before, said={"rounding": "month"})
    assert (after.items, after.ladder, after.notice_days, after.rounding) == (before.items, WEIHAI, 9, "month")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_table_is_read_as_spreadsheets_write_it(encoding: str, ending: str) -> None:
    table = ITEMS.decode("utf-8-sig").replace("\r\n", "\n").replace("\n", ending) + f" , , ,,,{ending}"
    assert len(rule_files.rule_set(DEFAULT, items=table.encode(encoding)).items) == 36


def test_columns_come_in_any_order_with_several_caps_and_an_english_name() -> None:
    table = "name,code,cap,points,how,name_en,category\n助老, P01 ,80/day; 300/month,10,per_hour,Help,service\n"
    [item] = rule_files.rule_set(DEFAULT, items=table.encode()).items
    assert (item.code, item.name_en, item.caps) == ("P01", "Help", (Cap(80, "day"), Cap(300, "month")))


def test_a_star_stands_for_all_other_categories() -> None:
    the = rule_files.rule_set(DEFAULT, items=ITEMS, categories="category,rule\n助老,P02\n*,P01\n".encode())
    assert (the.categories, the.default_item) == ({"助老": "P02"}, "P01")


HEAD = "code,name,category,how,points,cap\n"


@pytest.mark.parametrize(
    ("tables", "field"),
    [
        ({"items": b""}, "items line 1"),
        ({"items": b"code,name\n"}, "items line 1"),
        ({"items": b"code,name,category,how,points,cap,cap\n"}, "items line 1"),
        ({"items": b"code,name,category,how,points,colour\n"}, "items line 1"),
        ({"items": b"\xff\xff\xff"}, "items"),
        ({"items": b"code\x00"}, "items"),
        ({"items": f"{HEAD}P01,a,act,fixed,1\n".encode()}, "items line 2"),
        ({"items": f"{HEAD}P01,a,act,fixed,1,,,\n".encode()}, "items line 2"),
        ({"items": f'{HEAD}P01,"a'.encode()}, "items line 2"),
        ({"items": f"{HEAD}P01,a,act,fixed,1.5,\n".encode()}, "items line 2 points"),
        ({"items": f"{HEAD}P01,a,act,fixed,,\n".encode()}, "items line 2 points"),
        ({"items": f"{HEAD}P01,a,act,fixed,1,80\n".encode()}, "items line 2 cap"),
        ({"items": f"{HEAD}P01,a,act,fixed,1,x/day\n".encode()}, "items line 2 cap"),
        ({"items": f"{HEAD}P01,a,act,fixed,1,8/week\n".encode()}, "items[0].caps[0].period"),
        ({"items": f"{HEAD}P01,a,act,fixed,１,\n".encode()}, "items line 2 points"),
        ({"items": f"{HEAD}P01,a,act,fixed,-1,\n".encode()}, "items[0].points"),
        ({"items": f"{HEAD}P01,a,act,fixed,1,\nP01,b,act,fixed,1,\n".encode()}, "items[1].code"),
        ({"categories": "category,rule\n助老,P99\n".encode()}, "categories[助老]"),
        ({"categories": "category,rule\n助老,P01\n助老,P02\n".encode()}, "categories line 3"),
        ({"ladder": b"up_to_hours,hours_per_point\n"}, "ladder.steps"),
        ({"ladder": b"up_to_hours,hours_per_point\n20,\n"}, "ladder line 2 hours_per_point"),
    ],
)
def test_a_table_with_a_fault_is_refused_by_its_line(tables: dict[str, bytes], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        rule_files.rule_set(DEFAULT, **tables)  # type: ignore[arg-type] # only tables
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("never", {"policy": "never"}),
        ("days:365", {"policy": "days", "n": 365}),
        ("nth_year_end:3", {"policy": "nth_year_end", "n": 3}),
    ],
)
def test_expiry_on_the_command_line(text: str, body: dict[str, Any]) -> None:
    assert rule_files.expiry(text) == body


# --- the commands -----------------------------------------------------------------------------------------------------


class Rules:
    """`meide rules` for a book with an operator and an owner."""

    def __init__(self, url: str) -> None:
        self.runner = CliRunner(env={"MEIDE_DATABASE_URL": url, "LANG": "C", "LC_ALL": "", "LC_MESSAGES": ""})
        self.book = f"C{secrets.token_hex(4)}"
        self.clerk, self.chief = f"clerk-{self.book}", f"chief-{self.book}"
        assert self.run("book", "create", self.book, "规则示例").exit_code == 0
        for login, role in ((self.clerk, "operator"), (self.chief, "owner")):
            assert self.run("user", "create", login, "--book", self.book, "--role", role).exit_code == 0

    def run(self, *arguments: str) -> Result:
        return self.runner.invoke(cli, arguments)

    def __call__(self, command: str, *arguments: str) -> Result:
        return self.run("rules", command, "--book", self.book, *arguments)


FILES = ("--items", str(DATA / "rules-36.csv"), "--categories", str(DATA / "service-category-to-rule.csv"))


def test_one_drafts_and_another_approves_by_command(service_url: str) -> None:
    rules = Rules(service_url)
    assert rules("show").stdout == f"{rules.book} has no rules in force.\n"
    drafted = rules(
        *("draft", "--by", rules.clerk, *FILES, "--default-item", "P01", "--effective-from", "2026-01-01"),
        *("--expiry", "nth_year_end:3", "--note", "第一版"),
    )
    assert drafted.exit_code == 0, drafted.output
    assert drafted.stdout.startswith("Version 1 with 36 items waits for its approval by a second person: meide rules")
    for somebody, why in ((rules.clerk, NotAllowed), ("nobody", UnknownUser)):
        refused = rules("approve", "--by", somebody, "--version", "1")
        assert (refused.stdout, type(refused.exception)) == ("", why)
    assert "Version 1, draft, from 2026-01-01. 第一版" in rules("show").stdout
    approved = rules("approve", "--by", rules.chief, "--version", "1")
    assert (approved.exit_code, approved.stdout) == (0, "Version 1 is approved, for services from 2026-01-01 on.\n")
    shown = rules("show").stdout
    assert "Points lapse at the end of the 3rd year" in shown
    assert "P12  调解邻里纠纷成功, 10 points each time, at most 40 points a month" in shown
    told = json.loads(rules("show", "--json").stdout)
    assert told["rule_set"]["rules"]["default_item"] == "P01"
    assert len(told["rule_set"]["rules"]["items"]) == 36


def test_who_may_do_both_still_does_not_approve_her_own(service_url: str) -> None:
    rules = Rules(service_url)
    assert rules.run("user", "role", rules.clerk, "--book", rules.book, "--role", "owner").exit_code == 0
    assert rules("draft", "--by", rules.clerk, "--effective-from", "2026-01-01").exit_code == 0
    assert isinstance(rules("approve", "--by", rules.clerk, "--version", "1").exception, SecondPersonNeeded)


def test_a_second_draft_changes_only_what_is_said(service_url: str, tmp_path: Path) -> None:
    rules = Rules(service_url)
    rules("draft", "--by", rules.clerk, *FILES, "--effective-from", "2026-01-01")
    rules("approve", "--by", rules.chief, "--version", "1")
    (tmp_path / "ladder.csv").write_bytes(LADDER)
    drafted = rules(
        *("draft", "--by", rules.clerk, "--ladder", str(tmp_path / "ladder.csv"), "--notice-days", "7"),
        *("--effective-from", "2099-01-01", "--json"),
    )
    body = json.loads(drafted.stdout)["rules"]
    assert (len(body["items"]), body["notice_days"], len(body["ladder"]["steps"])) == (36, 7, 4)
    early = rules("draft", "--by", rules.clerk, "--effective-from", "2026-01-02")
    assert isinstance(early.exception, BeginsTooEarly)
    broken = rules("draft", "--by", rules.clerk, "--expiry", "days:x", "--effective-from", "2099-01-01")
    assert isinstance(broken.exception, InvalidField)
