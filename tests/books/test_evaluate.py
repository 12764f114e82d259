"""The decision about a posting, which is a pure function: every refusal, their order, and what holds for any batch."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.books.evaluate import (
    LARGEST_TOTAL,
    AccountState,
    Evaluation,
    HoldState,
    Outcome,
    Posted,
    Refused,
    State,
    evaluate,
)
from ledger.books.keys import KEY_LENGTH, Used
from ledger.books.lots import Lot
from ledger.books.proposals import DESCRIPTION_LENGTH, MOST, Line, Proposal
from ledger.days import BEIJING
from ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AlreadyReversed,
    AmountOutOfRange,
    EffectiveDayOutOfRange,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidField,
    Refusal,
    TooManyLines,
    Unbalanced,
    UnitMismatch,
    UnknownAccount,
)
from tests.books.ledgers import (
    CLIENT,
    NOON,
    legs,
    new_account,
    proposal,
    reason,
    refusal_of,
    transaction_of,
    was_posted,
)

pytestmark = pytest.mark.books

NOW = datetime(2025, 6, 1, 4, tzinfo=UTC)
TODAY = date(2025, 6, 1)
FIRST_DAY = date(1990, 1, 1)
ORIGINAL = UUID(int=77)


def account(wanted: str, *, debits: int = 0, credits: int = 0, **other: Any) -> AccountState:
    """The state of an account: as `new_account` reads it, floors of the chart included."""
    new = new_account(wanted)
    floor = 0 if new.floor is None and new.code[:2] in ("21", "26", "92") else new.floor
    return AccountState(
        account_id=int.from_bytes(new.code.encode()),
        code=new.code,
        account_class=new.account_class,
        unit=new.unit,
        floor=floor,
        status=other.pop("status", "open"),
        debits=debits,
        credits=credits,
        number=other.pop("number", 1 if debits or credits else 0),
        recorded_at=other.pop("recorded_at", None),
        kind=other.pop("kind", None),
        lots=other.pop("lots", ()),
    )


def books(*accounts: AccountState, **other: Any) -> State:
    """The state of books that hold these accounts."""
    return State(
        now=other.pop("now", NOW),
        first_day=other.pop("first_day", FIRST_DAY),
        accounts={one.code: one for one in accounts},
        keys=other.pop("keys", {}),
        reversed=other.pop("reversed", frozenset()),
    )


def earning() -> State:
    """Books in which points can be earned, and an account of hours."""
    return books(account("5100"), account("2100.a"), account("9200.a"), account("9110"))


def decide(state: State, *proposals: Proposal) -> list[Outcome]:
    return evaluate(state, proposals, ids_for(proposals)).outcomes


def refuse(state: State, wanted: Proposal) -> tuple[type[Refusal], dict[str, object]]:
    """Why a proposal is refused."""
    [outcome] = decide(state, wanted)
    return reason(refusal_of(outcome))


def ids_for(proposals: Sequence[Proposal]) -> list[UUID]:
    return [UUID(int=place) for place in range(1, len(proposals) + 1)]


def earn(amount: int = 25, **other: Any) -> Proposal:
    return proposal(other.pop("key", "k"), debit=f"5100 {amount}", credit=f"2100.a {amount}", **other)


# --- shape -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("debit", ["5100 0", "5100 -25", f"5100 {MOST + 1}", f"5100 {2**63}", f"5100 {10**40}"])
def test_an_amount_lies_between_one_and_ten_to_the_fifteenth(debit: str) -> None:
    wanted = proposal("k", debit=debit, credit="2100.a 25")
    assert refuse(earning(), wanted) == (InvalidField, {"field": "lines[0].amount", "problem": "out_of_range"})


def test_the_refusal_of_an_amount_names_its_line() -> None:
    wanted = proposal("k", debit="5100 25", credit="2100.a 20; 2100.a 5; 2100.a 0")
    assert refuse(earning(), wanted) == (InvalidField, {"field": "lines[3].amount", "problem": "out_of_range"})


@pytest.mark.parametrize("amount", [1, MOST])
def test_the_smallest_and_the_largest_amount_are_posted(amount: int) -> None:
    [outcome] = decide(earning(), earn(amount))
    assert [entry.balance_after for entry in transaction_of(outcome).entries] == [amount, amount]


@pytest.mark.parametrize("lines", [0, 1])
def test_a_transaction_has_two_lines_or_more(lines: int) -> None:
    wanted = earn()._replace(lines=earn().lines[:lines])
    assert refuse(earning(), wanted) == (InvalidField, {"field": "lines", "problem": "too_few"})


def test_a_transaction_has_400_lines_at_most() -> None:
    at_most = proposal("k", debit="5100 1;" * 200, credit="2100.a 1;" * 200)
    [outcome] = decide(earning(), at_most)
    assert len(transaction_of(outcome).entries) == 400
    too_many = proposal("k", debit="5100 1;" * 200, credit="2100.a 1;" * 199 + "2100.a 1; 5100 1")
    assert len(too_many.lines) == 401
    assert refuse(earning(), too_many) == (TooManyLines, {"lines": 401, "most": 400})


NOT_IN_ONE_LINE = [
    "\x00",
    "\x01",
    "\t",
    "\n",
    "\r",
    "\x1f",
    "\x7f",
    "\x85",
    "\x9f",
    "\u2028",
    "\u2029",
    "\ud800",
    "\udfff",
]


@pytest.mark.parametrize("character", NOT_IN_ONE_LINE, ids=[f"U+{ord(c):04X}" for c in NOT_IN_ONE_LINE])
def test_description_and_key_are_one_line_of_whole_characters(character: str) -> None:
    assert refuse(earning(), earn(description=f"a{character}b")) == (
        InvalidField,
        {"field": "description", "problem": "not_one_line"},
    )
    assert refuse(earning(), earn(key=f"a{character}b")) == (InvalidField, {"field": "key", "problem": "not_a_key"})


@pytest.mark.parametrize("description", ["", "字" * DESCRIPTION_LENGTH, "𠮷野家 – Ελλάδα", "a\u00a0b", " "])
def test_a_description_may_say_anything_in_one_line(description: str) -> None:
    [outcome] = decide(earning(), earn(description=description))
    assert transaction_of(outcome).description == description


def test_a_description_has_a_length() -> None:
    assert refuse(earning(), earn(description="字" * (DESCRIPTION_LENGTH + 1)))[0] is InvalidField


@pytest.mark.parametrize("key", ["", "k" * (KEY_LENGTH + 1)])
def test_a_key_is_neither_empty_nor_too_long(key: str) -> None:
    assert refuse(earning(), earn(key=key)) == (InvalidField, {"field": "key", "problem": "not_a_key"})


@pytest.mark.parametrize("key", ["k", "钥匙", "k" * KEY_LENGTH, "import/1 ", "'; DROP TABLE keys"])
def test_a_key_may_be_any_line(key: str) -> None:
    assert was_posted(decide(earning(), earn(key=key))[0])


@pytest.mark.parametrize(
    "client", ["", "import:1", "token", "token:", "token:a b", "user:1\n", "admin:1", "user:é", "room:" + "x" * 65]
)
def test_a_client_is_one_of_the_forms_of_the_contract(client: str) -> None:
    assert refuse(earning(), earn(client=client)) == (InvalidField, {"field": "client", "problem": "not_a_client"})


@pytest.mark.parametrize("client", ["import", "token:7", "till:a-1", "user:42", "room:notices"])
def test_every_form_of_client_posts(client: str) -> None:
    assert was_posted(decide(earning(), earn(client=client))[0])


@pytest.mark.parametrize("kind", ["", "-reward", "re ward", "reward\n", "奖励", "re\x00ward", "k" * 65])
def test_a_kind_is_a_short_word(kind: str) -> None:
    assert refuse(earning(), earn(kind=kind)) == (InvalidField, {"field": "kind", "problem": "not_a_kind"})


@pytest.mark.parametrize("code", ["", "-5100", "51 00", "5100\n", "5100\x00", "５１００", "\ud800", "5" * 65])
def test_what_is_no_account_code_is_refused_by_shape(code: str) -> None:
    good = earn()
    wanted = good._replace(lines=(good.lines[0], good.lines[1]._replace(account=code)))
    assert refuse(earning(), wanted) == (
        InvalidField,
        {"field": "lines[1].account", "problem": "not_an_account_code"},
    )


@pytest.mark.parametrize(
    "time",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=BEIJING),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, tzinfo=BEIJING),
    ],
)
def test_times_at_the_ends_of_the_calendar_are_refused_by_shape(time: datetime) -> None:
    assert refuse(earning(), earn(effective_at=time)) == (
        InvalidField,
        {"field": "effective_at", "problem": "out_of_range"},
    )


# --- accounts, units, balance ----------------------------------------------------------------------------------------


def test_an_account_that_is_not_there_is_unknown() -> None:
    wanted = proposal("k", debit="5100 25", credit="2100.nobody 25")
    assert refuse(earning(), wanted) == (UnknownAccount, {"account": "2100.nobody"})


def test_a_line_that_names_another_unit_than_its_account_is_refused() -> None:
    wanted = proposal("k", debit="5100 25 PT", credit="2100.a 25 HR")
    assert refuse(earning(), wanted) == (
        UnitMismatch,
        {"account": "2100.a", "unit": "HR", "account_unit": "PT"},
    )


def test_debits_and_credits_that_differ_are_unbalanced() -> None:
    wanted = proposal("k", debit="5100 25", credit="2100.a 24")
    assert refuse(earning(), wanted) == (Unbalanced, {"unit": "PT", "debits": 25, "credits": 24})


@pytest.mark.parametrize(
    ("debit", "credit", "debits", "credits"), [("5100 20; 5100 5", "", 25, 0), ("", "2100.a 20; 2100.a 5", 0, 25)]
)
def test_a_transaction_of_one_side_is_unbalanced(debit: str, credit: str, debits: int, credits: int) -> None:
    wanted = proposal("k", debit=debit, credit=credit)
    assert refuse(earning(), wanted) == (Unbalanced, {"unit": "PT", "debits": debits, "credits": credits})


def test_points_do_not_balance_hours() -> None:
    wanted = proposal("k", debit="5100 25", credit="9200.a 25")
    assert refuse(earning(), wanted) == (Unbalanced, {"unit": "PT", "debits": 25, "credits": 0})


def test_each_unit_balances_for_itself() -> None:
    wanted = proposal("k", debit="9110 150; 5100 25", credit="9200.a 25; 2100.a 150")
    assert refuse(earning(), wanted) == (Unbalanced, {"unit": "HR", "debits": 150, "credits": 25})
    [outcome] = decide(earning(), proposal("k", debit="9110 150; 5100 25", credit="9200.a 150; 2100.a 25"))
    assert was_posted(outcome)


# --- days ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first_day", "last_instant_before"),
    [
        (date(2024, 1, 1), datetime(2023, 12, 31, 15, 59, 59, 999999, tzinfo=UTC)),
        # In the summers of 1986 to 1991 Beijing was nine hours ahead.
        (date(1990, 7, 2), datetime(1990, 7, 1, 14, 59, 59, 999999, tzinfo=UTC)),
        (date(1991, 4, 14), datetime(1991, 4, 13, 15, 59, 59, 999999, tzinfo=UTC)),
        (date(1991, 4, 15), datetime(1991, 4, 14, 14, 59, 59, 999999, tzinfo=UTC)),
        (date(1991, 9, 15), datetime(1991, 9, 14, 14, 59, 59, 999999, tzinfo=UTC)),
        (date(1991, 9, 16), datetime(1991, 9, 15, 15, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_a_book_begins_at_midnight_in_beijing(first_day: date, last_instant_before: datetime) -> None:
    state = dataclasses.replace(earning(), first_day=first_day)
    assert refuse(state, earn(effective_at=last_instant_before)) == (
        EffectiveDayOutOfRange,
        {"day": first_day - timedelta(days=1), "first_day": first_day, "today": TODAY},
    )
    [outcome] = decide(state, earn(effective_at=last_instant_before + timedelta(microseconds=1)))
    assert transaction_of(outcome).effective_on == first_day


def test_today_ends_at_midnight_in_beijing() -> None:
    midnight = datetime(2025, 6, 1, 16, tzinfo=UTC)
    [outcome] = decide(earning(), earn(effective_at=midnight - timedelta(microseconds=1)))
    assert transaction_of(outcome).effective_on == TODAY
    assert refuse(earning(), earn(effective_at=midnight)) == (
        EffectiveDayOutOfRange,
        {"day": date(2025, 6, 2), "first_day": FIRST_DAY, "today": TODAY},
    )


def test_a_day_begins_with_its_first_instant_in_beijing() -> None:
    state = dataclasses.replace(earning(), now=datetime(2025, 6, 1, 16, tzinfo=UTC))
    [outcome] = decide(state, earn(effective_at=datetime(2025, 6, 2, tzinfo=BEIJING)))
    assert transaction_of(outcome).effective_on == date(2025, 6, 2)


# --- status, totals, floors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "refusal"), [("frozen", AccountFrozen), ("closed", AccountClosed)])
def test_a_frozen_or_closed_account_takes_no_entry(status: str, refusal: type[Refusal]) -> None:
    state = books(account("5100"), account("2100.a", status=status))
    assert refuse(state, earn()) == (refusal, {"account": "2100.a"})


def test_totals_never_pass_the_largest_number_the_database_holds() -> None:
    state = books(account("5100", debits=LARGEST_TOTAL - 25, credits=LARGEST_TOTAL), account("2100.a"))
    [outcome] = decide(state, earn(25))
    assert transaction_of(outcome).entries[0].balance_after == 0
    assert refuse(state, earn(26)) == (AmountOutOfRange, {"account": "5100"})


def test_totals_are_those_of_all_lines_of_an_account_together() -> None:
    state = books(account("5100", credits=LARGEST_TOTAL - 30), account("2100.a"))
    wanted = proposal("k", debit="2100.a 31", credit="5100 16; 5100 15")
    assert refuse(state, wanted) == (AmountOutOfRange, {"account": "5100"})


def test_a_wallet_is_not_overdrawn() -> None:
    state = books(account("5100"), account("2100.a", debits=10, credits=58))
    wanted = proposal("k", debit="2100.a 49", credit="5100 49")
    assert refuse(state, wanted) == (InsufficientBalance, {"account": "2100.a", "balance": 48, "floor": 0})
    assert was_posted(decide(state, proposal("k", debit="2100.a 48", credit="5100 48"))[0])


@pytest.mark.parametrize("floor", [-500, 0])
def test_a_floor_may_lie_below_zero(floor: int) -> None:
    state = books(account(f"till asset SEK {floor}"), account("shop income SEK"))
    assert was_posted(decide(state, proposal("k", debit="shop 500", credit="till 500"))[0]) == (floor == -500)
    assert refuse(state, proposal("k", debit="shop 501", credit="till 501")) == (
        InsufficientBalance,
        {"account": "till", "balance": 0, "floor": floor},
    )


def test_an_account_without_a_floor_may_fall_as_deep_as_it_likes() -> None:
    [outcome] = decide(books(account("5100"), account("3100")), proposal("k", debit="3100 9", credit="5100 9"))
    assert [entry.balance_after for entry in transaction_of(outcome).entries] == [-9, -9]


def test_the_floor_looks_at_what_a_transaction_does_to_an_account_as_a_whole() -> None:
    state = books(account("5100"), account("2100.a"))
    [outcome] = decide(state, proposal("k", debit="2100.a 10; 5100 10", credit="5100 10; 2100.a 10"))
    assert [entry.balance_after for entry in transaction_of(outcome).entries] == [-10, 10, 0, 0]
    assert refuse(state, proposal("k", debit="2100.a 10; 2100.a 1; 5100 10", credit="2100.a 10; 5100 11")) == (
        InsufficientBalance,
        {"account": "2100.a", "balance": 0, "floor": 0},
    )


def test_an_account_on_several_lines_gets_a_number_for_each() -> None:
    state = books(account("5100", number=6), account("2100.a", credits=5, number=3))
    [outcome] = decide(state, proposal("k", debit="5100 10; 5100 5", credit="2100.a 7; 2100.a 8"))
    found = [(entry.account, entry.number, entry.balance_after) for entry in transaction_of(outcome).entries]
    assert found == [("5100", 7, 10), ("5100", 8, 15), ("2100.a", 4, 12), ("2100.a", 5, 20)]


# --- the order of checks ---------------------------------------------------------------------------------------------

FAULTS = ("shape", "key", "account", "unit", "balance", "day", "status", "floor")
ANSWERS = {
    "shape": InvalidField,
    "key": IdempotencyConflict,
    "account": UnknownAccount,
    "unit": UnitMismatch,
    "balance": Unbalanced,
    "day": EffectiveDayOutOfRange,
    "status": AccountFrozen,
    "floor": InsufficientBalance,
}


def faulty(faults: Iterable[str]) -> tuple[State, Proposal]:
    """Books and a proposal with these faults at once. The lines of the later faults stand before the earlier ones'."""
    wrong = {
        "account": ("nowhere 1", "5100 1"),
        "unit": ("5100 1 HR", "5100 1"),
        "balance": ("5100 7", ""),
        "status": ("2100.frozen 1", "5100 1"),
        "floor": ("2100.poor 1000", "5100 1000"),
    }
    lines = [wrong[fault] for fault in sorted(faults, key=FAULTS.index, reverse=True) if fault in wrong]
    wanted = proposal(
        "k",
        debit=";".join(debit for debit, _ in [*lines, ("5100 1", "")]),
        credit=";".join(credit for _, credit in [*lines, ("", "2100.a 1")]),
        kind="no kind" if "shape" in faults else "test",
        effective_at=NOW + timedelta(days=1) if "day" in faults else NOON,
    )
    used = {(CLIENT, "k"): Used("another call", UUID(int=9), None)} if "key" in faults else {}
    wallets = (account("2100.a"), account("2100.poor"), account("2100.frozen", credits=5, status="frozen"))
    return books(account("5100"), *wallets, keys=used), wanted


