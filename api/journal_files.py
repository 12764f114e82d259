"""The journal format: `accounts.csv` and `journal.csv` in, one transaction's fault never another's.

Each physical line is a record: a line break in quotes is not part of the format, so a stray quote damages its own line
and no other. The journal is read twice: first its keys, so that one whose lines are not consecutive is refused whole.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import bodies, calls
from api.calls import NewLine, NewTransaction
from ledger.books import batching, chart, directory, journal
from ledger.books.chart import NewAccount
from ledger.books.evaluate import Line, Outcome, Posted, Proposal
from ledger.books.keys import CLIENT, IMPORT
from ledger.errors import InvalidField, KeyNotConsecutive, Refusal, UnknownUnit

ACCOUNT_COLUMNS: Final = ("code", "name", "class", "unit", "floor")
JOURNAL_COLUMNS: Final = ("key", "date", "kind", "description", "account", "unit", "debit", "credit")

BATCH: Final = 200
"""Transactions that are posted together."""

_RECORD: Final = re.compile(r'(?:[^",]*|"(?:[^"]|"")*")(?:,(?:[^",]*|"(?:[^"]|"")*"))*')
_FIRST_FIELD: Final = re.compile(r'"(?:[^"]|"")*"|[^",]*')
_AMOUNT: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_WHOLE: Final = re.compile(r"-?[0-9]{1,16}", re.ASCII)


class NotThisFormat(Exception):
    """The file as a whole cannot be read: `problem` (`missing_columns`, `unknown_columns`) and which."""

    def __init__(self, file: str, problem: str, columns: str) -> None:
        super().__init__(f"{file}: {problem}: {columns}")
        self.file = file
        self.problem = problem
        self.columns = columns


@dataclass(frozen=True, slots=True)
class Refused:
    """One account or transaction that was not taken: the line of its fault, its code or key, and why."""

    file: str
    line: int
    key: str
    refusal: Refusal


@dataclass(slots=True)
class Report:
    """What an import did. Accounts and transactions that were there already count as neither opened nor posted."""

    accounts_opened: int = 0
    posted: int = 0
    replayed: int = 0
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _NewAccount:
    line: int
    account: NewAccount


@dataclass(frozen=True, slots=True)
class _Group:
    """The lines of one transaction: where it begins (or its fault is), and the proposal or what is wrong with it."""

    line: int
    key: str
    proposal: Proposal | Refusal


async def import_journal(
    database: AsyncEngine,
    book: int,
    accounts: Path,
    entries: Path,
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda line: None,
) -> Report:
    """Opens the accounts and posts the transactions, all or nothing each; a second import changes nothing.

    With `dry_run` everything is decided as if, and nothing is stored. `progress` hears which line is done. Raises
    NotThisFormat, before anything is stored.
    """
    report = Report()
    wanted = list(_accounts(accounts, report))
    scattered = _scattered_keys(entries)
    async with database.connect() as tx:
        groups = _groups(entries, await directory.unit_codes(tx), scattered)
    everything = list(groups) if dry_run else []
    async with database.begin() as tx:
        await _open(tx, book, wanted, report, accounts.name)
        if dry_run:
            proposals = [group.proposal for group in everything if isinstance(group.proposal, Proposal)]
            state = await journal.load(tx, book, proposals)
            await tx.rollback()  # nothing is going to be written, so nobody needs to wait for us
    if dry_run:
        _tell(report, entries.name, everything, journal.decide(state, proposals).outcomes)
        return report
    while batch := list(itertools.islice(groups, BATCH)):
        await _submit(database, book, batch, report, entries.name)
        progress(batch[-1].line)
    return report


async def _open(tx: AsyncConnection, book: int, wanted: list[_NewAccount], report: Report, file: str) -> None:
    outcomes = await chart.open_accounts(tx, book, [new.account for new in wanted])
    for new, outcome in zip(wanted, outcomes, strict=True):
        if isinstance(outcome, Refusal):
            report.refused.append(Refused(file, new.line, new.account.code, outcome))
        else:
            report.accounts_opened += outcome[1]


async def _submit(database: AsyncEngine, book: int, groups: list[_Group], report: Report, file: str) -> None:
    proposals = [group.proposal for group in groups if isinstance(group.proposal, Proposal)]
    _tell(report, file, groups, await batching.submit(database, book, proposals))


def _tell(report: Report, file: str, groups: list[_Group], outcomes: list[Outcome]) -> None:
    decided = iter(outcomes)
    for group in groups:
        outcome = next(decided) if isinstance(group.proposal, Proposal) else None
        if outcome is None:
            report.refused.append(Refused(file, group.line, group.key, cast(Refusal, group.proposal)))
        elif not isinstance(outcome, Posted):
            report.refused.append(Refused(file, group.line, group.key, outcome.refusal))
        elif outcome.replayed:
            report.replayed += 1
        else:
            report.posted += 1


# --- reading ---------------------------------------------------------------------------------------------------------


def _records(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str] | str]]:
    """The file's records: (line number, fields by column), or the raw text of a line that is none. NotThisFormat."""
    with file.open("rb") as raw:
        first = raw.readline().removeprefix(b"\xef\xbb\xbf")
        header = _fields(first) or []
        if missing := [column for column in columns if column not in header]:
            raise NotThisFormat(file.name, "missing_columns", ", ".join(missing))
        if len(header) != len(columns):
            raise NotThisFormat(file.name, "unknown_columns", ", ".join(c for c in header if c not in columns))
        for number, line in enumerate(raw, start=2):
            if not line.strip():
                continue
            fields = _fields(line)
            if fields is None or len(fields) != len(header):
                yield number, line.decode("utf-8", "replace").strip()
            else:
                yield number, dict(zip(header, fields, strict=True))


