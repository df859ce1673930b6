"""Every program that the documentation shows is run as it is shown, against a real server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import running

from app import samples
from app.samples import Language, Task

COMMANDS: dict[Language, list[str]] = {"curl": ["sh"], "python": [sys.executable], "javascript": ["node"]}
MODELS = ("gpt-5-mini", "claude-sonnet-4-6")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    with running.server(tmp_path_factory.mktemp("samples"), command="demo") as started:
        yield started


def key_of(server: running.Running) -> str:
    key = json.loads((server.directory / "data/demo.json").read_text())["key"]
    assert isinstance(key, str)
    return key


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", get_args(Task))
@pytest.mark.parametrize("language", [language for language in COMMANDS if language != "javascript"])
def test_a_sample_runs_as_it_is_shown(
    server: running.Running, tmp_path: Path, language: Language, task: Task, model: str
) -> None:
    check(run(server, tmp_path, language, task, model), language, task)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", get_args(Task))
def test_a_sample_in_javascript_runs_as_it_is_shown(
    server: running.Running, tmp_path: Path, node_modules: Path, task: Task, model: str
) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules)
    check(run(server, tmp_path, "javascript", task, model), "javascript", task)


def run(server: running.Running, directory: Path, language: Language, task: Task, model: str) -> str:
    """What the sample prints."""
    program = directory / f"sample.{samples.SUFFIXES[language]}"
    program.write_text(samples.text(task, language, base_url=f"{server.url}/v1", model=model))
    done = subprocess.run(
        [*COMMANDS[language], program.name],
        cwd=directory,
        env=running.bare_environment(STARSCOO_KEY=key_of(server)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(printed: str, language: Language, task: Task) -> None:
    """The answer arrived: the sandbox says in every reply what it is, streams end with their usage."""
    assert '"error"' not in printed
    if language == "curl" and task == "tools":
        assert json.loads(printed)["choices"][0]["finish_reason"] == "tool_calls"
    else:
        assert "andbox" in printed or "tokens" in printed
