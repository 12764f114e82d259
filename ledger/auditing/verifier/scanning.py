"""A quick look over all segments, for what must be known of the whole log before each segment is checked."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from . import lines
from .parts import Opened, Scanned, log_path
from .sources import Source, Unreadable

_BLOCK = 1 << 22
_BLOCK = 1 << 22
_OPENED, _ERASED, _CORRECTS = b'"kind":"account_opened"', b'"kind":"erased"', b'"correction":"'
_CORRECTION = re.compile(rb'"correction":"([a-z_]*)","corrects":"([0-9a-f-]{36})"')


def scan(source: Source, number: int) -> Scanned:
    """Looks for what must be known of all segments before each is checked. What cannot be read is told later."""
    found = Scanned([], [], [])
    with contextlib.suppress(KeyError, *Unreadable), source.open(log_path(number)) as file:
        rest = b""
        while block := file.read(_BLOCK):
            cut = block.rfind(b"\n") + 1
            data, rest = (rest + block[:cut], block[cut:]) if cut else (b"", rest + block)
            _scan(data, found)
        _scan(rest, found)
    return found


def _scan(data: bytes, found: Scanned) -> None:
    for at in _places(data, _OPENED):
        raw = _line(data, at)
        line = lines.opened(raw) or _event(raw)
        if line is not None and line["kind"] == "account_opened":
            facts = line["facts"]
            floor = int(facts["floor"]) if "floor" in facts else None
            holder = facts.get("holder", "")
            found.opened.append(Opened(line["id"], facts["account"], facts["class"], facts["unit"], floor, holder))
    for at in _places(data, _ERASED):
        line = _event(_line(data, at))
        if line is not None and line["kind"] == "erased":
            found.erased.append(line["facts"].get("holder", ""))
    for at in _places(data, _CORRECTS):
        said = _CORRECTION.match(data, at)
        if said:
            found.corrections.append((said[2].decode(), said[1].decode()))


def _places(data: bytes, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + len(mark))


def _line(data: bytes, at: int) -> bytes:
    """The line around a place, without its LF."""
    end = data.find(b"\n", at)
    return data[data.rfind(b"\n", 0, at) + 1 : len(data) if end < 0 else end]


def _event(raw: bytes) -> dict[str, Any] | None:
    """The parsed line of an event, None if it is none."""
    line, _ = lines.parsed(raw)
    return None if line is None or line.get("type") != "event" or lines.event(line) else line
