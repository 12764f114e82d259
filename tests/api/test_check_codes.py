"""Check codes: what was printed verifies, and nothing else does."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import date

import pytest

from api import check_codes
from api.check_codes import ALPHABET, Certificate, Line, Printed, Receipt
from ledger.errors import InvalidField
from tests.api.conftest import SETTINGS
from tests.api.processes import meide

NUMBER = check_codes.passbook_number(SETTINGS, "LAKE-1", "2100.0123456789012345")
LINE = Line("LAKE-1", NUMBER, 37, date(2026, 11, 21), "out", 25, 130)
RECEIPT = Receipt("LAKE-1", "3f1b-77c2", date(2026, 11, 21), "X0001", 25)

PRINTED = {
    "book": "LAKE-1",
    "passbook": check_codes.grouped(NUMBER),
    "line": "37",
    "day": "2026-11-21",
    "deposit": "",
    "withdrawal": "25",
    "balance": "130",
}


def right(typed: Printed, code: str) -> bool:
    return check_codes.is_right(SETTINGS, typed, code)


def test_a_code_has_eight_characters_that_nobody_takes_for_each_other() -> None:
    codes = {check_codes.of_line(SETTINGS, replace(LINE, number=number)) for number in range(2000)}
    assert len(codes) == 2000
    assert {len(code) for code in codes} == {8}
    assert set("".join(codes)) == set(ALPHABET)
    assert not set("01IOl") & set(ALPHABET)
    assert check_codes.grouped("7KQM3XWP") == "7KQM-3XWP"


def test_a_line_verifies_however_it_is_typed() -> None:
    code = check_codes.of_line(SETTINGS, LINE)
    for changes in (
        {},
        {"day": "2026年11月21日"},
        {"day": "2026/11/21", "line": " 37 "},
        {"passbook": NUMBER.lower(), "book": "ＬＡＫＥ-１", "withdrawal": "２５"},
    ):
        assert check_codes.read_line(**PRINTED | changes) == LINE
    for typed in (code, check_codes.grouped(code), code.lower(), f" {code[:4]} {code[4:]} "):
        assert right(LINE, typed)


def test_a_certificate_verifies_and_with_another_number_it_does_not() -> None:
    certificate = Certificate("LAKE-1", "S2026-00017")
    code = check_codes.of_certificate(SETTINGS, certificate)
    for typed in ("S2026-00017", " s2026-00017", "Ｓ２０２６-０００１７"):
        assert right(check_codes.read_certificate(book="LAKE-1", serial=typed), code)
    for typed in ("S2026-00018", "S2025-00017", "S2026-0017"):
        assert not right(check_codes.read_certificate(book="LAKE-1", serial=typed), code)
    assert not right(replace(certificate, book="LAKE-2"), code)
    for typed in ("", "証書一号", "9" * 65):
        with pytest.raises(InvalidField):
            check_codes.read_certificate(book="LAKE-1", serial=typed)


def test_one_changed_character_does_not_verify() -> None:
    code = check_codes.of_line(SETTINGS, LINE)
    for place in range(8):
        for other in set(ALPHABET) - {code[place]}:
            assert not right(LINE, code[:place] + other + code[place + 1 :])
    changed = 0
    for field, text in PRINTED.items():
        for place, character in enumerate(text):
            for other in "0123456789" if character.isdigit() else "ABX":
                if other == character or character in "-":
                    continue
                try:
                    typed = check_codes.read_line(**PRINTED | {field: text[:place] + other + text[place + 1 :]})
                except InvalidField:
                    continue
                assert not right(typed, code), (field, place, other)
                changed += 1
    assert changed > 100
    swapped = check_codes.read_line(**PRINTED | {"deposit": "25", "withdrawal": ""})
    assert not right(swapped, code), "in for out"
    assert not right(LINE, "")
    assert not right(LINE, code + code[-1])
    assert not right(LINE, "\ud800")


def test_hours_are_read_as_they_are_printed() -> None:
    typed = check_codes.read_line(**PRINTED | {"withdrawal": "2:30", "balance": "100:05"})
    assert (typed.amount, typed.balance) == (150, 6005)
    assert typed != check_codes.read_line(**PRINTED | {"withdrawal": "2:31", "balance": "100:05"})


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("book", ""),
        ("book", "x" * 65),
        ("passbook", "德"),
        ("line", "-1"),
        ("line", "1" * 20),
        ("day", "2026-02-30"),
        ("day", "yesterday"),
        ("withdrawal", "2.5"),
        ("withdrawal", "2:60"),
        ("balance", ""),
        ("deposit", "25"),
        ("withdrawal", " "),
    ],
)
def test_what_cannot_be_a_line_is_said(field: str, text: str) -> None:
    with pytest.raises(InvalidField):
        check_codes.read_line(**PRINTED | {field: text})


def test_a_receipt_verifies_and_is_no_line() -> None:
    code = check_codes.of_receipt(SETTINGS, RECEIPT)
    typed = check_codes.read_receipt(book="LAKE-1", receipt="3F1B77C2", day="2026-11-21", outlet="x0001", points="25")
    assert right(typed, code)
    much = replace(RECEIPT, points=1250)
    printed = {"book": "LAKE-1", "receipt": "3F1B77C2", "day": "2026-11-21", "outlet": "X0001"}
    for points in ("1,250", "1250"):
        assert right(check_codes.read_receipt(**printed, points=points), check_codes.of_receipt(SETTINGS, much))
    for other in (
        replace(RECEIPT, book="LAKE-2"),
        replace(RECEIPT, receipt="3f1b-77c3"),
        replace(RECEIPT, day=date(2026, 11, 22)),
        replace(RECEIPT, outlet="X0002"),
        replace(RECEIPT, points=26),
        LINE,
    ):
        assert not right(other, code)


def test_a_new_key_prints_and_what_the_older_ones_printed_still_verifies() -> None:
    before = check_codes.of_line(SETTINGS, LINE)
    newer = replace(SETTINGS, print_keys=(secrets.token_urlsafe(32), *SETTINGS.print_keys))
    after = check_codes.of_line(newer, LINE)
    assert after != before
    assert check_codes.is_right(newer, LINE, before)
    assert check_codes.is_right(newer, LINE, after)
    assert not right(LINE, after), "who does not have the key"
    assert check_codes.passbook_number(newer, "LAKE-1", "2100.0123456789012345") == NUMBER


def test_a_passbooks_number_is_its_own_and_does_not_tell_the_account() -> None:
    numbers = {
        check_codes.passbook_number(SETTINGS, book, f"{code}.{holder:016d}")
        for book in ("A", "B")
        for code in ("2100", "9200")
        for holder in range(500)
    }
    assert len(numbers) == 2000
    assert {len(number) for number in numbers} == {10}
    assert set("".join(numbers)) <= set(ALPHABET)
    elsewhere = replace(SETTINGS, print_keys=(secrets.token_urlsafe(32),))
    assert check_codes.passbook_number(elsewhere, "LAKE-1", "2100.0123456789012345") != NUMBER


def test_an_auditor_checks_a_line_on_the_command_line() -> None:
    key = {"MEIDE_PRINT_KEYS": SETTINGS.print_keys[0]}
    line = ["--book", "LAKE-1", "--passbook", NUMBER, "--line", "37", "--day", "2026-11-21", "--balance", "130"]
    code = check_codes.grouped(check_codes.of_line(SETTINGS, LINE))
    right = meide("check-code", code, *line, "--out", "25", **key)
    assert (right.returncode, right.stdout) == (0, "It matches: it was printed here just so.\n")
    wrong = meide("check-code", code, *line, "--out", "26", "--json", **key)
    assert (wrong.returncode, json.loads(wrong.stdout)) == (1, {"matches": False})
    unreadable = meide("check-code", code, *line, "--out", "x", **key)
    assert (unreadable.returncode, unreadable.stdout) == (1, "")
