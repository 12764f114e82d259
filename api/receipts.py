"""Receipts of the sealed log, whichever door they are asked for by: who may see which, their addresses, their check.

Who reads the books sees the line of an entry and what opens it. A volunteer or a merchant whose account it touches sees
the line where no other person, household or shop stands in it, since it names every account with its balance; else a
slip, with which she proves just as well that it is in the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, check_codes, sealing
from api.settings import Settings
from ledger.access import rights
from ledger.access.rights import Principal, Right
from ledger.auditing import inclusion, log, receipts, signer
from ledger.auditing.signer import Signer
from ledger.auditing.verifier import notes, tree
from ledger.auditing.verifier import receipts as verifier
from ledger.auditing.verifier.notes import Key, NotThisForm
from ledger.auditing.verifier.receipts import Promise, Receipt, Wrong
from ledger.books import chart, directory
from ledger.earning import record, volunteers
from ledger.errors import LogDamaged, NotAllowed, UnknownBook, UnknownTransaction
from ledger.spending import households

LONGEST: Final = 64 * 1024
"""Characters of a receipt that somebody pastes."""

_OF_SOMEBODY: Final = ("volunteer", "household", "outlet")
_NOBODYS: Final[frozenset[str | None]] = frozenset(
    {None, *(row.kind for row in chart.CHART if row.holder not in _OF_SOMEBODY and row.kind != "team_wallet")}
)
"""Kinds of accounts that are no person's, household's, team's or shop's; None: not of the chart."""


signer_of = lru_cache(maxsize=4)(sealing.signer_of)
"""The signer of the logs: its keys are read once."""


# --- asking for one ---------------------------------------------------------------------------------------------------


async def asked(database: AsyncEngine, settings: Settings, me: Principal, transaction_id: UUID) -> Receipt | Promise:
    """The receipt of a transaction, with its line if the caller may see that, or the promise that there will be one.

    UnknownTransaction, also for one that is none of hers; NotAllowed for staff whose organisations it does not touch.
    """
    async with database.begin() as tx:
        whole = await _may_see_line(tx, me, transaction_id)
        found = await receipts.receipt(tx, me.book_id, transaction_id, whole=whole)
    if found is not None:
        return found
    by = signer_of(settings)
    async with database.begin() as tx:
        return await promised(tx, by, me.book_id, me.book, transaction_id)


async def promised(tx: AsyncConnection, by: Signer, book_id: int, book: str, transaction_id: UUID) -> Promise:
    """The promise, signed, that a transaction will stand in the log of its book. UnknownTransaction."""
    return await receipts.promise(
        tx, book_id, transaction_id, signer.origin(by, book), lambda text: signer.signed(by, book, text)
    )


async def _may_see_line(tx: AsyncConnection, me: Principal, transaction_id: UUID) -> bool:
    """Whether the line may be shown; UnknownTransaction, NotAllowed where not even a slip may be."""
    held = rights.reach(me, Right.READ_BOOKS, auth.today())
    if held.book:
        return True
    touched = await receipts.parties(tx, me.book_id, transaction_id)
    if held and await auth.reaches(tx, me, Right.READ_BOOKS, [each.account for each in touched], some=True):
        return True
    mine = await _holders(tx, me)
    others = [each for each in touched if each.kind not in _NOBODYS]
    hers = [each for each in others if (each.kind, each.holder) in mine]
    if not hers:
        raise NotAllowed if held else UnknownTransaction(transaction_id)
    return len(hers) == len(others)


async def _holders(tx: AsyncConnection, me: Principal) -> frozenset[tuple[str | None, str | None]]:
    """The kinds and holders of the accounts that are the caller's own: hers, her household's, her outlets'."""
    whose: list[tuple[chart.HolderKind, str]] = []
    if me.volunteer_no is not None:
        her = await volunteers.find(tx, me.book_id, me.volunteer_no)
        whose.append(("volunteer", her.holder))
        household = await households.household_of(tx, me.book_id, her.holder)
        if household is not None:
            whose.append(("household", household))
    outlets = {each.outlet for each in me.grants if each.outlet is not None and each.holds_on(auth.today())}
    whose += [("outlet", outlet) for outlet in outlets]
    return frozenset((row.kind, holder) for row in chart.CHART for kind, holder in whose if row.holder == kind)


