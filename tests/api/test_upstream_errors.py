"""What a client is told of every way in which an upstream fails: the table of the translation rules, on each of the
three upstream wires, plain and streamed, over real HTTP; and what the official SDK makes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gateways
import httpx
import pytest
from fakes import provider
from fakes.provider import FakeProvider
from gateways import Gateway
from openai import APIStatusError, OpenAI

from api.errors import KINDS, Kind
from api.providers import Access
from models import keys

CHAT, RESPONSES, MESSAGES = "gpt-5", "codex-1", "claude-opus-4-7"
"""The model that is reached over each wire."""
OPENAIS = (CHAT, RESPONSES)
ALL = (CHAT, RESPONSES, MESSAGES)


@dataclass(frozen=True)
class Case:
    """An upstream's answer, and what a client must get. `wait` is the Retry-After, None for none."""

    wires: tuple[str, ...]
    status: int
    body: Any
    kind: Kind
    headers: dict[str, str] = field(default_factory=dict)
    param: str | None = None
    wait: str | None = None
    is_retryable: bool | None = None
    name: str = ""


def openai_says(
    status: int, code: str | None, kind: Kind, message: str = "org-AbCdEfGh12 is at fault", **more: Any
) -> Case:
    error = {"message": message, "type": "some_error", "param": more.pop("says_param", None), "code": code}
    return Case(OPENAIS, status, {"error": error}, kind, name=f"openai-{status}-{code}", **more)


def anthropic_says(
    status: int,
    type_: str,
    kind: Kind,
    message: str = "org-AbCdEfGh12 is at fault",
    *,
    code: str = "",
    **more: Any,
) -> Case:
    error: dict[str, Any] = {"type": type_, "message": message}
    if code:
        error["details"] = {"error_code": code}
    body = {"type": "error", "error": error, "request_id": "req_upstream123"}
    return Case((MESSAGES,), status, body, kind, name=f"anthropic-{status}-{type_}-{code or kind}", **more)


