"""The official OpenAI SDK against a running gateway: `base_url` is changed, nothing else. The fake providers behind it
check what they receive against the types of the official packages."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from fakes.provider import FakeProvider
from gateways import Gateway
from openai import OpenAI

from models import keys
from models.ledger import Usage

MODELS = ["gpt-5", "gpt-5-mini", "codex-1", "claude-opus-4-7", "claude-sonnet-4-6"]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def sdk(gateway: Gateway, issued: keys.Issued) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.base_url, api_key=issued.secret, max_retries=0, timeout=30) as client:
        yield client


@pytest.mark.parametrize("model", MODELS)
def test_the_sdk_gets_a_plain_answer(model: str, sdk: OpenAI, upstream: FakeProvider) -> None:
    upstream.script(text="Grüße 🌍", usage=Usage(input_tokens=11, output_tokens=4))
    answer = sdk.chat.completions.create(
        model=model,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
        ],
        max_completion_tokens=100,
    )
    assert answer.choices[0].message.content == "Grüße 🌍"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 4)
    assert answer.model == model
    assert upstream.violations == []


@pytest.mark.parametrize("model", MODELS)
def test_the_sdk_gets_a_stream(model: str, sdk: OpenAI, upstream: FakeProvider) -> None:
    upstream.script(text="one two three", usage=Usage(input_tokens=11, output_tokens=4))
    stream = sdk.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Count"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two three"
    )
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 15
    assert upstream.violations == []


@pytest.mark.parametrize("model", MODELS)
def test_the_sdk_plays_a_tool_round_trip(model: str, sdk: OpenAI, upstream: FakeProvider) -> None:
    upstream.script(calls=[("weather", '{"city":"Oslo"}'), ("weather", '{"city":"Rome"}')])
    messages: list[Any] = [{"role": "user", "content": "Weather in Oslo and Rome?"}]
    first = sdk.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    calls: Any = first.choices[0].message.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Oslo", "Rome"]
    messages.append(first.choices[0].message)
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in reversed(calls)]
    upstream.script(text="Sunny in both.")
    second = sdk.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content == "Sunny in both."
    assert upstream.violations == []


def test_the_sdk_sees_images_through(sdk: OpenAI, upstream: FakeProvider) -> None:
    pixel = (
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
        "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    for model in MODELS:
        answer = sdk.chat.completions.create(
            model=model,
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": pixel}},
                    ],
                }
            ],
        )
        assert answer.choices[0].message.content
    assert upstream.violations == []


def test_the_sdk_lists_models(sdk: OpenAI) -> None:
    assert {model.id for model in sdk.models.list()} == set(MODELS)
    assert sdk.models.retrieve("gpt-5").owned_by == "openai"


def test_the_sdk_raises_its_own_errors(sdk: OpenAI, gateway: Gateway) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        sdk.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "x"}])
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(
            model="claude-opus-4-7", messages=[{"role": "user", "content": "x"}], temperature=0.3
        )
    assert (refused.value.code, refused.value.param) == ("unsupported_value", "temperature")
    stranger = OpenAI(base_url=gateway.base_url, api_key="sk-starscoo-wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError) as unknown:
        stranger.models.list()
    assert unknown.value.code == "invalid_api_key"


def test_the_sdk_raises_when_a_stream_breaks(sdk: OpenAI, upstream: FakeProvider) -> None:
    upstream.script(text="one two three four five six", cut_after=4)
    stream = sdk.chat.completions.create(
        model="claude-opus-4-7", messages=[{"role": "user", "content": "x"}], stream=True
    )
    with pytest.raises(openai.APIError) as broken:
        list(stream)
    assert broken.value.code == "upstream_disconnected"


def test_the_sdk_does_not_try_again_what_is_used_up(
    gateway: Gateway, issued: keys.Issued, upstream: FakeProvider
) -> None:
    gateway.limit(issued, "hourly_requests", 1)
    with OpenAI(base_url=gateway.base_url, api_key=issued.secret, max_retries=2, timeout=30) as sdk:
        sdk.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(openai.RateLimitError) as refused:
            sdk.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "x"}])
    assert refused.value.code == "rate_limited"
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    ("model", "more", "code"),
    [
        ("gpt-9", {}, "model_not_found"),
        ("claude-opus-4-7", {"temperature": 0.3}, "unsupported_value"),
        ("gpt-5", {"store": True}, "unsupported_value"),
        ("gpt-5", {"messages": []}, "invalid_request"),
        ("gpt-5", {"messages": [{"role": "user", "content": "x" * 1_100_000}]}, "request_too_large"),
        ("gpt-5-mini", {}, "token_cap_exceeded"),
    ],
)
def test_the_sdk_tries_nothing_again_that_the_gateway_refuses(
    model: str, more: dict[str, Any], code: str, gateway: Gateway, issued: keys.Issued, upstream: FakeProvider
) -> None:
    gateway.limit(issued, "monthly_tokens", 0 if code == "token_cap_exceeded" else 1_000_000)
    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "x"}], **more}
    with (
        OpenAI(base_url=gateway.base_url, api_key=issued.secret, max_retries=2, timeout=30) as sdk,
        pytest.raises(openai.APIStatusError) as refused,
    ):
        sdk.chat.completions.create(**asked)
    assert refused.value.code == code
    assert refused.value.response.request.headers["x-stainless-retry-count"] == "0"
    assert upstream.calls == []
