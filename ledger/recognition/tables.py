"""The tables of recognition.

What somebody has done stands in the books; here stands what was decided on it, with what it was decided from. People
are the numbers under which the books know them (`holder`), so that an erasure leaves nothing of them here.
"""

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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ledger.books.versions import Versioned
from ledger.database.metadata import READ_ADD_CHANGE, READ_AND_ADD, metadata

ladders = Table(
    "ladders",
    metadata,
    Versioned,
    PrimaryKeyConstraint("book_id", "version"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("(decided_at IS NULL) = (approved IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (approved IS NULL)", name="decided_by"),
    CheckConstraint("NOT approved OR decided_by <> drafted_by", name="two_people"),
    info=READ_ADD_CHANGE,
)
"""What stars ask for, in versions."""


class _Mark(TypedColumns):
    book_id: Named[int] = Column(Integer)
    mark_id: Named[uuid.UUID] = Column(Uuid)
    holder: Named[str] = Column(Text(collation="C"))
    marked_on: Named[datetime.date] = Column(Date)
    """The day that it happened."""
    why: Named[str] = Column(Text(collation="C"))
    """`forged_record`, `absence`, `misconduct` or `other`; no free text, so that nobody is described."""
    marked_by: Named[str] = Column(Text(collation="C"))
    marked_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    lifted_by: Named[str | None] = Column(Text(collation="C"))
    lifted_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))


marks = Table(
    "marks",
    metadata,
    _Mark,
    PrimaryKeyConstraint("book_id", "mark_id"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("why IN ('forged_record', 'absence', 'misconduct', 'other')", name="why"),
    CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name="lifted"),
    Index("marks_holder_idx", "book_id", "holder"),
    Index(
        *("marks_stands_key", "book_id", "holder", "marked_on", "why"),
        unique=True,
        postgresql_where=text("lifted_at IS NULL"),
    ),
    info=READ_ADD_CHANGE,
)
"""What is on record against somebody, for the ladders that ask for good standing."""


class _Assessment(TypedColumns):
    book_id: Named[int] = Column(Integer)
    assessment_id: Named[uuid.UUID] = Column(Uuid)
    as_of: Named[datetime.date] = Column(Date)
    known_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    """What the books knew then is what it was computed from."""
    ladder: Named[int] = Column(Integer)
    """The version; 0: the national one."""
    made_by: Named[str] = Column(Text(collation="C"))
    made_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    done_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    """NULL: it was begun; whoever runs it again goes on with what it was begun with."""
    people: Named[int | None] = Column(Integer)
    """How many rows it has."""
    digest: Named[bytes | None] = Column(LargeBinary)
    """SHA-256 over the ladder and, holder after holder, what each was assessed by and the star."""


