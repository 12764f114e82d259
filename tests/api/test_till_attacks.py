"""Attacks on tills: what somebody may try with codes, tokens, keys and clocks; none moves what it should not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger import eighteen
from ledger.access import ciphers, tokens
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.spending import alarms, catalogue, outlets, policies, tickets
from ledger.spending.outlets import Details
from ledger.spending.tables import items, quotes
from tests.api.conftest import SETTINGS
from tests.api.counters import Counter, Device, a_counter, lines, new_key, nobodys, told
from tests.conftest import new_book

KEYS = ciphers.Keys.of(SETTINGS.identity_keys, SETTINGS.index_keys, SETTINGS.print_keys)


@pytest.fixture
async def counter(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Counter:
    return await a_counter(http, database, book)


async def another_outlet(counter: Counter, code: str = "X0002") -> Device:
    """A till of another shop, with soap of its own."""
    async with counter.database.begin() as tx:
        await outlets.add(tx, counter.book.book_id, code, Details("二社区爱心驿站", "care_station", "D1"))
        await catalogue.offer(tx, counter.book.book_id, code, "G01", "merchant")
    return await counter.another_till(code)


async def refused(counter: Counter, doing: Any, status: int, code: str) -> httpx.Response:
    """Something is refused, and nothing has moved."""
    before = await counter.stand()
    answer: httpx.Response = await doing
    assert told(answer) == (status, code), answer.text
    assert await counter.stand() == before
    return answer


# --- codes ------------------------------------------------------------------------------------------------------------


async def test_a_used_code_buys_nothing_again(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    assert (await counter.till.redeem(code, {"G01": 1})).status_code == 201
    elsewhere = await another_outlet(counter)
    for till in (counter.till, elsewhere):
        answer = await refused(counter, till.redeem(code, {"G01": 1}), 409, "code_used")
        assert answer.json()["used_at"]
        await refused(counter, till.quote(code, {"G01": 1}), 409, "code_used")
    assert await counter.shop.wallet() == 95


async def test_an_expired_code_buys_nothing_by_the_databases_clock(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    late = counter.later(counter.till, seconds=61)
    await refused(counter, late.redeem(code, {"G01": 1}), 409, "code_not_valid")
    await refused(counter, late.quote(code, {"G01": 1}), 409, "code_not_valid")
    assert (await counter.till.redeem(code, {"G01": 1})).status_code == 201


async def test_a_code_that_nobody_has_buys_nothing(counter: Counter) -> None:
    await refused(counter, counter.till.redeem(nobodys(), {"G01": 1}), 409, "code_not_valid")
    await refused(counter, counter.till.quote(nobodys(), {"G01": 1}), 409, "code_not_valid")


async def test_the_code_before_the_newest_buys_nothing(counter: Counter) -> None:
    old, new = await counter.phone.pay_code(), await counter.phone.pay_code()
    await refused(counter, counter.till.redeem(old, {"G01": 1}), 409, "code_not_valid")
    assert (await counter.till.redeem(new, {"G01": 1})).status_code == 201


async def test_a_mistyped_code_is_told_so_and_buys_nothing(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    before = await counter.stand()
    for wrong in (
        code[:-1] + str((int(code[-1]) + 1) % 10),
        code[:-1],
        code + "0",
        "10" + code[2:],
        f"https://meide.test/{code}",
        "' OR 1=1 --",
        "",
    ):
        for answer in (await counter.till.redeem(wrong, {"G01": 1}), await counter.till.quote(wrong, {"G01": 1})):
            assert told(answer) == (422, "code_mistyped"), (wrong, answer.text)
    torn = code[:9] + "\x00" + code[9:]
    assert told(await counter.till.redeem(torn, {"G01": 1})) in ((422, "code_mistyped"), (400, "invalid_request"))
    assert await counter.stand() == before


async def test_a_code_typed_by_a_gun_under_an_input_method_is_hers(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    full_width = code.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    grouped = " ".join((full_width[:6], full_width[6:12], full_width[12:]))
    assert (await counter.till.redeem(grouped, {"G01": 1})).status_code == 201


async def test_a_code_of_another_book_buys_nothing_here(
    counter: Counter, http: httpx.AsyncClient, database: AsyncEngine
) -> None:
    other = await a_counter(http, database, await new_book(database))
    code = await other.phone.pay_code()
    there = await other.stand()
    await refused(counter, counter.till.redeem(code, {"G01": 1}), 409, "code_not_valid")
    assert await other.stand() == there
    assert (await other.till.redeem(code, {"G01": 1})).status_code == 201  # it is as good as before at home


async def test_the_same_code_at_two_tills_at_once_buys_once(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    tills = [counter.till, *[await counter.another_till() for _ in range(5)]]
    answers = await asyncio.gather(*(till.redeem(code, {"G01": 1}) for till in tills))
    assert sorted(map(told, answers)) == [(201, ""), *[(409, "code_used")] * 5]
    assert (await counter.shop.wallet(), await counter.shop.pieces("G01")) == (95, 199)


async def test_a_code_that_one_till_has_quoted_is_that_tills(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    quoted = await counter.till.quote(code, {"G01": 1})
    other = await counter.another_till()
    await refused(counter, other.quote(code, {"G01": 9}), 409, "code_elsewhere")
    await refused(counter, other.redeem(code, {"G01": 9}), 409, "code_elsewhere")
    stolen = {"quote": quoted.json()["quote"]}
    await refused(counter, other.post("/redemptions", stolen, new_key()), 404, "unknown_quote")
    assert (await counter.till.post("/redemptions", stolen, new_key())).status_code == 201
    assert await counter.shop.wallet() == 95


# --- what is asked for ------------------------------------------------------------------------------------------------


async def test_a_quantity_that_is_none_is_refused_and_the_code_still_good(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    wrong: tuple[Any, ...] = (0, -1, 2**63, 2**63 - 1, 1.5, "1", True, None)
    for quantity in wrong:
        await refused(counter, counter.till.redeem(code, {"G01": quantity}), 400, "invalid_request")
        await refused(counter, counter.till.quote(code, {"G01": quantity}), 400, "invalid_request")
    assert (await counter.till.redeem(code, {"G01": 1})).status_code == 201


async def test_pieces_that_come_back_are_counted_too(counter: Counter) -> None:
    made = (await counter.till.redeem(await counter.phone.pay_code(), {"G01": 2})).json()["id"]
    for quantity in (0, -1, 2**63, 1.5):
        body = {"lines": [{"line": 0, "quantity": quantity}]}
        await refused(
            counter, counter.till.post(f"/redemptions/{made}/refunds", body, new_key()), 400, "invalid_request"
        )


async def test_an_item_switched_off_between_quote_and_redeem_is_not_redeemed(counter: Counter) -> None:
    quoted = (await counter.till.quote(await counter.phone.pay_code(), {"G01": 1})).json()["quote"]
    async with counter.database.begin() as tx:
        await catalogue.switch(tx, counter.book.book_id, counter.shop.OUTLET, "G01", False)
    await refused(counter, counter.till.post("/redemptions", {"quote": quoted}, new_key()), 409, "not_offered")
    async with counter.database.begin() as tx:
        await catalogue.switch(tx, counter.book.book_id, counter.shop.OUTLET, "G01", True)
    assert (await counter.till.post("/redemptions", {"quote": quoted}, new_key())).status_code == 201


async def test_of_one_piece_and_fifty_buyers_one_gets_it(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    counter = await a_counter(http, database, book, people=50, points=5, soap=1)
    phones = [counter.phone, *[await counter.phone_of(number) for number in range(1, 50)]]
    codes = [await phone.pay_code() for phone in phones]
    tills = [await counter.another_till() for _ in range(10)]
    at_once = asyncio.Semaphore(10)

    async def buys(number: int) -> httpx.Response:
        async with at_once:
            return await tills[number % 10].redeem(codes[number], {"G01": 1})

    answers = await asyncio.gather(*(buys(number) for number in range(50)))
    assert sorted(map(told, answers)) == [(201, ""), *[(409, "sold_out")] * 49]
    wallets = [await counter.shop.wallet(each.holder) for each in counter.shop.programme.volunteers]
    assert (sorted(wallets), await counter.shop.pieces("G01")) == ([0, *[5] * 49], 0)


async def test_nobody_goes_over_her_quota_with_another_code(counter: Counter) -> None:
    async with counter.database.begin() as tx:
        of_it = items.c.book_id == counter.book.book_id, items.c.item == "G01"
        await tx.execute(update(items).where(*of_it).values(quotas=[{"by": "person", "times": 2, "per": "day"}]))
    assert (await counter.till.redeem(await counter.phone.pay_code(), {"G01": 2})).status_code == 201
    await refused(counter, counter.till.redeem(await counter.phone.pay_code(), {"G01": 1}), 409, "over_quota")


async def test_a_balance_is_spent_once_however_many_codes_there_were(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    counter = await a_counter(http, database, book, points=12)
    for _ in range(2):
        assert (await counter.till.redeem(await counter.phone.pay_code(), {"G01": 1})).status_code == 201
    await refused(counter, counter.till.redeem(await counter.phone.pay_code(), {"G01": 1}), 409, "not_enough_points")
    assert await counter.shop.wallet() == 2


# --- undone -----------------------------------------------------------------------------------------------------------


async def test_what_was_refunded_is_not_cancelled(counter: Counter) -> None:
    made = (await counter.till.redeem(await counter.phone.pay_code(), {"G01": 3})).json()["id"]
    body = {"lines": [{"line": 0, "quantity": 1}]}
    assert (await counter.till.post(f"/redemptions/{made}/refunds", body, new_key())).status_code == 201
    answer = await refused(
        counter, counter.till.post(f"/redemptions/{made}/cancel", None, new_key()), 409, "not_cancellable"
    )
    assert answer.json()["why"] == "refunded"
    assert (await counter.shop.wallet(), await counter.shop.pieces("G01")) == (90, 198)


async def test_nothing_is_refunded_beyond_the_original(counter: Counter) -> None:
    made = (await counter.till.redeem(await counter.phone.pay_code(), {"G01": 3})).json()["id"]
    address = f"/redemptions/{made}/refunds"

    def back(quantity: int) -> dict[str, Any]:
        return {"lines": [{"line": 0, "quantity": quantity}]}

    await refused(counter, counter.till.post(address, back(4), new_key()), 409, "not_refundable")
    answers = await asyncio.gather(*(counter.till.post(address, back(2), new_key()) for _ in range(3)))
    assert sorted(map(told, answers)) == [(201, ""), *[(409, "not_refundable")] * 2]
    twice = {"lines": [{"line": 0, "quantity": 1}, {"line": 0, "quantity": 1}]}
    await refused(counter, counter.till.post(address, twice, new_key()), 400, "invalid_request")
    assert (await counter.till.post(address, back(1), new_key())).status_code == 201
    await refused(counter, counter.till.post(address, back(1), new_key()), 409, "not_refundable")
    assert (await counter.shop.wallet(), await counter.shop.pieces("G01")) == (100, 200)


async def test_what_was_cancelled_is_not_cancelled_or_refunded_again(counter: Counter) -> None:
    made = (await counter.till.redeem(await counter.phone.pay_code(), {"G01": 3})).json()["id"]
    cancel = f"/redemptions/{made}/cancel"
    answers = await asyncio.gather(*(counter.till.post(cancel, None, new_key()) for _ in range(3)))
    assert sorted(map(told, answers)) == [(201, ""), *[(409, "not_cancellable")] * 2]
    body = {"lines": [{"line": 0, "quantity": 1}]}
    await refused(counter, counter.till.post(f"/redemptions/{made}/refunds", body, new_key()), 409, "not_refundable")
    assert (await counter.shop.wallet(), await counter.shop.pieces("G01")) == (100, 200)


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_an_answer_that_was_lost_after_the_commit_is_found_by_its_key(counter: Counter) -> None:
    code, key = await counter.phone.pay_code(), new_key()
    lost = (await counter.till.redeem(code, {"G01": 1}, key)).json()
    before = await counter.stand()
    found = await counter.till.get(f"/redemptions/by-key/{key}")
    assert (found.status_code, found.json()) == (200, lost)
    again = await counter.till.redeem(code, {"G01": 1}, key)
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, lost, "true")
    assert await counter.stand() == before
    assert told(await counter.till.get(f"/redemptions/by-key/{new_key()}")) == (404, "unknown_redemption")


async def test_a_key_is_its_tills_own(counter: Counter) -> None:
    key = new_key()
    await counter.till.redeem(await counter.phone.pay_code(), {"G01": 1}, key)
    other = await counter.another_till()
    assert told(await other.get(f"/redemptions/by-key/{key}")) == (404, "unknown_redemption")
    await refused(
        counter, counter.till.redeem(await counter.phone.pay_code(), {"G01": 2}, key), 409, "idempotency_conflict"
    )


async def test_a_key_keeps_its_refusal_and_the_code_stays_good(counter: Counter) -> None:
    code, key = await counter.phone.pay_code(), new_key()
    await refused(counter, counter.till.redeem(code, {"G01": 21}, key), 409, "not_enough_points")
    await counter.shop.give(10_000)
    again = await refused(counter, counter.till.redeem(code, {"G01": 21}, key), 409, "not_enough_points")
    assert again.headers["idempotency-replayed"] == "true"
    assert (await counter.till.redeem(code, {"G01": 1})).status_code == 201


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_wrong_by_an_hour_changes_nothing(counter: Counter, hours: int) -> None:
    wrong = auth.now() + timedelta(hours=hours)
    headers = {"Date": wrong.strftime("%a, %d %b %Y %H:%M:%S GMT"), "X-Time": wrong.isoformat()}
    code = await counter.phone.pay_code()
    late = counter.later(counter.till, seconds=61)
    before = await counter.stand()
    assert told(await late.redeem(code, {"G01": 1}, **headers)) == (409, "code_not_valid")
    assert await counter.stand() == before
    made = await counter.till.redeem(code, {"G01": 1}, **headers)
    assert made.status_code == 201
    async with counter.database.connect() as tx:
        now = await connect.now(tx)
    assert abs(datetime.fromisoformat(made.json()["made_at"]) - now) < timedelta(minutes=1)


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_a_revoked_till_does_nothing_more(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    made = (await counter.till.redeem(code, {"G01": 1})).json()["id"]
    fresh = await counter.phone.pay_code()
    async with counter.database.begin() as tx:
        await tokens.revoke(tx, counter.book.book_id, counter.till.number, "user:1", auth.now())
    for doing in (
        counter.till.quote(fresh, {"G01": 1}),
        counter.till.redeem(fresh, {"G01": 1}),
        counter.till.post(f"/redemptions/{made}/cancel", None, new_key()),
        counter.till.get(f"/redemptions/{made}"),
    ):
        before = await counter.stand()
        assert (await doing).status_code == 401
        assert await counter.stand() == before


async def test_a_copied_token_is_good_until_it_is_revoked_and_for_its_outlet_only(counter: Counter) -> None:
    copied = Device(counter.http, counter.till.token, counter.till.number)
    assert (await copied.redeem(await counter.phone.pay_code(), {"G01": 1})).status_code == 201
    theirs = await another_outlet(counter)
    made = (await theirs.redeem(await counter.phone.pay_code(), {"G01": 1})).json()["id"]
    body = {"lines": [{"line": 0, "quantity": 1}]}
    for doing in (
        copied.get(f"/redemptions/{made}"),
        copied.post(f"/redemptions/{made}/cancel", None, new_key()),
        copied.post(f"/redemptions/{made}/refunds", body, new_key()),
    ):
        await refused(counter, doing, 404, "unknown_redemption")
    async with counter.database.begin() as tx:
        await tokens.revoke(tx, counter.book.book_id, counter.till.number, "user:1", auth.now())
    assert (await copied.redeem(await counter.phone.pay_code(), {"G01": 1})).status_code == 401
    assert (await theirs.redeem(await counter.phone.pay_code(), {"G01": 1})).status_code == 201


async def test_only_a_till_sells(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    before = await counter.stand()
    for path, body in (("/quotes", {"code": code, "lines": lines({"G01": 1})}), ("/redemptions", {"code": code})):
        assert (await counter.phone.post(path, body, new_key())).status_code == 403
    for path in ("/me/pay-codes", "/me/redemptions"):
        assert (await counter.till.get(path)).status_code in (403, 405)
    assert (await counter.till.post("/me/pay-codes", None)).status_code == 403
    assert await counter.stand() == before


# --- guessing ---------------------------------------------------------------------------------------------------------


async def alarms_of(counter: Counter) -> list[alarms.Alarm]:
    async with counter.database.connect() as tx:
        return await alarms.listed(tx, counter.book.book_id)


async def test_who_guesses_five_times_in_ten_minutes_locks_that_till_and_the_staff_hear_of_it(
    counter: Counter,
) -> None:
    before = await counter.stand()
    other = await counter.another_till()
    for _ in range(5):
        assert told(await counter.till.redeem(nobodys(), {"G01": 1})) == (409, "code_not_valid")
    code = await counter.phone.pay_code()
    locked = await counter.till.redeem(code, {"G01": 1})
    assert told(locked) == (409, "till_locked")
    assert told(await counter.till.quote(code, {"G01": 1})) == (409, "till_locked")
    [alarm] = await alarms_of(counter)
    assert (alarm.rule, alarm.till, alarm.outlet, alarm.holder) == (
        "unknown_codes",
        counter.till.number,
        counter.shop.OUTLET,
        None,
    )
    assert await counter.stand() == before
    assert (await other.redeem(code, {"G01": 1})).status_code == 201  # the shop's other till goes on
    fresh = await counter.phone.pay_code()
    assert told(await counter.later(counter.till, minutes=9).quote(fresh, {"G01": 1})) == (409, "till_locked")
    after = counter.later(counter.till, minutes=11)
    assert told(await after.quote(nobodys(), {"G01": 1})) == (409, "code_not_valid")


async def test_guesses_that_come_slowly_lock_nothing(counter: Counter) -> None:
    for _ in range(4):
        await counter.till.quote(nobodys(), {"G01": 1})
    assert told(await counter.later(counter.till, minutes=11).quote(nobodys(), {"G01": 1})) == (409, "code_not_valid")
    assert await alarms_of(counter) == []


async def test_guesses_all_at_once_lock_the_till_as_well(counter: Counter) -> None:
    answers = await asyncio.gather(*(counter.till.quote(nobodys(), {"G01": 1}) for _ in range(8)))
    assert set(map(told, answers)) <= {(409, "code_not_valid"), (409, "till_locked")}
    assert told(await counter.till.quote(nobodys(), {"G01": 1})) == (409, "till_locked")
    assert len(await alarms_of(counter)) == 1


async def test_mistyped_digits_lock_nothing(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    for _ in range(10):
        assert told(await counter.till.redeem(wrong, {"G01": 1})) == (422, "code_mistyped")
    assert (await counter.till.redeem(code, {"G01": 1})).status_code == 201
    assert await alarms_of(counter) == []


# --- what a shop learns -----------------------------------------------------------------------------------------------


@contextmanager
def statements(database: AsyncEngine) -> Iterator[list[str]]:
    """The SQL that is sent while the block runs, without its values."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(database.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.sync_engine, "before_cursor_execute", note)


