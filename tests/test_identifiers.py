"""Identifiers: each above the one before, whoever draws them."""

import itertools
from datetime import UTC, datetime
from uuid import UUID

from ledger import identifiers

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_those_of_one_instant_rise_and_are_uuids_of_version_7_of_it() -> None:
    for _ in range(20):
        drawn = list(itertools.islice(identifiers.rising(NOON), 1000))
        assert drawn == sorted(set(drawn))
        assert {(each.version, each.variant) for each in drawn} == {(7, UUID(int=2 << 62).variant)}
        assert {each.int >> 80 for each in drawn} == {int(NOON.timestamp() * 1000)}


def test_two_that_are_drawn_at_one_instant_by_different_callers_differ() -> None:
    assert len({next(identifiers.rising(NOON)) for _ in range(10_000)}) == 10_000
