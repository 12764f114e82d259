"""Sheets of a programme: organisations, service hours, hours carried over; CSV as programs write it, or XLSX.

A sheet has a header in Chinese or English, its columns in any order and others beside them. CSV may be UTF-8 with or
without its mark, GB18030 or UTF-16, and be parted by commas, semicolons or tabs. In it each physical line is a record:
a line break in quotes is not part of the format, so a stray quote damages its own line and no other. A workbook's first
visible sheet with the header is taken. Its numbers, times and merged cells are read as people see them.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import islice
from typing import BinaryIO, Final, Literal

from api.workbooks import Formula, Limits, Workbook
from ledger.days import BEIJING
from ledger.errors import InvalidField, UnreadableSheet
from ledger.text import one_line

Kind = Literal["text", "code", "time", "whole"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its two names, and what its cells hold.

    A `code` may have become a number on its way through a spreadsheet, a `time` a number of days.
    """

    name: str
    chinese: str
    kind: Kind = "text"
    optional: bool = False
    """Whether a sheet may do without it; its cells are then empty."""


HOURS: Final = (
    Column("record", "记录编号", "code"),
    Column("volunteer", "志愿者编号", "code"),
    Column("organisation", "组织编码", "code"),
    Column("activity", "活动编号", "code"),
    Column("activity_name", "活动名称"),
    Column("category", "服务类别"),
    Column("check_in", "签到时间", "time"),
    Column("check_out", "签退时间", "time"),
    Column("class", "记录方式"),
    Column("recorder", "记录人"),
    Column("reviewer", "复核人"),
)
ORGANISATIONS: Final = (
    Column("code", "组织编码", "code"),
    Column("name", "名称"),
    Column("level", "层级"),
    Column("parent", "上级编码", "code"),
)
OUTLETS: Final = (
    Column("code", "兑换点编码", "code"),
    Column("name", "名称"),
    Column("kind", "类别"),
    Column("organisation", "组织编码", "code"),
)
CATALOGUE: Final = (
    Column("code", "商品编码", "code"),
    Column("name", "名称"),
    Column("kind", "类别"),
    Column("points", "积分", "whole"),
    Column("stock", "库存", "whole"),
    Column("quota_per_person", "每人限兑"),
    Column("star", "最低星级", "whole", optional=True),
    Column("most_star", "最高星级", "whole", optional=True),
)
OPENING: Final = (
    Column("volunteer", "志愿者编号", "code"),
    Column("credit_minutes", "信用时长分钟", "whole"),
)

CLASSES: Final[Mapping[str, Literal["credit", "honour"]]] = {
    "check_in_out": "credit",
    "签到签退": "credit",
    "backfill": "honour",
    "补录": "honour",
}
"""How a sheet says that somebody signed in and out on the spot, or that the hours were entered afterwards."""

Fields = tuple[str, ...]
Line = tuple[int, Fields | InvalidField, str]
"""The number of a line, its fields in the order of the columns or what is wrong with it, and its first field."""

_HEADER_WITHIN: Final = 10
"""Lines: above the header there may be a title."""
_LONGEST_LINE: Final = 65_536
_MOST_WIDE: Final = 1000
_DELIMITERS: Final = ",;\t"
_NOWHERE: Final = -1
_PRECISE: Final = 15
"""Digits that a number of a spreadsheet keeps."""
_WORKBOOK: Final = b"PK\x03\x04"
_PROTECTED: Final = b"\xd0\xcf\x11\xe0"
_TIME: Final = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?: +|T)(\d{1,2}):(\d{2})(?::(\d{2})(?:\.0+)?)?", re.ASCII)
_WHOLE_AS_DECIMAL: Final = re.compile(r"([0-9]+)\.0+", re.ASCII)
_DAY_ZERO: Final = datetime(1899, 12, 30, tzinfo=UTC)
_DAY_ZERO_1904: Final = datetime(1904, 1, 1, tzinfo=UTC)
_DAYS: Final = (Decimal(61), Decimal(2_958_465))
"""From the first day that the two ways to count agree on, to the end of 9999."""

_invalid = lru_cache(InvalidField)
"""Where half a million lines have the same fault, it is one object."""


