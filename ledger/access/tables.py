"""The tables of access: reference tables, without triggers."""

from __future__ import annotations

import datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Integer,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    func,
)

from ledger.database.metadata import READ_ADD_CHANGE, metadata


class _User(TypedColumns):
    user_id: Named[int] = Column(Integer, Identity(always=True), primary_key=True)
    login: Named[str] = Column(Text(collation="C"))
    password_hash: Named[str] = Column(Text)
    """argon2id, with its parameters and salt in the text."""
    book_id: Named[int] = Column(Integer)
    role: Named[str] = Column(Text)
    volunteer_no: Named[str | None] = Column(Text(collation="C"))
    """Whose pages a volunteer sees."""
    created_at: Named[datetime.datetime] = Column(DateTime(timezone=True), server_default=func.clock_timestamp())


users = Table(
    "users",
    metadata,
    _User,
    UniqueConstraint("login"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("role IN ('operator', 'volunteer')", name="role"),
    CheckConstraint("(role = 'volunteer') = (volunteer_no IS NOT NULL)", name="volunteer"),
    info=READ_ADD_CHANGE,
)
