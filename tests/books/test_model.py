"""The engine against its model: whatever is done to a book, both answer alike and all their figures agree.

A failing example is printed as the calls that lead to it; lines of postings are written as `legs` reads them
(`2100.a 25 PT`), with `>1300.a` for an overflow and `~30` for lots that lapse in 30 days.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import balances, batching, chart, holds, integrity, journal, periods, statements
from ledger.books.evaluate import Outcome, Posted, Refused
from ledger.books.proposals import Line, Proposal, Side
from ledger.books.statements import StatementLine
from ledger.database import connect
from ledger.errors import Refusal
from tests.books import model
from tests.books.ledgers import CLIENT, NOON, at, legs, new_account, proposal, reason
from tests.books.model import Model
from tests.books.test_worked_postings import EARNED, SERVED, WORKED, Worked, codes_in
from tests.conftest import new_book

pytestmark = pytest.mark.books

T = TypeVar("T")


# --- the model alone: it passes the worked postings ------------------------------------------------------------------


class Alone(Model):
    """A model on which a test posts without an engine beside it."""

    def open_all(self, *wanted: str) -> None:
        for account in map(new_account, wanted):
            opened = self.open(account.code, account.account_class, account.unit, account.floor)
            assert isinstance(opened, model.Account)

    def post(self, debit: str, credit: str, **other: Any) -> model.Transaction:
        return self.post_lines(*legs("debit", debit), *legs("credit", credit), **other)

    def post_lines(self, *lines: Line, **other: Any) -> model.Transaction:
        key = f"key {len(self.keys)}"
        wanted = proposal(key, debit="", credit="")._replace(lines=lines, **other)
        return self.posted(self.submit([wanted], [uuid4()])[0])

    def posted(self, outcome: model.Outcome) -> model.Transaction:
        assert isinstance(outcome, model.Posted), outcome
        return outcome.transaction

    def balances(self) -> dict[str, int]:
        return {code: self.balance(code) for code in sorted({entry.account for entry in self.entries})}


def call(key: str) -> dict[str, str]:
    return {"client": CLIENT, "key": key, "call": key}


@pytest.fixture
def books() -> Alone:
    return Alone(NOON)


@pytest.fixture
def wallet(books: Alone) -> Alone:
    """A model in which 2100.v has earned 60 points, and 2300.x is a merchant."""
    books.open_all("5100", "2100.v", "2300.x")
    books.post(*EARNED)
    return books


@pytest.mark.parametrize("worked", WORKED, ids=[worked.number for worked in WORKED])
def test_the_model_knows_the_worked_postings(books: Alone, worked: Worked) -> None:
    books.open_all(*codes_in(*worked.before, (worked.debit, worked.credit)))
    for debit, credit in (*worked.before, (worked.debit, worked.credit)):
        books.post(debit, credit)
    assert books.balances() == dict(sorted(worked.after.items()))


def test_the_model_captures_what_it_holds(wallet: Alone) -> None:
    held = wallet.posted(wallet.hold("2100.v", 48, timedelta(hours=1), uuid4(), **call("T09")))
    assert wallet.balances() == {"2100.v": 12, "2120.v": 48, "5100": 60}
    wallet.posted(wallet.capture(held.transaction_id, "2300.x", None, uuid4(), **call("T10")))
    assert wallet.balances() == {"2100.v": 12, "2120.v": 0, "2300.x": 48, "5100": 60}


def test_in_the_model_a_hold_runs_out_when_its_wallet_is_wanted(wallet: Alone) -> None:
    wallet.posted(wallet.hold("2100.v", 20, timedelta(hours=1), uuid4(), **call("T11")))
    wallet.now += timedelta(hours=1)
    assert (wallet.balance("2100.v"), wallet.available("2100.v")) == (40, 60)
    wallet.post("2100.v 60", "2300.x 60")
    assert wallet.balances() == {"2100.v": 0, "2120.v": 0, "2300.x": 60, "5100": 60}


def test_the_model_takes_a_towel_back(books: Alone) -> None:
    t13 = next(worked for worked in WORKED if worked.number == "T13")
    books.open_all(*codes_in(*t13.before, (t13.debit, t13.credit)))
    for debit, credit in t13.before:
        books.post(debit, credit)
    before = books.balances()
    towel = books.post(t13.debit, t13.credit)
    books.posted(books.reverse(towel.transaction_id, uuid4(), **call("T17")))
    assert books.balances() == before


def test_the_model_claws_back_what_is_left_and_notes_the_rest_as_receivable(books: Alone) -> None:
    books.open_all("9110", "5100", "9200.v", "2110.v", "2100.v", "1300.v", "2300.x")
    false_record = books.post(*SERVED)
    books.post("2110.v 25", "2100.v 25")
    books.post("2100.v 10", "2300.x 10")
    books.post_lines(
        Line("2100.v", "debit", 25, overflow="1300.v"),
        *legs("debit", "9200.v 150"),
        *legs("credit", "5100 25; 9110 150"),
        correction="clawback",
        corrects=false_record.transaction_id,
    )
    after = {code: balance for code, balance in books.balances().items() if balance}
    assert after == {"1300.v": 10, "2300.x": 10}


def test_two_models_clear_what_is_redeemed_in_another_district(wallet: Alone) -> None:
    shops = Alone(NOON)
    wallet.open_all("2400.B")
    shops.open_all("1400.A", "2300.x")
    wallet.post("2100.v 40", "2400.B 40")
    shops.post("1400.A 40", "2300.x 40")
    assert wallet.balances() == {"2100.v": 20, "2400.B": 40, "5100": 60}
    assert shops.balances() == {"1400.A": 40, "2300.x": 40}


# --- what is done to both --------------------------------------------------------------------------------------------

START = datetime(2010, 3, 5, 4, tzinfo=UTC)
"""Long ago: nothing may be recorded in the future of the server's own clock."""

