"""The day of an outlet: what was redeemed there, cancelled and given back. For its merchant, and for staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth
from api.pages import counter, doors, frame, receipts, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.days import BEIJING
from ledger.errors import NotAllowed, UnknownOutlet
from ledger.spending import outlets, redemption, refunds
from ledger.spending.outlets import Outlet

HERE: Final = "/outlet/day"


@dataclass(frozen=True, slots=True)
class Row:
    """A redemption of the day, in words."""

    time: str
    goods: str
    number: str
    status: str
    points: str
    refunded: str


@get(HERE)
async def outlet_day(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """A day of the outlet that is hers; staff name one that their right reaches."""
    me = await doors.visitor(request, database, settings)
    mine = _mine(me)
    staff = bool(rights.reach(me, Right.READ_SHOPS, auth.today()))
    if not (mine or staff):
        raise NotAllowed
    named = texts.typed(request.query_params.get("outlet", "")) or (mine[0] if mine else "")
    language, today = frame.view_of(request).language, auth.today()
    on = _day(request.query_params.get("on", ""), today)
    async with database.connect() as tx:
        outlet = await _outlet(tx, me, mine, named) if named else None
        now = await connect.now(tx)
        found = back = None
        if outlet is not None:
            found = await redemption.of_outlet(tx, me.book_id, outlet.code, on, limit=receipts.MOST)
            back = await refunds.of_outlet(tx, me.book_id, outlet.code, on)
    facts: dict[str, Any] = {
        "path": HERE,
        "query": {"on": on.isoformat()} | ({"outlet": outlet.code} if outlet is not None else {}),
        "chooses": staff or len(mine) > 1,
        "outlet": named[:64],
        "on": on.isoformat(),
        "today": today.isoformat(),
        "name": None,
    }
    if outlet is None or found is None or back is None:
        wrong = texts.t(language, "outlet_day_unknown") if named else None
        return frame.page(request, "outlet_day.html", status=404 if named else 200, **(facts | {"wrong": wrong}))
    kept = [each for each in found if each.status in ("done", "cancelled")]
    gone = [each for each in kept if each.status == "cancelled"]
    sums = {
        "redeemed": (len(kept), sum(each.points for each in kept)),
        "cancelled": (len(gone), sum(each.points for each in gone)),
        "back": (len(back), sum(each.points for each, _ in back)),
    }
    net = sums["redeemed"][1] - sums["cancelled"][1] - sums["back"][1]
    said = {
        what: texts.t(language, "outlet_day_count", count=count, points=texts.points(language, points))
        for what, (count, points) in sums.items()
    }
    facts |= {
        "name": outlet.name,
        "day": texts.day(language, on),
        "redemptions": [
            Row(
                f"{each.made_at.astimezone(BEIJING):%H:%M}",
                receipts.goods(language, each),
                receipts.number(each),
                counter.status(language, receipts.status(each, now), each.refunded),
                texts.points(language, each.points),
                texts.points(language, each.refunded) if each.refunded and each.status == "done" else "",
            )
            for each in found
        ],
        "totals": [*said.items(), ("net", texts.points(language, net))],
        "around": _around(outlet, on, today, staff=staff or len(mine) > 1),
    }
    return frame.page(request, "outlet_day.html", **facts)


def _mine(me: Principal) -> list[str]:
    """The outlets that she keeps."""
    today = auth.today()
    return [
        grant.outlet
        for grant in me.grants
        if grant.outlet is not None and grant.holds_on(today) and Right.KEEP_SHOP in rights.OF_ROLE[grant.role]
    ]


async def _outlet(tx: AsyncConnection, me: Principal, mine: list[str], code: str) -> Outlet | None:
    """The outlet, if it is hers or in her reach. Whether another one exists is not told."""
    try:
        found = await outlets.find(tx, me.book_id, code)
        if found.code not in mine:
            auth.within(me, Right.READ_SHOPS, found.line)
    except (UnknownOutlet, NotAllowed):
        return None
    return found


def _day(text: str, today: date) -> date:
    """The day that the address names; today where that cannot be read or has not come."""
    try:
        named = date.fromisoformat(text)
    except ValueError:
        return today
    return min(max(named, date(2000, 1, 1)), today)


def _around(outlet: Outlet, on: date, today: date, *, staff: bool) -> list[tuple[str, str]]:
    """The day before and the day after, as far as there are any."""
    days = [("before", on - timedelta(days=1)), *([("after", on + timedelta(days=1))] if on < today else [])]
    hers = {"outlet": outlet.code} if staff else {}
    return [(key, f"{HERE}?{urlencode({**hers, 'on': day.isoformat()})}") for key, day in days]


HANDLERS = [outlet_day]
