"""Usual transactions, many at once: two entries, one debit and one credit of one amount and unit, nothing to escape.

Nearly all are such. One regular expression takes a whole block of lines apart, another their openings, and one loop
checks and derives; whatever is not usual is left to the caller, line by line. Texts are strings of one character a byte
(Latin-1), which are shorter for Python than the Chinese in them; only what is known to be ASCII is looked into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, Protocol

from .lines import BALANCE, CODE, DAY, HASH, ID, INSTANT, NUMBER, VOUCHER, Days
from .usual import Held, Texts, ends_in_space

_ASCII = r"[ !#-\[\]-~]*"
"""Printable, without quotation marks and backslashes."""

_SOME = r"[ !#-\[\]-~]+"
_TEXT = r'[^"\\\x00-\x1f\x7f]*'

_ENTRY = (
    rf'\{{"account":"({CODE})","balance":"({BALANCE})","(credit|debit)":"({NUMBER})","number":"({NUMBER})",'
    rf'"unit":"({_ASCII})"\}}'
)

_OPENINGS = re.compile(
    rf'\{{"index":"([0-9]+)","salt":"([0-9a-f]{{32}})",'
    rf'"texts":(\{{"description":"({_TEXT})","key":"({_TEXT})"\}})\}}\n|[^\n]*\n'
)

_MARKS = (b"\xc2", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
_CLEANED = re.compile("\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")
"""Characters that some formats clean: U+0080 to U+009F, U+2028, U+2029."""


@lru_cache(maxsize=2)
def _lines(book: str) -> re.Pattern[str]:
    """A usual line of a book, or any line; groups of the first only."""
    return re.compile(
        rf'\{{"actor":"({_ASCII})",(?:"approver":"({_SOME})",)?"book":"{re.escape(book)}","client":"({_ASCII})",'
        rf'"commitment":"({HASH})",(?:"correction":"({_SOME})","corrects":"({ID})",)?'
        rf'"effective_at":"({INSTANT})","effective_on":"({DAY})","entries":\[{_ENTRY},{_ENTRY}\],'
        rf'"id":"({ID})","kind":"({_ASCII})","recorded_at":"({INSTANT})",(?:"request":"{_SOME}",)?'
        rf'"type":"transaction","v":"1","voucher":"({VOUCHER})"\}}\n|[^\n]*\n'
    )


class Segment(Protocol):
    """What is asked of the segment whose lines these are; see segments.py."""

    days: Days
    periods: dict[str, tuple[dict[str, int], bool]]
    totals: dict[str, list[int]]
    year: str
    hour: str
    voucher: int

    def total(self, unit: str) -> list[int]: ...
    def hold(self, code: str, unit: str) -> Held: ...
    def turn(self, held: Held, month: dict[str, int] | None) -> None: ...
    def begin(self, held: Held, index: int, number: int, before: int) -> None: ...
    def period(self, day: str) -> tuple[dict[str, int], bool]: ...
    def number(self, index: int, item: str, recorded_at: str, voucher: str, number: int) -> None: ...
    def correction(
        self, index: int, item: str, correction: str | None, corrects: str | None, entries: Sequence[Any]
    ) -> None: ...
    def tell(self, code: str, index: int, item: str, **facts: str) -> None: ...
    def tell_below(self, index: int, item: str, entries: Sequence[Any]) -> None: ...


def check(
    segment: Segment,
    start: int,
    data: bytes,
    openings: bytes,
    hashes: Sequence[bytes],
    *,
    book: str,
    held: dict[str, Held],
    corrected: frozenset[str],
    reversed_: frozenset[str],
    derive: bool,
    ids: list[str],
    kinds: list[str],
    actors: set[str],
    otherwise: Callable[[int], Texts | None],
) -> list[Texts]:
    """Checks a block of whole lines with their openings, of which the first is leaf `start`; answers what is derived
    from each. `otherwise` is called with the place in the block of what is not usual.

    `ids`, `kinds`, `actors` take what is found. Raises OpeningDiffers.
    """
    found = _lines(book).findall(data.decode("latin-1"))
    opened = _OPENINGS.findall(openings.decode("latin-1"))
    derived: list[Texts] = []
    add = derived.append
    get, days, periods, totals, from_hex = held.get, segment.days, segment.periods, segment.totals, bytes.fromhex
    careful = any(mark in openings for mark in _MARKS)
    place = -1
    for (
        (actor, approver, client, commitment, correction, corrects, effective_at, day,
         code_1, balance_1, side_1, amount, number_1, unit, code_2, balance_2, side_2, amount_2, number_2, unit_2,
         item, kind, recorded, voucher),
        (leaf, salt, texts, description, key),
        digest,
    ) in zip(found, opened, hashes):  # fmt: skip
        place += 1
        if (
            not (salt and description)
            or (amount != amount_2 or side_1 == side_2 or unit != unit_2)
            or (careful and _CLEANED.search(texts))
        ):
            if (other := otherwise(place)) is not None:
                add(other)
            continue
        one = get(code_1) or segment.hold(code_1, unit)
        two = get(code_2) or segment.hold(code_2, unit)
        if one.known_unit != unit or two.known_unit != unit or ends_in_space(description):
            if (other := otherwise(place)) is not None:
                add(other)
            continue
        index = start + place
        if leaf != str(index) or sha256(from_hex(salt) + texts.encode("latin-1")).hexdigest() != commitment:
            raise OpeningDiffers
        if days[effective_at[:13]] != day:
            segment.tell("day_wrong", index, item, found=day, expected=days[effective_at[:13]])
        voucher_number = int(voucher[5:])
        if voucher_number != segment.voucher + 1 or recorded[:13] != segment.hour or voucher[:4] != segment.year:
            segment.number(index, item, recorded, voucher, voucher_number)
        segment.voucher = voucher_number
        ids.append(item)
        kinds.append(kind)
        actors.add(actor)
        if approver:
            actors.add(approver)
        month, is_shown = periods.get(day) or segment.period(day)
        (totals.get(unit) or segment.total(unit))[2] += 2

        units = int(amount)
        if one.month is not month:
            segment.turn(one, month)
        if two.month is not month:
            segment.turn(two, month)
        if side_1 == "debit":
            one.debits += units
            two.credits += units
        else:
            one.credits += units
            two.debits += units
            units = -units
        below = False
        after, number, moved = int(balance_1), int(number_1), units * one.sign
        if number != one.number + 1:
            segment.begin(one, index, number, after - moved)
        elif after != one.balance + moved:
            expected = str(one.balance + moved)
            segment.tell(
                "balance_wrong", index, item, account=code_1, number=number_1, found=balance_1, expected=expected
            )
        one.number, one.balance = number, after
        if after < one.floor:
            below = True
        after, number, moved = int(balance_2), int(number_2), -units * two.sign
        if number != two.number + 1:
            segment.begin(two, index, number, after - moved)
        elif after != two.balance + moved:
            expected = str(two.balance + moved)
            segment.tell(
                "balance_wrong", index, item, account=code_2, number=number_2, found=balance_2, expected=expected
            )
        two.number, two.balance = number, after
        if below or after < two.floor or correction or item in corrected:
            entries = (
                (code_1, balance_1, side_1, amount, number_1, unit),
                (code_2, balance_2, side_2, amount, number_2, unit),
            )
            segment.tell_below(index, item, entries)
            if correction or item in corrected:
                segment.correction(index, item, correction or None, corrects or None, entries)
        if not (derive and is_shown):
            continue

        cell = f'"{description}"' if "," in description else description
        whole_key = key if client == "import" else f"{client}/{key}"
        if "," in whole_key:
            whole_key = f'"{whole_key}"'
        if correction == "reversal":
            corrections = f",1,{corrects},reversal,{corrects}"
        else:
            corrections = f",{'2' if item in reversed_ else ''},,{correction},{corrects}"
        for_hledger = description.replace(";", "\xef\xbc\x9b") if ";" in description else description
        head = f"{item},{voucher},"
        middle = f",{kind},{day[:4]},{day[:7]},{day},{book},"
        tail = (
            f",{cell},{client}{corrections},{actor},{recorded[:10]},{recorded[11:]},{approver},{index},{digest.hex()}\n"
        )
        if side_1 == "debit":
            d_1, d_2, of_1, of_2, minus_1, minus_2 = "D", "C", f"{amount},0", f"0,{amount}", "", "-"
        else:
            d_1, d_2, of_1, of_2, minus_1, minus_2 = "C", "D", f"0,{amount}", f"{amount},0", "-", ""
        end, bean_end = one.hledger_end, one.beancount_end
        add(
            (
                f"{head}1{middle}{code_1},{amount},{unit},{d_1},{number_1},{balance_1}{tail}"
                f"{head}2{middle}{code_2},{amount},{unit},{d_2},{number_2},{balance_2}{tail}",
                f"{whole_key},{day},{kind},{cell}{one.journal}{of_1}\n"
                f"{whole_key},{day},{kind},{cell}{two.journal}{of_2}\n",
                f"\n{day} * ({voucher}) {for_hledger}\n    ; id: {item}\n    ; kind: {kind}\n"
                f"{one.hledger}{minus_1}{amount}{end}{two.hledger}{minus_2}{amount}{end}",
                f'\n{day} * "{description}" ^{voucher}\n  id: "{item}"\n  kind: "{kind}"\n'
                f"{one.beancount}{minus_1}{amount}{bean_end}{two.beancount}{minus_2}{amount}{bean_end}",
            )
        )
    return derived


class OpeningDiffers(Exception):
    """An opening does not fit its line: then all are looked at side by side."""
