"""The CSV tables of a package as functions of its log: the names of ISO 21378 and of the AICPA's audit data standard.

CSV as PostgreSQL's COPY writes it: comma, LF, a header row, quotes only around what needs them, empty for nothing.
Amounts are whole numbers in the unit's smallest unit. Standard library only.

    GL_HEADER                         the header row of GL_Details, with LF
    gl_details(index, hash, line, texts, reversed_later)   the rows of one leaf; "" for an event
    is_between(day, from_, to)        whether a transaction of that day belongs into tables that are limited to days
    period_key(day, from_, to)        under which period `Fold.months` counts a day
    small_tables(fold, from_, to)     path in the package -> text, all the other tables
    table_texts(fold, from_, to)      the same in pieces, for trial balances of millions of rows
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

BEFORE: Final = ""
AFTER: Final = "~"
"""The keys in `Fold.months` of what lies before the first and after the last day of the package, if it has them."""

GL_COLUMNS: Final = (
    "Journal_ID",
    "Journal_Number",
    "Journal_ID_Line_Number",
    "JE_Type_Code",
    "Fiscal_Year",
    "Accounting_Period",
    "Effective_Date",
    "Business_Unit_Code",
    "GL_Account_Number",
    "Functional_Amount",
    "Functional_CUR_Code",
    "Credit_Debit_Indicator",
    "Entry_Number",
    "Balance_After",
    "JE_Header_Description",
    "Source",
    "Reversal_Indicator",
    "Reversal_Journal_ID",
    "Correction",
    "Corrects",
    "Created_User_ID",
    "Created_Date",
    "Created_Time",
    "Approved_User_ID",
    "Leaf_Index",
    "Leaf_Hash",
)
GL_HEADER: Final = ",".join(GL_COLUMNS) + "\n"

CHART: Final = "csv/BAS_Chart_Of_Accounts.csv"
CHART_COLUMNS: Final = (
    "GL_Account_Number",
    "GL_Account_Name",
    "Account_Type",
    "Account_Subtype",
    "Parent_GL_Account_Number",
    "Functional_CUR_Code",
    "Normal_Balance",
    "Floor",
    "Holder",
    "Status",
)
PERIODS: Final = "csv/BAS_Accounting_Period.csv"
PERIOD_COLUMNS: Final = (
    "Fiscal_Year",
    "Accounting_Period",
    "Period_Begin_Date",
    "Period_End_Date",
    "Closed",
)
UNITS: Final = "csv/BAS_Measurement_Unit.csv"
UNIT_COLUMNS: Final = ("Measurement_Unit_Code", "Scale")
USERS: Final = "csv/BAS_User.csv"
USER_COLUMNS: Final = ("User_ID", "User_Type")
TYPES: Final = "csv/BAS_Journal_Entry_Type.csv"
TYPE_COLUMNS: Final = ("JE_Type_Code", "Journal_Count")
BALANCE: Final = "csv/GL_Trial_Balance.csv"
BALANCE_COLUMNS: Final = (
    "Business_Unit_Code",
    "GL_Account_Number",
    "Functional_CUR_Code",
    "Fiscal_Year",
    "Accounting_Period",
    "Balance_As_Of_Date",
    "Beginning_Functional_Amount",
    "Debit_Functional_Amount",
    "Credit_Functional_Amount",
    "Ending_Functional_Amount",
)
TOTALS: Final = "csv/GL_Trial_Balance_Totals.csv"
TOTAL_COLUMNS: Final = (
    "Business_Unit_Code",
    "Functional_CUR_Code",
    "Fiscal_Year",
    "Accounting_Period",
    "Balance_As_Of_Date",
    "Beginning_Functional_Amount",
    "Debit_Functional_Amount",
    "Credit_Functional_Amount",
    "Ending_Functional_Amount",
)
ACTORS: Final = "csv/Actor_Log.csv"
ACTOR_COLUMNS: Final = (
    "Leaf_Index",
    "Event_ID",
    "Event_Type",
    "User_ID",
    "Created_Date",
    "Created_Time",
    "Facts",
)
TABLES: Final[Mapping[str, Sequence[str]]] = {
    CHART: CHART_COLUMNS,
    PERIODS: PERIOD_COLUMNS,
    UNITS: UNIT_COLUMNS,
    USERS: USER_COLUMNS,
    TYPES: TYPE_COLUMNS,
    BALANCE: BALANCE_COLUMNS,
    TOTALS: TOTAL_COLUMNS,
    ACTORS: ACTOR_COLUMNS,
}
"""All tables but GL_Details, with their columns."""

_DEBIT_CLASSES: Final = frozenset(("asset", "expense", "memo_debit"))
_CONTROLS: Final = re.compile("[\x01-\x1f\x7f-\x9f]+")
_TO_QUOTE: Final = re.compile('[",\r\n]')
_NOTHING: Final = (0, 0)


def field(value: str) -> str:
    """One field of a row, in quotes if it needs them."""
    return '"' + value.replace('"', '""') + '"' if _TO_QUOTE.search(value) else value


def one_line(text: str) -> str:
    """A text with a space for each run of control characters: so a row is a line."""
    return _CONTROLS.sub(" ", text)


def row(values: Sequence[str]) -> str:
    """One row with its LF."""
    return ",".join([field(value) for value in values]) + "\n"


def is_between(day: str, from_: str = "", to: str = "") -> bool:
    """Whether a day (YYYY-MM-DD) lies between the first and the last day, inclusive; "": no limit."""
    return (not from_ or from_ <= day) and (not to or day <= to)


def period_key(day: str, from_: str = "", to: str = "") -> str:
    """Under which key a fold counts what happened on a day: its month, or BEFORE or AFTER the days of the package."""
    if from_ and day < from_:
        return BEFORE
    if to and to < day:
        return AFTER
    return day[:7]


def gl_details(
    index: int,
    leaf_hash_hex: str,
    line: Mapping[str, Any],
    texts: Mapping[str, str] | None,
    reversed_later: bool,
) -> str:
    """The rows of GL_Details of one leaf, each with LF; "" for an event.

    `line`: the log line, parsed. `texts`: of its opening, None where that was destroyed. `reversed_later`: whether
    some transaction of the package is its reversal. Whether its day belongs into the table, `is_between` says.
    """
    if line["type"] != "transaction":
        return ""
    get = line.get
    correction, corrects, recorded_at = get("correction", ""), get("corrects", ""), line["recorded_at"]
    description = one_line(texts.get("description", "")) if texts else ""
    if _TO_QUOTE.search(description):
        description = field(description)
    is_reversal = correction == "reversal"
    day, unit_code = line["effective_on"], line["book"]
    head = f"{line['id']},{line['voucher']},"
    middle = f",{line['kind']},{day[:4]},{day[:7]},{day},{unit_code},"
    tail = (
        f",{description},{line['client']},{'1' if is_reversal else '2' if reversed_later else ''},"
        f"{corrects if is_reversal else ''},{correction},{corrects},{line['actor']},{recorded_at[:10]},"
        f"{recorded_at[11:]},{get('approver', '')},{index},{leaf_hash_hex}\n"
    )
    return "".join(
        [
            f"{head}{number}{middle}{entry['account']},{entry['debit']},{entry['unit']},D,{entry['number']},"
            f"{entry['balance']}{tail}"
            if "debit" in entry
            else f"{head}{number}{middle}{entry['account']},{entry['credit']},{entry['unit']},C,{entry['number']},"
            f"{entry['balance']}{tail}"
            for number, entry in enumerate(line["entries"], 1)
        ]
    )


def small_tables(fold: Any, from_: str = "", to: str = "") -> dict[str, str]:
    """All tables but GL_Details: path in the package -> text.

    `fold` is a Fold of the whole log (see fold.py) with these limits; of its `months` it takes `names()`, `of(month)`.
    """
    pieces: dict[str, list[str]] = {}
    for path, text in table_texts(fold, from_, to):
        pieces.setdefault(path, []).append(text)
    return {path: "".join(texts) for path, texts in pieces.items()}


def table_texts(fold: Any, from_: str = "", to: str = "") -> Iterator[tuple[str, str]]:
    """The same in pieces, table after table: (path, what follows in it)."""
    months = periods_of(fold, from_, to)
    yield CHART, row(CHART_COLUMNS) + chart_rows(fold)
    yield PERIODS, row(PERIOD_COLUMNS) + period_rows(fold, months)
    yield UNITS, row(UNIT_COLUMNS) + unit_rows(fold)
    yield USERS, row(USER_COLUMNS) + "".join([row((user, user.partition(":")[0])) for user in sorted(fold.actors)])
    yield TYPES, row(TYPE_COLUMNS) + "".join([row((kind, str(fold.kinds[kind]))) for kind in sorted(fold.kinds)])
    yield BALANCE, row(BALANCE_COLUMNS)
    totals = [row(TOTAL_COLUMNS)]
    for of_accounts, of_units in balance_rows(fold, months, to):
        yield BALANCE, of_accounts
        totals.append(of_units)
    yield TOTALS, "".join(totals)
    yield ACTORS, row(ACTOR_COLUMNS) + actor_rows(fold)


def chart_rows(fold: Any) -> str:
    """The chart: each account by its code, with the parent account if the code has one (`2100` of `2100.ab12`)."""
    accounts = fold.accounts
    rows = []
    for code in sorted(accounts):
        account = accounts[code]
        parent = code.rpartition(".")[0]
        rows.append(
            row(
                (
                    code,
                    one_line(account.name),
                    account.account_class,
                    account.kind,
                    parent if parent in accounts else "",
                    account.unit,
                    "D" if account.account_class in _DEBIT_CLASSES else "C",
                    "" if account.floor is None else str(account.floor),
                    account.holder,
                    account.status,
                )
            )
        )
    return "".join(rows)


def unit_rows(fold: Any) -> str:
    """The units of the accounts, with the digits after the decimal point when they are shown."""
    units = {account.unit: account.scale for account in fold.accounts.values()}
    return "".join([row((unit, str(units[unit]))) for unit in sorted(units)])


def periods_of(fold: Any, from_: str = "", to: str = "") -> list[str]:
    """The months that the tables tell of, without gaps: from the first to the last with entries, within the limits.

    Where there was something before the first day, they begin with the month of that day, since it carries balances;
    where something came after the last day, they end with the month of that.
    """
    counted = set(fold.months.names())
    inside = counted - {BEFORE, AFTER}
    first = from_[:7] if BEFORE in counted else min(inside, default="")
    if not first:
        return []
    last = to[:7] if AFTER in counted else max(inside, default=first)
    months = []
    while first <= last:
        months.append(first)
        first = _following(first)
    return months


def period_rows(fold: Any, months: Sequence[str]) -> str:
    """The months, and which of them are closed: what was said last says it (leaves need not come in their order)."""
    said_at = closed = ""
    for _, line, _texts in fold.events:
        if line["kind"] in ("period_closed", "period_reopened") and line["at"] >= said_at:
            said_at, closed = line["at"], line["facts"].get("closed_through", "")
    ends = [(month, _last_day(month)) for month in months]
    return "".join([row((m[:4], m, f"{m}-01", end, "1" if end <= closed else "0")) for m, end in ends])


def balance_rows(fold: Any, months: Sequence[str], to: str = "") -> Iterator[tuple[str, str]]:
    """For each month the rows of its accounts, and the totals of its units, which are zero at both ends.

    An account has a row where it had a balance or entries. Balances are debits less credits.
    """
    unit_of = {code: account.unit for code, account in fold.accounts.items()}
    balances: dict[str, int] = {}
    for account, debits, credits in fold.months.of(BEFORE):
        balances[account] = debits - credits
    for month in months:
        last = _last_day(month)
        head, period = f"{fold.book},", f",{month[:4]},{month},{min(last, to) if to else last},"
        sums: dict[str, list[int]] = {}
        rows = []
        of_month = {account: (debits, credits) for account, debits, credits in fold.months.of(month)}
        for code in sorted(balances.keys() | of_month.keys()):
            beginning = balances.get(code, 0)
            debits, credits = of_month.get(code, _NOTHING)
            if not (beginning or debits or credits):
                continue
            ending = beginning + debits - credits
            balances[code] = ending
            unit = unit_of.get(code, "")
            rows.append(f"{head}{code},{unit}{period}{beginning},{debits},{credits},{ending}\n")
            total = sums.setdefault(unit, [0, 0, 0, 0])
            total[0] += beginning
            total[1] += debits
            total[2] += credits
            total[3] += ending
        of_units = [f"{head}{unit}{period}{','.join(map(str, sums[unit]))}\n" for unit in sorted(sums)]
        yield "".join(rows), "".join(of_units)


def actor_rows(fold: Any) -> str:
    """The events of the log other than openings of accounts: who did what, and when."""
    rows = []
    for index, line, _texts in fold.events:
        at = line["at"]
        facts = json.dumps(line["facts"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        rows.append(row((str(index), line["id"], line["kind"], line["actor"], at[:10], at[11:], facts)))
    return "".join(rows)


def _following(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def _last_day(month: str) -> str:
    return (datetime.date.fromisoformat(f"{_following(month)}-01") - datetime.timedelta(days=1)).isoformat()
