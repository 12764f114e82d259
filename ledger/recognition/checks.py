"""`meide check` of recognition: assessments as they were made, awards as they were assessed, certificates in a row.

As with the books' own checks (`integrity`) a finding names the check and where it looked, and nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.integrity import MOST_FINDINGS, Finding
from ledger.database import connect
from ledger.recognition import assessments

BOOK_CHECKS: Final[Mapping[str, str]] = {
    "award_differs_from_its_assessment": """
        SELECT w.award_id AS award, w.star, a.star AS assessed, w.minutes, a.credit_minutes, a.honour_minutes
        FROM awards w
        JOIN assessments s ON s.book_id = :book AND s.assessment_id = w.assessment_id
        LEFT JOIN assessed a ON a.book_id = :book AND a.assessment_id = w.assessment_id AND a.holder = w.holder
        WHERE w.book_id = :book AND (
            a.holder IS NULL OR w.star <> a.star OR w.star <= a.held OR w.as_of <> s.as_of
            OR CASE WHEN w.honour THEN w.minutes NOT IN (a.credit_minutes + a.honour_minutes, a.honour_minutes)
                    ELSE w.minutes <> a.credit_minutes END)
        ORDER BY w.award_id""",
    "award_not_as_its_objections": """
        SELECT w.award_id AS award, w.state FROM awards w
        WHERE w.book_id = :book AND (w.state = 'objected') <> EXISTS (
            SELECT FROM award_objections o
            WHERE o.book_id = :book AND o.award_id = w.award_id AND o.upheld IS NULL)
        ORDER BY w.award_id""",
    # The numbers of a year are its first ones, each once: then none is missing, and none was taken back.
    "certificate_numbers_have_gaps": """
        SELECT coalesce(s.series, g.series) AS series, s.last, g.given, g.highest
        FROM (SELECT series, last FROM serials WHERE book_id = :book AND series LIKE 'certificate/%') s
        FULL JOIN (
            SELECT 'certificate/' || substr(serial, 2, 4) AS series, count(*) AS given,
                   max(CASE WHEN serial ~ '^S[0-9]{4}-[0-9]{6,9}$' THEN substr(serial, 7)::bigint END) AS highest
            FROM awards WHERE book_id = :book AND serial IS NOT NULL GROUP BY 1) g ON g.series = s.series
        WHERE s.last IS DISTINCT FROM g.given OR s.last IS DISTINCT FROM g.highest ORDER BY 1""",
    "proof_numbers_have_gaps": """
        SELECT coalesce(s.series, g.series) AS series, s.last, g.given, g.highest
        FROM (SELECT series, last FROM serials WHERE book_id = :book AND series LIKE 'proof/%') s
        FULL JOIN (
            SELECT 'proof/' || organisation || '/' || date_part('year', issued_on) AS series, count(*) AS given,
                   max(CASE WHEN serial ~ '-[0-9]{4}-[0-9]{6,9}$'
                            THEN substring(serial FROM '[0-9]+$')::bigint END) AS highest
            FROM proofs WHERE book_id = :book AND serial IS NOT NULL GROUP BY 1) g ON g.series = s.series
        WHERE s.last IS DISTINCT FROM g.given OR s.last IS DISTINCT FROM g.highest ORDER BY 1""",
    "proof_differs_from_its_services": """
        SELECT p.proof_id AS proof, p.credit_minutes, p.honour_minutes, s.credit, s.honour FROM proofs p
        CROSS JOIN LATERAL (
            SELECT coalesce(sum((each ->> 5)::bigint) FILTER (WHERE each ->> 4 = 'credit'), 0) AS credit,
                   coalesce(sum((each ->> 5)::bigint) FILTER (WHERE each ->> 4 = 'honour'), 0) AS honour
            FROM jsonb_array_elements(p.services) AS each) s
        WHERE p.book_id = :book AND p.serial IS NOT NULL
          AND (p.credit_minutes, p.honour_minutes) IS DISTINCT FROM (s.credit, s.honour)
        ORDER BY p.proof_id""",
}

DIGEST: Final = "assessment_differs_from_its_digest"


async def check(database: AsyncEngine, book: int) -> list[Finding]:
    """Everything that is wrong with what a book recognised; an empty list is the good answer."""
    findings: list[Finding] = []
    async with database.execution_options(isolation_level="REPEATABLE READ").connect() as tx:
        await connect.no_timeout(tx)
        for name, query in BOOK_CHECKS.items():
            rows = await tx.execute(text(f"{query} LIMIT {MOST_FINDINGS}"), {"book": book})
            findings += [Finding(name, dict(row)) for row in rows.mappings()]
        for each in await assessments.done_ones(tx, book):
            people, digest = await assessments.stored_digest(tx, book, each)
            if (people, digest) != (each.people, each.digest):
                findings.append(
                    Finding(DIGEST, {"assessment": each.assessment_id, "people": each.people, "people_again": people})
                )
    return findings
