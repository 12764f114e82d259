"""Requests: bodies read strictly, so that `"5"` is not 5, 5.0 is not 5, and an unknown field is an error."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from litestar import Request

from ledger.errors import InvalidField

KEY_HEADER: Final = "Idempotency-Key"
_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


class NotJson(Exception):
    """The body is not what its content type must say: application/json."""


class BadJson(Exception):
    """The body is no JSON in UTF-8, or not of the shape of the call: `field` and what was expected."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class StrictRequest(Request[Any, Any, Any]):
    """Reads JSON bodies strictly into the Struct that the handler asks for.

    The framework's own reading converts leniently, takes any content type and fails on broken UTF-8.
    """

    async def json(self) -> Any:
        if self.content_type[0] != "application/json":
            raise NotJson
        field = self.route_handler.parsed_data_field
        try:
            return msgspec.json.decode(await self.body(), type=field.annotation if field else Any)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            raise BadJson(path.rstrip("`").lstrip("."), message) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadJson("", f"not JSON in UTF-8: {error}") from None


def key_of(request: StrictRequest) -> str:
    """The key that the caller gave to this call; InvalidField when there is none or it cannot be one."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        raise InvalidField(KEY_HEADER, "missing")
    if not _KEY.fullmatch(key):
        raise InvalidField(KEY_HEADER, "not_a_key")
    return key
