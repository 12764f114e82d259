"""One segment of a package, checked in one pass over its files by one process: lines, openings, and what is derived.

A segment is 65,536 leaves, aligned, so that a full one is a perfect subtree. What goes across segments (numbers of
accounts and vouchers, ids, corrections) comes back in a compact form and is put together in package.py.
"""

from __future__ import annotations

import contextlib
import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from . import lines, plaintext, projections, tree
from .damage import Finding
from .differences import differences
from .fold import PACKED_DEBIT, Fold
from .lines import ENTRIES, OPENING, TRANSACTION, Fields
from .openings import compare, derived_again, opening_of, texts_in
from .parts import (
    BEANCOUNT,
    DERIVED,
    HLEDGER,
    Correction,
    Kept,
    Part,
    Run,
    Shared,
    details_path,
    first_leaf,
    log_path,
    openings_path,
)
from .sources import Reader, Unreadable, lines_of

_BITS = 32
"""More than the levels of a tree."""


def check(shared: Shared, number: int) -> Part:
    """Checks a segment."""
    try:
        return _Segment(shared, number).run()
    except _OpeningsDiffer:
        findings, openings = compare(shared, number)
        part = _Segment(shared, number, openings).run()
        part.findings.merge(findings)
        return part


class _OpeningsDiffer(Exception):
    """An opening does not fit its line: then all are looked at side by side."""


