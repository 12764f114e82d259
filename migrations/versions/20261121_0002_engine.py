"""The engine under load: lots, holds, periods, and the functions that write them with the journal.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-21 22:10:00

Balances that exist on accounts that keep lots become one lot without expiry each. The functions take more than before,
so a service of the version before answers 503 to postings until it is started anew; it cannot write without lots.
"""

import importlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Step 1 of a posting. The locks are taken in one statement, and what they protect beside the rows themselves is read
# in the next ones: a statement sees the snapshot from before it waited, all but the rows that it locks, which it
# returns as they are when it has them. Transactions that are to be corrected are locked in the order of their ids,
# then the accounts in the order of their codes, everywhere. FOR NO KEY UPDATE, because nobody's foreign key needs to
# wait for a balance. An account that was opened while the locks were waited for is not there yet for this posting.
#
# Rows are looked up one by one by their keys (LATERAL … OFFSET 0, which the planner leaves as it stands). Left to the
# statistics, which know nothing of a new book and guess that a book is a two-hundredth of its table, batches have read
# all accounts and keys of a book each time. For the same reason no plan is kept from when the tables were small.
LOAD = """
CREATE FUNCTION public.journal_load(
    p_book integer, p_codes text[], p_clients text[], p_keys text[], p_corrected uuid[], p_holds uuid[],
    OUT clock timestamptz, OUT first_day date, OUT closed_through date,
    OUT a_code text[], OUT a_id bigint[], OUT a_class text[], OUT a_unit text[], OUT a_floor bigint[],
    OUT a_status text[], OUT a_kind text[], OUT a_debits bigint[], OUT a_credits bigint[], OUT a_number bigint[],
    OUT a_recorded timestamptz[],
    OUT k_client text[], OUT k_key text[], OUT k_call text[], OUT k_transaction uuid[], OUT k_refusal text[],
    OUT reversed uuid[],
    OUT c_transaction uuid[], OUT c_unit text[], OUT c_amount bigint[], OUT c_refunded bigint[],
    OUT h_id uuid[], OUT h_account bigint[], OUT h_held bigint[], OUT h_amount bigint[], OUT h_expires_at timestamptz[],
    OUT h_ending text[], OUT h_ended_by uuid[],
    OUT l_account bigint[], OUT l_number bigint[], OUT l_part smallint[], OUT l_transaction uuid[], OUT l_origin uuid[],
    OUT l_lapses_on date[], OUT l_remaining bigint[],
    OUT m_transaction uuid[], OUT m_account bigint[], OUT m_number bigint[], OUT m_part smallint[],
    OUT m_amount bigint[],
    OUT g_transaction uuid[], OUT g_account bigint[], OUT g_amount bigint[]
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    codes text[] := p_codes;
    sources uuid[];
BEGIN
    -- The book's gate: postings share it, closing a period takes it alone. 19781 is "ME".
    PERFORM pg_advisory_xact_lock_shared(19781, p_book);
    IF cardinality(p_corrected) > 0 THEN
        PERFORM transaction_id FROM public.transactions
          WHERE book_id = p_book AND transaction_id = ANY (p_corrected)
          ORDER BY transaction_id FOR NO KEY UPDATE;
    END IF;
    IF cardinality(p_holds) > 0 THEN
        SELECT array_agg(DISTINCT a.code) INTO codes
          FROM (SELECT unnest(p_codes) AS code
                UNION ALL
                SELECT a.code FROM public.holds h
                  JOIN public.accounts a ON a.book_id = p_book
                                        AND a.account_id = ANY (ARRAY[h.account_id, h.held_account_id])
                 WHERE h.book_id = p_book AND h.hold_id = ANY (p_holds)) AS a;
    END IF;
    SELECT array_agg(a.code), array_agg(a.account_id), array_agg(a.class), array_agg(a.unit), array_agg(a.floor),
           array_agg(a.status), array_agg(a.kind), array_agg(a.debits), array_agg(a.credits), array_agg(a.number),
           array_agg(a.recorded_at)
      INTO a_code, a_id, a_class, a_unit, a_floor, a_status, a_kind, a_debits, a_credits, a_number, a_recorded
      FROM (SELECT unnest(codes) COLLATE "C" AS code ORDER BY 1) AS wanted
     CROSS JOIN LATERAL (SELECT * FROM public.accounts WHERE book_id = p_book AND accounts.code = wanted.code
                         FOR NO KEY UPDATE OFFSET 0) AS a;

    SELECT b.first_day INTO first_day FROM public.books b WHERE b.book_id = p_book;
    SELECT c.closed_through INTO closed_through FROM public.closings c
     WHERE c.book_id = p_book ORDER BY c.number DESC LIMIT 1;
    SELECT array_agg(k.client), array_agg(k.key), array_agg(k.call), array_agg(k.transaction_id),
           array_agg(k.refusal::text)
      INTO k_client, k_key, k_call, k_transaction, k_refusal
      FROM unnest(p_clients, p_keys) AS wanted (client, key)
     CROSS JOIN LATERAL (SELECT * FROM public.keys
                          WHERE book_id = p_book AND keys.client = wanted.client AND keys.key = wanted.key
                         OFFSET 0) AS k;

    IF cardinality(p_corrected) > 0 THEN
        SELECT array_agg(t.corrects) INTO reversed FROM public.transactions t
         WHERE t.book_id = p_book AND t.corrects = ANY (p_corrected) AND t.correction = 'reversal';
        SELECT array_agg(c.transaction_id), array_agg(c.unit), array_agg(c.amount), array_agg(c.refunded)
          INTO c_transaction, c_unit, c_amount, c_refunded
          FROM (SELECT o.id AS transaction_id, e.unit,
                       sum(e.debit) FILTER (WHERE e.transaction_id = o.id)::bigint AS amount,
                       coalesce(sum(e.debit) FILTER (WHERE e.transaction_id <> o.id), 0)::bigint AS refunded
                  FROM (SELECT t.transaction_id, t.transaction_id AS id FROM public.transactions t
                         WHERE t.book_id = p_book AND t.transaction_id = ANY (p_corrected)
                        UNION ALL
                        SELECT t.transaction_id, t.corrects FROM public.transactions t
                         WHERE t.book_id = p_book AND t.corrects = ANY (p_corrected)
                           AND t.correction <> 'reversal') AS o
                  JOIN public.entries e ON e.book_id = p_book AND e.transaction_id = o.transaction_id
                 GROUP BY o.id, e.unit) AS c;
    END IF;

    -- Accounts that keep lots: what is open of them, and what corrections and ends of holds give back.
    IF a_kind && ARRAY['wallet', 'wallet_in_notice', 'wallet_held', 'household_wallet', 'team_wallet', 'estate_wallet',
                       'donation_pool'] THEN
        SELECT array_agg(h.hold_id), array_agg(h.account_id), array_agg(h.held_account_id), array_agg(h.amount),
               array_agg(h.expires_at), array_agg(h.ending), array_agg(h.ended_by)
          INTO h_id, h_account, h_held, h_amount, h_expires_at, h_ending, h_ended_by
          FROM (SELECT * FROM public.holds o
                 WHERE o.book_id = p_book AND o.account_id = ANY (a_id) AND o.ended_by IS NULL
                UNION
                SELECT * FROM public.holds o
                 WHERE o.book_id = p_book AND o.hold_id = ANY (p_holds || p_corrected)
                UNION
                SELECT * FROM public.holds o
                 WHERE o.book_id = p_book AND o.ended_by = ANY (p_corrected)) AS h;
        sources := p_corrected || h_id;
        IF cardinality(sources) > 0 THEN
            SELECT array_agg(m.transaction_id), array_agg(m.account_id), array_agg(m.number), array_agg(m.part),
                   array_agg(m.amount)
              INTO m_transaction, m_account, m_number, m_part, m_amount
              FROM (SELECT * FROM public.lot_moves m
                     WHERE m.book_id = p_book AND m.account_id = ANY (a_id) AND m.transaction_id = ANY (sources)
                       AND m.amount < 0
                     ORDER BY m.place) AS m;
            SELECT array_agg(g.returns), array_agg(g.account_id), array_agg(g.amount)
              INTO g_transaction, g_account, g_amount
              FROM (SELECT r.returns, r.account_id, sum(r.amount)::bigint AS amount
                      FROM (SELECT m.returns, m.account_id, m.amount FROM public.lot_moves m
                             WHERE m.book_id = p_book AND m.returns = ANY (sources)
                            UNION ALL
                            SELECT l.returns, l.account_id, l.amount FROM public.lots l
                             WHERE l.book_id = p_book AND l.returns = ANY (sources)) AS r
                     GROUP BY r.returns, r.account_id) AS g;
        END IF;
        SELECT array_agg(l.account_id), array_agg(l.number), array_agg(l.part), array_agg(l.transaction_id),
               array_agg(l.origin), array_agg(l.lapses_on), array_agg(l.remaining)
          INTO l_account, l_number, l_part, l_transaction, l_origin, l_lapses_on, l_remaining
          FROM (SELECT o.account_id, o.number, o.part, o.transaction_id, o.origin, o.lapses_on, o.remaining
                  FROM unnest(a_id) AS wanted (account_id)
                 CROSS JOIN LATERAL (SELECT * FROM public.lots
                                      WHERE book_id = p_book AND lots.account_id = wanted.account_id AND remaining > 0
                                     OFFSET 0) AS o
                UNION
                SELECT o.account_id, o.number, o.part, o.transaction_id, o.origin, o.lapses_on, o.remaining
                  FROM unnest(m_account, m_number, m_part) AS m (account_id, number, part)
                  JOIN public.lots o ON o.book_id = p_book AND o.account_id = m.account_id AND o.number = m.number
                                    AND o.part = m.part
                 ORDER BY account_id, lapses_on, number, part) AS l;
    END IF;
    clock := clock_timestamp();
END $$
"""