def same_but_for_the_request(one: httpx.Response, other: httpx.Response) -> bool:
    """Equal for whoever reads them: status, body, headers but the request's own number."""
    own = {"x-request-id", "date"}
    heads = [{name: value for name, value in each.headers.items() if name not in own} for each in (one, other)]
    return one.status_code == other.status_code and one.content == other.content and heads[0] == heads[1]


@pytest.mark.parametrize("call", ["quotes", "redemptions"])
async def test_unknown_and_expired_codes_are_one_answer_by_the_same_statements(counter: Counter, call: str) -> None:
    expired = await counter.phone.pay_code()
    await told_the_same(counter, call, nobodys(), expired, seconds=90)


@pytest.mark.parametrize("call", ["quotes", "redemptions"])
async def test_unknown_and_expired_tickets_are_one_answer_by_the_same_statements(counter: Counter, call: str) -> None:
    digits = eighteen.new_number(eighteen.PAPER)
    async with counter.database.begin() as tx:
        now = await connect.now(tx)
        policy = await policies.in_force(tx, counter.book.book_id, day_of(now))
        await tickets.issue(
            *(tx, counter.book.book_id, counter.shop.holder, [ciphers.digest(KEYS, "spending", digits)]),
            by="user:1",
            now=now,
            policy=policy,
        )
    await told_the_same(counter, call, eighteen.new_number(eighteen.PAPER), digits, days=policy.ticket_days + 1)


