"""Real PostgreSQL, Redis and nginx servers for tests: each on a free port, in an own directory, gone at the end.

They refuse or dislike to run as root, so under root they run as an unprivileged system user; there they also
end when the tests die. Nothing is written to disk with care unless asked: these servers may lose everything.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import psycopg

Stop = Callable[[], None]


def start_postgres(directory: Path, *, is_careful: bool = False) -> tuple[str, Stop]:
    """A fresh cluster; `is_careful` keeps what it commits. Its log is written into `directory`; the cluster has a place of its own, because
    another user must reach it. Raises FileNotFoundError, saying what to install, where it is missing."""
    home = _private_home("postgres")
    cluster = home / "cluster"
    initdb = [_program("initdb", "postgresql"), "--auth=trust", "--username=starscoo", "--no-sync"]
    subprocess.run(
        [*_as_user("postgres"), *initdb, "--encoding=UTF8", "--locale=C", "--pgdata", cluster],
        check=True,
        cwd=home,
        stdout=subprocess.DEVNULL,
    )
    port = free_port()
    command = [_program("postgres", "postgresql"), "-D", str(cluster)]
    command += ["-h", "127.0.0.1", "-p", str(port), "-k", ""]
    careless = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    if is_careful:
        careless = []
    stop = _start(
        [*_as_user("postgres"), *command, *careless],
        home,
        log=directory / "postgres.log",
        ready=b"ready to accept connections",
    )
    return f"postgresql://starscoo@127.0.0.1:{port}/postgres", stop


def start_redis(directory: Path) -> tuple[str, Stop]:
    """An empty Redis without persistence. Raises FileNotFoundError as `start_postgres` does."""
    home = _private_home("redis")
    port = free_port()
    command = [_program("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    stop = _start(
        [*_as_user("redis"), *command, "--save", "", "--appendonly", "no", "--dir", str(home)],
        home,
        log=directory / "redis.log",
        ready=b"Ready to accept connections",
    )
    return f"redis://127.0.0.1:{port}/0", stop


def start_nginx(directory: Path, configuration: str) -> Stop:
    """nginx with this configuration, whose ports are open when this returns. Raises FileNotFoundError as
    `start_postgres` does, RuntimeError with nginx's own words about a wrong configuration."""
    home = _private_home("www-data")
    written = directory / "nginx.conf"
    written.write_text(configuration)
    command = [_program("nginx", "nginx"), "-p", f"{home}/", "-e", "stderr", "-c", str(home / "nginx.conf")]
    shutil.copy(written, home)  # another user must read it
    return _start(
        [*_as_user("www-data"), *command, "-g", "error_log stderr notice;"],
        home,
        log=directory / "nginx.log",
        ready=b"start worker processes",
    )


def create_database(server_url: str, name: str, *, template: str = "template1") -> str:
    """A new database on that server, a copy of `template` (to which nobody may be connected); its address."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def drop_database(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(command: Sequence[str], home: Path, *, log: Path, ready: bytes) -> Stop:
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout
    assert output is not None
    lines = log.open("wb")
    if not _saw(output, ready, lines):
        process.wait()
        lines.close()
        shutil.rmtree(home, ignore_errors=True)
        raise RuntimeError(f"{log.stem} did not start:\n{log.read_text(errors='replace')}")
    drain = threading.Thread(target=_copy, args=(output, lines), daemon=True)
    drain.start()

    def stop() -> None:
        process.send_signal(2)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        drain.join()
        lines.close()
        output.close()
        shutil.rmtree(home, ignore_errors=True)

    return stop


def _saw(output: IO[bytes], ready: bytes, log: IO[bytes]) -> bool:
    for line in output:
        log.write(line)
        log.flush()
        if ready in line:
            return True
    return False


def _copy(lines: Iterable[bytes], log: IO[bytes]) -> None:
    for line in lines:
        log.write(line)


def _private_home(name: str) -> Path:
    home = Path(tempfile.mkdtemp(prefix=f"starscoo-{name}-"))
    if os.getuid() == 0:
        user = _user(name)
        os.chown(home, user.pw_uid, user.pw_gid)
    return home


def _as_user(name: str) -> list[str]:
    """How to begin a command so that it runs without root's rights, and ends with this process."""
    if os.getuid() != 0:
        return []
    user = _user(name)
    who = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *who, "--pdeathsig=INT"]


def _user(name: str) -> pwd.struct_passwd:
    """The service's own system user, or nobody where the package did not bring one."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return pwd.getpwnam("nobody")


def _program(name: str, package: str) -> str:
    """Debian keeps PostgreSQL's programs off the path, one directory per version, and nginx among those of root."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        places = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
        versions = sorted(places, key=lambda place: int(place.parts[-3]))
        found = str(versions[-1]) if versions else None
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; on Debian or Ubuntu: apt-get install {package}")
    return found
