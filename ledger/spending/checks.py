"""`meide check` of spending: shelves, redemptions, vouchers and cases, each derived anew and as the books have it.

As with the books' own checks (`integrity`) a finding names the check and where it looked, and nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.integrity import MOST_FINDINGS, Finding
from ledger.database import connect

BOOK_CHECKS: Final[Mapping[str, str]] = {
    "pieces_differ": """
        WITH moved AS (
            SELECT outlet, item, sum(pieces) AS pieces, sum(value) AS value FROM stock_moves
            WHERE book_id = :book GROUP BY outlet, item),
        gone AS (
            SELECT r.outlet, l.item, sum(l.quantity - l.returned) AS pieces, sum(l.value - l.value_returned) AS value
            FROM redemption_lines l
            JOIN redemptions r ON r.book_id = :book AND r.redemption_id = l.redemption_id
            WHERE l.book_id = :book AND l.counted AND r.status IN ('waiting', 'done')
            GROUP BY r.outlet, l.item)
        SELECT o.outlet, o.item, o.pieces, coalesce(m.pieces, 0) - coalesce(g.pieces, 0) AS pieces_again,
               o.value, coalesce(m.value, 0) - coalesce(g.value, 0) AS value_again
        FROM offers o
        LEFT JOIN moved m ON m.outlet = o.outlet AND m.item = o.item
        LEFT JOIN gone g ON g.outlet = o.outlet AND g.item = o.item
        WHERE o.book_id = :book AND o.pieces IS NOT NULL
          AND (o.pieces, o.value) IS DISTINCT FROM
              (coalesce(m.pieces, 0) - coalesce(g.pieces, 0), coalesce(m.value, 0) - coalesce(g.value, 0))
        ORDER BY o.outlet, o.item""",
    # What waits for a volunteer is set aside on the shelf, and posted when she confirms it.
    "stock_differs_from_its_account": """
        WITH aside AS (
            SELECT r.outlet, sum(l.value) AS value FROM redemptions r
            JOIN redemption_lines l ON l.book_id = :book AND l.redemption_id = r.redemption_id
            WHERE r.book_id = :book AND r.status = 'waiting' GROUP BY r.outlet)
        SELECT o.outlet, o.value, coalesce(w.value, 0) AS set_aside, coalesce(a.debits - a.credits, 0) AS balance
        FROM (SELECT outlet, sum(value) AS value FROM offers WHERE book_id = :book GROUP BY outlet) o
        LEFT JOIN aside w ON w.outlet = o.outlet
        LEFT JOIN accounts a ON a.book_id = :book AND a.kind = 'goods_stock' AND a.holder = o.outlet
        WHERE o.value + coalesce(w.value, 0) <> coalesce(a.debits - a.credits, 0) ORDER BY o.outlet""",
    # Of a redemption that was held, the hold took the points; the capture is its posting.
    "redemption_differs_from_its_posting": """
        SELECT r.redemption_id AS redemption, r.points, coalesce(e.points, 0) AS posted FROM redemptions r
        LEFT JOIN (SELECT e.transaction_id, sum(e.debit) AS points FROM entries e
                   JOIN accounts a ON a.book_id = :book AND a.account_id = e.account_id
                        AND a.kind IN ('wallet', 'wallet_held', 'service_vouchers')
                   WHERE e.book_id = :book AND e.debit > 0 GROUP BY e.transaction_id) e
               ON e.transaction_id = coalesce(r.transaction_id, r.hold_id)
        WHERE r.book_id = :book AND r.points <> coalesce(e.points, 0) ORDER BY r.redemption_id""",
    "redemption_not_as_its_state": """
        SELECT r.redemption_id AS redemption, r.status FROM redemptions r
        LEFT JOIN holds h ON h.book_id = :book AND h.hold_id = r.hold_id
        WHERE r.book_id = :book AND (
            r.status = 'done' AND r.points > 0 AND r.transaction_id IS NULL
            OR r.status IN ('waiting', 'declined', 'lapsed') AND r.transaction_id IS NOT NULL
            OR r.status = 'done' AND r.hold_id IS NOT NULL AND h.ending IS DISTINCT FROM 'capture'
            OR r.status IN ('declined', 'lapsed') AND h.ending = 'capture'
            OR r.status = 'cancelled' AND r.transaction_id IS NOT NULL AND r.refunded <> r.points)
        ORDER BY r.redemption_id""",
    "lines_differ_from_their_redemption": """
        SELECT r.redemption_id AS redemption, r.points, coalesce(sum(l.points), 0) AS of_lines FROM redemptions r
        LEFT JOIN redemption_lines l ON l.book_id = :book AND l.redemption_id = r.redemption_id
        WHERE r.book_id = :book GROUP BY r.redemption_id, r.points
        HAVING r.points <> coalesce(sum(l.points), 0) ORDER BY r.redemption_id""",
    "refunds_differ": """
        SELECT r.redemption_id AS redemption, r.refunded, coalesce(sum(f.points), 0) AS of_refunds FROM redemptions r
        LEFT JOIN refunds f ON f.book_id = :book AND f.redemption_id = r.redemption_id
        WHERE r.book_id = :book GROUP BY r.redemption_id, r.refunded
        HAVING r.refunded <> coalesce(sum(f.points), 0) ORDER BY r.redemption_id""",
    "returned_pieces_differ": """
        WITH back AS (
            SELECT f.redemption_id, (l->>'line')::int AS line, sum((l->>'quantity')::bigint) AS pieces,
                   sum((l->>'value')::bigint) AS value
            FROM refunds f CROSS JOIN LATERAL jsonb_array_elements(f.lines) AS l
            WHERE f.book_id = :book GROUP BY 1, 2)
        SELECT l.redemption_id AS redemption, l.line, l.returned, coalesce(b.pieces, 0) AS of_refunds
        FROM redemption_lines l LEFT JOIN back b ON b.redemption_id = l.redemption_id AND b.line = l.line
        WHERE l.book_id = :book
          AND (l.returned, l.value_returned) IS DISTINCT FROM (coalesce(b.pieces, 0), coalesce(b.value, 0))
        ORDER BY l.redemption_id, l.line""",
    "day_of_outlet_differs": """
        SELECT coalesce(d.outlet, r.outlet) AS outlet, coalesce(d.day, r.day) AS day,
               coalesce(d.points, 0) AS points, coalesce(r.points, 0) AS points_again
        FROM (SELECT outlet, day, points FROM outlet_days WHERE book_id = :book) d
        FULL JOIN (SELECT outlet, day, sum(points) AS points FROM redemptions
                   WHERE book_id = :book AND status IN ('waiting', 'done') GROUP BY outlet, day) r
             ON r.outlet = d.outlet AND r.day = d.day
        WHERE coalesce(d.points, 0) <> coalesce(r.points, 0) ORDER BY 1, 2""",
    "vouchers_differ_from_their_account": """
        SELECT v.points, coalesce(a.credits - a.debits, 0) AS balance
        FROM (SELECT coalesce(sum(points), 0) AS points FROM vouchers WHERE book_id = :book AND state = 'live') v
        LEFT JOIN accounts a ON a.book_id = :book AND a.kind = 'service_vouchers'
        WHERE v.points <> coalesce(a.credits - a.debits, 0)""",
    "voucher_not_as_its_state": """
        SELECT v.voucher_id AS voucher, v.state FROM vouchers v
        LEFT JOIN redemptions r ON r.book_id = :book AND r.voucher_id = v.voucher_id AND r.status = 'done'
        WHERE v.book_id = :book AND (v.state = 'used') <> (r.redemption_id IS NOT NULL) ORDER BY v.voucher_id""",
    "cases_differ_from_their_account": """
        SELECT coalesce(c.outlet, a.holder) AS outlet, coalesce(c.points, 0) AS points,
               coalesce(a.credits - a.debits, 0) AS balance
        FROM (SELECT r.outlet, sum(c.points) AS points FROM cases c
              JOIN redemptions r ON r.book_id = :book AND r.redemption_id = c.redemption_id
              WHERE c.book_id = :book AND c.upheld IS NULL GROUP BY r.outlet) c
        FULL JOIN (SELECT holder, credits, debits FROM accounts WHERE book_id = :book AND kind = 'merchant_disputed') a
             ON a.holder = c.outlet
        WHERE coalesce(c.points, 0) <> coalesce(a.credits - a.debits, 0) ORDER BY 1""",
}


async def check(database: AsyncEngine, book: int) -> list[Finding]:
    """Everything that is wrong with what a book's outlets redeemed; an empty list is the good answer."""
    findings: list[Finding] = []
    async with database.execution_options(isolation_level="REPEATABLE READ").connect() as tx:
        await connect.no_timeout(tx)
        for name, query in BOOK_CHECKS.items():
            rows = await tx.execute(text(f"{query} LIMIT {MOST_FINDINGS}"), {"book": book})
            findings += [Finding(name, dict(row)) for row in rows.mappings()]
    return findings
