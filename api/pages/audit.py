"""The auditor's pages: trial balance, search, an entry to its evidence, the sealed log, the package, the looks.

All of them are read; nothing here can be written. Each is noted in the log of looks before it is shown.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream, Template
from sqlalchemy.ext.asyncio import AsyncEngine

from api import audit, auth, explain, packages, problems, staff, volunteers
from api.bodies import day, moment
from api.pages import doors, frame, texts, texts_audit
from api.problems import Language
from api.requests import StrictRequest
from api.settings import Settings
from ledger.access.ciphers import Keys
from ledger.access.identities import Masked
from ledger.access.rights import Principal, Right
from ledger.auditing.evidence import Evidence, Purchase, Service
from ledger.auditing.looks import Look
from ledger.auditing.search import Terms
from ledger.auditing.signer import Signer
from ledger.auditing.trial_balance import When
from ledger.books import directory
from ledger.earning import rules
from ledger.errors import InvalidField, SearchTooWide, UnknownVolunteer

HERE: Final = "/staff/audit"
MOST: Final = 50
"""Lines on a page of a search or of looks."""
MOST_ROWS: Final = 100
"""Rows on a page of the trial balance."""

PARTS: Final = (
    ("balance", f"{HERE}/balance"),
    ("search", f"{HERE}/search"),
    ("log", f"{HERE}/log"),
    ("package", f"{HERE}/package"),
    ("looks", f"{HERE}/looks"),
)
"""What an auditor can do: its name in texts, its address."""


async def _auditor(request: StrictRequest, database: AsyncEngine, settings: Settings) -> Principal:
    return await doors.colleague(request, database, settings, Right.AUDIT, everywhere=True)


@get(HERE)
async def home(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What an auditor can do here, and until when."""
    me = await _auditor(request, database, settings)
    ends = [each.until for each in me.grants if each.role == "auditor" and each.until is not None]
    until = texts.day(frame.view_of(request).language, max(ends)) if ends else None
    return frame.page(request, "audit.html", until=until, parts=PARTS)


# --- the trial balance ------------------------------------------------------------------------------------------------


