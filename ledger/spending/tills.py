"""Tills: a shop's devices. What lets one in is a token, whose number is the till's; ending the token ends the till."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from psycopg.types.numeric import Int4
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import connect, pipeline
from ledger.database.pipeline import Statement
from ledger.errors import InvalidField, UnknownTill
from ledger.spending import policies
from ledger.spending.policy import Policy
from ledger.spending.tables import tills
from ledger.text import one_line

NAME_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Till:
    """A device of an outlet. `clerk`: who stands at it now (`user:12`). It is locked until after `locked_until`."""

    till: int
    outlet: str
    name: str
    clerk: str | None = None
    locked_until: datetime | None = None

    @property
    def actor(self) -> str:
        """As the books know it."""
        return f"till:{self.till}"


_TILL: Final = select(tills.c.till, tills.c.outlet, tills.c.name, tills.c.clerk, tills.c.locked_until)


def called(name: str) -> str:
    """What a till may be called; InvalidField."""
    if not one_line(name, least=1, most=NAME_LENGTH):
        raise InvalidField("name", "not_a_name")
    return name


async def bound(tx: AsyncConnection, book: int, till: int, outlet: str, name: str) -> Till:
    """A device has become a till: `till` is the number of its token, which nobody else's has. InvalidField."""
    await tx.execute(insert(tills).values(book_id=book, till=till, outlet=outlet, name=called(name)))
    return Till(till, outlet, name)


async def find(tx: AsyncConnection, book: int, till: int) -> Till:
    """The till with this number, whether its token still lives or not; UnknownTill."""
    row = (await tx.execute(_TILL.where(tills.c.book_id == book, tills.c.till == till))).one_or_none()
    if row is None:
        raise UnknownTill(till)
    return Till(*row)


async def at_work(tx: AsyncConnection, book: int, till: int, day: date) -> tuple[Till, Policy]:
    """The till, and the limits of that day, in one statement: every redemption asks for them. UnknownTill."""
    rows = await pipeline.run(await connect.driver(tx), (_AT_WORK, (Int4(book), Int4(till), day)))
    if not rows:
        raise UnknownTill(till)
    *found, body, version = rows[0].values()
    return Till(*found), policies.policy_of(body, version)


# Prepared: every redemption asks for it.
_AT_WORK: Final = Statement(
    b"meide_at_work",
    b"""SELECT t.till, t.outlet, t.name, t.clerk, t.locked_until, p.body::text, p.version
        FROM tills t LEFT JOIN LATERAL (
            SELECT version, body FROM policies WHERE book_id = $1 AND approved AND effective_from <= $3
            ORDER BY effective_from DESC, version DESC LIMIT 1) p ON true
        WHERE t.book_id = $1 AND t.till = $2""",
)


async def of_outlet(tx: AsyncConnection, book: int, outlet: str) -> list[Till]:
    """The tills that an outlet has or had, the newest first."""
    rows = await tx.execute(
        _TILL.where(tills.c.book_id == book, tills.c.outlet == outlet).order_by(tills.c.till.desc())
    )
    return [Till(*row) for row in rows]


async def stand(tx: AsyncConnection, book: int, till: int, clerk: str | None) -> Till:
    """Somebody takes her place at a till (`user:12`), or leaves it (None). UnknownTill."""
    await tx.execute(update(tills).where(tills.c.book_id == book, tills.c.till == till).values(clerk=clerk))
    return await find(tx, book, till)