# Step 3 of a posting: it decides nothing. What can be derived from the entries (totals of accounts and days, the last
# numbers) and from the moves of lots (what remains of them) is derived here, so that these cannot differ whoever calls.
WRITE = """
CREATE FUNCTION public.journal_write(
    p_book integer, p_recorded_at timestamptz,
    t_id uuid[], t_kind text[], t_description text[], t_effective_at timestamptz[], t_effective_on date[],
    t_client text[], t_key text[], t_actor text[], t_approver text[], t_request text[], t_correction text[],
    t_corrects uuid[], t_call text[],
    e_transaction integer[], e_line smallint[], e_account bigint[], e_unit text[], e_number bigint[],
    e_debit bigint[], e_credit bigint[], e_balance bigint[],
    k_client text[], k_key text[], k_call text[], k_refusal text[],
    l_account bigint[], l_number bigint[], l_part smallint[], l_transaction uuid[], l_origin uuid[], l_lapses_on date[],
    l_amount bigint[], l_returns uuid[],
    m_account bigint[], m_transaction uuid[], m_place smallint[], m_number bigint[], m_part smallint[],
    m_amount bigint[], m_returns uuid[],
    h_id uuid[], h_account bigint[], h_held bigint[], h_amount bigint[], h_expires_at timestamptz[],
    x_id uuid[], x_ending text[], x_by uuid[]
) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    touched bigint;
BEGIN
    -- Readers of "as known at" trust that no writer is older than 30 s.
    IF clock_timestamp() - transaction_timestamp() > interval '20 seconds' THEN
        RAISE EXCEPTION 'this transaction is older than 20 s' USING ERRCODE = 'MD001';
    END IF;

    INSERT INTO public.keys (book_id, client, key, call, transaction_id, refusal, recorded_at)
    SELECT p_book, k.client, k.key, k.call, k.transaction_id, k.refusal::jsonb, p_recorded_at
      FROM (SELECT t.client, t.key, t.call, t.transaction_id, NULL::text AS refusal
              FROM unnest(t_client, t_key, t_call, t_id) AS t (client, key, call, transaction_id)
            UNION ALL
            SELECT r.client, r.key, r.call, NULL, r.refusal
              FROM unnest(k_client, k_key, k_call, k_refusal) AS r (client, key, call, refusal)) AS k
     ORDER BY k.client, k.key;
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

    WITH moved AS (
        SELECT account, unit, sum(debit)::bigint AS debits, sum(credit)::bigint AS credits,
               min(number) AS first_number, max(number) AS last_number, count(*) AS entries
          FROM unnest(e_account, e_unit, e_number, e_debit, e_credit) AS e (account, unit, number, debit, credit)
         GROUP BY account, unit),
    done AS (
        UPDATE public.accounts a
           SET debits = a.debits + moved.debits, credits = a.credits + moved.credits,
               number = moved.last_number, recorded_at = p_recorded_at
          FROM moved
         WHERE a.book_id = p_book AND a.account_id = moved.account AND a.unit = moved.unit
           AND a.number = moved.first_number - 1 AND moved.last_number = a.number + moved.entries
        RETURNING moved.entries)
    SELECT sum(entries) INTO touched FROM done;
    IF touched IS DISTINCT FROM cardinality(e_account) THEN
        RAISE EXCEPTION 'an account is not as it was loaded' USING ERRCODE = 'MD004';
    END IF;

    INSERT INTO public.day_totals (book_id, account_id, day, debits, credits)
    SELECT p_book, e.account, t_effective_on[e.transaction], sum(e.debit), sum(e.credit)
      FROM unnest(e_transaction, e_account, e_debit, e_credit) AS e (transaction, account, debit, credit)
     GROUP BY 2, 3 ORDER BY 2, 3
    ON CONFLICT (book_id, account_id, day)
    DO UPDATE SET debits = day_totals.debits + excluded.debits, credits = day_totals.credits + excluded.credits;

    IF cardinality(l_account) > 0 THEN
        INSERT INTO public.lots (book_id, account_id, number, part, transaction_id, origin, lapses_on, amount,
                                 remaining, returns)
        SELECT p_book, l.account, l.number, l.part, l.transaction, l.origin, l.lapses_on, l.amount, l.amount, l.returns
          FROM unnest(l_account, l_number, l_part, l_transaction, l_origin, l_lapses_on, l_amount, l_returns)
            AS l (account, number, part, transaction, origin, lapses_on, amount, returns);
    END IF;
    IF cardinality(m_account) > 0 THEN
        INSERT INTO public.lot_moves (book_id, account_id, transaction_id, place, number, part, amount, returns)
        SELECT p_book, m.account, m.transaction, m.place, m.number, m.part, m.amount, m.returns
          FROM unnest(m_account, m_transaction, m_place, m_number, m_part, m_amount, m_returns)
            AS m (account, transaction, place, number, part, amount, returns);
        UPDATE public.lots l SET remaining = l.remaining + moved.amount
          FROM (SELECT account, number, part, sum(amount)::bigint AS amount
                  FROM unnest(m_account, m_number, m_part, m_amount) AS m (account, number, part, amount)
                 GROUP BY account, number, part) AS moved
         WHERE l.book_id = p_book AND l.account_id = moved.account AND l.number = moved.number AND l.part = moved.part;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> (SELECT count(DISTINCT (account, number, part))
                         FROM unnest(m_account, m_number, m_part) AS m (account, number, part)) THEN
            RAISE EXCEPTION 'a lot is not as it was loaded' USING ERRCODE = 'MD004';
        END IF;
    END IF;
    IF cardinality(h_id) > 0 THEN
        INSERT INTO public.holds (book_id, hold_id, account_id, held_account_id, amount, expires_at)
        SELECT p_book, h.id, h.account, h.held, h.amount, h.expires_at
          FROM unnest(h_id, h_account, h_held, h_amount, h_expires_at) AS h (id, account, held, amount, expires_at);
    END IF;
    IF cardinality(x_id) > 0 THEN
        UPDATE public.holds h SET ending = x.ending, ended_by = x.by
          FROM unnest(x_id, x_ending, x_by) AS x (id, ending, by)
         WHERE h.book_id = p_book AND h.hold_id = x.id AND h.ended_by IS NULL;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> cardinality(x_id) THEN
            RAISE EXCEPTION 'a hold is not as it was loaded' USING ERRCODE = 'MD004';
        END IF;
    END IF;
END $$
"""

