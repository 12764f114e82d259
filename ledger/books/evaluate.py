"""What a batch of proposed transactions does to the books, as a pure function: no database, no clock, no chance.

`evaluate` takes the states of the accounts as they stand under lock and decides each proposal in its turn, each seeing
those accepted before it: posted, answered from its key, or refused with the reason. It is the only place where a
posting is decided; the database guards the same rules a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from ledger.books import lots
from ledger.books.chart import DEBIT_NORMAL, KEEPS_LOTS, balance_of
from ledger.books.keys import ROOM, Used
from ledger.books.lots import Change, Lot, Move, NewLot, Reach, Shelves, Taking
from ledger.books.proposals import Line, Proposal, Side, malformed
from ledger.days import day_of
from ledger.errors import (
    AboveHold,
    AccountClosed,
    AccountFrozen,
    AlreadyRefunded,
    AlreadyReversed,
    AmountOutOfRange,
    CannotHold,
    CannotReverse,
    EffectiveDayOutOfRange,
    HoldEnded,
    HoldExpired,
    IdempotencyConflict,
    InsufficientBalance,
    Malformed,
    PeriodClosed,
    RefundTooLarge,
    Refusal,
    StateRefusal,
    Unbalanced,
    UnitMismatch,
    UnknownAccount,
    UnknownHold,
    UnknownTransaction,
)

LARGEST_TOTAL: Final = 2**63 - 1
"""The largest total of debits or credits that an account can hold (BIGINT)."""
NEVER_CLOSES: Final = "HR"
"""Hours are always entered after the day they were served on."""


class AccountState(NamedTuple):
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
    kind: str | None = None
    lots: tuple[Lot, ...] = ()
    """Those that are open, if it keeps lots, and those to which something may be given back."""

    @property
    def balance(self) -> int:
        """On the account's normal side."""
        return balance_of(self.account_class, self.debits, self.credits)


class HoldState(NamedTuple):
    """A hold as it stands: `account` and `held_account` by code; `ending` None while nobody has ended it."""

    hold_id: UUID
    account: str
    held_account: str
    amount: int
    expires_at: datetime
    ending: str | None = None
    ended_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What the books hold that this batch can touch, read under lock. `now` is the time in force."""

    now: datetime
    first_day: date
    accounts: Mapping[str, AccountState]
    keys: Mapping[tuple[str, str], Used]
    reversed: frozenset[UUID]
    """Those of the transactions to be corrected that have been reversed."""
    closed_through: date | None = None
    taken_back: Mapping[UUID, Mapping[str, tuple[int, int]]] = field(default_factory=dict)
    """Of the transactions to be corrected, per unit: the debits, and how much of them refunds and clawbacks took."""
    holds: Mapping[UUID, HoldState] = field(default_factory=dict)
    takings: Mapping[tuple[UUID, int], Sequence[Taking]] = field(default_factory=dict)
    returned: Mapping[tuple[UUID, int], int] = field(default_factory=dict)
    """What the transactions to be corrected and the holds to be ended took of lots, by (transaction, account)."""


class Entry(NamedTuple):
    """One entry of an account: its `number` there, without gaps, and the balance on the normal side after it."""

    account: str
    account_id: int
    unit: str
    side: Side
    amount: int
    number: int
    balance_after: int


class Transaction(NamedTuple):
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


class Posted(NamedTuple):
    """Posted now (`transaction` is whole), or earlier under the same key (then only its id is known here)."""

    transaction_id: UUID
    transaction: Transaction | None
    replayed: bool = False


class Refused(NamedTuple):
    """Refused now, or earlier under the same key (`replayed`)."""

    refusal: Refusal
    replayed: bool = False


Outcome = Posted | Refused


class NewHold(NamedTuple):
    """A hold to be stored, under the id of the transaction that posted it."""

    hold_id: UUID
    account_id: int
    held_account_id: int
    amount: int
    expires_at: datetime


class EndedHold(NamedTuple):
    """The end of a hold, to be stored."""

    hold_id: UUID
    ending: str
    ended_by: UUID


@dataclass(slots=True)
class Evaluation:
    """The outcomes in the order of the proposals, and what has to be written."""

    recorded_at: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    keys: list[tuple[str, str, Used]] = field(default_factory=list)
    lots: list[NewLot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    holds: list[NewHold] = field(default_factory=list)
    ended: list[EndedHold] = field(default_factory=list)


def evaluate(
    state: State,
    proposals: Sequence[Proposal],
    ids: Iterable[UUID],
    faults: Sequence[Malformed | None] | None = None,
) -> Evaluation:
    """Decides the proposals one after another; `ids` are the numbers that their transactions get if posted.

    `faults`: what `malformed` said of each, if it has been asked already.

    Holds that have run out on the accounts at hand are given back first. The order of checks is the contract's: shape,
    key, account, unit, balance per unit, effective day, period, status, what is corrected or ended, floor (net per
    account). A refusal leaves no trace but, if it was decided on state, its outcome under its key.
    """
    books = _books(state)
    result = Evaluation(books.now, lots=books.shelves.made, moves=books.shelves.moves)
    used = dict(state.keys)
    numbers = iter(ids)
    if books.holds:
        for lapse in _lapses(books):
            _post(lapse, next(numbers), books, result, used)
    for proposal, fault in zip(proposals, faults or map(malformed, proposals), strict=True):
        number = next(numbers)
        outcome = Refused(fault) if fault is not None else _known(proposal, used)
        result.outcomes.append(outcome or _post(proposal, number, books, result, used))
    return result


def lapse(hold_id: UUID) -> Proposal:
    """What gives back a hold whose time is over; whoever locks its wallet next posts it, under the same key."""
    return Proposal(
        client=ROOM,
        key=f"lapse:{hold_id}",
        call="lapse",
        kind="hold.lapse",
        effective_at=None,
        lines=(),
        actor=ROOM,
        keep_refusal=False,  # on an account that is frozen or closed it is tried again another time
        ends=hold_id,
        ending="lapse",
    )


# --- the books as they are moved on, proposal by proposal ------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Account:
    """An account on its way through the batch."""

    account_id: int
    code: str
    debit_normal: bool
    unit: str
    floor: int | None
    status: str
    debits: int
    credits: int
    number: int
    kind: str | None
    keeps_lots: bool
    balance: int
    """On the account's normal side."""


