"""Who somebody is: what of it may be recorded, how it is written, how much of it is shown. No database here."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, get_args

from ledger.days import full_years
from ledger.errors import InvalidField
from ledger.text import one_line

Field = Literal["name", "phone", "id_number", "born"]
FIELDS: Final[tuple[Field, ...]] = get_args(Field)

NAME_LENGTH: Final = 64

_PHONE: Final = re.compile(r"1[3-9][0-9]{9}")
_ID_NUMBER: Final = re.compile(r"[1-9][0-9]{16}[0-9X]")
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS: Final = "10X98765432"
"""GB 11643-1999, 4.2.4: ISO 7064, MOD 11-2."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What is recorded of a person. Nothing of it is in its `repr`, so that no log gets it."""

    name: str = field(repr=False)
    phone: str | None = field(default=None, repr=False)
    id_number: str | None = field(default=None, repr=False)
    born: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Masked:
    """As much of an identity as a page shows: 张**, 138****5678, 3701************1X.

    Of a minor there is the name's mask alone (PIPL 28; 未成年人网络保护条例 36). `minor` is None where the day of birth
    is not known.
    """

    name: str = field(repr=False)
    phone: str | None = field(repr=False)
    id_number: str | None = field(repr=False)
    minor: bool | None


def checked(identity: Identity, today: date) -> Identity:
    """The identity as it is recorded: normalised, with the day of birth that the number tells. InvalidField."""
    name = identity.name.strip()
    if not one_line(name, least=1, most=NAME_LENGTH):
        raise InvalidField("name", "not_a_name")
    phone = None if identity.phone is None else phone_number(identity.phone)
    number = None if identity.id_number is None else id_number(identity.id_number)
    told = None if number is None else born_of(number)
    if identity.born is not None and told is not None and identity.born != told:
        raise InvalidField("born", "differs_from_id_number")
    born = told or identity.born
    if born is not None and born > today:
        raise InvalidField("born" if told is None else "id_number", "in_the_future")
    return Identity(name, phone, number, born)


def phone_number(text: str) -> str:
    """The eleven digits of a Chinese mobile phone, however people write it. InvalidField."""
    plain = re.sub(r"[\s\-‐-―−.()]", "", unicodedata.normalize("NFKC", text))
    plain = re.sub(r"^(\+|00)?86(?=1)", "", plain)
    if not _PHONE.fullmatch(plain):
        raise InvalidField("phone", "not_a_phone")
    return plain


def id_number(text: str) -> str:
    """The 18 digits of a resident identity number (GB 11643), whose check digit and day of birth are right.

    InvalidField.
    """
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()
    if not _ID_NUMBER.fullmatch(plain) or check_digit(plain[:17]) != plain[17]:
        raise InvalidField("id_number", "not_an_id_number")
    try:
        born_of(plain)
    except ValueError:
        raise InvalidField("id_number", "not_an_id_number") from None
    return plain


def check_digit(digits: str) -> str:
    """The eighteenth character of a resident identity number."""
    return _CHECK_DIGITS[sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11]


def born_of(number: str) -> date:
    """The day of birth within a resident identity number; ValueError where it is none."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def is_minor(born: date, today: date) -> bool:
    """Under 18 (Law on the Protection of Minors, 2)."""
    return full_years(born, today) < 18


def is_child(born: date, today: date) -> bool:
    """Under 14: all personal data are sensitive, and a guardian consents (PIPL 28, 31)."""
    return full_years(born, today) < 14


def masked(identity: Identity, today: date) -> Masked:
    """As much as a page shows."""
    minor = None if identity.born is None else is_minor(identity.born, today)
    name = masked_name(identity.name)
    if minor:
        return Masked(name, None, None, minor)
    phone, number = identity.phone, identity.id_number
    return Masked(
        name,
        None if phone is None else masked_phone(phone),
        None if number is None else f"{number[:4]}{'*' * 12}{number[-2:]}",
        minor,
    )


def masked_name(name: str) -> str:
    """张**: as many stars for every name, since its length would tell something."""
    return f"{name[0]}**"


def masked_phone(phone: str) -> str:
    """138****5678"""
    return f"{phone[:3]}****{phone[-4:]}"
