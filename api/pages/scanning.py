"""Where a code is scanned: what the camera of a till sees, photos of codes, and a page on which to practise.

A page that asks for a code includes `scan.html` in its form and `scan_photo.html` behind it, is answered with the
headers `frame.CAMERA`, and hands `photographed` what comes to its address for photos (`PHOTO`).
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import answers, frames, problems
from api.frames import Reader
from api.pages import counter, frame
from api.requests import StrictRequest, Upload
from ledger import eighteen
from ledger.access.rights import Principal
from ledger.errors import CodeMistyped, InvalidField, Refusal, SessionEnded

TRY: Final = "/till/try"

PHOTO: Final[dict[str, Any]] = {
    "status_code": 200,
    "request_max_body_size": frames.PHOTO.size + 16 * 1024,  # and what else the form says
    "opt": {"uploads": True},
}
"""Of handlers that take a photo of a code."""

_AS_JSON: Final[Any] = {
    SessionEnded: answers.on_refusal,  # for which the till's pages have a page
    Refusal: answers.on_refusal,
    HTTPException: answers.on_http_exception,
}


@post("/till/frames", status_code=200, opt={"takes": frames.MEDIA_TYPE}, exception_handlers=_AS_JSON)
async def read_frame(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Response[dict[str, str | None]]:
    """What a frame of this till's camera shows, as `POST /api/v1/frames` says it. The script's token is in a header."""
    me = await counter.seller(request, database)
    reader: Reader = request.app.state.frames
    return Response({"code": await reader.read(me.number, await request.body())}, media_type="application/json")


async def photographed(request: StrictRequest, me: Principal) -> tuple[str, Refusal | None]:
    """The code in the form's photo, empty with the reason where there is none."""
    reader: Reader = request.app.state.frames
    photo = (await request.form()).get("photo")
    try:
        if not isinstance(photo, Upload) or not photo.content:
            raise InvalidField("photo", "missing")
        digits = await reader.read(me.number, photo.content, photo=True)
        if digits is None:
            raise InvalidField("photo", "no_code")
    except Refusal as refusal:
        return "", refusal
    return digits, None


# --- practice ---------------------------------------------------------------------------------------------------------


@get(TRY)
async def practise(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """Scan something: its digits are told, and nothing moves."""
    await counter.seller(request, database)
    return _page(request)


@post(TRY, status_code=200)
async def read_code(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """What was scanned or typed."""
    await counter.seller(request, database)
    [typed] = await frame.fields(request, "code")
    digits = eighteen.plain(typed)
    if not frames.is_ours(digits):
        return _page(request, typed, refusal=CodeMistyped() if digits else InvalidField("scan_digits", "missing"))
    return _page(request, read=digits)


@post(f"{TRY}/photo", **PHOTO)
async def read_photo(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """What a photo shows stands where it would be typed."""
    me = await counter.seller(request, database)
    digits, refusal = await photographed(request, me)
    return _page(request, digits, refusal=refusal)


def _page(
    request: StrictRequest, code: str = "", *, read: str | None = None, refusal: Refusal | None = None
) -> Template:
    return frame.page(
        request,
        "till_try.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=TRY,
        headers=frame.CAMERA,
        base=TRY,
        code=code[:40],
        read=read,
        wrong=None if refusal is None else frame.told(request, refusal),
    )


HANDLERS = [read_frame, practise, read_code, read_photo]
