"""Signed notes and checkpoints, as C2SP defines them (signed-note v1.0.0, tlog-checkpoint v1.0.0).

A note is a text, an empty line, and a line for each signature: `— <name> <base64 of key id and signature>`. The text,
with the line feed at its end, is what is signed (Ed25519), so that `openssl` can check it alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from . import ed25519

_ED25519 = b"\x01"
"""How the type of a key is written."""

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class NotThisForm(ValueError):
    """It is no note, no checkpoint or no verification key; says why."""


@dataclass(frozen=True)
class Key:
    """The public half of a key: its name (that of the log), its key id (4 bytes) and 32 bytes of Ed25519."""

    name: str
    key_id: bytes
    public: bytes


@dataclass(frozen=True)
class Signature:
    """A line under a note: who is said to have signed, with which key (4 bytes), and the signature's bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Note:
    """What is signed, up to and with its last line feed, and the signatures under it."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class Checkpoint:
    """What a log said of itself: which log it is, how many leaves it had, and their root (32 bytes)."""

    origin: str
    size: int
    root: bytes


def key_id(name: str, public: bytes) -> bytes:
    """The four bytes by which a signature says which key made it."""
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def vkey(name: str, public: bytes) -> str:
    """The verification key as it is published: `<name>+<key id in hex>+<base64>`."""
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def parse_vkey(text: str) -> Key:
    """The key that a published verification key says. Raises NotThisForm, also where its key id is not its own."""
    name, _, rest = text.strip().partition("+")
    said, _, encoded = rest.partition("+")
    if not _is_name(name) or not re.fullmatch("[0-9a-f]{8}", said):
        raise NotThisForm("a verification key is <name>+<8 hex digits>+<base64>")
    data = _decoded(encoded)
    if len(data) != 33 or data[:1] != _ED25519:
        raise NotThisForm("the verification key is not an Ed25519 key")
    if key_id(name, data[1:]).hex() != said:
        raise NotThisForm("the key id of the verification key does not belong to its name and key")
    return Key(name, bytes.fromhex(said), data[1:])


def parse(note: str) -> Note:
    """The parts of a note; signatures of unknown kinds are kept, none is checked here. Raises NotThisForm."""
    if _CONTROL.search(note):
        raise NotThisForm("a note is UTF-8 without control characters but line feeds")
    end = note.rfind("\n\n")
    if end < 0 or not note.endswith("\n"):
        raise NotThisForm("a note is a text, an empty line, and signatures, each with a line feed")
    text, lines = note[: end + 1], note[end + 2 :].split("\n")[:-1]
    if not lines:
        raise NotThisForm("the note bears no signature")
    return Note(text, tuple(_signature(line) for line in lines))


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    data = _decoded(encoded) if dash == "\u2014" and _is_name(name) else b""
    if len(data) < 5:
        raise NotThisForm("a line below the note is not a signature")
    return Signature(name, data[:4], data[4:])


def checkpoint(note_text: str) -> Checkpoint:
    """What the text of a checkpoint's note says. Lines after the third are other people's. Raises NotThisForm."""
    lines = note_text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise NotThisForm("a checkpoint has a line for its origin, its size and its root")
    origin, size, encoded = lines[:3]
    root = _decoded(encoded)
    if not _SIZE.fullmatch(size) or len(root) != 32:
        raise NotThisForm("the size is not a number or the root not 32 bytes")
    return Checkpoint(origin, int(size), root)


def body(origin: str, size: int, root: bytes) -> str:
    """The text of the checkpoint's note, ready to be signed."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def signed(text: str, name: str, public: bytes, signature: bytes) -> str:
    """The note of `text` with the one signature that the holder of the key made over it."""
    return f"{text}\n\u2014 {name} {base64.b64encode(key_id(name, public) + signature).decode()}\n"


def is_signed(note: Note, key: Key) -> bool:
    """Whether the note is signed with this key. Lines of other keys do not matter; a wrong one of this key does."""
    mine = [each for each in note.signatures if each.name == key.name and each.key_id == key.key_id]
    if key.key_id != key_id(key.name, key.public):
        return False
    text = note.text.encode()
    return bool(mine) and all(ed25519.is_valid(key.public, text, each.signature) for each in mine)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not re.search("[\\s\ud800-\udfff]", name)


def _decoded(encoded: str) -> bytes:
    """The bytes, if this is the one way to write them."""
    try:
        data = base64.b64decode(encoded.encode(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotThisForm("what should be base64 is not") from error
    if base64.b64encode(data).decode() != encoded:
        raise NotThisForm("the base64 is not written the one way there is")
    return data
