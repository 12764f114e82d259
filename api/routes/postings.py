"""Posting over HTTP: transactions one by one and in batches, reversals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from api import answers, auth, calls, figures, problems, requests, views
from api.bodies import Body, moment
from api.calls import NewReversal, NewTransaction
from api.problems import Language
from api.requests import StrictRequest
from api.views import TransactionView
from ledger.access.rights import Principal, Right
from ledger.books import batching, journal
from ledger.books.evaluate import Outcome, Refused
from ledger.books.proposals import DESCRIPTION_LENGTH, Line, Proposal, room_of
from ledger.errors import InvalidField, Refusal, ReservedKind, TooManyLines
from ledger.text import one_line

POST = {"right": Right.POST, "scoped": True}

MOST_ITEMS: Final = 10_000
MOST_LINES: Final = 40_000
MOST_BODY: Final = 8 * 1024 * 1024


class BatchItem(NewTransaction, frozen=True, kw_only=True):
    """A transaction as it would be posted alone, with the key that it would be posted under."""

    key: str


class Batch(Body, frozen=True):
    """Transactions to be posted in their order, of no more than 40,000 lines together.

    `each`: each for itself. `atomic`: all of them, or none.
    """

    mode: Literal["each", "atomic"]
    transactions: Annotated[list[BatchItem], msgspec.Meta(max_length=MOST_ITEMS)]


class OutcomeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one item: its transaction, or the problem document that it would have been answered with alone."""

    key: str
    status: Literal["posted", "replayed", "refused"]
    transaction: TransactionView | None = None
    problem: dict[str, Any] | None = None


class Outcomes(msgspec.Struct, frozen=True):
    """The outcomes of a batch, in the order of its items."""

    outcomes: list[OutcomeView]


@post(
    "/transactions",
    opt=POST,
    operation_id="postTransaction",
    operation_class=requests.Keyed,
    summary="Post",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(201, TransactionView, "Posted"),
)
async def post_transaction(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    data: JSONBody[NewTransaction],
) -> ASGIResponse:
    """Posts a transaction under the caller's key; the same call again gets the first answer."""
    proposal = _proposal(data, me.name, requests.key_of(request), request.scope["state"]["request_id"])
    await auth.may_post(database, me, _accounts(data))
    [outcome] = await batching.submit(database, me.book_id, [proposal])
    return views.answer(request, outcome)


@post(
    "/transactions/batch",
    status_code=200,
    request_max_body_size=MOST_BODY,
    opt=POST,
    operation_id="postBatch",
    summary="Post many",
    responses=views.refusals(400, 409, 413, 415, 422) | views.shown(200, Outcomes, "Decided, each item for itself"),
)
async def post_batch(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    data: JSONBody[Batch],
) -> ASGIResponse:
    """Posts up to 10,000 transactions in their order, each under its own key; each sees those accepted before it.

    A key stands for the same in a batch and alone. In the mode `each` refusals are reported and not kept: their keys
    stay free. In the mode `atomic` the first refusal is answered with 409, its code and its `index`, and nothing is
    posted. Where the caller may not post alone to an account of one item, nothing of the batch is posted.
    """
    lines = sum([len(item.lines) for item in data.transactions])
    if lines > MOST_LINES:
        raise TooManyLines(lines, MOST_LINES)
    request_id = request.scope["state"]["request_id"]
    await auth.may_post(database, me, {code for item in data.transactions for code in _accounts(item)})
    proposed = [_proposed(item, me.name, request_id) for item in data.transactions]
    outcomes = await _decided(data.mode, database, me.book_id, proposed)
    language = answers.language_of(request)
    if data.mode == "atomic" and outcomes and isinstance(last := outcomes[-1], Refused):
        problem = problems.document(last.refusal, language) | {"status": 409, "index": len(outcomes) - 1}
        figures.problem(problem["code"])
        return answers.Encoded(msgspec.json.encode(problem), 409, media_type=problems.MEDIA_TYPE)
    shown = [_shown(item.key, outcome, language) for item, outcome in zip(data.transactions, outcomes, strict=True)]
    return answers.Encoded(msgspec.json.encode(Outcomes(shown)), 200)


