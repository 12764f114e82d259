"""What a package is made of, by name, and what the processes that check its segments are told and tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .damage import Findings
from .fold import Fold
from .sources import Measured, Source
from .usual import Held, Kept

LEAVES = 65_536
JOURNAL = "journal/journal.csv"
HLEDGER = "hledger/book.journal"
BEANCOUNT = "beancount/book.beancount"
DERIVED = (JOURNAL, HLEDGER, BEANCOUNT)
"""Files over all segments whose middle part each segment derives."""


def first_leaf(number: int) -> int:
    """The first leaf of a segment."""
    return number * LEAVES


def place_of(leaf: int) -> tuple[int, int]:
    """In which segment a leaf is, and at which line of it, from 1."""
    return leaf // LEAVES, leaf % LEAVES + 1


def log_path(number: int) -> str:
    return f"log/entries-{number:06}.jsonl"


def openings_path(number: int) -> str:
    return f"log/openings-{number:06}.jsonl"


def details_path(number: int) -> str:
    return f"csv/GL_Details-{number:06}.csv"


@dataclass(frozen=True)
class Shared:
    """What each process has to know of the whole: accounts by code, which transactions are reversed or otherwise
    corrected, the sizes of the earlier checkpoints, and whether the derived files are compared."""

    source: Source
    book: str
    accounts: dict[str, Kept]
    reversed: frozenset[str] = frozenset()
    corrected: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()
    sizes: tuple[int, ...] = ()
    from_: str = ""
    to: str = ""
    derive: bool = True
    leaves: int = 0
    """Of a full segment."""
    held: dict[str, Held] = field(default_factory=dict, compare=False, repr=False)
    """The accounts that this process has met, with what it needs of them again and again."""


class Correction(NamedTuple):
    """A transaction that corrects another; `mirror`: the digest of its entries with their sides exchanged."""

    corrects: str
    correction: str
    leaf: int
    item: str
    mirror: bytes


Run = tuple[str, int, int, int, int, int]
"""Entries of an account with numbers one after the other: the account, the first number and the balance before it, the
last number and the balance after it, and the leaf of the first."""


@dataclass
class Part:
    """What a segment comes to."""

    number: int
    leaves: int = 0
    peaks: list[tuple[int, bytes]] = field(default_factory=list)
    prefixes: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)
    """Size of a checkpoint within the segment → the full subtrees of the segment's leaves up to it."""
    fold: Fold = field(default_factory=Fold)
    ids: bytes = b""
    """The last six bytes of each id, sorted (array of type Q)."""
    runs: list[Run] = field(default_factory=list)
    vouchers: list[tuple[str, int, int, int]] = field(default_factory=list)
    """Year, first and last number without a gap, leaf of the first; in the order of the leaves."""
    corrections: list[Correction] = field(default_factory=list)
    corrected: dict[str, tuple[bytes, bool]] = field(default_factory=dict)
    """Transactions that some leaf corrects: the digest of their entries, and whether they are reversals."""
    pieces: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Derived file → length and digest of what this segment adds to it."""
    measured: dict[str, Measured] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)


class Opened(NamedTuple):
    """An account as an event opens it."""

    event: str
    code: str
    account_class: str
    unit: str
    floor: int | None
    holder: str


class Scanned(NamedTuple):
    """What a quick look over a segment finds: accounts that are opened, holders who were erased, and (corrects,
    correction) of transactions that correct others."""

    opened: list[Opened]
    erased: list[str]
    corrections: list[tuple[str, str]]
