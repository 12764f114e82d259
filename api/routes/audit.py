"""What auditors see, over HTTP: trial balance, search, evidence, the state of the log, and what they looked at."""

from __future__ import annotations

import base64
import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, Parameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncEngine

from api import audit, auth, views
from api.bodies import Limit, day, moment
from api.views import TransactionView
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.auditing.evidence import Evidence, Purchase, Service
from ledger.auditing.log import Leaf
from ledger.auditing.looks import Look
from ledger.auditing.search import Found, Terms
from ledger.auditing.signer import Signer
from ledger.auditing.trial_balance import Group, Sum, UnitSum, When

AUDIT: Final = {"right": Right.AUDIT}
LOOKS: Final = {"right": Right.READ_ACCESS_LOG}
"""Auditors, and who lets them in."""


class ClassSumView(msgspec.Struct, frozen=True):
    """The accounts of one class. `balance`: on the normal side of the class."""

    account_class: str = msgspec.field(name="class")
    accounts: int
    debits: int
    credits: int
    balance: int


class UnitSumView(msgspec.Struct, frozen=True):
    """All accounts of one unit that have entries. `difference` is 0, or the books are damaged."""

    unit: str
    scale: int
    accounts: int
    debits: int
    credits: int
    difference: int
    classes: list[ClassSumView]


class GroupView(msgspec.Struct, frozen=True):
    """Accounts whose codes agree before the first dot, or one account. `kind`: the chart's word for them."""

    code: str
    name: str | None
    unit: str
    account_class: str = msgspec.field(name="class")
    kind: str | None
    accounts: int
    debits: int
    credits: int
    balance: int


class TrialBalanceView(msgspec.Struct, frozen=True):
    """The units, and a page of groups of accounts (or of the accounts of one). `next`: the `after` of the next page."""

    at: datetime.date | None
    known_at: datetime.datetime | None
    units: list[UnitSumView]
    items: list[GroupView]
    next: str | None


class AmountView(msgspec.Struct, frozen=True):
    """The debits of one unit."""

    unit: str
    amount: int


class FoundView(msgspec.Struct, frozen=True):
    """A transaction that was found. `voucher`: its number in the sealed log, null until it is sealed."""

    id: UUID
    voucher: str | None
    kind: str
    description: str
    effective_on: datetime.date
    recorded_at: datetime.datetime
    actor: str
    approver: str | None
    correction: str | None
    corrects: UUID | None
    amounts: list[AmountView]


class FoundPage(msgspec.Struct, frozen=True):
    """What was found, the newest first; `next` is the `after` of the next page, null at the end."""

    items: list[FoundView]
    next: UUID | None


class LeafView(msgspec.Struct, frozen=True):
    """The place in the sealed log. `hash`: of the line, in hex."""

    index: int
    voucher: str | None
    hash: str


class LinkView(msgspec.Struct, frozen=True):
    """A correction of the transaction."""

    id: UUID
    kind: str
    correction: str | None
    effective_on: datetime.date
    recorded_at: datetime.datetime
    actor: str


class DraftView(msgspec.Struct, frozen=True):
    """The proposal that a second person approved."""

    id: UUID
    proposed_by: str
    proposed_at: datetime.datetime
    decided_by: str | None
    decided_at: datetime.datetime | None


class LotView(msgspec.Struct, frozen=True):
    """What happened to a lot: `amount` came to it, or left it. `origin`: what first credited these units."""

    account: str
    amount: int
    origin: UUID | None
    made_by: UUID | None
    lapses_on: datetime.date | None
    remaining: int


class EvidenceHoldView(msgspec.Struct, frozen=True):
    """The hold that it posted or ended."""

    id: UUID
    account: str
    amount: int
    expires_at: datetime.datetime
    ending: str | None
    ended_by: UUID | None


class SignInView(msgspec.Struct, frozen=True):
    """A sign-in of hers to the activity. `became_record`: it is what this record is made of."""

    check_in: datetime.datetime
    in_by: str
    by_leader: bool
    check_out: datetime.datetime | None
    out_by: str | None
    forgotten: bool
    struck_at: datetime.datetime | None
    struck_by: str | None
    became_record: bool


class EvidenceObjectionView(msgspec.Struct, frozen=True):
    """An objection to the record, or a proposal to correct it."""

    id: UUID
    kind: str
    raised_by: str
    raised_at: datetime.datetime
    reason: str
    decided_by: str | None
    decided_at: datetime.datetime | None
    upheld: bool | None
    decision: str | None


