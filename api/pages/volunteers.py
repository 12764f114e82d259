"""Volunteers as persons, for staff: looked up, registered, corrected, seen in full for a reason, erased.

Names, phones and identity numbers come in forms and never stand in an address: those end up in histories. The volunteer
number may. What is shown in full is the answer to a form, so there is no page to come back to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, bodies, problems, stars, volunteers
from api.pages import doors, frame, my_stars, texts
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import identities, rights
from ledger.access.ciphers import Keys
from ledger.access.identities import Identity, Masked
from ledger.access.rights import Principal, Right
from ledger.books import balances
from ledger.earning import organisations
from ledger.earning.volunteers import CREDIT_HOURS, WALLET, Volunteer
from ledger.errors import InvalidField, NotAllowed, Refusal, SessionEnded, UnknownVolunteer

HERE: Final = "/staff/volunteers"
HERS: Final = f"{HERE}/{{number:str}}"

IDENTITY: Final = ("name", "phone", "id_number", "born")
NEW: Final = ("number", "organisation", "sign_in", *IDENTITY)
NO_ORGANISATION: Final = "*"
"""Of the select: she belongs to the book as a whole. No organisation's code looks like this."""

DOES: Final = {
    "renew": Right.RENEW_PIN,
    "reveal": Right.REVEAL,
    "register": Right.REGISTER,
    "erase": Right.ERASE,
    "books": Right.READ_BOOKS,
    "marks": Right.READ_RECORDS,
}
"""What there may be on the page of a volunteer, and the right that it takes."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A volunteer on a page: her number, her organisation's name, who she is as far as a page shows it, since when she
    has left."""

    number: str
    organisation: str | None
    person: Masked | None
    left: str | None = None


# --- looking up -------------------------------------------------------------------------------------------------------


@get(HERE)
async def look_up_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form to find somebody, and the way to register somebody."""
    me = await doors.colleague(request, database, settings, Right.READ_PEOPLE)
    return _look_up(request, me, None)


@post(HERE, status_code=200)
async def look_up(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """Who was found, masked. What was typed is not shown again: it may be somebody's phone or identity number."""
    me = await doors.colleague(request, database, settings, Right.READ_PEOPLE)
    [words] = await frame.fields(request, "who")
    words = texts.typed(words)
    if not words:
        return _look_up(request, me, None, InvalidField("who", "missing"))
    async with database.begin() as tx:
        found = await _shown(
            tx, keys, me, await volunteers.look_up(tx, keys, me, words), frame.view_of(request).language
        )
    return _look_up(request, me, found)


def _look_up(
    request: StrictRequest,
    me: Principal,
    found: list[Shown] | None,
    refusal: InvalidField | None = None,
) -> Template:
    return frame.page(
        request,
        "volunteers.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=HERE,
        notice=frame.notice(request, "person_erased"),
        wrong=None if refusal is None else frame.told(request, refusal),
        found=found,
        registers=bool(rights.reach(me, Right.REGISTER, auth.today())),
    )


async def _shown(
    tx: AsyncConnection, keys: Keys, me: Principal, hers: list[Volunteer], language: Language
) -> list[Shown]:
    masked = await volunteers.masked(tx, keys, me, hers)
    codes = {her.organisation for her in hers if her.organisation is not None}
    names = {code: (await organisations.find(tx, me.book_id, code)).name for code in codes}
    return [
        Shown(
            her.volunteer_no,
            names.get(her.organisation or ""),
            masked.get(her.volunteer_no),
            None if her.left_on is None else texts.day(language, her.left_on),
        )
        for her in hers
    ]


