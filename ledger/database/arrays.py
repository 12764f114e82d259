"""Arrays as parameters, written in PostgreSQL's binary form by one call of `struct.pack`.

psycopg writes an array element by element through a dumper each, which for a batch of postings is a fifth of all the
time in Python. A list of one of these classes goes out whole; `%s` alone is enough, without a cast.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_FIRST_DAY: Final = date(2000, 1, 1).toordinal()
_FIRST_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NULL: Final = struct.pack("!i", -1)


class Smallints(list[int]):
    """smallint[]"""


class Integers(list[int]):
    """integer[]"""


class Bigints(list[int]):
    """bigint[]"""


class Texts(list["str | None"]):
    """text[]"""


class Uuids(list["UUID | None"]):
    """uuid[]"""


class Dates(list["date | None"]):
    """date[]"""


class Times(list[datetime]):
    """timestamptz[]"""


def _head(length: int, element: int, *, nulls: bool) -> bytes:
    # Dimensions, whether there are nulls, the elements' type, then length and first index of the one dimension.
    return struct.pack("!5i", 1, nulls, element, length, 1) if length else struct.pack("!3i", 0, 0, element)


class _Fixed(Dumper):
    """Elements of one width: the lengths and values alternate."""

    format = Format.BINARY
    element: ClassVar[int]
    code: ClassVar[str]
    width: ClassVar[int]

    def dump(self, obj: Sequence[Any]) -> bytes:
        fields = [self.width] * (2 * len(obj))
        fields[1::2] = self.values(obj)
        return _head(len(obj), self.element, nulls=False) + struct.pack(f"!{f'i{self.code}' * len(obj)}", *fields)

    def values(self, obj: Sequence[Any]) -> Sequence[int]:
        return obj


class _Smallints(_Fixed):
    oid, element, code, width = 1005, 21, "h", 2


class _Integers(_Fixed):
    oid, element, code, width = 1007, 23, "i", 4


class _Bigints(_Fixed):
    oid, element, code, width = 1016, 20, "q", 8


class _Times(_Fixed):
    oid, element, code, width = 1185, 1184, "q", 8

    def values(self, obj: Sequence[datetime]) -> Sequence[int]:
        since = [time - _FIRST_MOMENT for time in obj]
        return [(delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds for delta in since]


class _Varying(Dumper):
    """Elements written one by one, or NULL."""

    format = Format.BINARY
    element: ClassVar[int]

    def dump(self, obj: Sequence[Any]) -> bytes:
        written: dict[Any, bytes] = {None: _NULL}  # of many elements few differ: kinds, units, clients
        chunks = []
        for value in obj:
            chunk = written.get(value)
            if chunk is None:
                raw = self.write(value)
                chunk = written[value] = struct.pack("!i", len(raw)) + raw
            chunks.append(chunk)
        return _head(len(obj), self.element, nulls=None in obj) + b"".join(chunks)

    def write(self, value: Any) -> bytes:
        raise NotImplementedError


class _Texts(_Varying):
    oid, element = 1009, 25

    def write(self, value: str) -> bytes:
        return value.encode()


class _Uuids(_Varying):
    oid, element = 2951, 2950

    def write(self, value: UUID) -> bytes:
        return value.bytes


class _Dates(_Varying):
    oid, element = 1182, 1082

    def write(self, value: date) -> bytes:
        return struct.pack("!i", value.toordinal() - _FIRST_DAY)


for _python, _dumper in (
    (Smallints, _Smallints),
    (Integers, _Integers),
    (Bigints, _Bigints),
    (Texts, _Texts),
    (Uuids, _Uuids),
    (Dates, _Dates),
    (Times, _Times),
):
    psycopg.adapters.register_dumper(_python, _dumper)
