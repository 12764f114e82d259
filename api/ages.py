"""Whether somebody is old enough, and what a minor needs first: her day of birth is sealed, the ages are the rules'."""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth
from ledger.access import guardians, persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.days import full_years
from ledger.earning import ages, rule_sets
from ledger.earning.rules import DEFAULT, Ages
from ledger.earning.volunteers import Volunteer
from ledger.errors import Refusal


async def in_force(tx: AsyncConnection, me: Principal, day: date) -> Ages:
    """The ages of the rules for this day; where there are none yet, those of a rule set that says nothing else."""
    return ((await rule_sets.in_force(tx, me.book_id)).on(day) or DEFAULT).ages


def too_young(born: date | None, limits: Ages) -> Refusal | None:
    """TooYoung, as a value, where somebody born on that day may not be registered at all."""
    return ages.hindrance(born, auth.today(), limits, guardian_consent=True, accompanied=True)


async def hindrance(
    tx: AsyncConnection,
    keys: Keys,
    me: Principal,
    her: Volunteer,
    day: date,
    *,
    least_age: int | None = None,
    accompanied: bool = False,
) -> Refusal | None:
    """Why she does not serve on that day for her age; None: she may. `least_age`: the activity's.

    TooYoung, GuardianConsentNeeded, CompanyNeeded, as values. Nobody sees her day of birth; where it is not recorded
    she counts as grown up.
    """
    born = await persons.born(tx, keys, me.book_id, her.volunteer_no)
    if born is None:
        return None
    limits = await in_force(tx, me, day)
    consents = full_years(born, day) < limits.consent_below and await guardians.consents_to(tx, me.book_id, her.holder)
    return ages.hindrance(born, day, limits, guardian_consent=consents, accompanied=accompanied, least_age=least_age)
