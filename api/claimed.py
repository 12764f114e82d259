"""Keyed calls of spending: done once, whoever asks again under the key gets the first answer.

A refusal decided on state undoes what the call did and is stored by itself afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import answers, views
from api.requests import StrictRequest
from ledger.access.rights import Principal
from ledger.database import connect
from ledger.errors import StateRefusal
from ledger.spending import claims

Work = Callable[[AsyncConnection, datetime], Awaitable[tuple[msgspec.Struct, UUID | None]]]
"""What a call does, in the transaction and at the time that are given: its answer, and the redemption that it made."""

OnRefusal = Callable[[AsyncConnection, datetime, StateRefusal], Awaitable[None]]
"""What stays of a refused call beside the refusal."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of a call, as JSON values, or the refusal; `replayed`: it came before."""

    body: dict[str, Any] | None
    refusal: StateRefusal | None
    redemption_id: UUID | None
    replayed: bool


async def once(
    database: AsyncEngine, me: Principal, key: str, call: str, work: Work, on_refusal: OnRefusal | None = None
) -> Outcome:
    """Does the call, or answers what it was answered before. IdempotencyConflict, and refusals that are not stored."""
    try:
        async with database.begin() as tx:
            earlier = await claims.claim(tx, me.book_id, me.name, key, call)
            if isinstance(earlier, datetime):
                answer, redemption_id = await work(tx, earlier)
                body: dict[str, Any] = msgspec.to_builtins(answer)
                await claims.answered(tx, me.book_id, me.name, key, body, redemption_id)
                return Outcome(body, None, redemption_id, False)
    except StateRefusal as refusal:
        async with database.begin() as tx:
            now = await connect.now(tx)
            earlier = await claims.refused(tx, me.book_id, me.name, key, call, refusal, now)
            if earlier.refusal is refusal:
                if on_refusal is not None:
                    await on_refusal(tx, now, refusal)
                return Outcome(None, refusal, None, False)
    return Outcome(earlier.body, earlier.refusal, earlier.redemption_id, True)


def answered(request: StrictRequest, outcome: Outcome, status: int = 201) -> ASGIResponse:
    """The answer to a keyed call over HTTP, byte by byte the same each time: the database keeps no order of members."""
    if outcome.refusal is not None:
        problem = answers.refused(request, outcome.refusal, replayed=outcome.replayed)
        return problem.to_asgi_response(app=None, request=request)
    replayed = [views.REPLAYED] if outcome.replayed else []
    return answers.Encoded(msgspec.json.encode(outcome.body, order="sorted"), status, *replayed)
