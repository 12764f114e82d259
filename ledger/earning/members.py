"""Members of organisations: who leads a team, who belongs to it, since when. A person may be in several.

Whatever changes a person's memberships holds her row in `volunteers` first, so that she joins once and does not join
while she leaves the programme.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, cast, get_args

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning import organisations
from ledger.earning.tables import members, volunteers
from ledger.errors import AlreadyMember, InvalidField, UnknownMember, UnknownVolunteer, VolunteerLeft

Role = Literal["leader", "deputy", "member", "liaison"]
"""队长, 副队长, 队员, 联络员. What somebody may do on the pages is another matter: that is the role of her user."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Member:
    """A membership. `left_on`: the first day on which it is no longer so."""

    organisation: str
    holder: str
    role: Role
    joined_on: date
    left_on: date | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A member as an organisation's list has her. `home`: the organisation that she is registered with."""

    member: Member
    volunteer_no: str
    home: str | None


_MEMBER: Final = (
    members.c.organisation,
    members.c.holder,
    members.c.role,
    members.c.joined_on,
    members.c.left_on,
)


async def join(tx: AsyncConnection, book: int, organisation: str, holder: str, role: str, day: date) -> Member:
    """Makes this person a member from `day` on.

    InvalidField, UnknownOrganisation, OrganisationInactive, UnknownVolunteer, VolunteerLeft, AlreadyMember.
    """
    known = _role(role)
    await organisations.active(tx, book, organisation)
    left_on = await _held(tx, book, holder)
    if left_on is not None:
        raise VolunteerLeft(left_on)
    if await _live(tx, book, organisation, holder) is not None:
        raise AlreadyMember(organisation)
    return await _begin(tx, book, Member(organisation, holder, known, day))


async def change_role(tx: AsyncConnection, book: int, organisation: str, holder: str, role: str, day: date) -> Member:
    """Gives a member another role from `day` on; the one of before stays in her history.

    InvalidField, UnknownOrganisation, OrganisationInactive, UnknownVolunteer, UnknownMember.
    """
    known = _role(role)
    await organisations.active(tx, book, organisation)
    await _held(tx, book, holder)
    there = await _live(tx, book, organisation, holder)
    if there is None:
        raise UnknownMember(organisation)
    if there.role == known:
        return there
    await _end(tx, book, holder, day, organisation)
    return await _begin(tx, book, Member(organisation, holder, known, max(day, there.joined_on)))


async def leave(tx: AsyncConnection, book: int, organisation: str, holder: str, day: date) -> None:
    """Ends a membership: from `day` on it is no longer so. UnknownVolunteer, UnknownMember."""
    await _held(tx, book, holder)
    if not await _end(tx, book, holder, day, organisation):
        raise UnknownMember(organisation)


async def leave_all(tx: AsyncConnection, book: int, holder: str, day: date) -> None:
    """Ends all memberships of a person whose row the caller holds."""
    await _end(tx, book, holder, day)


async def of_organisation(
    tx: AsyncConnection, book: int, organisation: str, *, after: str = "", limit: int = 200
) -> list[Listed]:
    """The members of an organisation by volunteer number, after one (or none). Who has been erased is not in it."""
    rows = await tx.execute(
        select(*_MEMBER, volunteers.c.volunteer_no, volunteers.c.organisation.label("home"))
        .join(volunteers, (volunteers.c.book_id == book) & (volunteers.c.holder == members.c.holder))
        .where(
            members.c.book_id == book,
            members.c.organisation == organisation,
            members.c.left_on.is_(None),
            volunteers.c.volunteer_no > after,
        )
        .order_by(volunteers.c.volunteer_no)
        .limit(limit)
    )
    return [Listed(_member(*row[:5]), row.volunteer_no, row.home) for row in rows]


async def of_volunteer(tx: AsyncConnection, book: int, holder: str) -> list[Member]:
    """The memberships that a person has, by organisation."""
    rows = await tx.execute(
        select(*_MEMBER)
        .where(members.c.book_id == book, members.c.holder == holder, members.c.left_on.is_(None))
        .order_by(members.c.organisation)
    )
    return [_member(*row) for row in rows]


async def _held(tx: AsyncConnection, book: int, holder: str) -> date | None:
    """Holds a person's row until the transaction ends; since when she has left. UnknownVolunteer."""
    row = (
        await tx.execute(
            select(volunteers.c.left_on)
            .where(volunteers.c.book_id == book, volunteers.c.holder == holder)
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        raise UnknownVolunteer(holder)
    left_on: date | None = row.left_on
    return left_on


async def _live(tx: AsyncConnection, book: int, organisation: str, holder: str) -> Member | None:
    row = (
        await tx.execute(
            select(*_MEMBER).where(
                members.c.book_id == book,
                members.c.organisation == organisation,
                members.c.holder == holder,
                members.c.left_on.is_(None),
            )
        )
    ).one_or_none()
    return None if row is None else _member(*row)


async def _begin(tx: AsyncConnection, book: int, new: Member) -> Member:
    """Adds a membership; one of the same day that has ended is opened again."""
    wanted = insert(members).values(
        book_id=book,
        organisation=new.organisation,
        holder=new.holder,
        role=new.role,
        joined_on=new.joined_on,
    )
    await tx.execute(
        wanted.on_conflict_do_update(
            index_elements=[members.c.book_id, members.c.organisation, members.c.holder, members.c.joined_on],
            set_={"role": wanted.excluded.role, "left_on": None},
        )
    )
    return new


async def _end(tx: AsyncConnection, book: int, holder: str, day: date, organisation: str | None = None) -> bool:
    """Ends the memberships of a person, or the one of an organisation; whether there was any."""
    condition = (members.c.book_id == book) & (members.c.holder == holder) & members.c.left_on.is_(None)
    if organisation is not None:
        condition &= members.c.organisation == organisation
    ended = await tx.execute(update(members).where(condition).values(left_on=func.greatest(members.c.joined_on, day)))
    return ended.rowcount > 0


def _role(word: str) -> Role:
    if word not in ROLES:
        raise InvalidField("role", "not_a_role")
    return word


def _member(organisation: str, holder: str, role: str, joined_on: date, left_on: date | None) -> Member:
    return Member(organisation, holder, cast(Role, role), joined_on, left_on)
