"""A volunteer's hours over HTTP: where each of them is, whose turn it is, and the sentence why."""

from __future__ import annotations

import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import corrections, crediting, organisations, volunteers
from tests.api.conftest import Caller, a_user
from tests.earning import served


class Her(Caller):
    """A volunteer who asks for what is her own."""

    def _url(self, path: str) -> str:
        return f"/api/v1/me{path}"


@pytest.fixture
async def holder(database: AsyncEngine, book: Book) -> str:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "lake", "湖区志愿队")
        return (await volunteers.register(tx, book.book_id, "V-1", "lake")).holder


@pytest.fixture
async def her(http: httpx.AsyncClient, database: AsyncEngine, book: Book, holder: str) -> Her:
    caller = await a_user(http, database, book, Grant("volunteer", volunteer_no="V-1"))
    return Her(caller.http, caller.book, caller.token)


async def hours(her: Her, path: str = "/hours") -> Any:
    answer = await her.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_without_records_there_is_nothing_to_show(her: Her) -> None:
    assert await hours(her) == {"items": [], "next": None, "credit_minutes": 0, "honour_minutes": 0}


async def test_what_was_handed_in_says_who_reviews_it_and_until_when(
    her: Her, database: AsyncEngine, book: Book, holder: str
) -> None:
    of = await served.hands_in(database, book, holder, "lake")
    [told] = (await hours(her))["items"]
    assert (told["record"], told["state"], told["minutes"], told["class"]) == (of.record, "submitted", 150, "credit")
    assert told["turn"] == {
        "who": "reviewer",
        "organisation": "湖区志愿队",
        "until": str(of.due_on),
        "overdue": False,
    }
    assert (told["points"], told["why"], told["rule_set"]) == (None, None, None)
    assert told["organisation_name"] == "湖区志愿队"
    assert not told["may_object"]


async def test_in_notice_the_points_have_a_sentence_in_both_languages(
    her: Her, database: AsyncEngine, book: Book, holder: str
) -> None:
    version = await served.rules(database, book)
    await served.budget(database, book, 1000)
    of = await served.serves(database, book, holder, "lake")
    told = await hours(her, f"/hours/{of.record_id}")
    assert (told["state"], told["points"], told["rule_set"]) == ("in_notice", 25, version)
    assert told["why"]["zh"] == f"服务 2 小时 30 分钟，每小时 10 分，得 25 分（规则第 {version} 版 P01）。"
    assert told["why"]["en"].startswith("2 h 30 min of service, 10 points an hour, 25 points earned")
    assert told["turn"] == {
        "who": "notice",
        "organisation": None,
        "until": str(of.notice_until),
        "overdue": False,
    }
    assert told["may_object"]
    assert (await hours(her))["credit_minutes"] == 150


async def test_without_a_budget_the_hours_count_and_the_points_wait(
    her: Her, database: AsyncEngine, book: Book, holder: str
) -> None:
    await served.rules(database, book)
    await served.serves(database, book, holder, "lake")
    found = await hours(her)
    [told] = found["items"]
    assert (told["state"], told["turn"]["who"], told["points"]) == ("reviewed", "budget", None)
    assert found["credit_minutes"] == 150


async def test_a_refusal_is_told_with_its_reason(her: Her, database: AsyncEngine, book: Book, holder: str) -> None:
    of = await served.hands_in(database, book, holder, "lake")
    await served.reviewed(database, book, of, accept=False, reason="it was a meeting")
    told = await hours(her, f"/hours/{of.record_id}")
    assert (told["state"], told["turn"]["who"], told["reason"]) == ("refused", "nobody", "it was a meeting")


