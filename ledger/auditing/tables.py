"""The tables of the sealed log: leaves, nodes, checkpoints, promises, and what auditors looked at.

Leaves, nodes and promises are written by the database's functions alone (`log_seal`, `log_promise`, `log_forget`, see
the migration). A leaf does not keep its line: the view `log_lines` derives it from the rows that it is about, so that
there is one truth, and a changed row no longer has its leaf's hash.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
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
    column,
    table,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger.database.metadata import READ, READ_AND_ADD, TransactionNumber, metadata


class _Leaf(TypedColumns):
    book_id: Named[int] = Column(Integer)
    leaf_index: Named[int] = Column(BigInteger)
    """0, 1, 2 … in each book, in the order of sealing."""
    type: Named[str] = Column(Text(collation="C"))
    """`transaction` or `event`"""
    item: Named[uuid.UUID] = Column(Uuid)
    """The transaction or event."""
    voucher_year: Named[int | None] = Column(SmallInteger)
    voucher_number: Named[int | None] = Column(BigInteger)
    """Of a transaction: 1, 2, 3 … without gaps in each book and year of booking (Accounting Law: 连续编号)."""
    commitment: Named[bytes] = Column(LargeBinary)
    """SHA-256 of the salt and the texts."""
    salt: Named[bytes | None] = Column(LargeBinary)
    """16 random bytes; NULL: destroyed with the texts when a person was erased (PIPL 47)."""
    hash: Named[bytes] = Column(LargeBinary)
    """Of the line: SHA-256 of 0x00 and the line (RFC 6962, 2.1)."""


log_leaves = Table(
    "log_leaves",
    metadata,
    _Leaf,
    PrimaryKeyConstraint("book_id", "leaf_index"),
    UniqueConstraint("book_id", "item"),
    UniqueConstraint("book_id", "voucher_year", "voucher_number"),
    CheckConstraint("type IN ('transaction', 'event')", name="type"),
    CheckConstraint(
        "(type = 'transaction') = (voucher_year IS NOT NULL) AND (voucher_year IS NULL) = (voucher_number IS NULL)",
        name="voucher",
    ),
    info=READ,
)


class _Node(TypedColumns):
    book_id: Named[int] = Column(Integer)
    level: Named[int] = Column(SmallInteger)
    """From 1. A node of level l is the root of 256^l leaves: an entry of a tile (C2SP tlog-tiles) of that level."""
    place: Named[int] = Column(BigInteger)
    hash: Named[bytes] = Column(LargeBinary)


log_nodes = Table("log_nodes", metadata, _Node, PrimaryKeyConstraint("book_id", "level", "place"), info=READ)


class _State(TypedColumns):
    book_id: Named[int] = Column(Integer, autoincrement=False)
    cluster: Named[str] = Column(Text(collation="C"))
    """The database cluster whose transaction numbers these are: another one counts anew."""
    era: Named[int] = Column(Integer)
    """1, 2, 3 …: a new one begins when the books have been moved to another cluster."""
    xid: Named[str] = Column(TransactionNumber)
    """What database transactions before this one have committed is sealed."""
    size: Named[int] = Column(BigInteger)


log_states = Table("log_states", metadata, _State, PrimaryKeyConstraint("book_id"), info=READ)


class _Checkpoint(TypedColumns):
    book_id: Named[int] = Column(Integer)
    number: Named[int] = Column(Integer)
    """1, 2, 3 … in each book."""
    size: Named[int] = Column(BigInteger)
    root: Named[bytes] = Column(LargeBinary)
    note: Named[str] = Column(Text)
    """The signed note (C2SP tlog-checkpoint)."""
    created_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


log_checkpoints = Table(
    "log_checkpoints", metadata, _Checkpoint, PrimaryKeyConstraint("book_id", "number"), info=READ_AND_ADD
)


class _Promise(TypedColumns):
    book_id: Named[int] = Column(Integer)
    transaction_id: Named[uuid.UUID] = Column(Uuid)
    commitment: Named[bytes] = Column(LargeBinary)
    salt: Named[bytes | None] = Column(LargeBinary)
    promised_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


log_promises = Table("log_promises", metadata, _Promise, PrimaryKeyConstraint("book_id", "transaction_id"), info=READ)
"""What was promised of transactions before they were sealed: they are sealed with this commitment."""


class _Look(TypedColumns):
    book_id: Named[int] = Column(Integer)
    look_id: Named[uuid.UUID] = Column(Uuid)
    at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    actor: Named[str] = Column(Text(collation="C"))
    what: Named[str] = Column(Text(collation="C"))
    facts: Named[dict[str, Any]] = Column(JSONB)


log_looks = Table("log_looks", metadata, _Look, PrimaryKeyConstraint("book_id", "look_id"), info=READ_AND_ADD)
"""What auditors looked at."""

log_lines = table(
    "log_lines",
    column("book_id", Integer),
    column("leaf_index", BigInteger),
    column("type", Text),
    column("item", Uuid),
    column("voucher_year", SmallInteger),
    column("voucher_number", BigInteger),
    column("line", Text),
    column("texts", Text),
    column("salt", LargeBinary),
    column("commitment", LargeBinary),
    column("hash", LargeBinary),
    column("recorded_at", DateTime(timezone=True)),
)
"""The view of the leaves with their lines as the rows say them now."""

metadata.info["views"] |= {"log_transactions", "log_events", "log_lines"}
metadata.info["functions"] |= {"log_seal", "log_promise", "log_forget"}
