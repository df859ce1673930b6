"""What the Messages API enforces beyond the types of its SDK (translation rules A1-A6, R7).

Versions: under 2023-06-01 sampling parameters exist; under 2026-10-21 they are gone, and the SDK's types are
those of the newer one.
"""

import base64
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from api.sandbox.questions import Refused
from fakes.schemas import check_strict

JsonObject = dict[str, Any]

_OLD, _NEW = "2023-06-01", "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")
_MAX_OUTPUT_TOKENS = 128_000
_TOOL_ID = re.compile(r"^[a-zA-Z0-9_-]+$")
_TOOL_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_SIGNATURES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
_EFFORTS = {
    "claude-opus-4-7": {"low", "medium", "high", "xhigh", "max"},
    "claude-sonnet-4-6": {"low", "medium", "high", "max"},
}


def check_version(headers: Mapping[str, str], body: JsonObject) -> JsonObject:
    """The body as the SDK's types should see it: the old version's sampling parameters are checked here."""
    version = headers.get("anthropic-version")
    if version not in (_OLD, _NEW):
        raise Refused(f"anthropic-version: {version!r} is not a valid version")
    for param in _SAMPLING:
        if version == _NEW and param in body:
            raise Refused(f"{param}: Extra inputs are not permitted")
        if not isinstance(body.get(param, 1), int | float) or isinstance(body.get(param), bool):
            raise Refused(f"{param}: Input should be a valid number")
    return {key: value for key, value in body.items() if key not in _SAMPLING}


def check(body: JsonObject) -> None:
    if not body["model"].startswith("claude-"):
        raise Refused(f"model: {body['model']}", status=404, kind="not_found_error")
    if body["max_tokens"] > _MAX_OUTPUT_TOKENS:
        raise Refused(f"max_tokens: {body['max_tokens']} > {_MAX_OUTPUT_TOKENS}, the maximum of this model")
    _check_turns(body["messages"])
    _check_texts(body)
    _check_tool_use(body["messages"])
    _check_tools(body)
    _check_thinking(body)
    _check_images(body["messages"])
    _check_rest(body)


def _check_turns(messages: list[JsonObject]) -> None:
    if messages[0]["role"] != "user":
        raise Refused('messages: first message must use the "user" role')
    for index, (one, next_one) in enumerate(itertools.pairwise(messages), start=1):
        if one["role"] == next_one["role"]:
            raise Refused(
                f'messages.{index}: roles must alternate between "user" and "assistant",'
                f' but found multiple "{one["role"]}" roles in a row'
            )


def _check_texts(body: JsonObject) -> None:
    for index, message in enumerate(body["messages"]):
        if not message["content"]:
            raise Refused(f"messages.{index}: all messages must have non-empty content")
    for where, content in _contents(body):
        texts = (
            [content] if isinstance(content, str) else [b["text"] for b in content if b.get("type") == "text"]
        )
        for text in texts:
            if not text.strip():
                raise Refused(f"{where}: text content blocks must contain non-whitespace text")


def _contents(body: JsonObject) -> Iterator[tuple[str, Any]]:
    if "system" in body:
        yield "system", body["system"]
    for index, message in enumerate(body["messages"]):
        yield f"messages.{index}", message["content"]
        for block in _blocks(message):
            if block["type"] == "tool_result" and "content" in block:
                yield f"messages.{index}", block["content"]


