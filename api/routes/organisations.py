"""Organisations over HTTP: their tree, whether they may record, and who is a member with which role."""

from __future__ import annotations

import datetime

import msgspec
from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, organisations, views
from api.bodies import Body, Limit
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.earning import organisations as tree
from ledger.earning.members import Member, Role
from ledger.earning.organisations import Organisation, Status

READ = {"right": Right.READ_ORGANISATIONS, "scoped": True}
MANAGE = {"right": Right.MANAGE_ORGANISATIONS, "scoped": True}
REGISTER = {"right": Right.REGISTER, "scoped": True}


class NewOrganisation(Body, frozen=True):
    """An organisation, below `parent` or at the top.

    `level`: what it is called: district, subdistrict, community, team, department or another word.
    """

    code: str
    name: str
    parent: str | None = None
    level: str = "team"


class NewStatus(Body, frozen=True):
    """`suspended` and `exited` organisations, and those below them, may read and record nothing."""

    status: Status


class OrganisationView(msgspec.Struct, frozen=True):
    """An organisation. `line`: its code, that of the one above it, and so on to the top. `status`: its own."""

    code: str
    name: str
    parent: str | None
    line: list[str]
    level: str
    status: Status


class Organisations(msgspec.Struct, frozen=True):
    """Organisations by code; `next` is the `after` of the next page, null at the end."""

    items: list[OrganisationView]
    next: str | None


class NewMember(Body, frozen=True):
    """A volunteer who joins, of whatever organisation she is."""

    volunteer: str
    role: Role = "member"


class NewMemberRole(Body, frozen=True):
    """The role that a member has from now on."""

    role: Role


class MemberView(msgspec.Struct, frozen=True):
    """A membership. `left_on`: the first day on which it is no longer so, null while it is."""

    volunteer: str
    organisation: str
    role: Role
    joined_on: datetime.date
    left_on: datetime.date | None


class ListedMember(MemberView, frozen=True, kw_only=True):
    """A member as a list shows her. `name` is masked; null where it is not recorded or not the caller's to see."""

    name: str | None
    minor: bool | None


class Members(msgspec.Struct, frozen=True):
    """Members by volunteer number; `next` is the `after` of the next page, null at the end."""

    items: list[ListedMember]
    next: str | None


@get(
    "/organisations",
    opt=READ,
    operation_id="listOrganisations",
    summary="The organisations",
    responses=views.refusals(400),
)
async def list_organisations(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[str] = "",
) -> Organisations:
    """The organisations of the book. Who they are is no secret among its staff."""
    async with database.connect() as tx:
        page = await tree.organisations_of(tx, me.book_id, after=after, limit=limit)
    return Organisations([_view(each) for each in page], page[-1].code if len(page) == limit else None)


@post(
    "/organisations",
    opt=MANAGE,
    operation_id="addOrganisation",
    summary="Add an organisation",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def add_organisation(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewOrganisation]
) -> OrganisationView:
    """Adds an organisation below one of the caller's, or at the top for whom the whole book is."""
    async with database.begin() as tx:
        return _view(await organisations.add(tx, me, data.code, data.name, data.parent, data.level))


@get(
    "/organisations/{organisation:str}",
    opt=READ,
    operation_id="readOrganisation",
    summary="One organisation",
    responses=views.refusals(404),
)
async def read_organisation(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], organisation: FromPath[str]
) -> OrganisationView:
    """An organisation with its line to the top."""
    async with database.connect() as tx:
        return _view(await tree.find(tx, me.book_id, organisation))


@post(
    "/organisations/{organisation:str}/status",
    status_code=200,
    opt=MANAGE,
    operation_id="setOrganisationStatus",
    summary="Suspend an organisation, let it go or in again",
    responses=views.refusals(400, 404, 413, 415),
)
async def set_status(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    organisation: FromPath[str],
    data: JSONBody[NewStatus],
) -> OrganisationView:
    """Says whether an organisation, and those below it, may record. The one above it decides; what is there stays."""
    async with database.begin() as tx:
        return _view(await organisations.set_status(tx, me, organisation, data.status))


# --- members ----------------------------------------------------------------------------------------------------------


@get(
    "/organisations/{organisation:str}/members",
    opt={"right": Right.READ_PEOPLE, "scoped": True},
    operation_id="listMembers",
    summary="The members of an organisation",
    responses=views.refusals(400, 404),
)
async def list_members(
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    me: NamedDependency[Principal],
    organisation: FromPath[str],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[str] = "",
) -> Members:
    """The members that an organisation has now, masked. That minors were shown is logged."""
    async with database.begin() as tx:
        page = await organisations.members_of(tx, keys, me, organisation, after=after, limit=limit)
    items = [
        ListedMember(
            each.listed.volunteer_no,
            each.listed.member.organisation,
            each.listed.member.role,
            each.listed.member.joined_on,
            each.listed.member.left_on,
            name=None if each.person is None else each.person.name,
            minor=None if each.person is None else each.person.minor,
        )
        for each in page
    ]
    return Members(items, items[-1].volunteer if len(items) == limit else None)


@post(
    "/organisations/{organisation:str}/members",
    opt=REGISTER,
    operation_id="addMember",
    summary="A volunteer joins",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def add_member(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    organisation: FromPath[str],
    data: JSONBody[NewMember],
) -> MemberView:
    """Makes a volunteer a member from today on; she may be a member of several organisations."""
    async with database.begin() as tx:
        joined = await organisations.join(tx, me, organisation, data.volunteer, data.role)
    return _member(data.volunteer, joined)


@put(
    "/organisations/{organisation:str}/members/{volunteer:str}",
    opt=REGISTER,
    operation_id="setMemberRole",
    summary="Give a member another role",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def set_role(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    organisation: FromPath[str],
    volunteer: FromPath[str],
    data: JSONBody[NewMemberRole],
) -> MemberView:
    """Gives a member another role from today on; the one of before stays in her history."""
    async with database.begin() as tx:
        changed = await organisations.change_role(tx, me, organisation, volunteer, data.role)
    return _member(volunteer, changed)


@delete(
    "/organisations/{organisation:str}/members/{volunteer:str}",
    opt=REGISTER,
    operation_id="endMember",
    summary="A member leaves",
    responses=views.refusals(404),
)
async def end_member(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    organisation: FromPath[str],
    volunteer: FromPath[str],
) -> None:
    """Ends a membership today; she stays a volunteer."""
    async with database.begin() as tx:
        await organisations.end_membership(tx, me, organisation, volunteer)


def _view(each: Organisation) -> OrganisationView:
    return OrganisationView(each.code, each.name, each.parent, list(each.line), each.level, each.status)


def _member(volunteer: str, each: Member) -> MemberView:
    return MemberView(volunteer, each.organisation, each.role, each.joined_on, each.left_on)


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        list_organisations,
        add_organisation,
        read_organisation,
        set_status,
        list_members,
        add_member,
        set_role,
        end_member,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["people"],
)
