"""Tokens of machines and tills: shown once, stored as a digest, gone at once when they are revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import tokens
from ledger.access.rights import SCOPES, Principal
from ledger.access.tables import tokens as tokens_table
from ledger.access.tokens import Token
from ledger.books.directory import Book
from ledger.errors import InvalidField, UnknownToken
from tests.access.callers import NOW
from tests.conftest import new_book

DAY = timedelta(days=1)


async def make(database: AsyncEngine, book: Book, **given: Any) -> tuple[Token, str]:
    wanted = {"name": "platform", "scopes": ["books:read"], "lifetime": DAY, "by": "user:1", "now": NOW} | given
    async with database.begin() as tx:
        return await tokens.make(tx, book.book_id, wanted.pop("name"), **wanted)


async def found(database: AsyncEngine, *texts: str, now: Any = NOW) -> list[Token]:
    async with database.begin() as tx:
        return [*(await tokens.find(tx, [tokens.digest(text) for text in texts], now)).values()]


async def test_a_token_says_who_it_is_and_what_it_may(database: AsyncEngine, book: Book) -> None:
    given = {"scopes": ["books:post", "books:read", "books:post"], "prefixes": ["5100", "2100.", "5100"]}
    made, secret = await make(database, book, **given)
    assert secret.startswith("mt_")
    assert tokens.is_token(secret)
    assert made.principal("gulou") == Principal(
        "machine",
        made.token_id,
        "gulou",
        book.book_id,
        scopes=frozenset({"books:post", "books:read"}),
        prefixes=("2100.", "5100"),
    )
    assert made.principal("gulou").name == f"token:{made.token_id}"
    assert (made.made_by, made.expires_at, made.used_at, made.revoked_at) == ("user:1", NOW + DAY, None, None)
    [same] = await found(database, secret)
    assert same == made


async def test_a_till_is_of_its_outlet(database: AsyncEngine, book: Book) -> None:
    made, secret = await make(database, book, scopes=(), outlet="shop-1")
    assert secret.startswith("tt_")
    assert (made.kind, made.principal("gulou").outlet, made.principal("gulou").name) == (
        *("till", "shop-1"),
        f"till:{made.token_id}",
    )


async def test_what_opens_is_neither_stored_nor_shown(database: AsyncEngine, book: Book) -> None:
    made, secret = await make(database, book)
    async with database.connect() as tx:
        row = (await tx.execute(select(tokens_table).where(tokens_table.c.token_id == made.token_id))).one()
    for shown in (repr(made), repr(row), repr(made.principal("gulou"))):
        assert secret not in shown
        assert secret.partition("_")[2] not in shown
    assert "digest" not in repr(made)


async def test_a_token_lives_until_it_expires(database: AsyncEngine, book: Book) -> None:
    _, secret = await make(database, book)
    assert await found(database, secret, now=NOW + DAY - timedelta(seconds=1))
    assert not await found(database, secret, now=NOW + DAY)


async def test_a_revoked_token_opens_nothing_and_stays_revoked_as_it_was(database: AsyncEngine, book: Book) -> None:
    made, secret = await make(database, book)
    _, other = await make(database, book)
    for hours in (0, 1):
        async with database.begin() as tx:
            revoked = await tokens.revoke(tx, book.book_id, made.token_id, "user:2", NOW + timedelta(hours=hours))
        assert revoked.revoked_at == NOW
    assert not await found(database, secret)
    assert await found(database, other)


async def test_a_token_of_another_book_is_unknown(database: AsyncEngine, book: Book) -> None:
    elsewhere = await new_book(database)
    made, secret = await make(database, elsewhere)
    async with database.begin() as tx:
        for verb in (tokens.read(tx, book.book_id, made.token_id),):
            with pytest.raises(UnknownToken):
                await verb
        with pytest.raises(UnknownToken):
            await tokens.revoke(tx, book.book_id, made.token_id, "user:2", NOW)
        assert await tokens.tokens_of(tx, book.book_id) == []
    assert await found(database, secret)


async def test_tokens_are_listed_page_by_page_the_revoked_ones_too(database: AsyncEngine, book: Book) -> None:
    made = [(await make(database, book, name=f"t{n}"))[0] for n in range(3)]
    async with database.begin() as tx:
        await tokens.revoke(tx, book.book_id, made[0].token_id, "user:2", NOW)
        first = await tokens.tokens_of(tx, book.book_id, limit=2)
        rest = await tokens.tokens_of(tx, book.book_id, after=first[-1].token_id, limit=2)
    assert [each.name for each in (*first, *rest)] == ["t0", "t1", "t2"]


@pytest.mark.parametrize("text", ["", "mt_", "tt_x", "mt_" + "A" * 43, "mt_\x00", "mt_\ud800"])
async def test_what_is_no_token_is_not_found(database: AsyncEngine, text: str) -> None:
    assert await found(database, text) == []


@pytest.mark.parametrize(
    ("given", "field", "problem"),
    [
        ({"name": ""}, "name", "not_a_name"),
        ({"name": "a\nb"}, "name", "not_a_name"),
        ({"name": "x" * 65}, "name", "not_a_name"),
        ({"scopes": []}, "scopes", "missing"),
        ({"scopes": ["books:burn"]}, "scopes", "unknown_scope"),
        ({"scopes": ["owner"]}, "scopes", "unknown_scope_owner"),
        ({"scopes": ["books:post"]}, "prefixes", "missing"),
        ({"prefixes": ["*"]}, "prefixes", "only_for_books:post"),
        ({"scopes": ["books:post"], "prefixes": [""]}, "prefixes", "not_prefixes_of_account_codes"),
        ({"scopes": ["books:post"], "prefixes": ["**"]}, "prefixes", "not_prefixes_of_account_codes"),
        ({"scopes": ["books:post"], "prefixes": ["\x00"]}, "prefixes", "not_prefixes_of_account_codes"),
        ({"scopes": ["books:post"], "prefixes": ["2"] * 51}, "prefixes", "not_prefixes_of_account_codes"),
        ({"outlet": ""}, "outlet", "not_a_code"),
        ({"outlet": "a b"}, "outlet", "not_a_code"),
        ({"lifetime": timedelta(0)}, "expires_in_days", "out_of_range"),
        ({"lifetime": tokens.LONGEST + DAY}, "expires_in_days", "out_of_range"),
    ],
)
async def test_what_is_no_token_is_not_made(
    database: AsyncEngine, book: Book, given: dict[str, Any], field: str, problem: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await make(database, book, **given)
    assert (caught.value.field, caught.value.problem) == (field, problem)


async def test_all_scopes_can_be_given(database: AsyncEngine, book: Book) -> None:
    made, _ = await make(database, book, scopes=SCOPES, prefixes=["*"])
    assert set(made.scopes) == set(SCOPES)


# --- its last use -----------------------------------------------------------------------------------------------------


async def used_at(database: AsyncEngine, token: Token) -> Any:
    async with database.connect() as tx:
        return (await tokens.read(tx, token.book_id, token.token_id)).used_at


async def test_the_last_use_is_kept_to_the_minute(database: AsyncEngine, book: Book) -> None:
    made, secret = await make(database, book)
    for seconds, kept in ((0, 0), (59, 0), (60, 0), (61, 61), (90, 61)):
        await found(database, secret, now=NOW + timedelta(seconds=seconds))
        assert await used_at(database, made) == NOW + timedelta(seconds=kept)


async def test_a_call_does_not_wait_for_who_is_revoking_its_token(database: AsyncEngine, book: Book) -> None:
    made, secret = await make(database, book)
    async with database.begin() as tx:
        await tokens.revoke(tx, book.book_id, made.token_id, "user:2", NOW)
        assert await found(database, secret), "it is not revoked before that is committed"
    assert not await found(database, secret)
