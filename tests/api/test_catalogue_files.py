"""The catalogue out of a list: what is taken, what is refused and why, and the same list again."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import catalogue_files, demo_shops, problems
from api.hours_files import Refused, Report
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import hours, organisations
from ledger.errors import InvalidField, NotEligible, OverQuota, UnknownOutlet, UnreadableSheet
from ledger.recognition import stars
from ledger.recognition.ladder import NATIONAL
from ledger.spending import catalogue, outlets, stock
from ledger.spending.catalogue import Quota
from ledger.spending.outlets import Details
from tests.books.ledgers import balances_of, move, opened
from tests.spending.shops import opened_shop

STAR_PERKS: Final = Path(demo_shops.__file__).parent / "demo_data" / "star-perks.csv"
HEADER = "code,name,kind,points,stock,quota_per_person\n"
LIST = (
    HEADER
    + """G01,香皂,goods,5,200,
G02,卷纸一提,goods,30,100,2/month
S01,理发一次,service,30,,2/month
S06,景区门票半价,perk,0,,1/quarter
"""
)


@pytest.fixture(autouse=True)
async def shops(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await organisations.add(tx, book.book_id, "3701", "街道")
        for code in ("X1", "X2", "X3"):
            await outlets.add(tx, book.book_id, code, Details(code, "virtue_supermarket", "3701"))
        await outlets.set_status(tx, book.book_id, "X3", "closed")


async def imported(
    database: AsyncEngine, book: Book, text: str, *codes: str
) -> tuple[dict[str, Report], list[tuple[int, str, str]]]:
    told: list[Refused] = []
    file = io.BytesIO(text.encode())
    report = await catalogue_files.import_catalogue(
        database, book.book_id, file, "catalogue.csv", codes, told=told.append
    )
    return report, [
        (
            each.line,
            each.record,
            each.refusal.problem if isinstance(each.refusal, InvalidField) else problems.code(each.refusal),
        )
        for each in told
    ]


def reports(items: tuple[int, int, int], offers: tuple[int, int, int]) -> dict[str, Report]:
    return {"items": Report(None, *items), "offers": Report(None, *offers)}


async def shelves(database: AsyncEngine, book: Book, outlet: str) -> dict[str, tuple[str, int | None]]:
    async with database.connect() as tx:
        return {each.item: (each.supply, each.pieces) for each in await stock.shelves(tx, book.book_id, outlet)}


async def test_a_list_is_received_at_every_open_outlet_and_a_second_time_changes_nothing(
    database: AsyncEngine, book: Book
) -> None:
    assert await imported(database, book, LIST) == (reports((4, 0, 0), (8, 0, 0)), [])
    there = {
        "G01": ("stock", 200),
        "G02": ("stock", 100),
        "S01": ("merchant", None),
        "S06": ("merchant", None),
    }
    assert [await shelves(database, book, code) for code in ("X1", "X2", "X3")] == [there, there, {}]
    assert await balances_of(database, book, "1200.X1", "3200") == {"1200.X1": 4_000, "3200": 8_000}
    async with database.begin() as tx:
        found = await catalogue.find(tx, book.book_id, "G02", day_of(await connect.now(tx)))
        await catalogue.switch(tx, book.book_id, "X1", "S01", False)
    assert (found.points, found.quotas) == (30, (Quota("person", 2, "month"),))

    assert await imported(database, book, LIST) == (reports((0, 4, 0), (0, 8, 0)), [])

    assert await shelves(database, book, "X1") == there
    async with database.connect() as tx:
        assert [each.offered for each in await stock.shelves(tx, book.book_id, "X1") if each.item == "S01"] == [False]


async def test_a_list_may_be_for_some_outlets_only(database: AsyncEngine, book: Book) -> None:
    await imported(database, book, LIST, "X2")
    assert [len(await shelves(database, book, code)) for code in ("X1", "X2")] == [0, 4]
    with pytest.raises(UnknownOutlet):
        await imported(database, book, LIST, "X9")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("G/1,香皂,goods,5,1,", "not_a_code"),
        ("G1,,goods,5,1,", "not_a_name"),
        ("G1,香皂,gift,5,1,", "not_a_kind"),
        ("G1,香皂,goods,0,1,", "out_of_range"),
        ("G1,香皂,goods,five,1,", "not_a_whole_number"),
        ("G1,香皂,perk,5,,", "perks_cost_nothing"),
        ("G1,香皂,goods,5,-1,", "out_of_range"),
        ("G1,香皂,goods,5,99999999999999999999,", "out_of_range"),
        ("G1,理发,service,5,1,", "no_stock_of_services"),
        ("G1,香皂,goods,5,1,2 a month", "not_a_quota"),
        ("G1,香皂,goods,5,1,2/hour", "not_a_quota"),
        ("G1,香皂,goods,5,1,0/day", "out_of_range"),
        ("G01,别的,goods,5,1,", "goods_exist"),
        ("G1,香皂,goods,5,,,three,", "not_a_whole_number"),
        ("G1,香皂,goods,5,,,11,", "out_of_range"),
        ("G1,香皂,goods,5,,,3,2", "out_of_range"),
        ("G01,香皂,goods,5,,,3,", "goods_exist"),
    ],
)
async def test_a_faulty_line_costs_itself_and_no_other(
    database: AsyncEngine, book: Book, line: str, reason: str
) -> None:
    header = HEADER if line.count(",") == HEADER.count(",") else HEADER.replace("\n", ",star,most_star\n")
    report, refused = await imported(database, book, f"{header}G01,香皂,goods,5,,\n{line}\nG09,毛巾,goods,5,,\n", "X1")
    assert [(number, why) for number, _, why in refused] == [(3, reason)]
    assert report == reports((2, 0, 1), (2, 0, 0))


async def test_another_number_of_donated_pieces_is_another_receipt_and_not_the_lists(
    database: AsyncEngine, book: Book
) -> None:
    await imported(database, book, LIST, "X1")
    report, refused = await imported(database, book, LIST.replace("200", "300"), "X1")
    assert refused == [(2, "G01 X1", "another_number")]
    assert report == reports((0, 4, 0), (0, 3, 1))
    assert (await shelves(database, book, "X1"))["G01"] == ("stock", 200)


async def test_the_perks_of_stars_are_redeemed_by_those_of_the_star_and_cost_no_star(
    database: AsyncEngine, book: Book
) -> None:
    """The list that comes with the service: 南川区 2019. With two stars the bus card of two stars, and no other."""
    shop = await opened_shop(database, book, people=2)
    for _ in range(2):
        with STAR_PERKS.open("rb") as file:
            done = await catalogue_files.import_catalogue(
                shop.database, book.book_id, file, STAR_PERKS.name, [shop.OUTLET], told=pytest.fail
            )
    assert done == reports((0, 16, 0), (0, 16, 0))
    first, second = shop.programme.volunteers
    async with shop.database.begin() as tx:
        rows = [(first.volunteer_no, 599 * 60), (second.volunteer_no, 600 * 60)]
        await hours.carry_over(tx, book.book_id, shop.programme.TEAM, date(2025, 12, 31), rows, by="user:1")

    async def hers(holder: str) -> list[str]:
        got = []
        for item in ("N12", "N22", "N32", "N42", "N54"):
            try:
                await shop.redeem(await shop.code(holder), {item: 1})
                got.append(item)
            except NotEligible:
                pass
        return got

    assert await hers(first.holder) == ["N22"]
    assert await hers(second.holder) == ["N32"]
    await shop.redeem(await shop.code(second.holder), {"G01": 3})
    async with shop.database.connect() as tx:
        assert await stars.star_of(tx, book.book_id, second.holder, ladder=NATIONAL, day=date(2026, 3, 10)) == 3
    with pytest.raises(OverQuota):  # once a year
        await shop.redeem(await shop.code(second.holder), {"N32": 1})


async def test_what_is_no_catalogue_is_said(database: AsyncEngine, book: Book) -> None:
    with pytest.raises(UnreadableSheet):
        await imported(database, book, "code,name\nG01,香皂\n")


async def test_the_sample_district_has_pieces_for_all_that_stands_in_its_books(
    database: AsyncEngine, book: Book
) -> None:
    async with database.begin() as tx:
        for code in ("370102", "370301", "3702", "370101"):
            await organisations.add(tx, book.book_id, code, code)
        await demo_shops.demo_outlets(tx, book.book_id)
    await opened(database, book, "3200")
    await move(database, book, "1200.X0001 6000", "3200 6000")  # as the older platform left it
    for _ in range(2):
        async with database.begin() as tx:
            await demo_shops.demo_goods(tx, book.book_id, await connect.now(tx))
    async with database.connect() as tx:
        for outlet, has in demo_shops.SHELVES.items():
            there = await stock.shelves(tx, book.book_id, outlet)
            assert [each.item for each in there] == sorted(has)
            value = sum(each.value for each in there)
            assert (await balances_of(database, book, f"1200.{outlet}"))[f"1200.{outlet}"] == value
