"""Proofs of service over HTTP: a volunteer's own, the staff's, and what anybody learns from the paper."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, proofs, views
from api.bodies import Limit
from api.calls import Nothing
from api.proofs import (
    NewIssue,
    NewProof,
    NewProofFor,
    NewReason,
    OrganiserView,
    ProofStory,
    ProofView,
    PublicProof,
    WaitingView,
    Which,
)
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.errors import UnknownProof

OWN = {"right": Right.OWN}
READ = {"right": Right.READ_RECORDS, "scoped": True}
ISSUE = {"right": Right.ISSUE_PROOFS, "scoped": True}
ASK = {"right": Right.ISSUE_PROOFS, "scoped": True, "also": Right.RENEW_PIN}

After = FromQuery[Annotated[UUID | None, Parameter(description="The `next` of the page before.")]]
State = FromQuery[Annotated[Which, QueryParameter(name="state")]]


class ProofPage(msgspec.Struct, frozen=True):
    """Proofs of service; `next` is the `after` of the next page, null at the end."""

    items: list[ProofView]
    next: UUID | None


class Organisers(msgspec.Struct, frozen=True):
    """Whom she may ask; `next` is always null."""

    items: list[OrganiserView]
    next: str | None


class WaitingPage(msgspec.Struct, frozen=True):
    """What organisations have not decided, what is due first at the head; `next` is always null."""

    items: list[WaitingView]
    next: str | None


# --- hers -------------------------------------------------------------------------------------------------------------


@post(
    "/me/proofs",
    opt=OWN,
    operation_id="requestProof",
    summary="Ask for a proof of service",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def request_proof(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewProof]
) -> ProofView:
    """Asks the organisation that organised, free of charge. Asking again answers the proof that waits already."""
    async with database.begin() as tx:
        shown, _ = await proofs.request(tx, me, data)
    return proofs.view(shown)


@get(
    "/me/proofs",
    opt=OWN,
    operation_id="listMyProofs",
    summary="Own proofs of service",
    responses=views.refusals(400),
)
async def list_mine(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: After = None,
) -> ProofPage:
    """What she asked for, the newest first."""
    async with database.connect() as tx:
        found = await proofs.of_mine(tx, me, after=after, limit=limit)
    return _page(found, limit)


@get(
    "/me/proofs/organisers",
    opt=OWN,
    operation_id="listMyOrganisers",
    summary="Whom to ask for a proof",
    responses=views.refusals(),
)
async def list_organisers(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> Organisers:
    """The organisations that have credited services of hers: no other can prove them."""
    async with database.connect() as tx:
        found = await proofs.organisers(tx, me)
    return Organisers([msgspec.convert(each, OrganiserView, from_attributes=True) for each in found], None)


@get(
    "/me/proofs/{proof_id:uuid}",
    opt=OWN,
    operation_id="readMyProof",
    summary="An own proof of service",
    responses=views.refusals(404),
)
async def read_mine(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    proof_id: FromPath[UUID],
) -> ProofStory:
    """One of her own with what it says; before it is issued, what it would say today."""
    async with database.connect() as tx:
        told = await proofs.mine(tx, me, proof_id)
    return proofs.story_view(settings, str(request.base_url), me.book_id, told)


@post(
    "/me/proofs/{proof_id:uuid}/withdraw",
    status_code=200,
    opt=OWN,
    operation_id="withdrawProof",
    summary="Withdraw a request",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def withdraw_proof(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    proof_id: FromPath[UUID],
    data: JSONBody[Nothing | None] = None,
) -> ProofView:
    """She no longer asks for it. No body needed."""
    async with database.begin() as tx:
        return proofs.view(await proofs.withdraw(tx, me, proof_id))


# --- the staff's ------------------------------------------------------------------------------------------------------


@post(
    "/books/{book:str}/proofs",
    opt=ASK,
    operation_id="requestProofFor",
    summary="Ask for somebody at the counter",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def request_for(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewProofFor]
) -> ProofView:
    """Asks for a volunteer who does not do so herself. Asking again answers the proof that waits already."""
    async with database.begin() as tx:
        shown, _ = await proofs.request_for(tx, me, data.volunteer, data)
    return proofs.view(shown)


@get(
    "/books/{book:str}/proofs",
    opt=READ,
    operation_id="listProofs",
    summary="Proofs of service",
    responses=views.refusals(400, 404),
)
async def list_proofs(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    which: State = "requested",
    limit: FromQuery[Limit] = 50,
    after: After = None,
) -> ProofPage:
    """Of the organisations within reach: those that wait, what is due first at the head; others the newest first.

    `corrected`: issued, and a record was corrected since.
    """
    async with database.connect() as tx:
        found = await proofs.listed(tx, me, which, after=after, limit=limit)
    return _page(found, limit)


@get(
    "/books/{book:str}/proofs/waiting",
    opt=READ,
    operation_id="listWaitingProofs",
    summary="What organisations have not decided",
    responses=views.refusals(),
)
async def list_waiting(database: NamedDependency[AsyncEngine], me: NamedDependency[Principal]) -> WaitingPage:
    """How many proofs each organisation within reach is asked for, and how many of them are overdue."""
    async with database.connect() as tx:
        found = await proofs.waiting(tx, me)
    return WaitingPage([msgspec.convert(each, WaitingView, from_attributes=True) for each in found], None)


@get(
    "/books/{book:str}/proofs/{proof_id:uuid}",
    opt=READ,
    operation_id="readProof",
    summary="A proof of service",
    responses=views.refusals(404),
)
async def read_proof(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    proof_id: FromPath[UUID],
) -> ProofStory:
    """One proof with what it says; before it is issued, what it would say today."""
    return await _story(request, database, settings, me, proof_id)


@post(
    "/books/{book:str}/proofs/{proof_id:uuid}/issue",
    status_code=200,
    opt=ISSUE,
    operation_id="issueProof",
    summary="Issue a proof",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def issue_proof(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    proof_id: FromPath[UUID],
    data: JSONBody[NewIssue],
) -> ProofStory:
    """Issues it under the organisation's next number: what it says stays so. Only who organised does, or one above."""
    async with database.begin() as tx:
        await proofs.issue(tx, me, proof_id, data)
    return await _story(request, database, settings, me, proof_id)


