"""Stored outcomes: what lies in the books of earlier versions must be read for ever."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import pytest

from ledger.books import keys
from ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AlreadyReversed,
    AmountOutOfRange,
    InsufficientBalance,
    StateRefusal,
)

pytestmark = pytest.mark.books

STORED: Final[dict[str, StateRefusal]] = {
    '{"refusal": "InsufficientBalance", "account": "2100.a", "balance": 5, "floor": 0}': InsufficientBalance(
        "2100.a", 5, 0
    ),
    '{"refusal": "AccountFrozen", "account": "2100.a"}': AccountFrozen("2100.a"),
    '{"refusal": "AccountClosed", "account": "2100.a"}': AccountClosed("2100.a"),
    '{"refusal": "AmountOutOfRange", "account": "2100.a"}': AmountOutOfRange("2100.a"),
    '{"refusal": "AlreadyReversed", "transaction": "01950000-0000-7000-8000-000000000001"}': AlreadyReversed(
        UUID("01950000-0000-7000-8000-000000000001")
    ),
}
"""Rows as they are stored. One may be added; none may be changed, since such rows exist."""


@pytest.mark.parametrize(("stored", "refusal"), STORED.items(), ids=lambda value: type(value).__name__)
def test_a_stored_refusal_is_read_as_it_was_written(stored: str, refusal: StateRefusal) -> None:
    read = keys.restore(stored)
    assert (type(read), dict(read.facts())) == (type(refusal), dict(refusal.facts()))
    assert keys.dump(refusal) == stored


def test_every_refusal_that_is_stored_has_a_row_here() -> None:
    assert {type(refusal) for refusal in STORED.values()} == set(StateRefusal.__subclasses__())
