"""Paper over HTTP: card and PIN at a till, sheets of tickets, call-backs, check codes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, check_codes, keys, paper
from api.check_codes import Line, Receipt
from ledger import eighteen
from ledger.access import cards, ciphers, users
from ledger.access.rights import Grant, Principal
from ledger.access.tables import roles
from ledger.books.directory import Book
from ledger.earning import volunteers
from ledger.errors import ChangeNeeded, CodeMistyped, InvalidField, Refusal, TooManyAttempts, WrongPassword
from ledger.spending import tickets
from tests.api.conftest import SETTINGS, Caller, a_user
from tests.api.people import PIN, Person, a_volunteer, at, code_of
from tests.conftest import new_book
from tests.spending.shops import opened_shop
from tests.spending.test_agents import redeem_for_her

WRONG = "205818"


def till(book: Book, number: int = 1) -> Principal:
    return Principal("till", book.book_id * 100 + number, book.code, book.book_id, outlet="X1")


async def a_card(database: AsyncEngine, book: Book, volunteer_no: str) -> str:
    async with database.begin() as tx:
        return await cards.issue(tx, keys.personal(SETTINGS), book.book_id, volunteer_no, auth.now())


@pytest.fixture
async def her(database: AsyncEngine, book: Book) -> Person:
    return await a_volunteer(database, book)


@pytest.fixture
async def card(database: AsyncEngine, book: Book, her: Person) -> str:
    return await a_card(database, book, her.name)


async def shown(database: AsyncEngine, me: Principal, card: str, pin: str = PIN) -> str | type[Refusal]:
    """Whose it is, or why it is nobody's."""
    try:
        return await paper.by_card(database, SETTINGS, me, card, pin)
    except Refusal as refusal:
        return type(refusal)


