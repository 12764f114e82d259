"""Pictures over HTTP: the code in a picture that a till's camera has taken."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from litestar import Router, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from api import auth, frames, views
from api.requests import StrictRequest
from ledger.access.rights import Principal, Right


class FrameView(msgspec.Struct, frozen=True):
    """The eighteen digits of the pay code, ticket, card or voucher in the picture; null where it shows none."""

    code: str | None


@dataclass
class _Picture(Operation):
    """The description of a call whose body is a picture."""

    def __post_init__(self) -> None:
        schema = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, max_length=frames.FRAME.size)
        self.request_body = RequestBody({frames.MEDIA_TYPE: OpenAPIMediaType(schema)}, required=True)


@post(
    "/frames",
    status_code=200,
    opt={"right": Right.SELL},
    operation_class=_Picture,
    operation_id="readFrame",
    summary="Read the code in a picture",
    responses=views.refusals(400, 413, 415, 429),
)
async def read_frame(request: StrictRequest, me: NamedDependency[Principal]) -> FrameView:
    """What a JPEG of the till's camera shows, in 64 KiB; the smaller side needs no more than 480 pixels.

    A till sends at most three a second, for twenty seconds. Nothing of a picture is kept.
    """
    picture = await request.body()
    if request.content_type[0] != frames.MEDIA_TYPE:
        raise HTTPException(status_code=415)
    reader: frames.Reader = request.app.state.frames
    return FrameView(await reader.read(me.number, picture))


router = Router(
    path="/",
    route_handlers=[read_frame],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["tills"],
)
