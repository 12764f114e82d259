"""Who is calling, and may they: sign-in, the principal of a call, and what its handler says that it takes.

Each handler of the API names its right in `opt`: `right` is what the caller must have, for the whole book unless
`scoped` says that the handler itself asks `within` for what it touches. `also`: another right that is enough to come in
with, where the handler asks further. `unchanged`: also with a password that somebody else has seen. A handler that
names no right is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from litestar import Request
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import keys
from api.settings import Settings
from ledger.access import attempts, cards, rights, sessions, tokens, users
from ledger.access.rights import Principal, Right
from ledger.access.tokens import Token
from ledger.access.users import Candidate
from ledger.books import approvals, chart, directory, journal
from ledger.books.proposals import room_of
from ledger.database.gather import Gathered
from ledger.days import day_of
from ledger.earning import organisations
from ledger.earning.organisations import Belonging
from ledger.earning.volunteers import Volunteer
from ledger.errors import (
    ChangeNeeded,
    InvalidField,
    NotAllowed,
    ReservedKind,
    SessionEnded,
    TooManyAttempts,
    UnknownBook,
    WrongPassword,
)

EARNING: Final = "earning"
"""The room that turns service records into postings."""


def now() -> datetime:
    """The service's clock: for sessions only, which are not in the books."""
    return datetime.now(UTC)


def today() -> date:
    """The day on which rights are asked for."""
    return day_of(now())


# --- every call ------------------------------------------------------------------------------------------------------


class Doors:
    """What every call asks of the database: does its device or its token still live?"""

    def __init__(self, database: AsyncEngine) -> None:
        self._books: dict[int, str] = {}
        self.devices: Gathered[UUID, int] = Gathered(database, self._alive)
        self.tokens: Gathered[bytes, Principal] = Gathered(database, self._holders)

    async def _alive(self, tx: AsyncConnection, asked: Sequence[UUID]) -> Mapping[UUID, int]:
        return await sessions.alive(tx, asked, now())

    async def _holders(self, tx: AsyncConnection, digests: Sequence[bytes]) -> Mapping[bytes, Principal]:
        found: Mapping[bytes, Token] = await tokens.find(tx, digests, now())
        for book in {token.book_id for token in found.values()} - self._books.keys():
            self._books[book] = await directory.book_code(tx, book)  # a book keeps its code
        return {digest: token.principal(self._books[token.book_id]) for digest, token in found.items()}


async def admitted(request: Request[Any, Any, Any]) -> None:
    """Before a call of the API: SessionEnded, ChangeNeeded, NotAllowed. The principal becomes the request's user.

    It runs before anything of the request is read, so that a stranger learns nothing from errors. It is a hook and not
    one of the framework's guards, since for each of those the framework copies the handler at every request.
    """
    me = await _caller(request)
    request.scope["user"] = me
    asked = request.route_handler.opt
    if "right" not in asked:
        raise NotAllowed
    if me.must_change and not asked.get("unchanged"):
        raise ChangeNeeded
    held = rights.reach(me, asked["right"], today())
    let_in = (
        held.book or (held and asked.get("scoped")) or ("also" in asked and rights.reach(me, asked["also"], today()))
    )
    # Whether another book exists is not told.
    if request.path_params.get("book", me.book) != me.book or not let_in:
        raise NotAllowed


async def _caller(request: Request[Any, Any, Any]) -> Principal:
    scheme, _space, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise SessionEnded
    doors: Doors = request.app.state.doors
    if tokens.is_token(token):
        holder = await doors.tokens(tokens.digest(token))
        if holder is None:
            raise SessionEnded
        return holder
    me, ends = _recognised(token, request.app.state.settings.session_keys)
    # A device that went on in another book has ended for this one: whoever ends a role there would not find it.
    if now() >= ends or me.device is None or await doors.devices(me.device) != me.book_id:
        raise SessionEnded
    return me


@lru_cache(maxsize=4096)
def _recognised(token: str, keys: tuple[str, ...]) -> tuple[Principal, datetime]:
    """Whom a token speaks of, and when it ends. A signature that was right stays right: only the end is asked again."""
    return sessions.recognise(token, keys)