OF_THE_CHART = """
    5100 2110.a 2100.a 2100.b 2100.c 2120.a 2160.a 2200 2300.x 1300.a 3100 1900.PT 9110 9200.a 1900.HR
"""
CODES = OF_THE_CHART.split()
PLAIN = ("till asset CNY -50", "shop income CNY", "box asset PT 0", "2300.y asset CNY 0")
FURTHER = """
    2100.d; 2130.h; 2100.a; till asset CNY -50; till asset CNY; 2100.a asset PT; 2200 liability PT 5; vault asset PT 5;
    purse asset XXX; 2100.d income CNY; 2120.d asset PT
"""
OFFICE = (
    *["close 0"] * 3,
    *("reopen 0", "close 1", "close -1", "reopen 1"),
    *("frozen 2100.b", "open 2100.b", "closed 2100.b", "open 2100.b", "frozen 2100.a", "open 2100.a", "open 2100.a"),
    *(
        "frozen 1300.a",
        "closed 1300.a",
        "open 1300.a",
        "frozen 2120.c",
        "open 2120.c",
        "closed 2300.y",
        "closed 2100.z",
    ),
    *(f"account {account.strip()}" for account in FURTHER.split(";")),
)
"""What is done in the office: months closed and reopened (before or after their turn), accounts frozen and opened."""

WALLETS = ("2100.b", "2100.c")
"""Of which parts are held. What others do with held points by hand, they do in 2120.a."""

IN_AND_OUT = """
    5100>2100.a 2100.a>2300.x 5100>2110.a 2110.a>2100.a 5100>2100.b 5100>2100.c 2100.c>2300.x 2100.a>2100.b
    2100.b>2100.c 2100.a>2120.a 2120.a>2100.a 2100.b>2160.a 2160.a>2100.a 2100.b>2200 5100>2200 2200>2100.b
    2300.x>2100.a 2110.a>5100 2100.a>box box>3100 1300.a>2300.x 3100>1900.PT 1900.PT>3100
    9110>9200.a 9200.a>9110 9110>1900.HR till>shop shop>till 2300.y>shop
"""
FLOWS = [tuple(flow.split(">")) for flow in IN_AND_OUT.split()]
"""What is debited, and what credited."""

