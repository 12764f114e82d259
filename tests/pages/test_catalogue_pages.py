"""Catalogue, stock and households on the staff's pages."""

from __future__ import annotations

import re
from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.spending import catalogue, outlets, stock
from ledger.spending.catalogue import Eligible, Item, Quota
from ledger.spending.outlets import Details
from tests.books.ledgers import balances_of
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import NORTH, SOUTH, District, send, words_of

HERE, STOCK, COUNT = "/staff/catalogue", "/staff/outlets/X1/stock", "/staff/outlets/X1/count"
ODD = "<script>alert(1)</script>"
SOAP = {"item": "G01", "name": "香皂", "kind": "goods", "points": "12"}


@pytest.fixture
async def district(database: AsyncEngine, book: Book) -> District:
    made = await people.a_district(database, book)
    async with database.begin() as tx:
        await outlets.add(tx, book.book_id, "X1", Details("北湖超市", "virtue_supermarket", NORTH))
        await outlets.add(tx, book.book_id, "X2", Details("南湖超市", "virtue_supermarket", SOUTH))
    return made


@pytest.fixture
async def operator(enters: Enters, database: AsyncEngine, district: District) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, district.book, Grant("operator")))


async def today(database: AsyncEngine) -> date:
    async with database.connect() as tx:
        return day_of(await connect.now(tx))


def key_of(page: str) -> str:
    """The key of the call that a page's form carries."""
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