PAGE = b"<html><body>cloudflare org-AbCdEfGh12</body></html>"
VERIFY = "Your organization must be verified to stream this model. Go to the settings."
CASES = [
    # the client's own request
    openai_says(400, "context_length_exceeded", "context_length_exceeded", param="messages"),
    openai_says(400, "invalid_prompt", "content_policy_violation"),
    openai_says(400, "bio_policy", "content_policy_violation"),
    openai_says(400, "misalignment_policy_violation", "content_policy_violation"),
    openai_says(400, "image_content_policy_violation", "content_policy_violation"),
    openai_says(400, "invalid_image", "invalid_image"),
    openai_says(400, "invalid_image_format", "invalid_image"),
    openai_says(400, "image_too_large", "invalid_image"),
    openai_says(400, "empty_image_file", "invalid_image"),
    openai_says(400, "failed_to_download_image", "invalid_image"),
    openai_says(400, "something_new", "invalid_request", says_param="user", param="user"),
    openai_says(422, None, "invalid_request"),
    openai_says(413, None, "request_too_large"),
    anthropic_says(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "prompt is too long: 1200000 tokens > 1000000 maximum",
        param="messages",
    ),
    anthropic_says(
        400,
        "invalid_request_error",
        "invalid_image",
        "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum",
        param="messages",
    ),
    anthropic_says(
        400, "invalid_request_error", "invalid_request", "tools.0.name: bad billing word", param="tools"
    ),
    anthropic_says(413, "request_too_large", "request_too_large"),
    # the operator's own account
    openai_says(401, "invalid_api_key", "upstream_unavailable"),
    openai_says(402, None, "upstream_unavailable"),
    openai_says(403, "unsupported_country_region_territory", "upstream_unavailable"),
    openai_says(404, "model_not_found", "upstream_unavailable"),
    openai_says(429, "insufficient_quota", "upstream_unavailable", headers={"Retry-After": "7"}),
    openai_says(429, "credit_balance_exhausted", "upstream_unavailable"),
    openai_says(429, "billing_hard_limit_reached", "upstream_unavailable"),
    openai_says(400, "billing_hard_limit_reached", "upstream_unavailable"),
    openai_says(429, "organization_spend_limit_exceeded", "upstream_unavailable"),
    openai_says(429, "project_spend_limit_exceeded", "upstream_unavailable"),
    openai_says(429, "organization_usage_limit_exceeded", "upstream_unavailable"),
    openai_says(400, "unsupported_value", "upstream_unavailable", VERIFY, says_param="stream"),
    anthropic_says(401, "authentication_error", "upstream_unavailable"),
    anthropic_says(402, "billing_error", "upstream_unavailable"),
    anthropic_says(403, "permission_error", "upstream_unavailable"),
    anthropic_says(404, "not_found_error", "upstream_unavailable"),
    anthropic_says(
        400,
        "invalid_request_error",
        "upstream_unavailable",
        "Your credit balance is too low to access the Anthropic API.",
        code="credit_balance_too_low",
    ),
    anthropic_says(
        400,
        "invalid_request_error",
        "upstream_unavailable",
        "You have reached your specified API usage limits.",
        code="usage_limits",
    ),
    anthropic_says(
        429,
        "rate_limit_error",
        "upstream_unavailable",
        code="enforced_spend_limit_reached",
        headers={"Retry-After": "7"},
    ),
    anthropic_says(429, "rate_limit_error", "upstream_unavailable"),
    # limits of the rate
    openai_says(429, "rate_limit_exceeded", "upstream_rate_limited", headers={"Retry-After": "7"}, wait="7"),
    openai_says(429, None, "upstream_rate_limited"),
    anthropic_says(
        429, "rate_limit_error", "upstream_rate_limited", headers={"Retry-After": "3600"}, wait="120"
    ),
    # overload, failure, time
    openai_says(503, None, "upstream_overloaded", wait="5"),
    openai_says(503, "server_is_overloaded", "upstream_overloaded", wait="5"),
    openai_says(429, "slow_down", "upstream_overloaded", headers={"Retry-After": "11"}, wait="11"),
    anthropic_says(529, "overloaded_error", "upstream_overloaded", wait="5"),
    anthropic_says(
        529,
        "overloaded_error",
        "upstream_overloaded",
        headers={"Retry-After": "3", "X-Should-Retry": "false"},
        is_retryable=False,
        wait="5",
        code="told_not_to",
    ),
    openai_says(500, "server_error", "upstream_error"),
    openai_says(500, None, "upstream_error"),
    openai_says(502, None, "upstream_error"),
    openai_says(524, None, "upstream_error"),
    anthropic_says(500, "api_error", "upstream_error"),
    anthropic_says(504, "timeout_error", "upstream_timeout"),
    openai_says(504, None, "upstream_timeout"),
    openai_says(408, None, "upstream_timeout"),
    *(
        Case(ALL, status, PAGE, "upstream_error", name=f"page-{status}")
        for status in (400, 500, 502, 520, 524)
    ),
    Case(ALL, 401, PAGE, "upstream_unavailable", name="page-401"),
    Case(ALL, 403, PAGE, "upstream_unavailable", name="page-403"),
    Case(ALL, 413, PAGE, "request_too_large", name="page-413"),
    Case(ALL, 503, PAGE, "upstream_overloaded", wait="5", name="page-503"),
    Case(ALL, 504, PAGE, "upstream_timeout", name="page-504"),
]
TABLE = [pytest.param(case, model, id=f"{case.name}-{model}") for case in CASES for model in case.wires]


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
    with gateways.running_gateway(tmp_path_factory.mktemp("gateway"), access) as running:
        yield running


@pytest.fixture(scope="module")
def issued(gateway: Gateway) -> keys.Issued:
    return gateway.key(gateway.account())


@pytest.fixture(scope="module")
def client(gateway: Gateway, issued: keys.Issued) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {issued.secret}"}
    with httpx.Client(base_url=gateway.base_url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_left_over(gateway: Gateway, upstream: FakeProvider) -> Iterator[None]:
    yield
    upstream.reset()
    for notice in gateway.notices.current():
        gateway.notices.clear(notice.subject)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("case", "model"), TABLE)
def test_an_upstreams_refusal_is_told_as_the_table_says(
    case: Case, model: str, stream: bool, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.script(status=case.status, body=case.body, headers=case.headers)
    asked = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    answer = client.post("/chat/completions", json=asked)
    status, type_, is_retryable = KINDS[case.kind]
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, case.kind, type_)
    assert error["param"] == case.param
    assert answer.headers.get("retry-after") == case.wait
    expected = is_retryable if case.is_retryable is None else case.is_retryable
    said = answer.headers.get("x-should-retry")
    assert said == (None if status < 429 else str(expected).lower())
    for fact in ("org-", "req_upstream", "rganization", "cloudflare", "credit balance", "upstream-key"):
        assert fact not in answer.text
    assert len(upstream.calls) == 1
    assert upstream.violations == []
    assert [notice.subject for notice in gateway.notices.current()] == (
        [model] if case.kind == "upstream_unavailable" else []
    )


