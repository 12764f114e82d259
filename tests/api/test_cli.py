"""The command line, by hand: what each command prints, and how it exits."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner

from api.cli import cli
from ledger.access import persons
from ledger.access.ciphers import Keys
from ledger.access.identities import Identity
from ledger.books import directory
from ledger.books.proposals import Line
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import volunteers
from ledger.recognition import targets
from ledger.recognition.targets import Wanted
from tests.api.processes import meide
from tests.books.ledgers import opened, post, proposal
from tests.conftest import OWNER, SERVICE, Server
from tests.earning import programmes

SIE = Path(__file__).parent.parent / "data" / "sie" / "typ4"
FILES = ("--accounts", str(SIE / "accounts.csv"), "--journal", str(SIE / "journal.csv"))


@pytest.fixture
def here(service_url: str) -> dict[str, str]:
    return {"MEIDE_DATABASE_URL": service_url}


@pytest.fixture
def code() -> str:
    return f"C{secrets.token_hex(4)}"


def test_a_newcomer_sets_a_book_up_imports_and_reads_it(here: dict[str, str], code: str) -> None:
    made = meide("book", "create", code, "瑞典示例", "--first-day", "2010-01-01", **here)
    assert (made.returncode, made.stdout) == (0, f"The book {code} (瑞典示例) begins on 2010-01-01.\n")
    again = meide("book", "create", code, "x", **here)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"The book {code} exists already.\n"

    unit = meide("unit", "create", f"U{code}", "--scale", "2", **here)
    assert (unit.returncode, unit.stdout) == (0, f"The unit U{code} is there, with 2 digits after the point.\n")
    meide(
        "unit", "create", "SEK", "--scale", "2", **here
    )  # an earlier test may have made it: units belong to all books

    report = meide("journal", "import", "--book", code, *FILES, "--json", **here)
    assert report.returncode == 0
    counts = json.loads(report.stdout)
    assert (counts["accounts_opened"], counts["posted"], counts["replayed"], counts["refused"]) == (67, 82, 0, [])
    second = meide("journal", "import", "--book", code, *FILES, **here)
    assert second.stdout == "Done: 0 accounts opened, 0 posted, 82 replayed, 0 refused\n"

    printed = meide("balances", "--book", code, **here).stdout.splitlines()
    assert printed[0] == "account,name,class,unit,debits,credits,balance"
    assert printed[1] == "1220,account 1220,asset,SEK,86410000,42745083,43664917"
    as_json = json.loads(meide("balances", "--book", code, "--json", **here).stdout)
    assert [",".join(str(value) for value in row.values()) for row in as_json] == printed[1:]
    assert meide("balances", "--book", code, "--at", "2010-12-31", **here).stdout == printed[0] + "\n"

    check = meide("check", "--book", code, **here)
    assert (check.returncode, check.stdout) == (0, "1 books checked, 0 findings: everything adds up\n")


def test_refusals_of_an_import_name_line_key_and_reason(here: dict[str, str], code: str, folders: Path) -> None:
    meide("book", "create", code, "x", **here)
    broken = folders / f"{code}.csv"
    broken.write_text("key,date,kind,description,account,unit,debit,credit\nk1,2026-01-02,t,,nobody,PT,1e5,0\n")
    files = ("--accounts", str(SIE / "accounts.csv"), "--journal", str(broken))
    told = meide("journal", "import", "--book", code, *files, **here)
    assert told.returncode == 0
    assert f"{broken.name} line 2, k1: invalid_request: The field debit cannot be used" in told.stderr
    assert meide("journal", "import", "--book", code, *files, "--strict", **here).returncode == 1
    dry = meide("journal", "import", "--book", code, *files, "--dry-run", "--json", **here)
    assert json.loads(dry.stdout)["refused"][0]["reason"] == "invalid_request"
    (folders / "empty.csv").write_text("")
    files = ("--accounts", str(SIE / "accounts.csv"), "--journal", str(folders / "empty.csv"))
    wrong = meide("journal", "import", "--book", code, *files, **here)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("empty.csv: ")


def test_a_user_gets_a_password_once_and_a_volunteer_her_accounts(here: dict[str, str], code: str) -> None:
    meide("book", "create", code, "x", **here)
    made = meide(
        "user", "create", f"v-{code}", "--book", code, "--role", "volunteer", "--volunteer", "37-1", "--json", **here
    )
    assert made.returncode == 0
    told = json.loads(made.stdout)
    assert len(told["password"]) >= 12
    assert [account.partition(".")[0] for account in told["accounts"]] == ["2100", "2110", "9200", "9210"]
    given = meide(
        "user", "create", f"o-{code}", "--book", code, "--role", "operator", "--password-stdin", stdin="long enough\n",
        **here,
    )  # fmt: skip
    assert given.stdout == f"o-{code} can sign in to {code} as operator.\n"
    for arguments, message in (
        ((f"o-{code}", "--role", "operator"), f"The login o-{code.lower()} is taken.\n"),
        (("x", "--role", "volunteer"), "The field volunteer cannot be used (missing). Please correct it"),
        (("x", "--role", "operator", "--volunteer", "1"), "The field volunteer cannot be used (not_for_this_role)"),
    ):
        refused = meide("user", "create", *arguments, "--book", code, **here)
        assert refused.returncode == 1
        assert refused.stderr.startswith(message)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("balances", "--book", "nowhere"), 1, "There is no book nowhere."),
        (("balances",), 2, "Missing option '--book'"),
        (("balances", "--book", "x", "--at", "yesterday"), 2, "yesterday"),
        (("journal", "import", "--book", "x", "--accounts", "missing.csv", "--journal", "x"), 2, "missing.csv"),
        (("dance",), 2, "dance"),
        (("unit", "create", "X", "--scale", "9"), 2, "9"),
        (("book", "create", "a b", "x"), 1, "The field code cannot be used"),
    ],
)
def test_misuse_exits_2_and_refusals_exit_1_in_a_sentence(
    here: dict[str, str], arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = meide(*arguments, **here)
    assert (done.returncode, words in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr


def test_errors_speak_chinese_where_the_terminal_does_and_json_to_machines(here: dict[str, str]) -> None:
    assert meide("balances", "--book", "nowhere", LANG="zh_CN.UTF-8", **here).stderr == "没有账本 nowhere。\n"
    told = json.loads(meide("check", "--book", "nowhere", "--json", **here).stderr)
    assert (told["code"], told["book"]) == ("unknown_book", "nowhere")


@pytest.mark.parametrize("command", ["", "serve", "migrate", "demo", "book create", "unit create", "user create",
                                     "journal import", "balances", "check", "rekey", "hours import", "hours opening",
                                     "hours totals", "stars", "targets", "import undo", "import list",
                                     "catalogue import"])  # fmt: skip
def test_every_command_has_help(command: str) -> None:
    done = CliRunner().invoke(cli, [*command.split(), "--help"])
    assert (done.exit_code, "Usage:" in done.output) == (0, True)


def test_migrate_needs_the_owner_and_is_done_once(server: Server) -> None:
    name = server.new_database()
    try:
        urls = {"MEIDE_DATABASE_URL": server.url(SERVICE, name), "MEIDE_OWNER_URL": server.url(OWNER, name)}
        behind = meide("check", MEIDE_DATABASE_URL=urls["MEIDE_DATABASE_URL"])
        assert (behind.returncode, "Run: meide migrate" in behind.stderr) == (1, True)
        missing = meide("migrate", MEIDE_DATABASE_URL=urls["MEIDE_DATABASE_URL"])
        assert (missing.returncode, "MEIDE_OWNER_URL" in missing.stderr) == (1, True)
        for wrong, words in (
            (
                {"MEIDE_OWNER_URL": server.url(SERVICE, name), "MEIDE_DATABASE_URL": server.url(OWNER, name)},
                "may not create",
            ),
            ({"MEIDE_DATABASE_URL": server.url("nobody_here", name)}, 'role "nobody_here" does not exist'),
            ({"MEIDE_DATABASE_URL": server.url(OWNER, name)}, "may not serve"),
        ):
            refused = meide("migrate", **(urls | wrong))
            assert (refused.returncode, words in refused.stderr, refused.stderr.count("\n")) == (1, True, 1)
        first = json.loads(meide("migrate", "--json", **urls).stdout)
        assert first["before"] is None
        assert json.loads(meide("migrate", "--json", **urls).stdout) == {
            "before": first["after"],
            "after": first["after"],
        }
        assert meide("check", **urls).returncode == 0
    finally:
        server.drop_database(name)


def test_a_database_without_citus_is_not_spread_over_nodes(server: Server) -> None:
    name = server.new_database()
    try:
        urls = {"MEIDE_DATABASE_URL": server.url(SERVICE, name), "MEIDE_OWNER_URL": server.url(OWNER, name)}
        refused = meide("migrate", "--distribute", **urls)
        assert (refused.returncode, "citus" in refused.stderr, refused.stderr.count("\n")) == (1, True, 1)
        assert meide("check", **urls).returncode == 0
    finally:
        server.drop_database(name)


def test_check_names_what_is_wrong_and_exits_1(server: Server, template: str) -> None:
    name = server.new_database(template)
    try:
        here = {"MEIDE_DATABASE_URL": server.url(SERVICE, name)}
        meide("book", "create", "broken", "x", **here)
        meide("unit", "create", "SEK", "--scale", "2", **here)
        meide("journal", "import", "--book", "broken", *FILES, **here)
        server.execute("UPDATE accounts SET debits = debits + 1 WHERE code = '1220'", database=name)
        found = meide("check", **here)
        assert found.returncode == 1
        assert "broken: balance_differs: account 1220, debits 86410001" in found.stdout
        told = json.loads(meide("check", "--json", **here).stdout)
        assert [each["check"] for each in told["findings"]] == ["balance_differs"]
    finally:
        server.drop_database(name)


def test_hours_expire_says_what_it_took_off_the_books(here: dict[str, str], code: str) -> None:
    asyncio.run(_lapsed(here["MEIDE_DATABASE_URL"], code))
    done = meide("hours", "expire", "--book", code, **here)
    assert (done.returncode, done.stdout) == (0, "0 holds had run out and were given back; 7 points have expired.\n")
    again = meide("hours", "expire", "--book", code, "--json", **here)
    assert json.loads(again.stdout) == {"book": code, "holds_given_back": 0, "points_expired": 0}
    assert meide("hours", "expire", "--book", "nowhere", **here).returncode == 1


async def _lapsed(url: str, code: str) -> None:
    """A book in which seven points of twelve lapsed yesterday."""
    database = connect.to(url)
    try:
        async with database.begin() as tx:
            book = await directory.create_book(tx, code, "测试")
        await opened(database, book, "5100", "2100.a")
        wanted = proposal("earned", debit="5100 12", credit="2100.a 5")
        lapsed = Line("2100.a", "credit", 7, lapses_on=day_of(datetime.now(UTC)) - timedelta(days=1))
        await post(database, book, wanted._replace(lines=(*wanted.lines, lapsed)))
    finally:
        await database.dispose()


def test_rekey_needs_its_keys(here: dict[str, str]) -> None:
    keys = {"MEIDE_IDENTITY_KEYS": secrets.token_urlsafe(32), "MEIDE_INDEX_KEY": secrets.token_urlsafe(32)}
    for name, wrong, why in (
        ("MEIDE_IDENTITY_KEYS", "", "it is required"),
        ("MEIDE_INDEX_KEY", " , ", "it is required"),
        ("MEIDE_INDEX_KEY", "short", "fewer than 32 characters"),
    ):
        refused = meide("rekey", **here, **{**keys, name: wrong})
        assert (refused.returncode, refused.stdout) == (1, "")
        assert name in refused.stderr
        assert why in refused.stderr


def test_rekey_says_what_it_did_and_who_is_left(server: Server, template: str) -> None:
    name = server.new_database(template)
    try:
        here = {"MEIDE_DATABASE_URL": server.url(SERVICE, name)}
        old, new, foreign = (secrets.token_urlsafe(32) for _ in range(3))
        keys = {"MEIDE_IDENTITY_KEYS": f"{new},{old}", "MEIDE_INDEX_KEY": f"{new}, {old}"}
        asyncio.run(_two_with_one_number(here["MEIDE_DATABASE_URL"], old, new))
        foreign_keys = {"MEIDE_IDENTITY_KEYS": foreign, "MEIDE_INDEX_KEY": foreign}
        refused = meide("rekey", **here, **foreign_keys)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "MEIDE_IDENTITY_KEYS" in refused.stderr
        first = meide("rekey", **here, **keys)
        assert (first.returncode, first.stdout) == (
            1,
            "Put under the first keys: 1 of 2 persons, 0 of 0 cards\n",
        )
        assert first.stderr.startswith("rekeyed, volunteer V-1: another volunteer has the same identity number.")
        told = json.loads(meide("rekey", "--json", **here, **keys).stdout)
        counts = {"persons": 2, "persons_changed": 0, "cards": 0, "cards_changed": 0}
        assert told == {**counts, "taken": [{"book": "rekeyed", "volunteer": "V-1"}]}
    finally:
        server.drop_database(name)


async def _two_with_one_number(url: str, old: str, new: str) -> None:
    """Two volunteers of a book, whose identities were recorded under index keys that did not know each other."""
    database = connect.to(url)
    async with database.begin() as tx:
        book = (await directory.create_book(tx, "rekeyed", "x")).book_id
        for number, index in (("V-1", old), ("V-2", new)):
            volunteer = await volunteers.register(tx, book, number)
            await persons.record(
                *(tx, Keys.of([old], [index]), book, number, volunteer.holder),
                *(Identity("王秀英", None, "11010519491231002X"), "user:1", await connect.now(tx)),
            )
    await database.dispose()


def test_organisations_are_added_and_suspended(here: dict[str, str], code: str) -> None:
    meide("book", "create", code, "试验区", **here)
    top = meide("organisation", "add", "district", "区", "--book", code, "--level", "district", **here)
    assert (top.returncode, top.stdout) == (0, "district (区), district, is active.\n")
    below = meide("organisation", "add", "team", "队", "--book", code, "--parent", "district", "--json", **here)
    assert json.loads(below.stdout) == {
        "code": "team", "name": "队", "parent": "district", "line": ["team", "district"],
        "level": "team", "status": "active",
    }  # fmt: skip
    suspended = meide("organisation", "status", "district", "suspended", "--book", code, **here)
    assert suspended.stdout == "district (区), district, is suspended.\n"
    refused = meide("organisation", "add", "other", "队", "--book", code, "--parent", "team", **here)
    assert refused.returncode == 1
    assert "suspended or has left" in refused.stderr


HOURS = Path(__file__).parent.parent / "data" / "hours"


def test_hours_come_in_and_go_out_on_the_command_line(here: dict[str, str], code: str, folders: Path) -> None:
    meide("book", "create", code, "x", **here)
    some = folders / f"{code}.csv"
    some.write_bytes(b"".join((HOURS / "service-hours-2026.csv").read_bytes().splitlines(keepends=True)[:800]))
    organisations = ("--organisations", str(HOURS / "organisations.csv"))
    sheet = ("--sheet", str(some), "--as-of", "2026-11-21", "--reviewed")
    refused = folders / f"{code}-refused.csv"

    first = meide("hours", "import", "--book", code, *organisations, *sheet, "--refused", str(refused), **here)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[:2] == [
        "Done: 85 organisations accepted, 0 already there, 0 refused",
        "Done: 797 records accepted, 0 already there, 2 refused",
    ]
    [words] = first.stdout.splitlines()[2:]
    import_id = words.split()[1].rstrip(";")
    header, *lines = refused.read_text(encoding="utf-8").splitlines()
    assert header == "line,record,reason,message"
    assert [line.rsplit(",", 1)[0] for line in lines] == [
        "508,R004961,end_not_after_start",
        "762,R004976,in_the_future",
    ]
    assert "签退时间须晚于签到时间" in lines[0]
    assert "The sign-out must be later" in lines[0]

    again = meide("hours", "import", "--book", code, *sheet, "--json", "--strict", **here)
    told = json.loads(again.stdout)
    assert (again.returncode, told["records"], told["import_id"]) == (
        *(1, {"accepted": 0, "already_there": 797, "refused": 2}),
        None,
    )
    assert [(each["line"], each["reason"]) for each in told["refused"]] == [
        (508, "end_not_after_start"),
        (762, "in_the_future"),
    ]
    shown = meide("hours", "import", "--book", code, *sheet, **here)
    assert shown.stderr.splitlines()[0].startswith("line 508, R004961: end_not_after_start: ")

    [listed] = json.loads(meide("import", "list", "--book", code, "--json", **here).stdout)
    assert (listed["import_id"], listed["name"], listed["records"]) == (import_id, some.name, 797)
    totals = meide("hours", "totals", "--book", code, **here).stdout.splitlines()
    assert totals[0] == "volunteer,credit_minutes,honour_minutes"
    undone = meide("import", "undo", import_id, "--book", code, **here)
    assert (undone.returncode, undone.stdout) == (0, "Done: 797 records undone, 0 left\n")
    zero = json.loads(meide("hours", "totals", "--book", code, "--format", "json", **here).stdout)
    assert {(each["credit_minutes"], each["honour_minutes"]) for each in zero} == {(0, 0)}
    assert len(zero) == len(totals) - 1

    opening = ("--organisation", "370000", "--file", str(HOURS / "opening-minutes-2025-12-31.csv"))
    carried = meide("hours", "opening", "--book", code, *opening, "--date", "2025-12-31", **here)
    assert carried.returncode == 0
    assert carried.stdout.endswith(" already there, 0 refused\n")
    assert meide("check", "--book", code, **here).stdout == "1 books checked, 0 findings: everything adds up\n"


def test_a_sheet_that_is_none_and_an_import_that_is_not_there_are_told(
    here: dict[str, str], code: str, folders: Path
) -> None:
    meide("book", "create", code, "x", **here)
    other = folders / f"{code}.csv"
    other.write_text("记录编号,别的\n1,2\n", encoding="utf-8")
    for arguments, status, words in (
        (
            ("hours", "import", "--book", code, "--sheet", str(other)),
            1,
            "these columns are missing, or there twice: 志愿者编号",
        ),
        (("hours", "import", "--book", code), 2, "Name --organisations, or --sheet, or both."),
        (("import", "undo", str(uuid4()), "--book", code), 1, "There is no import"),
        (("import", "undo", "x", "--book", code), 2, "x"),
    ):
        done = meide(*arguments, **here)
        assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (status, True, False), done.stderr


def test_the_stars_of_a_day_are_printed_by_the_ladder_of_that_day_or_of_another_as_known_now_or_then(
    here: dict[str, str], code: str, folders: Path
) -> None:
    meide("book", "create", code, "x", **here)
    nobody = meide("stars", "--book", code, "--as-of", "2026-01-31", **here)
    assert (nobody.stdout, nobody.stderr) == ("as_of,volunteer,credit_minutes,star\n", "")
    assert meide("stars", "--book", code, "--as-of", "2026-01-31", "--json", **here).stdout == "[]\n"

    meide("hours", "import", "--book", code, "--organisations", str(HOURS / "organisations.csv"), **here)
    few = folders / f"{code}.csv"
    few.write_text("volunteer,credit_minutes\nV-2,18000\nV-1,5999\nV-3,6000\n", encoding="utf-8")
    opening = ("--organisation", "370000", "--file", str(few), "--date", "2025-12-31")
    meide("hours", "opening", "--book", code, *opening, **here)
    asked = ("stars", "--book", code, "--as-of", "2026-01-31")
    told = ["as_of,volunteer,credit_minutes,star", *(f"2026-01-31,V-{line}" for line in ("1,5999,0", "2,18000,2",
            "3,6000,1"))]  # fmt: skip
    assert meide(*asked, **here).stdout.splitlines() == told
    assert meide(*asked, "--rules-on", "2025-01-01", "--format", "csv", **here).stdout.splitlines() == told
    assert meide(*asked, "--ladder", "0", **here).stdout.splitlines() == told
    as_json = json.loads(meide(*asked, "--format", "json", **here).stdout)
    assert as_json[1] == {"as_of": "2026-01-31", "volunteer": "V-2", "credit_minutes": 18_000, "star": 2}
    before = meide("stars", "--book", code, "--as-of", "2025-12-30", **here).stdout.splitlines()
    assert before[1:] == [f"2025-12-30,V-{number},0,0" for number in (1, 2, 3)]
    assert meide(*asked, "--known-at", "2026-02-01", **here).stdout.splitlines() == told[:1], "nobody was known then"

    both = meide(*asked, "--ladder", "0", "--rules-on", "2026-01-01", **here)
    assert (both.returncode, both.stdout) == (2, "")
    for wrong in (("--ladder", "7"), ("--known-at", "2999-01-01"), ("--known-at", "then")):
        refused = meide(*asked, *wrong, **here)
        assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (1, "", 1)
    assert meide("stars", "--book", code, "--as-of", "2999-01-01", **here).returncode == 1


def test_the_targets_of_a_year_are_printed_with_how_far_everybody_is(here: dict[str, str], code: str) -> None:
    meide("book", "create", code, "x", **here)
    asked = ("targets", "--book", code, "--year", "2026")
    header = "year,target,volunteer,organisation,amount,needed,reached"
    assert meide(*asked, **here).stdout == f"{header}\n"

    asyncio.run(_served(here["MEIDE_DATABASE_URL"], code))
    assert meide(*asked, **here).stdout.splitlines() == [
        header,
        *(f"2026,group,,{group},180,120,True" for group in ("D", "D1", "D1T")),
        "2026,person,V-0000,,120,120,True",
        "2026,person,V-0001,,60,120,False",
    ]
    as_json = json.loads(meide(*asked, "--format", "json", **here).stdout)
    assert (len(as_json), as_json[3]["volunteer"], as_json[3]["reached"]) == (5, "V-0000", True)
    assert meide("targets", "--book", code, "--year", "1", **here).returncode == 2


async def _served(url: str, code: str) -> None:
    """Two volunteers with two hours and with one, and a target of people and one of groups."""
    database = connect.to(url)
    try:
        async with database.connect() as tx:
            book = await directory.find_book(tx, code)
        programme = await programmes.opened(database, book, people=2)
        served = [
            programme.service(day, "08:00", "09:00", holder=programme.volunteers[number].holder)
            for number, day in ((0, "2026-03-02"), (0, "2026-03-03"), (1, "2026-03-02"))
        ]
        await programme.review(*await programme.taken(*served))
        async with programme.database.begin() as tx:
            for whom in targets.WHOM:
                wanted = Wanted(whom, "两小时", "year_hours", whom, 120, 2026)
                await targets.set_(tx, book.book_id, wanted, by="user:1", now=await connect.now(tx))
    finally:
        await database.dispose()
