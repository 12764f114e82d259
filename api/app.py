"""The application: all routes, handlers and plugins on one screen."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Message
from sqlalchemy.ext.asyncio import AsyncEngine

from api import VERSION, answers, auth, housekeeping, keys, pages
from api.requests import BadJson, NotJson, StrictRequest
from api.routes import approvals, books, holds, operations, own, people, periods, postings, sessions, volunteers
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
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""What every answer says unless it says otherwise. Names in lower case, as the framework writes them."""


class Service(Litestar):
    """Gives every request a number, its answer the security headers, and the log a line.

    Not a middleware: those do not see requests for addresses that nobody serves.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The entry point of the server."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request_id = secrets.token_hex(16)
        scope.setdefault("state", {})["request_id"] = request_id
        begun = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *(header for header in SECURITY_HEADERS if header[0] not in said),
                ]
                log.info(
                    "request",
                    request_id=request_id,
                    method=scope["method"],
                    route=scope.get("path_template", ""),
                    status=message["status"],
                    milliseconds=round((time.perf_counter() - begun) * 1000, 1),
                )
            await send(message)

        await super().__call__(scope, receive, answer)


def create_app(settings: Settings, database: AsyncEngine) -> Litestar:
    """The service on this database. It owns the engine from here on and disposes of it at the end."""

    # It asks for the database only to be found after it: for two at the same time the framework would start tasks.
    def me(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Principal:
        principal: Principal = request.user
        return principal

    personal = keys.personal(settings)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        try:
            async with housekeeping.running(database):
                yield
        finally:
            await database.dispose()

    rest = Router(
        path="/api/v1",
        route_handlers=[
            sessions.router,
            own.router,
            people.router,
            volunteers.router,
            books.router,
            postings.router,
            approvals.router,
            holds.router,
            periods.router,
        ],
        dependencies={"me": Provide(me, sync_to_thread=False)},
    )
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
        },
        exception_handlers=handlers,
        request_class=StrictRequest,
        template_config=pages.TEMPLATES,
        request_max_body_size=MOST_BODY,
        lifespan=[running],
        state=State({"settings": settings, "doors": auth.Doors(database)}),
        openapi_config=OpenAPIConfig(
            title="Meide Ledger 美德账本",
            version=VERSION,
            path="/schema",
            use_handler_docstrings=True,
            components=Components(
                security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
            ),
            render_plugins=[JsonRenderPlugin()],
        ),
        logging_config=None,
    )
