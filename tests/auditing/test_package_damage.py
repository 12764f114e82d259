"""Whatever is done to a package is named, with its place, whether the manifest is left as it was or made to fit.

Only who holds the signing key can sign another log, and that one differs from what was published.
"""

from __future__ import annotations

import base64
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.auditing.verifier import parts, projections
from ledger.auditing.verifier.damage import CODES, MOST, Finding
from ledger.auditing.verifier.package import Report, verify
from tests.auditing import packages
from tests.auditing.packages import KEY, OTHER_KEY, Leaf, canonical, refit, signed, vkey

SMALL = 64
"""Leaves of a segment here: five segments, the last of them not full."""
LINES = 300
EARLIER = (50, 128, 200)


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "LEAVES", SMALL)
        yield


@pytest.fixture(scope="module")
def whole(small: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with nothing wrong."""
    leaves = list(packages.book(LINES - 47, volunteers=20))
    return packages.write(tmp_path_factory.mktemp("package") / "demo", leaves, checkpoints=EARLIER)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "demo"))


def check(folder: Path, **given: Any) -> Report:
    return verify(str(folder), processes=1, **given)


def found(report: Report, code: str, file: str = "") -> list[Finding]:
    return [each for each in report.findings.told if each.code == code and (not file or each.file == file)]


def codes(report: Report) -> set[str]:
    return {each.code for each in report.findings.told}


def rewrite(path: Path, change: Callable[[list[bytes]], object]) -> None:
    """Changes a file's lines in place."""
    lines = path.read_bytes().split(b"\n")[:-1]
    change(lines)
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def altered(lines: list[bytes], at: int, old: str, new: str) -> None:
    assert old.encode() in lines[at], lines[at].decode()
    lines[at] = lines[at].replace(old.encode(), new.encode(), 1)


AT = 40
"""The line that is damaged, from 0; it is a transaction of the second segment."""
SEGMENT = 1
LEAF = SEGMENT * SMALL + AT
LOG, OPENINGS, DETAILS = parts.log_path(SEGMENT), parts.openings_path(SEGMENT), parts.details_path(SEGMENT)

Change = Callable[[list[bytes]], object]


def _delete(lines: list[bytes]) -> None:
    del lines[AT]


def _swap(lines: list[bytes]) -> None:
    lines[AT], lines[AT + 1] = lines[AT + 1], lines[AT]


def _duplicate(lines: list[bytes]) -> None:
    lines.insert(AT + 1, lines[AT])


def _plausible(lines: list[bytes]) -> None:
    """A transaction that looks like one, with numbers that go on."""
    line = json.loads(lines[AT])
    year, number = line["voucher"].split("-")
    for entry in line["entries"]:
        entry["number"] = str(int(entry["number"]) + 1)
    lines.insert(
        AT + 1, canonical({**line, "id": line["id"][:-2] + "00", "voucher": f"{year}-{int(number) + 1}"}).encode()
    )


def _other_amount(lines: list[bytes]) -> None:
    line = json.loads(lines[AT])
    entry = line["entries"][0]
    side = "debit" if "debit" in entry else "credit"
    entry[side] = str(int(entry[side]) + 1)
    lines[AT] = canonical(line).encode()


def _other_kind(lines: list[bytes]) -> None:
    lines[AT] = canonical({**json.loads(lines[AT]), "kind": "gift"}).encode()


def _other_texts(lines: list[bytes]) -> None:
    opening = json.loads(lines[AT])
    lines[AT] = canonical({**opening, "texts": {**opening["texts"], "description": "别的"}}).encode()


def _other_salt(lines: list[bytes]) -> None:
    lines[AT] = canonical({**json.loads(lines[AT]), "salt": "00" * 16}).encode()


def _emptied(lines: list[bytes]) -> None:
    lines[AT] = canonical({"index": str(LEAF)}).encode()


def _another_opening(lines: list[bytes]) -> None:
    lines.insert(
        AT, canonical({"index": str(LEAF), "salt": "00" * 16, "texts": {"description": "", "key": ""}}).encode()
    )


OF_LINES: list[tuple[str, str, Change, list[dict[str, Any]]]] = [
    (
        "amount changed",
        LOG,
        _other_amount,
        [
            {"code": "checkpoint_root"},
            {"code": "unbalanced", "file": LOG, "line": AT + 1, "leaf": LEAF},
            {"code": "balance_wrong", "file": LOG, "line": AT + 1, "leaf": LEAF},
            {"code": "log_altered", "found": "50 … 127"},
            {"code": "cell_differs", "file": DETAILS, "leaf": LEAF, "column": "Functional_Amount"},
        ],
    ),
    (
        "kind changed",
        LOG,
        _other_kind,
        [
            {"code": "checkpoint_root"},
            {"code": "log_altered", "found": "50 … 127"},
            {"code": "cell_differs", "file": DETAILS, "leaf": LEAF, "column": "JE_Type_Code", "expected": "gift"},
        ],
    ),
    (
        "line deleted",
        LOG,
        _delete,
        [
            {"code": "checkpoint_size", "expected": str(LINES)},
            {"code": "line_count", "file": LOG, "found": str(SMALL - 1)},
            {"code": "voucher_gap", "file": LOG, "line": AT + 1},
            {"code": "opening_superfluous", "file": OPENINGS, "line": AT + 1},
        ],
    ),
    (
        "line inserted",
        LOG,
        _plausible,
        [
            {"code": "checkpoint_size"},
            {"code": "line_count", "file": LOG, "found": str(SMALL + 1)},
            {"code": "voucher_gap", "file": LOG, "line": AT + 3},
            {"code": "number_twice"},
            {"code": "opening_missing", "file": OPENINGS, "leaf": LEAF + 1},
        ],
    ),
    (
        "lines swapped",
        LOG,
        _swap,
        [
            {"code": "checkpoint_root"},
            {"code": "log_altered", "found": "50 … 127"},
            {"code": "voucher_gap", "file": LOG, "line": AT + 1},
            {"code": "opening_wrong", "file": OPENINGS, "line": AT + 1},
            {"code": "opening_wrong", "file": OPENINGS, "line": AT + 2},
        ],
    ),
    (
        "line duplicated",
        LOG,
        _duplicate,
        [
            {"code": "checkpoint_size"},
            {"code": "id_twice", "file": LOG, "line": AT + 2, "leaf": LEAF + 1},
            {"code": "voucher_gap", "file": LOG, "line": AT + 2},
            {"code": "number_twice"},
        ],
    ),
    (
        "opening changed",
        OPENINGS,
        _other_texts,
        [
            {"code": "opening_wrong", "file": OPENINGS, "line": AT + 1, "leaf": LEAF},
            {"code": "cell_differs", "file": DETAILS, "leaf": LEAF, "column": "JE_Header_Description"},
        ],
    ),
    (
        "salt changed",
        OPENINGS,
        _other_salt,
        [{"code": "opening_wrong", "file": OPENINGS, "line": AT + 1, "leaf": LEAF}],
    ),
    ("opening deleted", OPENINGS, _delete, [{"code": "opening_missing", "file": OPENINGS, "leaf": LEAF}]),
    (
        "opening emptied",
        OPENINGS,
        _emptied,
        [{"code": "opening_gone", "file": OPENINGS, "line": AT + 1, "leaf": LEAF}],
    ),
    (
        "opening inserted",
        OPENINGS,
        _another_opening,
        [{"code": "opening_superfluous", "file": OPENINGS, "line": AT + 1}],
    ),
    (
        "openings swapped",
        OPENINGS,
        _swap,
        [
            {"code": "opening_wrong", "file": OPENINGS, "line": AT + 1, "leaf": LEAF},
            {"code": "opening_wrong", "file": OPENINGS, "line": AT + 2, "leaf": LEAF + 1},
        ],
    ),
    (
        "opening duplicated",
        OPENINGS,
        _duplicate,
        [{"code": "opening_superfluous", "file": OPENINGS, "line": AT + 2}],
    ),
]


def is_named(report: Report, wanted: dict[str, Any]) -> bool:
    return any(all(getattr(each, name) == value for name, value in wanted.items()) for each in report.findings.told)


def assert_named(report: Report, wanted: list[dict[str, Any]]) -> None:
    assert not report.is_well
    missing = [each for each in wanted if not is_named(report, each)]
    assert not missing, [each.facts() for each in report.findings.told]


def assert_stale(report: Report, file: str) -> None:
    """The manifest says that this file is another one now, and no other."""
    of_files = [each for each in report.findings.told if each.code.startswith("file_")]
    assert {each.file for each in of_files} == {file}


@pytest.mark.parametrize("fits", [False, True], ids=["stale", "fitting"])
@pytest.mark.parametrize(("what", "file", "change", "wanted"), OF_LINES, ids=[case[0] for case in OF_LINES])
def test_a_damaged_line_or_opening_is_named(
    folder: Path, what: str, file: str, change: Change, wanted: list[dict[str, Any]], fits: bool
) -> None:
    rewrite(folder / file, change)
    if fits:
        refit(folder)
    report = check(folder)
    assert_named(report, wanted)
    if fits:
        assert not [each for each in report.findings.told if each.code.startswith("file_")]
    else:
        assert_stale(report, file)


@pytest.mark.parametrize(
    ("change", "code", "column"),
    [
        (lambda line: b"no JSON", "line_not_json", ""),
        (lambda line: b"[1]", "line_not_json", ""),
        (lambda line: line.replace(b'"v":"1"', b'"v":"\xff"'), "line_not_json", ""),
        (lambda line: line.replace(b'{"actor"', b'{ "actor"'), "line_not_canonical", ""),
        (lambda line: line[:-1] + b',"v":"1"}', "line_not_canonical", ""),
        (lambda line: line.replace(b'"kind":"', b'"kind":"\\u0061'), "line_not_canonical", ""),
        (lambda line: line[:-1] + b',"zz":"1"}', "line_malformed", "zz"),
        (lambda line: line.replace(b'"v":"1"', b'"v":"2"'), "line_malformed", "v"),
        (lambda line: line.replace(b'"type":"transaction"', b'"type":"other"'), "line_malformed", "type"),
        (lambda line: line.replace(b'"number":"', b'"number":"0'), "line_malformed", "number"),
        (lambda line: line.replace(b'"book":"demo"', b'"book":"other"'), "line_book", ""),
    ],
)
@pytest.mark.parametrize("fits", [False, True], ids=["stale", "fitting"])
def test_a_line_that_is_no_line_of_this_log_is_named(
    folder: Path, change: Callable[[bytes], bytes], code: str, column: str, fits: bool
) -> None:
    def damage(lines: list[bytes]) -> None:
        assert change(lines[AT]) != lines[AT]
        lines[AT] = change(lines[AT])

    rewrite(folder / LOG, damage)
    if fits:
        refit(folder)
    wanted = {"code": code, "file": LOG, "line": AT + 1, "leaf": LEAF, "column": column}
    assert_named(check(folder), [wanted, {"code": "checkpoint_root"}])


TABLES = [DETAILS, *projections.TABLES, "journal/accounts.csv", parts.JOURNAL, parts.HLEDGER, parts.BEANCOUNT]


def _cell(lines: list[bytes]) -> None:
    at = len(lines) - 1
    lines[at] = lines[at][:-1] + (b"8" if lines[at][-1:] != b"8" else b"9")


def _last_deleted(lines: list[bytes]) -> None:
    del lines[-1]


def _first_deleted(lines: list[bytes]) -> None:
    del lines[1]


def _inserted(lines: list[bytes]) -> None:
    lines.append(b"x" + b"," * lines[0].count(b","))


def _rows_swapped(lines: list[bytes]) -> None:
    lines[-1], lines[-2] = lines[-2], lines[-1]


def _row_twice(lines: list[bytes]) -> None:
    lines.append(lines[-1])


OF_ROWS: list[tuple[str, Change, set[str]]] = [
    ("cell changed", _cell, {"cell_differs", "text_differs"}),
    ("row deleted", _first_deleted, {"row_missing"}),
    ("last row deleted", _last_deleted, {"row_missing"}),
    ("row inserted", _inserted, {"row_superfluous"}),
    ("rows swapped", _rows_swapped, {"row_superfluous", "row_missing", "cell_differs", "text_differs"}),
    ("row duplicated", _row_twice, {"row_superfluous"}),
]


@pytest.mark.parametrize("fits", [False, True], ids=["stale", "fitting"])
@pytest.mark.parametrize(("what", "change", "wanted"), OF_ROWS, ids=[case[0] for case in OF_ROWS])
@pytest.mark.parametrize("file", TABLES)
def test_a_damaged_row_is_named(
    folder: Path, file: str, what: str, change: Change, wanted: set[str], fits: bool
) -> None:
    before = (folder / file).read_bytes()
    if before.count(b"\n") < 3 and change is _rows_swapped:
        pytest.skip("it has one row")
    rewrite(folder / file, change)
    if (folder / file).read_bytes() == before:
        pytest.skip("its last lines are equal")
    if fits:
        refit(folder)
    report = check(folder)
    named = [each for each in report.findings.told if each.code in wanted and each.file == file]
    assert named, [each.facts() for each in report.findings.told]
    assert all(each.line for each in named)
    if fits:
        assert {each.file for each in report.findings.told} == {file}
    else:
        assert_stale(report, file)


@pytest.mark.parametrize("column", projections.GL_COLUMNS)
def test_each_cell_of_the_entries_is_named_with_its_column_and_its_entry(folder: Path, column: str) -> None:
    at = projections.GL_COLUMNS.index(column)
    rows = (folder / DETAILS).read_text(encoding="utf-8").split("\n")
    cells = rows[9].split(",")
    assert len(cells) == len(projections.GL_COLUMNS) or '"' in rows[9]
    cells[at] = "9" if cells[at] != "9" else "8"
    rows[9] = ",".join(cells)
    (folder / DETAILS).write_text("\n".join(rows), encoding="utf-8", newline="")
    refit(folder)
    (only,) = check(folder).findings.told
    assert (only.code, only.file, only.line, only.column) == ("cell_differs", DETAILS, 10, column)
    assert only.found in ("8", "9")
    assert only.expected != only.found
    assert only.item
    assert only.account


def _note(size: int, *, key: Any = KEY, root: bytes = bytes(32)) -> bytes:
    note = signed(size, root, key)
    return canonical({"note": note, "root": base64.b64encode(root).decode(), "size": str(size)}).encode()


OF_CHECKPOINTS: list[tuple[str, Change, list[dict[str, Any]]]] = [
    ("size changed", lambda lines: altered(lines, 1, '"128"', '"129"'), [{"code": "earlier_contradicts", "line": 2}]),
    (
        "note changed",
        lambda lines: altered(lines, 1, "demo\\n128\\n", "demo\\n129\\n"),
        [{"code": "earlier_unsigned", "line": 2}, {"code": "earlier_no_prefix", "line": 2}],
    ),
    ("signed otherwise", lambda lines: lines.__setitem__(1, _note(128, key=OTHER_KEY)), [
        {"code": "earlier_unsigned", "line": 2},
        {"code": "earlier_no_prefix", "line": 2, "found": "128"},
    ]),
    ("signed by the key for another log", lambda lines: lines.__setitem__(1, _note(128)), [
        {"code": "earlier_no_prefix", "line": 2, "found": "128"},
    ]),
    ("unreadable", lambda lines: lines.__setitem__(1, b"{}"), [{"code": "earlier_unreadable", "line": 2}]),
    ("last deleted", lambda lines: lines.pop(), [{"code": "earlier_last", "line": 3}]),
    ("inserted", lambda lines: lines.insert(1, _note(100, key=OTHER_KEY)), [
        {"code": "earlier_unsigned", "line": 2},
        {"code": "earlier_no_prefix", "line": 2, "found": "100"},
    ]),
    ("inserted beyond the log", lambda lines: lines.append(_note(10**6)), [
        {"code": "earlier_no_prefix", "line": 5},
        {"code": "earlier_last", "line": 5},
    ]),
    ("swapped", lambda lines: lines.insert(0, lines.pop(1)), [{"code": "earlier_order", "line": 2}]),
    ("duplicated", lambda lines: lines.insert(1, lines[0]), [{"code": "earlier_order", "line": 2}]),
]  # fmt: skip


@pytest.mark.parametrize("fits", [False, True], ids=["stale", "fitting"])
@pytest.mark.parametrize(("what", "change", "wanted"), OF_CHECKPOINTS, ids=[case[0] for case in OF_CHECKPOINTS])
def test_a_damaged_earlier_checkpoint_is_named(
    folder: Path, what: str, change: Change, wanted: list[dict[str, Any]], fits: bool
) -> None:
    rewrite(folder / "checkpoints.jsonl", change)
    if fits:
        refit(folder)
    report = check(folder)
    assert_named(report, [{"file": "checkpoints.jsonl", **each} for each in wanted])
    if not fits:
        assert_stale(report, "checkpoints.jsonl")


@pytest.mark.parametrize("fits", [False, True], ids=["stale", "fitting"])
def test_an_earlier_checkpoint_that_was_left_out_is_missed_by_whoever_has_it(folder: Path, fits: bool) -> None:
    published = json.loads((folder / "checkpoints.jsonl").read_text(encoding="utf-8").split("\n")[1])["note"]
    rewrite(folder / "checkpoints.jsonl", lambda lines: lines.pop(1))
    if fits:
        refit(folder)
    report = check(folder, key=vkey(), checkpoint=published)
    assert_named(report, [{"code": "published_missing", "file": "checkpoints.jsonl", "found": "128"}])
    assert fits or found(check(folder), "file_size", "checkpoints.jsonl")


OF_THE_CHECKPOINT: list[tuple[str, Callable[[str], str], list[dict[str, Any]]]] = [
    ("size", lambda note: note.replace("\n300\n", "\n299\n"), [
        {"code": "checkpoint_unsigned"}, {"code": "checkpoint_size", "found": "300", "expected": "299"},
    ]),
    ("root", lambda note: note.replace(note.split("\n")[2], base64.b64encode(bytes(32)).decode()), [
        {"code": "checkpoint_unsigned"}, {"code": "checkpoint_root"},
    ]),
    ("origin", lambda note: note.replace("ledger.example", "another.example"), [
        {"code": "checkpoint_unsigned"}, {"code": "checkpoint_origin"}, {"code": "earlier_origin"},
    ]),
    ("signed by another", lambda note: signed(300, base64.b64decode(note.split("\n")[2]), OTHER_KEY), [
        {"code": "checkpoint_unsigned"},
    ]),
    ("an older one", lambda _: signed(200, bytes(32)), [{"code": "checkpoint_size", "expected": "200"}]),
    ("no note", lambda _: "300\n", [{"code": "checkpoint_unreadable"}]),
]  # fmt: skip


@pytest.mark.parametrize("fits", [False, True], ids=["stale", "fitting"])
@pytest.mark.parametrize(("what", "change", "wanted"), OF_THE_CHECKPOINT, ids=[case[0] for case in OF_THE_CHECKPOINT])
def test_a_damaged_checkpoint_is_named(
    folder: Path, what: str, change: Callable[[str], str], wanted: list[dict[str, Any]], fits: bool
) -> None:
    path = folder / "checkpoint.txt"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8", newline="")
    if fits:
        refit(folder)
    report = check(folder)
    assert_named(report, wanted)
    assert fits or found(report, "file_size", "checkpoint.txt") or found(report, "file_digest", "checkpoint.txt")


def _files(whole: Path) -> list[str]:
    return sorted(each.relative_to(whole).as_posix() for each in whole.rglob("*") if each.is_file())


NOT_DERIVED = {"README.txt", "datapackage.json"}


def test_any_byte_of_any_file_is_missed(whole: Path, tmp_path: Path) -> None:
    chance = random.Random(1)
    for number, file in enumerate(_files(whole)):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        data = bytearray((folder / file).read_bytes())
        at = chance.randrange(len(data))
        data[at] ^= 1
        (folder / file).write_bytes(data)
        report = check(folder)
        named = {each.file for each in report.findings.told if each.code not in ("verifier_differs",)}
        assert not report.is_well, (file, at)
        if file == "manifest.json":
            continue
        assert file in named, (file, at)
        refit(folder)
        report = check(folder)
        assert not report.is_well or file in NOT_DERIVED or file.startswith("verify/"), (file, at)
        assert not file.startswith("verify/") or found(report, "verifier_differs", file)


def test_any_file_that_is_gone_is_named(whole: Path, tmp_path: Path) -> None:
    for number, file in enumerate(_files(whole)):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        (folder / file).unlink()
        code = "download_incomplete" if file == "manifest.json" else "file_missing"
        assert_named(check(folder), [{"code": code, "file": file}])
        if file == "manifest.json" or file.startswith("verify/"):
            continue
        refit(folder)
        assert_named(check(folder), [{"code": "file_missing", "file": file}])


@pytest.mark.parametrize("fits", [False, True], ids=["stale", "fitting"])
@pytest.mark.parametrize(
    "file", ["csv/Extra.csv", "notes.txt", "log/entries-000099.jsonl", "csv/GL_Details-000099.csv"]
)
def test_a_file_too_many_is_named(folder: Path, file: str, fits: bool) -> None:
    (folder / file).write_bytes(b"x\n")
    if fits:
        refit(folder)
    report = check(folder)
    assert not report.is_well
    assert file in {each.file for each in report.findings.told}


@pytest.mark.parametrize("fits", [False, True], ids=["stale", "fitting"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (parts.log_path(0), parts.log_path(1)),
        (parts.openings_path(1), parts.openings_path(2)),
        (parts.details_path(1), parts.details_path(2)),
        (projections.UNITS, projections.USERS),
    ],
)
def test_files_that_changed_places_are_named(folder: Path, one: str, other: str, fits: bool) -> None:
    data = (folder / one).read_bytes()
    (folder / one).write_bytes((folder / other).read_bytes())
    (folder / other).write_bytes(data)
    if fits:
        refit(folder)
    report = check(folder)
    assert not report.is_well
    named = {each.file for each in report.findings.told}
    assert {one, other} <= named if not one.startswith("log/entries") else one in named or other in named
    if one.startswith("log/entries"):
        assert found(report, "checkpoint_root")


@pytest.mark.parametrize("fits", [False, True], ids=["stale", "fitting"])
def test_a_segment_that_comes_twice_is_named(folder: Path, fits: bool) -> None:
    for make in (parts.log_path, parts.openings_path, parts.details_path):
        shutil.copy(folder / make(1), folder / make(5))
    if fits:
        refit(folder)
    report = check(folder)
    assert_named(report, [{"code": "checkpoint_size"}, {"code": "id_twice", "file": parts.log_path(5)}])
    assert fits or found(report, "file_extra", parts.log_path(5))


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (lambda manifest: manifest.update(transactions=7), "transactions"),
        (lambda manifest: manifest.update(size=301), "size"),
        (lambda manifest: manifest.update(root="x"), "root"),
        (lambda manifest: manifest.update(origin="x/demo"), "origin"),
        (lambda manifest: manifest.update(vkey=vkey(OTHER_KEY)), "vkey"),
        (lambda manifest: manifest["totals"][0].update(debits=1), "totals"),
        (lambda manifest: manifest.update(events=None), "events"),
    ],
)
def test_a_manifest_that_says_something_else_is_named(
    folder: Path, change: Callable[[dict[str, Any]], object], column: str
) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert_named(check(folder), [{"code": "manifest_contradicts", "file": "manifest.json", "column": column}])


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format":"meide-package/2"}', '{"format":"meide-package/1","files":[1]}']
)
def test_a_manifest_that_is_none_is_named(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    assert_named(check(folder), [{"code": "manifest_unreadable", "file": "manifest.json"}])


def test_days_that_the_manifest_shifts_no_longer_fit_the_tables(folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**manifest, "from": "2026-01-03"}), encoding="utf-8")
    assert_named(check(folder), [{"code": "row_superfluous", "file": parts.details_path(0)}])


