"""What is measured, by name, and what it must reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from api.bench import auditing, boards, earning, imports, over_http, postings, reads, receipts, sealing, spending, stars
from api.bench.postings import CALLERS, Prepare, callers


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that is measured in rounds: its name, what it is, what it has to reach and what it is to reach.

    `without`: the same without what is special about it, or what it is compared with, run in the same rounds; then
    `floor` is for the ratio to that. `most`: what the ratio of their median latencies may be, instead of a floor.
    `beside`: what that ratio is called.
    """

    name: str
    title: str
    prepare: Prepare
    floor: float | None = None
    goal: float | None = None
    without: Prepare | None = None
    most: float | None = None
    beside: str = "÷ the same without"


JOURNAL: Final = "÷ import of a journal"

SUBJECTS: Final = (
    Subject("callers-1", "1 caller", callers(1, postings.between_two)),
    Subject("callers-64", "64 callers", callers(64, postings.between_two)),
    Subject("callers-256", "256 callers", callers(CALLERS, postings.between_two), 1.0, 1.5),
    Subject("hot-account", "256 callers, one hot account", postings.on_one_hot_account, 1.3, 2.0),
    Subject("four-lines", "256 callers, four lines (each counts twice)", callers(CALLERS, postings.between_four, 2)),
    Subject(
        "backdated",
        "256 callers, 5 % dated up to 90 days back",
        callers(CALLERS, postings.sometimes_late),
        0.9,
        without=callers(CALLERS, postings.between_two),
    ),
    Subject(
        "posting-sealed",
        "256 callers, the log sealed beside them",
        sealing.posting,
        sealing.LOSS,
        without=callers(CALLERS, postings.between_two),
    ),
    Subject("holds", "256 callers, hold and capture on wallets", postings.hold_and_capture),
    Subject("lots", "256 callers, between wallets that keep lots", postings.between_wallets),
    Subject("import", "import of a journal (lines ÷ 2)", imports.imports, 1.2, 2.5),
    Subject(
        "sheet", "import of reviewed hours (lines × 2)", earning.sheet, 0.4, without=imports.imports, beside=JOURNAL
    ),
    Subject(
        "release", "crediting of what was in notice", earning.releases, 0.5, without=imports.imports, beside=JOURNAL
    ),
    Subject("expiry", "expiry of lots", earning.expiries, 0.5, without=imports.imports, beside=JOURNAL),
    Subject(
        "sign-in",
        "HTTP, sign-in to an activity, 1 connection",
        earning.sign_ins,
        without=earning.single_postings,
        most=1.5,
        beside="time ÷ a posting's (p50)",
    ),
    Subject(
        "redeem",
        "HTTP, redemption, 32 connections",
        spending.redemptions,
        0.5,
        without=spending.trivial,
        beside="÷ six trivial statements and a commit",
    ),
    Subject(
        "pay-code",
        "HTTP, a pay code, 1 connection",
        spending.codes,
        without=earning.single_postings,
        most=1.5,
        beside="time ÷ a posting's (p50)",
    ),
    Subject(
        "board",
        "HTTP, page of a board with 50 names, 1 connection",
        boards.pages,
        without=boards.balances,
        most=3.0,
        beside="time ÷ a balance read's (p50)",
    ),
    Subject(
        "receipt",
        "HTTP, receipt of a transaction, 1 connection",
        receipts.receipts,
        without=boards.balances,
        most=2.0,
        beside="time ÷ a balance read's (p50)",
    ),
    Subject("http", "HTTP, one by one, 64 connections", over_http.one_by_one, 0.3, 0.6),
    Subject("http-batches", "HTTP, batches of 500, 4 connections", over_http.in_batches, 0.8, 1.5),
)
MEMORY: Final = "import-memory"
FRAME: Final = "frame"
TILLS: Final = "tills"
SEALING: Final = "sealing"
NAMES: Final = (
    *(subject.name for subject in SUBJECTS),
    *reads.READS,
    *stars.NAMES,
    *auditing.NAMES,
    MEMORY,
    FRAME,
    TILLS,
    SEALING,
)
