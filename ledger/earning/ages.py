"""How old somebody must be, and what a minor needs first. Pure: no database, no clock.

Minors serve with a guardian's consent or in company, and in nothing dangerous (Shandong Regulation on Volunteer
Service 10). The ages themselves are data of the rule set.
"""

from __future__ import annotations

from datetime import date

from ledger.days import full_years
from ledger.earning.rules import Ages
from ledger.errors import CompanyNeeded, GuardianConsentNeeded, Refusal, TooYoung


def hindrance(
    born: date | None,
    day: date,
    ages: Ages,
    *,
    guardian_consent: bool,
    accompanied: bool,
    least_age: int | None = None,
) -> Refusal | None:
    """Why somebody born on that day does not serve on `day`; None: she may. `least_age`: the activity's own.

    TooYoung, GuardianConsentNeeded, CompanyNeeded. Whose day of birth is not known counts as grown up.
    """
    if born is None:
        return None
    age = full_years(born, day)
    least = max(ages.youngest, least_age or 0)
    if age < least:
        return TooYoung(least)
    if age < ages.consent_below and not guardian_consent:
        return GuardianConsentNeeded(ages.consent_below)
    if age < ages.accompanied_below and not accompanied:
        return CompanyNeeded(ages.accompanied_below)
    return None
