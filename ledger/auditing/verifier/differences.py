"""Where a file differs from what it should be: line by line, finding its feet again after lines too many or too few."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator

from .damage import Finding

_WINDOW = 2000
"""How far ahead a line is looked for that does not stand where it should."""


def differences(file: str, expected: Iterable[str], actual: Iterable[bytes], *, table: bool) -> Iterator[Finding]:
    """What is wrong with a file whose lines (without LF) are `actual` and should be `expected`.

    Of a table the cells that differ are named; its first line says the columns.
    """
    columns: list[str] = []
    number = 0
    for kind, should, is_ in _aligned(iter(expected), iter(actual)):
        number += kind != "missing"
        if table and not columns:
            columns = _cells(should if should is not None else _text(is_))
        if kind == "same":
            continue
        where = {"file": file, "line": number}
        if should is not None:
            where.update(_place(should, columns))
        elif is_ is not None:
            where.update(_place(_text(is_), columns))
        if kind == "missing":
            yield Finding("row_missing", **{**where, "line": number + 1}, expected=should or "")  # type: ignore[arg-type]
        elif kind == "superfluous":
            yield Finding("row_superfluous", **where, found=_text(is_))  # type: ignore[arg-type]
        elif should is not None:
            yield from _changed(where, should, _text(is_), columns if table else [])


def _changed(where: dict[str, object], should: str, is_: str, columns: list[str]) -> Iterator[Finding]:
    wanted, found = _cells(should), _cells(is_)
    if not columns or not len(wanted) == len(found) == len(columns):
        yield Finding("text_differs", **where, found=is_, expected=should)  # type: ignore[arg-type]
        return
    told = False
    for column, one, other in zip(columns, found, wanted):
        if one != other:
            told = True
            yield Finding("cell_differs", **where, column=column, found=one, expected=other)  # type: ignore[arg-type]
    if not told:  # the same cells, written in another way
        yield Finding("text_differs", **where, found=is_, expected=should)  # type: ignore[arg-type]


def _aligned(expected: Iterator[str], actual: Iterator[bytes]) -> Iterator[tuple[str, str | None, bytes | None]]:
    """Pairs of lines: "same", "changed", "missing" (only expected) or "superfluous" (only there)."""
    wanted: deque[str] = deque()
    found: deque[bytes] = deque()
    while True:
        if not wanted:
            wanted.extend(line for _, line in zip(range(1), expected))
        if not found:
            found.extend(line for _, line in zip(range(1), actual))
        if not wanted or not found:
            break
        if wanted[0].encode("utf-8", "surrogatepass") == found[0]:
            yield "same", wanted.popleft(), found.popleft()
            continue
        wanted.extend(line for _, line in zip(range(_WINDOW - len(wanted)), expected))
        found.extend(line for _, line in zip(range(_WINDOW - len(found)), actual))
        should, is_ = wanted[0].encode("utf-8", "surrogatepass"), found[0]
        later = next((at for at, line in enumerate(found) if line == should), None)
        text = _text(is_)
        earlier = next((at for at, line in enumerate(wanted) if line == text), None)
        if later is not None and (earlier is None or later <= earlier):
            for _ in range(later):
                yield "superfluous", None, found.popleft()
        elif earlier is not None:
            for _ in range(earlier):
                yield "missing", wanted.popleft(), None
        else:
            yield "changed", wanted.popleft(), found.popleft()
    for line in [*wanted, *expected]:
        yield "missing", line, None
    for rest in [*found, *actual]:
        yield "superfluous", None, rest


def _text(line: bytes | None) -> str:
    return "" if line is None else line.decode("utf-8", "replace")


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []


def _place(line: str, columns: list[str]) -> dict[str, object]:
    """Whose row it is, as far as the table says it."""
    cells = _cells(line) if columns else []
    if len(cells) != len(columns):
        return {}
    named = dict(zip(columns, cells))
    place: dict[str, object] = {
        "item": named.get("Journal_ID") or named.get("Event_ID") or "",
        "account": named.get("GL_Account_Number", ""),
        "number": named.get("Entry_Number", ""),
    }
    if named.get("Leaf_Index", "").isdecimal():
        place["leaf"] = int(named["Leaf_Index"])
    return place
