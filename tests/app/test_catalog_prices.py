"""The catalog's prices beside those of genai-prices."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from app import catalog_prices, cli
from models import catalog
from models.catalog import BadCatalog

NOW = 1_795_348_800
SHIPPED = catalog.default_path().read_text(encoding="utf-8")


def file_with(directory: Path, *changes: tuple[str, str]) -> Path:
    text = SHIPPED
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = directory / "catalog.toml"
    path.write_text(text, encoding="utf-8")
    return path


def compared(path: Path) -> catalog_prices.Comparison:
    return catalog_prices.compare(catalog.load(path), now=NOW)


def test_the_prices_of_the_release_are_those_of_genai_prices() -> None:
    found = compared(catalog.default_path())
    assert found.differences == []
    assert found.unknown == []


def test_a_difference_names_the_figure_here_and_there(tmp_path: Path) -> None:
    path = file_with(tmp_path, ("output = 25.00", "output = 24"), ("cache_read = 0.125\n", ""))
    found = [(one.upstream_id, one.key, one.here, one.there) for one in compared(path).differences]
    assert found == [
        ("claude-opus-4-7", "output", Decimal(24), Decimal(25)),
        ("gpt-5", "cache_read", Decimal("1.25"), Decimal("0.125")),
    ]


def test_writing_changes_the_figures_that_differ_and_nothing_else(tmp_path: Path) -> None:
    path = file_with(
        tmp_path,
        ("output = 25.00", "output = 24  # ours"),
        ("cache_read = 0.125\n", ""),
        ("input = 1.75", "input = 2"),
    )
    before = path.read_text(encoding="utf-8").splitlines()
    found = compared(path)
    catalog_prices.write(path, found, now=NOW)
    assert compared(path).differences == []
    after = path.read_text(encoding="utf-8").splitlines()
    changed = {line for line in after if line not in before}
    assert changed == {
        "output = 25.00  # ours",
        "cache_read = 0.125",
        "input = 1.75",
        f'source = "{found.source}"',
    }
    assert [line for line in after if line.startswith("#")] == [
        line for line in before if line.startswith("#")
    ]
    assert len(after) == len(before) + 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_unknown_there_stays_as_it_is(tmp_path: Path) -> None:
    path = file_with(tmp_path, ('upstream_id = "gpt-5.3-codex"', 'upstream_id = "codex-of-ours"'))
    found = compared(path)
    assert (found.differences, found.unknown) == ([], ["codex-of-ours"])


def test_a_price_that_is_written_otherwise_is_left_alone_and_told(tmp_path: Path) -> None:
    start = SHIPPED.index("[models.targets.price]")
    end = SHIPPED.index("[[models]]", start)
    inline = 'price = { input = 4, output = 25, source = "x" }\n\n'
    path = tmp_path / "catalog.toml"
    path.write_text(SHIPPED[:start] + inline + SHIPPED[end:], encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    with pytest.raises(BadCatalog, match="a table of its own"):
        catalog_prices.write(path, compared(path), now=NOW)
    assert path.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_shows_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_with(tmp_path, ("output = 25.00", "output = 24"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STARSCOO_CATALOG", str(path))

    def told(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(["catalog", "prices", *words])
        assert not ended.value.code
        return capsys.readouterr().out

    shown = told()
    assert "claude-opus-4-7  output  24.00  25.00" in shown
    assert json.loads(told("--json"))["is_written"] is False
    assert "Written to" in told("--write")
    assert told().startswith("All prices are those of genai-prices ")


@pytest.mark.parametrize(
    ("figure", "text"), [("5", "5.00"), ("0.125", "0.125"), ("1E+1", "10.00"), ("6.250", "6.25")]
)
def test_dollars_are_written_as_in_the_file(figure: str, text: str) -> None:
    assert catalog_prices.dollars(Decimal(figure)) == text
