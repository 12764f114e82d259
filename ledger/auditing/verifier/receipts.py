"""Receipts: that one entry stands in a book's log, and promises that it will. Checked without a database or a network.

A receipt is one text::

    meide-receipt/1
    line {"actor":"user:3",…}                    what the log says (or `leaf <base64>`: only its hash)
    opening {"salt":"<32 hex>","texts":{…}}      for those who may see it: what the line's commitment stands for

    c2sp.org/tlog-proof@v1                       from here on a proof as C2SP defines it (tlog-proof@v1)
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=

    example.org/demo                             the checkpoint, signed by the log
    109482
    sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

    — example.org/demo hI2DJw…

A QR code holds the same without the line, in base32 (`compact`); the root is left out, since the path leads to it, and
how many hashes the path has, since index and size say it. A promise is a signed note of its own, whose first line is
no log's origin, so that it can never pass for a checkpoint.

Each receipt and each promise is written in exactly one way: whatever is read is written again and compared.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from . import notes, tree
from .notes import Checkpoint, Key, NotThisForm, Signature

RECEIPT = "meide-receipt/1"
PROOF = "c2sp.org/tlog-proof@v1"
PROMISE = "meide-promise/1"
MARK = "/R/"
"""What stands before a receipt's code in its address."""

_VERSION = 1
_MOST = 2**63 - 1
_SIGNATURE = 64
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_HEX = re.compile(r"[0-9a-f]{64}")
_SALT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Wrong:
    """Something that is wrong: a stable word for programs, and a sentence for people."""

    code: str
    says: str


@dataclass(frozen=True)
class Opening:
    """What a line's commitment stands for: 16 random bytes, and texts by name."""

    salt: bytes
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Receipt:
    """A leaf's number and path to the root of a signed checkpoint, the leaf's hash, and perhaps what it says."""

    index: int
    path: tuple[bytes, ...]
    note: str
    leaf: bytes
    line: str | None = None
    opening: Opening | None = None

    @property
    def checkpoint(self) -> Checkpoint:
        """What the log signed. NotThisForm."""
        return notes.checkpoint(notes.parse(self.note).text)


@dataclass(frozen=True)
class Promise:
    """What the log promised: that this transaction, whose line without its voucher has this digest (64 hex digits),
    stands in the log `within` so many seconds of the time when it was recorded.
    """

    origin: str
    transaction: str
    digest: str
    recorded_at: str
    within: int
    note: str = ""


# --- receipts as text -------------------------------------------------------------------------------------------------


def of_line(
    line: str, opening: Opening | None, index: int, path: Sequence[bytes], note: str, *, whole: bool = True
) -> Receipt:
    """The receipt of a leaf that says `line`; not `whole`: only with the hash, for who may not see the line."""
    leaf = tree.leaf_hash(line.encode())
    return Receipt(index, tuple(path), note, leaf, line if whole else None, opening if whole else None)


def text_of(receipt: Receipt) -> str:
    """The receipt as one text, to be kept as a file."""
    said = f"leaf {_base64(receipt.leaf)}" if receipt.line is None else f"line {receipt.line}"
    lines = [RECEIPT, said]
    if receipt.opening is not None:
        shown = {"salt": receipt.opening.salt.hex(), "texts": dict(receipt.opening.texts)}
        lines.append(f"opening {canonical(shown)}")
    lines += ["", PROOF, f"index {receipt.index}", *map(_base64, receipt.path), "", receipt.note]
    return "\n".join(lines)


