"""Check codes of what is printed: eight characters beside a line of a passbook, on a receipt or on a certificate.

A code is a keyed digest (HMAC-SHA-256, cut to 40 bits) of what stands in the line. Whoever has the paper, or a photo
of it, types the line and learns whether it was printed by this service just so: nothing is read from the books, and
nobody learns more than he has in hand. Whether it has been corrected since, an auditor sees in the books.

On paper stands the number of the passbook, not the one by which the books know her account. It stays when keys change,
since it is made with the oldest.

A proof of service has a longer code, in the address of its page that the QR code on the paper holds: made of all that
it says, so that whoever has the address has had the paper, and nobody comes to another one by changing it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, keys
from api.settings import Settings
from ledger.access import attempts
from ledger.errors import InvalidField
from ledger.recognition.proofs import Proof

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0, O, 1 and I, which bad printers and tired eyes take for each other; small letters are capitals."""
CODE_LENGTH: Final = 8
PASSBOOK_LENGTH: Final = 10
NUMBER_LENGTH: Final = 32
"""Of a proof, with its book: 160 bits."""
PROOF_LENGTH: Final = 16
"""80 bits, which nobody guesses."""

LONGEST: Final = 64
"""Characters of whatever is typed."""

_DAY: Final = re.compile(r"([0-9]{4})[年./-]([0-9]{1,2})[月./-]([0-9]{1,2})日?")
_FIGURE: Final = re.compile(r"[0-9]{1,19}")
_HOURS: Final = re.compile(r"([0-9]{1,16}):([0-5][0-9])")

Side = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a printed passbook. `amount` came in (存入) or went out (支取); in points, or minutes of service."""

    book: str
    passbook: str
    number: int
    day: date
    side: Side
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A printed receipt of a redemption; `outlet` by its code."""

    book: str
    receipt: str
    day: date
    outlet: str
    points: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A star certificate. Its code opens what the books say of it today, for who has the paper."""

    book: str
    serial: str


Printed = Line | Receipt | Certificate


def passbook_number(settings: Settings, book: str, account: str) -> str:
    """What a printed passbook of this account is called: ten characters that lead nobody to the account."""
    return _cut(_digest(keys.of_kind(settings, "print")[-1], ("passbook", _bare(book), account)), PASSBOOK_LENGTH)


def of_line(settings: Settings, line: Line) -> str:
    """The check code of a line that is printed."""
    return _made(keys.of_kind(settings, "print")[0], line)


def of_receipt(settings: Settings, receipt: Receipt) -> str:
    """The check code of a receipt that is printed."""
    return _made(keys.of_kind(settings, "print")[0], receipt)


def of_certificate(settings: Settings, certificate: Certificate) -> str:
    """The check code of a certificate that is printed."""
    return _made(keys.of_kind(settings, "print")[0], certificate)


def is_right(settings: Settings, typed: Printed, code: str) -> bool:
    """Whether one of the keys made this code for just that."""
    given = _plain(code).encode("utf-8", "surrogatepass")
    return any(hmac.compare_digest(_made(key, typed).encode(), given) for key in keys.of_kind(settings, "print"))


async def check(database: AsyncEngine, settings: Settings, typed: Printed, code: str, address: str) -> bool:
    """The same for somebody at this address: who is wrong more than five times a day waits. TooManyAttempts."""
    attempt = _attempt(settings, "check codes", address)
    right = is_right(settings, typed, code)
    async with database.begin() as tx:
        await attempts.begin(tx, attempt, auth.now())
        if right:
            await attempts.not_counted(tx, attempt, auth.now())
    return right


def address(settings: Settings, base: str, book: str, what: Literal["line", "receipt"] = "line") -> str:
    """Where somebody checks what is printed for this book; `base`: where the service is, if no setting says so."""
    asked = {"book": book} if what == "line" else {"book": book, "what": what}
    return f"{here(settings, base)}/verify?{urlencode(asked)}"


def here(settings: Settings, base: str) -> str:
    return (settings.public_url or base).rstrip("/")


def _attempt(settings: Settings, what: str, address: str) -> bytes:
    """Under what the attempts from an address at what is printed are counted, day by day."""
    return attempts.digest(settings.session_keys[0], None, f"{what} on {auth.today()}", address)


def grouped(text: str) -> str:
    """A code or number as it is printed: 7KQM-3XWP, 7KQM3-XWP9D."""
    half = (len(text) + 1) // 2
    return f"{text[:half]}-{text[half:]}"


# --- proofs of service ------------------------------------------------------------------------------------------------


def of_proof(settings: Settings, book: int, proof: Proof) -> str:
    """What the address of a proof's page ends with: 32 characters of its number and its book, 16 of its check code."""
    number = book << 128 | proof.proof_id.int
    places = range(5 * (NUMBER_LENGTH - 1), -1, -5)
    code = _of_proof(keys.of_kind(settings, "print")[0], book, proof)
    return "".join(ALPHABET[number >> place & 31] for place in places) + code


def address_of_proof(settings: Settings, base: str, book: int, proof: Proof) -> str:
    """Where anybody sees what the paper says; `base`: where the service is, if no setting says so."""
    return f"{here(settings, base)}/proof/{of_proof(settings, book, proof)}"