@dataclass(slots=True)
class _Books:
    """The state of the batch so far."""

    now: datetime
    today: date
    first_day: date
    closed_through: date | None
    accounts: dict[str, _Account]
    reversed: set[UUID]
    taken_back: dict[UUID, dict[str, tuple[int, int]]]
    holds: dict[UUID, HoldState]
    shelves: Shelves


_Leg = tuple[_Account, Side, int, "date | None"]
"""An entry to come: account, side, amount, and when what it credits lapses."""

_Before = tuple[int, int, int, int]
"""What an account was before a transaction: debits, credits, last number, balance."""


def _books(state: State) -> _Books:
    now = state.now
    accounts = {}
    shelves: dict[int, dict[tuple[int, int], Lot]] = {}
    for account in state.accounts.values():
        # Recorded times rise with the entry numbers, whatever the server's clock does.
        if account.recorded_at is not None and account.recorded_at > now:
            now = account.recorded_at
        keeps_lots = account.kind in KEEPS_LOTS
        if keeps_lots:
            shelves[account.account_id] = {(lot.number, lot.part): lot for lot in account.lots}
        accounts[account.code] = _Account(
            account.account_id,
            account.code,
            account.account_class in DEBIT_NORMAL,
            account.unit,
            account.floor,
            account.status,
            account.debits,
            account.credits,
            account.number,
            account.kind,
            keeps_lots,
            account.balance,
        )
    return _Books(
        now,
        day_of(now),
        state.first_day,
        state.closed_through,
        accounts,
        set(state.reversed),
        {transaction_id: dict(units) for transaction_id, units in state.taken_back.items()},
        dict(state.holds),
        Shelves(shelves, {key: list(taken) for key, taken in state.takings.items()}, dict(state.returned)),
    )


def _lapses(books: _Books) -> list[Proposal]:
    """What gives back the holds whose time is over."""
    over = [hold for hold in books.holds.values() if hold.ending is None and hold.expires_at <= books.now]
    over.sort(key=lambda hold: (hold.expires_at, hold.hold_id))
    return [
        lapse(hold.hold_id)._replace(
            effective_at=None if _is_closed(books, day_of(hold.expires_at)) else hold.expires_at
        )
        for hold in over
    ]


