"""The signed parts of a package: its key, its checkpoint, the earlier checkpoints, and what was published of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from . import notes
from .damage import Finding, Findings
from .lines import canonical
from .notes import Checkpoint, Key, NotThisForm
from .sources import Reader, Source, Unreadable

VKEY = "vkey.txt"
CHECKPOINT = "checkpoint.txt"
CHECKPOINTS = "checkpoints.jsonl"

_MOST = 1 << 20
"""Bytes of a key or a checkpoint."""


class Earlier(NamedTuple):
    """A line of checkpoints.jsonl that is signed: which line, and what it says."""

    line: int
    said: Checkpoint


@dataclass
class Signed:
    """What is signed in a package. `keys`: the one the checkpoint must be signed with, then older ones of the log."""

    keys: list[Key] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    earlier: list[Earlier] = field(default_factory=list)
    published: Checkpoint | None = None
    is_key_published: bool = False


def read(source: Source, findings: Findings, key: str | None, published: str | None) -> Signed:
    """Reads the keys and checkpoints of a package and checks their signatures.

    `key`: the published verification key; `published`: the note of a published checkpoint.
    """
    signed = Signed()
    _keys(source, signed, findings, key)
    note = _text(source, CHECKPOINT, findings, "checkpoint_unreadable")
    if note is not None:
        signed.checkpoint = _checkpoint(note, signed.keys[:1], findings, "checkpoint", CHECKPOINT)
    if signed.checkpoint is not None and signed.keys and signed.keys[0].name != signed.checkpoint.origin:
        origin, name = signed.checkpoint.origin, signed.keys[0].name
        findings.add(Finding("checkpoint_origin", CHECKPOINT, found=origin, expected=name))
    if published is not None:
        signed.published = _checkpoint(published, signed.keys, findings, "published", "")
        ours, theirs = signed.checkpoint, signed.published
        if ours is not None and theirs is not None and ours.origin != theirs.origin:
            findings.add(Finding("published_origin", found=theirs.origin, expected=ours.origin))
            signed.published = None
    return signed


def _keys(source: Source, signed: Signed, findings: Findings, given: str | None) -> None:
    """The given key, then those of the package, the newest first."""
    text = _text(source, VKEY, findings, "key_unreadable")
    if given is not None:
        try:
            signed.keys.append(notes.parse_vkey(given))
            signed.is_key_published = True
        except NotThisForm as error:
            findings.add(Finding("key_unreadable", found=str(error)))
    for number, line in enumerate((text or "").splitlines(), 1):
        try:
            key = notes.parse_vkey(line)
        except NotThisForm as error:
            findings.add(Finding("key_unreadable", VKEY, number, found=str(error)))
            continue
        if number == 1 and signed.is_key_published and key != signed.keys[0]:
            findings.add(Finding("key_differs", VKEY, found=line, expected=given or ""))
        if key not in signed.keys:
            signed.keys.append(key)


def _text(source: Source, path: str, findings: Findings, code: str) -> str | None:
    """A small file's text; None where it is not there, which others tell, or cannot be read."""
    try:
        with source.open(path) as file:
            return Reader(file).read(_MOST).decode()
    except KeyError:
        return None
    except (UnicodeDecodeError, *Unreadable) as error:
        findings.add(Finding(code, path, found=str(error)))
        return None


def _checkpoint(text: str, keys: Sequence[Key], findings: Findings, kind: str, path: str) -> Checkpoint | None:
    try:
        note = notes.parse(text)
        said = notes.checkpoint(note.text)
    except NotThisForm as error:
        findings.add(Finding(f"{kind}_unreadable", path, found=str(error)))
        return None
    if not any(notes.is_signed(note, key) for key in keys):
        findings.add(Finding(f"{kind}_unsigned", path))
    return said


def earlier(lines: Iterable[tuple[int, bytes]], keys: Sequence[Key]) -> tuple[list[Earlier], Findings]:
    """The checkpoints that some lines of checkpoints.jsonl say, and what is wrong with them."""
    found, findings = [], Findings()
    for number, raw in lines:
        try:
            line = json.loads(raw.decode())
            well = (
                isinstance(line, dict) and canonical(line) == raw.decode() and line.keys() == {"note", "root", "size"}
            )
            note = notes.parse(line["note"]) if well and isinstance(line["note"], str) else None
            said = None if note is None else notes.checkpoint(note.text)
        except (ValueError, RecursionError):
            note = said = None
        if note is None or said is None:
            findings.add(Finding("earlier_unreadable", CHECKPOINTS, number))
            continue
        if (line["root"], line["size"]) != (base64.b64encode(said.root).decode(), str(said.size)):
            findings.add(Finding("earlier_contradicts", CHECKPOINTS, number))
        if not any(notes.is_signed(note, key) for key in keys):
            findings.add(Finding("earlier_unsigned", CHECKPOINTS, number))
        found.append(Earlier(number, said))
    return found, findings


def in_order(signed: Signed, findings: Findings) -> None:
    """The checkpoints are of one log, grow, and end with the package's."""
    ours = signed.checkpoint
    before = -1
    for number, said in signed.earlier:
        if ours is not None and said.origin != ours.origin:
            findings.add(Finding("earlier_origin", CHECKPOINTS, number, found=said.origin, expected=ours.origin))
        if said.size <= before:
            findings.add(Finding("earlier_order", CHECKPOINTS, number, found=str(said.size), expected=f"> {before}"))
        before = max(before, said.size)
    if ours is not None and signed.earlier and signed.earlier[-1].said != ours:
        last = signed.earlier[-1]
        findings.add(
            Finding("earlier_last", CHECKPOINTS, last.line, found=str(last.said.size), expected=str(ours.size))
        )
    published = signed.published
    if published is None or ours is None or not signed.earlier or published.size > ours.size:
        return
    if not any(each.said == published for each in signed.earlier):
        findings.add(Finding("published_missing", CHECKPOINTS, found=str(published.size)))
