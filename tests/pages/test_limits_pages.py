"""The limits on pages: each in a plain sentence, drafted in a form, approved by a colleague."""

from __future__ import annotations

from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.spending import policies
from ledger.spending.policies import BOUNDS
from ledger.spending.policy import Policy
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import send, token_of, words_of

LIMITS, NEW = "/staff/limits", "/staff/limits/new"


def tomorrow() -> date:
    return auth.today() + timedelta(days=1)


@pytest.fixture
async def clerk(enters: Enters, database: AsyncEngine, book: Book) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, Grant("operator")))


@pytest.fixture
async def chief(enters: Enters, database: AsyncEngine, book: Book) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, Grant("owner")))


async def draft(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Fills in the form and sends it."""
    form = {name: str(getattr(Policy(), name)) for name in BOUNDS}
    form |= {"effective_from": tomorrow().isoformat(), "note": ""}
    return await send(client, NEW, NEW, **form | fields)


async def press(client: httpx.AsyncClient, deed: str, version: int = 1) -> httpx.Response:
    """Sends the form that decides about a version, also where no page shows it."""
    token = token_of((await client.get("/account")).text)
    return await client.post(f"{LIMITS}/{version}/{deed}", data={"_csrf_token": token})


async def on(database: AsyncEngine, book: Book, days: int = 0) -> Policy:
    async with database.connect() as tx:
        return await policies.in_force(tx, book.book_id, auth.today() + timedelta(days=days))


async def test_one_drafts_a_colleague_approves_and_it_is_in_force(
    database: AsyncEngine, book: Book, clerk: httpx.AsyncClient, chief: httpx.AsyncClient
) -> None:
    page = words_of((await clerk.get(LIMITS)).text)
    assert "现在的限额（系统原有）" in page
    assert "用积分码一次换 20 分以内，不用本人在手机上确认。" in page
    answer = await draft(
        clerk,
        effective_from=f"{auth.today().year}－01-01",
        free_points="１５",
        note="<b>第一版</b>",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LIMITS}/1")
    mine = (await clerk.get(f"{LIMITS}/1")).text
    assert "这是您起草的，须由别人批准" in mine
    assert f"{LIMITS}/1/approve" not in mine
    assert "<b>第一版" not in mine
    page = words_of((await chief.get(f"{LIMITS}/1")).text)
    assert "用积分码一次换 20 分以内，不用本人在手机上确认。 → 用积分码一次换 15 分以内" in page
    assert (await press(chief, "approve")).status_code == 303
    found = await on(database, book)
    assert (found.version, found.free_points) == (1, 15)
    page = words_of((await clerk.get(f"{LIMITS}?lang=en")).text)
    assert "The limits of today (version 1)" in page
    form = (await clerk.get(NEW)).text
    assert 'name="free_points" value="15"' in form


async def test_a_form_as_it_comes_changes_nothing(
    database: AsyncEngine, book: Book, clerk: httpx.AsyncClient, chief: httpx.AsyncClient
) -> None:
    answer = await draft(clerk)
    assert "和今天的限额没有不同。" in (await chief.get(answer.headers["location"])).text
    await press(chief, "approve")
    assert await on(database, book, 1) == Policy(version=1)
    assert await on(database, book) == Policy()


async def test_of_her_own_draft_nobody_is_the_second_person(enters: Enters, database: AsyncEngine, book: Book) -> None:
    both = await enters(await people.somebody(database, book, Grant("operator"), Grant("owner")))
    await draft(both)
    answer = await press(both, "approve")
    assert answer.status_code == 403
    assert "自己提出的，不能自己批准" in answer.text
    assert (await press(both, "decline")).status_code == 303
    assert "没有采用" in (await both.get(f"{LIMITS}/1")).text


async def test_a_colleague_declines_and_a_second_click_changes_nothing(
    database: AsyncEngine, book: Book, clerk: httpx.AsyncClient, chief: httpx.AsyncClient
) -> None:
    await draft(clerk)
    assert (await press(chief, "decline")).status_code == 303
    assert (await press(chief, "approve")).status_code == 303
    assert await on(database, book, 1) == Policy()
    assert (await press(chief, "approve", 7)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"effective_from": "tomorrow"}, "请写成 2027-12-31 这样"),
        ({"free_points": "much"}, "“用积分码一次换 … 分以内，不用本人在手机上确认”请写整数"),
        ({"confirm_seconds": "29"}, "“需要确认的，等 … 秒；没有确认就不兑换”太小或者太大"),
        ({"note": "长" * 501}, "请写成一行"),
    ],
)
async def test_what_is_wrong_in_the_form_is_told_and_nothing_is_lost(
    clerk: httpx.AsyncClient, fields: dict[str, str], said: str
) -> None:
    answer = await draft(clerk, **{"free_times": "4"} | fields)
    assert answer.status_code == 400
    assert said in words_of(answer.text)
    assert 'name="free_times" value="4"' in answer.text
    assert "还没有起草过限额" in (await clerk.get(LIMITS)).text


async def test_who_only_reads_finds_no_buttons(
    enters: Enters, database: AsyncEngine, book: Book, clerk: httpx.AsyncClient
) -> None:
    await draft(clerk)
    reader = await enters(await people.somebody(database, book, Grant("reviewer")))
    page = (await reader.get(f"{LIMITS}/1")).text
    assert "您可以看，不能批准" in page
    assert '<form method="post" action="/staff/limits' not in page
    assert (await reader.get(NEW)).status_code == 403
    assert (await press(reader, "approve")).status_code == 403
    assert (await press(reader, "decline")).status_code == 403
