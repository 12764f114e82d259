"""The journal format: three real books to their published balances, and a fault that costs its own transaction only."""

from __future__ import annotations

import csv
import itertools
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from api import calls, journal_files, problems
from api.calls import NewTransaction
from api.journal_files import JOURNAL_COLUMNS, NotThisFormat, Report, import_journal
from ledger.books import balances, batching, journal, statements
from ledger.books.chart import DEBIT_NORMAL
from ledger.books.directory import Book
from ledger.books.evaluate import Outcome
from ledger.books.proposals import Proposal
from ledger.database.events import events
from ledger.errors import DatabaseUnreachable, KeyNotConsecutive

SIE = Path(__file__).parent.parent / "data" / "sie"
BOOKS = sorted(path.name for path in SIE.iterdir() if path.is_dir())

ACCOUNTS = "code,name,class,unit,floor\n5100,奖励,expense,PT,\n2100.a,甲,liability,PT,0\n2300.x,店,liability,PT,\n"
HEADER = "key,date,kind,description,account,unit,debit,credit\n"


def pair(key: str, amount: str = "5", debit: str = "5100", credit: str = "2100.a", **changed: str) -> str:
    """Two lines of one transaction."""
    fields = {"date": "2026-01-02", "kind": "test", "description": "", "unit": "PT"} | changed
    head = f"{key},{fields['date']},{fields['kind']},{fields['description']}"
    return f"{head},{debit},{fields['unit']},{amount},0\n{head},{credit},{fields['unit']},0,{amount}\n"


async def imported(
    database: AsyncEngine,
    book: Book,
    folder: Path,
    text: str | bytes,
    accounts: str = ACCOUNTS,
    *,
    dry: bool = False,
) -> Report:
    """Imports a journal given as text, with the accounts of these tests."""
    content = text.encode() if isinstance(text, str) else text
    (folder / "accounts.csv").write_text(accounts, encoding="utf-8")
    (folder / "journal.csv").write_bytes(content)
    return await import_journal(database, book.book_id, folder / "accounts.csv", folder / "journal.csv", dry_run=dry)


def reasons(report: Report) -> list[tuple[int, str, str]]:
    return [(each.line, each.key, problems.code(each.refusal)) for each in report.refused]


async def closing(database: AsyncEngine, book: Book) -> dict[str, int]:
    """Every account's balance, debit positive."""
    async with database.connect() as tx:
        return {
            each.account: each.balance if each.account_class in DEBIT_NORMAL else -each.balance
            for each in await balances.trial_balance(tx, book.book_id)
        }


@pytest.mark.books
@pytest.mark.parametrize("name", BOOKS)
async def test_a_real_book_comes_to_its_published_balances_and_again_changes_nothing(
    database: AsyncEngine, book: Book, swedish: None, name: str
) -> None:
    files = SIE / name / "accounts.csv", SIE / name / "journal.csv"
    with files[1].open(encoding="utf-8") as lines:
        transactions = len({line["key"] for line in csv.DictReader(lines)})
    with (SIE / name / "expected.csv").open(encoding="utf-8") as lines:
        expected = {line["account"]: int(line["closing"]) for line in csv.DictReader(lines)}

    first = await import_journal(database, book.book_id, *files)
    assert (first.posted, first.replayed, first.refused) == (transactions, 0, [])
    after_first = await closing(database, book)
    assert {account: after_first.get(account, 0) for account in expected} == expected
    assert sum(after_first.values()) == 0

    second = await import_journal(database, book.book_id, *files)
    assert (second.accounts_opened, second.posted, second.replayed, second.refused) == (0, 0, transactions, [])
    assert await closing(database, book) == after_first


