"""The sealed log: events, leaves, nodes, checkpoints, promises, what auditors looked at.

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-22 22:40:00

What there is already becomes part of the log: transactions as they are, and an event for each account, period, role and
approved version. The version before goes on undisturbed: what it opens meanwhile is written by the new functions.
"""

import hashlib
import importlib
import json
import uuid

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from ledger.database.metadata import TransactionNumber

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'

# A line is `head`, the commitment in hexadecimal digits, `tail`, perhaps the voucher, and a closing brace. Canonical
# JSON (RFC 8785): members in the order of their names, numbers as strings, absent members left out. to_json writes a
# text as RFC 8785 wants it: only quotation marks, backslashes and control characters are escaped, in their short form.
TRANSACTIONS = """
CREATE VIEW public.log_transactions AS
SELECT t.book_id, t.transaction_id AS item, t.xid, t.recorded_at,
       '{"actor":' || to_json(t.actor)::text
       || coalesce(',"approver":' || to_json(t.approver)::text, '')
       || ',"book":"' || b.code || '","client":' || to_json(t.client)::text || ',"commitment":"' AS head,
       '"' || coalesce(',"correction":"' || t.correction || '","corrects":"' || t.corrects::text || '"', '')
       || ',"effective_at":"' || to_char(t.effective_at AT TIME ZONE 'UTC', '{time}')
       || '","effective_on":"' || to_char(t.effective_on, 'YYYY-MM-DD')
       || '","entries":[' || coalesce(legs.entries, '')
       || '],"id":"' || t.transaction_id::text || '","kind":' || to_json(t.kind)::text
       || ',"recorded_at":"' || to_char(t.recorded_at AT TIME ZONE 'UTC', '{time}') || '"'
       || coalesce(',"request":' || to_json(t.request_id)::text, '')
       || ',"type":"transaction","v":"1"' AS tail,
       '{"description":' || to_json(t.description)::text || ',"key":' || to_json(t.key)::text || '}' AS texts
  FROM public.transactions t
  JOIN public.books b ON b.book_id = t.book_id
  LEFT JOIN LATERAL (
       SELECT string_agg('{"account":"' || a.code || '","balance":"' || e.balance_after
                  || CASE WHEN e.debit > 0 THEN '","debit":"' || e.debit ELSE '","credit":"' || e.credit END
                  || '","number":"' || e.number || '","unit":"' || e.unit || '"}', ',' ORDER BY e.line) AS entries
         FROM public.entries e
         JOIN public.accounts a ON a.book_id = t.book_id AND a.account_id = e.account_id
        WHERE e.book_id = t.book_id AND e.transaction_id = t.transaction_id) AS legs ON true
"""

EVENTS = """
CREATE VIEW public.log_events AS
SELECT v.book_id, v.event_id AS item, v.xid, v.recorded_at,
       '{"actor":' || to_json(v.actor)::text
       || ',"at":"' || to_char(v.recorded_at AT TIME ZONE 'UTC', '{time}')
       || '","book":"' || b.code || '","commitment":"' AS head,
       '","facts":' || v.facts || ',"id":"' || v.event_id::text || '","kind":' || to_json(v.kind)::text
       || ',"type":"event","v":"1"' AS tail,
       v.texts
  FROM public.events v
  JOIN public.books b ON b.book_id = v.book_id
"""

LINES = """
CREATE VIEW public.log_lines AS
SELECT l.book_id, l.leaf_index, l.type, l.item, l.voucher_year, l.voucher_number,
       t.head || encode(l.commitment, 'hex') || t.tail
       || ',"voucher":"' || l.voucher_year || '-' || l.voucher_number || '"}' AS line,
       t.texts, l.salt, l.commitment, l.hash, t.recorded_at
  FROM public.log_leaves l
  JOIN public.log_transactions t ON t.book_id = l.book_id AND t.item = l.item
 WHERE l.type = 'transaction'
UNION ALL
SELECT l.book_id, l.leaf_index, l.type, l.item, l.voucher_year, l.voucher_number,
       v.head || encode(l.commitment, 'hex') || v.tail || '}', v.texts, l.salt, l.commitment, l.hash, v.recorded_at
  FROM public.log_leaves l
  JOIN public.log_events v ON v.book_id = l.book_id AND v.item = l.item
 WHERE l.type = 'event'
"""

