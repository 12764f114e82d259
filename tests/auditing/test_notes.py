"""Signed notes and checkpoints: the published example, RFC 8032's vectors, and `openssl` alone."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.auditing.verifier import ed25519, notes
from ledger.auditing.verifier.notes import Checkpoint, Key, NotThisForm

EXAMPLE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
EXAMPLE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
ORIGIN = "ledger.example/demo"
ROOT = bytes(range(32))

RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]
"""Public key, message, signature: section 7.1."""

L = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19


@pytest.fixture(params=["by hand", "by library"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without the library, which the verifier of a package may not find."""
    if request.param == "by hand":
        monkeypatch.setattr(ed25519, "_by_library", None)
    else:
        assert ed25519._by_library is not None


def a_note(text: str = notes.body(ORIGIN, 5, ROOT), name: str = ORIGIN) -> str:
    return notes.signed(text, name, PUBLIC, PRIVATE.sign(text.encode()))


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032, ids=["1", "2", "3", "SHA(abc)"])
def test_the_vectors_of_rfc_8032_hold_and_nothing_near_them_does(public: str, message: str, signature: str) -> None:
    key, text, sig = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert ed25519.is_valid(key, text, sig)
    assert not ed25519.is_valid(key, text + b"\0", sig)
    assert not ed25519.is_valid(key, text, sig + b"\0")
    assert not ed25519.is_valid(key[:31], text, sig)
    for place in range(0, 64, 3):
        assert not ed25519.is_valid(key, text, sig[:place] + bytes([sig[place] ^ 1]) + sig[place + 1 :])
    for place in range(0, 32, 3):
        assert not ed25519.is_valid(key[:place] + bytes([key[place] ^ 2]) + key[place + 1 :], text, sig)


@pytest.mark.usefixtures("either")
def test_a_signature_that_somebody_else_made_from_a_valid_one_is_refused() -> None:
    text = b"points"
    signature = PRIVATE.sign(text)
    other = int.from_bytes(signature[32:], "little") + L
    assert ed25519.is_valid(PUBLIC, text, signature)
    assert not ed25519.is_valid(PUBLIC, text, signature[:32] + other.to_bytes(32, "little"))