def test_without_a_fault_it_would_be_posted() -> None:
    state, wanted = faulty([])
    assert was_posted(decide(state, wanted)[0])


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_is_refused(fault: str) -> None:
    assert refuse(*faulty([fault]))[0] is ANSWERS[fault]


@pytest.mark.parametrize(("earlier", "later"), list(itertools.combinations(FAULTS, 2)))
def test_of_two_faults_the_earlier_in_the_contract_is_named(earlier: str, later: str) -> None:
    assert refuse(*faulty([earlier, later]))[0] is ANSWERS[earlier]


def test_of_all_faults_together_the_shape_is_named() -> None:
    assert refuse(*faulty(FAULTS))[0] is InvalidField


def test_a_status_is_named_before_a_floor_wherever_the_lines_stand() -> None:
    state, _ = faulty(["status", "floor"])
    wanted = proposal("k", debit="2100.poor 1000; 2100.frozen 1", credit="5100 1001")
    assert refuse(state, wanted)[0] is AccountFrozen


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_used_key_answers_with_its_transaction() -> None:
    wanted = earn()
    state = books(account("5100"), account("2100.a"), keys={(CLIENT, "k"): Used(wanted.call, ORIGINAL, None)})
    result = evaluate(state, [wanted], [UUID(int=1)])
    assert result.outcomes == [Posted(ORIGINAL, None, replayed=True)]
    assert result.transactions == result.keys == []