HALF_A_MINUTE, HOUR, DAY = timedelta(seconds=30), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Wanted:
    """A posting in words, dated so many days ago. `key`: under a new key, or under that of an earlier call."""

    debit: str
    credit: str
    ago: int = 0
    key: int | None = None


def _legs_of(side: Side, written: str, today: date) -> Iterator[Line]:
    for leg in filter(str.strip, written.split(";")):
        words = leg.split()
        marks = {word[0]: word[1:] for word in words if word[0] in ">~"}
        [line] = legs(side, " ".join(word for word in words if word[0] not in ">~"))
        lapses_on = today + timedelta(days=int(marks["~"])) if "~" in marks else None
        yield line._replace(overflow=marks.get(">"), lapses_on=lapses_on)


MISHAPS: dict[str, Callable[[Wanted], Wanted]] = {
    "unbalanced": lambda good: dataclasses.replace(good, debit=f"{good.debit}; 5100 1"),
    "unknown": lambda good: dataclasses.replace(good, debit=f"{good.debit}; 2100.nobody 1"),
    "overflow to nobody": lambda good: dataclasses.replace(good, debit=f"{good.debit}; 2100.a 1 >1300.nobody"),
    "overflow to hours": lambda good: dataclasses.replace(good, debit=f"{good.debit}; 2100.a 1 >9200.a"),
    "unit": lambda good: dataclasses.replace(good, debit=f"{good.debit}; 5100 1 HR"),
    "nothing": lambda good: dataclasses.replace(good, debit=f"{good.debit}; 5100 0"),
    "one line": lambda good: dataclasses.replace(good, debit=good.debit.partition(";")[0], credit=""),
    "tomorrow": lambda good: dataclasses.replace(good, ago=-1),
    "before the book": lambda good: dataclasses.replace(good, ago=20 * 366),
}

amounts = st.integers(1, 40)
parts = st.integers(1, 12) | amounts
earlier = st.integers(0, 30)
"""An earlier one, counted from the last."""


@st.composite
def postings(draw: st.DrawFn) -> Wanted:
    """Mostly in order; now and then with a mishap."""
    moves = draw(
        st.lists(
            st.tuples(
                st.sampled_from(FLOWS),
                amounts,
                st.sampled_from(["", "", "", " >1300.a"]),
                st.sampled_from(["", "", " ~2", " ~10", " ~40", " ~0", " ~-3"]),
            ),
            min_size=1,
            max_size=3,
        )
    )
    good = Wanted(
        debit="; ".join(f"{debit} {n}{over * (debit[:2] == '21')}" for (debit, _), n, over, _ in moves),
        credit="; ".join(f"{credit} {n}{lapse * (credit[:2] in ('21', '22'))}" for (_, credit), n, _, lapse in moves),
        ago=draw(st.sampled_from([0, 0, 0, 1, 9, 33, 70])),
        key=draw(st.sampled_from([*[None] * 30, 0, 1, 7])),
    )
    mishap = draw(st.sampled_from([None] * 60 + list(MISHAPS)))
    return MISHAPS[mishap](good) if mishap else good