def lines(file: BinaryIO, name: str, columns: Sequence[Column], *, limits: Limits | None = None) -> Iterator[Line]:
    """The lines of a sheet called `name` under its header that hold anything, one after another.

    UnreadableSheet where the whole cannot be read; before the first line is answered if that can be seen by then.
    """
    file.seek(0)
    start = file.read(4)
    if start == _PROTECTED:
        raise UnreadableSheet(name, "protected", "")
    if start == _WORKBOOK:
        return _of_workbook(Workbook(file, name, limits), columns)
    return _of_csv(file, name, columns)


@lru_cache(maxsize=8192)
def time_of(text: str) -> datetime | None:
    """A time of Asia/Shanghai as sheets write it: `2026-08-27 14:15`, with seconds, or with strokes; None: not one."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, _, month, day, hour, minute, second = found.groups()
    try:
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=BEIJING)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# --- headers ---------------------------------------------------------------------------------------------------------


def _places(header: Mapping[int, str], columns: Sequence[Column]) -> list[int] | str:
    """In which places the columns stand, -1 of one that is left out; or the first names that are missing."""
    places: dict[str, list[int]] = {}
    for place, text in header.items():
        places.setdefault(text.strip().lower(), []).append(place)
    found, missing = [], []
    for column in columns:
        there = places.get(column.chinese, []) + places.get(column.name, [])
        if len(there) == 1:
            found.append(there[0])
        elif column.optional and not there:
            found.append(_NOWHERE)
        else:
            missing.append(f"{column.chinese} ({column.name})")
    return ", ".join(missing) if missing else found


class _Header:
    """Looks for the header among the first lines; remembers the one that came nearest to it."""

    def __init__(self, name: str, columns: Sequence[Column]) -> None:
        self._name = name
        self._columns = columns
        self._nearest = ""

    def places(self, cells: Mapping[int, str]) -> list[int] | None:
        found = _places(cells, self._columns)
        if not isinstance(found, str):
            return found
        if not self._nearest or found.count(",") < self._nearest.count(","):
            self._nearest = found
        return None

    def missing(self) -> UnreadableSheet:
        whole = ", ".join(f"{column.chinese} ({column.name})" for column in self._columns)
        return UnreadableSheet(self._name, "missing_columns", self._nearest or whole)


# --- workbooks -------------------------------------------------------------------------------------------------------


def _of_workbook(book: Workbook, columns: Sequence[Column]) -> Iterator[Line]:
    header = _Header(book.name, columns)
    for sheet in book.sheets:
        rows = book.rows(sheet)
        for _, cells in islice(rows, _HEADER_WITHIN):
            places = header.places(cells)
            if places is not None:
                return _of_rows(rows, places, columns, since_1904=book.since_1904)
    raise header.missing()


def _of_rows(
    rows: Iterator[tuple[int, dict[int, str]]], places: list[int], columns: Sequence[Column], *, since_1904: bool
) -> Iterator[Line]:
    asked = list(zip(places, columns, strict=True))
    for number, cells in rows:
        fields, fault, anything = [], None, False
        for place, column in asked:
            cell = cells.get(place, "")
            if cell.__class__ is not str:
                try:
                    cell = _read(cell, column, since_1904)
                except InvalidField as error:
                    fault, cell = fault or error, str(cell)
                anything = True
            else:
                cell = cell.strip()
                anything = anything or cell != ""
            fields.append(cell)
        if anything:
            yield number, fault or _checked(fields), fields[0]


def _read(cell: str, column: Column, since_1904: bool) -> str:
    """A cell that is no text, as text. InvalidField where what people saw there cannot be known."""
    if isinstance(cell, Formula):
        raise _invalid(column.name, "formula_without_value")
    try:
        value = Decimal(cell)
    except InvalidOperation:
        return str(cell)
    if column.kind == "time":
        return _moment(value, since_1904) or str(cell)
    if value != value.to_integral_value() or not value.is_finite():
        return str(cell)
    whole = f"{value:.0f}"
    if column.kind == "code" and len(whole.lstrip("-")) > _PRECISE:
        raise _invalid(column.name, "number_lost_digits")
    return whole


def _moment(days: Decimal, since_1904: bool) -> str | None:
    """The time that a spreadsheet stores as a number of days, to the second."""
    if since_1904:
        start, least = _DAY_ZERO_1904, Decimal(1)
    else:
        start, least = _DAY_ZERO, _DAYS[0]
    if not least <= days < _DAYS[1]:
        return None
    try:
        return f"{start + timedelta(seconds=round(days * 86_400)):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        return None


# --- CSV -------------------------------------------------------------------------------------------------------------


def _of_csv(file: BinaryIO, name: str, columns: Sequence[Column]) -> Iterator[Line]:
    encoding = _encoding(file, name, columns)
    header = _Header(name, columns)
    numbered = _decoded(file, encoding)
    for _, text in islice(numbered, _HEADER_WITHIN):
        for delimiter in _DELIMITERS:
            cells = dict(enumerate(_split(text or "", delimiter) or ()))
            places = header.places(cells)
            if places is not None:
                return _of_texts(numbered, places, len(cells), delimiter, columns)
    raise header.missing()


def _of_texts(
    numbered: Iterator[tuple[int, str | None]],
    places: list[int],
    width: int,
    delimiter: str,
    columns: Sequence[Column],
) -> Iterator[Line]:
    asked = [(place, column.kind == "code") for place, column in zip(places, columns, strict=True)]
    first = places[0]
    for number, text in numbered:
        cells = None if text is None else _split(text, delimiter)
        if cells is None or any(cell.strip() for cell in cells[width:]):
            # A delimiter too many, and nobody knows in which field.
            yield number, _invalid("line", "not_csv"), _guessed(text or "", delimiter, first)
            continue
        if len(cells) < width:
            cells += [""] * (width - len(cells))
        fields = [cells[place].strip() if place >= 0 else "" for place, _ in asked]
        if any(fields):
            for place, (_, is_code) in enumerate(asked):
                if is_code and "." in fields[place] and (whole := _WHOLE_AS_DECIMAL.fullmatch(fields[place])):
                    fields[place] = whole[1]
            yield number, _checked(fields), fields[0]


def _encoding(file: BinaryIO, name: str, columns: Sequence[Column]) -> str:
    """How the bytes of a CSV file are to be read: by its mark, else by what makes sense of the whole."""
    file.seek(0)
    start = file.readline(_LONGEST_LINE)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if _is_whole(file, "utf-8"):
        return "utf-8"
    with suppress(UnicodeDecodeError):
        header = start.decode("utf-8")
        if not header.isascii() and any(
            not isinstance(_places(dict(enumerate(header.split(d))), columns), str) for d in _DELIMITERS
        ):
            return "utf-8"  # and some of its lines are damaged
    return "gb18030" if not start.isascii() or _is_whole(file, "gb18030") else "utf-8"


def _is_whole(file: BinaryIO, encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while block := file.read(1 << 16):
            decoder.decode(block)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _decoded(file: BinaryIO, encoding: str) -> Iterator[tuple[int, str | None]]:
    """The lines of the file and their numbers; None for one that is not of the encoding, or endless."""
    file.seek(0)
    if encoding == "utf-16":
        yield from enumerate(_split_lines(codecs.iterdecode(_blocks(file), "utf-16", "replace")), start=1)
        return
    number = 0
    # No character of GB18030 has a line feed within it.
    while line := file.readline(_LONGEST_LINE):
        number += 1
        whole = line.endswith(b"\n") or len(line) < _LONGEST_LINE
        while not (line.endswith(b"\n") or len(line) < _LONGEST_LINE):
            line = file.readline(_LONGEST_LINE)
        if not whole:
            yield number, None
            continue
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield number, line.decode(encoding).rstrip("\r\n")
        except UnicodeDecodeError:
            yield number, None


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(1 << 16):
        yield block


def _split_lines(texts: Iterable[str]) -> Iterator[str | None]:
    """Lines out of blocks of text."""
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line.rstrip("\r") if len(line) < _LONGEST_LINE else None
        if len(rest) > _LONGEST_LINE:
            rest = rest[: _LONGEST_LINE + 1]  # too long already
    if rest:
        yield rest.rstrip("\r") if len(rest) < _LONGEST_LINE else None


def _split(text: str, delimiter: str) -> list[str] | None:
    """The cells of one line, or None if it is no CSV."""
    if '"' not in text:
        return text.split(delimiter) if "\r" not in text else None
    try:
        return next(csv.reader((text,), delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _guessed(text: str, delimiter: str, place: int) -> str:
    """What a damaged line most likely has in its first column."""
    cells = text.split(delimiter)
    cell = cells[place].strip().strip('"') if place < len(cells) else ""
    return cell if one_line(cell, least=0, most=64) else ""


def _checked(fields: list[str]) -> Fields | InvalidField:
    """The fields, if no database minds what is in them."""
    if one_line("".join(fields), least=0, most=_LONGEST_LINE):
        return tuple(fields)
    return _invalid("line", "not_one_line")
