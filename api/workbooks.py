"""Workbooks (XLSX) as rows of cells, read once from front to back in a few megabytes of memory.

A workbook is a ZIP of XML files, and both can be made so that a small file becomes gigabytes. So sizes are looked at
before anything is unpacked and bytes are counted while it is; only what a sheet's values need is read, by handlers
that keep one row; a document type, with which entities begin, is refused, and so are endless names, tags and depths.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from posixpath import join, normpath
from typing import BinaryIO, Final
from xml.parsers import expat

from ledger.errors import UnreadableSheet

MOST_SHEET: Final = 600 * 1024 * 1024
"""Bytes of a sheet's XML: half a million lines have half of it."""
MOST_STRINGS: Final = 64 * 1024 * 1024
"""Bytes of the XML of the strings that cells share."""
_MOST_PART: Final = 4 * 1024 * 1024
"""Bytes of any other part."""
_MOST_ENTRIES: Final = 2000
_MOST_MERGED: Final = 100_000
_MOST_COLUMNS: Final = 16_384
_LAST_ROW: Final = 1_048_576
_LONGEST_TEXT: Final = 32_767
"""Characters of a cell, as spreadsheets have it."""
_LONGEST_TAG: Final = 1 << 20
_DEEPEST: Final = 64
_MOST_NAMES: Final = 5000
_BLOCK: Final = 1 << 16

_ZIP64: Final = b"PK\x06\x07"
_END: Final = struct.Struct("<4s4H2LH")
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_LONGEST_MERGED: Final = 256

_START = Callable[[str, dict[str, str]], None]
_END_OF = Callable[[str], None]


class Number(str):
    """What stands in a cell that holds a number: its digits as they were stored, `4.6254E4`."""

    __slots__ = ()


class Formula(str):
    """Stands for a cell whose formula nobody has computed: the file holds no value of it."""

    __slots__ = ()


Row = tuple[int, dict[int, str]]
"""The number of a row and its cells that are not empty, by column, the first being 0; text, Number or Formula."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large the parts may be that are unpacked, in bytes."""

    sheet: int = MOST_SHEET
    strings: int = MOST_STRINGS


