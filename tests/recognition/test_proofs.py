"""Proofs of service: who may be asked, what is proved, numbers without gaps, what stays as it was issued."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import corrections, organisations, volunteers
from ledger.earning.record import Record
from ledger.errors import (
    AlreadyDecided,
    InvalidField,
    NothingToProve,
    NotTheOrganiser,
    Refusal,
    SecondPersonNeeded,
    UnknownOrganisation,
    UnknownProof,
    UnknownVolunteer,
)
from ledger.recognition import proofs, serials
from ledger.recognition.ladder import NATIONAL
from ledger.recognition.proofs import Proof
from tests.earning.programmes import ACT, Programme, later, opened

PRINTED = {"person_in_charge": "王主任", "handler": "李干事", "contact": "0531-1234567", "remarks": ""}


@pytest.fixture
async def programme(database: AsyncEngine, book: Book) -> Programme:
    """One volunteer of two, with two services for the team: an hour and a half on the spot, and two afterwards."""
    made = await opened(database, book, people=2)
    await made.credited(
        made.service("2026-03-05", "09:00", "10:30"),
        made.service(
            *("2026-03-07", "09:00", "11:00"),
            record_class="honour",
            second_person="user:second",
            evidence="照片",
            activity_name="义诊",
        ),
        made.act("2026-03-06", ACT.code),
    )
    made.database = later(made.database, days=30)
    return made


async def asked(programme: Programme, organisation: str = "D1T", whose: int = 0, **other: Any) -> Proof:
    given: dict[str, Any] = {"from_day": None, "to_day": None, "ladder": NATIONAL, "by": "user:her"} | other
    async with programme.database.begin() as tx:
        holder = programme.volunteers[whose].holder
        now = await connect.now(tx)
        proof, _ = await proofs.request(tx, programme.book.book_id, holder, organisation, now=now, **given)
    return proof


async def issued(programme: Programme, proof_id: UUID, **other: Any) -> Proof:
    given: dict[str, Any] = PRINTED | {"ladder": NATIONAL, "by": "user:staff", "holder": None} | other
    async with programme.database.begin() as tx:
        return await proofs.issue(tx, programme.book.book_id, proof_id, now=await connect.now(tx), **given)


async def refused(
    programme: Programme, proof_id: UUID, reason: str = "请先核对姓名", holder: str | None = None
) -> Proof:
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        return await proofs.refuse(
            tx, programme.book.book_id, proof_id, reason, by="user:staff", holder=holder, now=now
        )


async def revoked(programme: Programme, proof_id: UUID, reason: str = "印错了姓名") -> Proof:
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        return await proofs.revoke(tx, programme.book.book_id, proof_id, reason, by="user:staff", now=now)


async def withdrawn(programme: Programme, proof_id: UUID, whose: int = 0) -> Proof:
    async with programme.database.begin() as tx:
        return await proofs.withdraw(tx, programme.book.book_id, programme.volunteers[whose].holder, proof_id)


async def correct(programme: Programme, record: Record) -> None:
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        await corrections.correct(
            tx, programme.book.book_id, record.record_id, by="user:a", approver="user:b", reason="不属实", now=now
        )


async def found(programme: Programme, proof_id: UUID) -> Proof:
    async with programme.database.connect() as tx:
        return await proofs.find(tx, programme.book.book_id, proof_id)


# --- asking -----------------------------------------------------------------------------------------------------------


async def test_what_is_issued_says_the_credited_services_of_that_organisation_and_no_others(
    programme: Programme,
) -> None:
    await programme.credited(programme.service("2026-03-08", "09:00", "12:00", organisation="D1"))
    await programme.taken(programme.service("2026-03-09", "09:00", "12:00"))  # waits for its review
    proof = await issued(programme, (await asked(programme)).proof_id)
    assert proof.issued is not None
    assert [(each.day, each.activity, each.record_class, each.minutes) for each in proof.issued.services] == [
        (date(2026, 3, 5), "护河", "credit", 90),
        (date(2026, 3, 7), "义诊", "honour", 120),
    ]
    assert (proof.issued.credit_minutes, proof.issued.honour_minutes) == (90, 120)
    assert (proof.issued.issuer.name, proof.issued.issuer.handler) == ("护河队", "李干事")
    assert proof.issued.serial == f"D1T-{proof.issued.on.year}-000001"
    assert proof.issued.notice_until - proof.issued.on == timedelta(days=7)


async def test_only_who_organised_is_asked(programme: Programme) -> None:
    with pytest.raises(NotTheOrganiser) as refusal:
        await asked(programme, "D1")
    assert refusal.value.organisation == "D1", "also the one above it: it has not recorded this"
    with pytest.raises(NotTheOrganiser):
        await asked(programme, whose=1)
    with pytest.raises(UnknownOrganisation):
        await asked(programme, "D9")


async def test_only_the_days_that_she_names_are_proved_and_there_must_be_something(programme: Programme) -> None:
    day = date(2026, 3, 5)
    proof = await issued(programme, (await asked(programme, from_day=day, to_day=day)).proof_id)
    assert proof.issued is not None
    assert [each.day for each in proof.issued.services] == [day]
    with pytest.raises(NothingToProve):
        await asked(programme, from_day=date(2026, 3, 8), to_day=date(2026, 3, 9))


async def test_days_that_cannot_be_are_refused(programme: Programme) -> None:
    today = day_of(await _now(programme))
    for days, field in (
        ({"to_day": today + timedelta(days=1)}, "to_day"),
        ({"from_day": today, "to_day": today - timedelta(days=1)}, "from_day"),
        ({"from_day": today + timedelta(days=1)}, "from_day"),
    ):
        with pytest.raises(InvalidField) as refusal:
            await asked(programme, **days)
        assert refusal.value.field == field


async def test_who_asks_twice_is_answered_the_one_that_waits(programme: Programme) -> None:
    first = await asked(programme)
    assert await asked(programme, from_day=date(2026, 3, 5)) == first
    at_once = await asyncio.gather(*(asked(programme) for _ in range(4)))
    assert at_once == [first] * 4
    await issued(programme, first.proof_id)
    again = await asyncio.gather(*(asked(programme) for _ in range(4)))
    assert len({each.proof_id for each in again} - {first.proof_id}) == 1


async def test_it_is_due_after_ten_working_days(programme: Programme) -> None:
    proof = await asked(programme)
    day, working = day_of(proof.requested_at), 0
    async with programme.database.connect() as tx:
        days = await proofs.calendar.read(tx, day)
    while day < proof.due_on:
        day += timedelta(days=1)
        working += days.is_working(day)
    assert working == 10
    assert days.is_working(proof.due_on)


async def test_what_she_has_withdrawn_is_not_issued(programme: Programme) -> None:
    proof = await asked(programme)
    with pytest.raises(UnknownProof):
        await withdrawn(programme, proof.proof_id, whose=1)
    assert (await withdrawn(programme, proof.proof_id)).state == "withdrawn"
    for verb in (withdrawn, issued, refused, revoked):
        with pytest.raises(AlreadyDecided):
            await verb(programme, proof.proof_id)
    assert (await asked(programme)).proof_id != proof.proof_id


async def test_nobody_who_is_not_there_asks(programme: Programme) -> None:
    async with programme.database.begin() as tx:
        with pytest.raises(UnknownVolunteer):
            await proofs.request(
                *(tx, programme.book.book_id, "0000000000000000", "D1T"),
                from_day=None,
                to_day=None,
                ladder=NATIONAL,
                by="user:1",
                now=await connect.now(tx),
            )


async def test_whom_she_may_ask_is_who_has_credited_services_of_hers(programme: Programme) -> None:
    async with programme.database.connect() as tx:
        hers = await proofs.organisers(tx, programme.book.book_id, programme.holder)
        nobodys = await proofs.organisers(tx, programme.book.book_id, programme.volunteers[1].holder)
    assert nobodys == []
    [team] = hers
    assert (team.organisation, team.name, team.credit_minutes, team.honour_minutes) == ("D1T", "护河队", 90, 120)
    assert (team.first_day, team.last_day) == (date(2026, 3, 5), date(2026, 3, 7)), "acts are no hours"


# --- deciding ---------------------------------------------------------------------------------------------------------


async def test_two_who_issue_it_at_once_issue_one_under_one_number(programme: Programme) -> None:
    proof = await asked(programme)
    outcomes = await asyncio.gather(*(issued(programme, proof.proof_id) for _ in range(5)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == [*["AlreadyDecided"] * 4, "Proof"]
    then = await issued(programme, (await asked(programme)).proof_id)
    assert then.issued is not None
    assert then.issued.serial.endswith("-000002"), "no number was lost"


async def test_numbers_are_of_an_organisation_and_have_no_gap_where_something_went_wrong(
    programme: Programme,
) -> None:
    book = programme.book.book_id
    async with programme.database.connect() as tx:
        assert await serials.next_number(tx, book, "test/D1T/2026") == 1
        await tx.rollback()

    async def number(series: str) -> int:
        async with programme.database.begin() as tx:
            return await serials.next_number(tx, book, series)

    assert sorted(await asyncio.gather(*(number("test/D1T/2026") for _ in range(6)))) == [1, 2, 3, 4, 5, 6]
    assert await number("test/D1/2026") == 1


async def test_nobody_issues_or_refuses_her_own(programme: Programme) -> None:
    proof = await asked(programme)
    for verb in (issued, refused):
        with pytest.raises(SecondPersonNeeded):
            await verb(programme, proof.proof_id, holder=programme.holder)
    assert (await found(programme, proof.proof_id)) == proof


@pytest.mark.parametrize("field", ["person_in_charge", "handler", "contact", "remarks"])
async def test_what_is_printed_is_one_line_that_fits(programme: Programme, field: str) -> None:
    proof = await asked(programme)
    for wrong in ("两\n行", "长" * 201, *([] if field == "remarks" else ["", "  "])):
        with pytest.raises(InvalidField) as refusal:
            await issued(programme, proof.proof_id, **{field: wrong})
        assert refusal.value.field == field
    assert (await found(programme, proof.proof_id)) == proof


async def test_a_refusal_has_a_reason_and_ends_it(programme: Programme) -> None:
    proof = await asked(programme)
    with pytest.raises(InvalidField):
        await refused(programme, proof.proof_id, "短")
    done = await refused(programme, proof.proof_id)
    assert (done.state, done.reason, done.issued) == ("refused", "请先核对姓名", None)
    for verb in (issued, refused, revoked, withdrawn):
        with pytest.raises(AlreadyDecided):
            await verb(programme, proof.proof_id)


async def test_a_revoked_one_keeps_what_it_said_and_when_it_was_revoked(programme: Programme) -> None:
    proof = await issued(programme, (await asked(programme)).proof_id)
    with pytest.raises(InvalidField):
        await revoked(programme, proof.proof_id, "")
    done = await revoked(programme, proof.proof_id)
    assert (done.state, done.issued, done.revoked_why) == ("revoked", proof.issued, "印错了姓名")
    assert done.revoked_at is not None
    outcomes: list[type[Refusal]] = []
    for verb in (revoked, issued, refused, withdrawn):
        with pytest.raises(AlreadyDecided) as refusal:
            await verb(programme, proof.proof_id)
        outcomes.append(refusal.type)
    assert len(outcomes) == 4


async def test_a_proof_of_another_book_is_not_there(programme: Programme) -> None:
    for verb in (issued, refused, revoked, withdrawn):
        with pytest.raises(UnknownProof):
            await verb(programme, uuid4())


# --- afterwards -------------------------------------------------------------------------------------------------------


async def test_what_was_issued_stays_when_a_record_is_corrected_and_is_found_for_the_staff(
    programme: Programme,
) -> None:
    [wrong] = await programme.credited(programme.service("2026-03-09", "09:00", "12:00"))
    proof = await issued(programme, (await asked(programme)).proof_id)
    other = await issued(programme, (await asked(programme, to_day=date(2026, 3, 8))).proof_id)
    waits = await asked(programme)
    await correct(programme, wrong)
    assert await found(programme, proof.proof_id) == proof
    book = programme.book.book_id
    async with programme.database.connect() as tx:
        assert await proofs.corrected(tx, book, [proof, other, waits]) == {proof.proof_id}
        assert await proofs.corrected(tx, book, [waits]) == frozenset()
        assert await proofs.listed(tx, book, only_corrected=True) == [proof]
        assert await proofs.listed(tx, book, ["D"], only_corrected=True) == [proof]
    anew = await issued(programme, waits.proof_id)
    assert anew.issued is not None
    assert wrong.record_id not in {each.record_id for each in anew.issued.services}


async def test_what_was_all_corrected_before_it_was_issued_is_not_issued(programme: Programme) -> None:
    [only] = await programme.credited(
        programme.service("2026-03-09", "09:00", "12:00", holder=programme.volunteers[1].holder)
    )
    proof = await asked(programme, whose=1)
    await correct(programme, only)
    with pytest.raises(NotTheOrganiser):
        await issued(programme, proof.proof_id)
    then = await issued(programme, (await asked(programme)).proof_id)
    assert then.issued is not None
    assert then.issued.serial.endswith("-000001"), "what was not issued took no number"


async def test_lists_reach_the_organisations_below_and_begin_with_what_is_due_first(programme: Programme) -> None:
    book = programme.book.book_id
    async with programme.database.begin() as tx:
        await organisations.add(tx, book, "D2", "二社区", "D")
    await programme.credited(
        programme.service("2026-03-08", "09:00", "12:00", organisation="D2"),
        programme.service("2026-03-08", "09:00", "12:00", organisation="D2", holder=programme.volunteers[1].holder),
    )
    first = await asked(programme)
    programme.database = later(programme.database, days=20)
    second, third = await asked(programme, "D2"), await asked(programme, "D2", whose=1)
    async with programme.database.connect() as tx:
        today = day_of(await connect.now(tx))
        assert await proofs.to_decide(tx, book) == [first, second, third]
        assert await proofs.to_decide(tx, book, after=first.proof_id, limit=1) == [second]
        assert await proofs.to_decide(tx, book, ["D2"]) == [second, third]
        assert await proofs.to_decide(tx, book, ["D"], after=second.proof_id) == [third]
        assert await proofs.to_decide(tx, book, ["D1"]) == [first]
        waits = await proofs.waiting(tx, book, today=today)
        assert [(each.organisation, each.waiting, each.overdue) for each in waits] == [("D1T", 1, 1), ("D2", 2, 0)]
        assert waits[0].oldest == first.due_on < today
        assert [each.organisation for each in await proofs.waiting(tx, book, ["D2"], today=today)] == ["D2"]
        assert await proofs.of_volunteer(tx, book, programme.holder) == [second, first]
        assert await proofs.of_volunteer(tx, book, programme.holder, after=second.proof_id) == [first]
        assert await proofs.listed(tx, book, ["D1T"], state="requested") == [first]
        assert await proofs.listed(tx, book, limit=1, after=third.proof_id) == [second]
        assert await proofs.listed(tx, book, state="issued") == []


async def test_it_is_shown_within_the_organisation_for_seven_days(programme: Programme) -> None:
    proof = await issued(programme, (await asked(programme)).proof_id)
    book = programme.book.book_id
    assert proof.issued is not None
    last = proof.issued.notice_until
    async with programme.database.connect() as tx:
        assert await proofs.in_notice(tx, book, ["D1T"], today=last) == [proof]
        assert await proofs.in_notice(tx, book, ["D1T"], today=last + timedelta(days=1)) == []
        assert await proofs.in_notice(tx, book, ["D1", "D"], today=last) == [], "within the organisation itself"
    await revoked(programme, proof.proof_id)
    async with programme.database.connect() as tx:
        assert await proofs.in_notice(tx, book, ["D1T"], today=last) == []


async def test_after_an_erasure_nothing_waits_and_what_was_issued_is_nobodys(programme: Programme) -> None:
    proof, waits = await issued(programme, (await asked(programme)).proof_id), await asked(programme)
    book, her = programme.book.book_id, programme.volunteers[0]
    async with programme.database.begin() as tx:
        await proofs.forget(tx, book, her.holder)
        await volunteers.forget(tx, book, her.volunteer_no, "user:1")
    assert (await found(programme, waits.proof_id)).state == "withdrawn"
    assert await found(programme, proof.proof_id) == proof
    with pytest.raises(UnknownVolunteer):
        await asked(programme)


async def _now(programme: Programme) -> Any:
    async with programme.database.connect() as tx:
        return await connect.now(tx)
