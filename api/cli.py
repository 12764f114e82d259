"""The command line: `meide`. Exit codes: 0 done, 1 failed, 2 misused."""

from __future__ import annotations

import asyncio
import csv
import datetime
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psycopg
import rich_click as click
from click.exceptions import Exit
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import (
    VERSION,
    cli_assess,
    cli_budget,
    cli_calendar,
    cli_catalogue,
    cli_export,
    cli_hours,
    cli_ladders,
    cli_log,
    cli_organisation,
    cli_outlet,
    cli_paper,
    cli_rules,
    cli_stars,
    cli_targets,
    cli_verify,
    journal_files,
    keys,
    memory,
    outlets,
    problems,
    sealing,
    settings,
)
from api.command import A_DAY, A_FILE, as_json, language, of_book, print_json, say, with_database
from api.journal_files import NotThisFormat
from ledger.access import rekeying, rights, sessions, tokens, users
from ledger.access.rights import Grant
from ledger.auditing import checks as log_checks
from ledger.books import balances, directory, guards, integrity
from ledger.books.integrity import Finding
from ledger.database import connect, distribution, embedded, schema
from ledger.earning import checks as earning_checks
from ledger.earning import organisations, volunteers
from ledger.errors import (
    DatabaseRefused,
    DemoNeedsOwnServer,
    Fault,
    InvalidField,
    Refusal,
    SettingInvalid,
    UnknownUser,
    UnknownVolunteer,
)
from ledger.recognition import checks as recognition_checks
from ledger.spending import checks as spending_checks

on_port = click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))


def a_kind_of_key(kinds: Iterable[keys.Kind]) -> Callable[..., Any]:
    """The argument that says keys of which kind."""
    known = list(kinds)
    return click.argument("kind", type=click.Choice(known), metavar=f"{{{'|'.join(known)}}}")


