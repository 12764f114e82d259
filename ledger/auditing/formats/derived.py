"""What is derived from the lines of a package while it is made: tables, journal, hledger, beancount.

It runs as a process of its own (`python -m ledger.auditing.formats.derived`) beside PostgreSQL and its caller, who may
be a service with others to answer; it uses nothing but the verifier's functions, which derive the same again.

On its standard input it gets one line of JSON (`Task`), then the numbers of the segments whose log files are written,
one a line, then `end`. It answers in lines of JSON: `{"segment": 0}` when it needs a segment's files no more,
`{"file": …}` for each finished file, at the end `{"totals": …, "seconds": …}`; `{"cannot": …}` where the disk is full.
Without `end` it was left alone, and
ends.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any, Final, TextIO

from ledger.auditing.verifier import plaintext, projections
from ledger.auditing.verifier.fold import Fold
from ledger.auditing.verifier.plaintext import Scope

ACCOUNTS_FILE: Final = "journal/accounts.csv"
JOURNAL_FILE: Final = "journal/journal.csv"
HLEDGER_FILE: Final = "hledger/book.journal"
BEANCOUNT_FILE: Final = "beancount/book.beancount"
TABLES, JOURNAL, HLEDGER, BEANCOUNT = "tables", "journal", "hledger", "beancount"
PARTS: Final = (TABLES, JOURNAL, HLEDGER, BEANCOUNT)

_TOGETHER: Final = 1024
_PIECE: Final = 1 << 18


@dataclass(frozen=True)
class Task:
    """What to do. `spool`: where `events` and `months` are (see `sums.py`); `acts`: what `sums.acts` found."""

    folder: str
    spool: str
    book: str
    from_: str
    to: str
    acts: Mapping[str, Any]
    parts: Sequence[str] = PARTS


class Written:
    """A file of the package while it is written; `told` is what the manifest says of it."""

    def __init__(self, folder: Path, path: str) -> None:
        self.path = path
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        self._out = (folder / path).open("wb")
        self._digest = hashlib.sha256()
        self._bytes = self._lines = 0

    def write(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self._bytes += len(data)
        self._lines += data.count(b"\n")

    def write_all(self, texts: Iterable[str]) -> None:
        """Writes texts, gathered into larger pieces."""
        gathered, size = [], 0
        for text in texts:
            gathered.append(text)
            size += len(text)
            if size > _PIECE:
                self.write("".join(gathered).encode())
                gathered, size = [], 0
        self.write("".join(gathered).encode())

    def told(self) -> dict[str, Any]:
        """Closes it: path, bytes, sha256 and lines, of a table without its header."""
        self._out.close()
        rows = self._lines - self.path.endswith(".csv")
        return {"path": self.path, "bytes": self._bytes, "sha256": self._digest.hexdigest(), "rows": rows}


class SpooledMonths:
    """`Fold.months` of a file sorted by month, of which one month at a time is in memory."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begins: dict[str, int] = {}

    def __iter__(self) -> Iterator[tuple[str, str, int, int, int]]:
        """Month, account, debits, credits, entries; reading them all finds where each month begins."""
        with self._file.open("rb") as lines:
            place = 0
            for line in lines:
                month, account, debits, credits, entries = line.decode().split(",")
                self._begins.setdefault(month, place)
                place += len(line)
                yield month, account, int(debits), int(credits), int(entries)

    def names(self) -> list[str]:
        return sorted(self._begins)

    def of(self, month: str) -> Iterator[tuple[str, int, int]]:
        if month not in self._begins:
            return
        with self._file.open("rb") as lines:
            lines.seek(self._begins[month])
            for line in lines:
                of_month, account, debits, credits, _ = line.decode().split(",")
                if of_month != month:
                    return
                yield account, int(debits), int(credits)


