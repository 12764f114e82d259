"""Postings that need two people, over HTTP: one proposes, another approves."""

from __future__ import annotations

import datetime
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, calls, requests, staff, views
from api.bodies import Body, moment
from api.calls import NewLine, NewTransaction, Nothing
from api.requests import StrictRequest
from api.views import TransactionView
from ledger.access.rights import Principal, Right
from ledger.books import journal
from ledger.books.approvals import Draft
from ledger.books.evaluate import Refused
from ledger.books.proposals import DESCRIPTION_LENGTH, Line, Proposal, room_of
from ledger.errors import InvalidField, ReservedKind
from ledger.text import one_line

PROPOSE = {"right": Right.PROPOSE, "scoped": True}
APPROVE = {"right": Right.APPROVE, "scoped": True}
READ = {"right": Right.READ_BOOKS, "scoped": True}


class NewProposal(Body, frozen=True):
    """What is proposed: a transaction, or the reversal of one with its reason. One of the two."""

    transaction: NewTransaction | None = None
    reverses: UUID | None = None
    reason: str = ""


class Declined(Body, frozen=True):
    """Why it is declined."""

    reason: str = ""


class ProposalView(msgspec.Struct, frozen=True):
    """A posting that waits for a second person, or what became of it."""

    id: UUID
    status: str
    kind: str
    description: str
    effective_at: datetime.datetime | None
    lines: list[NewLine]
    reverses: UUID | None
    proposed_by: str
    proposed_at: datetime.datetime
    decided_by: str | None
    decided_at: datetime.datetime | None
    transaction: UUID | None
    reason: str | None


class Proposals(msgspec.Struct, frozen=True):
    """Proposals that wait, the oldest first; `next` is always null."""

    items: list[ProposalView]
    next: str | None


@post(
    "/proposals",
    opt=PROPOSE,
    operation_id="propose",
    operation_class=requests.Keyed,
    summary="Propose a posting",
    responses=views.refusals(400, 404, 409, 413, 415, 422),
)
async def propose(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    data: JSONBody[NewProposal],
) -> Response[ProposalView]:
    """Proposes a posting to wallets, hours or rewards; what would refuse it now is said at once (201; 200 if known)."""
    key = requests.key_of(request)
    call = calls.identity("POST", "/proposals", data)
    async with database.begin() as tx:
        wanted = await _wanted(tx, me, data, key, call)
        draft, new = await staff.propose(tx, me, wanted)
    return Response(_view(draft), status_code=201 if new else 200)


@get(
    "/proposals", opt=READ, operation_id="listProposals", summary="What waits for approval", responses=views.refusals()
)
async def list_proposals(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> Proposals:
    """The proposals that wait, of the caller's organisations or of the whole book."""
    async with database.connect() as tx:
        items = [_view(draft) for draft in await staff.drafts(tx, me)]
    return Proposals(items, None)


@get(
    "/proposals/{draft_id:uuid}",
    opt=READ,
    operation_id="readProposal",
    summary="One proposal",
    responses=views.refusals(404),
)
async def read_proposal(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], draft_id: FromPath[UUID]
) -> ProposalView:
    """A proposal as it stands."""
    async with database.connect() as tx:
        return _view(await staff.draft(tx, me, draft_id))


@post(
    "/proposals/{draft_id:uuid}/approve",
    opt=APPROVE,
    operation_id="approveProposal",
    summary="Approve",
    responses=views.refusals(400, 404, 409, 413, 415, 422) | views.shown(201, TransactionView, "Posted"),
)
async def approve_proposal(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    draft_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> ASGIResponse:
    """Posts what another person proposed. What the books refuse now goes on waiting. No body needed."""
    async with database.begin() as tx:
        outcome = await staff.approve(tx, me, draft_id, request.scope["state"]["request_id"])
        if isinstance(outcome, Refused):
            raise outcome.refusal
    return views.answer(request, outcome)


@post(
    "/proposals/{draft_id:uuid}/decline",
    status_code=200,
    opt=READ,
    operation_id="declineProposal",
    summary="Decline",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def decline_proposal(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    draft_id: FromPath[UUID],
    data: JSONBody[Declined],
) -> ProposalView:
    """Does not post it: by who may approve it, or by the one who proposed it."""
    async with database.begin() as tx:
        return _view(await staff.decline(tx, me, draft_id, data.reason))


async def _wanted(tx: AsyncConnection, me: Principal, data: NewProposal, key: str, call: str) -> Proposal:
    if not one_line(data.reason, least=0, most=DESCRIPTION_LENGTH):
        raise InvalidField("reason", "not_one_line")
    if data.reverses is not None and data.transaction is None:
        wanted = await journal.reversal(
            tx, me.book_id, data.reverses, client=me.name, key=key, call=call, actor=me.name, reason=data.reason
        )
        await auth.may_reverse(tx, me, data.reverses)
        return wanted
    if data.transaction is None or data.reverses is not None or data.reason:
        raise InvalidField("transaction", "either_this_or_reverses")
    body = data.transaction
    if (room := room_of(body.kind)) is not None:
        raise ReservedKind(body.kind, room)
    return Proposal(
        client=me.name,
        key=key,
        call=call,
        kind=body.kind,
        description=body.description,
        effective_at=moment(body.effective_at, "transaction.effective_at"),
        lines=tuple(Line(line.account, line.side, line.amount, None, line.overflow) for line in body.lines),
        actor=me.name,
    )


def _view(draft: Draft) -> ProposalView:
    status = "posted" if draft.transaction_id else "declined" if draft.decided_by else "proposed"
    return ProposalView(
        draft.draft_id,
        status,
        draft.kind,
        draft.description,
        draft.effective_at,
        [NewLine(line.account, line.side, line.amount, line.overflow) for line in draft.lines],
        draft.reverses,
        draft.proposed_by,
        draft.proposed_at,
        draft.decided_by,
        draft.decided_at,
        draft.transaction_id,
        draft.reason,
    )


router = Router(
    path="/books/{book:str}",
    route_handlers=[propose, list_proposals, read_proposal, approve_proposal, decline_proposal],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["books"],
)
