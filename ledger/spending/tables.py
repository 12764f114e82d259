"""The tables of spending."""

from __future__ import annotations

import datetime
import uuid
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Named,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.books.versions import Versioned
from ledger.database.metadata import READ_ADD_CHANGE, READ_ADD_CHANGE_REMOVE, READ_AND_ADD, metadata

_MEANS: Final = "means IN ('code', 'card', 'ticket', 'voucher')"


policies = Table(
    "policies",
    metadata,
    Versioned,
    PrimaryKeyConstraint("book_id", "version"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("(decided_at IS NULL) = (approved IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (approved IS NULL)", name="decided_by"),
    CheckConstraint("NOT approved OR decided_by <> drafted_by", name="two_people"),
    info=READ_ADD_CHANGE,
)
"""The limits of spending, in versions."""


class _Outlet(TypedColumns):
    book_id: Named[int] = Column(Integer)
    outlet: Named[str] = Column(Text(collation="C"))
    """Its code, which is the holder of its accounts: 1200.X0001, 2300.X0001, 2310.X0001."""
    name: Named[str] = Column(Text)
    kind: Named[str] = Column(Text(collation="C"))
    organisation: Named[str] = Column(Text(collation="C"))
    """Which one looks after it."""
    address: Named[str] = Column(Text, server_default="")
    phone: Named[str] = Column(Text, server_default="")
    hours: Named[str] = Column(Text, server_default="")
    """When it is open, in words."""
    latitude: Named[int | None] = Column(Integer)
    longitude: Named[int | None] = Column(Integer)
    """In millionths of a degree (WGS 84)."""
    day_limit: Named[int | None] = Column(BigInteger)
    """Points that may be redeemed there on one day; NULL: as the policy says."""
    status: Named[str] = Column(Text(collation="C"), server_default="open")


outlets = Table(
    "outlets",
    metadata,
    _Outlet,
    PrimaryKeyConstraint("book_id", "outlet"),
    ForeignKeyConstraint(["book_id", "organisation"], ["organisations.book_id", "organisations.code"]),
    CheckConstraint(
        "kind IN ('virtue_supermarket', 'care_station', 'caring_merchant', 'transport', 'scenic_spot')", name="kind"
    ),
    CheckConstraint("status IN ('open', 'closed')", name="status"),
    CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="place"),
    CheckConstraint("latitude BETWEEN -90000000 AND 90000000", name="latitude"),
    CheckConstraint("longitude BETWEEN -180000000 AND 180000000", name="longitude"),
    CheckConstraint("day_limit > 0", name="day_limit"),
    info=READ_ADD_CHANGE,
)


class _Till(TypedColumns):
    book_id: Named[int] = Column(Integer)
    till: Named[int] = Column(Integer)
    """The number of its token."""
    outlet: Named[str] = Column(Text(collation="C"))
    name: Named[str] = Column(Text)
    clerk: Named[str | None] = Column(Text(collation="C"))
    """Who stands at it now: `user:ID`."""
    misses: Named[int] = Column(SmallInteger, server_default="0")
    """Codes that were none, since `missed_since`."""
    missed_since: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    locked_until: Named[datetime.datetime | None] = Column(DateTime(timezone=True))


tills = Table(
    "tills",
    metadata,
    _Till,
    PrimaryKeyConstraint("book_id", "till"),
    ForeignKeyConstraint(["book_id", "outlet"], ["outlets.book_id", "outlets.outlet"]),
    Index("tills_outlet_idx", "book_id", "outlet"),
    info=READ_ADD_CHANGE,
)


class _Item(TypedColumns):
    book_id: Named[int] = Column(Integer)
    item: Named[str] = Column(Text(collation="C"))
    """Its code."""
    name: Named[str] = Column(Text)
    kind: Named[str] = Column(Text(collation="C"))
    """`goods`, `service` (服务免单), or `perk`: by eligibility and without points."""
    on_from: Named[datetime.date] = Column(Date)
    on_until: Named[datetime.date | None] = Column(Date)
    """The last day on which it is there; NULL: for ever."""
    quotas: Named[list[dict[str, Any]]] = Column(JSONB)
    """`[{"by": "person" | "household", "times": 2, "per": "day" | "week" | "month" | "quarter" | "year"}]`: pieces."""
    eligible: Named[dict[str, Any]] = Column(JSONB)
    """`{"star": 3, "tag": "骑手", "least_age": 60, "most_age": 80}`: all of those named; empty: everybody."""
    voucher_days: Named[int | None] = Column(SmallInteger)
    """It can be bought as a voucher, which is good for so many days."""
    giftable: Named[bool] = Column(Boolean, server_default="false")
    """Its vouchers may be given to somebody else."""


