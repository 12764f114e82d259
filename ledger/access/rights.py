"""Who may do what: the principal, the rights of each role and of each scope, and how far they reach.

A right holds for an organisation and those below it, or for the whole book. A decision needs the *line* of what is
touched: the code of its organisation and of all above it; empty for what belongs to the book as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, auto
from typing import Final, Literal, get_args
from uuid import UUID

from ledger.errors import NotAllowed

Role = Literal["volunteer", "merchant", "recorder", "reviewer", "operator", "auditor", "owner"]
Scope = Literal["books:read", "books:post", "books:accounts", "books:periods", "records:post", "records:read"]
Kind = Literal["user", "machine", "till"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
ANY: Final = "*"
"""As a prefix of account codes: all of them."""
AUDIT_DAYS: Final = 366
"""How many days ahead an auditor's last day may be: whoever audits for longer is let in again."""
STAFF: Final[frozenset[Role]] = frozenset({"recorder", "reviewer", "operator", "auditor", "owner"})


class Right(Enum):
    """What somebody may be allowed to do."""

    OWN = auto()
    """Her own data, password and devices: every user."""
    OBJECT = auto()
    """Object to what is in public notice: everybody but auditors, who only read."""
    READ_BOOKS = auto()
    POST = auto()
    """Post and reverse. By people only where no second person is needed."""
    PROPOSE = auto()
    APPROVE = auto()
    KEEP_ACCOUNTS = auto()
    KEEP_PERIODS = auto()
    READ_PEOPLE = auto()
    """Masked."""
    REGISTER = auto()
    REVEAL = auto()
    """Unmasked, with a reason, and it is logged."""
    RENEW_PIN = auto()
    ERASE = auto()
    READ_ACCESS_LOG = auto()
    MANAGE_USERS = auto()
    MANAGE_TOKENS = auto()
    READ_ORGANISATIONS = auto()
    MANAGE_ORGANISATIONS = auto()
    READ_RECORDS = auto()
    RECORD = auto()
    """Run activities and hand in service records: who organises records (MCA Order 67)."""
    PUSH_RECORDS = auto()
    """Hand in many records at once, as another platform does."""
    REVIEW = auto()
    """Check records of others, decide objections, correct."""
    DRAFT_RULES = auto()
    APPROVE_RULES = auto()
    MANAGE_BUDGET = auto()
    SELL = auto()
    """Quote and redeem: a till, at its own outlet."""
    KEEP_SHOP = auto()
    """See the day of one's own outlet and stand at its tills: merchants."""
    READ_SHOPS = auto()
    MANAGE_SHOPS = auto()
    """Outlets, tills, catalogue and stock."""
    DECIDE_CASES = auto()
    """Decide, two people, what volunteers say was not redeemed by them."""
    ASSESS = auto()
    """Assess stars, bring candidates into notice; publish boards; set targets and propose honours."""
    CERTIFY = auto()
    """Award stars and refuse them, decide what is objected, give honours."""
    ISSUE_PROOFS = auto()
    """Issue proofs of service of one's own organisation: who records certifies (MCA Order 67)."""
    AUDIT = auto()
    """Trial balance, search, evidence, the log's state and its lines, the package: of the whole book, read only."""


_ANYBODY: Final = frozenset({Right.OWN, Right.OBJECT})

_READS: Final = frozenset(
    {Right.OWN, Right.READ_BOOKS, Right.READ_PEOPLE, Right.READ_ORGANISATIONS, Right.READ_RECORDS, Right.READ_SHOPS}
)

