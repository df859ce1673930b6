"""The whole program with its counters in Redis, in a process of its own."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import running
from fakes import provider
from redis import Redis

PROMPT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Say hello"}]}


@pytest.fixture
def upstream() -> Iterator[provider.FakeProvider]:
    with provider.start() as started:
        yield started


def ask(url: str, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{url}/v1/chat/completions", json=PROMPT, headers=headers, timeout=60, trust_env=False)


def options(upstream: provider.FakeProvider, redis_url: str) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "upstream-1",
        "OPENAI_BASE_URL": upstream.openai_base_url,
        "STARSCOO_REDIS_URL": redis_url,
    }


def test_P_L1_exactly_as_many_pass_as_the_ceiling_says_also_when_redis_forgets(
    tmp_path: Path, upstream: provider.FakeProvider, redis_url: str
) -> None:
    with running.server(tmp_path, **options(upstream, redis_url)) as starscoo:
        key = starscoo.new_key(hourly_requests=10)
        with Redis.from_url(redis_url) as server:
            assert [ask(starscoo.url, key).status_code for _ in range(4)] == [200] * 4
            server.flushall()
            with ThreadPoolExecutor(20) as pool:
                answers = list(pool.map(lambda _: ask(starscoo.url, key), range(24)))
            assert Counter(answer.status_code for answer in answers) == {200: 6, 429: 18}
            server.flushall()
        assert ask(starscoo.url, key).headers["x-ratelimit-remaining-requests"] == "0"
        assert len(upstream.calls) == 10


def test_what_a_killed_process_had_reserved_is_free_at_the_next_start(
    tmp_path: Path, upstream: provider.FakeProvider, redis_url: str
) -> None:
    held = upstream.script(text="Hello", headers_held=True)
    with running.server(tmp_path, **options(upstream, redis_url)) as starscoo, ThreadPoolExecutor(1) as pool:
        key = starscoo.new_key(monthly_tokens=1000)
        pending = pool.submit(ask, starscoo.url, key)
        upstream.wait_for_calls()
        assert ask(starscoo.url, key).headers["x-ratelimit-remaining-tokens"] == "0"
        starscoo.kill()
        with pytest.raises(httpx.TransportError):
            pending.result()
    held.release_headers()
    with running.server(tmp_path, **options(upstream, redis_url)) as again:
        assert ask(again.url, key).status_code == 200


def test_P_L5_a_redis_that_cannot_be_reached_is_told_and_done_without(
    tmp_path: Path, upstream: provider.FakeProvider
) -> None:
    nowhere = f"redis://:secret@127.0.0.1:{running.free_port()}/0"
    with running.server(tmp_path, **options(upstream, nowhere)) as starscoo:
        key = starscoo.new_key(hourly_requests=3)
        answers = [ask(starscoo.url, key).status_code for _ in range(5)]
    assert answers == [200] * 3 + [429] * 2
    assert "Redis does not answer; the limits are counted in the database until it does" in starscoo.log
    assert "secret" not in starscoo.log