# --- how far a right reaches -----------------------------------------------------------------------------------------


def within(me: Principal, right: Right, line: Sequence[str]) -> None:
    """NotAllowed unless the right reaches what belongs to this line of organisations."""
    rights.require(me, right, today(), line)


def is_within(me: Principal, right: Right, line: Sequence[str]) -> bool:
    """Whether the right reaches what belongs to this line of organisations."""
    return rights.reach(me, right, today()).includes(line)


async def line_of(tx: AsyncConnection, me: Principal, organisation: str | None) -> tuple[str, ...]:
    """The line of an organisation of the caller's book; empty for the book's own. UnknownOrganisation."""
    return () if organisation is None else (await organisations.find(tx, me.book_id, organisation)).line


async def reaches_volunteer(tx: AsyncConnection, me: Principal, right: Right, her: Volunteer) -> bool:
    """Whether the right reaches this volunteer: through the organisation that registered her."""
    held = rights.reach(me, right, today())
    return held.book or held.includes(await line_of(tx, me, her.organisation))


async def reaches(
    tx: AsyncConnection, me: Principal, right: Right, codes: Iterable[str], *, some: bool = False
) -> bool:
    """Whether the right reaches all (or `some`) of these accounts; for who has it for the whole book it does."""
    held = rights.reach(me, right, today())
    if held.book:
        return True
    wanted = set(codes)
    found = await organisations.of_accounts(tx, me.book_id, wanted)
    reached = [code in found and held.includes(found[code].line) for code in wanted]
    return any(reached) if some else all(reached)


async def within_accounts(
    tx: AsyncConnection, me: Principal, right: Right, codes: Iterable[str], *, some: bool = False
) -> None:
    """NotAllowed unless the right reaches these accounts. Whether an account exists is not told to strangers."""
    if not await reaches(tx, me, right, codes, some=some):
        raise NotAllowed


async def may_post(database: AsyncEngine, me: Principal, codes: Iterable[str]) -> None:
    """Whether `me` may post to these accounts without anybody else: NotAllowed, NeedsApproval.

    A token posts to accounts whose codes begin as it says; a person to those of her organisations, and to nobody's
    wallet, hours or rewards.
    """
    wanted = set(codes)
    if me.kind != "user":
        if not all(map(me.may_touch, wanted)):
            raise NotAllowed
        return
    async with database.connect() as tx:
        found: Mapping[str, Belonging] = await organisations.of_accounts(tx, me.book_id, wanted)
    held = rights.reach(me, Right.POST, today())
    if not all(held.book or (code in found and held.includes(found[code].line)) for code in wanted):
        raise NotAllowed
    # Of an account that is not there its code decides: it may be opened before the posting comes.
    approvals.alone({code: found[code].kind if code in found else chart.kind_by_code(code) for code in wanted})


async def may_reverse(tx: AsyncConnection, me: Principal, transaction_id: UUID) -> None:
    """ReservedKind for what a service record has posted: it is undone by correcting the record. UnknownTransaction.

    A reversal by hand would leave the record saying that its points are there.
    """
    original = await journal.read(tx, me.book_id, transaction_id)
    if original.client == f"room:{EARNING}" and room_of(original.kind) == EARNING:
        raise ReservedKind(original.kind, EARNING)


# --- signing in ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignIn:
    """What somebody signs in with, and from where. `browser`: a page's session, else a program's."""

    login: str
    secret: str
    address: str
    label: str
    browser: bool
    book: str | None = None
    new_secret: str | None = None

    def __repr__(self) -> str:
        return "SignIn(…)"


