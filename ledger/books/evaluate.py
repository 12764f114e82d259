"""What a batch of proposed transactions does to the books, as a pure function: no database, no clock, no chance.

`evaluate` takes the states of the accounts as they stand under lock and decides each proposal in its turn, each seeing
those accepted before it: posted, answered from its key, or refused with the reason. It is the only place where a
posting is decided; the database guards the same rules a second time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final, Literal
from uuid import UUID

from ledger.books.chart import CODE, balance_of
from ledger.books.keys import CLIENT, KEY_LENGTH, Used
from ledger.days import day_of
from ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AlreadyReversed,
    AmountOutOfRange,
    EffectiveDayOutOfRange,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidField,
    Malformed,
    Refusal,
    StateRefusal,
    TooManyLines,
    Unbalanced,
    UnitMismatch,
    UnknownAccount,
)
from ledger.text import one_line

Side = Literal["debit", "credit"]
Correction = Literal["reversal", "refund", "clawback"]

MOST_LINES: Final = 400
MOST: Final = 10**15
"""The largest amount of a line."""
LARGEST_TOTAL: Final = 2**63 - 1
"""The largest total of debits or credits that an account can hold (BIGINT)."""
DESCRIPTION_LENGTH: Final = 500
KIND: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""Times that every time zone can express."""


@dataclass(frozen=True, slots=True)
class Line:
    """One leg: `amount` in the smallest unit of the account, 1 … 10^15. `unit`: what the caller takes it to be."""

    account: str
    side: Side
    amount: int
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A transaction that somebody wants posted. `call` is the identity of the call behind the key, opaque here.

    `keep_refusal`: a refusal decided on state is stored under the key; in imports it is only reported.
    """

    client: str
    key: str
    call: str
    kind: str
    effective_at: datetime
    lines: tuple[Line, ...]
    actor: str
    description: str = ""
    approver: str | None = None
    request_id: str | None = None
    correction: Correction | None = None
    corrects: UUID | None = None
    keep_refusal: bool = True


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account as it stands: totals in its smallest unit, the number and recording time of its last entry."""

    account_id: int
    code: str
    account_class: str
    unit: str
    floor: int | None
    status: str
    debits: int
    credits: int
    number: int
    recorded_at: datetime | None

    @property
    def balance(self) -> int:
        """On the account's normal side."""
        return balance_of(self.account_class, self.debits, self.credits)


