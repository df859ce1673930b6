from pathlib import Path

import pytest
from pydantic import SecretStr

from app import settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a `.env`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a wrong value ends the start."""
    with pytest.raises(SystemExit) as ended:
        settings.load()
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err


def test_without_any_option_the_defaults_hold() -> None:
    loaded = settings.load()
    assert (loaded.host, loaded.port) == ("127.0.0.1", 8080)
    assert loaded.database_url == "sqlite:///data/starscoo.db"
    assert loaded.max_body == 32 * 1024 * 1024
    assert loaded.upstream_timeout == 600
    assert loaded.openai_api_key is None
    assert loaded.trusted_proxies == ()


def test_options_come_from_the_dotenv_file_and_the_environment_wins(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / ".env").write_text("STARSCOO_PORT=9001\nOPENAI_API_KEY='sk-from-file'\nOTHER=1\n")
    monkeypatch.setenv("STARSCOO_PORT", "9002")
    loaded = settings.load()
    assert loaded.port == 9002
    assert loaded.openai_api_key == SecretStr("sk-from-file")


def test_an_empty_value_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STARSCOO_PORT", "STARSCOO_PUBLIC_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.setenv(name, "")
    loaded = settings.load()
    assert loaded.port == 8080
    assert loaded.public_url is None
    assert loaded.openai_api_key is None
    assert loaded.anthropic_base_url == "https://api.anthropic.com"


def test_the_key_of_a_provider_of_ones_own_is_found_where_options_are(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / ".env").write_text("OLLAMA_KEY=from-file\n")
    assert settings.key_named("OLLAMA_KEY") == "from-file"
    monkeypatch.setenv("OLLAMA_KEY", "from-environment\n")
    assert settings.key_named("OLLAMA_KEY") == "from-environment"
    assert settings.key_named("NOT_THERE") is None
    monkeypatch.setenv("OLLAMA_KEY", "two words")
    with pytest.raises(SystemExit):
        settings.key_named("OLLAMA_KEY")
    assert "two words" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STARSCOO_PORT", "eighty"),
        ("STARSCOO_PORT", "0"),
        ("STARSCOO_PORT", "65536"),
        ("STARSCOO_PUBLIC_URL", "llm.example.com"),
        ("STARSCOO_PUBLIC_URL", "https://example.com/llm"),
        ("STARSCOO_TRUSTED_PROXIES", "10.0.0.5,proxy"),
        ("STARSCOO_DATABASE_URL", "mysql://root@localhost/starscoo"),
        ("STARSCOO_DATABASE_URL", "sqlite://"),
        ("STARSCOO_DATABASE_URL", "postgresql://localhost"),
        ("STARSCOO_DURABILITY", "some"),
        ("STARSCOO_REDIS_URL", "localhost:6379"),
        ("STARSCOO_CATALOG", "missing.toml"),
        ("STARSCOO_UPSTREAM_CONNECT_TIMEOUT", "61"),
        ("STARSCOO_UPSTREAM_FIRST_BYTE_TIMEOUT", "soon"),
        ("STARSCOO_UPSTREAM_TIMEOUT", "0"),
        ("STARSCOO_UPSTREAM_TOTAL_TIMEOUT", "-1"),
        ("STARSCOO_MAX_BODY", "1"),
        ("STARSCOO_MAX_BODY", "large"),
        ("STARSCOO_SIGNUP", "yes"),
        ("STARSCOO_SMTP_URL", "mail.example.com:587"),
        ("STARSCOO_SMTP_URL", "smtp://"),
        ("STARSCOO_SMTP_URL", "smtp://mail.example.com:port"),
        ("STARSCOO_SMTP_URL", "smtp://user@mail.example.com"),
        ("STARSCOO_SMTP_URL", "smtps://mail.example.com?tls=off"),
        ("STARSCOO_MAIL_FROM", "Starscoo"),
        ("STARSCOO_STARTER_HOURLY_REQUESTS", "-1"),
        ("STARSCOO_STARTER_MONTHLY_TOKENS", "many"),
        ("OPENAI_API_KEY", "sk-two words"),
        ("OPENAI_API_KEY", "sk-žluťoučký"),
        ("OPENAI_BASE_URL", "api.openai.com"),
        ("ANTHROPIC_BASE_URL", "https://api.anthropic.com/v1"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it_and_what_is_allowed(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    line = refusal(capsys)
    assert line.startswith(f"starscoo: {variable} ")
    assert "Allowed: " in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OPENAI_API_KEY", "hush hush"),
        ("ANTHROPIC_API_KEY", "hush\thush"),
        ("STARSCOO_DATABASE_URL", "mysql://starscoo:hush@localhost/starscoo"),
        ("STARSCOO_REDIS_URL", "http://:hush@localhost"),
        ("STARSCOO_SMTP_URL", "smtp://user:hush@localhost/path"),
        ("OPENAI_BASE_URL", "https://someone:hush@localhost"),
        ("OPENAI_BASE_URL", "sk-hush"),
    ],
)
def test_a_wrong_value_that_may_hold_a_secret_is_not_repeated(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    assert "hush" not in refusal(capsys)


def test_mails_need_the_address_with_which_their_links_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STARSCOO_SMTP_URL", "smtp://post:word@mail.example.com")
    assert refusal(capsys).startswith("starscoo: STARSCOO_SMTP_URL needs STARSCOO_PUBLIC_URL")
    monkeypatch.setenv("STARSCOO_PUBLIC_URL", "https://llm.example.com:8443")
    assert settings.load().sender == "Starscoo <no-reply@llm.example.com>"
    monkeypatch.setenv("STARSCOO_MAIL_FROM", "Models <models@example.com>")
    assert settings.load().sender == "Models <models@example.com>"


def test_a_dotenv_file_in_another_encoding_is_named(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / ".env").write_bytes("STARSCOO_HOST=žirafa".encode("utf-16"))
    assert ".env" in refusal(capsys)


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hush")
    monkeypatch.setenv("STARSCOO_DATABASE_URL", "postgresql://starscoo:hush@localhost/starscoo")
    monkeypatch.setenv("STARSCOO_REDIS_URL", "redis://:hush@localhost/0")
    monkeypatch.setenv("STARSCOO_PUBLIC_URL", "https://llm.example.com")
    monkeypatch.setenv("STARSCOO_SMTP_URL", "smtp://post:hush@localhost")
    assert "hush" not in repr(settings.load())


def test_values_are_taken_in_the_forms_people_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARSCOO_MAX_BODY", "8MiB")
    monkeypatch.setenv("STARSCOO_TRUSTED_PROXIES", "10.0.0.5, 10.1.0.0/16")
    monkeypatch.setenv("STARSCOO_PUBLIC_URL", "https://llm.example.com/")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:9000/v1/")
    monkeypatch.setenv("ANTHROPIC_API_KEY", " key-from-a-file\n")
    loaded = settings.load()
    assert loaded.max_body == 8 * 1024 * 1024
    assert loaded.trusted_proxies == ("10.0.0.5", "10.1.0.0/16")
    assert loaded.public_url == "https://llm.example.com"
    assert loaded.openai_base_url == "http://localhost:9000/v1"
    assert loaded.anthropic_api_key == SecretStr("key-from-a-file")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("gateway.local", "http://gateway.local:8080"),
    ],
)
def test_the_address_is_one_that_can_be_opened(host: str, address: str) -> None:
    assert settings.Settings(host=host).address == address


def test_the_public_address_comes_first() -> None:
    assert settings.Settings(public_url="https://llm.example.com").address == "https://llm.example.com"


def test_every_option_says_what_it_is() -> None:
    for option in settings.options():
        assert option.description, option.variable
