"""A volunteer's proofs of service: asked for in two steps, printed, and what anybody sees who scans the paper."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, problems, proofs, qr, seals
from api.pages import doors, frame, slips, texts
from api.problems import Language
from api.proofs import NewProof, Paper, Shown
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.books import directory
from ledger.errors import NotAllowed, Refusal, SessionEnded, TooManyAttempts
from ledger.recognition.ladder import HoursClass

HERE: Final = "/me/proofs"
MOST: Final = 50
"""Of hers on a page; older ones stand in her export."""
NOT_INDEXED: Final = {"X-Robots-Tag": "noindex, nofollow"}
"""No search engine keeps a page about somebody."""


@dataclass(frozen=True, slots=True)
class Line:
    """A proof in a list, in words."""

    proof: proofs.ProofView
    period: str
    state: str
    late: bool
    due: str
    issued: str | None
    revoked: str | None


def line(language: Language, of: Shown, today: datetime.date) -> Line:
    """A proof as lists of pages show it."""
    view = proofs.view(of)
    return Line(
        view,
        period(language, view.from_day, view.to_day),
        f"proof_state_{view.state}",
        view.state == "requested" and view.due_on < today,
        texts.day(language, view.due_on),
        None if view.issued_on is None else texts.day(language, view.issued_on),
        None if view.revoked_at is None else texts.moment(language, view.revoked_at),
    )


def period(language: Language, since: datetime.date | None, until: datetime.date) -> str:
    """Between which days, in words."""
    last = texts.day(language, until)
    if since is None:
        return texts.t(language, "proof_period_to", until=last)
    return texts.t(language, "proof_period", since=texts.day(language, since), until=last)


def service(
    language: Language, day: datetime.date, activity: str, category: str, record_class: HoursClass, minutes: int
) -> tuple[str, str, str, str, str]:
    """A line of the table on the paper."""
    said = texts.t(language, f"proof_class_{record_class}")
    return texts.day(language, day), activity, category, said, texts.hours(language, minutes)


def sums(language: Language, credit: int, honour: int) -> str:
    """How long in all, and how much of it was entered afterwards, if any."""
    if not honour:
        return texts.hours(language, credit)
    said = {name: texts.hours(language, of) for name, of in (("credit", credit), ("honour", honour))}
    return texts.t(language, "proof_sum_of", sum=texts.hours(language, credit + honour), **said)


# --- hers -------------------------------------------------------------------------------------------------------------


@get(HERE)
async def my_proofs(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """Whom she may ask, what became of what she asked for, and what her organisations have issued lately."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        organisers = await proofs.organisers(tx, me)
        found = await proofs.of_mine(tx, me, limit=MOST)
        shown = await proofs.in_notice(tx, keys, me)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "my_proofs.html",
        path=HERE,
        notice=frame.notice(request, "proof_asked", "proof_waits_already", "proof_withdrawn"),
        organisers=[
            (
                each,
                texts.hours(language, each.credit_minutes),
                texts.hours(language, each.honour_minutes),
                texts.day(language, each.first_day),
                texts.day(language, each.last_day),
            )
            for each in organisers
        ],
        mine=[line(language, each, auth.today()) for each in found],
        notices=[
            (
                name or texts.t(language, "proof_nobody"),
                each.proof.issued.serial,
                texts.hours(language, each.proof.issued.credit_minutes + each.proof.issued.honour_minutes),
                texts.day(language, each.proof.issued.notice_until),
            )
            for each, name in shown
            if each.proof.issued is not None
        ],
    )


@get(f"{HERE}/new")
async def new_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The second step: which days."""
    me = await doors.visitor(request, database, settings)
    return await _new(request, database, me, request.query_params.get("organisation", ""), "", "")


@post(HERE, status_code=200)
async def ask(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Asks for it, once, however often the button is pressed."""
    me = await doors.visitor(request, database, settings)
    organisation, since, until = await frame.fields(request, "organisation", "from_day", "to_day")
    try:
        async with database.begin() as tx:
            _, is_new = await proofs.request(tx, me, wanted(organisation, since, until))
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _new(request, database, me, organisation, since, until, refusal)
    done = "proof_asked" if is_new else "proof_waits_already"
    return Redirect(HERE, status_code=303, query_params={"done": done})


def wanted(organisation: str, since: str, until: str) -> NewProof:
    """What was typed: days that are left empty are all days."""
    return NewProof(organisation, texts.typed(since) or None, texts.typed(until) or None)


