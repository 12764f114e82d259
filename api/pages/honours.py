"""Targets and honours on pages: set and reached, proposed and given; the yearly list for everybody, and one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, honours, problems, staff, targets
from api.honours import NewHonour, ReachedBody
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from api.targets import NewTarget
from ledger.access import persons, rights
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.books.chart import CODE
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded, UnknownHonour, UnknownTarget
from ledger.recognition import targets as domain
from ledger.recognition.honours import STATES, Honour, State
from ledger.recognition.targets import KINDS, WHOM, YEARS, Progress, Target

TARGETS: Final = "/staff/targets"
HONOURS: Final = "/staff/honours"
A_PAGE: Final = 50
MOST_TARGETS: Final = 200

FIELDS: Final = (
    *("target", "name", "kind", "whom", "amount", "theme_days", "organisation", "category"),
    *("first_year", "last_year"),
)
NAMED: Final = ("year", "name", "volunteer", "organisation")
_YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)


# --- targets ---------------------------------------------------------------------------------------------------------


@get(TARGETS)
async def list_targets(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """All targets, and the form for another one for who sets them."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _targets(request, database, me)


@post(TARGETS, status_code=200)
async def set_target(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Sets a target."""
    me = await doors.colleague(request, database, settings, Right.ASSESS)
    form = dict(zip(FIELDS, await frame.fields(request, *FIELDS), strict=True))
    try:
        new = _typed(form)
        async with database.begin() as tx:
            await targets.set_(tx, me, new)
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _targets(request, database, me, form, refusal)
    return Redirect(f"{TARGETS}/{new.target}", status_code=303, query_params={"done": "target_set"})


async def _targets(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        found = await domain.targets_of(tx, me.book_id, limit=MOST_TARGETS)
    empty = dict.fromkeys(FIELDS, "") | {"first_year": str(auth.today().year)}
    return frame.page(
        request,
        "targets.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=TARGETS,
        wrong=None if refusal is None else frame.told(request, _called(refusal, "targets")),
        targets=[(each, *_words(language, each)) for each in found],
        sets=bool(rights.reach(me, Right.ASSESS, auth.today())),
        kinds=KINDS,
        whom=WHOM,
        form=empty | dict(form or {}),
    )


@get(f"{TARGETS}/{{target:str}}")
async def one_target(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    target: FromPath[str],
) -> Template:
    """How far people or groups are with a target in a year."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _target(request, database, keys, me, target)


@post(f"{TARGETS}/{{target:str}}/end", status_code=200)
async def end_target(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    target: FromPath[str],
) -> Template | Redirect:
    """Lets a target end with a year."""
    me = await doors.colleague(request, database, settings, Right.ASSESS)
    [last_year] = await frame.fields(request, "last_year")
    try:
        year = _number("last_year", last_year)
        async with database.begin() as tx:
            await targets.end(tx, me, target, year)
    except (NotAllowed, SessionEnded, UnknownTarget):
        raise
    except Refusal as refusal:
        return await _target(request, database, keys, me, target, refusal=refusal, last_year=last_year)
    return Redirect(f"{TARGETS}/{target}", status_code=303, query_params={"done": "target_ended"})


@post(f"{TARGETS}/{{target:str}}/honours", status_code=200)
async def propose_reached(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    target: FromPath[str],
) -> Template | Redirect:
    """Proposes all who reached it in a year."""
    me = await doors.colleague(request, database, settings, Right.ASSESS)
    year, name = await frame.fields(request, "year", "name")
    try:
        asked = _number("year", year)
        async with database.begin() as tx:
            added = await honours.propose_reached(tx, me, ReachedBody(target, asked, name))
    except (NotAllowed, SessionEnded, UnknownTarget):
        raise
    except Refusal as refusal:
        return await _target(request, database, keys, me, target, refusal=refusal, name=name)
    return Redirect(HONOURS, status_code=303, query_params={"year": str(asked), "proposed": str(added)})


async def _target(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    code: str,
    *,
    refusal: Refusal | None = None,
    name: str | None = None,
    last_year: str = "",
) -> Template:
    language = frame.view_of(request).language
    asked = request.query_params
    year = _year(asked.get("year", "")) or auth.today().year
    reached, after = asked.get("reached") == "1", asked.get("after", "")
    async with database.begin() as tx:
        told = await targets.progress(
            tx, me, code, year, reached=reached, after=after if CODE.fullmatch(after) else None, limit=A_PAGE
        )
        items = told.report.items
        numbers = [each.volunteer_no for each in items if each.volunteer_no is not None]
        people = await persons.masked(tx, keys, me.book_id, numbers, me.name, auth.now())
    of, last = told.target, items[-1] if len(items) == A_PAGE else None
    names = {number: each.name for number, each in people.items()}
    sentence, years, whose = _words(language, of)
    return frame.page(
        request,
        "target.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{TARGETS}/{code}",
        query={"year": str(year)} | ({"reached": "1"} if reached else {}),
        notice=frame.notice(request, "target_set", "target_ended"),
        wrong=None if refusal is None else frame.told(request, _called(refusal, "targets")),
        target=of,
        sentence=sentence,
        years=years,
        whose=whose,
        year=year,
        other_years=[each for each in (year - 1, year + 1) if of.holds_in(each) and each <= auth.today().year],
        count=told.report,
        reached=reached,
        lines=[
            (_who(each, names), targets.amount(language, of.wanted.kind, each.amount), each.reached) for each in items
        ],
        following=None if last is None else last.volunteer_no or last.organisation,
        sets=auth.is_within(me, Right.ASSESS, of.line),
        name=of.wanted.name if name is None else name,
        last_year=last_year or str(of.wanted.last_year or auth.today().year),
    )


def _words(language: Language, of: Target) -> tuple[str, str, str]:
    """What a target asks for, in which years, and of whom."""
    wanted = of.wanted
    if wanted.last_year is None:
        years = texts.t(language, "target_years", first=wanted.first_year)
    else:
        years = texts.t(language, "target_years_until", first=wanted.first_year, last=wanted.last_year)
    if wanted.organisation is None:
        whose = texts.t(language, "target_of_all")
    else:
        whose = texts.t(language, "target_of", organisation=wanted.organisation)
    return targets.sentence(language, wanted), years, whose


def _who(each: Progress, names: Mapping[str, str]) -> str:
    if each.volunteer_no is None:
        return f"{each.name} {each.organisation}"
    return f"{names.get(each.volunteer_no, '')} {each.volunteer_no}".strip()


def _typed(form: Mapping[str, str]) -> NewTarget:
    """The target that was typed; hours become minutes. InvalidField."""
    amount = _number("amount", form["amount"])
    return NewTarget(
        texts.typed(form["target"]),
        form["name"],
        form["kind"],  # type: ignore[arg-type] # the domain looks at it
        amount * 60 if form["kind"] == "year_hours" else amount,
        form["whom"],  # type: ignore[arg-type] # the domain looks at it
        texts.typed(form["organisation"]) or None,
        form["category"] or None,
        tuple(re.split(r"[\s,、]+", texts.typed(form["theme_days"]))) if form["theme_days"] else (),
        _number("first_year", form["first_year"]),
        _number("last_year", form["last_year"]) if form["last_year"] else None,
    )


# --- honours ---------------------------------------------------------------------------------------------------------


@get(HONOURS)
async def list_honours(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """The honours of a year: those that wait, with what may be done about them, or others."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _honours(request, database, keys, me)


@post(HONOURS, status_code=200)
async def propose_honour(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template | Redirect:
    """Proposes one by name."""
    me = await doors.colleague(request, database, settings, Right.ASSESS)
    form = dict(zip(NAMED, await frame.fields(request, *NAMED), strict=True))
    try:
        year = _number("year", form["year"])
        whose = texts.typed(form["volunteer"]) or None, texts.typed(form["organisation"]) or None
        async with database.begin() as tx:
            await honours.propose(tx, me, NewHonour(year, form["name"], *whose))
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _honours(request, database, keys, me, form=form, refusal=refusal)
    return _back(year, "honours_added")


@post(f"{HONOURS}/decide", status_code=200)
async def decide_honours(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template | Redirect:
    """Gives the chosen ones, or declines them."""
    me = await doors.colleague(request, database, settings, Right.CERTIFY)
    decision, year = await frame.fields(request, "decision", "year")
    typed = [each for each in (await request.form()).getall("honour", []) if isinstance(each, str)]
    chosen = sorted({found for each in typed[:A_PAGE] if (found := texts.identifier(each)) is not None})
    if not chosen or decision not in ("give", "decline"):
        return await _honours(request, database, keys, me, year=_year(year), nothing=True)
    async with database.begin() as tx:
        outcomes = await honours.decide(tx, me, chosen, give=decision == "give")
    refused = [each for each in outcomes if isinstance(each, Refusal)]
    if refused:
        return await _honours(request, database, keys, me, year=_year(year), refused=refused)
    return _back(_year(year), "honours_decided")


@post(f"{HONOURS}/{{honour_id:uuid}}/end", status_code=200)
async def end_honour(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    honour_id: FromPath[UUID],
) -> Template | Redirect:
    """Ends one that was given; pressed twice, it stays ended."""
    me = await doors.colleague(request, database, settings, Right.CERTIFY)
    try:
        async with database.begin() as tx:
            ended = await honours.end(tx, me, honour_id)
    except (NotAllowed, SessionEnded, UnknownHonour):
        raise
    except Refusal as refusal:
        return await _honours(request, database, keys, me, refusal=refusal)
    return _back(ended.year, "honour_over", "given")


@get(f"{HONOURS}/list")
async def honours_file(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Response[bytes]:
    """The honours of a year as a table for a spreadsheet: those that were given, or those of another state."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    year = _year(request.query_params.get("year", "")) or auth.today().year
    async with database.connect() as tx:
        found = await honours.listed(tx, me, year, state=_state(request, "given"))
    headers = {"Content-Disposition": f'attachment; filename="honours-{year}.csv"', "Cache-Control": "no-store"}
    return Response(honours.as_csv(found), media_type="text/csv", headers=headers)


async def _honours(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    *,
    year: int | None = None,
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
    refused: Sequence[Refusal] = (),
    nothing: bool = False,
) -> Template:
    language = frame.view_of(request).language
    asked = request.query_params
    this_year = auth.today().year
    of = year or _year(asked.get("year", "")) or this_year
    state = _state(request, "proposed")
    after = texts.identifier(asked.get("after", ""))
    async with database.begin() as tx:
        try:
            found = await honours.listed(tx, me, of, state=state, after=after, limit=A_PAGE)
        except UnknownHonour:
            found = await honours.listed(tx, me, of, state=state, limit=A_PAGE)
        lines = await _lines(tx, keys, me, language, found)
    status = 200
    if refusal is not None or refused:
        status = problems.REFUSALS[type(refusal or refused[0])].status
    proposed = asked.get("proposed", "")
    return frame.page(
        request,
        "honours.html",
        status=400 if nothing else status,
        path=HONOURS,
        query={"year": str(of), "state": state},
        notice=frame.notice(request, "honours_added", "honours_decided", "honour_over"),
        wrong=None if refusal is None else frame.told(request, _called(refusal, "honours")),
        refused=[frame.told(request, each) for each in refused],
        nothing=nothing,
        proposed=proposed if re.fullmatch(r"[0-9]{1,9}", proposed, re.ASCII) else None,
        year=of,
        years=[each for each in (of - 1, of + 1) if each <= this_year],
        state=state,
        states=STATES,
        lines=lines,
        following=found[-1].honour_id if len(found) == A_PAGE else None,
        gives=bool(rights.reach(me, Right.CERTIFY, auth.today())),
        proposes=bool(rights.reach(me, Right.ASSESS, auth.today())),
        book=me.book,
        form={"year": str(of), "name": "", "volunteer": "", "organisation": ""} | dict(form or {}),
    )


async def _lines(
    tx: AsyncConnection, keys: Keys, me: Principal, language: Language, found: Sequence[Honour]
) -> list[tuple[Honour, str, str | None, str]]:
    """Each honour, whose it is, for what, and who proposed it."""
    numbers = [each.volunteer_no for each in found if each.volunteer_no is not None]
    people = await persons.masked(tx, keys, me.book_id, numbers, me.name, auth.now())
    hands = await staff.names(tx, {each.proposed_by for each in found})
    kinds = {}
    for code in {each.target for each in found if each.target is not None}:
        kinds[code] = (await domain.find(tx, me.book_id, code)).wanted.kind
    lines = []
    for each in found:
        if each.group is not None:
            who = f"{each.group} {each.organisation}"
        elif each.volunteer_no is None:
            who = texts.t(language, "honour_gone")
        else:
            masked = people.get(each.volunteer_no)
            who = each.volunteer_no if masked is None else f"{masked.name} {each.volunteer_no}"
        why = None
        if each.target is not None and each.amount is not None:
            amount = targets.amount(language, kinds[each.target], each.amount)
            why = texts.t(language, "honour_for", target=each.target, amount=amount)
        lines.append((each, who, why, texts.t(language, "honour_by", who=hands[each.proposed_by])))
    return lines


# --- for everybody, and her own --------------------------------------------------------------------------------------


@get("/honours/{book:str}/{year:str}")
async def public_list(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    keys: NamedDependency[Keys],
    book: FromPath[str],
    year: FromPath[str],
) -> Template:
    """The yearly list for everybody: names as boards show them, at this moment."""
    of = _year(year) or auth.today().year
    after = texts.identifier(request.query_params.get("after", ""))
    async with database.connect() as tx:
        try:
            found = await honours.page(tx, keys, book, of, after=after)
        except UnknownHonour:
            found = await honours.page(tx, keys, book, of)
    return frame.page(
        request,
        "honours_public.html",
        path=f"/honours/{book}/{of}",
        headers={"Cache-Control": "no-store", "X-Robots-Tag": "noindex"},
        page=found,
        code=book,
    )


@get("/me/targets")
async def my_targets(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Her targets of this year with how far she is, and the honours that she has."""
    me = await doors.visitor(request, database, settings)
    language = frame.view_of(request).language
    async with database.connect() as tx:
        year, hers = await targets.mine(tx, me)
        given = await honours.mine(tx, me)
    lines = []
    for each in hers:
        kind = each.target.wanted.kind
        done = targets.amount(language, kind, each.amount)
        missing = targets.amount(language, kind, max(each.needed - each.amount, 0))
        name = "my_target_done" if each.reached else "my_target_far"
        said = texts.t(language, name, amount=done, missing=missing)
        lines.append((each.target.wanted.name, targets.sentence(language, each.target.wanted), said))
    return frame.page(
        request,
        "my_targets.html",
        year=year,
        lines=lines,
        honours=[texts.t(language, "my_honour", year=each.year, name=each.name) for each in given],
    )


# --- what was asked --------------------------------------------------------------------------------------------------


def _year(typed: str) -> int | None:
    """A year in an address; None: none that can be."""
    return int(typed) if _YEAR.fullmatch(typed) and YEARS[0] <= int(typed) <= YEARS[1] else None


def _number(name: str, typed: str) -> int:
    return min(texts.whole(typed, name), 2**31 - 1)


def _state(request: StrictRequest, usual: State) -> State:
    asked = request.query_params.get("state")
    return next((each for each in STATES if each == asked), usual)


def _called(refusal: Refusal, of: str) -> Refusal:
    """The same about a field as the form calls it."""
    return InvalidField(f"{of}_{refusal.field}", refusal.problem) if isinstance(refusal, InvalidField) else refusal


def _back(year: int | None, done: str, state: State | None = None) -> Redirect:
    query = {"done": done} | ({} if year is None else {"year": str(year)}) | ({} if state is None else {"state": state})
    return Redirect(HONOURS, status_code=303, query_params=query)


HANDLERS = [
    list_targets,
    set_target,
    one_target,
    end_target,
    propose_reached,
    list_honours,
    propose_honour,
    decide_honours,
    end_honour,
    honours_file,
    public_list,
    my_targets,
]
