"""Her phone at the counter, without a browser: the code, what a till asks, her word on it, and the receipt."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books import integrity
from ledger.books.directory import Book
from ledger.errors import CodeNotValid, CodeUsed, QuoteOver
from ledger.spending import refunds
from ledger.spending.refunds import Returned
from tests.earning.programmes import later
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.counter import Counter, a_counter, digits_of
from tests.pages.people import send, token_of, words_of
from tests.spending.shops import policy_of


@pytest.fixture
async def counter(database: AsyncEngine, book: Book) -> Counter:
    return await a_counter(database, book)


@pytest.fixture
async def phone(enters: Enters, counter: Counter) -> httpx.AsyncClient:
    return await enters(counter.her)


async def code(phone: httpx.AsyncClient, address: str = "/code") -> str:
    opened = await phone.get(address)
    assert opened.status_code == 200, opened.text
    return digits_of(opened.text)


async def waiting(phone: httpx.AsyncClient, counter: Counter) -> str:
    """The receipt of a haircut, which waits for her word."""
    made = await counter.redeem(await code(phone), {"S01": 1})
    assert made.status == "waiting"
    led = await phone.get("/code?after=1")
    assert led.status_code == 303
    return str(led.headers["location"])


async def test_home_leads_to_the_code_and_the_code_to_the_clerk(phone: httpx.AsyncClient) -> None:
    assert '<a class="button first huge" href="/code">出示积分码</a>' in (await phone.get("/")).text
    page = (await phone.get("/code")).text
    assert "请店员扫这个码" in page
    assert page.count('role="img"') == 2
    assert "100 分" in words_of(page)
    assert page.index("不要在电话里把数字念给任何人") < page.index('class="secret"')
    assert len(page.encode()) < 12_000


async def test_what_is_scanned_and_costs_little_is_done_and_leads_to_the_receipt(
    phone: httpx.AsyncClient, counter: Counter
) -> None:
    digits = await code(phone)
    assert (await phone.get("/code/state")).text == "live"
    made = await counter.redeem(digits, {"G01": 2})
    assert (await phone.get("/code/state")).text == "used"
    led = await phone.get("/code?after=1")
    assert (led.status_code, led.headers["location"]) == (303, f"/me/redemptions/{made.redemption_id}")
    page = (await phone.get(led.headers["location"])).text
    words = words_of(page)
    assert f'<b lang="zh-CN">{made.word}</b>' in page
    for told in ("兑换成功", "一社区美德超市", "香皂 × 2", "10 分", "您现在还有 90 分", "不是我兑换的"):
        assert told in words, told
    assert "请店员扫这个码" in (await phone.get("/code")).text, "the next one, for whoever comes from home"


async def test_the_code_before_is_dead_at_once(phone: httpx.AsyncClient, counter: Counter) -> None:
    first = await code(phone)
    second = await code(phone)
    with pytest.raises(CodeNotValid):
        await counter.redeem(first, {"G01": 1})
    assert (await counter.redeem(second, {"G01": 1})).status == "done"
    with pytest.raises(CodeUsed):
        await counter.redeem(second, {"G01": 1})


async def test_a_quote_is_shown_and_survives_the_page_being_loaded_again(
    phone: httpx.AsyncClient, counter: Counter
) -> None:
    digits = await code(phone)
    quote = await counter.quote(digits, {"G01": 3})
    assert (await phone.get("/code/state")).text == "quoted"
    for address in ("/code", "/code?after=1"):
        page = (await phone.get(address)).text
        assert f'<b lang="zh-CN">{quote.word}</b>' in page
        for told in ("店员扫到了", "一社区美德超市", "香皂 × 3", "15 分"):
            assert told in words_of(page), told
        assert 'class="secret"' not in page
    assert (await counter.redeem(digits, {"G01": 3})).status == "done"


async def test_a_new_code_ends_a_quote_that_is_wrong(phone: httpx.AsyncClient, counter: Counter) -> None:
    digits = await code(phone)
    await counter.quote(digits, {"G01": 3})
    changed = await send(phone, "/code", "/code")
    assert changed.status_code == 200
    with pytest.raises((CodeNotValid, QuoteOver)):
        await counter.redeem(digits, {"G01": 3})
    assert (await counter.redeem(digits_of(changed.text), {"G01": 3})).status == "done"


async def test_what_costs_more_waits_for_her_and_is_done_when_she_confirms(
    phone: httpx.AsyncClient, counter: Counter
) -> None:
    receipt = await waiting(phone, counter)
    assert (await phone.get("/code")).headers["location"] == receipt, "before any new code"
    page = (await phone.get(receipt)).text
    assert "请您确认" in page
    assert page.index(f'action="{receipt}/confirm"') < page.index(f'action="{receipt}/decline"')
    assert "您现在还有" not in page
    done = await send(phone, receipt, f"{receipt}/confirm")
    assert (done.status_code, done.headers["location"]) == (303, receipt)
    again = await phone.post(f"{receipt}/confirm", data={"_csrf_token": token_of(page)})
    assert again.status_code == 303, "pressing twice is pressing once"
    words = words_of((await phone.get(receipt)).text)
    assert "兑换成功" in words
    assert "您现在还有 70 分" in words
    assert await counter.shop.wallet() == 70
    assert await counter.shop.balance("2300.X0001") == 30
    assert await integrity.check(counter.database, counter.shop.book.book_id) == []


async def test_what_is_not_hers_is_not_redeemed(phone: httpx.AsyncClient, counter: Counter) -> None:
    receipt = await waiting(phone, counter)
    page = (await phone.get(receipt)).text
    assert (await send(phone, receipt, f"{receipt}/decline")).status_code == 303
    words = words_of((await phone.get(receipt)).text)
    assert "您没有同意" in words
    assert "您现在还有 100 分" in words
    late = await phone.post(f"{receipt}/confirm", data={"_csrf_token": token_of(page)})
    assert late.status_code == 409
    assert 'role="alert"' in late.text
    assert await counter.shop.wallet() == 100


async def test_what_nobody_confirmed_has_lapsed_by_itself(phone: httpx.AsyncClient, counter: Counter) -> None:
    past = later(counter.database, seconds=-91)
    digest = await counter.shop.code(database=past)
    made = await counter.shop.redeem(digest, {"S01": 1}, database=past)
    assert made.status == "waiting"
    assert (await phone.get("/code")).status_code == 200, "nothing waits for her any more"
    words = words_of((await phone.get(f"/me/redemptions/{made.redemption_id}")).text)
    assert "没有按时确认" in words
    assert "您现在还有 100 分" in words


async def test_she_says_with_one_tap_that_it_was_not_hers(phone: httpx.AsyncClient, counter: Counter) -> None:
    made = await counter.redeem(await code(phone), {"G01": 2})
    receipt = f"/me/redemptions/{made.redemption_id}"
    assert (await send(phone, receipt, f"{receipt}/dispute")).status_code == 303
    page = (await phone.get(receipt)).text
    assert "工作人员正在查" in page
    assert f"{receipt}/dispute" not in page
    assert await counter.shop.balance("2310.X0001") == 10


async def test_after_a_week_the_button_is_gone(enters: Enters, counter: Counter, phone: httpx.AsyncClient) -> None:
    counter.shop.database = later(counter.database, days=-8)
    made = await counter.shop.redeem(await counter.shop.code(), {"G01": 2})
    page = (await phone.get(f"/me/redemptions/{made.redemption_id}")).text
    assert "兑换成功" in page
    assert "/dispute" not in page


async def test_what_came_back_is_told_on_the_receipt_and_in_the_passbook(
    phone: httpx.AsyncClient, counter: Counter
) -> None:
    made = await counter.redeem(await code(phone), {"G01": 3})
    policy = await policy_of(counter.shop)
    async with counter.database.begin() as tx:
        await refunds.refund(
            tx,
            counter.shop.book.book_id,
            made.redemption_id,
            [Returned(0, 1)],
            outlet="X0001",
            by="user:7",
            now=made.made_at,
            policy=policy,
        )
    words = words_of((await phone.get(f"/me/redemptions/{made.redemption_id}")).text)
    assert "其中退了 1 件" in words
    assert re.search(r"退货，退回 5 分", words)
    words = words_of((await phone.get("/passbook")).text)
    assert "在一社区美德超市兑换香皂 3 件" in words
    assert "退货，退回：一社区美德超市，香皂 3 件" in words
    words = words_of((await phone.get("/me/redemptions")).text)
    assert "香皂 × 3" in words
    assert "有退货" in words


async def test_the_passbook_tells_what_was_held_and_given_back(phone: httpx.AsyncClient, counter: Counter) -> None:
    receipt = await waiting(phone, counter)
    words = words_of((await phone.get("/passbook")).text)
    assert "在一社区美德超市兑换理发一次，等您确认" in words
    await send(phone, receipt, f"{receipt}/decline")
    assert "没有兑换成，退回：一社区美德超市，理发一次" in words_of((await phone.get("/passbook")).text)


async def test_a_redemption_of_somebody_else_is_none_of_hers(
    enters: Enters, phone: httpx.AsyncClient, counter: Counter
) -> None:
    receipt = await waiting(phone, counter)
    other = await enters(await people.a_volunteer(counter.database, counter.shop.book, "V20269999"))
    token = token_of((await other.get("/account")).text)
    for address in (receipt, f"/me/redemptions/{uuid4()}"):
        assert (await other.get(address)).status_code == 404
        for verb in ("confirm", "decline", "dispute"):
            assert (await other.post(f"{address}/{verb}", data={"_csrf_token": token})).status_code == 404, verb
    assert await counter.status(UUID(receipt.rpartition("/")[2])) == "waiting"


async def test_staff_have_no_code(enters: Enters, counter: Counter) -> None:
    clerk = await enters(await people.somebody(counter.database, counter.shop.book, Grant("operator")))
    for address in ("/code", "/code/state", "/me/redemptions", f"/me/redemptions/{uuid4()}"):
        assert (await clerk.get(address)).status_code == 403, address


async def test_an_empty_list_says_how_to_begin(phone: httpx.AsyncClient) -> None:
    assert "还没有兑换过" in (await phone.get("/me/redemptions")).text
    assert (await phone.get("/me/redemptions?after=never")).status_code == 200
