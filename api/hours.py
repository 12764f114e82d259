"""What a volunteer sees of her hours, whichever door she comes by: where each is, whose turn, why these points."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api import explain, own
from api.problems import Language
from ledger.access.rights import Principal
from ledger.books import balances, statements
from ledger.books.statements import StatementLine
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import notices, objections, organisations, passbook, record, rule_sets, rules, volunteers
from ledger.earning.notices import Place, Turn, Who
from ledger.earning.objections import Objection
from ledger.earning.record import Record, RecordClass, State
from ledger.earning.rule_sets import Rulebook
from ledger.earning.volunteers import Volunteer
from ledger.errors import UnknownRecord
from ledger.spending import passbook as spending_passbook
from ledger.spending import vouchers
from ledger.spending.redemption import Redemption


@dataclass(frozen=True, slots=True)
class Why:
    """In one sentence, how a record came to its points; `zh`, `en`."""

    zh: str
    en: str

    def of(self, language: Language) -> str:
        """The sentence in one of the languages."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Hour:
    """A record of hers with all that she is told about it.

    `organisation`: the name of the one that recorded it; `turn_of`: of the one whose staff act next. `raised`: the
    objections, the oldest first. `why` None: its points are not decided yet. `may_object`: she herself, now.
    """

    record: Record
    organisation: str
    turn: Turn
    turn_of: str | None
    why: Why | None
    raised: tuple[Objection, ...] = ()
    may_object: bool = False
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Hours:
    """Some of her records, the newest first, and where the next page begins; and her minutes in the books."""

    items: list[Hour]
    next: Place | None
    credit_minutes: int
    honour_minutes: int


@dataclass(frozen=True, slots=True)
class Traced:
    """A line of a passbook, with the record that it comes from and the sentence why, or with its redemption.

    `voucher`: what the service is called of which it paid for a voucher.
    """

    line: StatementLine
    record: Record | None
    why: Why | None
    redemption: Redemption | None = None
    voucher: str | None = None


def why(of: Record, rulebook: Rulebook) -> Why | None:
    """How a record came to its points; None where that is not decided."""
    if of.inputs is None:
        return None
    the = rules.DEFAULT if of.rule_set is None else rulebook.version(of.rule_set)
    return Why(explain.why("zh", the, of.inputs), explain.why("en", the, of.inputs))


async def hours(tx: AsyncConnection, me: Principal, *, after: Place | None, limit: int) -> Hours:
    """Her records, the newest service day first. NotAllowed for who is no volunteer."""
    her = await own.volunteer(tx, me)
    page = await notices.of_volunteer(tx, me.book_id, her.holder, after=after, limit=limit)
    accounts = [her.account(code) for code in (volunteers.CREDIT_HOURS, volunteers.HONOUR_HOURS)]
    kept = {each.account: each.balance for each in await balances.balances(tx, me.book_id, accounts)}
    credit, honour = (kept.get(account, 0) for account in accounts)
    return Hours(await _told(tx, me.book_id, page.records), page.next, credit, honour)


async def hour(tx: AsyncConnection, me: Principal, record_id: UUID) -> Hour:
    """One of her records, with the objections to it. UnknownRecord, also for somebody else's."""
    her = await own.volunteer(tx, me)
    of = await _own(tx, me, her, record_id)
    raised = await objections.of_record(tx, me.book_id, record_id)
    [told] = await _told(tx, me.book_id, [of], {record_id: raised})
    return told


async def objected(tx: AsyncConnection, me: Principal, record_id: UUID, reason: str) -> Objection:
    """Objects to a record of hers while it is in notice; of a minus item that is her appeal.

    UnknownRecord, InvalidField, NotTheirTurn, NoticeOver, ObjectionOpen, AlreadyDecided.
    """
    her = await own.volunteer(tx, me)
    await _own(tx, me, her, record_id)
    now = await connect.now(tx)
    return await objections.raise_(tx, me.book_id, record_id, by=me.name, holder=her.holder, reason=reason, now=now)


async def lines(tx: AsyncConnection, me: Principal, code: str, *, after: int | None, limit: int) -> list[Traced]:
    """The newest lines of one of her accounts (the chart's `code`), the newest first, each with the sentence why."""
    her = await own.volunteer(tx, me)
    found = await statements.entries_of(tx, me.book_id, her.account(code), limit=limit, after=after)
    return await traced(tx, me.book_id, her, found)


