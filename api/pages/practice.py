"""Practice 练习模式: the till's screens with goods and codes that are none. It calls no verb of the domain.

Which answer comes is decided by the code, of which there is one for each. What a screen needs to know travels in the
form and in the address, so that nothing is kept anywhere.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, qr
from api.pages import counter, frame, scanning, texts
from api.pages.counter import Bought, Chosen, Counter, Good, Receipt
from api.requests import StrictRequest
from ledger import eighteen
from ledger.errors import CodeNotValid, CodeUsed, InvalidField, Refusal

HERE: Final = "/till/practice"

CASES: Final = {
    case: eighteen.with_check(f"{eighteen.PAY_CODE}{number:015d}")
    for number, case in enumerate(("good", "confirm", "poor", "used", "expired"))
}
"""What each code shows, and its digits: scanned like any other, and refused where somebody sells."""

CONFIRMED_AFTER: Final = 6
"""Seconds."""

NUMBER: Final = "000000-00000000"

_GOODS: Final = (("soap", 5, 12), ("towel", 12, 3), ("haircut", 30, None))


def is_practice(digits: str) -> bool:
    """Whether it is one of the codes for practice."""
    return digits in CASES.values()


async def _counter(request: StrictRequest, database: AsyncEngine) -> Counter:
    await counter.seller(request, database)
    language = frame.view_of(request).language
    goods = (Good(item, texts.t(language, f"till_practice_{item}"), points, pieces) for item, points, pieces in _GOODS)
    return Counter(HERE, texts.t(language, "till_to_practice"), tuple(goods), practice=True)


@get(HERE)
async def goods(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """Goods to practise with."""
    find = texts.typed(request.query_params.get("q", ""))
    return counter.goods_page(request, await _counter(request, database), await counter.typed(request), find=find)


@post(HERE, status_code=200)
async def change(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """The goods again, with one more, one less, or those of a name."""
    quantities, find = await counter.changed(request)
    return counter.goods_page(request, await _counter(request, database), quantities, find=find)


@post(f"{HERE}/code", status_code=200)
async def code(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """Asks for the code, and shows the codes."""
    return await _code(request, database)


@post(f"{HERE}/photo", **scanning.PHOTO)
async def photo(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """The code in a photo."""
    digits, refusal = await scanning.photographed(request, await counter.seller(request, database))
    return await _code(request, database, refusal, code=digits)


async def _code(
    request: StrictRequest,
    database: AsyncEngine,
    refusal: Refusal | None = None,
    wrong: str | None = None,
    code: str = "",
) -> Template:
    here = await _counter(request, database)
    lines = await counter.lines_of(request, here)
    if not isinstance(lines, list):
        return lines
    return counter.code_page(
        request,
        here,
        lines,
        code=code,
        refusal=refusal,
        wrong=wrong,
        cases=list(CASES.items()),
        qr=qr.svg(CASES["good"]),
    )


@post(f"{HERE}/quote", status_code=200)
async def quote(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """What the code shows."""
    here = await _counter(request, database)
    [typed] = await frame.fields(request, "code")
    language, digits = frame.view_of(request).language, eighteen.plain(typed)
    case = next((case for case, its in CASES.items() if its == digits), None)
    if not digits:
        return await _code(request, database, InvalidField("code", "missing"))
    if case is None:
        return await _code(request, database, wrong=texts.t(language, "till_practice_other"))
    lines = await counter.lines_of(request, here)
    if not isinstance(lines, list):
        return lines
    if case == "used":
        return counter.refused_page(request, here, CodeUsed(auth.now() - timedelta(minutes=10)), lines)
    if case == "expired":
        return counter.refused_page(request, here, CodeNotValid(), lines)
    return counter.quote_page(
        request,
        here,
        lines,
        quote=case,
        key=case,
        name=texts.t(language, "till_practice_name"),
        enough=case != "poor",
        word=texts.t(language, "till_practice_word"),
    )


@post(f"{HERE}/redeem", status_code=200)
async def redeem(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Redirect | Template:
    """The screen that follows: done, or waiting for a confirmation that comes after some seconds."""
    lines = await counter.lines_of(request, await _counter(request, database))
    if not isinstance(lines, list):
        return lines
    [case] = await frame.fields(request, "quote")
    query = {f"{counter.FIELD}{line.item}": str(line.quantity) for line in lines} | {"now": "1"}
    if case == "confirm":
        query["since"] = str(int(time.time()))
    return Redirect(f"{HERE}/receipt", status_code=303, query_params=query)


@get(f"{HERE}/by-key/{{key:str}}")
async def by_key(request: StrictRequest, database: NamedDependency[AsyncEngine], key: FromPath[str]) -> Template:
    """Nothing of practice ever arrives anywhere."""
    return counter.never_page(request, await _counter(request, database))


@get(f"{HERE}/receipt")
async def receipt(request: StrictRequest, database: NamedDependency[AsyncEngine]) -> Template:
    """A receipt that is none."""
    here = await _counter(request, database)
    language = frame.view_of(request).language
    try:
        lines: list[Chosen] = counter.chosen(language, here.goods, await counter.typed(request))
    except InvalidField:
        lines = []
    since = texts.whole_number(request.query_params.get("since", ""))
    waits = since is not None and time.time() < since + CONFIRMED_AFTER
    return counter.receipt_page(
        request,
        here,
        Receipt(
            here=f"{HERE}/receipt?{request.url.query}",
            number=NUMBER,
            status="waiting" if waits else "done",
            made_at=datetime.now(UTC),
            points=sum(line.points for line in lines),
            refunded=0,
            word=texts.t(language, "till_practice_word"),
            lines=[Bought(line.name, line.quantity, 0, line.worth) for line in lines],
        ),
    )


HANDLERS = [goods, change, code, photo, quote, redeem, by_key, receipt]
