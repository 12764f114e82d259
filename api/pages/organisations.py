"""Organisations for staff: their tree, whether they may record, and who is a member with which role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, organisations, problems
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.earning import organisations as tree
from ledger.earning.members import ROLES
from ledger.earning.organisations import STATUSES, Organisation
from ledger.errors import NotAllowed, Refusal, SessionEnded, UnknownOrganisation

HERE: Final = "/staff/organisations"
THIS: Final = f"{HERE}/{{code:str}}"

LEVELS: Final = ("district", "subdistrict", "community", "team", "department")
"""What the form offers; a list of organisations may call them otherwise."""
NEW: Final = ("code", "name", "level", "parent")
MOST: Final = 50
"""Members on a page."""


@dataclass(frozen=True, slots=True)
class Branch:
    """An organisation in the tree: how deep it stands, what it is called and whether it may record, in words."""

    organisation: Organisation
    depth: int
    level: str
    status: str | None


@get(HERE)
async def list_organisations(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The tree, and the form for an organisation at the top for whom the whole book is."""
    me = await doors.colleague(request, database, settings, Right.READ_ORGANISATIONS)
    return await _tree(request, database, me)


@post(HERE, status_code=200)
async def add(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Adds an organisation at the top, or below `parent`."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_ORGANISATIONS)
    form = dict(zip(NEW, await frame.fields(request, *NEW), strict=True))
    try:
        async with database.begin() as tx:
            made = await organisations.add(
                tx, me, texts.typed(form["code"]), form["name"], form["parent"] or None, form["level"]
            )
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _tree(request, database, me, form, refusal)
    return Redirect(f"{HERE}/{made.code}", status_code=303, query_params={"done": "organisation_added"})


async def _tree(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    form: dict[str, str] | None = None,
    refusal: Refusal | None = None,
) -> Template:
    async with database.connect() as tx:
        found = await tree.all_of(tx, me.book_id)
    manages = rights.reach(me, Right.MANAGE_ORGANISATIONS, auth.today())
    may = [each for each in found if manages.includes(each.line)]
    return frame.page(
        request,
        "organisations.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=HERE,
        branches=_branches(request, found),
        parents=[(each.code, each.name) for each in may],
        manages=bool(manages),
        at_top=manages.book,
        levels=LEVELS,
        form={name: (form or {}).get(name, "") for name in NEW},
        wrong=None if refusal is None else frame.told(request, refusal),
    )


def _branches(request: StrictRequest, found: list[Organisation]) -> list[Branch]:
    """The tree from the top, each organisation followed by what is below it."""
    inactive = {each.code for each in found if each.status != "active"}
    ordered = sorted(found, key=lambda each: each.line[::-1])
    return [
        Branch(each, len(each.line) - 1, _level(request, each), _status(request, each, inactive)) for each in ordered
    ]


def _level(request: StrictRequest, each: Organisation) -> str:
    return texts.t(frame.view_of(request).language, f"level_{each.level}") if each.level in LEVELS else each.level


def _status(request: StrictRequest, each: Organisation, inactive: set[str]) -> str | None:
    """What keeps it from recording, in words; None: nothing does."""
    language = frame.view_of(request).language
    if each.code in inactive:
        return texts.t(language, f"status_{each.status}")
    return texts.t(language, "status_above") if inactive.intersection(each.line) else None


# --- one of them ------------------------------------------------------------------------------------------------------


@get(THIS)
async def organisation(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    code: FromPath[str],
) -> Template:
    """An organisation with those above and below it, its status and, for whom they are, its members."""
    me = await doors.colleague(request, database, settings, Right.READ_ORGANISATIONS)
    return await _organisation(request, database, keys, me, code)


@post(f"{THIS}/status", status_code=200)
async def set_status(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    code: FromPath[str],
) -> Template | Redirect:
    """Suspends it, lets it go or in again."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_ORGANISATIONS)
    [status] = await frame.fields(request, "status")
    try:
        async with database.begin() as tx:
            await organisations.set_status(tx, me, code, status)
    except (NotAllowed, SessionEnded, UnknownOrganisation):
        raise
    except Refusal as refusal:
        return await _organisation(request, database, keys, me, code, refusal)
    return _back(code, "status_changed")


@post(f"{THIS}/members", status_code=200)
async def add_member(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    code: FromPath[str],
) -> Template | Redirect:
    """A volunteer joins."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    number, role = await frame.fields(request, "number", "role")
    try:
        async with database.begin() as tx:
            await organisations.join(tx, me, code, texts.typed(number), role)
    except (NotAllowed, SessionEnded, UnknownOrganisation):
        raise
    except Refusal as refusal:
        return await _organisation(request, database, keys, me, code, refusal, number)
    return _back(code, "member_added")


@post(f"{THIS}/members/{{number:str}}", status_code=200)
async def change_member(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    code: FromPath[str],
    number: FromPath[str],
) -> Template | Redirect:
    """A member gets another role."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    [role] = await frame.fields(request, "role")
    try:
        async with database.begin() as tx:
            await organisations.change_role(tx, me, code, number, role)
    except (NotAllowed, SessionEnded, UnknownOrganisation):
        raise
    except Refusal as refusal:
        return await _organisation(request, database, keys, me, code, refusal)
    return _back(code, "member_changed")


@post(f"{THIS}/members/{{number:str}}/end", status_code=303)
async def end_member(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    code: FromPath[str],
    number: FromPath[str],
) -> Redirect:
    """A member leaves; she stays a volunteer."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    async with database.begin() as tx:
        await organisations.end_membership(tx, me, code, number)
    return _back(code, "member_ended")


async def _organisation(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    code: str,
    refusal: Refusal | None = None,
    number: str = "",
) -> Template:
    language, today = frame.view_of(request).language, auth.today()
    after = request.query_params.get("after", "")
    async with database.begin() as tx:
        this = await tree.find(tx, me.book_id, code)
        sees = rights.reach(me, Right.READ_PEOPLE, today).includes(this.line)
        members = await organisations.members_of(tx, keys, me, code, after=after, limit=MOST) if sees else []
        found = await tree.all_of(tx, me.book_id)
    inactive = {each.code for each in found if each.status != "active"}
    names = {each.code: each.name for each in found}
    return frame.page(
        request,
        "organisation.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{code}",
        query={"after": after} if after else {},
        notice=frame.notice(
            request, "organisation_added", "status_changed", "member_added", "member_changed", "member_ended"
        ),
        wrong=None if refusal is None else frame.told(request, refusal),
        this=this,
        level=_level(request, this),
        standing=_status(request, this, inactive) or texts.t(language, "status_active"),
        above=[(each, names[each]) for each in reversed(this.line[1:])],
        below=[(each.code, each.name) for each in found if each.parent == code],
        statuses=STATUSES,
        decides=rights.reach(me, Right.MANAGE_ORGANISATIONS, today).includes(this.line[1:]),
        registers=rights.reach(me, Right.REGISTER, today).includes(this.line),
        sees=sees,
        members=[(each, texts.day(language, each.listed.member.joined_on)) for each in members],
        first=not after,
        following=members[-1].listed.volunteer_no if len(members) == MOST else None,
        roles=ROLES,
        number=number,
    )


def _back(code: str, done: str) -> Redirect:
    return Redirect(f"{HERE}/{code}", status_code=303, query_params={"done": done})


HANDLERS = [list_organisations, add, organisation, set_status, add_member, change_member, end_member]