def _is_closed(books: _Books, day: date) -> bool:
    return books.closed_through is not None and day <= books.closed_through


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


def _post(
    proposal: Proposal,
    transaction_id: UUID,
    books: _Books,
    result: Evaluation,
    used: dict[tuple[str, str], Used],
) -> Outcome:
    """Decides one proposal and notes what has to be written of it."""
    decided = _decide(proposal, transaction_id, books, result)
    outcome: Outcome
    stored: Used | None = None
    if isinstance(decided, Transaction):
        outcome = Posted(transaction_id, decided)
        result.transactions.append(decided)
        stored = Used(proposal.call, transaction_id, None)
    else:
        outcome = Refused(decided)
        if isinstance(decided, StateRefusal) and proposal.keep_refusal:
            stored = Used(proposal.call, None, decided)
    if stored is not None:
        used[proposal.client, proposal.key] = stored
        result.keys.append((proposal.client, proposal.key, stored))
    return outcome


def _decide(proposal: Proposal, transaction_id: UUID, books: _Books, result: Evaluation) -> Transaction | Refusal:
    """The transaction, with the books moved on to their new states; or why not, with the books as they were."""
    lines: Sequence[Line] = proposal.lines
    if proposal.ends is not None:
        given = _lines_of_end(proposal, books)
        if isinstance(given, Refusal):
            return given
        lines = given
    accounts = []
    for line in lines:
        account = books.accounts.get(line.account)
        if account is None:
            return UnknownAccount(line.account)
        if line.overflow is not None and line.overflow not in books.accounts:
            return UnknownAccount(line.overflow)
        accounts.append(account)
    if proposal.hold_for is not None and (accounts[0].kind != "wallet" or accounts[1].kind != "wallet_held"):
        return CannotHold(accounts[0].code)
    if (refusal := _unbalanced(lines, accounts, books)) is not None:
        return refusal

    effective_at = proposal.effective_at or books.now
    day = books.today if effective_at is books.now else day_of(effective_at)
    binding = books.closed_through is not None and any(account.unit != NEVER_CLOSES for account in accounts)
    if proposal.correction == "reversal" and binding and _is_closed(books, day):
        effective_at, day = books.now, books.today
    if not books.first_day <= day <= books.today:
        return EffectiveDayOutOfRange(day, books.first_day, books.today)
    if binding and books.closed_through is not None and day <= books.closed_through:
        return PeriodClosed(day, books.closed_through)
    for account in accounts:
        if account.status != "open":
            return _not_open(account)
    legs = _legs(proposal, lines, accounts, books)
    if isinstance(legs, Refusal):
        return legs
    if (proposal.corrects or proposal.ends) and (refusal := _out_of_turn(proposal, books)) is not None:
        return refusal
    before: dict[_Account, _Before] = {}
    entries = []
    for account, side, amount, _ in legs:
        if account not in before:
            before[account] = (account.debits, account.credits, account.number, account.balance)
        account.number += 1
        if side == "debit":
            account.debits += amount
        else:
            account.credits += amount
        account.balance += amount if (side == "debit") == account.debit_normal else -amount
        entries.append(
            Entry(account.code, account.account_id, account.unit, side, amount, account.number, account.balance)
        )
    if (refusal := _beyond(before, proposal, books)) is not None:
        for account, was in before.items():
            account.debits, account.credits, account.number, account.balance = was
        return refusal

    # Nothing can go wrong any more.
    if books.shelves.lots and any(account.keeps_lots for account in before):
        _move_lots(proposal, transaction_id, legs, before, books)
    if proposal.hold_for is not None:
        amount = lines[0].amount
        wallet, held = accounts[0], accounts[1]
        expires_at = books.now + proposal.hold_for
        result.holds.append(NewHold(transaction_id, wallet.account_id, held.account_id, amount, expires_at))
        books.holds[transaction_id] = HoldState(transaction_id, wallet.code, held.code, amount, expires_at)
    if proposal.ends is not None and proposal.ending is not None:
        result.ended.append(EndedHold(proposal.ends, proposal.ending, transaction_id))
        hold = books.holds[proposal.ends]
        books.holds[proposal.ends] = hold._replace(ending=proposal.ending, ended_by=transaction_id)
    if proposal.correction == "reversal" and proposal.corrects is not None:
        books.reversed.add(proposal.corrects)
    elif proposal.corrects is not None:
        units = books.taken_back.setdefault(proposal.corrects, {})
        for unit, debits in _debits(entries).items():
            original, back = units.get(unit, (0, 0))
            units[unit] = (original, back + debits)
    return Transaction(
        transaction_id,
        proposal.kind,
        proposal.description,
        effective_at,
        day,
        books.now,
        proposal.client,
        proposal.key,
        proposal.actor,
        proposal.approver,
        proposal.request_id,
        proposal.correction,
        proposal.corrects,
        tuple(entries),
    )


