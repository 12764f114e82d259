"""Who may enter a book, over HTTP: users and their roles, tokens of machines and tills."""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, outlets, staff, views
from api.bodies import After, Body, Limit, Number, day
from ledger.access import tokens, users
from ledger.access.rights import Grant, Principal, Right, Role, Scope
from ledger.access.tokens import Token
from ledger.access.users import GivenRole
from ledger.errors import UnknownUser

MANAGE_USERS = {"right": Right.MANAGE_USERS, "scoped": True}
MANAGE_TOKENS = {"right": Right.MANAGE_TOKENS}


class NewRole(Body, frozen=True):
    """A role to be given.

    `organisation`: it holds for that one and those below it; leave it out for the whole book. `volunteer` and `outlet`:
    whose number or shop, of volunteers and merchants. `until`: the last day (YYYY-MM-DD); an auditor needs one, at most
    366 days ahead.
    """

    role: Role
    organisation: str | None = None
    volunteer: str | None = None
    outlet: str | None = None
    until: str | None = None


class NewUser(NewRole, frozen=True, kw_only=True):
    """Somebody who is to sign in, with a first role. A volunteer needs no login: she signs in with her number."""

    login: str | None = None


class NewRoleOf(NewRole, frozen=True, kw_only=True):
    """A further role of somebody who can sign in already."""

    login: str


class NewUserView(msgspec.Struct, frozen=True):
    """The new user, and the password or PIN for the first sign-in: it is shown once, and must be changed then."""

    user: int
    role: int
    login: str | None
    password: str


class GivenRoleView(msgspec.Struct, frozen=True):
    """A role of somebody in this book."""

    id: int
    user: int
    login: str | None
    role: str
    organisation: str | None
    volunteer: str | None
    outlet: str | None
    until: datetime.date | None
    given_by: str
    given_at: datetime.datetime


class Roles(msgspec.Struct, frozen=True):
    """Roles in the order in which they were given; `next` is the `after` of the next page, null at the end."""

    items: list[GivenRoleView]
    next: int | None


class NewToken(Body, frozen=True):
    """A key for a machine, or with `outlet` for a till.

    `prefixes`: what the codes of the accounts begin with that it may post to (`*`: all), for the scope `books:post`.
    """

    name: str
    scopes: tuple[Scope, ...] = ()
    prefixes: tuple[str, ...] = ()
    outlet: str | None = None
    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=tokens.LONGEST.days)] = 366


class TokenView(msgspec.Struct, frozen=True):
    """A key, without what opens. `used_at`: its last use, to the minute."""

    id: int
    kind: str
    name: str
    scopes: list[str]
    prefixes: list[str]
    outlet: str | None
    made_by: str
    made_at: datetime.datetime
    expires_at: datetime.datetime
    used_at: datetime.datetime | None
    revoked_at: datetime.datetime | None


class NewTokenView(msgspec.Struct, frozen=True):
    """The new key. `secret` is what the machine sends as bearer token: it is shown once."""

    token: TokenView
    secret: str


class Tokens(msgspec.Struct, frozen=True):
    """Keys in the order in which they were made; `next` is the `after` of the next page, null at the end."""

    items: list[TokenView]
    next: int | None


# --- users and roles -------------------------------------------------------------------------------------------------


@get("/roles", opt=MANAGE_USERS, operation_id="listRoles", summary="Who has which role", responses=views.refusals(400))
async def list_roles(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[After] = 0,
) -> Roles:
    """The roles that the caller may give and take back: of her organisations, or all of the book."""
    async with database.connect() as tx:
        page, following = await staff.roles(tx, me, after=after, limit=limit)
    return Roles([_role_view(each) for each in page], following)


@post(
    "/users",
    opt=MANAGE_USERS,
    operation_id="addUser",
    summary="Let somebody in",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def add_user(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewUser]
) -> NewUserView:
    """Makes a user with a first role. The password (of who has no login, the PIN) is for the first sign-in only."""
    async with database.begin() as tx:
        made = await staff.let_in(tx, me, data.login, _grant(data))
    return NewUserView(made.user_id, made.role_id, made.login, made.secret)