def test_a_used_key_answers_with_its_refusal_whatever_has_changed_since() -> None:
    wanted = proposal("k", debit="2100.a 5", credit="5100 5")
    refusal = InsufficientBalance("2100.a", 0, 0)
    state = books(
        account("5100"), account("2100.a", credits=100), keys={(CLIENT, "k"): Used(wanted.call, None, refusal)}
    )
    result = evaluate(state, [wanted], [UUID(int=1)])
    assert result.outcomes == [Refused(refusal, replayed=True)]
    assert result.transactions == result.keys == []


def test_another_call_under_a_used_key_conflicts_and_names_both() -> None:
    state = books(account("5100"), account("2100.a"), keys={(CLIENT, "k"): Used("the first", ORIGINAL, None)})
    assert refuse(state, earn(call="the second")) == (
        IdempotencyConflict,
        {"key": "k", "earlier_call": "the first", "call": "the second"},
    )


def test_a_key_belongs_to_its_client() -> None:
    state = books(account("5100"), account("2100.a"), keys={("till:2", "k"): Used("the first", ORIGINAL, None)})
    assert was_posted(decide(state, earn(client="till:1"))[0])


# --- several in one batch --------------------------------------------------------------------------------------------


def test_a_later_proposal_spends_what_an_earlier_one_earned() -> None:
    spend = proposal("spend", debit="2100.a 25", credit="5100 25")
    assert [was_posted(outcome) for outcome in decide(earning(), earn(), spend)] == [True, True]
    assert [was_posted(outcome) for outcome in decide(earning(), spend, earn())] == [False, True]


