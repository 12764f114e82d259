"""The rules of a programme over HTTP: versions, drafted by one and approved by another, and what they would give."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from api import auth, bodies, explain, rules, versioned, views
from api.bodies import After, Body, Limit, Number
from api.calls import Nothing
from ledger.access.rights import Principal, Right
from ledger.books.versions import EARLIEST, LATEST, Version
from ledger.earning import rule_body, rule_sets
from ledger.earning.rules import RuleSet, Work
from ledger.errors import InvalidField
from ledger.text import one_line

READ = {"right": Right.READ_RECORDS, "scoped": True}
MOST_WORKS = 100


class NewRuleSet(Body, frozen=True):
    """A rule set and the first service day that it is for. `rules`: what it leaves out is as without any rules."""

    effective_from: str
    rules: dict[str, Any]
    note: str = ""


class RulesDecision(Body, frozen=True):
    """Whether it comes into force."""

    approve: bool


class TrialWork(Body, frozen=True):
    """Something that one person does. `class`: `credit` and `honour` have a category and minutes, an `act` an item."""

    day: str
    record_class: Literal["credit", "honour", "act"] = msgspec.field(default="credit", name="class")
    category: str = ""
    item: str | None = None
    minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 0
    activity: str | None = None
    qualifications: tuple[str, ...] = ()


class Trial(Body, frozen=True):
    """What one person does, in the order in which it is credited."""

    works: Annotated[list[TrialWork], msgspec.Meta(min_length=1, max_length=MOST_WORKS)]


class RuleSetLine(versioned.Line, frozen=True):
    """A version of the rules, without what it says."""


class RuleSets(msgspec.Struct, frozen=True):
    """The newest first; `next` is the `after` of the next page, null at the end."""

    items: list[RuleSetLine]
    next: int | None


class RuleSetView(RuleSetLine, frozen=True, kw_only=True):
    """A version of the rules: as data, and in words for people."""

    rules: dict[str, Any]
    words: dict[str, list[str]]


class InForceView(msgspec.Struct, frozen=True):
    """The rules of a service day; null where there are none yet."""

    day: datetime.date
    rule_set: RuleSetView | None


class EarnedView(msgspec.Struct, frozen=True):
    """What it earns: `points`, of which `bonus` by a coefficient, and why in both languages."""

    item: str | None
    points: int
    bonus: int
    why: dict[str, str]


class TrialView(msgspec.Struct, frozen=True):
    """What each of the works would earn, in their order."""

    outcomes: list[EarnedView]


@post(
    "/rule-sets",
    opt={"right": Right.DRAFT_RULES},
    operation_id="draftRules",
    summary="Draft a version of the rules",
    responses=views.refusals(400, 409, 413, 415),
)
async def draft_rules(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], data: JSONBody[NewRuleSet]
) -> RuleSetView:
    """Keeps a rule set as the next version. A second person has to approve it, and its first day has to come."""
    the, effective_from = rules.of_body(data.rules), bodies.day(data.effective_from, "effective_from")
    async with database.begin() as tx:
        return _view(await rules.draft(tx, me, the, effective_from, data.note))


@get(
    "/rule-sets",
    opt=READ,
    operation_id="listRules",
    summary="The versions of the rules",
    responses=views.refusals(400),
)
async def list_rules(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    limit: FromQuery[Limit] = 50,
    after: FromQuery[After] = 0,
) -> RuleSets:
    """The versions, the newest first: drafts, approved and declined ones."""
    async with database.connect() as tx:
        found = await rule_sets.versions_of(tx, me.book_id, before=after or None, limit=limit)
    return RuleSets([_line(each) for each in found], found[-1].version if len(found) == limit else None)


@get(
    "/rule-sets/in-force",
    opt={"right": Right.OWN},
    operation_id="readRulesInForce",
    summary="The rules in force",
    responses=views.refusals(400),
)
async def read_in_force(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    day: FromQuery[str | None] = None,
) -> InForceView:
    """The rules for services of today or of another day: for everybody who takes part."""
    async with database.connect() as tx:
        asked, found = await rules.in_force(tx, me, None if day is None else bodies.day(day, "day"))
    return InForceView(asked, None if found is None else _view(found))


@get(
    "/rule-sets/{version:int}",
    opt=READ,
    operation_id="readRules",
    summary="One version of the rules",
    responses=views.refusals(400, 404),
)
async def read_rules(
    database: NamedDependency[AsyncEngine], me: NamedDependency[Principal], version: FromPath[Number]
) -> RuleSetView:
    """A version in full, whatever became of it."""
    async with database.connect() as tx:
        return _view(await rule_sets.find(tx, me.book_id, version))


@post(
    "/rule-sets/{version:int}/decision",
    status_code=200,
    opt={"right": Right.APPROVE_RULES},
    operation_id="decideRules",
    summary="Approve or decline a draft",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def decide_rules(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    version: FromPath[Number],
    data: JSONBody[RulesDecision],
) -> RuleSetView:
    """Approves or declines what another person drafted. An approved version begins tomorrow at the earliest."""
    async with database.begin() as tx:
        return _view(await versioned.decide(tx, me, rule_sets.RULES, version, approve=data.approve))


@post(
    "/rule-sets/{version:int}/withdraw",
    status_code=200,
    opt={"right": Right.DRAFT_RULES},
    operation_id="withdrawRules",
    summary="Withdraw a draft",
    responses=views.refusals(400, 404, 409, 413, 415),
)
async def withdraw_rules(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    version: FromPath[Number],
    data: JSONBody[Nothing | None] = None,
) -> RuleSetView:
    """Ends a draft of one's own. No body needed."""
    async with database.begin() as tx:
        return _view(await versioned.withdraw(tx, me, rule_sets.RULES, version))


