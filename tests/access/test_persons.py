"""Personal data: recorded, found however they are written, shown in part, revealed with a reason."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import identities, log, persons
from ledger.access.ciphers import Keys
from ledger.access.identities import Field, Identity, Masked
from ledger.access.persons import Revealed
from ledger.access.tables import persons as table
from ledger.books.directory import Book
from ledger.earning import volunteers
from ledger.errors import CannotDecrypt, IdentityTaken, InvalidField, StillKnown, UnknownPerson, UnknownVolunteer
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
    erase,
    id_number,
    read,
    record,
    recorded,
    registered,
)
from tests.books.ledgers import until_blocked_by
from tests.conftest import new_book


async def masked(database: AsyncEngine, book: Book, *numbers: str) -> dict[str, Masked]:
    async with database.begin() as tx:
        return await persons.masked(tx, KEYS, book.book_id, numbers, STAFF, AT)


async def logged(database: AsyncEngine, book: Book, *actions: log.Action) -> list[log.Access]:
    """The lines of the book's access log about these actions, or about all; of one instant, so in no order."""
    async with database.connect() as tx:
        lines = await log.read_log(tx, KEYS, book.book_id, None, 100)
    return [line for line in lines if not actions or line.action in actions]


# --- recording -------------------------------------------------------------------------------------------------------


async def test_what_is_recorded_is_read_again(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, WANG)
    assert await read(database, book) == replace(WANG, born=date(1958, 3, 2))


async def test_a_name_is_enough(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, Identity(" 王秀英 "))
    assert await read(database, book) == Identity("王秀英")


async def test_a_change_replaces_all_fields(database: AsyncEngine, book: Book) -> None:
    volunteer = await recorded(database, book, WANG)
    await record(database, book, volunteer, Identity("王秀英", "+86 139 0000 1111"))
    assert await read(database, book) == Identity("王秀英", "13900001111")
    async with database.connect() as tx:
        assert await persons.find_by_id_number(tx, KEYS, book.book_id, WANG.id_number or "") == []
        assert await persons.find_by_phone(tx, KEYS, book.book_id, WANG.phone or "") == []


async def test_nothing_of_it_stands_in_the_table_in_plain(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, WANG)
    async with database.connect() as tx:
        [row] = (await tx.execute(table.select().where(table.c.book_id == book.book_id))).all()
    stored = b"".join(value for value in row if isinstance(value, bytes))
    assert WANG.id_number
    assert WANG.phone
    for plain in (WANG.name, WANG.phone, WANG.id_number, "1958-03-02"):
        assert plain.encode() not in stored


