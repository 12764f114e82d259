"""Personal data: persons, cards, consents, and the log of who saw them.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-22 04:55:00

All new, so the version before goes on undisturbed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# ENABLE ALWAYS: it also fires where session_replication_role is set to replica.
TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.access_log
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.access_log ENABLE ALWAYS TRIGGER append_only
"""


def upgrade() -> None:
    op.create_table(
        "persons",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("volunteer_no", sa.Text(collation="C"), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("id_number", sa.LargeBinary(), nullable=True),
        sa.Column("id_number_index", sa.LargeBinary(), nullable=True),
        sa.Column("born", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(phone IS NULL) = (phone_index IS NULL)", name=op.f("persons_phone_check")),
        sa.CheckConstraint("(id_number IS NULL) = (id_number_index IS NULL)", name=op.f("persons_id_number_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "volunteer_no"],
            ["volunteers.book_id", "volunteers.volunteer_no"],
            name=op.f("persons_book_id_volunteer_no_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "volunteer_no", name=op.f("persons_pkey")),
        sa.UniqueConstraint("book_id", "holder", name=op.f("persons_book_id_holder_key")),
        sa.UniqueConstraint("book_id", "id_number_index", name=op.f("persons_book_id_id_number_index_key")),
    )
    op.create_index(op.f("persons_book_id_phone_index_idx"), "persons", ["book_id", "phone_index"])
    op.create_table(
        "cards",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("volunteer_no", sa.Text(collation="C"), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("digits", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["book_id", "volunteer_no"],
            ["volunteers.book_id", "volunteers.volunteer_no"],
            name=op.f("cards_book_id_volunteer_no_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "volunteer_no", "card_id", name=op.f("cards_pkey")),
        sa.UniqueConstraint("book_id", "digest", name=op.f("cards_book_id_digest_key")),
    )
    op.create_index(
        "cards_live_key",
        "cards",
        ["book_id", "volunteer_no"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "consents",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("purpose", sa.Text(collation="C"), nullable=False),
        sa.Column("text_version", sa.Text(collation="C"), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_by", sa.Text(collation="C"), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name=op.f("consents_withdrawn_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("consents_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "holder", "purpose", "text_version", "given_at", name=op.f("consents_pkey")),
    )
    op.create_index(
        "consents_live_key",
        "consents",
        ["book_id", "holder", "purpose", "text_version"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "access_log",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("access_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("action", sa.Text(collation="C"), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("fields", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("minor", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("access_log_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "access_id", name=op.f("access_log_pkey")),
    )
    op.create_index(op.f("access_log_book_id_holder_access_id_idx"), "access_log", ["book_id", "holder", "access_id"])
    op.execute(TRIGGER)


def downgrade() -> None:
    for table in ("access_log", "consents", "cards", "persons"):
        op.drop_table(table)
