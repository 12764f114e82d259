"""Sealing and publishing: what is sealed when, what is signed, and what a signer refuses after a restore."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api import figures, sealing
from api.settings import Settings
from ledger.auditing import log, signer
from ledger.auditing.log import Checkpoint
from ledger.auditing.verifier import notes
from ledger.books.directory import Book
from ledger.database import connect, events
from ledger.errors import Fault, LogDamaged, LogInconsistent, LogRolledBack
from tests.api.conftest import SETTINGS
from tests.api.processes import meide
from tests.auditing.logs import assert_nothing_is_lost, everybody_has_ended
from tests.books.ledgers import move, opened
from tests.conftest import SERVICE, Server, new_book


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(SETTINGS, log_state=tmp_path / "state", log_origin="log.example")


async def begun(database: AsyncEngine, book: Book, postings: int = 3) -> None:
    """The book has two accounts and some transactions."""
    await opened(database, book, "2100.a", "5100")
    for _ in range(postings):
        await move(database, book, "5100 1 PT", "2100.a 1 PT")


async def published(database: AsyncEngine, book: Book) -> list[Checkpoint]:
    async with database.connect() as tx:
        return await log.checkpoints(tx, book.book_id)


# --- what is published -----------------------------------------------------------------------------------------------


async def test_a_checkpoint_says_size_and_root_and_is_signed(
    database: AsyncEngine, book: Book, settings: Settings
) -> None:
    assert await sealing.now(database, settings, book.book_id) is None, "nothing to say of an empty log"
    await begun(database, book)
    made = await sealing.now(database, settings, book.book_id)
    assert made is not None
    assert (made.number, made.size) == (1, 5)
    by = sealing.signer_of(settings)
    assert notes.is_signed(notes.parse(made.note), notes.parse_vkey(signer.vkey(by, book.code)))
    said = notes.checkpoint(notes.parse(made.note).text)
    assert said == notes.Checkpoint(f"log.example/{book.code}", 5, made.root)
    assert await sealing.now(database, settings, book.book_id) == made, "the same again is the same checkpoint"
    await move(database, book, "5100 1 PT", "2100.a 1 PT")
    again = await sealing.now(database, settings, book.book_id)
    assert again is not None
    assert (again.number, again.size) == (2, 6)
    assert await published(database, book) == [made, again]
    assert await assert_nothing_is_lost(database, book.book_id) == 6


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "meide.local"),
        ({"public_url": "https://bank.example:8443/points"}, "bank.example"),
        ({"public_url": "https://bank.example", "log_origin": "log.example/2"}, "log.example/2"),
    ],
)
def test_logs_are_named_after_the_service_unless_told_otherwise(given: dict[str, str], name: str) -> None:
    assert sealing.name_of(replace(SETTINGS, **given)) == name  # type: ignore[arg-type] # fields by their names


async def test_a_new_key_and_a_new_origin_get_a_checkpoint_of_the_same_size(
    database: AsyncEngine, book: Book, settings: Settings
) -> None:
    await begun(database, book)
    first = await sealing.now(database, settings, book.book_id)
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    rotated = replace(settings, log_keys=(key, *settings.log_keys))
    second = await sealing.now(database, rotated, book.book_id)
    renamed = replace(rotated, log_origin="log2.example")
    third = await sealing.now(database, renamed, book.book_id)
    assert first is not None
    assert second is not None
    assert third is not None
    assert [each.size for each in (first, second, third)] == [5, 5, 5]
    assert [each.number for each in (first, second, third)] == [1, 2, 3]
    for given, made in ((settings, first), (rotated, second), (renamed, third)):
        assert signer.is_ours(sealing.signer_of(given), book.code, made.note)
        assert await sealing.now(database, given, book.book_id) is not None
    async with database.connect() as tx:
        assert await log.newest(tx, book.book_id, f"log2.example/{book.code}") == third
        assert (await log.newest(tx, book.book_id, f"log%.example/{book.code}")) is None


# --- what holds it back ----------------------------------------------------------------------------------------------


async def test_an_open_transaction_that_writes_holds_sealing_back_and_nothing_is_lost(
    database: AsyncEngine, book: Book, settings: Settings
) -> None:
    await begun(database, book)
    await everybody_has_ended(database)
    before = await sealing.now(database, settings, book.book_id)
    async with database.connect() as writer:
        await events.add(writer, book.book_id, "slow", {})
        await move(database, book, "5100 1 PT", "2100.a 1 PT")
        async with database.begin() as tx:
            held = await log.seal(tx, book.book_id)
            standing = await log.standing(tx, book.book_id)
        assert before is not None
        assert (held.size, held.complete) == (before.size, True), "its number is lower, and nobody knows what it adds"
        assert standing.unsealed == 1
        async with database.connect() as tx:
            (late,) = [each for each in await log.behind(tx) if each.book_id == book.book_id]
        assert (late.size, late.since) == (5, standing.since)
        await writer.commit()
    made = await sealing.now(database, settings, book.book_id)
    assert made is not None
    assert made.size == before.size + 2
    await assert_nothing_is_lost(database, book.book_id)


async def test_an_open_transaction_that_reads_holds_nothing_back(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "2100.a", "5100")
    async with database.connect() as reader:
        await reader.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        await reader.execute(text("SELECT count(*) FROM transactions"))
        await move(database, book, "5100 1 PT", "2100.a 1 PT")
        assert await log.seal_all(database, book.book_id) == 3
        assert await log.size(reader, book.book_id) == 0, "it reads what was there when it began"


async def test_what_was_rolled_back_leaves_no_gap(database: AsyncEngine, book: Book, settings: Settings) -> None:
    await begun(database, book, 1)
    async with database.connect() as tx:
        await events.add(tx, book.book_id, "rolled_back", {})
        await tx.rollback()
    await move(database, book, "5100 1 PT", "2100.a 1 PT")
    assert await assert_nothing_is_lost(database, book.book_id) == 4


# --- by itself -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def workers(settings: Settings, url: str, number: int) -> AsyncIterator[None]:
    """So many workers that seal on connections of their own, without pauses."""
    engines = [connect.to(url, connections=2) for _ in range(number)]
    by = sealing.signer_of(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "EVERY", 0.001)
        tasks = [sealing.running(engine, by) for engine in engines]
        for task in tasks:
            await task.__aenter__()
        try:
            yield
        finally:
            for task in tasks:
                await task.__aexit__(None, None, None)
            for engine in engines:
                await engine.dispose()


async def until_published(database: AsyncEngine, book: Book, size: int) -> None:
    while not (made := await published(database, book)) or made[-1].size < size:
        pass


async def until(condition: Callable[[], bool]) -> None:
    """Returns when others have made the condition true: nobody tells of it."""
    while not condition():  # noqa: ASYNC110 - it is no event
        await asyncio.sleep(0)


async def test_what_is_posted_is_published_by_itself_and_two_workers_do_no_harm(
    database: AsyncEngine, service_url: str, book: Book, settings: Settings
) -> None:
    await opened(database, book, "2100.a", "5100")
    async with workers(settings, service_url, 2):
        for number in range(5):
            await move(database, book, "5100 1 PT", "2100.a 1 PT")
            await until_published(database, book, 3 + number)
    made = await published(database, book)
    assert len({each.size for each in made}) == len(made), "nothing is published twice"
    assert await assert_nothing_is_lost(database, book.book_id) == 7


@asynccontextmanager
async def own_database(server: Server, template: str) -> AsyncIterator[tuple[str, AsyncEngine, Book]]:
    """A database of the test's own, which can be copied while nobody is connected."""
    name = server.new_database(template)
    database = connect.to(server.url(SERVICE, name))
    try:
        book = await new_book(database)
        await begun(database, book)
        yield name, database, book
    finally:
        await database.dispose()
        server.drop_database(name)