async def _new(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    organisation: str,
    since: str,
    until: str,
    refusal: Refusal | None = None,
) -> Template:
    async with database.connect() as tx:
        organisers = {each.organisation: each.name for each in await proofs.organisers(tx, me)}
    return frame.page(
        request,
        "my_proof_new.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/new",
        query={"organisation": organisation} if organisation in organisers else {},
        wrong=None if refusal is None else frame.told(request, refusal),
        organisation=organisation if organisation in organisers else None,
        name=organisers.get(organisation),
        since=since,
        until=until,
    )


@post(f"{HERE}/{{proof_id:uuid}}/withdraw", status_code=303)
async def withdraw(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    proof_id: FromPath[UUID],
) -> Redirect:
    """She no longer asks for it."""
    me = await doors.visitor(request, database, settings)
    async with database.begin() as tx:
        await proofs.withdraw(tx, me, proof_id)
    return Redirect(HERE, status_code=303, query_params={"done": "proof_withdrawn"})


@get(f"{HERE}/{{proof_id:uuid}}/print")
async def print_mine(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    proof_id: FromPath[UUID],
) -> Template:
    """Her proof on A4. That her name was read stands in the access log by then."""
    me = await doors.visitor(request, database, settings)
    async with database.begin() as tx:
        paper = await proofs.print_mine(tx, keys, settings, me, proof_id, str(request.base_url))
        return await on_paper(request, tx, me, paper, f"{HERE}/{proof_id}/print", HERE)


async def on_paper(
    request: StrictRequest, tx: AsyncConnection, me: Principal, paper: Paper, here: str, back: str
) -> Template:
    """The page that is printed."""
    issued = paper.proof.issued
    assert issued is not None, "nothing else is printed"
    language = frame.view_of(request).language
    settings: Settings = request.app.state.settings
    receipt = await slips.of_services(tx, me.book_id, [each.record_id for each in issued.services])
    name = paper.name or texts.t(language, "proof_name_erased" if paper.volunteer_no is None else "proof_name_none")
    return frame.page(
        request,
        "proof_paper.html",
        path=here,
        back=back,
        book=(await directory.find_book(tx, me.book)).name,
        serial=issued.serial,
        name=name,
        id_number=paper.id_number,
        number=paper.volunteer_no,
        period=period(language, paper.proof.from_day or issued.services[0].day, paper.proof.to_day),
        total=texts.hours(language, issued.credit_minutes + issued.honour_minutes),
        sums=sums(language, issued.credit_minutes, issued.honour_minutes),
        services=[
            service(language, each.day, each.activity, each.category, each.record_class, each.minutes)
            for each in issued.services
        ],
        issuer=issued.issuer,
        issued_on=texts.day(language, issued.on),
        seal=seals.svg(issued.issuer.name, texts.t(language, "proof_seal", name=issued.issuer.name)),
        qr=qr.svg(paper.address),
        address=paper.address,
        slip=slips.slip(request, settings, receipt),
    )


# --- everybody's ------------------------------------------------------------------------------------------------------


@get("/proof/{token:str}")
async def public(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    token: FromPath[str],
) -> Template:
    """What the paper says whose QR code leads here, and whether it still stands. Any other address is nobody's."""
    language = frame.view_of(request).language
    try:
        found = await proofs.public(database, keys, settings, token, auth.address_of(request))
    except TooManyAttempts as refusal:
        sentence = texts.t(language, "proof_wait", seconds=refusal.seconds)
        return frame.page(request, "proof_unknown.html", status=429, path="/", headers=NOT_INDEXED, sentence=sentence)
    if found is None:
        sentence = texts.t(language, "proof_unknown_do")
        return frame.page(request, "proof_unknown.html", status=404, path="/", headers=NOT_INDEXED, sentence=sentence)
    return frame.page(
        request,
        "proof_public.html",
        path=f"/proof/{token}",
        headers=NOT_INDEXED,
        proof=found,
        revoked=None if found.revoked_on is None else texts.day(language, found.revoked_on),
        issued_on=texts.day(language, found.issued_on),
        period=period(language, found.from_day or found.services[0].day, found.to_day),
        sums=sums(language, found.credit_minutes, found.honour_minutes),
        services=[
            service(language, each.day, each.activity, each.category, each.record_class, each.minutes)
            for each in found.services
        ],
    )


HANDLERS = [my_proofs, new_form, ask, withdraw, print_mine, public]