@pytest.mark.books
async def test_a_copy_with_one_line_altered_loses_only_that_transaction_by_name(
    database: AsyncEngine, book: Book, swedish: None, folders: Path
) -> None:
    lines = (SIE / "typ4" / "journal.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    at = len(lines) // 2
    fields = lines[at].rstrip("\n").split(",")
    side = 6 if fields[6] != "0" else 7
    fields[side] = str(int(fields[side]) + 1)
    lines[at] = ",".join(fields) + "\n"
    altered = folders / "altered.csv"
    altered.write_text("".join(lines), encoding="utf-8")
    keys = {line.split(",")[0] for line in lines[1:]}

    report = await import_journal(database, book.book_id, SIE / "typ4" / "accounts.csv", altered)
    assert report.posted == len(keys) - 1
    assert [(key, code) for _, key, code in reasons(report)] == [(fields[0], "unbalanced")]

    whole = await import_journal(database, book.book_id, SIE / "typ4" / "accounts.csv", SIE / "typ4" / "journal.csv")
    assert (whole.posted, whole.replayed, whole.refused) == (1, len(keys) - 1, [])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (pair("bad", "1e5"), "invalid_request"),
        (pair("bad", '"1,000"'), "invalid_request"),
        (pair("bad", "1,000"), "invalid_request"),
        (pair("bad", "１０"), "invalid_request"),
        (pair("bad", "5.0"), "invalid_request"),
        (pair("bad", " 5"), "invalid_request"),
        (pair("bad", "+5"), "invalid_request"),
        (pair("bad", "-5"), "invalid_request"),
        (pair("bad", ""), "invalid_request"),
        (pair("bad", "0"), "invalid_request"),
        (pair("bad", "1000000000000001"), "invalid_request"),
        (pair("bad", "9" * 40), "invalid_request"),
        (pair("bad", description='5" nail'), "invalid_request"),
        (pair("bad", description='"never closed'), "invalid_request"),
        (pair("bad", description="a\x00b"), "invalid_request"),
        (pair("bad", description="a\rb"), "invalid_request"),
        (pair("bad", description="x" * 140_000), "invalid_request"),
        (pair("bad", description="x" * 501), "invalid_request"),
        (pair("bad", date="2026-13-01"), "invalid_request"),
        (pair("bad", date="2026-1-2"), "invalid_request"),
        (pair("bad", date="2026-01-02T00:00:00Z"), "invalid_request"),
        (pair("bad", date="9999-12-30"), "effective_day_out_of_range"),
        (pair("bad", date="1989-12-31"), "effective_day_out_of_range"),
        (pair("bad", unit="HR"), "unit_mismatch"),
        (pair("bad", unit="XYZ"), "unknown_unit"),
        (pair("bad", credit="2100.nobody"), "unknown_account"),
        (pair("bad", debit="2100.a", credit="2300.x", amount="999"), "insufficient_balance"),
        (pair("bad").splitlines(keepends=True)[0], "invalid_request"),
        (pair("bad").replace("5100,PT,5,0", "5100,PT,5,5"), "invalid_request"),
        (pair("bad").replace("bad,2026-01-02,test", "bad,2026-01-03,test", 1), "invalid_request"),
        (pair("bad") + pair("bad", amount="6"), None),
    ],
)
async def test_a_wrong_transaction_is_lost_alone_and_named(
    database: AsyncEngine, book: Book, folders: Path, wrong: str, code: str | None
) -> None:
    report = await imported(database, book, folders, HEADER + pair("one") + wrong + pair("two"))
    if code is None:  # four lines of one key are one transaction
        assert (report.posted, report.refused) == (3, [])
    else:
        assert [(key, why) for _, key, why in reasons(report)] == [("bad", code)]
        assert report.posted == 2


async def test_broken_utf8_damages_its_own_line_only(database: AsyncEngine, book: Book, folders: Path) -> None:
    wrong = pair("bad", description="x").encode().replace(b",x,", b",\xff,")
    report = await imported(database, book, folders, HEADER.encode() + pair("one").encode() + wrong)
    assert reasons(report) == [(4, "bad", "invalid_request")]
    assert report.posted == 1


async def test_a_byte_order_mark_windows_line_ends_and_blank_lines_are_no_fault(
    database: AsyncEngine, book: Book, folders: Path
) -> None:
    text = ("\ufeff" + HEADER + pair("one") + "\n" + pair("two", description='"a ""quoted"", word"')).replace(
        "\n", "\r\n"
    )
    report = await imported(database, book, folders, text)
    assert (report.posted, report.refused) == (2, [])
    again = await imported(
        database, book, folders, HEADER + pair("one") + pair("two", description='"a ""quoted"", word"')
    )
    assert (again.posted, again.replayed) == (0, 2)
    async with database.connect() as tx:
        lines = await statements.entries_of(tx, book.book_id, "2100.a", limit=1)
    assert lines[0].description == 'a "quoted", word'


