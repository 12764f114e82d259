"""Her own doors: who she is here, her password or PIN, and where she is signed in."""

from __future__ import annotations

from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, problems
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import sessions, users
from ledger.access.rights import Grant
from ledger.books import directory
from ledger.earning import organisations
from ledger.errors import InvalidField, TooManyAttempts, UnknownDevice, WrongPassword


@get("/account")
async def account(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Who she is, her books and roles, the way to a new password, and the devices on which she is signed in."""
    me = await doors.visitor(request, database, settings)
    language = frame.view_of(request).language
    async with database.connect() as tx:
        grants = await users.grants_of(tx, me.number, auth.today())
        books = [await directory.find_book(tx, await directory.book_code(tx, book)) for book in grants]
        signed_in = await sessions.devices_of(tx, me.number, auth.now())
        names = {
            each.organisation: (await organisations.find(tx, me.book_id, each.organisation)).name
            for each in me.grants
            if each.organisation is not None
        }

    def role(grant: Grant) -> str:
        until = texts.day(language, grant.until) if grant.until else None
        return texts.role(language, grant.role, names.get(grant.organisation or ""), until)

    return frame.page(
        request,
        "account.html",
        notice=frame.notice(request, "password_changed", "device_ended", "book_changed"),
        me=me,
        roles=[role(grant) for grant in me.grants],
        here=next(book for book in books if book.book_id == me.book_id),
        others=[book for book in books if book.book_id != me.book_id],
        devices=[
            (
                each,
                texts.label(language, each.label),
                texts.moment(language, each.signed_in_at),
                texts.moment(language, each.seen_at),
            )
            for each in sorted(signed_in, key=lambda each: each.device_id != me.device)  # this one first
        ],
    )


@post("/account/book", status_code=303)
async def change_book(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Redirect:
    """From now on this browser shows another book of hers."""
    me = await doors.visitor(request, database, settings)
    [book] = await frame.fields(request, "book")
    async with database.begin() as tx:
        await auth.move(tx, me, book)
    return Redirect("/account", status_code=303, query_params={"done": "book_changed"})


@get(doors.CHANGE)
async def password_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form for a new password or PIN; it says why, where somebody else has seen the one of now."""
    me = await doors.visitor(request, database, settings)
    return _password_form(request, must_change=me.must_change)


@post(doors.CHANGE, status_code=200)
async def change_password(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template | Redirect:
    """Changes it and signs her out everywhere else; what is no good is said above the form."""
    me = await doors.visitor(request, database, settings)
    current, new, again = await frame.fields(request, "current", "new", "again", bare=False)
    try:
        if new != again:
            raise InvalidField("password", "not_the_same")
        await auth.change_secret(database, settings, me, current, new, auth.address_of(request))
    except WrongPassword:
        wrong = texts.t(frame.view_of(request).language, "wrong_current")
        return _password_form(request, must_change=me.must_change, status=401, wrong=wrong)
    except (InvalidField, TooManyAttempts) as refusal:
        return _password_form(
            request,
            must_change=me.must_change,
            status=problems.REFUSALS[type(refusal)].status,
            wrong=frame.told(request, refusal),
        )
    return Redirect("/account", status_code=303, query_params={"done": "password_changed"})


@post("/account/devices/{device_id:uuid}/end", status_code=303)
async def end_device(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    device_id: FromPath[UUID],
) -> Redirect:
    """Signs one of her devices out; this one, if she wants that."""
    me = await doors.visitor(request, database, settings)
    try:
        async with database.begin() as tx:
            await sessions.end(tx, me.number, device_id, auth.now(), "ended")
    except UnknownDevice:
        pass  # she pressed twice, or it went by itself: what she wanted is so
    if device_id == me.device:
        return doors.left(settings)
    return Redirect("/account", status_code=303, query_params={"done": "device_ended"})


@post("/account/devices/end", status_code=303)
async def end_all_devices(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Redirect:
    """Signs her out everywhere, here too."""
    me = await doors.visitor(request, database, settings)
    async with database.begin() as tx:
        await sessions.end_all(tx, me.number, auth.now(), "ended")
    return doors.left(settings)


def _password_form(
    request: StrictRequest, *, must_change: bool, status: int = 200, wrong: str | None = None
) -> Template:
    return frame.page(request, "password.html", status=status, path=doors.CHANGE, must_change=must_change, wrong=wrong)


HANDLERS = [account, change_book, password_form, change_password, end_device, end_all_devices]
