"""Ed25519 signatures (RFC 8032, section 5.1.7), checked strictly.

In Python alone one check takes some milliseconds. Where the library `cryptography` is installed it does the arithmetic,
a hundred times faster; what is refused is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha512

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point."""
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
"""A square root of -1."""

_Point = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T."""

_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL = {0, 1, _P - 1, _Y8, _P - _Y8}
"""The y of the eight points whose multiples are among themselves: a key or an R of these signs anything."""


def is_valid(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) over `message` is by the holder of the key whose public half (32 bytes) is given.

    Refused too: an S of the group's order or more (somebody else could make such a one from a valid signature), a key
    or an R written in another way than the one there is, and points of small order.
    """
    if len(public) != 32 or len(signature) != 64:
        return False
    if int.from_bytes(signature[32:], "little") >= _L or not _is_point(public) or not _is_point(signature[:32]):
        return False
    return (_by_library or _by_hand)(public, message, signature)


def _is_point(text: bytes) -> bool:
    y = int.from_bytes(text, "little") & ~(1 << 255)
    return y < _P and y not in _SMALL


def _by_hand(public: bytes, message: bytes, signature: bytes) -> bool:
    key = _decoded(public)
    if key is None:
        return False
    x, y, z, t = key
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % _L
    return _encoded(_sum(_times(s, _BASE), _times(k, (-x % _P, y, z, -t % _P)))) == signature[:32]


def _sum(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: _Point) -> _Point:
    total: _Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = _sum(total, point)
        point = _sum(point, point)
        number >>= 1
    return total


def _encoded(point: _Point) -> bytes:
    one_over_z = pow(point[2], _P - 2, _P)
    x, y = point[0] * one_over_z % _P, point[1] * one_over_z % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decoded(text: bytes) -> _Point | None:
    number = int.from_bytes(text, "little")
    sign, y = number >> 255, number & ~(1 << 255)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _base() -> _Point:
    point = _decoded((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))
    assert point is not None
    return point


_BASE = _base()


def _library() -> Callable[[bytes, bytes, bytes], bool] | None:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except Exception:  # not installed, or installed for another system: what cannot be imported is not needed
        return None

    def check(public: bytes, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    return check


_by_library = _library()
