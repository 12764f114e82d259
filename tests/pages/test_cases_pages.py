"""The pages on which two people decide what a volunteer did not redeem, and those of alarms."""

from __future__ import annotations

import re
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.spending import cases, policies
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import send, token_of, words_of
from tests.spending.shops import Shop, opened_shop

CASES, ALARMS = "/staff/cases", "/staff/alarms"


@pytest.fixture
async def shop(database: AsyncEngine, book: Book) -> Shop:
    shop = await opened_shop(database, book)
    shop.database = database
    return shop


async def disputed(shop: Shop, words: str = "那天我在医院") -> UUID:
    """She redeemed four pieces of soap for twenty points, and says that it was not she."""
    made = await shop.redeem(await shop.code(), {"G01": 4})
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        policy = await policies.in_force(tx, shop.book.book_id, day_of(now))
        case = await cases.dispute(
            *(tx, shop.book.book_id, shop.holder, made.redemption_id), by="user:0", now=now, policy=policy, words=words
        )
    return case.case_id


async def colleague(enters: Enters, database: AsyncEngine, book: Book, *grants: Grant) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, *(grants or (Grant("reviewer"),))))


async def stand(shop: Shop) -> tuple[int, int]:
    """Her wallet, and what is disputed."""
    return await shop.wallet(), await shop.balance(f"2310.{shop.OUTLET}")


async def decided(client: httpx.AsyncClient, case: UUID, decision: str, key: str | None = None) -> httpx.Response:
    page = f"{CASES}/{case}"
    if key is None:
        [key] = re.findall(r'name="key" value="([^"]+)"', (await client.get(page)).text)
    return await send(client, page, f"{page}/decision", decision=decision, key=key)


async def test_two_people_decide_on_their_pages(enters: Enters, database: AsyncEngine, book: Book, shop: Shop) -> None:
    case = await disputed(shop)
    first, second = [await colleague(enters, database, book) for _ in range(2)]
    page = f"{CASES}/{case}"
    assert str(case) in (await first.get(f"{CASES}?state=open")).text
    words = words_of((await first.get(page)).text)
    for told in ("那天我在医院", "香皂 × 4", "20 分", "一社区美德超市", "V-0000", "还没有问"):
        assert told in words, told
    done = await send(first, page, f"{page}/answer", answer="店里有监控")
    assert done.headers["location"] == f"{page}?done=case_answered"
    done = await send(first, page, f"{page}/proposal", decision="uphold", reason="监控里不是她")
    assert done.headers["location"] == f"{page}?done=case_proposed_done"
    words = words_of((await first.get(page)).text)
    assert "店里有监控" in words
    assert "等另一位同事" in words
    assert "/decision" not in (await first.get(page)).text
    assert await stand(shop) == (80, 20)
    words = words_of((await second.get(page)).text)
    assert "认为应当退还：监控里不是她" in words
    done = await decided(second, case, "agree")
    assert done.headers["location"] == f"{page}?done=case_decided_done"
    assert await stand(shop) == (100, 0)
    text = (await second.get(page)).text
    assert "已退还给志愿者" in words_of(text)
    assert '<form method="post" action="/staff/cases' not in text
    assert str(case) in (await second.get(f"{CASES}?state=decided")).text
    assert str(case) not in (await second.get(f"{CASES}?state=open")).text


async def test_who_disagrees_is_told_that_it_begins_anew(
    enters: Enters, database: AsyncEngine, book: Book, shop: Shop
) -> None:
    case = await disputed(shop)
    first, second = [await colleague(enters, database, book) for _ in range(2)]
    page = f"{CASES}/{case}"
    await send(first, page, f"{page}/proposal", decision="reject", reason="是她本人")
    done = await decided(second, case, "disagree")
    assert done.headers["location"] == f"{page}?done=case_disagreed_done"
    assert "意见已撤下" in words_of((await second.get(done.headers["location"])).text)
    assert "/proposal" in (await second.get(page)).text
    assert await stand(shop) == (80, 20)


