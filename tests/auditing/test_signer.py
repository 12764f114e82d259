"""The signer signs what goes on from what it signed, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import multiprocessing
import secrets
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from ledger.auditing import signer
from ledger.auditing.signer import Signed, Signer
from ledger.auditing.verifier import notes, tree
from ledger.errors import LogInconsistent, LogRolledBack, SignerUnusable
from tests.auditing.logs import new_signer

LEAVES: Final = [hashlib.sha256(bytes([number])).digest() for number in range(20)]


def root(size: int) -> bytes:
    return tree.root_of(LEAVES[:size])


def proof(old: int, new: int) -> list[bytes]:
    """The proof of RFC 6962 (2.1.2), by its definition."""

    def part(count: int, leaves: list[bytes], whole: bool) -> list[bytes]:
        if count == len(leaves):
            return [] if whole else [tree.root_of(leaves)]
        left = 1 << (len(leaves) - 1).bit_length() - 1
        if count <= left:
            return [*part(count, leaves[:left], whole), tree.root_of(leaves[left:])]
        return [*part(count - left, leaves[left:], False), tree.root_of(leaves[:left])]

    return part(old, LEAVES[:new], True) if 0 < old < new else []


@pytest.fixture
def by(tmp_path: Path) -> Signer:
    return new_signer(tmp_path / "state")


def test_a_checkpoint_is_a_note_that_the_published_key_verifies(by: Signer) -> None:
    note = notes.parse(signer.sign(by, "demo", 5, root(5)))
    assert notes.checkpoint(note.text) == notes.Checkpoint("log.example/demo", 5, root(5))
    assert notes.is_signed(note, notes.parse_vkey(signer.vkey(by, "demo")))
    assert signer.vkey(by, "demo").startswith("log.example/demo+")
    assert not notes.is_signed(note, notes.parse_vkey(signer.vkey(by, "other")))


def test_openssl_alone_verifies_a_checkpoint(by: Signer, tmp_path: Path) -> None:
    note = notes.parse(signer.sign(by, "demo", 5, root(5)))
    der = bytes.fromhex("302a300506032b6570032100") + signer.key(by, "demo").public  # RFC 8410, 4
    (tmp_path / "key.pem").write_text(
        f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"
    )
    (tmp_path / "text").write_text(note.text)
    (tmp_path / "signature").write_bytes(note.signatures[0].signature)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "text"]
    done = subprocess.run(
        [*command, "-sigfile", "signature"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n")


def test_what_goes_on_is_signed_and_kept_for_next_time(by: Signer) -> None:
    assert signer.last(by, "demo") is None
    for old, new in ((0, 3), (3, 3), (3, 4), (4, 7), (7, 20)):
        signer.sign(by, "demo", new, root(new), proof(old, new))
        assert signer.last(by, "demo") == Signed(new, root(new))
    assert signer.last(by, "other") is None
    assert signer.last(replace(by, name="elsewhere"), "demo") is None, "another origin is another log"


def test_a_smaller_log_is_refused(by: Signer) -> None:
    signer.sign(by, "demo", 7, root(7))
    with pytest.raises(LogRolledBack) as refused:
        signer.sign(by, "demo", 6, root(6))
    assert (refused.value.origin, refused.value.size, refused.value.signed) == ("log.example/demo", 6, 7)
    assert signer.last(by, "demo") == Signed(7, root(7))


@pytest.mark.parametrize("size", [7, 8, 20])
def test_a_log_that_does_not_begin_with_what_was_signed_is_refused(by: Signer, size: int) -> None:
    signer.sign(by, "demo", 7, root(7))
    other = [*LEAVES[:3], b"?" * 32, *LEAVES[4:size]]
    for path in (proof(7, size), []):
        with pytest.raises(LogInconsistent):
            signer.sign(by, "demo", size, tree.root_of(other), path)
    if size > 7:
        with pytest.raises(LogInconsistent):
            signer.sign(by, "demo", size, root(size), proof(6, size))
    assert signer.last(by, "demo") == Signed(7, root(7))


def test_an_empty_log_can_be_signed_and_go_on(by: Signer) -> None:
    signer.sign(by, "demo", 0, tree.EMPTY)
    signer.sign(by, "demo", 2, root(2))


def test_what_was_signed_is_on_disk_before_the_note_is_made(by: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    def unplugged(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(notes, "signed", unplugged)
    with pytest.raises(KeyboardInterrupt):
        signer.sign(by, "demo", 7, root(7))
    assert signer.last(by, "demo") == Signed(7, root(7))


def test_files_of_the_signer_are_its_own(by: Signer) -> None:
    signer.ready(by)
    signer.sign(by, "demo", 7, root(7))
    assert stat.S_IMODE(by.folder.stat().st_mode) == 0o700
    files = sorted(by.folder.iterdir())
    assert [file.suffix for file in files] == [".json", ""]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    said = json.loads(files[0].read_text())
    assert said == {"origin": "log.example/demo", "root": base64.b64encode(root(7)).decode(), "size": "7"}


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"origin": "log.example/demo", "root": "", "size": "7"}', '{"origin": "x", "size": "1"}']
)
def test_a_damaged_file_is_never_taken_for_none(by: Signer, text: str) -> None:
    signer.sign(by, "demo", 7, root(7))
    (file,) = by.folder.glob("*.json")
    file.write_text(text)
    for call in (lambda: signer.sign(by, "demo", 8, root(8), proof(7, 8)), lambda: signer.last(by, "demo")):
        with pytest.raises(SignerUnusable) as refused:
            call()
        assert refused.value.file == file


def test_a_folder_that_cannot_be_used_is_said_at_once(by: Signer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SignerUnusable):
        signer.ready(replace(by, folder=tmp_path / "file"))


def test_a_new_machine_goes_on_from_the_checkpoint_that_another_has_published(by: Signer, tmp_path: Path) -> None:
    note = signer.sign(by, "demo", 7, root(7))
    other = replace(by, folder=tmp_path / "another machine")
    assert signer.last(other, "demo", note) == Signed(7, root(7))
    with pytest.raises(LogRolledBack):
        signer.sign(other, "demo", 6, root(6), published=note)
    with pytest.raises(LogInconsistent):
        signer.sign(other, "demo", 8, root(8), published=note)
    signer.sign(other, "demo", 8, root(8), proof(7, 8), published=note)
    assert signer.last(by, "demo", signer.sign(other, "demo", 9, root(9), proof(8, 9))) == Signed(9, root(9))


def test_checkpoints_of_others_count_for_nothing(by: Signer) -> None:
    stranger = new_signer(by.folder.with_name("stranger"))
    for note in (
        signer.sign(stranger, "demo", 7, root(7)),
        signer.sign(replace(by, folder=stranger.folder), "other", 7, root(7)),
        "no note",
        signer.signed(by, "demo", "no checkpoint\n"),
    ):
        assert signer.last(by, "demo", note) is None


def test_keys_can_be_changed_and_the_older_ones_stay_known(by: Signer) -> None:
    newer = replace(by, seeds=(secrets.token_bytes(32), *by.seeds))
    note = signer.sign(by, "demo", 7, root(7))
    assert signer.is_ours(by, "demo", note)
    assert not signer.is_ours(newer, "demo", note), "the newest key has not signed it"
    assert signer.last(replace(newer, folder=by.folder / "none"), "demo", note) == Signed(7, root(7))
    again = notes.parse(signer.sign(newer, "demo", 7, root(7)))
    first, second = signer.vkeys(newer, "demo")
    assert second == signer.vkey(by, "demo")
    assert notes.is_signed(again, notes.parse_vkey(first))


def test_what_is_signed_beside_is_no_checkpoint(by: Signer) -> None:
    note = notes.parse(signer.signed(by, "demo", "promised\n"))
    assert notes.is_signed(note, signer.key(by, "demo"))
    with pytest.raises(ValueError, match="compared"):
        signer.signed(by, "demo", notes.body("log.example/demo", 7, root(7)))


def test_a_seed_may_be_written_as_either_base64_and_is_32_bytes() -> None:
    random = bytes([251] * 32)
    for text in (base64.b64encode(random), base64.urlsafe_b64encode(random), base64.b64encode(random).rstrip(b"=")):
        assert signer.seed(text.decode() + "\n") == random
    for text in ("", "x", "~" * 43, "A" * 42, "A" * 64, base64.b64encode(b"x" * 31).decode()):
        with pytest.raises(ValueError, match="it is not"):
            signer.seed(text)


def test_names_have_neither_spaces_nor_plus_signs_nor_control_characters() -> None:
    assert signer.is_name("log.example.org:8443/points")
    assert not [name for name in ("", "a b", "a+b", "a\n", "a\u3000b", "a\x7f", "a" * 256) if signer.is_name(name)]


def _signs(by: Signer, first: int, go_on: bool) -> None:
    for size in range(first, 21):
        before = signer.last(by, "demo")
        try:
            signer.sign(by, "demo", size, root(size), proof(before.size if before else 0, size))
        except (LogRolledBack, LogInconsistent):
            assert go_on, "alone nobody comes too late"


def test_processes_that_sign_at_the_same_time_never_sign_backwards(by: Signer) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_signs, args=(by, first, True)) for first in (1, 2, 3, 4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert signer.last(by, "demo") == Signed(20, root(20))
