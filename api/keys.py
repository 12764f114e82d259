"""The keys of the service: the first of each kind is the current one, the others are still understood.

They come from the settings, or lie in the data folder of the embedded database: one file a kind, one key a line.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from api.settings import Settings
from ledger.access import ciphers
from ledger.database import embedded
from ledger.errors import SettingInvalid

Kind = Literal["session", "identity", "index", "print", "log"]

SETTINGS: Final[dict[Kind, str]] = {
    "session": "MEIDE_SESSION_KEYS",
    "identity": "MEIDE_IDENTITY_KEYS",
    "index": "MEIDE_INDEX_KEY",
    "print": "MEIDE_PRINT_KEYS",
    "log": "MEIDE_LOG_KEYS",
}

RETIRED: Final[tuple[Kind, ...]] = ("session", "identity", "index")
"""Kinds of which older keys may be dropped: neither paper nor what was published is made anew."""


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys. Sessions and logs are signed, personal data encrypted, the blind index and check codes made with the
    first of their kind.
    """

    session: tuple[str, ...] = field(repr=False)
    identity: tuple[str, ...] = field(repr=False)
    index: tuple[str, ...] = field(repr=False)
    print: tuple[str, ...] = field(repr=False)
    log: tuple[str, ...] = field(repr=False)


def of(settings: Settings) -> Keys:
    """All keys of a service or a command; SettingInvalid names the one that is missing."""
    return Keys(*(of_kind(settings, kind) for kind in SETTINGS))


def personal(settings: Settings) -> ciphers.Keys:
    """The keys of personal data. SettingInvalid."""
    return _derived(of_kind(settings, "identity"), of_kind(settings, "index"), of_kind(settings, "print"))


def rewritable(settings: Settings) -> ciphers.Keys:
    """Those under which personal data can be written anew; what is printed cannot. SettingInvalid."""
    return _derived(of_kind(settings, "identity"), of_kind(settings, "index"))


_derived = functools.lru_cache(ciphers.Keys.of)


def of_kind(settings: Settings, kind: Kind) -> tuple[str, ...]:
    """The keys of one kind: as given, or of the data folder, where the first use makes one. SettingInvalid."""
    if found := given(settings, kind):
        return found
    if settings.database_url is not None:
        raise SettingInvalid(SETTINGS[kind], "it is required with MEIDE_DATABASE_URL")
    return _lines(embedded.secret(settings.data, _file(kind)))


def given(settings: Settings, kind: Kind) -> tuple[str, ...]:
    """The keys of one kind that the settings name; none where the data folder has them."""
    return {
        "session": settings.session_keys,
        "identity": settings.identity_keys,
        "index": settings.index_keys,
        "print": settings.print_keys,
        "log": settings.log_keys,
    }[kind]


def add(settings: Settings, kind: Kind) -> int:
    """Puts a new key before those of the data folder, whose current one it becomes; how many there are now."""
    return len(_changed(settings, kind, lambda kept: (secrets.token_urlsafe(32), *kept)))


def retire(settings: Settings, kind: Kind) -> int:
    """Leaves only the current key in the data folder; how many were dropped."""
    dropped = 0

    def first(kept: tuple[str, ...]) -> tuple[str, ...]:
        nonlocal dropped
        dropped = len(kept) - 1
        return kept[:1]

    _changed(settings, kind, first)
    return dropped


def environment(keys: Keys) -> dict[str, str]:
    """The settings that give these keys to a worker."""
    return {
        SETTINGS["session"]: ",".join(keys.session),
        SETTINGS["identity"]: ",".join(keys.identity),
        SETTINGS["index"]: ",".join(keys.index),
        SETTINGS["print"]: ",".join(keys.print),
        SETTINGS["log"]: ",".join(keys.log),
    }


def _changed(settings: Settings, kind: Kind, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> tuple[str, ...]:
    if settings.database_url is not None or given(settings, kind):
        raise SettingInvalid(SETTINGS[kind], "it is yours to change: only keys in the data folder are kept by us")
    text = embedded.change_secret(settings.data, _file(kind), lambda text: "\n".join(change(_lines(text))))
    return _lines(text)


def _file(kind: Kind) -> str:
    return f"{kind}-key"


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split())
