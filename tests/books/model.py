"""What the books must do, said once more in plain Python: written from the specification, not from the engine.

Lists and dictionaries, everything summed anew each time, nothing clever. It speaks the engine's `Proposal` and names
refusals by their class, and it knows what the engine knows: the calls, the time in force, and the numbers that the
engine gave to its transactions.

    books = Model(now)
    books.open("2100.a", "liability", "PT")
    books.submit([proposal], [transaction_id])
    books.balance("2100.a"), books.available("2100.a"), books.entries_of("2100.a")
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from ledger.books.proposals import Line, Proposal

DEBIT_NORMAL = {"asset", "expense", "memo_debit"}
WITH_LOTS = {"2100", "2110", "2120", "2130", "2140", "2160", "2200"}
KEEPS_EXPIRY = {"2100", "2120", "2160"}
CHART = {
    code: (account_class, unit, floor)
    for account_class, unit, floor, codes in (
        ("asset", "PT", None, "1100 1400"),
        ("asset", "PT", 0, "1200 1300"),
        ("asset", "CNY", None, "1110"),
        ("asset", "each", None, "1900"),
        ("liability", "PT", 0, "2100 2110 2120 2130 2140 2160 2200 2310 2500"),
        ("liability", "PT", None, "2300 2400"),
        ("liability", "TC", 0, "2600 2610 2620"),
        ("equity", "PT", None, "3100 3200"),
        ("equity", "CNY", None, "3110"),
        ("income", "PT", None, "4100 4200"),
        ("expense", "PT", None, "5100 5110 5120 5130 5300"),
        ("expense", "TC", None, "5500 5600"),
        ("memo_debit", "HR", None, "9110"),
        ("memo_credit", "HR", 0, "9200 9210"),
    )
    for code in codes.split()
}
"""Class, unit and floor of the accounts of the chart, by the code before the first dot."""

STORED = {
    *("InsufficientBalance", "AccountFrozen", "AccountClosed", "PeriodClosed"),
    *("AlreadyReversed", "AlreadyRefunded", "RefundTooLarge", "HoldEnded", "HoldExpired"),
}
"""Refusals that stay under their key."""


@dataclass
class Account:
    code: str
    account_class: str
    unit: str
    floor: int | None
    of_the_chart: bool
    status: str = "open"

    @property
    def row(self) -> str | None:
        """The row of the chart that the account belongs to."""
        return self.code.partition(".")[0] if self.of_the_chart else None

    @property
    def keeps_lots(self) -> bool:
        return self.row in WITH_LOTS

    def signed(self, side: str, amount: int) -> int:
        """On the account's normal side."""
        return amount if (side == "debit") == (self.account_class in DEBIT_NORMAL) else -amount


@dataclass
class Leg:
    account: str
    side: str
    amount: int
    lapses_on: date | None = None


@dataclass
class Entry:
    transaction: Transaction
    account: str
    side: str
    amount: int
    number: int
    balance_after: int


@dataclass(eq=False)
class Lot:
    """What is left of a credit; can be spent until the day before `lapses_on`.

    `origin`: the transaction that first credited these units, kept when they move from one account to another.
    """

    account: str
    left: int
    lapses_on: date | None
    made_by: UUID
    origin: UUID


@dataclass(eq=False)
class Taken:
    """What a transaction took from a lot and what of it has not been given back."""

    lot: Lot
    amount: int


@dataclass(eq=False)
class Transaction:
    transaction_id: UUID
    kind: str
    effective_at: datetime
    recorded_at: datetime
    correction: str | None
    corrects: UUID | None
    entries: list[Entry] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)

    @property
    def effective_on(self) -> date:
        return day_of(self.effective_at)


@dataclass(eq=False)
class Hold:
    hold_id: UUID
    account: str
    companion: str
    amount: int
    expires_at: datetime
    status: str = "open"
    ended_by: UUID | None = None


