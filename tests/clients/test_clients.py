"""Clients that nobody here wrote, as their users write them, against a running gateway and the fake providers.

Each program in `programs` is told by its environment where the server is, does the same few things with its library,
and prints what it got as one JSON object. `make test` runs the official SDKs; `make clients` installs the others
beside them, by locks of their own, and runs all.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gateways
import pytest
import running
from fakes import provider
from fakes.provider import FakeProvider
from gateways import Gateway

from api.providers import Access

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
MODELS = ("gpt-5", "codex-1", "claude-sonnet-4-6")
"""One per upstream wire."""

TEXT: Any = {"text": "Grüße aus Oslo 🌍"}
CALL: Any = {"calls": [("weather", '{"city":"Oslo"}')]}
AFTER: Any = {"text": "Sunny in Oslo"}
OSLO = {"name": "Oslo", "people": 700_000}
JSON: Any = {"text": json.dumps(OSLO)}
CITY: Any = {"calls": [("City", json.dumps(OSLO))]}
TYPED: Any = {"calls": [("final_result", json.dumps(OSLO))]}

GREETED, TOKENS = "Grüße aus Oslo 🌍", 19
TOOL = {"arguments": {"city": "Oslo"}, "after": "Sunny in Oslo"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeProvider]:
    with provider.start() as started:
        yield started


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream: FakeProvider) -> Iterator[Gateway]:
    access = {
        "openai": Access(upstream.openai_base_url, "upstream-key-1"),
        "anthropic": Access(upstream.anthropic_base_url, "upstream-key-2"),
    }
    with gateways.running_gateway(tmp_path_factory.mktemp("gateway"), access) as started:
        yield started


class Bench:
    """Runs a program once the answers that it will get are decided."""

    def __init__(self, gateway: Gateway, upstream: FakeProvider, directory: Path) -> None:
        self._gateway = gateway
        self._upstream = upstream
        self._directory = directory

    def run(
        self, program: str, model: str, answers: list[Any], *, by: str, packages: Path | None = None
    ) -> Any:
        """What the program printed. `by` is the interpreter, `packages` the node_modules that it imports from."""
        for answer in answers:
            self._upstream.script(**answer)
        shutil.copy(PROGRAMS / program, self._directory)
        if packages is not None:
            (self._directory / "node_modules").symlink_to(packages)
        secret = self._gateway.key(self._gateway.account()).secret
        environment = running.bare_environment(
            OPENAI_BASE_URL=self._gateway.base_url, OPENAI_API_KEY=secret, MODEL=model
        )
        done = subprocess.run(
            [by, program], cwd=self._directory, env=environment, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
        assert self._upstream.violations == []
        assert len(self._upstream.calls) == len(answers)
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def bench(gateway: Gateway, upstream: FakeProvider, tmp_path: Path) -> Iterator[Bench]:
    yield Bench(gateway, upstream, tmp_path)
    upstream.reset()


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter beside the libraries of `requirements.lock`."""
    found = running.ROOT / ".venv-clients/bin/python"
    if not found.exists():
        pytest.fail("The client libraries are not installed. `make clients` installs and runs them.")
    return str(found)


@pytest.fixture(scope="module")
def packages() -> Path:
    """What `package-lock.json` names."""
    found = HERE / "node_modules"
    if not (found / "ai").is_dir():
        pytest.fail("The client packages are not installed. `make clients` installs and runs them.")
    return found


@pytest.mark.parametrize("model", MODELS)
def test_the_official_sdk_for_python(model: str, bench: Bench) -> None:
    answers = [TEXT, TEXT, CALL, AFTER, CALL, TEXT, JSON, TEXT, TEXT]
    assert bench.run("openai_python.py", model, answers, by=sys.executable) == {
        "plain": GREETED,
        "stream": GREETED,
        "tool": TOOL,
        "streamed_tool": {"arguments": {"city": "Oslo"}, "finish_reason": "tool_calls", "has_events": True},
        "raw": {"text": GREETED, "has_id": True},
        "parsed": OSLO,
        "async": {"plain": GREETED, "stream": GREETED},
    }


@pytest.mark.parametrize("model", MODELS)
def test_the_official_sdk_for_node(model: str, bench: Bench, node_modules: Path) -> None:
    answers = [TEXT, TEXT, CALL, AFTER, CALL, AFTER]
    assert bench.run("openai_node.mjs", model, answers, by="node", packages=node_modules) == {
        "plain": GREETED,
        "stream": GREETED,
        "tool": TOOL,
        "streamed_tool": TOOL,
    }


@pytest.mark.clients
@pytest.mark.parametrize("model", MODELS)
def test_langchain(model: str, bench: Bench, python: str) -> None:
    assert bench.run("langchain.py", model, [TEXT, TEXT, CALL, AFTER, CITY], by=python) == {
        "plain": GREETED,
        "stream": GREETED,
        "tokens": TOKENS,
        "tool": TOOL,
        "parsed": OSLO,
    }


@pytest.mark.clients
@pytest.mark.parametrize("model", MODELS)
def test_pydantic_ai(model: str, bench: Bench, python: str) -> None:
    assert bench.run("pydantic_agent.py", model, [TEXT, TEXT, CALL, AFTER, TYPED], by=python) == {
        "plain": GREETED,
        "stream": GREETED,
        "tokens": TOKENS,
        "tool": TOOL,
        "parsed": OSLO,
    }


@pytest.mark.clients
@pytest.mark.parametrize("model", MODELS)
def test_instructor(model: str, bench: Bench, python: str) -> None:
    assert bench.run("instructor_types.py", model, [CITY, CITY, CITY], by=python) == {
        "plain": OSLO,
        "stream": OSLO,
        "tool": [OSLO],
    }


@pytest.mark.clients
@pytest.mark.parametrize("model", MODELS)
def test_the_ai_sdk(model: str, bench: Bench, packages: Path) -> None:
    answers = [TEXT, TEXT, CALL, AFTER, CALL, AFTER]
    assert bench.run("ai_sdk.mjs", model, answers, by="node", packages=packages) == {
        "plain": GREETED,
        "stream": GREETED,
        "tokens": TOKENS,
        "tool": TOOL,
        "streamed_tool": TOOL,
    }
