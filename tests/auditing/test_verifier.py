"""The verifier itself: it stands alone, is fast without being careless, and says how it ended."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.auditing import verifier
from ledger.auditing.verifier import command, lines, parts, plaintext, projections, telling, usual
from ledger.auditing.verifier.fold import Account, Fold, Months
from tests.auditing import packages
from tests.auditing.packages import OTHER_KEY, canonical, vkey

SOURCES = sorted(Path(verifier.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])
def test_it_needs_nothing_but_python_3_9(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level in (0, 1)
            imported |= {node.module.partition(".")[0]} if node.level == 0 and node.module else set()
    assert imported <= set(sys.stdlib_module_names) | ({"cryptography"} if source.name == "ed25519.py" else set())


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages.write(tmp_path_factory.mktemp("package") / "demo", packages.book(60), checkpoints=(20,))


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python3 verify …` in a package, where nothing else is installed."""
    command = [sys.executable, "-I", "-S", "verify", *arguments]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, encoding="utf-8")


def test_a_package_verifies_itself_where_nothing_is_installed(package: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(package, tmp_path / "包 裹"))
    done = alone(folder, ".")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-2:] == list(telling.NOTHING)
    assert {path.name for path in folder.rglob("*.pyc")} <= {f"__main__.{sys.implementation.cache_tag}.pyc"}
    done = alone(folder, ".", "--key", vkey(), "--checkpoint=checkpoint.txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert "与已公布的公钥和检查点相符" in done.stdout
    done = alone(folder, ".", "--key", vkey(OTHER_KEY), "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert {"key_differs", "checkpoint_unsigned"} <= {each["code"] for each in said["findings"]}


@pytest.mark.parametrize(
    "arguments",
    [(), (".", "."), (".", "--key"), (".", "--what"), ("no-such-file",), (".", "--checkpoint", "no-such-file")],
)
def test_a_command_that_cannot_be_carried_out_says_so(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(package)
    assert command.main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert command.USAGE in told.err


def test_its_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--help"]) == 0
    assert capsys.readouterr().out == command.USAGE


def test_the_end_says_what_it_was_compared_with(package: Path, tmp_path: Path) -> None:
    (tmp_path / "vkey").write_text(vkey() + "\n", encoding="utf-8")
    checkpoint = str(package / "checkpoint.txt")
    ends = {
        (None, None): "consistent in itself, compared with nothing published",
        (vkey(), None): "compared with no published checkpoint",
        (str(tmp_path / "vkey"), None): "compared with no published checkpoint",
        (None, checkpoint): "its key was compared with none published",
        (vkey(), checkpoint): "agrees with the published key and checkpoint",
    }
    for (key, note), end in ends.items():
        well, told, said = command.carry_out(str(package), key, note, None)
        assert well
        assert end in told[-1]
        assert said["compared"] == {"key": key is not None, "checkpoint": note is not None}
        assert said["findings"] == []


def test_what_is_wrong_is_told_with_its_place_chinese_first(package: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(package, tmp_path / "demo"))
    path = folder / parts.details_path(0)
    path.write_text(path.read_text(encoding="utf-8").replace(",D,", ",C,", 1), encoding="utf-8", newline="")
    well, told, said = command.carry_out(str(folder), None, None, None)
    assert not well
    (at,) = (number for number, line in enumerate(told) if "[cell_differs]" in line)
    assert told[at].endswith("列 Credit_Debit_Indicator：表格单元与日志不符：是“C”，应为“D”")
    assert "column Credit_Debit_Indicator: the cell is not what the log says" in told[at + 1]
    assert f"{parts.details_path(0)}, line 2, leaf 45" in told[at + 1]
    assert told[-2:] == ["审计包有问题：2 处。", "The package is not right: 2 findings."]
    assert not said["well"]


def test_what_is_no_receipt_is_no_package_either(tmp_path: Path) -> None:
    (tmp_path / "receipt.txt").write_text("x", encoding="utf-8")
    well, told, said = command.carry_out(str(tmp_path / "receipt.txt"), None, None, None)
    assert not well
    assert "[not_a_receipt]" in told[0]
    assert said["findings"][0]["code"] == "not_a_receipt"  # type: ignore[index]


# --- fast, and the same


def texts_like() -> st.SearchStrategy[str]:
    return st.text(st.sampled_from('ab ,;"\\/:|\t\n\x7f\u2028　好－é'), max_size=12)


@given(
    texts=st.fixed_dictionaries({"description": texts_like(), "key": texts_like()}),
    client=st.sampled_from(["import", "user:3", "a,b"]),
    correction=st.sampled_from([None, "reversal", "refund"]),
    approver=st.sampled_from([None, "user:4"]),
    is_reversed=st.booleans(),
    legs=st.lists(st.tuples(st.sampled_from(["5100", "2100.a_b"]), st.sampled_from(["debit", "credit"]),
                            st.integers(1, 10**15)), min_size=1, max_size=4),
)  # fmt: skip
def test_what_is_derived_at_once_is_what_is_derived_one_by_one(
    texts: dict[str, str],
    client: str,
    correction: str | None,
    approver: str | None,
    is_reversed: bool,
    legs: list[tuple[str, str, int]],
) -> None:
    units = {"5100": "PT", "2100.a_b": "min"}
    classes = {"5100": "expense", "2100.a_b": "liability"}
    line: dict[str, Any] = {
        "actor": "user:3",
        "book": "demo",
        "client": client,
        "commitment": "ab" * 32,
        "effective_at": "2026-11-21T03:04:05.000000Z",
        "effective_on": "2026-11-21",
        "entries": [
            {"account": code, "balance": "-5", side: str(amount), "number": "7", "unit": units[code]}
            for code, side, amount in legs
        ],
        "id": "0193f0a0-0000-7000-8000-000000000001",
        "kind": "reward",
        "recorded_at": "2026-11-21T03:04:06.123456Z",
        "type": "transaction",
        "v": "1",
        "voucher": "2026-17",
    }
    line |= {"approver": approver} if approver else {}
    line |= {"correction": correction, "corrects": line["id"]} if correction else {}
    written = canonical(texts)
    opening = lines.OPENING.fullmatch(f'{{"index":"1","salt":"{"00" * 16}","texts":{written}}}')
    assert opening is not None
    assert opening[3] == written
    if not usual.is_usual(written, texts["description"]):
        return
    assert (opening[4], opening[5]) == (texts["description"], texts["key"])
    found = lines.TRANSACTION.fullmatch(canonical(line))
    assert found is not None
    groups, entries = found.groups(), lines.ENTRIES.findall(found[10])
    accounts = [Account(code, "", classes[code], units[code], 0, None, "", "", "open", "") for code in units]
    held = [
        usual.Held(code, usual.Kept(classes[code], 1, units[code], None, False), units[code]) for code, _, _ in legs
    ]
    at_once = usual.derive(9, "cd" * 32, groups[:9], entries, groups[10:], held, texts, is_reversed)
    assert at_once == tuple(usual.one_a_byte(text) for text in _one_by_one(line, texts, is_reversed, accounts))


def _one_by_one(line: dict[str, Any], texts: dict[str, str], is_reversed: bool, accounts: list[Account]) -> list[str]:
    return [
        projections.gl_details(9, "cd" * 32, line, texts, is_reversed),
        plaintext.journal_rows(line, texts),
        plaintext.hledger_entry(line, texts, plaintext.hledger_names(accounts)),
        plaintext.beancount_entry(line, texts, plaintext.beancount_names(accounts)),
    ]


def test_parts_of_a_log_add_up_to_the_whole() -> None:
    leaves = list(packages.book(200))
    whole, first, second = Fold("demo"), Fold("demo"), Fold("demo")
    for index, leaf in enumerate(leaves):
        texts = leaf.texts if leaf.salt is not None else None
        whole.add(index, leaf.line, texts)
        (first if index < 90 else second).add(index, leaf.line, texts)
    first.merge(second)
    assert first == whole
    assert dict(first.months) == dict(whole.months)


def test_the_status_of_an_account_may_be_said_before_its_opening() -> None:
    leaves = list(packages.book(3))
    opening = next(leaf for leaf in leaves if leaf.line.get("facts", {}).get("account") == "2300.shop")
    frozen = leaves[-1]
    for at_once in (False, True):
        fold, later = Fold("demo"), Fold("demo")
        fold.add(0, frozen.line, {})
        (fold if at_once else later).add(1, opening.line, opening.texts)
        fold.merge(later)
        assert fold.accounts["2300.shop"].status == "frozen"


def test_months_are_a_mapping_like_any_other() -> None:
    months = Months()
    months["a", "2026-01"] = (5, 7)  # type: ignore[assignment] # any pair is a pair
    months.add("a", "2026-01", 1, 0)
    months.add("b", "2026-02", 0, 10**20)
    assert dict(months) == {("a", "2026-01"): (6, 7), ("b", "2026-02"): (0, 10**20)}
    assert list(months.of("2026-01")) == [("a", 6, 7)]
    assert (months.names(), len(months)) == (["2026-01", "2026-02"], 2)
    del months["a", "2026-01"]
    assert ("a", "2026-01") not in months
