"""The programs shown to customers: files in assets/samples, with this server's address and a model filled in.

Pages and tests read them through `text`, so what is shown is what was run. No sample holds a key: each
reads it from the environment variable `STARSCOO_KEY`.
"""

from functools import cache
from pathlib import Path
from typing import Final, Literal

import app

Task = Literal["quickstart", "stream", "tools"]
Language = Literal["sh", "py", "mjs"]

FOLDER: Final = Path(app.__file__).parent.parent / "assets" / "samples"
LANGUAGES: Final[dict[Language, str]] = {"sh": "curl", "py": "Python", "mjs": "JavaScript"}


def text(task: Task, language: Language, *, base_url: str, model: str) -> str:
    """One sample as it runs. `base_url` ends in /v1, without a slash after it."""
    return _template(task, language).replace("{{base_url}}", base_url).replace("{{model}}", model)


@cache
def _template(task: Task, language: Language) -> str:
    return (FOLDER / f"{task}.{language}").read_text(encoding="utf-8")
