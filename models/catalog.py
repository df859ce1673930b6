"""The models on offer: what each is called, where it may be reached and what it costs.

Read from a TOML file (`assets/catalog.toml` unless the operator names his own). Prices are integer
nano-dollars per million tokens; in the file they stand in dollars per million tokens, as vendors print them.
A target without a price blocks its model: nothing is ever billed at 0 by accident.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast, get_args

from models.errors import Refused

Sampling = Literal["fixed", "temperature_or_top_p"]
"""What a model does with temperature and top_p: `fixed` takes only the defaults."""
Ability = Literal["tools", "vision", "json"]
"""`vision` reads images, `json` writes what a schema asks for."""


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars per million tokens, by class. `source` and `read_on` say where the figures come from. What is
    written to a cache for an hour may cost more; None where it does not."""

    input_nusd: int
    cache_read_nusd: int
    cache_write_nusd: int
    output_nusd: int
    source: str = ""
    read_on: str = ""
    is_assumed: bool = False
    cache_write_1h_nusd: int | None = None


@dataclass(frozen=True, slots=True)
class TargetEntry:
    """One way to reach a model: the provider's name, its id there, and its wires in order of choice."""

    provider: str
    upstream_id: str
    wires: tuple[str, ...]
    price: Price | None


@dataclass(frozen=True, slots=True)
class Model:
    """One model on offer. `context_tokens` is what the product's documentation states; it is not enforced.
    `has_thinking_budgets`: thinking may be asked for by a number of tokens. `works` is for people who choose: nothing
    is refused by it, and an empty one says nothing."""

    id: str
    owned_by: str
    context_tokens: int
    max_output_tokens: int
    default_output_tokens: int
    sampling: Sampling
    efforts: tuple[str, ...]
    targets: tuple[TargetEntry, ...]
    created: int = 0
    retires: str | None = None
    description: str = ""
    has_thinking_budgets: bool = False
    works: tuple[Ability, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """A server beside the vendors that come with the release. `kind` is the API that it speaks; `key_variable`
    names the environment variable that holds its key, None where it needs none."""

    name: str
    kind: str
    base_url: str
    key_variable: str | None


@dataclass(frozen=True, slots=True)
class Catalog:
    """All models by id, and the operator's own providers by name, in the order of the file."""

    models: dict[str, Model]
    providers: dict[str, ProviderEntry] = field(default_factory=dict)


class BadCatalog(Refused):
    """The text is one line that says what is wrong and where."""


def default_path() -> Path:
    """The catalog that comes with this release."""
    return Path(__file__).parent.parent / "assets" / "catalog.toml"


def load(path: Path) -> Catalog:
    """Raises `BadCatalog` for a file that is missing, is no TOML, or says something wrong or unknown."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as failure:
        raise BadCatalog(f"The catalog {path} cannot be read: {failure.strerror}.") from failure
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise BadCatalog(f"The catalog {path} is not valid TOML: {failure}.") from failure
    try:
        return _catalog(_Table(document, "the file"))
    except _Wrong as wrong:
        raise BadCatalog(f"The catalog {path} is wrong: {wrong}.") from wrong


_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_NUSD_PER_USD: Final = 10**9
_Value = TypeVar("_Value")


class _Wrong(Exception):
    pass


class _Table:
    """One TOML table whose keys are taken one by one; what nobody took is unknown, so a typo does not pass."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self._values = dict(values)
        self.place = place

    def take(self, key: str, kind: type[_Value], default: _Value | None = None) -> _Value:
        value = self._values.pop(key, default)
        is_wrong = not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)
        if value is None:
            raise _Wrong(f"{self.place} has no {key!r}")
        if is_wrong:
            raise _Wrong(f"{key!r} of {self.place} must be {_KINDS[kind]}, not {value!r}")
        return cast(_Value, value)

    def take_count(self, key: str) -> int:
        value = self.take(key, int)
        if value < 1:
            raise _Wrong(f"{key!r} of {self.place} must be 1 or more, not {value}")
        return value

    def take_texts(self, key: str) -> tuple[str, ...]:
        values = self._values.pop(key, None)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise _Wrong(f"{key!r} of {self.place} must be a list of texts")
        return tuple(values)

    def take_abilities(self, key: str) -> tuple[Ability, ...]:
        named = self.take_texts(key) if key in self._values else ()
        if unknown := set(named) - set(get_args(Ability)):
            known = ", ".join(get_args(Ability))
            raise _Wrong(f"{key!r} of {self.place} knows {known}, not {min(unknown)!r}")
        return cast(tuple[Ability, ...], named)

    def take_dollars(self, key: str, default: int | None = None) -> int:
        """Dollars per million tokens, as nano-dollars."""
        value = self._values.pop(key, None)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise _Wrong(f"{key!r} of {self.place} must be a number of dollars per million tokens")
        nusd = Decimal(value) * _NUSD_PER_USD
        if not nusd.is_finite() or nusd < 0 or nusd != nusd.to_integral_value():
            raise _Wrong(f"{key!r} of {self.place} must be a price of at most nine decimals, not {value}")
        return int(nusd)

    def take_day(self, key: str) -> date | None:
        value = self._values.pop(key, None)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            raise _Wrong(f"{key!r} of {self.place} must be a date like 2026-12-11, not {value!r}")
        return value

    def take_tables(self, key: str, place: str, *, is_optional: bool = False) -> list["_Table"]:
        values = self._values.pop(key, None)
        if values is None and is_optional:
            return []
        if not values or not isinstance(values, list) or not all(isinstance(v, dict) for v in values):
            raise _Wrong(f"{self.place} must have one [[{key}]] at least")
        return [_Table(value, f"{place} {number}") for number, value in enumerate(values, 1)]

    def take_table(self, key: str, place: str) -> "_Table | None":
        value = self._values.pop(key, None)
        if value is not None and not isinstance(value, dict):
            raise _Wrong(f"{key!r} of {self.place} must be a table")
        return None if value is None else _Table(value, place)

    def finish(self) -> None:
        if self._values:
            raise _Wrong(f"{self.place} has an unknown {next(iter(self._values))!r}")


