"""The tables of access. What a user signs in with stands on every node, personal data on the node of their book.

What lets somebody in is never stored as it was given: passwords and PINs as argon2id hashes, tokens (which nobody can
guess) as SHA-256 digests, who tried to sign in from where as keyed digests. Of persons, bytes are ciphertexts or keyed
digests (see `ciphers`).
"""

from __future__ import annotations

import datetime
import uuid
from typing import Final

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Named,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    Uuid,
    column,
    func,
    table,
    text,
)

from ledger.database.metadata import READ_ADD_CHANGE, READ_ADD_CHANGE_REMOVE, READ_AND_ADD, metadata

book_numbers: Final = table("books", column("book_id", Integer))
"""The list of books as far as this room knows it: their numbers."""


class _User(TypedColumns):
    user_id: Named[int] = Column(Integer, Identity(always=True), primary_key=True)
    login: Named[str | None] = Column(Text(collation="C"))
    """As `users.folded` writes it. A volunteer may have none: she signs in with her number."""
    password_hash: Named[str | None] = Column(Text)
    """argon2id, with its parameters and salt in the text."""
    created_at: Named[datetime.datetime] = Column(DateTime(timezone=True), server_default=func.clock_timestamp())
    pin_hash: Named[str | None] = Column(Text)
    must_change: Named[bool] = Column(Boolean, server_default=text("false"))
    """Somebody else has seen the password or PIN: it opens nothing but its own change."""


users = Table(
    "users",
    metadata,
    _User,
    UniqueConstraint("login"),
    info=READ_ADD_CHANGE_REMOVE,
)


class _Role(TypedColumns):
    role_id: Named[int] = Column(Integer, Identity(always=True), primary_key=True)
    user_id: Named[int] = Column(Integer)
    book_id: Named[int] = Column(Integer)
    role: Named[str] = Column(Text)
    organisation: Named[str | None] = Column(Text(collation="C"))
    """The rights hold for it and those below it; None: for the whole book."""
    volunteer_no: Named[str | None] = Column(Text(collation="C"))
    outlet: Named[str | None] = Column(Text(collation="C"))
    until: Named[datetime.date | None] = Column(Date)
    """The last day (Asia/Shanghai) on which it holds."""
    given_by: Named[str] = Column(Text(collation="C"))
    given_at: Named[datetime.datetime] = Column(DateTime(timezone=True), server_default=func.clock_timestamp())
    ended_by: Named[str | None] = Column(Text(collation="C"))
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))


roles = Table(
    "roles",
    metadata,
    _Role,
    ForeignKeyConstraint(["user_id"], ["users.user_id"]),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint(
        "role IN ('volunteer', 'merchant', 'recorder', 'reviewer', 'operator', 'auditor', 'owner')", name="role"
    ),
    CheckConstraint("(role = 'volunteer') = (volunteer_no IS NOT NULL)", name="volunteer"),
    CheckConstraint("(role = 'merchant') = (outlet IS NOT NULL)", name="outlet"),
    CheckConstraint("role <> 'auditor' OR until IS NOT NULL", name="until"),
    CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
    Index(None, "user_id"),
    Index(
        "roles_volunteer_key",
        "volunteer_no",
        "book_id",
        unique=True,
        postgresql_where=text("role = 'volunteer' AND ended_at IS NULL"),
    ),
    info=READ_ADD_CHANGE_REMOVE,
)


class _Device(TypedColumns):
    device_id: Named[uuid.UUID] = Column(Uuid, primary_key=True)
    user_id: Named[int] = Column(Integer)
    book_id: Named[int] = Column(Integer)
    secret: Named[bytes | None] = Column(LargeBinary)
    """SHA-256 of what a browser's cookie holds; None for a program, which has refresh tokens."""
    label: Named[str] = Column(Text)
    """What her list of devices calls it: "Chromium, Linux"."""
    signed_in_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    seen_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    expires_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    ended_why: Named[str | None] = Column(Text)


devices = Table(
    "devices",
    metadata,
    _Device,
    ForeignKeyConstraint(["user_id"], ["users.user_id"]),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    UniqueConstraint("secret"),
    CheckConstraint("(ended_at IS NULL) = (ended_why IS NULL)", name="ended"),
    CheckConstraint(
        "ended_why IN ('signed_out', 'ended', 'password_changed', 'role_ended', 'token_reused')", name="why"
    ),
    Index(None, "user_id"),
    info=READ_ADD_CHANGE_REMOVE,
)


class _RefreshToken(TypedColumns):
    digest: Named[bytes] = Column(LargeBinary, primary_key=True)
    device_id: Named[uuid.UUID] = Column(Uuid)
    used_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))


refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    _RefreshToken,
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
    Index(None, "device_id"),
    info=READ_ADD_CHANGE_REMOVE,
)


class _Token(TypedColumns):
    token_id: Named[int] = Column(Integer, Identity(always=True), primary_key=True)
    book_id: Named[int] = Column(Integer)
    kind: Named[str] = Column(Text)
    name: Named[str] = Column(Text)
    digest: Named[bytes] = Column(LargeBinary)
    scopes: Named[list[str]] = Column(ARRAY(Text))
    prefixes: Named[list[str]] = Column(ARRAY(Text))
    """What the codes of accounts that it posts to begin with."""
    outlet: Named[str | None] = Column(Text(collation="C"))
    made_by: Named[str] = Column(Text(collation="C"))
    made_at: Named[datetime.datetime] = Column(DateTime(timezone=True), server_default=func.clock_timestamp())
    expires_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    used_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    """To the minute."""
    revoked_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    revoked_by: Named[str | None] = Column(Text(collation="C"))


tokens = Table(
    "tokens",
    metadata,
    _Token,
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    UniqueConstraint("digest"),
    CheckConstraint("kind IN ('machine', 'till')", name="kind"),
    CheckConstraint("(kind = 'till') = (outlet IS NOT NULL)", name="outlet"),
    CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked"),
    Index(None, "book_id"),
    info=READ_ADD_CHANGE,
)


class _Binding(TypedColumns):
    digest: Named[bytes] = Column(LargeBinary, primary_key=True)
    """Of the one-time code."""
    book_id: Named[int] = Column(Integer)
    outlet: Named[str] = Column(Text(collation="C"))
    name: Named[str] = Column(Text)
    """What the till will be called."""
    made_by: Named[str] = Column(Text(collation="C"))
    expires_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    token_id: Named[int | None] = Column(Integer)
    """The till that it became."""


bindings = Table(
    "bindings",
    metadata,
    _Binding,
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    Index(None, "book_id", "outlet"),
    info=READ_ADD_CHANGE_REMOVE,
)
"""One-time codes with which a shop's device becomes a till."""


class _Attempt(TypedColumns):
    digest: Named[bytes] = Column(LargeBinary, primary_key=True)
    """Of the name that was given and the address that it came from."""
    failures: Named[int] = Column(Integer)
    next_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    """Before this nothing is tried again from there."""


attempts = Table("attempts", metadata, _Attempt, info=READ_ADD_CHANGE_REMOVE)


class _Renewal(TypedColumns):
    renewal_id: Named[uuid.UUID] = Column(Uuid, primary_key=True)
    book_id: Named[int] = Column(Integer)
    user_id: Named[int] = Column(Integer)
    volunteer_no: Named[str] = Column(Text(collation="C"))
    asked_by: Named[str] = Column(Text(collation="C"))
    asked_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    decided_by: Named[str | None] = Column(Text(collation="C"))
    decided_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    confirmed: Named[bool | None] = Column(Boolean)


renewals = Table(
    "renewals",
    metadata,
    _Renewal,
    ForeignKeyConstraint(["user_id"], ["users.user_id"]),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint(
        "(decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (confirmed IS NULL)", name="decided"
    ),
    CheckConstraint("decided_by <> asked_by OR NOT confirmed", name="two_people"),
    Index("renewals_open_key", "user_id", unique=True, postgresql_where=text("decided_at IS NULL")),
    Index(None, "user_id"),
    Index(None, "book_id"),
    info=READ_ADD_CHANGE_REMOVE,
)
"""A forgotten PIN, renewed by two members of staff."""


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


class _Guardian(TypedColumns):
    book_id: Named[int] = Column(Integer)
    volunteer_no: Named[str] = Column(Text(collation="C"))
    """The minor's. Whether this guardian consents stands among the minor's consents."""
    guardian_id: Named[uuid.UUID] = Column(Uuid)
    name: Named[bytes] = Column(LargeBinary)
    """Sealed with the minor's data key, as the phone."""
    phone: Named[bytes | None] = Column(LargeBinary)
    relation: Named[str] = Column(Text(collation="C"))
    recorded_by: Named[str] = Column(Text(collation="C"))
    recorded_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))


guardians = Table(
    "guardians",
    metadata,
    _Guardian,
    PrimaryKeyConstraint("book_id", "volunteer_no", "guardian_id"),
    ForeignKeyConstraint(["book_id", "volunteer_no"], ["volunteers.book_id", "volunteers.volunteer_no"]),
    CheckConstraint("relation IN ('parent', 'grandparent', 'sibling', 'other')", name="relation"),
    Index("guardians_live_key", "book_id", "volunteer_no", unique=True, postgresql_where=text("ended_at IS NULL")),
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
