"""The lines of a log: canonical JSON (a subset of RFC 8785), which a regular expression proves and takes apart at once.

A line that the expression does not know is looked at member by member, to say what is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

_PLAIN = r'[^"\\\x00-\x1f]*'
CODE = r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}"
HASH = r"[0-9a-f]{64}"
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
NUMBER = r"[1-9][0-9]{0,18}"
BALANCE = r"0|-?[1-9][0-9]{0,18}"
VOUCHER = r"[0-9]{4}-[1-9][0-9]{0,18}"

_ENTRY = (
    rf'\{{"account":"{CODE}","balance":"(?:{BALANCE})","(?:credit|debit)":"{NUMBER}","number":"{NUMBER}",'
    rf'"unit":"{_PLAIN}"\}}'
)

TRANSACTION = re.compile(
    rf'\{{"actor":"({_PLAIN})",(?:"approver":"({_PLAIN})",)?"book":"({_PLAIN})","client":"({_PLAIN})",'
    rf'"commitment":"({HASH})",(?:"correction":"({_PLAIN})","corrects":"({ID})",)?'
    rf'"effective_at":"({INSTANT})","effective_on":"({DAY})","entries":\[({_ENTRY}(?:,{_ENTRY})*)\],'
    rf'"id":"({ID})","kind":"({_PLAIN})","recorded_at":"({INSTANT})",(?:"request":"({_PLAIN})",)?'
    rf'"type":"transaction","v":"1","voucher":"({VOUCHER})"\}}'
)
"""A transaction's line, whole; its groups are the fields of `Fields`, entries as their text."""

_CLASS = "asset|liability|equity|income|expense|memo_debit|memo_credit"

OPENED = re.compile(
    rf'\{{"actor":"({_PLAIN})","at":"({INSTANT})","book":"({_PLAIN})","commitment":"({HASH})",'
    rf'"facts":\{{"account":"({CODE})","class":"({_CLASS})",(?:"floor":"({BALANCE})",)?'
    rf'(?:"holder":"({_PLAIN})",)?(?:"kind":"({_PLAIN})",)?"scale":"([0-9]{{1,2}})","unit":"({_PLAIN})"\}},'
    rf'"id":"({ID})","kind":"account_opened","type":"event","v":"1"\}}'
)
"""The event that opens an account, as there are many."""

ENTRIES = re.compile(
    rf'"account":"({CODE})","balance":"([^"]*)","([a-z]*)":"([^"]*)","number":"([^"]*)","unit":"([^"]*)"'
)
"""The entries of a text that TRANSACTION has found: account, balance, side, amount, number, unit."""

_STRING = rf'{_PLAIN}(?:\\["\\bfnrtu]{_PLAIN})*'

OPENING = re.compile(
    r'\{"index":"([0-9]+)","salt":"([0-9a-f]{32})",'
    rf'"texts":(\{{(?:"description":"({_STRING})","key":"({_STRING})"|"name":"({_STRING})")\}})\}}'
)
"""The opening of a transaction or an account: leaf, salt, texts, and what those say as it is written (with escapes)."""

ANY_OPENING = re.compile(r'\{"index":"([0-9]+)"(?:,"salt":"([0-9a-f]{32})","texts":(\{.*\}))?\}', re.DOTALL)
"""Any opening: leaf, and salt and texts unless they were destroyed."""


class Fields(NamedTuple):
    """What a transaction's line says; "" or None for what it does not."""

    actor: str
    approver: str | None
    book: str
    client: str
    commitment: str
    correction: str | None
    corrects: str | None
    effective_at: str
    effective_on: str
    entries: list[tuple[str, str, str, str, str, str]]
    id: str
    kind: str
    recorded_at: str
    request: str | None
    voucher: str


class Problem(NamedTuple):
    """What is wrong with a line: a code of damage.py, which member, and what it is."""

    code: str
    column: str = ""
    found: str = ""


_MEMBERS = {
    "actor": _PLAIN,
    "approver": _PLAIN,
    "book": _PLAIN,
    "client": _PLAIN,
    "commitment": HASH,
    "correction": _PLAIN,
    "corrects": ID,
    "effective_at": INSTANT,
    "effective_on": DAY,
    "id": ID,
    "kind": _PLAIN,
    "recorded_at": INSTANT,
    "request": _PLAIN,
    "voucher": VOUCHER,
}
_ANY = re.compile(".*", re.DOTALL)
_SHAPES = {name: _ANY if shape is _PLAIN else re.compile(shape) for name, shape in _MEMBERS.items()}
_OPTIONAL = {"approver", "correction", "corrects", "request"}
_EVENT = {
    "actor": _ANY,
    "at": re.compile(INSTANT),
    "book": _ANY,
    "commitment": re.compile(HASH),
    "id": re.compile(ID),
    "kind": _ANY,
}
_OPENED = {
    "account": re.compile(CODE),
    "class": re.compile(_CLASS),
    "unit": _ANY,
    "scale": re.compile("[0-9]{1,2}"),
}
_FACTS = {
    "account_opened": _OPENED,
    "account_status": {"account": re.compile(CODE), "status": _ANY},
    "period_closed": {"period": re.compile("[0-9]{4}-[0-9]{2}")},
    "period_reopened": {"period": re.compile("[0-9]{4}-[0-9]{2}")},
}
_SMALL_NUMBERS = {"balance": re.compile(BALANCE), "number": re.compile(NUMBER)}


def canonical(value: object) -> str:
    """The one way to write it: members sorted, no white space, nothing escaped that need not be."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class _Twice(ValueError):
    """A member occurs twice."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _Twice
    return members