class _Segment:
    def __init__(self, shared: Shared, number: int, openings: dict[int, str] | None = None) -> None:
        """`openings`: line of the segment → the texts that fit it, where openings and lines do not fit one by one."""
        self.shared = shared
        self.first = first_leaf(number)
        self.openings = openings
        self.part = Part(number, fold=Fold(from_=shared.from_, to=shared.to))
        self.findings = self.part.findings
        self.file = log_path(number)
        self.hashes: list[bytes] = []
        self.ids = array("Q")
        self.runs: dict[str, list[Any]] = {}
        self.days = lines.Days()
        self.periods: dict[str, tuple[dict[str, int], bool]] = {}
        self.year = ""
        self.voucher = -1
        self.hledger = _names(shared, HLEDGER, plaintext.hledger_names)
        self.beancount = _names(shared, BEANCOUNT, plaintext.beancount_names)
        self.derived = [sha256() for _ in DERIVED]
        self.lengths = [0] * len(DERIVED)

    def run(self) -> Part:
        part, shared = self.part, self.shared
        with contextlib.ExitStack() as stack:
            log = self._reader(stack, self.file)
            openings = self._reader(stack, openings_path(part.number))
            details = self._reader(stack, details_path(part.number))
            if log is None:
                return part
            compared = details if shared.derive else None
            fits = compared is None or compared.read(len(projections.GL_HEADER)) == projections.GL_HEADER.encode()
            for raws in log.blocks():
                given = None if openings is None or self.openings is not None else openings.take(len(raws))
                text = self._block(raws, given)
                if compared is not None and fits:
                    fits = compared.read(len(text)) == text
            if openings is not None and self.openings is None and openings.take(1):
                raise _OpeningsDiffer
            if compared is not None and (not fits or compared.read(1)):
                self._compare_details()
            for path, reader in (
                (self.file, log),
                (openings_path(part.number), openings),
                (details_path(part.number), details),
            ):
                if reader is not None:
                    part.measured[path] = reader.measured()
                    if reader.error:
                        self.findings.add(Finding("file_unreadable", path, found=reader.error))
        self._finish()
        return part

    def _reader(self, stack: contextlib.ExitStack, path: str) -> Reader | None:
        try:
            return Reader(stack.enter_context(self.shared.source.open(path)))
        except KeyError:
            return None  # told by whoever compares the manifest with what is there
        except Unreadable as error:
            self.findings.add(Finding("file_unreadable", path, found=str(error)))
            return None

    # --- lines

    def _block(self, raws: list[bytes], openings: list[bytes] | None) -> bytes:
        """Checks some lines, beginning with the leaf after those that were; answers their rows of GL_Details."""
        start = self.first + len(self.hashes)
        hashes = [sha256(b"\0" + raw).digest() for raw in raws]
        self.hashes += hashes
        if openings is not None and len(openings) < len(raws):
            raise _OpeningsDiffer
        texts_of = self._texts if self.openings is None else self._texts_found
        details: list[str] = []
        journal: list[str] = []
        hledger: list[str] = []
        beancount: list[str] = []
        shared = self.shared
        match, find_entries, gl_details = TRANSACTION.fullmatch, ENTRIES.findall, projections.gl_details
        ids, is_reversed, derive = self.ids, shared.reversed, shared.derive
        for place, raw in enumerate(raws):
            index = start + place
            try:
                found = match(raw.decode())
            except UnicodeDecodeError:
                found = None
            if found:
                groups = found.groups()
                entries = find_entries(groups[9])
                fields = Fields._make((*groups[:9], entries, *groups[10:]))
            else:
                other = self._other(index, raw, openings[place] if openings is not None else None)
                if other is None:
                    continue
                fields = other
                entries = fields.entries
            item = fields[10]
            ids.append(int(item[19:23] + item[24:], 16))
            texts = texts_of(index, fields[4], openings[place] if openings is not None else None, entries)
            is_shown = self._transaction(index, fields)
            if not derive or not is_shown:
                continue
            line: dict[str, Any] = {
                "type": "transaction",
                "v": "1",
                "actor": fields[0],
                "book": fields[2],
                "client": fields[3],
                "effective_on": fields[8],
                "entries": [
                    {"account": account, "balance": balance, side: amount, "number": number, "unit": unit}
                    for account, balance, side, amount, number, unit in entries
                ],
                "id": item,
                "kind": fields[11],
                "recorded_at": fields[12],
                "voucher": fields[14],
            }
            if fields[1] is not None:
                line["approver"] = fields[1]
            if fields[5] is not None:
                line["correction"], line["corrects"] = fields[5], fields[6]
            details.append(gl_details(index, hashes[place].hex(), line, texts, item in is_reversed))
            journal.append(plaintext.journal_rows(line, texts))
            hledger.append(plaintext.hledger_entry(line, texts, self.hledger))
            beancount.append(plaintext.beancount_entry(line, texts, self.beancount))
        for at, pieces in enumerate((journal, hledger, beancount)):
            data = "".join(pieces).encode("utf-8", "surrogatepass")
            self.derived[at].update(data)
            self.lengths[at] += len(data)
        return "".join(details).encode("utf-8", "surrogatepass")

    def _other(self, index: int, raw: bytes, opening: bytes | None) -> Fields | None:
        """A line that is no transaction of the usual form: an event, which is dealt with, or one to be looked at."""
        line, problems = lines.parsed(raw)
        fields: Fields | None = None
        if line is None:
            pass
        elif line.get("type") == "transaction":
            fields, wrong = lines.transaction(line)
            problems += wrong
        elif line.get("type") == "event":
            wrong = lines.event(line)
            problems += wrong
            if not wrong:
                self._event(index, line, opening)
        else:
            problems.append(lines.Problem("line_malformed", "type", str(line.get("type", ""))))
        item = str(line.get("id", "")) if line is not None else ""
        for code, column, found in problems:
            self._tell(code, index, item, column=column, found=found)
        return fields

    def _event(self, index: int, line: dict[str, Any], opening: bytes | None) -> None:
        item = line["id"]
        self.ids.append(int(item[19:23] + item[24:], 16))
        if line["book"] != self.shared.book:
            self._tell("line_book", index, item, found=line["book"], expected=self.shared.book)
        texts_of = self._texts if self.openings is None else self._texts_found
        texts = texts_of(index, line["commitment"], opening, ())
        self.part.fold.add_event(index, line, texts)

    def _transaction(self, index: int, fields: Fields) -> bool:
        """Checks what a transaction says and adds it up; answers whether its day is one of the package's."""
        actor, approver, book, _, _, correction, corrects, effective_at, day, entries, item, kind = fields[:12]
        fold, shared = self.part.fold, self.shared
        if book != shared.book:
            self._tell("line_book", index, item, found=book, expected=shared.book)
        if self.days[effective_at[:13]] != day:
            self._tell("day_wrong", index, item, found=day, expected=self.days[effective_at[:13]])
        fold.transactions += 1
        fold.kinds[kind] = fold.kinds.get(kind, 0) + 1
        fold.actors.add(actor)
        if approver is not None:
            fold.actors.add(approver)
        known = self.periods.get(day)
        if known is None:
            known = self._period(day)
        month, is_shown = known
        self._number(index, item, fields[12], fields[14])

        totals, accounts, runs = fold.totals, shared.accounts, self.runs
        left: dict[str, int] = {}
        below = False
        for code, balance, side, amount, number, unit in entries:
            units = int(amount)
            total = totals.get(unit)
            if total is None:
                total = totals[unit] = [0, 0, 0]
            total[2] += 1
            if side == "debit":
                total[0] += units
                month[code] = month.get(code, 0) + units * PACKED_DEBIT
            else:
                total[1] += units
                month[code] = month.get(code, 0) + units
                units = -units
            left[unit] = left.get(unit, 0) + units
            account = accounts.get(code)
            if account is None:
                self._tell("account_unknown", index, item, account=code)
                continue
            if account[2] != unit:
                self._tell("account_unit", index, item, account=code, found=unit, expected=account[2])
            units *= account[1]
            place, after = int(number), int(balance)
            run = runs.get(code)
            if run is None:
                runs[code] = [place, after - units, place, after, index, item]
            elif place == run[2] + 1:
                if after != run[3] + units:
                    self._tell(
                        "balance_wrong", index, item, account=code, number=number, found=balance,
                        expected=str(run[3] + units),
                    )  # fmt: skip
                run[2], run[3] = place, after
            else:
                self.part.runs.setdefault(code, []).append(Run(*run))
                runs[code] = [place, after - units, place, after, index, item]
            below = below or (account[3] is not None and after < account[3])
        for unit, amount_left in left.items():
            if amount_left:
                self._tell("unbalanced", index, item, unit=unit, found=str(amount_left), expected="0")
        if below:
            self._tell_below(index, fields)
        if correction is not None or item in shared.corrected:
            self._correction(index, item, correction, corrects, entries)
        return is_shown

    def _period(self, day: str) -> tuple[dict[str, int], bool]:
        fold, shared = self.part.fold, self.shared
        fold.first_on = min(filter(None, (fold.first_on, day)))
        fold.last_on = max(fold.last_on, day)
        month = fold.months.month(projections.period_key(day, shared.from_, shared.to))
        self.periods[day] = month, projections.is_between(day, shared.from_, shared.to)
        return self.periods[day]

    def _number(self, index: int, item: str, recorded_at: str, voucher: str) -> None:
        """The voucher number follows the one before of its year."""
        year, number = voucher[:4], int(voucher[5:])
        part = self.part
        if year == self.year and number == self.voucher + 1:
            self.voucher = number
        else:
            if self.year:
                part.vouchers[-1] = (*part.vouchers[-1][:2], self.voucher, part.vouchers[-1][3])
            part.vouchers.append((year, number, number, index))
            self.year, self.voucher = year, number
        if self.days[recorded_at[:13]][:4] != year:
            self._tell("day_wrong", index, item, column="voucher", found=voucher, expected=recorded_at)

    def _correction(
        self, index: int, item: str, correction: str | None, corrects: str | None, entries: Sequence[tuple[str, ...]]
    ) -> None:
        sides = sorted((code, side, amount) for code, _, side, amount, _, _ in entries)
        if item in self.shared.corrected:
            self.part.corrected[item] = _digest(sides), correction == "reversal"
        if correction is not None and corrects is not None:
            other = {"debit": "credit", "credit": "debit"}
            mirror = _digest(sorted((code, other[side], amount) for code, side, amount in sides))
            self.part.corrections.append(Correction(corrects, correction, index, item, mirror))

    def _tell_below(self, index: int, fields: Fields) -> None:
        """Floors hold for a transaction as a whole: what counts is an account's last balance in it."""
        last = {entry[0]: entry for entry in fields.entries}
        for code, entry in last.items():
            account = self.shared.accounts.get(code)
            if account is not None and account.floor is not None and int(entry[1]) < account.floor:
                place = {"account": code, "number": entry[4]}
                self._tell("below_floor", index, fields.id, **place, found=entry[1], expected=f"≥ {account.floor}")

    def _tell(self, code: str, index: int, item: str, **facts: str) -> None:
        line = index - self.first + 1
        self.findings.add(Finding(code, self.file, line, index, item, **facts))

    # --- openings

    def _texts(
        self, index: int, commitment: str, opening: bytes | None, entries: Sequence[tuple[str, ...]]
    ) -> dict[str, str] | None:
        """The texts of an opening, which must fit the line's commitment; None: destroyed, or no openings are there."""
        if opening is None:
            return None
        try:
            text = opening.decode()
        except UnicodeDecodeError:
            raise _OpeningsDiffer from None
        usual = OPENING.fullmatch(text)
        if usual:
            leaf, salt, texts, description, key = usual.groups()
            if leaf != str(index) or sha256(bytes.fromhex(salt) + texts.encode()).hexdigest() != commitment:
                raise _OpeningsDiffer
            if "\\" not in texts:
                return {"description": description, "key": key}
            with contextlib.suppress(ValueError):
                return dict(json.loads(texts))
        found = opening_of(opening)
        if found is None or found.leaf != index:
            raise _OpeningsDiffer
        if found.text is None:
            if self._is_erased(entries):
                return None
            raise _OpeningsDiffer
        value = texts_in(found.text)
        if found.commitment != commitment or value is None:
            raise _OpeningsDiffer
        return value

    def _texts_found(
        self, index: int, commitment: str, opening: bytes | None, entries: Sequence[tuple[str, ...]]
    ) -> dict[str, str] | None:
        assert self.openings is not None
        text = self.openings.get(index - self.first)
        return None if text is None else texts_in(text)

    def _is_erased(self, entries: Sequence[tuple[str, ...]]) -> bool:
        accounts = self.shared.accounts
        return any(entry[0] in accounts and accounts[entry[0]].erased for entry in entries)

    # --- the end

    def _compare_details(self) -> None:
        """Names the cells and rows of GL_Details that differ from the log."""
        path = details_path(self.part.number)
        for each in differences(path, self._details(), lines_of(self.shared.source, path), table=True):
            self.findings.add(each)

    def _details(self) -> Iterator[str]:
        yield projections.GL_HEADER[:-1]
        for index, leaf, line, texts in derived_again(self.shared, self.part.number, self.openings):
            rows = projections.gl_details(index, leaf, line, texts, line["id"] in self.shared.reversed)
            yield from rows.split("\n")[:-1]

    def _finish(self) -> None:
        part, shared = self.part, self.shared
        part.leaves = len(self.hashes)
        levels = tree.levels_of(self.hashes)
        part.peaks = _peaks(levels, part.leaves)
        for size in shared.sizes:
            if self.first < size <= self.first + part.leaves:
                part.prefixes[size] = _peaks(levels, size - self.first)
        part.ids = array("Q", sorted(self.ids)).tobytes()
        for code, run in self.runs.items():
            part.runs.setdefault(code, []).append(Run(*run))
        if part.vouchers:
            year, first, _, leaf = part.vouchers[-1]
            part.vouchers[-1] = year, first, self.voucher, leaf
        part.fold.book = shared.book
        part.pieces = {
            path: (length, digest.hexdigest()) for path, length, digest in zip(DERIVED, self.lengths, self.derived)
        }


