"""A quick look over all segments, for what must be known of the whole log before each segment is checked."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from . import lines
from .parts import Scanned, log_path
from .sources import BLOCK, Source, Unreadable

_OPENED, _ERASED, _CORRECTS = b'"kind":"account_opened"', b'"kind":"erased"', b'"correction":"'
_CORRECTION = re.compile(rb'"correction":"([a-z_]*)","corrects":"([0-9a-f-]{36})"')


def scan(source: Source, number: int) -> Scanned:
    """Looks for what must be known of all segments before each is checked. What cannot be read is told later."""
    events: list[dict[str, Any]] = []
    corrections: list[tuple[str, str]] = []
    with contextlib.suppress(KeyError, *Unreadable), source.open(log_path(number)) as file:
        rest = b""
        while block := file.read(4 * BLOCK):
            cut = block.rfind(b"\n") + 1
            data, rest = (rest + block[:cut], block[cut:]) if cut else (b"", rest + block)
            _scan(data, events, corrections)
        _scan(rest, events, corrections)
    return Scanned(events, corrections)


def _scan(data: bytes, events: list[dict[str, Any]], corrections: list[tuple[str, str]]) -> None:
    for mark in (_OPENED, _ERASED):
        at = data.find(mark)
        while at >= 0:
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            line, _ = lines.parsed(data[data.rfind(b"\n", 0, at) + 1 : end])
            if line is not None and line.get("type") == "event" and not lines.event(line):
                events.append(line)
            at = data.find(mark, end)
    at = data.find(_CORRECTS)
    while at >= 0:
        found = _CORRECTION.match(data, at)
        if found:
            corrections.append((found[2].decode(), found[1].decode()))
        at = data.find(_CORRECTS, at + 1)
