"""Packages without a database: books of any size, the same for the same seed, and forgers who make a manifest fit."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import json
import random
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.auditing import verifier
from ledger.auditing.verifier import notes, parts, plaintext, projections
from ledger.auditing.verifier.fold import Fold
from ledger.auditing.verifier.package import rows
from ledger.auditing.verifier.tree import Frontier, leaf_hash

KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"the log's key").digest())
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a forger's key").digest())
BOOK = "demo"
ORIGIN = f"ledger.example/{BOOK}"


def vkey(key: Ed25519PrivateKey = KEY) -> str:
    return notes.vkey(ORIGIN, key.public_key().public_bytes_raw())


def signed(size: int, root: bytes, key: Ed25519PrivateKey = KEY) -> str:
    """The note of a checkpoint."""
    body = notes.body(ORIGIN, size, root)
    return notes.signed(body, ORIGIN, key.public_key().public_bytes_raw(), key.sign(body.encode()))


def canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Leaf:
    """A leaf with its opening; without salt where that was destroyed."""

    line: dict[str, Any]
    texts: dict[str, str]
    salt: bytes | None

    @property
    def text(self) -> str:
        return canonical(self.line)


@dataclass
class _Account:
    code: str
    account_class: str
    unit: str
    holder: str = ""
    number: int = 0
    balance: int = 0


@dataclass
class Ledger:
    """Makes the leaves of a book, one after the other, always valid."""

    seed: int = 8
    random: random.Random = field(init=False)
    accounts: dict[str, _Account] = field(default_factory=dict)
    vouchers: dict[str, int] = field(default_factory=dict)
    now: datetime.datetime = datetime.datetime(2026, 1, 2, 1, 0, tzinfo=datetime.UTC)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def event(self, kind: str, facts: dict[str, str], texts: dict[str, str] | None = None) -> Leaf:
        salt, texts = self.random.randbytes(16), texts or {}
        line = {
            "actor": "user:1",
            "at": self._instant(self.now),
            "book": BOOK,
            "commitment": _commitment(salt, texts),
            "facts": facts,
            "id": self._id(),
            "kind": kind,
            "type": "event",
            "v": "1",
        }
        return Leaf(line, texts, salt)

    def open(self, code: str, account_class: str, unit: str, name: str, holder: str = "", floor: str = "") -> Leaf:
        self.accounts[code] = _Account(code, account_class, unit, holder)
        facts = {"account": code, "class": account_class, "scale": "0", "unit": unit}
        facts |= {"holder": holder} if holder else {}
        facts |= {"floor": floor} if floor else {}
        return self.event("account_opened", facts, {"name": name})

    def post(
        self, kind: str, legs: Sequence[tuple[str, str, int]], description: str, *, erased: bool = False, **more: str
    ) -> Leaf:
        """`legs`: account, side, amount. `more`: approver, correction, corrects, request."""
        self.now += datetime.timedelta(seconds=self.random.randrange(1, 50))
        happened = self.now - datetime.timedelta(hours=self.random.randrange(0, 30))
        entries = []
        for code, side, amount in legs:
            account = self.accounts[code]
            account.number += 1
            is_debit = account.account_class in ("asset", "expense", "memo_debit")
            account.balance += amount if is_debit == (side == "debit") else -amount
            entries.append(
                {
                    "account": code,
                    "balance": str(account.balance),
                    side: str(amount),
                    "number": str(account.number),
                    "unit": account.unit,
                }
            )
        year = str(_shanghai(self.now).year)
        self.vouchers[year] = self.vouchers.get(year, 0) + 1
        salt = self.random.randbytes(16)
        texts = {"description": description, "key": f"key-{self.vouchers[year]}"}
        line = {
            "actor": f"user:{self.random.randrange(1, 9)}",
            "book": BOOK,
            "client": "import" if self.random.random() < 0.1 else "user:3",
            "commitment": _commitment(salt, texts),
            "effective_at": self._instant(happened),
            "effective_on": _shanghai(happened).date().isoformat(),
            "entries": entries,
            "id": self._id(),
            "kind": kind,
            "recorded_at": self._instant(self.now),
            "type": "transaction",
            "v": "1",
            "voucher": f"{year}-{self.vouchers[year]}",
            **more,
        }
        return Leaf(line, texts, None if erased else salt)

    def _id(self) -> str:
        stamp = int(self.now.timestamp() * 1000)
        return str(uuid.UUID(int=stamp << 80 | 7 << 76 | self.random.getrandbits(12) << 64 | 2 << 62
                             | self.random.getrandbits(62)))  # fmt: skip

    def _instant(self, at: datetime.datetime) -> str:
        return f"{at:%Y-%m-%dT%H:%M:%S}.{self.random.randrange(10**6):06}Z"


def _shanghai(at: datetime.datetime) -> datetime.datetime:
    return at + datetime.timedelta(hours=8)


def _commitment(salt: bytes, texts: dict[str, str]) -> str:
    return hashlib.sha256(salt + canonical(texts).encode()).hexdigest()


def book(transactions: int, *, volunteers: int = 20, seed: int = 8, erased: bool = True) -> Iterator[Leaf]:
    """The leaves of a book: openings of accounts, rewards, redemptions, hours, reversals, refunds, closed months; the
    first volunteer has been erased (if `erased`)."""
    ledger = Ledger(seed)
    pick = ledger.random
    yield ledger.open("5100", "expense", "PT", "奖励支出")
    yield ledger.open("2300.shop", "liability", "PT", "小店")
    yield ledger.open("9110.ORG", "memo_debit", "MIN", '组织, "甲"')
    for number in range(volunteers):
        holder = f"volunteer:{number}"
        yield ledger.open(f"2100.v{number:04}", "liability", "PT", f"志愿者 {number}", holder, "0")
        yield ledger.open(f"9200.v{number:04}", "memo_credit", "MIN", f"志愿者 {number} 时长", holder)
    yield ledger.event("role_granted", {"role": "operator", "role_id": "1", "user": "user:3"})
    yield ledger.event("version_approved", {"digest": "ab" * 32, "of": "rule_sets", "version": "1"})
    recent: list[tuple[dict[str, Any], bool]] = []
    done = 0
    month = "2026-01"
    while done < transactions:
        number = pick.randrange(volunteers)
        wallet, is_erased = f"2100.v{number:04}", erased and number == 0
        chance = pick.random()
        if chance < 0.3:
            minutes = pick.randrange(30, 300)
            legs = [("9110.ORG", "debit", minutes), (f"9200.v{number:04}", "credit", minutes)]
            leaf = ledger.post("hours", legs, "社区服务", erased=is_erased)
        elif chance < 0.75 or ledger.accounts[wallet].balance < 10:
            legs = [("5100", "debit", points := pick.randrange(10, 90)), (wallet, "credit", points)]
            description = f"奖励, 第 {done} 笔; 好" + '"' * (done % 50 == 3)
            leaf = ledger.post("reward", legs, description, erased=is_erased, approver="user:4")
        else:
            points = pick.randrange(1, ledger.accounts[wallet].balance + 1)
            legs = [(wallet, "debit", points), ("2300.shop", "credit", points)]
            request = "r\\1" if done % 100 == 7 else f"r-{done}"  # as good as none needs an escape
            leaf = ledger.post("redemption", legs, "兑换 大米", erased=is_erased, request=request)
        recent = [(leaf.line, is_erased), *recent[:7]]
        yield leaf
        done += 1
        if done < transactions and pick.random() < 0.03:
            original, is_erased = recent.pop(pick.randrange(len(recent)))
            sides = {"debit": "credit", "credit": "debit"}
            legs = [
                (each["account"], sides[side], int(each[side]))
                for each in original["entries"]
                for side in ("debit", "credit")
                if side in each
            ]
            more = {"correction": "reversal", "corrects": original["id"]}
            yield ledger.post("reversal", legs, "录错", erased=is_erased, **more)
            done += 1
        if (reached := ledger.now.isoformat()[:7]) != month:
            last = (datetime.date.fromisoformat(f"{reached}-01") - datetime.timedelta(days=1)).isoformat()
            yield ledger.event("period_closed", {"closed_through": last, "period": month})
            month = reached
    if erased:
        yield ledger.event("erased", {"holder": "volunteer:0"})
    yield ledger.event("account_status", {"account": "2300.shop", "status": "frozen"})


def write(
    folder: Path,
    leaves: Iterable[Leaf],
    *,
    checkpoints: Sequence[int] = (),
    from_: str = "",
    to: str = "",
    key: Ed25519PrivateKey = KEY,
) -> Path:
    """Writes a package as the service does; answers its folder. `checkpoints`: sizes of earlier ones."""
    for name in ("log", "csv", "journal", "hledger", "beancount"):
        (folder / name).mkdir(parents=True)
    fold, frontier, roots = Fold(BOOK, from_, to), Frontier(), {0: Frontier().root()}
    reversed_: set[str] = set()
    number = -1
    with contextlib.ExitStack() as stack:
        log = openings = None
        index = -1
        for index, leaf in enumerate(leaves):
            if index % parts.LEAVES == 0:
                number += 1
                log = stack.enter_context(_new(folder / parts.log_path(number)))
                openings = stack.enter_context(_new(folder / parts.openings_path(number)))
            assert log is not None
            assert openings is not None
            text = leaf.text
            log.write(text + "\n")
            opening: dict[str, object] = {"index": str(index)}
            if leaf.salt is not None:
                opening |= {"salt": leaf.salt.hex(), "texts": leaf.texts}
            openings.write(canonical(opening) + "\n")
            frontier.append(leaf_hash(text.encode()))
            if index + 1 in checkpoints:
                roots[index + 1] = frontier.root()
            if leaf.line.get("correction") == "reversal":
                reversed_.add(leaf.line["corrects"])
            fold.add(index, leaf.line, leaf.texts if leaf.salt is not None else None)
        size = index + 1
    root = frontier.root()
    _details(folder, number + 1, reversed_, from_, to)
    scope = plaintext.scope_of(fold, from_ or None, to or None)
    _derived(folder, number + 1, scope, from_, to)
    for path, text in projections.table_texts(fold, from_, to):
        with open(folder / path, "a", encoding="utf-8", newline="") as file:
            file.write(text)
    _text(folder / "journal/accounts.csv", "".join(plaintext.accounts_csv(scope.accounts)))
    _text(folder / "checkpoint.txt", signed(size, root, key))
    roots[size] = root
    earlier = [
        {"note": signed(at, roots[at], key), "root": _b64(roots[at]), "size": str(at)} for at in sorted(roots)[1:]
    ]
    _text(folder / "checkpoints.jsonl", "".join(f"{canonical(each)}\n" for each in earlier))
    _text(folder / "vkey.txt", vkey(key) + "\n")
    _text(folder / "README.txt", "读我\n")
    _text(folder / "datapackage.json", "{}\n")
    shutil.copytree(Path(verifier.__file__).parent, folder / "verify", ignore=shutil.ignore_patterns("__pycache__"))
    totals = [{"unit": u, "debits": d, "credits": c, "entries": n} for u, (d, c, n) in sorted(fold.totals.items())]
    manifest: dict[str, object] = {
        "format": "meide-package/1",
        "book": BOOK,
        "name": "示范",
        "origin": ORIGIN,
        "vkey": vkey(key),
        "size": size,
        "root": _b64(root),
        "from": from_ or None,
        "to": to or None,
        "created_at": "2026-11-22T00:00:00Z",
        "software": "meide-ledger 0",
        "leaves": size,
        "transactions": fold.transactions,
        "events": fold.events_in_all,
        "totals": totals,
        "files": [],
    }
    _text(folder / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1))
    refit(folder)
    return folder


def refit(folder: Path) -> None:
    """Makes the list of files in the manifest fit what is there, as a forger would."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"] = [
        {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "rows": rows(name, _lines(data))}
        for each in sorted(folder.rglob("*"))
        if each.is_file() and (name := each.relative_to(folder).as_posix()) != "manifest.json"
        for data in (each.read_bytes(),)
    ]
    _text(path, json.dumps(manifest, ensure_ascii=False, indent=1))


