"""Two servers on one PostgreSQL with nginx before them: what customers get through the proxy."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
import running
import scaled
from scaled import ScaledOut

from models import accounts, keys, limits
from models.database import Database

ASKED = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Say hello"}]}
PATIENCE_S = 60
CEILING = 15
LIMITERS: tuple[Literal["redis", "database"], ...] = ("redis", "database")


@pytest.fixture(scope="module", params=LIMITERS)
def starscoo(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScaledOut]:
    with scaled.out(tmp_path_factory.mktemp("scaled"), postgres_url, limiter=request.param) as started:
        yield started


def ask(url: str, key: str, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    asked = ASKED | more
    return httpx.post(
        f"{url}/v1/chat/completions", json=asked, headers=headers, timeout=PATIENCE_S, trust_env=False
    )


def until(holds: Callable[[], bool]) -> None:
    """Waits for what other processes bring about; hangs are bounded, not timed."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def of(email: str) -> str:
    return (
        f"SELECT account_id FROM api_keys JOIN accounts ON accounts.id = account_id WHERE email = '{email}'"
    )


def test_P_L1_exactly_n_of_4n_concurrent_requests_pass(starscoo: ScaledOut) -> None:
    """Through the proxy and beside it, so that both servers decide, however fast one of them is."""
    key = starscoo.new_key("ceiling@example.com", hourly_requests=CEILING)
    urls = (starscoo.url, starscoo.servers[0].url, starscoo.servers[1].url)
    with ThreadPoolExecutor(4 * CEILING) as pool:
        answers = list(pool.map(lambda number: ask(urls[number % 3], key), range(4 * CEILING)))
    assert Counter(answer.status_code for answer in answers) == {200: CEILING, 429: 3 * CEILING}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 3600


def test_P_A2_the_sum_of_rows_is_the_sum_of_answers(starscoo: ScaledOut) -> None:
    email = "sums@example.com"
    key = starscoo.new_key(email)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(starscoo.url, key), range(24)))
    got = {answer.headers["x-request-id"]: answer.json()["usage"]["total_tokens"] for answer in answers}
    mine = f"account_id IN ({of(email)})"
    rows = starscoo.rows(f"SELECT id, total_tokens FROM requests WHERE state = 'final' AND {mine}")
    assert dict(rows) == got
    assert len(starscoo.rows(f"SELECT DISTINCT process FROM requests WHERE {mine}")) == 2
    for table in ("usage_hours", "usage_months"):
        sums = f"SELECT sum(requests)::int, sum(total_tokens)::int FROM {table} WHERE {mine}"
        assert starscoo.rows(sums) == [(len(got), sum(got.values()))]


def test_P_L4_a_revoked_key_is_refused_by_both_servers(starscoo: ScaledOut) -> None:
    email = "revoked@example.com"
    key = starscoo.new_key(email)
    assert [ask(server.url, key).status_code for server in starscoo.servers] == [200, 200]
    (listed,) = starscoo.servers[0].command("keys", "list", "--email", email)["keys"]
    starscoo.servers[0].command("keys", "revoke", listed["id"])
    for server in starscoo.servers:
        until(lambda url=server.url: ask(url, key).status_code == 401)  # type: ignore[misc]
    assert ask(starscoo.url, key).status_code == 401


def test_P_L4_an_override_binds_in_both_servers(starscoo: ScaledOut) -> None:
    """Set as the admin page sets it, by a process that serves nothing."""
    email = "override@example.com"
    key = starscoo.new_key(email)
    assert [ask(server.url, key).status_code for server in starscoo.servers] == [200, 200]
    database = Database(starscoo.options["STARSCOO_DATABASE_URL"])
    account = database.read_now(accounts.find_by_email, email)
    assert account is not None
    now = int(time.time())
    for value, status in ((2, 429), (1_000, 200)):
        database.run_now(
            limits.set_key_limit,
            account.id,
            keys.public_id(key),
            "hourly_requests",
            value,
            actor="admin@example.com",
            is_staff=True,
            reason="as agreed with them",
            now=now,
        )
        for server in starscoo.servers:
            until(lambda url=server.url, wanted=status: ask(url, key).status_code == wanted)  # type: ignore[misc]
    database.close()


def test_P_O2_a_further_process_that_counts_otherwise_is_refused(starscoo: ScaledOut, tmp_path: Path) -> None:
    mine = starscoo.options["STARSCOO_LIMITER"]
    other = "redis" if mine == "database" else "database"
    redis_url = f"redis://127.0.0.1:{running.free_port()}/0"
    for limiter in ("memory", other):
        place = tmp_path / limiter
        place.mkdir()
        options = {"STARSCOO_REDIS_URL": redis_url} | starscoo.options | {"STARSCOO_LIMITER": limiter}
        further = running.start(place, **options)
        try:
            assert further.process.wait(running.START_SECONDS) == 1
            (line,) = further.log.splitlines()
            assert line.startswith("starscoo: ")
            assert "STARSCOO_LIMITER" in line
        finally:
            further.stop()


@pytest.mark.parametrize("limiter", LIMITERS)
def test_P_O2_a_second_process_on_a_file_is_refused_whatever_it_counts_in(
    limiter: str, tmp_path: Path
) -> None:
    redis_url = f"redis://127.0.0.1:{running.free_port()}/0"
    options = {"STARSCOO_LIMITER": limiter, "STARSCOO_REDIS_URL": redis_url}
    with running.server(tmp_path, **options) as first:
        second = running.start(tmp_path, **options)
        try:
            assert second.process.wait(running.START_SECONDS) == 1
            assert first.log.count("Another Starscoo serves from") == 1
        finally:
            second.stop()


@pytest.mark.parametrize("limiter", LIMITERS)
def test_P_L3_one_server_killed_leaves_the_other_answering_and_nothing_held(
    limiter: Literal["redis", "database"], postgres_url: str, tmp_path: Path
) -> None:
    with scaled.out(tmp_path, postgres_url, limiter=limiter) as starscoo, ThreadPoolExecutor(1) as pool:
        key, capped = starscoo.new_key(), starscoo.new_key("capped@example.com", monthly_tokens=1_000)
        held = starscoo.upstream.script(text="Hello", headers_held=True)
        pending = pool.submit(ask, starscoo.servers[0].url, capped)
        starscoo.upstream.wait_for_calls()
        assert ask(starscoo.servers[1].url, capped).headers["x-ratelimit-remaining-tokens"] == "0"
        until(lambda: starscoo.rows("SELECT state FROM requests") == [("open",)])
        starscoo.servers[0].kill()
        with pytest.raises(httpx.TransportError):
            pending.result()
        held.release_headers()
        assert [ask(starscoo.url, key).status_code for _ in range(20)] == [200] * 20
        assert httpx.get(f"{starscoo.url}/login", trust_env=False).status_code == 200
        until(lambda: starscoo.rows("SELECT count(*) FROM requests WHERE state = 'open'") == [(0,)])
        ended = "SELECT outcome, count(*) FROM requests GROUP BY outcome ORDER BY outcome"
        assert starscoo.rows(ended) == [("interrupted", 1), ("ok", 20)]
        until(lambda: ask(starscoo.servers[1].url, capped).status_code == 200)