# One at a time for each book: the row of its state is locked. Nobody who posts waits for it.
#
# A database transaction's number is given before it commits, so they do not become visible in the order of their
# numbers. All below the horizon, the oldest that is still under way, have ended: what they committed is visible to the
# statements that follow, and nothing will be added to it. Who still posts has a number not below it.
#
# Another cluster counts its transactions anew (a dump that was restored). Then all that is there and not sealed is
# sealed once, whatever its number, and the counting begins at this cluster's horizon.
SEAL = """
CREATE FUNCTION public.log_seal(p_book integer, p_most integer, OUT size bigint, OUT complete boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan SET enable_material = off SET jit = off SET work_mem = '32MB' AS $$
DECLARE
    here CONSTANT text := (SELECT system_identifier::text FROM pg_control_system());
    state public.log_states;
    horizon xid8;
    last_xid xid8;
    until xid8;
    moved boolean;
    taken bigint;
    before bigint;
    first_place bigint;
    last_place bigint;
    hashes bytea;
BEGIN
    INSERT INTO public.log_states (book_id, cluster, era, xid, size) VALUES (p_book, here, 1, '0', 0)
    ON CONFLICT (book_id) DO NOTHING;
    SELECT * INTO state FROM public.log_states s WHERE s.book_id = p_book FOR UPDATE;
    horizon := pg_snapshot_xmin(pg_current_snapshot());
    moved := state.cluster <> here OR state.xid > horizon;
    -- The transaction that the last of `p_most` is of: what comes after it need not be looked at now.
    IF NOT moved THEN
        SELECT c.xid INTO last_xid FROM (
            (SELECT v.xid FROM public.events v
              WHERE v.book_id = p_book AND v.xid > state.xid AND v.xid < horizon ORDER BY v.xid LIMIT p_most)
            UNION ALL
            (SELECT t.xid FROM public.transactions t
              WHERE t.book_id = p_book AND t.xid > state.xid AND t.xid < horizon ORDER BY t.xid LIMIT p_most)) AS c
         ORDER BY c.xid LIMIT 1 OFFSET p_most - 1;
    END IF;

    WITH found AS MATERIALIZED (
        SELECT c.type, c.item, c.xid FROM (
            SELECT 'event'::text AS type, v.event_id AS item, v.xid FROM public.events v
             WHERE v.book_id = p_book AND v.xid >= CASE WHEN moved THEN '0' ELSE state.xid END
               AND (moved OR v.xid < horizon) AND (last_xid IS NULL OR v.xid <= last_xid)
            UNION ALL
            SELECT 'transaction', t.transaction_id, t.xid FROM public.transactions t
             WHERE t.book_id = p_book AND t.xid >= CASE WHEN moved THEN '0' ELSE state.xid END
               AND (moved OR t.xid < horizon) AND (last_xid IS NULL OR t.xid <= last_xid)) AS c
         WHERE (SELECT l.leaf_index FROM public.log_leaves l WHERE l.book_id = p_book AND l.item = c.item) IS NULL
         ORDER BY c.xid, c.type, c.item LIMIT CASE WHEN moved THEN NULL ELSE p_most END),
    lined AS (
        SELECT f.type, f.item, f.xid, t.head, t.tail, t.texts,
               extract(year FROM t.recorded_at AT TIME ZONE 'Asia/Shanghai')::smallint AS voucher_year
          FROM found f CROSS JOIN LATERAL (
                   SELECT * FROM public.log_transactions g WHERE g.book_id = p_book AND g.item = f.item OFFSET 0) AS t
         WHERE f.type = 'transaction'
        UNION ALL
        SELECT f.type, f.item, f.xid, v.head, v.tail, v.texts, NULL
          FROM found f CROSS JOIN LATERAL (
                   SELECT * FROM public.log_events g WHERE g.book_id = p_book AND g.item = f.item OFFSET 0) AS v
         WHERE f.type = 'event'),
    salted AS MATERIALIZED (
        SELECT l.*, p.commitment AS promised,
               CASE WHEN p.transaction_id IS NULL THEN uuid_send(gen_random_uuid()) ELSE p.salt END AS salt,
               state.size + row_number() OVER (ORDER BY l.xid, l.type, l.item) - 1 AS leaf_index,
               row_number() OVER (PARTITION BY l.voucher_year ORDER BY l.xid, l.item) AS place_in_year
          FROM lined l
          LEFT JOIN LATERAL (
                   SELECT * FROM public.log_promises g WHERE g.book_id = p_book AND g.transaction_id = l.item OFFSET 0
               ) AS p ON true),
    years AS MATERIALIZED (
        SELECT y.voucher_year, coalesce((
                   SELECT max(l.voucher_number) FROM public.log_leaves l
                    WHERE l.book_id = p_book AND l.voucher_year = y.voucher_year), 0) AS last_number
          FROM (SELECT DISTINCT voucher_year FROM salted WHERE voucher_year IS NOT NULL) AS y),
    numbered AS (
        SELECT s.*, coalesce(s.promised, sha256(s.salt || convert_to(s.texts, 'UTF8'))) AS commitment,
               y.last_number + s.place_in_year AS voucher_number
          FROM salted s LEFT JOIN years y ON y.voucher_year = s.voucher_year),
    added AS (
        INSERT INTO public.log_leaves (book_id, leaf_index, type, item, voucher_year, voucher_number, commitment, salt,
                                       hash)
        SELECT p_book, n.leaf_index, n.type, n.item, n.voucher_year, n.voucher_number,
               n.commitment, n.salt,
               sha256('\\x00'::bytea || convert_to(
                   n.head || encode(n.commitment, 'hex') || n.tail
                   || coalesce(',"voucher":"' || n.voucher_year || '-' || n.voucher_number || '"', '') || '}', 'UTF8'))
          FROM numbered n ORDER BY n.leaf_index
        RETURNING log_leaves.leaf_index)
    SELECT count(*), (SELECT f.xid FROM found f ORDER BY f.xid DESC LIMIT 1) INTO taken, until FROM added;

    complete := moved OR taken < p_most AND last_xid IS NULL;
    before := state.size;
    size := state.size + taken;
    UPDATE public.log_states s
       SET cluster = here, era = s.era + moved::integer, size = s.size + taken,
           xid = CASE WHEN complete THEN horizon WHEN taken < p_most THEN last_xid ELSE until END
     WHERE s.book_id = p_book;

    -- The roots of 256, of 256 * 256, … leaves that are full now.
    FOR tile_level IN 1..7 LOOP
        first_place := before / 256;
        last_place := log_seal.size / (256::bigint ^ tile_level)::bigint - 1;
        EXIT WHEN last_place < first_place;
        FOR tile_place IN first_place..last_place LOOP
            IF tile_level = 1 THEN
                SELECT string_agg(l.hash, ''::bytea ORDER BY l.leaf_index) INTO hashes FROM public.log_leaves l
                 WHERE l.book_id = p_book AND l.leaf_index BETWEEN tile_place * 256 AND tile_place * 256 + 255;
            ELSE
                SELECT string_agg(n.hash, ''::bytea ORDER BY n.place) INTO hashes FROM public.log_nodes n
                 WHERE n.book_id = p_book AND n.level = tile_level - 1
                   AND n.place BETWEEN tile_place * 256 AND tile_place * 256 + 255;
            END IF;
            WHILE octet_length(hashes) > 32 LOOP
                SELECT string_agg(sha256('\\x01'::bytea || substr(hashes, pair * 64 + 1, 64)), ''::bytea ORDER BY pair)
                  INTO hashes FROM generate_series(0, octet_length(hashes) / 64 - 1) AS pair;
            END LOOP;
            INSERT INTO public.log_nodes (book_id, level, place, hash)
            VALUES (p_book, tile_level, tile_place, hashes);
        END LOOP;
        before := first_place;
    END LOOP;
END $$
"""