def parsed(raw: bytes) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The JSON object of a line, None if it is none, and what is wrong with how it is written."""
    try:
        text = raw.decode()
        value = json.loads(text, object_pairs_hook=_members)
    except _Twice:
        return None, [Problem("line_not_canonical")]
    except (ValueError, RecursionError):
        return None, [Problem("line_not_json", found=raw[:200].decode(errors="replace"))]
    if not isinstance(value, dict):
        return None, [Problem("line_not_json", found=text[:200])]
    return value, [] if canonical(value) == text else [Problem("line_not_canonical")]


def opened(raw: bytes) -> dict[str, Any] | None:
    """The parsed line of an event that opens an account, None for any other line and where it must be looked at."""
    try:
        found = OPENED.fullmatch(raw.decode())
    except UnicodeDecodeError:
        return None
    if found is None:
        return None
    actor, at, book, commitment, account, of_class, floor, holder, kind, scale, unit, item = found.groups()
    optional = (("floor", floor), ("holder", holder), ("kind", kind))
    facts = {"account": account, "class": of_class, "scale": scale, "unit": unit}
    facts.update((name, value) for name, value in optional if value is not None)
    line = {"actor": actor, "at": at, "book": book, "commitment": commitment, "id": item, "kind": "account_opened"}
    return {**line, "facts": facts, "type": "event", "v": "1"}


def transaction(line: Mapping[str, Any]) -> tuple[Fields | None, list[Problem]]:
    """What the parsed line of a transaction says, None if it cannot be worked with, and what is wrong with it."""
    problems = _shape(line, _SHAPES, _OPTIONAL, {"entries", "type", "v"})
    if ("correction" in line) != ("corrects" in line):
        problems.append(Problem("line_malformed", "corrects"))
    found = line.get("entries")
    if not isinstance(found, list) or not found:
        return None, [*problems, Problem("line_malformed", "entries")]
    entries = []
    for each in found:
        wrong, entry = _entry(each)
        problems += wrong
        if entry is not None:
            entries.append(entry)
    usable = all(each.code == "amount_not_positive" for each in problems) and len(entries) == len(found)
    if not usable:
        return None, problems
    values = {name: line.get(name) for name in Fields._fields if name != "entries"}
    return Fields(entries=entries, **values), problems  # type: ignore[arg-type] # their shapes were looked at above


def _entry(each: object) -> tuple[list[Problem], tuple[str, str, str, str, str, str] | None]:
    sides = [side for side in ("credit", "debit") if isinstance(each, dict) and side in each]
    if not isinstance(each, dict) or len(sides) != 1 or len(each) != 5:
        return [Problem("line_malformed", "entries", canonical(each))], None
    amount = each[sides[0]]
    if not all(isinstance(value, str) for value in each.values()):
        return [Problem("line_malformed", "entries", canonical(each))], None
    problems = [
        Problem("line_malformed", name, str(each.get(name)))
        for name, shape in {**_SMALL_NUMBERS, "account": _OPENED["account"], "unit": _ANY}.items()
        if not isinstance(each.get(name), str) or not shape.fullmatch(each[name])
    ]
    if not re.fullmatch(NUMBER, amount):
        if not re.fullmatch("-?[0-9]{1,19}", amount):
            return [*problems, Problem("line_malformed", sides[0], amount)], None
        problems.append(Problem("amount_not_positive", sides[0], amount))
    return problems, (each.get("account"), each.get("balance"), sides[0], amount, each.get("number"), each.get("unit"))  # type: ignore[return-value] # where one is missing, there is a problem


def event(line: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the parsed line of an event; nothing: it can be worked with."""
    problems = _shape(line, _EVENT, set(), {"facts", "type", "v"})
    facts = line.get("facts")
    if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
        return [*problems, Problem("line_malformed", "facts")]
    for name, shape in _FACTS.get(str(line.get("kind")), {}).items():
        if name not in facts or not shape.fullmatch(facts[name]):
            problems.append(Problem("line_malformed", name, facts.get(name, "")))
    if "floor" in facts and line.get("kind") == "account_opened" and not re.fullmatch(BALANCE, facts["floor"]):
        problems.append(Problem("line_malformed", "floor", facts["floor"]))
    return problems


def _shape(
    line: Mapping[str, Any], shapes: Mapping[str, re.Pattern[str]], optional: set[str], others: set[str]
) -> list[Problem]:
    """Members that are missing, unknown, or not of their form."""
    problems = [] if line.get("v") == "1" else [Problem("line_malformed", "v", str(line.get("v", "")))]
    problems += [Problem("line_malformed", name) for name in sorted(line.keys() - shapes.keys() - others)]
    for name, shape in shapes.items():
        if name not in line:
            if name not in optional:
                problems.append(Problem("line_malformed", name))
        elif not isinstance(line[name], str) or not shape.fullmatch(line[name]):
            problems.append(Problem("line_malformed", name, str(line[name])))
    return problems


def as_line(fields: Fields) -> dict[str, Any]:
    """The parsed line of what was found in it."""
    said = {name: value for name, value in zip(Fields._fields, fields) if value is not None}
    entries = [
        {"account": account, "balance": balance, side: amount, "number": number, "unit": unit}
        for account, balance, side, amount, number, unit in fields.entries
    ]
    return {**said, "entries": entries, "type": "transaction", "v": "1"}


class Days(dict[str, str]):
    """A day in Shanghai by the instant "2026-11-21T16" (its first 13 characters, UTC); "" if there is no such."""

    def __missing__(self, hour: str) -> str:
        try:
            day = date.fromisoformat(hour[:10])
            number = int(hour[11:13])
            if number > 23:
                raise ValueError
            found = (day + timedelta(days=1)).isoformat() if number >= 16 else hour[:10]
        except (ValueError, OverflowError):
            found = ""
        if len(self) > 1_000_000:
            self.clear()
        self[hour] = found
        return found