class RuleView(msgspec.Struct, frozen=True):
    """The version of the rules by which it earned, and who made and approved it."""

    version: int
    effective_from: datetime.date
    drafted_by: str
    decided_by: str | None
    decided_at: datetime.datetime | None


class StarView(msgspec.Struct, frozen=True):
    """A star for which these hours counted."""

    award: UUID
    star: int
    state: str
    as_of: datetime.date


class ServiceView(msgspec.Struct, frozen=True):
    """The service record. `transactions`: by step. `recomputed_points`: as the rules give them now from what it keeps;
    `agrees`: whether that is what it got."""

    record: str
    record_id: UUID
    volunteer: str | None
    organisation: str
    activity: str | None
    activity_name: str
    category: str
    record_class: str = msgspec.field(name="class")
    item: str | None
    check_in: datetime.datetime | None
    check_out: datetime.datetime | None
    served_on: datetime.date
    minutes: int
    recorder: str
    second_person: str | None
    submitted_by: str
    submitted_at: datetime.datetime
    reviewed_by: str | None
    reviewed_at: datetime.datetime | None
    state: str
    points: int | None
    bonus: int | None
    inputs: dict[str, Any] | None
    recomputed_points: int | None
    recomputed_bonus: int | None
    agrees: bool | None
    notice_from: datetime.date | None
    notice_until: datetime.date | None
    rule: RuleView | None
    sign_ins: list[SignInView]
    objections: list[EvidenceObjectionView]
    transactions: dict[str, UUID]
    stars: list[StarView]


class GoodsView(msgspec.Struct, frozen=True):
    """Pieces of an item."""

    item: str
    name: str
    quantity: int
    points: int
    returned: int


class QuotedView(msgspec.Struct, frozen=True):
    """What was quoted before."""

    id: UUID
    till: int
    points: int
    enough: bool
    word: str
    quoted_at: datetime.datetime


class GivenBackView(msgspec.Struct, frozen=True):
    """What was given back."""

    id: UUID
    kind: str
    points: int
    transaction: UUID | None
    made_by: str
    made_at: datetime.datetime


class EvidenceCaseView(msgspec.Struct, frozen=True):
    """What she says was not redeemed by her, and what became of it."""

    id: UUID
    opened_by: str
    opened_at: datetime.datetime
    proposed_by: str | None
    decided_by: str | None
    decided_at: datetime.datetime | None
    upheld: bool | None


class PurchaseView(msgspec.Struct, frozen=True):
    """The redemption."""

    id: UUID
    volunteer: str | None
    outlet: str
    outlet_name: str
    till: int
    till_name: str | None
    clerk: str | None
    means: str
    agent: str | None
    status: str
    points: int
    refunded: int
    word: str
    made_at: datetime.datetime
    confirm_until: datetime.datetime | None
    hold: UUID | None
    transaction: UUID | None
    lines: list[GoodsView]
    quotes: list[QuotedView]
    refunds: list[GivenBackView]
    case: EvidenceCaseView | None


class EvidenceVoucherView(msgspec.Struct, frozen=True):
    """The service voucher that was bought, used or has expired."""

    id: UUID
    volunteer: str | None
    item: str
    points: int
    state: str
    bought_at: datetime.datetime
    expires_on: datetime.date
    transaction: UUID
    end_transaction: UUID | None


class StockMoveView(msgspec.Struct, frozen=True):
    """The receipt or count of stock."""

    id: UUID
    outlet: str
    item: str
    kind: str
    pieces: int
    value: int
    note: str
    moved_by: str
    moved_at: datetime.datetime


class EvidenceView(msgspec.Struct, frozen=True):
    """A transaction with all that it rests on. `through`: the transaction by which that was found, if not this one.

    `volunteers`: by the number that the books use, whose accounts it touches; who was erased is not in it.
    """

    transaction: TransactionView
    client: str
    key: str
    actor: str
    approver: str | None
    request: str | None
    leaf: LeafView | None
    corrected_by: list[LinkView]
    proposal: DraftView | None
    lots: list[LotView]
    hold: EvidenceHoldView | None
    through: UUID | None
    service: ServiceView | None
    redemption: PurchaseView | None
    voucher: EvidenceVoucherView | None
    stock: StockMoveView | None
    volunteers: dict[str, str]


