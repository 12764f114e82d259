"""Sessions: a signed statement of who somebody is, and every way in which it may be false."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from ledger.access import sessions
from ledger.access.sessions import LIFETIME, Principal
from ledger.access.users import User
from ledger.errors import SessionEnded

NEW, OLD, FOREIGN = (name * 8 for name in ("new-key-", "old-key-", "foreign-"))
NOW = datetime.now(UTC).replace(microsecond=0)

ME = sessions.begin(User(7, "wang", 3, "volunteer", "V-0001"), "gulou", NOW)


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def altered(key: str = NEW, *, without: str | None = None, algorithm: str = "HS256", **changed: Any) -> str:
    """A token of ours with other claims, signed anew."""
    claims = {**claims_of(sessions.issue(ME, [NEW], NOW)), **changed}
    claims.pop(without or "", None)
    return jwt.encode(claims, key, algorithm=algorithm)


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_a_session_is_of_the_user_who_signed_in() -> None:
    assert Principal(7, "wang", "volunteer", "gulou", 3, "V-0001", NOW) == ME
    assert ME.name == "user:7"


@pytest.mark.parametrize("volunteer_no", ["V-0001", None])
def test_a_token_is_recognised_as_whom_it_was_issued_to(volunteer_no: str | None) -> None:
    role = "volunteer" if volunteer_no else "operator"
    me = sessions.begin(User(7, "王", 3, role, volunteer_no), "gulou", NOW)
    assert sessions.recognise(sessions.issue(me, [NEW], NOW), [NEW]) == me


def test_a_token_lives_a_quarter_of_an_hour() -> None:
    claims = claims_of(sessions.issue(ME, [NEW], NOW))
    assert claims["exp"] - claims["iat"] == LIFETIME.total_seconds() == 15 * 60


def test_a_token_signed_with_the_old_key_is_recognised_while_the_old_key_is_listed() -> None:
    token = sessions.issue(ME, [OLD], NOW)
    assert sessions.recognise(token, [NEW, OLD]) == ME
    with pytest.raises(SessionEnded):
        sessions.recognise(token, [NEW])


def test_new_tokens_are_signed_with_the_first_key() -> None:
    token = sessions.issue(ME, [NEW, OLD], NOW)
    assert sessions.recognise(token, [NEW]) == ME
    with pytest.raises(SessionEnded):
        sessions.recognise(token, [OLD])


@pytest.mark.parametrize("keys", [[NEW], [OLD, NEW]])
def test_a_token_that_has_ended_is_not_recognised(keys: list[str]) -> None:
    token = sessions.issue(ME, [NEW], NOW - LIFETIME - timedelta(seconds=1))
    with pytest.raises(SessionEnded):
        sessions.recognise(token, keys)


@pytest.mark.parametrize("claim", ["exp", "iat", "sub", "aud"])
def test_a_token_without_a_required_claim_is_not_recognised(claim: str) -> None:
    with pytest.raises(SessionEnded):
        sessions.recognise(altered(without=claim), [NEW])


def test_a_token_of_ours_that_does_not_say_who_somebody_is_is_not_recognised() -> None:
    for claim in ("login", "role", "book", "book_id", "volunteer_no", "auth_time"):
        with pytest.raises(SessionEnded):
            sessions.recognise(altered(without=claim), [NEW])


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another-service"},
        {"iat": int((NOW + timedelta(hours=1)).timestamp())},
        {"nbf": int((NOW + timedelta(hours=1)).timestamp())},
        {"exp": "soon"},
    ],
    ids=["another audience", "issued in the future", "not yet valid", "ends at no time"],
)
def test_a_token_that_is_not_for_us_and_now_is_not_recognised(changed: dict[str, Any]) -> None:
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
    claims = claims_of(sessions.issue(ME, [NEW], NOW))
    token = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}.{signature}"
    with pytest.raises(SessionEnded):
        sessions.recognise(token, [NEW])


def test_a_token_whose_claims_were_changed_is_not_recognised() -> None:
    header, _, signature = sessions.issue(ME, [NEW], NOW).split(".")
    claims = {**claims_of(sessions.issue(ME, [NEW], NOW)), "role": "operator"}
    with pytest.raises(SessionEnded):
        sessions.recognise(f"{header}.{part(claims)}.{signature}", [NEW])


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "not a token", "\x00", "\ud800", "é.é.é", "x" * 10_000])
def test_what_is_no_token_is_not_recognised(token: str) -> None:
    with pytest.raises(SessionEnded):
        sessions.recognise(token, [NEW])


def test_without_keys_nobody_is_recognised() -> None:
    with pytest.raises(SessionEnded):
        sessions.recognise(sessions.issue(ME, [NEW], NOW), [])