def with_role(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which role somebody gets."""
    for option in (
        click.option(
            "--until",
            type=A_DAY,
            help="The last day of a staff role; an auditor needs one, at most 366 days ahead.",
        ),
        click.option("--outlet", metavar="CODE", help="The shop of a merchant."),
        click.option("--volunteer", metavar="NO", help="The volunteer number; registered in the book if it is new."),
        click.option("--organisation", metavar="CODE", help="Staff of this organisation and those below it only."),
        click.option("--role", required=True, multiple=True, type=click.Choice(rights.ROLES)),
    ):
        command = option(command)
    return command


RELOAD = "A running service reads them when it is reloaded: send it SIGHUP."


def main() -> None:
    """The entry point: refusals and faults are one sentence, never a traceback."""
    try:
        cli.main(standalone_mode=False, prog_name="meide")
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exit as end:
        sys.exit(end.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("Stopped." if language() == "en" else "已停止。")
        sys.exit(1)
    except Refusal as refusal:
        _fail(problems.code(refusal), problems.sentence(refusal, language()), problems.facts(refusal))
    except Fault as fault:
        _fail(type(fault).__name__, problems.fault_sentence(fault, language()), dict(fault.facts()))
    except (DBAPIError, psycopg.Error) as error:
        refused = DatabaseRefused(connect.first_line(error))
        _fail("DatabaseRefused", problems.fault_sentence(refused, language()), dict(refused.facts()))
    except NotThisFormat as error:
        _fail("not_this_format", str(error), {})
    except BrokenPipeError:  # `meide balances | head`
        sys.stderr.close()
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="meide")
def cli() -> None:
    """Meide Ledger 美德账本: the books of a volunteer time bank.

    Settings come from the environment (MEIDE_…, see the README). Without MEIDE_DATABASE_URL a PostgreSQL of its own
    runs in the data folder (MEIDE_DATA).
    """


cli.add_command(cli_hours.hours)
cli.add_command(cli_organisation.organisation)
cli.add_command(cli_outlet.outlet)
cli.add_command(cli_catalogue.catalogue)
cli.add_command(cli_hours.imports)
cli.add_command(cli_log.sealed_log)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@on_port
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that serve.")
def serve(host: str, port: int, workers: int) -> None:
    """Serve until told to stop (Ctrl-C). SIGHUP makes it read its settings and keys anew, without a pause."""
    from api import serving  # the web framework takes half a second to import, which the other commands do not need

    def ready(_: str, address: str) -> None:
        say(f"Meide Ledger 美德账本: {address}")

    serving.serve(settings.read(os.environ), host, port, workers, say, ready)


@cli.command()
@click.option(
    "--distribute", is_flag=True, help="Then spread the tables over the nodes of a Citus cluster, by book; repeatable."
)
@as_json
def migrate(distribute: bool, as_json: bool) -> None:
    """Bring the database's schema to this version."""

    def work(owner_url: str, service_role: str) -> dict[str, Any]:
        before, after = schema.upgrade(owner_url, service_role)
        done = {"before": before, "after": after}
        return done | {"distributed": distribution.distribute(owner_url, service_role)} if distribute else done

    given = settings.read(os.environ)
    if given.database_url is None:
        with embedded.running(given.data, say=say) as server:
            done = work(server.owner_url, embedded.SERVICE)
    else:
        if given.owner_url is None:
            raise SettingInvalid("MEIDE_OWNER_URL", "it is required to migrate the database of MEIDE_DATABASE_URL")
        done = work(given.owner_url, connect.role_of(given.database_url))
    if as_json:
        print_json(done)
    else:
        click.echo(f"The schema is up to date: {done['before'] or 'empty'} → {done['after']}")
        if distribute:
            click.echo(f"The books are spread over the nodes; new: {', '.join(done['distributed']) or 'nothing'}")


@cli.command("pg", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("program", type=click.Choice(["pg_dump", "pg_restore", "psql"]))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_program(program: str, arguments: tuple[str, ...]) -> None:
    """Run a program of PostgreSQL on the embedded database, as its owner: for backups."""
    given = settings.read(os.environ)
    if given.database_url is not None:
        raise click.UsageError("This is for the embedded database. Run your own PostgreSQL's programs on your own.")
    with embedded.running(given.data, say=say) as server:
        sys.exit(subprocess.run([server.bin / program, *arguments], env=server.for_owner(), check=False).returncode)


@cli.command("demo")
@on_port
def serve_demo(port: int) -> None:
    """Serve a sample district, with a login for each kind of user."""
    from api import demo, serving

    given = settings.read(os.environ)
    if given.database_url is not None:
        raise DemoNeedsOwnServer

    def ready(url: str, address: str) -> None:
        demo.welcome(asyncio.run(demo.fill(url, given.data, keys.personal(given), say)), address, given.data)

    os.environ.setdefault("MEIDE_HELP_PHONE", demo.HELP_PHONE)  # from there the workers read it
    serving.serve(given, "127.0.0.1", port, 1, say, ready, reloads=False, quiet=True)


@cli.group()
def book() -> None:
    """Books: one for each programme."""


@book.command("create")
@click.argument("code")
@click.argument("name")
@click.option("--first-day", type=A_DAY, help="Nothing is dated before it.  [default: 1990-01-01]")
@as_json
def create_book(code: str, name: str, first_day: datetime.datetime | None, as_json: bool) -> None:
    """Make a new, empty book."""

    async def work(database: AsyncEngine) -> directory.Book:
        async with database.begin() as tx:
            day = first_day.date() if first_day else directory.FIRST_DAY
            return await directory.create_book(tx, code, name, day)

    made = with_database(work)
    if as_json:
        print_json({"code": made.code, "name": made.name, "first_day": made.first_day.isoformat()})
    else:
        click.echo(f"The book {made.code} ({made.name}) begins on {made.first_day}.")


@cli.group()
def unit() -> None:
    """Units: what is counted. HR, PT, TC and CNY are there from the start."""


@unit.command("create")
@click.argument("code")
@click.option("--scale", required=True, type=click.IntRange(0, 8), help="Digits after the point when shown.")
@click.option("--name", help="What it is called.  [default: the code]")
@as_json
def create_unit(code: str, scale: int, name: str | None, as_json: bool) -> None:
    """Add a unit, e.g. SEK for imported books."""

    async def work(database: AsyncEngine) -> None:
        async with database.begin() as tx:
            await directory.create_unit(tx, code, name or code, scale)

    with_database(work)
    if as_json:
        print_json({"code": code, "scale": scale, "name": name or code})
    else:
        click.echo(f"The unit {code} is there, with {scale} digits after the point.")


@cli.group()
def user() -> None:
    """Users: who may sign in."""


@user.command("create")
@click.argument("login")
@of_book
@with_role
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of making one.")
@as_json
def create_user(login: str, book: str, password_stdin: bool, as_json: bool, **role: Any) -> None:
    """Let somebody sign in to a book. Several roles, e.g. for who runs a small programme alone: repeat --role."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(9)

    async def work(database: AsyncEngine) -> list[str]:
        async with database.begin() as tx:
            into = await directory.find_book(tx, book)
            made = await users.create(tx, login, password=password)
            return await _give(tx, made.user_id, into.book_id, role)

    accounts = with_database(work)
    shown = None if password_stdin else password
    names, volunteer = list(role["role"]), role["volunteer"]
    if as_json:
        made = {"login": login, "roles": names, "book": book, "volunteer": volunteer}
        print_json(made | {"password": shown, "accounts": accounts})
    else:
        click.echo(f"{login} can sign in to {book} as {', '.join(names)}." + (f" Password: {shown}" if shown else ""))
        if accounts:
            click.echo(f"Accounts of {volunteer}: {', '.join(accounts)}")


@user.command("role")
@click.argument("login")
@of_book
@with_role
@as_json
def give_role(login: str, book: str, as_json: bool, **role: Any) -> None:
    """Give further roles to somebody who can sign in, also in another book; they count from the next sign-in."""

    async def work(database: AsyncEngine) -> list[str]:
        async with database.begin() as tx:
            into = await directory.find_book(tx, book)
            return await _give(tx, (await _user(tx, login)).user_id, into.book_id, role)

    accounts = with_database(work)
    if as_json:
        print_json({"login": login, "roles": list(role["role"]), "book": book, "accounts": accounts})
    else:
        click.echo(f"{login} is {', '.join(role['role'])} of {book} from the next sign-in.")


@user.command("password")
@click.argument("login")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of making one.")
@as_json
def renew_password(login: str, password_stdin: bool, as_json: bool) -> None:
    """Give somebody a new password, to be changed at the next sign-in, and sign him out everywhere."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(9)

    async def work(database: AsyncEngine) -> None:
        async with database.begin() as tx:
            whose = await _user(tx, login)
            await users.change_secret(tx, whose.user_id, password, seen=True)
            await sessions.end_all(tx, whose.user_id, await connect.now(tx), "password_changed")

    with_database(work)
    shown = None if password_stdin else password
    if as_json:
        print_json({"login": login, "password": shown})
    else:
        click.echo(f"{login} has a new password." + (f" Password: {shown}" if shown else ""))


async def _user(tx: AsyncConnection, login: str) -> users.User:
    found = await users.with_login(tx, login)
    if found is None:
        raise UnknownUser(login)
    return found


async def _give(tx: AsyncConnection, user_id: int, book_id: int, role: dict[str, Any]) -> list[str]:
    """Gives the roles of the command line; answers the accounts of a volunteer."""
    volunteer, until = role["volunteer"], role["until"].date() if role["until"] else None
    for option, of in (("volunteer", "volunteer"), ("outlet", "merchant")):
        if role[option] is not None and of not in role["role"]:
            raise InvalidField(option, "not_for_this_role")
    if role["organisation"] is not None:
        await organisations.find(tx, book_id, role["organisation"])
    for name in role["role"]:
        number = volunteer if name == "volunteer" else None
        organisation = role["organisation"] if name in rights.STAFF else None
        outlet = role["outlet"] if name == "merchant" else None
        ends = until if name in rights.STAFF else None
        await users.give(tx, user_id, book_id, Grant(name, organisation, number, outlet, ends), "room:cli")
    if volunteer is None:
        return []
    try:
        person = await volunteers.find(tx, book_id, volunteer)
    except UnknownVolunteer:
        person = await volunteers.register(tx, book_id, volunteer)
    return [person.account(code) for code in volunteers.OWN_ACCOUNTS]


@cli.group()
def token() -> None:
    """Tokens: the keys of machines and tills."""


@token.command("create")
@click.argument("name")
@of_book
@click.option("--scope", "scopes", multiple=True, type=click.Choice(rights.SCOPES), help="What it may do; repeatable.")
@click.option(
    "--prefix", "prefixes", multiple=True, help="With what the codes of accounts begin that it posts to; * for all."
)
@click.option("--outlet", metavar="CODE", help="It is the key of a till of this shop.")
@click.option("--days", default=366, show_default=True, type=click.IntRange(1, tokens.LONGEST.days), help="Its life.")
@as_json
def create_token(
    name: str,
    book: str,
    scopes: tuple[rights.Scope, ...],
    prefixes: tuple[str, ...],
    outlet: str | None,
    days: int,
    as_json: bool,
) -> None:
    """Make a key for a machine or a till, and print it once."""

    async def work(database: AsyncEngine) -> tuple[tokens.Token, str]:
        async with database.begin() as tx:
            into = await directory.find_book(tx, book)
            made, secret = await tokens.make(
                tx,
                into.book_id,
                name,
                scopes=scopes,
                prefixes=prefixes,
                outlet=outlet,
                by="room:cli",
                now=await connect.now(tx),
                lifetime=datetime.timedelta(days=days),
            )
            await outlets.keyed(tx, made)
            return made, secret

    made, secret = with_database(work)
    if as_json:
        print_json({"id": made.token_id, "name": name, "book": book, "token": secret, "expires_at": made.expires_at})
    else:
        click.echo(f"Token {made.token_id} ({name}) of {book}, good until {made.expires_at:%Y-%m-%d}: {secret}")


@token.command("revoke")
@click.argument("number", type=int)
@of_book
@as_json
def revoke_token(number: int, book: str, as_json: bool) -> None:
    """End a key, at once."""

    async def work(database: AsyncEngine) -> tokens.Token:
        async with database.begin() as tx:
            of = await directory.find_book(tx, book)
            return await tokens.revoke(tx, of.book_id, number, "room:cli", await connect.now(tx))

    ended = with_database(work)
    if as_json:
        print_json({"id": ended.token_id, "revoked_at": ended.revoked_at})
    else:
        click.echo(f"Token {ended.token_id} ({ended.name}) no longer opens anything.")


@cli.group()
def key() -> None:
    """Keys of the data folder. Those of MEIDE_… settings are changed where they are set."""


@key.command("add")
@a_kind_of_key(keys.SETTINGS)
@as_json
def add_key(kind: keys.Kind, as_json: bool) -> None:
    """Make a new key the current one; what the older ones signed or encrypted is still understood."""
    count = keys.add(settings.read(os.environ), kind)
    if as_json:
        print_json({"kind": kind, "keys": count})
    else:
        click.echo(f"There are {count} {kind} keys now, the new one first. {RELOAD}")


@key.command("retire")
@a_kind_of_key(keys.RETIRED)
@as_json
def retire_keys(kind: keys.Kind, as_json: bool) -> None:
    """Drop all keys but the current one. What the others signed or encrypted can then not be read any more.

    Those of check codes and logs stay: what is on paper, or was published, is not made anew.
    """
    count = keys.retire(settings.read(os.environ), kind)
    if as_json:
        print_json({"kind": kind, "dropped": count})
    else:
        click.echo(f"{count} older {kind} keys were dropped. {RELOAD}" if count else f"There is one {kind} key only.")


@cli.group()
def journal() -> None:
    """Journals: books as files."""


@journal.command("import")
@of_book
@click.option("--accounts", required=True, type=A_FILE, help="accounts.csv")
@click.option("--journal", "entries", required=True, type=A_FILE, help="journal.csv")
@click.option("--dry-run", is_flag=True, help="Say what would happen and store nothing.")
@click.option("--strict", is_flag=True, help="Exit 1 if anything was refused.")
@as_json
def import_journal(book: str, accounts: Path, entries: Path, dry_run: bool, strict: bool, as_json: bool) -> None:
    """Open accounts and post transactions from files, all or nothing for each transaction.

    Importing the same files again changes nothing.
    """
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=Console(stderr=True))
    shown = sys.stderr.isatty() and not as_json
    with entries.open("rb") as lines:
        task = bar.add_task(entries.name, total=sum(1 for _ in lines) if shown else None)

    async def work(database: AsyncEngine) -> journal_files.Report:
        memory.settle()
        async with database.connect() as tx:
            into = await directory.find_book(tx, book)
        return await journal_files.import_journal(
            database,
            into.book_id,
            accounts,
            entries,
            dry_run=dry_run,
            progress=lambda line: bar.update(task, completed=line),
        )

    if shown:
        with bar:
            report = with_database(work)
    else:
        report = with_database(work)
    if as_json:
        refused = [
            {
                "file": each.file,
                "line": each.line,
                "key": each.key,
                "reason": problems.code(each.refusal),
                "message": problems.sentence(each.refusal, language()),
            }
            for each in report.refused
        ]
        counts = {"accounts_opened": report.accounts_opened, "posted": report.posted, "replayed": report.replayed}
        print_json({**counts, "refused": refused, "dry_run": dry_run})
    else:
        for each in sorted(report.refused, key=lambda one: (one.file != accounts.name, one.line)):
            reason, why = problems.code(each.refusal), problems.sentence(each.refusal, language())
            click.echo(f"{each.file} line {each.line}, {each.key}: {reason}: {why}", err=True)
        click.echo(
            f"{'Would be' if dry_run else 'Done'}: {report.accounts_opened} accounts opened,"
            f" {report.posted} posted, {report.replayed} replayed, {len(report.refused)} refused"
        )
    if strict and report.refused:
        sys.exit(1)


@cli.command("balances")
@of_book
@click.option("--at", type=A_DAY, help="At the end of this day (Asia/Shanghai).  [default: now]")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@as_json
def print_balances(book: str, at: datetime.datetime | None, form: str, as_json: bool) -> None:
    """Print the balance of every account that has entries, on its normal side."""

    async def work(database: AsyncEngine) -> list[balances.Balance]:
        async with database.connect() as tx:
            await connect.no_timeout(tx)
            of = await directory.find_book(tx, book)
            return await balances.trial_balance(tx, of.book_id, at.date() if at else None)

    rows = [
        {
            "account": each.account,
            "name": each.name,
            "class": each.account_class,
            "unit": each.unit,
            "debits": each.debits,
            "credits": each.credits,
            "balance": each.balance,
        }
        for each in with_database(work)
    ]
    if as_json or form == "json":
        print_json(rows)
    else:
        columns = ("account", "name", "class", "unit", "debits", "credits", "balance")
        out = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


@cli.command()
@click.option("--book", metavar="CODE", help="Only this book.  [default: all]")
@as_json
def check(book: str | None, as_json: bool) -> None:
    """Derive every stored figure anew, compare all rows with the sealed log, and look at every guard of the journal.

    Exit 1 if anything is wrong.
    """
    given = settings.read(os.environ)
    signs = given.database_url is None or keys.given(given, "log")
    by = sealing.signer_of(given) if signs else None
    if by is None and not as_json:
        say("Without MEIDE_LOG_KEYS the signatures of the logs are not looked at.")

    async def work(database: AsyncEngine) -> tuple[int, list[tuple[str, Finding]]]:
        async with database.connect() as tx:
            books = [await directory.find_book(tx, book)] if book else await directory.all_books(tx)
        found = [("", finding) for finding in await guards.check_guards(database)]
        for each in books:
            for look in (integrity.check, earning_checks.check, spending_checks.check, recognition_checks.check):
                found += [(each.code, finding) for finding in await look(database, each.book_id)]
            if by is None:
                found += [(each.code, finding) for finding in await log_checks.check(database, each.book_id)]
            else:
                found += [(each.code, f) for f in await log_checks.check_signed(database, each.book_id, by)]
        return len(books), found

    books, found = with_database(work)
    if as_json:
        findings = [{"book": code, "check": f.check, **{k: str(v) for k, v in f.facts.items()}} for code, f in found]
        print_json({"books": books, "findings": findings})
    else:
        for code, finding in found:
            click.echo(f"{code or 'the database'}: {finding}")
        click.echo(f"{books} books checked, {len(found)} findings" + ("" if found else ": everything adds up"))
    if found:
        sys.exit(1)


@cli.command("rekey")
@as_json
def run_rekey(as_json: bool) -> None:
    """Put all personal data under the first of MEIDE_IDENTITY_KEYS and of MEIDE_INDEX_KEY, while the service runs.

    First put the new key in front of the old one, separated by a comma, and start the service anew; when this has run,
    the old key can be taken out. It can be interrupted and run again at any time. Exit 1 if somebody is left.
    """
    personal = keys.rewritable(settings.read(os.environ))
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=Console(stderr=True))
    bar.disable = as_json or not sys.stderr.isatty()
    task = bar.add_task("Persons and cards", total=None)

    async def work(database: AsyncEngine) -> tuple[rekeying.Rekeyed, list[dict[str, str]]]:
        done = await rekeying.rekey(database, personal, lambda row, total: bar.update(task, completed=row, total=total))
        async with database.connect() as tx:
            codes = {each.book_id: each.code for each in await directory.all_books(tx)}
        return done, [{"book": codes[book], "volunteer": volunteer_no} for book, volunteer_no in done.taken]

    with bar:
        done, taken = with_database(work)
    if as_json:
        counts = {
            "persons": done.persons,
            "persons_changed": done.persons_changed,
            "cards": done.cards,
            "cards_changed": done.cards_changed,
        }
        print_json({**counts, "taken": taken})
    else:
        for each in taken:
            click.echo(
                f"{each['book']}, volunteer {each['volunteer']}: another volunteer has the same identity number."
                " Correct one of them, then run this again.",
                err=True,
            )
        click.echo(
            f"Put under the first keys: {done.persons_changed} of {done.persons} persons,"
            f" {done.cards_changed} of {done.cards} cards"
        )
    if taken:
        sys.exit(1)


