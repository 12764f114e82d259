"""The walls of the house: which room may know which, and what is done in one place only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeGuard

import pytest

import ledger.auditing.tables
import ledger.books.tables  # noqa: F401 # names the functions
from ledger.database import schema

HOUSE: Final = Path(__file__).parent.parent

PLAIN: Final = {"text", "days", "identifiers", "eighteen"}
"""Modules that know nothing but the language."""

ARROWS: Final = {
    "api": {
        "api",
        "access",
        "books",
        "earning",
        "spending",
        "recognition",
        "auditing",
        "database",
        "errors",
        *PLAIN,
    },
    "access": {"database", "errors", *PLAIN},
    "books": {"database", "errors", *PLAIN},
    "earning": {"books", "database", "errors", *PLAIN},
    "recognition": {"books", "earning", "database", "errors", *PLAIN},
    "spending": {"books", "earning", "recognition", "database", "errors", *PLAIN},
    "auditing": {
        "books",
        "earning",
        "spending",
        "recognition",
        "database",
        "errors",
        *PLAIN,
    },
    "database": {"errors", "text", "identifiers"},
    "errors": {"text"},
    "text": set(),
    "days": set(),
    "identifiers": set(),
    "eighteen": set(),
}
"""Room → the rooms it may import. A room knows itself; only `api` knows `access`; routes do not know each other."""

NOT_FOR_LEDGER: Final = {
    *("litestar", "msgspec", "uvicorn", "httptools", "uvloop", "jinja2", "qrcode", "http", "httpx", "urllib"),
    "prometheus_client",
    *("click", "rich", "rich_click", "argparse", "dotenv"),
}
"""HTTP, JSON bodies, pages and the command line are the business of `api`."""

WRITERS: Final = {
    "journal_load": {"ledger/books/journal.py", "ledger/books/chart.py"},
    "journal_write": {"ledger/books/journal.py"},
    "accounts_open": {"ledger/books/chart.py"},
    "account_set_status": {"ledger/books/chart.py"},
    "periods_load": {"ledger/books/periods.py"},
    "periods_write": {"ledger/books/periods.py"},
    "log_seal": {"ledger/auditing/log.py"},
    "log_promise": {"ledger/auditing/log.py"},
    "log_forget": {"ledger/auditing/log.py"},
}
"""The functions that write the journal → the only files that call them."""

POLLS: Final = "ledger/database/embedded.py"
STARTS_THE_SERVER: Final = {"ledger/database/embedded.py", "ledger/database/programs.py"}


def sources() -> Iterator[tuple[str, str]]:
    for folder in ("ledger", "api"):
        for path in sorted((HOUSE / folder).rglob("*.py")):
            yield path.relative_to(HOUSE).as_posix(), path.read_text(encoding="utf-8")


def broken(file: str, source: str) -> list[str]:
    """What `source` does at `file` that the house forbids, with line and arrow."""
    found = []
    for line, module in imported(file, source):
        top, _, inner = module.partition(".")
        here, there = room(file.removesuffix(".py").replace("/", ".")), room(module)
        if file.startswith("ledger/") and (top == "api" or top in NOT_FOR_LEDGER):
            found.append(f"{file}:{line}: ledger → {top}")
        elif top == "migrations" or (there and here and there != here and there not in ARROWS[here]):
            found.append(f"{file}:{line}: {here} → {there or top}")
        elif file.startswith("api/routes/") and inner.startswith("routes."):
            found.append(f"{file}:{line}: routes → routes ({module})")
    tree = ast.parse(source)
    turns = [node.func for node in ast.walk(tree) if gives_way(node)]
    for node in ast.walk(tree):
        names = set(named(node))
        where = f"{file}:{getattr(node, 'lineno', 0)}"
        found += [f"{where}: {name}" for name in names & WRITERS.keys() if file not in WRITERS[name]]
        if (
            names & {"sleep", "pg_sleep"}
            and node not in turns
            and not (
                file == POLLS and "#" in source.splitlines()[node.lineno - 1]  # type: ignore[attr-defined]
            )
        ):
            found.append(f"{where}: sleep")
        if names & {"environ", "environb", "getenv"} and file.startswith("ledger/") and file not in STARTS_THE_SERVER:
            found.append(f"{where}: environment")
    return found


def room(module: str) -> str:
    """`ledger.books.journal` → books, `api.app` → api; empty for what is not of the house."""
    top, *inner = module.split(".")
    if top == "ledger":
        return inner[0] if inner and inner[0] in ARROWS else ""
    return "api" if top == "api" else ""


def imported(file: str, source: str) -> Iterator[tuple[int, str]]:
    """Every module that `source` imports, wherever in it, with its line; `from a import b` counts as a.b."""
    package = file.removesuffix("/__init__.py").removesuffix(".py").split("/")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = package[: len(package) - node.level + file.endswith("__init__.py")] if node.level else []
            base = ".".join([*inside, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def named(node: ast.AST) -> Iterator[str]:
    """The names that a node uses, and the functions that the SQL in a string calls."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
            yield name
        case ast.Constant(value=str(string)):
            yield from re.findall(r"(\w+)\s*\(", string)


