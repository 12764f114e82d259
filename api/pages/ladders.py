"""Star ladders on pages of staff: the one in force, the versions, a form to draft one, its effect, and approval."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, bodies, ladder_files, ladders, problems, star_words
from api.pages import doors, frame, texts, versions
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.rights import Principal, Right
from ledger.errors import InvalidField, Refusal
from ledger.recognition import ladder_body
from ledger.recognition import ladders as stored
from ledger.recognition.ladder import CLASSES, Ladder

HERE: Final = "/staff/ladders"
NEW: Final = f"{HERE}/new"
COUNTED: Final = ("credit", "credit honour", "honour")
TYPED: Final = (
    *("effective_from", "note", "name", "levels", "classes", "year_hours", "standing_months", "may_fall"),
    *("publicity_days", "objection_days", "proof_days", "proof_notice_days"),
)
_PLACE: Final = re.compile(r"levels(?: line (\d+)|\[(\d+)\]).*", re.ASCII)


@get(HERE)
async def list_ladders(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The ladder of today in words, and the versions, the newest first, each with what has become of it."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    language = frame.view_of(request).language
    async with database.connect() as tx:
        today = await stored.in_force(tx, me.book_id, auth.today())
        listed = await versions.listed(request, tx, me, stored.LADDERS, today.version)
    return frame.page(request, "ladders.html", today=today, words=ladders.words(language, today), **listed)


@get(f"{HERE}/{{version:int}}/effect")
async def effect(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    version: FromPath[int],
) -> Template:
    """How many would have which star today by this version, beside the ladder in force."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS, everywhere=True)
    language = frame.view_of(request).language
    async with database.begin() as tx:
        found = await versions.find(tx, me, stored.LADDERS, version)
        would = await ladders.effect(tx, me, found.content)
    names = would.before if len(would.before.levels) > len(would.after.levels) else would.after
    return frame.page(
        request,
        "ladder_effect.html",
        path=f"{HERE}/{version}/effect",
        version=found,
        day=texts.day(language, would.day),
        would=would,
        rows=[(star_words.star(language, names, star), *people) for star, people in enumerate(would.counts)],
    )


async def _version(
    request: StrictRequest, database: AsyncEngine, me: Principal, version: int, refusal: Refusal | None = None
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        found = await versions.find(tx, me, stored.LADDERS, version)
        today = await stored.in_force(tx, me.book_id, auth.today())
        shown = await versions.shown(request, tx, me, found, today.version, refusal)
    return frame.page(
        request,
        "ladder_version.html",
        path=f"{HERE}/{version}",
        today=today,
        changes=ladders.differences(language, today, found.content),
        words=ladders.words(language, found.content),
        tries=auth.is_within(me, Right.READ_RECORDS, ()),
        **shown,
    )


# --- a new version ----------------------------------------------------------------------------------------------------


@get(NEW)
async def draft_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form with the ladder in force, or with an example, each figure of which can be changed."""
    me = await doors.colleague(request, database, settings, Right.DRAFT_RULES, everywhere=True)
    example = request.query_params.get("example", "")
    if example in ladders.EXAMPLES:
        base = ladders.example(example)
    else:
        async with database.connect() as tx:
            base = await _base(tx, me)
    form = {
        "effective_from": "",
        "note": "",
        "name": base.name if base.version else "",  # what others call theirs is not what it is called here
        "levels": ladder_files.table(base),
        "classes": " ".join(base.classes),
        "year_hours": ladder_files.hours(base.year_minutes),
        "standing_months": str(base.standing_months),
        "may_fall": "yes" if base.may_fall else "no",
        "publicity_days": str(base.publicity_days),
        "objection_days": str(base.objection_days),
        "proof_days": str(base.proof_days),
        "proof_notice_days": str(base.proof_notice_days),
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
        the, effective_from = _typed(form)
        async with database.begin() as tx:
            made = await ladders.draft(tx, me, the, effective_from, form["note"])
    except InvalidField as refusal:
        called, problem = _called(frame.view_of(request).language, refusal.field), _problem(refusal.problem)
        return _draft_page(request, form, InvalidField(called, problem))
    except Refusal as refusal:
        return _draft_page(request, form, refusal)
    return Redirect(f"{HERE}/{made.version}", status_code=303)


async def _base(tx: AsyncConnection, me: Principal) -> Ladder:
    """What a new version is made from: what is in force."""
    return (await ladders.in_force(tx, me))[1]


def _typed(form: dict[str, str]) -> tuple[Ladder, date]:
    effective_from = bodies.day(texts.typed(form["effective_from"]), "effective_from")
    body: dict[str, Any] = {
        name: texts.whole(form[name], name) for name in ("standing_months", "publicity_days", "objection_days")
    } | {name: texts.whole(form[name], name) for name in ("proof_days", "proof_notice_days") if form[name]}
    the = ladder_body.read(
        body
        | {
            "name": form["name"].strip(),
            "levels": ladder_files.levels(form["levels"].encode(errors="replace")),
            "classes": [each for each in CLASSES if each in form["classes"].split()],
            "year_minutes": ladder_files.minutes(texts.typed(form["year_hours"]) or "0", "year_hours"),
            "may_fall": form["may_fall"] != "no",
        }
    )
    return the, effective_from


def _called(language: Language, field: str) -> str:
    """A field by its name among the fields of forms; a place in the table by its line, which a path counts from 0."""
    if (place := _PLACE.fullmatch(field)) is None:
        return f"ladder_{field}" if f"ladder_{field}" in texts.FIELDS else field
    line, index = place.groups()
    number = int(line) if line is not None else int(index) + 2
    return texts.t(language, "rule_line", table=texts.field(language, "ladder_levels"), line=number)


def _problem(problem: str) -> str:
    """What is wrong, by a word of the texts."""
    return "out_of_range" if re.match("not_[0-9]", problem) else problem


def _draft_page(request: StrictRequest, form: dict[str, str], refusal: Refusal | None = None) -> Template:
    return frame.page(
        request,
        "ladder_new.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=NEW,
        form=form,
        counted=COUNTED,
        examples=[(name, about[frame.view_of(request).language == "en"]) for name, about in ladders.EXAMPLES.items()],
        wrong=None if refusal is None else frame.told(request, refusal),
    )


HANDLERS = [
    list_ladders,
    draft_form,
    draft,
    effect,
    *versions.handlers(HERE, stored.LADDERS, Right.READ_RECORDS, _version),
]