# --- logs that were wrong when they were signed


def _post(leaves: list[Leaf], at: int = -2) -> Leaf:
    """A transaction near the end, whose account nothing follows."""
    return [leaf for leaf in leaves if leaf.line["type"] == "transaction"][at]


def _with(leaves: list[Leaf], leaf: Leaf, **members: Any) -> None:
    at = leaves.index(leaf)
    leaves[at] = replace(leaf, line={**leaf.line, **members})


def _with_entry(leaves: list[Leaf], leaf: Leaf, **members: str) -> None:
    first, *others = leaf.line["entries"]
    _with(leaves, leaf, entries=[{**first, **members}, *others])


def _reversal(leaves: list[Leaf]) -> Leaf:
    return next(leaf for leaf in leaves if leaf.line.get("correction") == "reversal")


def _unbalance(leaves: list[Leaf]) -> None:
    leaf = _post(leaves)
    side = "debit" if "debit" in leaf.line["entries"][0] else "credit"
    _with_entry(leaves, leaf, **{side: str(int(leaf.line["entries"][0][side]) + 5)})


def _zero(leaves: list[Leaf]) -> None:
    leaf = _post(leaves)
    entries = [{**entry, ("debit" if "debit" in entry else "credit"): "0"} for entry in leaf.line["entries"]]
    _with(leaves, leaf, entries=entries)


