"""The rules of points on pages: for everybody those in force; for staff the versions, a form to draft, and approval."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, bodies, explain, problems, rule_files, rules
from api.pages import doors, frame, texts, versions
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.rights import Principal, Right
from ledger.books.versions import Version
from ledger.earning import rule_sets
from ledger.earning.rule_sets import Rulebook
from ledger.earning.rules import DEFAULT, RuleSet
from ledger.errors import InvalidField, Refusal

HERE: Final = "/staff/rules"
NEW: Final = f"{HERE}/new"
POLICIES: Final = ("never", "days", "month_end", "year_end", "nth_year_end")
COUNTED: Final = frozenset({"days", "nth_year_end"})
TYPED: Final = (
    *("effective_from", "note", "items", "categories", "ladder", "expiry_policy", "expiry_n", "notice_days"),
)

_PLACE: Final = re.compile(r"(items|categories|ladder)(?: line (\d+)|(?:\.steps)?\[(\d+)\]).*", re.ASCII)


# --- for everybody ----------------------------------------------------------------------------------------------------


@get("/rules")
async def in_force(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The rules in force today, in words."""
    me = await doors.visitor(request, database, settings)
    language = frame.view_of(request).language
    async with database.connect() as tx:
        _today, found = await rules.in_force(tx, me)
    since = "" if found is None else texts.day(language, found.effective_from)
    shown = None if found is None else _words(language, found.content)
    return frame.page(request, "rules.html", version=found, since=since, words=shown)


def _words(language: Language, the: RuleSet) -> dict[str, Any]:
    """A rule set in words: its terms, its items by category, and which services are which item."""
    named = {item.code: explain.name(language, item) for item in the.items}
    nothing = texts.t(language, "rules_no_points")
    kinds = [(category, f"{code} {named[code]}") for category, code in the.categories.items()]
    others = nothing if the.default_item is None else f"{the.default_item} {named[the.default_item]}"
    return {
        "terms": list(explain.terms(language, the).values()),
        "groups": [
            (
                explain.category(language, category),
                [
                    (item.code, named[item.code], explain.rate(language, item), explain.caps(language, item.caps))
                    for item in the.items
                    if item.category == category
                ],
            )
            for category in explain.CATEGORIES
            if any(item.category == category for item in the.items)
        ],
        "kinds": [*kinds, (texts.t(language, "rules_others"), others)] if the.items else [],
    }


# --- the versions -----------------------------------------------------------------------------------------------------


@get(HERE)
async def list_versions(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The versions, the newest first, each with what has become of it."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    async with database.connect() as tx:
        rulebook = await rule_sets.in_force(tx, me.book_id)
        listed = await versions.listed(request, tx, me, rule_sets.RULES, _today(rulebook))
    return frame.page(request, "rule_versions.html", **listed)


async def _version(
    request: StrictRequest, database: AsyncEngine, me: Principal, version: int, refusal: Refusal | None = None
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        found = await versions.find(tx, me, rule_sets.RULES, version)
        rulebook = await rule_sets.in_force(tx, me.book_id)
        shown = await versions.shown(request, tx, me, found, _today(rulebook), refusal)
    before = _before(rulebook, found)
    return frame.page(
        request,
        "rule_version.html",
        path=f"{HERE}/{version}",
        before=before,
        changes=[] if before is None else explain.differences(language, before.content, found.content),
        words=_words(language, found.content),
        **shown,
    )


def _before(rulebook: Rulebook, of: Version[RuleSet]) -> Version[RuleSet] | None:
    """The approved version that this one comes after."""
    earlier = [
        each for each in rulebook.versions if (each.effective_from, each.version) < (of.effective_from, of.version)
    ]
    return earlier[-1] if earlier else None


def _today(rulebook: Rulebook) -> int | None:
    """Which version is in force."""
    the = rulebook.on(auth.today())
    return None if the is None else the.version


# --- a new version ----------------------------------------------------------------------------------------------------


@get(NEW)
async def draft_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form with the rules of now, as tables that can be changed or pasted over."""
    me = await doors.colleague(request, database, settings, Right.DRAFT_RULES, everywhere=True)
    async with database.connect() as tx:
        base = await _base(tx, me)
    items, categories, ladder = rule_files.tables(base)
    form = {
        "effective_from": "",
        "note": "",
        "items": items,
        "categories": categories,
        "ladder": ladder,
        "expiry_policy": base.expiry.policy,
        "expiry_n": str(base.expiry.n or ""),
        "notice_days": str(base.notice_days),
    }
    return _draft_page(request, form)


@post(NEW, status_code=200)
async def draft(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Keeps it as the next version, for a colleague to approve."""
    me = await doors.colleague(request, database, settings, Right.DRAFT_RULES, everywhere=True)
    # Browsers send the lines of a text with CR LF.
    form = dict(zip(TYPED, await frame.fields(request, *TYPED), strict=True))
    try:
        async with database.begin() as tx:
            the, effective_from = _typed(await _base(tx, me), form)
            made = await rules.draft(tx, me, the, effective_from, form["note"])
    except InvalidField as refusal:
        language = frame.view_of(request).language
        return _draft_page(request, form, InvalidField(_called(language, refusal.field), refusal.problem))
    except Refusal as refusal:
        return _draft_page(request, form, refusal)
    return Redirect(f"{HERE}/{made.version}", status_code=303)


async def _base(tx: AsyncConnection, me: Principal) -> RuleSet:
    """What a new version is made from: the newest approved one."""
    approved = (await rule_sets.in_force(tx, me.book_id)).versions
    return approved[-1].content if approved else DEFAULT


def _typed(base: RuleSet, form: dict[str, str]) -> tuple[RuleSet, date]:
    effective_from = bodies.day(texts.typed(form["effective_from"]), "effective_from")
    policy = form["expiry_policy"]
    said: dict[str, Any] = {
        "expiry": {"policy": policy, "n": texts.whole(form["expiry_n"], "expiry.n") if policy in COUNTED else 0},
        "notice_days": texts.whole(form["notice_days"], "notice_days"),
    }
    if not form["ladder"]:
        said["ladder"] = None
    the = rule_files.rule_set(
        base,
        items=form["items"].encode(errors="replace"),
        categories=form["categories"].encode(errors="replace"),
        ladder=form["ladder"].encode(errors="replace") if form["ladder"] else None,
        said=said,
    )
    return the, effective_from


def _called(language: Language, field: str) -> str:
    """A place in a table as a person finds it: its line, where a path counts what stands below the header from 0."""
    if (place := _PLACE.fullmatch(field)) is None:
        return field if field in texts.FIELDS else field.partition("[")[0]
    table, line, index = place.groups()
    number = int(line) if line is not None else int(index) + 2
    return texts.t(language, "rule_line", table=texts.field(language, table), line=number)


def _draft_page(request: StrictRequest, form: dict[str, str], refusal: Refusal | None = None) -> Template:
    return frame.page(
        request,
        "rule_new.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=NEW,
        form=form,
        policies=POLICIES,
        wrong=None if refusal is None else frame.told(request, refusal),
    )


HANDLERS = [
    in_force,
    list_versions,
    draft_form,
    draft,
    *versions.handlers(HERE, rule_sets.RULES, Right.READ_RECORDS, _version),
]