async def proof_of(
    database: AsyncEngine,
    settings: Settings,
    token: str,
    address: str,
    find: Callable[[AsyncConnection, int, UUID], Awaitable[Proof | None]],
) -> tuple[int, Proof] | None:
    """The book and the proof of which this is the address, for somebody at that address of his; None: of none.

    One that is wrong in a character, one that is nobody's and what is no address at all are the same. Who is wrong
    more than five times a day waits. TooManyAttempts.
    """
    attempt = _attempt(settings, "proofs", address)
    async with database.begin() as tx:
        await attempts.begin(tx, attempt, auth.now())
        named = _read(token)
        proof = None if named is None else await find(tx, *named)
        if named is not None and proof is not None and _is_of_proof(settings, named[0], proof, token[NUMBER_LENGTH:]):
            await attempts.not_counted(tx, attempt, auth.now())
            return named[0], proof
    return None


def _read(token: str) -> tuple[int, UUID] | None:
    """The book and the number that it begins with, written in one way only."""
    if len(token) != NUMBER_LENGTH + PROOF_LENGTH or not set(token) <= set(ALPHABET):
        return None
    number = 0
    for character in token[:NUMBER_LENGTH]:
        number = number << 5 | ALPHABET.index(character)
    book = number >> 128
    return (book, UUID(int=number & (1 << 128) - 1)) if book < 2**31 else None


def _is_of_proof(settings: Settings, book: int, proof: Proof, code: str) -> bool:
    made = (_of_proof(key, book, proof).encode() for key in keys.of_kind(settings, "print"))
    return any(hmac.compare_digest(each, code.encode()) for each in made)


def _of_proof(key: str, book: int, proof: Proof) -> str:
    assert proof.issued is not None, "what was not issued is on no paper"
    said = msgspec.json.encode(proof.issued).decode()
    words = ("proof", f"{book}", proof.proof_id.hex, proof.holder, proof.organisation, said)
    return _cut(_digest(key, words), PROOF_LENGTH)


# --- what was typed ---------------------------------------------------------------------------------------------------


def read_line(*, book: str, passbook: str, line: str, day: str, deposit: str, withdrawal: str, balance: str) -> Line:
    """A line as somebody read it from the paper: one of deposit and withdrawal is empty. InvalidField."""
    if bool(deposit.strip()) == bool(withdrawal.strip()):
        raise InvalidField("deposit", "either_in_or_out")
    side: Side = "in" if deposit.strip() else "out"
    amount = _figure("deposit", deposit) if side == "in" else _figure("withdrawal", withdrawal)
    return Line(
        _name("book", _bare(book)),
        _name("passbook", _plain(passbook)),
        _figure("line", line),
        _day("day", day),
        side,
        amount,
        _figure("balance", balance),
    )


def read_receipt(*, book: str, receipt: str, day: str, outlet: str, points: str) -> Receipt:
    """A receipt as somebody read it from the paper. InvalidField."""
    return Receipt(
        _name("book", _bare(book)),
        _name("receipt", _plain(receipt)),
        _day("day", day),
        _name("outlet", _bare(outlet).upper()),
        _figure("points", points),
    )


def read_certificate(*, book: str, serial: str) -> Certificate:
    """A certificate as somebody read it from the paper. InvalidField."""
    return Certificate(_name("book", _bare(book)), _name("serial", _bare(serial).upper()))


def _name(field: str, text: str) -> str:
    if not 1 <= len(text) <= LONGEST or not text.isascii():
        raise InvalidField(field, "not_as_printed")
    return text


def _day(field: str, text: str) -> date:
    """2026-11-21, as printed, or as people write it."""
    if found := _DAY.fullmatch(_bare(text)):
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            pass
    raise InvalidField(field, "not_as_printed")


def _figure(field: str, text: str) -> int:
    """Points, also as 1,250; or hours and minutes as 2:30, which are minutes."""
    plain = _bare(text).replace(",", "")
    if found := _HOURS.fullmatch(plain):
        return int(found[1]) * 60 + int(found[2])
    if not _FIGURE.fullmatch(plain):
        raise InvalidField(field, "not_as_printed")
    return int(plain)


# --- the code ---------------------------------------------------------------------------------------------------------


def _made(key: str, what: Printed) -> str:
    return _cut(_digest(key, _words(what)), CODE_LENGTH)


def _words(what: Printed) -> tuple[str, ...]:
    match what:
        case Line(book, passbook, number, day, side, amount, balance):
            return "line", book, _plain(passbook), f"{number}", f"{day}", side, f"{amount}", f"{balance}"
        case Receipt(book, receipt, day, outlet, points):
            return "receipt", book, _plain(receipt), f"{day}", outlet.upper(), f"{points}"
        case Certificate(book, serial):
            return "certificate", book, _plain(serial)


def _digest(key: str, words: tuple[str, ...]) -> bytes:
    assert not any("\0" in word for word in words), "it stands between them"
    told = "\0".join(("meide print", *words))
    return hmac.digest(key.encode(), told.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _cut(digest: bytes, length: int) -> str:
    """Five bits a character."""
    bits = int.from_bytes(digest)
    return "".join(ALPHABET[bits >> (len(digest) * 8 - 5 * place) & 31] for place in range(1, length + 1))


def _bare(text: str) -> str:
    """In plain letters and digits, without spaces."""
    return re.sub(r"[\s\0]", "", unicodedata.normalize("NFKC", text))


def _plain(text: str) -> str:
    """What is printed in groups of capitals and digits, however it was typed."""
    return _bare(text).replace("-", "").upper()