async def traced(tx: AsyncConnection, book: int, her: Volunteer, found: Sequence[StatementLine]) -> list[Traced]:
    """These lines of hers with the records that they come from, and the redemptions."""
    spent = await spending_passbook.origins(tx, book, her.holder, found)
    paid = [line.transaction_id for line in found if line.kind == vouchers.KIND]
    bought = await vouchers.bought_by(tx, book, paid) if paid else {}
    origins = await passbook.origins(tx, book, her.holder, found)
    rulebook = await rule_sets.in_force(tx, book)
    sentences = {each.record_id: why(each, rulebook) for each in origins.values()}
    return [
        Traced(
            line,
            origin,
            None if origin is None else sentences[origin.record_id],
            spent.get(line.transaction_id),
            bought.get(line.transaction_id),
        )
        for line in found
        for origin in (origins.get(line.transaction_id),)
    ]


async def everything(tx: AsyncConnection, book: int, her: Volunteer) -> list[Hour]:
    """All her records, the newest first."""
    found: list[Record] = []
    after: Place | None = None
    while True:
        page = await notices.of_volunteer(tx, book, her.holder, after=after)
        found += page.records
        if page.next is None:
            return await _told(tx, book, found)
        after = page.next


async def _own(tx: AsyncConnection, me: Principal, her: Volunteer, record_id: UUID) -> Record:
    of = await record.get(tx, me.book_id, record_id)
    if of.holder != her.holder:
        raise UnknownRecord(str(record_id))
    return of


async def _told(
    tx: AsyncConnection, book: int, found: Iterable[Record], raised: dict[UUID, list[Objection]] | None = None
) -> list[Hour]:
    """These records with names, turns and sentences."""
    of = list(found)
    rulebook = await rule_sets.in_force(tx, book)
    today = day_of(await connect.now(tx))
    named = await organisations.find_many(
        tx, book, {code for each in of for code in (each.organisation, each.review_by)}
    )
    return [
        _hour(
            each,
            {code: one.name for code, one in named.items()},
            rulebook,
            (raised or {}).get(each.record_id, ()),
            today,
        )
        for each in of
    ]


def _hour(of: Record, names: dict[str, str], rulebook: Rulebook, raised: Collection[Objection], today: date) -> Hour:
    turn = notices.whose_turn(of, next((each for each in raised if each.upheld is None), None))
    hers = any(each.holder == of.holder for each in raised)
    return Hour(
        record=of,
        organisation=names.get(of.organisation, of.organisation),
        turn=turn,
        turn_of=None if turn.organisation is None else names.get(turn.organisation, turn.organisation),
        why=why(of, rulebook),
        raised=tuple(raised),
        may_object=turn.who == "notice" and not hers and (turn.until is None or turn.until >= today),
        overdue=turn.overdue(today),
    )


# --- as answers show it -----------------------------------------------------------------------------------------------


class HourTurn(msgspec.Struct, frozen=True):
    """Who acts next, and until when: `nobody` at the end. `organisation`: whose staff, by name."""

    who: Who
    organisation: str | None
    until: date | None
    overdue: bool


class WhyView(msgspec.Struct, frozen=True):
    """In one sentence, how it came to these points."""

    zh: str
    en: str


class HourView(msgspec.Struct, frozen=True):
    """A service record of hers. `points`, `why`, `rule_set` are null until the rules have decided; acts may have no
    minutes. `reason`: why it was refused or corrected. `may_object`: she herself, now."""

    id: UUID
    record: str
    organisation: str
    organisation_name: str
    activity: str
    category: str
    item: str | None
    day: date
    minutes: int
    record_class: RecordClass = msgspec.field(name="class")
    state: State
    turn: HourTurn
    points: int | None
    why: WhyView | None
    rule_set: int | None
    notice_until: date | None
    reason: str | None
    may_object: bool


def view(each: Hour) -> HourView:
    """A record as its volunteer reads it."""
    of = each.record
    return HourView(
        id=of.record_id,
        record=of.record,
        organisation=of.organisation,
        organisation_name=each.organisation,
        activity=of.activity_name,
        category=of.category,
        item=of.item,
        day=of.served_on,
        minutes=of.minutes,
        record_class=of.record_class,
        state=of.state,
        turn=HourTurn(each.turn.who, each.turn_of, each.turn.until, each.overdue),
        points=of.points,
        why=why_view(each.why),
        rule_set=of.rule_set,
        notice_until=of.notice_until,
        reason=of.reason,
        may_object=each.may_object,
    )


def why_view(sentence: Why | None) -> WhyView | None:
    """The sentence as answers show it."""
    return None if sentence is None else WhyView(sentence.zh, sentence.en)
