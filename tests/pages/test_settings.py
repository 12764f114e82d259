"""The help phone: a setting, shown on every page as a number to press."""

from __future__ import annotations

import dataclasses

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api import demo, settings
from api.app import create_app
from ledger.database import connect
from ledger.errors import SettingInvalid
from tests.pages import people
from tests.pages.conftest import SETTINGS


@pytest.mark.parametrize("phone", ["12345", "0531-0000-0000", "+86 531 0000 0000", "400-000-0000", demo.HELP_PHONE])
def test_a_phone_number_is_taken_as_it_is_written(phone: str) -> None:
    assert settings.read({"MEIDE_HELP_PHONE": phone}).help_phone == phone


@pytest.mark.parametrize("phone", ["call us", "1", "<b>110</b>", "0531 0000 0000;", "０５３１", "-12345"])
def test_what_is_no_phone_number_is_refused_by_name(phone: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        settings.read({"MEIDE_HELP_PHONE": phone})
    assert refused.value.name == "MEIDE_HELP_PHONE"


async def test_without_a_phone_the_service_station_helps(database: AsyncEngine) -> None:
    assert settings.read({}).help_phone is None
    app = create_app(dataclasses.replace(SETTINGS, help_phone=None), connect.to(people.url_of(database)))
    transport = httpx.ASGITransport(app=app)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://books.test") as site:
        page = (await site.get("/sign-in")).text
    assert "请找服务站的工作人员" in page
    assert "tel:" not in page
