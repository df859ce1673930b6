"""The `starscoo` command in this process, as an operator would run it in an empty directory."""

import json
from typing import Any

import pytest

from app import cli


class Shell:
    """Each call runs one command to its end."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        out, err = self._capsys.readouterr()
        return int(ended.value.code or 0), out, err

    def answer(self, *words: str) -> Any:
        """The one JSON object on standard output."""
        status, out, err = self.run(*words, "--json")
        assert (status, err) == (0, "")
        assert out.count("\n") == 1
        return json.loads(out)

    def refusal(self, *words: str, status: int = 1) -> str:
        """The one line on standard error."""
        ended, out, err = self.run(*words)
        assert (ended, out) == (status, "")
        assert err.startswith("starscoo: ")
        assert err.count("\n") == 1
        return err
