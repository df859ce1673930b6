"""The programs shown to customers: files in assets/samples, with this server's address and a model filled in.

Pages and tests read them through `text`, so what is shown is what was run. No sample holds a key: each
reads it from the environment variable `STARSCOO_KEY`.
"""

from functools import cache
from typing import Final, Literal

from app import assets

Task = Literal["quickstart", "stream", "tools"]
Language = Literal["curl", "python", "javascript"]

FOLDER: Final = assets.ROOT / "samples"
SUFFIXES: Final[dict[Language, str]] = {"curl": "sh", "python": "py", "javascript": "mjs"}


def text(task: Task, language: Language, *, base_url: str, model: str) -> str:
    """One sample as it runs. `base_url` ends in /v1, without a slash after it."""
    return _template(task, language).replace("{{base_url}}", base_url).replace("{{model}}", model)


def in_all_languages(task: Task, *, base_url: str, model: str) -> dict[str, str]:
    """By language, curl first."""
    return {language: text(task, language, base_url=base_url, model=model) for language in SUFFIXES}


@cache
def _template(task: Task, language: Language) -> str:
    return (FOLDER / f"{task}.{SUFFIXES[language]}").read_text(encoding="utf-8")
