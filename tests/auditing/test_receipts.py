"""Receipts and promises: what is right is taken, and whatever is changed in it is refused."""

from __future__ import annotations

import base64
import dataclasses
import json
import random
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.auditing.verifier import notes, receipts, tree
from ledger.auditing.verifier.notes import Key, NotThisForm
from ledger.auditing.verifier.receipts import Opening, Promise, Receipt, Wrong

ORIGIN = "books.example/demo"
SECRET = Ed25519PrivateKey.from_private_bytes(sha256(b"a log of tests").digest())
PUBLIC = SECRET.public_key().public_bytes_raw()
KEY = Key(ORIGIN, notes.key_id(ORIGIN, PUBLIC), PUBLIC)
OTHER = Key(ORIGIN, notes.key_id(ORIGIN, bytes(32)), bytes(32))
OPENING = Opening(bytes(range(16)), {"description": "护河两小时", "key": "platform/1"})


def line(number: int, *, voucher: str | None = "2026-{}", book: str = "demo", opening: Opening = OPENING) -> str:
    """A line of a transaction."""
    said = {
        "actor": "user:3",
        "book": book,
        "commitment": receipts.commitment(opening),
        "id": f"0198a000-0000-7000-8000-{number:012}",
        "kind": "reward",
        "recorded_at": "2026-11-21T03:04:06.123456Z",
        "type": "transaction",
        "v": "1",
    }
    return receipts.canonical(said if voucher is None else said | {"voucher": voucher.format(number + 1)})


def signed(text: str) -> str:
    return notes.signed(text, ORIGIN, PUBLIC, SECRET.sign(text.encode()))


class Tree:
    """A log with so many lines, whose proofs are made as RFC 6962 defines them: by halving."""

    def __init__(self, size: int) -> None:
        self.lines = [line(number) for number in range(size)]
        self.hashes = [tree.leaf_hash(each.encode()) for each in self.lines]
        self.note = signed(notes.body(ORIGIN, size, tree.root_of(self.hashes)))

    def path(self, index: int, first: int = 0, past: int | None = None) -> list[bytes]:
        past = len(self.hashes) if past is None else past
        if past - first == 1:
            return []
        middle = first + (1 << (past - first - 1).bit_length() - 1)
        if index < middle:
            return [*self.path(index, first, middle), tree.root_of(self.hashes[middle:past])]
        return [*self.path(index, middle, past), tree.root_of(self.hashes[first:middle])]

    def receipt(self, index: int, *, whole: bool = True) -> Receipt:
        return receipts.of_line(self.lines[index], OPENING, index, self.path(index), self.note, whole=whole)


def codes(found: list[Wrong]) -> list[str]:
    assert all(each.says.endswith(".") for each in found)
    return [each.code for each in found]


def refused(text: str) -> bool:
    try:
        return receipts.check(receipts.parse(text), KEY) != []
    except NotThisForm:
        return True


def compact_refused(text: str) -> bool:
    try:
        return receipts.check(receipts.of_compact(text), KEY) != []
    except NotThisForm:
        return True


def test_every_leaf_of_trees_of_every_small_size_has_a_receipt_in_both_forms() -> None:
    for size in range(1, 35):
        log = Tree(size)
        for index in range(size):
            whole, slip = log.receipt(index), log.receipt(index, whole=False)
            assert receipts.check(whole, KEY) == receipts.check(whole) == receipts.check(slip, KEY) == []
            assert receipts.parse(receipts.text_of(whole)) == whole
            assert receipts.parse(receipts.text_of(slip)) == slip
            assert receipts.of_compact(receipts.compact(whole)) == slip
            assert len(whole.path) == receipts.length_of_path(index, size)


def test_the_second_half_of_the_text_is_a_proof_as_c2sp_defines_it() -> None:
    log = Tree(7)
    proof = receipts.text_of(log.receipt(4)).partition("\n\n")[2].split("\n")
    assert proof[:2] == ["c2sp.org/tlog-proof@v1", "index 4"]
    blank = proof.index("")
    assert [base64.b64decode(each) for each in proof[2:blank]] == log.path(4)
    assert proof[blank + 1 : blank + 3] == [ORIGIN, "7"]
    assert proof[blank + 4 : blank + 6][1].startswith(f"— {ORIGIN} ")


