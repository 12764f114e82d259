"""The tables of access: users stand on every node, personal data on the node of their book.

Bytes are ciphertexts or keyed digests (see `ciphers`).
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Named,
    PrimaryKeyConstraint,
    Table,
    TableValuedAlias,
    Text,
    TypedColumns,
    UniqueConstraint,
    Uuid,
    column,
    func,
    literal,
    table,
    text,
)

from ledger.database.metadata import READ_ADD_CHANGE, READ_ADD_CHANGE_REMOVE, READ_AND_ADD, metadata

book_numbers: Final = table("books", column("book_id", Integer))
"""The list of books as far as this room knows it: their numbers."""


def rows_within(columns: Sequence[Column[Any]], rows: Sequence[Sequence[object]]) -> TableValuedAlias:
    """The rows as a table within a statement, with the names and types of these columns."""
    lists = zip(*rows, strict=True)
    arrays = (literal(list(each), ARRAY(like.type)) for like, each in zip(columns, lists, strict=True))
    return func.unnest(*arrays).table_valued(*(column(like.name, like.type) for like in columns)).render_derived()


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


class _Person(TypedColumns):
    book_id: Named[int] = Column(Integer)
    volunteer_no: Named[str] = Column(Text(collation="C"))
    holder: Named[str] = Column(Text(collation="C"))
    """The number under which the books and the access log know her. It goes with this row."""
    data_key: Named[bytes] = Column(LargeBinary)
    """Her own key, sealed with an identity key; everything else of her is sealed with it."""
    name: Named[bytes] = Column(LargeBinary)
    phone: Named[bytes | None] = Column(LargeBinary)
    phone_index: Named[bytes | None] = Column(LargeBinary)
    id_number: Named[bytes | None] = Column(LargeBinary)
    id_number_index: Named[bytes | None] = Column(LargeBinary)
    born: Named[bytes | None] = Column(LargeBinary)
    created_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    changed_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


persons = Table(
    "persons",
    metadata,
    _Person,
    PrimaryKeyConstraint("book_id", "volunteer_no"),
    UniqueConstraint("book_id", "holder"),
    UniqueConstraint("book_id", "id_number_index"),
    # So that nobody's identity is recorded beside her erasure and stays behind.
    ForeignKeyConstraint(["book_id", "volunteer_no"], ["volunteers.book_id", "volunteers.volunteer_no"]),
    CheckConstraint("(phone IS NULL) = (phone_index IS NULL)", name="phone"),
    CheckConstraint("(id_number IS NULL) = (id_number_index IS NULL)", name="id_number"),
    Index(None, "book_id", "phone_index"),  # a family may share one
    info=READ_ADD_CHANGE_REMOVE,
)


class _Card(TypedColumns):
    book_id: Named[int] = Column(Integer)
    volunteer_no: Named[str] = Column(Text(collation="C"))
    card_id: Named[uuid.UUID] = Column(Uuid)
    digest: Named[bytes] = Column(LargeBinary)
    digits: Named[bytes] = Column(LargeBinary)
    """Sealed with an identity key: from them the digest is made anew when the index key changes."""
    issued_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))


cards = Table(
    "cards",
    metadata,
    _Card,
    PrimaryKeyConstraint("book_id", "volunteer_no", "card_id"),
    UniqueConstraint("book_id", "digest"),
    ForeignKeyConstraint(["book_id", "volunteer_no"], ["volunteers.book_id", "volunteers.volunteer_no"]),
    Index("cards_live_key", "book_id", "volunteer_no", unique=True, postgresql_where=text("ended_at IS NULL")),
    info=READ_ADD_CHANGE_REMOVE,
)


class _Consent(TypedColumns):
    book_id: Named[int] = Column(Integer)
    holder: Named[str] = Column(Text(collation="C"))
    """Whose: nobody's when she has been erased. The row stays, as evidence."""
    purpose: Named[str] = Column(Text(collation="C"))
    text_version: Named[str] = Column(Text(collation="C"))
    given_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    given_by: Named[str] = Column(Text(collation="C"))
    withdrawn_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    withdrawn_by: Named[str | None] = Column(Text(collation="C"))


consents = Table(
    "consents",
    metadata,
    _Consent,
    PrimaryKeyConstraint("book_id", "holder", "purpose", "text_version", "given_at"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn"),
    Index(
        "consents_live_key",
        *("book_id", "holder", "purpose", "text_version"),
        unique=True,
        postgresql_where=text("withdrawn_at IS NULL"),
    ),
    info=READ_ADD_CHANGE,
)


class _Access(TypedColumns):
    book_id: Named[int] = Column(Integer)
    access_id: Named[uuid.UUID] = Column(Uuid)
    """Of version 7: they rise with time."""
    at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    actor: Named[str] = Column(Text(collation="C"))
    action: Named[str] = Column(Text(collation="C"))
    holder: Named[str] = Column(Text(collation="C"))
    """Whose data: nobody's when she has been erased."""
    fields: Named[list[str]] = Column(ARRAY(Text(collation="C")))
    reason: Named[bytes | None] = Column(LargeBinary)
    """Sealed with her data key."""
    minor: Named[bool | None] = Column(Boolean)
    """Whether she was under 18 then; NULL where the day of birth is not known."""


access_log = Table(
    "access_log",
    metadata,
    _Access,
    PrimaryKeyConstraint("book_id", "access_id"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    Index(None, "book_id", "holder", "access_id"),
    info=READ_AND_ADD,
)