class LookView(msgspec.Struct, frozen=True):
    """Who looked at what, and when. `facts`: the terms; volunteers by the number that the books use."""

    id: UUID
    at: datetime.datetime
    actor: str
    what: str
    facts: dict[str, str]


class LookPage(msgspec.Struct, frozen=True):
    """The newest first; `next` is the `after` of the next page, null at the end."""

    items: list[LookView]
    next: UUID | None


class PublishedView(msgspec.Struct, frozen=True):
    """The newest checkpoint. `root` in base64, as in the `note`, which is signed."""

    number: int
    size: int
    root: str
    note: str
    created_at: datetime.datetime


class LogStatusView(msgspec.Struct, frozen=True):
    """How the sealed log stands. `unsealed`: committed and not in it yet; `since`: the oldest of these.

    `unpublished`: sealed, and not yet in the newest checkpoint. `vkey`: with which its signatures are checked.
    """

    origin: str
    vkey: str
    size: int
    era: int
    unsealed: int
    since: datetime.datetime | None
    unpublished: int
    newest: PublishedView | None


@get(
    "/audit/trial-balance",
    opt=AUDIT,
    operation_id="readTrialBalance",
    summary="The trial balance",
    responses=views.refusals(400),
)
async def read_trial_balance(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    at: FromQuery[Annotated[str | None, Parameter(description="Dated up to the end of this day: YYYY-MM-DD.")]] = None,
    known_at: FromQuery[
        Annotated[str | None, Parameter(description="As known at this instant (RFC 3339), at least 30 seconds ago.")]
    ] = None,
    group: FromQuery[
        Annotated[str | None, Parameter(description="The accounts of this group instead of the groups: 2100.")]
    ] = None,
    limit: FromQuery[Limit] = 200,
    after: FromQuery[Annotated[str | None, Parameter(description="The `next` of the page before.")]] = None,
) -> TrialBalanceView:
    """Debits and credits by unit, whose difference is 0, by class, and by group of accounts or account by account."""
    when = When(
        day(at, "at") if at is not None else None, moment(known_at, "known_at") if known_at is not None else None
    )
    async with database.begin() as tx:
        found = await audit.balance(tx, me, when, group, after, limit)
    return TrialBalanceView(
        when.at,
        when.known_at,
        [_unit(each) for each in found.units],
        [_group(each) for each in found.page.items],
        found.page.next,
    )


@get(
    "/audit/search",
    opt=AUDIT,
    operation_id="searchJournal",
    summary="Search the journal",
    responses=views.refusals(400, 404, 422),
)
async def search_journal(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    since: FromQuery[
        Annotated[str | None, QueryParameter(name="from", description="Dated on this day or later: YYYY-MM-DD.")]
    ] = None,
    until: FromQuery[
        Annotated[str | None, QueryParameter(name="to", description="Dated on this day or earlier: YYYY-MM-DD.")]
    ] = None,
    account: FromQuery[Annotated[str | None, Parameter(description="What the code of an account begins with.")]] = None,
    volunteer: FromQuery[
        Annotated[str | None, Parameter(description="On accounts of the volunteer with this number.")]
    ] = None,
    amount: FromQuery[
        Annotated[int | None, Parameter(ge=1, le=10**15, description="Of one entry, in the smallest unit.")]
    ] = None,
    kind: FromQuery[
        Annotated[str | None, Parameter(description="`spend.redeem`, or `spend` for all of these.")]
    ] = None,
    actor: FromQuery[Annotated[str | None, Parameter(description="Who did or approved it: `user:7`.")]] = None,
    transaction: FromQuery[UUID | None] = None,
    voucher: FromQuery[Annotated[str | None, Parameter(description="The voucher number: `2026-17`.")]] = None,
    correction: FromQuery[
        Annotated[str | None, Parameter(description="`reversal`, `refund` or `clawback`: what it is.")]
    ] = None,
    corrects: FromQuery[Annotated[UUID | None, Parameter(description="Which transaction it corrects.")]] = None,
    words: FromQuery[
        Annotated[
            str | None,
            QueryParameter(name="text", description="In the description; only within a range of days."),
        ]
    ] = None,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[UUID | None, Parameter(description="The `next` of the page before.")]] = None,
) -> FoundPage:
    """The transactions of which all that is asked for is so, the newest first. What takes longer than 5 s is refused
    (422 `search_too_wide`): then say days, or an account."""
    terms = Terms(
        from_day=day(since, "from") if since is not None else None,
        to_day=day(until, "to") if until is not None else None,
        account=account,
        amount=amount,
        kind=kind,
        actor=actor,
        transaction=transaction,
        voucher=voucher,
        correction=correction,
        corrects=corrects,
        words=words,
    )
    async with database.begin() as tx:
        page = await audit.find(tx, keys, me, terms, volunteer, after, limit)
    return FoundPage([_found(each) for each in page.items], page.next)