def small() -> list[bytes]:
    """The points of small order, in every way they can be written."""
    y8 = int("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16)
    ys = {0, 1, P - 1, y8, P - y8, P, P + 1}
    return [(y | sign << 255).to_bytes(32, "little") for y in sorted(ys) for sign in (0, 1)]


@pytest.mark.usefixtures("either")
def test_keys_that_sign_anything_are_refused() -> None:
    of_order_8 = ed25519._decoded(small()[6])
    assert of_order_8 is not None
    identity = ed25519._encoded((0, 1, 1, 0))
    assert ed25519._encoded(ed25519._times(8, of_order_8)) == identity
    for point in small():
        # With such a key S = 0 and R = -kA sign every message for which k is a multiple of the key's order.
        assert not any(ed25519.is_valid(point, bytes([n]), r + bytes(32)) for n in range(8) for r in small())
        assert not ed25519.is_valid(PUBLIC, b"points", point + PRIVATE.sign(b"points")[32:])


@pytest.mark.usefixtures("either")
def test_what_is_no_point_of_the_curve_is_no_key() -> None:
    signature = PRIVATE.sign(b"points")
    for y in (2, P + 3, 2**255 - 1):
        assert not ed25519.is_valid(y.to_bytes(32, "little"), b"points", signature)


def test_both_ways_agree_about_many_keys() -> None:
    for number in range(20):
        private = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
        public, text = private.public_key().public_bytes_raw(), bytes([number]) * number
        signature = private.sign(text)
        assert ed25519._by_hand(public, text, signature)
        assert not ed25519._by_hand(public, text + b"!", signature)


@pytest.mark.usefixtures("either")
def test_the_example_note_of_c2sp_verifies() -> None:
    key, note = notes.parse_vkey(EXAMPLE_KEY), notes.parse(EXAMPLE)
    assert (key.name, key.key_id.hex()) == ("PeterNeumann", "c74f20a3")
    assert notes.vkey(key.name, key.public) == EXAMPLE_KEY
    assert notes.is_signed(note, key)
    assert not notes.is_signed(notes.parse(EXAMPLE.replace("your", "my", 1)), key)


def test_a_checkpoint_says_its_log_its_size_and_its_root() -> None:
    note = notes.parse(a_note())
    assert note.text == f"{ORIGIN}\n5\n{base64.b64encode(ROOT).decode()}\n"
    assert notes.checkpoint(note.text) == Checkpoint(ORIGIN, 5, ROOT)
    assert notes.is_signed(note, notes.parse_vkey(notes.vkey(ORIGIN, PUBLIC)))


def test_signatures_of_others_do_not_matter_and_a_wrong_one_of_the_key_does() -> None:
    key = notes.parse_vkey(notes.vkey(ORIGIN, PUBLIC))
    witness = "— witness.example " + base64.b64encode(b"\1\2\3\4" + bytes(76)).decode() + "\n"
    forged = f"— {ORIGIN} " + base64.b64encode(key.key_id + bytes(64)).decode() + "\n"
    assert notes.is_signed(notes.parse(a_note() + witness), key)
    assert not notes.is_signed(notes.parse(a_note() + forged), key)
    assert not notes.is_signed(notes.parse(notes.body(ORIGIN, 5, ROOT) + "\n" + witness), key)
    assert not notes.is_signed(notes.parse(a_note(name="another.example")), key)


def test_a_key_is_bound_to_its_name() -> None:
    key = notes.parse_vkey(notes.vkey(ORIGIN, PUBLIC))
    assert not notes.is_signed(notes.parse(a_note()), Key(ORIGIN, bytes(4), PUBLIC))
    with pytest.raises(NotThisForm, match="does not belong"):
        notes.parse_vkey(notes.vkey(ORIGIN, PUBLIC).replace(ORIGIN, "another"))
    assert key.key_id == notes.key_id(ORIGIN, PUBLIC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+c74f20a3",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "PeterNeumann+c74f20a3+AhpcxQcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_what_is_no_verification_key_is_refused(text: str) -> None:
    with pytest.raises(NotThisForm):
        notes.parse_vkey(text)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        a_note()[:-1],
        a_note().replace("\n", "\r\n"),
        a_note() + "no signature\n",
        a_note().replace("— ", "- "),
        a_note().replace("=\n", "\n"),
        a_note() + "— x AAAA\n",
        a_note() + "\ud800\n",
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(NotThisForm):
        notes.checkpoint(notes.parse(note).text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n5\n",
        f"origin\n05\n{base64.b64encode(ROOT).decode()}\n",
        f"origin\n-5\n{base64.b64encode(ROOT).decode()}\n",
        f"origin\n٥\n{base64.b64encode(ROOT).decode()}\n",
        f"origin\n5\n{base64.b64encode(ROOT[1:]).decode()}\n",
        f"origin\n5\n{base64.b64encode(ROOT).decode()}",
        f"\n5\n{base64.b64encode(ROOT).decode()}\n",
        f"origin\n5\n{base64.b64encode(ROOT).decode()}\n\n",
        f"origin\n5\n{base64.b64encode(ROOT).decode()[:-2]}9=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NotThisForm):
        notes.checkpoint(text)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_signature_of_a_checkpoint_verifies_with_openssl_alone(tmp_path: Path) -> None:
    note = notes.parse(a_note())
    (tmp_path / "note.txt").write_text(note.text, encoding="utf-8", newline="")
    (tmp_path / "sig").write_bytes(note.signatures[0].signature)
    (tmp_path / "pub.pem").write_bytes(
        PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem"]
    command += ["-rawin", "-in", "note.txt", "-sigfile", "sig"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    (tmp_path / "note.txt").write_text(note.text.replace("\n5\n", "\n6\n"), encoding="utf-8", newline="")
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode != 0
