"""From hours to points: members, activities, service records, rules, notice, budgets.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-22 08:01:39.811629

All new but for columns with defaults and an index, so the version before goes on undisturbed. `btree_gist` lets one
constraint say that nobody serves in two places at once; whoever owns the database may create it. The calendar is the
package's.
"""

import datetime

import sqlalchemy as sa
from alembic import op
from chinese_calendar import constants, is_workday
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


FIRST_YEAR = 2020


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public")
    op.create_table(
        "working_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("working_days_pkey")),
    )
    op.create_table(
        "budgets",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.Column("issued", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("granted >= 0", name=op.f("budgets_granted_check")),
        sa.CheckConstraint("issued <= granted", name=op.f("budgets_issued_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("budgets_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "year", "organisation", name=op.f("budgets_pkey")),
    )
    op.create_table(
        "imports",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("reviewed", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name=op.f("imports_undone_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("imports_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "import_id", name=op.f("imports_pkey")),
    )
    op.create_table(
        "qualifications",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("passed_on", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("recorded_by", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("valid_until >= passed_on", name=op.f("qualifications_valid_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("qualifications_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "holder", "name", "passed_on", name=op.f("qualifications_pkey")),
    )
    op.create_table(
        "rule_sets",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("drafted_by", sa.Text(collation="C"), nullable=False),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.CheckConstraint("(decided_at IS NULL) = (approved IS NULL)", name=op.f("rule_sets_decided_check")),
        sa.CheckConstraint("(decided_by IS NULL) = (approved IS NULL)", name=op.f("rule_sets_decided_by_check")),
        sa.CheckConstraint("NOT approved OR decided_by <> drafted_by", name=op.f("rule_sets_two_people_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("rule_sets_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "version", name=op.f("rule_sets_pkey")),
    )
    op.create_table(
        "activities",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("activity", sa.Text(collation="C"), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("least_age", sa.SmallInteger(), nullable=True),
        sa.Column("risky", sa.Boolean(), nullable=False),
        sa.Column("policy_no", sa.Text(), nullable=True),
        sa.Column("training", sa.Text(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("opened_by", sa.Text(collation="C"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("head_count", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(collation="C"), nullable=True),
        sa.Column("cancelled", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("activities_ended_check")),
        sa.CheckConstraint("capacity > 0", name=op.f("activities_capacity_check")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("activities_times_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "organisation"],
            ["organisations.book_id", "organisations.code"],
            name=op.f("activities_book_id_organisation_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "activity", name=op.f("activities_pkey")),
    )
    op.create_index(
        op.f("activities_book_id_organisation_starts_at_idx"),
        "activities",
        ["book_id", "organisation", "starts_at"],
        unique=False,
    )
    op.create_table(
        "members",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("joined_on", sa.Date(), nullable=False),
        sa.Column("role", sa.Text(collation="C"), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.CheckConstraint("role IN ('leader', 'deputy', 'member', 'liaison')", name=op.f("members_role_check")),
        sa.CheckConstraint("left_on >= joined_on", name=op.f("members_left_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "organisation"],
            ["organisations.book_id", "organisations.code"],
            name=op.f("members_book_id_organisation_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "organisation", "holder", "joined_on", name=op.f("members_pkey")),
    )
    op.create_index("members_holder_idx", "members", ["book_id", "holder"], unique=False)
    op.create_index(
        "members_live_key",
        "members",
        ["book_id", "organisation", "holder"],
        unique=True,
        postgresql_where=sa.text("left_on IS NULL"),
    )
    op.create_table(
        "records",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Text(collation="C"), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=False),
        sa.Column("activity", sa.Text(collation="C"), nullable=True),
        sa.Column("activity_name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(collation="C"), nullable=False),
        sa.Column("item", sa.Text(collation="C"), nullable=True),
        sa.Column("check_in", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_out", sa.DateTime(timezone=True), nullable=True),
        sa.Column("served_on", sa.Date(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("by_leader", sa.Boolean(), nullable=False),
        sa.Column("forgotten", sa.Boolean(), nullable=False),
        sa.Column("recorder", sa.Text(), nullable=False),
        sa.Column("second_person", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.Text(collation="C"), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.Column("replaces", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("review_by", sa.Text(collation="C"), nullable=False),
        sa.Column("call_back", sa.Text(collation="C"), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("reviewed_by", sa.Text(collation="C"), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("rule_set", sa.Integer(), nullable=True),
        sa.Column("points", sa.BigInteger(), nullable=True),
        sa.Column("bonus", sa.BigInteger(), nullable=True),
        sa.Column("inputs", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("notice_from", sa.Date(), nullable=True),
        sa.Column("notice_until", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(collation="C"), nullable=True),
        sa.Column("hours_transaction", sa.Uuid(), nullable=True),
        sa.Column("points_transaction", sa.Uuid(), nullable=True),
        sa.Column("release_transaction", sa.Uuid(), nullable=True),
        sa.Column("correction_transaction", sa.Uuid(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.text("hashtextextended(holder, 0)"), "="),
            (sa.column("book_id"), "="),
            (sa.text("tstzrange(check_in, check_out)"), "&&"),
            where=sa.text("check_in IS NOT NULL AND state NOT IN ('refused', 'corrected')"),
            using="gist",
            name="records_overlap",
        ),
        sa.CheckConstraint("call_back IN ('due', 'confirmed', 'denied')", name=op.f("records_call_back_check")),
        sa.CheckConstraint("class = 'act' OR check_in IS NOT NULL", name=op.f("records_service_check")),
        sa.CheckConstraint("class IN ('credit', 'honour', 'act')", name=op.f("records_class_check")),
        sa.CheckConstraint(
            "state IN ('submitted', 'reviewed', 'in_notice', 'objected', 'credited', 'refused', 'corrected')",
            name=op.f("records_state_check"),
        ),
        sa.CheckConstraint("(check_in IS NULL) = (check_out IS NULL)", name=op.f("records_pair_check")),
        sa.CheckConstraint("(points IS NULL) = (bonus IS NULL)", name=op.f("records_points_check")),
        sa.CheckConstraint("bonus BETWEEN 0 AND greatest(points, 0)", name=op.f("records_bonus_check")),
        sa.CheckConstraint("check_in < check_out", name=op.f("records_times_check")),
        sa.CheckConstraint("minutes >= 0", name=op.f("records_minutes_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "organisation"],
            ["organisations.book_id", "organisations.code"],
            name=op.f("records_book_id_organisation_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "record_id", name=op.f("records_pkey")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("records_holder_idx", "records", ["book_id", "holder", "served_on"], unique=False)
    op.create_index(
        "records_import_idx",
        "records",
        ["book_id", "import_id"],
        unique=False,
        postgresql_where=sa.text("import_id IS NOT NULL"),
    )
    op.create_index(
        "records_open_idx",
        "records",
        ["book_id", "state", "notice_until"],
        unique=False,
        postgresql_where=sa.text("state IN ('submitted', 'reviewed', 'in_notice', 'objected')"),
    )
    op.create_index("records_organisation_idx", "records", ["book_id", "organisation", "record_id"], unique=False)
    op.create_index("records_record_idx", "records", ["book_id", "record"], unique=False)
    op.create_index(
        "records_record_key",
        "records",
        ["book_id", "record"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('refused', 'corrected')"),
    )
    op.create_table(
        "attendances",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("activity", sa.Text(collation="C"), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("pair", sa.SmallInteger(), nullable=False),
        sa.Column("check_in", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_by", sa.Text(collation="C"), nullable=False),
        sa.Column("by_leader", sa.Boolean(), nullable=False),
        sa.Column("check_out", sa.DateTime(timezone=True), nullable=True),
        sa.Column("out_by", sa.Text(collation="C"), nullable=True),
        sa.Column("forgotten", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("struck_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("struck_by", sa.Text(collation="C"), nullable=True),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(check_out IS NULL) = (out_by IS NULL)", name=op.f("attendances_out_check")),
        sa.CheckConstraint("(struck_at IS NULL) = (struck_by IS NULL)", name=op.f("attendances_struck_check")),
        sa.CheckConstraint("check_in < check_out", name=op.f("attendances_times_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "activity"],
            ["activities.book_id", "activities.activity"],
            name=op.f("attendances_book_id_activity_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "activity", "holder", "pair", name=op.f("attendances_pkey")),
    )
    op.create_index("attendances_holder_idx", "attendances", ["book_id", "holder", "check_in"], unique=False)
    op.create_index(
        "attendances_open_key",
        "attendances",
        ["book_id", "holder"],
        unique=True,
        postgresql_where=sa.text("check_out IS NULL AND struck_at IS NULL"),
    )
    op.create_table(
        "objections",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("objection_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("raised_by", sa.Text(collation="C"), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.CheckConstraint("(decided_at IS NULL) = (upheld IS NULL)", name=op.f("objections_decided_check")),
        sa.CheckConstraint("(decided_by IS NULL) = (upheld IS NULL)", name=op.f("objections_decided_by_check")),
        sa.CheckConstraint("decided_by <> raised_by", name=op.f("objections_two_people_check")),
        sa.CheckConstraint("kind IN ('objection', 'correction')", name=op.f("objections_kind_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "record_id"],
            ["records.book_id", "records.record_id"],
            name=op.f("objections_book_id_record_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "objection_id", name=op.f("objections_pkey")),
    )
    op.create_index(
        "objections_open_key",
        "objections",
        ["book_id", "record_id"],
        unique=True,
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_index("objections_record_idx", "objections", ["book_id", "record_id"], unique=False)
    op.create_table(
        "guardians",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("volunteer_no", sa.Text(collation="C"), nullable=False),
        sa.Column("guardian_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("relation", sa.Text(collation="C"), nullable=False),
        sa.Column("recorded_by", sa.Text(collation="C"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "relation IN ('parent', 'grandparent', 'sibling', 'other')", name=op.f("guardians_relation_check")
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "volunteer_no"],
            ["volunteers.book_id", "volunteers.volunteer_no"],
            name=op.f("guardians_book_id_volunteer_no_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "volunteer_no", "guardian_id", name=op.f("guardians_pkey")),
    )
    op.create_index(
        "guardians_live_key",
        "guardians",
        ["book_id", "volunteer_no"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.add_column("organisations", sa.Column("level", sa.Text(collation="C"), server_default="team", nullable=False))
    op.add_column("organisations", sa.Column("status", sa.Text(collation="C"), server_default="active", nullable=False))
    op.create_check_constraint(
        op.f("organisations_status_check"), "organisations", "status IN ('active', 'suspended', 'exited')"
    )
    op.add_column("volunteers", sa.Column("left_on", sa.Date(), nullable=True))
    op.create_index(
        "lots_lapsing_idx",
        "lots",
        ["book_id", "lapses_on", "account_id"],
        postgresql_where=sa.text("remaining > 0 AND lapses_on IS NOT NULL"),
    )
    op.bulk_insert(
        sa.table("working_days", sa.column("day"), sa.column("working"), sa.column("name")),
        [{"day": day, "working": is_workday(day), "name": _name(day)} for day in _days()],
    )


def _days() -> list[datetime.date]:
    """Every day of the years that the package knows whole."""
    last = max(constants.holidays).year
    first = datetime.date(FIRST_YEAR, 1, 1)
    return [first + datetime.timedelta(days=n) for n in range((datetime.date(last, 12, 31) - first).days + 1)]


def _name(day: datetime.date) -> str:
    """What a day of the calendar is called that is not as its weekday: the holiday, or that which is worked off."""
    return str(constants.holidays.get(day) or constants.workdays.get(day) or "")


def downgrade() -> None:
    op.drop_index(
        "lots_lapsing_idx",
        table_name="lots",
        postgresql_where=sa.text("remaining > 0 AND lapses_on IS NOT NULL"),
    )
    op.drop_column("volunteers", "left_on")
    op.drop_constraint(op.f("organisations_status_check"), "organisations", type_="check")
    op.drop_column("organisations", "status")
    op.drop_column("organisations", "level")
    op.drop_table("guardians")
    op.drop_index("objections_record_idx", table_name="objections")
    op.drop_index("objections_open_key", table_name="objections", postgresql_where=sa.text("decided_at IS NULL"))
    op.drop_table("objections")
    op.drop_index(
        "attendances_open_key",
        table_name="attendances",
        postgresql_where=sa.text("check_out IS NULL AND struck_at IS NULL"),
    )
    op.drop_index("attendances_holder_idx", table_name="attendances")
    op.drop_table("attendances")
    op.drop_index(
        "records_record_key", table_name="records", postgresql_where=sa.text("state NOT IN ('refused', 'corrected')")
    )
    op.drop_index("records_record_idx", table_name="records")
    op.drop_index("records_organisation_idx", table_name="records")
    op.drop_index(
        "records_open_idx",
        table_name="records",
        postgresql_where=sa.text("state IN ('submitted', 'reviewed', 'in_notice', 'objected')"),
    )
    op.drop_index("records_import_idx", table_name="records", postgresql_where=sa.text("import_id IS NOT NULL"))
    op.drop_index("records_holder_idx", table_name="records")
    op.drop_table("records")
    op.drop_index("members_live_key", table_name="members", postgresql_where=sa.text("left_on IS NULL"))
    op.drop_index("members_holder_idx", table_name="members")
    op.drop_table("members")
    op.drop_index(op.f("activities_book_id_organisation_starts_at_idx"), table_name="activities")
    op.drop_table("activities")
    op.drop_table("rule_sets")
    op.drop_table("qualifications")
    op.drop_table("imports")
    op.drop_table("budgets")
    op.drop_table("working_days")
    op.execute("DROP EXTENSION IF EXISTS btree_gist")
