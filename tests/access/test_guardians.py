"""Guardians of minors: sealed, masked, revealed with a reason; and the consent that goes with them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import consents, guardians, log, persons
from ledger.access.guardians import Guardian, Shown
from ledger.access.persons import Newcomer
from ledger.access.tables import guardians as guardians_table
from ledger.access.tables import persons as persons_table
from ledger.books.directory import Book
from ledger.earning.volunteers import Volunteer
from ledger.errors import CannotDecrypt, IdentityTaken, InvalidField, UnknownGuardian, UnknownPerson
from tests.access.people import AT, CHILD, KEYS, REASON, STAFF, WANG, ZHANG, read, recorded, registered

MOTHER = Guardian("王秀英", "138 1234 5678", "parent")
UNCLE = Guardian("李建国", None, "other")
LATER = AT + timedelta(minutes=5)
TEXT = consents.OFFERED["minor_guardian"]


async def record(
    database: AsyncEngine, book: Book, guardian: Guardian = MOTHER, text: str | None = TEXT, at: object = AT
) -> None:
    async with database.begin() as tx:
        await guardians.record(tx, KEYS, book.book_id, "V-0001", guardian, text, STAFF, at)  # type: ignore[arg-type]


async def shown(database: AsyncEngine, book: Book) -> Shown | None:
    async with database.begin() as tx:
        return await guardians.of_volunteer(tx, KEYS, book.book_id, "V-0001", STAFF, AT)


async def consents_to(database: AsyncEngine, book: Book, minor: Volunteer) -> bool:
    async with database.connect() as tx:
        return await guardians.consents_to(tx, book.book_id, minor.holder)


async def logged(database: AsyncEngine, book: Book, minor: Volunteer) -> set[tuple[str, tuple[str, ...], bool | None]]:
    async with database.connect() as tx:
        lines = await log.read_log(tx, KEYS, book.book_id, minor.holder, 50)
    return {(line.action, line.fields, line.minor) for line in lines}


async def test_a_guardian_is_shown_masked_with_the_consent_that_she_gave(database: AsyncEngine, book: Book) -> None:
    minor = await recorded(database, book, CHILD)
    assert await shown(database, book) is None
    assert not await consents_to(database, book, minor)
    await record(database, book)
    assert await shown(database, book) == Shown("王**", "138****5678", "parent", AT, AT, TEXT)
    assert await consents_to(database, book, minor)
    assert {("masked", ("guardian",), True), ("record", ("guardian",), True)} <= await logged(database, book, minor)


async def test_nothing_of_a_guardian_stands_in_the_database_in_plain(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, CHILD)
    await record(database, book)
    async with database.connect() as tx:
        row = (await tx.execute(select(guardians_table).where(guardians_table.c.book_id == book.book_id))).one()
    for plain in (MOTHER.name.encode(), b"13812345678"):
        assert plain not in row.name + (row.phone or b"")
    assert repr(MOTHER) == "Guardian(relation='parent')"


async def test_she_is_seen_in_full_for_a_reason_that_is_kept(database: AsyncEngine, book: Book) -> None:
    minor = await recorded(database, book, CHILD)
    with pytest.raises(UnknownGuardian):
        await reveal(database, book)
    await record(database, book)
    assert await reveal(database, book) == replace(MOTHER, phone="13812345678")
    with pytest.raises(InvalidField):
        await reveal(database, book, "x")
    async with database.connect() as tx:
        lines = await log.read_log(tx, KEYS, book.book_id, minor.holder, 50)
    assert [(line.fields, line.reason) for line in lines if line.action == "reveal"] == [(("guardian",), REASON)]


async def reveal(database: AsyncEngine, book: Book, reason: str = REASON) -> Guardian:
    async with database.begin() as tx:
        return await guardians.reveal(tx, KEYS, book.book_id, "V-0001", STAFF, reason, AT)


async def test_another_guardian_takes_her_place_and_has_to_consent_herself(database: AsyncEngine, book: Book) -> None:
    minor = await recorded(database, book, CHILD)
    await record(database, book)
    await record(database, book, UNCLE, None, LATER)
    assert await shown(database, book) == Shown("李**", None, "other", LATER, None, None)
    assert not await consents_to(database, book, minor)
    await record(database, book, UNCLE, TEXT, LATER)
    assert await consents_to(database, book, minor)
    async with database.connect() as tx:
        history = await consents.history(tx, book.book_id, minor.holder)
    assert [(each.given_at, each.withdrawn_at) for each in history] == [(LATER, None), (AT, LATER)]


async def test_a_guardian_who_is_none_any_more_consents_to_nothing(database: AsyncEngine, book: Book) -> None:
    minor = await recorded(database, book, CHILD)
    await record(database, book)
    await end(database, book)
    assert await shown(database, book) is None
    assert not await consents_to(database, book, minor)
    with pytest.raises(UnknownGuardian):
        await end(database, book)


async def end(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await guardians.end(tx, KEYS, book.book_id, "V-0001", STAFF, LATER)


async def test_a_consent_that_is_withdrawn_leaves_the_guardian_there(database: AsyncEngine, book: Book) -> None:
    minor = await recorded(database, book, CHILD)
    await record(database, book)
    async with database.begin() as tx:
        await consents.withdraw(tx, book.book_id, minor.holder, "minor_guardian", "guardian", LATER)
    assert await shown(database, book) == Shown("王**", "138****5678", "parent", AT, None, None)
    assert not await consents_to(database, book, minor)


async def test_of_guardians_recorded_at_once_one_is_left(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, CHILD)
    await asyncio.gather(
        *(record(database, book, UNCLE, TEXT, AT + timedelta(seconds=n)) for n in range(8)),
    )
    found = await shown(database, book)
    assert found is not None
    async with database.connect() as tx:
        rows = (
            await tx.execute(select(guardians_table.c.ended_at).where(guardians_table.c.book_id == book.book_id))
        ).scalars()
        assert sorted(each is None for each in rows) == [False] * 7 + [True]


async def test_the_minor_is_recorded_before_the_guardian(database: AsyncEngine, book: Book) -> None:
    await registered(database, book)
    with pytest.raises(UnknownPerson):
        await record(database, book)


@pytest.mark.parametrize(
    ("guardian", "text", "field"),
    [
        (replace(MOTHER, name=" "), TEXT, "name"),
        (replace(MOTHER, name="a\nb"), TEXT, "name"),
        (replace(MOTHER, phone="12345"), TEXT, "phone"),
        (replace(MOTHER, relation="mother"), TEXT, "relation"),
        (MOTHER, "1999-01", "text_version"),
    ],
)
async def test_what_cannot_be_recorded_changes_nothing(
    database: AsyncEngine, book: Book, guardian: Guardian, text: str | None, field: str
) -> None:
    await recorded(database, book, CHILD)
    await record(database, book, UNCLE)
    with pytest.raises(InvalidField) as caught:
        await record(database, book, guardian, text, LATER)
    assert caught.value.field == field
    found = await shown(database, book)
    assert (found and found.name) == "李**"


async def test_a_guardian_moved_to_another_minor_does_not_open(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, CHILD)
    await recorded(database, book, WANG, "V-0002")
    await record(database, book)
    async with database.begin() as tx:
        of_book = guardians_table.c.book_id == book.book_id
        await tx.execute(guardians_table.update().where(of_book).values(volunteer_no="V-0002"))
        with pytest.raises(CannotDecrypt):
            await guardians.of_volunteer(tx, KEYS, book.book_id, "V-0002", STAFF, AT)


# --- many at a time, and the day of birth -----------------------------------------------------------------------------


async def test_the_day_of_birth_is_told_for_a_decision_and_logged_nowhere(database: AsyncEngine, book: Book) -> None:
    minor = await recorded(database, book, CHILD)
    await registered(database, book, "V-0002")
    before = await logged(database, book, minor)
    async with database.connect() as tx:
        born = await persons.born(tx, KEYS, book.book_id, "V-0001")
        assert born is not None
        assert (born.year, born.month, born.day) == (2012, 6, 1)
        assert await persons.born(tx, KEYS, book.book_id, "V-0002") is None
    assert await logged(database, book, minor) == before


async def test_many_are_recorded_at_once_as_one_by_one(database: AsyncEngine, book: Book) -> None:
    one, two = await registered(database, book, "V-0001"), await registered(database, book, "V-0002")
    async with database.begin() as tx:
        await persons.record_many(
            tx,
            KEYS,
            book.book_id,
            [Newcomer("V-0001", one.holder, ZHANG), Newcomer("V-0002", two.holder, replace(CHILD, phone=None))],
            STAFF,
            AT,
        )
        await persons.record_many(tx, KEYS, book.book_id, [], STAFF, AT)
    assert await read(database, book, "V-0001") == ZHANG
    assert (await read(database, book, "V-0002")).name == CHILD.name
    assert ("record", ("name", "phone", "id_number", "born"), False) in await logged(database, book, one)
    assert ("record", ("name", "id_number"), None) in await logged(database, book, two)
    async with database.connect() as tx:
        wanted = [ZHANG.id_number or "", WANG.id_number or ""]
        assert await persons.taken(tx, KEYS, book.book_id, wanted) == {ZHANG.id_number}
        assert await persons.taken(tx, KEYS, book.book_id, []) == frozenset()
        rows = await tx.execute(select(persons_table).where(persons_table.c.book_id == book.book_id))
        assert len({row.data_key for row in rows}) == 2


async def test_of_many_nobody_is_recorded_where_a_number_is_somebodys(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, ZHANG, "V-0003")
    one, two = await registered(database, book, "V-0001"), await registered(database, book, "V-0002")
    newcomers = [Newcomer("V-0001", one.holder, WANG), Newcomer("V-0002", two.holder, ZHANG)]
    with pytest.raises(IdentityTaken) as caught:
        async with database.begin() as tx:
            await persons.record_many(tx, KEYS, book.book_id, newcomers, STAFF, AT)
    assert caught.value.volunteer == "V-0002"
    with pytest.raises(UnknownPerson):
        await read(database, book, "V-0001")
