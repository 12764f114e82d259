"""Who may enter: roles, devices, tokens, attempts, renewals; organisations; postings that need two people.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-22 04:46:10.297392

A migration must not break the version of the service that is still running while it is applied. (The version before
this one cannot sign anybody in afterwards; who is signed in goes on. Stop it first.)
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("attempts_pkey")),
    )
    op.create_table(
        "devices",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "ended_why IN ('signed_out', 'ended', 'password_changed', 'role_ended', 'token_reused')",
            name=op.f("devices_why_check"),
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_why IS NULL)", name=op.f("devices_ended_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("devices_book_id_fkey")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("devices_user_id_fkey")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("devices_pkey")),
        sa.UniqueConstraint("secret", name=op.f("devices_secret_key")),
    )
    op.create_index(op.f("devices_user_id_idx"), "devices", ["user_id"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reverses", sa.Uuid(), nullable=True),
        sa.Column("proposed_by", sa.Text(collation="C"), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(decided_at IS NULL) = (decided_by IS NULL)", name=op.f("drafts_decided_check")),
        sa.CheckConstraint(
            "decided_at IS NOT NULL OR (transaction_id IS NULL AND reason IS NULL)", name=op.f("drafts_outcome_check")
        ),
        sa.CheckConstraint("transaction_id IS NULL OR decided_by <> proposed_by", name=op.f("drafts_two_people_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("drafts_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "draft_id", name=op.f("drafts_pkey")),
        sa.UniqueConstraint("book_id", "client", "key", name=op.f("drafts_book_id_client_key_key")),
    )
    op.create_index(
        "drafts_open_idx",
        "drafts",
        ["book_id", "proposed_at"],
        unique=False,
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_table(
        "organisations",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(collation="C"), nullable=True),
        sa.Column("line", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "parent"],
            ["organisations.book_id", "organisations.code"],
            name=op.f("organisations_book_id_parent_fkey"),
        ),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("organisations_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "code", name=op.f("organisations_pkey")),
    )
    op.create_table(
        "renewals",
        sa.Column("renewal_id", sa.Uuid(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("volunteer_no", sa.Text(collation="C"), nullable=False),
        sa.Column("asked_by", sa.Text(collation="C"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (confirmed IS NULL)",
            name=op.f("renewals_decided_check"),
        ),
        sa.CheckConstraint("decided_by <> asked_by OR NOT confirmed", name=op.f("renewals_two_people_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("renewals_book_id_fkey")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("renewals_user_id_fkey")),
        sa.PrimaryKeyConstraint("renewal_id", name=op.f("renewals_pkey")),
    )
    op.create_index(op.f("renewals_book_id_idx"), "renewals", ["book_id"], unique=False)
    op.create_index(
        "renewals_open_key", "renewals", ["user_id"], unique=True, postgresql_where=sa.text("decided_at IS NULL")
    )
    op.create_index(op.f("renewals_user_id_idx"), "renewals", ["user_id"], unique=False)
    op.create_table(
        "roles",
        sa.Column("role_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=True),
        sa.Column("volunteer_no", sa.Text(collation="C"), nullable=True),
        sa.Column("outlet", sa.Text(collation="C"), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("given_by", sa.Text(collation="C"), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("ended_by", sa.Text(collation="C"), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(role = 'merchant') = (outlet IS NOT NULL)", name=op.f("roles_outlet_check")),
        sa.CheckConstraint("(role = 'volunteer') = (volunteer_no IS NOT NULL)", name=op.f("roles_volunteer_check")),
        sa.CheckConstraint("role <> 'auditor' OR until IS NOT NULL", name=op.f("roles_until_check")),
        sa.CheckConstraint(
            "role IN ('volunteer', 'merchant', 'recorder', 'reviewer', 'operator', 'auditor', 'owner')",
            name=op.f("roles_role_check"),
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("roles_ended_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("roles_book_id_fkey")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("roles_user_id_fkey")),
        sa.PrimaryKeyConstraint("role_id", name=op.f("roles_pkey")),
    )
    op.create_index(op.f("roles_user_id_idx"), "roles", ["user_id"], unique=False)
    op.create_index(
        "roles_volunteer_key",
        "roles",
        ["volunteer_no", "book_id"],
        unique=True,
        postgresql_where=sa.text("role = 'volunteer' AND ended_at IS NULL"),
    )
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("prefixes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=True),
        sa.Column("made_by", sa.Text(collation="C"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("(kind = 'till') = (outlet IS NOT NULL)", name=op.f("tokens_outlet_check")),
        sa.CheckConstraint("kind IN ('machine', 'till')", name=op.f("tokens_kind_check")),
        sa.CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name=op.f("tokens_revoked_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("tokens_book_id_fkey")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("tokens_pkey")),
        sa.UniqueConstraint("digest", name=op.f("tokens_digest_key")),
    )
    op.create_index(op.f("tokens_book_id_idx"), "tokens", ["book_id"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("refresh_tokens_device_id_fkey")),
        sa.PrimaryKeyConstraint("digest", name=op.f("refresh_tokens_pkey")),
    )
    op.create_index(op.f("refresh_tokens_device_id_idx"), "refresh_tokens", ["device_id"], unique=False)
    op.add_column("users", sa.Column("pin_hash", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("must_change", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.alter_column("users", "login", existing_type=sa.TEXT(collation="C"), nullable=True)
    op.alter_column("users", "password_hash", existing_type=sa.TEXT(), nullable=True)
    # Who ran a book alone goes on doing so: three roles in one hand.
    op.execute(
        "INSERT INTO public.roles (user_id, book_id, role, volunteer_no, given_by)"
        " SELECT u.user_id, u.book_id, r.role, u.volunteer_no, 'room:migration' FROM public.users u"
        " JOIN (VALUES ('operator', 'owner'), ('operator', 'operator'), ('operator', 'reviewer'),"
        " ('volunteer', 'volunteer')) AS r (before, role) ON r.before = u.role"
        # Two logins could be of one volunteer; a number is one user's now, the first one's.
        " WHERE u.role <> 'volunteer' OR NOT EXISTS (SELECT FROM public.users earlier WHERE earlier.role = 'volunteer'"
        " AND earlier.book_id = u.book_id AND earlier.volunteer_no = u.volunteer_no AND earlier.user_id < u.user_id)"
    )
    # Logins are stored in small letters now; one that is another's then stays as it is, and is no longer found.
    op.execute(
        "UPDATE public.users u SET login = lower(u.login) WHERE u.login <> lower(u.login)"
        " AND NOT EXISTS (SELECT FROM public.users other WHERE lower(other.login) = lower(u.login)"
        " AND other.user_id <> u.user_id)"
    )
    op.drop_constraint(op.f("users_book_id_fkey"), "users", type_="foreignkey")
    op.drop_constraint(op.f("users_role_check"), "users", type_="check")
    op.drop_constraint(op.f("users_volunteer_check"), "users", type_="check")
    op.drop_column("users", "book_id")
    op.drop_column("users", "volunteer_no")
    op.drop_column("users", "role")
    op.add_column("volunteers", sa.Column("organisation", sa.Text(collation="C"), nullable=True))
    op.create_foreign_key(
        op.f("volunteers_book_id_organisation_fkey"),
        "volunteers",
        "organisations",
        ["book_id", "organisation"],
        ["book_id", "code"],
    )


def downgrade() -> None:
    op.drop_constraint(op.f("volunteers_book_id_organisation_fkey"), "volunteers", type_="foreignkey")
    op.drop_column("volunteers", "organisation")
    # One book and one role a user, and nobody without a login and a password. The table is made anew.
    op.execute(
        "CREATE TEMPORARY TABLE kept ON COMMIT DROP AS"
        " SELECT DISTINCT ON (u.user_id) u.user_id, u.login, u.password_hash, r.book_id, r.role, r.volunteer_no,"
        " u.created_at FROM public.users u JOIN public.roles r USING (user_id)"
        " WHERE u.login IS NOT NULL AND u.password_hash IS NOT NULL AND r.ended_at IS NULL"
        " AND r.role IN ('operator', 'volunteer') ORDER BY u.user_id, r.role_id"
    )
    for table in (
        *("refresh_tokens", "devices", "renewals", "roles", "tokens", "attempts", "users"),
        *("drafts", "organisations"),
    ):
        op.drop_table(table)
    op.create_table(
        "users",
        sa.Column("user_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("login", sa.Text(collation="C"), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("volunteer_no", sa.Text(collation="C"), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("role IN ('operator', 'volunteer')", name=op.f("users_role_check")),
        sa.CheckConstraint("(role = 'volunteer') = (volunteer_no IS NOT NULL)", name=op.f("users_volunteer_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("users_book_id_fkey")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("users_pkey")),
        sa.UniqueConstraint("login", name=op.f("users_login_key")),
    )
    op.execute("INSERT INTO public.users OVERRIDING SYSTEM VALUE SELECT * FROM kept")
    op.execute(
        "SELECT setval(pg_get_serial_sequence('public.users', 'user_id'), greatest(1, (SELECT max(user_id) FROM"
        " public.users)), EXISTS (SELECT FROM public.users))"
    )
