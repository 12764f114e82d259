"""The identity of a call: what must be equal for a repeat under the same key to get the first answer.

It is a canonical JSON text of method, path without book, and body. `ledger` compares it byte by byte and does not look
inside; a line of an imported journal has the identity of the same transaction posted alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from api.bodies import Body
from ledger.books.chart import CODE
from ledger.books.proposals import LONGEST_HOLD, MOST, SHORTEST_HOLD, Side

_ENCODER: Final = msgspec.json.Encoder()


Amount = Annotated[int, msgspec.Meta(ge=1, le=MOST)]
Code = Annotated[str, msgspec.Meta(pattern=f"^{CODE.pattern}$")]


class NewLine(Body, frozen=True):
    """One leg of a transaction: a whole number of the account's smallest unit.

    `overflow`: another account of the unit, which takes what would bring this one below its floor.
    """

    account: str
    side: Side
    amount: int
    overflow: str | None = None


class NewTransaction(Body, frozen=True):
    """A transaction to be posted: debits equal credits in every unit. `effective_at`: RFC 3339, or a bare date."""

    kind: str
    effective_at: str
    lines: list[NewLine]
    description: str = ""


class NewReversal(Body, frozen=True):
    """Why a transaction is reversed."""

    reason: str = ""


class NewHold(Body, frozen=True):
    """Points of a wallet to be held for `expires_in` seconds: from half a minute to a week."""

    account: Code
    amount: Amount
    expires_in: Annotated[
        int, msgspec.Meta(ge=int(SHORTEST_HOLD.total_seconds()), le=int(LONGEST_HOLD.total_seconds()))
    ]


class NewCapture(Body, frozen=True):
    """Where the points that were held go. `amount`: leave it out for all; the rest goes back to the wallet."""

    to: Code
    amount: Amount | None = None


class Nothing(Body, frozen=True):
    """The body of a call that says everything by its address."""


class _Call(msgspec.Struct, frozen=True):
    method: str
    path: str
    body: Body


def identity(method: str, path: str, body: Body) -> str:
    """The canonical text of a call; `path` begins after the book."""
    return _ENCODER.encode(_Call(method, path, body)).decode()


def of_posting(transaction: NewTransaction) -> str:
    """The identity of posting one transaction."""
    return identity("POST", "/transactions", transaction)


def first_difference(earlier: str, call: str) -> str:
    """The first field in which two calls differ, as a path: `lines[0].amount`, `path`."""
    return _difference(msgspec.json.decode(earlier), msgspec.json.decode(call), "").removeprefix("body.")


def _difference(earlier: Any, later: Any, path: str) -> str:
    if isinstance(earlier, dict) and isinstance(later, dict):
        for name in [*later, *(name for name in earlier if name not in later)]:
            if name not in earlier or name not in later:
                return f"{path}.{name}".lstrip(".")
            if earlier[name] != later[name]:
                return _difference(earlier[name], later[name], f"{path}.{name}".lstrip("."))
    if isinstance(earlier, list) and isinstance(later, list):
        for index, (one, other) in enumerate(zip(earlier, later, strict=False)):
            if one != other:
                return _difference(one, other, f"{path}[{index}]")
    return path
