"""What other accounting programs say of a file: whether they accept it, and the balances that they add up."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Balances = dict[str, tuple[int, str]]
"""Amount (debit positive) and unit of each account, by the name that the file gives it; none that is zero."""

Program = Callable[[Path], Balances]

UTF_8 = os.environ | {"LC_ALL": "C.UTF-8"}


def needed(program: str) -> str:
    """Where a program is; the test is skipped where it is not installed."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def run(*command: str | Path) -> str:
    """What a program prints; the test fails with what it says if it refuses."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, encoding="utf-8", env=UTF_8)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def refused(*command: str | Path) -> bool:
    return subprocess.run(command, check=False, capture_output=True, env=UTF_8).returncode != 0


def hledger(file: Path) -> Balances:
    """The balances in hledger, once its strict checks have passed."""
    program = needed("hledger")
    run(program, "-f", file, "check", "-s")
    table = run(program, "-f", file, "balance", "--flat", "--no-total", "--layout=bare", "-O", "csv")
    return {row["account"]: (int(row["balance"]), row["commodity"]) for row in csv.DictReader(table.splitlines())}


def ledger(file: Path) -> Balances:
    """The balances in ledger, which refuses what is not declared."""
    table = run(
        needed("ledger"),
        *("-f", file, "--pedantic", "balance", "--flat", "--no-total"),
        *("--format", "%(account)\t%(display_total)\n"),
    )
    lines = [re.fullmatch(r'([^\t]+)\t(-?[0-9]+) ("?)(.+)\3', line) for line in table.splitlines()]
    return {line[1]: (int(line[2]), line[4]) for line in lines if line is not None or pytest.fail(table)}


def beancount(file: Path) -> Balances:
    """The balances in beancount, once bean-check has nothing to say."""
    loader = pytest.importorskip("beancount.loader", reason="beancount is not installed")
    entries, errors, _ = loader.load_file(str(file))
    assert errors == []
    sums: dict[str, tuple[int, str]] = {}
    for entry in entries:
        for posting in getattr(entry, "postings", ()):
            amount, unit = posting.units
            sums[posting.account] = (sums.get(posting.account, (0, ""))[0] + int(amount), unit)
    return {account: each for account, each in sums.items() if each[0]}