@dataclass
class Derivation:
    """Derives the files of a task; segments come in their order. `seconds`: of computing, by part."""

    task: Task
    tell: Callable[[dict[str, Any]], None]
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("reading", *PARTS), 0.0))

    def __post_init__(self) -> None:
        task = self.task
        self._folder = Path(task.folder)
        self._totals: dict[str, list[int]] = {}
        begun = process_time()
        fold, scope = self._summed()
        if TABLES in task.parts:
            self._tables(fold)
        self.seconds[TABLES] += process_time() - begun
        self._scope = scope
        self._journal, self._hledger, self._beancount = (
            Written(self._folder, path) if part in task.parts else None
            for part, path in ((JOURNAL, JOURNAL_FILE), (HLEDGER, HLEDGER_FILE), (BEANCOUNT, BEANCOUNT_FILE))
        )
        if self._journal:
            accounts = Written(self._folder, ACCOUNTS_FILE)
            accounts.write_all(plaintext.accounts_csv(scope.accounts))
            self.tell({"file": accounts.told()})
            self._journal.write(plaintext.JOURNAL_HEADER.encode())
        if self._hledger:
            self._hledger_names = plaintext.hledger_names(scope.accounts)
            self._hledger.write_all(plaintext.hledger_head(scope))
        if self._beancount:
            self._beancount_names = plaintext.beancount_names(scope.accounts)
            self._beancount.write_all(plaintext.beancount_head(scope))

    def _summed(self) -> tuple[Fold, Scope]:
        """What the log adds up to, from what PostgreSQL has added up."""
        task, spool = self.task, Path(self.task.spool)
        fold = Fold(from_=task.from_, to=task.to)
        with (spool / "events").open(encoding="utf-8", newline="\n") as events:
            for each in events:
                index, line, texts = each.rstrip("\n").split("\t")
                fold.add_event(int(index), json.loads(line), json.loads(texts) if texts else None)
        fold.book = task.book
        fold.kinds.update(task.acts["kinds"])
        fold.actors.update(task.acts["actors"])
        months = SpooledMonths(spool / "months")
        before: dict[str, int] = {}
        after: dict[str, int] = {}
        for month, account, debits, credits, entries in months:
            amount = debits - credits
            if month == projections.BEFORE:
                before[account] = amount
            if month != projections.AFTER:
                after[account] = after.get(account, 0) + amount
            unit = fold.accounts[account].unit if account in fold.accounts else ""
            total = self._totals.setdefault(unit, [0, 0, 0])
            total[0] += debits
            total[1] += credits
            total[2] += entries
        fold.months = months  # type: ignore[assignment] # it is asked for names and months only
        first, last = task.from_ or task.acts["first_on"], task.to or task.acts["last_on"]
        return fold, Scope(task.book, tuple(fold.accounts.values()), first, last, after, before)

    def _tables(self, fold: Fold) -> None:
        """Each table is told when the next begins; that of the totals is made beside the trial balance."""
        pieces = projections.table_texts(fold, self.task.from_, self.task.to)
        for path, texts in itertools.groupby(pieces, key=lambda piece: piece[0]):
            table = Written(self._folder, path)
            table.write_all(text for _, text in texts)
            self.tell({"file": table.told()})

    def segment(self, number: int) -> None:
        """Adds what the lines of a segment say."""
        name = f"{number:06d}.jsonl"
        log = self._folder / "log"
        if self._journal or self._hledger or self._beancount:
            with (
                (log / f"entries-{name}").open(encoding="utf-8", newline="\n") as lines,
                (log / f"openings-{name}").open(encoding="utf-8", newline="\n") as openings,
            ):
                while chunk := list(itertools.islice(zip(lines, openings, strict=False), _TOGETHER)):
                    self._add(chunk)
        self.tell({"segment": number})

    def _add(self, chunk: Sequence[tuple[str, str]]) -> None:
        begun = process_time()
        from_, to = self.task.from_, self.task.to
        read = []
        for text, opening in chunk:
            if '"type":"transaction"' not in text:
                continue
            line = json.loads(text)
            if line["type"] == "transaction" and projections.is_between(line["effective_on"], from_, to):
                read.append((line, json.loads(opening).get("texts")))
        begun = self._took("reading", begun)
        if self._journal:
            rows = plaintext.journal_rows
            self._journal.write("".join([rows(line, texts) for line, texts in read]).encode())
            begun = self._took(JOURNAL, begun)
        if self._hledger:
            entry, names = plaintext.hledger_entry, self._hledger_names
            self._hledger.write("".join([entry(line, texts, names) for line, texts in read]).encode())
            begun = self._took(HLEDGER, begun)
        if self._beancount:
            entry, names = plaintext.beancount_entry, self._beancount_names
            self._beancount.write("".join([entry(line, texts, names) for line, texts in read]).encode())
            self._took(BEANCOUNT, begun)

    def _took(self, part: str, begun: float) -> float:
        now = process_time()
        self.seconds[part] += now - begun
        return now

    def finish(self) -> None:
        """Writes what comes last, and tells what is finished."""
        if self._hledger:
            self._hledger.write_all(plaintext.hledger_tail(self._scope))
        if self._beancount:
            self._beancount.write_all(plaintext.beancount_tail(self._scope))
        for each in (self._journal, self._hledger, self._beancount):
            if each:
                self.tell({"file": each.told()})
        totals = [
            {"unit": unit, "debits": debits, "credits": credits, "entries": entries}
            for unit, (debits, credits, entries) in sorted(self._totals.items())
        ]
        self.tell({"totals": totals, "seconds": self.seconds})


def main(orders: TextIO = sys.stdin, answers: TextIO = sys.stdout) -> None:
    """Does what it is told on `orders`; answers on `answers`."""

    def tell(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer, separators=(",", ":")) + "\n")
        answers.flush()

    try:
        derivation = Derivation(Task(**json.loads(orders.readline())), tell)
        for order in orders:
            if order.strip() == "end":
                derivation.finish()
                return
            derivation.segment(int(order))
    except OSError as error:  # a full disk
        tell({"cannot": error.strerror or str(error)})


if __name__ == "__main__":
    main()