def test_the_refusal_of_a_later_proposal_tells_the_balance_that_the_earlier_ones_left() -> None:
    spends = [proposal(f"spend {n}", debit="2100.a 10", credit="5100 10") for n in range(3)]
    outcomes = decide(earning(), earn(25), *spends)
    assert [was_posted(outcome) for outcome in outcomes] == [True, True, True, False]
    assert reason(refusal_of(outcomes[3])) == (InsufficientBalance, {"account": "2100.a", "balance": 5, "floor": 0})


def test_the_same_key_again_in_one_batch_is_answered_from_the_first() -> None:
    result = evaluate(earning(), [earn(), earn()], [UUID(int=1), UUID(int=2)])
    assert result.outcomes[1] == Posted(UUID(int=1), None, replayed=True)
    assert [transaction.transaction_id for transaction in result.transactions] == [UUID(int=1)]
    assert len(result.keys) == 1


def test_the_same_key_for_another_call_in_one_batch_conflicts() -> None:
    outcomes = decide(earning(), earn(25), earn(26))
    assert was_posted(outcomes[0])
    assert isinstance(refusal_of(outcomes[1]), IdempotencyConflict)


def test_a_stored_refusal_stays_though_the_next_of_the_batch_brings_the_funds() -> None:
    spend = proposal("spend", debit="2100.a 25", credit="5100 25")
    anew = spend._replace(key="spend anew")
    result = evaluate(earning(), [spend, earn(), spend, anew], [UUID(int=n) for n in range(4)])
    first, _, again, other_key = result.outcomes
    assert isinstance(first, Refused)
    assert not first.replayed
    assert again == Refused(first.refusal, replayed=True)
    assert was_posted(other_key)
    assert [(key, used.refusal) for _, key, used in result.keys] == [
        ("spend", first.refusal),
        ("k", None),
        ("spend anew", None),
    ]


