"""What a volunteer is to the programme, for staff: moved, gone, back; guardian; qualifications; lists of new people.

A guardian is shown in full as the answer to a form, as the volunteer herself is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, bodies, organisations, problems, volunteers
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from api.volunteers import Newcomer
from ledger.access import consents, guardians, rights
from ledger.access.ciphers import Keys
from ledger.access.guardians import RELATIONS, Guardian
from ledger.access.identities import Identity
from ledger.access.rights import Principal, Right
from ledger.earning import organisations as tree
from ledger.earning.qualifications import Qualification
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded, UnknownPerson, UnknownVolunteer

HERE: Final = "/staff/volunteers"
HERS: Final = f"{HERE}/{{number:str}}"

NO_ORGANISATION: Final = "*"
"""Of the selects: she belongs to the book as a whole. No organisation's code looks like this."""
GUARDIAN: Final = ("name", "phone", "relation", "consents")
QUALIFICATION: Final = ("name", "passed_on", "valid_until")
MOST_LINES: Final = 200
"""Of a list in a form, which holds no more than 64 KiB; programs send longer ones."""


# --- moving, leaving, coming back -------------------------------------------------------------------------------------


@get(f"{HERS}/place")
async def place(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template:
    """Where she belongs, with the forms to move, to leave and to come back."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    return await _place(request, database, me, number)


@post(f"{HERS}/place", status_code=200)
async def move(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template | Redirect:
    """She moves, or comes back where she has left."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    organisation, back = await frame.fields(request, "organisation", "back")
    try:
        if not organisation:
            raise InvalidField("her_organisation", "missing")
        where = None if organisation == NO_ORGANISATION else organisation
        async with database.begin() as tx:
            await (volunteers.come_back if back else volunteers.move)(tx, me, number, where)
    except (NotAllowed, SessionEnded, UnknownVolunteer):
        raise
    except Refusal as refusal:
        return await _place(request, database, me, number, refusal)
    return _back(number, "place", "place_returned" if back else "place_moved")


@post(f"{HERS}/leave", status_code=200)
async def leave(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template | Redirect:
    """She leaves."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    [typed] = await frame.fields(request, "day")
    try:
        day = bodies.day(texts.typed(typed), "day") if typed else None
        async with database.begin() as tx:
            await volunteers.leave(tx, me, number, day)
    except (NotAllowed, SessionEnded, UnknownVolunteer):
        raise
    except Refusal as refusal:
        return await _place(request, database, me, number, refusal)
    return _back(number, "place", "place_gone")


async def _place(
    request: StrictRequest, database: AsyncEngine, me: Principal, number: str, refusal: Refusal | None = None
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        her = await volunteers.within(tx, me, Right.REGISTER, number)
        known = await volunteers.organisations_in_reach(tx, me, Right.REGISTER)
        names = {each.code: each.name for each in await tree.all_of(tx, me.book_id)}
        memberships = await organisations.memberships_of(tx, me, her.holder)
    return frame.page(
        request,
        "place.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{number}/place",
        notice=frame.notice(request, "place_moved", "place_gone", "place_returned"),
        wrong=None if refusal is None else frame.told(request, refusal),
        number=number,
        organisation=names.get(her.organisation or ""),
        left=None if her.left_on is None else texts.day(language, her.left_on),
        memberships=[(each.organisation, names[each.organisation], each.role) for each in memberships],
        organisations=[(each.code, each.name) for each in known if each.code != her.organisation or her.left_on],
        whole_book=NO_ORGANISATION if rights.reach(me, Right.REGISTER, auth.today()).book else None,
        today=auth.today().isoformat(),
    )


# --- guardians --------------------------------------------------------------------------------------------------------


@get(f"{HERS}/guardian")
async def guardian(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template:
    """Her guardian, masked, and the forms to record, to end and to see her in full."""
    me = await doors.colleague(request, database, settings, Right.READ_PEOPLE)
    return await _guardian(request, database, keys, me, number, {})


@post(f"{HERS}/guardian", status_code=200)
async def record_guardian(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template | Redirect:
    """Records her guardian in the place of the one of before."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    form = dict(zip(GUARDIAN, await frame.fields(request, *GUARDIAN), strict=True))
    version = consents.OFFERED[guardians.CONSENT] if form["consents"] else None
    try:
        async with database.begin() as tx:
            new = Guardian(form["name"], form["phone"] or None, form["relation"])
            await volunteers.record_guardian(tx, keys, me, number, new, version)
    except (NotAllowed, SessionEnded, UnknownVolunteer, UnknownPerson):
        raise
    except Refusal as refusal:
        return await _guardian(request, database, keys, me, number, form, _named(refusal))
    return _back(number, "guardian", "guardian_recorded")


@post(f"{HERS}/guardian/end", status_code=303)
async def end_guardian(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Redirect:
    """She has this guardian no longer, nor that consent."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    async with database.begin() as tx:
        await volunteers.end_guardian(tx, keys, me, number)
    return _back(number, "guardian", "guardian_ended")


@post(f"{HERS}/guardian/reveal", status_code=200)
async def reveal_guardian(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template:
    """Shows the guardian here, once; who asked and why stands in the access log by then."""
    me = await doors.colleague(request, database, settings, Right.REVEAL)
    [reason] = await frame.fields(request, "reason")
    try:
        async with database.begin() as tx:
            whole = await volunteers.reveal_guardian(tx, keys, me, number, reason)
    except InvalidField as refusal:
        return await _guardian(request, database, keys, me, number, {}, refusal)
    return frame.page(request, "guardian_revealed.html", path=f"{HERE}/{number}/guardian", number=number, whole=whole)


async def _guardian(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    number: str,
    form: dict[str, str],
    refusal: Refusal | None = None,
) -> Template:
    language = frame.view_of(request).language
    async with database.begin() as tx:
        her = await volunteers.within(tx, me, Right.READ_PEOPLE, number)
        known = number in await volunteers.masked(tx, keys, me, [her])
        shown = await volunteers.guardian(tx, keys, me, her)
        may = await volunteers.rights_on(tx, me, her)
    text = consents.TEXTS[guardians.CONSENT, consents.OFFERED[guardians.CONSENT]]
    return frame.page(
        request,
        "guardian.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{number}/guardian",
        notice=frame.notice(request, "guardian_recorded", "guardian_ended"),
        wrong=None if refusal is None else frame.told(request, refusal),
        number=number,
        known=known,
        shown=shown,
        consented=None if shown is None or shown.consented_at is None else texts.moment(language, shown.consented_at),
        relations=RELATIONS,
        registers=Right.REGISTER in may,
        reveals=Right.REVEAL in may,
        text=text.zh if language == "zh" else text.en,
        form={name: form.get(name, "") for name in GUARDIAN},
    )


def _named(refusal: Refusal) -> Refusal:
    """The name of a person is called so."""
    if isinstance(refusal, InvalidField) and refusal.field == "name":
        return InvalidField("person_name", refusal.problem)
    return refusal


# --- qualifications ---------------------------------------------------------------------------------------------------


@get(f"{HERS}/qualifications")
async def qualifications(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template:
    """What she has passed, and the form to record more."""
    me = await doors.colleague(request, database, settings, Right.READ_PEOPLE)
    return await _qualifications(request, database, me, number, {})


@post(f"{HERS}/qualifications", status_code=200)
async def qualify(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template | Redirect:
    """She has passed something."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    form = dict(zip(QUALIFICATION, await frame.fields(request, *QUALIFICATION), strict=True))
    try:
        passed_on = bodies.day(texts.typed(form["passed_on"]), "passed_on")
        valid_until = bodies.day(texts.typed(form["valid_until"]), "valid_until") if form["valid_until"] else None
        async with database.begin() as tx:
            await volunteers.qualify(tx, me, number, form["name"], passed_on, valid_until)
    except (NotAllowed, SessionEnded, UnknownVolunteer):
        raise
    except Refusal as refusal:
        return await _qualifications(request, database, me, number, form, refusal)
    return _back(number, "qualifications", "qualification_recorded")


@post(f"{HERS}/qualifications/end", status_code=200)
async def end_qualification(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template | Redirect:
    """It was taken back: yesterday was its last day, or the day itself on which it was passed."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    name, passed = await frame.fields(request, "name", "passed_on")
    try:
        passed_on = bodies.day(passed, "passed_on")
        last_day = max(passed_on, date.fromordinal(auth.today().toordinal() - 1))
        async with database.begin() as tx:
            await volunteers.end_qualification(tx, me, number, name, passed_on, last_day)
    except (NotAllowed, SessionEnded, UnknownVolunteer):
        raise
    except Refusal as refusal:
        return await _qualifications(request, database, me, number, {}, refusal)
    return _back(number, "qualifications", "qualification_ended")


async def _qualifications(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    number: str,
    form: dict[str, str],
    refusal: Refusal | None = None,
) -> Template:
    language, today = frame.view_of(request).language, auth.today()
    async with database.connect() as tx:
        her = await volunteers.within(tx, me, Right.READ_PEOPLE, number)
        found = await volunteers.qualifications_of(tx, me, her)
        may = await volunteers.rights_on(tx, me, her)
    return frame.page(
        request,
        "qualifications.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{number}/qualifications",
        notice=frame.notice(request, "qualification_recorded", "qualification_ended"),
        wrong=None if refusal is None else frame.told(request, refusal),
        number=number,
        qualifications=[(each, _when(language, each), _holds(each, today)) for each in found],
        registers=Right.REGISTER in may,
        form={name: form.get(name, "") for name in QUALIFICATION},
    )


def _when(language: Language, each: Qualification) -> str:
    since = texts.day(language, each.passed_on)
    if each.valid_until is None:
        return texts.t(language, "qualification_holds", since=since)
    return texts.t(language, "qualification_until", since=since, until=texts.day(language, each.valid_until))


def _holds(each: Qualification, today: date) -> bool:
    return each.valid_until is None or each.valid_until >= today


# --- many at a time ---------------------------------------------------------------------------------------------------


@get(f"{HERE}/list")
async def list_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form for a list of new volunteers."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    return await _list(request, database, me, "", "")


@post(f"{HERE}/list", status_code=200)
async def register_list(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """Registers a list, each for itself; lines that were refused stay in the form, with why."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    organisation, lines = await frame.fields(request, "organisation", "lines")
    try:
        if not organisation:
            raise InvalidField("her_organisation", "missing")
        if not lines:
            raise InvalidField("lines", "missing")
        rows = list(_rows(lines, None if organisation == NO_ORGANISATION else organisation))
        if len(rows) > MOST_LINES:
            raise InvalidField("lines", "too_many_lines")
        async with database.begin() as tx:
            outcomes = await volunteers.register_many(tx, keys, me, [row for _, _, row in rows])
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _list(request, database, me, organisation, lines, refusal)
    refused = [
        (line, text, frame.told(request, _named(outcome)))
        for (line, text, _), outcome in zip(rows, outcomes, strict=True)
        if isinstance(outcome, Refusal)
    ]
    counts = {"new": outcomes.count(True), "there": outcomes.count(False), "refused": len(refused)}
    left = "\n".join(text for _, text, _ in refused)
    return await _list(request, database, me, organisation, left, counts=counts, refused=refused)


def _rows(text: str, organisation: str | None) -> Iterator[tuple[int, str, Newcomer]]:
    """The lines of a list that hold something, by number; spreadsheets paste tabs, input methods write `，`."""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        plain = line.replace("\t", ",").replace("，", ",")
        [cells] = list(csv.reader([plain])) or [[]]
        volunteer_no, name, phone, id_number, *rest = [*(cell.strip() for cell in cells), "", "", ""]
        identity: Identity | InvalidField | None = None
        if any(rest):
            identity = InvalidField("lines", "other")
        elif name or phone or id_number:
            identity = Identity(name, phone or None, id_number or None)
        yield number, line, Newcomer(texts.typed(volunteer_no), organisation, identity)


async def _list(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    organisation: str,
    lines: str,
    refusal: Refusal | None = None,
    *,
    counts: dict[str, int] | None = None,
    refused: list[tuple[int, str, str]] | None = None,
) -> Template:
    async with database.connect() as tx:
        known = await volunteers.organisations_in_reach(tx, me, Right.REGISTER)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "list.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/list",
        wrong=None if refusal is None else frame.told(request, refusal),
        done=None if counts is None else texts.t(language, "list_done", **counts),
        refused=[(line, why) for line, _, why in refused or []],
        organisations=[(each.code, each.name) for each in known],
        whole_book=NO_ORGANISATION if rights.reach(me, Right.REGISTER, auth.today()).book else None,
        organisation=organisation,
        lines=lines,
    )


def _back(number: str, page: str, done: str) -> Redirect:
    return Redirect(f"{HERE}/{number}/{page}", status_code=303, query_params={"done": done})


HANDLERS = [
    place,
    move,
    leave,
    guardian,
    record_guardian,
    end_guardian,
    reveal_guardian,
    qualifications,
    qualify,
    end_qualification,
    list_form,
    register_list,
]
