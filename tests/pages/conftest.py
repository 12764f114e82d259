"""The pages on the test database: called directly, or served to a real browser."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import httpx
import pytest
import uvicorn
from litestar import Litestar
from playwright.async_api import Browser, async_playwright
from sqlalchemy.ext.asyncio import AsyncEngine

from api import till_session
from api.app import create_app
from api.pages.doors import COOKIE
from api.settings import Settings
from ledger.books import directory, integrity
from ledger.books.directory import Book
from ledger.database import connect
from tests.conftest import LOG_KEYS, LOG_STATE, new_book
from tests.pages import people
from tests.pages.people import Person
from tests.pages.tills import Shop

SETTINGS = Settings(
    data=Path("/nowhere"),
    database_url=None,
    owner_url=None,
    session_keys=("a key for tests, of more than 32 characters",),
    public_url=None,
    trusted_proxies="",
    identity_keys=people.IDENTITY_KEYS,
    index_keys=people.INDEX_KEYS,
    print_keys=people.PRINT_KEYS,
    help_phone="0531-0000-0000",
    log_keys=LOG_KEYS,
    log_state=LOG_STATE,
)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
async def service(database: AsyncEngine) -> AsyncIterator[Litestar]:
    """The service, with its own connections; to make one takes longer than most tests."""
    app = create_app(SETTINGS, connect.to(people.url_of(database)))
    async with app.lifespan():
        yield app


@pytest.fixture
async def site(service: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """The service, called without a network; redirects are not followed."""
    transport = httpx.ASGITransport(app=service)
    async with httpx.AsyncClient(transport=transport, base_url="http://books.test") as client:
        yield client


class Enters(Protocol):
    """Opens a browser, at an address of its own if its mistakes are to be counted apart."""

    async def __call__(self, person: Person | Shop | None, *, address: str = "127.0.0.1") -> httpx.AsyncClient: ...


@pytest.fixture(scope="module")
async def enters(database: AsyncEngine, service: Litestar) -> AsyncIterator[Enters]:
    """Opens a browser of somebody's in which she is signed in; of None, in which nobody is."""
    async with contextlib.AsyncExitStack() as clients:

        async def entering(person: Person | Shop | None, *, address: str = "127.0.0.1") -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app=service, client=(address, 123))
            client = httpx.AsyncClient(transport=transport, base_url="http://books.test")
            await clients.enter_async_context(client)
            if isinstance(person, Shop):
                client.cookies.set(till_session.COOKIE, person.secret, "books.test")
            elif person is not None:
                client.cookies.set(COOKIE, await people.a_session(database, person), "books.test")
            return client

        yield entering


@pytest.fixture
async def her(database: AsyncEngine, book: Book) -> Person:
    """A volunteer without entries."""
    return await people.a_volunteer(database, book)


@pytest.fixture(scope="module")
async def resident(database: AsyncEngine) -> AsyncIterator[Person]:
    """A volunteer with two years of entries, all of whose data is English: what is Chinese on a page is the page's."""
    made = await new_book(database)
    async with database.begin() as tx:
        book = await directory.create_book(tx, f"{made.code}-en", "Lakeside time bank")
    person = await people.a_volunteer(database, book)
    await people.lives(database, person)
    yield person
    assert await integrity.check(database, book.book_id) == []


@contextlib.contextmanager
def served(database: AsyncEngine) -> Iterator[str]:
    """The service on a free port, in a thread of its own; `database` is used by it alone."""
    server = uvicorn.Server(uvicorn.Config(create_app(SETTINGS, database), log_config=None, lifespan="on", ws="none"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def address(database: AsyncEngine) -> Iterator[str]:
    """The service, with its own connections."""
    with served(connect.to(people.url_of(database))) as address:
        yield address


def chromium() -> str | None:
    """A Chromium of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("MEIDE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium found: install it, or name it in MEIDE_CHROMIUM")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()
