"""What is on record against a volunteer: how far the right reaches, then the verbs; and its reasons in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import volunteers
from api.problems import Language
from ledger.access.rights import Principal, Right
from ledger.database import connect
from ledger.errors import UnknownMark
from ledger.recognition import marks
from ledger.recognition.marks import Mark

WHY: Final[Mapping[str, tuple[str, str]]] = {
    "forged_record": ("服务记录弄虚作假", "A forged service record"),
    "absence": ("答应了服务，无故不来", "Absent without notice"),
    "misconduct": ("服务中行为不当", "Misconduct during a service"),
    "other": ("其他", "Something else"),
}
"""The reasons, in both languages."""


def why(language: Language, word: str) -> str:
    """A reason in words."""
    return WHY[word][language == "en"]


async def of_volunteer(tx: AsyncConnection, me: Principal, volunteer_no: str) -> Sequence[Mark]:
    """All that is or was on record against her, the latest day first. NotAllowed, UnknownVolunteer."""
    her = await volunteers.within(tx, me, Right.READ_RECORDS, volunteer_no)
    return await marks.of_holder(tx, me.book_id, her.holder)


async def put(tx: AsyncConnection, me: Principal, volunteer_no: str, marked_on: date, why: str) -> Mark:
    """Puts something on record against her. NotAllowed, UnknownVolunteer, InvalidField."""
    her = await volunteers.within(tx, me, Right.CERTIFY, volunteer_no)
    return await marks.put(tx, me.book_id, her.holder, marked_on, why, by=me.name, now=await connect.now(tx))


async def lift(tx: AsyncConnection, me: Principal, volunteer_no: str, mark_id: UUID) -> Mark:
    """Takes something off her record. NotAllowed, UnknownVolunteer, UnknownMark, AlreadyDecided."""
    her = await volunteers.within(tx, me, Right.CERTIFY, volunteer_no)
    if (await marks.find(tx, me.book_id, mark_id)).holder != her.holder:
        raise UnknownMark(mark_id)
    return await marks.lift(tx, me.book_id, mark_id, by=me.name, now=await connect.now(tx))
