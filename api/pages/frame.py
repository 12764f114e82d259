"""What all pages share: language and text size of the reader, the templates, guarded forms, and errors as pages.

A page needs no JavaScript. Preferences are cookies that plain links set (`?lang=en`, `?size=elder`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response, get
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType, ScopeType
from litestar.exceptions import HTTPException, NotFoundException, PermissionDeniedException
from litestar.middleware import ASGIMiddleware
from litestar.middleware.csrf import CSRF_SECRET_LENGTH, CSRFMiddleware, generate_csrf_hash
from litestar.params import FromPath
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.template import TemplateConfig
from litestar.types import ASGIApp, Receive, Scope, Send

from api import answers, problems
from api.pages import texts
from api.problems import Language
from api.settings import Settings
from ledger.errors import ChangeNeeded, Fault, InvalidField, NotAllowed, Refusal, SessionEnded

SESSION_COOKIE: Final = "meide_session"
LANGUAGE_COOKIE: Final = "meide_language"
SIZE_COOKIE: Final = "meide_size"
CSRF_COOKIE: Final = "meide_csrf"
A_YEAR: Final = 365 * 24 * 3600

SIZES: Final = ("standard", "elder", "largest")
"""18, 24 and 30 px: from the least to the most that the MIIT norm for elders' apps asks of main text."""

CAMERA: Final = {"Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"}
"""Headers of pages that may use the camera of the device: no other page may."""

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class View:
    """How this reader wants the pages."""

    language: Language
    size: str


def view_of(request: Request[Any, Any, Any]) -> View:
    """The address says it, else a cookie, else Chinese at the standard size."""
    asked, kept = request.query_params, request.cookies
    language = texts.LANGUAGES.get(asked.get("lang", "")) or texts.LANGUAGES.get(kept.get(LANGUAGE_COOKIE, ""))
    sizes = (size for size in (asked.get("size"), kept.get(SIZE_COOKIE)) if size in SIZES)
    return View(language or "zh", next(sizes, None) or SIZES[0])


def page(
    request: Request[Any, Any, Any],
    template: str,
    *,
    status: int = HTTPStatus.OK,
    path: str | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    **facts: object,
) -> Template:
    """A page in the reader's language and size; what its address asks for of these is kept for a year.

    `path` and `query`: where its own links lead back to.
    """
    view = view_of(request)
    settings: Settings = request.app.state.settings
    own = path or (request.url.path if request.method == "GET" else "/")

    def with_(**change: str) -> str:
        return f"{own}?{urlencode({**(query or {}), **change})}"

    def t(key: str, **about: object) -> str:
        return texts.t(view.language, key, **about)

    frame: dict[str, object] = {
        "t": t,
        "view": view,
        "tag": texts.TAGS[view.language],
        "sizes": [(size, with_(size=size)) for size in SIZES],
        "in_chinese": with_(lang="zh"),
        "in_english": with_(lang="en"),
        "phone": settings.help_phone,
        "signed_in": cookie_name(SESSION_COOKIE, settings) in request.cookies,
    }
    assert frame.keys().isdisjoint(facts), "what a page says would be lost behind what all pages say"
    context = {"notice": None, "wrong": None} | facts | frame
    answer = Template(
        template, context=context, status_code=status, media_type=MediaType.HTML, headers=dict(headers or {})
    )
    for cookie, name, known in ((LANGUAGE_COOKIE, "lang", texts.LANGUAGES), (SIZE_COOKIE, "size", SIZES)):
        asked = request.query_params.get(name)
        if asked is not None and asked in known:
            keep(request, answer, cookie, asked)
    return answer


def keep(request: Request[Any, Any, Any], answer: Response[Any], cookie: str, value: str) -> None:
    """Keeps what somebody has chosen for a year."""
    settings: Settings = request.app.state.settings
    answer.set_cookie(Cookie(cookie, value=value, max_age=A_YEAR, httponly=True, secure=settings.https))


# --- templates and files ----------------------------------------------------------------------------------------------

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES: Final = {file.name: file.read_bytes() for file in (HERE / "static").iterdir() if file.suffix in _TYPES}


def static_url(name: str) -> str:
    """The address of a file that pages use. It changes when the content does, so that browsers may keep the file."""
    return f"/static/{name}?v={hashlib.sha256(_FILES[name]).hexdigest()[:12]}"


@get("/static/{name:str}")
async def static_file(name: FromPath[str]) -> Response[bytes]:
    """A file that pages use. They are few and small, read at the start: no address reaches the disk."""
    if name not in _FILES:
        raise NotFoundException
    headers = {"Cache-Control": f"public, max-age={A_YEAR}, immutable"}
    return Response(_FILES[name], media_type=_TYPES[Path(name).suffix], headers=headers)


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,  # a forgotten fact fails in the tests instead of leaving a hole in the page
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals["static_url"] = static_url

TEMPLATES: Final = TemplateConfig(instance=JinjaTemplateEngine.from_environment(_ENVIRONMENT))


# --- forms ------------------------------------------------------------------------------------------------------------


def cookie_name(name: str, settings: Settings) -> str:
    """What a cookie that opens something is called. With https it begins with `__Host-`: browsers take such a cookie
    over https only, and from this host only, so that nobody can plant one from elsewhere.
    """
    return f"__Host-{name}" if settings.https else name


async def fields(request: Request[Any, Any, Any], *names: str, bare: bool = True) -> list[str]:
    """What was typed into these fields of a form, empty where nothing came; `bare`: without the spaces around it."""
    form = await request.form()
    typed = [value if isinstance(value := form.get(name), str) else "" for name in names]
    return [value.strip() for value in typed] if bare else typed