def test_a_refusal_that_is_not_to_be_kept_leaves_its_key_to_the_next() -> None:
    spend = proposal("spend", debit="2100.a 25", credit="5100 25", keep_refusal=False)
    result = evaluate(earning(), [spend, earn(), spend, spend], [UUID(int=n) for n in range(4)])
    assert [was_posted(outcome) for outcome in result.outcomes] == [False, True, True, True]
    assert [outcome.replayed for outcome in result.outcomes] == [False, False, False, True]
    assert [(key, used.refusal) for _, key, used in result.keys] == [("k", None), ("spend", None)]


def test_a_refusal_that_is_not_stored_leaves_its_key_to_the_next() -> None:
    unbalanced = proposal("k", debit="5100 25", credit="2100.a 24")
    outcomes = decide(earning(), unbalanced, earn(key="k"))
    assert [was_posted(outcome) for outcome in outcomes] == [False, True]


# --- reversals -------------------------------------------------------------------------------------------------------


def undo(key: str, **other: Any) -> Proposal:
    return proposal(key, debit="2100.a 25", credit="5100 25", correction="reversal", corrects=ORIGINAL, **other)


def rich(**other: Any) -> State:
    return books(account("5100", debits=100), account("2100.a", credits=100), **other)


def test_a_transaction_is_reversed_once_in_one_batch() -> None:
    outcomes = decide(rich(), undo("first"), undo("second"))
    assert was_posted(outcomes[0])
    assert reason(refusal_of(outcomes[1])) == (AlreadyReversed, {"transaction": ORIGINAL})


def test_a_transaction_reversed_earlier_is_not_reversed_again() -> None:
    assert refuse(rich(reversed=frozenset({ORIGINAL})), undo("k"))[0] is AlreadyReversed


def test_a_refused_reversal_leaves_the_next_one_free() -> None:
    outcomes = decide(books(account("5100"), account("2100.a")), undo("first"), earn(), undo("second"))
    assert [was_posted(outcome) for outcome in outcomes] == [False, True, True]


def test_what_has_been_reversed_cannot_be_refunded_any_more() -> None:
    wanted = undo("k")._replace(correction="refund")
    [outcome] = decide(rich(reversed=frozenset({ORIGINAL})), wanted)
    assert reason(refusal_of(outcome)) == (AlreadyReversed, {"transaction": ORIGINAL})


# --- time ------------------------------------------------------------------------------------------------------------


def test_a_transaction_is_recorded_at_the_time_in_force() -> None:
    [outcome] = decide(earning(), earn())
    assert transaction_of(outcome).recorded_at == NOW


def test_nothing_is_recorded_before_the_last_entry_of_its_account() -> None:
    later = NOW + timedelta(seconds=3)
    state = books(account("5100", recorded_at=NOW - timedelta(days=1)), account("2100.a", recorded_at=later))
    [outcome] = decide(state, earn())
    assert transaction_of(outcome).recorded_at == later


