"""Disputed redemptions over HTTP: once under a key, two people, nobody's own; alarms and signals within reach."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.spending import outlets
from tests.api.conftest import Caller, a_user
from tests.api.counters import Counter, Device, a_counter, new_key, nobodys, told

REASON = "已向店主核实"


@pytest.fixture
async def counter(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Counter:
    return await a_counter(http, database, book)


async def reviewer(counter: Counter, *grants: Grant) -> Caller:
    return await a_user(counter.http, counter.database, counter.book, *(grants or (Grant("reviewer"),)))


async def bought(counter: Counter) -> str:
    answer = await counter.till.redeem(await counter.phone.pay_code(), {"G01": 4})
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


async def disputed(counter: Counter, words: str = "") -> tuple[str, str]:
    """The redemption and the case."""
    made = await bought(counter)
    answer = await counter.phone.post(f"/me/redemptions/{made}/dispute", {"words": words}, new_key())
    assert answer.status_code == 201, answer.text
    return made, answer.json()["id"]


async def stand(counter: Counter) -> tuple[int, int, int]:
    """Her wallet, what the shop is owed, what of it is disputed."""
    outlet = counter.shop.OUTLET
    return (
        await counter.shop.wallet(),
        await counter.shop.balance(f"2300.{outlet}"),
        await counter.shop.balance(f"2310.{outlet}"),
    )


async def test_one_dispute_under_one_key_is_one_case_however_often_it_is_sent(counter: Counter) -> None:
    made, key = await bought(counter), new_key()
    address = f"/me/redemptions/{made}/dispute"
    answers = await asyncio.gather(*(counter.phone.post(address, {}, key) for _ in range(5)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == ["", *["true"] * 4]
    assert await stand(counter) == (80, -20, 20)
    assert told(await counter.phone.post(address, {}, new_key())) == (409, "redemption_disputed")
    assert told(await counter.phone.post(address, {"words": "x"}, key)) == (409, "idempotency_conflict")
    assert (await counter.phone.post(address, {})).status_code == 400  # it takes a key


async def test_a_stranger_and_a_till_dispute_nothing(counter: Counter) -> None:
    made = await bought(counter)
    before = await counter.stand()
    address = f"/me/redemptions/{made}/dispute"
    assert (await counter.till.post(address, {}, new_key())).status_code == 403
    unknown = f"/me/redemptions/{uuid4()}/dispute"
    assert told(await counter.phone.post(unknown, {}, new_key())) == (404, "unknown_redemption")
    wrong: tuple[Any, ...] = ({"words": "x" * 201}, {"words": 1}, {"points": 5}, {"words": "两\n行"})
    for body in wrong:
        assert told(await counter.phone.post(address, body, new_key())) == (400, "invalid_request"), body
    assert await counter.stand() == before


async def test_a_week_and_a_day_later_it_is_too_late(counter: Counter) -> None:
    made = await bought(counter)
    late = counter.later(counter.phone, days=8)
    before = await counter.stand()
    answer = await late.post(f"/me/redemptions/{made}/dispute", {}, new_key())
    assert (told(answer), answer.json()["days"]) == ((409, "too_late_to_dispute"), 7)
    assert await counter.stand() == before


async def test_two_reviewers_decide_and_she_has_her_points_back(counter: Counter) -> None:
    made, case = await disputed(counter, "那天我在医院")
    first, second = await reviewer(counter), await reviewer(counter)
    told_first = (await first.get(f"/cases/{case}")).json()
    assert (told_first["redemption"], told_first["words"], told_first["volunteer"]) == (made, "那天我在医院", "V-0000")
    assert told_first["goods"] == [{"item": "G01", "name": "香皂", "quantity": 4, "points": 20, "returned": 0}]
    answered = await first.post(f"/cases/{case}/answer", {"answer": "当面刷的码"})
    assert answered.json()["answer"] == "当面刷的码"
    proposed = await first.post(f"/cases/{case}/proposal", {"upheld": True, "reason": REASON})
    assert (proposed.status_code, proposed.json()["proposed"], proposed.json()["upheld"]) == (200, True, None)
    address = f"/cases/{case}/decision"
    assert told(await first.post(address, {"agree": True}, new_key())) == (403, "second_person_needed")
    key = new_key()
    decided = await asyncio.gather(*(second.post(address, {"agree": True}, key) for _ in range(3)))
    assert {(answer.status_code, answer.json()["upheld"]) for answer in decided} == {(200, True)}
    assert await stand(counter) == (100, -20, 0)
    assert told(await first.post(address, {"agree": True}, new_key())) == (409, "already_decided")
    mine = (await counter.phone.get(f"/me/redemptions/{made}")).json()
    assert mine["refunded"] == 20
    for state, there in (("open", []), ("decided", [case])):
        assert [each["id"] for each in (await first.get(f"/cases?state={state}")).json()["items"]] == there


async def test_two_who_decide_at_once_decide_once(counter: Counter) -> None:
    _, case = await disputed(counter)
    first, *others = [await reviewer(counter) for _ in range(4)]
    await first.post(f"/cases/{case}/proposal", {"upheld": False, "reason": REASON})
    answers = await asyncio.gather(
        *(each.post(f"/cases/{case}/decision", {"agree": True}, new_key()) for each in others)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert await stand(counter) == (80, 0, 0)


async def test_while_it_is_open_the_till_undoes_nothing(counter: Counter) -> None:
    made, _ = await disputed(counter)
    before = await counter.stand()
    back = {"lines": [{"line": 0, "quantity": 1}]}
    for path, body in ((f"/redemptions/{made}/cancel", None), (f"/redemptions/{made}/refunds", back)):
        assert told(await counter.till.post(path, body, new_key())) == (409, "redemption_disputed")
    assert await counter.stand() == before


async def test_nobody_decides_her_own_or_her_shops(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> None:
    counter = await a_counter(http, database, book, people=2)
    herself = await reviewer(counter, Grant("reviewer"), Grant("volunteer", volunteer_no="V-0001"))
    keeper = await reviewer(counter, Grant("reviewer"), Grant("merchant", outlet=counter.shop.OUTLET))
    counter.phone = Device(http, herself.token)
    _, case = await disputed(counter)
    proposal = {"upheld": True, "reason": REASON}
    for her in (herself, keeper):
        assert told(await her.post(f"/cases/{case}/proposal", proposal)) == (403, "second_person_needed")
    assert (await (await reviewer(counter)).post(f"/cases/{case}/proposal", proposal)).status_code == 200
    before = await counter.stand()
    for her in (herself, keeper):
        answer = await her.post(f"/cases/{case}/decision", {"agree": True}, new_key())
        assert told(answer) == (403, "second_person_needed")
    assert await counter.stand() == before


async def test_reviewers_of_another_organisation_neither_see_nor_decide(counter: Counter) -> None:
    _, case = await disputed(counter)
    elsewhere = await reviewer(counter, Grant("reviewer", "D1T"))
    assert (await elsewhere.get(f"/cases/{case}")).status_code == 403
    body = {"upheld": True, "reason": REASON}
    assert (await elsewhere.post(f"/cases/{case}/proposal", body)).status_code == 403
    for path in ("/cases", "/alarms", "/signals"):
        assert (await elsewhere.get(path)).json()["items"] == []
    near = await reviewer(counter, Grant("reviewer", "D1"))
    assert [each["id"] for each in (await near.get("/cases")).json()["items"]] == [case]


async def test_an_alarm_says_its_rule_in_both_languages_and_is_seen_once(counter: Counter) -> None:
    await disputed(counter)
    for _ in range(5):
        await counter.till.quote(nobodys(), {"G01": 1})
    her = await reviewer(counter)
    guessed, dispute = (await her.get("/alarms?unseen=true")).json()["items"]
    assert (guessed["rule"], guessed["till"], guessed["facts"], guessed["times"]) == (
        "unknown_codes",
        counter.till.number,
        {"codes": 5},
        1,
    )
    assert (dispute["rule"], dispute["volunteer"], dispute["facts"]) == ("disputed", "V-0000", {"points": 20})
    assert "无效的码" in guessed["zh"]
    assert "guessing" in guessed["en"]
    seen = (await her.post(f"/alarms/{guessed['id']}/seen", None)).json()
    again = (await (await reviewer(counter)).post(f"/alarms/{guessed['id']}/seen", None)).json()
    assert seen["seen_at"] is not None
    assert again == seen
    assert [each["id"] for each in (await her.get("/alarms?unseen=true")).json()["items"]] == [dispute["id"]]
    page = (await her.get("/alarms?limit=1")).json()
    rest = (await her.get(f"/alarms?limit=1&after={page['next']}")).json()
    assert [page["items"][0]["id"], rest["items"][0]["id"]] == [guessed["id"], dispute["id"]]


async def test_signals_say_by_which_figures_they_were_found(counter: Counter) -> None:
    for _ in range(2):
        await counter.till.redeem(await counter.phone.pay_code(), {"G01": 1})
    her = await reviewer(counter)
    found = {each["rule"]: each for each in (await her.get("/signals")).json()["items"]}
    burst = found["burst"]
    assert (burst["till"], burst["redemptions"], burst["points"], burst["facts"]) == (
        counter.till.number,
        1,
        5,
        {"seconds": 60},
    )
    assert burst["zh"] == f"{counter.till.number} 号收银设备有 1 次兑换，离上一次不到 60 秒，共 5 分。"
    assert (await her.get("/signals?month=2001-01")).json() == {"items": [], "next": None}
    for wrong in ("never", "2026-13", "0001-01", "9999-12", "2026-11-01"):
        assert told(await her.get(f"/signals?month={wrong}")) == (400, "invalid_request"), wrong


async def test_a_shop_at_its_limit_of_the_day_is_told_to_the_staff(counter: Counter) -> None:
    async with counter.database.begin() as tx:
        here = await outlets.find(tx, counter.book.book_id, counter.shop.OUTLET)
        await outlets.change(tx, counter.book.book_id, counter.shop.OUTLET, replace(here.details, day_limit=12))
    assert (await counter.till.redeem(await counter.phone.pay_code(), {"G01": 2})).status_code == 201
    before = await counter.stand()
    for _ in range(2):
        answer = await counter.till.redeem(await counter.phone.pay_code(), {"G01": 1})
        assert (told(answer), answer.json()["limit"]) == ((409, "over_limit"), "shop_day")
    assert await counter.stand() == before
    [alarm] = (await (await reviewer(counter)).get("/alarms")).json()["items"]
    assert (alarm["rule"], alarm["times"], alarm["outlet"]) == ("over_shop_day", 2, counter.shop.OUTLET)
