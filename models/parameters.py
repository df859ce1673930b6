"""What each parameter of a chat completion does for each kind of model, as people read it.

The gateway does not work by this table; a test sends every row to every model and holds the two equal.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from models.catalog import Model

Family = Literal["messages_fixed", "messages_sampled", "responses", "chat"]
Effect = Literal["mapped", "accepted", "refused", "passed"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """`example` is no default, and None where the parameter is always there; `beside` is what it needs."""

    name: str
    note: str
    effects: Mapping[Family, Effect]
    example: Any
    beside: Mapping[str, Any]
    is_extension: bool


_FILE: Final = Path(__file__).parent.parent / "assets" / "parameters.toml"


def load() -> tuple[Parameter, ...]:
    """In the order in which they are shown."""
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(
        Parameter(
            name=name,
            note=row["note"],
            effects=row["effects"],
            example=row.get("example"),
            beside=row.get("beside", {}),
            is_extension=row.get("is_extension", False),
        )
        for name, row in rows.items()
    )


def family(model: Model) -> Family:
    """By how a client of Chat reaches it: in his own format where it is listed, over Responses before the rest."""
    wires = model.targets[0].wires
    if "openai_chat" in wires:
        return "chat"
    if "openai_responses" in wires:
        return "responses"
    return "messages_fixed" if model.sampling == "fixed" else "messages_sampled"
