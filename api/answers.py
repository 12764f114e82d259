"""Errors as HTTP answers: the handlers of everything that a call can be refused with (RFC 9457)."""

from __future__ import annotations

import traceback
from http import HTTPStatus
from typing import Any, Final

import psycopg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from api import figures, problems
from api.problems import MEDIA_TYPE, REFUSALS, Language, Row
from api.requests import BadJson, NotJson
from ledger import errors
from ledger.database import connect
from ledger.errors import Fault, Refusal

RETRY_AFTER: Final = "2"

log = structlog.get_logger()

# What the framework answers by itself.
STATUSES: Final[dict[int, Row]] = {
    400: Row(400, "invalid_request", "请求的内容不对。", "The request is not well formed."),
    401: REFUSALS[errors.SessionEnded],
    403: REFUSALS[errors.NotAllowed],
    404: Row(404, "not_found", "没有这个地址。", "There is nothing at this address."),
    405: Row(405, "method_not_allowed", "这个地址不支持这种请求。", "This address does not take this method."),
    408: Row(
        408,
        "request_timeout",
        "请求太慢，已中断。请重试。",
        "The request took too long. Please send it again.",
    ),
    413: Row(413, "body_too_large", "内容太大。", "The body is too large."),
    415: Row(
        415,
        "unsupported_media_type",
        "内容的类型不对：须为 application/json，照片须为 image/jpeg。",
        "The body is of the wrong type: it must be application/json, and a picture image/jpeg.",
    ),
    429: Row(429, "too_many_requests", "请求太多，请稍后再试。", "Too many requests, please try again later."),
    431: Row(431, "head_too_large", "请求的头部太大。", "The head of the request is too large."),
    500: Row(
        500,
        "internal_error",
        "系统出错。请原样重发（键不变，不会重复记账），并告诉管理人员编号 {request_id}。",
        "Something went wrong. Send the same call again under the same key, which posts nothing twice, and tell the"
        " staff this number: {request_id}.",
    ),
    503: Row(503, "unavailable", "系统忙，请稍后再试。", "The service is busy, please try again shortly."),
}

_BUSY: Final = {"57014", "55P03", "40P01", "53300", "57P01", "57P02", "57P03", "25006"}
"""SQLSTATEs of a database that is overloaded or going down, or no longer the primary; class 08 is a lost connection."""


class Encoded(ASGIResponse):
    """An answer whose body is JSON already. The framework's own answers take longer than all else of a posting."""

    def __init__(
        self, body: bytes, status: int, *headers: tuple[bytes, bytes], media_type: str = "application/json"
    ) -> None:
        self.body = body
        self.status_code = status
        length = str(len(body)).encode()
        self.own_headers = [(b"content-type", media_type.encode()), (b"content-length", length), *headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.own_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def language_of(request: Request[Any, Any, Any]) -> Language:
    """English for who asks for it first, Chinese for everybody else."""
    return "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"


def refused(request: Request[Any, Any, Any], refusal: Refusal, *, replayed: bool = False) -> Response[Any]:
    """The answer to a refused call."""
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    if problems.REFUSALS[type(refusal)].status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(refusal, errors.TooManyAttempts | errors.TooManyFrames):
        headers["Retry-After"] = str(refusal.seconds)
    return _answer(problems.document(refusal, language_of(request)), headers)


def on_refusal(request: Request[Any, Any, Any], refusal: Refusal) -> Response[Any]:
    """Handler of refusals that a verb raised."""
    return refused(request, refusal)


def on_bad_json(request: Request[Any, Any, Any], fault: BadJson) -> Response[Any]:
    """Handler of bodies that are not what the call takes."""
    return _fault(request, 400, [{"field": fault.field, "problem": fault.message}])


def on_not_json(request: Request[Any, Any, Any], _: NotJson) -> Response[Any]:
    """Handler of bodies of another content type."""
    return _fault(request, 415)


def on_http_exception(request: Request[Any, Any, Any], fault: HTTPException) -> Response[Any]:
    """Handler of what the framework refuses: unknown paths, methods, sizes, parameters."""
    faults = []
    if isinstance(fault, ValidationException) and isinstance(fault.extra, list):
        faults = [{"field": str(e.get("key", "")), "problem": str(e.get("message", ""))} for e in fault.extra]
        if [f["field"] for f in faults] == ["data"]:  # the framework's name for a body that is not there
            faults = [{"field": "", "problem": "the JSON body is missing"}]
    return _fault(request, fault.status_code, faults)


def on_fault(request: Request[Any, Any, Any], fault: Fault) -> Response[Any]:
    """Handler of surroundings that are not as they must be, e.g. a database that cannot be reached."""
    if isinstance(fault, errors.CannotDecrypt):  # no waiting helps: a key is missing, or somebody has changed the data
        log.error("cannot_decrypt", request_id=request.scope["state"].get("request_id", ""), facts=str(fault))
        return _fault(request, 500)
    if isinstance(fault, errors.LogDamaged):
        log.error("log_damaged", request_id=request.scope["state"].get("request_id", ""), **dict(fault.facts()))
        return _fault(request, 500)
    if not isinstance(fault, errors.TooBusy):  # then the line of the request says enough: there will be many
        log.warning("not_ready", fault=type(fault).__name__, facts=str(fault))
    return _fault(request, 503)


def on_exception(request: Request[Any, Any, Any], fault: Exception) -> Response[Any]:
    """Handler of everything else: a busy or absent database is 503, the rest is ours and is logged."""
    sqlstate, constraint = connect.violation(fault)
    lost = isinstance(fault, psycopg.OperationalError) or (
        isinstance(fault, DBAPIError)
        and (fault.connection_invalidated or isinstance(fault.orig, psycopg.OperationalError))
    )
    if lost or isinstance(fault, NoFreeConnection) or sqlstate in _BUSY or sqlstate.startswith("08"):
        log.warning("database_busy", sqlstate=sqlstate, error=connect.first_line(fault))
        return _fault(request, 503)
    # Where, but not what was said: messages of the database quote what people wrote.
    place = traceback.extract_tb(fault.__traceback__)[-12:]
    log.error(
        "internal_error",
        request_id=request.scope["state"].get("request_id", ""),
        error=type(fault).__name__,
        sqlstate=sqlstate,
        constraint=constraint,
        frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in place],
    )
    return _fault(request, 500)


def bad_request(request: Request[Any, Any, Any]) -> ASGIResponse:
    """The answer to what does not get as far as the framework."""
    return _fault(request, 400).to_asgi_response(app=None, request=request)


def _fault(request: Request[Any, Any, Any], status: int, faults: list[dict[str, str]] | None = None) -> Response[Any]:
    row = STATUSES.get(status) or STATUSES[400 if status < 500 else 500]
    template = row.zh if language_of(request) == "zh" else row.en
    detail = template.format(request_id=request.scope["state"].get("request_id", ""))
    headers = {"Retry-After": RETRY_AFTER} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return _answer(problems.row_document(row, detail, faults or [], {}), headers)


def _answer(content: dict[str, Any], headers: dict[str, str]) -> Response[Any]:
    figures.problem(content["code"])
    return Response(content, status_code=content["status"], media_type=MEDIA_TYPE, headers=headers)