def _reversed_again(leaves: list[Leaf]) -> None:
    leaf = _post(leaves)
    _with(leaves, leaf, correction="reversal", corrects=_reversal(leaves).line["corrects"])


def _opened_again(leaves: list[Leaf]) -> None:
    leaves.append(replace(leaves[0], line={**leaves[0].line, "id": _another(leaves[0])}))


def _another(leaf: Leaf) -> str:
    return "0" * 8 + str(leaf.line["id"])[8:]


def _of_something_else(leaves: list[Leaf]) -> None:
    _with(leaves, _reversal(leaves), corrects=_post(leaves, 0).line["id"])


def _reverses_a_reversal(leaves: list[Leaf]) -> None:
    _with(leaves, _post(leaves), correction="reversal", corrects=_reversal(leaves).line["id"])


def _corrects_nothing(leaves: list[Leaf]) -> None:
    _with(leaves, _post(leaves), correction="refund", corrects=_another(_post(leaves)))


SIGNED_WRONG: list[tuple[str, Callable[[list[Leaf]], object], str]] = [
    ("unbalanced", _unbalance, "unbalanced"),
    ("nothing moved", _zero, "amount_not_positive"),
    ("another balance", lambda ls: _with_entry(ls, _post(ls), balance="123456"), "balance_wrong"),
    ("a number left out", lambda ls: _with_entry(ls, _post(ls), number="99999"), "number_gap"),
    ("a number again", lambda ls: _with_entry(ls, _post(ls), number="1"), "number_twice"),
    ("a voucher left out", lambda ls: _with(ls, _post(ls), voucher="2026-99999"), "voucher_gap"),
    ("a voucher of another year", lambda ls: _with(ls, _post(ls), voucher="2025-1"), "day_wrong"),
    ("another day", lambda ls: _with(ls, _post(ls), effective_on="2025-06-01"), "day_wrong"),
    ("no such day", lambda ls: _with(ls, _post(ls), effective_at="2026-02-30T00:00:00.000000Z"), "day_wrong"),
    ("an account never opened", lambda ls: _with_entry(ls, _post(ls), account="1000"), "account_unknown"),
    ("another unit", lambda ls: _with_entry(ls, _post(ls), unit="HOURS"), "account_unit"),
    ("another book", lambda ls: _with(ls, _post(ls), book="other"), "line_book"),
    ("an id again", lambda ls: _with(ls, _post(ls), id=_post(ls, 0).line["id"]), "id_twice"),
    ("an account opened again", _opened_again, "account_twice"),
    ("a correction of nothing", _corrects_nothing, "corrects_unknown"),
    ("a reversal of something else", _of_something_else, "reversal_no_mirror"),
    ("reversed twice", _reversed_again, "reversed_twice"),
    ("a reversal reversed", _reverses_a_reversal, "reversal_reversed"),
    ("an opening that does not fit", lambda ls: _with(ls, _post(ls), commitment="00" * 32), "opening_wrong"),
]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("what", "change", "code"), SIGNED_WRONG, ids=[case[0] for case in SIGNED_WRONG])
def test_what_was_wrong_when_it_was_signed_is_named_all_the_same(
    tmp_path: Path, what: str, change: Callable[[list[Leaf]], object], code: str
) -> None:
    leaves = list(packages.book(150, volunteers=4, erased=False))
    change(leaves)
    report = check(packages.write(tmp_path / "demo", leaves))
    assert_named(report, [{"code": code}])
    (one, *_) = found(report, code)
    assert one.leaf >= 0 or one.account or one.item
    assert not codes(report) & {"checkpoint_root", "checkpoint_unsigned", "file_digest"}