def step(**arguments: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule before which some time may pass."""

    def decorated(does: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(does)
        def after_a_while(self: EngineAndModel, *given: Any, later: timedelta | None = None, **drawn: Any) -> None:
            if later is not None:
                self.passes(later)
            does(self, *given, **drawn)

        return rule(later=st.sampled_from([None, None, None, HOUR, None, DAY, None, 3 * DAY]), **arguments)(
            after_a_while
        )

    return decorated


@dataclass
class World:
    """The database of the run, and the loop in which it is spoken to."""

    runner: asyncio.Runner
    database: AsyncEngine


@pytest.fixture(scope="module")
def world(service_url: str) -> Iterator[World]:
    with asyncio.Runner() as runner:
        database = connect.to(service_url)
        yield World(runner, database)
        runner.run(database.dispose())


class EngineAndModel(RuleBasedStateMachine):
    """One book in the engine and in the model. Every rule does the same to both and compares what they answer."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.now = START
        self.model = Model(START)
        self.book = self.run(new_book(world.database)).book_id
        self.names: dict[UUID, str] = {}
        self.posted: list[UUID] = []
        self.held: list[UUID] = []
        self.keys: list[str] = []
        self.calls: list[Callable[[], None]] = []
        self.instants: list[datetime] = []
        self.agreed = True
        self.open(*CODES, *PLAIN)
        self.post(Wanted("5100 120", "2100.a 20 ~40; 2100.a 20 ~4; 2100.a 20; 2160.a 40 ~20; 2200 20"))
        self.post(Wanted("5100 100", "2100.b 10 ~2; 2100.b 20 ~25; 2100.b 20 ~60; 2100.c 20 ~8; 2100.c 30 ~30"))
        self.post(Wanted("9110 90", "9200.a 90"))
        self.hold("2100.c", 30, 7 * DAY)
        self.hold("2100.b", 20, 7 * DAY)

    # --- both ---

    def run(self, what: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await what

        return self.world.runner.run(awaited())

    def engine(self) -> AsyncEngine:
        """At the time in force."""
        return at(self.world.database, self.now)

    def agree(self, engine: object, modelled: object) -> None:
        self.agreed = engine == modelled
        if isinstance(engine, dict) and isinstance(modelled, dict):  # only what differs is worth reading
            engine, modelled = (
                {name: value for name, value in one.items() if other.get(name) != value}
                for one, other in ((engine, modelled), (modelled, engine))
            )
        assert engine == modelled, f"the engine says\n  {engine}\nthe model says\n  {modelled}"

    def named(self, fact: object) -> object:
        return self.names.get(fact, fact) if isinstance(fact, UUID) else fact

    def in_words(self, outcome: Outcome | model.Outcome) -> object:
        """An outcome as a value that can be compared and read."""
        again = "again" if outcome.replayed else "now"
        if isinstance(outcome, Refused):
            refusal, facts = reason(outcome.refusal)
            return again, refusal.__name__, {name: self.named(fact) for name, fact in facts.items()}
        if isinstance(outcome, model.Refused):
            return again, outcome.refusal, {name: self.named(fact) for name, fact in outcome.facts.items()}
        posted = outcome.transaction
        assert posted is not None
        return (
            again,
            self.named(posted.transaction_id),
            posted.kind,
            str(posted.effective_at),
            str(posted.recorded_at),
            (posted.correction, self.named(posted.corrects)),
            [f"{e.account} {e.side} {e.amount}: #{e.number} {e.balance_after}" for e in posted.entries],
        )

    def ids_of(self, outcomes: Sequence[Outcome], proposals: int) -> list[UUID]:
        """The numbers that the engine gave to the proposals, which the model takes over."""
        ids = [
            outcome.transaction_id if isinstance(outcome, Posted) and not outcome.replayed else uuid4()
            for outcome in outcomes
        ]
        return ids + [uuid4() for _ in range(proposals - len(ids))]

    def compare(self, engine: Sequence[Outcome], modelled: Sequence[model.Outcome]) -> None:
        for number, posted in self.model.transactions.items():
            if number not in self.names and posted.kind != "hold.lapse":
                self.names[number] = f"T{len(self.names) + 1}"
                self.posted.append(number)
                if posted.kind == "hold":
                    self.held.append(number)
        self.agree([self.in_words(outcome) for outcome in engine], [self.in_words(outcome) for outcome in modelled])
        self.balances_agree()

    def key(self, which: int | None = None) -> str:
        if which is None or not self.keys:
            self.keys.append(f"k{len(self.keys) + 1}")
            return self.keys[-1]
        return pick(self.keys, which)

    def proposal(self, wanted: Wanted, **other: Any) -> Proposal:
        effective_at = self.now - wanted.ago * DAY
        return Proposal(
            client=CLIENT,
            key=self.key(wanted.key),
            call=f"{wanted.debit} = {wanted.credit} at {effective_at} {other}",
            kind="test",
            effective_at=effective_at,
            lines=(
                *_legs_of("debit", wanted.debit, self.model.today),
                *_legs_of("credit", wanted.credit, self.model.today),
            ),
            actor="user:1",
            **other,
        )

    def submit(self, *proposals: Proposal, whole: bool = False) -> None:
        def submitted() -> None:
            verb, modelled = (
                (batching.submit_whole, self.model.submit_whole) if whole else (batching.submit, self.model.submit)
            )
            engine = self.run(verb(self.engine(), self.book, proposals))
            self.compare(engine, modelled(proposals, self.ids_of(engine, len(proposals))))

        self.calls.append(submitted)
        submitted()

    def call(self, words: str, engine: Callable[..., Awaitable[Outcome]], model: Callable[..., model.Outcome]) -> None:
        """Calls a verb that answers one outcome or raises its refusal."""
        call = {"client": CLIENT, "key": self.key(), "call": words}

        def called() -> None:
            answered = self.run(_outcome(engine(self.engine(), self.book, actor="user:1", **call)))
            self.compare([answered], [model(number=self.ids_of([answered], 1)[0], **call)])

        self.calls.append(called)
        called()

    def ask(
        self,
        verb: Callable[[AsyncConnection], Awaitable[object]],
        modelled: object,
    ) -> None:
        """A verb that runs in a transaction of its own and answers something, or why not."""

        async def asked() -> object:
            async with self.engine().begin() as tx:
                return await verb(tx)

        try:
            answer = self.run(asked())
        except Refusal as refusal:
            answer = self.in_words(Refused(refusal))
        self.agree(answer, self.in_words(modelled) if isinstance(modelled, model.Refused) else modelled)

    # --- rules: postings ---

    @step(wanted=postings())
    def post(self, wanted: Wanted) -> None:
        self.submit(self.proposal(wanted))

    @step(batch=st.lists(postings(), min_size=2, max_size=6))
    def post_each(self, batch: list[Wanted]) -> None:
        self.submit(*[self.proposal(wanted) for wanted in batch])

    @step(batch=st.lists(postings(), min_size=2, max_size=4))
    def post_whole(self, batch: list[Wanted]) -> None:
        self.submit(*[self.proposal(wanted) for wanted in batch], whole=True)

    @step(which=st.integers(0, 5))
    def call_again(self, which: int) -> None:
        pick(self.calls, which)()

    # --- rules: corrections ---

    @step(which=earlier)
    def reverse(self, which: int) -> None:
        original = pick(self.of_no_hold() if which % 8 else self.posted, which)

        async def reversed_by(engine: AsyncEngine, book: int, **call: Any) -> Outcome:
            async with engine.connect() as tx:
                wanted = await journal.reversal(tx, book, original, **call)
            return (await batching.submit(engine, book, [wanted]))[0]

        self.call(
            f"reverse {self.named(original)}",
            reversed_by,
            lambda number, **call: self.model.reverse(original, number, **call),
        )

    @step(which=earlier, amount=parts, more=st.sampled_from([False, False, False, True]))
    def refund(self, which: int, amount: int, more: bool) -> None:
        """Some of a transaction's first debit comes back; `more`: with points that have nothing to do with it."""
        original, debit, credit = self.correctable(which)
        also = "; 5100 1", "; 2100.a 1"
        back = Wanted(f"{credit} {amount}{also[0] * more}", f"{debit} {amount}{also[1] * more}")
        self.submit(self.proposal(back, correction="refund", corrects=original))

    @step(which=earlier, amount=parts)
    def claw_back(self, which: int, amount: int) -> None:
        original, debit, credit = self.correctable(which)
        overflow = " >1300.a" * (self.model.accounts[credit].unit == "PT")
        back = Wanted(f"{credit} {amount}{overflow}", f"{debit} {amount}")
        self.submit(self.proposal(back, correction="clawback", corrects=original))

    def of_no_hold(self) -> list[UUID]:
        return [number for number in self.posted if self.model.transactions[number].kind not in ("hold", "hold.void")]

    def correctable(self, which: int) -> tuple[UUID, str, str]:
        """A transaction, its first debited account and the first of that unit which it credits.

        Holds and voids are left out: to debit held points by hand is not what a hold is for. What was captured goes
        back to the wallet.
        """
        original = pick(self.of_no_hold(), which)
        entries = self.model.transactions[original].entries
        debit = next(entry.account for entry in entries if entry.side == "debit")
        unit = self.model.accounts[debit].unit
        credits = [e.account for e in entries if e.side == "credit" and self.model.accounts[e.account].unit == unit]
        if self.model.transactions[original].kind == "hold.capture":
            debit = debit.replace("2120", "2100")
        return original, debit, credits[0]

    # --- rules: holds ---

    @step(
        account=st.sampled_from([*WALLETS * 5, "2100.d", "2110.a", "nobody"]),
        amount=st.sampled_from([5, 12, 25, 5, 12, 30, 1, 0]),
        expires_in=st.sampled_from([7 * DAY, HOUR, 7 * DAY, 3 * DAY, 7 * DAY, HALF_A_MINUTE, 8 * DAY]),
        captured=st.sampled_from([None, 3, None, 5, None, 12]),
    )
    def hold(self, account: str, amount: int, expires_in: timedelta, captured: int | None = None) -> None:
        """Holds so much, and perhaps captures so much of what is held."""
        self.call(
            f"hold {amount} of {account} for {expires_in}",
            lambda engine, book, **call: holds.place(
                engine, book, account=account, amount=amount, expires_in=expires_in, **call
            ),
            lambda number, **call: self.model.hold(account, amount, expires_in, number, **call),
        )
        if captured is not None:
            self.capture(0, "2300.x", captured)

    @step(
        which=earlier,
        to=st.sampled_from(["2300.x", "2100.b", "2300.x", "2100.a", "2300.x", "2200", "2120.a", "9200.a", "nobody"]),
        amount=st.sampled_from([3, None, 5, 3, None, 5, 3, None, 12, 0, 50]),
    )
    def capture(self, which: int, to: str, amount: int | None) -> None:
        hold = pick(self.held if which == 8 else self.open_holds() or self.held, which)
        self.call(
            f"capture {amount} of {self.named(hold)} to {to}",
            lambda engine, book, **call: holds.capture(engine, book, hold, to=to, amount=amount, **call),
            lambda number, **call: self.model.capture(hold, to, amount, number, **call),
        )

    @step(which=earlier)
    def void(self, which: int) -> None:
        """A hold, or now and then a transaction that is none."""
        hold = pick({13: self.posted, 8: self.held}.get(which, self.open_holds() or self.held), which)
        self.call(
            f"void {self.named(hold)}",
            lambda engine, book, **call: holds.void(engine, book, hold, **call),
            lambda number, **call: self.model.void(hold, number, **call),
        )

    def open_holds(self) -> list[UUID]:
        return [hold for hold in self.held if self.model.holds[hold].status == "open"]

    # --- rules: accounts, periods, time ---

    @rule(what=st.sampled_from(OFFICE))
    def office(self, what: str) -> None:
        verb, _, of = what.partition(" ")
        if verb == "account":
            self.open(of)
        elif verb in ("close", "reopen"):
            self.turn_the_month(verb, int(of))
        else:
            self.set_status(of, verb)  # type: ignore[arg-type] # one of the three

    def open(self, *accounts: str) -> None:
        wanted = [new_account(account) for account in accounts]

        async def opened(tx: AsyncConnection) -> object:
            outcomes = await chart.open_accounts(tx, self.book, wanted)
            return [self.in_words(Refused(o)) if isinstance(o, Refusal) else (o[0].code, o[0].floor) for o in outcomes]

        answers = [self.model.open(one.code, one.account_class, one.unit, one.floor) for one in wanted]
        self.ask(opened, [self.in_words(a) if isinstance(a, model.Refused) else (a.code, a.floor) for a in answers])

    def set_status(self, code: str, status: chart.Status) -> None:
        self.ask(lambda tx: chart.set_status(tx, self.book, code, status), self.model.set_status(code, status))

    def turn_the_month(self, verb: str, off: int) -> None:
        """Closes the month that is next, or reopens the one that was last, or one so many months before it."""
        closed = self.model.closed_through
        if verb == "close":
            month = months_ago(closed + DAY if closed else self.model.today - 28 * DAY, off)
            self.ask(lambda tx: periods.close(tx, self.book, month, actor="user:1"), self.model.close_period(month))
        else:
            month = months_ago(closed or self.model.today, off)
            self.ask(lambda tx: periods.reopen(tx, self.book, month, actor="user:1"), self.model.reopen_period(month))

    @rule(
        passes=st.sampled_from([DAY, HOUR, 3 * DAY, DAY, 9 * DAY, HOUR, 30 * DAY, HALF_A_MINUTE]),
        code=st.sampled_from([*CODES, "till"]),
        days=st.sampled_from([None, 0, 1, 9, 40]),
        instant=st.none() | earlier,
        before=st.sampled_from([0, 1, 0, -1]),
    )
    def time(self, passes: timedelta, code: str, days: int | None, instant: int | None, before: int) -> None:
        """Time passes, and somebody looks back: at the end of a day, as known at an instant, or both."""
        self.passes(passes)
        day = None if days is None else self.model.today - days * DAY
        known_at = None if instant is None else pick(self.instants, instant) - before * timedelta(microseconds=1)
        if known_at is not None and known_at > self.now - HALF_A_MINUTE:
            too_recent = model.Refused("InvalidField", {"field": "known_at", "problem": "too_recent"})
            self.ask(lambda tx: balances.balance(tx, self.book, code, day, known_at), too_recent)
            self.ask(lambda tx: self.statement(tx, code, day, known_at), too_recent)
        else:
            self.ask(lambda tx: self.balance(tx, code, day, known_at), self.model.balance(code, day, known_at))
            self.ask(lambda tx: self.statement(tx, code, day, known_at), self.in_the_model(code, day, known_at))

    def passes(self, time: timedelta) -> None:
        self.instants.append(self.now)
        self.now += time
        self.model.now = self.now
        self.balances_agree()
        self.holds_agree()

    async def balance(self, tx: AsyncConnection, code: str, day: date | None, known_at: datetime | None) -> int:
        found = await balances.balance(tx, self.book, code, day, known_at)
        assert (found.available is None) == (day is not None or known_at is not None)
        return found.balance

    async def statement(
        self, tx: AsyncConnection, code: str, day: date | None = None, known_at: datetime | None = None
    ) -> list[str]:
        """Page by page."""
        lines: list[StatementLine] = []
        while not lines or lines[-1].number > 1:
            after = lines[-1].number if lines else None
            page = await statements.entries_of(tx, self.book, code, limit=20, after=after, at=day, known_at=known_at)
            lines += page
            if len(page) < 20:
                break
        return [
            f"#{line.number} {'lapse' if line.kind == 'hold.lapse' else self.named(line.transaction_id)}: {line.kind}"
            f" {line.effective_on} {line.recorded_at} {line.side} {line.amount}, then {line.balance_after}"
            f" ({line.correction} {self.named(line.corrects)})"
            for line in lines
        ]

    def in_the_model(self, code: str, day: date | None = None, known_at: datetime | None = None) -> list[str]:
        return [
            f"#{entry.number} {'lapse' if posted.kind == 'hold.lapse' else self.named(posted.transaction_id)}:"
            f" {posted.kind} {posted.effective_on} {posted.recorded_at} {entry.side} {entry.amount},"
            f" then {entry.balance_after} ({posted.correction} {self.named(posted.corrects)})"
            for entry in reversed(self.model.entries_of(code, day, known_at))
            for posted in [entry.transaction]
        ]

    # --- after every step that may change them, and at the end ---

    def balances_agree(self) -> None:
        async def found(tx: AsyncConnection) -> dict[str, tuple[int, int | None]]:
            every = await balances.balances(tx, self.book, list(self.model.accounts))
            return {one.account: (one.balance, one.available) for one in every}

        codes = sorted(self.model.accounts)
        self.ask(found, {code: (self.model.balance(code), self.model.available(code)) for code in codes})

    def holds_agree(self) -> None:
        async def found(tx: AsyncConnection) -> object:
            every = [await holds.read(tx, self.book, hold) for hold in self.held]
            return [(one.account, one.amount, one.expires_at, one.status) for one in every]

        modelled = [self.model.holds[hold] for hold in self.held]
        self.ask(found, [(one.account, one.amount, one.expires_at, self.model.status(one)) for one in modelled])

    def teardown(self) -> None:
        async def everything(tx: AsyncConnection) -> object:
            closed_through = await periods.closed_through(tx, self.book)
            return closed_through, [await self.statement(tx, code) for code in codes]

        if self.agreed:
            self.holds_agree()
            codes = sorted(self.model.accounts)
            self.ask(everything, (self.model.closed_through, [self.in_the_model(code) for code in codes]))
            assert self.run(integrity.check(self.world.database, self.book)) == []


def pick(things: Sequence[T], which: int) -> T:
    """An earlier one, counted from the last."""
    return things[-1 - which % len(things)]


def months_ago(day: date, months: int) -> str:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return f"{year}-{month + 1:02}"


async def _outcome(verb: Awaitable[Outcome]) -> Outcome:
    """What a verb answers, or the refusal that it raises."""
    try:
        return await verb
    except Refusal as refusal:
        return Refused(refusal)


# --- what it found, or finds too rarely ------------------------------------------------------------------------------


@pytest.fixture
def both(world: World) -> Iterator[EngineAndModel]:
    books = EngineAndModel(world)
    yield books
    books.teardown()


def test_points_that_move_between_wallets_keep_their_day_whatever_the_line_says(both: EngineAndModel) -> None:
    both.post(Wanted("2100.a 20", "2100.b 20 ~90"))
    both.passes(4 * DAY)
    assert (both.model.balance("2100.b"), both.model.available("2100.b")) == (50, 30)


def test_what_ran_out_is_free_in_the_wallet_and_gone_from_its_companion_also_where_its_lots_lapsed(
    both: EngineAndModel,
) -> None:
    both.passes(30 * DAY)
    assert (both.model.available("2100.c"), both.model.available("2120.c")) == (30, 0)


def test_the_reversal_of_a_donation_takes_its_own_points_from_the_pool(both: EngineAndModel) -> None:
    both.post(Wanted("5100 10", "2200 10 ~10"))
    both.post(Wanted("5100 10", "2200 10"))
    both.reverse(0)
    both.passes(10 * DAY)
    assert (both.model.balance("2200"), both.model.available("2200")) == (30, 20)


def test_where_the_overflow_is_frozen_that_is_said_before_the_refund_is_too_large(both: EngineAndModel) -> None:
    both.post(Wanted("5100 10", "2100.a 10"))
    both.post(Wanted("2100.a 70", "2300.x 70"))
    both.office("frozen 1300.a")
    both.claw_back(1, 20)


def test_a_reversal_is_dated_as_its_original_or_today_where_that_month_is_closed(both: EngineAndModel) -> None:
    both.post(Wanted("2100.a 5; 9200.a 5", "2300.x 5; 9110 5", ago=9))
    both.post(Wanted("9110 5", "9200.a 5", ago=9))
    both.office("close 0")
    for which in (1, 1):
        both.reverse(which)
    dated = [both.model.transactions[number].effective_on for number in both.posted[-2:]]
    assert dated == [date(2010, 3, 5), date(2010, 2, 24)]


def test_nothing_is_held_in_an_account_that_only_has_the_code_of_a_companion(both: EngineAndModel) -> None:
    both.open("2100.d", "2120.d asset PT")
    both.post(Wanted("5100 10", "2100.d 10"))
    both.hold("2100.d", 5, HOUR)


# --- whatever is done ------------------------------------------------------------------------------------------------


def test_the_engine_and_its_model_agree_whatever_is_done_to_a_book(world: World) -> None:
    run_state_machine_as_test(
        lambda: EngineAndModel(world),
        settings=settings(max_examples=25, stateful_step_count=40, deadline=None, derandomize=True, database=None),
    )


@pytest.mark.soak
def test_the_engine_and_its_model_agree_for_a_long_time(world: World) -> None:
    run_state_machine_as_test(
        lambda: EngineAndModel(world),
        settings=settings(max_examples=500, stateful_step_count=60, deadline=None, database=None),
    )
