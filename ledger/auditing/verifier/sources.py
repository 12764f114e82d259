"""Where a package's files come from: a folder, or a ZIP as it was downloaded. Each file is read once, front to back."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import IO, Protocol

BLOCK = 1 << 16
"""Bytes at a time: as many as the processor keeps near, with all that is made of them."""

_CACHE = "verify/__pycache__/"
"""Made by running the package's verifier."""

Unreadable = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
"""What reading a file may raise where it is damaged."""


class Source(Protocol):
    """A package's files by their path in it ("log/entries-000000.jsonl"). Goes to other processes."""

    def paths(self) -> dict[str, int]:
        """All files with their sizes in bytes."""

    def open(self, path: str) -> IO[bytes]:
        """Opens a file. Raises one of Unreadable, KeyError if there is none."""


@dataclass(frozen=True)
class Folder:
    """A package as a folder."""

    root: str

    def paths(self) -> dict[str, int]:
        found = {}
        for folder, _, files in os.walk(self.root):
            for name in files:
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, self.root).replace(os.sep, "/")
                if not relative.startswith(_CACHE):
                    found[relative] = os.path.getsize(path) if os.path.exists(path) else -1
        return found

    def open(self, path: str) -> IO[bytes]:
        if not os.path.isfile(os.path.join(self.root, path)):
            raise KeyError(path)
        return open(os.path.join(self.root, path), "rb", buffering=0)


@dataclass
class Zip:
    """A package as a ZIP, whose files may lie in one folder. Raises zipfile.BadZipFile if it is cut off."""

    path: str
    prefix: str = ""
    _zip: zipfile.ZipFile | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.prefix:
            return
        names = [each.filename for each in self._opened().infolist() if not each.is_dir()]
        tops = {name.partition("/")[0] for name in names}
        if "manifest.json" not in names and len(tops) == 1 and all("/" in name for name in names):
            self.prefix = f"{tops.pop()}/"

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "prefix": self.prefix, "_zip": None}

    def _opened(self) -> zipfile.ZipFile:
        if self._zip is None:
            self._zip = zipfile.ZipFile(self.path)
        return self._zip

    def paths(self) -> dict[str, int]:
        start = len(self.prefix)
        every = [each for each in self._opened().infolist() if not each.is_dir()]
        found = {each.filename[start:]: each.file_size for each in every if each.filename.startswith(self.prefix)}
        return {path: size for path, size in found.items() if not path.startswith(_CACHE)}

    def open(self, path: str) -> IO[bytes]:
        return self._opened().open(self.prefix + path)


@dataclass(frozen=True)
class Measured:
    """What a file was when it was read: its bytes, their digest (hex), its lines (those that end in LF, and a rest)."""

    size: int
    sha256: str
    lines: int


class Reader:
    """Reads a file once, front to back, and measures it meanwhile. One that is damaged ends where it is damaged."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = sha256()
        self._size = self._lines = 0
        self._rest = b""
        self._pending: list[bytes] = []
        self._ends = True
        self.error = ""
        """Why the file could not be read to its end."""

    def _more(self, most: int = BLOCK) -> bytes:
        try:
            block = b"" if self.error else self._file.read(most)
        except Unreadable as error:
            self.error, block = str(error) or type(error).__name__, b""
        if block:
            self._digest.update(block)
            self._size += len(block)
            self._lines += block.count(b"\n")
            self._ends = block.endswith(b"\n")
        return block

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end."""
        parts = []
        while size > 0:
            block = self._more(min(size, 16 * BLOCK))
            if not block:
                break
            parts.append(block)
            size -= len(block)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def chunks(self) -> Iterator[bytes]:
        """Whole lines with their LF, a block at a time. A last one without LF gets one."""
        while True:
            block = self._more()
            if not block:
                break
            cut = block.rfind(b"\n") + 1
            if cut:
                yield self._rest + block[:cut]
                self._rest = block[cut:]
            else:
                self._rest += block
        if self._rest:
            yield self._rest + b"\n"
            self._rest = b""

    def blocks(self) -> Iterator[list[bytes]]:
        """The lines without their LF, a block at a time. A last one without LF counts as a line."""
        for chunk in self.chunks():
            yield chunk.split(b"\n")[:-1]

    def take(self, count: int) -> list[bytes]:
        """The next `count` lines, fewer at the end."""
        while len(self._pending) < count and self._fill():
            pass
        lines, self._pending = self._pending[:count], self._pending[count:]
        return lines

    def _fill(self) -> bool:
        block = self._more()
        if not block:
            if self._rest:
                self._pending.append(self._rest)
                self._rest = b""
                return True
            return False
        lines = (self._rest + block).split(b"\n")
        self._rest = lines.pop()
        self._pending += lines
        return True

    def measured(self) -> Measured:
        """What the file was; reads what is left of it."""
        while self._more():
            pass
        return Measured(self._size, self._digest.hexdigest(), self._lines + (not self._ends))


def lines_of(source: Source, path: str) -> Iterator[bytes]:
    """The lines of a file, once more, for those who look for the place of a damage."""
    with source.open(path) as file:
        for block in Reader(file).blocks():
            yield from block
