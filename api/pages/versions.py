"""What the pages of anything that is kept in versions have in common: the list, one version, and deciding on it."""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeVar

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, problems, staff, versioned
from api.pages import doors, frame, texts
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access import rights
from ledger.access.rights import Principal, Right
from ledger.books import versions
from ledger.books.versions import Kind, Version
from ledger.errors import AlreadyDecided, NotAllowed, Refusal, Unknown

T = TypeVar("T")

MOST: Final = 50
"""Versions on a page."""
LAST: Final = 2**31 - 1
"""The highest number that a version can have."""


async def listed(
    request: StrictRequest, tx: AsyncConnection, me: Principal, kind: Kind[T], in_force: int | None
) -> dict[str, Any]:
    """What a list shows: the versions, the newest first, each with what has become of it. `in_force`: which one is."""
    language = frame.view_of(request).language
    before = texts.whole_number(request.query_params.get("before", "")) or None
    found = await versions.versions_of(tx, kind, me.book_id, before=before and min(before, LAST), limit=MOST)
    names = await staff.names(tx, [each.drafted_by for each in found])
    return {
        "versions": [
            (
                each,
                texts.day(language, each.effective_from),
                texts.t(language, _standing(each, in_force)),
                names[each.drafted_by],
                texts.moment(language, each.drafted_at),
            )
            for each in found
        ],
        "drafts": rights.reach(me, Right.DRAFT_RULES, auth.today()).book,
        "following": found[-1].version if len(found) == MOST else None,
    }


async def find(tx: AsyncConnection, me: Principal, kind: Kind[T], version: int) -> Version[T]:
    """The version with a number that anybody may have typed; Unknown."""
    if not 1 <= version <= LAST:
        raise kind.unknown(version)
    return await versions.find(tx, kind, me.book_id, version)


async def shown(
    request: StrictRequest,
    tx: AsyncConnection,
    me: Principal,
    found: Version[T],
    in_force: int | None,
    refusal: Refusal | None,
) -> dict[str, Any]:
    """What the page of a version shows beside what it says: who drafted and decided it, and who may now decide."""
    language = frame.view_of(request).language
    names = await staff.names(tx, [by for by in (found.drafted_by, found.decided_by) if by])
    mine = found.drafted_by == me.name
    approves = rights.reach(me, Right.APPROVE_RULES, auth.today()).book
    return {
        "status": 200 if refusal is None else problems.REFUSALS[type(refusal)].status,
        "version": found,
        "since": texts.day(language, found.effective_from),
        "standing": texts.t(language, _standing(found, in_force)),
        "drafted": (names[found.drafted_by], texts.moment(language, found.drafted_at)),
        "decided": None
        if found.decided_by is None or found.decided_at is None
        else (names[found.decided_by], texts.moment(language, found.decided_at)),
        "mine": mine,
        "may_approve": approves and not mine,
        "may_decline": approves or mine,
        "wrong": None if refusal is None else frame.told(request, refusal),
    }


class Page(Protocol):
    """The page of a version: in words, in what it differs, and the buttons of who may decide; Unknown.

    `refusal`: why it could not be decided as the caller wanted.
    """

    async def __call__(
        self, request: StrictRequest, database: AsyncEngine, me: Principal, version: int, refusal: Refusal | None = None
    ) -> Template: ...


def handlers(here: str, kind: Kind[T], read: Right, page: Page) -> list[HTTPRouteHandler]:
    """The page of one version below `here` for those who may `read` it, and the buttons to approve and to decline."""

    @get(f"{here}/{{version:int}}")
    async def one_version(
        request: StrictRequest,
        database: NamedDependency[AsyncEngine],
        settings: NamedDependency[Settings],
        version: FromPath[int],
    ) -> Template:
        """A version, and the buttons of who may decide."""
        return await page(request, database, await doors.colleague(request, database, settings, read), version)

    @post(f"{here}/{{version:int}}/approve", status_code=200)
    async def approve(
        request: StrictRequest,
        database: NamedDependency[AsyncEngine],
        settings: NamedDependency[Settings],
        version: FromPath[int],
    ) -> Template | Redirect:
        """Approves what somebody else drafted."""
        me = await doors.colleague(request, database, settings, Right.APPROVE_RULES, everywhere=True)
        return await decide(request, database, me, version, approves=True)

    @post(f"{here}/{{version:int}}/decline", status_code=200)
    async def decline(
        request: StrictRequest,
        database: NamedDependency[AsyncEngine],
        settings: NamedDependency[Settings],
        version: FromPath[int],
    ) -> Template | Redirect:
        """Does not adopt it, or withdraws a draft of one's own."""
        me = await doors.colleague(request, database, settings, read)
        return await decide(request, database, me, version, approves=False)

    async def decide(
        request: StrictRequest, database: AsyncEngine, me: Principal, version: int, *, approves: bool
    ) -> Template | Redirect:
        refusal = await _decided(database, me, kind, version, approves=approves)
        if refusal is not None:
            return await page(request, database, me, version, refusal)
        return Redirect(f"{here}/{version}", status_code=303)

    return [one_version, approve, decline]


async def _decided(
    database: AsyncEngine, me: Principal, kind: Kind[T], version: int, *, approves: bool
) -> Refusal | None:
    """Approves a version, declines it, or withdraws the caller's own; the refusal that its page tells, if any.

    Unknown, NotAllowed.
    """
    try:
        async with database.begin() as tx:
            mine = (await find(tx, me, kind, version)).drafted_by == me.name
            if mine and not approves:
                await versioned.withdraw(tx, me, kind, version)
            else:
                await versioned.decide(tx, me, kind, version, approve=approves)
    except AlreadyDecided:
        pass  # by her own second click, or by a colleague: the page says how it stands
    except (Unknown, NotAllowed):
        raise
    except Refusal as refusal:
        return refusal
    return None


def _standing(each: Version[T], in_force: int | None) -> str:
    """What has become of a version, by its name in the texts."""
    if each.approved is None:
        return "rule_draft"
    if not each.approved:
        return "rule_declined"
    if each.effective_from > auth.today():
        return "rule_to_come"
    return "rule_in_force" if in_force == each.version else "rule_before"
