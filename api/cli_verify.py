"""`meide verify`: a package, a receipt or a promise, checked offline. It needs no database and no settings."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from api.command import A_FILE, as_json, print_json
from ledger.auditing.verifier import command


@click.command("verify")
@click.argument("path", metavar="DIR|FILE", type=click.Path(exists=True, path_type=Path))
@click.option("--key", metavar="VKEY", help="The published verification key, or a file with it.")
@click.option("--checkpoint", type=A_FILE, metavar="FILE", help="A published checkpoint, also an older one.")
@as_json
def verify(path: Path, key: str | None, checkpoint: Path | None, as_json: bool) -> None:
    """Check an audit package (a folder or a ZIP), a receipt or a promise, offline and without a database.

    Each damage is named with its place. With --key and --checkpoint it is compared with what was published; without
    them it can only be consistent in itself. Exits 0 if it is right, 1 if not.
    """
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=Console(stderr=True))
    bar.disable = as_json or not sys.stderr.isatty()
    task = bar.add_task("verifying", total=None)

    def progress(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    try:
        with bar:
            well, lines, said = command.carry_out(
                str(path), key, None if checkpoint is None else str(checkpoint), progress
            )
    except command.Misused as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        print_json(said)
    else:
        for line in lines:
            click.echo(line)
    if not well:
        sys.exit(1)
