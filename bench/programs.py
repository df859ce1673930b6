"""The two C programs: the provider that answers, and the clients that ask."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import LOAD_CORES, pinned

HERE = Path(__file__).parent
CHUNKS, GAP_MS = 64, 20
PATIENCE_SECONDS = 120


class Missing(Exception):
    """What the benchmark needs and this machine lacks, in words for people."""


@dataclass(frozen=True)
class Programs:
    """Compiled into `directory`."""

    directory: Path

    @property
    def load(self) -> Path:
        return self.directory / "load"

    @property
    def upstream(self) -> Path:
        return self.directory / "upstream"


@dataclass(frozen=True)
class Ask:
    """What the clients of one sample send. `connections` stay open; each asks again when it is answered."""

    model: str
    connections: int
    seconds: float
    is_stream: bool = False
    gap_ms: int = GAP_MS
    chunks: int = CHUNKS

    def body(self) -> bytes:
        words = "Name three rivers of Europe and one fact about each of them, in plain words, please."
        asked: dict[str, object] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": "You answer in a few short sentences."},
                {"role": "user", "content": f"{words} bench:{self.chunks}x{self.gap_ms}"},
            ],
            "max_completion_tokens": 400,
        }
        if self.is_stream:
            asked["stream"] = True
        return json.dumps(asked, separators=(",", ":")).encode()

    @property
    def ideal_ms(self) -> int:
        return self.chunks * self.gap_ms


def compile_programs(directory: Path) -> Programs:
    """Raises Missing without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Missing("a C compiler is needed; on Debian or Ubuntu: apt-get install gcc libc6-dev")
    for name in ("upstream", "load"):
        subprocess.run([compiler, "-O2", "-o", directory / name, HERE / f"{name}.c"], check=True)
    return Programs(directory)


@contextmanager
def upstream(programs: Programs) -> Iterator[tuple[int, int]]:
    """The provider: its port and its process id."""
    port = free_port()
    process = subprocess.Popen(
        [programs.upstream, str(port), str(CHUNKS), str(GAP_MS)],
        stdout=subprocess.PIPE,
        preexec_fn=pinned(LOAD_CORES),
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the benchmark's upstream did not start")
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def ask(
    programs: Programs, port: int, path: str, keys: Path, asked: Ask, headers: str = ""
) -> dict[str, float]:
    """One run of the clients; what load.c prints."""
    body = programs.directory / "body.json"
    body.write_bytes(asked.body())
    mode = "stream" if asked.is_stream else "plain"
    words = [programs.load, mode, port, path, keys, body, asked.connections, asked.seconds]
    if asked.is_stream:
        words.append(asked.ideal_ms)
    done = subprocess.run(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        check=True,
        timeout=PATIENCE_SECONDS,
        preexec_fn=pinned(LOAD_CORES),
        env={**os.environ, "LOAD_HEADERS": headers},
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