@get(
    "/audit/transactions/{transaction_id:uuid}",
    opt=AUDIT,
    operation_id="readEvidence",
    summary="A transaction and its evidence",
    responses=views.refusals(404),
)
async def read_evidence(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], transaction_id: FromPath[UUID]
) -> EvidenceView:
    """A transaction with what it rests on: people, record, sign-ins, rule, lots, redemption, corrections, leaf."""
    async with database.begin() as tx:
        return _evidence(await audit.evidence_of(tx, me, transaction_id))


@get(
    "/audit/looks",
    opt=LOOKS,
    operation_id="listLooks",
    summary="What auditors looked at",
    responses=views.refusals(400),
)
async def list_looks(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    actor: FromQuery[Annotated[str | None, Parameter(description="Only what this one looked at: `user:7`.")]] = None,
    limit: FromQuery[Limit] = 50,
    after: FromQuery[Annotated[UUID | None, Parameter(description="The `next` of the page before.")]] = None,
) -> LookPage:
    """Every page and call of the auditors, the newest first."""
    async with database.begin() as tx:
        found, following = await audit.looks_of(tx, me, actor, after, limit)
    return LookPage([_look(each) for each in found], following)


@get(
    "/log/status",
    opt=AUDIT,
    operation_id="readLogStatus",
    summary="How the sealed log stands",
    responses=views.refusals(),
)
async def read_log_status(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], signer: NamedDependency[Signer]
) -> LogStatusView:
    """Its size, its newest checkpoint, and what is not sealed or not published yet."""
    async with database.begin() as tx:
        found = await audit.log_status(tx, me, signer)
    newest = found.newest
    published = None
    if newest is not None:
        root = base64.b64encode(newest.root).decode()
        published = PublishedView(newest.number, newest.size, root, newest.note, newest.created_at)
    standing = found.standing
    return LogStatusView(
        found.origin,
        found.key,
        standing.size,
        standing.era,
        standing.unsealed,
        standing.since,
        found.unpublished,
        published,
    )


# --- as answers show it -----------------------------------------------------------------------------------------------


def _unit(of: UnitSum) -> UnitSumView:
    return UnitSumView(
        of.unit,
        of.scale,
        *_sides(of.sum),
        of.sum.difference,
        [ClassSumView(each.account_class, *_sides(each.sum), each.balance) for each in of.classes],
    )


def _group(of: Group) -> GroupView:
    return GroupView(of.code, of.name, of.unit, of.account_class, of.kind, *_sides(of.sum), of.balance)


def _sides(of: Sum) -> tuple[int, int, int]:
    return of.accounts, of.debits, of.credits


def _found(of: Found) -> FoundView:
    return FoundView(
        of.transaction_id,
        of.voucher,
        of.kind,
        of.description,
        of.effective_on,
        of.recorded_at,
        of.actor,
        of.approver,
        of.correction,
        of.corrects,
        [AmountView(unit, amount) for unit, amount in of.amounts],
    )


def _look(of: Look) -> LookView:
    return LookView(of.look_id, of.at, of.actor, of.what, dict(of.facts))


def _leaf(of: Leaf) -> LeafView:
    return LeafView(of.index, of.voucher, of.hash.hex())


