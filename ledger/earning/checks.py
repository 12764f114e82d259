"""`meide check` of earning: what every record earned, computed again under the rules of its day, and as it was posted.

As with the books' own checks (`integrity`) a finding names the check and where it looked, and nothing is repaired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books.integrity import MOST_FINDINGS, Finding
from ledger.database import connect
from ledger.earning import rule_sets, rules
from ledger.earning.budgets import CLIENT, REWARDS
from ledger.earning.rule_sets import Rulebook
from ledger.earning.tables import records
from ledger.errors import UnknownItem, UnknownRuleSet

CHUNK: Final = 5_000

BOOK_CHECKS: Final[Mapping[str, str]] = {
    "rules_begin_before_their_approval": """
        SELECT r.version, r.effective_from, r.decided_at FROM rule_sets r
        WHERE r.book_id = :book AND r.approved
          AND r.effective_from <= (r.decided_at AT TIME ZONE 'Asia/Shanghai')::date
          AND EXISTS (SELECT FROM rule_sets e WHERE e.book_id = :book AND e.approved AND e.version <> r.version
                      AND (e.decided_at, e.version) < (r.decided_at, r.version))
        ORDER BY r.version""",
    "record_differs_from_its_hours": """
        SELECT r.record_id AS record, r.minutes, coalesce(e.minutes, 0) AS posted FROM records r
        LEFT JOIN (SELECT transaction_id, sum(debit) AS minutes FROM entries WHERE book_id = :book AND unit = 'HR'
                   GROUP BY transaction_id) e ON e.transaction_id = r.hours_transaction
        WHERE r.book_id = :book AND r.hours_transaction IS NOT NULL AND r.minutes IS DISTINCT FROM e.minutes
        ORDER BY r.record_id""",
    "record_differs_from_its_points": """
        SELECT r.record_id AS record, r.points, r.bonus, e.points AS posted, e.bonus AS posted_bonus FROM records r
        LEFT JOIN (SELECT e.transaction_id, sum(e.debit) AS points,
                          coalesce(sum(e.debit) FILTER (WHERE a.kind = 'reward_bonus'), 0) AS bonus
                   FROM entries e JOIN accounts a ON a.book_id = :book AND a.account_id = e.account_id
                   WHERE e.book_id = :book AND e.unit = 'PT'
                   GROUP BY e.transaction_id) e ON e.transaction_id = r.points_transaction
        WHERE r.book_id = :book AND r.points_transaction IS NOT NULL AND r.points > 0
          AND (r.points, r.bonus) IS DISTINCT FROM (e.points, e.bonus)
        ORDER BY r.record_id""",
    # What a state says of its postings: hours from the review on, points from notice on, both undone once corrected.
    "record_not_as_its_state": """
        WITH undone AS (SELECT DISTINCT corrects FROM transactions WHERE book_id = :book AND corrects IS NOT NULL)
        SELECT r.record_id AS record, r.state FROM records r
        LEFT JOIN undone h ON h.corrects = r.hours_transaction
        LEFT JOIN undone p ON p.corrects = coalesce(r.points_transaction, r.release_transaction)
        WHERE r.book_id = :book AND (
            r.state IN ('submitted', 'refused') AND num_nonnulls(r.hours_transaction, r.points_transaction) > 0
            OR r.state IN ('reviewed', 'in_notice', 'objected', 'credited') AND r.class <> 'act'
                AND r.hours_transaction IS NULL
            OR r.state IN ('in_notice', 'objected', 'credited')
                AND (r.points IS NULL OR r.points > 0 AND r.points_transaction IS NULL)
            OR r.state IN ('in_notice', 'objected') AND r.release_transaction IS NOT NULL
            OR r.state = 'credited' AND r.points <> 0 AND r.release_transaction IS NULL
            OR r.state = 'corrected' AND (
                r.hours_transaction IS NOT NULL AND h.corrects IS NULL
                OR coalesce(r.points_transaction, r.release_transaction) IS NOT NULL AND p.corrects IS NULL))
        ORDER BY r.record_id""",
    "budget_differs": """
        WITH net AS (
            SELECT extract(year FROM e.effective_on)::int AS year, a.holder, sum(e.debit - e.credit) AS points
            FROM entries e
            JOIN accounts a ON a.book_id = :book AND a.account_id = e.account_id AND a.kind = ANY (:rewards)
            JOIN transactions t ON t.book_id = :book AND t.transaction_id = e.transaction_id AND t.client = :client
            WHERE e.book_id = :book GROUP BY 1, 2),
        issued AS (
            SELECT year, '' AS organisation, sum(points) AS points FROM net GROUP BY year
            UNION ALL
            SELECT n.year, l.code, sum(n.points) FROM net n
            JOIN organisations o ON o.book_id = :book AND o.code = n.holder
            CROSS JOIN unnest(o.line) AS l (code) GROUP BY n.year, l.code)
        SELECT b.year, b.organisation, b.issued, coalesce(i.points, 0) AS issued_by_the_books FROM budgets b
        LEFT JOIN issued i ON i.year = b.year AND i.organisation = b.organisation
        WHERE b.book_id = :book AND b.issued <> coalesce(i.points, 0) ORDER BY b.year, b.organisation""",
}


async def check(database: AsyncEngine, book: int) -> list[Finding]:
    """Everything that is wrong with what a book's records earned; an empty list is the good answer."""
    findings: list[Finding] = []
    async with database.execution_options(isolation_level="REPEATABLE READ").connect() as tx:
        await connect.no_timeout(tx)
        # As with the books' checks: right after an import there are no statistics yet.
        await tx.execute(text("SET LOCAL enable_nestloop = off"))
        for name, query in BOOK_CHECKS.items():
            asked = {"book": book, "rewards": list(REWARDS), "client": CLIENT}
            named = {name: value for name, value in asked.items() if f":{name}" in query}
            rows = await tx.execute(text(f"{query} LIMIT {MOST_FINDINGS}"), named)
            findings += [Finding(name, dict(row)) for row in rows.mappings()]
        findings += await _awards(tx, book)
    return findings