# Closing and reopening wait until no posting is under way, and no posting begins until they have committed.
PERIODS_LOAD = """
CREATE FUNCTION public.periods_load(
    p_book integer,
    OUT clock timestamptz, OUT c_period text[], OUT c_action text[], OUT c_closed_through date[]
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(19781, p_book);
    SELECT array_agg(c.period), array_agg(c.action), array_agg(c.closed_through)
      INTO c_period, c_action, c_closed_through
      FROM (SELECT * FROM public.closings WHERE book_id = p_book ORDER BY number) AS c;
    clock := clock_timestamp();
END $$
"""

PERIODS_WRITE = """
CREATE FUNCTION public.periods_write(
    p_book integer, p_number integer, p_period text, p_action text, p_closed_through date, p_actor text,
    p_recorded_at timestamptz
) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.closings (book_id, number, period, action, closed_through, actor, recorded_at)
    VALUES (p_book, p_number, p_period, p_action, p_closed_through, p_actor, p_recorded_at);
END $$
"""

# As before, but in plpgsql, which a distributed database runs whole on the node of the book.
OPEN = """
CREATE OR REPLACE FUNCTION public.accounts_open(
    p_book integer, p_code text[], p_name text[], p_class text[], p_unit text[], p_floor bigint[], p_kind text[],
    p_holder text[]
) RETURNS SETOF text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    INSERT INTO public.accounts (book_id, code, name, class, unit, floor, kind, holder)
    SELECT p_book, a.code, a.name, a.class, a.unit, a.floor, a.kind, a.holder
      FROM unnest(p_code, p_name, p_class, p_unit, p_floor, p_kind, p_holder)
        AS a (code, name, class, unit, floor, kind, holder)
     ORDER BY a.code
    ON CONFLICT (book_id, code) DO NOTHING
    RETURNING accounts.code;
END $$
"""

