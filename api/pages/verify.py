"""Is this paper genuine? For everybody, without a sign-in: a line or a receipt is typed as it is printed."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, check_codes
from api.pages import frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.errors import InvalidField, TooManyAttempts

LINE: Final = ("passbook", "line", "day", "deposit", "withdrawal", "balance")
RECEIPT: Final = ("receipt", "day", "outlet", "points")
HERE: Final = "/verify"


@get(HERE)
async def verify_form(request: StrictRequest) -> Template:
    """The form for a line, or (`?what=receipt`) for a receipt; the book as the QR code on the paper says."""
    asked = request.query_params
    what = "receipt" if asked.get("what") == "receipt" else "line"
    return _form(request, what, {"book": asked.get("book", "")[: check_codes.LONGEST]})


@post(HERE, status_code=200)
async def verify(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Says whether it matches. Nothing about anybody is looked up, and what was typed stays for another look."""
    [what] = await frame.fields(request, "what")
    names = RECEIPT if what == "receipt" else LINE
    book, code, *typed = await frame.fields(request, "book", "code", *names)
    given = dict(zip(names, typed, strict=True))
    shown = given | {"book": book, "code": code}
    what = "receipt" if what == "receipt" else "line"
    try:
        if not code:
            raise InvalidField("check_code", "missing")
        read = check_codes.read_receipt if what == "receipt" else check_codes.read_line
        right = await check_codes.check(database, settings, read(book=book, **given), code, auth.address_of(request))
    except InvalidField as refusal:
        language = frame.view_of(request).language
        return _form(
            request, what, shown, status=400, wrong=texts.wrong(language, f"paper_{refusal.field}", refusal.problem)
        )
    except TooManyAttempts as refusal:
        wait = texts.t(frame.view_of(request).language, "verify_wait", seconds=refusal.seconds)
        return _form(request, what, shown, status=429, wrong=wait)
    return _form(request, what, shown, right=right)


def _form(
    request: StrictRequest,
    what: str,
    typed: dict[str, str],
    *,
    status: int = 200,
    wrong: str | None = None,
    right: bool | None = None,
) -> Template:
    language = frame.view_of(request).language
    names = ("book", *(RECEIPT if what == "receipt" else LINE), "code")
    return frame.page(
        request,
        "verify.html",
        status=status,
        path=HERE,
        query={"what": what} | ({"book": typed["book"]} if typed["book"] else {}),
        what=what,
        typed=[(name, texts.field(language, f"paper_{name}"), typed.get(name, "")) for name in names],
        wrong=wrong,
        right=right,
    )


HANDLERS = [verify_form, verify]
