"""Recognition: star ladders, assessments, awards, proofs of service, boards, targets, honours.

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-22 14:55:00

All new, so the version before goes on undisturbed. The limits of spending no longer say what a star needs: ladders do.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE policies SET body = body - 'star_minutes' WHERE body ? 'star_minutes'")
    op.create_table(
        "serials",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("series", sa.Text(collation="C"), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "series", name=op.f("serials_pkey")),
    )
    op.create_table(
        "assessments",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ladder", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.Text(collation="C"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(digest IS NULL) = (done_at IS NULL) AND (people IS NULL) = (done_at IS NULL)",
            name=op.f("assessments_done_check"),
        ),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("assessments_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "assessment_id", name=op.f("assessments_pkey")),
    )
    op.create_index("assessments_as_of_idx", "assessments", ["book_id", "as_of", "made_at"], unique=False)
    op.create_index(
        "assessments_running_key",
        "assessments",
        ["book_id", "as_of", "ladder"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "boards",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("board_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("least_star", sa.SmallInteger(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("published_by", sa.Text(collation="C"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_by", sa.Text(collation="C"), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('stars', 'hours', 'averages')", name=op.f("boards_kind_check")),
        sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name=op.f("boards_withdrawn_check")),
        sa.CheckConstraint("from_day <= to_day", name=op.f("boards_days_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("boards_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "board_id", name=op.f("boards_pkey")),
    )
    op.create_index(
        "boards_live_key",
        "boards",
        ["book_id", "kind", "organisation", "category"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "honours",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("honour_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=True),
        sa.Column("organisation", sa.Text(collation="C"), nullable=True),
        sa.Column("target", sa.Text(collation="C"), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("proposed_by", sa.Text(collation="C"), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given", sa.Boolean(), nullable=True),
        sa.Column("ended_by", sa.Text(collation="C"), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(decided_at IS NULL) = (given IS NULL)", name=op.f("honours_decided_check")),
        sa.CheckConstraint("(decided_by IS NULL) = (given IS NULL)", name=op.f("honours_decided_by_check")),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("honours_ended_check")),
        sa.CheckConstraint("(holder IS NULL) <> (organisation IS NULL)", name=op.f("honours_whose_check")),
        sa.CheckConstraint("NOT given OR decided_by <> proposed_by", name=op.f("honours_two_people_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("honours_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "honour_id", name=op.f("honours_pkey")),
    )
    op.create_index(
        "honours_holder_key",
        "honours",
        ["book_id", "year", "name", "holder"],
        unique=True,
        postgresql_where=sa.text("given IS DISTINCT FROM false AND ended_at IS NULL"),
    )
    op.create_index("honours_of_holder_idx", "honours", ["book_id", "holder"], unique=False)
    op.create_index(
        "honours_organisation_key",
        "honours",
        ["book_id", "year", "name", "organisation"],
        unique=True,
        postgresql_where=sa.text("given IS DISTINCT FROM false AND ended_at IS NULL"),
    )
    op.create_table(
        "ladders",
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
        sa.CheckConstraint("(decided_at IS NULL) = (approved IS NULL)", name=op.f("ladders_decided_check")),
        sa.CheckConstraint("(decided_by IS NULL) = (approved IS NULL)", name=op.f("ladders_decided_by_check")),
        sa.CheckConstraint("NOT approved OR decided_by <> drafted_by", name=op.f("ladders_two_people_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("ladders_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "version", name=op.f("ladders_pkey")),
    )
    op.create_table(
        "marks",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("mark_id", sa.Uuid(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("marked_on", sa.Date(), nullable=False),
        sa.Column("why", sa.Text(collation="C"), nullable=False),
        sa.Column("marked_by", sa.Text(collation="C"), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.Text(collation="C"), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("why IN ('forged_record', 'absence', 'misconduct', 'other')", name=op.f("marks_why_check")),
        sa.CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name=op.f("marks_lifted_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("marks_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "mark_id", name=op.f("marks_pkey")),
    )
    op.create_index("marks_holder_idx", "marks", ["book_id", "holder"], unique=False)
    op.create_index(
        "marks_stands_key",
        "marks",
        ["book_id", "holder", "marked_on", "why"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "targets",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("target", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("whom", sa.Text(collation="C"), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("theme_days", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("first_year", sa.SmallInteger(), nullable=False),
        sa.Column("last_year", sa.SmallInteger(), nullable=True),
        sa.Column("set_by", sa.Text(collation="C"), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('year_hours', 'weekly', 'theme_days')", name=op.f("targets_kind_check")),
        sa.CheckConstraint("whom IN ('person', 'group')", name=op.f("targets_whom_check")),
        sa.CheckConstraint("amount > 0", name=op.f("targets_amount_check")),
        sa.CheckConstraint("first_year <= last_year", name=op.f("targets_years_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("targets_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "target", name=op.f("targets_pkey")),
    )
    op.create_table(
        "assessed",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("credit_minutes", sa.BigInteger(), nullable=False),
        sa.Column("honour_minutes", sa.BigInteger(), nullable=False),
        sa.Column("year_minutes", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("registered_on", sa.Date(), nullable=False),
        sa.Column("marked_on", sa.Date(), nullable=True),
        sa.Column("held", sa.SmallInteger(), nullable=False),
        sa.Column("kept", sa.SmallInteger(), nullable=False),
        sa.Column("star", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "assessment_id"],
            ["assessments.book_id", "assessments.assessment_id"],
            name=op.f("assessed_book_id_assessment_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "assessment_id", "holder", name=op.f("assessed_pkey")),
    )
    op.create_index(
        "assessed_differs_idx",
        "assessed",
        ["book_id", "assessment_id", "star", "holder"],
        unique=False,
        postgresql_where=sa.text("star <> held"),
    )
    op.create_index("assessed_holder_idx", "assessed", ["book_id", "holder"], unique=False)
    op.create_table(
        "awards",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("award_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("star", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("certifier", sa.Text(collation="C"), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.Column("needed", sa.BigInteger(), nullable=False),
        sa.Column("honour", sa.Boolean(), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=True),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("proposed_by", sa.Text(collation="C"), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("notice_from", sa.Date(), nullable=False),
        sa.Column("notice_until", sa.Date(), nullable=False),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("awarded_on", sa.Date(), nullable=True),
        sa.Column("serial", sa.Text(collation="C"), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(collation="C"), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(awarded_on IS NULL) = (state NOT IN ('awarded', 'ended'))", name=op.f("awards_awarded_check")
        ),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (state IN ('in_notice', 'objected'))", name=op.f("awards_decided_check")
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (state <> 'ended')", name=op.f("awards_ended_check")),
        sa.CheckConstraint(
            "state IN ('in_notice', 'objected', 'awarded', 'refused', 'ended')", name=op.f("awards_state_check")
        ),
        sa.CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name=op.f("awards_decided_by_check")),
        sa.CheckConstraint("(serial IS NULL) = (awarded_on IS NULL)", name=op.f("awards_serial_check")),
        sa.CheckConstraint("decided_by <> proposed_by", name=op.f("awards_two_people_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "assessment_id"],
            ["assessments.book_id", "assessments.assessment_id"],
            name=op.f("awards_book_id_assessment_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "award_id", name=op.f("awards_pkey")),
    )
    op.create_index("awards_holder_idx", "awards", ["book_id", "holder"], unique=False)
    op.create_index(
        "awards_live_key",
        "awards",
        ["book_id", "holder", "star"],
        unique=True,
        postgresql_where=sa.text("state IN ('in_notice', 'objected', 'awarded')"),
    )
    op.create_index(
        "awards_open_idx",
        "awards",
        ["book_id", "notice_until"],
        unique=False,
        postgresql_where=sa.text("state IN ('in_notice', 'objected')"),
    )
    op.create_index("awards_serial_key", "awards", ["book_id", "serial"], unique=True)
    op.create_index(
        "awards_star_idx", "awards", ["book_id", "star"], unique=False, postgresql_where=sa.text("state = 'awarded'")
    )
    op.create_table(
        "board_rows",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("board_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("star", sa.SmallInteger(), nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "board_id"],
            ["boards.book_id", "boards.board_id"],
            name=op.f("board_rows_book_id_board_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "board_id", "place", name=op.f("board_rows_pkey")),
        sa.UniqueConstraint("book_id", "board_id", "holder", name=op.f("board_rows_book_id_board_id_holder_key")),
    )
    op.create_table(
        "proofs",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("proof_id", sa.Uuid(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=True),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("requested_by", sa.Text(collation="C"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(collation="C"), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("credit_minutes", sa.BigInteger(), nullable=True),
        sa.Column("honour_minutes", sa.BigInteger(), nullable=True),
        sa.Column("services", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("issuer", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("notice_until", sa.Date(), nullable=True),
        sa.Column("revoked_by", sa.Text(collation="C"), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (state IN ('requested', 'withdrawn'))", name=op.f("proofs_decided_check")
        ),
        sa.CheckConstraint("(revoked_at IS NULL) = (state <> 'revoked')", name=op.f("proofs_revoked_check")),
        sa.CheckConstraint("(serial IS NULL) = (state NOT IN ('issued', 'revoked'))", name=op.f("proofs_serial_check")),
        sa.CheckConstraint(
            "state IN ('requested', 'issued', 'refused', 'withdrawn', 'revoked')", name=op.f("proofs_state_check")
        ),
        sa.CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name=op.f("proofs_decided_by_check")),
        sa.CheckConstraint("(revoked_by IS NULL) = (revoked_at IS NULL)", name=op.f("proofs_revoked_by_check")),
        sa.CheckConstraint(
            "(serial IS NULL) = (services IS NULL) AND (serial IS NULL) = (issuer IS NULL)"
            " AND (serial IS NULL) = (issued_on IS NULL)"
            " AND (serial IS NULL) = (credit_minutes IS NULL)"
            " AND (serial IS NULL) = (honour_minutes IS NULL)"
            " AND (serial IS NULL) = (notice_until IS NULL)",
            name=op.f("proofs_issued_check"),
        ),
        sa.CheckConstraint("from_day <= to_day", name=op.f("proofs_days_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "organisation"],
            ["organisations.book_id", "organisations.code"],
            name=op.f("proofs_book_id_organisation_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "proof_id", name=op.f("proofs_pkey")),
    )
    op.create_index("proofs_holder_idx", "proofs", ["book_id", "holder", "requested_at"], unique=False)
    op.create_index(
        "proofs_notice_idx",
        "proofs",
        ["book_id", "organisation", "notice_until"],
        unique=False,
        postgresql_where=sa.text("state = 'issued'"),
    )
    op.create_index(
        "proofs_open_idx",
        "proofs",
        ["book_id", "organisation", "due_on"],
        unique=False,
        postgresql_where=sa.text("state = 'requested'"),
    )
    op.create_index(
        "proofs_requested_key",
        "proofs",
        ["book_id", "holder", "organisation"],
        unique=True,
        postgresql_where=sa.text("state = 'requested'"),
    )
    op.create_index("proofs_serial_key", "proofs", ["book_id", "serial"], unique=True)
    op.create_index(
        "records_corrected_idx",
        "records",
        ["book_id", "holder"],
        unique=False,
        postgresql_where=sa.text("state = 'corrected'"),
    )
    op.create_table(
        "award_objections",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("objection_id", sa.Uuid(), nullable=False),
        sa.Column("award_id", sa.Uuid(), nullable=False),
        sa.Column("raised_by", sa.Text(collation="C"), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.CheckConstraint("(decided_at IS NULL) = (upheld IS NULL)", name=op.f("award_objections_decided_check")),
        sa.CheckConstraint("(decided_by IS NULL) = (upheld IS NULL)", name=op.f("award_objections_decided_by_check")),
        sa.CheckConstraint("decided_by <> raised_by", name=op.f("award_objections_two_people_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "award_id"],
            ["awards.book_id", "awards.award_id"],
            name=op.f("award_objections_book_id_award_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "objection_id", name=op.f("award_objections_pkey")),
    )
    op.create_index("award_objections_award_idx", "award_objections", ["book_id", "award_id"], unique=False)
    op.create_index(
        "award_objections_open_key",
        "award_objections",
        ["book_id", "award_id"],
        unique=True,
        postgresql_where=sa.text("upheld IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "award_objections_open_key", table_name="award_objections", postgresql_where=sa.text("upheld IS NULL")
    )
    op.drop_index("award_objections_award_idx", table_name="award_objections")
    op.drop_table("award_objections")
    op.drop_index("records_corrected_idx", table_name="records", postgresql_where=sa.text("state = 'corrected'"))
    op.drop_index("proofs_serial_key", table_name="proofs")
    op.drop_index("proofs_requested_key", table_name="proofs", postgresql_where=sa.text("state = 'requested'"))
    op.drop_index("proofs_open_idx", table_name="proofs", postgresql_where=sa.text("state = 'requested'"))
    op.drop_index("proofs_notice_idx", table_name="proofs", postgresql_where=sa.text("state = 'issued'"))
    op.drop_index("proofs_holder_idx", table_name="proofs")
    op.drop_table("proofs")
    op.drop_table("board_rows")
    op.drop_index("awards_star_idx", table_name="awards", postgresql_where=sa.text("state = 'awarded'"))
    op.drop_index("awards_serial_key", table_name="awards")
    op.drop_index(
        "awards_open_idx", table_name="awards", postgresql_where=sa.text("state IN ('in_notice', 'objected')")
    )
    op.drop_index(
        "awards_live_key",
        table_name="awards",
        postgresql_where=sa.text("state IN ('in_notice', 'objected', 'awarded')"),
    )
    op.drop_index("awards_holder_idx", table_name="awards")
    op.drop_table("awards")
    op.drop_index("assessed_holder_idx", table_name="assessed")
    op.drop_index("assessed_differs_idx", table_name="assessed", postgresql_where=sa.text("star <> held"))
    op.drop_table("assessed")
    op.drop_table("targets")
    op.drop_index("marks_stands_key", table_name="marks", postgresql_where=sa.text("lifted_at IS NULL"))
    op.drop_index("marks_holder_idx", table_name="marks")
    op.drop_table("marks")
    op.drop_table("ladders")
    op.drop_index(
        "honours_organisation_key",
        table_name="honours",
        postgresql_where=sa.text("given IS DISTINCT FROM false AND ended_at IS NULL"),
    )
    op.drop_index("honours_of_holder_idx", table_name="honours")
    op.drop_index(
        "honours_holder_key",
        table_name="honours",
        postgresql_where=sa.text("given IS DISTINCT FROM false AND ended_at IS NULL"),
    )
    op.drop_table("honours")
    op.drop_index("boards_live_key", table_name="boards", postgresql_where=sa.text("withdrawn_at IS NULL"))
    op.drop_table("boards")
    op.drop_index("assessments_running_key", table_name="assessments", postgresql_where=sa.text("done_at IS NULL"))
    op.drop_index("assessments_as_of_idx", table_name="assessments")
    op.drop_table("assessments")
    op.drop_table("serials")
