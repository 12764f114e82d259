"""The files for containers fit each other and the settings; there may be no container engine where tests run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from api import settings

HOUSE = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((HOUSE / "compose.yaml").read_text("utf-8"))


def test_every_setting_of_the_containers_is_one_that_is_read(compose: Any) -> None:
    known = {*settings.SECRETS, *(f"{name}_FILE" for name in settings.SECRETS)}
    known |= set(re.findall(r'"(MEIDE_[A-Z_]+)"', (HOUSE / "api/settings.py").read_text("utf-8")))
    used = {name for service in compose["services"].values() for name in service["environment"]}
    assert {name for name in used if name.startswith("MEIDE_")} <= known
    mentioned = re.findall(r"MEIDE_[A-Z_]+", (HOUSE / "Dockerfile").read_text("utf-8"))
    assert set(mentioned) <= known


def test_no_container_writes_to_its_disk_or_keeps_a_power_it_does_not_need(compose: Any) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert "/tmp" in service["tmpfs"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert {
            name.rpartition("/")[2] for name in map(str, service["environment"].values()) if "/run/secrets" in name
        } <= (set(service["secrets"]))


def test_the_secrets_of_the_containers_are_made_once_and_can_be_used(compose: Any, tmp_path: Path) -> None:
    make = ["sh", str(HOUSE / "deploy/make-secrets")]
    subprocess.run(make, cwd=tmp_path, check=True, capture_output=True)
    made = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    subprocess.run(make, cwd=tmp_path, check=True, capture_output=True)
    assert made == {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert {f"./secrets/{name}" for name in made} == {secret["file"] for secret in compose["secrets"].values()}
    assert made.keys() == compose["secrets"].keys()

    environment = {
        name: value.replace("/run/secrets", str(tmp_path / "secrets"))
        for service in ("migrate", "meide")
        for name, value in compose["services"][service]["environment"].items()
        if name.endswith("_FILE")
    }
    read = settings.read(environment)
    assert read.database_url == f"postgresql://meide_app:{made['app-password']}@postgres/meide"
    assert read.owner_url == f"postgresql://meide_owner:{made['owner-password']}@postgres/meide"
    assert read.session_keys == (made["session-keys"],)
    assert len({*read.session_keys, *read.identity_keys, *read.index_keys, *read.print_keys, *read.log_keys}) == 5
    assert all(
        f"`cat /run/secrets/{name}`" in (HOUSE / "deploy/roles.sql").read_text()
        for name in (
            "owner-password",
            "app-password",
        )
    )
    assert set(compose["services"]["postgres"]["secrets"]) >= {"owner-password", "app-password"}
