"""What is wrong with a package: each kind of damage has a code, a sentence in two languages, and a place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

MOST = 20
"""How many of one kind in one file are told one by one; the others are counted."""


@dataclass(frozen=True)
class Finding:
    """One damage (or, if its code is in NOTICES, something worth knowing), and as much of its place as there is.

    `line`: in the file, from 1 (0: none). `leaf`: of the log, from 0 (-1: none). `item`: transaction or event.
    `found`, `expected`: what stands there, and what should.
    """

    code: str
    file: str = ""
    line: int = 0
    leaf: int = -1
    item: str = ""
    account: str = ""
    number: str = ""
    unit: str = ""
    column: str = ""
    found: str = ""
    expected: str = ""

    def facts(self) -> dict[str, str | int]:
        """What is known of it, without what is not."""
        return {name: value for name, value in asdict(self).items() if value not in ("", -1) and (name, value) != _NO}

    def place(self, chinese: bool) -> str:
        """Where it is, in words."""
        words = _PLACES[0] if chinese else _PLACES[1]
        return (" " if chinese else ", ").join(
            [words[name].format(value) for name, value in self.facts().items() if name in words]
        )

    def sentence(self, chinese: bool) -> str:
        """What is wrong, in words, with what was found and expected."""
        text = CODES[self.code][0 if chinese else 1]
        if self.found or self.expected:
            found, expected = _short(self.found), _short(self.expected)
            if not self.expected:
                text += f"：“{found}”" if chinese else f': "{found}"'
            else:
                text += f"：是“{found}”，应为“{expected}”" if chinese else f': "{found}" instead of "{expected}"'
        return text


_NO = ("line", 0)
_PLACES = (
    {
        "file": "{}",
        "line": "第 {} 行",
        "leaf": "叶 {}",
        "item": "编号 {}",
        "account": "账户 {}",
        "number": "第 {} 号",
        "unit": "单位 {}",
        "column": "列 {}",
    },
    {
        "file": "{}",
        "line": "line {}",
        "leaf": "leaf {}",
        "item": "id {}",
        "account": "account {}",
        "number": "number {}",
        "unit": "unit {}",
        "column": "column {}",
    },
)

CODES: dict[str, tuple[str, str]] = {
    # the package as a whole
    "download_incomplete": ("下载不完整，请重新下载", "the download is not complete; please download it again"),
    "manifest_unreadable": ("清单无法读取", "the manifest cannot be read"),
    "manifest_contradicts": ("清单与包的内容不符", "the manifest contradicts the package"),
    "file_missing": ("文件缺失", "the file is missing"),
    "file_extra": ("多出的文件，不属于本包", "the file does not belong to the package"),
    "file_size": ("文件大小与清单不符", "the file's size is not what the manifest says"),
    "file_digest": ("文件的摘要与清单不符", "the file's digest is not what the manifest says"),
    "file_rows": ("文件行数与清单不符", "the file's number of rows is not what the manifest says"),
    "file_unreadable": ("文件无法读取", "the file cannot be read"),
    # signatures and roots
    "key_unreadable": ("验证公钥无法读取", "the verification key cannot be read"),
    "key_differs": ("包内公钥与已公布的公钥不同", "the package's key is not the published key"),
    "checkpoint_unreadable": ("检查点无法读取", "the checkpoint cannot be read"),
    "checkpoint_unsigned": ("检查点没有该公钥的有效签名", "the checkpoint is not validly signed with the key"),
    "checkpoint_origin": ("检查点属于另一本日志", "the checkpoint is of another log"),
    "checkpoint_size": ("日志的行数与检查点不符", "the log has not as many lines as the checkpoint says"),
    "checkpoint_root": (
        "日志内容与检查点的根值不符：日志被改动",
        "the log does not have the root that the checkpoint says: it was altered",
    ),
    "log_altered": (
        "日志在这两叶之间被改动（前一检查点仍相符，后一检查点不符）",
        "the log was altered between these leaves (the checkpoint before still fits, the one after does not)",
    ),
    "earlier_unreadable": ("较早的检查点无法读取", "an earlier checkpoint cannot be read"),
    "earlier_unsigned": (
        "较早的检查点没有该公钥的有效签名",
        "an earlier checkpoint is not validly signed with the key",
    ),
    "earlier_contradicts": (
        "检查点的数值与其签名文本不符",
        "an earlier checkpoint's figures are not those of its signed text",
    ),
    "earlier_origin": ("较早的检查点属于另一本日志", "an earlier checkpoint is of another log"),
    "earlier_no_prefix": (
        "较早的检查点不是本日志的开头部分",
        "an earlier checkpoint is not of the beginning of this log",
    ),
    "earlier_order": ("检查点没有按大小排列", "the checkpoints do not grow from line to line"),
    "earlier_last": ("最后一个检查点不是本包的检查点", "the last of the checkpoints is not the package's"),
    "published_unreadable": ("已公布的检查点无法读取", "the published checkpoint cannot be read"),
    "published_unsigned": (
        "已公布的检查点没有该公钥的有效签名",
        "the published checkpoint is not validly signed with the key",
    ),
    "published_origin": ("已公布的检查点属于另一本日志", "the published checkpoint is of another log"),
    "published_differs": (
        "本包的日志与已公布的检查点不符：历史被改写",
        "the package's log does not begin as the published checkpoint says: history was rewritten",
    ),
    "published_missing": (
        "本包的检查点中没有已公布的这一个",
        "the published checkpoint is not among those of the package",
    ),
    "published_newer": (
        "已公布的检查点比本包更新，无法比较；请用较早的检查点或较新的包",
        "the published checkpoint is newer than the package: take an older one, or a newer package",
    ),
    # lines of the log
    "line_not_json": ("日志行不是 JSON", "the line is not JSON"),
    "line_not_canonical": ("日志行不是规范写法", "the line is not written the one canonical way"),
    "line_malformed": ("日志行的内容不合规定", "the line does not say what a line must say"),
    "line_book": ("日志行属于另一账本", "the line is of another book"),
    "line_count": ("日志文件的行数不对", "the log file has not as many lines as it must"),
    "day_wrong": ("记账日与时刻不符", "the effective day is not the day of its instant in Shanghai"),
    "id_twice": ("同一编号出现两次", "the id occurs twice"),
    "voucher_gap": ("凭证号不连续", "the voucher number does not follow the one before"),
    "unbalanced": ("借贷不平", "debits and credits differ"),
    "amount_not_positive": ("金额不是正整数", "the amount is not a positive whole number"),
    "account_unknown": ("账户从未开立", "the account was never opened"),
    "account_twice": ("账户开立了两次", "the account was opened twice"),
    "account_unit": ("单位不是该账户的单位", "the unit is not the account's"),
    "number_gap": ("账户的分录号缺失", "an entry number of the account is missing"),
    "number_twice": ("账户的分录号重复", "an entry number of the account occurs twice"),
    "balance_wrong": ("余额与上一笔不衔接", "the balance does not follow from the one before"),
    "corrects_unknown": ("所更正的交易不在日志中", "what it corrects is not in the log"),
    "reversal_no_mirror": ("冲销分录与原交易不相反", "the reversal is not the mirror image of what it reverses"),
    "reversed_twice": ("同一交易被冲销两次", "the transaction is reversed twice"),
    "reversal_reversed": ("冲销本身又被冲销", "a reversal is reversed"),
    # openings
    "opening_malformed": ("摘要原文行无法读取", "the opening cannot be read"),
    "opening_wrong": ("摘要原文与日志中的承诺值不符", "the opening does not fit the line's commitment"),
    "opening_missing": ("缺少这一叶的摘要原文", "the leaf has no opening"),
    "opening_superfluous": ("摘要原文不属于任何日志行", "the opening belongs to no line of the log"),
    "opening_index": ("摘要原文的叶号不对", "the opening names another leaf"),
    # what is derived from the log
    "cell_differs": ("表格单元与日志不符", "the cell is not what the log says"),
    "row_missing": ("按日志应有的行缺失", "a row is missing that the log says"),
    "row_superfluous": ("多出的行，日志中没有", "the row is not in the log"),
    "text_differs": ("文本行与日志不符", "the line is not what the log says"),
    # worth knowing
    "opening_gone": (
        "摘要原文已空，但日志中没有相应的个人信息删除事件",
        "the opening is empty, and no event of the log tells of an erasure that it belongs to",
    ),
    "below_floor": ("余额低于账户下限", "the balance is below the account's floor"),
    "verifier_differs": (
        "包内的验证程序与正在运行的不同",
        "the package's verifier is not the one that is running",
    ),
}
"""Code → what it means, Chinese and English."""

NOTICES = frozenset({"below_floor", "opening_gone", "verifier_differs"})
"""The codes of what does not make a package wrong. An opening may be gone by an erasure that was sealed a moment after
the package's checkpoint."""


class Findings:
    """Findings, of which many of one kind in one file are only counted."""

    def __init__(self, found: Iterable[Finding] = ()) -> None:
        self.told: list[Finding] = []
        self.counts: dict[tuple[str, str], int] = {}
        for each in found:
            self.add(each)

    def add(self, finding: Finding) -> None:
        """Adds one."""
        key = (finding.code, finding.file)
        count = self.counts.get(key, 0)
        self.counts[key] = count + 1
        if count < MOST:
            self.told.append(finding)

    def merge(self, other: Findings) -> None:
        """Adds those of another part."""
        for each in other.told:
            if sum(1 for mine in self.told if (mine.code, mine.file) == (each.code, each.file)) < MOST:
                self.told.append(each)
        for key, count in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count

    def untold(self) -> list[tuple[str, str, int]]:
        """Code, file and number of those that were only counted."""
        told: dict[tuple[str, str], int] = {}
        for each in self.told:
            told[each.code, each.file] = told.get((each.code, each.file), 0) + 1
        return [(*key, count - told[key]) for key, count in self.counts.items() if count > told[key]]


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"