# What is promised is the digest of the line without its voucher, which it does not have yet. The lock keeps the sealer
# from taking another salt meanwhile. NULL: it is sealed, or there is no such transaction.
PROMISE = """
CREATE FUNCTION public.log_promise(p_book integer, p_transaction uuid)
RETURNS bytea LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fresh CONSTANT bytea := uuid_send(gen_random_uuid());
    digest bytea;
BEGIN
    INSERT INTO public.log_states (book_id, cluster, era, xid, size)
    SELECT p_book, system_identifier::text, 1, '0', 0 FROM pg_control_system()
    ON CONFLICT (book_id) DO NOTHING;
    PERFORM FROM public.log_states s WHERE s.book_id = p_book FOR UPDATE;
    IF EXISTS (SELECT FROM public.log_leaves l WHERE l.book_id = p_book AND l.item = p_transaction) THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.log_promises (book_id, transaction_id, commitment, salt, promised_at)
    SELECT p_book, t.item, sha256(fresh || convert_to(t.texts, 'UTF8')), fresh, clock_timestamp()
      FROM public.log_transactions t WHERE t.book_id = p_book AND t.item = p_transaction
    ON CONFLICT (book_id, transaction_id) DO NOTHING;
    SELECT sha256(convert_to(t.head || encode(p.commitment, 'hex') || t.tail || '}', 'UTF8')) INTO digest
      FROM public.log_promises p
      JOIN public.log_transactions t ON t.book_id = p_book AND t.item = p.transaction_id
     WHERE p.book_id = p_book AND p.transaction_id = p_transaction;
    RETURN digest;
END $$
"""

