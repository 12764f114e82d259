"""One schema on several nodes: the statements that spread the tables over a Citus cluster, by book.

What belongs to a book stands together on one node, so that a posting is one transaction of one node. The journal's
functions run there whole, as one command, wherever they are called. Users, units and the list of books stand on every
node. On plain PostgreSQL none of this is needed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import BindParameter, Connection, ForeignKeyConstraint, Integer, bindparam, text

from ledger.database import schema
from ledger.database.metadata import metadata
from ledger.errors import DatabaseRefused

REFERENCE: Final = (
    *("books", "units", "working_days"),
    *("users", "roles", "devices", "refresh_tokens", "tokens", "attempts", "renewals", "bindings"),
)
"""Tables that every node has whole; they cannot have triggers."""

DISTRIBUTED: Final = (
    *("accounts", "transactions", "entries", "day_totals", "keys"),
    *("lots", "lot_moves", "holds", "closings", "drafts"),
    *("organisations", "volunteers", "persons", "cards", "guardians", "consents", "access_log"),
    *("members", "qualifications", "activities", "attendances"),
    *("rule_sets", "budgets", "imports", "records", "objections"),
    *("policies", "outlets", "tills", "items", "prices", "offers", "stock_moves", "shoppers", "tickets", "vouchers"),
    *("quotes", "redemptions", "redemption_lines", "refunds", "quota_uses", "outlet_days", "claims", "cases", "alarms"),
    *("ladders", "marks", "assessments", "assessed", "awards", "award_objections", "proofs", "serials"),
    *("boards", "board_rows", "targets", "honours"),
    *("events", "log_leaves", "log_nodes", "log_states", "log_checkpoints", "log_promises", "log_looks"),
)
"""Tables whose rows stand on the node of their book. The first decides which node that is."""

_FIRST: Final = f"public.{DISTRIBUTED[0]}"


def distribute(owner_url: str, service_role: str) -> list[str]:
    """Spreads the tables over the nodes, all or nothing, and registers the functions; answers the tables that are new.

    The database must be a coordinator's, with its nodes, and its schema this version's. What has been spread before
    stays as it is. Postings wait until it is done. Raises DatabaseUnreachable, DatabaseRefused.
    """
    with schema.as_owner(owner_url) as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('meide migrate'))"))
        before = _distributed(connection)
        for statement in statements(before):
            connection.execute(text(statement))
        schema.grant(connection, service_role)
    return [table for table in (*REFERENCE, *DISTRIBUTED) if table not in before]


def routed(book: int) -> BindParameter[int]:
    """The parameter `book` of a call of the journal's functions, written into the statement as a number.

    As a parameter it would be a smaller integer or have a cast, and then the call is not sent to the book's node.
    """
    return bindparam("book", book, Integer, literal_execute=True)


def _distributed(connection: Connection) -> frozenset[str]:
    """The tables that have been spread already. DatabaseRefused where Citus is not installed."""
    if connection.execute(text("SELECT to_regclass('pg_dist_partition') IS NULL")).scalar_one():
        raise DatabaseRefused('the extension "citus" is not installed in this database')
    found = connection.execute(
        text(
            "SELECT c.relname FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid"
            " WHERE c.relnamespace = 'public'::regnamespace AND (p.partmethod = 'h' OR p.repmodel = 't')"
        )
    )
    return frozenset(found.scalars())


def statements(done: Collection[str] = ()) -> list[str]:
    """What has to be executed, in one transaction and in this order; `done`: tables that have been spread before.

    The foreign keys of a table that moves are taken off and put on again: the tables move one after another, and a key
    must not point from a table that is still here to one that is not.
    """
    moving = [table for table in (*REFERENCE, *DISTRIBUTED) if table not in done]
    keys = [
        key
        for table in metadata.sorted_tables
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name))
        if table.name in moving or key.referred_table.name in moving
    ]
    return [
        # Triggers fire on each node by itself: ours look only at rows of one book.
        "SET LOCAL citus.enable_unsafe_triggers = on",
        "SET LOCAL citus.multi_shard_modify_mode = 'sequential'",
        *(f"ALTER TABLE public.{key.table.name} DROP CONSTRAINT {key.name}" for key in keys),
        *(f"SELECT create_reference_table('public.{table}')" for table in REFERENCE if table in moving),
        *(_distributing(table) for table in DISTRIBUTED if table in moving),
        *(f"ALTER TABLE public.{key.table.name} ADD CONSTRAINT {key.name} {_definition(key)}" for key in keys),
        # Also when they have been registered before: a migration may have made them anew.
        *(
            f"SELECT create_distributed_function('public.{function}'::regproc::regprocedure, 'p_book',"
            f" colocate_with := '{_FIRST}', force_delegation := true)"
            for function in sorted(schema.functions())
        ),
    ]


def _distributing(table: str) -> str:
    beside = "none" if table == DISTRIBUTED[0] else _FIRST
    return f"SELECT create_distributed_table('public.{table}', 'book_id', colocate_with := '{beside}')"


def _definition(key: ForeignKeyConstraint) -> str:
    here = ", ".join(key.column_keys)
    there = ", ".join(element.column.name for element in key.elements)
    return f"FOREIGN KEY ({here}) REFERENCES public.{key.referred_table.name} ({there})"