def _lines_of_end(proposal: Proposal, books: _Books) -> Sequence[Line] | Refusal:
    """What ending a hold moves: what is captured to where it goes, the rest back to the wallet."""
    assert proposal.ends is not None, "asked only for the end of a hold"
    hold = books.holds.get(proposal.ends)
    if hold is None:
        return UnknownHold(proposal.ends)
    captured = 0
    if proposal.lines:
        captured = sum(line.amount if line.side == "credit" else -line.amount for line in proposal.lines)
    elif proposal.ending == "capture":
        captured = hold.amount if proposal.part is None else proposal.part
    if captured > hold.amount:
        return AboveHold(hold.hold_id, captured, hold.amount)
    lines = [Line(hold.held_account, "debit", hold.amount), *proposal.lines]
    if captured and proposal.to is not None:
        lines.append(Line(proposal.to, "credit", captured))
    if captured < hold.amount:
        lines.append(Line(hold.account, "credit", hold.amount - captured))
    return lines


def _unbalanced(lines: Sequence[Line], accounts: list[_Account], books: _Books) -> Refusal | None:
    """UnitMismatch or Unbalanced, if it is so."""
    debits: dict[str, int] = {}
    credits: dict[str, int] = {}
    for line, account in zip(lines, accounts, strict=True):
        unit = account.unit
        if line.unit is not None and line.unit != unit:
            return UnitMismatch(account.code, line.unit, unit)
        if line.overflow is not None and books.accounts[line.overflow].unit != unit:
            return UnitMismatch(line.overflow, unit, books.accounts[line.overflow].unit)
        sums = debits if line.side == "debit" else credits
        sums[unit] = sums.get(unit, 0) + line.amount
    if debits == credits:
        return None
    unit = next(unit for unit in {**debits, **credits} if debits.get(unit) != credits.get(unit))
    return Unbalanced(unit, debits.get(unit, 0), credits.get(unit, 0))


def _not_open(account: _Account) -> Refusal:
    return AccountClosed(account.code) if account.status == "closed" else AccountFrozen(account.code)


def _out_of_turn(proposal: Proposal, books: _Books) -> Refusal | None:
    """Why what is to be corrected cannot be any more, or the hold cannot be ended."""
    corrects = proposal.corrects
    if corrects is not None:
        if any(
            corrects == hold.hold_id or (corrects == hold.ended_by and hold.ending != "capture")
            for hold in books.holds.values()
        ):
            return CannotReverse(corrects)
        if corrects in books.reversed:
            return AlreadyReversed(corrects)
        units = books.taken_back.get(corrects, {})
        if proposal.correction == "reversal":
            if any(back for _, back in units.values()):
                return AlreadyRefunded(corrects)
        else:
            if not units:
                return UnknownTransaction(corrects)
            wanted: dict[str, int] = {}
            for line in proposal.lines:
                if line.side == "debit":
                    unit = books.accounts[line.account].unit
                    wanted[unit] = wanted.get(unit, 0) + line.amount
            for unit, amount in wanted.items():
                original, back = units.get(unit, (0, 0))
                if back + amount > original:
                    return RefundTooLarge(corrects, unit, original - back)
    if proposal.ends is not None:
        hold = books.holds[proposal.ends]
        if hold.ending in ("capture", "void"):
            return HoldEnded(hold.hold_id, "captured" if hold.ending == "capture" else "voided")
        if hold.ending is not None or (hold.expires_at <= books.now and proposal.ending != "lapse"):
            return HoldExpired(hold.hold_id, hold.expires_at)
    return None


