"""Settings: read from the environment, prefix MEIDE_. Secrets have no defaults and never reach a log.

A secret may stand in a file instead, which `MEIDE_…_FILE` names, as Docker and Kubernetes hand them out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ledger.auditing import signer
from ledger.database import embedded
from ledger.errors import SettingInvalid

SHORTEST_KEY: Final = 32
"""Characters of a key (HS256 wants a key as long as its digest: RFC 7518, 3.2)."""
SECRETS: Final = (
    *("MEIDE_DATABASE_URL", "MEIDE_OWNER_URL"),
    *("MEIDE_SESSION_KEYS", "MEIDE_IDENTITY_KEYS", "MEIDE_INDEX_KEY", "MEIDE_PRINT_KEYS", "MEIDE_LOG_KEYS"),
)
"""What may stand in a file instead."""

PHONE: Final = re.compile(r"\+?[0-9][0-9 -]{1,30}[0-9]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    `session_keys`: the first signs, all of them are recognised. `identity_keys`: the first encrypts personal data, all
    of them decrypt. `index_keys`: the first makes the blind index, a second is there only while `meide rekey` runs.
    `print_keys`: the first makes the check codes of what is printed, all of them are recognised, for as long as paper
    lasts. `log_keys`: seeds in base64; the first signs the logs, all of them have signed.
    `api.keys` also knows those of the data folder.
    `log_origin`: what the names of the logs begin with; `log_state`: the folder in which the signer keeps what it has
    signed. `api.sealing` knows what they are where nothing is given.
    """

    data: Path
    database_url: str | None = field(repr=False)
    owner_url: str | None = field(repr=False)
    session_keys: tuple[str, ...] = field(repr=False)
    public_url: str | None
    trusted_proxies: str
    identity_keys: tuple[str, ...] = field(default=(), repr=False)
    index_keys: tuple[str, ...] = field(default=(), repr=False)
    print_keys: tuple[str, ...] = field(default=(), repr=False)
    help_phone: str | None = None
    log_keys: tuple[str, ...] = field(default=(), repr=False)
    log_origin: str | None = None
    log_state: Path | None = None

    @property
    def https(self) -> bool:
        """Whether people reach the service by https, so that cookies may say Secure."""
        return self.public_url is not None and self.public_url.startswith("https://")


def read(environment: Mapping[str, str]) -> Settings:
    """The settings; SettingInvalid names the one that cannot be used."""
    public_url = environment.get("MEIDE_PUBLIC_URL") or None
    if public_url is not None and not public_url.startswith(("http://", "https://")):
        raise SettingInvalid("MEIDE_PUBLIC_URL", "it must begin with http:// or https://")
    return Settings(
        data=Path(environment.get("MEIDE_DATA") or embedded.default_folder()).absolute(),
        database_url=_postgresql(environment, "MEIDE_DATABASE_URL"),
        owner_url=_postgresql(environment, "MEIDE_OWNER_URL"),
        session_keys=_keys(environment, "MEIDE_SESSION_KEYS"),
        identity_keys=_keys(environment, "MEIDE_IDENTITY_KEYS"),
        index_keys=_keys(environment, "MEIDE_INDEX_KEY"),
        print_keys=_keys(environment, "MEIDE_PRINT_KEYS"),
        public_url=public_url,
        trusted_proxies=_addresses(environment, "MEIDE_TRUSTED_PROXIES"),
        help_phone=_phone(environment),
        log_keys=_log_keys(environment),
        log_origin=_log_origin(environment),
        log_state=Path(folder).absolute() if (folder := environment.get("MEIDE_LOG_STATE")) else None,
    )


def _secret(environment: Mapping[str, str], name: str) -> str:
    """The value, or the text of the file that `name`_FILE names; empty where neither is given."""
    value, file = environment.get(name, ""), environment.get(f"{name}_FILE")
    if not file:
        return value
    if value:
        raise SettingInvalid(name, f"{name}_FILE is set as well")
    try:
        return Path(file).read_text("utf-8").strip()
    except OSError as error:
        raise SettingInvalid(f"{name}_FILE", f"the file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingInvalid(f"{name}_FILE", "the file is not UTF-8") from None


def _keys(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Keys with commas between, in a file also one a line."""
    keys = tuple(key.strip() for key in _secret(environment, name).replace("\n", ",").split(",") if key.strip())
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise SettingInvalid(name, "a key has fewer than 32 characters")
    return keys


def _log_keys(environment: Mapping[str, str]) -> tuple[str, ...]:
    keys = _keys(environment, "MEIDE_LOG_KEYS")
    for each in keys:
        try:
            signer.seed(each)
        except ValueError:
            raise SettingInvalid(
                "MEIDE_LOG_KEYS", "a key is 32 bytes in base64, as `openssl rand -base64 32` makes them"
            ) from None
    return keys


def _log_origin(environment: Mapping[str, str]) -> str | None:
    name = environment.get("MEIDE_LOG_ORIGIN") or None
    if name is not None and not signer.is_name(name):
        raise SettingInvalid("MEIDE_LOG_ORIGIN", "it is a name like log.example.org, without spaces and plus signs")
    return name


def _addresses(environment: Mapping[str, str], name: str) -> str:
    """Addresses and networks with commas between. `*` is none: then anybody could say who he is."""
    given = [part.strip() for part in environment.get(name, "").split(",") if part.strip()]
    for each in given:
        try:
            ip_network(each)
        except ValueError:
            raise SettingInvalid(name, "it must be addresses or networks, as in 192.0.2.7,10.0.0.0/8") from None
    return ",".join(given)


def _phone(environment: Mapping[str, str]) -> str | None:
    phone = environment.get("MEIDE_HELP_PHONE") or None
    if phone is not None and not PHONE.fullmatch(phone):
        raise SettingInvalid("MEIDE_HELP_PHONE", "a phone number has digits, spaces and hyphens, and + in front")
    return phone


def _postgresql(environment: Mapping[str, str], name: str) -> str | None:
    url = _secret(environment, name)
    if not url:
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
