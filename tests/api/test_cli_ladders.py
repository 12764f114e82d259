"""`meide ladder`: what it prints, and how it exits."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from click.testing import CliRunner

from api import cli_ladders, ladders
from ledger.errors import InvalidField
from ledger.recognition import ladder_body
from tests.api.processes import meide


@pytest.fixture
def here(service_url: str) -> dict[str, str]:
    return {"MEIDE_DATABASE_URL": service_url}


def test_the_examples_are_listed_and_shown_without_a_book(here: dict[str, str]) -> None:
    run = CliRunner().invoke
    listed = run(cli_ladders.ladder, ["list"]).stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(ladders.EXAMPLES)
    told = json.loads(run(cli_ladders.ladder, ["show", "--example", "longquanyi", "--json"]).stdout)
    assert told["ladder"] == ladder_body.stored(ladders.example("longquanyi"))
    shown = meide("ladder", "show", "--example", "longquanyi", **here).stdout
    assert "金星: 1,000 h of service, 10,500 points earned." in shown


def test_one_drafts_from_a_file_another_approves_and_it_is_shown(here: dict[str, str], tmp_path: Path) -> None:
    code = f"C{secrets.token_hex(4)}"
    book = ("--book", code)
    meide("book", "create", code, "x", **here)
    drafter, chief = f"a{secrets.token_hex(4)}", f"b{secrets.token_hex(4)}"
    for login, role in ((drafter, "operator"), (chief, "owner")):
        made = meide("user", "create", login, *book, "--role", role, **here)
        assert made.returncode == 0, made.stderr
    file = tmp_path / "ladder.json"
    file.write_text(json.dumps({"ladder": ladder_body.stored(ladders.example("fujian"))}))
    since = ("--effective-from", "2026-01-01")
    drafted = meide("ladder", "draft", str(file), *book, "--by", drafter, *since, **here)
    assert drafted.returncode == 0, drafted.stderr
    assert "Version 1 with 5 stars waits" in drafted.stdout
    assert meide("ladder", "approve", *book, "--by", drafter, "--version", "1", **here).returncode == 1
    approved = meide("ladder", "approve", *book, "--by", chief, "--version", "1", **here)
    assert approved.stdout == "Version 1 is approved, for the stars of 2026-01-01 and later.\n"
    shown = meide("ladder", "show", *book, **here).stdout
    assert shown.startswith("Version 1, approved, from 2026-01-01.")
    assert "5 stars: 1,500 h of service; certified by the province." in shown
    [line] = json.loads(meide("ladder", "list", *book, "--json", **here).stdout)
    assert (line["version"], line["status"]) == (1, "approved")
    again = meide("ladder", "draft", "--example", "sichuan", *book, "--by", drafter, *since, **here)
    assert again.returncode == 1  # it would begin in the past


@pytest.mark.parametrize("content", [b"[", b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "ladder.json"
    file.write_bytes(content)
    with pytest.raises(InvalidField) as refused:
        cli_ladders.content(file)
    assert (refused.value.field, refused.value.problem) == ("ladder.json", "not_json")


def test_what_is_neither_a_file_nor_an_example_is_misused() -> None:
    run = CliRunner().invoke
    for arguments in (
        ["show"],
        ["show", "--book", "x", "--example", "national"],
        ["show", "--version", "1", "--example", "national"],
        ["draft", "--book", "x", "--by", "x", "--effective-from", "2026-01-01"],
    ):
        assert run(cli_ladders.ladder, arguments).exit_code == 2, arguments
