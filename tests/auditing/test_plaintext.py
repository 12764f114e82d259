"""The books in other programs' words: hledger, ledger and beancount accept any book and come to its balances."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.auditing.verifier import plaintext
from ledger.auditing.verifier.plaintext import Scope
from tests.auditing import other_programs
from tests.auditing.other_programs import Balances

CLASSES = ("asset", "liability", "equity", "income", "expense", "memo_debit", "memo_credit")
UNITS = (
    "PT",
    "HR",
    "SEK",
    "h",
    "m",
    "s",
    "pt",
    "a-1",
    "9",
    "X",
    "TRUE",
    "NULL",
    "and",
    "true",
    "P2026",
    "x.y_z-",
    64 * "A",
)
CODE = r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}"

ids = st.uuids(version=4).map(str)
codes = st.one_of(
    st.sampled_from(["1100", "2100", "2100.ab12", "2100.AB12", "2100-ab12", "2100_ab12", "Memo", "memo", "X--Xa", "a"]),
    st.from_regex(CODE, fullmatch=True),
)
texts_of_one_line = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)
words = st.one_of(
    texts_of_one_line,
    st.sampled_from(
        [
            "* (x) ! = [2026-13-99] key: value @@ 5",
            "a;b | c  ; d",
            '"\\" \\',
            "; type: Z",
            "#tag ^link",
            "include x",
            "  two  spaces  ",
            "\u3000全角：时间；",
            "=HYPERLINK(1)",
            "买买提·艾力",
        ]
    ),
)
days = st.dates(min_value=date(1900, 1, 1), max_value=date(2999, 12, 31)).map(str)
amounts = st.one_of(st.integers(1, 10**15), st.integers(1, 100))


@dataclass(frozen=True)
class Account:
    code: str
    name: str
    account_class: str
    unit: str
    floor: int | None = None


@dataclass
class Sample:
    """A book: its accounts, and its transactions with their texts."""

    accounts: list[Account]
    transactions: list[tuple[dict[str, object], dict[str, str] | None]] = field(default_factory=list)

    def nets(self, first: str = "", last: str = "~") -> dict[str, int]:
        """Debits less credits of the accounts that have entries, from a day to a day."""
        sums: dict[str, int] = {}
        for line, _ in self.transactions:
            if first <= str(line["effective_on"]) <= last:
                for each in line["entries"]:  # type: ignore[attr-defined]
                    amount = int(each.get("debit", 0)) - int(each.get("credit", 0))
                    sums[each["account"]] = sums.get(each["account"], 0) + amount
        return sums

    def scope(self) -> Scope:
        dates = sorted(str(line["effective_on"]) for line, _ in self.transactions)
        first, last = (dates[0], dates[-1]) if dates else ("", "")
        return Scope("demo", self.accounts, first, last, self.nets())

    def hledger(self, scope: Scope) -> str:
        names = plaintext.hledger_names(self.accounts)
        entries = "".join(plaintext.hledger_entry(line, texts, names) for line, texts in self.transactions)
        return "".join(plaintext.hledger_head(scope)) + entries + "".join(plaintext.hledger_tail(scope))

    def beancount(self, scope: Scope) -> str:
        names = plaintext.beancount_names(self.accounts)
        entries = "".join(plaintext.beancount_entry(line, texts, names) for line, texts in self.transactions)
        return "".join(plaintext.beancount_head(scope)) + entries + "".join(plaintext.beancount_tail(scope))


def leg(account: Account, amount: int) -> dict[str, str]:
    side = "debit" if amount > 0 else "credit"
    return {"account": account.code, "unit": account.unit, side: str(abs(amount)), "balance": "0", "number": "1"}


def transaction(
    legs: list[dict[str, str]],
    texts: dict[str, str] | None = None,
    day: str = "2026-11-21",
    number: int = 1,
    client: str = "import",
) -> tuple[dict[str, object], dict[str, str] | None]:
    line = {
        "id": f"00000000-0000-7000-8000-{number:012d}",
        "type": "transaction",
        "effective_on": day,
        "kind": "test.kind",
        "client": client,
        "voucher": f"2026-{number}",
        "entries": legs,
    }
    return line, texts


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Some books in one: several units, each with accounts of its own, and transactions of one unit or two."""
    sample = Sample([])
    by_unit: dict[str, list[Account]] = {}
    for code in draw(st.lists(codes, min_size=4, max_size=24, unique=True)):
        unit = draw(st.sampled_from(UNITS[: draw(st.integers(1, len(UNITS)))]))
        account = Account(code, draw(words) or "x", draw(st.sampled_from(CLASSES)), unit)
        sample.accounts.append(account)
        by_unit.setdefault(unit, []).append(account)
    for number in range(draw(st.integers(0, 12))):
        legs = []
        for accounts in draw(st.lists(st.sampled_from(list(by_unit.values())), min_size=1, max_size=2, unique_by=id)):
            parts = draw(st.lists(amounts, min_size=1, max_size=4))
            legs += [leg(draw(st.sampled_from(accounts)), part) for part in parts]
            legs.append(leg(draw(st.sampled_from(accounts)), -sum(parts)))
        texts = draw(st.none() | st.fixed_dictionaries({"description": words, "key": texts_of_one_line}))
        sample.transactions.append(transaction(draw(st.permutations(legs)), texts, draw(days), number + 1))
    return sample


