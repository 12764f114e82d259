"""The journal format: `accounts.csv` and `journal.csv` in, one transaction's fault never another's.

Each physical line is a record: a line break in quotes is not part of the format, so a stray quote damages its own line
and no other. The journal is read twice: first its keys, so that one whose lines are not consecutive is refused whole.

What an account cannot bear is tried again after the rest: an exported journal stands in the order of the sealed log,
which is not always that in which transactions posted at one time reached an account.
"""

from __future__ import annotations

import asyncio
import csv
import functools
import hashlib
import itertools
import operator
import re
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import bodies, calls
from api.calls import NewLine, NewTransaction
from ledger.books import batching, chart, directory, journal
from ledger.books.chart import NewAccount
from ledger.books.evaluate import Outcome, Posted, State
from ledger.books.keys import CLIENT, IMPORT
from ledger.books.proposals import Line, Proposal, Side
from ledger.database import events
from ledger.errors import InsufficientBalance, InvalidField, KeyNotConsecutive, Refusal, UnknownUnit

ACCOUNT_COLUMNS: Final = ("code", "name", "class", "unit", "floor")
JOURNAL_COLUMNS: Final = ("key", "date", "kind", "description", "account", "unit", "debit", "credit")

BATCH: Final = 2000
"""Lines that are posted together."""

AT_ONCE: Final = 2
"""Batches that are posted at a time."""

TRIED_AGAIN: Final = 10_000
"""Transactions that are kept for another try, because an account could not bear them."""

_STEP: Final = 50
"""Transactions that are read at once: half a millisecond."""

_ACCOUNTS: Final = 10_000
"""Accounts that one statement opens, far from the 5 s that it may take."""

_BLOCK: Final = 1 << 16
_LONGEST_FIELD: Final = 131_072
"""Characters; what `csv` takes."""
_DIGITS: Final = 18

_FIELD: Final = r'(?:"[^"]*+(?:""[^"]*+)*+"|[^",]*+)'
_RECORD: Final = re.compile(f"{_FIELD}(?:,{_FIELD})*+")
_FIRST_FIELD: Final = re.compile(r'"(?:[^"]|"")*"|[^",]*')
_STRICT: Final = csv.reader((), strict=True).dialect
_BLANK: Final = " \t\n\r\x0b\x0c"
_HEAD: Final = JOURNAL_COLUMNS[1:4]
"""What all lines of a transaction have in common."""
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


class _Group(NamedTuple):
    """The lines of one transaction: where it begins (or its fault is), and the proposal or what is wrong with it."""

    line: int
    key: str
    proposal: Proposal | Refusal


class _Late(NamedTuple):
    """A transaction that an account could not bear yet."""

    group: _Group
    refusal: Refusal


class _Batch(NamedTuple):
    """Transactions that are being posted, and the accounts that they touch."""

    groups: list[_Group]
    accounts: set[str]
    posting: asyncio.Task[list[Outcome]]


_Record = tuple[int, str, Sequence[str] | None]
"""The number of a line, its key or code, and its fields; None if it is no record, then the key is a guess."""
_BY_KEY: Final = operator.itemgetter(1)

# Where a million lines have the same fault, it is one object, which holds on to no traceback.
_invalid = functools.lru_cache(InvalidField)
_unknown_unit = functools.lru_cache(UnknownUnit)


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

    Where an account falls short, the transaction is tried again when all others have been posted.

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
            state = await journal.load(tx, book, _proposals(everything))
            await tx.rollback()  # nothing is going to be written, so nobody needs to wait for us
    told = len(report.refused)
    if dry_run:
        everything, outcomes = _as_if(state, everything)
        _tell(report, entries.name, everything, outcomes)
    else:
        await _post(database, book, groups, report, entries.name, progress)
    report.refused[told:] = sorted(report.refused[told:], key=operator.attrgetter("line"))
    if not dry_run and (report.accounts_opened or report.posted):
        async with database.begin() as tx:
            await events.add(tx, book, "journal_imported", _facts(report, accounts, entries), actor=IMPORT)
    return report