@dataclass(frozen=True, slots=True)
class State:
    """What the books hold that this batch can touch, read under lock. `now` is the time in force."""

    now: datetime
    first_day: date
    accounts: Mapping[str, AccountState]
    keys: Mapping[tuple[str, str], Used]
    reversed: frozenset[UUID]
    """Those of the transactions to be reversed that already are."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an account: its `number` there, without gaps, and the balance on the normal side after it."""

    account: str
    account_id: int
    unit: str
    side: Side
    amount: int
    number: int
    balance_after: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """A posted transaction; `effective_on` is the day of `effective_at` in Asia/Shanghai."""

    transaction_id: UUID
    kind: str
    description: str
    effective_at: datetime
    effective_on: date
    recorded_at: datetime
    client: str
    key: str
    actor: str
    approver: str | None
    request_id: str | None
    correction: str | None
    corrects: UUID | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Posted:
    """Posted now (`transaction` is whole), or earlier under the same key (then only its id is known here)."""

    transaction_id: UUID
    transaction: Transaction | None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused now, or earlier under the same key (`replayed`)."""

    refusal: Refusal
    replayed: bool = False


Outcome = Posted | Refused


@dataclass(slots=True)
class Evaluation:
    """The outcomes in the order of the proposals, and what has to be written."""

    recorded_at: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    keys: list[tuple[str, str, Used]] = field(default_factory=list)


def evaluate(state: State, proposals: Sequence[Proposal], ids: Sequence[UUID]) -> Evaluation:
    """Decides the proposals one after another; `ids` are the numbers that their transactions get if posted.

    The order of checks is the contract's: shape, key, account, unit, balance per unit, effective day, status, floor
    (net per account). A refusal leaves no trace but, if it was decided on state, its outcome under its key.
    """
    recorded_at = max([state.now, *(a.recorded_at for a in state.accounts.values() if a.recorded_at is not None)])
    result = Evaluation(recorded_at)
    accounts = dict(state.accounts)
    used = dict(state.keys)
    reversed_ones = set(state.reversed)
    for proposal, transaction_id in zip(proposals, ids, strict=True):
        fault = malformed(proposal)
        outcome = Refused(fault) if fault is not None else _known(proposal, used)
        if outcome is None:
            decided = _decide(proposal, transaction_id, accounts, reversed_ones, state.first_day, recorded_at)
            if isinstance(decided, Transaction):
                outcome = Posted(transaction_id, decided)
                result.transactions.append(decided)
                stored: Used | None = Used(proposal.call, transaction_id, None)
                if proposal.correction == "reversal" and proposal.corrects is not None:
                    reversed_ones.add(proposal.corrects)
            else:
                outcome = Refused(decided)
                stored = None
                if isinstance(decided, StateRefusal) and proposal.keep_refusal:
                    stored = Used(proposal.call, None, decided)
            if stored is not None:
                used[proposal.client, proposal.key] = stored
                result.keys.append((proposal.client, proposal.key, stored))
        result.outcomes.append(outcome)
    return result


def malformed(proposal: Proposal) -> Malformed | None:
    """What can be seen to be wrong from the proposal alone: its shape."""
    if not one_line(proposal.key, least=1, most=KEY_LENGTH):
        return InvalidField("key", "not_a_key")
    if not CLIENT.fullmatch(proposal.client):
        return InvalidField("client", "not_a_client")
    if not KIND.fullmatch(proposal.kind):
        return InvalidField("kind", "not_a_kind")
    if not one_line(proposal.description, least=0, most=DESCRIPTION_LENGTH):
        return InvalidField("description", "not_one_line")
    if not EARLIEST <= proposal.effective_at <= LATEST:
        return InvalidField("effective_at", "out_of_range")
    if len(proposal.lines) < 2:
        return InvalidField("lines", "too_few")
    if len(proposal.lines) > MOST_LINES:
        return TooManyLines(len(proposal.lines), MOST_LINES)
    for index, line in enumerate(proposal.lines):
        if not CODE.fullmatch(line.account):
            return InvalidField(f"lines[{index}].account", "not_an_account_code")
        if not 1 <= line.amount <= MOST:
            return InvalidField(f"lines[{index}].amount", "out_of_range")
    return None


def _known(proposal: Proposal, used: Mapping[tuple[str, str], Used]) -> Outcome | None:
    """The outcome that the key already stands for."""
    earlier = used.get((proposal.client, proposal.key))
    if earlier is None:
        return None
    if earlier.call != proposal.call:
        return Refused(IdempotencyConflict(proposal.key, earlier.call, proposal.call))
    if earlier.refusal is not None:
        return Refused(earlier.refusal, replayed=True)
    assert earlier.transaction_id is not None, "a used key has an outcome"
    return Posted(earlier.transaction_id, None, replayed=True)


def _decide(
    proposal: Proposal,
    transaction_id: UUID,
    accounts: dict[str, AccountState],
    reversed_ones: set[UUID],
    first_day: date,
    recorded_at: datetime,
) -> Transaction | Refusal:
    """The transaction, with `accounts` moved on to their new states; or why not, with `accounts` as they were."""
    sums: dict[str, list[int]] = {}
    for line in proposal.lines:
        if line.account not in accounts:
            return UnknownAccount(line.account)
    for line in proposal.lines:
        unit = accounts[line.account].unit
        if line.unit not in (None, unit):
            return UnitMismatch(line.account, line.unit or "", unit)
        sums.setdefault(unit, [0, 0])[line.side == "credit"] += line.amount
    for unit, (debits, credits) in sums.items():
        if debits != credits:
            return Unbalanced(unit, debits, credits)
    day, today = day_of(proposal.effective_at), day_of(recorded_at)
    if not first_day <= day <= today:
        return EffectiveDayOutOfRange(day, first_day, today)

    moved: dict[str, AccountState] = {}
    entries = []
    for line in proposal.lines:
        before = moved.get(line.account) or accounts[line.account]
        if before.status == "closed":
            return AccountClosed(line.account)
        if before.status == "frozen":
            return AccountFrozen(line.account)
        after = replace(
            before,
            debits=before.debits + (line.amount if line.side == "debit" else 0),
            credits=before.credits + (line.amount if line.side == "credit" else 0),
            number=before.number + 1,
            recorded_at=recorded_at,
        )
        if max(after.debits, after.credits) > LARGEST_TOTAL:
            return AmountOutOfRange(line.account)
        moved[line.account] = after
        entries.append(
            Entry(line.account, after.account_id, after.unit, line.side, line.amount, after.number, after.balance)
        )
    if proposal.correction == "reversal" and proposal.corrects is not None and proposal.corrects in reversed_ones:
        return AlreadyReversed(proposal.corrects)
    for code, after in moved.items():
        if after.floor is not None and after.balance < after.floor:
            return InsufficientBalance(code, accounts[code].balance, after.floor)
    accounts.update(moved)
    return Transaction(
        transaction_id,
        proposal.kind,
        proposal.description,
        proposal.effective_at,
        day,
        recorded_at,
        proposal.client,
        proposal.key,
        proposal.actor,
        proposal.approver,
        proposal.request_id,
        proposal.correction,
        proposal.corrects,
        tuple(entries),
    )
