"""What a package says of itself: README.txt and datapackage.json, the data dictionary."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from ledger.auditing.formats import derived
from ledger.auditing.verifier import plaintext, projections
from ledger.days import day_of


def readme(book: str, name: str, created_at: datetime, size: int) -> str:
    """README.txt: what is in the folder and how to verify it, in Chinese and English."""
    return _README.format(book=book, name=name, day=day_of(created_at).isoformat(), size=size)


def dictionary(book: str, name: str, segments: Iterable[int]) -> str:
    """datapackage.json (Frictionless Data Package): each table, each column, what it means, and whose name it is."""
    details = [f"csv/GL_Details-{number:06d}.csv" for number in segments]
    tables = [_table(details, projections.GL_COLUMNS)] if details else []
    tables += [_table(path, columns) for path, columns in projections.TABLES.items()]
    for path, header in (
        (derived.ACCOUNTS_FILE, plaintext.ACCOUNTS_HEADER),
        (derived.JOURNAL_FILE, plaintext.JOURNAL_HEADER),
    ):
        tables.append(_table(path, header.strip().split(",")))
    package = {
        "profile": "tabular-data-package",
        "name": f"meide-{book.lower()}",
        "title": name,
        "description": "美德账本审计包；金额都是最小单位的整数。"
        "An audit package; amounts are whole numbers in the unit's smallest unit.",
        "resources": tables,
    }
    return json.dumps(package, ensure_ascii=False, indent=1) + "\n"


def _table(path: str | Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    first = path if isinstance(path, str) else path[0]
    stem = first.rpartition("/")[2].removesuffix(".csv").partition("-")[0]
    title, key = _TABLES[stem]
    of_table = _JOURNAL if first.startswith("journal/") else _COLUMNS
    schema: dict[str, Any] = {"fields": [_field(name, of_table[name]) for name in columns], "missingValues": [""]}
    if key:
        schema["primaryKey"] = list(key)
    return {
        "name": stem.lower().replace("_", "-"),
        "path": path if isinstance(path, str) else list(path),
        "title": title,
        "profile": "tabular-data-resource",
        "encoding": "utf-8",
        "format": "csv",
        "dialect": {"delimiter": ",", "lineTerminator": "\n", "quoteChar": '"', "doubleQuote": True, "header": True},
        "schema": schema,
    }


def _field(name: str, column: tuple[str, str, str, str]) -> dict[str, str]:
    kind, chinese, english, standard = column
    described = {"name": name, "type": kind, "title": chinese, "description": f"{chinese}。{english}"}
    return described | ({"standard": standard} if standard else {})


_ISO: Final = "ISO 21378"
_BOTH: Final = "ISO 21378; AICPA ADS"
_ADS: Final = "AICPA ADS"

_TABLES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "GL_Details": ("分录明细 Journal entry lines", ("Journal_ID", "Journal_ID_Line_Number")),
    "BAS_Chart_Of_Accounts": ("会计科目 Chart of accounts", ("GL_Account_Number",)),
    "BAS_Accounting_Period": ("会计期间 Accounting periods", ("Accounting_Period",)),
    "BAS_Measurement_Unit": ("计量单位 Units", ("Measurement_Unit_Code",)),
    "BAS_User": ("操作人 Who acted", ("User_ID",)),
    "BAS_Journal_Entry_Type": ("凭证类型 Journal entry types", ("JE_Type_Code",)),
    "GL_Trial_Balance": ("科目余额表 Trial balance", ("GL_Account_Number", "Accounting_Period")),
    "GL_Trial_Balance_Totals": (
        "余额表合计（期初、期末都应为零） Totals of the trial balance, zero at both ends",
        ("Functional_CUR_Code", "Accounting_Period"),
    ),
    "Actor_Log": ("操作日志 Events other than openings of accounts", ("Leaf_Index",)),
    "accounts": ("日记账格式的科目 Accounts of the journal format", ("code",)),
    "journal": ("日记账格式的分录 Entries in the journal format", ()),
}

_COLUMNS: Final[dict[str, tuple[str, str, str, str]]] = {
    "Journal_ID": ("string", "记账编号", "The transaction's id", _BOTH),
    "Journal_Number": ("string", "凭证号：年-号，每年从 1 起不断号", "Voucher number: year and number, no gaps", _ISO),
    "Journal_ID_Line_Number": ("integer", "凭证行号，从 1 起", "Line within the transaction, from 1", _BOTH),
    "JE_Type_Code": ("string", "凭证类型", "Kind of transaction", _ISO),
    "Journal_Count": ("integer", "这一类型的凭证数", "How many transactions are of this kind", ""),
    "Fiscal_Year": ("string", "会计年度（按业务日期）", "Year of the effective day", _BOTH),
    "Accounting_Period": ("string", "会计期间 YYYY-MM（按业务日期）", "Month of the effective day", _BOTH),
    "Effective_Date": ("date", "业务日期（北京时间）", "Day on which it happened, in Asia/Shanghai", _BOTH),
    "Business_Unit_Code": ("string", "账本编号", "The book", _BOTH),
    "GL_Account_Number": ("string", "科目编号", "The account's code", _BOTH),
    "Functional_Amount": (
        "integer",
        "金额，总为正数，最小单位",
        "Amount, always above zero, in the smallest unit",
        _BOTH,
    ),
    "Functional_CUR_Code": ("string", "计量单位", "The unit (points, minutes, fen)", _BOTH),
    "Credit_Debit_Indicator": ("string", "借贷标志：D 借，C 贷", "D debit, C credit", _BOTH),
    "Entry_Number": ("integer", "科目内分录号，从 1 起不断号", "Number of the entry on its account, no gaps", ""),
    "Balance_After": (
        "integer",
        "记账后科目余额（按余额方向）",
        "Balance of the account after it, on its normal side",
        "",
    ),
    "JE_Header_Description": ("string", "摘要；删除个人信息后为空", "Description; empty once erased", _BOTH),
    "Source": ("string", "来源（哪个用户、设备或程序）", "The client whose key it was posted under", _BOTH),
    "Reversal_Indicator": ("string", "1 冲销凭证；2 已被冲销", "1 is a reversal; 2 has been reversed", _BOTH),
    "Reversal_Journal_ID": ("string", "被冲销的凭证", "The transaction that it reverses", _BOTH),
    "Correction": ("string", "更正方式：reversal 冲销、refund 退货、clawback 追回", "How it corrects another", ""),
    "Corrects": ("string", "被更正的凭证", "The transaction that it corrects", ""),
    "Created_User_ID": ("string", "制单人", "Who posted it", _ISO),
    "Created_Date": ("date", "记账日期（UTC）", "Day of recording, UTC", _ISO),
    "Created_Time": ("string", "记账时间（UTC，到微秒）", "Time of recording, UTC, in microseconds", _ISO),
    "Approved_User_ID": ("string", "审核人", "Who approved it", _ISO),
    "Leaf_Index": ("integer", "在日志中的位置，从 0 起", "Its leaf of the log, from 0", ""),
    "Leaf_Hash": ("string", "叶子哈希：SHA-256(0x00 ‖ 日志行)", "SHA-256 of a zero byte and the log line, in hex", ""),
    "GL_Account_Name": ("string", "科目名称", "The account's name", _BOTH),
    "Account_Type": ("string", "科目类型", "asset, liability, equity, income, expense, memo_debit, memo_credit", _BOTH),
    "Account_Subtype": ("string", "科目用途（如 wallet 积分钱包）", "What it is for, of accounts of the chart", _BOTH),
    "Parent_GL_Account_Number": ("string", "上级科目", "The account above it", _BOTH),
    "Normal_Balance": ("string", "余额方向：D 借，C 贷", "Its normal side", ""),
    "Floor": ("integer", "最低余额；空为不限", "The balance may not go below it; empty: no floor", ""),
    "Holder": ("string", "持有人内部编号（不含个人信息）", "Whose it is: a number that means nothing elsewhere", ""),
    "Status": ("string", "状态：open、frozen、closed", "open, frozen or closed", ""),
    "Period_Begin_Date": ("date", "期间起始日", "First day", _BOTH),
    "Period_End_Date": ("date", "期间结束日", "Last day", _BOTH),
    "Closed": ("string", "1 已结账", "1: closed", ""),
    "Measurement_Unit_Code": ("string", "计量单位", "The unit's code", _ISO),
    "Scale": ("integer", "显示时的小数位数", "Digits after the decimal point when shown", ""),
    "User_ID": ("string", "操作人编号", "Who acted or approved", _ISO),
    "User_Type": (
        "string",
        "操作人种类：user 用户、token 程序、till 收银机、room 系统",
        "What kind of actor it is",
        "",
    ),
    "Balance_As_Of_Date": ("date", "余额日期", "The day at whose end the balance is", _ADS),
    "Beginning_Functional_Amount": (
        "integer",
        "期初余额（借减贷）",
        "Balance at the beginning, debits less credits",
        _ISO,
    ),
    "Debit_Functional_Amount": ("integer", "本期借方", "Debits of the period", ""),
    "Credit_Functional_Amount": ("integer", "本期贷方", "Credits of the period", ""),
    "Ending_Functional_Amount": ("integer", "期末余额（借减贷）", "Balance at the end, debits less credits", _ISO),
    "Event_ID": ("string", "事件编号", "The event's id", ""),
    "Event_Type": ("string", "事件种类", "What happened", ""),
    "Facts": ("object", "事件内容（JSON）", "What the log says of it, as JSON", ""),
}

_JOURNAL: Final[dict[str, tuple[str, str, str, str]]] = {
    "code": ("string", "科目编号", "The account's code", ""),
    "name": ("string", "科目名称", "The account's name", ""),
    "class": ("string", "科目类型", "The account's class", ""),
    "unit": ("string", "计量单位", "The unit", ""),
    "floor": ("integer", "最低余额；空为不限", "The balance may not go below it; empty: no floor", ""),
    "key": ("string", "幂等键；同键各行是一笔", "Idempotency key: lines of one key are one transaction", ""),
    "date": ("date", "业务日期", "The effective day", ""),
    "kind": ("string", "凭证类型", "Kind of transaction", ""),
    "description": ("string", "摘要", "Description", ""),
    "account": ("string", "科目编号", "The account's code", ""),
    "debit": ("integer", "借方金额", "Debit", ""),
    "credit": ("integer", "贷方金额", "Credit", ""),
}

_README: Final = """美德账本 审计包
账本：{name}（{book}）    日期：{day}    日志行数：{size}

