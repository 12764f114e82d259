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
from sqlalchemy.dialects.postgresql import ARRAY

from ledger.database.metadata import READ_ADD_REMOVE, READ_AND_ADD, metadata


class _Volunteer(TypedColumns):
    book_id: Named[int] = Column(Integer)
    volunteer_no: Named[str] = Column(Text(collation="C"))
    holder: Named[str] = Column(Text(collation="C"))
    """The random number under which the books know this person. This link is destroyed by an erasure, and with it the
    copy that stands beside her personal data."""
    registered_at: Named[datetime.datetime] = Column(DateTime(timezone=True), server_default=func.clock_timestamp())
    organisation: Named[str | None] = Column(Text(collation="C"))
    """Which one registered her; None: the book's own staff."""


volunteers = Table(
    "volunteers",
    metadata,
    _Volunteer,
    PrimaryKeyConstraint("book_id", "volunteer_no"),
    UniqueConstraint("book_id", "holder"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    ForeignKeyConstraint(["book_id", "organisation"], ["organisations.book_id", "organisations.code"]),
    info=READ_ADD_REMOVE,
)


class _Organisation(TypedColumns):
    book_id: Named[int] = Column(Integer)
    code: Named[str] = Column(Text(collation="C"))
    name: Named[str] = Column(Text)
    parent: Named[str | None] = Column(Text(collation="C"))
    line: Named[list[str]] = Column(ARRAY(Text(collation="C")))
    """Its code, its parent's, and so on to the top."""


organisations = Table(
    "organisations",
    metadata,
    _Organisation,
    PrimaryKeyConstraint("book_id", "code"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    ForeignKeyConstraint(["book_id", "parent"], ["organisations.book_id", "organisations.code"]),
    info=READ_AND_ADD,
)