# A person has been erased: the free text of the transactions on her accounts goes, and with the salts nobody can find
# out by trying what it was. The lines and their hashes stay as they are.
FORGET = """
CREATE FUNCTION public.log_forget(p_book integer, p_holder text)
RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hers uuid[];
BEGIN
    INSERT INTO public.log_states (book_id, cluster, era, xid, size)
    SELECT p_book, system_identifier::text, 1, '0', 0 FROM pg_control_system()
    ON CONFLICT (book_id) DO NOTHING;
    PERFORM FROM public.log_states s WHERE s.book_id = p_book FOR UPDATE;
    SELECT array_agg(DISTINCT e.transaction_id) INTO hers FROM public.accounts a
      JOIN public.entries e ON e.book_id = p_book AND e.account_id = a.account_id
     WHERE a.book_id = p_book AND a.holder = p_holder;
    UPDATE public.transactions t SET description = '' WHERE t.book_id = p_book AND t.transaction_id = ANY (hers);
    UPDATE public.keys k SET call = '' WHERE k.book_id = p_book AND (k.client, k.key) IN (
        SELECT t.client, t.key FROM public.transactions t WHERE t.book_id = p_book AND t.transaction_id = ANY (hers));
    UPDATE public.log_promises p SET salt = NULL WHERE p.book_id = p_book AND p.transaction_id = ANY (hers);
    UPDATE public.log_leaves l SET salt = NULL WHERE l.book_id = p_book AND l.item = ANY (hers);
    RETURN coalesce(cardinality(hers), 0);
END $$
"""

