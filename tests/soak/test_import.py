"""A journal of a million lines, killed in the middle, and imported again."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.api.processes import KEYS, bare, until
from tests.conftest import SERVICE, Server
from tests.soak.conftest import checked, run
from tests.soak.sizes import TRANSACTIONS

pytestmark = pytest.mark.soak

HOLDERS = 2000
MOST_MEMORY = 300 * 1024
"""KiB that an import may take."""

# A process of its own, since a child's figure begins with what its parent occupies.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "api.cli", *sys.argv[1:]], check=False)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1))
sys.exit(done.returncode)
"""


@pytest.fixture
def url(server: Server, template: str) -> Iterator[str]:
    """A database of the test's own."""
    name = server.new_database(template)
    yield server.url(SERVICE, name)
    server.drop_database(name)


def write(folder: Path, transactions: int) -> dict[str, tuple[int, int]]:
    """Writes accounts.csv and journal.csv; answers debits and credits of each account.

    Points are earned, spent within the balance, and move between plain accounts; a tenth of the days are long past.
    """
    chance = random.Random(3)
    wallets, plain = [f"2100.v{n}" for n in range(HOLDERS)], [f"L{n}" for n in range(HOLDERS)]
    kinds = {"5100": "expense", "2300.shop": "liability"} | dict.fromkeys(wallets + plain, "liability")
    with (folder / "accounts.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("code", "name", "class", "unit", "floor"))
        out.writerows((code, code, kind, "PT", "") for code, kind in kinds.items())
    debits: Counter[str] = Counter()
    credits: Counter[str] = Counter()
    with (folder / "journal.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("key", "date", "kind", "description", "account", "unit", "debit", "credit"))
        for number in range(transactions):
            amount, wallet = chance.randint(1, 100), chance.choice(wallets)
            left = credits[wallet] - debits[wallet]
            debit, credit = "5100", wallet
            if number % 3 == 1 and left:
                debit, credit, amount = wallet, "2300.shop", chance.randint(1, left)
            elif number % 3 == 2:
                debit, credit = chance.sample(plain, 2)
            year = chance.randint(2000, 2024) if number % 10 == 0 else 2025
            day = f"{year}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
            head = (f"t{number}", day, "soak", "")
            out.writerow((*head, debit, "PT", amount, 0))
            out.writerow((*head, credit, "PT", 0, amount))
            debits[debit] += amount
            credits[credit] += amount
    return {code: (debits[code], credits[code]) for code in kinds if debits[code] or credits[code]}


def test_a_killed_import_of_a_million_lines_is_completed_by_a_second_one(url: str, folder: Path) -> None:
    folder.mkdir()
    sums = write(folder, TRANSACTIONS)
    environment = {"MEIDE_DATABASE_URL": url, **KEYS}

    run("book", "create", "SOAK", "x", **environment)
    files = ["--accounts", str(folder / "accounts.csv"), "--journal", str(folder / "journal.csv")]
    command = ["journal", "import", "--book", "SOAK", *files, "--json"]
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:

        def stored() -> int:
            """How many transactions there are: each has two entries, and accounts know how many they have."""
            row = connection.execute("SELECT coalesce(sum(number), 0)::bigint / 2 FROM accounts").fetchone()
            assert row
            return int(row[0])

        with subprocess.Popen([sys.executable, "-m", "api.cli", *command], env=bare(environment)) as first:
            while stored() < TRANSACTIONS // 3:
                assert first.poll() is None
                time.sleep(0.1)  # it is another process that posts, and it sends no event
            first.kill()
        working = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        until(lambda: connection.execute(working).fetchone() == (0,), "the killed import's connections to end")
        before = stored()
        assert TRANSACTIONS // 3 <= before < TRANSACTIONS

    second = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], env=bare(environment), check=True, stdout=subprocess.PIPE, text=True
    )
    report, memory = second.stdout.splitlines()
    assert json.loads(report) == {
        "accounts_opened": 0,
        "posted": TRANSACTIONS - before,
        "replayed": before,
        "refused": [],
        "dry_run": False,
    }
    rows = json.loads(run("balances", "--book", "SOAK", "--json", **environment))
    assert {row["account"]: (row["debits"], row["credits"]) for row in rows} == sums
    checked(**environment)
    assert int(memory) < MOST_MEMORY, f"{memory} KiB"
