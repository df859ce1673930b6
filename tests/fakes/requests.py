"""The smallest requests that are in order, one per wire of the providers, to be bent by tests."""

from typing import Any

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
PATHS = (CHAT, RESPONSES, MESSAGES)
HEADERS = {"authorization": "Bearer any", "anthropic-version": "2023-06-01"}


def said(role: str, content: object, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def body(path: str, prompt: str = "Hi", **more: object) -> dict[str, Any]:
    """A request with fields added or replaced; None takes one out."""
    messages = [said("user", prompt)]
    asked: dict[str, Any] = {
        CHAT: {"model": "gpt-5", "messages": messages},
        RESPONSES: {"model": "codex-1", "input": messages},
        MESSAGES: {"model": "claude-opus-4-7", "max_tokens": 1000, "messages": messages},
    }[path]
    return {key: value for key, value in {**asked, **more}.items() if value is not None}
