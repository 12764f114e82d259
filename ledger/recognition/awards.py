"""Awards of stars: candidates of an assessment in public notice, objections, the award or its refusal, and its end.

An award keeps what it was decided on for ever: the assessment, the minutes, what the star asked for. What is proved
false later changes none of that; a later assessment says the difference, and a certifier decides whether it ends. Two
people stand behind each star: who brings the candidates into notice awards none of them, nor does anybody her own.
All verbs look at the award under its lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

from sqlalchemy import BigInteger, Select, Uuid, any_, bindparam, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.database import connect, events
from ledger.database.rows import rows_within
from ledger.days import day_of
from ledger.earning import calendar
from ledger.earning import organisations as tree
from ledger.earning.tables import organisations, volunteers
from ledger.errors import (
    AlreadyDecided,
    AwardObjected,
    InvalidField,
    NotTheCertifier,
    Refusal,
    SecondPersonNeeded,
    StillInNotice,
    UnknownAward,
    UnknownObjection,
)
from ledger.recognition import assessments, ladders, serials
from ledger.recognition.ladder import Ladder
from ledger.recognition.tables import award_objections, awards
from ledger.text import one_line

State = Literal["in_notice", "objected", "awarded", "refused", "ended"]
STATES: Final[tuple[State, ...]] = get_args(State)

REASON_LENGTHS: Final = (4, 200)
MOST: Final = 1000
"""Awards at once."""


@dataclass(frozen=True, slots=True)
class Award:
    """A star of somebody: proposed, awarded or refused; its columns say what they are.

    `volunteer_no` None: she has been erased. `line`: of the organisation to which she belonged, empty: the book's own.
    """

    award_id: UUID
    assessment_id: UUID
    holder: str
    star: int
    title: str
    certifier: str | None
    as_of: date
    minutes: int
    needed: int
    honour: bool
    organisation: str | None
    state: State
    proposed_by: str
    proposed_at: datetime
    notice_from: date
    notice_until: date
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    awarded_on: date | None
    serial: str | None
    ended_on: date | None
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    volunteer_no: str | None = None
    line: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Objection:
    """An objection to an award in notice. `upheld` None: it is open; `due_on`: until when it shall be decided."""

    objection_id: UUID
    award_id: UUID
    raised_by: str
    raised_at: datetime
    reason: str
    due_on: date
    decided_by: str | None = None
    decided_at: datetime | None = None
    upheld: bool | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class Proposed:
    """How many candidates came into notice, and its first and last day."""

    candidates: int
    notice_from: date
    notice_until: date


@dataclass(frozen=True, slots=True)
class Awarded:
    """What became of many: the awards made, why the others were not (how many by refusal), and whether more wait."""

    awards: tuple[Award, ...]
    refused: Mapping[type[Refusal], int] = field(default_factory=dict)
    more: bool = False


_STORED: Final = [name for name in Award.__dataclass_fields__ if name not in ("volunteer_no", "line")]
_OBJECTION: Final = [award_objections.c[name] for name in Objection.__dataclass_fields__]


# --- candidates -------------------------------------------------------------------------------------------------------


async def propose(tx: AsyncConnection, book: int, assessment_id: UUID, *, by: str, now: datetime) -> Proposed:
    """Brings whom an assessment gives more stars than they hold into public notice, for the highest of these.

    Each once for an assessment, and nobody for a star that is in notice or awarded already, or below one: doing it
    twice adds nothing. UnknownAssessment, AssessmentUnfinished.
    """
    await connect.no_timeout(tx)
    of = await assessments.locked(tx, book, assessment_id)
    ladder = await ladders.version(tx, book, of.ladder)
    today = day_of(now)
    until = (await calendar.read(tx, today)).after(today, ladder.publicity_days)
    levels = ladder.levels
    added = await tx.execute(
        text(_PROPOSE).bindparams(
            bindparam("titles", type_=ARRAY(TEXT)),
            bindparam("certifiers", type_=ARRAY(TEXT)),
            bindparam("needed", type_=ARRAY(BigInteger)),
        ),
        {
            "book": book,
            "assessment": assessment_id,
            "titles": [level.title for level in levels],
            "certifiers": [level.certifier for level in levels],
            "needed": [level.minutes for level in levels],
            "credit": "credit" in ladder.classes,
            "honour": "honour" in ladder.classes,
            "as_of": of.as_of,
            "by": by,
            "now": now,
            "today": today,
            "until": until,
        },
    )
    return Proposed(added.rowcount, today, until)


_PROPOSE: Final = """
    INSERT INTO awards (
        book_id, award_id, assessment_id, holder, star, title, certifier, as_of, minutes, needed, honour, organisation,
        state, proposed_by, proposed_at, notice_from, notice_until)
    SELECT :book, gen_random_uuid(), a.assessment_id, a.holder, a.star, (:titles)[a.star], (:certifiers)[a.star],
           :as_of, CASE WHEN :credit THEN a.credit_minutes ELSE 0 END
               + CASE WHEN :honour THEN a.honour_minutes ELSE 0 END,
           (:needed)[a.star], :honour, v.organisation, 'in_notice', :by, :now, :today, :until
    FROM assessed a JOIN volunteers v ON v.book_id = :book AND v.holder = a.holder
    WHERE a.book_id = :book AND a.assessment_id = :assessment AND a.star > a.held AND NOT EXISTS (
        SELECT FROM awards w WHERE w.book_id = :book AND w.holder = a.holder AND (
            w.assessment_id = a.assessment_id
            OR w.star >= a.star AND w.state IN ('in_notice', 'objected', 'awarded')))
    ORDER BY a.holder
    ON CONFLICT (book_id, holder, star) WHERE state IN ('in_notice', 'objected', 'awarded') DO NOTHING"""


# --- objections -------------------------------------------------------------------------------------------------------


async def object_to(
    tx: AsyncConnection, book: int, award_id: UUID, reason: str, *, by: str, now: datetime
) -> Objection:
    """Objects to an award before it is decided: it waits until somebody else has decided that. Each person once.

    InvalidField, UnknownAward, AwardObjected, AlreadyDecided (the award, or the same person's objection).
    """
    reason = _checked("reason", reason)
    of = await _locked_one(tx, book, award_id)
    earlier = await objections_of(tx, book, award_id)
    _may_be_decided(of, earlier)
    if any(each.raised_by == by for each in earlier):
        raise AlreadyDecided
    today = day_of(now)
    ladder = await _ladder(tx, book, of)
    due_on = (await calendar.read(tx, today)).after(today, ladder.objection_days)
    raised = Objection(next(identifiers.rising(now)), award_id, by, now, reason, due_on)
    await tx.execute(
        insert(award_objections).values(book_id=book, **{c.name: getattr(raised, c.name) for c in _OBJECTION})
    )
    await tx.execute(_change(book, award_id).values(state="objected"))
    return raised


async def decide_objection(
    tx: AsyncConnection,
    book: int,
    objection_id: UUID,
    *,
    upheld: bool,
    decision: str,
    by: str,
    holder: str | None = None,
    now: datetime,
) -> tuple[Objection, Award]:
    """Decides an objection: upheld, the award is refused for that reason; else it is in notice as before.

    By somebody else than who raised it and who proposed the award, and not by herself (`holder`: the caller's own):
    SecondPersonNeeded. InvalidField, UnknownObjection, AlreadyDecided.
    """
    decision = _checked("decision", decision)
    asked = await objection(tx, book, objection_id)
    of = await _locked_one(tx, book, asked.award_id)
    asked = await objection(tx, book, objection_id)
    if asked.upheld is not None:
        raise AlreadyDecided
    if by in (asked.raised_by, of.proposed_by) or holder == of.holder:
        raise SecondPersonNeeded
    decided = replace(asked, decided_by=by, decided_at=now, upheld=upheld, decision=decision)
    await tx.execute(
        update(award_objections)
        .where(award_objections.c.book_id == book, award_objections.c.objection_id == objection_id)
        .values(decided_by=by, decided_at=now, upheld=upheld, decision=decision)
    )
    if upheld:
        await tx.execute(
            _change(book, of.award_id).values(state="refused", decided_by=by, decided_at=now, reason=decision)
        )
    else:
        await tx.execute(_change(book, of.award_id).values(state="in_notice"))
    return decided, await find(tx, book, of.award_id)


# --- deciding ---------------------------------------------------------------------------------------------------------


async def award(
    tx: AsyncConnection,
    book: int,
    award_id: UUID,
    *,
    by: str,
    holder: str | None = None,
    within: Collection[str] | None = None,
    now: datetime,
) -> Award:
    """Awards a star after its notice, with a certificate number. `within`: for whom `by` certifies; None: the book.

    UnknownAward, AlreadyDecided, AwardObjected, StillInNotice, SecondPersonNeeded (who proposed it, and herself, whose
    `holder` is the caller's own), NotTheCertifier.
    """
    of = await _locked_one(tx, book, award_id)
    _may_be_decided(of, await objections_of(tx, book, award_id))
    levels = await _levels(tx, book, [of])
    refusal = _why_not(of, levels, by, holder, within, day_of(now))
    if refusal is not None:
        raise refusal
    [done] = await _award(tx, book, [of], by, now)
    return done


async def award_all(
    tx: AsyncConnection,
    book: int,
    *,
    assessment_id: UUID | None = None,
    by: str,
    holder: str | None = None,
    within: Collection[str] | None = None,
    now: datetime,
    limit: int = MOST,
) -> Awarded:
    """Awards what waits and can be awarded by them, of one assessment or of all, in the order in which notice ends.

    At most `limit` at once; `refused`: of those of their organisations, how many not, by the reason. Who has been
    erased since is passed over.
    """
    today = day_of(now)
    wanted = _within(
        _AWARDS.where(awards.c.book_id == book, awards.c.state.in_(("in_notice", "objected"))), book, within
    )
    if assessment_id is not None:
        wanted = wanted.where(awards.c.assessment_id == assessment_id)
    found = await _read(tx, book, wanted.order_by(awards.c.notice_until, awards.c.award_id))
    waiting = [each for each in found if each.volunteer_no is not None]
    levels = await _levels(tx, book, waiting)
    refused: dict[type[Refusal], int] = {}
    candidates = []
    for each in waiting:
        why = AwardObjected if each.state == "objected" else type(_why_not(each, levels, by, holder, within, today))
        if issubclass(why, Refusal):
            refused[why] = refused.get(why, 0) + 1
        else:
            candidates.append(each.award_id)
    ready = await _locked(tx, book, candidates[:limit])
    # As they are now that they are locked: somebody may have objected, or awarded them, in the meantime.
    able = [each for each in ready if each.state == "in_notice"]
    return Awarded(tuple(await _award(tx, book, able, by, now)), refused, len(candidates) > limit)


async def refuse(
    tx: AsyncConnection,
    book: int,
    award_id: UUID,
    reason: str,
    *,
    by: str,
    holder: str | None = None,
    within: Collection[str] | None = None,
    now: datetime,
) -> Award:
    """Refuses a star, also while it is in notice. By those who may award it.

    InvalidField, UnknownAward, AlreadyDecided, AwardObjected, SecondPersonNeeded, NotTheCertifier.
    """
    reason = _checked("reason", reason)
    of = await _locked_one(tx, book, award_id)
    _may_be_decided(of, await objections_of(tx, book, award_id))
    refusal = _not_by_them(of, await _levels(tx, book, [of]), by, holder, within)
    if refusal is not None:
        raise refusal
    await tx.execute(_change(book, award_id).values(state="refused", decided_by=by, decided_at=now, reason=reason))
    return await find(tx, book, award_id)


async def end(
    tx: AsyncConnection,
    book: int,
    award_id: UUID,
    reason: str,
    *,
    by: str,
    holder: str | None = None,
    within: Collection[str] | None = None,
    now: datetime,
) -> Award:
    """Ends an award from today on. By those who may award such a star; not by herself. What it was made on stays.

    InvalidField, UnknownAward, StillInNotice (not awarded yet), AlreadyDecided, SecondPersonNeeded, NotTheCertifier.
    """
    reason = _checked("reason", reason)
    of = await _locked_one(tx, book, award_id)
    if of.state in ("in_notice", "objected"):
        raise StillInNotice(of.notice_until)
    if of.state != "awarded":
        raise AlreadyDecided
    if holder == of.holder:
        raise SecondPersonNeeded
    if not _certifies(of, await _levels(tx, book, [of]), within):
        raise NotTheCertifier(of.certifier or "")
    await tx.execute(
        _change(book, award_id).values(
            state="ended", ended_on=day_of(now), ended_at=now, ended_by=by, end_reason=reason
        )
    )
    await events.add(tx, book, "award_withdrawn", _facts(of), actor=by, at=now)
    return await find(tx, book, award_id)


def _facts(of: Award) -> dict[str, str | None]:
    return {"award": str(of.award_id), "holder": of.holder, "star": str(of.star)}


def _may_be_decided(of: Award, raised: Sequence[Objection]) -> None:
    """AlreadyDecided, AwardObjected."""
    if of.state == "objected":
        raise AwardObjected(next(each.due_on for each in raised if each.upheld is None))
    if of.state != "in_notice":
        raise AlreadyDecided


def _why_not(
    of: Award,
    levels: Mapping[str, str],
    by: str,
    holder: str | None,
    within: Collection[str] | None,
    today: date,
) -> Refusal | None:
    """Why this one, which is in notice, is not awarded now by them."""
    if today <= of.notice_until:
        return StillInNotice(of.notice_until)
    return _not_by_them(of, levels, by, holder, within)


def _not_by_them(
    of: Award, levels: Mapping[str, str], by: str, holder: str | None, within: Collection[str] | None
) -> Refusal | None:
    if by == of.proposed_by or holder == of.holder:
        return SecondPersonNeeded()
    return None if _certifies(of, levels, within) else NotTheCertifier(of.certifier or "")


def _certifies(of: Award, levels: Mapping[str, str], within: Collection[str] | None) -> bool:
    """Whether who certifies for these organisations awards this star: those of its level, and those above them.

    Where none on her line is of that level, it is up to the whole book's.
    """
    if within is None:
        return True
    line = of.line
    if of.certifier is not None:
        at = next((place for place, code in enumerate(line) if levels.get(code) == of.certifier), len(line))
        line = line[at:]
    return not set(line).isdisjoint(within)


async def _levels(tx: AsyncConnection, book: int, of: Iterable[Award]) -> dict[str, str]:
    """The levels of all organisations on the lines of these awards."""
    codes = sorted({code for each in of for code in each.line})
    return {code: found.level for code, found in (await tree.find_many(tx, book, codes)).items()}


async def _award(tx: AsyncConnection, book: int, of: Sequence[Award], by: str, now: datetime) -> list[Award]:
    """Awards these, which are locked."""
    if not of:
        return []
    today = day_of(now)
    numbers = await serials.next_numbers(tx, book, f"certificate/{today.year}", len(of))
    written = [f"S{today.year}-{number:06d}" for number in numbers]
    given = rows_within(
        [awards.c.award_id, awards.c.serial],
        [(each.award_id, serial) for each, serial in zip(of, written, strict=True)],
    )
    await tx.execute(
        update(awards)
        .where(awards.c.book_id == book, awards.c.award_id == given.c.award_id)
        .values(state="awarded", decided_by=by, decided_at=now, awarded_on=today, serial=given.c.serial)
    )
    for each in of:
        facts = {
            **_facts(each),
            "assessment": str(each.assessment_id),
            "as_of": each.as_of.isoformat(),
            "minutes": str(each.minutes),
            "organisation": each.organisation,
            "proposed_by": each.proposed_by,
        }
        # Without the certificate's number: on paper her name stands beside it, so it would tell for ever who she was.
        await events.add(tx, book, "award_given", facts, actor=by, at=now)
    return [
        replace(each, state="awarded", decided_by=by, decided_at=now, awarded_on=today, serial=serial)
        for each, serial in zip(of, written, strict=True)
    ]


# --- reading ----------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, award_id: UUID) -> Award:
    """One award; UnknownAward."""
    found = await _read(tx, book, _AWARDS.where(awards.c.book_id == book, awards.c.award_id == award_id))
    if not found:
        raise UnknownAward(award_id)
    return found[0]


async def with_serial(tx: AsyncConnection, book: int, serial: str) -> Award | None:
    """The award whose certificate has this number; None: no such certificate."""
    found = await _read(tx, book, _AWARDS.where(awards.c.book_id == book, awards.c.serial == serial))
    return found[0] if found else None


async def of_holder(tx: AsyncConnection, book: int, holder: str) -> list[Award]:
    """Somebody's awards, the newest first, whatever has become of them."""
    wanted = _AWARDS.where(awards.c.book_id == book, awards.c.holder == holder)
    return await _read(tx, book, wanted.order_by(awards.c.proposed_at.desc(), awards.c.star.desc()))


async def awarded_to(tx: AsyncConnection, book: int, holders: Iterable[str]) -> list[Award]:
    """The stars that these people hold."""
    hers = awards.c.holder == any_(literal(sorted(holders), ARRAY(TEXT)))
    wanted = _AWARDS.where(awards.c.book_id == book, hers, awards.c.state == "awarded")
    return await _read(tx, book, wanted.order_by(awards.c.holder, awards.c.star))


async def in_notice(
    tx: AsyncConnection,
    book: int,
    within: Collection[str] | None = None,
    *,
    after: UUID | None = None,
    limit: int = 200,
) -> list[Award]:
    """Whom the public is shown: what is in notice or objected to, that whose notice ends first at the head."""
    return await of_state(tx, book, ("in_notice", "objected"), within, after=after, limit=limit)


async def of_state(
    tx: AsyncConnection,
    book: int,
    states: Collection[State],
    within: Collection[str] | None = None,
    *,
    assessment_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 200,
) -> list[Award]:
    """Awards in one of these states, by the last day of their notice, after another one.

    `within`: only of these organisations or those below them; None: of the whole book.
    """
    wanted = _within(_AWARDS.where(awards.c.book_id == book, awards.c.state.in_(sorted(states))), book, within)
    if assessment_id is not None:
        wanted = wanted.where(awards.c.assessment_id == assessment_id)
    if after is not None:
        last = await find(tx, book, after)
        wanted = wanted.where(
            (awards.c.notice_until > last.notice_until)
            | ((awards.c.notice_until == last.notice_until) & (awards.c.award_id > after))
        )
    return await _read(tx, book, wanted.order_by(awards.c.notice_until, awards.c.award_id).limit(limit))


async def objection(tx: AsyncConnection, book: int, objection_id: UUID) -> Objection:
    """One objection; UnknownObjection."""
    row = (
        await tx.execute(
            select(*_OBJECTION).where(
                award_objections.c.book_id == book, award_objections.c.objection_id == objection_id
            )
        )
    ).one_or_none()
    if row is None:
        raise UnknownObjection(objection_id)
    return Objection(*row)


async def objections_of(tx: AsyncConnection, book: int, award_id: UUID) -> list[Objection]:
    """All objections to an award, the oldest first."""
    rows = await tx.execute(
        select(*_OBJECTION)
        .where(award_objections.c.book_id == book, award_objections.c.award_id == award_id)
        .order_by(award_objections.c.raised_at, award_objections.c.objection_id)
    )
    return [Objection(*row) for row in rows]


_AWARDS: Final = select(*(awards.c[name] for name in _STORED))


async def _read(tx: AsyncConnection, book: int, wanted: Select[Any]) -> list[Award]:
    hers = (volunteers.c.book_id == book) & (volunteers.c.holder == awards.c.holder)
    place = organisations.alias("place")
    named = (place.c.book_id == book) & (place.c.code == awards.c.organisation)
    found = wanted.add_columns(volunteers.c.volunteer_no, place.c.line)
    found = found.outerjoin(volunteers, hers).outerjoin(place, named)
    return [replace(Award(*row), line=tuple(row.line or ())) for row in await tx.execute(found)]


def _within(wanted: Select[Any], book: int, within: Collection[str] | None) -> Select[Any]:
    if within is None:
        return wanted
    reached = select(organisations.c.code).where(
        organisations.c.book_id == book, organisations.c.line.overlap(literal(sorted(within), ARRAY(TEXT)))
    )
    return wanted.where(awards.c.organisation.in_(reached))


async def _locked(tx: AsyncConnection, book: int, award_ids: Collection[UUID]) -> list[Award]:
    """These awards in the order of their notice's end, locked until the transaction ends."""
    named = (awards.c.book_id == book, awards.c.award_id == any_(literal(sorted(award_ids), ARRAY(Uuid))))
    await tx.execute(
        select(awards.c.award_id).where(*named).order_by(awards.c.award_id).with_for_update(key_share=True)
    )
    return await _read(tx, book, _AWARDS.where(*named).order_by(awards.c.notice_until, awards.c.award_id))


async def _locked_one(tx: AsyncConnection, book: int, award_id: UUID) -> Award:
    """UnknownAward."""
    found = await _locked(tx, book, [award_id])
    if not found:
        raise UnknownAward(award_id)
    return found[0]


async def _ladder(tx: AsyncConnection, book: int, of: Award) -> Ladder:
    assessment = await assessments.find(tx, book, of.assessment_id)
    return await ladders.version(tx, book, assessment.ladder)


def _change(book: int, award_id: UUID) -> Any:
    return update(awards).where(awards.c.book_id == book, awards.c.award_id == award_id)


def _checked(name: str, words: str) -> str:
    plain = words.strip()
    if not one_line(plain, least=REASON_LENGTHS[0], most=REASON_LENGTHS[1]):
        raise InvalidField(name, "not_a_reason")
    return plain
