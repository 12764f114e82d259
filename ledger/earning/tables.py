"""The tables of earning."""

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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, ExcludeConstraint

from ledger.books.versions import Versioned
from ledger.database.metadata import READ_ADD_CHANGE, READ_ADD_CHANGE_REMOVE, metadata


class _Volunteer(TypedColumns):
    book_id: Named[int] = Column(Integer)
    volunteer_no: Named[str] = Column(Text(collation="C"))
    holder: Named[str] = Column(Text(collation="C"))
    """The random number under which the books know this person. This link is destroyed by an erasure, and with it the
    copy that stands beside her personal data."""
    registered_at: Named[datetime.datetime] = Column(DateTime(timezone=True), server_default=func.clock_timestamp())
    organisation: Named[str | None] = Column(Text(collation="C"))
    """To which one she belongs: the one that registered her, or where she has moved; None: the book's own staff."""
    left_on: Named[datetime.date | None] = Column(Date)
    """Since when she is no longer a volunteer: nothing is recorded for her, and what she has stays hers."""


volunteers = Table(
    "volunteers",
    metadata,
    _Volunteer,
    PrimaryKeyConstraint("book_id", "volunteer_no"),
    UniqueConstraint("book_id", "holder"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    ForeignKeyConstraint(["book_id", "organisation"], ["organisations.book_id", "organisations.code"]),
    info=READ_ADD_CHANGE_REMOVE,
)


class _Organisation(TypedColumns):
    book_id: Named[int] = Column(Integer)
    code: Named[str] = Column(Text(collation="C"))
    name: Named[str] = Column(Text)
    parent: Named[str | None] = Column(Text(collation="C"))
    line: Named[list[str]] = Column(ARRAY(Text(collation="C")))
    """Its code, its parent's, and so on to the top."""
    level: Named[str] = Column(Text(collation="C"), server_default="team")
    """What it is called: district, subdistrict, community, team, department or whatever else a district has."""
    status: Named[str] = Column(Text(collation="C"), server_default="active")
    """`suspended` and `exited` organisations may read, and record nothing."""


organisations = Table(
    "organisations",
    metadata,
    _Organisation,
    PrimaryKeyConstraint("book_id", "code"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    ForeignKeyConstraint(["book_id", "parent"], ["organisations.book_id", "organisations.code"]),
    CheckConstraint("status IN ('active', 'suspended', 'exited')", name="status"),
    info=READ_ADD_CHANGE,
)


class _Member(TypedColumns):
    book_id: Named[int] = Column(Integer)
    organisation: Named[str] = Column(Text(collation="C"))
    holder: Named[str] = Column(Text(collation="C"))
    joined_on: Named[datetime.date] = Column(Date)
    role: Named[str] = Column(Text(collation="C"))
    left_on: Named[datetime.date | None] = Column(Date)
    """The first day on which it is no longer so; NULL: it is so."""


members = Table(
    "members",
    metadata,
    _Member,
    PrimaryKeyConstraint("book_id", "organisation", "holder", "joined_on"),
    ForeignKeyConstraint(["book_id", "organisation"], ["organisations.book_id", "organisations.code"]),
    CheckConstraint("role IN ('leader', 'deputy', 'member', 'liaison')", name="role"),
    CheckConstraint("left_on >= joined_on", name="left"),
    Index(
        "members_live_key",
        "book_id",
        "organisation",
        "holder",
        unique=True,
        postgresql_where=text("left_on IS NULL"),
    ),
    Index("members_holder_idx", "book_id", "holder"),
    info=READ_ADD_CHANGE,
)


class _Qualification(TypedColumns):
    book_id: Named[int] = Column(Integer)
    holder: Named[str] = Column(Text(collation="C"))
    name: Named[str] = Column(Text)
    """What activities and coefficients ask for by this name: `急救培训`, `执业医师`."""
    passed_on: Named[datetime.date] = Column(Date)
    valid_until: Named[datetime.date | None] = Column(Date)
    """The last day on which it holds; NULL: for ever."""
    recorded_by: Named[str] = Column(Text(collation="C"))


qualifications = Table(
    "qualifications",
    metadata,
    _Qualification,
    PrimaryKeyConstraint("book_id", "holder", "name", "passed_on"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("valid_until >= passed_on", name="valid"),
    info=READ_ADD_CHANGE,
)


rule_sets = Table(
    "rule_sets",
    metadata,
    Versioned,
    PrimaryKeyConstraint("book_id", "version"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("(decided_at IS NULL) = (approved IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (approved IS NULL)", name="decided_by"),
    CheckConstraint("NOT approved OR decided_by <> drafted_by", name="two_people"),
    info=READ_ADD_CHANGE,
)


class _WorkingDay(TypedColumns):
    day: Named[datetime.date] = Column(Date, primary_key=True)
    working: Named[bool] = Column(Boolean)
    name: Named[str] = Column(Text, server_default="")
    """Of the holiday."""


working_days = Table("working_days", metadata, _WorkingDay, info=READ_ADD_CHANGE)
"""Every day of the years whose calendar is known. Other years count Monday to Friday."""


class _Activity(TypedColumns):
    book_id: Named[int] = Column(Integer)
    activity: Named[str] = Column(Text(collation="C"))
    """Its code."""
    organisation: Named[str] = Column(Text(collation="C"))
    name: Named[str] = Column(Text)
    category: Named[str] = Column(Text)
    place: Named[str] = Column(Text)
    starts_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    ends_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    capacity: Named[int | None] = Column(Integer)
    """How many people may be signed in; NULL: any number."""
    least_age: Named[int | None] = Column(SmallInteger)
    """In years; NULL: as the rules say."""
    risky: Named[bool] = Column(Boolean)
    """With bodily risk: nobody is signed in without an insurance policy."""
    policy_no: Named[str | None] = Column(Text)
    training: Named[str | None] = Column(Text)
    """The qualification that everybody must have."""
    secret: Named[bytes] = Column(LargeBinary)
    """Its codes are derived from it."""
    opened_by: Named[str] = Column(Text(collation="C"))
    opened_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    head_count: Named[int | None] = Column(Integer)
    """As the leader counted when it was closed."""
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    ended_by: Named[str | None] = Column(Text(collation="C"))
    cancelled: Named[bool] = Column(Boolean, server_default="false")


activities = Table(
    "activities",
    metadata,
    _Activity,
    PrimaryKeyConstraint("book_id", "activity"),
    ForeignKeyConstraint(["book_id", "organisation"], ["organisations.book_id", "organisations.code"]),
    CheckConstraint("starts_at < ends_at", name="times"),
    CheckConstraint("capacity > 0", name="capacity"),
    CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
    Index(None, "book_id", "organisation", "starts_at"),
    info=READ_ADD_CHANGE,
)


class _Attendance(TypedColumns):
    book_id: Named[int] = Column(Integer)
    activity: Named[str] = Column(Text(collation="C"))
    holder: Named[str] = Column(Text(collation="C"))
    pair: Named[int] = Column(SmallInteger)
    """The first, second or third sign-in of this person to this activity."""
    check_in: Named[datetime.datetime] = Column(DateTime(timezone=True))
    in_by: Named[str] = Column(Text(collation="C"))
    """Who did it: `user:ID`."""
    by_leader: Named[bool] = Column(Boolean)
    """The leader signed her in, since she has no phone."""
    check_out: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    out_by: Named[str | None] = Column(Text(collation="C"))
    forgotten: Named[bool] = Column(Boolean, server_default="false")
    """She did not sign out: it ended with the activity."""
    struck_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    struck_by: Named[str | None] = Column(Text(collation="C"))
    record_id: Named[uuid.UUID | None] = Column(Uuid)
    """The service record that it became when the activity was closed."""


attendances = Table(
    "attendances",
    metadata,
    _Attendance,
    PrimaryKeyConstraint("book_id", "activity", "holder", "pair"),
    ForeignKeyConstraint(["book_id", "activity"], ["activities.book_id", "activities.activity"]),
    CheckConstraint("check_in < check_out", name="times"),
    CheckConstraint("(check_out IS NULL) = (out_by IS NULL)", name="out"),
    CheckConstraint("(struck_at IS NULL) = (struck_by IS NULL)", name="struck"),
    # One person is in one place at a time, whatever organisations call her.
    Index(
        "attendances_open_key",
        "book_id",
        "holder",
        unique=True,
        postgresql_where=text("check_out IS NULL AND struck_at IS NULL"),
    ),
    Index("attendances_holder_idx", "book_id", "holder", "check_in"),
    info=READ_ADD_CHANGE,
)


class _Import(TypedColumns):
    book_id: Named[int] = Column(Integer)
    import_id: Named[uuid.UUID] = Column(Uuid)
    name: Named[str] = Column(Text)
    """Of the file."""
    as_of: Named[datetime.date] = Column(Date)
    reviewed: Named[bool] = Column(Boolean)
    actor: Named[str] = Column(Text(collation="C"))
    started_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    undone_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    undone_by: Named[str | None] = Column(Text(collation="C"))


imports = Table(
    "imports",
    metadata,
    _Import,
    PrimaryKeyConstraint("book_id", "import_id"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone"),
    info=READ_ADD_CHANGE,
)


class _Record(TypedColumns):
    book_id: Named[int] = Column(Integer)
    record_id: Named[uuid.UUID] = Column(Uuid)
    record: Named[str] = Column(Text(collation="C"))
    """Its number, as people and other platforms know it."""
    holder: Named[str] = Column(Text(collation="C"))
    organisation: Named[str] = Column(Text(collation="C"))
    """Who organised it and therefore records it (MCA Order 67)."""
    activity: Named[str | None] = Column(Text(collation="C"))
    activity_name: Named[str] = Column(Text)
    category: Named[str] = Column(Text)
    record_class: Named[str] = Column("class", Text(collation="C"))
    """`credit`: signed in and out on the spot; `honour`: entered afterwards; `act`: an item of the rules, without
    hours, or with those of a training."""
    item: Named[str | None] = Column(Text(collation="C"))
    """Which item of the rules: of an act from the start, else as the rules decided."""
    check_in: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    check_out: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    served_on: Named[datetime.date] = Column(Date)
    """The day of the sign-out in Asia/Shanghai, or of the act."""
    minutes: Named[int] = Column(Integer)
    by_leader: Named[bool] = Column(Boolean)
    forgotten: Named[bool] = Column(Boolean)
    recorder: Named[str] = Column(Text)
    second_person: Named[str | None] = Column(Text)
    """Who confirmed what was entered afterwards, as the sheet or the form says."""
    evidence: Named[str | None] = Column(Text)
    submitted_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    submitted_by: Named[str] = Column(Text(collation="C"))
    import_id: Named[uuid.UUID | None] = Column(Uuid)
    replaces: Named[uuid.UUID | None] = Column(Uuid)
    """The record that it corrects."""
    state: Named[str] = Column(Text(collation="C"))
    review_by: Named[str] = Column(Text(collation="C"))
    """The organisation of whom one must review it: its own, or one above."""
    call_back: Named[str | None] = Column(Text(collation="C"))
    """`due`: the person served is asked before the review; then `confirmed` or `denied`."""
    due_on: Named[datetime.date | None] = Column(Date)
    """Until when whose turn it is shall act."""
    reviewed_by: Named[str | None] = Column(Text(collation="C"))
    reviewed_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    reason: Named[str | None] = Column(Text)
    """Why it was refused or corrected."""
    rule_set: Named[int | None] = Column(Integer)
    points: Named[int | None] = Column(BigInteger)
    """What it earns, below zero for a minus item; NULL until the rules have decided."""
    bonus: Named[int | None] = Column(BigInteger)
    """How much of the points comes from coefficients."""
    inputs: Named[dict[str, Any] | None] = Column(JSONB(none_as_null=True))
    """From what the points were computed (`rules.Award`)."""
    notice_from: Named[datetime.date | None] = Column(Date)
    notice_until: Named[datetime.date | None] = Column(Date)
    """The last day of public notice."""
    ended_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    ended_by: Named[str | None] = Column(Text(collation="C"))
    """Of what was credited, refused or corrected."""
    hours_transaction: Named[uuid.UUID | None] = Column(Uuid)
    points_transaction: Named[uuid.UUID | None] = Column(Uuid)
    release_transaction: Named[uuid.UUID | None] = Column(Uuid)
    correction_transaction: Named[uuid.UUID | None] = Column(Uuid)


_STANDS: Final = "state NOT IN ('refused', 'corrected')"

records = Table(
    "records",
    metadata,
    _Record,
    PrimaryKeyConstraint("book_id", "record_id"),
    ForeignKeyConstraint(["book_id", "organisation"], ["organisations.book_id", "organisations.code"]),
    CheckConstraint("class IN ('credit', 'honour', 'act')", name="class"),
    CheckConstraint(
        "state IN ('submitted', 'reviewed', 'in_notice', 'objected', 'credited', 'refused', 'corrected')", name="state"
    ),
    CheckConstraint("class = 'act' OR check_in IS NOT NULL", name="service"),
    CheckConstraint("(check_in IS NULL) = (check_out IS NULL)", name="pair"),
    CheckConstraint("check_in < check_out", name="times"),
    CheckConstraint("minutes >= 0", name="minutes"),
    CheckConstraint("call_back IN ('due', 'confirmed', 'denied')", name="call_back"),
    CheckConstraint("bonus BETWEEN 0 AND greatest(points, 0)", name="bonus"),
    CheckConstraint("(points IS NULL) = (bonus IS NULL)", name="points"),
    # One person serves in one place at a time, whatever organisations say. Her number as an integer, and first: every
    # change of a record moves its entry in this index, and by text it takes as long as all the rest of the change.
    ExcludeConstraint(
        (text("hashtextextended(holder, 0)"), "="),
        ("book_id", "="),
        (text("tstzrange(check_in, check_out)"), "&&"),
        name="records_overlap",
        where=text(f"check_in IS NOT NULL AND {_STANDS}"),
        using="gist",
    ),
    Index("records_record_key", "book_id", "record", unique=True, postgresql_where=text(_STANDS)),
    Index("records_record_idx", "book_id", "record"),
    Index("records_holder_idx", "book_id", "holder", "served_on"),
    Index(
        "records_open_idx",
        "book_id",
        "state",
        "notice_until",
        postgresql_where=text("state IN ('submitted', 'reviewed', 'in_notice', 'objected')"),
    ),
    Index("records_organisation_idx", "book_id", "organisation", "record_id"),
    # A few of many: which proofs of service say something that was corrected since.
    Index("records_corrected_idx", "book_id", "holder", postgresql_where=text("state = 'corrected'")),
    Index("records_import_idx", "book_id", "import_id", postgresql_where=text("import_id IS NOT NULL")),
    postgresql_with={"fillfactor": "80"},
    info=READ_ADD_CHANGE,
)


class _Objection(TypedColumns):
    book_id: Named[int] = Column(Integer)
    objection_id: Named[uuid.UUID] = Column(Uuid)
    record_id: Named[uuid.UUID] = Column(Uuid)
    kind: Named[str] = Column(Text(collation="C"))
    """`objection` to what is in notice, or `correction` of what has been credited."""
    raised_by: Named[str] = Column(Text(collation="C"))
    holder: Named[str | None] = Column(Text(collation="C"))
    """Of who raised it, if she is a volunteer."""
    raised_at: Named[datetime.datetime] = Column(DateTime(timezone=True))
    reason: Named[str] = Column(Text)
    due_on: Named[datetime.date] = Column(Date)
    """Until when it shall be decided."""
    decided_by: Named[str | None] = Column(Text(collation="C"))
    decided_at: Named[datetime.datetime | None] = Column(DateTime(timezone=True))
    upheld: Named[bool | None] = Column(Boolean)
    decision: Named[str | None] = Column(Text)
    """Why it was decided so."""


objections = Table(
    "objections",
    metadata,
    _Objection,
    PrimaryKeyConstraint("book_id", "objection_id"),
    ForeignKeyConstraint(["book_id", "record_id"], ["records.book_id", "records.record_id"]),
    CheckConstraint("(decided_at IS NULL) = (upheld IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (upheld IS NULL)", name="decided_by"),
    CheckConstraint("decided_by <> raised_by", name="two_people"),
    CheckConstraint("kind IN ('objection', 'correction')", name="kind"),
    Index("objections_open_key", "book_id", "record_id", unique=True, postgresql_where=text("decided_at IS NULL")),
    Index("objections_record_idx", "book_id", "record_id"),
    info=READ_ADD_CHANGE,
)


class _Budget(TypedColumns):
    book_id: Named[int] = Column(Integer)
    year: Named[int] = Column(SmallInteger)
    organisation: Named[str] = Column(Text(collation="C"))
    """Empty: the whole book."""
    granted: Named[int] = Column(BigInteger)
    issued: Named[int] = Column(BigInteger, server_default="0")
    """Points, net of what was taken back; of the organisation and those below it."""


budgets = Table(
    "budgets",
    metadata,
    _Budget,
    PrimaryKeyConstraint("book_id", "year", "organisation"),
    ForeignKeyConstraint(["book_id"], ["books.book_id"]),
    CheckConstraint("issued <= granted", name="issued"),
    CheckConstraint("granted >= 0", name="granted"),
    info=READ_ADD_CHANGE,
)
