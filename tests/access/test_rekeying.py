"""Rekeying: what old keys wrote stands under the new ones afterwards, whoever works beside it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import cards, guardians, log, persons, rekeying
from ledger.access.ciphers import Keys
from ledger.access.guardians import Guardian
from ledger.access.identities import Identity
from ledger.access.rekeying import Rekeyed
from ledger.access.tables import persons as table
from ledger.books.directory import Book
from ledger.errors import CannotDecrypt, UnknownPerson
from tests.access.people import (
    AT,
    CHILD,
    KEYS,
    NEW_IDENTITY,
    NEW_INDEX,
    OLD_IDENTITY,
    OLD_INDEX,
    REASON,
    STAFF,
    WANG,
    ZHANG,
    read,
    record,
    recorded,
)
from tests.books.ledgers import until_blocked_by
from tests.conftest import new_book

BOTH = Keys.of([NEW_IDENTITY, OLD_IDENTITY], [NEW_INDEX, OLD_INDEX])
NEW = Keys.of([NEW_IDENTITY], [NEW_INDEX])
"""After the old keys have been dropped."""


async def issue(database: AsyncEngine, book: Book, volunteer_no: str, keys: Keys = KEYS) -> str:
    async with database.begin() as tx:
        return await cards.issue(tx, keys, book.book_id, volunteer_no, AT)


async def stored(database: AsyncEngine) -> list[tuple[object, ...]]:
    async with database.connect() as tx:
        return [tuple(row) for row in await tx.execute(select(table).order_by(table.c.book_id, table.c.volunteer_no))]


async def test_after_rekeying_the_old_keys_can_be_dropped(own: AsyncEngine) -> None:
    book, other = await new_book(own), await new_book(own)
    await recorded(own, book, WANG, "V-0001")
    child = await recorded(own, book, CHILD, "V-0002")
    await recorded(own, other, WANG, "V-0001")
    await recorded(own, other, Identity("赵明"), "V-0002")
    lost, card = await issue(own, book, "V-0001"), await issue(own, book, "V-0001")
    await read(own, book, "V-0002")
    async with own.begin() as tx:
        await guardians.record(
            tx, KEYS, book.book_id, "V-0002", Guardian("李大明", "13700002222", "parent"), None, STAFF, AT
        )
    with pytest.raises(CannotDecrypt):
        await read(own, book, keys=NEW)

    heard: list[tuple[int, int]] = []
    done = await rekeying.rekey(own, BOTH, lambda row, total: heard.append((row, total)), most=1)

    assert done == Rekeyed(persons=4, persons_changed=4, cards=2, cards_changed=2)
    assert heard == [(row, 6) for row in range(1, 7)]
    assert await read(own, book, "V-0001", NEW) == replace(WANG, born=date(1958, 3, 2))
    assert (await read(own, other, "V-0002", NEW)).name == "赵明"
    async with own.connect() as tx:
        assert await persons.find_by_phone(tx, NEW, book.book_id, WANG.phone or "") == ["V-0001"]
        assert await persons.find_by_id_number(tx, NEW, other.book_id, WANG.id_number or "") == ["V-0001"]
        assert await cards.holder_of_card(tx, NEW, card) == [(book.book_id, "V-0001")]
        assert await cards.holder_of_card(tx, NEW, lost) == []
        lines = await log.read_log(tx, NEW, book.book_id, child.holder, 10)
        assert REASON in [line.reason for line in lines]
    async with own.begin() as tx:
        shown = await guardians.of_volunteer(tx, NEW, book.book_id, "V-0002", STAFF, AT)
        assert (shown and shown.name) == "李**"
    async with own.connect() as tx:
        assert await persons.find_by_phone(tx, KEYS, book.book_id, WANG.phone or "") == []
    with pytest.raises(CannotDecrypt):
        await read(own, book, keys=KEYS)


@pytest.mark.parametrize(
    "keys",
    [Keys.of([NEW_IDENTITY, OLD_IDENTITY], [OLD_INDEX]), Keys.of([OLD_IDENTITY], [NEW_INDEX, OLD_INDEX])],
    ids=["the identity key", "the index key"],
)
async def test_each_kind_of_key_is_changed_for_itself(own: AsyncEngine, keys: Keys) -> None:
    book = await new_book(own)
    await recorded(own, book, WANG)
    card = await issue(own, book, "V-0001")
    assert await rekeying.rekey(own, keys) == Rekeyed(1, 1, 1, 1)
    first = Keys(keys.identity[:1], keys.index[:1])
    assert (await read(own, book, keys=first)).name == WANG.name
    async with own.connect() as tx:
        assert await persons.find_by_phone(tx, first, book.book_id, WANG.phone or "") == ["V-0001"]
        assert await cards.holder_of_card(tx, first, card) == [(book.book_id, "V-0001")]


async def test_rekeying_again_changes_nothing(own: AsyncEngine) -> None:
    book = await new_book(own)
    await recorded(own, book, WANG)
    await recorded(own, book, Identity("赵明"), "V-0002")
    await issue(own, book, "V-0001")
    assert await rekeying.rekey(own, KEYS) == Rekeyed(2, 0, 1, 0)
    await rekeying.rekey(own, BOTH)
    before = await stored(own)
    assert await rekeying.rekey(own, BOTH) == Rekeyed(2, 0, 1, 0)
    assert await stored(own) == before
    assert await rekeying.rekey(own, NEW) == Rekeyed(2, 0, 1, 0)


async def test_nobody_recorded_is_nothing_to_do(own: AsyncEngine) -> None:
    await new_book(own)
    assert await rekeying.rekey(own, NEW) == Rekeyed()


async def test_an_interrupted_rekeying_is_taken_up_again(own: AsyncEngine) -> None:
    book = await new_book(own)
    for number in range(6):
        await recorded(own, book, Identity(f"王{number}"), f"V-{number}")

    def stop(row: int, _total: int) -> None:
        if row == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rekeying.rekey(own, BOTH, stop, most=2)
    for number in range(6):
        assert (await read(own, book, f"V-{number}", BOTH)).name == f"王{number}"
    assert await rekeying.rekey(own, BOTH, most=2) == Rekeyed(6, 2)


async def test_without_the_old_key_nothing_is_changed(own: AsyncEngine) -> None:
    book = await new_book(own)
    await recorded(own, book, WANG)
    before = await stored(own)
    with pytest.raises(CannotDecrypt):
        await rekeying.rekey(own, NEW)
    assert await stored(own) == before


# --- beside others ---------------------------------------------------------------------------------------------------


async def test_a_change_that_comes_first_is_rekeyed_and_not_overwritten(own: AsyncEngine) -> None:
    book = await new_book(own)
    volunteer = await recorded(own, book, WANG)
    async with own.begin() as tx:
        await persons.record(
            *(tx, KEYS, book.book_id, volunteer.volunteer_no, volunteer.holder),
            *(Identity("王英", "13900001111"), "user:2", AT),
        )
        rekeyed = asyncio.create_task(rekeying.rekey(own, BOTH))
        await until_blocked_by(own, tx)
    assert await rekeyed == Rekeyed(1, 1)
    assert await read(own, book, keys=NEW) == Identity("王英", "13900001111")
    async with own.connect() as tx:
        assert await persons.find_by_phone(tx, NEW, book.book_id, "13900001111") == ["V-0001"]


async def test_a_change_that_comes_second_keeps_the_new_key(own: AsyncEngine) -> None:
    book = await new_book(own)
    volunteer = await recorded(own, book, WANG)
    async with own.begin() as tx:
        assert await persons.rekey(tx, BOTH, book.book_id, "", 10) is not None
        changing = asyncio.create_task(record(own, book, volunteer, ZHANG, BOTH))
        await until_blocked_by(own, tx)
    await changing
    assert await read(own, book, keys=NEW) == ZHANG
    assert await rekeying.rekey(own, BOTH) == Rekeyed(1, 0)


async def test_who_is_erased_beside_it_stays_erased(own: AsyncEngine) -> None:
    book = await new_book(own)
    volunteer = await recorded(own, book, WANG)
    await recorded(own, book, ZHANG, "V-0002")
    async with own.begin() as tx:
        await persons.erase(tx, book.book_id, volunteer.volunteer_no, volunteer.holder, "user:2", AT)
        rekeyed = asyncio.create_task(rekeying.rekey(own, BOTH))
        await until_blocked_by(own, tx)
    assert await rekeyed == Rekeyed(1, 1)
    with pytest.raises(UnknownPerson):
        await read(own, book, keys=BOTH)


async def test_rekeying_under_traffic_loses_nobody(own: AsyncEngine) -> None:
    book = await new_book(own)
    people = [await recorded(own, book, Identity(f"王{n}"), f"V-{n:02d}") for n in range(12)]
    cards_of = [await issue(own, book, volunteer.volunteer_no) for volunteer in people]

    async def changes() -> None:
        for turn in range(3):
            for n, volunteer in enumerate(people[::-1]):
                phone = f"1390000{turn:02d}{11 - n:02d}"
                await record(own, book, volunteer, Identity(f"王{turn}", phone), BOTH)

    await asyncio.gather(changes(), rekeying.rekey(own, BOTH, most=3), rekeying.rekey(own, BOTH, most=2))
    await rekeying.rekey(own, BOTH)
    for n, volunteer in enumerate(people):
        assert await read(own, book, volunteer.volunteer_no, NEW) == Identity("王2", f"139000002{n:02d}")
        async with own.connect() as tx:
            assert await cards.holder_of_card(tx, NEW, cards_of[n]) == [(book.book_id, volunteer.volunteer_no)]


async def test_two_with_one_identity_number_are_named_and_the_others_rekeyed(own: AsyncEngine) -> None:
    """Two processes recorded them while one did not know the other's index key."""
    book = await new_book(own)
    await recorded(own, book, WANG, "V-0001", Keys.of([OLD_IDENTITY], [OLD_INDEX]))
    await recorded(own, book, WANG, "V-0002", Keys.of([OLD_IDENTITY], [NEW_INDEX]))
    await recorded(own, book, ZHANG, "V-0003")
    assert await rekeying.rekey(own, BOTH) == Rekeyed(3, 2, taken=((book.book_id, "V-0001"),))
    for number, name in (("V-0002", WANG.name), ("V-0003", ZHANG.name)):
        assert (await read(own, book, number, NEW)).name == name
    async with own.begin() as tx:
        holder = (await tx.execute(select(table.c.holder).where(table.c.volunteer_no == "V-0001"))).scalar_one()
        await persons.record(tx, BOTH, book.book_id, "V-0001", holder, Identity("王英"), "user:2", AT)
    assert await rekeying.rekey(own, BOTH) == Rekeyed(3, 1)
    assert (await read(own, book, "V-0001", NEW)).name == "王英"
