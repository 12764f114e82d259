"""What is thrown away, and what is kept."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, housekeeping
from ledger.access import attempts, sessions, users
from ledger.access.rights import Grant
from ledger.access.tables import attempts as attempts_table
from ledger.access.tables import refresh_tokens
from ledger.books import chart, holds
from ledger.books.directory import Book
from ledger.books.proposals import Line
from ledger.database import connect
from ledger.days import day_of
from tests.books.ledgers import at, balances_of, opened, post, proposal
from tests.conftest import SERVICE, Server, new_book
from tests.spending.shops import opened_shop


async def test_old_attempts_and_devices_go_and_young_ones_stay(database: AsyncEngine, book: Book) -> None:
    now = auth.now()
    old, young = (attempts.digest("key", None, secrets.token_hex(), "192.0.2.1") for _ in range(2))
    async with database.begin() as tx:
        await attempts.begin(tx, old, now - timedelta(days=2))
        await attempts.begin(tx, young, now)
        made = await users.create(tx, f"u-{secrets.token_hex(4)}")
        await users.give(tx, made.user_id, book.book_id, Grant("operator"), "room:test")
        me = sessions.principal(made, {book.book_id: (Grant("operator"),)}, book.book_id, book.code)
        gone, _ = await sessions.begin(tx, me, "gone", now - timedelta(days=365), browser=False)
        left, _ = await sessions.begin(tx, me, "left", now, browser=False)
    await housekeeping.once(database)
    async with database.connect() as tx:
        kept = (await tx.execute(select(attempts_table.c.digest))).scalars().all()
        assert (old in kept, young in kept) == (False, True)
        assert [each.device_id for each in await sessions.devices_of(tx, made.user_id, now)] == [left.device]
        tokens = select(func.count()).where(refresh_tokens.c.device_id.in_([gone.device, left.device]))
        assert (await tx.execute(tokens)).scalar_one() == 1


async def test_what_ran_out_is_given_back_and_what_has_lapsed_expires_in_every_book(
    server: Server, template: str
) -> None:
    """In a database of its own: those of the other tests' books shall be left as they are."""
    name = server.new_database(template)
    database = connect.to(server.url(SERVICE, name))
    try:
        books = [await _with_a_hold_and_a_lapsed_lot(database) for _ in range(3)]
        async with database.begin() as tx:
            await chart.set_status(tx, books[0].book_id, "4100", "frozen")
        shop = await opened_shop(database, await new_book(database))
        waits = await shop.redeem(await shop.code(), {"S01": 1, "G01": 4})
        await housekeeping.bring_on(database)
        await housekeeping.bring_on(database)
        left = [await balances_of(database, book, "2100.a", "2100.b", "2120.b", "4100") for book in books]
        assert (waits.status, (await shop.find(waits.redemption_id)).status) == ("waiting", "lapsed")
        assert await shop.pieces("G01") == 200
    finally:
        await database.dispose()
        server.drop_database(name)
    free = {"2100.b": 30, "2120.b": 0}
    assert left == [
        {"2100.a": 7, **free, "4100": 0},
        {"2100.a": 0, **free, "4100": 7},
        {"2100.a": 0, **free, "4100": 7},
    ]


async def _with_a_hold_and_a_lapsed_lot(database: AsyncEngine) -> Book:
    book = await new_book(database)
    await opened(database, book, "5100", "2100.a", "2100.b", "4100")
    long_ago = auth.now() - timedelta(days=10)
    wanted = proposal("earned", debit="5100 37", credit="2100.b 30")._replace(effective_at=None)
    lapsed = Line("2100.a", "credit", 7, lapses_on=day_of(auth.now()))
    await post(at(database, long_ago), book, wanted._replace(lines=(*wanted.lines, lapsed)))
    await holds.place(
        at(database, long_ago),
        book.book_id,
        account="2100.b",
        amount=20,
        expires_in=timedelta(days=1),
        client="token:test",
        key="hold",
        call="hold",
        actor="user:1",
    )
    return book