# --- addresses --------------------------------------------------------------------------------------------------------


def address(settings: Settings, base: str, receipt: Receipt) -> str:
    """Where anybody sees whether this receipt is right; `base`: where the service is, if no setting says so."""
    return f"{check_codes.here(settings, base)}{verifier.MARK}{verifier.compact(receipt)}"


# --- beside what is shown anyway --------------------------------------------------------------------------------------


async def of_account(tx: AsyncConnection, book: int, account: str) -> Receipt | None:
    """The slip of the newest published entry of an account; None: none is published, or a log is damaged."""
    return await _beside(receipts.slip_of_account(tx, book, account))


async def of_any(tx: AsyncConnection, book: int, among: Sequence[UUID]) -> Receipt | None:
    """The slip of the one among these transactions that was published last; None: none is, or a log is damaged."""
    return await _beside(receipts.slip_of_any(tx, book, among)) if among else None


async def of_services(tx: AsyncConnection, book: int, services: Sequence[UUID]) -> Receipt | None:
    """The slip of the one among these records of service whose hours were published last."""
    return await of_any(tx, book, await record.hours_of(tx, book, services))


async def _beside(found: Awaitable[Receipt | None]) -> Receipt | None:
    """A passbook is shown also where the log is damaged: that is for `meide check` to tell, and for auditors."""
    try:
        return await found
    except LogDamaged:
        return None


# --- checking one -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of looking at something that should be a receipt or a promise.

    `wrong`: what is wrong with it, empty where it is right. `log`: whose log, None where it cannot be read at all.
    `key`: of a log of this installation, the key that should have signed it; None for logs of others.
    `today`: the size of the log's newest checkpoint, if the receipt's was compared with it and is its beginning.
    `kept`: of a promise, whether the log keeps it by now.
    """

    wrong: tuple[Wrong, ...]
    log: str | None = None
    key: Key | None = None
    receipt: Receipt | None = None
    promise: Promise | None = None
    today: int | None = None
    kept: bool = False


async def look(database: AsyncEngine, settings: Settings, text: str) -> Looked:
    """Looks at a receipt as text, as its code or as its address, or at a promise. Nobody's data are read for it."""
    try:
        read = verifier.read(text[:LONGEST])
    except NotThisForm:
        return Looked((Wrong("not_a_receipt", "It is neither a receipt nor a promise."),))
    note = notes.parse(read.note)
    origin = read.origin if isinstance(read, Promise) else read.checkpoint.origin
    by = signer_of(settings)
    name, _, book = origin.rpartition("/")
    looked = Looked((Wrong("other_log", f"The log {origin} is not one of this service."),), origin)
    if name != by.name:
        return looked
    async with database.connect() as tx:
        try:
            of = await directory.find_book(tx, book)
        except UnknownBook:
            return looked
        signed_with = {each.key_id for each in note.signatures}
        known = signer.keys(by, book)
        key = next((each for each in known if each.key_id in signed_with), known[0])
        if isinstance(read, Promise):
            return await _promise(tx, of.book_id, read, key)
        return await _receipt(tx, of.book_id, read, key)


async def _receipt(tx: AsyncConnection, book: int, receipt: Receipt, key: Key) -> Looked:
    wrong = verifier.check(receipt, key)
    then, today = receipt.checkpoint, None
    newest = await log.newest(tx, book)
    if not wrong and newest is not None:
        if newest.size < then.size:
            wrong.append(Wrong("log_is_shorter", "The published log is shorter today than when this was signed."))
        else:
            path = await inclusion.consistency(tx, book, then.size, newest.size)
            if tree.consistency_is_valid(then.size, newest.size, then.root, newest.root, path):
                today = newest.size
            else:
                wrong.append(Wrong("log_was_changed", "What was published then is not the beginning of today's log."))
    return Looked(tuple(wrong), then.origin, key, receipt, today=today)


async def _promise(tx: AsyncConnection, book: int, promise: Promise, key: Key) -> Looked:
    wrong = verifier.check_promise(promise, key)
    kept = False
    if not wrong:
        found = await receipts.receipt(tx, book, UUID(promise.transaction))
        if found is not None:
            wrong = verifier.keeps(promise, found) or verifier.check(found, key)
            kept = not wrong
    return Looked(tuple(wrong), promise.origin, key, promise=promise, kept=kept)
