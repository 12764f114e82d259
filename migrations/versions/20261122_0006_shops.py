"""Points become goods: outlets, tills, catalogue, stock, pay codes, redemptions, vouchers, paper.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-22 11:50:00

All new, so the version before goes on undisturbed.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bindings",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(collation="C"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("bindings_book_id_fkey")),
        sa.PrimaryKeyConstraint("digest", name=op.f("bindings_pkey")),
    )
    op.create_index(op.f("bindings_book_id_outlet_idx"), "bindings", ["book_id", "outlet"], unique=False)
    op.create_table(
        "claims",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("client", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("redemption_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "client", "key", name=op.f("claims_pkey")),
    )
    op.create_table(
        "items",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("on_from", sa.Date(), nullable=False),
        sa.Column("on_until", sa.Date(), nullable=True),
        sa.Column("quotas", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("eligible", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("voucher_days", sa.SmallInteger(), nullable=True),
        sa.Column("giftable", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("kind IN ('goods', 'service', 'perk')", name=op.f("items_kind_check")),
        sa.CheckConstraint(
            "voucher_days IS NULL OR voucher_days > 0 AND kind = 'service'", name=op.f("items_voucher_days_check")
        ),
        sa.CheckConstraint("on_from <= on_until", name=op.f("items_days_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("items_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "item", name=op.f("items_pkey")),
    )
    op.create_table(
        "policies",
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
        sa.CheckConstraint("(decided_at IS NULL) = (approved IS NULL)", name=op.f("policies_decided_check")),
        sa.CheckConstraint("(decided_by IS NULL) = (approved IS NULL)", name=op.f("policies_decided_by_check")),
        sa.CheckConstraint("NOT approved OR decided_by <> drafted_by", name=op.f("policies_two_people_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("policies_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "version", name=op.f("policies_pkey")),
    )
    op.create_table(
        "shoppers",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("household", sa.Text(collation="C"), nullable=True),
        sa.Column("code_id", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("voucher_id", sa.Uuid(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quotes", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("bound_to", sa.Integer(), nullable=True),
        sa.Column("bound_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(bound_to IS NULL) = (bound_until IS NULL)", name=op.f("shoppers_bound_check")),
        sa.CheckConstraint(
            "(code_id IS NULL) = (digest IS NULL) AND (code_id IS NULL) = (expires_at IS NULL)"
            " AND (code_id IS NULL) = (issued_at IS NULL)",
            name=op.f("shoppers_code_check"),
        ),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("shoppers_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "holder", name=op.f("shoppers_pkey")),
        sa.UniqueConstraint("book_id", "digest", name=op.f("shoppers_book_id_digest_key")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "shoppers_household_idx",
        "shoppers",
        ["book_id", "household"],
        unique=False,
        postgresql_where=sa.text("household IS NOT NULL"),
    )
    op.create_table(
        "tickets",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("sheet_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.Column("issued_by", sa.Text(collation="C"), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("most > 0", name=op.f("tickets_most_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("tickets_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "ticket_id", name=op.f("tickets_pkey")),
        sa.UniqueConstraint("book_id", "digest", name=op.f("tickets_book_id_digest_key")),
    )
    op.create_index("tickets_holder_idx", "tickets", ["book_id", "holder"], unique=False)
    op.create_index("tickets_sheet_key", "tickets", ["book_id", "sheet_id", "number"], unique=True)
    op.create_table(
        "outlets",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("organisation", sa.Text(collation="C"), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("hours", sa.Text(), server_default="", nullable=False),
        sa.Column("latitude", sa.Integer(), nullable=True),
        sa.Column("longitude", sa.Integer(), nullable=True),
        sa.Column("day_limit", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(collation="C"), server_default="open", nullable=False),
        sa.CheckConstraint(
            "kind IN ('virtue_supermarket', 'care_station', 'caring_merchant', 'transport', 'scenic_spot')",
            name=op.f("outlets_kind_check"),
        ),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("outlets_status_check")),
        sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name=op.f("outlets_place_check")),
        sa.CheckConstraint("day_limit > 0", name=op.f("outlets_day_limit_check")),
        sa.CheckConstraint("latitude BETWEEN -90000000 AND 90000000", name=op.f("outlets_latitude_check")),
        sa.CheckConstraint("longitude BETWEEN -180000000 AND 180000000", name=op.f("outlets_longitude_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "organisation"],
            ["organisations.book_id", "organisations.code"],
            name=op.f("outlets_book_id_organisation_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "outlet", name=op.f("outlets_pkey")),
    )
    op.create_table(
        "prices",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.Text(collation="C"), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.Text(collation="C"), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("points >= 0", name=op.f("prices_points_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "item"], ["items.book_id", "items.item"], name=op.f("prices_book_id_item_fkey")
        ),
        sa.PrimaryKeyConstraint("book_id", "item", "effective_from", name=op.f("prices_pkey")),
    )
    op.create_table(
        "quota_uses",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.Text(collation="C"), nullable=False),
        sa.Column("subject", sa.Text(collation="C"), nullable=False),
        sa.Column("period", sa.Text(collation="C"), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("quota_uses_used_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "item"], ["items.book_id", "items.item"], name=op.f("quota_uses_book_id_item_fkey")
        ),
        sa.PrimaryKeyConstraint("book_id", "item", "subject", "period", name=op.f("quota_uses_pkey")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "vouchers",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("voucher_id", sa.Uuid(), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("item", sa.Text(collation="C"), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("bought_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_transaction", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(state = 'live') = (ended_at IS NULL)", name=op.f("vouchers_ended_check")),
        sa.CheckConstraint("state IN ('live', 'used', 'expired')", name=op.f("vouchers_state_check")),
        sa.CheckConstraint("points > 0", name=op.f("vouchers_points_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "item"], ["items.book_id", "items.item"], name=op.f("vouchers_book_id_item_fkey")
        ),
        sa.PrimaryKeyConstraint("book_id", "voucher_id", name=op.f("vouchers_pkey")),
        sa.UniqueConstraint("book_id", "digest", name=op.f("vouchers_book_id_digest_key")),
    )
    op.create_index("vouchers_holder_idx", "vouchers", ["book_id", "holder"], unique=False)
    op.create_index(
        "vouchers_live_idx",
        "vouchers",
        ["book_id", "expires_on"],
        unique=False,
        postgresql_where=sa.text("state = 'live'"),
    )
    op.create_table(
        "alarms",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("alarm_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(collation="C"), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=False),
        sa.Column("till", sa.Integer(), nullable=True),
        sa.Column("holder", sa.Text(collation="C"), nullable=True),
        sa.Column("redemption_id", sa.Uuid(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_by", sa.Text(collation="C"), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(seen_by IS NULL) = (seen_at IS NULL)", name=op.f("alarms_seen_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "outlet"], ["outlets.book_id", "outlets.outlet"], name=op.f("alarms_book_id_outlet_fkey")
        ),
        sa.PrimaryKeyConstraint("book_id", "alarm_id", name=op.f("alarms_pkey")),
    )
    op.create_index("alarms_outlet_idx", "alarms", ["book_id", "outlet", "raised_at"], unique=False)
    op.create_index(
        "alarms_unseen_idx",
        "alarms",
        ["book_id", "raised_at"],
        unique=False,
        postgresql_where=sa.text("seen_at IS NULL"),
    )
    op.create_table(
        "offers",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=False),
        sa.Column("item", sa.Text(collation="C"), nullable=False),
        sa.Column("supply", sa.Text(collation="C"), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("offered", sa.Boolean(), server_default="true", nullable=False),
        sa.CheckConstraint("supply = 'merchant' OR pieces IS NOT NULL", name=op.f("offers_counted_check")),
        sa.CheckConstraint("supply IN ('stock', 'merchant')", name=op.f("offers_supply_check")),
        sa.CheckConstraint("value >= 0 AND (supply = 'stock' OR value = 0)", name=op.f("offers_value_check")),
        sa.CheckConstraint("pieces >= 0", name=op.f("offers_pieces_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "item"], ["items.book_id", "items.item"], name=op.f("offers_book_id_item_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "outlet"], ["outlets.book_id", "outlets.outlet"], name=op.f("offers_book_id_outlet_fkey")
        ),
        sa.PrimaryKeyConstraint("book_id", "outlet", "item", name=op.f("offers_pkey")),
    )
    op.create_table(
        "outlet_days",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("points >= 0", name=op.f("outlet_days_points_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "outlet"], ["outlets.book_id", "outlets.outlet"], name=op.f("outlet_days_book_id_outlet_fkey")
        ),
        sa.PrimaryKeyConstraint("book_id", "outlet", "day", name=op.f("outlet_days_pkey")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "tills",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("till", sa.Integer(), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("clerk", sa.Text(collation="C"), nullable=True),
        sa.Column("misses", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("missed_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["book_id", "outlet"], ["outlets.book_id", "outlets.outlet"], name=op.f("tills_book_id_outlet_fkey")
        ),
        sa.PrimaryKeyConstraint("book_id", "till", name=op.f("tills_pkey")),
    )
    op.create_index("tills_outlet_idx", "tills", ["book_id", "outlet"], unique=False)
    op.create_table(
        "quotes",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("quote_id", sa.Uuid(), nullable=False),
        sa.Column("till", sa.Integer(), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("means", sa.Text(collation="C"), nullable=False),
        sa.Column("code_id", sa.Uuid(), nullable=True),
        sa.Column("agent", sa.Text(collation="C"), nullable=True),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("enough", sa.Boolean(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("quoted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("means IN ('code', 'card', 'ticket', 'voucher')", name=op.f("quotes_means_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "till"], ["tills.book_id", "tills.till"], name=op.f("quotes_book_id_till_fkey")
        ),
        sa.PrimaryKeyConstraint("book_id", "quote_id", name=op.f("quotes_pkey")),
    )
    op.create_index("quotes_holder_idx", "quotes", ["book_id", "holder", "quoted_at"], unique=False)
    op.create_table(
        "redemptions",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("redemption_id", sa.Uuid(), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=False),
        sa.Column("till", sa.Integer(), nullable=False),
        sa.Column("clerk", sa.Text(collation="C"), nullable=True),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column("means", sa.Text(collation="C"), nullable=False),
        sa.Column("code_id", sa.Uuid(), nullable=True),
        sa.Column("voucher_id", sa.Uuid(), nullable=True),
        sa.Column("agent", sa.Text(collation="C"), nullable=True),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirm_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_back", sa.Text(collation="C"), nullable=True),
        sa.Column("called_by", sa.Text(collation="C"), nullable=True),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("call_back IN ('due', 'confirmed', 'denied')", name=op.f("redemptions_call_back_check")),
        sa.CheckConstraint(
            "(called_by IS NULL) = (called_at IS NULL)"
            " AND (called_by IS NOT NULL) = (call_back IS NOT NULL AND call_back <> 'due')",
            name=op.f("redemptions_called_check"),
        ),
        sa.CheckConstraint("means IN ('code', 'card', 'ticket', 'voucher')", name=op.f("redemptions_means_check")),
        sa.CheckConstraint("status <> 'waiting' OR confirm_until IS NOT NULL", name=op.f("redemptions_waiting_check")),
        sa.CheckConstraint(
            "status IN ('waiting', 'done', 'declined', 'lapsed', 'cancelled')", name=op.f("redemptions_status_check")
        ),
        sa.CheckConstraint("points >= 0", name=op.f("redemptions_points_check")),
        sa.CheckConstraint("refunded BETWEEN 0 AND points", name=op.f("redemptions_refunded_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "till"], ["tills.book_id", "tills.till"], name=op.f("redemptions_book_id_till_fkey")
        ),
        sa.PrimaryKeyConstraint("book_id", "redemption_id", name=op.f("redemptions_pkey")),
        postgresql_with={"fillfactor": "90"},
    )
    op.create_index(
        "redemptions_call_back_idx",
        "redemptions",
        ["book_id", "made_at"],
        unique=False,
        postgresql_where=sa.text("call_back = 'due'"),
    )
    op.create_index(
        "redemptions_code_key",
        "redemptions",
        ["book_id", "code_id"],
        unique=True,
        postgresql_where=sa.text("code_id IS NOT NULL"),
    )
    op.create_index("redemptions_holder_idx", "redemptions", ["book_id", "holder", "made_at"], unique=False)
    op.create_index("redemptions_outlet_idx", "redemptions", ["book_id", "outlet", "day", "made_at"], unique=False)
    op.create_index(
        "redemptions_waiting_idx",
        "redemptions",
        ["book_id", "confirm_until"],
        unique=False,
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "stock_moves",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("outlet", sa.Text(collation="C"), nullable=False),
        sa.Column("item", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("moved_by", sa.Text(collation="C"), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('donated', 'bought', 'merchant', 'count')", name=op.f("stock_moves_kind_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "outlet", "item"],
            ["offers.book_id", "offers.outlet", "offers.item"],
            name=op.f("stock_moves_book_id_outlet_item_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "move_id", name=op.f("stock_moves_pkey")),
    )
    op.create_index("stock_moves_offer_idx", "stock_moves", ["book_id", "outlet", "item", "moved_at"], unique=False)
    op.create_table(
        "cases",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("redemption_id", sa.Uuid(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("opened_by", sa.Text(collation="C"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Text(collation="C"), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proposed", sa.Boolean(), nullable=True),
        sa.Column("proposed_by", sa.Text(collation="C"), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_transaction", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(answer IS NULL) = (answered_by IS NULL)", name=op.f("cases_answered_check")),
        sa.CheckConstraint("(proposed IS NULL) = (proposed_by IS NULL)", name=op.f("cases_proposed_check")),
        sa.CheckConstraint("(upheld IS NULL) = (decided_at IS NULL)", name=op.f("cases_decided_at_check")),
        sa.CheckConstraint("(upheld IS NULL) = (decided_by IS NULL)", name=op.f("cases_decided_check")),
        sa.CheckConstraint("decided_by <> proposed_by", name=op.f("cases_two_people_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "redemption_id"],
            ["redemptions.book_id", "redemptions.redemption_id"],
            name=op.f("cases_book_id_redemption_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "case_id", name=op.f("cases_pkey")),
        sa.UniqueConstraint("book_id", "redemption_id", name=op.f("cases_book_id_redemption_id_key")),
    )
    op.create_index(
        "cases_open_idx", "cases", ["book_id", "opened_at"], unique=False, postgresql_where=sa.text("upheld IS NULL")
    )
    op.create_table(
        "redemption_lines",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("redemption_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("item", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("supply", sa.Text(collation="C"), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("returned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("value_returned", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("redemption_lines_quantity_check")),
        sa.CheckConstraint("returned BETWEEN 0 AND quantity", name=op.f("redemption_lines_returned_check")),
        sa.CheckConstraint("value_returned BETWEEN 0 AND value", name=op.f("redemption_lines_value_returned_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "redemption_id"],
            ["redemptions.book_id", "redemptions.redemption_id"],
            name=op.f("redemption_lines_book_id_redemption_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "redemption_id", "line", name=op.f("redemption_lines_pkey")),
    )
    op.create_index("redemption_lines_item_idx", "redemption_lines", ["book_id", "item"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("redemption_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("made_by", sa.Text(collation="C"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('cancel', 'refund', 'case')", name=op.f("refunds_kind_check")),
        sa.CheckConstraint("points >= 0", name=op.f("refunds_points_check")),
        sa.ForeignKeyConstraint(
            ["book_id", "redemption_id"],
            ["redemptions.book_id", "redemptions.redemption_id"],
            name=op.f("refunds_book_id_redemption_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("book_id", "refund_id", name=op.f("refunds_pkey")),
    )
    op.create_index("refunds_redemption_idx", "refunds", ["book_id", "redemption_id"], unique=False)


def downgrade() -> None:
    op.drop_index("refunds_redemption_idx", table_name="refunds")
    op.drop_table("refunds")
    op.drop_index("redemption_lines_item_idx", table_name="redemption_lines")
    op.drop_table("redemption_lines")
    op.drop_index("cases_open_idx", table_name="cases", postgresql_where=sa.text("upheld IS NULL"))
    op.drop_table("cases")
    op.drop_index("stock_moves_offer_idx", table_name="stock_moves")
    op.drop_table("stock_moves")
    op.drop_index("redemptions_waiting_idx", table_name="redemptions", postgresql_where=sa.text("status = 'waiting'"))
    op.drop_index("redemptions_outlet_idx", table_name="redemptions")
    op.drop_index("redemptions_holder_idx", table_name="redemptions")
    op.drop_index("redemptions_code_key", table_name="redemptions", postgresql_where=sa.text("code_id IS NOT NULL"))
    op.drop_index("redemptions_call_back_idx", table_name="redemptions", postgresql_where=sa.text("call_back = 'due'"))
    op.drop_table("redemptions")
    op.drop_index("quotes_holder_idx", table_name="quotes")
    op.drop_table("quotes")
    op.drop_index("tills_outlet_idx", table_name="tills")
    op.drop_table("tills")
    op.drop_table("outlet_days")
    op.drop_table("offers")
    op.drop_index("alarms_unseen_idx", table_name="alarms", postgresql_where=sa.text("seen_at IS NULL"))
    op.drop_index("alarms_outlet_idx", table_name="alarms")
    op.drop_table("alarms")
    op.drop_index("vouchers_live_idx", table_name="vouchers", postgresql_where=sa.text("state = 'live'"))
    op.drop_index("vouchers_holder_idx", table_name="vouchers")
    op.drop_table("vouchers")
    op.drop_table("quota_uses")
    op.drop_table("prices")
    op.drop_table("outlets")
    op.drop_index("tickets_sheet_key", table_name="tickets")
    op.drop_index("tickets_holder_idx", table_name="tickets")
    op.drop_table("tickets")
    op.drop_index("shoppers_household_idx", table_name="shoppers", postgresql_where=sa.text("household IS NOT NULL"))
    op.drop_table("shoppers")
    op.drop_table("policies")
    op.drop_table("items")
    op.drop_table("claims")
    op.drop_index(op.f("bindings_book_id_outlet_idx"), table_name="bindings")
    op.drop_table("bindings")
