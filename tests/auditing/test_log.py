"""The sealed log: what becomes a leaf, in which order, and what its line says."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.auditing import log
from ledger.auditing.log import Line
from ledger.auditing.tables import log_lines, log_nodes
from ledger.auditing.verifier import tree
from ledger.books import periods
from ledger.books.directory import Book
from ledger.database import events
from tests.auditing.logs import everybody_has_ended
from tests.books.ledgers import move, opened, reverse, submit


async def lines(database: AsyncEngine, book: Book) -> list[Line]:
    async with database.connect() as tx:
        return [
            line
            for index in range(await log.size(tx, book.book_id))
            if (line := await log.line_of(tx, book.book_id, index)) is not None
        ]


def canonical(members: object) -> str:
    return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


async def test_a_transaction_becomes_a_line_that_says_all_of_it_and_hides_its_free_text(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "2100.a", "5100")
    said = '说明 "一"\\ ,、𠮷'
    posted = await move(database, book, "5100 25 PT", "2100.a 25 PT", description=said)
    assert await log.seal_all(database, book.book_id) == 3
    *_, line = await lines(database, book)
    assert line.leaf.item == posted.transaction_id
    assert json.loads(line.texts) == {"description": said, "key": posted.key}
    assert line.texts == canonical(json.loads(line.texts))
    assert line.salt is not None
    assert line.commitment == hashlib.sha256(line.salt + line.texts.encode()).digest()
    assert line.leaf.hash == hashlib.sha256(b"\0" + line.line.encode()).digest()
    year = f"{posted.recorded_at.year}"  # the day of the year does not matter here: all is recorded by one clock
    told = json.loads(line.line)
    assert line.line == canonical(told)
    assert told.pop("voucher").startswith(year[:3])
    assert told == {
        "actor": posted.actor,
        "book": book.code,
        "client": posted.client,
        "commitment": line.commitment.hex(),
        "effective_at": posted.effective_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "effective_on": posted.effective_on.isoformat(),
        "entries": [
            {"account": "5100", "balance": "25", "debit": "25", "number": "1", "unit": "PT"},
            {"account": "2100.a", "balance": "25", "credit": "25", "number": "1", "unit": "PT"},
        ],
        "id": str(posted.transaction_id),
        "kind": posted.kind,
        "recorded_at": posted.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": "transaction",
        "v": "1",
        **({"request": posted.request_id} if posted.request_id else {}),
    }


async def test_a_reversal_names_what_it_corrects(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "2100.a", "5100")
    posted = await move(database, book, "5100 25 PT", "2100.a 25 PT")
    await submit(database, book, await reverse(database, book, posted))
    await log.seal_all(database, book.book_id)
    *_, line = await lines(database, book)
    told = json.loads(line.line)
    assert (told["correction"], told["corrects"]) == ("reversal", str(posted.transaction_id))
    assert line.line == canonical(told)


async def test_accounts_statuses_periods_and_events_of_rooms_become_lines(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "2100.a", "till asset CNY -500")
    async with database.begin() as tx:
        await tx.execute(text("SELECT account_set_status(:b, 'till', 'frozen')"), {"b": book.book_id})
        await tx.execute(text("SELECT account_set_status(:b, 'till', 'frozen')"), {"b": book.book_id})
        await periods.close(tx, book.book_id, "2020-01", actor="user:7")
        await periods.reopen(tx, book.book_id, "2020-01", actor="user:7")
        await events.add(tx, book.book_id, "tried", {"b": "1", "a": '"', "c": None}, texts={"why": "甲"})
    assert await log.seal_all(database, book.book_id) == 6
    told = [(json.loads(line.line), json.loads(line.texts)) for line in await lines(database, book)]
    assert all(line.line == canonical(json.loads(line.line)) for line in await lines(database, book))
    said = {(line["kind"], canonical(line["facts"]), canonical(texts)) for line, texts in told}
    assert said == {
        (
            "account_opened",
            '{"account":"2100.a","class":"liability","floor":"0","holder":"a","kind":"wallet","scale":"0","unit":"PT"}',
            '{"name":"account 2100.a"}',
        ),
        (
            "account_opened",
            '{"account":"till","class":"asset","floor":"-500","scale":"2","unit":"CNY"}',
            '{"name":"account till"}',
        ),
        ("account_status", '{"account":"till","status":"frozen"}', "{}"),
        ("period_closed", '{"closed_through":"2020-01-31","period":"2020-01"}', "{}"),
        ("period_reopened", '{"period":"2020-01"}', "{}"),
        ("tried", '{"a":"\\"","b":"1"}', '{"why":"甲"}'),
    }


async def test_what_is_rolled_back_is_no_leaf_and_leaves_no_gap(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "2100.a", "5100")
    for _ in range(3):
        async with database.connect() as tx:
            await events.add(tx, book.book_id, "rolled_back", {})
            await tx.rollback()
        await move(database, book, "5100 1 PT", "2100.a 1 PT")
    await log.seal_all(database, book.book_id)
    sealed = await lines(database, book)
    assert [line.leaf.index for line in sealed] == list(range(5))
    vouchers = [line.leaf.voucher for line in sealed if line.leaf.voucher is not None]
    assert [voucher.partition("-")[2] for voucher in vouchers] == ["1", "2", "3"]


async def test_sealing_by_pieces_seals_all_and_only_the_last_is_complete(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "2100.a", "5100")
    for _ in range(5):
        await move(database, book, "5100 1 PT", "2100.a 1 PT")
    await everybody_has_ended(database)
    found: list[tuple[int, bool]] = []
    while not found or not found[-1][1]:
        async with database.begin() as tx:
            sealed = await log.seal(tx, book.book_id, 3)
            found.append((sealed.size, sealed.complete))
    assert found == [(3, False), (6, False), (7, True)]
    async with database.begin() as tx:
        assert (await log.seal(tx, book.book_id, 3)).size == 7


async def test_full_tiles_have_their_roots_as_nodes(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        for number in range(600):
            await events.add(tx, book.book_id, "numbered", {"number": str(number)})
    await everybody_has_ended(database)
    async with database.begin() as tx:
        for most in (100, 200, 256, 1000):
            await log.seal(tx, book.book_id, most)
    await log.seal_all(database, book.book_id)
    hashes = [line.leaf.hash for line in await lines(database, book)]
    async with database.connect() as tx:
        c = log_nodes.c
        nodes: Any = await tx.execute(
            select(c.level, c.place, c.hash).where(c.book_id == book.book_id).order_by(c.level, c.place)
        )
        assert [tuple(node) for node in nodes] == [
            (1, 0, tree.root_of(hashes[:256])),
            (1, 1, tree.root_of(hashes[256:512])),
        ]


async def test_what_is_promised_of_a_transaction_is_what_is_sealed(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "2100.a", "5100")
    posted = await move(database, book, "5100 1 PT", "2100.a 1 PT")
    async with database.begin() as tx:
        promised = await log.promise(tx, book.book_id, posted.transaction_id)
        assert await log.promise(tx, book.book_id, posted.transaction_id) == promised
    await log.seal_all(database, book.book_id)
    *_, line = await lines(database, book)
    told = json.loads(line.line)
    del told["voucher"]
    assert promised == hashlib.sha256(canonical(told).encode()).digest()
    async with database.begin() as tx:
        assert await log.promise(tx, book.book_id, posted.transaction_id) is None


async def test_forgetting_a_holder_destroys_texts_and_salts_and_changes_no_line(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "2100.a", "2100.b", "5100")
    for holder in "ab":
        await move(database, book, "5100 1 PT", f"2100.{holder} 1 PT", description=f"of {holder}")
    await log.seal_all(database, book.book_id)
    before = await lines(database, book)
    async with database.begin() as tx:
        assert await log.forget(tx, book.book_id, "a") == 1
        await events.add(tx, book.book_id, "erased", {"holder": "a"})  # as whoever erases a person does
    after = await lines(database, book)
    assert [(line.line, line.leaf, line.commitment) for line in after] == [
        (line.line, line.leaf, line.commitment) for line in before
    ]
    assert [line.salt is None for line in after] == [False, False, False, True, False]
    assert ["of a" in line.texts for line in after] == [False] * 5
    assert "of b" in after[-1].texts


async def test_the_view_reads_a_range_by_its_indexes(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "2100.a", "5100")
    await move(database, book, "5100 1 PT", "2100.a 1 PT")
    await log.seal_all(database, book.book_id)
    async with database.connect() as tx:
        rows = await tx.execute(
            select(log_lines.c.leaf_index)
            .where(log_lines.c.book_id == book.book_id, log_lines.c.leaf_index.between(1, 2))
            .order_by(log_lines.c.leaf_index)
        )
        assert rows.scalars().all() == [1, 2]
