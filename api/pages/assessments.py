"""Where staff assess the stars of a day, look at who rises and who falls, and bring candidates into notice."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, desk, problems, staff, star_words
from api.pages import doors, frame, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import volunteers
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded, UnknownAssessment, UnknownVolunteer
from ledger.recognition import assessments, awards, ladders, shortfalls
from ledger.recognition.assessments import Assessed, Assessment
from ledger.recognition.ladder import Ladder
from ledger.recognition.shortfalls import Difference

HERE: Final = "/staff/assessments"

A_PAGE: Final = 20
A_LIST: Final = 50
DIGITS: Final = 16
"""Of a digest, to tell one from another."""


@get(HERE)
async def list_assessments(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What has been assessed, the newest first, and the form to assess."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _list(request, database, me)


@post(HERE, status_code=200)
async def assess(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Assesses the stars of the whole book as of a day."""
    me = await doors.colleague(request, database, settings, Right.ASSESS, everywhere=True)
    [typed] = await frame.fields(request, "as_of")
    try:
        try:
            as_of = datetime.date.fromisoformat(texts.typed(typed))
        except ValueError:
            raise InvalidField("as_of", "not_a_date" if typed else "missing") from None
        made = await assessments.assess(database, me.book_id, as_of, by=me.name)
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _list(request, database, me, refusal=refusal, typed=typed)
    return Redirect(f"{HERE}/{made.assessment_id}", status_code=303, query_params={"done": "assessed_done"})


@get(f"{HERE}/{{assessment_id:uuid}}")
async def one_assessment(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    assessment_id: FromPath[UUID],
) -> Template:
    """One assessment: how many have which star, who rises, and who falls and why."""
    me = await doors.colleague(request, database, settings, Right.READ_RECORDS)
    return await _one(request, database, keys, me, assessment_id)


@post(f"{HERE}/{{assessment_id:uuid}}/candidates", status_code=200)
async def bring_into_notice(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    assessment_id: FromPath[UUID],
) -> Template:
    """Brings the candidates into public notice; who presses twice brings nobody twice."""
    me = await doors.colleague(request, database, settings, Right.ASSESS, everywhere=True)
    language = frame.view_of(request).language
    try:
        async with database.begin() as tx:
            now = await connect.now(tx)
            done = await awards.propose(tx, me.book_id, assessment_id, by=me.name, now=now)
    except (NotAllowed, SessionEnded, UnknownAssessment):
        raise
    except Refusal as refusal:
        return await _one(request, database, keys, me, assessment_id, refusal=refusal)
    said = texts.t(language, "candidates_none")
    if done.candidates:
        day = texts.day(language, done.notice_until)
        said = texts.t(language, "candidates_done", count=done.candidates, day=day)
    return await _one(request, database, keys, me, assessment_id, brought=said)


# --- what they show ---------------------------------------------------------------------------------------------------


async def _list(
    request: StrictRequest,
    database: AsyncEngine,
    me: Principal,
    *,
    refusal: Refusal | None = None,
    typed: str | None = None,
) -> Template:
    after = texts.identifier(request.query_params.get("after", ""))
    async with database.connect() as tx:
        found = await assessments.of_book(tx, me.book_id, after=after, limit=A_PAGE)
        names = await staff.names(tx, {each.made_by for each in found})
        today = day_of(await connect.now(tx))
    language = frame.view_of(request).language
    return frame.page(
        request,
        "assessments.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=HERE,
        wrong=None if refusal is None else frame.told(request, refusal),
        may=auth.is_within(me, Right.ASSESS, ()),
        as_of=f"{today}" if typed is None else typed,
        today=f"{today}",
        lines=[
            (
                each,
                _title(language, each),
                _made(language, each, names),
                "" if each.people is None else texts.t(language, "assessment_people", people=f"{each.people:,}"),
            )
            for each in found
        ],
        next=found[-1].assessment_id if len(found) == A_PAGE else None,
    )


