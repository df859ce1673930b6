"""Where providers are and what opens them: the vendors of the options, and those of the catalog."""

import socket
from pathlib import Path

import pytest

from api.providers import Access
from app import main
from app.settings import Settings
from models.catalog import BadCatalog, ProviderEntry

CELLAR = ProviderEntry("cellar", "openai_compatible", "http://cellar:8000/v1", "CELLAR_KEY")


@pytest.fixture(autouse=True)
def without_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_provider_of_the_catalog_is_opened_by_the_variable_that_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = main.access_of(Settings(), {"cellar": CELLAR})["cellar"]
    assert not closed.is_open
    monkeypatch.setenv("CELLAR_KEY", "secret")
    access = main.access_of(Settings(), {"cellar": CELLAR})
    assert access["cellar"] == Access("http://cellar:8000/v1", "secret", "openai_compatible")
    assert access["cellar"].is_open
    assert set(access) == {"openai", "anthropic", "cellar"}


def test_a_provider_that_names_no_variable_is_open() -> None:
    entry = ProviderEntry("cellar", "openai_compatible", "http://cellar:8000/v1", None)
    assert main.access_of(Settings(), {"cellar": entry})["cellar"].is_open


@pytest.mark.parametrize(
    "entry",
    [
        ProviderEntry("openai", "openai_compatible", "http://cellar:8000/v1", None),
        ProviderEntry("cellar", "grpc", "http://cellar:8000/v1", None),
    ],
)
def test_a_taken_name_or_an_unknown_kind_ends_the_start_with_one_line(entry: ProviderEntry) -> None:
    with pytest.raises(BadCatalog, match=entry.name):
        main.access_of(Settings(), {entry.name: entry})


def test_with_the_sandbox_nothing_leaves_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        access = main.sandbox_access(bound, main.access_of(Settings(), {"cellar": CELLAR}))
    assert all(one.base_url.startswith("http://127.0.0.1:") and one.is_open for one in access.values())
    assert access["cellar"].vendor == "openai_compatible"
    assert access["cellar"].base_url.endswith("/v1")
    assert not access["anthropic"].base_url.endswith("/v1")
