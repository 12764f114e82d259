"""What a log adds up to, as PostgreSQL adds it: months, kinds, who acted, and the events. Spooled into files beside the
package while it is made, from which the derivation makes its tables (`derived.py`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any, Final

import psycopg

from ledger.auditing.formats.segments import copied

# Months as `projections.period_key` names them. First by day, so that the text of a month is made once a day.
_MONTHS: Final = """
SELECT string_agg(line, '' ORDER BY number) FROM (
    SELECT row_number() OVER (ORDER BY m.period COLLATE "C", a.code) AS number,
           m.period || ',' || a.code || ',' || m.debits || ',' || m.credits || ',' || m.entries || E'\\n' AS line
      FROM (
        SELECT d.account_id,
               CASE WHEN d.effective_on < %(from)s::date THEN '' WHEN d.effective_on > %(to)s::date THEN '~'
                    ELSE to_char(d.effective_on, 'YYYY-MM') END AS period,
               sum(d.debits) AS debits, sum(d.credits) AS credits, sum(d.entries) AS entries
          FROM (
            SELECT e.account_id, t.effective_on, sum(e.debit) AS debits, sum(e.credit) AS credits, count(*) AS entries
              FROM log_leaves l
              JOIN transactions t ON t.book_id = %(book)s AND t.transaction_id = l.item
              JOIN entries e ON e.book_id = %(book)s AND e.transaction_id = l.item
             WHERE l.book_id = %(book)s AND l.leaf_index < %(size)s AND l.type = 'transaction'
             GROUP BY e.account_id, t.effective_on) AS d
         GROUP BY d.account_id, period) AS m
      JOIN accounts a ON a.book_id = %(book)s AND a.account_id = m.account_id) AS lines
 GROUP BY number / 512 ORDER BY number / 512"""

_ACTS: Final = """
SELECT t.kind, t.actor, t.approver, count(*)::bigint, min(t.effective_on)::text, max(t.effective_on)::text
  FROM log_leaves l
  JOIN transactions t ON t.book_id = %(book)s AND t.transaction_id = l.item
 WHERE l.book_id = %(book)s AND l.leaf_index < %(size)s AND l.type = 'transaction'
 GROUP BY t.kind, t.actor, t.approver"""

_EVENTS: Final = """
SELECT string_agg(line, '' ORDER BY leaf_index) FROM (
    SELECT l.leaf_index,
           l.leaf_index || E'\\t' || v.head || encode(l.commitment, 'hex') || v.tail || E'}\\t'
           || CASE WHEN l.salt IS NULL THEN '' ELSE v.texts END || E'\\n' AS line
      FROM (SELECT * FROM log_leaves l
             WHERE l.book_id = %(book)s AND l.leaf_index < %(size)s AND l.type = 'event' OFFSET 0) AS l
      CROSS JOIN LATERAL (
        SELECT * FROM log_events v WHERE v.book_id = %(book)s AND v.item = l.item OFFSET 0) AS v) AS lines
 GROUP BY leaf_index / 4096 ORDER BY leaf_index / 4096"""


async def months(
    connection: psycopg.AsyncConnection[Any], book: int, size: int, from_: date | None, to: date | None
) -> AsyncIterator[bytes]:
    """Lines `period,account,debits,credits,entries`, by period and account, of the first `size` leaves."""
    parameters = {"book": book, "size": size, "from": from_, "to": to}
    async for (lines,) in copied(connection, _MONTHS, parameters, ("bytea",)):
        yield lines


async def events(connection: psycopg.AsyncConnection[Any], book: int, size: int) -> AsyncIterator[bytes]:
    """Lines `leaf<TAB>line<TAB>texts` of the events among the first `size` leaves; no texts where they are gone."""
    async for (lines,) in copied(connection, _EVENTS, {"book": book, "size": size}, ("bytea",)):
        yield lines


async def acts(connection: psycopg.AsyncConnection[Any], book: int, size: int) -> dict[str, Any]:
    """Of the transactions among the first `size` leaves: how many of each kind, who acted or approved, which days."""
    kinds: dict[str, int] = {}
    actors: set[str] = set()
    first_on = last_on = ""
    types = ("text", "text", "text", "int8", "text", "text")
    async for kind, actor, approver, count, first, last in copied(
        connection, _ACTS, {"book": book, "size": size}, types
    ):
        kinds[kind] = kinds.get(kind, 0) + count
        actors.add(actor)
        if approver is not None:
            actors.add(approver)
        first_on = min(filter(None, (first_on, first)))
        last_on = max(last_on, last)
    return {"kinds": kinds, "actors": sorted(actors), "first_on": first_on, "last_on": last_on}
