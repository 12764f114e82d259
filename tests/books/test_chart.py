"""The chart of accounts, and how accounts are opened."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import balances, chart, statements
from ledger.books.chart import CHART, Account, NewAccount, Row, of_the_chart
from ledger.books.directory import Book
from ledger.errors import AccountExists, InvalidField, NotTheChart, Refusal, UnknownAccount, UnknownUnit
from tests.books.ledgers import move, opened, reason
from tests.conftest import new_book

pytestmark = pytest.mark.books

# code, class, unit (* each), floor (- none), and whose it is (. nobody's), as the domain has them
THE_CHART = """
    1100 asset PT - .
    1110 asset CNY - .
    1200 asset PT 0 outlet
    1300 asset PT 0 volunteer
    1400 asset PT - book
    1900 asset * - unit
    2100 liability PT 0 volunteer
    2110 liability PT 0 volunteer
    2120 liability PT 0 volunteer
    2130 liability PT 0 household
    2140 liability PT 0 organisation
    2160 liability PT 0 volunteer
    2200 liability PT 0 .
    2300 liability PT - outlet
    2310 liability PT 0 outlet
    2400 liability PT - book
    2500 liability PT 0 .
    2600 liability TC 0 volunteer
    2610 liability TC 0 .
    2620 liability TC 0 volunteer
    3100 equity PT - .
    3110 equity CNY - .
    3200 equity PT - .
    4100 income PT - .
    4200 income PT - .
    5100 expense PT - organisation
    5110 expense PT - organisation
    5120 expense PT - organisation
    5130 expense PT - organisation
    5300 expense PT - .
    5500 expense TC - .
    5600 expense TC - .
    9110 memo_debit HR - organisation
    9200 memo_credit HR 0 volunteer
    9210 memo_credit HR 0 volunteer
