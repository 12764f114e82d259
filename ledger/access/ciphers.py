"""Personal data as they are stored: sealed, so that who has the database alone reads nothing (PIPL 51).

AES-256-GCM with a random nonce. What is sealed is bound to its place (table, column, book, whose it is): in another
place it does not open. In front stands the id of the key, so that the right one of several is taken while keys rotate.

Each person has a data key of her own, sealed with the service's identity key; her data are sealed with that. Destroying
her key therefore destroys all of them, wherever they are. What has to be looked up has a blind index beside it: a keyed
digest of the normalised value (HMAC-SHA-256), one for each purpose.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import CannotDecrypt

Purpose = Literal["phone", "id_number", "card", "binding", "spending"]
"""What may be looked up. A name may not: there are too few of them, and too many bearers of each."""

_KEY: Final = 32
_ID: Final = 8
_NONCE: Final = 12
"""Bytes: NIST SP 800-38D, 8.2.2 allows 2^32 random nonces of this length for one key."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The service's keys for personal data.

    `identity`: the first seals, all open. `index`: the first writes, all are looked up. `printed`: likewise, for
    numbers that stand on paper and nowhere else (`spending`): they cannot be written anew, so these are never dropped.
    """

    identity: tuple[bytes, ...] = field(repr=False)
    index: tuple[bytes, ...] = field(repr=False)
    printed: tuple[bytes, ...] = field(repr=False, default=())

    @classmethod
    def of(cls, identity: Sequence[str], index: Sequence[str], printed: Sequence[str] = ()) -> Keys:
        """The keys that the settings' texts stand for; they must be as hard to guess as a random key."""
        assert identity, "the settings name an identity key"
        assert index, "the settings name an index key"
        return cls(
            tuple(_derived(text, b"meide identity key") for text in identity),
            tuple(_derived(text, b"meide index key") for text in index),
            tuple(_derived(text, b"meide print key") for text in printed),
        )

    def of_purpose(self, purpose: Purpose) -> tuple[bytes, ...]:
        """Those under which something is looked up."""
        return self.printed if purpose == "spending" else self.index


def _derived(text: str, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=use).derive(text.encode())


def new_key() -> bytes:
    """A random key."""
    return os.urandom(_KEY)


def seal(key: bytes, plain: bytes, *place: object) -> bytes:
    """`plain`, to be opened with this key and in this place only."""
    nonce = os.urandom(_NONCE)
    return _id(key) + nonce + AESGCM(key).encrypt(nonce, plain, _bound(place))


def unseal(keys: Iterable[bytes], sealed: bytes, *place: object) -> bytes:
    """What has been sealed in this place with one of the keys. CannotDecrypt, which does not say why."""
    for key in keys:
        if is_sealed_with(key, sealed):
            try:
                return AESGCM(key).decrypt(sealed[_ID : _ID + _NONCE], sealed[_ID + _NONCE :], _bound(place))
            except (InvalidTag, ValueError):
                break
    raise CannotDecrypt(".".join(str(part) for part in place[:2])) from None


def seal_data_key(keys: Keys, data_key: bytes, book: int, volunteer_no: str) -> bytes:
    """A person's own key, sealed with the first identity key."""
    return seal(keys.identity[0], data_key, "persons", "data_key", book, volunteer_no)


def unseal_data_key(keys: Keys, sealed: bytes, book: int, volunteer_no: str) -> bytes:
    """A person's own key. CannotDecrypt."""
    return unseal(keys.identity, sealed, "persons", "data_key", book, volunteer_no)


def is_sealed_with(key: bytes, sealed: bytes) -> bool:
    """Whether this key's id stands in front."""
    return sealed[:_ID] == _id(key)


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"meide key id" + key).digest()[:_ID]


def _bound(place: Iterable[object]) -> bytes:
    """The place as one text; NUL stands in no text of the database, so no two places are the same."""
    return "\0".join(str(part) for part in place).encode()


def digest(keys: Keys, purpose: Purpose, value: str) -> bytes:
    """The blind index under which a normalised value is written."""
    return _digest(keys.of_purpose(purpose)[0], purpose, value)


def digests(keys: Keys, purpose: Purpose, value: str) -> list[bytes]:
    """All under which it may have been written while keys rotate."""
    return [_digest(key, purpose, value) for key in keys.of_purpose(purpose)]


def _digest(key: bytes, purpose: Purpose, value: str) -> bytes:
    return hmac.digest(key, _bound((purpose, value)), "sha256")
