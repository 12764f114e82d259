"""The tables of the books.

Everything that a posting touches starts its key with `book_id`, so that books can live on different nodes. `books` and
`units` are reference tables. The journal (all the others) is written by the database's functions alone (see the
migrations): the service may read it and call them.

Amounts are whole numbers in the unit's smallest unit. An entry has exactly one of `debit` and `credit` above zero.
The journal has no foreign keys: its functions take only what they have just locked or inserted, which saves eight
look-ups a posting, and `integrity` looks for dangling references.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Named,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.database.metadata import READ, READ_ADD_CHANGE, READ_AND_ADD, TransactionNumber, metadata


class _Book(TypedColumns):
    book_id: Named[int] = Column(Integer, Identity(always=True), primary_key=True)
    code: Named[str] = Column(Text(collation="C"), unique=True)
    name: Named[str] = Column(Text)
    first_day: Named[datetime.date] = Column(Date)
    """Nothing is dated before this day."""
    created_at: Named[datetime.datetime] = Column(DateTime(timezone=True), server_default=func.clock_timestamp())


books = Table("books", metadata, _Book, info=READ_AND_ADD)


class _Unit(TypedColumns):
    code: Named[str] = Column(Text(collation="C"), primary_key=True)
    scale: Named[int] = Column(SmallInteger)
    """Digits after the decimal point when shown: 2 for CNY, 0 for points and minutes."""
    name: Named[str] = Column(Text)


units = Table("units", metadata, _Unit, info=READ_AND_ADD)


class _Account(TypedColumns):
    book_id: Named[int] = Column(Integer)
    account_id: Named[int] = Column(BigInteger, Identity(always=True))
    code: Named[str] = Column(Text(collation="C"))
    name: Named[str] = Column(Text)
    account_class: Named[str] = Column("class", Text)
    unit: Named[str] = Column(Text(collation="C"))
    floor: Named[int | None] = Column(BigInteger)
    """The balance on the normal side may not go below it; NULL: no floor."""
    kind: Named[str | None] = Column(Text)
    """The chart's word for it (`wallet`), NULL for a plain account."""
    holder: Named[str | None] = Column(Text(collation="C"))
    """Whose it is: a number that means nothing outside the books."""
    status: Named[str] = Column(Text, server_default="open")
    debits: Named[int] = Column(BigInteger, server_default="0")
    credits: Named[int] = Column(BigInteger, server_default="0")
    number: Named[int] = Column(BigInteger, server_default="0")
    """Of the last entry: entries of an account are numbered 1, 2, 3 … without gaps."""
    recorded_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    """Of the last entry."""