_KINDS: Final[dict[type, str]] = {str: "a text", int: "a whole number", bool: "true or false"}


def _catalog(table: _Table) -> Catalog:
    models: dict[str, Model] = {}
    for entry in table.take_tables("models", "model"):
        model = _model(entry)
        if model.id in models:
            raise _Wrong(f"{model.id!r} stands there twice")
        models[model.id] = model
    providers: dict[str, ProviderEntry] = {}
    for entry in table.take_tables("providers", "provider", is_optional=True):
        provider = _provider(entry)
        if provider.name in providers:
            raise _Wrong(f"the provider {provider.name!r} stands there twice")
        providers[provider.name] = provider
    table.finish()
    return Catalog(models, providers)


def _provider(table: _Table) -> ProviderEntry:
    name = table.take("name", str)
    table.place = f"provider {name!r}"
    base_url, key_variable = table.take("base_url", str), table.take("key_variable", str, "")
    if not base_url.startswith(("http://", "https://")):
        raise _Wrong(f"'base_url' of {table.place} must be a web address, not {base_url!r}")
    if key_variable and not _VARIABLE.fullmatch(key_variable):
        # The value is not repeated: it may be the key itself.
        raise _Wrong(
            f"'key_variable' of {table.place} must be the name of an environment variable, not a key"
        )
    provider = ProviderEntry(name, table.take("kind", str), base_url, key_variable or None)
    table.finish()
    return provider


def _model(table: _Table) -> Model:
    model_id = table.take("id", str)
    table.place = f"model {model_id!r}"
    sampling = table.take("sampling", str)
    if sampling not in get_args(Sampling):
        raise _Wrong(f"'sampling' of {table.place} must be one of {', '.join(get_args(Sampling))}")
    created, retires = table.take_day("created"), table.take_day("retires")
    model = Model(
        id=model_id,
        owned_by=table.take("owned_by", str),
        context_tokens=table.take_count("context_tokens"),
        max_output_tokens=table.take_count("max_output_tokens"),
        default_output_tokens=table.take_count("default_output_tokens"),
        sampling=cast(Sampling, sampling),
        efforts=table.take_texts("efforts"),
        targets=tuple(_target(target) for target in table.take_tables("targets", f"{table.place}, target")),
        created=0 if created is None else int(datetime.combine(created, time(), UTC).timestamp()),
        retires=None if retires is None else retires.isoformat(),
        description=table.take("description", str, ""),
        has_thinking_budgets=table.take("has_thinking_budgets", bool, False),
        works=table.take_abilities("works"),
    )
    table.finish()
    if model.default_output_tokens > model.max_output_tokens:
        raise _Wrong(f"'default_output_tokens' of {table.place} is above its 'max_output_tokens'")
    return model


def _target(table: _Table) -> TargetEntry:
    target = TargetEntry(
        provider=table.take("provider", str),
        upstream_id=table.take("upstream_id", str),
        wires=table.take_texts("wires"),
        price=_price(table.take_table("price", f"the price of {table.place}")),
    )
    if not target.wires:
        raise _Wrong(f"{table.place} speaks no wire")
    table.finish()
    return target


def _price(table: _Table | None) -> Price | None:
    """Cached tokens that have no price of their own cost what fresh ones do."""
    if table is None:
        return None
    input_nusd = table.take_dollars("input")
    read_on = table.take_day("read_on")
    cache_write_nusd = table.take_dollars("cache_write", input_nusd)
    cache_write_1h_nusd = table.take_dollars("cache_write_1h", cache_write_nusd)
    price = Price(
        input_nusd=input_nusd,
        cache_read_nusd=table.take_dollars("cache_read", input_nusd),
        cache_write_nusd=cache_write_nusd,
        output_nusd=table.take_dollars("output"),
        source=table.take("source", str),
        read_on="" if read_on is None else read_on.isoformat(),
        is_assumed=table.take("is_assumed", bool, False),
        cache_write_1h_nusd=None if cache_write_1h_nusd == cache_write_nusd else cache_write_1h_nusd,
    )
    table.finish()
    return price