@post(
    "/rule-sets/{version:int}/trial",
    status_code=200,
    opt=READ,
    operation_id="tryRules",
    summary="What would be earned",
    responses=views.refusals(400, 404, 413, 415),
)
async def try_rules(
    database: NamedDependency[AsyncEngine],
    me: NamedDependency[Principal],
    version: FromPath[Number],
    data: JSONBody[Trial],
) -> TrialView:
    """What these works would earn under a version, also a draft: for somebody who has done nothing else that year."""
    works = [_work(each, f"works[{number}]") for number, each in enumerate(data.works)]
    async with database.connect() as tx:
        the = (await rule_sets.find(tx, me.book_id, version)).content
    return TrialView(
        [
            EarnedView(
                each.item,
                each.points,
                each.bonus,
                {"zh": explain.why("zh", the, each.inputs), "en": explain.why("en", the, each.inputs)},
            )
            for each in rules.trial(the, works)
        ]
    )


def _work(data: TrialWork, where: str) -> Work:
    if (data.item is not None) != (data.record_class == "act"):
        raise InvalidField(f"{where}.item", "acts_have_one")
    texts = [("category", data.category), ("activity", data.activity or ""), ("item", data.item or "")]
    for name, text in [*texts, *(("qualifications", each) for each in data.qualifications)]:
        if not one_line(text, least=0, most=rule_body.TEXT_LENGTH):
            raise InvalidField(f"{where}.{name}", "not_a_short_text")
    on = bodies.day(data.day, f"{where}.day")
    if not EARLIEST <= on <= LATEST:
        raise InvalidField(f"{where}.day", "out_of_range")
    return Work(
        data.record_class,
        data.category,
        data.item,
        on,
        data.minutes,
        data.activity,
        frozenset(data.qualifications),
    )


def _line(each: Version[RuleSet]) -> RuleSetLine:
    return RuleSetLine(*versioned.facts(each))


def _view(each: Version[RuleSet]) -> RuleSetView:
    return RuleSetView(*versioned.facts(each), rules=rule_body.stored(each.content), words=_words(each))


def _words(each: Version[RuleSet]) -> dict[str, list[str]]:
    """Its terms and its items in sentences, in both languages."""
    return {
        language: [
            *explain.terms(language, each.content).values(),
            *(f"{item.code} {explain.item(language, item)}" for item in each.content.items),
        ]
        for language in ("zh", "en")
    }


router = Router(
    path="/books/{book:str}",
    route_handlers=[
        draft_rules,
        list_rules,
        read_in_force,
        read_rules,
        decide_rules,
        withdraw_rules,
        try_rules,
    ],
    before_request=auth.admitted,
    security=[{"bearer": []}],
    tags=["rules"],
)
