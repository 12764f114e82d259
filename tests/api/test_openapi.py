"""The OpenAPI document tells the truth: whatever is sent, every answer is one that it describes."""

from __future__ import annotations

import contextlib
import functools
import secrets
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from litestar import Litestar
from schemathesis import APIOperation, checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.app import create_app
from api.requests import KEY_HEADER
from ledger.access.rights import SCOPES, Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import volunteers
from tests.api.conftest import SETTINGS, Caller, a_machine, a_user
from tests.conftest import new_book

CHECKS: Final = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

EXAMPLES: Final = 4
"""Of each call by each caller, of what it takes and of what it does not."""

NAMED: Final = (
    "transaction_id",
    "hold_id",
    "draft_id",
    "device_id",
    "renewal_id",
    "record_id",
    "objection_id",
    "alarm_id",
    "case_id",
    "sheet_id",
    "redemption_id",
    "voucher_id",
    "board_id",
    "honour_id",
    "proof_id",
    "assessment_id",
    "award_id",
    "mark_id",
)
"""What addresses name by UUIDs."""

WORDS: Final = {
    "code": "5100",
    "token": "none",
    "period": "2020-01",
    "role_id": "1",
    "token_id": "1",
    "volunteer": "V-1",
    "purpose": "service",
    "organisation": "street",
    "activity": "A-1",
    "record": "R-1",
    "pair": "1",
    "version": "1",
    "outlet": "shop",
    "till": "1",
    "item": "G-1",
    "key": "never",
    "target": "T-1",
    "tile": "000",
}
"""What addresses name by words and numbers."""

WHO: Final = ("nobody", "staff", "recorder", "auditor", "machine", "till", "merchant", "volunteer")


@dataclass(frozen=True)
class Served:
    """The service on a port of this machine, and callers with a book full of accounts."""

    address: str
    book: Book
    callers: dict[str, Caller]


@pytest.fixture(scope="module")
async def served(application: Litestar, http: httpx.AsyncClient, database: AsyncEngine) -> AsyncIterator[Served]:
    book = await new_book(database)
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "V-1")
    callers = {
        "nobody": Caller(http, book.code, ""),
        "staff": await a_user(http, database, book, *map(Grant, ("owner", "operator", "reviewer", "recorder"))),  # type: ignore[arg-type] # roles
        "recorder": await a_user(http, database, book, Grant("recorder")),
        "auditor": await a_user(http, database, book, Grant("auditor", until=auth.today())),
        "merchant": await a_user(http, database, book, Grant("merchant", outlet="shop")),
        "till": await a_machine(http, database, book, (), (), outlet="shop"),
        "machine": await a_machine(http, database, book, SCOPES),
        "volunteer": await a_user(http, database, book, Grant("volunteer", volunteer_no="V-1")),
    }
    for code, account_class in (("5100", "expense"), ("2100.a", "liability")):
        body = {"code": code, "name": code, "class": account_class, "unit": "PT"}
        assert (await callers["machine"].post("/accounts", body)).status_code == 201
    app = create_app(SETTINGS, connect.to(database.url.render_as_string(hide_password=False)))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", book, callers)
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


@functools.cache
def calls_of(application: Litestar) -> list[APIOperation[Any, Any, Any]]:
    """Every call that the document describes."""
    document = schemathesis.openapi.from_dict(application.openapi_schema.to_schema())
    return [found.ok() for found in document.get_all_operations()]


def tried(call: APIOperation[Any, Any, Any], mode: GenerationMode, served: Served, caller: Caller) -> None:
    """Sends some of what the call takes, or of what it does not; raises the first answer that is not described."""

    @seed(20261122)
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=call.as_strategy(generation_mode=mode), data=st.data())
    def send(case: schemathesis.Case, data: st.DataObject) -> None:
        headers = {"Authorization": f"Bearer {caller.token}"} if caller.token else {}
        if "book" in (case.path_parameters or {}):
            case.path_parameters["book"] = caller.book
        if mode is GenerationMode.POSITIVE:
            if "code" in (case.path_parameters or {}):
                case.path_parameters["code"] = data.draw(st.sampled_from(["5100", "2100.a"]))
            if case.headers and KEY_HEADER in case.headers:
                case.headers[KEY_HEADER] = secrets.token_hex(8)
        answer = case.call(base_url=served.address, headers=headers)
        case.validate_response(answer, checks=CHECKS, headers=headers)

    with contextlib.suppress(Unsatisfiable):  # there is nothing that such a call would not take
        send()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("who", WHO)
async def test_every_answer_is_one_that_the_document_describes(
    application: Litestar, served: Served, who: str, mode: GenerationMode
) -> None:
    wrong = {}
    for call in calls_of(application):
        if {"signOut", "endAllDevices"} & {call.definition.raw.get("operationId")}:
            continue  # the caller would be gone for all that follow
        try:
            tried(call, mode, served, served.callers[who])
        except (FailureGroup, Failure) as failure:
            each = failure.exceptions if isinstance(failure, FailureGroup) else [failure]
            wrong[call.label] = "; ".join(f"{one.title}: {one.message}"[:300] for one in each)
    assert not wrong, "\n".join(f"{label}: {what}" for label, what in wrong.items())


def an_address(call: APIOperation[Any, Any, Any], caller: Caller) -> str:
    """The address of a call with something in each of its places."""
    nothing = dict.fromkeys(NAMED, "00000000-0000-4000-8000-000000000000")
    return str(call.path.format_map(nothing | WORDS | {"book": caller.book}))


async def test_bodies_of_another_type_or_too_large_are_refused_as_described(
    application: Litestar, served: Served
) -> None:
    tried_calls = 0
    for call in calls_of(application):
        if "requestBody" not in call.definition.raw:
            continue
        tried_calls += 1
        of_tills = dict.fromkeys(
            ("readFrame", "clerkOn", "quote", "redeem", "refundRedemption", "cancelRedemption"), "till"
        )
        other = {"pushRecords": "machine", **of_tills}
        caller = served.callers[other.get(call.definition.raw["operationId"], "staff")]
        headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": "k"}
        path = an_address(call, caller)
        large = b" " * (9 * 2**20 if path.endswith("/batch") else 2**17) + b"{}"
        for content, content_type, status in ((b"{}", "text/plain", 415), (large, "application/json", 413)):
            answer = await caller.http.request(
                call.method, path, content=content, headers=headers | {"Content-Type": content_type}
            )
            assert answer.status_code == status, (call.label, answer.text)
            assert str(status) in call.definition.raw["responses"], (call.label, status)
            assert answer.json()["code"] == {415: "unsupported_media_type", 413: "body_too_large"}[status]
    assert tried_calls > 10


async def test_another_method_is_refused_on_every_address(application: Litestar, served: Served) -> None:
    for call in calls_of(application):
        answer = await served.callers["staff"].http.request("PATCH", an_address(call, served.callers["staff"]))
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), call.label


async def test_whatever_looks_at_passwords_or_pictures_says_that_it_may_make_one_wait(application: Litestar) -> None:
    described = [call.definition.raw for call in calls_of(application)]
    waits = {each["operationId"] for each in described if "429" in each["responses"]}
    at_the_till = {"bindTill", "clerkOn", "readFrame", "quote", "redeem"}
    assert waits == {"signIn", "changePassword", "checkPassbookLine", "checkReceipt", "checkProof", *at_the_till}