async def test_a_look_at_logs_that_are_sealed_and_published_finds_nothing_in_one_statement(
    server: Server, template: str, settings: Settings
) -> None:
    async with own_database(server, template) as (_, database, book):
        async with database.connect() as tx:
            assert [each.book_id for each in await log.behind(tx)] == [book.book_id], "it has never been sealed"
        await log.seal_all(database, book.book_id)
        async with database.connect() as tx:
            assert [(each.size, each.published) for each in await log.behind(tx)] == [(5, 0)]
        await sealing.now(database, settings, book.book_id)
        said = []
        async with database.connect() as tx:
            assert tx.sync_connection
            event.listen(tx.sync_connection, "before_cursor_execute", lambda *heard: said.append(heard[2]))
            assert await log.behind(tx) == []
        assert len(said) == 1


# --- after a restore -------------------------------------------------------------------------------------------------


def refusals(fault: type[Fault]) -> float:
    return figures._log_refusals.labels(fault.__name__)._value.get()  # type: ignore[no-any-return]


async def test_an_old_backup_in_place_of_the_database_is_not_signed(
    server: Server, template: str, settings: Settings
) -> None:
    by = sealing.signer_of(settings)
    async with own_database(server, template) as (name, database, book):
        await sealing.now(database, settings, book.book_id)
        await database.dispose()
        backup = server.new_database(name)
        restored = connect.to(server.url(SERVICE, backup))
        try:
            for _ in range(3):
                await move(database, book, "5100 1 PT", "2100.a 1 PT")
            newest = await sealing.now(database, settings, book.book_id)
            assert newest is not None
            assert newest.size == 8

            with pytest.raises(LogRolledBack) as rolled_back:
                await sealing.now(restored, settings, book.book_id)
            assert (rolled_back.value.size, rolled_back.value.signed) == (5, 8)
            for _ in range(3):  # the same, it seems, but other transactions
                await move(restored, book, "5100 1 PT", "2100.a 1 PT")
            with pytest.raises(LogInconsistent):
                await sealing.now(restored, settings, book.book_id)
            for _ in range(3):
                await move(restored, book, "5100 1 PT", "2100.a 1 PT")
            with pytest.raises(LogInconsistent):
                await sealing.now(restored, settings, book.book_id)
            assert [each.size for each in await published(restored, book)] == [5]
            async with restored.connect() as tx:
                assert isinstance(await sealing.obstacle(tx, by, book), LogInconsistent)
            async with database.connect() as tx:
                assert await sealing.obstacle(tx, by, book) is None

            before = refusals(LogInconsistent)
            with capture_logs() as told:
                async with workers(settings, server.url(SERVICE, backup), 1):
                    await until(lambda: refusals(LogInconsistent) >= before + 3)
            said = [line for line in told if line["event"] == "log_not_signed"]
            assert [(line["book"], line["fault"]) for line in said] == [(book.code, "LogInconsistent")], "once"

            begins_anew = replace(settings, log_origin="log.example/2")
            made = await sealing.now(restored, begins_anew, book.book_id)
            assert made is not None
            assert (made.number, made.size) == (2, 11)
            await assert_nothing_is_lost(restored, book.book_id)
        finally:
            await restored.dispose()
            server.drop_database(backup)


