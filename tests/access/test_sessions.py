"""Sessions: devices, refresh tokens that are good once, and the signed statement that programs carry."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import uuid
from datetime import date, timedelta
from typing import Any

import jwt
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access import sessions, users
from ledger.access.rights import Grant, Principal
from ledger.access.sessions import IDLE, LIFETIME, LONGEST, REMEMBERED, Renewed
from ledger.access.tables import devices, refresh_tokens
from ledger.books.directory import Book
from ledger.errors import SessionEnded, UnknownDevice
from tests.access.callers import NOW, a_user, is_alive, just_now, on_a_device
from tests.books.ledgers import second_engine
from tests.conftest import new_book

NEW, OLD, FOREIGN = (name * 8 for name in ("new-key-", "old-key-", "foreign-"))

ME = Principal(
    "user",
    7,
    "gulou",
    3,
    login="王",
    grants=(
        Grant("volunteer", volunteer_no="V-0001"),
        Grant("merchant", outlet="shop-1"),
        Grant("auditor", "gulou-north", until=date(2026, 12, 31)),
    ),
    device=uuid.UUID(int=5),
    signed_in_at=NOW - timedelta(hours=1),
)

SECOND = timedelta(seconds=1)


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def altered(key: str = NEW, *, without: str | None = None, algorithm: str = "HS256", **changed: Any) -> str:
    """A token of ours with other claims, signed anew."""
    claims = {**claims_of(sessions.issue(ME, [NEW], just_now())), **changed}
    claims.pop(without or "", None)
    return jwt.encode(claims, key, algorithm=algorithm)


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


# --- access tokens ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "me", [ME, dataclasses.replace(ME, login=None, must_change=True, grants=())], ids=["staff", "with a number only"]
)
def test_a_token_is_recognised_as_whom_it_was_issued_to_until_it_ends(me: Principal) -> None:
    at = just_now()
    assert sessions.recognise(sessions.issue(me, [NEW], at), [NEW]) == (me, at + LIFETIME)


def test_a_token_lives_a_quarter_of_an_hour() -> None:
    claims = claims_of(sessions.issue(ME, [NEW], just_now()))
    assert claims["exp"] - claims["iat"] == LIFETIME.total_seconds() == 15 * 60


def test_a_token_signed_with_the_old_key_is_recognised_while_the_old_key_is_listed() -> None:
    token = sessions.issue(ME, [OLD], just_now())
    assert sessions.recognise(token, [NEW, OLD])[0] == ME
    with pytest.raises(SessionEnded):
        sessions.recognise(token, [NEW])


def test_new_tokens_are_signed_with_the_first_key() -> None:
    token = sessions.issue(ME, [NEW, OLD], just_now())
    assert sessions.recognise(token, [NEW])[0] == ME
    with pytest.raises(SessionEnded):
        sessions.recognise(token, [OLD])


@pytest.mark.parametrize("keys", [[NEW], [OLD, NEW]])
def test_a_token_that_has_ended_is_not_recognised(keys: list[str]) -> None:
    token = sessions.issue(ME, [NEW], just_now() - LIFETIME - SECOND)
    with pytest.raises(SessionEnded):
        sessions.recognise(token, keys)


@pytest.mark.parametrize("claim", [*claims_of(sessions.issue(ME, [NEW], NOW))])
def test_a_token_without_one_of_its_claims_is_not_recognised(claim: str) -> None:
    with pytest.raises(SessionEnded):
        sessions.recognise(altered(without=claim), [NEW])


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another-service"},
        {"iat": int((NOW + timedelta(days=1)).timestamp())},
        {"nbf": int((NOW + timedelta(days=1)).timestamp())},
        {"exp": "soon"},
        {"sub": "wang"},
        {"sid": "no device"},
        {"grants": [["owner"]]},
        {"grants": [["auditor", None, None, None, "one day"]]},
        {"grants": None},
        {"auth_time": "yesterday"},
    ],
    ids="-".join,
)
def test_a_token_that_is_not_for_us_and_now_or_says_nonsense_is_not_recognised(changed: dict[str, Any]) -> None:
    with pytest.raises(SessionEnded):
        sessions.recognise(altered(**changed), [NEW])


def test_a_token_of_a_foreign_key_is_not_recognised() -> None:
    with pytest.raises(SessionEnded):
        sessions.recognise(altered(FOREIGN), [NEW, OLD])


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_token_of_another_algorithm_is_not_recognised_though_the_key_is_ours(algorithm: str) -> None:
    with pytest.raises(SessionEnded):
        sessions.recognise(altered(NEW * 2, algorithm=algorithm), [NEW * 2])


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
@pytest.mark.parametrize("signature", ["", "c2lnbmVk"])
def test_an_unsigned_token_is_not_recognised(algorithm: str, signature: str) -> None:
    claims = claims_of(sessions.issue(ME, [NEW], just_now()))
    token = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}.{signature}"
    with pytest.raises(SessionEnded):
        sessions.recognise(token, [NEW])


def test_a_token_whose_claims_were_changed_is_not_recognised() -> None:
    token = sessions.issue(ME, [NEW], just_now())
    header, _, signature = token.split(".")
    claims = {**claims_of(token), "grants": [["owner", None, None, None, None]]}
    with pytest.raises(SessionEnded):
        sessions.recognise(f"{header}.{part(claims)}.{signature}", [NEW])


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "not a token", "\x00", "\ud800", "é.é.é", "x" * 10_000])
def test_what_is_no_token_is_not_recognised(token: str) -> None:
    with pytest.raises(SessionEnded):
        sessions.recognise(token, [NEW])


def test_without_keys_nobody_is_recognised() -> None:
    with pytest.raises(SessionEnded):
        sessions.recognise(sessions.issue(ME, [NEW], just_now()), [])


# --- devices ----------------------------------------------------------------------------------------------------------


async def labels(database: AsyncEngine, user: users.User, now: Any = NOW) -> list[uuid.UUID]:
    async with database.connect() as tx:
        return [device.device_id for device in await sessions.devices_of(tx, user.user_id, now)]


async def test_a_device_lives_until_it_is_signed_out(database: AsyncEngine, book: Book) -> None:
    him = await a_user(database, book, Grant("operator"))
    here, _ = await on_a_device(database, book, him)
    there, _ = await on_a_device(database, book, him)
    assert here.device is not None
    async with database.begin() as tx:
        await sessions.end(tx, him.user_id, here.device, NOW)
    assert not await is_alive(database, here)
    assert await is_alive(database, there)
    assert await labels(database, him) == [there.device]


async def test_a_device_that_has_ended_or_is_somebody_elses_is_unknown(database: AsyncEngine, book: Book) -> None:
    him, her = await a_user(database, book, Grant("operator")), await a_user(database, book, Grant("reviewer"))
    hers, _ = await on_a_device(database, book, her)
    his, _ = await on_a_device(database, book, him)
    assert hers.device is not None
    assert his.device is not None
    async with database.begin() as tx:
        await sessions.end(tx, him.user_id, his.device, NOW)
        for device in (hers.device, his.device, uuid.uuid4()):
            with pytest.raises(UnknownDevice):
                await sessions.end(tx, him.user_id, device, NOW)
    assert await is_alive(database, hers)


async def test_all_devices_end_but_the_one_in_her_hand(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("reviewer"))
    in_hand, _ = await on_a_device(database, book, her)
    others = [(await on_a_device(database, book, her, browser=browser))[0] for browser in (True, False)]
    async with database.begin() as tx:
        assert await sessions.end_all(tx, her.user_id, NOW, "password_changed", but=in_hand.device) == 2
        assert await sessions.end_all(tx, her.user_id, NOW, "password_changed", but=in_hand.device) == 0
    assert await is_alive(database, in_hand)
    assert [await is_alive(database, each) for each in others] == [False, False]


async def test_devices_of_another_book_do_not_end_with_those_of_this_one(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    her = await a_user(database, book, Grant("reviewer"))
    async with database.begin() as tx:
        await users.give(tx, her.user_id, other.book_id, Grant("reviewer"), "room:test")
    here, _ = await on_a_device(database, book, her)
    there, _ = await on_a_device(database, other, her)
    async with database.begin() as tx:
        assert await sessions.end_all(tx, her.user_id, NOW, "role_ended", book_id=book.book_id) == 1
    assert not await is_alive(database, here)
    assert await is_alive(database, there)


async def test_a_device_that_has_moved_to_another_book_lives_there_only(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    me, _ = await on_a_device(database, book, await a_user(database, book, Grant("reviewer")))
    assert me.device is not None
    async with database.begin() as tx:
        await sessions.move(tx, me.device, other.book_id)
        assert await sessions.alive(tx, [me.device], NOW) == {me.device: other.book_id}
    assert not await is_alive(database, me)


async def test_devices_are_listed_with_what_they_are_the_last_used_first(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("reviewer"))
    earlier, token = await on_a_device(database, book, her, now=NOW - timedelta(hours=2))
    browser, _ = await on_a_device(database, book, her, browser=True)
    assert await labels(database, her) == [browser.device, earlier.device]
    async with database.begin() as tx:
        await sessions.refresh(tx, token, NOW + SECOND)
        found = await sessions.devices_of(tx, her.user_id, NOW + SECOND)
    assert [(each.device_id, each.is_browser, each.label, each.book_id) for each in found] == [
        (earlier.device, False, "a device", book.book_id),
        (browser.device, True, "a device", book.book_id),
    ]
    assert (found[0].signed_in_at, found[0].seen_at) == (NOW - timedelta(hours=2), NOW + SECOND)


async def test_devices_that_ended_long_ago_are_forgotten_with_their_tokens(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("reviewer"))
    long_ago = NOW - timedelta(days=90)
    old, _ = await on_a_device(database, book, her, now=long_ago)
    kept, _ = await on_a_device(database, book, her)
    async with database.begin() as tx:
        assert await sessions.forget_ended(tx, NOW - timedelta(days=7)) >= 1
        there = (await tx.execute(select(devices.c.device_id).where(devices.c.user_id == her.user_id))).scalars().all()
        tokens_left = select(func.count()).where(refresh_tokens.c.device_id == old.device)
        assert (await tx.execute(tokens_left)).scalar_one() == 0
    assert there == [kept.device]


def test_the_book_of_a_session_is_the_wanted_one_or_the_first_with_a_role() -> None:
    grants = {5: (Grant("owner"),), 2: (Grant("reviewer"),)}
    assert sessions.choose(grants, None) == 5
    assert sessions.choose(grants, 2) == 2
    assert sessions.choose(grants, 3) is None
    assert sessions.choose({}, None) is None


# --- browsers ---------------------------------------------------------------------------------------------------------


async def seen(database: AsyncEngine, secret: str, now: Any) -> bool:
    async with database.begin() as tx:
        try:
            await sessions.of_browser(tx, secret, now)
        except SessionEnded:
            return False
        return True


async def test_a_browser_is_known_by_its_secret(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("reviewer"))
    me, secret = await on_a_device(database, book, her, browser=True)
    async with database.begin() as tx:
        assert await sessions.of_browser(tx, secret, NOW) == (her.user_id, book.book_id, me.device, NOW)
    for forged in ("", "mr_", secret[:-1], secret + "A", secret.upper(), "\ud800", "\x00"):
        assert not await seen(database, forged, NOW)


async def test_a_browser_is_signed_out_after_a_quarter_of_an_hour_without_a_call(
    database: AsyncEngine, book: Book
) -> None:
    _, secret = await on_a_device(database, book, await a_user(database, book, Grant("reviewer")), browser=True)
    assert await seen(database, secret, NOW + IDLE - SECOND)
    assert await seen(database, secret, NOW + 2 * IDLE - 2 * SECOND)
    assert not await seen(database, secret, NOW + 3 * IDLE)


async def test_a_browser_is_signed_out_after_twelve_hours_in_any_case(database: AsyncEngine, book: Book) -> None:
    _, secret = await on_a_device(database, book, await a_user(database, book, Grant("reviewer")), browser=True)
    at = NOW
    while (at := at + timedelta(minutes=14)) < NOW + LONGEST:
        assert await seen(database, secret, at)
    assert at - NOW < LONGEST + IDLE
    assert not await seen(database, secret, at)


async def test_a_refresh_token_is_no_browsers_secret_and_the_other_way_round(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("reviewer"))
    _, token = await on_a_device(database, book, her)
    _, secret = await on_a_device(database, book, her, browser=True)
    assert not await seen(database, token, NOW)
    assert await refreshed(database, secret) is None
    assert await seen(database, secret, NOW)
    assert await refreshed(database, token) is not None


# --- refresh tokens ---------------------------------------------------------------------------------------------------


async def refreshed(database: AsyncEngine, token: str, now: Any = NOW) -> Renewed | None:
    async with database.begin() as tx:
        return await sessions.refresh(tx, token, now)


async def test_a_refresh_token_gives_the_next_one(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("reviewer"))
    me, token = await on_a_device(database, book, her)
    for _ in range(3):
        renewed = await refreshed(database, token)
        assert renewed is not None
        assert (renewed.user_id, renewed.book_id, renewed.device_id, renewed.signed_in_at) == (
            *(her.user_id, book.book_id, me.device),
            NOW,
        )
        assert renewed.refresh_token != token
        token = renewed.refresh_token
    assert await is_alive(database, me)


async def test_a_refresh_token_that_comes_again_ends_the_sign_in(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("reviewer"))
    me, first = await on_a_device(database, book, her)
    another, _ = await on_a_device(database, book, her)
    second = await refreshed(database, first)
    assert second is not None
    assert await refreshed(database, first) is None
    assert not await is_alive(database, me)
    assert await refreshed(database, second.refresh_token) is None, "whoever has the next one is out as well"
    assert await is_alive(database, another), "her other devices have nothing to do with it"


async def test_a_refresh_token_that_comes_twice_at_once_ends_the_sign_in(database: AsyncEngine, book: Book) -> None:
    me, token = await on_a_device(database, book, await a_user(database, book, Grant("reviewer")))
    async with second_engine(database) as other:
        both = await asyncio.gather(refreshed(database, token), refreshed(other, token))
    assert sorted(each is None for each in both) == [False, True]
    assert not await is_alive(database, me)


async def test_a_refresh_token_of_a_device_that_has_ended_is_not_good(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("reviewer"))
    me, token = await on_a_device(database, book, her)
    assert me.device is not None
    async with database.begin() as tx:
        await sessions.end(tx, her.user_id, me.device, NOW)
    assert await refreshed(database, token) is None


async def test_a_program_is_remembered_for_thirty_days_after_it_was_last_there(
    database: AsyncEngine, book: Book
) -> None:
    _, token = await on_a_device(database, book, await a_user(database, book, Grant("reviewer")))
    renewed = await refreshed(database, token, NOW + REMEMBERED - SECOND)
    assert renewed is not None
    assert await refreshed(database, renewed.refresh_token, NOW + 2 * REMEMBERED) is None


@pytest.mark.parametrize("token", ["", "mr_", "mr_" + "A" * 43, "\x00", "\ud800"])
async def test_what_is_no_refresh_token_is_not_good(database: AsyncEngine, token: str) -> None:
    assert await refreshed(database, token) is None


async def test_what_opens_is_not_stored(database: AsyncEngine, book: Book) -> None:
    her = await a_user(database, book, Grant("reviewer"))
    _, secret = await on_a_device(database, book, her, browser=True)
    _, token = await on_a_device(database, book, her)
    async with database.connect() as tx:
        stored = [*(await tx.execute(select(devices.c.secret).where(devices.c.user_id == her.user_id))).scalars()]
        stored += (await tx.execute(select(refresh_tokens.c.digest))).scalars()
    kept = b"".join(each for each in stored if each is not None)
    assert len(kept) >= 64
    assert secret.encode() not in kept
    assert token.encode() not in kept
    renewed = await refreshed(database, token)
    assert renewed is not None
    assert renewed.refresh_token not in repr(renewed)