async def sign_in(database: AsyncEngine, settings: Settings, given: SignIn) -> tuple[Principal, str]:
    """The principal on a new device, and its secret or refresh token.

    TooManyAttempts, WrongPassword, ChangeNeeded (a program without a new password), InvalidField (of the new one),
    NotAllowed (no role in that book). No connection is held while the password is looked at.
    """
    async with database.connect() as tx:
        book_id = await _book_id(tx, given.book)
    found = await _verified(database, settings, given.login, given.secret, given.address, book_id)
    assert found.user is not None, "verified"
    if found.user.must_change and given.new_secret is None and not given.browser:
        raise ChangeNeeded
    if given.new_secret == given.secret:
        raise InvalidField("new_password", "same_as_before")
    async with database.begin() as tx:
        await unchanged(tx, found)
        if given.new_secret is not None:
            await users.change_secret(tx, found.user.user_id, given.new_secret)
            await sessions.end_all(tx, found.user.user_id, now(), "password_changed")
        user = await users.user(tx, found.user.user_id)
        grants = await users.grants_of(tx, user.user_id, today())
        chosen = sessions.choose(grants, found.book_id if given.book is None else book_id)
        if chosen is None:
            raise NotAllowed
        me = sessions.principal(user, grants, chosen, await directory.book_code(tx, chosen))
        return await sessions.begin(tx, me, given.label, now(), browser=given.browser)


async def clerk(database: AsyncEngine, settings: Settings, till: Principal, given: SignIn) -> str:
    """Who may stand at this till, as the books know her: a merchant of its outlet.

    TooManyAttempts, WrongPassword, ChangeNeeded, NotAllowed. No session begins: the till acts, and she is named.
    """
    found = await _verified(database, settings, given.login, given.secret, given.address, till.book_id)
    assert found.user is not None, "verified"
    async with database.connect() as tx:
        grants = await users.grants_of(tx, found.user.user_id, today())
    if not any(each.role == "merchant" and each.outlet == till.outlet for each in grants.get(till.book_id, ())):
        raise NotAllowed
    if found.user.must_change:
        raise ChangeNeeded
    return f"user:{found.user.user_id}"


async def _verified(
    database: AsyncEngine, settings: Settings, login: str, secret: str, address: str, book_id: int | None
) -> Candidate:
    """Whose login and secret these are; TooManyAttempts, WrongPassword. Meanwhile no connection is held."""
    async with database.begin() as tx:
        named = await _candidates(tx, settings, login, book_id)
        candidates = await _attempted(tx, settings, named, login, address)
    found = await users.verify(candidates, secret)
    async with database.begin() as tx:
        await attempts.succeeded(tx, _attempt(settings, found, login, address))
    return found


async def _candidates(
    tx: AsyncConnection, settings: Settings, name: str, book_id: int | None
) -> Sequence[users.Candidate]:
    """Whom a name may stand for: a login, a volunteer number, or the digits of a card."""
    found = await users.find(tx, name, book_id)
    if found[0].user is None:
        for book, volunteer_no in await cards.holder_of_card(tx, keys.personal(settings), name):
            if book_id in (None, book):
                found = await users.find_volunteer(tx, volunteer_no, book)
    return found


async def refresh(database: AsyncEngine, token: str, book: str | None = None) -> tuple[Principal, str]:
    """The principal of a program that goes on, as her roles are now, and its next refresh token.

    SessionEnded; NotAllowed where she has no role in the book that she names.
    """
    async with database.begin() as tx:
        renewed = await sessions.refresh(tx, token, now())
        if renewed is not None:
            user = await users.user(tx, renewed.user_id)
            grants = await users.grants_of(tx, renewed.user_id, today())
            chosen = renewed.book_id if book is None else await _book_id(tx, book)
            if book is not None and chosen not in grants:
                raise NotAllowed  # within the block: a wrong name of a book does not cost her this token
            if chosen in grants and chosen is not None:
                if chosen != renewed.book_id:
                    await sessions.move(tx, renewed.device_id, chosen)
                code = await directory.book_code(tx, chosen)
                me = sessions.principal(
                    user,
                    grants,
                    chosen,
                    code,
                    device=renewed.device_id,
                    signed_in_at=renewed.signed_in_at,
                )
                return me, renewed.refresh_token
    # Not within the block: that a stolen token has ended its device is to stay.
    raise SessionEnded


