"""Keys: from the settings, from files that settings name, or kept in the data folder and changed by commands."""

from __future__ import annotations

import secrets
import stat
import threading
from pathlib import Path

import pytest

from api import keys, settings
from api.keys import Kind
from ledger.errors import SettingInvalid
from tests.api.processes import KEYS, meide

KINDS: list[Kind] = ["session", "identity", "index", "print", "log"]
ONE, OTHER = secrets.token_urlsafe(32), secrets.token_urlsafe(32)


@pytest.fixture
def folder(folders: Path) -> Path:
    return folders / f"keys-{secrets.token_hex(4)}"


def test_a_data_folder_has_one_key_of_each_kind_made_at_its_first_use(folder: Path) -> None:
    given = settings.read({"MEIDE_DATA": str(folder)})
    found = keys.of(given)
    assert keys.of(given) == found
    kinds = (found.session, found.identity, found.index, found.print, found.log)
    assert {len(of_a_kind) for of_a_kind in kinds} == {1}
    assert len({key for of_a_kind in kinds for key in of_a_kind}) == 5
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (folder / "secrets").iterdir()}
    assert files == dict.fromkeys(("session-key", "identity-key", "index-key", "print-key", "log-key"), 0o600)


def test_no_key_shows_where_keys_or_settings_are_printed(folder: Path) -> None:
    given = settings.read({"MEIDE_DATA": str(folder), **KEYS})
    shown = repr(given) + repr(keys.of(given))
    assert not [key for key in KEYS.values() if key in shown]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_key_comes_first_and_the_older_ones_stay_until_they_are_retired(folder: Path, kind: Kind) -> None:
    given = settings.read({"MEIDE_DATA": str(folder)})
    before = keys.of(given)
    added = meide("key", "add", kind, MEIDE_DATA=str(folder))
    assert (added.returncode, added.stderr) == (0, "")
    assert added.stdout.startswith(f"There are 2 {kind} keys now, the new one first.")
    assert "SIGHUP" in added.stdout
    new, *older = keys.of_kind(given, kind)
    assert older == list(getattr(before, kind))
    assert len(new) >= settings.SHORTEST_KEY
    assert [keys.of_kind(given, other) for other in KINDS if other != kind] == [
        getattr(before, other) for other in KINDS if other != kind
    ]
    if kind not in keys.RETIRED:
        refused = meide("key", "retire", kind, MEIDE_DATA=str(folder))
        assert refused.returncode == 2, "what is on paper is not printed anew"
        assert keys.of_kind(given, kind) == (new, *older)
        return
    assert meide("key", "retire", kind, "--json", MEIDE_DATA=str(folder)).stdout == (
        f'{{"kind": "{kind}", "dropped": 1}}\n'
    )
    assert keys.of_kind(given, kind) == (new,)
    assert meide("key", "retire", kind, MEIDE_DATA=str(folder)).stdout == f"There is one {kind} key only.\n"
    mode = (folder / "secrets" / f"{kind}-key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_keys_added_at_the_same_time_are_all_kept(folder: Path) -> None:
    given = settings.read({"MEIDE_DATA": str(folder)})
    callers = [threading.Thread(target=keys.add, args=(given, "identity")) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(set(keys.of_kind(given, "identity"))) == 9
    assert {file.name for file in (folder / "secrets").iterdir()} == {"identity-key"}


def test_keys_of_the_settings_are_changed_where_they_are_set(folder: Path) -> None:
    for environment in ({"MEIDE_DATA": str(folder), **KEYS}, {"MEIDE_DATABASE_URL": "postgresql://me@host/db"}):
        done = meide("key", "add", "identity", **environment)
        assert done.returncode == 1
        assert "MEIDE_IDENTITY_KEYS cannot be used: it is yours to change" in done.stderr


def test_every_secret_may_come_from_a_file(tmp_path: Path) -> None:
    written = {
        "MEIDE_DATABASE_URL": "postgresql://me:secret@host/db\n",
        "MEIDE_OWNER_URL": "postgresql://owner:secret@host/db",
        "MEIDE_SESSION_KEYS": f"{ONE}\n{OTHER}\n",
        "MEIDE_IDENTITY_KEYS": f"{ONE}, {OTHER}\r\n",
        "MEIDE_INDEX_KEY": f"\n{ONE}\n",
        "MEIDE_PRINT_KEYS": f"{ONE}\n\n{OTHER}",
        "MEIDE_LOG_KEYS": f"{OTHER}\n{ONE}",
    }
    assert written.keys() == set(settings.SECRETS)
    environment = {}
    for name, text in written.items():
        (tmp_path / name).write_text(text)
        environment[f"{name}_FILE"] = str(tmp_path / name)
    read = settings.read(environment)
    assert read.database_url == "postgresql://me:secret@host/db"
    assert read.owner_url == "postgresql://owner:secret@host/db"
    assert (read.session_keys, read.identity_keys, read.index_keys) == ((ONE, OTHER), (ONE, OTHER), (ONE,))
    assert (read.print_keys, read.log_keys) == ((ONE, OTHER), (OTHER, ONE))
    assert keys.of(read) == keys.Keys((ONE, OTHER), (ONE, OTHER), (ONE,), (ONE, OTHER), (OTHER, ONE))


@pytest.mark.parametrize("name", settings.SECRETS)
def test_a_secret_in_two_places_or_in_no_readable_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "latin").write_bytes("schlüssel".encode("latin-1"))
    for environment, setting in (
        ({name: "x", f"{name}_FILE": "y"}, name),
        ({f"{name}_FILE": str(tmp_path)}, f"{name}_FILE"),
        ({f"{name}_FILE": str(tmp_path / "none")}, f"{name}_FILE"),
        ({f"{name}_FILE": str(tmp_path / "latin")}, f"{name}_FILE"),
    ):
        with pytest.raises(SettingInvalid) as refused:
            settings.read(environment)
        assert refused.value.name == setting


def test_an_index_key_may_be_two_while_it_is_changed() -> None:
    read = settings.read({"MEIDE_INDEX_KEY": f"{ONE},{OTHER}"})
    assert read.index_keys == (ONE, OTHER)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_of_somebody_elses_needs_its_keys_given(kind: Kind) -> None:
    name = keys.SETTINGS[kind]
    given = {"MEIDE_DATABASE_URL": "postgresql://me@host/db", **KEYS}
    del given[name]
    with pytest.raises(SettingInvalid) as refused:
        keys.of(settings.read(given))
    assert refused.value.name == name