assessments = Table(
    "assessments",
    metadata,
    _Assessment,
    PrimaryKeyConstraint("book_id", "assessment_id"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("(digest IS NULL) = (done_at IS NULL) AND (people IS NULL) = (done_at IS NULL)", name="done"),
    Index(
        "assessments_running_key", "book_id", "as_of", "ladder", unique=True, postgresql_where=text("done_at IS NULL")
    ),
    Index("assessments_as_of_idx", "book_id", "as_of", "made_at"),
    info=READ_ADD_CHANGE,
)


class _Assessed(TypedColumns):
    book_id: Named[int] = Column(Integer)
    assessment_id: Named[uuid.UUID] = Column(Uuid)
    holder: Named[str] = Column(Text(collation="C"))
    credit_minutes: Named[int] = Column(BigInteger)
    honour_minutes: Named[int] = Column(BigInteger)
    year_minutes: Named[int] = Column(BigInteger)
    """Of the classes that the ladder counts, in the year up to the day; 0 where it does not ask."""
    points: Named[int] = Column(BigInteger)
    """Earned; 0 where the ladder does not ask."""
    registered_on: Named[datetime.date] = Column(Date)
    marked_on: Named[datetime.date | None] = Column(Date)
    held: Named[int] = Column(SmallInteger)
    kept: Named[int] = Column(SmallInteger)
    star: Named[int] = Column(SmallInteger)


assessed = Table(
    "assessed",
    metadata,
    _Assessed,
    PrimaryKeyConstraint("book_id", "assessment_id", "holder"),
    ForeignKeyConstraint(["book_id", "assessment_id"], ["assessments.book_id", "assessments.assessment_id"]),
    Index("assessed_holder_idx", "book_id", "holder"),
    # Who rises and who falls: a few of many.
    Index("assessed_differs_idx", "book_id", "assessment_id", "star", "holder", postgresql_where=text("star <> held")),
    info=READ_AND_ADD,
)
"""Who has hours or a star, and what each was assessed by. Rows are never changed: an award keeps its inputs."""


class _Award(TypedColumns):
    book_id: Named[int] = Column(Integer)
    award_id: Named[uuid.UUID] = Column(Uuid)
    assessment_id: Named[uuid.UUID] = Column(Uuid)
    holder: Named[str] = Column(Text(collation="C"))
    star: Named[int] = Column(SmallInteger)
    title: Named[str] = Column(Text)
    """What the ladder calls it; empty: by its number."""
    certifier: Named[str | None] = Column(Text(collation="C"))
    """The level of the organisation that decides; NULL: whoever may."""
    as_of: Named[datetime.date] = Column(Date)
    minutes: Named[int] = Column(BigInteger)
    """That counted on that day."""
    needed: Named[int] = Column(BigInteger)
    """Minutes that the star asked for."""
    honour: Named[bool] = Column(Boolean)
    """Whether hours entered afterwards counted."""
    organisation: Named[str | None] = Column(Text(collation="C"))
    """To which she belonged; NULL: to the book's own staff."""
    state: Named[str] = Column(Text(collation="C"))
    proposed_by: Named[str] = Column(Text(collation="C"))
    proposed_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    notice_from: Named[datetime.date] = Column(Date)
    notice_until: Named[datetime.date] = Column(Date)
    """The last day of publicity."""
    decided_by: Named[str | None] = Column(Text(collation="C"))
    decided_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    reason: Named[str | None] = Column(Text)
    """Why it was refused."""
    awarded_on: Named[datetime.date | None] = Column(Date)
    serial: Named[str | None] = Column(Text(collation="C"))
    """Of the certificate."""
    ended_on: Named[datetime.date | None] = Column(Date)
    """The first day on which it no longer holds."""
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    ended_by: Named[str | None] = Column(Text(collation="C"))
    end_reason: Named[str | None] = Column(Text)


awards = Table(
    "awards",
    metadata,
    _Award,
    PrimaryKeyConstraint("book_id", "award_id"),
    ForeignKeyConstraint(["book_id", "assessment_id"], ["assessments.book_id", "assessments.assessment_id"]),
    CheckConstraint("state IN ('in_notice', 'objected', 'awarded', 'refused', 'ended')", name="state"),
    CheckConstraint("(decided_at IS NULL) = (state IN ('in_notice', 'objected'))", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_by"),
    CheckConstraint("decided_by <> proposed_by", name="two_people"),
    CheckConstraint("(awarded_on IS NULL) = (state NOT IN ('awarded', 'ended'))", name="awarded"),
    CheckConstraint("(serial IS NULL) = (awarded_on IS NULL)", name="serial"),
    CheckConstraint("(ended_at IS NULL) = (state <> 'ended')", name="ended"),
    # One star is awarded once, until it is ended.
    Index(
        "awards_live_key",
        "book_id",
        "holder",
        "star",
        unique=True,
        postgresql_where=text("state IN ('in_notice', 'objected', 'awarded')"),
    ),
    Index("awards_holder_idx", "book_id", "holder"),
    Index("awards_serial_key", "book_id", "serial", unique=True),
    Index(
        "awards_open_idx",
        "book_id",
        "notice_until",
        postgresql_where=text("state IN ('in_notice', 'objected')"),
    ),
    Index("awards_star_idx", "book_id", "star", postgresql_where=text("state = 'awarded'")),
    info=READ_ADD_CHANGE,
)


class _AwardObjection(TypedColumns):
    book_id: Named[int] = Column(Integer)
    objection_id: Named[uuid.UUID] = Column(Uuid)
    award_id: Named[uuid.UUID] = Column(Uuid)
    raised_by: Named[str] = Column(Text(collation="C"))
    raised_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    reason: Named[str] = Column(Text)
    due_on: Named[datetime.date] = Column(Date)
    decided_by: Named[str | None] = Column(Text(collation="C"))
    decided_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    upheld: Named[bool | None] = Column(Boolean)
    decision: Named[str | None] = Column(Text)


award_objections = Table(
    "award_objections",
    metadata,
    _AwardObjection,
    PrimaryKeyConstraint("book_id", "objection_id"),
    ForeignKeyConstraint(["book_id", "award_id"], ["awards.book_id", "awards.award_id"]),
    CheckConstraint("(decided_at IS NULL) = (upheld IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (upheld IS NULL)", name="decided_by"),
    CheckConstraint("decided_by <> raised_by", name="two_people"),
    Index("award_objections_open_key", "book_id", "award_id", unique=True, postgresql_where=text("upheld IS NULL")),
    Index("award_objections_award_idx", "book_id", "award_id"),
    info=READ_ADD_CHANGE,
)


class _Proof(TypedColumns):
    book_id: Named[int] = Column(Integer)
    proof_id: Named[uuid.UUID] = Column(Uuid)
    holder: Named[str] = Column(Text(collation="C"))
    organisation: Named[str] = Column(Text(collation="C"))
    """Which organised and recorded what it proves (MCA Order 67): no other issues it."""
    from_day: Named[datetime.date | None] = Column(Date)
    to_day: Named[datetime.date] = Column(Date)
    state: Named[str] = Column(Text(collation="C"))
    requested_by: Named[str] = Column(Text(collation="C"))
    requested_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    due_on: Named[datetime.date] = Column(Date)
    """Until when it shall be issued or refused."""
    decided_by: Named[str | None] = Column(Text(collation="C"))
    decided_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    reason: Named[str | None] = Column(Text)
    """Why it was refused."""
    serial: Named[str | None] = Column(Text(collation="C"))
    issued_on: Named[datetime.date | None] = Column(Date)
    credit_minutes: Named[int | None] = Column(BigInteger)
    honour_minutes: Named[int | None] = Column(BigInteger)
    services: Named[list[Any] | None] = Column(JSONB(none_as_null=True))
    """What was served, as it stood when it was issued: `[record_id, day, activity, category, class, minutes]` each."""
    issuer: Named[dict[str, Any] | None] = Column(JSONB(none_as_null=True))
    """`name`, `person_in_charge`, `handler`, `contact`, `remarks`, as printed."""
    notice_until: Named[datetime.date | None] = Column(Date)
    """The last day of publicity within the organisation."""
    revoked_by: Named[str | None] = Column(Text(collation="C"))
    revoked_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    revoked_why: Named[str | None] = Column(Text)


proofs = Table(
    "proofs",
    metadata,
    _Proof,
    PrimaryKeyConstraint("book_id", "proof_id"),
    ForeignKeyConstraint(["book_id", "organisation"], ["organisations.book_id", "organisations.code"]),
    CheckConstraint("state IN ('requested', 'issued', 'refused', 'withdrawn', 'revoked')", name="state"),
    CheckConstraint("from_day <= to_day", name="days"),
    CheckConstraint("(decided_at IS NULL) = (state IN ('requested', 'withdrawn'))", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_by"),
    CheckConstraint("(serial IS NULL) = (state NOT IN ('issued', 'revoked'))", name="serial"),
    CheckConstraint(
        "(serial IS NULL) = (services IS NULL) AND (serial IS NULL) = (issuer IS NULL)"
        " AND (serial IS NULL) = (issued_on IS NULL) AND (serial IS NULL) = (credit_minutes IS NULL)"
        " AND (serial IS NULL) = (honour_minutes IS NULL) AND (serial IS NULL) = (notice_until IS NULL)",
        name="issued",
    ),
    CheckConstraint("(revoked_at IS NULL) = (state <> 'revoked')", name="revoked"),
    CheckConstraint("(revoked_by IS NULL) = (revoked_at IS NULL)", name="revoked_by"),
    Index("proofs_serial_key", "book_id", "serial", unique=True),
    Index("proofs_holder_idx", "book_id", "holder", "requested_at"),
    Index("proofs_open_idx", "book_id", "organisation", "due_on", postgresql_where=text("state = 'requested'")),
    Index("proofs_notice_idx", "book_id", "organisation", "notice_until", postgresql_where=text("state = 'issued'")),
    # Who presses twice has asked once.
    Index(
        "proofs_requested_key",
        "book_id",
        "holder",
        "organisation",
        unique=True,
        postgresql_where=text("state = 'requested'"),
    ),
    info=READ_ADD_CHANGE,
)


class _Serial(TypedColumns):
    book_id: Named[int] = Column(Integer)
    series: Named[str] = Column(Text(collation="C"))
    """What is numbered: `proof/ORGANISATION/2026`, `certificate/2026`."""
    last: Named[int] = Column(Integer)


serials = Table("serials", metadata, _Serial, PrimaryKeyConstraint("book_id", "series"), info=READ_ADD_CHANGE)
"""Numbers without gaps of what is filed; a row is locked by who takes the next one."""


class _Board(TypedColumns):
    book_id: Named[int] = Column(Integer)
    board_id: Named[uuid.UUID] = Column(Uuid)
    kind: Named[str] = Column(Text(collation="C"))
    """`stars` and `hours` list people, `averages` organisations."""
    organisation: Named[str | None] = Column(Text(collation="C"))
    """Those who belong to it or below it; NULL: the whole book."""
    category: Named[str | None] = Column(Text)
    """Of the service, as in the records; NULL: all."""
    from_day: Named[datetime.date] = Column(Date)
    to_day: Named[datetime.date] = Column(Date)
    least_star: Named[int] = Column(SmallInteger)
    figures: Named[list[Any]] = Column(JSONB)
    """Of averages: `[organisation, minutes, registered, active]` each, first of all of the board's organisation."""
    published_by: Named[str] = Column(Text(collation="C"))
    published_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    withdrawn_by: Named[str | None] = Column(Text(collation="C"))
    withdrawn_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    """When it was withdrawn, or a newer one was published in its place."""


boards = Table(
    "boards",
    metadata,
    _Board,
    PrimaryKeyConstraint("book_id", "board_id"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("kind IN ('stars', 'hours', 'averages')", name="kind"),
    CheckConstraint("from_day <= to_day", name="days"),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn"),
    # A newer board takes the place of the older one; also where two are published at the same time.
    Index(
        "boards_live_key",
        "book_id",
        "kind",
        "organisation",
        "category",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=text("withdrawn_at IS NULL"),
    ),
    info=READ_ADD_CHANGE,
)


class _BoardRow(TypedColumns):
    book_id: Named[int] = Column(Integer)
    board_id: Named[uuid.UUID] = Column(Uuid)
    place: Named[int] = Column(Integer)
    """On the board, from 1; who has as much has the same rank, which is counted when it is shown."""
    holder: Named[str] = Column(Text(collation="C"))
    star: Named[int] = Column(SmallInteger)
    minutes: Named[int] = Column(BigInteger)


board_rows = Table(
    "board_rows",
    metadata,
    _BoardRow,
    PrimaryKeyConstraint("book_id", "board_id", "place"),
    ForeignKeyConstraint(["book_id", "board_id"], ["boards.book_id", "boards.board_id"]),
    UniqueConstraint("book_id", "board_id", "holder"),
    info=READ_AND_ADD,
)
"""Who stands on a board. Names are looked up when it is shown: consents are withdrawn at once."""


class _Target(TypedColumns):
    book_id: Named[int] = Column(Integer)
    target: Named[str] = Column(Text(collation="C"))
    """Its code."""
    name: Named[str] = Column(Text)
    kind: Named[str] = Column(Text(collation="C"))
    """`year_hours`: so many minutes a year; `weekly`: served in so many weeks of the year; `theme_days`: served on so
    many of its days."""
    whom: Named[str] = Column(Text(collation="C"))
    """`person` or `group`."""
    organisation: Named[str | None] = Column(Text(collation="C"))
    """Whose people or groups; NULL: all of the book."""
    category: Named[str | None] = Column(Text)
    amount: Named[int] = Column(Integer)
    theme_days: Named[list[str]] = Column(ARRAY(Text(collation="C")))
    """`03-05`, `12-05` …: month and day."""
    first_year: Named[int] = Column(SmallInteger)
    last_year: Named[int | None] = Column(SmallInteger)
    set_by: Named[str] = Column(Text(collation="C"))
    set_at: Named[datetime.datetime] = Column(DateTime(timezone=True))


targets = Table(
    "targets",
    metadata,
    _Target,
    PrimaryKeyConstraint("book_id", "target"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("kind IN ('year_hours', 'weekly', 'theme_days')", name="kind"),
    CheckConstraint("whom IN ('person', 'group')", name="whom"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("first_year <= last_year", name="years"),
    info=READ_ADD_CHANGE,
)


class _Honour(TypedColumns):
    book_id: Named[int] = Column(Integer)
    honour_id: Named[uuid.UUID] = Column(Uuid)
    year: Named[int] = Column(SmallInteger)
    name: Named[str] = Column(Text)
    """年度优秀志愿者"""
    holder: Named[str | None] = Column(Text(collation="C"))
    organisation: Named[str | None] = Column(Text(collation="C"))
    """One of the two: whose it is."""
    target: Named[str | None] = Column(Text(collation="C"))
    """Which was reached, if it is for that."""
    amount: Named[int | None] = Column(BigInteger)
    """And by how much."""
    proposed_by: Named[str] = Column(Text(collation="C"))
    proposed_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    decided_by: Named[str | None] = Column(Text(collation="C"))
    decided_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    given: Named[bool | None] = Column(Boolean)
    """NULL: waits for a second person."""
    ended_by: Named[str | None] = Column(Text(collation="C"))
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))


_LIVE_HONOUR: Final = text("given IS DISTINCT FROM false AND ended_at IS NULL")

honours = Table(
    "honours",
    metadata,
    _Honour,
    PrimaryKeyConstraint("book_id", "honour_id"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("(holder IS NULL) <> (organisation IS NULL)", name="whose"),
    CheckConstraint("(decided_at IS NULL) = (given IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (given IS NULL)", name="decided_by"),
    CheckConstraint("NOT given OR decided_by <> proposed_by", name="two_people"),
    CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
    Index("honours_holder_key", "book_id", "year", "name", "holder", unique=True, postgresql_where=_LIVE_HONOUR),
    Index(
        "honours_organisation_key",
        "book_id",
        "year",
        "name",
        "organisation",
        unique=True,
        postgresql_where=_LIVE_HONOUR,
    ),
    Index("honours_of_holder_idx", "book_id", "holder"),
    info=READ_ADD_CHANGE,
)
