"""The books as other programs read them: the journal format, hledger and ledger (one file for both), beancount.

Functions of the log's lines, as parsed, with the texts of their openings (None where they were erased), and of what the
lines add up to. Amounts are whole numbers in the smallest unit, as everywhere, and no file names a price: so nothing is
rounded, and nothing balances that does not balance in every unit.

Accounts keep their codes. hledger and ledger: `assets:1100`, `liabilities:2100.ab12`, `equity:`, `income:`,
`expenses:`, and `memo:` for what stands beside the balance sheet. beancount, whose names hold no dots: see
`beancount_account`.

A file begins with a head, then come the entries in any order, then a tail that asserts each account's balance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Protocol

ACCOUNTS_HEADER = "code,name,class,unit,floor\n"
JOURNAL_HEADER = "key,date,kind,description,account,unit,debit,credit\n"

BEFORE = ""
AFTER = "~"
"""The periods of what the Fold counts before the first and after the last day of a limited package."""

_UNKNOWN = "unknown"

Line = Mapping[str, Any]
Texts = Mapping[str, str]


class Account(Protocol):
    """What is asked of an account; the Fold's have it."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def account_class(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def floor(self) -> int | None: ...


@dataclass(frozen=True)
class Scope:
    """What a file covers: the entries of the days `first` … `last` ("2026-11-21"; "" where there is no entry at all).

    `before` and `after`: debits less credits of accounts by code, before the first day and at the end of the last one
    (`scope_of` makes it); accounts that are not named there have nothing. `accounts`: all that the book has.
    """

    book: str
    accounts: Iterable[Account]
    first: str = ""
    last: str = ""
    after: Mapping[str, int] = field(default_factory=dict)
    before: Mapping[str, int] = field(default_factory=dict)


class Sums(Protocol):
    """What is asked of the Fold."""

    @property
    def book(self) -> str: ...
    @property
    def accounts(self) -> Mapping[str, Account]: ...
    @property
    def months(self) -> Mapping[tuple[str, str], Sequence[int]]: ...
    @property
    def from_(self) -> str: ...
    @property
    def to(self) -> str: ...
    @property
    def first_on(self) -> str: ...
    @property
    def last_on(self) -> str: ...


def scope_of(fold: Sums, from_: str | None = None, to: str | None = None) -> Scope:
    """What the files of a package cover, from what its log adds up to; `from_`, `to`: its days, by which it was folded.

    Where they are not given they are the fold's own.
    """
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for (account, period), (debits, credits) in fold.months.items():
        if period == BEFORE:
            before[account] = before.get(account, 0) + debits - credits
        if period != AFTER:
            after[account] = after.get(account, 0) + debits - credits
    first, last = from_ or fold.from_ or fold.first_on, to or fold.to or fold.last_on
    return Scope(fold.book, tuple(fold.accounts.values()), first, last, after, before)


# --- the journal format ----------------------------------------------------------------------------------------------


def accounts_csv(accounts: Iterable[Account]) -> Iterator[str]:
    """`accounts.csv`, with its header; by code. An account whose name was erased is called by its code."""
    yield ACCOUNTS_HEADER
    for each in _by_code(accounts):
        floor = "" if each.floor is None else each.floor
        yield f"{each.code},{_cell(_clean(each.name) or each.code)},{each.account_class},{each.unit},{floor}\n"


def journal_key(line: Line, texts: Texts | None) -> str:
    """The key of a transaction in the journal format: bare for `import`, else `client/key`; `id/<id>` once erased."""
    if texts is None or "key" not in texts:
        return f"id/{line['id']}"
    key = _clean(texts["key"])
    return key if line["client"] == "import" else f"{line['client']}/{key}"


def journal_rows(line: Line, texts: Texts | None) -> str:
    """The rows of `journal.csv` for a transaction, each with its line feed; `JOURNAL_HEADER` stands above them all."""
    description = _clean(texts.get("description", "")) if texts else ""
    head = f"{_cell(journal_key(line, texts))},{line['effective_on']},{line['kind']},{_cell(description)}"
    return "".join(
        [
            f"{head},{each['account']},{each['unit']},{each['debit']},0\n"
            if "debit" in each
            else f"{head},{each['account']},{each['unit']},0,{each['credit']}\n"
            for each in line["entries"]
        ]
    )


# --- hledger and ledger ----------------------------------------------------------------------------------------------


