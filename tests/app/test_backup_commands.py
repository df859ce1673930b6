from pathlib import Path

import httpx
import pytest
import running
from fakes import provider
from shell import Shell

QUESTION = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


def test_P_S2_a_running_server_is_backed_up_and_put_back(tmp_path: Path, shell: Shell) -> None:
    with provider.start() as upstream:
        options = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.openai_base_url}

        def ask(starscoo: running.Running, key: str) -> int:
            headers = {"authorization": f"Bearer {key}"}
            url = f"{starscoo.url}/v1/chat/completions"
            return httpx.post(url, headers=headers, json=QUESTION, timeout=30, trust_env=False).status_code

        with running.server(tmp_path, **options) as starscoo:
            key = starscoo.new_key()
            assert ask(starscoo, key) == 200
            saved = starscoo.command("backup", str(tmp_path / "saved"))
            assert saved["bytes"] == (tmp_path / "saved").stat().st_size
            assert ask(starscoo, key) == 200
            later = starscoo.new_key("bob@example.com")
            refusal = shell.refusal("restore", str(tmp_path / "saved"))
            assert "Another Starscoo serves from" in refusal
        restored = shell.answer("restore", str(tmp_path / "saved"))
        assert (restored["rows"], restored["differences"]) == (1, 0)
        assert Path(restored["former"]).name == "starscoo.db.before-restore"
        with running.server(tmp_path, **options) as starscoo:
            assert ask(starscoo, key) == 200
            assert ask(starscoo, later) == 401


def test_a_damaged_backup_is_one_line(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear Alice")
    assert "is not a whole backup of Starscoo. Nothing was changed." in shell.refusal(
        "restore", str(tmp_path / "letter")
    )


def test_a_backup_is_not_written_over_another(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("backup", str(tmp_path / "saved"))[0] == 0
    assert "exists already" in shell.refusal("backup", str(tmp_path / "saved"))