def parse(text: str) -> Receipt:
    """The receipt that a text is. Raises NotThisForm; what is right in form may still be wrong: see `check`."""
    if not _is_unicode(text):
        raise NotThisForm("it is not text")
    head, _, rest = text.partition("\n\n")
    proof, _, note = rest.partition("\n\n")
    first, *said = head.split("\n")
    mark, *numbered = proof.split("\n")
    if first != RECEIPT or mark != PROOF or not 1 <= len(said) <= 2 or not numbered:
        raise NotThisForm("it does not begin as a receipt does, or parts of it are missing")
    index = _number(_after("index ", numbered[0]))
    path = tuple(_hash(each) for each in numbered[1:])
    line, opening = None, None
    if said[0].startswith("leaf ") and len(said) == 1:
        leaf = _hash(_after("leaf ", said[0]))
    else:
        line = _after("line ", said[0])
        leaf = tree.leaf_hash(line.encode())
        opening = None if len(said) == 1 else _opening(_after("opening ", said[1]))
    receipt = Receipt(index, path, note, leaf, line, opening)
    _ = receipt.checkpoint  # NotThisForm
    if text_of(receipt) != text:
        raise NotThisForm("it is not written as receipts are")
    return receipt


def read(text: str) -> Receipt | Promise:
    """The receipt or the promise that somebody has: as text, as what stands in a QR code, or as its address.

    Raises NotThisForm. What copying does to line ends and to spaces does not matter.
    """
    plain = tidied(text)
    if plain.startswith(f"{RECEIPT}\n"):
        return parse(plain)
    if plain.startswith(f"{PROMISE}\n"):
        return parse_promise(plain)
    return of_compact("".join(plain.split()).rpartition(MARK)[2])


def tidied(text: str) -> str:
    """A text as it was before somebody copied it or saved it on another system: line feeds, and one at the end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip() + "\n"


def _opening(text: str) -> Opening:
    said = _object(text)
    salt, texts = said.get("salt"), said.get("texts")
    if said.keys() != {"salt", "texts"} or not isinstance(salt, str) or not _SALT.fullmatch(salt):
        raise NotThisForm("the opening is not a salt and texts")
    if not isinstance(texts, dict) or not all(isinstance(each, str) for each in texts.values()):
        raise NotThisForm("the opening is not a salt and texts")
    return Opening(bytes.fromhex(salt), texts)


# --- receipts as QR codes ---------------------------------------------------------------------------------------------


def compact(receipt: Receipt) -> str:
    """The receipt without its line, in base32 without padding: capital letters and digits, as QR codes like them."""
    checkpoint = receipt.checkpoint
    origin = checkpoint.origin.encode()
    signed = _own_signature(receipt, checkpoint.origin)
    if signed is None or len(origin) > 255:
        raise NotThisForm("the checkpoint bears no signature of the log's own")
    data = b"".join(
        [
            bytes([_VERSION, len(origin)]),
            origin,
            _varint(receipt.index),
            _varint(checkpoint.size),
            receipt.leaf,
            *receipt.path,
            signed.key_id,
            signed.signature,
        ]
    )
    return base64.b32encode(data).decode().rstrip("=")


def of_compact(text: str) -> Receipt:
    """The receipt that a QR code holds: the checkpoint's root is the one to which its path leads. NotThisForm."""
    try:
        data = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError) as error:
        raise NotThisForm("it is not base32") from error
    if len(data) < 2 or data[0] != _VERSION:
        raise NotThisForm("it is not a receipt, or one of a later version")
    past = 2 + data[1]
    try:
        origin = data[2:past].decode()
    except UnicodeDecodeError as error:
        raise NotThisForm("the log's name is not UTF-8") from error
    index, past = _read_varint(data, past)
    size, past = _read_varint(data, past)
    hashes, signed = data[past : -_SIGNATURE - 4], data[-_SIGNATURE - 4 :]
    if not index < size or len(hashes) != 32 * (1 + length_of_path(index, size)):
        raise NotThisForm("it is too long or too short")
    leaf, *path = (hashes[at : at + 32] for at in range(0, len(hashes), 32))
    root = _root(index, size, leaf, path)
    line = f"\u2014 {origin} {_base64(signed)}"
    receipt = Receipt(index, tuple(path), f"{notes.body(origin, size, root)}\n{line}\n", leaf)
    if receipt.checkpoint != Checkpoint(origin, size, root) or compact(receipt) != text:
        raise NotThisForm("it is not written as receipts are")
    return receipt