async def _awards(tx: AsyncConnection, book: int) -> list[Finding]:
    """What every record earned, computed again from what it keeps, under the rules of its day."""
    rulebook = await rule_sets.in_force(tx, book)
    columns = [records.c[name] for name in _COLUMNS]
    decided = select(*columns).where(records.c.book_id == book, records.c.points.is_not(None))
    findings: list[Finding] = []
    told: Counter[str] = Counter()
    async with tx.stream(decided.order_by(records.c.record_id).execution_options(yield_per=CHUNK)) as rows:
        async for row in rows:
            for found in _of_record(rulebook, row):
                told[found.check] += 1
                if told[found.check] <= MOST_FINDINGS:
                    findings.append(found)
    return findings


_COLUMNS: Final = (
    *("record_id", "served_on", "minutes", "record_class", "item", "rule_set", "points", "bonus", "inputs"),
)


def _of_record(rulebook: Rulebook, row: Row[Any]) -> Iterator[Finding]:
    where = {"record": row.record_id}
    if row.rule_set is not None and row.rule_set != (in_force := _version(rulebook, row.served_on)):
        yield Finding("rules_not_in_force", where | {"rule_set": row.rule_set, "in_force": in_force})
    kept = row.inputs or {}
    of_record = {"minutes": row.minutes, "class": row.record_class, "item": row.item}
    of_inputs = {name: kept.get(name) for name in of_record}
    if of_inputs != of_record:
        yield Finding("inputs_differ_from_record", where | of_record | {"inputs": of_inputs})
    try:
        the = rules.DEFAULT if row.rule_set is None else rulebook.version(row.rule_set)
        again = rules.again(the, kept)
    except (UnknownRuleSet, UnknownItem, LookupError, TypeError, ValueError, AssertionError) as error:
        yield Finding("award_cannot_be_computed", where | {"rule_set": row.rule_set, "why": type(error).__name__})
        return
    if again != (row.points, row.bonus):
        stored = {"points": row.points, "bonus": row.bonus}
        yield Finding("award_differs", where | stored | {"points_again": again[0], "bonus_again": again[1]})


def _version(rulebook: Rulebook, day: date) -> int | None:
    the = rulebook.on(day)
    return None if the is None else the.version