def _legs(proposal: Proposal, lines: Sequence[Line], accounts: list[_Account], books: _Books) -> list[_Leg] | Refusal:
    """The entries to come: lines as they are, or split where an account cannot give all and names an overflow."""
    legs: list[_Leg] = []
    for line, account in zip(lines, accounts, strict=True):
        if line.overflow is None:
            legs.append((account, line.side, line.amount, line.lapses_on))
            continue
        here = _within(account, line, legs, proposal, books)
        if here:
            legs.append((account, line.side, here, line.lapses_on))
        if here < line.amount:
            over = books.accounts[line.overflow]
            if over.status != "open":
                return _not_open(over)
            legs.append((over, line.side, line.amount - here, None))
    return legs


def _within(account: _Account, line: Line, earlier: list[_Leg], proposal: Proposal, books: _Books) -> int:
    """How much of a line its account can give after the earlier ones without going below its floor."""
    if account.floor is None or (line.side == "debit") == account.debit_normal:
        return line.amount
    given = _available(account, proposal, books) if account.keeps_lots else account.balance
    for of, side, amount, _ in earlier:
        if of is account:
            given += amount if (side == "debit") == account.debit_normal else -amount
    return max(0, min(line.amount, given - account.floor))


def _beyond(before: Mapping[_Account, _Before], proposal: Proposal, books: _Books) -> Refusal | None:
    """Why the accounts cannot stand where a transaction has brought them."""
    for account in before:
        if account.debits > LARGEST_TOTAL or account.credits > LARGEST_TOTAL:
            return AmountOutOfRange(account.code)
    for account, (_, _, _, balance) in before.items():
        if account.floor is None:
            continue
        if account.keeps_lots:
            net = account.balance - balance
            if net < 0 and (available := _available(account, proposal, books)) + net < account.floor:
                return InsufficientBalance(account.code, available, account.floor)
        elif account.balance < account.floor:
            return InsufficientBalance(account.code, balance, account.floor)
    return None


def _debits(entries: Iterable[Entry]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for entry in entries:
        if entry.side == "debit":
            sums[entry.unit] = sums.get(entry.unit, 0) + entry.amount
    return sums


# --- lots ------------------------------------------------------------------------------------------------------------


def _available(account: _Account, proposal: Proposal, books: _Books) -> int:
    """What this proposal can take of an account that keeps lots."""
    shelf = books.shelves.lots[account.account_id]
    return lots.usable(shelf.values(), books.today, _reach(proposal, books))


def _reach(proposal: Proposal, books: _Books) -> Reach:
    """A correction takes first what came from what it corrects, the end of a hold what was held."""
    held = {hold.hold_id for hold in books.holds.values() if hold.ending is None} if books.holds else ()
    if proposal.ends is not None:
        return Reach(held, maker=proposal.ends)
    if proposal.correction in ("reversal", "clawback"):
        return Reach(held, proposal.corrects, proposal.corrects, proposal.moves, proposal.lapsed)
    return Reach(held, moves=proposal.moves, lapsed=proposal.lapsed)


def _move_lots(
    proposal: Proposal,
    transaction_id: UUID,
    legs: list[_Leg],
    before: Mapping[_Account, _Before],
    books: _Books,
) -> None:
    changes = []
    for account, (_, _, _, balance) in before.items():
        if account.keeps_lots:
            assert account.kind is not None, "accounts of the chart have a kind"
            credited = [
                (lapses_on, amount) for of, side, amount, lapses_on in legs if of is account and side == "credit"
            ]
            net = account.balance - balance
            changes.append(Change(account.account_id, account.kind, net, account.number, credited))
    giving_back: list[UUID] = []
    if proposal.ends is not None:
        giving_back.append(proposal.ends)
    elif proposal.correction in ("reversal", "refund") and proposal.corrects is not None:
        # What was captured had been taken from the wallet by the hold.
        giving_back += [h.hold_id for h in books.holds.values() if h.ended_by == proposal.corrects]
        giving_back.append(proposal.corrects)
    lots.settle(
        books.shelves,
        transaction_id,
        changes,
        books.today,
        _reach(proposal, books),
        giving_back,
        proposal.grace_days,
    )
