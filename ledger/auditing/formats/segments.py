"""Log lines, openings and GL_Details of a stretch of the log, written by PostgreSQL in one pass over its rows.

The lines are those of the view `log_lines`, the rows those of `projections.gl_details`. They are said here again since
the view, joined once more for the rows, takes twice as long; tests hold the three together. A leaf whose row is gone is
an empty line, so that those after it keep their places.

A block of 256 leaves is one row of a COPY: a message for each line would cost more than making the line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import psycopg

BLOCK: Final = 256

SETTINGS: Final = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL jit = off",
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL max_parallel_workers_per_gather = 0",
)
"""For a transaction that reads a whole book."""

# LATERAL with OFFSET 0 fixes the order of the joins: from the leaves to their rows, by the rows' keys. Left to itself
# the planner, which cannot know how few leaves a block is, reads the whole book for each. It also makes each expression
# be evaluated once.
_BLOCKS: Final = """
SELECT written.* FROM generate_series(%(first)s::bigint, %(past)s::bigint - 1, %(block)s) AS block (first), LATERAL (
    SELECT count(*)::bigint AS leaves,
           coalesce(string_agg(coalesce(leaf.line, '') || E'\\n', '' ORDER BY leaf.leaf_index), '') AS lines,
           coalesce(string_agg(leaf.opening || E'\\n', '' ORDER BY leaf.leaf_index), '') AS openings,
           coalesce(string_agg(leaf.rows, '' ORDER BY leaf.leaf_index), '') AS rows,
           coalesce(sum(leaf.legs), 0)::bigint AS legs
      FROM ({leaves}) AS leaf) AS written"""

_LEAVES: Final = """
    SELECT l.leaf_index,
           CASE l.type WHEN 'event' THEN v.head || encode(l.commitment, 'hex') || v.tail || '}'
           ELSE t.line_head || coalesce(g.entries, '') || t.line_tail END AS line,
           '{"index":"' || l.leaf_index
           || coalesce('","salt":"' || encode(l.salt, 'hex') || '","texts":' || coalesce(t.texts, v.texts) || '}', '"}')
             AS opening,
           CASE WHEN t.is_wanted THEN g.rows END AS rows,
           CASE WHEN t.is_wanted THEN g.legs END AS legs
      FROM (SELECT * FROM log_leaves l
             WHERE l.book_id = %(book)s AND l.leaf_index >= block.first
               AND l.leaf_index < least(block.first + %(block)s, %(past)s) OFFSET 0) AS l
      LEFT JOIN LATERAL (
        SELECT * FROM log_events v
         WHERE l.type = 'event' AND v.book_id = %(book)s AND v.item = l.item OFFSET 0) AS v ON true
      LEFT JOIN LATERAL ({transaction}) AS t ON true
      LEFT JOIN LATERAL ({legs}) AS g ON true"""

_TRANSACTION: Final = """
    SELECT '{"actor":' || to_json(p.actor)::text || coalesce(',"approver":' || to_json(p.approver)::text, '')
           || ',"book":"' || p.book || '","client":' || to_json(p.client)::text
           || ',"commitment":"' || encode(l.commitment, 'hex') || '"'
           || coalesce(',"correction":"' || p.correction || '","corrects":"' || p.corrects || '"', '')
           || ',"effective_at":"' || to_char(p.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
           || '","effective_on":"' || p.day || '","entries":[' AS line_head,
           '],"id":"' || p.id || '","kind":' || to_json(p.kind)::text
           || ',"recorded_at":"' || p.recorded || '"' || coalesce(',"request":' || to_json(p.request_id)::text, '')
           || ',"type":"transaction","v":"1","voucher":"' || p.voucher || '"}' AS line_tail,
           '{"description":' || to_json(p.description)::text || ',"key":' || to_json(p.key)::text || '}' AS texts,
           {parts}
      FROM (
        SELECT t.*, (SELECT b.code FROM books b WHERE b.book_id = %(book)s) AS book, t.transaction_id::text AS id,
               l.voucher_year || '-' || l.voucher_number AS voucher, t.effective_on::text AS day,
               to_char(t.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded
          FROM transactions t
         WHERE l.type = 'transaction' AND t.book_id = %(book)s AND t.transaction_id = l.item OFFSET 0) AS p {reversals}
    OFFSET 0"""

_LINE_LEGS: Final = """
    string_agg('{"account":"' || a.code || '","balance":"' || e.balance
               || CASE WHEN e.is_debit THEN '","debit":"' ELSE '","credit":"' END || e.amount
               || '","number":"' || e.number || '","unit":"' || e.unit || '"}', ',' ORDER BY e.line) AS entries"""

_LEGS: Final = """
    SELECT {legs}
      FROM (SELECT e.account_id, e.line, e.debit > 0 AS is_debit, greatest(e.debit, e.credit)::text AS amount,
                   e.number::text AS number, e.balance_after::text AS balance, e.unit
              FROM entries e WHERE e.book_id = %(book)s AND e.transaction_id = l.item OFFSET 0) AS e
      JOIN accounts a ON a.book_id = %(book)s AND a.account_id = e.account_id"""

# What stands in GL_Details before, between and after the columns of an entry; values that never need quotes stand as
# they are (codes, kinds, ids, who), the description in quotes where a comma or a quotation mark needs them.
_ROW_PARTS: Final = """
    p.id || ',' || p.voucher || ',' AS row_head,
    ',' || p.kind || ',' || left(p.day, 4) || ',' || left(p.day, 7) || ',' || p.day || ',' || p.book || ','
      AS row_middle,
    ',' || CASE WHEN d.said ~ '[",]' THEN '"' || replace(d.said, '"', '""') || '"' ELSE d.said END
    || ',' || p.client || ','
    || CASE WHEN p.correction = 'reversal' THEN '1,' || p.corrects || ',' WHEN r.is_reversed THEN '2,,' ELSE ',,' END
    || coalesce(p.correction || ',' || p.corrects || ',', ',,')
    || p.actor || ',' || left(p.recorded, 10) || ',' || substr(p.recorded, 12) || ',' || coalesce(p.approver, '')
    || ',' || l.leaf_index || ',' || encode(l.hash, 'hex') || E'\\n' AS row_tail,
    (%(from)s::date IS NULL OR p.effective_on >= %(from)s::date)
    AND (%(to)s::date IS NULL OR p.effective_on <= %(to)s::date) AS is_wanted"""

_REVERSALS: Final = """
    CROSS JOIN LATERAL (
        SELECT CASE WHEN l.salt IS NULL THEN '' ELSE
               regexp_replace(p.description, '[\\u0001-\\u001f\\u007f-\\u009f]+', ' ', 'g') END AS said OFFSET 0) AS d
    LEFT JOIN LATERAL (
        SELECT true AS is_reversed FROM transactions r
         WHERE r.book_id = %(book)s AND r.corrects = p.transaction_id AND r.correction = 'reversal'
           AND EXISTS (SELECT FROM log_leaves x
                        WHERE x.book_id = %(book)s AND x.item = r.transaction_id AND x.leaf_index < %(size)s)
         LIMIT 1) AS r ON true"""

_ROW_LEGS: Final = """
    string_agg(t.row_head || e.line + 1 || t.row_middle || a.code || ',' || e.amount || ',' || e.unit
               || CASE WHEN e.is_debit THEN ',D,' ELSE ',C,' END || e.number || ',' || e.balance || t.row_tail,
               '' ORDER BY e.line) AS rows, count(*) AS legs"""
_NO_ROW_PARTS: Final = "false AS is_wanted"
_NO_ROW_LEGS: Final = "NULL AS rows, NULL::bigint AS legs"


class Block(NamedTuple):
    """Up to 256 leaves in a row: their number, lines, openings, rows of GL_Details and how many."""

    leaves: int
    lines: bytes
    openings: bytes
    rows: bytes
    legs: int


async def blocks(
    connection: psycopg.AsyncConnection[Any],
    book: int,
    first: int,
    past: int,
    size: int,
    *,
    from_: date | None = None,
    to: date | None = None,
    details: bool = True,
) -> AsyncIterator[Block]:
    """The leaves from `first` up to `past` of a log of `size`, block after block, in the transaction of `connection`,
    which has the SETTINGS. `details`: with rows of GL_Details, of the days `from_` to `to`."""
    parameters = {"book": book, "first": first, "past": past, "size": size, "block": BLOCK, "from": from_, "to": to}
    async for row in copied(connection, statement(details), parameters, _TYPES):
        yield Block(*row)


_TYPES: Final = ("int8", "bytea", "bytea", "bytea", "int8")


def statement(details: bool = True) -> str:
    """The SQL of `blocks`."""
    transaction = _TRANSACTION.replace("{parts}", _ROW_PARTS if details else _NO_ROW_PARTS)
    transaction = transaction.replace("{reversals}", _REVERSALS if details else "")
    legs = _LEGS.replace("{legs}", _LINE_LEGS + ", " + (_ROW_LEGS if details else _NO_ROW_LEGS))
    leaves = _LEAVES.replace("{transaction}", transaction).replace("{legs}", legs)
    return _BLOCKS.replace("{leaves}", leaves)


async def copied(
    connection: psycopg.AsyncConnection[Any], query: str, parameters: Mapping[str, Any], types: Sequence[str]
) -> AsyncIterator[tuple[Any, ...]]:
    """The rows of a query, as COPY sends them: one at a time, however many. Text of type `bytea` stays UTF-8."""
    async with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)".encode(), parameters) as copy,
    ):
        copy.set_types(types)
        async for row in copy.rows():
            yield row