# --- what holds for any batch ----------------------------------------------------------------------------------------

ACCOUNTS = (
    account("5100"),
    account("3100", debits=40, credits=90, number=4, recorded_at=NOW - timedelta(days=1)),
    account("2100.a", credits=30, number=2, recorded_at=NOW + timedelta(seconds=1)),
    account("2100.b"),
    account("2100.frozen", credits=50, status="frozen"),
    account("2100.closed", status="closed"),
    account("9110"),
    account("9200.a", credits=60),
    account("1110", debits=LARGEST_TOTAL - 20, credits=LARGEST_TOTAL - 20),
    account("till asset CNY -15"),
)
UNITS = {one.code: one.unit for one in ACCOUNTS}
REVERSIBLE = (UUID(int=501), UUID(int=502))
START = books(
    *ACCOUNTS,
    keys={
        (CLIENT, "used"): Used("call 1", UUID(int=601), None),
        (CLIENT, "refused"): Used("call 1", None, InsufficientBalance("2100.b", 0, 0)),
    },
    reversed=frozenset(REVERSIBLE[:1]),
)


SOUND = [code for code in UNITS if code not in ("2100.frozen", "2100.closed")]
PAIRS = [(one, other) for one in SOUND for other in SOUND if UNITS[one] == UNITS[other]]
MISHAPS: dict[str, Callable[[Proposal], Proposal]] = {
    "none": lambda good: good,
    "shape": lambda good: good._replace(kind="no kind"),
    "amount": lambda good: good._replace(lines=(*good.lines, Line("5100", "debit", MOST + 1))),
    "one line": lambda good: good._replace(lines=good.lines[:1]),
    "account": lambda good: good._replace(lines=(*good.lines, Line("nowhere", "debit", 1))),
    "unit": lambda good: good._replace(lines=(*good.lines, Line("5100", "debit", 1, "HR"))),
    "balance": lambda good: good._replace(lines=(*good.lines, Line("5100", "debit", 1))),
    "future": lambda good: good._replace(effective_at=NOW + timedelta(days=1)),
    "past": lambda good: good._replace(effective_at=NOW - timedelta(days=20_000)),
    "frozen": lambda good: good._replace(
        lines=(*good.lines, *legs("debit", "5100 1"), *legs("credit", "2100.frozen 1"))
    ),
    "closed": lambda good: good._replace(
        lines=(*good.lines, *legs("debit", "5100 1"), *legs("credit", "2100.closed 1"))
    ),
}

moves = st.tuples(st.sampled_from(PAIRS), st.integers(1, 30), st.sampled_from([None, "own"]))


def proposed(
    moved: list[tuple[tuple[str, str], int, str | None]],
    key: str,
    client: str,
    call: str,
    corrects: UUID | None,
    mishap: str,
) -> Proposal:
    """A proposal that balances and moves amounts between pairs of accounts, but for its mishap."""
    lines = [
        Line(code, side, amount, UNITS[code] if named else None)
        for pair, amount, named in moved
        for code, side in zip(pair, ("debit", "credit"), strict=True)
    ]
    good = Proposal(
        client=client,
        key=key,
        call=call,
        kind="test",
        effective_at=NOW,
        lines=tuple(lines),
        actor="user:1",
        correction="reversal" if corrects else None,
        corrects=corrects,
    )
    return MISHAPS[mishap](good)


batches = st.lists(
    st.builds(
        proposed,
        st.lists(moves, min_size=1, max_size=3),
        key=st.sampled_from([*(f"k{n}" for n in range(30)), "used", "refused"]),
        client=st.sampled_from([CLIENT, CLIENT, CLIENT, "till:1"]),
        call=st.sampled_from(["call 1", "call 1", "call 1", "call 2"]),
        corrects=st.sampled_from([None, None, None, None, None, None, *REVERSIBLE]),
        mishap=st.sampled_from([*["none"] * 25, *MISHAPS]),
    ),
    max_size=20,
)
any_batch = settings(derandomize=True, deadline=None, database=None, max_examples=150)


def plain(outcome: Outcome) -> object:
    """An outcome that can be compared."""
    return (reason(outcome.refusal), outcome.replayed) if isinstance(outcome, Refused) else outcome


def after(state: State, evaluation: Evaluation) -> State:
    """The books after a batch, folded anew from what it posted."""
    accounts = dict(state.accounts)
    reversed_ones = set(state.reversed)
    for transaction in evaluation.transactions:
        for entry in transaction.entries:
            before = accounts[entry.account]
            accounts[entry.account] = before._replace(
                debits=before.debits + (entry.amount if entry.side == "debit" else 0),
                credits=before.credits + (entry.amount if entry.side == "credit" else 0),
                number=before.number + 1,
                recorded_at=transaction.recorded_at,
            )
            folded = accounts[entry.account]
            assert (entry.number, entry.balance_after) == (folded.number, folded.balance), "as the entries fold"
        if transaction.correction == "reversal" and transaction.corrects is not None:
            reversed_ones.add(transaction.corrects)
    return dataclasses.replace(
        state,
        accounts=accounts,
        keys={**state.keys, **{(client, key): used for client, key, used in evaluation.keys}},
        reversed=frozenset(reversed_ones),
    )


