from pathlib import Path

import pytest

from models import catalog
from models.catalog import BadCatalog, Catalog, Price, ProviderEntry

SMALL = """
[[models]]
id = "m"
owned_by = "somebody"
context_tokens = 1000
max_output_tokens = 100
default_output_tokens = 50
sampling = "fixed"
efforts = []
created = 2026-01-02
[[models.targets]]
provider = "p"
upstream_id = "u"
wires = ["openai_chat"]
[models.targets.price]
input = 0.000000001
cache_read = 0
output = 10
source = "a letter"
read_on = 2026-11-22
"""


def load(directory: Path, text: str) -> Catalog:
    path = directory / "catalog.toml"
    path.write_text(text)
    return catalog.load(path)


def test_the_five_models_come_with_the_release() -> None:
    models = catalog.load(catalog.default_path()).models
    assert list(models) == ["claude-opus-4-7", "claude-sonnet-4-6", "gpt-5", "gpt-5-mini", "codex-1"]
    assert {name: model.context_tokens for name, model in models.items()} == {
        "claude-opus-4-7": 200_000,
        "claude-sonnet-4-6": 200_000,
        "gpt-5": 128_000,
        "gpt-5-mini": 128_000,
        "codex-1": 128_000,
    }
    for model in models.values():
        assert (model.max_output_tokens, model.default_output_tokens) == (128_000, 32_768)
        for target in model.targets:
            assert target.price is not None
            assert target.price.source
            assert target.price.read_on == "2026-11-22"


def test_models_are_reached_over_their_vendors_wires() -> None:
    models = catalog.load(catalog.default_path()).models
    assert {name: model.targets[0].wires for name, model in models.items()} == {
        "claude-opus-4-7": ("anthropic_messages",),
        "claude-sonnet-4-6": ("anthropic_messages",),
        "gpt-5": ("openai_chat", "openai_responses"),
        "gpt-5-mini": ("openai_chat", "openai_responses"),
        "codex-1": ("openai_responses",),
    }


def test_codex_is_served_by_another_id_at_an_assumed_price() -> None:
    target = catalog.load(catalog.default_path()).models["codex-1"].targets[0]
    assert target.upstream_id == "gpt-5.3-codex"
    assert target.price is not None
    assert target.price.is_assumed
    assert target.price.output_nusd == 14_000_000_000


def test_models_that_end_say_when() -> None:
    models = catalog.load(catalog.default_path()).models
    assert {name: model.retires for name, model in models.items() if model.retires} == {
        "gpt-5": "2026-12-11",
        "gpt-5-mini": "2026-12-11",
        "codex-1": "2027-04-01",
    }


def test_prices_are_exact_to_the_nano_dollar(tmp_path: Path) -> None:
    model = load(tmp_path, SMALL).models["m"]
    assert model.targets[0].price == Price(1, 0, 1, 10_000_000_000, "a letter", "2026-11-22", False)
    assert (model.created, model.retires) == (1_767_312_000, None)


def test_a_target_may_have_no_price(tmp_path: Path) -> None:
    text = SMALL[: SMALL.index("[models.targets.price]")]
    assert load(tmp_path, text).models["m"].targets[0].price is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[[models]]", "[[models", "not valid TOML"),
        ('id = "m"', "", "model 1 has no 'id'"),
        ('id = "m"', "id = 5", "'id' of model 1 must be a text"),
        ('"fixed"', '"free"', "'sampling' of model 'm' must be one of fixed"),
        ("= 1000", "= 0", "must be 1 or more"),
        ("= 1000", '= "1000"', "must be a whole number"),
        ("= 1000", "= true", "must be a whole number"),
        ("= 50\n", "= 101\n", "above its 'max_output_tokens'"),
        (
            "efforts = []",
            'efforts = []\nworks = ["smell"]',
            "'works' of model 'm' knows tools, vision, json, not 'smell'",
        ),
        ("efforts = []", "efforts = [1]", "must be a list of texts"),
        ("efforts = []", "efort = []", "'efforts' of model 'm' must be a list of texts"),
        ("created = 2026-01-02", 'created = "soon"', "must be a date"),
        ("created = 2026-01-02", "coined = 2026-01-02", "unknown 'coined'"),
        ('wires = ["openai_chat"]', "wires = []", "speaks no wire"),
        ("output = 10\n", "", "'output' of the price of model 'm', target 1 must be a number"),
        ("output = 10\n", "output = -1\n", "must be a price"),
        ("output = 10\n", "output = nan\n", "must be a price"),
        ("output = 10\n", "output = 0.0000000001\n", "nine decimals"),
        ("output = 10\n", "output = true\n", "must be a number"),
        ("[[models]]", "[[modells]]", "the file must have one [[models]] at least"),
        ("[[models]]", "strict = true\n[[models]]", "unknown 'strict'"),
        ("[models.targets.price]", "price = 5\n[other]", "'price' of model 'm', target 1 must be a table"),
    ],
)
def test_a_wrong_catalog_is_told_in_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in SMALL
    with pytest.raises(BadCatalog) as wrong:
        load(tmp_path, SMALL.replace(old, new, 1))
    assert says in str(wrong.value)
    assert "\n" not in str(wrong.value)
    assert "catalog.toml" in str(wrong.value)


OWN = """
[[providers]]
name = "ollama"
kind = "openai_compatible"
base_url = "http://127.0.0.1:11434/v1"
key_variable = "OLLAMA_API_KEY"
"""


def test_a_provider_of_ones_own_names_its_key_and_never_holds_it(tmp_path: Path) -> None:
    own = load(tmp_path, SMALL + OWN).providers
    address = "http://127.0.0.1:11434/v1"
    assert own == {"ollama": ProviderEntry("ollama", "openai_compatible", address, "OLLAMA_API_KEY")}
    keyless = OWN.replace('key_variable = "OLLAMA_API_KEY"', "")
    assert load(tmp_path, SMALL + keyless).providers["ollama"].key_variable is None
    with pytest.raises(BadCatalog) as caught:
        load(tmp_path, SMALL + OWN.replace("OLLAMA_API_KEY", "sk-live-123"))
    assert "must be the name of an environment variable" in str(caught.value)
    assert "sk-live-123" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("http://127", "127", "must be a web address"),
        ('name = "ollama"', "", "has no 'name'"),
        ("kind", "sort", "has no 'kind'"),
        ("key_variable", "key", "unknown 'key'"),
        (OWN, OWN + OWN, "stands there twice"),
    ],
)
def test_a_wrong_provider_is_told_in_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(BadCatalog) as caught:
        load(tmp_path, SMALL + OWN.replace(old, new))
    assert says in str(caught.value)


def test_a_catalog_without_models_is_refused(tmp_path: Path) -> None:
    for text in ("", "models = []"):
        with pytest.raises(BadCatalog, match="must have one"):
            load(tmp_path, text)


def test_a_model_stands_in_the_catalog_once(tmp_path: Path) -> None:
    with pytest.raises(BadCatalog, match="'m' stands there twice"):
        load(tmp_path, SMALL + SMALL)


def test_a_catalog_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadCatalog, match="cannot be read"):
        catalog.load(tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadCatalog, match="not valid TOML"):
        catalog.load(tmp_path / "binary.toml")