@pytest.mark.parametrize(("case", "model"), TABLE)
def test_the_official_sdk_tries_again_what_may_be_and_nothing_else(
    case: Case, model: str, gateway: Gateway, issued: keys.Issued, upstream: FakeProvider
) -> None:
    """The time to wait is given as a millisecond, which is passed on, so that nothing here sleeps."""
    for _ in range(3):
        upstream.script(
            status=case.status,
            body=case.body,
            headers={**case.headers, "Retry-After-Ms": "1", "Retry-After": "1"},
        )
    with (
        OpenAI(base_url=gateway.base_url, api_key=issued.secret, max_retries=2, timeout=30) as sdk,
        pytest.raises(APIStatusError) as caught,
    ):
        sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}])
    answer = caught.value.response
    if case.name.startswith("anthropic-429") and "spend_limit" not in case.name:
        expected_kind = "upstream_rate_limited"  # the case is one because it names no time
    else:
        expected_kind = case.kind
    assert caught.value.code == expected_kind
    may_try = KINDS[expected_kind][2] if case.is_retryable is None else case.is_retryable
    assert len(upstream.calls) == (3 if may_try else 1)
    assert answer.request.headers["x-stainless-retry-count"] == ("2" if may_try else "0")
    assert answer.headers.get("retry-after-ms") == ("1" if may_try else None)


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "Sun, 22 Nov 2026 12:00:09 GMT"}, {"Retry-After": "8.5"}]
)
def test_a_time_to_come_back_may_be_a_date_or_a_fraction(
    headers: dict[str, str], client: httpx.Client, upstream: FakeProvider
) -> None:
    upstream.script(status=429, body={"error": {"message": "x", "code": None}}, headers=headers)
    asked = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}
    assert client.post("/chat/completions", json=asked).headers["retry-after"] == "9"


@pytest.mark.parametrize("wait", ["", "soon", "-5", "1e9", "٣", "99999999999"])
def test_a_time_that_cannot_be_read_is_none(wait: str, client: httpx.Client, upstream: FakeProvider) -> None:
    upstream.script(
        status=429,
        body={"error": {"message": "x", "code": None}},
        headers={"Retry-After": wait.encode().decode("latin-1")},
    )
    asked = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}
    answer = client.post("/chat/completions", json=asked)
    assert (answer.status_code, answer.headers.get("retry-after")) == (429, None)


FIRST_EVENTS: list[tuple[str, str, Kind]] = [
    (CHAT, "server_error", "upstream_error"),
    (CHAT, "rate_limit_exceeded", "upstream_rate_limited"),
    (CHAT, "insufficient_quota", "upstream_unavailable"),
    (RESPONSES, "server_error", "upstream_error"),
    (RESPONSES, "rate_limit_exceeded", "upstream_rate_limited"),
    (RESPONSES, "bio_policy", "content_policy_violation"),
    (RESPONSES, "context_length_exceeded", "context_length_exceeded"),
    (RESPONSES, "insufficient_quota", "upstream_unavailable"),
    (MESSAGES, "overloaded_error", "upstream_overloaded"),
    (MESSAGES, "api_error", "upstream_error"),
    (MESSAGES, "rate_limit_error", "upstream_rate_limited"),
    (MESSAGES, "timeout_error", "upstream_timeout"),
    (MESSAGES, "billing_error", "upstream_unavailable"),
]


@pytest.mark.parametrize(("model", "word", "kind"), FIRST_EVENTS)
def test_an_error_that_is_the_first_event_of_a_stream_is_a_status(
    model: str, word: str, kind: Kind, client: httpx.Client, gateway: Gateway, upstream: FakeProvider
) -> None:
    upstream.script(text="never said", cut_after=0, failure=(word, "org-AbCdEfGh12 is at fault"))
    asked = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    answer = client.post("/chat/completions", json=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (KINDS[kind][0], kind)
    assert "org-" not in answer.text
    assert bool(gateway.notices) == (kind == "upstream_unavailable")
    assert [row.outcome for row in gateway.rows() if row.id == answer.headers["x-request-id"]] == ["error"]


def test_a_trouble_of_the_operators_own_is_told_to_him_without_his_key_and_ends_with_success(
    client: httpx.Client, gateway: Gateway, upstream: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {"model": "claude-opus-4-7", "messages": [{"role": "user", "content": "Hi"}]}
    body = {"error": {"type": "authentication_error", "message": "invalid x-api-key sk-ant-api03-abcdef"}}
    for _ in range(2):
        upstream.script(status=401, body=body)
        assert client.post("/chat/completions", json=asked).status_code == 503
    (notice,) = gateway.notices.current()
    assert (notice.subject, notice.count) == ("claude-opus-4-7", 2)
    assert "HTTP 401" in notice.text
    assert "invalid x-api-key [key]" in notice.text
    loud = [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"]
    assert len(loud) == 2
    assert not any("sk-ant" in line for line in loud)
    assert client.post("/chat/completions", json=asked).status_code == 200
    assert not gateway.notices
