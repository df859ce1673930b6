"""Two real servers on one PostgreSQL, counting together in Redis or in the tables."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import running
import services
from fakes import provider
from running import Running

ASKED = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Say hello"}]}
PATIENCE_S = 60


@pytest.fixture
def upstream() -> Iterator[provider.FakeProvider]:
    with provider.start() as started:
        yield started


@pytest.fixture(params=["redis", "database"])
def options(
    request: pytest.FixtureRequest, upstream: provider.FakeProvider, postgres_url: str
) -> Iterator[dict[str, str]]:
    name = f"starscoo_scaled_{request.param}"
    options = {
        "OPENAI_API_KEY": "upstream-1",
        "OPENAI_BASE_URL": upstream.openai_base_url,
        "STARSCOO_DATABASE_URL": services.create_database(postgres_url, name),
        "STARSCOO_LIMITER": str(request.param),
    }
    if request.param == "redis":
        options["STARSCOO_REDIS_URL"] = str(request.getfixturevalue("redis_url"))
    yield options
    services.drop_database(postgres_url, name)


@contextmanager
def two(directory: Path, options: dict[str, str]) -> Iterator[tuple[Running, Running]]:
    places = [directory / name for name in ("one", "other")]
    for place in places:
        place.mkdir()
    with running.server(places[0], **options) as one, running.server(places[1], **options) as other:
        yield one, other


def ask(starscoo: Running, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{starscoo.url}/v1/chat/completions"
    return httpx.post(url, json=ASKED, headers=headers, timeout=60, trust_env=False)


def test_P_L1_exactly_n_of_4n_concurrent_requests_pass_two_processes(
    tmp_path: Path, options: dict[str, str]
) -> None:
    with two(tmp_path, options) as servers, ThreadPoolExecutor(40) as pool:
        key = servers[0].new_key(hourly_requests=10)
        answers = list(pool.map(lambda number: ask(servers[number % 2], key), range(40)))
        assert Counter(answer.status_code for answer in answers) == {200: 10, 429: 30}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert 0 < int(refused.headers["retry-after"]) <= 3600
        used = servers[1].command("keys", "list", "--email", "alice@example.com")["keys"]
        assert [key["requests_hour"] for key in used] == [10]


def test_P_L4_a_revoked_key_is_refused_by_both(tmp_path: Path, options: dict[str, str]) -> None:
    with two(tmp_path, options) as servers:
        key = servers[0].new_key()
        assert [ask(one, key).status_code for one in servers] == [200, 200]
        (listed,) = servers[0].command("keys", "list", "--email", "alice@example.com")["keys"]
        servers[0].command("keys", "revoke", listed["id"])
        deadline = time.monotonic() + PATIENCE_S
        # Another process has no way to tell that it has heard.
        while [ask(one, key).status_code for one in servers] != [401, 401]:
            assert time.monotonic() < deadline, "the key still opens a process"


def test_P_L3_what_a_killed_process_left_open_is_settled_by_the_other(
    tmp_path: Path, options: dict[str, str], upstream: provider.FakeProvider
) -> None:
    held = upstream.script(text="Hello", headers_held=True)
    with two(tmp_path, options) as (one, other), ThreadPoolExecutor(1) as pool:
        key = other.new_key(monthly_tokens=1000)
        pending = pool.submit(ask, one, key)
        upstream.wait_for_calls()
        assert ask(other, key).headers["x-ratelimit-remaining-tokens"] == "0"
        one.kill()
        with pytest.raises(httpx.TransportError):
            pending.result()
        held.release_headers()
        deadline = time.monotonic() + PATIENCE_S
        while (answer := ask(other, key)).status_code != 200:
            assert answer.json()["error"]["code"] == "token_cap_exceeded"
            assert time.monotonic() < deadline, "the reservation outlived its process"
            time.sleep(0.5)


def test_P_O2_a_process_that_counts_otherwise_is_refused(tmp_path: Path, options: dict[str, str]) -> None:
    places = [tmp_path / name for name in ("one", "other")]
    for place in places:
        place.mkdir()
    with running.server(places[0], **options):
        starscoo = running.start(places[1], **options | {"STARSCOO_LIMITER": "memory"})
        assert starscoo.process.wait(running.START_SECONDS) != 0
        assert "STARSCOO_LIMITER" in starscoo.log
        assert "Traceback" not in starscoo.log