async def test_a_leaf_that_somebody_removed_is_named_and_nothing_is_signed(
    server: Server, template: str, settings: Settings
) -> None:
    async with own_database(server, template) as (name, database, book):
        await sealing.now(database, settings, book.book_id)
        server.execute(
            "ALTER TABLE log_leaves DISABLE TRIGGER ALL", "DELETE FROM log_leaves WHERE leaf_index = 2", database=name
        )
        await move(database, book, "5100 1 PT", "2100.a 1 PT")
        with pytest.raises(LogDamaged):
            await sealing.now(database, settings, book.book_id)


MOVES: dict[str, Callable[[int], list[str]]] = {
    "to a cluster that has counted less": lambda book: [
        "ALTER TABLE transactions DISABLE TRIGGER ALL",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "UPDATE transactions SET xid = ((xid::text)::bigint + 1000000000)::text::xid8",
        "UPDATE events SET xid = ((xid::text)::bigint + 1000000000)::text::xid8",
        "UPDATE log_states SET cluster = 'another', xid = ((xid::text)::bigint + 1000000000)::text::xid8",
    ],
    "to a cluster that has counted more": lambda book: [
        "ALTER TABLE transactions DISABLE TRIGGER ALL",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "UPDATE transactions SET xid = '3'",
        "UPDATE events SET xid = '3'",
        "UPDATE log_states SET cluster = 'another', xid = '3'",
    ],
    "into a cluster that was itself put back": lambda book: [
        "UPDATE log_states SET xid = ((xid::text)::bigint + 1000000000)::text::xid8",
    ],
}


@pytest.mark.parametrize("moved", MOVES)
async def test_moved_to_another_cluster_nothing_is_lost_and_nothing_twice(
    server: Server, template: str, settings: Settings, moved: str
) -> None:
    async with own_database(server, template) as (name, database, book):
        await sealing.now(database, settings, book.book_id)
        for _ in range(2):  # not sealed before the move
            await move(database, book, "5100 1 PT", "2100.a 1 PT")
        server.execute(*MOVES[moved](book.book_id), database=name)
        await move(database, book, "5100 1 PT", "2100.a 1 PT")
        made = await sealing.now(database, settings, book.book_id)
        assert made is not None
        assert made.size == 8
        for size in (9, 10):
            await move(database, book, "5100 1 PT", "2100.a 1 PT")
            made = await sealing.now(database, settings, book.book_id)
            assert made is not None
            assert made.size == size
        async with database.connect() as tx:
            standing = await log.standing(tx, book.book_id)
            assert await log.behind(tx) == []
        assert (standing.era, standing.unsealed) == (2, 0)
        assert await assert_nothing_is_lost(database, book.book_id) == 10


# --- on the command line ---------------------------------------------------------------------------------------------


async def test_the_command_line_shows_the_log_its_key_and_seals(
    server: Server, template: str, settings: Settings
) -> None:
    async with own_database(server, template) as (name, _, book):
        given = {
            "MEIDE_DATABASE_URL": server.url(SERVICE, name),
            "MEIDE_LOG_KEYS": settings.log_keys[0],
            "MEIDE_LOG_ORIGIN": "log.example",
            "MEIDE_LOG_STATE": str(settings.log_state),
        }
        unsealed = json.loads(meide("log", "status", "--book", book.code, "--json", **given).stdout)
        assert (unsealed["size"], unsealed["unsealed"], unsealed["checkpoint"]) == (0, 5, None)
        note = meide("log", "seal", "--book", book.code, **given).stdout
        vkey = meide("log", "key", "--book", book.code, **given).stdout
        assert notes.is_signed(notes.parse(note), notes.parse_vkey(vkey))
        status = meide("log", "status", "--book", book.code, **given)
        assert status.returncode == 0
        assert status.stdout.startswith(f"log.example/{book.code}: 5 leaves sealed, 0 not yet.\nCheckpoint 1 of ")
        assert vkey in status.stdout

        server.execute(
            *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in ("log_leaves", "transactions")),
            "UPDATE log_leaves SET hash = sha256('') WHERE leaf_index = 3",
            database=name,
        )
        refused = meide("log", "status", "--book", book.code, "--json", **given)
        assert refused.returncode == 1
        assert json.loads(refused.stdout)["refused"]["fault"] == "LogInconsistent"