def _lines(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n") and data != b"")


def _new(path: Path) -> Any:
    return open(path, "w", encoding="utf-8", newline="")


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _transactions(folder: Path, segments: int, from_: str, to: str) -> Iterator[tuple[int, int, str, Any, Any]]:
    """Segment, leaf, leaf hash, line and texts of what lies between the days."""
    for number in range(segments):
        with (
            open(folder / parts.log_path(number), encoding="utf-8", newline="\n") as log,
            open(folder / parts.openings_path(number), encoding="utf-8", newline="\n") as openings,
        ):
            for index, (text, opening) in enumerate(zip(log, openings, strict=True), number * parts.LEAVES):
                line = json.loads(text)
                if line["type"] == "transaction" and projections.is_between(line["effective_on"], from_, to):
                    leaf = leaf_hash(text[:-1].encode()).hex()
                    yield number, index, leaf, line, json.loads(opening).get("texts")


def _details(folder: Path, segments: int, reversed_: set[str], from_: str, to: str) -> None:
    of_segments = groupby(_transactions(folder, segments, from_, to), lambda found: found[0])
    for number in range(segments):
        _text(folder / parts.details_path(number), projections.GL_HEADER)
    for number, found in of_segments:
        with open(folder / parts.details_path(number), "a", encoding="utf-8", newline="") as file:
            for _, index, leaf, line, texts in found:
                file.write(projections.gl_details(index, leaf, line, texts, line["id"] in reversed_))


def _derived(folder: Path, segments: int, scope: plaintext.Scope, from_: str, to: str) -> None:
    accounts = list(scope.accounts)
    hledger, beancount = plaintext.hledger_names(accounts), plaintext.beancount_names(accounts)
    with (
        _new(folder / parts.JOURNAL) as journal,
        _new(folder / parts.HLEDGER) as for_hledger,
        _new(folder / parts.BEANCOUNT) as for_beancount,
    ):
        journal.write(plaintext.JOURNAL_HEADER)
        for_hledger.writelines(plaintext.hledger_head(scope))
        for_beancount.writelines(plaintext.beancount_head(scope))
        for _, _, _, line, texts in _transactions(folder, segments, from_, to):
            journal.write(plaintext.journal_rows(line, texts))
            for_hledger.write(plaintext.hledger_entry(line, texts, hledger))
            for_beancount.write(plaintext.beancount_entry(line, texts, beancount))
        for_hledger.writelines(plaintext.hledger_tail(scope))
        for_beancount.writelines(plaintext.beancount_tail(scope))