async def change_secret(
    database: AsyncEngine, settings: Settings, me: Principal, current: str, new: str, address: str
) -> None:
    """Changes her password or PIN and signs her out on all other devices.

    TooManyAttempts, WrongPassword, InvalidField (the new one is no good, or is the old one).
    """
    async with database.begin() as tx:
        [mine] = await _attempted(tx, settings, [await users.candidate(tx, me.number)], me.name, address)
    await users.verify([mine], current)
    if new == current:
        raise InvalidField("new", "same_as_before")
    async with database.begin() as tx:
        await unchanged(tx, mine)
        await attempts.succeeded(tx, _attempt(settings, mine, me.name, address))
        await users.change_secret(tx, me.number, new)
        await sessions.end_all(tx, me.number, now(), "password_changed", but=me.device)


async def unchanged(tx: AsyncConnection, verified: Candidate) -> None:
    """WrongPassword where the password was changed since it was looked at; holds the user until the transaction ends.

    Whoever changes it signs out what is signed in, which this sign-in is not yet.
    """
    assert verified.user is not None
    now_is = await users.candidate(tx, verified.user.user_id, held=True)
    if (now_is.password_hash, now_is.pin_hash) != (verified.password_hash, verified.pin_hash):
        raise WrongPassword


async def _attempted(
    tx: AsyncConnection, settings: Settings, named: Sequence[Candidate], name: str, address: str
) -> list[Candidate]:
    """Those of the candidates whose secret may be looked at now, which counts as an attempt; else TooManyAttempts."""
    counted = {_attempt(settings, each, name, address): each for each in named}
    waits = []
    for attempt in sorted(counted):  # in one order, whoever else is named at the same time
        try:
            await attempts.begin(tx, attempt, now())
        except TooManyAttempts as refusal:
            waits.append(refusal)
            del counted[attempt]
    if not counted:
        raise min(waits, key=lambda each: each.seconds)
    return [each for each in named if each in counted.values()]


def _attempt(settings: Settings, of: Candidate, name: str, address: str) -> bytes:
    whose = of.user.user_id if of.user is not None else None
    return attempts.digest(settings.session_keys[0], whose, name, address)


async def move(tx: AsyncConnection, me: Principal, book: str) -> None:
    """From now on this device of hers is for another book in which she has a role; NotAllowed."""
    assert me.device is not None, "a user's"
    book_id = await _book_id(tx, book)
    if book_id is None or book_id not in await users.grants_of(tx, me.number, today()):
        raise NotAllowed
    await sessions.move(tx, me.device, book_id)


async def _book_id(tx: AsyncConnection, code: str | None) -> int | None:
    """A book that does not exist has the number of none: who names it learns nothing more than a wrong password."""
    try:
        return None if code is None else (await directory.find_book(tx, code)).book_id
    except UnknownBook:
        return 0


async def of_browser(tx: AsyncConnection, secret: str) -> Principal:
    """Whose browser it is, as her roles are now; SessionEnded."""
    user_id, book_id, device, signed_in_at = await sessions.of_browser(tx, secret, now())
    user = await users.user(tx, user_id)
    grants = await users.grants_of(tx, user_id, today())
    if book_id not in grants:
        raise SessionEnded
    code = await directory.book_code(tx, book_id)
    return sessions.principal(user, grants, book_id, code, device=device, signed_in_at=signed_in_at)


def address_of(request: Request[Any, Any, Any]) -> str:
    """Where a request comes from: the server has put there what a trusted proxy says, and nobody else's word."""
    return request.client.host if request.client is not None else ""


_BROWSERS = (
    ("Edg", "Edge"),
    ("MicroMessenger", "微信"),
    ("Firefox", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("HarmonyOS", "HarmonyOS"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def label_of(request: Request[Any, Any, Any]) -> str:
    """What a list of devices calls this browser, in words of ours: what it says of itself could be anything."""
    agent = request.headers.get("user-agent", "")
    named = [next((name for mark, name in known if mark in agent), "") for known in (_BROWSERS, _SYSTEMS)]
    return ", ".join(name for name in named if name) or "?"
