"""The sealed log over HTTP: hashes and proofs for everybody, entries for auditors, receipts for the parties."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, sealing
from ledger.access.rights import Grant
from ledger.auditing import looks
from ledger.auditing.verifier import notes, receipts, tree
from ledger.auditing.verifier.notes import Checkpoint, Key
from ledger.auditing.verifier.receipts import Receipt
from ledger.books.directory import Book
from ledger.books.evaluate import Transaction
from tests.api.conftest import SETTINGS, Caller, a_machine, a_user
from tests.auditing.horizon import unsealed
from tests.books.ledgers import CLIENT, move, opened, proposal, submit
from tests.spending.shops import opened_shop

NOTHING = "01890000-0000-7000-8000-000000000000"


async def sealed(database: AsyncEngine, book: Book) -> None:
    await sealing.now(database, SETTINGS, book.book_id)


@dataclass
class Log:
    """A book's log, as somebody sees it who has not signed in."""

    http: httpx.AsyncClient
    book: str

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"/api/v1/books/{self.book}/log{path}")

    async def refused(self, path: str) -> str:
        answer = await self.get(path)
        return f"{answer.status_code} {answer.json()['code']}"

    async def checkpoint(self) -> Checkpoint:
        note = notes.parse((await self.get("/checkpoint")).text)
        assert notes.is_signed(note, await self.key())
        return notes.checkpoint(note.text)

    async def key(self) -> Key:
        return notes.parse_vkey((await self.get("/key")).text)

    async def hashes(self, size: int) -> list[bytes]:
        """All leaf hashes, from the tiles."""
        found: list[bytes] = []
        for place in range(-(-size // 256)):
            width = min(256, size - place * 256)
            answer = await self.get(f"/tile/0/{place:03}" + (f".p/{width}" if width < 256 else ""))
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "application/octet-stream"
            assert "immutable" in answer.headers["cache-control"]
            found += in_pieces(answer.content)
        return found


def in_pieces(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + 32] for at in range(0, len(hashes), 32)]


def decoded(path: Sequence[str]) -> list[bytes]:
    return [base64.b64decode(each) for each in path]


@pytest.fixture
async def log(http: httpx.AsyncClient, book: Book) -> Log:
    return Log(http, book.code)


async def grown(database: AsyncEngine, book: Book, times: int) -> None:
    """So many transactions, in one batch."""
    some = [
        proposal(f"{book.code}-{times}-{n}", debit="5100 1 PT", credit="2100.a 1 PT", client=CLIENT)
        for n in range(times)
    ]
    await submit(database, book, *some)


# --- for everybody ----------------------------------------------------------------------------------------------------


async def test_before_the_first_checkpoint_there_is_nothing_but_the_key(log: Log) -> None:
    for path in ("/checkpoint", "/tile/0/000.p/1", "/inclusion?index=0&size=1", "/consistency?from=1&to=1"):
        assert await log.refused(path) == "404 not_published"
    assert (await log.get("/key")).status_code == 200
    assert await Log(log.http, "nobody").refused("/checkpoint") == "404 unknown_book"
    assert await Log(log.http, "nobody").refused("/key") == "404 unknown_book"


async def test_the_checkpoint_is_a_signed_note_that_is_asked_for_anew(
    log: Log, database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    await sealed(database, book)
    answer = await log.get("/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=2"
    first = await log.checkpoint()
    assert (first.origin.rpartition("/")[2], (await log.key()).name) == (book.code, first.origin)
    async with unsealed(database):
        await move(database, book, "5100 1 PT", "2100.a 1 PT")
        assert (await log.checkpoint()).size == first.size, "what is not published is not shown"
    await sealed(database, book)
    assert (await log.checkpoint()).size == first.size + 1


async def test_the_tiles_add_up_to_the_root_and_the_entries_to_the_tiles(
    log: Log, http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    auditor = await a_user(http, database, book, Grant("auditor", until=auth.today()))
    await opened(database, book, "5100", "2100.a")
    await grown(database, book, 600)
    await sealed(database, book)
    said = await log.checkpoint()
    hashes = await log.hashes(said.size)
    assert len(hashes) == said.size > 512
    assert tree.root_of(hashes) == said.root
    above = await log.get(f"/tiles/1/000.p/{said.size // 256}")
    assert in_pieces(above.content) == [tree.root_of(hashes[:256]), tree.root_of(hashes[256:512])]
    assert (await log.get("/tiles/0/001")).content == b"".join(hashes[256:512])
    for prefix in ("tile", "tiles"):
        bundle = (await auditor.get(f"/log/{prefix}/entries/001")).content
        lines = []
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            lines.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]
        assert [tree.leaf_hash(line) for line in lines] == hashes[256:512]
    async with database.connect() as tx:
        noted = await looks.of_book(tx, book.book_id)
    assert [(each.what, each.facts) for each in noted] == [("entry_bundle", {"tile": "/001"})] * 2


async def test_what_is_no_tile_or_not_published_yet_is_refused(log: Log, database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    await sealed(database, book)
    size = (await log.checkpoint()).size
    assert (await log.get(f"/tile/0/000.p/{size}")).status_code == 200
    for tile in (f"0/000.p/{size + 1}", "0/000", "0/x001/000", "1/000.p/1", "63/000.p/1", "0/x999/x999/x999/x999/999"):
        assert await log.refused(f"/tile/{tile}") == "404 not_published", tile
    for tile in (
        *("", "0", "0/0", "0/000.p/0", "0/000.p/256", "0/000.p/01", "0/x000/000", "00/000", "64/000", "0/000/"),
        *("0/000.p/1x", "0/000.p/", "-1/000", "0/001x", "entries", "x/y", "0/" + "x001/" * 9 + "000"),
    ):
        assert (await log.get(f"/tile/{tile}")).status_code in (400, 401, 404), tile
        assert (await log.get(f"/tile/{tile}")).headers["content-type"] == "application/problem+json", tile


async def test_every_leaf_is_proved_to_be_in_every_published_size(log: Log, database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a")
    sizes = {}
    for _ in range(5):
        await move(database, book, "5100 1 PT", "2100.a 1 PT")
        await sealed(database, book)
        said = await log.checkpoint()
        sizes[said.size] = said.root
    hashes = await log.hashes(max(sizes))
    for size, root in sizes.items():
        for index in range(size):
            proof = (await log.get(f"/inclusion?index={index}&size={size}")).json()
            assert base64.b64decode(proof["leaf"]) == hashes[index]
            assert tree.inclusion_is_valid(index, size, hashes[index], decoded(proof["path"]), root)
    assert await log.refused(f"/inclusion?index=0&size={max(sizes) + 1}") == "404 not_published"
    assert await log.refused("/inclusion?index=3&size=3") == "400 invalid_request"
    assert await log.refused("/inclusion?index=-1&size=3") == "400 invalid_request"


async def test_any_published_size_is_proved_to_be_the_beginning_of_any_later_one(
    log: Log, database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    await grown(database, book, 20)
    await sealed(database, book)
    newest = (await log.checkpoint()).size
    hashes = await log.hashes(newest)
    roots = {size: tree.root_of(hashes[:size]) for size in range(1, newest + 1)}
    for until in roots:
        for since in range(1, until + 1):
            proof = (await log.get(f"/consistency?from={since}&to={until}")).json()
            assert tree.consistency_is_valid(since, until, roots[since], roots[until], decoded(proof["path"]))
    assert await log.refused(f"/consistency?from=1&to={newest + 1}") == "404 not_published"
    assert await log.refused("/consistency?from=3&to=2") == "400 invalid_request"
    assert await log.refused("/consistency?from=0&to=2") == "400 invalid_request"
    assert await log.refused("/consistency?from=1") == "400 invalid_request"


# --- receipts ---------------------------------------------------------------------------------------------------------


async def receipt_of(caller: Caller, transaction: Transaction) -> Receipt:
    answer = await caller.get(f"/log/receipts/{transaction.transaction_id}")
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert (view["status"], view["transaction"]) == ("sealed", str(transaction.transaction_id))
    found = receipts.parse(view["receipt"])
    assert view["page"].rpartition("/R/")[2] == receipts.compact(found)
    return found


async def test_who_reads_the_books_gets_the_line_and_what_opens_it(
    log: Log, database: AsyncEngine, book: Book, machine: Caller
) -> None:
    await opened(database, book, "5100", "2100.a")
    posted = await move(database, book, "5100 25 PT", "2100.a 25 PT", description="捐给张三的奶奶")
    await sealed(database, book)
    found = await receipt_of(machine, posted)
    assert receipts.check(found, await log.key()) == []
    line = json.loads(found.line or "")
    assert (line["id"], line["book"], line["type"]) == (str(posted.transaction_id), book.code, "transaction")
    assert "张三" not in (found.line or "")
    assert found.opening is not None
    assert found.opening.texts["description"] == "捐给张三的奶奶"
    await move(database, book, "5100 1 PT", "2100.a 1 PT")
    await sealed(database, book)
    later = await receipt_of(machine, posted)
    assert later.checkpoint.size == found.checkpoint.size + 1, "of the newest checkpoint"
    assert later.leaf == found.leaf


async def test_before_it_is_sealed_there_is_a_promise_which_the_receipt_keeps(
    log: Log, database: AsyncEngine, book: Book, machine: Caller
) -> None:
    await opened(database, book, "5100", "2100.a")
    async with unsealed(database):
        posted = await move(database, book, "5100 25 PT", "2100.a 25 PT", description="理发")
        answers = [await machine.get(f"/log/receipts/{posted.transaction_id}") for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].json() == answers[1].json(), "promised once"
    view: dict[str, Any] = answers[0].json()
    assert (view["status"], "receipt" in view) == ("promised", False)
    promise = receipts.parse_promise(view["promise"])
    assert receipts.check_promise(promise, await log.key()) == []
    assert (promise.transaction, promise.within) == (str(posted.transaction_id), 86_400)
    await sealed(database, book)
    assert receipts.keeps(promise, await receipt_of(machine, posted)) == []
    other = await move(database, book, "5100 25 PT", "2100.a 25 PT", description="理发")
    await sealed(database, book)
    assert [each.code for each in receipts.keeps(promise, await receipt_of(machine, other))] == ["other_transaction"]


async def test_parties_get_a_slip_of_what_touches_others_and_the_line_of_what_is_theirs_alone(
    http: httpx.AsyncClient, log: Log, database: AsyncEngine, book: Book
) -> None:
    shop = await opened_shop(database, book, points=100, people=2)
    numbers = [each.volunteer_no for each in shop.programme.volunteers]
    her = await a_user(http, database, book, Grant("volunteer", volunteer_no=numbers[0]))
    merchant = await a_user(http, database, book, Grant("merchant", outlet=shop.OUTLET))
    stranger = await a_user(http, database, book, Grant("volunteer", volunteer_no=numbers[1]))
    await opened(database, book, "4100")
    wallet, payable = f"2100.{shop.holder}", f"2300.{shop.OUTLET}"
    bought = await move(database, book, f"{wallet} 5 PT", f"{payable} 5 PT")
    expired = await move(database, book, f"{wallet} 5 PT", "4100 5 PT")
    gift = await move(database, book, f"{wallet} 5 PT", f"2100.{shop.programme.volunteers[1].holder} 5 PT")
    settled = await move(database, book, f"{payable} 5 PT", "1100 5 PT")
    await sealed(database, book)
    key = await log.key()
    whole = {}
    for name, caller, transaction in (
        ("hers at the shop", her, bought),
        ("the shop's of her", merchant, bought),
        ("hers alone", her, expired),
        ("a gift, of who gave", her, gift),
        ("a gift, of who got it", stranger, gift),
        ("the shop's alone", merchant, settled),
    ):
        found = await receipt_of(caller, transaction)
        assert receipts.check(found, key) == [], name
        whole[name] = found.line is not None
        if not whole[name]:
            assert shop.holder not in receipts.text_of(found)
    assert [name for name, is_whole in whole.items() if is_whole] == ["hers alone", "the shop's alone"]
    for caller, transaction in ((stranger, bought), (stranger, expired), (merchant, expired), (her, settled)):
        answer = await caller.get(f"/log/receipts/{transaction.transaction_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_transaction"), "as if there were none"


async def test_nobody_else_sees_receipts_and_only_auditors_see_entries(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, machine: Caller
) -> None:
    await opened(database, book, "5100", "2100.a")
    posted = await move(database, book, "5100 25 PT", "2100.a 25 PT")
    await sealed(database, book)
    receipt, entries = f"/log/receipts/{posted.transaction_id}", "/log/tiles/entries/000.p/1"
    auditor = await a_user(http, database, book, Grant("auditor", until=auth.today()))
    poster = await a_machine(http, database, book, ["books:post"])
    merchant = await a_user(http, database, book, Grant("merchant", outlet="X0001"))
    nobody = Caller(http, book.code, "none")
    for caller, seen in (
        (auditor, (200, 200)),
        (machine, (200, 403)),
        (merchant, (404, 403)),
        (poster, (403, 403)),
        (nobody, (401, 401)),
    ):
        assert ((await caller.get(receipt)).status_code, (await caller.get(entries)).status_code) == seen
    for missing in (NOTHING, "00000000-0000-4000-8000-000000000000"):
        answer = await auditor.get(f"/log/receipts/{missing}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_transaction")
    assert (await auditor.get("/log/receipts/none")).status_code == 404
    elsewhere = Caller(http, "other", auditor.token)
    assert (await elsewhere.get(receipt)).status_code == 403
    assert (await auditor.get("/log/tiles/entries/000.p/3")).status_code == 200
    assert (await auditor.get("/log/tiles/entries/001")).status_code == 404
