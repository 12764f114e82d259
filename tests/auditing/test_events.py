"""What rooms decide stands in the book's history: in the same transaction, with what happened, and naming nobody."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import journal_files
from api import volunteers as staff
from ledger import identifiers
from ledger.access import tokens, users
from ledger.access.rights import Grant, Principal
from ledger.auditing import checks
from ledger.auditing.tables import log_lines
from ledger.auditing.verifier import tree
from ledger.books.directory import Book
from ledger.database import connect, events
from ledger.earning import rule_sets, sheets
from ledger.earning.sheets import Import
from ledger.recognition import assessments, awards, honours, ladders, proofs, targets
from ledger.recognition.ladder import NATIONAL
from ledger.recognition.targets import Wanted
from ledger.spending import policies
from ledger.spending.policies import DEFAULT
from tests.access import people
from tests.auditing import sealed
from tests.books.ledgers import move
from tests.conftest import new_book
from tests.earning.programmes import TEN_AN_HOUR, opened
from tests.earning.rows import a_record
from tests.recognition.careers import Career, awarded, career

Told = tuple[str, dict[str, str], dict[str, str], str]
"""A kind of event, its facts, its texts, and who did it."""


async def told(tx: AsyncConnection, book: int, *kinds: str) -> list[Told]:
    """The events of a book of these kinds, those of one kind in the order of their facts."""
    e = events.events.c
    rows = await tx.execute(
        select(e.kind, e.facts, e.texts, e.actor).where(e.book_id == book, e.kind.in_(kinds)).order_by(e.facts)
    )
    found = [(row.kind, json.loads(row.facts), json.loads(row.texts), row.actor) for row in rows]
    return sorted(found, key=lambda each: kinds.index(each[0]))


async def test_roles_given_and_ended_are_told_by_internal_numbers(database: AsyncEngine, book: Book) -> None:
    async with database.begin() as tx:
        made = await users.create(tx, None, pin="250731")
        hers = await users.give(tx, made.user_id, book.book_id, Grant("volunteer", volunteer_no="V-1"), "user:1")
        until = Grant("auditor", organisation="D1", until=date(2027, 1, 31))
        other = await users.give(tx, made.user_id, book.book_id, until, "user:2")
        await users.end_role(tx, book.book_id, other, "user:3", await connect.now(tx))
        await users.forget_volunteer(tx, book.book_id, "V-1", "user:4")
        found = await told(tx, book.book_id, "role_granted", "role_ended")
    whose = {"user": f"user:{made.user_id}"}
    auditor = {"role_id": str(other), "role": "auditor", "organisation": "D1", "until": "2027-01-31", **whose}
    assert found[:2] == [
        ("role_granted", auditor, {}, "user:2"),
        ("role_granted", {"role_id": str(hers), "role": "volunteer", **whose}, {}, "user:1"),
    ]
    assert sorted(found[2:], key=str) == [
        ("role_ended", {"role_id": str(role), **whose}, {}, by) for role, by in ((hers, "user:4"), (other, "user:3"))
    ]


async def test_keys_of_machines_and_tills_are_told_with_what_they_open_and_without_their_text(
    database: AsyncEngine, book: Book
) -> None:
    async with database.begin() as tx:
        now = await connect.now(tx)
        year: Any = {"by": "user:1", "now": now, "lifetime": timedelta(days=365)}
        scopes: Any = {"scopes": ["records:post", "books:post"], "prefixes": ["5120", "2100."]}
        machine, secret = await tokens.make(tx, book.book_id, "平台", **scopes, **year)
        tills = [(await tokens.make(tx, book.book_id, f"till {n}", outlet="X1", **year))[0].token_id for n in (1, 2)]
        for _ in range(2):
            await tokens.revoke(tx, book.book_id, machine.token_id, "user:2", now)
            await tokens.revoke_outlet(tx, book.book_id, "X1", "user:3", now)
        found = await told(tx, book.book_id, "token_made", "token_revoked")
        until = f"{(now + timedelta(days=365)).strftime('%Y-%m-%dT%H:%M:%S')}Z"
    opens = {"kind": "machine", "scopes": "books:post records:post", "prefixes": "2100. 5120", "until": until}
    at_the_shop = {"kind": "till", "outlet": "X1", "until": until}
    made = [
        ("token_made", opens | {"token": str(machine.token_id)}, {"name": "平台"}, "user:1"),
        *(
            ("token_made", at_the_shop | {"token": str(number)}, {"name": name}, "user:1")
            for number, name in zip(tills, ("till 1", "till 2"), strict=True)
        ),
    ]
    assert sorted(found[:3], key=str) == sorted(made, key=str)
    assert sorted(found[3:], key=str) == sorted(
        [
            ("token_revoked", {"token": str(machine.token_id)}, {}, "user:2"),
            *(("token_revoked", {"token": str(number)}, {}, "user:3") for number in tills),
        ],
        key=str,
    )
    assert secret not in str(found)


@pytest.mark.parametrize(
    ("module", "content", "word"),
    [(rule_sets, TEN_AN_HOUR, "rule_set"), (policies, DEFAULT, "policy"), (ladders, NATIONAL, "ladder")],
    ids=["rules", "limits", "ladders"],
)
async def test_an_approved_version_is_told_with_the_digest_of_its_body_and_a_draft_is_not(
    database: AsyncEngine, book: Book, module: Any, content: Any, word: str
) -> None:
    kind = {"rule_set": rule_sets.RULES, "policy": policies.LIMITS, "ladder": ladders.LADDERS}[word]
    async with database.begin() as tx:
        now = await connect.now(tx)
        first: Any = {"effective_from": date(2026, 1, 1), "now": now}
        for _ in range(3):
            await module.draft(tx, book.book_id, content, by="user:1", **first)
        await module.decline(tx, book.book_id, 1, by="user:2", now=now)
        assert await told(tx, book.book_id, "version_approved") == []
        await module.approve(tx, book.book_id, 2, by="user:2", now=now)
        [(_, facts, texts, by)] = await told(tx, book.book_id, "version_approved")
        table = kind.table.name
        body = await tx.execute(
            text(f"SELECT body FROM {table} WHERE book_id = :b AND version = 2"), {"b": book.book_id}
        )
    canonical = json.dumps(body.scalar_one(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert (texts, by) == ({}, "user:2")
    assert facts == {
        "of": word,
        "version": "2",
        "effective_from": "2026-01-01",
        "digest": hashlib.sha256(canonical.encode()).hexdigest(),
        "drafted_by": "user:1",
    }


async def test_what_is_rolled_back_was_never_told(database: AsyncEngine, book: Book) -> None:
    async with database.connect() as tx:
        made = await users.create(tx, None, pin="250731")
        await users.give(tx, made.user_id, book.book_id, Grant("owner"), "user:1")
        assert len(await told(tx, book.book_id, "role_granted")) == 1
        await tx.rollback()
    async with database.connect() as tx:
        assert await told(tx, book.book_id, "role_granted") == []


async def test_assessments_and_awards_are_told_by_the_holder_and_without_the_certificates_number(
    database: AsyncEngine, book: Book
) -> None:
    hers = await career(database, book, 100)
    award = await awarded(hers)
    async with hers.database.begin() as tx:
        now = await connect.now(tx)
        await awards.end(tx, hers.book, award.award_id, "证书发错了", by="user:9", now=now)
        found = await told(tx, hers.book, "assessment_made", "award_given", "award_withdrawn")
        made = await assessments.find(tx, hers.book, award.assessment_id)
    assert made.digest is not None
    (_, assessed, *_), (_, given, texts, by), (_, withdrawn, _, ended_by) = found
    assert (assessed["assessment"], assessed["digest"]) == (str(made.assessment_id), made.digest.hex())
    assert (assessed["as_of"], assessed["people"]) == (made.as_of.isoformat(), "1")
    assert (texts, by, ended_by) == ({}, award.decided_by, "user:9")
    assert given | withdrawn == given
    assert withdrawn == {"award": str(award.award_id), "holder": award.holder, "star": str(award.star)}
    assert award.serial is not None
    assert award.serial not in str(found)


async def test_proofs_issued_and_revoked_are_told_without_their_number(database: AsyncEngine) -> None:
    hers = await career(database, await new_book(database), 1)  # nobody adds it up: the record is made up
    async with hers.database.begin() as tx:
        now, holder = await connect.now(tx), hers.holder(0)
        await a_record(tx, hers.book, holder, "D1T", state="credited")
        asked: Any = {"from_day": None, "to_day": None, "ladder": NATIONAL, "by": "user:1", "now": now}
        proof, _ = await proofs.request(tx, hers.book, holder, "D1T", **asked)
        printed = dict.fromkeys(("person_in_charge", "handler", "contact"), "王主任") | {"remarks": ""}
        staff_of: Any = {"by": "user:2", "now": now}
        issued = await proofs.issue(tx, hers.book, proof.proof_id, **printed, ladder=NATIONAL, holder=None, **staff_of)
        await proofs.revoke(tx, hers.book, proof.proof_id, "记录有误，收回", **staff_of)
        found = await told(tx, hers.book, "proof_issued", "proof_revoked")
    assert issued.issued is not None
    of = {"proof": str(proof.proof_id), "holder": holder, "organisation": "D1T"}
    minutes = {"credit_minutes": str(issued.issued.credit_minutes), "honour_minutes": str(issued.issued.honour_minutes)}
    assert found == [("proof_issued", of | minutes, {}, "user:2"), ("proof_revoked", of, {}, "user:2")]


async def test_targets_and_honours_are_told(database: AsyncEngine, book: Book) -> None:
    hers = await career(database, book, 100)
    async with hers.database.begin() as tx:
        now = await connect.now(tx)
        wanted = Wanted("T1", "每年服务", "year_hours", "person", 60, now.year)
        for _ in range(2):
            await targets.set_(tx, hers.book, wanted, by="user:1", now=now)
        await targets.end(tx, hers.book, "T1", now.year, by="user:2", now=now)
        proposed = await honours.propose(
            tx, hers.book, now.year, "优秀志愿者", holder=hers.holder(0), by="user:1", now=now
        )
        await honours.decide(tx, hers.book, [proposed.honour_id], True, by="user:2", holder=None, now=now)
        await honours.end(tx, hers.book, proposed.honour_id, by="user:3", now=now)
        found = await told(tx, hers.book, "target_set", "target_ended", "honour_given", "honour_withdrawn")
    year = str(now.year)
    of = {"honour": str(proposed.honour_id), "year": year, "holder": hers.holder(0), "proposed_by": "user:1"}
    asked = {"target": "T1", "kind": "year_hours", "whom": "person", "amount": "60", "first_year": year}
    assert sorted(found, key=str) == sorted(
        [
            ("target_set", asked, {"name": "每年服务"}, "user:1"),
            ("target_ended", {"target": "T1", "last_year": year}, {}, "user:2"),
            ("honour_given", of, {"name": "优秀志愿者"}, "user:2"),
            ("honour_withdrawn", of, {}, "user:3"),
        ],
        key=str,
    )


async def test_an_import_of_hours_is_told_once_and_its_undoing_too(database: AsyncEngine, book: Book) -> None:
    programme = await opened(database, book)
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        of = Import(next(identifiers.rising(now)), "王秀英的时长.xlsx", now.date(), True, "room:cli", now)
        her = programme.volunteers[0]
        for hour in ("09", "11"):
            wanted = programme.service("2026-03-09", f"{hour}:00", f"{hour}:50", holder=her.volunteer_no)
            await sheets.take(tx, book.book_id, of, [wanted], {her.volunteer_no: her.holder}, now)
        for _ in range(2):
            await sheets.undone(tx, book.book_id, of.import_id, by="room:cli", now=now)
        found = await told(tx, book.book_id, "import_begun", "import_undone")
    begun = {"import": str(of.import_id), "as_of": of.as_of.isoformat(), "reviewed": "yes"}
    assert sorted(found) == [
        ("import_begun", begun, {"name": of.name}, "room:cli"),
        ("import_undone", {"import": str(of.import_id)}, {}, "room:cli"),
    ]


async def test_an_import_of_a_journal_is_told_with_the_digests_of_its_files_and_one_that_changed_nothing_is_not(
    database: AsyncEngine, book: Book, tmp_path: Path
) -> None:
    accounts, entries = tmp_path / "accounts.csv", tmp_path / "journal.csv"
    accounts.write_text("code,name,class,unit,floor\ncash,Cash,asset,CNY,\nequity,Equity,equity,CNY,\n")
    legs = "k1,2025-03-05,test,first,cash,CNY,5,0\nk1,2025-03-05,test,first,equity,CNY,0,5\n"
    entries.write_text(f"key,date,kind,description,account,unit,debit,credit\n{legs}")
    await journal_files.import_journal(database, book.book_id, accounts, entries, dry_run=True)
    for _ in range(2):
        await journal_files.import_journal(database, book.book_id, accounts, entries)
    async with database.connect() as tx:
        found = await told(tx, book.book_id, "journal_imported")
    digests = {
        f"{name}_sha256": hashlib.sha256(file.read_bytes()).hexdigest()
        for name, file in (("accounts", accounts), ("journal", entries))
    }
    counts = {"accounts_opened": "2", "posted": "1", "replayed": "0", "refused": "0"}
    assert found == [("journal_imported", counts | digests, {}, "import")]


# --- persons ---------------------------------------------------------------------------------------------------------


async def a_busy_book(database: AsyncEngine, book: Book) -> Career:
    """Somebody with a name, a phone, a user, hours, a star, an honour and a proof of service; and who let her in."""
    made = await career(database, book, 100, 20)
    her = made.programme.volunteers[0]
    await people.record(made.database, book, her, people.WANG)
    async with made.database.begin() as tx:
        user = await users.create(tx, f"wang.xiuying.{book.code}", pin="250731")
        await users.give(tx, user.user_id, book.book_id, Grant("volunteer", volunteer_no=her.volunteer_no), "user:1")
    await made.programme.credited(made.programme.service("2026-03-09", "09:00", "11:00"))
    award = await awarded(made)
    async with made.database.begin() as tx:
        now = await connect.now(tx)
        asked: Any = {"from_day": None, "to_day": None, "ladder": NATIONAL, "by": "user:1", "now": now}
        proof, _ = await proofs.request(tx, book.book_id, her.holder, "D1T", **asked)
        printed = dict.fromkeys(("person_in_charge", "handler", "contact"), "王主任") | {"remarks": ""}
        by: Any = {"by": "user:2", "now": now}
        await proofs.issue(tx, book.book_id, proof.proof_id, **printed, ladder=NATIONAL, holder=None, **by)
        await awards.end(tx, book.book_id, award.award_id, "王秀英本人申请", **by)
        honour = await honours.propose(tx, book.book_id, now.year, "王秀英奖", holder=her.holder, by="user:1", now=now)
        await honours.decide(tx, book.book_id, [honour.honour_id], True, holder=None, **by)
    described = f"{people.WANG.name} {people.WANG.phone} {her.volunteer_no}"
    await move(made.database, book, "5100.D1T 3 PT", f"2100.{her.holder} 3 PT", description=described)
    return made


async def lines(database: AsyncEngine, book: Book) -> list[str]:
    async with database.connect() as tx:
        wanted = select(log_lines.c.line).where(log_lines.c.book_id == book.book_id).order_by(log_lines.c.leaf_index)
        return list((await tx.execute(wanted)).scalars())


async def test_no_line_names_anybody(database: AsyncEngine, book: Book) -> None:
    made = await a_busy_book(database, book)
    size = await sealed.seal(database, book)
    found = await lines(database, book)
    assert len(found) == size
    kinds = {json.loads(line)["kind"] for line in found}
    assert kinds >= {"account_opened", "role_granted", "award_given", "award_withdrawn", "honour_given", "proof_issued"}
    async with database.connect() as tx:
        [award] = await awards.of_holder(tx, book.book_id, made.holder(0))
        [proof] = await proofs.of_volunteer(tx, book.book_id, made.holder(0))
    assert award.serial is not None
    assert proof.issued is not None
    wang = people.WANG
    of_hers = (wang.name, wang.phone, wang.id_number, "wang", "V-0000", "V-0001", "1958-03-02")
    for value in (*of_hers, award.serial, proof.issued.serial):
        assert not [line for line in found if value in line], value
    assert [line for line in found if made.holder(0) in line]


async def test_erasing_a_person_leaves_every_line_and_root_and_destroys_what_was_written_about_her(
    database: AsyncEngine, book: Book
) -> None:
    made = await a_busy_book(database, book)
    her, holder = made.programme.volunteers[0].volunteer_no, made.holder(0)
    published = await sealed.publish(database, book)
    before = await lines(database, book)
    owner = Principal("user", 1, book.code, book.book_id, grants=(Grant("owner"),))
    async with made.database.begin() as tx:
        await staff.erase(tx, owner, her)
        assert await told(tx, book.book_id, "erased") == [("erased", {"holder": holder}, {}, "user:1")]
    await sealed.seal(database, book)
    after = await lines(database, book)
    assert after[: len(before)] == before
    assert {json.loads(line)["kind"] for line in after[len(before) :]} == {"erased", "role_ended"}
    async with database.connect() as tx:
        assert tree.root_of((await sealed.hashes(tx, book))[: published.size]) == published.root
        c = log_lines.c
        of_book = select(c.line, c.texts, c.salt).where(c.book_id == book.book_id, c.type == "transaction")
        rows = (await tx.execute(of_book)).all()
    hers = [row for row in rows if holder in row.line]
    assert hers
    assert len(hers) < len(rows)
    assert all(row.salt is None and json.loads(row.texts)["description"] == "" for row in hers)
    assert all(row.salt is not None for row in rows if row not in hers)
    assert await checks.check(database, book.book_id, keys=[sealed.PUBLIC]) == []
