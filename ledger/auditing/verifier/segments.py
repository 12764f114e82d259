"""One segment of a package, checked in one pass over its files by one process: lines, openings, and what is derived.

A segment is 65,536 leaves, aligned, so that a full one is a perfect subtree. What goes across segments (numbers of
accounts and vouchers, ids, corrections) comes back in a compact form and is put together in package.py.
"""

from __future__ import annotations

import contextlib
import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from . import lines, plaintext, projections, quick, tree
from .damage import Finding
from .differences import differences
from .fold import PACKED_DEBIT, Fold
from .lines import ENTRIES, OPENING, TRANSACTION, Fields
from .openings import compare, derived_again, opening_of, texts_in
from .parts import (
    DERIVED,
    Correction,
    Part,
    Shared,
    details_path,
    first_leaf,
    log_path,
    openings_path,
)
from .quick import OpeningDiffers
from .sources import Reader, Unreadable, lines_of
from .usual import Entry, Held, Kept, Named, Texts, derive, is_usual, one_a_byte

_BITS = 32
"""More than the levels of a tree."""

_NONE = ("", "", "", "")


def check(shared: Shared, number: int) -> Part:
    """Checks a segment."""
    try:
        return _Segment(shared, number).run()
    except OpeningDiffers:
        shared.held.clear()  # they hold what was counted until there
        findings, openings = compare(shared, number)
        part = _Segment(shared, number, openings).run()
        part.findings.merge(findings)
        return part