def test_a_balance_below_the_floor_is_told_and_is_no_damage(small: None, tmp_path: Path) -> None:
    ledger = packages.Ledger()
    leaves = [ledger.open("5100", "expense", "PT", "a"), ledger.open("2100.a", "liability", "PT", "b", "", "0")]
    leaves.append(ledger.post("debt", [("2100.a", "debit", 5), ("5100", "credit", 5)], "x"))
    report = check(packages.write(tmp_path / "demo", leaves))
    (told,) = report.findings.told
    assert (told.code, told.account, told.found) == ("below_floor", "2100.a", "-5")
    assert report.is_well


def test_an_opening_that_is_gone_without_an_erasure_is_told(small: None, tmp_path: Path) -> None:
    leaves = list(packages.book(150, volunteers=4, erased=False))
    at = leaves.index(_post(leaves))
    leaves[at] = replace(leaves[at], salt=None)
    report = check(packages.write(tmp_path / "demo", leaves))
    (told,) = report.findings.told
    assert (told.code, told.leaf, told.item) == ("opening_gone", at, leaves[at].line["id"])
    assert report.is_well


# --- compared with what was published


def test_a_package_with_nothing_wrong_is_right(whole: Path) -> None:
    report = check(whole)
    assert report.findings.told == []
    assert report.is_well
    assert (report.size, report.key, report.checkpoint) == (LINES, False, False)


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.usefixtures("small")
def test_the_smallest_packages_are_right(tmp_path: Path, size: int) -> None:
    leaves = list(packages.book(5))[:size]
    assert check(packages.write(tmp_path / "demo", leaves)).findings.told == []


