"""Cases: what a volunteer says was not redeemed by her (不是我兑换的), and how two people decide it.

What is left of the redemption goes to the shop's disputed account at once, and stays there until one person has
proposed a decision and another one has agreed. A case is opened and decided under the redemption's row, so that a
refund at the same time has one outcome with it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Uuid, any_, exists, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.books import chart
from ledger.books.chart import NewAccount
from ledger.books.proposals import Line, Proposal
from ledger.days import day_of
from ledger.earning.tables import organisations
from ledger.errors import (
    AlreadyDecided,
    AlreadyProposed,
    InvalidField,
    NotDisputable,
    NotProposed,
    RedemptionDisputed,
    SecondPersonNeeded,
    TooLateToDispute,
    UnknownCase,
    UnknownRedemption,
)
from ledger.spending import alarms, postings
from ledger.spending.policy import Policy
from ledger.spending.tables import cases, outlets, redemptions, refunds, vouchers
from ledger.text import one_line

WALLET: Final = "2100"
PAYABLE: Final = "2300"
DISPUTED: Final = "2310"

REASON_LENGTHS: Final = (4, 200)
WORDS: Final = 200
"""How long what either side says may be."""


@dataclass(frozen=True, slots=True)
class Case:
    """A redemption that somebody says was not hers. `upheld` None: it is open.

    `line`: of the outlet's organisation, from itself to the top. `points`: what was moved to the disputed account.
    `words`: what she says; `answer`: what the shop says. `proposed`: what the first person would decide, and why.
    """

    case_id: UUID
    redemption_id: UUID
    outlet: str
    outlet_name: str
    line: tuple[str, ...]
    holder: str
    clerk: str | None
    agent: str | None
    day: date
    points: int
    words: str
    opened_by: str
    opened_at: datetime
    transaction_id: UUID | None
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    proposed: bool | None
    proposed_by: str | None
    proposed_at: datetime | None
    reason: str | None
    upheld: bool | None
    decided_by: str | None
    decided_at: datetime | None
    decision_transaction: UUID | None


async def open_for(tx: AsyncConnection, book: int, redemption_id: UUID) -> bool:
    """Whether somebody disputes a redemption and nobody has decided, or it was upheld: then the shop undoes nothing.

    The caller holds the redemption's row, under which cases are opened and decided.
    """
    found = exists().where(
        cases.c.book_id == book, cases.c.redemption_id == redemption_id, cases.c.upheld.is_not(False)
    )
    return bool((await tx.execute(select(found))).scalar_one())


async def among(tx: AsyncConnection, book: int, redemption_ids: Collection[UUID]) -> dict[UUID, bool | None]:
    """Those of these redemptions that have been disputed, each with the decision; None: nobody has decided."""
    if not redemption_ids:
        return {}
    asked = cases.c.redemption_id == any_(literal(sorted(redemption_ids), ARRAY(Uuid)))
    rows = await tx.execute(select(cases.c.redemption_id, cases.c.upheld).where(cases.c.book_id == book, asked))
    return {row.redemption_id: row.upheld for row in rows}


async def dispute(
    tx: AsyncConnection,
    book: int,
    holder: str,
    redemption_id: UUID,
    *,
    by: str,
    now: datetime,
    policy: Policy,
    words: str = "",
) -> Case:
    """She says that she has not redeemed this: what is left of it goes to the shop's disputed account.

    Once, and for some days after it. What cost nothing is a case without a posting. InvalidField, UnknownRedemption
    (also of somebody else's), NotDisputable, RedemptionDisputed, TooLateToDispute, and what the books refuse.
    """
    if not one_line(words, least=0, most=WORDS):
        raise InvalidField("words", "not_one_line")
    hers = await _locked(tx, book, redemption_id)
    if hers.holder != holder:
        raise UnknownRedemption(redemption_id)
    of_it = exists().where(cases.c.book_id == book, cases.c.redemption_id == redemption_id)
    if (await tx.execute(select(of_it))).scalar_one():
        raise RedemptionDisputed
    if hers.status != "done":
        raise NotDisputable(hers.status)
    left = hers.points - hers.refunded
    if hers.points and not left:
        raise NotDisputable("refunded")
    if (day_of(now) - hers.day).days > policy.dispute_days:
        raise TooLateToDispute(policy.dispute_days)
    case_id = next(identifiers.rising(now))
    moved = await _post(
        *(tx, book, case_id, "dispute", left),
        debit=f"{PAYABLE}.{hers.outlet}",
        credit=f"{DISPUTED}.{hers.outlet}",
        actor=by,
    )
    await tx.execute(
        insert(cases).values(
            book_id=book,
            case_id=case_id,
            redemption_id=redemption_id,
            points=left,
            words=words,
            opened_by=by,
            opened_at=now,
            transaction_id=moved,
        )
    )
    await alarms.raise_(
        *(tx, book, "disputed", hers.outlet),
        now=now,
        till=hers.till,
        holder=holder,
        redemption_id=redemption_id,
        facts={"points": left},
    )
    return await find(tx, book, case_id)


async def answer(tx: AsyncConnection, book: int, case_id: UUID, text: str, *, by: str, now: datetime) -> Case:
    """Notes what the shop says; a later answer replaces it. InvalidField, UnknownCase, AlreadyDecided."""
    if not one_line(text, least=1, most=WORDS):
        raise InvalidField("answer", "not_one_line")
    await _open(tx, book, case_id)
    await _change(tx, book, case_id, answer=text, answered_by=by, answered_at=now)
    return await find(tx, book, case_id)


async def propose(
    tx: AsyncConnection,
    book: int,
    case_id: UUID,
    upheld: bool,
    reason: str,
    *,
    by: str,
    holder: str | None,
    now: datetime,
) -> Case:
    """The first of two people says how to decide a case, and why; until the second has agreed she may say otherwise.

    `holder`: her own, if she is a volunteer. Who redeemed, sold or opened the case is not asked: SecondPersonNeeded.
    InvalidField, UnknownCase, AlreadyDecided, AlreadyProposed (by somebody else).
    """
    reason = reason.strip()
    if not one_line(reason, least=REASON_LENGTHS[0], most=REASON_LENGTHS[1]):
        raise InvalidField("reason", "not_a_reason")
    case = await _open(tx, book, case_id)
    if involved(case, by, holder):
        raise SecondPersonNeeded
    if case.proposed_by not in (None, by):
        raise AlreadyProposed
    await _change(tx, book, case_id, proposed=upheld, proposed_by=by, proposed_at=now, reason=reason)
    return await find(tx, book, case_id)


async def decide(
    tx: AsyncConnection, book: int, case_id: UUID, agree: bool, *, by: str, holder: str | None, now: datetime
) -> Case:
    """The second person agrees, and it is decided; or disagrees, and the proposal is gone.

    Upheld, she gets her points back in the lots that they came from (a refund of the redemption); rejected, they are
    owed to the shop again. UnknownCase, AlreadyDecided, NotProposed, SecondPersonNeeded, and what the books refuse.
    """
    case = await _open(tx, book, case_id)
    if case.proposed is None or case.proposed_by is None:
        raise NotProposed
    if by == case.proposed_by or involved(case, by, holder):
        raise SecondPersonNeeded
    if not agree:
        await _change(tx, book, case_id, proposed=None, proposed_by=None, proposed_at=None, reason=None)
        return await find(tx, book, case_id)
    disputed, given = f"{DISPUTED}.{case.outlet}", f"{WALLET}.{case.holder}"
    moved = await _post(
        *(tx, book, case_id, "upheld" if case.proposed else "rejected", case.points),
        debit=disputed,
        credit=given if case.proposed else f"{PAYABLE}.{case.outlet}",
        actor=case.proposed_by,
        approver=by,
        refunds=await _paid_by(tx, book, case.redemption_id) if case.proposed else None,
    )
    await _change(tx, book, case_id, upheld=case.proposed, decided_by=by, decided_at=now, decision_transaction=moved)
    if case.proposed and moved is not None:
        await _give_back(tx, book, case, moved, by, now)
    return await find(tx, book, case_id)


def involved(case: Case, by: str, holder: str | None) -> bool:
    """Whether somebody (`holder`: her own, if she is a volunteer) had a hand in what the case is about."""
    return by in (case.opened_by, case.clerk) or (holder is not None and holder in (case.holder, case.agent))


# --- reading ----------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, case_id: UUID) -> Case:
    """One case; UnknownCase."""
    row = (await tx.execute(_of_book(book).where(cases.c.case_id == case_id))).one_or_none()
    if row is None:
        raise UnknownCase(case_id)
    return _case(row)


async def of_redemption(tx: AsyncConnection, book: int, redemption_id: UUID) -> Case | None:
    """The case about a redemption, if there has been one."""
    row = (await tx.execute(_of_book(book).where(cases.c.redemption_id == redemption_id))).one_or_none()
    return None if row is None else _case(row)


State = Literal["open", "decided"]


async def listed(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    state: State | None = None,
    after: UUID | None = None,
    limit: int = 200,
) -> list[Case]:
    """Cases, the newest first, after another one. `within`: at outlets of these organisations or of those below them.

    UnknownCase.
    """
    found = _within(_of_book(book), within).order_by(cases.c.opened_at.desc(), cases.c.case_id.desc()).limit(limit)
    if state is not None:
        found = found.where(cases.c.upheld.is_(None) == (state == "open"))
    if after is not None:
        last = await find(tx, book, after)
        found = found.where(
            or_(cases.c.opened_at < last.opened_at, (cases.c.opened_at == last.opened_at) & (cases.c.case_id < after))
        )
    return [_case(row) for row in await tx.execute(found)]


def _of_book(book: int) -> Any:
    return (
        select(
            cases.c.case_id,
            cases.c.redemption_id,
            redemptions.c.outlet,
            outlets.c.name,
            organisations.c.line,
            redemptions.c.holder,
            redemptions.c.clerk,
            redemptions.c.agent,
            redemptions.c.day,
            cases.c.points,
            cases.c.words,
            cases.c.opened_by,
            cases.c.opened_at,
            cases.c.transaction_id,
            cases.c.answer,
            cases.c.answered_by,
            cases.c.answered_at,
            cases.c.proposed,
            cases.c.proposed_by,
            cases.c.proposed_at,
            cases.c.reason,
            cases.c.upheld,
            cases.c.decided_by,
            cases.c.decided_at,
            cases.c.decision_transaction,
        )
        .join(redemptions, (redemptions.c.book_id == book) & (redemptions.c.redemption_id == cases.c.redemption_id))
        .join(outlets, (outlets.c.book_id == book) & (outlets.c.outlet == redemptions.c.outlet))
        .join(organisations, (organisations.c.book_id == book) & (organisations.c.code == outlets.c.organisation))
        .where(cases.c.book_id == book)
    )


def _within(found: Any, within: Collection[str] | None) -> Any:
    if within is None:
        return found
    return found.where(organisations.c.line.overlap(literal(sorted(within), ARRAY(TEXT))))


def _case(row: Any) -> Case:
    case_id, redemption_id, outlet, name, line, *rest = row
    return Case(case_id, redemption_id, outlet, name, tuple(line), *rest)


# --- one step at a time -----------------------------------------------------------------------------------------------


async def _locked(tx: AsyncConnection, book: int, redemption_id: UUID) -> Any:
    row = (
        await tx.execute(
            select(
                redemptions.c.outlet,
                redemptions.c.till,
                redemptions.c.holder,
                redemptions.c.status,
                redemptions.c.points,
                redemptions.c.refunded,
                redemptions.c.day,
            )
            .where(redemptions.c.book_id == book, redemptions.c.redemption_id == redemption_id)
            .with_for_update(key_share=True)
        )
    ).one_or_none()
    if row is None:
        raise UnknownRedemption(redemption_id)
    return row


async def _open(tx: AsyncConnection, book: int, case_id: UUID) -> Case:
    """A case that is open, after its redemption's row has been locked. UnknownCase, AlreadyDecided."""
    await _locked(tx, book, (await find(tx, book, case_id)).redemption_id)
    case = await find(tx, book, case_id)
    if case.upheld is not None:
        raise AlreadyDecided
    return case


async def _change(tx: AsyncConnection, book: int, case_id: UUID, **values: Any) -> None:
    await tx.execute(update(cases).where(cases.c.book_id == book, cases.c.case_id == case_id).values(**values))


async def _post(
    tx: AsyncConnection,
    book: int,
    case_id: UUID,
    step: str,
    points: int,
    *,
    debit: str,
    credit: str,
    actor: str,
    approver: str | None = None,
    refunds: UUID | None = None,
) -> UUID | None:
    """Posts a step of a case; None where it is about no points."""
    if not points:
        return None
    names = {PAYABLE: "应付商户", DISPUTED: "争议款项"}
    await chart.open_missing(
        tx,
        book,
        [
            NewAccount(code, names[code[:4]], "liability", "PT")
            for code in (debit, credit)
            if not code.startswith(WALLET)
        ],
    )
    proposal = Proposal(
        client=postings.CLIENT,
        key=f"case:{case_id}/{step}",
        call=f"{step} {case_id}",
        kind=f"spend.{step}",
        effective_at=None,
        lines=(Line(debit, "debit", points), Line(credit, "credit", points)),
        actor=actor,
        approver=approver,
        keep_refusal=False,
        correction=None if refunds is None else "refund",
        corrects=refunds,
    )
    [posted] = await postings.post_all(tx, book, [proposal])
    return posted


async def _paid_by(tx: AsyncConnection, book: int, redemption_id: UUID) -> UUID | None:
    """The posting that took the points out of her wallet: the redemption's, or that which bought its voucher."""
    row = (
        await tx.execute(
            select(redemptions.c.transaction_id, vouchers.c.transaction_id.label("bought"))
            .outerjoin(vouchers, (vouchers.c.book_id == book) & (vouchers.c.voucher_id == redemptions.c.voucher_id))
            .where(redemptions.c.book_id == book, redemptions.c.redemption_id == redemption_id)
        )
    ).one()
    paid: UUID | None = row.bought or row.transaction_id
    return paid


async def _give_back(tx: AsyncConnection, book: int, case: Case, moved: UUID, by: str, now: datetime) -> None:
    await tx.execute(
        update(redemptions)
        .where(redemptions.c.book_id == book, redemptions.c.redemption_id == case.redemption_id)
        .values(refunded=redemptions.c.refunded + case.points)
    )
    await tx.execute(
        insert(refunds).values(
            book_id=book,
            refund_id=next(identifiers.rising(now)),
            redemption_id=case.redemption_id,
            kind="case",
            points=case.points,
            lines=[],
            transaction_id=moved,
            made_by=by,
            made_at=now,
        )
    )