def gives_way(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether it is `sleep(0)`, which lets others have their turn and does not sleep."""
    match node:
        case ast.Call(args=[ast.Constant(value=0)], keywords=[]):
            return True
    return False


def test_every_arrow_of_the_house_points_the_right_way() -> None:
    wrong = [arrow for file, source in sources() for arrow in broken(file, source)]
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_function_that_writes_the_journal_has_its_callers_named() -> None:
    assert schema.functions() == WRITERS.keys()


def test_every_file_stands_in_a_room() -> None:
    homeless = [
        file
        for file, _ in sources()
        if file != "ledger/__init__.py" and not room(file.removesuffix(".py").replace("/", "."))
    ]
    assert homeless == []


def test_the_walls_know_every_room_that_exists() -> None:
    folders = {path.parent.name for path in (HOUSE / "ledger").glob("*/__init__.py")}
    files = {path.stem for path in (HOUSE / "ledger").glob("*.py")} - {"__init__"}
    assert folders | files <= ARROWS.keys()


@pytest.mark.parametrize(
    ("file", "source", "arrow"),
    [
        ("ledger/books/keys.py", "from api.bodies import Body", "ledger/books/keys.py:1: ledger → api"),
        ("ledger/books/keys.py", "import api", "ledger/books/keys.py:1: ledger → api"),
        ("ledger/books/keys.py", "import litestar.handlers", "ledger/books/keys.py:1: ledger → litestar"),
        ("ledger/errors.py", "from http import HTTPStatus", "ledger/errors.py:1: ledger → http"),
        ("ledger/books/keys.py", "from msgspec import Struct", "ledger/books/keys.py:1: ledger → msgspec"),
        ("ledger/books/keys.py", "from ledger.earning import volunteers", "ledger/books/keys.py:1: books → earning"),
        ("ledger/books/keys.py", "from ledger import earning", "ledger/books/keys.py:1: books → earning"),
        ("ledger/books/keys.py", "import ledger.earning.tables as t", "ledger/books/keys.py:1: books → earning"),
        ("ledger/books/keys.py", "from ..spending import codes", "ledger/books/keys.py:1: books → spending"),
        ("ledger/books/keys.py", "from .. import recognition", "ledger/books/keys.py:1: books → recognition"),
        ("ledger/books/__init__.py", "from ..earning import sheets", "ledger/books/__init__.py:1: books → earning"),
        ("ledger/books/keys.py", "def f():\n    import ledger.access", "ledger/books/keys.py:2: books → access"),
        ("ledger/earning/rules.py", "from ledger.spending import x", "ledger/earning/rules.py:1: earning → spending"),
        ("ledger/earning/rules.py", "import ledger.access.users", "ledger/earning/rules.py:1: earning → access"),
        ("ledger/recognition/a.py", "import ledger.spending", "ledger/recognition/a.py:1: recognition → spending"),
        ("ledger/spending/a.py", "import ledger.auditing", "ledger/spending/a.py:1: spending → auditing"),
        ("ledger/auditing/a.py", "import ledger.access", "ledger/auditing/a.py:1: auditing → access"),
        ("ledger/auditing/evidence.py", "from api import explain", "ledger/auditing/evidence.py:1: ledger → api"),
        ("ledger/books/traces.py", "import ledger.auditing.log", "ledger/books/traces.py:1: books → auditing"),
        ("ledger/access/users.py", "import ledger.books.chart", "ledger/access/users.py:1: access → books"),
        ("ledger/database/schema.py", "import ledger.books", "ledger/database/schema.py:1: database → books"),
        ("ledger/database/schema.py", "import migrations.env", "ledger/database/schema.py:1: database → migrations"),
        ("ledger/errors.py", "from ledger import database", "ledger/errors.py:1: errors → database"),
        (
            "api/routes/books.py",
            "from api.routes import sessions",
            "api/routes/books.py:1: routes → routes (api.routes.sessions)",
        ),
        (
            "api/routes/books.py",
            "from .sessions import X",
            "api/routes/books.py:1: routes → routes (api.routes.sessions.X)",
        ),
        ("ledger/books/chart.py", "SQL = 'SELECT journal_write(%s)'", "ledger/books/chart.py:1: journal_write"),
        ("ledger/earning/rules.py", "select(func.journal_load(1))", "ledger/earning/rules.py:1: journal_load"),
        ("api/cli.py", "SQL = f'SELECT public.journal_load ({x})'", "api/cli.py:1: journal_load"),
        ("ledger/earning/rules.py", "func.account_set_status(1)", "ledger/earning/rules.py:1: account_set_status"),
        ("ledger/books/journal.py", "SQL = 'SELECT public.periods_load(1)'", "ledger/books/journal.py:1: periods_load"),
        ("api/routes/books.py", "func.periods_write(1)", "api/routes/books.py:1: periods_write"),
        ("api/app.py", "import asyncio\nasyncio.sleep(1)", "api/app.py:2: sleep"),
        ("api/app.py", "from time import sleep as wait", "api/app.py:1: sleep"),
        ("ledger/books/journal.py", "SQL = 'SELECT pg_sleep(1)'", "ledger/books/journal.py:1: sleep"),
        ("api/app.py", "import asyncio\nasyncio.sleep(delay=0)", "api/app.py:2: sleep"),
        ("ledger/database/embedded.py", "time.sleep(1)", "ledger/database/embedded.py:1: sleep"),
        ("ledger/database/connect.py", "os.environ['PGHOST']", "ledger/database/connect.py:1: environment"),
        ("ledger/database/connect.py", "from os import getenv", "ledger/database/connect.py:1: environment"),
    ],
)
def test_a_wrong_line_is_found_and_named(file: str, source: str, arrow: str) -> None:
    assert broken(file, source) == [arrow]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("api/routes/books.py", "from ledger.books import journal\nfrom ledger.access.users import User"),
        ("api/app.py", "from api.routes import books, sessions\nimport os\nos.environ['HOME']"),
        ("ledger/books/chart.py", "from ledger.books import keys\nfrom . import tables\nfunc.accounts_open(1)"),
        ("ledger/books/tables.py", "FUNCTIONS = ('journal_load', 'journal_write')"),
        ("ledger/spending/codes.py", "import ledger.books.journal, ledger.earning, ledger.recognition, ledger.text"),
        ("ledger/database/embedded.py", "time.sleep(1)  # why no event can be waited for"),
        ("ledger/books/batching.py", "import asyncio\nasyncio.sleep(0)"),
        ("ledger/auditing/evidence.py", "from ledger.earning import record\nfrom ledger.spending import cases"),
        ("ledger/access/users.py", "from ledger import errors\nfrom ledger.database.connect import now"),
    ],
)
def test_a_right_line_is_let_through(file: str, source: str) -> None:
    assert broken(file, source) == []
