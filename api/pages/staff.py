"""Where staff begin: what each of them can do here, by her rights."""

from __future__ import annotations

from typing import Final

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights
from ledger.access.rights import Right
from ledger.books import directory
from ledger.errors import NotAllowed

TILES: Final = (
    ("activities", "/staff/activities", Right.READ_RECORDS, False),
    ("volunteers", "/staff/volunteers", Right.READ_PEOPLE, False),
    ("organisations", "/staff/organisations", Right.READ_ORGANISATIONS, False),
    ("outlets", "/staff/outlets", Right.READ_SHOPS, False),
    ("catalogue", "/staff/catalogue", Right.READ_SHOPS, False),
    ("reviews", "/staff/reviews", Right.REVIEW, False),
    ("objections", "/staff/objections", Right.REVIEW, False),
    ("call_backs", "/staff/call-backs", Right.DECIDE_CASES, False),
    ("new_record", "/staff/records/new", Right.RECORD, False),
    ("new_act", "/staff/acts/new", Right.RECORD, False),
    ("sheets", "/staff/sheets", Right.RECORD, False),
    ("records", "/staff/records", Right.READ_RECORDS, False),
    ("notices", "/staff/notices", Right.READ_RECORDS, False),
    ("assessments", "/staff/assessments", Right.READ_RECORDS, False),
    ("awards", "/staff/awards", Right.READ_RECORDS, False),
    ("targets", "/staff/targets", Right.READ_RECORDS, False),
    ("honours", "/staff/honours", Right.READ_RECORDS, False),
    ("proofs", "/staff/proofs", Right.READ_RECORDS, False),
    ("overdue", "/staff/overdue", Right.READ_RECORDS, False),
    ("propose", "/staff/propose", Right.PROPOSE, False),
    ("approvals", "/staff/approvals", Right.READ_BOOKS, False),
    ("lapsing", "/staff/lapsing", Right.READ_BOOKS, False),
    ("renewals", "/staff/renewals", Right.RENEW_PIN, False),
    ("budget", "/staff/budget", Right.READ_BOOKS, False),
    ("rules", "/staff/rules", Right.READ_RECORDS, False),
    ("ladders", "/staff/ladders", Right.READ_RECORDS, False),
    ("outlet_day", "/outlet/day", Right.READ_SHOPS, False),
    ("cases", "/staff/cases", Right.READ_SHOPS, False),
    ("alarms", "/staff/alarms", Right.READ_SHOPS, False),
    ("limits", "/staff/limits", Right.READ_SHOPS, False),
    ("boards", "/staff/boards", Right.ASSESS, False),
    ("users", "/staff/users", Right.MANAGE_USERS, False),
    ("tokens", "/staff/tokens", Right.MANAGE_TOKENS, True),
    ("audit", "/staff/audit", Right.AUDIT, True),
    ("access_log", "/staff/access-log", Right.READ_ACCESS_LOG, True),
)
"""What can be done: its name in texts, its address, the right it takes, and whether for the whole book."""


@get("/staff")
async def staff(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """A tile for each thing that she may do here."""
    me = await doors.visitor(request, database, settings)
    today = auth.today()
    roles = [role for role in rights.ROLES if role in me.roles(today) & rights.STAFF]
    if not roles:
        raise NotAllowed
    reaches = {right: rights.reach(me, right, today) for _name, _address, right, _everywhere in TILES}
    async with database.connect() as tx:
        book = await directory.find_book(tx, me.book)
    language = frame.view_of(request).language
    return frame.page(
        request,
        "staff.html",
        login=me.login,
        book=book.name,
        roles=[texts.role(language, role) for role in roles],
        tiles=[
            (name, address)
            for name, address, right, everywhere in TILES
            if reaches[right] and (reaches[right].book or not everywhere)
        ],
    )


HANDLERS = [staff]