def test_a_receipt_for_others_shows_a_hash_and_nothing_of_what_was_booked() -> None:
    slip = Tree(5).receipt(2, whole=False)
    text = receipts.text_of(slip)
    assert "user:3" not in text
    assert "commitment" not in text
    assert (slip.line, slip.opening) == (None, None)


@pytest.mark.parametrize("whole", [True, False])
def test_each_changed_character_of_the_text_is_refused(whole: bool) -> None:
    text = receipts.text_of(Tree(6).receipt(3, whole=whole))
    assert not refused(text)
    drawn = random.Random(8)
    for place, was in enumerate(text):
        other = drawn.choice([each for each in "Aa0-9 \n+/=é{" if each != was])
        assert refused(text[:place] + other + text[place + 1 :]), (place, was, other)
        assert refused(text[:place] + text[place + 1 :]), (place, was)
        assert refused(text[:place] + other + text[place:]), (place, other)
    assert refused(text + "\n")
    assert refused("\ufeff" + text)
    assert refused(text + "\udc80")


def test_each_changed_bit_of_the_code_is_refused_and_there_is_one_way_to_write_it() -> None:
    text = receipts.compact(Tree(6).receipt(3))
    assert not compact_refused(text)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    data = base64.b32decode(text + "=" * (-len(text) % 8))
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert compact_refused(base64.b32encode(changed).decode().rstrip("=")), bit
    for place, was in enumerate(text):  # also the bits of the last character that stand for nothing
        for other in {"A", "7", "Q", was.lower(), " "} - {was}:
            assert compact_refused(text[:place] + other + text[place + 1 :]), (place, other)
    padded = text + "=" * (-len(text) % 8)
    for other in (text[:-1], text + "A", text + "AAAAAAAA", text.lower(), text + "\n", padded + "========"):
        assert compact_refused(other)
    assert padded == text or compact_refused(padded)


def test_a_number_is_not_written_longer_than_it_must_be() -> None:
    receipt = Tree(3).receipt(1)
    data = base64.b32decode(receipts.compact(receipt) + "=" * (-len(receipts.compact(receipt)) % 8))
    at = 2 + len(ORIGIN)
    assert data[at : at + 2] == bytes([1, 3])
    longer = data[:at] + bytes([0x81, 0x00, 3]) + data[at + 2 :]
    with pytest.raises(NotThisForm):
        receipts.of_compact(base64.b32encode(longer).decode().rstrip("="))
    endless = data[:at] + b"\xff" * 12 + data[at + 2 :]
    with pytest.raises(NotThisForm):
        receipts.of_compact(base64.b32encode(endless).decode().rstrip("="))


def test_what_is_wrong_is_named() -> None:
    log, right = Tree(6), Tree(6).receipt(3)
    changed = dataclasses.replace
    other_line = changed(right, line=log.lines[2], leaf=log.hashes[2])
    larger = signed(notes.body(ORIGIN, 9, tree.root_of(log.hashes)))
    elsewhere = Tree(6)
    elsewhere.lines[3] = line(3, book="other")
    elsewhere.hashes[3] = tree.leaf_hash(elsewhere.lines[3].encode())
    elsewhere.note = signed(notes.body(ORIGIN, 6, tree.root_of(elsewhere.hashes)))
    stranger = changed(right, opening=Opening(OPENING.salt, {"description": "护河三小时", "key": "platform/1"}))
    unsalted = changed(right, opening=Opening(bytes(16), OPENING.texts))
    forged = right.note.replace(right.note.split()[-1], base64.b64encode(KEY.key_id + bytes(64)).decode())
    for receipt, key, code in (
        (other_line, KEY, "not_in_the_log"),
        (changed(right, leaf=log.hashes[2]), KEY, "other_leaf"),
        (changed(right, index=2), KEY, "not_in_the_log"),
        (changed(right, index=6), KEY, "index_outside"),
        (changed(right, index=5), KEY, "path_length"),
        (changed(right, path=right.path[:-1]), KEY, "path_length"),
        (changed(right, path=(*right.path, bytes(32))), KEY, "path_length"),
        (changed(right, path=right.path[::-1]), KEY, "not_in_the_log"),
        (changed(right, note=larger), KEY, "path_length"),
        (right, OTHER, "not_signed"),
        (changed(right, note=forged), KEY, "bad_signature"),
        (right, Key("books.example/else", KEY.key_id, PUBLIC), "other_log"),
        (elsewhere.receipt(3), KEY, "other_book"),
        (stranger, KEY, "opening_differs"),
        (unsalted, KEY, "opening_differs"),
    ):
        assert code in codes(receipts.check(receipt, key)), code
    assert receipts.check(changed(right, note=forged)) == []  # without a key nobody looks at a signature