def test_a_package_limited_to_days_is_right(small: None, tmp_path: Path) -> None:
    leaves = list(packages.book(400, volunteers=5))
    days = sorted({leaf.line["effective_on"] for leaf in leaves if leaf.line["type"] == "transaction"})
    folder = packages.write(tmp_path / "demo", leaves, from_=days[1], to=days[-2])
    assert check(folder).findings.told == []


def test_a_published_key_and_any_published_checkpoint_agree_with_it(whole: Path) -> None:
    for line in (whole / "checkpoints.jsonl").read_text(encoding="utf-8").splitlines():
        report = check(whole, key=vkey(), checkpoint=json.loads(line)["note"])
        assert report.findings.told == []
        assert (report.key, report.checkpoint) == (True, True)


def test_a_log_rewritten_and_signed_with_another_key_is_right_in_itself_only(
    small: None, tmp_path: Path, whole: Path
) -> None:
    leaves = list(packages.book(LINES - 47, volunteers=20, seed=9))
    forged = packages.write(tmp_path / "demo", leaves, key=OTHER_KEY, checkpoints=EARLIER)
    assert check(forged).is_well
    assert_named(check(forged, key=vkey()), [{"code": "key_differs"}, {"code": "checkpoint_unsigned"}])
    published = json.loads((whole / "checkpoints.jsonl").read_text(encoding="utf-8").split("\n")[1])["note"]
    wanted = [{"code": "published_differs", "found": "128"}, {"code": "published_unsigned"}]
    assert_named(check(forged, checkpoint=published), wanted)


