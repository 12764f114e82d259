"""What the lines of a log add up to: accounts, months, totals, who acted, and the events.

The package's writer folds the lines as it writes them, the verifier folds them in several processes and merges the
parts in the order of their segments; both derive the package's tables from the same Fold (see projections.py and
plaintext.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .projections import period_key

_SHIFT = 96
_CREDITS = (1 << _SHIFT) - 1


class Account(NamedTuple):
    """An account as the log opened it; `status` as the log last said. `name` is "" where the opening is gone."""

    code: str
    name: str
    account_class: str
    unit: str
    scale: int
    floor: int | None
    kind: str
    holder: str
    status: str
    opened_at: str


class Moved(NamedTuple):
    """What an account's entries of a month add up to."""

    debits: int
    credits: int


class Months(MutableMapping[tuple[str, str], Moved]):
    """(account, month) → [debits, credits], in a tenth of the memory that a dictionary of lists would take.

    Months are "YYYY-MM" by the effective day, or what `period_key` says of days outside the package's.
    """

    __slots__ = ("_months",)

    def __init__(self) -> None:
        self._months: dict[str, dict[str, int]] = {}

    def month(self, month: str) -> dict[str, int]:
        """Account → debits · 2⁹⁶ + credits, of one month: for those who add many."""
        return self._months.setdefault(month, {})

    def of(self, month: str) -> Iterator[tuple[str, int, int]]:
        """Account, debits and credits of one month."""
        for account, packed in self._months.get(month, {}).items():
            yield account, packed >> _SHIFT, packed & _CREDITS

    def names(self) -> list[str]:
        """The months there are, in order."""
        return sorted(self._months)

    def add(self, account: str, month: str, debits: int, credits: int) -> None:
        """Adds to what an account moved in a month."""
        of_month = self.month(month)
        of_month[account] = of_month.get(account, 0) + (debits << _SHIFT) + credits

    def merge(self, other: Months) -> None:
        """Adds all that another part of the log moved."""
        for month, moved in other._months.items():
            of_month = self.month(month)
            if of_month:
                get = of_month.get
                for account, packed in moved.items():
                    of_month[account] = get(account, 0) + packed
            else:
                of_month.update(moved)

    def __getitem__(self, key: tuple[str, str]) -> Moved:
        packed = self._months[key[1]][key[0]]
        return Moved(packed >> _SHIFT, packed & _CREDITS)

    def __setitem__(self, key: tuple[str, str], moved: Moved) -> None:
        self.month(key[1])[key[0]] = (moved[0] << _SHIFT) + moved[1]

    def __delitem__(self, key: tuple[str, str]) -> None:
        del self._months[key[1]][key[0]]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for month, of_month in self._months.items():
            for account in of_month:
                yield account, month

    def __len__(self) -> int:
        return sum(map(len, self._months.values()))

    def __getstate__(self) -> dict[str, dict[str, int]]:
        return self._months

    def __setstate__(self, state: dict[str, dict[str, int]]) -> None:
        self._months = state


PACKED_DEBIT = 1 << _SHIFT
"""What one debit is in `Months.month`; a credit is 1."""