items = Table(
    "items",
    metadata,
    _Item,
    PrimaryKeyConstraint("book_id", "item"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("kind IN ('goods', 'service', 'perk')", name="kind"),
    CheckConstraint("on_from <= on_until", name="days"),
    CheckConstraint("voucher_days IS NULL OR voucher_days > 0 AND kind = 'service'", name="voucher_days"),
    info=READ_ADD_CHANGE,
)


class _Price(TypedColumns):
    book_id: Named[int] = Column(Integer)
    item: Named[str] = Column(Text(collation="C"))
    effective_from: Named[datetime.date] = Column(Date)
    points: Named[int] = Column(BigInteger)
    """Of one piece; of a perk 0."""
    set_by: Named[str] = Column(Text(collation="C"))
    set_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


prices = Table(
    "prices",
    metadata,
    _Price,
    PrimaryKeyConstraint("book_id", "item", "effective_from"),
    ForeignKeyConstraint(["book_id", "item"], ["items.book_id", "items.item"]),
    CheckConstraint("points >= 0", name="points"),
    info=READ_ADD_CHANGE,
)
"""What a piece costs: the newest that has begun."""


class _Offer(TypedColumns):
    book_id: Named[int] = Column(Integer)
    outlet: Named[str] = Column(Text(collation="C"))
    item: Named[str] = Column(Text(collation="C"))
    supply: Named[str] = Column(Text(collation="C"))
    """`stock`: donated or bought by the programme, in the books at 1200.x; `merchant`: the merchant's own goods and
    services, for which 2300.x is owed."""
    pieces: Named[int | None] = Column(BigInteger)
    """What is there; NULL: it is not counted."""
    value: Named[int] = Column(BigInteger, server_default="0")
    """At what those pieces stand in 1200.x, in points: what they were received at."""
    offered: Named[bool] = Column(Boolean, server_default="true")


offers = Table(
    "offers",
    metadata,
    _Offer,
    PrimaryKeyConstraint("book_id", "outlet", "item"),
    ForeignKeyConstraint(["book_id", "outlet"], ["outlets.book_id", "outlets.outlet"]),
    ForeignKeyConstraint(["book_id", "item"], ["items.book_id", "items.item"]),
    CheckConstraint("supply IN ('stock', 'merchant')", name="supply"),
    CheckConstraint("pieces >= 0", name="pieces"),
    CheckConstraint("value >= 0 AND (supply = 'stock' OR value = 0)", name="value"),
    CheckConstraint("supply = 'merchant' OR pieces IS NOT NULL", name="counted"),
    info=READ_ADD_CHANGE,
)
"""Which outlet has which item."""


class _StockMove(TypedColumns):
    book_id: Named[int] = Column(Integer)
    move_id: Named[uuid.UUID] = Column(Uuid)
    outlet: Named[str] = Column(Text(collation="C"))
    item: Named[str] = Column(Text(collation="C"))
    kind: Named[str] = Column(Text(collation="C"))
    """`donated`, `bought`, `merchant` (more of the merchant's own), `count` (盘点: what was there and what not)."""
    pieces: Named[int] = Column(BigInteger)
    """Signed."""
    value: Named[int] = Column(BigInteger)
    """Signed, in points; of the merchant's own goods 0."""
    note: Named[str] = Column(Text)
    """From whom, or why it differs."""
    transaction_id: Named[uuid.UUID | None] = Column(Uuid)
    moved_by: Named[str] = Column(Text(collation="C"))
    moved_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


stock_moves = Table(
    "stock_moves",
    metadata,
    _StockMove,
    PrimaryKeyConstraint("book_id", "move_id"),
    ForeignKeyConstraint(["book_id", "outlet", "item"], ["offers.book_id", "offers.outlet", "offers.item"]),
    CheckConstraint("kind IN ('donated', 'bought', 'merchant', 'count')", name="kind"),
    Index("stock_moves_offer_idx", "book_id", "outlet", "item", "moved_at"),
    info=READ_AND_ADD,
)
"""Receipts and counts; what is redeemed and given back stands in `redemption_lines` and `refunds`."""


class _Shopper(TypedColumns):
    book_id: Named[int] = Column(Integer)
    holder: Named[str] = Column(Text(collation="C"))
    household: Named[str | None] = Column(Text(collation="C"))
    """Whose quotas she shares."""
    code_id: Named[uuid.UUID | None] = Column(Uuid)
    digest: Named[bytes | None] = Column(LargeBinary)
    """Of her pay code's digits, under a key of the service."""
    voucher_id: Named[uuid.UUID | None] = Column(Uuid)
    """The voucher that the code pays with, instead of points."""
    issued_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    expires_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    used_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    quotes: Named[int] = Column(SmallInteger, server_default="0")
    """How often the code has been quoted."""
    bound_to: Named[int | None] = Column(Integer)
    """The till that quoted it last, whose it is until `bound_until`."""
    bound_until: Named[datetime.datetime | None] = Column(DateTime(timezone=True))


shoppers = Table(
    "shoppers",
    metadata,
    _Shopper,
    PrimaryKeyConstraint("book_id", "holder"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    UniqueConstraint("book_id", "digest"),
    CheckConstraint(
        "(code_id IS NULL) = (digest IS NULL) AND (code_id IS NULL) = (expires_at IS NULL)"
        " AND (code_id IS NULL) = (issued_at IS NULL)",
        name="code",
    ),
    CheckConstraint("(bound_to IS NULL) = (bound_until IS NULL)", name="bound"),
    Index("shoppers_household_idx", "book_id", "household", postgresql_where=text("household IS NOT NULL")),
    postgresql_with={"fillfactor": "80"},
    info=READ_ADD_CHANGE_REMOVE,
)
"""One row a person: her pay code, of which only the newest is live, and the lock under which she spends."""


class _Ticket(TypedColumns):
    book_id: Named[int] = Column(Integer)
    ticket_id: Named[uuid.UUID] = Column(Uuid)
    sheet_id: Named[uuid.UUID] = Column(Uuid)
    number: Named[int] = Column(SmallInteger)
    """1, 2, 3 … on its sheet."""
    holder: Named[str] = Column(Text(collation="C"))
    digest: Named[bytes] = Column(LargeBinary)
    most: Named[int] = Column(BigInteger)
    """Points for which it is good."""
    issued_by: Named[str] = Column(Text(collation="C"))
    issued_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    expires_on: Named[datetime.date] = Column(Date)
    """The last day on which it is good."""
    used_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    """The sheet was lost, or replaced."""


tickets = Table(
    "tickets",
    metadata,
    _Ticket,
    PrimaryKeyConstraint("book_id", "ticket_id"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    UniqueConstraint("book_id", "digest"),
    CheckConstraint("most > 0", name="most"),
    Index("tickets_holder_idx", "book_id", "holder"),
    Index("tickets_sheet_key", "book_id", "sheet_id", "number", unique=True),
    info=READ_ADD_CHANGE_REMOVE,
)
"""One-time tickets, printed in sheets."""


class _Voucher(TypedColumns):
    book_id: Named[int] = Column(Integer)
    voucher_id: Named[uuid.UUID] = Column(Uuid)
    holder: Named[str] = Column(Text(collation="C"))
    """Whose it is."""
    item: Named[str] = Column(Text(collation="C"))
    points: Named[int] = Column(BigInteger)
    """What was paid, and what the merchant gets."""
    digest: Named[bytes | None] = Column(LargeBinary)
    """Of the digits of one that may be given away; NULL: bound, it is used by its holder's pay code."""
    bought_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    expires_on: Named[datetime.date] = Column(Date)
    """The last day on which it can be used."""
    state: Named[str] = Column(Text(collation="C"))
    transaction_id: Named[uuid.UUID] = Column(Uuid)
    """T14."""
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    end_transaction: Named[uuid.UUID | None] = Column(Uuid)
    """T15, or its expiry."""


vouchers = Table(
    "vouchers",
    metadata,
    _Voucher,
    PrimaryKeyConstraint("book_id", "voucher_id"),
    ForeignKeyConstraint(["book_id", "item"], ["items.book_id", "items.item"]),
    UniqueConstraint("book_id", "digest"),
    CheckConstraint("state IN ('live', 'used', 'expired')", name="state"),
    CheckConstraint("(state = 'live') = (ended_at IS NULL)", name="ended"),
    CheckConstraint("points > 0", name="points"),
    Index("vouchers_holder_idx", "book_id", "holder"),
    Index("vouchers_live_idx", "book_id", "expires_on", postgresql_where=text("state = 'live'")),
    info=READ_ADD_CHANGE,
)


class _Quote(TypedColumns):
    book_id: Named[int] = Column(Integer)
    quote_id: Named[uuid.UUID] = Column(Uuid)
    till: Named[int] = Column(Integer)
    outlet: Named[str] = Column(Text(collation="C"))
    holder: Named[str] = Column(Text(collation="C"))
    means: Named[str] = Column(Text(collation="C"))
    code_id: Named[uuid.UUID | None] = Column(Uuid)
    """Of the pay code, the ticket or the voucher that was shown."""
    agent: Named[str | None] = Column(Text(collation="C"))
    """The holder of who acts for her (代办)."""
    lines: Named[list[dict[str, Any]]] = Column(JSONB)
    """`[{"item": …, "quantity": …}]`"""
    points: Named[int] = Column(BigInteger)
    enough: Named[bool] = Column(Boolean)
    word: Named[str] = Column(Text)
    quoted_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    expires_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


quotes = Table(
    "quotes",
    metadata,
    _Quote,
    PrimaryKeyConstraint("book_id", "quote_id"),
    ForeignKeyConstraint(["book_id", "till"], ["tills.book_id", "tills.till"]),
    CheckConstraint(_MEANS, name="means"),
    Index("quotes_holder_idx", "book_id", "holder", "quoted_at"),
    info=READ_ADD_CHANGE_REMOVE,
)


class _Redemption(TypedColumns):
    book_id: Named[int] = Column(Integer)
    redemption_id: Named[uuid.UUID] = Column(Uuid)
    outlet: Named[str] = Column(Text(collation="C"))
    till: Named[int] = Column(Integer)
    clerk: Named[str | None] = Column(Text(collation="C"))
    holder: Named[str] = Column(Text(collation="C"))
    means: Named[str] = Column(Text(collation="C"))
    code_id: Named[uuid.UUID | None] = Column(Uuid)
    """Of the pay code or the ticket that was used up, or of the quote that a card's PIN was given for."""
    voucher_id: Named[uuid.UUID | None] = Column(Uuid)
    """The voucher that paid."""
    agent: Named[str | None] = Column(Text(collation="C"))
    status: Named[str] = Column(Text(collation="C"))
    """`waiting` for the volunteer until `confirm_until`, then `done`, `declined` or `lapsed`; `cancelled` the same
    day."""
    points: Named[int] = Column(BigInteger)
    """What it cost; with a voucher, what that is worth."""
    refunded: Named[int] = Column(BigInteger, server_default="0")
    word: Named[str] = Column(Text)
    day: Named[datetime.date] = Column(Date)
    """In Asia/Shanghai."""
    made_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    confirm_until: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    """NULL: it needed no confirmation."""
    hold_id: Named[uuid.UUID | None] = Column(Uuid)
    transaction_id: Named[uuid.UUID | None] = Column(Uuid)
    """The posting; NULL while it waits, and where nothing is paid."""
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    """When it was confirmed, declined, had lapsed or was cancelled."""
    call_back: Named[str | None] = Column(Text(collation="C"))
    """Of those made for another: `due` if drawn, then `confirmed` or `denied`."""
    called_by: Named[str | None] = Column(Text(collation="C"))
    called_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    """Who asked her, and when."""


redemptions = Table(
    "redemptions",
    metadata,
    _Redemption,
    PrimaryKeyConstraint("book_id", "redemption_id"),
    ForeignKeyConstraint(["book_id", "till"], ["tills.book_id", "tills.till"]),
    CheckConstraint(_MEANS, name="means"),
    CheckConstraint("status IN ('waiting', 'done', 'declined', 'lapsed', 'cancelled')", name="status"),
    CheckConstraint("points >= 0", name="points"),
    CheckConstraint("refunded BETWEEN 0 AND points", name="refunded"),
    CheckConstraint("status <> 'waiting' OR confirm_until IS NOT NULL", name="waiting"),
    CheckConstraint("call_back IN ('due', 'confirmed', 'denied')", name="call_back"),
    CheckConstraint(
        "(called_by IS NULL) = (called_at IS NULL)"
        " AND (called_by IS NOT NULL) = (call_back IS NOT NULL AND call_back <> 'due')",
        name="called",
    ),
    # A code is used up by one redemption, also by one that is declined or cancelled afterwards.
    Index("redemptions_code_key", "book_id", "code_id", unique=True, postgresql_where=text("code_id IS NOT NULL")),
    Index("redemptions_holder_idx", "book_id", "holder", "made_at"),
    Index("redemptions_outlet_idx", "book_id", "outlet", "day", "made_at"),
    Index("redemptions_waiting_idx", "book_id", "confirm_until", postgresql_where=text("status = 'waiting'")),
    Index("redemptions_call_back_idx", "book_id", "made_at", postgresql_where=text("call_back = 'due'")),
    postgresql_with={"fillfactor": "90"},
    info=READ_ADD_CHANGE,
)


class _RedemptionLine(TypedColumns):
    book_id: Named[int] = Column(Integer)
    redemption_id: Named[uuid.UUID] = Column(Uuid)
    line: Named[int] = Column(SmallInteger)
    item: Named[str] = Column(Text(collation="C"))
    quantity: Named[int] = Column(BigInteger)
    points: Named[int] = Column(BigInteger)
    """Of all its pieces."""
    supply: Named[str] = Column(Text(collation="C"))
    value: Named[int] = Column(BigInteger)
    """What those pieces stood at in 1200.x."""
    counted: Named[bool] = Column(Boolean)
    """Pieces of it are counted."""
    returned: Named[int] = Column(BigInteger, server_default="0")
    """Pieces that came back."""
    value_returned: Named[int] = Column(BigInteger, server_default="0")


redemption_lines = Table(
    "redemption_lines",
    metadata,
    _RedemptionLine,
    PrimaryKeyConstraint("book_id", "redemption_id", "line"),
    ForeignKeyConstraint(["book_id", "redemption_id"], ["redemptions.book_id", "redemptions.redemption_id"]),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("returned BETWEEN 0 AND quantity", name="returned"),
    CheckConstraint("value_returned BETWEEN 0 AND value", name="value_returned"),
    Index("redemption_lines_item_idx", "book_id", "item"),
    info=READ_ADD_CHANGE,
)


class _Refund(TypedColumns):
    book_id: Named[int] = Column(Integer)
    refund_id: Named[uuid.UUID] = Column(Uuid)
    redemption_id: Named[uuid.UUID] = Column(Uuid)
    kind: Named[str] = Column(Text(collation="C"))
    """`cancel`, `refund`, or `case` (upheld: it was not hers)."""
    points: Named[int] = Column(BigInteger)
    lines: Named[list[dict[str, Any]]] = Column(JSONB)
    """`[{"line": 0, "quantity": 1, "points": 5, "value": 5}]`: what came back; of a case none."""
    transaction_id: Named[uuid.UUID | None] = Column(Uuid)
    made_by: Named[str] = Column(Text(collation="C"))
    made_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


refunds = Table(
    "refunds",
    metadata,
    _Refund,
    PrimaryKeyConstraint("book_id", "refund_id"),
    ForeignKeyConstraint(["book_id", "redemption_id"], ["redemptions.book_id", "redemptions.redemption_id"]),
    CheckConstraint("kind IN ('cancel', 'refund', 'case')", name="kind"),
    CheckConstraint("points >= 0", name="points"),
    Index("refunds_redemption_idx", "book_id", "redemption_id"),
    info=READ_AND_ADD,
)


class _QuotaUse(TypedColumns):
    book_id: Named[int] = Column(Integer)
    item: Named[str] = Column(Text(collation="C"))
    subject: Named[str] = Column(Text(collation="C"))
    """`p:HOLDER`, `h:HOUSEHOLD`, or `a:HOLDER`: who is in no household is one alone."""
    period: Named[str] = Column(Text(collation="C"))
    """`2026-11-22`, `2026-W47`, `2026-11`, `2026-Q4` or `2026`."""
    used: Named[int] = Column(BigInteger)
    """Pieces, net of what came back."""


quota_uses = Table(
    "quota_uses",
    metadata,
    _QuotaUse,
    PrimaryKeyConstraint("book_id", "item", "subject", "period"),
    ForeignKeyConstraint(["book_id", "item"], ["items.book_id", "items.item"]),
    CheckConstraint("used >= 0", name="used"),
    postgresql_with={"fillfactor": "80"},
    info=READ_ADD_CHANGE,
)


class _OutletDay(TypedColumns):
    book_id: Named[int] = Column(Integer)
    outlet: Named[str] = Column(Text(collation="C"))
    day: Named[datetime.date] = Column(Date)
    points: Named[int] = Column(BigInteger)
    """Redeemed there on that day and not cancelled, declined or lapsed."""


outlet_days = Table(
    "outlet_days",
    metadata,
    _OutletDay,
    PrimaryKeyConstraint("book_id", "outlet", "day"),
    ForeignKeyConstraint(["book_id", "outlet"], ["outlets.book_id", "outlets.outlet"]),
    CheckConstraint("points >= 0", name="points"),
    postgresql_with={"fillfactor": "50"},
    info=READ_ADD_CHANGE,
)


class _Claim(TypedColumns):
    book_id: Named[int] = Column(Integer)
    client: Named[str] = Column(Text(collation="C"))
    key: Named[str] = Column(Text(collation="C"))
    call: Named[str] = Column(Text)
    """The identity of the call; of codes, cards and PINs their keyed digests stand in it."""
    answer: Named[dict[str, Any] | None] = Column(JSONB(none_as_null=True))
    """The first answer, or the refusal."""
    redemption_id: Named[uuid.UUID | None] = Column(Uuid)
    """The redemption that it made."""
    claimed_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


claims = Table(
    "claims",
    metadata,
    _Claim,
    PrimaryKeyConstraint("book_id", "client", "key"),
    # No foreign key to the book: every call of the book would lock its one row.
    info=READ_ADD_CHANGE,
)
"""The idempotency keys of this room's calls: some of them post nothing, or several transactions."""


class _Case(TypedColumns):
    book_id: Named[int] = Column(Integer)
    case_id: Named[uuid.UUID] = Column(Uuid)
    redemption_id: Named[uuid.UUID] = Column(Uuid)
    points: Named[int] = Column(BigInteger)
    """What was moved to 2310.x."""
    words: Named[str] = Column(Text, server_default="")
    """What she says about it."""
    opened_by: Named[str] = Column(Text(collation="C"))
    opened_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    transaction_id: Named[uuid.UUID | None] = Column(Uuid)
    answer: Named[str | None] = Column(Text)
    """What the shop says about it."""
    answered_by: Named[str | None] = Column(Text(collation="C"))
    answered_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    proposed: Named[bool | None] = Column(Boolean)
    """What the first person would decide: true, she gets her points back."""
    proposed_by: Named[str | None] = Column(Text(collation="C"))
    proposed_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    reason: Named[str | None] = Column(Text)
    upheld: Named[bool | None] = Column(Boolean)
    decided_by: Named[str | None] = Column(Text(collation="C"))
    decided_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    decision_transaction: Named[uuid.UUID | None] = Column(Uuid)


cases = Table(
    "cases",
    metadata,
    _Case,
    PrimaryKeyConstraint("book_id", "case_id"),
    ForeignKeyConstraint(["book_id", "redemption_id"], ["redemptions.book_id", "redemptions.redemption_id"]),
    UniqueConstraint("book_id", "redemption_id"),
    CheckConstraint("(answer IS NULL) = (answered_by IS NULL)", name="answered"),
    CheckConstraint("(proposed IS NULL) = (proposed_by IS NULL)", name="proposed"),
    CheckConstraint("(upheld IS NULL) = (decided_by IS NULL)", name="decided"),
    CheckConstraint("(upheld IS NULL) = (decided_at IS NULL)", name="decided_at"),
    CheckConstraint("decided_by <> proposed_by", name="two_people"),
    Index("cases_open_idx", "book_id", "opened_at", postgresql_where=text("upheld IS NULL")),
    info=READ_ADD_CHANGE,
)
"""不是我兑换的: what a volunteer says was not redeemed by her."""


class _Alarm(TypedColumns):
    book_id: Named[int] = Column(Integer)
    alarm_id: Named[uuid.UUID] = Column(Uuid)
    rule: Named[str] = Column(Text(collation="C"))
    """`unknown_codes`, `far_apart`, `over_shop_day`, `over_pair`, `disputed`."""
    outlet: Named[str] = Column(Text(collation="C"))
    till: Named[int | None] = Column(Integer)
    holder: Named[str | None] = Column(Text(collation="C"))
    redemption_id: Named[uuid.UUID | None] = Column(Uuid)
    facts: Named[dict[str, Any]] = Column(JSONB)
    raised_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    seen_by: Named[str | None] = Column(Text(collation="C"))
    seen_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))


alarms = Table(
    "alarms",
    metadata,
    _Alarm,
    PrimaryKeyConstraint("book_id", "alarm_id"),
    ForeignKeyConstraint(["book_id", "outlet"], ["outlets.book_id", "outlets.outlet"]),
    CheckConstraint("(seen_by IS NULL) = (seen_at IS NULL)", name="seen"),
    Index("alarms_outlet_idx", "book_id", "outlet", "raised_at"),
    Index("alarms_unseen_idx", "book_id", "raised_at", postgresql_where=text("seen_at IS NULL")),
    info=READ_ADD_CHANGE,
)
