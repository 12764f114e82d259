"""A forgotten PIN on the staff's pages: one asks, another confirms."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.access.rights import Grant
from ledger.books.directory import Book
from tests.pages import people
from tests.pages.conftest import Enters
from tests.pages.people import NORTH, SOUTH, send, sign_in, token_of, words_of

HERE = "/staff/renewals"


def buttons(page: str, what: str) -> list[str]:
    return re.findall(rf'action="({HERE}/[0-9a-f-]{{36}}/{what})"', page)


async def ask(client: httpx.AsyncClient, number: str) -> httpx.Response:
    return await send(client, HERE, HERE, volunteer=number)


async def test_one_asks_another_confirms_and_the_pin_opens_its_own_change_only(
    enters: Enters, site: httpx.AsyncClient, database: AsyncEngine, book: Book
) -> None:
    district = await people.a_district(database, book)
    clerk = await enters(await people.somebody(database, book, Grant("recorder", NORTH)))
    colleague = await enters(await people.somebody(database, book, Grant("reviewer")))
    hers = await enters(district.northern)
    for _ in range(2):  # asking twice is asking once
        answer = await ask(clerk, " N0001 ")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}?done=renewal_asked")
    page = (await clerk.get(f"{HERE}?done=renewal_asked")).text
    assert "请另一位同事来确认" in page
    assert "您申请的，要由另一位同事确认" in page
    assert buttons(page, "confirm") == []
    [confirm] = buttons((await colleague.get(HERE)).text, "confirm")
    shown = await send(colleague, HERE, confirm)
    assert shown.status_code == 200
    found = re.search(r'class="secret">(\d{6})<', shown.text)
    assert found
    for said in ("只显示这一次", "请对她说", "N0001"):
        assert said in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert (await hers.get("/")).status_code == 303, "signed out everywhere"
    answer = await sign_in(site, district.northern, password=found[1])
    assert answer.headers["location"] == "/account/password"
    again = await colleague.post(confirm, data={"_csrf_token": token_of(shown.text)})
    assert again.status_code == 409
    assert "如果没有看到新密码，请重新申请" in again.text
    assert found[1] not in again.text


async def test_who_asked_cannot_confirm_by_a_form_of_her_own(enters: Enters, database: AsyncEngine, book: Book) -> None:
    await people.a_district(database, book)
    clerk = await enters(await people.somebody(database, book, Grant("operator")))
    await ask(clerk, "N0001")
    page = (await clerk.get(HERE)).text
    [decline] = buttons(page, "decline")
    answer = await clerk.post(decline.replace("decline", "confirm"), data={"_csrf_token": token_of(page)})
    assert answer.status_code == 403
    assert "自己提出的，不能自己批准" in answer.text
    for _ in range(2):
        answer = await clerk.post(decline, data={"_csrf_token": token_of(page)})
        assert answer.status_code == 303
    assert "现在没有要确认的" in (await clerk.get(HERE)).text


async def test_staff_of_another_organisation_neither_see_nor_ask_nor_confirm(
    enters: Enters, database: AsyncEngine, book: Book
) -> None:
    await people.a_district(database, book)
    north = await enters(await people.somebody(database, book, Grant("recorder", NORTH)))
    south = await enters(await people.somebody(database, book, Grant("recorder", SOUTH)))
    await ask(north, "N0001")
    page = (await south.get(HERE)).text
    assert "N0001" not in page
    refused = await ask(south, "N0001")
    unknown = await ask(south, "N9999")
    assert (refused.status_code, unknown.status_code) == (403, 404)
    for answer in (refused, unknown):
        assert "没有这位志愿者，或者不归您的组织管" in answer.text
    [decline] = buttons((await north.get(HERE)).text, "decline")
    for action in (decline, decline.replace("decline", "confirm")):
        assert (await south.post(action, data={"_csrf_token": token_of(page)})).status_code == 403
    assert "N0001" in (await north.get(HERE)).text


@pytest.mark.parametrize("number", ["", "<b>x</b>", "\0", "x" * 5000, "Ｎ０００１"])
async def test_any_number_that_is_typed_is_answered_in_words(
    enters: Enters, database: AsyncEngine, book: Book, number: str
) -> None:
    await people.a_district(database, book)
    clerk = await enters(await people.somebody(database, book, Grant("recorder", NORTH)))
    answer = await ask(clerk, number)
    if number.startswith("Ｎ"):  # as an input method for Chinese writes it
        assert answer.status_code == 303
    else:
        assert answer.status_code == 404
        assert "<b>x" not in answer.text
        assert "请核对编号" in words_of(answer.text)
