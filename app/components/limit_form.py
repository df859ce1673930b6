"""The form that changes one limit of one key: a number of its own, or the account's value again."""

from collections.abc import Awaitable, Callable
from typing import Final

from app import components, words
from app.components import ladder as ladders
from app.components import tag
from models.database import Refused
from models.limits import HIGHEST, Ladder
from models.live import Limit

_IGNORED: Final = str.maketrans("", "", ",_ \u00a0\u202f'’")


class NotANumber(Refused):
    def __init__(self) -> None:
        super().__init__("Write a whole number, for example 500.")


def parse(text: str) -> int:
    """`5,000` and `5 000` are 5000. Raises `NotANumber`."""
    plain = text.translate(_IGNORED)
    if not (plain.isascii() and plain.isdigit() and len(plain) <= len(str(HIGHEST))):
        raise NotANumber
    return int(plain)


def draw(name: Limit, ladder: Ladder, *, save: Callable[[int | None], Awaitable[None]]) -> None:
    """`save` gets the key's number, or None for the account's value again; what it refuses is shown at the field."""
    key = ladder.rungs[-1]
    account_value = ladder.rungs[-2].value

    async def submit(values: dict[str, str]) -> None:
        await attempt(values.get("value", ""))

    async def remove() -> None:
        await attempt(None)

    async def attempt(text: str | None) -> None:
        field.accept()
        try:
            await save(None if text is None else parse(text))
        except Refused as refusal:
            field.refuse(str(refusal))

    with tag("section", "", "lim-form"):
        tag("h3", ladders.NAMES[name])
        components.html(ladders.render(name, ladder))
        with components.form(submit, label=ladders.NAMES[name]):
            field = components.field(
                f"{ladders.NAMES[name]}, this key",
                name="value",
                value=str(key.value) if key.is_set and key.value is not None else "",
                help=_bounds(account_value),
                placeholder="" if account_value is None else words.exact(account_value),
                inputmode="numeric",
            )
            with tag("div", "", "s-buttons"):
                components.button("Save", is_submit=True, kind="plain", mark=f"Save {name}")
                if key.is_set:
                    components.button(
                        "Use account's value", kind="quiet", on_click=remove, mark=f"Use account's {name}"
                    )


def _bounds(account_value: int | None) -> str:
    if account_value is None:
        return "0 or more; the account itself has no limit."
    return f"0 to {words.exact(account_value)}, the account's value."
