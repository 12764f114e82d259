"""What stands before a minor's service, and what does not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.earning import ages
from ledger.earning.rules import Ages
from ledger.errors import CompanyNeeded, GuardianConsentNeeded, TooYoung

DAY = date(2026, 6, 15)
OF_THE_PROGRAMME = Ages(6, 10, 18)


def born(years: int, days: int = 0) -> date:
    """Who has just become so old, or will in so many days."""
    return date(DAY.year - years, DAY.month, DAY.day + days)


@pytest.mark.parametrize(
    ("day_of_birth", "consent", "accompanied", "least", "refusal"),
    [
        (born(6, 1), True, True, None, TooYoung),
        (born(6), True, True, None, None),
        (born(6), True, False, None, CompanyNeeded),
        (born(6), False, True, None, GuardianConsentNeeded),
        (born(10, 1), True, False, None, CompanyNeeded),
        (born(10), True, False, None, None),
        (born(18, 1), False, True, None, GuardianConsentNeeded),
        (born(18), False, False, None, None),
        (born(18, 1), True, True, 18, TooYoung),
        (born(18), False, False, 18, None),
        (born(6, 1), True, True, 3, TooYoung),
        (born(70), False, False, 60, None),
        (None, False, False, None, None),
        (None, False, False, 18, None),
        (date(2008, 2, 29), False, False, None, None),
    ],
)
def test_a_minor_serves_when_old_enough_with_consent_and_in_company(
    day_of_birth: date | None, consent: bool, accompanied: bool, least: int | None, refusal: type | None
) -> None:
    found = ages.hindrance(
        day_of_birth, DAY, OF_THE_PROGRAMME, guardian_consent=consent, accompanied=accompanied, least_age=least
    )
    assert (None if found is None else type(found)) is refusal


def test_who_was_born_on_the_29th_of_february_is_older_on_the_1st_of_march() -> None:
    for day, hindered in ((date(2026, 2, 28), True), (date(2026, 3, 1), False)):
        found = ages.hindrance(date(2008, 2, 29), day, OF_THE_PROGRAMME, guardian_consent=False, accompanied=True)
        assert (found is not None) == hindered


def test_a_refusal_says_the_age_that_is_needed() -> None:
    refused = ages.hindrance(born(16), DAY, OF_THE_PROGRAMME, guardian_consent=True, accompanied=True, least_age=18)
    assert isinstance(refused, TooYoung)
    assert refused.least_age == 18


@given(
    day_of_birth=st.dates(date(1920, 1, 1), DAY),
    least=st.none() | st.integers(0, 100),
    limits=st.builds(Ages, st.integers(0, 18), st.integers(0, 18), st.integers(0, 18)),
    later=st.dates(DAY, date(2100, 1, 1)),
)
def test_with_consent_and_company_nothing_but_age_hinders_and_age_only_grows(
    day_of_birth: date, least: int | None, limits: Ages, later: date
) -> None:
    found, then = (
        ages.hindrance(day_of_birth, day, limits, guardian_consent=True, accompanied=True, least_age=least)
        for day in (DAY, later)
    )
    assert found is None or isinstance(found, TooYoung)
    assert then is None or found is not None
