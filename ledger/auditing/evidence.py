"""From an entry to its evidence: who did it, who approved it, and what in which room it was done for.

Rooms post under keys that name what the posting is of (`<record>/hours`, `redeem:<redemption>`), and keep its
transactions with it. A correction, and the end of a hold, are traced through what they correct or end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.auditing import log
from ledger.auditing.log import Leaf
from ledger.books import approvals, chart, journal, traces
from ledger.books.approvals import Draft
from ledger.books.evaluate import Transaction
from ledger.books.traces import HoldStep, Link, LotStep
from ledger.books.versions import Version
from ledger.earning import activities, attendances, objections, organisations, record, rule_sets, rules, volunteers
from ledger.earning.activities import Activity
from ledger.earning.attendances import Attendance
from ledger.earning.budgets import CLIENT as EARNING
from ledger.earning.objections import Objection
from ledger.earning.record import Record
from ledger.earning.rules import RuleSet
from ledger.errors import Unknown
from ledger.recognition import awards
from ledger.recognition.awards import Award
from ledger.spending import cases, quotes, redemption, refunds, stock, tills, vouchers
from ledger.spending.cases import Case
from ledger.spending.postings import CLIENT as SPENDING
from ledger.spending.quotes import Quoted
from ledger.spending.redemption import Redemption
from ledger.spending.refunds import Refund
from ledger.spending.stock import Move
from ledger.spending.vouchers import Voucher

T = TypeVar("T")

Step = Literal["hours", "points", "release", "correction"]
STEPS: Final[tuple[Step, ...]] = ("hours", "points", "release", "correction")


@dataclass(frozen=True, slots=True)
class Service:
    """The service record that a transaction comes from, and all that it rests on.

    `steps`: its transactions. `attendances`: her sign-ins to the activity, those that became this record first of all
    `of_record`. `rule`: the version by which it earned; `recomputed`: points and bonus computed again from what the
    record keeps, None where the rules have not decided. `stars`: awards of hers for which these hours counted.
    """

    record: Record
    organisation: str
    steps: tuple[tuple[Step, UUID], ...]
    activity: Activity | None
    attendances: tuple[Attendance, ...]
    objections: tuple[Objection, ...]
    rule: Version[RuleSet] | None
    recomputed: tuple[int, int] | None
    stars: tuple[Award, ...]

    @property
    def agrees(self) -> bool | None:
        """Whether the rules give today what the record got; None where they have not decided."""
        return None if self.recomputed is None else self.recomputed == (self.record.points, self.record.bonus)


@dataclass(frozen=True, slots=True)
class Purchase:
    """The redemption that a transaction belongs to. `till`: what it is called; None: it has no till any more."""

    redemption: Redemption
    till: str | None
    quotes: tuple[Quoted, ...]
    refunds: tuple[Refund, ...]
    case: Case | None


@dataclass(frozen=True, slots=True)
class StockMove:
    """The receipt or count of stock that was posted."""

    outlet: str
    move: Move


@dataclass(frozen=True, slots=True)
class Evidence:
    """A transaction with everything that it rests on, as far as there is any.

    `leaf`: its place in the sealed log; None: not sealed yet. `through`: the transaction by which the evidence was
    found, where it is not this one. `volunteers`: by holder, whose accounts it touches; who was erased is not in it.
    """

    transaction: Transaction
    leaf: Leaf | None
    corrects: Transaction | None
    corrected_by: tuple[Link, ...]
    draft: Draft | None
    lots: tuple[LotStep, ...]
    hold: HoldStep | None
    through: UUID | None
    service: Service | None
    purchase: Purchase | None
    voucher: Voucher | None
    stock: StockMove | None
    volunteers: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a transaction was posted for: a word and the number of it in its room."""

    what: str
    number: UUID


async def of(tx: AsyncConnection, book: int, transaction_id: UUID) -> Evidence:
    """The evidence of a transaction. UnknownTransaction."""
    found = await journal.read(tx, book, transaction_id)
    corrects = None if found.corrects is None else await journal.read(tx, book, found.corrects)
    hold = await traces.hold_of(tx, book, transaction_id)
    origin, through = _origin(found), None
    if origin is None or origin.what == "hold":
        origin, through = await _traced(tx, book, corrects, hold, origin)
    service = purchase = voucher = moved = None
    if origin is not None and origin.what == "record":
        service = await _there(_service, tx, book, origin.number)
    elif origin is not None and origin.what == "stock":
        move = await stock.find(tx, book, origin.number)
        moved = None if move is None else StockMove(*move)
    elif origin is not None and origin.what == "voucher":
        voucher = await _there(vouchers.find, tx, book, origin.number)
    elif origin is not None:
        purchase = await _there(_purchase, tx, book, await _redemption(tx, book, origin))
        if purchase is not None and purchase.redemption.voucher_id is not None:
            voucher = await _there(vouchers.find, tx, book, purchase.redemption.voucher_id)
    holders = await _holders(tx, book, found, service, purchase, voucher)
    return Evidence(
        transaction=found,
        leaf=await log.leaf_of(tx, book, transaction_id),
        corrects=corrects,
        corrected_by=tuple(await traces.corrections_of(tx, book, transaction_id)),
        draft=await _draft(tx, book, found),
        lots=tuple(await traces.lots_of(tx, book, transaction_id)),
        hold=hold,
        through=through,
        service=service,
        purchase=purchase,
        voucher=voucher,
        stock=moved,
        volunteers=await volunteers.numbers_of(tx, book, holders),
    )


