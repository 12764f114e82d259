"""The benchmark, as small as it can be made: that it runs, and that it says nothing when the books are wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from api.bench import auditing, report, rounds, subjects
from api.bench.rounds import Plan, Result
from api.cli import cli
from ledger.books import integrity
from ledger.books.integrity import Finding
from ledger.database import embedded, programs
from tests.conftest import OWNER, SERVICE, Server

TINY = {"seconds": 1, "rounds": 1, "preload": 4000, "accounts": 200}


@pytest.fixture
def place(server: Server, template: str, folders: Path) -> Iterator[embedded.Server]:
    """The server of the tests as the benchmark takes one, with a migrated database of its own."""
    name = server.new_database(template)
    admin = server.admin.set(drivername="postgresql").render_as_string(hide_password=False)
    binaries = programs.binaries(folders, None, lambda sentence: None)
    yield embedded.Server(folders, server.url(SERVICE, name), server.url(OWNER, name), admin, binaries)
    server.drop_database(name)


def measured(place: embedded.Server, **plan: Any) -> Result:
    return rounds.run(Plan(**TINY | plan), lambda what, done, total: None, place)


def test_each_kind_of_subject_runs_and_has_its_figures(place: embedded.Server) -> None:
    only = [
        "backdated",
        "holds",
        "lots",
        "import",
        "sheet",
        "release",
        "expiry",
        "sign-in",
        "http",
        "http-batches",
        "balance-known-at",
        "stars-spring",
        "star-page",
        "export",
        "export-gl",
        "export-hledger",
        auditing.MEMORY,
        auditing.VERIFY,
        subjects.MEMORY,
        subjects.FRAME,
        subjects.SEALING,
        "posting-sealed",
    ]
    result = measured(place, only=only)
    found = report.as_json(result)
    assert found["findings"] == []
    assert found["baseline"]["clients"] in (8, 16, 32)
    rows = found["postings"] + found["reads"] + found["stars"] + found["packages"]
    beside = {f"{name}-without" for name in ("backdated", "posting-sealed", "sheet", "release", "expiry", "sign-in")}
    assert {row["name"] for row in rows} == {*only, *beside} - {
        *(subjects.MEMORY, subjects.FRAME, subjects.SEALING, auditing.MEMORY, auditing.VERIFY)
    }
    assert [row["name"] for row in rows if row["skipped"] or not row["ratio"]["least"] > 0] == []
    assert found["exported"]["megabytes"] > 10
    assert found["verified"]["seconds"] > 0
    assert found["memory"]["lines"] == 2000
    assert found["memory"]["megabytes"] > 10
    assert found["sealing"]["leaves"] > 2000
    assert 0 < found["frames"]["p50"] <= found["frames"]["p95"]
    assert found["machine"]["postgresql"]
    json.dumps(found)

    printed = io.StringIO()
    report.show(result, Console(file=printed, width=150))
    assert all(row["title"] in printed.getvalue() for row in rows)
    assert "in a frame of 480 pixels: p50" in printed.getvalue()


def test_a_run_that_leaves_something_wrong_in_the_books_has_no_figures(
    place: embedded.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(*_: object) -> list[Finding]:
        return [Finding("balance_differs", {"account": "A000001", "debits": 1})]

    monkeypatch.setattr(integrity, "check", check)
    result = measured(place, only=["balance-now"], preload=400)
    monkeypatch.setattr(rounds, "run", lambda *_: result)

    shown = CliRunner().invoke(cli, ["bench"])
    assert shown.exit_code == 1
    assert "balance_differs: account A000001, debits 1" in shown.output
    assert "no figures" in shown.output
    assert "balance now" not in shown.output

    as_json = CliRunner().invoke(cli, ["bench", "--json"])
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout).keys() == {"version", "plan", "machine", "findings"}


def test_only_what_there_is_can_be_asked_for() -> None:
    told = CliRunner().invoke(cli, ["bench", "--only", "nonsense"])
    assert told.exit_code == 2
    assert "callers-256" in told.output