def _own_signature(receipt: Receipt, origin: str) -> Signature | None:
    signatures = notes.parse(receipt.note).signatures
    return next((each for each in signatures if each.name == origin and len(each.signature) == _SIGNATURE), None)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first, the highest bit of all but the last byte set."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 63, 7):
        if at >= len(data):
            break
        number |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return number, at
    raise NotThisForm("a number of it has no end")


# --- is it right ------------------------------------------------------------------------------------------------------


def check(receipt: Receipt, key: Key | None = None) -> list[Wrong]:
    """What is wrong with a receipt; nothing: the entry stands in the log that `key` signs, at that place, as it says.

    Without a key no signature is looked at: then it is consistent in itself, and compared with nothing published.
    """
    note = notes.parse(receipt.note)
    checkpoint = notes.checkpoint(note.text)
    found = []
    if receipt.line is not None and not hmac.compare_digest(tree.leaf_hash(receipt.line.encode()), receipt.leaf):
        found.append(Wrong("other_leaf", "The hash is not that of the line."))
    if not receipt.index < checkpoint.size:
        found.append(
            Wrong("index_outside", f"Leaf {receipt.index} is not among the {checkpoint.size} of the checkpoint.")
        )
    elif len(receipt.path) != length_of_path(receipt.index, checkpoint.size):
        found.append(
            Wrong(
                "path_length",
                f"The path has {len(receipt.path)} hashes instead of {length_of_path(receipt.index, checkpoint.size)}.",
            )
        )
    elif not tree.inclusion_is_valid(receipt.index, checkpoint.size, receipt.leaf, receipt.path, checkpoint.root):
        found.append(
            Wrong("not_in_the_log", "The path does not lead from this entry to the root that the log has signed.")
        )
    if key is not None:
        found += _signature(note, checkpoint.origin, key)
    return found + _said(receipt, checkpoint.origin)


def check_text(text: str, key: Key | None = None) -> list[Wrong]:
    """What is wrong with a text, code or address that should be a receipt or a promise."""
    try:
        found = read(text)
    except NotThisForm as error:
        return [Wrong("not_a_receipt", f"It is neither a receipt nor a promise: {error}.")]
    if isinstance(found, Receipt):
        return check(found, key)
    return [] if key is None else check_promise(found, key)


def _signature(note: notes.Note, origin: str, key: Key) -> list[Wrong]:
    if origin != key.name:
        return [Wrong("other_log", f"It is of the log {origin}; the key is that of {key.name}.")]
    mine = [each for each in note.signatures if each.name == key.name and each.key_id == key.key_id]
    if not mine:
        return [Wrong("not_signed", f"It bears no signature of the key {key.name}+{key.key_id.hex()}.")]
    if not notes.is_signed(note, key):
        return [Wrong("bad_signature", f"The signature is not that of the key {key.name}+{key.key_id.hex()}.")]
    return []


def _said(receipt: Receipt, origin: str) -> list[Wrong]:
    """What is wrong with the line and its opening."""
    if receipt.line is None:
        return []
    try:
        line = _object(receipt.line)
    except NotThisForm:
        return [Wrong("line_unreadable", "The line is not canonical JSON, as all lines of a log are.")]
    found = []
    if not origin.endswith(f"/{line.get('book')}"):
        found.append(Wrong("other_book", f"The line is of the book {line.get('book')}, the log is {origin}."))
    if receipt.opening is not None and commitment(receipt.opening) != line.get("commitment"):
        found.append(Wrong("opening_differs", "The texts are not those that the line was sealed with."))
    return found


def length_of_path(index: int, size: int) -> int:
    """How many hashes lead from a leaf to the root of `size` leaves (RFC 6962, 2.1.1)."""
    inner = (index ^ (size - 1)).bit_length()
    return inner + bin(index >> inner).count("1")


