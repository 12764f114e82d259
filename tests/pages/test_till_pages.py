"""The till's pages over plain HTTP: practice, sales, receipts, the day of an outlet; and what no shop may see."""

from __future__ import annotations

import html
import re

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, till_session
from api.pages import texts
from api.pages.practice import CASES
from api.problems import Language
from ledger.access.rights import Grant
from ledger.books.directory import Book
from tests.pages import people, places, tills
from tests.pages.conftest import Enters
from tests.pages.people import Person, token_of, words_of
from tests.pages.test_staff import concrete
from tests.pages.tills import BALANCE, FULL_NAME, MASKED, Shop


@pytest.fixture
async def shop(database: AsyncEngine, book: Book) -> Shop:
    return await tills.a_shop(database, book)


@pytest.fixture
async def shopper(database: AsyncEngine, book: Book) -> Person:
    return await tills.a_shopper(database, book)


@pytest.fixture
async def counter(site: httpx.AsyncClient, shop: Shop) -> httpx.AsyncClient:
    """The browser of the shop's till."""
    site.cookies.set(till_session.COOKIE, shop.secret, "books.test")
    return site


async def press(client: httpx.AsyncClient, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
    """Sends a form of a page with its hidden fields, and these."""
    form = next(form for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f'action="{action}"' in form)
    hidden = {
        name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    }
    return await client.post(action, data=hidden | {"_csrf_token": token_of(page.text)} | fields)


async def coded(client: httpx.AsyncClient, **wanted: int) -> httpx.Response:
    """The page that asks for the code, with these goods chosen."""
    goods = await client.get("/till")
    fields = {f"n.{item}": str(pieces) for item, pieces in wanted.items()}
    return await client.post("/till/code", data=fields | {"_csrf_token": token_of(goods.text)})


async def quoted(client: httpx.AsyncClient, digits: str, **fields: str) -> httpx.Response:
    """The quote of two pieces of soap and a towel."""
    return await press(client, await coded(client, G1=1, G2=1), "/till/quote", code=digits, **fields)


async def sold(client: httpx.AsyncClient, digits: str) -> httpx.Response:
    """The receipt of a piece of soap and a towel."""
    led = await press(client, await quoted(client, digits), "/till/redeem")
    assert led.status_code == 303, led.text
    return await client.get(led.headers["location"])


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


# --- a sale -----------------------------------------------------------------------------------------------------------


async def test_a_shop_sells_by_typed_digits_and_every_step_is_a_plain_form(
    counter: httpx.AsyncClient, database: AsyncEngine, shopper: Person
) -> None:
    goods = await counter.get("/till")
    more = await press(counter, goods, "/till", plus="G1", **{"n.G2": "1"})
    assert 'name="n.G1" value="1"' in more.text
    assert 'name="n.G2" value="1"' in more.text
    assert "共 2 件，17 分" in more.text
    less = await press(counter, more, "/till", minus="G2", **{"n.G1": "1", "n.G2": "1"})
    assert 'name="n.G2" value="0"' in less.text
    digits = await tills.a_code(database, shopper)
    quote = await quoted(counter, digits)
    assert f"{MASKED} · 17 分 · 够" in words_of(quote.text)
    word = re.search(r'id="word">(..)<', quote.text)
    assert word, quote.text
    led = await press(counter, quote, "/till/redeem")
    receipt = await counter.get(led.headers["location"])
    assert "兑换成功" in receipt.text
    assert word[1] in receipt.text
    assert await tills.left(database, shopper) == BALANCE - 17


async def test_the_same_form_again_is_the_same_redemption(
    counter: httpx.AsyncClient, database: AsyncEngine, book: Book, shopper: Person
) -> None:
    quote = await quoted(counter, await tills.a_code(database, shopper))
    answers = [await press(counter, quote, "/till/redeem") for _ in range(3)]
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {
        (303, answers[0].headers["location"])
    }
    assert await tills.count(database, book) == 1
    assert await tills.left(database, shopper) == BALANCE - 17


async def test_a_lost_answer_is_found_by_its_key_and_what_never_arrived_is_not(
    counter: httpx.AsyncClient, database: AsyncEngine, shopper: Person
) -> None:
    quote = await quoted(counter, await tills.a_code(database, shopper))
    asks = re.search(r'data-asks="([^"]+)"', quote.text)
    assert asks
    before = await counter.get(asks[1])
    assert before.status_code == 404
    assert "还没有办成，没有扣分" in before.text
    led = await press(counter, quote, "/till/redeem")
    after = await counter.get(asks[1])
    assert (after.status_code, after.headers["location"]) == (303, led.headers["location"])


async def test_what_cannot_be_redeemed_says_why_in_words_and_leads_on(
    counter: httpx.AsyncClient, database: AsyncEngine, shopper: Person
) -> None:
    digits = await tills.a_code(database, shopper)
    await sold(counter, digits)
    used = await quoted(counter, digits)
    assert used.status_code == 409
    assert re.search(r"<h1[^>]*>此码已使用 \d\d:\d\d</h1>", used.text)
    expired = await quoted(counter, await tills.a_code(database, shopper, expired=True))
    assert expired.status_code == 409
    assert "已过期，请换新码" in expired.text
    again = await press(counter, expired, "/till/code")
    assert "Soap × 1" in again.text, "what was chosen is kept"
    for typed, status in (("", 400), ("123", 422), ("7" * 18, 422)):
        answer = await quoted(counter, typed)
        assert answer.status_code == status, typed
        assert 'role="alert"' in answer.text
    many = await press(counter, await coded(counter, G3=11), "/till/quote", code=digits)
    assert many.status_code == 409
    assert 'name="n.G3" value="11"' in many.text
    for wrong in ("-1", "1.5", "x", "9" * 20, "1000"):
        page = await counter.get("/till")
        answer = await press(counter, page, "/till/code".removesuffix("/code"), **{"n.G1": wrong})
        assert answer.status_code in (400, 422), wrong


async def test_an_empty_basket_asks_for_goods_first(counter: httpx.AsyncClient) -> None:
    assert "请先选商品，再扫码。" in (await coded(counter)).text


async def test_goods_are_found_by_name_and_what_was_chosen_stays(counter: httpx.AsyncClient) -> None:
    goods = await counter.get("/till")
    found = await press(counter, goods, "/till", q="ｓｏａｐ", **{"n.G2": "3"})
    assert "Soap" in found.text
    assert "Rice" not in found.text
    assert "共 3 件，36 分" in found.text
    code = await press(counter, found, "/till", **{"n.G1": "1"})
    assert "共 4 件，41 分" in code.text


async def test_a_code_of_practice_is_not_tried_where_somebody_sells(
    counter: httpx.AsyncClient, database: AsyncEngine
) -> None:
    await counter.get("/till")  # which notes that the token is used
    before = await tills.everything(database)
    for digits in CASES.values():
        assert "这是练习码。请在练习模式里用。" in (await quoted(counter, digits)).text
    assert await tills.everything(database) == before


async def test_paper_wants_her_pin_and_says_who_acts_for_her(
    counter: httpx.AsyncClient, database: AsyncEngine, book: Book, shopper: Person
) -> None:
    await people.a_volunteer(database, book, "N0007")
    card = await tills.a_card(database, shopper, "407318")
    asked = await quoted(counter, card)
    assert asked.status_code == 400
    assert 'role="alert"' in asked.text
    assert card not in asked.text
    assert "<details open>" in asked.text
    quote = await quoted(counter, card, pin="４０７３１８", agent="n0007".upper())
    assert MASKED in quote.text
    assert card not in quote.text
    assert "407318" not in quote.text
    led = await press(counter, quote, "/till/redeem")
    receipt = await counter.get(led.headers["location"])
    assert "兑换成功" in receipt.text
    assert "代办" in receipt.text
    wrong = await quoted(counter, card, pin="111111")
    assert wrong.status_code == 401
    assert card not in wrong.text


async def test_no_page_of_a_shop_tells_a_balance_a_full_name_or_the_digits(
    counter: httpx.AsyncClient, database: AsyncEngine, shopper: Person
) -> None:
    digits = await tills.a_code(database, shopper)
    quote = await quoted(counter, digits)
    led = await press(counter, quote, "/till/redeem")
    where = led.headers["location"].partition("?")[0]
    pages = [
        quote,
        *[
            await counter.get(path)
            for path in (led.headers["location"], where, "/till/day", f"{where}/cancel", f"{where}/refund")
        ],
    ]
    assert shopper.volunteer is not None
    secrets = (FULL_NAME, digits, shopper.volunteer.holder, str(BALANCE), f"{BALANCE:,}", f"{BALANCE - 17:,}")
    for page in pages:
        assert page.status_code == 200
        assert [secret for secret in secrets if secret in page.text] == [], page.url


async def test_too_few_points_is_all_that_the_shop_learns(
    counter: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    poor = await people.a_volunteer(database, book, "N0008")
    quote = await quoted(counter, await tills.a_code(database, poor))
    assert "不够" in quote.text
    assert 'action="/till/redeem"' not in quote.text


async def test_what_costs_much_waits_and_the_page_looks_again_by_itself(
    counter: httpx.AsyncClient, database: AsyncEngine, shopper: Person
) -> None:
    code = await coded(counter, G3=1)
    quote = await press(counter, code, "/till/quote", code=await tills.a_code(database, shopper))
    led = await press(counter, quote, "/till/redeem")
    waiting = await counter.get(led.headers["location"])
    assert "请在志愿者手机上确认" in waiting.text
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in waiting.text
    await tills.confirms(database, shopper)
    done = await counter.get(led.headers["location"])
    assert "兑换成功" in done.text
    assert "refresh" not in done.text


# --- receipts and undoing ---------------------------------------------------------------------------------------------


async def test_a_redemption_is_cancelled_after_a_question_and_once(
    counter: httpx.AsyncClient, database: AsyncEngine, shopper: Person
) -> None:
    receipt = await sold(counter, await tills.a_code(database, shopper))
    where = str(receipt.url.path)
    asked = await counter.get(f"{where}/cancel")
    assert "17 分退给志愿者" in words_of(asked.text)
    for _ in range(2):
        led = await press(counter, asked, f"{where}/cancel")
        assert (led.status_code, led.headers["location"]) == (303, where)
    page = await counter.get(led.headers["location"])
    assert "已撤销，积分已退回" in page.text
    assert f"{where}/cancel" not in page.text
    assert await tills.left(database, shopper) == BALANCE
    other = await press(counter, await counter.get(f"{where}/cancel"), f"{where}/cancel")
    assert other.status_code == 409


async def test_goods_come_back_piece_by_piece_and_never_more_than_there_were(
    counter: httpx.AsyncClient, database: AsyncEngine, shopper: Person
) -> None:
    code = await coded(counter, G1=3)
    quote = await press(counter, code, "/till/quote", code=await tills.a_code(database, shopper))
    where = (await press(counter, quote, "/till/redeem")).headers["location"].partition("?")[0]
    asked = await counter.get(f"{where}/refund")
    assert "Soap，最多退 3 件" in asked.text
    nothing = await press(counter, asked, f"{where}/refund")
    assert "请写退几件。" in nothing.text
    for _ in range(2):
        led = await press(counter, asked, f"{where}/refund", **{"n.0": "2"})
        assert led.headers["location"] == f"{where}?done=till_was_refunded"
    assert "已退 2 件" in (await counter.get(where)).text
    assert await tills.left(database, shopper) == BALANCE - 5
    many = await press(counter, await counter.get(f"{where}/refund"), f"{where}/refund", **{"n.0": "2"})
    assert many.status_code == 409
    for wrong in ("-1", "x", "1000", "1.5"):
        answer = await press(counter, asked, f"{where}/refund", **{"n.0": wrong})
        assert answer.status_code in (400, 422), wrong
    assert await tills.left(database, shopper) == BALANCE - 5


async def test_a_receipt_is_found_by_the_number_that_is_printed_on_it(
    counter: httpx.AsyncClient, database: AsyncEngine, shopper: Person
) -> None:
    receipt = await sold(counter, await tills.a_code(database, shopper))
    number = re.search(r"[0-9]{6}-[0-9]{8}", receipt.text)
    assert number
    for typed in (number[0], number[0].replace("-", ""), f" {number[0][:8]} {number[0][8:]}"):
        led = await counter.get("/till/day", params={"receipt": typed})
        assert (led.status_code, led.headers["location"]) == (303, receipt.url.path)
    for typed in ("1", "99999999999999", "261122-00000000", "\u202e", "x" * 500):
        assert (await counter.get("/till/day", params={"receipt": typed})).status_code == 404


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_anybody_can_check_a_receipt_as_it_is_printed_and_a_changed_one_is_found_out(
    counter: httpx.AsyncClient, enters: Enters, database: AsyncEngine, shopper: Person, language: Language
) -> None:
    receipt = await sold(counter, await tills.a_code(database, shopper))
    page = html.unescape((await counter.get(receipt.url.path, params={"lang": language})).text)
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page))
    typed = {name: facts[texts.field(language, f"paper_{name}")] for name in ("code", "book", "outlet", "day")}
    assert re.fullmatch(r"[2-9A-Z]{4}-[2-9A-Z]{4}", typed["code"])
    typed |= {"receipt": facts[texts.t(language, "till_receipt_number")], "points": "17"}
    [form] = re.findall(r"https?://[^/ ]+(/verify[^ ，]+)", page)
    anybody = await enters(None, address={"zh": "192.0.2.10", "en": "192.0.2.11"}[language])
    assert 'name="receipt"' in (await anybody.get(form)).text
    for changed, said in (
        ({}, "对得上"),
        ({"points": "18"}, "对不上"),
        ({"outlet": "X0002"}, "对不上"),
        ({"code": "2222-2222"}, "对不上"),
    ):
        answer = await people.send(anybody, form, "/verify", what="receipt", **typed | changed)
        assert f"<h2>{said}</h2>" in answer.text, (changed, words_of(answer.text))


