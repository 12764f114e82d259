"""What is told of a verification: to people, Chinese first, and to programs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from . import notes, receipts
from .damage import NOTICES, Finding
from .notes import Key, NotThisForm
from .package import Report
from .receipts import Wrong

NOTHING = ("自身一致，但未与任何已公布的内容比较。", "consistent in itself, compared with nothing published")


def told(report: Report) -> Iterator[str]:
    """Lines for people: what was checked, what is wrong and where, and how it ends."""
    fold = report.fold
    if report.origin:
        yield f"日志 {report.origin}：{report.size} 条，其中交易 {fold.transactions} 笔"
        yield f"log {report.origin}: {report.size} leaves, {fold.transactions} transactions"
        yield f"根 root  {base64.b64encode(report.root).decode()}"
    for unit, (debits, credits, entries) in sorted(fold.totals.items()):
        yield f"{unit}: 借 debits {debits}  贷 credits {credits}  分录 entries {entries}"
    yield ""
    for each in report.findings.told:
        yield from _finding(each)
    for code, file, count in report.findings.untold():
        yield f"  … {file or '—'}: {code} × {count}"
    yield from _end(report)


def _finding(finding: Finding) -> Iterator[str]:
    mark = "※" if finding.code in NOTICES else "✗"
    for chinese in (True, False):
        place, sentence = finding.place(chinese), finding.sentence(chinese)
        start = f"{mark} [{finding.code}] " if chinese else "  "
        yield f"{start}{place}{('：' if chinese else ': ') if place else ''}{sentence}"


def _end(report: Report) -> Iterator[str]:
    count = sum(count for (code, _), count in report.findings.counts.items() if code not in NOTICES)
    if count:
        yield f"审计包有问题：{count} 处。"
        yield f"The package is not right: {count} findings."
        return
    if report.key and report.checkpoint:
        yield "审计包完好，与已公布的公钥和检查点相符。"
        yield "The package is right, and agrees with the published key and checkpoint."
    elif report.key:
        yield "审计包完好，由已公布的公钥签名；未与已公布的检查点比较。"
        yield "The package is right and signed with the published key; it was compared with no published checkpoint."
    elif report.checkpoint:
        yield "审计包完好，与已公布的检查点相符；未与已公布的公钥比较。"
        yield "The package is right and agrees with the published checkpoint; its key was compared with none published."
    else:
        yield from NOTHING


def as_json(report: Report) -> dict[str, Any]:
    """The same for programs."""
    fold = report.fold
    return {
        "well": report.is_well,
        "compared": {"key": report.key, "checkpoint": report.checkpoint},
        "origin": report.origin,
        "size": report.size,
        "root": base64.b64encode(report.root).decode(),
        "transactions": fold.transactions,
        "events": fold.events_in_all,
        "totals": [
            {"unit": unit, "debits": debits, "credits": credits, "entries": entries}
            for unit, (debits, credits, entries) in sorted(fold.totals.items())
        ],
        "findings": [
            {**each.facts(), "notice": each.code in NOTICES, "zh": each.sentence(True), "en": each.sentence(False)}
            for each in report.findings.told
        ],
        "more": [{"code": code, "file": file, "count": count} for code, file, count in report.findings.untold()],
    }


def receipt(text: str, vkey: str | None, published: str | None = None) -> tuple[bool, list[str], dict[str, Any]]:
    """A receipt or a promise, checked: whether it is right, lines for people, and the same for programs.

    `vkey`: the published verification key; `published`: the text of a published checkpoint.
    """
    key: Key | None = None
    wrong: list[Wrong] = []
    if vkey is not None:
        try:
            key = notes.parse_vkey(vkey)
        except NotThisForm as error:
            wrong.append(Wrong("key_unreadable", f"The verification key cannot be read: {error}."))
    wrong += receipts.check_text(text, key)
    if published is not None and not wrong:
        wrong += _against(receipts.read(text), published, key)
    lines = [f"✗ [{each.code}] {each.says}" for each in wrong]
    if wrong:
        lines += ["回执有问题。", "The receipt is not right."]
    elif key is not None or published is not None:
        lines += ["回执属实，与已公布的内容相符。", "The receipt is right, and agrees with what was published."]
    else:
        lines += list(NOTHING)
    said = {
        "well": not wrong,
        "compared": {"key": key is not None, "checkpoint": published is not None},
        "findings": [{"code": each.code, "en": each.says} for each in wrong],
    }
    return not wrong, lines, said


def _against(found: receipts.Receipt | receipts.Promise, published: str, key: Key | None) -> list[Wrong]:
    """What is wrong with a receipt beside a published checkpoint."""
    if isinstance(found, receipts.Promise):
        return [Wrong("checkpoint_of_no_use", "A promise leads to no checkpoint; compare the receipt.")]
    try:
        note = notes.parse(published)
        theirs = notes.checkpoint(note.text)
    except NotThisForm as error:
        return [Wrong("published_unreadable", f"The published checkpoint cannot be read: {error}.")]
    if key is not None and not notes.is_signed(note, key):
        return [Wrong("published_unsigned", "The published checkpoint is not validly signed with the key.")]
    ours = found.checkpoint
    if ours.origin != theirs.origin:
        return [Wrong("other_log", f"The receipt is of the log {ours.origin}, the checkpoint of {theirs.origin}.")]
    if ours.size != theirs.size:
        sizes = f"The receipt leads to the checkpoint of size {ours.size}, the published one is of size {theirs.size}"
        return [Wrong("other_size", f"{sizes}: they cannot be compared.")]
    if ours.root != theirs.root:
        return [Wrong("other_root", "The published checkpoint of this size has another root: history was rewritten.")]
    return []
