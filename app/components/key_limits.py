"""The form that changes the limits of one key: a number of its own for each, or the account's value, saved at once."""

from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui

from app import components, words
from app.components import ladder as ladders
from app.components import numbers, tag
from models.database import Refused
from models.limits import Conflict, Ladder
from models.limits_overview import Ladders
from models.live import Limit

Values = Mapping[Limit, int | None]


def draw(
    steps: Ladders,
    *,
    save: Callable[[Values, Values], Awaitable[None]],
    look_again: Callable[[], Awaitable[Ladders]],
) -> None:
    """`save` gets what is wanted and what was shown as the key's own numbers, None for the account's value. What it
    refuses is shown at its field; after a conflict the ladders are those of `look_again`, and a second Save means them.
    """
    shown = {name: own_value(ladder) for name, ladder in steps.items()}
    fields: dict[Limit, components.Field] = {}
    places: dict[Limit, ui.html] = {}

    async def submit(values: dict[str, str]) -> None:
        wanted: dict[Limit, int | None] = {}
        for name, field in fields.items():
            field.accept()
            text = values.get(name, "").strip()
            try:
                wanted[name] = numbers.parse(text) if text else None
            except numbers.NotANumber as problem:
                field.refuse(str(problem))
                return
        try:
            await save(wanted, dict(shown))
        except Conflict as conflict:
            await replace_ladders()
            refuse(conflict, f"{conflict} Save again to replace it.")
        except Refused as refusal:
            refuse(refusal, str(refusal))

    def refuse(refusal: Refused, text: str) -> None:
        field = next((field for name, field in fields.items() if name == refusal.limit_name), None)
        (field or next(iter(fields.values()))).refuse(text)

    async def replace_ladders() -> None:
        for name, ladder in (await look_again()).items():
            shown[name] = own_value(ladder)
            places[name].set_content(str(ladders.render(name, ladder)))

    with components.form(submit, label="Limits of this key"):
        for name, ladder in steps.items():
            with tag("section", "", "lim-form"):
                tag("h3", ladders.NAMES[name])
                places[name] = components.html(ladders.render(name, ladder))
                fields[name] = _field(name, ladder)
        with tag("div", "", "s-buttons s-end"):
            components.cancel_button()
            components.button("Save limits", is_submit=True)


def own_value(ladder: Ladder) -> int | None:
    """The key's own number; None while it takes the account's."""
    key = ladder.rungs[-1]
    return key.value if key.is_set else None


def _field(name: Limit, ladder: Ladder) -> components.Field:
    account_value, own = ladder.rungs[-2].value, own_value(ladder)
    field = components.field(
        f"{ladders.NAMES[name]}, this key",
        name=name,
        value="" if own is None else words.exact(own),
        help=f"{_bounds(account_value)} Empty: the account's value, whatever it becomes.",
        placeholder="no limit" if account_value is None else words.exact(account_value),
        inputmode="text",
    )
    with field.box:
        tag(
            "button",
            "Use account's value",
            "s-button s-quiet-button s-slim lim-clear",
            type="button",
            data_clear="",
        ).mark(f"Use account's {name}")
    return field


def _bounds(account_value: int | None) -> str:
    if account_value is None:
        return "0 or more; the account itself has no limit."
    return f"0 to {words.exact(account_value)}, the account's value."
