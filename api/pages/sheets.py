"""A sheet of service hours, handed in by staff for their organisations; what was not taken is named line by line."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, hours_files, problems
from api.hours_files import Refused, Report
from api.pages import doors, frame
from api.requests import StrictRequest, Upload
from api.settings import Settings
from api.sheets import HOURS
from api.workbooks import Limits
from ledger.access import rights
from ledger.access.rights import Right
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded

HERE: Final = "/staff/sheets"

MOST_BODY: Final = 8 * 1024 * 1024
MOST_LINES: Final = 10_000
LIMITS: Final = Limits(sheet=64 * 1024 * 1024, strings=16 * 1024 * 1024)
"""Of what somebody sends: a workbook of so many lines has a tenth of it."""

SHOWN: Final = 200
"""Refused lines on the page; whoever has more of them mends these first."""


@dataclass(frozen=True, slots=True)
class Told:
    """A refused line in the reader's language."""

    line: int
    record: str
    why: str


@get(HERE)
async def sheet_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form for a sheet, and what its header must be."""
    await doors.colleague(request, database, settings, Right.RECORD)
    return _form(request)


@post(HERE, status_code=200, request_max_body_size=MOST_BODY, opt={"uploads": True})
async def hand_in(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Takes the lines that are right; they wait for a review. The same sheet again changes nothing."""
    me = await doors.colleague(request, database, settings, Right.RECORD)
    sheet = (await request.form()).get("sheet")
    refused: list[Refused] = []
    try:
        if not isinstance(sheet, Upload) or not sheet.content:
            raise InvalidField("sheet", "missing")
        report = await hours_files.import_sheet(
            *(database, me.book_id, io.BytesIO(sheet.content), sheet.name),
            by=me.name,
            reach=rights.reach(me, Right.RECORD, auth.today()),
            most=MOST_LINES,
            limits=LIMITS,
            told=refused.append,
        )
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return _form(request, refusal)
    return _done(request, sheet.name, report, refused)


def _form(request: StrictRequest, refusal: Refusal | None = None) -> Template:
    language = frame.view_of(request).language
    return frame.page(
        request,
        "sheet.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=HERE,
        columns=[column.chinese if language == "zh" else column.name for column in HOURS],
        wrong=None if refusal is None else frame.told(request, refusal),
    )


def _done(request: StrictRequest, name: str, report: Report, refused: list[Refused]) -> Template:
    language = frame.view_of(request).language
    return frame.page(
        request,
        "sheet_done.html",
        path=HERE,
        file=name,
        report=report,
        refused=[Told(each.line, each.record, problems.sentence(each.refusal, language)) for each in refused[:SHOWN]],
        more=max(0, len(refused) - SHOWN),
    )


HANDLERS = [sheet_form, hand_in]
