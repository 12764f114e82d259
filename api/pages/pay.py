"""Paying as pages: the code that a clerk scans, what a till made of it, her word on it, and her receipts.

A page that shows a code makes it: its digits are nowhere else, and whoever looks at the page wants to be scanned. What
has been quoted is shown instead, so that loading the page again does not end a quote.
"""

from __future__ import annotations

import datetime
from typing import Final
from uuid import UUID

from litestar import MediaType, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import bodies, cases, pay, problems, qr, staff, vouchers
from api.cases import NewDispute
from api.pages import doors, frame, receipts, slips, texts
from api.pay import Decision
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.database import connect
from ledger.days import BEIJING
from ledger.errors import InvalidField, Refusal

A_PAGE: Final = 20
AGAIN: Final = 45
"""Seconds after which a page without script asks for the next code."""
QUOTED_AGAIN: Final = 5
"""Seconds after which it looks whether a quote has been redeemed."""

RECEIPTS: Final = "/me/redemptions"
VOUCHERS: Final = "/me/vouchers"


# --- the code ---------------------------------------------------------------------------------------------------------


@get("/code")
async def code(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template | Redirect:
    """A new code, or what a till asks for with the one of before. What waits for her comes first.

    `after`: the page itself asks what has become of the code that it showed, and is led to the receipt; or back to the
    voucher, where the code would have paid with one.
    """
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        shown = await pay.shown(tx, me)
        made = None if shown.redemption_id is None else await pay.redeemed(tx, me, shown.redemption_id)
        if made is not None and (made.status == "waiting" or "after" in request.query_params):
            return Redirect(f"{RECEIPTS}/{made.redemption.redemption_id}", status_code=303)
        if shown.quoted is not None:
            goods = await pay.goods(tx, me, shown.quoted)
            language = frame.view_of(request).language
            return frame.page(
                request,
                "code.html",
                state=shown.state,
                again=QUOTED_AGAIN,
                seconds=_seconds(shown.quoted.expires_at, await connect.now(tx)),
                quoted=shown.quoted,
                goods=[(each.name, each.quantity) for each in goods],
                points=_costs(language, shown.quoted.points, shown.voucher_id),
                balance=texts.points(language, await pay.left(tx, me)),
            )
    if shown.voucher_id is not None and shown.state != "used" and "after" in request.query_params:
        return Redirect(f"{VOUCHERS}/{shown.voucher_id}", status_code=303)
    return await _new(request, database, keys, me)


@post("/code", status_code=200)
async def another_code(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template | Redirect:
    """A new code at once; the one before is dead, also where a till has quoted it. What was to be paid with a voucher
    still is."""
    me = await doors.visitor(request, database, settings)
    async with database.begin() as tx:
        shown = await pay.shown(tx, me)
        if shown.quoted is not None and shown.voucher_id is not None:
            await vouchers.show(tx, settings, me, shown.voucher_id)
            return Redirect(f"{VOUCHERS}/{shown.voucher_id}", status_code=303)
    return await _new(request, database, keys, me)


@get("/code/state")
async def state(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Response[str]:
    """In one word, what has become of her newest code: the page asks every two seconds."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        shown = await pay.shown(tx, me)
    return Response(shown.state, media_type=MediaType.TEXT)


async def _new(request: StrictRequest, database: AsyncEngine, keys: Keys, me: Principal) -> Template:
    async with database.begin() as tx:
        made = await pay.new_code(tx, keys, me)
        kept = await pay.left(tx, me)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "code.html",
        path="/code",
        state="live",
        again=AGAIN,
        seconds=_seconds(made.expires_at, made.issued_at),
        quoted=None,
        square=qr.of_digits(made.digits, texts.t(language, "code_square")),
        bars=qr.bars(made.digits, texts.t(language, "code_bars")),
        digits=" ".join(made.digits[at : at + 6] for at in (0, 6, 12)),
        balance=texts.points(language, kept),
    )


def _costs(language: Language, points: int, voucher_id: UUID | None) -> str:
    """What it costs her now: where a voucher pays, nothing."""
    return texts.points(language, points) if voucher_id is None else texts.t(language, "by_voucher")


def _seconds(until: datetime.datetime, now: datetime.datetime) -> int:
    return max(0, int((until - now).total_seconds()))


# --- her redemptions --------------------------------------------------------------------------------------------------


@get(RECEIPTS)
async def list_redemptions(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """All her redemptions, the newest first."""
    me = await doors.visitor(request, database, settings)
    async with database.connect() as tx:
        found, further = await pay.all_redeemed(tx, me, before=_before(request), limit=A_PAGE)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "redemptions.html",
        query={"after": request.query_params["after"]} if "after" in request.query_params else None,
        redemptions=[
            (
                each.redemption,
                [
                    texts.t(language, "redemption_line", name=line.name, quantity=line.quantity)
                    for line in each.redemption.lines
                ],
                _costs(language, each.redemption.points, each.redemption.voucher_id),
                texts.moment(language, each.redemption.made_at),
                each.status,
            )
            for each in found
        ],
        older=None if further is None else pay.place(further),
    )


@get(f"{RECEIPTS}/{{redemption_id:uuid}}")
async def one_redemption(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    redemption_id: FromPath[UUID],
) -> Template:
    """A receipt; while the redemption waits for her, shop, goods, points and word, and two buttons."""
    me = await doors.visitor(request, database, settings)
    return await _receipt(request, database, me, redemption_id)


@post(f"{RECEIPTS}/{{redemption_id:uuid}}/confirm", status_code=303)
async def confirm(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    redemption_id: FromPath[UUID],
) -> Template | Redirect:
    """It is as she wants it."""
    return await _decided(request, database, settings, redemption_id, "confirm")


@post(f"{RECEIPTS}/{{redemption_id:uuid}}/decline", status_code=303)
async def decline(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    redemption_id: FromPath[UUID],
) -> Template | Redirect:
    """It is not hers."""
    return await _decided(request, database, settings, redemption_id, "decline")


@post(f"{RECEIPTS}/{{redemption_id:uuid}}/dispute", status_code=303)
async def dispute(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    redemption_id: FromPath[UUID],
) -> Template | Redirect:
    """One tap: she did not redeem this. Pressed again, it says so."""
    me = await doors.visitor(request, database, settings)
    done = await cases.dispute(database, me, redemption_id, NewDispute(), f"page-dispute-{redemption_id}")
    if done.refusal is not None:
        return await _receipt(request, database, me, redemption_id, done.refusal)
    return Redirect(f"{RECEIPTS}/{redemption_id}", status_code=303)


async def _decided(
    request: StrictRequest, database: AsyncEngine, settings: Settings, redemption_id: UUID, decision: Decision
) -> Template | Redirect:
    me = await doors.visitor(request, database, settings)
    # Each button of a receipt is pressed once, so the key of the call follows from the receipt.
    done = await pay.decide(database, me, redemption_id, decision, key=f"page-{decision}-{redemption_id}")
    if done.refusal is not None:
        return await _receipt(request, database, me, redemption_id, done.refusal)
    return Redirect(f"{RECEIPTS}/{redemption_id}", status_code=303)


async def _receipt(
    request: StrictRequest, database: AsyncEngine, me: Principal, redemption_id: UUID, refusal: Refusal | None = None
) -> Template:
    language = frame.view_of(request).language
    settings: Settings = request.app.state.settings
    async with database.connect() as tx:
        told = await pay.redeemed(tx, me, redemption_id)
        each = told.redemption
        given_back = await pay.given_back(tx, me, redemption_id)
        kept = await pay.left(tx, me)
        clerk = None if each.clerk is None else (await staff.names(tx, [each.clerk]))[each.clerk]
        receipt = await slips.of_any(tx, me.book_id, [each.transaction_id] if each.transaction_id else [])
    until = None if each.confirm_until is None else f"{each.confirm_until.astimezone(BEIJING):%H:%M:%S}"
    return frame.page(
        request,
        "redemption.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{RECEIPTS}/{redemption_id}",
        wrong=None if refusal is None else frame.told(request, refusal),
        redemption=each,
        number=receipts.number(each),
        state=told.status,
        until=until,
        points=_costs(language, each.points, each.voucher_id),
        balance=texts.points(language, kept),
        made=texts.moment(language, each.made_at),
        clerk=clerk,
        refunds=[
            texts.t(
                language,
                f"refund_{one.kind}",
                moment=texts.moment(language, one.made_at),
                points=texts.points(language, one.points),
            )
            for one in given_back
        ],
        disputed=told.disputed,
        slip=slips.slip(request, settings, receipt),
        posted=each.transaction_id is not None,
        dispute_until=None if told.dispute_until is None else texts.day(language, told.dispute_until),
    )


def _before(request: StrictRequest) -> datetime.datetime | None:
    """Where the list goes on; from the beginning where the address says nothing that can be read."""
    try:
        return bodies.moment(request.query_params["after"], "after")
    except (KeyError, InvalidField):
        return None


HANDLERS = [
    code,
    another_code,
    state,
    list_redemptions,
    one_redemption,
    confirm,
    decline,
    dispute,
]
