"""Organisations: a tree, and to which of them an account belongs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.chart import CHART
from ledger.books.directory import Book
from ledger.earning import organisations, volunteers
from ledger.earning.organisations import DEEPEST, Belonging, Organisation
from ledger.errors import InvalidField, OrganisationExists, UnknownOrganisation
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
