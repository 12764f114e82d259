"""The openings of a segment beside its lines: slowly, to say which is wrong, missing, superfluous or misplaced."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from . import lines, projections
from .damage import Finding, Findings
from .lines import ANY_OPENING
from .parts import Shared, first_leaf, log_path, openings_path
from .sources import Unreadable, lines_of


class Opening(NamedTuple):
    """An opening: of which leaf, the commitment that it opens (hex) and its texts, canonical JSON. Both are None where
    they were destroyed."""

    leaf: int
    commitment: str | None
    text: str | None


def opening_of(raw: bytes) -> Opening | None:
    """The opening that a line says; None: none."""
    try:
        found = ANY_OPENING.fullmatch(raw.decode())
    except ValueError:
        return None
    if found is None:
        return None
    if found[2] is None:
        return Opening(int(found[1]), None, None)
    return Opening(int(found[1]), sha256(bytes.fromhex(found[2]) + found[3].encode()).hexdigest(), found[3])


def texts_in(text: str) -> dict[str, str] | None:
    """The texts, None if that is no JSON object of strings, written the canonical way."""
    value, problems = lines.parsed(text.encode("utf-8", "surrogatepass"))
    if value is None or problems or not all(isinstance(each, str) for each in value.values()):
        return None
    return value


_COMMITMENT = re.compile(rb'"commitment":"([0-9a-f]{64})"')
_ACCOUNT = re.compile(rb'"account":"([^"]*)"')


class _Leaf(NamedTuple):
    commitment: str
    item: str
    erased: bool
    """Whether a holder of one of its accounts was erased."""


def compare(shared: Shared, number: int) -> tuple[Findings, dict[int, str]]:
    """All lines and openings of a segment side by side: what is wrong, and place of a line → the texts that fit it."""
    leaves: list[_Leaf] = []
    with contextlib.suppress(KeyError, *Unreadable):
        leaves.extend(_leaf(shared, raw) for raw in lines_of(shared.source, log_path(number)))
    openings: list[Opening | None] = []
    try:
        openings.extend(opening_of(raw) for raw in lines_of(shared.source, openings_path(number)))
    except KeyError:
        return Findings(), {}
    except Unreadable:
        pass  # told where the file is measured
    side_by_side = _SideBySide(openings_path(number), first_leaf(number), leaves, openings)
    side_by_side.run()
    return side_by_side.findings, side_by_side.fitting


def _leaf(shared: Shared, raw: bytes) -> _Leaf:
    said = _COMMITMENT.search(raw)
    line, _ = lines.parsed(raw)
    accounts = (shared.accounts.get(code.decode(errors="replace")) for code in _ACCOUNT.findall(raw))
    erased = any(account is not None and account.erased for account in accounts)
    return _Leaf(said[1].decode() if said else "", str((line or {}).get("id", "")), erased)


class _SideBySide:
    def __init__(self, path: str, first: int, leaves: list[_Leaf], openings: list[Opening | None]) -> None:
        self.path, self.first, self.leaves, self.openings = path, first, leaves, openings
        self.findings = Findings()
        self.fitting: dict[int, str] = {}
        self.displaced: set[int] = set()
        """Openings that stand where others should, or were found elsewhere."""
        self.leaf_of = {leaf.commitment: place for place, leaf in enumerate(leaves)}
        self.opening_of = {each.commitment: at for at, each in enumerate(openings) if each and each.commitment}

    def run(self) -> None:
        """Walks down both; `place` is among the lines, `at` among the openings, both from 0."""
        place = at = 0
        while place < len(self.leaves) and at < len(self.openings):
            lines_on, openings_on = self._step(place, at)
            place, at = place + lines_on, at + openings_on
        for rest in range(place, len(self.leaves)):
            self._tell("opening_missing", rest, None)
        for rest in range(at, len(self.openings)):
            self._tell("opening_superfluous", None, rest)

    def _step(self, place: int, at: int) -> tuple[int, int]:
        """Compares one line and one opening; answers by how many to go on in each."""
        leaf, opening = self.leaves[place], self.openings[at]
        if opening is None:
            self._tell("opening_malformed", place, at)
            after = self.openings[at + 1] if at + 1 < len(self.openings) else None
            return int(after is None or after.commitment != leaf.commitment), 1
        if opening.text is None or opening.commitment is None:
            return self._destroyed(place, at, opening.leaf - self.first)
        if opening.commitment == leaf.commitment:
            if opening.leaf != self.first + place:
                self._tell("opening_index", place, at)
            if texts_in(opening.text) is None:
                self._tell("opening_malformed", place, at)
            self.fitting[place] = opening.text
            return 1, 1
        belongs, wanted = self.leaf_of.get(opening.commitment, -1), self.opening_of.get(leaf.commitment, -1)
        if belongs > place and wanted <= at and wanted not in self.displaced:
            self._tell("opening_missing", place, None)
            return 1, 0
        if belongs < place and at not in self.displaced and (wanted > at or belongs >= 0):
            self._tell("opening_superfluous", None, at)
            return 0, 1
        self._tell("opening_wrong", place, at)
        self.displaced.add(at)
        other = self.openings[wanted] if wanted >= 0 else None
        if other is not None and other.text is not None:
            self.displaced.add(wanted)
            self.fitting[place] = other.text
        return 1, 1

    def _destroyed(self, place: int, at: int, belongs: int) -> tuple[int, int]:
        """An opening without texts goes by the leaf it names."""
        if belongs > place:
            self._tell("opening_missing", place, None)
            return 1, 0
        if belongs < place:
            self._tell("opening_superfluous", None, at)
            return 0, 1
        if not self.leaves[place].erased:
            self._tell("opening_gone", place, at)
        return 1, 1

    def _tell(self, code: str, place: int | None, at: int | None) -> None:
        leaf = -1 if place is None else self.first + place
        item = "" if place is None else self.leaves[place].item
        self.findings.add(Finding(code, self.path, 0 if at is None else at + 1, leaf, item))


def derived_again(
    shared: Shared, number: int, openings: dict[int, str] | None = None
) -> Iterator[tuple[int, str, dict[str, Any], dict[str, str] | None]]:
    """Leaf, leaf hash, line and texts of the transactions of a segment that lie within the package's days: once more,
    line by line, to find the place of a damage."""
    if openings is None:
        _, openings = compare(shared, number)
    for place, raw in enumerate(lines_of(shared.source, log_path(number))):
        line, _ = lines.parsed(raw)
        if line is None or line.get("type") != "transaction":
            continue
        fields, _ = lines.transaction(line)
        if fields is None or not projections.is_between(fields.effective_on, shared.from_, shared.to):
            continue
        text = openings.get(place)
        texts = None if text is None else texts_in(text)
        yield first_leaf(number) + place, sha256(b"\0" + raw).hexdigest(), lines.as_line(fields), texts
