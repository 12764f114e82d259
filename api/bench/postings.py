"""The subjects that post from this process, as the service's handlers do: through `batching` and `holds`."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from api.bench import ground as grounds
from api.bench.ground import LATE, LATEST, UNIT, Ground, Leg
from api.bench.measure import Measured, Run, account_code, closed_loop, new_key, two_of
from ledger.books import batching, holds
from ledger.books.chart import NewAccount, companion_of
from ledger.books.evaluate import Outcome, Posted
from ledger.books.proposals import Proposal

CALLERS: Final = 256
DRAWN_A_SECOND: Final = 15_000
HOT: Final = "hot"
OUTLETS: Final = 100
LOTS: Final = (30, 60, 90, 180, None)
"""In how many days the lots lapse that a wallet gets at first."""

Draw = Callable[[Ground, datetime], Proposal]
"""Draws a transaction to be proposed; the time is that at which the run began."""

Prepare = Callable[[Ground], Awaitable[Run]]
"""Makes what a subject needs and is not measured."""


def callers(count: int, draw: Draw, worth: int = 1) -> Prepare:
    """So many callers who each post what they draw; a transaction is worth `worth` two-entry transactions."""

    async def prepare(ground: Ground) -> Run:
        async def run(seconds: int) -> Measured:
            begun = datetime.now(UTC)
            # Drawn before the time begins, so that it is the ledger that is measured; whoever is faster draws on.
            drawn = [draw(ground, begun) for _ in range(DRAWN_A_SECOND * seconds)]
            drawn.reverse()

            async def call(_: int) -> int:
                proposal = drawn.pop() if drawn else draw(ground, begun)
                _id_of(*await batching.submit(ground.database, ground.book.book_id, [proposal]))
                return worth

            return await closed_loop(count, seconds, call)

        return run

    return prepare


def between_two(ground: Ground, now: datetime) -> Proposal:
    """Between two accounts."""
    one, other = two_of(ground.accounts)
    return _drawn(now, ((account_code(one), "debit", 7), (account_code(other), "credit", 7)))


def between_four(ground: Ground, now: datetime) -> Proposal:
    """Between two accounts and two others."""
    one, other = two_of(ground.accounts)
    third, fourth = two_of(ground.accounts)
    return _drawn(
        now,
        (
            (account_code(one), "debit", 7),
            (account_code(other), "credit", 4),
            (account_code(third), "debit", 2),
            (account_code(fourth), "credit", 5),
        ),
    )


def sometimes_late(ground: Ground, now: datetime) -> Proposal:
    """Between two accounts, 5 % dated up to 90 days earlier."""
    if random.random() < LATE:  # noqa: S311 - a draw, no secret
        now -= timedelta(days=random.randint(1, LATEST))  # noqa: S311
    return between_two(ground, now)


async def on_one_hot_account(ground: Ground) -> Run:
    """256 callers; one side of every transaction is the same account."""
    await grounds.opened(ground.database, ground.book, [NewAccount(HOT, "hot", "asset", UNIT)])

    def draw(_: Ground, now: datetime) -> Proposal:
        return _drawn(now, ((HOT, "debit", 7), (account_code(two_of(ground.accounts)[0]), "credit", 7)))

    return await callers(CALLERS, draw)(ground)


async def between_wallets(ground: Ground) -> Run:
    """256 callers who give points from wallet to wallet, whose lots go along."""
    codes = await grounds.wallets(ground, "l", LOTS)

    def draw(_: Ground, now: datetime) -> Proposal:
        one, other = two_of(len(codes))
        return _drawn(now, ((codes[one], "debit", 7), (codes[other], "credit", 7)))

    return await callers(CALLERS, draw)(ground)


async def hold_and_capture(ground: Ground) -> Run:
    """256 callers who hold points of a wallet and then capture them for an outlet: two transactions."""
    codes = await grounds.wallets(ground, "h", (None,))
    outlets = [NewAccount(f"2300.{number:03d}", "outlet", "liability", UNIT) for number in range(OUTLETS)]
    # The companion of a wallet is opened when points of it are first held; that is not what is measured.
    held = [NewAccount(companion_of(code) or "", "held", "liability", UNIT) for code in codes]
    await grounds.opened(ground.database, ground.book, [*outlets, *held])

    async def pair(wallet: str) -> int:
        hold = _id_of(
            await holds.place(
                *(ground.database, ground.book.book_id),
                account=wallet,
                amount=7,
                expires_in=timedelta(minutes=5),
                client="token:bench",
                key=new_key(),
                call=f"hold 7 of {wallet}",
                actor="token:bench",
            )
        )
        _id_of(
            await holds.capture(
                *(ground.database, ground.book.book_id),
                hold,
                to=random.choice(outlets).code,  # noqa: S311 - a draw, no secret
                client="token:bench",
                key=new_key(),
                call=f"capture {hold}",
                actor="token:bench",
            )
        )
        return 2

    async def run(seconds: int) -> Measured:
        return await closed_loop(CALLERS, seconds, lambda _: pair(random.choice(codes)))  # noqa: S311

    return run


def _drawn(now: datetime, legs: Sequence[Leg]) -> Proposal:
    return grounds.proposal(new_key(), now, legs)


def _id_of(outcome: Outcome) -> UUID:
    """The transaction of an outcome; the benchmark proposes nothing that should be refused."""
    if not isinstance(outcome, Posted):
        raise outcome.refusal
    return outcome.transaction_id
