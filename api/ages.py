"""Whether somebody is old enough, and what a minor needs first: her day of birth is sealed, the ages are the rules'."""

from __future__ import annotations

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth
from ledger.access import guardians, persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.earning import ages, rule_sets
from ledger.earning.rules import DEFAULT, Ages
from ledger.earning.volunteers import Volunteer
from ledger.errors import Refusal


async def in_force(tx: AsyncConnection, me: Principal) -> Ages:
    """The ages of the rules for today; where there are none yet, those of a rule set that says nothing else."""
    rules = (await rule_sets.in_force(tx, me.book_id)).on(auth.today())
    return (rules or DEFAULT).ages


def too_young(born: date | None, limits: Ages) -> Refusal | None:
    """TooYoung, as a value, where somebody born on that day may not be registered at all."""
    return ages.hindrance(born, auth.today(), limits, guardian_consent=True, accompanied=True)


async def old_enough(
    tx: AsyncConnection,
    keys: Keys,
    me: Principal,
    her: Volunteer,
    limits: Ages,
    day: date,
    *,
    least_age: int | None = None,
    accompanied: bool = False,
) -> None:
    """Whether she may serve on that day; `least_age`: the activity's. Nobody sees her day of birth.

    TooYoung, GuardianConsentNeeded, CompanyNeeded. Whose day of birth is not recorded counts as grown up.
    """
    born = await persons.born(tx, keys, me.book_id, her.volunteer_no)
    if born is None:
        return
    consent = await guardians.consents_to(tx, me.book_id, her.holder)
    refusal = ages.hindrance(born, day, limits, guardian_consent=consent, accompanied=accompanied, least_age=least_age)
    if refusal is not None:
        raise refusal