accounts = Table(
    "accounts",
    metadata,
    _Account,
    PrimaryKeyConstraint("book_id", "account_id"),
    UniqueConstraint("book_id", "code"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    ForeignKeyConstraint(["unit"], ["units.code"]),
    CheckConstraint(
        "class IN ('asset', 'liability', 'equity', 'income', 'expense', 'memo_debit', 'memo_credit')", name="class"
    ),
    CheckConstraint("status IN ('open', 'frozen', 'closed')", name="status"),
    CheckConstraint(
        "floor IS NULL OR CASE WHEN class IN ('asset', 'expense', 'memo_debit')"
        " THEN debits - credits ELSE credits - debits END >= floor",
        name="floor",
    ),
    # A fifth of each page stays free, so that a new balance fits beside the old one and no index is touched (HOT).
    postgresql_with={"fillfactor": "80"},
    info=READ,
)


class _Transaction(TypedColumns):
    book_id: Named[int] = Column(Integer)
    transaction_id: Named[uuid.UUID] = Column(Uuid)
    """UUID version 7 of the time when it was decided."""
    kind: Named[str] = Column(Text)
    description: Named[str] = Column(Text)
    effective_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    """When it happened."""
    effective_on: Named[datetime.date] = Column(Date)
    """The day of `effective_at` in Asia/Shanghai."""
    recorded_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    """When the books learned of it, read from the database's clock after the locks."""
    client: Named[str] = Column(Text(collation="C"))
    """Whose keys these are: `token:ID`, `till:ID`, `user:ID`, `room:NAME`, `import`."""
    key: Named[str] = Column(Text(collation="C"))
    actor: Named[str] = Column(Text(collation="C"))
    """Who did it: `user:ID`, `room:NAME` …"""
    approver: Named[str | None] = Column(Text(collation="C"))
    request_id: Named[str | None] = Column(Text(collation="C"))
    correction: Named[str | None] = Column(Text)
    """`reversal`, `refund` or `clawback`, with `corrects` naming what it corrects."""
    corrects: Named[uuid.UUID | None] = Column(Uuid)
    xid: Named[str] = Column(TransactionNumber, server_default=text("pg_current_xact_id()"))


transactions = Table(
    "transactions",
    metadata,
    _Transaction,
    PrimaryKeyConstraint("book_id", "transaction_id"),
    CheckConstraint("correction IN ('reversal', 'refund', 'clawback')", name="correction"),
    CheckConstraint("(correction IS NULL) = (corrects IS NULL)", name="corrects"),
    Index(
        "transactions_reversal_key",
        "book_id",
        "corrects",
        unique=True,
        postgresql_where=text("correction = 'reversal'"),
    ),
    Index("transactions_corrects_idx", "book_id", "corrects", postgresql_where=text("correction <> 'reversal'")),
    # In the order in which they are sealed.
    Index(None, "book_id", "xid"),
    info=READ,
)


class _Entry(TypedColumns):
    book_id: Named[int] = Column(Integer)
    account_id: Named[int] = Column(BigInteger)
    number: Named[int] = Column(BigInteger)
    transaction_id: Named[uuid.UUID] = Column(Uuid)
    line: Named[int] = Column(SmallInteger)
    """Place in its transaction, from 0."""
    unit: Named[str] = Column(Text(collation="C"))
    debit: Named[int] = Column(BigInteger)
    credit: Named[int] = Column(BigInteger)
    balance_after: Named[int] = Column(BigInteger)
    """Of the account on its normal side, after this entry."""
    effective_on: Named[datetime.date] = Column(Date)
    recorded_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


entries = Table(
    "entries",
    metadata,
    _Entry,
    PrimaryKeyConstraint("book_id", "account_id", "number"),
    Index(None, "book_id", "transaction_id"),
    Index(
        "entries_late_idx",
        "book_id",
        "account_id",
        "effective_on",
        postgresql_where=text("effective_on < (recorded_at AT TIME ZONE 'Asia/Shanghai')::date"),
    ),
    CheckConstraint("debit >= 0 AND credit >= 0 AND (debit = 0) <> (credit = 0)", name="side"),
    info=READ,
)


class _DayTotal(TypedColumns):
    book_id: Named[int] = Column(Integer)
    account_id: Named[int] = Column(BigInteger)
    day: Named[datetime.date] = Column(Date)
    debits: Named[int] = Column(BigInteger)
    credits: Named[int] = Column(BigInteger)


day_totals = Table(
    "day_totals",
    metadata,
    _DayTotal,
    PrimaryKeyConstraint("book_id", "account_id", "day"),
    postgresql_with={"fillfactor": "80"},
    info=READ,
)


class _Key(TypedColumns):
    book_id: Named[int] = Column(Integer)
    client: Named[str] = Column(Text(collation="C"))
    key: Named[str] = Column(Text(collation="C"))
    call: Named[str] = Column(Text)
    """The call that first used the key, in the canonical form of whoever made it; compared byte by byte."""
    transaction_id: Named[uuid.UUID | None] = Column(Uuid)
    refusal: Named[dict[str, object] | None] = Column(JSONB(none_as_null=True))
    """What the call was refused with, if it was: the refusal's name and facts."""
    recorded_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


keys = Table(
    "keys",
    metadata,
    _Key,
    PrimaryKeyConstraint("book_id", "client", "key"),
    CheckConstraint("(transaction_id IS NULL) <> (refusal IS NULL)", name="outcome"),
    info=READ,
)


class _Lot(TypedColumns):
    book_id: Named[int] = Column(Integer)
    account_id: Named[int] = Column(BigInteger)
    number: Named[int] = Column(BigInteger)
    """Of the account's last entry of the transaction that made the lot: a lower number is older."""
    part: Named[int] = Column(SmallInteger)
    """Lots that one transaction made on one account, from 0."""
    transaction_id: Named[uuid.UUID | None] = Column(Uuid)
    """What made it; NULL for what an account held when lots were introduced."""
    origin: Named[uuid.UUID | None] = Column(Uuid)
    """The transaction that first credited these units; kept when they move from one account to another."""
    lapses_on: Named[datetime.date | None] = Column(Date)
    """The first day on which it can no longer be spent; NULL: never."""
    amount: Named[int] = Column(BigInteger)
    remaining: Named[int] = Column(BigInteger)
    returns: Named[uuid.UUID | None] = Column(Uuid)
    """Set where a lot that has lapsed is given back as a new one: the transaction that had taken it."""


lots = Table(
    "lots",
    metadata,
    _Lot,
    PrimaryKeyConstraint("book_id", "account_id", "number", "part"),
    CheckConstraint("amount > 0 OR transaction_id IS NULL", name="amount"),
    CheckConstraint("remaining >= 0", name="remaining"),
    Index("lots_open_idx", "book_id", "account_id", postgresql_where=text("remaining > 0")),
    Index(
        "lots_lapsing_idx",
        "book_id",
        "lapses_on",
        "account_id",
        postgresql_where=text("remaining > 0 AND lapses_on IS NOT NULL"),
    ),
    Index("lots_returns_idx", "book_id", "returns", postgresql_where=text("returns IS NOT NULL")),
    postgresql_with={"fillfactor": "80"},
    info=READ,
)


class _LotMove(TypedColumns):
    book_id: Named[int] = Column(Integer)
    account_id: Named[int] = Column(BigInteger)
    transaction_id: Named[uuid.UUID] = Column(Uuid)
    place: Named[int] = Column(SmallInteger)
    """Order within the transaction on this account, from 0."""
    number: Named[int] = Column(BigInteger)
    part: Named[int] = Column(SmallInteger)
    """The lot."""
    amount: Named[int] = Column(BigInteger)
    """Below zero: taken from the lot. Above zero: given back, or added to a pool's lot."""
    returns: Named[uuid.UUID | None] = Column(Uuid)
    """When given back: the transaction that had taken it."""


lot_moves = Table(
    "lot_moves",
    metadata,
    _LotMove,
    PrimaryKeyConstraint("book_id", "account_id", "transaction_id", "place"),
    CheckConstraint("amount <> 0", name="amount"),
    Index("lot_moves_returns_idx", "book_id", "returns", postgresql_where=text("returns IS NOT NULL")),
    info=READ,
)


class _Hold(TypedColumns):
    book_id: Named[int] = Column(Integer)
    hold_id: Named[uuid.UUID] = Column(Uuid)
    """The transaction that posted it."""
    account_id: Named[int] = Column(BigInteger)
    held_account_id: Named[int] = Column(BigInteger)
    amount: Named[int] = Column(BigInteger)
    expires_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    ending: Named[str | None] = Column(Text)
    """`capture`, `void` or `lapse`; NULL while it is open."""
    ended_by: Named[uuid.UUID | None] = Column(Uuid)
    """The transaction that ended it."""


holds = Table(
    "holds",
    metadata,
    _Hold,
    PrimaryKeyConstraint("book_id", "hold_id"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("ending IN ('capture', 'void', 'lapse')", name="ending"),
    CheckConstraint("(ending IS NULL) = (ended_by IS NULL)", name="ended"),
    Index("holds_open_idx", "book_id", "account_id", postgresql_where=text("ended_by IS NULL")),
    Index("holds_ended_by_key", "book_id", "ended_by", unique=True, postgresql_where=text("ended_by IS NOT NULL")),
    postgresql_with={"fillfactor": "80"},
    info=READ,
)


class _Closing(TypedColumns):
    book_id: Named[int] = Column(Integer)
    number: Named[int] = Column(Integer)
    """1, 2, 3 … in each book."""
    period: Named[str] = Column(Text(collation="C"))
    """`YYYY-MM`"""
    action: Named[str] = Column(Text)
    """`close` or `reopen`"""
    closed_through: Named[datetime.date | None] = Column(Date)
    """The last day that is closed after it; NULL: none."""
    actor: Named[str] = Column(Text(collation="C"))
    recorded_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


closings = Table(
    "closings",
    metadata,
    _Closing,
    PrimaryKeyConstraint("book_id", "number"),
    CheckConstraint("action IN ('close', 'reopen')", name="action"),
    info=READ,
)


class _Draft(TypedColumns):
    book_id: Named[int] = Column(Integer)
    draft_id: Named[uuid.UUID] = Column(Uuid)
    client: Named[str] = Column(Text(collation="C"))
    key: Named[str] = Column(Text(collation="C"))
    call: Named[str] = Column(Text)
    kind: Named[str] = Column(Text(collation="C"))
    description: Named[str] = Column(Text)
    effective_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    lines: Named[list[Any]] = Column(JSONB)
    """As `[account, side, amount, overflow]`; of a reversal those that the original gives."""
    reverses: Named[uuid.UUID | None] = Column(Uuid)
    proposed_by: Named[str] = Column(Text(collation="C"))
    proposed_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    decided_by: Named[str | None] = Column(Text(collation="C"))
    decided_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    transaction_id: Named[uuid.UUID | None] = Column(Uuid)
    """What it became when it was approved."""
    reason: Named[str | None] = Column(Text)
    """Why it was declined."""


drafts = Table(
    "drafts",
    metadata,
    _Draft,
    PrimaryKeyConstraint("book_id", "draft_id"),
    UniqueConstraint("book_id", "client", "key"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("(decided_at IS NULL) = (decided_by IS NULL)", name="decided"),
    CheckConstraint("decided_at IS NOT NULL OR (transaction_id IS NULL AND reason IS NULL)", name="outcome"),
    CheckConstraint("transaction_id IS NULL OR decided_by <> proposed_by", name="two_people"),
    Index("drafts_open_idx", "book_id", "proposed_at", postgresql_where=text("decided_at IS NULL")),
    info=READ_ADD_CHANGE,
)
"""Postings that a person proposed and a second one has to approve."""

metadata.info["functions"] |= {
    "journal_load",
    "journal_write",
    "accounts_open",
    "account_set_status",
    "periods_load",
    "periods_write",
}
"""The only ways to write the journal; the migrations define them."""
