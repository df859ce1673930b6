"""The models on offer as a table: state, sizes and prices. The same on /models and in the documentation."""

from collections.abc import Callable, Iterable
from typing import Final

from markupsafe import Markup

from app import words
from app.components.figures import pill
from app.components.tables import Cell, Column
from models.catalog import Model, Price

CAPTION: Final = "Models, their sizes in tokens and their prices for a million tokens"
_FIGURES: Final = ("Context", "Longest answer", "Input", "Cached input", "Output")
COLUMNS: Final = (
    Column("Model", is_name=True),
    Column("State", is_state=True),
    *(Column(head, is_number=True) for head in _FIGURES),
)


def filled(
    models: Iterable[Model], is_available: Callable[[str], bool]
) -> tuple[tuple[Column, ...], list[tuple[Cell, ...]], str]:
    """Columns, rows and caption, as a table takes them."""
    rows: list[tuple[Cell, ...]] = [
        (
            _name(model),
            pill("good", "Available") if is_available(model.id) else pill("caution", "Not connected"),
            words.exact(model.context_tokens),
            words.exact(model.max_output_tokens),
            *_prices(model.targets[0].price if model.targets else None),
        )
        for model in models
    ]
    return COLUMNS, rows, CAPTION


def _name(model: Model) -> Markup:
    notes = [f"by {model.owned_by}"]
    if model.retires:
        notes.append(f"retires {model.retires}")
    if any(target.price and target.price.is_assumed for target in model.targets):
        notes.append("price assumed")
    cell = Markup('<span class="d-model"><code>{}</code> <span class="s-small s-faint">{}</span></span>')
    return cell.format(model.id, ", ".join(notes))


def _prices(price: Price | None) -> tuple[str, str, str]:
    if price is None:
        return ("none set",) * 3
    return _dollars(price.input_nusd), _dollars(price.cache_read_nusd), _dollars(price.output_nusd)


def _dollars(nusd: int) -> str:
    """At least cents: `$5.00`, `$0.125`."""
    whole, _, parts = words.dollars(nusd).partition(".")
    return f"{whole}.{parts.rstrip('0').ljust(2, '0')}"
