"""The sample district's last weeks: service records in every state, made by the verbs that everybody else uses.

Each step is safe to repeat, as the rest of the sample: records have numbers of their own, and what has been decided
stays so.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import rule_files
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import BEIJING, day_of
from ledger.earning import (
    activities,
    attendances,
    budgets,
    crediting,
    expiry,
    members,
    notices,
    objections,
    qualifications,
    records,
    rule_sets,
)
from ledger.earning.activities import Plan
from ledger.earning.record import Record
from ledger.earning.records import NewRecord, Taken
from ledger.earning.rules import DEFAULT, RuleSet
from ledger.earning.volunteers import Volunteer
from ledger.errors import ActivityExists, AlreadyMember, AlreadySignedIn, Refusal

DAYS: Final = 75
"""How long before today the rules begin and hours become records; what was before came from an older platform."""

LASTS: Final = 60
"""Days for which points can be spent: so few that some lapse soon."""

POINTS: Final = 60_000
NEVER_LOOKED_AT: Final = 12
"""Days ago, what somebody forgot to review was served: it is overdue."""

HERE: Final = Path(__file__).parent / "demo_data"
CLERK, REVIEWER, OTHER = "room:demo", "room:demo-review", "room:demo-other"

OPEN: Final = "demo-{day:%m%d}"
"""The code of the activity that is open on a day."""


class Clock:
    """A clock that stands where the sample has got to."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self, _: datetime) -> datetime:
        return self.time


@dataclass(frozen=True, slots=True)
class Person:
    """A sample volunteer: her team, what she usually does, and on which days of the week (or every other day)."""

    volunteer: Volunteer
    team: str
    category: str
    days: tuple[int, ...]


def rules() -> RuleSet:
    """The rules of the sample district: its 36 items with their caps, a coefficient, a cap for all, an expiry."""
    return rule_files.rule_set(
        DEFAULT,
        items=(HERE / "items.csv").read_bytes(),
        categories=(HERE / "categories.csv").read_bytes(),
        said={
            "coefficients": [
                {
                    "name": "持证义诊",
                    "numerator": 3,
                    "denominator": 2,
                    "categories": ["医疗卫生"],
                    "qualification": "执业医师",
                }
            ],
            "caps": [{"points": 300, "period": "month"}],
            "expiry": {"policy": "days", "n": LASTS},
        },
    )


async def weeks(database: AsyncEngine, book: Book, people: Sequence[Person], clock: Clock, since: date) -> None:
    """Brings the programme from the day `since` to now, evening by evening: served, reviewed, out of notice, lapsed."""
    now = clock.time
    chance = random.Random(20260303)  # noqa: S311 - a sample that is the same everywhere, not a secret
    clock.time = _at(since, 8)
    await _begin(database, book, people, since)
    day, today = since, day_of(now)
    waiting: list[Record] = []
    while day <= today:
        clock.time = min(_at(day, 19), now)
        if day < today:  # what came in last waits for whoever looks at the district
            await _review(database, book, waiting, chance)
        clock.time = min(_at(day, 20), now)
        waiting = await _hand_in(database, book, _served(day, people, chance) if clock.time == _at(day, 20) else [])
        if day == today - timedelta(days=NEVER_LOOKED_AT):
            waiting = waiting[2:]
        await crediting.release(database, book.book_id)
        await expiry.expire(database, book.book_id)
        if day == today - timedelta(days=10):
            await _use_up(database, book, people[2].team)
        day += timedelta(days=1)
    clock.time = now
    await _object(database, book, people[1].volunteer.holder)


async def open_today(database: AsyncEngine, book: Book, team: str, people: Sequence[Volunteer]) -> None:
    """An activity of the team that takes place now, with its first people there, and one for tomorrow."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        hour = now.replace(minute=0, second=0, microsecond=0)
        plans = {
            OPEN.format(day=day_of(now)): Plan(
                "小区清洁日", "生态环保", "一街道一社区广场", hour - timedelta(hours=1), hour + timedelta(hours=4), 30
            ),
            f"{OPEN.format(day=day_of(now))}-next": Plan(
                *("陪长者读报", "助老陪伴", "一街道一社区服务站"),
                hour + timedelta(hours=24),
                hour + timedelta(hours=26),
                12,
            ),
        }
        for code, plan in plans.items():
            with contextlib.suppress(ActivityExists):
                await activities.add(tx, book.book_id, team, plan, code=code, by=CLERK, now=now)
    for her in people:
        async with database.begin() as tx:
            now = await connect.now(tx)
            opened = await activities.find(tx, book.book_id, OPEN.format(day=day_of(now)))
            with contextlib.suppress(AlreadySignedIn):
                await attendances.sign_in(tx, book.book_id, opened, her.holder, code=None, by=CLERK, now=now)


# --- the steps --------------------------------------------------------------------------------------------------------


async def _begin(database: AsyncEngine, book: Book, people: Sequence[Person], since: date) -> None:
    """Rules, a budget of each year with the money behind it, teams with their leaders, one with a doctor."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        if (await rule_sets.in_force(tx, book.book_id)).on(since) is None:
            drafted = await rule_sets.draft(
                *(tx, book.book_id, rules()), effective_from=since, note="示例区积分细则", by=CLERK, now=now
            )
            await rule_sets.approve(tx, book.book_id, drafted.version, by=REVIEWER, now=now)
        for year in {since.year, (since + timedelta(days=DAYS)).year}:
            key = f"budget-{year}"
            await budgets.grant(
                *(tx, book.book_id, year, POINTS, POINTS * 100), by=CLERK, client=CLERK, key=key, call=key
            )
        for number, each in enumerate(people):
            role = "leader" if each.team not in {other.team for other in people[:number]} else "member"
            with contextlib.suppress(AlreadyMember):
                await members.join(tx, book.book_id, each.team, each.volunteer.holder, role, since)
    doctor = next(each for each in people if each.category == "医疗卫生")
    async with database.begin() as tx:
        await qualifications.record(
            tx,
            book.book_id,
            doctor.volunteer.holder,
            "执业医师",
            since - timedelta(days=3000),
            None,
            by=CLERK,
            today=since,
        )


