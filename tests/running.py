"""A real Starscoo in a process of its own, for tests that need what only a real server shows.

    with running.server(tmp_path, OPENAI_API_KEY="k", OPENAI_BASE_URL=fake.url + "/v1") as starscoo:
        key = starscoo.new_key("alice@example.com")
        httpx.get(starscoo.url + "/v1/models", headers={"authorization": f"Bearer {key}"})

It starts on a free port with its own directory as working directory, so no `.env` and no data of the checkout
is seen, and with a bare environment: what a test wants, it names.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

ROOT = Path(__file__).parent.parent
START_SECONDS = 60
STOP_SECONDS = 40


@dataclass(frozen=True)
class Running:
    """A started server. `url` is without a slash at the end; `log` is all it has printed so far."""

    url: str
    directory: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.directory / "server.log").read_text()

    def command(self, *words: str) -> Any:
        """The JSON object that `starscoo WORDS --json` prints, run beside the server on the same database."""
        done = subprocess.run(
            [sys.executable, "-m", "app", *words, "--json"],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 0, f"starscoo {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout)

    def new_key(self, email: str = "alice@example.com", *, name: str = "test", **limits: int) -> str:
        """A fresh key's secret; `hourly_requests` and `monthly_tokens` set its own limits."""
        options = [
            part for limit, value in limits.items() for part in (f"--{limit.replace('_', '-')}", str(value))
        ]
        secret = self.command("keys", "create", "--email", email, "--name", name, *options)["key"]
        assert isinstance(secret, str)
        return secret

    def kill(self) -> None:
        """SIGKILL: nothing is finished, flushed or closed."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, as an operator would; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop within {STOP_SECONDS} s:\n{self.log}") from None


@contextmanager
def server(
    directory: Path, *, command: Literal["serve", "demo"] = "serve", **environment: str
) -> Iterator[Running]:
    """A server that is ready; stopped at the end. A second one in the same directory finds its data."""
    starscoo = start(directory, command=command, **environment)
    try:
        wait_until_ready(starscoo)
        yield starscoo
    finally:
        starscoo.stop()


def start(directory: Path, *, command: Literal["serve", "demo"] = "serve", **environment: str) -> Running:
    """The process alone, not yet ready, for tests of starting itself."""
    port = environment.setdefault("STARSCOO_PORT", str(free_port()))
    whole = bare_environment(**environment)
    with (directory / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", command],
            cwd=directory,
            env=whole,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return Running(f"http://127.0.0.1:{port}", directory, whole, process)


def bare_environment(**more: str) -> dict[str, str]:
    """What a process needs to run from this checkout, without the options of whoever runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(starscoo: Running) -> None:
    """Raises AssertionError with what it printed when it ends before, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if starscoo.process.poll() is not None:
            raise AssertionError(f"it ended with {starscoo.process.returncode}:\n{starscoo.log}")
        try:
            if httpx.get(f"{starscoo.url}/readyz", timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"it was not ready within {START_SECONDS} s:\n{starscoo.log}")