async def test_what_was_not_redeemed_has_no_check_code(
    counter: httpx.AsyncClient, database: AsyncEngine, shopper: Person
) -> None:
    quote = await press(counter, await coded(counter, G3=1), "/till/quote", code=await tills.a_code(database, shopper))
    where = (await press(counter, quote, "/till/redeem")).headers["location"]
    waiting = await counter.get(where)
    await tills.confirms(database, shopper)
    done = await counter.get(where)
    await press(counter, await counter.get(f"{done.url.path}/cancel"), f"{done.url.path}/cancel")
    cancelled = await counter.get(where)
    assert ["校验码" in page.text for page in (waiting, done, cancelled)] == [False, True, False]
    assert "校验码" not in (await counter.get("/till/practice/receipt?n.soap=1")).text


async def test_another_shop_s_receipts_are_none(
    enters: Enters, database: AsyncEngine, book: Book, shop: Shop, shopper: Person
) -> None:
    where = f"/till/redemptions/{await tills.sells(database, shop, shopper, {'G1': 1})}"
    elsewhere = await enters(await tills.another_shop(database, book))
    for path in (where, f"{where}/cancel", f"{where}/refund"):
        assert (await elsewhere.get(path)).status_code == 404
    token = token_of((await elsewhere.get("/till/practice")).text)
    for path in (f"{where}/cancel", f"{where}/refund"):
        fields = {"_csrf_token": token, "key": "k", "n.0": "1"}
        assert (await elsewhere.post(path, data=fields)).status_code == 404
    assert await tills.left(database, shopper) == BALANCE - 5