@dataclass
class Fold:
    """What the lines of a log, or of some segments of it, add up to. `from_` and `to`: the days of the package ("": no
    limit), by which `months` are told apart; all else is of the whole log.

    `totals`: unit → [debits, credits, entries]. `kinds`: of transactions → how many. `actors`: who acted or approved.
    `events`: (leaf, line, texts or None), without the openings of accounts. `first_on`, `last_on`: effective days, ""
    without transactions.
    """

    book: str = ""
    from_: str = ""
    to: str = ""
    accounts: dict[str, Account] = field(default_factory=dict)
    months: Months = field(default_factory=Months)
    totals: dict[str, list[int]] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    actors: set[str] = field(default_factory=set)
    events: list[tuple[int, dict[str, Any], dict[str, str] | None]] = field(default_factory=list)
    transactions: int = 0
    events_in_all: int = 0
    first_on: str = ""
    last_on: str = ""
    statuses: dict[str, str] = field(default_factory=dict)
    """The last status said of an account that was not opened (yet) in these segments, or was opened in them."""

    def add(self, index: int, line: Mapping[str, Any], texts: Mapping[str, str] | None) -> None:
        """Adds a leaf: its line, parsed, and the texts of its opening (None where that was destroyed)."""
        if line["type"] == "transaction":
            self.add_transaction(line)
        else:
            self.add_event(index, line, texts)

    def add_transaction(self, line: Mapping[str, Any]) -> None:
        """Adds a transaction."""
        day = line["effective_on"]
        self.book = line["book"]
        self.transactions += 1
        self.kinds[line["kind"]] = self.kinds.get(line["kind"], 0) + 1
        self.actors.add(line["actor"])
        if "approver" in line:
            self.actors.add(line["approver"])
        if not self.first_on or day < self.first_on:
            self.first_on = day
        if day > self.last_on:
            self.last_on = day
        month = self.months.month(period_key(day, self.from_, self.to))
        for entry in line["entries"]:
            account, total = entry["account"], self.totals.setdefault(entry["unit"], [0, 0, 0])
            total[2] += 1
            if "debit" in entry:
                amount = int(entry["debit"])
                total[0] += amount
                month[account] = month.get(account, 0) + amount * PACKED_DEBIT
            else:
                amount = int(entry["credit"])
                total[1] += amount
                month[account] = month.get(account, 0) + amount

    def add_event(self, index: int, line: Mapping[str, Any], texts: Mapping[str, str] | None) -> None:
        """Adds an event; the opening of an account makes the account."""
        self.book = line["book"]
        self.events_in_all += 1
        self.actors.add(line["actor"])
        facts = line["facts"]
        if line["kind"] == "account_opened":
            code = facts["account"]
            self.accounts[code] = opened(line, texts, self.statuses.get(code, "open"))
            return
        self.events.append((index, dict(line), None if texts is None else dict(texts)))
        if line["kind"] == "account_status":
            self._set_status(facts["account"], facts["status"])

    def _set_status(self, code: str, status: str) -> None:
        self.statuses[code] = status
        account = self.accounts.get(code)
        if account is not None:
            self.accounts[code] = with_status(account, status)

    def merge(self, later: Fold) -> None:
        """Adds the fold of the segments that follow."""
        self.book = self.book or later.book
        for code, account in later.accounts.items():
            status = self.statuses.get(code)
            # Said before the account's opening was sealed: leaves of one account need not come in their order.
            known = status is not None and code not in later.statuses
            self.accounts[code] = with_status(account, status) if known and status is not None else account
        for code, status in later.statuses.items():
            self._set_status(code, status)
        self.months.merge(later.months)
        for unit, (debits, credits, entries) in later.totals.items():
            total = self.totals.setdefault(unit, [0, 0, 0])
            total[0] += debits
            total[1] += credits
            total[2] += entries
        for kind, count in later.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count
        self.actors |= later.actors
        self.events += later.events
        self.transactions += later.transactions
        self.events_in_all += later.events_in_all
        self.first_on = min(filter(None, (self.first_on, later.first_on)), default="")
        self.last_on = max(self.last_on, later.last_on)


def opened(line: Mapping[str, Any], texts: Mapping[str, str] | None, status: str = "open") -> Account:
    """The account that the line of an `account_opened` opens."""
    facts = line["facts"]
    return Account(
        code=facts["account"],
        name=(texts or {}).get("name", ""),
        account_class=facts["class"],
        unit=facts["unit"],
        scale=int(facts["scale"]),
        floor=int(facts["floor"]) if "floor" in facts else None,
        kind=facts.get("kind", ""),
        holder=facts.get("holder", ""),
        status=status,
        opened_at=line["at"],
    )


def with_status(account: Account, status: str) -> Account:
    """The account with another status."""
    return account._replace(status=status)
