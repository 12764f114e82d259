"""`meide verify` as somebody runs it who has nothing but a package."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ledger.auditing.verifier import parts
from tests.api.processes import meide
from tests.auditing import packages
from tests.auditing.packages import OTHER_KEY, refit, vkey


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages.write(tmp_path_factory.mktemp("package") / "demo", packages.book(60), checkpoints=(20,))


def test_a_package_with_nothing_wrong_ends_with_0(package: Path) -> None:
    done = meide("verify", str(package))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "consistent in itself, compared with nothing published"
    checkpoint = str(package / "checkpoint.txt")
    done = meide("verify", str(package), "--key", vkey(), "--checkpoint", checkpoint, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["compared"] == {"key": True, "checkpoint": True}


def test_a_package_with_something_wrong_ends_with_1_and_says_what(package: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(package, tmp_path / "demo"))
    path = folder / parts.log_path(0)
    path.write_bytes(path.read_bytes().replace(b'"kind":"hours"', b'"kind":"gift"', 1))
    refit(folder)
    done = meide("verify", str(folder))
    assert done.returncode == 1
    assert "[checkpoint_root]" in done.stdout
    assert "[cell_differs]" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("The package is not right")
    assert meide("verify", str(package), "--key", vkey(OTHER_KEY)).returncode == 1


def test_a_package_made_into_a_zip_and_cut_off_is_named(package: Path, tmp_path: Path) -> None:
    whole = Path(shutil.make_archive(str(tmp_path / "whole"), "zip", package))
    assert meide("verify", str(whole)).returncode == 0
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-100])
    done = meide("verify", str(tmp_path / "cut.zip"))
    assert done.returncode == 1
    assert "[download_incomplete]" in done.stdout


@pytest.mark.parametrize("arguments", [(), ("no-such-folder",), (".", "--checkpoint", "no-such-file")])
def test_a_command_that_makes_no_sense_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert meide("verify", *arguments).returncode == 2