async def test_a_key_whose_lines_are_not_consecutive_is_refused_whole_and_once(
    database: AsyncEngine, book: Book, folders: Path
) -> None:
    first, second = pair("torn").splitlines(keepends=True)
    report = await imported(database, book, folders, HEADER + first + pair("one") + second + pair("two") + pair("torn"))
    assert reasons(report) == [(2, "torn", "key_not_consecutive")]
    assert report.posted == 2


@pytest.mark.parametrize(
    ("header", "problem", "columns"),
    [
        (HEADER.replace("unit,", ""), "missing_columns", "unit"),
        (HEADER.replace("\n", ",colour\n"), "unknown_columns", "colour"),
        ("", "missing_columns", "key, date, kind, description, account, unit, debit, credit"),
    ],
)
async def test_a_file_of_other_columns_is_refused_before_anything_is_stored(
    database: AsyncEngine, book: Book, folders: Path, header: str, problem: str, columns: str
) -> None:
    with pytest.raises(NotThisFormat) as refused:
        await imported(database, book, folders, header + pair("one"))
    assert (refused.value.problem, refused.value.columns) == (problem, columns)
    async with database.connect() as tx:
        assert await balances.balances(tx, book.book_id, ["5100"]) == []


async def test_columns_may_stand_in_any_order(database: AsyncEngine, book: Book, folders: Path) -> None:
    text = HEADER + pair("one")
    turned = "\n".join(",".join(reversed(line.split(","))) for line in text.splitlines()) + "\n"
    assert (await imported(database, book, folders, turned)).posted == 1


async def test_wrong_accounts_are_refused_alone_and_named(database: AsyncEngine, book: Book, folders: Path) -> None:
    accounts = (
        ACCOUNTS + "x,x,expense,SEX,\n2100.b,b,liability,PT,7\n y,y,expense,PT,\nz,z,money,PT,\nw,w,expense,PT,1.5\n"
    )
    report = await imported(database, book, folders, HEADER + pair("one"), accounts)
    assert reasons(report) == [
        (9, "w", "invalid_request"),
        (5, "x", "unknown_unit"),
        (6, "2100.b", "not_the_chart"),
        (7, " y", "invalid_request"),
        (8, "z", "invalid_request"),
    ]
    assert (report.accounts_opened, report.posted) == (3, 1)


async def test_a_dry_run_tells_what_would_happen_and_stores_nothing(
    database: AsyncEngine, book: Book, folders: Path
) -> None:
    text = (
        HEADER
        + pair("one")
        + pair("spend", debit="2100.a", credit="2300.x")
        + pair("too-much", "9", "2100.a", "2300.x")
    )
    dry = await imported(database, book, folders, text, dry=True)
    assert (dry.accounts_opened, dry.posted) == (3, 2)
    assert reasons(dry) == [(6, "too-much", "insufficient_balance")]
    async with database.connect() as tx:
        assert await balances.balances(tx, book.book_id, ["5100", "2100.a"]) == []
        assert (await tx.execute(select(events.c.kind).where(events.c.book_id == book.book_id))).all() == []
    real = await imported(database, book, folders, text)
    assert (real.posted, reasons(real)) == (dry.posted, reasons(dry))


async def test_what_an_account_cannot_bear_yet_is_tried_again_when_all_else_is_posted(
    database: AsyncEngine, book: Book, folders: Path
) -> None:
    accounts = ACCOUNTS + "2100.b,乙,liability,PT,0\n"
    text = (
        HEADER
        + pair("third", "4", "2100.b", "2300.x")
        + pair("too-much", "9", "2100.a", "2300.x")
        + pair("second", "4", "2100.a", "2100.b")
        + pair("first")
    )
    for dry in (True, False):
        report = await imported(database, book, folders, text, accounts, dry=dry)
        assert (report.posted, reasons(report)) == (3, [(4, "too-much", "insufficient_balance")])
    again = await imported(database, book, folders, text, accounts)
    assert (again.posted, again.replayed, reasons(again)) == (0, 3, [(4, "too-much", "insufficient_balance")])
    assert await closing(database, book) == {"2100.a": -1, "2100.b": 0, "2300.x": -4, "5100": 5}


