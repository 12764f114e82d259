"""`meide rules`: the rules of a programme from the tables of a spreadsheet; drafted by one person, approved by another.

Whoever has the command line has the database. That two people were asked is said all the same: each command names who
stands for it, by a login that has the right to.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import rich_click as click
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import explain, rule_files, versioned
from api.command import A_DAY, A_FILE, as_json, language, of_book, print_json, with_database
from ledger.access import rights, sessions, users
from ledger.access.rights import Principal, Right
from ledger.books import directory
from ledger.books.versions import Version
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import rule_body, rule_sets
from ledger.earning.rules import DEFAULT, RuleSet
from ledger.errors import UnknownUser

by_whom = click.option("--by", required=True, metavar="LOGIN", help="Who stands for it; she has a role that may.")
of_version = click.option("--version", required=True, type=click.IntRange(1, 2**31 - 1), metavar="N")


@click.group()
def rules() -> None:
    """The rules of a programme: items, caps, notice, expiry, in versions."""


@rules.command("draft")
@of_book
@by_whom
@click.option("--effective-from", required=True, type=A_DAY, help="The first service day that they are for.")
@click.option("--items", type=A_FILE, help="code,name,category,how,points,cap (and perhaps name_en)")
@click.option("--categories", type=A_FILE, help="category,rule; the category * stands for all others.")
@click.option("--default-item", metavar="CODE", help="Which item services of other categories are.")
@click.option("--ladder", type=A_FILE, help="up_to_hours,hours_per_point; the last line without the first.")
@click.option("--expiry", metavar="POLICY", help="never, days:N, month_end, year_end or nth_year_end:N")
@click.option("--notice-days", type=int, help="Working days of public notice.")
@click.option("--rounding", type=click.Choice(["record", "day", "month"]), help="Where parts of points are dropped.")
@click.option("--note", default="", help="A line about this version.")
@as_json
def draft_rules(
    book: str,
    by: str,
    effective_from: datetime.datetime,
    items: Path | None,
    categories: Path | None,
    default_item: str | None,
    ladder: Path | None,
    expiry: str | None,
    notice_days: int | None,
    rounding: str | None,
    note: str,
    as_json: bool,
) -> None:
    """Draft the next version. What is not said stays as in the newest approved version."""

    def changed(before: RuleSet) -> RuleSet:
        said = {
            "default_item": default_item,
            "expiry": None if expiry is None else rule_files.expiry(expiry),
            "notice_days": notice_days,
            "rounding": rounding,
        }
        return rule_files.rule_set(
            before,
            items=_content(items),
            categories=_content(categories),
            ladder=_content(ladder),
            said={name: value for name, value in said.items() if value is not None},
        )

    async def work(database: AsyncEngine) -> Version[RuleSet]:
        async with database.begin() as tx:
            me, now = await somebody(tx, book, by, Right.DRAFT_RULES), await connect.now(tx)
            approved = (await rule_sets.in_force(tx, me.book_id)).versions
            wanted = changed(approved[-1].content if approved else DEFAULT)
            return await rule_sets.draft(
                tx, me.book_id, wanted, effective_from=effective_from.date(), note=note, by=me.name, now=now
            )

    made = with_database(work)
    if as_json:
        print_json(_shown(made))
    else:
        click.echo(
            f"Version {made.version} with {len(made.content.items)} items waits for its approval by a second person:"
            f" meide rules approve --book {book} --version {made.version} --by LOGIN"
        )


@rules.command("approve")
@of_book
@by_whom
@of_version
@as_json
def approve_rules(book: str, by: str, version: int, as_json: bool) -> None:
    """Approve a version that somebody else drafted. After the book's first, they begin tomorrow at the earliest."""

    async def work(database: AsyncEngine) -> Version[RuleSet]:
        async with database.begin() as tx:
            me, now = await somebody(tx, book, by, Right.APPROVE_RULES), await connect.now(tx)
            return await rule_sets.approve(tx, me.book_id, version, by=me.name, now=now)

    done = with_database(work)
    if as_json:
        print_json(_shown(done))
    else:
        click.echo(f"Version {version} is approved, for services from {done.effective_from} on.")


@rules.command("show")
@of_book
@click.option("--version", type=click.IntRange(1, 2**31 - 1), metavar="N", help="[default: the one in force today]")
@as_json
def show_rules(book: str, version: int | None, as_json: bool) -> None:
    """Print a version in words, or with --json as data."""

    async def work(database: AsyncEngine) -> tuple[Version[RuleSet] | None, list[Version[RuleSet]]]:
        async with database.connect() as tx:
            of = await directory.find_book(tx, book)
            if version is not None:
                return await rule_sets.find(tx, of.book_id, version), []
            rulebook = await rule_sets.in_force(tx, of.book_id)
            the = rulebook.on(day_of(await connect.now(tx)))
            found = [each for each in rulebook.versions if the is not None and each.version == the.version]
            return (found[0] if found else None), list(await rule_sets.versions_of(tx, of.book_id))

    found, others = with_database(work)
    if as_json:
        print_json(
            {
                "rule_set": None if found is None else _shown(found),
                "versions": [versioned.line(each) for each in others],
            }
        )
        return
    if found is None:
        click.echo(f"{book} has no rules in force.")
    else:
        click.echo(versioned.told(found))
        for sentence in explain.terms(language(), found.content).values():
            click.echo(f"  {sentence}")
        for item in found.content.items:
            click.echo(f"  {item.code}  {explain.item(language(), item)}")
    for each in others:
        if found is None or each.version != found.version:
            click.echo(versioned.told(each))


async def somebody(tx: AsyncConnection, book: str, login: str, right: Right) -> Principal:
    """The one with this login, who has this right for the whole book. UnknownBook, UnknownUser, NotAllowed."""
    into = await directory.find_book(tx, book)
    user = await users.with_login(tx, login)
    if user is None:
        raise UnknownUser(login)
    today = day_of(await connect.now(tx))
    grants = await users.grants_of(tx, user.user_id, today)
    # That her password has to be changed keeps nobody from being named here.
    me = replace(sessions.principal(user, grants, into.book_id, into.code), must_change=False)
    rights.require(me, right, today)
    return me


def _content(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()


def _shown(each: Version[RuleSet]) -> dict[str, object]:
    return versioned.line(each) | {"rules": rule_body.stored(each.content)}
