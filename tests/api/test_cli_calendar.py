"""`meide calendar` and `meide hours release`, by hand: what they print, and how they exit."""

from __future__ import annotations

import json
import secrets
from datetime import date

import pytest

from tests.api.processes import meide


@pytest.fixture
def here(service_url: str) -> dict[str, str]:
    return {"MEIDE_DATABASE_URL": service_url}


def test_a_holiday_is_set_shown_and_taken_back(here: dict[str, str]) -> None:
    unknown = meide("calendar", "show", "2051", **here)
    assert (unknown.returncode, "not known" in unknown.stdout) == (0, True)
    done = meide("calendar", "set", "2051-05-01", "holiday", "--name", "劳动节", **here)
    assert (done.returncode, done.stdout) == (0, "2051-05-01 is a holiday.\n")
    meide("calendar", "set", "2051-05-06", "working", **here)  # a Saturday
    shown = meide("calendar", "show", "2051", **here).stdout.splitlines()
    assert shown == ["2051-05-01 Mon  holiday  劳动节", "2051-05-06 Sat  working"]
    told = json.loads(meide("calendar", "show", "2051", "--json", **here).stdout)
    assert told["days_known"] == 2
    assert [each["name"] for each in told["exceptions"]] == ["劳动节", ""]
    meide("calendar", "set", "2051-05-01", "working", **here)
    assert meide("calendar", "show", "2051", **here).stdout.splitlines() == shown[1:]


def test_the_years_of_the_package_are_there_already_and_days_are_days(here: dict[str, str]) -> None:
    assert json.loads(meide("calendar", "load", "--json", **here).stdout) == {"added": {}}
    shown = meide("calendar", "show", "2026", **here).stdout
    assert f"{date(2026, 10, 1):%Y-%m-%d %a}  holiday" in shown
    for arguments in (("2026-02-30", "holiday"), ("2026-02-03", "perhaps"), ("2026-02-03",)):
        assert meide("calendar", "set", *arguments, **here).returncode == 2
    wrong = meide("calendar", "set", "2051-01-01", "holiday", "--name", "a\nb", **here)
    assert (wrong.returncode, wrong.stdout) == (1, "")


def test_notices_of_a_book_are_ended_by_hand(here: dict[str, str]) -> None:
    code = f"C{secrets.token_hex(4)}"
    assert meide("hours", "release", "--book", code, **here).returncode == 1
    meide("book", "create", code, "x", **here)
    told = meide("hours", "release", "--book", code, "--json", **here)
    assert told.returncode == 0, told.stderr
    assert (json.loads(told.stdout)["released"], json.loads(told.stdout)["resumed"]) == (0, 0)