@dataclass
class Posted:
    transaction: Transaction
    replayed: bool = False


@dataclass
class Refused:
    refusal: str
    facts: dict[str, Any]
    replayed: bool = False


Outcome = Posted | Refused


class No(Exception):
    """A refusal on its way out."""

    def __init__(self, refusal: str, **facts: Any) -> None:
        self.refused = Refused(refusal, facts)


def day_of(time: datetime) -> date:
    """In Beijing, eight hours ahead."""
    return (time.astimezone(UTC) + timedelta(hours=8)).date()


def month_after(day: date) -> str:
    return f"{day + timedelta(days=1):%Y-%m}"


class Model:
    """One book."""

    def __init__(self, now: datetime, first_day: date = date(1990, 1, 1)) -> None:
        self.now = now
        self.first_day = first_day
        self.units = {"HR", "PT", "TC", "CNY"}
        self.accounts: dict[str, Account] = {}
        self.transactions: dict[UUID, Transaction] = {}
        self.entries: list[Entry] = []
        self.lots: list[Lot] = []
        self.holds: dict[UUID, Hold] = {}
        self.keys: dict[tuple[str, str], tuple[str, Outcome]] = {}
        self.closings: list[date] = []

    @property
    def today(self) -> date:
        return day_of(self.now)

    @property
    def closed_through(self) -> date | None:
        return self.closings[-1] if self.closings else None

    # --- accounts ----------------------------------------------------------------------------------------------------

    def open(self, code: str, account_class: str, unit: str, floor: int | None = None) -> Account | Refused:
        if unit not in self.units:
            return Refused("UnknownUnit", {"unit": unit})
        row = CHART.get(code.partition(".")[0])
        of_the_chart = row is not None and row[0] == account_class and row[1] in (unit, "each")
        if of_the_chart and row is not None:
            if floor not in (None, row[2]):
                return Refused("NotTheChart", {"account": code, "floor": floor, "chart_floor": row[2]})
            floor = row[2]
        elif floor is not None and floor > 0:
            return Refused("InvalidField", {"field": "floor", "problem": "above_zero"})
        there = self.accounts.get(code)
        if there is None:
            there = self.accounts[code] = Account(code, account_class, unit, floor, of_the_chart)
        for name, is_so, should in (
            ("class", there.account_class, account_class),
            ("unit", there.unit, unit),
            ("floor", there.floor, floor),
        ):
            if is_so != should:
                return Refused("AccountExists", {"account": code, "field": name})
        return there

    def set_status(self, code: str, status: str) -> Refused | None:
        if code not in self.accounts:
            return Refused("UnknownAccount", {"account": code})
        for each in (code, code.replace("2100", "2120", 1) if code.partition(".")[0] == "2100" else code):
            if status == "closed" and each in self.accounts and self.balance(each) != 0:
                return Refused("AccountNotEmpty", {"account": each, "balance": self.balance(each)})
        self.accounts[code].status = status
        return None

    # --- reading -----------------------------------------------------------------------------------------------------

    def entries_of(self, code: str, at: date | None = None, known_at: datetime | None = None) -> list[Entry]:
        """In booking order."""
        return [
            entry
            for entry in self.entries
            if entry.account == code
            and (at is None or entry.transaction.effective_on <= at)
            and (known_at is None or entry.transaction.recorded_at <= known_at)
        ]

    def balance(self, code: str, at: date | None = None, known_at: datetime | None = None) -> int:
        account = self.accounts[code]
        return sum(account.signed(entry.side, entry.amount) for entry in self.entries_of(code, at, known_at))

    def available(self, code: str) -> int:
        """The balance without lapsed lots, as if the lapses of holds that are due had been posted."""
        books = self
        if any(self._is_due(hold) and code in (hold.account, hold.companion) for hold in self.holds.values()):
            books = copy.deepcopy(self)
            for account in books.accounts.values():
                account.status = "open"
            books._lapse_holds([code])
        return books._spendable(code)

    def _spendable(self, code: str) -> int:
        lapsed = sum(lot.left for lot in self.lots if lot.account == code and self._has_lapsed(lot))
        return self.balance(code) - lapsed

    def _has_lapsed(self, lot: Lot) -> bool:
        return lot.lapses_on is not None and lot.lapses_on <= self.today

    # --- posting -----------------------------------------------------------------------------------------------------

    def submit(self, proposals: Sequence[Proposal], ids: Sequence[UUID]) -> list[Outcome]:
        """Each for itself. `ids`: the number that each transaction gets if it is posted."""
        self._lapse_holds(code for proposal in proposals for code in self._codes(proposal))
        return [self._post(proposal, number) for proposal, number in zip(proposals, ids, strict=True)]

    def submit_whole(self, proposals: Sequence[Proposal], ids: Sequence[UUID]) -> list[Outcome]:
        """All or none: ends at the first refusal, and then nothing is stored."""
        before = copy.deepcopy(self.__dict__)
        outcomes = self.submit(proposals, ids)
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, Refused):
                self.__dict__ = before
                return outcomes[: place + 1]
        return outcomes

    def _codes(self, proposal: Proposal) -> list[str]:
        """The accounts that a well-formed proposal locks."""
        if self._shape(proposal) is not None:
            return []
        if proposal.ends in self.holds:
            hold = self.holds[proposal.ends]
            return [hold.account, hold.companion, proposal.to or ""]
        return [code for line in proposal.lines for code in (line.account, line.overflow) if code]

    def _post(self, proposal: Proposal, number: UUID) -> Outcome:
        if fault := self._shape(proposal):
            return fault
        if conflict := self._conflict(proposal.client, proposal.key, proposal.call):
            return conflict
        used = (proposal.client, proposal.key)
        if used in self.keys:
            return _again(self.keys[used][1])
        try:
            outcome: Outcome = Posted(self._decide(proposal, number))
        except No as no:
            outcome = no.refused
        if isinstance(outcome, Posted) or (outcome.refusal in STORED and proposal.keep_refusal):
            self.keys[used] = (proposal.call, outcome)
        return outcome

    def _conflict(self, client: str, key: str, call: str) -> Refused | None:
        earlier, _ = self.keys.get((client, key), (call, None))
        if earlier == call:
            return None
        return Refused("IdempotencyConflict", {"key": key, "earlier_call": earlier, "call": call})

    def _shape(self, proposal: Proposal) -> Refused | None:
        if proposal.ends is not None:
            if proposal.part is not None and not 1 <= proposal.part <= 10**15:
                return Refused("InvalidField", {"field": "amount", "problem": "out_of_range"})
            return None
        if len(proposal.lines) < 2:
            return Refused("InvalidField", {"field": "lines", "problem": "too_few"})
        if len(proposal.lines) > 400:
            return Refused("TooManyLines", {"lines": len(proposal.lines), "most": 400})
        for place, line in enumerate(proposal.lines):
            if not 1 <= line.amount <= 10**15:
                return Refused("InvalidField", {"field": f"lines[{place}].amount", "problem": "out_of_range"})
        if proposal.hold_for is not None and not timedelta(seconds=30) <= proposal.hold_for <= timedelta(days=7):
            return Refused("InvalidField", {"field": "expires_in", "problem": "out_of_range"})
        return None

    def _decide(self, proposal: Proposal, number: UUID) -> Transaction:
        """The checks in the order of the contract; nothing is posted before the last of them has passed."""
        lines = self._lines(proposal)
        if proposal.hold_for is not None:
            self._check_companion(*[line.account for line in lines])
        for line in lines:
            for code in (line.account, line.overflow):
                if code is not None and code not in self.accounts:
                    raise No("UnknownAccount", account=code)
        for line in lines:
            unit = self.accounts[line.account].unit
            if line.unit not in (None, unit):
                raise No("UnitMismatch", account=line.account, unit=line.unit, account_unit=unit)
            if line.overflow is not None and self.accounts[line.overflow].unit != unit:
                other = self.accounts[line.overflow].unit
                raise No("UnitMismatch", account=line.overflow, unit=unit, account_unit=other)
        units = list(dict.fromkeys(self.accounts[line.account].unit for line in lines))
        for unit in units:
            debits, credits = (
                sum(line.amount for line in lines if line.side == side and self.accounts[line.account].unit == unit)
                for side in ("debit", "credit")
            )
            if debits != credits:
                raise No("Unbalanced", unit=unit, debits=debits, credits=credits)

        effective_at = proposal.effective_at or self.now
        if proposal.correction == "reversal" and not self._is_open(day_of(effective_at), units):
            effective_at = self.now
        day = day_of(effective_at)
        if not self.first_day <= day <= self.today:
            raise No("EffectiveDayOutOfRange", day=day, first_day=self.first_day, today=self.today)
        if not self._is_open(day, units):
            raise No("PeriodClosed", day=day, closed_through=self.closed_through)

        legs = list(self._legs(lines, proposal))
        touched = {line.account for line in lines} | {leg.account for leg in legs}
        for code in [line.account for line in lines] + [line.overflow for line in lines]:
            if code not in touched or code is None:
                continue
            if self.accounts[code].status != "open":
                raise No("AccountClosed" if self.accounts[code].status == "closed" else "AccountFrozen", account=code)
        self._check_correction(proposal)
        if proposal.ends is not None and proposal.ending != "lapse":
            self._check_hold(self.holds[proposal.ends])
        takes = self._takes(proposal, legs)

        transaction = Transaction(number, proposal.kind, effective_at, self.now, proposal.correction, proposal.corrects)
        self._book(transaction, legs)
        self._move_lots(proposal, transaction, legs, takes)
        self.transactions[number] = transaction
        if proposal.hold_for is not None:
            account, companion = (line.account for line in lines)
            self.holds[number] = Hold(number, account, companion, lines[0].amount, self.now + proposal.hold_for)
        if proposal.ends is not None:
            ended = {"capture": "captured", "void": "voided", "lapse": "lapsed"}[str(proposal.ending)]
            self.holds[proposal.ends].status = ended
            self.holds[proposal.ends].ended_by = number
        return transaction

    def _is_open(self, day: date, units: list[str]) -> bool:
        return self.closed_through is None or day > self.closed_through or set(units) <= {"HR"}

    def _legs(self, lines: Sequence[Line], proposal: Proposal) -> Iterator[Leg]:
        """The lines with what overflows them set apart."""
        net = dict.fromkeys(self.accounts, 0)
        for line in lines:
            account = self.accounts[line.account]
            own = line.amount
            if line.overflow is not None and account.floor is not None and account.signed(line.side, 1) < 0:
                stands = self._usable(account.code, proposal) if account.keeps_lots else self.balance(account.code)
                own = min(line.amount, max(0, stands + net[account.code] - account.floor))
            for code, amount in ((line.account, own), (line.overflow, line.amount - own)):
                if code is not None and amount:
                    net[code] += self.accounts[code].signed(line.side, amount)
                    yield Leg(code, line.side, amount, line.lapses_on if code == line.account else None)

    def _check_correction(self, proposal: Proposal) -> None:
        original = proposal.corrects
        if original is None:
            return
        if original not in self.transactions:
            raise No("UnknownTransaction", transaction=original)
        earlier = [t for t in self.transactions.values() if t.corrects == original]
        if any(t.correction == "reversal" for t in earlier):
            raise No("AlreadyReversed", transaction=original)
        if proposal.correction == "reversal":
            if earlier:
                raise No("AlreadyRefunded", transaction=original)
            return
        for unit in dict.fromkeys(self.accounts[line.account].unit for line in proposal.lines):
            left = self._debits(self.transactions[original].entries, unit)
            left -= sum(self._debits(t.entries, unit) for t in earlier)
            if self._debits(proposal.lines, unit) > left:
                raise No("RefundTooLarge", transaction=original, unit=unit, left=left)

    def _debits(self, lines: Sequence[Line | Entry], unit: str) -> int:
        return sum(x.amount for x in lines if x.side == "debit" and self.accounts[x.account].unit == unit)

    def _check_companion(self, wallet: str, companion: str) -> None:
        """A wallet's companion is opened at first use."""
        if wallet not in self.accounts:
            raise No("UnknownAccount", account=wallet)
        if self.accounts[wallet].row != "2100":
            raise No("CannotHold", account=wallet)
        if companion not in self.accounts:
            self.open(companion, "liability", "PT")
        if self.accounts[companion].row != "2120":
            raise No("CannotHold", account=wallet)

    def _check_hold(self, hold: Hold) -> None:
        if hold.status in ("captured", "voided"):
            raise No("HoldEnded", hold=hold.hold_id, status=hold.status)
        if self.now >= hold.expires_at:
            raise No("HoldExpired", hold=hold.hold_id, expires_at=hold.expires_at)

    def _book(self, transaction: Transaction, legs: list[Leg]) -> None:
        for leg in legs:
            before = self.entries_of(leg.account)
            after = self.balance(leg.account) + self.accounts[leg.account].signed(leg.side, leg.amount)
            entry = Entry(transaction, leg.account, leg.side, leg.amount, len(before) + 1, after)
            self.entries.append(entry)
            transaction.entries.append(entry)

    # --- lots --------------------------------------------------------------------------------------------------------

    def _takes(self, proposal: Proposal, legs: list[Leg]) -> list[Taken]:
        """What is taken from which lot, account by account; checks the floors of all accounts."""
        takes = []
        for code, net in self._nets(legs).items():
            account = self.accounts[code]
            if not account.keeps_lots:
                if account.floor is not None and self.balance(code) + net < account.floor:
                    raise No("InsufficientBalance", account=code, balance=self.balance(code), floor=account.floor)
                continue
            wanted = -net
            for lot in self._order_of_taking(code, proposal):
                if wanted > 0 and lot.left:
                    takes.append(Taken(lot, min(wanted, lot.left)))
                    wanted -= takes[-1].amount
            if wanted > 0:
                raise No("InsufficientBalance", account=code, balance=self._usable(code, proposal), floor=0)
        return takes

    def _nets(self, legs: list[Leg]) -> dict[str, int]:
        """What the legs do to each account, on its normal side."""
        nets: dict[str, int] = {}
        for leg in legs:
            nets[leg.account] = nets.get(leg.account, 0) + self.accounts[leg.account].signed(leg.side, leg.amount)
        return nets

    def _usable(self, code: str, proposal: Proposal) -> int:
        return sum(lot.left for lot in self._order_of_taking(code, proposal))

    def _order_of_taking(self, code: str, proposal: Proposal) -> list[Lot]:
        """First lots that come from what is undone, lapsed or not; then unlapsed ones, the earliest expiry first.

        Of these, what comes from the transaction that is carried on goes before the others. An expiry takes those that
        have lapsed instead.
        """
        lots = sorted(
            (lot for lot in self.lots if lot.account == code),
            key=lambda lot: lot.lapses_on or date.max,  # sorting keeps the older before the newer
        )
        undone = proposal.ends
        if proposal.correction in ("reversal", "clawback"):
            undone = proposal.corrects
        own = [lot for lot in lots if undone is not None and undone in (lot.made_by, lot.origin)]
        others = [lot for lot in lots if lot not in own and self._has_lapsed(lot) == proposal.lapsed]
        others = [lot for lot in others if lot.made_by not in self.holds or self.holds[lot.made_by].status != "open"]
        carried_on = [lot for lot in others if lot.origin == proposal.moves]
        return own + carried_on + [lot for lot in others if lot not in carried_on]

    def _move_lots(self, proposal: Proposal, transaction: Transaction, legs: list[Leg], takes: list[Taken]) -> None:
        moving = []  # what was taken, in this order: amount and lot
        for taken in takes:
            taken.lot.left -= taken.amount
            transaction.taken.append(taken)
            moving.append([taken.amount, taken.lot])
        for code, net in self._nets(legs).items():
            if not self.accounts[code].keeps_lots or net <= 0:
                continue
            new = net - self._give_back(code, net, proposal, transaction)
            credits = [leg for leg in legs if leg.account == code and leg.side == "credit"]
            off = sum(leg.amount for leg in credits) - new  # is taken off the first credits
            for leg in credits:
                credited = max(0, leg.amount - off)
                off -= leg.amount - credited
                for part in moving:
                    amount, lot = min(credited, part[0]), part[1]
                    keeps = {self.accounts[code].row, self.accounts[lot.account].row} <= KEEPS_EXPIRY
                    self._make_lot(code, amount, lot.lapses_on if keeps else leg.lapses_on, transaction, lot.origin)
                    part[0] -= amount
                    credited -= amount
                self._make_lot(code, credited, leg.lapses_on, transaction)

    def _make_lot(
        self, code: str, amount: int, lapses_on: date | None, transaction: Transaction, origin: UUID | None = None
    ) -> None:
        if amount:
            number = transaction.transaction_id
            self.lots.append(Lot(code, amount, lapses_on, number, origin or number))

    def _give_back(self, code: str, amount: int, proposal: Proposal, transaction: Transaction) -> int:
        """Gives back to the lots that were taken from, last taken first; answers how much."""
        given = 0
        for undone in self._undone(proposal):
            for taken in reversed(self.transactions[undone].taken):
                part = min(amount - given, taken.amount)
                if taken.lot.account == code and part:
                    taken.amount -= part
                    given += part
                    if self._has_lapsed(taken.lot):
                        revived = self.today + timedelta(days=proposal.grace_days)
                        self._make_lot(code, part, revived, transaction, taken.lot.origin)
                    else:
                        taken.lot.left += part
        return given

    def _undone(self, proposal: Proposal) -> list[UUID]:
        """The transactions that had taken what is given back; what was captured had been taken by the hold."""
        if proposal.ends is not None:
            return [proposal.ends]
        if proposal.corrects is not None and proposal.correction in ("reversal", "refund"):
            captured = [hold.hold_id for hold in self.holds.values() if hold.ended_by == proposal.corrects]
            return [*captured, proposal.corrects]
        return []

    # --- corrections -------------------------------------------------------------------------------------------------

    def reverse(self, original: UUID, number: UUID, *, client: str, key: str, call: str) -> Outcome:
        if conflict := self._conflict(client, key, call):
            return conflict
        if original not in self.transactions:
            return Refused("UnknownTransaction", {"transaction": original})
        transaction = self.transactions[original]
        if transaction.correction == "reversal" or transaction.kind.startswith("hold"):
            return Refused("CannotReverse", {"transaction": original})
        mirrored = {"debit": "credit", "credit": "debit"}
        lines = [Line(entry.account, mirrored[entry.side], entry.amount) for entry in transaction.entries]
        proposal = Proposal(
            client=client,
            key=key,
            call=call,
            kind="reversal",
            effective_at=transaction.effective_at,
            lines=tuple(lines),
            actor="",
            correction="reversal",
            corrects=original,
        )
        return self.submit([proposal], [number])[0]

    # --- holds -------------------------------------------------------------------------------------------------------

    def hold(self, account: str, amount: int, expires_in: timedelta, number: UUID, **call: str) -> Outcome:
        lines = (Line(account, "debit", amount), Line(f"2120{account[4:]}", "credit", amount))
        return self._of_a_hold("hold", lines, number, hold_for=expires_in, **call)

    def capture(self, hold_id: UUID, to: str, amount: int | None, number: UUID, **call: str) -> Outcome:
        return self._of_a_hold("hold.capture", (), number, ends=hold_id, ending="capture", to=to, part=amount, **call)

    def void(self, hold_id: UUID, number: UUID, **call: str) -> Outcome:
        return self._of_a_hold("hold.void", (), number, ends=hold_id, ending="void", **call)

    def _of_a_hold(self, kind: str, lines: tuple[Line, ...], number: UUID, **other: Any) -> Outcome:
        proposal = Proposal(kind=kind, effective_at=None, lines=lines, actor="", **other)
        return self.submit([proposal], [number])[0]

    def _lines(self, proposal: Proposal) -> tuple[Line, ...]:
        """Those of the end of a hold follow from the hold."""
        if proposal.ends is None:
            return proposal.lines
        if proposal.ends not in self.holds:
            raise No("UnknownHold", hold=proposal.ends)
        hold = self.holds[proposal.ends]
        captured = 0
        if proposal.ending == "capture":
            captured = hold.amount if proposal.part is None else proposal.part
        if captured > hold.amount:
            raise No("AboveHold", hold=hold.hold_id, amount=captured, held=hold.amount)
        lines = [Line(hold.companion, "debit", hold.amount)]
        if captured:
            lines.append(Line(str(proposal.to), "credit", captured))
        if captured < hold.amount:
            lines.append(Line(hold.account, "credit", hold.amount - captured))
        return tuple(lines)

    def status(self, hold: Hold) -> str:
        """As it reads: an open hold past its deadline has lapsed, though nobody has posted that yet."""
        return "lapsed" if self._is_due(hold) else hold.status

    def _is_due(self, hold: Hold) -> bool:
        return hold.status == "open" and self.now >= hold.expires_at

    def _lapse_holds(self, codes: Iterable[str]) -> None:
        """Holds past their deadline go back to their wallets as soon as a posting locks either side.

        Where that is not possible (the wallet is frozen, say), it is tried again the next time.
        """
        locked = set(codes)
        for hold in sorted(self.holds.values(), key=lambda hold: (hold.expires_at, hold.hold_id)):
            if self._is_due(hold) and locked & {hold.account, hold.companion}:
                lapse = Proposal(
                    client="room:books",
                    key=f"lapse:{hold.hold_id}",
                    call="lapse",
                    kind="hold.lapse",
                    effective_at=hold.expires_at if self._is_open(day_of(hold.expires_at), ["PT"]) else None,
                    lines=(),
                    actor="",
                    keep_refusal=False,
                    ends=hold.hold_id,
                    ending="lapse",
                )
                self._post(lapse, uuid4())

    # --- periods -----------------------------------------------------------------------------------------------------

    def close_period(self, period: str) -> date | Refused:
        first = date.fromisoformat(f"{period}-01")
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        if last >= self.today:
            return Refused("PeriodNotOver", {"period": period})
        if self.closed_through is not None and period != month_after(self.closed_through):
            facts = {"period": period, "expected": month_after(self.closed_through)}
            return Refused("PeriodOutOfOrder", facts)
        for account in sorted(self.accounts.values(), key=lambda account: account.code):
            if account.row == "1900" and account.unit != "HR" and self.balance(account.code, at=last) != 0:
                facts = {"account": account.code, "balance": self.balance(account.code, at=last)}
                return Refused("SuspenseNotZero", facts)
        self.closings.append(last)
        return last

    def reopen_period(self, period: str) -> date | Refused | None:
        closed = self.closed_through
        if closed is None or period != f"{closed:%Y-%m}":
            expected = None if closed is None else f"{closed:%Y-%m}"
            return Refused("PeriodOutOfOrder", {"period": period, "expected": expected})
        self.closings.pop()
        return self.closed_through


def _again(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Posted):
        return Posted(outcome.transaction, replayed=True)
    return Refused(outcome.refusal, outcome.facts, replayed=True)
