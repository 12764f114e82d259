"""The audit package, whichever way it leaves the house: into a folder (`meide export`) or as a ZIP while it is made.

Before, everything that was committed is sealed and published, so that the package holds it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import zipfile
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import date
from pathlib import Path
from typing import Any, Final, cast

from litestar import Litestar, Request
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncEngine

from api import VERSION, sealing
from api.settings import Settings
from ledger.access.rights import Principal
from ledger.auditing import looks, package, signer
from ledger.auditing.package import Costs, File
from ledger.auditing.verifier import notes
from ledger.books import directory
from ledger.books.directory import Book
from ledger.errors import InvalidField, NothingPublished

SOFTWARE: Final = f"Meide Ledger {VERSION}"
PIECE: Final = 1 << 20
"""Bytes that are compressed at once, beside the service's other work."""
_LEVEL: Final = 1
"""The quickest compression: a fifth of the bytes for a tenth of the time that making them takes."""

Progress = Callable[[int, int], None]


def _nobody(done: int, of: int) -> None:
    """Nobody watches."""


async def write(
    database: AsyncEngine,
    settings: Settings,
    book: Book,
    folder: Path,
    *,
    actor: str,
    from_: date | None = None,
    to: date | None = None,
    progress: Progress = _nobody,
    parts: frozenset[str] = package.PARTS,
    costs: Costs | None = None,
) -> AsyncGenerator[File, None]:
    """Seals and publishes, then writes the package into a folder; each file as it is finished (`package.write`).

    Raises what `package.write` and `sealing.now` raise, and InvalidField.
    """
    check(from_, to)
    await sealing.now(database, settings, book.book_id)
    by = sealing.signer_of(settings)
    written = package.write(
        database,
        book,
        folder,
        origin=signer.origin(by, book.code),
        vkeys=[notes.vkey(key.name, key.public) for key in signer.keys(by, book.code)],
        actor=actor,
        software=SOFTWARE,
        from_=from_,
        to=to,
        progress=progress,
        parts=parts,
        costs=costs,
    )
    async with aclosing(written):
        async for file in written:
            yield file


def check(from_: date | None, to: date | None) -> None:
    """InvalidField where the last day comes before the first."""
    if from_ and to and to < from_:
        raise InvalidField("to", "before_from")


# --- as a download ----------------------------------------------------------------------------------------------------


async def download(
    database: AsyncEngine, settings: Settings, me: Principal, from_: date | None = None, to: date | None = None
) -> Stream:
    """The package of her book as an answer, a ZIP; that she takes it is noted. The caller has the right to it.

    What can be refused is refused before the answer begins: InvalidField, NothingPublished, and what `sealing.now`
    raises. If it breaks off later, the file has no end, and every program that opens it says so.
    """
    check(from_, to)
    async with database.begin() as tx:
        book = await directory.find_book(tx, me.book)
        await looks.add(tx, book.book_id, me.name, "package", {"from": from_, "to": to})
    if await sealing.now(database, settings, book.book_id) is None:
        raise NothingPublished(book.code)
    name = "-".join(["audit", book.code, *(day.isoformat() for day in (from_, to) if day)])
    return Download(
        _by_itself(zipped(database, settings, book, name, actor=me.name, from_=from_, to=to)),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}.zip"', "X-Accel-Buffering": "no"},
    )


class Download(Stream):
    """A stream whose generator is closed with the answer, also when its reader leaves: the framework does not."""

    def to_asgi_response(self, app: Litestar | None, request: Request[Any, Any, Any], **given: Any) -> ASGIResponse:
        """The answer that is sent."""
        answer = super().to_asgi_response(app, request, **given)
        pieces = cast("AsyncGenerator[bytes, None]", self.iterator)

        async def to_the_end(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await answer(scope, receive, send)
            finally:
                await pieces.aclose()

        return cast(ASGIResponse, to_the_end)


async def _by_itself(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The pieces, made in a task of their own: when nobody takes them any more, it cleans up in its own time.

    The framework cancels an answer whose reader has left, and goes on cancelling whatever cleans up after it.
    """
    ready: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(maxsize=1)

    async def make() -> None:
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    await ready.put(piece)
        except Exception as error:  # raised where it is heard
            await ready.put(error)
        else:
            await ready.put(None)

    making = asyncio.create_task(make())
    _making.add(making)
    making.add_done_callback(_making.discard)
    try:
        while (piece := await ready.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        making.cancel()


_making: Final[set[asyncio.Task[None]]] = set()
"""What is being made; the loop alone would forget its tasks."""


async def zipped(
    database: AsyncEngine,
    settings: Settings,
    book: Book,
    name: str,
    *,
    actor: str,
    from_: date | None = None,
    to: date | None = None,
) -> AsyncGenerator[bytes, None]:
    """The package as a ZIP with one folder `name` in it, in pieces, while it is made; each file is deleted when it has
    been sent. It raises what `write` raises; the list of its files, without which it is no ZIP, comes at the end."""
    sent = _Sent()
    with tempfile.TemporaryDirectory(prefix="meide-package-") as place, zipfile.ZipFile(sent, "w") as archive:
        folder = Path(place)
        written = write(database, settings, book, folder, actor=actor, from_=from_, to=to)
        ended = False
        try:
            async with aclosing(written):
                async for file in written:
                    async with aclosing(_into(archive, folder / file.path, f"{name}/{file.path}", sent)) as pieces:
                        async for piece in pieces:
                            yield piece
            ended = True
        finally:
            if not ended:
                sent.broken = True  # or leaving the block would write the end
        archive.close()
        yield sent.taken()


async def _into(archive: zipfile.ZipFile, file: Path, path: str, sent: _Sent) -> AsyncGenerator[bytes, None]:
    """Adds a file to the archive, in pieces as they can be sent, and deletes it."""
    entry = zipfile.ZipInfo(path, time.localtime()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry._compresslevel = _LEVEL  # type: ignore[attr-defined] # the only name that Python has for it before 3.13
    with file.open("rb") as content, archive.open(entry, "w", force_zip64=True) as out:
        while piece := await asyncio.to_thread(content.read, PIECE):
            await asyncio.to_thread(out.write, piece)
            if ready := sent.taken():
                yield ready
    await asyncio.to_thread(file.unlink)


class _Sent:
    """Where a ZIP is written to, front to back; what has been written is taken away to be sent."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.broken = False

    def write(self, data: bytes) -> int:
        if not self.broken:
            self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing has to be let go."""

    def taken(self) -> bytes:
        data, self._pieces = b"".join(self._pieces), []
        return data
