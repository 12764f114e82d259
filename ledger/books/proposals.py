"""What callers propose, and what can be seen to be wrong with it from itself alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from uuid import UUID

from ledger.books.chart import CODE, locked_with
from ledger.books.keys import CLIENT, KEY_LENGTH
from ledger.errors import InvalidField, Malformed, TooManyLines
from ledger.text import one_line

Side = Literal["debit", "credit"]
Correction = Literal["reversal", "refund", "clawback"]
Ending = Literal["capture", "void", "lapse"]

MOST_LINES: Final = 400
MOST: Final = 10**15
"""The largest amount of a line."""
DESCRIPTION_LENGTH: Final = 500
KIND: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
LONGEST_WORD: Final = 80
"""No client and no kind is longer; a longer text is not looked at, nor remembered."""
EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""Times that every time zone can express."""
SHORTEST_HOLD: Final = timedelta(seconds=30)
LONGEST_HOLD: Final = timedelta(days=7)
GRACE_DAYS: Final = 30
"""What a rule set says if it says nothing: how long points given back after they lapsed can be spent."""


ROOMS: Final = {
    **dict.fromkeys(("hold", "reversal", "refund", "clawback", "books"), "books"),
    **dict.fromkeys(("earn", "deduct", "opening"), "earning"),
    "spend": "spending",
}
"""First parts of kinds that belong to a room: nobody else posts them."""


def room_of(kind: str) -> str | None:
    """The room that alone posts transactions of this kind; None: anybody may who may post."""
    return ROOMS.get(kind.partition(".")[0])


class Line(NamedTuple):
    """One leg: `amount` in the smallest unit of the account, 1 … 10^15. `unit`: what the caller takes it to be.

    `overflow`: another account of the unit, which takes what would bring this one below its floor. `lapses_on`: the
    first day on which the lots that this credit makes can no longer be spent (rooms set it, never a caller over HTTP).
    """

    account: str
    side: Side
    amount: int
    unit: str | None = None
    overflow: str | None = None
    lapses_on: date | None = None


class Proposal(NamedTuple):
    """A transaction that somebody wants posted. `call` is the identity of the call behind the key, opaque here.

    `effective_at` None: at the moment of posting. `keep_refusal`: a refusal decided on state is stored under the key;
    in imports it is only reported. `hold_for`: its first line's amount is held for so long. `grace_days`: how long what
    is given back to a lapsed lot can be spent.

    `ends`: the hold that it ends, by `ending`; its lines follow from the hold. `to` and `part`: the account that a
    capture credits, and with how much if not with all; or `lines`, where what is captured goes to several accounts.

    `moves`: the transaction whose points it carries on: of what it may take, it takes first what comes from there.
    `lapsed`: it takes only what has lapsed, which nobody else can. (Rooms set both, never a caller over HTTP.)
    """

    client: str
    key: str
    call: str
    kind: str
    effective_at: datetime | None
    lines: tuple[Line, ...]
    actor: str
    description: str = ""
    approver: str | None = None
    request_id: str | None = None
    correction: Correction | None = None
    corrects: UUID | None = None
    keep_refusal: bool = True
    hold_for: timedelta | None = None
    ends: UUID | None = None
    ending: Ending | None = None
    to: str | None = None
    part: int | None = None
    grace_days: int = GRACE_DAYS
    moves: UUID | None = None
    lapsed: bool = False


class Checked(NamedTuple):
    """Proposals that have been looked at: what is malformed about each, and the accounts that deciding them locks.

    (But for the accounts of holds that they end.)
    """

    proposals: Sequence[Proposal]
    faults: Sequence[Malformed | None]
    codes: set[str]


def check(proposals: Sequence[Proposal]) -> Checked:
    """Looks at proposals: all that can be done of deciding them without the books."""
    faults = [malformed(proposal) for proposal in proposals]
    codes: set[str] = set()
    for proposal, fault in zip(proposals, faults, strict=True):
        if fault is None:
            for line in proposal.lines:
                codes.add(line.account)
                if line.overflow is not None:
                    codes.add(line.overflow)
            if proposal.to is not None:
                codes.add(proposal.to)
    return Checked(proposals, faults, codes | {also for code in codes if (also := locked_with(code)) is not None})


def malformed(proposal: Proposal) -> Malformed | None:
    """What can be seen to be wrong from the proposal alone: its shape."""
    if not one_line(proposal.key, least=1, most=KEY_LENGTH):
        return InvalidField("key", "not_a_key")
    if len(proposal.client) > LONGEST_WORD or not _matches(CLIENT, proposal.client):
        return InvalidField("client", "not_a_client")
    if len(proposal.kind) > LONGEST_WORD or not _matches(KIND, proposal.kind):
        return InvalidField("kind", "not_a_kind")
    if not one_line(proposal.description, least=0, most=DESCRIPTION_LENGTH):
        return InvalidField("description", "not_one_line")
    if proposal.effective_at is not None and not EARLIEST <= proposal.effective_at <= LATEST:
        return InvalidField("effective_at", "out_of_range")
    if proposal.ends is not None:
        if proposal.to is not None and not CODE.fullmatch(proposal.to):
            return InvalidField("to", "not_an_account_code")
        if proposal.part is not None and not 1 <= proposal.part <= MOST:
            return InvalidField("amount", "out_of_range")
        if proposal.lines and (proposal.ending != "capture" or proposal.to is not None):
            return InvalidField("lines", "of_the_hold")
    elif len(proposal.lines) < 2:
        return InvalidField("lines", "too_few")
    if len(proposal.lines) > MOST_LINES:
        return TooManyLines(len(proposal.lines), MOST_LINES)
    for index, line in enumerate(proposal.lines):
        if not CODE.fullmatch(line.account):
            return InvalidField(f"lines[{index}].account", "not_an_account_code")
        if not 1 <= line.amount <= MOST:
            return InvalidField(f"lines[{index}].amount", "out_of_range")
        if line.overflow is not None and not CODE.fullmatch(line.overflow):
            return InvalidField(f"lines[{index}].overflow", "not_an_account_code")
    if proposal.hold_for is not None and not SHORTEST_HOLD <= proposal.hold_for <= LONGEST_HOLD:
        return InvalidField("expires_in", "out_of_range")
    return None


@lru_cache
def _matches(pattern: re.Pattern[str], word: str) -> bool:
    """Whether a word that comes again and again is one of its kind."""
    return pattern.fullmatch(word) is not None