class _Segment:
    def __init__(self, shared: Shared, number: int, openings: dict[int, str] | None = None) -> None:
        """`openings`: line of the segment → the texts that fit it, where openings and lines do not fit one by one."""
        self.shared = shared
        self.first = first_leaf(number)
        self.openings = openings
        self.part = Part(number, fold=Fold(from_=shared.from_, to=shared.to))
        self.findings = self.part.findings
        self.totals = self.part.fold.totals
        self.file = log_path(number)
        self.hashes: list[bytes] = []
        self.ids: list[str] = []
        self.met: list[Held] = []
        self.days = lines.Days()
        self.periods: dict[str, tuple[dict[str, int], bool]] = {}
        self.kinds: list[str] = []
        self.year = ""
        self.voucher = -1
        self.hour = ""
        """The last hour (UTC) in which something was recorded, in the voucher's year."""
        self.hledger = _Names(shared.accounts, plaintext.hledger_names)
        self.beancount = _Names(shared.accounts, plaintext.beancount_names)
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
            for data in log.chunks():
                text = self._block(data, None if self.openings is not None else openings)
                if compared is not None and fits:
                    fits = compared.read(len(text)) == text
            if openings is not None and self.openings is None and openings.take(1):
                raise OpeningDiffers
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

    def _block(self, data: bytes, reader: Reader | None) -> bytes:
        """Checks some lines, beginning with the leaf after those that were, with their openings, if there are any to be
        read; answers their rows of GL_Details.
        """
        start, shared = self.first + len(self.hashes), self.shared
        raws = data.split(b"\n")[:-1]
        hashes = [sha256(b"\0" + raw).digest() for raw in raws]
        self.hashes += hashes
        openings: list[bytes] | None = None
        if reader is not None:
            openings = reader.take(len(raws))
            if len(openings) < len(raws):
                raise OpeningDiffers

        def otherwise(place: int) -> Texts | None:
            opening = openings[place] if openings is not None else None
            return self._line(start + place, raws[place], opening, hashes[place])

        opened = b"\n".join(openings) + b"\n" if openings is not None else b""
        if openings is None or not _is_utf_8(opened):
            found = (otherwise(place) for place in range(len(raws)))
            derived = [each for each in found if each is not None]
        else:
            derived = quick.check(
                *(self, start, data, opened, hashes),
                book=shared.book,
                held=shared.held,
                corrected=shared.corrected,
                reversed_=shared.reversed,
                derive=shared.derive,
                ids=self.ids,
                kinds=self.kinds,
                actors=self.part.fold.actors,
                otherwise=otherwise,
            )
        details, *others = ("".join(pieces).encode("latin-1") for pieces in zip(*derived or [_NONE]))
        for at, each in enumerate(others):
            self.derived[at].update(each)
            self.lengths[at] += len(each)
        return details

    def _line(self, index: int, raw: bytes, opening: bytes | None, digest: bytes) -> Texts | None:
        """Checks a line of any kind; answers what is derived from it."""
        try:
            found = TRANSACTION.fullmatch(raw.decode())
        except UnicodeDecodeError:
            found = None
        if found:
            groups = found.groups()
            head, entries, tail = groups[:9], ENTRIES.findall(groups[9]), groups[10:]
        else:
            fields = self._other(index, raw, opening)
            if fields is None:
                return None
            head, entries, tail = fields[:9], fields.entries, fields[10:]
        item = tail[0]
        self.ids.append(item)
        self.kinds.append(tail[1])
        texts_of = self._texts if self.openings is None else self._texts_found
        texts, usual = texts_of(index, head[4], opening, entries)
        held, is_shown = self._transaction(index, head, entries, tail)
        if not (self.shared.derive and is_shown):
            return None
        leaf, reversed_later = digest.hex(), item in self.shared.reversed
        if usual and held is not None and texts is not None and raw.isascii():
            return derive(index, leaf, head, entries, tail, held, texts, reversed_later)
        line = lines.as_line(Fields._make((*head, list(entries), *tail)))
        return (
            one_a_byte(projections.gl_details(index, leaf, line, texts, reversed_later)),
            one_a_byte(plaintext.journal_rows(line, texts)),
            one_a_byte(plaintext.hledger_entry(line, texts, self.hledger)),
            one_a_byte(plaintext.beancount_entry(line, texts, self.beancount)),
        )

    def _other(self, index: int, raw: bytes, opening: bytes | None) -> Fields | None:
        """A line that is no transaction of the usual form: an event, which is dealt with, or one to be looked at."""
        opened = lines.opened(raw)
        if opened is not None:
            self._event(index, opened, opening)
            return None
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
            self.tell(code, index, item, column=column, found=found)
        return fields

    def _event(self, index: int, line: dict[str, Any], opening: bytes | None) -> None:
        item = line["id"]
        self.ids.append(item)
        if line["book"] != self.shared.book:
            self.tell("line_book", index, item, found=line["book"], expected=self.shared.book)
        texts_of = self._texts if self.openings is None else self._texts_found
        texts, _ = texts_of(index, line["commitment"], opening, ())
        self.part.fold.add_event(index, line, texts)

    def _transaction(
        self, index: int, head: Sequence[Any], entries: Sequence[Entry], tail: Sequence[Any]
    ) -> tuple[list[Held] | None, bool]:
        """Checks what a transaction says (the fields before and after its entries) and adds it up; answers its
        accounts, None where one was never opened or has another unit, and whether its day is one of the package's.
        """
        actor, approver, book, _, _, correction, corrects, effective_at, day = head
        item, _, recorded_at, _, voucher = tail
        shared = self.shared
        if book != shared.book:
            self.tell("line_book", index, item, found=book, expected=shared.book)
        if self.days[effective_at[:13]] != day:
            self.tell("day_wrong", index, item, found=day, expected=self.days[effective_at[:13]])
        self.part.fold.actors.add(actor)
        if approver is not None:
            self.part.fold.actors.add(approver)
        month, is_shown = self.periods.get(day) or self.period(day)
        number = int(voucher[5:])
        if number != self.voucher + 1 or recorded_at[:13] != self.hour or voucher[:4] != self.year:
            self.number(index, item, recorded_at, voucher, number)
        self.voucher = number

        get, held_all = shared.held.get, []
        one_unit, left, unlike, strange, below = entries[0][5], 0, False, False, False
        for code, balance, side, amount, entry_number, unit in entries:
            held = get(code) or self.hold(code, unit)
            held_all.append(held)
            if held.known_unit != unit:
                self._strange(index, item, held, unit, side, int(amount), month)
                unlike = strange = True
                continue
            if unit != one_unit:
                unlike = True
            if held.month is not month:
                self.turn(held, month)
            units = int(amount)
            if side == "debit":
                held.debits += units
            else:
                held.credits += units
                units = -units
            left += units
            units *= held.sign
            after, place = int(balance), int(entry_number)
            if place != held.number + 1:
                self.begin(held, index, place, after - units)
            elif after != held.balance + units:
                facts = {"number": entry_number, "found": balance, "expected": str(held.balance + units)}
                self.tell("balance_wrong", index, item, account=code, **facts)
            held.number, held.balance = place, after
            if after < held.floor:
                below = True
        if left or unlike:
            self._tell_unbalanced(index, item, entries)
        if unlike:
            for entry in entries:
                self.total(entry[5])[2] += 1
        else:
            self.total(one_unit)[2] += len(entries)
        if below:
            self.tell_below(index, item, entries)
        if correction is not None or item in shared.corrected:
            self.correction(index, item, correction, corrects, entries)
        return None if strange else held_all, is_shown

    def hold(self, code: str, unit: str) -> Held:
        """The account of an entry, met for the first time by this process."""
        account = self.shared.accounts.get(code)
        self.shared.held[code] = Held(code, account, unit)
        return self.shared.held[code]

    def _strange(
        self, index: int, item: str, held: Held, unit: str, side: str, amount: int, month: dict[str, int]
    ) -> None:
        """An entry of an account that was never opened, or has another unit."""
        if held.known_unit:
            self.tell("account_unit", index, item, account=held.code, found=unit, expected=held.known_unit)
        else:
            self.tell("account_unknown", index, item, account=held.code)
        self._add(held.code, unit, month, *((amount, 0) if side == "debit" else (0, amount)))

    def turn(self, held: Held, month: dict[str, int] | None) -> None:
        """Adds up what an account moved in a month; another follows."""
        if held.month is None:
            held.number = held.first = -1
            self.met.append(held)
        else:
            self._add(held.code, held.known_unit, held.month, held.debits, held.credits)
        held.month, held.debits, held.credits = month, 0, 0

    def _add(self, code: str, unit: str, month: dict[str, int], debits: int, credits: int) -> None:
        total = self.total(unit)
        total[0] += debits
        total[1] += credits
        month[code] = month.get(code, 0) + debits * PACKED_DEBIT + credits

    def total(self, unit: str) -> list[int]:
        return self.totals.get(unit) or self.totals.setdefault(unit, [0, 0, 0])

    def begin(self, held: Held, index: int, number: int, before: int) -> None:
        """An entry number that does not follow the one before: another may come later in the log."""
        self._end_run(held)
        held.first, held.before, held.leaf = number, before, index

    def _end_run(self, held: Held) -> None:
        if held.first >= 0:
            run = held.code, held.first, held.before, held.number, held.balance, held.leaf
            self.part.runs.append(run)

    def period(self, day: str) -> tuple[dict[str, int], bool]:
        fold, shared = self.part.fold, self.shared
        fold.first_on = min(filter(None, (fold.first_on, day)))
        fold.last_on = max(fold.last_on, day)
        month = fold.months.month(projections.period_key(day, shared.from_, shared.to))
        self.periods[day] = month, projections.is_between(day, shared.from_, shared.to)
        return self.periods[day]

    def number(self, index: int, item: str, recorded_at: str, voucher: str, number: int) -> None:
        """A voucher number that does not follow the one before, or another hour or year."""
        year, vouchers = voucher[:4], self.part.vouchers
        if year != self.year or number != self.voucher + 1:
            self._end_vouchers()
            vouchers.append((year, number, number, index))
        if self.days[recorded_at[:13]][:4] != year:
            self.tell("day_wrong", index, item, column="voucher", found=voucher, expected=recorded_at)
        self.year, self.hour = year, recorded_at[:13]

    def _end_vouchers(self) -> None:
        vouchers = self.part.vouchers
        if vouchers:
            year, first, _, leaf = vouchers[-1]
            vouchers[-1] = year, first, self.voucher, leaf

    def _tell_unbalanced(self, index: int, item: str, entries: Sequence[Entry]) -> None:
        left: dict[str, int] = {}
        for _, _, side, amount, _, unit in entries:
            left[unit] = left.get(unit, 0) + (int(amount) if side == "debit" else -int(amount))
        for unit, units in left.items():
            if units:
                self.tell("unbalanced", index, item, unit=unit, found=str(units), expected="0")

    def tell_below(self, index: int, item: str, entries: Sequence[Entry]) -> None:
        """Floors hold for a transaction as a whole: what counts is an account's last balance in it."""
        for code, entry in {entry[0]: entry for entry in entries}.items():
            if int(entry[1]) < (floor := self.shared.held[code].floor):
                facts = {"account": code, "number": entry[4], "found": entry[1], "expected": f"≥ {floor}"}
                self.tell("below_floor", index, item, **facts)

    def correction(
        self, index: int, item: str, correction: str | None, corrects: str | None, entries: Sequence[tuple[str, ...]]
    ) -> None:
        sides = sorted((code, side, amount) for code, _, side, amount, _, _ in entries)
        if item in self.shared.corrected:
            self.part.corrected[item] = _digest(sides), correction == "reversal"
        if correction is not None and corrects is not None:
            other = {"debit": "credit", "credit": "debit"}
            mirror = _digest(sorted((code, other[side], amount) for code, side, amount in sides))
            self.part.corrections.append(Correction(corrects, correction, index, item, mirror))

    def tell(self, code: str, index: int, item: str, **facts: str) -> None:
        line = index - self.first + 1
        self.findings.add(Finding(code, self.file, line, index, item, **facts))

    # --- openings

    def _texts(
        self, index: int, commitment: str, opening: bytes | None, entries: Sequence[tuple[str, ...]]
    ) -> tuple[dict[str, str] | None, bool]:
        """The texts of an opening, which must fit the line's commitment, and whether they are usual ones; None: they
        were destroyed, or no openings are there.
        """
        if opening is None:
            return None, False
        try:
            usual = OPENING.fullmatch(opening.decode())
        except UnicodeDecodeError:
            raise OpeningDiffers from None
        if usual:
            leaf, salt, texts, description, key, name = usual.groups()
            if leaf != str(index) or sha256(bytes.fromhex(salt) + texts.encode()).hexdigest() != commitment:
                raise OpeningDiffers
            if "\\" not in texts:
                if name is not None:
                    return {"name": name}, False
                return {"description": description, "key": key}, is_usual(texts, description)
            with contextlib.suppress(ValueError):
                return dict(json.loads(texts)), False
        found = opening_of(opening)
        if found is None or found.leaf != index:
            raise OpeningDiffers
        if found.text is None:
            if self._is_erased(entries):
                return None, False
            raise OpeningDiffers
        value = texts_in(found.text)
        if found.commitment != commitment or value is None:
            raise OpeningDiffers
        return value, False

    def _texts_found(
        self, index: int, commitment: str, opening: bytes | None, entries: Sequence[tuple[str, ...]]
    ) -> tuple[dict[str, str] | None, bool]:
        assert self.openings is not None
        text = self.openings.get(index - self.first)
        return (None if text is None else texts_in(text)), False

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
        part.ids = array("Q", sorted([int(item[24:], 16) for item in self.ids])).tobytes()
        for held in self.met:
            self.turn(held, None)
            self._end_run(held)
        self._end_vouchers()
        part.fold.transactions = len(self.kinds)
        part.fold.kinds = dict(Counter(self.kinds))
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
        return (
            super().__missing__(code)
            if account is None
            else self._make([Named(code, account.account_class, account.unit)])[code]
        )


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


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
