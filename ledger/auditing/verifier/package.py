"""A whole package, checked: `verify` names every damage and where it is.

    1  the signed parts: key, checkpoint, earlier checkpoints
    2  a quick look over all segments for what each must know of the others (scanning.py)
    3  each segment in a process of its own (segments.py), and what goes across them (across.py)
    4  the root of the log, against all checkpoints
    5  the files derived from the whole log
    6  the manifest, against all that was read

Memory is bounded by the accounts and events of a book, not by its transactions.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import pickle
import re
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from multiprocessing import get_context
from types import ModuleType
from typing import Any, TypeVar

from . import parts, plaintext, projections, scanning, segments, signatures
from .across import Across
from .damage import NOTICES, Finding, Findings
from .differences import differences
from .fold import Fold
from .openings import derived_again
from .parts import (
    BEANCOUNT,
    DERIVED,
    HLEDGER,
    JOURNAL,
    Opened,
    Part,
    Scanned,
    Shared,
    details_path,
    first_leaf,
    log_path,
    openings_path,
    place_of,
)
from .signatures import CHECKPOINT, CHECKPOINTS, VKEY, Earlier, Signed
from .sources import Folder, Measured, Reader, Source, Unreadable, Zip, lines_of
from .tree import Frontier
from .usual import Kept

FORMAT = "meide-package/1"
MANIFEST = "manifest.json"
ACCOUNTS = "journal/accounts.csv"

_FIXED = (
    *(MANIFEST, CHECKPOINT, CHECKPOINTS, VKEY, "README.txt", "datapackage.json"),
    *projections.TABLES,
    *(ACCOUNTS, *DERIVED),
)
_SEGMENT = re.compile(r"log/entries-([0-9]{6})\.jsonl")
_VERIFIER = "verify/"
_DEBITS = frozenset(("asset", "expense", "memo_debit"))
_FEW = 20_000
"""Leaves for which starting processes takes longer than they save."""

Progress = Callable[[int, int], object]
"""Is told how much has been done, of how much."""

A = TypeVar("A")
B = TypeVar("B")


@dataclass
class Report:
    """What was checked and found. `is_well`: nothing is wrong. `key` and `checkpoint`: whether the package was compared
    with a published key and a published checkpoint; without both it is consistent in itself, compared with nothing."""

    findings: Findings
    origin: str = ""
    size: int = 0
    root: bytes = b""
    key: bool = False
    checkpoint: bool = False
    fold: Fold = field(default_factory=Fold)

    @property
    def is_well(self) -> bool:
        return all(code in NOTICES for code, _ in self.findings.counts)


def verify(
    path: str,
    *,
    key: str | None = None,
    checkpoint: str | None = None,
    progress: Progress | None = None,
    processes: int | None = None,
) -> Report:
    """Checks a package, a folder or a ZIP.

    `key`: the published verification key; `checkpoint`: the text of a published checkpoint. `processes`: how many work
    at once; as many as there are processors if not said.
    """
    findings = Findings()
    try:
        source: Source = Folder(path) if os.path.isdir(path) else Zip(path)
        paths = source.paths()
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        findings.add(Finding("download_incomplete", found=str(error)))
        return Report(findings)
    return _Verification(source, paths, findings, key, checkpoint, progress, processes).run()


class _Verification:
    def __init__(
        self,
        source: Source,
        paths: dict[str, int],
        findings: Findings,
        key: str | None,
        published: str | None,
        progress: Progress | None,
        processes: int | None,
    ) -> None:
        self.source, self.paths, self.findings = source, paths, findings
        self.signed = signatures.read(source, findings, key, published)
        self.manifest = self._manifest()
        self.measured: dict[str, Measured] = {}
        self.fold = Fold(from_=self._said("from"), to=self._said("to"))
        self.numbers = self._numbers()
        self.progress = progress
        self.total = sum(2 * size if _SEGMENT.fullmatch(path) else size for path, size in paths.items() if size > 0)
        self.done = 0
        self.workers = _Workers(1 if self._is_small() else processes or os.cpu_count() or 1)

    def run(self) -> Report:
        with self.workers:
            self._earlier()
            shared = self._scan()
            checked, root = self._segments(shared)
            if self.manifest is not None and len(checked) == len(self.numbers):
                self._derived(shared, checked)
        self._rest()
        if self.manifest is not None:
            self._compare_manifest()
        ours, signed = self.signed.checkpoint, self.signed
        return Report(
            self.findings,
            origin=ours.origin if ours else "",
            size=ours.size if ours else 0,
            root=root or b"",
            key=signed.is_key_published,
            checkpoint=signed.published is not None,
            fold=self.fold,
        )

    # --- what is there

    def _manifest(self) -> dict[str, Any] | None:
        """The manifest, which is written last; without it a folder is a download that broke off."""
        if MANIFEST not in self.paths:
            self.findings.add(Finding("download_incomplete", MANIFEST))
            return None
        try:
            with self.source.open(MANIFEST) as file:
                value = json.loads(Reader(file).read(1 << 28).decode())
            well = value["format"] == FORMAT and all(
                isinstance(each["path"], str)
                and isinstance(each["sha256"], str)
                and isinstance(each["bytes"], int)
                and isinstance(each["rows"], int)
                for each in value["files"]
            )
        except (ValueError, KeyError, TypeError, RecursionError, *Unreadable):
            well = False
        if not well:
            self.findings.add(Finding("manifest_unreadable", MANIFEST))
            return None
        assert isinstance(value, dict)
        return value

    def _said(self, name: str) -> str:
        """What the manifest says under a name, "" where it says nothing."""
        value = (self.manifest or {}).get(name)
        return value if isinstance(value, str) else ""

    def _numbers(self) -> list[int]:
        """The segments, those that are there and those that must be."""
        there = {int(found[1]) for found in map(_SEGMENT.fullmatch, self.paths) if found}
        checkpoint = self.signed.checkpoint
        size = checkpoint.size if checkpoint is not None else 0
        if 0 < size <= first_leaf(len(there) + 1000):  # a forged size would have us look for millions
            there.update(range(place_of(size - 1)[0] + 1))
        return sorted(there)

    def _is_small(self) -> bool:
        return sum(size for path, size in self.paths.items() if _SEGMENT.fullmatch(path)) < _FEW * 500

    # --- signed

    def _earlier(self) -> None:
        """Reads the earlier checkpoints."""
        signed = self.signed
        try:
            with self.source.open(CHECKPOINTS) as file:
                reader = Reader(file)
                lines = [each for block in reader.blocks() for each in block]
                self._note(CHECKPOINTS, reader.measured(), reader.error)
        except KeyError:
            return
        except Unreadable as error:
            self.findings.add(Finding("file_unreadable", CHECKPOINTS, found=str(error)))
            return
        numbered = list(enumerate(lines, 1))
        portions = [(numbered[start : start + 200], signed.keys) for start in range(0, len(numbered), 200)]
        for found, findings in self.workers.map(_earlier, portions):
            signed.earlier += found
            self.findings.merge(findings)
        signatures.in_order(signed, self.findings)

    # --- segments

    def _scan(self) -> Shared:
        """Looks over all segments, and tells what each must know."""
        opened: dict[str, Opened] = {}
        erased: set[str] = set()
        reversed_: set[str] = set()
        corrected: set[str] = set()
        portions = [(self.source, number) for number in self.numbers]
        for (_, number), scanned in zip(portions, self.workers.map(_scan, portions)):
            erased.update(scanned.erased)
            for each in scanned.opened:
                if each.code in opened:
                    self.findings.add(Finding("account_twice", item=each.event, account=each.code))
                opened.setdefault(each.code, each)
            corrected.update(corrects for corrects, _ in scanned.corrections)
            reversed_.update(corrects for corrects, correction in scanned.corrections if correction == "reversal")
            self._go_on(self.paths.get(log_path(number), 0))
        erased.discard("")
        checkpoint = self.signed.checkpoint
        sizes = {each.said.size for each in self.signed.earlier}
        if self.signed.published is not None:
            sizes.add(self.signed.published.size)
        return Shared(
            source=self.source,
            book=self._said("book") or (checkpoint.origin.rpartition("/")[2] if checkpoint else ""),
            accounts={code: _kept(each, erased) for code, each in opened.items()},
            reversed=frozenset(reversed_),
            corrected=frozenset(corrected),
            sizes=tuple(sorted(sizes)),
            from_=self.fold.from_,
            to=self.fold.to,
            derive=self.manifest is not None,
            leaves=first_leaf(1),
        )

    def _segments(self, shared: Shared) -> tuple[list[Part], bytes | None]:
        """Checks all segments; answers what is still needed of them, and the root of the log."""
        across = Across(shared)
        log = _Log(self.signed)
        checkpoint = self.signed.checkpoint
        checked = []
        told = self.workers.ready(shared)
        portions = [(told, number) for number in self.numbers]
        for number, part in zip(self.numbers, self.workers.map(_check, portions)):
            there = log_path(number) in part.measured
            if there and (number != self.numbers[-1] and part.leaves != first_leaf(1)):
                facts = {"found": str(part.leaves), "expected": str(first_leaf(1))}
                self.findings.add(Finding("line_count", log_path(number), **facts))  # type: ignore[arg-type] # all str
            self.findings.merge(part.findings)
            self.measured.update(part.measured)
            across.add(part)
            log.add(part)
            self.fold.merge(part.fold)
            part.fold, part.runs, part.ids = Fold(), [], b""
            part.corrections, part.corrected = [], {}
            if there:
                checked.append(part)
            for path in (log_path(number), openings_path(number), details_path(number)):
                self._go_on(self.paths.get(path, 0))
        self.fold.book = shared.book
        self.findings.merge(across.end())
        if checkpoint is None:
            return checked, log.root()
        log.compare(self.findings)
        return checked, log.root()

    # --- derived

    def _derived(self, shared: Shared, checked: Sequence[Part]) -> None:
        """Compares the files that are derived from the whole log."""
        fold = self.fold
        scope = plaintext.scope_of(fold, fold.from_ or None, fold.to or None)
        frames: dict[str, tuple[Iterable[str], Iterable[str]]] = {
            JOURNAL: ([plaintext.JOURNAL_HEADER], []),
            HLEDGER: (plaintext.hledger_head(scope), plaintext.hledger_tail(scope)),
            BEANCOUNT: (plaintext.beancount_head(scope), plaintext.beancount_tail(scope)),
        }
        portions = []
        for path, (head, tail) in frames.items():
            pieces = [_piece(head), *[part.pieces[path] for part in checked], _piece(tail)]
            portions.append((self.source, path, pieces))
        compared = self.workers.map(_compare_pieces, portions)
        self._tables(scope)
        for (_, path, _), (fits, measured, error) in zip(portions, compared):
            self._go_on(self.paths.get(path, 0))
            self._note(path, measured, error)
            if not fits and measured is not None:
                table = path == JOURNAL
                self._differ(path, _middle(path, shared, scope, [part.number for part in checked]), table)

    def _tables(self, scope: plaintext.Scope) -> None:
        """Compares the tables, and the accounts of the journal format."""
        fold = self.fold

        def texts() -> Iterator[tuple[str, str]]:
            yield from projections.table_texts(fold, fold.from_, fold.to)
            yield ACCOUNTS, "".join(plaintext.accounts_csv(scope.accounts))

        wrong: list[str] = []
        for path, pieces in _by_path(texts()):
            try:
                with self.source.open(path) as file:
                    reader = Reader(file)
                    fits = all(reader.read(len(piece)) == piece for piece in pieces) and not reader.read(1)
                    self._note(path, reader.measured(), reader.error)
            except KeyError:
                continue
            except Unreadable as error:
                self._note(path, None, str(error))
                continue
            self._go_on(self.paths.get(path, 0))
            if not fits:
                wrong.append(path)
        for path in wrong:
            self._differ(path, _lines(text for at, text in texts() if at == path), True)

    def _differ(self, path: str, expected: Iterator[str], table: bool) -> None:
        """Names where a file differs from what it should be."""
        for each in differences(path, expected, lines_of(self.source, path), table=table):
            self.findings.add(each)

    def _note(self, path: str, measured: Measured | None, error: str) -> None:
        if measured is not None:
            self.measured[path] = measured
        if error:
            self.findings.add(Finding("file_unreadable", path, found=error))

    # --- the manifest

    def _rest(self) -> None:
        """Reads the files that nobody has read, and compares the verifier with the one that is running."""
        own = os.path.dirname(os.path.abspath(__file__))
        for path in sorted(self.paths):
            if path in self.measured or path == MANIFEST:
                continue
            try:
                with self.source.open(path) as file:
                    reader = Reader(file)
                    self._note(path, reader.measured(), reader.error)
            except (KeyError, *Unreadable) as error:
                self.findings.add(Finding("file_unreadable", path, found=str(error)))
                continue
            if path.startswith(_VERIFIER):
                self._compare_verifier(path, os.path.join(own, *path[len(_VERIFIER) :].split("/")))
            self._go_on(self.paths[path])
        if self.progress is not None:
            self.progress(self.total, self.total)

    def _compare_verifier(self, path: str, own: str) -> None:
        try:
            with open(own, "rb") as file:
                same = sha256(file.read()).hexdigest() == self.measured[path].sha256
        except OSError:
            same = False
        if not same:
            self.findings.add(Finding("verifier_differs", path))

    def _compare_manifest(self) -> None:
        """Compares the manifest with the files, and with what the log adds up to."""
        assert self.manifest is not None
        listed = {each["path"]: each for each in self.manifest["files"]}
        needed = {*_FIXED, *(make(number) for number in self.numbers for make in _PATHS)} - {MANIFEST}
        for path in sorted((needed | listed.keys()) - self.paths.keys()):
            self.findings.add(Finding("file_missing", path))
        for path in sorted(self.paths.keys() - {MANIFEST}):
            if path not in listed or not (path in needed or path.startswith(_VERIFIER)):
                self.findings.add(Finding("file_extra", path))
        for path, said in listed.items():
            found = self.measured.get(path)
            if found is None:
                continue
            if found.size != said["bytes"]:
                self._contradict("file_size", path, "", found.size, said["bytes"])
            elif found.sha256 != said["sha256"]:
                self._contradict("file_digest", path, "", found.sha256, said["sha256"])
            elif rows(path, found.lines) != said["rows"]:
                self._contradict("file_rows", path, "", rows(path, found.lines), said["rows"])
        self._compare_figures(self.manifest)

    def _compare_figures(self, manifest: dict[str, Any]) -> None:
        fold, checkpoint = self.fold, self.signed.checkpoint
        totals = [
            {"unit": unit, "debits": debits, "credits": credits, "entries": entries}
            for unit, (debits, credits, entries) in sorted(fold.totals.items())
        ]
        should: dict[str, Any] = {
            "transactions": fold.transactions,
            "events": fold.events_in_all,
            "leaves": fold.transactions + fold.events_in_all,
            "totals": totals,
        }
        if checkpoint is not None:
            should["origin"] = checkpoint.origin
            should["book"] = checkpoint.origin.rpartition("/")[2]
            should["size"] = checkpoint.size
            should["root"] = base64.b64encode(checkpoint.root).decode()
        for name, value in should.items():
            if manifest.get(name) != value:
                self._contradict("manifest_contradicts", MANIFEST, name, manifest.get(name), value)
        try:
            with self.source.open(VKEY) as file:
                vkey = file.read(4096).decode().splitlines()
        except (KeyError, UnicodeDecodeError, *Unreadable):
            return
        if vkey and manifest.get("vkey") != vkey[0]:
            self._contradict("manifest_contradicts", MANIFEST, "vkey", manifest.get("vkey"), vkey[0])

    def _contradict(self, code: str, path: str, column: str, found: object, expected: object) -> None:
        shown = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in (found, expected)]
        self.findings.add(Finding(code, path, column=column, found=shown[0], expected=shown[1]))

    def _go_on(self, done: int) -> None:
        self.done += max(done, 0)
        if self.progress is not None:
            self.progress(min(self.done, self.total), self.total)


_PATHS = (log_path, openings_path, details_path)


def rows(path: str, lines: int) -> int:
    """The rows of a file, as the manifest counts them: of a table without its header."""
    return max(lines - 1, 0) if path.endswith(".csv") else lines


class _Log:
    """The tree of the log as it grows, and its roots at the sizes of the checkpoints."""

    def __init__(self, signed: Signed) -> None:
        self._signed = signed
        self._frontier = Frontier()
        self._lines = 0
        self._roots: dict[int, bytes] = {}
        self._broken = False

    def add(self, part: Part) -> None:
        """Takes the next segment."""
        self._lines += part.leaves
        if self._frontier.size != first_leaf(part.number):
            self._broken = True
            return
        for size, peaks in part.prefixes.items():
            frontier = self._frontier.copy()
            for bits, peak in peaks:
                frontier.append_subtree(bits, peak)
            self._roots[size] = frontier.root()
        for bits, peak in part.peaks:
            self._frontier.append_subtree(bits, peak)

    def root(self) -> bytes | None:
        """The root of all that is there, None if leaves are missing inside."""
        return None if self._broken else self._frontier.root()

    def compare(self, findings: Findings) -> None:
        """Compares with the checkpoints."""
        ours = self._signed.checkpoint
        assert ours is not None
        roots = {0: Frontier().root(), **self._roots}
        if self._lines != ours.size:
            findings.add(Finding("checkpoint_size", CHECKPOINT, found=str(self._lines), expected=str(ours.size)))
        elif self.root() != ours.root:
            root = self.root()
            shown = base64.b64encode(root).decode() if root is not None else ""
            expected = base64.b64encode(ours.root).decode()
            findings.add(Finding("checkpoint_root", CHECKPOINT, found=shown, expected=expected))
        fitting, altered = 0, None
        for number, said in self._signed.earlier:
            if said.size > ours.size or roots.get(said.size) != said.root:
                findings.add(Finding("earlier_no_prefix", CHECKPOINTS, number, found=str(said.size)))
                altered = min(altered or said.size, said.size)
            elif altered is None:
                fitting = max(fitting, said.size)
        if altered is not None and self.root() != ours.root:
            findings.add(Finding("log_altered", log_path(place_of(fitting)[0]), found=f"{fitting} … {altered - 1}"))
        published = self._signed.published
        if published is not None and published.size > ours.size:
            findings.add(Finding("published_newer", found=str(published.size), expected=f"≤ {ours.size}"))
            self._signed.published = None
        elif published is not None and roots.get(published.size) != published.root:
            findings.add(Finding("published_differs", found=str(published.size)))


def _kept(opened: Opened, erased: set[str]) -> Kept:
    sign = 1 if opened.account_class in _DEBITS else -1
    return Kept(opened.account_class, sign, opened.unit, opened.floor, opened.holder in erased)


# --- derived texts


def _piece(texts: Iterable[str]) -> tuple[int, str]:
    length, digest = 0, sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        length += len(data)
        digest.update(data)
    return length, digest.hexdigest()


def _by_path(texts: Iterator[tuple[str, str]]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Consecutive texts of one path together."""
    following = next(texts, None)

    def pieces(path: str) -> Iterator[bytes]:
        nonlocal following
        while following is not None and following[0] == path:
            text, following = following[1], next(texts, None)
            yield text.encode("utf-8", "surrogatepass")

    while following is not None:
        path = following[0]
        of_path = pieces(path)
        yield path, of_path
        for _ in of_path:
            pass  # what the reader left when it found a difference


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """The lines of texts, without LF."""
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n")
        yield from whole
    if rest:
        yield rest


