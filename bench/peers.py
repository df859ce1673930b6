"""LiteLLM and Portkey's gateway, installed from their registries into environments of their own.

They live in the user's cache and are installed once; `make bench` asks for them, nothing else does.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.programs import Missing

PORTKEY = "@portkey-ai/gateway"
INSTALL_SECONDS = 900


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    place = Path(base) / "starscoo-bench"
    place.mkdir(parents=True, exist_ok=True)
    return place


def litellm() -> Path:
    """Its command. Raises Missing."""
    place = cache() / "litellm"
    program = place / "bin" / "litellm"
    if not program.exists():
        _install([sys.executable, "-m", "venv", "--clear", place])
        _install([place / "bin" / "pip", "install", "--quiet", "litellm[proxy]"])
    return program


def portkey() -> Path:
    """Its server's script, for node. Raises Missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("Node.js is not installed")
    place = cache() / "portkey"
    program = place / "node_modules" / PORTKEY / "build" / "start-server.js"
    if not program.exists():
        place.mkdir(exist_ok=True)
        _install(["npm", "install", "--no-audit", "--no-fund", "--prefix", place, PORTKEY])
    return program


def versions() -> dict[str, str]:
    """Of what is installed."""
    found = {}
    for metadata in (cache() / "litellm").glob("lib/*/site-packages/litellm-[0-9]*.dist-info"):
        found["LiteLLM"] = metadata.name.removeprefix("litellm-").removesuffix(".dist-info")
    package = cache() / "portkey" / "node_modules" / PORTKEY / "package.json"
    if package.exists():
        lines = package.read_text().split('"version":', 1)
        found["Portkey"] = lines[1].split('"')[1]
    return found


def _install(command: Sequence[str | Path]) -> None:
    words = [str(word) for word in command]
    try:
        subprocess.run(words, check=True, timeout=INSTALL_SECONDS, capture_output=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(f"could not be installed: {' '.join(words[:3])} failed") from error
