"""Targets and honours on pages: set, seen, proposed by one and given by another; the public list; one's own."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth
from ledger.access import consents
from ledger.access.identities import Identity
from ledger.access.rights import Grant
from ledger.books.directory import Book
from ledger.database import connect
from ledger.earning import volunteers
from ledger.recognition import honours
from tests.earning import served
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import NORTH, District, send, token_of, words_of

TARGETS, HONOURS = "/staff/targets", "/staff/honours"


def this_year() -> int:
    return auth.today().year


@pytest.fixture
async def district(database: AsyncEngine, book: Book) -> District:
    """The northern volunteer serves for two and a half hours on the first days of this year, or before today."""
    return await people.a_district(database, book)


@pytest.fixture
async def clerk(enters: Enters, database: AsyncEngine, book: Book, district: District) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, Grant("operator")))


@pytest.fixture
async def giver(enters: Enters, database: AsyncEngine, book: Book, district: District) -> httpx.AsyncClient:
    return await enters(await people.somebody(database, book, Grant("reviewer")))


async def serves(database: AsyncEngine, district: District) -> int:
    """Two and a half hours; the year in which they were served."""
    her = district.northern.volunteer
    assert her is not None
    done = await served.reviewed(
        database, district.book, await served.hands_in(database, district.book, her.holder, NORTH)
    )
    return done.served_on.year


async def set_(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    form = {"target": "H2", "name": "全年两小时", "kind": "year_hours", "whom": "person", "amount": "２"}
    form |= {"theme_days": "", "organisation": "", "category": "", "first_year": str(this_year() - 1), "last_year": ""}
    return await send(client, TARGETS, TARGETS, **form | fields)


async def press(client: httpx.AsyncClient, address: str, **fields: object) -> httpx.Response:
    """Sends a form, also where no page shows it."""
    token = token_of((await client.get("/account")).text)
    return await client.post(address, data={"_csrf_token": token} | fields)


async def ids(database: AsyncEngine, book: Book, year: int) -> list[str]:
    async with database.connect() as tx:
        return [str(each.honour_id) for each in await honours.of_year(tx, book.book_id, year)]


async def test_a_target_is_set_seen_and_those_who_reached_it_are_given_an_honour(
    enters: Enters,
    database: AsyncEngine,
    book: Book,
    district: District,
    clerk: httpx.AsyncClient,
    giver: httpx.AsyncClient,
) -> None:
    year = await serves(database, district)
    made = await set_(clerk)
    assert (made.status_code, made.headers["location"]) == (303, f"{TARGETS}/H2?done=target_set")
    page = words_of((await clerk.get(f"{TARGETS}/H2?year={year}")).text)
    assert "每人全年服务满 2 小时。" in page
    assert f"{year} 年：有服务的 1，达到的 1" in page
    assert f"{district.northern.volunteer.volunteer_no} 2 小时 30 分 已达到" in page  # type: ignore[union-attr]

    proposed = await press(clerk, f"{TARGETS}/H2/honours", year=str(year), name="年度志愿者")
    assert (proposed.status_code, proposed.headers["location"]) == (303, f"{HONOURS}?year={year}&proposed=1")
    assert "新提名 1 个" in (await clerk.get(proposed.headers["location"])).text
    again = await press(clerk, f"{TARGETS}/H2/honours", year=str(year), name="年度志愿者")
    assert again.headers["location"].endswith("proposed=0")
    assert "honour/decide" not in (await clerk.get(f"{HONOURS}?year={year}")).text

    [honour] = await ids(database, book, year)
    seen = (await giver.get(f"{HONOURS}?year={year}")).text
    assert "达到目标 H2：2 小时 30 分" in words_of(seen)
    assert f'value="{honour}"' in seen
    nothing = await press(giver, f"{HONOURS}/decide", decision="give", year=str(year))
    assert (nothing.status_code, "请先勾选" in nothing.text) == (400, True)
    given = await press(giver, f"{HONOURS}/decide", decision="give", year=str(year), honour=honour)
    assert given.status_code == 303
    twice = await press(giver, f"{HONOURS}/decide", decision="give", year=str(year), honour=honour)
    assert (twice.status_code, "这件事已经办过" in twice.text) == (409, True)

    file = await clerk.get(f"{HONOURS}/list?year={year}")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.text.splitlines()[1].endswith(",H2,150,given")
    mine = words_of((await (await enters(district.northern)).get("/me/targets")).text)
    assert f"{year} 年 年度志愿者" in mine
    assert year != this_year() or "已完成 2 小时 30 分，达到了。" in mine
    assert (await press(giver, f"{HONOURS}/{honour}/end")).status_code == 303
    assert (await press(giver, f"{HONOURS}/{honour}/end")).status_code == 409
    assert (await clerk.get(f"{HONOURS}/list?year={year}")).text.count("\n") == 1


async def test_who_proposed_it_does_not_give_it(
    enters: Enters, database: AsyncEngine, book: Book, district: District
) -> None:
    both = await enters(await people.somebody(database, book, Grant("operator"), Grant("reviewer")))
    fields = {"year": str(this_year()), "name": "好样的", "volunteer": "", "organisation": NORTH}
    added = await send(both, HONOURS, HONOURS, **fields)
    assert (added.status_code, added.headers["location"]) == (303, f"{HONOURS}?done=honours_added&year={this_year()}")
    assert "已经提过名" in (await send(both, HONOURS, HONOURS, **fields)).text
    assert "请写其中一个" in (await send(both, HONOURS, HONOURS, **fields | {"organisation": ""})).text
    [honour] = await ids(database, book, this_year())
    refused = await press(both, f"{HONOURS}/decide", decision="give", honour=honour)
    assert (refused.status_code, "自己提出的，不能自己批准" in refused.text) == (403, True)
    assert (await press(both, f"{HONOURS}/decide", decision="decline", honour=honour)).status_code == 303


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": "many"}, "“多少（小时、周或者天）”请写整数"),
        ({"kind": "weekly", "amount": "54"}, "太小或者太大"),
        ({"kind": "theme_days", "amount": "1", "theme_days": "3月5日"}, "请写成 03-05 这样的月和日"),
        ({"first_year": "2001"}, "“从哪一年起”"),
        ({"organisation": "nowhere"}, "nowhere"),
        ({"target": "a b"}, "“编号”只能用字母、数字"),
    ],
)
async def test_what_is_wrong_in_the_form_is_told_and_nothing_is_lost(
    clerk: httpx.AsyncClient, fields: dict[str, str], said: str
) -> None:
    answer = await set_(clerk, **fields)
    assert answer.status_code in (400, 404)
    assert said in answer.text
    assert 'value="全年两小时"' in answer.text


async def test_a_target_is_ended_and_stays_what_it_was(clerk: httpx.AsyncClient) -> None:
    await set_(clerk, kind="theme_days", theme_days="03-05、12-05", amount="1")
    assert "每人在 03-05、12-05 这些日子里至少有 1 天服务。" in (await clerk.get(TARGETS)).text
    assert "已经是另一个目标" in (await set_(clerk)).text
    assert (await press(clerk, f"{TARGETS}/H2/end", last_year=str(this_year() - 1))).status_code == 400
    assert (await press(clerk, f"{TARGETS}/H2/end", last_year=str(this_year()))).status_code == 303
    assert f"{this_year() - 1} 年到 {this_year()} 年" in (await clerk.get(f"{TARGETS}/H2")).text


async def test_the_public_list_shows_names_by_consent_and_no_minor_anywhere(
    site: httpx.AsyncClient, enters: Enters, database: AsyncEngine, book: Book, district: District
) -> None:
    """What is shown at one moment is not kept for the next."""
    grown, child = district.northern.volunteer, district.southern.volunteer
    assert grown is not None
    assert child is not None
    await people.who_is(database, book, grown.volunteer_no, Identity("王秀英", None, people.GROWN))
    await people.who_is(database, book, child.volunteer_no, Identity("张小明", None, people.YOUNG))
    address = f"/honours/{book.code}/{this_year()}"
    assert "这一年还没有公布" in (await site.get(address)).text
    async with database.begin() as tx:
        now = await connect.now(tx)
        for whose in ({"holder": grown.holder}, {"holder": child.holder}, {"organisation": NORTH}):
            made = await honours.propose(tx, book.book_id, this_year(), "好样的", by="user:1", now=now, **whose)
            asked = [made.honour_id]
            await honours.decide(tx, book.book_id, asked, True, by="user:2", holder=None, now=now)
    answer = await site.get(address)
    assert (answer.headers["cache-control"], answer.headers["x-robots-tag"]) == ("no-store", "noindex")
    page = words_of(answer.text)
    assert "王**" in page
    assert "North lake" in page
    assert "张" not in page
    assert child.volunteer_no[-4:] not in page
    async with database.begin() as tx:
        await consents.give(tx, book.book_id, grown.holder, "public_name", "2026-11", "self", auth.now())
    assert "王秀英" in (await site.get(address)).text
    async with database.begin() as tx:
        await consents.withdraw(tx, book.book_id, grown.holder, "public_name", "self", auth.now())
    assert "王秀英" not in (await site.get(address)).text
    assert (await site.get("/honours/none/2026")).status_code == 404
    mine = words_of((await (await enters(district.southern)).get("/me/targets")).text)
    assert "好样的" in mine
    async with database.connect() as tx:
        assert (await volunteers.find(tx, book.book_id, child.volunteer_no)).holder == child.holder
