"""What the two OpenAI APIs enforce beyond the types of their SDK (translation rules A1, A2, A4, C1)."""

import re
from typing import Any

from api.sandbox import chat, openai, responses
from api.sandbox.questions import Refused
from fakes.schemas import check_strict

JsonObject = dict[str, Any]

_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_REASONING_EFFORTS = {"minimal", "low", "medium", "high"}
_ITEM_PREFIXES = {"function_call": "fc_", "reasoning": "rs_", "message": "msg_"}


def typed(path: str, body: JsonObject) -> JsonObject:
    """The body as the SDK's types should see it.

    Responses takes an assistant's `output_text` without the id, status and annotations that the SDK's type
    demands (its own examples and Codex send it so), and encrypted reasoning without its id; they are filled in
    before the types judge. Chat takes an
    answer's message back as it came, with `annotations` and what the official SDKs note beside it (`parsed`,
    `parsed_arguments`: their own helpers send them back), which the type of a sent message lacks.
    """
    if path == chat.PATH and isinstance(body.get("messages"), list):
        return {**body, "messages": [_without_notes(message) for message in body["messages"]]}
    if path != responses.PATH or not isinstance(body.get("input"), list):
        return body
    return {**body, "input": [_filled(item) for item in body["input"]]}


def check(path: str, body: JsonObject) -> None:
    if body["model"].startswith("claude"):
        message = f"The model `{body['model']}` does not exist or you do not have access to it."
        raise Refused(message, status=404, param="model", code="model_not_found")
    _check_ids(body)
    if path == chat.PATH:
        _check_effort(body, body.get("reasoning_effort"), "reasoning_effort")
        _check_chat_turns(body["messages"])
        for index, tool in enumerate(body.get("tools", [])):
            _check_function(f"tools[{index}].function", tool.get("function") or tool["custom"])
        wanted = (body.get("response_format") or {}).get("json_schema")
        _check_format("response_format", wanted)
    else:
        _check_effort(body, (body.get("reasoning") or {}).get("effort"), "reasoning.effort")
        _check_items(body["input"])
        for index, tool in enumerate(body.get("tools", [])):
            if tool["type"] == "function":
                _check_function(f"tools[{index}]", tool)
        _check_format("text.format", (body.get("text") or {}).get("format"))


def _without_notes(message: Any) -> Any:
    if not isinstance(message, dict) or message.get("role") != "assistant":
        return message
    kept = {name: value for name, value in message.items() if name not in ("annotations", "parsed")}
    if isinstance(kept.get("tool_calls"), list):
        kept["tool_calls"] = [_without_parsed(call) for call in kept["tool_calls"]]
    return kept


def _without_parsed(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return call
    noted = {name: value for name, value in function.items() if name != "parsed_arguments"}
    return {**call, "function": noted}


def _filled(item: Any) -> Any:
    if isinstance(item, dict) and item.get("type") == "reasoning" and item.get("encrypted_content"):
        return {"id": "rs_unsaid", **item}
    is_said = (
        isinstance(item, dict) and item.get("role") == "assistant" and isinstance(item.get("content"), list)
    )
    if not is_said:
        return item
    parts = [
        {"annotations": [], **part} if isinstance(part, dict) and part.get("type") == "output_text" else part
        for part in item["content"]
    ]
    return {"id": "msg_unsaid", "status": "completed", "type": "message", **item, "content": parts}


def _check_chat_turns(messages: list[JsonObject]) -> None:
    pending: list[str] = []
    for index, message in enumerate(messages):
        path = f"messages.[{index}].role"
        if message["role"] == "tool":
            if message["tool_call_id"] not in pending:
                words = (
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                )
                raise Refused(f"Invalid parameter: {words}", param=path)
            pending.remove(message["tool_call_id"])
            continue
        _refuse_unanswered(pending, path)
        if message["role"] != "assistant":
            continue
        pending = [call["id"] for call in message.get("tool_calls", [])]
        if "tool_calls" in message and not pending:
            raise Refused(
                f"Invalid 'messages[{index}].tool_calls': empty array.", param=path, code="empty_array"
            )
        if message.get("content") is None and not pending and not message.get("refusal"):
            raise Refused(
                f"Invalid value for 'content': expected a string, got null. (messages[{index}])", param=path
            )
    _refuse_unanswered(pending, "messages")


def _refuse_unanswered(pending: list[str], path: str) -> None:
    if pending:
        raise Refused(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
            f" 'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(pending)}",
            param=path,
        )


def _check_items(items: str | list[JsonObject]) -> None:
    if isinstance(items, str):
        return
    called: set[str] = set()
    answered: set[str] = set()
    for index, item in enumerate(items):
        kind = item.get("type", "message")
        prefix = _ITEM_PREFIXES.get(kind)
        if prefix and item.get("id") and not item["id"].startswith(prefix):
            raise Refused(
                f"Invalid 'input[{index}].id': '{item['id']}'. Expected an ID that begins with '{prefix}'.",
                param=f"input[{index}].id",
                code="invalid_value",
            )
        if kind in ("function_call", "custom_tool_call"):
            called.add(item["call_id"])
        if kind in ("function_call_output", "custom_tool_call_output"):
            if item.get("call_id") not in called:
                words = f"No tool call found for function call output with call_id {item.get('call_id')}."
                raise Refused(words, param="input")
            answered.add(item["call_id"])
    if called - answered:
        raise Refused(f"No tool output found for function call {min(called - answered)}.", param="input")


def _check_function(path: str, function: JsonObject) -> None:
    if not _NAME.match(function["name"]):
        raise Refused(
            f"Invalid '{path}.name': string does not match pattern. Expected a string that matches the pattern"
            f" '{_NAME.pattern}'.",
            param=f"{path}.name",
            code="invalid_value",
        )
    parameters = function.get("parameters")
    if parameters and parameters.get("type") != "object":
        raise Refused(
            f"Invalid schema for function '{function['name']}': schema must be of type 'object'", param=path
        )
    if function.get("strict"):
        check_strict(
            f"Invalid schema for function '{function['name']}'", parameters, needs_all=True, param=path
        )


def _check_format(param: str, wanted: JsonObject | None) -> None:
    if wanted and wanted.get("strict"):
        check_strict(f"Invalid schema for {param}", wanted["schema"], needs_all=True, param=param)


def _check_effort(body: JsonObject, effort: str | None, param: str) -> None:
    if effort is not None and openai.is_reasoning(body["model"]) and effort not in _REASONING_EFFORTS:
        raise Refused(
            f"Unsupported value: '{param}' does not support '{effort}' with this model.",
            param=param,
            code="unsupported_value",
        )


def _check_ids(body: JsonObject) -> None:
    for param, most in (("safety_identifier", 128), ("user", 512), ("prompt_cache_key", 512)):
        if len(body.get(param) or "") > most:
            raise Refused(f"Invalid '{param}': string too long.", param=param, code="string_above_max_length")
    metadata = body.get("metadata") or {}
    if len(metadata) > 16 or any(len(key) > 64 or len(value) > 512 for key, value in metadata.items()):
        raise Refused("Invalid 'metadata': too many or too long pairs.", param="metadata")
    stops = body.get("stop")
    if isinstance(stops, list) and len(stops) > 4:
        raise Refused(
            "Invalid 'stop': array too long. Expected at most 4.", param="stop", code="array_above_max_length"
        )
