"""Star certificates and the public notice of stars, for whichever door they come by: what each reader is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api import auth, check_codes, desk, own
from api.check_codes import Certificate, grouped
from api.settings import Settings
from ledger.access import persons
from ledger.access.ciphers import Keys
from ledger.access.rights import Principal
from ledger.books import directory
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations
from ledger.errors import UnknownAward, UnknownPerson
from ledger.recognition import assessments, awards, ladders
from ledger.recognition.awards import Award
from ledger.recognition.ladder import Ladder

OWN_LOOK: Final = "本人查看星级证书 own certificate"
"""What the access log says of who reads her own name."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What a certificate shows to her whose it is. `name` None: her identity is not recorded."""

    of: Award
    number: str
    name: str | None
    ladder: Ladder
    organisation: str
    code: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A candidate as the public is shown her: her name in full by consent alone, else its first character."""

    of: Award
    name: str
    tail: str
    organisation: str


@dataclass(frozen=True, slots=True)
class Notices:
    """A page of whom the public is shown. `hidden`: how many are not: minors, and who is not recorded."""

    lines: list[Notice]
    hidden: int
    today: date
    next: UUID | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What the books say today of a certificate, for whoever has it in hand."""

    of: Award
    name: str | None
    """As on public boards; None: nothing of her is shown."""
    organisation: str


# --- hers -------------------------------------------------------------------------------------------------------------


async def hers(tx: AsyncConnection, me: Principal) -> list[Award]:
    """Her awards, whatever has become of them, the newest first. NotAllowed."""
    return await awards.of_holder(tx, me.book_id, (await own.volunteer(tx, me)).holder)


async def paper(tx: AsyncConnection, settings: Settings, keys: Keys, me: Principal, award_id: UUID) -> Paper:
    """Her certificate. That she reads her name is logged, so answer when this has been committed.

    NotAllowed, UnknownAward (also another's, and one without a certificate).
    """
    her = await own.volunteer(tx, me)
    of = await awards.find(tx, me.book_id, award_id)
    if of.holder != her.holder or of.serial is None:
        raise UnknownAward(award_id)
    by = (me.name, OWN_LOOK, auth.now())
    try:
        name = (await persons.reveal(tx, keys, me.book_id, her.volunteer_no, ["name"], *by)).name
    except UnknownPerson:
        name = None
    assessed = await assessments.find(tx, me.book_id, of.assessment_id)
    return Paper(
        of,
        her.volunteer_no,
        name,
        await ladders.version(tx, me.book_id, assessed.ladder),
        await _certifier(tx, await directory.find_book(tx, me.book), of),
        grouped(check_codes.of_certificate(settings, Certificate(me.book, of.serial))),
    )


def address(settings: Settings, base: str, book: str, serial: str, code: str) -> str:
    """Where a certificate is checked; `base`: where the service is, if no setting says so."""
    return f"{place(settings, base, book)}?{urlencode({'serial': serial, 'check': code})}"


def place(settings: Settings, base: str, book: str) -> str:
    """Where somebody types what stands on a certificate."""
    return f"{(settings.public_url or base).rstrip('/')}/certificate/{book}"


# --- everybody's ------------------------------------------------------------------------------------------------------


async def in_notice(tx: AsyncConnection, keys: Keys, book: int, *, after: UUID | None = None, limit: int) -> Notices:
    """Whom the public is shown: grown-ups, named as they agreed to at this moment. UnknownAward (`after`)."""
    found = await awards.in_notice(tx, book, after=after, limit=limit)
    numbers = [each.volunteer_no for each in found if each.volunteer_no is not None]
    now = await connect.now(tx)
    names = await persons.on_boards(tx, keys, book, numbers, now)
    named = await organisations.find_many(tx, book, {each.organisation for each in found if each.organisation})
    lines = [
        Notice(
            each,
            names[each.volunteer_no],
            desk.tail(each.volunteer_no),
            named[each.organisation].name if each.organisation in named else "",
        )
        for each in found
        if each.volunteer_no in names
    ]
    following = found[-1].award_id if len(found) == limit else None
    return Notices(lines, len(found) - len(lines), day_of(now), following)


async def checked(tx: AsyncConnection, keys: Keys, book: Book, serial: str) -> Checked | None:
    """What stands behind this number, for who has shown its check code; None where nothing does."""
    of = await awards.with_serial(tx, book.book_id, serial)
    if of is None:
        return None
    numbers = [] if of.volunteer_no is None else [of.volunteer_no]
    names = await persons.on_boards(tx, keys, book.book_id, numbers, await connect.now(tx))
    return Checked(of, names.get(of.volunteer_no or ""), await _certifier(tx, book, of))


async def _certifier(tx: AsyncConnection, book: Book, of: Award) -> str:
    """In whose name a star is awarded: the organisation on her line of the level that the ladder asks for; where it
    asks for none, or none is of that level, the programme itself.
    """
    if of.certifier is None:
        return book.name
    line = await organisations.find_many(tx, book.book_id, of.line)
    at = (line[code] for code in of.line if code in line)
    return next((each.name for each in at if each.level == of.certifier), book.name)
