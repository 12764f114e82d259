"""What is derived from a usual transaction, made at once and fast.

The very texts that projections.py and plaintext.py make one by one. Usual is what needs neither escapes nor cleaning in
any format. Were these texts ever not the same, a package would be compared once more, by those functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from .plaintext import beancount_names, beancount_unit, hledger_names, hledger_unit

_SEMICOLON = "；".encode().decode("latin-1")
_NO_FLOOR = -(1 << 80)

Entry = tuple[str, str, str, str, str, str]
"""Account, balance, side, amount, number, unit."""


Texts = tuple[str, str, str, str]
"""What a transaction is in GL_Details, in the journal format, for hledger and for beancount, one character a byte."""

_SPACES = tuple(each.encode().decode("latin-1") for each in map(chr, range(0x80, 0x3001)) if each.isspace())
_LAST = frozenset(each[-1] for each in _SPACES) | {" "}


def one_a_byte(text: str) -> str:
    """A text as a string with a character for each byte of its UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")


def ends_in_space(text: str) -> bool:
    """Whether a text, one character a byte, ends in white space of any kind."""
    return text[-1] in _LAST and (text[-1] == " " or text.endswith(_SPACES))


def is_usual(texts: str, description: str) -> bool:
    """Whether texts, as they are written in an opening, need neither escapes nor cleaning in any format."""
    return "\\" not in texts and texts.isprintable() and description != "" and description[-1] != " "


class Kept(NamedTuple):
    """What is asked of an account at each entry: its class, 1 where debits add to it and -1 where credits do, its unit,
    its floor, and whether its holder's personal data were erased."""

    account_class: str
    sign: int
    unit: str
    floor: int | None
    erased: bool


class Held:
    """An account while segments are checked: what is asked of it at each entry, and what its entries come to.

    `month`: the one in which its last entry of this segment was; None: it has had none in this segment.
    `known_unit`: its unit; "" if it was never opened. `number`, `balance`: after the entry before, of the run of
    numbers that began with `first`; -1: there was none. `debits`, `credits`: of `month`, not yet added to it.
    `hledger`, `beancount`, `journal`: how its lines begin and end in these files.
    """

    __slots__ = (
        *("code", "sign", "known_unit", "floor"),
        *("number", "balance", "first", "before", "leaf"),
        *("month", "debits", "credits"),
        *("hledger", "hledger_end", "beancount", "beancount_end", "journal"),
    )

    def __init__(self, code: str, account: Kept | None, unit: str) -> None:
        self.code = code
        self.sign = account.sign if account is not None else 1
        self.known_unit = account.unit if account is not None else ""
        self.floor = account.floor if account is not None and account.floor is not None else _NO_FLOOR
        self.number = self.first = -1
        self.balance = self.before = self.leaf = 0
        self.month: dict[str, int] | None = None
        self.debits = self.credits = 0
        named = [] if account is None else [Named(code, account.account_class, account.unit)]
        self.hledger = one_a_byte(f"    {hledger_names(named)[code]}  ")
        self.beancount = one_a_byte(f"  {beancount_names(named)[code]}  ")
        self.hledger_end, self.beancount_end = _ends(self.known_unit or unit)
        self.journal = one_a_byte(f",{code},{self.known_unit or unit},")


class Named(NamedTuple):
    """As much of an account as its names in the files need."""

    code: str
    account_class: str
    unit: str
    name: str = ""
    floor: int | None = None


@lru_cache(maxsize=1024)
def _ends(unit: str) -> tuple[str, str]:
    return one_a_byte(f" {hledger_unit(unit)}\n"), one_a_byte(f" {beancount_unit(unit)}\n")


def derive(
    index: int,
    leaf: str,
    head: Sequence[Any],
    entries: Sequence[Entry],
    tail: Sequence[Any],
    held: Sequence[Held],
    texts: dict[str, str],
    is_reversed: bool,
) -> Texts:
    """What a usual transaction, of whatever entries, is in the four files.

    `head`, `tail`: the fields of lines.Fields before and after the entries. `held`: the accounts of the entries, in
    whose units they are.
    """
    actor, approver, book, client, _, correction, corrects, _, day = head
    item, kind, recorded, _, voucher = tail
    description, key = one_a_byte(texts["description"]), one_a_byte(texts["key"])
    cell = f'"{description}"' if "," in description else description
    if client != "import":
        key = f"{client}/{key}"
    if "," in key:
        key = f'"{key}"'
    if correction is None:
        corrected = ",2,,," if is_reversed else ",,,,"
    elif correction == "reversal":
        corrected = f",1,{corrects},reversal,{corrects}"
    else:
        corrected = f",{'2' if is_reversed else ''},,{correction},{corrects}"
    before = f"{item},{voucher},"
    middle = f",{kind},{day[:4]},{day[:7]},{day},{book},"
    after = f",{cell},{client}{corrected},{actor},{recorded[:10]},{recorded[11:]},{approver or ''},{index},{leaf}\n"
    journal_head = f"{key},{day},{kind},{cell}"
    hledger_text = description.replace(";", _SEMICOLON) if ";" in description else description
    details = journal = ""
    hledger = f"\n{day} * ({voucher}) {hledger_text}\n    ; id: {item}\n    ; kind: {kind}\n"
    beancount = f'\n{day} * "{description}" ^{voucher}\n  id: "{item}"\n  kind: "{kind}"\n'
    for place, ((code, balance, side, amount, number, unit), account) in enumerate(zip(entries, held), 1):
        if side == "debit":
            details += f"{before}{place}{middle}{code},{amount},{unit},D,{number},{balance}{after}"
            journal += f"{journal_head}{account.journal}{amount},0\n"
            hledger += f"{account.hledger}{amount}{account.hledger_end}"
            beancount += f"{account.beancount}{amount}{account.beancount_end}"
        else:
            details += f"{before}{place}{middle}{code},{amount},{unit},C,{number},{balance}{after}"
            journal += f"{journal_head}{account.journal}0,{amount}\n"
            hledger += f"{account.hledger}-{amount}{account.hledger_end}"
            beancount += f"{account.beancount}-{amount}{account.beancount_end}"
    return details, journal, hledger, beancount