OF_ROLE: Final[dict[Role, frozenset[Right]]] = {
    "volunteer": _ANYBODY,
    "merchant": _ANYBODY | {Right.KEEP_SHOP},
    "recorder": _ANYBODY
    | {Right.READ_PEOPLE, Right.REGISTER, Right.RENEW_PIN, Right.READ_ORGANISATIONS}
    | {Right.READ_RECORDS, Right.RECORD, Right.READ_SHOPS, Right.ISSUE_PROOFS},
    "reviewer": _READS
    | {Right.OBJECT}
    | {Right.APPROVE, Right.REVEAL, Right.RENEW_PIN, Right.REVIEW, Right.DECIDE_CASES}
    | {Right.CERTIFY, Right.ISSUE_PROOFS},
    "operator": _READS
    | {
        Right.OBJECT,
        Right.POST,
        Right.PROPOSE,
        Right.KEEP_ACCOUNTS,
        Right.KEEP_PERIODS,
        Right.DRAFT_RULES,
        Right.MANAGE_SHOPS,
        Right.ASSESS,
        Right.REGISTER,
        Right.REVEAL,
        Right.RENEW_PIN,
    },
    "auditor": _READS | {Right.REVEAL, Right.READ_ACCESS_LOG, Right.AUDIT},
    "owner": _READS
    | {
        Right.OBJECT,
        Right.REVEAL,
        Right.ERASE,
        Right.READ_ACCESS_LOG,
        Right.MANAGE_USERS,
        Right.MANAGE_TOKENS,
        Right.MANAGE_ORGANISATIONS,
        Right.APPROVE_RULES,
        Right.MANAGE_BUDGET,
    },
}
"""An owner decides who may enter and does not post: whoever must do both holds two roles."""

OF_SCOPE: Final[dict[Scope, frozenset[Right]]] = {
    "books:read": frozenset({Right.READ_BOOKS}),
    "books:post": frozenset({Right.POST}),
    "books:accounts": frozenset({Right.KEEP_ACCOUNTS}),
    "books:periods": frozenset({Right.KEEP_PERIODS}),
    "records:post": frozenset({Right.PUSH_RECORDS}),
    "records:read": frozenset({Right.READ_RECORDS}),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in the session's book, for an organisation and those below it (None: the whole book).

    `until`: the last day on which it holds. `volunteer_no` and `outlet`: of volunteers and merchants, whose they are.
    """

    role: Role
    organisation: str | None = None
    volunteer_no: str | None = None
    outlet: str | None = None
    until: date | None = None

    def holds_on(self, today: date) -> bool:
        """Whether it still holds."""
        return self.until is None or today <= self.until


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, for one book: a user on a device of hers, or a token of a machine or a till."""

    kind: Kind
    number: int
    book: str
    book_id: int
    login: str | None = None
    grants: tuple[Grant, ...] = ()
    device: UUID | None = None
    signed_in_at: datetime | None = None
    scopes: frozenset[Scope] = frozenset()
    prefixes: tuple[str, ...] = ()
    outlet: str | None = None
    must_change: bool = False
    """Her password or PIN opens nothing but its own change."""

    @property
    def name(self) -> str:
        """The principal as the books know it: actor of what it posts and client of its keys."""
        return f"{'token' if self.kind == 'machine' else self.kind}:{self.number}"

    def may_touch(self, account: str) -> bool:
        """Whether a token posts to this account."""
        return ANY in self.prefixes or account.startswith(self.prefixes)

    @property
    def volunteer_no(self) -> str | None:
        """Whose pages she sees."""
        return next((grant.volunteer_no for grant in self.grants if grant.volunteer_no is not None), None)

    def roles(self, today: date) -> frozenset[Role]:
        """Her roles in this book today, whatever organisations they are for."""
        return frozenset(grant.role for grant in self.grants if grant.holds_on(today))


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a right reaches: the whole book, or these organisations and those below them; perhaps nowhere."""

    book: bool
    organisations: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.book or bool(self.organisations)

    def includes(self, line: Sequence[str]) -> bool:
        """Whether it reaches what belongs to the first organisation of this line."""
        return self.book or not self.organisations.isdisjoint(line)


def reach(me: Principal, right: Right, today: date) -> Reach:
    """How far `me` has this right."""
    if me.kind == "till":
        return Reach(right is Right.SELL)
    if me.kind != "user":
        return Reach(any(right in OF_SCOPE[scope] for scope in me.scopes))
    if me.must_change:
        return Reach(right is Right.OWN)
    grants = [grant for grant in me.grants if right in OF_ROLE[grant.role] and grant.holds_on(today)]
    if right is Right.OWN or any(grant.organisation is None for grant in grants):
        return Reach(True)
    return Reach(False, frozenset(grant.organisation for grant in grants if grant.organisation is not None))


def require(me: Principal, right: Right, today: date, line: Sequence[str] = ()) -> None:
    """NotAllowed unless `me` has this right for what belongs to `line`."""
    if not reach(me, right, today).includes(line):
        raise NotAllowed
