"""What may be recorded of a person, in which form, and how much of it is shown."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.access import identities
from ledger.access.identities import Identity, Masked
from ledger.errors import InvalidField
from tests.access.people import CHILD, WANG, ZHANG, id_number

TODAY = date(2026, 11, 22)

PHONES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
BETWEEN = st.sampled_from(["", " ", "-", "\u3000", "\u2013", "\u00a0", "."])
WIDE = {ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)}


def problem(caught: pytest.ExceptionInfo[InvalidField]) -> tuple[str, str]:
    return caught.value.field, caught.value.problem


# --- phones ----------------------------------------------------------------------------------------------------------


@given(PHONES, st.data())
def test_a_phone_is_the_same_however_it_is_written(phone: str, data: st.DataObject) -> None:
    country = data.draw(st.sampled_from(["", "+86", "86", "0086", "＋86", "(+86)"]))
    written = country + "".join(data.draw(BETWEEN) + digit for digit in phone) + data.draw(BETWEEN)
    if data.draw(st.booleans()):
        written = written.translate(WIDE)
    assert identities.phone_number(written) == phone


@pytest.mark.parametrize(
    "written",
    [
        *("", "+86", "1381234567", "138123456789", "12812345678", "+1 13812345678", "86 86 13812345678", "１３８"),
        *("138１234567x", "0531-88881234", "+8613812345678#1", "١٣٨١٢٣٤٥٦٧٨", "13812345678\n13812345678", "\x00"),
    ],
)
def test_what_is_no_mobile_phone_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(InvalidField) as caught:
        identities.phone_number(written)
    assert problem(caught) == ("phone", "not_a_phone")


# --- identity numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    ["11010519491231002X", "440524188001010014"],  # the examples that GB 11643-1999 itself gives
)
def test_the_standards_examples_are_identity_numbers(number: str) -> None:
    assert identities.id_number(number) == number


@given(st.dates(date(1900, 1, 1), TODAY), st.integers(100000, 899999), st.integers(0, 999))
def test_an_identity_number_with_the_right_check_digit_is_one_and_tells_the_day_of_birth(
    born: date, place: int, order: int
) -> None:
    number = id_number(born, str(place), order)
    assert identities.id_number(f" {number[:6]} {number[6:14]} {number[14:].lower()}\u3000") == number
    assert identities.id_number(number.translate(WIDE)) == number
    assert identities.born_of(number) == born


@given(st.dates(date(1900, 1, 1), TODAY), st.data())
def test_one_wrong_digit_or_two_changed_places_are_noticed(born: date, data: st.DataObject) -> None:
    number = id_number(born)
    place = data.draw(st.integers(0, 16))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[place]]))
    changed = [number[:place] + wrong + number[place + 1 :]]
    if place < 16 and number[place] != number[place + 1]:
        changed.append(number[:place] + number[place + 1] + number[place] + number[place + 2 :])
    for each in changed:
        with pytest.raises(InvalidField) as caught:
            identities.id_number(each)
        assert problem(caught) == ("id_number", "not_an_id_number")


def with_check_digit(digits: str) -> str:
    return digits + identities.check_digit(digits)


@pytest.mark.parametrize(
    "number",
    [
        *("", "X", "370102580302123", "37010219580302012", f"{WANG.id_number}0", "E12345678"),
        with_check_digit("37010219580230012"),
        with_check_digit("37010219581301012"),
        with_check_digit("37010200000101012"),
        with_check_digit("07010219580302012"),
    ],
    ids=[
        "none",
        "X",
        "15 digits",
        "another check digit",
        "19 digits",
        "passport",
        "30 Feb",
        "month 13",
        "year 0",
        "begins with 0",
    ],
)
def test_what_is_no_identity_number_is_refused(number: str) -> None:
    with pytest.raises(InvalidField) as caught:
        identities.id_number(number)
    assert problem(caught) == ("id_number", "not_an_id_number")


# --- identities ------------------------------------------------------------------------------------------------------


def test_the_day_of_birth_is_taken_from_the_number() -> None:
    assert identities.checked(WANG, TODAY) == Identity("王秀英", "13812345678", WANG.id_number, date(1958, 3, 2))
    assert identities.checked(Identity("王", born=date(1958, 3, 2)), TODAY).born == date(1958, 3, 2)
    assert identities.checked(Identity("王"), TODAY) == Identity("王")


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (Identity(""), ("name", "not_a_name")),
        (Identity(" \u3000"), ("name", "not_a_name")),
        (Identity("王" * 65), ("name", "not_a_name")),
        (Identity("王\n英"), ("name", "not_a_name")),
        (Identity("王\x00"), ("name", "not_a_name")),
        (Identity("王\ud800"), ("name", "not_a_name")),
        (Identity("王", "138"), ("phone", "not_a_phone")),
        (Identity("王", None, "3701"), ("id_number", "not_an_id_number")),
        (Identity("王", None, WANG.id_number, date(1958, 3, 3)), ("born", "differs_from_id_number")),
        (Identity("王", None, None, date(2026, 11, 23)), ("born", "in_the_future")),
        (Identity("王", None, id_number(date(2026, 11, 23))), ("id_number", "in_the_future")),
    ],
)
def test_what_cannot_be_recorded_is_refused_by_field(identity: Identity, expected: tuple[str, str]) -> None:
    with pytest.raises(InvalidField) as caught:
        identities.checked(identity, TODAY)
    assert problem(caught) == expected


@pytest.mark.parametrize("name", ["王", "  欧阳修 ", "买买提·艾力", "John O'Neill", "𠮷野", "王" * 64])
def test_names_of_all_kinds_are_names(name: str) -> None:
    assert identities.checked(Identity(name), TODAY).name == name.strip()


def test_nothing_of_an_identity_shows_in_its_repr() -> None:
    shown = identities.masked(identities.checked(WANG, TODAY), TODAY)
    assert repr(WANG) == "Identity()"
    assert repr(shown) == "Masked(minor=False)"


# --- ages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "minor", "child"),
    [
        (date(2008, 11, 22), False, False),
        (date(2008, 11, 23), True, False),
        (date(2012, 11, 22), True, False),
        (date(2012, 11, 23), True, True),
        (date(2026, 11, 22), True, True),
        (date(1926, 1, 1), False, False),
    ],
)
def test_who_is_under_18_is_a_minor_and_under_14_a_child(born: date, minor: bool, child: bool) -> None:
    assert (identities.is_minor(born, TODAY), identities.is_child(born, TODAY)) == (minor, child)


def test_who_was_born_on_29_february_comes_of_age_on_1_march() -> None:
    assert identities.is_minor(date(2008, 2, 29), date(2026, 2, 28))
    assert not identities.is_minor(date(2008, 2, 29), date(2026, 3, 1))


# --- masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (ZHANG, Masked("张**", "159****1111", f"3701{'*' * 12}{(ZHANG.id_number or '')[-2:]}", False)),
        (Identity("王秀英", "13812345678"), Masked("王**", "138****5678", None, None)),
        (Identity("欧阳修"), Masked("欧**", None, None, None)),
        (Identity("张"), Masked("张**", None, None, None)),
        (Identity("张" * 64, born=date(1958, 3, 2)), Masked("张**", None, None, False)),
        (CHILD, Masked("李**", None, None, True)),
        (Identity("李", "13700002222", born=date(2008, 11, 23)), Masked("李**", None, None, True)),
    ],
)
def test_pages_show_as_much_as_is_needed_to_tell_people_apart(identity: Identity, expected: Masked) -> None:
    assert identities.masked(identities.checked(identity, TODAY), TODAY) == expected


def test_an_identity_number_keeps_its_x_in_the_mask() -> None:
    numbers = (id_number(date(1961, 10, 20), "370102", order) for order in range(1000))
    number = next(number for number in numbers if number.endswith("1X"))
    assert identities.masked(Identity("张", None, number), TODAY).id_number == "3701************1X"