def test_lines_that_are_no_canonical_json_are_told_though_they_stand_in_the_log() -> None:
    for text in ('{"book": "demo"}', '{"book":"demo","a":"b"}', '["demo"]', "demo", '{"book":"\\u0064emo"}'):
        note = signed(notes.body(ORIGIN, 1, tree.leaf_hash(text.encode())))
        receipt = receipts.of_line(text, None, 0, [], note)
        assert codes(receipts.check(receipt, KEY)) == ["line_unreadable"], text


def test_a_text_that_went_through_another_system_is_tidied() -> None:
    text = receipts.text_of(Tree(4).receipt(1))
    for copied in (text.replace("\n", "\r\n"), text.replace("\n", "\r"), f"\n  {text}\n\n", text.rstrip("\n")):
        assert receipts.tidied(copied) == text


def test_whoever_has_a_text_a_code_an_address_or_a_promise_can_have_it_checked() -> None:
    whole, slip = Tree(6).receipt(3), Tree(6).receipt(3, whole=False)
    code = receipts.compact(whole)
    for text, found in (
        (receipts.text_of(whole), whole),
        (receipts.text_of(slip).replace("\n", "\r\n"), slip),
        (code, slip),
        (f"https://books.example/R/{code}\n", slip),
        (f"{code[:50]}\n {code[50:]}", slip),
        (promised().note, promised()),
    ):
        assert receipts.read(text) == found
        assert receipts.check_text(text, KEY) == receipts.check_text(text) == []
        assert codes(receipts.check_text(text, OTHER)) == ["not_signed"]
    for text in ("", "none", f"https://books.example/R/{code[1:]}", receipts.text_of(whole)[9:], "meide-promise/1"):
        assert codes(receipts.check_text(text)) == ["not_a_receipt"]


# --- promises ---------------------------------------------------------------------------------------------------------


def promised(number: int = 3, **other: object) -> Promise:
    said = line(number, voucher=None)
    made = Promise(ORIGIN, json.loads(said)["id"], receipts.digest_of(said), json.loads(said)["recorded_at"], 3600, "")
    made = dataclasses.replace(made, **other)  # type: ignore[arg-type]
    return receipts.parse_promise(signed(receipts.promise_body(made)))


def test_a_promise_is_kept_by_the_receipt_of_what_was_promised() -> None:
    promise, receipt = promised(), Tree(6).receipt(3)
    assert receipts.check_promise(promise, KEY) == []
    assert receipts.keeps(promise, receipt) == []
    assert "voucher" in json.loads(receipt.line or "")


def test_a_promise_is_broken_by_another_entry_another_content_another_log_and_compared_with_no_hash() -> None:
    right = Tree(6).receipt(3)
    for promise, receipt, code in (
        (promised(2), right, "other_transaction"),
        (promised(digest="0" * 64), right, "other_content"),
        (promised(origin="books.example/else"), right, "other_log"),
        (promised(), Tree(6).receipt(3, whole=False), "no_line"),
    ):
        assert codes(receipts.keeps(promise, receipt)) == [code]


def test_each_changed_character_of_a_promise_is_refused() -> None:
    note = promised().note

    def is_refused(text: str) -> bool:
        try:
            return receipts.check_promise(receipts.parse_promise(text), KEY) != []
        except NotThisForm:
            return True

    assert not is_refused(note)
    for place, was in enumerate(note):
        other = "b" if was != "b" else "c"
        assert is_refused(note[:place] + other + note[place + 1 :]), (place, was)
        assert is_refused(note[:place] + note[place + 1 :]), (place, was)
    assert codes(receipts.check_promise(promised(), OTHER)) == ["not_signed"]
    forged = dataclasses.replace(promised(), within=1)
    assert codes(receipts.check_promise(forged, KEY)) == ["other_promise"]


def test_a_promise_is_no_checkpoint_and_a_checkpoint_is_no_promise() -> None:
    with pytest.raises(NotThisForm):
        notes.checkpoint(notes.parse(promised().note).text)
    with pytest.raises(NotThisForm):
        receipts.parse_promise(Tree(3).note)