def _root(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """Where a path of the right length leads to (RFC 9162, 2.1.3.2)."""
    place, last, reached = index, size - 1, leaf
    for sibling in path:
        if place & 1 or place == last:
            reached = tree.node_hash(sibling, reached)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            reached = tree.node_hash(reached, sibling)
        place, last = place >> 1, last >> 1
    return reached


# --- promises ---------------------------------------------------------------------------------------------------------


def promise_body(promise: Promise) -> str:
    """The text of a promise's note, ready to be signed."""
    return (
        f"{PROMISE}\norigin {promise.origin}\ntransaction {promise.transaction}\ndigest {promise.digest}\n"
        f"recorded_at {promise.recorded_at}\nwithin {promise.within}\n"
    )


def parse_promise(note: str) -> Promise:
    """The promise that a note is. Raises NotThisForm; whether it is signed: see `check_promise`."""
    names = ("origin", "transaction", "digest", "recorded_at", "within")
    first, *lines = notes.parse(note).text.split("\n")
    if first != PROMISE or len(lines) != len(names) + 1:
        raise NotThisForm("it is not a promise")
    origin, transaction, digest, recorded_at, within = (_after(f"{name} ", line) for name, line in zip(names, lines))
    if not _UUID.fullmatch(transaction) or not _HEX.fullmatch(digest) or not _TIME.fullmatch(recorded_at):
        raise NotThisForm("the promise's transaction, digest or time is not written as it must be")
    return Promise(origin, transaction, digest, recorded_at, _number(within), note)


def check_promise(promise: Promise, key: Key) -> list[Wrong]:
    """What is wrong with a promise: whether the log whose key it is has given it."""
    note = notes.parse(promise.note)
    if note.text != promise_body(promise):
        return [Wrong("other_promise", "The promise is not what its note says.")]
    return _signature(note, promise.origin, key)


def keeps(promise: Promise, receipt: Receipt) -> list[Wrong]:
    """How a receipt breaks a promise; nothing: it keeps it. Both are to be checked themselves as well."""
    origin = receipt.checkpoint.origin
    if origin != promise.origin:
        return [Wrong("other_log", f"The promise is of the log {promise.origin}, the receipt of {origin}.")]
    if receipt.line is None:
        return [Wrong("no_line", "The receipt shows only a hash: without the line it cannot be compared.")]
    try:
        line = _object(receipt.line)
    except NotThisForm:
        return [Wrong("line_unreadable", "The line is not canonical JSON, as all lines of a log are.")]
    if line.get("id") != promise.transaction:
        return [
            Wrong(
                "other_transaction", f"It was promised for {promise.transaction}, the receipt is of {line.get('id')}."
            )
        ]
    if digest_of(receipt.line) != promise.digest:
        return [Wrong("other_content", "The entry was sealed with another content than was promised.")]
    return []


def digest_of(line: str) -> str:
    """The digest by which a promise names a line: of the line without its voucher, which is given at sealing."""
    said = _object(line)
    said.pop("voucher", None)
    return sha256(canonical(said).encode()).hexdigest()


# --- parts ------------------------------------------------------------------------------------------------------------


def commitment(opening: Opening) -> str:
    """What stands in a line for these texts: hex of the SHA-256 of salt and texts."""
    return sha256(opening.salt + canonical(dict(opening.texts)).encode()).hexdigest()


def canonical(said: Mapping[str, Any]) -> str:
    """JSON as lines are written (RFC 8785; there are no numbers in them)."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _object(text: str) -> dict[str, Any]:
    """What canonical JSON says."""
    try:
        said = json.loads(text)
        if isinstance(said, dict) and canonical(said) == text:
            return said
    except (ValueError, RecursionError):
        pass
    raise NotThisForm("it is not canonical JSON")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _after(mark: str, line: str) -> str:
    if not line.startswith(mark):
        raise NotThisForm(f"a line must begin with “{mark}”")
    return line[len(mark) :]


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > _MOST:
        raise NotThisForm("what should be a number is none")
    return int(text)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _hash(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotThisForm("what should be base64 is not") from error
    if len(data) != 32:
        raise NotThisForm("a hash is not 32 bytes")
    return data
