"""What goes across segments, put together: numbers and balances of accounts, vouchers, ids, corrections."""

from __future__ import annotations

import contextlib
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from operator import eq

from .damage import Finding, Findings
from .parts import Correction, Part, Run, Shared, first_leaf, log_path, place_of
from .sources import Unreadable, lines_of

_BITS = 48
"""Of an id's end."""

_SLICE = 1_000_000
"""How many ids are sorted at a time."""


_NOTHING = (0, 0)
"""The number and balance of an account before its first entry."""


class Across:
    """Takes the parts in the order of their segments. `end` names what does not fit together."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.findings = Findings()
        self._reached: dict[str, tuple[int, int]] = {}
        self._waiting: dict[str, list[Run]] = {}
        self._years: dict[str, int] = {}
        self._ids: list[array[int]] = []
        self._corrections: list[Correction] = []
        self._corrected: dict[str, tuple[bytes, bool]] = {}

    def add(self, part: Part) -> None:
        """Takes a segment's part."""
        reached = self._reached
        for run in part.runs:
            code, first, before, last, after, _ = run
            if reached.get(code, _NOTHING) == (first - 1, before):
                reached[code] = last, after
            else:
                self._waiting.setdefault(code, []).append(run)
        for year, first, last, leaf in part.vouchers:
            before = self._years.get(year, 0)
            if first != before + 1:
                self._tell("voucher_gap", leaf, "", found=f"{year}-{first}", expected=f"{year}-{before + 1}")
            self._years[year] = max(before, last)
        ids: array[int] = array("Q")
        ids.frombytes(part.ids)
        self._ids.append(ids)
        self._corrections += part.corrections
        self._corrected.update(part.corrected)

    def end(self) -> Findings:
        """What is wrong."""
        self._end_runs()
        self._end_corrections()
        twice = self._twice()
        if twice:
            self._name_twice(twice)
        return self.findings

    def _end_runs(self) -> None:
        """Entries need not stand in the log in the order of their numbers; in the end they are 1, 2, 3 …"""
        for code, waiting in self._waiting.items():
            last, after = self._reached.get(code, _NOTHING)
            for _, first, before, run_last, run_after, leaf in sorted(waiting):
                if first > last + 1:
                    missing = str(last + 1) if first == last + 2 else f"{last + 1}–{first - 1}"
                    self._tell("number_gap", leaf, "", account=code, number=missing)
                elif first <= last:
                    self._tell("number_twice", leaf, "", account=code, number=str(first))
                elif before != after:
                    facts = {"found": str(before), "expected": str(after)}
                    self._tell("balance_wrong", leaf, "", account=code, number=str(first), **facts)
                if run_last > last:
                    last, after = run_last, run_after

    def _end_corrections(self) -> None:
        reversed_by: set[str] = set()
        for each in self._corrections:
            original = self._corrected.get(each.corrects)
            if original is None:
                self._tell("corrects_unknown", each.leaf, each.item, found=each.corrects)
                continue
            if each.correction != "reversal":
                continue
            if each.corrects in reversed_by:
                self._tell("reversed_twice", each.leaf, each.item, found=each.corrects)
            reversed_by.add(each.corrects)
            if original[1]:
                self._tell("reversal_reversed", each.leaf, each.item, found=each.corrects)
            if original[0] != each.mirror:
                self._tell("reversal_no_mirror", each.leaf, each.item, found=each.corrects)

    def _twice(self) -> set[int]:
        """The ends of ids that occur more than once; the ids themselves may differ."""
        total = sum(map(len, self._ids))
        slices = total // _SLICE + 1
        twice: set[int] = set()
        for part in range(slices):
            low, high = (part << _BITS) // slices, ((part + 1) << _BITS) // slices
            some: list[int] = []
            for ids in self._ids:
                some += ids[bisect_left(ids, low) : bisect_left(ids, high) if part + 1 < slices else len(ids)]
            some.sort()
            if any(map(eq, some, islice(some, 1, None))):
                twice.update(one for one, other in zip(some, islice(some, 1, None)) if one == other)
        return twice

    def _name_twice(self, twice: set[int]) -> None:
        seen: dict[bytes, int] = {}
        for leaf, item in _ids(self.shared, len(self._ids)):
            if int(item[24:], 16) in twice:
                if item in seen:
                    self._tell("id_twice", leaf, item.decode(), found=f"{seen[item]}, {leaf}")
                seen.setdefault(item, leaf)

    def _tell(self, code: str, leaf: int, item: str, **facts: str) -> None:
        number, line = place_of(leaf)
        self.findings.add(Finding(code, log_path(number), line, leaf, item, **facts))


_ID = re.compile(rb'"id":"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})","kind":')


def _ids(shared: Shared, segments: int) -> Iterator[tuple[int, bytes]]:
    """The ids of all leaves, once more."""
    for number in range(segments):
        with contextlib.suppress(KeyError, *Unreadable):
            for place, raw in enumerate(lines_of(shared.source, log_path(number))):
                found = _ID.search(raw)
                if found:
                    yield first_leaf(number) + place, found[1]