"""


def in_words(row: Row) -> str:
    floor = "-" if row.floor is None else row.floor
    return f"    {row.code} {row.account_class} {row.unit or '*'} {floor} {row.holder or '.'}"


async def open_one(database: AsyncEngine, book: Book, wanted: NewAccount) -> tuple[Account, bool] | Refusal:
    async with database.begin() as tx:
        return (await chart.open_accounts(tx, book.book_id, [wanted]))[0]


async def refused(database: AsyncEngine, book: Book, wanted: NewAccount) -> tuple[type[Refusal], dict[str, object]]:
    outcome = await open_one(database, book, wanted)
    assert isinstance(outcome, Refusal), f"opened: {outcome}"
    async with database.connect() as tx:
        with pytest.raises(UnknownAccount):
            await chart.account(tx, book.book_id, wanted.code if wanted.code.isprintable() else "-")
    return reason(outcome)


# --- what the chart says ---------------------------------------------------------------------------------------------


def test_the_chart_is_the_domains() -> None:
    assert [in_words(row) for row in CHART] == THE_CHART.split("\n")[1:-1]


def test_kinds_are_different_words() -> None:
    assert len({row.kind for row in CHART}) == len(CHART) == len({row.code for row in CHART})


@pytest.mark.parametrize("code", ["2100", "2100.", "2100.7", "2100.a.b", "2100.0000000000000001"])
def test_an_account_is_of_the_chart_by_what_stands_before_the_first_dot(code: str) -> None:
    row = of_the_chart(code, "liability", "PT")
    assert row is not None
    assert row.kind == "wallet"


@pytest.mark.parametrize(
    ("code", "account_class", "unit"),
    [
        ("2110", "liability", "SEK"),
        ("2110", "asset", "PT"),
        ("2100", "liability", "TC"),
        ("21000", "liability", "PT"),
        ("210", "liability", "PT"),
        ("2100-a", "liability", "PT"),
        ("x.2100", "liability", "PT"),
        ("9999", "asset", "PT"),
    ],
)
def test_an_account_of_another_class_unit_or_code_is_plain(code: str, account_class: str, unit: str) -> None:
    assert of_the_chart(code, account_class, unit) is None


@pytest.mark.parametrize("unit", ["PT", "HR", "TC", "CNY"])
def test_suspense_is_of_the_chart_in_every_unit(unit: str) -> None:
    row = of_the_chart(f"1900.{unit}", "asset", unit)
    assert row is not None
    assert row.kind == "suspense"


# --- opening ---------------------------------------------------------------------------------------------------------


async def test_an_account_of_the_chart_gets_kind_holder_and_floor_from_it(database: AsyncEngine, book: Book) -> None:
    wanted = NewAccount("2100.0042", "可用积分", "liability", "PT")
    account = Account("2100.0042", "可用积分", "liability", "PT", 0, "wallet", "0042", "open")
    assert await open_one(database, book, wanted) == (account, True)
    async with database.connect() as tx:
        assert await chart.account(tx, book.book_id, "2100.0042") == account


async def test_an_account_of_the_chart_without_a_dot_has_no_holder(database: AsyncEngine, book: Book) -> None:
    [pool, wallet] = await opened(database, book, "2200", "2100")
    assert (pool.kind, pool.holder, pool.floor) == ("donation_pool", None, 0)
    assert (wallet.kind, wallet.holder, wallet.floor) == ("wallet", None, 0)


async def test_an_imported_sek_2110_is_plain_and_has_the_floor_it_asks_for(
    database: AsyncEngine, book: Book, swedish: None
) -> None:
    outcome = await open_one(database, book, NewAccount("2110", "Leverantörsskulder", "liability", "SEK"))
    assert outcome == (Account("2110", "Leverantörsskulder", "liability", "SEK", None, None, None, "open"), True)
    [with_floor] = await opened(database, book, "2110.7 liability SEK -500")
    assert (with_floor.kind, with_floor.holder, with_floor.floor) == (None, None, -500)


@pytest.mark.parametrize(
    ("code", "account_class", "floor", "chart_floor"),
    [("2100.a", "liability", -1, 0), ("2100.a", "liability", 5, 0), ("2300.x", "liability", 0, None)],
)
async def test_an_account_of_the_chart_has_no_other_floor(
    database: AsyncEngine, book: Book, code: str, account_class: str, floor: int, chart_floor: int | None
) -> None:
    wanted = NewAccount(code, "any", account_class, "PT", floor)
    assert await refused(database, book, wanted) == (
        NotTheChart,
        {"account": code, "floor": floor, "chart_floor": chart_floor},
    )


async def test_the_charts_own_floor_may_be_named(database: AsyncEngine, book: Book) -> None:
    outcome = await open_one(database, book, NewAccount("2100.a", "any", "liability", "PT", 0))
    assert isinstance(outcome, tuple)
    assert outcome[0].floor == 0


ODD_NAMES = ["", "\x00", "a\x00b", "two\nlines", "a\tb", "\x7f", "\u2028", "\ud800", "名" * 201]


@pytest.mark.parametrize("name", ODD_NAMES, ids=[ascii(name[:3]) for name in ODD_NAMES])
async def test_a_name_is_one_line(database: AsyncEngine, book: Book, name: str) -> None:
    wanted = NewAccount("2100.a", name, "liability", "PT")
    assert await refused(database, book, wanted) == (InvalidField, {"field": "name", "problem": "not_a_name"})


@pytest.mark.parametrize("name", ["名" * 200, "𠮷", "Ελλάδα; DROP TABLE accounts --", "'\"\\{}", "e\u0301"])
async def test_a_name_is_kept_as_it_is(database: AsyncEngine, book: Book, name: str) -> None:
    await open_one(database, book, NewAccount("2100.a", name, "liability", "PT"))
    async with database.connect() as tx:
        assert (await chart.account(tx, book.book_id, "2100.a")).name == name


@pytest.mark.parametrize("code", ["", ".a", "-a", "_a", "2100 a", "2100.a\n", "２１００", "2100.é", "a" * 65, "2\x00"])
async def test_what_is_no_code_is_refused(database: AsyncEngine, book: Book, code: str) -> None:
    outcome = await open_one(database, book, NewAccount(code, "any", "liability", "PT"))
    assert isinstance(outcome, Refusal)
    assert reason(outcome) == (InvalidField, {"field": "code", "problem": "not_an_account_code"})


@pytest.mark.parametrize("code", ["0", "Z", "a" * 64, "2100.", "A-b_c.d", "2100..x"])
async def test_odd_codes_that_are_codes_are_opened(database: AsyncEngine, book: Book, code: str) -> None:
    outcome = await open_one(database, book, NewAccount(code, "any", "asset", "CNY"))
    assert isinstance(outcome, tuple)
    assert outcome[0].code == code


async def test_codes_are_told_apart_by_case(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "5100", "2100.a", "2100.A")
    await move(database, book, "5100 1", "2100.A 1")
    async with database.connect() as tx:
        assert (await chart.account(tx, book.book_id, "2100.a")).code == "2100.a"


@pytest.mark.parametrize("account_class", ["", "Asset", "memo", "asset "])
async def test_what_is_no_class_is_refused(database: AsyncEngine, book: Book, account_class: str) -> None:
    wanted = NewAccount("x", "any", account_class, "PT")
    assert await refused(database, book, wanted) == (InvalidField, {"field": "class", "problem": "not_a_class"})


@pytest.mark.parametrize("unit", ["", "pt", "NOK", "P\x00T"])
async def test_an_unknown_unit_is_refused(database: AsyncEngine, book: Book, unit: str) -> None:
    assert await refused(database, book, NewAccount("x", "any", "asset", unit)) == (UnknownUnit, {"unit": unit})


@pytest.mark.parametrize(
    ("floor", "problem"), [(1, "above_zero"), (10**15 + 1, "out_of_range"), (-(10**15) - 1, "out_of_range")]
)
async def test_a_floor_that_an_empty_account_breaks_or_nobody_can_reach_is_refused(
    database: AsyncEngine, book: Book, floor: int, problem: str
) -> None:
    wanted = NewAccount("x", "any", "asset", "CNY", floor)
    assert await refused(database, book, wanted) == (InvalidField, {"field": "floor", "problem": problem})


# --- what is there already -------------------------------------------------------------------------------------------

THERE = NewAccount("x", "a name", "asset", "CNY", -5)


async def test_the_same_account_again_stays_as_it_is(database: AsyncEngine, book: Book) -> None:
    first = await open_one(database, book, THERE)
    again = await open_one(database, book, THERE)
    assert isinstance(first, tuple)
    assert (first[1], again) == (True, (first[0], False))


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (NewAccount("x", "another name", "asset", "CNY", -5), "name"),
        (NewAccount("x", "a name", "liability", "CNY", -5), "class"),
        (NewAccount("x", "a name", "asset", "PT", -5), "unit"),
        (NewAccount("x", "a name", "asset", "CNY", -6), "floor"),
        (NewAccount("x", "a name", "asset", "CNY"), "floor"),
        (NewAccount("x", "another name", "liability", "PT", 0), "name"),
        (NewAccount("x", "a name", "liability", "PT", 0), "class"),
        (NewAccount("x", "a name", "asset", "PT", 0), "unit"),
    ],
)
async def test_the_first_field_that_differs_from_the_account_that_is_there_is_named(
    database: AsyncEngine, book: Book, wanted: NewAccount, field: str
) -> None:
    await open_one(database, book, THERE)
    outcome = await open_one(database, book, wanted)
    assert isinstance(outcome, Refusal)
    assert reason(outcome) == (AccountExists, {"account": "x", "field": field})
    async with database.connect() as tx:
        assert (await chart.account(tx, book.book_id, "x")).name == "a name"


async def test_an_account_that_has_been_used_or_frozen_may_be_asked_for_again(
    database: AsyncEngine, book: Book
) -> None:
    await opened(database, book, "5100", "2100.a")
    await move(database, book, "5100 1", "2100.a 1")
    async with database.begin() as tx:
        await chart.set_status(tx, book.book_id, "2100.a", "frozen")
    [again] = await opened(database, book, "2100.a")
    assert again.status == "frozen"


async def test_many_accounts_are_opened_at_once_and_each_is_answered_in_its_place(
    database: AsyncEngine, book: Book
) -> None:
    await open_one(database, book, THERE)
    wanted = [
        NewAccount("new", "any", "asset", "PT"),
        THERE,
        NewAccount("bad code", "any", "asset", "PT"),
        NewAccount("new", "any", "asset", "PT"),
        NewAccount("new", "another name", "asset", "PT"),
        NewAccount("2100.a", "any", "liability", "PT", 7),
        NewAccount("also-new", "any", "asset", "PT"),
    ]
    async with database.begin() as tx:
        outcomes = await chart.open_accounts(tx, book.book_id, wanted)
    assert [type(one) if isinstance(one, Refusal) else (one[0].code, one[1]) for one in outcomes] == [
        ("new", True),
        ("x", False),
        InvalidField,
        ("new", False),
        AccountExists,
        NotTheChart,
        ("also-new", True),
    ]


async def test_nothing_is_opened_when_nothing_is_asked_for(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        assert await chart.open_accounts(tx, book.book_id, []) == []


async def test_the_same_code_in_two_books_is_two_accounts(database: AsyncEngine, book: Book) -> None:
    other = await new_book(database)
    await open_one(database, book, THERE)
    outcome = await open_one(database, other, NewAccount("x", "another name", "equity", "PT"))
    assert isinstance(outcome, tuple)
    assert outcome[1]


async def test_an_account_that_is_not_there_is_unknown(database: AsyncEngine, book: Book) -> None:
    async with database.connect() as tx:
        with pytest.raises(UnknownAccount) as caught:
            await chart.account(tx, book.book_id, "2100.nobody")
    assert caught.value.account == "2100.nobody"


async def test_a_code_that_no_account_can_have_is_unknown(database: AsyncEngine, book: Book) -> None:
    for read in (
        lambda tx: chart.account(tx, book.book_id, "2100\x00"),
        lambda tx: chart.set_status(tx, book.book_id, "2100\x00", "frozen"),
        lambda tx: balances.balance(tx, book.book_id, "2100\x00"),
        lambda tx: statements.entries_of(tx, book.book_id, "2100\x00", limit=1),
    ):
        async with database.connect() as tx:
            with pytest.raises(UnknownAccount):
                await read(tx)
