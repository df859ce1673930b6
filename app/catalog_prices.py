"""What the catalog's prices are elsewhere, and how the file is brought up to date.

The other source is genai-prices, a data set that the makers of pydantic keep (MIT licence); the release that is
installed is what is compared, nothing is fetched. It is an extra, because only whoever keeps a catalog needs it:
serving bills by the file alone. What it does not know stays as it is; a price in steps counts with its first step.
The file keeps its comments and its order: only figures, `source` and `read_on` of targets that differ are changed.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Final

from models.catalog import BadCatalog, Catalog, Price, TargetEntry, load
from models.errors import Refused

_NUSD_PER_USD: Final = 10**9
_KEYS: Final = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
# What a figure is where it is not given, as the catalog's loader has it.
_FALLBACK: Final = {"cache_read": "input", "cache_write": "input", "cache_write_1h": "cache_write"}
_LINE: Final = re.compile(r"^(\s*)(\w+)(\s*=\s*)(.*?)(\s*(?:#.*)?)$")


class NoSource(Refused):
    def __init__(self) -> None:
        super().__init__(
            "The package genai-prices is not installed. Install it into the same environment: "
            "pip install genai-prices"
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one target, in dollars per million tokens. `key` is its name in the file."""

    provider: str
    upstream_id: str
    key: str
    here: Decimal
    there: Decimal


@dataclass(frozen=True, slots=True)
class Comparison:
    """`unknown` are the upstream ids that the other source does not know or that have no price here."""

    differences: list[Difference]
    unknown: list[str]
    source: str


def compare(catalog: Catalog, *, now: int) -> Comparison:
    """Raises `NoSource`."""
    differences: list[Difference] = []
    unknown: list[str] = []
    for target in (target for model in catalog.models.values() for target in model.targets):
        there = _listed(target, now)
        if there is None or target.price is None:
            unknown.append(target.upstream_id)
        else:
            differences += _differing(target, _here(target.price), there)
    return Comparison(differences, unknown, f"genai-prices {version('genai-prices')}")


def write(path: Path, comparison: Comparison, *, now: int) -> None:
    """Changes the file in place, all or nothing. Raises `BadCatalog` when it cannot be done by the line."""
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    text = "".join(_rewritten(path.read_text(encoding="utf-8").splitlines(keepends=True), comparison, day))
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        after = compare(load(beside), now=now).differences
        if after:
            raise BadCatalog(
                f"The price of {after[0].upstream_id} does not stand in {path} in a form that can be changed here. "
                "Write each price as a table of its own, [models.targets.price], below provider and upstream_id."
            )
        os.replace(beside, path)
    except OSError as failure:
        raise BadCatalog(f"{path} cannot be written: {failure.strerror}.") from failure
    finally:
        beside.unlink(missing_ok=True)


def _differing(
    target: TargetEntry, here: dict[str, Decimal], there: dict[str, Decimal]
) -> Iterator[Difference]:
    """Cached tokens without a price of their own cost what fresh ones do, on both sides."""
    for key in _KEYS:
        figure, otherwise = _figure(there, key), _FALLBACK.get(key)
        is_given_nowhere = key not in there and otherwise is not None and here[key] == here[otherwise]
        if here[key] != figure and not is_given_nowhere:
            yield Difference(target.provider, target.upstream_id, key, here[key], figure)


def _figure(figures: dict[str, Decimal], key: str) -> Decimal:
    return figures[key] if key in figures else _figure(figures, _FALLBACK[key])


def _here(price: Price) -> dict[str, Decimal]:
    written, long_written = price.cache_write_nusd, price.cache_write_1h_nusd
    figures = (
        price.input_nusd,
        price.cache_read_nusd,
        written,
        written if long_written is None else long_written,
        price.output_nusd,
    )
    return {key: Decimal(nusd) / _NUSD_PER_USD for key, nusd in zip(_KEYS, figures, strict=True)}


def _listed(target: TargetEntry, now: int) -> dict[str, Decimal] | None:
    """By the names of the file, as far as there is a price of the kind."""
    try:
        from genai_prices.data_snapshot import get_snapshot
        from genai_prices.types import TieredPrices
    except ImportError as missing:
        raise NoSource from missing
    try:
        _, model = get_snapshot().find_provider_model(target.upstream_id, None, target.provider, None)
    except LookupError:
        return None
    if model.id != target.upstream_id:
        return None  # found by likeness; a price must be the model's own
    prices = model.get_prices(datetime.fromtimestamp(now, UTC))
    found: dict[str, Decimal] = {}
    for key in _KEYS:
        figure = getattr(prices, f"{key}_mtok", None)
        figure = figure.base if isinstance(figure, TieredPrices) else figure
        if figure is not None:
            found[key] = Decimal(figure)
    return found if {"input", "output"} <= found.keys() else None


def _rewritten(lines: Iterable[str], comparison: Comparison, day: str) -> Iterator[str]:
    section = provider = upstream_id = ""
    left: dict[str, str] = {}
    for line in lines:
        if line.lstrip().startswith("["):
            yield from _missing(left)
            section = line.split("#")[0].strip()
            left = {}
            if section == "[models.targets.price]":
                left = _wanted(comparison, provider, upstream_id, day)
        match = _LINE.match(line.rstrip("\r\n"))
        if match and section == "[[models.targets]]":
            provider = match[4].strip("\"'") if match[2] == "provider" else provider
            upstream_id = match[4].strip("\"'") if match[2] == "upstream_id" else upstream_id
        if match and match[2] in left:
            yield f"{match[1]}{match[2]}{match[3]}{left.pop(match[2])}{match[5]}\n"
        elif not line.strip():
            yield from _missing(left)
            yield line
        else:
            yield line
    yield from _missing(left)


def _wanted(comparison: Comparison, provider: str, upstream_id: str, day: str) -> dict[str, str]:
    mine = [
        one for one in comparison.differences if (one.provider, one.upstream_id) == (provider, upstream_id)
    ]
    if not mine:
        return {}
    figures = {one.key: dollars(one.there) for one in mine}
    return {**figures, "source": f'"{comparison.source}"', "read_on": day}


def _missing(left: dict[str, str]) -> Iterator[str]:
    """What the price's table did not have; afterwards nothing is left."""
    for key in list(left):
        yield f"{key} = {left.pop(key)}\n"


def dollars(figure: Decimal) -> str:
    """5 -> 5.00, 0.125 -> 0.125"""
    text = f"{figure:f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
