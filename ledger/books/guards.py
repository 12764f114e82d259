"""The guards of the journal and of the logs as they must stand: what `meide check` compares the catalogue with.

Definitions are written as PostgreSQL gives them back (white space apart), functions by the MD5 of their source: a name
alone would not show a guard that guards nothing. Who changes a guard in a migration changes it here; a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books.integrity import Finding
from ledger.books.tables import (
    accounts,
    books,
    closings,
    day_totals,
    entries,
    holds,
    keys,
    lot_moves,
    lots,
    transactions,
    units,
)
from ledger.database import schema

JOURNAL: Final = tuple(
    table.name for table in (accounts, transactions, entries, day_totals, keys, lots, lot_moves, holds, closings)
)

ACCESS_LOG: Final = "access_log"
"""Of another room, and only added to like the journal: who saw whose personal data."""

LOG: Final = ("events", "log_leaves", "log_nodes", "log_states", "log_checkpoints", "log_promises", "log_looks")
"""Of other rooms too: the sealed log."""

GUARDED: Final = (*JOURNAL, ACCESS_LOG, *LOG)

_ADDED_TO: Final = frozenset({"SELECT", "INSERT"})
_READ: Final = frozenset({"SELECT"})
_ALLOWED: Final = {
    ACCESS_LOG: _ADDED_TO,
    **dict.fromkeys(("events", "log_checkpoints", "log_looks"), _ADDED_TO),
    **dict.fromkeys(("log_leaves", "log_nodes", "log_states", "log_promises"), _READ),
}
"""What the service may do with the tables of other rooms."""

_APPEND_ONLY: Final = "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"

TRIGGERS: Final[Mapping[tuple[str, str], str]] = {
    (
        "accounts",
        "append_only",
    ): "BEFORE DELETE OR UPDATE OF book_id, account_id, code, class, unit, floor, kind, holder"
    f" OR TRUNCATE ON public.accounts {_APPEND_ONLY}",
    ("transactions", "append_only"): "BEFORE DELETE OR UPDATE OF book_id, transaction_id, kind, effective_at,"
    " effective_on, recorded_at, client, key, actor, approver, request_id, correction, corrects, xid OR TRUNCATE"
    f" ON public.transactions {_APPEND_ONLY}",
    ("entries", "append_only"): f"BEFORE DELETE OR UPDATE OR TRUNCATE ON public.entries {_APPEND_ONLY}",
    ("keys", "append_only"): "BEFORE DELETE OR UPDATE OF book_id, client, key, transaction_id, refusal, recorded_at"
    f" OR TRUNCATE ON public.keys {_APPEND_ONLY}",
    ("day_totals", "append_only"): f"BEFORE DELETE OR TRUNCATE ON public.day_totals {_APPEND_ONLY}",
    ("lot_moves", "append_only"): f"BEFORE DELETE OR UPDATE OR TRUNCATE ON public.lot_moves {_APPEND_ONLY}",
    ("closings", "append_only"): f"BEFORE DELETE OR UPDATE OR TRUNCATE ON public.closings {_APPEND_ONLY}",
    ("lots", "append_only"): "BEFORE DELETE OR UPDATE OF book_id, account_id, number, part, transaction_id, origin,"
    f" lapses_on, amount, returns OR TRUNCATE ON public.lots {_APPEND_ONLY}",
    ("holds", "append_only"): "BEFORE DELETE OR UPDATE OF book_id, hold_id, account_id, held_account_id, amount,"
    f" expires_at OR TRUNCATE ON public.holds {_APPEND_ONLY}",
    (ACCESS_LOG, "append_only"): f"BEFORE DELETE OR UPDATE OR TRUNCATE ON public.access_log {_APPEND_ONLY}",
    **{
        (table, "append_only"): f"BEFORE DELETE OR UPDATE OR TRUNCATE ON public.{table} {_APPEND_ONLY}"
        for table in ("events", "log_nodes", "log_checkpoints", "log_looks")
    },
    ("log_leaves", "append_only"): "BEFORE DELETE OR UPDATE OF book_id, leaf_index, type, item, voucher_year,"
    f" voucher_number, commitment, hash OR TRUNCATE ON public.log_leaves {_APPEND_ONLY}",
    ("log_promises", "append_only"): "BEFORE DELETE OR UPDATE OF book_id, transaction_id, commitment, promised_at"
    f" OR TRUNCATE ON public.log_promises {_APPEND_ONLY}",
    ("entries", "balance"): "AFTER INSERT ON public.entries REFERENCING NEW TABLE AS added"
    " FOR EACH STATEMENT EXECUTE FUNCTION entries_balance()",
}

CONSTRAINTS: Final[Mapping[tuple[str, str], str]] = {
    ("accounts", "accounts_pkey"): "PRIMARY KEY (book_id, account_id)",
    ("accounts", "accounts_book_id_code_key"): "UNIQUE (book_id, code)",
    ("accounts", "accounts_book_id_fkey"): "FOREIGN KEY (book_id) REFERENCES books(book_id)",
    ("accounts", "accounts_unit_fkey"): "FOREIGN KEY (unit) REFERENCES units(code)",
    ("accounts", "accounts_class_check"): "CHECK ((class = ANY (ARRAY['asset'::text, 'liability'::text, 'equity'::text,"
    " 'income'::text, 'expense'::text, 'memo_debit'::text, 'memo_credit'::text])))",
    ("accounts", "accounts_status_check"): "CHECK ((status = ANY (ARRAY['open'::text, 'frozen'::text,"
    " 'closed'::text])))",
    ("accounts", "accounts_floor_check"): "CHECK (((floor IS NULL) OR ( CASE WHEN (class = ANY (ARRAY['asset'::text,"
    " 'expense'::text, 'memo_debit'::text])) THEN (debits - credits) ELSE (credits - debits) END >= floor)))",
    ("transactions", "transactions_pkey"): "PRIMARY KEY (book_id, transaction_id)",
    ("transactions", "transactions_correction_check"): "CHECK ((correction = ANY (ARRAY['reversal'::text,"
    " 'refund'::text, 'clawback'::text])))",
    ("transactions", "transactions_corrects_check"): "CHECK (((correction IS NULL) = (corrects IS NULL)))",
    ("transactions", "transactions_reversal_key"): "CREATE UNIQUE INDEX transactions_reversal_key ON"
    " public.transactions USING btree (book_id, corrects) WHERE (correction = 'reversal'::text)",
    ("transactions", "transactions_corrects_idx"): "CREATE INDEX transactions_corrects_idx ON public.transactions"
    " USING btree (book_id, corrects) WHERE (correction <> 'reversal'::text)",
    ("transactions", "transactions_book_id_xid_idx"): "CREATE INDEX transactions_book_id_xid_idx ON"
    " public.transactions USING btree (book_id, xid)",
    ("entries", "entries_pkey"): "PRIMARY KEY (book_id, account_id, number)",
    ("entries", "entries_side_check"): "CHECK (((debit >= 0) AND (credit >= 0) AND ((debit = 0) <> (credit = 0))))",
    ("entries", "entries_book_id_transaction_id_idx"): "CREATE INDEX entries_book_id_transaction_id_idx ON"
    " public.entries USING btree (book_id, transaction_id)",
    ("entries", "entries_late_idx"): "CREATE INDEX entries_late_idx ON public.entries USING btree (book_id, account_id,"
    " effective_on) WHERE (effective_on < ((recorded_at AT TIME ZONE 'Asia/Shanghai'::text))::date)",
    ("day_totals", "day_totals_pkey"): "PRIMARY KEY (book_id, account_id, day)",
    ("keys", "keys_pkey"): "PRIMARY KEY (book_id, client, key)",
    ("keys", "keys_outcome_check"): "CHECK (((transaction_id IS NULL) <> (refusal IS NULL)))",
    ("lots", "lots_pkey"): "PRIMARY KEY (book_id, account_id, number, part)",
    ("lots", "lots_amount_check"): "CHECK (((amount > 0) OR (transaction_id IS NULL)))",
    ("lots", "lots_remaining_check"): "CHECK ((remaining >= 0))",
    ("lots", "lots_lapsing_idx"): "CREATE INDEX lots_lapsing_idx ON public.lots USING btree (book_id, lapses_on,"
    " account_id) WHERE ((remaining > 0) AND (lapses_on IS NOT NULL))",
    ("lots", "lots_open_idx"): "CREATE INDEX lots_open_idx ON public.lots USING btree (book_id, account_id)"
    " WHERE (remaining > 0)",
    ("lots", "lots_returns_idx"): "CREATE INDEX lots_returns_idx ON public.lots USING btree (book_id, returns)"
    " WHERE (returns IS NOT NULL)",
    ("lot_moves", "lot_moves_pkey"): "PRIMARY KEY (book_id, account_id, transaction_id, place)",
    ("lot_moves", "lot_moves_amount_check"): "CHECK ((amount <> 0))",
    ("lot_moves", "lot_moves_returns_idx"): "CREATE INDEX lot_moves_returns_idx ON public.lot_moves USING btree"
    " (book_id, returns) WHERE (returns IS NOT NULL)",
    ("holds", "holds_pkey"): "PRIMARY KEY (book_id, hold_id)",
    ("holds", "holds_amount_check"): "CHECK ((amount > 0))",
    ("holds", "holds_ending_check"): "CHECK ((ending = ANY (ARRAY['capture'::text, 'void'::text, 'lapse'::text])))",
    ("holds", "holds_ended_check"): "CHECK (((ending IS NULL) = (ended_by IS NULL)))",
    ("holds", "holds_ended_by_key"): "CREATE UNIQUE INDEX holds_ended_by_key ON public.holds USING btree"
    " (book_id, ended_by) WHERE (ended_by IS NOT NULL)",
    ("holds", "holds_open_idx"): "CREATE INDEX holds_open_idx ON public.holds USING btree (book_id, account_id)"
    " WHERE (ended_by IS NULL)",
    ("closings", "closings_pkey"): "PRIMARY KEY (book_id, number)",
    ("closings", "closings_action_check"): "CHECK ((action = ANY (ARRAY['close'::text, 'reopen'::text])))",
    ("events", "events_pkey"): "PRIMARY KEY (book_id, event_id)",
    ("events", "events_book_id_xid_idx"): "CREATE INDEX events_book_id_xid_idx ON public.events USING btree"
    " (book_id, xid)",
    ("log_leaves", "log_leaves_pkey"): "PRIMARY KEY (book_id, leaf_index)",
    ("log_leaves", "log_leaves_book_id_item_key"): "UNIQUE (book_id, item)",
    ("log_leaves", "log_leaves_book_id_voucher_year_voucher_number_key"): "UNIQUE (book_id, voucher_year,"
    " voucher_number)",
    ("log_leaves", "log_leaves_type_check"): "CHECK ((type = ANY (ARRAY['transaction'::text, 'event'::text])))",
    ("log_leaves", "log_leaves_voucher_check"): "CHECK ((((type = 'transaction'::text) = (voucher_year IS NOT NULL))"
    " AND ((voucher_year IS NULL) = (voucher_number IS NULL))))",
    ("log_nodes", "log_nodes_pkey"): "PRIMARY KEY (book_id, level, place)",
    ("log_states", "log_states_pkey"): "PRIMARY KEY (book_id)",
    ("log_checkpoints", "log_checkpoints_pkey"): "PRIMARY KEY (book_id, number)",
    ("log_promises", "log_promises_pkey"): "PRIMARY KEY (book_id, transaction_id)",
    ("log_looks", "log_looks_pkey"): "PRIMARY KEY (book_id, look_id)",
    (ACCESS_LOG, "access_log_pkey"): "PRIMARY KEY (book_id, access_id)",
    (ACCESS_LOG, "access_log_book_id_fkey"): "FOREIGN KEY (book_id) REFERENCES books(book_id)",
    (ACCESS_LOG, "access_log_book_id_holder_access_id_idx"): "CREATE INDEX access_log_book_id_holder_access_id_idx ON"
    " public.access_log USING btree (book_id, holder, access_id)",
}
"""Constraints and indexes: without its index a posting would read whole tables."""

FUNCTIONS: Final[Mapping[str, str]] = {
    "journal_load": "efe955beccd9c9be3c5f6e4bb083c477",
    "journal_write": "7abde105f07dca59d92652b896c0bf0b",
    "periods_load": "fbcc7f6c15294deafb161f9f1c0a0846",
    "periods_write": "331734b26ec18aba1662acd31f9bb89a",
    "accounts_open": "21db06997d23bba9db1b02e73726943c",
    "account_set_status": "20243704434fd46a61a5f078d9ec164f",
    "log_seal": "7dd7dca329ec4e26b3aca1809daaf7fc",
    "log_promise": "3f06785c46dbc2f227cd0fa47a70a464",
    "log_forget": "ec4e489bd0d8c77a056b9c592a5ed920",
    "append_only": "70f8b94fa6a516e31aca0b3ec69725c9",
    "entries_balance": "7c225a0283137d467969a7d2e94763a4",
}

VIEWS: Final[Mapping[str, str]] = {
    "log_transactions": "7b65008c861d9c4369281839d1cd7ffe",
    "log_events": "8c287f5bd59e6701cd213616612699c5",
    "log_lines": "017bfc8b324df041fa9d7d0410909de9",
}
"""The MD5 of each definition on one line, the same on PostgreSQL 15 to 18: the lines of the log are what these say."""

_PRIVILEGES_HELD: Final = """
    SELECT c.relname, array_remove(array_agg(p.privilege ORDER BY p.privilege)
        FILTER (WHERE CASE WHEN p.privilege IN ('DELETE', 'TRUNCATE', 'TRIGGER')
            THEN has_table_privilege(c.oid, p.privilege) ELSE has_any_column_privilege(c.oid, p.privilege) END), NULL)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'])
        AS p (privilege)
    WHERE c.relname = ANY (:tables) GROUP BY c.relname ORDER BY c.relname"""

_TRIGGERS_STANDING: Final = """
    SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled::text
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    WHERE NOT t.tgisinternal AND c.relname = ANY (:tables) ORDER BY c.relname, t.tgname"""

_CONSTRAINTS_STANDING: Final = """
    SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    WHERE c.relname = ANY (:tables) AND k.convalidated
    UNION ALL
    SELECT c.relname, i.relname, pg_get_indexdef(i.oid) FROM pg_index x
    JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    WHERE c.relname = ANY (:tables) AND x.indisvalid
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid)"""

# The service's functions run as the owner with a fixed search path, and nobody else may call them.
_FUNCTIONS_STANDING: Final = """
    SELECT p.proname, md5(p.prosrc) FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'public'
    WHERE p.proname = ANY (:functions) AND 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig)
      AND p.proowner = (SELECT relowner FROM pg_class WHERE oid = 'public.entries'::regclass)
      AND (p.prorettype = 'trigger'::regtype OR p.prosecdef AND has_function_privilege(p.oid, 'EXECUTE')
           AND NOT has_function_privilege('public', p.oid, 'EXECUTE'))"""

_VIEWS_STANDING: Final = """
    SELECT c.relname, md5(regexp_replace(pg_get_viewdef(c.oid), '\\s+', ' ', 'g')) FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    WHERE c.relname = ANY (:views) AND c.relkind = 'v' AND c.reloptions IS NULL
      AND c.relowner = (SELECT relowner FROM pg_class WHERE oid = 'public.entries'::regclass)"""


async def check_guards(database: AsyncEngine) -> list[Finding]:
    """Whatever of the privileges, triggers, functions, views and constraints is not in place for this role."""
    async with database.connect() as tx:
        await tx.execute(text("SET LOCAL search_path = public"))  # definitions name what is found in it without schema
        held = await _rows(tx, _PRIVILEGES_HELD, tables=[*GUARDED, books.name, units.name])
        triggers = await _rows(tx, _TRIGGERS_STANDING, tables=GUARDED)
        constraints = await _rows(tx, _CONSTRAINTS_STANDING, tables=GUARDED)
        functions = await _rows(tx, _FUNCTIONS_STANDING, functions=list(FUNCTIONS))
        views = dict(await _rows(tx, _VIEWS_STANDING, views=list(VIEWS)))
    allowed = {**schema.privileges(), **_ALLOWED}
    standing = {(table, name): _plain(definition) for table, name, definition in constraints}
    guarding = {
        (table, name): _plain(definition).removeprefix(f"CREATE TRIGGER {name} ")
        for table, name, definition, enabled in triggers
        if enabled == "A"
    }
    return [
        *(
            Finding("privileges_differ", {"table": table, "held": sorted(has or ()), "allowed": sorted(allowed[table])})
            for table, has in held
            if frozenset(has or ()) != allowed[table]
        ),
        *(
            Finding("trigger_not_in_place", {"table": table, "trigger": name})
            for (table, name), definition in TRIGGERS.items()
            if guarding.get((table, name)) != definition
        ),
        *(
            Finding("trigger_not_ours", {"table": table, "trigger": name})
            for table, name, _definition, _enabled in triggers
            if (table, name) not in TRIGGERS
        ),
        *(
            Finding("function_not_in_place", {"function": name})
            for name, digest in FUNCTIONS.items()
            if [found for function, found in functions if function == name] != [digest]
        ),
        *(Finding("view_not_in_place", {"view": name}) for name, digest in VIEWS.items() if views.get(name) != digest),
        *(
            Finding("constraint_not_in_place", {"table": table, "constraint": name})
            for (table, name), definition in CONSTRAINTS.items()
            if standing.get((table, name)) != definition
        ),
    ]


async def _rows(tx: AsyncConnection, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    values = {name: list(value) for name, value in parameters.items()}
    return [tuple(row) for row in await tx.execute(text(query), values)]


def _plain(definition: str) -> str:
    """The definition on one line with single spaces."""
    return " ".join(definition.split())
