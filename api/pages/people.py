"""Who may enter: users and their roles, keys of machines and tills."""

from __future__ import annotations

import datetime

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, bodies, outlets, problems, staff, volunteers
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights, tokens, users
from ledger.access.rights import Grant, Principal, Right, Scope
from ledger.access.users import GivenRole
from ledger.days import day_of
from ledger.earning import organisations
from ledger.errors import InvalidField, NotAllowed, OutletClosed, Refusal, SessionEnded, UnknownOutlet, UnknownRole

USERS = "/staff/users"
TOKENS = "/staff/tokens"
MOST = 50
"""Roles, or keys, on a page."""

USER_FIELDS = ("role", "login", "volunteer", "organisation", "outlet", "until")
TOKEN_FIELDS = ("name", "outlet", "prefixes", "days")
DAYS = 366
"""How long a key is good if nobody says otherwise."""


# --- users and roles --------------------------------------------------------------------------------------------------


@get(USERS)
async def list_users(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Who has which role, page by page, or the roles of one login; and the way to let somebody in."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_USERS)
    language = frame.view_of(request).language
    login = request.query_params.get("login", "").strip()
    after = texts.whole_number(request.query_params.get("after", "0")) or 0
    async with database.connect() as tx:
        whose = await users.with_login(tx, login) if login else None
        found: list[GivenRole] = []
        following = None
        if whose is not None or not login:
            found, following = await staff.roles(
                tx, me, after=min(after, 2**31 - 1), limit=MOST, user_id=None if whose is None else whose.user_id
            )
        names = {
            code: (await organisations.find(tx, me.book_id, code)).name
            for code in {each.grant.organisation for each in found}
            if code is not None
        }
        givers = await staff.names(tx, [each.given_by for each in found])

    def role(grant: Grant) -> str:
        until = texts.day(language, grant.until) if grant.until else None
        return texts.role(language, grant.role, names.get(grant.organisation or ""), until)

    return frame.page(
        request,
        "users.html",
        query={"login": login} if login else {"after": str(after)},
        notice=frame.notice(request, "role_ended"),
        login=login[: users.LOGIN_LENGTH],
        first=not (login or after),
        following=following,
        roles=[
            (each, role(each.grant), givers[each.given_by], texts.day(language, day_of(each.given_at)))
            for each in found
        ],
        me=me,
    )


@get(f"{USERS}/new")
async def user_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form to let somebody in."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_USERS)
    return await _user_form(request, database, me, {})


@post(f"{USERS}/new", status_code=200)
async def add_user(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Lets somebody in, and shows her first password or PIN, once: it is kept nowhere."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_USERS)
    form = dict(zip(USER_FIELDS, await frame.fields(request, *USER_FIELDS), strict=True))
    try:
        grant = _grant(form)
        if not form["login"] and grant.role != "volunteer":
            raise InvalidField("login", "missing")
        async with database.begin() as tx:
            made = await staff.let_in(tx, me, form["login"] or None, grant)
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _user_form(request, database, me, form, refusal)
    return frame.page(request, "new_user.html", path=USERS, login=made.login or grant.volunteer_no, secret=made.secret)


@post(f"{USERS}/roles/{{role_id:int}}/end", status_code=303)
async def end_role(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    role_id: FromPath[int],
) -> Redirect:
    """Takes a role back and signs its holder out, at once."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_USERS)
    if role_id >= 2**31:
        raise UnknownRole(role_id)
    async with database.begin() as tx:
        await staff.take_back(tx, me, role_id)
    return Redirect(USERS, status_code=303, query_params={"done": "role_ended"})


def _grant(form: dict[str, str]) -> Grant:
    wanted = next((role for role in rights.ROLES if role == form["role"]), None)
    if wanted is None:
        raise InvalidField("role", "missing")
    return Grant(
        wanted,
        form["organisation"] or None,
        texts.typed(form["volunteer"]) or None,
        form["outlet"] or None,
        bodies.day(form["until"], "until") if form["until"] else None,
    )


async def _user_form(
    request: StrictRequest, database: AsyncEngine, me: Principal, form: dict[str, str], refusal: Refusal | None = None
) -> Template:
    async with database.connect() as tx:
        known = await volunteers.organisations_in_reach(tx, me, Right.MANAGE_USERS)
    return frame.page(
        request,
        "user.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{USERS}/new",
        roles=rights.ROLES,
        organisations=known,
        form={name: form.get(name, "") for name in USER_FIELDS},
        wrong=None if refusal is None else frame.told(request, refusal),
    )


# --- keys of machines and tills ---------------------------------------------------------------------------------------


@get(TOKENS)
async def list_tokens(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The keys of this book, the revoked ones too, page by page."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_TOKENS, everywhere=True)
    language = frame.view_of(request).language
    after = min(texts.whole_number(request.query_params.get("after", "0")) or 0, 2**31 - 1)
    async with database.connect() as tx:
        found = await tokens.tokens_of(tx, me.book_id, after=after, limit=MOST)
        makers = await staff.names(tx, [each.made_by for each in found])

    def day(moment: datetime.datetime | None) -> str | None:
        return None if moment is None else texts.day(language, day_of(moment))

    return frame.page(
        request,
        "tokens.html",
        query={"after": str(after)},
        notice=frame.notice(request, "token_revoked"),
        first=not after,
        following=found[-1].token_id if len(found) == MOST else None,
        tokens=[
            (each, makers[each.made_by], day(each.made_at), day(each.expires_at), day(each.used_at)) for each in found
        ],
    )


@get(f"{TOKENS}/new")
async def token_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form for a new key."""
    await doors.colleague(request, database, settings, Right.MANAGE_TOKENS, everywhere=True)
    return _token_form(request, {}, [])


@post(f"{TOKENS}/new", status_code=200)
async def make_token(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Makes a key for a machine or a till; what opens is shown here and never again."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_TOKENS, everywhere=True)
    form = dict(zip(TOKEN_FIELDS, await frame.fields(request, *TOKEN_FIELDS), strict=True))
    chosen = [scope for scope in rights.SCOPES if (await frame.fields(request, scope))[0]]
    try:
        days = texts.whole_number(form["days"])
        if days is None or not 1 <= days <= tokens.LONGEST.days:
            raise InvalidField("days", "out_of_range")
        async with database.begin() as tx:
            made, secret = await tokens.make(
                tx,
                me.book_id,
                form["name"],
                scopes=chosen,
                prefixes=form["prefixes"].replace(",", " ").replace("，", " ").split(),
                outlet=form["outlet"] or None,
                by=me.name,
                now=auth.now(),
                lifetime=datetime.timedelta(days=days),
            )
            await outlets.keyed(tx, made)
    except (InvalidField, UnknownOutlet, OutletClosed) as refusal:
        return _token_form(request, form, chosen, refusal)
    return frame.page(request, "new_token.html", path=TOKENS, name=made.name, secret=secret)


@post(f"{TOKENS}/{{token_id:int}}/revoke", status_code=303)
async def revoke_token(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    token_id: FromPath[int],
) -> Redirect:
    """Ends a key at once; one that has ended stays as it is."""
    me = await doors.colleague(request, database, settings, Right.MANAGE_TOKENS, everywhere=True)
    async with database.begin() as tx:
        await tokens.revoke(tx, me.book_id, min(token_id, 2**31 - 1), me.name, auth.now())
    return Redirect(TOKENS, status_code=303, query_params={"done": "token_revoked"})


def _token_form(
    request: StrictRequest, form: dict[str, str], chosen: list[Scope], refusal: Refusal | None = None
) -> Template:
    return frame.page(
        request,
        "token.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{TOKENS}/new",
        scopes=rights.SCOPES,
        chosen=chosen,
        form={name: form.get(name, "") for name in TOKEN_FIELDS} | {"days": form.get("days") or str(DAYS)},
        wrong=None if refusal is None else frame.told(request, refusal),
    )


HANDLERS = [list_users, user_form, add_user, end_role, list_tokens, token_form, make_token, revoke_token]