# As before, and each tells the log what it has done.
OPEN = """
CREATE OR REPLACE FUNCTION public.accounts_open(
    p_book integer, p_code text[], p_name text[], p_class text[], p_unit text[], p_floor bigint[], p_kind text[],
    p_holder text[]
) RETURNS SETOF text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH opened AS (
        INSERT INTO public.accounts (book_id, code, name, class, unit, floor, kind, holder)
        SELECT p_book, a.code, a.name, a.class, a.unit, a.floor, a.kind, a.holder
          FROM unnest(p_code, p_name, p_class, p_unit, p_floor, p_kind, p_holder)
            AS a (code, name, class, unit, floor, kind, holder)
         ORDER BY a.code
        ON CONFLICT (book_id, code) DO NOTHING
        RETURNING accounts.*),
    told AS (
        INSERT INTO public.events (book_id, event_id, kind, actor, facts, texts, recorded_at)
        SELECT p_book, gen_random_uuid(), 'account_opened', 'service', {facts}, {texts}, clock_timestamp()
          FROM opened o JOIN public.units u ON u.code = o.unit)
    SELECT o.code FROM opened o;
END $$
"""

OPENED_FACTS = """'{"account":"' || o.code || '","class":"' || o.class || '"'
               || coalesce(',"floor":"' || o.floor || '"', '')
               || coalesce(',"holder":' || to_json(o.holder)::text, '')
               || coalesce(',"kind":"' || o.kind || '"', '')
               || ',"scale":"' || u.scale || '","unit":"' || o.unit || '"}'"""

OPENED_TEXTS = """'{"name":' || to_json(o.name)::text || '}'"""

SET_STATUS = """
CREATE OR REPLACE FUNCTION public.account_set_status(p_book integer, p_code text, p_status text)
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH changed AS (
        UPDATE public.accounts SET status = p_status WHERE book_id = p_book AND code = p_code AND status <> p_status
        RETURNING code)
    INSERT INTO public.events (book_id, event_id, kind, actor, facts, texts, recorded_at)
    SELECT p_book, gen_random_uuid(), 'account_status', 'service',
           '{"account":"' || c.code || '","status":"' || p_status || '"}', '{}', clock_timestamp() FROM changed c;
END $$
"""

PERIODS_WRITE = """
CREATE OR REPLACE FUNCTION public.periods_write(
    p_book integer, p_number integer, p_period text, p_action text, p_closed_through date, p_actor text,
    p_recorded_at timestamptz
) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.closings (book_id, number, period, action, closed_through, actor, recorded_at)
    VALUES (p_book, p_number, p_period, p_action, p_closed_through, p_actor, p_recorded_at);
    INSERT INTO public.events (book_id, event_id, kind, actor, facts, texts, recorded_at)
    VALUES (p_book, gen_random_uuid(), CASE p_action WHEN 'close' THEN 'period_closed' ELSE 'period_reopened' END,
            p_actor,
            '{' || coalesce('"closed_through":"' || to_char(p_closed_through, 'YYYY-MM-DD') || '",', '')
            || '"period":"' || p_period || '"}', '{}', p_recorded_at);
END $$
"""

TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.events
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.events ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.log_nodes
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.log_nodes ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.log_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.log_checkpoints ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.log_looks
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.log_looks ENABLE ALWAYS TRIGGER append_only;

-- A salt can be destroyed.
CREATE TRIGGER append_only
    BEFORE UPDATE OF book_id, leaf_index, type, item, voucher_year, voucher_number, commitment, hash
    OR DELETE OR TRUNCATE ON public.log_leaves FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.log_leaves ENABLE ALWAYS TRIGGER append_only;

CREATE TRIGGER append_only
    BEFORE UPDATE OF book_id, transaction_id, commitment, promised_at OR DELETE OR TRUNCATE
    ON public.log_promises FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.log_promises ENABLE ALWAYS TRIGGER append_only;

-- Free text can be destroyed: the description, and the call that says it again.
DROP TRIGGER append_only ON public.transactions;
CREATE TRIGGER append_only
    BEFORE UPDATE OF book_id, transaction_id, kind, effective_at, effective_on, recorded_at, client, key, actor,
                     approver, request_id, correction, corrects, xid
    OR DELETE OR TRUNCATE ON public.transactions FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.transactions ENABLE ALWAYS TRIGGER append_only;

