"""Figures for whoever watches the service (`GET /metrics`, Prometheus): counts and times, never what people wrote.

Every label has its values from a list of ours: route templates, statuses, codes, classes of SQLSTATE. With several
workers each writes its own file into the folder of PROMETHEUS_MULTIPROC_DIR, and whoever is asked adds them up.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, cast

import psycopg
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from api import problems
from ledger.books import batching
from ledger.books.batching import Done
from ledger.books.evaluate import Outcome, Refused
from ledger.database import pipeline
from ledger.errors import Refusal

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REGISTRY: Final = CollectorRegistry()

# Its `_count` is the number of requests: a counter beside it would cost each request as much again.
_requests: Final = Histogram(
    "meide_request_seconds",
    "Requests, by the time until their answers began",
    ["method", "route", "status"],
    buckets=_SECONDS,
    registry=_REGISTRY,
)
_problems: Final = Counter("meide_problems", "Requests answered with a problem", ["code"], registry=_REGISTRY)
_postings: Final = Counter(
    "meide_postings",
    "Transactions decided on, by outcome; a refusal has its code",
    ["outcome", "code"],
    registry=_REGISTRY,
)
_batch: Final = Histogram(
    "meide_batch_transactions",
    "Transactions that were decided on together",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    registry=_REGISTRY,
)
_locking: Final = Histogram(
    "meide_batch_locking_seconds",
    "Time of a batch until its accounts were locked and read, with the wait for a connection",
    buckets=_SECONDS,
    registry=_REGISTRY,
)
_writing: Final = Histogram(
    "meide_batch_writing_seconds", "Time of a batch to be written and committed", buckets=_SECONDS, registry=_REGISTRY
)
_waiting: Final = Gauge(
    "meide_lines_waiting", "Lines that wait to be posted", registry=_REGISTRY, multiprocess_mode="livesum"
)
_connections: Final = Gauge(
    "meide_connections_in_use", "Connections to the database in use", registry=_REGISTRY, multiprocess_mode="livesum"
)
_errors: Final = Counter(
    "meide_database_errors", "Errors of the database, by the class of their SQLSTATE", ["class"], registry=_REGISTRY
)

_log_behind: Final = Gauge(
    "meide_log_behind_seconds",
    "For how long the log that is behind longest has had something to seal or to publish",
    registry=_REGISTRY,
    multiprocess_mode="livemax",
)
_log_leaves: Final = Counter("meide_log_leaves", "Leaves sealed", registry=_REGISTRY)
_log_checkpoints: Final = Counter("meide_log_checkpoints", "Checkpoints published", registry=_REGISTRY)
_log_refusals: Final = Counter(
    "meide_log_refusals", "Times that a log was not signed, by what is wrong with it", ["fault"], registry=_REGISTRY
)

# To look up a child in here takes a tenth of the time that `labels` takes.
_of_requests: Final[dict[tuple[str, str, int], Histogram]] = {}
_of_postings: Final[dict[tuple[str, type[Refusal] | None], Counter]] = {}


def request(method: str, route: str, status: int, seconds: float) -> None:
    """Counts a request. `route` is the template of its address, empty for addresses that nobody serves."""
    key = method if method in _METHODS else "other", route, status
    if key not in _of_requests:
        _of_requests[key] = _requests.labels(key[0], route, str(status))
    _of_requests[key].observe(seconds)


def problem(code: str) -> None:
    """Counts an answer that is a problem document."""
    _problems.labels(code).inc()


def log_behind(seconds: float) -> None:
    """For how long something has waited to be sealed or published, as this worker has seen it."""
    _log_behind.set(seconds)


def log_sealed(leaves: int) -> None:
    """Counts leaves that were sealed."""
    _log_leaves.inc(leaves)


def log_published() -> None:
    """Counts a checkpoint that was published."""
    _log_checkpoints.inc()


def log_refused(fault: str) -> None:
    """Counts a log that was not signed; `fault` is the name of an error's class."""
    _log_refusals.labels(fault).inc()


def watch(database: AsyncEngine) -> None:
    """Counts postings, and errors of this database, from here on."""
    batching.watch, pipeline.watch = _posted, _failed
    # The engine's dialect hears it, which engines with other options share: on each of them it would count again.
    if not event.contains(database.sync_engine.dialect, "handle_error", _raised):
        event.listen(database.sync_engine.dialect, "handle_error", _raised)


@asynccontextmanager
async def sampled(database: AsyncEngine) -> AsyncIterator[None]:
    """Looks once a second at what is a state and not an event, so that any worker can be asked for all of them."""
    loop = asyncio.get_running_loop()
    next_look: asyncio.Handle

    def look() -> None:
        nonlocal next_look
        _sample(database)
        next_look = loop.call_later(1, look)

    look()
    try:
        yield
    finally:
        next_look.cancel()


def exposition(database: AsyncEngine) -> bytes:
    """The figures of all workers, in the format of Prometheus."""
    _sample(database)
    if not os.environ.get(FOLDER):
        return generate_latest(_REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)


@contextmanager
def folder() -> Iterator[str]:
    """A folder for the workers' files, for as long as the service runs."""
    with tempfile.TemporaryDirectory(prefix="meide-figures-", ignore_cleanup_errors=True) as made:
        yield made


def ended(worker: int, folder: str) -> None:
    """What a worker that has ended did stays counted; its states are none any more."""
    mark_process_dead(worker, folder)  # type: ignore[no-untyped-call]


def _sample(database: AsyncEngine) -> None:
    _waiting.set(batching.lines_waiting())
    _connections.set(cast(QueuePool, database.sync_engine.pool).checkedout())


def _posted(done: Done) -> None:
    for kind, count in Tally(map(_kind, done.outcomes)).items():
        if kind not in _of_postings:
            outcome, refusal = kind
            _of_postings[kind] = _postings.labels(outcome, problems.REFUSALS[refusal].code if refusal else "")
        _of_postings[kind].inc(count)
    _batch.observe(len(done.outcomes))
    _locking.observe(done.locking)
    _writing.observe(done.writing)


def _kind(outcome: Outcome) -> tuple[str, type[Refusal] | None]:
    if isinstance(outcome, Refused):
        return "refused", type(outcome.refusal)
    return ("replayed" if outcome.replayed else "posted"), None


def _raised(context: ExceptionContext) -> None:
    if isinstance(context.original_exception, psycopg.Error):
        _failed(context.original_exception)


def _failed(error: psycopg.Error) -> None:
    _errors.labels((error.sqlstate or "08")[:2]).inc()  # without a state: the connection was lost or never made