async def told_the_same(counter: Counter, call: str, nobodys_own: str, expired: str, **later_by: float) -> None:
    """An unknown number and an expired one are answered alike, by the same statements."""
    late = counter.later(counter.till, **later_by)

    async def tried(code: str) -> tuple[httpx.Response, list[str]]:
        body = {"code": code, "lines": lines({"G01": 1})}
        with statements(counter.database) as sent:
            answer = await late.post(f"/{call}", body, new_key() if call == "redemptions" else None)
        return answer, sent

    before = await counter.stand()
    await tried(nobodys_own)  # what is read once only has been read
    first, by_first = await tried(nobodys_own)
    second, by_second = await tried(expired)
    assert told(first) == (409, "code_not_valid")
    assert same_but_for_the_request(first, second), (first.text, second.text)
    assert by_first
    assert by_first == by_second
    assert await counter.stand() == before


async def test_a_balance_is_not_found_out_by_quotes(counter: Counter) -> None:
    code = await counter.phone.pay_code()
    before = await counter.stand()
    for pieces in (1, 20, 21):  # 5, 100 and 105 points
        answer = await counter.till.quote(code, {"G01": pieces})
        assert answer.json()["enough"] is (pieces <= 20)
        assert answer.json().keys() == {
            *("quote", "name_masked", "agent_masked", "lines", "points", "enough", "word", "expires_at")
        }
    assert told(await counter.till.quote(code, {"G01": 1})) == (409, "too_many_quotes")
    assert await counter.stand() == before