# --- whose device it is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted({path for path, who in places.FORMS.items() if who == "till"} - {"/till/frames"})
)
async def test_a_device_that_is_no_till_is_told_so_politely(enters: Enters, path: str) -> None:
    client = await enters(None)
    token = token_of((await client.get("/sign-in")).text)
    for answer in (
        await client.post(concrete(path), data={"_csrf_token": token}),
        await client.get("/till"),
    ):
        assert answer.status_code == 403
        assert "这台设备不能收银" in answer.text


async def test_a_till_that_was_switched_off_redeems_nothing_more(
    counter: httpx.AsyncClient, database: AsyncEngine, book: Book, shop: Shop, shopper: Person
) -> None:
    quote = await quoted(counter, await tills.a_code(database, shopper))
    await tills.revoked(database, shop)
    answer = await press(counter, quote, "/till/redeem")
    assert answer.status_code == 403
    assert "这台设备不能收银" in answer.text
    assert await tills.count(database, book) == 0


# --- the day of an outlet ---------------------------------------------------------------------------------------------


async def test_the_day_of_an_outlet_adds_up_for_its_merchant_and_for_staff(
    enters: Enters, database: AsyncEngine, book: Book, shop: Shop
) -> None:
    await tills.a_day(database, shop)
    merchant = await people.somebody(database, book, Grant("merchant", outlet=shop.outlet))
    auditor = await people.somebody(database, book, Grant("auditor", until=auth.today()))
    for reader, path in ((merchant, "/outlet/day"), (auditor, f"/outlet/day?outlet={shop.outlet}")):
        page = await (await enters(reader)).get(path)
        assert page.status_code == 200
        words = words_of(page.text)
        for said in ("兑换 3 笔，30 分", "撤销 1 笔，10 分", "退货退回 1 笔，5 分", "净额 15 分"):
            assert said in words
        assert page.text.count("Soap × 2") == 3
    yesterday = await (await enters(merchant)).get("/outlet/day?on=2026-01-01")
    assert "这一天没有兑换。" in yesterday.text


async def test_another_outlet_s_day_is_nobody_s(enters: Enters, database: AsyncEngine, book: Book, shop: Shop) -> None:
    await tills.another_shop(database, book)
    merchant = await enters(await people.somebody(database, book, Grant("merchant", outlet="X0002")))
    assert (await merchant.get(f"/outlet/day?outlet={shop.outlet}")).status_code == 404
    assert (await merchant.get("/outlet/day?outlet=X9999")).status_code == 404
    clerk = await enters(await people.somebody(database, book, Grant("operator", "elsewhere")))
    assert (await clerk.get(f"/outlet/day?outlet={shop.outlet}")).status_code == 404
    volunteer = await enters(await people.a_volunteer(database, book, "N0009"))
    assert (await volunteer.get("/outlet/day")).status_code == 403
