"""Settings: read once from the environment, prefix MEIDE_. Secrets have no defaults and never reach a log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ledger.database import embedded
from ledger.errors import SettingInvalid

SHORTEST_KEY: Final = 32
"""Characters of a session key (HS256 wants a key as long as its digest: RFC 7518, 3.2)."""

PHONE: Final = re.compile(r"\+?[0-9][0-9 -]{1,30}[0-9]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. `session_keys`: the first signs, all of them are recognised."""

    data: Path
    database_url: str | None = field(repr=False)
    owner_url: str | None = field(repr=False)
    session_keys: tuple[str, ...] = field(repr=False)
    public_url: str | None
    trusted_proxies: str
    help_phone: str | None = None

    @property
    def https(self) -> bool:
        """Whether people reach the service by https, so that cookies may say Secure."""
        return self.public_url is not None and self.public_url.startswith("https://")


def read(environment: Mapping[str, str]) -> Settings:
    """The settings; SettingInvalid names the one that cannot be used."""
    keys = tuple(key.strip() for key in environment.get("MEIDE_SESSION_KEYS", "").split(",") if key.strip())
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise SettingInvalid("MEIDE_SESSION_KEYS", "a key has fewer than 32 characters")
    public_url = environment.get("MEIDE_PUBLIC_URL") or None
    if public_url is not None and not public_url.startswith(("http://", "https://")):
        raise SettingInvalid("MEIDE_PUBLIC_URL", "it must begin with http:// or https://")
    return Settings(
        data=Path(environment.get("MEIDE_DATA") or embedded.default_folder()).absolute(),
        database_url=_postgresql(environment, "MEIDE_DATABASE_URL"),
        owner_url=_postgresql(environment, "MEIDE_OWNER_URL"),
        session_keys=keys,
        public_url=public_url,
        trusted_proxies=environment.get("MEIDE_TRUSTED_PROXIES", ""),
        help_phone=_phone(environment),
    )


def _phone(environment: Mapping[str, str]) -> str | None:
    phone = environment.get("MEIDE_HELP_PHONE") or None
    if phone is not None and not PHONE.fullmatch(phone):
        raise SettingInvalid("MEIDE_HELP_PHONE", "a phone number has digits, spaces and hyphens, and + in front")
    return phone


def _postgresql(environment: Mapping[str, str], name: str) -> str | None:
    url = environment.get(name) or None
    if url is None:
        return None
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise SettingInvalid(name, "it must begin with postgresql://")
    try:
        parsed = make_url(f"postgresql://{rest}")
    except (ArgumentError, ValueError):
        raise SettingInvalid(name, "it must be of the form postgresql://user:password@host:port/database") from None
    if not parsed.username:
        raise SettingInvalid(name, "it names no user")
    return f"postgresql://{rest}"
