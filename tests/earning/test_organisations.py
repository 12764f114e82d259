"""Organisations: a tree, and to which of them an account belongs."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.chart import CHART
from ledger.books.directory import Book
from ledger.earning import organisations, volunteers
from ledger.earning.organisations import DEEPEST, Belonging, NewOrganisation, Organisation
from ledger.errors import InvalidField, OrganisationExists, OrganisationInactive, Refusal, UnknownOrganisation
from tests.books.ledgers import opened
from tests.conftest import new_book


async def add(database: AsyncEngine, book: Book, code: str, parent: str | None = None) -> Organisation:
    async with database.begin() as tx:
        return await organisations.add(tx, book.book_id, code, f"社区 {code}", parent)


async def belongings(database: AsyncEngine, book: Book, *codes: str) -> dict[str, Belonging]:
    async with database.connect() as tx:
        return await organisations.of_accounts(tx, book.book_id, codes)


async def test_an_organisation_knows_its_line_to_the_top(database: AsyncEngine, book: Book) -> None:
    await add(database, book, "district")
    await add(database, book, "street", "district")
    made = await add(database, book, "lane", "street")
    assert made == Organisation("lane", "社区 lane", "street", ("lane", "street", "district"))
    async with database.connect() as tx:
        assert await organisations.find(tx, book.book_id, "lane") == made


async def test_organisations_are_listed_by_code_page_by_page(database: AsyncEngine, book: Book) -> None:
    for code in ("b", "a", "B", "c-1"):
        await add(database, book, code)
    await add(database, await new_book(database), "elsewhere")
    async with database.connect() as tx:
        first = await organisations.organisations_of(tx, book.book_id, limit=2)
        rest = await organisations.organisations_of(tx, book.book_id, after=first[-1].code)
    assert [each.code for each in (*first, *rest)] == ["B", "a", "b", "c-1"]


async def test_a_code_is_one_organisations_in_its_book(database: AsyncEngine, book: Book) -> None:
    await add(database, book, "street")
    with pytest.raises(OrganisationExists) as caught:
        await add(database, book, "street")
    assert caught.value.organisation == "street"
    await add(database, await new_book(database), "street")


async def test_a_parent_is_of_the_same_book_and_there_already(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    await add(database, other, "district")
    for parent in ("district", "lane", "", "\x00", "\ud800"):
        with pytest.raises(UnknownOrganisation) as caught:
            await add(database, book, "lane", parent)
        assert caught.value.organisation == parent


async def test_a_tree_is_no_deeper_than_sixteen(database: AsyncEngine, book: Book) -> None:
    above = None
    for level in range(DEEPEST):
        above = (await add(database, book, f"o{level}", above)).code
    with pytest.raises(InvalidField) as caught:
        await add(database, book, "below", above)
    assert (caught.value.field, caught.value.problem) == ("parent", "too_deep")


@pytest.mark.parametrize(
    ("code", "name", "field"),
    [
        *((code, "x", "code") for code in ("", "-a", "a b", "社区", "a\x00", "x" * 65)),
        *(("a", name, "name") for name in ("", "a\nb", "\x00", "\ud800", "x" * 201)),
    ],
)
async def test_what_is_no_code_or_no_name_is_refused(
    database: AsyncEngine, book: Book, code: str, name: str, field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        async with database.begin() as tx:
            await organisations.add(tx, book.book_id, code, name)
    assert caught.value.field == field


# --- accounts ---------------------------------------------------------------------------------------------------------


async def test_accounts_of_an_organisation_are_those_that_name_it(database: AsyncEngine, book: Book) -> None:
    await add(database, book, "district")
    await add(database, book, "street", "district")
    codes = [f"{row.code}.street" for row in CHART if row.holder == "organisation"]
    await opened(database, book, *codes)
    found = await belongings(database, book, *codes)
    assert {belonging.line for belonging in found.values()} == {("street", "district")}
    assert [found[code].kind for code in codes] == [row.kind for row in CHART if row.holder == "organisation"]


async def test_a_volunteers_accounts_belong_to_who_registered_her(database: AsyncEngine, book: Book) -> None:
    await add(database, book, "street")
    async with database.begin() as tx:
        hers = await volunteers.register(tx, book.book_id, "V-1", "street")
        nobodys = await volunteers.register(tx, book.book_id, "V-2")
    codes = [f"{row.code}.{hers.holder}" for row in CHART if row.holder == "volunteer"]
    await opened(database, book, *(code for code in codes if code[:4] not in volunteers.OWN_ACCOUNTS))
    found = await belongings(database, book, *codes)
    assert len(found) == len(codes)
    assert {belonging.line for belonging in found.values()} == {("street",)}
    assert await belongings(database, book, nobodys.account("2100")) == {
        nobodys.account("2100"): Belonging("wallet", ())
    }


async def test_what_no_organisation_is_named_for_belongs_to_the_book_as_a_whole(
    database: AsyncEngine, book: Book
) -> None:
    await add(database, book, "street")
    codes = ("2100.street", "2130.street", "2300.street", "3100", "5100", "5100.lane")
    await opened(database, book, *codes, "5100.street.east", "till.street asset PT")
    found = await belongings(database, book, *codes, "5100.street.east", "till.street")
    assert {code: each.line for code, each in found.items()} == dict.fromkeys(found, ())
    assert found["till.street"].kind is None
    assert len(found) == 8


async def test_organisations_of_another_book_own_nothing_here(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    await add(database, other, "street")
    async with database.begin() as tx:
        theirs = await volunteers.register(tx, other.book_id, "V-1", "street")
    await opened(database, book, "5100.street", theirs.account("2100"))
    found = await belongings(database, book, "5100.street", theirs.account("2100"))
    assert {each.line for each in found.values()} == {()}
    assert await belongings(database, other, "5100.street") == {}


@given(code=st.text(max_size=10))
async def test_accounts_that_are_not_there_are_left_out_whatever_they_are_called(
    database: AsyncEngine, code: str
) -> None:
    async with database.connect() as tx:
        assert await organisations.of_accounts(tx, 0, [code]) == {}


async def test_any_number_of_accounts_can_be_asked_about(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100")
    found = await belongings(database, book, "5100", *(f"2100.{n}" for n in range(80_000)))
    assert [*found] == ["5100"]


async def test_an_organisation_must_be_there_to_register_somebody(database: AsyncEngine, book: Book) -> None:
    with pytest.raises(UnknownOrganisation):
        async with database.begin() as tx:
            await volunteers.register(tx, book.book_id, "V-1", "street")
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")
        registered = await volunteers.register(tx, book.book_id, "V-1", "street")
        assert registered.organisation == "street"
        assert await volunteers.find(tx, book.book_id, "V-1") == registered


# --- status -----------------------------------------------------------------------------------------------------------


async def set_status(database: AsyncEngine, book: Book, code: str, status: str) -> Organisation:
    async with database.begin() as tx:
        return await organisations.set_status(tx, book.book_id, code, status)


async def active(database: AsyncEngine, book: Book, code: str) -> Organisation:
    async with database.connect() as tx:
        return await organisations.active(tx, book.book_id, code)


async def test_what_lies_below_a_suspended_organisation_is_inactive_too(database: AsyncEngine, book: Book) -> None:
    for code, parent in (("district", None), ("street", "district"), ("team", "street"), ("lane", "district")):
        await add(database, book, code, parent)
    suspended = await set_status(database, book, "street", "suspended")
    assert suspended == Organisation("street", "社区 street", "district", ("street", "district"), "team", "suspended")
    for code in ("street", "team"):
        with pytest.raises(OrganisationInactive) as caught:
            await active(database, book, code)
        assert (caught.value.organisation, caught.value.status) == (code, "suspended")
    for code in ("district", "lane"):
        assert (await active(database, book, code)).code == code
    await set_status(database, book, "district", "exited")
    with pytest.raises(OrganisationInactive) as caught:
        await active(database, book, "team")
    assert caught.value.status == "suspended", "of the nearest one"
    for code in ("district", "street"):
        await set_status(database, book, code, "active")
    assert (await active(database, book, "team")).status == "active"


async def test_an_inactive_organisation_registers_nobody_and_gets_none_below_it(
    database: AsyncEngine, book: Book
) -> None:
    await add(database, book, "street")
    await set_status(database, book, "street", "exited")
    with pytest.raises(OrganisationInactive):
        await add(database, book, "team", "street")
    with pytest.raises(OrganisationInactive):
        async with database.begin() as tx:
            await volunteers.register(tx, book.book_id, "V-1", "street")
    async with database.connect() as tx:
        assert [each.code for each in await organisations.all_of(tx, book.book_id)] == ["street"]


async def test_no_other_status_and_no_other_organisation(database: AsyncEngine, book: Book) -> None:
    await add(database, book, "street")
    await add(database, await new_book(database), "lane")
    with pytest.raises(InvalidField):
        await set_status(database, book, "street", "closed")
    for code in ("lane", "", "\x00"):
        with pytest.raises(UnknownOrganisation):
            await set_status(database, book, code, "suspended")
        with pytest.raises(UnknownOrganisation):
            await active(database, book, code)


@pytest.mark.parametrize("level", ["", "Team", "街道", "a b", "x" * 33, "_x", "a\n"])
async def test_what_is_no_level_is_refused(database: AsyncEngine, book: Book, level: str) -> None:
    with pytest.raises(InvalidField) as caught:
        async with database.begin() as tx:
            await organisations.add(tx, book.book_id, "street", "街道", None, level)
    assert caught.value.field == "level"


# --- a list of them ---------------------------------------------------------------------------------------------------


async def add_many(
    database: AsyncEngine, book: Book, *rows: NewOrganisation
) -> list[tuple[Organisation, bool] | Refusal]:
    async with database.begin() as tx:
        return await organisations.add_many(tx, book.book_id, rows)


def told(outcome: tuple[Organisation, bool] | Refusal) -> object:
    return type(outcome) if isinstance(outcome, Refusal) else outcome[1]


async def test_a_list_is_taken_with_parents_before_or_after_their_children_and_again_without_harm(
    database: AsyncEngine, book: Book
) -> None:
    rows = [
        NewOrganisation("team", "队", "team", "street"),
        NewOrganisation("street", "街道", "subdistrict", "district"),
        NewOrganisation("district", "区", "district"),
        NewOrganisation("lane", "巷", "community", "district"),
    ]
    outcomes = await add_many(database, book, *rows)
    assert [told(each) for each in outcomes] == [True] * 4
    async with database.connect() as tx:
        assert await organisations.find(tx, book.book_id, "team") == Organisation(
            "team", "队", "street", ("team", "street", "district"), "team"
        )
    again = await add_many(database, book, *reversed(rows))
    assert [told(each) for each in again] == [False] * 4
    assert await add_many(database, book) == []


async def test_a_row_that_cannot_be_taken_does_not_hinder_the_others(database: AsyncEngine, book: Book) -> None:
    await add(database, book, "old")
    await set_status(database, book, "old", "suspended")
    outcomes = await add_many(
        database,
        book,
        NewOrganisation("a", "甲"),
        NewOrganisation("a", "甲"),
        NewOrganisation("a", "乙"),
        NewOrganisation("b", "", parent="a"),
        NewOrganisation("c", "丙", parent="b"),
        NewOrganisation("d", "丁", parent="e"),
        NewOrganisation("e", "戊", parent="d"),
        NewOrganisation("f", "己", parent="nowhere"),
        NewOrganisation("g", "庚", parent="g"),
        NewOrganisation("h", "辛", parent="old"),
        NewOrganisation("old", "社区 old"),
        NewOrganisation("old", "社区 old", "district"),
        NewOrganisation("i", "壬", parent="a"),
        NewOrganisation("\x00", "癸", parent="\x00"),
    )
    assert [told(each) for each in outcomes] == [
        *(True, False, OrganisationExists, InvalidField),
        *[UnknownOrganisation] * 5,
        *(OrganisationInactive, False, OrganisationExists, True, InvalidField),
    ]
    async with database.connect() as tx:
        assert [each.code for each in await organisations.all_of(tx, book.book_id)] == ["a", "i", "old"]


async def test_the_same_list_from_two_sides_at_once_makes_each_organisation_once(
    database: AsyncEngine, book: Book
) -> None:
    rows = [NewOrganisation(f"o{n}", "组织", parent=f"o{n // 2}" if n else None) for n in range(64)]
    both = await asyncio.gather(add_many(database, book, *rows), add_many(database, book, *rows[::-1]))
    first, second = ([told(each) for each in outcomes] for outcomes in both)
    assert [(one, other) for one, other in zip(first, second[::-1], strict=True) if one + other != 1] == []


async def test_a_list_is_no_deeper_than_sixteen_either(database: AsyncEngine, book: Book) -> None:
    rows = [NewOrganisation(f"o{n}", "组织", parent=f"o{n - 1}" if n else None) for n in range(DEEPEST + 2)]
    outcomes = await add_many(database, book, *rows[::-1])
    assert [told(each) for each in reversed(outcomes)] == [True] * DEEPEST + [InvalidField, UnknownOrganisation]
