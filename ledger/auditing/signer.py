"""The signer of the logs: an Ed25519 key outside the database, and a memory of what it has signed.

For each log (its origin) a file keeps the last size and root. The signer refuses a log that is smaller, or that does
not begin with what it signed before (C2SP tlog-checkpoint: a log MUST NOT sign two inconsistent checkpoints). So
whoever changes the database, or puts an old backup in its place, gets no signature for it; and what the signer is about
to sign is in its file, on disk, before the signature leaves it.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import functools
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.auditing.verifier import notes, tree
from ledger.auditing.verifier.notes import Key
from ledger.errors import LogInconsistent, LogRolledBack, SignerUnusable

SEED: Final = 32
"""Bytes of a key's seed (RFC 8032, 5.1.5)."""

_NAME: Final = re.compile(r"[!-*,-~]{1,255}")
"""Printable ASCII without spaces and plus signs: more than C2SP wants of the name of a key, so that it can be typed."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose logs these are (the first part of their origins), its keys (the first signs), and the folder in which it
    keeps what it has signed."""

    name: str
    seeds: tuple[bytes, ...] = field(repr=False)
    folder: Path


@dataclass(frozen=True, slots=True)
class Signed:
    """The size and the root that were signed last."""

    size: int
    root: bytes


def seed(text: str) -> bytes:
    """The seed that a setting or a file of the data folder says, in base64. ValueError: it is not 32 bytes."""
    plain = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        found = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise ValueError("it is not base64") from None
    if len(found) != SEED:
        raise ValueError("it is not 32 bytes")
    return found


def is_name(text: str) -> bool:
    """Whether logs can be named so: printable ASCII without spaces and plus signs (C2SP signed-note, key names)."""
    return _NAME.fullmatch(text) is not None


def origin(by: Signer, book: str) -> str:
    """The origin of the log of the book with this code, which is also the name of its key."""
    return f"{by.name}/{book}"


def key(by: Signer, book: str) -> Key:
    """The public half of the key that signs the log of this book now."""
    return keys(by, book)[0]


def keys(by: Signer, book: str) -> list[Key]:
    """The public halves of all keys that have signed this log, the current one first."""
    name = origin(by, book)
    public = [_private(each).public_key().public_bytes_raw() for each in by.seeds]
    return [Key(name, notes.key_id(name, each), each) for each in public]


def vkey(by: Signer, book: str) -> str:
    """The verification key of the log of this book, to be published: who has it needs to trust nobody."""
    return notes.vkey(origin(by, book), key(by, book).public)


def vkeys(by: Signer, book: str) -> list[str]:
    """The verification keys of all keys that have signed this log, the current one first."""
    return [notes.vkey(each.name, each.public) for each in keys(by, book)]


def signed(by: Signer, book: str, text: str) -> str:
    """The note of this text, signed for the log of the book. Not for checkpoints: those are signed by `sign` alone."""
    try:
        notes.checkpoint(text)
    except notes.NotThisForm:
        return _note(by, origin(by, book), text)
    raise ValueError("a checkpoint is signed where it is compared with those before")


def is_ours(by: Signer, book: str, note: str) -> bool:
    """Whether this is a note that the key which signs now has signed for the log of this book."""
    try:
        return notes.is_signed(notes.parse(note), key(by, book))
    except notes.NotThisForm:
        return False


def last(by: Signer, book: str, published: str | None = None) -> Signed | None:
    """What was signed last of the log of this book; None: nothing yet.

    `published`: the note of the newest checkpoint, for a signer that has no file of this log, or an older one, because
    it was another machine's turn until now: what it says counts as signed if a key of ours signed it. SignerUnusable.
    """
    file = _file(by, book)
    with _as_faults_of(file):
        return _newer(_read(file, origin(by, book)), by, book, published)


def ready(by: Signer) -> None:
    """Makes the folder, closed to others, and sees that it can be written. SignerUnusable."""
    with _as_faults_of(by.folder):
        by.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(by):
        pass


def sign(
    by: Signer, book: str, size: int, root: bytes, proof: Sequence[bytes] = (), published: str | None = None
) -> str:
    """The signed note of the checkpoint of this size and root.

    `proof` shows that the log begins with what was signed last (`last`, with the same `published`); the same size and
    root may be signed again. Raises LogRolledBack, LogInconsistent, SignerUnusable; then nothing was signed. It waits
    for the disk.
    """
    name, file = origin(by, book), _file(by, book)
    with _locked(by), _as_faults_of(file):
        kept = _read(file, name)
        before = _newer(kept, by, book, published)
        if before is not None:
            if size < before.size:
                raise LogRolledBack(name, size, before.size)
            if not tree.consistency_is_valid(before.size, size, before.root, root, proof):
                raise LogInconsistent(name, size, before.size)
        if kept != Signed(size, root):
            _write(file, name, size, root)
        return _note(by, name, notes.body(name, size, root))


def _newer(kept: Signed | None, by: Signer, book: str, published: str | None) -> Signed | None:
    """What the file says, or a published checkpoint of ours that says more."""
    if published is None:
        return kept
    try:
        note = notes.parse(published)
        said = notes.checkpoint(note.text)
    except notes.NotThisForm:  # somebody has changed it; it is not for the signer to find out
        return kept
    known = keys(by, book)
    ours = said.origin == known[0].name and any(notes.is_signed(note, each) for each in known)
    return Signed(said.size, said.root) if ours and (kept is None or said.size > kept.size) else kept


def _note(by: Signer, name: str, text: str) -> str:
    private = _private(by.seeds[0])
    return notes.signed(text, name, private.public_key().public_bytes_raw(), private.sign(text.encode()))


@functools.lru_cache(maxsize=8)
def _private(of_seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(of_seed)


# --- what was signed -------------------------------------------------------------------------------------------------


def _file(by: Signer, book: str) -> Path:
    # The code leads people to the file; the digest tells origins of other names apart.
    return by.folder / f"{book}-{sha256(origin(by, book).encode()).hexdigest()[:16]}.json"


def _read(file: Path, name: str) -> Signed | None:
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return None
    try:
        said = json.loads(text)
        found = Signed(int(said["size"]), base64.b64decode(said["root"], validate=True))
        if said["origin"] != name or len(found.root) != 32 or found.size < 0:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        # Never as if there were none: then everything would be signed.
        raise SignerUnusable(file, "it does not say what was signed") from None
    return found


def _write(file: Path, name: str, size: int, root: bytes) -> None:
    """Puts the new file into the place of the old one; both outlive a power cut, whole. The lock is ours."""
    text = json.dumps({"origin": name, "root": base64.b64encode(root).decode(), "size": str(size)})
    draft = file.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as out:
        out.write(text + "\n")
        out.flush()
        os.fsync(descriptor)
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _locked(by: Signer) -> Iterator[None]:
    """One at a time, of all processes that sign from this folder: from reading what was signed until it is written."""
    with _as_faults_of(by.folder):
        by.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(by.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except BaseException:
            os.close(lock)
            raise
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def _as_faults_of(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SignerUnusable(file, error.strerror or str(error)) from None