def _served(day: date, people: Sequence[Person], chance: random.Random) -> list[NewRecord]:
    """What people did on a day, as their leaders hand it in that evening."""
    found = []
    for each in people:
        if day.weekday() not in each.days or chance.random() > 0.85:
            continue
        starts = _at(day, 8) + timedelta(minutes=chance.randrange(0, 240, 5))
        minutes = chance.randrange(60, 241, 5)
        if chance.random() < 0.06:
            found.append(_record(day, each, record_class="act", item=chance.choice(("P13", "P13", "P15", "M01"))))
            continue
        backfilled = chance.random() < 0.08
        found.append(
            _record(
                day,
                each,
                record_class="honour" if backfilled else "credit",
                check_in=starts,
                check_out=starts + timedelta(minutes=minutes),
                evidence="现场照片，已存档" if backfilled else None,
                forgotten=chance.random() < 0.03,
            )
        )
    return found


def _record(day: date, each: Person, **what: Any) -> NewRecord:
    """`what` it was; the number follows from the day and the person."""
    act = what["record_class"] == "act"
    return NewRecord(
        record=f"D{day:%y%m%d}-{each.volunteer.volunteer_no[-4:]}",
        holder=each.volunteer.holder,
        organisation=each.team,
        recorder=f"{each.team} 队长",
        category="" if act else each.category,
        activity_name="" if act else f"{each.category}（每周）",
        **({"served_on": day, "evidence": "社区核实"} | what if act else what),
    )


async def _hand_in(database: AsyncEngine, book: Book, served: Sequence[NewRecord]) -> list[Record]:
    async with database.begin() as tx:
        now = await connect.now(tx)
        outcomes = await records.submit(tx, book.book_id, served, by=CLERK, now=now)
    taken = [each for each in outcomes if isinstance(each, Taken)]
    assert len(taken) == len(outcomes), [each for each in outcomes if isinstance(each, Refusal)]
    return [each.record for each in taken]


async def _review(database: AsyncEngine, book: Book, waiting: Sequence[Record], chance: random.Random) -> None:
    """Reviews what was handed in the evening before; one in thirty is refused."""
    refused = {each.record_id for each in waiting if chance.random() < 1 / 30}
    for accept, reason in ((True, ""), (False, "活动签到表上没有这个人")):
        ids = [each.record_id for each in waiting if (each.record_id not in refused) is accept]
        if ids:
            async with database.begin() as tx:
                now = await connect.now(tx)
                await records.review(
                    *(tx, book.book_id, ids), by=REVIEWER, holder=None, accept=accept, reason=reason, now=now
                )


async def _use_up(database: AsyncEngine, book: Book, team: str) -> None:
    """From now on this team has no budget left: what it hands in waits, with its hours."""
    async with database.begin() as tx:
        year = day_of(await connect.now(tx)).year
        issued = [each.issued for each in await budgets.derived(tx, book.book_id, year) if each.organisation == team]
        await budgets.share(tx, book.book_id, year, team, max(1, *issued))


async def _object(database: AsyncEngine, book: Book, neighbour: str) -> None:
    """Somebody objects to the newest record of another one that is in notice."""
    async with database.begin() as tx:
        now = await connect.now(tx)
        found = await _in_notice(tx, book, neighbour)
        if found is not None:
            reason = "那天上午我也在，没有见到这位志愿者"
            with contextlib.suppress(Refusal):  # there is one already
                await objections.raise_(
                    *(tx, book.book_id, found.record_id), by=OTHER, holder=neighbour, reason=reason, now=now
                )


async def _in_notice(tx: AsyncConnection, book: Book, but: str) -> Record | None:
    listed = await notices.in_notice(tx, book.book_id)
    hers = [each for each in listed.records if each.holder != but and each.record_class == "credit"]
    return hers[-1] if hers else None


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), BEIJING).astimezone(UTC)