def written(folder: Path, text: str, name: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def expected_in_hledger(sample: Sample, nets: dict[str, int]) -> Balances:
    units = {each.code: plaintext.hledger_unit(each.unit).strip('"') for each in sample.accounts}
    names = plaintext.hledger_names(sample.accounts)
    return {names[code]: (net, units[code]) for code, net in nets.items() if net}


def expected_in_beancount(sample: Sample, nets: dict[str, int]) -> Balances:
    units = {each.code: plaintext.beancount_unit(each.unit) for each in sample.accounts}
    names = plaintext.beancount_names(sample.accounts)
    return {names[code]: (net, units[code]) for code, net in nets.items() if net}


Reader = tuple[Callable[[Sample, Scope], str], str, Callable[[Path], Balances], Callable[..., Balances]]
"""How a book is written for a program, the file's name, the balances there, and those that are expected."""

HLEDGER: Reader = (Sample.hledger, "book.journal", other_programs.hledger, expected_in_hledger)
LEDGER: Reader = (Sample.hledger, "book.journal", other_programs.ledger, expected_in_hledger)
BEANCOUNT: Reader = (Sample.beancount, "book.beancount", other_programs.beancount, expected_in_beancount)
programs = pytest.mark.parametrize("reader", [HLEDGER, LEDGER, BEANCOUNT], ids=["hledger", "ledger", "beancount"])


@programs
@settings(max_examples=25, deadline=None)
@given(sample=samples())
def test_each_program_accepts_any_book_and_comes_to_its_balances(folders: Path, reader: Reader, sample: Sample) -> None:
    write, name, balances, expected = reader
    file = written(folders, write(sample, sample.scope()), name)
    assert balances(file) == expected(sample, sample.nets())


@programs
@settings(max_examples=10, deadline=None)
@given(sample=samples(), first=days, last=days)
def test_a_file_of_some_days_begins_with_what_was_brought_forward_and_ends_in_the_balances_of_its_last_day(
    folders: Path, reader: Reader, sample: Sample, first: str, last: str
) -> None:
    write, name, balances, expected = reader
    first, last = min(first, last), max(first, last)
    limited = replace(
        sample, transactions=[each for each in sample.transactions if first <= str(each[0]["effective_on"]) <= last]
    )
    before = sample.nets(last=str(date.fromisoformat(first) - timedelta(days=1)))
    scope = Scope("demo", sample.accounts, first, last, sample.nets(last=last), before)
    file = written(folders, write(limited, scope), name)
    assert balances(file) == expected(sample, sample.nets(last=last))


def odd() -> Sample:
    """Each unit and each odd code once, the largest amounts, an account on several lines, one without entries."""
    sample = Sample([Account("unused", "未用", "asset", "PT", -5)])
    for number, unit in enumerate(UNITS, 1):
        one, other = (
            Account(f"{number}.{mark}", "；: [2026-13-99] type: Z", kind, unit)
            for mark, kind in (("a", "memo_debit"), ("A", "liability"))
        )
        sample.accounts += [one, other]
        legs = [leg(one, 10**15), leg(other, -(10**15)), leg(one, 1), leg(one, 2), leg(other, -3)]
        day = f"20{40 - number}-01-01"  # the latest comes first
        sample.transactions.append(transaction(legs, {"description": "甲", "key": "k"}, day, number))
    return sample


@programs
def test_each_program_reads_odd_units_the_largest_amounts_and_days_in_any_order(folders: Path, reader: Reader) -> None:
    write, name, balances, expected = reader
    sample = odd()
    assert len(expected(sample, sample.nets())) == 2 * len(UNITS)
    file = written(folders, write(sample, sample.scope()), name)
    assert balances(file) == expected(sample, sample.nets())


@programs
def test_a_book_without_entries_is_accepted(folders: Path, reader: Reader) -> None:
    write, name, balances, _ = reader
    for accounts in ([], [Account("1100", "甲", "asset", "PT")]):
        empty = Sample(accounts)
        assert balances(written(folders, write(empty, empty.scope()), name)) == {}


@programs
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  25 PT", "  26 PT"),
        ("-1 P2026", "-2 P2026"),
        ("1100  25", "3100  25"),
        (" 25 ", " 25000000000000000000000000 "),
        ("2026-11-21 *", "2026-11-23 *"),
    ],
)
def test_each_program_refuses_a_file_in_which_one_figure_was_changed(
    folders: Path, reader: Reader, old: str, new: str
) -> None:
    """An amount, a balance, an account, a day beyond the last (which ledger does not mind)."""
    write, name, balances, _ = reader
    points, donors = Account("1100", "甲", "asset", "PT"), Account("3100", "乙", "asset", "PT")
    prizes, makers = Account("1", "丙", "asset", "P2026"), Account("3", "丁", "equity", "P2026")
    legs = [leg(points, 25), leg(donors, -25), leg(prizes, 1), leg(makers, -1)]
    sample = Sample([points, donors, prizes, makers], [transaction(legs)])
    text = write(sample, sample.scope())
    if reader is not BEANCOUNT:
        old, new = old.replace("P2026", '"P2026"'), new.replace("P2026", '"P2026"')
    assert old in text
    altered = written(folders, text.replace(old, new, 1), name)
    if reader is LEDGER and "*" in new:
        assert len(balances(altered)) == 4
    else:
        with pytest.raises(AssertionError):
            balances(altered)


