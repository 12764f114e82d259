"""Attempts: who guesses waits longer and longer, and nobody else does."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import attempts
from ledger.access.attempts import FORGOTTEN_AFTER, FREE
from ledger.access.tables import attempts as attempts_table
from ledger.errors import TooManyAttempts
from tests.access.callers import NOW
from tests.books.ledgers import second_engine

KEY = "a key for tests, of more than 32 characters"


@pytest.fixture
def attempt() -> bytes:
    """What attempts at a name of the test's own are counted under."""
    return attempts.digest(KEY, None, f"wang-{secrets.token_hex(4)}", "10.0.0.1")


async def begin(database: AsyncEngine, attempt: bytes, now: datetime = NOW) -> int:
    """Seconds to wait; 0: it may be tried now, and is counted."""
    try:
        async with database.begin() as tx:
            await attempts.begin(tx, attempt, now)
    except TooManyAttempts as refusal:
        return refusal.seconds
    return 0


async def test_five_failures_are_free_and_then_each_wait_is_twice_the_one_before(
    database: AsyncEngine, attempt: bytes
) -> None:
    assert [await begin(database, attempt) for _ in range(FREE)] == [0] * FREE
    now, waits = NOW, []
    for _ in range(13):
        assert await begin(database, attempt, now) == 0
        waits.append(wait := await begin(database, attempt, now))
        assert await begin(database, attempt, now + timedelta(seconds=wait - 1)) == 1
        now += timedelta(seconds=wait)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]


async def test_asking_while_one_has_to_wait_does_not_make_it_longer(database: AsyncEngine, attempt: bytes) -> None:
    for _ in range(FREE + 1):
        await begin(database, attempt)
    assert [await begin(database, attempt) for _ in range(20)] == [2] * 20
    assert await begin(database, attempt, NOW + timedelta(seconds=2)) == 0


async def test_what_is_left_of_a_second_is_a_second(database: AsyncEngine, attempt: bytes) -> None:
    for _ in range(FREE + 1):
        await begin(database, attempt)
    for milliseconds, left in ((1, 2), (999, 2), (1000, 1), (1999, 1), (2000, 0)):
        assert await begin(database, attempt, NOW + timedelta(milliseconds=milliseconds)) == left


async def test_success_forgets_the_failures(database: AsyncEngine, attempt: bytes) -> None:
    for _ in range(FREE + 1):
        await begin(database, attempt)
    async with database.begin() as tx:
        await attempts.succeeded(tx, attempt)
    assert [await begin(database, attempt) for _ in range(FREE + 1)] == [0] * (FREE + 1)


async def test_a_day_after_the_wait_is_over_the_failures_are_forgotten(database: AsyncEngine, attempt: bytes) -> None:
    for _ in range(FREE + 1):
        await begin(database, attempt)
    almost = NOW + timedelta(seconds=2) + FORGOTTEN_AFTER
    later = almost + timedelta(seconds=5)
    assert await begin(database, attempt, almost) == 0
    assert await begin(database, attempt, almost) == 4, "the seventh"
    assert await begin(database, attempt, later) == 0
    assert await begin(database, attempt, later + FORGOTTEN_AFTER + timedelta(minutes=1)) == 0
    assert await begin(database, attempt, later + FORGOTTEN_AFTER + timedelta(minutes=1)) == 0, "the second of new ones"


async def test_what_no_longer_counts_is_removed(database: AsyncEngine, attempt: bytes) -> None:
    await begin(database, attempt)
    for days, left in ((1, 1), (2, 0)):
        async with database.begin() as tx:
            await attempts.forget_old(tx, NOW + timedelta(days=days))
            counted = select(func.count()).where(attempts_table.c.digest == attempt)
            assert (await tx.execute(counted)).scalar_one() == left
    # Others' attempts of now are gone as well: nobody counts on them beyond a test.


async def test_guesses_at_once_over_two_services_do_not_slip_through(database: AsyncEngine, attempt: bytes) -> None:
    async with second_engine(database) as other:
        waits = await asyncio.gather(*(begin((database, other)[n % 2], attempt) for n in range(40)))
    assert sorted(waits) == [0] * (FREE + 1) + [2] * (40 - FREE - 1)


async def test_who_is_counted_second_may_have_looked_at_the_clock_first(database: AsyncEngine, attempt: bytes) -> None:
    earlier = NOW - timedelta(milliseconds=5)
    assert [await begin(database, attempt, now) for now in (NOW, earlier, NOW, earlier)] == [0] * 4


# --- what is counted together -----------------------------------------------------------------------------------------


def at(address: str, *, user: int | None = None, name: str = "wang", key: str = KEY) -> bytes:
    return attempts.digest(key, user, name, address)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::2"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::2%eth0"),
    ],
)
def test_addresses_that_are_one_place_are_counted_together(one: str, other: str) -> None:
    assert at(one) == at(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.1", "10.0.0.2"),
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2"),
        ("", "10.0.0.1"),
        ("unix", "testclient"),
    ],
)
def test_other_places_are_counted_for_themselves(one: str, other: str) -> None:
    assert at(one) != at(other)


def test_a_name_is_one_however_it_is_typed_and_a_user_one_under_all_his_names() -> None:
    place = "10.0.0.1"
    assert at(place) == at(place, name="WANG") == at(place, name="ｗａｎｇ ")
    assert at(place) != at(place, name="li")
    assert at(place, user=7) == at(place, user=7, name="V-0001")
    assert len({at(place, user=7), at(place, user=8), at(place, name="user 7"), at(place, name="7")}) == 4


@pytest.mark.parametrize("name", ["", "\x00", "\ud800", "a\nb", "x" * 100_000])
def test_whatever_is_given_as_a_name_can_be_counted(name: str) -> None:
    assert len(at("10.0.0.1", name=name)) == 32


def test_neither_name_nor_address_can_be_read_from_what_is_stored() -> None:
    assert at("10.0.0.1") != at("10.0.0.1", key=KEY.upper())
    assert b"wang" not in at("10.0.0.1")