@get(HERS)
async def volunteer(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template:
    """One volunteer, masked, with her figures and what the reader may do for her."""
    me = await doors.colleague(request, database, settings, Right.READ_PEOPLE)
    async with database.begin() as tx:
        her = await volunteers.within(tx, me, Right.READ_PEOPLE, number)
        [shown] = await _shown(tx, keys, me, [her], frame.view_of(request).language)
        held = await volunteers.rights_on(tx, me, her)
        figures = await _figures(request, tx, me, her) if DOES["books"] in held else []
        star = await _star(request, tx, me, her) if Right.READ_RECORDS in held else None
    return frame.page(
        request,
        "person.html",
        notice=frame.notice(request, "person_registered", "identity_recorded", "card_ended", "card_none"),
        her=shown,
        figures=figures,
        star=star,
        may={name for name, right in DOES.items() if right in held},
    )


async def _figures(request: StrictRequest, tx: AsyncConnection, me: Principal, her: Volunteer) -> list[tuple[str, str]]:
    """What she can spend and the hours that she has, in words."""
    language = frame.view_of(request).language
    found = await balances.balances(tx, me.book_id, [her.account(WALLET), her.account(CREDIT_HOURS)])
    kept = {each.account: each.available or 0 for each in found}
    return [
        ("points", texts.points(language, kept.get(her.account(WALLET), 0))),
        ("hours", texts.hours(language, kept.get(her.account(CREDIT_HOURS), 0))),
    ]


async def _star(request: StrictRequest, tx: AsyncConnection, me: Principal, her: Volunteer) -> dict[str, Any]:
    """Her star of today in words, and what became of her awards."""
    language = frame.view_of(request).language
    found = await stars.of_volunteer(tx, me, her, await stars.asked(tx, me.book_id))
    said = my_stars.said_awards(language, found, await stars.awards_of(tx, me, found))
    return {**my_stars.shown(language, found), "awards": said}


# --- registering and correcting ---------------------------------------------------------------------------------------


@get(f"{HERE}/new")
async def new_form(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The form for a new volunteer."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    return await _new_form(request, database, me, {})


@post(f"{HERE}/new", status_code=200)
async def register(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template | Redirect:
    """Registers her; the PIN of who may sign in is shown here and never again."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    form = dict(zip(NEW, await frame.fields(request, *NEW), strict=True))
    try:
        if not form["number"]:
            raise InvalidField("number", "missing")
        if not form["organisation"]:
            raise InvalidField("her_organisation", "missing")
        organisation = None if form["organisation"] == NO_ORGANISATION else form["organisation"]
        identity = _identity(form) if any(form[name] for name in IDENTITY) else None
        async with database.begin() as tx:
            her, pin = await volunteers.register(
                tx, keys, me, texts.typed(form["number"]), organisation, identity, sign_in=bool(form["sign_in"])
            )
    except (NotAllowed, SessionEnded):
        raise
    except Refusal as refusal:
        return await _new_form(request, database, me, form, refusal)
    where = f"{HERE}/{her.volunteer_no}"
    if pin is None:
        return Redirect(where, status_code=303, query_params={"done": "person_registered"})
    return frame.page(request, "new_volunteer.html", path=HERE, number=her.volunteer_no, pin=pin)


async def _new_form(
    request: StrictRequest, database: AsyncEngine, me: Principal, form: dict[str, str], refusal: Refusal | None = None
) -> Template:
    async with database.connect() as tx:
        known = await volunteers.organisations_in_reach(tx, me, Right.REGISTER)
    return frame.page(
        request,
        "new_person.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/new",
        organisations=[(each.code, each.name) for each in known],
        whole_book=NO_ORGANISATION if rights.reach(me, Right.REGISTER, auth.today()).book else None,
        form={name: form.get(name, "") for name in NEW},
        wrong=None if refusal is None else _told(request, refusal),
    )


@get(f"{HERS}/identity")
async def identity_form(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template:
    """The form that records who she is. It is empty: what is recorded is shown to nobody without a reason."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    await _within(database, me, Right.REGISTER, number)
    return _identity_form(request, number, {})


@post(f"{HERS}/identity", status_code=200)
async def record_identity(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template | Redirect:
    """Records who she is, all fields at once."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    form = dict(zip(IDENTITY, await frame.fields(request, *IDENTITY), strict=True))
    try:
        async with database.begin() as tx:
            await volunteers.record(tx, keys, me, number, _identity(form))
    except (NotAllowed, SessionEnded, UnknownVolunteer):
        raise
    except Refusal as refusal:
        return _identity_form(request, number, form, refusal)
    return Redirect(f"{HERE}/{number}", status_code=303, query_params={"done": "identity_recorded"})


def _identity(form: dict[str, str]) -> Identity:
    return Identity(
        form["name"],
        form["phone"] or None,
        form["id_number"] or None,
        bodies.day(texts.typed(form["born"]), "born") if form["born"] else None,
    )


def _identity_form(
    request: StrictRequest, number: str, form: dict[str, str], refusal: Refusal | None = None
) -> Template:
    # What she has just typed stays in the form, so that one wrong digit of eighteen is found; it is kept nowhere.
    return frame.page(
        request,
        "identity.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{number}/identity",
        number=number,
        form={name: form.get(name, "") for name in IDENTITY},
        wrong=None if refusal is None else _told(request, refusal),
    )


def _told(request: StrictRequest, refusal: Refusal) -> str:
    """As `frame.told`; the name of a person is called so."""
    if isinstance(refusal, InvalidField) and refusal.field == "name":
        refusal = InvalidField("person_name", refusal.problem)
    return frame.told(request, refusal)


# --- in full ----------------------------------------------------------------------------------------------------------


@get(f"{HERS}/reveal")
async def reveal_form(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template:
    """The form that asks what is to be seen, and why."""
    me = await doors.colleague(request, database, settings, Right.REVEAL)
    await _within(database, me, Right.REVEAL, number)
    return _reveal_form(request, number, [])


@post(f"{HERS}/reveal", status_code=200)
async def reveal(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template:
    """Shows it here, once; who asked, for what and why stands in the access log by then."""
    me = await doors.colleague(request, database, settings, Right.REVEAL)
    chosen = [name for name in identities.FIELDS if (await frame.fields(request, name))[0]]
    [reason] = await frame.fields(request, "reason")
    try:
        async with database.begin() as tx:
            shown = await volunteers.reveal(tx, keys, me, number, chosen, reason)
    except InvalidField as refusal:
        return _reveal_form(request, number, list(chosen), reason, refusal)
    language = frame.view_of(request).language
    told = {
        "name": shown.name,
        "phone": shown.phone,
        "id_number": shown.id_number,
        "born": None if shown.born is None else texts.day(language, shown.born),
    }
    return frame.page(
        request,
        "revealed.html",
        path=f"{HERE}/{number}",
        number=number,
        shown=[(name, told[name]) for name in chosen],
    )


def _reveal_form(
    request: StrictRequest, number: str, chosen: list[str], reason: str = "", refusal: Refusal | None = None
) -> Template:
    return frame.page(
        request,
        "reveal.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{number}/reveal",
        number=number,
        fields=identities.FIELDS,
        chosen=chosen,
        reason=reason,
        wrong=None if refusal is None else frame.told(request, refusal),
    )


# --- cards ------------------------------------------------------------------------------------------------------------


@post(f"{HERS}/card", status_code=200)
async def issue_card(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    number: FromPath[str],
) -> Template:
    """A new card, whose digits are shown here and never again; the one of before ends."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    async with database.begin() as tx:
        digits = await volunteers.issue_card(tx, keys, me, number)
    grouped = " ".join(digits[start : start + 6] for start in range(0, len(digits), 6))
    return frame.page(request, "new_card.html", path=f"{HERE}/{number}", number=number, digits=grouped)


@post(f"{HERS}/card/end", status_code=303)
async def end_card(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Redirect:
    """Ends a card that was lost."""
    me = await doors.colleague(request, database, settings, Right.REGISTER)
    async with database.begin() as tx:
        ended = await volunteers.end_card(tx, me, number)
    done = "card_ended" if ended else "card_none"
    return Redirect(f"{HERE}/{number}", status_code=303, query_params={"done": done})


# --- erasing ----------------------------------------------------------------------------------------------------------


@get(f"{HERS}/erase")
async def erase_form(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template:
    """Says what is destroyed and what stays, and asks for her number."""
    me = await doors.colleague(request, database, settings, Right.ERASE)
    await _within(database, me, Right.ERASE, number)
    return _erase_form(request, number)


@post(f"{HERS}/erase", status_code=200)
async def erase(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    number: FromPath[str],
) -> Template | Redirect:
    """Erases her, if her number was typed: a button alone is pressed too easily for what cannot be undone."""
    me = await doors.colleague(request, database, settings, Right.ERASE)
    [again] = await frame.fields(request, "number")
    await _within(database, me, Right.ERASE, number)
    if texts.typed(again) != number:
        return _erase_form(request, number, InvalidField("number", "not_her_number" if again else "missing"))
    async with database.begin() as tx:
        await volunteers.erase(tx, me, number)
    return Redirect(HERE, status_code=303, query_params={"done": "person_erased"})


def _erase_form(request: StrictRequest, number: str, refusal: InvalidField | None = None) -> Template:
    return frame.page(
        request,
        "erase.html",
        status=200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        path=f"{HERE}/{number}/erase",
        number=number,
        wrong=None if refusal is None else frame.told(request, refusal),
    )


async def _within(database: AsyncEngine, me: Principal, right: Right, number: str) -> None:
    """NotAllowed, UnknownVolunteer: before a form is shown that would be refused."""
    async with database.connect() as tx:
        await volunteers.within(tx, me, right, number)


HANDLERS = [
    look_up_form,
    look_up,
    new_form,
    register,
    volunteer,
    identity_form,
    record_identity,
    reveal_form,
    reveal,
    issue_card,
    end_card,
    erase_form,
    erase,
]