def test_what_was_not_opened_is_declared_nowhere_and_refused(folders: Path) -> None:
    opened, never = Account("1100", "甲", "asset", "PT"), Account("1200", "乙", "asset", "PT")
    sample = Sample([opened], [transaction([leg(opened, 1), leg(never, -1)])])
    for write, name, balances, _ in (HLEDGER, LEDGER, BEANCOUNT):
        with pytest.raises(AssertionError):
            balances(written(folders, write(sample, sample.scope()), name))


@settings(max_examples=300)
@given(codes, codes)
def test_no_two_accounts_have_one_name_in_beancount(one: str, other: str) -> None:
    assert (plaintext.beancount_account(one) == plaintext.beancount_account(other)) == (one == other)
    assert code_of(plaintext.beancount_account(one)) == one
    assert re.fullmatch("[A-Z0-9][A-Za-z0-9-]*", plaintext.beancount_account(one))


def code_of(name: str) -> str:
    """An account's code from its name in beancount: that it can be read back is why no two have one name."""
    marks = {"--D": ".", "--U": "_", "--H": "-", "-": "."}
    return re.sub("--[DUH]|-", lambda mark: marks[mark[0]], name.removeprefix("X--X"))


@settings(max_examples=300)
@given(st.one_of(st.sampled_from(UNITS), st.from_regex(CODE, fullmatch=True)))
def test_no_two_units_have_one_name_in_beancount(unit: str) -> None:
    name = plaintext.beancount_unit(unit)
    assert re.fullmatch(r"[A-Z][A-Z0-9'._-]*[A-Z0-9]", name)
    letters = name.removeprefix("X'").removesuffix("'0")
    assert re.sub("'([A-Z])", lambda letter: letter[1].lower(), letters) == unit
    assert (name == letters) == (name == unit)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("1100", "1100"),
        ("2100.ab12", "2100-ab12"),
        ("2100-ab12", "2100--Hab12"),
        ("2100_ab12", "2100--Uab12"),
        ("a.b", "X--Xa-b"),
        ("X--Xa-b", "X--H--HXa--Hb"),
        ("1..a", "1--D-a"),
        ("1.", "1--D"),
    ],
)
def test_an_account_keeps_its_code_in_beancount_as_far_as_its_names_allow(code: str, name: str) -> None:
    assert plaintext.beancount_account(code) == name