@cli.command("bench")
@click.option("--seconds", default=5, show_default=True, type=click.IntRange(1), help="Of each measurement.")
@click.option(
    "--rounds", "count", default=5, show_default=True, type=click.IntRange(1), help="The median of them counts."
)
@click.option("--preload", default=2_000_000, show_default=True, type=click.IntRange(0), help="Entries to read from.")
@click.option("--only", multiple=True, metavar="SUBJECT", help="Only this; can be given several times.")
@as_json
def run_bench(seconds: int, count: int, preload: int, only: tuple[str, ...], as_json: bool) -> None:
    """Measure how fast the books are, as ratios to a plain baseline that is measured in the same minutes.

    A PostgreSQL of its own runs in a temporary folder (TMPDIR). If `meide check` would find anything in the books
    afterwards, there are no figures and the exit code is 1. The whole takes half an hour.
    """
    from api.bench import report, rounds, subjects

    if unknown := [name for name in only if name not in subjects.NAMES]:
        raise click.UsageError(f"--only {unknown[0]}: there are {', '.join(subjects.NAMES)}")
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=Console(stderr=True))
    bar.disable = as_json or not sys.stderr.isatty()
    task = bar.add_task("Starting")

    def progress(what: str, done: int, total: int) -> None:
        bar.update(task, description=what, completed=done, total=total)

    with bar:
        result = rounds.run(rounds.Plan(seconds, count, preload, only), progress)
    if as_json:
        print_json(report.as_json(result))
    else:
        report.show(result, Console(width=max(150, Console().width)))
    if result.findings:
        sys.exit(1)


cli.add_command(cli_budget.budget)
cli.add_command(cli_calendar.calendar)
cli.add_command(cli_rules.rules)
cli.add_command(cli_ladders.ladder)
cli.add_command(cli_assess.assess)
cli.add_command(cli_stars.print_stars)
cli.add_command(cli_targets.print_targets)
cli.add_command(cli_paper.check_code)
cli.add_command(cli_verify.verify)
cli.add_command(cli_export.export)


def _fail(code: str, sentence: str, facts: dict[str, Any]) -> None:
    if "--json" in sys.argv:
        click.echo(json.dumps({"code": code, "message": sentence, **facts}, ensure_ascii=False, default=str), err=True)
    else:
        click.echo(sentence, err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
