"""The models on offer: what each is called, where it may be reached and what it costs.

Read from a TOML file (`assets/catalog.toml` unless the operator names his own). Prices are integer
nano-dollars per million tokens; in the file they stand in dollars per million tokens, as vendors print them.
"""

from dataclasses import dataclass
from typing import Literal

Sampling = Literal["fixed", "temperature_or_top_p"]
"""What a model does with temperature and top_p: `fixed` takes only the defaults."""


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars per million tokens, by class. `source` and `read_on` say where the figures come from."""

    input_nusd: int
    cache_read_nusd: int
    cache_write_nusd: int
    output_nusd: int
    source: str = ""
    read_on: str = ""
    is_assumed: bool = False


@dataclass(frozen=True, slots=True)
class TargetEntry:
    """One way to reach a model: the provider's name, its id there, and the wires it speaks in order of choice."""

    provider: str
    upstream_id: str
    wires: tuple[str, ...]
    price: Price | None


@dataclass(frozen=True, slots=True)
class Model:
    """One model on offer. `context_tokens` is what the product's documentation states; it is not enforced."""

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


@dataclass(frozen=True, slots=True)
class Catalog:
    """All models by id, in the order of the file."""

    models: dict[str, Model]