def test_a_log_rewritten_by_who_holds_the_key_differs_from_what_was_published(
    small: None, tmp_path: Path, whole: Path
) -> None:
    leaves = list(packages.book(LINES - 47, volunteers=20, seed=9))
    forged = packages.write(tmp_path / "demo", leaves, checkpoints=EARLIER)
    published = json.loads((whole / "checkpoints.jsonl").read_text(encoding="utf-8").split("\n")[1])["note"]
    assert check(forged, key=vkey()).is_well
    assert_named(check(forged, key=vkey(), checkpoint=published), [{"code": "published_differs", "found": "128"}])


def test_what_cannot_be_compared_is_not_called_right(whole: Path) -> None:
    newer = signed(LINES + 1, bytes(32))
    assert_named(check(whole, checkpoint=newer), [{"code": "published_newer", "found": str(LINES + 1)}])
    assert_named(check(whole, checkpoint="x"), [{"code": "published_unreadable"}])
    assert_named(check(whole, key="x"), [{"code": "key_unreadable"}])
    assert_named(check(whole, checkpoint=packages.signed(5, bytes(32)).replace("demo", "other")), [
        {"code": "published_origin"},
    ])  # fmt: skip


def test_checkpoints_signed_before_the_key_was_changed_count(small: None, tmp_path: Path) -> None:
    folder = packages.write(tmp_path / "demo", list(packages.book(100)), checkpoints=(20,))
    rewrite(folder / "checkpoints.jsonl", lambda lines: lines.__setitem__(0, _again(lines[0])))
    (folder / "vkey.txt").write_text(f"{vkey()}\n{vkey(OTHER_KEY)}\n", encoding="utf-8", newline="")
    refit(folder)
    assert check(folder).findings.told == []
    assert check(folder, key=vkey()).findings.told == []
    assert_named(check(folder, key=vkey(OTHER_KEY)), [{"code": "key_differs"}, {"code": "checkpoint_unsigned"}])