async def test_refusals_of_an_import_are_reported_and_not_stored(
    database: AsyncEngine, book: Book, folders: Path
) -> None:
    spend = pair("spend", "5", "2100.a", "2300.x")
    assert reasons(await imported(database, book, folders, HEADER + spend)) == [(2, "spend", "insufficient_balance")]
    report = await imported(database, book, folders, HEADER + pair("earn") + spend)
    assert (report.posted, report.refused) == (2, [])


async def test_an_exported_key_goes_back_to_its_client(database: AsyncEngine, book: Book, folders: Path) -> None:
    report = await imported(database, book, folders, HEADER + pair("user:7/abc") + pair("import/abc") + pair("x/y"))
    assert (report.posted, report.refused) == (3, [])
    async with database.connect() as tx:
        lines = await statements.entries_of(tx, book.book_id, "2100.a", limit=3)
        posted = [await journal.read(tx, book.book_id, line.transaction_id) for line in lines]
    assert sorted((each.client, each.key) for each in posted) == [
        ("import", "import/abc"),
        ("import", "x/y"),
        ("user:7", "abc"),
    ]


async def test_a_file_larger_than_a_batch_is_posted_whole(database: AsyncEngine, book: Book, folders: Path) -> None:
    count = journal_files.BATCH + 1  # of two lines each
    done: list[int] = []
    (folders / "accounts.csv").write_text(ACCOUNTS, encoding="utf-8")
    (folders / "big.csv").write_text(HEADER + "".join(pair(f"k{n}") for n in range(count)), encoding="utf-8")
    report = await import_journal(
        database, book.book_id, folders / "accounts.csv", folders / "big.csv", progress=done.append
    )
    assert report.posted == count
    assert done == [journal_files.BATCH, 2 * journal_files.BATCH, 2 * count]


async def test_damaged_lines_of_a_quoted_key_take_their_transaction_with_them(
    database: AsyncEngine, book: Book, folders: Path
) -> None:
    whole = pair('"a,b"').splitlines(keepends=True) * 2
    torn = [line.replace(",test,", ',te"st,') for line in whole[2:]]
    report = await imported(database, book, folders, HEADER + "".join(whole[:2] + torn))
    assert (report.posted, reasons(report)) == (0, [(4, "a,b", "invalid_request")])


async def test_an_unknown_unit_names_the_command_that_creates_it(
    database: AsyncEngine, book: Book, folders: Path
) -> None:
    report = await imported(database, book, folders, HEADER + pair("bad", unit="XYZ"))
    assert "meide unit create XYZ --scale" in problems.sentence(report.refused[0].refusal, "en")
    assert "meide unit create XYZ --scale" in problems.sentence(report.refused[0].refusal, "zh")


async def test_a_districts_accounts_are_opened_in_one_import(database: AsyncEngine, book: Book, folders: Path) -> None:
    count = 66_000  # more than the 65,535 parameters that a statement may have
    accounts = ACCOUNTS + "".join(f"2100.{n},n,liability,PT,\n" for n in range(count))
    report = await imported(database, book, folders, HEADER + pair("one"), accounts)
    assert (report.accounts_opened, report.posted, report.refused) == (count + 3, 1, [])