def _check_tool_use(messages: list[JsonObject]) -> None:
    """Each call is answered in the next user turn, whose results come before anything else."""
    seen: set[str] = set()
    pending: list[str] = []
    for index, message in enumerate(messages):
        blocks = _blocks(message)
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        unknown = [each for each in results if each not in pending]
        if unknown:
            raise Refused(
                f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {unknown[0]}. Each"
                " `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        kinds = [block["type"] == "tool_result" for block in blocks]
        if sorted(pending) != sorted(results) or kinds != sorted(kinds, reverse=True):
            raise Refused(
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after:"
                f" {', '.join(pending)}."
            )
        pending = [block["id"] for block in blocks if block["type"] == "tool_use"]
        _check_ids(index, pending, seen)


def _check_ids(index: int, ids: list[str], seen: set[str]) -> None:
    for tool_id in ids:
        if not _TOOL_ID.match(tool_id):
            raise Refused(f"messages.{index}: tool_use.id: String should match pattern '{_TOOL_ID.pattern}'")
        if tool_id in seen:
            raise Refused(f"messages.{index}: `tool_use` ids must be unique")
        seen.add(tool_id)


def _check_tools(body: JsonObject) -> None:
    tools = body.get("tools", [])
    names = [tool["name"] for tool in tools]
    for index, tool in enumerate(tools):
        if not _TOOL_NAME.match(tool["name"]):
            raise Refused(f"tools.{index}.name: String should match pattern '{_TOOL_NAME.pattern}'")
        if tool["input_schema"].get("type") != "object":
            raise Refused(f"tools.{index}.custom.input_schema.type: Field required")
        if tool.get("strict"):
            check_strict(f"tools.{index}.custom", tool["input_schema"], needs_all=False)
    _check_strict_sizes([tool["input_schema"] for tool in tools if tool.get("strict")])
    if len(set(names)) != len(names):
        raise Refused("tools: Tool names must be unique.")
    if sum(bool(tool.get("strict")) for tool in tools) > 20:
        raise Refused("tools: too many strict tools. The maximum is 20.")
    if not tools and body.get("tool_choice"):
        raise Refused("tool_choice: may only be specified while providing tools.")
    kinds = {block["type"] for message in body["messages"] for block in _blocks(message)}
    if not tools and kinds & {"tool_use", "tool_result"}:
        raise Refused("Requests which have `tool_use` or `tool_result` blocks must define tools.")


def _check_strict_sizes(schemas: list[JsonObject]) -> None:
    properties = [
        (name in schema.get("required", []), inner)
        for schema in schemas
        for name, inner in schema.get("properties", {}).items()
    ]
    if sum(not is_required for is_required, _ in properties) > 24:
        raise Refused("tools: too many optional properties in strict tools. The maximum is 24.")
    if sum("anyOf" in inner or isinstance(inner.get("type"), list) for _, inner in properties) > 16:
        raise Refused("tools: too many properties of union types in strict tools. The maximum is 16.")


def _check_thinking(body: JsonObject) -> None:
    for index, message in enumerate(body["messages"]):
        kinds = [block["type"] in ("thinking", "redacted_thinking") for block in _blocks(message)]
        if any(kinds) and not kinds[0]:
            raise Refused(f"messages.{index}: thinking blocks must come first in their turn")
    model, thinking = body["model"], body.get("thinking", {"type": "disabled"})
    effort = body.get("output_config", {}).get("effort")
    if effort is not None and effort not in _EFFORTS.get(model, {effort}):
        raise Refused(f"output_config.effort: '{effort}' is not supported for this model")
    if thinking["type"] == "enabled" and model == "claude-opus-4-7":
        raise Refused(
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".'
        )
    if thinking["type"] == "enabled" and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        raise Refused("thinking.budget_tokens: must be at least 1024 and less than `max_tokens`")
    if thinking["type"] == "disabled":
        return
    if body.get("temperature", 1) != 1:
        raise Refused("`temperature` may only be set to 1 when thinking is enabled.")
    if body.get("top_p", 1) < 0.95:
        raise Refused("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    if thinking["type"] == "enabled" and body.get("tool_choice", {}).get("type") in ("any", "tool"):
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")


def _check_images(messages: list[JsonObject]) -> None:
    for index, message in enumerate(messages):
        for block in _blocks(message):
            if block["type"] != "image" or block["source"]["type"] != "base64":
                continue
            try:
                content = base64.b64decode(block["source"]["data"], validate=True)
            except ValueError:
                raise Refused(f"messages.{index}: image.source.base64.data: Invalid base64 data") from None
            if not content.startswith(_SIGNATURES[block["source"]["media_type"]]):
                raise Refused(
                    f"messages.{index}: image.source.base64: the image was specified using the"
                    f" {block['source']['media_type']} media type, but it appears to be another one"
                )


def _check_rest(body: JsonObject) -> None:
    for index, stop in enumerate(body.get("stop_sequences", [])):
        if not stop.strip():
            raise Refused(f"stop_sequences.{index}: each stop sequence must contain non-whitespace")
    user_id = body.get("metadata", {}).get("user_id") or ""
    if len(user_id) > 256 or "@" in user_id:
        raise Refused("metadata.user_id: must be an opaque identifier of at most 256 characters")
    marks = _cache_marks(body)
    if marks > 4:
        raise Refused(f"A maximum of 4 blocks with cache_control may be provided. Found {marks}.")
    lives = list(_cache_lives(body))
    if lives != sorted(lives, reverse=True):
        raise Refused("cache_control.ttl: a ttl='1h' block must not come after a ttl='5m' block.")
    schema = (body.get("output_config", {}).get("format") or {}).get("schema")
    if schema is not None:
        check_strict("output_config.format.schema", schema, needs_all=False)


def _cache_marks(value: Any) -> int:
    """How many blocks and tools carry a cache mark; what is the client's own JSON does not count."""
    if isinstance(value, dict):
        inner = sum(_cache_marks(item) for key, item in value.items() if key not in ("input", "input_schema"))
        return inner + bool(value.get("cache_control"))
    return sum(map(_cache_marks, value)) if isinstance(value, list) else 0


def _cache_lives(body: JsonObject) -> Iterator[int]:
    """Hours or nothing, in the order in which the prompt is read."""
    for part in (body.get("tools"), body.get("system"), body["messages"]):
        for found in re.findall(r"'cache_control': ({[^}]*})", str(part)):
            yield int("1h" in found)


def _blocks(message: JsonObject) -> list[JsonObject]:
    return message["content"] if isinstance(message["content"], list) else []