async def test_the_newest_come_first_and_pages_follow_one_another(
    her: Her, database: AsyncEngine, book: Book, holder: str
) -> None:
    async with database.connect() as tx:
        today = day_of(await connect.now(tx))
    days = [today - datetime.timedelta(days=back) for back in (5, 1, 4, 2, 3)]
    for day in days:
        await served.hands_in(database, book, holder, "lake", day=day)
    seen, after = [], ""
    while True:
        page = await hours(her, f"/hours?limit=2{after}")
        assert len(page["items"]) <= 2
        seen += [each["day"] for each in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [str(day) for day in sorted(days, reverse=True)]


@pytest.mark.parametrize(
    "after", ["x", "2026-01-01", "2026-01-01.x", "2026-13-01.00000000-0000-4000-8000-000000000000"]
)
async def test_a_place_that_is_none_is_refused(her: Her, after: str) -> None:
    answer = await her.get(f"/hours?after={after}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_nobody_reads_an_hour_of_somebody_else(her: Her, database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        other = (await volunteers.register(tx, book.book_id, "V-2", "lake")).holder
    of = await served.hands_in(database, book, other, "lake")
    answer = await her.get(f"/hours/{of.record_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_record")
    assert (await hours(her))["items"] == []


async def test_the_passbook_says_of_each_line_which_service_it_was_and_why_so_much(
    her: Her, database: AsyncEngine, book: Book, holder: str
) -> None:
    await served.rules(database, book, notice_days=0)
    await served.budget(database, book, 1000)
    earlier = connect.to(her_url(database), clock=lambda time: time - datetime.timedelta(days=1))
    of = await served.serves(earlier, book, holder, "lake")
    await earlier.dispose()
    await crediting.release(database, book.book_id)
    [line] = (await hours(her, "/passbook"))["items"]
    assert (line["kind"], line["side"], line["amount"]) == ("earn.release", "credit", 25)
    assert line["record"] == str(of.record_id)
    assert "每小时 10 分" in line["why"]["zh"]
    out, came = (await hours(her, "/passbook?account=notice"))["items"]
    assert (out["kind"], came["kind"]) == ("earn.release", "earn.points")
    assert out["record"] == came["record"] == str(of.record_id)
    [served_line] = (await hours(her, "/passbook?account=hours"))["items"]
    assert (served_line["amount"], served_line["record"]) == (150, str(of.record_id))
    assert (await hours(her, "/passbook?account=honour"))["items"] == []


async def test_what_was_corrected_names_the_record_in_every_line_that_undid_it(
    her: Her, database: AsyncEngine, book: Book, holder: str
) -> None:
    await served.rules(database, book)
    await served.budget(database, book, 1000)
    of = await served.serves(database, book, holder, "lake")
    async with database.begin() as tx:
        now = await connect.now(tx)
        await corrections.correct(
            tx, book.book_id, of.record_id, by="user:1", approver="user:2", reason="entered twice", now=now
        )
    for account in ("notice", "hours"):
        lines = (await hours(her, f"/passbook?account={account}"))["items"]
        assert [line["record"] for line in lines] == [str(of.record_id)] * 2
    told = await hours(her, f"/hours/{of.record_id}")
    assert (told["state"], told["reason"]) == ("corrected", "entered twice")
    assert (await hours(her))["credit_minutes"] == 0


async def test_a_line_that_comes_from_no_record_says_no_why(
    her: Her, database: AsyncEngine, book: Book, holder: str, machine: Caller
) -> None:
    await machine.post("/accounts", {"code": "5120.lake", "name": "x", "class": "expense", "unit": "PT"})
    lines = [
        {"account": "5120.lake", "side": "debit", "amount": 7},
        {"account": f"2100.{holder}", "side": "credit", "amount": 7},
    ]
    body = {"kind": "gift", "effective_at": str(book.first_day + datetime.timedelta(days=9000)), "lines": lines}
    assert (await machine.post("/transactions", body, "k")).status_code == 201
    [line] = (await hours(her, "/passbook"))["items"]
    assert (line["amount"], line["record"], line["why"]) == (7, None, None)


async def test_what_she_takes_with_her_has_her_records_with_the_sentence(
    her: Her, database: AsyncEngine, book: Book, holder: str
) -> None:
    await served.rules(database, book)
    await served.budget(database, book, 1000)
    of = await served.serves(database, book, holder, "lake")
    [told] = (await hours(her, "/export"))["hours"]
    assert told == await hours(her, f"/hours/{of.record_id}")


def her_url(database: AsyncEngine) -> str:
    return database.url.render_as_string(hide_password=False)
