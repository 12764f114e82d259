"""The public figures of a programme as a page for everybody, also on the wall of a service station: no sign-in."""

from __future__ import annotations

from litestar import get
from litestar.params import FromPath
from litestar.response import Template

from api import programme
from api.pages import frame, texts
from api.requests import StrictRequest


@get("/programme/{book:str}")
async def public_figures(request: StrictRequest, book: FromPath[str]) -> Template:
    """How many points are out, what stands behind them, what an hour is worth: in plain words."""
    known: programme.Programmes = request.app.state.programmes
    found = await known.of(book)
    language = frame.view_of(request).language

    def points(amount: int) -> str:
        return texts.points(language, amount)

    def hours(minutes: int | None) -> str:
        return texts.hours(language, minutes or 0)

    return frame.page(
        request,
        "programme.html",
        figures=found,
        code=book,
        points=points,
        hours=hours,
        money=lambda fen: texts.amount(language, "CNY", fen),
        an_hour=None if found.points_per_100_hours is None else texts.hundredths(found.points_per_100_hours),
        at=texts.moment(language, found.at),
    )


HANDLERS = [public_figures]
