"""What the playground's form holds, and the same request as a program.

Pure. The programs read the key from `STARSCOO_KEY`, as every sample does; texts stand in them as JSON, whose strings
are strings of Python and JavaScript too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

LONGEST_TEXT: Final = 100_000
_EXAMPLES: Final = {
    "claude-opus-4-7": "A bat and a ball cost 1.10 dollars together. The bat costs one dollar more than the ball. "
    "What does the ball cost, and why do most people answer wrongly?",
    "claude-sonnet-4-6": "Rewrite this so that a customer understands it: The request was rejected owing to "
    "insufficient remaining quota in the current accounting interval.",
    "gpt-5": "Plan a two-hour workshop that teaches ten people to write better bug reports.",
    "gpt-5-mini": "Explain in three sentences why the sky is blue.",
    "codex-1": "Write a Python function that merges overlapping intervals, with a test.",
}
_ANY_EXAMPLE: Final = "Name three surprising facts about octopuses, one line each."


@dataclass(frozen=True, slots=True)
class Asked:
    """Fields left empty are left out of the request."""

    model: str
    message: str
    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None

    def body(self) -> dict[str, Any]:
        """As it goes to `/v1/chat/completions`."""
        body: dict[str, Any] = {"model": self.model, "messages": self._messages()}
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.max_tokens is not None:
            body["max_completion_tokens"] = self.max_tokens
        return body

    def _messages(self) -> list[dict[str, str]]:
        said = [("system", self.system), ("user", self.message)]
        return [{"role": role, "content": text} for role, text in said if text or role == "user"]


class BadField(Exception):
    """`field` is the name of the field to blame."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def read(values: Mapping[str, str]) -> Asked:
    """From the form's fields by name. Ranges are the gateway's to judge. Raises `BadField`."""
    texts = {name: _clean(values.get(name, "")) for name in ("system", "message")}
    for name, text in texts.items():
        if len(text) > LONGEST_TEXT:
            raise BadField(name, f"Use at most {LONGEST_TEXT:,} characters here.")
    return Asked(
        model=values.get("model", ""),
        temperature=_temperature(values.get("temperature", "").strip()),
        max_tokens=_max_tokens(values.get("max_tokens", "").strip()),
        **texts,
    )


def example(model: str) -> str:
    return _EXAMPLES.get(model, _ANY_EXAMPLE)


def programs(asked: Asked, *, base_url: str) -> dict[str, str]:
    """By language, curl first. `base_url` ends in /v1."""
    return {
        "curl": _curl(asked, base_url),
        "python": _python(asked, base_url),
        "javascript": _javascript(asked, base_url),
    }


def _curl(asked: Asked, base_url: str) -> str:
    # Between quoted marks a shell reads nothing but text, and no line of indented JSON is the end mark.
    body = json.dumps(asked.body(), ensure_ascii=False, indent=2)
    return (
        f"curl {base_url}/chat/completions \\\n"
        '  -H "Authorization: Bearer $STARSCOO_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  --data-binary @- <<'JSON'\n{body}\nJSON\n"
    )


def _python(asked: Asked, base_url: str) -> str:
    lines = [f"    {name}={_literal(value, '    ')},\n" for name, value in asked.body().items()]
    return (
        "import os\n\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{base_url}", api_key=os.environ["STARSCOO_KEY"])\n\n'
        f"completion = client.chat.completions.create(\n{''.join(lines)})\n"
        "print(completion.choices[0].message.content)\n"
    )


def _javascript(asked: Asked, base_url: str) -> str:
    lines = [f"  {name}: {_literal(value, '  ')},\n" for name, value in asked.body().items()]
    return (
        'import OpenAI from "openai";\n\nconst client = new OpenAI({\n'
        f'  baseURL: "{base_url}",\n  apiKey: process.env.STARSCOO_KEY,\n}});\n\n'
        f"const completion = await client.chat.completions.create({{\n{''.join(lines)}}});\n"
        "console.log(completion.choices[0].message.content);\n"
    )


def _literal(value: object, indent: str) -> str:
    """A value in both languages; lists of messages one a line."""
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    items = "".join(f"{indent * 2}{json.dumps(item, ensure_ascii=False)},\n" for item in value)
    return f"[\n{items}{indent}]"


def _clean(text: str) -> str:
    """Half characters, which no JSON in UTF-8 can carry, become marks of a missing one."""
    return text.replace("\r\n", "\n").encode("utf-8", "replace").decode()


def _temperature(text: str) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        value = float("nan")
    if value is not None and not -100 < value < 100:  # what is no number is not between any two either
        raise BadField("temperature", "Write a number like 0.7, or leave it empty.")
    return value


def _max_tokens(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadField("max_tokens", "Write a whole number like 500, or leave it empty.")
    return int(text)