class Names(dict[str, str]):
    """The names that accounts have in a file, by code. One that the log never opened has a name that no head declares,
    so that the programs say so."""

    def __missing__(self, code: str) -> str:
        return f"{_UNKNOWN}:{code}"


def hledger_names(accounts: Iterable[Account]) -> Names:
    """The names of accounts in the file for hledger and ledger."""
    return Names((each.code, f"{_HLEDGER_ROOTS.get(each.account_class, _UNKNOWN)}:{each.code}") for each in accounts)


def hledger_head(scope: Scope) -> Iterator[str]:
    """What comes first: the units, the tags and the accounts; and what the accounts had before the first day."""
    names = hledger_names(scope.accounts)
    yield f"; Meide Ledger, book {scope.book}. Amounts are whole numbers in the smallest unit.\n"
    yield "; hledger -f book.journal check -s; ledger -f book.journal --pedantic balance (in a UTF-8 locale)\n\n"
    for unit in sorted({each.unit for each in scope.accounts}):
        yield f"commodity {hledger_unit(unit)}\n"
    yield "tag id\ntag kind\n"
    for each in _by_code(scope.accounts):
        name = _comment(each.name).replace(
            ":", "："
        )  # hledger takes words before a colon for tags, some with a meaning
        yield f"\naccount {names[each.code]}\n" + (f"    ; {name}\n" if name.strip() else "")
    if opening := _opening(scope):
        day, balances = opening
        yield f"\n{day} * brought forward\n"
        for each, amount in balances:
            yield f"    {names[each.code]}  {amount} {hledger_unit(each.unit)}\n"


def hledger_entry(line: Line, texts: Texts | None, names: Mapping[str, str]) -> str:
    """A transaction. A semicolon of its description becomes a full-width one."""
    description = _comment(texts.get("description", "")) if texts else ""
    code = line.get("voucher") or "-"
    head = f"{line['effective_on']} * ({code}) {description}".rstrip()
    parts = [f"\n{head}\n    ; id: {line['id']}\n    ; kind: {line['kind']}\n"]
    for each in line["entries"]:
        amount = each["debit"] if "debit" in each else f"-{each['credit']}"
        parts.append(f"    {names[each['account']]}  {amount} {hledger_unit(each['unit'])}\n")
    return "".join(parts)


def hledger_tail(scope: Scope) -> Iterator[str]:
    """What comes last: the balance of each account at the end of the last day, which both programs check."""
    names = hledger_names(scope.accounts)
    asserted = [each for each in _by_code(scope.accounts) if each.code in scope.after]
    if asserted and scope.last:
        yield f"\n{scope.last} * balances\n"
        for each in asserted:
            unit = hledger_unit(each.unit)
            yield f"    {names[each.code]}  0 {unit} = {scope.after[each.code]} {unit}\n"


@lru_cache(maxsize=1024)
def hledger_unit(unit: str) -> str:
    """A unit's name in the file for hledger and ledger: in quotes, but for short words in capitals.

    ledger takes h, m and s, even in quotes, for hours, minutes and seconds and reckons one in the other: they get a
    word before them, with a space, which no unit of ours has.
    """
    if unit in ("h", "m", "s"):
        return f'"unit {unit}"'
    return unit if re.fullmatch("[A-Z]{1,12}", unit) else f'"{unit}"'


_HLEDGER_ROOTS = {
    "asset": "assets",
    "liability": "liabilities",
    "equity": "equity",
    "income": "income",
    "expense": "expenses",
    "memo_debit": "memo",
    "memo_credit": "memo",
}


# --- beancount -------------------------------------------------------------------------------------------------------


def beancount_names(accounts: Iterable[Account]) -> Names:
    """The names of accounts in the file for beancount."""
    return Names(
        (each.code, f"{_BEANCOUNT_ROOTS[each.account_class]}:{beancount_account(each.code)}") for each in accounts
    )


def beancount_head(scope: Scope) -> Iterator[str]:
    """What comes first: the accounts, opened on the file's first day; and what they had before that."""
    names = beancount_names(scope.accounts)
    opening = _opening(scope)
    since = opening[0] if opening else scope.first or "1970-01-01"
    yield ";; Meide Ledger. Amounts are whole numbers in the smallest unit. bean-check book.beancount\n"
    yield f'option "title" "{_quoted(scope.book)}"\n\n'
    for each in _by_code(scope.accounts):
        yield f"{since} open {names[each.code]} {beancount_unit(each.unit)}\n"
        yield f'  code: "{each.code}"\n  name: "{_quoted(each.name)}"\n  class: "{each.account_class}"\n'
    if opening:
        yield f'\n{since} * "brought forward"\n'
        for each, amount in opening[1]:
            yield f"  {names[each.code]}  {amount} {beancount_unit(each.unit)}\n"


