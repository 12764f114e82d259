"""Public boards over HTTP: names as their owners agree to at that very moment, and of minors nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, boards, keys
from api import volunteers as staff_of_volunteers
from ledger.access import consents, persons
from ledger.access.identities import Identity
from ledger.access.rights import Grant, Principal
from ledger.books.directory import Book
from ledger.earning import organisations, volunteers
from ledger.earning.volunteers import Volunteer
from ledger.recognition.tables import board_rows
from tests.api.conftest import SETTINGS, Caller, a_user
from tests.earning import served
from tests.recognition.awarded import a_star

KEYS: Final = keys.personal(SETTINGS)
GROWN: Final = date(1958, 3, 2)
VERSION: Final = consents.OFFERED["public_name"]


def years_ago(years: int, days: int = 0) -> date:
    today = auth.today()
    return date(today.year - years, today.month, 1) - timedelta(days=days)


CHILD: Final = years_ago(15)


@dataclass
class Station:
    """A book with staff, an organisation, and volunteers with three stars and more whom a board may show."""

    http: httpx.AsyncClient
    database: AsyncEngine
    book: Book
    staff: Caller

    async def volunteer(
        self,
        number: str,
        name: str | None = None,
        born: date | None = None,
        *,
        star: int = 3,
        minutes: int = 0,
        organisation: str = "street",
    ) -> Volunteer:
        async with self.database.begin() as tx:
            her = await volunteers.register(tx, self.book.book_id, number, organisation)
            if star:
                await a_star(tx, self.book.book_id, her.holder, star)
        if minutes:
            await served.reviewed(
                *(self.database, self.book),
                await served.hands_in(self.database, self.book, her.holder, organisation, minutes),
            )
        if name is not None:
            await self.recorded(her, name, born)
        return her

    async def recorded(self, her: Volunteer, name: str, born: date | None) -> None:
        async with self.database.begin() as tx:
            identity = Identity(name, born=born)
            await persons.record(
                tx, KEYS, self.book.book_id, her.volunteer_no, her.holder, identity, "user:1", auth.now()
            )

    async def agrees(self, her: Volunteer, by: str = "self") -> None:
        async with self.database.begin() as tx:
            await consents.give(tx, self.book.book_id, her.holder, "public_name", VERSION, by, auth.now())

    async def withdraws(self, her: Volunteer) -> None:
        async with self.database.begin() as tx:
            await consents.withdraw(tx, self.book.book_id, her.holder, "public_name", "self", auth.now())

    async def publish(self, kind: str = "stars", **more: Any) -> dict[str, Any]:
        answer = await self.staff.post("/boards", wanted(kind, **more))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def read(self, board: dict[str, Any], query: str = "") -> httpx.Response:
        """As anybody: nobody is signed in."""
        answer = await self.http.get(f"/api/v1/books/{self.book.code}/boards/{board['id']}{query}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
        return answer

    async def names(self, board: dict[str, Any]) -> list[tuple[int, str | None, str]]:
        items = (await self.read(board)).json()["items"]
        return [(each["rank"], each["name"], each["number_ends"]) for each in items]


def wanted(kind: str = "stars", **more: Any) -> dict[str, Any]:
    today = auth.today()
    return {"kind": kind, "from_day": "2020-01-01", "to_day": today.isoformat()} | more


@pytest.fixture
async def station(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Station:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "street", "湖滨街道")
    return Station(http, database, book, await a_user(http, database, book, Grant("operator")))


# --- names -----------------------------------------------------------------------------------------------------------


async def test_names_are_masked_until_their_owner_agrees_and_again_at_once(station: Station) -> None:
    her = await station.volunteer("V20260012", "王秀英", GROWN)
    board = await station.publish()
    assert await station.names(board) == [(1, "王**", "0012")]
    await station.agrees(her)
    assert await station.names(board) == [(1, "王秀英", "0012")]
    await station.withdraws(her)
    assert await station.names(board) == [(1, "王**", "0012")]
    answer = await station.read(board)
    assert "秀英" not in answer.text
    assert "V2026" not in answer.text


async def test_what_a_guardian_agrees_to_does_not_name_a_minor(station: Station) -> None:
    child = await station.volunteer("V20260012", "李小明", CHILD)
    await station.agrees(child, by="guardian")
    await station.agrees(child)
    board = await station.publish()
    assert await station.names(board) == []


async def test_what_was_agreed_to_for_a_minor_does_not_name_the_grown_up(station: Station) -> None:
    her = await station.volunteer("V20260012", "李小明", years_ago(18, days=40))
    async with station.database.begin() as tx:
        when = auth.now() - timedelta(days=100)
        await consents.give(tx, station.book.book_id, her.holder, "public_name", VERSION, "guardian", when)
    board = await station.publish()
    assert await station.names(board) == [(1, "李**", "0012")]
    me = await a_user(station.http, station.database, station.book, Grant("volunteer", volunteer_no="V20260012"))
    seen = await me.http.get("/api/v1/me/boards", headers={"Authorization": f"Bearer {me.token}"})
    assert (seen.json()["in_full"], seen.json()["agreed"]) == (False, True)
    principal = Principal("user", 1, station.book.code, station.book.book_id, grants=(hers("V20260012"),))
    async with station.database.begin() as tx:
        await boards.agree(tx, KEYS, principal, VERSION)
    assert await station.names(board) == [(1, "李小明", "0012")]


def hers(number: str) -> Grant:
    return Grant("volunteer", volunteer_no=number)


async def test_who_is_not_known_as_a_grown_up_is_masked_whatever_was_agreed_to(station: Station) -> None:
    her = await station.volunteer("V20260012", "王秀英", None, star=5)
    await station.agrees(her)
    nobody = await station.volunteer("V20260013", star=4)
    await station.agrees(nobody)
    board = await station.publish()
    assert await station.names(board) == [(1, "王**", "0012"), (2, None, "0013")]


async def test_of_a_short_number_half_is_shown(station: Station) -> None:
    await station.volunteer("V-12", "王秀英", GROWN)
    assert await station.names(await station.publish()) == [(1, "王**", "12")]


# --- minors and the erased -------------------------------------------------------------------------------------------


async def everything_public(station: Station, board: dict[str, Any]) -> str:
    """All that anybody can read of the boards of this book."""
    base = f"/api/v1/books/{station.book.code}/boards"
    pages = (base, f"{base}/{board['id']}", f"{base}/{board['id']}?limit=1", f"{base}/{board['id']}?limit=1&after=1")
    return "\n".join([(await station.http.get(address)).text for address in pages])


async def test_a_minor_stands_in_no_list_page_preview_or_row(station: Station) -> None:
    child = await station.volunteer("V20260777", "李小明", CHILD, star=5)
    await station.volunteer("V20260012", "王秀英", GROWN)
    board = await station.publish()
    preview = await station.staff.post("/boards/preview", wanted())
    assert preview.json()["people"] == 1
    said = preview.text + await everything_public(station, board)
    assert not [word for word in ("李", "0777", child.holder) if word in said]
    async with station.database.connect() as tx:
        rows = (await tx.execute(board_rows.select().where(board_rows.c.book_id == station.book.book_id))).all()
    assert child.holder not in {row.holder for row in rows}
    assert await station.names(board) == [(1, "王**", "0012")]


async def test_who_becomes_known_as_a_minor_vanishes_and_leaves_no_gap(station: Station) -> None:
    unknown = await station.volunteer("V20260777", "李小明", None, star=5)
    await station.volunteer("V20260012", "王秀英", GROWN, star=4)
    await station.volunteer("V20260013", "赵敏", GROWN, star=3)
    board = await station.publish()
    assert await station.names(board) == [(1, "李**", "0777"), (2, "王**", "0012"), (3, "赵**", "0013")]
    await station.recorded(unknown, "李小明", CHILD)
    assert await station.names(board) == [(1, "王**", "0012"), (2, "赵**", "0013")]
    second = (await station.read(board, "?limit=2&after=2")).json()
    assert [each["rank"] for each in second["items"]] == [2], "on the pages after hers either"
    assert "0777" not in await everything_public(station, board)
    me = await a_user(station.http, station.database, station.book, hers("V20260777"))
    seen = (await me.http.get("/api/v1/me/boards", headers={"Authorization": f"Bearer {me.token}"})).json()
    assert (seen["shown"], seen["name"], seen["items"]) == (False, None, [])


async def test_who_comes_of_age_is_shown_on_the_day(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    today = auth.today()
    if (today.month, today.day) == (2, 29):
        today -= timedelta(days=1)
    await station.volunteer("V20260012", "王秀英", date(today.year - 18, today.month, today.day))
    tomorrow = auth.today() + timedelta(days=1)
    if (tomorrow.month, tomorrow.day) != (2, 29):
        await station.volunteer("V20260013", "赵敏", date(tomorrow.year - 18, tomorrow.month, tomorrow.day))
    assert await station.names(await station.publish()) == [(1, "王**", "0012")]


async def test_who_is_erased_vanishes_at_once(station: Station) -> None:
    her = await station.volunteer("V20260012", "王秀英", GROWN, star=4)
    await station.agrees(her)
    await station.volunteer("V20260013", "赵敏", GROWN)
    board = await station.publish()
    assert len(await station.names(board)) == 2
    owner = Principal("user", 1, station.book.code, station.book.book_id, grants=(Grant("owner"),))
    async with station.database.begin() as tx:
        await staff_of_volunteers.erase(tx, owner, "V20260012")
    assert await station.names(board) == [(1, "赵**", "0013")]
    assert "0012" not in await everything_public(station, board)


# --- what stands on it -----------------------------------------------------------------------------------------------


async def test_who_has_as_much_has_the_same_rank_also_over_two_pages(station: Station) -> None:
    for number, (star, minutes) in enumerate(((5, 10), (4, 60), (4, 60), (4, 60), (3, 90))):
        await station.volunteer(f"V2026000{number}", star=star, minutes=minutes)
    board = await station.publish()
    seen, address = [], ""
    for after in (0, 2, 4):
        page = (await station.read(board, f"?limit=2&after={after}")).json()
        seen += [(each["rank"], each["star"], each["minutes"]) for each in page["items"]]
        address = page["next"]
    assert seen == [(1, 5, 10), (2, 4, 60), (2, 4, 60), (2, 4, 60), (5, 3, 90)]
    assert address is None
    hours = await station.publish("hours")
    assert [each["rank"] for each in (await station.read(hours)).json()["items"]] == [1, 2, 2, 2, 5]


async def test_averages_say_by_whom_they_were_divided(station: Station) -> None:
    async with station.database.begin() as tx:
        await organisations.add(tx, station.book.book_id, "team", "护河队", "street")
    for number in range(5):
        await station.volunteer(f"V{number}", star=0, minutes=30)
        await station.volunteer(f"T{number}", star=0, minutes=60, organisation="team")
    await station.volunteer("V6", star=0)
    board = await station.publish("averages")
    whole, street = (await station.read(board)).json()["averages"]
    assert whole == {
        "rank": None,
        "organisation": None,
        "name": None,
        "minutes": 450,
        "registered": 11,
        "active": 10,
        "minutes_per_registered": 40,
        "minutes_per_active": 45,
    }
    assert street == whole | {"rank": 1, "organisation": "street", "name": "湖滨街道"}
    below = await station.publish("averages", organisation="street")
    page = (await station.read(below)).json()
    assert (page["organisation_name"], page["items"]) == ("湖滨街道", [])
    assert [
        (each["organisation"], each["minutes_per_registered"], each["minutes_per_active"]) for each in page["averages"]
    ] == [
        ("street", 40, 45),
        ("team", 60, 60),
    ]


async def test_of_fewer_than_five_who_served_no_figure_is_shown(station: Station) -> None:
    async with station.database.begin() as tx:
        for code in ("ants", "bees", "cats", "dogs"):
            await organisations.add(tx, station.book.book_id, code, code, "street")
    for code, people in (("ants", 4), ("bees", 5), ("cats", 6), ("dogs", 0)):
        for number in range(people):
            await station.volunteer(f"{code}{number}", star=0, minutes=30, organisation=code)

    async def told() -> dict[str, tuple[int | None, ...]]:
        board = await station.publish("averages", organisation="street")
        figures = ("rank", "minutes", "active", "minutes_per_registered", "minutes_per_active", "registered")
        averages = (await station.read(board)).json()["averages"]
        preview = (await station.staff.post("/boards/preview", wanted("averages", organisation="street"))).json()
        assert preview["averages"] == averages
        return {each["organisation"]: tuple(each[name] for name in figures) for each in averages}

    nothing = (None,) * 5
    assert await told() == {
        "street": (None, 450, 15, 30, 30, 15),
        "cats": (1, 180, 6, 30, 30, 6),
        "ants": (*nothing, 4),
        "bees": (*nothing, 5),  # else the sum less bees and cats would be what four served
        "dogs": (*nothing, 0),
    }
    await station.volunteer("ants9", star=0, minutes=90, organisation="ants")
    assert await told() == {
        "street": (None, 540, 16, 33, 33, 16),
        "ants": (1, 210, 5, 42, 42, 5),
        "bees": (2, 150, 5, 30, 30, 5),
        "cats": (2, 180, 6, 30, 30, 6),
        "dogs": (*nothing, 0),
    }


async def test_no_more_stand_on_a_board_than_there_is_room_for_and_minors_take_none(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.recognition.boards.MOST", 2)
    for number, (name, born) in enumerate((("李小明", CHILD), ("王秀英", GROWN), ("赵敏", GROWN), ("孙丽", GROWN))):
        await station.volunteer(f"V2026000{number}", name, born, star=9 - number)
    assert await station.names(await station.publish()) == [(1, "王**", "0001"), (2, "赵**", "0002")]


# --- publishing ------------------------------------------------------------------------------------------------------


async def test_a_board_is_published_once_replaced_and_withdrawn(station: Station) -> None:
    await station.volunteer("V20260012", "王秀英", GROWN)
    first = await station.publish()
    again = await station.staff.post("/boards", wanted())
    assert (again.status_code, again.json()) == (200, first)
    await station.volunteer("V20260013", "赵敏", GROWN)
    second = await station.publish()
    other = await station.publish("hours")
    address = f"/api/v1/books/{station.book.code}/boards"
    listed = (await station.http.get(address)).json()
    assert [each["id"] for each in listed["items"]] == [other["id"], second["id"]]
    assert not {"published_by", "withdrawn_by"} & listed["items"][0].keys()
    gone = await station.http.get(f"{address}/{first['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_board")
    withdrawn = await station.staff.post(f"/boards/{second['id']}/withdraw", None)
    assert withdrawn.status_code == 200
    twice = await station.staff.post(f"/boards/{second['id']}/withdraw", None)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_decided")
    assert (await station.http.get(f"{address}/{second['id']}")).status_code == 404
    every = (await station.staff.get("/boards/published?limit=2")).json()
    assert [each["id"] for each in every["items"]] == [other["id"], second["id"]]
    rest = (await station.staff.get(f"/boards/published?limit=2&after={every['next']}")).json()
    assert [(each["id"], each["withdrawn_at"] is None) for each in rest["items"]] == [(first["id"], False)]


async def test_a_preview_keeps_nothing(station: Station) -> None:
    await station.volunteer("V20260012", "王秀英", GROWN, minutes=30)
    answer = await station.staff.post("/boards/preview", wanted("hours"))
    assert answer.json() == {
        "people": 1,
        "items": [{"rank": 1, "name": "王**", "number_ends": "0012", "star": 3, "minutes": 30}],
        "averages": [],
    }
    assert (await station.staff.get("/boards/published")).json()["items"] == []


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"kind": "points"}, 400, "kind"),
        ({"from_day": "never"}, 400, "from_day"),
        ({"to_day": "2999-01-01"}, 400, "to_day"),
        ({"to_day": "1999-01-01"}, 400, "to_day"),
        ({"least_star": 0}, 400, "least_star"),
        ({"category": ""}, 400, "category"),
        ({"organisation": "nowhere"}, 404, None),
    ],
)
async def test_what_cannot_be_published_is_refused(
    station: Station, change: dict[str, Any], status: int, field: str | None
) -> None:
    for path in ("/boards", "/boards/preview"):
        answer = await station.staff.post(path, wanted() | change)
        assert answer.status_code == status, answer.text
        if field is not None:
            assert answer.json()["errors"][0]["field"] == field


async def test_staff_publish_for_their_organisations_only(station: Station) -> None:
    async with station.database.begin() as tx:
        await organisations.add(tx, station.book.book_id, "lane", "别处")
    lane = await a_user(station.http, station.database, station.book, Grant("operator", "lane"))
    street = await a_user(station.http, station.database, station.book, Grant("operator", "street"))
    reviewer = await a_user(station.http, station.database, station.book, Grant("reviewer"))
    of_street = wanted(organisation="street")
    for caller, body in ((lane, of_street), (street, wanted()), (reviewer, of_street)):
        assert (await caller.post("/boards", body)).status_code == 403
        assert (await caller.post("/boards/preview", body)).status_code == 403
    made = (await street.post("/boards", of_street)).json()
    assert (await lane.post(f"/boards/{made['id']}/withdraw", None)).status_code == 403
    assert (await street.post(f"/boards/{made['id']}/withdraw", None)).status_code == 200


# --- for herself -----------------------------------------------------------------------------------------------------


async def test_she_sees_how_boards_show_her_and_where(station: Station) -> None:
    her = await station.volunteer("V20260012", "王秀英", GROWN)
    board = await station.publish()
    me = await a_user(station.http, station.database, station.book, hers("V20260012"))

    async def seen() -> dict[str, Any]:
        answer = await me.http.get("/api/v1/me/boards", headers={"Authorization": f"Bearer {me.token}"})
        return dict(answer.json())

    before = await seen()
    assert [before[name] for name in ("shown", "name", "number_ends", "in_full", "agreed")] == [
        *(True, "王**", "0012"),
        *(False, False),
    ]
    assert [(each["board"]["id"], each["place"]) for each in before["items"]] == [(board["id"], 1)]
    await station.agrees(her)
    after = await seen()
    assert [after[name] for name in ("name", "in_full", "agreed")] == ["王秀英", True, True]