SET_STATUS = """
CREATE OR REPLACE FUNCTION public.account_set_status(p_book integer, p_code text, p_status text)
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.accounts SET status = p_status WHERE book_id = p_book AND code = p_code;
END $$
"""

TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.lot_moves
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.lot_moves ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.closings
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.closings ENABLE ALWAYS TRIGGER append_only;

-- What remains of a lot changes, and how a hold ended.
CREATE TRIGGER append_only
    BEFORE UPDATE OF book_id, account_id, number, part, transaction_id, origin, lapses_on, amount, returns
    OR DELETE OR TRUNCATE ON public.lots FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.lots ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only
    BEFORE UPDATE OF book_id, hold_id, account_id, held_account_id, amount, expires_at
    OR DELETE OR TRUNCATE ON public.holds FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.holds ENABLE ALWAYS TRIGGER append_only;
"""

_JOURNAL = ("accounts", "transactions", "entries", "day_totals", "keys")

_LOAD_BEFORE = "public.journal_load(integer, text[], text[], text[], uuid[])"
_WRITE_BEFORE = (
    "public.journal_write(integer, timestamptz, uuid[], text[], text[], timestamptz[], date[], text[], text[], text[],"
    " text[], text[], text[], uuid[], integer[], smallint[], bigint[], text[], bigint[], bigint[], bigint[], bigint[],"
    " text[], text[], text[], uuid[], text[])"
)


def upgrade() -> None:
    # Waits for the postings under way and keeps others out: one that the version before goes on with after its balance
    # has been made into a lot would leave a balance without one.
    op.execute("LOCK TABLE public.accounts IN EXCLUSIVE MODE")
    op.create_table(
        "lots",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("origin", sa.Uuid(), nullable=True),
        sa.Column("lapses_on", sa.Date(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("returns", sa.Uuid(), nullable=True),
        sa.CheckConstraint("amount > 0 OR transaction_id IS NULL", name=op.f("lots_amount_check")),
        sa.CheckConstraint("remaining >= 0", name=op.f("lots_remaining_check")),
        sa.PrimaryKeyConstraint("book_id", "account_id", "number", "part", name=op.f("lots_pkey")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("lots_open_idx", "lots", ["book_id", "account_id"], postgresql_where=sa.text("remaining > 0"))
    op.create_index("lots_returns_idx", "lots", ["book_id", "returns"], postgresql_where=sa.text("returns IS NOT NULL"))
    op.create_table(
        "lot_moves",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("returns", sa.Uuid(), nullable=True),
        sa.CheckConstraint("amount <> 0", name=op.f("lot_moves_amount_check")),
        sa.PrimaryKeyConstraint("book_id", "account_id", "transaction_id", "place", name=op.f("lot_moves_pkey")),
    )
    op.create_index(
        "lot_moves_returns_idx", "lot_moves", ["book_id", "returns"], postgresql_where=sa.text("returns IS NOT NULL")
    )
    op.create_table(
        "holds",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("held_account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("holds_amount_check")),
        sa.CheckConstraint("ending IN ('capture', 'void', 'lapse')", name=op.f("holds_ending_check")),
        sa.CheckConstraint("(ending IS NULL) = (ended_by IS NULL)", name=op.f("holds_ended_check")),
        sa.PrimaryKeyConstraint("book_id", "hold_id", name=op.f("holds_pkey")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("holds_open_idx", "holds", ["book_id", "account_id"], postgresql_where=sa.text("ended_by IS NULL"))
    op.create_index(
        "holds_ended_by_key",
        "holds",
        ["book_id", "ended_by"],
        unique=True,
        postgresql_where=sa.text("ended_by IS NOT NULL"),
    )
    op.create_table(
        "closings",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("period", sa.Text(collation="C"), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("closed_through", sa.Date(), nullable=True),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("action IN ('close', 'reopen')", name=op.f("closings_action_check")),
        sa.PrimaryKeyConstraint("book_id", "number", name=op.f("closings_pkey")),
    )
    # What was recorded after the day it is dated: few, and what "as known at" has to look for.
    op.create_index(
        "entries_late_idx",
        "entries",
        ["book_id", "account_id", "effective_on"],
        postgresql_where=sa.text("effective_on < (recorded_at AT TIME ZONE 'Asia/Shanghai')::date"),
    )
    # Refunds and clawbacks of a transaction are added up before another is taken.
    op.create_index(
        "transactions_corrects_idx",
        "transactions",
        ["book_id", "corrects"],
        postgresql_where=sa.text("correction <> 'reversal'"),
    )
    op.execute(
        "INSERT INTO public.lots (book_id, account_id, number, part, amount, remaining)"
        " SELECT book_id, account_id, number, 0, credits - debits, credits - debits FROM public.accounts"
        " WHERE number > 0 AND kind IN ('wallet', 'wallet_in_notice', 'wallet_held', 'household_wallet',"
        " 'team_wallet', 'estate_wallet', 'donation_pool')"
    )
    # What the statistics say of books is always of the books of yesterday: for a new one the planner expects a single
    # row and reads the whole book for it, a hundred thousand accounts for each batch. Without, it expects a share.
    for table in (*_JOURNAL, "lots", "lot_moves", "holds"):
        op.execute(f"ALTER TABLE public.{table} ALTER COLUMN book_id SET STATISTICS 0")
    op.execute(f"DROP FUNCTION {_LOAD_BEFORE}")
    op.execute(f"DROP FUNCTION {_WRITE_BEFORE}")
    for statement in (LOAD, WRITE, PERIODS_LOAD, PERIODS_WRITE, OPEN, SET_STATUS, TRIGGERS):
        op.execute(statement)
    op.execute(
        "REVOKE ALL ON FUNCTION public.journal_load, public.journal_write, public.periods_load, public.periods_write"
        " FROM PUBLIC"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION public.journal_load, public.journal_write, public.periods_load, public.periods_write")
    op.drop_index("transactions_corrects_idx", table_name="transactions")
    op.drop_index("entries_late_idx", table_name="entries")
    for table in ("closings", "holds", "lot_moves", "lots"):
        op.drop_table(table)
    for table in _JOURNAL:
        op.execute(f"ALTER TABLE public.{table} ALTER COLUMN book_id SET STATISTICS -1")
    before = importlib.import_module("migrations.versions.20261121_0001_books")
    for statement in (before.LOAD, before.WRITE):
        op.execute(statement)
    for statement in (before.OPEN, before.SET_STATUS):
        op.execute(statement.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    op.execute("REVOKE ALL ON FUNCTION public.journal_load, public.journal_write FROM PUBLIC")