# --- which room, and what of it ---------------------------------------------------------------------------------------

_SPENT: Final = {
    "redeem": "redemption",
    "confirm": "redemption",
    "void": "redemption",
    "refund": "refund",
    "cancel": "refund",
    "case": "case",
    "voucher": "voucher",
    "expired": "voucher",
    "stock": "stock",
}


def _origin(posted: Transaction) -> _Origin | None:
    """What the key of a room's own posting names; None for others."""
    what: str | None
    if posted.client == EARNING:
        number, _, _step = posted.key.partition("/")
        what = "record"
    elif posted.client == SPENDING:
        word, _, rest = posted.key.partition(":")
        number, what = rest.partition("/")[0], _SPENT.get(word)
    elif posted.client == "room:books" and posted.key.startswith("lapse:"):
        number, what = posted.key.removeprefix("lapse:"), "hold"
    else:
        return None
    try:
        return None if what is None else _Origin(what, UUID(number))
    except ValueError:  # other keys of theirs: carried over, lapsed, budget
        return None


async def _traced(
    tx: AsyncConnection, book: int, corrects: Transaction | None, hold: HoldStep | None, origin: _Origin | None
) -> tuple[_Origin | None, UUID | None]:
    """The same for what it corrects, or for what posted the hold that it ended; and which of them that is."""
    if corrects is not None and (found := _origin(corrects)) is not None:
        return found, corrects.transaction_id
    placed = hold.hold_id if hold is not None else origin.number if origin is not None else None
    if placed is not None:
        posted = (await journal.read_many(tx, book, [placed])).get(placed)
        if posted is not None and (found := _origin(posted)) is not None:
            return found, placed
    return None, None


async def _redemption(tx: AsyncConnection, book: int, origin: _Origin) -> UUID | None:
    """Which redemption it is about, by its own number, or a refund's or a case's."""
    if origin.what == "refund":
        refund = await refunds.find(tx, book, origin.number)
        return None if refund is None else refund.redemption_id
    if origin.what == "case":
        case = await _there(cases.find, tx, book, origin.number)
        return None if case is None else case.redemption_id
    return origin.number if origin.what == "redemption" else None


async def _there(
    find: Callable[[AsyncConnection, int, UUID], Awaitable[T]], tx: AsyncConnection, book: int, number: UUID | None
) -> T | None:
    """What has this number; None where nothing has: keys of files that were imported may name what was elsewhere."""
    if number is None:
        return None
    try:
        return await find(tx, book, number)
    except Unknown:
        return None


async def _draft(tx: AsyncConnection, book: int, posted: Transaction) -> Draft | None:
    if posted.client != approvals.CLIENT:
        return None
    try:
        number = UUID(posted.key)
    except ValueError:
        return None
    return await _there(approvals.read, tx, book, number)


# --- what the rooms keep ----------------------------------------------------------------------------------------------


async def _service(tx: AsyncConnection, book: int, record_id: UUID) -> Service:
    of = await record.get(tx, book, record_id)
    steps = [(step, posted) for step in STEPS if (posted := getattr(of, f"{step}_transaction")) is not None]
    rule = None if of.rule_set is None else await rule_sets.find(tx, book, of.rule_set)
    recomputed = None
    if of.inputs is not None:
        recomputed = rules.again(rules.DEFAULT if rule is None else rule.content, of.inputs)
    stars = [
        each
        for each in await awards.of_holder(tx, book, of.holder)
        if of.served_on <= each.as_of and (of.record_class == "credit" or (each.honour and of.record_class == "honour"))
    ]
    activity = None
    signed: list[Attendance] = []
    if of.activity is not None:
        try:
            activity = await activities.find(tx, book, of.activity)
        except Unknown:  # a platform's own word for it
            activity = None
        else:
            signed = await attendances.of_record(tx, book, of)
    return Service(
        record=of,
        organisation=(await organisations.find(tx, book, of.organisation)).name,
        steps=tuple(steps),
        activity=activity,
        attendances=tuple(signed),
        objections=tuple(await objections.of_record(tx, book, record_id)),
        rule=rule,
        recomputed=recomputed,
        stars=tuple(stars),
    )


async def _purchase(tx: AsyncConnection, book: int, redemption_id: UUID) -> Purchase:
    of = await redemption.find(tx, book, redemption_id)
    try:
        till: str | None = (await tills.find(tx, book, of.till)).name
    except Unknown:
        till = None
    return Purchase(
        redemption=of,
        till=till,
        quotes=() if of.code_id is None else tuple(await quotes.of_code(tx, book, of.holder, of.code_id)),
        refunds=tuple(await refunds.of(tx, book, redemption_id)),
        case=await cases.of_redemption(tx, book, redemption_id),
    )


async def _holders(
    tx: AsyncConnection,
    book: int,
    posted: Transaction,
    service: Service | None,
    purchase: Purchase | None,
    voucher: Voucher | None,
) -> set[str]:
    """The people whom any of it is about, as the books know them."""
    personal = {row.kind for row in chart.CHART if row.holder == "volunteer"}
    found = await chart.find_accounts(tx, book, {entry.account for entry in posted.entries})
    holders = {each.holder for each in found.values() if each.kind in personal}
    holders |= {of.holder for of in (service and service.record, purchase and purchase.redemption, voucher) if of}
    if purchase is not None:
        holders.add(purchase.redemption.agent)
    return {each for each in holders if each is not None}