@any_batch
@given(batches)
def test_every_transaction_balances_in_every_unit(batch: list[Proposal]) -> None:
    for transaction in evaluate(START, batch, ids_for(batch)).transactions:
        for unit in {entry.unit for entry in transaction.entries}:
            signed = [
                entry.amount if entry.side == "debit" else -entry.amount
                for entry in transaction.entries
                if entry.unit == unit
            ]
            assert sum(signed) == 0


@any_batch
@given(batches)
def test_numbers_have_no_gap_and_balances_are_the_fold_of_the_entries(batch: list[Proposal]) -> None:
    after(START, evaluate(START, batch, ids_for(batch)))


@any_batch
@given(batches)
def test_floors_limits_and_statuses_hold_after_every_transaction(batch: list[Proposal]) -> None:
    evaluation = evaluate(START, batch, ids_for(batch))
    state = START
    for transaction in evaluation.transactions:
        state = after(state, Evaluation(evaluation.recorded_at, transactions=[transaction]))
        for entry in transaction.entries:
            touched = state.accounts[entry.account]
            assert touched.floor is None or touched.balance >= touched.floor
            assert max(touched.debits, touched.credits) <= LARGEST_TOTAL
            assert touched.status == "open"


@any_batch
@given(batches)
def test_every_key_is_stored_once_with_the_outcome_that_its_first_call_got(batch: list[Proposal]) -> None:
    evaluation = evaluate(START, batch, ids_for(batch))
    stored = {(client, key): used for client, key, used in evaluation.keys}
    assert len(stored) == len(evaluation.keys)
    assert not stored.keys() & START.keys.keys()
    assert sorted(used.transaction_id for used in stored.values() if used.transaction_id) == sorted(
        transaction.transaction_id for transaction in evaluation.transactions
    )
    for one, outcome in zip(batch, evaluation.outcomes, strict=True):
        if isinstance(outcome, Posted):
            used = stored.get((one.client, one.key)) or START.keys[one.client, one.key]
            assert (used.call, used.transaction_id) == (one.call, outcome.transaction_id)
        elif outcome.refusal.stored:
            used = stored.get((one.client, one.key)) or START.keys[one.client, one.key]
            assert (used.call, used.refusal) == (one.call, outcome.refusal)


@any_batch
@given(batches)
def test_a_transaction_is_reversed_once_in_any_batch(batch: list[Proposal]) -> None:
    reversed_now = [t.corrects for t in evaluate(START, batch, ids_for(batch)).transactions if t.correction]
    assert len(set(reversed_now)) == len(reversed_now)
    assert not START.reversed & set(reversed_now)


@any_batch
@given(batches)
def test_a_refused_proposal_changes_nothing_for_the_others(batch: list[Proposal]) -> None:
    ids = ids_for(batch)
    outcomes = evaluate(START, batch, ids).outcomes
    used = [(one.client, one.key) for one in batch]
    kept = [
        place
        for place, outcome in enumerate(outcomes)
        # A stored refusal rightly answers later calls under its key: it can be left out only where there are none.
        if not (isinstance(outcome, Refused) and (not outcome.refusal.stored or used.count(used[place]) == 1))
    ]
    without = evaluate(START, [batch[place] for place in kept], [ids[place] for place in kept])
    assert [plain(outcome) for outcome in without.outcomes] == [plain(outcomes[place]) for place in kept]


@any_batch
@given(batches)
def test_the_same_batch_on_the_same_books_has_the_same_outcomes(batch: list[Proposal]) -> None:
    first, second = (evaluate(START, batch, ids_for(batch)) for _ in range(2))
    assert [plain(outcome) for outcome in first.outcomes] == [plain(outcome) for outcome in second.outcomes]
    assert first.transactions == second.transactions


@any_batch
@given(batches, st.integers(0, 20))
def test_a_batch_posted_in_two_parts_has_the_outcomes_of_the_whole(batch: list[Proposal], cut: int) -> None:
    ids = ids_for(batch)
    whole = evaluate(START, batch, ids)
    first = evaluate(START, batch[:cut], ids[:cut])
    second = evaluate(after(START, first), batch[cut:], ids[cut:])
    parts = first.outcomes + second.outcomes
    assert [plain(outcome) for outcome in parts] == [plain(outcome) for outcome in whole.outcomes]
    assert first.transactions + second.transactions == whole.transactions
    assert after(after(START, first), second).accounts == after(START, whole).accounts


# --- lots: which of them a debit takes -------------------------------------------------------------------------------

OF_ONE, OF_ANOTHER = UUID(int=101), UUID(int=102)
"""Records whose points lie in the same account."""


def lot(number: int, remaining: int, lapses_on: date | None = None, origin: UUID = OF_ONE) -> Lot:
    return Lot(number, 0, UUID(int=100 + number), origin, lapses_on, remaining)


def made_of(*shelf: Lot) -> State:
    """Books in which 2100.a and 2110.a are each made of these lots."""
    total = sum(one.remaining for one in shelf)
    return books(
        account("2100.a", credits=total, number=len(shelf), kind="wallet", lots=shelf),
        account("2110.a", credits=total, number=len(shelf), kind="wallet_in_notice", lots=shelf),
        account("2100.b", kind="wallet"),
        account("4100"),
    )


