"""My vouchers on pages: bought with one press, shown to a clerk, given away on paper."""

from __future__ import annotations

import re
from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger import eighteen
from ledger.access import ciphers
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.spending import baskets, catalogue, policies, presented, redemption, refunds, tills, vouchers
from ledger.spending.catalogue import Item
from ledger.spending.redemption import Made
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.counter import KEYS, Counter, a_counter
from tests.pages.people import token_of, words_of
from tests.spending.shops import no_age

MINE, NEW = "/me/vouchers", "/me/vouchers/new"
FOOT_BATH = Item("S02", "足浴一次", "service", 20, date(1990, 1, 1), voucher_days=10, giftable=True)


@pytest.fixture
async def counter(database: AsyncEngine, book: Book) -> Counter:
    """Haircuts for 30 points, and foot baths for 20 of which vouchers can be given away."""
    counter = await a_counter(database, book)
    async with database.begin() as tx:
        await catalogue.add(tx, book.book_id, FOOT_BATH, by="user:1", now=await connect.now(tx))
        await catalogue.offer(tx, book.book_id, counter.shop.OUTLET, "S02", "merchant")
    return counter


@pytest.fixture
async def phone(enters: Enters, counter: Counter) -> httpx.AsyncClient:
    return await enters(counter.her)


async def buy(phone: httpx.AsyncClient, item: str = "S01", **fields: str) -> httpx.Response:
    """Opens the page before it, and sends its form, also where it shows none."""
    page = (await phone.get(NEW, params={"item": item})).text
    found = re.findall(r'name="key" value="([^"]+)"', page) or ["none"]
    form = {"_csrf_token": token_of(page), "item": item, "key": found[0]}
    return await phone.post(MINE, data=form | fields)


async def shown(phone: httpx.AsyncClient) -> str:
    """The address of the newest voucher that can be shown."""
    return re.findall(rf'href="({MINE}/[0-9a-f-]+)"', (await phone.get(MINE)).text)[0]


def digits_on(page: str) -> str:
    found = re.search(r'class="secret">([0-9 ]+)<', page)
    assert found, page
    return found[1].replace(" ", "")


async def use(counter: Counter, digits: str, item: str = "S01") -> Made:
    """A till scans it."""
    book = counter.shop.book.book_id
    async with counter.database.begin() as tx:
        now = await connect.now(tx)
        policy = await policies.in_force(tx, book, auth.today())
        till = await tills.find(tx, book, counter.shop.till.till)
        digests = ciphers.digests(KEYS, "spending", digits)
        prefix = presented.prefix_of(digits)
        who = await presented.by_number(tx, book, till, prefix, digests, now=now)
        wanted = [baskets.Wanted(item, 1)]
        return await redemption.redeem(tx, book, till, who, wanted, age=no_age, now=now, policy=policy)


async def test_home_leads_to_her_vouchers_and_those_to_what_can_be_bought(phone: httpx.AsyncClient) -> None:
    assert f'href="{MINE}">我的券<' in (await phone.get("/")).text
    page = words_of((await phone.get(MINE)).text)
    assert "您现在没有可用的券。" in page
    assert "理发一次 30 分，买后 90 天内可用" in page
    assert "足浴一次 可以送人 20 分，买后 10 天内可用" in page


async def test_before_she_buys_she_reads_what_it_costs_and_where_it_is_used(phone: httpx.AsyncClient) -> None:
    page = words_of((await phone.get(f"{NEW}?item=S02")).text)
    for said in (
        "足浴一次",
        "20 分",
        "您现在有 100 分",
        "从今天起 10 天",
        "一社区美德超市",
        "可以送给别人",
        "积分不退",
    ):
        assert said in page
    assert "只有您自己能用" in words_of((await phone.get(f"{NEW}?item=S01")).text)
    english = words_of((await phone.get(f"{NEW}?item=S02&lang=en")).text)
    assert "Whoever holds this voucher can use it" in english


async def test_she_buys_it_once_however_often_she_presses(phone: httpx.AsyncClient, counter: Counter) -> None:
    first = await buy(phone, key="pressed-twice")
    again = await buy(phone, key="pressed-twice")
    assert (first.status_code, again.status_code) == (303, 303)
    assert await counter.shop.wallet() == 70
    page = words_of((await phone.get(first.headers["location"])).text)
    assert "买好了，券在下面。" in page
    until = auth.today() + timedelta(days=90)
    assert f"理发一次 用到 {until.year}年{until.month}月{until.day}日 为止" in page
    passbook = words_of((await phone.get("/passbook")).text)
    assert "购买免单券：理发一次" in passbook


async def test_a_voucher_of_hers_is_shown_by_a_pay_code_that_pays_with_it(
    phone: httpx.AsyncClient, counter: Counter
) -> None:
    await buy(phone)
    address = await shown(phone)
    page = (await phone.get(address)).text
    assert page.count('role="img"') == 2
    assert f'data-next="{address}?after=1"' in page
    digits = digits_on(page)
    assert eighteen.is_number(eighteen.PAY_CODE, digits)
    assert digits_on((await phone.get(address)).text) != digits
    made = await use(counter, digits_on((await phone.get(address)).text))
    assert (made.status, made.points) == ("done", 30)
    led = await phone.get(f"{address}?after=1")
    assert (led.status_code, led.headers["location"]) == (303, "/code?after=1")
    receipt = await phone.get("/code?after=1")
    assert receipt.headers["location"] == f"/me/redemptions/{made.redemption_id}"
    assert "已经用了" in words_of((await phone.get(address)).text)
    assert 'role="img"' not in (await phone.get(address)).text
    assert "用过的和过期的 理发一次 已经用了" in words_of((await phone.get(MINE)).text)
    assert await counter.shop.wallet() == 70