@contextmanager
def statements(database: AsyncEngine) -> Iterator[list[str]]:
    """What the database is asked, without the values."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(database.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.sync_engine, "before_cursor_execute", note)


async def test_a_card_and_its_pin_say_whose_points_they_are(
    database: AsyncEngine, book: Book, her: Person, card: str
) -> None:
    async with database.connect() as tx:
        holder = (await volunteers.find(tx, book.book_id, her.name)).holder
    grouped = f"{card[:6]} {card[6:12]}-{card[12:]}"
    assert await shown(database, till(book), card) == holder
    assert await shown(database, till(book), grouped) == holder


async def test_what_is_no_card_or_no_pin_is_said_before_anything_is_asked(
    database: AsyncEngine, book: Book, card: str
) -> None:
    mistyped = card[:-1] + str((int(card[-1]) + 1) % 10)
    with statements(database) as asked:
        for digits in (mistyped, "", "1" * 18, eighteen.new_number(eighteen.PAY_CODE), "７" * 17):
            assert await shown(database, till(book), digits) is CodeMistyped
        for pin in ("", "12345", "1234567", "２０５８１７", "correct horse"):
            assert await shown(database, till(book), card, pin) is InvalidField
    assert asked == []


async def test_an_unknown_card_and_a_wrong_pin_are_one_answer_after_the_same_statements(
    database: AsyncEngine, book: Book, card: str
) -> None:
    with statements(database) as of_wrong:
        assert await shown(database, till(book), card, WRONG) is WrongPassword
    with statements(database) as of_unknown:
        assert await shown(database, till(book), eighteen.new_number(eighteen.PAPER), PIN) is WrongPassword
    assert of_wrong == of_unknown
    assert len(of_wrong) == 5, "the card, her user, her holder, and an attempt at each of card and till"


async def test_a_card_of_another_book_is_nobodys(database: AsyncEngine, book: Book, card: str) -> None:
    elsewhere = await new_book(database)
    assert await shown(database, till(elsewhere), card) is WrongPassword


async def test_a_card_that_was_replaced_a_password_and_a_role_that_ended_open_nothing(
    database: AsyncEngine, book: Book, her: Person, card: str
) -> None:
    new = await a_card(database, book, her.name)
    assert await shown(database, till(book), card) is WrongPassword
    assert isinstance(await shown(database, till(book), new), str)
    async with database.begin() as tx:
        role = (await tx.execute(select(roles.c.role_id).where(roles.c.user_id == her.user_id))).scalar_one()
        await users.end_role(tx, book.book_id, role, "user:1", auth.now())
    assert await shown(database, till(book), new) is WrongPassword


async def test_a_volunteer_who_never_signs_in_has_a_card_that_opens_nothing(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "V-0001")
    assert await shown(database, till(book), await a_card(database, book, "V-0001")) is WrongPassword


async def test_a_pin_that_staff_has_seen_buys_nothing_until_it_is_changed(database: AsyncEngine, book: Book) -> None:
    her = await a_volunteer(database, book, seen=True)
    card = await a_card(database, book, her.name)
    assert await shown(database, till(book), card) is ChangeNeeded
    assert await shown(database, till(book), card, WRONG) is WrongPassword
    async with database.begin() as tx:
        await users.change_secret(tx, her.user_id, "718290")
    assert isinstance(await shown(database, till(book), card, "718290"), str)


async def test_who_guesses_at_a_card_waits_at_whichever_till(database: AsyncEngine, book: Book, card: str) -> None:
    for number in range(6):
        assert await shown(database, till(book, number), card, WRONG) is WrongPassword
    assert await shown(database, till(book, 7), card, PIN) is TooManyAttempts, "the right one too"
    other = await a_card(database, book, (await a_volunteer(database, book)).name)
    assert isinstance(await shown(database, till(book, 7), other), str), "somebody else's"


async def test_who_guesses_at_many_cards_waits_at_that_till_alone(
    database: AsyncEngine, book: Book, her: Person, card: str
) -> None:
    for _ in range(3):
        assert await shown(database, till(book), eighteen.new_number(eighteen.PAPER)) is WrongPassword
    # A card of his own in between does not give him further guesses.
    assert isinstance(await shown(database, till(book), card), str)
    for _ in range(3):
        assert await shown(database, till(book), eighteen.new_number(eighteen.PAPER)) is WrongPassword
    assert await shown(database, till(book), card) is TooManyAttempts
    assert isinstance(await shown(database, till(book, 2), card), str)


async def test_right_pins_never_make_a_till_wait(database: AsyncEngine, book: Book, card: str) -> None:
    for _ in range(8):
        assert isinstance(await shown(database, till(book), card), str)


async def test_guesses_at_the_same_time_do_not_slip_through(database: AsyncEngine, book: Book, card: str) -> None:
    outcomes = await asyncio.gather(*(shown(database, till(book, each), card, WRONG) for each in range(12)))
    assert outcomes.count(WrongPassword) == 6, "five are free, and the sixth begins the wait"
    assert outcomes.count(TooManyAttempts) == 6


# --- sheets of tickets ------------------------------------------------------------------------------------------------


@pytest.fixture
async def clerk(http: httpx.AsyncClient, database: AsyncEngine, book: Book) -> Caller:
    return await a_user(http, database, book, Grant("recorder"))


async def test_a_sheets_digits_are_told_once_and_stored_as_digests(
    clerk: Caller, database: AsyncEngine, book: Book, her: Person
) -> None:
    path = f"/volunteers/{her.name}/ticket-sheets"
    answer = await clerk.post(path, {"tickets": 3})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert (made["points"], [each["number"] for each in made["tickets"]]) == (20, [1, 2, 3])
    digits = [each["digits"] for each in made["tickets"]]
    assert all(eighteen.is_number(eighteen.PAPER, each) for each in digits)
    async with database.connect() as tx:
        digests = ciphers.digests(keys.personal(SETTINGS), "spending", digits[1])
        found = await tickets.by_digest(tx, book.book_id, digests)
    assert found is not None
    assert (str(found.sheet_id), found.number) == (made["id"], 2)
    listed = await clerk.get(path)
    [shown] = listed.json()["items"]
    assert (shown["id"], shown["tickets"], shown["used"], shown["ended_at"]) == (made["id"], 3, 0, None)
    assert not any(each in listed.text for each in digits)


async def test_a_sheet_that_was_lost_or_replaced_ends(
    clerk: Caller, database: AsyncEngine, book: Book, her: Person
) -> None:
    path = f"/volunteers/{her.name}/ticket-sheets"
    first = (await clerk.post(path, {})).json()
    assert len(first["tickets"]) == 10
    second = (await clerk.post(path, {"tickets": 1, "replaces": first["id"]})).json()
    assert [each["ended_at"] is None for each in (await clerk.get(path)).json()["items"]] == [True, False]
    for _ in range(2):
        ended = await clerk.post(f"{path}/{second['id']}/end", {})
        assert (ended.status_code, ended.json()["ended_at"] is None) == (200, False)
    other = await a_volunteer(database, book)
    assert code_of(await clerk.post(f"/volunteers/{other.name}/ticket-sheets/{second['id']}/end", {})) == (
        "404 unknown_ticket_sheet"
    )
    assert code_of(await clerk.post(f"/volunteers/{other.name}/ticket-sheets", {"replaces": second["id"]})) == (
        "404 unknown_ticket_sheet"
    )


@pytest.mark.parametrize("tickets", [0, -1, 25, 2**63, "1", 1.0, True, None])
async def test_a_sheet_of_no_or_too_many_tickets_is_refused(clerk: Caller, her: Person, tickets: object) -> None:
    answer = await clerk.post(f"/volunteers/{her.name}/ticket-sheets", {"tickets": tickets})
    assert answer.status_code == 400
    assert (await clerk.get(f"/volunteers/{her.name}/ticket-sheets")).json()["items"] == []


async def test_who_is_erased_has_no_tickets_any_more(
    http: httpx.AsyncClient, clerk: Caller, database: AsyncEngine, book: Book, her: Person
) -> None:
    made = (await clerk.post(f"/volunteers/{her.name}/ticket-sheets", {"tickets": 1})).json()
    owner = await a_user(http, database, book, Grant("owner"))
    assert (await owner.delete(f"/volunteers/{her.name}")).status_code == 204
    async with database.connect() as tx:
        digests = ciphers.digests(keys.personal(SETTINGS), "spending", made["tickets"][0]["digits"])
        assert await tickets.by_digest(tx, book.book_id, digests) is None


# --- call-backs -------------------------------------------------------------------------------------------------------


async def test_reviewers_of_the_outlets_organisation_and_those_above_call_and_note_it(
    http: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    shop = await opened_shop(database, book, people=2)
    redeemed = await redeem_for_her(shop)
    her, agent = (each.volunteer_no for each in shop.programme.volunteers)
    above = await a_user(http, database, book, Grant("reviewer", "D"))
    [waiting] = (await above.get("/call-backs")).json()["items"]
    assert (waiting["redemption"], waiting["volunteer"], waiting["agent"]) == (str(redeemed), her, agent)
    assert (waiting["answer"], waiting["noted_by"], waiting["points"]) == ("due", None, 10)
    below = await a_user(http, database, book, Grant("reviewer", "D1T"))
    assert (await below.get("/call-backs")).json() == {"items": [], "next": None}
    path = f"/redemptions/{redeemed}/call-back"
    assert code_of(await below.post(path, {"confirmed": True})) == "403 not_allowed"
    noted = (await above.post(path, {"confirmed": True})).json()
    assert (noted["answer"], noted["noted_by"] is None) == ("confirmed", False)
    assert code_of(await above.post(path, {"confirmed": False})) == "409 already_decided"
    assert (await above.get("/call-backs")).json()["items"] == []


# --- check codes ------------------------------------------------------------------------------------------------------

A_LINE = Line("LAKE-1", "7KQM3XWP9D", 37, date(2026, 11, 21), "out", 25, 130)


def asked(**changes: str) -> dict[str, str]:
    """The line as somebody read it from the paper."""
    return {
        "book": "LAKE-1",
        "passbook": "7KQM3-XWP9D",
        "line": "37",
        "day": "2026-11-21",
        "withdrawal": "25",
        "balance": "130",
        "code": check_codes.grouped(check_codes.of_line(SETTINGS, A_LINE)),
    } | changes


async def test_anybody_may_check_a_printed_line_and_learns_nothing_else(application: Litestar) -> None:
    async with at(application, "192.0.2.1") as http:
        right = await http.get("/api/v1/check-codes", params=asked())
        assert (right.status_code, right.json()) == (200, {"matches": True})
        wrong = await http.get("/api/v1/check-codes", params=asked(balance="131"))
        assert (wrong.status_code, wrong.json()) == (200, {"matches": False})
        unreadable = await http.get("/api/v1/check-codes", params=asked(day="yesterday"))
        assert (code_of(unreadable), unreadable.json()["errors"][0]["field"]) == ("400 invalid_request", "day")


async def test_a_printed_receipt_is_checked_likewise(application: Litestar) -> None:
    receipt = Receipt("LAKE-1", "3f1b77c2", date(2026, 11, 21), "X0001", 25)
    typed = {"book": "LAKE-1", "receipt": "3F1B-77C2", "day": "2026-11-21", "outlet": "X0001", "points": "25"}
    code = check_codes.of_receipt(SETTINGS, receipt)
    async with at(application, "192.0.2.2") as http:
        for points, matches in (("25", True), ("26", False)):
            answer = await http.get("/api/v1/check-codes/receipts", params=typed | {"points": points, "code": code})
            assert answer.json() == {"matches": matches}


async def test_checking_reads_nobodys_data(application: Litestar, database: AsyncEngine) -> None:
    async with at(application, "192.0.2.3") as http:
        with statements(database) as said:
            await http.get("/api/v1/check-codes", params=asked())
    assert said, "the attempt is counted"
    assert all("attempts" in statement for statement in said)


async def test_who_is_wrong_too_often_waits_and_a_right_one_in_between_does_not_help(application: Litestar) -> None:
    async with at(application, "192.0.2.4") as http:
        for nth in range(6):
            assert (await http.get("/api/v1/check-codes", params=asked(line=str(nth)))).status_code == 200
            if nth < 5:
                assert (await http.get("/api/v1/check-codes", params=asked())).json() == {"matches": True}
        assert code_of(await http.get("/api/v1/check-codes", params=asked())) == "429 too_many_attempts"
    async with at(application, "192.0.2.5") as elsewhere:
        assert (await elsewhere.get("/api/v1/check-codes", params=asked())).json() == {"matches": True}
