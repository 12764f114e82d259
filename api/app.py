"""The application: all routes, handlers and plugins on one screen."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from sqlalchemy.ext.asyncio import AsyncEngine

from api import VERSION, answers, auth, figures, frames, housekeeping, keys, pages, programme, sealing
from api.protocol import OVERDUE
from api.requests import BadJson, NotJson, StrictRequest
from api.routes import (
    activities,
    approvals,
    audit,
    awards,
    boards,
    books,
    budgets,
    cases,
    catalogue,
    holds,
    honours,
    hours,
    ladders,
    lapsing,
    limits,
    marks,
    operations,
    organisations,
    outlets,
    own,
    packages,
    paper,
    pay,
    people,
    periods,
    pictures,
    platforms,
    postings,
    proofs,
    public,
    records,
    rules,
    sessions,
    standing,
    stars,
    till,
    volunteers,
    vouchers,
)
from api.routes import log as log_routes
from api.settings import Settings
from ledger.access.rights import Principal
from ledger.errors import Fault, Refusal

MOST_BODY: Final = 64 * 1024

log = structlog.get_logger()

SECURITY_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self';"
        b" connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""What every answer says unless it says otherwise. Names in lower case, as the framework writes them."""
ONLY_HTTPS: Final = (b"strict-transport-security", b"max-age=31536000")
"""Where people come by https: for a year they shall not come otherwise."""

_HOST: Final = re.compile(rb"([0-9A-Za-z._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?")


class Service(Litestar):
    """Gives every request a number, its answer the security headers, and the log and the figures their line.

    HEAD is answered as GET, without the body. Not a middleware: those do not see requests for addresses that nobody
    serves.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The entry point of the server."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request_id = secrets.token_hex(16)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        method = scope["method"]
        if only_head := method == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy, since the server needs to know what it was asked
        begun = time.perf_counter()
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        body_is_here = False

        async def read() -> Any:
            nonlocal body_is_here
            message = await receive()
            if not body_is_here:
                if state.get(OVERDUE) or message["type"] == "http.disconnect":
                    raise HTTPException(status_code=408)
                body_is_here = not message.get("more_body", False)
            return message

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *(header for header in self.state.security_headers if header[0] not in said),
                ]
                took = time.perf_counter() - begun
                route = scope.get("path_template", "")
                figures.request(method, route, message["status"], took)
                log.info(
                    "request",
                    request_id=request_id,
                    method=method,
                    route=route,
                    status=int(message["status"]),
                    milliseconds=round(took * 1000, 1),
                    client=_client_kind(scope),
                )
            elif only_head:
                message["body"] = b""
            await send(message)

        if (len(hosts) == 1 and _is_host(hosts[0])) or (not hosts and scope["http_version"] == "1.0"):
            await super().__call__(scope, read, answer)
        else:  # RFC 9112, 3.2; the framework builds addresses of it
            await answers.bad_request(Request(scope))(scope, read, answer)


@lru_cache(maxsize=256)
def _is_host(value: bytes) -> bool:
    """Whether it is a name or an address, perhaps with a port."""
    try:
        return _HOST.fullmatch(value) is not None and urlsplit(b"//" + value).port != 0
    except ValueError:
        return False


def _client_kind(scope: Any) -> str:
    """What kind of client calls (user, token, till), not which; empty where nobody has signed in."""
    kind, _, _ = getattr(scope.get("user"), "name", "").partition(":")
    return kind


async def _only_the_description(request: Request[Any, Any, Any]) -> None:
    """Beside the description there is nothing at /schema; the framework would say so with a page of its own."""
    if "{" in request.scope["path_template"]:
        raise NotFoundException


def create_app(settings: Settings, database: AsyncEngine) -> Litestar:
    """The service on this database. It owns the engine from here on and disposes of it at the end."""

    # It asks for the database only to be found after it: for two at the same time the framework would start tasks.
    def me(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Principal:
        principal: Principal = request.user
        return principal

    personal = keys.personal(settings)
    by = sealing.signer_of(settings)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        try:
            async with (
                figures.sampled(database),
                housekeeping.running(database),
                sealing.running(database, by),
            ):
                yield
        finally:
            await database.dispose()

    rest = Router(
        path="/api/v1",
        route_handlers=[
            sessions.router,
            own.router,
            hours.router,
            pay.router,
            vouchers.router,
            people.router,
            organisations.router,
            outlets.router,
            catalogue.router,
            volunteers.router,
            standing.router,
            activities.own_router,
            activities.router,
            books.router,
            lapsing.router,
            stars.router,
            cases.router,
            postings.router,
            approvals.router,
            holds.router,
            periods.router,
            rules.router,
            ladders.router,
            limits.router,
            marks.router,
            records.router,
            awards.router,
            platforms.router,
            public.router,
            boards.public_router,
            boards.router,
            honours.router,
            budgets.router,
            till.router,
            pictures.router,
            paper.router,
            proofs.router,
            log_routes.public_router,
            log_routes.router,
            audit.router,
            packages.router,
        ],
        dependencies={"me": Provide(me, sync_to_thread=False)},
    )
    headers = (*SECURITY_HEADERS, ONLY_HTTPS) if settings.https else SECURITY_HEADERS
    figures.watch(database)
    handlers: Any = {
        Refusal: answers.on_refusal,
        BadJson: answers.on_bad_json,
        NotJson: answers.on_not_json,
        Fault: answers.on_fault,
        HTTPException: pages.on_unknown_address,
        Exception: answers.on_exception,
    }
    return Service(
        route_handlers=[rest, operations.router, pages.router(settings)],
        dependencies={
            "keys": Provide(lambda: personal, sync_to_thread=False),
            "database": Provide(lambda: database, sync_to_thread=False),
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "signer": Provide(lambda: by, sync_to_thread=False),
        },
        exception_handlers=handlers,
        request_class=StrictRequest,
        template_config=pages.TEMPLATES,
        request_max_body_size=MOST_BODY,
        lifespan=[running],
        state=State(
            {
                "settings": settings,
                "security_headers": headers,
                "doors": auth.Doors(database),
                "programmes": programme.Programmes(database),
                "frames": frames.Reader(),
            }
        ),
        openapi_config=OpenAPIConfig(
            title="Meide Ledger 美德账本",
            version=VERSION,
            openapi_router=Router(
                "/schema", route_handlers=[], include_in_schema=False, before_request=_only_the_description
            ),
            use_handler_docstrings=True,
            components=Components(
                security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
            ),
            render_plugins=[JsonRenderPlugin()],
        ),
        logging_config=None,
    )
