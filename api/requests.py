"""Requests: bodies read strictly, so that `"5"` is not 5, 5.0 is not 5, and an unknown field is an error."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import OpenAPIType, Operation, Parameter, Schema
from litestar.types import Empty
from multipart import (  # type: ignore[import-untyped] # it ships no types
    MultipartError,
    MultipartParser,
)

from ledger.errors import InvalidField

_LONGEST_NAME: Final = 100
"""Characters of the name of a file; the end of it says the most."""
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


def _quotes(text: bytes) -> int:
    """How many quotation marks delimit the strings of a JSON text: two for each name and for each value that is one."""
    bare = text.replace(b"\\\\", b"")  # now a backslash before a mark escapes it
    return bare.count(b'"') - bare.count(b'\\"')


def _each_name_once(pairs: list[tuple[str, Any]]) -> None:
    """Readers differ in which of two fields of one name they take, so a body with two is refused."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise BadJson(name, "the field is there twice")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form."""

    name: str
    content: bytes


class StrictRequest(Request[Any, Any, Any]):
    """Reads JSON bodies strictly into the Struct that the handler asks for, and forms without keeping them.

    The framework's own reading converts leniently, takes any content type and fails on broken UTF-8; and it remembers
    the last thousand forms, with the passwords in them.
    """

    async def form(self) -> FormMultiDict:
        """The fields of an urlencoded form, and where a handler takes uploads those of one with files (`Upload`).

        None of a body of any other type, since no form of ours sends one.
        """
        if self._form is Empty and self.content_type[0] == RequestEncodingType.MULTI_PART:
            takes = self.route_handler.opt.get("uploads")
            self._form = FormMultiDict(
                _parts(await self.body(), self.content_type[1].get("boundary", "")) if takes else []
            )
        if self._form is Empty:
            urlencoded = self.content_type[0] == RequestEncodingType.URL_ENCODED
            body = await self.body() if urlencoded else b""
            self._form = FormMultiDict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
        return self._form

    async def json(self) -> Any:
        if self.content_type[0] != "application/json":
            raise NotJson
        field = self.route_handler.parsed_data_field
        body = await self.body()
        try:
            decoded = msgspec.json.decode(body, type=field.annotation if field else Any)
            if _quotes(msgspec.json.encode(decoded)) != _quotes(body):
                # A name stands there twice, or a field says its default, which is left out when it is written again.
                json.loads(body, object_pairs_hook=_each_name_once)
            return decoded
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            raise BadJson(path.rstrip("`").lstrip("."), message) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadJson("", f"not JSON in UTF-8: {error}") from None


def _parts(body: bytes, boundary: str) -> list[tuple[str, Any]]:
    """The fields and files of a form that carries files; none of what is no such form."""
    found: list[tuple[str, Any]] = []
    whole = len(body)  # which the handler has limited
    try:
        for part in MultipartParser(io.BytesIO(body), boundary, strict=True, part_limit=64, spool_limit=whole):
            content = part.raw if part.filename is None else Upload(part.filename[-_LONGEST_NAME:], part.raw)
            found.append((part.name, content if isinstance(content, Upload) else content.decode("utf-8", "replace")))
            part.close()
    except MultipartError:
        return []
    return found


def key_of(request: StrictRequest) -> str:
    """The key that the caller gave to this call; InvalidField when there is none or it cannot be one."""
    given = request.headers.getall(KEY_HEADER, [])
    if len(given) != 1:
        raise InvalidField(KEY_HEADER, "given_twice" if given else "missing")
    if not is_key(given[0]):
        raise InvalidField(KEY_HEADER, "not_a_key")
    return given[0]


def is_key(text: str) -> bool:
    """Whether a caller may give this as the key of a call: one that a header can carry."""
    return _KEY.fullmatch(text) is not None


@dataclass
class Keyed(Operation):
    """The description of a call that needs a key."""

    def __post_init__(self) -> None:
        key = Parameter(
            name=KEY_HEADER,
            param_in="header",
            required=True,
            description="The same call again under its key gets the first answer; another call is a conflict.",
            schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=255),
        )
        self.parameters = [*(self.parameters or []), key]
