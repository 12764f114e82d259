"""Crews: several senders at work, and what must be true when they are done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import make_url

from tests.api.processes import until
from tests.soak.senders import Desk, Sender


@contextmanager
def hired(desk: Desk, number: int, mix: Mapping[str, int], **how: Any) -> Iterator[list[Sender]]:
    """So many senders, who hang up when the block ends."""
    senders = [Sender(desk, f"s{n}", mix, **how) for n in range(number)]
    try:
        yield senders
    finally:
        for each in senders:
            each.hang_up()


@contextmanager
def sending(senders: Sequence[Sender]) -> Iterator[None]:
    """The senders send while the block runs; at its end each has the answer to its last call. Raises their faults."""
    try:
        for each in senders:
            each.start()
        yield
    except BaseException:
        for each in senders:
            each.patient = False  # nobody may be there to answer any more
        raise
    finally:
        for each in senders:
            each.stop()
        for each in senders:
            each.join()
    no_faults(senders)


def progress(senders: Sequence[Sender], answers: int) -> None:
    """Waits until each sender has got so many more answers."""
    goals = [each.answered + answers for each in senders]

    def reached() -> bool:
        no_faults(senders)
        return all(each.answered >= goal for each, goal in zip(senders, goals, strict=True))

    until(reached, f"{answers} more answers to each sender")


def no_faults(senders: Iterable[Sender]) -> None:
    for each in senders:
        if each.fault is not None:
            raise each.fault


def asked_again(senders: Sequence[Sender]) -> None:
    """Every call, sent once more, is answered as it was, and nothing moves."""
    with ThreadPoolExecutor(len(senders)) as pool:
        list(pool.map(Sender.ask_again, senders))


def settled(senders: Sequence[Sender], url: str) -> None:
    """What was acknowledged is in the database under its key, and nothing else."""
    acknowledged = {key: transaction for each in senders for key, transaction in each.posted.items()}
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        stored = connection.execute(
            "SELECT key, transaction_id::text FROM transactions JOIN books USING (book_id)"
            " WHERE books.code = %s AND client LIKE 'token:%%'",
            [senders[0].desk.book],
        ).fetchall()
    assert len(stored) == len(acknowledged)
    assert dict(stored) == acknowledged
