"""Half a million lines of service hours: killed in the middle, imported again, in bounded memory; and undone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.api.processes import KEYS, bare
from tests.conftest import SERVICE, Server
from tests.soak import hours
from tests.soak.conftest import checked, run
from tests.soak.sizes import LINES
from tests.soak.test_import import MEASURED, MOST_MEMORY

pytestmark = pytest.mark.soak


@pytest.fixture
def url(server: Server, template: str) -> Iterator[str]:
    """A database of the test's own."""
    name = server.new_database(template)
    yield server.url(SERVICE, name)
    server.drop_database(name)


def measured(*command: str, **environment: str) -> dict[str, object]:
    """What a command of JSON told; it stayed within the memory that it may take."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], env=bare(environment), check=True, stdout=subprocess.PIPE, text=True
    )
    report, memory = done.stdout.splitlines()
    assert int(memory) < MOST_MEMORY, f"{memory} KiB"
    told: dict[str, object] = json.loads(report)
    return told


def test_a_killed_import_of_half_a_million_lines_is_completed_by_a_second_one(url: str, folder: Path) -> None:
    folder.mkdir()
    sheet, organisations = folder / "hours.xlsx", folder / "organisations.csv"
    hours.write_workbook(sheet, LINES, LINES // 5)
    organisations.write_text("code,name,level,parent\n" + "".join(f"O{n},队{n},team,\n" for n in range(60)), "utf-8")
    environment = {"MEIDE_DATABASE_URL": url, **KEYS}
    run("book", "create", "SOAK", "x", **environment)
    run("hours", "import", "--book", "SOAK", "--organisations", str(organisations), **environment)
    command = ("hours", "import", "--book", "SOAK", "--sheet", str(sheet), "--reviewed", "--json")

    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:

        def stored() -> int:
            row = connection.execute("SELECT count(*) FROM records").fetchone()
            assert row
            return int(row[0])

        with subprocess.Popen([sys.executable, "-m", "api.cli", *command], env=bare(environment)) as first:
            while stored() < LINES // 10:
                assert first.poll() is None
                time.sleep(0.5)  # it is another process that posts, and it sends no event
            first.kill()
        before = stored()

    told = measured(*command, **environment)
    counts = {"accepted": LINES - before, "already_there": before, "refused": 0}
    assert (told["records"], told["refused"]) == (counts, [])
    totals = json.loads(run("hours", "totals", "--book", "SOAK", "--json", **environment))
    credit = honour = 0
    for line in hours.lines(LINES, LINES // 5):
        minutes = int(line[7][-2:])
        credit, honour = (credit, honour + minutes) if line[8] == "backfill" else (credit + minutes, honour)
    assert sum(each["credit_minutes"] for each in totals) == credit
    assert sum(each["honour_minutes"] for each in totals) == honour
    checked(**environment)

    imports = json.loads(run("import", "list", "--book", "SOAK", "--json", **environment))
    assert sum(each["records"] for each in imports) == LINES
    undone = measured("import", "undo", imports[-1]["import_id"], "--book", "SOAK", "--json", **environment)
    assert (undone["undone"], undone["left"]) == (imports[-1]["records"], [])
    checked(**environment)
