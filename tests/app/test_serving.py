"""The whole program in a process of its own: what only a real server, real signals and two processes show."""

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import running
from fakes import provider

PROMPT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Say hello"}]}


@pytest.fixture
def upstream() -> Iterator[provider.FakeProvider]:
    with provider.start() as started:
        yield started


def credentials(upstream: provider.FakeProvider) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "upstream-1",
        "OPENAI_BASE_URL": upstream.openai_base_url,
        "ANTHROPIC_API_KEY": "upstream-2",
        "ANTHROPIC_BASE_URL": upstream.anthropic_base_url,
    }


def ask(url: str, key: str, **more: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(
        f"{url}/v1/chat/completions", json=PROMPT | more, headers=headers, timeout=60, trust_env=False
    )


@contextmanager
def streaming(url: str, key: str) -> Iterator[httpx.Response]:
    headers = {"Authorization": f"Bearer {key}"}
    with (
        httpx.Client(timeout=60, trust_env=False) as client,
        client.stream(
            "POST", f"{url}/v1/chat/completions", json=PROMPT | {"stream": True}, headers=headers
        ) as answer,
    ):
        yield answer


def test_P_L1_two_clients_at_a_ceiling_of_ten_get_exactly_ten(
    tmp_path: Path, upstream: provider.FakeProvider
) -> None:
    with running.server(tmp_path, **credentials(upstream)) as starscoo:
        key = starscoo.new_key(hourly_requests=10)
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: ask(starscoo.url, key), range(40)))
        counted = Counter(answer.status_code for answer in answers)
        assert counted == {200: 10, 429: 30}
        assert len(upstream.calls) == 10
        assert {a.json()["error"]["code"] for a in answers if a.status_code == 429} == {"rate_limited"}


@pytest.mark.parametrize("stream", [False, True])
def test_P_A1_a_process_killed_right_after_an_answer_has_its_row(
    stream: bool, tmp_path: Path, upstream: provider.FakeProvider
) -> None:
    with running.server(tmp_path, **credentials(upstream)) as starscoo:
        key = starscoo.new_key()
        answer = ask(starscoo.url, key, stream=stream)
        starscoo.kill()
    assert answer.status_code == 200
    with sqlite3.connect(tmp_path / "data" / "starscoo.db") as database:
        rows = database.execute("SELECT id, state, outcome FROM requests").fetchall()
    database.close()
    assert rows == [(answer.headers["x-request-id"], "final", "ok")]


def test_what_was_running_when_the_process_was_killed_is_settled_as_interrupted(
    tmp_path: Path, upstream: provider.FakeProvider
) -> None:
    with running.server(tmp_path, **credentials(upstream)) as starscoo:
        key = starscoo.new_key()
        script = upstream.script(text="one two three", held=True)
        script.release(3)
        with streaming(starscoo.url, key) as answer:
            next(answer.iter_lines())
            starscoo.kill()
    environment = {**credentials(upstream), "STARSCOO_PORT": starscoo.environment["STARSCOO_PORT"]}
    with running.server(tmp_path, **environment) as again:
        listed = again.command("keys", "list", "--email", "alice@example.com")
        used = again.command("usage", "--key", listed["keys"][0]["id"])
    assert used["requests"] == 1


def test_a_limit_set_on_the_command_line_binds_within_a_second_or_so(
    tmp_path: Path, upstream: provider.FakeProvider
) -> None:
    with running.server(tmp_path, **credentials(upstream)) as starscoo:
        made = starscoo.command("keys", "create", "--email", "alice@example.com", "--name", "one")
        assert ask(starscoo.url, made["key"]).status_code == 200
        revoked = subprocess.run(
            [sys.executable, "-m", "app", "keys", "revoke", made["id"]],
            cwd=tmp_path,
            env=starscoo.environment,
            capture_output=True,
            timeout=60,
        )
        assert revoked.returncode == 0, revoked.stderr
        until(lambda: ask(starscoo.url, made["key"]).status_code == 401)


def until(holds: Callable[[], bool]) -> None:
    """Waits for something that other processes bring about; hangs are bounded, not timed."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline


def test_a_model_without_a_credential_answers_503_and_is_listed_as_unavailable(tmp_path: Path) -> None:
    with running.server(tmp_path) as starscoo:
        assert f"Starscoo is ready at {starscoo.url}" in starscoo.log
        assert "claude-opus-4-7" in starscoo.log
        key = starscoo.new_key()
        answer = ask(starscoo.url, key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unavailable")
        assert answer.headers["x-should-retry"] == "false"
        listed = httpx.get(
            f"{starscoo.url}/v1/models", headers={"Authorization": f"Bearer {key}"}, trust_env=False
        ).json()
        assert {line["available"] for line in listed["data"]} == {False}


def test_the_gateway_and_the_dashboard_share_one_address_but_no_cookies(tmp_path: Path) -> None:
    with running.server(tmp_path) as starscoo:
        assert httpx.get(f"{starscoo.url}/healthz", trust_env=False).json() == {"status": "ok"}
        unknown = httpx.get(f"{starscoo.url}/v1/nope", trust_env=False)
        assert unknown.json()["error"]["code"] == "not_found"
        assert "set-cookie" not in unknown.headers
        lacking = httpx.post(f"{starscoo.url}/chat/completions", json=PROMPT, trust_env=False)
        assert (lacking.status_code, lacking.json()["error"]["code"]) == (404, "not_found")
        assert "ends in /v1" in lacking.json()["error"]["message"]
        landing = httpx.get(f"{starscoo.url}/", trust_env=False)
        assert landing.status_code == 200
        assert landing.headers["content-type"].startswith("text/html")


def test_a_second_server_on_the_same_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with running.server(tmp_path) as starscoo:
        second = running.start(tmp_path)
        assert second.process.wait(60) != 0
        lines = [line for line in starscoo.log.splitlines() if "Another Starscoo serves" in line]
        assert len(lines) == 1
        assert "Traceback" not in starscoo.log


def test_a_running_stream_ends_whole_when_the_server_is_asked_to_stop(
    tmp_path: Path, upstream: provider.FakeProvider
) -> None:
    with running.server(tmp_path, **credentials(upstream)) as starscoo:
        key = starscoo.new_key()
        script = upstream.script(text="one two three", held=True)
        script.release(3)
        with streaming(starscoo.url, key) as answer:
            lines = answer.iter_lines()
            first = next(lines)
            starscoo.process.send_signal(signal.SIGTERM)
            threading.Timer(0.3, script.release_all).start()
            rest = [first, *lines]
        assert rest[-2:] == ["data: [DONE]", ""] or rest[-1] == "data: [DONE]"
        said = "".join(
            json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content") or ""
            for line in rest
            if line.startswith("data: {")
        )
        assert said == "one two three"
        assert starscoo.process.wait(40) in (0, -signal.SIGTERM)
