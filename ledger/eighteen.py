"""The eighteen digits: pay codes, what is on paper, and vouchers. Two of prefix, fifteen by chance, one to check.

Short enough for the smallest QR code, and a gun that types them is not disturbed by a Chinese input method. No card for
payment begins like them (ISO/IEC 7812-1: 7 is petroleum and other industries), nor a wallet's code (10 to 15, 25 to 30,
62).
"""

import re
import secrets
import unicodedata
from typing import Final

VOUCHER: Final = "76"
PAY_CODE: Final = "77"
PAPER: Final = "79"
"""Cards and one-time tickets."""

_NUMBER: Final = re.compile(r"[0-9]{18}")


def new_number(prefix: str) -> str:
    """Eighteen digits that nobody guesses."""
    return with_check(f"{prefix}{secrets.randbelow(10**15):015d}")


def with_check(digits: str) -> str:
    """Seventeen digits and the one that checks them."""
    return digits + check_digit(digits)


def is_number(prefix: str, digits: str) -> bool:
    """Whether it can be a number of ours: prefix, length and check digit, which finds every wrong digit."""
    return (
        _NUMBER.fullmatch(digits) is not None and digits.startswith(prefix) and check_digit(digits[:-1]) == digits[-1]
    )


def plain(text: str) -> str:
    """What somebody typed or a gun sent, without groups and in plain digits (７７ is 77)."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text))


def check_digit(digits: str) -> str:
    """Luhn's (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 - place % 2)
        total += doubled - 9 * (doubled > 9)
    return str(-total % 10)