async def receive(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Fills in the form for goods that have come."""
    form = {"item": "G01", "pieces": "10", "origin": "donated", "yuan": "", "note": "", **fields}
    return await send(client, STOCK, "/staff/outlets/X1/receipts", key=key_of((await client.get(STOCK)).text), **form)


async def test_an_item_is_added_with_its_quotas_and_conditions_and_changed(
    operator: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    form = SOAP | {
        "item": "Ｓ０１",  # as an input method writes it
        "kind": "service",
        "points": "３０",
        "name": ODD,
        "quota_by_0": "person",
        "quota_times_0": "2",
        "quota_per_0": "month",
        "quota_by_1": "household",
        "quota_times_1": "",
        "quota_per_1": "year",
        "star": "3",
        "tag": "骑手",
        "voucher_days": "90",
        "giftable": "yes",
    }
    added = await send(operator, HERE, HERE, **form)
    assert (added.status_code, added.headers["location"]) == (303, f"{HERE}/S01?done=item_added")
    page = (await operator.get(added.headers["location"])).text
    said = words_of(page)
    assert ODD not in page
    assert all(word in said for word in ("30 分", "每人每月 2 件", "3 星以上", "有“骑手”资格", "已新增"))
    async with database.connect() as tx:
        there = await catalogue.find(tx, district.book.book_id, "S01", await today(database))
    assert there == Item(
        *("S01", ODD, "service", 30, await today(database), None, (Quota("person", 2, "month"),)),
        Eligible(3, "骑手"),
        90,
        True,
    )
    until = (await today(database) + timedelta(days=3)).isoformat()
    changed = await send(operator, f"{HERE}/S01", f"{HERE}/S01", name="理发", on_until=until)
    assert changed.headers["location"].endswith("done=item_changed")
    async with database.connect() as tx:
        there = await catalogue.find(tx, district.book.book_id, "S01", await today(database))
    assert (there.name, there.quotas, there.voucher_days, there.giftable) == ("理发", (), None, False)
    assert there.on_until == await today(database) + timedelta(days=3)
    assert there.on_from == await today(database)
    assert "理发" in words_of((await operator.get(HERE)).text)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"item": "香皂"}, "“编号”只能用字母、数字"),
        ({"kind": ""}, "请选择“类别”"),
        ({"points": "many"}, "“一件多少分”请写整数"),
        ({"points": "0"}, "“一件多少分”太小或者太大"),
        ({"kind": "perk"}, "请写 0"),
        ({"on_until": "soon"}, "“到哪天为止”请写成"),
        ({"on_until": "2020-01-01"}, "“到哪天为止”不能早于开始的日期"),
        ({"quota_times_0": "2", "quota_by_0": "", "quota_per_0": "month"}, "“限兑”：请选每人或者每户"),
        ({"voucher_days": "9"}, "只有服务可以填“做成免单券，几天内有效”"),
        ({"star": "x"}, "“至少几星”请写整数"),
    ],
)
async def test_what_is_wrong_with_an_item_is_said_and_what_was_typed_stays(
    operator: httpx.AsyncClient, fields: dict[str, str], sentence: str
) -> None:
    answer = await send(operator, HERE, HERE, **(SOAP | {"tag": "留着", **fields}))
    assert (answer.status_code, sentence in answer.text) == (400, True), words_of(answer.text)
    assert 'value="留着"' in answer.text


async def test_prices_are_set_from_today_on(operator: httpx.AsyncClient, database: AsyncEngine) -> None:
    await send(operator, HERE, HERE, **SOAP)
    tomorrow = (await today(database) + timedelta(days=1)).isoformat()
    path = f"{HERE}/G01"
    assert (await send(operator, path, f"{path}/prices", points="20", since=tomorrow)).status_code == 303
    said = words_of((await operator.get(f"{path}?done=price_set")).text)
    assert "还没有开始 20 分" in said
    assert "现在的价格 12 分" in said
    late = await send(operator, path, f"{path}/prices", points="1", since="2020-01-01")
    assert (late.status_code, "“从哪天起”不能早于今天" in late.text) == (400, True)
    assert 'value="2020-01-01"' in late.text


async def test_donated_goods_are_received_once_however_often_the_button_is_pressed(
    operator: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    await send(operator, HERE, HERE, **SOAP)
    assert "这里还没有商品" in (await operator.get(STOCK)).text
    key = key_of((await operator.get(STOCK)).text)
    form = {"item": "G01", "pieces": "１００", "origin": "donated", "yuan": "", "note": ODD, "key": key}
    for _ in range(2):
        done = await send(operator, STOCK, "/staff/outlets/X1/receipts", **form)
        assert done.headers["location"] == f"{STOCK}?done=goods_received"
    page = (await operator.get(STOCK)).text
    assert "100 件 库存，账上 1,200 分" in words_of(page)
    assert ODD not in page
    assert (await balances_of(database, district.book, "1200.X1"))["1200.X1"] == 1_200
    other = await send(operator, STOCK, "/staff/outlets/X1/receipts", **form | {"pieces": "5"})
    assert (other.status_code, 'value="5"' in other.text, "刚才已经记下了" in other.text) == (400, True, True)
    assert key_of(other.text) != key  # pressing again is another receipt


async def test_what_was_bought_says_what_was_paid(
    operator: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    await send(operator, HERE, HERE, **SOAP)
    for yuan in ("", "0", "1.234", "viel"):
        wrong = await receive(operator, origin="bought", yuan=yuan)
        assert (wrong.status_code, "请写成 99.50 这样" in wrong.text) == (400, True)
    assert (await receive(operator, origin="bought", yuan="１，０９９.5")).status_code == 303
    assert (await balances_of(database, district.book, "1110", "1100")) == {"1110": -109_950, "1100": -120}
    for fields, sentence in (
        ({"pieces": "0"}, "“几件”请写整数"),
        ({"origin": ""}, "请填写“怎么来的”"),
        ({"item": ""}, "请填写“商品”"),
        ({"note": "长" * 201}, "“谁捐的，或者哪张单据”请写一行"),
    ):
        answer = await receive(operator, **fields)
        assert (answer.status_code, sentence in answer.text) == (400, True), words_of(answer.text)


async def test_an_outlet_offers_what_its_merchant_has_and_takes_it_off_again(
    operator: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    await send(operator, HERE, HERE, **SOAP | {"item": "S01", "kind": "service"})
    offers = "/staff/outlets/X1/offers"
    wrong = await send(operator, STOCK, offers, offered="S01", supply="stock")
    assert (wrong.status_code, "服务没有库存" in wrong.text) == (400, True)
    assert (await send(operator, STOCK, offers, offered="S01", supply="merchant")).status_code == 303
    assert "不计数 商家自有" in words_of((await operator.get(STOCK)).text)
    for on, mark in (("0", True), ("1", False)):
        done = await send(operator, STOCK, f"{offers}/S01/switch", on=on)
        assert done.status_code == 303
        assert ("已停兑" in words_of((await operator.get(STOCK)).text)) == mark


async def test_a_count_records_what_was_found_and_a_sale_meanwhile_asks_for_another_look(
    operator: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    book = district.book.book_id
    for code in ("G01", "G02"):
        await send(operator, HERE, HERE, **SOAP | {"item": code})
        await receive(operator, item=code)
    page = (await operator.get(COUNT)).text
    assert words_of(page).count("应有 10 件") == 2
    form = {"found_G01": "8", "expected_G01": "10", "found_G02": "", "expected_G02": "10", "key": key_of(page)}
    untold = await send(operator, COUNT, COUNT, reason="", **form)
    assert (untold.status_code, "“原因”请写一行" in untold.text) == (400, True)
    async with database.begin() as tx:
        await stock.take(tx, book, "X1", {"G01": 1})

    late = await send(operator, COUNT, COUNT, reason="受潮两条", **form)

    assert (late.status_code, "账上现在是 9 件" in late.text) == (409, True)
    assert all(kept in late.text for kept in ('value="8"', 'value="受潮两条"', 'name="expected_G01" value="9"'))
    async with database.begin() as tx:
        await stock.put_back(tx, book, "X1", [("G01", 1, 12)])
    done = await send(operator, COUNT, COUNT, reason="受潮两条", **form | {"key": key_of(late.text)})
    assert done.headers["location"] == f"{STOCK}?done=goods_counted"
    said = words_of((await operator.get(STOCK)).text)
    assert "8 件 库存，账上 96 分" in said
    assert "盘点 香皂 -2" in said
    nothing = await send(operator, COUNT, COUNT, reason="", key=form["key"])
    assert (nothing.status_code, "请填写“实有几件”" in nothing.text) == (400, True)


async def test_who_manages_the_north_counts_in_the_north(
    enters: Enters, operator: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    await send(operator, HERE, HERE, **SOAP)
    northern = await enters(await people.somebody(database, district.book, Grant("operator", NORTH)))
    assert (await receive(northern)).status_code == 303
    assert f'action="{HERE}"' not in (await northern.get(HERE)).text
    assert "定新价格" not in (await northern.get(f"{HERE}/G01")).text
    for path in ("/staff/outlets/X2/stock", "/staff/outlets/X2/count"):
        assert (await northern.get(path)).status_code == 403
    reader = await enters(await people.somebody(database, district.book, Grant("recorder")))
    page = await reader.get(STOCK)
    assert (page.status_code, "收货入库" in page.text) == (200, False)
    assert (await reader.get(COUNT)).status_code == 403
    assert (await reader.get("/staff/outlets/X9/stock")).status_code == 404
    assert (await reader.get(f"{HERE}/G09")).status_code == 404


async def test_a_volunteer_joins_a_household_and_leaves_it(
    enters: Enters, operator: httpx.AsyncClient, database: AsyncEngine, district: District
) -> None:
    hers, others = (f"/staff/volunteers/{number}/household" for number in ("N0001", "S0001"))
    assert "自己算一户" in (await operator.get(hers)).text
    for path in (hers, others):
        assert (await send(operator, path, path, household="Ｆ-7")).status_code == 303
    assert "家庭编号 F-7 同一户的 S0001" in words_of((await operator.get(hers)).text)
    wrong = await send(operator, hers, hers, household="张家")
    assert (wrong.status_code, "“家庭编号”只能用" in wrong.text) == (400, True)
    assert (await send(operator, hers, f"{hers}/leave")).status_code == 303
    assert "自己算一户" in (await operator.get(hers)).text
    reader = await enters(await people.somebody(database, district.book, Grant("auditor", until=people.auth.today())))
    assert "登记家庭" not in words_of((await reader.get(others)).text)