def told(request: Request[Any, Any, Any], refusal: Refusal) -> str:
    """What was refused and what to do, in the reader's language."""
    language = view_of(request).language
    if isinstance(refusal, InvalidField):
        return texts.wrong(language, refusal.field, refusal.problem)
    return problems.sentence(refusal, language)


def notice(request: Request[Any, Any, Any], *known: str) -> str | None:
    """What has just been done, which the address says; nothing for words that are not among the `known`."""
    done = request.query_params.get("done", "")
    return done if done in known else None


def forget(answer: Response[Any], name: str, settings: Settings) -> None:
    """Makes the browser forget a cookie."""
    answer.set_cookie(Cookie(name, value="", max_age=0, httponly=True, secure=settings.https))


_NOT_OF_THE_FORM: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
"""What can be wrong with a form before anybody sees whose it is."""


class GuardedForms(ASGIMiddleware):
    """Refuses forms that did not come from a page of ours (Litestar's double-submit token), with a page.

    The token is signed with a session key; pages that were opened before a new key came keep working with the old one.

    The refusal is answered here, since what escapes a middleware would leave without the security headers.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.configs = [
            CSRFConfig(
                secret=hmac.digest(key.encode(), b"meide forms of pages", "sha256").hex(),
                cookie_name=cookie_name(CSRF_COOKIE, settings),
                cookie_secure=settings.https,
                cookie_httponly=True,
            )
            for key in settings.session_keys
        ]

    def _config(self, request: Request[Any, Any, Any]) -> CSRFConfig:
        """With the key that signed the browser's token; the first key otherwise."""
        token = request.cookies.get(self.configs[0].cookie_name, "")
        random, signature = token[:CSRF_SECRET_LENGTH], token[CSRF_SECRET_LENGTH:].encode()
        for config in self.configs:
            if hmac.compare_digest(generate_csrf_hash(random, config.secret).encode(), signature):
                return config
        return self.configs[0]

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        try:
            opt, given = request.route_handler.opt, request.content_type[0]
            files = opt.get("uploads") and given == RequestEncodingType.MULTI_PART
            taken = files or given in (RequestEncodingType.URL_ENCODED, opt.get("takes"))
            if request.method == "POST" and not taken:
                raise PermissionDeniedException("none of our forms is sent like this")
            if request.method == "POST" and request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
                raise PermissionDeniedException("the browser itself says that it comes from elsewhere")
            await CSRFMiddleware(next_app, self._config(request))(scope, receive, send)
        except (HTTPException, TypeError) as fault:  # TypeError: a token that is not ASCII
            if isinstance(fault, HTTPException) and fault.status_code in _NOT_OF_THE_FORM:
                answer = on_http_exception(request, fault)
                await answer.to_asgi_response(app=None, request=request)(scope, receive, send)
                return
            answer = page(
                request,
                "error.html",
                status=HTTPStatus.FORBIDDEN,
                heading="form_expired",
                sentence=texts.t(view_of(request).language, "form_expired_do"),
            )
            # One that we did not sign would fail for ever.
            forget(answer, self.configs[0].cookie_name, self.settings)
            await answer.to_asgi_response(app=None, request=request)(scope, receive, send)


# --- errors -----------------------------------------------------------------------------------------------------------

_ERRORS: Final = {404: "not_found", 403: "not_allowed", 413: "too_large", 503: "busy", 500: "broken"}


def on_refusal(request: Request[Any, Any, Any], refusal: Refusal) -> Response[Any]:
    """Handler of refusals on pages: an ended session leads to the sign-in and back, the rest is a page."""
    if isinstance(refusal, SessionEnded):
        return Redirect("/sign-in", status_code=303, query_params={"next": _address(request)})
    if isinstance(refusal, ChangeNeeded):
        return Redirect("/account/password", status_code=303)
    if isinstance(refusal, NotAllowed):
        return _error_page(request, 403)
    return page(
        request,
        "error.html",
        status=problems.REFUSALS[type(refusal)].status,
        heading="sorry",
        sentence=told(request, refusal),
    )


def on_http_exception(request: Request[Any, Any, Any], fault: HTTPException) -> Response[Any]:
    """Handler of what the framework refuses on pages."""
    return _error_page(request, fault.status_code)


def on_fault(request: Request[Any, Any, Any], fault: Fault) -> Response[Any]:
    """Handler of surroundings that are not as they must be."""
    return _error_page(request, answers.on_fault(request, fault).status_code or 503)


def on_exception(request: Request[Any, Any, Any], fault: Exception) -> Response[Any]:
    """Handler of everything else on pages: judged and logged as on the API, answered as a page."""
    return _error_page(request, answers.on_exception(request, fault).status_code or 500)


def on_unknown_address(request: Request[Any, Any, Any], fault: HTTPException) -> Response[Any]:
    """Handler of addresses that nobody serves: a page for a browser, a problem document for a program."""
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    return on_http_exception(request, fault) if wants_page else answers.on_http_exception(request, fault)


def _error_page(request: Request[Any, Any, Any], status: int) -> Response[Any]:
    heading = _ERRORS.get(status) or ("bad_request" if status < 500 else "broken")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and request.url.path.endswith("/photo"):
        heading = "photo_too_large"
    request_id = request.scope["state"].get("request_id", "")
    told = "not_staff" if status == HTTPStatus.FORBIDDEN and request.url.path.startswith("/staff") else heading
    sentence = texts.t(view_of(request).language, f"{told}_do", request_id=request_id)
    headers = {"Retry-After": answers.RETRY_AFTER} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return page(request, "error.html", status=status, headers=headers, heading=heading, sentence=sentence)


def _address(request: Request[Any, Any, Any]) -> str:
    """Where the reader was, to come back to. A form is not sent a second time."""
    if request.method != "GET":
        return "/"
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