def _facts(report: Report, accounts: Path, entries: Path) -> dict[str, str]:
    """What the book's history keeps of an import: which files, by their SHA-256, and what became of their lines."""
    facts = {
        "accounts_opened": str(report.accounts_opened),
        "posted": str(report.posted),
        "replayed": str(report.replayed),
        "refused": str(len(report.refused)),
    }
    for name, path in (("accounts_sha256", accounts), ("journal_sha256", entries)):
        with path.open("rb") as file:
            facts[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return facts


def _as_if(state: State, groups: list[_Group]) -> tuple[list[_Group], list[Outcome]]:
    """The outcomes that `_post` would have, with the groups in the order in which it would come to them."""
    tried = len(groups) + 1
    while True:
        outcomes = journal.decide(state, _proposals(groups)).outcomes
        late = _tell(Report(), "", groups, outcomes, most_late=TRIED_AGAIN)
        if not 0 < len(late) < tried:
            return groups, outcomes
        tried = len(late)
        waiting = {each.group.line for each in late}
        groups = [each for each in groups if each.line not in waiting] + [each.group for each in late]


async def _post(
    database: AsyncEngine,
    book: int,
    groups: Iterator[_Group],
    report: Report,
    file: str,
    progress: Callable[[int], None],
) -> None:
    """Posts the transactions and reports on them; what accounts cannot bear again, as long as some of it goes."""
    late: list[_Late] = []

    def done(groups: list[_Group], outcomes: list[Outcome]) -> None:
        late.extend(_tell(report, file, groups, outcomes, most_late=TRIED_AGAIN - len(late)))

    def read_on(groups: list[_Group], outcomes: list[Outcome]) -> None:
        done(groups, outcomes)
        progress(groups[-1].line)

    await _post_all(database, book, groups, read_on)
    tried = len(late) + 1
    while 0 < len(late) < tried:
        tried, again = len(late), sorted((each.group for each in late), key=operator.attrgetter("line"))
        late.clear()
        await _post_all(database, book, iter(again), done)
    report.refused += [Refused(file, each.group.line, each.group.key, each.refusal) for each in late]


async def _post_all(
    database: AsyncEngine, book: int, groups: Iterator[_Group], done: Callable[[list[_Group], list[Outcome]], None]
) -> None:
    """Posts the transactions, two batches at a time; the second holds what touches no account of the first.

    So every account sees its transactions in the order of the file, and the database need not wait for the reading.
    """
    put_off: deque[_Group] = deque()
    under_way: list[_Batch] = []
    try:
        while True:
            busy = {code for batch in under_way for code in batch.accounts}
            following, accounts = await _next_batch(put_off, groups, busy)
            if following:
                posting = asyncio.create_task(batching.submit(database, book, _proposals(following)))
                under_way.append(_Batch(following, accounts, posting))
            elif not under_way:
                return
            if len(under_way) == AT_ONCE or not following:
                first = under_way.pop(0)
                done(first.groups, await first.posting)
    finally:
        for batch in under_way:
            batch.posting.cancel()
        await asyncio.gather(*(batch.posting for batch in under_way), return_exceptions=True)


async def _next_batch(
    put_off: deque[_Group], groups: Iterator[_Group], busy: set[str]
) -> tuple[list[_Group], set[str]]:
    """The next transactions that touch no busy account, nor one of a transaction put off before them; their accounts.

    It reads on in small steps, so that what is under way need not wait.
    """
    batch: list[_Group] = []
    passed: list[_Group] = []
    accounts: set[str] = set()
    lines = lines_passed = 0
    for step in itertools.count(1):
        group = put_off.popleft() if put_off else next(groups, None)
        if group is None:
            break
        legs = group.proposal.lines if isinstance(group.proposal, Proposal) else ()
        touched = {leg.account for leg in legs}
        if busy.isdisjoint(touched):
            batch.append(group)
            accounts |= touched
            lines += len(legs) or 1
        else:
            passed.append(group)
            busy |= touched
            lines_passed += len(legs)
        if lines >= BATCH or lines_passed >= BATCH:
            break
        if step % _STEP == 0:
            await asyncio.sleep(0)
    put_off.extendleft(reversed(passed))
    return batch, accounts


def _proposals(groups: list[_Group]) -> list[Proposal]:
    return [group.proposal for group in groups if isinstance(group.proposal, Proposal)]


async def _open(tx: AsyncConnection, book: int, wanted: list[_NewAccount], report: Report, file: str) -> None:
    for start in range(0, len(wanted), _ACCOUNTS):
        some = wanted[start : start + _ACCOUNTS]
        outcomes = await chart.open_accounts(tx, book, [new.account for new in some])
        for new, outcome in zip(some, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                report.refused.append(Refused(file, new.line, new.account.code, outcome))
            else:
                report.accounts_opened += outcome[1]


def _tell(
    report: Report, file: str, groups: list[_Group], outcomes: list[Outcome], *, most_late: int = 0
) -> list[_Late]:
    """Reports what became of transactions; answers instead the first `most_late` that an account could not bear."""
    late: list[_Late] = []
    decided = iter(outcomes)
    for group in groups:
        line, key, proposal = group
        if not isinstance(proposal, Proposal):
            report.refused.append(Refused(file, line, key, proposal))
            continue
        outcome = next(decided)
        if not isinstance(outcome, Posted):
            if isinstance(outcome.refusal, InsufficientBalance) and len(late) < most_late:
                late.append(_Late(group, outcome.refusal))
            else:
                report.refused.append(Refused(file, line, key, outcome.refusal))
        elif outcome.replayed:
            report.replayed += 1
        else:
            report.posted += 1
    return late


# --- reading ---------------------------------------------------------------------------------------------------------


def _records(file: Path, columns: tuple[str, ...]) -> Iterator[_Record]:
    """The file's records, with their fields in the order of `columns`. NotThisFormat."""
    with file.open("rb") as raw:
        first = raw.readline().removeprefix(b"\xef\xbb\xbf")
        header = _fields(_text(first)) or []
        if missing := [column for column in columns if column not in header]:
            raise NotThisFormat(file.name, "missing_columns", ", ".join(missing))
        if len(header) != len(columns):
            raise NotThisFormat(file.name, "unknown_columns", ", ".join(c for c in header if c not in columns))
        turned = tuple(header) != columns
        in_order = operator.itemgetter(*(header.index(column) for column in columns))
        width, number = len(columns), 1
        while block := raw.read(_BLOCK) + raw.readline():
            text = _text(block)
            careful = "\r" in text or len(text) > _LONGEST_FIELD or not _is_utf8(text)
            for line in text.split("\n"):
                number += 1
                fields: Sequence[str] | None = _fields(line) if careful or '"' in line else line.split(",")
                if fields is not None and len(fields) == width:
                    if turned:
                        fields = in_order(fields)
                    yield number, fields[0], fields
                elif line.strip(_BLANK):
                    yield number, _first_field(line), None


def _text(lines: bytes) -> str:
    """Lines without the end of the last one, parted by line feeds; bytes that are not UTF-8 are half characters."""
    text = lines.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
    return text.replace("\r\n", "\n")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fields(line: str) -> list[str] | None:
    """The fields of one record (RFC 4180, without line breaks in quotes), or None if it is none.

    Where nothing is quoted and no carriage return is left, that is `line.split(",")`, which takes a tenth of the time.
    """
    try:
        return next(csv.reader((line,), _STRICT), None) if _RECORD.fullmatch(line) and _is_utf8(line) else None
    except csv.Error:  # a carriage return inside, a field of 130,000 characters
        return None


def _first_field(line: str) -> str:
    """What a damaged line most likely has as its key or code."""
    shown = line.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()
    first = _FIRST_FIELD.match(shown)
    return first[0].strip('"').replace('""', '"') if first else ""


def _accounts(file: Path, report: Report) -> Iterator[_NewAccount]:
    for number, code, fields in _records(file, ACCOUNT_COLUMNS):
        if fields is None:
            report.refused.append(Refused(file.name, number, code, InvalidField("line", "not_csv")))
            continue
        _, name, account_class, unit, floor = fields
        if floor and not _WHOLE.fullmatch(floor):
            report.refused.append(Refused(file.name, number, code, InvalidField("floor", "not_a_whole_number")))
        else:
            account = NewAccount(code, name, account_class, unit, int(floor) if floor else None)
            yield _NewAccount(number, account)


def _groups(file: Path, known_units: frozenset[str], scattered: dict[str, int]) -> Iterator[_Group]:
    """The transactions of the file, in its order; one with scattered lines once, where it begins."""
    told = set()
    for key, lines in itertools.groupby(_records(file, JOURNAL_COLUMNS), _BY_KEY):
        if key not in scattered:
            yield _group(key, lines, known_units)
        elif key not in told:
            told.add(key)
            yield _Group(next(lines)[0], key, KeyNotConsecutive(key, scattered[key]))


def _scattered_keys(file: Path) -> dict[str, int]:
    """Keys whose lines are not consecutive, with the line where the key comes again.

    Eight bytes are kept for each key, so that millions fit; keys that only look alike are told apart in a second look.
    """
    parts = [array("q") for _ in range(64)]
    for key, _ in itertools.groupby(_records(file, JOURNAL_COLUMNS), _BY_KEY):
        mark = hash(key)
        parts[mark & 63].append(mark)
    again: set[int] = set()
    for part in parts:
        if len(set(part)) < len(part):
            again.update(mark for mark, times in Counter(part).items() if times > 1)
    scattered: dict[str, int] = {}
    seen: set[str] = set()
    for key, lines in itertools.groupby(_records(file, JOURNAL_COLUMNS), _BY_KEY) if again else ():
        if key in seen:
            scattered.setdefault(key, next(lines)[0])
        elif hash(key) in again:
            seen.add(key)
    return scattered


def _group(key: str, lines: Iterator[_Record], known_units: frozenset[str]) -> _Group:
    """One transaction from its lines, or the fault of the first line that has one."""
    first, head = 0, None
    legs: list[Line] = []
    called: list[NewLine] = []
    for number, _, fields in lines:
        if fields is None:
            return _Group(number, key, _invalid("line", "not_csv"))
        _, date, kind, description, account, unit, debit, credit = fields
        if head is None:
            first, head = number, (date, kind, description)
        elif head != (date, kind, description):
            column = next(name for name, one, other in zip(_HEAD, head, fields[1:4], strict=True) if one != other)
            return _Group(number, key, _invalid(column, "differs_within_transaction"))
        # `isdigit` alone is true of digits of every script, and a number may be longer than Python turns into one.
        if not (debit.isdigit() and debit.isascii() and len(debit) <= _DIGITS):
            return _Group(number, key, _invalid("debit", "not_a_whole_number"))
        if not (credit.isdigit() and credit.isascii() and len(credit) <= _DIGITS):
            return _Group(number, key, _invalid("credit", "not_a_whole_number"))
        if unit not in known_units:
            return _Group(number, key, _unknown_unit(unit))
        debited, credited = int(debit), int(credit)
        if (debited == 0) == (credited == 0):
            return _Group(number, key, _invalid("debit, credit", "exactly_one_above_zero"))
        side: Side = "debit" if debited else "credit"
        legs.append(Line(account, side, debited or credited, unit))
        called.append(NewLine(account, side, debited or credited))
    assert head is not None, "a group has a line"
    date, kind, description = head
    try:
        effective_at = _beginning_of(date)
    except InvalidField as fault:
        return _Group(first, key, _invalid(fault.field, fault.problem))
    client, bare = _client(key)
    proposal = Proposal(
        client=client,
        key=bare,
        call=calls.of_posting(NewTransaction(kind, date, called, description)),
        kind=kind,
        description=description,
        effective_at=effective_at,
        lines=tuple(legs),
        actor="import",
        keep_refusal=False,
    )
    return _Group(first, key, proposal)


@functools.lru_cache(maxsize=4096)
def _beginning_of(day: str) -> datetime:
    """When a day of the file begins; InvalidField."""
    return bodies.moment(bodies.day(day, "date").isoformat(), "date")


def _client(key: str) -> tuple[str, str]:
    """Whose key it is: `user:7/abc` is the key `abc` of the user 7, everything else is the import's own."""
    client, slash, bare = key.partition("/")
    if slash and client != IMPORT and CLIENT.fullmatch(client):
        return client, bare
    return IMPORT, key
