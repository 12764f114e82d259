"""What the pages of anything that is kept in versions have in common: the list, one version, and deciding on it."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, problems, staff, versioned
from api.pages import frame, texts
from api.requests import StrictRequest
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


async def decided(
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