DROP TRIGGER append_only ON public.keys;
CREATE TRIGGER append_only
    BEFORE UPDATE OF book_id, client, key, transaction_id, refusal, recorded_at OR DELETE OR TRUNCATE
    ON public.keys FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.keys ENABLE ALWAYS TRIGGER append_only;
"""

TRIGGERS_BEFORE = """
DROP TRIGGER append_only ON public.transactions;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.transactions
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.transactions ENABLE ALWAYS TRIGGER append_only;

DROP TRIGGER append_only ON public.keys;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.keys
    FOR EACH STATEMENT EXECUTE FUNCTION public.append_only();
ALTER TABLE public.keys ENABLE ALWAYS TRIGGER append_only;
"""

# What the log has to tell of what was there before it.
_ACCOUNTS_BEFORE = """
INSERT INTO public.events (book_id, event_id, kind, actor, facts, texts, recorded_at)
SELECT o.book_id, gen_random_uuid(), 'account_opened', 'service', {facts}, {texts}, clock_timestamp()
  FROM public.accounts o JOIN public.units u ON u.code = o.unit
"""

_STATUSES_BEFORE = """
INSERT INTO public.events (book_id, event_id, kind, actor, facts, texts, recorded_at)
SELECT a.book_id, gen_random_uuid(), 'account_status', 'service',
       '{"account":"' || a.code || '","status":"' || a.status || '"}', '{}', clock_timestamp()
  FROM public.accounts a WHERE a.status <> 'open'
