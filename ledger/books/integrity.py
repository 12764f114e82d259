"""`meide check`: every stored figure derived anew. (Whether the guards stand is looked at in `guards`.)

A check is one SQL statement that returns a row for each thing that is wrong. A finding names the check and where it
looked; nothing is repaired. The statements of a book see one snapshot, so it can run beside postings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.chart import CHART, KEEPS_LOTS
from ledger.database import connect

MOST_FINDINGS: Final = 100
"""A check reports no more than so many of a kind: the first ones say what is wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is a stable word; `facts` say where and what (amounts in the smallest unit)."""

    check: str
    facts: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.check}: " + ", ".join(f"{name} {value}" for name, value in self.facts.items())


# Each key of a finding's facts is the column's name, so the queries speak for themselves.
BOOK_CHECKS: Final[Mapping[str, str]] = {
    "transaction_unbalanced": """
        SELECT transaction_id AS transaction, unit, sum(debit) AS debits, sum(credit) AS credits
        FROM entries WHERE book_id = :book
        GROUP BY transaction_id, unit HAVING sum(debit) <> sum(credit) ORDER BY transaction_id""",
    "transaction_without_entries": """
        SELECT t.transaction_id AS transaction FROM transactions t WHERE t.book_id = :book AND (
            SELECT count(*) < 2 OR count(DISTINCT e.line) <> count(*) OR min(e.line) <> 0
                OR max(e.line) <> count(*) - 1
            FROM entries e WHERE e.book_id = :book AND e.transaction_id = t.transaction_id)
        ORDER BY t.transaction_id""",
    "entry_without_transaction": """
        SELECT e.account_id, e.number, e.transaction_id AS transaction FROM entries e
        LEFT JOIN transactions t ON t.book_id = :book AND t.transaction_id = e.transaction_id
        WHERE e.book_id = :book AND (t.transaction_id IS NULL OR t.effective_on <> e.effective_on
            OR t.recorded_at <> e.recorded_at)
        ORDER BY e.account_id, e.number""",
    "entry_without_account": """
        SELECT e.account_id, e.number, e.unit FROM entries e
        LEFT JOIN accounts a ON a.book_id = :book AND a.account_id = e.account_id AND a.unit = e.unit
        WHERE e.book_id = :book AND a.account_id IS NULL ORDER BY e.account_id, e.number""",
    "balance_differs": """
        SELECT a.code AS account, a.debits, a.credits, coalesce(e.debits, 0) AS debits_of_entries,
               coalesce(e.credits, 0) AS credits_of_entries
        FROM accounts a LEFT JOIN (
            SELECT account_id, sum(debit) AS debits, sum(credit) AS credits
            FROM entries WHERE book_id = :book GROUP BY account_id) e ON e.account_id = a.account_id
        WHERE a.book_id = :book
          AND (a.debits, a.credits) IS DISTINCT FROM (coalesce(e.debits, 0), coalesce(e.credits, 0))
        ORDER BY a.code""",
    "numbers_have_gaps": """
        SELECT a.code AS account, a.number AS last_number, coalesce(e.entries, 0) AS entries,
               coalesce(e.highest, 0) AS highest
        FROM accounts a LEFT JOIN (
            SELECT account_id, count(*) AS entries, min(number) AS lowest, max(number) AS highest
            FROM entries WHERE book_id = :book GROUP BY account_id) e ON e.account_id = a.account_id
        WHERE a.book_id = :book AND (a.number <> coalesce(e.entries, 0) OR a.number <> coalesce(e.highest, 0)
            OR e.lowest <> 1)
        ORDER BY a.code""",
    "last_time_differs": """
        SELECT a.code AS account, a.recorded_at, e.recorded_at AS recorded_at_of_entry FROM accounts a
        LEFT JOIN entries e ON e.book_id = :book AND e.account_id = a.account_id AND e.number = a.number
        WHERE a.book_id = :book AND a.recorded_at IS DISTINCT FROM e.recorded_at
          AND (e.number IS NOT NULL OR a.number = 0)
        ORDER BY a.code""",
    "balance_after_differs": """
        SELECT a.code AS account, e.number, e.balance_after, e.folded FROM (
            SELECT e.account_id, e.number, e.balance_after,
                   sum(CASE WHEN a.class IN ('asset', 'expense', 'memo_debit') THEN e.debit - e.credit
                       ELSE e.credit - e.debit END) OVER (PARTITION BY e.account_id ORDER BY e.number) AS folded
            FROM entries e JOIN accounts a ON a.book_id = :book AND a.account_id = e.account_id
            WHERE e.book_id = :book) e
        JOIN accounts a ON a.book_id = :book AND a.account_id = e.account_id
        WHERE e.balance_after <> e.folded ORDER BY a.code, e.number""",
    "time_runs_backwards": """
        SELECT a.code AS account, e.number FROM (
            SELECT account_id, number, recorded_at,
                   lag(recorded_at) OVER (PARTITION BY account_id ORDER BY number) AS before
            FROM entries WHERE book_id = :book) e
        JOIN accounts a ON a.book_id = :book AND a.account_id = e.account_id
        WHERE e.recorded_at < e.before ORDER BY a.code, e.number""",
    "below_floor": """
        SELECT code AS account, debits, credits, floor FROM accounts WHERE book_id = :book
          AND CASE WHEN class IN ('asset', 'expense', 'memo_debit') THEN debits - credits
              ELSE credits - debits END < floor ORDER BY code""",
    "day_total_differs": """
        SELECT a.code AS account, coalesce(d.day, e.day) AS day, d.debits, d.credits,
               e.debits AS debits_of_entries, e.credits AS credits_of_entries
        FROM (SELECT * FROM day_totals WHERE book_id = :book) d
        FULL JOIN (SELECT account_id, effective_on AS day, sum(debit) AS debits, sum(credit) AS credits
                   FROM entries WHERE book_id = :book GROUP BY account_id, effective_on) e
          ON e.account_id = d.account_id AND e.day = d.day
        LEFT JOIN accounts a ON a.book_id = :book AND a.account_id = coalesce(d.account_id, e.account_id)
        WHERE (d.debits, d.credits) IS DISTINCT FROM (e.debits, e.credits)
        ORDER BY a.code, coalesce(d.day, e.day)""",
    "key_without_transaction": """
        SELECT k.client, k.key, k.transaction_id AS transaction FROM keys k
        LEFT JOIN transactions t ON t.book_id = :book AND t.transaction_id = k.transaction_id
        WHERE k.book_id = :book AND k.transaction_id IS NOT NULL
          AND (t.client, t.key) IS DISTINCT FROM (k.client, k.key) ORDER BY k.client, k.key""",
    "transaction_without_key": """
        SELECT t.transaction_id AS transaction, t.client, t.key FROM transactions t
        LEFT JOIN keys k ON k.book_id = :book AND k.client = t.client AND k.key = t.key
        WHERE t.book_id = :book AND k.transaction_id IS DISTINCT FROM t.transaction_id ORDER BY t.transaction_id""",
    "reversal_differs": """
        SELECT r.transaction_id AS transaction, r.corrects FROM transactions r
        LEFT JOIN transactions o ON o.book_id = :book AND o.transaction_id = r.corrects
        WHERE r.book_id = :book AND r.correction = 'reversal' AND (
            o.correction = 'reversal'
            OR o.transaction_id IS NOT NULL AND (
                SELECT array_agg((account_id, debit, credit)::text ORDER BY line) FROM entries
                WHERE book_id = :book AND transaction_id = o.transaction_id)
            IS DISTINCT FROM
               (SELECT array_agg((account_id, credit, debit)::text ORDER BY line) FROM entries
                WHERE book_id = :book AND transaction_id = r.transaction_id))
        ORDER BY r.transaction_id""",
    "corrects_nothing": """
        SELECT t.transaction_id AS transaction, t.correction, t.corrects FROM transactions t
        LEFT JOIN transactions o ON o.book_id = :book AND o.transaction_id = t.corrects
        WHERE t.book_id = :book AND t.corrects IS NOT NULL AND o.transaction_id IS NULL ORDER BY t.transaction_id""",
    "closed_with_a_balance": """
        SELECT code AS account, debits, credits FROM accounts
        WHERE book_id = :book AND status = 'closed' AND debits <> credits ORDER BY code""",
    "day_differs": """
        SELECT transaction_id AS transaction, effective_at, effective_on FROM transactions
        WHERE book_id = :book AND effective_on <> (effective_at AT TIME ZONE 'Asia/Shanghai')::date
        ORDER BY transaction_id""",
    "recorded_in_the_future": """
        SELECT transaction_id AS transaction, recorded_at FROM transactions
        WHERE book_id = :book AND recorded_at > clock_timestamp() ORDER BY transaction_id""",
    "dated_after_its_recording": """
        SELECT transaction_id AS transaction, effective_on, recorded_at FROM transactions
        WHERE book_id = :book AND effective_on > (recorded_at AT TIME ZONE 'Asia/Shanghai')::date
        ORDER BY transaction_id""",
    "not_as_the_chart": """
        SELECT a.code AS account, a.kind, a.holder, a.floor FROM accounts a
        LEFT JOIN unnest(CAST(:codes AS text[]), CAST(:classes AS text[]), CAST(:units AS text[]),
                         CAST(:kinds AS text[]), CAST(:floors AS bigint[])) AS c (code, class, unit, kind, floor)
          ON c.code = split_part(a.code, '.', 1) AND c.class = a.class AND coalesce(c.unit, a.unit) = a.unit
        WHERE a.book_id = :book AND (
            a.kind IS DISTINCT FROM c.kind OR c.kind IS NOT NULL AND a.floor IS DISTINCT FROM c.floor
            OR a.holder IS DISTINCT FROM CASE WHEN c.kind IS NOT NULL
               THEN nullif(substr(a.code, strpos(a.code || '.', '.') + 1), '') END)
        ORDER BY a.code""",
    "lots_differ_from_balance": """
        SELECT a.code AS account, a.credits - a.debits AS balance, coalesce(l.remaining, 0) AS lots FROM accounts a
        LEFT JOIN (SELECT account_id, sum(remaining) AS remaining FROM lots WHERE book_id = :book
                   GROUP BY account_id) l ON l.account_id = a.account_id
        WHERE a.book_id = :book AND coalesce(l.remaining, 0) <> CASE WHEN a.kind = ANY (CAST(:lot_kinds AS text[]))
            THEN a.credits - a.debits ELSE 0 END
        ORDER BY a.code""",
    "lot_differs_from_its_moves": """
        SELECT a.code AS account, coalesce(l.number, m.number) AS number, coalesce(l.part, m.part) AS part,
               l.remaining, l.amount + coalesce(m.moved, 0) AS folded
        FROM (SELECT * FROM lots WHERE book_id = :book) l
        FULL JOIN (SELECT account_id, number, part, sum(amount) AS moved FROM lot_moves WHERE book_id = :book
                   GROUP BY account_id, number, part) m
          ON m.account_id = l.account_id AND m.number = l.number AND m.part = l.part
        LEFT JOIN accounts a ON a.book_id = :book AND a.account_id = coalesce(l.account_id, m.account_id)
        WHERE l.number IS NULL OR l.remaining <> l.amount + coalesce(m.moved, 0)
        ORDER BY a.code, coalesce(l.number, m.number), coalesce(l.part, m.part)""",
    # What a transaction makes and takes of an account's lots is what it does to the account. (An account that was there
    # before there were lots has one without a transaction; the entries up to its number have none.)
    "lots_differ_from_entries": """
        SELECT a.code AS account, coalesce(e.transaction_id, l.transaction_id) AS transaction, e.net, l.lots FROM (
            SELECT e.account_id, e.transaction_id, sum(e.credit - e.debit) AS net FROM entries e
            JOIN accounts a ON a.book_id = :book AND a.account_id = e.account_id
                           AND a.kind = ANY (CAST(:lot_kinds AS text[]))
            LEFT JOIN lots o ON o.book_id = :book AND o.account_id = e.account_id AND o.transaction_id IS NULL
            WHERE e.book_id = :book AND (o.number IS NULL OR e.number > o.number)
            GROUP BY e.account_id, e.transaction_id) e
        FULL JOIN (
            SELECT account_id, transaction_id, sum(amount) AS lots FROM (
                SELECT account_id, transaction_id, amount FROM lots
                WHERE book_id = :book AND transaction_id IS NOT NULL
                UNION ALL
                SELECT account_id, transaction_id, amount FROM lot_moves WHERE book_id = :book) AS both_kinds
            GROUP BY account_id, transaction_id) l
          ON l.account_id = e.account_id AND l.transaction_id = e.transaction_id
        LEFT JOIN accounts a ON a.book_id = :book AND a.account_id = coalesce(e.account_id, l.account_id)
        WHERE coalesce(e.net, 0) <> coalesce(l.lots, 0) ORDER BY a.code, 2""",
    "hold_differs": """
        SELECT h.hold_id AS hold, h.amount, h.ending FROM holds h WHERE h.book_id = :book AND (
            (SELECT array_agg((account_id, debit, credit)::text ORDER BY line) FROM entries
             WHERE book_id = :book AND transaction_id = h.hold_id)
            IS DISTINCT FROM ARRAY[(h.account_id, h.amount, 0::bigint)::text,
                                   (h.held_account_id, 0::bigint, h.amount)::text]
            OR h.ended_by IS NOT NULL AND (
                SELECT sum(debit) FROM entries
                WHERE book_id = :book AND transaction_id = h.ended_by AND account_id = h.held_account_id)
            IS DISTINCT FROM h.amount)
        ORDER BY h.hold_id""",
    # Reversals count as well: what was reversed cannot be refunded, and the other way round.
    "refunded_above_the_original": """
        SELECT c.corrects AS transaction, c.unit, c.taken_back, coalesce(o.debits, 0) AS debits FROM (
            SELECT t.corrects, e.unit, sum(e.debit) AS taken_back FROM transactions t
            JOIN entries e ON e.book_id = :book AND e.transaction_id = t.transaction_id
            WHERE t.book_id = :book AND t.corrects IS NOT NULL GROUP BY t.corrects, e.unit) c
        JOIN transactions t ON t.book_id = :book AND t.transaction_id = c.corrects
        LEFT JOIN (
            SELECT transaction_id, unit, sum(debit) AS debits FROM entries
            WHERE book_id = :book AND transaction_id IN (
                SELECT corrects FROM transactions WHERE book_id = :book AND corrects IS NOT NULL)
            GROUP BY transaction_id, unit) o ON o.transaction_id = c.corrects AND o.unit = c.unit
        WHERE c.taken_back > coalesce(o.debits, 0) ORDER BY c.corrects, c.unit""",
    # Each closing or reopening holds until the next. (What is dated in a closed month is recorded later than its day:
    # that is said here for the sake of the index.)
    "dated_in_a_closed_period": """
        SELECT e.account_id, e.number, e.effective_on, c.closed_through FROM (
            SELECT closed_through, recorded_at, lead(recorded_at, 1, 'infinity') OVER (ORDER BY number) AS until
            FROM closings WHERE book_id = :book) c
        JOIN entries e ON e.book_id = :book AND e.recorded_at > c.recorded_at AND e.recorded_at < c.until
            AND e.effective_on <= c.closed_through
            AND e.effective_on < (e.recorded_at AT TIME ZONE 'Asia/Shanghai')::date
        WHERE e.unit <> 'HR' ORDER BY e.account_id, e.number""",
    "dated_before_the_book": """
        SELECT t.transaction_id AS transaction, t.effective_on, b.first_day FROM transactions t
        JOIN books b ON b.book_id = t.book_id
        WHERE t.book_id = :book AND t.effective_on < b.first_day ORDER BY t.transaction_id""",
}


_CHART: Final[dict[str, Any]] = {
    "lot_kinds": sorted(KEEPS_LOTS),
    "codes": [row.code for row in CHART],
    "classes": [row.account_class for row in CHART],
    "units": [row.unit for row in CHART],
    "kinds": [row.kind for row in CHART],
    "floors": [row.floor for row in CHART],
}


async def check(database: AsyncEngine, book: int) -> list[Finding]:
    """Everything that is wrong in one book; an empty list is the good answer."""
    findings = []
    snapshot = database.execution_options(isolation_level="REPEATABLE READ")
    async with snapshot.connect() as tx:
        await connect.no_timeout(tx)
        # Every query reads a whole book. Right after an import there are no statistics yet, and the planner would join
        # by loops, which for a district's accounts takes hours.
        await tx.execute(text("SET LOCAL enable_nestloop = off"))
        for name, query in BOOK_CHECKS.items():
            statement = text(f"{query} LIMIT {MOST_FINDINGS}")
            asked = {name: value for name, value in (_CHART | {"book": book}).items() if f":{name}" in query}
            rows = await tx.execute(statement, asked)
            findings += [Finding(name, dict(row)) for row in rows.mappings()]
    return findings