async def test_a_later_line_sees_an_earlier_one_however_it_is_cut_into_batches(
    database: AsyncEngine, book: Book, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallets = [f"2100.{n}" for n in range(6)]
    accounts = ACCOUNTS + "".join(f"{wallet},{wallet},liability,PT,\n" for wallet in wallets)
    chance = random.Random(4)
    text = HEADER
    for n in range(150):
        payer, payee = chance.sample([*wallets, "5100"], 2)
        text += pair(f"k{n}", str(chance.randint(1, 9)), payer, payee)
    dry = await imported(database, book, folders, text, accounts, dry=True)  # decided one after another
    assert 0 < len(dry.refused) < 150
    monkeypatch.setattr(journal_files, "BATCH", 10)
    monkeypatch.setattr(journal_files, "_STEP", 3)
    done: list[int] = []
    report = await import_journal(
        database, book.book_id, folders / "accounts.csv", folders / "journal.csv", progress=done.append
    )
    assert len(done) > 2 * 150 // 10  # it did post what was not in the way of what was under way
    assert (report.posted, reasons(report)) == (dry.posted, reasons(dry))


async def test_an_import_that_breaks_off_is_completed_by_the_next(
    database: AsyncEngine, book: Book, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_files, "BATCH", 6)
    submit, asked = batching.submit, itertools.count()

    async def breaks(database: AsyncEngine, book: int, proposals: Sequence[Proposal]) -> list[Outcome]:
        if next(asked) == 2:
            raise DatabaseUnreachable("here", "gone")
        return await submit(database, book, proposals)

    accounts = ACCOUNTS + "".join(f"p{n},p,asset,PT,\nq{n},q,asset,PT,\n" for n in range(15))
    text = HEADER + "".join(pair(f"k{n}", "1", f"p{n}", f"q{n}") for n in range(15))
    with monkeypatch.context() as patch:
        patch.setattr(batching, "submit", breaks)
        with pytest.raises(DatabaseUnreachable):
            await imported(database, book, folders, text, accounts)
    report = await imported(database, book, folders, text, accounts)
    assert (report.posted + report.replayed, report.refused) == (15, [])
    assert 3 <= report.posted <= 9  # what was under way beside the one that broke may have been posted or not


# --- reading: without a database -------------------------------------------------------------------------------------

any_file = settings(derandomize=True, deadline=None, database=None, max_examples=300)

PLAIN_RECORD = re.compile(r'(?:[^",]*|"(?:[^"]|"")*")(?:,(?:[^",]*|"(?:[^"]|"")*"))*')
PLAIN_FIRST = re.compile(r'"(?:[^"]|"")*"|[^",]*')


def plainly_read(content: bytes) -> list[tuple[int, str, list[str] | None]]:
    """What the format is, line by line and without any haste."""
    found: list[tuple[int, str, list[str] | None]] = []
    lines = content.split(b"\n")
    for number, line in enumerate(lines[1 : len(lines) if lines[-1] else -1], start=2):
        if not line.strip():
            continue
        fields = None
        try:
            text = line.decode("utf-8").removesuffix("\r")
            if PLAIN_RECORD.fullmatch(text):
                fields = next(csv.reader([text], strict=True), None)
        except (UnicodeDecodeError, csv.Error):
            pass
        if fields is not None and len(fields) == len(JOURNAL_COLUMNS):
            found.append((number, fields[0], fields))
        else:
            first = PLAIN_FIRST.match(line.decode("utf-8", "replace").strip())
            assert first is not None
            found.append((number, first[0].strip('"').replace('""', '"'), None))
    return found


nasty_pieces = st.sampled_from(
    [
        *(b"a", b"k1", b'"', b'""', b'"a,b"', b'"a""b"', b",", b",,,,,,,", b" ", b"\t", b"\r", b"\r\r", b"\0", b"\x0b"),
        *(b"\xff", b"\xed\xb2\x80", "\ufffd".encode(), "\ufeff".encode(), "\u3000".encode(), "１２".encode()),
        *(
            "²".encode(),
            "义工".encode(),
            "义".encode()[:2],
            b"\x1c",
            b"\xe2\x80\xa8",
            b"0",
            b"-5",
            b"9" * 40,
            b"'",
            b"\\",
        ),
    ]
)
nasty_fields = st.lists(nasty_pieces, max_size=3).map(b"".join)
nasty_lines = st.one_of(
    st.lists(nasty_pieces, max_size=12).map(b"".join),
    st.lists(nasty_fields, min_size=8, max_size=8).map(b",".join),
    st.lists(nasty_fields.map(lambda field: b'"' + field.replace(b'"', b'""') + b'"'), min_size=8, max_size=8).map(
        b",".join
    ),
)


@any_file
@given(
    lines=st.lists(st.tuples(nasty_lines, st.sampled_from([b"\n", b"\r\n", b"\r\r\n"])), max_size=8),
    last=nasty_lines,
    block=st.sampled_from([1, 7, 1 << 16]),
)
@example(lines=[], last=b'a,b,c,d,e,f,g,"' + b"x" * 131_073 + b'"', block=1)
@example(lines=[(b"a,b,c,d,e,f,g," + b"x" * 131_072, b"\n")], last=b"a,b,c,d,e,f,g," + b"x" * 131_073, block=1 << 16)
@example(lines=[(b"a,b,c,d,e,f,g,h", b"\r\n")], last=b"a,b,c,d,e,f,g,h\r", block=15)
def test_the_quick_way_reads_the_same_as_the_plain_way(
    folders: Path, lines: list[tuple[bytes, bytes]], last: bytes, block: int
) -> None:
    content = HEADER.encode() + b"".join(line + end for line, end in lines) + last
    file = folders / "nasty.csv"
    file.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_files, "_BLOCK", block)
        records = journal_files._records(file, JOURNAL_COLUMNS)
        read = [(number, key, fields and list(fields)) for number, key, fields in records]
    assert read == plainly_read(content)


