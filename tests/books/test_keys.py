"""Stored outcomes: what lies in the books of earlier versions must be read for ever."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import pytest

from ledger.books import keys
from ledger.errors import (
    AccountClosed,
    AccountFrozen,
    AlreadyRefunded,
    AlreadyReversed,
    AmountOutOfRange,
    CodeElsewhere,
    CodeNotValid,
    CodeUsed,
    HoldEnded,
    HoldExpired,
    InsufficientBalance,
    NotCancellable,
    NotDisputable,
    NotEligible,
    NotEnoughPoints,
    NotOffered,
    NotRefundable,
    NotWaiting,
    OverLimit,
    OverQuota,
    PeriodClosed,
    QuoteOver,
    RedemptionDisputed,
    RefundTooLarge,
    SoldOut,
    StateRefusal,
    StockChanged,
    TillLocked,
    TooLateToDispute,
    TooManyQuotes,
    VoucherNotValid,
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
    '{"refusal": "AlreadyRefunded", "transaction": "01950000-0000-7000-8000-000000000001"}': AlreadyRefunded(
        UUID("01950000-0000-7000-8000-000000000001")
    ),
    '{"refusal": "RefundTooLarge", "transaction": "01950000-0000-7000-8000-000000000001", "unit": "PT", "left": 5}': (
        RefundTooLarge(UUID("01950000-0000-7000-8000-000000000001"), "PT", 5)
    ),
    '{"refusal": "PeriodClosed", "day": "2025-03-05", "closed_through": "2025-03-31"}': PeriodClosed(
        date(2025, 3, 5), date(2025, 3, 31)
    ),
    '{"refusal": "HoldEnded", "hold": "01950000-0000-7000-8000-000000000001", "status": "captured"}': HoldEnded(
        UUID("01950000-0000-7000-8000-000000000001"), "captured"
    ),
    '{"refusal": "HoldExpired", "hold": "01950000-0000-7000-8000-000000000001",'
    ' "expires_at": "2025-03-05 04:00:00.000001+00:00"}': HoldExpired(
        UUID("01950000-0000-7000-8000-000000000001"), datetime(2025, 3, 5, 4, 0, 0, 1, tzinfo=UTC)
    ),
    '{"refusal": "CodeNotValid"}': CodeNotValid(),
    '{"refusal": "CodeUsed", "used_at": "2025-03-05 04:00:00.000001+00:00"}': CodeUsed(
        datetime(2025, 3, 5, 4, 0, 0, 1, tzinfo=UTC)
    ),
    '{"refusal": "CodeElsewhere"}': CodeElsewhere(),
    '{"refusal": "TooManyQuotes"}': TooManyQuotes(),
    '{"refusal": "TillLocked", "until": "2025-03-05 04:00:00.000001+00:00"}': TillLocked(
        datetime(2025, 3, 5, 4, 0, 0, 1, tzinfo=UTC)
    ),
    '{"refusal": "NotEnoughPoints"}': NotEnoughPoints(),
    '{"refusal": "NotOffered", "item": "G01"}': NotOffered("G01"),
    '{"refusal": "SoldOut", "item": "G01"}': SoldOut("G01"),
    '{"refusal": "OverQuota", "item": "G01", "by": "person", "times": 2, "per": "month"}': OverQuota(
        "G01", "person", 2, "month"
    ),
    '{"refusal": "NotEligible", "item": "G01"}': NotEligible("G01"),
    '{"refusal": "OverLimit", "limit": "shop_day"}': OverLimit("shop_day"),
    '{"refusal": "QuoteOver"}': QuoteOver(),
    '{"refusal": "NotWaiting", "status": "lapsed"}': NotWaiting("lapsed"),
    '{"refusal": "NotCancellable", "why": "too_late"}': NotCancellable("too_late"),
    '{"refusal": "NotRefundable", "why": "too_many"}': NotRefundable("too_many"),
    '{"refusal": "RedemptionDisputed"}': RedemptionDisputed(),
    '{"refusal": "TooLateToDispute", "days": 30}': TooLateToDispute(30),
    '{"refusal": "NotDisputable", "why": "refunded"}': NotDisputable("refunded"),
    '{"refusal": "VoucherNotValid", "state": "used"}': VoucherNotValid("used"),
    '{"refusal": "StockChanged", "item": "G01", "pieces": 7}': StockChanged("G01", 7),
}
"""Rows as they are stored. One may be added; none may be changed, since such rows exist."""


@pytest.mark.parametrize(("stored", "refusal"), STORED.items(), ids=lambda value: type(value).__name__)
def test_a_stored_refusal_is_read_as_it_was_written(stored: str, refusal: StateRefusal) -> None:
    read = keys.restore(stored)
    assert (type(read), dict(read.facts())) == (type(refusal), dict(refusal.facts()))
    assert keys.dump(refusal) == stored


def test_every_refusal_that_is_stored_has_a_row_here() -> None:
    assert {type(refusal) for refusal in STORED.values()} == set(StateRefusal.__subclasses__())
