"""What is sealed opens with its key in its place, and otherwise not at all."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.access import ciphers
from ledger.access.ciphers import Keys
from ledger.errors import CannotDecrypt

KEY, OTHER = ciphers.new_key(), ciphers.new_key()
PLACE = ("persons", "name", 7, "V-0001")
PARTS = st.one_of(st.integers(0, 10**9), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
PLACES = st.lists(PARTS, min_size=2, max_size=5).map(tuple)


@given(st.binary(), PLACES)
def test_what_is_sealed_opens_with_its_key_in_its_place(plain: bytes, place: tuple[object, ...]) -> None:
    sealed = ciphers.seal(KEY, plain, *place)
    assert ciphers.unseal([KEY], sealed, *place) == plain
    assert ciphers.unseal([OTHER, KEY], sealed, *place) == plain
    assert ciphers.is_sealed_with(KEY, sealed)
    assert not ciphers.is_sealed_with(OTHER, sealed)


@given(st.binary(min_size=8))
def test_what_is_sealed_does_not_show_through_and_is_never_the_same_twice(plain: bytes) -> None:
    first, second = ciphers.seal(KEY, plain, *PLACE), ciphers.seal(KEY, plain, *PLACE)
    assert plain not in first
    assert first != second
    assert first[8:20] != second[8:20], "the nonce"


@given(PLACES, PLACES)
def test_it_opens_in_no_other_place(here: tuple[object, ...], there: tuple[object, ...]) -> None:
    sealed = ciphers.seal(KEY, b"x", *here)
    if [str(part) for part in here] != [str(part) for part in there]:
        with pytest.raises(CannotDecrypt):
            ciphers.unseal([KEY], sealed, *there)


@pytest.mark.parametrize(
    "place",
    [
        ("persons", "phone", 7, "V-0001"),
        ("cards", "name", 7, "V-0001"),
        ("persons", "name", 8, "V-0001"),
        ("persons", "name", 7, "V-0002"),
        ("persons", "name", 7, "V-0001", ""),
    ],
    ids=["another column", "another table", "another book", "another person", "more"],
)
def test_it_says_nothing_but_table_and_column_when_it_does_not_open(place: tuple[object, ...]) -> None:
    sealed = ciphers.seal(KEY, "王秀英".encode(), *PLACE)
    with pytest.raises(CannotDecrypt) as caught:
        ciphers.unseal([KEY], sealed, *place)
    assert list(caught.value.facts()) == [("what", f"{place[0]}.{place[1]}")]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@given(st.data())
def test_a_changed_or_shortened_byte_is_noticed(data: st.DataObject) -> None:
    sealed = ciphers.seal(KEY, b"13812345678", *PLACE)
    place = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[place] ^= data.draw(st.integers(1, 255))
    for wrong in (bytes(changed), sealed[:place], sealed[place + 1 :], sealed + b"\0"):
        with pytest.raises(CannotDecrypt):
            ciphers.unseal([KEY, OTHER], wrong, *PLACE)


@pytest.mark.parametrize("keys", [[], [OTHER]])
def test_without_its_key_it_does_not_open(keys: list[bytes]) -> None:
    with pytest.raises(CannotDecrypt):
        ciphers.unseal(keys, ciphers.seal(KEY, b"x", *PLACE), *PLACE)


def test_another_key_under_the_same_id_does_not_open_it() -> None:
    mine = ciphers.seal(KEY, b"x", *PLACE)
    forged = ciphers.seal(OTHER, b"x", *PLACE)
    with pytest.raises(CannotDecrypt):
        ciphers.unseal([KEY], mine[:8] + forged[8:], *PLACE)


# --- keys made from texts --------------------------------------------------------------------------------------------

TEXTS = [secrets.token_urlsafe(32) for _ in range(3)]


def test_the_first_identity_key_seals_and_every_one_opens() -> None:
    before, after = Keys.of(TEXTS[:1], TEXTS[:1]), Keys.of([TEXTS[1], TEXTS[0]], TEXTS[:1])
    data_key = ciphers.new_key()
    old = ciphers.seal_data_key(before, data_key, 7, "V-0001")
    new = ciphers.seal_data_key(after, data_key, 7, "V-0001")
    assert ciphers.unseal_data_key(after, old, 7, "V-0001") == data_key
    assert ciphers.unseal_data_key(after, new, 7, "V-0001") == data_key
    with pytest.raises(CannotDecrypt):
        ciphers.unseal_data_key(before, new, 7, "V-0001")


def test_the_same_text_makes_the_same_keys_and_each_use_has_its_own() -> None:
    keys = Keys.of(TEXTS, TEXTS)
    assert keys == Keys.of(TEXTS, TEXTS)
    assert len({*keys.identity, *keys.index}) == 6
    assert {len(key) for key in (*keys.identity, *keys.index)} == {32}


def test_keys_do_not_show_in_their_repr() -> None:
    assert repr(Keys.of(TEXTS, TEXTS)) == "Keys()"


# --- blind indexes ---------------------------------------------------------------------------------------------------


def test_a_blind_index_is_one_for_each_key_and_the_first_writes() -> None:
    old, new = Keys.of(TEXTS[:1], TEXTS[:1]), Keys.of(TEXTS[:1], [TEXTS[1], TEXTS[0]])
    assert ciphers.digests(new, "phone", "13812345678") == [
        ciphers.digest(new, "phone", "13812345678"),
        ciphers.digest(old, "phone", "13812345678"),
    ]


def test_blind_indexes_of_different_values_and_purposes_differ() -> None:
    keys = Keys.of(TEXTS, TEXTS)
    found = {
        ciphers.digest(keys, purpose, value)
        for purpose in ("phone", "id_number", "card")
        for value in ("13812345678", "13812345679", "")
    }
    assert len(found) == 9
    assert {len(digest) for digest in found} == {32}


def test_what_stands_on_paper_is_looked_up_under_keys_of_its_own() -> None:
    before = Keys.of(TEXTS[:1], TEXTS[:1], TEXTS[:1])
    after = Keys.of(TEXTS[1:2], TEXTS[1:2], [TEXTS[1], TEXTS[0]])
    assert ciphers.digest(before, "spending", "79") in ciphers.digests(after, "spending", "79")
    assert ciphers.digest(before, "card", "79") not in ciphers.digests(after, "card", "79")
    assert ciphers.digest(before, "spending", "79") != ciphers.digest(before, "card", "79")
