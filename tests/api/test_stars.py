"""Stars over HTTP: her own as of any day and as known then, and for staff those of whom they may see."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import hours, organisations
from ledger.recognition import ladders
from ledger.recognition.ladder import Ladder, Level
from tests.api.conftest import Caller, a_machine, a_user

OPENED: Final = date(2025, 12, 31)
MINUTES: Final = {"V-1": 17_250, "V-2": 90_000, "V-3": 0, "V-4": 6_000}


@pytest.fixture
async def people(database: AsyncEngine, book: Book) -> None:
    """V-1 and V-2 of `street`, V-3 and V-4 of `lane` below it, with hours from an earlier platform."""
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "街道")
        await organisations.add(tx, book.book_id, "lane", "里弄", "street")
        for code, numbers in (("street", ("V-1", "V-2")), ("lane", ("V-3", "V-4"))):
            rows = [(number, MINUTES[number]) for number in numbers]
            await hours.carry_over(tx, book.book_id, code, OPENED, rows, by="user:1")


async def of_me(http: httpx.AsyncClient, me: Caller, **asked: Any) -> Any:
    answer = await http.get("/api/v1/me/stars", params=asked, headers={"Authorization": f"Bearer {me.token}"})
    return answer.json() | {"status_code": answer.status_code}


async def test_she_reads_her_star_why_and_what_is_missing_to_the_next(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, people: None
) -> None:
    me = await a_user(http, database, book, Grant("volunteer", volunteer_no="V-1"))
    told = await of_me(http, me)
    assert (told["status_code"], told["as_of"], told["ladder"], told["star"]) == (200, str(auth.today()), 0, 1)
    assert told["title"] == {"zh": "一星", "en": "1 star"}
    assert (told["credit_minutes"], told["honour_minutes"], told["minutes"]) == (17_250, 0, 17_250)
    assert (told["year_minutes"], told["points"], told["held"], told["awards"]) == (None, None, 0, [])
    assert told["why"]["zh"].endswith("，服务时长 287 小时 30 分钟，满 100 小时，是一星（全国星级标准）。")
    assert told["why"]["en"].endswith(": 287 h 30 min of service, 100 h needed, which is 1 star (the national ladder).")
    assert told["next"] == {
        "star": 2,
        "title": {"zh": "二星", "en": "2 stars"},
        "minutes": 18_000,
        "points": 0,
        "missing": [
            {
                "need": "minutes",
                "amount": 750,
                "since": None,
                "words": {"zh": "再服务 12 小时 30 分钟", "en": "12 h 30 min more of service"},
            }
        ],
        "words": {
            "zh": "再服务 12 小时 30 分钟，就到二星。",
            "en": "To come to 2 stars: 12 h 30 min more of service.",
        },
    }
    before = await of_me(http, me, as_of="2025-12-30")
    assert (before["star"], before["minutes"], before["title"]["zh"]) == (0, 0, "还没有星级")
    assert before["why"]["zh"] == "到 2025年12月30日，服务时长 0 小时，不到一星的 100 小时（全国星级标准）。"
    highest = await a_user(http, database, book, Grant("volunteer", volunteer_no="V-2"))
    assert ((told := await of_me(http, highest))["star"], told["next"]) == (5, None)


async def test_another_days_rules_and_what_was_known_then_can_be_asked_for(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, people: None
) -> None:
    me = await a_user(http, database, book, Grant("volunteer", volunteer_no="V-1"))
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    async with database.begin() as tx:
        now = await connect.now(tx)
        steep = Ladder(levels=(Level(1), Level(2, points=10, months=1200, in_order=True, title="金星")))
        drafted = await ladders.draft(tx, book.book_id, steep, effective_from=date(2026, 2, 1), by="user:1", now=now)
        await ladders.approve(tx, book.book_id, drafted.version, by="user:2", now=now)
    old, new = await of_me(http, me, as_of="2026-01-31"), await of_me(http, me, as_of="2026-02-01")
    assert ((old["ladder"], old["star"]), (new["ladder"], new["star"])) == ((0, 1), (1, 1))
    assert new["points"] == 0
    assert [each["need"] for each in new["next"]["missing"]] == ["points", "registered", "in_order"]
    assert new["next"]["words"]["zh"].startswith("再挣 10 分，到 ")
    assert new["next"]["words"]["zh"].endswith("注册满 1200 个月，先获授一星，就到金星。")
    assert (await of_me(http, me, as_of="2026-02-01", rules_on="2026-01-31"))["ladder"] == 0
    assert (await of_me(http, me, as_of="2026-01-31", rules_on="2026-02-01"))["ladder"] == 1
    # Yesterday neither she nor her ladder was known.
    then = await of_me(http, me, as_of="2026-02-01", known_at=yesterday)
    assert (then["ladder"], then["star"], then["credit_minutes"]) == (0, 0, 0)

    for wrong in ({"as_of": "2999-01-01"}, {"as_of": "0001-01-01"}, {"as_of": "then"}, {"rules_on": "2026-02-30"},
                  {"known_at": datetime.now(UTC).isoformat()}, {"known_at": "x"}):  # fmt: skip
        refused = await of_me(http, me, **wrong)
        assert (refused["status_code"], refused["code"]) == (400, "invalid_request")
        assert refused["errors"][0]["field"] == next(iter(wrong))
    assert (await of_me(http, me, known_at="1970-01-01"))["status_code"] == 200


async def test_staff_read_the_stars_of_their_organisations_page_by_page(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book, people: None
) -> None:
    everywhere = await a_machine(http, database, book, ["records:read"], [])
    found: list[tuple[str, int]] = []
    after = ""
    while True:
        page = (await everywhere.get(f"/stars?as_of={OPENED}&limit=3{after}")).json()
        found += [(each["volunteer"], each["star"]) for each in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == [("V-1", 1), ("V-2", 5), ("V-3", 0), ("V-4", 1)]
    assert {each["awards"] for each in page["items"]} == {None}
    lane = await a_user(http, database, book, Grant("recorder", "lane"))
    assert [each["volunteer"] for each in (await lane.get("/stars")).json()["items"]] == ["V-3", "V-4"]
    one = (await lane.get(f"/volunteers/V-4/stars?as_of={OPENED}")).json()
    assert (one["star"], one["as_of"], one["awards"]) == (1, str(OPENED), [])
    assert (await lane.get("/volunteers/V-1/stars")).status_code == 403
    assert (await everywhere.get("/volunteers/V-9/stars")).status_code == 404
