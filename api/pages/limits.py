"""The limits of spending on pages of staff: those in force, the versions, a form to draft one, and approval."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, bodies, limits, problems
from api.pages import doors, frame, texts, versions
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.rights import Principal, Right
from ledger.errors import InvalidField, Refusal
from ledger.spending import policies
from ledger.spending.policies import BOUNDS
from ledger.spending.policy import Policy

HERE: Final = "/staff/limits"
NEW: Final = f"{HERE}/new"
TYPED: Final = ("effective_from", "note", *BOUNDS)


@get(HERE)
async def list_limits(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The limits of today in words, and the versions, the newest first, each with what has become of it."""
    me = await doors.colleague(request, database, settings, Right.READ_SHOPS)
    async with database.connect() as tx:
        today = await policies.in_force(tx, me.book_id, auth.today())
        listed = await versions.listed(request, tx, me, policies.LIMITS, today.version)
    groups = _groups(frame.view_of(request).language, today)
    return frame.page(request, "limits.html", today=today, groups=groups, **listed)


async def _version(
    request: StrictRequest, database: AsyncEngine, me: Principal, version: int, refusal: Refusal | None = None
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        found = await versions.find(tx, me, policies.LIMITS, version)
        today = await policies.in_force(tx, me.book_id, auth.today())
        shown = await versions.shown(request, tx, me, found, today.version, refusal)
    return frame.page(
        request,
        "limits_version.html",
        path=f"{HERE}/{version}",
        today=today,
        changes=limits.differences(language, today, found.content),
        groups=_groups(language, found.content),
        **shown,
    )


def _groups(language: Language, policy: Policy) -> list[tuple[str, list[str]]]:
    return [
        (texts.t(language, f"limits_{group}"), [limits.sentence(language, policy, name) for name in names])
        for group, names in limits.GROUPS.items()
    ]


# --- a new version ----------------------------------------------------------------------------------------------------


@get(NEW)
async def draft_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form with the limits in force, each of which can be changed."""
    me = await doors.colleague(request, database, settings, Right.DRAFT_RULES, everywhere=True)
    async with database.connect() as tx:
        base = await _base(tx, me)
    form = {name: str(getattr(base, name)) for name in BOUNDS}
    return _draft_page(request, form | {"effective_from": "", "note": ""})


@post(NEW, status_code=200)
async def draft(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Keeps it as the next version, for a colleague to approve."""
    me = await doors.colleague(request, database, settings, Right.DRAFT_RULES, everywhere=True)
    form = dict(zip(TYPED, await frame.fields(request, *TYPED), strict=True))
    try:
        policy, effective_from = _typed(form)
        async with database.begin() as tx:
            made = await limits.draft(tx, me, policy, effective_from, form["note"])
    except Refusal as refusal:
        return _draft_page(request, form, refusal)
    return Redirect(f"{HERE}/{made.version}", status_code=303)


async def _base(tx: AsyncConnection, me: Principal) -> Policy:
    """What a new version is made from: what is in force."""
    return (await limits.in_force(tx, me))[1]


def _typed(form: dict[str, str]) -> tuple[Policy, date]:
    effective_from = bodies.day(texts.typed(form["effective_from"]), "effective_from")
    body: dict[str, Any] = {name: texts.whole(form[name], _called(name)) for name in BOUNDS}
    try:
        return policies.read(body), effective_from
    except InvalidField as refused:
        # By the field of the form.
        raise InvalidField(_called(refused.field), _problem(refused.problem)) from None


def _called(name: str) -> str:
    """A field by its name among the fields of forms, where the same word could be somebody else's."""
    return f"limits_{name}"


def _problem(problem: str) -> str:
    """What is wrong, by a word of the texts: bounds stand beside the field."""
    return "out_of_range" if re.match("not_[0-9]", problem) else problem


def _draft_page(request: StrictRequest, form: dict[str, str], refusal: Refusal | None = None) -> Template:
    language = frame.view_of(request).language
    return frame.page(
        request,
        "limits_new.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=NEW,
        form=form,
        groups=[
            (
                texts.t(language, f"limits_{group}"),
                [(name, limits.label(language, name), BOUNDS[name]) for name in names],
            )
            for group, names in limits.GROUPS.items()
        ],
        wrong=None if refusal is None else frame.told(request, refusal),
    )


HANDLERS = [list_limits, draft_form, draft, *versions.handlers(HERE, policies.LIMITS, Right.READ_SHOPS, _version)]