async def test_an_identity_needs_a_volunteer_of_that_number(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        with pytest.raises(UnknownVolunteer) as caught:
            await persons.record(tx, KEYS, book.book_id, "V-0001", "1", WANG, STAFF, AT)
        await tx.rollback()
    assert caught.value.volunteer == "V-0001"


async def test_one_identity_number_is_one_volunteers_of_a_book(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, WANG)
    other = await registered(database, book, "V-0002")
    written = f" {(WANG.id_number or '').lower()} "
    with pytest.raises(IdentityTaken) as caught:
        await record(database, book, other, Identity("王英", None, written))
    assert list(caught.value.facts()) == [("volunteer", "V-0002")]
    with pytest.raises(UnknownPerson):
        await read(database, book, "V-0002")
    elsewhere = await new_book(database)
    await recorded(database, elsewhere, WANG)


async def test_a_number_is_taken_too_when_it_was_written_under_the_index_key_of_before(
    database: AsyncEngine, book: Book
) -> None:
    await recorded(database, book, WANG)
    rotated = Keys.of([OLD_IDENTITY], [NEW_INDEX, OLD_INDEX])
    other = await registered(database, book, "V-0002")
    with pytest.raises(IdentityTaken):
        await record(database, book, other, WANG, rotated)


async def test_of_two_who_are_recorded_with_one_number_at_a_time_one_is_refused(
    database: AsyncEngine, book: Book
) -> None:
    one, two = await registered(database, book, "V-0001"), await registered(database, book, "V-0002")
    async with database.begin() as tx:
        await persons.record(tx, KEYS, book.book_id, "V-0001", one.holder, WANG, STAFF, AT)
        second = asyncio.create_task(record(database, book, two, WANG))
        await until_blocked_by(database, tx)
    with pytest.raises(IdentityTaken) as caught:
        await second
    assert caught.value.volunteer == "V-0002"
    assert caught.value.__suppress_context__, "the database's words would name the number's digest"


@pytest.mark.parametrize("there", [False, True], ids=["both the first", "both a change"])
async def test_of_two_changes_at_a_time_the_later_one_counts_as_a_whole(
    database: AsyncEngine, book: Book, there: bool
) -> None:
    volunteer = await (recorded(database, book, CHILD) if there else registered(database, book))
    async with database.begin() as tx:
        await persons.record(tx, KEYS, book.book_id, volunteer.volunteer_no, volunteer.holder, WANG, STAFF, AT)
        later = asyncio.create_task(record(database, book, volunteer, Identity("王英", "13900001111")))
        await until_blocked_by(database, tx)
    await later
    assert await read(database, book) == Identity("王英", "13900001111")
    assert await masked(database, book, "V-0001") == {"V-0001": Masked("王**", "139****1111", None, None)}


async def test_many_changes_at_a_time_leave_one_of_them(database: AsyncEngine, book: Book) -> None:
    volunteer = await registered(database, book)
    wanted = [Identity(f"王{place}", f"139000011{place:02d}", None, date(1950 + place, 1, 1)) for place in range(8)]
    await asyncio.gather(*(record(database, book, volunteer, identity) for identity in wanted))
    assert await read(database, book) in wanted


# --- looking up ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["13812345678", "+86 138 1234 5678", "138-1234-5678", "１３８１２３４５６７８"])
async def test_a_phone_is_found_however_it_is_written(database: AsyncEngine, book: Book, written: str) -> None:
    await recorded(database, book, WANG)
    await recorded(database, book, ZHANG, "V-0002")
    async with database.connect() as tx:
        assert await persons.find_by_phone(tx, KEYS, book.book_id, written) == ["V-0001"]


async def test_a_family_may_share_a_phone(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, replace(CHILD, phone=WANG.phone), "V-0002")
    await recorded(database, book, WANG, "V-0001")
    async with database.connect() as tx:
        assert await persons.find_by_phone(tx, KEYS, book.book_id, WANG.phone or "") == ["V-0001", "V-0002"]


async def test_an_identity_number_is_found_in_its_book_only(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    await recorded(database, book, WANG)
    number = (WANG.id_number or "").lower()
    async with database.connect() as tx:
        assert await persons.find_by_id_number(tx, KEYS, book.book_id, number) == ["V-0001"]
        assert await persons.find_by_id_number(tx, KEYS, other.book_id, number) == []
        assert await persons.find_by_id_number(tx, KEYS, book.book_id, ZHANG.id_number or "") == []


async def test_a_phone_is_not_found_as_an_identity_number_nor_what_is_neither(
    database: AsyncEngine, book: Book
) -> None:
    async with database.connect() as tx:
        with pytest.raises(InvalidField):
            await persons.find_by_id_number(tx, KEYS, book.book_id, WANG.phone or "")
        with pytest.raises(InvalidField):
            await persons.find_by_phone(tx, KEYS, book.book_id, "王秀英")


async def test_old_data_are_found_and_read_under_rotated_keys(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, WANG)
    rotated = Keys.of([NEW_IDENTITY, OLD_IDENTITY], [NEW_INDEX, OLD_INDEX])
    await recorded(database, book, ZHANG, "V-0002", rotated)
    async with database.connect() as tx:
        assert await persons.find_by_phone(tx, rotated, book.book_id, WANG.phone or "") == ["V-0001"]
        assert await persons.find_by_phone(tx, rotated, book.book_id, ZHANG.phone or "") == ["V-0002"]
        assert await persons.find_by_phone(tx, KEYS, book.book_id, ZHANG.phone or "") == []
    assert (await read(database, book, keys=rotated)).name == WANG.name
    assert (await read(database, book, "V-0002", rotated)).name == ZHANG.name
    with pytest.raises(CannotDecrypt):
        await read(database, book, "V-0002", KEYS)


# --- showing in part -------------------------------------------------------------------------------------------------


async def test_pages_get_masks_in_the_order_in_which_they_ask(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, WANG, "V-0001")
    await recorded(database, book, ZHANG, "V-0002")
    await registered(database, book, "V-0003")
    found = await masked(database, book, "V-0002", "V-0003", "nobody", "V-0001")
    assert list(found) == ["V-0002", "V-0001"]
    assert found["V-0001"] == Masked("王**", "138****5678", f"3701{'*' * 12}{(WANG.id_number or '')[-2:]}", False)
    assert await masked(database, book) == {}


async def test_that_minors_were_shown_is_logged_and_of_others_it_is_not(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, WANG, "V-0001")
    child = await recorded(database, book, CHILD, "V-0002")
    youth = await recorded(database, book, Identity("赵明", None, None, date(2008, 11, 23)), "V-0003")
    shown = await masked(database, book, "V-0001", "V-0002", "V-0003")
    assert shown["V-0002"] == Masked("李**", None, None, True)
    lines = await logged(database, book, "masked")
    assert {(line.holder, line.fields, line.minor, line.actor, line.at) for line in lines} == {
        (child.holder, ("name",), True, STAFF, AT),
        (youth.holder, ("name",), True, STAFF, AT),
    }
    assert len(lines) == 2


async def test_who_has_come_of_age_is_no_minor_any_more(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, Identity("赵明", None, None, date(2008, 11, 23)))
    async with database.begin() as tx:
        shown = await persons.masked(tx, KEYS, book.book_id, ["V-0001"], STAFF, AT + timedelta(days=1))
    assert shown["V-0001"].minor is False


# --- revealing -------------------------------------------------------------------------------------------------------


async def reveal(database: AsyncEngine, book: Book, fields: list[Field], reason: str = REASON) -> Revealed:
    async with database.begin() as tx:
        return await persons.reveal(tx, KEYS, book.book_id, "V-0001", fields, STAFF, reason, AT)


async def test_what_is_revealed_is_logged_with_the_reason(database: AsyncEngine, book: Book) -> None:
    volunteer = await recorded(database, book, WANG)
    shown = await reveal(database, book, ["phone", "name"])
    assert shown == Revealed(WANG.name, WANG.phone)
    [recording] = await logged(database, book, "record")
    assert (recording.fields, recording.reason) == (("name", "phone", "id_number", "born"), None)
    [line] = await logged(database, book, "reveal")
    assert line == log.Access(
        line.access_id, AT, STAFF, "reveal", volunteer.holder, ("name", "phone"), False, REASON, False
    )
    assert repr(shown) == "Revealed()"
    assert REASON not in repr(line)


async def test_a_minors_data_are_revealed_as_a_minors(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, CHILD)
    await reveal(database, book, ["phone"])
    assert [line.minor for line in await logged(database, book)] == [True, True]


@pytest.mark.parametrize(
    ("fields", "reason", "expected"),
    [
        (["name"], "", ("reason", "not_a_reason")),
        (["name"], "  核对  ", ("reason", "not_a_reason")),
        (["name"], "核对" * 101, ("reason", "not_a_reason")),
        (["name"], "核对服务\n时间", ("reason", "not_a_reason")),
        ([], REASON, ("fields", "missing")),
        (["name", "data_key"], REASON, ("fields", "not_fields")),
    ],
)
async def test_nothing_is_revealed_without_a_reason_and_fields(
    database: AsyncEngine, book: Book, fields: list[Field], reason: str, expected: tuple[str, str]
) -> None:
    await recorded(database, book, WANG)
    with pytest.raises(InvalidField) as caught:
        await reveal(database, book, fields, reason)
    assert (caught.value.field, caught.value.problem) == expected
    assert [line.action for line in await logged(database, book)] == ["record"]


async def test_nobody_is_revealed_of_whom_nothing_is_recorded(database: AsyncEngine, book: Book) -> None:
    await registered(database, book)
    with pytest.raises(UnknownPerson) as caught:
        await reveal(database, book, ["name"])
    assert list(caught.value.facts()) == [("volunteer", "V-0001")]
    assert await logged(database, book) == []


# --- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "taken_from"),
    [("name", "phone"), ("phone", "id_number"), ("born", "name"), ("name", None), ("data_key", None)],
)
async def test_ciphertexts_that_somebody_has_moved_do_not_open(
    database: AsyncEngine, book: Book, column: str, taken_from: str | None
) -> None:
    """Among the columns of one person, or (None) from another's row."""
    await recorded(database, book, WANG, "V-0001")
    await recorded(database, book, ZHANG, "V-0002")
    source = "V-0001" if taken_from else "V-0002"
    async with database.begin() as tx:
        of = table.select().where(table.c.book_id == book.book_id, table.c.volunteer_no == source)
        moved = (await tx.execute(of)).mappings().one()[taken_from or column]
        here = (table.c.book_id == book.book_id) & (table.c.volunteer_no == "V-0001")
        await tx.execute(update(table).where(here).values({column: moved}))
    for look in (read(database, book), masked(database, book, "V-0001")):
        with pytest.raises(CannotDecrypt) as caught:
            await look
        assert str(caught.value) == f"what='persons.{column}'"


async def test_no_error_and_no_log_carries_who_somebody_is(
    database: AsyncEngine, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await recorded(database, book, WANG)
    other = await registered(database, book, "V-0002")
    told = []
    wrong = [
        replace(WANG, name="王秀英" * 30),
        replace(WANG, phone="13812345678x"),
        replace(WANG, id_number=f"{WANG.id_number}0"),
        replace(WANG, born=date(1958, 3, 3)),
        WANG,
    ]
    for identity in wrong:
        with pytest.raises((InvalidField, IdentityTaken)) as caught:
            await record(database, book, other, identity)
        told += [str(caught.value), repr(caught.value), repr(caught.value.__context__)]
    with pytest.raises(CannotDecrypt) as refused:
        await read(database, book, keys=Keys.of([NEW_IDENTITY], [OLD_INDEX]))
    told += [str(refused.value), caplog.text]
    for secret in (WANG.name, WANG.phone, WANG.id_number, "1958"):
        assert secret
        assert secret not in "".join(told)


async def test_the_database_refuses_an_index_without_its_value(database: AsyncEngine, book: Book) -> None:
    await recorded(database, book, WANG)
    for column in ("phone", "id_number"):
        async with database.begin() as tx:
            with pytest.raises(Exception, match=f"persons_{column}_check"):
                await tx.execute(text(f"UPDATE persons SET {column} = NULL WHERE book_id = {book.book_id}"))
            await tx.rollback()


# --- erasing, beside others ------------------------------------------------------------------------------------------


async def test_an_erasure_waits_for_what_is_being_revealed_and_afterwards_nothing_is(
    database: AsyncEngine, book: Book
) -> None:
    volunteer = await recorded(database, book, WANG)
    async with database.begin() as tx:
        shown = await persons.reveal(tx, KEYS, book.book_id, "V-0001", ["name"], STAFF, REASON, AT)
        erasing = asyncio.create_task(erase(database, book, volunteer))
        await until_blocked_by(database, tx)
        assert shown.name == WANG.name
    await erasing
    with pytest.raises(UnknownPerson):
        await reveal(database, book, ["name"])
    [revealed], [erased] = await logged(database, book, "reveal"), await logged(database, book, "erase")
    assert (revealed.holder, revealed.reason, revealed.reason_lost) == (volunteer.holder, None, True)
    assert (erased.holder, erased.reason, erased.reason_lost) == (volunteer.holder, None, False)


async def test_whoever_reveals_beside_an_erasure_that_comes_first_is_told_nothing(
    database: AsyncEngine, book: Book
) -> None:
    volunteer = await recorded(database, book, WANG)
    async with database.begin() as tx:
        await persons.erase(tx, book.book_id, volunteer.volunteer_no, volunteer.holder, STAFF, AT)
        revealing = asyncio.create_task(reveal(database, book, ["name"]))
        await until_blocked_by(database, tx)
        await volunteers.forget(tx, book.book_id, volunteer.volunteer_no, "user:1")
    with pytest.raises(UnknownPerson):
        await revealing


async def test_nobody_is_recorded_anew_beside_her_erasure(database: AsyncEngine, book: Book) -> None:
    volunteer = await recorded(database, book, WANG)
    async with database.begin() as tx:
        await persons.erase(tx, book.book_id, volunteer.volunteer_no, volunteer.holder, STAFF, AT)
        await volunteers.forget(tx, book.book_id, volunteer.volunteer_no, "user:1")
        recording = asyncio.create_task(record(database, book, volunteer, WANG))
        await until_blocked_by(database, tx)
    with pytest.raises(UnknownVolunteer):
        await recording
    async with database.connect() as tx:
        assert (await tx.execute(table.select().where(table.c.book_id == book.book_id))).all() == []


async def test_who_is_being_recorded_for_the_first_time_is_not_forgotten_half(
    database: AsyncEngine, book: Book
) -> None:
    volunteer = await registered(database, book)
    async with database.begin() as tx:
        await persons.record(tx, KEYS, book.book_id, volunteer.volunteer_no, volunteer.holder, WANG, STAFF, AT)
        erasing = asyncio.create_task(erase(database, book, volunteer))
        await until_blocked_by(database, tx)
    with pytest.raises(StillKnown) as caught:
        await erasing
    assert list(caught.value.facts()) == [("volunteer", "V-0001")]
    await erase(database, book, volunteer)
    with pytest.raises(UnknownPerson):
        await read(database, book)


def test_the_made_up_people_are_as_old_as_they_say() -> None:
    assert CHILD.id_number == id_number(date(2012, 6, 1))
    assert identities.is_minor(date(2012, 6, 1), AT.date())
