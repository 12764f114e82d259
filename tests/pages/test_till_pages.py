"""The till's pages over plain HTTP: practice, sales, receipts, the day of an outlet; and what no shop may see."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import till_session
from api.pages.practice import CASES
from ledger.books.directory import Book
from tests.pages import tills
from tests.pages.people import token_of
from tests.pages.tills import Shop

MOST_WEIGHT = 60_000


@pytest.fixture
async def shop(database: AsyncEngine, book: Book) -> Shop:
    return await tills.a_shop(database, book)


@pytest.fixture
async def counter(site: httpx.AsyncClient, shop: Shop) -> httpx.AsyncClient:
    """The browser of the shop's till."""
    site.cookies.set(till_session.COOKIE, shop.secret, "books.test")
    return site


async def press(client: httpx.AsyncClient, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
    """Sends a form of a page with its hidden fields, and these."""
    form = next(form for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f'action="{action}"' in form)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    return await client.post(action, data=hidden | {"_csrf_token": token_of(page.text)} | fields)


# --- practice ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "status", "heading"),
    [
        ("good", 200, "练*者"),
        ("confirm", 200, "练*者"),
        ("poor", 200, "不够"),
        ("used", 409, "此码已使用"),
        ("expired", 409, "已过期，请换新码"),
    ],
)
async def test_practice_shows_each_answer_and_says_on_every_screen_that_it_is_practice(
    counter: httpx.AsyncClient, case: str, status: int, heading: str
) -> None:
    goods = await counter.get("/till/practice")

    code = await counter.post(
        "/till/practice/code", data={"n.soap": "2", "n.towel": "1", "_csrf_token": token_of(goods.text)}
    )
    assert "22 分" in code.text
    answer = await press(counter, code, "/till/practice/quote", code=CASES[case])
    assert answer.status_code == status
    assert heading in answer.text
    for page in (goods, code, answer):
        assert "练习模式，不扣积分，不记账" in page.text
    if case in ("good", "confirm"):
        led = await press(counter, answer, "/till/practice/redeem")
        assert led.status_code == 303
        receipt = await counter.get(led.headers["location"])
        assert ("兑换成功" if case == "good" else "请在志愿者手机上确认") in receipt.text
        assert "练习模式，不扣积分，不记账" in receipt.text