def _again(line: bytes) -> bytes:
    said = json.loads(line)
    return _note(int(said["size"]), key=OTHER_KEY, root=base64.b64decode(said["root"]))


# --- ZIPs, processes, many findings


def _zipped(folder: Path, to: Path, *, top: str = "", kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(to, "w", kind) as file:
        for each in sorted(folder.rglob("*")):
            if each.is_file():
                file.write(each, top + each.relative_to(folder).as_posix())
    return to


@pytest.mark.parametrize("top", ["", "audit-demo/"])
def test_a_zip_is_checked_like_a_folder(folder: Path, tmp_path: Path, top: str) -> None:
    assert check(_zipped(folder, tmp_path / "whole.zip", top=top)).findings.told == []
    rewrite(folder / LOG, _other_amount)
    report = check(_zipped(folder, tmp_path / "damaged.zip", top=top))
    assert_named(report, [{"code": "unbalanced", "leaf": LEAF}, {"code": "file_digest", "file": LOG}])


def test_a_download_that_broke_off_is_named(folder: Path, tmp_path: Path) -> None:
    path = _zipped(folder, tmp_path / "demo.zip")
    for part in (0.0, 0.3, 0.9):
        (tmp_path / "cut.zip").write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
        assert codes(check(tmp_path / "cut.zip")) == {"download_incomplete"}


def test_a_zip_whose_bytes_were_damaged_is_named(folder: Path, tmp_path: Path) -> None:
    path = _zipped(folder, tmp_path / "demo.zip", kind=zipfile.ZIP_STORED)
    data = path.read_bytes()
    for file in (LOG, OPENINGS, DETAILS, "checkpoints.jsonl", projections.UNITS, parts.HLEDGER, "README.txt"):
        content = (folder / file).read_bytes()
        at = data.index(content) + len(content) // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert_named(check(path), [{"code": "file_unreadable", "file": file}])


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_several_processes_find_what_one_finds(folder: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool) -> None:
    if damaged:
        rewrite(folder / LOG, _duplicate)
        rewrite(folder / parts.openings_path(3), _delete)
        rewrite(folder / parts.HLEDGER, _cell)
    alone = check(folder)
    monkeypatch.setattr("ledger.auditing.verifier.package._FEW", 0)
    done: list[tuple[int, int]] = []
    together = verify(str(folder), processes=2, progress=lambda at, of: done.append((at, of)))
    assert together.findings.told == alone.findings.told
    assert (together.root, together.fold) == (alone.root, alone.fold)
    assert together.is_well is not damaged
    assert done == sorted(done)
    assert done[-1][0] == done[-1][1]


def test_of_many_damages_some_are_told_and_all_are_counted(folder: Path) -> None:
    path = folder / OPENINGS
    path.write_bytes(b"x\n" * SMALL)
    report = check(folder)
    assert len(found(report, "opening_malformed")) == MOST
    assert ("opening_malformed", OPENINGS, SMALL - MOST) in report.findings.untold()


def test_every_damage_has_words_in_both_languages() -> None:
    for code in CODES:
        finding = Finding(code, "file", 1, 2, "item", "account", "number", "unit", "column", "found", "expected")
        assert finding.place(True)
        assert finding.place(False)
        assert finding.sentence(True) != finding.sentence(False)


def test_leaves_of_the_package_are_what_was_folded(whole: Path) -> None:
    report = check(whole)
    accounts = report.fold.accounts
    assert accounts["2300.shop"].status == "frozen"
    assert accounts["2100.v0003"].name == "志愿者 3"
    assert accounts["9110.ORG"].account_class == "memo_debit"
    debits = sum(debits for debits, _ in report.fold.months.values())
    assert debits == sum(total[0] for total in report.fold.totals.values())
    assert sha256(report.root).digest() != report.root
