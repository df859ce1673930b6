"""The order in which a vendor looks at a request: path, headers, shape, then what the values mean together."""

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from api.sandbox import WIRES, chat, messages
from api.sandbox.questions import Refused
from fakes import anthropic_rules, openai_rules, sdk_types

_BY_PATH = {wire.PATH: wire for wire in WIRES}


def wire_of(path: str) -> ModuleType:
    """The sandbox's wire for this path; unknown paths get their error in OpenAI's shape."""
    return _BY_PATH.get(path, chat)


def judge(
    method: str, path: str, headers: Mapping[str, str], body: bytes, tolerated: set[str]
) -> Refused | None:
    """What the real vendor would refuse, or None. `tolerated` are top-level keys that pass unseen."""
    try:
        _check(method, path, headers, body, tolerated)
    except Refused as refused:
        return refused
    return None


def _check(method: str, path: str, headers: Mapping[str, str], body: bytes, tolerated: set[str]) -> None:
    if path not in _BY_PATH:
        raise Refused(f"Invalid URL ({method} {path})", status=404)
    if method != "POST":
        raise Refused(f"Not allowed to {method} on {path}", status=405)
    wire = wire_of(path)
    wire.ask(body, headers)
    given = {key: value for key, value in json.loads(body).items() if key not in tolerated}
    if wire is messages:
        typed = anthropic_rules.check_version(headers, given)
        _check_types(path, typed)
        anthropic_rules.check(given)
    else:
        _check_types(path, openai_rules.typed(path, given))
        openai_rules.check(path, given)


def _check_types(path: str, body: dict[str, Any]) -> None:
    fault = sdk_types.mismatch(path, body)
    if fault is None:
        return
    if path == messages.PATH:
        raise Refused(f"{fault.dotted()}: {fault.words}")
    param = fault.bracketed()
    words = {
        "missing": (f"Missing required parameter: '{param}'.", "missing_required_parameter"),
        "extra_forbidden": (f"Unknown parameter: '{param}'.", "unknown_parameter"),
    }
    message, code = words.get(fault.kind, (f"Invalid type for '{param}': {fault.words}.", "invalid_type"))
    raise Refused(message, param=param, code=code)