class Workbook:
    """A workbook that is open for reading: its visible sheets, by the names of their parts."""

    def __init__(self, file: BinaryIO, name: str, limits: Limits | None = None) -> None:
        """UnreadableSheet where `file`, called `name`, is none."""
        self.name = name
        self.limits = limits or Limits()
        self._archive = self._open(file)
        main = self._main_part()
        self._strings: _Strings | None = None
        self.since_1904 = False
        """Whether days are counted from 1904, as on old Macs, and not from 1900."""
        self.sheets: list[str] = []
        self._strings_part = ""
        self._read_main(main)

    def rows(self, sheet: str) -> Iterator[Row]:
        """The rows of a sheet that hold anything; a cell that is merged over several rows stands in each of them."""
        below = self._merged(sheet)
        if self._strings is None:
            self._strings = _Strings()
            if self._strings_part in self._archive.NameToInfo:
                self._read_strings(self._strings)
        reader = _SheetReader(self._strings)
        held: dict[int, tuple[str, int]] = {}
        for _ in self._parsed(sheet, self.limits.sheet, reader.start, reader.end, reader.text):
            for number, cells in reader.done:
                if below or held:
                    _fill(number, cells, below, held)
                yield number, cells
            reader.done.clear()

    # --- the archive --------------------------------------------------------------------------------------------------

    def _open(self, file: BinaryIO) -> zipfile.ZipFile:
        # A directory of millions of entries would be read as a whole, so its size is looked at first.
        size = file.seek(0, 2)
        file.seek(max(0, size - 65_557))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END.size:
            raise self._refused("not_a_workbook")
        _, _, _, _, entries, length, _, _ = _END.unpack_from(tail, at)
        if entries > _MOST_ENTRIES or length > _MOST_PART or _ZIP64 in tail[max(0, at - 20) : at]:
            raise self._refused("too_large")
        file.seek(0)
        try:
            return zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
            raise self._refused("damaged") from None

    def _blocks(self, part: str, most: int) -> Iterator[bytes]:
        """The bytes of a part, counted."""
        try:
            entry = self._archive.getinfo(part)
        except KeyError:
            raise self._refused("not_a_workbook") from None
        if entry.file_size > most:
            raise self._refused("too_large")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._refused("protected")
        read = 0
        try:
            with self._archive.open(entry) as source:
                while block := source.read(_BLOCK):
                    read += len(block)
                    if read > most:
                        raise self._refused("too_large")
                    yield block
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError):
            raise self._refused("damaged") from None

    def _parsed(self, part: str, most: int, start: _START, end: _END_OF, text: _END_OF) -> Iterator[None]:
        """Runs a part through the handlers, which hear names without prefixes; stops at each block."""
        names: dict[str, str] = {}
        parser = expat.ParserCreate("utf-8", intern=names)
        local: dict[str, str] = {}
        depth = 0

        def started(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > _DEEPEST:
                raise self._refused("damaged")
            known = local.get(name)
            if known is None:
                known = local[name] = name.rpartition(":")[2]
            start(known, attributes)

        def ended(name: str) -> None:
            nonlocal depth
            depth -= 1
            end(local[name])

        def refuse(*_: object) -> None:
            raise self._refused("damaged")

        parser.buffer_text = True
        parser.StartElementHandler = started
        parser.EndElementHandler = ended
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = refuse
        fed = 0
        try:
            for block in self._blocks(part, most):
                if b"\0" in block:  # UTF-16, which nobody writes and the search for merged cells does not read
                    raise self._refused("damaged")
                parser.Parse(block, False)
                fed += len(block)
                if fed - parser.CurrentByteIndex > _LONGEST_TAG or len(names) > _MOST_NAMES:
                    raise self._refused("damaged")
                yield
            parser.Parse(b"", True)
            yield
        except (expat.ExpatError, ValueError, IndexError, OverflowError):
            raise self._refused("damaged") from None

    def _elements(self, part: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The elements of a small part."""
        found: list[tuple[str, dict[str, str]]] = []

        def start(name: str, attributes: dict[str, str]) -> None:
            found.append((name, attributes))

        for _ in self._parsed(part, _MOST_PART, start, lambda name: None, lambda text: None):
            yield from found
            found.clear()

    # --- what the workbook says of itself -----------------------------------------------------------------------------

    def _main_part(self) -> str:
        for _, target, kind in self._relations("_rels/.rels", ""):
            if kind.endswith("/officeDocument"):
                return target
        raise self._refused("not_a_workbook")

    def _relations(self, part: str, folder: str) -> Iterator[tuple[str, str, str]]:
        """Id, part and type of what a part refers to."""
        if part not in self._archive.NameToInfo:
            raise self._refused("not_a_workbook")
        for name, has in self._elements(part):
            if name == "Relationship" and has.get("TargetMode") != "External":
                target = has.get("Target", "")
                whole = target[1:] if target.startswith("/") else normpath(join(folder, target))
                yield has.get("Id", ""), whole, has.get("Type", "")

    def _read_main(self, main: str) -> None:
        folder, _, file = main.rpartition("/")
        parts = {}
        for identity, target, kind in self._relations(join(folder, "_rels", f"{file}.rels"), folder):
            if kind.endswith("/sharedStrings"):
                self._strings_part = target
            elif kind.endswith("/worksheet"):
                parts[identity] = target
        for name, has in self._elements(main):
            if name == "workbookPr":
                self.since_1904 = has.get("date1904") in ("1", "true")
            elif name == "sheet" and has.get("state", "visible") == "visible":
                identity = next((value for key, value in has.items() if key.endswith(":id")), "")
                if identity in parts:
                    self.sheets.append(parts[identity])

    def _read_strings(self, strings: _Strings) -> None:
        for _ in self._parsed(self._strings_part, self.limits.strings, strings.start, strings.end, strings.text):
            pass

    def _merged(self, sheet: str) -> dict[int, dict[int, int]]:
        """Of cells merged over several rows: {first row: {column: last row}}.

        They are named behind the rows. Looking for them also unpacks everything once, before anybody takes a row.
        """
        found: dict[int, dict[int, int]] = {}
        before, count = b"", 0
        for block in self._blocks(sheet, self.limits.sheet):
            here = before + block
            if b"mergeCell" in here:
                last = 0
                for match in _MERGED.finditer(here):
                    last = match.end()
                    count += 1
                    if count > _MOST_MERGED:
                        raise self._refused("damaged")
                    column, first, _, until = match.groups()
                    if int(until) > int(first):
                        found.setdefault(int(first), {})[_column(column.decode())] = int(until)
                here = here[last:]
            before = here[-_LONGEST_MERGED:]
        return found

    def _refused(self, problem: str) -> UnreadableSheet:
        return UnreadableSheet(self.name, problem, "")


class _Strings:
    """The strings that cells share, one after the other: a million of them take their bytes and four more each."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("I", [0])
        self._collecting = False
        self._phonetic = False

    def __getitem__(self, place: int) -> str:
        if place < 0:
            raise IndexError(place)
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "t":
            self._collecting = not self._phonetic
        elif name == "rPh":  # how it is spoken, in small type above
            self._phonetic = True

    def end(self, name: str) -> None:
        if name == "t":
            self._collecting = False
        elif name == "rPh":
            self._phonetic = False
        elif name == "si":
            self._ends.append(len(self._bytes))

    def text(self, text: str) -> None:
        if self._collecting:
            self._bytes += text.encode()


class _SheetReader:
    """The handlers that turn a sheet into rows; `done` has those that are complete."""

    def __init__(self, strings: _Strings) -> None:
        self.done: list[Row] = []
        self._strings = strings
        self._columns: dict[str, int] = {}
        self._number = 0
        self._cells: dict[int, str] = {}
        self._column = -1
        self._kind = ""
        self._formula = False
        self._phonetic = False
        self._collecting = False
        self._texts: list[str] = []
        self._length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "v" or name == "t":
            self._collecting = not self._phonetic
        elif name == "c":
            where = attributes.get("r")
            if where is None:
                self._column += 1
                if self._column >= _MOST_COLUMNS:
                    raise ValueError(self._column)
            else:
                letters = where.rstrip("0123456789")
                column = self._columns.get(letters)
                if column is None:
                    column = self._columns[letters] = _column(letters)
                self._column = column
            self._kind = attributes.get("t", "n")
            self._formula = False
            self._length = 0
        elif name == "f":
            self._formula = True
        elif name == "row":
            self._number = int(attributes.get("r", self._number + 1))
            if not 1 <= self._number <= _LAST_ROW:
                raise ValueError(self._number)
            self._column = -1
        elif name == "rPh":
            self._phonetic = True

    def text(self, text: str) -> None:
        if self._collecting and self._length <= _LONGEST_TEXT:
            self._texts.append(text)
            self._length += len(text)

    def end(self, name: str) -> None:
        if name == "v" or name == "t":
            self._collecting = False
        elif name == "c":
            value = "".join(self._texts)
            self._texts.clear()
            if value:
                kind = self._kind
                if kind == "s":
                    value = self._strings[int(value)]
                elif kind == "n":
                    value = Number(value)
                elif kind == "b":
                    value = "TRUE" if value == "1" else "FALSE"
                if value:
                    self._cells[self._column] = value
            elif self._formula and self._kind != "str":
                self._cells[self._column] = Formula()
        elif name == "row":
            if self._cells:
                self.done.append((self._number, self._cells))
                self._cells = {}
        elif name == "rPh":
            self._phonetic = False


def _column(letters: str) -> int:
    """The place of a column: A is 0, Z 25, AA 26. ValueError."""
    place = 0
    for letter in letters[:4]:
        if not "A" <= letter <= "Z":
            raise ValueError(letters)
        place = place * 26 + ord(letter) - 64
    if not 1 <= place <= _MOST_COLUMNS:
        raise ValueError(letters)
    return place - 1


def _fill(
    number: int, cells: dict[int, str], below: dict[int, dict[int, int]], held: dict[int, tuple[str, int]]
) -> None:
    """Puts into a row what cells of rows above are merged with, and remembers what goes on below this one."""
    for column in [column for column, (_, last) in held.items() if last < number]:
        del held[column]
    for column, (value, _) in held.items():
        cells.setdefault(column, value)
    for column, last in below.get(number, {}).items():
        if column in cells:
            held[column] = cells[column], last
