"""Volunteers: who they are to the programme, and under which random number the books know them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, any_, delete, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import chart
from ledger.books.chart import NewAccount
from ledger.database import connect, events
from ledger.days import day_of
from ledger.earning import members, organisations
from ledger.earning.tables import organisations as organisations_table
from ledger.earning.tables import volunteers
from ledger.errors import (
    InvalidField,
    OrganisationInactive,
    Refusal,
    StillKnown,
    UnknownOrganisation,
    UnknownVolunteer,
    VolunteerExists,
    VolunteerLeft,
)

NUMBER: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,31}")

WALLET: Final = "2100"
IN_NOTICE: Final = "2110"
CREDIT_HOURS: Final = "9200"
HONOUR_HOURS: Final = "9210"

_ACCOUNTS: Final = (
    (WALLET, "可用积分", "liability", "PT"),
    (IN_NOTICE, "公示中积分", "liability", "PT"),
    (CREDIT_HOURS, "服务时长", "memo_credit", "HR"),
    (HONOUR_HOURS, "荣誉时长", "memo_credit", "HR"),
)

OWN_ACCOUNTS: Final = tuple(code for code, *_ in _ACCOUNTS)
"""What every volunteer has from the start; others are opened at first use."""


@dataclass(frozen=True, slots=True)
class Volunteer:
    """A registered volunteer. `holder` is the random number that stands in the account codes.

    `left_on`: since when she is no longer one; what she has stays hers.
    """

    volunteer_no: str
    holder: str
    organisation: str | None = None
    left_on: date | None = None

    def account(self, code: str) -> str:
        """The code of this person's account of the chart's `code`."""
        return f"{code}.{self.holder}"


async def register(tx: AsyncConnection, book: int, volunteer_no: str, organisation: str | None = None) -> Volunteer:
    """Registers a volunteer number and opens wallet and hours accounts under a new random holder number.

    No identity enters the books: the link between number and holder stands in `volunteers` alone, and erasing it makes
    the entries nobody's. InvalidField, UnknownOrganisation, OrganisationInactive, VolunteerExists.
    """
    if not (added := await _add(tx, book, {volunteer_no: organisation})):
        raise VolunteerExists(volunteer_no)
    return Volunteer(volunteer_no, added[volunteer_no], organisation)


async def register_many(
    tx: AsyncConnection, book: int, numbers: Iterable[str], organisation: str | None = None
) -> dict[str, str]:
    """Registers those of these numbers that are not registered; answers the holder of each of them.

    Who is there already stays where she is, also when she has left. Some 1,000 at a time. InvalidField,
    UnknownOrganisation, OrganisationInactive.
    """
    return await register_with(tx, book, dict.fromkeys(numbers, organisation))


async def register_with(tx: AsyncConnection, book: int, wanted: Mapping[str, str | None]) -> dict[str, str]:
    """As `register_many`, each number with an organisation of its own."""
    holders = await holders_of(tx, book, wanted)
    # Again where somebody else was registering the same number and it has been forgotten before we could read it.
    while missing := wanted.keys() - holders.keys():
        holders |= await _add(tx, book, {number: wanted[number] for number in missing})
        if missing := wanted.keys() - holders.keys():
            holders |= await holders_of(tx, book, missing)
    return holders


async def _add(tx: AsyncConnection, book: int, wanted: Mapping[str, str | None]) -> dict[str, str]:
    """Adds these volunteers and opens their accounts; the holders of those who were not there."""
    if not all(NUMBER.fullmatch(number) for number in wanted):
        raise InvalidField("volunteer", "not_a_volunteer_number")
    await _may_register(tx, book, {each for each in wanted.values() if each is not None})
    now = await connect.now(tx)
    # In order of their numbers, so that two who register the same people do not wait for each other.
    rows = [
        {
            "book_id": book,
            "volunteer_no": number,
            "holder": _new_holder(),
            "registered_at": now,
            "organisation": wanted[number],
        }
        for number in sorted(wanted)
    ]
    added = await tx.execute(
        insert(volunteers)
        .on_conflict_do_nothing(index_elements=[volunteers.c.book_id, volunteers.c.volunteer_no])
        .returning(volunteers.c.volunteer_no, volunteers.c.holder),
        rows,
    )
    holders = {row.volunteer_no: row.holder for row in added}
    opened = await chart.open_accounts(
        tx,
        book,
        [
            NewAccount(f"{code}.{holder}", name, account_class, unit)
            for holder in holders.values()
            for code, name, account_class, unit in _ACCOUNTS
        ],
    )
    for outcome in opened:
        if isinstance(outcome, Refusal):
            raise outcome
    return holders


async def _may_register(tx: AsyncConnection, book: int, codes: set[str]) -> None:
    """As `organisations.active`, for all of them at once."""
    if not codes:
        return
    known = await organisations.find_many(tx, book, codes)
    if missing := codes - known.keys():
        raise UnknownOrganisation(min(missing))
    inactive = await organisations.inactive(tx, book, known.values())
    for code, status in sorted(inactive.items()):
        raise OrganisationInactive(code, status)


def _new_holder() -> str:
    return f"{secrets.randbelow(10**16):016d}"


async def find(tx: AsyncConnection, book: int, volunteer_no: str) -> Volunteer:
    """The volunteer with this number; UnknownVolunteer."""
    return await _find(tx, book, volunteer_no, held=False)


async def move(tx: AsyncConnection, book: int, volunteer_no: str, organisation: str | None) -> Volunteer:
    """From now on she belongs to this organisation (None: the book's own staff). What she did stays where it was.

    UnknownVolunteer, VolunteerLeft, UnknownOrganisation, OrganisationInactive.
    """
    her = await _find(tx, book, volunteer_no, held=True)
    if her.left_on is not None:
        raise VolunteerLeft(her.left_on)
    return await _placed(tx, book, her, organisation)


async def leave(tx: AsyncConnection, book: int, volunteer_no: str, day: date) -> Volunteer:
    """From `day` on she is no longer a volunteer, nor a member of anything; what she has stays hers.

    UnknownVolunteer, VolunteerLeft (on another day already), InvalidField (a day to come).
    """
    if day > day_of(await connect.now(tx)):
        raise InvalidField("day", "in_the_future")
    her = await _find(tx, book, volunteer_no, held=True)
    if her.left_on == day:
        return her
    if her.left_on is not None:
        raise VolunteerLeft(her.left_on)
    await members.leave_all(tx, book, her.holder, day)
    await tx.execute(update(volunteers).where(_is(book, volunteer_no)).values(left_on=day))
    return replace(her, left_on=day)


async def come_back(tx: AsyncConnection, book: int, volunteer_no: str, organisation: str | None) -> Volunteer:
    """She is a volunteer again, of this organisation; who has not left is moved.

    UnknownVolunteer, UnknownOrganisation, OrganisationInactive.
    """
    return await _placed(tx, book, await _find(tx, book, volunteer_no, held=True), organisation)


async def _placed(tx: AsyncConnection, book: int, her: Volunteer, organisation: str | None) -> Volunteer:
    if organisation is not None:
        await organisations.active(tx, book, organisation)
    await tx.execute(
        update(volunteers).where(_is(book, her.volunteer_no)).values(organisation=organisation, left_on=None)
    )
    return replace(her, organisation=organisation, left_on=None)


async def _find(tx: AsyncConnection, book: int, volunteer_no: str, *, held: bool) -> Volunteer:
    """The volunteer with this number, and `held`, so that nobody changes her until the transaction ends."""
    if not NUMBER.fullmatch(volunteer_no):
        raise UnknownVolunteer(volunteer_no)
    query = select(
        volunteers.c.volunteer_no, volunteers.c.holder, volunteers.c.organisation, volunteers.c.left_on
    ).where(_is(book, volunteer_no))
    row = (await tx.execute(query.with_for_update() if held else query)).one_or_none()
    if row is None:
        raise UnknownVolunteer(volunteer_no)
    return Volunteer(*row)


async def page(
    tx: AsyncConnection, book: int, *, of: Collection[str] | None = None, after: str | None = None, limit: int = 50
) -> list[Volunteer]:
    """Volunteers by number, after a number. `of`: only those of these organisations and of those below them."""
    wanted = select(
        volunteers.c.volunteer_no, volunteers.c.holder, volunteers.c.organisation, volunteers.c.left_on
    ).where(volunteers.c.book_id == book)
    if of is not None:
        hers = (organisations_table.c.book_id == book) & (organisations_table.c.code == volunteers.c.organisation)
        wanted = wanted.join(organisations_table, hers).where(
            organisations_table.c.line.overlap(literal(sorted(of), ARRAY(TEXT)))
        )
    if after is not None:
        wanted = wanted.where(volunteers.c.volunteer_no > after)
    return [Volunteer(*row) for row in await tx.execute(wanted.order_by(volunteers.c.volunteer_no).limit(limit))]


def _is(book: int, volunteer_no: str) -> ColumnElement[bool]:
    return (volunteers.c.book_id == book) & (volunteers.c.volunteer_no == volunteer_no)


async def forget(tx: AsyncConnection, book: int, volunteer_no: str, by: str) -> Volunteer:
    """Destroys the link between a volunteer's number and her holder: what the books hold is nobody's from then on.

    Answers who she was. The same transaction first erases her personal data (`access.persons.erase`), ends her users
    and makes the log forget what was written about her (`auditing.log.forget`); StillKnown where data of hers are there
    or were being recorded at the same time. UnknownVolunteer.
    """
    try:
        gone = await tx.execute(
            delete(volunteers)
            .where(volunteers.c.book_id == book, volunteers.c.volunteer_no == volunteer_no)
            .returning(volunteers.c.volunteer_no, volunteers.c.holder)
        )
    except IntegrityError as error:
        if connect.violation(error)[0] == "23503":
            raise StillKnown(volunteer_no) from None
        raise
    row = gone.one_or_none()
    if row is None:
        raise UnknownVolunteer(volunteer_no)
    her = Volunteer(*row)
    await events.add(tx, book, "erased", {"holder": her.holder}, actor=by)
    return her


async def holders_of(tx: AsyncConnection, book: int, numbers: Iterable[str]) -> dict[str, str]:
    """Under which holder numbers the books know these volunteers; who is not registered is not in it."""
    possible = [number for number in numbers if NUMBER.fullmatch(number)]
    rows = await tx.execute(
        select(volunteers.c.volunteer_no, volunteers.c.holder).where(
            volunteers.c.book_id == book, volunteers.c.volunteer_no == any_(literal(possible, ARRAY(TEXT)))
        )
    )
    return {row.volunteer_no: row.holder for row in rows}


async def locked(tx: AsyncConnection, book: int, holders: Iterable[str]) -> dict[str, date | None]:
    """Locks these people in one order until the transaction ends: what they do is decided one after another.

    Answers since when each of them has left (None: she has not); who is not there is left out.
    """
    named = volunteers.c.holder == any_(literal(sorted(set(holders)), ARRAY(TEXT)))
    rows = await tx.execute(
        select(volunteers.c.holder, volunteers.c.left_on)
        .where(volunteers.c.book_id == book, named)
        .order_by(volunteers.c.holder)
        .with_for_update(key_share=True)
    )
    return {row.holder: row.left_on for row in rows}


async def numbers_of(tx: AsyncConnection, book: int, holders: Iterable[str]) -> dict[str, str]:
    """Whose these holder numbers of account codes are: the volunteer number of each that is a volunteer's."""
    rows = await tx.execute(
        select(volunteers.c.holder, volunteers.c.volunteer_no).where(
            volunteers.c.book_id == book, volunteers.c.holder.in_(list(holders))
        )
    )
    return {row.holder: row.volunteer_no for row in rows}