@post(
    "/books/{book:str}/proofs/{proof_id:uuid}/refusal",
    status_code=200,
    opt=ISSUE,
    operation_id="refuseProof",
    summary="Refuse a proof",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def refuse_proof(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    proof_id: FromPath[UUID],
    data: JSONBody[NewReason],
) -> ProofStory:
    """Does not issue it, and says why."""
    async with database.begin() as tx:
        await proofs.refuse(tx, me, proof_id, data)
    return await _story(request, database, settings, me, proof_id)


@post(
    "/books/{book:str}/proofs/{proof_id:uuid}/revocation",
    status_code=200,
    opt=ISSUE,
    operation_id="revokeProof",
    summary="Revoke a proof",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def revoke_proof(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    me: NamedDependency[Principal],
    proof_id: FromPath[UUID],
    data: JSONBody[NewReason],
) -> ProofStory:
    """Takes back what was issued: its public page says so from now on."""
    async with database.begin() as tx:
        await proofs.revoke(tx, me, proof_id, data)
    return await _story(request, database, settings, me, proof_id)


async def _story(
    request: StrictRequest, database: AsyncEngine, settings: Settings, me: Principal, proof_id: UUID
) -> ProofStory:
    async with database.connect() as tx:
        told = await proofs.story(tx, me, proof_id)
    return proofs.story_view(settings, str(request.base_url), me.book_id, told)


def _page(found: list[proofs.Shown], limit: int) -> ProofPage:
    return ProofPage([proofs.view(each) for each in found], found[-1].proof.proof_id if len(found) == limit else None)


# --- everybody's ------------------------------------------------------------------------------------------------------

_PUBLIC = {status: spec for status, spec in views.refusals(400, 404, 429).items() if status in (400, 404, 429, 503)}


@get(
    "/proofs/{token:str}",
    operation_id="checkProof",
    summary="Check a printed proof",
    responses=_PUBLIC,
    tags=["programme"],
)
async def check_proof(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    token: FromPath[str],
) -> PublicProof:
    """What the paper says whose QR code holds this, and whether it still stands.

    One that is wrong and one that is nobody's are the same. Who is wrong too often from one address waits.
    """
    found = await proofs.public(database, keys, settings, token, auth.address_of(request))
    if found is None:
        raise UnknownProof(token)
    return found


router = Router(
    path="/",
    route_handlers=[
        check_proof,
        Router(
            path="/",
            route_handlers=[
                request_proof,
                list_mine,
                list_organisers,
                read_mine,
                withdraw_proof,
                request_for,
                list_proofs,
                list_waiting,
                read_proof,
                issue_proof,
                refuse_proof,
                revoke_proof,
            ],
            before_request=auth.admitted,
            security=[{"bearer": []}],
            tags=["records"],
        ),
    ],
)
