"""The tables of earning."""

from __future__ import annotations

import datetime

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    Named,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    func,
)

from ledger.database.metadata import READ_ADD_REMOVE, metadata


class _Volunteer(TypedColumns):
    book_id: Named[int] = Column(Integer)
    volunteer_no: Named[str] = Column(Text(collation="C"))
    holder: Named[str] = Column(Text(collation="C"))
    """The random number under which the books know this person. This link is destroyed by an erasure, and with it the
    copy that stands beside her personal data."""
    registered_at: Named[datetime.datetime] = Column(DateTime(timezone=True), server_default=func.clock_timestamp())


volunteers = Table(
    "volunteers",
    metadata,
    _Volunteer,
    PrimaryKeyConstraint("book_id", "volunteer_no"),
    UniqueConstraint("book_id", "holder"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    info=READ_ADD_REMOVE,
)
