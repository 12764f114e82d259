"""Books for the long loops, on servers that may be killed."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.access import rights
from tests.api.processes import bare
from tests.soak.senders import Desk


@pytest.fixture
def folder(folders: Path) -> Iterator[Path]:
    """A data folder of the test's own."""
    place = folders / f"soak-{secrets.token_hex(4)}"
    yield place
    shutil.rmtree(place, ignore_errors=True)


def run(*arguments: str, **environment: str) -> str:
    """What a command prints that may take as long as it needs and must end well."""
    command = [sys.executable, "-m", "api.cli", *arguments]
    done = subprocess.run(command, env=bare(environment), stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def checked(**environment: str) -> None:
    """`meide check` finds nothing."""
    assert run("check", **environment) == "1 books checked, 0 findings: everything adds up\n"


def new_desk(**environment: str) -> Desk:
    """A new book with the key of a machine that may do everything in it, made on the command line."""
    book = f"S{secrets.token_hex(4)}"
    run("book", "create", book, "x", **environment)
    scopes = [option for scope in rights.SCOPES for option in ("--scope", scope)]
    made = run("token", "create", "desk", "--book", book, *scopes, "--prefix", "*", "--json", **environment)
    return Desk(book, json.loads(made)["token"])