async def _one(
    request: StrictRequest,
    database: AsyncEngine,
    keys: Keys,
    me: Principal,
    assessment_id: UUID,
    *,
    refusal: Refusal | None = None,
    brought: str | None = None,
) -> Template:
    asked = request.query_params
    language = frame.view_of(request).language
    within = desk.reach(me, Right.READ_RECORDS)
    async with database.begin() as tx:
        of = await assessments.find(tx, me.book_id, assessment_id)
        if of.done_at is None:
            raise UnknownAssessment(assessment_id)
        by_ladder = await ladders.version(tx, me.book_id, of.ladder)
        stars = await assessments.tallies(tx, me.book_id, assessment_id)
        after, lower = [await _place(tx, me, asked.get(which, "")) for which in ("rises", "falls")]
        rises = await assessments.rows(tx, me.book_id, of, within, which="rises", after=after, limit=A_LIST)
        falls = await assessments.rows(tx, me.book_id, of, within, which="falls", after=lower, limit=A_LIST)
        # Of each her highest star stands last.
        why = {told.award.holder: told for told in await shortfalls.of_people(tx, me.book_id, of, falls)}
        numbers = [each.volunteer_no for each in (*rises, *falls) if each.volunteer_no is not None]
        people = await persons.masked(tx, keys, me.book_id, numbers, me.name, auth.now())
        names = await staff.names(tx, {of.made_by})

    def who(each: Assessed) -> str:
        if each.volunteer_no is None:
            return texts.t(language, "record_erased")
        name = people[each.volunteer_no].name if each.volunteer_no in people else ""
        return f"{each.volunteer_no} {name}".strip()

    def star(number: int) -> str:
        return star_words.star(language, by_ladder, number)

    assert of.digest is not None, "it is done"
    return frame.page(
        request,
        "assessment.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{assessment_id}",
        notice=frame.notice(request, "assessed_done"),
        wrong=None if refusal is None else frame.told(request, refusal),
        brought=brought,
        id=assessment_id,
        title=_title(language, of),
        ladder=star_words.ladder(language, by_ladder),
        known_at=texts.moment(language, of.known_at),
        made=_made(language, of, names),
        people=texts.t(language, "assessment_people", people=f"{of.people:,}"),
        digest=of.digest.hex()[:DIGITS],
        stars=[
            (
                star(each.star),
                texts.t(language, "assessment_people", people=f"{each.people:,}"),
            )
            for each in reversed(stars)
        ],
        rises=[
            (
                who(each),
                texts.t(
                    language,
                    "assessment_rise_line",
                    was=star(each.facts.held),
                    star=star(each.star),
                    hours=texts.hours(language, each.facts.minutes),
                ),
            )
            for each in rises
        ],
        falls=[
            (
                who(each),
                texts.t(language, "assessment_fall_line", was=star(each.facts.held), star=star(each.star)),
                why_fewer(language, by_ladder, why.get(each.holder)),
            )
            for each in falls
        ],
        more_rises=_next(rises),
        more_falls=_next(falls),
        may=auth.is_within(me, Right.ASSESS, ()),
    )


def why_fewer(language: Language, by: Ladder, told: Difference | None) -> str:
    """One sentence: what became of the hours behind a star, else what is missing; None: it has been ended since."""
    if told is None:
        return texts.t(language, "assessment_ended")
    if told.corrected:
        return texts.t(
            language,
            "assessment_corrected",
            then=texts.hours(language, told.minutes_then),
            count=len(told.corrected),
            lost=texts.hours(language, told.corrected_minutes),
        )
    return star_words.to_next(language, by, told.star, told.missing)


def _title(language: Language, of: Assessment) -> str:
    return texts.t(language, "assessment_of", day=texts.day(language, of.as_of))


def _made(language: Language, of: Assessment, names: dict[str, str]) -> str:
    who = names.get(of.made_by, of.made_by)
    return texts.t(language, "assessment_made", who=who, moment=texts.moment(language, of.made_at))


async def _place(tx: AsyncConnection, me: Principal, number: str) -> str:
    """After whom a list goes on; from its beginning where the address names nobody."""
    if not number:
        return ""
    try:
        return (await volunteers.find(tx, me.book_id, number)).holder
    except UnknownVolunteer:
        return ""


def _next(found: Sequence[Assessed]) -> str | None:
    """After whom the next page begins."""
    return found[-1].volunteer_no if len(found) == A_LIST else None


HANDLERS = [list_assessments, assess, one_assessment, bring_into_notice]