@post(
    "/roles",
    opt=MANAGE_USERS,
    operation_id="giveRole",
    summary="Give a role",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def give_role(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewRoleOf]
) -> GivenRoleView:
    """Gives a role to somebody who can sign in; it counts from the next sign-in or refresh."""
    grant = _grant(data)
    async with database.begin() as tx:
        await staff.may_give(tx, me, grant)
        whose = await users.with_login(tx, data.login)
        if whose is None:
            raise UnknownUser(data.login)
        role = await users.give(tx, whose.user_id, me.book_id, grant, me.name)
        return _role_view(await users.role(tx, me.book_id, role))


@delete(
    "/roles/{role_id:int}",
    opt=MANAGE_USERS,
    operation_id="endRole",
    summary="Take a role back",
    responses=views.refusals(400, 404),
)
async def end_role(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], role_id: FromPath[Number]
) -> None:
    """Takes a role back and signs its holder out of this book, at once. Nobody takes back his own."""
    async with database.begin() as tx:
        await staff.take_back(tx, me, role_id)


def _grant(data: NewRole) -> Grant:
    until = day(data.until, "until") if data.until is not None else None
    return Grant(data.role, data.organisation, data.volunteer, data.outlet, until)


def _role_view(each: GivenRole) -> GivenRoleView:
    grant = each.grant
    return GivenRoleView(
        each.role_id,
        each.user_id,
        each.login,
        grant.role,
        grant.organisation,
        grant.volunteer_no,
        grant.outlet,
        grant.until,
        each.given_by,
        each.given_at,
    )


# --- tokens ----------------------------------------------------------------------------------------------------------


@get(
    "/tokens",
    opt=MANAGE_TOKENS,
    operation_id="listTokens",
    summary="Keys of machines and tills",
    responses=views.refusals(400),
)
async def list_tokens(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[After] = 0,
) -> Tokens:
    """The keys of this book, the revoked ones too."""
    async with database.connect() as tx:
        page = await tokens.tokens_of(tx, me.book_id, after=after, limit=limit)
    return Tokens([_token_view(each) for each in page], page[-1].token_id if len(page) == limit else None)


@post(
    "/tokens",
    opt=MANAGE_TOKENS,
    operation_id="makeToken",
    summary="Make a key",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def make_token(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewToken]
) -> NewTokenView:
    """Makes a key for a machine or a till; what opens is shown here and never again."""
    async with database.begin() as tx:
        made, secret = await tokens.make(
            tx,
            me.book_id,
            data.name,
            scopes=data.scopes,
            prefixes=data.prefixes,
            outlet=data.outlet,
            by=me.name,
            now=auth.now(),
            lifetime=datetime.timedelta(days=data.expires_in_days),
        )
        await outlets.keyed(tx, made)
    return NewTokenView(_token_view(made), secret)


@delete(
    "/tokens/{token_id:int}",
    status_code=200,
    opt=MANAGE_TOKENS,
    operation_id="revokeToken",
    summary="Revoke a key",
    responses=views.refusals(400, 404),
)
async def revoke_token(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], token_id: FromPath[Number]
) -> TokenView:
    """Ends a key at once."""
    async with database.begin() as tx:
        return _token_view(await tokens.revoke(tx, me.book_id, token_id, me.name, auth.now()))


def _token_view(token: Token) -> TokenView:
    return TokenView(
        token.token_id,
        token.kind,
        token.name,
        list(token.scopes),
        list(token.prefixes),
        token.outlet,
        token.made_by,
        token.made_at,
        token.expires_at,
        token.used_at,
        token.revoked_at,
    )


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        list_roles,
        add_user,
        give_role,
        end_role,
        list_tokens,
        make_token,
        revoke_token,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["people"],
)
