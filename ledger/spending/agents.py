"""代办: somebody redeems for somebody else who cannot come, and of what was redeemed so a share is asked about.

Both stand in the redemption. Some are drawn, and the staff call her whose points they were: did she send this person?
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.earning import volunteers
from ledger.errors import InvalidField, VolunteerLeft


async def acting(tx: AsyncConnection, book: int, volunteer_no: str, holder: str) -> str:
    """The holder of the volunteer who acts for `holder`. UnknownVolunteer, VolunteerLeft, InvalidField (herself)."""
    agent = await volunteers.find(tx, book, volunteer_no)
    if agent.left_on is not None:
        raise VolunteerLeft(agent.left_on)
    if agent.holder == holder:
        raise InvalidField("agent", "herself")
    return agent.holder


def drawn(redemption_id: UUID, percent: int) -> bool:
    """Whether this redemption is among the percent that are asked about.

    The id is made by chance when it is redeemed, so neither till nor agent knows before; who audits can draw again.
    """
    return int.from_bytes(hashlib.sha256(b"call back\0" + redemption_id.bytes).digest()[:8]) % 100 < percent
