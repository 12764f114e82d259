"""`meide check` of recognition: a damaged assessment, award or number is named, and nothing else is."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import connect
from ledger.recognition import checks, proofs
from ledger.recognition.ladder import NATIONAL
from tests.conftest import OWNER, Server, new_book
from tests.earning.rows import a_record
from tests.recognition.careers import Career, awarded, career

DAMAGES = [
    ("UPDATE assessed SET credit_minutes = credit_minutes + 1", {checks.DIGEST, "award_differs_from_its_assessment"}),
    ("UPDATE assessed SET year_minutes = 1", {checks.DIGEST}),
    ("UPDATE assessed SET marked_on = '2026-01-01'", {checks.DIGEST}),
    ("UPDATE assessments SET digest = sha256('x')", {checks.DIGEST}),
    ("UPDATE assessments SET people = people + 1", {checks.DIGEST}),
    ("DELETE FROM assessed", {checks.DIGEST, "award_differs_from_its_assessment"}),
    ("UPDATE awards SET minutes = minutes + 1", {"award_differs_from_its_assessment"}),
    ("UPDATE awards SET star = star + 1", {"award_differs_from_its_assessment"}),
    ("UPDATE awards SET as_of = as_of + 1", {"award_differs_from_its_assessment"}),
    (
        "UPDATE awards SET state = 'objected', decided_by = NULL, decided_at = NULL, awarded_on = NULL, serial = NULL",
        {"award_not_as_its_objections", "certificate_numbers_have_gaps"},
    ),
    ("UPDATE awards SET serial = 'S2026-000007'", {"certificate_numbers_have_gaps"}),
    ("UPDATE serials SET last = last + 1", {"certificate_numbers_have_gaps", "proof_numbers_have_gaps"}),
    ("DELETE FROM serials", {"certificate_numbers_have_gaps", "proof_numbers_have_gaps"}),
    ("UPDATE proofs SET serial = 'D1T-2026-000007'", {"proof_numbers_have_gaps"}),
    ("UPDATE proofs SET credit_minutes = credit_minutes + 1", {"proof_differs_from_its_services"}),
]


async def made(database: AsyncEngine) -> Career:
    """Somebody with a star and a proof of service, of a book that nobody looks at afterwards."""
    hers = await career(database, await new_book(database), 100)
    await awarded(hers)
    printed = dict.fromkeys(("person_in_charge", "handler", "contact"), "王主任") | {"remarks": ""}
    asked = {"from_day": None, "to_day": None, "ladder": NATIONAL, "by": "user:staff"}
    async with hers.database.begin() as tx:
        now, holder = await connect.now(tx), hers.holder(0)
        await a_record(tx, hers.book, holder, "D1T", state="credited")
        proof, _ = await proofs.request(tx, hers.book, holder, "D1T", **asked, now=now)
        await proofs.issue(
            *(tx, hers.book, proof.proof_id),
            **printed,
            ladder=NATIONAL,
            by="user:staff",
            holder=None,
            now=now,
        )
    assert await checks.check(database, hers.book) == []
    return hers


@pytest.mark.parametrize(("damage", "found"), DAMAGES, ids=[damage for damage, _ in DAMAGES])
async def test_what_is_damaged_is_named(database: AsyncEngine, server: Server, damage: str, found: set[str]) -> None:
    hers = await made(database)
    # The service's role may do less.
    with psycopg.connect(server.url(OWNER, database.url.database or "")) as owner:
        owner.execute(f"{damage} WHERE book_id = {hers.book}".encode())
    assert {each.check for each in await checks.check(database, hers.book)} == found


async def test_every_check_has_a_damage() -> None:
    assert set.union(*(found for _, found in DAMAGES)) == {checks.DIGEST, *checks.BOOK_CHECKS}


async def test_the_service_changes_nothing_that_was_assessed(database: AsyncEngine) -> None:
    hers = await made(database)
    async with database.connect() as tx:
        with pytest.raises(Exception, match="permission denied"):
            await tx.exec_driver_sql(f"UPDATE assessed SET star = 5 WHERE book_id = {hers.book}")