async def test_what_a_till_has_quoted_is_not_ended_by_looking_at_the_voucher(
    phone: httpx.AsyncClient, counter: Counter
) -> None:
    await buy(phone)
    address = await shown(phone)
    await counter.quote(digits_on((await phone.get(address)).text), {"S01": 1})
    led = await phone.get(address)
    assert (led.status_code, led.headers["location"]) == (303, "/code?after=1")
    page = (await phone.get("/code?after=1")).text
    assert "店员扫到了" in page
    assert "用券，不扣积分" in page
    wrong = await phone.post("/code", data={"_csrf_token": token_of(page)})
    assert (wrong.status_code, wrong.headers["location"]) == (303, address)
    made = await use(counter, digits_on((await phone.get(address)).text))
    assert made.points == 30
    receipt = words_of((await phone.get(f"/me/redemptions/{made.redemption_id}")).text)
    assert "多少积分 用券，不扣积分" in receipt
    assert "凭什么 免单券" in receipt
    assert "用券，不扣积分" in (await phone.get("/me/redemptions")).text


async def test_when_the_code_of_a_voucher_is_over_the_page_comes_back_to_the_voucher(phone: httpx.AsyncClient) -> None:
    await buy(phone)
    address = await shown(phone)
    await phone.get(address)
    led = await phone.get("/code?after=1")
    assert (led.status_code, led.headers["location"]) == (303, address)
    assert "请店员扫这个码" in (await phone.get("/code")).text  # she asked for her points


async def test_a_cancelled_use_gives_the_voucher_back(phone: httpx.AsyncClient, counter: Counter, book: Book) -> None:
    await buy(phone)
    address = await shown(phone)
    made = await use(counter, digits_on((await phone.get(address)).text))
    async with counter.database.begin() as tx:
        now = await connect.now(tx)
        await refunds.cancel(
            tx,
            book.book_id,
            made.redemption_id,
            outlet=counter.shop.OUTLET,
            by="till:1",
            now=now,
            policy=policies.DEFAULT,
        )
    assert "已经撤销，券退给您了" in (await phone.get(f"/me/redemptions/{made.redemption_id}")).text
    assert 'role="img"' in (await phone.get(address)).text


async def test_one_to_give_away_shows_the_same_digits_each_time_and_can_be_printed(
    phone: httpx.AsyncClient, counter: Counter
) -> None:
    await buy(phone, "S02")
    address = await shown(phone)
    page = (await phone.get(address)).text
    digits = digits_on(page)
    assert eighteen.is_number(eighteen.VOUCHER, digits)
    assert digits_on((await phone.get(address)).text) == digits
    assert "data-prints" in page
    assert "code.js" not in page
    assert "谁拿着这个码谁就能用" in page
    assert (await use(counter, digits, "S02")).status == "done"
    assert "已经用了" in words_of((await phone.get(address)).text)


async def test_who_has_too_few_points_finds_no_button(phone: httpx.AsyncClient, counter: Counter) -> None:
    for _ in range(3):
        await buy(phone)
    page = await phone.get(f"{NEW}?item=S01")
    assert "您的积分还不够" in page.text
    assert 'name="key"' not in page.text
    refused = await buy(phone, key="a-key-of-hers")
    assert refused.status_code == 409
    assert "积分不够" in refused.text
    assert await counter.shop.wallet() == 10


@pytest.mark.parametrize("item", ["G01", "S99", "", "<b>", "x" * 500])
async def test_what_is_not_for_sale_says_so(phone: httpx.AsyncClient, counter: Counter, item: str) -> None:
    page = await phone.get(NEW, params={"item": item})
    assert (page.status_code, "这种券现在买不了。" in page.text) == (404, True)
    assert 'name="key"' not in page.text
    answer = await buy(phone, item, key="some-key")
    assert (answer.status_code, "这种券现在买不了。" in answer.text) == (404, True)
    assert await counter.shop.wallet() == 100


async def test_an_expired_voucher_shows_no_code(phone: httpx.AsyncClient, counter: Counter, book: Book) -> None:
    await buy(phone, "S02")
    address = await shown(phone)
    async with counter.database.begin() as tx:
        [bought] = await vouchers.of_holder(tx, book.book_id, counter.shop.holder)
        yesterday = auth.today() - timedelta(days=1)
        await tx.exec_driver_sql(
            "UPDATE vouchers SET expires_on = %s WHERE book_id = %s AND voucher_id = %s",
            (yesterday, book.book_id, bought.voucher_id),
        )
    page = (await phone.get(address)).text
    assert "已经过期" in page
    assert 'role="img"' not in page
    assert "您现在没有可用的券。" in (await phone.get(MINE)).text


async def test_somebody_elses_voucher_is_none(
    phone: httpx.AsyncClient, enters: Enters, database: AsyncEngine, book: Book
) -> None:
    await buy(phone, "S02")
    address = await shown(phone)
    other = await enters(await people.a_volunteer(database, book, "V-other"))
    assert (await other.get(address)).status_code == 404
    staff = await enters(await people.somebody(database, book, Grant("owner")))
    assert (await staff.get(address)).status_code == 403
    assert (await staff.get(MINE)).status_code == 403


async def test_older_ones_are_a_page_further(phone: httpx.AsyncClient, counter: Counter) -> None:
    await counter.shop.give(1000)
    for _ in range(21):
        await buy(phone, "S02")
    page = (await phone.get(MINE)).text
    assert page.count(">出示<") == 20
    [further] = re.findall(rf'href="({MINE}\?after=[^"]+)"', page)
    assert (await phone.get(further)).text.count(">出示<") == 1
    assert (await phone.get(f"{MINE}?after=nothing")).text.count(">出示<") == 20