一、这是什么
这个文件夹是账本的全部封存日志，以及由日志推算出来的各种账表。日志的每一行是一笔记账或一件大事，
各行的哈希构成一棵只增不改的树（RFC 6962）；checkpoint.txt 是对这棵树的签名。改动、删除、插入、
调换任何一行，都会被查出来。您不必相信我们，也不必相信导出它的程序。

二、怎样核对（不需要联网，不需要安装）
1. 装有 Python 3.9 以上的电脑：在本文件夹里打开终端，输入
       python3 verify .
2. 装有美德账本的电脑：meide verify 本文件夹
3. 请再用别处得到的公钥和检查点比对（网站公布的、印在纸上的、您以前保存的）：
       python3 verify . --key 公钥 --checkpoint 检查点文件
   不比对时，只能说明它自己前后一致。
4. 只用 openssl 核对签名：见下面英文部分的命令。

三、里面有什么
manifest.json         全部文件的大小、哈希、行数，各单位的借贷合计（最后写成；没有它就不完整）
checkpoint.txt        签名的检查点；checkpoints.jsonl 是以前公布过的全部检查点；vkey.txt 是公钥
log/entries-*.jsonl   日志各行，一行一个叶子
log/openings-*.jsonl  摘要等文字和它们的盐；依法删除个人信息后，那里只剩编号，哈希不变
csv/                  会计科目、期间、单位、操作人、凭证类型、分录明细、余额表、操作日志
                      列名用 ISO 21378 / AICPA 审计数据标准；每一列的含义见 datapackage.json