class _Names(plaintext.Names):
    """The names of accounts in a file, made when they are asked for."""

    def __init__(self, known: dict[str, Kept], make: Callable[[Any], plaintext.Names]) -> None:
        super().__init__()
        self._known, self._make = known, make

    def __missing__(self, code: str) -> str:
        account = self._known.get(code)
        if account is None:
            return super().__missing__(code)
        self[code] = self._make([_Named(code, account.account_class)])[code]
        return self[code]


def _names(shared: Shared, path: str, make: Callable[[Any], plaintext.Names]) -> plaintext.Names:
    """The names, which all segments that this process checks have in common."""
    found = shared.names.get(path)
    if found is None:
        found = shared.names[path] = _Names(shared.accounts, make)
    return found


class _Named(NamedTuple):
    code: str
    account_class: str


def _digest(entries: list[tuple[str, str, str]]) -> bytes:
    return sha256(repr(entries).encode()).digest()[:16]


def _peaks(levels: list[list[bytes]], size: int) -> list[tuple[int, bytes]]:
    """The full subtrees of the first `size` leaves."""
    peaks, place = [], 0
    for bits in range(_BITS, -1, -1):
        if size >> bits & 1:
            peaks.append((bits, levels[bits][place >> bits]))
            place += 1 << bits
    return peaks
