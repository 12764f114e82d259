"""Consents: to a purpose and a text, given and withdrawn, and never forgotten."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import consents
from ledger.access.consents import OFFERED, PURPOSES, TEXTS, Consent, Purpose
from ledger.books.directory import Book
from ledger.errors import InvalidField
from tests.access.people import AT
from tests.conftest import new_book

LATER = AT + timedelta(hours=1)
VERSION = OFFERED["public_name"]


async def give(
    database: AsyncEngine, book: Book, purpose: str = "public_name", version: str = VERSION, by: str = "self"
) -> None:
    async with database.begin() as tx:
        await consents.give(tx, book.book_id, "7", purpose, version, by, AT)


async def withdraw(database: AsyncEngine, book: Book, purpose: str = "public_name", by: str = "self") -> bool:
    async with database.begin() as tx:
        return await consents.withdraw(tx, book.book_id, "7", purpose, by, LATER)


async def current(database: AsyncEngine, book: Book, holder: str = "7") -> dict[Purpose, Consent]:
    async with database.connect() as tx:
        return await consents.current(tx, book.book_id, holder)


async def history(database: AsyncEngine, book: Book) -> list[Consent]:
    async with database.connect() as tx:
        return await consents.history(tx, book.book_id, "7")


async def test_a_consent_holds_once_it_is_given(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    assert await current(database, book) == {}
    await give(database, book)
    given = Consent("public_name", VERSION, AT, "self", None, None)
    assert await current(database, book) == {"public_name": given}
    assert await current(database, book, "8") == {}
    assert await current(database, other) == {}


async def test_a_consent_ends_when_it_is_withdrawn_and_is_still_known(database: AsyncEngine, book: Book) -> None:
    await give(database, book)
    await give(database, book, "service", OFFERED["service"], "staff:3")
    assert await withdraw(database, book, by="guardian")
    assert not await withdraw(database, book)
    assert list(await current(database, book)) == ["service"]
    assert await history(database, book) == [
        Consent("public_name", VERSION, AT, "self", LATER, "guardian"),
        Consent("service", OFFERED["service"], AT, "staff:3", None, None),
    ]


async def test_a_consent_that_holds_is_not_given_twice(database: AsyncEngine, book: Book) -> None:
    await asyncio.gather(*(give(database, book) for _ in range(5)))
    assert len(await history(database, book)) == 1


async def test_a_consent_is_given_again_after_it_was_withdrawn(database: AsyncEngine, book: Book) -> None:
    await give(database, book)
    await withdraw(database, book)
    async with database.begin() as tx:
        await consents.give(tx, book.book_id, "7", "public_name", VERSION, "self", LATER)
    assert (await current(database, book))["public_name"].given_at == LATER
    assert [consent.given_at for consent in await history(database, book)] == [LATER, AT]


async def test_of_two_versions_the_one_given_last_counts_and_both_are_withdrawn(
    database: AsyncEngine, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TEXTS, ("public_name", "2030-01"), TEXTS["public_name", VERSION])
    await give(database, book)
    async with database.begin() as tx:
        await consents.give(tx, book.book_id, "7", "public_name", "2030-01", "self", LATER)
    assert (await current(database, book))["public_name"].text_version == "2030-01"
    assert await withdraw(database, book)
    assert await current(database, book) == {}
    assert len(await history(database, book)) == 2


@pytest.mark.parametrize(
    ("purpose", "version", "by", "expected"),
    [
        ("advertising", VERSION, "self", ("purpose", "unknown")),
        ("", VERSION, "self", ("purpose", "unknown")),
        ("public_name", "2020-01", "self", ("text_version", "unknown")),
        ("public_name", VERSION, "王秀英", ("given_by", "not_a_party")),
        ("public_name", VERSION, "staff:", ("given_by", "not_a_party")),
        ("public_name", VERSION, "self\n", ("given_by", "not_a_party")),
        ("minor_guardian", OFFERED["minor_guardian"], "self", ("given_by", "needs_guardian")),
    ],
)
async def test_only_known_purposes_and_texts_are_consented_to_by_known_parties(
    database: AsyncEngine, book: Book, purpose: str, version: str, by: str, expected: tuple[str, str]
) -> None:
    with pytest.raises(InvalidField) as caught:
        await give(database, book, purpose, version, by)
    assert (caught.value.field, caught.value.problem) == expected
    assert await history(database, book) == []


async def test_a_guardian_consents_for_a_minor_also_through_staff(database: AsyncEngine, book: Book) -> None:
    await give(database, book, "minor_guardian", OFFERED["minor_guardian"], "guardian")
    await withdraw(database, book, "minor_guardian", "guardian")
    async with database.begin() as tx:
        await consents.give(tx, book.book_id, "7", "minor_guardian", OFFERED["minor_guardian"], "staff:3", LATER)
    assert list(await current(database, book)) == ["minor_guardian"]


async def test_only_known_purposes_are_withdrawn(database: AsyncEngine, book: Book) -> None:
    with pytest.raises(InvalidField):
        await withdraw(database, book, "advertising")
    with pytest.raises(InvalidField):
        await withdraw(database, book, by="somebody")


def test_every_purpose_has_a_text_in_both_languages_that_says_it_can_be_withdrawn() -> None:
    assert list(OFFERED) == list(PURPOSES)
    for purpose, version in OFFERED.items():
        words = TEXTS[purpose, version]
        assert "撤回" in words.zh
        assert "withdraw" in words.en
        assert not re.search("[\u4e00-\u9fff]", words.en)
