"""Those who are measured: Starscoo as anybody starts it, and what it is compared with.

Each runs on the gateway's core, with the same upstream behind it and the same clients before it.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import peers
from bench.machine import GATEWAY_CORES, family, memory_mb, pinned
from bench.programs import Missing, free_port

ROOT = Path(__file__).parent.parent
START_SECONDS = 90
PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class Contender:
    """`pid` 0: there is no gateway. `seconds_to_ready` counts from the command to the first 200."""

    name: str
    port: int
    keys: Path
    pid: int = 0
    headers: str = ""
    seconds_to_ready: float = 0
    mb_at_start: float = 0
    directory: Path = field(default_factory=Path)

    def pids(self) -> list[int]:
        return family(self.pid) if self.pid else []


def environment(**more: str) -> dict[str, str]:
    """What a gateway needs to run, without the options of whoever runs the benchmark."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    directory: Path,
    port: int,
    *,
    ready: str,
    keys: Path,
    more: dict[str, str],
    headers: str = "",
) -> Iterator[Contender]:
    """A process on the gateway's core until the end. Raises RuntimeError with its last words if it does not start."""
    began = time.monotonic()
    log = directory / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=directory,
            env=environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=pinned(GATEWAY_CORES),
        )
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}{ready}", log)
        took = time.monotonic() - began
        mb = memory_mb(family(process.pid))
        yield Contender(name, port, keys, process.pid, headers, took, mb, directory)
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"did not start: {log.read_text(errors='replace')[-600:]}")


@contextmanager
def direct(upstream_port: int, directory: Path) -> Iterator[Contender]:
    yield Contender("direct", upstream_port, _keys(directory, "direct", "sk-none"))


@contextmanager
def starscoo(
    upstream_port: int,
    directory: Path,
    *,
    name: str = "Starscoo",
    module: str = "app",
    keys: Sequence[str] = (),
    **settings: str,
) -> Iterator[Contender]:
    """The real program in a directory of its own. Without `keys` a key is made with its command line, with limits
    that are checked by every request and never reached."""
    home = directory / name.replace(" ", "-")
    home.mkdir(exist_ok=True)
    port = free_port()
    more = {
        "STARSCOO_PORT": str(port),
        "OPENAI_API_KEY": "bench",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1",
        "ANTHROPIC_API_KEY": "bench",
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{upstream_port}",
        **settings,
    }
    if not keys:
        words = ["keys", "create", "--email", "bench@example.com", "--hourly-requests", "1000000000"]
        words += ["--monthly-tokens", "1000000000000", "--json"]
        made = subprocess.run(
            [sys.executable, "-m", "app", *words],
            cwd=home,
            env=environment(**more),
            check=True,
            stdout=subprocess.PIPE,
        )
        keys = [json.loads(made.stdout)["key"]]
    command = [sys.executable, "-m", module, "serve"]
    written = _keys(home, name, *keys)
    with running(name, command, home, port, ready="/readyz", keys=written, more=more) as started:
        yield started


@contextmanager
def nginx(upstream_port: int, directory: Path) -> Iterator[Contender]:
    """The floor of a hop: one worker that copies."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise Missing("nginx is not installed")
    home = directory / "nginx"
    home.mkdir()
    port = free_port()
    temporary = "\n".join(
        f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    (home / "nginx.conf").write_text(
        f"""
        {user} worker_processes 1; daemon off; pid {home}/pid; error_log stderr;
        events {{ worker_connections 4096; }}
        http {{
            access_log off; {temporary}
            keepalive_requests 100000000;
            upstream provider {{
                server 127.0.0.1:{upstream_port}; keepalive 512; keepalive_requests 100000000;
            }}
            server {{
                listen 127.0.0.1:{port} backlog=4096;
                location / {{
                    proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
                    proxy_buffering off;
                }}
                location = /ready {{ return 200; }}
            }}
        }}
        """
    )
    command: list[str | Path] = [program, "-p", home, "-e", "stderr", "-c", home / "nginx.conf"]
    keys = _keys(directory, "nginx", "sk-none")
    with running("nginx", command, home, port, ready="/ready", keys=keys, more={}) as started:
        yield started


@contextmanager
def litellm(upstream_port: int, directory: Path) -> Iterator[Contender]:
    """Its proxy with a master key and without its database: it meters nothing."""
    program = peers.litellm()
    home = directory / "LiteLLM"
    home.mkdir()
    port = free_port()
    (home / "config.yaml").write_text(
        f"""
model_list:
  - model_name: gpt-5-mini
    litellm_params: {{model: openai/gpt-5-mini, api_base: "http://127.0.0.1:{upstream_port}/v1", api_key: bench}}
general_settings: {{master_key: sk-bench}}
litellm_settings: {{telemetry: false}}
"""
    )
    command: list[str | Path] = [
        program,
        "--config",
        "config.yaml",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--num_workers",
        "1",
    ]
    more = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    keys = _keys(directory, "LiteLLM", "sk-bench")
    ready = "/health/liveliness"
    with running("LiteLLM", command, home, port, ready=ready, keys=keys, more=more) as started:
        yield started


@contextmanager
def portkey(upstream_port: int, directory: Path) -> Iterator[Contender]:
    """Its open-source gateway: no keys, no limits, no ledger."""
    program = peers.portkey()
    home = directory / "Portkey"
    home.mkdir()
    port = free_port()
    upstream = f"http://127.0.0.1:{upstream_port}/v1"
    headers = f"x-portkey-provider: openai\r\nx-portkey-custom-host: {upstream}\r\n"
    command: list[str | Path] = ["node", program, f"--port={port}", "--headless"]
    more = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost", "NODE_ENV": "production"}
    keys = _keys(directory, "Portkey", "sk-bench")
    with running("Portkey", command, home, port, ready="/", keys=keys, more=more, headers=headers) as started:
        yield started


def _keys(directory: Path, name: str, *keys: str) -> Path:
    written = directory / f"{name}.keys"
    written.write_text("".join(f"{key}\n" for key in keys))
    return written
