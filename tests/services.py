"""Real PostgreSQL, Redis and nginx servers for tests: each on a free port, in an own directory, gone at the end.

They refuse or dislike to run as root, so under root they run as an unprivileged system user; there they also
end when the tests die. Nothing is written to disk with care unless asked: these servers may lose everything.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Literal
from urllib.parse import urlsplit

import psycopg

Stop = Callable[[], None]
Survives = Literal["nothing", "kill", "power loss"]
"""What a PostgreSQL server's commits outlive; less is faster."""


class Server:
    """One that runs. A test may end it by any signal and start it again: at the same address, with the same files."""

    def __init__(self, command: Sequence[str], home: Path, *, log: Path, ready: bytes, url: str = "") -> None:
        self.url = url
        self._command, self._home, self._log, self._ready = command, home, log, ready
        self._process: subprocess.Popen[bytes] | None = None
        self._drain: threading.Thread | None = None
        self.start()

    def start(self) -> None:
        """Returns when it is ready. Raises RuntimeError with its own words when it ends before."""
        process = subprocess.Popen(
            self._command, cwd=self._home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output = process.stdout
        assert output is not None
        lines = self._log.open("ab")
        if not _saw(output, self._ready, lines):
            process.wait()
            output.close()
            lines.close()
            shutil.rmtree(self._home, ignore_errors=True)
            raise RuntimeError(f"{self._log.stem} did not start:\n{self._log.read_text(errors='replace')}")
        self._process = process
        self._drain = threading.Thread(target=_copy, args=(output, lines), daemon=True)
        self._drain.start()

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGINT) -> None:
        """Returns when it is gone."""
        process, drain = self._process, self._drain
        if process is None or drain is None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        drain.join()
        self._process = None

    def stop(self) -> None:
        """For good."""
        self.end()
        shutil.rmtree(self._home, ignore_errors=True)


def start_postgres(directory: Path, *, survives: Survives = "nothing") -> tuple[str, Stop]:
    """As `postgres`, where nobody wants to end it in between."""
    server = postgres(directory, survives=survives)
    return server.url, server.stop


def postgres(directory: Path, *, survives: Survives = "kill") -> Server:
    """A fresh cluster, whose commits survive what is said. Its log is written into `directory`; the cluster has a
    place of its own, because another user must reach it. Raises FileNotFoundError, saying what to install, where it
    is missing."""
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
    careless = {
        "nothing": ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"],
        "kill": ["-c", "fsync=off"],
        "power loss": [],
    }
    return Server(
        [*_as_user("postgres"), *command, *careless[survives]],
        home,
        log=directory / "postgres.log",
        ready=b"ready to accept connections",
        url=f"postgresql://starscoo@127.0.0.1:{port}/postgres",
    )


def start_redis(directory: Path) -> tuple[str, Stop]:
    """As `redis`."""
    server = redis(directory)
    return server.url, server.stop


def redis(directory: Path) -> Server:
    """An empty Redis without persistence. Raises FileNotFoundError as `postgres` does."""
    home = _private_home("redis")
    port = free_port()
    command = [_program("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    return Server(
        [*_as_user("redis"), *command, "--save", "", "--appendonly", "no", "--dir", str(home)],
        home,
        log=directory / "redis.log",
        ready=b"Ready to accept connections",
        url=f"redis://127.0.0.1:{port}/0",
    )


def start_nginx(directory: Path, configuration: str) -> Stop:
    """nginx with this configuration, whose ports are open when this returns. Raises FileNotFoundError as
    `postgres` does, RuntimeError with nginx's own words about a wrong configuration."""
    home = _private_home("www-data")
    written = directory / "nginx.conf"
    written.write_text(configuration)
    command = [_program("nginx", "nginx"), "-p", f"{home}/", "-e", "stderr", "-c", str(home / "nginx.conf")]
    shutil.copy(written, home)  # another user must read it
    return Server(
        [*_as_user("www-data"), *command, "-g", "error_log stderr notice;"],
        home,
        log=directory / "nginx.log",
        ready=b"start worker processes",
    ).stop


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


def _saw(output: IO[bytes], ready: bytes, log: IO[bytes]) -> bool:
    for line in output:
        log.write(line)
        log.flush()
        if ready in line:
            return True
    return False


def _copy(lines: IO[bytes], log: IO[bytes]) -> None:
    with lines, log:
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