"""

_VERSIONED = {"rule_sets": "rule_set", "policies": "policy", "ladders": "ladder"}


def _canonical(members):
    return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _event(book, kind, actor, facts, at):
    return {
        "book_id": book,
        "event_id": uuid.uuid4(),
        "kind": kind,
        "actor": actor,
        "facts": _canonical({name: value for name, value in facts.items() if value is not None}),
        "texts": "{}",
        "recorded_at": at,
    }


def _before(connection):
    """Events of the periods, roles and approved versions that there are, in the order in which they came about."""
    for row in connection.execute(sa.text("SELECT * FROM public.closings ORDER BY book_id, number")).mappings():
        kind = "period_closed" if row["action"] == "close" else "period_reopened"
        through = row["closed_through"] and row["closed_through"].isoformat()
        facts = {"period": row["period"], "closed_through": through}
        yield _event(row["book_id"], kind, row["actor"], facts, row["recorded_at"])
    for row in connection.execute(sa.text("SELECT * FROM public.roles ORDER BY role_id")).mappings():
        whose = {"role_id": str(row["role_id"]), "user": f"user:{row['user_id']}"}
        facts = {
            **whose,
            "role": row["role"],
            "organisation": row["organisation"],
            "outlet": row["outlet"],
            "until": row["until"] and row["until"].isoformat(),
        }
        yield _event(row["book_id"], "role_granted", row["given_by"], facts, row["given_at"])
        if row["ended_at"] is not None:
            yield _event(row["book_id"], "role_ended", row["ended_by"], whose, row["ended_at"])
    for table, word in _VERSIONED.items():
        approved = sa.text(f"SELECT * FROM public.{table} WHERE approved ORDER BY book_id, version")  # noqa: S608 - ours
        for row in connection.execute(approved).mappings():
            facts = {
                "of": word,
                "version": str(row["version"]),
                "effective_from": row["effective_from"].isoformat(),
                "digest": hashlib.sha256(_canonical(row["body"]).encode()).hexdigest(),
                "drafted_by": row["drafted_by"],
            }
            yield _event(row["book_id"], "version_approved", row["decided_by"], facts, row["decided_at"])


def _filled(statement):
    """The statement with the parts that several have in common."""
    parts = {"{time}": _TIME, "{facts}": OPENED_FACTS, "{texts}": OPENED_TEXTS}
    for mark, part in parts.items():
        statement = statement.replace(mark, part)
    return statement


def upgrade() -> None:
    events = op.create_table(
        "events",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("xid", TransactionNumber(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "event_id", name=op.f("events_pkey")),
    )
    op.create_index(op.f("events_book_id_xid_idx"), "events", ["book_id", "xid"], unique=False)
    op.create_table(
        "log_leaves",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(collation="C"), nullable=False),
        sa.Column("item", sa.Uuid(), nullable=False),
        sa.Column("voucher_year", sa.SmallInteger(), nullable=True),
        sa.Column("voucher_number", sa.BigInteger(), nullable=True),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("type IN ('transaction', 'event')", name=op.f("log_leaves_type_check")),
        sa.CheckConstraint(
            "(type = 'transaction') = (voucher_year IS NOT NULL) AND (voucher_year IS NULL) = (voucher_number IS NULL)",
            name=op.f("log_leaves_voucher_check"),
        ),
        sa.PrimaryKeyConstraint("book_id", "leaf_index", name=op.f("log_leaves_pkey")),
        sa.UniqueConstraint("book_id", "item", name=op.f("log_leaves_book_id_item_key")),
        sa.UniqueConstraint(
            "book_id", "voucher_year", "voucher_number", name=op.f("log_leaves_book_id_voucher_year_voucher_number_key")
        ),
    )
    op.create_table(
        "log_nodes",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "level", "place", name=op.f("log_nodes_pkey")),
    )
    op.create_table(
        "log_states",
        sa.Column("book_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cluster", sa.Text(collation="C"), nullable=False),
        sa.Column("era", sa.Integer(), nullable=False),
        sa.Column("xid", TransactionNumber(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book_id", name=op.f("log_states_pkey")),
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "number", name=op.f("log_checkpoints_pkey")),
    )
    op.create_table(
        "log_promises",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "transaction_id", name=op.f("log_promises_pkey")),
    )
    op.create_table(
        "log_looks",
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("look_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("what", sa.Text(collation="C"), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("book_id", "look_id", name=op.f("log_looks_pkey")),
    )
    op.create_index(op.f("transactions_book_id_xid_idx"), "transactions", ["book_id", "xid"], unique=False)
    # As for the journal: what the statistics say of books is always of the books of yesterday.
    for table in ("events", "log_leaves", "log_nodes"):
        op.execute(f"ALTER TABLE public.{table} ALTER COLUMN book_id SET STATISTICS 0")
    for statement in (TRANSACTIONS, EVENTS, LINES, SEAL, PROMISE, FORGET, OPEN, SET_STATUS, PERIODS_WRITE):
        op.execute(_filled(statement))
    op.execute("REVOKE ALL ON FUNCTION public.log_seal, public.log_promise, public.log_forget FROM PUBLIC")
    # Accounts that the version before opens while this runs wait for it, and are told of by the function above.
    op.execute("LOCK TABLE public.accounts, public.closings, public.roles IN SHARE MODE")
    op.execute(_filled(_ACCOUNTS_BEFORE))
    op.execute(_STATUSES_BEFORE)
    before = list(_before(op.get_bind()))
    if before:
        op.bulk_insert(events, before)
    op.execute(TRIGGERS)


def downgrade() -> None:
    op.execute(TRIGGERS_BEFORE)
    op.execute("DROP FUNCTION public.log_seal, public.log_promise, public.log_forget")
    for view in ("log_lines", "log_events", "log_transactions"):
        op.execute(f"DROP VIEW public.{view}")
    engine = importlib.import_module("migrations.versions.20261121_0002_engine")
    for statement in (engine.OPEN, engine.SET_STATUS):
        op.execute(statement)
    op.execute(engine.PERIODS_WRITE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    op.drop_index(op.f("transactions_book_id_xid_idx"), table_name="transactions")
    for table in ("log_looks", "log_promises", "log_checkpoints", "log_states", "log_nodes", "log_leaves", "events"):
        op.drop_table(table)
