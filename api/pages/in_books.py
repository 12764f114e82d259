"""Is this entry in the published books? For everybody, without a sign-in: the QR code of a receipt leads here.

The server says so, and the browser works it out again by itself (`receipt.js`): it needs nothing from the server but
the key.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import receipts
from api.pages import frame, texts
from api.problems import Language
from api.receipts import Looked
from api.requests import StrictRequest
from api.settings import Settings
from ledger.auditing.verifier import notes
from ledger.auditing.verifier import receipts as verifier
from ledger.auditing.verifier.receipts import Receipt

HERE: Final = "/R"
NOT_INDEXED: Final = {"X-Robots-Tag": "noindex, nofollow"}


@get(HERE)
async def form(request: StrictRequest) -> Template:
    """Where the text of a receipt is pasted."""
    return _page(request, None, "")


@post(HERE, status_code=200)
async def pasted(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Says of what was pasted whether it is right; what was pasted stays for another look."""
    [typed] = await frame.fields(request, "receipt")
    return _page(request, await receipts.look(database, settings, typed), typed)


@get(f"{HERE}/{{code:str}}")
async def scanned(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    code: FromPath[str],
) -> Template:
    """Says whether the receipt is right whose QR code led here."""
    return _page(request, await receipts.look(database, settings, code), None, path=f"{HERE}/{code}")


def _page(request: StrictRequest, looked: Looked | None, typed: str | None, *, path: str = HERE) -> Template:
    """`typed` None: there is no form, but the way to it."""
    language = frame.view_of(request).language
    of = None if looked is None else looked.receipt
    key = None if looked is None or looked.key is None else looked.key
    until = ""
    if looked is not None and looked.promise is not None and not looked.wrong:
        promised = datetime.fromisoformat(looked.promise.recorded_at)
        until = texts.moment(language, promised + timedelta(seconds=looked.promise.within))
    return frame.page(
        request,
        "in_books.html",
        path=path,
        headers=NOT_INDEXED,
        looked=looked,
        code=None if of is None else _code(of),
        line=None if of is None else of.line,
        key=None if key is None else notes.vkey(key.name, key.public),
        facts=[] if looked is None else _facts(language, looked),
        until=until,
        asks=typed is not None,
        typed=typed or "",
        longest=receipts.LONGEST,
    )


def _code(of: Receipt) -> str | None:
    """For the browser to check; None where the receipt is not signed by its log at all."""
    try:
        return verifier.compact(of)
    except notes.NotThisForm:
        return None


def _facts(language: Language, looked: Looked) -> list[tuple[str, str]]:
    """What the receipt says, as far as it proves that, in words."""
    if looked.wrong or looked.log is None:
        return []
    found = [("log", looked.log)]
    if looked.receipt is not None:
        then = looked.receipt.checkpoint
        place = texts.t(language, "in_books_place_of", number=looked.receipt.index + 1, size=then.size)
        found.append(("place", place))
        if looked.today is not None:
            grown = texts.t(language, "in_books_today_more", size=looked.today)
            found.append(("today", grown if looked.today > then.size else texts.t(language, "in_books_today_same")))
        if looked.receipt.line is not None:
            found += _said(language, json.loads(looked.receipt.line))
        if looked.receipt.opening is not None and looked.receipt.opening.texts.get("description"):
            found.append(("description", looked.receipt.opening.texts["description"]))
    if looked.key is not None:
        found.append(("key", notes.vkey(looked.key.name, looked.key.public)))
    return found


def _said(language: Language, line: dict[str, Any]) -> list[tuple[str, str]]:
    """What stands in a line, of transactions only."""
    if line.get("type") != "transaction":
        return []
    return [
        ("voucher", str(line["voucher"])),
        ("day", str(line["effective_on"])),
        ("recorded", texts.moment(language, datetime.fromisoformat(str(line["recorded_at"])))),
    ]


HANDLERS = [form, pasted, scanned]
