"""The books, users and volunteers: tables, the functions that alone write the journal, the triggers that keep it.

Revision ID: 0001
Revises:
Create Date: 2026-11-21 19:04:18.513903

A migration must not break the version of the service that is still running while it is applied.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The functions run as the owner, because a row lock needs the UPDATE privilege, which the service does not have.
# Their search path is fixed and every name is qualified: nobody can put a table or an operator of his own in between.
# SQLSTATEs of our own: MD001 transaction too old, MD002 unbalanced, MD003 append only, MD004 not as loaded.

# Step 1 of a posting. The locks are taken in one statement and what they protect is read in the next ones: a statement
# that locks and reads at once sees the snapshot from before it waited. The account rows are locked in the order of
# their codes, everywhere. FOR NO KEY UPDATE, because nobody's foreign key needs to wait for a balance. Only what was
# locked is read: an account that was opened while the locks were waited for is not there yet for this posting.
LOAD = """
CREATE FUNCTION public.journal_load(
    p_book integer, p_codes text[], p_clients text[], p_keys text[], p_corrected uuid[],
    OUT clock timestamptz, OUT first_day date,
    OUT a_code text[], OUT a_id bigint[], OUT a_class text[], OUT a_unit text[], OUT a_floor bigint[],
    OUT a_status text[], OUT a_debits bigint[], OUT a_credits bigint[], OUT a_number bigint[],
    OUT a_recorded timestamptz[],
    OUT k_client text[], OUT k_key text[], OUT k_call text[], OUT k_transaction uuid[], OUT k_refusal text[],
    OUT reversed uuid[]
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    locked bigint[];
BEGIN
    -- The book's gate: postings share it, closing a period takes it alone. 19781 is "ME".
    PERFORM pg_advisory_xact_lock_shared(19781, p_book);
    SELECT array_agg(account_id) INTO locked FROM (
        SELECT account_id FROM public.accounts WHERE book_id = p_book AND code = ANY (p_codes)
        ORDER BY code FOR NO KEY UPDATE) AS mine;

    SELECT b.first_day INTO first_day FROM public.books b WHERE b.book_id = p_book;
    SELECT array_agg(a.code), array_agg(a.account_id), array_agg(a.class), array_agg(a.unit), array_agg(a.floor),
           array_agg(a.status), array_agg(a.debits), array_agg(a.credits), array_agg(a.number),
           array_agg(a.recorded_at)
      INTO a_code, a_id, a_class, a_unit, a_floor, a_status, a_debits, a_credits, a_number, a_recorded
      FROM public.accounts a WHERE a.book_id = p_book AND a.account_id = ANY (locked);
    SELECT array_agg(k.client), array_agg(k.key), array_agg(k.call), array_agg(k.transaction_id),
           array_agg(k.refusal::text)
      INTO k_client, k_key, k_call, k_transaction, k_refusal
      FROM unnest(p_clients, p_keys) AS wanted (client, key)
      JOIN public.keys k ON k.book_id = p_book AND k.client = wanted.client AND k.key = wanted.key;
    IF cardinality(p_corrected) > 0 THEN
        SELECT array_agg(t.corrects) INTO reversed FROM public.transactions t
         WHERE t.book_id = p_book AND t.corrects = ANY (p_corrected) AND t.correction = 'reversal';
    END IF;
    clock := clock_timestamp();
END $$
"""

# Step 3 of a posting: it decides nothing. What can be derived from the entries (totals of accounts and days, the last
# numbers) is derived here, so that these cannot differ from the entries whoever calls.
WRITE = """
CREATE FUNCTION public.journal_write(
    p_book integer, p_recorded_at timestamptz,
    t_id uuid[], t_kind text[], t_description text[], t_effective_at timestamptz[], t_effective_on date[],
    t_client text[], t_key text[], t_actor text[], t_approver text[], t_request text[], t_correction text[],
    t_corrects uuid[],
    e_transaction integer[], e_line smallint[], e_account bigint[], e_unit text[], e_number bigint[],
    e_debit bigint[], e_credit bigint[], e_balance bigint[],
    k_client text[], k_key text[], k_call text[], k_transaction uuid[], k_refusal text[]
) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    expected bigint;
    touched bigint;
BEGIN
    -- Readers of "as known at" trust that no writer is older than 30 s.
    IF clock_timestamp() - transaction_timestamp() > interval '20 seconds' THEN
        RAISE EXCEPTION 'this transaction is older than 20 s' USING ERRCODE = 'MD001';
    END IF;

    INSERT INTO public.keys (book_id, client, key, call, transaction_id, refusal, recorded_at)
    SELECT p_book, client, key, call, transaction_id, refusal::jsonb, p_recorded_at
      FROM unnest(k_client, k_key, k_call, k_transaction, k_refusal) AS k (client, key, call, transaction_id, refusal)
     ORDER BY client, key;
    IF cardinality(t_id) = 0 THEN
        RETURN;
    END IF;

    INSERT INTO public.transactions (book_id, transaction_id, kind, description, effective_at, effective_on,
                                     recorded_at, client, key, actor, approver, request_id, correction, corrects)
    SELECT p_book, t.id, t.kind, t.description, t.effective_at, t.effective_on,
           p_recorded_at, t.client, t.key, t.actor, t.approver, t.request, t.correction, t.corrects
      FROM unnest(t_id, t_kind, t_description, t_effective_at, t_effective_on, t_client, t_key, t_actor, t_approver,
                  t_request, t_correction, t_corrects)
        AS t (id, kind, description, effective_at, effective_on, client, key, actor, approver, request, correction,
              corrects);

    INSERT INTO public.entries (book_id, account_id, number, transaction_id, line, unit, debit, credit, balance_after,
                                effective_on, recorded_at)
    SELECT p_book, e.account, e.number, t_id[e.transaction], e.line, e.unit, e.debit, e.credit, e.balance,
           t_effective_on[e.transaction], p_recorded_at
      FROM unnest(e_transaction, e_line, e_account, e_unit, e_number, e_debit, e_credit, e_balance)
        AS e (transaction, line, account, unit, number, debit, credit, balance);

    SELECT count(*) INTO expected
      FROM (SELECT DISTINCT account, unit FROM unnest(e_account, e_unit) AS e (account, unit)) AS touched_ones;
    UPDATE public.accounts a
       SET debits = a.debits + moved.debits, credits = a.credits + moved.credits,
           number = moved.last_number, recorded_at = p_recorded_at
      FROM (SELECT account, unit, sum(debit)::bigint AS debits, sum(credit)::bigint AS credits,
                   min(number) AS first_number, max(number) AS last_number, count(*) AS entries
              FROM unnest(e_account, e_unit, e_number, e_debit, e_credit) AS e (account, unit, number, debit, credit)
             GROUP BY account, unit) AS moved
     WHERE a.book_id = p_book AND a.account_id = moved.account AND a.unit = moved.unit
       AND a.number = moved.first_number - 1 AND moved.last_number = a.number + moved.entries;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched <> expected THEN
        RAISE EXCEPTION 'an account is not as it was loaded' USING ERRCODE = 'MD004';
    END IF;

    INSERT INTO public.day_totals AS d (book_id, account_id, day, debits, credits)
    SELECT p_book, e.account, t_effective_on[e.transaction], sum(e.debit), sum(e.credit)
      FROM unnest(e_transaction, e_account, e_debit, e_credit) AS e (transaction, account, debit, credit)
     GROUP BY 2, 3 ORDER BY 2, 3
    ON CONFLICT (book_id, account_id, day)
    DO UPDATE SET debits = d.debits + excluded.debits, credits = d.credits + excluded.credits;
END $$
"""

# Accounts begin empty. One that is there already is left as it is: the caller compares.
OPEN = """
CREATE FUNCTION public.accounts_open(
    p_book integer, p_code text[], p_name text[], p_class text[], p_unit text[], p_floor bigint[], p_kind text[],
    p_holder text[]
) RETURNS SETOF text LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.accounts (book_id, code, name, class, unit, floor, kind, holder)
    SELECT p_book, a.code, a.name, a.class, a.unit, a.floor, a.kind, a.holder
      FROM unnest(p_code, p_name, p_class, p_unit, p_floor, p_kind, p_holder)
        AS a (code, name, class, unit, floor, kind, holder)
     ORDER BY a.code
    ON CONFLICT (book_id, code) DO NOTHING
    RETURNING code
$$
"""

SET_STATUS = """
CREATE FUNCTION public.account_set_status(p_book integer, p_code text, p_status text)
RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.accounts SET status = p_status WHERE book_id = p_book AND code = p_code
$$
"""

# Entries balance per transaction and unit. The trigger sees all rows of one INSERT at once, and journal_write inserts a
# batch's entries in one statement. (A constraint trigger at COMMIT would lose its name on a distributed database.)
BALANCED = """
CREATE FUNCTION public.entries_balance() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM added GROUP BY book_id, transaction_id, unit HAVING sum(debit) <> sum(credit)) THEN
        RAISE EXCEPTION 'debits and credits of a transaction differ' USING ERRCODE = 'MD002';
    END IF;
    RETURN NULL;
