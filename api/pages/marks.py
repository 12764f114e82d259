"""What is on record against a volunteer, for staff: the list, and the forms that put something there and lift it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, bodies, ladders, marks, problems, staff, volunteers
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.rights import Principal, Right
from ledger.errors import AlreadyDecided, InvalidField, NotAllowed, Refusal, SessionEnded, UnknownMark, UnknownVolunteer

HERS: Final = "/staff/volunteers/{number:str}/marks"


@get(HERS)
async def of_volunteer(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template:
    """What is or was on record against her, and what it does to her star."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _page(request, database, me, number, {})


@post(HERS, status_code=200)
async def put(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template | Redirect:
    """Puts something on record."""
    me = await doors.colleague(request, database, settings, Right.CERTIFY)
    form = dict(zip(("why", "marked_on"), await frame.fields(request, "why", "marked_on"), strict=True))
    try:
        if not form["why"]:
            raise InvalidField("why", "missing")
        marked_on = bodies.day(texts.typed(form["marked_on"]), "marked_on")
        async with database.begin() as tx:
            await marks.put(tx, me, number, marked_on, form["why"])
    except (NotAllowed, SessionEnded, UnknownVolunteer):
        raise
    except InvalidField as refusal:
        wrong = InvalidField(f"mark_{refusal.field}", refusal.problem)
        return await _page(request, database, me, number, form, wrong)
    return _back(number, "mark_put")


@post(f"{HERS}/{{mark_id:uuid}}/lift", status_code=200)
async def lift(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
    mark_id: FromPath[UUID],
) -> Template | Redirect:
    """Takes something off the record."""
    me = await doors.colleague(request, database, settings, Right.CERTIFY)
    try:
        async with database.begin() as tx:
            await marks.lift(tx, me, number, mark_id)
    except AlreadyDecided:
        pass  # by her own second click, or by a colleague: the page says how it stands
    except UnknownMark as refusal:
        return await _page(request, database, me, number, {}, refusal)
    return _back(number, "mark_lifted")


def _back(number: str, done: str) -> Redirect:
    return Redirect(f"/staff/volunteers/{number}/marks", status_code=303, query_params={"done": done})


async def _page(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    number: str,
    form: dict[str, str],
    refusal: Refusal | None = None,
) -> Template:
    language = frame.view_of(request).language
    async with database.connect() as tx:
        her = await volunteers.within(tx, me, Right.READ_RECORDS, number)
        certifies = Right.CERTIFY in await volunteers.rights_on(tx, me, her)
        found = await marks.of_volunteer(tx, me, number)
        names = await staff.names(tx, [by for each in found for by in (each.marked_by, each.lifted_by) if by])
        _today, ladder = await ladders.in_force(tx, me, auth.today())
    return frame.page(
        request,
        "marks.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"/staff/volunteers/{number}/marks",
        notice=frame.notice(request, "mark_put", "mark_lifted"),
        number=number,
        marks=[
            (
                each,
                marks.why(language, each.why),
                texts.day(language, each.marked_on),
                (names[each.marked_by], texts.moment(language, each.marked_at)),
                None
                if each.lifted_by is None or each.lifted_at is None
                else (names[each.lifted_by], texts.moment(language, each.lifted_at)),
            )
            for each in found
        ],
        counts=ladders.terms(language, ladder).get("standing_months"),
        certifies=certifies,
        reasons=[(word, marks.why(language, word)) for word in marks.WHY],
        form={name: form.get(name, "") for name in ("why", "marked_on")},
        wrong=None if refusal is None else frame.told(request, refusal),
    )


HANDLERS = [of_volunteer, put, lift]
