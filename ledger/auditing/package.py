"""The audit package of a book: a folder that proves itself to whoever takes it away.

The log is the package: its lines, the openings of what they keep hidden, the checkpoints. Every table and journal in it
is derived from these, and `verify/`, which comes with it, derives them again. What stands below a published size never
changes, so that a package of any size is made without one long snapshot, in pieces of a segment, and in constant memory
for any number of transactions.

PostgreSQL writes what is long (`formats/segments.py`), on two connections; a process of its own derives the other files
from that (`formats/derived.py`); this module passes bytes on and counts them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import ledger
from ledger.auditing import log, verifier
from ledger.auditing.formats import about, derived, segments, sums
from ledger.auditing.formats.derived import Task, Written
from ledger.auditing.log import Checkpoint
from ledger.auditing.verifier import projections
from ledger.books.directory import Book
from ledger.database import connect, events
from ledger.errors import CannotWrite, FolderNotEmpty, NothingPublished

FORMAT: Final = "meide-package/1"
SEGMENT: Final = 65_536
"""Leaves of a segment: a full one is a perfect subtree."""
MANIFEST: Final = "manifest.json"
EXPORTED: Final = "package_exported"

LOG, DETAILS = "log", "details"
PARTS: Final = frozenset((LOG, DETAILS, *derived.PARTS))

AT_ONCE: Final = 2
"""Connections that write at a time: one for each core."""
_AHEAD: Final = 3
"""Segments under way: what the derivation is reading, while the next are written."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class File:
    """A finished file of a package: its path in the folder, size, digest (hex), and lines, of a table without its
    header."""

    path: str
    bytes: int
    sha256: str
    rows: int


@dataclass(slots=True)
class Costs:
    """What a package took: seconds of computing of the derivation, by part."""

    seconds: dict[str, float] = field(default_factory=dict)


def _nobody(done: int, of: int) -> None:
    """Nobody watches."""


async def write(
    database: AsyncEngine,
    book: Book,
    folder: Path,
    *,
    origin: str,
    vkeys: Sequence[str],
    actor: str,
    software: str,
    from_: date | None = None,
    to: date | None = None,
    progress: Callable[[int, int], None] = _nobody,
    parts: Collection[str] = PARTS,
    costs: Costs | None = None,
) -> AsyncGenerator[File, None]:
    """Writes the package of the newest published checkpoint into a folder; each file as soon as it is finished.

    Whoever takes a file may delete it. The manifest comes last: what has none is no package. `from_`, `to`: the days
    that tables and journals tell of; the log is always whole. `progress` hears how many leaves are written, of how
    many. `parts`: what to write, for measuring. That it was exported becomes an event of the book. `vkeys`: the
    verification keys of the log, the current one first. Raises NothingPublished, FolderNotEmpty, CannotWrite.
    """
    try:
        async with aclosing(
            _written(database, book, folder, origin, vkeys, actor, software, _Limits(from_, to), progress, parts, costs)
        ) as written:
            async for file in written:
                yield file
    except OSError as error:
        raise CannotWrite(folder, error.strerror or str(error)) from None


async def _written(
    database: AsyncEngine,
    book: Book,
    folder: Path,
    origin: str,
    vkeys: Sequence[str],
    actor: str,
    software: str,
    limits: _Limits,
    progress: Callable[[int, int], None],
    parts: Collection[str],
    costs: Costs | None,
) -> AsyncGenerator[File, None]:
    await asyncio.to_thread(_ready, folder)
    published = await _published(database, book, origin)
    checkpoint = published[-1]
    files: list[File] = []

    def finished(file: File) -> File:
        files.append(file)
        return file

    for each in _small(folder, book, published, vkeys, checkpoint.size):
        yield finished(each)
    async with AsyncExitStack() as stack:
        spool = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meide-package-")))
        work = _Work(database, book, folder, spool, checkpoint.size, limits, frozenset(parts), progress)
        jobs = await stack.enter_async_context(_under_way(work.jobs()))
        stack.push_async_callback(work.deriving.stop)
        async for made in jobs:
            for each in made:
                yield finished(each)
        for each in await work.deriving.finish():
            yield finished(each)
    if costs is not None:
        costs.seconds = work.deriving.seconds
    async with database.begin() as tx:
        now = await connect.now(tx)
        facts = {"size": str(checkpoint.size), "from": limits.first or None, "to": limits.last or None}
        await events.add(tx, book.book_id, EXPORTED, facts, actor=actor, at=now)
    manifest = {
        "format": FORMAT,
        "book": book.code,
        "name": book.name,
        "origin": origin,
        "vkey": vkeys[0],
        "size": checkpoint.size,
        "root": base64.b64encode(checkpoint.root).decode(),
        "from": limits.first,
        "to": limits.last,
        "created_at": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "software": software,
        "leaves": checkpoint.size,
        "transactions": work.transactions,
        "events": checkpoint.size - work.transactions,
        "totals": work.deriving.totals,
        "files": [asdict(file) for file in files],
    }
    yield await asyncio.to_thread(_manifest, folder, manifest)


