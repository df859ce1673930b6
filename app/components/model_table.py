"""The models on offer as a table: state, sizes and prices, in the documentation; on /models also how fast they begin
and what works."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from markupsafe import Markup

from app import words
from app.components.figures import pill
from app.components.tables import Cell, Column
from models.catalog import Ability, Model, Price

CAPTION: Final = "Models, their sizes in tokens and their prices for a million tokens"
ABILITIES: Final[Mapping[Ability, str]] = {"tools": "Tools", "vision": "Vision", "json": "JSON"}
_NAME: Final = Column("Model", is_name=True)
_STATE: Final = Column("State", is_state=True)
_FIGURES: Final = tuple(
    Column(head, is_number=True) for head in ("Context", "Longest answer", "Input", "Cached input", "Output")
)

Filled = tuple[tuple[Column, ...], list[tuple[Cell, ...]], str]


def filled(models: Iterable[Model], is_available: Callable[[str], bool]) -> Filled:
    """Columns, rows and caption, as a table takes them."""
    rows = [(_name(model), _state(model, is_available), *_figures(model)) for model in models]
    return (_NAME, _STATE, *_FIGURES), rows, CAPTION


def whole(
    models: Iterable[Model], is_available: Callable[[str], bool], first_token_ms: Mapping[str, int]
) -> Filled:
    """As `filled`, with all that people choose by. `first_token_ms` is by model, of those that have one."""
    rows = [
        (
            _name(model, has_description=True),
            _state(model, is_available),
            _works(model),
            *_figures(model),
            words.duration(first_token_ms[model.id]) if model.id in first_token_ms else _UNKNOWN,
        )
        for model in models
    ]
    columns = (_NAME, _STATE, Column("Works"), *_FIGURES, Column("First token", is_number=True))
    return columns, rows, CAPTION


def input_nusd(model: Model) -> int | None:
    price = _price_of(model)
    return price.input_nusd if price else None


def output_nusd(model: Model) -> int | None:
    price = _price_of(model)
    return price.output_nusd if price else None


_UNKNOWN: Final = Markup(
    '<span class="s-faint" title="Too few requests in the last 24 hours to say">–</span>'
)


def _price_of(model: Model) -> Price | None:
    return model.targets[0].price if model.targets else None


def _state(model: Model, is_available: Callable[[str], bool]) -> Markup:
    return pill("good", "Available") if is_available(model.id) else pill("caution", "Not connected")


def _figures(model: Model) -> tuple[str, ...]:
    sizes = (words.exact(model.context_tokens), words.exact(model.max_output_tokens))
    return (*sizes, *_prices(_price_of(model)))


def _name(model: Model, *, has_description: bool = False) -> Markup:
    notes = [f"by {model.owned_by}"]
    if model.retires:
        notes.append(f"retires {model.retires}")
    if any(target.price and target.price.is_assumed for target in model.targets):
        notes.append("price assumed")
    about = [", ".join(notes)]
    if has_description and model.description:
        about.insert(0, model.description)
    return Markup('<span class="d-model"><code>{}</code> {}</span>').format(
        model.id,
        Markup(" ").join(Markup('<span class="s-small s-faint">{}</span>').format(line) for line in about),
    )


def _works(model: Model) -> Markup:
    if not model.works:
        return Markup('<span class="s-faint">not stated</span>')
    chips = Markup(" ").join(
        Markup('<span class="m-chip">{}</span>').format(word)
        for ability, word in ABILITIES.items()
        if ability in model.works
    )
    return Markup('<span class="m-works">{}</span>').format(chips)


def _prices(price: Price | None) -> tuple[str, str, str]:
    if price is None:
        return ("none set",) * 3
    return dollars(price.input_nusd), dollars(price.cache_read_nusd), dollars(price.output_nusd)


def dollars(nusd: int) -> str:
    """At least cents: `$5.00`, `$0.125`."""
    whole, _, parts = words.dollars(nusd).partition(".")
    return f"{whole}.{parts.rstrip('0').ljust(2, '0')}"