def _middle(path: str, shared: Shared, scope: plaintext.Scope, numbers: Sequence[int]) -> Iterator[str]:
    """The lines that a file over all segments should have."""

    def texts() -> Iterator[str]:
        accounts = list(scope.accounts)
        if path == JOURNAL:
            yield plaintext.JOURNAL_HEADER
        elif path == HLEDGER:
            yield from plaintext.hledger_head(scope)
        else:
            yield from plaintext.beancount_head(scope)
        hledger, beancount = plaintext.hledger_names(accounts), plaintext.beancount_names(accounts)
        for number in numbers:
            for _, _, line, said in derived_again(shared, number):
                if path == JOURNAL:
                    yield plaintext.journal_rows(line, said)
                elif path == HLEDGER:
                    yield plaintext.hledger_entry(line, said, hledger)
                else:
                    yield plaintext.beancount_entry(line, said, beancount)
        if path == HLEDGER:
            yield from plaintext.hledger_tail(scope)
        elif path == BEANCOUNT:
            yield from plaintext.beancount_tail(scope)

    return _lines(texts())


# --- processes


class _Workers:
    """Processes that work side by side, or this one where one is enough.

    They are started anew, not copied from this one: it may have threads, of which a copy would have none.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def ready(self, shared: Shared) -> Shared | bytes:
        """As it is handed on with each portion: written once, for as many portions as there are."""
        return shared if self._processes == 1 else pickle.dumps(shared, pickle.HIGHEST_PROTOCOL)

    def map(self, work: Callable[[A], B], portions: Sequence[A]) -> Iterator[B]:
        """What `work` makes of the portions, in their order; where there are other processes, they have begun when this
        returns.
        """
        if self._processes == 1:
            return map(work, portions)
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._processes, get_context("spawn"), gc.disable)  # nothing has cycles
        # A new process would import the main module of this one, all of the service perhaps, which it does not need.
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return self._pool.map(work, portions)
        finally:
            sys.modules["__main__"] = main


_taken: tuple[bytes, Shared] | None = None
"""What this process was told of the whole, as it was written."""


def _check(portion: tuple[Shared | bytes, int]) -> Part:
    global _taken  # noqa: PLW0603 # a process reads it once, for all the segments it checks
    told, number = portion
    if isinstance(told, Shared):
        return segments.check(told, number)
    if _taken is None or _taken[0] != told:
        _taken = told, pickle.loads(told)  # noqa: S301 # this program wrote it a moment ago
        parts.LEAVES = _taken[1].leaves  # tests have smaller ones
    return segments.check(_taken[1], number)


def _scan(portion: tuple[Source, int]) -> Scanned:
    return scanning.scan(*portion)


def _earlier(portion: tuple[list[tuple[int, bytes]], list[Any]]) -> tuple[list[Earlier], Findings]:
    return signatures.earlier(*portion)


def _compare_pieces(portion: tuple[Source, str, list[tuple[int, str]]]) -> tuple[bool, Measured | None, str]:
    """Whether a file is made of these pieces (length, digest); what it was; why it cannot be read."""
    source, path, pieces = portion
    try:
        with source.open(path) as file:
            reader = Reader(file)
            fits = all(_digest_of(reader, length) == digest for length, digest in pieces) and not reader.read(1)
            return fits, reader.measured(), reader.error
    except KeyError:
        return False, None, ""
    except Unreadable as error:
        return False, None, str(error)


def _digest_of(reader: Reader, length: int) -> str:
    digest = sha256()
    while length > 0:
        data = reader.read(min(length, 1 << 20))
        if not data:
            break
        digest.update(data)
        length -= len(data)
    return digest.hexdigest()