def _evidence(of: Evidence) -> EvidenceView:
    posted, draft, hold, voucher, moved = of.transaction, of.draft, of.hold, of.voucher, of.stock
    return EvidenceView(
        transaction=views.transaction_view(posted),
        client=posted.client,
        key=posted.key,
        actor=posted.actor,
        approver=posted.approver,
        request=posted.request_id,
        leaf=None if of.leaf is None else _leaf(of.leaf),
        corrected_by=[
            LinkView(each.transaction_id, each.kind, each.correction, each.effective_on, each.recorded_at, each.actor)
            for each in of.corrected_by
        ],
        proposal=None
        if draft is None
        else DraftView(draft.draft_id, draft.proposed_by, draft.proposed_at, draft.decided_by, draft.decided_at),
        lots=[
            LotView(each.account, each.amount, each.origin, each.made_by, each.lapses_on, each.remaining)
            for each in of.lots
        ],
        hold=None
        if hold is None
        else EvidenceHoldView(hold.hold_id, hold.account, hold.amount, hold.expires_at, hold.ending, hold.ended_by),
        through=of.through,
        service=None if of.service is None else _service(of.service, of.volunteers),
        redemption=None if of.purchase is None else _purchase(of.purchase, of.volunteers),
        voucher=None
        if voucher is None
        else EvidenceVoucherView(
            voucher.voucher_id,
            of.volunteers.get(voucher.holder),
            voucher.item,
            voucher.points,
            voucher.state,
            voucher.bought_at,
            voucher.expires_on,
            voucher.transaction_id,
            voucher.end_transaction,
        ),
        stock=None
        if moved is None
        else StockMoveView(
            moved.move.move_id,
            moved.outlet,
            moved.move.item,
            moved.move.kind,
            moved.move.pieces,
            moved.move.value,
            moved.move.note,
            moved.move.moved_by,
            moved.move.moved_at,
        ),
        volunteers=of.volunteers,
    )


def _service(of: Service, volunteers: dict[str, str]) -> ServiceView:
    record, rule = of.record, of.rule
    points, bonus = of.recomputed or (None, None)
    return ServiceView(
        record=record.record,
        record_id=record.record_id,
        volunteer=volunteers.get(record.holder),
        organisation=record.organisation,
        activity=record.activity,
        activity_name=record.activity_name,
        category=record.category,
        record_class=record.record_class,
        item=record.item,
        check_in=record.check_in,
        check_out=record.check_out,
        served_on=record.served_on,
        minutes=record.minutes,
        recorder=record.recorder,
        second_person=record.second_person,
        submitted_by=record.submitted_by,
        submitted_at=record.submitted_at,
        reviewed_by=record.reviewed_by,
        reviewed_at=record.reviewed_at,
        state=record.state,
        points=record.points,
        bonus=record.bonus,
        inputs=record.inputs,
        recomputed_points=points,
        recomputed_bonus=bonus,
        agrees=of.agrees,
        notice_from=record.notice_from,
        notice_until=record.notice_until,
        rule=None
        if rule is None
        else RuleView(rule.version, rule.effective_from, rule.drafted_by, rule.decided_by, rule.decided_at),
        sign_ins=[
            SignInView(
                each.check_in,
                each.in_by,
                each.by_leader,
                each.check_out,
                each.out_by,
                each.forgotten,
                each.struck_at,
                each.struck_by,
                each.record_id == record.record_id,
            )
            for each in of.attendances
        ],
        objections=[
            EvidenceObjectionView(
                each.objection_id,
                each.kind,
                each.raised_by,
                each.raised_at,
                each.reason,
                each.decided_by,
                each.decided_at,
                each.upheld,
                each.decision,
            )
            for each in of.objections
        ],
        transactions={str(step): posted for step, posted in of.steps},
        stars=[StarView(each.award_id, each.star, each.state, each.as_of) for each in of.stars],
    )


def _purchase(of: Purchase, volunteers: dict[str, str]) -> PurchaseView:
    made, case = of.redemption, of.case
    return PurchaseView(
        id=made.redemption_id,
        volunteer=volunteers.get(made.holder),
        outlet=made.outlet,
        outlet_name=made.outlet_name,
        till=made.till,
        till_name=of.till,
        clerk=made.clerk,
        means=made.means,
        agent=None if made.agent is None else volunteers.get(made.agent),
        status=made.status,
        points=made.points,
        refunded=made.refunded,
        word=made.word,
        made_at=made.made_at,
        confirm_until=made.confirm_until,
        hold=made.hold_id,
        transaction=made.transaction_id,
        lines=[GoodsView(line.item, line.name, line.quantity, line.points, line.returned) for line in made.lines],
        quotes=[
            QuotedView(each.quote_id, each.till, each.points, each.enough, each.word, each.quoted_at)
            for each in of.quotes
        ],
        refunds=[
            GivenBackView(each.refund_id, each.kind, each.points, each.transaction_id, each.made_by, each.made_at)
            for each in of.refunds
        ],
        case=None
        if case is None
        else EvidenceCaseView(
            *(case.case_id, case.opened_by, case.opened_at, case.proposed_by, case.decided_by, case.decided_at),
            case.upheld,
        ),
    )


router = Router(
    path="/books/{book:str}",
    route_handlers=[read_trial_balance, search_journal, read_evidence, list_looks, read_log_status],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["audit"],
)
