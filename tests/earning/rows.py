"""Service records as rows, in whatever state a test needs; the verbs that make them have tests of their own."""

from __future__ import annotations

import datetime
import secrets
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import connect
from ledger.days import BEIJING, day_of
from ledger.earning.tables import records


async def a_record(
    tx: AsyncConnection, book: int, holder: str, organisation: str, minutes: int = 60, **other: Any
) -> UUID:
    """A record of a service some hours ago, by default handed in and waiting for its review."""
    now = await connect.now(tx)
    day: datetime.date = other.pop("served_on", None) or day_of(now)
    ends = datetime.datetime.combine(day, datetime.time(11), BEIJING) + datetime.timedelta(minutes=minutes)
    values = {
        "book_id": book,
        "record_id": uuid4(),
        "record": f"R-{secrets.token_hex(4)}",
        "holder": holder,
        "organisation": organisation,
        "activity_name": "lunch for elders",
        "category": "care",
        "record_class": "credit",
        "check_in": ends - datetime.timedelta(minutes=minutes),
        "check_out": ends,
        "served_on": day,
        "minutes": minutes,
        "by_leader": False,
        "forgotten": False,
        "recorder": "Team leader",
        "submitted_at": now,
        "submitted_by": "user:1",
        "state": "submitted",
        "review_by": organisation,
        "due_on": day + datetime.timedelta(days=5),
    } | other
    if values["record_class"] == "act":
        values |= {"check_in": None, "check_out": None}
    await tx.execute(insert(records).values({getattr(records.c, name): value for name, value in values.items()}))
    return UUID(str(values["record_id"]))
