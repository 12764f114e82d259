"""Lots, whatever is done to them: the decision about a posting against a model, at the level of single lots.

The books here are dictionaries in memory that keep what `evaluate` decides, as the database does; so thousands of
histories can be tried. After each step the lots of both are the same, and of each posting alone it is asked what lots
promise: what has lapsed is not spent, what is given back goes where it was taken from, an expiry takes what has lapsed.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from ledger.books import chart, holds, statements
from ledger.books.evaluate import (
    AccountState,
    Evaluation,
    HoldState,
    Outcome,
    Posted,
    Refused,
    State,
    Transaction,
    evaluate,
)
from ledger.books.keys import Used
from ledger.books.lots import Lot, Taking
from ledger.books.proposals import Line, Proposal, Side, check
from ledger.days import day_of
from ledger.earning import expiry
from tests.books import model
from tests.books.ledgers import CLIENT, new_account, reason
from tests.books.model import Model
from tests.books.test_model import EngineAndModel, Wanted, World, world
from tests.books.test_model import parts as parts_there
from tests.books.test_model import step as step_there

__all__ = ["world"]

T = TypeVar("T")

START: Final = datetime(2010, 3, 5, 4, tzinfo=UTC)
FIRST_DAY: Final = date(1990, 1, 1)
DAY: Final = timedelta(days=1)
GRACE: Final = 5
"""Days of grace here, few enough for what was revived to lapse again."""

CODES: Final = (
    *("5100", "2110.a", "2110.b", "2100.a", "2100.b", "2120.a", "2120.b", "2160.a", "2200"),
    *("2300.x", "1300.a", "1300.b", "4100"),
)
KEPT: Final = [code for code in CODES if code[:2] in ("21", "22")]
WALLETS: Final = ("2100.a", "2100.b")
EXPIRES: Final = ("2100.a", "2100.b", "2160.a", "2200")


# --- books in memory -------------------------------------------------------------------------------------------------


@dataclass
class Books:
    """What the database keeps, and answers, of what `evaluate` decides."""

    now: datetime = START
    accounts: dict[str, AccountState] = field(default_factory=dict)
    lots: dict[int, dict[tuple[int, int], Lot]] = field(default_factory=dict)
    takings: dict[tuple[UUID, int], list[Taking]] = field(default_factory=dict)
    returned: Counter[tuple[UUID, int]] = field(default_factory=Counter)
    transactions: dict[UUID, Transaction] = field(default_factory=dict)
    holds: dict[UUID, HoldState] = field(default_factory=dict)
    keys: dict[tuple[str, str], Used] = field(default_factory=dict)

    def open(self, *codes: str) -> None:
        for code in codes:
            new = new_account(code)
            row = chart.of_the_chart(code, new.account_class, new.unit)
            assert row is not None
            number = len(self.accounts) + 1
            self.accounts[code] = AccountState(
                number, code, new.account_class, new.unit, row.floor, "open", 0, 0, 0, None, row.kind
            )
            self.lots[number] = {}

    def submit(self, proposals: Sequence[Proposal], ids: Iterator[UUID]) -> Evaluation:
        evaluation = evaluate(self.load(proposals), proposals, ids)  # type: ignore[arg-type] # any iterable will do
        self.write(evaluation)
        return evaluation

    def load(self, proposals: Sequence[Proposal]) -> State:
        """What deciding these proposals needs, and nothing else."""
        codes = check(proposals).codes
        for proposal in proposals:
            if proposal.ends in self.holds:
                hold = self.holds[proposal.ends]
                codes |= {hold.account, hold.held_account}
        ids = {self.accounts[code].account_id for code in codes if code in self.accounts}
        corrected = {proposal.corrects for proposal in proposals if proposal.corrects is not None}
        named = corrected | {proposal.ends for proposal in proposals}
        holds = {
            hold_id: hold
            for hold_id, hold in self.holds.items()
            if (hold.ending is None and hold.account in codes) or hold_id in named or hold.ended_by in corrected
        }
        sources = corrected | holds.keys()
        takings = {
            (source, account_id): taken
            for (source, account_id), taken in self.takings.items()
            if source in sources and account_id in ids
        }
        given_from = {(account_id, *taking[:2]) for (_, account_id), taken in takings.items() for taking in taken}
        accounts = {}
        for code in codes & self.accounts.keys():
            account = self.accounts[code]
            shelf = self.lots[account.account_id].items()
            wanted = [lot for at, lot in shelf if lot.remaining or (account.account_id, *at) in given_from]
            accounts[code] = account._replace(lots=tuple(wanted))
        return State(
            now=self.now,
            first_day=FIRST_DAY,
            accounts=accounts,
            keys=self.keys,
            reversed=frozenset(t.corrects for t in self.transactions.values() if t.correction == "reversal"),
            taken_back={original: self._taken_back(original) for original in corrected},
            holds=holds,
            takings=takings,
            returned={at: amount for at, amount in self.returned.items() if at[0] in sources},
        )

    def _taken_back(self, original: UUID) -> dict[str, tuple[int, int]]:
        later = [t for t in self.transactions.values() if t.corrects == original and t.correction != "reversal"]
        sums = {}
        for unit in {entry.unit for entry in self.transactions[original].entries}:
            debits, back = (
                sum(e.amount for t in each for e in t.entries if (e.side, e.unit) == ("debit", unit))
                for each in ([self.transactions[original]], later)
            )
            sums[unit] = (debits, back)
        return sums

    def write(self, evaluation: Evaluation) -> None:
        for transaction in evaluation.transactions:
            self.transactions[transaction.transaction_id] = transaction
            for entry in transaction.entries:
                account = self.accounts[entry.account]
                assert entry.number == account.number + 1
                debit, credit = (entry.amount, 0) if entry.side == "debit" else (0, entry.amount)
                self.accounts[entry.account] = account._replace(
                    debits=account.debits + debit,
                    credits=account.credits + credit,
                    number=entry.number,
                    recorded_at=transaction.recorded_at,
                )
        for new in evaluation.lots:
            assert new.amount > 0
            assert (new.number, new.part) not in self.lots[new.account_id]
            self.lots[new.account_id][new.number, new.part] = Lot(
                new.number, new.part, new.transaction_id, new.origin, new.lapses_on, new.amount
            )
            if new.returns is not None:
                self.returned[new.returns, new.account_id] += new.amount
        for move in evaluation.moves:
            shelf = self.lots[move.account_id]
            lot = shelf[move.number, move.part]
            shelf[move.number, move.part] = lot._replace(remaining=lot.remaining + move.amount)
            if move.amount < 0:
                taking = Taking(move.number, move.part, move.amount)
                self.takings.setdefault((move.transaction_id, move.account_id), []).append(taking)
            if move.returns is not None:
                self.returned[move.returns, move.account_id] += move.amount
        assert all(lot.remaining >= 0 for shelf in self.lots.values() for lot in shelf.values())
        for hold in evaluation.holds:
            codes = {account.account_id: code for code, account in self.accounts.items()}
            self.holds[hold.hold_id] = HoldState(
                hold.hold_id, codes[hold.account_id], codes[hold.held_account_id], hold.amount, hold.expires_at
            )
        for end in evaluation.ended:
            hold_state = self.holds[end.hold_id]
            assert hold_state.ending is None
            self.holds[end.hold_id] = hold_state._replace(ending=end.ending, ended_by=end.ended_by)
        self.keys |= {(client, key): used for client, key, used in evaluation.keys}


# --- what is done ----------------------------------------------------------------------------------------------------

amounts = st.integers(1, 40)
some = st.integers(1, 12)
earlier = st.integers(0, 30)
"""An earlier one, counted from the last."""
days_ago = st.sampled_from([0, 0, 0, 1, 9, 33])
days_on = st.sampled_from([None, None, 1, 2, 4, 10, 40, 0, -3])
"""In how many days points lapse, if ever."""
wallets = st.sampled_from(WALLETS)


def step(**arguments: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule before which some days may pass."""

    def decorated(does: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(does)
        def after_a_while(self: Lots, *given: Any, later: int = 0, **drawn: Any) -> None:
            self.books.now += later * DAY
            self.model.now = self.books.now
            does(self, *given, **drawn)

        return rule(later=st.sampled_from([0, 0, 1, 0, 0, 3, 0, 9]), **arguments)(after_a_while)

    return decorated


class Lots(RuleBasedStateMachine):
    """A book in memory and in the model; every rule does the same to both."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.books.open(*CODES)
        self.model = Model(START)
        for account in map(new_account, CODES):
            self.model.open(account.code, account.account_class, account.unit, account.floor)
        self.numbers = itertools.count(1)
        self.notices: list[tuple[UUID, str, int]] = []
        """Points that came into notice: by which transaction, whose, how many."""
        for wallet in WALLETS:
            self.earn(wallet, [(10, 1), (10, 4), (20, 12), (20, 40), (20, None)])
            self.earn(f"2110.{wallet[-1]}", [(20, None)])
            self.enter_notice(wallet[-1], 15)
            self.enter_notice(wallet[-1], 10)
            self.spend(wallet, 12)
            self.hold(wallet, 15, 7)
        self.earn("2160.a", [(20, 3)])
        self.earn("2200", [(20, 3)])

    # --- both ---

    @property
    def today(self) -> date:
        return day_of(self.books.now)

    def day(self, days: int | None) -> date | None:
        return None if days is None else self.today + days * DAY

    def propose(self, *lines: Line, ago: int = 0, **other: Any) -> Proposal:
        key = f"k{next(self.numbers)}"
        kind = other.pop("kind", "test")
        return Proposal(
            client=CLIENT,
            key=key,
            call=key,
            kind=kind,
            effective_at=None if other.get("ends") else self.books.now - ago * DAY,
            lines=lines,
            actor="user:1",
            grace_days=GRACE,
            **other,
        )

    def submit(self, *proposals: Proposal) -> list[Outcome]:
        """Submits to both; they answer alike, keep the same lots, and each posting is as lots promise."""
        before = {account: dict(shelf) for account, shelf in self.books.lots.items()}
        due = sum(hold.ending is None and hold.expires_at <= self.books.now for hold in self.books.holds.values())
        ids = [UUID(int=1000 + next(self.numbers)) for _ in range(len(proposals) + due)]
        evaluation = self.books.submit(proposals, iter(ids))
        lapsed = sum(t.kind == "hold.lapse" for t in evaluation.transactions)
        modelled = self.model.submit(proposals, ids[lapsed : lapsed + len(proposals)])
        assert list(map(in_words, evaluation.outcomes)) == list(map(in_words, modelled))
        self._promises(before, evaluation, proposals)
        self._lots_agree()
        return evaluation.outcomes

    def post(self, wanted: Proposal) -> UUID | None:
        [outcome] = self.submit(wanted)
        return outcome.transaction_id if isinstance(outcome, Posted) else None

    def _promises(
        self, before: dict[int, dict[tuple[int, int], Lot]], evaluation: Evaluation, proposals: Sequence[Proposal]
    ) -> None:
        asked = {proposal.key: proposal for proposal in proposals}
        posted = {transaction.transaction_id: transaction for transaction in evaluation.transactions}
        made = {(new.account_id, new.number, new.part): new for new in evaluation.lots}
        for move in evaluation.moves:
            at = (move.account_id, move.number, move.part)
            new = made.get(at)
            lapses_on = new.lapses_on if new else before[move.account_id][at[1:]].lapses_on
            has_lapsed = lapses_on is not None and lapses_on <= self.today
            proposal = asked.get(posted[move.transaction_id].key)
            if move.amount > 0:
                assert move.returns is not None
                source = self.books.takings[move.returns, move.account_id]
                assert at[1:] in {taking[:2] for taking in source}, "given back to a lot that it was not taken from"
                assert not has_lapsed
            elif proposal is not None and proposal.lapsed:
                assert has_lapsed, "an expiry took what can still be spent"
            elif proposal is not None and proposal.ends is None and proposal.correction in (None, "refund"):
                assert not has_lapsed, "a lot was spent that has lapsed"
        for source, account_id in self.books.returned:
            taken = -sum(taking.amount for taking in self.books.takings[source, account_id])
            assert self.books.returned[source, account_id] <= taken

    def _lots_agree(self) -> None:
        """Lot by lot, where lots that one cannot tell apart count as one; and they are the balances."""
        ours: Counter[tuple[str, UUID | None, date | None]] = Counter()
        for code in KEPT:
            account = self.books.accounts[code]
            shelf = self.books.lots[account.account_id].values()
            assert sum(lot.remaining for lot in shelf) == account.balance == self.model.balance(code), code
            for lot in shelf:
                ours[code, lot.origin, lot.lapses_on] += lot.remaining
        modelled: Counter[tuple[str, UUID | None, date | None]] = Counter()
        for each in self.model.lots:
            modelled[each.account, each.origin, each.lapses_on] += each.left
        assert +ours == +modelled

    # --- earning ---

    @step(
        account=st.sampled_from([*WALLETS, *WALLETS, "2110.a", "2160.a", "2200"]),
        parts=st.lists(st.tuples(amounts, days_on), min_size=1, max_size=3),
        ago=days_ago,
    )
    def earn(self, account: str, parts: list[tuple[int, int | None]], ago: int = 0) -> None:
        credits = [Line(account, "credit", amount, lapses_on=self.day(days)) for amount, days in parts]
        self.post(self.propose(Line("5100", "debit", sum(amount for amount, _ in parts)), *credits, ago=ago))

    @step(who=st.sampled_from("ab"), amount=amounts, ago=days_ago)
    def enter_notice(self, who: str, amount: int, ago: int = 0) -> None:
        wanted = self.propose(Line("5100", "debit", amount), Line(f"2110.{who}", "credit", amount), ago=ago)
        if posted := self.post(wanted):
            self.notices.append((posted, who, amount))

    @step(which=earlier, days=days_on, less=st.sampled_from([0, 0, 0, 1, 5]))
    def end_notice(self, which: int, days: int | None, less: int) -> None:
        """Moves the points of one of the records on; perhaps not all of them, perhaps a second time."""
        record, who, amount = pick(self.notices, which)
        amount = max(1, amount - less)
        wallet = Line(f"2100.{who}", "credit", amount, lapses_on=self.day(days))
        self.post(self.propose(Line(f"2110.{who}", "debit", amount), wallet, moves=record))

    # --- spending ---

    @step(wallet=wallets, amount=some | amounts, ago=days_ago)
    def spend(self, wallet: str, amount: int, ago: int = 0) -> None:
        self.post(self.propose(Line(wallet, "debit", amount), Line("2300.x", "credit", amount), ago=ago))

    @step(
        flow=st.sampled_from(
            [
                "2100.a 2100.b",
                "2100.a 2120.a",
                "2120.a 2100.a",
                "2120.b 2160.a",
                "2100.a 2200",
                "2200 2100.b",
                "2100.b 2160.a",
                "2160.a 2100.a",
                "2110.a 5100",
            ]
        ),
        amount=some,
        days=days_on,
        moves=st.none() | earlier,
    )
    def give(self, flow: str, amount: int, days: int | None, moves: int | None) -> None:
        """From one to another; perhaps those points that came from an earlier transaction."""
        of, to = flow.split()
        carried_on = None if moves is None else pick(list(self.books.transactions), moves)
        lapses_on = self.day(days) if to in KEPT else None
        credit = Line(to, "credit", amount, lapses_on=lapses_on)
        self.post(self.propose(Line(of, "debit", amount), credit, moves=carried_on))

    @step(wallet=wallets, amounts=st.lists(some, min_size=2, max_size=4))
    def spend_together(self, wallet: str, amounts: list[int]) -> None:
        """In one batch, each seeing those before it, with an expiry among them."""
        wanted = [self.propose(Line(wallet, "debit", n), Line("2300.x", "credit", n)) for n in amounts]
        wanted.insert(1, self._expiry(wallet, 0))
        self.submit(*wanted)

    # --- holds ---

    @step(wallet=wallets, amount=some, days=st.sampled_from([1, 3, 7]))
    def hold(self, wallet: str, amount: int, days: int) -> None:
        held = Line(f"2120{wallet[4:]}", "credit", amount)
        self.post(self.propose(Line(wallet, "debit", amount), held, kind="hold", hold_for=days * DAY))

    @step(which=earlier, part=st.none() | some)
    def capture(self, which: int, part: int | None) -> None:
        self._end(which, ending="capture", to="2300.x", part=part)

    @step(which=earlier)
    def void(self, which: int) -> None:
        self._end(which, ending="void")

    def _end(self, which: int, **how: Any) -> None:
        open_ones = [hold_id for hold_id, hold in self.books.holds.items() if hold.ending is None]
        hold_id = pick(open_ones or list(self.books.holds), which)
        self.post(self.propose(ends=hold_id, kind=f"hold.{how['ending']}", **how))

    # --- corrections ---

    @step(which=earlier)
    def reverse(self, which: int) -> None:
        original = self._correctable(which)
        mirrored: dict[Side, Side] = {"debit": "credit", "credit": "debit"}
        lines = [Line(entry.account, mirrored[entry.side], entry.amount) for entry in original.entries]
        wanted = self.propose(*lines, correction="reversal", corrects=original.transaction_id)
        self.post(wanted._replace(effective_at=original.effective_at))

    @step(which=earlier, amount=some, overflow=st.booleans(), clawback=st.booleans())
    def take_back(self, which: int, amount: int, overflow: bool, clawback: bool) -> None:
        """A refund, or a clawback of which perhaps only as much is taken as there is."""
        original = self._correctable(which)
        sides: tuple[Side, Side] = ("debit", "credit")
        debit, credit = (next(e.account for e in original.entries if e.side == side) for side in sides)
        over = "1300.a" if overflow and clawback and credit in KEPT else None
        if original.kind == "hold.capture":
            debit = debit.replace("2120", "2100")
        lines = Line(credit, "debit", amount, overflow=over), Line(debit, "credit", amount)
        how = "clawback" if clawback else "refund"
        self.post(self.propose(*lines, correction=how, corrects=original.transaction_id))

    @step(which=earlier, parts=st.lists(some, min_size=2, max_size=3))
    def return_in_parts(self, which: int, parts: list[int]) -> None:
        """What was bought comes back little by little: the last taken first, each lot no more than was taken of it."""
        bought = [t for t in self.books.transactions.values() if t.entries[-1].account == "2300.x"]
        original = pick(bought, which)
        wallet = original.entries[0].account.replace("2120", "2100")
        for amount in parts:
            lines = Line("2300.x", "debit", amount), Line(wallet, "credit", amount)
            self.post(self.propose(*lines, correction="refund", corrects=original.transaction_id))

    def _correctable(self, which: int) -> Transaction:
        found = [
            transaction
            for transaction in self.books.transactions.values()
            if transaction.kind not in ("hold", "hold.void", "hold.lapse") and transaction.correction is None
        ]
        return pick(found, which)

    # --- expiry and time ---

    @step(account=st.sampled_from(EXPIRES), off=st.sampled_from([0, 0, 0, -1, 1]))
    def expire(self, account: str, off: int) -> None:
        """All that has lapsed, or a point less; of a point more nothing."""
        lapsed, wanted = self._lapsed(account), self._expiry(account, off)
        [outcome] = self.submit(wanted)
        amount = wanted.lines[0].amount
        assert isinstance(outcome, Posted) == (amount <= lapsed)
        assert self._lapsed(account) == lapsed - (amount if amount <= lapsed else 0)

    @step()
    def expire_everything(self) -> None:
        """Afterwards nothing is left that has lapsed, but for what is held."""
        self.submit(*[self._expiry(account, 0) for account in EXPIRES if self._lapsed(account)])
        assert [self._lapsed(account) for account in EXPIRES] == [0] * len(EXPIRES)

    def _expiry(self, account: str, off: int) -> Proposal:
        amount = max(1, self._lapsed(account) + off)
        return self.propose(
            Line(account, "debit", amount), Line("4100", "credit", amount), kind="earn.expiry", lapsed=True
        )

    def _lapsed(self, account: str) -> int:
        shelf = self.books.lots[self.books.accounts[account].account_id].values()
        return sum(lot.remaining for lot in shelf if lot.lapses_on is not None and lot.lapses_on <= self.today)


def in_words(outcome: Outcome | model.Outcome) -> object:
    """An outcome as a value that can be compared and read."""
    if isinstance(outcome, Refused):
        refusal, facts = reason(outcome.refusal)
        return refusal.__name__, facts
    if isinstance(outcome, model.Refused):
        return outcome.refusal, outcome.facts
    transaction = outcome.transaction
    assert transaction is not None
    return [f"{e.account} {e.side} {e.amount}: #{e.number} {e.balance_after}" for e in transaction.entries]


def pick(things: Sequence[T], which: int) -> T:
    """An earlier one, counted from the last."""
    return things[-1 - which % len(things)]


def test_lots_are_as_in_the_model_whatever_is_done_to_them() -> None:
    run_state_machine_as_test(
        Lots,
        settings=settings(max_examples=200, stateful_step_count=30, deadline=None, derandomize=True, database=None),
    )


@pytest.mark.soak
def test_lots_are_as_in_the_model_for_thousands_of_histories() -> None:
    run_state_machine_as_test(
        Lots, settings=settings(max_examples=5000, stateful_step_count=50, deadline=None, database=None)
    )


# --- the same in the database ----------------------------------------------------------------------------------------


class InTheDatabase(EngineAndModel):
    """What is done to any book, and what earning adds: the end of notice, expiry, the sweep of holds."""

    @step_there(amount=parts_there, days=days_on, which=earlier)
    def end_notice(self, amount: int, days: int | None, which: int) -> None:
        lapse = "" if days is None else f" ~{days}"
        wanted = Wanted(f"2110.a {amount}", f"2100.a {amount}{lapse}")
        self.submit(self.proposal(wanted, moves=pick(self.posted, which)))

    @step_there()
    def expire(self) -> None:
        """By the verb that does it for a whole book; the model is told what to post, and gets the engine's numbers."""
        lapsed = {
            code: amount
            for code, account in self.model.accounts.items()
            if account.row in ("2100", "2130", "2140", "2160", "2200") and account.status == "open"
            if (amount := sum(lot.left for lot in self.model.lots if lot.account == code and self._over(lot)))
        }
        points = self.run(expiry.expire(self.engine(), self.book))
        assert points == sum(lapsed.values())
        if lapsed:
            self.model.open("4100", "income", "PT")
            wanted = [self._expiry(code, amount) for code, amount in lapsed.items()]
            modelled = self.model.submit(wanted, [self.run(self._last(code)) for code in lapsed])
            assert all(isinstance(outcome, model.Posted) for outcome in modelled)
            self.compare([], [])

    @step_there()
    def sweep(self) -> None:
        self.run(holds.sweep(self.engine(), self.book))
        self.model._lapse_holds(self.model.accounts)
        self.compare([], [])

    def _over(self, lot: model.Lot) -> bool:
        return lot.lapses_on is not None and lot.lapses_on <= self.model.today

    def _expiry(self, code: str, amount: int) -> Proposal:
        lines = (Line(code, "debit", amount), Line("4100", "credit", amount))
        key = f"expiry {code} {self.now} {len(self.model.transactions)}"
        return Proposal("room:earning", key, key, "earn.expiry", None, lines, "room:earning", lapsed=True)

    async def _last(self, code: str) -> UUID:
        """The number of the last transaction of an account."""
        async with self.engine().connect() as tx:
            [line] = await statements.entries_of(tx, self.book, code, limit=1)
        return line.transaction_id


def test_the_database_keeps_lots_as_the_model_does(world: World) -> None:
    run_state_machine_as_test(
        lambda: InTheDatabase(world),
        settings=settings(max_examples=8, stateful_step_count=40, deadline=None, derandomize=True, database=None),
    )


@pytest.mark.soak
def test_the_database_keeps_lots_as_the_model_does_for_a_long_time(world: World) -> None:
    run_state_machine_as_test(
        lambda: InTheDatabase(world),
        settings=settings(max_examples=400, stateful_step_count=60, deadline=None, database=None),
    )