END $$
"""

APPEND_ONLY = """
CREATE FUNCTION public.append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % is not allowed: the journal is only added to', tg_op, tg_table_name
        USING ERRCODE = 'MD003';
END $$
"""

# ENABLE ALWAYS: they also fire where session_replication_role is set to replica.
TRIGGERS = """
CREATE TRIGGER balance AFTER INSERT ON public.entries
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.entries_balance();
ALTER TABLE public.entries ENABLE ALWAYS TRIGGER balance;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.transactions
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.transactions ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.entries
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.entries ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.keys
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.keys ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON public.day_totals
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.day_totals ENABLE ALWAYS TRIGGER append_only;

-- What an account is does not change; its balance and its status do.
CREATE TRIGGER append_only
    BEFORE UPDATE OF book_id, account_id, code, class, unit, floor, kind, holder OR DELETE OR TRUNCATE
    ON public.accounts FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.accounts ENABLE ALWAYS TRIGGER append_only;
"""


def upgrade() -> None:
    op.create_table(
        "books",
        sa.Column("book_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("book_id", name=op.f("books_pkey")),
        sa.UniqueConstraint("code", name=op.f("books_code_key")),
    )
    op.create_table(
        "day_totals",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("debits", sa.BigInteger(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "account_id", "day", name=op.f("day_totals_pkey")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "entries",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("unit", sa.Text(collation="C"), nullable=False),
        sa.Column("debit", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "debit >= 0 AND credit >= 0 AND (debit = 0) <> (credit = 0)", name=op.f("entries_side_check")
        ),
        sa.PrimaryKeyConstraint("book_id", "account_id", "number", name=op.f("entries_pkey")),
    )
    op.create_index(op.f("entries_book_id_transaction_id_idx"), "entries", ["book_id", "transaction_id"], unique=False)
    op.create_table(
        "keys",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("client", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("refusal", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(transaction_id IS NULL) <> (refusal IS NULL)", name=op.f("keys_outcome_check")),
        sa.PrimaryKeyConstraint("book_id", "client", "key", name=op.f("keys_pkey")),
    )
    op.create_table(
        "transactions",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("approver", sa.Text(collation="C"), nullable=True),
        sa.Column("request_id", sa.Text(collation="C"), nullable=True),
        sa.Column("correction", sa.Text(), nullable=True),
        sa.Column("corrects", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "correction IN ('reversal', 'refund', 'clawback')", name=op.f("transactions_correction_check")
        ),
        sa.CheckConstraint("(correction IS NULL) = (corrects IS NULL)", name=op.f("transactions_corrects_check")),
        sa.PrimaryKeyConstraint("book_id", "transaction_id", name=op.f("transactions_pkey")),
    )
    op.create_index(
        "transactions_reversal_key",
        "transactions",
        ["book_id", "corrects"],
        unique=True,
        postgresql_where=sa.text("correction = 'reversal'"),
    )
    units = op.create_table(
        "units",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("scale", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("units_pkey")),
    )
    op.create_table(
        "accounts",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(collation="C"), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("holder", sa.Text(collation="C"), nullable=True),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("debits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "class IN ('asset', 'liability', 'equity', 'income', 'expense', 'memo_debit', 'memo_credit')",
            name=op.f("accounts_class_check"),
        ),
        sa.CheckConstraint(
            "floor IS NULL OR CASE WHEN class IN ('asset', 'expense', 'memo_debit')"
            " THEN debits - credits ELSE credits - debits END >= floor",
            name=op.f("accounts_floor_check"),
        ),
        sa.CheckConstraint("status IN ('open', 'frozen', 'closed')", name=op.f("accounts_status_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("accounts_book_id_fkey")),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name=op.f("accounts_unit_fkey")),
        sa.PrimaryKeyConstraint("book_id", "account_id", name=op.f("accounts_pkey")),
        sa.UniqueConstraint("book_id", "code", name=op.f("accounts_book_id_code_key")),
        postgresql_with={"fillfactor": "80"},
    )
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
        sa.CheckConstraint("(role = 'volunteer') = (volunteer_no IS NOT NULL)", name=op.f("users_volunteer_check")),
        sa.CheckConstraint("role IN ('operator', 'volunteer')", name=op.f("users_role_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("users_book_id_fkey")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("users_pkey")),
        sa.UniqueConstraint("login", name=op.f("users_login_key")),
    )
    op.create_table(
        "volunteers",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("volunteer_no", sa.Text(collation="C"), nullable=False),
        sa.Column("holder", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "registered_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["book_id"], ["books.book_id"], name=op.f("volunteers_book_id_fkey")),
        sa.PrimaryKeyConstraint("book_id", "volunteer_no", name=op.f("volunteers_pkey")),
        sa.UniqueConstraint("book_id", "holder", name=op.f("volunteers_book_id_holder_key")),
    )
    # Which database transaction wrote it: lets the sealing of a later version find what has been committed.
    op.execute("ALTER TABLE public.transactions ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.bulk_insert(
        units,
        [
            {"code": "HR", "scale": 0, "name": "服务时长（分钟） minutes of service"},
            {"code": "PT", "scale": 0, "name": "积分 points"},
            {"code": "TC", "scale": 0, "name": "时间币（分钟） time coin, minutes"},
            {"code": "CNY", "scale": 2, "name": "人民币（分） yuan, in fen"},
        ],
    )
    for statement in (LOAD, WRITE, OPEN, SET_STATUS, BALANCED, APPEND_ONLY, TRIGGERS):
        op.execute(statement)
    op.execute(
        "REVOKE ALL ON FUNCTION public.journal_load, public.journal_write, public.accounts_open,"
        " public.account_set_status FROM PUBLIC"
    )


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION public.journal_load, public.journal_write, public.accounts_open, public.account_set_status"
    )
    op.drop_table("volunteers")
    op.drop_table("users")
    op.drop_table("accounts")
    op.drop_table("units")
    op.drop_index(
        "transactions_reversal_key", table_name="transactions", postgresql_where=sa.text("correction = 'reversal'")
    )
    op.drop_table("transactions")
    op.drop_table("keys")
    op.drop_index(op.f("entries_book_id_transaction_id_idx"), table_name="entries")
    op.drop_table("entries")
    op.drop_table("day_totals")
    op.drop_table("books")
    op.execute("DROP FUNCTION public.entries_balance, public.append_only")
