"""The audit package over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, Parameter, QueryParameter
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, bodies, packages, views
from api.settings import Settings
from ledger.access.rights import Principal, Right

AUDIT: Final = {"right": Right.AUDIT}

FromDay = FromQuery[
    Annotated[str | None, QueryParameter(name="from", description="Tables and journals begin with this day.")]
]
ToDay = FromQuery[Annotated[str | None, Parameter(description="They end with this day. The log is always whole.")]]


@get(
    "/log/package",
    opt=AUDIT,
    operation_id="downloadPackage",
    summary="The audit package, a ZIP",
    media_type="application/zip",
    responses=views.refusals(400)
    | {200: ResponseSpec(bytes, media_type="application/zip", generate_examples=False, description="The package")},
)
async def download_package(
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    from_: FromDay = None,
    to: ToDay = None,
) -> Stream:
    """The sealed log of the book up to now, with tables and journals derived from it, and the program that verifies it.

    It is made while it is sent, so its size is not known before. A file that ends before its time is no ZIP.
    """
    first = None if from_ is None else bodies.day(from_, "from")
    last = None if to is None else bodies.day(to, "to")
    return await packages.download(database, settings, me, first, last)


router = Router(
    path="/books/{book:str}",
    route_handlers=[download_package],
    before_request=auth.admitted,
    tags=["audit"],
    security=[{"bearer": []}],
)
