"""What bodies of calls are made of: Structs that know no other field, times, days."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Annotated, Final

import msgspec
from litestar.params import Parameter

from ledger.access.identities import Identity
from ledger.days import BEIJING
from ledger.errors import InvalidField

Limit = Annotated[int, Parameter(ge=1, le=200)]
"""How many items a page has at most."""

After = Annotated[int, Parameter(ge=0, le=2**31 - 1)]
"""The number of the last item of the page before; 0: from the beginning."""

Number = Annotated[int, Parameter(ge=1, le=2**31 - 1)]
"""The number of a role or a token, as an address holds it."""


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A body of a call. Fields at their defaults are left out of its canonical text."""


_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII)
_BEYOND_MICROSECONDS: Final = re.compile(r"(\.\d{6})\d+")


_LONGEST_TIME: Final = 64


def moment(text: str, field: str) -> datetime:
    """An RFC 3339 time in UTC; a bare date is the beginning of that day in Asia/Shanghai. InvalidField."""
    try:
        if len(text) <= _LONGEST_TIME and (read := _moment(text)) is not None:
            return read
    except (ValueError, OverflowError):
        pass
    raise InvalidField(field, "not_a_time")


@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime | None:
    if _DAY.fullmatch(text):
        return datetime.combine(date.fromisoformat(text), time(), BEIJING).astimezone(UTC)
    if _TIME.fullmatch(text):
        return datetime.fromisoformat(_BEYOND_MICROSECONDS.sub(r"\1", text.upper())).astimezone(UTC)
    return None


def day(text: str, field: str) -> date:
    """A date `YYYY-MM-DD`; InvalidField."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidField(field, "not_a_date")


class IdentityBody(Body, frozen=True):
    """Who somebody is. `born` (YYYY-MM-DD) need not be said where the identity number tells it."""

    name: str
    phone: str | None = None
    id_number: str | None = None
    born: str | None = None

    def identity(self) -> Identity:
        """The same with the day read; InvalidField."""
        return Identity(
            self.name, self.phone, self.id_number, day(self.born, "born") if self.born is not None else None
        )