@get(f"{HERE}/balance")
async def balance(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """The trial balance at a day, as known at an instant; by group, or account by account."""
    me = await _auditor(request, database, settings)
    asked = request.query_params
    at, known_at = (texts.typed(asked.get(name, "")) for name in ("at", "known_at"))
    group, after = asked.get("group") or None, asked.get("after") or None
    query = {"at": at, "known_at": known_at, "group": group or ""}
    wrong, found = None, None
    try:
        when = When(day(at, "at") if at else None, moment(known_at, "known_at") if known_at else None)
        async with database.begin() as tx:
            found = await audit.balance(tx, me, when, group, after, MOST_ROWS)
            scales = await directory.unit_scales(tx)
            book = await directory.find_book(tx, me.book)
    except InvalidField as refusal:
        wrong = frame.told(request, refusal)
    if found is None:
        return frame.page(
            request,
            "audit_balance.html",
            status=400,
            wrong=wrong,
            query=_said(query),
            form=query,
            group=None,
            units=None,
        )
    language = frame.view_of(request).language
    words = _Words(language, scales)
    return frame.page(
        request,
        "audit_balance.html",
        query=_said(query | {"after": after or ""}),
        form=query,
        book=book.name,
        then=words.when(when),
        group=group,
        is_zero=found.is_zero,
        units=[
            (
                each,
                words.amount(each.unit, each.sum.difference),
                words.amount(each.unit, each.sum.debits),
                words.amount(each.unit, each.sum.credits),
                [(of.account_class, *words.sides(each.unit, of)) for of in each.classes],
            )
            for each in found.units
        ],
        rows=[
            (each, words.account(each.name, each.kind), *words.sides(each.unit, each), _deeper(query, each.code, group))
            for each in found.page.items
        ],
        upwards=_link("balance", query | {"group": ""}),
        following=found.page.next and _link("balance", query | {"after": found.page.next}),
    )


def _deeper(query: Mapping[str, str], code: str, group: str | None) -> str:
    """Where a row leads: a group to its accounts, an account to its entries."""
    return _link("balance", dict(query) | {"group": code}) if group is None else _link("search", {"account": code})


# --- search -----------------------------------------------------------------------------------------------------------

TERMS: Final = (
    *("from", "to", "account", "volunteer", "amount", "kind"),
    *("actor", "voucher", "transaction", "correction", "text"),
)
"""The fields of the form, as addresses have them."""
FIRST: Final = 5
"""So many of them are seen at once; the others where somebody asks for more."""


@get(f"{HERE}/search")
async def search(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
) -> Template:
    """The form, and what was found. Without terms it shows the newest of all."""
    me = await _auditor(request, database, settings)
    form = {name: texts.typed(request.query_params.get(name, "")) for name in TERMS}
    after = texts.identifier(request.query_params.get("after", ""))
    status, wrong, page, scales, names = 200, None, None, {}, {}
    try:
        terms = _terms(form)
        async with database.begin() as tx:
            page = await audit.find(tx, keys, me, terms, form["volunteer"] or None, after, MOST)
            scales = await directory.unit_scales(tx)
            names = await staff.names(tx, _people(page.items))
    except (InvalidField, UnknownVolunteer, SearchTooWide) as refusal:
        status, wrong = problems.REFUSALS[type(refusal)].status, frame.told(request, refusal)
    language = frame.view_of(request).language
    words = _Words(language, scales)
    items = [] if page is None else page.items
    return frame.page(
        request,
        "audit_search.html",
        status=status,
        wrong=wrong,
        query=_said(form | {"after": "" if after is None else str(after)}),
        form=form,
        more=any(form[name] for name in TERMS[FIRST:]),
        corrections=("reversal", "refund", "clawback"),
        found=[
            (
                each,
                texts.summary(language, each.kind, each.description),
                texts.day(language, each.effective_on),
                [words.amount(unit, amount) for unit, amount in each.amounts],
                names[each.actor],
                None if each.approver is None else names[each.approver],
            )
            for each in items
        ],
        following=page and page.next and _link("search", form | {"after": str(page.next)}),
    )


def _terms(form: Mapping[str, str]) -> Terms:
    """What was typed, as it is looked for; InvalidField."""
    transaction = texts.identifier(form["transaction"])
    if form["transaction"] and transaction is None:
        raise InvalidField("transaction", "not_a_code")
    return Terms(
        from_day=day(form["from"], "from") if form["from"] else None,
        to_day=day(form["to"], "to") if form["to"] else None,
        account=form["account"] or None,
        amount=texts.whole(form["amount"], "amount") if form["amount"] else None,
        kind=form["kind"] or None,
        actor=form["actor"] or None,
        transaction=transaction,
        voucher=form["voucher"] or None,
        correction=form["correction"] or None,
        words=form["text"] or None,
    )


def _people(found: Iterable[Any]) -> set[str]:
    return {each for of in found for each in (of.actor, of.approver) if each is not None}


# --- evidence ---------------------------------------------------------------------------------------------------------


@get(f"{HERE}/transactions/{{transaction_id:uuid}}")
async def evidence(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    keys: NamedDependency[Keys],
    transaction_id: FromPath[UUID],
) -> Template:
    """A transaction with all that it rests on; each step is a link."""
    me = await _auditor(request, database, settings)
    async with database.begin() as tx:
        found = await audit.evidence_of(tx, me, transaction_id)
        masked = await audit.names_of(tx, keys, me, found)
        scales = await directory.unit_scales(tx)
        names = await staff.names(tx, _named(found))
    language = frame.view_of(request).language
    people = {holder: (number, masked.get(number)) for holder, number in found.volunteers.items()}
    words = _Words(language, scales, names, people)
    posted = found.transaction
    units = {entry.account: entry.unit for entry in posted.entries}
    return frame.page(
        request,
        "audit_evidence.html",
        found=found,
        what=texts.summary(language, posted.kind, ""),
        happened=texts.day(language, posted.effective_on),
        recorded=texts.moment(language, posted.recorded_at),
        legs=[
            (entry, words.amount(entry.unit, entry.amount), words.amount(entry.unit, entry.balance_after))
            for entry in posted.entries
        ],
        actor=words.who(posted.actor),
        approver=words.who(posted.approver),
        draft=found.draft and (words.who(found.draft.proposed_by), words.who(found.draft.decided_by)),
        corrections=[
            (each.transaction_id, texts.summary(language, each.kind, ""), texts.day(language, each.effective_on))
            for each in found.corrected_by
        ],
        lots=[
            (
                each,
                words.amount(units.get(each.account, "PT"), abs(each.amount)),
                words.amount(units.get(each.account, "PT"), each.remaining),
                None if each.lapses_on is None else texts.day(language, each.lapses_on),
            )
            for each in found.lots
        ],
        hold=found.hold and (words.amount("PT", found.hold.amount), texts.moment(language, found.hold.expires_at)),
        service=found.service and words.service(found.service, posted.transaction_id),
        purchase=found.purchase and words.purchase(found.purchase),
        voucher=found.voucher
        and (
            words.amount("PT", found.voucher.points),
            texts.day(language, found.voucher.expires_on),
            words.volunteer(found.voucher.holder),
        ),
    )


def _named(found: Evidence) -> set[str]:
    """Everybody whom the page names and who may have a login."""
    posted, draft = found.transaction, found.draft
    named: list[str | None] = [posted.actor, posted.approver]
    if draft is not None:
        named += [draft.proposed_by, draft.decided_by]
    if (service := found.service) is not None:
        of = service.record
        named += [of.recorder, of.submitted_by, of.reviewed_by]
        named += [each for sign in service.attendances for each in (sign.in_by, sign.out_by, sign.struck_by)]
        named += [each for raised in service.objections for each in (raised.raised_by, raised.decided_by)]
        if service.rule is not None:
            named += [service.rule.drafted_by, service.rule.decided_by]
    if (bought := found.purchase) is not None:
        named += [bought.redemption.clerk, *(each.made_by for each in bought.refunds)]
    if found.stock is not None:
        named.append(found.stock.move.moved_by)
    return {each for each in named if each is not None}


# --- the log, the package, the looks ----------------------------------------------------------------------------------


@get(f"{HERE}/log")
async def log_status(
    request: StrictRequest,
    database: NamedDependency[AsyncEngine],
    settings: NamedDependency[Settings],
    signer: NamedDependency[Signer],
) -> Template:
    """How the sealed log stands: its size, the newest checkpoint, and the key to compare."""
    me = await _auditor(request, database, settings)
    async with database.begin() as tx:
        found = await audit.log_status(tx, me, signer)
    language = frame.view_of(request).language
    newest, since = found.newest, found.standing.since
    return frame.page(
        request,
        "audit_log.html",
        found=found,
        since=None if since is None else texts.moment(language, since),
        signed=None if newest is None else texts.moment(language, newest.created_at),
        root=None if newest is None else base64.b64encode(newest.root).decode(),
    )


@get(f"{HERE}/looks")
async def looks(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """What auditors looked at: for themselves, and for who lets them in."""
    me = await doors.colleague(request, database, settings, Right.READ_ACCESS_LOG, everywhere=True)
    actor = request.query_params.get("actor") or None
    after = texts.identifier(request.query_params.get("after", ""))
    async with database.begin() as tx:
        found, following = await audit.looks_of(tx, me, actor, after, MOST)
        names = await staff.names(tx, {each.actor for each in found} | ({actor} if actor else set()))
        holders = {each.facts["holder"] for each in found if "holder" in each.facts}
        numbers = await volunteers.numbers_of(tx, me, holders)
    language = frame.view_of(request).language
    query = {} if actor is None else {"actor": actor}
    return frame.page(
        request,
        "audit_looks.html",
        query=query if after is None else query | {"after": str(after)},
        actor=None if actor is None else names[actor],
        is_auditor=bool(auth.is_within(me, Right.AUDIT, ())),
        lines=[
            (each, names[each.actor], texts.moment(language, each.at), _facts(language, each, numbers))
            for each in found
        ],
        following=following and _link("looks", query | {"after": str(following)}),
    )


def _facts(language: Language, of: Look, numbers: Mapping[str, str]) -> list[str]:
    """The terms of a look, each with what it is called."""
    told = []
    for name, fact in of.facts.items():
        shown = numbers.get(fact, fact) if name == "holder" else fact
        told.append(f"{texts.field(language, 'volunteer' if shown != fact else name)}: {shown}")
    return told


@get(f"{HERE}/package")
async def package(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Template:
    """Asks for which days tables and journals are wanted; the form leads to the file."""
    await _auditor(request, database, settings)
    return _package(request)


def _package(request: StrictRequest, **more: Any) -> Template:
    form = {name: texts.typed(request.query_params.get(name, "")) for name in ("from", "to")}
    return frame.page(request, "audit_package.html", path=f"{HERE}/package", query=_said(form), form=form, **more)


@get(f"{HERE}/package/file")
async def package_file(
    request: StrictRequest, database: NamedDependency[AsyncEngine], settings: NamedDependency[Settings]
) -> Stream | Template:
    """The package, a ZIP that is made while it is sent; what is wrong with the days is told on the form's page."""
    me = await _auditor(request, database, settings)
    first, last = (texts.typed(request.query_params.get(name, "")) for name in ("from", "to"))
    try:
        since, until = day(first, "from") if first else None, day(last, "to") if last else None
        return await packages.download(database, settings, me, since, until)
    except InvalidField as refusal:
        status = problems.REFUSALS[type(refusal)].status
        return _package(request, status=status, wrong=frame.told(request, refusal))


# --- in words ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Words:
    """How a page of this language says things; `people`: by holder, the number and as much as may be shown."""

    language: Language
    scales: Mapping[str, int]
    names: Mapping[str, str] | None = None
    people: Mapping[str, tuple[str, Masked | None]] | None = None

    def amount(self, unit: str, smallest: int) -> str:
        """An amount in a unit; below zero with its sign."""
        sign, rest = "−" if smallest < 0 else "", abs(smallest)
        scale = self.scales.get(unit, 0)
        if unit in ("PT", "HR", "CNY") or not scale:
            return sign + texts.amount(self.language, unit, rest)
        whole, part = divmod(rest, 10**scale)
        return f"{sign}{whole:,}.{part:0{scale}d} {unit}"

    def sides(self, unit: str, of: Any) -> tuple[str, str, str]:
        """Debits, credits, balance."""
        return (
            self.amount(unit, of.sum.debits),
            self.amount(unit, of.sum.credits),
            self.amount(unit, of.balance),
        )

    def when(self, when: When) -> list[str]:
        """At which day, and as known when."""
        said = [self._t("balance_now") if when.at is None else self._t("balance_until", day=self._day(when.at))]
        if when.known_at is not None:
            said.append(self._t("balance_known", moment=texts.moment(self.language, when.known_at)))
        return said

    def account(self, name: str | None, kind: str | None) -> str:
        """What an account or a group is called: by its kind, else by its name."""
        called = texts_audit.ACCOUNTS.get(kind or "")
        return called[self.language == "en"] if called is not None else name or ""

    def who(self, principal: str | None) -> str | None:
        """The login, and what the books call her."""
        if principal is None:
            return None
        login = (self.names or {}).get(principal, principal)
        return login if login == principal else f"{login} ({principal})"

    def volunteer(self, holder: str | None) -> tuple[str, str | None] | None:
        """Number and masked name; None: erased, or nobody."""
        if holder is None or self.people is None or holder not in self.people:
            return None
        number, shown = self.people[holder]
        return number, None if shown is None else shown.name

    def service(self, of: Service, here: UUID) -> dict[str, Any]:
        """A service record with all that it rests on."""
        record, rule = of.record, of.rule
        the = rules.DEFAULT if rule is None else rule.content
        return {
            "volunteer": self.volunteer(record.holder),
            "day": self._day(record.served_on),
            "minutes": texts.hours(self.language, record.minutes) if record.minutes else None,
            "times": None
            if record.check_in is None or record.check_out is None
            else (self._moment(record.check_in), self._moment(record.check_out)),
            "signs": [
                (
                    sign,
                    self._moment(sign.check_in),
                    self.who(sign.in_by),
                    None if sign.check_out is None else self._moment(sign.check_out),
                    self.who(sign.out_by),
                    None if sign.struck_at is None else self._moment(sign.struck_at),
                    self.who(sign.struck_by),
                )
                for sign in of.attendances
            ],
            "recorder": self.who(record.recorder),
            "reviewer": self.who(record.reviewed_by),
            "rule_by": None if rule is None else (self.who(rule.drafted_by), self.who(rule.decided_by)),
            "why": None if record.inputs is None else explain.why(self.language, the, record.inputs),
            "recomputed": None if of.recomputed is None else texts.points(self.language, of.recomputed[0]),
            "points": texts.points(self.language, record.points or 0),
            "notice": None
            if record.notice_from is None or record.notice_until is None
            else (self._day(record.notice_from), self._day(record.notice_until)),
            "objections": [
                (each, self.who(each.raised_by), self._moment(each.raised_at), self.who(each.decided_by))
                for each in of.objections
            ],
            "steps": [(step, posted, posted == here) for step, posted in of.steps],
            "stars": [(each, self._day(each.as_of)) for each in of.stars],
        }

    def purchase(self, of: Purchase) -> dict[str, Any]:
        """A redemption with what came before and after it."""
        made = of.redemption
        return {
            "volunteer": self.volunteer(made.holder),
            "clerk": self.who(made.clerk),
            "when": self._moment(made.made_at),
            "points": texts.points(self.language, made.points),
            "goods": [(line, texts.points(self.language, line.points)) for line in made.lines],
            "quotes": [(self._moment(each.quoted_at), texts.points(self.language, each.points)) for each in of.quotes],
            "refunds": [
                (each, texts.points(self.language, each.points), self.who(each.made_by), self._moment(each.made_at))
                for each in of.refunds
            ],
        }

    def _t(self, key: str, **facts: object) -> str:
        return texts.t(self.language, key, **facts)

    def _day(self, on: date) -> str:
        return texts.day(self.language, on)

    def _moment(self, time: Any) -> str:
        return texts.moment(self.language, time)


def _said(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if value}


def _link(page: str, query: Mapping[str, str]) -> str:
    return f"{HERE}/{page}?{urlencode(_said(query))}"


HANDLERS = [home, balance, search, evidence, log_status, looks, package, package_file]