def _fields(line: bytes) -> list[str] | None:
    """The fields of one record (RFC 4180, without line breaks in quotes), or None if it is none."""
    try:
        text = line.decode("utf-8").removesuffix("\n").removesuffix("\r")
        return next(csv.reader([text], strict=True), None) if _RECORD.fullmatch(text) else None
    except (UnicodeDecodeError, csv.Error):  # csv.Error: a carriage return inside, a field of 130,000 characters
        return None


def _accounts(file: Path, report: Report) -> Iterator[_NewAccount]:
    for number, record in _records(file, ACCOUNT_COLUMNS):
        if isinstance(record, str):
            report.refused.append(Refused(file.name, number, _first_field(record), InvalidField("line", "not_csv")))
        elif record["floor"] and not _WHOLE.fullmatch(record["floor"]):
            fault = InvalidField("floor", "not_a_whole_number")
            report.refused.append(Refused(file.name, number, record["code"], fault))
        else:
            floor = int(record["floor"]) if record["floor"] else None
            account = NewAccount(record["code"], record["name"], record["class"], record["unit"], floor)
            yield _NewAccount(number, account)


def _groups(file: Path, known_units: frozenset[str], scattered: dict[str, int]) -> Iterator[_Group]:
    """The transactions of the file, in its order; one with scattered lines once, where it begins."""
    told = set()
    for key, records in itertools.groupby(_records(file, JOURNAL_COLUMNS), key=lambda record: _key(record[1])):
        lines = list(records)
        if key not in scattered:
            yield _group(key, lines, known_units)
        elif key not in told:
            told.add(key)
            yield _Group(lines[0][0], key, KeyNotConsecutive(key, scattered[key]))


def _scattered_keys(file: Path) -> dict[str, int]:
    """Keys whose lines are not consecutive, with the line where the key comes again."""
    seen: set[str] = set()
    scattered: dict[str, int] = {}
    before = None
    for number, record in _records(file, JOURNAL_COLUMNS):
        key = _key(record)
        if key != before and key in seen:
            scattered.setdefault(key, number)
        seen.add(key)
        before = key
    return scattered


def _key(record: dict[str, str] | str) -> str:
    return _first_field(record) if isinstance(record, str) else record["key"]


def _first_field(line: str) -> str:
    """What a damaged line most likely has as its key or code."""
    first = _FIRST_FIELD.match(line)
    return first[0].strip('"').replace('""', '"') if first else ""


def _group(key: str, lines: list[tuple[int, dict[str, str] | str]], known_units: frozenset[str]) -> _Group:
    """One transaction from its lines, or the fault of the first line that has one."""
    legs = []
    head: dict[str, str] = {}
    for number, record in lines:
        leg = _leg(record, head, known_units)
        if isinstance(leg, Refusal):
            return _Group(number, key, leg)
        head = cast(dict[str, str], record)
        legs.append(leg)
    first = lines[0][0]
    try:
        effective_at = bodies.moment(bodies.day(head["date"], "date").isoformat(), "date")
    except InvalidField as fault:
        return _Group(first, key, fault)
    client, bare = _client(key)
    call = NewTransaction(
        head["kind"], head["date"], [NewLine(leg.account, leg.side, leg.amount) for leg in legs], head["description"]
    )
    return _Group(
        first,
        key,
        Proposal(
            client=client,
            key=bare,
            call=calls.of_posting(call),
            kind=head["kind"],
            description=head["description"],
            effective_at=effective_at,
            lines=tuple(legs),
            actor="import",
            keep_refusal=False,
        ),
    )


def _leg(record: dict[str, str] | str, head: dict[str, str], known_units: frozenset[str]) -> Line | Refusal:
    if isinstance(record, str):
        return InvalidField("line", "not_csv")
    for column in ("date", "kind", "description"):
        if head and record[column] != head[column]:
            return InvalidField(column, "differs_within_transaction")
    for column in ("debit", "credit"):
        if not _AMOUNT.fullmatch(record[column]):
            return InvalidField(column, "not_a_whole_number")
    if record["unit"] not in known_units:
        return UnknownUnit(record["unit"])
    debit, credit = int(record["debit"]), int(record["credit"])
    if (debit == 0) == (credit == 0):
        return InvalidField("debit, credit", "exactly_one_above_zero")
    return Line(record["account"], "debit" if debit else "credit", debit or credit, record["unit"])


def _client(key: str) -> tuple[str, str]:
    """Whose key it is: `user:7/abc` is the key `abc` of the user 7, everything else is the import's own."""
    client, slash, bare = key.partition("/")
    if slash and client != IMPORT and CLIENT.fullmatch(client):
        return client, bare
    return IMPORT, key
