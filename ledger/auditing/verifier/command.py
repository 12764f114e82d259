"""The command line of the verifier where nothing is installed: `python3 verify DIR`, in a package."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from . import telling
from .package import Progress, verify

USAGE = """用法 usage: python3 verify DIR|ZIP|RECEIPT [--key VKEY] [--checkpoint FILE] [--json]

  --key VKEY         已公布的验证公钥，或写有它的文件
                     the published verification key, or a file with it
  --checkpoint FILE  已公布的检查点；可以比本包旧
                     a published checkpoint; it may be older than the package
  --json             给程序读的结果 for programs

退出码 exit code: 0 完好 right, 1 有问题 wrong, 2 用法不对 misused
"""


class Misused(Exception):
    """The command cannot be carried out as it was given; says why."""


def main(arguments: Sequence[str]) -> int:
    """Carries out a command; answers its exit code: 0 right, 1 wrong, 2 misused."""
    if any(each in ("-h", "--help") for each in arguments):
        sys.stdout.write(USAGE)
        return 0
    try:
        path, key, checkpoint, for_programs = _read(arguments)
        bar = _bar if sys.stderr.isatty() and not for_programs else None
        well, lines, said = carry_out(path, key, checkpoint, bar)
    except Misused as error:
        sys.stderr.write(f"{error}\n\n{USAGE}")
        return 2
    if bar is not None:
        sys.stderr.write("\r" + " " * 40 + "\r")
    sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n" if for_programs else "\n".join([*lines, ""]))
    return 0 if well else 1


def carry_out(
    path: str, key: str | None, checkpoint: str | None, progress: Progress | None
) -> tuple[bool, list[str], dict[str, object]]:
    """Checks a package, a receipt or a promise: whether it is right, lines for people, and the same for programs.

    `key`: a verification key, or a file with one; `checkpoint`: a file. Raises Misused.
    """
    vkey = None if key is None else _key(key)
    note = None if checkpoint is None else _text(checkpoint)
    if not os.path.exists(path):
        raise Misused(f"没有这个文件 there is no {path}")
    if not os.path.isdir(path) and not _is_zip(path):
        return telling.receipt(_text(path), vkey, note)
    try:
        report = verify(path, key=vkey, checkpoint=note, progress=progress)
    except OSError as error:
        raise Misused(f"无法读取 cannot be read: {error}") from error
    return report.is_well, list(telling.told(report)), telling.as_json(report)


def _read(arguments: Sequence[str]) -> tuple[str, str | None, str | None, bool]:
    paths: list[str] = []
    values: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        each = rest.pop(0)
        name, equals, value = each.partition("=")
        if name in ("--key", "--checkpoint"):
            if not equals:
                if not rest:
                    raise Misused(f"{name} 后面缺少内容 needs a value")
                value = rest.pop(0)
            values[name] = value
        elif each == "--json":
            values[each] = each
        elif each.startswith("-") and each != "-":
            raise Misused(f"不认识 unknown: {each}")
        else:
            paths.append(each)
    if len(paths) != 1:
        raise Misused("请给出一个文件夹或文件 name one folder or file")
    return paths[0], values.get("--key"), values.get("--checkpoint"), "--json" in values


def _key(given: str) -> str:
    return _text(given).strip().partition("\n")[0] if os.path.isfile(given) else given


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read(1 << 20)
    except UnicodeDecodeError:
        raise Misused(f"不是文本 is not text: {path}") from None
    except OSError as error:
        raise Misused(f"无法读取 cannot be read: {path}: {error.strerror}") from None


def _is_zip(path: str) -> bool:
    """Whether a file is a package's ZIP, even if it was cut off: it begins as ZIPs do."""
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"PK"
    except OSError as error:
        raise Misused(f"无法读取 cannot be read: {path}: {error.strerror}") from None


def _bar(done: int, total: int) -> None:
    part = done / total if total else 1.0
    sys.stderr.write(f"\r[{'#' * int(30 * part):30}] {part:4.0%}")
    sys.stderr.flush()
