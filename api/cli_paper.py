"""`meide check-code`: whether a line of a printed passbook is as it was printed here."""

from __future__ import annotations

import os
import sys

import rich_click as click

from api import check_codes, settings
from api.command import as_json, print_json


@click.command("check-code")
@click.argument("code")
@click.option("--book", required=True, help="The code of the book.")
@click.option("--passbook", required=True, help="The number of the passbook.")
@click.option("--line", required=True, help="The number of the line.")
@click.option("--day", required=True, help="The date in the line.")
@click.option("--in", "deposit", default="", help="What came in.")
@click.option("--out", "withdrawal", default="", help="What went out.")
@click.option("--balance", required=True)
@as_json
def check_code(
    code: str,
    book: str,
    passbook: str,
    line: str,
    day: str,
    deposit: str,
    withdrawal: str,
    balance: str,
    as_json: bool,
) -> None:
    """Check a line of a printed passbook, all as it stands on the paper. No database is asked.

    Exit code 1: it was not printed so with any of MEIDE_PRINT_KEYS.
    """
    typed = check_codes.read_line(
        book=book, passbook=passbook, line=line, day=day, deposit=deposit, withdrawal=withdrawal, balance=balance
    )
    matches = check_codes.is_right(settings.read(os.environ), typed, code)
    if as_json:
        print_json({"matches": matches})
    else:
        click.echo("It matches: it was printed here just so." if matches else "It does not match.")
    if not matches:
        sys.exit(1)