@any_file
@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20), amount=st.integers(1, 10**15)
)
def test_an_imported_transaction_is_the_same_call_as_over_http(folders: Path, text: str, amount: int) -> None:
    file = folders / "one.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(JOURNAL_COLUMNS)
        writer.writerow(["k", "2026-01-02", "test", text, "5100", "PT", f"0{amount}", "0"])
        writer.writerow(["k", "2026-01-02", "test", text, "2100.a", "PT", "000", amount])
    [group] = journal_files._groups(file, frozenset({"PT"}), {})
    body = {
        "description": text,
        "lines": [
            {"account": "5100", "side": "debit", "amount": amount},
            {"amount": amount, "side": "credit", "account": "2100.a"},
        ],
        "effective_at": "2026-01-02",
        "kind": "test",
    }
    assert isinstance(group.proposal, Proposal)
    assert group.proposal.call == calls.of_posting(msgspec.json.decode(json.dumps(body), type=NewTransaction))


def test_the_identity_of_a_posting_stays_what_earlier_versions_have_stored() -> None:
    posting = msgspec.json.decode(
        '{"kind":"test","effective_at":"2026-01-02","description":"\\"义\\"","lines":'
        '[{"account":"5100","side":"debit","amount":5},{"account":"2100.a","side":"credit","amount":5}]}',
        type=NewTransaction,
    )
    assert calls.of_posting(posting) == (
        '{"method":"POST","path":"/transactions","body":{"kind":"test","effective_at":"2026-01-02","lines":'
        '[{"account":"5100","side":"debit","amount":5},{"account":"2100.a","side":"credit","amount":5}],'
        '"description":"\\"义\\""}}'
    )


def scattered_in(file: Path) -> dict[str, int]:
    """The keys that the import refuses as not consecutive, with the line where each comes again."""
    scattered = journal_files._scattered_keys(file)
    told = [
        group.proposal
        for group in journal_files._groups(file, frozenset({"PT"}), scattered)
        if isinstance(group.proposal, KeyNotConsecutive)
    ]
    assert sorted((each.key, each.line) for each in told) == sorted(scattered.items())
    return scattered


@any_file
@given(keys=st.lists(st.sampled_from(["a", "b", "c", "dd", '"d""d"', "", " a"]), max_size=12), looks=st.booleans())
def test_keys_come_again_where_they_do_and_not_where_they_only_look_alike(
    folders: Path, keys: list[str], looks: bool
) -> None:
    file = folders / "keys.csv"
    file.write_text(HEADER + "".join(f"{key},2026-01-02,test,,5100,PT,1,0\n" for key in keys), encoding="utf-8")
    read = [key.strip('"').replace('""', '"') for key in keys]
    expected: dict[str, int] = {}
    for at, key in enumerate(read):
        if key in read[:at] and read[at - 1] != key:
            expected.setdefault(key, at + 2)
    with pytest.MonkeyPatch.context() as patch:
        if looks:
            patch.setattr(journal_files, "hash", len, raising=False)
        assert scattered_in(file) == expected


def test_one_scattered_key_among_many_is_found(folders: Path) -> None:
    count = 100_000
    file = folders / "many.csv"
    torn = pair("k1000").splitlines(keepends=True)
    file.write_text(HEADER + "".join(pair(f"k{n}") for n in range(count)) + torn[0] + "\n" + torn[1], encoding="utf-8")
    assert scattered_in(file) == {"k1000": 2 * count + 2}