async def test_quotes_of_a_person_are_counted_over_a_day_at_an_outlet(counter: Counter) -> None:
    before = await counter.stand()
    tills = [counter.till, await counter.another_till()]
    for number in range(30):
        answer = await tills[number % 2].quote(await counter.phone.pay_code(), {"G01": 1})
        assert answer.status_code == 201, answer.text
    for till in tills:
        assert told(await till.quote(await counter.phone.pay_code(), {"G01": 1})) == (409, "too_many_quotes")
    async with counter.database.connect() as tx:
        kept = await tx.execute(select(quotes.c.quote_id).where(quotes.c.book_id == counter.book.book_id))
        assert len(kept.all()) == 30
    assert await counter.stand() == before


async def test_enough_and_not_enough_are_told_by_the_same_statements(counter: Counter) -> None:
    await counter.till.quote(await counter.phone.pay_code(), {"G01": 1})

    async def asked(pieces: int) -> list[str]:
        code = await counter.phone.pay_code()
        with statements(counter.database) as sent:
            assert (await counter.till.quote(code, {"G01": pieces})).json()["enough"] is (pieces <= 20)
        return sent

    enough = await asked(20)
    assert enough
    assert enough == await asked(21)


async def test_a_refusal_for_want_of_points_says_no_figure(counter: Counter) -> None:
    answer = await refused(
        counter, counter.till.redeem(await counter.phone.pay_code(), {"G01": 21}), 409, "not_enough_points"
    )
    assert answer.json().keys() == {"type", "title", "status", "detail", "code"}
    assert not any(digit in answer.json()["detail"] for digit in "0123456789")


async def test_a_shop_learns_no_name_and_no_number_of_hers(counter: Counter) -> None:
    made = (await counter.till.redeem(await counter.phone.pay_code(), {"G01": 1})).json()["id"]
    texts = [
        (await counter.till.get(f"/redemptions/{made}")).text,
        (await counter.till.quote(await counter.phone.pay_code(), {"G01": 1})).text,
    ]
    for text in texts:
        assert counter.shop.holder not in text
        assert counter.shop.volunteer.volunteer_no not in text