def taken(state: State, *proposals: Proposal) -> dict[int, int]:
    """What proposals that are posted take, by the number of the lot."""
    evaluation = evaluate(state, proposals, ids_for(proposals))
    assert all(map(was_posted, evaluation.outcomes)), evaluation.outcomes
    sums: dict[int, int] = {}
    for move in evaluation.moves:
        sums[move.number] = sums.get(move.number, 0) - move.amount
    return sums


def release(amount: int, **other: Any) -> Proposal:
    return proposal(other.pop("key", "k"), debit=f"2110.a {amount}", credit=f"2100.b {amount}", **other)


def expire(amount: int, **other: Any) -> Proposal:
    return proposal(other.pop("key", "k"), debit=f"2100.a {amount}", credit="4100 " + str(amount), **other)


def test_a_move_takes_first_what_comes_from_the_transaction_that_it_carries_on() -> None:
    two_records = made_of(lot(1, 20, origin=OF_ONE), lot(2, 30, origin=OF_ANOTHER), lot(3, 5, origin=OF_ANOTHER))
    assert taken(two_records, release(32, moves=OF_ANOTHER)) == {2: 30, 3: 2}
    assert taken(two_records, release(32)) == {1: 20, 2: 12}


def test_what_was_moved_on_keeps_the_transaction_that_it_comes_from() -> None:
    two_records = made_of(lot(1, 20, origin=OF_ONE), lot(2, 30, origin=OF_ANOTHER))
    wanted = release(30, moves=OF_ANOTHER)
    assert [made.origin for made in evaluate(two_records, [wanted], ids_for([wanted])).lots] == [OF_ANOTHER]


def test_where_little_is_left_of_it_a_move_takes_the_rest_as_any_debit() -> None:
    dated = made_of(lot(1, 20), lot(2, 20, TODAY + timedelta(days=9)), lot(3, 5, origin=OF_ANOTHER))
    assert taken(dated, release(30, moves=OF_ANOTHER)) == {3: 5, 2: 20, 1: 5}


def test_a_move_takes_nothing_that_has_lapsed_even_of_its_own() -> None:
    lapsed = made_of(lot(1, 20, TODAY, origin=OF_ANOTHER), lot(2, 20))
    assert taken(lapsed, release(10, moves=OF_ANOTHER)) == {2: 10}
    assert refuse(lapsed, release(21, moves=OF_ANOTHER)) == (
        InsufficientBalance,
        {"account": "2110.a", "balance": 20, "floor": 0},
    )


def test_an_expiry_takes_what_has_lapsed_the_earliest_first() -> None:
    shelf = made_of(lot(1, 4), lot(2, 5, TODAY), lot(3, 6, TODAY - timedelta(days=1)), lot(4, 7, TODAY + timedelta(1)))
    assert taken(shelf, expire(11, lapsed=True)) == {3: 6, 2: 5}
    assert taken(shelf, expire(8, lapsed=True)) == {3: 6, 2: 2}


def test_an_expiry_of_more_than_has_lapsed_is_refused() -> None:
    shelf = made_of(lot(1, 400), lot(2, 5, TODAY), lot(3, 7, TODAY + timedelta(days=1)))
    assert refuse(shelf, expire(6, lapsed=True)) == (
        InsufficientBalance,
        {"account": "2100.a", "balance": 5, "floor": 0},
    )


def test_a_second_expiry_finds_nothing_that_the_first_has_taken() -> None:
    shelf = made_of(lot(1, 400), lot(2, 5, TODAY))
    outcomes = decide(shelf, expire(5, lapsed=True), expire(5, lapsed=True, key="again"))
    assert reason(refusal_of(outcomes[1]))[0] is InsufficientBalance


def test_an_expiry_leaves_what_an_open_hold_holds() -> None:
    held = lot(1, 5, TODAY)
    hold = HoldState(UUID(int=101), "2100.a", "2120.a", 5, NOW + timedelta(days=1))
    accounts = (
        account("2100.a", kind="wallet"),
        account("2120.a", credits=5, kind="wallet_held", lots=(held,)),
        account("4100"),
    )
    wanted = proposal("k", debit="2120.a 5", credit="4100 5", lapsed=True)
    assert refuse(dataclasses.replace(books(*accounts), holds={hold.hold_id: hold}), wanted) == (
        InsufficientBalance,
        {"account": "2120.a", "balance": 0, "floor": 0},
    )


def test_what_expired_lives_for_the_days_of_grace_when_the_expiry_is_reversed() -> None:
    shelf = made_of(lot(1, 5, TODAY))
    expiry = expire(5, lapsed=True)
    back = proposal("back", debit="4100 5", credit="2100.a 5", correction="reversal", corrects=UUID(int=1))
    evaluation = evaluate(shelf, [expiry, back], ids_for([expiry, back]))
    assert all(map(was_posted, evaluation.outcomes))
    [revived] = evaluation.lots
    assert (revived.amount, revived.lapses_on, revived.origin) == (5, TODAY + timedelta(days=30), OF_ONE)
