"""What answers show of what was posted, and the answer to a call that posts."""

from __future__ import annotations

import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar.openapi import ResponseSpec
from litestar.response.base import ASGIResponse

from api import answers, problems
from api.problems import Problem
from api.requests import StrictRequest
from ledger.books.evaluate import Outcome, Posted, Refused, Transaction
from ledger.books.proposals import Side

REPLAYED: Final = (b"idempotency-replayed", b"true")


class EntryView(msgspec.Struct, frozen=True):
    """One entry; `number` counts the account's entries without gaps, `balance_after` is on its normal side."""

    account: str
    unit: str
    side: Side
    amount: int
    number: int
    balance_after: int


class TransactionView(msgspec.Struct, frozen=True):
    """A posted transaction. `effective_on` is the day of `effective_at` in Asia/Shanghai.

    `correction`: reversal, refund or clawback, of the transaction that it `corrects`.
    """

    id: UUID
    kind: str
    description: str
    effective_at: datetime.datetime
    effective_on: datetime.date
    recorded_at: datetime.datetime
    correction: str | None
    corrects: UUID | None
    entries: list[EntryView]


def transaction_view(transaction: Transaction) -> TransactionView:
    """A transaction as answers show it."""
    return TransactionView(
        transaction.transaction_id,
        transaction.kind,
        transaction.description,
        transaction.effective_at,
        transaction.effective_on,
        transaction.recorded_at,
        transaction.correction,
        transaction.corrects,
        [
            EntryView(account, unit, side, amount, number, balance_after)
            for account, _, unit, side, amount, number, balance_after in transaction.entries
        ],
    )


def posted(outcome: Posted) -> Transaction:
    """The transaction of an outcome."""
    assert outcome.transaction is not None, "posted outcomes are whole when they leave the journal"
    return outcome.transaction


def answer(request: StrictRequest, outcome: Outcome) -> ASGIResponse:
    """The answer to a call that posts one transaction: the transaction (201), or why not."""
    if isinstance(outcome, Refused):
        return refused(request, outcome)
    return created(transaction_view(posted(outcome)), replayed=outcome.replayed)


def created(view: msgspec.Struct, *, replayed: bool) -> ASGIResponse:
    """201 with what was made, now or when the call came for the first time."""
    return answers.Encoded(msgspec.json.encode(view), 201, *([REPLAYED] if replayed else []))


def refused(request: StrictRequest, outcome: Refused) -> ASGIResponse:
    """The problem document of a call that was refused, now or when it came for the first time."""
    problem = answers.refused(request, outcome.refusal, replayed=outcome.replayed)
    return problem.to_asgi_response(app=None, request=request)


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """The description of a call's refusals: problem documents."""
    return {
        status: ResponseSpec(Problem, media_type=problems.MEDIA_TYPE, generate_examples=False, description="Refused")
        for status in (401, 403, 503, *statuses)
    }


def shown(status: int, view: type[msgspec.Struct], description: str) -> dict[int, ResponseSpec]:
    """The description of an answer that the framework cannot tell from the handler, since it is encoded already."""
    return {status: ResponseSpec(view, generate_examples=False, description=description)}