def beancount_entry(line: Line, texts: Texts | None, names: Mapping[str, str]) -> str:
    """A transaction; its voucher number is a link."""
    description = _quoted(texts.get("description", "")) if texts else ""
    link = f" ^{line['voucher']}" if "voucher" in line else ""
    head = f'\n{line["effective_on"]} * "{description}"{link}\n  id: "{line["id"]}"\n  kind: "{line["kind"]}"\n'
    parts = [head]
    for each in line["entries"]:
        amount = each["debit"] if "debit" in each else f"-{each['credit']}"
        parts.append(f"  {names[each['account']]}  {amount} {beancount_unit(each['unit'])}\n")
    return "".join(parts)


def beancount_tail(scope: Scope) -> Iterator[str]:
    """What comes last: the balance of each account at the beginning of the day after the last, as beancount has it."""
    names = beancount_names(scope.accounts)
    if scope.last and (day := _days_after(scope.last, 1)):
        yield "\n"
        for each in _by_code(scope.accounts):
            if each.code in scope.after:
                yield f"{day} balance {names[each.code]}  {scope.after[each.code]} {beancount_unit(each.unit)}\n"


def beancount_account(code: str) -> str:
    """The last part of an account's name in beancount, which begins with a capital letter or a digit and goes on with
    letters, digits and hyphens.

    A dot before a letter or digit becomes a hyphen: 2100.ab12 → 2100-ab12. Any other dot becomes `--D`, an underscore
    `--U`, a hyphen `--H`, and before a small first letter stands `X--X`. So no two codes have one name, and each name
    has its code beside it (`code:`).
    """
    name = _MARK.sub(lambda mark: _MARKS[mark[0]] if mark[1] is None else "-", code)
    return f"X--X{name}" if code[:1].islower() else name


@lru_cache(maxsize=1024)
def beancount_unit(unit: str) -> str:
    """A unit's name in beancount: capitals, digits and .-_ between them, two characters at least.

    Such a unit stays as it is. Others get `X'` before them and, if they do not end in a letter or digit, `'0` behind
    them; an apostrophe before a capital makes it a small letter: pt → X''P'T. No unit of ours has an apostrophe.
    """
    if re.fullmatch(r"[A-Z][A-Z0-9._-]{0,22}[A-Z0-9]", unit) and unit not in ("TRUE", "FALSE", "NULL"):
        return unit
    shown = re.sub("[a-z]", lambda letter: f"'{letter[0].upper()}", unit)
    return f"X'{shown}" + ("" if unit[-1:].isalnum() else "'0")


_MARK = re.compile(r"(\.(?=[0-9A-Za-z]))|[._-]")
_MARKS = {".": "--D", "_": "--U", "-": "--H"}
_BEANCOUNT_ROOTS = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
    # What stands beside the balance sheet comes to nothing in each unit; no code of ours is Chinese.
    "memo_debit": "Equity:Memo备查",
    "memo_credit": "Equity:Memo备查",
}


# --- what they share -------------------------------------------------------------------------------------------------

_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def _by_code(accounts: Iterable[Account]) -> list[Account]:
    return sorted(accounts, key=lambda each: each.code)


def _opening(scope: Scope) -> tuple[str, list[tuple[Account, int]]] | None:
    """The day before the first, and what each account had at its end; it comes to nothing in each unit."""
    balances = [(each, amount) for each in _by_code(scope.accounts) if (amount := scope.before.get(each.code, 0))]
    day = _days_after(scope.first, -1) if scope.first else None
    return (day, balances) if balances and day else None


def _days_after(day: str, days: int) -> str | None:
    """A day so many days later; None where there is none."""
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except OverflowError:
        return None


def _clean(text: str) -> str:
    """A text on one line. None that was posted has what is replaced here; a forged one might."""
    return text if text.isprintable() else _NOT_IN_A_LINE.sub(" ", text)  # what is printable has nothing of it


def _cell(text: str) -> str:
    """A field of a CSV file from a text on one line, quoted where it must be; empty is nothing."""
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def _comment(text: str) -> str:
    return _clean(text).replace(";", "；")


def _quoted(text: str) -> str:
    return _clean(text).replace("\\", "\\\\").replace('"', '\\"')
