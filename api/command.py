"""What the commands of the command line share: options, the database they work on, and how they print."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncEngine

from api import reach, settings
from api.problems import Language
from api.settings import Settings
from ledger.database import connect, schema

T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
of_book = click.option("--book", required=True, metavar="CODE", help="The book.")
A_DAY = click.DateTime(["%Y-%m-%d"])
A_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


def with_database(work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    """Runs `work` on the database of the settings, whose schema must be this version's."""
    given: Settings = settings.read(os.environ)

    async def run(url: str) -> T:
        database = connect.to(url)
        try:
            await schema.may_serve(database)
            return await work(database)
        finally:
            await database.dispose()

    with reach.reached(given, say) as url:
        return asyncio.run(run(url))


def language() -> Language:
    """Chinese where the terminal is Chinese, English elsewhere."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if spoken.startswith("zh") else "en"


def say(sentence: str) -> None:
    """Tells the person at the terminal, beside what the command prints."""
    click.echo(sentence, err=True)


def print_json(value: Any) -> None:
    """Prints what a machine reads."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))