@post(
    "/transactions/{transaction_id:uuid}/reversal",
    opt=POST,
    operation_id="reverseTransaction",
    operation_class=requests.Keyed,
    summary="Reverse",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(201, TransactionView, "Posted"),
)
async def reverse_transaction(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    transaction_id: FromPath[UUID],
    data: JSONBody[NewReversal],
) -> ASGIResponse:
    """Posts the mirror image of a transaction, once."""
    if not one_line(data.reason, least=0, most=DESCRIPTION_LENGTH):
        raise InvalidField("reason", "not_one_line")
    key = requests.key_of(request)
    async with database.connect() as tx:
        proposal = await journal.reversal(
            tx,
            me.book_id,
            transaction_id,
            client=me.name,
            key=key,
            call=calls.identity("POST", f"/transactions/{transaction_id}/reversal", data),
            actor=me.name,
            reason=data.reason,
            request_id=request.scope["state"]["request_id"],
        )
        await auth.may_reverse(tx, me, transaction_id)
    await auth.may_post(database, me, {line.account for line in proposal.lines})
    [outcome] = await batching.submit(database, me.book_id, [proposal])
    return views.answer(request, outcome)


@get(
    "/transactions/{transaction_id:uuid}",
    opt={"right": Right.READ_BOOKS, "scoped": True},
    operation_id="readTransaction",
    summary="One transaction",
    responses=views.refusals(404),
)
async def read_transaction(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], transaction_id: FromPath[UUID]
) -> TransactionView:
    """A posted transaction with its entries: also for whom only one of its accounts is within reach."""
    async with database.connect() as tx:
        found = await journal.read(tx, me.book_id, transaction_id)
        await auth.within_accounts(tx, me, Right.READ_BOOKS, {entry.account for entry in found.entries}, some=True)
    return views.transaction_view(found)


def _accounts(body: NewTransaction) -> set[str]:
    """The accounts that a transaction would be posted to."""
    return {line.account for line in body.lines} | {line.overflow for line in body.lines if line.overflow is not None}


def _proposal(body: NewTransaction, client: str, key: str, request_id: str, *, keep_refusal: bool = True) -> Proposal:
    """What the body proposes under a key; InvalidField, ReservedKind."""
    if (room := room_of(body.kind)) is not None:
        raise ReservedKind(body.kind, room)
    return Proposal(
        client=client,
        key=key,
        call=calls.of_posting(body),
        kind=body.kind,
        description=body.description,
        effective_at=moment(body.effective_at, "effective_at"),
        lines=tuple([Line(line.account, line.side, line.amount, None, line.overflow) for line in body.lines]),
        actor=client,
        request_id=request_id,
        keep_refusal=keep_refusal,
    )


def _proposed(item: BatchItem, client: str, request_id: str) -> Proposal | Refusal:
    """What an item proposes, as if it were posted alone; or why it proposes nothing."""
    if not requests.is_key(item.key):
        return InvalidField("key", "not_a_key")
    alone = NewTransaction(item.kind, item.effective_at, item.lines, item.description)
    try:
        return _proposal(alone, client, item.key, request_id, keep_refusal=False)
    except (InvalidField, ReservedKind) as fault:
        return fault


_NOTHING: Final = Proposal(client="", key="", call="", kind="", effective_at=None, lines=(), actor="")
"""Stands for an item that proposes nothing, so that it is refused in its turn."""


async def _decided(
    mode: str, database: AsyncEngine, book: int, proposed: Sequence[Proposal | Refusal]
) -> list[Outcome]:
    """The outcomes of a batch; in the mode `atomic` they end with the first refusal, and then nothing is posted."""
    decide = batching.submit if mode == "each" else batching.submit_whole
    outcomes = await decide(database, book, [item if isinstance(item, Proposal) else _NOTHING for item in proposed])
    return [
        outcome if isinstance(item, Proposal) else Refused(item)
        for item, outcome in zip(proposed, outcomes, strict=False)
    ]


def _shown(key: str, outcome: Outcome, language: Language) -> OutcomeView:
    if isinstance(outcome, Refused):
        return OutcomeView(key, "refused", problem=problems.document(outcome.refusal, language))
    status: Literal["posted", "replayed"] = "replayed" if outcome.replayed else "posted"
    return OutcomeView(key, status, views.transaction_view(views.posted(outcome)))


router = Router(
    path="/books/{book:str}",
    route_handlers=[post_transaction, post_batch, reverse_transaction, read_transaction],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["books"],
)