journal/              可以重新导入的日记账；hledger/、beancount/ 可用这些开源软件打开
verify/               核对程序，只用 Python 标准库，可以逐行阅读

金额都是最小单位的整数；业务日期是北京时间，记账时间是 UTC。

----------------------------------------------------------------------------------------------------

Meide Ledger: audit package
Book: {book}    Day: {day}    Leaves: {size}

What it is
The whole sealed log of a book, and tables that are derived from it. Each line of the log is a transaction or an event;
the hashes of the lines make a tree that only grows (RFC 6962), and checkpoint.txt signs it. Whatever is changed, lost,
added or moved is found. You need not trust us, nor the program that exported this.

How to verify it, without a network and without installing anything
1. With Python 3.9 or newer, in this folder:      python3 verify .
2. With Meide Ledger:                             meide verify THIS-FOLDER
3. Compare it with a key and a checkpoint that you have from elsewhere (published, printed, kept from last time):
       python3 verify . --key VKEY --checkpoint FILE
   Without them it can only be said to be consistent in itself.
4. The signature with openssl alone (bash). The text that is signed is the first three lines of checkpoint.txt; its
   last line ends in a base64 word: four bytes of the key's id, then the signature. vkey.txt ends, after the second +,
   in a base64 word too: one byte (1, Ed25519), then the public key.
       head -n 3 checkpoint.txt > text
       tail -n 1 checkpoint.txt | sed 's/.* //' | openssl base64 -d -A | tail -c 64 > signature
       (printf '302a300506032b6570032100' | xxd -r -p;
        sed 's/^[^+]*+[^+]*+//' vkey.txt | openssl base64 -d -A | tail -c 32) > key.der
       openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature

What is in it
manifest.json         all files with size, digest and rows, totals of each unit; written last: without it this is half
checkpoint.txt        the signed checkpoint; checkpoints.jsonl: all that were published; vkey.txt: the public key
log/entries-*.jsonl   the lines, a leaf each
log/openings-*.jsonl  what the lines keep hidden (descriptions, names), with the salts; erased ones are gone, and no
                      hash changes
csv/                  chart, periods, units, users, entry types, GL_Details, trial balance, actor log, with the names of
                      ISO 21378 and of the AICPA's audit data standard; datapackage.json explains each column
journal/              the journal format, to be imported again; hledger/ (also for ledger) and beancount/
verify/               the verifier: nothing but Python's standard library, to be read line by line

Amounts are whole numbers in the smallest unit; effective days are of Asia/Shanghai, times of recording UTC.
"""