async def test_a_form_that_cannot_be_is_shown_again_with_the_reason(
    enters: Enters, database: AsyncEngine, book: Book, shop: Shop
) -> None:
    case = await disputed(shop)
    client = await colleague(enters, database, book)
    page = f"{CASES}/{case}"
    short = await send(client, page, f"{page}/proposal", decision="uphold", reason="短")
    assert (short.status_code, 'value="短"' in short.text, 'role="alert"' in short.text) == (400, True, True)
    nothing = await send(client, page, f"{page}/proposal", reason="监控里不是她")
    assert nothing.status_code == 400
    await send(client, page, f"{page}/proposal", decision="uphold", reason="监控里不是她")
    for fields, status in (
        ({"decision": "agree", "key": "a-key-of-the-page"}, 403),
        ({"decision": "agree", "key": ""}, 400),
        ({"decision": "perhaps", "key": "a-key-of-the-page"}, 400),
    ):
        token = token_of((await client.get(page)).text)
        answer = await client.post(f"{page}/decision", data={"_csrf_token": token, **fields})
        assert (answer.status_code, 'role="alert"' in answer.text) == (status, True), fields
    assert await stand(shop) == (80, 20)


async def test_an_early_decision_is_told_that_a_proposal_comes_first(
    enters: Enters, database: AsyncEngine, book: Book, shop: Shop
) -> None:
    case = await disputed(shop)
    client = await colleague(enters, database, book)
    page = f"{CASES}/{case}"
    token = token_of((await client.get(page)).text)
    answer = await client.post(f"{page}/decision", data={"_csrf_token": token, "decision": "agree", "key": "a-key"})
    assert answer.status_code == 409
    assert "还没有处理意见" in words_of(answer.text)


async def test_nobody_decides_about_herself_or_her_own_shop(
    enters: Enters, database: AsyncEngine, book: Book, shop: Shop
) -> None:
    case = await disputed(shop)
    page = f"{CASES}/{case}"
    for own in (Grant("volunteer", volunteer_no="V-0000"), Grant("merchant", outlet=shop.OUTLET)):
        client = await colleague(enters, database, book, Grant("reviewer"), own)
        assert "请别的同事处理" in words_of((await client.get(page)).text)
        assert "/proposal" not in (await client.get(page)).text


async def test_staff_of_another_organisation_do_not_see_it(
    enters: Enters, database: AsyncEngine, book: Book, shop: Shop
) -> None:
    case = await disputed(shop)
    elsewhere = await colleague(enters, database, book, Grant("reviewer", "D1T"))
    assert (await elsewhere.get(f"{CASES}/{case}")).status_code == 403
    assert str(case) not in (await elsewhere.get(CASES)).text
    assert "没有新的提醒" in words_of((await elsewhere.get(ALARMS)).text)
    near = await colleague(enters, database, book, Grant("reviewer", "D1"))
    assert (await near.get(f"{CASES}/{case}")).status_code == 200
    reader = await colleague(enters, database, book, Grant("recorder"))
    assert "/proposal" not in (await reader.get(f"{CASES}/{case}")).text


async def test_an_alarm_is_looked_at_and_gone_from_the_list(
    enters: Enters, database: AsyncEngine, book: Book, shop: Shop
) -> None:
    await disputed(shop)
    client = await colleague(enters, database, book)
    text = (await client.get(ALARMS)).text
    assert "不是本人兑换" in words_of(text)
    [address] = re.findall(r'action="(/staff/alarms/[^"]+/seen)"', text)
    done = await send(client, ALARMS, address)
    assert done.headers["location"] == f"{ALARMS}?done=alarm_seen"
    assert "没有新的提醒" in words_of((await client.get(ALARMS)).text)
    assert "看过" in words_of((await client.get(f"{ALARMS}?seen=1")).text)
    reader = await colleague(enters, database, book, Grant("recorder"))
    assert address not in (await reader.get(ALARMS)).text


@pytest.mark.parametrize("month", ["never", "2026-13", "0001-01", "9999-12"])
async def test_a_month_that_is_none_is_told(
    enters: Enters, database: AsyncEngine, book: Book, shop: Shop, month: str
) -> None:
    client = await colleague(enters, database, book)
    answer = await client.get(f"{ALARMS}?month={month}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