@dataclass(frozen=True, slots=True)
class _Limits:
    """The days of a package, also as the verifier has them ("": no limit)."""

    from_: date | None
    to: date | None

    @property
    def first(self) -> str:
        return self.from_.isoformat() if self.from_ else ""

    @property
    def last(self) -> str:
        return self.to.isoformat() if self.to else ""


def _ready(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FolderNotEmpty(folder)


async def _published(database: AsyncEngine, book: Book, origin: str) -> list[Checkpoint]:
    async with database.connect() as tx:
        published = await log.checkpoints(tx, book.book_id, origin=origin)
    if not published:
        raise NothingPublished(book.code)
    return published


# --- small files ------------------------------------------------------------------------------------------------------


def _small(folder: Path, book: Book, published: list[Checkpoint], vkeys: Sequence[str], size: int) -> Iterator[File]:
    """What does not depend on the log's lines."""
    notes = "".join(
        json.dumps(
            {"note": each.note, "root": base64.b64encode(each.root).decode(), "size": str(each.size)},
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        + "\n"
        for each in published
    )
    last = published[-1]
    yield _file(folder, "README.txt", about.readme(book.code, book.name, last.created_at, size))
    yield _file(folder, "datapackage.json", about.dictionary(book.code, book.name, range(_segments(size))))
    yield _file(folder, "checkpoint.txt", last.note)
    yield _file(folder, "checkpoints.jsonl", notes)
    yield _file(folder, "vkey.txt", "".join([f"{vkey}\n" for vkey in vkeys]))
    for source in sorted(Path(verifier.__file__).parent.glob("*.py")):
        yield _file(folder, f"verify/{source.name}", source.read_text("utf-8"))


def _file(folder: Path, path: str, content: str) -> File:
    written = Written(folder, path)
    written.write(content.encode())
    return File(**written.told())


def _manifest(folder: Path, manifest: dict[str, Any]) -> File:
    """Whole or not at all."""
    draft = _file(folder, f"{MANIFEST}.part", json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    (folder / draft.path).replace(folder / MANIFEST)
    return File(MANIFEST, draft.bytes, draft.sha256, draft.rows)


def _segments(size: int) -> int:
    return -(-size // SEGMENT)


# --- what is long -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _under_way(jobs: Iterator[Coroutine[Any, Any, T]]) -> AsyncIterator[AsyncIterator[T]]:
    """What jobs give, in their order, while the next ones are under way; at the end of the block none is any more."""
    tasks: deque[asyncio.Task[T]] = deque()

    async def results() -> AsyncIterator[T]:
        while True:
            while len(tasks) < _AHEAD and (job := next(jobs, None)) is not None:
                tasks.append(asyncio.create_task(job))
            if not tasks:
                return
            yield await tasks[0]
            tasks.popleft()

    given = results()
    try:
        yield given
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await given.aclose()  # type: ignore[attr-defined] # it is an asynchronous generator


class _Work:
    """The long files of one package while they are made."""

    def __init__(
        self,
        database: AsyncEngine,
        book: Book,
        folder: Path,
        spool: Path,
        size: int,
        limits: _Limits,
        parts: frozenset[str],
        progress: Callable[[int, int], None],
    ) -> None:
        self._database, self._book, self._folder, self._spool = database, book, folder, spool
        self._size, self._limits, self._parts, self._progress = size, limits, parts, progress
        self._connections = asyncio.Semaphore(AT_ONCE)
        self._done = 0
        self.transactions = 0
        self.deriving = _Deriving()
        self._summed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def jobs(self) -> Iterator[Coroutine[Any, Any, list[File]]]:
        """In the order of their files; the sums come first, since what is derived begins with them."""
        yield self._sums()
        for number in range(_segments(self._size)):
            yield self._segment(number)

    async def _sums(self) -> list[File]:
        try:
            await self._sum_up()
        except BaseException:
            self._summed.cancel()
            raise
        self._summed.set_result(None)
        return []

    async def _sum_up(self) -> None:
        book, size, limits = self._book.book_id, self._size, self._limits
        async with self._connected() as connection:
            with (self._spool / "events").open("wb") as out:
                async for lines in sums.events(connection, book, size):
                    out.write(lines)
            with (self._spool / "months").open("wb") as out:
                async for lines in sums.months(connection, book, size, limits.from_, limits.to):
                    out.write(lines)
            acts = await sums.acts(connection, book, size)
        self.transactions = sum(acts["kinds"].values())
        wanted = [part for part in derived.PARTS if part in self._parts]
        task = Task(
            str(self._folder), str(self._spool), self._book.code, limits.first, limits.last, acts, tuple(wanted)
        )
        await self.deriving.start(task, self._spool / "complaints")

    async def _segment(self, number: int) -> list[File]:
        """Lines, openings and GL_Details of a segment; and what has been derived meanwhile."""
        first = number * SEGMENT
        past = min(first + SEGMENT, self._size)
        details = DETAILS in self._parts
        entries = Written(self._folder, f"log/entries-{number:06d}.jsonl")
        openings = Written(self._folder, f"log/openings-{number:06d}.jsonl")
        rows = Written(self._folder, f"csv/GL_Details-{number:06d}.csv") if details else None
        if rows:
            rows.write(projections.GL_HEADER.encode())
        async with self._connected() as connection:
            limits = {"from_": self._limits.from_, "to": self._limits.to}
            async for block in segments.blocks(
                connection, self._book.book_id, first, past, self._size, **limits, details=details
            ):
                entries.write(block.lines)
                openings.write(block.openings)
                if rows:
                    rows.write(block.rows)
                self._done += block.leaves
                self._progress(self._done, self._size)
        files = [File(**written.told()) for written in (entries, openings, rows) if written]
        await asyncio.shield(self._summed)
        return files + await self.deriving.segment(number)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection in a transaction for reading a whole book; broken off, it is closed with what it was doing."""
        async with self._connections, self._database.connect() as tx:
            try:
                for setting in segments.SETTINGS:
                    await tx.execute(text(setting))
                yield await connect.driver(tx)
            except BaseException:
                await tx.invalidate()
                raise


class _Deriving:
    """The process that derives files from segments (`formats/derived.py`), which come to it in their order."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._complaints: Path | None = None
        self._turn = asyncio.Condition()
        self._next = 0
        self._files: list[File] = []
        self.totals: list[dict[str, Any]] = []
        self.seconds: dict[str, float] = {}

    async def start(self, task: Task, complaints: Path) -> None:
        """Starts it; what it complains of goes into a file."""
        self._complaints = complaints
        pipe = asyncio.subprocess.PIPE
        with complaints.open("wb") as told:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", derived.__name__),
                stdin=pipe,
                stdout=pipe,
                stderr=told,
                cwd=Path(ledger.__file__).parent.parent,
                limit=1 << 20,
            )
        await self._say(json.dumps(asdict(task)))

    async def segment(self, number: int) -> list[File]:
        """Has it read a segment, after those before; answers the files that are finished."""
        async with self._turn:
            await self._turn.wait_for(lambda: self._next == number)
            await self._say(str(number))
            while "segment" not in await self._heard():
                pass
            self._next += 1
            self._turn.notify_all()
            return self._taken()

    async def finish(self) -> list[File]:
        """Has it write what comes last; answers the files that are finished."""
        await self._say("end")
        while "totals" not in (answer := await self._heard()):
            pass
        self.totals, self.seconds = answer["totals"], answer["seconds"]
        return self._taken()

    async def stop(self) -> None:
        """Ends it, finished or not."""
        if self._process is not None:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            await self._process.wait()

    async def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it has ended: what it complained of is told when it is heard
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()

    async def _heard(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._complaints is not None
        line = await self._process.stdout.readline()
        if not line:
            await self._process.wait()
            complaint = await asyncio.to_thread(self._complaints.read_text, "utf-8", "replace")
            raise RuntimeError(
                f"the derivation of a package ended with {self._process.returncode}: {complaint[-2000:]}"
            )
        answer: dict[str, Any] = json.loads(line)
        if "cannot" in answer:
            raise OSError(answer["cannot"])
        if "file" in answer:
            self._files.append(File(**answer["file"]))
        return answer

    def _taken(self) -> list[File]:
        files, self._files = self._files, []
        return files