# --- the journal format ----------------------------------------------------------------------------------------------


@given(texts_of_one_line, texts_of_one_line)
def test_the_rows_of_a_transaction_hold_its_texts_as_they_are(key: str, description: str) -> None:
    one, other = Account("1100", "甲", "asset", "PT"), Account("3100", "乙", "equity", "PT")
    line, texts = transaction([leg(one, 3), leg(other, -3)], {"key": key, "description": description})
    rows = plaintext.JOURNAL_HEADER + plaintext.journal_rows(line, texts)
    assert list(csv.DictReader(rows.split("\n")[:-1], strict=True)) == [
        {"key": key, "date": "2026-11-21", "kind": "test.kind", "description": description}
        | {"account": account, "unit": "PT", "debit": debit, "credit": credit}
        for account, debit, credit in (("1100", "3", "0"), ("3100", "0", "3"))
    ]


def test_a_key_is_bare_for_imports_has_its_client_before_it_otherwise_and_is_the_id_once_erased() -> None:
    texts = {"key": "a/b", "description": ""}
    line, _ = transaction([], client="import")
    assert plaintext.journal_key(line, texts) == "a/b"
    assert plaintext.journal_key({**line, "client": "user:3"}, texts) == "user:3/a/b"
    assert plaintext.journal_key({**line, "client": "user:3"}, None) == f"id/{line['id']}"


def test_the_accounts_of_the_journal_format_stand_by_code_with_floor_and_name() -> None:
    accounts = [
        Account("2100.a", '甲, "乙"', "liability", "PT", 0),
        Account("1100", "", "asset", "PT"),
        Account("2100.A", "丙", "memo_credit", "HR", -7),
    ]
    assert "".join(plaintext.accounts_csv(accounts)) == (
        "code,name,class,unit,floor\n"
        "1100,1100,asset,PT,\n"
        "2100.A,丙,memo_credit,HR,-7\n"
        '2100.a,"甲, ""乙""",liability,PT,0\n'
    )


@pytest.mark.parametrize("mark", ["\n", "\r", "\x00", "\x85", "\u2028", "\ud800"], ids=ascii)
def test_a_forged_text_breaks_no_line_and_no_encoding(mark: str) -> None:
    one = Account("1100", f"甲{mark}乙", "asset", "PT")
    texts = {"key": f"k{mark}k", "description": f"d{mark}include x"}
    line, _ = transaction([leg(one, 3), leg(one, -3)])
    sample = Sample([one], [(line, texts)])
    scope = sample.scope()
    for text in (
        plaintext.journal_rows(line, texts),
        "".join(plaintext.accounts_csv([one])),
        sample.hledger(scope),
        sample.beancount(scope),
    ):
        assert mark.encode("utf-8", "surrogatepass") not in text.replace("\n", "").encode() or mark == "\n"
        assert not re.search("^(include|乙|k,)", text, re.M)


def test_what_a_package_covers_follows_from_the_sums_of_its_log() -> None:
    accounts = {each.code: each for each in (Account("1", "甲", "asset", "PT"), Account("2", "乙", "equity", "PT"))}
    months = {
        ("1", ""): (5, 1),
        ("2", ""): (0, 4),
        ("1", "2026-02"): (3, 0),
        ("2", "2026-02"): (0, 3),
        ("1", "~"): (9, 0),
        ("2", "~"): (0, 9),
    }
    sums = Sums("demo", accounts, months, "2026-02-01", "2026-02-28", "2025-12-01", "2026-04-01")
    limited = plaintext.scope_of(sums)
    assert (limited.first, limited.last) == ("2026-02-01", "2026-02-28")
    assert (limited.before, limited.after) == ({"1": 4, "2": -4}, {"1": 7, "2": -7})
    whole = plaintext.scope_of(replace(sums, from_="", to="", months={("1", "2026-02"): (3, 0)}))
    assert (whole.first, whole.last, whole.before, whole.after) == ("2025-12-01", "2026-04-01", {}, {"1": 3})


@dataclass(frozen=True)
class Sums:
    book: str
    accounts: dict[str, Account]
    months: dict[tuple[str, str], tuple[int, int]]
    from_: str
    to: str
    first_on: str
    last_on: str
